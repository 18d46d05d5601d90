/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Matches and targets of xtables as (name, revision, bytes) to plain data: one table. The bytes are the
 * structures of linux/netfilter/xt_*.h, in the kernel's own byte order and rounded up to 8; they are the same
 * in nft_compat's expressions and in a legacy table's entries.
 */
#ifndef POSTERN_NETNS_DECODE_XTABLES_H
#define POSTERN_NETNS_DECODE_XTABLES_H

#include "netns/decode/attribute.h"

/*
 * Reads xt->name, xt->revision and xt->info, with decoder->family (ip or ip6; others know fewer names), and
 * sets xt->kind and its member of the union: XT_UNKNOWN where name, revision, length, or any bit is not
 * understood.
 */
void xtables_decode_match(struct decoder *decoder, struct nft_xt *xt);
void xtables_decode_target(struct decoder *decoder, struct nft_xt *xt);

#endif

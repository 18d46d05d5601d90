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
 * Reads (name, revision, info), with decoder->family (ip or ip6; others know fewer names): name as the kernel
 * gives it, with or without its NUL. Fills all of *ret_xt; kind is XT_UNKNOWN where name, revision, length,
 * or any bit is not understood. Of a comment's info only the text is kept: the rest of it means nothing.
 */
void xtables_decode_match(struct decoder *decoder, struct bytes name, uint32_t revision, struct bytes info,
                          struct nft_xt *ret_xt);
void xtables_decode_target(struct decoder *decoder, struct bytes name, uint32_t revision, struct bytes info,
                           struct nft_xt *ret_xt);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules in iptables' syntax. Internal to ruleset_text.
 */
#ifndef POSTERN_NETNS_SNAPSHOT_TEXT_IPTABLES_H
#define POSTERN_NETNS_SNAPSHOT_TEXT_IPTABLES_H

#include "netns/snapshot/ruleset_text.h"

/*
 * Appends "-A CHAIN ...", as iptables-save writes it. False, and nothing was appended: something in the rule
 * is none of iptables-nft's.
 */
bool iptables_rule_text(const struct nft_table *table, const struct nft_chain *chain,
                        const struct nft_rule *rule, const struct text_names *names, struct buffer *buffer);

/* Appends "-m NAME ..." or "-j NAME ..."; what was not decoded as unknown(NAME). */
void iptables_xt_text(const struct nft_xt *xt, bool target, bool ip6, struct buffer *buffer);

#endif

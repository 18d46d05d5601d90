/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules as text, for people: in nft's own syntax as `nft -s list` writes it (without what counts up), or in
 * iptables' as iptables-save does, for rules that iptables-nft made. Text that does not fit into one syntax
 * is written in nft's. What the decoder did not understand is written `unknown(NAME)` and never left out. A
 * host that reads the text back gets the same rule.
 *
 * Sources: nft(8), iptables-save(8), iptables-extensions(8).
 */
#ifndef POSTERN_NETNS_SNAPSHOT_RULESET_TEXT_H
#define POSTERN_NETNS_SNAPSHOT_RULESET_TEXT_H

#include "netns/snapshot/ruleset.h"

/* A text is cut there, and the elements of a set within it there: an ellipsis shows it. */
#define RULE_TEXT_MAX ((size_t)16 << 10)
#define SET_TEXT_MAX  ((size_t)1 << 10)

/* Names that the ruleset itself does not have. */
struct text_names {
    /* of an interface by index, for `iif`; NULL where it has none: the number is written */
    const char *(*interface_name)(const void *context, uint32_t index);
    const void *context;
    size_t maximum; /* length of a text, and of a set's; 0: RULE_TEXT_MAX, SET_TEXT_MAX */
};

/*
 * The rule, malloc'ed. In a table of iptables-nft: `-A CHAIN -s 10.0.0.0/8 -j ACCEPT`, else `ip
 * saddr 10.0.0.0/8 accept`. names: NULL, or as above. The chain is one of the table's, the rule one of the
 * chain's.
 */
char *rule_text(const struct nft_table *table, const struct nft_chain *chain, const struct nft_rule *rule,
                const struct text_names *names);

/*
 * A base chain's declaration, malloc'ed: "type filter hook input priority filter; policy drop;", or "-P INPUT
 * DROP" in a table of iptables-nft. Of any other chain: "".
 */
char *chain_text(const struct nft_table *table, const struct nft_chain *chain);

/* A set's elements as nft writes them between braces, malloc'ed: "10.0.0.0/8, 192.168.0.1". */
char *set_text(const struct nft_table *table, const struct nft_set *set, const struct text_names *names);

#endif

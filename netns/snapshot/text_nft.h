/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules in nft's syntax: registers are followed from the load to the match, as nft does when it lists.
 * Internal to ruleset_text.
 */
#ifndef POSTERN_NETNS_SNAPSHOT_TEXT_NFT_H
#define POSTERN_NETNS_SNAPSHOT_TEXT_NFT_H

#include "netns/snapshot/ruleset_text.h"
#include "netns/snapshot/text_field.h"

#define TEXT_DEPTH_MAX 3 /* of chains written in place of a jump to them */

struct nft_text {
    const struct nft_table *table;
    const struct text_names *names; /* never NULL */
    unsigned depth;
};

/* Appends the rule's expressions, and its comment. */
void nft_rule_text(const struct nft_text *context, const struct nft_rule *rule, struct buffer *buffer);

/* The value of what nft calls a data type, by its number in a set (0: unknown). */
struct value_format value_format_of_datatype(uint32_t type);

/* How the parts of a set's key (or data) are written, and how long each is (bytes, without padding). */
struct part_format {
    struct value_format format;
    uint32_t length;
    uint32_t shift; /* of a bit field: the set holds it where the header does */
};
#define PARTS_MAX 16

/*
 * Appends "{ a, b }" or, without braces, "a, b": the elements in ascending order, ranges and prefixes put
 * together again. keys, key_count: formats of the key's parts; data the same of a map's data, data_count 0:
 * by the set's own data type.
 */
void set_elements_text(const struct nft_text *context, const struct nft_set *set,
                       const struct part_format *keys, size_t key_count, const struct part_format *data,
                       size_t data_count, struct buffer *buffer);

/* "accept", "jump NAME", "jump { ... }" for a chain without a name of its own. */
void verdict_text(const struct nft_text *context, const struct nft_verdict *verdict, struct buffer *buffer);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The elements of an nft set as closed ranges of key bytes, whatever way the kernel dumps them: single keys,
 * pairs of boundaries (rbtree: START and END elements in descending order, an END of key 0 before the first,
 * none where a range runs to the maximum), or first and last key of a concatenation. Pure knowledge that both
 * evaluators share.
 */
#ifndef POSTERN_SCANNER_PATH_ELEMENT_H
#define POSTERN_SCANNER_PATH_ELEMENT_H

#include "netns/base/memory.h"
#include "netns/snapshot/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

#define ELEMENT_FIELDS_MAX 16 /* NFT_REG32_COUNT: a key has at most 16 words */

struct element_range {
    const uint8_t *first, *last;       /* key_length bytes each, compared as memcmp does, field by field */
    const struct nft_element *element; /* flags, data, timeout; of a pair of boundaries the START */
};

struct element_list {
    uint32_t key_length;
    uint32_t
        field_count; /* 1 where it is no concatenation of ranges: then the whole key is compared at once */
    uint32_t field_offset[ELEMENT_FIELDS_MAX],
        field_length[ELEMENT_FIELDS_MAX]; /* in bytes; fields begin at words */
    struct element_range *ranges;         /* ascending by `first`, as memcmp orders */
    size_t count;
    const struct nft_element *catchall; /* of the rest of the key space; NULL: none */
    bool incomplete; /* an element did not decode, or the set's own flag says so: a miss proves nothing */
};

/* All in the arena; the set must outlive it. */
void elements_decode(const struct nft_set *set, struct arena *arena, struct element_list *ret_list);

/* Does the key lie in the range, field by field? `key` has key_length bytes. */
bool element_range_contains(const struct element_list *list, const struct element_range *range,
                            const uint8_t *key);
/* The element that holds the key, the catch-all last; NULL: none. */
const struct nft_element *elements_find(const struct element_list *list, const uint8_t *key);

#endif

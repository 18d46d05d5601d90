/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/element.h"

#define ELEMENT_INTERVAL_END 1u /* NFT_SET_ELEM_INTERVAL_END */
#define ELEMENT_CATCHALL     2u /* NFT_SET_ELEM_CATCHALL */

static void fields_layout(const struct nft_set *set, struct element_list *list)
{
    uint32_t offset = 0;
    list->field_count = 1;
    list->field_length[0] = list->key_length;
    if (set->fields.count < 2 || set->fields.count > ELEMENT_FIELDS_MAX)
        return;
    for (size_t i = 0; i < set->fields.count; i++) {
        list->field_offset[i] = offset;
        list->field_length[i] = set->fields.items[i];
        offset += (set->fields.items[i] + 3u) & ~3u;
    }
    if (offset == list->key_length)
        list->field_count = (uint32_t)set->fields.count;
    else
        list->incomplete = true;
}

static int compare_ranges(const void *a, const void *b, void *length)
{
    const struct element_range *left = a, *right = b;
    int order = memcmp(left->first, right->first, *(const uint32_t *)length);
    if (order != 0)
        return order;
    /* at one key the END of the range before stands in front of the START of the next */
    bool left_end = left->element->flags & ELEMENT_INTERVAL_END;
    bool right_end = right->element->flags & ELEMENT_INTERVAL_END;
    return (int)right_end - (int)left_end;
}

/* The key before `key`; NULL where it is 0. */
static const uint8_t *key_before(const uint8_t *key, uint32_t length, struct arena *arena)
{
    uint8_t *before = arena_copy(arena, key, length);
    for (uint32_t i = length; i-- > 0;)
        if (before[i]-- != 0)
            return before;
    return NULL;
}

static const uint8_t *key_maximum(uint32_t length, struct arena *arena)
{
    uint8_t *maximum = arena_alloc(arena, length);
    memset(maximum, 0xff, length);
    return maximum;
}

/* Turns sorted boundaries into closed ranges, in place. */
static size_t boundaries_join(struct element_list *list, size_t count, struct arena *arena)
{
    size_t joined = 0;
    const struct element_range *open = NULL;
    struct element_range start;
    for (size_t i = 0; i <= count; i++) {
        const struct element_range *next = i < count ? &list->ranges[i] : NULL;
        if (next && next->last) { /* a range of its own: first and last were given */
            struct element_range whole = *next;
            list->ranges[joined++] = whole;
            continue;
        }
        if (open) {
            start.last = next ? key_before(next->first, list->key_length, arena)
                              : key_maximum(list->key_length, arena);
            if (start.last && memcmp(start.first, start.last, list->key_length) <= 0)
                list->ranges[joined++] = start;
            open = NULL;
        }
        if (next && !(next->element->flags & ELEMENT_INTERVAL_END)) {
            start = *next;
            open = &start;
        }
    }
    return joined;
}

void elements_decode(const struct nft_set *set, struct arena *arena, struct element_list *ret_list)
{
    *ret_list = (struct element_list){.key_length = set->key_length, .incomplete = set->incomplete};
    fields_layout(set, ret_list);
    if (set->elements.count > 0)
        ret_list->ranges = arena_alloc(arena, set->elements.count * sizeof(*ret_list->ranges));
    bool pairs = (set->flags & SET_INTERVAL) && ret_list->field_count == 1;
    size_t count = 0;
    list_each(const struct nft_element, element, &set->elements) {
        if (element->flags & ELEMENT_CATCHALL) {
            ret_list->catchall = element;
            continue;
        }
        if (element->key.length != set->key_length || set->key_length == 0 ||
            (element->key_end.length != 0 && element->key_end.length != set->key_length)) {
            ret_list->incomplete = true;
            continue;
        }
        struct element_range *range = &ret_list->ranges[count++];
        range->element = element;
        range->first = element->key.data;
        if (element->key_end.length != 0)
            range->last = element->key_end.data;
        else if (!pairs)
            range->last = element->key.data;
    }
    if (count > 1)
        qsort_r(ret_list->ranges, count, sizeof(*ret_list->ranges), compare_ranges, &ret_list->key_length);
    ret_list->count = pairs ? boundaries_join(ret_list, count, arena) : count;
}

bool element_range_contains(const struct element_list *list, const struct element_range *range,
                            const uint8_t *key)
{
    for (uint32_t i = 0; i < list->field_count; i++) {
        uint32_t at = list->field_offset[i], length = list->field_length[i];
        if (memcmp(key + at, range->first + at, length) < 0 || memcmp(key + at, range->last + at, length) > 0)
            return false;
    }
    return true;
}

/* Of ascending disjoint ranges the last that begins at or before the key; for one field. */
static const struct element_range *range_before(const struct element_list *list, const uint8_t *key)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(list->ranges[middle].first, key, list->key_length) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &list->ranges[low - 1] : NULL;
}

const struct nft_element *elements_find(const struct element_list *list, const uint8_t *key)
{
    if (list->field_count == 1) {
        const struct element_range *range = range_before(list, key);
        return range && element_range_contains(list, range, key) ? range->element : list->catchall;
    }
    for (size_t i = 0; i < list->count; i++)
        if (element_range_contains(list, &list->ranges[i], key))
            return list->ranges[i].element;
    return list->catchall;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/interval.h"

#include "netns/base/text.h"

#include <errno.h>

#define PORT_MAX       65535
#define PORTS_TEXT_MAX ((size_t)1 << 20) /* every second port: 32768 numbers of 5 digits and a comma */

/* No number lies between the end of one interval and the begin of another behind it. */
static bool touches(u128 last, u128 first)
{
    return first <= last || first - 1 == last;
}

/* ---- making ---- */
struct interval_set interval_set_range(u128 first, u128 last)
{
    struct interval_set set = {0};
    interval_set_add(&set, first, last);
    return set;
}

struct interval_set interval_set_family(enum ip_family family)
{
    if (family == FAMILY_NONE)
        return (struct interval_set){0};
    return interval_set_range(0, family_max(family));
}

struct interval_set interval_set_prefix(struct prefix prefix)
{
    if (prefix.address.family == FAMILY_NONE)
        return (struct interval_set){0};
    return interval_set_range(prefix_first(prefix).value, prefix_last(prefix).value);
}

struct interval_set interval_set_copy(const struct interval_set *set)
{
    struct interval_set copy = {0};
    if (set->count == 0)
        return copy;
    copy.items = memory_resize(NULL, set->count, sizeof(*copy.items));
    memcpy(copy.items, set->items, set->count * sizeof(*copy.items));
    copy.count = copy.capacity = set->count;
    return copy;
}

void interval_set_free(struct interval_set *set)
{
    list_free(set);
}

/* Index of the first interval whose end is at or behind value; count where there is none. */
static size_t search(const struct interval_set *set, u128 value)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->items[middle].last < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void append(struct interval_set *set, u128 first, u128 last)
{
    struct interval *item = list_append(set);
    *item = (struct interval){first, last};
}

void interval_set_add(struct interval_set *set, u128 first, u128 last)
{
    if (first > last)
        return;
    if (set->count == 0 || !touches(set->items[set->count - 1].last, first)) {
        append(set, first, last);
        return;
    }
    /* items from..to - 1 touch the new interval and become one with it */
    size_t from = search(set, first > 0 ? first - 1 : 0), to = from;
    while (to < set->count && touches(last, set->items[to].first))
        to++;
    if (from == to) {
        append(set, 0, 0);
        memmove(&set->items[from + 1], &set->items[from], (set->count - 1 - from) * sizeof(*set->items));
        set->items[from] = (struct interval){first, last};
        return;
    }
    struct interval *joined = &set->items[from];
    joined->first = joined->first < first ? joined->first : first;
    joined->last = set->items[to - 1].last > last ? set->items[to - 1].last : last;
    memmove(joined + 1, &set->items[to], (set->count - to) * sizeof(*set->items));
    set->count -= to - from - 1;
}

/* ---- operations: one pass over both ---- */
struct interval_set interval_set_union(const struct interval_set *a, const struct interval_set *b)
{
    struct interval_set result = {0};
    size_t i = 0, j = 0;
    while (i < a->count || j < b->count) {
        bool from_a = j == b->count || (i < a->count && a->items[i].first <= b->items[j].first);
        const struct interval *next = from_a ? &a->items[i++] : &b->items[j++];
        interval_set_add(&result, next->first, next->last);
    }
    return result;
}

struct interval_set interval_set_intersect(const struct interval_set *a, const struct interval_set *b)
{
    struct interval_set result = {0};
    size_t i = 0, j = 0;
    while (i < a->count && j < b->count) {
        const struct interval *x = &a->items[i], *y = &b->items[j];
        u128 first = x->first > y->first ? x->first : y->first;
        u128 last = x->last < y->last ? x->last : y->last;
        if (first <= last)
            append(&result, first, last);
        if (x->last < y->last)
            i++;
        else
            j++;
    }
    return result;
}

struct interval_set interval_set_subtract(const struct interval_set *a, const struct interval_set *b)
{
    struct interval_set result = {0};
    size_t j = 0;
    for (size_t i = 0; i < a->count; i++) {
        u128 first = a->items[i].first, last = a->items[i].last;
        bool rest = true;
        while (j < b->count && b->items[j].last < first)
            j++;
        for (; rest && j < b->count && b->items[j].first <= last; j++) {
            const struct interval *out = &b->items[j];
            if (out->first > first)
                append(&result, first, out->first - 1);
            rest = out->last < last;
            if (!rest)
                break; /* it may reach into the next interval too */
            first = out->last + 1;
        }
        if (rest)
            append(&result, first, last);
    }
    return result;
}

struct interval_set interval_set_complement(const struct interval_set *set, u128 maximum)
{
    struct interval whole = {0, maximum};
    return interval_set_subtract(&(struct interval_set){&whole, 1, 1}, set);
}

/* ---- questions ---- */
bool interval_set_empty(const struct interval_set *set)
{
    return set->count == 0;
}

bool interval_set_contains(const struct interval_set *set, u128 value)
{
    size_t i = search(set, value);
    return i < set->count && set->items[i].first <= value;
}

bool interval_set_covers(const struct interval_set *outer, const struct interval_set *inner)
{
    size_t j = 0;
    for (size_t i = 0; i < inner->count; i++) {
        while (j < outer->count && outer->items[j].last < inner->items[i].first)
            j++;
        /* neighbours never touch, so that one interval of the outer set must hold all of it */
        if (j == outer->count || outer->items[j].first > inner->items[i].first ||
            outer->items[j].last < inner->items[i].last)
            return false;
    }
    return true;
}

bool interval_set_overlaps(const struct interval_set *a, const struct interval_set *b)
{
    size_t i = 0, j = 0;
    while (i < a->count && j < b->count) {
        if (a->items[i].last < b->items[j].first)
            i++;
        else if (b->items[j].last < a->items[i].first)
            j++;
        else
            return true;
    }
    return false;
}

bool interval_set_equal(const struct interval_set *a, const struct interval_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].first != b->items[i].first || a->items[i].last != b->items[i].last)
            return false;
    }
    return true;
}

/* ---- prefixes ---- */
static u128 low_bits(unsigned bits)
{
    return bits >= 128 ? ~(u128)0 : ((u128)1 << bits) - 1;
}

/* Host bits of the largest prefix that begins at first and does not reach behind last. */
static unsigned largest_prefix(u128 first, u128 last, unsigned bits)
{
    unsigned host = bits;
    while (host > 0 && ((first & low_bits(host)) != 0 || low_bits(host) > last - first))
        host--;
    return host;
}

void interval_set_prefixes(const struct interval_set *set, enum ip_family family, struct prefix_list *list)
{
    unsigned bits = family_bits(family);
    u128 maximum = family_max(family);
    if (family == FAMILY_NONE)
        return;
    for (size_t i = 0; i < set->count && set->items[i].first <= maximum; i++) {
        u128 first = set->items[i].first;
        u128 last = set->items[i].last < maximum ? set->items[i].last : maximum;
        for (bool rest = true; rest;) {
            unsigned host = largest_prefix(first, last, bits);
            struct prefix *prefix = list_append(list);
            *prefix = (struct prefix){{family, first}, (uint8_t)(bits - host)};
            rest = low_bits(host) < last - first;
            first += low_bits(host) + 1; /* wraps behind the last address alone, when no rest is left */
        }
    }
}

static int compare_first(const void *left, const void *right)
{
    const struct interval *a = left, *b = right;
    return a->first < b->first ? -1 : a->first > b->first;
}

struct interval_set interval_set_from_prefixes(const struct prefix_list *list, enum ip_family family)
{
    struct interval_set unsorted = {0}, set = {0};
    for (size_t i = 0; i < list->count; i++) {
        struct prefix prefix = list->items[i];
        if (prefix.address.family == family && family != FAMILY_NONE)
            append(&unsorted, prefix_first(prefix).value, prefix_last(prefix).value);
    }
    if (unsorted.count > 0)
        qsort(unsorted.items, unsorted.count, sizeof(*unsorted.items), compare_first);
    for (size_t i = 0; i < unsorted.count; i++)
        interval_set_add(&set, unsorted.items[i].first, unsorted.items[i].last);
    interval_set_free(&unsorted);
    return set;
}

/* ---- ports ---- */
char *interval_set_print_ports(const struct interval_set *set)
{
    struct buffer text = BUFFER(PORTS_TEXT_MAX);
    for (size_t i = 0; i < set->count; i++) {
        unsigned first = (unsigned)set->items[i].first, last = (unsigned)set->items[i].last;
        buffer_printf(&text, "%s%u", i > 0 ? "," : "", first);
        if (last != first)
            buffer_printf(&text, "-%u", last);
    }
    return buffer_take(&text);
}

/* "80" or "80-90" */
static bool parse_range(char *text, struct interval *ret_range)
{
    uint64_t first, last;
    char *dash = strchr(text, '-');
    if (dash)
        *dash = '\0';
    if (!text_number(text, 0, PORT_MAX, &first))
        return false;
    last = first;
    if (dash && !text_number(dash + 1, first, PORT_MAX, &last))
        return false;
    *ret_range = (struct interval){first, last};
    return true;
}

int interval_set_parse_ports(const char *text, struct interval_set *ret_set, struct error *error)
{
    struct interval_set set = {0};
    for (const char *from = text;; from++) {
        char part[16] = "";
        struct interval range;
        size_t length = strcspn(from, ",");
        if (length < sizeof(part))
            memcpy(part, from, length);
        if (length >= sizeof(part) || !parse_range(part, &range)) {
            interval_set_free(&set);
            return error_set(error, EINVAL, "bad-port", text,
                             "\"%.*s\" is neither a port nor a range of ports (0 to %d)",
                             (int)(length < 64 ? length : 64), from, PORT_MAX);
        }
        interval_set_add(&set, range.first, range.last);
        from += length;
        if (*from == '\0')
            break;
    }
    *ret_set = set;
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of numbers as sorted, disjoint, non-adjacent closed intervals: addresses of one family, ports.
 * The family is the user's knowledge, not the set's. Sets are values: every operation makes a new one.
 */
#ifndef POSTERN_NETNS_BASE_INTERVAL_H
#define POSTERN_NETNS_BASE_INTERVAL_H

#include "netns/base/address.h"
#include "netns/base/memory.h"

struct interval {
    u128 first, last; /* both included */
};

struct interval_set {
    struct interval *items; /* ascending, disjoint, never adjacent; malloc'ed */
    size_t count, capacity;
};

struct interval_set interval_set_range(u128 first, u128 last);  /* first > last: empty */
struct interval_set interval_set_family(enum ip_family family); /* every address */
struct interval_set interval_set_prefix(struct prefix prefix);
struct interval_set interval_set_copy(const struct interval_set *set);
void interval_set_free(struct interval_set *set); /* leaves an empty set */
#define _cleanup_interval_set_ _cleanup_(interval_set_free)

/* In-place union with one interval; amortised O(1) when added in ascending order. */
void interval_set_add(struct interval_set *set, u128 first, u128 last);
struct interval_set interval_set_union(const struct interval_set *a, const struct interval_set *b);
struct interval_set interval_set_intersect(const struct interval_set *a, const struct interval_set *b);
struct interval_set interval_set_subtract(const struct interval_set *a, const struct interval_set *b);
/* everything in [0, maximum] that is not in the set */
struct interval_set interval_set_complement(const struct interval_set *set, u128 maximum);
bool interval_set_empty(const struct interval_set *set);
bool interval_set_contains(const struct interval_set *set, u128 value);
bool interval_set_covers(const struct interval_set *outer, const struct interval_set *inner);
bool interval_set_overlaps(const struct interval_set *a, const struct interval_set *b);
bool interval_set_equal(const struct interval_set *a, const struct interval_set *b);

/* The fewest prefixes that cover the set exactly, ascending. Appends to *list. */
struct prefix_list {
    struct prefix *items;
    size_t count, capacity;
};
void interval_set_prefixes(const struct interval_set *set, enum ip_family family, struct prefix_list *list);
/* Builds the set of the union of prefixes in O(n log n). Other families are passed over. */
struct interval_set interval_set_from_prefixes(const struct prefix_list *list, enum ip_family family);

/* "22,80-90,443"; ports 0..65535. Returns malloc'ed text. */
char *interval_set_print_ports(const struct interval_set *set);
/* "443", "1000-2000", comma-separated lists; -EINVAL "bad-port" */
int interval_set_parse_ports(const char *text, struct interval_set *ret_set, struct error *error);

#endif

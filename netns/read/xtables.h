/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Legacy xtables of the calling thread's namespace: which tables it has, which hooks they stand at, and
 * whether they decide anything. A table that is not there is never asked for: the question would make it.
 *
 * Sources: linux/netfilter_ipv4/ip_tables.h, linux/netfilter_bridge/ebtables.h,
 * net/ipv4/netfilter/ip_tables.c.
 */
#ifndef POSTERN_NETNS_READ_XTABLES_H
#define POSTERN_NETNS_READ_XTABLES_H

#include "netns/read/reader.h"

/*
 * Fills namespace->ruleset.legacy: iptables', ip6tables' and arptables' tables by the names in
 * thread-self/net beneath reader->proc. A table that is there and could not be read is listed with hooks 0
 * and empty false, and is a fault with PART_LEGACY. Returns 0 or the first failure as -errno, recorded.
 *
 * ebtables' tables cannot be asked for at all: since Linux 5.15 the question makes them. The kernel holds a
 * table's module while any namespace has rules in it, so one that nobody holds has none anywhere; one that is
 * held, or is built in, is listed with hooks 0 and empty false. (Left out is a table without rules whose
 * policy was set to DROP.)
 */
int xtables_read(const struct reader *reader, struct namespace *namespace);

/* What IPT_SO_GET_INFO says of a table. */
struct xtables_info {
    uint32_t hooks;                       /* bits of those that it stands at */
    uint32_t hook_entry[5], underflow[5]; /* offsets of each hook's first rule, and of its policy */
    uint32_t entries;
};

/*
 * Sets rules and empty of the table by its entries (IPT_SO_GET_ENTRIES): bytes is the blob. family
 * FAMILY_NONE: arptables. False: the blob is broken, nothing is known.
 */
bool xtables_decode_entries(enum ip_family family, struct bytes bytes, const struct xtables_info *info,
                            struct legacy_table *table);

#endif

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
 * Fills namespace->ruleset.legacy: iptables', ip6tables' and arptables' tables by
 * the *_tables_names of /proc/thread-self/net, ebtables' where the bridge tables' modules are there. A table
 * that is there and could not be read is listed with hooks 0 and empty false, and is a fault with
 * PART_LEGACY. Returns 0 or the first failure as -errno, recorded.
 */
int xtables_read(const struct reader *reader, struct namespace *namespace);

/*
 * What the entries of a table (IPT_SO_GET_ENTRIES, IP6T_SO_GET_ENTRIES) say: bytes is the blob, hook_entry
 * the offsets of the hooks' first rules as IPT_SO_GET_INFO gives them, hooks the bits of those that are
 * valid. Sets rules and empty. False: the blob is none (empty is false then).
 */
bool xtables_decode_entries(enum ip_family family, struct bytes bytes, uint32_t hooks,
                            const uint32_t hook_entry[5], const uint32_t underflow[5],
                            struct legacy_table *table);

#endif

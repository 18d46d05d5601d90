/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The nf_tables ruleset of the calling thread's namespace: tables of every family with their chains, rules,
 * sets, elements, objects and flowtables. Rules are asked for chain by chain, since the kernel walks a list
 * from its head for each piece of a dump; a commit meanwhile is seen by the generation and by
 * NLM_F_DUMP_INTR.
 *
 * Sources: linux/netfilter/nf_tables.h, net/netfilter/nf_tables_api.c.
 */
#ifndef POSTERN_NETNS_READ_NFTABLES_H
#define POSTERN_NETNS_READ_NFTABLES_H

#include "netns/read/reader.h"

/* Times that a ruleset that changes meanwhile is read; the last is kept and marked not_atomic. */
#define NFTABLES_TRIES 5

/*
 * Fills namespace->ruleset but for `legacy`. netfilter: a NETLINK_NETFILTER socket of the namespace; NULL:
 * there is none. Without nf_tables in the kernel nothing is asked, and `present` stays false. What could not
 * be read, or is above budget.ruleset_objects, rules, elements or ruleset_bytes, or came too late, is marked
 * incomplete where it is missing and is a fault with PART_RULESET. Returns 0 or the first failure as -errno,
 * recorded.
 */
int nftables_read(const struct reader *reader, struct netlink *netfilter, struct namespace *namespace);

#endif

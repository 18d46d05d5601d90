/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routing of the calling thread's namespace: routes of all tables and both families with their next-hop
 * objects, policy rules, and the sysctls that decide.
 *
 * Sources: rtnetlink(7), linux/{rtnetlink,fib_rules,nexthop}.h, Documentation/networking/ip-sysctl.rst.
 */
#ifndef POSTERN_NETNS_READ_ROUTE_H
#define POSTERN_NETNS_READ_ROUTE_H

#include "netns/read/reader.h"

/*
 * Fills routes and policy_rules through a NETLINK_ROUTE socket of the namespace. A kernel without policy
 * routing has the two rules that it then follows (0: local, 32766: main). Failures become faults with
 * PART_ROUTES, PART_POLICY_RULES; returns 0 or the first one as -errno.
 */
int route_read(const struct reader *reader, struct netlink *route, struct namespace *namespace);

/*
 * Fills namespace->sysctls; a file that is there and cannot be read is a fault with PART_SYSCTLS. The links
 * must have been read: what applies to bridges is looked at only where there is one.
 */
int sysctl_read(const struct reader *reader, struct namespace *namespace);

/* ---- parsers: the payload of RTM_NEWROUTE, RTM_NEWRULE, RTM_NEWNEXTHOP ---- */

/* Not a route of a table (a cached one, multicast routing): MESSAGE_OTHER. */
enum message_is route_decode(struct bytes payload, struct route *ret_route);
enum message_is route_decode_rule(struct bytes payload, struct arena *arena, struct policy_rule *ret_rule);

struct next_hop_member {
    uint32_t id, weight;
};
struct next_hop_object {
    uint32_t id;
    bool blackhole, unknown_attribute;
    struct next_hop hop; /* where it is no group */
    LIST(struct next_hop_member) members;
};
typedef LIST(struct next_hop_object) next_hop_object_list;
enum message_is route_decode_next_hop(struct bytes payload, struct next_hop_object *ret_object);
void route_next_hop_free(struct next_hop_object *object);
/* Gives routes that name an object and no hop of their own the object's hops; one that is not there: unknown.
 */
void route_resolve(struct namespace *namespace, const next_hop_object_list *objects);

#endif

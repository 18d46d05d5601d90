/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links of the calling thread's namespace with what stands on them: addresses, neighbours, bridge ports and
 * forwarding entries, and the namespaces that their other ends are in.
 *
 * Sources: rtnetlink(7), linux/{if_link,if_addr,neighbour,net_namespace}.h.
 */
#ifndef POSTERN_NETNS_READ_LINK_H
#define POSTERN_NETNS_READ_LINK_H

#include "netns/read/reader.h"

/*
 * Fills links, addresses, neighbours and fdb through a NETLINK_ROUTE socket of the namespace. Failures become
 * faults with PART_LINKS, _ADDRESSES, _NEIGHBOURS, _FDB; returns 0 or the first one as -errno.
 * peer_namespace is left 0: see link_peers_resolve().
 */
int link_read(const struct reader *reader, struct netlink *route, struct namespace *namespace);

/* ---- peers in other namespaces ---- */

/* A namespace whose links were read, and its open descriptor. */
struct link_place {
    struct namespace *namespace;
    int fd; /* struct namespace_handle's; -1: not known any more, so never an answer */
};

/*
 * An index over the links of all namespaces, made once they all were read. The list and what it names must
 * live as long. Afterwards threads may resolve different places at the same time.
 */
struct link_peers;
struct link_peers *link_peers_new(const struct link_place *places, size_t count);
struct link_peers *link_peers_free(struct link_peers *peers); /* NULL is fine; returns NULL */
void cleanup_link_peers(struct link_peers **peers);
#define _cleanup_link_peers_ _cleanup_(cleanup_link_peers)

/* True where the place has a link whose other end is in another namespace. */
bool link_peers_wanted(const struct link_peers *peers, size_t place);

/*
 * Fills peer_namespace of the place's links, or sets peer_unknown. route: a NETLINK_ROUTE socket of that
 * namespace, which numbers the others (nsid) in its own way; candidates come from the index (a veth's ends
 * name each other) and the kernel confirms each (RTM_GETNSID), so the cost is one question a link. At most
 * budget.questions are asked. Returns 0 or -errno (recorded as a fault with PART_LINKS).
 */
int link_peers_resolve(const struct link_peers *peers, size_t place, const struct reader *reader,
                       struct netlink *route);

/* ---- parsers: the payload of RTM_NEWLINK, RTM_NEWADDR, RTM_NEWNEIGH ---- */
enum message_is link_decode(struct bytes payload, struct arena *arena, struct link *ret_link);
/* Families other than IP: MESSAGE_OTHER; so for the next, and groups' entries there as well. */
enum message_is link_decode_address(struct bytes payload, struct link_address *ret_address);
enum message_is link_decode_neighbour(struct bytes payload, struct neighbour *ret_neighbour);
/* Entries that belong to no bridge: MESSAGE_OTHER. */
enum message_is link_decode_fdb(struct bytes payload, struct fdb_entry *ret_entry);
/* The payload of RTM_NEWNSID: the number, -1 where there is none. */
int32_t link_decode_nsid(struct bytes payload);

#endif

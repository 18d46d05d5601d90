/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/link.h"

#include <errno.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

/* A link whose other end is elsewhere, among those that have the same two indices. */
struct pair_entry {
    size_t place;
    size_t next; /* entry + 1; 0: the last */
};

struct link_peers {
    const struct link_place *places;
    size_t count;
    size_t host;       /* place + 1 of the host's namespace; 0: not among them */
    struct map *pairs; /* (index, peer index) to entry + 1 */
    LIST(struct pair_entry) entries;
};

/* A place or entry, plus one, as what a map holds. */
static void *to_pointer(size_t number)
{
    return (void *)(uintptr_t)number;
}

static size_t from_pointer(const void *pointer)
{
    return (size_t)(uintptr_t)pointer;
}

static uint64_t pair_key(uint32_t index, uint32_t peer_index)
{
    return (uint64_t)index << 32 | peer_index;
}

static void add_link(struct link_peers *peers, size_t place, const struct link *link)
{
    uint64_t key = pair_key(link->index, link->peer_index);
    struct pair_entry *entry;

    if (link->peer_nsid < 0 || link->peer_index == 0)
        return;
    entry = list_append(&peers->entries);
    entry->place = place;
    entry->next = from_pointer(map_get_u64(peers->pairs, key));
    map_set_u64(peers->pairs, key, to_pointer(peers->entries.count));
}

struct link_peers *link_peers_new(const struct link_place *places, size_t count)
{
    struct link_peers *peers = memory_alloc(sizeof(*peers));

    peers->places = places;
    peers->count = count;
    peers->pairs = map_new();
    for (size_t place = 0; place < count; place++) {
        const struct namespace *namespace = places[place].namespace;

        if (namespace->role == ROLE_HOST)
            peers->host = place + 1;
        list_each(struct link, link, &namespace->links) {
            add_link(peers, place, link);
        }
    }
    return peers;
}

struct link_peers *link_peers_free(struct link_peers *peers)
{
    if (!peers)
        return NULL;
    map_free(peers->pairs);
    list_free(&peers->entries);
    free(peers);
    return NULL;
}

void cleanup_link_peers(struct link_peers **peers)
{
    *peers = link_peers_free(*peers);
}

bool link_peers_wanted(const struct link_peers *peers, size_t place)
{
    list_each(struct link, link, &peers->places[place].namespace->links) {
        if (link->peer_nsid >= 0)
            return true;
    }
    return false;
}

/* ---- one namespace's links ---- */

struct resolving {
    const struct link_peers *peers;
    size_t place;
    struct netlink *route;
    size_t questions;     /* still allowed */
    struct map *answered; /* nsid to place + 1, and to count + 1 where nobody has it */
    int32_t nsid;         /* the last answer */
    struct error error;   /* the socket failed, or the time is over */
};

int32_t link_decode_nsid(struct bytes payload)
{
    struct bytes field[NETNSA_MAX + 1];

    if (!message_attributes(payload, sizeof(struct rtgenmsg), field, NETNSA_MAX + 1, NULL))
        return -1;
    return (int32_t)attribute_u32(field[NETNSA_NSID], (uint32_t)-1);
}

static int take_nsid(const struct nlmsghdr *message, void *context)
{
    struct resolving *resolving = context;

    resolving->nsid = link_decode_nsid(message_payload(message));
    return 0;
}

/* Asks by which number this namespace knows the candidate. */
static bool is_known_as(struct resolving *resolving, size_t candidate, int32_t nsid)
{
    struct nlmsghdr *request;
    struct error error = ERROR_NONE;
    int fd = resolving->peers->places[candidate].fd, result;

    if (fd < 0 || candidate == resolving->place || !resolving->questions)
        return false;
    resolving->questions--;
    resolving->nsid = -1;
    request = netlink_request(resolving->route, RTM_GETNSID, 0, sizeof(struct rtgenmsg));
    mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)fd);
    result = netlink_call(resolving->route, request, take_nsid, resolving, "numbers of namespaces", &error);
    if (result < 0 && strcmp(error.code, "netlink-refused")) {
        resolving->error = error;
        resolving->questions = 0;
    }
    return result == 0 && resolving->nsid == nsid;
}

/* The ends of a veth name each other, so almost always there is one candidate, and it is right. */
static size_t find_by_pair(struct resolving *resolving, const struct link *link)
{
    const struct link_peers *peers = resolving->peers;
    size_t entry = from_pointer(map_get_u64(peers->pairs, pair_key(link->peer_index, link->index)));

    for (; entry; entry = peers->entries.items[entry - 1].next)
        if (is_known_as(resolving, peers->entries.items[entry - 1].place, link->peer_nsid))
            return peers->entries.items[entry - 1].place + 1;
    return 0;
}

/* Parents of macvlan and VLAN links, what a tunnel's packets leave through: the host's, or anybody's. */
static size_t find_by_asking(struct resolving *resolving, const struct link *link)
{
    const struct link_peers *peers = resolving->peers;

    if (peers->host && is_known_as(resolving, peers->host - 1, link->peer_nsid))
        return peers->host;
    for (size_t place = 0; place < peers->count && resolving->questions; place++)
        if (place + 1 != peers->host && is_known_as(resolving, place, link->peer_nsid))
            return place + 1;
    return 0;
}

static void resolve_link(struct resolving *resolving, struct link *link)
{
    const struct link_peers *peers = resolving->peers;
    size_t found = from_pointer(map_get_u64(resolving->answered, (uint64_t)link->peer_nsid));

    if (!found)
        found = find_by_pair(resolving, link);
    if (!found)
        found = find_by_asking(resolving, link);
    if (!found)
        found = peers->count + 1;
    map_set_u64(resolving->answered, (uint64_t)link->peer_nsid, to_pointer(found));
    if (found <= peers->count)
        link->peer_namespace = peers->places[found - 1].namespace->id;
    else
        link->peer_unknown = true;
}

static int resolving_result(struct resolving *resolving, const struct reader *reader,
                            struct namespace *namespace)
{
    if (error_is_set(&resolving->error)) {
        namespace->over_budget |= resolving->error.status == ETIMEDOUT;
        namespace_fault(namespace, PART_LINKS, &resolving->error);
        return -resolving->error.status;
    }
    if (!resolving->questions && reader->budget.questions)
        (void)read_over_budget(namespace, PART_LINKS, "questions about other ends of links");
    return 0;
}

int link_peers_resolve(const struct link_peers *peers, size_t place, const struct reader *reader,
                       struct netlink *route)
{
    _cleanup_map_ struct map *answered = map_new();
    struct namespace *namespace = peers->places[place].namespace;
    struct resolving resolving = {.peers = peers,
                                  .place = place,
                                  .route = route,
                                  .questions = reader->budget.questions,
                                  .answered = answered};

    list_each(struct link, link, &namespace->links) {
        if (link->peer_nsid >= 0)
            resolve_link(&resolving, link);
    }
    return resolving_result(&resolving, reader, namespace);
}

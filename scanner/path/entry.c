/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listeners, and the addresses and ports that may lead to them. */
#include "scanner/path/entry.h"

#include "netns/base/text.h"
#include "scanner/path/visit.h"

#include <linux/if_addr.h>
#include <netinet/in.h>

#define LISTEN_STATE      10 /* TCP_LISTEN; of abstract unix sockets too */
#define ESTABLISHED_STATE 1
#define RANGE_LIMIT       4096
#define FOREIGN_ADDRESSES 16 /* of one rule that are nobody's own and are written out */

/* ---- listeners ---- */
bool socket_is_listener(const struct socket *socket)
{
    switch (socket->kind) {
    case SOCKET_TCP:
    case SOCKET_MPTCP:
    case SOCKET_SCTP:
    case SOCKET_UNIX:
        return socket->state == LISTEN_STATE;
    case SOCKET_UDP:
    case SOCKET_UDPLITE:
        return socket->state != ESTABLISHED_STATE && socket->port != 0;
    case SOCKET_RAW:
        return socket->protocol != IPPROTO_RAW; /* which only sends */
    case SOCKET_PACKET:
        return socket->protocol != 0;
    }
    return false;
}

void listeners_find(const struct world *world, struct listener_list *ret_listeners)
{
    *ret_listeners = (struct listener_list){0};
    for (size_t i = 0; i < world->count; i++) {
        const struct namespace *facts = world->namespaces[i].facts;
        for (size_t j = 0; facts->role != ROLE_OUTSIDE && j < facts->sockets.count; j++)
            if (socket_is_listener(&facts->sockets.items[j]))
                *list_append(ret_listeners) = (struct listener_reference){facts->id, (int32_t)j};
    }
}

/* Programs that listen on the host for a container, by the name of their file. */
static const char *const proxies[] = {"docker-proxy", "rootlessport", "rootlesskit", "slirp4netns",
                                      "pasta",        "pasta.avx2",   "passt",       "conmon"};

static const char *proxy_word(const struct process *process)
{
    if (!process->executable || !process->executable_on_host)
        return NULL;
    const char *slash = strrchr(process->executable, '/');
    const char *file = slash ? slash + 1 : process->executable;
    for (size_t i = 0; i < sizeof(proxies) / sizeof(*proxies); i++)
        if (text_equal(file, proxies[i]))
            return proxies[i];
    return NULL;
}

const char *listener_proxy(const struct world *world, struct listener_reference listener)
{
    const struct world_namespace *namespace = world_namespace(world, listener.namespace);
    if (!namespace || listener.socket < 0 || (size_t)listener.socket >= namespace->facts->sockets.count)
        return NULL;
    const struct socket *socket = &namespace->facts->sockets.items[listener.socket];
    list_each(const uint32_t, index, &socket->processes) {
        const char *word = *index < world->snapshot->processes.count
                               ? proxy_word(&world->snapshot->processes.items[*index])
                               : NULL;
        if (word)
            return word;
    }
    return NULL;
}

/* ---- the list that is made ---- */
struct entry_maker {
    const struct world *world;
    const struct world_namespace *host;
    struct arena *arena;
    size_t limit;
    struct path_entry_list *list;
    struct map *index; /* "ip4 6 80 1000 0": 1 + place in the list */
};

/* What is being added; the address aside. */
struct entry_seed {
    uint8_t protocol;
    uint32_t origin;
    const struct world_namespace *namespace; /* whose addresses they are */
    struct listener_reference listener;
    int32_t container;
    const char *interface;
};

void path_entry_list_free(struct path_entry_list *list)
{
    list_each(struct path_entry, entry, list)
        list_free(&entry->addresses);
    list_free(list);
}

static struct path_entry *entry_place(struct entry_maker *maker, const struct entry_seed *seed,
                                      struct address address, uint16_t port)
{
    char key[128];
    bool loopback = address_is_loopback(address), local = world_is_local(seed->namespace, address);
    /* an address that is nobody's own stands alone */
    snprintf(key, sizeof(key), "%d %u %u %llu %d %s %s", (int)address.family, seed->protocol, port,
             (unsigned long long)seed->namespace->facts->id, loopback, local ? "" : ADDRESS_TEXT(address),
             seed->interface ? seed->interface : "");
    size_t place = (size_t)(uintptr_t)map_get(maker->index, key);
    if (place > 0)
        return &maker->list->items[place - 1];
    struct path_entry *entry = list_append(maker->list);
    map_set(maker->index, key, (void *)(uintptr_t)maker->list->count);
    entry->entry = (struct entry){.family = address.family,
                                  .protocol = seed->protocol,
                                  .address = address,
                                  .port = port,
                                  .interface = seed->interface};
    entry->loopback = loopback;
    entry->namespace = seed->namespace->facts->id;
    entry->container = seed->container;
    entry->listener = seed->listener;
    return entry;
}

static void entry_add(struct entry_maker *maker, const struct entry_seed *seed, struct address address,
                      uint16_t port)
{
    struct path_entry *entry = entry_place(maker, seed, address, port);
    entry->origin |= seed->origin;
    if (entry->listener.socket < 0)
        entry->listener = seed->listener;
    if (entry->container < 0)
        entry->container = seed->container;
    list_each(const struct address, known, &entry->addresses)
        if (address_equal(*known, address))
            return;
    *list_append(&entry->addresses) = address;
}

/* ---- addresses of a namespace ---- */
static bool address_serves(const struct link_address *address)
{
    return !(address->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
}

/* Adds an entry for each own address of the family; loopback: those of it, or all others. */
static void entry_add_own(struct entry_maker *maker, const struct entry_seed *seed, enum ip_family family,
                          uint16_t port, bool loopback)
{
    list_each(const struct link_address, own, &seed->namespace->facts->addresses) {
        struct address address = own->prefix.address;
        if (address.family != family || !address_serves(own) || address_is_loopback(address) != loopback ||
            !world_is_local(seed->namespace, address))
            continue;
        struct entry_seed one = *seed;
        const struct link *link = world_link(seed->namespace, own->index);
        if (address_is_link_local(address) && link && address.family == FAMILY_IP6)
            one.interface = link->name;
        entry_add(maker, &one, address, port);
    }
}

static void entry_add_all(struct entry_maker *maker, const struct entry_seed *seed, enum ip_family family,
                          uint16_t port)
{
    entry_add_own(maker, seed, family, port, false);
    entry_add_own(maker, seed, family, port, true);
}

/* ---- from listeners ---- */
static uint8_t socket_protocol(const struct socket *socket)
{
    switch (socket->kind) {
    case SOCKET_TCP:
    case SOCKET_MPTCP:
        return PROTOCOL_TCP;
    case SOCKET_UDP:
        return PROTOCOL_UDP;
    case SOCKET_UDPLITE:
        return PROTOCOL_UDPLITE;
    default:
        return 0;
    }
}

static struct address unmapped(struct address address)
{
    bool mapped = address.family == FAMILY_IP6 && address.value >> 32 == 0xffff;
    return mapped ? address_ip4((uint32_t)address.value) : address;
}

static void socket_entries(struct entry_maker *maker, struct entry_seed *seed, const struct socket *socket)
{
    struct address address = unmapped(socket->address);
    seed->protocol = socket_protocol(socket);
    if (seed->protocol == 0)
        return;
    if (!address_is_any(address)) {
        const struct link *link = world_link(seed->namespace, socket->interface);
        struct entry_seed one = *seed;
        if (address_is_link_local(address) && link)
            one.interface = link->name;
        entry_add(maker, &one, address, socket->port);
        return;
    }
    entry_add_all(maker, seed, socket->family, socket->port);
    if (socket->family == FAMILY_IP6 && !socket->v6only && address.family == FAMILY_IP6)
        entry_add_all(maker, seed, FAMILY_IP4, socket->port);
}

static void listener_entries(struct entry_maker *maker)
{
    struct listener_list listeners;
    listeners_find(maker->world, &listeners);
    list_each(const struct listener_reference, listener, &listeners) {
        const struct world_namespace *namespace = world_namespace(maker->world, listener->namespace);
        struct entry_seed seed = {
            .origin = ENTRY_OF_LISTENER, .namespace = namespace, .listener = *listener, .container = -1};
        socket_entries(maker, &seed, &namespace->facts->sockets.items[listener->socket]);
    }
    list_free(&listeners);
}

/* ---- from publications ---- */
static void published_entries(struct entry_maker *maker, const struct published *published, int32_t container)
{
    struct entry_seed seed = {.protocol = published->protocol,
                              .origin = ENTRY_OF_PUBLICATION,
                              .namespace = maker->host,
                              .listener = {0, -1},
                              .container = container};
    if (published->protocol != PROTOCOL_TCP && published->protocol != PROTOCOL_UDP)
        return;
    if (published->address.family == FAMILY_NONE) {
        entry_add_all(maker, &seed, FAMILY_IP4, published->port);
        entry_add_all(maker, &seed, FAMILY_IP6, published->port);
    } else if (address_is_any(published->address)) {
        entry_add_all(maker, &seed, published->address.family, published->port);
    } else {
        entry_add(maker, &seed, published->address, published->port);
    }
}

static void publication_entries(struct entry_maker *maker)
{
    const struct snapshot *snapshot = maker->world->snapshot;
    for (size_t i = 0; i < snapshot->containers.count; i++)
        list_each(const struct published, published, &snapshot->containers.items[i].published)
            if (snapshot->containers.items[i].namespace != 0)
                published_entries(maker, published, (int32_t)i);
}

/* ---- from rewrites ---- */
struct rewrite_context {
    struct entry_maker *maker;
    enum ip_family family;
    uint8_t protocol;
};

/* The ports that a rule which names none is worth looking at for: those that some listener has. */
static void listened_ports(const struct entry_maker *maker, uint8_t protocol, struct interval_set *ports)
{
    for (size_t i = 0; i < maker->world->count; i++)
        list_each(const struct socket, socket, &maker->world->namespaces[i].facts->sockets)
            if (socket_is_listener(socket) && socket_protocol(socket) == protocol)
                interval_set_add(ports, socket->port, socket->port);
}

static size_t ports_count(const struct interval_set *ports)
{
    size_t count = 0;
    for (size_t i = 0; i < ports->count; i++)
        count += (size_t)(ports->items[i].last - ports->items[i].first) + 1;
    return count;
}

/* Of a range beyond the limit: its ends, and what listeners have in it. */
static struct interval_set ports_worth(const struct entry_maker *maker,
                                       const struct destinations *destinations, uint8_t protocol,
                                       bool *ret_cut)
{
    struct interval_set listened = {0};
    *ret_cut = destinations->any_port || ports_count(&destinations->ports) > maker->limit;
    if (!*ret_cut)
        return interval_set_copy(&destinations->ports);
    listened_ports(maker, protocol, &listened);
    if (destinations->any_port)
        return listened;
    struct interval_set worth = interval_set_intersect(&listened, &destinations->ports);
    interval_set_free(&listened);
    for (size_t i = 0; i < destinations->ports.count && i < maker->limit; i++) {
        interval_set_add(&worth, destinations->ports.items[i].first, destinations->ports.items[i].first);
        interval_set_add(&worth, destinations->ports.items[i].last, destinations->ports.items[i].last);
    }
    return worth;
}

/* The host's own addresses among them, and the first of those that are nobody's (a cluster's service
 * addresses). */
static void addresses_add(struct entry_maker *maker, const struct entry_seed *seed, enum ip_family family,
                          const struct destinations *destinations, uint16_t port)
{
    size_t foreign = 0;
    if (destinations->any_address) {
        entry_add_all(maker, seed, family, port);
        return;
    }
    list_each(const struct link_address, own, &maker->host->facts->addresses)
        if (own->prefix.address.family == family && address_serves(own) &&
            interval_set_contains(&destinations->addresses, own->prefix.address.value))
            entry_add(maker, seed, own->prefix.address, port);
    for (size_t i = 0; i < destinations->addresses.count && foreign < FOREIGN_ADDRESSES; i++) {
        struct interval range = destinations->addresses.items[i];
        struct address address = {family, range.first};
        if (range.last - range.first > FOREIGN_ADDRESSES || world_is_local(maker->host, address))
            continue;
        for (; address.value <= range.last && foreign < FOREIGN_ADDRESSES; address.value++, foreign++)
            entry_add(maker, seed, address, port);
    }
}

static bool rewrite_visit(const struct rule_visit *visit, void *context)
{
    struct rewrite_context *rewrite = context;
    struct entry_maker *maker = rewrite->maker;
    if (visit->rewrite == REWRITES_NOTHING)
        return true;
    bool cut;
    struct interval_set ports = ports_worth(maker, &visit->destinations, rewrite->protocol, &cut);
    struct entry_seed seed = {.protocol = rewrite->protocol,
                              .origin = ENTRY_OF_REWRITE | (cut ? ENTRY_TOO_MANY : 0),
                              .namespace = maker->host,
                              .listener = {0, -1},
                              .container = -1};
    if (visit->destinations.any_port) /* a rule for every port names none of them */
        seed.origin = ENTRY_TOO_MANY;
    for (size_t i = 0; i < ports.count; i++)
        for (u128 port = ports.items[i].first; port <= ports.items[i].last; port++)
            if (port != 0) /* which no client can dial */
                addresses_add(maker, &seed, rewrite->family, &visit->destinations, (uint16_t)port);
    interval_set_free(&ports);
    return true;
}

static void rewrite_entries(struct entry_maker *maker)
{
    static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP};
    static const enum nft_hook hooks[] = {HOOK_PREROUTING, HOOK_OUTPUT};
    for (enum ip_family family = FAMILY_IP4; family <= FAMILY_IP6; family += FAMILY_IP6 - FAMILY_IP4)
        for (size_t i = 0; i < 2; i++)
            for (size_t j = 0; j < 2; j++) {
                struct rewrite_context context = {maker, family, protocols[i]};
                rules_visit(maker->host, family, protocols[i], hooks[j], NULL, 0, rewrite_visit, &context);
            }
}

/* ---- all ---- */
/* The address that stands for the rest: one of an uplink's before those of inner networks; global ones first.
 */
static int address_rank(struct address address)
{
    if (address_is_global(address))
        return 0;
    return address_is_link_local(address) ? 2 : 1;
}

static void representatives_choose(struct path_entry_list *list)
{
    list_each(struct path_entry, entry, list) {
        struct address best = entry->addresses.items[0];
        list_each(const struct address, address, &entry->addresses)
            if (address_rank(*address) < address_rank(best))
                best = *address;
        entry->entry.address = best;
    }
}

void entries_find(const struct world *world, size_t limit, struct arena *arena,
                  struct path_entry_list *ret_entries)
{
    struct entry_maker maker = {.world = world,
                                .host = world_namespace(world, world->snapshot->host_namespace),
                                .arena = arena,
                                .limit = limit ? limit : RANGE_LIMIT,
                                .list = ret_entries,
                                .index = map_new()};
    *ret_entries = (struct path_entry_list){0};
    listener_entries(&maker);
    if (maker.host) {
        publication_entries(&maker);
        rewrite_entries(&maker);
    }
    representatives_choose(ret_entries);
    map_free(maker.index);
}

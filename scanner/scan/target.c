/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/scan/target.h"
#include "netns/base/text.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#define HOPS_MAX       8     /* namespaces that an answer passes at most */
#define CANDIDATES_MAX 64    /* addresses tried for one part */
#define PROBE_PORTS    61000 /* the run's own source ports are among these and those above (probe/shots.c) */

/* ---- who uses an address ---- */

struct machines { /* addresses that some machine is known to have, in order */
    struct address *items;
    size_t count, capacity;
};

static int compare_addresses(const void *a, const void *b)
{
    return address_compare(*(const struct address *)a, *(const struct address *)b);
}

static void add_machine(struct machines *machines, struct address address)
{
    if (address.family != FAMILY_NONE)
        *list_append(machines) = address;
}

static void add_machines(struct machines *machines, const struct namespace *namespace)
{
    list_each(struct link_address, own, &namespace->addresses)
        add_machine(machines, own->prefix.address);
    list_each(struct neighbour, neighbour, &namespace->neighbours)
        if (neighbour->has_mac)
            add_machine(machines, neighbour->address);
    list_each(struct route, route, &namespace->routes)
        list_each(struct next_hop, hop, &route->next_hops)
            add_machine(machines, hop->gateway);
    list_each(struct connection, connection, &namespace->connections)
        add_machine(machines, connection->remote);
    list_each(struct tracked, tracked, &namespace->tracked) {
        add_machine(machines, tracked->source);
        add_machine(machines, tracked->destination);
        add_machine(machines, tracked->reply_source);
        add_machine(machines, tracked->reply_destination);
    }
}

static struct machines machines_find(const struct snapshot *snapshot)
{
    struct machines machines = {0};
    list_each(const struct address, resolver, &snapshot->resolvers)
        add_machine(&machines, *resolver);
    for (size_t i = 0; i < snapshot->namespaces.count; i++)
        add_machines(&machines, snapshot->namespaces.items[i]);
    if (machines.count > 0)
        qsort(machines.items, machines.count, sizeof(*machines.items), compare_addresses);
    return machines;
}

static bool in_use(const struct machines *machines, struct address address)
{
    return machines->count > 0 &&
           bsearch(&address, machines->items, machines->count, sizeof(address), compare_addresses) != NULL;
}

/* ---- the source of a part ---- */

struct choice {
    const struct snapshot *snapshot;
    const struct machines *machines;
    const struct interval_set *sources;
    enum ip_family family;
    struct address free, used; /* first found of each */
    unsigned tried;
};

static bool consider(struct choice *choice, u128 value)
{
    struct address address = {choice->family, value};

    if (choice->tried >= CANDIDATES_MAX || !interval_set_contains(choice->sources, value) ||
        address_is_multicast(address))
        return false;
    choice->tried++;
    if (in_use(choice->machines, address)) {
        if (choice->used.family == FAMILY_NONE)
            choice->used = address;
        return false;
    }
    choice->free = address;
    return true;
}

/* Of a network: addresses from its far end, where fewer machines sit; never its first or last. */
static bool consider_network(struct choice *choice, struct prefix prefix)
{
    u128 first = prefix_first(prefix).value, last = prefix_last(prefix).value;
    if (last - first < 3)
        return false;
    for (unsigned i = 1; i <= 24 && last - i > first; i++)
        if (consider(choice, last - i))
            return true;
    return false;
}

static bool consider_on_link(struct choice *choice, const struct link *uplink)
{
    const struct namespace *host = snapshot_host(choice->snapshot);
    list_each(struct link_address, address, &host->addresses)
        if (address->index == uplink->index && address->prefix.address.family == choice->family &&
            !address_is_link_local(address->prefix.address) && consider_network(choice, address->prefix))
            return true;
    return false;
}

/* Unicast space that is routed on the Internet and stands in no bogon list; nothing is ever sent there. */
static bool consider_global(struct choice *choice)
{
    static const uint32_t anchors4[] = {0x2d4f0d25, 0xc1000e4d, 0x17a1c94d,
                                        0xb9c7d94d, 0x0c22384d, 0xd1334d4d};
    static const uint64_t anchors6[] = {0x2a01010800004d4dULL, 0x260047000001004dULL, 0x24080000004d0001ULL};

    for (size_t i = 0; choice->family == FAMILY_IP4 && i < sizeof(anchors4) / sizeof(*anchors4); i++)
        if (consider(choice, anchors4[i]))
            return true;
    for (size_t i = 0; choice->family == FAMILY_IP6 && i < sizeof(anchors6) / sizeof(*anchors6); i++)
        if (consider(choice, (u128)anchors6[i] << 64 | 0x4d))
            return true;
    return false;
}

static bool consider_interval(struct choice *choice, const struct interval *interval, bool only_global)
{
    u128 middle = interval->first + (interval->last - interval->first) / 2;
    u128 values[] = {middle,         middle + 1,      interval->first + (interval->last > interval->first),
                     interval->last, interval->first, interval->last - (interval->last > interval->first)};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        if ((!only_global || address_is_global((struct address){choice->family, values[i]})) &&
            consider(choice, values[i]))
            return true;
    return false;
}

/*
 * The source that stands for a part: an address of `sources` that no machine is known to use, globally
 * routable where the part has such, on the uplink's own network for `on_link`. false: every address of the
 * part is somebody's (then *ret_source is one of them) or the part is empty (FAMILY_NONE).
 */
static bool choose_source(const struct snapshot *snapshot, const struct machines *machines,
                          const struct interval_set *sources, enum ip_family family,
                          const struct link *uplink, bool on_link, struct address *ret_source)
{
    struct choice choice = {.snapshot = snapshot, .machines = machines, .sources = sources, .family = family};
    bool found = (on_link && uplink && consider_on_link(&choice, uplink)) || consider_global(&choice);

    for (int pass = 0; pass < 2 && !found; pass++) {
        choice.tried = 0;
        for (size_t i = 0; i < sources->count && !found; i++)
            found = consider_interval(&choice, &sources->items[i], pass == 0);
    }
    *ret_source = found ? choice.free : choice.used;
    return found;
}

/* ---- links ---- */

static const struct neighbour *neighbour_of(const struct namespace *host, uint32_t index,
                                            const struct address *address)
{
    list_each(struct neighbour, neighbour, &host->neighbours)
        if (neighbour->index == index && neighbour->has_mac &&
            !(neighbour->state & (NUD_FAILED | NUD_NOARP | NUD_INCOMPLETE)) &&
            (address == NULL || address_equal(neighbour->address, *address)))
            return neighbour;
    return NULL;
}

/* The gateway of the interface's default route whose hardware address is known. */
static const struct neighbour *gateway_of(const struct namespace *host, uint32_t index)
{
    list_each(struct route, route, &host->routes)
        list_each(struct next_hop, hop, &route->next_hops)
            if (hop->index == index && hop->gateway.family != FAMILY_NONE) {
                const struct neighbour *neighbour = neighbour_of(host, index, &hop->gateway);
                if (neighbour)
                    return neighbour;
            }
    return NULL;
}

/* Does a bridge learn from frames that enter here? */
static bool is_bridged(const struct namespace *host, const struct link *link)
{
    const struct link *master = link->master ? namespace_link(host, link->master) : NULL;
    return link->kind == LINK_BRIDGE || (master && master->kind == LINK_BRIDGE);
}

static void add_uplink(const struct namespace *host, const struct link *link, struct plan *plan)
{
    struct plan_uplink *uplink = list_append(&plan->uplinks);
    const struct neighbour *gateway = gateway_of(host, link->index);

    uplink->index = link->index;
    uplink->name = link->name;
    uplink->ethernet = link->has_mac;
    uplink->mac = link->mac;
    uplink->has_mac = link->has_mac;
    uplink->native_xdp =
        link->xdp_mode != 0 && link->xdp_mode != 2; /* XDP_ATTACHED_SKB is met by the frames */
    if (gateway == NULL)
        gateway = neighbour_of(host, link->index, NULL);
    if (gateway) {
        uplink->gateway = gateway->mac;
        uplink->has_gateway = true;
    } else if (link->has_mac && !is_bridged(host, link) && link->kind != LINK_BOND &&
               link->kind != LINK_VLAN && link->kind != LINK_MACVLAN) {
        /* Nobody is known there. Nothing behind a plain device learns from a frame's source, so that the
           device's own address does: it is nobody else's. */
        uplink->gateway = link->mac;
        uplink->has_gateway = true;
    }
}

/* Does it lead off this host? Everything but what is known to end in a namespace of ours. */
static bool is_exit(const struct world *world, const struct link *link)
{
    const struct namespace *peer;
    if (!(link->flags & IFF_UP) || link->kind == LINK_LOOPBACK || link->kind == LINK_BRIDGE)
        return false;
    if (link->kind != LINK_VETH)
        return true;
    peer = link->peer_namespace ? snapshot_namespace(world->snapshot, link->peer_namespace) : NULL;
    return peer == NULL || peer->role == ROLE_OUTSIDE || !peer->entered;
}

static void add_exits(const struct world *world, struct plan *plan)
{
    for (size_t i = 0; i < world->snapshot->namespaces.count; i++) {
        const struct namespace *namespace = world->snapshot->namespaces.items[i];
        if (namespace->role == ROLE_OUTSIDE || !namespace->entered)
            continue;
        list_each(struct link, link, &namespace->links)
            if (is_exit(world, link))
                *list_append(&plan->exits) = (struct plan_exit){namespace->id, link->index, link->name};
    }
}

/* ---- the answer's way ---- */

/* Longest prefix of the main and local tables; what policy routing adds makes the way unknown, see
 * reply_way(). */
static const struct route *route_to(const struct namespace *namespace, struct address address)
{
    const struct route *best = NULL;
    list_each(struct route, route, &namespace->routes)
        if (route->family == address.family &&
            (route->table == RT_TABLE_MAIN || route->table == RT_TABLE_LOCAL) &&
            prefix_contains(route->destination, address) &&
            (best == NULL || route->destination.length > best->destination.length ||
             (route->destination.length == best->destination.length && route->priority < best->priority)))
            best = route;
    return best;
}

static const struct namespace *next_namespace(const struct world *world, const struct namespace *namespace,
                                              const struct next_hop *hop)
{
    const struct link *link = namespace_link(namespace, hop->index);
    if (link == NULL || link->kind != LINK_VETH || link->peer_namespace == 0)
        return NULL;
    return snapshot_namespace(world->snapshot, link->peer_namespace);
}

static enum reply_way reply_way(const struct world *world, uint64_t target, struct address source,
                                uint64_t *ret_namespace)
{
    const struct namespace *namespace = snapshot_namespace(world->snapshot, target);

    for (int hop = 0; namespace && hop < HOPS_MAX; hop++) {
        if (namespace->id == world->snapshot->host_namespace)
            return REPLY_HOST;
        const struct route *route = route_to(namespace, source);
        if (route == NULL || route->next_hops.count != 1)
            return REPLY_UNKNOWN;
        const struct next_hop *out = &route->next_hops.items[0];
        const struct namespace *next = next_namespace(world, namespace, out);
        struct address via = out->gateway.family != FAMILY_NONE ? out->gateway : source;
        const struct world_namespace *indexed = next ? world_namespace(world, next->id) : NULL;
        if (indexed == NULL || !world_is_local(indexed, via)) {
            *ret_namespace = namespace->id; /* beyond lies no IP layer of ours */
            return REPLY_NAMESPACE;
        }
        namespace = next;
    }
    return REPLY_UNKNOWN;
}

/* ---- probes ---- */

struct planner {
    const struct world *world;
    struct machines machines;
    const struct namespace *host;
    struct plan *plan;
    const struct target_options *options;
};

static uint32_t arrival_of(const struct planner *planner, uint64_t target)
{
    list_each(struct link, link, &planner->host->links)
        if (link->kind == LINK_VETH && link->peer_namespace == target && target != planner->host->id)
            return link->index;
    return 0;
}

static bool source_mac(const struct planner *planner, uint32_t uplink, struct address source,
                       struct mac *ret_mac)
{
    const struct neighbour *neighbour = neighbour_of(planner->host, uplink, &source);
    const struct neighbour *gateway = gateway_of(planner->host, uplink);
    if (neighbour == NULL) /* any machine that is there and not the gateway may have sent it */
        list_each(struct neighbour, other, &planner->host->neighbours)
            if (other->index == uplink && other->has_mac && other != gateway &&
                !(other->state & (NUD_FAILED | NUD_INCOMPLETE)))
                neighbour = other;
    if (neighbour == NULL)
        return false;
    *ret_mac = neighbour->mac;
    return true;
}

static bool is_on_link(const struct namespace *host, uint32_t uplink, struct address source)
{
    list_each(struct link_address, address, &host->addresses)
        if (address->index == uplink && prefix_contains(address->prefix, source))
            return true;
    return false;
}

static void plan_ingress(const struct planner *planner, const struct path_channel *channel,
                         const struct prediction_part *part, struct probe *probe)
{
    const struct vantage *vantage = channel->vantage;
    const struct link *link = namespace_link(planner->host, vantage->interface);
    bool lan = vantage->kind == VANTAGE_LAN;

    probe->method = METHOD_INGRESS;
    for (size_t i = 0; i < planner->plan->uplinks.count; i++)
        if (planner->plan->uplinks.items[i].index == vantage->interface)
            probe->uplink = (uint32_t)i;
    if (vantage->namespace != planner->host->id || link == NULL) {
        probe->skip = "uplink-down";
        return;
    }
    probe->source_in_use = !choose_source(planner->world->snapshot, &planner->machines, &part->sources,
                                          channel->entry.family, link, lan, &probe->source);
    if (probe->source.family == FAMILY_NONE) {
        probe->skip = "no-source";
        return;
    }
    if (lan || (vantage->kind == VANTAGE_NAMED && is_on_link(planner->host, link->index, probe->source)))
        probe->has_source_mac = source_mac(planner, vantage->interface, probe->source, &probe->source_mac);
    probe->reply = reply_way(planner->world, probe->target, probe->source, &probe->reply_namespace);
}

/* A member of the segment that is not the target and has an address in the part. */
static bool member_for(const struct planner *planner, const struct path_channel *channel,
                       const struct prediction_part *part, struct probe *probe)
{
    for (size_t i = 0; i < channel->vantage->members.count; i++) {
        uint64_t member = channel->vantage->members.items[i];
        const struct namespace *namespace = snapshot_namespace(planner->world->snapshot, member);
        if (namespace == NULL || member == part->target.namespace || !namespace->entered)
            continue;
        list_each(struct link_address, address, &namespace->addresses)
            if (address->prefix.address.family == channel->entry.family &&
                !address_is_loopback(address->prefix.address) &&
                interval_set_contains(&part->sources, address->prefix.address.value)) {
                probe->from = member;
                probe->source = address->prefix.address;
                return true;
            }
    }
    return false;
}

static void plan_sender(const struct planner *planner, const struct path_channel *channel,
                        const struct prediction_part *part, struct probe *probe)
{
    probe->method = probe->protocol == PROTOCOL_TCP ? METHOD_RAW : METHOD_DATAGRAM;
    probe->from = channel->vantage->namespace;
    if (channel->vantage->kind == VANTAGE_SEGMENT && !member_for(planner, channel, part, probe))
        probe->skip = "no-other-member";
    probe->sender_unlike = part->by_sender;
    if (channel->entry.interface) {
        const struct namespace *namespace = snapshot_namespace(planner->world->snapshot, probe->from);
        const struct link *link =
            namespace ? namespace_link_named(namespace, channel->entry.interface) : NULL;
        probe->scope = link ? link->index : 0;
    }
}

/* Where the packet itself ends: through a userland proxy at the proxy, whose second leg is another packet. */
static void plan_end(const struct planner *planner, const struct path_channel *channel,
                     const struct prediction_part *part, struct probe *probe)
{
    probe->target = part->target.namespace;
    probe->target_address = part->target.address;
    probe->target_port = part->target.port;
    if (channel->via.count > 0) {
        probe->proxy = true;
        probe->target = channel->via.items[0].namespace;
        probe->target_address = channel->entry.address;
        probe->target_port = channel->entry.port;
    }
    if (part->target.elsewhere)
        probe->skip = "target-elsewhere";
    else if (probe->target == 0)
        probe->target = planner->host->id; /* decided before any end: the host is where it was last seen */
    probe->arrival = arrival_of(planner, probe->target);
}

static bool port_in_use(const struct world *world, uint16_t port)
{
    for (size_t i = 0; i < world->snapshot->namespaces.count; i++) {
        const struct namespace *namespace = world->snapshot->namespaces.items[i];
        list_each(struct connection, connection, &namespace->connections)
            if (connection->local_port == port || connection->remote_port == port)
                return true;
        list_each(struct tracked, tracked, &namespace->tracked)
            if (tracked->source_port == port || tracked->reply_destination_port == port)
                return true;
    }
    return false;
}

/* Where not every source port fares alike, the part's own: one that no connection has. */
static void plan_port(const struct planner *planner, const struct prediction_part *part, struct probe *probe)
{
    struct interval_set own = interval_set_range(PROBE_PORTS, UINT16_MAX);
    bool any = interval_set_empty(&part->source_ports) || interval_set_covers(&part->source_ports, &own);
    unsigned tried = 0;

    interval_set_free(&own);
    if (any || probe->skip)
        return;
    for (size_t i = part->source_ports.count; i-- > 0 && probe->method != METHOD_DATAGRAM;) {
        const struct interval *interval = &part->source_ports.items[i];
        for (u128 port = interval->last; port > 0 && port >= interval->first && tried < CANDIDATES_MAX;
             port--, tried++)
            if (!port_in_use(planner->world, (uint16_t)port)) {
                probe->source_port = (uint16_t)port;
                return;
            }
    }
    probe->skip = "no-source-port";
    probe->skip_message = probe->method == METHOD_DATAGRAM
                              ? "a rule asks for source ports, and datagrams have "
                                "that of a socket"
                              : "connections have the ports that a rule asks for";
}

static void plan_part(const struct planner *planner, const struct path_channel *channel,
                      const struct prediction_part *part)
{
    struct probe *probe = list_append(&planner->plan->probes);

    probe->id = (uint32_t)planner->plan->probes.count - 1;
    probe->vantage = channel->vantage->name;
    probe->protocol = channel->entry.protocol;
    probe->destination = channel->entry.address;
    probe->port = channel->entry.port;
    probe->predicted = part->state;
    plan_end(planner, channel, part, probe);
    probe->stateful = part->stateful;
    if (channel->vantage->interface != 0)
        plan_ingress(planner, channel, part, probe);
    else
        plan_sender(planner, channel, part, probe);
    plan_port(planner, part, probe);
}

void target_plan(const struct world *world, const struct path_channel *channels, size_t count,
                 const struct target_options *options, struct plan *ret_plan,
                 struct target_places *ret_places)
{
    struct planner planner = {world, machines_find(world->snapshot), snapshot_host(world->snapshot), ret_plan,
                              options};

    ret_plan->host = world->snapshot->host_namespace;
    ret_plan->options = options->plan;
    for (size_t i = 0; i < options->uplinks->count; i++) {
        const struct link *link = namespace_link(planner.host, options->uplinks->items[i]);
        if (link)
            add_uplink(planner.host, link, ret_plan);
    }
    add_exits(world, ret_plan);
    for (size_t i = 0; i < count; i++) {
        const struct path_channel *channel = &channels[i];
        if (channel->entry.family == FAMILY_NONE ||
            (channel->entry.protocol != PROTOCOL_TCP && channel->entry.protocol != PROTOCOL_UDP))
            continue;
        for (size_t part = 0; part < channel->prediction.parts.count; part++) {
            *list_append(ret_places) = (struct target_place){i, part};
            plan_part(&planner, channel, &channel->prediction.parts.items[part]);
        }
    }
    list_free(&planner.machines);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bridges and neighbours: who takes a frame, and what br_netfilter does on the way. */
#include "scanner/path/concrete_walk.h"

#include <linux/if_bridge.h>
#include <linux/neighbour.h>

#define NUD_USABLE                                                                                           \
    (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY) /* NUD_VALID */

/* ---- who is on a segment ---- */

struct segment_view {
    LIST(struct station) stations;
    bool outside; /* a port leads off the host */
    bool unknown; /* a port leads to a namespace that was not seen, or to what is not modelled */
};

static void segment_port(struct segment_view *view, const struct world_namespace *namespace,
                         const struct link *port)
{
    const struct world_namespace *other;
    const struct link *peer = world_peer(namespace, port, &other);
    if (!peer) {
        view->unknown |= port->kind == LINK_VETH && port->peer_unknown;
        view->outside |= port->kind != LINK_VETH || !port->peer_unknown;
    } else if (peer->master) {
        view->unknown = true; /* a bridge within the other namespace */
    } else {
        *list_append(&view->stations) = (struct station){.namespace = other, .link = peer, .port = port};
    }
}

static void segment_ports(struct segment_view *view, const struct world_namespace *namespace,
                          const struct link *bridge, const struct link *except)
{
    list_each(const struct link, port, &namespace->facts->links)
        if (port->master == bridge->index && port != except)
            segment_port(view, namespace, port);
}

/* Everybody whom a frame sent on the device may reach. */
static struct segment_view segment_of(const struct world_namespace *namespace, const struct link *device)
{
    struct segment_view view = {0};
    const struct world_namespace *other;
    if (device->kind == LINK_BRIDGE) {
        segment_ports(&view, namespace, device, NULL);
        return view;
    }
    const struct link *peer = world_peer(namespace, device, &other);
    if (!peer) {
        view.outside = true;
        return view;
    }
    const struct link *master = world_link(other, peer->master);
    if (peer->master && (!master || master->kind != LINK_BRIDGE)) {
        view.unknown = true;
    } else if (master) {
        *list_append(&view.stations) = (struct station){.namespace = other, .link = master};
        segment_ports(&view, other, master, peer);
    } else {
        *list_append(&view.stations) = (struct station){.namespace = other, .link = peer};
    }
    return view;
}

/* ---- who has an address ---- */

static bool mac_equal(struct mac a, struct mac b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

static bool holds_mac(const struct station *station, struct mac mac)
{
    return station->link->has_mac && mac_equal(station->link->mac, mac);
}

static bool arp_permits(const struct station *station, struct address wanted)
{
    switch (station->link->arp_ignore) {
    case 0:
        return true;
    case 1:
    case 2:
        return has_address(station->namespace, station->link, wanted);
    default:
        return false;
    }
}

/* Would the station answer the question who has `wanted`? (arp_process, ndisc_recv_ns) */
static bool answers_for(struct walk *walk, const struct station *station, struct address asker,
                        struct address wanted)
{
    if (!link_is_up(station->link))
        return false;
    if (wanted.family == FAMILY_IP6)
        return has_address(station->namespace, station->link, wanted);
    if (route_is_local_input(walk, station->namespace, station->link, asker, wanted))
        return arp_permits(station, wanted);
    return station->link->proxy_arp > 0 && station->link->forwarding4 > 0;
}

/* arp_solicit(): the packet's own source where it is local, else one of the device. */
static struct address asker_of(const struct walk *walk, const struct link *device, struct address next_hop)
{
    if (next_hop.family == FAMILY_IP6)
        return walk->at.source;
    if (walk->at.source.family == FAMILY_IP4 && world_is_local(walk->at.namespace, walk->at.source))
        return walk->at.source;
    struct address own = select_address4(walk->at.namespace, device, next_hop, 253 /* RT_SCOPE_LINK */);
    return own.family == FAMILY_IP4 ? own : (struct address){.family = FAMILY_IP4};
}

static const struct neighbour *neighbour_entry(const struct world_namespace *namespace,
                                               const struct link *device, struct address address)
{
    list_each(const struct neighbour, neighbour, &namespace->facts->neighbours)
        if (neighbour->index == device->index && address_equal(neighbour->address, address) &&
            neighbour->has_mac && (neighbour->state & NUD_USABLE))
            return neighbour;
    return NULL;
}

static bool arp_is_plain(struct walk *walk, const struct world_namespace *namespace)
{
    const char *subject = arena_printf(walk->arena, "net:[%llu]", (unsigned long long)namespace->facts->id);
    if (walk->packet->family == FAMILY_IP4)
        for (size_t hook = 0; hook <= HOOK_POSTROUTING; hook++)
            if (namespace->arp_hooks[hook].count > 0)
                walk_undetermined(walk, REASON_ARP_TABLE, subject, "rules on ARP are not modelled");
    list_each(const struct legacy_table, table, &namespace->facts->ruleset.legacy)
        if (strcmp(table->tool, "arptables") == 0 && !table->empty)
            walk_undetermined(walk, REASON_ARP_TABLE, table->name, "rules on ARP are not modelled");
    return !walk_ended(walk);
}

static void nobody_answers(struct walk *walk, const struct segment_view *view, const struct link *device,
                           struct address next_hop)
{
    bool ip6 = walk->packet->family == FAMILY_IP6;
    if (view->outside) {
        walk->outcome->target = (struct target){.address = walk->at.destination,
                                                .port = walk->at.destination_port,
                                                .socket = -1,
                                                .elsewhere = true};
        walk_undetermined(walk, REASON_ELSEWHERE, device->name, "the next hop is not on this host");
    } else if (view->unknown) {
        walk_undetermined(walk, REASON_PEER_UNKNOWN, device->name,
                          "a namespace on this segment was not seen");
    } else if (walk->at.namespace->facts->missing & (PART_NEIGHBOURS | PART_FDB)) {
        walk_undetermined(walk, REASON_NEIGHBOUR, ADDRESS_TEXT(next_hop), "the neighbours were not read");
    } else {
        walk_icmp(walk, ip6 ? 1 : 3, ip6 ? 3 : 1);
        walk_unreachable(walk, DECIDER_NEIGHBOUR, ADDRESS_TEXT(next_hop),
                         "nobody has the next hop's address");
    }
}

/* The stations that would answer; the first of them. */
static size_t answers_count(struct walk *walk, const struct segment_view *view, const struct link *device,
                            struct address next_hop, struct station *ret_station)
{
    size_t count = 0;
    struct address asker = asker_of(walk, device, next_hop);
    list_each(const struct station, station, &view->stations)
        if (answers_for(walk, station, asker, next_hop) && count++ == 0)
            *ret_station = *station;
    return count;
}

static bool segment_ask(struct walk *walk, const struct segment_view *view, const struct link *device,
                        struct address next_hop, struct station *ret_station)
{
    if (!arp_is_plain(walk, walk->at.namespace))
        return false;
    size_t count = answers_count(walk, view, device, next_hop, ret_station);
    if (count == 0)
        nobody_answers(walk, view, device, next_hop);
    else if (count > 1)
        walk_undetermined(walk, REASON_DUPLICATE, ADDRESS_TEXT(next_hop),
                          "several have the next hop's address");
    else /* question and answer pass the station's own rules as well */
        arp_is_plain(walk, ret_station->namespace);
    return !walk_ended(walk);
}

/* What the neighbour table says, where somebody on the segment has that hardware address. */
static bool segment_known(const struct world_namespace *namespace, const struct segment_view *view,
                          const struct link *device, struct address next_hop, struct station *ret_station,
                          bool *ret_fixed)
{
    const struct neighbour *neighbour = neighbour_entry(namespace, device, next_hop);
    *ret_fixed = neighbour && (neighbour->state & (NUD_PERMANENT | NUD_NOARP));
    if (!neighbour)
        return false;
    list_each(const struct station, station, &view->stations)
        if (holds_mac(station, neighbour->mac)) {
            *ret_station = *station;
            return true;
        }
    return false;
}

bool neighbour_resolve(struct walk *walk, const struct link *device, struct address next_hop,
                       struct station *ret_station)
{
    struct segment_view view = segment_of(walk->at.namespace, device);
    bool fixed, found = segment_known(walk->at.namespace, &view, device, next_hop, ret_station, &fixed);
    if (!found && fixed)
        nobody_answers(walk, &view, device, next_hop);
    else if (!found)
        found = segment_ask(walk, &view, device, next_hop, ret_station);
    list_free(&view.stations);
    return found && !walk_ended(walk);
}

struct station bridge_owner(struct walk *walk, const struct link *bridge, struct address address)
{
    struct station own = {.namespace = walk->at.namespace, .link = bridge};
    struct segment_view view = segment_of(walk->at.namespace, bridge);
    if (!world_is_local(walk->at.namespace, address))
        list_each(const struct station, station, &view.stations)
            if (has_address(station->namespace, station->link, address)) {
                own = *station;
                break;
            }
    list_free(&view.stations);
    return own;
}

/* ---- the bridge ---- */

bool bridge_is_plain(struct walk *walk, const struct link *bridge, enum nft_hook hook)
{
    if (bridge->bridge_vlan_filtering)
        walk_undetermined(walk, REASON_BRIDGE_FEATURE, bridge->name, "the bridge filters VLANs");
    if (!part_is_read(walk, PART_RULESET | PART_LEGACY, REASON_RULESET_UNREAD))
        return false;
    if (walk->at.namespace->bridge_hooks[hook].count > 0)
        walk_undetermined(walk, REASON_BRIDGE_TABLE,
                          walk->at.namespace->bridge_hooks[hook].items->table->name,
                          "rules of the bridge family are not modelled");
    list_each(const struct legacy_table, table, &walk->at.namespace->facts->ruleset.legacy)
        if (strcmp(table->tool, "ebtables") == 0 && !table->empty)
            walk_undetermined(walk, REASON_BRIDGE_TABLE, table->name, "rules of ebtables are not modelled");
    return !walk_ended(walk);
}

/* br_netfilter runs the IP hooks: the switch of the namespace or the bridge's own (-1: it is not loaded). */
static bool bridge_filters_ip(const struct walk *walk, const struct link *bridge)
{
    const struct sysctls *all = &walk->at.namespace->facts->sysctls;
    bool ip6 = walk->packet->family == FAMILY_IP6;
    int32_t sysctl = ip6 ? all->bridge_nf_call_ip6tables : all->bridge_nf_call_iptables;
    bool own = ip6 ? bridge->bridge_nf_call_ip6tables : bridge->bridge_nf_call_iptables;
    return sysctl > 0 || (sysctl == 0 && own);
}

static bool port_forwards(struct walk *walk, const struct link *port)
{
    if (port->port_state != BR_STATE_FORWARDING)
        walk_unreachable(walk, DECIDER_LINK, port->name, "the bridge port does not forward");
    return !walk_ended(walk);
}

void bridge_send(struct walk *walk, struct station to)
{
    if (!to.port) { /* the bridge's own address is never a neighbour of its own namespace */
        walk_undetermined(walk, REASON_NEIGHBOUR, ADDRESS_TEXT(walk->at.next_hop),
                          "the next hop is the bridge itself");
        return;
    }
    if (!port_forwards(walk, to.port))
        return;
    if (!link_is_up(to.port) || !link_is_up(to.link)) {
        walk_unreachable(walk, DECIDER_LINK, to.port->name, "the link is down");
        return;
    }
    device_checks(walk, to.port, true);
    if (!walk_ended(walk))
        frame_cross(walk, to.namespace, to.link);
}

/* should_deliver() of br_forward.c */
static bool port_may_send(struct walk *walk, const struct link *from, const struct link *to)
{
    if (from == to && !to->port_hairpin)
        walk_filtered_by(walk, DECIDER_LINK, to->name, "the bridge port has no hairpin mode");
    else if (from && from->port_isolated && to->port_isolated)
        walk_filtered_by(walk, DECIDER_LINK, to->name, "both bridge ports are isolated");
    return !walk_ended(walk);
}

static void bridge_forward(struct walk *walk, const struct link *bridge, bool filters)
{
    struct flight *at = &walk->at;
    struct station to = at->frame;
    if (!port_may_send(walk, at->port, to.port) || !port_forwards(walk, to.port) ||
        !bridge_is_plain(walk, bridge, HOOK_FORWARD))
        return;
    if (filters) {
        at->in = at->out = bridge;
        at->next_hop = at->destination;
        hook_run(walk, HOOK_FORWARD);
        at->in = NULL;
        if (!walk_ended(walk))
            hook_run(walk, HOOK_POSTROUTING);
    }
    if (!walk_ended(walk) && bridge_is_plain(walk, bridge, HOOK_POSTROUTING))
        bridge_send(walk, to);
}

/* br_nf_pre_routing_finish(): a rewritten packet stays on the bridge, or goes up to be routed. */
static void bridge_rewritten(struct walk *walk, const struct link *bridge)
{
    struct address next_hop;
    struct station station = {.namespace = walk->at.namespace, .link = bridge};
    if (route_stays_on(walk, bridge, &next_hop) && !neighbour_resolve(walk, bridge, next_hop, &station))
        return;
    walk->at.frame = station;
    walk->at.destination_mac = station.link->mac;
}

void bridge_receive(struct walk *walk)
{
    struct flight *at = &walk->at;
    const struct link *bridge = at->in;
    if (!link_is_up(bridge)) {
        walk_unreachable(walk, DECIDER_LINK, bridge->name, "the bridge is down");
        return;
    }
    if ((at->port && !port_forwards(walk, at->port)) || !bridge_is_plain(walk, bridge, HOOK_PREROUTING))
        return;
    bool filters = bridge_filters_ip(walk, bridge);
    if (filters) {
        struct address destination = at->destination;
        hook_run(walk, HOOK_PREROUTING);
        at->prerouted = true;
        if (!walk_ended(walk) && !address_equal(destination, at->destination))
            bridge_rewritten(walk, bridge);
    }
    if (walk_ended(walk))
        return;
    if (at->frame.port) {
        bridge_forward(walk, bridge, filters);
        return;
    }
    if (!bridge_is_plain(walk, bridge, HOOK_INPUT))
        return;
    device_checks(walk, bridge, false);
    if (!walk_ended(walk) && bridge->master)
        walk_undetermined(walk, REASON_LINK_KIND, bridge->name, "the bridge belongs to another device");
    walk_go(walk, PLACE_RECEIVE);
}

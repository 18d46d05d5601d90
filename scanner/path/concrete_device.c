/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices: what comes in by them, what leaves by them, and who is at the other end. */
#include "scanner/path/concrete_walk.h"

#include <linux/netfilter/nf_conntrack_common.h>

#include <linux/if.h>
#include <linux/if_arp.h>

/* linux/if.h: IF_OPER_* */
static bool has_carrier(const struct link *link)
{
    return link->operational != IF_OPER_DOWN && link->operational != IF_OPER_LOWERLAYERDOWN &&
           link->operational != IF_OPER_NOTPRESENT;
}

bool link_is_up(const struct link *link)
{
    return link->flags & IFF_UP;
}

/* ---- what stands on a device ---- */

static bool chain_stands_on(const struct nft_chain *chain, const struct link *link)
{
    if (chain->unknown_attribute || chain->devices.count == 0)
        return true;
    list_each(const char *const, name, &chain->devices)
        if (strcmp(*name, link->name) == 0)
            return true;
    return false;
}

static void device_chains(struct walk *walk, const struct link *link, bool egress)
{
    list_each(const struct hook_chain, hook, &walk->at.namespace->device_hooks)
        if ((hook->chain->hook == HOOK_EGRESS) == egress && chain_stands_on(hook->chain, link))
            walk_undetermined(walk, REASON_DEVICE_CHAIN,
                              arena_printf(walk->arena, "%s %s", hook->table->name, link->name),
                              "rules on the device are not modelled");
}

static bool stands_on_device(const struct program *program, const struct link *link, bool egress)
{
    if (program->interface != link->index)
        return false;
    switch (program->kind) {
    case PROGRAM_XDP:
        return !egress;
    case PROGRAM_TC:
    case PROGRAM_TCX:
        return program->egress == egress;
    case PROGRAM_NETKIT:
        return true;
    default:
        return false;
    }
}

static const char *program_code(enum program_kind kind)
{
    switch (kind) {
    case PROGRAM_XDP:
        return REASON_XDP;
    case PROGRAM_TC:
        return REASON_TC;
    case PROGRAM_TCX:
        return REASON_TCX;
    default:
        return REASON_NETKIT;
    }
}

void device_checks(struct walk *walk, const struct link *link, bool egress)
{
    if (!part_is_read(walk, PART_LINKS, REASON_LINKS_UNREAD))
        return;
    if (!egress && link->xdp_mode)
        walk_undetermined(walk, REASON_XDP, link->name, "an XDP program stands on the device");
    list_each(const struct program, program, &walk->at.namespace->facts->programs)
        if (stands_on_device(program, link, egress))
            walk_undetermined(walk, program_code(program->kind), link->name,
                              "a program stands on the device");
    if (!walk_ended(walk) && part_is_read(walk, PART_RULESET, REASON_RULESET_UNREAD))
        device_chains(walk, link, egress);
}

/* ---- the packet of the question ---- */

/* Devices beneath: what stands on them sees the packet first. */
static void lower_devices_check(struct walk *walk, const struct link *link)
{
    const struct world_namespace *namespace = walk->at.namespace;
    if (link->kind == LINK_VLAN && link->peer_nsid < 0) {
        const struct link *parent = world_link(namespace, link->peer_index);
        if (parent)
            device_checks(walk, parent, false);
    }
    list_each(const struct link, lower, &namespace->facts->links) {
        const struct world_namespace *other;
        bool inner = lower->kind == LINK_VETH && world_peer(namespace, lower, &other) &&
                     other->facts->role != ROLE_OUTSIDE;
        if (lower->master == link->index && !(link->kind == LINK_BRIDGE && inner))
            device_checks(walk, lower, false);
    }
}

/* A macvlan or ipvlan device above it that has the address takes the frame before IP sees it here. */
static void upper_devices_check(struct walk *walk, const struct link *link)
{
    const struct world *world = walk->world;
    uint64_t own = walk->at.namespace->facts->id;
    for (size_t i = 0; i < world->count; i++)
        list_each(const struct link, upper, &world->namespaces[i].facts->links) {
            if ((upper->kind != LINK_MACVLAN && upper->kind != LINK_IPVLAN) ||
                upper->peer_index != link->index)
                continue;
            uint64_t parent = upper->peer_namespace ? upper->peer_namespace : world->namespaces[i].facts->id;
            if (parent == own && has_address(&world->namespaces[i], upper, walk->at.destination))
                walk_undetermined(walk, REASON_LINK_KIND, upper->name,
                                  "a macvlan or ipvlan device has the address");
        }
}

void packet_arrive(struct walk *walk)
{
    const struct link *link = world_link(walk->at.namespace, walk->packet->interface);
    if (!link) {
        walk_undetermined(walk, REASON_LINKS_UNREAD, namespace_subject(walk),
                          "the interface is not in the snapshot");
        return;
    }
    struct flight *at = &walk->at;
    at->in = link;
    at->has_macs = link->hardware == ARPHRD_ETHER || link->hardware == ARPHRD_LOOPBACK;
    at->destination_mac = link->mac;
    if (walk->packet->source_mac) {
        at->source_mac = *walk->packet->source_mac;
        at->source_mac_known = true;
    }
    lower_devices_check(walk, link);
    upper_devices_check(walk, link);
    if (walk_ended(walk))
        return;
    const struct link *master = world_link(at->namespace, link->master);
    walk_go(walk, PLACE_FRAME);
    if (link->kind == LINK_BRIDGE) {
        walk_go(walk, PLACE_BRIDGE);
        at->frame = bridge_owner(walk, link, at->destination);
    } else if (master && master->kind == LINK_BRIDGE) {
        at->frame = bridge_owner(walk, master, at->destination);
    }
    if (at->place == PLACE_BRIDGE || (master && master->kind == LINK_BRIDGE))
        at->destination_mac = at->frame.link->mac;
}

/* ---- frames ---- */

static void frame_to_master(struct walk *walk, const struct link *link)
{
    const struct link *master = world_link(walk->at.namespace, link->master);
    if (master && master->kind == LINK_BRIDGE) {
        walk->at.port = link;
        walk->at.in = master;
        walk_go(walk, PLACE_BRIDGE);
    } else if (master && master->kind == LINK_BOND) {
        walk->at.in = master;
        device_checks(walk, master, false);
    } else {
        walk_undetermined(walk, REASON_LINK_KIND, master ? master->name : link->name,
                          "the device belongs to one that is not modelled");
    }
}

void frame_receive(struct walk *walk)
{
    const struct link *link = walk->at.in;
    if (!link_is_up(link)) {
        walk_unreachable(walk, DECIDER_LINK, link->name, "the link is down");
        return;
    }
    device_checks(walk, link, false);
    if (walk_ended(walk))
        return;
    walk_go(walk, PLACE_RECEIVE);
    if (link->master)
        frame_to_master(walk, link);
}

void frame_cross(struct walk *walk, const struct world_namespace *namespace, const struct link *link)
{
    struct flight *at = &walk->at;
    if (namespace != at->namespace) /* skb_scrub_packet() */
        at->mark = (struct word){.known = UINT32_MAX};
    at->connection = (struct connection_state){.mark.known = UINT32_MAX};
    at->namespace = namespace;
    at->in = link;
    at->out = at->port = NULL;
    at->home = 0;
    at->own = at->looped = at->prerouted = false;
    at->has_macs = true;
    at->hops++;
    walk_go(walk, PLACE_FRAME);
    walk_step(walk, "link", link, arena_printf(walk->arena, "arrives on %s", link->name));
}

/* ---- leaving ---- */

static void transmit_loopback(struct walk *walk, const struct link *link)
{
    struct flight *at = &walk->at;
    device_checks(walk, link, false);
    at->in = link;
    at->looped = true;
    if (at->connection.tracking == TRACKING_NEW)
        at->connection.status |= IPS_CONFIRMED; /* at the end of postrouting (nf_confirm) */
    at->own = false;
    at->has_macs = at->source_mac_known = true;
    at->source_mac = at->destination_mac = (struct mac){{0}};
    at->hops++;
    walk_go(walk, PLACE_RECEIVE);
}

static void leave_host(struct walk *walk, const struct link *link, const char *code, const char *message)
{
    walk->outcome->target = (struct target){
        .address = walk->at.destination, .port = walk->at.destination_port, .socket = -1, .elsewhere = true};
    walk_undetermined(walk, code, link->name, message);
}

static void transmit_veth(struct walk *walk, const struct link *link)
{
    const struct world_namespace *other;
    const struct link *peer = world_peer(walk->at.namespace, link, &other);
    struct station station;
    if (!peer) {
        leave_host(walk, link, REASON_ELSEWHERE, "the other end of the link was not seen");
        return;
    }
    if (!link_is_up(peer)) {
        walk_unreachable(walk, DECIDER_LINK, peer->name, "the other end of the link is down");
        return;
    }
    if (!neighbour_resolve(walk, link, walk->at.next_hop, &station))
        return;
    walk->at.destination_mac = station.link->mac;
    walk->at.frame = station;
    frame_cross(walk, other, peer);
}

static void transmit_bridge(struct walk *walk, const struct link *link)
{
    struct station station;
    if (!bridge_is_plain(walk, link, HOOK_OUTPUT) || !bridge_is_plain(walk, link, HOOK_POSTROUTING) ||
        !neighbour_resolve(walk, link, walk->at.next_hop, &station))
        return;
    walk->at.destination_mac = station.link->mac;
    bridge_send(walk, station);
}

void frame_transmit(struct walk *walk)
{
    const struct link *out = walk->at.out;
    if (!link_is_up(out) || !has_carrier(out)) {
        walk_unreachable(walk, DECIDER_LINK, out->name, "the link is down");
        return;
    }
    device_checks(walk, out, true);
    if (walk_ended(walk))
        return;
    walk->at.source_mac = out->mac;
    walk->at.source_mac_known = true;
    switch (out->kind) {
    case LINK_LOOPBACK:
        transmit_loopback(walk, out);
        break;
    case LINK_VETH:
        transmit_veth(walk, out);
        break;
    case LINK_BRIDGE:
        transmit_bridge(walk, out);
        break;
    case LINK_ETHERNET:
    case LINK_VLAN:
    case LINK_BOND:
    case LINK_TUN:
    case LINK_WIREGUARD:
    case LINK_TUNNEL:
    case LINK_DUMMY:
        leave_host(walk, out, REASON_ELSEWHERE, "it leaves this host");
        break;
    default:
        walk_undetermined(walk, REASON_LINK_KIND, out->name, "a device of a kind that is not modelled");
        break;
    }
}

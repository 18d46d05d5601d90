/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices: what comes in by them, what leaves by them, and what stands on them. */
#include "scanner/path/survey.h"

#include "netns/base/text.h"

#include <linux/if.h>
#include <linux/if_arp.h>

static const struct mac no_mac; /* of the loopback's frames */

static const struct mac *mac_of(const struct link *link)
{
    return link && link->has_mac ? &link->mac : NULL;
}

/* ---- what was not read ---- */
bool namespace_read(struct survey *survey, struct fragment *fragment)
{
    const struct namespace *facts = fragment->namespace->facts;
    if (facts->entered && !facts->error && !facts->gone)
        return true;
    survey_end_unknown(survey, fragment, REASON_NAMESPACE_UNREAD, namespace_text(survey, fragment->namespace),
                       facts->error ? facts->error : "the namespace was not read");
    return false;
}

void part_doubts(struct survey *survey, struct fragment *fragment, uint32_t parts, const char *code)
{
    const struct namespace *facts = fragment->namespace->facts;
    if (facts->missing & parts)
        fragment_taint(fragment, survey->arena, TAINT_ANY, facts->over_budget ? REASON_OVER_BUDGET : code,
                       namespace_text(survey, fragment->namespace),
                       "a part of the namespace that decides was not read");
}

bool link_has_address(const struct world_namespace *namespace, const struct link *link,
                      struct address address)
{
    list_each(const struct link_address, own, &namespace->facts->addresses)
        if (own->index == link->index && address_equal(own->prefix.address, address))
            return true;
    return false;
}

/* ---- what stands on a device ---- */
static bool chain_is_on(const struct nft_chain *chain, const struct link *link)
{
    bool on = chain->unknown_attribute || chain->devices.count == 0;
    list_each(const char *const, name, &chain->devices)
        on |= text_equal(*name, link->name);
    return on;
}

static const char *device_program_code(const struct program *program, bool egress)
{
    switch (program->kind) {
    case PROGRAM_XDP:
        return egress ? NULL : REASON_XDP;
    case PROGRAM_TC:
        return program->egress == egress ? REASON_TC : NULL;
    case PROGRAM_TCX:
        return program->egress == egress ? REASON_TCX : NULL;
    case PROGRAM_NETKIT:
        return REASON_NETKIT;
    default:
        return NULL;
    }
}

void device_doubts(struct survey *survey, struct fragment *fragment, const struct link *link, bool egress)
{
    struct arena *arena = survey->arena;
    const struct world_namespace *namespace = fragment->namespace;
    part_doubts(survey, fragment, PART_LINKS, REASON_LINKS_UNREAD);
    part_doubts(survey, fragment, PART_RULESET, REASON_RULESET_UNREAD);
    if (!egress && link->xdp_mode)
        fragment_taint(fragment, arena, TAINT_ANY, REASON_XDP, link->name,
                       "an XDP program stands on the device");
    list_each(const struct program, program, &namespace->facts->programs) {
        const char *code = program->interface == link->index ? device_program_code(program, egress) : NULL;
        if (code)
            fragment_taint(fragment, arena, TAINT_ANY, code, link->name, "a program stands on the device");
    }
    list_each(const struct hook_chain, chain, &namespace->device_hooks)
        if ((chain->chain->hook == HOOK_EGRESS) == egress && chain_is_on(chain->chain, link))
            fragment_taint(fragment, arena, TAINT_ANY, REASON_DEVICE_CHAIN,
                           survey_text(survey, "%s %s", chain->table->name, link->name),
                           "rules on the device are not modelled");
}

/* ---- the packet of the question ---- */
/* Its ports, but for those of containers where it is a bridge; noted, for a bridge has hundreds. */
struct lowers {
    size_t count;
    const struct link **links;
};

static bool is_lower(const struct world_namespace *namespace, const struct link *link,
                     const struct link *lower)
{
    const struct world_namespace *other;
    if (lower->master != link->index)
        return false;
    bool inner = lower->kind == LINK_VETH && world_peer(namespace, lower, &other) &&
                 other->facts->role != ROLE_OUTSIDE;
    return !(link->kind == LINK_BRIDGE && inner);
}

#define NOTE_LOWERS 1u /* scope_find() of neighbour.c notes under the device itself */

static const struct lowers *lowers_of(struct survey *survey, const struct world_namespace *namespace,
                                      const struct link *link)
{
    struct map *notes = symbolic_notes(survey->symbolic);
    struct arena *arena = symbolic_arena(survey->symbolic);
    uint64_t key = (uint64_t)(uintptr_t)link + NOTE_LOWERS;
    struct lowers *lowers = map_get_u64(notes, key);
    if (lowers)
        return lowers;
    lowers = arena_alloc(arena, sizeof(*lowers));
    *lowers =
        (struct lowers){.links = arena_alloc(arena, (namespace->facts->links.count + 1) * sizeof(link))};
    list_each(const struct link, lower, &namespace->facts->links)
        if (is_lower(namespace, link, lower))
            lowers->links[lowers->count++] = lower;
    map_set_u64(notes, key, lowers);
    return lowers;
}

/* Devices beneath: what stands on them sees the packet first. The ports of containers are not beneath an
 * uplink. */
static void lower_doubts(struct survey *survey, struct fragment *fragment, const struct link *link)
{
    const struct world_namespace *namespace = fragment->namespace;
    if (link->kind == LINK_VLAN && link->peer_nsid < 0) {
        const struct link *parent = world_link(namespace, link->peer_index);
        if (parent)
            device_doubts(survey, fragment, parent, false);
    }
    const struct lowers *lowers = lowers_of(survey, namespace, link);
    for (size_t i = 0; i < lowers->count; i++)
        device_doubts(survey, fragment, lowers->links[i], false);
}

/* A macvlan or ipvlan device above it that has the address takes the frame before IP sees it here. */
static void upper_doubts(struct survey *survey, struct fragment *fragment, const struct link *link)
{
    const struct world *world = survey->world;
    uint64_t own = fragment->namespace->facts->id;
    for (size_t i = 0; world->stacked && i < world->count; i++)
        list_each(const struct link, upper, &world->namespaces[i].facts->links) {
            uint64_t parent = upper->peer_namespace ? upper->peer_namespace : world->namespaces[i].facts->id;
            bool above = (upper->kind == LINK_MACVLAN || upper->kind == LINK_IPVLAN) &&
                         upper->peer_index == link->index && parent == own;
            if (above && link_has_address(&world->namespaces[i], upper, fragment->destination))
                fragment_taint(fragment, survey->arena, TAINT_ANY, REASON_LINK_KIND, upper->name,
                               "a macvlan or ipvlan device has the address");
        }
}

void device_arrive(struct survey *survey, struct fragment *fragment)
{
    const struct link *link = world_link(fragment->namespace, survey->query->interface);
    if (!link) {
        survey_end_unknown(survey, fragment, REASON_LINKS_UNREAD, namespace_text(survey, fragment->namespace),
                           "the interface is not in the snapshot");
        return;
    }
    const struct link *master = world_link(fragment->namespace, link->master);
    fragment->in = link;
    lower_doubts(survey, fragment, link);
    upper_doubts(survey, fragment, link);
    if (link->kind == LINK_BRIDGE)
        fragment->station = bridge_station(survey, fragment, link);
    else if (master && master->kind == LINK_BRIDGE)
        fragment->station = bridge_station(survey, fragment, master);
    fragment->source_mac = survey->query->source_mac;
    fragment->destination_mac = mac_of(fragment->station.link ? fragment->station.link : link);
    survey_continue(survey, fragment, link->kind == LINK_BRIDGE ? STAGE_BRIDGE : STAGE_INGRESS);
}

/* ---- frames ---- */
static void to_master(struct survey *survey, struct fragment *fragment, const struct link *link)
{
    const struct link *master = world_link(fragment->namespace, link->master);
    if (master && master->kind == LINK_BRIDGE) {
        fragment->port = link;
        fragment->in = master;
        survey_continue(survey, fragment, STAGE_BRIDGE);
    } else if (master && master->kind == LINK_BOND) {
        fragment->in = master;
        device_doubts(survey, fragment, master, false);
        survey_continue(survey, fragment, STAGE_PREROUTING);
    } else {
        survey_end_unknown(survey, fragment, REASON_LINK_KIND, master ? master->name : link->name,
                           "the device belongs to one that is not modelled");
    }
}

static void link_down(struct survey *survey, struct fragment *fragment, const struct link *link)
{
    struct cause cause = {.kind = DECIDER_LINK,
                          .namespace = fragment->namespace,
                          .subject = link->name,
                          .text = "the link is down"};
    survey_end(survey, fragment, STATE_UNREACHABLE, &cause);
}

void stage_ingress(struct survey *survey, struct fragment *fragment)
{
    const struct link *link = fragment->in;
    if (!namespace_read(survey, fragment))
        return;
    if (!(link->flags & IFF_UP)) {
        link_down(survey, fragment, link);
        return;
    }
    device_doubts(survey, fragment, link, false);
    if (link->master)
        to_master(survey, fragment, link);
    else
        survey_continue(survey, fragment, STAGE_PREROUTING);
}

void device_cross(struct survey *survey, struct fragment *fragment, const struct world_namespace *namespace,
                  const struct link *link)
{
    struct bits mark = fragment->mark;
    bool same = namespace == fragment->namespace;
    if (fragment->station.link)
        fragment->destination_mac = mac_of(fragment->station.link);
    fragment->namespace = namespace;
    fragment_reset(fragment);
    if (same) /* skb_scrub_packet: the mark is lost on the way into another namespace only */
        fragment->mark = mark;
    fragment->in = link;
    fragment->hops++;
    struct trace *trace = fragment_trace(fragment, survey->arena, "link", EFFECT_PASS,
                                         survey_text(survey, "arrives on %s", link->name));
    trace->interface = link->name;
    survey_continue(survey, fragment, STAGE_INGRESS);
}

/* ---- leaving ---- */
static void leave_host(struct survey *survey, struct fragment *fragment, const struct link *link,
                       const char *message)
{
    fragment->elsewhere = true;
    survey_end_unknown(survey, fragment, REASON_ELSEWHERE, link->name, message);
}

static void transmit_loopback(struct survey *survey, struct fragment *fragment, const struct link *link)
{
    device_doubts(survey, fragment, link, false);
    fragment->in = link;
    fragment->source_mac = fragment->destination_mac = &no_mac;
    fragment->looped = true;
    fragment->hops++;
    survey_continue(survey, fragment, STAGE_PREROUTING);
}

static void transmit_veth(struct survey *survey, struct fragment *fragment, const struct link *link)
{
    const struct world_namespace *other;
    const struct link *peer = world_peer(fragment->namespace, link, &other);
    if (!peer) {
        leave_host(survey, fragment, link, "the other end of the link was not seen");
        return;
    }
    if (!(peer->flags & IFF_UP)) {
        link_down(survey, fragment, peer);
        return;
    }
    struct fragment_list found = {0};
    neighbour_find(survey, fragment, link, &found);
    for (size_t i = 0; i < found.count; i++)
        device_cross(survey, found.items[i], other, peer);
    list_free(&found);
}

static void transmit_bridge(struct survey *survey, struct fragment *fragment, const struct link *link)
{
    bridge_doubts(survey, fragment, link, HOOK_OUTPUT);
    bridge_doubts(survey, fragment, link, HOOK_POSTROUTING);
    struct fragment_list found = {0};
    neighbour_find(survey, fragment, link, &found);
    for (size_t i = 0; i < found.count; i++)
        bridge_leave(survey, found.items[i]);
    list_free(&found);
}

void stage_transmit(struct survey *survey, struct fragment *fragment)
{
    const struct link *out = fragment->out;
    if (!link_works(out)) {
        link_down(survey, fragment, out);
        return;
    }
    device_doubts(survey, fragment, out, true);
    fragment->source_mac = mac_of(out);
    switch (out->kind) {
    case LINK_LOOPBACK:
        transmit_loopback(survey, fragment, out);
        break;
    case LINK_VETH:
        transmit_veth(survey, fragment, out);
        break;
    case LINK_BRIDGE:
        transmit_bridge(survey, fragment, out);
        break;
    case LINK_ETHERNET:
    case LINK_VLAN:
    case LINK_BOND:
    case LINK_TUN:
    case LINK_WIREGUARD:
    case LINK_TUNNEL:
    case LINK_DUMMY:
        leave_host(survey, fragment, out, "it leaves this host");
        break;
    default:
        survey_end_unknown(survey, fragment, REASON_LINK_KIND, out->name,
                           "a device of a kind that is not modelled");
    }
}

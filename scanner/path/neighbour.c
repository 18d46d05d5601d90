/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who takes a frame on a segment: by the neighbour table, else who would answer ARP or neighbour discovery.
 */
#include "scanner/path/survey.h"

#include "netns/base/text.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#define NUD_KNOWN                                                                                            \
    (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY) /* NUD_VALID */

struct segment_scope {
    LIST(struct station) stations;
    bool outside; /* a port leads off the host */
    bool unknown; /* a port leads to a namespace that was not seen, or to what is not modelled */
};

/* ---- everybody on the segment ---- */
static void scope_port(struct segment_scope *scope, const struct world_namespace *namespace,
                       const struct link *port)
{
    const struct world_namespace *other;
    const struct link *peer = world_peer(namespace, port, &other);
    bool unseen = port->kind == LINK_VETH && port->peer_unknown;
    if (peer && !peer->master) {
        *list_append(&scope->stations) = (struct station){other, peer, port};
        return;
    }
    scope->unknown |= peer || unseen; /* a bridge within the other namespace, or nothing known of it */
    scope->outside |= !peer && !unseen;
}

static void scope_ports(struct segment_scope *scope, const struct world_namespace *namespace,
                        const struct link *bridge, const struct link *except)
{
    list_each(const struct link, port, &namespace->facts->links)
        if (port->master == bridge->index && port != except)
            scope_port(scope, namespace, port);
}

static struct segment_scope scope_of(const struct world_namespace *namespace, const struct link *device)
{
    struct segment_scope scope = {0};
    const struct world_namespace *other;
    if (device->kind == LINK_BRIDGE) {
        scope_ports(&scope, namespace, device, NULL);
        return scope;
    }
    const struct link *peer = world_peer(namespace, device, &other);
    const struct link *master = peer ? world_link(other, peer->master) : NULL;
    if (!peer) {
        scope.outside = true;
    } else if (!peer->master) {
        *list_append(&scope.stations) = (struct station){other, peer, NULL};
    } else if (master && master->kind == LINK_BRIDGE) {
        *list_append(&scope.stations) = (struct station){other, master, NULL};
        scope_ports(&scope, other, master, peer);
    } else {
        scope.unknown = true;
    }
    return scope;
}

/* The same, made once: a bridge has hundreds of ports, and each packet asks. */
static const struct segment_scope *scope_find(struct survey *survey, const struct world_namespace *namespace,
                                              const struct link *device)
{
    struct map *notes = symbolic_notes(survey->symbolic);
    struct arena *arena = symbolic_arena(survey->symbolic);
    uint64_t key = (uint64_t)(uintptr_t)device;
    struct segment_scope *kept = map_get_u64(notes, key);
    if (kept)
        return kept;
    struct segment_scope scope = scope_of(namespace, device);
    kept = arena_alloc(arena, sizeof(*kept));
    *kept = scope;
    if (scope.stations.count > 0) {
        size_t size = scope.stations.count * sizeof(*scope.stations.items);
        kept->stations.items = memcpy(arena_alloc(arena, size), scope.stations.items, size);
    }
    list_free(&scope.stations);
    map_set_u64(notes, key, kept);
    return kept;
}

/* ---- who answers ---- */
static bool arp_allowed(const struct station *station, struct address wanted)
{
    int32_t ignore = station->link->arp_ignore;
    return ignore <= 0 || (ignore <= 2 && link_has_address(station->namespace, station->link, wanted));
}

/* arp_process, ndisc_recv_ns */
static bool station_answers(struct survey *survey, const struct station *station, struct address asker,
                            struct address wanted)
{
    if (!(station->link->flags & IFF_UP))
        return false;
    if (wanted.family == FAMILY_IP6)
        return link_has_address(station->namespace, station->link, wanted);
    if (routes_to_input(survey, station->namespace, station->link, asker, wanted))
        return arp_allowed(station, wanted);
    return station->link->proxy_arp > 0 && station->link->forwarding4 > 0;
}

/* arp_solicit: the packet's own source where that is local, else an address of the device. */
static struct address asker_of(const struct fragment *fragment, const struct link *device,
                               struct address source)
{
    if (fragment->next_hop.family == FAMILY_IP6 ||
        (source.family == FAMILY_IP4 && world_is_local(fragment->namespace, source)))
        return source;
    struct address own =
        source_for(fragment->namespace, device, fragment->next_hop, fragment->next_hop, RT_SCOPE_LINK);
    return own.family ? own : (struct address){FAMILY_IP4, 0};
}

static void arp_doubts(struct survey *survey, struct fragment *fragment,
                       const struct world_namespace *namespace)
{
    bool rules = false;
    for (size_t hook = 0; hook <= HOOK_POSTROUTING && fragment->next_hop.family == FAMILY_IP4; hook++)
        rules |= namespace->arp_hooks[hook].count > 0;
    list_each(const struct legacy_table, table, &namespace->facts->ruleset.legacy)
        rules |= text_equal(table->tool, "arptables") && !table->empty;
    if (rules)
        fragment_taint(fragment, survey->arena, TAINT_ANY, REASON_ARP_TABLE,
                       namespace_text(survey, namespace), "rules on ARP are not modelled");
}

/* ---- ends ---- */
static void nobody_answers(struct survey *survey, struct fragment *fragment,
                           const struct segment_scope *scope, const struct link *device)
{
    const char *wanted = survey_text(survey, "%s", ADDRESS_TEXT(fragment->next_hop));
    bool ip6 = fragment->destination.family == FAMILY_IP6;
    if (scope->outside) {
        fragment->elsewhere = true;
        survey_end_unknown(survey, fragment, REASON_ELSEWHERE, device->name,
                           "the next hop is not on this host");
    } else if (scope->unknown) {
        survey_end_unknown(survey, fragment, REASON_PEER_UNKNOWN, device->name,
                           "a namespace on this segment was not seen");
    } else if (fragment->namespace->facts->missing & (PART_NEIGHBOURS | PART_FDB)) {
        survey_end_unknown(survey, fragment, REASON_NEIGHBOUR, wanted, "the neighbours were not read");
    } else {
        struct cause cause = {.kind = DECIDER_NEIGHBOUR,
                              .namespace = fragment->namespace,
                              .subject = wanted,
                              .text = "nobody has the next hop's address"};
        survey_end_answered(survey, fragment, STATE_UNREACHABLE, &cause, ANSWER_ICMP,
                            ip6 ? ICMPV6_DEST_UNREACH : ICMP_DEST_UNREACH,
                            ip6 ? ICMPV6_ADDR_UNREACH : ICMP_HOST_UNREACH);
    }
}

/* ---- finding ---- */
static const struct neighbour *entry_of(const struct fragment *fragment, const struct link *device)
{
    list_each(const struct neighbour, neighbour, &fragment->namespace->facts->neighbours)
        if (neighbour->index == device->index && neighbour->has_mac && (neighbour->state & NUD_KNOWN) &&
            address_equal(neighbour->address, fragment->next_hop))
            return neighbour;
    return NULL;
}

static bool station_by_mac(const struct segment_scope *scope, struct mac mac, struct station *ret_station)
{
    list_each(const struct station, station, &scope->stations)
        if (station->link->has_mac && memcmp(station->link->mac.bytes, mac.bytes, sizeof(mac.bytes)) == 0) {
            *ret_station = *station;
            return true;
        }
    return false;
}

/* NULL: the fragment ended. `source`: FAMILY_NONE for any that is not local. */
static struct fragment *ask(struct survey *survey, struct fragment *fragment,
                            const struct segment_scope *scope, const struct link *device,
                            struct address source)
{
    struct address asker = asker_of(fragment, device, source);
    size_t answers = 0;
    arp_doubts(survey, fragment, fragment->namespace);
    list_each(const struct station, station, &scope->stations)
        if (station_answers(survey, station, asker, fragment->next_hop)) {
            arp_doubts(survey, fragment, station->namespace); /* question and answer pass its rules, too */
            if (answers++ == 0)
                fragment->station = *station;
        }
    if (answers == 1)
        return fragment;
    if (answers == 0)
        nobody_answers(survey, fragment, scope, device);
    else
        survey_end_unknown(survey, fragment, REASON_DUPLICATE,
                           survey_text(survey, "%s", ADDRESS_TEXT(fragment->next_hop)),
                           "several have the next hop's address");
    return NULL;
}

/* Sources that are local here ask in their own name: each local route's, apart. Takes the fragment. */
static void ask_by_source(struct survey *survey, struct fragment *fragment, const struct segment_scope *scope,
                          const struct link *device, struct fragment_list *ret_found)
{
    size_t count;
    const struct route *const *routes =
        world_routes(fragment->namespace, fragment->destination.family, RT_TABLE_LOCAL, &count);
    bool apart = !fragment->source.given && fragment->next_hop.family == FAMILY_IP4;
    for (size_t i = 0; apart && fragment && i < count; i++) {
        if (routes[i]->type != RTN_LOCAL)
            continue;
        struct interval_set prefix = interval_set_prefix(routes[i]->destination);
        struct fragment *local;
        fragment_split_sources(fragment, &prefix, &local, &fragment);
        interval_set_free(&prefix);
        if (local) {
            struct address source = {FAMILY_IP4, local->sources->set.items[0].first};
            fragment_list_add(ret_found, ask(survey, local, scope, device, source));
        }
    }
    if (fragment)
        fragment_list_add(ret_found,
                          ask(survey, fragment, scope, device,
                              fragment->source.given ? fragment->source.address : (struct address){0}));
}

void neighbour_find(struct survey *survey, struct fragment *fragment, const struct link *device,
                    struct fragment_list *ret_found)
{
    const struct segment_scope *scope = scope_find(survey, fragment->namespace, device);
    const struct neighbour *neighbour = entry_of(fragment, device);
    if (neighbour && station_by_mac(scope, neighbour->mac, &fragment->station))
        fragment_list_add(ret_found, fragment); /* known already */
    else if (neighbour && (neighbour->state & (NUD_PERMANENT | NUD_NOARP)))
        nobody_answers(survey, fragment, scope, device);
    else
        ask_by_source(survey, fragment, scope, device, ret_found);
}

struct station bridge_station(struct survey *survey, const struct fragment *fragment,
                              const struct link *bridge)
{
    struct station found = {fragment->namespace, bridge, NULL};
    if (world_is_local(fragment->namespace, fragment->destination))
        return found;
    const struct segment_scope *scope = scope_find(survey, fragment->namespace, bridge);
    list_each(const struct station, station, &scope->stations)
        if (!found.port && link_has_address(station->namespace, station->link, fragment->destination))
            found = *station;
    return found;
}

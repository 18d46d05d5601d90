/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The members of a segment, and which of them fare alike. */
#include "scanner/path/channel_work.h"

#include <linux/netfilter/nf_tables.h>

static const struct link *member_link(const struct world_namespace *member,
                                      const struct world_namespace *holder, const struct link *bridge,
                                      const struct link **ret_port)
{
    list_each(const struct link, link, &member->facts->links) {
        const struct world_namespace *other;
        const struct link *port = world_peer(member, link, &other);
        if (port && other == holder && port->master == bridge->index) {
            *ret_port = port;
            return link;
        }
    }
    return NULL;
}

/* ---- rules ---- */
static bool loopback_value(const struct nft_cmp *cmp)
{
    return cmp->op == NFT_CMP_EQ && cmp->data.value.length >= 1 && cmp->data.value.data[0] == 127;
}

/* Is the rule for packets to 127/8 alone, as those of an engine's resolver in the container? */
static bool rule_is_loopback(const struct nft_rule *rule)
{
    for (size_t i = 0; i + 1 < rule->expressions.count; i++) {
        const struct nft_expression *load = &rule->expressions.items[i], *next = load + 1;
        if (load->kind == EXPRESSION_PAYLOAD && !load->payload.write &&
            load->payload.base == NFT_PAYLOAD_NETWORK_HEADER && load->payload.offset == 16 &&
            next->kind == EXPRESSION_CMP && next->cmp.sreg == load->payload.dreg)
            return loopback_value(&next->cmp);
    }
    return false;
}

/* The resolver's own rules in POSTROUTING ask for its address as source instead. */
static bool rule_is_from_loopback(const struct nft_rule *rule)
{
    for (size_t i = 0; i + 1 < rule->expressions.count; i++) {
        const struct nft_expression *load = &rule->expressions.items[i], *next = load + 1;
        if (load->kind == EXPRESSION_PAYLOAD && !load->payload.write &&
            load->payload.base == NFT_PAYLOAD_NETWORK_HEADER && load->payload.offset == 12 &&
            next->kind == EXPRESSION_CMP && next->cmp.sreg == load->payload.dreg)
            return loopback_value(&next->cmp);
    }
    return false;
}

static bool chain_is_harmless(const struct hook_chain *hook)
{
    if (hook->chain->policy == 0 || hook->chain->unknown_attribute)
        return false;
    list_each(const struct nft_rule, rule, &hook->chain->rules) {
        bool jump_back = rule_is_loopback(rule) || rule_is_from_loopback(rule);
        if (rule->undecodable || !jump_back)
            return false;
    }
    return true;
}

static bool rules_are_harmless(const struct world_namespace *member, enum ip_family family)
{
    static const enum nft_hook hooks[] = {HOOK_OUTPUT, HOOK_POSTROUTING};
    if (member->incomplete[world_family(family)] || member->device_hooks.count > 0)
        return false;
    for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
        list_each(const struct hook_chain, chain, &member->hooks[world_family(family)][hooks[i]])
            if (!chain_is_harmless(chain))
                return false;
    return true;
}

/* ---- all that may make a member different ---- */
static bool port_is_plain(const struct world_namespace *holder, const struct link *port)
{
    bool stands = port->port_isolated || port->port_hairpin || port->port_state != 3 || port->xdp_mode != 0;
    list_each(const struct program, program, &holder->facts->programs)
        stands |= program->interface == port->index;
    return !stands && (port->flags & 1);
}

static bool routes_are_plain(const struct world_namespace *member, const struct link *link,
                             enum ip_family family)
{
    if (member->custom_rules[world_family(family)])
        return false;
    list_each(const struct route, route, &member->facts->routes) {
        bool main = route->family == family && route->type == 1; /* RTN_UNICAST */
        if (main && (route->next_hops.count != 1 || route->next_hops.items[0].index != link->index))
            return false;
    }
    return true;
}

static bool is_plain(const struct world_namespace *member, const struct world_namespace *holder,
                     const struct link *link, const struct link *port, enum ip_family family)
{
    const struct namespace *facts = member->facts;
    if (!link || !facts->entered || facts->error || facts->gone || facts->missing != 0 ||
        facts->programs.count > 0 || facts->ruleset.legacy.count > 0 || facts->ruleset.not_atomic ||
        facts->ruleset.over_budget)
        return false;
    return !link->master && !link->xdp_mode && (link->flags & 1) && port_is_plain(holder, port) &&
           routes_are_plain(member, link, family) && rules_are_harmless(member, family);
}

/* ---- the members ---- */
/* Moves a set into the arena. */
static struct interval_set set_keep(struct interval_set *set, struct arena *arena)
{
    struct interval_set kept = {.count = set->count, .capacity = set->count};
    if (set->count > 0) {
        size_t size = set->count * sizeof(*set->items);
        kept.items = memcpy(arena_alloc(arena, size), set->items, size);
    }
    interval_set_free(set);
    return kept;
}

static struct segment_member member_of(const struct vantage_segment *segment, uint64_t id,
                                       const struct world_namespace *namespace, enum ip_family family,
                                       struct arena *arena)
{
    const struct link *port = NULL, *link = member_link(namespace, segment->holder, segment->bridge, &port);
    struct interval_set addresses = {0};
    list_each(const struct link_address, own, &namespace->facts->addresses) {
        struct address address = own->prefix.address;
        if (link && own->index == link->index && address.family == family && !address_is_link_local(address))
            interval_set_add(&addresses, address.value, address.value);
    }
    return (struct segment_member){.id = id,
                                   .namespace = namespace,
                                   .plain = is_plain(namespace, segment->holder, link, port, family),
                                   .addresses = set_keep(&addresses, arena)};
}

static void members_find(struct vantage_segment *segment, const struct world *world,
                         const struct vantage *vantage, enum ip_family family, struct arena *arena)
{
    struct interval_set plain = {0};
    segment->members = arena_alloc(arena, (vantage->members.count + 1) * sizeof(*segment->members));
    list_each(const uint64_t, id, &vantage->members) {
        const struct world_namespace *namespace = world_namespace(world, *id);
        if (!namespace)
            continue;
        struct segment_member *member = &segment->members[segment->count++];
        *member = member_of(segment, *id, namespace, family, arena);
        for (size_t i = 0; member->plain && i < member->addresses.count; i++)
            interval_set_add(&plain, member->addresses.items[i].first, member->addresses.items[i].last);
    }
    segment->plain = set_keep(&plain, arena);
}

const struct vantage_segment *segment_find(struct symbolic *symbolic, const struct vantage *vantage,
                                           enum ip_family family)
{
    const struct world *world = symbolic_world(symbolic);
    struct arena *arena = symbolic_arena(symbolic);
    uint64_t key = (uint64_t)(uintptr_t)vantage + (family == FAMILY_IP6);
    struct vantage_segment *segment = map_get_u64(symbolic_notes(symbolic), key);
    if (segment)
        return segment;
    segment = arena_alloc(arena, sizeof(*segment));
    *segment = (struct vantage_segment){.holder = world_namespace(world, vantage->namespace)};
    if (segment->holder)
        segment->bridge = namespace_link_named(segment->holder->facts, vantage->bridge);
    if (segment->bridge)
        members_find(segment, world, vantage, family, arena);
    map_set_u64(symbolic_notes(symbolic), key, segment);
    return segment;
}

/* ---- addresses ---- */
static void take_out(struct interval_set *set, u128 value)
{
    struct interval_set one = interval_set_range(value, value);
    struct interval_set rest = interval_set_subtract(set, &one);
    interval_set_free(&one);
    interval_set_free(set);
    *set = rest;
}

void segment_addresses(const struct world_namespace *holder, const struct link *bridge,
                       const struct entry *entry, struct interval_set *set)
{
    list_each(const struct link_address, own, &holder->facts->addresses) {
        if (own->index != bridge->index || own->prefix.address.family != entry->family ||
            address_is_link_local(own->prefix.address))
            continue;
        struct interval_set net = interval_set_prefix(own->prefix);
        take_out(&net, prefix_first(own->prefix).value);
        take_out(&net, prefix_last(own->prefix).value);
        struct interval_set both = interval_set_union(set, &net);
        interval_set_free(&net);
        interval_set_free(set);
        *set = both;
        take_out(set, own->prefix.address.value);
    }
    take_out(set, entry->address.value);
}

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

bool segment_member_is_plain(const struct world_namespace *member, const struct world_namespace *holder,
                             const struct link *bridge, enum ip_family family)
{
    const struct link *port;
    const struct namespace *facts = member->facts;
    const struct link *link = member_link(member, holder, bridge, &port);
    if (!link || !facts->entered || facts->error || facts->gone || facts->missing != 0 ||
        facts->programs.count > 0 || facts->ruleset.legacy.count > 0 || facts->ruleset.not_atomic ||
        facts->ruleset.over_budget)
        return false;
    return !link->master && !link->xdp_mode && (link->flags & 1) && port_is_plain(holder, port) &&
           routes_are_plain(member, link, family) && rules_are_harmless(member, family);
}

/* ---- addresses ---- */
void segment_member_addresses(const struct world_namespace *member, const struct world_namespace *holder,
                              const struct link *bridge, enum ip_family family, struct interval_set *set)
{
    const struct link *port, *link = member_link(member, holder, bridge, &port);
    list_each(const struct link_address, own, &member->facts->addresses) {
        struct address address = own->prefix.address;
        if (link && own->index == link->index && address.family == family && !address_is_link_local(address))
            interval_set_add(set, address.value, address.value);
    }
}

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

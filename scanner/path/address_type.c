/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the routing tables say an address is: `fib ... type` of nf_tables, and xtables' addrtype. */
#include "scanner/path/survey.h"

#include <linux/rtnetlink.h>

void address_type_list_free(struct address_type_list *list)
{
    list_each(struct address_type_part, part, list)
        interval_set_free(&part->addresses);
    list_free(list);
}

/* Takes the set. `route`: the route that said so, whose doubts the answer shares; NULL: none. */
static void type_add(struct address_type_list *list, struct interval_set *set, uint32_t type,
                     const struct route_part *route)
{
    struct address_type_part new = {.type = type};
    if (route) {
        new.doubts = route->doubts;
        new.taint = route->taint;
        new.by_sender = route->by_sender;
    }
    if (interval_set_empty(set)) {
        interval_set_free(set);
        return;
    }
    list_each(struct address_type_part, part, list) {
        if (part->type != type || part->doubts != new.doubts || part->taint != new.taint ||
            part->by_sender != new.by_sender)
            continue;
        struct interval_set both = interval_set_union(&part->addresses, set);
        interval_set_free(&part->addresses);
        interval_set_free(set);
        part->addresses = both;
        return;
    }
    new.addresses = *set;
    *list_append(list) = new;
    *set = (struct interval_set){0};
}

/* Takes from *left what lies in [first, last]. */
static struct interval_set take_range(struct interval_set *left, u128 first, u128 last)
{
    struct interval_set range = interval_set_range(first, last);
    struct interval_set taken = interval_set_intersect(left, &range);
    struct interval_set rest = interval_set_subtract(left, &range);
    interval_set_free(&range);
    interval_set_free(left);
    *left = rest;
    return taken;
}

static void take_type(struct address_type_list *list, struct interval_set *left, u128 first, u128 last,
                      uint32_t type)
{
    struct interval_set taken = take_range(left, first, last);
    type_add(list, &taken, type, NULL);
}

/* __inet_dev_addr_type: what the table `local` says of it, on that device. */
static void types4(struct survey *survey, const struct world_namespace *namespace, const struct link *link,
                   struct interval_set *left, struct address_type_list *list)
{
    take_type(list, left, 0, 0x00ffffff, RTN_BROADCAST);
    take_type(list, left, 0xffffffff, 0xffffffff, RTN_BROADCAST);
    take_type(list, left, 0xe0000000, 0xefffffff, RTN_MULTICAST);
    size_t count;
    const struct route *const *routes = namespace->custom_rules[0]
                                            ? world_routes(namespace, FAMILY_IP4, RT_TABLE_LOCAL, &count)
                                            : merged_routes(survey, namespace, &count);
    for (size_t i = 0; i < count && !interval_set_empty(left); i++) {
        if (!route_usable(routes[i]))
            continue;
        u128 first = prefix_first(routes[i]->destination).value,
             last = prefix_last(routes[i]->destination).value;
        const struct next_hop *hop = routes[i]->next_hops.count > 0 ? routes[i]->next_hops.items : NULL;
        bool here = !link || (hop && hop->index == link->index);
        bool error = route_kind(routes[i]) != ROUTE_FOUND || routes[i]->type == RTN_THROW;
        take_type(list, left, first, last, here && !error ? routes[i]->type : RTN_UNICAST);
    }
    type_add(list, left, RTN_UNICAST, NULL);
}

/* Cuts a part by the addresses that the interface has (ipv6_chk_addr with strict). */
static struct interval_set own_addresses(const struct world_namespace *namespace, const struct link *link)
{
    struct interval_set own = {0};
    list_each(const struct link_address, address, &namespace->facts->addresses)
        if (address->index == link->index && address->prefix.address.family == FAMILY_IP6)
            interval_set_add(&own, address->prefix.address.value, address->prefix.address.value);
    return own;
}

static uint32_t type_of_result(const struct route_result *result)
{
    switch (result->kind) {
    case ROUTE_BLACKHOLE:
        return RTN_BLACKHOLE;
    case ROUTE_PROHIBIT:
        return RTN_PROHIBIT;
    case ROUTE_NONE:
    case ROUTE_UNREACHABLE:
        return RTN_UNREACHABLE;
    default:
        return result->route->type;
    }
}

#define IP6_MULTICAST ((u128)0xff << 120)

/* ipv6_anycast_destination: so is the first address of a network that is on link. */
static bool has_router_address(const struct route_result *result)
{
    const struct route *route = result->route;
    return result->kind == ROUTE_FOUND && route->type != RTN_ANYCAST && route->destination.length < 127 &&
           result->next_hop && !result->next_hop->gateway.family;
}

/* Cuts that address off the part; empty: there is none. */
static struct interval_set take_router_address(struct route_part *part)
{
    if (!has_router_address(&part->result))
        return (struct interval_set){0};
    u128 first = prefix_first(part->result.route->destination).value;
    return take_range(&part->addresses, first, first);
}

/* RTN_* as __nft_fib6_eval_type gives it, from the route and from what the address itself is. */
static void types6_part(const struct world_namespace *namespace, const struct link *link,
                        struct route_part *part, struct address_type_list *list)
{
    uint32_t type = type_of_result(&part->result);
    bool error = part->result.kind != ROUTE_FOUND;
    struct interval_set router = take_router_address(part);
    type_add(list, &router, RTN_ANYCAST, part);
    if (link && !error) {
        struct interval_set own = own_addresses(namespace, link);
        struct interval_set local = interval_set_intersect(&part->addresses, &own);
        struct interval_set rest = interval_set_subtract(&part->addresses, &own);
        interval_set_free(&own);
        interval_set_free(&part->addresses);
        part->addresses = rest;
        type_add(list, &local, type == RTN_ANYCAST ? RTN_ANYCAST : RTN_LOCAL, part);
    }
    if (!error && type != RTN_ANYCAST && (type != RTN_LOCAL || link)) {
        struct interval_set multicast = take_range(&part->addresses, IP6_MULTICAST, ~(u128)0);
        struct interval_set any = take_range(&part->addresses, 0, 0);
        type_add(list, &multicast, RTN_MULTICAST, part);
        type_add(list, &any, RTN_UNSPEC, part);
        type = RTN_UNICAST;
    }
    type_add(list, &part->addresses, type, part);
}

/* What of an address match_lookup_rt6 and match_type6 ask. */
struct address6_facts {
    bool own, router, multicast, any;
};

/* Does the addrtype match with this mask hold? */
static bool xt_type6(uint32_t mask, const struct route_part *part, bool link, struct address6_facts facts)
{
    const uint32_t by_route =
        1u << RTN_ANYCAST | 1u << RTN_LOCAL | 1u << RTN_PROHIBIT | 1u << RTN_UNREACHABLE;
    if (((mask & 1u << RTN_MULTICAST) && !facts.multicast) ||
        ((mask & 1u << RTN_UNICAST) && (facts.multicast || facts.any)) ||
        ((mask & 1u << RTN_UNSPEC) && !facts.any))
        return false;
    if (!(mask & by_route))
        return true;
    if (part->result.kind != ROUTE_FOUND)
        return mask & 1u << RTN_UNREACHABLE;
    bool local = link ? facts.own : part->result.route->type == RTN_LOCAL;
    bool anycast = facts.router || part->result.route->type == RTN_ANYCAST;
    return (local && (mask & 1u << RTN_LOCAL)) || (anycast && (mask & 1u << RTN_ANYCAST));
}

static void xt_types6_part(const struct world_namespace *namespace, const struct link *link, uint32_t mask,
                           struct route_part *part, struct address_type_list *list)
{
    struct interval_set own = {0}, router = take_router_address(part);
    if (link) {
        struct interval_set all = own_addresses(namespace, link);
        own = interval_set_intersect(&part->addresses, &all);
        struct interval_set rest = interval_set_subtract(&part->addresses, &all);
        interval_set_free(&all);
        interval_set_free(&part->addresses);
        part->addresses = rest;
    }
    struct interval_set multicast = take_range(&part->addresses, IP6_MULTICAST, ~(u128)0);
    struct interval_set any = take_range(&part->addresses, 0, 0);
    struct {
        struct interval_set *set;
        struct address6_facts facts;
    } classes[] = {{&own, {.own = true}},
                   {&router, {.router = true}},
                   {&multicast, {.multicast = true}},
                   {&any, {.any = true}},
                   {&part->addresses, {.own = false}}};
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
        type_add(list, classes[i].set, xt_type6(mask, part, link, classes[i].facts) ? mask : 0, part);
}

/* The same for one address, by the sources for which the part's route is taken. */
static void types6_of(const struct world_namespace *namespace, const struct link *link,
                      struct address address, struct route_part *part, struct address_type_list *list)
{
    struct interval_set sources = part->addresses;
    struct address_type_list one = {0};
    part->addresses = interval_set_range(address.value, address.value);
    types6_part(namespace, link, part, &one);
    list_each(const struct address_type_part, type, &one) /* of one address there is one */
        type_add(list, &sources, type->type, part);
    address_type_list_free(&one);
}

void fib_types(struct survey *survey, const struct world_namespace *namespace, const struct route_flow *flow,
               const struct link *link, const struct link *strict, const struct interval_set *sources,
               struct address_type_list *ret_types)
{
    if (flow->family == FAMILY_IP4) { /* without the other address */
        struct interval_set left = flow->forward ? interval_set_range(flow->fixed.value, flow->fixed.value)
                                                 : interval_set_copy(sources);
        types4(survey, namespace, link, &left, ret_types);
        interval_set_free(&left);
        list_each(struct address_type_part, part, ret_types)
            if (flow->forward) {
                interval_set_free(&part->addresses);
                part->addresses = interval_set_copy(sources);
            }
        return;
    }
    struct route_part_list parts = {0};
    routes_resolve_strict(survey, namespace, flow, strict, sources, &parts);
    list_each(struct route_part, part, &parts) {
        if (flow->forward)
            types6_of(namespace, link, flow->fixed, part, ret_types);
        else
            types6_part(namespace, link, part, ret_types);
    }
    route_part_list_free(&parts);
}

/* match_lookup_rt6: neither the other address nor a mark; ip6_route_output_flags: a device and no source. */
static void xt_types6(struct survey *survey, const struct world_namespace *namespace, const struct link *link,
                      uint32_t mask, const struct interval_set *set, struct address_type_list *list)
{
    struct route_part_list parts = {0};
    struct route_flow flow = {.family = FAMILY_IP6,
                              .fixed = {FAMILY_IP6, 0},
                              .in = namespace_loopback(namespace),
                              .strict = link,
                              .mark = {0, UINT32_MAX}};
    routes_resolve_strict(survey, namespace, &flow, link, set, &parts);
    list_each(struct route_part, part, &parts)
        xt_types6_part(namespace, link, mask, part, list);
    route_part_list_free(&parts);
}

void xt_types(struct survey *survey, const struct world_namespace *namespace, enum ip_family family,
              const struct link *link, uint32_t mask, const struct interval_set *set,
              struct address_type_list *ret_types)
{
    if (family == FAMILY_IP6) {
        xt_types6(survey, namespace, link, mask, set, ret_types);
        return;
    }
    struct interval_set left = interval_set_copy(set);
    types4(survey, namespace, link, &left, ret_types);
    interval_set_free(&left);
    list_each(struct address_type_part, part, ret_types)
        part->type = 1u << part->type;
}

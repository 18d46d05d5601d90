/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The routing tables: policy rules, tables, next hops (fib_rules.c, fib_trie.c, ip6_fib.c of the kernel). */
#include "scanner/path/concrete_walk.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

enum found { FOUND_NOTHING, FOUND_ROUTE, FOUND_ERROR };

struct search {
    struct walk *walk;
    const struct world_namespace *namespace;
    enum ip_family family;
    const struct route_key *key;
    struct route_result result;
};

/* ---- one route ---- */

/* fib_props of the kernel: an error that ends the search, or EAGAIN, which goes on with the next rule. */
static int type_error(uint8_t type)
{
    switch (type) {
    case RTN_BLACKHOLE:
    case RTN_NAT:
    case RTN_XRESOLVE:
        return EINVAL;
    case RTN_UNREACHABLE:
        return EHOSTUNREACH;
    case RTN_PROHIBIT:
        return EACCES;
    case RTN_THROW:
        return EAGAIN;
    default:
        return 0;
    }
}

static bool route_matches(struct search *search, const struct route *route)
{
    const struct route_key *key = search->key;
    if (!prefix_contains(route->destination, key->destination))
        return false;
    if (route->source.address.family != FAMILY_NONE && route->source.length > 0 &&
        !prefix_contains(route->source, key->source))
        return false;
    return !route->tos || walk_choose(search->walk, 2, REASON_PACKET_FIELD, "ip tos") == 1;
}

static bool hop_is_usable(const struct search *search, const struct next_hop *hop)
{
    if (hop->flags & RTNH_F_DEAD)
        return false;
    bool device_counts = search->family == FAMILY_IP4 || search->key->strict;
    return !device_counts || !search->key->out || hop->index == search->key->out;
}

/* IPv6 gives a route that is an error the loopback device, which must be the one asked for as any other. */
static bool error_is_usable(const struct search *search)
{
    return search->family == FAMILY_IP4 || !search->key->strict || search->key->out == LOOPBACK_INDEX;
}

/* One of the usable next hops; which, only a hash knows. */
static const struct next_hop *hop_choose(struct search *search, const struct route *route)
{
    uint32_t count = 0, chosen;
    list_each(const struct next_hop, hop, &route->next_hops)
        count += hop_is_usable(search, hop);
    if (count == 0)
        return NULL;
    chosen = walk_choose(search->walk, count, REASON_MULTIPATH, PREFIX_TEXT(route->destination));
    list_each(const struct next_hop, hop, &route->next_hops)
        if (hop_is_usable(search, hop) && chosen-- == 0)
            return hop;
    return NULL;
}

/* False: look on. */
static bool route_take(struct search *search, const struct route *route, enum found *ret_found)
{
    struct route_result *result = &search->result;
    if (!route_matches(search, route))
        return false;
    if (route->unknown_attribute)
        walk_undetermined(search->walk, REASON_ROUTE_ATTRIBUTE, PREFIX_TEXT(route->destination),
                          "a route with an attribute that is not modelled");
    int error = type_error(route->type);
    const struct next_hop *hop = error ? NULL : hop_choose(search, route);
    if (error ? !error_is_usable(search) : !hop)
        return false;
    *result = (struct route_result){.error = error,
                                    .type = route->type,
                                    .route = route,
                                    .hop = hop,
                                    .prefix_length = route->destination.length};
    *ret_found = error == EAGAIN ? FOUND_NOTHING : error ? FOUND_ERROR : FOUND_ROUTE;
    return true;
}

/* ---- one table ---- */

static enum found table_search(struct search *search, uint32_t table)
{
    size_t count;
    const struct route *const *routes = world_routes(search->namespace, search->family, table, &count);
    enum found found;
    for (size_t i = 0; i < count; i++)
        if (route_take(search, routes[i], &found))
            return found;
    return FOUND_NOTHING;
}

/*
 * IPv4 without policy rules of anybody's own keeps `local` and `main` in one tree: the longest prefix of both
 * wins, `local` of equal ones (fib_trie.c, fib_unmerge).
 */
static enum found merged_search(struct search *search)
{
    size_t local_count, main_count, l = 0, m = 0;
    const struct route *const *local =
        world_routes(search->namespace, FAMILY_IP4, RT_TABLE_LOCAL, &local_count);
    const struct route *const *main = world_routes(search->namespace, FAMILY_IP4, RT_TABLE_MAIN, &main_count);
    enum found found;
    while (l < local_count || m < main_count) {
        bool take_local = m == main_count ||
                          (l < local_count && local[l]->destination.length >= main[m]->destination.length);
        if (route_take(search, take_local ? local[l++] : main[m++], &found))
            return found;
    }
    return FOUND_NOTHING;
}

/* ---- policy rules ---- */

static bool name_matches(const struct search *search, const char *name, uint32_t index)
{
    const struct link *link = world_link(search->namespace, index);
    return !name || (link && strcmp(link->name, name) == 0);
}

static bool ports_match(const struct route_key *key, const struct policy_rule *rule)
{
    if (rule->ip_protocol && rule->ip_protocol != key->protocol)
        return false;
    uint16_t source = key->protocol ? key->source_port : 0,
             destination = key->protocol ? key->destination_port : 0;
    if (rule->has_source_port && (source < rule->source_port_first || source > rule->source_port_last))
        return false;
    return !rule->has_destination_port ||
           (destination >= rule->destination_port_first && destination <= rule->destination_port_last);
}

static bool mark_matches(struct search *search, const struct policy_rule *rule)
{
    const struct word *mark = &search->key->mark;
    if ((rule->mark ^ mark->value) & rule->mark_mask & mark->known)
        return false;
    return !(rule->mark_mask & ~mark->known) || walk_choose(search->walk, 2, REASON_RANDOM, "mark") == 0;
}

static bool uid_matches(struct search *search, const struct policy_rule *rule)
{
    const struct route_key *key = search->key;
    if (!rule->has_uid)
        return true;
    if (!key->uid_known)
        return walk_choose(search->walk, 2, REASON_SENDER_IDENTITY, "uid of a routing policy rule") == 0;
    return key->uid >= rule->uid_first && key->uid <= rule->uid_last;
}

static bool has_vrf(const struct world_namespace *namespace)
{
    list_each(const struct link, link, &namespace->facts->links)
        if (link->kind == LINK_VRF)
            return true;
    return false;
}

static bool selector_matches(struct search *search, const struct policy_rule *rule)
{
    const struct route_key *key = search->key;
    if (rule->l3mdev) {
        if (has_vrf(search->namespace))
            walk_undetermined(search->walk, REASON_LINK_KIND, "vrf", "a VRF");
        return false;
    }
    bool from = rule->from.address.family == FAMILY_NONE || rule->from.length == 0 ||
                (key->source.family != FAMILY_NONE && prefix_contains(rule->from, key->source));
    bool to = rule->to.address.family == FAMILY_NONE || rule->to.length == 0 ||
              prefix_contains(rule->to, key->destination);
    if (!from || !to || !name_matches(search, rule->input_interface, key->in) ||
        !name_matches(search, rule->output_interface, key->out) || !ports_match(key, rule))
        return false;
    if (rule->tos && walk_choose(search->walk, 2, REASON_PACKET_FIELD, "ip tos") == 0)
        return false;
    return mark_matches(search, rule) && uid_matches(search, rule);
}

static bool rule_matches(struct search *search, const struct policy_rule *rule)
{
    if (rule->unknown_attribute) {
        walk_undetermined(search->walk, REASON_ROUTE_ATTRIBUTE,
                          arena_printf(search->walk->arena, "rule %u", rule->priority),
                          "a routing policy rule with an attribute that is not modelled");
        return false;
    }
    return selector_matches(search, rule) != rule->invert;
}

/* suppress_prefixlength, suppress_ifgroup: a route that is found but does not count. */
static bool is_suppressed(const struct search *search, const struct policy_rule *rule)
{
    const struct route_result *result = &search->result;
    if (rule->suppress_prefix_length >= 0 && result->prefix_length <= rule->suppress_prefix_length)
        return true;
    const struct link *link = result->hop ? world_link(search->namespace, result->hop->index) : NULL;
    return rule->suppress_group >= 0 && link && link->group == (uint32_t)rule->suppress_group;
}

static enum found rule_action(struct search *search, const struct policy_rule *rule)
{
    static const struct {
        uint8_t action;
        int error;
    } errors[] = {{FR_ACT_UNREACHABLE, ENETUNREACH}, {FR_ACT_PROHIBIT, EACCES}, {FR_ACT_BLACKHOLE, EINVAL}};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i].action == rule->action) {
            search->result = (struct route_result){.error = errors[i].error};
            return FOUND_ERROR;
        }
    if (rule->action != FR_ACT_TO_TBL)
        return FOUND_NOTHING;
    enum found found = table_search(search, rule->table);
    return found == FOUND_ROUTE && is_suppressed(search, rule) ? FOUND_NOTHING : found;
}

static enum found rules_search(struct search *search)
{
    size_t count;
    const struct policy_rule *const *rules = world_policy_rules(search->namespace, search->family, &count);
    for (size_t i = 0; i < count && !walk_ended(search->walk); i++) {
        if (!rule_matches(search, rules[i]))
            continue;
        if (rules[i]->action == FR_ACT_GOTO) {
            uint32_t target = rules[i]->goto_target;
            while (i + 1 < count && rules[i + 1]->priority < target)
                i++;
            continue;
        }
        enum found found = rule_action(search, rules[i]);
        if (found != FOUND_NOTHING)
            return found;
    }
    return FOUND_NOTHING;
}

static enum found plain_search(struct search *search)
{
    enum found found;
    if (search->family == FAMILY_IP4) {
        found = merged_search(search);
        return found == FOUND_NOTHING ? table_search(search, RT_TABLE_DEFAULT) : found;
    }
    found = table_search(search, RT_TABLE_LOCAL);
    return found == FOUND_NOTHING ? table_search(search, RT_TABLE_MAIN) : found;
}

struct route_result route_find(struct walk *walk, const struct world_namespace *namespace,
                               enum ip_family family, const struct route_key *key)
{
    struct search search = {.walk = walk, .namespace = namespace, .family = family, .key = key};
    enum found found =
        namespace->custom_rules[world_family(family)] ? rules_search(&search) : plain_search(&search);
    if (found == FOUND_NOTHING)
        search.result = (struct route_result){.error = ENETUNREACH};
    return search.result;
}

uint8_t address_type4(struct walk *walk, struct address address, const struct link *device)
{
    if ((address.value >> 24) == 0 || address.value == UINT32_MAX)
        return RTN_BROADCAST;
    if (address_is_multicast(address))
        return RTN_MULTICAST;
    struct route_key key = {.destination = address, .mark.known = UINT32_MAX};
    struct search search = {.walk = walk, .namespace = walk->at.namespace, .family = FAMILY_IP4, .key = &key};
    enum found found =
        walk->at.namespace->custom_rules[0] ? table_search(&search, RT_TABLE_LOCAL) : merged_search(&search);
    if (found != FOUND_ROUTE)
        return RTN_UNICAST;
    const struct next_hop *first =
        search.result.route->next_hops.count ? search.result.route->next_hops.items : NULL;
    if (device && (!first || first->index != device->index))
        return RTN_UNICAST;
    return search.result.type;
}

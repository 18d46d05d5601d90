/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which route an address takes: policy rules and tables. */
#include "scanner/path/survey.h"

#include "netns/base/text.h"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>

#define GOTO_MAX 64 /* policy rules passed by `goto`: the kernel only goes forward */

void route_part_list_free(struct route_part_list *list)
{
    list_each(struct route_part, part, list)
        interval_set_free(&part->addresses);
    list_free(list);
}

/* ---- one question ---- */
struct resolve {
    struct survey *survey;
    const struct world_namespace *namespace;
    const struct route_flow *flow;
    const struct policy_rule *const *rules;
    size_t rule_count;
    struct route_part_list *parts;
};

/* Some of the addresses, and why that they come this far is doubtful. */
struct pending {
    struct interval_set set; /* owned */
    const struct doubt *doubts;
    enum taint taint;
    bool by_sender;
};

static const struct doubt *doubt_push(struct resolve *resolve, const struct doubt *previous, const char *code,
                                      const char *subject, const char *message)
{
    struct doubt *doubt = arena_alloc(resolve->survey->arena, sizeof(*doubt));
    *doubt = (struct doubt){previous, code, subject, message};
    return doubt;
}

static void part_add(struct resolve *resolve, const struct pending *pending, struct interval_set *set,
                     struct route_result result)
{
    struct route_part *part = list_append(resolve->parts);
    part->addresses = *set;
    part->result = result;
    part->doubts = pending->doubts;
    part->taint = pending->taint;
    part->by_sender = pending->by_sender;
    *set = (struct interval_set){0};
}

/* ---- routes ---- */
static bool hop_usable(const struct next_hop *hop)
{
    return !(hop->flags & RTNH_F_DEAD);
}

/* The kernel passes over a route whose every next hop is dead, and one for another type of service. */
bool route_usable(const struct route *route)
{
    if (route->tos != 0)
        return false;
    bool usable = route->next_hops.count == 0;
    list_each(const struct next_hop, hop, &route->next_hops)
        usable |= hop_usable(hop);
    return usable;
}

static bool route_on(const struct route *route, const struct link *link)
{
    list_each(const struct next_hop, hop, &route->next_hops)
        if (hop->index == link->index)
            return true;
    return false;
}

enum route_kind route_kind(const struct route *route)
{
    switch (route->type) {
    case RTN_BLACKHOLE:
        return ROUTE_BLACKHOLE;
    case RTN_UNREACHABLE:
        return ROUTE_UNREACHABLE;
    case RTN_PROHIBIT:
        return ROUTE_PROHIBIT;
    default:
        return ROUTE_FOUND;
    }
}

/* Each next hop that the kernel may take: by a hash of the flow. */
static void route_hops(struct resolve *resolve, const struct policy_rule *rule, const struct route *route,
                       const struct pending *pending, struct interval_set *set)
{
    struct pending each = *pending;
    size_t usable = 0;
    list_each(const struct next_hop, hop, &route->next_hops)
        usable += hop_usable(hop);
    if (usable > 1 && resolve->flow->forward)
        each.doubts =
            doubt_push(resolve, each.doubts, REASON_MULTIPATH, "route", "one of several next hops is taken");
    if (route->unknown_attribute || (route->next_hop_id && route->next_hops.count == 0)) {
        each.doubts = doubt_push(resolve, each.doubts, REASON_ROUTE_ATTRIBUTE, "route",
                                 "a route has a property that is not modelled");
        each.taint = TAINT_ANY;
    }
    struct route_result result = {route_kind(route), route, NULL, rule};
    if (!resolve->flow->forward) { /* which of them does not matter: all are looked at */
        result.next_hop = route->next_hops.items;
        part_add(resolve, &each, set, result);
        return;
    }
    list_each(const struct next_hop, hop, &route->next_hops) {
        if (!hop_usable(hop))
            continue;
        result.next_hop = hop;
        struct interval_set own = interval_set_copy(set);
        part_add(resolve, &each, &own, result);
    }
    if (usable == 0)
        part_add(resolve, &each, set, result);
    interval_set_free(set);
}

/* IPv6 siblings: same prefix, metric, each with a gateway (rt6_qualify_for_ecmp). */
static bool is_sibling(const struct route *route, const struct route *other)
{
    return route != other && route->family == FAMILY_IP6 && route->priority == other->priority &&
           route->destination.length == other->destination.length &&
           address_equal(prefix_first(route->destination), prefix_first(other->destination)) &&
           route->next_hops.count > 0 && other->next_hops.count > 0 &&
           route->next_hops.items[0].gateway.family && other->next_hops.items[0].gateway.family;
}

static void route_taken(struct resolve *resolve, const struct policy_rule *rule, const struct route *route,
                        const struct pending *pending, struct interval_set *set,
                        const struct route *const *routes, size_t count)
{
    struct pending each = *pending;
    size_t siblings = 0;
    for (size_t i = 0; resolve->flow->forward && i < count; i++)
        siblings += is_sibling(route, routes[i]) && route_usable(routes[i]);
    if (siblings > 0)
        each.doubts =
            doubt_push(resolve, each.doubts, REASON_MULTIPATH, "route", "one of several next hops is taken");
    for (size_t i = 0; siblings > 0 && i < count; i++) {
        if (!is_sibling(route, routes[i]) || !route_usable(routes[i]))
            continue;
        struct interval_set own = interval_set_copy(set);
        route_hops(resolve, rule, routes[i], &each, &own);
    }
    route_hops(resolve, rule, route, &each, set);
}

static bool suppressed(const struct resolve *resolve, const struct policy_rule *rule,
                       const struct route *route)
{
    if (route->type == RTN_THROW)
        return true;
    if (!rule || route_kind(route) != ROUTE_FOUND)
        return false;
    if (rule->suppress_prefix_length >= 0 &&
        (int32_t)route->destination.length <= rule->suppress_prefix_length)
        return true;
    if (rule->suppress_group < 0 || route->next_hops.count == 0)
        return false;
    const struct link *link = world_link(resolve->namespace, route->next_hops.items[0].index);
    return link && link->group == (uint32_t)rule->suppress_group;
}

/* Of IPv6, on one device only; what is an error has the loopback device (fib6_find_rr and its like). */
static bool route_strictly(const struct route *route, const struct link *strict)
{
    bool error = route_kind(route) != ROUTE_FOUND || route->type == RTN_THROW;
    return error ? (strict->flags & IFF_LOOPBACK) != 0 : route_on(route, strict);
}

/* Takes from *left what the routes of a table hold, longest prefix first; the rest stays. */
static void routes_take(struct resolve *resolve, const struct policy_rule *rule,
                        const struct route *const *routes, size_t count, const struct pending *pending,
                        struct interval_set *left)
{
    const struct route_flow *flow = resolve->flow;
    struct interval_set passed = {0};
    for (size_t i = 0; i < count && !interval_set_empty(left); i++) {
        const struct route *route = routes[i];
        bool limited = flow->strict && !route_strictly(route, flow->strict);
        if (!route_usable(route) || limited)
            continue;
        struct interval_set taken;
        if (flow->forward) {
            if (!prefix_contains(route->destination, flow->fixed))
                continue;
            taken = *left;
            *left = (struct interval_set){0};
        } else {
            struct interval_set prefix = interval_set_prefix(route->destination);
            taken = interval_set_intersect(left, &prefix);
            struct interval_set rest = interval_set_subtract(left, &prefix);
            interval_set_free(&prefix);
            interval_set_free(left);
            *left = rest;
        }
        if (interval_set_empty(&taken)) {
            interval_set_free(&taken);
        } else if (suppressed(resolve, rule, route)) {
            struct interval_set both = interval_set_union(&passed, &taken);
            interval_set_free(&passed);
            interval_set_free(&taken);
            passed = both;
        } else {
            route_taken(resolve, rule, route, pending, &taken, routes + i, count - i);
        }
    }
    struct interval_set both = interval_set_union(left, &passed);
    interval_set_free(left);
    interval_set_free(&passed);
    *left = both;
}

/* Without policy rules of its own IPv4 has `local` and `main` in one trie (fib_unmerge): longest prefix of
 * both. */
static int compare_merged(const void *a, const void *b)
{
    const struct route *left = *(const struct route *const *)a, *right = *(const struct route *const *)b;
    if (left->destination.length != right->destination.length)
        return left->destination.length > right->destination.length ? -1 : 1;
    if (left->table != right->table)
        return left->table > right->table ? -1 : 1;
    if (left->priority != right->priority)
        return left->priority < right->priority ? -1 : 1;
    return left < right ? -1 : left > right;
}

const struct route *const *merged_routes(struct survey *survey, const struct world_namespace *namespace,
                                         size_t *ret_count)
{
    size_t locals, mains;
    const struct route *const *local = world_routes(namespace, FAMILY_IP4, RT_TABLE_LOCAL, &locals);
    const struct route *const *main = world_routes(namespace, FAMILY_IP4, RT_TABLE_MAIN, &mains);
    *ret_count = locals + mains;
    if (*ret_count == 0)
        return NULL;
    const struct route **all = arena_alloc(survey->arena, *ret_count * sizeof(*all));
    for (size_t i = 0; i < locals; i++)
        all[i] = local[i];
    for (size_t i = 0; i < mains; i++)
        all[locals + i] = main[i];
    qsort(all, *ret_count, sizeof(*all), compare_merged);
    return all;
}

/* ---- policy rules ---- */
/* One side of a rule: the set that it asks of, or the fixed address. */
static bool fixed_matches(struct prefix prefix, struct address fixed)
{
    return !prefix.address.family || prefix.length == 0 || prefix_contains(prefix, fixed);
}

static bool interface_matches(const struct resolve *resolve, const char *name)
{
    return !name || (resolve->flow->in && text_equal(resolve->flow->in->name, name));
}

enum rule_answer { RULE_NO, RULE_YES, RULE_PERHAPS };

static enum rule_answer side_matches(const struct port_side *side, uint16_t first, uint16_t last)
{
    if (side->given)
        return side->port >= first && side->port <= last ? RULE_YES : RULE_NO;
    if (!side->set)
        return RULE_PERHAPS;
    _cleanup_interval_set_ struct interval_set range = interval_set_range(first, last);
    if (interval_set_covers(&range, side->set))
        return RULE_YES;
    return interval_set_overlaps(&range, side->set) ? RULE_PERHAPS : RULE_NO;
}

static enum rule_answer ports_match(const struct route_flow *flow, const struct policy_rule *rule)
{
    enum rule_answer source = RULE_YES, destination = RULE_YES;
    if (rule->ip_protocol && rule->ip_protocol != flow->protocol)
        return RULE_NO;
    if ((rule->has_source_port || rule->has_destination_port) && !flow->protocol)
        return RULE_NO;
    if (rule->has_source_port)
        source = side_matches(&flow->source, rule->source_port_first, rule->source_port_last);
    if (rule->has_destination_port)
        destination =
            side_matches(&flow->destination, rule->destination_port_first, rule->destination_port_last);
    if (source == RULE_NO || destination == RULE_NO)
        return RULE_NO;
    return source == RULE_PERHAPS ? source : destination;
}

/* All but from and to, which cut the set. */
static enum rule_answer selectors_match(struct resolve *resolve, const struct policy_rule *rule,
                                        const char **ret_code)
{
    const struct route_flow *flow = resolve->flow;
    uint32_t differs = (rule->mark ^ flow->mark.value) & rule->mark_mask;
    *ret_code = REASON_UNMODELLED_KEY;
    if (rule->unknown_attribute) {
        *ret_code = REASON_ROUTE_ATTRIBUTE;
        return RULE_PERHAPS;
    }
    if (!interface_matches(resolve, rule->input_interface) || rule->output_interface || rule->l3mdev ||
        (differs & flow->mark.known))
        return RULE_NO;
    enum rule_answer ports = ports_match(flow, rule);
    if (ports == RULE_NO)
        return RULE_NO;
    uint32_t uid = flow->sent ? flow->uid : 0;
    if (rule->has_uid && (!flow->sent || flow->uid_known) && (uid < rule->uid_first || uid > rule->uid_last))
        return RULE_NO;
    if (rule->has_uid && flow->sent && !flow->uid_known) {
        *ret_code = REASON_SENDER_IDENTITY;
        return RULE_PERHAPS;
    }
    if (rule->tos) {
        *ret_code = REASON_PACKET_FIELD;
        return RULE_PERHAPS;
    }
    return (rule->mark_mask & ~flow->mark.known) ? RULE_PERHAPS : ports;
}

static void rules_follow(struct resolve *resolve, size_t index, struct pending *pending, unsigned depth);

static void table_look(struct resolve *resolve, const struct policy_rule *rule, uint32_t table,
                       struct pending *pending)
{
    const struct world_namespace *namespace = resolve->namespace;
    size_t count;
    const struct route *const *routes;
    bool merged = resolve->flow->family == FAMILY_IP4 && !namespace->custom_rules[0];
    if (merged && table == RT_TABLE_LOCAL)
        routes = merged_routes(resolve->survey, namespace, &count);
    else
        routes = world_routes(namespace, resolve->flow->family, table, &count);
    routes_take(resolve, rule, routes, count, pending, &pending->set);
}

/* What the rule does with the addresses that it is for; what it does not settle stays in `pending`. */
static void rule_act(struct resolve *resolve, const struct policy_rule *rule, struct pending *pending,
                     unsigned depth)
{
    struct route_result result = {ROUTE_NONE, NULL, NULL, rule};
    switch (rule->action) {
    case FR_ACT_TO_TBL:
        table_look(resolve, rule, rule->table, pending);
        return;
    case FR_ACT_GOTO:
        for (size_t i = 0; i < resolve->rule_count && depth < GOTO_MAX; i++)
            if (resolve->rules[i]->priority >= rule->goto_target &&
                resolve->rules[i]->priority > rule->priority) {
                rules_follow(resolve, i, pending, depth + 1);
                return;
            }
        return; /* unresolved: goes on behind it */
    case FR_ACT_BLACKHOLE:
        result.kind = ROUTE_BLACKHOLE;
        break;
    case FR_ACT_UNREACHABLE:
        result.kind = ROUTE_UNREACHABLE;
        break;
    case FR_ACT_PROHIBIT:
        result.kind = ROUTE_PROHIBIT;
        break;
    default: /* NOP */
        return;
    }
    part_add(resolve, pending, &pending->set, result);
}

/* Parts the set into what the rule is for and what it is not. */
static void rule_part(const struct resolve *resolve, const struct policy_rule *rule, enum rule_answer answer,
                      struct interval_set *set, struct interval_set *ret_in)
{
    const struct route_flow *flow = resolve->flow;
    struct prefix fixed_prefix = flow->forward ? rule->to : rule->from;
    struct prefix set_prefix = flow->forward ? rule->from : rule->to;
    struct interval_set in = {0};
    if (answer != RULE_NO && fixed_matches(fixed_prefix, flow->fixed)) {
        struct interval_set prefix = set_prefix.address.family && set_prefix.length > 0
                                         ? interval_set_prefix(set_prefix)
                                         : interval_set_family(flow->family);
        in = interval_set_intersect(set, &prefix);
        interval_set_free(&prefix);
    }
    struct interval_set out = interval_set_subtract(set, &in);
    interval_set_free(set);
    *set = rule->invert ? in : out;
    *ret_in = rule->invert ? out : in;
}

/* Follows the rules from `index`; what none settles stays in `pending`. */
static void rules_follow(struct resolve *resolve, size_t index, struct pending *pending, unsigned depth)
{
    for (; index < resolve->rule_count && !interval_set_empty(&pending->set); index++) {
        const struct policy_rule *rule = resolve->rules[index];
        struct pending in = *pending;
        const char *code;
        enum rule_answer answer = selectors_match(resolve, rule, &code);
        in.set = (struct interval_set){0};
        if (answer == RULE_PERHAPS) {
            in.doubts = pending->doubts = doubt_push(resolve, pending->doubts, code, "policy rule",
                                                     "a policy rule that may hold or not decides");
            in.by_sender = pending->by_sender =
                pending->by_sender || text_equal(code, REASON_SENDER_IDENTITY);
            if (rule->unknown_attribute)
                in.taint = pending->taint = TAINT_ANY;
            struct interval_set copy = interval_set_copy(&pending->set);
            rule_part(resolve, rule, answer, &copy, &in.set);
            interval_set_free(&copy);
        } else {
            rule_part(resolve, rule, answer, &pending->set, &in.set);
        }
        if (interval_set_empty(&in.set)) {
            interval_set_free(&in.set);
            continue;
        }
        rule_act(resolve, rule, &in, depth);
        bool jumped = rule->action == FR_ACT_GOTO;
        if (jumped && !interval_set_empty(&in.set)) { /* all rules behind were tried */
            part_add(resolve, &in, &in.set, (struct route_result){.kind = ROUTE_NONE});
        } else if (answer != RULE_PERHAPS) {
            struct interval_set both = interval_set_union(&pending->set, &in.set);
            interval_set_free(&pending->set);
            pending->set = both;
        }
        interval_set_free(&in.set);
    }
}

/* A snapshot without policy rules: those that every namespace begins with. */
static void default_rules(struct resolve *resolve, struct pending *pending)
{
    static const uint32_t tables[] = {RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT};
    bool ip4 = resolve->flow->family == FAMILY_IP4;
    size_t count;
    if (ip4) {
        const struct route *const *routes = merged_routes(resolve->survey, resolve->namespace, &count);
        routes_take(resolve, NULL, routes, count, pending, &pending->set);
    }
    for (size_t i = ip4 ? 2 : 0; i < (ip4 ? 3u : 2u); i++) {
        const struct route *const *routes =
            world_routes(resolve->namespace, resolve->flow->family, tables[i], &count);
        routes_take(resolve, NULL, routes, count, pending, &pending->set);
    }
}

void routes_resolve(struct survey *survey, const struct world_namespace *namespace,
                    const struct route_flow *flow, const struct interval_set *set,
                    struct route_part_list *ret_parts)
{
    struct resolve resolve = {.survey = survey, .namespace = namespace, .flow = flow, .parts = ret_parts};
    struct pending pending = {.set = interval_set_copy(set)};
    resolve.rules = world_policy_rules(namespace, flow->family, &resolve.rule_count);
    if (namespace->facts->missing & (PART_ROUTES | PART_POLICY_RULES)) {
        pending.doubts = doubt_push(&resolve, NULL, REASON_ROUTES_UNREAD, namespace_text(survey, namespace),
                                    "the routes of the namespace were not read");
        pending.taint = TAINT_ANY;
    }
    if (resolve.rule_count == 0)
        default_rules(&resolve, &pending);
    else
        rules_follow(&resolve, 0, &pending, 0);
    if (!interval_set_empty(&pending.set))
        part_add(&resolve, &pending, &pending.set, (struct route_result){.kind = ROUTE_NONE});
    interval_set_free(&pending.set);
}

#define IP6_LINK_LOCAL ((u128)0xfe80 << 112)
#define IP6_LINK_LAST  (((u128)0xfec0 << 112) - 1)

void routes_resolve_strict(struct survey *survey, const struct world_namespace *namespace,
                           const struct route_flow *flow, const struct link *strict,
                           const struct interval_set *set, struct route_part_list *ret_parts)
{
    struct route_flow on_link = *flow;
    on_link.strict = strict;
    if (flow->family == FAMILY_IP4 || flow->forward) {
        bool local = flow->family == FAMILY_IP6 && address_is_link_local(flow->fixed);
        routes_resolve(survey, namespace, local ? &on_link : flow, set, ret_parts);
        return;
    }
    struct interval_set range = interval_set_range(IP6_LINK_LOCAL, IP6_LINK_LAST);
    struct interval_set local = interval_set_intersect(set, &range),
                        rest = interval_set_subtract(set, &range);
    if (!interval_set_empty(&local))
        routes_resolve(survey, namespace, &on_link, &local, ret_parts);
    if (!interval_set_empty(&rest))
        routes_resolve(survey, namespace, flow, &rest, ret_parts);
    interval_set_free(&range);
    interval_set_free(&local);
    interval_set_free(&rest);
}

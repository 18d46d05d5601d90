/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP input: what the kernel checks before and after prerouting, and where the packet goes (ip_input.c,
 * route.c). */
#include "scanner/path/concrete_walk.h"

#include <errno.h>
#include <linux/rtnetlink.h>

#define ICMP4_UNREACHABLE 3
#define ICMP6_UNREACHABLE 1

/* ---- sysctls of an interface ---- */

static bool either_on(int32_t all, int32_t device) /* IN_DEV_ORCONF */
{
    return all > 0 || device > 0;
}

static int32_t rp_filter_of(const struct world_namespace *namespace,
                            const struct link *link) /* IN_DEV_MAXCONF */
{
    int32_t all = namespace->facts->sysctls.rp_filter_all;
    return all > link->rp_filter ? all : link->rp_filter;
}

static const char *device_sysctl(struct walk *walk, const struct link *link, const char *name)
{
    return arena_printf(walk->arena, "net.ipv%c.conf.%s.%s", walk->packet->family == FAMILY_IP4 ? '4' : '6',
                        link->name, name);
}

static bool sysctls_are_read(struct walk *walk, const struct link *link)
{
    if (!part_is_read(walk, PART_SYSCTLS | PART_LINKS, REASON_SYSCTLS_UNREAD))
        return false;
    bool ip4 = walk->packet->family == FAMILY_IP4;
    if (ip4 ? !link->has_sysctl4 : !link->has_sysctl6)
        walk_undetermined(walk, REASON_SYSCTLS_UNREAD, link->name, "the interface's settings were not read");
    return !walk_ended(walk);
}

/* ---- is the source valid? (fib_validate_source) ---- */

struct input_question {
    const struct world_namespace *namespace;
    const struct link *in;
    struct address source, destination;
    struct word mark;
    uint8_t protocol;
    uint16_t source_port, destination_port;
};

enum source_fault { SOURCE_VALID, SOURCE_LOCAL, SOURCE_UNROUTABLE, SOURCE_WRONG_WAY, SOURCE_NOT_UNICAST };

bool has_address(const struct world_namespace *namespace, const struct link *link, struct address address)
{
    list_each(const struct link_address, own, &namespace->facts->addresses)
        if (own->index == link->index && address_equal(own->prefix.address, address))
            return true;
    return false;
}

static bool is_own_address(const struct world_namespace *namespace, struct address address)
{
    list_each(const struct link_address, own, &namespace->facts->addresses)
        if (address_equal(own->prefix.address, address))
            return true;
    return false;
}

static bool has_any_address4(const struct world_namespace *namespace, const struct link *link)
{
    list_each(const struct link_address, own, &namespace->facts->addresses)
        if (own->index == link->index && own->prefix.address.family == FAMILY_IP4)
            return true;
    return false;
}

/* net.ipv4.fib_has_custom_local_routes: a local route that the kernel did not make itself. */
static bool has_custom_local_routes(const struct world_namespace *namespace)
{
    size_t count;
    const struct route *const *routes = world_routes(namespace, FAMILY_IP4, RT_TABLE_LOCAL, &count);
    for (size_t i = 0; i < count; i++)
        if (routes[i]->type == RTN_LOCAL && routes[i]->protocol != RTPROT_KERNEL)
            return true;
    return false;
}

static bool route_uses(const struct route *route, const struct link *link)
{
    list_each(const struct next_hop, hop, &route->next_hops)
        if (hop->index == link->index)
            return true;
    return false;
}

/* __fib_validate_source */
static enum source_fault source_check(struct walk *walk, const struct input_question *question, uint32_t out,
                                      int32_t rp_filter)
{
    const struct link *in = question->in;
    const struct sysctls *all = &question->namespace->facts->sysctls;
    bool marked = either_on(all->src_valid_mark_all, in->src_valid_mark);
    struct route_key key = {
        .destination = question->source,
        .source = question->destination,
        .mark = marked ? question->mark : (struct word){.known = UINT32_MAX},
        .in = out ? out : LOOPBACK_INDEX,
        .uid_known = true,
        .protocol = question->protocol,
        .source_port = question->destination_port,
        .destination_port = question->source_port,
    };
    struct route_result result = route_find(walk, question->namespace, FAMILY_IP4, &key);
    if (result.error)
        return rp_filter > 0 ? SOURCE_UNROUTABLE : SOURCE_VALID;
    if (result.type == RTN_LOCAL && !either_on(all->accept_local_all, in->accept_local))
        return SOURCE_LOCAL;
    if (result.type != RTN_UNICAST && result.type != RTN_LOCAL)
        return SOURCE_NOT_UNICAST;
    if (route_uses(result.route, in) || (result.type == RTN_LOCAL && in->kind == LINK_LOOPBACK))
        return SOURCE_VALID;
    if (!has_any_address4(question->namespace, in))
        return rp_filter > 0 ? SOURCE_WRONG_WAY : SOURCE_VALID;
    return rp_filter == 1 ? SOURCE_WRONG_WAY : SOURCE_VALID;
}

static enum source_fault source_validate(struct walk *walk, const struct input_question *question,
                                         uint32_t out)
{
    const struct world_namespace *namespace = question->namespace;
    int32_t rp_filter = rp_filter_of(namespace, question->in);
    if (rp_filter > 0 || question->in->index == out)
        return source_check(walk, question, out, rp_filter);
    if (either_on(namespace->facts->sysctls.accept_local_all, question->in->accept_local))
        return SOURCE_VALID;
    if (namespace->custom_rules[0] || has_custom_local_routes(namespace))
        return source_check(walk, question, out, rp_filter);
    return is_own_address(namespace, question->source) ? SOURCE_LOCAL : SOURCE_VALID;
}

/* ---- the routing decision, IPv4 (ip_route_input_slow) ---- */

enum way {
    WAY_LOCAL,
    WAY_FORWARD,
    WAY_MARTIAN_SOURCE,
    WAY_MARTIAN_DESTINATION,
    WAY_NO_LOCALNET,
    WAY_BROADCAST,
    WAY_ERROR,
    WAY_NO_FORWARDING,
    WAY_SOURCE
};

struct input_decision {
    enum way way;
    enum source_fault fault; /* of WAY_SOURCE */
    struct route_result route;
};

static bool zero_network(struct address address)
{
    return address.value >> 24 == 0;
}

/* What is dropped without a look at the tables. WAY_LOCAL: nothing of that. */
static enum way martian_check(const struct input_question *question)
{
    const struct sysctls *all = &question->namespace->facts->sysctls;
    if (address_is_multicast(question->source) || question->source.value == UINT32_MAX)
        return WAY_MARTIAN_SOURCE;
    if (question->destination.value == UINT32_MAX || address_is_multicast(question->destination))
        return WAY_BROADCAST;
    if (zero_network(question->source))
        return WAY_MARTIAN_SOURCE;
    if (zero_network(question->destination))
        return WAY_MARTIAN_DESTINATION;
    bool loopback = address_is_loopback(question->destination) || address_is_loopback(question->source);
    if (loopback && !either_on(all->route_localnet_all, question->in->route_localnet))
        return WAY_NO_LOCALNET;
    return WAY_LOCAL;
}

static struct input_decision input_decide(struct walk *walk, const struct input_question *question)
{
    struct input_decision decision = {.way = martian_check(question)};
    if (decision.way != WAY_LOCAL)
        return decision;
    struct route_key key = {
        .source = question->source,
        .destination = question->destination,
        .mark = question->mark,
        .in = question->in->index,
        .uid_known = true, /* sock_net_uid() of no socket: root */
        .protocol = question->protocol,
        .source_port = question->source_port,
        .destination_port = question->destination_port,
    };
    decision.route = route_find(walk, question->namespace, FAMILY_IP4, &key);
    uint32_t out = decision.route.hop ? decision.route.hop->index : 0;
    if (decision.route.error) {
        decision.way = WAY_ERROR;
        return decision;
    }
    if (decision.route.type == RTN_BROADCAST)
        decision.way = WAY_BROADCAST;
    else if (decision.route.type == RTN_LOCAL)
        out = 0;
    else if (question->in->forwarding4 <= 0)
        decision.way = WAY_NO_FORWARDING;
    else
        decision.way = decision.route.type == RTN_UNICAST ? WAY_FORWARD : WAY_MARTIAN_DESTINATION;
    if (decision.way == WAY_LOCAL || decision.way == WAY_FORWARD) {
        decision.fault = source_validate(walk, question, out);
        if (decision.fault != SOURCE_VALID)
            decision.way = WAY_SOURCE;
    }
    return decision;
}

bool route_is_local_input(struct walk *walk, const struct world_namespace *namespace, const struct link *in,
                          struct address source, struct address destination)
{
    struct input_question question = {.namespace = namespace,
                                      .in = in,
                                      .source = source,
                                      .destination = destination,
                                      .mark.known = UINT32_MAX};
    if (destination.family == FAMILY_IP6)
        return world_is_local(namespace, destination);
    if (!source.value && address_is_loopback(destination))
        return false;
    if (!source.value) /* a question that names no sender is answered too */
        return world_is_local(namespace, destination);
    return input_decide(walk, &question).way == WAY_LOCAL;
}

/* ---- what the decision means for the packet ---- */

static const char *route_subject(struct walk *walk, const struct route_result *result)
{
    static const char *const types[] = {
        [RTN_BLACKHOLE] = "blackhole", [RTN_UNREACHABLE] = "unreachable", [RTN_PROHIBIT] = "prohibit"};
    if (!result->route)
        return arena_printf(walk->arena, "no route to %s", ADDRESS_TEXT(walk->at.destination));
    const char *type = result->type < sizeof(types) / sizeof(types[0]) ? types[result->type] : NULL;
    return arena_printf(walk->arena, "%s%s%s", type ? type : "", type ? " " : "",
                        PREFIX_TEXT(result->route->destination));
}

/* `answers`: does the kernel tell the sender (ip_error(), ip6_pkt_drop())? */
void route_error(struct walk *walk, const struct route_result *result, bool answers)
{
    bool ip6 = walk->packet->family == FAMILY_IP6;
    const char *subject = route_subject(walk, result);
    if (result->error == EINVAL) {
        walk_filtered_by(walk, DECIDER_ROUTE, subject, "a blackhole route");
        return;
    }
    uint8_t code = result->error == EACCES         ? (ip6 ? 1 : 13)
                   : result->error == EHOSTUNREACH ? (ip6 ? 0 : 1)
                                                   : 0;
    if (answers)
        walk_icmp(walk, ip6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE, code);
    if (result->error == EACCES)
        walk_filtered_by(walk, DECIDER_ROUTE, subject, "a prohibit route");
    else
        walk_unreachable(walk, DECIDER_ROUTE, subject, "no route");
}

static void source_refused(struct walk *walk, enum source_fault fault)
{
    const struct link *in = walk->at.in;
    const char *source = ADDRESS_TEXT(walk->at.source);
    switch (fault) {
    case SOURCE_LOCAL:
        walk_filtered_by(walk, DECIDER_ADDRESS, source, "the source is an address of this namespace");
        break;
    case SOURCE_UNROUTABLE:
    case SOURCE_WRONG_WAY:
        walk_filtered_by(walk, DECIDER_SYSCTL, device_sysctl(walk, in, "rp_filter"),
                         "the way back to the source is not the way it came");
        break;
    default:
        walk_filtered_by(walk, DECIDER_ADDRESS, source, "the source is no unicast address");
        break;
    }
}

static void route_step(struct walk *walk, const struct link *out)
{
    walk_step(walk, "routing", out, out ? arena_printf(walk->arena, "route to %s", out->name) : "local");
}

bool route_take_hop(struct walk *walk, const struct route_result *result, const struct link **ret_out)
{
    const struct next_hop *hop = result->hop;
    *ret_out = hop ? world_link(walk->at.namespace, hop->index) : NULL;
    if (!*ret_out) {
        walk_undetermined(walk, REASON_LINKS_UNREAD, namespace_subject(walk),
                          "the route's interface was not read");
        return false;
    }
    walk->at.next_hop = hop->gateway.family != FAMILY_NONE ? hop->gateway : walk->at.destination;
    return true;
}

static void route_forward(struct walk *walk, const struct route_result *result)
{
    if (!route_take_hop(walk, result, &walk->at.out))
        return;
    walk_go(walk, PLACE_FORWARD);
    route_step(walk, walk->at.out);
}

static void route_local(struct walk *walk)
{
    walk->at.out = NULL;
    walk_go(walk, PLACE_INPUT);
    route_step(walk, NULL);
}

static struct input_question question_of(const struct walk *walk)
{
    const struct flight *at = &walk->at;
    return (struct input_question){.namespace = at->namespace,
                                   .in = at->in,
                                   .source = at->source,
                                   .destination = at->destination,
                                   .mark = at->mark,
                                   .protocol = walk->packet->protocol,
                                   .source_port = at->source_port,
                                   .destination_port = at->destination_port};
}

static void route4(struct walk *walk)
{
    const struct flight *at = &walk->at;
    struct input_question question = question_of(walk);
    struct input_decision decision = input_decide(walk, &question);
    switch (decision.way) {
    case WAY_LOCAL:
        route_local(walk);
        break;
    case WAY_FORWARD:
        route_forward(walk, &decision.route);
        break;
    case WAY_MARTIAN_SOURCE:
        walk_filtered_by(walk, DECIDER_ADDRESS, ADDRESS_TEXT(at->source), "a martian source");
        break;
    case WAY_MARTIAN_DESTINATION:
        walk_filtered_by(walk, DECIDER_ADDRESS, ADDRESS_TEXT(at->destination), "a martian destination");
        break;
    case WAY_NO_LOCALNET:
        walk_filtered_by(walk, DECIDER_SYSCTL, device_sysctl(walk, at->in, "route_localnet"),
                         "a loopback address from outside");
        break;
    case WAY_BROADCAST:
        walk_undetermined(walk, REASON_NOT_UNICAST, ADDRESS_TEXT(at->destination), "a broadcast destination");
        break;
    case WAY_ERROR:
        route_error(walk, &decision.route, at->in->forwarding4 > 0);
        break;
    case WAY_NO_FORWARDING:
        walk_filtered_by(walk, DECIDER_SYSCTL, device_sysctl(walk, at->in, "forwarding"),
                         "it does not forward");
        break;
    case WAY_SOURCE:
        source_refused(walk, decision.fault);
        break;
    }
}

/* ---- IPv6 (ip6_route_input) ---- */

static struct route_result find6(struct walk *walk)
{
    const struct flight *at = &walk->at;
    struct route_key key = {
        .source = at->source,
        .destination = at->destination,
        .mark = at->mark,
        .in = at->in->index,
        .strict = address_is_link_local(at->destination) || address_is_loopback(at->destination),
        .uid_known = true,
        .protocol = walk->packet->protocol,
        .source_port = at->source_port,
        .destination_port = at->destination_port,
    };
    key.out = key.strict ? at->in->index : 0;
    return route_find(walk, at->namespace, FAMILY_IP6, &key);
}

static void route6(struct walk *walk)
{
    struct route_result result = find6(walk);
    if (result.error)
        route_error(walk, &result, true);
    else if (result.type == RTN_LOCAL || result.type == RTN_ANYCAST)
        route_local(walk);
    else if (result.type == RTN_UNICAST)
        route_forward(walk, &result);
    else
        walk_undetermined(walk, REASON_NOT_UNICAST, ADDRESS_TEXT(walk->at.destination),
                          "a multicast destination");
}

bool route_stays_on(struct walk *walk, const struct link *bridge, struct address *ret_next_hop)
{
    struct input_question question = question_of(walk);
    struct route_result result;
    if (!part_is_read(walk, PART_ROUTES | PART_POLICY_RULES | PART_ADDRESSES, REASON_ROUTES_UNREAD) ||
        !sysctls_are_read(walk, bridge))
        return false;
    if (walk->packet->family == FAMILY_IP4) {
        struct input_decision decision = input_decide(walk, &question);
        result = decision.route;
        if (decision.way != WAY_FORWARD)
            return false;
    } else {
        result = find6(walk);
        if (!result.error && result.type == RTN_LOCAL && result.hop)
            walk->at.home = result.hop->index;
        if (result.error || result.type != RTN_UNICAST)
            return false;
    }
    if (!result.hop || result.hop->index != bridge->index)
        return false;
    *ret_next_hop = result.hop->gateway.family != FAMILY_NONE ? result.hop->gateway : walk->at.destination;
    return true;
}

void packet_route(struct walk *walk)
{
    if (!part_is_read(walk, PART_ROUTES | PART_POLICY_RULES | PART_ADDRESSES, REASON_ROUTES_UNREAD) ||
        !sysctls_are_read(walk, walk->at.in))
        return;
    if (walk->packet->family == FAMILY_IP4)
        route4(walk);
    else
        route6(walk);
}

/* ---- before prerouting (ip6_rcv_core) ---- */

static bool is_v4mapped(struct address address)
{
    return address.value >> 32 == 0xffff;
}

static void receive6(struct walk *walk)
{
    const struct flight *at = &walk->at;
    bool loopback = address_is_loopback(at->source) || address_is_loopback(at->destination);
    if (!sysctls_are_read(walk, at->in))
        return;
    if (at->in->disable_ipv6 > 0)
        walk_filtered_by(walk, DECIDER_SYSCTL, device_sysctl(walk, at->in, "disable_ipv6"),
                         "IPv6 is switched off");
    else if (loopback && at->in->kind != LINK_LOOPBACK)
        walk_filtered_by(walk, DECIDER_ADDRESS, "::1", "the loopback address from outside");
    else if (address_is_multicast(at->source) || is_v4mapped(at->source))
        walk_filtered_by(walk, DECIDER_ADDRESS, ADDRESS_TEXT(at->source), "a martian source");
}

void packet_receive(struct walk *walk)
{
    walk->at.out = NULL;
    if (walk->packet->family == FAMILY_IP6)
        receive6(walk);
    if (!walk_ended(walk) && address_is_multicast(walk->at.destination))
        walk_undetermined(walk, REASON_NOT_UNICAST, ADDRESS_TEXT(walk->at.destination),
                          "a multicast destination");
    if (!walk_ended(walk) && !walk->at.prerouted)
        hook_run(walk, HOOK_PREROUTING);
    if (walk_ended(walk))
        return;
    walk->at.prerouted = false;
    walk_go(walk, walk->at.looped ? PLACE_INPUT : PLACE_ROUTE);
}

/* ---- forwarding (ip_forward, ip6_forward) ---- */

static void forward6_check(struct walk *walk)
{
    const struct flight *at = &walk->at;
    const struct sysctls *all = &at->namespace->facts->sysctls;
    bool forwards =
        all->forwarding6_all > 0 || all->force_forwarding6_all > 0 || at->in->force_forwarding6 > 0;
    if (!forwards)
        walk_filtered_by(walk, DECIDER_SYSCTL, "net.ipv6.conf.all.forwarding", "it does not forward");
    else if (address_is_any(at->source) || address_is_loopback(at->source))
        walk_filtered_by(walk, DECIDER_ADDRESS, ADDRESS_TEXT(at->source), "a source that is not forwarded");
    else if (address_is_link_local(at->source)) {
        walk_icmp(walk, ICMP6_UNREACHABLE, 2);
        walk_filtered_by(walk, DECIDER_ADDRESS, ADDRESS_TEXT(at->source),
                         "a link-local source is not forwarded");
    }
}

void packet_forward(struct walk *walk)
{
    namespace_programs(walk);
    if (walk_ended(walk))
        return;
    if (walk->packet->family == FAMILY_IP6 && sysctls_are_read(walk, walk->at.in))
        forward6_check(walk);
    if (!walk_ended(walk))
        hook_run(walk, HOOK_FORWARD);
    walk_go(walk, PLACE_POSTROUTING);
}

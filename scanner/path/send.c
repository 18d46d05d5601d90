/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process of a namespace sends: its route, the source address that the kernel gives it, and routing
 * again. */
#include "netns/base/text.h"
#include "scanner/path/survey.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

bool link_works(const struct link *link)
{
    return (link->flags & IFF_UP) && link->operational != IF_OPER_DOWN &&
           link->operational != IF_OPER_LOWERLAYERDOWN && link->operational != IF_OPER_NOTPRESENT;
}

const struct link *namespace_loopback(const struct world_namespace *namespace)
{
    list_each(const struct link, link, &namespace->facts->links)
        if (link->kind == LINK_LOOPBACK)
            return link;
    return NULL;
}

/* ---- source addresses ---- */
/* inet_select_addr: of the device one on the net of `near`, else its first; else one of another device. */
static struct address source4(const struct world_namespace *namespace, const struct link *link,
                              struct address near, uint8_t scope)
{
    struct address first = {0};
    bool localnet = namespace->facts->sysctls.route_localnet_all > 0 || link->route_localnet > 0;
    uint8_t limit = localnet ? RT_SCOPE_LINK : RT_SCOPE_HOST;
    list_each(const struct link_address, address, &namespace->facts->addresses) {
        struct address own = address->prefix.address;
        if (address->index != link->index || own.family != FAMILY_IP4 || (address->flags & IFA_F_SECONDARY) ||
            (address->scope < limit ? address->scope : limit) > scope)
            continue;
        if (!near.family || (near.family == FAMILY_IP4 && prefix_contains(address->prefix, near)))
            return own;
        if (!first.family)
            first = own;
    }
    if (first.family)
        return first;
    list_each(const struct link, other, &namespace->facts->links)
        list_each(const struct link_address, address, &namespace->facts->addresses)
            if (address->index == other->index && address->prefix.address.family == FAMILY_IP4 &&
                !(address->flags & IFA_F_SECONDARY) && address->scope != RT_SCOPE_LINK &&
                address->scope <= scope)
                return address->prefix.address;
    return first;
}

/* ipv6_addr_label of the kernel's default table. */
struct label6 {
    u128 first;
    uint8_t length, label;
};
static const struct label6 labels6[] = {
    {1, 128, 0},
    {(u128)0xffff << 32, 96, 4},
    {0, 96, 3},
    {(u128)0x20010000 << 96, 32, 6},
    {(u128)0x20010010 << 96, 28, 7},
    {(u128)0x2002 << 112, 16, 2},
    {(u128)0xfc << 120, 7, 5},
};

static unsigned label6(struct address address)
{
    for (size_t i = 0; i < sizeof(labels6) / sizeof(*labels6); i++)
        if ((address.value ^ labels6[i].first) >> (128 - labels6[i].length) == 0)
            return labels6[i].label;
    return 1;
}

/* __ipv6_addr_src_scope: a loopback address has the scope of a link. */
static unsigned scope6(struct address address)
{
    if (address_is_loopback(address) || address_is_link_local(address))
        return 2;
    return address.value >> 118 == 0x3fb ? 5 : 14;
}

static unsigned common_bits(struct address a, struct address b, unsigned limit)
{
    unsigned bits = 0;
    while (bits < limit && ((a.value ^ b.value) >> (127 - bits) & 1) == 0)
        bits++;
    return bits;
}

struct candidate6 { /* what ipv6_get_saddr_eval asks, in its order */
    struct address address;
    bool same, fitting, preferred, here, labelled, lasting;
    unsigned scope, common;
};

static bool better6(const struct candidate6 *a, const struct candidate6 *b)
{
    if (!b->address.family)
        return true;
    if (a->same != b->same)
        return a->same;
    if (a->fitting != b->fitting)
        return a->fitting;
    if (a->scope != b->scope) /* the smallest that reaches, or the largest where none does */
        return a->fitting ? a->scope < b->scope : a->scope > b->scope;
    if (a->preferred != b->preferred)
        return a->preferred;
    if (a->here != b->here)
        return a->here;
    if (a->labelled != b->labelled)
        return a->labelled;
    if (a->lasting != b->lasting)
        return a->lasting;
    return a->common > b->common;
}

/* RFC 6724 as ipv6_dev_get_saddr has it, without labels and temporary addresses. */
static struct address source6(const struct world_namespace *namespace, const struct link *link,
                              struct address destination)
{
    struct candidate6 best = {0};
    list_each(const struct link_address, address, &namespace->facts->addresses) {
        struct address own = address->prefix.address;
        if (own.family != FAMILY_IP6 || (address->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) ||
            (address_is_link_local(destination) && address->index != link->index))
            continue;
        struct candidate6 candidate = {.address = own,
                                       .same = address_equal(own, destination),
                                       .scope = scope6(own),
                                       .preferred = !(address->flags & IFA_F_DEPRECATED),
                                       .here = address->index == link->index,
                                       .labelled = label6(own) == label6(destination),
                                       .lasting = !(address->flags & IFA_F_TEMPORARY),
                                       .common = common_bits(own, destination, address->prefix.length)};
        candidate.fitting = candidate.scope >= scope6(destination);
        if (better6(&candidate, &best))
            best = candidate;
    }
    return best.address;
}

struct address source_for(const struct world_namespace *namespace, const struct link *link,
                          struct address near, struct address destination, uint8_t scope)
{
    if (!link)
        return (struct address){0};
    return destination.family == FAMILY_IP4 ? source4(namespace, link, near, scope)
                                            : source6(namespace, link, destination);
}

/* ---- routes of what is sent ---- */
static void output_to(struct survey *survey, struct fragment *fragment, const struct route_result *result)
{
    const struct world_namespace *namespace = fragment->namespace;
    bool local = result->route->type == RTN_LOCAL || result->route->type == RTN_ANYCAST;
    fragment->out = local              ? namespace_loopback(namespace)
                    : result->next_hop ? world_link(namespace, result->next_hop->index)
                                       : NULL;
    fragment->arrived = local && result->next_hop ? result->next_hop->index : 0;
    bool gateway = !local && result->next_hop && result->next_hop->gateway.family != FAMILY_NONE;
    fragment->next_hop = gateway ? result->next_hop->gateway : fragment->destination;
    const char *text = survey_text(survey, "to %s", fragment->out ? fragment->out->name : "?");
    struct trace *trace = fragment_trace(fragment, survey->arena, "routing", EFFECT_ROUTE, text);
    trace->interface = fragment->out ? fragment->out->name : NULL;
}

/* __mkroute_output: a loopback source leaves by no other device, but with route_localnet. NULL: nothing is
 * left. */
static struct fragment *loopback_stays(struct survey *survey, struct fragment *fragment)
{
    struct fragment *looped, *rest;
    if (fragment->destination.family == FAMILY_IP6 || fragment->out->kind == LINK_LOOPBACK ||
        fragment->out->route_localnet > 0 || fragment->namespace->facts->sysctls.route_localnet_all > 0)
        return fragment;
    struct interval_set loopback = interval_set_range(0x7f000000, 0x7fffffff);
    fragment_split_sources(fragment, &loopback, &looped, &rest);
    interval_set_free(&loopback);
    if (looped) {
        struct cause cause = {.kind = DECIDER_SYSCTL,
                              .namespace = looped->namespace,
                              .subject =
                                  survey_text(survey, "net.ipv4.conf.%s.route_localnet", looped->out->name),
                              .text = "a loopback source does not leave the namespace"};
        survey_end(survey, looped, STATE_FILTERED, &cause);
    }
    return rest;
}

/* Checks what a route gives; NULL: the fragment ended. */
static struct fragment *output_check(struct survey *survey, struct fragment *fragment,
                                     const struct route_result *result)
{
    if (result->kind != ROUTE_FOUND) {
        route_refuse(survey, fragment, result, false);
        return NULL;
    }
    if (result->route->type == RTN_BROADCAST || result->route->type == RTN_MULTICAST) {
        survey_end_unknown(survey, fragment, REASON_NOT_UNICAST,
                           survey_text(survey, "%s", ADDRESS_TEXT(fragment->destination)),
                           "a broadcast or multicast destination");
        return NULL;
    }
    output_to(survey, fragment, result);
    if (fragment->out)
        return loopback_stays(survey, fragment);
    survey_end_unknown(survey, fragment, REASON_LINKS_UNREAD, namespace_text(survey, fragment->namespace),
                       "a route leads to an interface that was not read");
    return NULL;
}

static void send_output(struct survey *survey, struct fragment *fragment, const struct route_result *result)
{
    fragment = output_check(survey, fragment, result);
    if (fragment)
        survey_continue(survey, fragment, STAGE_OUTPUT);
}

static void send_flow(struct survey *survey, struct fragment *fragment, bool again,
                      const struct interval_set *sources, struct route_part_list *parts)
{
    struct route_flow flow = fragment_flow(survey, fragment, namespace_loopback(fragment->namespace));
    flow.sent = true;
    if (again) /* ip_route_me_harder does not look at ports */
        flow.protocol = 0;
    routes_resolve(survey, fragment->namespace, &flow, sources, parts);
}

static void send_routed(struct survey *survey, struct fragment *fragment)
{
    struct route_part_list parts = {0};
    struct interval_set sources = shown_sources(fragment);
    send_flow(survey, fragment, false, &sources, &parts);
    interval_set_free(&sources);
    routes_divide(survey, fragment, &parts, send_output);
    route_part_list_free(&parts);
}

/* ---- the source that the kernel chooses ---- */
static struct address chosen_source(const struct fragment *fragment, const struct route_result *result)
{
    const struct world_namespace *namespace = fragment->namespace;
    const struct route *route = result->route;
    struct address to = fragment->destination;
    bool local = route->type == RTN_LOCAL || route->type == RTN_ANYCAST;
    if (route->preferred_source.family == to.family)
        return route->preferred_source;
    if (local)
        return to;
    const struct link *link = result->next_hop ? world_link(namespace, result->next_hop->index) : NULL;
    /* fib_info_update_nhc_saddr asks with the gateway; without one, for any address of the interface */
    struct address gateway = result->next_hop ? result->next_hop->gateway : (struct address){0};
    return source_for(namespace, link, gateway, to, route->scope);
}

static void source_chosen(struct survey *survey, struct fragment *fragment, const struct route_result *result)
{
    if (result->kind != ROUTE_FOUND) {
        route_refuse(survey, fragment, result, false);
        return;
    }
    struct address source = chosen_source(fragment, result);
    if (!source.family) {
        struct cause cause = {.kind = DECIDER_ADDRESS,
                              .namespace = fragment->namespace,
                              .subject = "no source address",
                              .text = "the sender has no address to send from"};
        survey_end(survey, fragment, STATE_UNREACHABLE, &cause);
        return;
    }
    struct interval_set own = interval_set_range(source.value, source.value);
    region_release(fragment->sources);
    fragment->sources = region_new(&own);
    /* connect() of TCP looks once more, for policy rules that ask for the source (ip_route_connect) */
    if (fragment->destination.family == FAMILY_IP4 && survey->query->protocol == PROTOCOL_TCP)
        send_routed(survey, fragment);
    else
        send_output(survey, fragment, result);
}

/* Without a source the first look-up is made with none (ip_route_output_key). */
static void send_unbound(struct survey *survey, struct fragment *fragment)
{
    struct route_part_list parts = {0};
    struct interval_set none = interval_set_range(0, 0);
    region_release(fragment->sources);
    fragment->sources = region_new(&none);
    none = interval_set_range(0, 0);
    send_flow(survey, fragment, false, &none, &parts);
    interval_set_free(&none);
    routes_divide(survey, fragment, &parts, source_chosen);
    route_part_list_free(&parts);
}

/* ---- stages ---- */
void stage_send(struct survey *survey, struct fragment *fragment)
{
    if (!namespace_read(survey, fragment) || ports_cut(survey, fragment))
        return;
    part_doubts(survey, fragment,
                PART_ROUTES | PART_POLICY_RULES | PART_ADDRESSES | PART_LINKS | PART_SYSCTLS,
                REASON_ROUTES_UNREAD);
    if (address_is_multicast(fragment->destination) || address_is_link_local(fragment->destination)) {
        survey_end_unknown(survey, fragment, REASON_NOT_UNICAST,
                           survey_text(survey, "%s", ADDRESS_TEXT(fragment->destination)),
                           "a destination that needs an interface");
        return;
    }
    namespace_program_doubts(survey, fragment);
    cgroup_program_doubts(survey, fragment, NULL, true);
    if (interval_set_empty(&survey->query->sources))
        send_unbound(survey, fragment);
    else
        send_routed(survey, fragment);
}

void send_reroute(struct survey *survey, struct fragment *fragment, struct fragment_list *ret_passed)
{
    struct route_part_list parts = {0};
    struct interval_set sources = shown_sources(fragment);
    send_flow(survey, fragment, true, &sources, &parts);
    interval_set_free(&sources);
    for (size_t i = 0; i < parts.count; i++) {
        struct fragment *here = route_part_of(survey, fragment, &parts.items[i]);
        if (here)
            fragment_list_add(ret_passed, output_check(survey, here, &parts.items[i].result));
    }
    route_part_list_free(&parts);
    fragment_free(fragment);
}

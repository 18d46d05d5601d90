/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The routing decision for a packet that arrived: ip_route_input_slow, fib_validate_source, ip6_forward. */
#include "scanner/path/survey.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#define PROTOCOL_KERNEL 2 /* RTPROT_KERNEL */

/* The sources that the fragment shows, as a set. */
struct interval_set shown_sources(const struct fragment *fragment)
{
    if (fragment->source.given)
        return interval_set_range(fragment->source.address.value, fragment->source.address.value);
    return interval_set_copy(&fragment->sources->set);
}

static struct cause cause_of(const struct fragment *fragment, enum decider_kind kind, const char *subject,
                             const char *text)
{
    return (struct cause){.kind = kind, .namespace = fragment->namespace, .subject = subject, .text = text};
}

static void route_trace(struct survey *survey, struct fragment *fragment, const char *text)
{
    struct trace *trace = fragment_trace(fragment, survey->arena, "routing", EFFECT_ROUTE, text);
    trace->interface = fragment->in ? fragment->in->name : NULL;
}

static bool sysctls_known(const struct fragment *fragment, enum ip_family family)
{
    if (fragment->namespace->facts->missing & (PART_SYSCTLS | PART_LINKS))
        return false;
    return family == FAMILY_IP6 ? fragment->in->has_sysctl6 : fragment->in->has_sysctl4;
}

/* ---- martians: nothing that a rule could change, so that the second walk ends here too ---- */
static struct fragment *martians_drop(struct survey *survey, struct fragment *fragment,
                                      const struct interval_set *set, const char *text)
{
    struct fragment *martian, *rest;
    if (!fragment)
        return NULL;
    fragment_split_sources(fragment, set, &martian, &rest);
    if (martian) {
        struct cause cause = cause_of(martian, DECIDER_ADDRESS, SUBJECT_MARTIAN_SOURCE, text);
        survey_end(survey, martian, STATE_FILTERED, &cause);
    }
    return rest;
}

static struct fragment *martian_range(struct survey *survey, struct fragment *fragment, u128 first, u128 last,
                                      const char *text)
{
    struct interval_set set = interval_set_range(first, last);
    struct fragment *rest = martians_drop(survey, fragment, &set, text);
    interval_set_free(&set);
    return rest;
}

static void martian_destination(struct survey *survey, struct fragment *fragment, const char *subject,
                                const char *text)
{
    struct cause cause = cause_of(fragment, DECIDER_ADDRESS, subject, text);
    survey_end(survey, fragment, STATE_FILTERED, &cause);
}

static bool in_range(struct address address, u128 first, u128 last)
{
    return address.value >= first && address.value <= last;
}

/* IN_DEV_NET_ROUTE_LOCALNET: the interface's or everybody's. */
static bool routes_localnet(const struct fragment *fragment)
{
    return fragment->in->route_localnet > 0 || fragment->namespace->facts->sysctls.route_localnet_all > 0;
}

/* The checks of ip_route_input_slow before the tables are asked. NULL: nothing is left. */
static struct fragment *martians4(struct survey *survey, struct fragment *fragment)
{
    struct address to = fragment->destination;
    bool localnet = routes_localnet(fragment);
    fragment = martian_range(survey, fragment, 0xe0000000, 0xefffffff, "a multicast address is no source");
    fragment = martian_range(survey, fragment, 0xffffffff, 0xffffffff, "the broadcast address is no source");
    fragment = martian_range(survey, fragment, 0, 0x00ffffff, "0.0.0.0/8 is no source");
    if (!fragment)
        return NULL;
    if (in_range(to, 0, 0x00ffffff)) {
        martian_destination(survey, fragment, "martian destination", "0.0.0.0/8 is no destination");
        return NULL;
    }
    if (address_is_loopback(to)) {
        if (localnet)
            return fragment;
        martian_destination(survey, fragment,
                            survey_text(survey, "net.ipv4.conf.%s.route_localnet", fragment->in->name),
                            "a loopback destination from outside, and route_localnet is off");
        return NULL;
    }
    if (!localnet)
        fragment = martian_range(survey, fragment, 0x7f000000, 0x7fffffff,
                                 "a loopback source from outside, and route_localnet is off");
    return fragment;
}

/* ---- fib_validate_source ---- */
static bool custom_local_routes(const struct world_namespace *namespace)
{
    list_each(const struct route, route, &namespace->facts->routes)
        if (route->family == FAMILY_IP4 && route->type == RTN_LOCAL && route->protocol != PROTOCOL_KERNEL)
            return true;
    return false;
}

static struct interval_set local_addresses(const struct world_namespace *namespace, enum ip_family family)
{
    struct interval_set own = {0};
    list_each(const struct link_address, address, &namespace->facts->addresses)
        if (address->prefix.address.family == family)
            interval_set_add(&own, address->prefix.address.value, address->prefix.address.value);
    return own;
}

static bool has_address4(const struct world_namespace *namespace, const struct link *link)
{
    list_each(const struct link_address, address, &namespace->facts->addresses)
        if (address->index == link->index && address->prefix.address.family == FAMILY_IP4)
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

struct validation {
    struct survey *survey;
    const struct link *in;
    int filter; /* rp_filter: 0, 1 strict, 2 loose */
    bool accept_local;
    uint8_t protocol; /* 0: without ports, as for ARP */
};
enum validity { SOURCE_FINE, SOURCE_MARTIAN, SOURCE_UNROUTED };

/* __fib_validate_source of what the reverse lookup gave. */
static enum validity reverse_validity(const struct validation *validation, const struct fragment *fragment,
                                      const struct route_result *result)
{
    bool nothing = result->kind != ROUTE_FOUND;
    if (!nothing && result->route->type != RTN_UNICAST &&
        !(result->route->type == RTN_LOCAL && validation->accept_local))
        return SOURCE_MARTIAN;
    bool here = !nothing && (route_uses(result->route, validation->in) ||
                             (result->route->type == RTN_LOCAL && (validation->in->flags & IFF_LOOPBACK)));
    if (here)
        return SOURCE_FINE;
    if (nothing || !has_address4(fragment->namespace, validation->in))
        return validation->filter ? SOURCE_UNROUTED : SOURCE_FINE;
    return validation->filter == 1 ? SOURCE_UNROUTED : SOURCE_FINE;
}

static void source_refuse(struct survey *survey, struct fragment *fragment, enum validity validity,
                          struct fragment_list *ret_valid)
{
    if (validity == SOURCE_MARTIAN) {
        struct cause cause =
            cause_of(fragment, DECIDER_ADDRESS, SUBJECT_MARTIAN_SOURCE,
                     "an address of this host's own, or none that can send, is no source from outside");
        survey_end(survey, fragment, STATE_FILTERED, &cause);
        return;
    }
    struct cause cause = cause_of(fragment, DECIDER_SYSCTL,
                                  survey_text(survey, "net.ipv4.conf.%s.rp_filter", fragment->in->name),
                                  "the way back to the source is not by this interface");
    fragment_list_add(ret_valid, survey_drop(survey, fragment, &cause, ANSWER_NONE, 0, 0));
}

/* What of a fragment is valid, and what is not, by its fault. */
struct sorted_sources {
    struct fragment_list lists[SOURCE_UNROUTED + 1];
};

static struct port_side source_side(const struct fragment *fragment)
{
    if (fragment->source_port_given)
        return (struct port_side){.given = true, .port = fragment->source_port};
    return (struct port_side){.set = fragment->source_port_random ? NULL : &fragment->ports->set};
}

static struct port_side destination_side(const struct fragment *fragment)
{
    return (struct port_side){.given = true, .port = fragment->port_number};
}

static struct route_flow reverse_flow(uint8_t protocol, const struct fragment *fragment,
                                      const struct link *in, const struct link *out)
{
    const struct sysctls *sysctls = &fragment->namespace->facts->sysctls;
    bool by_mark = in->src_valid_mark > 0 || sysctls->src_valid_mark_all > 0;
    return (struct route_flow){.family = FAMILY_IP4,
                               .fixed = fragment->destination,
                               .in = out ? out : namespace_loopback(fragment->namespace),
                               .mark = by_mark ? fragment->mark : (struct bits){0, UINT32_MAX},
                               .protocol = protocol,
                               .source = destination_side(fragment),
                               .destination = source_side(fragment)};
}

/* A copy of what of the fragment lies in the part, with the part's doubts; NULL: nothing. */
struct fragment *route_part_of(struct survey *survey, const struct fragment *fragment,
                               const struct route_part *part)
{
    struct fragment *here, *rest;
    fragment_split_sources(fragment_copy(fragment), &part->addresses, &here, &rest);
    fragment_free(rest);
    if (!here)
        return NULL;
    fragment_doubts_from(here, survey->arena, part->doubts);
    here->by_sender |= part->by_sender;
    if (here->taint < part->taint)
        here->taint = part->taint;
    return here;
}

static void validate_full(const struct validation *validation, struct fragment *fragment,
                          const struct link *out, struct sorted_sources *ret_sorted)
{
    struct survey *survey = validation->survey;
    struct route_part_list parts = {0};
    struct route_flow flow = reverse_flow(validation->protocol, fragment, validation->in, out);
    struct interval_set sources = shown_sources(fragment);
    routes_resolve(survey, fragment->namespace, &flow, &sources, &parts);
    interval_set_free(&sources);
    for (size_t i = 0; i < parts.count; i++) {
        struct fragment *here = route_part_of(survey, fragment, &parts.items[i]);
        if (!here)
            continue;
        enum validity validity = reverse_validity(validation, here, &parts.items[i].result);
        fragment_list_add(&ret_sorted->lists[validity], here);
    }
    fragment_free(fragment);
    route_part_list_free(&parts);
}

/* Takes the fragment and sorts its sources by whether they may come in by its interface. */
static void sources_sort(struct survey *survey, struct fragment *fragment, const struct link *out,
                         uint8_t protocol, struct sorted_sources *ret_sorted)
{
    const struct world_namespace *namespace = fragment->namespace;
    const struct sysctls *sysctls = &namespace->facts->sysctls;
    struct validation validation = {.survey = survey, .in = fragment->in, .protocol = protocol};
    int all = sysctls->rp_filter_all > 0 ? sysctls->rp_filter_all : 0;
    validation.filter = fragment->in->rp_filter > all ? fragment->in->rp_filter : all;
    validation.accept_local = fragment->in->accept_local > 0 || sysctls->accept_local_all > 0;
    /* where the way out is the way in, redirects are sent, and the source is looked at in full */
    bool full = validation.filter > 0 || out == fragment->in;
    if (!full && validation.accept_local) {
        fragment_list_add(&ret_sorted->lists[SOURCE_FINE], fragment);
    } else if (full || namespace->custom_rules[0] || custom_local_routes(namespace)) {
        validate_full(&validation, fragment, out, ret_sorted);
    } else {
        struct fragment *own, *rest;
        struct interval_set addresses = local_addresses(namespace, FAMILY_IP4);
        fragment_split_sources(fragment, &addresses, &own, &rest);
        interval_set_free(&addresses);
        fragment_list_add(&ret_sorted->lists[SOURCE_MARTIAN], own);
        fragment_list_add(&ret_sorted->lists[SOURCE_FINE], rest);
    }
}

/* Takes the fragment; those of its sources that may come in by its interface are added to *ret_valid. */
static void sources_validate(struct survey *survey, struct fragment *fragment, const struct link *out,
                             struct fragment_list *ret_valid)
{
    struct sorted_sources sorted = {0};
    sources_sort(survey, fragment, out, survey->query->protocol, &sorted);
    fragment_list_move(ret_valid, &sorted.lists[SOURCE_FINE]);
    for (enum validity validity = SOURCE_MARTIAN; validity <= SOURCE_UNROUTED; validity++)
        for (size_t i = 0; i < sorted.lists[validity].count; i++)
            source_refuse(survey, sorted.lists[validity].items[i], validity, ret_valid);
    for (enum validity validity = SOURCE_FINE; validity <= SOURCE_UNROUTED; validity++)
        list_free(&sorted.lists[validity]);
}

/* ---- ends without a route ---- */
struct refusal {
    enum state state;
    uint8_t type4, code4, type6, code6;
    const char *text;
};
static const struct refusal refusals[] = {
    [ROUTE_NONE] = {STATE_UNREACHABLE, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, ICMPV6_DEST_UNREACH,
                    ICMPV6_NOROUTE, "no route"},
    [ROUTE_BLACKHOLE] = {STATE_FILTERED, 0, 0, 0, 0, "a blackhole route"},
    [ROUTE_UNREACHABLE] = {STATE_UNREACHABLE, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, ICMPV6_DEST_UNREACH,
                           ICMPV6_NOROUTE, "an unreachable route"},
    [ROUTE_PROHIBIT] = {STATE_FILTERED, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, ICMPV6_DEST_UNREACH,
                        ICMPV6_ADM_PROHIBITED, "a prohibit route"},
};

static const char *route_subject(struct survey *survey, const struct fragment *fragment,
                                 const struct route_result *result)
{
    if (result->route)
        return survey_text(survey, "%s table %u", PREFIX_TEXT(result->route->destination),
                           result->route->table);
    if (result->rule && result->kind != ROUTE_NONE)
        return survey_text(survey, "policy rule %u", result->rule->priority);
    return survey_text(survey, "to %s", ADDRESS_TEXT(fragment->destination));
}

static bool forwards(const struct fragment *fragment, enum ip_family family)
{
    const struct sysctls *sysctls = &fragment->namespace->facts->sysctls;
    if (family == FAMILY_IP6)
        return sysctls->forwarding6_all > 0 || sysctls->force_forwarding6_all > 0 ||
               (fragment->in && fragment->in->force_forwarding6 > 0);
    return fragment->in ? fragment->in->forwarding4 > 0 : sysctls->ip_forward > 0;
}

void route_refuse(struct survey *survey, struct fragment *fragment, const struct route_result *result,
                  bool tells)
{
    const struct refusal *refusal = &refusals[result->kind];
    struct cause cause =
        cause_of(fragment, DECIDER_ROUTE, route_subject(survey, fragment, result), refusal->text);
    bool ip4 = fragment->destination.family == FAMILY_IP4;
    bool answers = tells && refusal->type4 != 0;
    survey_end_answered(survey, fragment, refusal->state, &cause, answers ? ANSWER_ICMP : ANSWER_NONE,
                        ip4 ? refusal->type4 : refusal->type6, ip4 ? refusal->code4 : refusal->code6);
}

/* ---- on to input or forward ---- */
static void to_input(struct survey *survey, struct fragment *fragment)
{
    route_trace(survey, fragment, "for this namespace");
    fragment->out = NULL;
    survey_continue(survey, fragment, STAGE_INPUT);
}

/* ip_forward=0 and the like: NULL where the packet ends here. */
static struct fragment *forwarding_check(struct survey *survey, struct fragment *fragment,
                                         enum ip_family family)
{
    if (forwards(fragment, family))
        return fragment;
    const char *subject = family == FAMILY_IP4
                              ? survey_text(survey, "net.ipv4.conf.%s.forwarding", fragment->in->name)
                              : "net.ipv6.conf.all.forwarding";
    struct cause cause = cause_of(fragment, DECIDER_SYSCTL, subject, "forwarding is off");
    return survey_drop(survey, fragment, &cause, ANSWER_NONE, 0, 0);
}

static void to_forward(struct survey *survey, struct fragment *fragment, const struct route_result *result)
{
    fragment->out = result->next_hop ? world_link(fragment->namespace, result->next_hop->index) : NULL;
    if (!fragment->out) {
        survey_end_unknown(survey, fragment, REASON_LINKS_UNREAD, namespace_text(survey, fragment->namespace),
                           "a route leads to an interface that was not read");
        return;
    }
    bool gateway = result->next_hop->gateway.family != FAMILY_NONE;
    fragment->next_hop = gateway ? result->next_hop->gateway : fragment->destination;
    route_trace(survey, fragment, survey_text(survey, "to %s", fragment->out->name));
    survey_continue(survey, fragment, STAGE_FORWARD);
}

static void not_unicast(struct survey *survey, struct fragment *fragment)
{
    survey_end_unknown(survey, fragment, REASON_NOT_UNICAST,
                       survey_text(survey, "%s", ADDRESS_TEXT(fragment->destination)),
                       "a broadcast or multicast destination");
}

/* ---- IPv4 ---- */
static void unicast4(struct survey *survey, struct fragment *fragment, const struct route_result *result)
{
    const struct link *out =
        result->next_hop ? world_link(fragment->namespace, result->next_hop->index) : NULL;
    struct fragment_list valid = {0};
    fragment = forwarding_check(survey, fragment, FAMILY_IP4);
    if (!fragment)
        return;
    sources_validate(survey, fragment, out, &valid);
    for (size_t i = 0; i < valid.count; i++)
        to_forward(survey, valid.items[i], result);
    list_free(&valid);
}

static void local4(struct survey *survey, struct fragment *fragment)
{
    struct fragment_list valid = {0};
    sources_validate(survey, fragment, NULL, &valid);
    for (size_t i = 0; i < valid.count; i++)
        to_input(survey, valid.items[i]);
    list_free(&valid);
}

static void decide4(struct survey *survey, struct fragment *fragment, const struct route_result *result)
{
    if (result->kind != ROUTE_FOUND) {
        route_refuse(survey, fragment, result, forwards(fragment, FAMILY_IP4));
        return;
    }
    switch (result->route->type) {
    case RTN_LOCAL:
        local4(survey, fragment);
        break;
    case RTN_BROADCAST:
    case RTN_MULTICAST:
        not_unicast(survey, fragment);
        break;
    case RTN_UNICAST:
        unicast4(survey, fragment, result);
        break;
    default:
        martian_destination(survey, fragment, "martian destination",
                            "a route of a type that takes no packets");
    }
}

/* ---- IPv6 ---- */
#define IP6_MULTICAST  ((u128)0xff << 120)
#define IP6_LINK_LOCAL ((u128)0xfe80 << 112)
#define IP6_LINK_LAST  (((u128)0xfec0 << 112) - 1)
#define IP6_MAPPED     ((u128)0xffff << 32)

/* What ipv6_rcv drops before any hook; the loopback interface may have anything. */
struct fragment *arrival_check6(struct survey *survey, struct fragment *fragment)
{
    if (!sysctls_known(fragment, FAMILY_IP6))
        fragment_taint(fragment, survey->arena, TAINT_ANY, REASON_SYSCTLS_UNREAD, fragment->in->name,
                       "the interface's settings were not read");
    if (fragment->in->disable_ipv6 > 0) {
        struct cause cause = cause_of(
            fragment, DECIDER_SYSCTL,
            survey_text(survey, "net.ipv6.conf.%s.disable_ipv6", fragment->in->name), "IPv6 is switched off");
        survey_end(survey, fragment, STATE_FILTERED, &cause);
        return NULL;
    }
    if (fragment->in->flags & IFF_LOOPBACK)
        return fragment;
    if (address_is_loopback(fragment->destination)) {
        martian_destination(survey, fragment, "martian destination", "::1 is no destination from outside");
        return NULL;
    }
    fragment = martian_range(survey, fragment, 1, 1, "::1 is no source from outside");
    fragment = martian_range(survey, fragment, IP6_MULTICAST, ~(u128)0, "a multicast address is no source");
    return martian_range(survey, fragment, IP6_MAPPED, IP6_MAPPED | 0xffffffff,
                         "an IPv4-mapped address is no source");
}

/* A link-local source does not leave its link; ip6_forward tells it so ("beyond scope of source address"). */
static struct fragment *link_local_refuse(struct survey *survey, struct fragment *fragment)
{
    struct interval_set set = interval_set_range(IP6_LINK_LOCAL, IP6_LINK_LAST);
    struct fragment *local, *rest;

    fragment_split_sources(fragment, &set, &local, &rest);
    interval_set_free(&set);
    if (local) {
        struct cause cause =
            cause_of(local, DECIDER_ADDRESS, SUBJECT_MARTIAN_SOURCE, "a link-local source is not forwarded");
        survey_end_answered(survey, local, STATE_FILTERED, &cause, ANSWER_ICMP, ICMPV6_DEST_UNREACH,
                            ICMPV6_NOT_NEIGHBOUR);
    }
    return rest;
}

/* ip6_forward: what may not leave its link. */
static void unicast6(struct survey *survey, struct fragment *fragment, const struct route_result *result)
{
    namespace_program_doubts(survey, fragment);
    fragment = forwarding_check(survey, fragment, FAMILY_IP6);
    fragment = fragment ? martian_range(survey, fragment, 0, 0, ":: is no source that is forwarded") : NULL;
    fragment = fragment ? link_local_refuse(survey, fragment) : NULL;
    if (fragment)
        to_forward(survey, fragment, result);
}

static void decide6(struct survey *survey, struct fragment *fragment, const struct route_result *result)
{
    if (result->kind != ROUTE_FOUND) {
        route_refuse(survey, fragment, result, true);
        return;
    }
    switch (result->route->type) {
    case RTN_LOCAL:
    case RTN_ANYCAST:
        to_input(survey, fragment);
        break;
    case RTN_UNICAST:
        unicast6(survey, fragment, result);
        break;
    default:
        not_unicast(survey, fragment);
    }
}

/* ---- the stage ---- */
struct route_flow fragment_flow(const struct survey *survey, const struct fragment *fragment,
                                const struct link *in)
{
    return (struct route_flow){.family = fragment->destination.family,
                               .forward = true,
                               .fixed = fragment->destination,
                               .in = in,
                               .mark = fragment->mark,
                               .protocol = survey->query->protocol,
                               .source = source_side(fragment),
                               .destination = destination_side(fragment),
                               .uid_known = survey->query->uid_known,
                               .uid = survey->query->uid};
}

/* Cuts each of the list by one range of a rule. */
static void range_cut(struct fragment_list *list, uint16_t first, uint16_t last)
{
    struct fragment_list cut = {0};
    _cleanup_interval_set_ struct interval_set range = interval_set_range(first, last);
    for (size_t i = 0; i < list->count; i++) {
        struct fragment *in, *out;
        fragment_split_ports(list->items[i], &range, &in, &out);
        fragment_list_add(&cut, in);
        fragment_list_add(&cut, out);
    }
    list_free(list);
    *list = cut;
}

/* Takes the fragment; its parts, none of which a policy rule cuts further, are added to *ret_parts. */
static void ports_parts(struct fragment *fragment, struct fragment_list *ret_parts)
{
    size_t count;
    const struct policy_rule *const *rules =
        world_policy_rules(fragment->namespace, fragment->destination.family, &count);
    bool symbolic = !fragment->source_port_given && !fragment->source_port_random;
    fragment_list_add(ret_parts, fragment);
    for (size_t i = 0; i < count && symbolic; i++) {
        if (rules[i]->has_source_port)
            range_cut(ret_parts, rules[i]->source_port_first, rules[i]->source_port_last);
        if (rules[i]->has_destination_port) /* of the way back */
            range_cut(ret_parts, rules[i]->destination_port_first, rules[i]->destination_port_last);
    }
}

bool ports_cut(struct survey *survey, struct fragment *fragment)
{
    struct fragment_list parts = {0};
    if (fragment->cut) {
        fragment->cut = false;
        return false;
    }
    ports_parts(fragment, &parts);
    bool cut = parts.count > 1;
    for (size_t i = 0; cut && i < parts.count; i++) {
        parts.items[i]->cut = true;
        survey_continue(survey, parts.items[i], parts.items[i]->stage);
    }
    list_free(&parts);
    return cut;
}

void routes_divide(struct survey *survey, struct fragment *fragment, const struct route_part_list *parts,
                   void (*decide)(struct survey *survey, struct fragment *fragment,
                                  const struct route_result *result))
{
    for (size_t i = 0; i < parts->count; i++) {
        struct fragment *here = route_part_of(survey, fragment, &parts->items[i]);
        if (here)
            decide(survey, here, &parts->items[i].result);
    }
    fragment_free(fragment);
}

static void route_doubts(struct survey *survey, struct fragment *fragment, enum ip_family family)
{
    part_doubts(survey, fragment, PART_ROUTES | PART_POLICY_RULES | PART_ADDRESSES, REASON_ROUTES_UNREAD);
    if (!sysctls_known(fragment, family))
        fragment_taint(fragment, survey->arena, TAINT_ANY, REASON_SYSCTLS_UNREAD, fragment->in->name,
                       "the interface's settings were not read");
}

/* Which route each of the fragment's sources takes. */
static void input_routes(struct survey *survey, const struct fragment *fragment,
                         struct route_part_list *ret_parts)
{
    struct route_flow flow = fragment_flow(survey, fragment, fragment->in);
    if (flow.family == FAMILY_IP6 &&
        (address_is_link_local(fragment->destination) || address_is_loopback(fragment->destination)))
        flow.strict = fragment->in;
    struct interval_set sources = shown_sources(fragment);
    routes_resolve(survey, fragment->namespace, &flow, &sources, ret_parts);
    interval_set_free(&sources);
}

void stage_route(struct survey *survey, struct fragment *fragment)
{
    enum ip_family family = fragment->destination.family;
    if (fragment->looped) { /* the route that it was sent by stands */
        to_input(survey, fragment);
        return;
    }
    if (ports_cut(survey, fragment))
        return;
    route_doubts(survey, fragment, family);
    if (address_is_multicast(fragment->destination) ||
        (family == FAMILY_IP4 && fragment->destination.value == 0xffffffff)) {
        not_unicast(survey, fragment);
        return;
    }
    if (family == FAMILY_IP4)
        fragment = martians4(survey, fragment);
    if (!fragment)
        return;
    struct route_part_list parts = {0};
    input_routes(survey, fragment, &parts);
    routes_divide(survey, fragment, &parts, family == FAMILY_IP4 ? decide4 : decide6);
    route_part_list_free(&parts);
}

/* ---- questions of the bridge and of ARP ---- */
/* The sources that martians4 would drop; they go up, and meet it there. */
static struct interval_set martian_sources(const struct world_namespace *namespace, const struct link *in)
{
    struct interval_set set = interval_set_range(0, 0x00ffffff);
    if (in->route_localnet <= 0 && namespace->facts->sysctls.route_localnet_all <= 0)
        interval_set_add(&set, 0x7f000000, 0x7fffffff);
    interval_set_add(&set, 0xe0000000, 0xefffffff);
    interval_set_add(&set, 0xffffffff, 0xffffffff);
    return set;
}

static void stay_sort(struct survey *survey, struct fragment *fragment, const struct link *bridge,
                      struct fragment_list *ret_stay, struct fragment_list *ret_up)
{
    struct sorted_sources sorted = {0};
    struct fragment *martian;
    if (fragment->destination.family == FAMILY_IP6) {
        fragment_list_add(ret_stay, fragment);
        return;
    }
    if (bridge->forwarding4 <= 0) {
        fragment_list_add(ret_up, fragment);
        return;
    }
    struct interval_set martians = martian_sources(fragment->namespace, bridge);
    fragment_split_sources(fragment, &martians, &martian, &fragment);
    interval_set_free(&martians);
    fragment_list_add(ret_up, martian);
    if (!fragment)
        return;
    sources_sort(survey, fragment, bridge, survey->query->protocol, &sorted);
    fragment_list_move(ret_stay, &sorted.lists[SOURCE_FINE]);
    fragment_list_move(ret_up, &sorted.lists[SOURCE_MARTIAN]);
    fragment_list_move(ret_up, &sorted.lists[SOURCE_UNROUTED]);
    for (enum validity validity = SOURCE_FINE; validity <= SOURCE_UNROUTED; validity++)
        list_free(&sorted.lists[validity]);
}

static void part_stays(struct survey *survey, struct fragment *fragment, const struct link *bridge,
                       struct fragment_list *ret_stay, struct fragment_list *ret_up)
{
    struct route_part_list parts = {0};
    route_doubts(survey, fragment, fragment->destination.family);
    bool loopback = address_is_loopback(fragment->destination) || address_is_multicast(fragment->destination);
    if (!loopback)
        input_routes(survey, fragment, &parts);
    for (size_t i = 0; i < parts.count; i++) {
        const struct route_result *result = &parts.items[i].result;
        struct fragment *here = route_part_of(survey, fragment, &parts.items[i]);
        bool out = result->kind == ROUTE_FOUND && result->route->type == RTN_UNICAST && result->next_hop &&
                   result->next_hop->index == bridge->index;
        if (here && out) {
            bool gateway = result->next_hop->gateway.family != FAMILY_NONE;
            here->next_hop = gateway ? result->next_hop->gateway : here->destination;
            stay_sort(survey, here, bridge, ret_stay, ret_up);
        } else {
            bool local = result->kind == ROUTE_FOUND && result->route->type == RTN_LOCAL && result->next_hop;
            if (here && local && here->destination.family == FAMILY_IP6)
                here->arrived = result->next_hop->index; /* this decision stands */
            fragment_list_add(ret_up, here);
        }
    }
    if (loopback)
        fragment_list_add(ret_up, fragment);
    else
        fragment_free(fragment);
    route_part_list_free(&parts);
}

void routes_stay(struct survey *survey, struct fragment *fragment, const struct link *bridge,
                 struct fragment_list *ret_stay, struct fragment_list *ret_up)
{
    struct fragment_list parts = {0};
    ports_parts(fragment, &parts);
    for (size_t i = 0; i < parts.count; i++)
        part_stays(survey, parts.items[i], bridge, ret_stay, ret_up);
    list_free(&parts);
}

static bool source_is_valid(struct survey *survey, const struct world_namespace *namespace,
                            const struct link *in, struct address source, struct address destination)
{
    struct interval_set set = interval_set_range(source.value, source.value);
    struct interval_set ports = interval_set_range(0, UINT16_MAX);
    struct fragment *probe = memory_alloc(sizeof(*probe));
    struct sorted_sources sorted = {0};
    probe->sources = region_new(&set);
    probe->ports = region_new(&ports);
    probe->namespace = namespace;
    probe->in = in;
    probe->destination = destination;
    probe->mark = (struct bits){0, UINT32_MAX};
    sources_sort(survey, probe, NULL, 0, &sorted);
    bool valid = sorted.lists[SOURCE_FINE].count > 0;
    for (enum validity validity = SOURCE_FINE; validity <= SOURCE_UNROUTED; validity++)
        fragment_list_free(&sorted.lists[validity]);
    return valid;
}

static bool martian4(const struct world_namespace *namespace, const struct link *in, struct address source,
                     struct address destination)
{
    bool localnet = in->route_localnet > 0 || namespace->facts->sysctls.route_localnet_all > 0;
    bool loopback = address_is_loopback(source) || address_is_loopback(destination);
    return address_is_multicast(source) || source.value == 0xffffffff || in_range(source, 0, 0x00ffffff) ||
           in_range(destination, 0, 0x00ffffff) || (loopback && !localnet);
}

bool routes_to_input(struct survey *survey, const struct world_namespace *namespace, const struct link *in,
                     struct address source, struct address destination)
{
    if (!source.value) /* a question that names no sender is answered too */
        return !address_is_loopback(destination) && world_is_local(namespace, destination);
    bool read = !(namespace->facts->missing & PART_ROUTES);
    if (martian4(namespace, in, source, destination) ||
        (read &&
         !interval_set_contains(&namespace->local[world_family(destination.family)], destination.value)))
        return false;
    struct route_flow flow = {.family = destination.family,
                              .forward = true,
                              .fixed = destination,
                              .in = in,
                              .mark = {0, UINT32_MAX}};
    struct interval_set set = interval_set_range(source.value, source.value);
    struct route_part_list parts = {0};
    routes_resolve(survey, namespace, &flow, &set, &parts);
    interval_set_free(&set);
    bool local = parts.count > 0 && parts.items[0].result.kind == ROUTE_FOUND &&
                 parts.items[0].result.route->type == RTN_LOCAL;
    route_part_list_free(&parts);
    return local && source_is_valid(survey, namespace, in, source, destination);
}

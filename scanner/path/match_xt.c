/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/text.h"
#include "scanner/path/match.h"

#include <linux/rtnetlink.h>

/* ---- tests on one dimension can be turned round ---- */
static struct test test_turn(struct test test, enum ip_family family)
{
    if (test.never)
        return TEST_ALWAYS;
    if (test_always(&test))
        return (struct test){.never = true};
    if (test.limits_sources && !test.limits_ports && test.doubt == DOUBT_NONE) {
        struct interval_set rest = interval_set_complement(&test.sources, family_max(family));
        interval_set_free(&test.sources);
        test.sources = rest;
        test.never = interval_set_empty(&rest);
    } else if (test.limits_ports && !test.limits_sources && test.doubt == DOUBT_NONE) {
        struct interval_set rest = interval_set_complement(&test.ports, UINT16_MAX);
        interval_set_free(&test.ports);
        test.ports = rest;
        test.never = interval_set_empty(&rest);
    } else { /* a doubt stays one; the rest of a box is no box */
        enum doubt_word doubt = test.doubt != DOUBT_NONE ? test.doubt : DOUBT_PIECES;
        test_free(&test);
        return (struct test){.doubt = doubt};
    }
    return test;
}

static struct test test_if(bool holds)
{
    return (struct test){.never = !holds};
}

static struct test test_perhaps_by(enum doubt_word doubt)
{
    return (struct test){.doubt = doubt};
}

struct xt_walk {
    struct rule_walk *rule;
    const struct hook_context *hook;
    struct fragment *fragment;
};

/* Adds a condition, turned round where `invert`. */
static void condition(const struct xt_walk *xt, struct test *all, struct test one, bool invert)
{
    if (invert)
        one = test_turn(one, xt->hook->family);
    test_and(all, &one);
}

/* ---- ports ---- */
static struct test source_port_test(const struct xt_walk *xt, const struct interval_set *ports)
{
    const struct fragment *fragment = xt->fragment;
    if (fragment->source_port_random)
        return test_perhaps_by(DOUBT_SOURCE_PORT);
    if (fragment->source_port_given)
        return test_if(interval_set_contains(ports, fragment->source_port));
    return (struct test){
        .limits_ports = true, .ports = interval_set_copy(ports), .never = interval_set_empty(ports)};
}

static struct test port_range_test(const struct xt_walk *xt, struct xt_port_range range, bool source)
{
    if (range.first == 0 && range.last == UINT16_MAX)
        return TEST_ALWAYS;
    if (!source)
        return test_if(xt->fragment->port_number >= range.first && xt->fragment->port_number <= range.last);
    _cleanup_interval_set_ struct interval_set set = interval_set_range(range.first, range.last);
    return source_port_test(xt, &set);
}

static struct test ports_test(const struct xt_walk *xt, const struct xt_ports *ports, bool tcp)
{
    struct test all = TEST_ALWAYS;
    uint8_t protocol = xt->hook->survey->query->protocol;
    if (tcp ? protocol != PROTOCOL_TCP : protocol != PROTOCOL_UDP && protocol != PROTOCOL_UDPLITE)
        return test_if(false); /* the rule asks for the protocol, too */
    condition(xt, &all, port_range_test(xt, ports->source, true), ports->invert_source);
    condition(xt, &all, port_range_test(xt, ports->destination, false), ports->invert_destination);
    if (!tcp)
        return all;
    condition(xt, &all, test_if((0x02 & ports->flag_mask) == ports->flag_compare), ports->invert_flags);
    if (ports->option != 0)
        condition(xt, &all, test_perhaps_by(DOUBT_OPTION), false);
    return all;
}

static struct test multiport_test(const struct xt_walk *xt, const struct xt_multiple_ports *ports)
{
    _cleanup_interval_set_ struct interval_set set = {0};
    list_each(const struct xt_port_range, range, &ports->ports)
        interval_set_add(&set, range->first, range->last);
    bool destination = interval_set_contains(&set, xt->fragment->port_number);
    struct test test;
    if (ports->side == XT_PORTS_DESTINATION)
        test = test_if(destination);
    else if (ports->side == XT_PORTS_EITHER && destination)
        test = TEST_ALWAYS;
    else
        test = source_port_test(xt, &set);
    return ports->invert ? test_turn(test, xt->hook->family) : test;
}

/* ---- addrtype ---- */
static struct test addrtype_side(const struct xt_walk *xt, const struct xt_addrtype *addrtype, bool source)
{
    const struct hook_context *hook = xt->hook;
    const struct fragment *fragment = xt->fragment;
    const struct link *link = addrtype->limit_in ? hook->in : addrtype->limit_out ? hook->out : NULL;
    uint32_t mask = source ? addrtype->source : addrtype->destination;
    bool symbolic = source && !fragment->source.given;
    u128 fixed = source ? fragment->source.address.value : fragment->destination.value;
    _cleanup_interval_set_ struct interval_set set =
        symbolic ? interval_set_copy(&fragment->sources->set) : interval_set_range(fixed, fixed);
    struct address_type_list types = {0};
    xt_types(hook->survey, hook->namespace, hook->family, link, mask, &set, &types);
    struct test test = {.limits_sources = symbolic};
    bool any = false, doubtful = false;
    list_each(struct address_type_part, part, &types) {
        doubtful |= part->doubts != NULL;
        if (!(mask & part->type))
            continue;
        any = true;
        if (!symbolic)
            continue;
        struct interval_set both = interval_set_union(&test.sources, &part->addresses);
        interval_set_free(&test.sources);
        test.sources = both;
    }
    address_type_list_free(&types);
    if (doubtful) {
        test_free(&test);
        return test_perhaps_by(DOUBT_FIB);
    }
    test.never = !any;
    return test;
}

static struct test addrtype_test(const struct xt_walk *xt, const struct xt_addrtype *addrtype)
{
    struct test all = TEST_ALWAYS;
    if (addrtype->source)
        condition(xt, &all, addrtype_side(xt, addrtype, true), addrtype->invert_source);
    if (addrtype->destination && !all.never)
        condition(xt, &all, addrtype_side(xt, addrtype, false), addrtype->invert_destination);
    return all;
}

/* ---- conntrack ---- */
static struct test masked_address_test(const struct xt_walk *xt, const struct endpoint *endpoint,
                                       struct address wanted, struct address mask)
{
    u128 bits = mask.family ? mask.value : family_max(xt->hook->family);
    if (endpoint->given)
        return test_if(((endpoint->address.value ^ wanted.value) & bits) == 0);
    struct test test = {.limits_sources = true};
    const struct interval_set *sources = &xt->fragment->sources->set;
    if (sources->count == 1 && sources->items[0].first == sources->items[0].last)
        return test_if(((sources->items[0].first ^ wanted.value) & bits) == 0);
    if (!masked_set(bits, wanted.value & bits, family_bits(xt->hook->family), &test.sources))
        return test_perhaps_by(DOUBT_PIECES);
    return test;
}

/* XT_CONNTRACK_STATE_*: of a packet that has a connection, NEW and what NAT did to it. */
static uint32_t xt_states(const struct fragment *fragment)
{
    if (fragment->untracked)
        return XT_STATE_UNTRACKED;
    if (!fragment->tracked)
        return XT_STATE_INVALID;
    return XT_STATE_NEW | (fragment->status & IPS_SOURCE_NAT ? XT_STATE_SNAT : 0) |
           (fragment->status & IPS_DESTINATION_NAT ? XT_STATE_DNAT : 0);
}

static void conntrack_addresses(const struct xt_walk *xt, const struct xt_conntrack *ct, struct test *all)
{
    const struct xt_conntrack_addresses *addresses = ct->addresses;
    const struct fragment *fragment = xt->fragment;
    struct endpoint destination = {true, fragment->original_destination};
    if (!addresses)
        return;
    if (ct->match & XT_CT_ORIGINAL_SOURCE)
        condition(xt, all,
                  masked_address_test(xt, &fragment->original_source, addresses->original_source,
                                      addresses->original_source_mask),
                  ct->invert & XT_CT_ORIGINAL_SOURCE);
    if (ct->match & XT_CT_ORIGINAL_DESTINATION)
        condition(xt, all,
                  masked_address_test(xt, &destination, addresses->original_destination,
                                      addresses->original_destination_mask),
                  ct->invert & XT_CT_ORIGINAL_DESTINATION);
}

static struct test original_port_test(const struct xt_walk *xt, struct xt_port_range range)
{
    const struct fragment *fragment = xt->fragment;
    if (fragment->original_source_port_given)
        return test_if(fragment->original_source_port >= range.first &&
                       fragment->original_source_port <= range.last);
    return (struct test){.limits_ports = true, .ports = interval_set_range(range.first, range.last)};
}

static void conntrack_ports(const struct xt_walk *xt, const struct xt_conntrack *ct, struct test *all)
{
    uint16_t port = xt->fragment->original_port;
    if (ct->match & XT_CT_ORIGINAL_SOURCE_PORT)
        condition(xt, all, original_port_test(xt, ct->original_source_port),
                  ct->invert & XT_CT_ORIGINAL_SOURCE_PORT);
    if (ct->match & XT_CT_ORIGINAL_DESTINATION_PORT)
        condition(xt, all,
                  test_if(port >= ct->original_destination_port.first &&
                          port <= ct->original_destination_port.last),
                  ct->invert & XT_CT_ORIGINAL_DESTINATION_PORT);
}

#define CT_REPLY                                                                                             \
    (XT_CT_REPLY_SOURCE | XT_CT_REPLY_DESTINATION | XT_CT_REPLY_SOURCE_PORT | XT_CT_REPLY_DESTINATION_PORT)

static struct test conntrack_test(const struct xt_walk *xt, const struct xt_conntrack *ct)
{
    const struct fragment *fragment = xt->fragment;
    struct test all = TEST_ALWAYS;
    if (ct->match & XT_CT_STATE)
        condition(xt, &all, test_if(xt_states(fragment) & ct->states), ct->invert & XT_CT_STATE);
    if (all.never)
        return all;
    if (!fragment->tracked || fragment->untracked)
        return test_if(ct->match & XT_CT_STATE);
    if (ct->match & XT_CT_DIRECTION)
        condition(xt, &all, TEST_ALWAYS, ct->invert & XT_CT_DIRECTION);
    if (ct->match & XT_CT_PROTOCOL)
        condition(xt, &all, test_if(ct->protocol == xt->hook->survey->query->protocol),
                  ct->invert & XT_CT_PROTOCOL);
    conntrack_addresses(xt, ct, &all);
    conntrack_ports(xt, ct, &all);
    if (ct->match & XT_CT_STATUS)
        condition(xt, &all, test_if(connection_status(fragment) & ct->status), ct->invert & XT_CT_STATUS);
    if (ct->match & (CT_REPLY | XT_CT_EXPIRES))
        condition(xt, &all, test_perhaps_by(DOUBT_CT), false);
    return all;
}

/* ---- the rest ---- */
static struct test mark_test(const struct fragment *fragment, const struct xt_mark *mark)
{
    uint32_t known = mark->mask & fragment->mark.known;
    bool differs = (mark->value & ~mark->mask) != 0 || ((fragment->mark.value ^ mark->value) & known) != 0;
    if (!differs && known != mark->mask)
        return test_perhaps_by(DOUBT_MARK);
    return test_if(differs == mark->invert);
}

static struct test icmp_test(const struct xt_walk *xt, const struct xt_icmp *icmp)
{
    uint8_t protocol = xt->hook->survey->query->protocol;
    if (protocol != PROTOCOL_ICMP && protocol != PROTOCOL_ICMP6)
        return test_if(false);
    uint8_t type = protocol == PROTOCOL_ICMP ? 8 : 128; /* an echo request */
    bool holds = icmp->any || (icmp->type == type && icmp->code_first == 0);
    return test_if(holds != icmp->invert);
}

static bool xt_test(const struct xt_walk *walk, const struct nft_xt *xt, struct test *ret_test)
{
    switch (xt->kind) {
    case XT_ADDRTYPE:
        *ret_test = addrtype_test(walk, &xt->addrtype);
        return true;
    case XT_CONNTRACK:
        *ret_test = conntrack_test(walk, &xt->conntrack);
        return true;
    case XT_TCP:
    case XT_UDP:
        *ret_test = ports_test(walk, &xt->ports, xt->kind == XT_TCP);
        return true;
    case XT_MULTIPORT:
        *ret_test = multiport_test(walk, &xt->multiport);
        return true;
    case XT_COMMENT:
        *ret_test = TEST_ALWAYS;
        return true;
    case XT_MARK:
        *ret_test = mark_test(walk->fragment, &xt->mark);
        return true;
    case XT_ICMP:
        *ret_test = icmp_test(walk, &xt->icmp);
        return true;
    case XT_ROUTING_HEADER: /* the packet has none, and nothing of none is inverted */
        *ret_test = test_if(false);
        return true;
    case XT_HOP_LIMIT:
        *ret_test = test_perhaps_by(DOUBT_FIELD);
        return true;
    case XT_RECENT: /* taken in is everyone; who was seen before is not known here */
        *ret_test = test_if(!xt->recent.invert);
        return xt->recent.flags & XT_RECENT_ACTION_SET;
    default:
        return false;
    }
}

/* Matches that remember the packets that they saw: knocking changes what the next one meets. */
static bool remembers(const char *name)
{
    static const char *const names[] = {"recent", "hashlimit", "connlimit", "quota", "connbytes"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (text_equal(name, names[i]))
            return true;
    return false;
}

/* Matches on the sending process. */
static bool asks_sender(const char *name)
{
    return text_equal(name, "owner") || text_equal(name, "cgroup");
}

static const char *doubt_of_match(const struct nft_xt *xt, const char *name)
{
    if (asks_sender(name))
        return REASON_SENDER_IDENTITY;
    return xt->kind == XT_RECENT ? REASON_STATEFUL_RULE : REASON_UNMODELLED_MATCH;
}

static void unmodelled_match(struct rule_walk *rule, const struct nft_xt *xt, const char *name,
                             struct fragment *fragment, const struct registers *registers, size_t index)
{
    struct fragment_list out = {0};
    fragment->by_sender |= asks_sender(name) && has_socket(rule->hook, fragment);
    fragment_fork(rule, fragment, doubt_of_match(xt, name), name ? name : "?",
                  "an xtables match that is not modelled decides", &out);
    rule_miss_all(rule, &out);
    rule_continue(rule, fragment, registers, index);
}

void xt_match_run(struct rule_walk *rule, const struct nft_xt *xt, const char *name,
                  struct fragment *fragment, const struct registers *registers, size_t index)
{
    struct xt_walk walk = {rule, rule->hook, fragment};
    struct fragment_list in = {0}, out = {0};
    struct test test;
    fragment->stateful |= remembers(name);
    if (!xt_test(&walk, xt, &test)) {
        unmodelled_match(rule, xt, name, fragment, registers, index);
        return;
    }
    test_cut(rule, fragment, &test, &in, &out);
    rule_miss_all(rule, &out);
    rule_continue_all(rule, &in, registers, index);
}

/* ---- targets ---- */
#define RANGE_MAP_ADDRESSES 1u /* NF_NAT_RANGE_MAP_IPS */
#define RANGE_PORTS         2u /* NF_NAT_RANGE_PROTO_SPECIFIED */

static struct rewrite xt_rewrite(const struct nft_xt *xt, enum ip_family family)
{
    const struct xt_nat *nat = &xt->nat;
    struct rewrite rewrite = {.source = xt->kind == XT_SNAT || xt->kind == XT_MASQUERADE,
                              .masquerade = xt->kind == XT_MASQUERADE,
                              .redirect = xt->kind == XT_REDIRECT,
                              .netmap = xt->kind == XT_NETMAP,
                              .flags = nat->flags,
                              .has_ports = nat->flags & RANGE_PORTS,
                              .port_min = nat->port_min,
                              .port_max = nat->port_max,
                              .port_base = nat->port_base};
    if ((nat->flags & RANGE_MAP_ADDRESSES) && nat->address_min.family == family) {
        rewrite.address_min = nat->address_min;
        rewrite.address_max = nat->address_max.family ? nat->address_max : nat->address_min;
    }
    return rewrite;
}

static void xt_nat_run(struct rule_walk *rule, const struct nft_xt *xt, struct fragment *fragment)
{
    struct rewrite rewrite = xt_rewrite(xt, rule->hook->family);
    if (rewrite.netmap) /* which side it maps depends on the hook */
        rewrite.source = rule->hook->hook == HOOK_POSTROUTING || rule->hook->hook == HOOK_INPUT;
    rule_rewrite(rule, fragment, &rewrite);
}

static void xt_mark_run(struct rule_walk *rule, const struct xt_set_mark *set, struct fragment *fragment)
{
    struct bits mark = fragment->mark;
    mark.value = (mark.value & ~set->mask) ^ set->value;
    mark.known |= set->mask;
    mark_set(rule, fragment, &fragment->mark, mark, EFFECT_MARK);
}

static void xt_reject_run(struct rule_walk *rule, const struct nft_xt *xt, struct fragment *fragment)
{
    rule_trace(rule, fragment, EFFECT_REJECT, NULL);
    struct verdict_item *item = list_append(rule->verdicts);
    *item = (struct verdict_item){fragment, VERDICT_DROP, NULL, &xt->reject};
}

#define CT_NOTRACK 1u /* XT_CT_NOTRACK */

/* A template: only zones change what is modelled (whether the packet has a connection of its own). */
static void xt_ct_run(struct rule_walk *rule, const struct xt_ct *ct, struct fragment *fragment)
{
    if (fragment->tracked || fragment->untracked)
        return;
    if (ct->flags & CT_NOTRACK) {
        fragment->untracked = true;
        rule_trace(rule, fragment, EFFECT_NOTRACK, NULL);
    } else if (ct->zone) {
        fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_UNMODELLED_TARGET, "CT zone",
                       "a conntrack zone");
    }
}

void xt_target_run(struct rule_walk *rule, const struct nft_xt *xt, const char *name,
                   struct fragment *fragment, const struct registers *registers, size_t index)
{
    switch (xt->kind) {
    case XT_DNAT:
    case XT_SNAT:
    case XT_MASQUERADE:
    case XT_REDIRECT:
    case XT_NETMAP:
        xt_nat_run(rule, xt, fragment);
        return;
    case XT_REJECT:
        xt_reject_run(rule, xt, fragment);
        return;
    case XT_SET_MARK:
        xt_mark_run(rule, &xt->set_mark, fragment);
        break;
    case XT_CT:
        xt_ct_run(rule, &xt->ct, fragment);
        break;
    case XT_LOG:
    case XT_NFLOG:
        break;
    default:
        fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_UNMODELLED_TARGET, name ? name : "?",
                       "an xtables target that is not modelled");
        rule_miss(rule, fragment);
        return;
    }
    rule_continue(rule, fragment, registers, index);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/visit.h"

#include "netns/base/text.h"
#include "scanner/path/element.h"
#include "scanner/path/test.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#define VISITS_MAX     200000u
#define NAME_BYTES     16u   /* IFNAMSIZ */
#define DEPTH_MAX      16u   /* NFT_JUMP_STACK_SIZE */
#define ELEMENTS_APART 4096u /* of a set of concatenations, looked at one by one */

void destinations_free(struct destinations *destinations)
{
    interval_set_free(&destinations->addresses);
    interval_set_free(&destinations->ports);
}

struct destinations destinations_copy(const struct destinations *destinations)
{
    struct destinations copy = *destinations;
    copy.addresses = interval_set_copy(&destinations->addresses);
    copy.ports = interval_set_copy(&destinations->ports);
    return copy;
}

struct visit_walk {
    const struct world_namespace *namespace;
    const struct hook_chain *base;
    enum ip_family family;
    uint8_t protocol;
    const struct visit_packets *only; /* NULL: all */
    size_t left;
    bool stopped;
    rule_visitor visitor;
    void *context;
    unsigned depth;
};

/* One rule on its way: registers as symbols, the destinations that it is for so far. */
struct rule_state {
    const struct nft_chain *chain;
    const struct nft_rule *rule;
    struct registers registers;
    struct destinations destinations;
    enum rewrite_kind rewrite;
};

static void chain_visit(struct visit_walk *walk, const struct nft_chain *chain,
                        const struct destinations *destinations);

/* ---- narrowing ---- */
static bool narrow_set(bool *any, struct interval_set *set, const struct interval_set *by)
{
    struct interval_set both = *any ? interval_set_copy(by) : interval_set_intersect(set, by);
    interval_set_free(set);
    *set = both;
    *any = false;
    return !interval_set_empty(set);
}

static void turn_set(struct interval_set *set, u128 maximum)
{
    struct interval_set rest = interval_set_complement(set, maximum);
    interval_set_free(set);
    *set = rest;
}

/* Narrows by a test (turned round: by what does not pass it). False: nothing is left. Frees the test. */
static bool narrow(const struct visit_walk *walk, struct destinations *destinations, struct test *test,
                   bool invert)
{
    bool left = true, always = !test->limits_sources && !test->limits_ports;
    if (test->doubt != DOUBT_NONE || (invert && test->limits_sources && test->limits_ports)) {
        left = invert || !test->never;
    } else if (test->never || always) {
        left = invert == test->never;
    } else {
        if (invert && test->limits_sources)
            turn_set(&test->sources, family_max(walk->family));
        if (invert && test->limits_ports)
            turn_set(&test->ports, UINT16_MAX);
        if (test->limits_sources)
            left = narrow_set(&destinations->any_address, &destinations->addresses, &test->sources);
        if (test->limits_ports)
            left &= narrow_set(&destinations->any_port, &destinations->ports, &test->ports);
    }
    test_free(test);
    return left;
}

/* ---- loads: BYTE_SOURCE stands for the destination's address here, BYTE_PORT for its port ---- */
static struct register_byte payload_byte(const struct visit_walk *walk, uint32_t base, uint32_t offset)
{
    bool ip4 = walk->family == FAMILY_IP4;
    uint32_t address = ip4 ? 16 : 24, length = ip4 ? 4 : 16, protocol = ip4 ? 9 : 6;
    if (base == NFT_PAYLOAD_NETWORK_HEADER && offset >= address && offset < address + length)
        return byte_source(BYTE_SOURCE, (uint8_t)(offset - address));
    if (base == NFT_PAYLOAD_NETWORK_HEADER && offset == protocol)
        return byte_constant(walk->protocol);
    if (base == NFT_PAYLOAD_TRANSPORT_HEADER && (offset == 2 || offset == 3))
        return byte_source(BYTE_PORT, (uint8_t)(offset - 2));
    return byte_unknown(DOUBT_FIELD);
}

static void payload_load(const struct visit_walk *walk, struct rule_state *state,
                         const struct nft_payload *payload)
{
    struct register_byte bytes[REGISTER_BYTES];
    uint32_t at;
    if (payload->write || !register_range(payload->dreg, payload->length, &at))
        return;
    for (uint32_t i = 0; i < payload->length; i++)
        bytes[i] = payload_byte(walk, payload->base, payload->offset + i);
    registers_bytes(&state->registers, at, bytes, payload->length);
}

static void meta_load(const struct visit_walk *walk, struct rule_state *state, const struct nft_meta *meta)
{
    uint32_t at;
    if (meta->write || !register_range(meta->dreg, 1, &at))
        return;
    uint8_t family = walk->family == FAMILY_IP4 ? NFT_FAMILY_IP : NFT_FAMILY_IP6;
    if (meta->key == NFT_META_L4PROTO)
        registers_constant(&state->registers, at, &walk->protocol, 1);
    else if (meta->key == NFT_META_NFPROTO)
        registers_constant(&state->registers, at, &family, 1);
    else
        registers_unknown(&state->registers, at, 16, DOUBT_META);
}

static void bitwise_load(struct rule_state *state, const struct nft_bitwise *bitwise)
{
    struct register_byte bytes[REGISTER_BYTES];
    uint32_t from, to;
    if (!register_range(bitwise->sreg, bitwise->length, &from) ||
        !register_range(bitwise->dreg, bitwise->length, &to))
        return;
    bool plain = bitwise->op == 0 && bitwise->mask.value.length >= bitwise->length &&
                 bitwise->xor.value.length >= bitwise->length;
    memcpy(bytes, &state->registers.bytes[from], bitwise->length * sizeof(*bytes));
    for (uint32_t i = 0; i < bitwise->length; i++) {
        if (!plain) {
            bytes[i] = byte_unknown(DOUBT_ARITHMETIC);
            continue;
        }
        uint8_t mask = bitwise->mask.value.data[i];
        bytes[i].mask &= mask;
        bytes[i].unknown &= mask;
        bytes[i].flip = (uint8_t)(((bytes[i].flip & mask) ^ bitwise->xor.value.data[i]) & ~bytes[i].unknown);
    }
    registers_bytes(&state->registers, to, bytes, bitwise->length);
}

/* ---- matches: false: the rule is for no destination that is left ---- */
static bool cmp_narrow(const struct visit_walk *walk, struct rule_state *state, const struct nft_cmp *cmp)
{
    uint32_t length = (uint32_t)cmp->data.value.length, at;
    if (!register_range(cmp->sreg, length, &at))
        return true;
    const uint8_t *bytes = cmp->data.value.data;
    unsigned bits = family_bits(walk->family);
    struct test test;
    if (cmp->op == NFT_CMP_EQ || cmp->op == NFT_CMP_NEQ)
        test = test_equal(&state->registers, at, bytes, length, bits);
    else if (cmp->op == NFT_CMP_LT || cmp->op == NFT_CMP_GTE)
        test = test_range(&state->registers, at, bytes, NULL, length, bits);
    else
        test = test_range(&state->registers, at, NULL, bytes, length, bits);
    bool invert = cmp->op == NFT_CMP_NEQ || cmp->op == NFT_CMP_LT || cmp->op == NFT_CMP_GT;
    return narrow(walk, &state->destinations, &test, invert);
}

static bool range_narrow(const struct visit_walk *walk, struct rule_state *state,
                         const struct nft_range *range)
{
    uint32_t length = (uint32_t)range->from.value.length, at;
    if (range->to.value.length != length || !register_range(range->sreg, length, &at))
        return true;
    struct test test = test_range(&state->registers, at, range->from.value.data, range->to.value.data, length,
                                  family_bits(walk->family));
    return narrow(walk, &state->destinations, &test, range->op == NFT_RANGE_NEQ);
}

static bool ports_narrow(const struct visit_walk *walk, struct rule_state *state, struct interval_set *ports,
                         bool invert)
{
    struct test test = {.limits_ports = true, .ports = *ports, .never = interval_set_empty(ports)};
    return narrow(walk, &state->destinations, &test, invert);
}

static bool multiport_narrow(const struct visit_walk *walk, struct rule_state *state,
                             const struct xt_multiple_ports *multiport)
{
    struct interval_set ports = {0};
    if (multiport->side != XT_PORTS_DESTINATION)
        return true;
    list_each(const struct xt_port_range, range, &multiport->ports)
        interval_set_add(&ports, range->first, range->last);
    return ports_narrow(walk, state, &ports, multiport->invert);
}

/* All that may be local to the namespace by its routes: wider than a table's answer, never narrower. */
static struct interval_set local_addresses(const struct visit_walk *walk)
{
    struct interval_set local = {0};
    list_each(const struct route, route, &walk->namespace->facts->routes)
        if (route->family == walk->family && route->type == RTN_LOCAL)
            interval_set_add(&local, prefix_first(route->destination).value,
                             prefix_last(route->destination).value);
    return local;
}

static bool local_narrow(const struct visit_walk *walk, struct rule_state *state)
{
    if (walk->namespace->facts->missing & (PART_ROUTES | PART_ADDRESSES))
        return true;
    struct test test = {.limits_sources = true, .sources = local_addresses(walk)};
    test.never = interval_set_empty(&test.sources);
    return narrow(walk, &state->destinations, &test, false);
}

static bool addrtype_narrow(const struct visit_walk *walk, struct rule_state *state,
                            const struct xt_addrtype *addrtype)
{
    bool local = addrtype->destination == 1u << RTN_LOCAL && !addrtype->invert_destination;
    return !local || local_narrow(walk, state);
}

/* `fib daddr type local`: the question, and the comparison behind it. */
static bool fib_narrow(const struct visit_walk *walk, struct rule_state *state,
                       const struct nft_expression *expression)
{
    const struct nft_fib *fib = &expression->fib;
    const struct nft_expression *next = expression + 1;
    uint32_t type = 0, at;
    if (register_range(fib->dreg, 4, &at))
        registers_unknown(&state->registers, at, NAME_BYTES, DOUBT_FIB);
    if (fib->result != NFT_FIB_RESULT_ADDRTYPE || !(fib->flags & NFTA_FIB_F_DADDR) ||
        next >= state->rule->expressions.items + state->rule->expressions.count ||
        next->kind != EXPRESSION_CMP || next->cmp.sreg != fib->dreg || next->cmp.op != NFT_CMP_EQ ||
        next->cmp.data.value.length != sizeof(type))
        return true;
    memcpy(&type, next->cmp.data.value.data, sizeof(type));
    return (type != RTN_LOCAL && type != __builtin_bswap32(RTN_LOCAL)) || local_narrow(walk, state);
}

static bool match_narrow(const struct visit_walk *walk, struct rule_state *state, const struct nft_xt *xt)
{
    bool tcp = xt->kind == XT_TCP;
    switch (xt->kind) {
    case XT_TCP:
    case XT_UDP:
        if (tcp != (walk->protocol == PROTOCOL_TCP))
            return false;
        if (xt->ports.destination.first == 0 && xt->ports.destination.last == UINT16_MAX)
            return true;
        struct interval_set ports =
            interval_set_range(xt->ports.destination.first, xt->ports.destination.last);
        return ports_narrow(walk, state, &ports, xt->ports.invert_destination);
    case XT_MULTIPORT:
        return multiport_narrow(walk, state, &xt->multiport);
    case XT_ADDRTYPE:
        return addrtype_narrow(walk, state, &xt->addrtype);
    default:
        return true;
    }
}

/* ---- sets ---- */
static void state_run(struct visit_walk *walk, struct rule_state *state, size_t index);
static void verdict_visit(struct visit_walk *walk, struct rule_state *state,
                          const struct nft_verdict *verdict);

static struct test element_test(const struct visit_walk *walk, const struct rule_state *state,
                                const struct element_list *elements, const struct element_range *range,
                                uint32_t at)
{
    struct test all = TEST_ALWAYS;
    unsigned bits = family_bits(walk->family);
    for (uint32_t i = 0; i < elements->field_count && !all.never; i++) {
        uint32_t offset = elements->field_offset[i], length = elements->field_length[i];
        const uint8_t *first = range->first + offset, *last = range->last + offset;
        struct test field = memcmp(first, last, length) == 0
                                ? test_equal(&state->registers, at + offset, first, length, bits)
                                : test_range(&state->registers, at + offset, first, last, length, bits);
        field.doubt = DOUBT_NONE; /* what is not known does not narrow, the rest does */
        test_and(&all, &field);
    }
    return all;
}

/* The rule goes on for the destinations of one element, with its value. */
static void element_run(struct visit_walk *walk, const struct rule_state *state,
                        const struct nft_lookup *lookup, const struct nft_element *element, struct test *test,
                        size_t index)
{
    struct rule_state own = *state;
    own.destinations = destinations_copy(&state->destinations);
    if (narrow(walk, &own.destinations, test, false)) {
        uint32_t at;
        if (element && element->has_data && element->data.is_verdict) {
            verdict_visit(walk, &own, &element->data.verdict);
        } else {
            if (lookup->has_dreg && register_range(lookup->dreg, 4, &at))
                registers_unknown(&own.registers, at, 16, DOUBT_EXPRESSION);
            state_run(walk, &own, index);
        }
    }
    destinations_free(&own.destinations);
}

static void lookup_each(struct visit_walk *walk, const struct rule_state *state,
                        const struct nft_lookup *lookup, const struct element_list *elements, uint32_t at,
                        size_t index)
{
    for (size_t i = 0; i < elements->count && !walk->stopped; i++) {
        struct test test = element_test(walk, state, elements, &elements->ranges[i], at);
        element_run(walk, state, lookup, elements->ranges[i].element, &test, index);
    }
    struct test all = TEST_ALWAYS;
    if (elements->catchall && !walk->stopped)
        element_run(walk, state, lookup, elements->catchall, &all, index);
}

/* A plain set of addresses or ports narrows at once. False: it is looked at element by element. */
static bool lookup_joined(const struct visit_walk *walk, struct rule_state *state,
                          const struct nft_lookup *lookup, const struct element_list *elements, uint32_t at,
                          bool *ret_left)
{
    struct test joined = {0};
    bool simple = !lookup->has_dreg;
    for (size_t i = 0; i < elements->count && simple; i++) {
        struct test test = element_test(walk, state, elements, &elements->ranges[i], at);
        bool addresses = test.limits_sources && !test.limits_ports,
             ports = test.limits_ports && !test.limits_sources;
        simple = test.never || (addresses && !joined.limits_ports) || (ports && !joined.limits_sources);
        joined.limits_sources |= addresses && simple && !test.never;
        joined.limits_ports |= ports && simple && !test.never;
        const struct interval_set *from = addresses ? &test.sources : &test.ports;
        struct interval_set *to = addresses ? &joined.sources : &joined.ports;
        for (size_t j = 0; simple && !test.never && j < from->count; j++)
            interval_set_add(to, from->items[j].first, from->items[j].last);
        test_free(&test);
    }
    if (!simple) {
        test_free(&joined);
        return false;
    }
    joined.never = !joined.limits_sources && !joined.limits_ports;
    *ret_left = narrow(walk, &state->destinations, &joined, lookup->flags & NFT_LOOKUP_F_INV);
    return true;
}

/* True: the rule goes on in the state; false: it ended, or went on elsewhere. */
static bool lookup_visit(struct visit_walk *walk, struct rule_state *state, const struct nft_lookup *lookup,
                         size_t index)
{
    const struct nft_set *set = world_set(walk->namespace, walk->base->table, lookup->set);
    const struct element_list *elements = set ? world_elements(walk->namespace, set) : NULL;
    uint32_t at;
    bool left;
    if (!elements || !register_range(lookup->sreg, elements->key_length, &at))
        return true;
    if (set->flags & SET_EVAL)
        return true;
    if (lookup_joined(walk, state, lookup, elements, at, &left))
        return left;
    if (lookup->flags & NFT_LOOKUP_F_INV || (!lookup->has_dreg && elements->count > ELEMENTS_APART))
        return true;
    lookup_each(walk, state, lookup, elements, at, index);
    return false;
}

/* ---- the rule ---- */
static void visit(struct visit_walk *walk, const struct rule_state *state, bool drops)
{
    if (walk->stopped)
        return;
    struct rule_visit visited = {.namespace = walk->namespace,
                                 .base = walk->base,
                                 .chain = state->chain,
                                 .rule = state->rule,
                                 .destinations = state->destinations,
                                 .rewrite = state->rewrite,
                                 .drops = drops};
    walk->stopped = walk->left-- == 0 || !walk->visitor(&visited, walk->context);
}

static void verdict_visit(struct visit_walk *walk, struct rule_state *state,
                          const struct nft_verdict *verdict)
{
    visit(walk, state, verdict->code == 0);
    if ((verdict->code == -3 || verdict->code == -4) && !walk->stopped && walk->depth < DEPTH_MAX) {
        const struct nft_chain *chain = world_chain(walk->namespace, walk->base->table, verdict->chain);
        walk->depth++;
        if (chain)
            chain_visit(walk, chain, &state->destinations);
        walk->depth--;
    }
}

static enum rewrite_kind target_rewrites(const struct nft_xt *xt)
{
    if (xt->kind == XT_DNAT || xt->kind == XT_NETMAP)
        return REWRITES_DESTINATION;
    return xt->kind == XT_REDIRECT ? REDIRECTS : REWRITES_NOTHING;
}

static enum rewrite_kind expression_rewrites(const struct nft_expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_NAT:
        return expression->nat.type == NFT_NAT_DNAT ? REWRITES_DESTINATION : REWRITES_NOTHING;
    case EXPRESSION_REDIR:
        return REDIRECTS;
    case EXPRESSION_TARGET:
        return target_rewrites(&expression->xt);
    case EXPRESSION_TPROXY:
        return REDIRECTS;
    default:
        return REWRITES_NOTHING;
    }
}

/* Narrows or loads. False: the rule is for nothing that is left. */
static bool expression_narrow(struct visit_walk *walk, struct rule_state *state,
                              const struct nft_expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_PAYLOAD:
        payload_load(walk, state, &expression->payload);
        return true;
    case EXPRESSION_META:
        meta_load(walk, state, &expression->meta);
        return true;
    case EXPRESSION_BITWISE:
        bitwise_load(state, &expression->bitwise);
        return true;
    case EXPRESSION_CT:
        if (!expression->ct.write) {
            uint32_t at;
            if (register_range(expression->ct.dreg, 1, &at))
                registers_unknown(&state->registers, at, 16, DOUBT_CT);
        }
        return true;
    case EXPRESSION_FIB:
        return fib_narrow(walk, state, expression);
    case EXPRESSION_CMP:
        return cmp_narrow(walk, state, &expression->cmp);
    case EXPRESSION_RANGE:
        return range_narrow(walk, state, &expression->range);
    case EXPRESSION_MATCH:
        return match_narrow(walk, state, &expression->xt);
    default:
        return true;
    }
}

static bool rejects(const struct nft_expression *expression)
{
    return expression->kind == EXPRESSION_REJECT ||
           (expression->kind == EXPRESSION_TARGET && expression->xt.kind == XT_REJECT);
}

static void state_run(struct visit_walk *walk, struct rule_state *state, size_t index)
{
    for (; index < state->rule->expressions.count && !walk->stopped; index++) {
        const struct nft_expression *expression = &state->rule->expressions.items[index];
        if (expression->kind == EXPRESSION_IMMEDIATE && expression->immediate.data.is_verdict) {
            verdict_visit(walk, state, &expression->immediate.data.verdict);
            return;
        }
        if (expression->kind == EXPRESSION_LOOKUP) {
            if (!lookup_visit(walk, state, &expression->lookup, index + 1))
                return;
            continue;
        }
        if (!expression_narrow(walk, state, expression))
            return;
        if (state->rewrite == REWRITES_NOTHING)
            state->rewrite = expression_rewrites(expression);
        if (rejects(expression)) {
            visit(walk, state, true);
            return;
        }
    }
    visit(walk, state, false);
}

/* The next rule from `from` on that may be for one of the packets that are asked about. */
static size_t rule_next(struct guard_cursor *cursors, size_t count, size_t from)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t next = guard_next(&cursors[i], from);
        least = next < least ? next : least;
    }
    return count > 0 ? least : from;
}

static void chain_visit(struct visit_walk *walk, const struct nft_chain *chain,
                        const struct destinations *destinations)
{
    const struct chain_guards *guards = world_guards(walk->namespace, chain);
    struct guard_cursor cursors[VISIT_PACKETS_MAX];
    size_t count = walk->only ? walk->only->count : 0;
    for (size_t i = 0; i < count; i++)
        cursors[i] = guard_begin(guards, &walk->only->items[i]);
    for (size_t i = rule_next(cursors, count, 0); i < chain->rules.count && !walk->stopped;
         i = rule_next(cursors, count, i + 1)) {
        struct rule_state state = {
            .chain = chain, .rule = &chain->rules.items[i], .destinations = destinations_copy(destinations)};
        registers_clear(&state.registers);
        state_run(walk, &state, 0);
        destinations_free(&state.destinations);
    }
}

bool rules_visit(const struct world_namespace *namespace, enum ip_family family, uint8_t protocol,
                 enum nft_hook hook, const struct visit_packets *only, size_t limit, rule_visitor visitor,
                 void *context)
{
    struct visit_walk walk = {.namespace = namespace,
                              .family = family,
                              .protocol = protocol,
                              .only = only,
                              .left = limit ? limit : VISITS_MAX,
                              .visitor = visitor,
                              .context = context};
    const struct destinations all = {.any_address = true, .any_port = true};
    list_each(const struct hook_chain, base, &namespace->hooks[world_family(family)][hook]) {
        walk.base = base;
        if (!walk.stopped)
            chain_visit(&walk, base->chain, &all);
        if (!walk.stopped) {
            struct rule_state policy = {.chain = base->chain, .destinations = all};
            visit(&walk, &policy, base->chain->policy == 0);
        }
    }
    return !walk.stopped;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/guard.h"

#include <linux/netfilter/nf_tables.h>
#include <string.h>

#define NAME_BYTES 16u /* IFNAMSIZ */

static struct guard_condition *condition_add(struct rule_guard *guard)
{
    return guard->count < GUARD_CONDITIONS_MAX ? &guard->conditions[guard->count++] : NULL;
}

static void condition_put(struct rule_guard *guard, struct guard_condition condition)
{
    struct guard_condition *new = condition_add(guard);
    if (new)
        *new = condition;
}

/* ---- nf_tables: a load, perhaps a mask, and a comparison ---- */
struct comparison {
    const struct bytes *mask; /* NULL: none */
    const struct bytes *first, *last;
    bool invert;
};

static u128 number(const uint8_t *bytes, size_t length)
{
    u128 value = 0;
    for (size_t i = 0; i < length; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* The comparison that follows the load at `index`, on the same register; `mask` may stand between. */
static bool comparison_read(const struct nft_rule *rule, size_t index, uint32_t dreg, uint32_t length,
                            struct comparison *ret_comparison)
{
    const struct nft_expression *next =
        index + 1 < rule->expressions.count ? &rule->expressions.items[index + 1] : NULL;
    *ret_comparison = (struct comparison){0};
    if (next && next->kind == EXPRESSION_BITWISE) {
        const struct nft_bitwise *bitwise = &next->bitwise;
        static const uint8_t zero[NAME_BYTES];
        if (bitwise->op != 0 || bitwise->sreg != dreg || bitwise->dreg != dreg || bitwise->length != length ||
            bitwise->mask.value.length != length || bitwise->xor.value.length != length ||
            length > sizeof(zero) || memcmp(bitwise->xor.value.data, zero, length) != 0)
            return false;
        ret_comparison->mask = &bitwise->mask.value;
        next = index + 2 < rule->expressions.count ? &rule->expressions.items[index + 2] : NULL;
    }
    if (next && next->kind == EXPRESSION_CMP && next->cmp.sreg == dreg &&
        (next->cmp.op == NFT_CMP_EQ || next->cmp.op == NFT_CMP_NEQ)) {
        ret_comparison->first = ret_comparison->last = &next->cmp.data.value;
        ret_comparison->invert = next->cmp.op == NFT_CMP_NEQ;
        return ret_comparison->first->length == length;
    }
    if (next && next->kind == EXPRESSION_RANGE && next->range.sreg == dreg && !ret_comparison->mask) {
        ret_comparison->first = &next->range.from.value;
        ret_comparison->last = &next->range.to.value;
        ret_comparison->invert = next->range.op == NFT_RANGE_NEQ;
        return ret_comparison->first->length == length && ret_comparison->last->length == length;
    }
    return false;
}

static void number_add(struct rule_guard *guard, enum guard_kind kind, const struct comparison *comparison)
{
    if (comparison->mask)
        return;
    condition_put(guard, (struct guard_condition){
                             .kind = kind,
                             .invert = comparison->invert,
                             .first = (uint16_t)number(comparison->first->data, comparison->first->length),
                             .last = (uint16_t)number(comparison->last->data, comparison->last->length)});
}

/* A prefix may be asked for by its first bytes alone. */
static void address_add(struct rule_guard *guard, enum ip_family family, uint32_t length,
                        const struct comparison *comparison)
{
    uint32_t whole = family == FAMILY_IP4 ? 4 : 16, shift = (whole - length) * 8;
    u128 all = family == FAMILY_IP4 ? UINT32_MAX : ~(u128)0;
    u128 mask = comparison->mask ? number(comparison->mask->data, length) : all >> shift;
    if (comparison->first != comparison->last)
        return;
    condition_put(guard, (struct guard_condition){.kind = GUARD_ADDRESS,
                                                  .invert = comparison->invert,
                                                  .family = family,
                                                  .mask = mask << shift,
                                                  .value = number(comparison->first->data, length) << shift});
}

static void payload_add(struct rule_guard *guard, const struct nft_rule *rule, size_t index)
{
    const struct nft_payload *payload = &rule->expressions.items[index].payload;
    struct comparison comparison;
    if (payload->length == 0 || !comparison_read(rule, index, payload->dreg, payload->length, &comparison))
        return;
    if (payload->base == NFT_PAYLOAD_TRANSPORT_HEADER && payload->offset == 2 && payload->length == 2)
        number_add(guard, GUARD_PORT, &comparison);
    else if (payload->base == NFT_PAYLOAD_NETWORK_HEADER && payload->offset == 16 && payload->length <= 4)
        address_add(guard, FAMILY_IP4, payload->length, &comparison);
    else if (payload->base == NFT_PAYLOAD_NETWORK_HEADER && payload->offset == 24 && payload->length <= 16)
        address_add(guard, FAMILY_IP6, payload->length, &comparison);
}

static void name_add(struct rule_guard *guard, enum guard_kind kind, const struct nft_rule *rule,
                     size_t index, uint32_t dreg)
{
    const struct nft_expression *next =
        index + 1 < rule->expressions.count ? &rule->expressions.items[index + 1] : NULL;
    if (!next || next->kind != EXPRESSION_CMP || next->cmp.sreg != dreg ||
        (next->cmp.op != NFT_CMP_EQ && next->cmp.op != NFT_CMP_NEQ) || next->cmp.data.value.length == 0 ||
        next->cmp.data.value.length > NAME_BYTES)
        return;
    condition_put(guard, (struct guard_condition){.kind = kind,
                                                  .invert = next->cmp.op == NFT_CMP_NEQ,
                                                  .length = (uint32_t)next->cmp.data.value.length,
                                                  .name = next->cmp.data.value.data});
}

static void meta_add(struct rule_guard *guard, const struct nft_rule *rule, size_t index)
{
    const struct nft_meta *meta = &rule->expressions.items[index].meta;
    struct comparison comparison;
    if (meta->key == NFT_META_IIFNAME || meta->key == NFT_META_OIFNAME) {
        name_add(guard, meta->key == NFT_META_IIFNAME ? GUARD_INPUT : GUARD_OUTPUT, rule, index, meta->dreg);
        return;
    }
    if ((meta->key == NFT_META_L4PROTO || meta->key == NFT_META_NFPROTO) &&
        comparison_read(rule, index, meta->dreg, 1, &comparison))
        number_add(guard, meta->key == NFT_META_L4PROTO ? GUARD_PROTOCOL : GUARD_FAMILY, &comparison);
}

/* ---- xtables ---- */
static void match_add(struct rule_guard *guard, const struct nft_xt *xt)
{
    if (xt->kind == XT_TCP || xt->kind == XT_UDP)
        condition_put(guard, (struct guard_condition){.kind = GUARD_PORT,
                                                      .invert = xt->ports.invert_destination,
                                                      .first = xt->ports.destination.first,
                                                      .last = xt->ports.destination.last});
}

/* ---- the rule ---- */
/* Looks at the packet and does nothing to it, whatever comes of it. */
static bool only_looks(const struct nft_expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_PAYLOAD:
        return !expression->payload.write;
    case EXPRESSION_META:
        return !expression->meta.write;
    case EXPRESSION_CMP:
    case EXPRESSION_RANGE:
    case EXPRESSION_BITWISE:
    case EXPRESSION_COUNTER:
        return true;
    case EXPRESSION_MATCH:
        return expression->xt.kind == XT_TCP || expression->xt.kind == XT_UDP ||
               expression->xt.kind == XT_COMMENT || expression->xt.kind == XT_ADDRTYPE ||
               expression->xt.kind == XT_CONNTRACK || expression->xt.kind == XT_MULTIPORT ||
               expression->xt.kind == XT_MARK;
    default:
        return false;
    }
}

static void guard_make(const struct nft_rule *rule, struct rule_guard *guard)
{
    if (rule->undecodable || rule->unknown_attribute)
        return;
    for (size_t i = 0; i < rule->expressions.count && only_looks(&rule->expressions.items[i]); i++) {
        const struct nft_expression *expression = &rule->expressions.items[i];
        if (expression->unknown_attribute)
            return;
        if (expression->kind == EXPRESSION_PAYLOAD)
            payload_add(guard, rule, i);
        else if (expression->kind == EXPRESSION_META)
            meta_add(guard, rule, i);
        else if (expression->kind == EXPRESSION_MATCH)
            match_add(guard, &expression->xt);
    }
}

struct rule_guard *guards_make(const struct nft_chain *chain, struct arena *arena)
{
    if (chain->rules.count == 0)
        return NULL;
    struct rule_guard *guards = arena_alloc(arena, chain->rules.count * sizeof(*guards));
    memset(guards, 0, chain->rules.count * sizeof(*guards));
    for (size_t i = 0; i < chain->rules.count; i++)
        guard_make(&chain->rules.items[i], &guards[i]);
    return guards;
}

/* ---- the packet ---- */
static bool in_numbers(const struct guard_condition *condition, uint16_t value)
{
    return value >= condition->first && value <= condition->last;
}

/* As the register holds it: the name, filled up with zeroes. */
static bool has_name(const struct guard_condition *condition, const struct link *link)
{
    char name[NAME_BYTES] = {0};
    if (link)
        memcpy(name, link->name, strnlen(link->name, NAME_BYTES - 1));
    return memcmp(name, condition->name, condition->length) == 0;
}

/* True where the condition is known not to hold. */
static bool condition_fails(const struct guard_condition *condition, const struct guard_packet *packet)
{
    bool holds, of_interface = condition->kind == GUARD_INPUT || condition->kind == GUARD_OUTPUT;
    if (of_interface && packet->any_interface)
        return false;
    switch (condition->kind) {
    case GUARD_FAMILY:
        holds = in_numbers(condition, packet->family == FAMILY_IP4 ? NFT_FAMILY_IP : NFT_FAMILY_IP6);
        break;
    case GUARD_PROTOCOL:
        holds = in_numbers(condition, packet->protocol);
        break;
    case GUARD_PORT:
        if (!packet->has_ports)
            return false;
        holds = in_numbers(condition, packet->port);
        break;
    case GUARD_ADDRESS:
        if (condition->family != packet->family) /* other fields stand there */
            return false;
        holds = ((packet->destination.value ^ condition->value) & condition->mask) == 0;
        break;
    case GUARD_INPUT:
        holds = has_name(condition, packet->in);
        break;
    case GUARD_OUTPUT:
        holds = has_name(condition, packet->out);
        break;
    default:
        return false;
    }
    return holds == condition->invert;
}

bool guard_refuses(const struct rule_guard *guard, const struct guard_packet *packet)
{
    for (uint8_t i = 0; i < guard->count; i++)
        if (condition_fails(&guard->conditions[i], packet))
            return true;
    return false;
}

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

/* ---- the chain ---- */
struct bucket {
    LIST(uint32_t) rules; /* their numbers, ascending */
};
struct chain_guards {
    size_t count;
    struct rule_guard *rules;
    struct bucket others;          /* rules that ask for neither */
    struct map *addresses, *ports; /* by address_key() and port: struct bucket; NULL: none */
    LIST(struct bucket *) all;     /* of both */
};

/* Different addresses may share a key: a rule too many is looked at then. */
static uint64_t address_key(u128 value)
{
    return ((uint64_t)value ^ (uint64_t)(value >> 64)) + 1;
}

static bool asks_for_address(const struct guard_condition *condition)
{
    u128 all = condition->family == FAMILY_IP4 ? UINT32_MAX : ~(u128)0;
    return condition->kind == GUARD_ADDRESS && !condition->invert && condition->mask == all;
}

static bool asks_for_port(const struct guard_condition *condition)
{
    return condition->kind == GUARD_PORT && !condition->invert && condition->first == condition->last;
}

static struct bucket *bucket_get(struct chain_guards *guards, struct map **map, uint64_t key,
                                 struct arena *arena)
{
    if (!*map)
        *map = map_new();
    struct bucket *bucket = map_get_u64(*map, key);
    if (bucket)
        return bucket;
    bucket = arena_alloc(arena, sizeof(*bucket));
    *bucket = (struct bucket){0};
    map_set_u64(*map, key, bucket);
    *list_append(&guards->all) = bucket;
    return bucket;
}

/* In a table of both families a rule that does not ask for one may see other fields where an address stands.
 */
static bool knows_family(const struct rule_guard *guard, enum nft_family family)
{
    for (uint8_t i = 0; i < guard->count; i++)
        if (guard->conditions[i].kind == GUARD_FAMILY && !guard->conditions[i].invert)
            return true;
    return family == NFT_FAMILY_IP || family == NFT_FAMILY_IP6;
}

static struct bucket *bucket_of(struct chain_guards *guards, const struct rule_guard *guard,
                                enum nft_family family, struct arena *arena)
{
    for (uint8_t i = 0; i < guard->count && knows_family(guard, family); i++)
        if (asks_for_address(&guard->conditions[i]))
            return bucket_get(guards, &guards->addresses, address_key(guard->conditions[i].value), arena);
    for (uint8_t i = 0; i < guard->count; i++)
        if (asks_for_port(&guard->conditions[i]))
            return bucket_get(guards, &guards->ports, guard->conditions[i].first, arena);
    return &guards->others;
}

struct chain_guards *guards_make(enum nft_family family, const struct nft_chain *chain, struct arena *arena)
{
    struct chain_guards *guards = arena_alloc(arena, sizeof(*guards));
    *guards = (struct chain_guards){.count = chain->rules.count};
    if (guards->count == 0)
        return guards;
    guards->rules = arena_alloc(arena, guards->count * sizeof(*guards->rules));
    memset(guards->rules, 0, guards->count * sizeof(*guards->rules));
    for (size_t i = 0; i < guards->count; i++) {
        guard_make(&chain->rules.items[i], &guards->rules[i]);
        *list_append(&bucket_of(guards, &guards->rules[i], family, arena)->rules) = (uint32_t)i;
    }
    return guards;
}

void guards_free(struct chain_guards *guards)
{
    list_each(struct bucket *const, bucket, &guards->all)
        list_free(&(*bucket)->rules);
    list_free(&guards->all);
    list_free(&guards->others.rules);
    map_free(guards->addresses);
    map_free(guards->ports);
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

static bool guard_refuses(const struct rule_guard *guard, const struct guard_packet *packet)
{
    for (uint8_t i = 0; i < guard->count; i++)
        if (condition_fails(&guard->conditions[i], packet))
            return true;
    return false;
}

/* ---- the cursor ---- */
static void bucket_put(struct guard_cursor *cursor, size_t place, const struct bucket *bucket)
{
    if (!bucket || !bucket->rules.count)
        return;
    cursor->buckets[place].next = bucket->rules.items;
    cursor->buckets[place].end = bucket->rules.items + bucket->rules.count;
}

struct guard_cursor guard_begin(const struct chain_guards *guards, const struct guard_packet *packet)
{
    struct guard_cursor cursor = {.guards = guards, .packet = *packet, .linear = !packet->has_ports};
    bucket_put(&cursor, 0, &guards->others);
    if (guards->addresses)
        bucket_put(&cursor, 1, map_get_u64(guards->addresses, address_key(packet->destination.value)));
    if (guards->ports)
        bucket_put(&cursor, 2, map_get_u64(guards->ports, packet->port));
    return cursor;
}

static size_t bucket_next(struct guard_cursor *cursor, size_t from)
{
    size_t least = cursor->guards->count;
    if (cursor->linear)
        return from < least ? from : least;
    for (size_t i = 0; i < GUARD_BUCKETS; i++) {
        while (cursor->buckets[i].next != cursor->buckets[i].end && *cursor->buckets[i].next < from)
            cursor->buckets[i].next++;
        if (cursor->buckets[i].next != cursor->buckets[i].end && *cursor->buckets[i].next < least)
            least = *cursor->buckets[i].next;
    }
    return least;
}

size_t guard_next(struct guard_cursor *cursor, size_t from)
{
    size_t at = bucket_next(cursor, from);
    while (at < cursor->guards->count && guard_refuses(&cursor->guards->rules[at], &cursor->packet))
        at = bucket_next(cursor, at + 1);
    return at;
}

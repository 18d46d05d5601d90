/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expressions that work on registers: comparisons, arithmetic, sets. */
#include "scanner/path/concrete_walk.h"
#include "scanner/path/element.h"

#include <linux/netfilter/nf_tables.h>

#define CANDIDATES_MAX   16u /* elements that a partly known key may mean */
#define ELEMENT_CATCHALL 2u

/* What depends on bits that are not known: yes or no. */
static bool either(struct rule_context *context)
{
    const struct registers *registers = &context->registers;
    return walk_choose(context->walk, 2, registers->code ? registers->code : REASON_UNKNOWN_EXPRESSION,
                       registers->subject);
}

static enum truth truth_of(bool yes)
{
    return yes ? TRUTH_YES : TRUTH_NO;
}

static int32_t verdict_of(struct rule_context *context, enum truth truth)
{
    bool yes = truth == TRUTH_UNKNOWN ? either(context) : truth == TRUTH_YES;
    return yes ? VERDICT_CONTINUE : VERDICT_BREAK;
}

static enum truth truth_not(enum truth truth)
{
    return truth == TRUTH_UNKNOWN ? truth : truth_of(truth == TRUTH_NO);
}

/* ---- cmp and range ---- */

static enum truth bytes_equal(const uint8_t *bytes, const uint8_t *known, const uint8_t *other,
                              uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        if ((bytes[i] ^ other[i]) & known[i])
            return TRUTH_NO;
    return all_known(known, length) ? TRUTH_YES : TRUTH_UNKNOWN;
}

/* bytes < other */
static enum truth bytes_below(const uint8_t *bytes, const uint8_t *known, const uint8_t *other,
                              uint32_t length)
{
    uint8_t least[REGISTER_BYTES], greatest[REGISTER_BYTES];
    known_bounds(bytes, known, length, least, greatest);
    if (memcmp(greatest, other, length) < 0)
        return TRUTH_YES;
    return memcmp(least, other, length) < 0 ? TRUTH_UNKNOWN : TRUTH_NO;
}

/* bytes > other */
static enum truth bytes_above(const uint8_t *bytes, const uint8_t *known, const uint8_t *other,
                              uint32_t length)
{
    uint8_t least[REGISTER_BYTES], greatest[REGISTER_BYTES];
    known_bounds(bytes, known, length, least, greatest);
    if (memcmp(least, other, length) > 0)
        return TRUTH_YES;
    return memcmp(greatest, other, length) > 0 ? TRUTH_UNKNOWN : TRUTH_NO;
}

int32_t cmp_run(struct rule_context *context, const struct nft_cmp *cmp)
{
    uint32_t length = (uint32_t)cmp->data.value.length;
    const uint8_t *data = cmp->data.value.data;
    const uint8_t *known, *bytes = register_bytes(context, cmp->sreg, length, &known);
    if (!bytes)
        return VERDICT_BREAK;
    switch (cmp->op) {
    case NFT_CMP_EQ:
        return verdict_of(context, bytes_equal(bytes, known, data, length));
    case NFT_CMP_NEQ:
        return verdict_of(context, truth_not(bytes_equal(bytes, known, data, length)));
    case NFT_CMP_LT:
        return verdict_of(context, bytes_below(bytes, known, data, length));
    case NFT_CMP_LTE:
        return verdict_of(context, truth_not(bytes_above(bytes, known, data, length)));
    case NFT_CMP_GT:
        return verdict_of(context, bytes_above(bytes, known, data, length));
    case NFT_CMP_GTE:
        return verdict_of(context, truth_not(bytes_below(bytes, known, data, length)));
    default:
        walk_undetermined(context->walk, REASON_UNKNOWN_EXPRESSION, rule_subject(context), "a comparison");
        return VERDICT_BREAK;
    }
}

int32_t range_run(struct rule_context *context, const struct nft_range *range)
{
    uint32_t length = (uint32_t)range->from.value.length;
    const uint8_t *known, *bytes = register_bytes(context, range->sreg, length, &known);
    if (!bytes)
        return VERDICT_BREAK;
    enum truth below = bytes_below(bytes, known, range->from.value.data, length);
    enum truth above = bytes_above(bytes, known, range->to.value.data, length);
    enum truth outside = below == TRUTH_YES || above == TRUTH_YES ? TRUTH_YES
                         : below == TRUTH_NO && above == TRUTH_NO ? TRUTH_NO
                                                                  : TRUTH_UNKNOWN;
    return verdict_of(context, range->op == NFT_RANGE_NEQ ? outside : truth_not(outside));
}

/* ---- bitwise and byteorder ---- */

static void bitwise_mask(struct rule_context *context, const struct nft_bitwise *bitwise,
                         const uint8_t *bytes, const uint8_t *known)
{
    uint8_t result[REGISTER_BYTES], result_known[REGISTER_BYTES];
    for (uint32_t i = 0; i < bitwise->length; i++) {
        uint8_t mask = i < bitwise->mask.value.length ? bitwise->mask.value.data[i] : 0;
        uint8_t flip = i < bitwise->xor.value.length ? bitwise->xor.value.data[i] : 0;
        result[i] = (bytes[i] & mask) ^ flip;
        result_known[i] = (uint8_t)(known[i] | ~mask);
    }
    register_put(context, bitwise->dreg, result, result_known, bitwise->length);
}

/* Words in host order, the first is the most significant (nft_bitwise_eval_lshift, _rshift). 0 < shift < 32.
 */
static void words_shift(struct word *words, uint32_t count, uint32_t shift, bool left)
{
    struct word carry = {.known = UINT32_MAX}; /* zeroes come in */
    uint32_t low = (1u << shift) - 1, high = ~(UINT32_MAX >> shift);
    for (uint32_t n = 0; n < count; n++) {
        struct word *word = &words[left ? count - 1 - n : n], old = *word;
        if (left) {
            *word = (struct word){old.value << shift | carry.value, old.known << shift | (carry.known & low)};
            carry = (struct word){old.value >> (32 - shift), old.known >> (32 - shift)};
        } else {
            *word =
                (struct word){old.value >> shift | carry.value, old.known >> shift | (carry.known & high)};
            carry = (struct word){old.value << (32 - shift), old.known << (32 - shift)};
        }
    }
}

/* The number of the register of 4 bytes that stands `index` words behind this one. */
static uint32_t register_behind(uint32_t number, uint32_t index)
{
    uint32_t offset = 0;
    register_offset(number, &offset);
    return NFT_REG32_00 + (offset - REGISTER_FIRST) / 4 + index;
}

static void bitwise_shift(struct rule_context *context, const struct nft_bitwise *bitwise)
{
    struct word words[REGISTER_BYTES / 4];
    uint32_t shift = 0, count = (bitwise->length + 3) / 4;
    const uint8_t *known;
    if (bitwise->data.value.length ==
        sizeof(shift)) /* as the machine keeps numbers: ours, or the other way round */
        memcpy(&shift, bitwise->data.value.data, sizeof(shift));
    if (context->walk->world->snapshot->big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))
        shift = __builtin_bswap32(shift);
    if (shift == 0 || shift > 31 || !register_bytes(context, bitwise->dreg, count * 4, &known)) {
        walk_undetermined(context->walk, REASON_UNKNOWN_EXPRESSION, rule_subject(context), "a shift");
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        words[i] = register_word(context, register_behind(bitwise->sreg, i));
    words_shift(words, count, shift, bitwise->op == NFT_BITWISE_LSHIFT);
    for (uint32_t i = 0; i < count; i++)
        register_put_word(context, register_behind(bitwise->dreg, i), words[i]);
}

int32_t bitwise_run(struct rule_context *context, const struct nft_bitwise *bitwise)
{
    const uint8_t *known, *bytes = register_bytes(context, bitwise->sreg, bitwise->length, &known);
    if (!bytes)
        return VERDICT_BREAK;
    if (bitwise->op == NFT_BITWISE_BOOL)
        bitwise_mask(context, bitwise, bytes, known);
    else if (bitwise->op == NFT_BITWISE_LSHIFT || bitwise->op == NFT_BITWISE_RSHIFT)
        bitwise_shift(context, bitwise);
    else
        register_put_unknown(context, bitwise->dreg, bitwise->length, REASON_UNMODELLED_EXPRESSION,
                             "bitwise of two registers");
    return VERDICT_CONTINUE;
}

int32_t byteorder_run(struct rule_context *context, const struct nft_byteorder *byteorder)
{
    uint8_t swapped[REGISTER_BYTES], swapped_known[REGISTER_BYTES];
    uint32_t size = byteorder->size, length = byteorder->length;
    const uint8_t *known, *bytes = register_bytes(context, byteorder->sreg, length, &known);
    if (!bytes || (size != 2 && size != 4 && size != 8) || length % size) {
        walk_undetermined(context->walk, REASON_UNKNOWN_EXPRESSION, rule_subject(context), "a byte order");
        return VERDICT_BREAK;
    }
    bool swap = !context->walk->world->snapshot->big_endian; /* ntoh and hton are the same turn */
    for (uint32_t i = 0; i < length; i++) {
        uint32_t from = swap ? i - i % size + (size - 1 - i % size) : i;
        swapped[i] = bytes[from];
        swapped_known[i] = known[from];
    }
    register_put(context, byteorder->dreg, swapped, swapped_known, length);
    return VERDICT_CONTINUE;
}

struct nft_verdict immediate_run(struct rule_context *context, const struct nft_immediate *immediate)
{
    if (immediate->data.is_verdict)
        return immediate->data.verdict;
    register_put(context, immediate->dreg, immediate->data.value.data, NULL,
                 (uint32_t)immediate->data.value.length);
    return (struct nft_verdict){.code = VERDICT_CONTINUE};
}

/* ---- sets ---- */

struct set_answer {
    const struct nft_element *element; /* NULL: not in the set */
    bool ended;
};

static bool range_may_contain(const struct element_list *list, const struct element_range *range,
                              const uint8_t *least, const uint8_t *greatest)
{
    for (uint32_t i = 0; i < list->field_count; i++) {
        uint32_t at = list->field_offset[i], length = list->field_length[i];
        if (memcmp(greatest + at, range->first + at, length) < 0 ||
            memcmp(least + at, range->last + at, length) > 0)
            return false;
    }
    return true;
}

/* A key of which bits are not known: each element that it may mean is an alternative, and so is none. */
static const struct nft_element *element_choose(struct rule_context *context, const struct element_list *list,
                                                const uint8_t *bytes, const uint8_t *known)
{
    uint8_t least[REGISTER_BYTES], greatest[REGISTER_BYTES];
    const struct nft_element *candidates[CANDIDATES_MAX];
    uint32_t count = 0;
    known_bounds(bytes, known, list->key_length, least, greatest);
    for (size_t i = 0; i < list->count; i++) {
        if (!range_may_contain(list, &list->ranges[i], least, greatest))
            continue;
        if (count == CANDIDATES_MAX) {
            walk_undetermined(context->walk, REASON_TOO_COMPLEX, rule_subject(context),
                              "many elements may be meant");
            return NULL;
        }
        candidates[count++] = list->ranges[i].element;
    }
    uint32_t chosen =
        walk_choose(context->walk, count + 1, context->registers.code, context->registers.subject);
    return chosen == 0 ? list->catchall : candidates[chosen - 1];
}

/* Elements come and go: what is there now may be gone, and the reverse. */
static const struct nft_element *element_dynamic(struct rule_context *context, const struct nft_set *set,
                                                 const struct nft_element *element)
{
    bool timed = element && (element->timeout || element->expiration);
    bool changing = (set->flags & SET_EVAL) || timed || ((set->flags & SET_TIMEOUT) && !element);
    if (!changing)
        return element;
    context->walk->outcome->stateful = true;
    if (!walk_choose(context->walk, 2, REASON_DYNAMIC_SET, set->name))
        return element;
    if (element)
        return NULL;
    if (set->flags & SET_MAP) {
        walk_undetermined(context->walk, REASON_DYNAMIC_SET, set->name,
                          "an element may come that is not there now");
        return NULL;
    }
    static const struct nft_element newcomer;
    return &newcomer;
}

static bool set_is_plain(struct rule_context *context, const struct nft_set *set, const char *name)
{
    if (!set)
        walk_undetermined(context->walk, REASON_SET_MISSING, name, "the set is not in the snapshot");
    else if (set->unknown_attribute)
        walk_undetermined(context->walk, REASON_UNMODELLED_FLAG, name,
                          "the set has an attribute that is not known");
    return !walk_ended(context->walk);
}

static bool element_is_plain(struct rule_context *context, const struct nft_set *set,
                             const struct element_list *list, const struct nft_element *element)
{
    if (!element && list->incomplete)
        walk_undetermined(context->walk, REASON_INCOMPLETE, set->name, "not all elements were read");
    else if (element && element->unknown_attribute)
        walk_undetermined(context->walk, REASON_UNMODELLED_FLAG, set->name,
                          "the element has an attribute that is not known");
    return !walk_ended(context->walk);
}

/* A statement of the element itself may stop the rule: limit and the like. */
static bool element_lets_pass(struct rule_context *context, const struct nft_element *element)
{
    if (!element || !element->has_expression || !element->expression ||
        strcmp(element->expression, "counter") == 0 || strcmp(element->expression, "last") == 0)
        return true;
    context->walk->outcome->stateful = true;
    return walk_choose(context->walk, 2, REASON_RATE_LIMIT, element->expression) == 0;
}

/* NULL with `ended` false: no element. */
static struct set_answer set_look(struct rule_context *context, const char *name, uint32_t sreg)
{
    struct set_answer answer = {.ended = true};
    const struct nft_set *set = world_set(context->walk->at.namespace, context->table, name);
    if (!set_is_plain(context, set, name))
        return answer;
    const struct element_list *list = world_elements(context->walk->at.namespace, set);
    const uint8_t *known, *bytes = register_bytes(context, sreg, list->key_length, &known);
    if (!bytes)
        return answer;
    answer.element = all_known(known, list->key_length) ? elements_find(list, bytes)
                                                        : element_choose(context, list, bytes, known);
    if (!walk_ended(context->walk) && element_is_plain(context, set, list, answer.element))
        answer.element = element_dynamic(context, set, answer.element);
    answer.ended = walk_ended(context->walk);
    return answer;
}

int32_t set_test(struct rule_context *context, const char *set, uint32_t sreg)
{
    struct set_answer answer = set_look(context, set, sreg);
    return answer.ended || !answer.element ? VERDICT_BREAK : VERDICT_CONTINUE;
}

struct nft_verdict lookup_run(struct rule_context *context, const struct nft_lookup *lookup)
{
    const struct nft_verdict leave = {.code = VERDICT_BREAK}, go_on = {.code = VERDICT_CONTINUE};
    struct set_answer answer = set_look(context, lookup->set, lookup->sreg);
    if (answer.ended)
        return leave;
    /* nft_lookup_eval(): the catch-all is asked where the set itself says no, or says yes to an inverted
     * question */
    bool own = answer.element && !(answer.element->flags & ELEMENT_CATCHALL);
    bool invert = lookup->flags & NFT_LOOKUP_F_INV;
    const struct nft_set *set = world_set(context->walk->at.namespace, context->table, lookup->set);
    if (own == invert) {
        answer.element = world_elements(context->walk->at.namespace, set)->catchall;
        if (!answer.element)
            return leave;
    }
    if (!element_lets_pass(context, answer.element))
        return leave;
    if (!lookup->has_dreg || !answer.element)
        return go_on;
    if (answer.element->data.is_verdict)
        return answer.element->data.verdict;
    register_put(context, lookup->dreg, answer.element->data.value.data, NULL,
                 (uint32_t)answer.element->data.value.length);
    return go_on;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/text.h"
#include "scanner/path/element.h"
#include "scanner/path/match.h"

#include <linux/netfilter/nf_tables.h>

struct lookup_walk {
    struct rule_walk *rule;
    const struct nft_lookup *lookup;
    const struct nft_set *set;
    const struct element_list *elements;
    const struct registers *registers;
    uint32_t at; /* of the key in the registers */
    size_t index;
    bool map, invert; /* invert: what is in the set misses */
};

/* ---- what an element gives ---- */
static void hit_certain(struct lookup_walk *walk, struct fragment *fragment,
                        const struct nft_element *element)
{
    if (walk->invert)
        rule_miss(walk->rule, fragment);
    else if (walk->map && element->has_data)
        data_apply(walk->rule, &element->data, walk->lookup->dreg, fragment, walk->registers, walk->index);
    else
        rule_continue(walk->rule, fragment, walk->registers, walk->index);
}

static void miss_certain(struct lookup_walk *walk, struct fragment *fragment)
{
    if (walk->invert)
        rule_continue(walk->rule, fragment, walk->registers, walk->index);
    else
        rule_miss(walk->rule, fragment);
}

/* Why an element that is in the dump may not be there, or not count, when the packet comes; NULL: it will. */
static const char *element_doubt(const struct nft_set *set, const struct nft_element *element)
{
    if (element->unknown_attribute)
        return REASON_UNKNOWN_EXPRESSION;
    if ((set->flags & SET_EVAL) || element->timeout != 0 || element->expiration != 0)
        return REASON_DYNAMIC_SET;
    if (element->has_expression && !text_equal(element->expression, "counter") &&
        !text_equal(element->expression, "last"))
        return REASON_RATE_LIMIT;
    return NULL;
}

static void hit(struct lookup_walk *walk, struct fragment *fragment, const struct nft_element *element)
{
    const char *code = element_doubt(walk->set, element);
    if (code) {
        struct fragment_list out = {0};
        fragment_fork(walk->rule, fragment, code, walk->set->name, "an element that may come and go decides",
                      &out);
        miss_certain(walk, out.items[0]);
        list_free(&out);
    }
    hit_certain(walk, fragment, element);
}

/* Without the element that would have held it: a map gives any of its values then. */
static void perhaps_in(struct lookup_walk *walk, struct fragment *fragment, const char *code,
                       const char *message)
{
    struct fragment_list out = {0};
    fragment_fork(walk->rule, fragment, code, walk->set->name, message, &out);
    if (walk->map) {
        fragment_taint(out.items[0], rule_arena(walk->rule), TAINT_ANY, code, walk->set->name, message);
        rule_miss(walk->rule, out.items[0]);
    } else {
        hit_certain(walk, out.items[0], NULL);
    }
    list_free(&out);
}

static void miss(struct lookup_walk *walk, struct fragment *fragment)
{
    if (!fragment)
        return;
    if (walk->elements->catchall) {
        hit(walk, fragment, walk->elements->catchall);
        return;
    }
    if (walk->elements->incomplete || walk->set->unknown_attribute)
        perhaps_in(walk, fragment, REASON_INCOMPLETE, "a set of which a part is not known decides");
    else if (walk->set->flags & SET_EVAL)
        perhaps_in(walk, fragment, REASON_DYNAMIC_SET, "a set that packets fill decides");
    miss_certain(walk, fragment);
}

/* ---- which elements a symbolic key can meet ---- */
static struct test element_test(const struct lookup_walk *walk, const struct element_range *range)
{
    const struct element_list *list = walk->elements;
    unsigned bits = family_bits(walk->rule->hook->family);
    struct test all = TEST_ALWAYS;
    for (uint32_t i = 0; i < list->field_count && !all.never; i++) {
        uint32_t offset = list->field_offset[i], length = list->field_length[i];
        const uint8_t *first = range->first + offset, *last = range->last + offset;
        struct test field = memcmp(first, last, length) == 0
                                ? test_equal(walk->registers, walk->at + offset, first, length, bits)
                                : test_range(walk->registers, walk->at + offset, first, last, length, bits);
        test_and(&all, &field);
    }
    return all;
}

/* Cuts each of the list by the test; what is in goes to *in, the list keeps the rest. */
static void cut_all(struct lookup_walk *walk, struct fragment_list *fragments, struct test *test,
                    struct fragment_list *in)
{
    struct fragment_list rest = {0};
    for (size_t i = 0; i < fragments->count; i++) {
        struct test own = *test;
        own.sources = interval_set_copy(&test->sources);
        own.ports = interval_set_copy(&test->ports);
        test_cut(walk->rule, fragments->items[i], &own, in, &rest);
    }
    test_free(test);
    list_free(fragments);
    *fragments = rest;
}

static void element_meet(struct lookup_walk *walk, struct fragment_list *fragments,
                         const struct element_range *range, struct test *test)
{
    struct fragment_list in = {0};
    cut_all(walk, fragments, test, &in);
    for (size_t i = 0; i < in.count; i++)
        hit(walk, in.items[i], range->element);
    list_free(&in);
}

/* Elements of a plain set that only ask for the source's address are one set: cut once, however many they
 * are. */
static bool joins_sources(const struct lookup_walk *walk, const struct element_range *range,
                          const struct test *test)
{
    return !walk->map && test->limits_sources && !test->limits_ports && test->doubt == DOUBT_NONE &&
           !element_doubt(walk->set, range->element);
}

static void symbolic_lookup(struct lookup_walk *walk, struct fragment *fragment)
{
    struct fragment_list rest = {0};
    struct test joined = {.limits_sources = true};
    const struct element_range *any = NULL;
    fragment_list_add(&rest, fragment);
    for (size_t i = 0; i < walk->elements->count; i++) {
        const struct element_range *range = &walk->elements->ranges[i];
        struct test test = element_test(walk, range);
        if (test.never) {
            test_free(&test);
        } else if (joins_sources(walk, range, &test)) {
            for (size_t j = 0; j < test.sources.count; j++)
                interval_set_add(&joined.sources, test.sources.items[j].first, test.sources.items[j].last);
            any = range;
            test_free(&test);
        } else {
            element_meet(walk, &rest, range, &test);
        }
    }
    if (any)
        element_meet(walk, &rest, any, &joined);
    else
        test_free(&joined);
    for (size_t i = 0; i < rest.count; i++)
        miss(walk, rest.items[i]);
    list_free(&rest);
}

/* ---- the expression ---- */
static void set_missing(struct rule_walk *rule, const struct nft_lookup *lookup, struct fragment *fragment)
{
    fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_SET_MISSING, lookup->set,
                   "a set that was not read decides");
    rule_miss(rule, fragment);
}

void set_lookup(struct rule_walk *rule, const struct nft_lookup *lookup, struct fragment *fragment,
                const struct registers *registers, size_t index)
{
    const struct hook_context *hook = rule->hook;
    const struct nft_set *set = world_set(hook->namespace, hook->base->table, lookup->set);
    const struct element_list *elements = set ? world_elements(hook->namespace, set) : NULL;
    uint8_t key[REGISTER_BYTES];
    uint32_t at;
    if (!elements || !register_range(lookup->sreg, elements->key_length, &at)) {
        set_missing(rule, lookup, fragment);
        return;
    }
    struct lookup_walk walk = {.rule = rule,
                               .lookup = lookup,
                               .set = set,
                               .elements = elements,
                               .registers = registers,
                               .at = at,
                               .index = index,
                               .map = lookup->has_dreg,
                               .invert = lookup->flags & NFT_LOOKUP_F_INV};
    if (!registers_known(registers, at, elements->key_length, key)) {
        symbolic_lookup(&walk, fragment);
        return;
    }
    const struct nft_element *element = elements_find(elements, key);
    if (element && element != elements->catchall)
        hit(&walk, fragment, element);
    else
        miss(&walk, fragment);
}

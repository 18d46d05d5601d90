/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules as bytes to plain data: what the kernel sent, and what it never would. */
#include "netns/decode/expression.h"
#include "netns/snapshot/table.h"
#include "tests/unit/netns_decode/fixture.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

static const char *const fixtures[] = {"match",   "statement", "iptables", "ip6tables", "docker",
                                       "docker6", "ufw",       "ufw6",     "netavark",  "kubernetes"};
#define FIXTURE_COUNT ((int)(sizeof(fixtures) / sizeof(fixtures[0])))

/* xtables modules in the fixtures that no table of ours has: detected, kept, and never taken for known. */
static const char *const not_decoded[] = {"recent", "pkttype", "statistic", "rpfilter", "TPROXY",
                                          "TCPMSS", "rt",      "hl",        "limit",    NULL};

static bool is_expected_unknown(const struct nft_expression *expression)
{
    if (expression->kind != EXPRESSION_MATCH && expression->kind != EXPRESSION_TARGET)
        return false;
    for (const char *const *name = not_decoded; *name; name++) {
        if (!strcmp(expression->xt.name, *name))
            return expression->xt.kind == XT_UNKNOWN && expression->xt.info.length;
    }
    return false;
}

START_TEST(all_that_the_kernel_sends_is_understood)
{
    struct fixture fixture = fixture_load(fixtures[_i]);
    size_t count = 0;
    list_each(struct nft_table, table, &fixture.ruleset.tables) {
        ck_assert(!table->unknown_attribute);
        list_each(struct nft_chain, chain, &table->chains) {
            ck_assert_msg(!chain->unknown_attribute, "%s", chain->name);
            list_each(struct nft_rule, rule, &chain->rules) {
                ck_assert(!rule->undecodable && !rule->unknown_attribute);
                list_each(struct nft_expression, expression, &rule->expressions) {
                    count++;
                    ck_assert_msg(expression_understood(expression) || is_expected_unknown(expression),
                                  "%s: %s of %s", fixtures[_i], expression->name, chain->name);
                }
            }
        }
        list_each(struct nft_set, set, &table->sets) {
            ck_assert_msg(!set->unknown_attribute, "%s", set->name);
            list_each(struct nft_element, element, &set->elements)
                ck_assert(!element->unknown_attribute);
        }
    }
    ck_assert_uint_gt(count, 10);
    fixture_free(&fixture);
}
END_TEST

/* ---- bytes that no kernel sends ---- */

/* The payload of NFTA_RULE_EXPRESSIONS. */
static struct bytes expressions_of(struct bytes rule)
{
    struct attribute_walk walk = {.rest = rule};
    struct attribute attribute;
    while (attribute_next(&walk, &attribute)) {
        if (attribute.type == NFTA_RULE_EXPRESSIONS)
            return attribute.data;
    }
    ck_abort_msg("a rule without expressions");
}

static void put_attribute(struct buffer *buffer, uint16_t type, struct bytes data)
{
    struct nlattr header = {.nla_len = (uint16_t)(sizeof(header) + data.length), .nla_type = type};
    buffer_append_bytes(buffer, &header, sizeof(header));
    if (data.length)
        buffer_append_bytes(buffer, data.data, data.length);
    buffer_append_bytes(buffer, "\0\0\0", (4 - data.length % 4) % 4);
}

static struct bytes bytes_of(const struct buffer *buffer)
{
    return (struct bytes){(const uint8_t *)buffer->data, buffer->length};
}

/* Name and data of an expression. */
static void split_expression(struct bytes expression, struct bytes *ret_name, struct bytes *ret_data)
{
    struct attribute_walk walk = {.rest = expression};
    struct attribute attribute;
    *ret_name = *ret_data = (struct bytes){NULL, 0};
    while (attribute_next(&walk, &attribute))
        *(attribute.type == NFTA_EXPR_NAME ? ret_name : ret_data) = attribute.data;
}

static struct nft_expression decode_one(struct arena *arena, enum nft_family family, struct bytes name,
                                        struct bytes data)
{
    struct decoder decoder = {.arena = arena, .family = family};
    struct buffer buffer = BUFFER(65536);
    struct nft_expression expression;
    put_attribute(&buffer, NFTA_EXPR_NAME, name);
    put_attribute(&buffer, NFTA_EXPR_DATA, data);
    expression_decode(&decoder, bytes_of(&buffer), &expression);
    buffer_free(&buffer);
    return expression;
}

static void free_one(struct nft_expression *expression)
{
    nft_expression_list list = {0};
    *list_append(&list) = *expression;
    expressions_free(&list);
}

/* Calls once for each expression of each rule of a fixture. */
typedef void (*expression_check)(struct arena *arena, enum nft_family family, struct bytes name,
                                 struct bytes data);
static void each_expression(const char *name, expression_check check)
{
    struct fixture fixture = fixture_load(name);
    list_each(struct fixture_message, message, &fixture.messages) {
        if (strcmp(message->name, "rule") != 0)
            continue;
        struct attribute_walk walk = {.rest = expressions_of(message->bytes)};
        struct attribute attribute;
        while (attribute_next(&walk, &attribute)) {
            struct bytes expression_name, data;
            split_expression(attribute.data, &expression_name, &data);
            check(fixture.arena, message->family, expression_name, data);
        }
    }
    fixture_free(&fixture);
}

static void check_unknown_name(struct arena *arena, enum nft_family family, struct bytes name,
                               struct bytes data)
{
    uint8_t other[64];
    ck_assert_uint_lt(name.length, sizeof(other));
    memcpy(other, name.data, name.length);
    other[0] ^= 0x20;
    struct nft_expression expression = decode_one(arena, family, (struct bytes){other, name.length}, data);
    ck_assert_int_eq(expression.kind, EXPRESSION_UNKNOWN);
    ck_assert_str_eq(expression.name, (const char *)other);
    ck_assert(!expression_understood(&expression));
    ck_assert_uint_ge(expression.other.raw.length, data.length);
}

START_TEST(an_unknown_name_is_unknown)
{
    each_expression(fixtures[_i], check_unknown_name);
}
END_TEST

static void check_unknown_attribute(struct arena *arena, enum nft_family family, struct bytes name,
                                    struct bytes data)
{
    struct buffer buffer = BUFFER(65536);
    if (data.length)
        buffer_append_bytes(&buffer, data.data, data.length);
    buffer_append_bytes(&buffer, "\0\0\0", (4 - data.length % 4) % 4);
    put_attribute(&buffer, 50, (struct bytes){(const uint8_t *)"\0\0\0\1", 4});
    struct nft_expression expression = decode_one(arena, family, name, bytes_of(&buffer));
    ck_assert(expression.unknown_attribute);
    ck_assert(!expression_understood(&expression));
    free_one(&expression);
    buffer_free(&buffer);
}

START_TEST(an_unknown_attribute_is_told)
{
    each_expression(fixtures[_i], check_unknown_attribute);
}
END_TEST

/* Attributes whose payload is attributes, by expression. */
static bool is_nested(const char *expression, uint16_t type)
{
    static const struct {
        const char *name;
        uint16_t types[4];
    } nested[] = {
        {"cmp", {NFTA_CMP_DATA}},
        {"range", {NFTA_RANGE_FROM_DATA, NFTA_RANGE_TO_DATA}},
        {"bitwise", {NFTA_BITWISE_MASK, NFTA_BITWISE_XOR, NFTA_BITWISE_DATA}},
        {"immediate", {NFTA_IMMEDIATE_DATA}},
    };
    for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
        for (size_t j = 0; j < 4 && !strcmp(nested[i].name, expression); j++) {
            if (nested[i].types[j] == type)
                return true;
        }
    }
    return false;
}

/* Each attribute, one byte shorter. */
static void check_wrong_length(struct arena *arena, enum nft_family family, struct bytes name,
                               struct bytes data)
{
    struct attribute_walk outer = {.rest = data};
    struct attribute wrong, attribute;
    for (size_t at = 0; attribute_next(&outer, &wrong); at++) {
        struct attribute_walk walk = {.rest = data};
        struct buffer buffer = BUFFER(65536);
        /* attributes end where they do: without their padding they say the same */
        if (is_nested((const char *)name.data, wrong.type) || !wrong.data.length)
            continue;
        for (size_t i = 0; attribute_next(&walk, &attribute); i++) {
            attribute.data.length -= i == at;
            put_attribute(&buffer, attribute.type, attribute.data);
        }
        struct nft_expression expression = decode_one(arena, family, name, bytes_of(&buffer));
        ck_assert_msg(!expression_understood(&expression), "%s: attribute %u", (const char *)name.data,
                      wrong.type);
        free_one(&expression);
        buffer_free(&buffer);
    }
}

START_TEST(a_wrong_length_is_told)
{
    each_expression(fixtures[_i], check_wrong_length);
}
END_TEST

/* ---- the whole rule ---- */

/* The rule as the saved snapshot would have it: everything that was decoded. */
static char *text_of_rule(const struct nft_rule *rule)
{
    struct ruleset ruleset = {0};
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    struct json_writer writer = json_writer(file, false);
    struct nft_table *table = list_append(&ruleset.tables);
    table->family = NFT_FAMILY_IP;
    struct nft_chain *chain = list_append(&table->chains);
    *list_append(&chain->rules) = *rule;
    record_write(&writer, &ruleset_record, &ruleset);
    fclose(file);
    list_free(&chain->rules);
    list_free(&table->chains);
    list_free(&ruleset.tables);
    return text;
}

static struct nft_rule decode_rule(struct arena *arena, enum nft_family family, struct bytes bytes)
{
    struct decoder decoder = {.arena = arena, .family = family};
    struct nft_rule rule;
    rule_decode(&decoder, bytes, &rule);
    return rule;
}

/* Bytes in a buffer that ends where they do, so that a read behind them is seen. */
static uint8_t *exact_copy(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.length ? bytes.length : 1);
    if (bytes.length)
        memcpy(copy, bytes.data, bytes.length);
    return copy;
}

/* No part of it is relied on: it may match anything and do anything. */
START_TEST(a_truncated_rule_is_never_understood)
{
    struct fixture fixture = fixture_load(fixtures[_i]);
    list_each(struct fixture_message, message, &fixture.messages) {
        if (strcmp(message->name, "rule") != 0)
            continue;
        struct bytes whole = expressions_of(message->bytes);
        size_t end = (size_t)(whole.data + whole.length - message->bytes.data);
        _cleanup_arena_ struct arena *arena = arena_new();
        for (size_t length = 0; length < end; length++) {
            uint8_t *copy = exact_copy((struct bytes){message->bytes.data, length});
            struct nft_rule rule = decode_rule(arena, message->family, (struct bytes){copy, length});
            ck_assert_msg(rule.undecodable && !rule_understood(&rule), "%s: %zu of %zu bytes", fixtures[_i],
                          length, end);
            expressions_free(&rule.expressions);
            free(copy);
        }
    }
    fixture_free(&fixture);
}
END_TEST

/* Marks the bits that mean something: not padding, not NLA_F_*, nor what stands behind a comment. */
static void mark_leaf(uint8_t *marks, const uint8_t *start, struct bytes data, const char *expression,
                      uint16_t type)
{
    size_t length = data.length;
    static const char comment[] = "comment";
    bool info = !strcmp(expression, "match") && type == 3;
    if (info && length == 256) /* xt_comment_info: the name stands two attributes before */
        length = !memcmp(data.data - 8 - 4 - sizeof(comment), comment, sizeof(comment))
                     ? strlen((const char *)data.data)
                     : length;
    for (size_t i = 0; i < length; i++)
        marks[data.data - start + (ptrdiff_t)i] = 0xff;
}

static bool all_zero(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        if (bytes.data[i])
            return false;
    }
    return true;
}

static void mark_attributes(uint8_t *marks, const uint8_t *start, struct bytes bytes, const char *expression,
                            unsigned level)
{
    struct attribute_walk walk = {.rest = bytes};
    struct attribute attribute;
    while (attribute_next(&walk, &attribute)) {
        ptrdiff_t header = attribute.data.data - start - 4;
        marks[header] = marks[header + 1] = 0xff;
        /* a zero is a zero, whichever of two attributes that may be absent has it */
        marks[header + 2] = all_zero(attribute.data) ? 0 : 0xff;
        marks[header + 3] = all_zero(attribute.data) ? 0 : 0x3f;
        if (level == 1 && attribute.type == NFTA_EXPR_NAME)
            expression = (const char *)attribute.data.data;
        bool deeper = level == 0 || (level == 1 && attribute.type == NFTA_EXPR_DATA) ||
                      (level == 2 && is_nested(expression, attribute.type)) ||
                      (level == 3 && attribute.type == NFTA_DATA_VERDICT);
        if (level == 2 && !strcmp(expression, "dynset") && attribute.data.length > 16)
            continue; /* expressions again: they have tests of their own */
        if (deeper)
            mark_attributes(marks, start, attribute.data, expression, level + 1);
        else
            mark_leaf(marks, start, attribute.data, expression, attribute.type);
    }
}

static void check_flip(struct arena *arena, const struct fixture_message *message, const char *original,
                       uint8_t *copy, size_t at, uint8_t bit)
{
    copy[at] ^= bit;
    struct nft_rule rule = decode_rule(arena, message->family, (struct bytes){copy, message->bytes.length});
    if (rule_understood(&rule)) {
        _cleanup_free_ char *text = text_of_rule(&rule);
        ck_assert_msg(strcmp(text, original) != 0, "bit %02x of byte %zu is lost in %s", bit, at, original);
    }
    expressions_free(&rule.expressions);
    copy[at] ^= bit;
}

START_TEST(no_bit_of_an_expression_is_lost)
{
    struct fixture fixture = fixture_load(fixtures[_i]);
    size_t marked = 0;
    list_each(struct fixture_message, message, &fixture.messages) {
        /* the rulesets of engines repeat themselves */
        if (strcmp(message->name, "rule") != 0 || (_i > 2 && message->bytes.length % 8))
            continue;
        _cleanup_arena_ struct arena *arena = arena_new();
        struct bytes list = expressions_of(message->bytes);
        _cleanup_free_ uint8_t *marks = memory_alloc(message->bytes.length);
        _cleanup_free_ uint8_t *copy = exact_copy(message->bytes);
        struct nft_rule rule = decode_rule(arena, message->family, message->bytes);
        _cleanup_free_ char *original = text_of_rule(&rule);
        mark_attributes(marks, message->bytes.data, list, "", 0);
        for (size_t at = 0; at < message->bytes.length; at++) {
            /* two bits of each byte, other ones in each rule */
            for (size_t i = 0; i < 8; i += 4) {
                unsigned bit = 1U << ((at + rule.handle + i) % 8);
                if (marks[at] & bit) {
                    check_flip(arena, message, original, copy, at, (uint8_t)bit);
                    marked++;
                }
            }
        }
        expressions_free(&rule.expressions);
    }
    ck_assert_uint_gt(marked, 1000);
    fixture_free(&fixture);
}
END_TEST

/* ---- other messages ---- */
START_TEST(broken_messages_do_no_harm)
{
    struct fixture fixture = fixture_load(fixtures[_i]);
    list_each(struct fixture_message, message, &fixture.messages) {
        _cleanup_arena_ struct arena *arena = arena_new();
        for (size_t length = 0; length <= message->bytes.length; length++) {
            uint8_t *copy = exact_copy((struct bytes){message->bytes.data, length});
            if (length && length < message->bytes.length)
                copy[length / 2] ^= (uint8_t)(1U << length % 8);
            struct decoder decoder = {.arena = arena, .family = message->family};
            struct bytes bytes = {copy, length};
            const char *table;
            struct nft_table decoded_table;
            struct nft_chain chain;
            struct nft_set set, elements = {0};
            struct nft_stateful object;
            struct nft_flowtable flowtable;
            uint32_t generation;
            table_decode(&decoder, bytes, &decoded_table);
            chain_decode(&decoder, bytes, &table, &chain);
            list_free(&chain.devices);
            set_decode(&decoder, bytes, &table, &set);
            list_free(&set.fields);
            set_elements_decode(&decoder, bytes, 10, &elements);
            ck_assert_uint_le(elements.elements.count, 10);
            list_free(&elements.elements);
            object_decode(&decoder, bytes, &table, &object);
            flowtable_decode(&decoder, bytes, &table, &flowtable);
            list_free(&flowtable.devices);
            generation_decode(bytes, &generation);
            free(copy);
        }
    }
    fixture_free(&fixture);
}
END_TEST

/* ---- particular values ---- */
static const struct nft_rule *rule_at(const struct fixture *fixture, enum nft_family family,
                                      const char *table_name, const char *chain_name, size_t position)
{
    list_each(struct nft_table, table, &fixture->ruleset.tables) {
        if (table->family != family || strcmp(table->name, table_name) != 0)
            continue;
        const struct nft_chain *chain = table_chain(table, chain_name);
        ck_assert_ptr_nonnull(chain);
        ck_assert_uint_lt(position, chain->rules.count);
        return &chain->rules.items[position];
    }
    ck_abort_msg("no table %s", table_name);
}

START_TEST(a_rule_in_full)
{
    struct fixture fixture = fixture_load("match");
    /* ip saddr 10.0.0.0/12 accept */
    const struct nft_rule *rule = rule_at(&fixture, NFT_FAMILY_IP, "filter", "input", 1);
    ck_assert_uint_eq(rule->expressions.count, 4);
    const struct nft_expression *payload = &rule->expressions.items[0], *bitwise = payload + 1,
                                *cmp = payload + 2;
    ck_assert_int_eq(payload->kind, EXPRESSION_PAYLOAD);
    ck_assert_uint_eq(payload->payload.base, NFT_PAYLOAD_NETWORK_HEADER);
    ck_assert_uint_eq(payload->payload.offset, 12);
    ck_assert_uint_eq(payload->payload.length, 4);
    ck_assert_uint_eq(payload->payload.dreg, 1);
    ck_assert(!payload->payload.write);
    ck_assert_int_eq(bitwise->kind, EXPRESSION_BITWISE);
    ck_assert_uint_eq(bitwise->bitwise.mask.value.length, 4);
    ck_assert(!memcmp(bitwise->bitwise.mask.value.data, "\xff\xf0\0\0", 4));
    ck_assert(!memcmp(bitwise->bitwise.xor.value.data, "\0\0\0\0", 4));
    ck_assert_int_eq(cmp->kind, EXPRESSION_CMP);
    ck_assert_uint_eq(cmp->cmp.op, NFT_CMP_EQ);
    ck_assert(!memcmp(cmp->cmp.data.value.data, "\x0a\0\0\0", 4));
    const struct nft_expression *verdict = payload + 3;
    ck_assert_int_eq(verdict->kind, EXPRESSION_IMMEDIATE);
    ck_assert(verdict->immediate.data.is_verdict);
    ck_assert_int_eq(verdict->immediate.data.verdict.code, 1);
    fixture_free(&fixture);
}
END_TEST

static const struct nft_table *table_at(const struct fixture *fixture, enum nft_family family,
                                        const char *name)
{
    list_each(struct nft_table, table, &fixture->ruleset.tables) {
        if (table->family == family && !strcmp(table->name, name))
            return table;
    }
    ck_abort_msg("no table %s", name);
}

START_TEST(chains_and_sets_in_full)
{
    struct fixture fixture = fixture_load("match");
    const struct nft_table *table = table_at(&fixture, NFT_FAMILY_IP, "filter");
    const struct nft_chain *input = table_chain(table, "input"), *ssh = table_chain(table, "ssh");
    ck_assert(input->base && !ssh->base);
    ck_assert_int_eq(input->hook, HOOK_INPUT);
    ck_assert_uint_eq(input->policy, 0);
    ck_assert_str_eq(input->type, "filter");
    const struct nft_set *blocked = table_set(table, "blocked"), *ranges = table_set(table, "ranges");
    ck_assert_uint_eq(blocked->flags, SET_INTERVAL);
    ck_assert_uint_eq(blocked->key_length, 4);
    /* a beginning and an end for each, an end before all, and none behind the last: it runs to the greatest
     */
    ck_assert_uint_eq(blocked->elements.count, 6);
    ck_assert_uint_eq(ranges->fields.count, 2);
    ck_assert_uint_eq(ranges->fields.items[0], 4);
    ck_assert_uint_eq(ranges->fields.items[1], 2);
    ck_assert_uint_eq(ranges->elements.count, 2);
    ck_assert_uint_eq(ranges->elements.items[0].key.length, 8);
    ck_assert_uint_eq(ranges->elements.items[0].key_end.length, 8);
    const struct nft_set *targets = table_set(table, "targets");
    ck_assert_uint_eq(targets->flags, SET_MAP);
    ck_assert(targets->elements.items[0].has_data && targets->elements.items[0].data.is_verdict);
    const struct nft_table *netdev = table_at(&fixture, NFT_FAMILY_NETDEV, "filter");
    const struct nft_chain *egress = table_chain(netdev, "egress");
    ck_assert_int_eq(egress->hook, HOOK_EGRESS);
    ck_assert_int_eq(egress->priority, -500);
    ck_assert_uint_eq(egress->devices.count, 2);
    ck_assert_uint_eq(table_chain(netdev, "ingress")->devices.count, 1);
    ck_assert_int_eq(table_chain(table_at(&fixture, NFT_FAMILY_ARP, "filter"), "input")->hook, HOOK_INPUT);
    fixture_free(&fixture);
}
END_TEST

START_TEST(flags_and_comments)
{
    struct fixture fixture = fixture_load("statement");
    ck_assert_uint_eq(table_at(&fixture, NFT_FAMILY_IP, "asleep")->flags, 1);
    const struct nft_table *table = table_at(&fixture, NFT_FAMILY_INET, "statement");
    const struct nft_chain *input = table_chain(table, "input");
    size_t comments = 0;
    list_each(struct nft_rule, rule, &input->rules)
        comments += rule->comment && !strcmp(rule->comment, "a comment");
    ck_assert_uint_eq(comments, 1);
    const struct nft_set *counted = table_set(table, "counted");
    ck_assert(counted->elements.items[0].has_expression);
    ck_assert_str_eq(counted->elements.items[0].expression, "counter");
    const struct nft_set *counters = table_set(table, "counters");
    ck_assert_str_eq(counters->elements.items[0].object, "hits");
    ck_assert_uint_eq(counters->object_type, NFT_OBJECT_COUNTER);
    const struct nft_set *clients = table_set(table, "clients");
    ck_assert_uint_eq(clients->timeout, 60000);
    fixture_free(&fixture);
}
END_TEST

START_TEST(names_of_any_bytes_stay_apart)
{
    static const struct {
        const char *bytes, *name;
    } cases[] = {{"plain", "plain"},
                 {"\xff", "\\xff"},
                 {"\\xff", "\\\\xff"},
                 {"\xc3\xa4", "\xc3\xa4"},
                 {"a\xfe", "a\\xfe"}};
    _cleanup_arena_ struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool whole;
        struct bytes bytes = {(const uint8_t *)cases[i].bytes, strlen(cases[i].bytes) + 1};
        const char *name = decode_name(arena, bytes, &whole);
        _cleanup_free_ char *raw = encode_name(name);
        ck_assert(whole);
        ck_assert_str_eq(name, cases[i].name);
        ck_assert_str_eq(raw, cases[i].bytes);
    }
    bool whole;
    decode_name(arena, (struct bytes){(const uint8_t *)"a\0b", 4}, &whole);
    ck_assert(!whole);
}
END_TEST

/* Expressions within expressions within expressions: followed so far, and kept beyond. */
START_TEST(nesting_is_bounded)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct buffer inner = BUFFER(1 << 20);
    put_attribute(&inner, NFTA_EXPR_NAME, (struct bytes){(const uint8_t *)"notrack", 8});
    for (int depth = 0; depth < 200; depth++) {
        struct buffer data = BUFFER(1 << 20), outer = BUFFER(1 << 20);
        put_attribute(&data, NFTA_DYNSET_SET_NAME, (struct bytes){(const uint8_t *)"s", 2});
        put_attribute(&data, NFTA_DYNSET_OP, (struct bytes){(const uint8_t *)"\0\0\0\0", 4});
        put_attribute(&data, NFTA_DYNSET_SREG_KEY, (struct bytes){(const uint8_t *)"\0\0\0\1", 4});
        put_attribute(&data, NFTA_DYNSET_EXPR, bytes_of(&inner));
        put_attribute(&outer, NFTA_EXPR_NAME, (struct bytes){(const uint8_t *)"dynset", 7});
        put_attribute(&outer, NFTA_EXPR_DATA, bytes_of(&data));
        buffer_free(&data);
        buffer_free(&inner);
        inner = outer;
    }
    struct decoder decoder = {.arena = arena, .family = NFT_FAMILY_IP};
    struct nft_expression expression;
    expression_decode(&decoder, bytes_of(&inner), &expression);
    ck_assert_int_eq(expression.kind, EXPRESSION_DYNSET);
    ck_assert(!expression_understood(&expression));
    free_one(&expression);
    buffer_free(&inner);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("expression");
    TCase *kernel = tcase_create("kernel"), *broken = tcase_create("broken"),
          *values = tcase_create("values");
    tcase_set_timeout(broken, 300);
    tcase_add_loop_test(kernel, all_that_the_kernel_sends_is_understood, 0, FIXTURE_COUNT);
    tcase_add_loop_test(broken, an_unknown_name_is_unknown, 0, FIXTURE_COUNT);
    tcase_add_loop_test(broken, an_unknown_attribute_is_told, 0, FIXTURE_COUNT);
    tcase_add_loop_test(broken, a_wrong_length_is_told, 0, FIXTURE_COUNT);
    tcase_add_loop_test(broken, a_truncated_rule_is_never_understood, 0, FIXTURE_COUNT);
    tcase_add_loop_test(broken, no_bit_of_an_expression_is_lost, 0, FIXTURE_COUNT);
    tcase_add_loop_test(broken, broken_messages_do_no_harm, 0, FIXTURE_COUNT);
    tcase_add_test(broken, nesting_is_bounded);
    tcase_add_test(values, a_rule_in_full);
    tcase_add_test(values, chains_and_sets_in_full);
    tcase_add_test(values, flags_and_comments);
    tcase_add_test(values, names_of_any_bytes_stay_apart);
    suite_add_tcase(suite, kernel);
    suite_add_tcase(suite, broken);
    suite_add_tcase(suite, values);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

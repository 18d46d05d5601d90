/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ruleset's own functions, and the text of rules that are not wholly understood. */
#include "netns/snapshot/ruleset_text.h"

#include <check.h>

/* A table with one chain and one rule of these expressions. */
struct sample {
    struct ruleset ruleset;
    struct nft_table *table;
    struct nft_chain *chain;
    struct nft_rule *rule;
};

static struct sample sample_new(enum nft_family family)
{
    struct sample sample = {0};
    sample.table = list_append(&sample.ruleset.tables);
    sample.table->family = family;
    sample.table->name = "filter";
    sample.chain = list_append(&sample.table->chains);
    sample.chain->name = "INPUT";
    sample.rule = list_append(&sample.chain->rules);
    return sample;
}

static struct nft_expression *add(struct sample *sample, enum expression_kind kind, const char *name)
{
    struct nft_expression *expression = list_append(&sample->rule->expressions);
    expression->kind = kind;
    expression->name = name;
    return expression;
}

static void add_verdict(struct sample *sample, int32_t code)
{
    struct nft_expression *expression = add(sample, EXPRESSION_IMMEDIATE, "immediate");
    expression->immediate.data.is_verdict = true;
    expression->immediate.data.verdict.code = code;
}

static void add_payload(struct sample *sample, uint32_t base, uint32_t offset, uint32_t length)
{
    struct nft_expression *expression = add(sample, EXPRESSION_PAYLOAD, "payload");
    expression->payload = (struct nft_payload){.dreg = 1, .base = base, .offset = offset, .length = length};
}

static struct nft_expression *add_cmp(struct sample *sample, const char *bytes, size_t length)
{
    struct nft_expression *expression = add(sample, EXPRESSION_CMP, "cmp");
    expression->cmp.sreg = 1;
    expression->cmp.data.value = (struct bytes){(const uint8_t *)bytes, length};
    return expression;
}

static void expect_text(const struct sample *sample, const char *expected)
{
    char *text = rule_text(sample->table, sample->chain, sample->rule, NULL);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(names)
{
    ck_assert_str_eq(nft_family_name(NFT_FAMILY_INET), "inet");
    ck_assert_str_eq(nft_family_name(NFT_FAMILY_IP6), "ip6");
    ck_assert_ptr_null(nft_family_name((enum nft_family)4));
    ck_assert_ptr_null(nft_family_name((enum nft_family)200));
    ck_assert_str_eq(nft_hook_name(HOOK_EGRESS), "egress");
    ck_assert_ptr_null(nft_hook_name((enum nft_hook)7));
    ck_assert_str_eq(expression_kind_name(EXPRESSION_INNER), "inner");
    ck_assert_ptr_null(expression_kind_name(EXPRESSION_KINDS));
}
END_TEST

START_TEST(look_ups)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    list_append(&sample.table->sets)->name = "blocked";
    ck_assert_ptr_eq(table_chain(sample.table, "INPUT"), sample.chain);
    ck_assert_ptr_null(table_chain(sample.table, "input"));
    ck_assert_ptr_eq(table_set(sample.table, "blocked"), &sample.table->sets.items[0]);
    ck_assert_ptr_null(table_set(sample.table, ""));
    ruleset_free(&sample.ruleset);
    ck_assert_uint_eq(sample.ruleset.tables.count, 0);
}
END_TEST

/* Everything that a decoder can leave unknown makes the rule unknown, however deep. */
START_TEST(unknown_parts_are_counted)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    size_t unknown;
    add_verdict(&sample, 1);
    ck_assert_uint_eq(ruleset_count(&sample.ruleset, &unknown), 1);
    ck_assert_uint_eq(unknown, 0);
    sample.rule->undecodable = true;
    ruleset_count(&sample.ruleset, &unknown);
    ck_assert_uint_eq(unknown, 1);
    sample.rule->undecodable = false;
    sample.rule->unknown_attribute = true;
    ck_assert(!rule_understood(sample.rule));
    sample.rule->unknown_attribute = false;
    ck_assert(rule_understood(sample.rule));
    struct nft_expression *match = add(&sample, EXPRESSION_MATCH, "match");
    ck_assert(!rule_understood(sample.rule));
    match->xt.kind = XT_MARK;
    ck_assert(rule_understood(sample.rule));
    struct nft_expression *dynset = add(&sample, EXPRESSION_DYNSET, "dynset");
    ck_assert(rule_understood(sample.rule));
    list_append(&dynset->dynset.expressions)->kind = EXPRESSION_UNKNOWN;
    ck_assert(!rule_understood(sample.rule));
    dynset->dynset.expressions.items[0].kind = EXPRESSION_COUNTER;
    ck_assert(rule_understood(sample.rule));
    dynset->dynset.expressions.items[0].unknown_attribute = true;
    ck_assert(!rule_understood(sample.rule));
    ruleset_free(&sample.ruleset);
}
END_TEST

START_TEST(an_unknown_expression_is_written)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    add_payload(&sample, 1, 12, 4);
    add_cmp(&sample, "\x0a\0\0\1", 4);
    add(&sample, EXPRESSION_UNKNOWN, "teleport");
    add_verdict(&sample, 0);
    expect_text(&sample, "ip saddr 10.0.0.1 unknown(teleport) drop");
    ruleset_free(&sample.ruleset);
}
END_TEST

/* What an unknown expression may have written into the registers is not known either. */
START_TEST(registers_behind_it_are_unknown)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    add_payload(&sample, 1, 12, 4);
    add(&sample, EXPRESSION_UNKNOWN, "teleport");
    add_cmp(&sample, "\x0a\0\0\1", 4);
    expect_text(&sample, "unknown(teleport) unknown(register) 0xa000001");
    ruleset_free(&sample.ruleset);
}
END_TEST

START_TEST(an_unknown_attribute_is_written)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    add_payload(&sample, 1, 12, 4);
    add_cmp(&sample, "\x0a\0\0\1", 4)->unknown_attribute = true;
    add_verdict(&sample, 1);
    expect_text(&sample, "unknown(cmp) accept");
    sample.rule->undecodable = true;
    expect_text(&sample, "unknown(cmp) accept unknown(rule)");
    ruleset_free(&sample.ruleset);
}
END_TEST

START_TEST(unknown_matches_and_targets_are_written)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    sample.table->xtables = true;
    add(&sample, EXPRESSION_MATCH, "match")->xt = (struct nft_xt){.name = "recent", .revision = 1};
    add(&sample, EXPRESSION_TARGET, "target")->xt = (struct nft_xt){.name = "TPROXY", .revision = 1};
    expect_text(&sample, "-A INPUT -m unknown(recent) -j unknown(TPROXY)");
    /* an expression that iptables does not have: all of it in nft's syntax */
    add(&sample, EXPRESSION_NOTRACK, "notrack");
    expect_text(&sample, "xt(-m unknown(recent)) xt(-j unknown(TPROXY)) notrack");
    ruleset_free(&sample.ruleset);
}
END_TEST

START_TEST(a_set_that_is_not_there)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    add_payload(&sample, 1, 16, 4);
    add(&sample, EXPRESSION_LOOKUP, "lookup")->lookup = (struct nft_lookup){.set = "gone", .sreg = 1};
    expect_text(&sample, "ip daddr @gone");
    ruleset_free(&sample.ruleset);
}
END_TEST

START_TEST(missing_elements_are_told)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    struct nft_set *set = list_append(&sample.table->sets);
    *set = (struct nft_set){
        .name = "__set0", .flags = SET_ANONYMOUS | SET_CONSTANT, .key_length = 4, .incomplete = true};
    list_append(&set->elements)->key = (struct bytes){(const uint8_t *)"\x0a\0\0\1", 4};
    add_payload(&sample, 1, 16, 4);
    add(&sample, EXPRESSION_LOOKUP, "lookup")->lookup = (struct nft_lookup){.set = "__set0", .sreg = 1};
    expect_text(&sample, "ip daddr { 10.0.0.1, unknown(more) }");
    set->elements.items[0].unknown_attribute = true;
    set->incomplete = false;
    expect_text(&sample, "ip daddr { unknown(element) }");
    ruleset_free(&sample.ruleset);
}
END_TEST

/* Dependencies go only where the words imply them, and nothing with an effect stands between. */
START_TEST(a_counter_between_keeps_the_match)
{
    struct sample sample = sample_new(NFT_FAMILY_INET);
    add(&sample, EXPRESSION_META, "meta")->meta = (struct nft_meta){.key = 16, .dreg = 1};
    add_cmp(&sample, "\6", 1);
    add_payload(&sample, 2, 2, 2);
    add_cmp(&sample, "\0\26", 2);
    expect_text(&sample, "tcp dport 22");
    ruleset_free(&sample.ruleset);
    sample = sample_new(NFT_FAMILY_INET);
    add(&sample, EXPRESSION_META, "meta")->meta = (struct nft_meta){.key = 16, .dreg = 1};
    add_cmp(&sample, "\6", 1);
    add(&sample, EXPRESSION_COUNTER, "counter");
    add_payload(&sample, 2, 2, 2);
    add_cmp(&sample, "\0\26", 2);
    expect_text(&sample, "meta l4proto tcp counter tcp dport 22");
    ruleset_free(&sample.ruleset);
}
END_TEST

/* A comment is a tenant's text: it stays within its quotes. */
START_TEST(comments_are_quoted)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    add_verdict(&sample, 1);
    sample.rule->comment = "a \"b\"\n\x1b[31m";
    expect_text(&sample, "accept comment \"a \\\"b\\\"\\x0a\\x1b[31m\"");
    sample.table->xtables = true;
    expect_text(&sample, "-A INPUT -m comment --comment \"a \\\"b\\\"\\x0a\\x1b[31m\" -j ACCEPT");
    ruleset_free(&sample.ruleset);
}
END_TEST

START_TEST(a_long_text_is_cut)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    struct nft_set *set = list_append(&sample.table->sets);
    *set = (struct nft_set){.name = "__set0", .flags = SET_ANONYMOUS | SET_CONSTANT, .key_length = 4};
    static uint8_t keys[10000][4];
    for (size_t i = 0; i < 10000; i++) {
        keys[i][2] = (uint8_t)(i >> 8);
        keys[i][3] = (uint8_t)i;
        list_append(&set->elements)->key = (struct bytes){keys[i], 4};
    }
    add_payload(&sample, 1, 16, 4);
    add(&sample, EXPRESSION_LOOKUP, "lookup")->lookup = (struct nft_lookup){.set = "__set0", .sreg = 1};
    add_verdict(&sample, 0);
    char *text = rule_text(sample.table, sample.chain, sample.rule, NULL);
    /* the elements are cut, and what is done with them is not */
    ck_assert_uint_le(strlen(text), SET_TEXT_MAX + 64);
    ck_assert_str_eq(text + strlen(text) - strlen("… } drop"), "… } drop");
    free(text);
    struct text_names short_text = {.maximum = 100};
    text = rule_text(sample.table, sample.chain, sample.rule, &short_text);
    ck_assert_uint_le(strlen(text), 104);
    ck_assert_str_eq(text + strlen(text) - strlen("…"), "…");
    free(text);
    ruleset_free(&sample.ruleset);
}
END_TEST

START_TEST(chains)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    char *text = chain_text(sample.table, sample.chain);
    ck_assert_str_eq(text, "");
    free(text);
    sample.chain->base = true;
    sample.chain->type = "nat";
    sample.chain->hook = HOOK_PREROUTING;
    sample.chain->priority = -105;
    sample.chain->policy = 1;
    text = chain_text(sample.table, sample.chain);
    ck_assert_str_eq(text, "type nat hook prerouting priority dstnat - 5; policy accept;");
    free(text);
    sample.chain->priority = 1234;
    sample.chain->policy = 0;
    sample.chain->unknown_attribute = true;
    text = chain_text(sample.table, sample.chain);
    ck_assert_str_eq(text, "type nat hook prerouting priority 1234; policy drop; unknown(chain)");
    free(text);
    sample.table->xtables = true;
    text = chain_text(sample.table, sample.chain);
    ck_assert_str_eq(text, "-P INPUT DROP");
    free(text);
    ruleset_free(&sample.ruleset);
}
END_TEST

/* Chains that jump to each other for ever: written so far, and by name from there. */
START_TEST(nameless_chains_are_followed_so_far)
{
    struct sample sample = sample_new(NFT_FAMILY_IP);
    sample.chain->name = "__chain0";
    sample.chain->flags = 4;
    add_verdict(&sample, -3);
    sample.rule->expressions.items[0].immediate.data.verdict.chain = "__chain0";
    expect_text(&sample, "jump { jump { jump { jump __chain0; }; }; }");
    ruleset_free(&sample.ruleset);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ruleset");
    TCase *data = tcase_create("data"), *text = tcase_create("text");
    tcase_add_test(data, names);
    tcase_add_test(data, look_ups);
    tcase_add_test(data, unknown_parts_are_counted);
    tcase_add_test(text, an_unknown_expression_is_written);
    tcase_add_test(text, registers_behind_it_are_unknown);
    tcase_add_test(text, an_unknown_attribute_is_written);
    tcase_add_test(text, unknown_matches_and_targets_are_written);
    tcase_add_test(text, a_set_that_is_not_there);
    tcase_add_test(text, missing_elements_are_told);
    tcase_add_test(text, a_counter_between_keeps_the_match);
    tcase_add_test(text, comments_are_quoted);
    tcase_add_test(text, a_long_text_is_cut);
    tcase_add_test(text, chains);
    tcase_add_test(text, nameless_chains_are_followed_so_far);
    suite_add_tcase(suite, data);
    suite_add_tcase(suite, text);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

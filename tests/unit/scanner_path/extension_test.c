/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extensions of xtables that ask for what a first packet does not have, or that remember: both evaluators. */
#include "scanner/path/concrete.h"
#include "scanner/path/reason.h"
#include "scanner/path/symbolic.h"
#include "tests/unit/scanner_path/build.h"

#include <check.h>

#define DROP   0
#define ACCEPT 1

static struct build_lab lab;
static struct nft_chain *chain;

/* A listener of the host, which accepts what no rule drops. */
static void setup(void)
{
    lab = build_lab();
    build_listener(lab.host, SOCKET_TCP, "::", 22);
    chain = build_base(lab.host, build_table(lab.host, NFT_FAMILY_IP6, "filter"), "INPUT", "filter",
                       HOOK_INPUT, 0, ACCEPT);
}

static void teardown(void)
{
    lab.snapshot = snapshot_free(lab.snapshot);
}

static struct nft_xt *add_match(struct nft_rule *rule, const char *name, enum xt_kind kind)
{
    struct nft_xt *xt = &build_expression(rule, EXPRESSION_MATCH)->xt;
    *xt = (struct nft_xt){.name = name, .kind = kind};
    return xt;
}

/* What became of a packet from outside to port 22. */
struct answer {
    enum state state;
    char reason[32]; /* the first; "": none */
    bool stateful;
};

static struct answer answer_of(enum state state, const struct reason_list *reasons, bool stateful)
{
    struct answer answer = {.state = state, .stateful = stateful};
    if (reasons->count)
        snprintf(answer.reason, sizeof(answer.reason), "%s", reasons->items[0].code);
    return answer;
}

static struct answer ask_concrete(const struct world *world, struct arena *arena)
{
    struct packet packet = {.namespace = 1000,
                            .interface = 2,
                            .family = FAMILY_IP6,
                            .protocol = PROTOCOL_TCP,
                            .source = build_ip("2001:db8:99::7"),
                            .source_port = 40000,
                            .destination = build_ip("2001:db8:0:1::10"),
                            .destination_port = 22};
    struct outcome outcome;
    ck_assert_int_eq(concrete_evaluate(world, &packet, arena, &outcome), 0);
    struct answer answer = answer_of(outcome.state, &outcome.reasons, outcome.stateful);
    outcome_free(&outcome);
    return answer;
}

static struct answer ask_symbolic(const struct world *world, struct arena *arena)
{
    struct query query = {
        .namespace = 1000,
        .interface = 2,
        .family = FAMILY_IP6,
        .protocol = PROTOCOL_TCP,
        .sources = interval_set_range(build_ip("2001:db8:99::7").value, build_ip("2001:db8:99::7").value),
        .destination = build_ip("2001:db8:0:1::10"),
        .port = 22};
    struct prediction prediction;
    ck_assert_int_eq(symbolic_evaluate(world, &query, arena, &prediction), 0);
    ck_assert_uint_eq(prediction.parts.count, 1);
    const struct prediction_part *part = &prediction.parts.items[0];
    struct answer answer = answer_of(part->state, &part->reasons, part->stateful);
    prediction_free(&prediction);
    interval_set_free(&query.sources);
    return answer;
}

/* Both say it. reason: NULL where there is none. */
static void ck_answer(enum state state, const char *reason, bool stateful)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct world *world = world_new(lab.snapshot);
    struct answer answers[] = {ask_concrete(world, arena), ask_symbolic(world, arena)};
    world_free(world);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_str_eq(state_name(answers[i].state), state_name(state));
        ck_assert_str_eq(answers[i].reason, reason ? reason : "");
        ck_assert_int_eq(answers[i].stateful, stateful);
    }
}

/* rt_mt6() says no before it looks at what is inverted. */
START_TEST(no_routing_header)
{
    struct nft_rule *rule = build_rule(chain);
    struct nft_xt *xt = add_match(rule, "rt", XT_ROUTING_HEADER);
    build_verdict(rule, DROP, NULL);
    xt->routing_header = (struct xt_routing_header){.flags = 1, .segments_last = UINT32_MAX};
    ck_answer(STATE_OPEN, NULL, false);
    rule->expressions.items[0].xt.routing_header.invert = 7;
    ck_answer(STATE_OPEN, NULL, false);
    rule->expressions.items[0].xt.kind = XT_UNKNOWN;
    ck_answer(STATE_UNDETERMINED, REASON_UNMODELLED_MATCH, false);
}
END_TEST

START_TEST(hop_limits_are_the_senders)
{
    struct nft_rule *rule = build_rule(chain);
    add_match(rule, "hl", XT_HOP_LIMIT)->hop_limit = (struct xt_hop_limit){.mode = XT_HOPS_LESS, .limit = 5};
    build_verdict(rule, DROP, NULL);
    ck_answer(STATE_UNDETERMINED, REASON_PACKET_FIELD, false);
    build_verdict(build_rule(chain), DROP, NULL);
    ck_answer(STATE_FILTERED, NULL, false);
}
END_TEST

/* What `ufw limit` writes: who knocks is taken in, and who knocked six times is kept out. */
START_TEST(sources_are_remembered)
{
    struct nft_rule *set = build_rule(chain);
    add_match(set, "recent", XT_RECENT)->recent = (struct xt_recent){.flags = XT_RECENT_ACTION_SET};
    ck_answer(STATE_OPEN, NULL, true);
    struct nft_rule *limit = build_rule(chain);
    add_match(limit, "recent", XT_RECENT)->recent =
        (struct xt_recent){.flags = XT_RECENT_ACTION_UPDATE, .seconds = 30, .hit_count = 6};
    build_verdict(limit, DROP, NULL);
    ck_answer(STATE_UNDETERMINED, REASON_STATEFUL_RULE, true);
}
END_TEST

START_TEST(taking_in_always_matches)
{
    struct nft_rule *rule = build_rule(chain);
    add_match(rule, "recent", XT_RECENT)->recent = (struct xt_recent){.flags = XT_RECENT_ACTION_SET};
    build_verdict(rule, DROP, NULL);
    ck_answer(STATE_FILTERED, NULL, true);
    rule->expressions.items[0].xt.recent.invert = true;
    ck_answer(STATE_OPEN, NULL, true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("path/extension");
    TCase *extensions = tcase_create("extensions");
    tcase_add_checked_fixture(extensions, setup, teardown);
    tcase_add_test(extensions, no_routing_header);
    tcase_add_test(extensions, hop_limits_are_the_senders);
    tcase_add_test(extensions, sources_are_remembered);
    tcase_add_test(extensions, taking_in_always_matches);
    suite_add_tcase(suite, extensions);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What explain shows beside the state: a packet that fares so, and what would drop some of the sources later.
 */
#include "scanner/path/example.h"
#include "scanner/path/symbolic.h"
#include "tests/unit/scanner_path/build.h"

#include <check.h>

static const struct vantage external = {.name = "external", .namespace = 1000, .interface = 2};

/* FORWARD drops by policy all but one network; a second chain drops those of another. */
static struct build_lab lab_make(void)
{
    struct build_lab lab = build_lab();
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_IP, "filter");
    struct nft_chain *forward = build_base(lab.host, table, "FORWARD", "filter", HOOK_FORWARD, 0, 0);
    struct nft_chain *late = build_base(lab.host, table, "LATE", "filter", HOOK_FORWARD, 50, 1);
    struct nft_rule *rule = build_rule(forward);

    build_addr(lab.host, rule, true, "198.51.100.9");
    build_verdict(rule, 1, NULL);
    rule = build_rule(late);
    build_addr(lab.host, rule, true, "192.0.2.1");
    build_verdict(rule, 0, NULL);
    build_listener(lab.c1, SOCKET_TCP, "0.0.0.0", 80);
    return lab;
}

static struct prediction ask(const struct world *world, struct arena *arena)
{
    struct query query = {.namespace = 1000,
                          .interface = 2,
                          .family = FAMILY_IP4,
                          .protocol = PROTOCOL_TCP,
                          .destination = build_ip("172.18.0.2"),
                          .port = 80};
    struct prediction prediction;

    query.sources = interval_set_prefix(build_net("192.0.0.0/3"));
    ck_assert_int_eq(symbolic_evaluate(world, &query, arena, &prediction), 0);
    interval_set_free(&query.sources);
    return prediction;
}

static struct prediction_part *part_of(struct prediction *prediction, const char *address)
{
    list_each(struct prediction_part, part, &prediction->parts)
        if (interval_set_contains(&part->sources, build_ip(address).value))
            return part;
    ck_abort_msg("no part has %s", address);
}

START_TEST(each_part_has_a_packet_that_fares_so)
{
    struct build_lab lab = lab_make();
    struct world *world = world_new(lab.snapshot);
    _cleanup_arena_ struct arena *arena = arena_new();
    struct prediction prediction = ask(world, arena);
    const struct entry entry = {
        .family = FAMILY_IP4, .protocol = PROTOCOL_TCP, .address = build_ip("172.18.0.2"), .port = 80};
    struct prediction_part *filtered;
    struct packet packet;

    ck_assert_int_eq(prediction.parts.items[0].state, STATE_OPEN);
    ck_assert(example_find(world, &external, &entry, &prediction.parts.items[0], &packet));
    ck_assert(address_equal(packet.source, build_ip("198.51.100.9")));
    filtered = part_of(&prediction, "192.0.2.1");
    ck_assert(example_find(world, &external, &entry, filtered, &packet));
    ck_assert(interval_set_contains(&filtered->sources, packet.source.value));
    filtered->state = STATE_OPEN; /* then none fares as the part says */
    ck_assert(!example_find(world, &external, &entry, filtered, &packet));
    prediction_free(&prediction);
    world_free(world);
    snapshot_free(lab.snapshot);
}
END_TEST

START_TEST(what_drops_some_later_is_told_apart)
{
    struct build_lab lab = lab_make();
    struct world *world = world_new(lab.snapshot);
    _cleanup_arena_ struct arena *arena = arena_new();
    struct prediction prediction = ask(world, arena);
    const struct prediction_part *part = part_of(&prediction, "192.0.2.1");

    ck_assert_int_eq(part->state, STATE_FILTERED);
    ck_assert_int_eq(part->decider.kind, DECIDER_POLICY);
    ck_assert_uint_eq(part->later.count, 0);
    ck_assert_uint_eq(part->later_for_some.count, 1);
    ck_assert_str_eq(part->later_for_some.items[0].rule.chain, "LATE");
    prediction_free(&prediction);
    world_free(world);
    snapshot_free(lab.snapshot);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("path/example");
    TCase *all = tcase_create("all");
    tcase_add_test(all, each_part_has_a_packet_that_fares_so);
    tcase_add_test(all, what_drops_some_later_is_told_apart);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

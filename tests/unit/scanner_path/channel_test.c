/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels: one for each listener that an entry leads to, whatever decides between them. */
#include "scanner/path/entry.h"

#include "tests/unit/scanner_path/build.h"

#include <check.h>

#define PORT 8080

static struct build_lab lab;
static struct nft_chain *chain;

/* What the channels from outside to 203.0.113.10:8080 say of a container's port 80. */
struct seen {
    unsigned channels; /* that end there */
    enum state state;
    bool has_first; /* 198.51.100.7 is among the sources of what is most exposed */
    char sources[64], ports[64];
};

static void setup(void)
{
    lab = build_lab();
    build_listener(lab.c1, SOCKET_TCP, "0.0.0.0", 80);
    build_listener(lab.c3, SOCKET_TCP, "0.0.0.0", 80);
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_IP, "nat");
    chain = build_base(lab.host, table, "PREROUTING", "nat", HOOK_PREROUTING, -100, 1);
}

static void teardown(void)
{
    lab.snapshot = snapshot_free(lab.snapshot);
}

struct question {
    const struct namespace *namespace;
    struct seen *seen;
    unsigned all;
};

static int look(struct path_channel *channel, void *context)
{
    struct question *question = context;
    if (channel->entry.protocol != PROTOCOL_TCP || channel->entry.port != PORT ||
        !address_equal(channel->entry.address, build_ip("203.0.113.10")))
        return 0;
    question->all++;
    if (channel->listener.socket < 0 || channel->listener.namespace != question->namespace->id)
        return 0;
    const struct prediction_part *part = &channel->prediction.parts.items[0];
    question->seen->channels++;
    question->seen->state = channel->prediction.state;
    ck_assert_uint_eq(channel->prediction.state, part->state);
    ck_assert_uint_eq(part->target.namespace, question->namespace->id);
    question->seen->has_first = interval_set_contains(&part->sources, build_ip("198.51.100.7").value);
    struct prefix_list prefixes = {0};
    interval_set_prefixes(&part->sources, FAMILY_IP4, &prefixes);
    snprintf(question->seen->sources, sizeof(question->seen->sources), "%zu from %s", prefixes.count,
             prefixes.count > 0 ? PREFIX_TEXT(prefixes.items[0]) : "");
    list_free(&prefixes);
    if (!interval_set_empty(&part->source_ports))
        snprintf(question->seen->ports, sizeof(question->seen->ports), "%u-%u",
                 (unsigned)part->source_ports.items[0].first, (unsigned)part->source_ports.items[0].last);
    return 0;
}

static unsigned ask(const struct namespace *namespace, struct seen *seen)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_vantage_list_ struct vantage_list vantages = {0};
    struct world *world = world_new(lab.snapshot);
    struct uplink_list uplinks = {0};
    struct index_list from = {0};
    struct question question = {namespace, seen, 0};
    *seen = (struct seen){0};
    ck_assert_int_eq(uplinks_find(world, NULL, 0, &uplinks, NULL), 0);
    vantages_find(world, &uplinks, arena, &vantages);
    ck_assert_int_eq(vantages_match(&vantages, "external", NULL, &from, NULL), 0);
    ck_assert_int_eq(channels_find(world, &vantages, from.items, from.count, NULL, arena, look, &question),
                     0);
    list_free(&from);
    list_free(&uplinks);
    world_free(world);
    return question.all;
}

static struct nft_rule *rule_for(uint16_t port)
{
    struct nft_rule *rule = build_rule(chain);
    build_dport(lab.host, rule, port);
    return rule;
}

START_TEST(by_source)
{
    struct seen seen;
    struct nft_rule *rule = rule_for(PORT);
    build_addr(lab.host, rule, true, "198.51.100.7");
    build_dnat(lab.host, rule, "172.18.0.2", 80);
    build_dnat(lab.host, rule_for(PORT), "172.19.0.2", 80);
    ck_assert_uint_eq(ask(lab.c1, &seen), 2);
    ck_assert_uint_eq(seen.channels, 1);
    ck_assert_uint_eq(seen.state, STATE_OPEN);
    ck_assert_str_eq(seen.sources, "1 from 198.51.100.7/32");
    ask(lab.c3, &seen);
    ck_assert_uint_eq(seen.channels, 1);
    ck_assert_uint_eq(seen.state, STATE_OPEN);
    ck_assert(!seen.has_first); /* without that one */
}
END_TEST

/* An address of an inner network may come routed, too: forged, or of others who use the same ones. */
START_TEST(by_inner_source)
{
    struct seen seen;
    struct nft_rule *rule = rule_for(PORT);
    build_addr(lab.host, rule, true, "172.19.0.77");
    build_dnat(lab.host, rule, "172.18.0.2", 80);
    ask(lab.c1, &seen);
    ck_assert_uint_eq(seen.channels, 1);
    ck_assert_uint_eq(seen.state, STATE_OPEN);
    ck_assert_str_eq(seen.sources, "1 from 172.19.0.77/32");
}
END_TEST

START_TEST(by_source_port)
{
    static const uint8_t port[2] = {40000 >> 8, 40000 & 0xff};
    struct seen seen;
    struct nft_rule *rule = rule_for(PORT);
    build_payload(lab.host, rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, NFT_CMP_GTE, port, 2);
    build_dnat(lab.host, rule, "172.18.0.2", 80);
    build_dnat(lab.host, rule_for(PORT), "172.19.0.2", 80);
    ck_assert_uint_eq(ask(lab.c1, &seen), 2);
    ck_assert_uint_eq(seen.state, STATE_OPEN);
    ck_assert_str_eq(seen.ports, "40000-65535");
    ask(lab.c3, &seen);
    ck_assert_uint_eq(seen.channels, 1);
    ck_assert_uint_eq(seen.state, STATE_OPEN);
    ck_assert_str_eq(seen.ports, "1024-39999");
}
END_TEST

/* As a service with two endpoints: each is reached, now and then. */
START_TEST(by_chance)
{
    static const uint32_t half = 1u << 31;
    struct seen seen;
    struct nft_rule *rule = rule_for(PORT);
    build_meta(lab.host, rule, NFT_META_PRANDOM, NFT_CMP_LT, &half, sizeof(half));
    build_dnat(lab.host, rule, "172.18.0.2", 80);
    build_dnat(lab.host, rule_for(PORT), "172.19.0.2", 80);
    ck_assert_uint_eq(ask(lab.c1, &seen), 2);
    ck_assert_uint_eq(seen.channels, 1);
    ck_assert_uint_eq(seen.state, STATE_UNDETERMINED);
    ask(lab.c3, &seen);
    ck_assert_uint_eq(seen.channels, 1);
    ck_assert_uint_eq(seen.state, STATE_UNDETERMINED);
}
END_TEST

START_TEST(one_listener)
{
    struct seen seen;
    build_dnat(lab.host, rule_for(PORT), "172.18.0.2", 80);
    ck_assert_uint_eq(ask(lab.c1, &seen), 1);
    ck_assert_uint_eq(seen.state, STATE_OPEN);
    ask(lab.c3, &seen);
    ck_assert_uint_eq(seen.channels, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scanner/path/channel");
    TCase *listeners = tcase_create("listeners");
    tcase_add_checked_fixture(listeners, setup, teardown);
    tcase_add_test(listeners, by_source);
    tcase_add_test(listeners, by_inner_source);
    tcase_add_test(listeners, by_source_port);
    tcase_add_test(listeners, by_chance);
    tcase_add_test(listeners, one_listener);
    suite_add_tcase(suite, listeners);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

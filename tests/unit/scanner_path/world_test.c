/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/world.h"

#include "tests/unit/scanner_path/build.h"

#include <check.h>

static struct build_lab lab;
static struct world *world;

static void setup(void)
{
    lab = build_lab();
}

static void teardown(void)
{
    world = world_free(world);
    lab.snapshot = snapshot_free(lab.snapshot);
}

static const struct world_namespace *host(void)
{
    world = world_free(world);
    world = world_new(lab.snapshot);
    return world_namespace(world, lab.host->id);
}

static const struct hook_list *hooks(enum ip_family family, enum nft_hook hook)
{
    return &host()->hooks[world_family(family)][hook];
}

static struct nft_chain *base(struct nft_table *table, const char *name, const char *type, int32_t priority)
{
    return build_base(lab.host, table, name, type, HOOK_PREROUTING, priority, 1);
}

static void ck_order(const struct hook_list *list, const char *expected)
{
    char names[256] = "";
    list_each(const struct hook_chain, hook, list) {
        size_t length = strlen(names);
        snprintf(names + length, sizeof(names) - length, "%s%s", length ? " " : "", hook->chain->name);
    }
    ck_assert_str_eq(names, expected);
}

/* ---- hooks ---- */

START_TEST(hooks_in_the_kernels_order)
{
    struct nft_table *ip = build_table(lab.host, NFT_FAMILY_IP, "ip");
    base(ip, "zero", "filter", 0);
    base(ip, "raw", "filter", -300);
    base(ip, "later", "filter", 0);
    struct nft_table *inet = build_table(lab.host, NFT_FAMILY_INET, "inet");
    base(inet, "mangle", "filter", -150);
    base(inet, "last", "filter", 0);
    ck_order(hooks(FAMILY_IP4, HOOK_PREROUTING),
             "raw mangle last later zero"); /* of equal ones the last first */
    ck_order(hooks(FAMILY_IP6, HOOK_PREROUTING), "mangle last");
    inet->flags = 1; /* dormant */
    ck_order(hooks(FAMILY_IP4, HOOK_PREROUTING), "raw later zero");
    ck_order(hooks(FAMILY_IP6, HOOK_PREROUTING), "");
}
END_TEST

START_TEST(nat_runs_at_its_own_priority)
{
    struct nft_table *ip = build_table(lab.host, NFT_FAMILY_IP, "ip");
    base(ip, "declares-200", "nat", 200);
    base(ip, "filter", "filter", 0);
    base(ip, "declares-100", "nat", 100);
    base(ip, "early", "filter", -150);
    const struct hook_list *list = hooks(FAMILY_IP4, HOOK_PREROUTING);
    ck_order(list, "early declares-100 declares-200 filter");
    ck_assert_int_eq(list->items[1].priority, -100);
    ck_assert(list->items[1].nat && !list->items[0].nat);
    ck_assert_uint_ne(list->items[1].group, list->items[2].group);
}
END_TEST

START_TEST(a_chain_beside_nat)
{
    struct nft_table *nat = build_table(lab.host, NFT_FAMILY_IP, "nat");
    build_dnat(lab.host, build_rule(base(nat, "dstnat", "nat", -100)), "172.18.0.2", 80);
    struct nft_table *other = build_table(lab.host, NFT_FAMILY_INET, "other");
    struct nft_chain *chain = base(other, "beside", "filter", -100);
    build_dport(lab.host, build_rule(chain), 80);
    const struct hook_list *list = hooks(FAMILY_IP4, HOOK_PREROUTING);
    ck_assert_uint_eq(list->count, 2);
    ck_assert(list->items[0].beside_nat || list->items[1].beside_nat);
    chain->priority = -99;
    list = hooks(FAMILY_IP4, HOOK_PREROUTING);
    ck_assert(!list->items[0].beside_nat && !list->items[1].beside_nat);
}
END_TEST

START_TEST(order_of_two_tables)
{
    struct nft_table *first = build_table(lab.host, NFT_FAMILY_IP, "first");
    struct nft_table *second = build_table(lab.host, NFT_FAMILY_IP, "second");
    struct nft_chain *reader = base(first, "reader", "filter", 0),
                     *writer = base(second, "writer", "filter", 0);
    build_mark(lab.host, build_rule(reader), 1);
    const struct hook_list *list = hooks(FAMILY_IP4, HOOK_PREROUTING);
    ck_assert(!list->items[0].order_matters && !list->items[1].order_matters);
    struct nft_chain *inner = build_chain(second, "inner"); /* what a jump reaches counts */
    build_set_mark(lab.host, build_rule(inner), 1);
    build_verdict(build_rule(writer), -3, "inner");
    list = hooks(FAMILY_IP4, HOOK_PREROUTING);
    ck_assert(list->items[0].order_matters && list->items[1].order_matters);
    ck_assert_uint_eq(list->items[0].group, list->items[1].group);
    writer->priority = 1;
    list = hooks(FAMILY_IP4, HOOK_PREROUTING);
    ck_assert(!list->items[0].order_matters);
}
END_TEST

START_TEST(chains_without_effect_stand_nowhere)
{
    struct nft_table *bridge = build_table(lab.host, NFT_FAMILY_BRIDGE, "b");
    struct nft_chain *chain = build_base(lab.host, bridge, "forward", "filter", HOOK_FORWARD, 0, 1);
    ck_assert_uint_eq(host()->bridge_hooks[HOOK_FORWARD].count, 0);
    chain->policy = 0;
    ck_assert_uint_eq(host()->bridge_hooks[HOOK_FORWARD].count, 1);
    struct nft_table *netdev = build_table(lab.host, NFT_FAMILY_NETDEV, "n");
    build_rule(build_base(lab.host, netdev, "ingress", "filter", HOOK_INGRESS, 0, 1));
    ck_assert_uint_eq(host()->device_hooks.count, 1);
}
END_TEST

/* ---- connection tracking ---- */

START_TEST(tracking_begins_with_a_rule)
{
    struct nft_table *ip6 = build_table(lab.host, NFT_FAMILY_IP6, "six");
    struct nft_rule *rule = build_rule(base(ip6, "chain", "filter", 0));
    build_expression(rule, EXPRESSION_NOTRACK);
    ck_assert(!host()->tracking[0] && !host()->tracking[1]);
    build_expression(rule, EXPRESSION_CT);
    ck_assert(!host()->tracking[0] && host()->tracking[1]);
}
END_TEST

START_TEST(nat_tracks_its_own_family)
{
    struct nft_table *inet = build_table(lab.host, NFT_FAMILY_INET, "inet");
    build_dnat(lab.host, build_rule(base(inet, "chain", "nat", -100)), "172.18.0.2", 80);
    ck_assert(host()->tracking[0] && !host()->tracking[1]); /* dnat ip, though the table is of both */
    build_expression(build_rule(&inet->chains.items[0]), EXPRESSION_REDIR);
    ck_assert(host()->tracking[0] && host()->tracking[1]);
}
END_TEST

START_TEST(tracking_by_extensions)
{
    struct nft_table *ip = build_table(lab.host, NFT_FAMILY_IP, "ip");
    struct nft_rule *rule = build_rule(base(ip, "chain", "filter", 0));
    struct nft_expression *target = build_expression(rule, EXPRESSION_TARGET);
    target->xt = (struct nft_xt){.name = "CT", .kind = XT_CT, .ct.flags = 1};
    ck_assert(!host()->tracking[0]);
    target->xt = (struct nft_xt){.name = "CONNMARK"};
    ck_assert(host()->tracking[0] && !host()->tracking[1]);
}
END_TEST

/* ---- routes, rules, links ---- */

START_TEST(routes_by_preference)
{
    build_route(lab.host, "10.0.0.0/8", 500, RTN_UNICAST, 2, NULL)->priority = 20;
    build_route(lab.host, "10.1.0.0/16", 500, RTN_UNICAST, 2, NULL)->priority = 90;
    build_route(lab.host, "10.0.0.0/8", 500, RTN_BLACKHOLE, 0, NULL)->priority = 10;
    build_route(lab.host, "0.0.0.0/0", 500, RTN_UNICAST, 2, NULL);
    size_t count;
    const struct route *const *routes = world_routes(host(), FAMILY_IP4, 500, &count);
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(routes[0]->destination.length, 16);
    ck_assert_uint_eq(routes[1]->type, RTN_BLACKHOLE);
    ck_assert_uint_eq(routes[2]->priority, 20);
    ck_assert_uint_eq(routes[3]->destination.length, 0);
    world_routes(host(), FAMILY_IP6, 500, &count);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(policy_rules_of_ones_own)
{
    size_t count;
    ck_assert(!host()->custom_rules[0] && !host()->custom_rules[1]);
    build_policy_rule(lab.host, FAMILY_IP4, 100, 500);
    ck_assert(host()->custom_rules[0] && !host()->custom_rules[1]);
    const struct policy_rule *const *rules = world_policy_rules(host(), FAMILY_IP4, &count);
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(rules[1]->priority, 100);
}
END_TEST

START_TEST(links_and_their_ends)
{
    const struct world_namespace *other;
    const struct link *link = world_link(host(), 11);
    const struct link *peer = world_peer(host(), world_link(host(), 11), &other);
    ck_assert_ptr_nonnull(link);
    ck_assert_str_eq(peer->name, "eth0");
    ck_assert_uint_eq(other->facts->id, lab.c1->id);
    ck_assert_ptr_null(world_peer(host(), world_link(host(), 2), &other));
    ck_assert_ptr_null(other);
    build_find(lab.host, 11)->peer_unknown = true;
    ck_assert_ptr_null(world_peer(host(), world_link(host(), 11), &other));
    ck_assert_ptr_null(world_link(host(), 0));
    ck_assert_ptr_null(world_namespace(world, 42));
}
END_TEST

START_TEST(local_addresses)
{
    ck_assert(world_is_local(host(), build_ip("172.18.0.1")));
    ck_assert(world_is_local(host(), build_ip("127.3.2.1")));
    ck_assert(world_is_local(host(), build_ip("fd00:18::1")));
    ck_assert(!world_is_local(host(), build_ip("172.18.0.2")));
    build_route(lab.host, "198.51.100.0/24", 500, RTN_LOCAL, 1,
                NULL); /* AnyIP, in a table that no rule names */
    ck_assert(!world_is_local(host(), build_ip("198.51.100.7")));
    build_policy_rule(lab.host, FAMILY_IP4, 100, 500);
    ck_assert(world_is_local(host(), build_ip("198.51.100.7")));
}
END_TEST

START_TEST(chains_and_sets_by_name)
{
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_IP, "ip");
    struct nft_chain *chain = build_chain(table, "user");
    struct nft_set *set = list_append(&table->sets);
    set->name = "set";
    set->key_length = 4;
    const struct world_namespace *namespace = host();
    ck_assert_ptr_eq(world_chain(namespace, table, "user"), chain);
    ck_assert_ptr_null(world_chain(namespace, table, "other"));
    ck_assert_ptr_null(world_chain(namespace, table, NULL));
    ck_assert_ptr_eq(world_set(namespace, table, "set"), set);
    ck_assert_ptr_nonnull(world_elements(namespace, set));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("path/world");
    TCase *hook_cases = tcase_create("hooks");
    tcase_add_checked_fixture(hook_cases, setup, teardown);
    tcase_add_test(hook_cases, hooks_in_the_kernels_order);
    tcase_add_test(hook_cases, nat_runs_at_its_own_priority);
    tcase_add_test(hook_cases, a_chain_beside_nat);
    tcase_add_test(hook_cases, order_of_two_tables);
    tcase_add_test(hook_cases, chains_without_effect_stand_nowhere);
    suite_add_tcase(suite, hook_cases);
    TCase *tracking = tcase_create("tracking");
    tcase_add_checked_fixture(tracking, setup, teardown);
    tcase_add_test(tracking, tracking_begins_with_a_rule);
    tcase_add_test(tracking, nat_tracks_its_own_family);
    tcase_add_test(tracking, tracking_by_extensions);
    suite_add_tcase(suite, tracking);
    TCase *routing = tcase_create("routing");
    tcase_add_checked_fixture(routing, setup, teardown);
    tcase_add_test(routing, routes_by_preference);
    tcase_add_test(routing, policy_rules_of_ones_own);
    tcase_add_test(routing, links_and_their_ends);
    tcase_add_test(routing, local_addresses);
    tcase_add_test(routing, chains_and_sets_by_name);
    suite_add_tcase(suite, routing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

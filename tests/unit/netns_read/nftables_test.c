/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ruleset of the kernel's, in a namespace of the test's own, within limits and beyond them. */
#include "netns/read/nftables.h"

#include "tests/unit/netns_read/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Three rules in each of two chains, five elements, in a table; another table with a chain of one rule. */
static const char ruleset[] =
    "table ip one {\n"
    " set s { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5 } }\n"
    " chain a { type filter hook input priority 0; ip saddr @s drop; tcp dport 1 drop; tcp dport 2 drop; }\n"
    " chain b { tcp dport 3 drop; tcp dport 4 drop; tcp dport 5 drop; }\n"
    "}\n"
    "table ip6 two {\n chain c { type filter hook input priority 0; tcp dport 6 drop; }\n}\n";

static struct modules *modules;
static struct netlink *netfilter;
static struct namespace *namespace;
static struct reader reader;

static void ruleset_load(void)
{
    char path[] = "/tmp/postern-nftables-XXXXXX", program[] = "nft", option[] = "-f";
    char *const arguments[] = {program, option, path, NULL};
    int fd = mkstemp(path), status = -1;
    pid_t child;

    ck_assert_int_eq(write(fd, ruleset, sizeof(ruleset) - 1), (ssize_t)sizeof(ruleset) - 1);
    close(fd);
    ck_assert_int_eq(posix_spawn(&child, "/usr/sbin/nft", NULL, NULL, arguments, environ), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    unlink(path);
    ck_assert_int_eq(status, 0);
}

static void set_up(void)
{
    ck_assert_int_eq(unshare(getuid() ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET), 0);
    ruleset_load();
    reader = (struct reader){.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                             .budget = READ_BUDGET_DEFAULT};
    modules = modules_read(reader.proc, NULL);
    reader.modules = modules;
    namespace = namespace_new(1);
    ck_assert_int_eq(netlink_open(NETLINK_NETFILTER, 0, &netfilter, NULL), 0);
}

static void tear_down(void)
{
    netfilter = netlink_close(netfilter);
    namespace = namespace_free(namespace);
    modules = modules_free(modules);
    close(reader.proc);
}

struct counts {
    size_t tables, chains, rules, elements, incomplete;
};

static struct counts count(void)
{
    struct counts counts = {0};

    list_each(struct nft_table, table, &namespace->ruleset.tables) {
        counts.tables++;
        counts.incomplete += table->incomplete;
        list_each(struct nft_chain, chain, &table->chains) {
            counts.chains++;
            counts.rules += chain->rules.count;
        }
        list_each(struct nft_set, set, &table->sets) {
            counts.elements += set->elements.count;
            counts.incomplete += set->incomplete;
        }
    }
    return counts;
}

START_TEST(all_of_it)
{
    struct counts counts;

    ck_assert_int_eq(nftables_read(&reader, netfilter, namespace), 0);
    counts = count();
    ck_assert_uint_eq(counts.tables, 2);
    ck_assert_uint_eq(counts.chains, 3);
    ck_assert_uint_eq(counts.rules, 7);
    ck_assert_uint_eq(counts.elements, 5);
    ck_assert_uint_eq(counts.incomplete, 0);
    ck_assert(namespace->ruleset.present && !namespace->ruleset.over_budget && !namespace->over_budget);
    ck_assert_uint_eq(namespace->faults.count, 0);
}
END_TEST

/* Limits that just hold it all. */
START_TEST(exactly_as_much)
{
    reader.budget.rules = 7;
    reader.budget.elements = 5;
    reader.budget.ruleset_objects = 2 + 3 + 1;
    ck_assert_int_eq(nftables_read(&reader, netfilter, namespace), 0);
    ck_assert(!namespace->over_budget);
    ck_assert_uint_eq(count().rules, 7);
    ck_assert_uint_eq(count().elements, 5);
    ck_assert_uint_eq(count().incomplete, 0);
}
END_TEST

static const struct limit {
    size_t rules, elements, objects, bytes;
} limits[] = {
    {6, 100, 100, 1 << 20}, {0, 100, 100, 1 << 20}, {100, 4, 100, 1 << 20},
    {100, 0, 100, 1 << 20}, {100, 100, 5, 1 << 20}, {100, 100, 1, 1 << 20},
    {100, 100, 0, 1 << 20}, {100, 100, 100, 1000},  {100, 100, 100, 0},
};

/* What is cut is marked: by the namespace, by what is not whole, and by a fault. Nothing passes the limit. */
START_TEST(more_than_the_limit)
{
    const struct limit *limit = &limits[_i];
    struct counts counts;

    reader.budget.rules = limit->rules;
    reader.budget.elements = limit->elements;
    reader.budget.ruleset_objects = limit->objects;
    reader.budget.ruleset_bytes = limit->bytes;
    nftables_read(&reader, netfilter, namespace);
    counts = count();
    ck_assert_uint_le(counts.rules, limit->rules);
    ck_assert_uint_le(counts.elements, limit->elements);
    ck_assert_uint_le(counts.tables + counts.chains, limit->objects);
    ck_assert(namespace->over_budget && namespace->ruleset.over_budget);
    ck_assert(counts.incomplete > 0 || counts.tables == 0);
    ck_assert_uint_eq(namespace->faults.count, 1);
    ck_assert_str_eq(namespace->faults.items[0].code, "over-budget");
}
END_TEST

START_TEST(no_time_is_left)
{
    _cleanup_netlink_ struct netlink *late = NULL;

    ck_assert_int_eq(netlink_open(NETLINK_NETFILTER, 1, &late, NULL), 0);
    ck_assert_int_lt(nftables_read(&reader, late, namespace), 0);
    ck_assert_uint_eq(namespace->missing & PART_RULESET, PART_RULESET);
    ck_assert_uint_eq(namespace->faults.count, 1);
    ck_assert_str_eq(namespace->faults.items[0].code, "over-budget");
    ck_assert(namespace->over_budget);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nftables");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, all_of_it);
    tcase_add_test(all, exactly_as_much);
    tcase_add_loop_test(all, more_than_the_limit, 0, sizeof(limits) / sizeof(limits[0]));
    tcase_add_test(all, no_time_is_left);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

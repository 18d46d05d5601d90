/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The limits of what the readers take from a namespace, each in turn, in a namespace of the test's own. */
#include "netns/read/link.h"
#include "netns/read/reader.h"
#include "netns/read/route.h"

#include "tests/unit/netns_read/messages.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char commands[] = "link set lo up\n"
                               "link add br0 type bridge\n"
                               "link add v0 type veth peer name v1\n"
                               "link set v0 master br0\n"
                               "link set br0 up\n"
                               "link set v0 up\n"
                               "link set v1 up\n"
                               "addr add 192.0.2.1/24 dev br0\n"
                               "neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev br0\n"
                               "route add blackhole 198.51.100.0/24\n";

static struct modules *modules;
static struct netlink *route;
static struct reader reader;

static void network_make(void)
{
    char path[] = "/tmp/postern-budget-XXXXXX", program[] = "ip", option[] = "-batch";
    char *const arguments[] = {program, option, path, NULL};
    int fd = mkstemp(path), status = -1;
    pid_t child;

    ck_assert_int_eq(write(fd, commands, sizeof(commands) - 1), (ssize_t)sizeof(commands) - 1);
    close(fd);
    ck_assert_int_eq(posix_spawnp(&child, program, NULL, NULL, arguments, environ), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    unlink(path);
    ck_assert_int_eq(status, 0);
}

static void set_up(void)
{
    ck_assert_int_eq(unshare(getuid() ? CLONE_NEWUSER | CLONE_NEWNET : CLONE_NEWNET), 0);
    network_make();
    reader = (struct reader){.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                             .budget = READ_BUDGET_DEFAULT};
    modules = modules_read(reader.proc, NULL);
    reader.modules = modules;
    ck_assert_int_eq(netlink_open(NETLINK_ROUTE, 0, &route, NULL), 0);
}

static void tear_down(void)
{
    route = netlink_close(route);
    modules = modules_free(modules);
    close(reader.proc);
}

static struct namespace *read_all(void)
{
    struct namespace *namespace = namespace_new(1);

    link_read(&reader, route, namespace);
    route_read(&reader, route, namespace);
    return namespace;
}

static const struct row {
    size_t limit, list; /* offsets in struct read_budget and struct namespace */
    uint32_t part;
} rows[] = {
#define ROW(name, part)                                                                                      \
    {                                                                                                        \
        offsetof(struct read_budget, name), offsetof(struct namespace, name), part                           \
    }
    ROW(links, PART_LINKS), ROW(addresses, PART_ADDRESSES), ROW(neighbours, PART_NEIGHBOURS),
    ROW(fdb, PART_FDB),     ROW(routes, PART_ROUTES),       ROW(policy_rules, PART_POLICY_RULES),
};

static size_t *limit_of(const struct row *row)
{
    return (size_t *)(void *)((uint8_t *)&reader.budget + row->limit);
}

static size_t count_of(const struct row *row, const struct namespace *namespace)
{
    return ((const struct list_head *)(const void *)((const uint8_t *)namespace + row->list))->count;
}

/* As much as there is passes; one less cuts that part, says so, and no other. */
START_TEST(each_list_has_its_limit)
{
    const struct row *row = &rows[_i];
    struct namespace *namespace = read_all();
    size_t whole = count_of(row, namespace);

    ck_assert_uint_gt(whole, 0);
    ck_assert_uint_eq(namespace->missing, 0);
    ck_assert(!namespace->over_budget);
    namespace_free(namespace);
    for (size_t less = 0; less < 2; less++) {
        *limit_of(row) = whole - less;
        namespace = read_all();
        ck_assert_uint_eq(count_of(row, namespace), whole - less);
        ck_assert_uint_eq(namespace->missing & row->part, less ? row->part : 0);
        ck_assert_uint_eq(namespace->over_budget, less);
        ck_assert_uint_eq(namespace->faults.count > 0, less);
        if (less)
            ck_assert_str_eq(namespace->faults.items[0].code, "over-budget");
        namespace_free(namespace);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("budget");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_loop_test(all, each_list_has_its_limit, 0, sizeof(rows) / sizeof(rows[0]));
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

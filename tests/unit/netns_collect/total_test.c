/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory that all namespaces may take together: how much it is, and who gets it. */
#include "netns/collect/collect.h"
#include "netns/collect/total.h"

#include "netns/base/text.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Waits for it; its status. */
static int run(char *const *words)
{
    pid_t child;
    int status = -1;
    if (posix_spawnp(&child, words[0], NULL, NULL, words, environ) == 0)
        waitpid(child, &status, 0);
    return status;
}

/* ---- how much ---- */

START_TEST(available_memory)
{
    ck_assert_uint_eq(total_available("MemTotal: 9 kB\nMemAvailable:     2048 kB\n"), (uint64_t)2 << 20);
    ck_assert_uint_eq(total_available("MemTotal: 9 kB\n"), UINT64_MAX);
    ck_assert_uint_eq(total_available(""), UINT64_MAX);
}
END_TEST

static void file_put(const char *folder, const char *name, const char *text)
{
    _cleanup_free_ char *path = memory_printf("%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

/* The least of a cgroup's own and those above it, in either version's files. */
START_TEST(cgroups_bound_it)
{
    char mount[] = "/tmp/postern-total-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(mount));
    _cleanup_free_ char *outer = memory_printf("%s/outer", mount), *inner = memory_printf("%s/inner", outer),
                        *memory = memory_printf("%s/memory", mount), *old = memory_printf("%s/old", memory);
    mkdir(outer, 0700);
    mkdir(inner, 0700);
    mkdir(memory, 0700);
    mkdir(old, 0700);
    file_put(outer, "memory.max", "1000\n");
    file_put(outer, "memory.current", "400\n");
    file_put(inner, "memory.max", "max\n");
    file_put(old, "memory.limit_in_bytes", "500\n");
    file_put(old, "memory.usage_in_bytes", "600\n");
    ck_assert_uint_eq(total_of_cgroups(mount, "0::/outer/inner\n"), 600);
    ck_assert_uint_eq(total_of_cgroups(mount, "3:cpu:/old\n0::/\n"), UINT64_MAX);
    ck_assert_uint_eq(total_of_cgroups(mount, "3:cpu,memory:/old\n0::/outer\n"), 0);
    ck_assert_uint_eq(total_of_cgroups(mount, ""), UINT64_MAX);
    char program[] = "rm", option[] = "-r";
    ck_assert_int_eq(run((char *[]){program, option, mount, NULL}), 0);
}
END_TEST

START_TEST(never_none_and_never_all)
{
    _cleanup_close_ int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t total = total_for_all(proc);
    ck_assert_uint_ge(total, TOTAL_MIN);
    ck_assert_uint_le(total, TOTAL_MAX);
    ck_assert_uint_ge(total_for_all(-1), TOTAL_MIN);
}
END_TEST

/* ---- who gets it ---- */

enum { ROUTES = 20000, RULES = 500, ROUNDS = 5, TENANTS = 5, TOTAL = 16 << 20, NOBODY = 65534 };

/* What namespaces are full of. */
static void put_routes(FILE *file)
{
    for (unsigned i = 0; i < ROUTES; i++)
        fprintf(file, "route add blackhole 10.%u.%u.0/24\n", i >> 8, i & 255);
}

static bool is_whole_of_routes(const struct namespace *namespace)
{
    return !(namespace->missing & PART_ROUTES) && namespace->routes.count >= ROUTES;
}

/* Again and again: what nobody may send at once is little. */
static void put_rules(FILE *file)
{
    fputs("table ip full { chain input { type filter hook input priority 0;\n", file);
    for (unsigned i = 0; i < RULES; i++)
        fprintf(file, "ip saddr 10.0.%u.%u tcp dport %u drop\n", i >> 8, i & 255, i + 1);
    fputs("}\n}\n", file);
}

static bool is_whole_of_rules(const struct namespace *namespace)
{
    size_t unknown;
    return !namespace->ruleset.over_budget && ruleset_count(&namespace->ruleset, &unknown) >= RULES * ROUNDS;
}

static const struct filling {
    char program[4], option[8];
    unsigned rounds;
    void (*put)(FILE *file);
    bool (*is_whole)(const struct namespace *namespace);
} fillings[] = {{"ip", "-batch", 1, put_routes, is_whole_of_routes},
                {"nft", "-f", ROUNDS, put_rules, is_whole_of_rules}};

/* A file of it for everybody to read; its path is the caller's to remove and free. */
static char *filling_write(const struct filling *filling)
{
    char *path = memory_printf("/tmp/postern-total-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_eq(fchmod(fd, 0644), 0);
    FILE *file = fdopen(fd, "w");
    ck_assert_ptr_nonnull(file);
    filling->put(file);
    fclose(file);
    return path;
}

/* Becomes nobody, where this is root and not to stay so, and a shell in namespaces of its own. */
static void full_become(const struct filling *filling, bool tenant, const char *path, int ready)
{
    char script[512];
    snprintf(script, sizeof(script), "for i in $(seq %u); do %s %s %s || exit 1; done; echo; exec sleep 600",
             filling->rounds, filling->program, filling->option, path);
    if (dup2(ready, STDOUT_FILENO) < 0 ||
        (tenant && getuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))))
        _exit(1);
    execlp("unshare", "unshare", "--net", tenant ? "--map-root-user" : "--", "sh", "-c", script,
           (char *)NULL);
    _exit(1);
}

/* A process in a namespace of its own that is full: a tenant's, or root's. */
static pid_t full_start(const struct filling *filling, bool tenant)
{
    _cleanup_free_ char *path = filling_write(filling);
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        full_become(filling, tenant, path, ready[1]);
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    unlink(path);
    return child;
}

static const struct namespace *namespace_of(const struct snapshot *snapshot, pid_t pid)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    ck_assert_int_eq(stat(path, &status), 0);
    return snapshot_namespace(snapshot, status.st_ino);
}

static bool has_fault(const struct namespace *namespace, const char *code)
{
    list_each(struct fault, fault, &namespace->faults) {
        if (text_equal(fault->code, code))
            return true;
    }
    return false;
}

/* How many of the tenants' were cut; what was read of a cut one says so. */
static unsigned cut_among(const struct snapshot *snapshot, const struct filling *filling,
                          const pid_t *tenants)
{
    unsigned cut = 0;
    for (unsigned i = 0; i < TENANTS; i++) {
        const struct namespace *namespace = namespace_of(snapshot, tenants[i]);
        cut += namespace->over_budget;
        ck_assert_int_eq(namespace->over_budget, has_fault(namespace, "over-budget"));
        ck_assert_int_eq(namespace->over_budget, !filling->is_whole(namespace));
    }
    return cut;
}

/*
 * What tenants fill is cut where half of the total is used; the host's namespace and one that root made,
 * though it was made last, are whole.
 */
START_TEST(tenants_starve_tenants_alone)
{
    const struct filling *filling = &fillings[_i];
    pid_t children[TENANTS + 1];
    for (unsigned i = 0; i < TENANTS; i++)
        children[i] = full_start(filling, true);
    children[TENANTS] = getuid() == 0 ? full_start(filling, false) : 0;
    for (unsigned limited = 0; limited < 2; limited++) {
        struct collect_options options = {.tool = "test", .total = limited ? TOTAL : 0};
        struct collect *collect = NULL;
        struct error error = ERROR_NONE;
        ck_assert_int_eq(collect_find(&options, &collect, &error), 0);
        ck_assert_int_eq(collect_read(collect, &error), 0);
        const struct snapshot *snapshot = collect_snapshot(collect);
        unsigned cut = cut_among(snapshot, filling, children);
        ck_assert_uint_ge(cut, limited ? TENANTS - 2 : 0);
        ck_assert_uint_le(cut, limited ? TENANTS : 0);
        ck_assert(!snapshot_host(snapshot)->over_budget);
        if (children[TENANTS]) {
            const struct namespace *last = namespace_of(snapshot, children[TENANTS]);
            ck_assert(!last->over_budget && filling->is_whole(last));
        }
        collect_free(collect);
    }
    for (unsigned i = 0; i < TENANTS + 1; i++) {
        if (children[i])
            kill(children[i], SIGKILL);
    }
    while (wait(NULL) > 0)
        ;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collect/total");
    TCase *cases = tcase_create("total");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, available_memory);
    tcase_add_test(cases, cgroups_bound_it);
    tcase_add_test(cases, never_none_and_never_all);
    tcase_add_loop_test(cases, tenants_starve_tenants_alone, 0, 2);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

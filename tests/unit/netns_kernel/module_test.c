/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine's files, made anew for each test in a folder of its own. */
#include "netns/kernel/module.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], loaded[80], builtin[80];
static int proc;
static const struct module_places places = {.loaded = loaded, .builtin = builtin};

static const char *const all_paths[] = {"modules", "kallsyms", "builtin", "sys/kernel/modprobe",
                                        "sys/kernel/modules_disabled"};
static const char *const all_folders[] = {"loaded/nf_tables", "loaded", "sys/kernel", "sys"};

static void put(const char *path, const char *text)
{
    int fd = openat(proc, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void make_machine(void)
{
    snprintf(folder, sizeof(folder), "/tmp/postern-module-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(loaded, sizeof(loaded), "%s/loaded", folder);
    snprintf(builtin, sizeof(builtin), "%s/builtin", folder);
    proc = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = sizeof(all_folders) / sizeof(all_folders[0]); i > 0; i--)
        ck_assert_int_eq(mkdirat(proc, all_folders[i - 1], 0700), 0);
    put("modules", "nf_tables 300000 0 - Live 0x0\n");
    put("sys/kernel/modprobe", "/sbin/modprobe\n");
    put("sys/kernel/modules_disabled", "0\n");
}

static void remove_machine(void)
{
    for (size_t i = 0; i < sizeof(all_paths) / sizeof(all_paths[0]); i++)
        unlinkat(proc, all_paths[i], 0);
    for (size_t i = 0; i < sizeof(all_folders) / sizeof(all_folders[0]); i++)
        unlinkat(proc, all_folders[i], AT_REMOVEDIR);
    close(proc);
    rmdir(folder);
}

START_TEST(loaded_and_built_in)
{
    _cleanup_modules_ struct modules *modules = NULL;

    put("builtin", "kernel/net/ipv4/tcp_diag.ko\nkernel/net/packet/af-packet-diag.ko\nodd line\n");
    modules = modules_read(proc, &places);
    ck_assert(modules_has(modules, "nf_tables"));
    ck_assert(modules_has(modules, "tcp_diag"));
    ck_assert(modules_has(modules, "af_packet_diag"));
    ck_assert(!modules_has(modules, "udp_diag"));
    ck_assert(!modules_has(modules, "odd line"));
    ck_assert(modules_known(modules));
}
END_TEST

/* A module's own symbols have its name behind them: it is loaded now, but that is for /sys/module to say. */
START_TEST(symbols_where_there_is_no_list)
{
    _cleanup_modules_ struct modules *modules = NULL;

    put("kallsyms", "0000000000000000 t tcp_diag_dump\n"
                    "0000000000000000 t udp_diag_dump\t[udp_diag]\n"
                    "0000000000000000 T ctnetlink_exit\nshort\n");
    modules = modules_read(proc, &places);
    ck_assert(modules_has(modules, "tcp_diag"));
    ck_assert(modules_has(modules, "nf_conntrack_netlink"));
    ck_assert(!modules_has(modules, "udp_diag"));
}
END_TEST

START_TEST(nothing_is_known)
{
    _cleanup_modules_ struct modules *modules = modules_read(proc, &places);

    ck_assert(modules_has(modules, "nf_tables"));
    ck_assert(!modules_has(modules, "tcp_diag"));
    ck_assert(!modules_known(modules)); /* what is built in is not told */
}
END_TEST

/* Without /sys the loaded ones are listed elsewhere; without either list nothing is surely absent. */
START_TEST(what_cannot_be_told_is_not_absent)
{
    for (unsigned i = 0; i < 3; i++) {
        const struct module_places elsewhere = {.loaded = "/no/such/place", .builtin = builtin};
        _cleanup_modules_ struct modules *modules = NULL;

        put("builtin", "kernel/net/ipv4/tcp_diag.ko\n");
        put("modules", "nf_conntrack 300000 0 - Live 0x0\nnf_tables 300000 0 - Live 0x0\n");
        if (i == 1)
            unlinkat(proc, "builtin", 0);
        if (i == 2)
            put("kallsyms", "0000000000000000 t tcp_diag_dump\n");
        modules = modules_read(proc, &elsewhere);
        ck_assert(modules_has(modules, "nf_tables") && modules_has(modules, "nf_conntrack"));
        ck_assert_int_eq(modules_known(modules), i != 1);
        ck_assert_int_eq(modules_has(modules, "tcp_diag"), i != 1);
        ck_assert(!modules_has(modules, "udp_diag"));
    }
}
END_TEST

START_TEST(a_kernel_that_loads_nothing_may_be_asked_anything)
{
    for (unsigned i = 0; i < 3; i++) {
        _cleanup_modules_ struct modules *modules = NULL;

        put("modules", "");
        put("sys/kernel/modprobe", i == 0 ? "\n" : "/sbin/modprobe\n");
        put("sys/kernel/modules_disabled", i == 1 ? "1\n" : "0\n");
        if (i == 2)
            unlinkat(proc, "modules", 0);
        modules = modules_read(proc, &places);
        ck_assert(modules_has(modules, "tcp_diag"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, make_machine, remove_machine);
    tcase_add_test(all, loaded_and_built_in);
    tcase_add_test(all, symbols_where_there_is_no_list);
    tcase_add_test(all, nothing_is_known);
    tcase_add_test(all, what_cannot_be_told_is_not_absent);
    tcase_add_test(all, a_kernel_that_loads_nothing_may_be_asked_anything);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Namespaces are opened and refused; entering another one takes root and is tried in the lab. */
#include "netns/kernel/enter.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static int proc;

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/postern-enter-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    proc = procfs_open("/proc", NULL);
    ck_assert_int_ge(proc, 0);
}

static void remove_folder(void)
{
    close(proc);
    rmdir(folder);
}

START_TEST(own_namespace)
{
    _cleanup_namespace_handle_ struct namespace_handle handle = {.fd = -1};
    struct error error = ERROR_NONE;
    struct stat facts;

    ck_assert_int_eq(namespace_home(proc, &handle, &error), 0);
    ck_assert_int_eq(stat("/proc/self/ns/net", &facts), 0);
    ck_assert_uint_eq(handle.inode, facts.st_ino);
    ck_assert_uint_eq(handle.device, facts.st_dev);
    ck_assert_int_ne(fcntl(handle.fd, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_uint_ne(namespace_cookie(), 0);
}
END_TEST

START_TEST(through_the_directory_of_a_process)
{
    _cleanup_namespace_handle_ struct namespace_handle home = {.fd = -1}, handle = {.fd = -1};
    _cleanup_close_ int self = openat(proc, "self", O_PATH | O_DIRECTORY | O_CLOEXEC);

    ck_assert_int_eq(namespace_home(proc, &home, NULL), 0);
    ck_assert_int_eq(namespace_open(self, "ns/net", &handle, NULL), 0);
    ck_assert_uint_eq(handle.inode, home.inode);
    ck_assert_uint_eq(handle.user_namespace, home.user_namespace);
}
END_TEST

START_TEST(another_kind_is_refused)
{
    struct namespace_handle handle;
    struct error error = ERROR_NONE;

    ck_assert_int_eq(namespace_open(proc, "self/ns/mnt", &handle, &error), -EINVAL);
    ck_assert_str_eq(error.code, "not-a-namespace");
}
END_TEST

START_TEST(what_is_gone_has_vanished)
{
    struct namespace_handle handle;
    struct error error = ERROR_NONE;

    ck_assert_int_eq(namespace_open(proc, "999999999/ns/net", &handle, &error), -ENOENT);
    ck_assert_str_eq(error.code, "namespace-vanished");
    ck_assert_str_eq(error.subject, "999999999/ns/net");
}
END_TEST

/* To open a FIFO would block, and to open a device may do anything. */
START_TEST(a_fifo_is_not_opened)
{
    struct namespace_handle handle;
    struct error error = ERROR_NONE;
    char path[80];

    snprintf(path, sizeof(path), "%s/net", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(namespace_open(AT_FDCWD, path, &handle, &error), -EINVAL);
    ck_assert_str_eq(error.code, "not-a-namespace");
    unlink(path);
}
END_TEST

START_TEST(there_may_be_no_way_home)
{
    struct namespace_handle closed = {.fd = -1};
    struct error error = ERROR_NONE;

    ck_assert_int_eq(namespace_return(&closed, &error), -ESTALE);
    ck_assert_str_eq(error.code, "no-way-home");
    ck_assert_int_eq(error.status, ESTALE);
    ck_assert_int_lt(namespace_enter(&closed, &error), 0);
    ck_assert_str_eq(error.code, "namespace-refused");
}
END_TEST

START_TEST(procfs_is_checked)
{
    struct error error = ERROR_NONE;

    ck_assert_int_eq(procfs_open("/tmp", &error), -EINVAL);
    ck_assert_str_eq(error.code, "not-procfs");
    ck_assert_int_eq(procfs_open("/proc/version", &error), -ENOTDIR);
    ck_assert_int_eq(procfs_open("/nowhere", &error), -ENOENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("enter");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_add_test(all, own_namespace);
    tcase_add_test(all, through_the_directory_of_a_process);
    tcase_add_test(all, another_kind_is_refused);
    tcase_add_test(all, what_is_gone_has_vanished);
    tcase_add_test(all, a_fifo_is_not_opened);
    tcase_add_test(all, there_may_be_no_way_home);
    tcase_add_test(all, procfs_is_checked);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

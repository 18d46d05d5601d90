/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engines' files where a read of them does not end. */
#include "netns/collect/recognise.h"

#include "netns/base/file.h"

#include <check.h>
#include <errno.h>
#include <unistd.h>

#define SECOND ((uint64_t)1000000000)

static int never[2]; /* a pipe that nobody writes to */
static int hanging;
static const struct engine_context *_Atomic left[2]; /* to threads that came late: they are not looked at */

/* Blocks at every depth that is not beyond `hanging`, else finds one container of process 7. */
static void read_slowly(const struct engine_context *context, struct engine_process *processes, size_t count,
                        struct engine_result *ret_result)
{
    struct error error = ERROR_NONE;
    char byte;
    *ret_result = (struct engine_result){0};
    if ((int)context->depth <= hanging) {
        left[context->depth] = context;
        (void)!read(never[0], &byte, 1);
    }
    ck_assert_uint_eq(context->roots.count, 1);
    ck_assert_str_eq(context->roots.items[0].directory, "/srv");
    struct engine_container *container = list_append(&ret_result->containers);
    container->data.name = arena_printf(context->snapshot->arena, "depth%d", context->depth);
    for (size_t i = 0; i < count; i++) {
        processes[i].container = processes[i].pid == 7 ? 0 : -1;
        processes[i].nested = -1;
    }
    error_set(&error, EACCES, "engine-unreadable", "test", "%s", processes[0].cgroup);
    snapshot_fault(context->snapshot, &error, false);
}

struct row {
    int hanging; /* -1: nothing */
    uint64_t time_ns;
    const char *name;
    bool late, stuck;
};

static const struct row rows[] = {
    {-1, 0, "depth0", false, false},
    {-1, 60 * SECOND, "depth0", false, false},
    {ENGINE_DEPTH_ALL, SECOND / 2, "depth1", true, true},
    {ENGINE_DEPTH_ROOT, SECOND / 2, "depth2", true, true},
};

START_TEST(what_does_not_come_is_done_without)
{
    const struct row *row = &rows[_i];
    struct snapshot *snapshot = snapshot_new();
    struct engine_context context = {.proc = -1, .root = -1, .snapshot = snapshot};
    char *cgroup = memory_strdup("/a/path");
    struct engine_process processes[] = {{.pid = 6, .directory = -1, .cgroup = cgroup},
                                         {.pid = 7, .directory = -1, .cgroup = cgroup}};
    struct engine_result result;
    *list_append(&context.roots) = (struct engine_root){ENGINE_DOCKER, "/srv"};
    hanging = row->hanging;
    ck_assert_int_eq(pipe(never), 0);
    if (row->hanging < 0)
        close(never[1]); /* every read ends */
    uint64_t begin = time_monotonic_ns(), deadline = row->time_ns ? begin + row->time_ns : 0;
    ck_assert_int_eq(recognise(&context, deadline, read_slowly, processes, 2, &result), row->stuck);
    ck_assert_uint_lt(time_monotonic_ns() - begin, 20 * SECOND);
    ck_assert_uint_eq(result.containers.count, 1);
    ck_assert_str_eq(result.containers.items[0].data.name, row->name);
    ck_assert_int_eq(processes[0].container, -1);
    ck_assert_int_eq(processes[1].container, 0);
    ck_assert_ptr_eq(processes[1].cgroup, cgroup);
    size_t told = 0;
    list_each(struct fault, fault, &snapshot->errors) {
        bool late = !strcmp(fault->code, "timeout") && !strcmp(fault->subject, "engines") && !fault->gone;
        told += late;
        ck_assert(late || !strcmp(fault->message, "/a/path"));
    }
    ck_assert_uint_eq(told, row->late);
    ck_assert_uint_eq(snapshot->errors.count, 1 + (size_t)row->late);
    /* whoever is still at it must find what it works on, whatever has become of ours */
    list_free(&context.roots);
    engine_result_free(&result);
    snapshot_free(snapshot);
    free(cgroup);
    if (row->stuck) {
        close(never[1]);
        usleep(200000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collect/recognise");
    TCase *cases = tcase_create("recognise");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, what_does_not_come_is_done_without, 0, sizeof(rows) / sizeof(rows[0]));
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be told without privileges: the rest is proven in the probe's lab (tests/lab/probe). */
#include "netns/kernel/bpf.h"

#include <bpf/libbpf.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct bpf_program_kind kinds[] = {{"postern", BPF_PROGRAM_TYPE_NETFILTER, BPF_ATTACH_NETFILTER},
                                                {0}};

START_TEST(what_is_no_program)
{
    static const unsigned char texts[][64] = {"", "\177ELF",
                                              "no program at all, but sixty bytes of text that say so"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct bpf_object *object = NULL;
        struct error error = ERROR_NONE;

        ck_assert_int_lt(bpf_load(texts[i], sizeof(texts[i]), kinds, NULL, &object, &error), 0);
        ck_assert_ptr_null(object);
        ck_assert_str_eq(error.code, "bpf-load");
    }
}
END_TEST

/* A library that prints would spoil a report on stdout, or a terminal's progress line. */
START_TEST(nothing_is_printed)
{
    struct bpf_object *object = NULL;
    char text[64] = "";
    int pipe_ends[2], kept = dup(STDERR_FILENO);

    ck_assert_int_eq(pipe(pipe_ends), 0);
    (void)dup2(pipe_ends[1], STDERR_FILENO);
    (void)bpf_load("nothing", 7, kinds, NULL, &object, NULL);
    (void)dup2(kept, STDERR_FILENO);
    close(pipe_ends[1]);
    ck_assert_int_eq(read(pipe_ends[0], text, sizeof(text)), 0);
    close(pipe_ends[0]);
    close(kept);
}
END_TEST

START_TEST(frames_that_are_refused)
{
    static const char frame[64];
    struct error error = ERROR_NONE;

    ck_assert_int_eq(bpf_run_live_frames(-1, 0, frame, sizeof(frame), 1, &error),
                     -EINVAL); /* loopback to the kernel */
    ck_assert_str_eq(error.code, "bad-injection");
    ck_assert_int_eq(bpf_run_live_frames(-1, 1, frame, sizeof(frame), 0, NULL), -EINVAL);
    ck_assert_int_eq(bpf_run_live_frames(-1, 1, frame, sizeof(frame), 257, NULL), -EINVAL);
}
END_TEST

START_TEST(descriptors_that_are_none)
{
    struct bpf_attached attached;
    uint32_t count = 77;

    ck_assert_int_lt(bpf_link_netfilter(-1, 2, 4, 0, NULL), 0);
    ck_assert_int_lt(bpf_link_tcx(-1, 1, BPF_ATTACH_TCX_EGRESS, NULL), 0);
    ck_assert_int_lt(bpf_query_descriptor(-1, BPF_ATTACH_SK_LOOKUP, 0, &attached, 1, &count), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bpf");
    TCase *tests = tcase_create("bpf");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, what_is_no_program);
    tcase_add_test(tests, nothing_is_printed);
    tcase_add_test(tests, frames_that_are_refused);
    tcase_add_test(tests, descriptors_that_are_none);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

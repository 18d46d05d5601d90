/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/error.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

START_TEST(fields_are_filled)
{
    struct error error = ERROR_NONE;
    ck_assert(!error_is_set(&error));
    int r = error_set(&error, EINVAL, "bad-port", "policy.yaml:3:7", "port %d is above 65535", 70000);
    ck_assert_int_eq(r, -EINVAL);
    ck_assert(error_is_set(&error));
    ck_assert_int_eq(error.status, EINVAL);
    ck_assert_str_eq(error.code, "bad-port");
    ck_assert_str_eq(error.subject, "policy.yaml:3:7");
    ck_assert_str_eq(error.message, "port 70000 is above 65535");
}
END_TEST

START_TEST(a_missing_status_is_a_failure)
{
    struct error error = ERROR_NONE;
    ck_assert_int_eq(error_set(&error, 0, "x", NULL, "nothing"), -EIO);
    ck_assert_int_eq(error_errno(&error, -3, "x", NULL, "nothing"), -EIO);
    ck_assert_str_eq(error.subject, "");
}
END_TEST

START_TEST(nobody_wants_the_details)
{
    ck_assert_int_eq(error_set(NULL, ENOENT, "x", "y", "z"), -ENOENT);
    ck_assert_int_eq(error_errno(NULL, ENOENT, "x", "y", "z"), -ENOENT);
    ck_assert_int_eq(error_context(NULL, "a"), 0);
    ck_assert(!error_is_set(NULL));
}
END_TEST

START_TEST(errno_stands_behind)
{
    struct error error = ERROR_NONE;
    error_errno(&error, ENOENT, "gone", "net:[1]", "cannot open %s", "net:[1]");
    ck_assert_str_eq(error.message, "cannot open net:[1]: No such file or directory");
}
END_TEST

START_TEST(errno_survives_a_long_message)
{
    struct error error = ERROR_NONE;
    char text[2 * ERROR_MESSAGE_MAX];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_errno(&error, ENOENT, "gone", text, "%s", text);
    ck_assert_uint_eq(strlen(error.message), ERROR_MESSAGE_MAX - 1);
    ck_assert_ptr_nonnull(strstr(error.message, "aaa: No such file or directory"));
    ck_assert_uint_eq(strlen(error.subject), ERROR_SUBJECT_MAX - 1);
}
END_TEST

START_TEST(context_grows_forward)
{
    struct error error = ERROR_NONE;
    ck_assert_int_eq(error_context(&error, "no error, no context"), 0);
    ck_assert_str_eq(error.message, "");
    error_set(&error, EPERM, "x", NULL, "inner");
    ck_assert_int_eq(error_context(&error, "chain %s", "input"), -EPERM);
    ck_assert_int_eq(error_context(&error, "table %s", "filter"), -EPERM);
    ck_assert_str_eq(error.message, "table filter: chain input: inner");
}
END_TEST

START_TEST(the_old_message_may_be_an_argument)
{
    struct error error = ERROR_NONE;
    error_set(&error, EPERM, "x", "subject", "inner");
    error_set(&error, EPERM, "x", error.subject, "again: %s", error.message);
    ck_assert_str_eq(error.message, "again: inner");
    ck_assert_str_eq(error.subject, "subject");
}
END_TEST

START_TEST(cuts_stand_between_characters)
{
    /* 3 bytes each: neither maximum is a multiple of 3 plus 1 at every start */
    for (size_t shift = 0; shift < 3; shift++) {
        struct error error = ERROR_NONE;
        char text[2 * ERROR_MESSAGE_MAX] = "aaa";
        for (size_t i = shift; i + 4 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        error_set(&error, EPERM, "x", text, "%s", text);
        size_t length = strlen(error.message);
        ck_assert_uint_ge(length, ERROR_MESSAGE_MAX - 3);
        ck_assert_uint_eq((length - shift) % 3, 0);
        ck_assert_uint_eq((strlen(error.subject) - shift) % 3, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tcase = tcase_create("error");
    tcase_add_test(tcase, fields_are_filled);
    tcase_add_test(tcase, a_missing_status_is_a_failure);
    tcase_add_test(tcase, nobody_wants_the_details);
    tcase_add_test(tcase, errno_stands_behind);
    tcase_add_test(tcase, errno_survives_a_long_message);
    tcase_add_test(tcase, context_grows_forward);
    tcase_add_test(tcase, the_old_message_may_be_an_argument);
    tcase_add_test(tcase, cuts_stand_between_characters);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

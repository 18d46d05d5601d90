/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/command/option.h"

#include <check.h>

#define PARSE(command, ...) parse(command, (const char *const[]){"x", __VA_ARGS__, NULL})

static struct options options;
static struct error error;

/* getopt_long reorders its words, so that they are copied. */
static int parse(enum command_bit command, const char *const *words)
{
    char *argv[16];
    int argc = 0;

    for (; words[argc] != NULL && argc < 15; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    argv[argc] = NULL;
    options_free(&options);
    options = (struct options){0};
    error = ERROR_NONE;
    return options_parse(command, argc, argv, &options, &error);
}

START_TEST(defaults)
{
    ck_assert_int_eq(parse(COMMAND_SCAN, (const char *const[]){"scan", NULL}), 0);
    ck_assert_uint_eq(options.rate, 2000);
    ck_assert_uint_eq(options.timeout, 60);
    ck_assert_str_eq(options.fail_on, "medium");
    ck_assert_str_eq(options.guard, "auto");
    ck_assert_ptr_null(options.policy);
    ck_assert(!options.no_probe);
}
END_TEST

START_TEST(values)
{
    ck_assert_int_eq(PARSE(COMMAND_SCAN, "--policy", "p", "--from=lan", "--from", "host", "-o", "json:r",
                           "--rate=10", "--no-probe", "-q"),
                     0);
    ck_assert_str_eq(options.policy, "p");
    ck_assert_uint_eq(options.from.count, 2);
    ck_assert_str_eq(options.from.items[1], "host");
    ck_assert_str_eq(options.outputs.items[0], "json:r");
    ck_assert_uint_eq(options.rate, 10);
    ck_assert(options.no_probe && options.quiet);
    ck_assert_int_eq(PARSE(COMMAND_EXPLAIN, "lan", "--json", "web:80/tcp"), 0);
    ck_assert_uint_eq(options.operands.count, 2);
    ck_assert_str_eq(options.operands.items[1], "web:80/tcp");
    ck_assert(options.json);
    ck_assert_int_eq(PARSE(COMMAND_EXPLAIN, "--", "--json"), 0);
    ck_assert_str_eq(options.operands.items[0], "--json");
}
END_TEST

START_TEST(complaints)
{
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--nonsense"), 0);
    ck_assert_str_eq(error.subject, "--nonsense");
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--rate", "0"), 0);
    ck_assert_str_eq(error.subject, "--rate");
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--rate", "1e3"), 0);
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--policy", ""), 0);
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--policy"), 0);
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--guard", "iptables"), 0);
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--fail-on", "worst"), 0);
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--format", "xml"), 0);
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--json"), 0);      /* explain's */
    ck_assert_int_lt(PARSE(COMMAND_EXPLAIN, "--rate=1"), 0); /* scan's */
    ck_assert_int_lt(PARSE(COMMAND_SCAN, "--no-probe=yes"), 0);
}
END_TEST

/* Every option that a command takes is in its help, and the help names no other. */
START_TEST(help_is_the_table)
{
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);

    options_print_help(COMMAND_EXPLAIN, file);
    fclose(file);
    ck_assert_ptr_nonnull(strstr(text, "--batch FILE|-"));
    ck_assert_ptr_nonnull(strstr(text, "-q, --quiet"));
    ck_assert_ptr_null(strstr(text, "--rate"));
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        ck_assert_uint_le(strcspn(line, "\n"), 110);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("option");
    TCase *tests = tcase_create("option");

    tcase_add_test(tests, defaults);
    tcase_add_test(tests, values);
    tcase_add_test(tests, complaints);
    tcase_add_test(tests, help_is_the_table);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

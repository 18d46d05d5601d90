/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/socket.h"

#include "scanner/probe/packet.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/*
 * As Linux 6.18 prints it on a little-endian machine, in a namespace with `nc -lu` and connected sockets:
 * 0.0.0.0:53, 172.18.0.2:5353, 172.18.0.2:40000 connected to 172.18.0.1:123.
 */
static const char table4[] = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   "
                             "uid  timeout inode ref pointer drops\n"
                             "  171: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   "
                             "  0        0 29021 2 0000000000000000 0\n"
                             "  172: 020012AC:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   "
                             "  0        0 29022 2 0000000000000000 0\n"
                             "  173: 020012AC:9C40 010012AC:007B 01 00000000:00000000 00:00000000 00000000   "
                             "  0        0 29023 2 0000000000000000 0\n";
/* [::]:53 and [fd00:18::2]:5353 */
static const char table6[] =
    "  sl  local_address                         remote_address                        st tx_queue rx_queue\n"
    "  171: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 "
    "00000000:00000000\n"
    "  172: 180000FD000000000000000002000000:14E9 00000000000000000000000000000000:0000 07 "
    "00000000:00000000\n";

static struct shot_tuple tuple(const char *source, uint16_t source_port, const char *destination,
                               uint16_t port)
{
    struct address from, to;
    struct shot_tuple result = {.protocol = SHOT_UDP, .source_port = source_port, .port = port};

    ck_assert_int_eq(address_parse(source, &from, NULL), 0);
    ck_assert_int_eq(address_parse(destination, &to, NULL), 0);
    result.family = to.family == FAMILY_IP4 ? 4 : 6;
    tuple_set_address(result.source, from);
    tuple_set_address(result.destination, to);
    return result;
}

static int bound(const char *table, struct shot_tuple wanted)
{
    return socket_bound_text(table, strlen(table), &wanted);
}

START_TEST(four)
{
    ck_assert_int_eq(bound(table4, tuple("198.51.100.7", 61001, "172.18.0.2", 53)), 1);
    ck_assert_int_eq(bound(table4, tuple("198.51.100.7", 61001, "172.18.0.2", 54)), 0);
    ck_assert_int_eq(bound(table4, tuple("198.51.100.7", 61001, "172.18.0.2", 5353)), 1);
    ck_assert_int_eq(bound(table4, tuple("198.51.100.7", 61001, "172.18.0.3", 5353)), 0);
    ck_assert_int_eq(bound(table4, tuple("172.18.0.1", 123, "172.18.0.2", 40000)), 1);
    ck_assert_int_eq(bound(table4, tuple("172.18.0.1", 124, "172.18.0.2", 40000)), 0);
    ck_assert_int_eq(bound(table4, tuple("198.51.100.7", 123, "172.18.0.2", 40000)), 0);
}
END_TEST

START_TEST(six)
{
    ck_assert_int_eq(bound(table6, tuple("2001:db8::7", 61001, "fd00:18::2", 53)), 1);
    ck_assert_int_eq(bound(table6, tuple("2001:db8::7", 61001, "fd00:18::2", 5353)), 1);
    ck_assert_int_eq(bound(table6, tuple("2001:db8::7", 61001, "fd00:18::3", 5353)), 0);
}
END_TEST

START_TEST(cut_anywhere)
{
    for (size_t length = 0; length < sizeof(table4); length++) {
        char *text = malloc(length ? length : 1);
        struct shot_tuple wanted = tuple("198.51.100.7", 61001, "172.18.0.2", 9);

        memcpy(text, table4, length);
        ck_assert_int_eq(socket_bound_text(text, length, &wanted), 0);
        free(text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket");
    TCase *tests = tcase_create("socket");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, four);
    tcase_add_test(tests, six);
    tcase_add_test(tests, cut_anywhere);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/packet.h"
#include "scanner/probe/witness.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t scan[8] = {1, 2, 3, 4, 5, 6, 7, 8};
enum { COOKIE = 0x11223344 };

static struct shot_tuple tuple_of(const char *source, const char *destination, uint8_t protocol)
{
    struct address from, to;
    struct shot_tuple tuple = {.protocol = protocol, .source_port = 61001, .port = 80};

    ck_assert_int_eq(address_parse(source, &from, NULL), 0);
    ck_assert_int_eq(address_parse(destination, &to, NULL), 0);
    tuple.family = from.family == FAMILY_IP4 ? 4 : 6;
    tuple_set_address(tuple.source, from);
    tuple_set_address(tuple.destination, to);
    return tuple;
}

static struct shot_tuple tuple4(uint8_t protocol)
{
    return tuple_of("198.51.100.7", "203.0.113.10", protocol);
}

static struct shot_tuple tuple6(uint8_t protocol)
{
    return tuple_of("2001:db8:7::7", "2001:db8:0:1::10", protocol);
}

static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        sum += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

/* Over all that it covers, the field itself included, a right checksum folds to all ones (RFC 1071). */
static void check_sum(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    ck_assert_uint_eq(sum, 0xffff);
}

static void check_transport_sum(const uint8_t *bytes, size_t length, const struct shot_tuple *tuple)
{
    uint32_t sum = tuple->protocol + (uint32_t)length;

    sum = add(sum, tuple->source, 16);
    sum = add(sum, tuple->destination, 16);
    check_sum(add(sum, bytes, length));
}

START_TEST(a_syn_of_either_family)
{
    struct shot_tuple tuples[] = {tuple4(SHOT_TCP), tuple6(SHOT_TCP)};

    for (int i = 0; i < 2; i++) {
        uint8_t bytes[PACKET_MAX];
        size_t header = i ? 40 : 20;
        size_t length = packet_ip(bytes, &tuples[i], CONTENT_SYN, COOKIE, scan);
        struct sight sight;

        ck_assert_uint_eq(length, header + 24);
        check_transport_sum(bytes + header, length - header, &tuples[i]);
        packet_read(bytes, length, scan, &sight);
        ck_assert_int_eq(sight.kind, SIGHT_SHOT);
        ck_assert(sight.has_cookie);
        ck_assert_uint_eq(sight.cookie, COOKIE);
        ck_assert_mem_eq(&sight.tuple, &tuples[i], sizeof(tuples[i]));
    }
}
END_TEST

START_TEST(the_header_of_ip4)
{
    struct shot_tuple tuple = tuple4(SHOT_TCP);
    uint8_t bytes[PACKET_MAX];
    size_t length = packet_ip(bytes, &tuple, CONTENT_SYN, COOKIE, scan);

    ck_assert_uint_eq(bytes[0], 0x45);
    ck_assert_uint_eq((unsigned)bytes[2] << 8 | bytes[3], length);
    check_sum(add(0, bytes, 20));
}
END_TEST

START_TEST(a_reset_continues_the_syn)
{
    struct shot_tuple tuple = tuple4(SHOT_TCP);
    uint8_t bytes[PACKET_MAX];
    size_t length = packet_ip(bytes, &tuple, CONTENT_RESET, COOKIE, scan);
    struct sight sight;

    ck_assert_uint_eq(length, 40);
    check_transport_sum(bytes + 20, 20, &tuple);
    ck_assert_uint_eq(bytes[27], (COOKIE & 0xff) + 1); /* sequence number */
    packet_read(bytes, length, scan, &sight);
    ck_assert_int_eq(sight.kind, SIGHT_RESET);
    ck_assert_uint_eq(sight.cookie, COOKIE);
}
END_TEST

START_TEST(a_datagram_bears_its_token)
{
    struct shot_tuple tuples[] = {tuple4(SHOT_UDP), tuple6(SHOT_UDP)};
    const uint8_t other[8] = {9};

    for (int i = 0; i < 2; i++) {
        uint8_t bytes[PACKET_MAX];
        size_t header = i ? 40 : 20;
        size_t length = packet_ip(bytes, &tuples[i], CONTENT_DATAGRAM, COOKIE, scan);
        struct sight sight;

        ck_assert_uint_eq(length, header + 8 + SHOT_TOKEN_LENGTH);
        check_transport_sum(bytes + header, length - header, &tuples[i]);
        packet_read(bytes, length, scan, &sight);
        ck_assert_int_eq(sight.kind, SIGHT_SHOT);
        ck_assert_uint_eq(sight.cookie, COOKIE);
        packet_read(bytes, length, other, &sight);
        ck_assert_int_eq(sight.kind, SIGHT_ANSWER); /* another scan's: a datagram like any other */
        ck_assert(!sight.has_cookie);
        bytes[header + 8 + 15] ^= 1;
        packet_read(bytes, length, scan, &sight);
        ck_assert(!sight.has_cookie);
    }
}
END_TEST

/* Turns a SYN around into what a kernel sends back. */
static size_t answer(uint8_t *bytes, uint8_t flags)
{
    struct shot_tuple tuple = tuple4(SHOT_TCP);
    size_t length = packet_ip(bytes, &tuple, CONTENT_SYN, COOKIE, scan);
    uint8_t held[4];

    memcpy(held, bytes + 12, 4);
    memcpy(bytes + 12, bytes + 16, 4);
    memcpy(bytes + 16, held, 4);
    memcpy(held, bytes + 20, 2);
    memcpy(bytes + 20, bytes + 22, 2);
    memcpy(bytes + 22, held, 2);
    memcpy(bytes + 28, bytes + 24, 4); /* acknowledgement */
    bytes[31]++;
    memset(bytes + 24, 0, 4);
    bytes[33] = flags;
    return length;
}

START_TEST(answers_of_tcp)
{
    uint8_t bytes[PACKET_MAX];
    size_t length = answer(bytes, 0x12);
    struct sight sight;

    packet_read(bytes, length, scan, &sight);
    ck_assert_int_eq(sight.kind, SIGHT_SYN_ACK);
    ck_assert_uint_eq(sight.cookie, COOKIE);
    ck_assert_uint_eq(sight.tuple.port, 61001);
    length = answer(bytes, 0x14);
    packet_read(bytes, length, scan, &sight);
    ck_assert_int_eq(sight.kind, SIGHT_REFUSAL);
    ck_assert_uint_eq(sight.cookie, COOKIE);
    length = answer(bytes, 0x10);
    packet_read(bytes, length, scan, &sight);
    ck_assert_int_eq(sight.kind, SIGHT_NONE); /* an established connection's */
}
END_TEST

static size_t quote(uint8_t *bytes, uint8_t protocol, enum packet_content content, size_t kept)
{
    struct shot_tuple outer = tuple4(1), inner = tuple4(protocol);
    uint8_t quoted[PACKET_MAX];
    size_t length = packet_ip(quoted, &inner, content, COOKIE, scan);

    packet_ip(bytes, &outer, CONTENT_RESET, 0, scan); /* for its IP header */
    bytes[9] = 1;
    memset(bytes + 20, 0, 8);
    bytes[20] = 3;
    bytes[21] = 13;
    if (kept > length)
        kept = length;
    memcpy(bytes + 28, quoted, kept);
    return 28 + kept;
}

START_TEST(errors_that_quote_us)
{
    uint8_t bytes[2 * PACKET_MAX];
    struct sight sight;

    packet_read(bytes, quote(bytes, SHOT_TCP, CONTENT_SYN, 28), scan, &sight); /* RFC 792's eight bytes */
    ck_assert_int_eq(sight.kind, SIGHT_ERROR);
    ck_assert_uint_eq(sight.cookie, COOKIE);
    ck_assert_uint_eq(sight.icmp_type, 3);
    ck_assert_uint_eq(sight.icmp_code, 13);
    ck_assert_uint_eq(sight.quoted.source_port, 61001);
    packet_read(bytes, quote(bytes, SHOT_UDP, CONTENT_DATAGRAM, 100), scan, &sight);
    ck_assert_int_eq(sight.kind, SIGHT_ERROR);
    ck_assert(sight.has_cookie);
    packet_read(bytes, quote(bytes, SHOT_UDP, CONTENT_DATAGRAM, 28), scan, &sight);
    ck_assert_int_eq(sight.kind, SIGHT_ERROR);
    ck_assert(!sight.has_cookie); /* the tuple has to do */
    ck_assert_uint_eq(sight.quoted.port, 80);
}
END_TEST

START_TEST(truncated_anywhere)
{
    uint8_t whole[2 * PACKET_MAX];
    size_t lengths[] = {quote(whole, SHOT_TCP, CONTENT_SYN, 100), 0, 0};
    struct sight sight;

    for (size_t length = 0; length < lengths[0]; length++) {
        uint8_t *bytes = malloc(length ? length : 1); /* the sanitizer sees a byte too far */

        memcpy(bytes, whole, length);
        packet_read(bytes, length, scan, &sight);
        if (length < 20 + 8 + 20 + 8)
            ck_assert_int_ne(sight.kind, SIGHT_ERROR);
        free(bytes);
    }
    for (size_t length = 0; length < 44; length++) {
        struct shot_tuple tuple = tuple4(SHOT_TCP);
        uint8_t *bytes = malloc(length ? length : 1);

        packet_ip(whole, &tuple, CONTENT_SYN, COOKIE, scan);
        memcpy(bytes, whole, length);
        packet_read(bytes, length, scan, &sight);
        if (length < 40)
            ck_assert_int_eq(sight.kind, SIGHT_NONE);
        free(bytes);
    }
}
END_TEST

START_TEST(noise)
{
    uint8_t bytes[96];
    struct sight sight;

    srand(7);
    for (int i = 0; i < 200000; i++) {
        size_t length = (size_t)rand() % sizeof(bytes);

        for (size_t j = 0; j < length; j++)
            bytes[j] = (uint8_t)rand();
        if (length && i % 2)
            bytes[0] = i % 4 == 1 ? 0x45 : 0x60;
        packet_read(bytes, length, scan, &sight);
    }
}
END_TEST

START_TEST(later_fragments_and_options)
{
    struct shot_tuple tuple = tuple4(SHOT_TCP);
    uint8_t bytes[PACKET_MAX];
    size_t length = packet_ip(bytes, &tuple, CONTENT_SYN, COOKIE, scan);
    struct sight sight;

    bytes[7] = 1;
    packet_read(bytes, length, scan, &sight);
    ck_assert_int_eq(sight.kind, SIGHT_NONE);
    bytes[7] = 0;
    bytes[0] = 0x4f; /* a header longer than the packet */
    packet_read(bytes, length, scan, &sight);
    ck_assert_int_eq(sight.kind, SIGHT_NONE);
    bytes[0] = 0x44;
    packet_read(bytes, length, scan, &sight);
    ck_assert_int_eq(sight.kind, SIGHT_NONE);
}
END_TEST

START_TEST(a_cooked_capture)
{
    struct shot_tuple tuple = tuple6(SHOT_TCP);
    /* LINKTYPE_LINUX_SLL2: protocol, reserved, interface 513, ARPHRD_ETHER, outgoing, a MAC */
    uint8_t bytes[20 + PACKET_MAX] = {0x86, 0xdd, 0, 0, 0, 0, 2, 1, 0, 1, 4, 6};
    size_t length = 20 + packet_ip(bytes + 20, &tuple, CONTENT_SYN, COOKIE, scan);
    struct sight sight;
    uint32_t interface;
    bool outgoing;

    ck_assert(cooked_read(bytes, length, scan, &sight, &interface, &outgoing));
    ck_assert_uint_eq(interface, 513);
    ck_assert(outgoing);
    ck_assert_uint_eq(sight.cookie, COOKIE);
    bytes[10] = 0;
    ck_assert(cooked_read(bytes, length, scan, &sight, &interface, &outgoing));
    ck_assert(!outgoing);
    ck_assert(!cooked_read(bytes, 19, scan, &sight, &interface, &outgoing));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packet");
    TCase *tests = tcase_create("packet");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, a_syn_of_either_family);
    tcase_add_test(tests, the_header_of_ip4);
    tcase_add_test(tests, a_reset_continues_the_syn);
    tcase_add_test(tests, a_datagram_bears_its_token);
    tcase_add_test(tests, answers_of_tcp);
    tcase_add_test(tests, errors_that_quote_us);
    tcase_add_test(tests, truncated_anywhere);
    tcase_add_test(tests, noise);
    tcase_add_test(tests, later_fragments_and_options);
    tcase_add_test(tests, a_cooked_capture);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

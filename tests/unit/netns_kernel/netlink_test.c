/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replies as the kernel writes them, made by hand (struct nlmsghdr of linux/netlink.h), and the loopback link
 * of whatever namespace the test runs in.
 */
#include "netns/kernel/netlink.h"

#include "netns/base/file.h"

#include <check.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCE = 7, PORT = 4711, DATA = 100 };

/* ---- messages ---- */

struct datagram {
    _Alignas(struct nlmsghdr) uint8_t bytes[1024];
    size_t length;
};

static struct nlmsghdr *add(struct datagram *datagram, uint16_t type, uint16_t flags, const void *payload,
                            size_t length)
{
    struct nlmsghdr *message = (void *)(datagram->bytes + datagram->length);

    *message = (struct nlmsghdr){.nlmsg_len = (uint32_t)(sizeof(*message) + length),
                                 .nlmsg_type = type,
                                 .nlmsg_flags = flags,
                                 .nlmsg_seq = SEQUENCE,
                                 .nlmsg_pid = PORT};
    if (length)
        memcpy(message + 1, payload, length);
    datagram->length += NLMSG_ALIGN(message->nlmsg_len);
    return message;
}

static void add_data(struct datagram *datagram, char letter)
{
    add(datagram, DATA, NLM_F_MULTI, &letter, 1);
}

static void add_done(struct datagram *datagram, int32_t status)
{
    add(datagram, NLMSG_DONE, NLM_F_MULTI, &status, sizeof(status));
}

/* An attribute behind other bytes; returns the new length. */
static size_t put_text(uint8_t *bytes, size_t at, uint16_t type, const char *text)
{
    struct nlattr header = {.nla_len = (uint16_t)(sizeof(header) + strlen(text) + 1), .nla_type = type};

    memcpy(bytes + at, &header, sizeof(header));
    memcpy(bytes + at + sizeof(header), text, strlen(text) + 1);
    return at + ((header.nla_len + 3U) & ~3U);
}

struct taken {
    char letters[16];
    size_t count;
    char stop_at;
    int result;
};

static int take(const struct nlmsghdr *message, void *context)
{
    struct taken *taken = context;
    char letter = *(const char *)mnl_nlmsg_get_payload(message);

    if (letter == taken->stop_at)
        return taken->result;
    ck_assert_uint_lt(taken->count, sizeof(taken->letters) - 1);
    taken->letters[taken->count++] = letter;
    return 0;
}

struct outcome {
    struct netlink_reply reply;
    struct taken taken;
    struct error error;
    int result;
};

static int parse(struct outcome *outcome, const struct datagram *datagram)
{
    return netlink_parse(&outcome->reply, datagram->bytes, datagram->length, take, &outcome->taken,
                         &outcome->result, &outcome->error);
}

static struct outcome new_outcome(void)
{
    return (struct outcome){.reply = {.sequence = SEQUENCE, .port = PORT, .dump = true, .subject = "letters"},
                            .result = 99};
}

/* ---- dumps ---- */

START_TEST(a_dump_comes_in_pieces)
{
    struct outcome outcome = new_outcome();
    struct datagram first = {.length = 0}, last = {.length = 0};

    add_data(&first, 'a');
    add_data(&first, 'b');
    add_data(&last, 'c');
    add_done(&last, 0);
    ck_assert_int_eq(parse(&outcome, &first), 0);
    ck_assert_int_eq(parse(&outcome, &last), 1);
    ck_assert_int_eq(outcome.result, 0);
    ck_assert_str_eq(outcome.taken.letters, "abc");
    ck_assert(!error_is_set(&outcome.error));
}
END_TEST

START_TEST(the_end_may_be_an_error)
{
    struct outcome outcome = new_outcome();
    struct datagram datagram = {.length = 0};

    add_data(&datagram, 'a');
    add_done(&datagram, -ENOENT);
    ck_assert_int_eq(parse(&outcome, &datagram), 1);
    ck_assert_int_eq(outcome.result, -ENOENT);
    ck_assert_str_eq(outcome.error.code, "netlink-refused");
    ck_assert_str_eq(outcome.error.subject, "letters");
}
END_TEST

/* Some dumps end with a length where the error number should be. */
START_TEST(a_positive_end_is_no_error)
{
    struct outcome outcome = new_outcome();
    struct datagram datagram = {.length = 0};

    add_done(&datagram, 200);
    ck_assert_int_eq(parse(&outcome, &datagram), 1);
    ck_assert_int_eq(outcome.result, 0);
}
END_TEST

START_TEST(the_end_has_words)
{
    struct outcome outcome = new_outcome();
    struct datagram datagram = {.length = 0};
    int32_t status = -EINVAL;
    uint8_t payload[64] = {0};
    size_t length;

    memcpy(payload, &status, sizeof(status));
    length = put_text(payload, sizeof(status), NLMSGERR_ATTR_MSG, "no such letter");
    add(&datagram, NLMSG_DONE, NLM_F_MULTI | NLM_F_ACK_TLVS, payload, length);
    ck_assert_int_eq(parse(&outcome, &datagram), 1);
    ck_assert_int_eq(outcome.result, -EINVAL);
    ck_assert_ptr_nonnull(strstr(outcome.error.message, "no such letter"));
}
END_TEST

START_TEST(an_interrupted_dump_is_read_to_its_end)
{
    struct outcome outcome = new_outcome();
    struct datagram datagram = {.length = 0};

    add_data(&datagram, 'a');
    add(&datagram, DATA, NLM_F_MULTI | NLM_F_DUMP_INTR, "b", 1);
    add_data(&datagram, 'c');
    add_done(&datagram, 0);
    ck_assert_int_eq(parse(&outcome, &datagram), 1);
    ck_assert_int_eq(outcome.result, -EAGAIN);
    ck_assert_str_eq(outcome.error.code, "dump-interrupted");
    ck_assert_str_eq(outcome.taken.letters, "abc");
}
END_TEST

START_TEST(the_handler_has_enough)
{
    struct outcome outcome = new_outcome();
    struct datagram datagram = {.length = 0};

    outcome.taken.stop_at = 'b';
    outcome.taken.result = NETLINK_STOPPED;
    add_data(&datagram, 'a');
    add_data(&datagram, 'b');
    add_data(&datagram, 'c');
    add_done(&datagram, 0);
    ck_assert_int_eq(parse(&outcome, &datagram), 1);
    ck_assert_int_eq(outcome.result, NETLINK_STOPPED);
    ck_assert(outcome.reply.stopped);
    ck_assert_str_eq(outcome.taken.letters, "a");
}
END_TEST

START_TEST(messages_of_others_are_passed_over)
{
    struct outcome outcome = new_outcome();
    struct datagram datagram = {.length = 0};

    add(&datagram, DATA, NLM_F_MULTI, "x", 1)->nlmsg_seq = SEQUENCE - 1;
    add(&datagram, NLMSG_DONE, NLM_F_MULTI, "\0\0\0", 4)->nlmsg_seq = SEQUENCE - 1;
    add(&datagram, DATA, NLM_F_MULTI, "y", 1)->nlmsg_pid = PORT + 1;
    add(&datagram, NLMSG_NOOP, 0, "z", 1);
    add_data(&datagram, 'a');
    add_done(&datagram, 0);
    ck_assert_int_eq(parse(&outcome, &datagram), 1);
    ck_assert_int_eq(outcome.result, 0);
    ck_assert_str_eq(outcome.taken.letters, "a");
}
END_TEST

/* ---- errors ---- */

static struct outcome parse_error(const uint8_t *payload, size_t length, uint16_t flags)
{
    struct outcome outcome = new_outcome();
    struct datagram datagram = {.length = 0};

    add(&datagram, NLMSG_ERROR, flags, payload, length);
    ck_assert_int_eq(parse(&outcome, &datagram), 1);
    return outcome;
}

START_TEST(an_acknowledgement_is_no_error)
{
    struct nlmsgerr body = {.error = 0, .msg = {.nlmsg_len = sizeof(struct nlmsghdr)}};
    struct outcome outcome = parse_error((const uint8_t *)&body, sizeof(body), NLM_F_CAPPED);

    ck_assert_int_eq(outcome.result, 0);
}
END_TEST

START_TEST(an_error_has_words_behind_a_capped_request)
{
    struct nlmsgerr body = {.error = -EPERM, .msg = {.nlmsg_len = 400}};
    uint8_t payload[128] = {0};
    struct outcome outcome;

    memcpy(payload, &body, sizeof(body));
    outcome = parse_error(payload, put_text(payload, sizeof(body), NLMSGERR_ATTR_MSG, "not for you"),
                          NLM_F_CAPPED | NLM_F_ACK_TLVS);
    ck_assert_int_eq(outcome.result, -EPERM);
    ck_assert_ptr_nonnull(strstr(outcome.error.message, "not for you"));
}
END_TEST

START_TEST(an_error_has_words_behind_a_whole_request)
{
    struct nlmsgerr body = {.error = -EPERM, .msg = {.nlmsg_len = sizeof(struct nlmsghdr) + 8}};
    uint8_t payload[128] = {0};
    struct outcome outcome;

    memcpy(payload, &body, sizeof(body));
    outcome = parse_error(payload, put_text(payload, sizeof(body) + 8, NLMSGERR_ATTR_MSG, "still not"),
                          NLM_F_ACK_TLVS);
    ck_assert_ptr_nonnull(strstr(outcome.error.message, "still not"));
}
END_TEST

START_TEST(a_request_that_is_longer_than_the_error)
{
    struct nlmsgerr body = {.error = -EPERM, .msg = {.nlmsg_len = UINT32_MAX}};
    struct outcome outcome = parse_error((const uint8_t *)&body, sizeof(body), NLM_F_ACK_TLVS);

    ck_assert_int_eq(outcome.result, -EPERM);
}
END_TEST

START_TEST(nonsense_is_a_failure)
{
    struct nlmsgerr positive = {.error = 5}, least = {.error = INT32_MIN};
    uint8_t little[2] = {0};

    ck_assert_int_eq(parse_error((const uint8_t *)&positive, sizeof(positive), 0).result, -EBADMSG);
    ck_assert_int_eq(parse_error((const uint8_t *)&least, sizeof(least), 0).result, -EBADMSG);
    ck_assert_int_eq(parse_error(little, sizeof(little), 0).result, -EBADMSG);
}
END_TEST

START_TEST(lengths_are_checked)
{
    static const uint32_t lengths[] = {0, 1, sizeof(struct nlmsghdr) - 1, sizeof(struct nlmsghdr) + 5,
                                       UINT32_MAX};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct outcome outcome = new_outcome();
        struct datagram datagram = {.length = 0};

        add(&datagram, DATA, NLM_F_MULTI, "abcd", 4)->nlmsg_len = lengths[i];
        datagram.length = sizeof(struct nlmsghdr) + 4;
        ck_assert_int_eq(parse(&outcome, &datagram), 1);
        ck_assert_int_eq(outcome.result, -EBADMSG);
        ck_assert_str_eq(outcome.error.code, "netlink-failed");
    }
}
END_TEST

START_TEST(the_last_message_may_lack_its_padding)
{
    struct outcome outcome = new_outcome();
    struct datagram datagram = {.length = 0};

    add_data(&datagram, 'a');
    datagram.length -= 3;
    ck_assert_int_eq(parse(&outcome, &datagram), 0);
    ck_assert_str_eq(outcome.taken.letters, "a");
}
END_TEST

/* ---- a real socket ---- */

static struct nlmsghdr *ask_links(struct netlink *netlink)
{
    return netlink_request(netlink, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
}

static int count(const struct nlmsghdr *message, void *context)
{
    ck_assert_uint_eq(message->nlmsg_type, RTM_NEWLINK);
    ++*(size_t *)context;
    return 0;
}

static int stop(const struct nlmsghdr *message, void *context)
{
    (void)message;
    (void)context;
    return NETLINK_STOPPED;
}

START_TEST(links_of_this_namespace)
{
    _cleanup_netlink_ struct netlink *netlink = NULL;
    struct error error = ERROR_NONE;
    size_t links = 0, again = 0;

    ck_assert_int_eq(netlink_open(NETLINK_ROUTE, 0, &netlink, &error), 0);
    ck_assert_uint_ne(netlink_cookie(netlink), 0);
    ck_assert_int_eq(netlink_dump(netlink, ask_links(netlink), count, &links, "links", &error), 0);
    ck_assert_uint_ge(links, 1);
    /* a dump that was given up is out of the way of the next one */
    ck_assert_int_eq(netlink_dump(netlink, ask_links(netlink), stop, NULL, "links", &error), NETLINK_STOPPED);
    ck_assert_int_eq(netlink_dump(netlink, ask_links(netlink), count, &again, "links", &error), 0);
    ck_assert_uint_eq(again, links);
}
END_TEST

START_TEST(one_link_and_its_acknowledgement)
{
    _cleanup_netlink_ struct netlink *netlink = NULL;
    struct error error = ERROR_NONE;
    struct nlmsghdr *request;
    size_t links = 0;

    ck_assert_int_eq(netlink_open(NETLINK_ROUTE, 0, &netlink, &error), 0);
    request = ask_links(netlink);
    ((struct ifinfomsg *)mnl_nlmsg_get_payload(request))->ifi_index = 1;
    ck_assert_int_eq(netlink_call(netlink, request, count, &links, "lo", &error), 0);
    ck_assert_uint_eq(links, 1);
}
END_TEST

START_TEST(a_refusal_has_the_kernels_number)
{
    _cleanup_netlink_ struct netlink *netlink = NULL;
    struct error error = ERROR_NONE;
    struct nlmsghdr *request;

    ck_assert_int_eq(netlink_open(NETLINK_ROUTE, 0, &netlink, &error), 0);
    request = ask_links(netlink);
    ((struct ifinfomsg *)mnl_nlmsg_get_payload(request))->ifi_index = INT32_MAX;
    ck_assert_int_eq(netlink_call(netlink, request, NULL, NULL, "no link", &error), -ENODEV);
    ck_assert_str_eq(error.code, "netlink-refused");
}
END_TEST

START_TEST(the_deadline_ends_it)
{
    _cleanup_netlink_ struct netlink *netlink = NULL;
    struct error error = ERROR_NONE;
    size_t links = 0;

    ck_assert_int_eq(netlink_open(NETLINK_ROUTE, time_monotonic_ns(), &netlink, &error), 0);
    ck_assert_int_eq(netlink_dump(netlink, ask_links(netlink), count, &links, "links", &error), -ETIMEDOUT);
    ck_assert_str_eq(error.code, "over-budget");
    ck_assert_uint_eq(links, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("netlink");
    TCase *replies = tcase_create("replies"), *real = tcase_create("real");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(replies, a_dump_comes_in_pieces);
    tcase_add_test(replies, the_end_may_be_an_error);
    tcase_add_test(replies, a_positive_end_is_no_error);
    tcase_add_test(replies, the_end_has_words);
    tcase_add_test(replies, an_interrupted_dump_is_read_to_its_end);
    tcase_add_test(replies, the_handler_has_enough);
    tcase_add_test(replies, messages_of_others_are_passed_over);
    tcase_add_test(replies, an_acknowledgement_is_no_error);
    tcase_add_test(replies, an_error_has_words_behind_a_capped_request);
    tcase_add_test(replies, an_error_has_words_behind_a_whole_request);
    tcase_add_test(replies, a_request_that_is_longer_than_the_error);
    tcase_add_test(replies, nonsense_is_a_failure);
    tcase_add_test(replies, lengths_are_checked);
    tcase_add_test(replies, the_last_message_may_lack_its_padding);
    tcase_add_test(real, links_of_this_namespace);
    tcase_add_test(real, one_link_and_its_acknowledgement);
    tcase_add_test(real, a_refusal_has_the_kernels_number);
    tcase_add_test(real, the_deadline_ends_it);
    suite_add_tcase(suite, replies);
    suite_add_tcase(suite, real);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

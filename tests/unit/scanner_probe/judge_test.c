/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/judge.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

/* A shot that was sent, seen nowhere, and of which all could have been seen. */
static struct facts silent(void)
{
    return (struct facts){.method = METHOD_INGRESS,
                          .protocol = PROTOCOL_TCP,
                          .family = FAMILY_IP4,
                          .sent = 2,
                          .watched = true,
                          .witnessed = true,
                          .arrival_known = true,
                          .left = true};
}

START_TEST(answers)
{
    struct facts facts = silent();
    struct observation observation;

    facts.syn_ack = true;
    facts.rtt_ns = 84500;
    observation = judge(&facts);
    ck_assert_int_eq(observation.state, OBSERVED_OPEN);
    ck_assert_int_eq(observation.evidence, EVIDENCE_ANSWERED);
    ck_assert_int_eq(observation.method, METHOD_INGRESS);
    ck_assert_uint_eq(observation.rtt_us, 84);
    facts.syn_ack = false;
    facts.refusal = true;
    observation = judge(&facts);
    ck_assert_int_eq(observation.state, OBSERVED_CLOSED);
    ck_assert(observation.reset);
    facts.syn_ack = true; /* one try was refused, one accepted: it is open */
    ck_assert_int_eq(judge(&facts).state, OBSERVED_OPEN);
}
END_TEST

START_TEST(errors_of_icmp)
{
    static const struct {
        enum ip_family family;
        uint8_t type, code;
        enum observed_state state;
    } cases[] = {
        {FAMILY_IP4, 3, 0, OBSERVED_UNREACHABLE},  {FAMILY_IP4, 3, 1, OBSERVED_UNREACHABLE},
        {FAMILY_IP4, 3, 3, OBSERVED_CLOSED},       {FAMILY_IP4, 3, 9, OBSERVED_FILTERED},
        {FAMILY_IP4, 3, 10, OBSERVED_FILTERED},    {FAMILY_IP4, 3, 13, OBSERVED_FILTERED},
        {FAMILY_IP4, 11, 0, OBSERVED_UNREACHABLE}, {FAMILY_IP6, 1, 0, OBSERVED_UNREACHABLE},
        {FAMILY_IP6, 1, 1, OBSERVED_FILTERED},     {FAMILY_IP6, 1, 3, OBSERVED_UNREACHABLE},
        {FAMILY_IP6, 1, 4, OBSERVED_CLOSED},       {FAMILY_IP6, 1, 5, OBSERVED_FILTERED},
        {FAMILY_IP6, 1, 6, OBSERVED_FILTERED},     {FAMILY_IP6, 3, 3, OBSERVED_UNREACHABLE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facts facts = silent();
        struct observation observation;

        facts.family = cases[i].family;
        facts.error = true;
        facts.icmp_type = cases[i].type;
        facts.icmp_code = cases[i].code;
        observation = judge(&facts);
        ck_assert_int_eq(observation.state, cases[i].state);
        ck_assert(observation.icmp);
        ck_assert_uint_eq(observation.icmp_code, cases[i].code);
    }
}
END_TEST

START_TEST(errors_of_icmp_that_say_nothing)
{
    static const struct {
        enum ip_family family;
        uint8_t type, code;
    } cases[] = {{FAMILY_IP4, 3, 4}, {FAMILY_IP4, 12, 0}, {FAMILY_IP6, 2, 0}, {FAMILY_IP6, 4, 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facts facts = silent();

        facts.family = cases[i].family;
        facts.error = true;
        facts.icmp_type = cases[i].type;
        facts.icmp_code = cases[i].code;
        ck_assert_int_eq(judge(&facts).state, OBSERVED_UNDETERMINED);
        ck_assert_str_eq(judge(&facts).reason.code, "reply-not-seen");
    }
}
END_TEST

START_TEST(silence_with_a_place)
{
    struct facts facts = silent();
    struct observation observation = judge(&facts);

    ck_assert_int_eq(observation.state, OBSERVED_FILTERED);
    ck_assert_int_eq(observation.evidence, EVIDENCE_DROPPED);
    ck_assert(observation.arrived_known && !observation.arrived);
    facts.arrived = true;
    observation = judge(&facts);
    ck_assert_int_eq(observation.state, OBSERVED_FILTERED);
    ck_assert(observation.arrived);
    facts.arrived = false; /* the guard sees what passes the last rule, not what comes before the first one */
    facts.witnessed = false;
    facts.lossy = true;
    observation = judge(&facts);
    ck_assert_int_eq(observation.state, OBSERVED_FILTERED);
    ck_assert(!observation.arrived_known);
}
END_TEST

static void check_undetermined(const struct facts *facts, const char *code)
{
    struct observation observation = judge(facts);

    ck_assert_int_eq(observation.state, OBSERVED_UNDETERMINED);
    ck_assert_str_eq(observation.reason.code, code);
    ck_assert_ptr_nonnull(observation.reason.message);
}

START_TEST(silence_that_says_nothing)
{
    struct facts facts = silent();

    facts.watched = facts.witnessed = false;
    check_undetermined(&facts, "reply-not-seen");
    facts.lossy = true;
    check_undetermined(&facts, "capture-loss");
    facts = silent();
    facts.watched = facts.arrival_known = false;
    check_undetermined(&facts, "reply-not-seen");
    facts = silent();
    facts.delivered = true; /* TCP behind the last rule: an answer must have been lost */
    check_undetermined(&facts, "reply-not-seen");
    facts = silent();
    facts.delivered_elsewhere = true;
    check_undetermined(&facts, "reply-not-seen");
    facts = silent();
    facts.strayed = true;
    check_undetermined(&facts, "reply-not-seen");
    facts.arrived = true; /* a bridge that floods */
    ck_assert_int_eq(judge(&facts).state, OBSERVED_FILTERED);
    facts = silent();
    facts.passed = true; /* a neighbour that is gone */
    check_undetermined(&facts, "reply-not-seen");
    facts.arrived = true;
    ck_assert_int_eq(judge(&facts).state, OBSERVED_FILTERED);
    facts = silent();
    facts.stopped = true;
    check_undetermined(&facts, "target-elsewhere");
    facts = silent();
    facts.arrived = true;
    facts.watched = false; /* it arrived, and a rule may have dropped it, or a queue was full */
    check_undetermined(&facts, "reply-not-seen");
    facts = silent();
    facts.left = false; /* it may wait for a neighbour of the sender's */
    check_undetermined(&facts, "reply-not-seen");
    facts.witnessed = false;
    facts.lossy = true;
    check_undetermined(&facts, "capture-loss");
    facts = silent();
    facts.crowded = true; /* a queue on the way was full */
    check_undetermined(&facts, "reply-not-seen");
}
END_TEST

START_TEST(datagrams)
{
    struct facts facts = silent();

    facts.protocol = PROTOCOL_UDP;
    ck_assert_int_eq(judge(&facts).state, OBSERVED_FILTERED);
    facts.delivered = true;
    facts.bound = BOUND_YES;
    ck_assert_int_eq(judge(&facts).state, OBSERVED_OPEN);
    ck_assert_int_eq(judge(&facts).evidence, EVIDENCE_DELIVERED);
    facts.bound = BOUND_NO;
    ck_assert_int_eq(judge(&facts).state, OBSERVED_CLOSED);
    facts.steered = true; /* TPROXY: the socket of the port is not asked */
    ck_assert_int_eq(judge(&facts).state, OBSERVED_OPEN);
    facts.steered = false;
    facts.bound = BOUND_UNKNOWN;
    check_undetermined(&facts, "sockets-unread");
    facts.answer = true;
    ck_assert_int_eq(judge(&facts).state, OBSERVED_OPEN);
}
END_TEST

START_TEST(what_the_sender_was_told)
{
    static const struct {
        int status;
        enum observed_state state;
    } cases[] = {{EPERM, OBSERVED_FILTERED},           {EACCES, OBSERVED_FILTERED},
                 {EINVAL, OBSERVED_FILTERED},          {ENETUNREACH, OBSERVED_UNREACHABLE},
                 {EHOSTUNREACH, OBSERVED_UNREACHABLE}, {ENOBUFS, OBSERVED_UNDETERMINED}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facts facts = silent();

        facts.sent = 0;
        facts.send_error = cases[i].status;
        ck_assert_int_eq(judge(&facts).state, cases[i].state);
        facts.passed = true; /* no rule of a hook, then: a program on this process's control group */
        if (cases[i].status == EPERM)
            check_undetermined(&facts, "sender-identity");
    }
}
END_TEST

START_TEST(what_qualifies_an_open_port)
{
    struct facts facts = silent();

    facts.syn_ack = facts.proxy = true;
    ck_assert_str_eq(judge(&facts).end, "proxy");
    facts.native_xdp = true;
    check_undetermined(&facts, "xdp-before-probe");
    facts.syn_ack = false;
    ck_assert_int_eq(judge(&facts).state, OBSERVED_FILTERED);
}
END_TEST

START_TEST(not_probed)
{
    struct observation observation = judge_not_probed("no-guard", "none");

    ck_assert_int_eq(observation.state, OBSERVED_NOT_PROBED);
    ck_assert_int_eq(observation.method, METHOD_NONE);
    ck_assert_str_eq(observation.reason.code, "no-guard");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge");
    TCase *tests = tcase_create("judge");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, answers);
    tcase_add_test(tests, errors_of_icmp);
    tcase_add_test(tests, errors_of_icmp_that_say_nothing);
    tcase_add_test(tests, silence_with_a_place);
    tcase_add_test(tests, silence_that_says_nothing);
    tcase_add_test(tests, datagrams);
    tcase_add_test(tests, what_the_sender_was_told);
    tcase_add_test(tests, what_qualifies_an_open_port);
    tcase_add_test(tests, not_probed);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

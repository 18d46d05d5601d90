/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/plan.h"
#include "scanner/probe/run.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct address A(const char *text) {
    struct address address;

    ck_assert_int_eq(address_parse(text, &address, NULL), 0);
    return address;
}

static void
fill(struct plan *plan)
{
    struct plan_uplink *uplink = list_append(&plan->uplinks);
    struct probe *probe = list_append(&plan->probes);

    plan->host = 4026531840;
    plan->options =
        (struct plan_options){.rate = 500, .tries = 3, .guard = GUARD_NFTABLES, .impersonate = true};
    *uplink = (struct plan_uplink){
        .index = 3, .name = "eth0", .ethernet = true, .has_gateway = true, .gateway = {{2, 0, 0, 0, 0, 9}}};
    *list_append(&plan->exits) = (struct plan_exit){4026531840, 3, "eth0"};
    *probe = (struct probe){.id = 9,
                            .vantage = "external@eth0",
                            .method = METHOD_INGRESS,
                            .protocol = PROTOCOL_TCP,
                            .destination = A("203.0.113.10"),
                            .port = 8080,
                            .source = A("198.51.100.7"),
                            .predicted = STATE_FILTERED,
                            .target = 4026532247,
                            .target_address = A("172.17.0.2"),
                            .target_port = 80,
                            .arrival = 12,
                            .reply = REPLY_NAMESPACE,
                            .reply_namespace = 4026532247};
    probe = list_append(&plan->probes);
    *probe = (struct probe){.method = METHOD_DATAGRAM,
                            .from = 4026531840,
                            .protocol = PROTOCOL_UDP,
                            .destination = A("fe80::1"),
                            .port = 53,
                            .scope = 4,
                            .has_sender = true,
                            .uid = 1000,
                            .skip = "no-other-member",
                            .skip_message = "alone"};
}

static char *written(const struct plan *plan, size_t *ret_length)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, ret_length);

    plan_write(file, plan);
    (void)fclose(file);
    return text;
}

START_TEST(there_and_back)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_plan_ struct plan plan = {0}, back = {0};
    struct error error = ERROR_NONE;
    size_t length, again;
    char *text, *second;

    fill(&plan);
    text = written(&plan, &length);
    ck_assert_msg(plan_read(text, length, "plan", arena, &back, &error) == 0, "%s", error.message);
    ck_assert_uint_eq(back.probes.count, 2);
    ck_assert_uint_eq(back.probes.items[0].target, 4026532247);
    ck_assert_int_eq(back.probes.items[0].reply, REPLY_NAMESPACE);
    ck_assert_int_eq(back.probes.items[0].predicted, STATE_FILTERED);
    ck_assert(address_equal(back.probes.items[1].destination, A("fe80::1")));
    ck_assert_str_eq(back.probes.items[1].skip, "no-other-member");
    ck_assert_int_eq(back.options.guard, GUARD_NFTABLES);
    ck_assert_mem_eq(back.uplinks.items[0].gateway.bytes, plan.uplinks.items[0].gateway.bytes, 6);
    second = written(&back, &again);
    ck_assert_uint_eq(length, again);
    ck_assert_mem_eq(text, second, length);
    free(text);
    free(second);
}
END_TEST

static int try_reading(const char *text, struct error *error)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_plan_ struct plan plan = {0};

    *error = ERROR_NONE;
    return plan_read(text, strlen(text), "plan", arena, &plan, error);
}

START_TEST(what_is_no_plan)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"format\": \"postern-report\", \"version\": 1}",
        "{\"format\": \"postern-plan\", \"version\": 2}",
        "{\"format\": \"postern-plan\", \"version\": 1, \"host\": 1, \"options\": {}, \"uplinks\": [], "
        "\"exits\": [], "
        "\"probes\": [{\"method\": \"telepathy\", \"protocol\": 6, \"destination\": \"192.0.2.1\", \"port\": "
        "1}]}",
        "{\"format\": \"postern-plan\", \"version\": 1, \"host\": 1, \"options\": {}, \"uplinks\": [], "
        "\"exits\": [], "
        "\"probes\": [{\"method\": \"ingress\", \"protocol\": 6, \"destination\": \"192.0.2.1\", \"port\": "
        "1}]}",
        "{\"format\": \"postern-plan\", \"version\": 1, \"host\": 1, \"options\": {}, \"uplinks\": [], "
        "\"exits\": [], "
        "\"probes\": [{\"method\": \"raw\", \"protocol\": 6, \"destination\": \"192.0.2.1\", \"port\": "
        "65536}]}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct error error;

        ck_assert_msg(try_reading(texts[i], &error) < 0, "%s", texts[i]);
        ck_assert(error_is_set(&error));
    }
}
END_TEST

START_TEST(guard_words)
{
    for (int i = GUARD_AUTO; i <= GUARD_NONE; i++)
        ck_assert_int_eq(guard_choice_parse(guard_choice_name((enum guard_choice)i)), i);
    ck_assert_int_eq(guard_choice_parse("moat"), -1);
    ck_assert_int_eq(guard_choice_parse(NULL), -1);
}
END_TEST

START_TEST(an_observation_there_and_back)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct observation observation = {.state = OBSERVED_CLOSED,
                                      .method = METHOD_RAW,
                                      .evidence = EVIDENCE_ANSWERED,
                                      .icmp = true,
                                      .icmp_type = 3,
                                      .icmp_code = 3,
                                      .answered_by = A("192.0.2.9"),
                                      .source = A("192.0.2.1"),
                                      .rtt_us = 84,
                                      .end = "proxy"},
                       back = {0};
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    struct json_writer writer = json_writer(file, false);
    cJSON *value;

    observation_write(&writer, &observation);
    (void)fclose(file);
    value = cJSON_ParseWithLength(text, length);
    ck_assert_int_eq(observation_read(value, arena, &back, NULL), 0);
    ck_assert_int_eq(back.state, OBSERVED_CLOSED);
    ck_assert_int_eq(back.method, METHOD_RAW);
    ck_assert(address_equal(back.answered_by, A("192.0.2.9")));
    ck_assert_str_eq(back.end, "proxy");
    ck_assert_uint_eq(back.rtt_us, 84);
    cJSON_Delete(value);
    free(text);
}
END_TEST

/* ---- what is refused before anything is opened ---- */

static int refuse_to_open(void *context, uint64_t id)
{
    (void)id;
    ++*(unsigned *)context;
    return -EPERM;
}

static struct probe_result run_one(const struct probe *probe, struct plan_options options, unsigned *opened)
{
    _cleanup_plan_ struct plan plan = {.host = 1, .options = options};
    struct probe_namespaces namespaces = {refuse_to_open, opened};
    struct probe_result result = {0};

    *list_append(&plan.uplinks) = (struct plan_uplink){.index = 1, .name = "eth0"};
    *list_append(&plan.probes) = *probe;
    ck_assert_int_eq(probe_run(&plan, &namespaces, 0, &result, NULL), 0);
    ck_assert_uint_eq(result.count, 1);
    ck_assert_uint_eq(result.packets_sent, 0);
    return result;
}

static void check_refused(const struct probe *probe, enum observed_state state, const char *code)
{
    unsigned opened = 0;
    _cleanup_probe_result_ struct probe_result result = run_one(probe, (struct plan_options){0}, &opened);

    ck_assert_int_eq(result.items[0].state, state);
    ck_assert_str_eq(result.items[0].reason.code, code);
    ck_assert_uint_eq(opened, 0);
}

static struct probe good(void)
{
    return (struct probe){.method = METHOD_INGRESS,
                          .protocol = PROTOCOL_TCP,
                          .destination = A("192.0.2.1"),
                          .port = 80,
                          .source = A("198.51.100.7"),
                          .target = 7,
                          .reply = REPLY_HOST};
}

START_TEST(refused_probes)
{
    struct probe probe = good();

    probe.protocol = PROTOCOL_UDPLITE;
    check_refused(&probe, OBSERVED_NOT_PROBED, "protocol");
    probe = good();
    probe.destination = A("224.0.0.1");
    check_refused(&probe, OBSERVED_NOT_PROBED, "address-refused");
    probe.destination = A("255.255.255.255");
    check_refused(&probe, OBSERVED_NOT_PROBED, "address-refused");
    probe.destination = A("::");
    check_refused(&probe, OBSERVED_NOT_PROBED, "address-refused");
    probe.destination = A("ff02::1");
    check_refused(&probe, OBSERVED_NOT_PROBED, "address-refused");
    probe = good();
    probe.target = 0;
    check_refused(&probe, OBSERVED_NOT_PROBED, "target-elsewhere");
    probe = good();
    probe.stateful = true;
    check_refused(&probe, OBSERVED_NOT_PROBED, "stateful-rule");
    probe = good();
    probe.source_in_use = true;
    check_refused(&probe, OBSERVED_NOT_PROBED, "source-in-use");
    probe = good();
    probe.skip = "no-other-member";
    check_refused(&probe, OBSERVED_NOT_PROBED, "no-other-member");
    probe = good();
    probe.sender_unlike = true;
    check_refused(&probe, OBSERVED_UNDETERMINED, "sender-identity");
    probe = good();
    probe.method = METHOD_REMOTE;
    check_refused(&probe, OBSERVED_NOT_PROBED, "remote");
}
END_TEST

START_TEST(a_host_that_cannot_be_entered)
{
    struct probe probe = good();
    unsigned opened = 0;
    _cleanup_probe_result_ struct probe_result result = run_one(&probe, (struct plan_options){0}, &opened);

    ck_assert_uint_ge(opened, 1);
    ck_assert_int_eq(result.items[0].state, OBSERVED_NOT_PROBED);
    ck_assert_str_eq(result.items[0].reason.code, "namespace-not-entered");
}
END_TEST

START_TEST(an_empty_plan)
{
    struct plan plan = {.host = 1};
    unsigned opened = 0;
    struct probe_namespaces namespaces = {refuse_to_open, &opened};
    _cleanup_probe_result_ struct probe_result result = {0};

    ck_assert_int_eq(probe_run(&plan, &namespaces, 0, &result, NULL), 0);
    ck_assert_uint_eq(result.count, 0);
    ck_assert_uint_eq(opened, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, there_and_back);
    tcase_add_test(tests, what_is_no_plan);
    tcase_add_test(tests, guard_words);
    tcase_add_test(tests, an_observation_there_and_back);
    tcase_add_test(tests, refused_probes);
    tcase_add_test(tests, a_host_that_cannot_be_entered);
    tcase_add_test(tests, an_empty_plan);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

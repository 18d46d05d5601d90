/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/scan/merge.h"

#include <check.h>

static const struct {
    enum state predicted;
    enum answer_kind answer;
    uint8_t type, code;
    enum observed_state observed;
    bool reset, icmp;
    uint8_t seen_type, seen_code;
    bool agrees;
    enum state merged;
} cases[] = {
    {STATE_OPEN, 0, 0, 0, OBSERVED_OPEN, 0, 0, 0, 0, true, STATE_OPEN},
    {STATE_OPEN, 0, 0, 0, OBSERVED_CLOSED, 1, 0, 0, 0, false, STATE_OPEN},
    {STATE_OPEN, 0, 0, 0, OBSERVED_FILTERED, 0, 0, 0, 0, false, STATE_OPEN},
    {STATE_OPEN, 0, 0, 0, OBSERVED_NOT_PROBED, 0, 0, 0, 0, true, STATE_OPEN},
    {STATE_OPEN, 0, 0, 0, OBSERVED_UNDETERMINED, 0, 0, 0, 0, true, STATE_OPEN},
    {STATE_CLOSED, 0, 0, 0, OBSERVED_CLOSED, 1, 0, 0, 0, true, STATE_CLOSED},
    {STATE_CLOSED, 0, 0, 0, OBSERVED_OPEN, 0, 0, 0, 0, false, STATE_OPEN},
    {STATE_CLOSED, 0, 0, 0, OBSERVED_FILTERED, 0, 0, 0, 0, false, STATE_CLOSED},
    {STATE_FILTERED, ANSWER_NONE, 0, 0, OBSERVED_FILTERED, 0, 0, 0, 0, true, STATE_FILTERED},
    {STATE_FILTERED, ANSWER_NONE, 0, 0, OBSERVED_CLOSED, 1, 0, 0, 0, false, STATE_CLOSED},
    {STATE_FILTERED, ANSWER_NONE, 0, 0, OBSERVED_FILTERED, 0, 1, 3, 3, false, STATE_FILTERED},
    {STATE_FILTERED, ANSWER_NONE, 0, 0, OBSERVED_OPEN, 0, 0, 0, 0, false, STATE_OPEN},
    {STATE_FILTERED, ANSWER_TCP_RESET, 0, 0, OBSERVED_CLOSED, 1, 0, 0, 0, true, STATE_FILTERED},
    {STATE_FILTERED, ANSWER_TCP_RESET, 0, 0, OBSERVED_FILTERED, 0, 0, 0, 0, false, STATE_FILTERED},
    {STATE_FILTERED, ANSWER_ICMP, 3, 3, OBSERVED_CLOSED, 0, 1, 3, 3, true, STATE_FILTERED},
    {STATE_FILTERED, ANSWER_ICMP, 3, 3, OBSERVED_FILTERED, 0, 0, 0, 0, true, STATE_FILTERED},
    {STATE_FILTERED, ANSWER_ICMP, 3, 3, OBSERVED_CLOSED, 1, 0, 0, 0, false, STATE_CLOSED},
    {STATE_FILTERED, ANSWER_ICMP, 3, 13, OBSERVED_FILTERED, 0, 1, 3, 13, true, STATE_FILTERED},
    {STATE_FILTERED, ANSWER_ICMP, 3, 3, OBSERVED_FILTERED, 0, 1, 3, 13, false, STATE_FILTERED},
    {STATE_UNREACHABLE, 0, 0, 0, OBSERVED_UNREACHABLE, 0, 1, 3, 1, true, STATE_UNREACHABLE},
    {STATE_UNREACHABLE, 0, 0, 0, OBSERVED_FILTERED, 0, 0, 0, 0, true, STATE_UNREACHABLE},
    {STATE_UNREACHABLE, 0, 0, 0, OBSERVED_CLOSED, 1, 0, 0, 0, false, STATE_CLOSED},
    {STATE_UNREACHABLE, 0, 0, 0, OBSERVED_OPEN, 0, 0, 0, 0, false, STATE_OPEN},
    {STATE_UNDETERMINED, 0, 0, 0, OBSERVED_FILTERED, 0, 0, 0, 0, true, STATE_UNDETERMINED},
    {STATE_UNDETERMINED, 0, 0, 0, OBSERVED_CLOSED, 1, 0, 0, 0, true, STATE_UNDETERMINED},
    {STATE_UNDETERMINED, 0, 0, 0, OBSERVED_OPEN, 0, 0, 0, 0, true, STATE_OPEN},
};
#define CASES (int)(sizeof(cases) / sizeof(*cases))

START_TEST(states_merge)
{
    const struct prediction_part part = {.state = cases[_i].predicted,
                                         .answer = cases[_i].answer,
                                         .icmp_type = cases[_i].type,
                                         .icmp_code = cases[_i].code};
    const struct observation observed = {.state = cases[_i].observed,
                                         .reset = cases[_i].reset,
                                         .icmp = cases[_i].icmp,
                                         .icmp_type = cases[_i].seen_type,
                                         .icmp_code = cases[_i].seen_code};
    bool conflict;

    ck_assert_int_eq(merge_agrees(&part, &observed), cases[_i].agrees);
    ck_assert_int_eq(merge_state(&part, &observed, &conflict), cases[_i].merged);
    ck_assert_int_eq(conflict, !cases[_i].agrees);
}
END_TEST

/* Whatever is predicted and observed, the merged state is never less exposed than an open observation or an
   undisputed prediction. */
START_TEST(never_safer_than_what_was_seen)
{
    for (int predicted = STATE_OPEN; predicted <= STATE_UNREACHABLE; predicted++)
        for (int seen = OBSERVED_OPEN; seen <= OBSERVED_NOT_PROBED; seen++) {
            const struct prediction_part part = {.state = (enum state)predicted};
            const struct observation observed = {.state = (enum observed_state)seen};
            bool conflict;
            enum state merged = merge_state(&part, &observed, &conflict);
            ck_assert_int_le(merged, predicted);
            if (seen == OBSERVED_OPEN)
                ck_assert_int_eq(merged, STATE_OPEN);
        }
}
END_TEST

/* Two channels of one rule and path give one rule and one path. */
START_TEST(rules_and_paths_stand_once)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    _cleanup_report_ struct report *report = report_new();
    const struct listener_list none = {0};
    const struct vantage vantage = {.name = "external", .kind = VANTAGE_EXTERNAL, .interface = 2};
    const struct rule_reference rule = {.namespace = 1,
                                        .backend = "nf_tables",
                                        .family = "ip",
                                        .table = "filter",
                                        .chain = "FORWARD",
                                        .handle = 7,
                                        .text = "accept"};
    const struct step steps[] = {
        {.hook = "forward", .namespace = 1, .has_rule = true, .rule = rule, .effect = "accept"}};
    const struct observation_list nothing = {0};
    const struct reason unprobed = {"no-probe-asked", "", ""};
    struct merge *merge = merge_new(snapshot, &none, report);

    for (uint16_t port = 80; port < 82; port++) {
        struct path_channel channel = {.vantage = &vantage, .listener = {.socket = -1}, .container = -1};
        channel.entry = (struct entry){
            .family = FAMILY_IP4, .protocol = PROTOCOL_TCP, .port = port, .address = address_ip4(0xcb00710a)};
        struct prediction_part *part = list_append(&channel.prediction.parts);
        part->sources = interval_set_family(FAMILY_IP4);
        part->decider = (struct decider){.kind = DECIDER_RULE, .rule = rule};
        part->steps = steps;
        part->step_count = 1;
        merge_channel(merge, &channel, &nothing, &unprobed);
        path_channel_free(&channel);
    }
    merge_free(merge);
    ck_assert_uint_eq(report->channels.count, 2);
    ck_assert_uint_eq(report->rules.count, 1);
    ck_assert_uint_eq(report->paths.count, 1);
    ck_assert_str_eq(report->channels.items[0].path, report->channels.items[1].path);
    ck_assert_str_ne(report->channels.items[0].key, report->channels.items[1].key);
    ck_assert_int_eq(report->channels.items[0].observed.state, OBSERVED_NOT_PROBED);
    ck_assert_str_eq(report->channels.items[0].observed.reason.code, "no-probe-asked");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("merge");
    TCase *tests = tcase_create("merge");

    tcase_add_loop_test(tests, states_merge, 0, CASES);
    tcase_add_test(tests, never_safer_than_what_was_seen);
    tcase_add_test(tests, rules_and_paths_stand_once);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

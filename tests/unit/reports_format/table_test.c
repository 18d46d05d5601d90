/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/json.h"
#include "netns/base/text.h"
#include "reports/format/escape.h"
#include "reports/format/format.h"

#include <check.h>

/* A report in which every text that a tenant chooses is hostile. */
#define HOSTILE "x\033]0;owned\007\033[2J\r\n\xff\xfe\xe2\x80\xae<script>\t|\xc2\x9b"

static struct report *hostile_report(void)
{
    struct report *report = report_new();

    report->scan = (struct report_scan){
        .host = HOSTILE, .tool = "postern 0", .kernel = HOSTILE, .started = "", .finished = ""};
    *list_append(&report->scan.errors) =
        (struct report_error){.code = "namespace-vanished", .subject = HOSTILE, .message = HOSTILE};
    *list_append(&report->scan.side_effects) = HOSTILE;
    struct report_container *container = list_append(&report->containers);
    *container =
        (struct report_container){.name = HOSTILE, .engine = "docker", .image = HOSTILE, .workload = HOSTILE};
    *list_append(&container->labels) = (struct report_label){HOSTILE, HOSTILE};
    struct report_listener *listener = list_append(&report->listeners);
    *listener = (struct report_listener){
        .id = "l1", .container = HOSTILE, .protocol = "tcp", .workload = HOSTILE, .namespace = 1};
    *list_append(&listener->processes) = (struct report_process){.name = HOSTILE, .executable = HOSTILE};
    struct report_channel *channel = list_append(&report->channels);
    *channel = (struct report_channel){.id = "c1",
                                       .from = HOSTILE,
                                       .container = HOSTILE,
                                       .listener = "l1",
                                       .channel_class = CLASS_UNEXPECTED};
    channel->entry =
        (struct entry){.family = FAMILY_IP4, .protocol = PROTOCOL_TCP, .address = address_ip4(1), .port = 1};
    *list_append(&channel->reasons) = (struct reason){"unknown-match", HOSTILE, HOSTILE};
    struct report_rule *rule = list_append(&report->rules);
    *rule = (struct report_rule){
        .id = "r1",
        .rule = {
            .backend = "nf_tables", .text = HOSTILE, .comment = HOSTILE, .table = HOSTILE, .namespace = 1}};
    struct report_finding *finding = list_append(&report->findings);
    *finding = (struct report_finding){.id = "i",
                                       .kind = "unexpected-exposure",
                                       .severity = SEVERITY_HIGH,
                                       .title = HOSTILE,
                                       .container = HOSTILE,
                                       .workload = HOSTILE};
    *list_append(&finding->explanation) = HOSTILE;
    *list_append(&finding->fix) = HOSTILE;
    *list_append(&finding->vantages) = HOSTILE;
    *list_append(&finding->vantages) = HOSTILE;
    return report;
}

static char *render(const char *format, const struct format_options *options, const struct report *report)
{
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);

    ck_assert_int_eq(format_find(format)->render(report, options, file, NULL), 0);
    fclose(file);
    ck_assert_uint_eq(strlen(text), length);
    return text;
}

/* Nothing but printable UTF-8 and line feeds leaves any format. */
START_TEST(no_format_lets_control_characters_through)
{
    static const char *const formats[] = {"table", "json"};
    const struct format_options options = {.verbose = true, .width = (unsigned)_i % 2 ? 80 : 0};
    struct report *report = hostile_report();
    char *text = render(formats[_i / 2], &options, report);

    ck_assert(text_is_utf8(text));
    for (const char *at = text; *at;) {
        uint32_t point = text_next(&at);
        ck_assert_msg(point == '\n' || (point >= 0x20 && point != 0x7f && (point < 0x80 || point >= 0xa0)),
                      "U+%04x in %s", point, formats[_i / 2]);
        if (_i / 2 == 0)
            ck_assert_msg(point < 0x202a || point > 0x202e, "U+%04x in the table", point);
    }
    ck_assert_ptr_nonnull(strstr(text, "script"));
    free(text);
    report_free(report);
}
END_TEST

START_TEST(json_is_json)
{
    struct report *report = hostile_report();
    const struct format_options options = {0};
    char *text = render("json", &options, report);
    _cleanup_json_ cJSON *value = json_parse(text, strlen(text), "report", NULL);

    ck_assert_ptr_nonnull(value);
    ck_assert_str_eq(json_text(value, "format"), "postern-report");
    const cJSON *finding = cJSON_GetArrayItem(json_member(value, "findings"), 0);
    ck_assert_ptr_nonnull(strstr(json_text(finding, "title"), "\033]0;owned\007"));
    free(text);
    report_free(report);
}
END_TEST

START_TEST(table_says_worst_first_and_what_was_not_seen)
{
    struct report *report = report_new();
    const struct format_options options = {0};

    report->scan.host = "node-1";
    report->scan.complete = false;
    *list_append(&report->scan.errors) =
        (struct report_error){.code = "namespace-refused", .subject = "net:[1]", .message = "no"};
    *list_append(&report->findings) =
        (struct report_finding){.severity = SEVERITY_HIGH, .title = "the worst"};
    *list_append(&report->findings) = (struct report_finding){.severity = SEVERITY_LOW, .title = "the least"};
    *list_append(&report->findings) =
        (struct report_finding){.severity = SEVERITY_INFO, .title = "unweighty"};
    char *text = render("table", &options, report);
    const char *worst = strstr(text, "the worst"), *least = strstr(text, "the least"),
               *unseen = strstr(text, "Not seen");
    ck_assert(worst && least && unseen && worst < least && least < unseen);
    ck_assert_ptr_null(strstr(text, "unweighty"));
    ck_assert_ptr_nonnull(strstr(text, "NOT complete"));
    ck_assert_ptr_nonnull(strstr(text, "namespace-refused: net:[1]: no"));
    ck_assert_ptr_nonnull(strstr(text, "1 high, 1 low findings"));
    free(text);
    report_free(report);
}
END_TEST

/* What is open beyond the policy is told to the last network, however many there are. */
START_TEST(a_long_list_is_whole)
{
    struct report *report = report_new();
    const struct format_options options = {0};
    struct report_finding *finding = list_append(&report->findings);

    *finding = (struct report_finding){.severity = SEVERITY_HIGH, .title = "t", .policy = "line"};
    for (unsigned i = 0; i < 2000; i++)
        *list_append(&finding->excess_sources) = "2001:db8:1234:5678::/64";
    *list_append(&finding->excess_sources) = "192.0.2.99/32";
    char *text = render("table", &options, report);
    ck_assert_ptr_nonnull(strstr(text, "192.0.2.99/32"));
    free(text);
    report_free(report);
}
END_TEST

/* A report of two uplinks, with a channel from each of these vantages. */
static struct report *uplinks_report(void)
{
    static const struct {
        const char *from, *interface;
        enum vantage_kind kind;
        enum channel_class channel_class;
    } rows[] = {{"external@eth0", "eth0", VANTAGE_EXTERNAL, CLASS_UNEXPECTED},
                {"external@eth1", "eth1", VANTAGE_EXTERNAL, CLASS_UNEXPECTED},
                {"lan@eth0", "eth0", VANTAGE_LAN, CLASS_UNEXPECTED},
                {"lan@eth1", "eth1", VANTAGE_LAN, CLASS_ALLOWED},
                {"host", NULL, VANTAGE_HOST, CLASS_IGNORED}};
    struct report *report = report_new();

    report->scan.guard = "nftables";
    *list_append(&report->containers) = (struct report_container){.name = "web", .engine = "docker"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        *list_append(&report->vantages) = (struct report_vantage){
            .name = rows[i].from, .kind = rows[i].kind, .interface = rows[i].interface};
        struct report_channel *channel = list_append(&report->channels);
        *channel = (struct report_channel){.id = "c1",
                                           .from = rows[i].from,
                                           .from_kind = rows[i].kind,
                                           .container = "web",
                                           .channel_class = rows[i].channel_class};
        channel->entry = (struct entry){
            .family = FAMILY_IP4, .protocol = PROTOCOL_TCP, .address = address_ip4(1), .port = 80};
        channel->observed.state = i == 2 ? OBSERVED_NOT_PROBED : OBSERVED_OPEN;
        channel->observed.reason.code = i == 2 ? "no-other-member" : NULL;
    }
    return report;
}

/* Channels that differ in the vantage alone are one line, and all uplinks' vantages one word. */
START_TEST(ways_in_that_fare_alike_are_one_line)
{
    struct report *report = uplinks_report();
    const struct format_options plain = {0}, verbose = {.verbose = true};
    char *text = render("table", &plain, report);

    ck_assert_ptr_nonnull(strstr(text, "  open  proven      unexpected  0.0.0.1:80/tcp  external\n"));
    ck_assert_ptr_nonnull(strstr(text, "  open  not-probed  unexpected  0.0.0.1:80/tcp  lan@eth0\n"));
    ck_assert_ptr_nonnull(strstr(text, "  open  proven      allowed     0.0.0.1:80/tcp  lan@eth1\n"));
    ck_assert_ptr_nonnull(strstr(text, "  and 1 open that the policy ignores\n"));
    ck_assert_ptr_nonnull(strstr(text, "not probed: 1 channel: the segment has no other container"));
    free(text);
    text = render("table", &verbose, report);
    ck_assert_ptr_nonnull(strstr(text, "ignored     0.0.0.1:80/tcp  host\n"));
    free(text);
    report_free(report);
}
END_TEST

/* Ranges of several findings are one paragraph, each decider once. */
START_TEST(ranges_are_told_together)
{
    static const char *const texts[] = {"ip4 tcp ports 1-79: the policy of X",
                                        "ip4 udp ports 1-99: the policy of X",
                                        "ip4 tcp ports 5: rule Y: a: b"};
    struct report *report = uplinks_report();
    const struct format_options plain = {0};

    for (size_t i = 0; i < 3; i++) {
        struct report_finding *finding = list_append(&report->findings);
        *finding = (struct report_finding){
            .kind = "open-range", .severity = SEVERITY_LOW, .title = "unseen", .container = "web"};
        *list_append(&finding->vantages) = "host";
        *list_append(&finding->explanation) = texts[i];
    }
    char *text = render("table", &plain, report);
    ck_assert_ptr_nonnull(strstr(text, "    let in: the policy of X\n"
                                       "      host to web: ip4 tcp ports 1-79\n"
                                       "      host to web: ip4 udp ports 1-99\n"
                                       "    let in: rule Y: a: b\n"
                                       "      host to web: ip4 tcp ports 5\n"));
    ck_assert_ptr_null(strstr(text, "unseen"));
    free(text);
    report_free(report);
}
END_TEST

/* No line is wider than the terminal, but for a word that is wider by itself. */
START_TEST(lines_keep_within_the_terminal)
{
    struct report *report = uplinks_report();
    const struct format_options narrow = {.width = 80};
    struct report_finding *finding = list_append(&report->findings);

    *finding =
        (struct report_finding){.severity = SEVERITY_HIGH,
                                .title = "a title of many words, as many as it "
                                         "takes to pass the edge of the terminal by some, and then some"};
    *list_append(&finding->explanation) =
        "an explanation that is about as long as a rule's text is, and that is longer "
        "than eighty columns, twice, so that a third line is begun as well, at least";
    *list_append(&report->scan.only_from) = "host";
    char *text = render("table", &narrow, report);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        ck_assert_msg(strcspn(line, "\n") <= 80, "%.*s", (int)strcspn(line, "\n"), line);
    ck_assert_ptr_nonnull(strstr(text, "only a part was looked at"));
    free(text);
    report_free(report);
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
    struct report *report = hostile_report();
    const struct format_options options = {0};
    struct error error = ERROR_NONE;
    FILE *file = fopen("/dev/full", "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_lt(format_find(_i ? "json" : "table")->render(report, &options, file, &error), 0);
    ck_assert_str_eq(error.code, "write-failed");
    fclose(file);
    report_free(report);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("format");
    TCase *tests = tcase_create("format");

    tcase_add_loop_test(tests, no_format_lets_control_characters_through, 0, 4);
    tcase_add_test(tests, json_is_json);
    tcase_add_test(tests, table_says_worst_first_and_what_was_not_seen);
    tcase_add_test(tests, a_long_list_is_whole);
    tcase_add_test(tests, ways_in_that_fare_alike_are_one_line);
    tcase_add_test(tests, ranges_are_told_together);
    tcase_add_test(tests, lines_keep_within_the_terminal);
    tcase_add_loop_test(tests, a_full_disk_is_an_error, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

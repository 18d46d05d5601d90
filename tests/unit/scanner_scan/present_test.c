/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/text.h"
#include "scanner/scan/present.h"

#include <check.h>

/* One that went and one that stayed may have the same name: the scan is not complete for the first. */
START_TEST(what_stayed_outweighs_what_went)
{
    struct report *report = report_new();

    present_error(report, "namespace-vanished", NULL, "gone", true);
    present_error(report, "namespace-vanished", "", "still there", _i == 0);
    present_error(report, "namespace-vanished", "", "gone again", true);
    ck_assert_uint_eq(report->scan.errors.count, 1);
    ck_assert(report->scan.errors.items[0].gone == (_i == 0));
    ck_assert_str_eq(report->scan.errors.items[0].message, _i == 0 ? "gone" : "still there");
    report_free(report);
}
END_TEST

/* Whose a process is: known to be in no container, in the user namespace that owns the host's network, and in
 * the PID namespace of the host's first process. Its executable is the host's own then alone. */
START_TEST(a_process_of_the_host_is_known_to_be)
{
    static const struct {
        int32_t container;
        uint64_t user_namespace, pid_namespace, host_pid_namespace;
        bool of_host;
    } cases[] = {{-1, 70, 90, 90, true}, {-1, 71, 90, 90, false}, {-1, 0, 90, 90, false},
                 {0, 70, 90, 90, false}, {-1, 70, 91, 90, false}, {-1, 70, 0, 90, false},
                 {-1, 70, 0, 0, false}};
    struct snapshot *snapshot = snapshot_new();
    struct report *report = report_new();
    struct namespace *host = namespace_new(1);
    struct listener_list listeners = {0};

    *list_append(&snapshot->namespaces) = host;
    snapshot->host_namespace = 1;
    host->user_namespace = 70;
    *list_append(&snapshot->containers) = (struct container){.name = "web", .engine = ENGINE_DOCKER};
    snapshot->host_pid_namespace = cases[_i].host_pid_namespace;
    *list_append(&snapshot->processes) = (struct process){.pid = 5,
                                                          .container = cases[_i].container,
                                                          .executable_on_host = true,
                                                          .pid_namespace = cases[_i].pid_namespace,
                                                          .user_namespace = cases[_i].user_namespace};
    struct socket *socket = list_append(&host->sockets);
    *socket = (struct socket){.kind = SOCKET_TCP, .family = FAMILY_IP4, .port = 22};
    *list_append(&socket->processes) = 0;
    *list_append(&listeners) = (struct listener_reference){.namespace = 1, .socket = 0};
    present_snapshot(snapshot, &listeners, report);
    ck_assert(report->listeners.items[0].processes.items[0].of_host == cases[_i].of_host);
    ck_assert(report->listeners.items[0].processes.items[0].executable_on_host == cases[_i].of_host);
    list_free(&listeners);
    report_free(report);
    snapshot_free(snapshot);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("present");
    TCase *tests = tcase_create("present");

    tcase_add_loop_test(tests, what_stayed_outweighs_what_went, 0, 2);
    tcase_add_loop_test(tests, a_process_of_the_host_is_known_to_be, 0, 7);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

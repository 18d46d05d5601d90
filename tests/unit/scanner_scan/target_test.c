/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose address a probe bears: nobody's that is known. */
#include "scanner/scan/target.h"

#include "tests/unit/scanner_path/build.h"

#include <check.h>

static struct build_lab lab;

static void setup(void)
{
    lab = build_lab();
}

static void teardown(void)
{
    lab.snapshot = snapshot_free(lab.snapshot);
}

/* The probe of a channel from `lan` to the host's port 22, whose one part is of these sources and ports. */
static struct probe probe_of(struct interval_set sources, struct interval_set ports,
                             enum observed_method method)
{
    struct world *world = world_new(lab.snapshot);
    struct vantage vantage = {.name = "lan", .kind = VANTAGE_LAN, .namespace = lab.host->id};
    struct path_channel channel = {
        .vantage = &vantage,
        .entry = {.family = FAMILY_IP4,
                  .protocol = method == METHOD_DATAGRAM ? PROTOCOL_UDP : PROTOCOL_TCP,
                  .address = build_ip("203.0.113.10"),
                  .port = 22}};
    struct uplink_list uplinks = {0};
    struct target_options options = {.uplinks = &uplinks};
    struct target_places places = {0};
    struct plan plan = {0};
    struct prediction_part *part = list_append(&channel.prediction.parts);
    *part = (struct prediction_part){.state = STATE_OPEN,
                                     .sources = sources,
                                     .source_ports = ports,
                                     .target = {.namespace = lab.host->id, .port = 22, .socket = -1}};
    *list_append(&uplinks) = 2;
    if (method == METHOD_INGRESS)
        vantage.interface = 2;
    else
        vantage.kind = VANTAGE_HOST;
    target_plan(world, &channel, 1, &options, &plan, &places);
    ck_assert_uint_eq(plan.probes.count, 1);
    struct probe probe = plan.probes.items[0];
    ck_assert_int_eq(probe.method, method);
    prediction_free(&channel.prediction);
    list_free(&uplinks);
    list_free(&places);
    plan_free(&plan);
    world_free(world);
    return probe;
}

static struct probe from_network(const char *prefix)
{
    return probe_of(interval_set_prefix(build_net(prefix)), (struct interval_set){0}, METHOD_INGRESS);
}

START_TEST(machines_that_are_known)
{
    static const char last[] = "203.0.113.254";
    struct probe probe = from_network("203.0.113.0/24");
    ck_assert_str_eq(ADDRESS_TEXT(probe.source), last); /* nobody is known to be there */
    ck_assert(!probe.source_in_use);
    *list_append(&lab.snapshot->resolvers) = build_ip(last);
    probe = from_network("203.0.113.0/24");
    ck_assert_str_eq(ADDRESS_TEXT(probe.source), "203.0.113.253");
    probe = from_network("203.0.113.254/32"); /* nobody else is in the part */
    ck_assert(probe.source_in_use);
    probe = from_network("203.0.113.1/32"); /* the gateway */
    ck_assert(probe.source_in_use);
}
END_TEST

START_TEST(parts_of_source_ports)
{
    struct interval_set all = interval_set_family(FAMILY_IP4);
    struct probe probe = probe_of(interval_set_copy(&all), interval_set_range(1024, 2000), METHOD_INGRESS);
    ck_assert_uint_eq(probe.source_port, 2000);
    *list_append(&lab.host->connections) = (struct connection){.kind = SOCKET_TCP,
                                                               .family = FAMILY_IP4,
                                                               .local = build_ip("203.0.113.10"),
                                                               .remote = build_ip("198.51.100.7"),
                                                               .local_port = 22,
                                                               .remote_port = 2000};
    probe = probe_of(interval_set_copy(&all), interval_set_range(1024, 2000), METHOD_INGRESS);
    ck_assert_uint_eq(probe.source_port, 1999);
    probe = probe_of(interval_set_copy(&all), interval_set_range(2000, 2000), METHOD_INGRESS);
    ck_assert_str_eq(probe.skip, "no-source-port");
    probe = probe_of(interval_set_copy(&all), interval_set_range(1024, 2000), METHOD_DATAGRAM);
    ck_assert_str_eq(probe.skip, "no-source-port"); /* a socket has one port for all */
    probe = probe_of(interval_set_copy(&all), interval_set_range(40000, UINT16_MAX), METHOD_INGRESS);
    ck_assert_uint_eq(probe.source_port, 0); /* the run's own will do */
    ck_assert_ptr_null(probe.skip);
    interval_set_free(&all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scanner/scan/target");
    TCase *sources = tcase_create("sources");
    tcase_add_checked_fixture(sources, setup, teardown);
    tcase_add_test(sources, machines_that_are_known);
    tcase_add_test(sources, parts_of_source_ports);
    suite_add_tcase(suite, sources);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

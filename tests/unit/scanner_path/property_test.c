/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both evaluators agree: for random worlds, on both sides of every cut that the symbolic one makes in the
 * sources, the concrete one sees what it says. The seed of a failure is in its message: PROPERTY_SEED=N runs
 * that one alone.
 */
#include "random.h"
#include "scanner/path/concrete.h"
#include "scanner/path/symbolic.h"

#include <check.h>
#include <inttypes.h>

#define SEEDS_DEFAULT 600

static struct query random_query(struct random *random)
{
    static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_TCP, PROTOCOL_UDP};
    struct query query = {.family = random->family,
                          .protocol = RANDOM_OF(random, protocols),
                          .destination = random_destination(random),
                          .port = RANDOM_OF(random, random_ports),
                          .namespace = random->lab.host->id};
    switch (random_below(random, 8)) {
    case 0:
    case 1:
    case 2:
    case 3:
        query.interface = 2;
        query.sources = interval_set_family(random->family);
        break;
    case 4:
        query.interface = 3;
        query.sources = interval_set_family(random->family);
        break;
    case 5:
        break;
    case 6:
        query.namespace = random->lab.c2->id;
        break;
    default:
        query.namespace = random->lab.c3->id;
        break;
    }
    return query;
}

/* Ports on both sides of every constant that the generator uses. */
static void port_points(struct interval_set *points)
{
    for (size_t i = 0; i < sizeof(random_source_ports) / sizeof(*random_source_ports); i++)
        for (uint32_t delta = 0; delta <= 502; delta++)
            if (delta < 2 || delta > 498) {
                uint32_t port = random_source_ports[i] + delta - 1;
                if (port >= 1024 && port <= UINT16_MAX)
                    interval_set_add(points, port, port);
            }
    interval_set_add(points, 1024, 1024);
    interval_set_add(points, 1500, 1500);
    interval_set_add(points, UINT16_MAX, UINT16_MAX);
}

/* And of every cut that the prediction itself makes. */
static void port_cuts(const struct prediction *prediction, struct interval_set *points)
{
    list_each(const struct prediction_part, part, &prediction->parts)
        for (size_t i = 0; i < part->source_ports.count; i++) {
            u128 first = part->source_ports.items[i].first, last = part->source_ports.items[i].last;
            interval_set_add(points, first, first);
            interval_set_add(points, last, last);
            if (first > 1024)
                interval_set_add(points, first - 1, first - 1);
            if (last < UINT16_MAX)
                interval_set_add(points, last + 1, last + 1);
        }
}

static struct packet packet_of(const struct query *query, struct address source, uint16_t port)
{
    return (struct packet){.namespace = query->namespace,
                           .interface = query->interface,
                           .family = query->family,
                           .protocol = query->protocol,
                           .source = source,
                           .source_port = port,
                           .destination = query->destination,
                           .destination_port = query->port};
}

static enum state concrete_state(const struct world *world, const struct query *query, struct address source,
                                 uint16_t port, struct arena *arena, struct target *ret_target)
{
    struct packet packet = packet_of(query, source, port);
    struct outcome outcome = {0};
    int result = concrete_evaluate(world, &packet, arena, &outcome);
    ck_assert_int_eq(result, 0);
    enum state state = outcome.state;
    *ret_target = outcome.target;
    outcome_free(&outcome);
    return state;
}

struct point_check {
    const struct world *world;
    const struct query *query;
    const struct prediction *prediction;
    const struct interval_set *ports; /* all points */
    struct arena *arena;
    uint64_t seed;
};

static const struct prediction_part *part_with(const struct prediction *prediction, u128 source)
{
    const struct prediction_part *found = NULL;
    list_each(const struct prediction_part, part, &prediction->parts)
        if (interval_set_contains(&part->sources, source)) {
            ck_assert_msg(!found, "parts overlap");
            found = part;
        }
    return found;
}

/* The state of an address is that of its most exposed port; a part's ports fare as it says. */
static void check_point(const struct point_check *check, u128 source)
{
    struct address address = {check->query->family, source};
    const struct prediction_part *part = part_with(check->prediction, source);
    enum state most = STATE_UNREACHABLE;
    ck_assert_msg(part, "seed %" PRIu64 ": %s is in no part", check->seed, ADDRESS_TEXT(address));
    for (size_t i = 0; i < check->ports->count; i++)
        for (u128 port = check->ports->items[i].first; port <= check->ports->items[i].last; port++) {
            struct target target;
            enum state state =
                concrete_state(check->world, check->query, address, (uint16_t)port, check->arena, &target);
            bool counted =
                interval_set_empty(&part->source_ports) || interval_set_contains(&part->source_ports, port);
            most = state < most ? state : most;
            ck_assert_msg(!counted || state == part->state,
                          "seed %" PRIu64 ": from %s port %u to %s port %u: %s, but of its part %s",
                          check->seed, ADDRESS_TEXT(address), (unsigned)port,
                          ADDRESS_TEXT(check->query->destination), check->query->port, state_name(state),
                          state_name(part->state));
            ck_assert_msg(!counted || state != STATE_OPEN || target.socket == part->target.socket ||
                              target.namespace != part->target.namespace,
                          "seed %" PRIu64 ": another socket", check->seed);
        }
    ck_assert_msg(most == part->state, "seed %" PRIu64 ": from %s at most %s, not %s", check->seed,
                  ADDRESS_TEXT(address), state_name(most), state_name(part->state));
}

static void check_parts(const struct point_check *check)
{
    u128 maximum = family_max(check->query->family);
    list_each(const struct prediction_part, part, &check->prediction->parts)
        for (size_t i = 0; i < part->sources.count && i < 64; i++) {
            struct interval interval = part->sources.items[i];
            check_point(check, interval.first);
            if (interval.last != interval.first)
                check_point(check, interval.last);
            if (interval.last - interval.first > 4)
                check_point(check, interval.first + (interval.last - interval.first) / 3);
            if (interval.first > 0)
                check_point(check, interval.first - 1);
            if (interval.last < maximum)
                check_point(check, interval.last + 1);
        }
}

/* Where a sender's address is the kernel's choice, there is one part of one address. */
static void check_sent(const struct point_check *check)
{
    ck_assert_msg(check->prediction->parts.count >= 1, "seed %" PRIu64 ": no part", check->seed);
    for (size_t i = 0; i < check->ports->count; i++) {
        struct target target;
        u128 port = check->ports->items[i].first;
        enum state state = concrete_state(check->world, check->query, (struct address){0}, (uint16_t)port,
                                          check->arena, &target);
        bool counted = false;
        list_each(const struct prediction_part, part, &check->prediction->parts)
            if (interval_set_empty(&part->source_ports) || interval_set_contains(&part->source_ports, port)) {
                counted = true;
                ck_assert_msg(check->prediction->parts.count > 1 || state == part->state,
                              "seed %" PRIu64 ": sent from port %u to %s port %u: %s, not %s", check->seed,
                              (unsigned)port, ADDRESS_TEXT(check->query->destination), check->query->port,
                              state_name(state), state_name(part->state));
            }
        ck_assert_msg(counted || state >= check->prediction->state, "seed %" PRIu64 ": more than predicted",
                      check->seed);
    }
}

static void check_seed(uint64_t seed)
{
    struct random random = random_world(seed);
    struct world *world = world_new(random.lab.snapshot);
    struct interval_set ports = {0};
    port_points(&ports);
    for (unsigned i = 0; i < 3; i++) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct query query = random_query(&random);
        struct prediction prediction = {0};
        ck_assert_int_eq(symbolic_evaluate(world, &query, arena, &prediction), 0);
        port_cuts(&prediction, &ports);
        struct point_check check = {world, &query, &prediction, &ports, arena, seed};
        if (query.interface)
            check_parts(&check);
        else
            check_sent(&check);
        prediction_free(&prediction);
        interval_set_free(&query.sources);
    }
    interval_set_free(&ports);
    world_free(world);
    snapshot_free(random.lab.snapshot);
}

START_TEST(evaluators_agree)
{
    const char *one = getenv("PROPERTY_SEED"), *many = getenv("PROPERTY_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1, count = one    ? 1
                                                                : many ? strtoull(many, NULL, 10)
                                                                       : SEEDS_DEFAULT;
    for (uint64_t seed = first; seed < first + count; seed++)
        check_seed(seed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("property");
    TCase *tests = tcase_create("agreement");
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, evaluators_agree);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

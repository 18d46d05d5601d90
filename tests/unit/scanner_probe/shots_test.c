/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/keeper.h"
#include "scanner/probe/shots.h"
#include "scanner/probe/witness.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ULL
enum { COUNT = 3000, BORN = 100 };

static struct shots shots;

static void fill(uint32_t index)
{
    struct shot_entry *entry = &shots.entries[index];

    entry->tuple = (struct shot_tuple){.family = 4,
                                       .protocol = index % 3 ? SHOT_TCP : SHOT_UDP,
                                       .source_port = shots_port(&shots, index),
                                       .port = (uint16_t)(1 + index % 60000)};
    entry->tuple.source[0] = 198;
    entry->tuple.destination[0] = 203;
    entry->port = 7;
    entry->arrival = 9;
    entry->previous = NO_SHOT;
    entry->sent_ns = BORN * SECOND;
    shots_enlist(&shots, index);
}

static void set_up(void)
{
    ck_assert_int_eq(shots_begin(&shots, NULL), 0);
    ck_assert_int_eq(shots_reserve(&shots, COUNT, NULL), 0);
    ck_assert_int_eq(shots_need_records(&shots, NULL), 0);
    shots.count = COUNT;
    for (uint32_t i = 0; i < COUNT; i++)
        fill(i);
}

static void tear_down(void)
{
    shots_free(&shots);
}

START_TEST(cookies_lead_back)
{
    uint32_t found;

    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert(shots_index(&shots, shots_cookie(&shots, i), &found));
        ck_assert_uint_eq(found, i);
    }
    for (uint32_t i = COUNT; i < 100000; i++)
        ck_assert(!shots_index(&shots, shots_cookie(&shots, i), &found));
}
END_TEST

START_TEST(cookies_differ_between_runs)
{
    struct shots other = {0};
    unsigned same = 0;

    ck_assert_int_eq(shots_begin(&other, NULL), 0);
    for (uint32_t i = 0; i < 1000; i++)
        same += shots_cookie(&shots, i) == shots_cookie(&other, i);
    ck_assert_uint_lt(same, 3);
    ck_assert_mem_ne(shots.scan, other.scan, sizeof(other.scan));
}
END_TEST

START_TEST(ports_are_of_the_block)
{
    ck_assert_uint_ge(shots.first_port, 61000);
    ck_assert_int_le(shots.first_port + shots.port_count - 1, 65535);
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_uint_ge(shots_port(&shots, i), shots.first_port);
        ck_assert_int_lt(shots_port(&shots, i), shots.first_port + shots.port_count);
    }
}
END_TEST

static struct sight answer_to(uint32_t index, enum sight_kind kind)
{
    const struct shot_tuple *sent = &shots.entries[index].tuple;
    struct sight sight = {.kind = kind, .tuple = *sent};

    memcpy(sight.tuple.source, sent->destination, 16);
    memcpy(sight.tuple.destination, sent->source, 16);
    sight.tuple.source_port = sent->port;
    sight.tuple.port = sent->source_port;
    return sight;
}

START_TEST(an_answer_finds_its_shot)
{
    uint32_t found;
    struct sight sight = answer_to(1501, SIGHT_SYN_ACK);

    sight.has_cookie = true;
    sight.cookie = shots_cookie(&shots, 1501);
    ck_assert(shots_find(&shots, &sight, &found));
    ck_assert_uint_eq(found, 1501);
    sight.tuple.source_port = 8080; /* the server's port was rewritten */
    ck_assert(shots_find(&shots, &sight, &found));
    sight.tuple.port = 9; /* and the client's: a stranger with our number */
    ck_assert(!shots_find(&shots, &sight, &found));
    sight = answer_to(1501, SIGHT_SYN_ACK);
    sight.has_cookie = true;
    sight.cookie = shots_cookie(&shots, 1501);
    sight.tuple.family = 6;
    ck_assert(!shots_find(&shots, &sight, &found));
}
END_TEST

START_TEST(an_answer_without_a_cookie)
{
    struct sight sight = answer_to(1503, SIGHT_ANSWER);
    uint32_t found;

    ck_assert(shots_find(&shots, &sight, &found));
    ck_assert_uint_eq(found, 1503);
    sight.tuple.source[1] = 1;
    ck_assert(!shots_find(&shots, &sight, &found));
    sight = answer_to(1503, SIGHT_ANSWER);
    sight.tuple.port = 53;
    ck_assert(!shots_find(&shots, &sight, &found));
    shots.entries[1503].tuple.source_port = 53; /* a port of its own */
    shots_enlist(&shots, 1503);
    ck_assert(shots_find(&shots, &sight, &found));
    ck_assert_uint_eq(found, 1503);
}
END_TEST

START_TEST(sightings)
{
    struct sight sight = {.kind = SIGHT_SHOT, .tuple = shots.entries[4].tuple, .has_cookie = true};
    struct sighting *seen = &shots.sightings[4];

    sight.cookie = shots_cookie(&shots, 4);
    sighting_note(&shots, &sight, 7, false, 1);
    ck_assert_uint_eq(seen->arrived, 0);
    ck_assert_uint_eq(seen->last_interface, 7);
    ck_assert_uint_eq(seen->last_outgoing, 0);
    sighting_note(&shots, &sight, 9, false, 2); /* by the right interface, but the wrong way */
    ck_assert_uint_eq(seen->arrived, 0);
    sight.tuple.port = 8080;
    sighting_note(&shots, &sight, 9, true, 3);
    ck_assert_uint_eq(seen->arrived, 1);
    ck_assert_uint_eq(seen->tuple.port, 8080);
    sight = answer_to(4, SIGHT_REFUSAL);
    sight.has_cookie = true;
    sight.cookie = shots_cookie(&shots, 4);
    sighting_note(&shots, &sight, 9, false, 55);
    ck_assert_uint_eq(seen->refusals, 1);
    ck_assert_uint_eq(seen->answered_ns, 55);
}
END_TEST

/* ---- debts ---- */

static enum debt debt(uint32_t index, uint64_t now, bool final)
{
    return shot_debt(&shots, index, now, final);
}

START_TEST(nothing_owed_for_what_was_refused)
{
    shots.records[1].resets = 1;
    ck_assert_int_eq(debt(1, BORN * SECOND, true), DEBT_NONE);
    ck_assert_int_eq(debt(3, BORN * SECOND, true), DEBT_NONE); /* UDP */
    shots.entries[4].connects = true;                          /* its sender's kernel looks after it */
    shots.records[4].syn_acks = 1;
    ck_assert_int_eq(debt(4, BORN * SECOND, true), DEBT_NONE);
    shots.entries[5].sent_ns = 0;
    ck_assert_int_eq(debt(5, BORN * SECOND, true), DEBT_NONE);
}
END_TEST

START_TEST(silence)
{
    uint64_t soon = BORN * SECOND + SECOND / 10, later = (BORN + 1) * SECOND;

    shots.entries[1].watched = true;
    ck_assert_int_eq(debt(1, soon, false), DEBT_NONE);
    ck_assert_int_eq(debt(1, soon, true), DEBT_WAIT);
    ck_assert_int_eq(debt(1, later, true), DEBT_NONE); /* stopped before any socket */
    shots.records[1].delivered = 1;                    /* its answer may be lost */
    ck_assert_int_eq(debt(1, later, false), DEBT_STAY);
    ck_assert_int_eq(debt(1, later, true), DEBT_RESET);
    shots.entries[1].resets = 1;
    shots.entries[1].reset_ns = later;
    ck_assert_int_eq(debt(1, later + SECOND / 10, true), DEBT_WAIT);
    ck_assert_int_eq(debt(1, later + SECOND, true), DEBT_STAY); /* its answer may be late */
    ck_assert_int_eq(debt(1, (BORN + 6) * SECOND, true), DEBT_NONE);
    shots.entries[2].sent_ns = BORN * SECOND; /* nobody watches its target */
    ck_assert_int_eq(debt(2, soon, true), DEBT_WAIT);
    ck_assert_int_eq(debt(2, later, true), DEBT_RESET);
}
END_TEST

START_TEST(raw_shots)
{
    uint64_t soon = BORN * SECOND + SECOND / 10, later = (BORN + 1) * SECOND;
    struct shot_entry *entry = &shots.entries[4];

    entry->port = 0;
    entry->watched = true;
    shots.records[4].syn_acks = 1;
    shots.records[4].syn_ack_ns = BORN * SECOND;
    shots.records[4].answered_ns = BORN * SECOND;
    ck_assert_int_eq(debt(4, soon, false), DEBT_NONE); /* the sender's kernel resets it */
    ck_assert_int_eq(debt(4, soon, true), DEBT_WAIT);
    ck_assert_int_eq(debt(4, later, false), DEBT_RESET); /* it did not */
    shots.records[4].reset_delivered = 1;
    ck_assert_int_eq(debt(4, later, true), DEBT_NONE);
    shots.records[4].reset_delivered = 0;
    entry->watched = false; /* whether it did is not to be seen: once, to be sure */
    ck_assert_int_eq(debt(4, later, true), DEBT_RESET);
    entry->resets = 1;
    ck_assert_int_eq(debt(4, later, true), DEBT_NONE);
}
END_TEST

START_TEST(a_neighbour_that_does_not_answer)
{
    shots.entries[3].watched = true; /* a datagram */
    shots.records[3].passed = 1;
    ck_assert_int_eq(debt(3, (BORN + 3) * SECOND, true), DEBT_STAY);
    ck_assert_int_eq(debt(3, (BORN + 6) * SECOND, true), DEBT_NONE);
    shots.sightings[3].arrived = 1; /* it may wait inside, where the target forwards */
    ck_assert_int_eq(debt(3, (BORN + 3) * SECOND, true), DEBT_STAY);
    shots.records[3].passed = 0; /* a bridged one, on its way into another namespace */
    ck_assert_int_eq(debt(3, (BORN + 3) * SECOND, true), DEBT_NONE);
    shots.sightings[3].last_outgoing = 9;
    ck_assert_int_eq(debt(3, (BORN + 3) * SECOND, true), DEBT_STAY);
    shots.records[3].delivered = 1;
    ck_assert_int_eq(debt(3, (BORN + 3) * SECOND, true), DEBT_NONE);
}
END_TEST

START_TEST(half_open)
{
    struct shot_record *record = &shots.records[1];
    struct shot_entry *entry = &shots.entries[1];

    record->syn_acks = 1;
    record->syn_ack_ns = BORN * SECOND;
    ck_assert_int_eq(debt(1, BORN * SECOND, false), DEBT_RESET);
    entry->resets = 1;
    entry->syn_acks = 1;
    entry->reset_ns = BORN * SECOND;
    ck_assert_int_eq(debt(1, BORN * SECOND, false), DEBT_WAIT);
    ck_assert_int_eq(debt(1, (BORN + 1) * SECOND, false), DEBT_WAIT);
    ck_assert_int_eq(debt(1, (BORN + 2) * SECOND, false), DEBT_NONE); /* the second SYN-ACK is overdue */
    record->syn_acks = 2;                                             /* here it is */
    record->syn_ack_ns = (BORN + 1) * SECOND;
    ck_assert_int_eq(debt(1, (BORN + 1) * SECOND, false), DEBT_RESET);
    entry->resets = 2;
    entry->syn_acks = 2;
    ck_assert_int_eq(debt(1, (BORN + 3) * SECOND, false), DEBT_WAIT);
    record->reset_delivered = 1;
    ck_assert_int_eq(debt(1, (BORN + 1) * SECOND, false), DEBT_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shots");
    TCase *tests = tcase_create("shots");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, cookies_lead_back);
    tcase_add_test(tests, cookies_differ_between_runs);
    tcase_add_test(tests, ports_are_of_the_block);
    tcase_add_test(tests, an_answer_finds_its_shot);
    tcase_add_test(tests, an_answer_without_a_cookie);
    tcase_add_test(tests, sightings);
    tcase_add_test(tests, nothing_owed_for_what_was_refused);
    tcase_add_test(tests, silence);
    tcase_add_test(tests, raw_shots);
    tcase_add_test(tests, a_neighbour_that_does_not_answer);
    tcase_add_test(tests, half_open);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

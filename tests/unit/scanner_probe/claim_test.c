/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/claim.h"

#include <check.h>
#include <stdlib.h>

static struct map *claims;

static void set_up(void)
{
    claims = map_new();
}

static void tear_down(void)
{
    claims = map_free(claims);
}

static struct claim claim_of(uint32_t owner, uint8_t dialled, uint16_t port, uint8_t ended, uint16_t end_port)
{
    struct claim claim = {.owner = owner};

    claim.dialled = (struct shot_tuple){.family = 4, .protocol = SHOT_TCP, .port = port};
    claim.dialled.destination[0] = dialled;
    claim.ended = (struct shot_tuple){.family = 4, .protocol = SHOT_TCP, .port = end_port};
    claim.ended.destination[0] = ended;
    return claim;
}

static uint16_t port_for(struct claim claim)
{
    return claim_port(claims, &claim, 100, 3, 0);
}

START_TEST(what_is_dialled_apart_shares_a_port)
{
    ck_assert_uint_eq(port_for(claim_of(0, 1, 80, 1, 80)), 100);
    ck_assert_uint_eq(port_for(claim_of(1, 1, 81, 1, 81)), 100);
    ck_assert_uint_eq(port_for(claim_of(2, 1, 80, 1, 80)), 101);
}
END_TEST

START_TEST(what_ends_together_does_not)
{
    ck_assert_uint_eq(port_for(claim_of(0, 1, 1000, 2, 80)), 100);
    ck_assert_uint_eq(port_for(claim_of(1, 1, 1001, 2, 80)), 101);
    ck_assert_uint_eq(port_for(claim_of(2, 2, 80, 2, 80)), 102); /* directly */
    ck_assert_uint_eq(port_for(claim_of(3, 1, 1002, 2, 80)), 0);
    ck_assert_uint_eq(port_for(claim_of(4, 1, 1003, 2, 81)), 100); /* only now is a port shared */
}
END_TEST

START_TEST(a_range_takes_any_port)
{
    ck_assert_uint_eq(port_for(claim_of(0, 1, 1000, 2, 443)), 100);
    ck_assert_uint_eq(port_for(claim_of(1, 2, 444, 2, 444)), 101);
    ck_assert_uint_eq(port_for(claim_of(2, 1, 1001, 2, 445)), 102);
}
END_TEST

START_TEST(a_port_that_is_given)
{
    struct claim claim = claim_of(0, 1, 1000, 2, 80), other = claim_of(1, 1, 1001, 2, 80);

    claim.again = other.again = true;
    ck_assert(claim_take(claims, &claim, true));
    ck_assert(claim_take(claims, &claim, true)); /* the next try */
    ck_assert(!claim_take(claims, &other, true));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("claim");
    TCase *tests = tcase_create("claim");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_dialled_apart_shares_a_port);
    tcase_add_test(tests, what_ends_together_does_not);
    tcase_add_test(tests, a_range_takes_any_port);
    tcase_add_test(tests, a_port_that_is_given);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

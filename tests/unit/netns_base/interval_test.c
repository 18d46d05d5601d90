/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interval sets against an oracle: sets over 0..255 as 256 flags. The same random sets are tried at the
 * bottom of the number space and at its top (2^128 - 256 and up), where a sum wraps around.
 */
#include "netns/base/interval.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

enum { SPACE = 256, ROUNDS = 400 };
static const u128 TOP = ~(u128)0 - (SPACE - 1);

struct bitmap {
    bool has[SPACE];
};

/* A generator of its own (xorshift): the same sets everywhere, and a failure can be repeated. */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void check_whole(const struct interval_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        ck_assert(set->items[i].first <= set->items[i].last);
        if (i > 0) { /* ascending, disjoint, not adjacent */
            ck_assert(set->items[i].first > set->items[i - 1].last);
            ck_assert(set->items[i].first - set->items[i - 1].last > 1);
        }
    }
}

static bool equals_bitmap(const struct interval_set *set, const struct bitmap *bitmap, u128 base)
{
    check_whole(set);
    for (size_t i = 0; i < SPACE; i++) {
        if (interval_set_contains(set, base + i) != bitmap->has[i])
            return false;
    }
    u128 numbers = 0;
    for (size_t i = 0; i < set->count; i++)
        numbers += set->items[i].last - set->items[i].first + 1;
    for (size_t i = 0; i < SPACE; i++)
        numbers -= bitmap->has[i];
    return numbers == 0; /* nothing outside of the space */
}

static struct interval_set random_set(uint32_t *state, u128 base, struct bitmap *ret_bitmap)
{
    struct interval_set set = {0};
    *ret_bitmap = (struct bitmap){0};
    uint32_t count = next_random(state) % 12, longest = 1 + next_random(state) % 60;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = next_random(state) % SPACE, last = first + next_random(state) % longest;
        if (next_random(state) % 6 == 0)
            last = SPACE - 1;
        last = last < SPACE ? last : SPACE - 1;
        interval_set_add(&set, base + first, base + last);
        for (uint32_t j = first; j <= last; j++)
            ret_bitmap->has[j] = true;
    }
    ck_assert(equals_bitmap(&set, ret_bitmap, base));
    return set;
}

static void check_operation(struct interval_set result, const struct bitmap *a, const struct bitmap *b,
                            bool (*oracle)(bool, bool), u128 base)
{
    struct bitmap expected;
    for (size_t i = 0; i < SPACE; i++)
        expected.has[i] = oracle(a->has[i], b->has[i]);
    ck_assert(equals_bitmap(&result, &expected, base));
    interval_set_free(&result);
    ck_assert(interval_set_empty(&result));
}

static bool oracle_or(bool a, bool b)
{
    return a || b;
}

static bool oracle_and(bool a, bool b)
{
    return a && b;
}

static bool oracle_minus(bool a, bool b)
{
    return a && !b;
}

static bool oracle_not(bool a, bool b)
{
    (void)b;
    return !a;
}

static void check_questions(const struct interval_set *x, const struct interval_set *y,
                            const struct bitmap *a, const struct bitmap *b)
{
    bool covers = true, overlaps = false, equal = true, empty = true;
    for (size_t i = 0; i < SPACE; i++) {
        covers = covers && (a->has[i] || !b->has[i]);
        overlaps = overlaps || (a->has[i] && b->has[i]);
        equal = equal && a->has[i] == b->has[i];
        empty = empty && !a->has[i];
    }
    ck_assert_int_eq(interval_set_covers(x, y), covers);
    ck_assert_int_eq(interval_set_overlaps(x, y), overlaps);
    ck_assert_int_eq(interval_set_overlaps(y, x), overlaps);
    ck_assert_int_eq(interval_set_equal(x, y), equal);
    ck_assert_int_eq(interval_set_empty(x), empty);
}

static void check_pair(uint32_t *state, u128 base)
{
    struct bitmap a, b;
    _cleanup_interval_set_ struct interval_set x = random_set(state, base, &a);
    _cleanup_interval_set_ struct interval_set y = random_set(state, base, &b);
    if (next_random(state) % 4 == 0) { /* a subset, else covers() is hardly ever true */
        _cleanup_interval_set_ struct interval_set old = y;
        y = interval_set_intersect(&x, &old);
        for (size_t i = 0; i < SPACE; i++)
            b.has[i] = b.has[i] && a.has[i];
    }
    check_operation(interval_set_union(&x, &y), &a, &b, oracle_or, base);
    check_operation(interval_set_intersect(&x, &y), &a, &b, oracle_and, base);
    check_operation(interval_set_subtract(&x, &y), &a, &b, oracle_minus, base);
    check_operation(interval_set_copy(&x), &a, &a, oracle_or, base);
    check_questions(&x, &y, &a, &b);
    check_questions(&x, &x, &a, &a);
}

START_TEST(operations_do_what_the_oracle_does)
{
    uint32_t state = 20260701u;
    for (int round = 0; round < ROUNDS; round++) {
        check_pair(&state, 0);
        check_pair(&state, (u128)UINT64_MAX - 100); /* over the border of 64 bits */
        check_pair(&state, TOP);
    }
}
END_TEST

START_TEST(complement_does_what_the_oracle_does)
{
    uint32_t state = 7u;
    for (int round = 0; round < ROUNDS; round++) {
        struct bitmap a;
        _cleanup_interval_set_ struct interval_set x = random_set(&state, 0, &a);
        check_operation(interval_set_complement(&x, SPACE - 1), &a, &a, oracle_not, 0);
        _cleanup_interval_set_ struct interval_set y = random_set(&state, TOP, &a);
        _cleanup_interval_set_ struct interval_set all = interval_set_complement(&y, ~(u128)0);
        _cleanup_interval_set_ struct interval_set below = interval_set_range(0, TOP - 1);
        check_operation(interval_set_subtract(&all, &below), &a, &a, oracle_not, TOP);
        ck_assert(interval_set_covers(&all, &below));
        _cleanup_interval_set_ struct interval_set back = interval_set_complement(&all, ~(u128)0);
        ck_assert(interval_set_equal(&back, &y));
    }
}
END_TEST

/* Every prefix is one of the family, none overlap, and none can be joined with its neighbour. */
static void check_prefixes(const struct prefix_list *list, enum ip_family family)
{
    for (size_t i = 0; i < list->count; i++) {
        struct prefix prefix = list->items[i];
        ck_assert_int_eq(prefix.address.family, family);
        ck_assert(address_equal(prefix_first(prefix), prefix.address));
        if (i == 0)
            continue;
        struct prefix before = list->items[i - 1];
        ck_assert(prefix_last(before).value < prefix.address.value);
        struct prefix wider = {before.address, (uint8_t)(before.length - 1)};
        ck_assert(!(before.length == prefix.length && address_equal(prefix_first(wider), before.address) &&
                    address_equal(prefix_last(wider), prefix_last(prefix))));
    }
}

START_TEST(prefixes_cover_exactly)
{
    static const struct {
        enum ip_family family;
        u128 base;
    } places[] = {{FAMILY_IP4, 0}, {FAMILY_IP4, 0xffffff00u},    {FAMILY_IP4, 0x7fffff80u},
                  {FAMILY_IP6, 0}, {FAMILY_IP6, ~(u128)0 - 255}, {FAMILY_IP6, ((u128)1 << 64) - 128}};
    uint32_t state = 99u;
    for (int round = 0; round < ROUNDS; round++) {
        size_t place = (size_t)round % (sizeof(places) / sizeof(places[0]));
        enum ip_family family = places[place].family;
        struct bitmap a;
        struct prefix_list list = {0};
        _cleanup_interval_set_ struct interval_set set = random_set(&state, places[place].base, &a);
        interval_set_prefixes(&set, family, &list);
        check_prefixes(&list, family);
        _cleanup_interval_set_ struct interval_set back = interval_set_from_prefixes(&list, family);
        ck_assert(interval_set_equal(&set, &back));
        list_free(&list);
    }
}
END_TEST

static char *prefixes_text(const struct interval_set *set, enum ip_family family)
{
    struct prefix_list list = {0};
    struct buffer text = BUFFER(100000);
    interval_set_prefixes(set, family, &list);
    list_each(struct prefix, prefix, &list)
        buffer_printf(&text, "%s%s", text.length > 0 ? " " : "", PREFIX_TEXT(*prefix));
    list_free(&list);
    return buffer_take(&text);
}

static const struct {
    enum ip_family family;
    u128 first, last;
    const char *expected;
} ranges[] = {
    {FAMILY_IP4, 0, 0xffffffff, "0.0.0.0/0"},
    {FAMILY_IP4, 0, 0, "0.0.0.0/32"},
    {FAMILY_IP4, 0xffffffff, 0xffffffff, "255.255.255.255/32"},
    {FAMILY_IP4, 0x80000000, 0xffffffff, "128.0.0.0/1"},
    {FAMILY_IP4, 0xfffffffe, 0xffffffff, "255.255.255.254/31"},
    {FAMILY_IP4, 1, 6, "0.0.0.1/32 0.0.0.2/31 0.0.0.4/31 0.0.0.6/32"},
    {FAMILY_IP4, 0x0a000000, 0x0affffff, "10.0.0.0/8"},
    {FAMILY_IP4, 0xffffffff, (u128)1 << 40, "255.255.255.255/32"},
    {FAMILY_IP4, (u128)1 << 32, (u128)1 << 40, ""},
    {FAMILY_IP6, 0, ~(u128)0, "::/0"},
    {FAMILY_IP6, ~(u128)0, ~(u128)0, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
    {FAMILY_IP6, 0, 0, "::/128"},
    {FAMILY_IP6, (u128)1 << 127, ~(u128)0, "8000::/1"},
    {FAMILY_NONE, 0, 5, ""},
};

START_TEST(prefixes_of_ranges)
{
    _cleanup_interval_set_ struct interval_set set = interval_set_range(ranges[_i].first, ranges[_i].last);
    _cleanup_free_ char *text = prefixes_text(&set, ranges[_i].family);
    ck_assert_str_eq(text, ranges[_i].expected);
}
END_TEST

START_TEST(all_but_one_address)
{
    _cleanup_interval_set_ struct interval_set one = interval_set_range(0, 0);
    _cleanup_interval_set_ struct interval_set rest = interval_set_complement(&one, family_max(FAMILY_IP6));
    struct prefix_list list = {0};
    interval_set_prefixes(&rest, FAMILY_IP6, &list);
    ck_assert_uint_eq(list.count, 128);
    ck_assert_str_eq(PREFIX_TEXT(list.items[127]), "8000::/1");
    list_free(&list);
}
END_TEST

START_TEST(sets_are_made_of_prefixes)
{
    static const char *const texts[] = {"10.0.0.0/9", "192.0.2.1",    "10.128.0.0/9",
                                        "::/0",       "192.0.2.0/24", "10.5.5.5/8"};
    struct prefix_list list = {0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_int_eq(prefix_parse(texts[i], false, list_append(&list), NULL), 0);
    *list_append(&list) = (struct prefix){0};
    _cleanup_interval_set_ struct interval_set four = interval_set_from_prefixes(&list, FAMILY_IP4);
    _cleanup_interval_set_ struct interval_set six = interval_set_from_prefixes(&list, FAMILY_IP6);
    _cleanup_interval_set_ struct interval_set none = interval_set_from_prefixes(&list, FAMILY_NONE);
    _cleanup_interval_set_ struct interval_set whole = interval_set_family(FAMILY_IP6);
    _cleanup_free_ char *text = prefixes_text(&four, FAMILY_IP4);
    ck_assert_str_eq(text, "10.0.0.0/8 192.0.2.0/24");
    ck_assert(interval_set_equal(&six, &whole));
    ck_assert(interval_set_empty(&none));
    list_free(&list);
    struct interval_set nothing = interval_set_family(FAMILY_NONE);
    ck_assert(interval_set_empty(&nothing));
}
END_TEST

START_TEST(neighbours_become_one)
{
    const u128 max = ~(u128)0;
    _cleanup_interval_set_ struct interval_set set = {0};
    interval_set_add(&set, max, max);
    interval_set_add(&set, max - 1, max - 1);
    ck_assert_uint_eq(set.count, 1);
    interval_set_add(&set, 0, 0);
    ck_assert_uint_eq(set.count, 2); /* 0 is no neighbour of the largest number */
    interval_set_add(&set, 2, 2);
    ck_assert_uint_eq(set.count, 3);
    interval_set_add(&set, 1, 1);
    ck_assert_uint_eq(set.count, 2);
    interval_set_add(&set, 5, 4); /* no interval */
    ck_assert_uint_eq(set.count, 2);
    interval_set_add(&set, 0, max);
    ck_assert_uint_eq(set.count, 1);
    interval_set_add(&set, 3, 3);
    ck_assert_uint_eq(set.count, 1);
    ck_assert(set.items[0].first == 0 && set.items[0].last == max);
    struct interval_set nothing = interval_set_complement(&set, max);
    ck_assert(interval_set_empty(&nothing));
}
END_TEST

START_TEST(large_sets_are_quick)
{
    enum { COUNT = 200000 };
    struct interval_set even = {0}, odd = {0};
    for (u128 i = 0; i < COUNT; i++) {
        interval_set_add(&even, 4 * i, 4 * i);
        interval_set_add(&odd, 4 * i + 2, 4 * i + 2);
    }
    /* quadratic, these would take hours: the test's time limit is seconds */
    struct interval_set both = interval_set_union(&even, &odd);
    struct interval_set none = interval_set_intersect(&even, &odd);
    struct interval_set rest = interval_set_subtract(&both, &odd);
    ck_assert_uint_eq(both.count, 2 * COUNT);
    ck_assert(interval_set_empty(&none));
    ck_assert(interval_set_equal(&rest, &even));
    ck_assert(interval_set_covers(&both, &even) && !interval_set_overlaps(&even, &odd));
    interval_set_free(&even);
    interval_set_free(&odd);
    interval_set_free(&both);
    interval_set_free(&rest);
}
END_TEST

/* ---- ports ---- */
static const struct {
    const char *text, *printed; /* NULL: refused */
} ports[] = {
    {"443", "443"},
    {"0", "0"},
    {"65535", "65535"},
    {"0-65535", "0-65535"},
    {"1000-2000", "1000-2000"},
    {"80-80", "80"},
    {"443,22,80-90", "22,80-90,443"},
    {"80,81,82", "80-82"},
    {"80-90,85-95", "80-95"},
    {"", NULL},
    {",", NULL},
    {"80,", NULL},
    {",80", NULL},
    {"-", NULL},
    {"80-", NULL},
    {"-80", NULL},
    {"90-80", NULL},
    {"65536", NULL},
    {"80-65536", NULL},
    {"80-90-100", NULL},
    {" 80", NULL},
    {"80, 90", NULL},
    {"http", NULL},
    {"99999999999999999999", NULL},
    {"4294967376", NULL},
};

START_TEST(port_sets)
{
    _cleanup_interval_set_ struct interval_set set = {0};
    struct error error = ERROR_NONE;
    int r = interval_set_parse_ports(ports[_i].text, &set, &error);
    if (!ports[_i].printed) {
        ck_assert_msg(r == -EINVAL, "%s", ports[_i].text);
        ck_assert_str_eq(error.code, "bad-port");
        ck_assert_ptr_null(set.items);
        return;
    }
    ck_assert_msg(r == 0, "%s", ports[_i].text);
    _cleanup_free_ char *printed = interval_set_print_ports(&set);
    ck_assert_str_eq(printed, ports[_i].printed);
}
END_TEST

START_TEST(every_second_port_is_printed)
{
    struct interval_set set = {0};
    for (u128 port = 1; port <= 65535; port += 2)
        interval_set_add(&set, port, port);
    _cleanup_free_ char *text = interval_set_print_ports(&set);
    struct interval_set back;
    ck_assert_int_eq(interval_set_parse_ports(text, &back, NULL), 0);
    ck_assert(interval_set_equal(&set, &back));
    interval_set_free(&set);
    interval_set_free(&back);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("interval");
    TCase *tcase = tcase_create("interval");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, operations_do_what_the_oracle_does);
    tcase_add_test(tcase, complement_does_what_the_oracle_does);
    tcase_add_test(tcase, prefixes_cover_exactly);
    tcase_add_loop_test(tcase, prefixes_of_ranges, 0, COUNT(ranges));
    tcase_add_test(tcase, all_but_one_address);
    tcase_add_test(tcase, sets_are_made_of_prefixes);
    tcase_add_test(tcase, neighbours_become_one);
    tcase_add_test(tcase, large_sets_are_quick);
    tcase_add_loop_test(tcase, port_sets, 0, COUNT(ports));
    tcase_add_test(tcase, every_second_port_is_printed);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

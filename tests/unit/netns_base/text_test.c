/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/text.h"

#include <check.h>
#include <stdlib.h>

#define R "\xef\xbf\xbd"

struct repair_vector {
    const char *bytes;
    size_t length;
    const char *expected;
};
#define V(bytes_, expected_)                                                                                 \
    {                                                                                                        \
        .bytes = (bytes_), .length = sizeof(bytes_) - 1, .expected = (expected_)                             \
    }

/* The examples of Unicode 15, 3.9 (tables 3-8 to 3-11), and the edges of every form of table 3-7. */
static const struct repair_vector repairs[] = {
    V("", ""),
    V("plain", "plain"),
    V("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", R R R R R R R R "A"),
    V("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", R R R R R R R R "A"),
    V("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", R R R R R "A" R R "B"),
    V("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", R R R R "A"),
    V("\x80", R),
    V("\xc2", R),
    V("\xc2\x80", "\xc2\x80"),
    V("\xc1\xbf", R R),
    V("\xdf\xbf", "\xdf\xbf"),
    V("\xe0\x9f\xbf", R R R),
    V("\xe0\xa0\x80", "\xe0\xa0\x80"),
    V("\xed\x9f\xbf", "\xed\x9f\xbf"),
    V("\xee\x80\x80", "\xee\x80\x80"),
    V("\xef\xbf\xbf", "\xef\xbf\xbf"),
    V("\xf0\x8f\xbf\xbf", R R R R),
    V("\xf0\x90\x80\x80", "\xf0\x90\x80\x80"),
    V("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"),
    V("\xf4\x90\x80\x80", R R R R),
    V("\xf5\x80\x80\x80", R R R R),
    V("\xe2\x82", R),
    V("\xf0\x9f\x92", R),
    V("a\0b", "a" R "b"),
    V("\x1b[31m", "\x1b[31m"),
    V(R, R),
};

START_TEST(utf8_is_repaired)
{
    const struct repair_vector *vector = &repairs[_i];
    _cleanup_arena_ struct arena *arena = arena_new();
    /* a copy of its own: a read behind its end is seen by the sanitizer */
    _cleanup_free_ char *bytes = memory_alloc(vector->length);
    memcpy(bytes, vector->bytes, vector->length);
    const char *text = text_utf8(arena, bytes, vector->length);
    ck_assert_str_eq(text, vector->expected);
    ck_assert(text_is_utf8(text));
}
END_TEST

START_TEST(ill_formed_text_is_seen)
{
    const struct repair_vector *vector = &repairs[_i];
    if (memchr(vector->bytes, 0, vector->length))
        return; /* not a text */
    _cleanup_free_ char *text = memory_strndup(vector->bytes, vector->length);
    ck_assert_int_eq(text_is_utf8(text), strcmp(text, vector->expected) == 0);
}
END_TEST

START_TEST(code_points_come_one_by_one)
{
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb3\xe2\x82z";
    static const uint32_t expected[] = {'a', 0xe9, 0x20ac, 0x1f433, 0xfffd, 'z'};
    const char *at = text;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        ck_assert_uint_eq(text_next(&at), expected[i]);
    ck_assert_ptr_eq(at, text + sizeof(text) - 1);
    _cleanup_free_ char *cut = memory_strdup("\xf0\x9f\x90");
    at = cut;
    ck_assert_uint_eq(text_next(&at), 0xfffd);
    ck_assert_ptr_eq(at, cut + 3);
}
END_TEST

static const struct {
    const char *text;
    size_t width;
} widths[] = {
    {"", 0},
    {"plain", 5},
    {"\xc3\xa9", 1},                         /* e acute */
    {"e\xcc\x81", 1},                        /* e, combining acute */
    {"\xe6\xbc\xa2\xe5\xad\x97", 4},         /* two ideographs */
    {"\xef\xbc\xa1", 2},                     /* fullwidth A */
    {"\xea\xb0\x80", 2},                     /* a Hangul syllable */
    {"\xe1\x84\x80\xe1\x85\xa1", 2},         /* the same of two parts */
    {"\xf0\x9f\x90\xb3", 2},                 /* a whale */
    {"a\xe2\x80\x8b\x62", 2},                /* zero width space */
    {"\xe2\x80\xae\x61", 1},                 /* right-to-left override */
    {"\x1b[0m", 3},                          /* ESC counts nothing */
    {"\x7f\xc2\x85", 0},                     /* DEL, NEL */
    {"\xff", 1},                             /* U+FFFD */
    {"\xf3\xa0\x84\x80", 0},                 /* variation selector 17 */
    {"\xef\xbd\xb1", 1},                     /* halfwidth katakana */
    {"\xf0\xa0\x80\x80\xf0\xbf\xbf\xbd", 4}, /* planes 2 and 3 */
};

START_TEST(width)
{
    ck_assert_uint_eq(text_width(widths[_i].text), widths[_i].width);
}
END_TEST

static const struct {
    const char *pattern, *text;
    bool matches;
} patterns[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "a/b", true},
    {"**", "x", true},
    {"a*", "a", true},
    {"a*c", "abbbc", true},
    {"a*c", "abbbcd", false},
    {"*web*", "shop-web-1", true},
    {"*web*", "shop-wib-1", false},
    {"a*b*c", "axbxbxc", true},
    {"a*b*c", "axbxbxcx", false},
    {"*ab", "aab", true},
    {"*" R, "\xe2\x82\xac", false}, /* a star never stops inside a character */
    {"?", "", false},
    {"?", "\xe2\x82\xac", true},
    {"?", "\xff", true},
    {"??", "a", false},
    {"[a-c]x", "bx", true},
    {"[a-c]x", "dx", false},
    {"[!a-c]", "d", true},
    {"[!a-c]", "a", false},
    {"[^a-c]", "d", true},
    {"[]]", "]", true},
    {"[!]]", "]", false},
    {"[a-]", "-", true},
    {"[a-]", "b", false},
    {"[\xc3\xa0-\xc3\xaf]", "\xc3\xa9", true},
    {"[\\]]", "]", true},
    {"[\\a-c]", "b", true},
    {"[z-a]", "m", false},
    {"[", "[", true},
    {"[a", "[a", true},
    {"[a", "a", false},
    {"[]", "[]", true},
    {"*[", "x[", true},
    {"\\*", "*", true},
    {"\\*", "x", false},
    {"\\[a]", "[a]", true},
    {"\\", "\\", true},
    {"a\\?b", "a?b", true},
    {"a\\?b", "axb", false},
    {"*.example", "a.example", true},
    {"abc", "abcd", false},
    {"abcd", "abc", false},
    {"A", "a", false},
};

START_TEST(pattern)
{
    ck_assert_msg(text_match(patterns[_i].pattern, patterns[_i].text) == patterns[_i].matches, "%s %s",
                  patterns[_i].pattern, patterns[_i].text);
}
END_TEST

START_TEST(patterns_are_not_exponential)
{
    char text[2001], stars[201];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i < 200; i += 2)
        memcpy(stars + i, "a*", 3);
    stars[199] = 'b'; /* with a backtracking matcher this never ends */
    ck_assert(!text_match(stars, text));
}
END_TEST

START_TEST(numbers)
{
    uint64_t value = 7;
    ck_assert(text_number("0", 0, 10, &value));
    ck_assert_uint_eq(value, 0);
    ck_assert(text_number("18446744073709551615", 0, UINT64_MAX, &value));
    ck_assert_uint_eq(value, UINT64_MAX);
    ck_assert(text_number("007", 0, 10, &value));
    ck_assert_uint_eq(value, 7);
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1e3",
                                      "11",
                                      "1.0",
                                      "18446744073709551616",
                                      "99999999999999999999999",
                                      "\xd9\xa1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!text_number(bad[i], 0, 10, &value), "%s", bad[i]);
    ck_assert(!text_number("18446744073709551616", 0, UINT64_MAX, &value));
    ck_assert(!text_number("4", 5, 10, &value));
    ck_assert(!text_number(NULL, 0, 10, &value));
    ck_assert_uint_eq(value, 7);
}
END_TEST

START_TEST(starts_ends_equal)
{
    ck_assert(text_starts("abc", "") && text_starts("abc", "ab") && text_starts("abc", "abc"));
    ck_assert(!text_starts("abc", "abcd") && !text_starts("abc", "b"));
    ck_assert(text_ends("abc", "") && text_ends("abc", "bc") && text_ends("abc", "abc"));
    ck_assert(!text_ends("abc", "xabc") && !text_ends("abc", "b"));
    ck_assert(text_equal("a", "a") && text_equal(NULL, NULL));
    ck_assert(!text_equal("a", NULL) && !text_equal(NULL, "a") && !text_equal("a", "b"));
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("text");
    tcase_add_loop_test(tcase, utf8_is_repaired, 0, COUNT(repairs));
    tcase_add_loop_test(tcase, ill_formed_text_is_seen, 0, COUNT(repairs));
    tcase_add_test(tcase, code_points_come_one_by_one);
    tcase_add_loop_test(tcase, width, 0, COUNT(widths));
    tcase_add_loop_test(tcase, pattern, 0, COUNT(patterns));
    tcase_add_test(tcase, patterns_are_not_exponential);
    tcase_add_test(tcase, numbers);
    tcase_add_test(tcase, starts_ends_equal);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

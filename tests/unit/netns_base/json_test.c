/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/json.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

/* ---- reading ---- */
static cJSON *parse(const char *text, struct error *error)
{
    /* without the NUL, in memory of its own: a read behind the end is seen by the sanitizer */
    size_t length = strlen(text);
    _cleanup_free_ char *bytes = memory_alloc(length);
    memcpy(bytes, text, length);
    return json_parse(bytes, length, "file.json", error);
}

static const char whole[] = "{\"a\": [1, -2.5e3, true, false, null, \"x\\u20ac\\n\"], \"b\": {\"c\": {}}}";

START_TEST(every_truncated_text_is_refused)
{
    for (size_t length = 0; length < sizeof(whole) - 1; length++) {
        _cleanup_free_ char *text = memory_strndup(whole, length);
        struct error error = ERROR_NONE;
        ck_assert_msg(!parse(text, &error), "%s", text);
        ck_assert_str_eq(error.code, "bad-json");
        ck_assert_int_eq(error.status, EINVAL);
    }
    _cleanup_json_ cJSON *value = parse(whole, NULL);
    ck_assert_ptr_nonnull(value);
}
END_TEST

static const struct {
    const char *text, *subject;
} bad_texts[] = {
    {"", "file.json:1:1"},
    {"{} x", "file.json:1:4"},
    {"{}{}", "file.json:1:3"},
    {"[1,\n 2,\n  oops]", "file.json:3:3"},
    {"{\n\"a\" 1}", "file.json:2:5"},
    {"nul", "file.json:1:1"},
    {"[1,]", "file.json:1:4"},
};

START_TEST(errors_say_where)
{
    struct error error = ERROR_NONE;
    ck_assert_msg(!parse(bad_texts[_i].text, &error), "%s", bad_texts[_i].text);
    ck_assert_str_eq(error.subject, bad_texts[_i].subject);
}
END_TEST

START_TEST(blanks_may_follow)
{
    _cleanup_json_ cJSON *value = parse(" [ ]\r\n\t ", NULL);
    ck_assert(cJSON_IsArray(value));
    ck_assert_ptr_null(json_parse("[]\0", 3, "x", NULL));
    ck_assert_ptr_null(json_parse(NULL, 0, NULL, NULL));
}
END_TEST

START_TEST(depth_is_bounded)
{
    _cleanup_free_ char *text = memory_alloc(100001);
    memset(text, '[', 100000);
    ck_assert_ptr_null(parse(text, NULL));
}
END_TEST

START_TEST(an_escaped_nul_hides_nothing)
{
    _cleanup_json_ cJSON *value =
        parse("{\"name\": \"good\\u0000evil\", \"x\": \"\\\\u0000\", \"n\\u0000\": 1}", NULL);
    ck_assert_str_eq(json_text(value, "name"), "good\xef\xbf\xbd"
                                               "evil");
    ck_assert_str_eq(json_text(value, "x"), "\\u0000");
    ck_assert_ptr_nonnull(json_member(value, "n\xef\xbf\xbd"));
}
END_TEST

START_TEST(members_are_typed)
{
    _cleanup_json_ cJSON *value =
        parse("{\"t\": \"x\", \"n\": 1, \"yes\": true, \"no\": false, \"nothing\": null}", NULL);
    ck_assert_str_eq(json_text(value, "t"), "x");
    ck_assert_ptr_null(json_text(value, "n"));
    ck_assert_ptr_null(json_text(value, "T"));
    ck_assert_ptr_null(json_text(NULL, "t"));
    ck_assert(json_bool(value, "yes"));
    ck_assert(!json_bool(value, "no") && !json_bool(value, "n") && !json_bool(value, "absent"));
    ck_assert(cJSON_IsNull(json_member(value, "nothing")));
    ck_assert_ptr_null(json_member(value, "absent"));
    ck_assert_ptr_null(json_member(json_member(value, "t"), "t"));
}
END_TEST

static const struct {
    const char *value;
    uint64_t maximum;
    bool good;
    uint64_t expected;
} numbers[] = {
    {"0", 0, true, 0},
    {"255", 255, true, 255},
    {"256", 255, false, 0},
    {"1e2", 255, true, 100},
    {"9007199254740991", UINT64_MAX, true, 9007199254740991u},
    {"9007199254740992", UINT64_MAX, false, 0}, /* might have been another in the text */
    {"\"9007199254740993\"", UINT64_MAX, true, 9007199254740993u},
    {"\"18446744073709551615\"", UINT64_MAX, true, UINT64_MAX},
    {"\"18446744073709551616\"", UINT64_MAX, false, 0},
    {"\"256\"", 255, false, 0},
    {"\"0x10\"", 255, false, 0},
    {"\"\"", 255, false, 0},
    {"-1", 255, false, 0},
    {"-0.5", 255, false, 0},
    {"0.5", 255, false, 0},
    {"1e400", UINT64_MAX, false, 0},
    {"true", 255, false, 0},
    {"null", 255, false, 0},
    {"[1]", 255, false, 0},
};

START_TEST(unsigned_numbers)
{
    uint64_t number = 77;
    _cleanup_free_ char *text = memory_printf("{\"n\": %s}", numbers[_i].value);
    _cleanup_json_ cJSON *value = parse(text, NULL);
    ck_assert_ptr_nonnull(value);
    ck_assert_msg(json_unsigned(value, "n", numbers[_i].maximum, &number) == numbers[_i].good, "%s", text);
    ck_assert_uint_eq(number, numbers[_i].good ? numbers[_i].expected : 77);
    ck_assert(!json_unsigned(value, "absent", 1, &number));
}
END_TEST

/* ---- writing ---- */
struct written {
    char *text;
    size_t length;
    FILE *file;
    struct json_writer writer;
};

static struct written *written_new(bool pretty)
{
    struct written *written = memory_alloc(sizeof(*written));
    written->file = open_memstream(&written->text, &written->length);
    ck_assert_ptr_nonnull(written->file);
    written->writer = json_writer(written->file, pretty);
    return written;
}

static char *written_end(struct written *written)
{
    ck_assert_int_eq(fclose(written->file), 0);
    char *text = written->text;
    free(written);
    return text;
}

static void write_sample(struct json_writer *writer)
{
    json_object_begin(writer);
    json_member_text(writer, "text", "x");
    json_member_text(writer, "none", NULL);
    json_name(writer, "empty list");
    json_array_begin(writer);
    json_array_end(writer);
    json_name(writer, "empty object");
    json_object_begin(writer);
    json_object_end(writer);
    json_name(writer, "list");
    json_array_begin(writer);
    json_put_unsigned(writer, 1);
    json_array_begin(writer);
    json_put_signed(writer, -2);
    json_array_end(writer);
    json_put_bool(writer, true);
    json_put_null(writer);
    json_array_end(writer);
    json_member_unsigned(writer, "n", 3);
    json_member_bool(writer, "b", false);
    json_member_null(writer, "z");
    json_object_end(writer);
}

START_TEST(one_line)
{
    struct written *written = written_new(false);
    write_sample(&written->writer);
    _cleanup_free_ char *text = written_end(written);
    ck_assert_str_eq(
        text, "{\"text\":\"x\",\"none\":null,\"empty list\":[],\"empty object\":{},\"list\":[1,[-2],true,"
              "null],\"n\":3,\"b\":false,\"z\":null}");
}
END_TEST

START_TEST(pretty)
{
    struct written *written = written_new(true);
    write_sample(&written->writer);
    _cleanup_free_ char *text = written_end(written);
    ck_assert_str_eq(text, "{\n"
                           "  \"text\": \"x\",\n"
                           "  \"none\": null,\n"
                           "  \"empty list\": [],\n"
                           "  \"empty object\": {},\n"
                           "  \"list\": [\n"
                           "    1,\n"
                           "    [\n"
                           "      -2\n"
                           "    ],\n"
                           "    true,\n"
                           "    null\n"
                           "  ],\n"
                           "  \"n\": 3,\n"
                           "  \"b\": false,\n"
                           "  \"z\": null\n"
                           "}\n");
}
END_TEST

static const struct {
    const char *text, *expected;
} escapes[] = {
    {"", "\"\""},
    {"plain /", "\"plain /\""},
    {"\"\\", "\"\\\"\\\\\""},
    {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
    {"\x01\x1b\x1f\x7f", "\"\\u0001\\u001b\\u001f\\u007f\""},
    {"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\"\\u0080\\u009b\\u009f\xc2\xa0\""},
    {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", "\"\\u2028\\u2029\xe2\x80\xaa\""},
    {"\xe2\x82\xac\xf0\x9f\x90\xb3", "\"\xe2\x82\xac\xf0\x9f\x90\xb3\""},
    {"a\xff\x62\xe2\x82", "\"a\xef\xbf\xbd\x62\xef\xbf\xbd\""},
    {"\xef\xbf\xbd", "\"\xef\xbf\xbd\""},
    {"</script>", "\"</script>\""},
};

START_TEST(texts_are_escaped)
{
    struct written *written = written_new(false);
    json_put_text(&written->writer, escapes[_i].text);
    _cleanup_free_ char *text = written_end(written);
    ck_assert_str_eq(text, escapes[_i].expected);
}
END_TEST

START_TEST(every_text_comes_back)
{
    for (unsigned point = 1; point < 0x3000; point++) {
        char original[4] = {(char)point};
        if (point >= 0x80 && point < 0x800) {
            original[0] = (char)(0xc0 | point >> 6);
            original[1] = (char)(0x80 | (point & 0x3f));
        } else if (point >= 0x800) {
            original[0] = (char)(0xe0 | point >> 12);
            original[1] = (char)(0x80 | (point >> 6 & 0x3f));
            original[2] = (char)(0x80 | (point & 0x3f));
        }
        struct written *written = written_new(false);
        json_put_text(&written->writer, original);
        _cleanup_free_ char *text = written_end(written);
        _cleanup_json_ cJSON *value = parse(text, NULL);
        ck_assert(cJSON_IsString(value));
        ck_assert(strcmp(value->valuestring, original) == 0);
    }
}
END_TEST

START_TEST(large_numbers_are_texts)
{
    struct written *written = written_new(false);
    json_array_begin(&written->writer);
    json_put_unsigned(&written->writer, 9007199254740991u);
    json_put_unsigned(&written->writer, 9007199254740992u);
    json_put_unsigned(&written->writer, UINT64_MAX);
    json_put_signed(&written->writer, -9007199254740991);
    json_put_signed(&written->writer, -9007199254740992);
    json_put_signed(&written->writer, INT64_MIN);
    json_put_signed(&written->writer, INT64_MAX);
    json_array_end(&written->writer);
    _cleanup_free_ char *text = written_end(written);
    ck_assert_str_eq(text,
                     "[9007199254740991,\"9007199254740992\",\"18446744073709551615\",-9007199254740991,"
                     "\"-9007199254740992\",\"-9223372036854775808\",\"9223372036854775807\"]");
}
END_TEST

START_TEST(any_depth_can_be_written)
{
    struct written *written = written_new(false);
    for (int i = 0; i < 500; i++)
        json_array_begin(&written->writer);
    for (int i = 0; i < 500; i++) {
        json_array_end(&written->writer);
        if (i < 499)
            json_put_unsigned(&written->writer, 1);
    }
    _cleanup_free_ char *text = written_end(written);
    _cleanup_json_ cJSON *value = parse(text, NULL);
    ck_assert_int_eq(cJSON_GetArraySize(value), 2);
}
END_TEST

START_TEST(a_failed_write_is_remembered)
{
    FILE *file = fopen("/dev/full", "we");
    ck_assert_ptr_nonnull(file);
    setvbuf(file, NULL, _IONBF, 0);
    struct json_writer writer = json_writer(file, false);
    json_put_text(&writer, "x");
    ck_assert(ferror(file));
    fclose(file);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static TCase *reading_case(void)
{
    TCase *tcase = tcase_create("reading");
    tcase_add_test(tcase, every_truncated_text_is_refused);
    tcase_add_loop_test(tcase, errors_say_where, 0, COUNT(bad_texts));
    tcase_add_test(tcase, blanks_may_follow);
    tcase_add_test(tcase, depth_is_bounded);
    tcase_add_test(tcase, an_escaped_nul_hides_nothing);
    tcase_add_test(tcase, members_are_typed);
    tcase_add_loop_test(tcase, unsigned_numbers, 0, COUNT(numbers));
    return tcase;
}

static TCase *writing_case(void)
{
    TCase *tcase = tcase_create("writing");
    tcase_add_test(tcase, one_line);
    tcase_add_test(tcase, pretty);
    tcase_add_loop_test(tcase, texts_are_escaped, 0, COUNT(escapes));
    tcase_add_test(tcase, every_text_comes_back);
    tcase_add_test(tcase, large_numbers_are_texts);
    tcase_add_test(tcase, any_depth_can_be_written);
    tcase_add_test(tcase, a_failed_write_is_remembered);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("json");
    suite_add_tcase(suite, reading_case());
    suite_add_tcase(suite, writing_case());
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

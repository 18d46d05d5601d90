/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/record.h"

#include "netns/base/address.h"
#include "netns/base/interval.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

/* ---- a record with a member of every kind ---- */
enum colour { RED, UNUSED, BLUE };
static const char *const colour_words[] = {"red", "", "blue", NULL};
static const char *const flag_words[] = {"up", "", "loop", NULL};

struct point {
    int8_t x;
    int64_t y;
};
static const struct field point_fields[] = {
    FIELD(point, x, FIELD_SIGNED),
    FIELD(point, y, FIELD_SIGNED, .optional = true),
    {0},
};
static const struct record_type point_record = {"point", sizeof(struct point), point_fields};

struct node {
    const char *name;
    LIST(struct node) children;
};
static const struct record_type node_record;
static const struct field node_fields[] = {
    FIELD(node, name, FIELD_NAME),
    FIELD(node, children, FIELD_LIST, .type = &node_record, .optional = true),
    {0},
};
static const struct record_type node_record = {"node", sizeof(struct node), node_fields};

enum shape_kind { SHAPE_NONE, SHAPE_POINT, SHAPE_NODE };
static const char *const shape_words[] = {"none", "point", "node", NULL};

struct everything {
    bool flag;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    uint64_t cookie;
    int32_t s32;
    const char *text;
    struct bytes bytes;
    struct address address;
    struct prefix prefix;
    struct mac mac;
    enum colour colour;
    uint32_t flags;
    struct interval_set sources;
    enum ip_family family;
    struct point point;
    struct point *pointer;
    LIST(struct point) points;
    LIST(const char *) texts;
    LIST(uint32_t) numbers;
    union {
        struct point point;
        struct node node;
    } shape;
    enum shape_kind shape_kind; /* behind the union, in struct and table: the order must not matter */
    char custom[8];
};

static const struct record_type *shape_type(const void *record)
{
    const struct everything *everything = record;
    return everything->shape_kind == SHAPE_POINT  ? &point_record
           : everything->shape_kind == SHAPE_NODE ? &node_record
                                                  : NULL;
}

static void custom_write(struct json_writer *writer, const void *record, const void *member)
{
    ck_assert_ptr_eq(member, ((const struct everything *)record)->custom);
    json_put_text(writer, member);
}

static int custom_read(const cJSON *value, struct arena *arena, void *record, void *member,
                       struct error *error)
{
    (void)arena;
    (void)record;
    const char *text = cJSON_GetStringValue(value);
    if (!text || strlen(text) >= 8)
        return error_set(error, EINVAL, "bad-file", NULL, "does not fit");
    memcpy(member, text, strlen(text) + 1);
    return 0;
}

static const char *const family_words[] = {"none", "", "", "", "ip4", "", "ip6", NULL};

static const struct field everything_fields[] = {
    FIELD(everything, flag, FIELD_BOOL),
    FIELD(everything, u8, FIELD_UNSIGNED),
    FIELD(everything, u16, FIELD_UNSIGNED),
    FIELD(everything, u32, FIELD_UNSIGNED),
    FIELD(everything, u64, FIELD_UNSIGNED),
    FIELD(everything, cookie, FIELD_DECIMAL),
    FIELD(everything, s32, FIELD_SIGNED),
    FIELD_AS("the text", everything, text, FIELD_TEXT),
    FIELD(everything, bytes, FIELD_BYTES),
    FIELD(everything, address, FIELD_ADDRESS),
    FIELD(everything, prefix, FIELD_PREFIX),
    FIELD(everything, mac, FIELD_MAC),
    FIELD(everything, colour, FIELD_WORD, .words = colour_words),
    FIELD(everything, flags, FIELD_FLAGS, .words = flag_words),
    FIELD(everything, sources, FIELD_INTERVALS, .sibling = offsetof(struct everything, family)),
    FIELD(everything, family, FIELD_WORD, .words = family_words),
    FIELD(everything, point, FIELD_RECORD, .type = &point_record),
    FIELD(everything, pointer, FIELD_POINTER, .type = &point_record),
    FIELD(everything, points, FIELD_LIST, .type = &point_record),
    FIELD(everything, texts, FIELD_TEXT_LIST),
    FIELD(everything, numbers, FIELD_NUMBER_LIST),
    FIELD(everything, shape, FIELD_UNION, .choose = shape_type),
    FIELD_AS("shape kind", everything, shape_kind, FIELD_WORD, .words = shape_words),
    FIELD(everything, custom, FIELD_CUSTOM, .write = custom_write, .read = custom_read),
    {0},
};
static const struct record_type everything_record = {"everything", sizeof(struct everything),
                                                     everything_fields};

/* The same, every member optional. */
static struct record_type optional_record(struct field fields[static 32])
{
    size_t count = 0;
    for (; everything_fields[count].name; count++) {
        fields[count] = everything_fields[count];
        fields[count].optional = true;
    }
    fields[count] = (struct field){0};
    return (struct record_type){"everything", sizeof(struct everything), fields};
}

static char *print(const struct record_type *type, const void *record)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(file);
    struct json_writer writer = json_writer(file, false);
    record_write(&writer, type, record);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

static int scan(const char *text, const struct record_type *type, struct arena *arena, void *record,
                struct error *error)
{
    _cleanup_json_ cJSON *value = json_parse(text, strlen(text), "test", error);
    ck_assert_msg(value != NULL, "%s", text);
    return record_read(value, type, arena, record, error);
}

static void fill(struct everything *to)
{
    static struct point pointed = {1, INT64_MIN};
    *to = (struct everything){
        .flag = true,
        .u8 = 255,
        .u16 = 65535,
        .u32 = UINT32_MAX,
        .u64 = UINT64_MAX,
        .cookie = 42,
        .s32 = INT32_MIN,
        .text = "a\"\x1b\xe2\x82\xac",
        .bytes = {(const uint8_t *)"\x00\xff\x7a", 3},
        .address = address_ip4(0xc0000201),
        .prefix = {{FAMILY_IP6, 0}, 0},
        .mac = {{2, 0, 0, 0, 0, 0xff}},
        .colour = BLUE,
        .flags = 1 | 2 | 4 | 1u << 31,
        .sources = interval_set_range(1, 3),
        .family = FAMILY_IP4,
        .point = {-128, INT64_MAX},
        .pointer = &pointed,
        .shape_kind = SHAPE_NODE,
        .custom = "custom",
    };
    *list_append(&to->points) = (struct point){7, -8};
    *list_append(&to->points) = (struct point){0, 0};
    *list_append(&to->texts) = "one";
    *list_append(&to->texts) = "";
    *list_append(&to->numbers) = 0;
    *list_append(&to->numbers) = UINT32_MAX;
    to->shape.node.name = "root";
    struct node *child = list_append(&to->shape.node.children);
    child->name = "child";
    list_append(&child->children)->name = "grandchild";
}

static const char full[] =
    "{\"flag\":true,\"u8\":255,\"u16\":65535,\"u32\":4294967295,\"u64\":\"18446744073709551615\",\"cookie\":"
    "\"42\","
    "\"s32\":-2147483648,\"the "
    "text\":\"a\\\"\\u001b\xe2\x82\xac\",\"bytes\":\"00ff7a\",\"address\":\"192.0.2.1\","
    "\"prefix\":\"::/"
    "0\",\"mac\":\"02:00:00:00:00:ff\",\"colour\":\"blue\",\"flags\":[\"up\",\"bit:1\",\"loop\","
    "\"bit:31\"],\"sources\":[\"0.0.0.1/32\",\"0.0.0.2/31\"],\"family\":\"ip4\",\"point\":{\"x\":-128,"
    "\"y\":\"9223372036854775807\"},\"pointer\":{\"x\":1,\"y\":\"-9223372036854775808\"},\"points\":[{\"x\":"
    "7,\"y\":-8},"
    "{\"x\":0}],\"texts\":[\"one\",\"\"],\"numbers\":[0,4294967295],\"shape\":{\"name\":\"root\","
    "\"children\":[{"
    "\"name\":\"child\",\"children\":[{\"name\":\"grandchild\"}]}]},\"shape "
    "kind\":\"node\",\"custom\":\"custom\"}";

static const char empty[] = "{\"flag\":false,\"u8\":0,\"u16\":0,\"u32\":0,\"u64\":0,\"cookie\":\"0\",\"s32\":"
                            "0,\"the text\":null,\"bytes\":\"\","
                            "\"address\":null,\"prefix\":null,\"mac\":\"00:00:00:00:00:00\",\"colour\":"
                            "\"red\",\"flags\":[],\"sources\":[],"
                            "\"family\":\"none\",\"point\":{\"x\":0},\"pointer\":null,\"points\":[],"
                            "\"texts\":[],\"numbers\":[],\"shape\":null,"
                            "\"shape kind\":\"none\",\"custom\":\"\"}";

START_TEST(every_kind_is_written)
{
    struct everything record;
    fill(&record);
    _cleanup_free_ char *text = print(&everything_record, &record);
    ck_assert_str_eq(text, full);
    record_free(&everything_record, &record);
    struct everything nothing = {0};
    _cleanup_free_ char *zero = print(&everything_record, &nothing);
    ck_assert_str_eq(zero, empty);
}
END_TEST

START_TEST(what_is_written_is_what_is_read)
{
    static const char *const texts[] = {full, empty};
    for (size_t i = 0; i < 2; i++) {
        _cleanup_arena_ struct arena *arena = arena_new();
        struct everything record = {0};
        struct error error = ERROR_NONE;
        ck_assert_msg(scan(texts[i], &everything_record, arena, &record, &error) == 0, "%s", error.message);
        _cleanup_free_ char *again = print(&everything_record, &record);
        ck_assert_str_eq(again, texts[i]);
        record_free(&everything_record, &record);
    }
}
END_TEST

START_TEST(values_are_read)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct everything record = {0};
    ck_assert_int_eq(scan(full, &everything_record, arena, &record, NULL), 0);
    ck_assert(record.flag && record.u8 == 255 && record.u64 == UINT64_MAX && record.s32 == INT32_MIN);
    ck_assert(record.point.x == -128 && record.point.y == INT64_MAX && record.pointer->y == INT64_MIN);
    ck_assert_mem_eq(record.bytes.data, "\x00\xff\x7a", 3);
    ck_assert(address_equal(record.address, address_ip4(0xc0000201)));
    ck_assert(record.flags == (1 | 2 | 4 | 1u << 31) && record.colour == BLUE);
    ck_assert(record.sources.count == 1 && record.sources.items[0].last == 3);
    ck_assert_str_eq(record.shape.node.children.items[0].children.items[0].name, "grandchild");
    record_free(&everything_record, &record);
    ck_assert(record.points.count == 0 && !record.points.items && !record.sources.items);
}
END_TEST

START_TEST(optional_members_are_left_out)
{
    struct field fields[32];
    struct record_type type = optional_record(fields);
    struct everything nothing = {0}, record = {0};
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_free_ char *none = print(&type, &nothing);
    ck_assert_str_eq(none, "{}");
    ck_assert_int_eq(scan("{}", &type, arena, &record, NULL), 0);
    _cleanup_free_ char *again = print(&everything_record, &record);
    ck_assert_str_eq(again, empty);
    fill(&record);
    _cleanup_free_ char *all = print(&type, &record);
    ck_assert_str_eq(all, full); /* and none that says something is left out */
    record_free(&type, &record);
    nothing.point.y = 1;
    nothing.shape_kind = SHAPE_POINT;
    _cleanup_free_ char *some = print(&type, &nothing);
    ck_assert_str_eq(some, "{\"point\":{\"x\":0,\"y\":1},\"shape kind\":\"point\"}");
}
END_TEST

/* ---- refused ---- */
static char *replace(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    ck_assert_msg(at != NULL, "%s", from);
    return memory_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static const struct {
    const char *from, *to, *message;
} refusals[] = {
    {"\"flag\":true", "\"flag\":1", "flag: is neither true nor false"},
    {"\"flag\":true,", "", "flag: is missing"},
    {"\"custom\":\"custom\"", "\"x\":1", "custom: is missing"},
    {"\"u8\":255", "\"u8\":256", "u8: is not a whole number from 0 to 255"},
    {"\"u8\":255", "\"u8\":-1", "u8: is not a whole number from 0 to 255"},
    {"\"u8\":255", "\"u8\":1.5", "u8: is not a whole number from 0 to 255"},
    {"\"u8\":255", "\"u8\":\"256\"", "u8: is not a whole number from 0 to 255"},
    {"\"u8\":255", "\"u8\":null", "u8: is not a whole number from 0 to 255"},
    {"\"u16\":65535", "\"u16\":65536", "u16: is not a whole number from 0 to 65535"},
    {"\"u32\":4294967295", "\"u32\":4294967296", "u32: is not a whole number from 0 to 4294967295"},
    {"\"18446744073709551615\"", "18446744073709551615",
     "u64: is not a whole number from 0 to 18446744073709551615"},
    {"\"18446744073709551615\"", "\"18446744073709551616\"",
     "u64: is not a whole number from 0 to 18446744073709551615"},
    {"-2147483648", "-2147483649", "s32: is not a whole number from -2147483648 to 2147483647"},
    {"-2147483648", "2147483648", "s32: is not a whole number from -2147483648 to 2147483647"},
    {"\"x\":-128", "\"x\":-129", "point.x: is not a whole number from -128 to 127"},
    {"\"x\":-128", "\"x\":128", "point.x: is not a whole number from -128 to 127"},
    {"\"y\":\"-9223372036854775808\"", "\"y\":\"-9223372036854775809\"",
     "pointer.y: is not a whole number from -9223372036854775808 to 9223372036854775807"},
    {"\"y\":\"-9223372036854775808\"", "\"y\":\"--1\"",
     "pointer.y: is not a whole number from -9223372036854775808 to 9223372036854775807"},
    {"\"y\":-8", "\"y\":-8.5",
     "points[0].y: is not a whole number from -9223372036854775808 to 9223372036854775807"},
    {"{\"x\":0}", "{}", "points[1].x: is missing"},
    {"{\"x\":0}", "7", "points[1]: is not an object (point)"},
    {"\"bytes\":\"00ff7a\"", "\"bytes\":\"00ff7\"", "bytes: is not bytes as hexadecimal text"},
    {"\"bytes\":\"00ff7a\"", "\"bytes\":\"00FF7A\"", "bytes: is not bytes as hexadecimal text"},
    {"\"bytes\":\"00ff7a\"", "\"bytes\":null", "bytes: is not bytes as hexadecimal text"},
    {"\"192.0.2.1\"", "\"192.0.2\"", "address: is not an IP address"},
    {"\"192.0.2.1\"", "4", "address: is not an IP address"},
    {"\"::/0\"", "\"::/129\"", "prefix: is not a prefix"},
    {"02:00:00:00:00:ff", "02:00:00:00:00", "mac: is not a hardware address"},
    {"\"blue\"", "\"green\"", "colour: \"green\" is not a word that is known here"},
    {"\"blue\"", "\"\"", "colour: \"\" is not a word that is known here"},
    {"\"blue\"", "2", "colour: is not a text"},
    {"\"loop\"", "\"poll\"", "flags: \"poll\" is not a flag that is known here"},
    {"\"bit:31\"", "\"bit:32\"", "flags: \"bit:32\" is not a flag that is known here"},
    {"\"loop\"", "2", "flags: \"\" is not a flag that is known here"},
    {"\"0.0.0.2/31\"", "\"::/0\"", "sources[1]: is not a prefix of its family"},
    {"\"family\":\"ip4\"", "\"family\":\"none\"", "sources[0]: is not a prefix of its family"},
    {"[\"one\",\"\"]", "[\"one\",null]", "texts[1]: is not a text"},
    {"[\"one\",\"\"]", "\"one\"", "texts: is not a list"},
    {"[0,4294967295]", "[0,4294967296]", "numbers[1]: is not a whole number from 0 to 4294967295"},
    {"\"name\":\"grandchild\"", "\"name\":1", "shape.children[0].children[0].name: is not a name"},
    {"\"shape kind\":\"node\"", "\"shape kind\":\"point\"", "shape.x: is missing"},
    {"\"custom\":\"custom\"", "\"custom\":\"much too long\"", "custom: does not fit"},
};

START_TEST(refusal_names_the_member)
{
    _cleanup_free_ char *text = replace(full, refusals[_i].from, refusals[_i].to);
    _cleanup_arena_ struct arena *arena = arena_new();
    struct everything record = {0};
    struct error error = ERROR_NONE;
    ck_assert_int_eq(scan(text, &everything_record, arena, &record, &error), -EINVAL);
    ck_assert_str_eq(error.code, "bad-file");
    ck_assert_str_eq(error.message, refusals[_i].message);
    record_free(&everything_record, &record); /* what was read before it is not lost */
    struct everything again = {0};
    ck_assert_int_eq(scan(text, &everything_record, arena, &again, NULL), -EINVAL);
    record_free(&everything_record, &again);
}
END_TEST

START_TEST(what_is_no_object_is_refused)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct point point = {0};
    struct error error = ERROR_NONE;
    ck_assert_int_eq(scan("[]", &point_record, arena, &point, &error), -EINVAL);
    ck_assert_str_eq(error.message, "point: is not an object (point)");
    ck_assert_int_eq(record_read(NULL, &point_record, arena, &point, &error), -EINVAL);
}
END_TEST

START_TEST(order_and_unknown_members_do_not_matter)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct point point = {0};
    ck_assert_int_eq(scan("{\"new\":[1],\"y\":2,\"x\":1,\"z\":{}}", &point_record, arena, &point, NULL), 0);
    ck_assert(point.x == 1 && point.y == 2);
}
END_TEST

START_TEST(a_number_without_word_cannot_be_read_back)
{
    struct field fields[32];
    struct record_type type = optional_record(fields);
    _cleanup_arena_ struct arena *arena = arena_new();
    struct everything record = {.colour = UNUSED}, back = {0};
    _cleanup_free_ char *text = print(&type, &record);
    ck_assert_str_eq(text, "{\"colour\":null}");
    ck_assert_int_eq(scan(text, &type, arena, &back, NULL), -EINVAL);
}
END_TEST

START_TEST(long_paths_are_cut_and_whole)
{
    struct buffer text = BUFFER(1000000);
    for (int i = 0; i < 200; i++)
        buffer_append(&text, "{\"name\":\"x\",\"children\":[");
    buffer_append(&text, "1");
    for (int i = 0; i < 200; i++)
        buffer_append(&text, "]}");
    _cleanup_arena_ struct arena *arena = arena_new();
    struct node node = {0};
    struct error error = ERROR_NONE;
    ck_assert_int_eq(scan(text.data, &node_record, arena, &node, &error), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error.message, "children[0].children[0]"));
    record_free(&node_record, &node);
    buffer_free(&text);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tcase = tcase_create("record");
    tcase_add_test(tcase, every_kind_is_written);
    tcase_add_test(tcase, what_is_written_is_what_is_read);
    tcase_add_test(tcase, values_are_read);
    tcase_add_test(tcase, optional_members_are_left_out);
    tcase_add_loop_test(tcase, refusal_names_the_member, 0, COUNT(refusals));
    tcase_add_test(tcase, what_is_no_object_is_refused);
    tcase_add_test(tcase, order_and_unknown_members_do_not_matter);
    tcase_add_test(tcase, a_number_without_word_cannot_be_read_back);
    tcase_add_test(tcase, long_paths_are_cut_and_whole);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

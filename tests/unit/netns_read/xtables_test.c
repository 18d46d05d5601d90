/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A legacy table's entries as the kernel hands them over: made by hand from the structures of its headers. */
#include "netns/read/xtables.h"

#include <check.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#define ACCEPT (-NF_ACCEPT - 1)
#define DROP   (-NF_DROP - 1)

struct blob {
    struct buffer buffer;
    struct xtables_info info;
};

/* An entry without matches and with a standard target; target NULL: the kernel's ERROR at the end. */
static uint32_t add_entry(struct blob *blob, const char *target, int verdict)
{
    uint32_t offset = (uint32_t)blob->buffer.length;
    struct ipt_entry entry = {
        .target_offset = sizeof(entry),
        .next_offset = (uint16_t)(sizeof(entry) + sizeof(struct xt_standard_target)),
    };
    struct xt_standard_target standard = {.verdict = verdict};
    standard.target.u.target_size = sizeof(standard);
    snprintf(standard.target.u.user.name, sizeof(standard.target.u.user.name), "%s", target);
    buffer_append_bytes(&blob->buffer, &entry, sizeof(entry));
    buffer_append_bytes(&blob->buffer, &standard, sizeof(standard));
    blob->info.entries++;
    return offset;
}

/* The filter table: INPUT with `rules` rules, FORWARD and OUTPUT without; INPUT's policy as said. */
static struct blob filter_table(unsigned rules, int policy)
{
    struct blob blob = {.buffer = BUFFER(65536), .info = {.hooks = 0xe}};
    uint32_t first = (uint32_t)blob.buffer.length;
    for (unsigned i = 0; i < rules; i++)
        add_entry(&blob, "", DROP);
    blob.info.underflow[NF_INET_LOCAL_IN] = add_entry(&blob, "", policy);
    blob.info.hook_entry[NF_INET_LOCAL_IN] = first;
    for (unsigned hook = NF_INET_FORWARD; hook <= NF_INET_LOCAL_OUT; hook++)
        blob.info.hook_entry[hook] = blob.info.underflow[hook] = add_entry(&blob, "", ACCEPT);
    add_entry(&blob, "ERROR", 0);
    return blob;
}

static bool decode(const struct blob *blob, size_t length, struct legacy_table *ret_table)
{
    struct bytes bytes = {(const uint8_t *)blob->buffer.data, length};
    *ret_table = (struct legacy_table){0};
    return xtables_decode_entries(FAMILY_IP4, bytes, &blob->info, ret_table);
}

START_TEST(a_fresh_table_decides_nothing)
{
    struct blob blob = filter_table(0, ACCEPT);
    struct legacy_table table;
    ck_assert(decode(&blob, blob.buffer.length, &table));
    ck_assert(table.empty);
    ck_assert_uint_eq(table.rules, 0);
    buffer_free(&blob.buffer);
}
END_TEST

START_TEST(a_policy_decides)
{
    struct blob blob = filter_table(0, DROP);
    struct legacy_table table;
    ck_assert(decode(&blob, blob.buffer.length, &table));
    ck_assert(!table.empty);
    ck_assert_uint_eq(table.rules, 0);
    buffer_free(&blob.buffer);
}
END_TEST

START_TEST(rules_decide)
{
    struct blob blob = filter_table(3, ACCEPT);
    struct legacy_table table;
    ck_assert(decode(&blob, blob.buffer.length, &table));
    ck_assert(!table.empty);
    ck_assert_uint_eq(table.rules, 3);
    buffer_free(&blob.buffer);
}
END_TEST

/* Cut anywhere, or with any bit turned round, it is never said to be empty unless it still is. */
START_TEST(a_broken_table_is_not_empty)
{
    struct blob blob = filter_table(1, ACCEPT);
    struct legacy_table table;
    for (size_t length = 0; length < blob.buffer.length; length++) {
        uint8_t *copy = malloc(length + 1);
        memcpy(copy, blob.buffer.data, length);
        struct bytes bytes = {copy, length};
        xtables_decode_entries(FAMILY_IP4, bytes, &blob.info, &table);
        ck_assert(!table.empty);
        free(copy);
    }
    for (size_t bit = 0; bit < blob.buffer.length * 8; bit++) {
        blob.buffer.data[bit / 8] = (char)(blob.buffer.data[bit / 8] ^ (1 << bit % 8));
        decode(&blob, blob.buffer.length, &table);
        ck_assert(!table.empty);
        blob.buffer.data[bit / 8] = (char)(blob.buffer.data[bit / 8] ^ (1 << bit % 8));
    }
    blob.info.underflow[NF_INET_FORWARD] = 100000;
    ck_assert(!decode(&blob, blob.buffer.length, &table));
    ck_assert(!table.empty);
    buffer_free(&blob.buffer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xtables");
    TCase *entries = tcase_create("entries");
    tcase_add_test(entries, a_fresh_table_decides_nothing);
    tcase_add_test(entries, a_policy_decides);
    tcase_add_test(entries, rules_decide);
    tcase_add_test(entries, a_broken_table_is_not_empty);
    suite_add_tcase(suite, entries);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

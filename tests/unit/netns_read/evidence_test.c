/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/evidence.h"

#include "tests/unit/netns_read/messages.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>

/* A connection to 192.0.2.80:8080 that was sent to 127.0.0.1:80. */
START_TEST(a_rewritten_connection)
{
    _cleanup_messages_ struct messages messages = messages_load("tracked");
    bool found = false;

    list_each(struct bytes, payload, &messages.payloads) {
        struct tracked tracked;

        ck_assert_int_eq(evidence_decode(*payload, &tracked), MESSAGE_ITEM);
        if (tracked.source_port != 40002)
            continue;
        found = true;
        ck_assert_int_eq(tracked.family, FAMILY_IP4);
        ck_assert_uint_eq(tracked.protocol, 6);
        ck_assert_str_eq(ADDRESS_TEXT(tracked.source), "172.18.0.2");
        ck_assert_str_eq(ADDRESS_TEXT(tracked.destination), "192.0.2.80");
        ck_assert_uint_eq(tracked.destination_port, 8080);
        ck_assert_str_eq(ADDRESS_TEXT(tracked.reply_source), "127.0.0.1");
        ck_assert_uint_eq(tracked.reply_source_port, 80);
        ck_assert_str_eq(ADDRESS_TEXT(tracked.reply_destination), "172.18.0.2");
        ck_assert_uint_eq(tracked.reply_destination_port, 40002);
        ck_assert_uint_ne(tracked.status & IPS_DST_NAT, 0);
        ck_assert_uint_gt(tracked.timeout, 0);
        ck_assert_uint_eq(tracked.mark, 0);
        ck_assert_uint_eq(tracked.zone, 0);
    }
    ck_assert(found);
}
END_TEST

START_TEST(what_has_no_ends_is_malformed)
{
    const struct nfgenmsg header = {.nfgen_family = AF_INET}, other = {.nfgen_family = AF_BRIDGE};
    struct made_message made;
    struct tracked tracked;

    ck_assert_int_eq(evidence_decode(message_payload(message_make(&made, &header, sizeof(header))), &tracked),
                     MESSAGE_MALFORMED);
    ck_assert_int_eq(evidence_decode(message_payload(message_make(&made, &other, sizeof(other))), &tracked),
                     MESSAGE_OTHER);
}
END_TEST

/* Where nothing is tracked nothing is asked, and nothing is missing. */
START_TEST(an_empty_table_is_not_asked)
{
    const struct reader reader = {.proc = -1, .budget = READ_BUDGET_DEFAULT};
    struct namespace *namespace = namespace_new(1);

    namespace->sysctls.conntrack_count = 0;
    ck_assert_int_eq(evidence_read(&reader, namespace), 0);
    namespace->sysctls.conntrack_count = -1;
    ck_assert_int_eq(evidence_read(&reader, namespace), 0);
    ck_assert_uint_eq(namespace->missing, 0);
    namespace_free(namespace);
}
END_TEST

static void parse(struct bytes payload, struct arena *arena)
{
    struct tracked tracked;

    (void)arena;
    (void)evidence_decode(payload, &tracked);
}

START_TEST(hostile)
{
    hostile_messages("tracked", parse);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("evidence");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_rewritten_connection);
    tcase_add_test(all, what_has_no_ends_is_malformed);
    tcase_add_test(all, an_empty_table_is_not_asked);
    tcase_add_test(all, hostile);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}

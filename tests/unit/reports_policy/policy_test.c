/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/text.h"
#include "reports/policy/policy.h"

#include <check.h>

#define TODAY "2026-11-23"

static struct complaint_list complaints;

static struct policy *parse(const char *text)
{
    struct policy *policy = NULL;
    list_free(&complaints);
    policy_parse(text, strlen(text), "p.yaml", TODAY, &policy, &complaints);
    return policy;
}

/* One complaint, at this place, with these words in it. */
static void ck_complains(const char *text, const char *place, const char *words)
{
    struct policy *policy = parse(text);
    ck_assert_ptr_null(policy);
    ck_assert_uint_ge(complaints.count, 1);
    ck_assert_str_eq(complaints.items[0].subject, place);
    ck_assert_msg(strstr(complaints.items[0].message, words) != NULL, "\"%s\" lacks \"%s\"",
                  complaints.items[0].message, words);
    list_free(&complaints);
}

#define HEAD "version: 1\nworkloads:\n  web: {compose: shop/web}\n"

START_TEST(the_contract_example)
{
    static const char text[] =
        "version: 1\n"
        "defaults: {unlisted: {external: deny, lan: deny, segment: warn, host: ignore}, undetermined: warn}\n"
        "vantages:                                    # names of your own\n"
        "  office: {cidr: [192.0.2.0/24], in: eth0}\n"
        "workloads:\n"
        "  web: {compose: shop/web}\n"
        "  db:  {image: \"postgres:*\", label: \"tier=data\"}\n"
        "  exporter: {host_network: true, image: \"node-exporter:*\", executable: /bin/node_exporter}\n"
        "  sshd: {host: true, executable: /usr/sbin/sshd}\n"
        "allow:\n"
        "  - {id: web-public, to: web, ports: [443/tcp], from: [external, lan], address: [203.0.113.0/24], "
        "expect: open, owner: "
        "shop, reason: storefront, until: 2027-06-30}\n"
        "  - {id: app-to-db, to: db, ports: [5432/tcp], from: [{workload: web}], owner: shop, reason: the "
        "application}\n"
        "forbid:\n"
        "  - {id: db-never-outside, to: db, ports: any, from: [external, lan], severity: critical}\n"
        "accept_risk:\n"
        "  - {to: db, ports: [9187/tcp], from: [lan], until: 2026-12-31, ticket: SEC-12, reason: migration}\n"
        "  - {finding: 9f2c01d4b7e8a6530c1de2f49ab05c77, until: 2026-12-31, ticket: SEC-13, reason: "
        "decommissioned next month}\n"
        "accept_gap:\n"
        "  - {code: xdp-program, subject: eth0, until: 2026-12-31, reason: vendor agent}\n";
    struct policy *policy = parse(text);

    ck_assert_ptr_nonnull(policy);
    ck_assert_uint_eq(complaints.count, 0);
    ck_assert_uint_eq(policy->lines.count, 6);
    ck_assert_uint_eq(policy->selectors.count, 4);
    ck_assert_str_eq(policy->selectors.items[1].label_key, "tier");
    ck_assert_str_eq(policy->selectors.items[1].label_value, "data");
    ck_assert(policy->selectors.items[2].has_host_network && policy->selectors.items[2].host_network);
    ck_assert_uint_eq(policy->unlisted[VANTAGE_EXTERNAL], POLICY_DENY);
    ck_assert_uint_eq(policy->unlisted[VANTAGE_SEGMENT], POLICY_WARN);
    const struct policy_line *web = &policy->lines.items[0];
    ck_assert_str_eq(web->id, "web-public");
    ck_assert(web->expect_open && !web->expired);
    ck_assert_uint_eq(web->place.line, 11);
    ck_assert_uint_eq(web->ports.items[0].first, 443);
    ck_assert_uint_eq(web->to, 0);
    const struct policy_line *app = &policy->lines.items[1];
    ck_assert_uint_eq(app->from.items[0].kind, FROM_WORKLOAD);
    ck_assert_uint_eq(app->from.items[0].index, 0);
    ck_assert_uint_eq(policy->lines.items[2].severity, SEVERITY_CRITICAL);
    ck_assert(policy->lines.items[2].ports.items[0].any);
    policy_free(policy);
}
END_TEST

START_TEST(json_is_yaml)
{
    struct policy *policy =
        parse("{\"version\": 1, \"workloads\": {\"web\": {\"container\": \"web\"}}, \"allow\": [{\"to\": "
              "\"web\", \"ports\": \"80/tcp\", \"from\": \"lan\"}]}");
    ck_assert_ptr_nonnull(policy);
    ck_assert_uint_eq(policy->lines.items[0].ports.items[0].last, 80);
    policy_free(policy);
}
END_TEST

START_TEST(complaints_name_their_place)
{
    ck_complains("version: 1\nalow: []\n", "p.yaml:2:1", "'alow' is no key");
    ck_complains("version: 2\n", "p.yaml:1:10", "version '2'");
    ck_complains("defaults: {undetermined: warn}\n", "p.yaml:1:1", "does not say its version");
    ck_complains("", "p.yaml:1:1", "empty");
    ck_complains("version: 1\nversion: 1\n", "p.yaml:2:1", "twice");
    ck_complains("version: 1\nallow:\n  - {to: nobody, ports: 80/tcp, from: lan}\n", "p.yaml:3:10",
                 "no workload is called 'nobody'");
    ck_complains(HEAD "allow:\n  - {to: web, ports: 80, from: lan}\n", "p.yaml:5:22", "'80' is no port");
    ck_complains(HEAD "allow:\n  - {to: web, ports: 70000/tcp, from: lan}\n", "p.yaml:5:22", "is no port");
    ck_complains(HEAD "allow:\n  - {to: web, ports: 90-80/tcp, from: lan}\n", "p.yaml:5:22", "is no port");
    ck_complains(HEAD "allow:\n  - {to: web, ports: 80/tcp, from: 10.0.0.1/8}\n", "p.yaml:5:36",
                 "has host bits");
    ck_complains(HEAD "allow:\n  - {to: web, ports: 80/tcp, from: ofice}\n", "p.yaml:5:36",
                 "neither a vantage nor a CIDR");
    ck_complains(HEAD "allow:\n  - {to: web, ports: 80/tcp}\n", "p.yaml:5:5", "from where");
    ck_complains(HEAD "allow:\n  - {to: web, ports: 80/tcp, from: lan, until: 2026-02-29}\n", "p.yaml:5:48",
                 "is no date");
    ck_complains(HEAD "allow:\n  - {id: a, to: web, ports: 80/tcp, from: lan}\n  - {id: a, to: web, ports: "
                      "81/tcp, from: lan}\n",
                 "p.yaml:6:10", "taken by line 5");
    ck_complains("version: 1\nvantages:\n  office: {cidr: [192.0.2.1/24]}\n", "p.yaml:3:19", "host bits");
    ck_complains("version: 1\nvantages:\n  lan: {cidr: [192.0.2.0/24]}\n", "p.yaml:3:3", "built-in");
    ck_complains("version: 1\nworkloads: {all: {}}\n", "p.yaml:2:18", "asks for nothing");
    ck_complains("version: 1\nworkloads: {x: {host: true, image: a}}\n", "p.yaml:2:16",
                 "no container has both");
    ck_complains("version: 1\naccept_gap: [{code: xdp-program}]\n", "p.yaml:2:14", "needs an end");
    ck_complains("version: 1\naccept_risk: [{finding: 9f2c, until: 2027-01-01}]\n", "p.yaml:2:25", "whole");
    ck_complains("version: 1\nallow: [\n", "p.yaml:3:1", "");
    ck_complains("version: 1\n---\nversion: 1\n", "p.yaml:2:1", "one document");
    ck_complains("version: 1\nworkloads: {w: {image: \"\x01\"}}\n", "p.yaml:2:25", "control characters");
    ck_complains("version: 1\n# \xc3\xa9\xc3\xa9 \xff\n", "p.yaml:2:6", "UTF-8");
}
END_TEST

/* A list without an item would mean nothing (ports, from, families) or everything (address, hosts). */
START_TEST(an_empty_list_is_a_complaint)
{
    static const char *const keys[] = {"ports", "from", "families", "address", "hosts"};
    char text[512], place[32], words[64];

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        snprintf(text, sizeof(text), HEAD "forbid:\n  - {%s: [], to: web%s%s}\n", keys[i],
                 text_equal(keys[i], "ports") ? "" : ", ports: any",
                 text_equal(keys[i], "from") ? "" : ", from: lan");
        snprintf(place, sizeof(place), "p.yaml:5:%zu", 8 + strlen(keys[i]));
        snprintf(words, sizeof(words), "%s is empty", keys[i]);
        ck_complains(text, place, words);
    }
    ck_complains("version: 1\nvantages: {office: {cidr: []}}\n", "p.yaml:2:27", "cidr is empty");
}
END_TEST

START_TEST(all_complaints_at_once)
{
    ck_assert_ptr_null(
        parse("version: 3\nfoo: 1\nworkloads: {w: {image: ''}}\nallow: [{to: v, ports: x, from: y}]\n"));
    ck_assert_uint_eq(complaints.count, 6);
    for (size_t i = 1; i < complaints.count; i++)
        ck_assert_str_ne(complaints.items[i - 1].subject, complaints.items[i].subject);
    list_free(&complaints);
}
END_TEST

START_TEST(an_expired_line_is_a_warning)
{
    struct policy *policy = parse(HEAD "allow:\n  - {to: web, ports: 80/tcp, from: lan, until: 2026-11-22}\n"
                                       "  - {to: web, ports: 80/tcp, from: lan, until: 2026-11-23}\n");
    ck_assert_ptr_nonnull(policy);
    ck_assert(policy->lines.items[0].expired);
    ck_assert(!policy->lines.items[1].expired);
    ck_assert_uint_eq(policy->warnings.count, 1);
    ck_assert_str_eq(policy->warnings.items[0].subject, "p.yaml:5:5");
    policy_free(policy);
}
END_TEST

START_TEST(ports)
{
    struct arena *arena = arena_new();
    struct policy_port port;

    ck_assert_int_eq(policy_port_parse(arena, "1000-2000/udp", &port), 0);
    ck_assert_uint_eq(port.first, 1000);
    ck_assert_uint_eq(port.last, 2000);
    ck_assert_uint_eq(port.protocol, PROTOCOL_UDP);
    ck_assert_int_eq(policy_port_parse(arena, "unix:@/run/*", &port), 0);
    ck_assert_str_eq(port.unix_pattern, "/run/*");
    ck_assert_int_eq(policy_port_parse(arena, "icmp", &port), 0);
    ck_assert(port.icmp);
    for (const char *const *bad = (const char *const[]){"", "/tcp", "80/", "80/http", "80/icmp", "-1/tcp",
                                                        "80-/tcp", "unix:@", "65536/tcp", NULL};
         *bad; bad++)
        ck_assert_msg(policy_port_parse(arena, *bad, &port) < 0, "%s was taken", *bad);
    arena_free(arena);
}
END_TEST

START_TEST(deep_and_cyclic_yaml_is_survived)
{
    struct buffer text = BUFFER(1 << 20);

    for (int i = 0; i < 5000; i++)
        buffer_append(&text, "[");
    ck_assert_ptr_null(parse(text.data));
    buffer_free(&text);
    ck_assert_ptr_null(parse("version: 1\nallow: &a [*a]\n"));
    ck_assert_ptr_null(parse("&a {version: 1, workloads: *a}\n"));
    list_free(&complaints);
}
END_TEST

/* head, `count` times `item`, tail: a text in which %zu stands for a running number. */
static struct policy *parse_many(const char *head, const char *item, size_t count, const char *tail)
{
    struct buffer text = BUFFER((size_t)POLICY_MAX);
    struct policy *policy = NULL;

    buffer_append(&text, head);
    for (size_t i = 0; i < count; i++)
        for (const char *at = item; *at; at++)
            if (*at == '#')
                buffer_printf(&text, "%zu", i);
            else
                buffer_append_bytes(&text, at, 1);
    buffer_append(&text, tail);
    ck_assert(!text.overflow);
    list_free(&complaints);
    policy_parse(text.data, text.length, "p.yaml", TODAY, &policy, &complaints);
    buffer_free(&text);
    return policy;
}

/* Each of these took minutes or gigabytes. */
START_TEST(what_grows_without_bound_is_refused)
{
    static const struct {
        const char *head, *item, *tail, *words;
        size_t count;
    } bombs[] = {
        {"version: 1\nallow: ", "[", "", "nested deeper", 100000},
        {"version: 1\nallow: [", "&a# x,", "]", "more anchors", 30000},
        {"", "%TAG !t#! x\n", "---\nversion: 1\n", "more directives", 20000},
        {"version: 1\nallow: [", "a,", "]", "more than a policy may hold", 600000},
        {HEAD
         "allow:\n- &l {to: web, from: host, ports: &p [1/tcp,2/tcp,3/tcp,4/tcp,5/tcp,6/tcp,7/tcp,8/tcp]}\n",
         "- *l\n", "", "aliases make", 100000},
    };

    ck_assert_ptr_null(parse_many(bombs[_i].head, bombs[_i].item, bombs[_i].count, bombs[_i].tail));
    bool told = false;
    list_each(struct error, complaint, &complaints)
        told = told || strstr(complaint->message, bombs[_i].words) != NULL;
    ck_assert_msg(told, "%s", complaints.items[0].message);
    list_free(&complaints);
}
END_TEST

START_TEST(complaints_are_counted_where_there_is_no_room)
{
    ck_assert_ptr_null(parse_many("version: 1\nallow:\n", "- a\n", 2000, ""));
    ck_assert_uint_eq(complaints.count, 501);
    ck_assert_str_eq(complaints.items[0].subject, "p.yaml:3:3");
    ck_assert_str_eq(complaints.items[500].subject, "p.yaml");
    ck_assert_ptr_nonnull(strstr(complaints.items[500].message, "1500 more"));
    list_free(&complaints);
}
END_TEST

/* A long policy with names of its own is read in time that grows with its length. */
START_TEST(a_long_policy_is_read)
{
    struct policy *policy =
        parse_many(HEAD "allow:\n", "- {id: line-#, to: web, ports: #/tcp, from: host}\n", 20000, "");
    ck_assert_ptr_nonnull(policy);
    ck_assert_uint_eq(policy->lines.count, 20000);
    policy_free(policy);
    ck_assert_ptr_null(parse_many(HEAD "allow:\n", "- {id: same, to: web, ports: any, from: host}\n", 2, ""));
    ck_assert_ptr_nonnull(strstr(complaints.items[0].message, "taken by line 5"));
    list_free(&complaints);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tests = tcase_create("policy");

    tcase_set_timeout(tests, 30);

    tcase_add_test(tests, the_contract_example);
    tcase_add_test(tests, json_is_yaml);
    tcase_add_test(tests, complaints_name_their_place);
    tcase_add_test(tests, an_empty_list_is_a_complaint);
    tcase_add_test(tests, all_complaints_at_once);
    tcase_add_test(tests, an_expired_line_is_a_warning);
    tcase_add_test(tests, ports);
    tcase_add_test(tests, deep_and_cyclic_yaml_is_survived);
    tcase_add_loop_test(tests, what_grows_without_bound_is_refused, 0, 5);
    tcase_add_test(tests, complaints_are_counted_where_there_is_no_room);
    tcase_add_test(tests, a_long_policy_is_read);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

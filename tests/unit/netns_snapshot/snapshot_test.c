/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Look-ups, faults and words of the snapshot; JSON cut into spans. */
#include "netns/snapshot/snapshot.h"

#include "netns/snapshot/span.h"
#include "netns/snapshot/table.h"

#include <check.h>
#include <errno.h>

static struct container *container_add(struct snapshot *snapshot, const char *name, uint64_t namespace)
{
    struct container *container = list_append(&snapshot->containers);
    container->name = name;
    container->namespace = namespace;
    return container;
}

START_TEST(look_ups)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    ck_assert_ptr_null(snapshot_host(snapshot));
    snapshot->host_namespace = 7;
    *list_append(&snapshot->namespaces) = namespace_new(5);
    *list_append(&snapshot->namespaces) = namespace_new(7);
    ck_assert_uint_eq(snapshot_host(snapshot)->id, 7);
    ck_assert_ptr_null(snapshot_namespace(snapshot, 6));
    struct namespace *host = snapshot_host(snapshot);
    *list_append(&host->links) = (struct link){.index = 3, .name = "eth0"};
    ck_assert_ptr_eq(namespace_link(host, 3), namespace_link_named(host, "eth0"));
    ck_assert_ptr_null(namespace_link(host, 4));
    ck_assert_ptr_null(namespace_link_named(host, "eth1"));
}
END_TEST

START_TEST(infrastructure_comes_last)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    container_add(snapshot, "pause", 5)->infrastructure = true;
    ck_assert_str_eq(snapshot_namespace_container(snapshot, 5)->name, "pause");
    container_add(snapshot, "web", 5);
    container_add(snapshot, "sidecar", 5);
    ck_assert_str_eq(snapshot_namespace_container(snapshot, 5)->name, "web");
    ck_assert_ptr_null(snapshot_namespace_container(snapshot, 6));
    ck_assert_str_eq(snapshot_container(snapshot, "sidecar")->name, "sidecar");
    ck_assert_ptr_null(snapshot_container(snapshot, "none"));
}
END_TEST

START_TEST(faults_are_copied)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    struct namespace *namespace = namespace_new(1);
    *list_append(&snapshot->namespaces) = namespace;
    struct error error = ERROR_NONE;
    error_set(&error, EPERM, "sockets-unreadable", "net:[1]", "no \xff right");
    namespace_fault(namespace, PART_SOCKETS_TCP, &error);
    namespace_fault(namespace, PART_ROUTES, &error);
    snapshot_fault(snapshot, &error, true);
    memset(&error, 'x', sizeof(error));
    ck_assert_uint_eq(namespace->missing, PART_SOCKETS_TCP | PART_ROUTES);
    ck_assert_uint_eq(namespace->faults.count, 2);
    ck_assert_str_eq(namespace->faults.items[0].code, "sockets-unreadable");
    ck_assert_str_eq(snapshot->errors.items[0].message, "no \xef\xbf\xbd right");
    ck_assert(snapshot->errors.items[0].gone);
}
END_TEST

START_TEST(words)
{
    ck_assert_str_eq(engine_name(ENGINE_DOCKER), "docker");
    ck_assert_str_eq(engine_name(ENGINE_PID), "pid");
    ck_assert_str_eq(link_kind_word(LINK_VETH), "veth");
    ck_assert_str_eq(link_kind_word(LINK_TUNNEL), "tunnel");
    ck_assert_str_eq(socket_kind_name(SOCKET_UNIX), "unix");
    ck_assert_str_eq(socket_kind_name(SOCKET_MPTCP), "mptcp");
    ck_assert_str_eq(program_kind_name(PROGRAM_UNREADABLE), "unreadable");
    ck_assert_ptr_null(engine_name((enum container_engine)99));
    ck_assert_str_eq(nft_family_words[NFT_FAMILY_IP6], "ip6");
    ck_assert_str_eq(nft_hook_words[HOOK_EGRESS], "egress");
    ck_assert_str_eq(expression_kind_words[EXPRESSION_INNER], "inner");
    ck_assert_str_eq(expression_kind_words[EXPRESSION_DYNSET], "dynset");
    ck_assert_str_eq(expression_kind_words[EXPRESSION_CONNLIMIT], "connlimit");
    ck_assert_str_eq(role_words[ROLE_OUTSIDE], "outside");
}
END_TEST

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

START_TEST(spans_of_an_object)
{
    struct span_reader reader;
    struct span name, value;
    ck_assert_int_eq(span_open(span_of(" { \"a\" : [1,{\"}\":2}] , \"b\\\"\":\"x,}\\\\\"}\n"), '{', &reader),
                     0);
    ck_assert_int_eq(span_member(&reader, &name, &value), 1);
    ck_assert(span_is(name, "a") && span_is(value, "[1,{\"}\":2}]"));
    ck_assert_int_eq(span_member(&reader, &name, &value), 1);
    ck_assert(span_is(name, "b\\\"") && span_is(value, "\"x,}\\\\\""));
    ck_assert_int_eq(span_member(&reader, &name, &value), 0);
    ck_assert_int_lt(span_open(span_of("[]"), '{', &reader), 0);
}
END_TEST

static int elements(const char *text)
{
    struct span_reader reader;
    struct span value;
    if (span_open(span_of(text), '[', &reader) < 0)
        return -1;
    int r, count = 0;
    while ((r = span_element(&reader, &value)) > 0)
        count++;
    return r < 0 ? -1 : count;
}

START_TEST(spans_of_an_array)
{
    ck_assert_int_eq(elements("[]"), 0);
    ck_assert_int_eq(elements(" [ ] "), 0);
    ck_assert_int_eq(elements("[1, \"]\", [[]], {}]"), 4);
    static const char *const broken[] = {"",     "[",     "[1",   "[1,",   "[,1]",  "[1,]",
                                         "[1 2", "[\"a]", "[[1]", "[1] x", "[\"\\", "{}"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        ck_assert_msg(elements(broken[i]) < 0, "%s", broken[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshot/snapshot");
    TCase *cases = tcase_create("snapshot");
    tcase_add_test(cases, look_ups);
    tcase_add_test(cases, infrastructure_comes_last);
    tcase_add_test(cases, faults_are_copied);
    tcase_add_test(cases, words);
    tcase_add_test(cases, spans_of_an_object);
    tcase_add_test(cases, spans_of_an_array);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/program.h"

#include "tests/unit/netns_read/messages.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_hook.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(queues)
{
    _cleanup_messages_ struct messages messages = messages_load("queue");
    bool clsact = false;

    list_each(struct bytes, payload, &messages.payloads) {
        struct traffic_queue queue;

        ck_assert_int_eq(program_decode_queue(*payload, &queue), MESSAGE_ITEM);
        ck_assert_uint_ne(queue.interface, 0);
        if (!strcmp(queue.kind, "clsact"))
            clsact = queue.handle == 0xffff0000;
    }
    ck_assert(clsact);
}
END_TEST

/* The first message is the heading of the list. */
START_TEST(filters)
{
    _cleanup_messages_ struct messages messages = messages_load("filter");
    size_t headings = 0, found = 0;

    list_each(struct bytes, payload, &messages.payloads) {
        struct program program;
        enum message_is result = program_decode_filter(*payload, messages.arena, &program);

        ck_assert_int_ne(result, MESSAGE_MALFORMED);
        headings += result == MESSAGE_OTHER;
        if (result != MESSAGE_ITEM)
            continue;
        found++;
        ck_assert_int_eq(program.kind, PROGRAM_TC);
        ck_assert_str_eq(program.name, "u32");
        ck_assert_str_eq(program.detail, "u32 filter, preference 9, chain 3");
    }
    ck_assert_uint_eq(headings, 1);
    ck_assert_uint_ge(found, 1);
}
END_TEST

START_TEST(bpf_filter)
{
    const struct tcmsg header = {.tcm_ifindex = 4, .tcm_info = 0x00010300};
    _cleanup_arena_ struct arena *arena = arena_new();
    struct program program;
    struct made_message made;
    struct nlmsghdr *message = message_make(&made, &header, sizeof(header));
    struct nlattr *options;

    mnl_attr_put_strz(message, TCA_KIND, "bpf");
    options = mnl_attr_nest_start(message, TCA_OPTIONS);
    mnl_attr_put_strz(message, TCA_BPF_NAME, "cil_from_container");
    mnl_attr_put_u32(message, TCA_BPF_ID, 123);
    mnl_attr_nest_end(message, options);
    ck_assert_int_eq(program_decode_filter(message_payload(message), arena, &program), MESSAGE_ITEM);
    ck_assert_str_eq(program.name, "cil_from_container");
    ck_assert_uint_eq(program.id, 123);
    ck_assert_uint_eq(program.interface, 4);
}
END_TEST

START_TEST(policies)
{
    _cleanup_messages_ struct messages messages = messages_load("policy");
    bool in = false, out = false;

    ck_assert_uint_eq(messages.payloads.count, 2);
    list_each(struct bytes, payload, &messages.payloads) {
        struct program program;

        ck_assert_int_eq(program_decode_policy(*payload, messages.arena, &program), MESSAGE_ITEM);
        ck_assert_int_eq(program.kind, PROGRAM_XFRM);
        if (program.family == FAMILY_IP4)
            in = !program.egress &&
                 !strcmp(program.detail, "policy in, allow, from 10.5.0.0/16 to 10.6.0.0/16");
        else
            out = program.egress && !strcmp(program.detail, "policy out, block, from 2001:db8::/32 to ::/0");
    }
    ck_assert(in);
    ck_assert(out);
}
END_TEST

START_TEST(a_sockets_own_policy)
{
    const struct xfrm_userpolicy_info info = {.dir = 3};
    _cleanup_arena_ struct arena *arena = arena_new();
    struct program program;

    ck_assert_int_eq(
        program_decode_policy((struct bytes){(const uint8_t *)&info, sizeof(info)}, arena, &program),
        MESSAGE_OTHER);
}
END_TEST

/* As net/netfilter/nfnetlink_hook.c writes it since Linux 6.4; the fixtures' kernel cannot list hooks. */
static struct nlmsghdr *make_hook(struct made_message *made, uint32_t type)
{
    const struct nfgenmsg header = {.nfgen_family = NFPROTO_IPV6};
    struct nlmsghdr *message = message_make(made, &header, sizeof(header));
    struct nlattr *chain, *description;

    mnl_attr_put_u32(message, NFNLA_HOOK_HOOKNUM, htobe32(1));
    mnl_attr_put_u32(message, NFNLA_HOOK_PRIORITY, htobe32((uint32_t)-150));
    chain = mnl_attr_nest_start(message, NFNLA_HOOK_CHAIN_INFO);
    mnl_attr_put_u32(message, NFNLA_HOOK_INFO_TYPE, htobe32(type));
    description = mnl_attr_nest_start(message, NFNLA_HOOK_INFO_DESC);
    mnl_attr_put_u32(message, 1, htobe32(55));
    mnl_attr_nest_end(message, description);
    mnl_attr_nest_end(message, chain);
    return message;
}

START_TEST(hooks)
{
    struct made_message made;
    struct program program;

    ck_assert_int_eq(program_decode_hook(message_payload(make_hook(&made, 2)), &program), MESSAGE_ITEM);
    ck_assert_int_eq(program.kind, PROGRAM_NETFILTER);
    ck_assert_int_eq(program.family, FAMILY_IP6);
    ck_assert_uint_eq(program.hook, 1);
    ck_assert_int_eq(program.priority, -150);
    ck_assert_uint_eq(program.id, 55);
    ck_assert_int_eq(program_decode_hook(message_payload(make_hook(&made, 1)), &program), MESSAGE_OTHER);
}
END_TEST

/* In the format of net/netfilter/ipvs/ip_vs_ctl.c. */
START_TEST(ipvs_services)
{
    ck_assert_uint_eq(program_count_ipvs("IP Virtual Server version 1.2.1 (size=4096)\n"
                                         "Prot LocalAddress:Port Scheduler Flags\n"
                                         "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"),
                      0);
    ck_assert_uint_eq(program_count_ipvs("IP Virtual Server version 1.2.1 (size=4096)\n"
                                         "Prot LocalAddress:Port Scheduler Flags\n"
                                         "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
                                         "TCP  0A600001:01BB rr\n"
                                         "  -> 0A000005:192B      Masq    1      0          0\n"
                                         "UDP  0A60000A:0035 rr\nFWM  00000100 rr\n"),
                      3);
}
END_TEST

/* In the format of net/xfrm/xfrm_proc.c. */
START_TEST(policies_that_decided)
{
    ck_assert(!program_policies_decided(""));
    ck_assert(!program_policies_decided("XfrmInError             \t0\nXfrmInNoStates          \t7\n"
                                        "XfrmInNoPols            \t0\nXfrmOutPolBlock         \t0\n"));
    ck_assert(program_policies_decided("XfrmInNoStates          \t0\nXfrmOutPolBlock         \t1\n"));
    ck_assert(program_policies_decided("XfrmInTmplMismatch      \t2\n"));
}
END_TEST

/* A kernel without xfrm_user, whose files are these; NULL: there is none. */
static uint32_t parts_missing_with(const char *key, const char *counters)
{
    char folder[] = "/tmp/postern-program-XXXXXX", path[64];
    const struct program_survey survey = {.readable = true};
    struct namespace *namespace = namespace_new(1);
    const struct {
        const char *name, *text;
    } files[] = {{"modules", ""}, {"thread-self/net/pfkey", key}, {"thread-self/net/xfrm_stat", counters}};

    ck_assert_ptr_nonnull(mkdtemp(folder));
    int proc = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(mkdirat(proc, "thread-self", 0700), 0);
    ck_assert_int_eq(mkdirat(proc, "thread-self/net", 0700), 0);
    for (size_t i = 0; i < 3; i++) {
        int fd = files[i].text ? openat(proc, files[i].name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
        ck_assert(fd < 0 || write(fd, files[i].text, strlen(files[i].text)) >= 0);
        close(fd);
    }
    snprintf(path, sizeof(path), "%s/modules", folder);
    const struct module_places places = {.loaded = folder, .builtin = path};
    _cleanup_modules_ struct modules *modules = modules_read(proc, &places);
    const struct reader reader = {.proc = proc, .modules = modules, .budget = READ_BUDGET_DEFAULT};
    struct netlink *route = NULL;
    ck_assert_int_eq(netlink_open(NETLINK_ROUTE, 0, &route, NULL), 0);
    ck_assert(!modules_has(modules, "xfrm_user") && modules_known(modules));
    (void)program_read(&reader, route, -1, &survey, namespace);
    uint32_t missing = namespace->missing;
    if (missing) {
        ck_assert_str_eq(namespace->faults.items[0].code, "programs-unreadable");
        ck_assert_str_eq(namespace->faults.items[0].subject, "xfrm");
        ck_assert_int_eq(namespace->programs.items[namespace->programs.count - 1].kind, PROGRAM_UNREADABLE);
    }
    netlink_close(route);
    namespace_free(namespace);
    for (size_t i = 0; i < 3; i++)
        unlinkat(proc, files[i].name, 0);
    unlinkat(proc, "thread-self/net", AT_REMOVEDIR);
    unlinkat(proc, "thread-self", AT_REMOVEDIR);
    close(proc);
    rmdir(folder);
    return missing;
}

/* Policies that nobody can be asked for, where something says that there may be some. */
START_TEST(policies_without_xfrm_user)
{
    ck_assert_uint_eq(parts_missing_with(NULL, NULL), 0);
    ck_assert_uint_eq(parts_missing_with(NULL, "XfrmInNoPols \t0\n"), 0);
    ck_assert_uint_eq(parts_missing_with("sk RefCnt\n", NULL), PART_PROGRAMS);
    ck_assert_uint_eq(parts_missing_with(NULL, "XfrmInNoPols \t4\n"), PART_PROGRAMS);
}
END_TEST

/* A namespace that may not be looked into is not one that has nothing. */
START_TEST(what_cannot_be_asked_is_said)
{
    const struct program_survey survey = {.readable = false};
    _cleanup_modules_ struct modules *modules = modules_read(AT_FDCWD, NULL);
    const struct reader reader = {.proc = -1, .modules = modules, .budget = READ_BUDGET_DEFAULT};
    struct namespace *namespace = namespace_new(1);

    ck_assert_int_eq(program_read_cgroup(&reader, &survey, -1, "/a", namespace), -ENOENT);
    ck_assert_uint_eq(namespace->programs.count, 1);
    ck_assert_int_eq(namespace->programs.items[0].kind, PROGRAM_UNREADABLE);
    ck_assert_str_eq(namespace->programs.items[0].detail, "cgroup");
    ck_assert_uint_eq(namespace->missing, PART_PROGRAMS);
    ck_assert_str_eq(namespace->faults.items[0].code, "programs-unreadable");
    namespace_free(namespace);
}
END_TEST

START_TEST(nothing_loaded_is_nothing_attached)
{
    const struct program_survey survey = {.readable = true};
    const struct reader reader = {.proc = -1, .budget = READ_BUDGET_DEFAULT};
    struct namespace *namespace = namespace_new(1);

    ck_assert_int_eq(program_read_cgroup(&reader, &survey, -1, "/a", namespace), 0);
    ck_assert_uint_eq(namespace->programs.count, 0);
    ck_assert_uint_eq(namespace->missing, 0);
    namespace_free(namespace);
}
END_TEST

/* ---- hostile bytes ---- */

static void parse_all(struct bytes payload, struct arena *arena)
{
    struct traffic_queue queue;
    struct program program;

    (void)program_decode_queue(payload, &queue);
    (void)program_decode_filter(payload, arena, &program);
    (void)program_decode_policy(payload, arena, &program);
    (void)program_decode_hook(payload, &program);
}

START_TEST(hostile)
{
    hostile_messages("queue", parse_all);
    hostile_messages("filter", parse_all);
    hostile_messages("policy", parse_all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("program");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 60);
    tcase_add_test(all, queues);
    tcase_add_test(all, filters);
    tcase_add_test(all, bpf_filter);
    tcase_add_test(all, policies);
    tcase_add_test(all, a_sockets_own_policy);
    tcase_add_test(all, hooks);
    tcase_add_test(all, ipvs_services);
    tcase_add_test(all, policies_that_decided);
    tcase_add_test(all, policies_without_xfrm_user);
    tcase_add_test(all, what_cannot_be_asked_is_said);
    tcase_add_test(all, nothing_loaded_is_nothing_attached);
    tcase_add_test(all, hostile);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}

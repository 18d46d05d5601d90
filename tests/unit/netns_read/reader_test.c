/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The readers on the namespace that the test runs in, whatever it is: what it surely has, and the limits. */
#include "netns/read/reader.h"

#include "netns/read/link.h"
#include "netns/read/nftables.h"
#include "netns/read/route.h"
#include "netns/read/socket.h"
#include "tests/unit/netns_read/messages.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct reader reader;
static struct modules *modules;
static struct netlink *route;
static struct namespace *namespace;
static char folder[64];

static void set_up(void)
{
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    ck_assert_int_ge(proc, 0);
    modules = modules_read(proc, NULL);
    reader = (struct reader){.proc = proc, .modules = modules, .budget = READ_BUDGET_DEFAULT};
    namespace = namespace_new(1);
    ck_assert_int_eq(netlink_open(NETLINK_ROUTE, 0, &route, NULL), 0);
    snprintf(folder, sizeof(folder), "/tmp/postern-reader-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
    route = netlink_close(route);
    namespace = namespace_free(namespace);
    modules = modules_free(modules);
    close(reader.proc);
    rmdir(folder);
}

/* ---- links and routes ---- */

START_TEST(loopback_is_there)
{
    const struct link *link;

    ck_assert_int_eq(link_read(&reader, route, namespace), 0);
    ck_assert_uint_eq(namespace->missing, 0);
    link = namespace_link(namespace, 1);
    ck_assert_ptr_nonnull(link);
    ck_assert_int_eq(link->kind, LINK_LOOPBACK);
    ck_assert_int_eq(route_read(&reader, route, namespace), 0);
    ck_assert_uint_gt(namespace->policy_rules.count, 0);
    ck_assert_uint_eq(namespace->faults.count, 0);
}
END_TEST

START_TEST(links_have_a_limit)
{
    reader.budget.links = 0;
    ck_assert_int_eq(link_read(&reader, route, namespace), NETLINK_STOPPED);
    ck_assert_uint_eq(namespace->links.count, 0);
    ck_assert_uint_eq(namespace->missing, PART_LINKS);
    ck_assert(namespace->over_budget);
    ck_assert_uint_eq(namespace->faults.count, 1);
    ck_assert_str_eq(namespace->faults.items[0].code, "over-budget");
    ck_assert_str_eq(namespace->faults.items[0].subject, "links");
}
END_TEST

START_TEST(rules_have_a_limit)
{
    reader.budget.policy_rules = 1;
    ck_assert_int_eq(route_read(&reader, route, namespace), NETLINK_STOPPED);
    ck_assert_uint_eq(namespace->policy_rules.count, 1);
    ck_assert_uint_eq(namespace->missing, PART_POLICY_RULES);
}
END_TEST

START_TEST(time_has_a_limit)
{
    _cleanup_netlink_ struct netlink *late = NULL;

    ck_assert_int_eq(netlink_open(NETLINK_ROUTE, 1, &late, NULL), 0);
    ck_assert_int_eq(link_read(&reader, late, namespace), -ETIMEDOUT);
    ck_assert_uint_eq(namespace->missing & PART_LINKS, PART_LINKS);
    ck_assert(namespace->over_budget);
    ck_assert_str_eq(namespace->faults.items[0].code, "over-budget");
}
END_TEST

/* Not asked, for that may load a module, and nobody knows whether there is something to ask. */
START_TEST(modules_that_are_not_known_are_a_fault)
{
    static const struct module_places nowhere = {.loaded = "/no/such/place", .builtin = "/no/such/place"};
    struct reader blind = reader;
    int empty = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *list = memory_printf("%s/modules", folder);
    _cleanup_fclose_ FILE *file = fopen(list, "w"); /* a kernel that has modules */
    _cleanup_modules_ struct modules *unknown = modules_read(empty, &nowhere);

    close(empty);
    unlink(list);
    blind.modules = unknown;
    ck_assert(!read_may_ask(&blind, "nf_tables", namespace, PART_RULESET));
    ck_assert_uint_eq(namespace->missing, PART_RULESET);
    ck_assert_uint_eq(namespace->faults.count, 1);
    ck_assert_str_eq(namespace->faults.items[0].subject, "nf_tables");
    ck_assert_int_eq(nftables_read(&blind, route, namespace), 0);
    ck_assert_uint_eq(namespace->faults.count, 2);
    ck_assert(!read_may_ask(&reader, "no_such_module", namespace, PART_LEGACY) || !modules_known(modules) ||
              modules_has(modules, "no_such_module"));
    ck_assert_uint_eq(namespace->missing & PART_LEGACY, 0);
}
END_TEST

/* ---- the generic dump ---- */

static enum message_is refuse_all(struct bytes payload, struct arena *arena, void *ret_item)
{
    (void)payload;
    (void)arena;
    (void)ret_item;
    return MESSAGE_MALFORMED;
}

static const struct read_list odd_list = {.subject = "odd links",
                                          .part = PART_LINKS,
                                          .ask = RTM_GETLINK,
                                          .answer = RTM_NEWLINK,
                                          .header = sizeof(struct ifinfomsg),
                                          .list = offsetof(struct namespace, links),
                                          .item = sizeof(struct link),
                                          .limit = offsetof(struct read_budget, links),
                                          .decode = refuse_all};

START_TEST(malformed_messages_are_a_fault)
{
    ck_assert_int_eq(read_list(&reader, route, &odd_list, namespace), -EBADMSG);
    ck_assert_uint_eq(namespace->links.count, 0);
    ck_assert_uint_eq(namespace->missing, PART_LINKS);
    ck_assert_uint_eq(namespace->faults.count, 1);
    ck_assert_str_eq(namespace->faults.items[0].code, "message-malformed");
}
END_TEST

START_TEST(what_the_kernel_does_not_have)
{
    struct read_list list = odd_list;

    list.ask = RTM_GETRULE;
    list.header = sizeof(struct rtmsg);
    list.family = AF_PACKET; /* no rules of that family */
    ck_assert_int_lt(read_list(&reader, route, &list, namespace), 0);
    ck_assert_uint_eq(namespace->missing, PART_LINKS);
    namespace->missing = 0;
    list.optional = true;
    ck_assert_int_eq(read_list(&reader, route, &list, namespace), READ_ABSENT);
    ck_assert_uint_eq(namespace->missing, 0);
}
END_TEST

struct interrupted {
    unsigned tries, resets, clean_from;
};

static struct nlmsghdr *ask_loopback(struct netlink *netlink, void *context)
{
    struct interrupted *interrupted = context;

    interrupted->tries++;
    return netlink_request(netlink, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
}

static int interrupt(const struct nlmsghdr *message, void *context)
{
    const struct interrupted *interrupted = context;

    (void)message;
    return interrupted->tries < interrupted->clean_from ? -EAGAIN : 0;
}

static void count_reset(void *context)
{
    ((struct interrupted *)context)->resets++;
}

START_TEST(interrupted_dumps_are_tried_again)
{
    struct interrupted interrupted = {.clean_from = 3};
    struct read_dump dump = {.subject = "links",
                             .part = PART_LINKS,
                             .build = ask_loopback,
                             .handle = interrupt,
                             .reset = count_reset,
                             .context = &interrupted};

    ck_assert_int_eq(read_dump(route, &dump, namespace), 0);
    ck_assert_uint_eq(interrupted.tries, 3);
    ck_assert_uint_eq(interrupted.resets, 3);
    ck_assert_uint_eq(namespace->missing, 0);
    interrupted = (struct interrupted){.clean_from = UINT32_MAX};
    ck_assert_int_eq(read_dump(route, &dump, namespace), -EAGAIN);
    ck_assert_uint_eq(interrupted.tries, 5);
    ck_assert_uint_eq(namespace->missing, PART_LINKS);
    ck_assert_str_eq(namespace->faults.items[0].code, "not-atomic");
}
END_TEST

START_TEST(evidence_is_cut_without_a_word_about_the_rest)
{
    ck_assert_int_eq(read_over_budget(namespace, PART_EVIDENCE, "connections"), NETLINK_STOPPED);
    ck_assert(!namespace->over_budget);
    ck_assert_uint_eq(namespace->missing, PART_EVIDENCE);
}
END_TEST

/* ---- sysctls ---- */

START_TEST(settings)
{
    ck_assert_int_eq(link_read(&reader, route, namespace), 0);
    ck_assert_int_eq(sysctl_read(&reader, namespace), 0);
    ck_assert_int_ge(namespace->sysctls.ip_forward, 0);
    ck_assert_int_eq(namespace->sysctls.ip_forward, namespace->sysctls.forwarding4_all);
    ck_assert_int_ge(namespace->sysctls.rp_filter_all, 0);
    ck_assert_int_ge(namespace->sysctls.route_localnet_all, 0);
    ck_assert_uint_eq(namespace->missing, 0);
}
END_TEST

/* A procfs that shows no settings (subset=pid) is not a machine that forwards nothing. */
START_TEST(settings_that_are_hidden)
{
    struct reader blind = reader;

    blind.proc = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(sysctl_read(&blind, namespace), -ENOENT);
    ck_assert_int_eq(namespace->sysctls.ip_forward, -1);
    ck_assert_uint_eq(namespace->missing, PART_SYSCTLS);
    ck_assert_str_eq(namespace->faults.items[0].code, "sysctl-unreadable");
    close(blind.proc);
}
END_TEST

/* ---- sockets ---- */

struct listeners {
    int tcp, tcp6, udp, abstract, client;
    uint16_t port;
};

static int listen_inet(int family, int type)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT};
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    if (family == AF_INET)
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&four, sizeof(four)), 0);
    else
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&six, sizeof(six)), 0);
    if (type == SOCK_STREAM)
        ck_assert_int_eq(listen(fd, 5), 0);
    return fd;
}

static int listen_abstract(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "postern-test-%d", getpid());

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)),
                     0);
    ck_assert_int_eq(listen(fd, 5), 0);
    return fd;
}

static struct listeners listeners_make(void)
{
    struct listeners made = {.tcp = listen_inet(AF_INET, SOCK_STREAM),
                             .tcp6 = listen_inet(AF_INET6, SOCK_STREAM),
                             .udp = listen_inet(AF_INET, SOCK_DGRAM),
                             .abstract = listen_abstract(),
                             .client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    ck_assert_int_eq(getsockname(made.tcp, (struct sockaddr *)&address, &length), 0);
    made.port = ntohs(address.sin_port);
    ck_assert_int_eq(connect(made.client, (struct sockaddr *)&address, sizeof(address)), 0);
    return made;
}

static void listeners_close(struct listeners *made)
{
    close(made->tcp);
    close(made->tcp6);
    close(made->udp);
    close(made->abstract);
    close(made->client);
}

static const struct socket *by_descriptor(int fd)
{
    struct stat facts;

    ck_assert_int_eq(fstat(fd, &facts), 0);
    list_each(struct socket, socket, &namespace->sockets) {
        if (socket->inode == facts.st_ino)
            return socket;
    }
    ck_abort_msg("a socket was not seen");
}

static void check_sockets(const struct listeners *made)
{
    const struct socket *tcp = by_descriptor(made->tcp);
    bool connected = false;

    ck_assert_int_eq(tcp->kind, SOCKET_TCP);
    ck_assert_str_eq(ADDRESS_TEXT(tcp->address), "127.0.0.1");
    ck_assert_uint_eq(tcp->port, made->port);
    ck_assert_int_eq(by_descriptor(made->tcp6)->family, FAMILY_IP6);
    ck_assert_int_eq(by_descriptor(made->udp)->kind, SOCKET_UDP);
    ck_assert_int_eq(by_descriptor(made->abstract)->kind, SOCKET_UNIX);
    ck_assert_int_eq(strncmp(by_descriptor(made->abstract)->name, "postern-test-", 13), 0);
    list_each(struct connection, connection, &namespace->connections) {
        connected |= connection->kind == SOCKET_TCP && connection->local_port == made->port;
    }
    ck_assert(connected);
}

START_TEST(sockets_of_this_process)
{
    struct listeners made = listeners_make();

    ck_assert_int_ge(socket_read(&reader, namespace), 0);
    check_sockets(&made);
    listeners_close(&made);
}
END_TEST

/* A kernel whose diagnosis would have to be loaded as a module. */
START_TEST(sockets_without_diagnosis)
{
    const struct module_places places = {.loaded = folder, .builtin = "/nowhere"};
    struct listeners made = listeners_make();
    struct reader poor = reader;
    int empty = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int list = openat(empty, "modules", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    struct modules *none = modules_read(empty, &places);

    unlinkat(empty, "modules", 0);
    close(list);
    close(empty);
    ck_assert(!modules_has(none, "tcp_diag"));
    poor.modules = none;
    ck_assert_int_ge(socket_read(&poor, namespace), 0);
    check_sockets(&made);
    ck_assert(by_descriptor(made.tcp6)->binding_unknown);
    modules_free(none);
    listeners_close(&made);
}
END_TEST

START_TEST(sockets_have_a_limit)
{
    struct listeners made = listeners_make();

    reader.budget.sockets = 1;
    reader.budget.connections = 0;
    socket_read(&reader, namespace);
    ck_assert_uint_eq(namespace->sockets.count, 1);
    ck_assert_uint_eq(namespace->connections.count, 0);
    ck_assert(namespace->over_budget);
    ck_assert_uint_ne(namespace->missing & PART_SOCKETS_TCP, 0);
    ck_assert_uint_ne(namespace->missing & PART_SOCKETS_UDP, 0);
    ck_assert_uint_ne(namespace->missing & PART_EVIDENCE, 0);
    listeners_close(&made);
}
END_TEST

/* No socket is as good as no answer where procfs cannot be read. */
START_TEST(sockets_that_are_hidden)
{
    const struct module_places places = {.loaded = folder, .builtin = "/nowhere"};
    struct reader blind = reader;
    int empty = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int list = openat(empty, "modules", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    blind.proc = empty;
    blind.modules = modules_read(empty, &places);
    ck_assert_int_lt(socket_read(&blind, namespace), 0);
    ck_assert_uint_eq(namespace->missing & (PART_SOCKETS_TCP | PART_SOCKETS_UDP | PART_SOCKETS_OTHER),
                      PART_SOCKETS_TCP | PART_SOCKETS_UDP | PART_SOCKETS_OTHER);
    unlinkat(empty, "modules", 0);
    close(list);
    close(empty);
    modules_free((struct modules *)(uintptr_t)blind.modules);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reader");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, loopback_is_there);
    tcase_add_test(all, links_have_a_limit);
    tcase_add_test(all, rules_have_a_limit);
    tcase_add_test(all, time_has_a_limit);
    tcase_add_test(all, modules_that_are_not_known_are_a_fault);
    tcase_add_test(all, malformed_messages_are_a_fault);
    tcase_add_test(all, what_the_kernel_does_not_have);
    tcase_add_test(all, interrupted_dumps_are_tried_again);
    tcase_add_test(all, evidence_is_cut_without_a_word_about_the_rest);
    tcase_add_test(all, settings);
    tcase_add_test(all, settings_that_are_hidden);
    tcase_add_test(all, sockets_of_this_process);
    tcase_add_test(all, sockets_without_diagnosis);
    tcase_add_test(all, sockets_have_a_limit);
    tcase_add_test(all, sockets_that_are_hidden);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/socket.h"

#include "tests/unit/netns_read/messages.h"

#include <linux/inet_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

typedef LIST(struct socket_facts) facts_list;

static void load(const char *name, enum socket_kind kind, facts_list *list)
{
    _cleanup_messages_ struct messages messages = messages_load(name);

    list_each(struct bytes, payload, &messages.payloads) {
        ck_assert_int_eq(socket_decode_inet(*payload, kind, list_append(list)), MESSAGE_ITEM);
    }
}

static void load_text(const char *name, enum socket_kind kind, enum ip_family family, facts_list *list)
{
    _cleanup_free_ char *text = fixture_text(name);
    char *rest = text, *line;
    size_t headings = 0;

    while ((line = strsep(&rest, "\n"))) {
        struct socket_facts facts;
        enum message_is result = *line ? socket_parse_inet(line, kind, family, &facts) : MESSAGE_OTHER;

        ck_assert_int_ne(result, MESSAGE_MALFORMED);
        if (result == MESSAGE_ITEM)
            *list_append(list) = facts;
        else
            headings += *line != 0;
    }
    ck_assert_uint_eq(headings, 1);
}

static const struct socket_facts *on_port(const facts_list *list, uint16_t port)
{
    list_each(struct socket_facts, facts, list) {
        if (facts->socket.port == port && facts->remote.family == FAMILY_NONE)
            return facts;
    }
    ck_abort_msg("nothing on port %u", port);
}

static const struct socket_facts *from_port(const facts_list *list, uint16_t remote_port)
{
    list_each(struct socket_facts, facts, list) {
        if (facts->remote_port == remote_port)
            return facts;
    }
    ck_abort_msg("nothing from port %u", remote_port);
}

/* ---- the kernel's diagnosis ---- */

START_TEST(tcp_listeners)
{
    facts_list list = {.count = 0};
    const struct socket *socket;

    load("tcp", SOCKET_TCP, &list);
    socket = &on_port(&list, 80)->socket;
    ck_assert_int_eq(socket->family, FAMILY_IP4);
    ck_assert_uint_eq(socket->state, TCP_LISTEN);
    ck_assert_str_eq(ADDRESS_TEXT(socket->address), "0.0.0.0");
    ck_assert_uint_eq(socket->backlog, 7);
    ck_assert_uint_eq(socket->queue, 1); /* one waits to be accepted */
    ck_assert_uint_ne(socket->inode, 0);
    ck_assert_uint_ne(socket->cookie, 0);
    ck_assert_uint_ne(socket->cgroup_id, 0);
    ck_assert(!socket->binding_unknown);
    socket = &on_port(&list, 81)->socket;
    ck_assert_str_eq(ADDRESS_TEXT(socket->address), "127.0.0.1");
    ck_assert_uint_eq(socket->mark, 5);
    ck_assert_uint_ne(on_port(&list, 85)->socket.interface, 0);
    ck_assert_uint_eq(on_port(&list, 80)->socket.interface, 0);
    list_free(&list);
}
END_TEST

START_TEST(tcp_of_both_families)
{
    facts_list list = {.count = 0};

    load("tcp", SOCKET_TCP, &list);
    ck_assert_int_eq(on_port(&list, 82)->socket.family, FAMILY_IP6);
    ck_assert(!on_port(&list, 82)->socket.v6only);
    ck_assert(on_port(&list, 83)->socket.v6only);
    /* bound to ::ffff:172.18.0.2 */
    ck_assert_int_eq(on_port(&list, 84)->socket.family, FAMILY_IP4);
    ck_assert_str_eq(ADDRESS_TEXT(on_port(&list, 84)->socket.address), "172.18.0.2");
    list_free(&list);
}
END_TEST

START_TEST(connections)
{
    facts_list list = {.count = 0};
    const struct socket_facts *facts;

    load("tcp", SOCKET_TCP, &list);
    facts = from_port(&list, 40000);
    ck_assert_uint_eq(facts->socket.state, TCP_ESTABLISHED);
    ck_assert_uint_eq(facts->socket.port, 80);
    ck_assert_str_eq(ADDRESS_TEXT(facts->remote), "127.0.0.1");
    facts = from_port(&list, 40001); /* an IPv4 client of an IPv6 socket */
    ck_assert_int_eq(facts->socket.family, FAMILY_IP4);
    ck_assert_str_eq(ADDRESS_TEXT(facts->remote), "127.0.0.1");
    list_free(&list);
}
END_TEST

START_TEST(udp_sockets)
{
    facts_list list = {.count = 0};

    load("udp", SOCKET_UDP, &list);
    ck_assert_uint_eq(list.count, 3);
    ck_assert_uint_eq(on_port(&list, 53)->socket.state, TCP_CLOSE);
    ck_assert_str_eq(ADDRESS_TEXT(on_port(&list, 54)->socket.address), "::1");
    ck_assert_uint_eq(from_port(&list, 53)->socket.port, 57);
    ck_assert_uint_eq(from_port(&list, 53)->socket.state, TCP_ESTABLISHED);
    list_free(&list);
    load("udplite", SOCKET_UDPLITE, &list);
    ck_assert_uint_eq(on_port(&list, 55)->socket.state, TCP_CLOSE);
    list_free(&list);
}
END_TEST

/* raw_diag's messages: the port is the protocol. */
START_TEST(raw_by_diagnosis)
{
    struct inet_diag_msg header = {.idiag_family = AF_INET, .idiag_state = TCP_CLOSE, .idiag_inode = 3};
    struct socket_facts facts;
    struct made_message made;

    header.id.idiag_sport = htons(89);
    ck_assert_int_eq(
        socket_decode_inet(message_payload(message_make(&made, &header, sizeof(header))), SOCKET_RAW, &facts),
        MESSAGE_ITEM);
    ck_assert_uint_eq(facts.socket.protocol, 89);
    ck_assert_uint_eq(facts.socket.port, 0);
    ck_assert_int_eq(facts.remote.family, FAMILY_NONE);
}
END_TEST

START_TEST(families_that_cannot_be)
{
    struct inet_diag_msg header = {.idiag_family = AF_UNIX};
    struct socket_facts facts;
    struct made_message made;

    ck_assert_int_eq(
        socket_decode_inet(message_payload(message_make(&made, &header, sizeof(header))), SOCKET_TCP, &facts),
        MESSAGE_MALFORMED);
}
END_TEST

START_TEST(packet_sockets)
{
    _cleanup_messages_ struct messages messages = messages_load("packet");
    struct socket_facts facts;

    ck_assert_uint_eq(messages.payloads.count, 1);
    ck_assert_int_eq(socket_decode_packet(messages.payloads.items[0], &facts), MESSAGE_ITEM);
    ck_assert_int_eq(facts.socket.kind, SOCKET_PACKET);
    ck_assert_uint_eq(facts.socket.protocol, 0x806);
    ck_assert_uint_ne(facts.socket.interface, 0);
    ck_assert_uint_ne(facts.socket.inode, 0);
}
END_TEST

static void check_unix(const struct socket *socket)
{
    static const uint8_t name[] = {'a', 'b', 's', 0xff, 0, 'n', 'a', 'm', 'e'};

    ck_assert_int_eq(socket->kind, SOCKET_UNIX);
    ck_assert_str_eq(socket->name, "abs\xef\xbf\xbd\xef\xbf\xbdname");
    ck_assert_uint_eq(socket->raw_name.length, sizeof(name));
    ck_assert_mem_eq(socket->raw_name.data, name, sizeof(name));
    ck_assert_uint_eq(socket->backlog, 7);
    ck_assert_uint_ne(socket->inode, 0);
}

/* Of three unix sockets one listens and is abstract. */
START_TEST(unix_sockets)
{
    _cleanup_messages_ struct messages messages = messages_load("unix");
    size_t count = 0;

    ck_assert_uint_eq(messages.payloads.count, 3);
    list_each(struct bytes, payload, &messages.payloads) {
        struct socket_facts facts;
        enum message_is result = socket_decode_unix(*payload, messages.arena, &facts);

        ck_assert_int_ne(result, MESSAGE_MALFORMED);
        if (result == MESSAGE_ITEM) {
            check_unix(&facts.socket);
            count++;
        }
    }
    ck_assert_uint_eq(count, 1);
}
END_TEST

/* ---- procfs ---- */

/* Both tell the same, as far as procfs tells it. */
START_TEST(procfs_agrees)
{
    facts_list told = {.count = 0}, read = {.count = 0};

    load("tcp", SOCKET_TCP, &told);
    load_text("tcp.text", SOCKET_TCP, FAMILY_IP4, &read);
    load_text("tcp6.text", SOCKET_TCP, FAMILY_IP6, &read);
    ck_assert_uint_eq(read.count, told.count);
    list_each(struct socket_facts, one, &told) {
        bool found = false;

        list_each(struct socket_facts, other, &read) {
            found |= one->socket.port == other->socket.port && one->socket.state == other->socket.state &&
                     one->remote_port == other->remote_port && one->socket.inode == other->socket.inode &&
                     one->socket.uid == other->socket.uid && one->socket.queue == other->socket.queue &&
                     address_equal(one->socket.address, other->socket.address) &&
                     address_equal(one->remote, other->remote) && other->socket.binding_unknown;
        }
        ck_assert_msg(found, "port %u", one->socket.port);
    }
    list_free(&told);
    list_free(&read);
}
END_TEST

START_TEST(procfs_of_other_protocols)
{
    facts_list list = {.count = 0};

    load_text("udp6.text", SOCKET_UDP, FAMILY_IP6, &list);
    ck_assert_str_eq(ADDRESS_TEXT(on_port(&list, 54)->socket.address), "::1");
    list_free(&list);
    load_text("raw.text", SOCKET_RAW, FAMILY_IP4, &list);
    ck_assert_uint_eq(list.items[0].socket.protocol, 89);
    list_free(&list);
    load_text("raw6.text", SOCKET_RAW, FAMILY_IP6, &list);
    ck_assert_uint_eq(list.items[0].socket.protocol, 58);
    list_free(&list);
}
END_TEST

START_TEST(procfs_packet_and_unix)
{
    _cleanup_free_ char *packet = fixture_text("packet.text"), *unix_text = fixture_text("unix.text");
    _cleanup_arena_ struct arena *arena = arena_new();
    struct socket_facts facts;
    char *rest = packet, *line;
    size_t count = 0;

    ck_assert_int_eq(socket_parse_packet(strsep(&rest, "\n"), &facts), MESSAGE_OTHER);
    ck_assert_int_eq(socket_parse_packet(strsep(&rest, "\n"), &facts), MESSAGE_ITEM);
    ck_assert_uint_eq(facts.socket.protocol, 0x806);
    ck_assert_uint_ne(facts.socket.interface, 0);
    rest = unix_text;
    while ((line = strsep(&rest, "\n"))) {
        if (!*line || socket_parse_unix(line, arena, &facts) != MESSAGE_ITEM)
            continue;
        count++;
        ck_assert_uint_eq(facts.socket.state, TCP_LISTEN);
        ck_assert_mem_eq(facts.socket.raw_name.data, "absx@name", 9);
    }
    ck_assert_uint_eq(count, 1);
}
END_TEST

/* In the format of net/sctp/proc.c; the fixtures' kernel has no SCTP. */
START_TEST(sctp_endpoints)
{
    struct socket_facts facts[4];
    size_t count;

    ck_assert_int_eq(
        socket_parse_sctp(" ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS", facts, 4, &count),
        MESSAGE_OTHER);
    ck_assert_int_eq(socket_parse_sctp("00000000a1b2c3d4 00000000e5f60718 2   10  29   5000  1000 12345 "
                                       "10.0.0.1 *2001:0db8:0000:0000:0000:0000:0000:0001 ",
                                       facts, 4, &count),
                     MESSAGE_ITEM);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(facts[0].socket.port, 5000);
    ck_assert_uint_eq(facts[0].socket.inode, 12345);
    ck_assert_uint_eq(facts[0].socket.uid, 1000);
    ck_assert_str_eq(ADDRESS_TEXT(facts[0].socket.address), "10.0.0.1");
    ck_assert_str_eq(ADDRESS_TEXT(facts[1].socket.address), "2001:db8::1");
    ck_assert_int_eq(facts[1].socket.family, FAMILY_IP6);
    ck_assert_int_eq(socket_parse_sctp("0 0 2   7  29   5000  1000 12345 10.0.0.1 ", facts, 4, &count),
                     MESSAGE_OTHER); /* does not listen */
    ck_assert_int_eq(socket_parse_sctp("0 0 2   10  29   5000  1000 12345 10.0.0.1 x ", facts, 4, &count),
                     MESSAGE_MALFORMED);
    ck_assert_int_eq(
        socket_parse_sctp("0 0 2   10  29   5000  1000 12345 1.1.1.1 1.1.1.2 ", facts, 1, &count),
        MESSAGE_MALFORMED); /* no room for the other */
    ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(lines_that_are_none)
{
    static const char *const lines[] = {
        "x",
        "   0:",
        "   0: 0100007F:0051 00000000:0000 0A",
        "   0: 0100007F0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1",
        "   0: 0100007G:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1",
        "   0: 0100007F0100007F:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1"};
    struct socket_facts facts;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        ck_assert_msg(socket_parse_inet(lines[i], SOCKET_TCP, FAMILY_IP4, &facts) == MESSAGE_MALFORMED, "%s",
                      lines[i]);
}
END_TEST

START_TEST(sockets_in_use)
{
    _cleanup_free_ char *four = fixture_text("sockstat.text"), *six = fixture_text("sockstat6.text");

    ck_assert_int_eq(socket_parse_inuse(four, "TCP"), 6);
    ck_assert_int_eq(socket_parse_inuse(four, "UDP"), 2);
    ck_assert_int_eq(socket_parse_inuse(four, "UDPLITE"), 1);
    ck_assert_int_eq(socket_parse_inuse(four, "RAW"), 1);
    ck_assert_int_eq(socket_parse_inuse(four, "TCP6"), -1);
    ck_assert_int_eq(socket_parse_inuse(six, "TCP6"), 4);
    ck_assert_int_eq(socket_parse_inuse("", "TCP"), -1);
}
END_TEST

/* ---- hostile bytes ---- */

static void parse_all(struct bytes payload, struct arena *arena)
{
    struct socket_facts facts;

    (void)socket_decode_inet(payload, SOCKET_TCP, &facts);
    (void)socket_decode_packet(payload, &facts);
    (void)socket_decode_unix(payload, arena, &facts);
}

static void parse_lines(struct bytes payload, struct arena *arena)
{
    _cleanup_free_ char *line = memory_strndup((const char *)payload.data, payload.length);
    struct socket_facts facts, several[2];
    size_t count;

    (void)socket_parse_inet(line, SOCKET_TCP, FAMILY_IP6, &facts);
    (void)socket_parse_packet(line, &facts);
    (void)socket_parse_unix(line, arena, &facts);
    (void)socket_parse_sctp(line, several, 2, &count);
    (void)socket_parse_inuse(line, "TCP");
}

START_TEST(hostile)
{
    static const char *const names[] = {"tcp6.text", "packet.text", "unix.text", "sockstat.text"};

    hostile_messages("tcp", parse_all);
    hostile_messages("packet", parse_all);
    hostile_messages("unix", parse_all);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        _cleanup_free_ char *text = fixture_text(names[i]);
        size_t length = strlen(text);

        for (size_t from = 0; from < length; from++)
            hostile_try((struct bytes){(const uint8_t *)text + from, strcspn(text + from, "\n")},
                        parse_lines);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 60);
    tcase_add_test(all, tcp_listeners);
    tcase_add_test(all, tcp_of_both_families);
    tcase_add_test(all, connections);
    tcase_add_test(all, udp_sockets);
    tcase_add_test(all, raw_by_diagnosis);
    tcase_add_test(all, families_that_cannot_be);
    tcase_add_test(all, packet_sockets);
    tcase_add_test(all, unix_sockets);
    tcase_add_test(all, procfs_agrees);
    tcase_add_test(all, procfs_of_other_protocols);
    tcase_add_test(all, procfs_packet_and_unix);
    tcase_add_test(all, sctp_endpoints);
    tcase_add_test(all, lines_that_are_none);
    tcase_add_test(all, sockets_in_use);
    tcase_add_test(all, hostile);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}

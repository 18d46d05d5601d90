/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/socket.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

enum { TEXT_MAX = 64 << 20, SOCKSTAT_MAX = 4096, ENDPOINT_ADDRESSES = 32, FAMILIES = 2 };

#define STATE(number) (1U << (number))
/* connections whose handshake is done */
#define ESTABLISHED                                                                                          \
    (STATE(TCP_ESTABLISHED) | STATE(TCP_FIN_WAIT1) | STATE(TCP_FIN_WAIT2) | STATE(TCP_CLOSE_WAIT) |          \
     STATE(TCP_LAST_ACK) | STATE(TCP_CLOSING))

/* The protocols that have a diagnosis of the inet kind; TCP is the first. */
static const struct protocol {
    enum socket_kind kind;
    uint8_t number;
    const char *word; /* in sockstat and of the file in procfs */
    const char *file;
    const char *module;
    const char *subject;
    uint32_t part;
    uint32_t states; /* of sockets that take traffic from anybody */
} protocols[] = {
    {SOCKET_TCP, IPPROTO_TCP, "TCP", "tcp", "tcp_diag", "TCP sockets", PART_SOCKETS_TCP, STATE(TCP_LISTEN)},
    {SOCKET_UDP, IPPROTO_UDP, "UDP", "udp", "udp_diag", "UDP sockets", PART_SOCKETS_UDP,
     STATE(TCP_CLOSE) | STATE(TCP_ESTABLISHED)},
    {SOCKET_UDPLITE, IPPROTO_UDPLITE, "UDPLITE", "udplite", "udp_diag", "UDP-Lite sockets", PART_SOCKETS_UDP,
     STATE(TCP_CLOSE) | STATE(TCP_ESTABLISHED)},
    {SOCKET_RAW, IPPROTO_RAW, "RAW", "raw", "raw_diag", "raw sockets", PART_SOCKETS_OTHER,
     STATE(TCP_CLOSE) | STATE(TCP_ESTABLISHED)},
};
enum { PROTOCOLS = sizeof(protocols) / sizeof(protocols[0]) };

/* What runs through all dumps of one namespace. */
struct reading {
    const struct reader *reader;
    struct namespace *namespace;
    struct netlink *diagnosis; /* NULL: none could be opened */
    int first;                 /* the first failure */
    /* of the dump that runs */
    enum socket_kind kind;
    uint8_t family;
    uint8_t number;
    uint32_t states;
    const char *subject;
    uint32_t part;
    size_t sockets, connections; /* that were there before it */
    bool malformed, connections_cut;
};

static void begin(struct reading *reading, enum socket_kind kind, uint8_t family, const char *subject,
                  uint32_t part)
{
    reading->kind = kind;
    reading->family = family;
    reading->subject = subject;
    reading->part = part;
    reading->sockets = reading->namespace->sockets.count;
    reading->connections = reading->namespace->connections.count;
    reading->malformed = false;
}

static void note(struct reading *reading, int result)
{
    if (!reading->first && result < 0)
        reading->first = result;
}

/* ---- where a socket goes ---- */

static bool is_connection(const struct socket_facts *facts)
{
    if (facts->socket.kind == SOCKET_TCP)
        return facts->socket.state != TCP_LISTEN;
    /* a connected raw socket keeps taking what its filter lets through: it stays a socket */
    return facts->socket.state == TCP_ESTABLISHED && facts->socket.kind != SOCKET_RAW;
}

static int add_connection(struct reading *reading, const struct socket_facts *facts)
{
    struct namespace *namespace = reading->namespace;

    if (namespace->connections.count >= reading->reader->budget.connections ||
        !read_pay(reading->reader, sizeof(struct connection))) {
        if (reading->states == ESTABLISHED)
            return NETLINK_STOPPED;
        reading->connections_cut = true; /* the dump has listeners as well: it goes on */
        return 0;
    }
    *list_append(&namespace->connections) = (struct connection){.kind = facts->socket.kind,
                                                                .family = facts->socket.family,
                                                                .local = facts->socket.address,
                                                                .remote = facts->remote,
                                                                .local_port = facts->socket.port,
                                                                .remote_port = facts->remote_port,
                                                                .state = facts->socket.state,
                                                                .inode = facts->socket.inode,
                                                                .uid = facts->socket.uid};
    return 0;
}

static int add_socket(struct reading *reading, const struct socket_facts *facts)
{
    if (is_connection(facts))
        return add_connection(reading, facts);
    if (reading->namespace->sockets.count >= reading->reader->budget.sockets ||
        !read_pay(reading->reader, sizeof(struct socket) + facts->socket.raw_name.length))
        return NETLINK_STOPPED;
    *list_append(&reading->namespace->sockets) = facts->socket;
    return 0;
}

static int take(struct reading *reading, enum message_is result, const struct socket_facts *facts)
{
    if (result == MESSAGE_MALFORMED)
        reading->malformed = true;
    return result == MESSAGE_ITEM ? add_socket(reading, facts) : 0;
}

static void record(struct reading *reading, int status, const char *code, const char *what)
{
    struct error error;

    note(reading, error_errno(&error, status, code, reading->subject, "%s %s", reading->subject, what));
    namespace_fault(reading->namespace, reading->part, &error);
}

static void record_malformed(struct reading *reading)
{
    if (reading->malformed)
        record(reading, EBADMSG, "message-malformed", "were told in a way that could not be understood");
}

/* ---- through the kernel's diagnosis ---- */

static void forget(void *context)
{
    struct reading *reading = context;
    size_t sockets = reading->namespace->sockets.count - reading->sockets,
           connections = reading->namespace->connections.count - reading->connections;

    read_pay_back(reading->reader, sockets * sizeof(struct socket) + connections * sizeof(struct connection));
    reading->namespace->sockets.count = reading->sockets;
    reading->namespace->connections.count = reading->connections;
    reading->malformed = false;
}

static struct nlmsghdr *ask_inet(struct netlink *netlink, void *context)
{
    const struct reading *reading = context;
    struct nlmsghdr *request =
        netlink_request(netlink, SOCK_DIAG_BY_FAMILY, 0, sizeof(struct inet_diag_req_v2));

    *(struct inet_diag_req_v2 *)mnl_nlmsg_get_payload(request) = (struct inet_diag_req_v2){
        .sdiag_family = reading->family, .sdiag_protocol = reading->number, .idiag_states = reading->states};
    return request;
}

/*
 * The old request asks for the TCP sockets of both families at once, and the kernel goes through its tables,
 * which hold those of all namespaces, once and not twice.
 */
static struct nlmsghdr *ask_tcp(struct netlink *netlink, void *context)
{
    const struct reading *reading = context;
    struct nlmsghdr *request = netlink_request(netlink, TCPDIAG_GETSOCK, 0, sizeof(struct inet_diag_req));

    *(struct inet_diag_req *)mnl_nlmsg_get_payload(request) =
        (struct inet_diag_req){.idiag_family = AF_INET, .idiag_states = reading->states};
    return request;
}

static int take_inet(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct socket_facts facts;

    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY && message->nlmsg_type != TCPDIAG_GETSOCK)
        return 0;
    return take(reading, socket_decode_inet(message_payload(message), reading->kind, &facts), &facts);
}

static struct nlmsghdr *ask_packet(struct netlink *netlink, void *context)
{
    struct nlmsghdr *request =
        netlink_request(netlink, SOCK_DIAG_BY_FAMILY, 0, sizeof(struct packet_diag_req));

    (void)context;
    *(struct packet_diag_req *)mnl_nlmsg_get_payload(request) =
        (struct packet_diag_req){.sdiag_family = AF_PACKET, .pdiag_show = PACKET_SHOW_INFO};
    return request;
}

static int take_packet(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct socket_facts facts;

    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return 0;
    return take(reading, socket_decode_packet(message_payload(message), &facts), &facts);
}

static struct nlmsghdr *ask_unix(struct netlink *netlink, void *context)
{
    struct nlmsghdr *request = netlink_request(netlink, SOCK_DIAG_BY_FAMILY, 0, sizeof(struct unix_diag_req));

    (void)context;
    *(struct unix_diag_req *)mnl_nlmsg_get_payload(request) =
        (struct unix_diag_req){.sdiag_family = AF_UNIX,
                               .udiag_states = STATE(TCP_LISTEN),
                               .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID};
    return request;
}

static int take_unix(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct arena *arena = reading->namespace->arena;
    struct socket_facts facts;

    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY)
        return 0;
    return take(reading, socket_decode_unix(message_payload(message), arena, &facts), &facts);
}

/* True: the sockets were read, or the failure is recorded. False: the kernel has no such diagnosis. */
static bool diagnose(struct reading *reading, const char *module,
                     struct nlmsghdr *(*build)(struct netlink *, void *), netlink_handler handle)
{
    const struct read_dump dump = {.subject = reading->subject,
                                   .part = reading->part,
                                   .optional = true,
                                   .build = build,
                                   .handle = handle,
                                   .reset = forget,
                                   .context = reading};
    int result;

    if (!reading->diagnosis || !modules_has(reading->reader->modules, module))
        return false;
    result = read_dump(reading->diagnosis, &dump, reading->namespace);
    if (result == READ_ABSENT)
        return false;
    note(reading, result);
    record_malformed(reading);
    return true;
}

/* ---- through procfs, where it would take a module to be loaded ---- */

typedef int (*take_line)(struct reading *reading, const char *line);

static int take_inet_line(struct reading *reading, const char *line)
{
    struct socket_facts facts;
    enum message_is result = socket_parse_inet(line, reading->kind, family_from_af(reading->family), &facts);

    /* states of no interest: half-open and closing */
    if (result == MESSAGE_ITEM && facts.socket.kind == SOCKET_TCP && facts.socket.state != TCP_LISTEN &&
        !(ESTABLISHED >> facts.socket.state & 1))
        return 0;
    return take(reading, result, &facts);
}

static int take_packet_line(struct reading *reading, const char *line)
{
    struct socket_facts facts;

    return take(reading, socket_parse_packet(line, &facts), &facts);
}

static int take_unix_line(struct reading *reading, const char *line)
{
    struct socket_facts facts;

    return take(reading, socket_parse_unix(line, reading->namespace->arena, &facts), &facts);
}

static int take_sctp_line(struct reading *reading, const char *line)
{
    struct socket_facts facts[ENDPOINT_ADDRESSES];
    size_t count;
    enum message_is result = socket_parse_sctp(line, facts, ENDPOINT_ADDRESSES, &count);
    int stop = 0;

    if (result == MESSAGE_MALFORMED)
        reading->malformed = true;
    for (size_t i = 0; i < count && !stop; i++)
        stop = add_socket(reading, &facts[i]);
    return stop;
}

static void parse_lines(struct reading *reading, char *text, take_line take_one)
{
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n"))) {
        if (*line && take_one(reading, line) == NETLINK_STOPPED) {
            (void)read_over_budget(reading->namespace, reading->part, reading->subject);
            break;
        }
    }
    record_malformed(reading);
}

static void read_lines(struct reading *reading, const char *file, take_line take_one)
{
    _cleanup_free_ char *text = NULL;
    int result = reader_net_file(reading->reader, reading->namespace, file, TEXT_MAX, &text);

    if (result == -ENOENT)
        return; /* the kernel does not have this family */
    if (result == -EFBIG)
        (void)read_over_budget(reading->namespace, reading->part, reading->subject);
    else if (result < 0)
        record(reading, -result, "sockets-unreadable", "cannot be read");
    else
        parse_lines(reading, text, take_one);
}

/* ---- what is read ---- */

/* How many sockets of each protocol and family are in use, -1: not known. */
struct usage {
    long count[PROTOCOLS][FAMILIES];
};

static void read_usage_file(const struct reading *reading, size_t family, struct usage *usage)
{
    _cleanup_free_ char *text = NULL;
    const char *file = family ? "sockstat6" : "sockstat";
    int result = reader_net_file(reading->reader, reading->namespace, file, SOCKSTAT_MAX, &text);

    for (size_t i = 0; i < PROTOCOLS; i++) {
        char word[16];

        snprintf(word, sizeof(word), "%s%s", protocols[i].word, family ? "6" : "");
        if (result == -ENOENT && family)
            usage->count[i][family] = 0; /* a kernel without IPv6 */
        else
            usage->count[i][family] = result < 0 ? -1 : socket_parse_inuse(text, word);
    }
}

static void read_usage(const struct reading *reading, struct usage *usage)
{
    for (size_t family = 0; family < FAMILIES; family++)
        read_usage_file(reading, family, usage);
}

static void read_file(struct reading *reading, const struct protocol *protocol, size_t family)
{
    char file[16];

    begin(reading, protocol->kind, family ? AF_INET6 : AF_INET, protocol->subject, protocol->part);
    reading->states = protocol->states;
    snprintf(file, sizeof(file), "%s%s", protocol->file, family ? "6" : "");
    read_lines(reading, file, take_inet_line);
}

static void read_protocol(struct reading *reading, const struct protocol *protocol, size_t family)
{
    begin(reading, protocol->kind, family ? AF_INET6 : AF_INET, protocol->subject, protocol->part);
    reading->number = protocol->number;
    reading->states = protocol->states;
    if (!diagnose(reading, protocol->module, ask_inet, take_inet))
        read_file(reading, protocol, family);
}

/*
 * The kernel goes through its whole table of connections (milliseconds) for those of one namespace: asked
 * only where there are more sockets than listeners.
 */
static void read_established(struct reading *reading, const struct protocol *protocol, const long *in_use)
{
    size_t listeners = reading->namespace->sockets.count - reading->sockets;

    if (in_use[0] >= 0 && in_use[1] >= 0 && (size_t)(in_use[0] + in_use[1]) <= listeners)
        return;
    begin(reading, SOCKET_TCP, AF_UNSPEC, "TCP connections", PART_EVIDENCE);
    reading->states = ESTABLISHED;
    (void)diagnose(reading, protocol->module, ask_tcp, take_inet);
}

static void read_tcp(struct reading *reading, const struct protocol *protocol, const long *in_use)
{
    if (in_use[0] == 0 && in_use[1] == 0)
        return;
    begin(reading, SOCKET_TCP, AF_UNSPEC, protocol->subject, protocol->part);
    reading->states = protocol->states;
    if (diagnose(reading, protocol->module, ask_tcp, take_inet)) {
        read_established(reading, protocol, in_use);
        return;
    }
    for (size_t family = 0; family < FAMILIES; family++) /* with the connections */
        read_file(reading, protocol, family);
}

static void read_inet(struct reading *reading)
{
    struct usage usage;

    read_usage(reading, &usage);
    read_tcp(reading, &protocols[0], usage.count[0]);
    for (size_t i = 1; i < PROTOCOLS; i++)
        for (size_t family = 0; family < FAMILIES; family++)
            if (usage.count[i][family] != 0)
                read_protocol(reading, &protocols[i], family);
}

static void read_others(struct reading *reading)
{
    begin(reading, SOCKET_PACKET, AF_PACKET, "packet sockets", PART_SOCKETS_OTHER);
    if (!diagnose(reading, "af_packet_diag", ask_packet, take_packet))
        read_lines(reading, "packet", take_packet_line);
    begin(reading, SOCKET_UNIX, AF_UNIX, "unix sockets", PART_SOCKETS_OTHER);
    if (!diagnose(reading, "unix_diag", ask_unix, take_unix))
        read_lines(reading, "unix", take_unix_line);
    begin(reading, SOCKET_SCTP, AF_INET, "SCTP sockets", PART_SOCKETS_OTHER);
    read_lines(reading, "sctp/eps", take_sctp_line); /* not there without its module, and loads none */
}

int socket_read(const struct reader *reader, struct namespace *namespace)
{
    _cleanup_netlink_ struct netlink *diagnosis = NULL;
    struct reading reading = {.reader = reader, .namespace = namespace};

    /* without one, procfs serves for all */
    if (netlink_open(NETLINK_SOCK_DIAG, reader->budget.deadline_ns, &diagnosis, NULL) == 0)
        reading.diagnosis = diagnosis;
    read_inet(&reading);
    read_others(&reading);
    if (reading.connections_cut)
        (void)read_over_budget(namespace, PART_EVIDENCE, "connections");
    return reading.first;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets in the namespaces that probes are sent from. */
#include "scanner/probe/method.h"

#include "netns/base/file.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PACKET_SIZE = 2048,
    CONTROL_SIZE = 512,
    READS_MAX = 256, /* of one socket in a row */
    EVENTS_MAX = 64,
    PORT_TRIES = 32,
    LANES_MAX = 64, /* UDP sockets of one identity */
};

enum socket_kind { SOCKET_TCP, SOCKET_ICMP, SOCKET_UDP, SOCKET_KINDS };

struct sender {
    uint64_t namespace;
    uint32_t lane; /* of those that are alike otherwise: each has source ports of its own */
    bool has_ids;
    uint32_t uid, gid;
    int sockets[SOCKET_KINDS][2]; /* IPv4, IPv6; -1: none */
    uint16_t udp_port[2];
};

struct senders {
    int epoll;
    LIST(struct sender) list;
};

static unsigned family_index(enum ip_family family)
{
    return family == FAMILY_IP6;
}

static struct sender *sender_at(const struct run *run, uint32_t index)
{
    return &run->senders->list.items[index];
}

int sender_tcp(const struct run *run, uint32_t sender, enum ip_family family)
{
    return sender_at(run, sender)->sockets[SOCKET_TCP][family_index(family)];
}

int sender_udp(const struct run *run, uint32_t sender, enum ip_family family, uint16_t *ret_port)
{
    *ret_port = sender_at(run, sender)->udp_port[family_index(family)];
    return sender_at(run, sender)->sockets[SOCKET_UDP][family_index(family)];
}

/* ---- identity ---- */

/* A socket bears the file-system ids of the thread that made it (sk_uid, and the file's credentials). */
static int take_identity(const struct sender *sender, struct error *error)
{
    if (!sender->has_ids)
        return 0;
    (void)setfsgid(sender->gid);
    (void)setfsuid(sender->uid);
    if ((uint32_t)setfsgid((gid_t)-1) == sender->gid && (uint32_t)setfsuid((uid_t)-1) == sender->uid)
        return 0;
    return error_set(error, EPERM, "sender-identity", NULL, "no socket of user %u and group %u can be made",
                     sender->uid, sender->gid);
}

static void drop_identity(const struct sender *sender)
{
    if (!sender->has_ids)
        return;
    (void)setfsuid(geteuid());
    (void)setfsgid(getegid());
}

/* ---- sockets ---- */

/* Answers only: every raw TCP socket gets a copy of all TCP of its namespace. */
static int filter_ports(int fd, enum ip_family family, const struct shots *shots)
{
    uint16_t last = (uint16_t)(shots->first_port + shots->port_count - 1);
    struct sock_filter with_header[] = {
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, shots->first_port, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_filter without_header[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, shots->first_port, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog four = {sizeof(with_header) / sizeof(with_header[0]), with_header};
    struct sock_fprog six = {sizeof(without_header) / sizeof(without_header[0]), without_header};

    if (shots->fixed_ports)
        return 0;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, family == FAMILY_IP4 ? &four : &six, sizeof(four));
}

static int open_tcp(enum ip_family family, const struct shots *shots)
{
    _cleanup_close_ int fd = socket(family_af(family), SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

    if (fd < 0 || filter_ports(fd, family, shots) < 0)
        return -errno;
    return take_fd(&fd);
}

static int open_icmp(enum ip_family family)
{
    int protocol = family == FAMILY_IP4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    _cleanup_close_ int fd = socket(family_af(family), SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    const uint32_t four = ~(1U << ICMP_DEST_UNREACH | 1U << ICMP_TIME_EXCEEDED | 1U << ICMP_PARAMETERPROB);
    struct icmp6_filter six = {{~0x1eU, ~0U, ~0U, ~0U, ~0U, ~0U, ~0U, ~0U}}; /* types 1 to 4 pass */
    int result;

    if (fd < 0)
        return -errno;
    if (family == FAMILY_IP4)
        result = setsockopt(fd, SOL_RAW, ICMP_FILTER, &four, sizeof(four));
    else
        result = setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, &six, sizeof(six));
    return result < 0 ? -errno : take_fd(&fd);
}

static void set_flag(int fd, int level, int option)
{
    const int one = 1;

    (void)setsockopt(fd, level, option, &one, sizeof(one));
}

static int bind_port(int fd, enum ip_family family, uint16_t port)
{
    struct sockaddr_in six_less = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (family == FAMILY_IP4)
        return bind(fd, (const struct sockaddr *)&six_less, sizeof(six_less));
    return bind(fd, (const struct sockaddr *)&six, sizeof(six));
}

static int open_udp(enum ip_family family, const struct shots *shots, uint32_t start, uint16_t *ret_port)
{
    _cleanup_close_ int fd = socket(family_af(family), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (family == FAMILY_IP4) {
        set_flag(fd, IPPROTO_IP, IP_RECVERR);
        set_flag(fd, IPPROTO_IP, IP_PKTINFO);
    } else {
        set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
        set_flag(fd, IPPROTO_IPV6, IPV6_RECVERR);
        set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
    }
    for (uint32_t i = 0; i < PORT_TRIES; i++) {
        *ret_port = shots_port(shots, start + i);
        if (bind_port(fd, family, *ret_port) == 0)
            return take_fd(&fd);
    }
    return -errno;
}

static int open_kind(struct run *run, struct sender *sender, enum socket_kind kind, enum ip_family family)
{
    if (kind == SOCKET_TCP)
        return open_tcp(family, &run->shots);
    if (kind == SOCKET_ICMP)
        return open_icmp(family);
    return open_udp(family, &run->shots, (uint32_t)(sender - run->senders->list.items) * PORT_TRIES,
                    &sender->udp_port[family_index(family)]);
}

static int need(struct run *run, struct sender *sender, enum socket_kind kind, enum ip_family family,
                struct error *error)
{
    int *fd = &sender->sockets[kind][family_index(family)];
    uint64_t place =
        (uint64_t)(sender - run->senders->list.items) << 8 | (unsigned)kind << 1 | family_index(family);
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = place}};

    if (*fd >= 0)
        return 0;
    *fd = open_kind(run, sender, kind, family);
    if (*fd < 0)
        return error_errno(error, -*fd, *fd == -EPERM || *fd == -EACCES ? "no-capability" : "no-socket", NULL,
                           "no socket to send from");
    if (epoll_ctl(run->senders->epoll, EPOLL_CTL_ADD, *fd, &event) < 0)
        return error_errno(error, errno, "no-socket", NULL, "the socket cannot be watched");
    return 0;
}

/* ---- source ---- */

static socklen_t to_sockaddr(const struct probe *probe, struct sockaddr_storage *storage)
{
    struct sockaddr_in *four = (void *)storage;
    struct sockaddr_in6 *six = (void *)storage;
    uint8_t bytes[16];

    memset(storage, 0, sizeof(*storage));
    (void)address_to_bytes(probe->destination, bytes);
    if (probe->destination.family == FAMILY_IP4) {
        four->sin_family = AF_INET;
        four->sin_port = htons(probe->port);
        memcpy(&four->sin_addr, bytes, 4);
        return sizeof(*four);
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(probe->port);
    six->sin6_scope_id = probe->scope;
    memcpy(&six->sin6_addr, bytes, 16);
    return sizeof(*six);
}

/* What routing says (fib_props, ip6_null_entry and its like); the rest comes of programs on our own control
 * group. */
static bool is_route_error(int status)
{
    return status == ENETUNREACH || status == EHOSTUNREACH || status == EACCES || status == EINVAL ||
           status == ENETDOWN;
}

/* A UDP socket that connects sends nothing, and shows the source that the kernel would use. */
static int choose_source(const struct probe *probe, struct address *ret_source, struct error *error)
{
    _cleanup_close_ int fd = socket(family_af(probe->destination.family), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_storage storage;
    socklen_t length = to_sockaddr(probe, &storage);

    if (probe->source.family != FAMILY_NONE) {
        *ret_source = probe->source;
        return 0;
    }
    if (fd < 0)
        return error_errno(error, errno, "no-socket", NULL, "no socket to ask for the way");
    if (connect(fd, (const struct sockaddr *)&storage, length) < 0)
        return error_errno(error, errno, is_route_error(errno) ? "no-route" : "no-socket", NULL,
                           "the sender's kernel knows no way");
    length = sizeof(storage);
    if (getsockname(fd, (struct sockaddr *)&storage, &length) < 0)
        return error_errno(error, errno, "no-route", NULL, "the sender has no source address");
    *ret_source = address_from_sockaddr((const struct sockaddr *)&storage);
    return 0;
}

/* ---- prepare ---- */

static uint32_t find_sender(struct run *run, const struct probe *probe, uint32_t lane)
{
    struct sender *sender;

    for (uint32_t i = 0; i < run->senders->list.count; i++) {
        sender = sender_at(run, i);
        if (sender->namespace == probe->from && sender->lane == lane &&
            sender->has_ids == probe->has_sender &&
            (!probe->has_sender || (sender->uid == probe->uid && sender->gid == probe->gid)))
            return i;
    }
    sender = list_append(&run->senders->list);
    *sender = (struct sender){.namespace = probe->from,
                              .lane = lane,
                              .has_ids = probe->has_sender,
                              .uid = probe->uid,
                              .gid = probe->gid};
    memset(sender->sockets, 0xff, sizeof(sender->sockets));
    return (uint32_t)run->senders->list.count - 1;
}

static int make_senders(struct run *run, struct error *error)
{
    int epoll;

    if (run->senders)
        return 0;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return error_errno(error, errno, "no-socket", NULL, "no epoll");
    run->senders = memory_alloc(sizeof(*run->senders));
    run->senders->epoll = epoll;
    return 0;
}

static int open_sockets(struct run *run, struct sender *sender, const struct trial *trial,
                        struct error *error)
{
    enum ip_family family = trial->probe->destination.family;
    int result = take_identity(sender, error);

    if (result == 0 && trial->method->id == METHOD_RAW)
        result = need(run, sender, SOCKET_TCP, family, error);
    if (result == 0 && trial->method->id == METHOD_RAW)
        result = need(run, sender, SOCKET_ICMP, family, error);
    if (result == 0 && trial->method->id == METHOD_DATAGRAM)
        result = need(run, sender, SOCKET_UDP, family, error);
    drop_identity(sender);
    return result;
}

static int take_lane(struct run *run, struct trial *trial, uint32_t lane, struct error *error)
{
    trial->sender = find_sender(run, trial->probe, lane);
    return open_sockets(run, sender_at(run, trial->sender), trial, error);
}

/* A datagram has its socket's port: the socket whose port makes the tuple nobody else's. */
static int choose_lane(struct run *run, struct trial *trial, struct error *error)
{
    struct claim claim = trial_claim(run, trial);

    for (uint32_t lane = 0; lane < 2 * LANES_MAX; lane++) {
        int result = take_lane(run, trial, lane % LANES_MAX, error);

        if (result < 0)
            return result;
        (void)sender_udp(run, trial->sender, trial->probe->destination.family, &claim.dialled.source_port);
        claim.ended.source_port = claim.dialled.source_port;
        if (claim_take(run->claims, &claim, lane >= LANES_MAX))
            return 0;
    }
    return error_set(error, EADDRINUSE, "no-source-port", NULL,
                     "every source port has a connection to where it would end");
}

int sender_prepare(struct run *run, struct trial *trial, struct error *error)
{
    int result = make_senders(run, error);

    if (result == 0)
        result = visit_begin(&run->visitor, trial->probe->from, error);
    if (result < 0)
        return result;
    result = take_lane(run, trial, 0, error);
    if (result == 0)
        result = choose_source(trial->probe, &trial->source, error);
    if (result == 0 && trial->method->id == METHOD_DATAGRAM)
        result = choose_lane(run, trial, error);
    visit_end(&run->visitor);
    return result;
}

bool sender_lost_source(struct run *run, const struct trial *trial)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_scope_id = trial->probe->scope};
    bool is_four = trial->source.family == FAMILY_IP4, lost;
    uint8_t bytes[16];

    if (trial->source.family == FAMILY_NONE)
        return false;
    if (visit_begin(&run->visitor, trial->probe->from, NULL) < 0)
        return true;
    (void)address_to_bytes(trial->source, bytes);
    memcpy(&four.sin_addr, bytes, sizeof(four.sin_addr));
    memcpy(&six.sin6_addr, bytes, is_four ? 4 : sizeof(six.sin6_addr));
    _cleanup_close_ int fd = socket(family_af(trial->source.family), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    lost = fd >= 0 && bind(fd, is_four ? (const void *)&four : (const void *)&six,
                           is_four ? sizeof(four) : sizeof(six)) < 0;
    visit_end(&run->visitor);
    return lost;
}

int sender_connect(struct run *run, const struct trial *trial, uint16_t *ret_source_port)
{
    struct sender *sender = sender_at(run, trial->sender);
    struct sockaddr_storage storage;
    socklen_t length = to_sockaddr(trial->probe, &storage);
    _cleanup_close_ int fd = -1;
    struct linger reset = {.l_onoff = 1};
    int result = visit_begin(&run->visitor, sender->namespace, NULL);

    if (result < 0)
        return result;
    if (take_identity(sender, NULL) == 0)
        fd = socket(family_af(trial->probe->destination.family), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    0);
    drop_identity(sender);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    result = fd < 0 || (connect(fd, (const struct sockaddr *)&storage, length) < 0 && errno != EINPROGRESS)
                 ? -errno
                 : 0;
    visit_end(&run->visitor);
    if (result < 0)
        return result;
    length = sizeof(storage);
    *ret_source_port = 0;
    if (getsockname(fd, (struct sockaddr *)&storage, &length) ==
        0) /* sin_port and sin6_port lie at the same place */
        *ret_source_port = ntohs(((const struct sockaddr_in *)(const void *)&storage)->sin_port);
    return take_fd(&fd);
}

/* ---- receive ---- */

struct received {
    uint8_t bytes[PACKET_SIZE];
    size_t length;
    struct sockaddr_storage from;
    struct address to; /* FAMILY_NONE: not told */
    const struct sock_extended_err *error;
    char control[CONTROL_SIZE] __attribute__((aligned(16)));
};

static void read_control(struct msghdr *message, struct received *received)
{
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
        const void *data = CMSG_DATA(control);

        if ((control->cmsg_level == SOL_IP && control->cmsg_type == IP_RECVERR) ||
            (control->cmsg_level == SOL_IPV6 && control->cmsg_type == IPV6_RECVERR))
            received->error = data;
        else if (control->cmsg_level == SOL_IP && control->cmsg_type == IP_PKTINFO)
            received->to = address_from_bytes(&((const struct in_pktinfo *)data)->ipi_addr, 4);
        else if (control->cmsg_level == SOL_IPV6 && control->cmsg_type == IPV6_PKTINFO)
            received->to = address_from_bytes(&((const struct in6_pktinfo *)data)->ipi6_addr, 16);
    }
}

static bool receive(int fd, int flags, struct received *received)
{
    struct iovec vector = {received->bytes, sizeof(received->bytes)};
    struct msghdr message = {.msg_name = &received->from,
                             .msg_namelen = sizeof(received->from),
                             .msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = received->control,
                             .msg_controllen = sizeof(received->control)};
    ssize_t length = recvmsg(fd, &message, flags | MSG_DONTWAIT);

    received->error = NULL;
    received->to = (struct address){0};
    if (length < 0)
        return false;
    received->length = (size_t)length;
    read_control(&message, received);
    return true;
}

/* Raw IPv4 sockets give the IP header as well, those of IPv6 begin behind it. */
static void read_raw(struct run *run, const struct received *received, enum socket_kind kind, bool six)
{
    struct sight sight = {.kind = SIGHT_NONE};
    struct address from = address_from_sockaddr((const struct sockaddr *)&received->from);

    if (!six) {
        packet_read(received->bytes, received->length, run->shots.scan, &sight);
    } else {
        sight.tuple.family = 6;
        sight.tuple.protocol = kind == SOCKET_TCP ? IPPROTO_TCP : IPPROTO_ICMPV6;
        tuple_set_address(sight.tuple.source, from);
        if (kind == SOCKET_TCP)
            packet_read_tcp(received->bytes, received->length, &sight);
        else
            packet_read_icmp(received->bytes, received->length, run->shots.scan, &sight);
    }
    if (sight.kind != SIGHT_SHOT)
        sighting_note(&run->shots, &sight, 0, false, time_monotonic_ns());
}

static uint16_t port_of(const struct sockaddr_storage *storage)
{
    return ntohs(((const struct sockaddr_in *)(const void *)storage)->sin_port);
}

/* The error queue gives back the datagram, and who complained. */
static void read_error(struct run *run, const struct received *received, const struct sender *sender,
                       bool six)
{
    struct sight sight = {.kind = SIGHT_ERROR};
    const struct sock_extended_err *error = received->error;

    if (!error || (error->ee_origin != SO_EE_ORIGIN_ICMP && error->ee_origin != SO_EE_ORIGIN_ICMP6) ||
        !packet_read_token(received->bytes, received->length, run->shots.scan, &sight.cookie))
        return;
    sight.has_cookie = true;
    sight.icmp_type = error->ee_type;
    sight.icmp_code = error->ee_code;
    sight.tuple.family = sight.quoted.family = six ? 6 : 4;
    sight.quoted.protocol = IPPROTO_UDP;
    sight.quoted.source_port = sender->udp_port[six];
    sight.quoted.port = port_of(&received->from);
    tuple_set_address(sight.tuple.source, address_from_sockaddr(SO_EE_OFFENDER(error)));
    sighting_note(&run->shots, &sight, 0, false, time_monotonic_ns());
}

static void read_answer(struct run *run, const struct received *received, const struct sender *sender,
                        bool six)
{
    struct sight sight = {.kind = SIGHT_ANSWER};

    sight.tuple.family = six ? 6 : 4;
    sight.tuple.protocol = IPPROTO_UDP;
    tuple_set_address(sight.tuple.source, address_from_sockaddr((const struct sockaddr *)&received->from));
    tuple_set_address(sight.tuple.destination, received->to);
    sight.tuple.source_port = port_of(&received->from);
    sight.tuple.port = sender->udp_port[six];
    sighting_note(&run->shots, &sight, 0, false, time_monotonic_ns());
}

static void read_socket(struct run *run, uint64_t place, struct received *received)
{
    const struct sender *sender = sender_at(run, (uint32_t)(place >> 8));
    enum socket_kind kind = (enum socket_kind)(place >> 1 & 0x7f);
    bool six = place & 1;
    int fd = sender->sockets[kind][six];

    for (unsigned i = 0; kind == SOCKET_UDP && i < READS_MAX && receive(fd, MSG_ERRQUEUE, received); i++)
        read_error(run, received, sender, six);
    for (unsigned i = 0; i < READS_MAX && receive(fd, 0, received); i++) {
        if (kind == SOCKET_UDP)
            read_answer(run, received, sender, six);
        else
            read_raw(run, received, kind, six);
    }
}

void senders_receive(struct run *run)
{
    struct epoll_event events[EVENTS_MAX];
    struct received received;
    int count = run->senders ? epoll_wait(run->senders->epoll, events, EVENTS_MAX, 0) : 0;

    for (int i = 0; i < count; i++)
        read_socket(run, events[i].data.u64, &received);
}

static void close_sender(struct sender *sender)
{
    for (unsigned kind = 0; kind < SOCKET_KINDS; kind++)
        for (unsigned family = 0; family < 2; family++)
            close_fd(&sender->sockets[kind][family]);
}

void senders_free(struct run *run)
{
    if (!run->senders)
        return;
    list_each(struct sender, sender, &run->senders->list)
        close_sender(sender);
    list_free(&run->senders->list);
    close_fd(&run->senders->epoll);
    free(run->senders);
    run->senders = NULL;
}

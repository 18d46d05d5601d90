/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/kernel/netlink.h"
#include "netns/base/file.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* The kernel fills at most 32 KiB of a dump at once (netlink_recvmsg), unless one message alone is larger. */
enum { BUFFER_SIZE = 1 << 16, NANOSECONDS_A_MILLISECOND = 1000000 };

struct netlink {
    struct mnl_socket *socket;
    int protocol;
    uint32_t sequence;
    uint64_t deadline_ns;
    bool unfinished; /* `reply` was given up before its end */
    struct netlink_reply reply;
    uint8_t *buffer;
    _Alignas(struct nlmsghdr) uint8_t request[NETLINK_REQUEST_MAX];
};

/* ---- open and close ---- */

static void set_option(const struct mnl_socket *socket, int option)
{
    int on = 1;

    (void)mnl_socket_setsockopt(socket, option, &on, sizeof(on)); /* older kernels do without */
}

static struct mnl_socket *open_socket(int protocol)
{
    struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC);

    if (!socket)
        return NULL;
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        int status = errno;

        mnl_socket_close(socket);
        errno = status;
        return NULL;
    }
    set_option(socket, NETLINK_EXT_ACK);
    set_option(socket, NETLINK_CAP_ACK);
    if (protocol == NETLINK_ROUTE)
        set_option(socket, NETLINK_GET_STRICT_CHK);
    return socket;
}

int netlink_open(int protocol, uint64_t deadline_ns, struct netlink **ret_netlink, struct error *error)
{
    struct mnl_socket *socket = open_socket(protocol);
    struct netlink *netlink;

    if (!socket)
        return error_errno(error, errno, "netlink-open", NULL, "no netlink socket of protocol %d", protocol);
    netlink = memory_alloc(sizeof(*netlink));
    netlink->socket = socket;
    netlink->protocol = protocol;
    netlink->deadline_ns = deadline_ns;
    netlink->buffer = memory_alloc(BUFFER_SIZE);
    *ret_netlink = netlink;
    return 0;
}

struct netlink *netlink_close(struct netlink *netlink)
{
    if (!netlink)
        return NULL;
    mnl_socket_close(netlink->socket);
    free(netlink->buffer);
    free(netlink);
    return NULL;
}

void cleanup_netlink(struct netlink **netlink)
{
    *netlink = netlink_close(*netlink);
}

static uint64_t socket_cookie(const struct mnl_socket *socket)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);

    if (getsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) < 0)
        return 0;
    return cookie;
}

uint64_t netlink_cookie(const struct netlink *netlink)
{
    return socket_cookie(netlink->socket);
}

struct nlmsghdr *netlink_request(struct netlink *netlink, uint16_t type, uint16_t flags, size_t header_size)
{
    struct nlmsghdr *request = mnl_nlmsg_put_header(netlink->request);

    request->nlmsg_type = type;
    request->nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST);
    mnl_nlmsg_put_extra_header(request, header_size);
    return request;
}

/* ---- what came ---- */

/* The kernel's words behind an error; "" where there are none. */
static const char *acknowledgement_text(const uint8_t *bytes, size_t length)
{
    while (length >= sizeof(struct nlattr)) {
        struct nlattr attribute;
        size_t step;

        memcpy(&attribute, bytes, sizeof(attribute));
        if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > length)
            return "";
        if ((attribute.nla_type & NLA_TYPE_MASK) == NLMSGERR_ATTR_MSG &&
            memchr(bytes + sizeof(attribute), 0, attribute.nla_len - sizeof(attribute)))
            return (const char *)bytes + sizeof(attribute);
        step = NLMSG_ALIGN((size_t)attribute.nla_len); /* the same four bytes as NLA_ALIGN */
        if (step >= length)
            return "";
        bytes += step;
        length -= step;
    }
    return "";
}

static int refused(const struct netlink_reply *reply, int status, const uint8_t *attributes, size_t length,
                   struct error *error)
{
    const char *text = acknowledgement_text(attributes, length);

    return error_errno(error, status, "netlink-refused", reply->subject, "the kernel refuses %s%s%s",
                       reply->subject, *text ? ": " : "", text);
}

static int malformed(const struct netlink_reply *reply, struct error *error)
{
    return error_set(error, EBADMSG, "netlink-failed", reply->subject, "a malformed reply about %s",
                     reply->subject);
}

static int parse_error(const struct netlink_reply *reply, const struct nlmsghdr *message, struct error *error)
{
    size_t length = mnl_nlmsg_get_payload_len(message), skip = sizeof(struct nlmsgerr);
    const uint8_t *payload = mnl_nlmsg_get_payload(message);
    struct nlmsgerr body;

    if (length < sizeof(body))
        return malformed(reply, error);
    memcpy(&body, payload, sizeof(body));
    if (body.error == 0)
        return 0;
    if (body.error > 0 || body.error == INT32_MIN)
        return malformed(reply, error);
    if (!(message->nlmsg_flags & NLM_F_CAPPED)) /* the request comes back, whole */
        skip = sizeof(body.error) + NLMSG_ALIGN((size_t)body.msg.nlmsg_len);
    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS) || skip > length)
        skip = length;
    return refused(reply, -body.error, payload + skip, length - skip, error);
}

/* The end of a dump carries an error number: the one of a missing module, say. */
static int parse_done(const struct netlink_reply *reply, const struct nlmsghdr *message, struct error *error)
{
    size_t length = mnl_nlmsg_get_payload_len(message);
    const uint8_t *payload = mnl_nlmsg_get_payload(message);
    int32_t status = 0;

    if (length >= sizeof(status))
        memcpy(&status, payload, sizeof(status));
    if (status < 0 && status != INT32_MIN)
        return refused(reply, -status, payload + sizeof(status), length - sizeof(status), error);
    if (reply->interrupted)
        return error_set(error, EAGAIN, "dump-interrupted", reply->subject, "%s changed while they were read",
                         reply->subject);
    return 0;
}

/* One message of ours: 1 at the end of the reply. */
static int parse_message(struct netlink_reply *reply, const struct nlmsghdr *message, netlink_handler handle,
                         void *context, int *ret_result, struct error *error)
{
    *ret_result = 0;
    if (message->nlmsg_flags & NLM_F_DUMP_INTR)
        reply->interrupted = true;
    if (message->nlmsg_type == NLMSG_DONE) {
        *ret_result = parse_done(reply, message, error);
        return 1;
    }
    if (message->nlmsg_type == NLMSG_ERROR) {
        *ret_result = parse_error(reply, message, error);
        return 1;
    }
    if (message->nlmsg_type < NLMSG_MIN_TYPE || !handle)
        return 0;
    *ret_result = handle(message, context);
    reply->stopped = *ret_result != 0;
    return reply->stopped;
}

int netlink_parse(struct netlink_reply *reply, const void *bytes, size_t length, netlink_handler handle,
                  void *context, int *ret_result, struct error *error)
{
    const uint8_t *place = bytes;

    while (length > 0) {
        const struct nlmsghdr *message = (const void *)place;
        size_t step;

        if (length < sizeof(*message) || message->nlmsg_len < sizeof(*message) ||
            message->nlmsg_len > length) {
            *ret_result = malformed(reply, error);
            reply->stopped = true;
            return 1;
        }
        if (message->nlmsg_seq == reply->sequence && message->nlmsg_pid == reply->port &&
            parse_message(reply, message, handle, context, ret_result, error))
            return 1;
        step = NLMSG_ALIGN((size_t)message->nlmsg_len);
        step = step > length ? length : step;
        place += step;
        length -= step;
    }
    return 0;
}

/* ---- the socket's work ---- */

static int out_of_time(const struct netlink_reply *reply, struct error *error)
{
    return error_set(error, ETIMEDOUT, "over-budget", reply->subject,
                     "the time for the namespace ended while %s were read", reply->subject);
}

static int wait_for_message(const struct netlink *netlink, struct error *error)
{
    struct pollfd wait = {.fd = mnl_socket_get_fd(netlink->socket), .events = POLLIN};
    int timeout = -1, ready;

    if (netlink->deadline_ns) {
        uint64_t now = time_monotonic_ns();

        if (now >= netlink->deadline_ns)
            return out_of_time(&netlink->reply, error);
        timeout = (int)((netlink->deadline_ns - now) / NANOSECONDS_A_MILLISECOND % INT32_MAX) + 1;
    }
    ready = poll(&wait, 1, timeout);
    return ready < 0 && errno != EINTR
               ? error_errno(error, errno, "netlink-failed", netlink->reply.subject, "poll")
               : 0;
}

/*
 * One datagram of the kernel's. Root of a container may send to our socket in its namespace: what another
 * process sent is thrown away.
 */
static ssize_t receive(const struct netlink *netlink, struct error *error)
{
    for (;;) {
        struct sockaddr_nl sender = {0};
        struct iovec space = {.iov_base = netlink->buffer, .iov_len = BUFFER_SIZE};
        struct msghdr message = {
            .msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &space, .msg_iovlen = 1};
        ssize_t length;

        if (netlink->deadline_ns && time_monotonic_ns() >= netlink->deadline_ns)
            return out_of_time(&netlink->reply, error);
        length = recvmsg(mnl_socket_get_fd(netlink->socket), &message, MSG_DONTWAIT);
        if (length < 0 && errno == EAGAIN) {
            int result = wait_for_message(netlink, error);

            if (result < 0)
                return result;
        } else if (length < 0 && errno != EINTR) {
            return error_errno(error, errno, "netlink-failed", netlink->reply.subject, "cannot receive");
        } else if (length >= 0 && message.msg_namelen == sizeof(sender) && sender.nl_pid == 0) {
            if (!(message.msg_flags & MSG_TRUNC))
                return length;
            return error_set(error, EMSGSIZE, "netlink-truncated", netlink->reply.subject,
                             "a message about %s is larger than %d bytes", netlink->reply.subject,
                             BUFFER_SIZE);
        }
    }
}

static int receive_reply(struct netlink *netlink, netlink_handler handle, void *context, struct error *error)
{
    int result = 0;

    for (;;) {
        ssize_t length = receive(netlink, error);

        if (length < 0)
            return (int)length;
        if (netlink_parse(&netlink->reply, netlink->buffer, (size_t)length, handle, context, &result, error))
            break;
    }
    netlink->unfinished = netlink->reply.stopped;
    return result;
}

/*
 * A dump that was given up still runs in the kernel, and a socket runs one at a time. A new socket is the
 * cheap way out, as long as it is one of the same namespace: the thread may be somewhere else by now.
 */
static int leave_old_dump(struct netlink *netlink, struct error *error)
{
    struct mnl_socket *fresh = open_socket(netlink->protocol);
    uint64_t cookie = socket_cookie(netlink->socket);

    if (fresh && cookie && cookie == socket_cookie(fresh)) {
        mnl_socket_close(netlink->socket);
        netlink->socket = fresh;
        netlink->unfinished = false;
        return 0;
    }
    if (fresh)
        mnl_socket_close(fresh);
    netlink->reply.stopped = false;
    (void)receive_reply(netlink, NULL, NULL, error); /* how it ended is of no interest, but that it did */
    if (!netlink->unfinished)
        return 0;
    return error_is_set(error) ? -error->status : -EBUSY;
}

static int perform(struct netlink *netlink, struct nlmsghdr *request, bool dump, netlink_handler handle,
                   void *context, const char *subject, struct error *error)
{
    if (netlink->unfinished) {
        int result = leave_old_dump(netlink, error);

        if (result < 0)
            return result;
    }
    request->nlmsg_flags |= (uint16_t)(dump ? NLM_F_DUMP : NLM_F_ACK);
    request->nlmsg_seq = ++netlink->sequence;
    netlink->reply = (struct netlink_reply){.sequence = netlink->sequence,
                                            .port = mnl_socket_get_portid(netlink->socket),
                                            .dump = dump,
                                            .subject = subject};
    if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
        return error_errno(error, errno, "netlink-failed", subject, "cannot ask for %s", subject);
    netlink->unfinished = true;
    return receive_reply(netlink, handle, context, error);
}

int netlink_dump(struct netlink *netlink, struct nlmsghdr *request, netlink_handler handle, void *context,
                 const char *subject, struct error *error)
{
    return perform(netlink, request, true, handle, context, subject, error);
}

int netlink_call(struct netlink *netlink, struct nlmsghdr *request, netlink_handler handle, void *context,
                 const char *subject, struct error *error)
{
    return perform(netlink, request, false, handle, context, subject, error);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A SYN by a raw socket: it passes the sender's own output hooks, and the sender's kernel, which knows
 * nothing of it, resets what is answered, so that no application ever sees a connection.
 */
#include "scanner/probe/method.h"

#include "netns/base/file.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct control {
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))] __attribute__((aligned(16)));
};

static void put_control(struct msghdr *message, struct control *control, int level, int type,
                        const void *data, size_t length)
{
    struct cmsghdr *header;

    memset(control, 0, sizeof(*control));
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(length);
    header = CMSG_FIRSTHDR(message);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(header), data, length);
}

static int send_ip4(int fd, const struct shot_tuple *tuple, struct iovec *vector)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct in_pktinfo info = {0};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = vector, .msg_iovlen = 1};
    struct control control;

    memcpy(&to.sin_addr, tuple->destination, 4);
    memcpy(&info.ipi_spec_dst, tuple->source, 4);
    put_control(&message, &control, SOL_IP, IP_PKTINFO, &info, sizeof(info));
    return sendmsg(fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int send_ip6(int fd, const struct shot_tuple *tuple, uint32_t scope, struct iovec *vector)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_scope_id = scope};
    struct in6_pktinfo info = {0};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = vector, .msg_iovlen = 1};
    struct control control;

    memcpy(&to.sin6_addr, tuple->destination, 16);
    memcpy(&info.ipi6_addr, tuple->source, 16);
    put_control(&message, &control, SOL_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    return sendmsg(fd, &message, MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int send_shot(struct run *run, uint32_t index, enum packet_content content)
{
    const struct shot_entry *entry = &run->shots.entries[index];
    const struct trial *trial = &run->trials[entry->probe];
    enum ip_family family = trial->probe->destination.family;
    uint8_t bytes[PACKET_MAX];
    struct iovec vector = {bytes, packet_transport(bytes, &entry->tuple, content,
                                                   shots_cookie(&run->shots, index), run->shots.scan)};
    int fd = sender_tcp(run, trial->sender, family);

    if (family == FAMILY_IP4)
        return send_ip4(fd, &entry->tuple, &vector);
    return send_ip6(fd, &entry->tuple, trial->probe->scope, &vector);
}

static void send_raw(struct run *run, const uint32_t *indexes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct shot_entry *entry = &run->shots.entries[indexes[i]];
        int result;

        entry->sent_ns = time_monotonic_ns();
        result = send_shot(run, indexes[i], CONTENT_SYN);
        if (result == 0)
            continue;
        entry->sent_ns = 0;
        run->trials[entry->probe].send_error = -result;
    }
}

void raw_reset(void *run, uint32_t index)
{
    (void)send_shot(run, index, CONTENT_RESET);
}

static int prepare_raw(struct run *run, struct trial *trial, struct error *error)
{
    if (trial->probe->protocol != PROTOCOL_TCP)
        return error_set(error, EPROTONOSUPPORT, "protocol", NULL, "a raw probe is a SYN");
    return sender_prepare(run, trial, error);
}

const struct method method_raw = {.id = METHOD_RAW, .prepare = prepare_raw, .send = send_raw};

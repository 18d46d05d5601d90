/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A UDP datagram that bears a token, ended by the guard behind the target's last input hook. */
#include "scanner/probe/method.h"

#include "netns/base/file.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int send_shot(struct run *run, uint32_t index)
{
    const struct shot_entry *entry = &run->shots.entries[index];
    const struct trial *trial = &run->trials[entry->probe];
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(entry->tuple.port)};
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(entry->tuple.port), .sin6_scope_id = trial->probe->scope};
    bool is_four = entry->tuple.family == 4;
    uint8_t token[SHOT_TOKEN_LENGTH];
    int pending;
    socklen_t length = sizeof(pending);
    uint16_t port;
    int fd = sender_udp(run, trial->sender, trial->probe->destination.family, &port);

    memcpy(&four.sin_addr, entry->tuple.destination, sizeof(four.sin_addr));
    memcpy(&six.sin6_addr, entry->tuple.destination, sizeof(six.sin6_addr));
    packet_token(token, run->shots.scan, shots_cookie(&run->shots, index));
    /* An ICMP error for an earlier datagram would be reported in place of sending this one. */
    (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &length);
    if (sendto(fd, token, sizeof(token), MSG_DONTWAIT, is_four ? (const void *)&four : (const void *)&six,
               is_four ? sizeof(four) : sizeof(six)) < 0)
        return -errno;
    return 0;
}

static void send_datagrams(struct run *run, const uint32_t *indexes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct shot_entry *entry = &run->shots.entries[indexes[i]];
        int result;

        entry->sent_ns = time_monotonic_ns();
        result = send_shot(run, indexes[i]);
        if (result == 0)
            continue;
        entry->sent_ns = 0;
        run->trials[entry->probe].send_error = -result;
    }
}

static int prepare_datagram(struct run *run, struct trial *trial, struct error *error)
{
    if (trial->probe->protocol != PROTOCOL_UDP)
        return error_set(error, EPROTONOSUPPORT, "protocol", NULL, "a datagram is of UDP");
    return sender_prepare(run, trial, error);
}

static int permit_datagram(struct run *run, struct trial *trial, struct error *error)
{
    if (guard_stands(run->guard, GUARD_INPUT, trial->probe->target))
        return 0;
    return error_set(error, EPERM, "no-guard", NULL,
                     "nothing would keep the datagram from the application: %s",
                     guard_complaint(run->guard)->message);
}

const struct method method_datagram = {
    .id = METHOD_DATAGRAM, .prepare = prepare_datagram, .permit = permit_datagram, .send = send_datagrams};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/socket.h"

#include "netns/kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

enum { LINE_MAX = 256 };

static int count_message(const struct nlmsghdr *header, void *context)
{
    *(unsigned *)context += header->nlmsg_type == SOCK_DIAG_BY_FAMILY;
    return 0;
}

int socket_bound_diag(struct netlink *diag, const struct shot_tuple *tuple, uint32_t input,
                      struct error *error)
{
    struct nlmsghdr *header = netlink_request(diag, SOCK_DIAG_BY_FAMILY, 0, sizeof(struct inet_diag_req_v2));
    struct inet_diag_req_v2 *request = mnl_nlmsg_get_payload(header);
    size_t width = tuple->family == 4 ? 4 : 16;
    unsigned found = 0;
    int result;

    request->sdiag_family = tuple->family == 4 ? AF_INET : AF_INET6;
    request->sdiag_protocol = tuple->protocol;
    request->idiag_states = UINT32_MAX;
    /* One socket is asked for with source and destination as in the packet, not as the socket has them. */
    request->id.idiag_sport = htons(tuple->source_port);
    request->id.idiag_dport = htons(tuple->port);
    memcpy(request->id.idiag_src, tuple->source, width);
    memcpy(request->id.idiag_dst, tuple->destination, width);
    request->id.idiag_if = input;
    request->id.idiag_cookie[0] = request->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    result = netlink_call(diag, header, count_message, &found, "udp socket", error);
    if (result == -ENOENT)
        return 0;
    return result < 0 ? result : found > 0;
}

/* ---- /proc/net/udp ---- */

struct row {
    uint8_t local[16], remote[16]; /* network order */
    unsigned local_port, remote_port;
};

/* Addresses stand there as 32-bit words of the machine's own order. */
static bool read_address(const char *text, size_t width, uint8_t bytes[16])
{
    memset(bytes, 0, 16);
    for (size_t i = 0; i < width; i += 4) {
        unsigned word;

        if (sscanf(text + 2 * i, "%8x", &word) != 1)
            return false;
        memcpy(bytes + i, &word, 4);
    }
    return true;
}

static bool read_row(const char *line, size_t width, struct row *row)
{
    char local[40], remote[40];

    if (sscanf(line, " %*d: %32[0-9A-Fa-f]:%4x %32[0-9A-Fa-f]:%4x", local, &row->local_port, remote,
               &row->remote_port) != 4)
        return false;
    return strlen(local) == 2 * width && strlen(remote) == 2 * width &&
           read_address(local, width, row->local) && read_address(remote, width, row->remote);
}

static bool fits(const struct row *row, const struct shot_tuple *tuple)
{
    static const uint8_t any[16];

    if (row->local_port != tuple->port)
        return false;
    if (memcmp(row->local, any, 16) != 0 && memcmp(row->local, tuple->destination, 16) != 0)
        return false;
    if (row->remote_port == 0 && memcmp(row->remote, any, 16) == 0)
        return true;
    return row->remote_port == tuple->source_port && memcmp(row->remote, tuple->source, 16) == 0;
}

int socket_bound_text(const char *bytes, size_t length, const struct shot_tuple *tuple)
{
    size_t width = tuple->family == 4 ? 4 : 16;
    const char *end = bytes + length;

    while (bytes < end) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t size = (size_t)((stop ? stop : end) - bytes);
        char line[LINE_MAX] = "";
        struct row row;

        memcpy(line, bytes, size < LINE_MAX - 1 ? size : LINE_MAX - 1);
        if (read_row(line, width, &row) && fits(&row, tuple))
            return 1;
        bytes += size + 1;
    }
    return 0;
}

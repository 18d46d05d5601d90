/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/conntrack.h"

#include "netns/base/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 256, REPLY_MAX = 8192, FILE_MAX = 64 };

int conntrack_open(struct error *error)
{
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);

    if (fd < 0)
        return error_errno(error, errno, "netlink-open", "conntrack", "no netlink socket");
    return take_fd(&fd);
}

static void put_addresses(struct nlmsghdr *header, const struct shot_tuple *tuple)
{
    struct nlattr *nest = mnl_attr_nest_start(header, CTA_TUPLE_IP);
    bool ip4 = tuple->family == 4;

    mnl_attr_put(header, ip4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, ip4 ? 4 : 16, tuple->source);
    mnl_attr_put(header, ip4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, ip4 ? 4 : 16, tuple->destination);
    mnl_attr_nest_end(header, nest);
}

static void put_ports(struct nlmsghdr *header, const struct shot_tuple *tuple)
{
    struct nlattr *nest = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);

    mnl_attr_put_u8(header, CTA_PROTO_NUM, tuple->protocol);
    mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(tuple->source_port));
    mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(tuple->port));
    mnl_attr_nest_end(header, nest);
}

int conntrack_delete(int fd, const struct shot_tuple *tuple)
{
    char buffer[REQUEST_MAX] __attribute__((aligned(8))) = {0};
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *message;
    struct nlattr *nest;

    header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    message = mnl_nlmsg_put_extra_header(header, sizeof(*message));
    message->nfgen_family = tuple->family == 4 ? AF_INET : AF_INET6;
    message->version = NFNETLINK_V0;
    nest = mnl_attr_nest_start(header, CTA_TUPLE_ORIG);
    put_addresses(header, tuple);
    put_ports(header, tuple);
    mnl_attr_nest_end(header, nest);
    return send(fd, buffer, header->nlmsg_len, MSG_DONTWAIT) < 0 ? -errno : 0;
}

uint32_t conntrack_drain(int fd)
{
    char buffer[REPLY_MAX] __attribute__((aligned(8)));
    uint32_t deleted = 0;

    for (;;) {
        ssize_t length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        const struct nlmsghdr *header = (const void *)buffer;
        int left = (int)length;

        if (length < 0 && errno == ENOBUFS)
            continue; /* answers were lost, not deletions */
        if (length <= 0)
            return deleted;
        for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left))
            if (header->nlmsg_type == NLMSG_ERROR &&
                mnl_nlmsg_get_payload_len(header) >= sizeof(struct nlmsgerr))
                deleted += ((const struct nlmsgerr *)mnl_nlmsg_get_payload(header))->error == 0;
    }
}

uint64_t conntrack_count(int proc)
{
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (file_read(proc, "sys/net/netfilter/nf_conntrack_count", FILE_MAX, &text, &length, NULL) < 0)
        return 0;
    return strtoull(text, NULL, 10);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/judge/witness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <sys/socket.h>

const char witness_table[] =
    "table inet judge {\n"
    "  chain arrived { type filter hook input priority 2147483000; policy accept;\n"
    "    meta l4proto { tcp, udp } log group 21\n"
    "  }\n"
    "  chain answered { type filter hook output priority -2147483000; policy accept;\n"
    "    tcp flags & rst == rst log group 22\n"
    "    icmp type destination-unreachable log group 22\n"
    "    icmpv6 type destination-unreachable log group 22\n"
    "  }\n"
    "}\n";

struct witness {
    struct mnl_socket *log, *control;
};

static struct nlmsghdr *request(uint8_t *buffer, uint16_t type, uint16_t flags, uint16_t resource)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = type;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
    header->nfgen_family = AF_UNSPEC;
    header->version = NFNETLINK_V0;
    header->res_id = htons(resource);
    return message;
}

static void send_acknowledged(struct mnl_socket *socket, struct nlmsghdr *message, const char *what)
{
    uint8_t buffer[4096];
    message->nlmsg_flags |= NLM_F_ACK;
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
        judge_fail("%s: %s", what, strerror(errno));
    ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
    if (length < 0 || mnl_cb_run(buffer, (size_t)length, 0, mnl_socket_get_portid(socket), NULL, NULL) < 0)
        judge_fail("%s: %s", what, strerror(errno));
}

static void group_bind(struct mnl_socket *socket, uint16_t group)
{
    uint8_t buffer[256];
    struct nfulnl_msg_config_cmd command = {.command = NFULNL_CFG_CMD_BIND};
    struct nfulnl_msg_config_mode mode = {.copy_range = htonl(256), .copy_mode = NFULNL_COPY_PACKET};
    uint16_t type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
    struct nlmsghdr *message = request(buffer, type, 0, group);
    mnl_attr_put(message, NFULA_CFG_CMD, sizeof(command), &command);
    send_acknowledged(socket, message, "log group");
    message = request(buffer, type, 0, group);
    mnl_attr_put(message, NFULA_CFG_MODE, sizeof(mode), &mode);
    mnl_attr_put_u32(message, NFULA_CFG_QTHRESH, htonl(1));
    send_acknowledged(socket, message, "log group's mode");
}

static struct mnl_socket *netfilter_socket(void)
{
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0)
        judge_fail("netlink: %s", strerror(errno));
    return socket;
}

struct witness *witness_open(void)
{
    struct witness *witness = memory_alloc(sizeof(*witness));
    int size = 8 << 20;
    witness->log = netfilter_socket();
    witness->control = netfilter_socket();
    setsockopt(mnl_socket_get_fd(witness->log), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    group_bind(witness->log, WITNESS_ARRIVED);
    group_bind(witness->log, WITNESS_ANSWERED);
    return witness;
}

void witness_close(struct witness *witness)
{
    if (!witness)
        return;
    mnl_socket_close(witness->log);
    mnl_socket_close(witness->control);
    free(witness);
}

struct logged {
    struct lab *lab;
    enum place place;
    bool arrived;
};

static int logged_attribute(const struct nlattr *attribute, void *data)
{
    const struct logged *logged = data;
    if (mnl_attr_get_type(attribute) == NFULA_PAYLOAD)
        lab_see(logged->lab, logged->place, mnl_attr_get_payload(attribute),
                mnl_attr_get_payload_len(attribute), logged->arrived);
    return MNL_CB_OK;
}

static int logged_packet(const struct nlmsghdr *message, void *data)
{
    struct logged *logged = data;
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
        return MNL_CB_OK;
    logged->arrived = ntohs(header->res_id) == WITNESS_ARRIVED;
    return mnl_attr_parse(message, sizeof(*header), logged_attribute, logged);
}

void witness_read(struct witness *witness, struct lab *lab, enum place place)
{
    uint8_t buffer[65536];
    struct logged logged = {.lab = lab, .place = place};
    ssize_t length;
    while ((length = recv(mnl_socket_get_fd(witness->log), buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
        mnl_cb_run(buffer, (size_t)length, 0, 0, logged_packet, &logged);
    if (length < 0 && errno == ENOBUFS)
        judge_fail("the log of %s overflowed", place_names[place]);
}

void witness_flush(struct witness *witness)
{
    uint8_t buffer[256];
    struct nlmsghdr *message = request(buffer, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, 0);
    send_acknowledged(witness->control, message, "conntrack");
}

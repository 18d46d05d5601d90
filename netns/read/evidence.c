/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/evidence.h"
#include "netns/decode/attribute.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#define MESSAGE(type) ((NFNL_SUBSYS_CTNETLINK << 8) | (type))

struct tuple {
    struct address source, destination;
    uint8_t protocol;
    uint16_t source_port, destination_port;
};

static struct address field_address(struct bytes data4, struct bytes data6)
{
    struct bytes data = data4.data ? data4 : data6;

    return data.data ? address_from_bytes(data.data, data.length) : (struct address){.family = FAMILY_NONE};
}

static uint16_t field_port(struct bytes data)
{
    uint32_t port = 0;

    (void)decode_u16(data, &port);
    return (uint16_t)port;
}

static bool decode_tuple(struct bytes data, struct tuple *ret_tuple)
{
    struct bytes part[CTA_TUPLE_MAX + 1], address[CTA_IP_MAX + 1], protocol[CTA_PROTO_MAX + 1];

    if (!data.data || !message_attributes(data, 0, part, CTA_TUPLE_MAX + 1, NULL) ||
        !message_attributes(part[CTA_TUPLE_IP], 0, address, CTA_IP_MAX + 1, NULL) ||
        !message_attributes(part[CTA_TUPLE_PROTO], 0, protocol, CTA_PROTO_MAX + 1, NULL))
        return false;
    *ret_tuple = (struct tuple){.source = field_address(address[CTA_IP_V4_SRC], address[CTA_IP_V6_SRC]),
                                .destination = field_address(address[CTA_IP_V4_DST], address[CTA_IP_V6_DST]),
                                .protocol = attribute_u8(protocol[CTA_PROTO_NUM], 0),
                                .source_port = field_port(protocol[CTA_PROTO_SRC_PORT]),
                                .destination_port = field_port(protocol[CTA_PROTO_DST_PORT])};
    return ret_tuple->source.family != FAMILY_NONE &&
           ret_tuple->source.family == ret_tuple->destination.family;
}

static uint32_t field_number(struct bytes data)
{
    uint32_t number = 0;

    (void)decode_u32(data, &number);
    return number;
}

enum message_is evidence_decode(struct bytes payload, struct tracked *ret_tracked)
{
    struct bytes field[CTA_MAX + 1];
    struct tuple original, reply;
    struct nfgenmsg header;
    uint32_t zone = 0;

    if (!message_attributes(payload, sizeof(header), field, CTA_MAX + 1, NULL))
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    if (header.nfgen_family != AF_INET && header.nfgen_family != AF_INET6)
        return MESSAGE_OTHER;
    if (!decode_tuple(field[CTA_TUPLE_ORIG], &original) || !decode_tuple(field[CTA_TUPLE_REPLY], &reply))
        return MESSAGE_MALFORMED;
    (void)decode_u16(field[CTA_ZONE], &zone);
    *ret_tracked = (struct tracked){.family = family_from_af(header.nfgen_family),
                                    .protocol = original.protocol,
                                    .source = original.source,
                                    .destination = original.destination,
                                    .source_port = original.source_port,
                                    .destination_port = original.destination_port,
                                    .reply_source = reply.source,
                                    .reply_destination = reply.destination,
                                    .reply_source_port = reply.source_port,
                                    .reply_destination_port = reply.destination_port,
                                    .status = field_number(field[CTA_STATUS]),
                                    .mark = field_number(field[CTA_MARK]),
                                    .timeout = field_number(field[CTA_TIMEOUT]),
                                    .zone = (uint16_t)zone};
    return MESSAGE_ITEM;
}

static enum message_is add_tracked(struct bytes payload, struct arena *arena, void *ret_item)
{
    (void)arena;
    return evidence_decode(payload, ret_item);
}

static const struct read_list tracked_list = {"conntrack entries",
                                              PART_EVIDENCE,
                                              .optional = true,
                                              .ask = MESSAGE(IPCTNL_MSG_CT_GET),
                                              .answer = MESSAGE(IPCTNL_MSG_CT_NEW),
                                              .header = sizeof(struct nfgenmsg),
                                              .list = offsetof(struct namespace, tracked),
                                              .item = sizeof(struct tracked),
                                              .limit = offsetof(struct read_budget, tracked),
                                              .decode = add_tracked};

static int unreadable(struct namespace *namespace, struct error *error)
{
    namespace_fault(namespace, PART_EVIDENCE, error);
    return -error->status;
}

int evidence_read(const struct reader *reader, struct namespace *namespace)
{
    _cleanup_netlink_ struct netlink *netlink = NULL;
    struct error error;
    int result;

    /* the kernel goes through the table of all namespaces for each: not for nothing */
    if (namespace->sysctls.conntrack_count <= 0)
        return 0;
    if (!modules_has(reader->modules, "nfnetlink") || !modules_has(reader->modules, "nf_conntrack_netlink")) {
        (void)error_set(&error, ENOENT, "evidence-unreadable", "conntrack entries",
                        "conntrack entries cannot be asked for without loading a module");
        return unreadable(namespace, &error);
    }
    result = netlink_open(NETLINK_NETFILTER, reader->budget.deadline_ns, &netlink, &error);
    if (result < 0)
        return unreadable(namespace, &error);
    result = read_list(reader, netlink, &tracked_list, namespace);
    return result == READ_ABSENT ? 0 : result;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/nft.h"

#include "netns/base/file.h"
#include "netns/base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { REPLY_SIZE = 1 << 16, WAIT_SECONDS = 2, ROOM = 1024, FLAG_OWNER = 2 };

int nft_open(struct error *error)
{
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    const struct timeval wait = {.tv_sec = WAIT_SECONDS};
    const int large = NFT_BATCH_SIZE * 2;

    if (fd < 0)
        return error_errno(error, errno, "netlink-open", "nftables", "no netlink socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof(large));
    return take_fd(&fd);
}

/* ---- a transaction ---- */

static void begin_message(struct nft_batch *batch, uint16_t type, uint16_t flags, uint8_t family,
                          uint16_t resource)
{
    struct nfgenmsg *message;

    if (batch->length + ROOM >
        NFT_BATCH_SIZE) { /* the caller keeps its batches small; else they are refused whole */
        batch->overflow = true;
        batch->length = 0;
    }
    batch->message = mnl_nlmsg_put_header(batch->buffer + batch->length);
    batch->message->nlmsg_type = type;
    batch->message->nlmsg_flags = NLM_F_REQUEST | flags;
    batch->message->nlmsg_seq = ++batch->sequence;
    message = mnl_nlmsg_put_extra_header(batch->message, sizeof(*message));
    message->nfgen_family = family;
    message->version = NFNETLINK_V0;
    message->res_id = htons(resource);
}

static void begin_object(struct nft_batch *batch, unsigned type, uint16_t flags, uint8_t family)
{
    batch->last = batch->length;
    begin_message(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, family, 0);
}

static void end_message(struct nft_batch *batch)
{
    batch->length += NLMSG_ALIGN(batch->message->nlmsg_len);
    batch->message = NULL;
}

/* The keeper goes on with sockets on which answers to its dead parent may be waiting. */
static uint32_t fresh_sequence(void)
{
    return (uint32_t)(time_monotonic_ns() >> 10);
}

void nft_begin(struct nft_batch *batch, int fd)
{
    *batch =
        (struct nft_batch){.fd = fd, .buffer = memory_alloc(NFT_BATCH_SIZE), .sequence = fresh_sequence()};
    batch->first = batch->sequence + 1;
    begin_message(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    end_message(batch);
}

/* The last object's acknowledgement ends the answers; errors of other objects come before it, the batch's own
 * instead. */
static int read_answers(const struct nft_batch *batch, uint32_t last)
{
    _cleanup_free_ uint8_t *buffer = memory_alloc(REPLY_SIZE);
    int result = 0;

    for (;;) {
        ssize_t length = recv(batch->fd, buffer, REPLY_SIZE, 0);
        const struct nlmsghdr *header = (const void *)buffer;
        int left = (int)length;

        if (length < 0)
            return -errno;
        for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
            const struct nlmsgerr *status = mnl_nlmsg_get_payload(header);

            if (header->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(header) < sizeof(*status) ||
                header->nlmsg_seq - batch->first > last - batch->first)
                continue;
            if (status->error && result == 0)
                result = status->error;
            if (header->nlmsg_seq == last || (status->error && header->nlmsg_seq == batch->first))
                return result;
        }
    }
}

/* Kernels before 6.10 acknowledge no end of a batch. */
static int transact(const struct nft_batch *batch)
{
    struct nlmsghdr *last = (void *)(batch->buffer + batch->last);

    last->nlmsg_flags |= NLM_F_ACK;
    if (send(batch->fd, batch->buffer, batch->length, 0) < 0)
        return -errno;
    return read_answers(batch, last->nlmsg_seq);
}

int nft_commit(struct nft_batch *batch, const char *what, struct error *error)
{
    int result = batch->overflow ? -EMSGSIZE : 0;

    begin_message(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    end_message(batch);
    if (result == 0)
        result = transact(batch);
    free(batch->buffer);
    batch->buffer = NULL;
    return result < 0 ? error_errno(error, -result, "nftables-refused", what,
                                    "the kernel refuses the guard's %s", what)
                      : 0;
}

/* ---- objects ---- */

static void put_u32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
    mnl_attr_put_u32(message, type, htonl(value));
}

void nft_add_table(struct nft_batch *batch, uint8_t family, const char *table)
{
    begin_object(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, family);
    mnl_attr_put_strz(batch->message, NFTA_TABLE_NAME, table);
    put_u32(batch->message, NFTA_TABLE_FLAGS, FLAG_OWNER);
    end_message(batch);
}

void nft_add_set(struct nft_batch *batch, uint8_t family, const char *table, const char *set, uint32_t id,
                 uint32_t key_length, bool dynamic, uint32_t size)
{
    struct nlattr *nest;

    begin_object(batch, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, family);
    mnl_attr_put_strz(batch->message, NFTA_SET_TABLE, table);
    mnl_attr_put_strz(batch->message, NFTA_SET_NAME, set);
    put_u32(batch->message, NFTA_SET_FLAGS, dynamic ? NFT_SET_EVAL : 0);
    put_u32(batch->message, NFTA_SET_KEY_TYPE, 0);
    put_u32(batch->message, NFTA_SET_KEY_LEN, key_length);
    put_u32(batch->message, NFTA_SET_ID, id);
    if (dynamic) {
        nest = mnl_attr_nest_start(batch->message, NFTA_SET_DESC);
        put_u32(batch->message, NFTA_SET_DESC_SIZE, size);
        mnl_attr_nest_end(batch->message, nest);
    }
    end_message(batch);
}

void nft_add_chain(struct nft_batch *batch, uint8_t family, const char *table, const char *chain,
                   uint32_t hook, int32_t priority, const char *device)
{
    struct nlattr *nest;

    begin_object(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, family);
    mnl_attr_put_strz(batch->message, NFTA_CHAIN_TABLE, table);
    mnl_attr_put_strz(batch->message, NFTA_CHAIN_NAME, chain);
    mnl_attr_put_strz(batch->message, NFTA_CHAIN_TYPE, "filter");
    nest = mnl_attr_nest_start(batch->message, NFTA_CHAIN_HOOK);
    put_u32(batch->message, NFTA_HOOK_HOOKNUM, hook);
    put_u32(batch->message, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    if (device)
        mnl_attr_put_strz(batch->message, NFTA_HOOK_DEV, device);
    mnl_attr_nest_end(batch->message, nest);
    end_message(batch);
}

/* ---- elements ---- */

static struct nlattr *elements_nest(const struct nft_batch *batch)
{
    return (struct nlattr *)(void *)((uint8_t *)batch->message + sizeof(struct nlmsghdr) +
                                     sizeof(struct nfgenmsg));
}

static struct nlattr *find_nest(const struct nft_batch *batch, uint16_t type)
{
    struct nlattr *attribute = elements_nest(batch);

    while (mnl_attr_get_type(attribute) != type)
        attribute = mnl_attr_next(attribute);
    return attribute;
}

static void begin_list(struct nft_batch *batch, const char *table, const char *set)
{
    mnl_attr_put_strz(batch->message, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(batch->message, NFTA_SET_ELEM_LIST_SET, set);
    (void)mnl_attr_nest_start(batch->message, NFTA_SET_ELEM_LIST_ELEMENTS);
}

void nft_begin_elements(struct nft_batch *batch, uint8_t family, const char *table, const char *set)
{
    begin_object(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, family);
    begin_list(batch, table, set);
}

void nft_begin_removal(struct nft_batch *batch, uint8_t family, const char *table, const char *set)
{
    begin_object(batch, NFT_MSG_DELSETELEM, 0, family);
    begin_list(batch, table, set);
}

void nft_put_element(struct nft_batch *batch, const void *key, size_t length)
{
    struct nlattr *element, *value;

    if (batch->length + batch->message->nlmsg_len + ROOM > NFT_BATCH_SIZE) {
        batch->overflow = true;
        return;
    }
    element = mnl_attr_nest_start(batch->message, NFTA_LIST_ELEM);
    value = mnl_attr_nest_start(batch->message, NFTA_SET_ELEM_KEY);
    mnl_attr_put(batch->message, NFTA_DATA_VALUE, length, key);
    mnl_attr_nest_end(batch->message, value);
    mnl_attr_nest_end(batch->message, element);
}

void nft_end_elements(struct nft_batch *batch)
{
    mnl_attr_nest_end(batch->message, find_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS));
    end_message(batch);
}

/* ---- rules ---- */

void nft_begin_rule(struct nft_batch *batch, uint8_t family, const char *table, const char *chain)
{
    begin_object(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
    mnl_attr_put_strz(batch->message, NFTA_RULE_TABLE, table);
    mnl_attr_put_strz(batch->message, NFTA_RULE_CHAIN, chain);
    (void)mnl_attr_nest_start(batch->message, NFTA_RULE_EXPRESSIONS);
}

void nft_end_rule(struct nft_batch *batch)
{
    mnl_attr_nest_end(batch->message, find_nest(batch, NFTA_RULE_EXPRESSIONS));
    end_message(batch);
}

struct expression {
    struct nlattr *element, *data;
};

static struct expression begin_expression(struct nft_batch *batch, const char *name)
{
    struct expression expression;

    expression.element = mnl_attr_nest_start(batch->message, NFTA_LIST_ELEM);
    mnl_attr_put_strz(batch->message, NFTA_EXPR_NAME, name);
    expression.data = mnl_attr_nest_start(batch->message, NFTA_EXPR_DATA);
    return expression;
}

static void end_expression(struct nft_batch *batch, struct expression expression)
{
    mnl_attr_nest_end(batch->message, expression.data);
    mnl_attr_nest_end(batch->message, expression.element);
}

static void put_register(struct nft_batch *batch, uint16_t type, unsigned number)
{
    put_u32(batch->message, type, NFT_REG32_00 + number);
}

static void put_value(struct nft_batch *batch, uint16_t type, const void *bytes, uint32_t length)
{
    struct nlattr *nest = mnl_attr_nest_start(batch->message, type);

    mnl_attr_put(batch->message, NFTA_DATA_VALUE, length, bytes);
    mnl_attr_nest_end(batch->message, nest);
}

void nft_meta(struct nft_batch *batch, uint32_t key, unsigned to)
{
    struct expression expression = begin_expression(batch, "meta");

    put_u32(batch->message, NFTA_META_KEY, key);
    put_register(batch, NFTA_META_DREG, to);
    end_expression(batch, expression);
}

void nft_payload(struct nft_batch *batch, enum nft_header base, uint32_t offset, uint32_t length, unsigned to)
{
    struct expression expression = begin_expression(batch, "payload");

    put_register(batch, NFTA_PAYLOAD_DREG, to);
    put_u32(batch->message, NFTA_PAYLOAD_BASE, base);
    put_u32(batch->message, NFTA_PAYLOAD_OFFSET, offset);
    put_u32(batch->message, NFTA_PAYLOAD_LEN, length);
    end_expression(batch, expression);
}

void nft_mask(struct nft_batch *batch, unsigned at, const void *mask, uint32_t length)
{
    static const uint8_t zero[16];
    struct expression expression = begin_expression(batch, "bitwise");

    put_register(batch, NFTA_BITWISE_SREG, at);
    put_register(batch, NFTA_BITWISE_DREG, at);
    put_u32(batch->message, NFTA_BITWISE_LEN, length);
    put_value(batch, NFTA_BITWISE_MASK, mask, length);
    put_value(batch, NFTA_BITWISE_XOR, zero, length);
    end_expression(batch, expression);
}

static void compare(struct nft_batch *batch, uint32_t operator, unsigned from, const void *bytes,
                    uint32_t length)
{
    struct expression expression = begin_expression(batch, "cmp");

    put_register(batch, NFTA_CMP_SREG, from);
    put_u32(batch->message, NFTA_CMP_OP, operator);
    put_value(batch, NFTA_CMP_DATA, bytes, length);
    end_expression(batch, expression);
}

void nft_equal(struct nft_batch *batch, unsigned from, const void *bytes, uint32_t length)
{
    compare(batch, NFT_CMP_EQ, from, bytes, length);
}

void nft_unequal(struct nft_batch *batch, unsigned from, const void *bytes, uint32_t length)
{
    compare(batch, NFT_CMP_NEQ, from, bytes, length);
}

void nft_lower(struct nft_batch *batch, unsigned from, const void *bytes, uint32_t length)
{
    compare(batch, NFT_CMP_LT, from, bytes, length);
}

void nft_load(struct nft_batch *batch, unsigned to, const void *bytes, uint32_t length)
{
    struct expression expression = begin_expression(batch, "immediate");

    put_register(batch, NFTA_IMMEDIATE_DREG, to);
    put_value(batch, NFTA_IMMEDIATE_DATA, bytes, length);
    end_expression(batch, expression);
}

void nft_lookup(struct nft_batch *batch, unsigned from, const char *set, uint32_t id, bool absent)
{
    struct expression expression = begin_expression(batch, "lookup");

    mnl_attr_put_strz(batch->message, NFTA_LOOKUP_SET, set);
    put_register(batch, NFTA_LOOKUP_SREG, from);
    put_u32(batch->message, NFTA_LOOKUP_SET_ID, id);
    if (absent)
        put_u32(batch->message, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    end_expression(batch, expression);
}

void nft_update(struct nft_batch *batch, unsigned from, const char *set, uint32_t id)
{
    struct expression expression = begin_expression(batch, "dynset");

    mnl_attr_put_strz(batch->message, NFTA_DYNSET_SET_NAME, set);
    put_u32(batch->message, NFTA_DYNSET_SET_ID, id);
    put_u32(batch->message, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
    put_register(batch, NFTA_DYNSET_SREG_KEY, from);
    end_expression(batch, expression);
}

void nft_socket_transparent(struct nft_batch *batch, unsigned to)
{
    struct expression expression = begin_expression(batch, "socket");

    put_u32(batch->message, NFTA_SOCKET_KEY, NFT_SOCKET_TRANSPARENT);
    put_register(batch, NFTA_SOCKET_DREG, to);
    end_expression(batch, expression);
}

void nft_drop(struct nft_batch *batch)
{
    struct expression expression = begin_expression(batch, "immediate");
    struct nlattr *data, *verdict;

    put_u32(batch->message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    data = mnl_attr_nest_start(batch->message, NFTA_IMMEDIATE_DATA);
    verdict = mnl_attr_nest_start(batch->message, NFTA_DATA_VERDICT);
    put_u32(batch->message, NFTA_VERDICT_CODE, NF_DROP);
    mnl_attr_nest_end(batch->message, verdict);
    mnl_attr_nest_end(batch->message, data);
    end_expression(batch, expression);
}

/* ---- read ---- */

struct reader {
    void (*handle)(const uint8_t *key, size_t length, void *context);
    void *context;
};

static int read_value(const struct nlattr *attribute, void *context)
{
    const struct reader *reader = context;

    if (mnl_attr_get_type(attribute) == NFTA_DATA_VALUE)
        reader->handle(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute), reader->context);
    return MNL_CB_OK;
}

static int read_element(const struct nlattr *attribute, void *context)
{
    if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_KEY)
        (void)mnl_attr_parse_nested(attribute, read_value, context);
    return MNL_CB_OK;
}

static int read_list(const struct nlattr *attribute, void *context)
{
    (void)mnl_attr_parse_nested(attribute, read_element, context);
    return MNL_CB_OK;
}

static int read_message(const struct nlattr *attribute, void *context)
{
    if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_LIST_ELEMENTS)
        (void)mnl_attr_parse_nested(attribute, read_list, context);
    return MNL_CB_OK;
}

static int request_elements(int fd, uint8_t family, const char *table, const char *set,
                            uint32_t *ret_sequence)
{
    uint8_t buffer[512] __attribute__((aligned(8))) = {0};
    struct nft_batch request = {.fd = fd, .buffer = buffer, .sequence = fresh_sequence()};

    request.message = mnl_nlmsg_put_header(buffer);
    begin_message(&request, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM, NLM_F_DUMP, family, 0);
    mnl_attr_put_strz(request.message, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(request.message, NFTA_SET_ELEM_LIST_SET, set);
    *ret_sequence = request.sequence;
    return send(fd, buffer, request.message->nlmsg_len, 0) < 0 ? -errno : 0;
}

static int status_of(const struct nlmsghdr *header)
{
    int32_t status = 0;

    if (mnl_nlmsg_get_payload_len(header) >= sizeof(status))
        memcpy(&status, mnl_nlmsg_get_payload(header), sizeof(status));
    return status;
}

static int receive_elements(int fd, uint32_t sequence, struct reader *reader)
{
    _cleanup_free_ uint8_t *buffer = memory_alloc(REPLY_SIZE);

    for (;;) {
        ssize_t length = recv(fd, buffer, REPLY_SIZE, 0);
        const struct nlmsghdr *header = (const void *)buffer;
        int left = (int)length;

        if (length < 0)
            return -errno;
        for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
            if (header->nlmsg_seq != sequence)
                continue;
            if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
                return status_of(header);
            (void)mnl_attr_parse(header, sizeof(struct nfgenmsg), read_message, reader);
        }
    }
}

int nft_read_set(int fd, uint8_t family, const char *table, const char *set,
                 void (*handle)(const uint8_t *key, size_t length, void *context), void *context,
                 struct error *error)
{
    struct reader reader = {handle, context};
    uint32_t sequence;
    int result = request_elements(fd, family, table, set, &sequence);

    if (result == 0)
        result = receive_elements(fd, sequence, &reader);
    return result < 0 ? error_errno(error, -result, "nftables-refused", set, "the guard's set cannot be read")
                      : 0;
}

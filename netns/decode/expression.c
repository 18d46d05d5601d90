/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/decode/expression.h"

#include "netns/decode/constant.h"
#include "netns/decode/xtables.h"

#include <linux/netfilter/nf_log.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#define AT(member) offsetof(struct nft_expression, member)
#define SEEN(type) ATTRIBUTE_SEEN(type)
/* clang-format off */
#define FIELDS(name) static const struct attribute_field name##_fields[]
/* clang-format on */

/* How an expression of one name is read. */
struct expression_type {
    const char *name;
    enum expression_kind kind;
    const struct attribute_field *fields; /* NULL: it has no attributes */
    uint64_t required;                    /* ATTRIBUTE_SEEN() of those without which it says nothing */
    /* The rest; seen: what was there. False: not understood. NULL: nothing. */
    bool (*finish)(struct decoder *decoder, struct nft_expression *expression, uint64_t seen);
};

static bool read_data(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    (void)record;
    return data_decode(decoder, data, member);
}

static bool has_value(const struct nft_data *data)
{
    return data->value.length && !data->is_verdict;
}

static bool exactly_one(uint64_t seen, uint64_t a, uint64_t b)
{
    return !(seen & a) != !(seen & b);
}

/* ---- loads and writes ---- */
FIELDS(payload) = {
    ATTRIBUTE(NFTA_PAYLOAD_DREG, ATTRIBUTE_REGISTER, AT(payload.dreg)),
    ATTRIBUTE(NFTA_PAYLOAD_SREG, ATTRIBUTE_REGISTER, AT(payload.sreg)),
    ATTRIBUTE_UP_TO(NFTA_PAYLOAD_BASE, ATTRIBUTE_U32, AT(payload.base), NFT_PAYLOAD_INNER_HEADER),
    ATTRIBUTE(NFTA_PAYLOAD_OFFSET, ATTRIBUTE_U32, AT(payload.offset)),
    ATTRIBUTE_UP_TO(NFTA_PAYLOAD_LEN, ATTRIBUTE_U32, AT(payload.length), NFT_DATA_VALUE_MAXLEN),
    ATTRIBUTE_UP_TO(NFTA_PAYLOAD_CSUM_TYPE, ATTRIBUTE_U32, AT(payload.checksum_type), NFT_PAYLOAD_CSUM_SCTP),
    ATTRIBUTE(NFTA_PAYLOAD_CSUM_OFFSET, ATTRIBUTE_U32, AT(payload.checksum_offset)),
    ATTRIBUTE_UP_TO(NFTA_PAYLOAD_CSUM_FLAGS, ATTRIBUTE_U32, AT(payload.checksum_flags),
                    NFT_PAYLOAD_L4CSUM_PSEUDOHDR),
    ATTRIBUTE_END,
};

static bool finish_payload(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    expression->payload.write = seen & SEEN(NFTA_PAYLOAD_SREG);
    return exactly_one(seen, SEEN(NFTA_PAYLOAD_DREG), SEEN(NFTA_PAYLOAD_SREG)) && expression->payload.length;
}

FIELDS(meta) = {
    ATTRIBUTE(NFTA_META_DREG, ATTRIBUTE_REGISTER, AT(meta.dreg)),
    ATTRIBUTE_UP_TO(NFTA_META_KEY, ATTRIBUTE_U32, AT(meta.key), META_KEY_LAST),
    ATTRIBUTE(NFTA_META_SREG, ATTRIBUTE_REGISTER, AT(meta.sreg)),
    ATTRIBUTE_END,
};

static bool finish_meta(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    expression->meta.write = seen & SEEN(NFTA_META_SREG);
    return exactly_one(seen, SEEN(NFTA_META_DREG), SEEN(NFTA_META_SREG));
}

FIELDS(ct) = {
    ATTRIBUTE(NFTA_CT_DREG, ATTRIBUTE_REGISTER, AT(ct.dreg)),
    ATTRIBUTE_UP_TO(NFTA_CT_KEY, ATTRIBUTE_U32, AT(ct.key), NFT_CT_MAX),
    ATTRIBUTE_UP_TO(NFTA_CT_DIRECTION, ATTRIBUTE_U8, AT(ct.direction), 1),
    ATTRIBUTE(NFTA_CT_SREG, ATTRIBUTE_REGISTER, AT(ct.sreg)),
    ATTRIBUTE_END,
};

static bool finish_ct(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    expression->ct.write = seen & SEEN(NFTA_CT_SREG);
    expression->ct.has_direction = seen & SEEN(NFTA_CT_DIRECTION);
    return exactly_one(seen, SEEN(NFTA_CT_DREG), SEEN(NFTA_CT_SREG));
}

FIELDS(fib) = {
    ATTRIBUTE(NFTA_FIB_DREG, ATTRIBUTE_REGISTER, AT(fib.dreg)),
    ATTRIBUTE_UP_TO(NFTA_FIB_RESULT, ATTRIBUTE_U32, AT(fib.result), NFT_FIB_RESULT_MAX),
    ATTRIBUTE_UP_TO(NFTA_FIB_FLAGS, ATTRIBUTE_U32, AT(fib.flags), 0x3f),
    ATTRIBUTE_END,
};

static bool finish_fib(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    (void)seen;
    return expression->fib.result != NFT_FIB_RESULT_UNSPEC;
}

FIELDS(exthdr) = {
    ATTRIBUTE(NFTA_EXTHDR_DREG, ATTRIBUTE_REGISTER, AT(other.dreg)),
    ATTRIBUTE(NFTA_EXTHDR_TYPE, ATTRIBUTE_U8, AT(exthdr.type)),
    ATTRIBUTE(NFTA_EXTHDR_OFFSET, ATTRIBUTE_U32, AT(exthdr.offset)),
    ATTRIBUTE(NFTA_EXTHDR_LEN, ATTRIBUTE_U32, AT(exthdr.length)),
    ATTRIBUTE_UP_TO(NFTA_EXTHDR_FLAGS, ATTRIBUTE_U32, AT(other.flags), NFT_EXTHDR_F_PRESENT),
    ATTRIBUTE_UP_TO(NFTA_EXTHDR_OP, ATTRIBUTE_U32, AT(exthdr.op), NFT_EXTHDR_OP_MAX),
    ATTRIBUTE(NFTA_EXTHDR_SREG, ATTRIBUTE_REGISTER, AT(other.sreg)),
    ATTRIBUTE_END,
};

static bool finish_exthdr(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    /* neither: the option is taken out of the packet (`reset tcp option`), which is a write */
    expression->exthdr.write = !(seen & SEEN(NFTA_EXTHDR_DREG));
    return !(seen & SEEN(NFTA_EXTHDR_DREG)) || !(seen & SEEN(NFTA_EXTHDR_SREG));
}

FIELDS(socket) = {
    ATTRIBUTE_UP_TO(NFTA_SOCKET_KEY, ATTRIBUTE_U32, AT(other.key), NFT_SOCKET_MAX),
    ATTRIBUTE(NFTA_SOCKET_DREG, ATTRIBUTE_REGISTER, AT(other.dreg)),
    ATTRIBUTE(NFTA_SOCKET_LEVEL, ATTRIBUTE_U32, AT(socket.level)),
    ATTRIBUTE_END,
};
FIELDS(rt) = {
    ATTRIBUTE(NFTA_RT_DREG, ATTRIBUTE_REGISTER, AT(other.dreg)),
    ATTRIBUTE_UP_TO(NFTA_RT_KEY, ATTRIBUTE_U32, AT(other.key), NFT_RT_MAX),
    ATTRIBUTE_END,
};
FIELDS(osf) = {
    ATTRIBUTE(NFTA_OSF_DREG, ATTRIBUTE_REGISTER, AT(other.dreg)),
    ATTRIBUTE_UP_TO(NFTA_OSF_TTL, ATTRIBUTE_U8, AT(osf.ttl), 2),
    ATTRIBUTE_UP_TO(NFTA_OSF_FLAGS, ATTRIBUTE_U32, AT(other.flags), NFT_OSF_F_VERSION),
    ATTRIBUTE_END,
};
FIELDS(xfrm) = {
    ATTRIBUTE(NFTA_XFRM_DREG, ATTRIBUTE_REGISTER, AT(other.dreg)),
    ATTRIBUTE_UP_TO(NFTA_XFRM_KEY, ATTRIBUTE_U32, AT(other.key), NFT_XFRM_KEY_MAX),
    ATTRIBUTE_UP_TO(NFTA_XFRM_DIR, ATTRIBUTE_U8, AT(xfrm.direction), 2),
    ATTRIBUTE(NFTA_XFRM_SPNUM, ATTRIBUTE_U32, AT(xfrm.index)),
    ATTRIBUTE_END,
};
FIELDS(tunnel) = {
    ATTRIBUTE_UP_TO(NFTA_TUNNEL_KEY, ATTRIBUTE_U32, AT(other.key), NFT_TUNNEL_MAX),
    ATTRIBUTE(NFTA_TUNNEL_DREG, ATTRIBUTE_REGISTER, AT(other.dreg)),
    ATTRIBUTE_UP_TO(NFTA_TUNNEL_MODE, ATTRIBUTE_U32, AT(tunnel.mode), NFT_TUNNEL_MODE_MAX),
    ATTRIBUTE_END,
};
FIELDS(numgen) = {
    ATTRIBUTE(NFTA_NG_DREG, ATTRIBUTE_REGISTER, AT(other.dreg)),
    ATTRIBUTE(NFTA_NG_MODULUS, ATTRIBUTE_U32, AT(numgen.modulus)),
    ATTRIBUTE_UP_TO(NFTA_NG_TYPE, ATTRIBUTE_U32, AT(numgen.type), NFT_NG_MAX),
    ATTRIBUTE(NFTA_NG_OFFSET, ATTRIBUTE_U32, AT(numgen.offset)),
    ATTRIBUTE_END,
};
FIELDS(hash) = {
    ATTRIBUTE(NFTA_HASH_SREG, ATTRIBUTE_REGISTER, AT(other.sreg)),
    ATTRIBUTE(NFTA_HASH_DREG, ATTRIBUTE_REGISTER, AT(other.dreg)),
    ATTRIBUTE(NFTA_HASH_LEN, ATTRIBUTE_U32, AT(hash.length)),
    ATTRIBUTE(NFTA_HASH_MODULUS, ATTRIBUTE_U32, AT(hash.modulus)),
    ATTRIBUTE(NFTA_HASH_SEED, ATTRIBUTE_U32, AT(hash.seed)),
    ATTRIBUTE(NFTA_HASH_OFFSET, ATTRIBUTE_U32, AT(hash.offset)),
    ATTRIBUTE_UP_TO(NFTA_HASH_TYPE, ATTRIBUTE_U32, AT(hash.type), NFT_HASH_SYM),
    ATTRIBUTE_END,
};

static bool read_one_expression(struct decoder *decoder, struct bytes data, void *record, void *member);
FIELDS(inner) = {
    ATTRIBUTE(INNER_NUM, ATTRIBUTE_U32, AT(inner.number)),
    ATTRIBUTE_UP_TO(INNER_TYPE, ATTRIBUTE_U32, AT(inner.type), INNER_TYPE_LAST),
    ATTRIBUTE_UP_TO(INNER_FLAGS, ATTRIBUTE_U32, AT(other.flags), INNER_FLAGS_ALL),
    ATTRIBUTE(INNER_HDRSIZE, ATTRIBUTE_U32, AT(inner.header_size)),
    ATTRIBUTE_BY(INNER_EXPR, AT(inner.expressions), read_one_expression),
    ATTRIBUTE_END,
};

/* What an evaluator asks of `other` is asked of the expression inside: the register that is written. */
static bool finish_inner(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    (void)seen;
    const struct nft_expression *inside = &expression->inner.expressions.items[0];
    if (inside->kind == EXPRESSION_PAYLOAD)
        expression->other.dreg = inside->payload.dreg;
    if (inside->kind == EXPRESSION_META)
        expression->other.dreg = inside->meta.dreg;
    return expression->other.dreg;
}

/* ---- computing ---- */
FIELDS(cmp) = {
    ATTRIBUTE(NFTA_CMP_SREG, ATTRIBUTE_REGISTER, AT(cmp.sreg)),
    ATTRIBUTE_UP_TO(NFTA_CMP_OP, ATTRIBUTE_U32, AT(cmp.op), NFT_CMP_GTE),
    ATTRIBUTE_BY(NFTA_CMP_DATA, AT(cmp.data), read_data),
    ATTRIBUTE_END,
};

static bool finish_cmp(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    (void)seen;
    return has_value(&expression->cmp.data);
}

FIELDS(range) = {
    ATTRIBUTE(NFTA_RANGE_SREG, ATTRIBUTE_REGISTER, AT(range.sreg)),
    ATTRIBUTE_UP_TO(NFTA_RANGE_OP, ATTRIBUTE_U32, AT(range.op), NFT_RANGE_NEQ),
    ATTRIBUTE_BY(NFTA_RANGE_FROM_DATA, AT(range.from), read_data),
    ATTRIBUTE_BY(NFTA_RANGE_TO_DATA, AT(range.to), read_data),
    ATTRIBUTE_END,
};

static bool finish_range(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    (void)seen;
    const struct nft_range *range = &expression->range;
    return has_value(&range->from) && has_value(&range->to) &&
           range->from.value.length == range->to.value.length;
}

FIELDS(bitwise) = {
    ATTRIBUTE(NFTA_BITWISE_SREG, ATTRIBUTE_REGISTER, AT(bitwise.sreg)),
    ATTRIBUTE(BITWISE_SREG2, ATTRIBUTE_REGISTER, AT(bitwise.sreg2)),
    ATTRIBUTE(NFTA_BITWISE_DREG, ATTRIBUTE_REGISTER, AT(bitwise.dreg)),
    ATTRIBUTE_UP_TO(NFTA_BITWISE_LEN, ATTRIBUTE_U32, AT(bitwise.length), NFT_DATA_VALUE_MAXLEN),
    ATTRIBUTE_BY(NFTA_BITWISE_MASK, AT(bitwise.mask), read_data),
    ATTRIBUTE_BY(NFTA_BITWISE_XOR, AT(bitwise.xor), read_data),
    ATTRIBUTE_UP_TO(NFTA_BITWISE_OP, ATTRIBUTE_U32, AT(bitwise.op), BITWISE_OP_XOR),
    ATTRIBUTE_BY(NFTA_BITWISE_DATA, AT(bitwise.data), read_data),
    ATTRIBUTE_END,
};

static bool finish_bitwise(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    const struct nft_bitwise *bitwise = &expression->bitwise;
    uint64_t operands = seen & (SEEN(NFTA_BITWISE_MASK) | SEEN(NFTA_BITWISE_XOR) | SEEN(NFTA_BITWISE_DATA) |
                                SEEN(BITWISE_SREG2));
    switch (bitwise->op) {
    case NFT_BITWISE_BOOL:
        return operands == (SEEN(NFTA_BITWISE_MASK) | SEEN(NFTA_BITWISE_XOR)) && has_value(&bitwise->mask) &&
               has_value(&bitwise->xor) && bitwise->mask.value.length == bitwise->length &&
               bitwise->xor.value.length == bitwise->length;
    case NFT_BITWISE_LSHIFT:
    case NFT_BITWISE_RSHIFT:
        return operands == SEEN(NFTA_BITWISE_DATA) && bitwise->data.value.length == sizeof(uint32_t);
    default:
        return (operands == SEEN(NFTA_BITWISE_DATA) && bitwise->data.value.length == bitwise->length) ||
               operands == SEEN(BITWISE_SREG2);
    }
}

FIELDS(byteorder) = {
    ATTRIBUTE(NFTA_BYTEORDER_SREG, ATTRIBUTE_REGISTER, AT(byteorder.sreg)),
    ATTRIBUTE(NFTA_BYTEORDER_DREG, ATTRIBUTE_REGISTER, AT(byteorder.dreg)),
    ATTRIBUTE_UP_TO(NFTA_BYTEORDER_OP, ATTRIBUTE_U32, AT(byteorder.op), NFT_BYTEORDER_HTON),
    ATTRIBUTE_UP_TO(NFTA_BYTEORDER_LEN, ATTRIBUTE_U32, AT(byteorder.length), NFT_DATA_VALUE_MAXLEN),
    ATTRIBUTE_UP_TO(NFTA_BYTEORDER_SIZE, ATTRIBUTE_U32, AT(byteorder.size), 8),
    ATTRIBUTE_END,
};

static bool finish_byteorder(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    (void)seen;
    uint32_t size = expression->byteorder.size;
    return size == 2 || size == 4 || size == 8;
}

FIELDS(immediate) = {
    ATTRIBUTE_UP_TO(NFTA_IMMEDIATE_DREG, ATTRIBUTE_U32, AT(immediate.dreg), NFT_REG32_15),
    ATTRIBUTE_BY(NFTA_IMMEDIATE_DATA, AT(immediate.data), read_data),
    ATTRIBUTE_END,
};

static bool finish_immediate(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    (void)seen;
    const struct nft_immediate *immediate = &expression->immediate;
    return (immediate->dreg == NFT_REG_VERDICT) == immediate->data.is_verdict;
}

/* ---- sets and objects ---- */
FIELDS(lookup) = {
    ATTRIBUTE(NFTA_LOOKUP_SET, ATTRIBUTE_NAME, AT(lookup.set)),
    ATTRIBUTE(NFTA_LOOKUP_SREG, ATTRIBUTE_REGISTER, AT(lookup.sreg)),
    ATTRIBUTE_UP_TO(NFTA_LOOKUP_DREG, ATTRIBUTE_U32, AT(lookup.dreg), NFT_REG32_15),
    ATTRIBUTE(NFTA_LOOKUP_SET_ID, ATTRIBUTE_U32, AT(lookup.set_id)),
    ATTRIBUTE_UP_TO(NFTA_LOOKUP_FLAGS, ATTRIBUTE_U32, AT(lookup.flags), NFT_LOOKUP_F_INV),
    ATTRIBUTE_END,
};

static bool finish_lookup(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    expression->lookup.has_dreg = seen & SEEN(NFTA_LOOKUP_DREG);
    return true;
}

static bool read_expressions(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    (void)record;
    return expressions_decode(decoder, data, member);
}

static bool read_one_expression(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    (void)record;
    nft_expression_list *list = member;
    expression_decode(decoder, data, list_append(list));
    return true;
}

FIELDS(dynset) = {
    ATTRIBUTE(NFTA_DYNSET_SET_NAME, ATTRIBUTE_NAME, AT(dynset.set)),
    ATTRIBUTE_SKIP(NFTA_DYNSET_SET_ID),
    ATTRIBUTE_UP_TO(NFTA_DYNSET_OP, ATTRIBUTE_U32, AT(dynset.op), NFT_DYNSET_OP_DELETE),
    ATTRIBUTE(NFTA_DYNSET_SREG_KEY, ATTRIBUTE_REGISTER, AT(dynset.sreg_key)),
    ATTRIBUTE(NFTA_DYNSET_SREG_DATA, ATTRIBUTE_REGISTER, AT(dynset.sreg_data)),
    ATTRIBUTE(NFTA_DYNSET_TIMEOUT, ATTRIBUTE_U64, AT(dynset.timeout)),
    ATTRIBUTE_BY(NFTA_DYNSET_EXPR, AT(dynset.expressions), read_one_expression),
    ATTRIBUTE_SKIP(NFTA_DYNSET_PAD),
    ATTRIBUTE_UP_TO(NFTA_DYNSET_FLAGS, ATTRIBUTE_U32, AT(dynset.flags), NFT_DYNSET_F_INV | NFT_DYNSET_F_EXPR),
    ATTRIBUTE_BY(NFTA_DYNSET_EXPRESSIONS, AT(dynset.expressions), read_expressions),
    ATTRIBUTE_END,
};
FIELDS(objref) = {
    ATTRIBUTE_UP_TO(NFTA_OBJREF_IMM_TYPE, ATTRIBUTE_U32, AT(object.type), NFT_OBJECT_MAX),
    ATTRIBUTE(NFTA_OBJREF_IMM_NAME, ATTRIBUTE_NAME, AT(object.name)),
    ATTRIBUTE(NFTA_OBJREF_SET_SREG, ATTRIBUTE_REGISTER, AT(object.sreg)),
    ATTRIBUTE(NFTA_OBJREF_SET_NAME, ATTRIBUTE_NAME, AT(object.set)),
    ATTRIBUTE_SKIP(NFTA_OBJREF_SET_ID),
    ATTRIBUTE_END,
};

static bool finish_objref(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    (void)expression;
    seen &= ~SEEN(NFTA_OBJREF_SET_ID);
    return seen == (SEEN(NFTA_OBJREF_IMM_TYPE) | SEEN(NFTA_OBJREF_IMM_NAME)) ||
           seen == (SEEN(NFTA_OBJREF_SET_SREG) | SEEN(NFTA_OBJREF_SET_NAME));
}

/* ---- rewriting and verdicts ---- */
FIELDS(nat) = {
    ATTRIBUTE_UP_TO(NFTA_NAT_TYPE, ATTRIBUTE_U32, AT(nat.type), NFT_NAT_DNAT),
    ATTRIBUTE_UP_TO(NFTA_NAT_FAMILY, ATTRIBUTE_U32, AT(nat.family), NFT_FAMILY_IP6),
    ATTRIBUTE(NFTA_NAT_REG_ADDR_MIN, ATTRIBUTE_REGISTER, AT(nat.address_min)),
    ATTRIBUTE(NFTA_NAT_REG_ADDR_MAX, ATTRIBUTE_REGISTER, AT(nat.address_max)),
    ATTRIBUTE(NFTA_NAT_REG_PROTO_MIN, ATTRIBUTE_REGISTER, AT(nat.port_min)),
    ATTRIBUTE(NFTA_NAT_REG_PROTO_MAX, ATTRIBUTE_REGISTER, AT(nat.port_max)),
    ATTRIBUTE_UP_TO(NFTA_NAT_FLAGS, ATTRIBUTE_U32, AT(nat.flags), NF_NAT_RANGE_MASK),
    ATTRIBUTE_END,
};
FIELDS(masq) = {
    ATTRIBUTE_UP_TO(NFTA_MASQ_FLAGS, ATTRIBUTE_U32, AT(nat.flags), NF_NAT_RANGE_MASK),
    ATTRIBUTE(NFTA_MASQ_REG_PROTO_MIN, ATTRIBUTE_REGISTER, AT(nat.port_min)),
    ATTRIBUTE(NFTA_MASQ_REG_PROTO_MAX, ATTRIBUTE_REGISTER, AT(nat.port_max)),
    ATTRIBUTE_END,
};
FIELDS(redir) = {
    ATTRIBUTE(NFTA_REDIR_REG_PROTO_MIN, ATTRIBUTE_REGISTER, AT(nat.port_min)),
    ATTRIBUTE(NFTA_REDIR_REG_PROTO_MAX, ATTRIBUTE_REGISTER, AT(nat.port_max)),
    ATTRIBUTE_UP_TO(NFTA_REDIR_FLAGS, ATTRIBUTE_U32, AT(nat.flags), NF_NAT_RANGE_MASK),
    ATTRIBUTE_END,
};

/* masq and redir say by their name what nat says by attributes */
static bool finish_masq(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    (void)seen;
    expression->nat.type = expression->kind == EXPRESSION_REDIR ? NFT_NAT_DNAT : NFT_NAT_SNAT;
    return true;
}

FIELDS(reject) = {
    ATTRIBUTE_UP_TO(NFTA_REJECT_TYPE, ATTRIBUTE_U32, AT(reject.type), NFT_REJECT_ICMPX_UNREACH),
    ATTRIBUTE(NFTA_REJECT_ICMP_CODE, ATTRIBUTE_U8, AT(reject.code)),
    ATTRIBUTE_END,
};

static bool finish_reject(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    return expression->reject.type == NFT_REJECT_TCP_RST || (seen & SEEN(NFTA_REJECT_ICMP_CODE));
}

FIELDS(tproxy) = {
    ATTRIBUTE_UP_TO(NFTA_TPROXY_FAMILY, ATTRIBUTE_U32, AT(tproxy.family), NFT_FAMILY_IP6),
    ATTRIBUTE(NFTA_TPROXY_REG_ADDR, ATTRIBUTE_REGISTER, AT(other.sreg)),
    ATTRIBUTE(NFTA_TPROXY_REG_PORT, ATTRIBUTE_REGISTER, AT(tproxy.port_register)),
    ATTRIBUTE_END,
};
FIELDS(queue) = {
    ATTRIBUTE(NFTA_QUEUE_NUM, ATTRIBUTE_U16, AT(queue.number)),
    ATTRIBUTE(NFTA_QUEUE_TOTAL, ATTRIBUTE_U16, AT(queue.total)),
    ATTRIBUTE_UP_TO(NFTA_QUEUE_FLAGS, ATTRIBUTE_U16, AT(other.flags), NFT_QUEUE_FLAG_MASK),
    ATTRIBUTE(NFTA_QUEUE_SREG_QNUM, ATTRIBUTE_REGISTER, AT(other.sreg)),
    ATTRIBUTE_END,
};
FIELDS(synproxy) = {
    ATTRIBUTE(NFTA_SYNPROXY_MSS, ATTRIBUTE_U16, AT(synproxy.mss)),
    ATTRIBUTE(NFTA_SYNPROXY_WSCALE, ATTRIBUTE_U8, AT(synproxy.window_scale)),
    ATTRIBUTE_UP_TO(NFTA_SYNPROXY_FLAGS, ATTRIBUTE_U32, AT(other.flags), 0x1f),
    ATTRIBUTE_END,
};
FIELDS(flow_offload) = {
    ATTRIBUTE(NFTA_FLOW_TABLE_NAME, ATTRIBUTE_NAME, AT(flow_offload.flowtable)),
    ATTRIBUTE_END,
};
FIELDS(dup) = {
    ATTRIBUTE(NFTA_DUP_SREG_ADDR, ATTRIBUTE_REGISTER, AT(forward.address_register)),
    ATTRIBUTE(NFTA_DUP_SREG_DEV, ATTRIBUTE_REGISTER, AT(other.sreg)),
    ATTRIBUTE_END,
};
FIELDS(fwd) = {
    ATTRIBUTE(NFTA_FWD_SREG_DEV, ATTRIBUTE_REGISTER, AT(other.sreg)),
    ATTRIBUTE(NFTA_FWD_SREG_ADDR, ATTRIBUTE_REGISTER, AT(forward.address_register)),
    ATTRIBUTE_UP_TO(NFTA_FWD_NFPROTO, ATTRIBUTE_U32, AT(forward.family), NFT_FAMILY_IP6),
    ATTRIBUTE_END,
};

/* ---- counting, limiting, logging ---- */
FIELDS(counter) = {
    ATTRIBUTE(NFTA_COUNTER_BYTES, ATTRIBUTE_U64, AT(counter.bytes)),
    ATTRIBUTE(NFTA_COUNTER_PACKETS, ATTRIBUTE_U64, AT(counter.packets)),
    ATTRIBUTE_SKIP(NFTA_COUNTER_PAD),
    ATTRIBUTE_END,
};
FIELDS(last) = {
    ATTRIBUTE_UP_TO(NFTA_LAST_SET, ATTRIBUTE_U32, AT(other.flags), 1),
    ATTRIBUTE(NFTA_LAST_MSECS, ATTRIBUTE_U64, AT(last.milliseconds)),
    ATTRIBUTE_SKIP(NFTA_LAST_PAD),
    ATTRIBUTE_END,
};
FIELDS(limit) = {
    ATTRIBUTE(NFTA_LIMIT_RATE, ATTRIBUTE_U64, AT(limit.rate)),
    ATTRIBUTE(NFTA_LIMIT_UNIT, ATTRIBUTE_U64, AT(limit.unit)),
    ATTRIBUTE(NFTA_LIMIT_BURST, ATTRIBUTE_U32, AT(limit.burst)),
    ATTRIBUTE_UP_TO(NFTA_LIMIT_TYPE, ATTRIBUTE_U32, AT(limit.type), NFT_LIMIT_PKT_BYTES),
    ATTRIBUTE_UP_TO(NFTA_LIMIT_FLAGS, ATTRIBUTE_U32, AT(other.flags), NFT_LIMIT_F_INV),
    ATTRIBUTE_SKIP(NFTA_LIMIT_PAD),
    ATTRIBUTE_END,
};
FIELDS(quota) = {
    ATTRIBUTE(NFTA_QUOTA_BYTES, ATTRIBUTE_U64, AT(quota.bytes)),
    ATTRIBUTE_UP_TO(NFTA_QUOTA_FLAGS, ATTRIBUTE_U32, AT(other.flags), NFT_QUOTA_F_INV | NFT_QUOTA_F_DEPLETED),
    ATTRIBUTE_SKIP(NFTA_QUOTA_PAD),
    ATTRIBUTE(NFTA_QUOTA_CONSUMED, ATTRIBUTE_U64, AT(quota.consumed)),
    ATTRIBUTE_END,
};
FIELDS(connlimit) = {
    ATTRIBUTE(NFTA_CONNLIMIT_COUNT, ATTRIBUTE_U32, AT(connlimit.count)),
    ATTRIBUTE_UP_TO(NFTA_CONNLIMIT_FLAGS, ATTRIBUTE_U32, AT(other.flags), NFT_CONNLIMIT_F_INV),
    ATTRIBUTE_END,
};
FIELDS(log) = {
    ATTRIBUTE(NFTA_LOG_GROUP, ATTRIBUTE_U16, AT(log.group)),
    ATTRIBUTE(NFTA_LOG_PREFIX, ATTRIBUTE_TEXT, AT(log.prefix)),
    ATTRIBUTE(NFTA_LOG_SNAPLEN, ATTRIBUTE_U32, AT(log.snaplen)),
    ATTRIBUTE(NFTA_LOG_QTHRESHOLD, ATTRIBUTE_U16, AT(log.threshold)),
    ATTRIBUTE_UP_TO(NFTA_LOG_LEVEL, ATTRIBUTE_U32, AT(log.level), NFT_LOGLEVEL_MAX),
    ATTRIBUTE_UP_TO(NFTA_LOG_FLAGS, ATTRIBUTE_U32, AT(other.flags), NF_LOG_MASK),
    ATTRIBUTE_END,
};

static bool finish_log(struct decoder *decoder, struct nft_expression *expression, uint64_t seen)
{
    (void)decoder;
    expression->log.has = (uint32_t)seen;
    return true;
}

/* ---- xtables (nft_compat) ---- */
static bool read_view(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    (void)decoder;
    (void)record;
    *(struct bytes *)member = data;
    return true;
}

/* What NFTA_MATCH_* and NFTA_TARGET_* say. */
struct xt_envelope {
    struct bytes name, info;
    uint32_t revision;
};
FIELDS(match) = {
    ATTRIBUTE_BY(NFTA_MATCH_NAME, offsetof(struct xt_envelope, name), read_view),
    ATTRIBUTE(NFTA_MATCH_REV, ATTRIBUTE_U32, offsetof(struct xt_envelope, revision)),
    ATTRIBUTE_BY(NFTA_MATCH_INFO, offsetof(struct xt_envelope, info), read_view),
    ATTRIBUTE_END,
};
#define XT_REQUIRED (SEEN(NFTA_MATCH_NAME) | SEEN(NFTA_MATCH_REV) | SEEN(NFTA_MATCH_INFO))
_Static_assert((int)NFTA_MATCH_NAME == (int)NFTA_TARGET_NAME && (int)NFTA_MATCH_REV == (int)NFTA_TARGET_REV &&
                   (int)NFTA_MATCH_INFO == (int)NFTA_TARGET_INFO,
               "matches and targets have the same attributes");

static bool decode_xt(struct decoder *decoder, struct bytes data, struct nft_expression *expression)
{
    struct xt_envelope envelope = {0};
    uint64_t seen;
    bool understood = attributes_decode(decoder, data, match_fields, &envelope, &seen);
    if (expression->kind == EXPRESSION_MATCH)
        xtables_decode_match(decoder, envelope.name, envelope.revision, envelope.info, &expression->xt);
    else
        xtables_decode_target(decoder, envelope.name, envelope.revision, envelope.info, &expression->xt);
    return understood && seen == XT_REQUIRED;
}

/* ---- the table ---- */
static const struct expression_type types[] = {
    {"payload", EXPRESSION_PAYLOAD, payload_fields,
     SEEN(NFTA_PAYLOAD_BASE) | SEEN(NFTA_PAYLOAD_OFFSET) | SEEN(NFTA_PAYLOAD_LEN), finish_payload},
    {"meta", EXPRESSION_META, meta_fields, SEEN(NFTA_META_KEY), finish_meta},
    {"cmp", EXPRESSION_CMP, cmp_fields, SEEN(NFTA_CMP_SREG) | SEEN(NFTA_CMP_OP) | SEEN(NFTA_CMP_DATA),
     finish_cmp},
    {"range", EXPRESSION_RANGE, range_fields,
     SEEN(NFTA_RANGE_SREG) | SEEN(NFTA_RANGE_OP) | SEEN(NFTA_RANGE_FROM_DATA) | SEEN(NFTA_RANGE_TO_DATA),
     finish_range},
    {"bitwise", EXPRESSION_BITWISE, bitwise_fields,
     SEEN(NFTA_BITWISE_SREG) | SEEN(NFTA_BITWISE_DREG) | SEEN(NFTA_BITWISE_LEN), finish_bitwise},
    {"byteorder", EXPRESSION_BYTEORDER, byteorder_fields,
     SEEN(NFTA_BYTEORDER_SREG) | SEEN(NFTA_BYTEORDER_DREG) | SEEN(NFTA_BYTEORDER_OP) |
         SEEN(NFTA_BYTEORDER_LEN) | SEEN(NFTA_BYTEORDER_SIZE),
     finish_byteorder},
    {"immediate", EXPRESSION_IMMEDIATE, immediate_fields,
     SEEN(NFTA_IMMEDIATE_DREG) | SEEN(NFTA_IMMEDIATE_DATA), finish_immediate},
    {"lookup", EXPRESSION_LOOKUP, lookup_fields, SEEN(NFTA_LOOKUP_SET) | SEEN(NFTA_LOOKUP_SREG),
     finish_lookup},
    {"counter", EXPRESSION_COUNTER, counter_fields, 0, NULL},
    {"ct", EXPRESSION_CT, ct_fields, SEEN(NFTA_CT_KEY), finish_ct},
    {"fib", EXPRESSION_FIB, fib_fields, SEEN(NFTA_FIB_DREG) | SEEN(NFTA_FIB_RESULT) | SEEN(NFTA_FIB_FLAGS),
     finish_fib},
    {"nat", EXPRESSION_NAT, nat_fields, SEEN(NFTA_NAT_TYPE) | SEEN(NFTA_NAT_FAMILY), NULL},
    {"masq", EXPRESSION_MASQ, masq_fields, 0, finish_masq},
    {"redir", EXPRESSION_REDIR, redir_fields, 0, finish_masq},
    {"reject", EXPRESSION_REJECT, reject_fields, SEEN(NFTA_REJECT_TYPE), finish_reject},
    {"match", EXPRESSION_MATCH, NULL, 0, NULL},
    {"target", EXPRESSION_TARGET, NULL, 0, NULL},
    {"log", EXPRESSION_LOG, log_fields, 0, finish_log},
    {"last", EXPRESSION_LAST, last_fields, SEEN(NFTA_LAST_SET), NULL},
    {"notrack", EXPRESSION_NOTRACK, NULL, 0, NULL},
    {"limit", EXPRESSION_LIMIT, limit_fields, SEEN(NFTA_LIMIT_RATE) | SEEN(NFTA_LIMIT_UNIT), NULL},
    {"quota", EXPRESSION_QUOTA, quota_fields, SEEN(NFTA_QUOTA_BYTES), NULL},
    {"connlimit", EXPRESSION_CONNLIMIT, connlimit_fields, SEEN(NFTA_CONNLIMIT_COUNT), NULL},
    {"numgen", EXPRESSION_NUMGEN, numgen_fields,
     SEEN(NFTA_NG_DREG) | SEEN(NFTA_NG_MODULUS) | SEEN(NFTA_NG_TYPE), NULL},
    {"hash", EXPRESSION_HASH, hash_fields, SEEN(NFTA_HASH_DREG) | SEEN(NFTA_HASH_MODULUS), NULL},
    {"dynset", EXPRESSION_DYNSET, dynset_fields,
     SEEN(NFTA_DYNSET_SET_NAME) | SEEN(NFTA_DYNSET_OP) | SEEN(NFTA_DYNSET_SREG_KEY), NULL},
    {"objref", EXPRESSION_OBJREF, objref_fields, 0, finish_objref},
    {"exthdr", EXPRESSION_EXTHDR, exthdr_fields,
     SEEN(NFTA_EXTHDR_TYPE) | SEEN(NFTA_EXTHDR_OFFSET) | SEEN(NFTA_EXTHDR_LEN), finish_exthdr},
    {"socket", EXPRESSION_SOCKET, socket_fields, SEEN(NFTA_SOCKET_KEY) | SEEN(NFTA_SOCKET_DREG), NULL},
    {"rt", EXPRESSION_RT, rt_fields, SEEN(NFTA_RT_DREG) | SEEN(NFTA_RT_KEY), NULL},
    {"tproxy", EXPRESSION_TPROXY, tproxy_fields, SEEN(NFTA_TPROXY_FAMILY), NULL},
    {"queue", EXPRESSION_QUEUE, queue_fields, 0, NULL},
    {"synproxy", EXPRESSION_SYNPROXY, synproxy_fields, 0, NULL},
    {"flow_offload", EXPRESSION_FLOW_OFFLOAD, flow_offload_fields, SEEN(NFTA_FLOW_TABLE_NAME), NULL},
    {"dup", EXPRESSION_DUP, dup_fields, 0, NULL},
    {"fwd", EXPRESSION_FWD, fwd_fields, SEEN(NFTA_FWD_SREG_DEV), NULL},
    {"osf", EXPRESSION_OSF, osf_fields, SEEN(NFTA_OSF_DREG), NULL},
    {"xfrm", EXPRESSION_XFRM, xfrm_fields, SEEN(NFTA_XFRM_DREG) | SEEN(NFTA_XFRM_KEY), NULL},
    {"tunnel", EXPRESSION_TUNNEL, tunnel_fields, SEEN(NFTA_TUNNEL_KEY) | SEEN(NFTA_TUNNEL_DREG), NULL},
    {"inner", EXPRESSION_INNER, inner_fields, SEEN(INNER_TYPE) | SEEN(INNER_FLAGS) | SEEN(INNER_EXPR),
     finish_inner},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

const char *expression_name_at(size_t index)
{
    return index < TYPES ? types[index].name : NULL;
}

/* name: as the kernel gives it, with its NUL. */
static const struct expression_type *find_type(struct bytes name)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (name.length == strlen(types[i].name) + 1 && !memcmp(types[i].name, name.data, name.length))
            return &types[i];
    }
    return NULL;
}

/* The kinds whose member of the union is `other`, or begins with it. */
static bool has_other(enum expression_kind kind)
{
    switch (kind) {
    case EXPRESSION_PAYLOAD:
    case EXPRESSION_META:
    case EXPRESSION_CMP:
    case EXPRESSION_RANGE:
    case EXPRESSION_BITWISE:
    case EXPRESSION_BYTEORDER:
    case EXPRESSION_IMMEDIATE:
    case EXPRESSION_LOOKUP:
    case EXPRESSION_CT:
    case EXPRESSION_FIB:
    case EXPRESSION_NAT:
    case EXPRESSION_MASQ:
    case EXPRESSION_REDIR:
    case EXPRESSION_REJECT:
    case EXPRESSION_MATCH:
    case EXPRESSION_TARGET:
    case EXPRESSION_OBJREF:
    case EXPRESSION_DYNSET:
        return false;
    default:
        return true;
    }
}

static struct bytes keep(struct decoder *decoder, struct bytes bytes)
{
    return (struct bytes){arena_copy(decoder->arena, bytes.data, bytes.length), bytes.length};
}

/* Reads the attributes of a known expression; false: not (wholly) understood. */
static bool decode_known(struct decoder *decoder, const struct expression_type *type, struct bytes data,
                         struct nft_expression *expression)
{
    static const struct attribute_field none[] = {ATTRIBUTE_END};
    uint64_t seen;
    bool understood = attributes_decode(decoder, data, type->fields ? type->fields : none, expression, &seen);
    if ((seen & type->required) != type->required) {
        /* one that is simply not there; where something else is new, that may stand for it */
        decoder->malformed = decoder->malformed || understood;
        return false;
    }
    if (type->finish && !type->finish(decoder, expression, seen))
        return false;
    return understood;
}

/* What NFTA_EXPR_* say, before the name is looked up. */
struct envelope {
    struct bytes name, data;
};

static const struct attribute_field envelope_fields[] = {
    ATTRIBUTE_BY(NFTA_EXPR_NAME, offsetof(struct envelope, name), read_view),
    ATTRIBUTE_BY(NFTA_EXPR_DATA, offsetof(struct envelope, data), read_view),
    ATTRIBUTE_END,
};

static void decode_unknown(struct decoder *decoder, const char *name, struct bytes bytes,
                           struct nft_expression *ret_expression)
{
    *ret_expression =
        (struct nft_expression){.kind = EXPRESSION_UNKNOWN, .name = name, .unknown_attribute = true};
    ret_expression->other.raw = keep(decoder, bytes);
}

void expression_decode(struct decoder *decoder, struct bytes bytes, struct nft_expression *ret_expression)
{
    struct envelope envelope = {0};
    bool understood = attributes_decode(decoder, bytes, envelope_fields, &envelope, NULL);
    const struct expression_type *type = find_type(envelope.name);
    if (!type || decoder->depth >= EXPRESSION_DEPTH_MAX) {
        bool whole;
        decode_unknown(decoder, decode_name(decoder->arena, envelope.name, &whole), bytes, ret_expression);
        return;
    }
    *ret_expression = (struct nft_expression){.kind = type->kind, .name = type->name};
    decoder->depth++;
    bool xt = type->kind == EXPRESSION_MATCH || type->kind == EXPRESSION_TARGET;
    if (!(xt ? decode_xt(decoder, envelope.data, ret_expression)
             : decode_known(decoder, type, envelope.data, ret_expression)))
        understood = false;
    decoder->depth--;
    ret_expression->unknown_attribute = !understood;
    if (!understood && has_other(type->kind))
        ret_expression->other.raw = keep(decoder, envelope.data);
}

bool expressions_decode(struct decoder *decoder, struct bytes bytes, nft_expression_list *list)
{
    struct attribute_walk walk = {.rest = bytes};
    struct attribute attribute;
    bool whole = true;
    while (attribute_next(&walk, &attribute)) {
        if (attribute.type == NFTA_LIST_ELEM) {
            expression_decode(decoder, attribute.data, list_append(list));
            continue;
        }
        decode_unknown(decoder, "", attribute.data, list_append(list));
        whole = false;
    }
    if (walk.broken)
        decode_unknown(decoder, "", walk.rest, list_append(list));
    return whole && !walk.broken;
}

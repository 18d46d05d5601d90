/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expressions that put something of the packet, its connection or the routing tables into a register. */
#include "scanner/path/concrete_walk.h"

#include <linux/if_arp.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>

#define CT_STATE_INVALID   1u  /* NF_CT_STATE_INVALID_BIT */
#define CT_STATE_NEW       8u  /* NF_CT_STATE_BIT(IP_CT_NEW) */
#define CT_STATE_UNTRACKED 64u /* NF_CT_STATE_UNTRACKED_BIT */
#define LABEL_BYTES        16u
#define NFPROTO_OF_IP4     2
#define NFPROTO_OF_IP6     10

/* ---- payload ---- */

/* TOS and traffic class are the sender's choice anyway, and nothing that is modelled depends on them. */
static bool write_is_harmless(const struct walk *walk, const struct nft_payload *payload)
{
    uint32_t end = payload->offset + payload->length;
    uint32_t limit = walk->packet->family == FAMILY_IP4 ? 2 : 4;
    return payload->base == NFT_PAYLOAD_NETWORK_HEADER && end <= limit;
}

int32_t payload_run(struct rule_context *context, const struct nft_payload *payload)
{
    uint8_t bytes[HEADER_BYTES_MAX], known[HEADER_BYTES_MAX];
    if (payload->write) {
        if (!write_is_harmless(context->walk, payload))
            walk_undetermined(context->walk, REASON_UNMODELLED_EXPRESSION, "payload write",
                              "a rule that writes into the packet");
        return VERDICT_CONTINUE;
    }
    if (payload->length > sizeof(bytes) || !packet_load(context->walk, context->hook, payload->base,
                                                        payload->offset, payload->length, bytes, known))
        return VERDICT_BREAK;
    register_put(context, payload->dreg, bytes, known, payload->length);
    if (!all_known(known, payload->length)) {
        context->registers.code = REASON_PACKET_FIELD;
        context->registers.subject =
            arena_printf(context->walk->arena, "byte %u of header %u", payload->offset, payload->base);
    }
    return VERDICT_CONTINUE;
}

/* ---- meta ---- */

static void put_name(struct rule_context *context, uint32_t dreg, const char *name)
{
    uint8_t bytes[INTERFACE_NAME_MAX] = {0};
    if (name)
        memcpy(bytes, name, strnlen(name, INTERFACE_NAME_MAX - 1));
    register_put(context, dreg, bytes, NULL, INTERFACE_NAME_MAX);
}

static void put_number(struct rule_context *context, uint32_t dreg, uint32_t value)
{
    register_put_word(context, dreg, (struct word){.value = value, .known = UINT32_MAX});
}

/* What is asked of a device that is not there breaks, but its index and name are 0 and "". */
static int32_t device_run(struct rule_context *context, uint32_t key, uint32_t dreg, const struct link *link)
{
    switch (key) {
    case NFT_META_IIF:
    case NFT_META_OIF:
        put_number(context, dreg, link ? link->index : 0);
        return VERDICT_CONTINUE;
    case NFT_META_IIFNAME:
    case NFT_META_OIFNAME:
        put_name(context, dreg, link ? link->name : NULL);
        return VERDICT_CONTINUE;
    case NFT_META_IIFTYPE:
    case NFT_META_OIFTYPE:
        if (link)
            register_put16(context, dreg, link->hardware);
        return link ? VERDICT_CONTINUE : VERDICT_BREAK;
    case NFT_META_IIFGROUP:
    case NFT_META_OIFGROUP:
        if (link)
            put_number(context, dreg, link->group);
        return link ? VERDICT_CONTINUE : VERDICT_BREAK;
    default: /* kind */
        if (!link || !link->kind_name)
            return VERDICT_BREAK;
        put_name(context, dreg, link->kind_name);
        return VERDICT_CONTINUE;
    }
}

/* uid and gid of the sender: only where its socket can be seen. */
static int32_t sender_run(struct rule_context *context, const struct nft_meta *meta)
{
    const struct walk *walk = context->walk;
    if (!walk->at.own || (context->hook != HOOK_OUTPUT && context->hook != HOOK_POSTROUTING))
        return VERDICT_BREAK;
    if (meta->key == NFT_META_SKUID && walk->packet->uid_known)
        put_number(context, meta->dreg, walk->packet->uid);
    else
        register_put_unknown(context, meta->dreg, 4, REASON_SENDER_IDENTITY,
                             meta->key == NFT_META_SKUID   ? "skuid"
                             : meta->key == NFT_META_SKGID ? "skgid"
                                                           : "cgroup");
    return VERDICT_CONTINUE;
}

static void protocol_run(struct rule_context *context, const struct nft_meta *meta)
{
    bool ip4 = context->walk->packet->family == FAMILY_IP4;
    uint8_t ethertype[2] = {ip4 ? 0x08 : 0x86, ip4 ? 0x00 : 0xdd};
    if (meta->key == NFT_META_PROTOCOL)
        register_put(context, meta->dreg, ethertype, NULL, 2);
    else if (meta->key == NFT_META_NFPROTO)
        register_put8(context, meta->dreg, ip4 ? NFPROTO_OF_IP4 : NFPROTO_OF_IP6);
    else
        register_put8(context, meta->dreg, context->walk->packet->protocol);
}

static void meta_write(struct rule_context *context, const struct nft_meta *meta)
{
    struct walk *walk = context->walk;
    if (meta->key == NFT_META_NFTRACE || meta->key == NFT_META_PRIORITY)
        return;
    if (meta->key != NFT_META_MARK) {
        walk_undetermined(walk, REASON_UNMODELLED_KEY, "meta set", "a rule that sets what is not modelled");
        return;
    }
    walk->at.mark = register_word(context, meta->sreg);
    if (!walk_ended(walk))
        rule_step(context, arena_printf(walk->arena, "mark set 0x%x", walk->at.mark.value));
}

/* Keys of which nothing is known beforehand, with the reason and the length of the value. */
static const struct {
    uint32_t key, length;
    const char *code, *subject;
} unknown_keys[] = {
    {NFT_META_LEN, 4, REASON_PACKET_FIELD, "meta length"},
    {NFT_META_PRIORITY, 4, REASON_PACKET_FIELD, "meta priority"},
    {NFT_META_RTCLASSID, 4, REASON_UNMODELLED_KEY, "meta rtclassid"},
    {NFT_META_SECMARK, 4, REASON_UNMODELLED_KEY, "meta secmark"},
    {NFT_META_CPU, 4, REASON_RANDOM, "meta cpu"},
    {NFT_META_PRANDOM, 4, REASON_RANDOM, "meta random"},
    {NFT_META_TIME_NS, 8, REASON_TIME, "meta time"},
    {NFT_META_TIME_DAY, 1, REASON_TIME, "meta day"},
    {NFT_META_TIME_HOUR, 4, REASON_TIME, "meta hour"},
    {NFT_META_SDIF, 4, REASON_UNMODELLED_KEY, "meta sdif"},
    {NFT_META_SDIFNAME, 16, REASON_UNMODELLED_KEY, "meta sdifname"},
};

static int32_t meta_unknown(struct rule_context *context, const struct nft_meta *meta)
{
    for (size_t i = 0; i < sizeof(unknown_keys) / sizeof(unknown_keys[0]); i++)
        if (unknown_keys[i].key == meta->key) {
            register_put_unknown(context, meta->dreg, unknown_keys[i].length, unknown_keys[i].code,
                                 unknown_keys[i].subject);
            return VERDICT_CONTINUE;
        }
    register_put_unknown(context, meta->dreg, INTERFACE_NAME_MAX, REASON_UNMODELLED_KEY,
                         arena_printf(context->walk->arena, "meta key %u", meta->key));
    return VERDICT_CONTINUE;
}

int32_t meta_run(struct rule_context *context, const struct nft_meta *meta)
{
    struct walk *walk = context->walk;
    if (meta->write) {
        meta_write(context, meta);
        return VERDICT_CONTINUE;
    }
    switch (meta->key) {
    case NFT_META_MARK:
        register_put_word(context, meta->dreg, walk->at.mark);
        context->registers.code = REASON_RANDOM;
        context->registers.subject = "mark";
        return VERDICT_CONTINUE;
    case NFT_META_IIF:
    case NFT_META_IIFNAME:
    case NFT_META_IIFTYPE:
    case NFT_META_IIFGROUP:
    case NFT_META_IIFKIND:
        return device_run(context, meta->key, meta->dreg, walk->at.in);
    case NFT_META_OIF:
    case NFT_META_OIFNAME:
    case NFT_META_OIFTYPE:
    case NFT_META_OIFGROUP:
    case NFT_META_OIFKIND:
        return device_run(context, meta->key, meta->dreg, walk->at.out);
    case NFT_META_SKUID:
    case NFT_META_SKGID:
    case NFT_META_CGROUP:
        return sender_run(context, meta);
    case NFT_META_PROTOCOL:
    case NFT_META_NFPROTO:
    case NFT_META_L4PROTO:
        protocol_run(context, meta);
        return VERDICT_CONTINUE;
    case NFT_META_PKTTYPE:
    case NFT_META_SECPATH:
        register_put8(context, meta->dreg,
                      0); /* PACKET_HOST; no IPsec: its presence is a reason of its own */
        return VERDICT_CONTINUE;
    default:
        return meta_unknown(context, meta);
    }
}

/* ---- ct ---- */

static void ct_state_put(struct rule_context *context, uint32_t dreg)
{
    switch (context->walk->at.connection.tracking) {
    case TRACKING_NEW:
        put_number(context, dreg, CT_STATE_NEW);
        break;
    case TRACKING_OFF:
        put_number(context, dreg, CT_STATE_UNTRACKED);
        break;
    case TRACKING_NONE:
        put_number(context, dreg, CT_STATE_INVALID);
        break;
    }
}

/* One side of the tuple: of the reply direction it is the other side of the packet as rewritten so far. */
static void ct_address_put(struct rule_context *context, const struct nft_ct *ct, bool source)
{
    const struct connection_state *connection = &context->walk->at.connection;
    const struct flight *at = &context->walk->at;
    struct address address;
    uint8_t bytes[16];
    if (ct->direction == IP_CT_DIR_ORIGINAL)
        address = source ? connection->original_source : connection->original_destination;
    else
        address = source ? at->destination : at->source;
    size_t length = address_to_bytes(address, bytes);
    register_put(context, ct->dreg, bytes, NULL, (uint32_t)length);
}

static void ct_port_put(struct rule_context *context, const struct nft_ct *ct, bool source)
{
    const struct connection_state *connection = &context->walk->at.connection;
    const struct flight *at = &context->walk->at;
    bool original = ct->direction == IP_CT_DIR_ORIGINAL;
    uint16_t port;
    if (original)
        port = source ? connection->original_source_port : connection->original_destination_port;
    else
        port = source ? at->destination_port : at->source_port;
    if (!original && !source && !at->source_port_known) {
        register_put_unknown(context, ct->dreg, 2, REASON_RANDOM, "source port");
        return;
    }
    uint8_t bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    register_put(context, ct->dreg, bytes, NULL, 2);
}

static void ct_write(struct rule_context *context, const struct nft_ct *ct)
{
    struct walk *walk = context->walk;
    if (walk->at.connection.tracking != TRACKING_NEW)
        return; /* nft_ct_set_eval(): nothing to write to */
    if (ct->key != NFT_CT_MARK) {
        if (ct->key != NFT_CT_LABELS && ct->key != NFT_CT_EVENTMASK && ct->key != NFT_CT_SECMARK)
            walk_undetermined(walk, REASON_UNMODELLED_KEY, "ct set", "a rule that sets what is not modelled");
        return;
    }
    walk->at.connection.mark = register_word(context, ct->sreg);
    rule_step(context, arena_printf(walk->arena, "ct mark set 0x%x", walk->at.connection.mark.value));
}

static int32_t ct_tuple_run(struct rule_context *context, const struct nft_ct *ct)
{
    static const uint8_t no_labels[LABEL_BYTES];
    struct walk *walk = context->walk;
    bool ip4 = walk->packet->family == FAMILY_IP4;
    switch (ct->key) {
    case NFT_CT_DIRECTION:
        register_put8(context, ct->dreg, IP_CT_DIR_ORIGINAL);
        return VERDICT_CONTINUE;
    case NFT_CT_L3PROTOCOL:
        register_put8(context, ct->dreg, ip4 ? NFPROTO_OF_IP4 : NFPROTO_OF_IP6);
        return VERDICT_CONTINUE;
    case NFT_CT_PROTOCOL:
        register_put8(context, ct->dreg, walk->packet->protocol);
        return VERDICT_CONTINUE;
    case NFT_CT_SRC:
    case NFT_CT_DST:
        ct_address_put(context, ct, ct->key == NFT_CT_SRC);
        return VERDICT_CONTINUE;
    case NFT_CT_SRC_IP:
    case NFT_CT_DST_IP:
    case NFT_CT_SRC_IP6:
    case NFT_CT_DST_IP6:
        if (ip4 != (ct->key == NFT_CT_SRC_IP || ct->key == NFT_CT_DST_IP))
            return VERDICT_BREAK;
        ct_address_put(context, ct, ct->key == NFT_CT_SRC_IP || ct->key == NFT_CT_SRC_IP6);
        return VERDICT_CONTINUE;
    case NFT_CT_PROTO_SRC:
    case NFT_CT_PROTO_DST:
        ct_port_put(context, ct, ct->key == NFT_CT_PROTO_SRC);
        return VERDICT_CONTINUE;
    case NFT_CT_ZONE:
        register_put16(context, ct->dreg, 0);
        return VERDICT_CONTINUE;
    case NFT_CT_LABELS:
        register_put(context, ct->dreg, no_labels, NULL, LABEL_BYTES);
        return VERDICT_CONTINUE;
    case NFT_CT_HELPER:
        return VERDICT_BREAK; /* of a master that a new connection does not have */
    default:
        register_put_unknown(context, ct->dreg, 8, REASON_UNMODELLED_KEY,
                             arena_printf(walk->arena, "ct key %u", ct->key));
        return VERDICT_CONTINUE;
    }
}

int32_t ct_run(struct rule_context *context, const struct nft_ct *ct)
{
    const struct connection_state *connection = &context->walk->at.connection;
    if (ct->write) {
        ct_write(context, ct);
        return VERDICT_CONTINUE;
    }
    if (ct->key == NFT_CT_STATE) {
        ct_state_put(context, ct->dreg);
        return VERDICT_CONTINUE;
    }
    if (connection->tracking != TRACKING_NEW)
        return VERDICT_BREAK;
    if (ct->key == NFT_CT_STATUS)
        put_number(context, ct->dreg, connection->status);
    else if (ct->key == NFT_CT_MARK)
        register_put_word(context, ct->dreg, connection->mark);
    else
        return ct_tuple_run(context, ct);
    return VERDICT_CONTINUE;
}

/* ---- fib ---- */

int32_t fib_run(struct rule_context *context, const struct nft_fib *fib)
{
    uint8_t bytes[INTERFACE_NAME_MAX];
    size_t length = fib_result(context, fib, bytes);
    if (walk_ended(context->walk))
        return VERDICT_BREAK;
    if (length == INTERFACE_NAME_MAX) {
        register_put(context, fib->dreg, bytes, NULL, INTERFACE_NAME_MAX);
    } else {
        uint32_t value;
        memcpy(&value, bytes, sizeof(value));
        put_number(context, fib->dreg, value);
    }
    return VERDICT_CONTINUE;
}

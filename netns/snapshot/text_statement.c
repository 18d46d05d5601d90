/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Statements in nft's syntax: nft(8). */
#include "netns/snapshot/text_statement.h"

#include <linux/netfilter/nf_log.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_synproxy.h>
#include <linux/netfilter/nf_tables.h>

/* ---- counting and limiting ---- */
void write_counter(struct rule_writer *writer, const struct nft_expression *expression)
{
    (void)expression;
    piece_add(writer, "counter", false);
}

void write_last(struct rule_writer *writer, const struct nft_expression *expression)
{
    (void)expression;
    piece_add(writer, "last", false);
}

/* Bytes with the unit that needs the fewest digits. */
static void print_bytes(struct buffer *buffer, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "kbytes", "mbytes"};
    size_t unit = 0;
    while (unit < 2 && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    buffer_printf(buffer, "%llu %s", (unsigned long long)bytes, units[unit]);
}

static const char *unit_name(uint64_t seconds)
{
    switch (seconds) {
    case 1:
        return "second";
    case 60:
        return "minute";
    case 3600:
        return "hour";
    case 86400:
        return "day";
    case 604800:
        return "week";
    default:
        return NULL;
    }
}

#define LIMIT_BURST_DEFAULT 5

void write_limit(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_limit *limit = &expression->limit;
    _cleanup_buffer_ struct buffer buffer = BUFFER(256);
    const char *unit = unit_name(limit->unit);
    buffer_append(&buffer, "limit rate ");
    if (limit->other.flags & NFT_LIMIT_F_INV)
        buffer_append(&buffer, "over ");
    if (limit->type == NFT_LIMIT_PKT_BYTES)
        print_bytes(&buffer, limit->rate);
    else
        buffer_printf(&buffer, "%llu", (unsigned long long)limit->rate);
    if (unit)
        buffer_printf(&buffer, "/%s", unit);
    else
        buffer_printf(&buffer, "/unknown(%llu seconds)", (unsigned long long)limit->unit);
    if (limit->type == NFT_LIMIT_PKT_BYTES && limit->burst) {
        buffer_append(&buffer, " burst ");
        print_bytes(&buffer, limit->burst);
    }
    if (limit->type == NFT_LIMIT_PKTS && limit->burst && limit->burst != LIMIT_BURST_DEFAULT)
        buffer_printf(&buffer, " burst %u packets", limit->burst);
    piece_buffer(writer, &buffer, false);
}

void write_quota(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_quota *quota = &expression->quota;
    _cleanup_buffer_ struct buffer buffer = BUFFER(256);
    buffer_append(&buffer, quota->other.flags & NFT_QUOTA_F_INV ? "quota over " : "quota ");
    print_bytes(&buffer, quota->bytes);
    piece_buffer(writer, &buffer, false);
}

void write_connlimit(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_connlimit *limit = &expression->connlimit;
    const char *over = limit->other.flags & NFT_CONNLIMIT_F_INV ? "over " : "";
    piece_add(writer, arena_printf(writer->arena, "ct count %s%u", over, limit->count), false);
}

/* ---- log ---- */
static void print_log_flags(struct buffer *buffer, uint32_t flags)
{
    if ((flags & NF_LOG_MASK) == NF_LOG_MASK) {
        buffer_append(buffer, " flags all");
        return;
    }
    if (flags & (NF_LOG_TCPSEQ | NF_LOG_TCPOPT)) {
        buffer_append(buffer, " flags tcp ");
        buffer_append(buffer, flags & NF_LOG_TCPSEQ ? "sequence" : "");
        buffer_append(buffer, (flags & NF_LOG_TCPSEQ) && (flags & NF_LOG_TCPOPT) ? "," : "");
        buffer_append(buffer, flags & NF_LOG_TCPOPT ? "options" : "");
    }
    if (flags & NF_LOG_IPOPT)
        buffer_append(buffer, " flags ip options");
    if (flags & NF_LOG_UID)
        buffer_append(buffer, " flags skuid");
    if (flags & NF_LOG_MACDECODE)
        buffer_append(buffer, " flags ether");
}

void write_log(struct rule_writer *writer, const struct nft_expression *expression)
{
    static const char *const levels[] = {"emerg",  "alert", "crit",  "err",  "warn",
                                         "notice", "info",  "debug", "audit"};
    const struct nft_log *log = &expression->log;
    _cleanup_buffer_ struct buffer buffer = BUFFER(1024);
    buffer_append(&buffer, "log");
    if (log->prefix && *log->prefix) {
        buffer_append(&buffer, " prefix ");
        value_print_quoted(&buffer, log->prefix, strlen(log->prefix));
    }
    if (log->has & 1U << NFTA_LOG_GROUP)
        buffer_printf(&buffer, " group %u", log->group);
    if (log->has & 1U << NFTA_LOG_SNAPLEN && log->snaplen)
        buffer_printf(&buffer, " snaplen %u", log->snaplen);
    if (log->has & 1U << NFTA_LOG_QTHRESHOLD && log->threshold)
        buffer_printf(&buffer, " queue-threshold %u", log->threshold);
    if (log->has & 1U << NFTA_LOG_LEVEL && log->level != NFT_LOGLEVEL_WARNING && log->level < 9)
        buffer_printf(&buffer, " level %s", levels[log->level]);
    print_log_flags(&buffer, log->other.flags);
    piece_buffer(writer, &buffer, false);
}

/* ---- verdict-like ---- */
#define ICMP_PORT_UNREACHABLE  3
#define ICMP6_PORT_UNREACHABLE 4

/* The reject that nft means by the word alone. */
static bool is_default_reject(enum nft_family family, const struct nft_reject *reject)
{
    switch (family) {
    case NFT_FAMILY_IP:
        return reject->type == NFT_REJECT_ICMP_UNREACH && reject->code == ICMP_PORT_UNREACHABLE;
    case NFT_FAMILY_IP6:
        return reject->type == NFT_REJECT_ICMP_UNREACH && reject->code == ICMP6_PORT_UNREACHABLE;
    default:
        return reject->type == NFT_REJECT_ICMPX_UNREACH && reject->code == NFT_REJECT_ICMPX_PORT_UNREACH;
    }
}

static void print_reject_code(struct rule_writer *writer, const struct nft_reject *reject,
                              struct buffer *buffer)
{
    enum value_type type = VALUE_ICMP_CODE;
    const char *words = " with icmp ";
    if (reject->type == NFT_REJECT_ICMPX_UNREACH) {
        type = VALUE_ICMPX_CODE;
        words = " with icmpx ";
    } else if (writer->headers.network == HEADER_IP6) {
        type = VALUE_ICMP6_CODE;
        words = " with icmpv6 ";
    }
    struct value_format format = writer_format(writer, type, true);
    buffer_append(buffer, words);
    value_print_number(buffer, &format, reject->code);
}

void write_reject(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_reject *reject = &expression->reject;
    _cleanup_buffer_ struct buffer buffer = BUFFER(256);
    /* the words `icmp` and `icmpv6` imply the family */
    struct operand network = {.payload = true, .base = NFT_PAYLOAD_NETWORK_HEADER};
    buffer_append(&buffer, "reject");
    if (reject->type == NFT_REJECT_TCP_RST)
        buffer_append(&buffer, " with tcp reset");
    else if (!is_default_reject(writer->context->table->family, reject))
        print_reject_code(writer, reject, &buffer);
    if (reject->type == NFT_REJECT_ICMP_UNREACH)
        operand_use(writer, &network);
    piece_buffer(writer, &buffer, false);
}

void write_notrack(struct rule_writer *writer, const struct nft_expression *expression)
{
    (void)expression;
    piece_add(writer, "notrack", false);
}

void write_queue(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_queue *queue = &expression->queue;
    uint32_t flags = queue->other.flags;
    _cleanup_buffer_ struct buffer buffer = BUFFER(1024);
    buffer_append(&buffer, "queue");
    if (flags) {
        buffer_append(&buffer, flags & NFT_QUEUE_FLAG_BYPASS ? " flags bypass" : " flags ");
        if (flags & NFT_QUEUE_FLAG_CPU_FANOUT)
            buffer_append(&buffer, flags & NFT_QUEUE_FLAG_BYPASS ? ",fanout" : "fanout");
    }
    buffer_append(&buffer, " to ");
    if (queue->other.sreg)
        operand_print(writer, operand_at(writer, queue->other.sreg), NULL, &buffer);
    else
        buffer_printf(&buffer, "%u", queue->number);
    if (!queue->other.sreg && queue->total > 1)
        buffer_printf(&buffer, "-%u", queue->number + queue->total - 1);
    piece_buffer(writer, &buffer, false);
}

void write_synproxy(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_synproxy *synproxy = &expression->synproxy;
    uint32_t flags = synproxy->other.flags;
    _cleanup_buffer_ struct buffer buffer = BUFFER(256);
    buffer_append(&buffer, "synproxy");
    if (flags & (NF_SYNPROXY_OPT_MSS | NF_SYNPROXY_OPT_WSCALE))
        buffer_printf(&buffer, " mss %u wscale %u", synproxy->mss, synproxy->window_scale);
    if (flags & NF_SYNPROXY_OPT_TIMESTAMP)
        buffer_append(&buffer, " timestamp");
    if (flags & NF_SYNPROXY_OPT_SACK_PERM)
        buffer_append(&buffer, " sack-perm");
    piece_buffer(writer, &buffer, false);
}

void write_flow_offload(struct rule_writer *writer, const struct nft_expression *expression)
{
    piece_add(writer, arena_printf(writer->arena, "flow add @%s", expression->flow_offload.flowtable), false);
}

/* ---- address translation ---- */
static enum value_type address_type(uint32_t family)
{
    return family == NFT_FAMILY_IP6 ? VALUE_IP6 : VALUE_IP4;
}

static void print_nat_flags(struct buffer *buffer, uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {{NF_NAT_RANGE_PROTO_RANDOM, "random"},
                 {NF_NAT_RANGE_PROTO_RANDOM_FULLY, "fully-random"},
                 {NF_NAT_RANGE_PERSISTENT, "persistent"}};
    const char *joint = " ";
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!(flags & words[i].flag))
            continue;
        buffer_printf(buffer, "%s%s", joint, words[i].word);
        joint = ",";
    }
}

/* ":8080-8090" */
static void print_ports(struct rule_writer *writer, uint32_t first, uint32_t last, struct buffer *buffer)
{
    struct value_format format = writer_format(writer, VALUE_PORT, true);
    if (!first)
        return;
    buffer_append(buffer, ":");
    /* nft takes a port only behind a match that names the protocol: words in a map do not count */
    if (!operand_at(writer, first)->constant && writer->taken_transport)
        writer->pieces.items[writer->taken_transport - 1].implied = false;
    operand_print(writer, operand_at(writer, first), &format, buffer);
    if (!last || last == first)
        return;
    const struct operand *end = operand_at(writer, last);
    if (end == operand_at(writer, first))
        return; /* both ends are in what a map gives */
    buffer_append(buffer, "-");
    operand_print(writer, end, &format, buffer);
}

/*
 * An address between brackets where a port follows one of IPv6. Both ends of a prefix (NF_NAT_RANGE_NETMAP)
 * are written as one.
 */
static void print_addresses(struct rule_writer *writer, const struct nft_nat *nat, bool port,
                            struct buffer *buffer)
{
    const struct operand *first = operand_at(writer, nat->address_min);
    const struct operand *last = nat->address_max ? operand_at(writer, nat->address_max) : first;
    struct value_format format = writer_format(writer, address_type(nat->family), true);
    bool brackets = nat->family == NFT_FAMILY_IP6 && port && first->constant;
    buffer_append(buffer, brackets ? "[" : "");
    operand_print(writer, first, &format, buffer);
    buffer_append(buffer, brackets ? "]" : "");
    if (last == first || nat->address_max == nat->address_min)
        return;
    buffer_append(buffer, brackets ? "-[" : "-");
    operand_print(writer, last, &format, buffer);
    buffer_append(buffer, brackets ? "]" : "");
}

/* The registers of a map whose data has several parts are those of one operand. */
static bool same_operand(struct rule_writer *writer, uint32_t a, uint32_t b)
{
    return a && b && a != b && operand_at(writer, a) == operand_at(writer, b);
}

static bool names_family(struct rule_writer *writer, const struct nft_nat *nat)
{
    enum nft_family family = writer->context->table->family;
    return nat->flags & NF_NAT_RANGE_NETMAP || (family != NFT_FAMILY_IP && family != NFT_FAMILY_IP6) ||
           same_operand(writer, nat->address_min, nat->port_min) ||
           same_operand(writer, nat->address_min, nat->address_max);
}

void write_nat(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_nat *nat = &expression->nat;
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    bool port = nat->port_min && !same_operand(writer, nat->address_min, nat->port_min);
    buffer_append(&buffer, nat->type == NFT_NAT_DNAT ? "dnat" : "snat");
    if (nat->address_min && names_family(writer, nat))
        buffer_append(&buffer, nat->family == NFT_FAMILY_IP6 ? " ip6" : " ip");
    if (nat->flags & NF_NAT_RANGE_NETMAP)
        buffer_append(&buffer, " prefix");
    if (nat->address_min || port)
        buffer_append(&buffer, " to ");
    if (nat->address_min)
        print_addresses(writer, nat, port, &buffer);
    if (port)
        print_ports(writer, nat->port_min, nat->port_max, &buffer);
    print_nat_flags(&buffer, nat->flags);
    piece_buffer(writer, &buffer, false);
}

static void write_port_nat(struct rule_writer *writer, const char *word, const struct nft_nat *nat)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    buffer_append(&buffer, word);
    if (nat->port_min) {
        buffer_append(&buffer, " to ");
        print_ports(writer, nat->port_min, nat->port_max, &buffer);
    }
    print_nat_flags(&buffer, nat->flags);
    piece_buffer(writer, &buffer, false);
}

void write_masq(struct rule_writer *writer, const struct nft_expression *expression)
{
    write_port_nat(writer, "masquerade", &expression->nat);
}

void write_redir(struct rule_writer *writer, const struct nft_expression *expression)
{
    write_port_nat(writer, "redirect", &expression->nat);
}

void write_tproxy(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_tproxy *tproxy = &expression->tproxy;
    struct value_format format = writer_format(writer, address_type(tproxy->family), true);
    _cleanup_buffer_ struct buffer buffer = BUFFER(1024);
    bool own = writer->context->table->family == (enum nft_family)tproxy->family;
    bool brackets = tproxy->family == NFT_FAMILY_IP6 && tproxy->other.sreg && tproxy->port_register;
    buffer_append(&buffer, "tproxy");
    if (!own && tproxy->family)
        buffer_append(&buffer, tproxy->family == NFT_FAMILY_IP6 ? " ip6" : " ip");
    buffer_append(&buffer, brackets ? " to [" : " to ");
    if (tproxy->other.sreg)
        operand_print(writer, operand_at(writer, tproxy->other.sreg), &format, &buffer);
    buffer_append(&buffer, brackets ? "]" : "");
    print_ports(writer, tproxy->port_register, 0, &buffer);
    piece_buffer(writer, &buffer, false);
}

static void print_device(struct rule_writer *writer, uint32_t reg, struct buffer *buffer)
{
    struct value_format format = writer_format(writer, VALUE_INTERFACE_INDEX, false);
    operand_print(writer, operand_at(writer, reg), &format, buffer);
}

static void print_address_register(struct rule_writer *writer, uint32_t reg, uint32_t family,
                                   struct buffer *buffer)
{
    struct value_format format = writer_format(writer, address_type(family), true);
    operand_print(writer, operand_at(writer, reg), &format, buffer);
}

void write_dup(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_forward *dup = &expression->forward;
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    buffer_append(&buffer, "dup to ");
    if (dup->address_register)
        print_address_register(writer, dup->address_register, writer->context->table->family, &buffer);
    if (dup->address_register && dup->other.sreg)
        buffer_append(&buffer, " device ");
    if (dup->other.sreg)
        print_device(writer, dup->other.sreg, &buffer);
    piece_buffer(writer, &buffer, false);
}

void write_fwd(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_forward *fwd = &expression->forward;
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    buffer_append(&buffer, "fwd ");
    if (fwd->address_register) {
        buffer_append(&buffer, fwd->family == NFT_FAMILY_IP6 ? "ip6 to " : "ip to ");
        print_address_register(writer, fwd->address_register, fwd->family, &buffer);
        buffer_append(&buffer, " device ");
    } else {
        buffer_append(&buffer, "to ");
    }
    print_device(writer, fwd->other.sreg, &buffer);
    piece_buffer(writer, &buffer, false);
}

/* ---- sets and objects ---- */

/* The statements that each new element gets: written as they would be in a rule. */
static void print_inner_statements(struct rule_writer *writer, const nft_expression_list *list,
                                   struct buffer *buffer)
{
    struct rule_writer inner = *writer;
    inner.pieces.items = NULL;
    inner.pieces.count = inner.pieces.capacity = 0;
    inner.depends.link = inner.depends.network = inner.depends.transport = 0;
    list_each(struct nft_expression, expression, list)
        expression_write(&inner, expression);
    for (size_t i = 0; i < inner.pieces.count; i++)
        buffer_printf(buffer, " %s", inner.pieces.items[i].text);
    list_free(&inner.pieces);
}

void write_dynset(struct rule_writer *writer, const struct nft_expression *expression)
{
    static const char *const words[] = {"add", "update", "delete"};
    const struct nft_dynset *dynset = &expression->dynset;
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    buffer_printf(&buffer, "%s @%s { ", words[dynset->op % 3], dynset->set);
    operands_print(writer, dynset->sreg_key, lookup_key_length(writer, dynset->set), &buffer);
    if (dynset->timeout) {
        buffer_append(&buffer, " timeout ");
        value_print_duration(&buffer, dynset->timeout);
    }
    print_inner_statements(writer, &dynset->expressions, &buffer);
    if (dynset->sreg_data) {
        const struct nft_set *set = table_set(writer->context->table, dynset->set);
        struct value_format format = value_format_of_datatype(set ? set->data_type : 0);
        buffer_append(&buffer, " : ");
        operand_print(writer, operand_at(writer, dynset->sreg_data), &format, &buffer);
    }
    buffer_append(&buffer, " }");
    piece_buffer(writer, &buffer, false);
}

/* The words before an object's name, by its type: nft's statements that take one. */
static const char *object_words(uint32_t type)
{
    static const char *const words[] = {
        [NFT_OBJECT_COUNTER] = "counter name",         [NFT_OBJECT_QUOTA] = "quota name",
        [NFT_OBJECT_CT_HELPER] = "ct helper set",      [NFT_OBJECT_LIMIT] = "limit name",
        [NFT_OBJECT_CT_TIMEOUT] = "ct timeout set",    [NFT_OBJECT_SECMARK] = "meta secmark set",
        [NFT_OBJECT_CT_EXPECT] = "ct expectation set", [NFT_OBJECT_SYNPROXY] = "synproxy name",
    };
    const char *found = type < sizeof(words) / sizeof(words[0]) ? words[type] : NULL;
    return found ? found : "unknown(object)";
}

void write_objref(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_object *object = &expression->object;
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    if (object->name) {
        buffer_printf(&buffer, "%s ", object_words(object->type));
        value_print_quoted(&buffer, object->name, strlen(object->name));
        piece_buffer(writer, &buffer, false);
        return;
    }
    const struct nft_set *set = table_set(writer->context->table, object->set);
    buffer_printf(&buffer, "%s ", object_words(set ? set->object_type : 0));
    operands_print(writer, object->sreg, lookup_key_length(writer, object->set), &buffer);
    buffer_append(&buffer, " map ");
    set_reference(writer, object->set, object->sreg, NULL, 0, &buffer);
    piece_buffer(writer, &buffer, false);
}

/* ---- writing into the packet and its metadata ---- */
void write_field_set(struct rule_writer *writer, const struct nft_expression *expression, uint32_t sreg)
{
    struct field_text field;
    if (!field_of_load(expression, &field)) {
        piece_unknown(writer, expression->name);
        return;
    }
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    struct value_format format = writer_format(writer, field.type, field.network_order);
    const struct operand *operand = operand_at(writer, sreg);
    buffer_printf(&buffer, "%s set ", field.words);
    if (operand->constant && value_is_flags(field.type) && field.type != VALUE_CT_LABEL)
        value_print_number(&buffer, &format, value_number(operand->value, field.network_order));
    else
        operand_print(writer, operand, &format, &buffer);
    piece_buffer(writer, &buffer, false);
}

/* The bits that a masked write changes, as one field: nft loads the rest and writes it back. */
static bool changed_field(struct rule_writer *writer, const struct nft_payload *payload,
                          const struct operand *operand, struct field_text *ret_field,
                          value_number_t *ret_value)
{
    uint32_t offset = payload->offset * 8, bits = payload->length * 8, shift = 0, width = 0;
    if (!operand->masked || !operand->payload || operand->base != payload->base ||
        operand->offset != offset || operand->length != payload->length || payload->length > 8)
        return false;
    value_number_t all = ((value_number_t)1 << bits) - 1;
    value_number_t changed = all & ~value_number(operand->mask, true),
                   value = value_number(operand->xor, true);
    if (!changed || value & ~changed)
        return false;
    for (; !(changed & 1); changed >>= 1)
        shift++;
    for (; changed & 1; changed >>= 1)
        width++;
    *ret_value = value >> shift;
    return !changed &&
           field_exact(&writer->headers, payload->base, offset + bits - shift - width, width, ret_field);
}

void write_payload_set(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_payload *payload = &expression->payload;
    const struct operand *operand = operand_at(writer, payload->sreg);
    struct operand target = {.payload = true, .base = payload->base};
    struct field_text field;
    value_number_t value;
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    operand_use(writer, &target);
    if (changed_field(writer, payload, operand, &field, &value)) {
        struct value_format format = writer_format(writer, field.type, true);
        buffer_printf(&buffer, "%s set ", field.words);
        value_print_number(&buffer, &format, value);
        piece_buffer(writer, &buffer, false);
        return;
    }
    if (!field_exact(&writer->headers, payload->base, payload->offset * 8, payload->length * 8, &field))
        field_raw(payload->base, payload->offset * 8, payload->length * 8, &field);
    struct value_format format = writer_format(writer, field.type, true);
    buffer_printf(&buffer, "%s set ", field.words);
    operand_print(writer, operand, &format, &buffer);
    piece_buffer(writer, &buffer, false);
}

void write_exthdr_set(struct rule_writer *writer, const struct nft_expression *expression)
{
    struct field_text field;
    if (!field_of_load(expression, &field)) {
        piece_unknown(writer, expression->name);
        return;
    }
    if (!expression->other.sreg) {
        piece_add(writer, arena_printf(writer->arena, "reset %s", field.words), false);
        return;
    }
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    struct value_format format = writer_format(writer, field.type, true);
    buffer_printf(&buffer, "%s set ", field.words);
    operand_print(writer, operand_at(writer, expression->other.sreg), &format, &buffer);
    piece_buffer(writer, &buffer, false);
}

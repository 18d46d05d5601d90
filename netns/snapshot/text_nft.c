/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/text_nft.h"

#include "netns/snapshot/text_iptables.h"
#include "netns/snapshot/text_statement.h"

#include <linux/if_arp.h>
#include <linux/netfilter/nf_tables.h>

#define WORD 4

/* ---- pieces: what is written, joined by blanks ---- */

void piece_add(struct rule_writer *writer, const char *text, bool match)
{
    *list_append(&writer->pieces) = (struct piece){.text = text, .match = match};
}

void piece_buffer(struct rule_writer *writer, struct buffer *buffer, bool match)
{
    piece_add(writer, arena_strdup(writer->arena, buffer->data ? buffer->data : ""), match);
    writer->cut = writer->cut || buffer->overflow;
    buffer_free(buffer);
}

void piece_unknown(struct rule_writer *writer, const char *name)
{
    piece_add(writer, arena_printf(writer->arena, "unknown(%s)", name && *name ? name : "expression"), false);
}

struct value_format writer_format(const struct rule_writer *writer, enum value_type type, bool network_order)
{
    const struct text_names *names = writer->context->names;
    return (struct value_format){type, network_order, names->interface_name, names->context};
}

/* ---- dependencies: matches that a later one's words imply ---- */

static size_t *dependency_of(struct rule_writer *writer, uint32_t base)
{
    switch (base) {
    case NFT_PAYLOAD_LL_HEADER:
        return &writer->depends.link;
    case NFT_PAYLOAD_NETWORK_HEADER:
        return &writer->depends.network;
    default:
        return &writer->depends.transport;
    }
}

/* The piece just added says which header stands at base. */
static void depend(struct rule_writer *writer, uint32_t base)
{
    *dependency_of(writer, base) = writer->pieces.count;
}

/* Takes away the match that the words to come imply: only matches may stand between, for these have no order.
 */
static void imply(struct rule_writer *writer, size_t *dependency)
{
    size_t at = *dependency;
    *dependency = 0;
    if (!at)
        return;
    for (size_t i = at - 1; i < writer->pieces.count; i++) {
        if (!writer->pieces.items[i].match)
            return;
    }
    writer->pieces.items[at - 1].implied = true;
    if (dependency == &writer->depends.transport)
        writer->taken_transport = at;
}

/* ---- operands ---- */
static unsigned word_of(uint32_t reg)
{
    return reg <= NFT_REG_4 ? reg * 4 : reg - NFT_REG32_00 + 4;
}

struct operand *operand_new(struct rule_writer *writer, const char *text, enum value_type type,
                            bool network_order, uint32_t length)
{
    struct operand *operand = arena_alloc(writer->arena, sizeof(*operand));
    operand->text = text;
    operand->format = writer_format(writer, type, network_order);
    operand->length = length;
    return operand;
}

void operand_store(struct rule_writer *writer, uint32_t reg, struct operand *operand)
{
    unsigned first = word_of(reg), words = (operand->length + WORD - 1) / WORD;
    operand->word = first;
    for (unsigned i = first; i < first + words && i < REGISTER_WORDS; i++)
        writer->registers[i] = operand;
}

struct operand *operand_at(struct rule_writer *writer, uint32_t reg)
{
    unsigned word = word_of(reg);
    if (word < REGISTER_WORDS && writer->registers[word])
        return writer->registers[word];
    return operand_new(writer, "unknown(register)", VALUE_HEX, true, WORD);
}

/* The same operand, to be changed. */
static struct operand *operand_copy(struct rule_writer *writer, const struct operand *operand)
{
    return arena_copy(writer->arena, operand, sizeof(*operand));
}

static struct bytes reversed(struct arena *arena, struct bytes value)
{
    uint8_t *copy = arena_alloc(arena, value.length + 1);
    for (size_t i = 0; i < value.length; i++)
        copy[i] = value.data[value.length - 1 - i];
    return (struct bytes){copy, value.length};
}

/* Bytes of a register's value as one number, in the operand's order. */
static value_number_t number_of(const struct operand *operand, struct bytes value)
{
    return value_number(value, operand->format.network_order);
}

static void print_number(struct buffer *buffer, const struct operand *operand, value_number_t number,
                         const char *separator)
{
    if (value_is_flags(operand->format.type) &&
        value_print_flags(buffer, operand->format.type, number, separator))
        return;
    value_print_number(buffer, &operand->format, number);
}

static value_number_t ones(uint32_t length)
{
    return length >= 16 ? ~(value_number_t)0 : ((value_number_t)1 << (length * 8)) - 1;
}

/* (X & mask) ^ xor with the fewest operators, as nft gives it back: & m, ^ x, | o. */
static void print_masked(struct buffer *buffer, const struct operand *operand, const char *text)
{
    value_number_t mask = number_of(operand, operand->mask), xor = number_of(operand, operand->xor);
    value_number_t set = (mask & xor) ^ xor;
    value_number_t flip = xor&mask, keep = mask | set;
    struct operand plain = *operand;
    buffer_append(buffer, text);
    if (keep != ones(operand->length)) {
        bool several = value_is_flags(plain.format.type) && (keep & (keep - 1));
        buffer_append(buffer, several ? " & (" : " & ");
        print_number(buffer, &plain, keep, " | ");
        buffer_append(buffer, several ? ")" : "");
    }
    if (flip) {
        buffer_append(buffer, " ^ ");
        print_number(buffer, &plain, flip, " | ");
    }
    if (set) {
        buffer_append(buffer, " | ");
        print_number(buffer, &plain, set, " | ");
    }
}

static bool all_zero(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        if (bytes.data[i])
            return false;
    }
    return true;
}

/* The field that a mask leaves of a header's bits; false: none is exactly that. */
static bool masked_field(const struct rule_writer *writer, const struct operand *operand, struct bytes mask,
                         struct field_text *ret_field, uint32_t *ret_shift)
{
    value_number_t bits = value_number(mask, true);
    uint32_t shift = 0, width = 0;
    if (operand->option && mask.length <= 4)
        return field_of_option(operand->option, (uint32_t)bits, ret_field, ret_shift);
    if (!operand->payload || mask.length != operand->length || mask.length > 16 || !bits)
        return false;
    for (; !(bits & 1); bits >>= 1)
        shift++;
    for (; bits & 1; bits >>= 1)
        width++;
    if (bits)
        return false;
    uint32_t offset = operand->offset + operand->length * 8 - shift - width;
    *ret_shift = shift;
    return field_exact(&writer->headers, operand->base, offset, width, ret_field);
}

void operand_use(struct rule_writer *writer, const struct operand *operand)
{
    enum header transport = writer->headers.transport;
    if (!operand->payload)
        return;
    imply(writer, dependency_of(writer, operand->base));
    if (operand->base != NFT_PAYLOAD_TRANSPORT_HEADER)
        return;
    /* `icmp` and `icmpv6` say which family it is */
    if (transport == HEADER_ICMP || transport == HEADER_ICMP6)
        imply(writer, &writer->depends.network);
    if (field_implies_type(&writer->headers, operand->base, operand->offset))
        imply(writer, &writer->depends.icmp);
}

/* What stands for the operand where a value is wanted: constants by `as`, else its words. */
void operand_print(struct rule_writer *writer, const struct operand *operand, const struct value_format *as,
                   struct buffer *buffer)
{
    struct field_text field;
    uint32_t shift;
    operand_use(writer, operand);
    if (operand->constant) {
        value_print(buffer, as ? as : &operand->format, operand->value);
        return;
    }
    if (!operand->masked)
        buffer_append(buffer, operand->text);
    else if (all_zero(operand->xor) && masked_field(writer, operand, operand->mask, &field, &shift))
        buffer_append(buffer, field.words);
    else
        print_masked(buffer, operand, operand->text);
}

static const char *operand_text(struct rule_writer *writer, const struct operand *operand)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER(RULE_TEXT_MAX);
    operand_print(writer, operand, NULL, &buffer);
    return arena_strdup(writer->arena, buffer.data ? buffer.data : "");
}

/* ---- loads ---- */
static void load_payload(struct rule_writer *writer, const struct nft_payload *payload)
{
    struct field_text field;
    uint32_t offset = payload->offset * 8, bits = payload->length * 8;
    bool exact = field_exact(&writer->headers, payload->base, offset, bits, &field);
    bool prefix = !exact && field_at(&writer->headers, payload->base, offset, bits, true, &field) &&
                  (field.type == VALUE_IP4 || field.type == VALUE_IP6);
    if (!exact && !prefix)
        field_raw(payload->base, offset, bits, &field);
    struct operand *operand = operand_new(writer, arena_strdup(writer->arena, field.words), field.type,
                                          field.network_order, payload->length);
    operand->payload = true;
    operand->known = exact || prefix;
    operand->base = payload->base;
    operand->offset = offset;
    operand->prefix_of = prefix ? field.bits : 0;
    operand_store(writer, payload->dreg, operand);
}

static uint32_t length_of_load(const struct nft_expression *expression, const struct field_text *field)
{
    switch (field->type) {
    case VALUE_INTERFACE:
    case VALUE_STRING:
    case VALUE_IP6:
    case VALUE_CT_LABEL:
        return 16;
    case VALUE_TIME:
    case VALUE_DURATION:
        return expression->kind == EXPRESSION_CT ? 4 : 8;
    case VALUE_PORT:
    case VALUE_ETHERTYPE:
    case VALUE_HARDWARE:
        return 2;
    case VALUE_PROTOCOL:
    case VALUE_NFPROTO:
    case VALUE_CT_DIRECTION:
    case VALUE_PRESENCE:
    case VALUE_PACKET_TYPE:
    case VALUE_DAY:
        return 1;
    default:
        break;
    }
    if (expression->kind == EXPRESSION_EXTHDR)
        return expression->exthdr.length;
    return WORD;
}

static void load_field(struct rule_writer *writer, const struct nft_expression *expression, uint32_t dreg)
{
    struct field_text field;
    if (!field_of_load(expression, &field)) {
        const char *text = arena_printf(writer->arena, "unknown(%s)", expression->name);
        operand_store(writer, dreg, operand_new(writer, text, VALUE_HEX, true, WORD));
        return;
    }
    struct operand *operand = operand_new(writer, arena_strdup(writer->arena, field.words), field.type,
                                          field.network_order, length_of_load(expression, &field));
    if (expression->kind == EXPRESSION_EXTHDR)
        operand->option = &expression->exthdr;
    operand_store(writer, dreg, operand);
}

static void load_hash(struct rule_writer *writer, const struct nft_hash *hash)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER(RULE_TEXT_MAX);
    if (hash->type == NFT_HASH_SYM) {
        buffer_append(&buffer, "symhash");
    } else {
        buffer_append(&buffer, "jhash ");
        operands_print(writer, hash->other.sreg, hash->length, &buffer);
    }
    buffer_printf(&buffer, " mod %u", hash->modulus);
    if (hash->seed)
        buffer_printf(&buffer, " seed 0x%x", hash->seed);
    if (hash->offset)
        buffer_printf(&buffer, " offset %u", hash->offset);
    operand_store(writer, hash->other.dreg,
                  operand_new(writer, arena_strdup(writer->arena, buffer.data), VALUE_NUMBER, false, WORD));
}

static void load_immediate(struct rule_writer *writer, const struct nft_immediate *immediate)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    if (immediate->dreg == NFT_REG_VERDICT) {
        verdict_text(writer->context, &immediate->data.verdict, &buffer);
        piece_buffer(writer, &buffer, false);
        return;
    }
    struct operand *operand =
        operand_new(writer, "", VALUE_HEX, true, (uint32_t)immediate->data.value.length);
    operand->constant = true;
    operand->value = immediate->data.value;
    operand_store(writer, immediate->dreg, operand);
}

/* ---- computing ---- */
static void compute_byteorder(struct rule_writer *writer, const struct nft_byteorder *byteorder)
{
    struct operand *operand = operand_copy(writer, operand_at(writer, byteorder->sreg));
    operand->format.network_order = !operand->format.network_order;
    if (operand->constant)
        operand->value = reversed(writer->arena, operand->value);
    operand->length = byteorder->length;
    operand_store(writer, byteorder->dreg, operand);
}

static const char *bitwise_words(struct rule_writer *writer, const struct nft_bitwise *bitwise,
                                 const struct operand *source)
{
    static const char *const words[] = {"&", "<<", ">>", "&", "|", "^"};
    const char *left = operand_text(writer, source), *op = words[bitwise->op % 6];
    if (bitwise->sreg2)
        return arena_printf(writer->arena, "%s %s %s", left, op,
                            operand_text(writer, operand_at(writer, bitwise->sreg2)));
    if (bitwise->op <= NFT_BITWISE_RSHIFT)
        return arena_printf(writer->arena, "%s %s %u", left, op,
                            (unsigned)value_number(bitwise->data.value, false));
    _cleanup_buffer_ struct buffer buffer = BUFFER(RULE_TEXT_MAX);
    value_print(&buffer, &source->format, bitwise->data.value);
    return arena_printf(writer->arena, "%s %s %s", left, op, buffer.data);
}

static void compute_bitwise(struct rule_writer *writer, const struct nft_bitwise *bitwise)
{
    const struct operand *source = operand_at(writer, bitwise->sreg);
    if (source->constant)
        source = operand_new(writer, operand_text(writer, source), source->format.type,
                             source->format.network_order, source->length);
    struct operand *operand = operand_copy(writer, source);
    operand->length = bitwise->length;
    if (bitwise->op != NFT_BITWISE_BOOL || source->masked || bitwise->length > 16) {
        /* a second one on top: the first becomes words */
        operand->text = bitwise->op == NFT_BITWISE_BOOL ? operand_text(writer, source)
                                                        : bitwise_words(writer, bitwise, source);
        operand->payload = operand->masked = false;
        operand->option = NULL;
    }
    if (bitwise->op == NFT_BITWISE_BOOL) {
        operand->masked = true;
        operand->mask = bitwise->mask.value;
        operand->xor = bitwise->xor.value;
    }
    operand_store(writer, bitwise->dreg, operand);
}

/* ---- comparisons ---- */
static const char *const comparisons[] = {"", "!= ", "< ", "<= ", "> ", ">= "};

static bool is_prefix_mask(value_number_t mask, unsigned bits, unsigned *ret_length)
{
    unsigned length = 0;
    while (length < bits && mask >> (bits - 1 - length) & 1)
        length++;
    *ret_length = length;
    return length && mask == (((((value_number_t)1 << (length - 1)) - 1) << 1 | 1) << (bits - length));
}

/* A shorter load of an address, or one with a mask: ADDRESS/LENGTH. False: it is no prefix. */
static bool match_prefix(struct rule_writer *writer, const struct operand *operand, uint32_t op,
                         struct bytes value, struct buffer *buffer)
{
    enum value_type type = operand->format.type;
    unsigned bits = type == VALUE_IP4 ? 32 : 128, length = (unsigned)value.length * 8;
    bool shorter = operand->prefix_of || value.length < operand->length;
    if ((type != VALUE_IP4 && type != VALUE_IP6) || op > NFT_CMP_NEQ || !operand->format.network_order)
        return false;
    if (operand->masked && (!all_zero(operand->xor) || shorter ||
                            !is_prefix_mask(value_number(operand->mask, true), bits, &length)))
        return false;
    if (!operand->masked && !shorter)
        return false;
    struct operand plain = *operand;
    plain.masked = false;
    operand_print(writer, &plain, NULL, buffer);
    buffer_printf(buffer, " %s", comparisons[op]);
    value_number_t number = value_number(value, true);
    value_print_number(buffer, &operand->format, number << (bits - value.length * 8));
    if (length < bits)
        buffer_printf(buffer, "/%u", length);
    return true;
}

/* `tcp flags syn / fin,syn`, `ct state established,related`, `ct state ! established`. */
static bool match_flags(struct rule_writer *writer, const struct operand *operand, uint32_t op,
                        struct bytes value, struct buffer *buffer)
{
    enum value_type type = operand->format.type;
    value_number_t mask = number_of(operand, operand->mask), number = number_of(operand, value);
    _cleanup_buffer_ struct buffer flags = BUFFER(256);
    if (!value_is_flags(type) || !all_zero(operand->xor) || op > NFT_CMP_NEQ || type == VALUE_CT_LABEL ||
        !value_print_flags(&flags, type, mask, ","))
        return false;
    operand_use(writer, operand);
    if (!number) {
        buffer_printf(buffer, "%s %s%s", operand->text, op == NFT_CMP_NEQ ? "" : "! ", flags.data);
        return true;
    }
    if (type != VALUE_TCP_FLAGS)
        return false;
    buffer_printf(buffer, "%s %s", operand->text, comparisons[op]);
    value_print_number(buffer, &operand->format, number);
    buffer_printf(buffer, " / %s", flags.data);
    return true;
}

static bool match_label(struct rule_writer *writer, const struct operand *operand, uint32_t op,
                        struct bytes value, struct buffer *buffer)
{
    if (operand->format.type != VALUE_CT_LABEL || !all_zero(operand->xor) || !all_zero(value) ||
        op > NFT_CMP_NEQ)
        return false;
    operand_use(writer, operand);
    buffer_printf(buffer, "%s %s", operand->text, op == NFT_CMP_NEQ ? "" : "! ");
    value_print(buffer, &operand->format, operand->mask);
    return true;
}

/* The bits of one field: `ip dscp cs1`. */
static bool match_field(struct rule_writer *writer, const struct operand *operand, uint32_t op,
                        struct bytes value, struct buffer *buffer)
{
    struct field_text field;
    uint32_t shift;
    if (!all_zero(operand->xor) || !masked_field(writer, operand, operand->mask, &field, &shift))
        return false;
    operand_use(writer, operand);
    struct value_format format = writer_format(writer, field.type, true);
    buffer_printf(buffer, "%s %s", field.words, comparisons[op]);
    value_print_number(buffer, &format, value_number(value, true) >> shift);
    return true;
}

static void match_masked(struct rule_writer *writer, const struct operand *operand, uint32_t op,
                         struct bytes value, struct buffer *buffer)
{
    if (match_label(writer, operand, op, value, buffer) || match_flags(writer, operand, op, value, buffer) ||
        match_prefix(writer, operand, op, value, buffer) || match_field(writer, operand, op, value, buffer))
        return;
    operand_print(writer, operand, NULL, buffer);
    buffer_printf(buffer, " %s", op == NFT_CMP_EQ ? "== " : comparisons[op]);
    print_number(buffer, operand, number_of(operand, value), " | ");
}

/*
 * Several fields side by side, which nft loads and compares in one: each is written by itself. False: the
 * bytes do not come apart into fields.
 */
static bool match_merged(struct rule_writer *writer, const struct operand *operand, uint32_t op,
                         struct bytes value, struct buffer *buffer)
{
    uint32_t at = 0, bits = operand->length * 8;
    const char *joint = "";
    _cleanup_buffer_ struct buffer parts = BUFFER(RULE_TEXT_MAX);
    if (!operand->payload || operand->known || operand->masked || op != NFT_CMP_EQ ||
        value.length != operand->length)
        return false;
    while (at < bits) {
        struct field_text field;
        if (at % 8 ||
            !field_at(&writer->headers, operand->base, operand->offset + at, bits - at, false, &field) ||
            field.bits % 8)
            return false;
        struct value_format format = writer_format(writer, field.type, true);
        buffer_printf(&parts, "%s%s ", joint, field.words);
        value_print(&parts, &format, (struct bytes){value.data + at / 8, field.bits / 8});
        joint = " ";
        at += field.bits;
    }
    operand_use(writer, operand);
    buffer_append(buffer, parts.data);
    return true;
}

static void match_plain(struct rule_writer *writer, const struct operand *operand, uint32_t op,
                        struct bytes value, struct buffer *buffer)
{
    if (match_prefix(writer, operand, op, value, buffer) || match_merged(writer, operand, op, value, buffer))
        return;
    bool flags = value_is_flags(operand->format.type) && op == NFT_CMP_EQ;
    operand_print(writer, operand, NULL, buffer);
    buffer_printf(buffer, " %s", flags ? "== " : comparisons[op]);
    value_print(buffer, &operand->format, value);
}

/* The headers that a match makes known; the piece was added already. */
static void learn(struct rule_writer *writer, const struct operand *operand, struct bytes value)
{
    uint32_t number = (uint32_t)value_number(value, true);
    if (operand->masked)
        return;
    if (!strcmp(operand->text, "meta l4proto") || !strcmp(operand->text, "ip protocol") ||
        !strcmp(operand->text, "ip6 nexthdr")) {
        writer->headers.transport = header_of_protocol(number);
        /* `ip protocol` says more than the protocol where the family is open: it has to stay */
        if (!operand->payload || headers_of_family(writer->context->table->family).network)
            depend(writer, NFT_PAYLOAD_TRANSPORT_HEADER);
    }
    if (!strcmp(operand->text, "icmp type") || !strcmp(operand->text, "icmpv6 type")) {
        writer->headers.icmp_type = number + 1;
        writer->depends.icmp = writer->pieces.count;
    }
    if (!strcmp(operand->text, "meta iiftype") && value_number(value, false) == ARPHRD_ETHER) {
        writer->headers.link = HEADER_ETHER;
        depend(writer, NFT_PAYLOAD_LL_HEADER);
    }
    if (!strcmp(operand->text, "meta nfproto")) {
        writer->headers.network = number == NFT_FAMILY_IP ? HEADER_IP : HEADER_NONE;
        if (number == NFT_FAMILY_IP6)
            writer->headers.network = HEADER_IP6;
        depend(writer, NFT_PAYLOAD_NETWORK_HEADER);
    }
    if (!strcmp(operand->text, "meta protocol") || !strcmp(operand->text, "ether type") ||
        !strcmp(operand->text, "vlan type")) {
        enum header header = header_of_ethertype(number);
        if (header == HEADER_VLAN) {
            depend(writer, NFT_PAYLOAD_LL_HEADER);
        } else {
            writer->headers.network = header;
            depend(writer, NFT_PAYLOAD_NETWORK_HEADER);
        }
    }
}

/* A lower bound followed by an upper one: nft's `range` in two comparisons. */
static const struct nft_cmp *upper_bound(const struct rule_writer *writer, const struct nft_cmp *cmp)
{
    const nft_expression_list *list = &writer->rule->expressions;
    if (cmp->op != NFT_CMP_GTE || writer->at + 1 >= list->count)
        return NULL;
    const struct nft_expression *next = &list->items[writer->at + 1];
    if (next->kind != EXPRESSION_CMP || next->unknown_attribute || next->cmp.op != NFT_CMP_LTE ||
        next->cmp.sreg != cmp->sreg || next->cmp.data.value.length != cmp->data.value.length)
        return NULL;
    return &next->cmp;
}

static void match_range(struct rule_writer *writer, const struct operand *operand, bool inverted,
                        struct bytes from, struct bytes to)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    struct field_text field;
    uint32_t shift = 0;
    struct value_format format = operand->format;
    bool bits = operand->masked && all_zero(operand->xor) &&
                masked_field(writer, operand, operand->mask, &field, &shift);
    if (bits)
        format = writer_format(writer, field.type, true);
    operand_print(writer, operand, NULL, &buffer);
    buffer_append(&buffer, inverted ? " != " : " ");
    for (int i = 0; i < 2; i++) {
        struct bytes value = i ? to : from;
        buffer_append(&buffer, i ? "-" : "");
        if (bits)
            value_print_number(&buffer, &format, value_number(value, true) >> shift);
        else
            value_print(&buffer, &format, value);
    }
    piece_buffer(writer, &buffer, true);
}

static void write_cmp(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_cmp *cmp = &expression->cmp, *upper = upper_bound(writer, cmp);
    const struct operand *operand = operand_at(writer, cmp->sreg);
    struct bytes value = cmp->data.value;
    if (upper) {
        match_range(writer, operand, false, value, upper->data.value);
        writer->at++;
        return;
    }
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    if (operand->masked)
        match_masked(writer, operand, cmp->op, value, &buffer);
    else
        match_plain(writer, operand, cmp->op, value, &buffer);
    piece_buffer(writer, &buffer, true);
    if (cmp->op == NFT_CMP_EQ)
        learn(writer, operand, value);
}

static void write_range(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_range *range = &expression->range;
    match_range(writer, operand_at(writer, range->sreg), range->op == NFT_RANGE_NEQ, range->from.value,
                range->to.value);
}

/* ---- lookups ---- */

/* The operands from a register on that make up `length` bytes. */
static size_t operands_from(struct rule_writer *writer, uint32_t reg, uint32_t length,
                            const struct operand *operands[PARTS_MAX])
{
    size_t count = 0;
    unsigned word = word_of(reg);
    uint32_t done = 0;
    while (count < PARTS_MAX && (!count || done < length)) {
        const struct operand *operand = word < REGISTER_WORDS ? writer->registers[word] : NULL;
        if (!operand)
            operand = operand_new(writer, "unknown(register)", VALUE_HEX, true, WORD);
        operands[count++] = operand;
        uint32_t words = (operand->length + WORD - 1) / WORD;
        word += words;
        done += words * WORD;
    }
    return count;
}

void operands_print(struct rule_writer *writer, uint32_t reg, uint32_t length, struct buffer *buffer)
{
    const struct operand *operands[PARTS_MAX];
    size_t count = operands_from(writer, reg, length, operands);
    for (size_t i = 0; i < count; i++) {
        buffer_append(buffer, i ? " . " : "");
        operand_print(writer, operands[i], NULL, buffer);
    }
}

/* How a set's key is written: as what is looked up in it. */
static size_t key_formats(struct rule_writer *writer, uint32_t reg, uint32_t length,
                          struct part_format keys[PARTS_MAX])
{
    const struct operand *operands[PARTS_MAX];
    size_t count = operands_from(writer, reg, length, operands);
    for (size_t i = 0; i < count; i++) {
        struct field_text field;
        keys[i] = (struct part_format){.format = operands[i]->format, .length = operands[i]->length};
        if (operands[i]->masked && all_zero(operands[i]->xor) &&
            masked_field(writer, operands[i], operands[i]->mask, &field, &keys[i].shift))
            keys[i].format = writer_format(writer, field.type, true);
    }
    return count;
}

void set_reference(struct rule_writer *writer, const char *name, uint32_t reg, const struct part_format *data,
                   size_t data_count, struct buffer *buffer)
{
    struct part_format keys[PARTS_MAX];
    const struct nft_set *set = table_set(writer->context->table, name);
    if (!set || !(set->flags & SET_ANONYMOUS)) {
        buffer_printf(buffer, "@%s", name);
        return;
    }
    size_t count = key_formats(writer, reg, set->key_length, keys);
    buffer_append(buffer, "{ ");
    set_elements_text(writer->context, set, keys, count, data, data_count, buffer);
    buffer_append(buffer, " }");
}

/* Key bytes that a lookup takes from the registers; a set that is not there takes one value. */
uint32_t lookup_key_length(const struct rule_writer *writer, const char *name)
{
    const struct nft_set *set = table_set(writer->context->table, name);
    return set ? set->key_length : WORD;
}

/* The value that a map gives, for whatever uses its register next. */
static void load_map(struct rule_writer *writer, const struct nft_lookup *lookup)
{
    const struct nft_set *set = table_set(writer->context->table, lookup->set);
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    struct value_format format = value_format_of_datatype(set ? set->data_type : 0);
    operands_print(writer, lookup->sreg, lookup_key_length(writer, lookup->set), &buffer);
    buffer_append(&buffer, " map ");
    set_reference(writer, lookup->set, lookup->sreg, NULL, 0, &buffer);
    writer->cut = writer->cut || buffer.overflow;
    struct operand *operand =
        operand_new(writer, arena_strdup(writer->arena, buffer.data), format.type, format.network_order,
                    set && set->data_length ? set->data_length : WORD);
    operand_store(writer, lookup->dreg, operand);
}

static void write_lookup(struct rule_writer *writer, const struct nft_expression *expression)
{
    const struct nft_lookup *lookup = &expression->lookup;
    if (lookup->has_dreg && lookup->dreg != NFT_REG_VERDICT) {
        load_map(writer, lookup);
        return;
    }
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    operands_print(writer, lookup->sreg, lookup_key_length(writer, lookup->set), &buffer);
    buffer_append(&buffer, lookup->has_dreg ? " vmap " : " ");
    if (lookup->flags & NFT_LOOKUP_F_INV)
        buffer_append(&buffer, "!= ");
    set_reference(writer, lookup->set, lookup->sreg, NULL, 0, &buffer);
    piece_buffer(writer, &buffer, !lookup->has_dreg);
}

/* ---- the rule ---- */
static void write_payload(struct rule_writer *writer, const struct nft_expression *expression)
{
    if (expression->payload.write)
        write_payload_set(writer, expression);
    else
        load_payload(writer, &expression->payload);
}

static void write_meta(struct rule_writer *writer, const struct nft_expression *expression)
{
    if (expression->meta.write)
        write_field_set(writer, expression, expression->meta.sreg);
    else
        load_field(writer, expression, expression->meta.dreg);
}

static void write_ct(struct rule_writer *writer, const struct nft_expression *expression)
{
    if (expression->ct.write)
        write_field_set(writer, expression, expression->ct.sreg);
    else
        load_field(writer, expression, expression->ct.dreg);
}

static void write_exthdr(struct rule_writer *writer, const struct nft_expression *expression)
{
    if (expression->exthdr.write)
        write_exthdr_set(writer, expression);
    else
        load_field(writer, expression, expression->other.dreg);
}

static void write_fib(struct rule_writer *writer, const struct nft_expression *expression)
{
    load_field(writer, expression, expression->fib.dreg);
}

static void write_other_load(struct rule_writer *writer, const struct nft_expression *expression)
{
    load_field(writer, expression, expression->other.dreg);
}

static void write_hash(struct rule_writer *writer, const struct nft_expression *expression)
{
    load_hash(writer, &expression->hash);
}

static void write_immediate(struct rule_writer *writer, const struct nft_expression *expression)
{
    load_immediate(writer, &expression->immediate);
}

static void write_bitwise(struct rule_writer *writer, const struct nft_expression *expression)
{
    compute_bitwise(writer, &expression->bitwise);
}

static void write_byteorder(struct rule_writer *writer, const struct nft_expression *expression)
{
    compute_byteorder(writer, &expression->byteorder);
}

static void write_xt(struct rule_writer *writer, const struct nft_expression *expression)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER(writer->maximum);
    buffer_append(&buffer, "xt(");
    iptables_xt_text(&expression->xt, expression->kind == EXPRESSION_TARGET,
                     writer->context->table->family == NFT_FAMILY_IP6, &buffer);
    buffer_append(&buffer, ")");
    piece_buffer(writer, &buffer, false);
}

static void write_inner(struct rule_writer *writer, const struct nft_expression *expression)
{
    const char *text = arena_printf(writer->arena, "unknown(%s)", expression->name);
    operand_store(writer, expression->other.dreg, operand_new(writer, text, VALUE_HEX, true, WORD));
}

typedef void (*expression_writer)(struct rule_writer *writer, const struct nft_expression *expression);
static const expression_writer writers[EXPRESSION_KINDS] = {
    [EXPRESSION_PAYLOAD] = write_payload,
    [EXPRESSION_META] = write_meta,
    [EXPRESSION_CMP] = write_cmp,
    [EXPRESSION_RANGE] = write_range,
    [EXPRESSION_BITWISE] = write_bitwise,
    [EXPRESSION_BYTEORDER] = write_byteorder,
    [EXPRESSION_IMMEDIATE] = write_immediate,
    [EXPRESSION_LOOKUP] = write_lookup,
    [EXPRESSION_COUNTER] = write_counter,
    [EXPRESSION_CT] = write_ct,
    [EXPRESSION_FIB] = write_fib,
    [EXPRESSION_NAT] = write_nat,
    [EXPRESSION_MASQ] = write_masq,
    [EXPRESSION_REDIR] = write_redir,
    [EXPRESSION_REJECT] = write_reject,
    [EXPRESSION_MATCH] = write_xt,
    [EXPRESSION_TARGET] = write_xt,
    [EXPRESSION_LOG] = write_log,
    [EXPRESSION_LAST] = write_last,
    [EXPRESSION_NOTRACK] = write_notrack,
    [EXPRESSION_LIMIT] = write_limit,
    [EXPRESSION_QUOTA] = write_quota,
    [EXPRESSION_CONNLIMIT] = write_connlimit,
    [EXPRESSION_NUMGEN] = write_other_load,
    [EXPRESSION_HASH] = write_hash,
    [EXPRESSION_DYNSET] = write_dynset,
    [EXPRESSION_OBJREF] = write_objref,
    [EXPRESSION_EXTHDR] = write_exthdr,
    [EXPRESSION_SOCKET] = write_other_load,
    [EXPRESSION_RT] = write_other_load,
    [EXPRESSION_TPROXY] = write_tproxy,
    [EXPRESSION_QUEUE] = write_queue,
    [EXPRESSION_SYNPROXY] = write_synproxy,
    [EXPRESSION_FLOW_OFFLOAD] = write_flow_offload,
    [EXPRESSION_DUP] = write_dup,
    [EXPRESSION_FWD] = write_fwd,
    [EXPRESSION_OSF] = write_other_load,
    [EXPRESSION_XFRM] = write_other_load,
    [EXPRESSION_TUNNEL] = write_other_load,
    [EXPRESSION_INNER] = write_inner,
};

/* One expression. What is not understood may have written any register: none is known behind it. */
void expression_write(struct rule_writer *writer, const struct nft_expression *expression)
{
    expression_writer write =
        (unsigned)expression->kind < EXPRESSION_KINDS ? writers[expression->kind] : NULL;
    if (!write || expression->unknown_attribute) {
        memset(writer->registers, 0, sizeof(writer->registers));
        piece_unknown(writer, expression->name);
        return;
    }
    write(writer, expression);
}

static void join_pieces(struct rule_writer *writer, struct buffer *buffer)
{
    const char *joint = "";
    for (size_t i = 0; i < writer->pieces.count; i++) {
        if (writer->pieces.items[i].implied)
            continue;
        buffer_printf(buffer, "%s%s", joint, writer->pieces.items[i].text);
        joint = " ";
    }
}

static bool has_xt_comment(const struct nft_rule *rule)
{
    list_each(struct nft_expression, expression, &rule->expressions) {
        if (expression->kind == EXPRESSION_MATCH && expression->xt.kind == XT_COMMENT)
            return true;
    }
    return false;
}

void nft_rule_text(const struct nft_text *context, const struct nft_rule *rule, struct buffer *buffer)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct rule_writer writer = {
        .context = context,
        .rule = rule,
        .arena = arena,
        .headers = headers_of_family(context->table->family),
        .maximum = buffer->limit,
    };
    for (writer.at = 0; writer.at < rule->expressions.count; writer.at++)
        expression_write(&writer, &rule->expressions.items[writer.at]);
    if (rule->undecodable || rule->unknown_attribute)
        piece_unknown(&writer, "rule");
    if (rule->comment && !has_xt_comment(rule)) {
        struct buffer comment = BUFFER(RULE_TEXT_MAX);
        buffer_append(&comment, "comment ");
        value_print_quoted(&comment, rule->comment, strlen(rule->comment));
        piece_buffer(&writer, &comment, false);
    }
    join_pieces(&writer, buffer);
    buffer->overflow = buffer->overflow || writer.cut;
    list_free(&writer.pieces);
}

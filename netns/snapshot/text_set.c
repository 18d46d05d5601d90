/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Set elements in nft's syntax. The kernel's forms: linux/netfilter/nf_tables.h, net/netfilter/nft_set_*.c.
 */
#include "netns/snapshot/text_nft.h"

#include <linux/netfilter/nf_tables.h>

#define WORD 4 /* bytes that a part of a concatenation is filled up to */

/* Data types of nft by number (its datatype.h; they are part of what it stores in the kernel). */
static const enum value_type datatypes[] = {
    [2] = VALUE_NFPROTO,
    [5] = VALUE_STRING,
    [7] = VALUE_IP4,
    [8] = VALUE_IP6,
    [9] = VALUE_MAC,
    [10] = VALUE_ETHERTYPE,
    [11] = VALUE_ARP_OPERATION,
    [12] = VALUE_PROTOCOL,
    [13] = VALUE_PORT,
    [14] = VALUE_ICMP_TYPE,
    [15] = VALUE_TCP_FLAGS,
    [16] = VALUE_DCCP_TYPE,
    [17] = VALUE_MH_TYPE,
    [18] = VALUE_DURATION,
    [19] = VALUE_MARK,
    [20] = VALUE_INTERFACE_INDEX,
    [21] = VALUE_HARDWARE,
    [22] = VALUE_NUMBER,
    [23] = VALUE_CLASS,
    [24] = VALUE_NUMBER,
    [25] = VALUE_NUMBER,
    [26] = VALUE_CT_STATE,
    [27] = VALUE_CT_DIRECTION,
    [28] = VALUE_CT_STATUS,
    [29] = VALUE_ICMP6_TYPE,
    [30] = VALUE_CT_LABEL,
    [31] = VALUE_PACKET_TYPE,
    [32] = VALUE_ICMP_CODE,
    [33] = VALUE_ICMP6_CODE,
    [34] = VALUE_ICMPX_CODE,
    [35] = VALUE_GROUP,
    [36] = VALUE_DSCP,
    [37] = VALUE_ECN,
    [38] = VALUE_ADDRESS_TYPE,
    [39] = VALUE_PRESENCE,
    [40] = VALUE_CT_EVENT,
    [41] = VALUE_INTERFACE,
    [42] = VALUE_IGMP_TYPE,
    [43] = VALUE_TIME,
    [44] = VALUE_HOUR,
    [45] = VALUE_DAY,
    [46] = VALUE_NUMBER,
};
#define DATATYPE_BITS 6 /* of each part of a concatenation's type */

/* The types that registers hold in the host's order; the rest are in the packet's. */
static bool host_order(enum value_type type)
{
    switch (type) {
    case VALUE_DURATION:
    case VALUE_MARK:
    case VALUE_INTERFACE_INDEX:
    case VALUE_HARDWARE:
    case VALUE_CLASS:
    case VALUE_CT_STATE:
    case VALUE_CT_STATUS:
    case VALUE_CT_EVENT:
    case VALUE_PACKET_TYPE:
    case VALUE_GROUP:
    case VALUE_ADDRESS_TYPE:
    case VALUE_TIME:
    case VALUE_HOUR:
        return true;
    default:
        return false;
    }
}

struct value_format value_format_of_datatype(uint32_t type)
{
    struct value_format format = {.type = VALUE_HEX, .network_order = true};
    if (type < sizeof(datatypes) / sizeof(datatypes[0]) && datatypes[type])
        format.type = datatypes[type];
    /* numbers of the host's: realm, uid, gid, cgroup */
    format.network_order = !host_order(format.type) && format.type != VALUE_NUMBER;
    return format;
}

static uint32_t bytes_of_type(enum value_type type)
{
    switch (type) {
    case VALUE_IP6:
    case VALUE_CT_LABEL:
    case VALUE_INTERFACE:
    case VALUE_STRING:
        return 16;
    case VALUE_MAC:
        return 6;
    case VALUE_PORT:
    case VALUE_ETHERTYPE:
    case VALUE_ARP_OPERATION:
    case VALUE_HARDWARE:
        return 2;
    case VALUE_PROTOCOL:
    case VALUE_NFPROTO:
    case VALUE_ICMP_TYPE:
    case VALUE_ICMP_CODE:
    case VALUE_ICMP6_TYPE:
    case VALUE_ICMP6_CODE:
    case VALUE_ICMPX_CODE:
    case VALUE_IGMP_TYPE:
    case VALUE_TCP_FLAGS:
    case VALUE_MH_TYPE:
    case VALUE_DCCP_TYPE:
    case VALUE_CT_DIRECTION:
    case VALUE_DSCP:
    case VALUE_ECN:
    case VALUE_PRESENCE:
    case VALUE_DAY:
    case VALUE_PACKET_TYPE:
        return 1;
    case VALUE_TIME:
    case VALUE_DURATION:
        return 8;
    default:
        return 4;
    }
}

/* The parts of a set's key or data by its data type number; the last takes what is left of the length. */
static size_t parts_of_datatype(uint32_t type, uint32_t length, struct part_format parts[PARTS_MAX])
{
    size_t count = 0;
    uint32_t numbers[PARTS_MAX];
    for (; type && count < 5; type >>= DATATYPE_BITS)
        numbers[count++] = type & ((1U << DATATYPE_BITS) - 1);
    if (!count)
        numbers[count++] = 0;
    uint32_t left = length;
    for (size_t i = 0; i < count; i++) {
        struct part_format *part = &parts[i];
        *part = (struct part_format){.format = value_format_of_datatype(numbers[count - 1 - i])};
        uint32_t size = bytes_of_type(part->format.type);
        bool known = part->format.type != VALUE_HEX && part->format.type != VALUE_NUMBER;
        part->length = size < left && (known || count > 1) ? size : left;
        uint32_t padded = (part->length + WORD - 1) / WORD * WORD;
        left -= padded < left ? padded : left;
    }
    return count;
}

/* ---- one element ---- */

/* What an element stands for: one value, or all from first to last (both are keys of the set's length). */
struct span {
    struct bytes first, last; /* last.length 0: to the greatest */
    bool range;
    const struct nft_element *element;
};
typedef LIST(struct span) span_list;

static struct bytes part_of(struct bytes value, uint32_t offset, uint32_t length)
{
    if (offset >= value.length)
        return (struct bytes){NULL, 0};
    size_t left = value.length - offset;
    return (struct bytes){value.data + offset, length < left ? length : left};
}

static void print_part(const struct part_format *part, struct bytes value, struct buffer *buffer)
{
    if (!value.length) {
        buffer_append(buffer, "unknown(value)");
        return;
    }
    if (value_is_flags(part->format.type) && !part->shift && value.length <= 8 &&
        value_print_flags(buffer, part->format.type, value_number(value, part->format.network_order), " | "))
        return;
    if (part->shift)
        value_print_number(buffer, &part->format,
                           value_number(value, part->format.network_order) >> part->shift);
    else
        value_print(buffer, &part->format, value);
}

/* The length of the prefix that first..last is exactly; -1: it is none. */
static int prefix_length(value_number_t first, value_number_t last, unsigned bits)
{
    value_number_t varying = first ^ last;
    if (varying & (varying + 1) || first & varying)
        return -1;
    unsigned length = bits;
    for (; varying; varying >>= 1)
        length--;
    return (int)length;
}

static void print_range(const struct part_format *part, struct bytes first, struct bytes last,
                        struct buffer *buffer)
{
    enum value_type type = part->format.type;
    bool interface = type == VALUE_INTERFACE || type == VALUE_STRING;
    if (first.length == last.length && first.length && !memcmp(first.data, last.data, first.length)) {
        print_part(part, first, buffer);
        return;
    }
    if (interface) {
        /* a beginning of names: the kernel's range fills it up with 0x00 and 0xff */
        size_t length = 0;
        while (length < first.length && length < last.length && first.data[length] == last.data[length])
            length++;
        value_print(buffer, &part->format, (struct bytes){first.data, length});
        return;
    }
    bool address = type == VALUE_IP4 || type == VALUE_IP6;
    int length = !address ? -1
                          : prefix_length(value_number(first, true), value_number(last, true),
                                          type == VALUE_IP4 ? 32 : 128);
    print_part(part, first, buffer);
    if (length >= 0) {
        buffer_printf(buffer, "/%d", length);
        return;
    }
    buffer_append(buffer, "-");
    print_part(part, last, buffer);
}

static void print_key(const struct span *span, const struct part_format *keys, size_t count,
                      struct buffer *buffer)
{
    uint32_t offset = 0;
    if (span->element->flags & NFT_SET_ELEM_CATCHALL) {
        buffer_append(buffer, "*");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct bytes first = part_of(span->first, offset, keys[i].length);
        buffer_append(buffer, i ? " . " : "");
        if (span->range)
            print_range(&keys[i], first, part_of(span->last, offset, keys[i].length), buffer);
        else
            print_part(&keys[i], first, buffer);
        offset += (keys[i].length + WORD - 1) / WORD * WORD;
    }
}

static void print_data(const struct nft_text *context, const struct nft_set *set,
                       const struct nft_data *value, const struct part_format *parts, size_t count,
                       struct buffer *buffer)
{
    if (value->is_verdict) {
        verdict_text(context, &value->verdict, buffer);
        return;
    }
    struct part_format own[PARTS_MAX];
    if (!count) {
        count = parts_of_datatype(set->data_type, set->data_length, own);
        parts = own;
    }
    uint32_t offset = 0, length = 0;
    for (size_t i = 0; i < count; i++)
        length += (parts[i].length + WORD - 1) / WORD * WORD;
    /* interval data has both ends, one behind the other */
    bool range = value->value.length == 2 * (size_t)length;
    for (size_t i = 0; i < count; i++) {
        struct bytes first = part_of(value->value, offset, parts[i].length);
        buffer_append(buffer, i ? " . " : "");
        if (range)
            print_range(&parts[i], first, part_of(value->value, offset + length, parts[i].length), buffer);
        else
            print_part(&parts[i], first, buffer);
        offset += (parts[i].length + WORD - 1) / WORD * WORD;
    }
}

static void print_element(const struct nft_text *context, const struct nft_set *set, const struct span *span,
                          const struct part_format *keys, size_t key_count, const struct part_format *data,
                          size_t data_count, struct buffer *buffer)
{
    const struct nft_element *element = span->element;
    if (element->unknown_attribute) {
        buffer_append(buffer, "unknown(element)");
        return;
    }
    print_key(span, keys, key_count, buffer);
    if (element->timeout) {
        buffer_append(buffer, " timeout ");
        value_print_duration(buffer, element->timeout);
    }
    if (element->has_expression)
        buffer_printf(buffer, " %s", element->expression);
    if (!element->has_data && !element->object)
        return;
    buffer_append(buffer, " : ");
    if (element->object)
        value_print_quoted(buffer, element->object, strlen(element->object));
    else
        print_data(context, set, &element->data, data, data_count, buffer);
}

/* ---- all elements ---- */

/* Bytes as the set orders them: the packet's order of each part, and ends of intervals before beginnings. */
static int compare_elements(const void *a, const void *b)
{
    const struct nft_element *x = *(const struct nft_element *const *)a;
    const struct nft_element *y = *(const struct nft_element *const *)b;
    bool rest_x = x->flags & NFT_SET_ELEM_CATCHALL, rest_y = y->flags & NFT_SET_ELEM_CATCHALL;
    if (rest_x != rest_y)
        return rest_x ? 1 : -1;
    size_t length = x->key.length < y->key.length ? x->key.length : y->key.length;
    int order = length ? memcmp(x->key.data, y->key.data, length) : 0;
    if (order)
        return order;
    return (int)(y->flags & NFT_SET_ELEM_INTERVAL_END) - (int)(x->flags & NFT_SET_ELEM_INTERVAL_END);
}

/* The number that an element begins with, in the order that people read. */
static value_number_t element_number(const struct nft_element *element, bool network_order)
{
    return value_number(element->key, network_order);
}

static int compare_host_order(const void *a, const void *b)
{
    const struct nft_element *x = *(const struct nft_element *const *)a;
    const struct nft_element *y = *(const struct nft_element *const *)b;
    value_number_t first = element_number(x, false), second = element_number(y, false);
    if (first != second)
        return first < second ? -1 : 1;
    return compare_elements(a, b);
}

/* One less than a number of any length, in the packet's order; the bytes live in the arena. */
static struct bytes before(struct arena *arena, struct bytes value)
{
    if (!value.length)
        return value;
    uint8_t *copy = arena_copy(arena, value.data, value.length);
    for (size_t i = value.length; i-- > 0;) {
        if (copy[i]--)
            break;
    }
    return (struct bytes){copy, value.length};
}

static struct bytes greatest(struct arena *arena, size_t length)
{
    uint8_t *bytes = arena_alloc(arena, length ? length : 1);
    memset(bytes, 0xff, length);
    return (struct bytes){bytes, length};
}

typedef LIST(const struct nft_element *) element_list;

/* Elements within a rule are left out in their midst: what the rule does with them stands behind. */
static size_t limit_of(const struct nft_text *context)
{
    return context->names->maximum ? context->names->maximum : SET_TEXT_MAX;
}

/*
 * Intervals of nft_set_rbtree: a beginning, and the next element, which ends it: the beginning of another,
 * or one with the flag. None: it goes on to the greatest. An end without a beginning stands before all.
 */
static void spans_of_intervals(const element_list *elements, struct arena *arena, span_list *spans)
{
    for (size_t i = 0; i < elements->count; i++) {
        const struct nft_element *element = elements->items[i];
        if (element->flags & NFT_SET_ELEM_INTERVAL_END)
            continue;
        struct span *span = list_append(spans);
        *span = (struct span){.first = element->key, .element = element, .range = true};
        const struct nft_element *next = i + 1 < elements->count ? elements->items[i + 1] : NULL;
        if (next && !(next->flags & NFT_SET_ELEM_CATCHALL))
            span->last = before(arena, next->key);
        else
            span->last = greatest(arena, element->key.length);
    }
}

static void spans_of_values(const element_list *elements, span_list *spans)
{
    for (size_t i = 0; i < elements->count; i++) {
        const struct nft_element *element = elements->items[i];
        *list_append(spans) = (struct span){
            .first = element->key,
            .last = element->key_end,
            .range = element->key_end.length,
            .element = element,
        };
    }
}

static bool has_ends(const element_list *elements)
{
    for (size_t i = 0; i < elements->count; i++) {
        if (elements->items[i]->flags & NFT_SET_ELEM_INTERVAL_END)
            return true;
    }
    return false;
}

void set_elements_text(const struct nft_text *context, const struct nft_set *set,
                       const struct part_format *keys, size_t key_count, const struct part_format *data,
                       size_t data_count, struct buffer *buffer)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct part_format own[PARTS_MAX];
    element_list elements = {0};
    span_list spans = {0};
    if (!key_count) {
        key_count = parts_of_datatype(set->key_type, set->key_length, own);
        keys = own;
    }
    list_each(struct nft_element, element, &set->elements)
        *list_append(&elements) = element;
    bool intervals = set->flags & SET_INTERVAL && (has_ends(&elements) || !(set->flags & SET_CONCAT));
    bool host = key_count == 1 && !keys[0].format.network_order && !intervals;
    if (elements.count)
        qsort(elements.items, elements.count, sizeof(*elements.items),
              host ? compare_host_order : compare_elements);
    if (intervals)
        spans_of_intervals(&elements, arena, &spans);
    else
        spans_of_values(&elements, &spans);
    size_t limit = buffer->length + limit_of(context);
    for (size_t i = 0; i < spans.count && !buffer->overflow; i++) {
        buffer_append(buffer, i ? ", " : "");
        if (buffer->length > limit) {
            buffer_append(buffer, "…");
            break;
        }
        print_element(context, set, &spans.items[i], keys, key_count, data, data_count, buffer);
    }
    if (set->incomplete)
        buffer_append(buffer, spans.count ? ", unknown(more)" : "unknown(elements)");
    list_free(&spans);
    list_free(&elements);
}

void verdict_text(const struct nft_text *context, const struct nft_verdict *verdict, struct buffer *buffer)
{
    static const char *const words[] = {"continue", "break", "jump", "goto", "return"};
    if (verdict->code == 0 || verdict->code == 1) {
        buffer_append(buffer, verdict->code ? "accept" : "drop");
        return;
    }
    if (verdict->code > -1 || verdict->code < -5) {
        buffer_printf(buffer, "unknown(verdict %d)", verdict->code);
        return;
    }
    buffer_append(buffer, words[-1 - verdict->code]);
    if (!verdict->chain)
        return;
    const struct nft_chain *chain = table_chain(context->table, verdict->chain);
    if (!chain || !(chain->flags & NFT_CHAIN_BINDING) || context->depth >= TEXT_DEPTH_MAX) {
        buffer_printf(buffer, " %s", verdict->chain);
        return;
    }
    struct nft_text inner = *context;
    inner.depth++;
    buffer_append(buffer, " {");
    list_each(struct nft_rule, rule, &chain->rules) {
        buffer_append(buffer, " ");
        nft_rule_text(&inner, rule, buffer);
        buffer_append(buffer, ";");
    }
    buffer_append(buffer, " }");
}

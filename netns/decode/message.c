/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/decode/message.h"

#include "netns/base/text.h"
#include "netns/decode/constant.h"
#include "netns/decode/expression.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define SEEN(type) ATTRIBUTE_SEEN(type)

static bool read_view(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    (void)decoder;
    (void)record;
    *(struct bytes *)member = data;
    return true;
}

#define UDATA_COMMENT 0 /* NFTNL_UDATA_RULE_COMMENT, NFTNL_UDATA_SET_ELEM_COMMENT */

const char *userdata_comment(struct arena *arena, struct bytes userdata)
{
    while (userdata.length >= 2) {
        size_t length = userdata.data[1];
        if (length > userdata.length - 2)
            return NULL;
        const uint8_t *value = userdata.data + 2;
        if (userdata.data[0] == UDATA_COMMENT)
            return text_utf8(arena, value, strnlen((const char *)value, length));
        userdata.data += 2 + length;
        userdata.length -= 2 + length;
    }
    return NULL;
}

/* ---- tables ---- */
static const struct attribute_field table_fields[] = {
    ATTRIBUTE(NFTA_TABLE_NAME, ATTRIBUTE_NAME, offsetof(struct nft_table, name)),
    ATTRIBUTE_UP_TO(NFTA_TABLE_FLAGS, ATTRIBUTE_U32, offsetof(struct nft_table, flags),
                    NFT_TABLE_F_MASK | TABLE_FLAG_PERSIST),
    ATTRIBUTE_SKIP(NFTA_TABLE_USE),
    ATTRIBUTE(NFTA_TABLE_HANDLE, ATTRIBUTE_U64, offsetof(struct nft_table, handle)),
    ATTRIBUTE_SKIP(NFTA_TABLE_PAD),
    ATTRIBUTE_SKIP(NFTA_TABLE_USERDATA),
    ATTRIBUTE_SKIP(NFTA_TABLE_OWNER),
    ATTRIBUTE_END,
};

bool table_decode(struct decoder *decoder, struct bytes bytes, struct nft_table *ret_table)
{
    uint64_t seen;
    *ret_table = (struct nft_table){.family = decoder->family};
    ret_table->unknown_attribute = !attributes_decode(decoder, bytes, table_fields, ret_table, &seen);
    return seen & SEEN(NFTA_TABLE_NAME);
}

/* ---- chains ---- */

/* A chain's (or flowtable's) hook as the message has it. */
struct hook {
    uint32_t number;
    int32_t priority;
    const char *device; /* the one device; the list has it too */
    struct bytes devices;
};

static const struct attribute_field hook_fields[] = {
    ATTRIBUTE(NFTA_HOOK_HOOKNUM, ATTRIBUTE_U32, offsetof(struct hook, number)),
    ATTRIBUTE(NFTA_HOOK_PRIORITY, ATTRIBUTE_U32, offsetof(struct hook, priority)),
    ATTRIBUTE(NFTA_HOOK_DEV, ATTRIBUTE_NAME, offsetof(struct hook, device)),
    ATTRIBUTE_BY(NFTA_HOOK_DEVS, offsetof(struct hook, devices), read_view),
    ATTRIBUTE_END,
};

/* A growing list of names. */
typedef LIST(const char *) name_list;

/* Device names, and beginnings of names as "eth*"; false: something else is in the list. */
static bool decode_devices(struct decoder *decoder, struct bytes bytes, name_list *list)
{
    struct attribute_walk walk = {.rest = bytes};
    struct attribute attribute;
    bool understood = true;
    while (attribute_next(&walk, &attribute)) {
        bool whole;
        const char *name = decode_name(decoder->arena, attribute.data, &whole);
        if (attribute.type == DEVICE_PREFIX)
            name = arena_printf(decoder->arena, "%s*", name);
        understood =
            understood && whole && (attribute.type == NFTA_DEVICE_NAME || attribute.type == DEVICE_PREFIX);
        *list_append(list) = name;
    }
    return understood && !walk.broken;
}

/* The place of a hook number (linux/netfilter*.h) in each family; false: none that we know. */
static bool hook_of(enum nft_family family, uint32_t number, enum nft_hook *ret_hook)
{
    static const enum nft_hook inet[] = {HOOK_PREROUTING, HOOK_INPUT,       HOOK_FORWARD,
                                         HOOK_OUTPUT,     HOOK_POSTROUTING, HOOK_INGRESS};
    static const enum nft_hook arp[] = {HOOK_INPUT, HOOK_OUTPUT, HOOK_FORWARD};
    static const enum nft_hook netdev[] = {HOOK_INGRESS, HOOK_EGRESS};
    const enum nft_hook *hooks = inet;
    size_t count = NF_INET_NUMHOOKS;
    if (family == NFT_FAMILY_INET)
        count = NF_INET_NUMHOOKS + 1;
    if (family == NFT_FAMILY_ARP) {
        hooks = arp;
        count = 3;
    }
    if (family == NFT_FAMILY_NETDEV) {
        hooks = netdev;
        count = 2;
    }
    if (number >= count)
        return false;
    *ret_hook = hooks[number];
    return true;
}

static bool read_hook(struct decoder *decoder, struct bytes data, void *record, void *member);

struct chain_message {
    struct nft_chain chain;
    const char *table;
};
#define CHAIN(member) offsetof(struct chain_message, chain.member)
static const struct attribute_field chain_fields[] = {
    ATTRIBUTE(NFTA_CHAIN_TABLE, ATTRIBUTE_NAME, offsetof(struct chain_message, table)),
    ATTRIBUTE(NFTA_CHAIN_HANDLE, ATTRIBUTE_U64, CHAIN(handle)),
    ATTRIBUTE(NFTA_CHAIN_NAME, ATTRIBUTE_NAME, CHAIN(name)),
    ATTRIBUTE_BY(NFTA_CHAIN_HOOK, CHAIN(hook), read_hook),
    ATTRIBUTE_UP_TO(NFTA_CHAIN_POLICY, ATTRIBUTE_U32, CHAIN(policy), NF_ACCEPT),
    ATTRIBUTE_SKIP(NFTA_CHAIN_USE),
    ATTRIBUTE(NFTA_CHAIN_TYPE, ATTRIBUTE_NAME, CHAIN(type)),
    ATTRIBUTE_SKIP(NFTA_CHAIN_COUNTERS),
    ATTRIBUTE_SKIP(NFTA_CHAIN_PAD),
    ATTRIBUTE_UP_TO(NFTA_CHAIN_FLAGS, ATTRIBUTE_U32, CHAIN(flags), NFT_CHAIN_FLAGS),
    ATTRIBUTE_SKIP(NFTA_CHAIN_ID),
    ATTRIBUTE_SKIP(NFTA_CHAIN_USERDATA),
    ATTRIBUTE_END,
};

static bool read_hook(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    struct nft_chain *chain = &((struct chain_message *)record)->chain;
    struct hook hook = {0};
    uint64_t seen;
    (void)member;
    bool understood = attributes_decode(decoder, data, hook_fields, &hook, &seen);
    chain->base = true;
    chain->priority = hook.priority;
    name_list devices = {0};
    if (!decode_devices(decoder, hook.devices, &devices))
        understood = false;
    if (!devices.count && hook.device)
        *list_append(&devices) = hook.device;
    chain->devices.items = devices.items;
    chain->devices.count = devices.count;
    chain->devices.capacity = devices.capacity;
    return understood && (seen & SEEN(NFTA_HOOK_HOOKNUM)) && (seen & SEEN(NFTA_HOOK_PRIORITY)) &&
           hook_of(decoder->family, hook.number, &chain->hook);
}

bool chain_decode(struct decoder *decoder, struct bytes bytes, const char **ret_table,
                  struct nft_chain *ret_chain)
{
    struct chain_message message = {0};
    uint64_t seen, names = SEEN(NFTA_CHAIN_TABLE) | SEEN(NFTA_CHAIN_NAME);
    bool understood = attributes_decode(decoder, bytes, chain_fields, &message, &seen);
    /* a base chain without these two could be anything */
    if (message.chain.base && (!(seen & SEEN(NFTA_CHAIN_POLICY)) || !(seen & SEEN(NFTA_CHAIN_TYPE))))
        understood = false;
    message.chain.unknown_attribute = !understood;
    *ret_table = message.table;
    *ret_chain = message.chain;
    return (seen & names) == names;
}

/* ---- rules ---- */
static bool read_expressions(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    (void)record;
    return expressions_decode(decoder, data, member);
}

static bool read_comment(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    (void)record;
    *(const char **)member = userdata_comment(decoder->arena, data);
    return true;
}

static const struct attribute_field rule_fields[] = {
    ATTRIBUTE_SKIP(NFTA_RULE_TABLE),
    ATTRIBUTE_SKIP(NFTA_RULE_CHAIN),
    ATTRIBUTE(NFTA_RULE_HANDLE, ATTRIBUTE_U64, offsetof(struct nft_rule, handle)),
    ATTRIBUTE_BY(NFTA_RULE_EXPRESSIONS, offsetof(struct nft_rule, expressions), read_expressions),
    ATTRIBUTE_SKIP(NFTA_RULE_COMPAT),
    ATTRIBUTE_SKIP(NFTA_RULE_POSITION),
    ATTRIBUTE_BY(NFTA_RULE_USERDATA, offsetof(struct nft_rule, comment), read_comment),
    ATTRIBUTE_SKIP(NFTA_RULE_PAD),
    ATTRIBUTE_SKIP(NFTA_RULE_ID),
    ATTRIBUTE_SKIP(NFTA_RULE_POSITION_ID),
    ATTRIBUTE_SKIP(NFTA_RULE_CHAIN_ID),
    ATTRIBUTE_END,
};

/* iptables writes its comments as a match. */
static const char *match_comment(const nft_expression_list *expressions)
{
    list_each(struct nft_expression, expression, expressions) {
        if (expression->kind == EXPRESSION_MATCH && expression->xt.kind == XT_COMMENT)
            return expression->xt.comment.text;
    }
    return NULL;
}

/* Rules are many, and their lists as long as they will ever be. */
static void trim(nft_expression_list *list)
{
    if (!list->count || list->count == list->capacity)
        return;
    list->items = memory_resize(list->items, list->count, sizeof(*list->items));
    list->capacity = list->count;
}

void rule_decode(struct decoder *decoder, struct bytes bytes, struct nft_rule *ret_rule)
{
    uint64_t seen, needed = SEEN(NFTA_RULE_HANDLE) | SEEN(NFTA_RULE_EXPRESSIONS);
    *ret_rule = (struct nft_rule){0};
    decoder->malformed = false;
    ret_rule->unknown_attribute = !attributes_decode(decoder, bytes, rule_fields, ret_rule, &seen);
    ret_rule->undecodable = (seen & needed) != needed || decoder->malformed;
    trim(&ret_rule->expressions);
    if (!ret_rule->comment)
        ret_rule->comment = match_comment(&ret_rule->expressions);
}

/* ---- sets ---- */
struct set_message {
    struct nft_set set;
    const char *table;
};
#define SET(member) offsetof(struct set_message, set.member)

static const struct attribute_field concat_fields[] = {
    ATTRIBUTE_UP_TO(NFTA_SET_FIELD_LEN, ATTRIBUTE_U32, 0, NFT_DATA_VALUE_MAXLEN),
    ATTRIBUTE_END,
};

/* Lengths of the fields: in bytes, whatever the header says (nft_set_desc_concat_parse() compares them with
 * bytes). */
static bool read_concat(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    struct nft_set *set = record;
    struct attribute_walk walk = {.rest = data};
    struct attribute attribute;
    bool understood = true;
    (void)member;
    while (attribute_next(&walk, &attribute)) {
        uint32_t length = 0;
        understood = understood && attribute.type == NFTA_LIST_ELEM &&
                     attributes_decode(decoder, attribute.data, concat_fields, &length, NULL) && length;
        *list_append(&set->fields) = length;
    }
    return understood && !walk.broken;
}

static const struct attribute_field description_fields[] = {
    ATTRIBUTE(NFTA_SET_DESC_SIZE, ATTRIBUTE_U32, offsetof(struct nft_set, size)),
    ATTRIBUTE_BY(NFTA_SET_DESC_CONCAT, offsetof(struct nft_set, fields), read_concat),
    ATTRIBUTE_END,
};

static bool read_description(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    (void)member;
    return attributes_decode(decoder, data, description_fields, &((struct set_message *)record)->set, NULL);
}

static const struct attribute_field set_fields[] = {
    ATTRIBUTE(NFTA_SET_TABLE, ATTRIBUTE_NAME, offsetof(struct set_message, table)),
    ATTRIBUTE(NFTA_SET_NAME, ATTRIBUTE_NAME, SET(name)),
    ATTRIBUTE_UP_TO(NFTA_SET_FLAGS, ATTRIBUTE_U32, SET(flags), 0x1ff),
    ATTRIBUTE(NFTA_SET_KEY_TYPE, ATTRIBUTE_U32, SET(key_type)),
    ATTRIBUTE(NFTA_SET_KEY_LEN, ATTRIBUTE_U32, SET(key_length)),
    ATTRIBUTE(NFTA_SET_DATA_TYPE, ATTRIBUTE_U32, SET(data_type)),
    ATTRIBUTE(NFTA_SET_DATA_LEN, ATTRIBUTE_U32, SET(data_length)),
    ATTRIBUTE_SKIP(NFTA_SET_POLICY),
    ATTRIBUTE_BY(NFTA_SET_DESC, SET(size), read_description),
    ATTRIBUTE(NFTA_SET_ID, ATTRIBUTE_U32, SET(id)),
    ATTRIBUTE(NFTA_SET_TIMEOUT, ATTRIBUTE_U64, SET(timeout)),
    ATTRIBUTE_SKIP(NFTA_SET_GC_INTERVAL),
    ATTRIBUTE_SKIP(NFTA_SET_USERDATA),
    ATTRIBUTE_SKIP(NFTA_SET_PAD),
    ATTRIBUTE(NFTA_SET_OBJ_TYPE, ATTRIBUTE_U32, SET(object_type)),
    ATTRIBUTE(NFTA_SET_HANDLE, ATTRIBUTE_U64, SET(handle)),
    ATTRIBUTE_SKIP(NFTA_SET_EXPR), /* the elements have their own copies */
    ATTRIBUTE_SKIP(NFTA_SET_EXPRESSIONS),
    ATTRIBUTE_SKIP(SET_ATTRIBUTE_TYPE),
    ATTRIBUTE_SKIP(SET_ATTRIBUTE_COUNT),
    ATTRIBUTE_END,
};

bool set_decode(struct decoder *decoder, struct bytes bytes, const char **ret_table, struct nft_set *ret_set)
{
    struct set_message message = {0};
    uint64_t seen, names = SEEN(NFTA_SET_TABLE) | SEEN(NFTA_SET_NAME);
    bool understood = attributes_decode(decoder, bytes, set_fields, &message, &seen);
    message.set.unknown_attribute = !understood || !(seen & SEEN(NFTA_SET_KEY_LEN));
    *ret_table = message.table;
    *ret_set = message.set;
    return (seen & names) == names;
}

/* ---- elements ---- */
static bool read_key(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    struct nft_data key;
    (void)record;
    bool understood = data_decode(decoder, data, &key);
    *(struct bytes *)member = key.value;
    return understood && !key.is_verdict;
}

static bool read_element_data(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    ((struct nft_element *)record)->has_data = true;
    return data_decode(decoder, data, member);
}

/* The one that says most: any but a counter, which matches always. */
static bool name_expressions(const nft_expression_list *list, struct nft_element *element)
{
    bool understood = list->count;
    list_each(struct nft_expression, expression, list) {
        if (!element->expression || !strcmp(element->expression, "counter"))
            element->expression = expression->name;
        understood = understood && expression_understood(expression);
    }
    element->has_expression = true;
    return understood;
}

static bool read_element_expressions(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    nft_expression_list list = {0};
    (void)member;
    bool whole = expressions_decode(decoder, data, &list);
    bool understood = name_expressions(&list, record);
    expressions_free(&list);
    return whole && understood;
}

static bool read_element_expression(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    nft_expression_list list = {0};
    (void)member;
    expression_decode(decoder, data, list_append(&list));
    bool understood = name_expressions(&list, record);
    expressions_free(&list);
    return understood;
}

#define ELEMENT(member) offsetof(struct nft_element, member)
static const struct attribute_field element_fields[] = {
    ATTRIBUTE_BY(NFTA_SET_ELEM_KEY, ELEMENT(key), read_key),
    ATTRIBUTE_BY(NFTA_SET_ELEM_DATA, ELEMENT(data), read_element_data),
    ATTRIBUTE_UP_TO(NFTA_SET_ELEM_FLAGS, ATTRIBUTE_U32, ELEMENT(flags),
                    NFT_SET_ELEM_INTERVAL_END | NFT_SET_ELEM_CATCHALL),
    ATTRIBUTE(NFTA_SET_ELEM_TIMEOUT, ATTRIBUTE_U64, ELEMENT(timeout)),
    ATTRIBUTE(NFTA_SET_ELEM_EXPIRATION, ATTRIBUTE_U64, ELEMENT(expiration)),
    ATTRIBUTE_SKIP(NFTA_SET_ELEM_USERDATA),
    ATTRIBUTE_BY(NFTA_SET_ELEM_EXPR, ELEMENT(expression), read_element_expression),
    ATTRIBUTE_SKIP(NFTA_SET_ELEM_PAD),
    ATTRIBUTE(NFTA_SET_ELEM_OBJREF, ATTRIBUTE_NAME, ELEMENT(object)),
    ATTRIBUTE_BY(NFTA_SET_ELEM_KEY_END, ELEMENT(key_end), read_key),
    ATTRIBUTE_BY(NFTA_SET_ELEM_EXPRESSIONS, ELEMENT(expression), read_element_expressions),
    ATTRIBUTE_END,
};

static void decode_element(struct decoder *decoder, struct attribute attribute, struct nft_element *element)
{
    uint64_t seen;
    bool understood = attribute.type == NFTA_LIST_ELEM &&
                      attributes_decode(decoder, attribute.data, element_fields, element, &seen);
    /* all but the one for the rest have a key */
    if (understood && !(element->flags & NFT_SET_ELEM_CATCHALL) && !(seen & SEEN(NFTA_SET_ELEM_KEY)))
        understood = false;
    element->unknown_attribute = !understood;
}

struct element_list {
    struct nft_set *set;
    size_t maximum;
};

static bool read_elements(struct decoder *decoder, struct bytes data, void *record, void *member)
{
    const struct element_list *list = record;
    struct attribute_walk walk = {.rest = data};
    struct attribute attribute;
    (void)member;
    while (attribute_next(&walk, &attribute)) {
        if (list->set->elements.count >= list->maximum)
            return false;
        decode_element(decoder, attribute, list_append(&list->set->elements));
    }
    return !walk.broken;
}

static const struct attribute_field elements_fields[] = {
    ATTRIBUTE_SKIP(NFTA_SET_ELEM_LIST_TABLE),
    ATTRIBUTE_SKIP(NFTA_SET_ELEM_LIST_SET),
    ATTRIBUTE_BY(NFTA_SET_ELEM_LIST_ELEMENTS, 0, read_elements),
    ATTRIBUTE_SKIP(NFTA_SET_ELEM_LIST_SET_ID),
    ATTRIBUTE_END,
};

bool set_elements_decode(struct decoder *decoder, struct bytes bytes, size_t maximum, struct nft_set *set)
{
    struct element_list list = {.set = set, .maximum = maximum};
    return attributes_decode(decoder, bytes, elements_fields, &list, NULL);
}

/* ---- objects and flowtables ---- */
struct object_message {
    struct nft_stateful object;
    const char *table;
};

static const struct attribute_field object_fields[] = {
    ATTRIBUTE(NFTA_OBJ_TABLE, ATTRIBUTE_NAME, offsetof(struct object_message, table)),
    ATTRIBUTE(NFTA_OBJ_NAME, ATTRIBUTE_NAME, offsetof(struct object_message, object.name)),
    ATTRIBUTE(NFTA_OBJ_TYPE, ATTRIBUTE_U32, offsetof(struct object_message, object.type)),
    ATTRIBUTE(NFTA_OBJ_HANDLE, ATTRIBUTE_U64, offsetof(struct object_message, object.handle)),
    ATTRIBUTE_END,
};

bool object_decode(struct decoder *decoder, struct bytes bytes, const char **ret_table,
                   struct nft_stateful *ret_object)
{
    struct object_message message = {0};
    uint64_t seen, names = SEEN(NFTA_OBJ_TABLE) | SEEN(NFTA_OBJ_NAME);
    /* what else an object says has no part in a decision */
    attributes_decode(decoder, bytes, object_fields, &message, &seen);
    *ret_table = message.table;
    *ret_object = message.object;
    return (seen & names) == names;
}

static const struct attribute_field flowtable_hook_fields[] = {
    ATTRIBUTE(NFTA_FLOWTABLE_HOOK_NUM, ATTRIBUTE_U32, offsetof(struct hook, number)),
    ATTRIBUTE(NFTA_FLOWTABLE_HOOK_PRIORITY, ATTRIBUTE_U32, offsetof(struct hook, priority)),
    ATTRIBUTE_BY(NFTA_FLOWTABLE_HOOK_DEVS, offsetof(struct hook, devices), read_view),
    ATTRIBUTE_END,
};

struct flowtable_message {
    struct nft_flowtable flowtable;
    const char *table;
    struct bytes hook;
};

static const struct attribute_field flowtable_fields[] = {
    ATTRIBUTE(NFTA_FLOWTABLE_TABLE, ATTRIBUTE_NAME, offsetof(struct flowtable_message, table)),
    ATTRIBUTE(NFTA_FLOWTABLE_NAME, ATTRIBUTE_NAME, offsetof(struct flowtable_message, flowtable.name)),
    ATTRIBUTE_BY(NFTA_FLOWTABLE_HOOK, offsetof(struct flowtable_message, hook), read_view),
    ATTRIBUTE_END,
};

bool flowtable_decode(struct decoder *decoder, struct bytes bytes, const char **ret_table,
                      struct nft_flowtable *ret_flowtable)
{
    struct flowtable_message message = {0};
    struct hook hook = {0};
    name_list devices = {0};
    uint64_t seen, names = SEEN(NFTA_FLOWTABLE_TABLE) | SEEN(NFTA_FLOWTABLE_NAME);
    attributes_decode(decoder, bytes, flowtable_fields, &message, &seen);
    attributes_decode(decoder, message.hook, flowtable_hook_fields, &hook, NULL);
    decode_devices(decoder, hook.devices, &devices);
    message.flowtable.priority = hook.priority;
    message.flowtable.devices.items = devices.items;
    message.flowtable.devices.count = devices.count;
    message.flowtable.devices.capacity = devices.capacity;
    *ret_table = message.table;
    *ret_flowtable = message.flowtable;
    return (seen & names) == names;
}

bool generation_decode(struct bytes bytes, uint32_t *ret_generation)
{
    static const struct attribute_field fields[] = {
        ATTRIBUTE(NFTA_GEN_ID, ATTRIBUTE_U32, 0),
        ATTRIBUTE_END,
    };
    struct decoder decoder = {0};
    uint64_t seen;
    attributes_decode(&decoder, bytes, fields, ret_generation, &seen);
    return seen & SEEN(NFTA_GEN_ID);
}

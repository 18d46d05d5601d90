/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/decode/attribute.h"

#include "netns/base/text.h"

#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

bool attribute_next(struct attribute_walk *walk, struct attribute *ret_attribute)
{
    struct nlattr header;
    if (walk->broken || !walk->rest.length)
        return false;
    if (walk->rest.length >= sizeof(header))
        memcpy(&header, walk->rest.data, sizeof(header));
    if (walk->rest.length < sizeof(header) || header.nla_len < sizeof(header) ||
        header.nla_len > walk->rest.length) {
        walk->broken = true;
        return false;
    }
    *ret_attribute = (struct attribute){
        .type = header.nla_type & (uint16_t)NLA_TYPE_MASK,
        .data = {walk->rest.data + sizeof(header), header.nla_len - sizeof(header)},
    };
    /* the last attribute may lack its padding */
    size_t step = ((size_t)header.nla_len + NLA_ALIGNTO - 1) & ~(size_t)(NLA_ALIGNTO - 1);
    if (step > walk->rest.length)
        step = walk->rest.length;
    walk->rest.data += step;
    walk->rest.length -= step;
    return true;
}

bool decode_u16(struct bytes data, uint32_t *ret_value)
{
    uint16_t value;
    if (data.length != sizeof(value))
        return false;
    memcpy(&value, data.data, sizeof(value));
    *ret_value = be16toh(value);
    return true;
}

bool decode_u32(struct bytes data, uint32_t *ret_value)
{
    uint32_t value;
    if (data.length != sizeof(value))
        return false;
    memcpy(&value, data.data, sizeof(value));
    *ret_value = be32toh(value);
    return true;
}

bool decode_u64(struct bytes data, uint64_t *ret_value)
{
    uint64_t value;
    if (data.length != sizeof(value))
        return false;
    memcpy(&value, data.data, sizeof(value));
    *ret_value = be64toh(value);
    return true;
}

/* Without the NUL that ends it; *ret_whole as in decode_name(). */
static struct bytes text_bytes(struct bytes data, bool *ret_whole)
{
    const uint8_t *end = data.length ? memchr(data.data, 0, data.length) : NULL;
    size_t length = end ? (size_t)(end - data.data) : data.length;
    *ret_whole = length && end && length + 1 == data.length;
    return (struct bytes){data.data, length};
}

static const char *escape_name(struct arena *arena, const char *name)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER(4096);
    while (*name) {
        const char *start = name;
        uint32_t point = text_next(&name);
        bool bad = point == 0xFFFD && strncmp(start, "\xEF\xBF\xBD", 3) != 0;
        for (; bad && start < name; start++)
            buffer_printf(&buffer, "\\x%02x", (unsigned char)*start);
        if (!bad && point == '\\')
            buffer_append(&buffer, "\\");
        if (!bad)
            buffer_append_bytes(&buffer, start, (size_t)(name - start));
    }
    return arena_strdup(arena, buffer.data ? buffer.data : "");
}

const char *decode_name(struct arena *arena, struct bytes data, bool *ret_whole)
{
    struct bytes text = text_bytes(data, ret_whole);
    if (!text.length)
        return "";
    const char *name = arena_strndup(arena, (const char *)text.data, text.length);
    return text_is_utf8(name) && !strchr(name, '\\') ? name : escape_name(arena, name);
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

char *encode_name(const char *name)
{
    char *raw = memory_strdup(name), *out = raw;
    for (const char *in = name; *in; in++) {
        if (*in == '\\' && in[1] == 'x' && hex_digit(in[2]) >= 0 && hex_digit(in[3]) >= 0) {
            *out++ = (char)(hex_digit(in[2]) * 16 + hex_digit(in[3]));
            in += 3;
            continue;
        }
        if (*in == '\\' && in[1] == '\\')
            in++;
        *out++ = *in;
    }
    *out = '\0';
    return raw;
}

static bool read_text(struct decoder *decoder, struct bytes data, void *member)
{
    bool whole;
    struct bytes text = text_bytes(data, &whole);
    *(const char **)member = text_utf8(decoder->arena, text.data, text.length);
    return whole || (data.length == 1 && !data.data[0]); /* an empty text is one */
}

static bool read_name(struct decoder *decoder, struct bytes data, void *member)
{
    bool whole;
    *(const char **)member = decode_name(decoder->arena, data, &whole);
    return whole;
}

static bool read_u8(struct bytes data, uint32_t *member)
{
    if (data.length != 1)
        return false;
    *member = data.data[0];
    return true;
}

static bool is_register(uint32_t number)
{
    return (number >= NFT_REG_1 && number <= NFT_REG_4) || (number >= NFT_REG32_00 && number <= NFT_REG32_15);
}

static bool in_range(const struct attribute_field *field, const void *record)
{
    uint32_t value;
    if (!field->maximum)
        return true;
    memcpy(&value, (const char *)record + field->offset, sizeof(value));
    return value <= field->maximum;
}

static bool read_field(struct decoder *decoder, const struct attribute_field *field, struct bytes data,
                       void *record)
{
    void *member = (char *)record + field->offset;
    switch (field->kind) {
    case ATTRIBUTE_U8:
        return read_u8(data, member);
    case ATTRIBUTE_U16:
        return decode_u16(data, member);
    case ATTRIBUTE_U32:
        return decode_u32(data, member);
    case ATTRIBUTE_REGISTER:
        return decode_u32(data, member) && is_register(*(uint32_t *)member);
    case ATTRIBUTE_U64:
        return decode_u64(data, member);
    case ATTRIBUTE_NAME:
        return read_name(decoder, data, member);
    case ATTRIBUTE_TEXT:
        return read_text(decoder, data, member);
    case ATTRIBUTE_BYTES:
        *(struct bytes *)member =
            (struct bytes){arena_copy(decoder->arena, data.data, data.length), data.length};
        return true;
    case ATTRIBUTE_IGNORED:
        return true;
    case ATTRIBUTE_CUSTOM:
        return field->read(decoder, data, record, member);
    }
    return false;
}

static const struct attribute_field *find_field(const struct attribute_field *fields, uint16_t type)
{
    for (; fields->type; fields++) {
        if (fields->type == type)
            return fields;
    }
    return NULL;
}

bool attributes_decode(struct decoder *decoder, struct bytes bytes, const struct attribute_field *fields,
                       void *record, uint64_t *ret_seen)
{
    struct attribute_walk walk = {.rest = bytes};
    struct attribute attribute;
    uint64_t seen = 0, met = 0;
    bool understood = true;
    while (attribute_next(&walk, &attribute)) {
        const struct attribute_field *field = find_field(fields, attribute.type);
        /* the first of two may have filled its member, and been refused all the same */
        if (!field || (met & ATTRIBUTE_SEEN(field->type))) {
            understood = false;
            decoder->malformed = decoder->malformed || field;
            continue;
        }
        met |= ATTRIBUTE_SEEN(field->type);
        /* an attribute of a wrong length is as good as absent */
        bool readable = read_field(decoder, field, attribute.data, record);
        if (readable)
            seen |= ATTRIBUTE_SEEN(field->type);
        if (!readable && field->kind != ATTRIBUTE_CUSTOM)
            decoder->malformed = true;
        understood = understood && readable && in_range(field, record);
    }
    decoder->malformed = decoder->malformed || walk.broken;
    if (ret_seen)
        *ret_seen = seen;
    return understood && !walk.broken;
}

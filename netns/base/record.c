/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/record.h"

#include "netns/base/address.h"
#include "netns/base/interval.h"
#include "netns/base/text.h"

#include <errno.h>
#include <stdarg.h>

#define EXACT_MAX 9007199254740991.0 /* 2^53 - 1 */

/* ---- members as bytes: a table knows offsets and sizes, not types ---- */
static const void *member_of(const void *record, const struct field *field)
{
    return (const char *)record + field->offset;
}

static uint64_t load_unsigned(const void *member, size_t size)
{
    uint8_t one;
    uint16_t two;
    uint32_t four;
    uint64_t eight = 0;
    switch (size) {
    case 1:
        memcpy(&one, member, 1);
        return one;
    case 2:
        memcpy(&two, member, 2);
        return two;
    case 4:
        memcpy(&four, member, 4);
        return four;
    default:
        memcpy(&eight, member, sizeof(eight));
        return eight;
    }
}

static int64_t load_signed(const void *member, size_t size)
{
    uint64_t value = load_unsigned(member, size);
    unsigned unused = size < 8 ? 64 - 8 * (unsigned)size : 0;
    return (int64_t)(value << unused) >> unused;
}

static void store_unsigned(void *member, size_t size, uint64_t value)
{
    uint8_t one = (uint8_t)value;
    uint16_t two = (uint16_t)value;
    uint32_t four = (uint32_t)value;
    const void *from = size == 1   ? &one
                       : size == 2 ? (void *)&two
                       : size == 4 ? (void *)&four
                                   : (void *)&value;
    memcpy(member, from, size <= 4 ? size : sizeof(value));
}

static uint64_t unsigned_max(size_t size)
{
    return size >= 8 ? UINT64_MAX : ((uint64_t)1 << 8 * size) - 1;
}

static void *load_pointer(const void *member)
{
    void *pointer;
    memcpy(&pointer, member, sizeof(pointer));
    return pointer;
}

static struct list_head load_list(const void *member)
{
    struct list_head list;
    memcpy(&list, member, sizeof(list));
    return list;
}

static enum ip_family sibling_family(const void *record, const struct field *field)
{
    enum ip_family family;
    memcpy(&family, (const char *)record + field->sibling, sizeof(family));
    return family;
}

/* ---- is a member zero, so that it can be left out? ---- */
static bool record_empty(const struct record_type *type, const void *record);

static bool all_zero(const void *member, size_t size)
{
    const uint8_t *bytes = member;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

static bool member_empty(const void *record, const struct field *field)
{
    const void *member = member_of(record, field);
    const struct record_type *chosen;
    struct bytes bytes;
    struct address address;
    switch (field->kind) {
    case FIELD_BYTES:
        memcpy(&bytes, member, sizeof(bytes));
        return bytes.length == 0;
    case FIELD_ADDRESS:
    case FIELD_PREFIX: /* begins with its address */
        memcpy(&address, member, sizeof(address));
        return address.family == FAMILY_NONE;
    case FIELD_INTERVALS:
    case FIELD_LIST:
    case FIELD_TEXT_LIST:
    case FIELD_NUMBER_LIST:
        return load_list(member).count == 0;
    case FIELD_RECORD:
        return record_empty(field->type, member);
    case FIELD_UNION:
        chosen = field->choose(record);
        return !chosen || record_empty(chosen, member);
    default:
        return all_zero(member, field->size);
    }
}

static bool record_empty(const struct record_type *type, const void *record)
{
    for (const struct field *field = type->fields; field->name; field++) {
        if (!member_empty(record, field))
            return false;
    }
    return true;
}

/* ---- writing: one function a kind ---- */
static const char *word_at(const char *const *words, uint64_t index)
{
    for (uint64_t i = 0; words[i]; i++) {
        if (i == index)
            return words[i];
    }
    return NULL;
}

static void write_bool(struct json_writer *writer, const void *record, const struct field *field)
{
    json_put_bool(writer, load_unsigned(member_of(record, field), field->size) != 0);
}

static void write_unsigned(struct json_writer *writer, const void *record, const struct field *field)
{
    json_put_unsigned(writer, load_unsigned(member_of(record, field), field->size));
}

static void write_signed(struct json_writer *writer, const void *record, const struct field *field)
{
    json_put_signed(writer, load_signed(member_of(record, field), field->size));
}

static void write_decimal(struct json_writer *writer, const void *record, const struct field *field)
{
    char text[24];
    uint64_t value = load_unsigned(member_of(record, field), field->size);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    json_put_text(writer, text);
}

static void write_text(struct json_writer *writer, const void *record, const struct field *field)
{
    json_put_text(writer, load_pointer(member_of(record, field)));
}

static void write_bytes(struct json_writer *writer, const void *record, const struct field *field)
{
    static const char digits[] = "0123456789abcdef";
    struct bytes bytes;
    memcpy(&bytes, member_of(record, field), sizeof(bytes));
    _cleanup_free_ char *text = memory_resize(NULL, bytes.length + 1, 2);
    for (size_t i = 0; i < bytes.length; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    text[2 * bytes.length] = '\0';
    json_put_text(writer, text);
}

static void write_address(struct json_writer *writer, const void *record, const struct field *field)
{
    struct address address;
    memcpy(&address, member_of(record, field), sizeof(address));
    json_put_text(writer, address.family == FAMILY_NONE ? NULL : ADDRESS_TEXT(address));
}

static void put_prefix(struct json_writer *writer, struct prefix prefix)
{
    json_put_text(writer, prefix.address.family == FAMILY_NONE ? NULL : PREFIX_TEXT(prefix));
}

static void write_prefix(struct json_writer *writer, const void *record, const struct field *field)
{
    struct prefix prefix;
    memcpy(&prefix, member_of(record, field), sizeof(prefix));
    put_prefix(writer, prefix);
}

static void write_mac(struct json_writer *writer, const void *record, const struct field *field)
{
    struct mac mac;
    memcpy(&mac, member_of(record, field), sizeof(mac));
    json_put_text(writer, mac_print(mac, (char[MAC_TEXT_MAX]){0}));
}

/* A number that has no word is null: it is no value of the format, and is refused when read. */
static void write_word(struct json_writer *writer, const void *record, const struct field *field)
{
    const char *word = word_at(field->words, load_unsigned(member_of(record, field), field->size));
    json_put_text(writer, word && *word ? word : NULL);
}

/* Bits without a word are written as "bit:N", so that none is lost. */
static void write_flags(struct json_writer *writer, const void *record, const struct field *field)
{
    uint64_t flags = load_unsigned(member_of(record, field), field->size);
    json_array_begin(writer);
    for (unsigned bit = 0; bit < 8 * field->size; bit++) {
        char text[16];
        if ((flags >> bit & 1) == 0)
            continue;
        const char *word = word_at(field->words, bit);
        snprintf(text, sizeof(text), "bit:%u", bit);
        json_put_text(writer, word && *word ? word : text);
    }
    json_array_end(writer);
}

static void write_intervals(struct json_writer *writer, const void *record, const struct field *field)
{
    struct interval_set set;
    struct prefix_list prefixes = {0};
    memcpy(&set, member_of(record, field), sizeof(set));
    interval_set_prefixes(&set, sibling_family(record, field), &prefixes);
    json_array_begin(writer);
    list_each(struct prefix, prefix, &prefixes)
        put_prefix(writer, *prefix);
    json_array_end(writer);
    list_free(&prefixes);
}

static void write_record(struct json_writer *writer, const void *record, const struct field *field)
{
    record_write(writer, field->type, member_of(record, field));
}

static void write_pointer(struct json_writer *writer, const void *record, const struct field *field)
{
    const void *pointed = load_pointer(member_of(record, field));
    if (pointed)
        record_write(writer, field->type, pointed);
    else
        json_put_null(writer);
}

static void write_list(struct json_writer *writer, const void *record, const struct field *field)
{
    struct list_head list = load_list(member_of(record, field));
    json_array_begin(writer);
    for (size_t i = 0; i < list.count; i++)
        record_write(writer, field->type, (const char *)list.items + i * field->type->size);
    json_array_end(writer);
}

static void write_text_list(struct json_writer *writer, const void *record, const struct field *field)
{
    struct list_head list = load_list(member_of(record, field));
    json_array_begin(writer);
    for (size_t i = 0; i < list.count; i++)
        json_put_text(writer, load_pointer((const char *)list.items + i * sizeof(const char *)));
    json_array_end(writer);
}

static void write_number_list(struct json_writer *writer, const void *record, const struct field *field)
{
    struct list_head list = load_list(member_of(record, field));
    json_array_begin(writer);
    for (size_t i = 0; i < list.count; i++)
        json_put_unsigned(writer,
                          load_unsigned((const char *)list.items + i * sizeof(uint32_t), sizeof(uint32_t)));
    json_array_end(writer);
}

static void write_union(struct json_writer *writer, const void *record, const struct field *field)
{
    const struct record_type *type = field->choose(record);
    if (type)
        record_write(writer, type, member_of(record, field));
    else
        json_put_null(writer);
}

static void write_custom(struct json_writer *writer, const void *record, const struct field *field)
{
    field->write(writer, record, member_of(record, field));
}

/* ---- reading: one function a kind. A message begins where its path ends: ": is not a text". ---- */
__attribute__((format(printf, 2, 3))) static int bad(struct error *error, const char *format, ...)
{
    char text[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(error, EINVAL, "bad-file", NULL, "%s", text);
}

/* Puts ".NAME" or "[INDEX]" before the message: the path grows from its end. */
__attribute__((format(printf, 2, 3))) static int beneath(struct error *error, const char *format, ...)
{
    if (!error_is_set(error))
        return -EINVAL;
    char step[128], message[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(step, sizeof(step), format, arguments);
    va_end(arguments);
    bool path = strchr(".[:", error->message[0]) != NULL; /* a custom reader's message may have none */
    snprintf(message, sizeof(message), "%s%s%.*s", step, path ? "" : ": ",
             (int)(sizeof(message) - sizeof(step) - 3), error->message);
    memcpy(error->message, message, sizeof(message));
    return -error->status;
}

struct reading {
    struct arena *arena;
    void *record;
    const struct field *field;
    void *member;
    struct error *error;
};

static int read_members(const cJSON *value, const struct record_type *type, struct arena *arena, void *record,
                        struct error *error);

static int read_bool(const cJSON *value, const struct reading *to)
{
    if (!cJSON_IsBool(value))
        return bad(to->error, ": is neither true nor false");
    bool flag = cJSON_IsTrue(value);
    memcpy(to->member, &flag, sizeof(flag));
    return 0;
}

/* A whole number in [0, maximum], as a number or as text. */
static bool value_unsigned(const cJSON *value, uint64_t maximum, uint64_t *ret_number)
{
    if (cJSON_IsString(value))
        return text_number(value->valuestring, 0, maximum, ret_number);
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0 && value->valuedouble <= EXACT_MAX))
        return false;
    uint64_t number = (uint64_t)value->valuedouble;
    if ((double)number < value->valuedouble || number > maximum)
        return false;
    *ret_number = number;
    return true;
}

static int read_unsigned(const cJSON *value, const struct reading *to)
{
    uint64_t number, maximum = unsigned_max(to->field->size);
    if (!value_unsigned(value, maximum, &number))
        return bad(to->error, ": is not a whole number from 0 to %llu", (unsigned long long)maximum);
    store_unsigned(to->member, to->field->size, number);
    return 0;
}

/* -maximum - 1 .. maximum */
static bool value_signed(const cJSON *value, uint64_t maximum, uint64_t *ret_bits)
{
    cJSON positive;
    if (cJSON_IsString(value) && value->valuestring[0] == '-') {
        if (!text_number(value->valuestring + 1, 0, maximum + 1, ret_bits))
            return false;
        *ret_bits = -*ret_bits;
        return true;
    }
    if (cJSON_IsNumber(value) && value->valuedouble < 0) {
        positive = (cJSON){.type = cJSON_Number, .valuedouble = -value->valuedouble};
        if (!value_unsigned(&positive, maximum + 1, ret_bits))
            return false;
        *ret_bits = -*ret_bits;
        return true;
    }
    return value_unsigned(value, maximum, ret_bits);
}

static int read_signed(const cJSON *value, const struct reading *to)
{
    uint64_t bits, maximum = unsigned_max(to->field->size) >> 1;
    if (!value_signed(value, maximum, &bits))
        return bad(to->error, ": is not a whole number from -%llu to %llu", (unsigned long long)maximum + 1,
                   (unsigned long long)maximum);
    store_unsigned(to->member, to->field->size, bits);
    return 0;
}

static int read_text(const cJSON *value, const struct reading *to)
{
    const char *text = NULL;
    if (cJSON_IsString(value))
        text = arena_strdup(to->arena, value->valuestring);
    else if (!cJSON_IsNull(value))
        return bad(to->error, ": is not a text");
    memcpy(to->member, &text, sizeof(text));
    return 0;
}

static int read_name(const cJSON *value, const struct reading *to)
{
    return cJSON_IsString(value) ? read_text(value, to) : bad(to->error, ": is not a name");
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_bytes(const cJSON *value, const struct reading *to)
{
    size_t length = cJSON_IsString(value) ? strlen(value->valuestring) : 1;
    if (length % 2 != 0)
        return bad(to->error, ": is not bytes as hexadecimal text");
    if (length == 0)
        return 0;
    uint8_t *data = arena_alloc(to->arena, length / 2);
    for (size_t i = 0; i < length; i += 2) {
        int high = hex_digit(value->valuestring[i]), low = hex_digit(value->valuestring[i + 1]);
        if (high < 0 || low < 0)
            return bad(to->error, ": is not bytes as hexadecimal text");
        data[i / 2] = (uint8_t)(high << 4 | low);
    }
    struct bytes bytes = {data, length / 2};
    memcpy(to->member, &bytes, sizeof(bytes));
    return 0;
}

static int read_address(const cJSON *value, const struct reading *to)
{
    struct address address = {0};
    if (!cJSON_IsNull(value) && address_parse(cJSON_GetStringValue(value), &address, NULL) < 0)
        return bad(to->error, ": is not an IP address");
    memcpy(to->member, &address, sizeof(address));
    return 0;
}

static int read_prefix(const cJSON *value, const struct reading *to)
{
    struct prefix prefix = {0};
    if (!cJSON_IsNull(value) && prefix_parse(cJSON_GetStringValue(value), false, &prefix, NULL) < 0)
        return bad(to->error, ": is not a prefix");
    memcpy(to->member, &prefix, sizeof(prefix));
    return 0;
}

static int read_mac(const cJSON *value, const struct reading *to)
{
    struct mac mac;
    if (mac_parse(cJSON_GetStringValue(value), &mac) < 0)
        return bad(to->error, ": is not a hardware address");
    memcpy(to->member, &mac, sizeof(mac));
    return 0;
}

static bool word_index(const char *const *words, const char *word, uint64_t *ret_index)
{
    for (uint64_t i = 0; word && *word && words[i]; i++) {
        if (strcmp(words[i], word) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static int read_word(const cJSON *value, const struct reading *to)
{
    uint64_t index;
    const char *word = cJSON_GetStringValue(value);
    if (!word)
        return bad(to->error, ": is not a text");
    if (!word_index(to->field->words, word, &index))
        return bad(to->error, ": \"%.64s\" is not a word that is known here", word);
    store_unsigned(to->member, to->field->size, index);
    return 0;
}

static int read_flags(const cJSON *value, const struct reading *to)
{
    uint64_t flags = 0, bit;
    const cJSON *item;
    if (!cJSON_IsArray(value))
        return bad(to->error, ": is not a list");
    cJSON_ArrayForEach(item, value)
    {
        const char *word = cJSON_GetStringValue(item);
        uint64_t last = 8 * to->field->size - 1;
        bool known = word_index(to->field->words, word, &bit) && bit <= last;
        if (!known && !(word && text_starts(word, "bit:") && text_number(word + 4, 0, last, &bit)))
            return bad(to->error, ": \"%.64s\" is not a flag that is known here", word ? word : "");
        flags |= (uint64_t)1 << bit;
    }
    store_unsigned(to->member, to->field->size, flags);
    return 0;
}

static int read_prefixes(const cJSON *value, const struct reading *to, struct prefix_list *list)
{
    enum ip_family family = sibling_family(to->record, to->field);
    const cJSON *item;
    if (!cJSON_IsArray(value))
        return bad(to->error, ": is not a list");
    cJSON_ArrayForEach(item, value)
    {
        struct prefix prefix;
        if (prefix_parse(cJSON_GetStringValue(item), false, &prefix, NULL) < 0 ||
            prefix.address.family != family)
            return bad(to->error, "[%zu]: is not a prefix of its family", list->count);
        *list_append(list) = prefix;
    }
    return 0;
}

static int read_intervals(const cJSON *value, const struct reading *to)
{
    struct prefix_list prefixes = {0};
    int r = read_prefixes(value, to, &prefixes);
    if (r == 0) {
        struct interval_set set =
            interval_set_from_prefixes(&prefixes, sibling_family(to->record, to->field));
        memcpy(to->member, &set, sizeof(set));
    }
    list_free(&prefixes);
    return r;
}

static int read_record(const cJSON *value, const struct reading *to)
{
    return read_members(value, to->field->type, to->arena, to->member, to->error);
}

static int read_pointer(const cJSON *value, const struct reading *to)
{
    if (cJSON_IsNull(value))
        return 0;
    void *pointed = arena_alloc(to->arena, to->field->type->size);
    memcpy(to->member, &pointed, sizeof(pointed));
    return read_members(value, to->field->type, to->arena, pointed, to->error);
}

/* Appends a zeroed item to a list of any type. */
static void *append_item(void *member, size_t size)
{
    struct list_head list = load_list(member);
    if (list.count == list.capacity)
        list_grow(&list, size);
    void *item = (char *)list.items + list.count++ * size;
    memset(item, 0, size);
    memcpy(member, &list, sizeof(list));
    return item;
}

static int read_list(const cJSON *value, const struct reading *to)
{
    size_t index = 0;
    const cJSON *item;
    if (!cJSON_IsArray(value))
        return bad(to->error, ": is not a list");
    cJSON_ArrayForEach(item, value)
    {
        void *record = append_item(to->member, to->field->type->size);
        int r = read_members(item, to->field->type, to->arena, record, to->error);
        if (r < 0)
            return beneath(to->error, "[%zu]", index);
        index++;
    }
    return 0;
}

static int read_text_list(const cJSON *value, const struct reading *to)
{
    const cJSON *item;
    if (!cJSON_IsArray(value))
        return bad(to->error, ": is not a list");
    cJSON_ArrayForEach(item, value)
    {
        if (!cJSON_IsString(item))
            return bad(to->error, "[%zu]: is not a text", load_list(to->member).count);
        const char *text = arena_strdup(to->arena, item->valuestring);
        memcpy(append_item(to->member, sizeof(text)), &text, sizeof(text));
    }
    return 0;
}

static int read_number_list(const cJSON *value, const struct reading *to)
{
    const cJSON *item;
    if (!cJSON_IsArray(value))
        return bad(to->error, ": is not a list");
    cJSON_ArrayForEach(item, value)
    {
        uint64_t number;
        if (!value_unsigned(item, UINT32_MAX, &number))
            return bad(to->error, "[%zu]: is not a whole number from 0 to %u", load_list(to->member).count,
                       UINT32_MAX);
        store_unsigned(append_item(to->member, sizeof(uint32_t)), sizeof(uint32_t), number);
    }
    return 0;
}

static int read_union(const cJSON *value, const struct reading *to)
{
    const struct record_type *type = to->field->choose(to->record);
    if (!type)
        return 0; /* nothing belongs to this kind */
    return read_members(value, type, to->arena, to->member, to->error);
}

static int read_custom(const cJSON *value, const struct reading *to)
{
    int r = to->field->read(value, to->arena, to->record, to->member, to->error);
    return r < 0 ? r : 0;
}

/* ---- the kinds ---- */
struct kind {
    void (*write)(struct json_writer *writer, const void *record, const struct field *field);
    int (*read)(const cJSON *value, const struct reading *to);
    bool follows; /* reading it needs a sibling, wherever that stands in the table */
};

static const struct kind kinds[] = {
    [FIELD_BOOL] = {write_bool, read_bool, false},
    [FIELD_UNSIGNED] = {write_unsigned, read_unsigned, false},
    [FIELD_SIGNED] = {write_signed, read_signed, false},
    [FIELD_DECIMAL] = {write_decimal, read_unsigned, false},
    [FIELD_TEXT] = {write_text, read_text, false},
    [FIELD_NAME] = {write_text, read_name, false},
    [FIELD_BYTES] = {write_bytes, read_bytes, false},
    [FIELD_ADDRESS] = {write_address, read_address, false},
    [FIELD_PREFIX] = {write_prefix, read_prefix, false},
    [FIELD_MAC] = {write_mac, read_mac, false},
    [FIELD_WORD] = {write_word, read_word, false},
    [FIELD_FLAGS] = {write_flags, read_flags, false},
    [FIELD_INTERVALS] = {write_intervals, read_intervals, true},
    [FIELD_RECORD] = {write_record, read_record, false},
    [FIELD_POINTER] = {write_pointer, read_pointer, false},
    [FIELD_LIST] = {write_list, read_list, false},
    [FIELD_TEXT_LIST] = {write_text_list, read_text_list, false},
    [FIELD_NUMBER_LIST] = {write_number_list, read_number_list, false},
    [FIELD_UNION] = {write_union, read_union, true},
    [FIELD_CUSTOM] = {write_custom, read_custom, true},
};

void record_write_members(struct json_writer *writer, const struct record_type *type, const void *record)
{
    for (const struct field *field = type->fields; field->name; field++) {
        if (field->optional && member_empty(record, field))
            continue;
        json_name(writer, field->name);
        kinds[field->kind].write(writer, record, field);
    }
}

void record_write(struct json_writer *writer, const struct record_type *type, const void *record)
{
    json_object_begin(writer);
    record_write_members(writer, type, record);
    json_object_end(writer);
}

/* The member of that name. Ours stand in the table's order: mostly it is the next one. */
static const cJSON *find_member(const cJSON *object, const char *name, const cJSON **next)
{
    const cJSON *member = *next;
    if (!member || !member->string || strcmp(member->string, name) != 0)
        member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (member)
        *next = member->next;
    return member;
}

static int read_pass(const cJSON *value, const struct record_type *type, struct reading *to, bool follows)
{
    const cJSON *next = value->child;
    for (const struct field *field = type->fields; field->name; field++) {
        if (kinds[field->kind].follows != follows)
            continue;
        const cJSON *member = find_member(value, field->name, &next);
        if (!member && field->optional)
            continue;
        to->field = field;
        to->member = (char *)to->record + field->offset;
        int r = member ? kinds[field->kind].read(member, to) : bad(to->error, ": is missing");
        if (r < 0)
            return beneath(to->error, ".%s", field->name);
    }
    return 0;
}

static int read_members(const cJSON *value, const struct record_type *type, struct arena *arena, void *record,
                        struct error *error)
{
    struct reading to = {.arena = arena, .record = record, .error = error};
    if (!cJSON_IsObject(value))
        return bad(error, ": is not an object (%s)", type->name);
    int r = read_pass(value, type, &to, false);
    return r < 0 ? r : read_pass(value, type, &to, true);
}

int record_read(const cJSON *value, const struct record_type *type, struct arena *arena, void *record,
                struct error *error)
{
    int r = read_members(value, type, arena, record, error);
    if (r < 0 && error) {
        const char *path = error->message;
        char message[ERROR_MESSAGE_MAX];
        if (*path == '.')
            snprintf(message, sizeof(message), "%s", path + 1);
        else
            snprintf(message, sizeof(message), "%.64s%.*s", type->name, ERROR_MESSAGE_MAX - 70, path);
        memcpy(error->message, message, sizeof(message));
    }
    return r;
}

/* ---- freeing ---- */
static void free_member(const struct field *field, void *record)
{
    void *member = (char *)record + field->offset, *pointed;
    const struct record_type *chosen;
    struct list_head list;
    switch (field->kind) {
    case FIELD_LIST:
        list = load_list(member);
        for (size_t i = 0; i < list.count; i++)
            record_free(field->type, (char *)list.items + i * field->type->size);
        __attribute__((fallthrough));
    case FIELD_TEXT_LIST:
    case FIELD_NUMBER_LIST:
    case FIELD_INTERVALS:
        list = load_list(member);
        free(list.items);
        memset(member, 0, sizeof(list));
        break;
    case FIELD_RECORD:
        record_free(field->type, member);
        break;
    case FIELD_POINTER:
        pointed = load_pointer(member);
        if (pointed)
            record_free(field->type, pointed);
        break;
    case FIELD_UNION:
        chosen = field->choose(record);
        if (chosen)
            record_free(chosen, member);
        break;
    default:
        break;
    }
}

void record_free(const struct record_type *type, void *record)
{
    for (const struct field *field = type->fields; field->name; field++)
        free_member(field, record);
}

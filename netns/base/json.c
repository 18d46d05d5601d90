/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/json.h"

#include "netns/base/text.h"

#include <errno.h>

#define NUMBER_MAX 9007199254740991u /* 2^53 - 1: whole numbers up to here are exact in every reader */

/* ---- reading ---- */
void cleanup_json(cJSON **value)
{
    cJSON_Delete(*value);
    *value = NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int bad_json(const char *bytes, size_t length, size_t at, const char *subject, struct error *error)
{
    char where[ERROR_SUBJECT_MAX];
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < length; i++) {
        bool ends = bytes[i] == '\n';
        line += ends;
        column = ends ? 1 : column + 1;
    }
    snprintf(where, sizeof(where), "%s:%zu:%zu", subject ? subject : "", line, column);
    return error_set(error, EINVAL, "bad-json", where, "this is not JSON (line %zu, column %zu)%s", line,
                     column, at >= length ? ": it ends too early" : "");
}

/*
 * cJSON ends a text at the escape \u0000, so that "good\u0000evil" would pass for "good": such an escape
 * becomes U+FFFD. Returns a patched copy, or NULL where there is none to patch.
 */
static char *without_nul(const char *bytes, size_t length)
{
    static const char nul[] = "\\u0000";
    if (!memmem(bytes, length, nul, sizeof(nul) - 1))
        return NULL;
    char *copy = memory_alloc(length);
    memcpy(copy, bytes, length);
    for (size_t i = 0; i < length; i++) {
        if (copy[i] != '\\')
            continue;
        if (length - i >= sizeof(nul) - 1 && memcmp(copy + i, nul, sizeof(nul) - 1) == 0)
            memcpy(copy + i + 2, "fffd", 4);
        i++; /* what is escaped begins no escape itself */
    }
    return copy;
}

cJSON *json_parse(const char *bytes, size_t length, const char *subject, struct error *error)
{
    _cleanup_free_ char *patched = length > 0 ? without_nul(bytes, length) : NULL;
    const char *text = patched ? patched : bytes;
    const char *end = text;
    cJSON *value = length > 0 ? cJSON_ParseWithLengthOpts(text, length, &end, false) : NULL;
    size_t at = end ? (size_t)(end - text) : 0;
    if (!value) {
        bad_json(bytes, length, at, subject, error);
        return NULL;
    }
    while (at < length && is_blank(bytes[at]))
        at++;
    if (at == length)
        return value;
    cJSON_Delete(value);
    bad_json(bytes, length, at, subject, error);
    return NULL;
}

const cJSON *json_member(const cJSON *object, const char *member)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, member) : NULL;
}

const char *json_text(const cJSON *object, const char *member)
{
    return cJSON_GetStringValue(json_member(object, member));
}

bool json_bool(const cJSON *object, const char *member)
{
    return cJSON_IsTrue(json_member(object, member));
}

bool json_unsigned(const cJSON *object, const char *member, uint64_t maximum, uint64_t *ret_value)
{
    const cJSON *value = json_member(object, member);
    if (cJSON_IsString(value))
        return text_number(value->valuestring, 0, maximum, ret_value);
    if (!cJSON_IsNumber(value))
        return false;
    double number = value->valuedouble;
    if (!(number >= 0 && number <= (double)NUMBER_MAX) || (double)(uint64_t)number < number)
        return false;
    if ((uint64_t)number > maximum)
        return false;
    *ret_value = (uint64_t)number;
    return true;
}

/* ---- writing ---- */
struct json_writer json_writer(FILE *file, bool pretty)
{
    return (struct json_writer){.file = file, .pretty = pretty, .first = true};
}

static void new_line(struct json_writer *writer)
{
    if (!writer->pretty)
        return;
    putc_unlocked('\n', writer->file);
    for (unsigned i = 0; i < writer->depth; i++)
        fputs("  ", writer->file);
}

/* Before a value or a member's name: the comma and the line break, unless it stands behind its name. */
static void item_begin(struct json_writer *writer)
{
    if (writer->after_name) {
        writer->after_name = false;
        return;
    }
    if (writer->depth == 0)
        return;
    if (!writer->first)
        putc_unlocked(',', writer->file);
    new_line(writer);
    writer->first = false;
}

static void level_begin(struct json_writer *writer, char open)
{
    item_begin(writer);
    putc_unlocked(open, writer->file);
    writer->depth++;
    writer->first = true;
}

static void level_end(struct json_writer *writer, char close)
{
    bool empty = writer->first;
    writer->depth--;
    writer->first = false; /* of the level around: it holds this one */
    if (!empty)
        new_line(writer);
    putc_unlocked(close, writer->file);
    if (writer->depth == 0 && writer->pretty)
        putc_unlocked('\n', writer->file);
}

void json_object_begin(struct json_writer *writer)
{
    level_begin(writer, '{');
}

void json_object_end(struct json_writer *writer)
{
    level_end(writer, '}');
}

void json_array_begin(struct json_writer *writer)
{
    level_begin(writer, '[');
}

void json_array_end(struct json_writer *writer)
{
    level_end(writer, ']');
}

/* How many bytes at text can stand in a JSON string as they are: ASCII without controls, quote, backslash. */
static size_t plain_length(const char *text)
{
    size_t length = 0;
    while ((uint8_t)text[length] >= 0x20 && (uint8_t)text[length] < 0x7f && text[length] != '"' &&
           text[length] != '\\')
        length++;
    return length;
}

/* The letter of a short escape (RFC 8259, 7), or 0. */
static char short_escape(uint32_t point)
{
    switch (point) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

/* DEL and the C1 controls drive terminals; U+2028 and U+2029 end lines in JavaScript. */
static bool needs_escape(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029;
}

static void put_point(struct json_writer *writer, const char **text)
{
    const char *from = *text;
    uint32_t point = text_next(text);
    char letter = short_escape(point);
    if (letter)
        fprintf(writer->file, "\\%c", letter);
    else if (needs_escape(point))
        fprintf(writer->file, "\\u%04x", (unsigned)point);
    else if (point == 0xfffd)
        fputs("\xef\xbf\xbd", writer->file); /* its own, or that of an ill-formed part */
    else
        fwrite(from, 1, (size_t)(*text - from), writer->file);
}

static void put_string(struct json_writer *writer, const char *text)
{
    putc_unlocked('"', writer->file);
    while (*text != '\0') {
        size_t plain = plain_length(text);
        if (plain > 0)
            fwrite(text, 1, plain, writer->file);
        text += plain;
        if (*text != '\0')
            put_point(writer, &text);
    }
    putc_unlocked('"', writer->file);
}

void json_name(struct json_writer *writer, const char *name)
{
    item_begin(writer);
    put_string(writer, name);
    fputs(writer->pretty ? ": " : ":", writer->file);
    writer->after_name = true;
}

void json_put_text(struct json_writer *writer, const char *text)
{
    if (!text) {
        json_put_null(writer);
        return;
    }
    item_begin(writer);
    put_string(writer, text);
}

void json_put_unsigned(struct json_writer *writer, uint64_t number)
{
    const char *quote = number > NUMBER_MAX ? "\"" : "";
    item_begin(writer);
    fprintf(writer->file, "%s%llu%s", quote, (unsigned long long)number, quote);
}

void json_put_signed(struct json_writer *writer, int64_t number)
{
    const char *quote = number > (int64_t)NUMBER_MAX || number < -(int64_t)NUMBER_MAX ? "\"" : "";
    item_begin(writer);
    fprintf(writer->file, "%s%lld%s", quote, (long long)number, quote);
}

void json_put_bool(struct json_writer *writer, bool value)
{
    item_begin(writer);
    fputs(value ? "true" : "false", writer->file);
}

void json_put_null(struct json_writer *writer)
{
    item_begin(writer);
    fputs("null", writer->file);
}

void json_member_text(struct json_writer *writer, const char *name, const char *text)
{
    json_name(writer, name);
    json_put_text(writer, text);
}

void json_member_unsigned(struct json_writer *writer, const char *name, uint64_t number)
{
    json_name(writer, name);
    json_put_unsigned(writer, number);
}

void json_member_bool(struct json_writer *writer, const char *name, bool value)
{
    json_name(writer, name);
    json_put_bool(writer, value);
}

void json_member_null(struct json_writer *writer, const char *name)
{
    json_name(writer, name);
    json_put_null(writer);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/text.h"

#define REPLACEMENT 0xfffdu

/* ---- UTF-8 ---- */

/* What a lead byte says: how many bytes follow, and the range of the second (Unicode 15, table 3-7). */
struct lead {
    uint8_t follow, second_min, second_max, bits;
};

static struct lead lead_of(uint8_t byte)
{
    if (byte < 0xc2 || byte > 0xf4)
        return (struct lead){0}; /* ASCII, a continuation, an overlong or too large form */
    if (byte < 0xe0)
        return (struct lead){1, 0x80, 0xbf, byte & 0x1f};
    if (byte < 0xf0) /* no overlong forms, no surrogates */
        return (struct lead){2, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf, byte & 0x0f};
    return (struct lead){3, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf, byte & 0x07};
}

/*
 * Decodes one code point of (bytes, length), length > 0. Ill-formed: false, and *ret_used is the maximal
 * subpart that one U+FFFD stands for.
 */
static bool decode(const uint8_t *bytes, size_t length, uint32_t *ret_point, size_t *ret_used)
{
    *ret_used = 1;
    *ret_point = bytes[0];
    if (bytes[0] < 0x80)
        return true;
    struct lead lead = lead_of(bytes[0]);
    *ret_point = REPLACEMENT;
    if (lead.follow == 0)
        return false;
    uint32_t point = lead.bits;
    for (size_t i = 1; i <= lead.follow; i++) {
        uint8_t minimum = i == 1 ? lead.second_min : 0x80, maximum = i == 1 ? lead.second_max : 0xbf;
        if (i == length || bytes[i] < minimum || bytes[i] > maximum)
            return false;
        point = point << 6 | (bytes[i] & 0x3fu);
        *ret_used = i + 1;
    }
    *ret_point = point;
    return true;
}

/* Copies well-formed parts and U+FFFD for the rest; with to == NULL it only counts. */
static size_t repair(const uint8_t *bytes, size_t length, char *to)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t written = 0;
    for (size_t i = 0, used; i < length; i += used) {
        uint32_t point;
        bool good = decode(bytes + i, length - i, &point, &used) && point != 0;
        size_t size = good ? used : 3;
        if (to)
            memcpy(to + written, good ? (const char *)bytes + i : replacement, size);
        written += size;
    }
    return written;
}

char *text_utf8(struct arena *arena, const void *bytes, size_t length)
{
    size_t size = repair(bytes, length, NULL);
    char *text = arena_alloc(arena, size + 1);
    repair(bytes, length, text);
    return text;
}

bool text_is_utf8(const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t i = 0, used, length = strlen(text); i < length; i += used) {
        uint32_t point;
        if (!decode(bytes + i, length - i, &point, &used))
            return false;
    }
    return true;
}

uint32_t text_next(const char **text)
{
    uint32_t point;
    size_t used;
    /* a NUL is no continuation byte: decoding stops at the end of the text by itself */
    decode((const uint8_t *)*text, strnlen(*text, 4) + 1, &point, &used);
    *text += used;
    return point;
}

/* ---- patterns ---- */

/*
 * Does the bracket expression at *pattern (behind its '[') hold the code point? Moves *pattern behind its
 * ']'. Without a ']' it is none: -1, and '[' stands for itself.
 */
static int match_bracket(const char **pattern, uint32_t point)
{
    const char *at = *pattern;
    bool negated = *at == '!' || *at == '^';
    bool found = false;
    if (negated)
        at++;
    for (bool first = true; first || *at != ']'; first = false) {
        if (*at == '\0')
            return -1;
        if (*at == '\\' && at[1] != '\0')
            at++;
        uint32_t low = text_next(&at), high = low;
        if (*at == '-' && at[1] != ']' && at[1] != '\0') {
            at++;
            if (*at == '\\' && at[1] != '\0')
                at++;
            high = text_next(&at);
        }
        found |= low <= point && point <= high;
    }
    *pattern = at + 1;
    return found != negated;
}

/* Matches one code point of the text with one element of the pattern that is not '*', and moves both. */
static bool match_one(const char **pattern, const char **text)
{
    uint32_t point = text_next(text);
    if (**pattern == '?') {
        ++*pattern;
        return true;
    }
    if (**pattern == '[') {
        const char *behind = *pattern + 1;
        int matched = match_bracket(&behind, point);
        if (matched >= 0) {
            *pattern = behind;
            return matched == 1;
        }
    }
    if (**pattern == '\\' && (*pattern)[1] != '\0')
        ++*pattern;
    return text_next(pattern) == point;
}

bool text_match(const char *pattern, const char *text)
{
    /* Where to go on when it does not fit: the last '*' takes one code point more. Earlier ones never need
     * to. */
    const char *star = NULL, *resume = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
            continue;
        }
        if (*pattern != '\0' && match_one(&pattern, &text))
            continue;
        if (!star)
            return false;
        pattern = star;
        text_next(&resume);
        text = resume;
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* ---- small things ---- */
bool text_number(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (!text || *text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return false;
    }
    if (value < minimum || value > maximum)
        return false;
    *ret_value = value;
    return true;
}

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
    size_t length = strlen(text), wanted = strlen(suffix);
    return length >= wanted && memcmp(text + length - wanted, suffix, wanted) == 0;
}

bool text_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

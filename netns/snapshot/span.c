/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/span.h"

#include <errno.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* at: behind the opening quote. Returns the place of the closing one, NULL: none. */
static const char *text_end(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at == '"')
            return at;
        if (*at == '\\' && ++at == end)
            return NULL;
    }
    return NULL;
}

/* The end of the value that begins at `at`: of a nested one behind its last bracket. NULL: it has none. */
static const char *value_end(const char *at, const char *end)
{
    size_t depth = 0;
    for (; at < end; at++) {
        switch (*at) {
        case '"':
            at = text_end(at + 1, end);
            if (!at)
                return NULL;
            break;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth == 0)
                return at;
            if (--depth == 0)
                return at + 1;
            break;
        case ',':
            if (depth == 0)
                return at;
            break;
        default:
            break;
        }
    }
    return depth ? NULL : end;
}

int span_open(struct span value, char open, struct span_reader *ret_reader)
{
    const char *end = value.text + value.length;
    const char *at = skip_blanks(value.text, end);
    if (at == end || *at != open)
        return -EINVAL;
    *ret_reader = (struct span_reader){.next = at + 1, .end = end, .close = open == '{' ? '}' : ']'};
    return 0;
}

/* Goes to where the next item begins: 1, 0 at the close, -EINVAL. */
static int item_begin(struct span_reader *reader)
{
    const char *at = skip_blanks(reader->next, reader->end);
    if (at == reader->end)
        return -EINVAL;
    if (*at == reader->close) {
        reader->next = skip_blanks(at + 1, reader->end);
        return reader->next == reader->end ? 0 : -EINVAL;
    }
    if (reader->begun) {
        if (*at != ',')
            return -EINVAL;
        at = skip_blanks(at + 1, reader->end);
    }
    reader->begun = true;
    reader->next = at;
    return 1;
}

static int item_value(struct span_reader *reader, struct span *ret_value)
{
    const char *begin = skip_blanks(reader->next, reader->end);
    const char *end = value_end(begin, reader->end);
    if (!end || end == begin)
        return -EINVAL;
    reader->next = end;
    while (end > begin && is_blank(end[-1]))
        end--;
    *ret_value = (struct span){begin, (size_t)(end - begin)};
    return ret_value->length ? 1 : -EINVAL;
}

int span_member(struct span_reader *reader, struct span *ret_name, struct span *ret_value)
{
    int r = item_begin(reader);
    if (r <= 0)
        return r;
    const char *name = reader->next;
    if (name == reader->end || *name != '"')
        return -EINVAL;
    const char *end = text_end(++name, reader->end);
    if (!end)
        return -EINVAL;
    const char *colon = skip_blanks(end + 1, reader->end);
    if (colon == reader->end || *colon != ':')
        return -EINVAL;
    *ret_name = (struct span){name, (size_t)(end - name)};
    reader->next = colon + 1;
    return item_value(reader, ret_value);
}

int span_element(struct span_reader *reader, struct span *ret_value)
{
    int r = item_begin(reader);
    return r <= 0 ? r : item_value(reader, ret_value);
}

bool span_is(struct span span, const char *text)
{
    return span.length == strlen(text) && !memcmp(span.text, text, span.length);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bounded text buffer of memory.h. */
#include "netns/base/memory.h"

#include <stdarg.h>
#include <stdint.h>

static void reserve(struct buffer *buffer, size_t more)
{
    size_t needed = buffer->length + more + 1;
    if (needed <= buffer->capacity)
        return;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    buffer->data = memory_resize(buffer->data, capacity, 1);
    buffer->capacity = capacity;
}

static void put(struct buffer *buffer, const void *bytes, size_t length)
{
    reserve(buffer, length);
    if (length > 0)
        memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
}

/* The longest start of a text of at most `most` bytes that does not end inside a UTF-8 sequence. */
static size_t whole_sequences(const char *text, size_t most)
{
    size_t length = most;
    while (length > 0 && most - length < 3 && ((uint8_t)text[length] & 0xc0) == 0x80)
        length--;
    return ((uint8_t)text[length] & 0xc0) == 0x80 ? most : length;
}

static void append_text(struct buffer *buffer, const char *text, size_t length)
{
    size_t left = buffer->limit - buffer->length;
    if (length > left) {
        buffer->overflow = true;
        length = whole_sequences(text, left);
    }
    put(buffer, text, length);
}

void buffer_append(struct buffer *buffer, const char *text)
{
    append_text(buffer, text, strlen(text));
}

void buffer_append_bytes(struct buffer *buffer, const void *bytes, size_t length)
{
    size_t left = buffer->limit - buffer->length;
    if (length > left) {
        buffer->overflow = true;
        length = left;
    }
    put(buffer, bytes, length);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        memory_exhausted();
    append_text(buffer, text, (size_t)length);
    free(text);
}

char *buffer_take(struct buffer *buffer)
{
    char *text = buffer->data ? buffer->data : memory_strdup("");
    *buffer = BUFFER(buffer->limit);
    return text;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = BUFFER(buffer->limit);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A text that vsnprintf or a copy cut may end inside a UTF-8 sequence: that last part goes too. */
static void cut_sequence(char *text, size_t length)
{
    size_t back = 0;
    while (back < 3 && back < length && ((uint8_t)text[length - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == length)
        return;
    uint8_t lead = (uint8_t)text[length - 1 - back];
    size_t wanted = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (back < wanted)
        text[length - 1 - back] = '\0';
}

static void copy_cut(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size);
    bool cut = length == size;
    if (cut)
        length = size - 1;
    memcpy(to, from, length);
    to[length] = '\0';
    if (cut)
        cut_sequence(to, length);
}

static void set_details(struct error *error, int status, const char *code, const char *subject)
{
    error->status = status;
    error->code = code;
    copy_cut(error->subject, sizeof(error->subject), subject ? subject : "");
}

static void print_message(struct error *error, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void print_message(struct error *error, const char *format, va_list arguments)
{
    char text[ERROR_MESSAGE_MAX];
    int length = vsnprintf(text, sizeof(text), format, arguments);
    if (length < 0)
        text[0] = '\0';
    else if ((size_t)length >= sizeof(text))
        cut_sequence(text, sizeof(text) - 1);
    /* by way of a copy: an argument may be the old message */
    memcpy(error->message, text, sizeof(text));
}

int error_set(struct error *error, int status, const char *code, const char *subject, const char *format, ...)
{
    if (status <= 0)
        status = EIO;
    if (!error)
        return -status;
    va_list arguments;
    va_start(arguments, format);
    print_message(error, format, arguments);
    va_end(arguments);
    set_details(error, status, code, subject);
    return -status;
}

int error_errno(struct error *error, int status, const char *code, const char *subject, const char *format,
                ...)
{
    if (status <= 0)
        status = EIO;
    if (!error)
        return -status;
    va_list arguments;
    va_start(arguments, format);
    print_message(error, format, arguments);
    va_end(arguments);
    set_details(error, status, code, subject);
    char reason[128];
    const char *said = strerror_r(status, reason, sizeof(reason));
    size_t length = strlen(error->message);
    size_t needed = strlen(said) + 2;
    /* the reason matters more than the end of a long message */
    if (length + needed >= sizeof(error->message)) {
        length = sizeof(error->message) - 1 - needed;
        error->message[length] = '\0';
        cut_sequence(error->message, length);
        length = strlen(error->message);
    }
    snprintf(error->message + length, sizeof(error->message) - length, ": %s", said);
    return -status;
}

int error_context(struct error *error, const char *format, ...)
{
    if (!error_is_set(error))
        return 0;
    char message[ERROR_MESSAGE_MAX];
    memcpy(message, error->message, sizeof(message));
    va_list arguments;
    va_start(arguments, format);
    print_message(error, format, arguments);
    va_end(arguments);
    size_t length = strlen(error->message);
    if (length + 2 < sizeof(error->message)) {
        memcpy(error->message + length, ": ", 3);
        copy_cut(error->message + length + 2, sizeof(error->message) - length - 2, message);
    }
    return -error->status;
}

bool error_is_set(const struct error *error)
{
    return error && error->status != 0;
}

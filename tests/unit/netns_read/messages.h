/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fixtures of fixtures/make: dumped netlink messages as bytes, files of /proc as text; messages made by hand;
 * and the check that every parser must pass: whatever bytes come, it stays inside them.
 */
#ifndef POSTERN_TESTS_UNIT_NETNS_READ_MESSAGES_H
#define POSTERN_TESTS_UNIT_NETNS_READ_MESSAGES_H

#include "netns/base/file.h"
#include "netns/read/reader.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- fixtures ---- */

static inline char *fixture_text(const char *name)
{
    _cleanup_free_ char *path = memory_printf("%s/%s", FIXTURES, name);
    struct error error = ERROR_NONE;
    size_t length;
    char *text;

    ck_assert_msg(file_read(AT_FDCWD, path, 1 << 20, &text, &length, &error) == 0, "%s: %s", path,
                  error.message);
    return text;
}

static inline uint8_t fixture_digit(char digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

struct messages {
    struct arena *arena;
    LIST(struct bytes) payloads; /* what follows struct nlmsghdr */
};

static inline struct messages messages_load(const char *name)
{
    struct messages messages = {.arena = arena_new()};
    _cleanup_free_ char *file = memory_printf("%s.messages", name), *text = fixture_text(file);

    for (const char *line = text; *line;) {
        const char *hex = strchr(line, ' ') + 1;
        size_t length = strcspn(hex, "\n") / 2;
        uint8_t *bytes = arena_alloc(messages.arena, length + 1);

        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)(fixture_digit(hex[2 * i]) << 4 | fixture_digit(hex[2 * i + 1]));
        *list_append(&messages.payloads) = (struct bytes){bytes, length};
        line = hex + 2 * length + 1;
    }
    ck_assert_uint_gt(messages.payloads.count, 0);
    return messages;
}

static inline void messages_free(struct messages *messages)
{
    list_free(&messages->payloads);
    arena_free(messages->arena);
}
#define _cleanup_messages_ _cleanup_(messages_free)

/* ---- by hand ---- */

struct made_message {
    _Alignas(struct nlmsghdr) uint8_t bytes[4096];
};

/* Begins with a family header; attributes follow by mnl_attr_put_*(). */
static inline struct nlmsghdr *message_make(struct made_message *made, const void *header, size_t size)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(made->bytes);

    memcpy(mnl_nlmsg_put_extra_header(message, size), header, size);
    return message;
}

/* ---- hostile bytes ---- */

typedef void (*hostile_parse)(struct bytes payload, struct arena *arena);

/* In memory of exactly its size, so that the sanitizer sees a step outside. */
static inline void hostile_try(struct bytes payload, hostile_parse parse)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    uint8_t *copy = malloc(payload.length ? payload.length : 1);

    ck_assert_ptr_nonnull(copy);
    if (payload.length)
        memcpy(copy, payload.data, payload.length);
    parse((struct bytes){copy, payload.length}, arena);
    free(copy);
}

/* Each message cut at each length, and with each of its bytes changed to extremes. */
static inline void hostile_messages(const char *name, hostile_parse parse)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0xff};
    _cleanup_messages_ struct messages messages = messages_load(name);

    list_each(struct bytes, payload, &messages.payloads) {
        for (size_t length = 0; length < payload->length; length++)
            hostile_try((struct bytes){payload->data, length}, parse);
        for (size_t i = 0; i < payload->length; i++) {
            uint8_t *byte = (uint8_t *)(uintptr_t)&payload->data[i], before = *byte;

            for (size_t v = 0; v < sizeof(values); v++) {
                *byte = values[v];
                hostile_try(*payload, parse);
            }
            *byte = before;
        }
    }
}

/* ---- one suite a file ---- */

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif

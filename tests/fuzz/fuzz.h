/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzz target is one file with LLVMFuzzerTestOneInput(): clang's libFuzzer drives it (tests/fuzz/run), or
 * drive.c with seeded changes of the seeds where another compiler built it. What must not happen ends the
 * process: by the sanitizers, or by fuzz_check().
 */
#ifndef POSTERN_TESTS_FUZZ_FUZZ_H
#define POSTERN_TESTS_FUZZ_FUZZ_H

#include "netns/base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_check(condition, ...)                                                                           \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                  \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* The first byte, which chooses; 0 where there is none. */
static inline uint8_t fuzz_take(struct bytes *bytes)
{
    if (!bytes->length)
        return 0;
    bytes->length--;
    return *bytes->data++;
}

/* A copy that ends where the bytes end, so that reading past them is seen; malloc'ed. */
static inline struct bytes fuzz_exact(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.length ? bytes.length : 1);

    fuzz_check(copy, "no memory");
    if (bytes.length)
        memcpy(copy, bytes.data, bytes.length);
    return (struct bytes){copy, bytes.length};
}

/* As text with a NUL behind it; malloc'ed. */
static inline char *fuzz_text(struct bytes bytes)
{
    char *text = calloc(1, bytes.length + 1);

    fuzz_check(text, "no memory");
    if (bytes.length)
        memcpy(text, bytes.data, bytes.length);
    return text;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A query of a batch, as a line of JSON. */
#include "scanner/command/answer.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct question question = {0};
    struct error error = ERROR_NONE;
    struct arena *arena = arena_new();
    struct bytes exact = fuzz_exact((struct bytes){data, size});

    if (question_parse((const char *)exact.data, exact.length, arena, &question, &error) == 0) {
        fuzz_check(question.entry.address.family == question.entry.family, "an entry of two families");
        question_free(&question);
    } else {
        fuzz_check(error.message[0], "an error without a message");
    }
    arena_free(arena);
    free((void *)(uintptr_t)exact.data);
    return 0;
}

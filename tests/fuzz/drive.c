/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives a target without libFuzzer: every seed as it is, then changed by chance.
 *
 *   drive SEEDS TRIES [SEED]      SEEDS: a folder of files; TRIES: changes of each
 */
#include "netns/base/file.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>

#define GROWTH   256
#define SEED_MAX ((size_t)1 << 20)

static uint64_t state = 1;

static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return limit ? (size_t)(state >> 16) % limit : 0;
}

static void change_byte(uint8_t *bytes, size_t length)
{
    static const uint8_t values[] = {0, 1, 2, 4, 8, 0x7f, 0x80, 0xff};
    size_t at = below(length), how = below(3);

    if (how == 0)
        bytes[at] = values[below(sizeof(values))];
    else if (how == 1)
        bytes[at] ^= (uint8_t)(1u << below(8));
    else
        bytes[at] = (uint8_t)below(256);
}

/* Lengths and types stand in pairs of bytes. */
static void change_pair(uint8_t *bytes, size_t length)
{
    static const uint16_t values[] = {0, 1, 3, 4, 5, 8, 12, 0x7fff, 0x8000, 0xffff};
    size_t at = below(length - 1);
    uint16_t value = below(2) ? values[below(sizeof(values) / sizeof(values[0]))] : (uint16_t)below(64);

    memcpy(bytes + at, &value, sizeof(value));
}

static void move_piece(uint8_t *bytes, size_t length)
{
    size_t from = below(length), to = below(length);
    size_t longest = length - (from > to ? from : to);

    memmove(bytes + to, bytes + from, below(longest + 1));
}

static void try_change(const char *seed, size_t seed_length)
{
    uint8_t *bytes = calloc(1, seed_length + GROWTH);
    size_t length = seed_length, changes = 1 + below(5);

    fuzz_check(bytes, "no memory");
    memcpy(bytes, seed, seed_length);
    if (below(4) == 0)
        length = below(seed_length + GROWTH);
    while (changes-- > 0 && length > 2) {
        size_t kind = below(6);

        if (kind == 0)
            move_piece(bytes, length);
        else if (kind < 3)
            change_pair(bytes, length);
        else
            change_byte(bytes, length);
    }
    LLVMFuzzerTestOneInput(bytes, length);
    free(bytes);
}

static size_t try_seed(int folder, const char *name, size_t tries)
{
    struct error error = ERROR_NONE;
    char *text;
    size_t length;

    fuzz_check(file_read(folder, name, SEED_MAX, &text, &length, &error) == 0, "%s: %s", name, error.message);
    LLVMFuzzerTestOneInput((const uint8_t *)text, length);
    for (size_t i = 0; i < tries; i++)
        try_change(text, length);
    free(text);
    return tries + 1;
}

int main(int count, char **words)
{
    DIR *folder;
    size_t tries, done = 0;

    fuzz_check(count == 3 || count == 4, "usage: drive SEEDS TRIES [SEED]");
    folder = opendir(words[1]);
    fuzz_check(folder, "%s: no folder", words[1]);
    tries = strtoul(words[2], NULL, 10);
    state = count == 4 ? strtoul(words[3], NULL, 10) | 1 : 0x9e3779b97f4a7c15;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            done += try_seed(dirfd(folder), entry->d_name, tries);
    closedir(folder);
    fuzz_check(done > tries, "%s: no seed", words[1]);
    printf("%zu inputs\n", done);
    return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/claim.h"

#include <stddef.h>
#include <string.h>

enum kind { KIND_TUPLE = 1, KIND_END, KIND_FULL };

/* Values beside an owner's number and one. */
#define SHARED ((void *)UINTPTR_MAX)       /* several that were not rewritten */
#define MIXED  ((void *)(UINTPTR_MAX - 1)) /* several, some of them rewritten */

/* FNV-1a. Where two keys fall together, another port is taken without need. */
static uint64_t key_of(enum kind kind, const struct shot_tuple *tuple)
{
    const uint8_t *bytes = (const void *)tuple;
    uint64_t key = 0xcbf29ce484222325ULL ^ kind;

    for (size_t i = 0; i < sizeof(*tuple); i++)
        key = (key ^ bytes[i]) * 0x100000001b3ULL;
    return key ? key : 1;
}

/* Whatever ends at the same address. */
static uint64_t end_key(const struct claim *claim)
{
    struct shot_tuple tuple = claim->ended;

    tuple.port = 0;
    return key_of(KIND_END, &tuple);
}

static uint64_t full_key(const struct claim *claim)
{
    struct shot_tuple tuple = claim->ended;

    tuple.port = 0;
    tuple.source_port = 0;
    return key_of(KIND_FULL, &tuple);
}

static void *owner_of(const struct claim *claim)
{
    return (void *)((uintptr_t)claim->owner + 1); /* NOLINT(performance-no-int-to-ptr) */
}

static bool is_rewritten(const struct claim *claim)
{
    return memcmp(&claim->dialled, &claim->ended, sizeof(claim->ended)) != 0;
}

static bool is_free(const struct map *claims, const struct claim *claim, uint64_t key)
{
    const void *owner = map_get_u64(claims, key);

    return !owner || (claim->again && owner == owner_of(claim));
}

bool claim_take(struct map *claims, const struct claim *claim, bool exact)
{
    uint64_t dialled = key_of(KIND_TUPLE, &claim->dialled), ended = key_of(KIND_TUPLE, &claim->ended);
    uint64_t end = end_key(claim);
    const void *there = map_get_u64(claims, end);
    bool rewritten = is_rewritten(claim), mine = claim->again && there == owner_of(claim);
    void *value = rewritten ? owner_of(claim) : SHARED;

    if (!exact && there && !mine && (rewritten || there != SHARED))
        return false;
    if (!is_free(claims, claim, dialled) || !is_free(claims, claim, ended))
        return false;
    if (there && there != value)
        value = MIXED;
    map_set_u64(claims, dialled, owner_of(claim));
    map_set_u64(claims, ended, owner_of(claim));
    map_set_u64(claims, end, value);
    return true;
}

static uint16_t find_port(struct map *claims, struct claim *claim, uint16_t first, uint16_t count,
                          uint32_t start, bool exact)
{
    for (uint32_t i = 0; i < count; i++) {
        claim->dialled.source_port = (uint16_t)(first + (start % count + i) % count);
        claim->ended.source_port = claim->dialled.source_port;
        if (claim_take(claims, claim, exact))
            return claim->dialled.source_port;
    }
    return 0;
}

uint16_t claim_port(struct map *claims, struct claim *claim, uint16_t first, uint16_t count, uint32_t start)
{
    uint64_t full = full_key(claim);
    uint16_t port = 0;

    if (!map_get_u64(claims, full) || !is_rewritten(claim))
        port = find_port(claims, claim, first, count, start, false);
    if (port == 0) {
        if (is_rewritten(claim)) /* not to be searched in vain again */
            map_set_u64(claims, full, claims);
        port = find_port(claims, claim, first, count, start, true);
    }
    return port;
}

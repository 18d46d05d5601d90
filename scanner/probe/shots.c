/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/shots.h"

#include "netns/base/memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>

/*
 * Above the default net.ipv4.ip_local_port_range (32768..60999), so that no socket of the host gets one of
 * these by itself.
 */
enum { PORTS_FROM = 61000, PORTS_TO = 65535, PORTS = 4096, ROUNDS = 4 };

int shots_begin(struct shots *shots, struct error *error)
{
    struct {
        uint8_t scan[8];
        uint32_t key[4];
        uint32_t port;
    } random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return error_errno(error, errno, "no-random", NULL, "no random numbers");
    *shots = (struct shots){.port_count = PORTS};
    memcpy(shots->scan, random.scan, sizeof(shots->scan));
    memcpy(shots->key, random.key, sizeof(shots->key));
    shots->first_port = (uint16_t)(PORTS_FROM + random.port % (PORTS_TO - PORTS_FROM - PORTS + 1));
    return 0;
}

/* Zeroed, and shared with the keeper. NULL: there is none. */
static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

int shots_reserve(struct shots *shots, uint32_t capacity, struct error *error)
{
    shots->capacity = capacity;
    shots->by_port = memory_alloc((UINT16_MAX + 1) * sizeof(*shots->by_port));
    shots->entries = share(capacity * sizeof(struct shot_entry));
    shots->sightings = share(capacity * sizeof(struct sighting));
    if (!shots->entries || !shots->sightings)
        return error_errno(error, ENOMEM, "no-memory", NULL, "no memory for %u probes", capacity);
    return 0;
}

int shots_need_records(struct shots *shots, struct error *error)
{
    if (shots->records)
        return 0;
    shots->records_size = shots->capacity * sizeof(struct shot_record);
    shots->records = share(shots->records_size);
    return shots->records
               ? 0
               : error_errno(error, ENOMEM, "no-memory", NULL, "no memory for %u probes", shots->capacity);
}

void shots_free(struct shots *shots)
{
    if (shots->entries)
        munmap(shots->entries, (size_t)shots->capacity * sizeof(struct shot_entry));
    if (shots->sightings)
        munmap(shots->sightings, (size_t)shots->capacity * sizeof(struct sighting));
    if (shots->records)
        munmap(shots->records, shots->records_size);
    free(shots->by_port);
    *shots = (struct shots){0};
}

/* The finaliser of MurmurHash3, keyed: good enough to make neighbours differ in every bit. */
static uint16_t mix(uint16_t half, uint32_t key)
{
    uint32_t value = (half + key) * 0x85ebca6bU;

    value ^= value >> 13;
    value *= 0xc2b2ae35U;
    return (uint16_t)(value >> 16);
}

uint32_t shots_cookie(const struct shots *shots, uint32_t index)
{
    uint16_t left = (uint16_t)(index >> 16), right = (uint16_t)index;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint16_t next = left ^ mix(right, shots->key[round]);

        left = right;
        right = next;
    }
    return (uint32_t)left << 16 | right;
}

bool shots_index(const struct shots *shots, uint32_t cookie, uint32_t *ret_index)
{
    uint16_t left = (uint16_t)(cookie >> 16), right = (uint16_t)cookie;

    for (unsigned round = ROUNDS; round-- > 0;) {
        uint16_t before = right ^ mix(left, shots->key[round]);

        right = left;
        left = before;
    }
    *ret_index = (uint32_t)left << 16 | right;
    return *ret_index < shots->count;
}

uint16_t shots_port(const struct shots *shots, uint32_t index)
{
    return (uint16_t)(shots->first_port + index % shots->port_count);
}

static bool tuples_equal(const struct shot_tuple *a, const struct shot_tuple *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static struct shot_tuple turned(const struct shot_tuple *tuple)
{
    struct shot_tuple result = *tuple;

    memcpy(result.source, tuple->destination, sizeof(result.source));
    memcpy(result.destination, tuple->source, sizeof(result.destination));
    result.source_port = tuple->port;
    result.port = tuple->source_port;
    return result;
}

void shots_enlist(struct shots *shots, uint32_t index)
{
    struct shot_entry *entry = &shots->entries[index];
    uint32_t *first = &shots->by_port[entry->tuple.source_port];

    entry->next = *first;
    *first = index + 1;
}

static bool find_tuple(const struct shots *shots, const struct shot_tuple *tuple, uint32_t *ret_index)
{
    for (uint32_t next = shots->by_port[tuple->source_port]; next; next = shots->entries[next - 1].next)
        if (tuples_equal(&shots->entries[next - 1].tuple, tuple)) {
            *ret_index = next - 1;
            return true;
        }
    return false;
}

/* A cookie is 32 bits of a stranger's packet as well: the rest of the tuple must fit as far as rewrites let
 * it. */
static bool confirm(const struct shots *shots, uint32_t index, const struct shot_tuple *tuple, bool answer)
{
    const struct shot_tuple *shot = &shots->entries[index].tuple;
    uint16_t client = answer ? tuple->port : tuple->source_port;
    uint16_t server = answer ? tuple->source_port : tuple->port;

    return shot->family == tuple->family && shot->protocol == tuple->protocol &&
           (shot->source_port == client || shot->port == server);
}

bool shots_find(const struct shots *shots, const struct sight *sight, uint32_t *ret_index)
{
    bool error = sight->kind == SIGHT_ERROR;
    bool answer = sight->kind == SIGHT_SYN_ACK || sight->kind == SIGHT_REFUSAL || sight->kind == SIGHT_ANSWER;
    const struct shot_tuple *tuple = error ? &sight->quoted : &sight->tuple;
    struct shot_tuple key = answer ? turned(tuple) : *tuple;

    if (sight->kind == SIGHT_NONE)
        return false;
    if (sight->has_cookie)
        return shots_index(shots, sight->cookie, ret_index) && confirm(shots, *ret_index, tuple, answer);
    return find_tuple(shots, &key, ret_index);
}

bool shots_half_open(const struct shots *shots, uint32_t index)
{
    return shots->records[index].syn_acks > 0 || shots->sightings[index].syn_acks > 0;
}

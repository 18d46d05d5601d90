/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The map of memory.h: open addressing with linear probing, at most half full. Names come from containers, so
 * the hash is keyed (SipHash-2-4, Aumasson and Bernstein 2012): nobody can choose names that collide.
 */
#include "netns/base/memory.h"

#include <stdint.h>
#include <sys/random.h>
#include <time.h>

struct slot {
    const char *key; /* NULL: the key is `number` */
    uint64_t number; /* of a text key its hash, which saves most comparisons */
    void *value;
    bool used;
};

struct map {
    struct slot *slots;
    size_t capacity, count; /* capacity is 0 or a power of two */
    uint64_t secret[2];
    struct arena *keys;
};

static uint64_t rotate(uint64_t value, unsigned by)
{
    return value << by | value >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static uint64_t sip_hash(const uint64_t secret[2], const void *bytes, size_t length)
{
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
                     secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u};
    const uint8_t *from = bytes;
    uint64_t word;
    size_t left = length;
    for (; left >= sizeof(word); left -= sizeof(word), from += sizeof(word)) {
        memcpy(&word, from, sizeof(word));
        sip_word(v, word);
    }
    word = 0;
    if (left > 0)
        memcpy(&word, from, left);
    sip_word(v, word ^ (uint64_t)length << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
    struct map *map = memory_alloc(sizeof(*map));
    map->keys = arena_new();
    if (getrandom(map->secret, sizeof(map->secret), GRND_NONBLOCK) != sizeof(map->secret)) {
        /* before the kernel's generator is seeded, early at boot: better than a constant */
        struct timespec now = {0};
        clock_gettime(CLOCK_MONOTONIC, &now);
        map->secret[0] = (uint64_t)now.tv_nsec;
        map->secret[1] = (uint64_t)(uintptr_t)map;
    }
    return map;
}

struct map *map_free(struct map *map)
{
    if (!map)
        return NULL;
    arena_free(map->keys);
    free(map->slots);
    free(map);
    return NULL;
}

void cleanup_map(struct map **map)
{
    *map = map_free(*map);
}

/* Where the slots of this key begin. */
static size_t slot_start(const struct map *map, const char *key, uint64_t number)
{
    uint64_t hash = key ? number : sip_hash(map->secret, &number, sizeof(number));
    return (size_t)hash & (map->capacity - 1);
}

/* The slot that has the key, or the free one that it would get. */
static struct slot *find(const struct map *map, const char *key, uint64_t number)
{
    size_t i = slot_start(map, key, number);
    for (;; i = (i + 1) & (map->capacity - 1)) {
        struct slot *slot = &map->slots[i];
        if (!slot->used)
            return slot;
        if (slot->number != number || !slot->key != !key)
            continue;
        if (!key || strcmp(slot->key, key) == 0)
            return slot;
    }
}

static void grow(struct map *map)
{
    struct slot *old = map->slots;
    size_t old_capacity = map->capacity;
    map->capacity = old_capacity ? old_capacity * 2 : 16;
    if (map->capacity > SIZE_MAX / sizeof(*map->slots))
        memory_exhausted();
    map->slots = memory_alloc(map->capacity * sizeof(*map->slots));
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].used)
            *find(map, old[i].key, old[i].number) = old[i];
    }
    free(old);
}

static void set(struct map *map, const char *key, uint64_t number, void *value)
{
    if (map->count >= map->capacity / 2)
        grow(map);
    struct slot *slot = find(map, key, number);
    if (!slot->used) {
        *slot = (struct slot){.key = arena_strdup(map->keys, key), .number = number, .used = true};
        map->count++;
    }
    slot->value = value;
}

void map_set(struct map *map, const char *key, void *value)
{
    set(map, key, sip_hash(map->secret, key, strlen(key)), value);
}

void *map_get(const struct map *map, const char *key)
{
    if (map->count == 0)
        return NULL;
    const struct slot *slot = find(map, key, sip_hash(map->secret, key, strlen(key)));
    return slot->used ? slot->value : NULL;
}

void map_set_u64(struct map *map, uint64_t key, void *value)
{
    set(map, NULL, key, value);
}

void *map_get_u64(const struct map *map, uint64_t key)
{
    if (map->count == 0)
        return NULL;
    const struct slot *slot = find(map, NULL, key);
    return slot->used ? slot->value : NULL;
}

size_t map_count(const struct map *map)
{
    return map->count;
}

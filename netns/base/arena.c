/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arena of memory.h: blocks that double in size, handed out from the front, freed at once. */
#include "netns/base/memory.h"

#include <stdarg.h>
#include <stdint.h>

#define BLOCK_MIN ((size_t)4096)
#define BLOCK_MAX ((size_t)1 << 20)
#define ALIGNMENT _Alignof(max_align_t)

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct block *blocks; /* the one that is handed out from first */
    size_t handed_out;
};

struct arena *arena_new(void)
{
    return memory_alloc(sizeof(struct arena));
}

struct arena *arena_free(struct arena *arena)
{
    if (!arena)
        return NULL;
    for (struct block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
    return NULL;
}

void cleanup_arena(struct arena **arena)
{
    *arena = arena_free(*arena);
}

static struct block *block_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block))
        memory_exhausted();
    struct block *block = memory_alloc(sizeof(struct block) + size);
    block->size = size;
    return block;
}

/* A block with room for size bytes in front; a large allocation gets a block of its own behind it. */
static struct block *room(struct arena *arena, size_t size)
{
    struct block *front = arena->blocks;
    if (front && size <= front->size - front->used)
        return front;
    size_t usual = !front ? BLOCK_MIN : front->size < BLOCK_MAX ? front->size * 2 : BLOCK_MAX;
    if (front && size > usual / 4) {
        struct block *own = block_new(size);
        own->next = front->next;
        front->next = own;
        return own;
    }
    struct block *block = block_new(size > usual ? size : usual);
    block->next = front;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT)
        memory_exhausted();
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size == 0)
        size = ALIGNMENT;
    struct block *block = room(arena, size);
    void *pointer = block->data + block->used;
    block->used += size;
    arena->handed_out += size;
    return pointer;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t length)
{
    if (length == 0)
        return NULL;
    return memcpy(arena_alloc(arena, length), bytes, length);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    if (!text)
        return NULL;
    length = strnlen(text, length);
    char *copy = arena_alloc(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        memory_exhausted();
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void arena_adopt(struct arena *arena, struct arena *from)
{
    struct block **end = &arena->blocks;
    while (*end)
        end = &(*end)->next;
    *end = take_ptr(from->blocks);
    arena->handed_out += from->handed_out;
    from->handed_out = 0;
}

size_t arena_size(const struct arena *arena)
{
    return arena->handed_out;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ownership and growth: cleanup attributes, handing over, an arena, growing lists, a bounded buffer, a map
 * from strings. An allocation that fails ends the process through memory_exhausted() (status 4, one line on
 * stderr): every input is bounded by its reader, and a scanner that goes on without memory would guess.
 */
#ifndef POSTERN_NETNS_BASE_MEMORY_H
#define POSTERN_NETNS_BASE_MEMORY_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- allocation ---- */
_Noreturn void memory_exhausted(void);
void *memory_alloc(size_t size);                               /* zeroed; never NULL */
void *memory_resize(void *pointer, size_t count, size_t size); /* realloc with overflow check; never NULL */
char *memory_strdup(const char *text);                         /* NULL gives NULL */
char *memory_strndup(const char *text, size_t length);
char *memory_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- cleanup attributes: `_cleanup_free_ char *text = ...;` ---- */
void cleanup_free(void *pointer_to_pointer);
void cleanup_close(const int *fd);
void cleanup_fclose(FILE **file);
void cleanup_closedir(DIR **dir);
#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_free_      _cleanup_(cleanup_free)
#define _cleanup_close_     _cleanup_(cleanup_close) /* descriptors start at -1 */
#define _cleanup_fclose_    _cleanup_(cleanup_fclose)
#define _cleanup_closedir_  _cleanup_(cleanup_closedir)

/* Hands over: returns the value and leaves -1 or NULL behind. */
static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}
#define take_ptr(pointer)                                                                                    \
    __extension__({                                                                                          \
        __typeof__(pointer) *taken_at_ = &(pointer);                                                         \
        __typeof__(pointer) taken_ = *taken_at_;                                                             \
        *taken_at_ = NULL;                                                                                   \
        taken_;                                                                                              \
    })
/* Closes *fd if >= 0 and sets it to -1; keeps errno. */
void close_fd(int *fd);

/* ---- arena: many small things with one lifetime. Not thread-safe: one owner at a time. ---- */
struct arena;
struct arena *arena_new(void);
struct arena *arena_free(struct arena *arena); /* NULL is fine; returns NULL */
void cleanup_arena(struct arena **arena);
#define _cleanup_arena_ _cleanup_(cleanup_arena)
void *arena_alloc(struct arena *arena, size_t size);                       /* zeroed, aligned for any type */
void *arena_copy(struct arena *arena, const void *bytes, size_t length);   /* length 0 gives NULL */
char *arena_strdup(struct arena *arena, const char *text);                 /* NULL gives NULL */
char *arena_strndup(struct arena *arena, const char *text, size_t length); /* cut at a NUL as well */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t arena_size(const struct arena *arena); /* bytes handed out so far */
/* All that `from` handed out lives as long as the arena from now on; `from` is empty, and still the caller's.
 */
void arena_adopt(struct arena *arena, struct arena *from);

/* ---- growing list: LIST(struct link) links; struct link *new = list_append(&links); ---- */
#define LIST(type)                                                                                           \
    struct {                                                                                                 \
        type *items;                                                                                         \
        size_t count, capacity;                                                                              \
    }
/* Generic head that every LIST shares; for table-driven code. */
struct list_head {
    void *items;
    size_t count, capacity;
};
void list_grow(struct list_head *list, size_t item_size); /* room for one more */
/* Appends a zeroed item and returns a pointer to it (valid until the next append). */
#define list_append(list)                                                                                    \
    __extension__({                                                                                          \
        __typeof__(list) list_ = (list);                                                                     \
        if (list_->count == list_->capacity)                                                                 \
            list_grow((struct list_head *)(void *)list_, sizeof(*list_->items));                             \
        memset(&list_->items[list_->count], 0, sizeof(*list_->items));                                       \
        &list_->items[list_->count++];                                                                       \
    })
#define list_free(list)                                                                                      \
    do {                                                                                                     \
        free((list)->items);                                                                                 \
        (list)->items = NULL;                                                                                \
        (list)->count = (list)->capacity = 0;                                                                \
    } while (0)
/* list_each(struct link, link, &ns->links) { ... } */
#define list_each(type, item, list)                                                                          \
    for (__typeof__(type) *item = (list)->items, *item##_end_ = item ? item + (list)->count : NULL;          \
         item != item##_end_; item++)

/* ---- bytes: a view that owns nothing ---- */
struct bytes {
    const uint8_t *data;
    size_t length;
};

/* ---- bounded text buffer: appends are cut at the limit (texts between two UTF-8 sequences), which is
   remembered ---- */
struct buffer {
    char *data; /* NUL-terminated once something was appended; NULL before */
    size_t length, capacity, limit;
    bool overflow; /* something did not fit and was left out */
};
#define BUFFER(maximum) ((struct buffer){.limit = (maximum)})
void buffer_append(struct buffer *buffer, const char *text);
void buffer_append_bytes(struct buffer *buffer, const void *bytes, size_t length);
void buffer_printf(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *buffer_take(struct buffer *buffer); /* malloc'ed text, "" where nothing was appended; buffer is reset */
void buffer_free(struct buffer *buffer);
#define _cleanup_buffer_ _cleanup_(buffer_free)

/* ---- map from strings or 64-bit numbers to pointers ---- */
struct map;
struct map *map_new(void);
struct map *map_free(struct map *map); /* values are not freed */
void cleanup_map(struct map **map);
#define _cleanup_map_ _cleanup_(cleanup_map)
void map_set(struct map *map, const char *key, void *value); /* copies the key; replaces */
void *map_get(const struct map *map, const char *key);       /* NULL: absent */
void map_set_u64(struct map *map, uint64_t key, void *value);
void *map_get_u64(const struct map *map, uint64_t key);
size_t map_count(const struct map *map);

#endif

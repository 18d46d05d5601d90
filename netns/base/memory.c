/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

/* ---- allocation ---- */
void memory_exhausted(void)
{
    static const char line[] = "postern: out of memory\n";
    /* no stdio: it may want memory itself */
    ssize_t written = write(STDERR_FILENO, line, sizeof(line) - 1);
    (void)written;
    _exit(4);
}

void *memory_alloc(size_t size)
{
    void *pointer = calloc(1, size ? size : 1);
    if (!pointer)
        memory_exhausted();
    return pointer;
}

void *memory_resize(void *pointer, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        memory_exhausted();
    void *resized = realloc(pointer, bytes ? bytes : 1);
    if (!resized)
        memory_exhausted();
    return resized;
}

char *memory_strdup(const char *text)
{
    return text ? memory_strndup(text, strlen(text)) : NULL;
}

char *memory_strndup(const char *text, size_t length)
{
    if (!text)
        return NULL;
    char *copy = strndup(text, length);
    if (!copy)
        memory_exhausted();
    return copy;
}

char *memory_printf(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        memory_exhausted();
    return text;
}

/* ---- cleanup ---- */
void cleanup_free(void *pointer_to_pointer)
{
    void *pointer;
    memcpy(&pointer, pointer_to_pointer, sizeof(pointer));
    free(pointer);
}

void cleanup_close(const int *fd)
{
    int copy = *fd;
    close_fd(&copy);
}

void cleanup_fclose(FILE **file)
{
    if (*file)
        fclose(*file);
}

void cleanup_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

void close_fd(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    close(*fd);
    *fd = -1;
    errno = saved;
}

/* ---- lists ---- */
void list_grow(struct list_head *list, size_t item_size)
{
    /* Through a copy: the caller's list is of another type, and only bytes may be taken for it. */
    struct list_head head;
    memcpy(&head, list, sizeof(head));
    if (head.capacity > SIZE_MAX / 2)
        memory_exhausted();
    head.capacity = head.capacity ? head.capacity * 2 : 4;
    head.items = memory_resize(head.items, head.capacity, item_size);
    memcpy(list, &head, sizeof(head));
}

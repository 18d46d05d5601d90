/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/collect/total.h"

#include "netns/base/file.h"
#include "netns/base/memory.h"
#include "netns/base/text.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX   ((size_t)64 << 10)
#define TOTAL_PART 8 /* of what is left: what is made of the snapshot needs memory as well */

uint64_t total_available(const char *meminfo)
{
    static const char word[] = "MemAvailable:";
    const char *at = strstr(meminfo, word);
    unsigned long long kilobytes;
    return at && sscanf(at + strlen(word), "%llu", &kilobytes) == 1 ? (uint64_t)kilobytes << 10 : UINT64_MAX;
}

/* The number in a file of the kernel's; the fallback where there is none ("max"). */
static uint64_t number_of(const char *folder, const char *file, uint64_t fallback)
{
    _cleanup_free_ char *path = memory_printf("%s/%s", folder, file), *text = NULL;
    size_t length = 0;
    unsigned long long number;
    if (file_read(AT_FDCWD, path, FILE_MAX, &text, &length, NULL) < 0)
        return fallback;
    return sscanf(text, "%llu", &number) == 1 ? number : fallback;
}

/* What is left in one cgroup. */
static uint64_t left_in(const char *hierarchy, const char *path, const char *limit, const char *used)
{
    _cleanup_free_ char *folder = memory_printf("%s%s", hierarchy, path);
    uint64_t most = number_of(folder, limit, UINT64_MAX);
    uint64_t now = number_of(folder, used, 0);
    if (most == UINT64_MAX)
        return most;
    return most > now ? most - now : 0;
}

/* In a cgroup and in all those above it. */
static uint64_t left_above(const char *hierarchy, const char *cgroup, const char *limit, const char *used)
{
    _cleanup_free_ char *path = memory_strndup(cgroup, strlen(cgroup));
    uint64_t least = left_in(hierarchy, path, limit, used);
    for (char *slash; (slash = strrchr(path, '/'));) {
        *slash = '\0';
        uint64_t left = left_in(hierarchy, path, limit, used);
        least = left < least ? left : least;
    }
    return least;
}

/* Is memory among the controllers of a version 1 line ("5:cpu,memory:/path")? */
static bool has_memory(const char *line, const char *path)
{
    _cleanup_free_ char *head = memory_strndup(line, (size_t)(path - line));
    char *rest = head;
    const char *word;
    while ((word = strsep(&rest, ":,"))) {
        if (text_equal(word, "memory"))
            return true;
    }
    return false;
}

uint64_t total_of_cgroups(const char *mount, const char *cgroup)
{
    _cleanup_free_ char *text = memory_strndup(cgroup, strlen(cgroup)),
                        *memory = memory_printf("%s/memory", mount);
    uint64_t least = UINT64_MAX;
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n"))) {
        const char *path = strchr(line, '/');
        uint64_t left = UINT64_MAX;
        if (path && text_starts(line, "0::"))
            left = left_above(mount, path, "memory.max", "memory.current");
        else if (path && has_memory(line, path))
            left = left_above(memory, path, "memory.limit_in_bytes", "memory.usage_in_bytes");
        least = left < least ? left : least;
    }
    return least;
}

size_t total_for_all(int proc)
{
    _cleanup_free_ char *meminfo = NULL, *cgroup = NULL;
    size_t length = 0;
    uint64_t left = UINT64_MAX, own = UINT64_MAX;
    if (file_read(proc, "meminfo", FILE_MAX, &meminfo, &length, NULL) >= 0)
        left = total_available(meminfo);
    if (file_read(AT_FDCWD, "/proc/self/cgroup", FILE_MAX, &cgroup, &length, NULL) >= 0)
        own = total_of_cgroups("/sys/fs/cgroup", cgroup);
    left = (own < left ? own : left) / TOTAL_PART;
    if (left < TOTAL_MIN)
        return TOTAL_MIN;
    return left < TOTAL_MAX ? (size_t)left : TOTAL_MAX;
}

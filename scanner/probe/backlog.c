/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/backlog.h"

#include "netns/base/file.h"
#include "netns/base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20, LINE_MAX = 256 };

uint64_t backlog_drops_text(const char *bytes, size_t length)
{
    const char *end = bytes + length;
    uint64_t drops = 0;

    while (bytes < end) {
        const char *stop = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t size = (size_t)((stop ? stop : end) - bytes);
        char line[LINE_MAX] = "";
        unsigned dropped;

        memcpy(line, bytes, size < LINE_MAX - 1 ? size : LINE_MAX - 1);
        if (sscanf(line, "%*8x %8x", &dropped) == 1)
            drops += dropped;
        bytes += size + 1;
    }
    return drops;
}

uint64_t backlog_drops(int proc)
{
    _cleanup_free_ char *text = NULL;
    size_t length;

    return file_read(proc, "thread-self/net/softnet_stat", TEXT_MAX, &text, &length, NULL) < 0
               ? 0
               : backlog_drops_text(text, length);
}

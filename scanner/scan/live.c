/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/scan/live.h"
#include "netns/collect/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct live {
    struct collect *collect;
};

#ifdef POSTERN_TEST_HOOKS
/* A test holds the scan between discovery and reading: a byte goes to $POSTERN_TEST_HOLD.reached, one is
   awaited from $POSTERN_TEST_HOLD.go (FIFOs that the test made). */
static void hold(void)
{
    const char *path = getenv("POSTERN_TEST_HOLD");
    char byte = 'x';

    if (path == NULL)
        return;
    _cleanup_free_ char *reached_path = memory_printf("%s.reached", path),
                        *go_path = memory_printf("%s.go", path);
    _cleanup_close_ int reached = open(reached_path, O_WRONLY | O_CLOEXEC);
    if (reached < 0 || write(reached, &byte, 1) != 1)
        return;
    _cleanup_close_ int go = open(go_path, O_RDONLY | O_CLOEXEC);
    if (go >= 0 && read(go, &byte, 1) < 0)
        return;
}
#else
static void hold(void)
{
}
#endif

static struct collect_texts texts(const struct scan_texts *from)
{
    return (struct collect_texts){.items = from->items, .count = from->count};
}

int live_collect(const struct scan_options *options, struct live **ret_live, struct snapshot **ret_snapshot,
                 struct error *error)
{
    const struct collect_options collect_options = {
        .proc = options->proc,
        .host_namespace = options->host_netns,
        .host = options->host,
        .tool = "postern " POSTERN_VERSION,
        .engine_roots = texts(&options->engine_roots),
        .containers = texts(&options->containers),
        .uplinks = texts(&options->uplinks),
        .workers = options->workers,
        .deadline_ns = options->deadline_ns,
    };
    _cleanup_collect_ struct collect *collect = NULL;
    int r = collect_find(&collect_options, &collect, error);

    if (r < 0)
        return r;
    hold();
    r = collect_read(collect, error);
    if (r < 0)
        return r;
    struct live *live = memory_alloc(sizeof(*live));
    *ret_snapshot = collect_take_snapshot(collect);
    live->collect = take_ptr(collect);
    *ret_live = live;
    return 0;
}

int live_open(void *context, uint64_t id)
{
    const struct live *live = context;
    const struct namespace_handle *handle = collect_handle(live->collect, id);

    if (handle == NULL || handle->fd < 0)
        return -ESTALE;
    int fd = fcntl(handle->fd, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : fd;
}

void live_close(struct live *live)
{
    if (live)
        collect_close_handles(live->collect);
}

struct live *live_free(struct live *live)
{
    if (live == NULL)
        return NULL;
    collect_free(live->collect);
    free(live);
    return NULL;
}

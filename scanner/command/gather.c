/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/command/gather.h"
#include "netns/base/file.h"
#include "netns/snapshot/file.h"
#include "scanner/scan/confine.h"

#include <sys/stat.h>
#include <unistd.h>

static struct scan_texts texts(const struct option_texts *from)
{
    return (struct scan_texts){.items = from->items, .count = from->count};
}

struct scan_options gather_options(const struct options *options, struct progress *progress)
{
    int guard = guard_choice_parse(options->guard);

    return (struct scan_options){
        .host = options->host,
        .host_netns = options->host_netns,
        .proc = options->proc,
        .engine_roots = texts(&options->engine_roots),
        .from = texts(&options->from),
        .containers = texts(&options->containers),
        .uplinks = texts(&options->uplinks),
        .workers = (unsigned)options->workers,
        .deadline_ns = time_monotonic_ns() + options->timeout * 1000000000u,
        .probe = !options->no_probe && options->snapshot == NULL,
        .require_probe = options->require_probe,
        .plan = {.rate = (uint32_t)options->rate,
                 .timeout_ms = (uint32_t)options->probe_timeout,
                 .guard = guard < 0 ? GUARD_AUTO : (enum guard_choice)guard,
                 .allow_connect = options->allow_connect,
                 .impersonate = options->impersonate,
                 .touch_stateful = options->touch_stateful},
        .progress = progress ? progress_tell : NULL,
        .progress_context = progress,
        .confine = true,
    };
}

int gather(const struct options *options, const struct scan_options *request, struct scan **ret_scan,
           struct error *error)
{
    struct snapshot *snapshot;
    int r;

    if (options->snapshot == NULL) {
        r = confine_scan(request->probe, error);
        return r < 0 ? r : scan_collect(request, ret_scan, error);
    }
    r = snapshot_read(options->snapshot, &snapshot, error);
    if (r == 0)
        *ret_scan = scan_of_snapshot(snapshot);
    return r;
}

bool gather_needs_override(const char *path)
{
    _cleanup_free_ char *folder = memory_strdup(path);
    char *slash = strrchr(folder, '/');
    struct stat status;

    if (slash)
        slash[slash == folder] = '\0';
    if (stat(slash ? folder : ".", &status) < 0)
        return false;
    return status.st_uid == geteuid() ? !(status.st_mode & S_IWUSR) : !(status.st_mode & S_IWOTH);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/command/gather.h"
#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/snapshot/file.h"
#include "scanner/scan/confine.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scan_texts texts(const struct option_texts *from)
{
    return (struct scan_texts){.items = from->items, .count = from->count};
}

static bool folder_status(const char *path, struct stat *ret_status)
{
    _cleanup_free_ char *folder = memory_strdup(path);
    char *slash = strrchr(folder, '/');

    if (slash)
        slash[slash == folder] = '\0';
    return stat(slash ? folder : ".", ret_status) == 0 && S_ISDIR(ret_status->st_mode);
}

int gather_check(const struct options *options, struct error *error)
{
    const struct {
        const char *name;
        bool given;
    } live[] = {{"--proc", options->proc != NULL},
                {"--host-netns", options->host_netns != NULL},
                {"--engine-root", options->engine_roots.count > 0}};

    struct stat status;

    for (size_t i = 0; options->snapshot && i < sizeof(live) / sizeof(*live); i++)
        if (live[i].given)
            return error_set(error, EINVAL, "usage", live[i].name,
                             "looks at a living host: not with --snapshot");
    if (options->save_snapshot &&
        !folder_status(options->save_snapshot, &status)) /* told before, not after */
        return error_set(error, EINVAL, "usage", "--save-snapshot", "there is no folder for %s",
                         options->save_snapshot);
    return 0;
}

enum exit_status gather_status(const struct error *error)
{
    static const char *const of_request[] = {"unknown-vantage", "bad-engine-root", "usage"};

    for (size_t i = 0; i < sizeof(of_request) / sizeof(*of_request); i++)
        if (text_equal(error->code, of_request[i]))
            return EXIT_USAGE;
    return EXIT_NO_SCAN;
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
    if (request->progress)
        request->progress(request->progress_context, "reading the snapshot", 0, 0);
    r = snapshot_read(options->snapshot, &snapshot, error);
    if (r == 0)
        *ret_scan = scan_of_snapshot(snapshot);
    return r;
}

bool gather_needs_override(const char *path)
{
    struct stat status;

    if (!folder_status(path, &status))
        return false;
    return status.st_uid == geteuid() ? !(status.st_mode & S_IWUSR) : !(status.st_mode & S_IWOTH);
}

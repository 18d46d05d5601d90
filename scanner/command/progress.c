/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/command/progress.h"
#include "netns/base/file.h"

#include <unistd.h>

#define PATIENCE_NS 1000000000u

struct progress progress_begin(const struct options *options)
{
    return (struct progress){.wanted = !options->quiet && isatty(STDERR_FILENO),
                             .begun_ns = time_monotonic_ns()};
}

void progress_tell(void *context, const char *stage, size_t done, size_t all)
{
    struct progress *progress = context;

    if (!progress->wanted || time_monotonic_ns() - progress->begun_ns < PATIENCE_NS)
        return;
    progress->shown = true;
    if (all > 0)
        fprintf(stderr, "\r\033[K%s: %zu of %zu", stage, done, all);
    else
        fprintf(stderr, "\r\033[K%s", stage);
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fprintf(stderr, "\r\033[K");
    progress->shown = false;
}

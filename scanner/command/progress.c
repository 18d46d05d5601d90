/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/command/progress.h"
#include "netns/base/file.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS 1000000000u
#define BEAT_NS     250000000

struct progress {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    pthread_t thread;
    bool running, shown;
    uint64_t begun_ns;
    const char *stage; /* NULL: nothing told yet */
    size_t done, all;
};

/* By write(2): a process that is forked meanwhile finds no lock of stdio's held. */
static void put(const char *text, size_t length)
{
    if (write(STDERR_FILENO, text, length) < 0)
        return; /* nobody looks any more */
}

/* With the mutex held. */
static void show(struct progress *progress)
{
    uint64_t lasted = time_monotonic_ns() - progress->begun_ns;
    char line[160];
    int length;

    if (progress->stage == NULL || lasted < PATIENCE_NS)
        return;
    if (progress->all > 0)
        length = snprintf(line, sizeof(line), "\r\033[K%s: %zu of %zu (%llu s)", progress->stage,
                          progress->done, progress->all, (unsigned long long)(lasted / 1000000000u));
    else
        length = snprintf(line, sizeof(line), "\r\033[K%s (%llu s)", progress->stage,
                          (unsigned long long)(lasted / 1000000000u));
    put(line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
    progress->shown = true;
}

static void *run(void *context)
{
    struct progress *progress = context;

    pthread_mutex_lock(&progress->mutex);
    while (progress->running) {
        struct timespec until;
        show(progress);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += BEAT_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&progress->ended, &progress->mutex, &until);
    }
    pthread_mutex_unlock(&progress->mutex);
    return NULL;
}

/* With the first stage, when the scan has given up what it does not need: the thread has no more. Signals are
 * the caller's. Where no thread is to be had, nothing is shown. */
static void start(struct progress *progress)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    progress->running = true;
    if (pthread_create(&progress->thread, NULL, run, progress) != 0)
        progress->running = false;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct progress *progress_begin(const struct options *options)
{
    pthread_condattr_t attributes;

    if (options->quiet || !isatty(STDERR_FILENO))
        return NULL;
    struct progress *progress = memory_alloc(sizeof(*progress));
    progress->begun_ns = time_monotonic_ns();
    pthread_mutex_init(&progress->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    return progress;
}

static void stop(struct progress *progress)
{
    pthread_mutex_lock(&progress->mutex);
    bool running = progress->running;
    progress->running = false;
    pthread_cond_signal(&progress->ended);
    pthread_mutex_unlock(&progress->mutex);
    if (running)
        pthread_join(progress->thread, NULL);
    if (progress->shown)
        put("\r\033[K", 4);
    progress->shown = false;
}

void progress_tell(void *context, const char *stage, size_t done, size_t all)
{
    struct progress *progress = context;

    if (stage == NULL) {
        stop(progress);
        return;
    }
    if (progress->stage == NULL)
        start(progress);
    pthread_mutex_lock(&progress->mutex);
    progress->stage = stage;
    progress->done = done;
    progress->all = all;
    pthread_mutex_unlock(&progress->mutex);
}

void progress_end(struct progress *progress)
{
    if (progress == NULL)
        return;
    stop(progress);
    pthread_cond_destroy(&progress->ended);
    pthread_mutex_destroy(&progress->mutex);
    free(progress);
}

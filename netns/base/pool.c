/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pool's state is shared by reference count: a thread that was left behind in a blocked job may come back
 * long after pool_run() has returned, and must find its mutex then.
 */
#include "netns/base/pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE };

struct pool;
struct worker {
    struct pool *pool;
    pthread_t thread;
    bool ended; /* set as the last thing under the mutex: joining does not block */
};

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a worker ended */
    struct pool_options options;
    enum job_state *jobs;
    size_t count, next; /* next: the first that was not begun */
    bool closed;        /* the deadline has passed: nothing of the caller's is touched any more */
    size_t running, starting, spoilt, references;
    LIST(struct worker *) workers;
};

static struct pool *pool_new(const struct pool_options *options, size_t count)
{
    struct pool *pool = memory_alloc(sizeof(*pool));
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&pool->mutex, NULL);
    pool->options = *options;
    pool->jobs = memory_resize(NULL, count, sizeof(*pool->jobs));
    memset(pool->jobs, 0, count * sizeof(*pool->jobs));
    pool->count = count;
    pool->references = 1;
    return pool;
}

/* Called with the mutex held, which it gives back. */
static void release(struct pool *pool)
{
    bool last = --pool->references == 0;
    pthread_mutex_unlock(&pool->mutex);
    if (!last)
        return;
    list_each(struct worker *, worker, &pool->workers)
        free(*worker);
    list_free(&pool->workers);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->jobs);
    free(pool);
}

static bool is_over(const struct pool *pool)
{
    if (pool->closed || pool->options.deadline_ns == 0)
        return pool->closed;
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec >= pool->options.deadline_ns;
}

static bool has_work(const struct pool *pool)
{
    return pool->next < pool->count && !is_over(pool);
}

/* Runs jobs until none is left. Called and returns with the mutex held. */
static void work(struct pool *pool)
{
    while (has_work(pool)) {
        size_t job = pool->next++;
        pool->jobs[job] = JOB_RUNNING;
        pthread_mutex_unlock(&pool->mutex);
        int result = pool->options.run(pool->options.context, job);
        pthread_mutex_lock(&pool->mutex);
        pool->jobs[job] = JOB_DONE;
        if (result == -ESTALE) {
            pool->spoilt++;
            break;
        }
    }
}

/* Calls the caller's start(). Called and returns with the mutex held. */
static bool begin(struct pool *pool)
{
    int (*start)(void *) = pool->options.start;
    if (!start || pool->closed)
        return !pool->closed;
    pool->starting++;
    pthread_mutex_unlock(&pool->mutex);
    int result = start(pool->options.context);
    pthread_mutex_lock(&pool->mutex);
    pool->starting--;
    pthread_cond_broadcast(&pool->changed);
    return result == 0;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    pthread_mutex_lock(&pool->mutex);
    if (begin(pool))
        work(pool);
    worker->ended = true;
    pool->running--;
    pthread_cond_broadcast(&pool->changed);
    release(pool);
    return NULL;
}

/* Starts one more thread, deaf to signals: they are the caller's. Called with the mutex held. */
static int worker_start(struct pool *pool)
{
    struct worker *worker = memory_alloc(sizeof(*worker));
    worker->pool = pool;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0) {
        free(worker);
        return -status;
    }
    *list_append(&pool->workers) = worker;
    pool->running++;
    pool->references++;
    return 0;
}

static size_t workers_wanted(const struct pool_options *options, size_t count)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    size_t workers = options->workers ? options->workers : online > 0 ? (size_t)online : 1;
    return workers < count ? workers : count;
}

static int workers_start(struct pool *pool, struct error *error)
{
    size_t wanted = workers_wanted(&pool->options, pool->count);
    for (size_t i = 0; i < wanted; i++) {
        int r = worker_start(pool);
        if (r < 0 && pool->running == 0)
            return error_errno(error, -r, "no-workers", NULL, "cannot start a thread");
        if (r < 0)
            break; /* fewer do as well, later */
    }
    return 0;
}

/* Waits until something changed; false when the deadline has passed. */
static bool wait_change(struct pool *pool)
{
    uint64_t deadline = pool->options.deadline_ns;
    if (deadline == 0) {
        pthread_cond_wait(&pool->changed, &pool->mutex);
        return true;
    }
    struct timespec until = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)};
    return pthread_cond_timedwait(&pool->changed, &pool->mutex, &until) != ETIMEDOUT;
}

/* Waits for the workers, and gives a fresh thread for each spoilt one. Called and returns with the mutex
 * held. */
static int pool_wait(struct pool *pool, struct error *error)
{
    int failed = 0;
    while (pool->running > 0 || (pool->spoilt > 0 && has_work(pool))) {
        for (; pool->spoilt > 0 && has_work(pool); pool->spoilt--) {
            failed = worker_start(pool);
            if (failed < 0)
                break;
        }
        if (failed < 0 && pool->running == 0)
            break;
        if (pool->running > 0 && !wait_change(pool))
            break;
    }
    bool over = is_over(pool);
    pool->closed = true;
    while (pool->starting > 0) /* it uses the caller's context, which may not live longer than this call */
        pthread_cond_wait(&pool->changed, &pool->mutex);
    if (over || pool->next == pool->count)
        return 0;
    return error_errno(error, failed < 0 ? -failed : EIO, "no-workers", NULL, "no thread is left to work");
}

static void results_take(const struct pool *pool, enum pool_result *results)
{
    static const enum pool_result meaning[] = {
        [JOB_WAITING] = POOL_NOT_BEGUN, [JOB_RUNNING] = POOL_STUCK, [JOB_DONE] = POOL_DONE};
    for (size_t i = 0; i < pool->count; i++)
        results[i] = meaning[pool->jobs[i]];
}

/* Joins the threads that have ended and lets the others go. Called with the mutex held, which it gives back.
 */
static void workers_leave(struct pool *pool)
{
    for (size_t i = 0; i < pool->workers.count; i++) {
        struct worker *worker = pool->workers.items[i];
        if (!worker->ended) {
            pthread_detach(worker->thread);
            continue;
        }
        pthread_mutex_unlock(&pool->mutex);
        pthread_join(worker->thread, NULL);
        pthread_mutex_lock(&pool->mutex);
    }
    release(pool);
}

int pool_run(const struct pool_options *options, size_t count, enum pool_result *results, struct error *error)
{
    if (count == 0)
        return 0;
    struct pool *pool = pool_new(options, count);
    pthread_mutex_lock(&pool->mutex);
    int r = workers_start(pool, error);
    if (r == 0)
        r = pool_wait(pool, error);
    results_take(pool, results);
    workers_leave(pool);
    return r;
}

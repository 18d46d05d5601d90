/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/pool.h"

#include "netns/base/file.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { JOBS = 1000 };

struct counts {
    atomic_uint runs[JOBS], started, concurrent, most;
    atomic_bool signals_open;
    unsigned plain[JOBS]; /* each written by one job: the pool's own locking must make it visible */
};

static uint64_t in_milliseconds(unsigned milliseconds)
{
    return time_monotonic_ns() + (uint64_t)milliseconds * 1000000u;
}

static int count_start(void *context)
{
    struct counts *counts = context;
    atomic_fetch_add(&counts->started, 1);
    return 0;
}

static int count_run(void *context, size_t job)
{
    struct counts *counts = context;
    unsigned now = atomic_fetch_add(&counts->concurrent, 1) + 1;
    unsigned most = atomic_load(&counts->most);
    while (now > most && !atomic_compare_exchange_weak(&counts->most, &most, now))
        ;
    atomic_fetch_add(&counts->runs[job], 1);
    counts->plain[job] = (unsigned)job + 1;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (!sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGINT))
        atomic_store(&counts->signals_open, true);
    atomic_fetch_sub(&counts->concurrent, 1);
    return 0;
}

START_TEST(every_job_runs_once)
{
    struct counts *counts = memory_alloc(sizeof(*counts));
    enum pool_result results[JOBS];
    memset(results, 0xff, sizeof(results));
    struct pool_options options = {
        .workers = (unsigned)_i, .start = count_start, .run = count_run, .context = counts};
    ck_assert_int_eq(pool_run(&options, JOBS, results, NULL), 0);
    for (size_t i = 0; i < JOBS; i++) {
        ck_assert_uint_eq(atomic_load(&counts->runs[i]), 1);
        ck_assert_uint_eq(counts->plain[i], i + 1);
        ck_assert_int_eq(results[i], POOL_DONE);
    }
    if (_i > 0) {
        ck_assert_uint_le(atomic_load(&counts->started), (unsigned)_i);
        ck_assert_uint_le(atomic_load(&counts->most), (unsigned)_i);
    }
    ck_assert_uint_ge(atomic_load(&counts->started), 1);
    ck_assert(!atomic_load(&counts->signals_open));
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    ck_assert(!sigismember(&blocked, SIGTERM)); /* of the caller's none is */
    free(counts);
}
END_TEST

START_TEST(no_jobs_need_no_threads)
{
    struct pool_options options = {.run = count_run};
    ck_assert_int_eq(pool_run(&options, 0, NULL, NULL), 0);
}
END_TEST

/* Both jobs must be running at once, or neither comes back. */
static int meet_run(void *context, size_t job)
{
    (void)job;
    pthread_barrier_wait(context);
    return 0;
}

START_TEST(jobs_run_side_by_side)
{
    pthread_barrier_t barrier;
    enum pool_result results[4];
    pthread_barrier_init(&barrier, NULL, 4);
    struct pool_options options = {.workers = 4, .run = meet_run, .context = &barrier};
    ck_assert_int_eq(pool_run(&options, 4, results, NULL), 0);
    pthread_barrier_destroy(&barrier);
}
END_TEST

/* ---- spoilt workers ---- */
struct spoil {
    atomic_uint started, runs;
    pthread_mutex_t mutex;
    LIST(pthread_t) spoilt; /* threads that must not run another job */
    bool reused;
};

static int spoil_start(void *context)
{
    struct spoil *spoil = context;
    /* a new thread may have the id of one that has ended: it is another all the same */
    pthread_mutex_lock(&spoil->mutex);
    for (size_t i = 0; i < spoil->spoilt.count; i++) {
        if (pthread_equal(spoil->spoilt.items[i], pthread_self()))
            spoil->spoilt.items[i] = spoil->spoilt.items[--spoil->spoilt.count];
    }
    pthread_mutex_unlock(&spoil->mutex);
    atomic_fetch_add(&spoil->started, 1);
    return 0;
}

static int spoil_run(void *context, size_t job)
{
    struct spoil *spoil = context;
    atomic_fetch_add(&spoil->runs, 1);
    pthread_mutex_lock(&spoil->mutex);
    for (size_t i = 0; i < spoil->spoilt.count; i++)
        spoil->reused = spoil->reused || pthread_equal(spoil->spoilt.items[i], pthread_self());
    bool spoils = job % 3 == 0;
    if (spoils)
        *list_append(&spoil->spoilt) = pthread_self();
    pthread_mutex_unlock(&spoil->mutex);
    return spoils ? -ESTALE : 0;
}

START_TEST(spoilt_workers_are_replaced)
{
    enum { COUNT = 100 };
    struct spoil spoil = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    enum pool_result results[COUNT];
    struct pool_options options = {
        .workers = (unsigned)_i, .start = spoil_start, .run = spoil_run, .context = &spoil};
    ck_assert_int_eq(pool_run(&options, COUNT, results, NULL), 0);
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_int_eq(results[i], POOL_DONE);
    ck_assert_uint_eq(atomic_load(&spoil.runs), COUNT);
    ck_assert(!spoil.reused);
    /* 34 jobs spoil their worker, the last of them job 99, behind which nothing waits */
    ck_assert_uint_ge(atomic_load(&spoil.started), 34);
    list_free(&spoil.spoilt);
}
END_TEST

/* ---- the deadline ---- */
struct block {
    int pipe[2];
    atomic_uint entered, left;
    size_t blocking; /* jobs below it block */
};

static int block_run(void *context, size_t job)
{
    struct block *block = context;
    char byte;
    atomic_fetch_add(&block->entered, 1);
    if (job < block->blocking) {
        ssize_t got = read(block->pipe[0], &byte, 1);
        (void)got;
    }
    atomic_fetch_add(&block->left, 1);
    return 0;
}

START_TEST(a_blocked_job_is_left_behind)
{
    struct block *block = memory_alloc(sizeof(*block));
    enum pool_result results[20];
    block->blocking = 1;
    ck_assert_int_eq(pipe(block->pipe), 0);
    struct pool_options options = {.workers = 2, .run = block_run, .context = block};
    options.deadline_ns = in_milliseconds(300);
    ck_assert_int_eq(pool_run(&options, 20, results, NULL), 0);
    uint64_t late = time_monotonic_ns();
    ck_assert(late >= options.deadline_ns);
    ck_assert(late < options.deadline_ns + 2000000000u);
    ck_assert_int_eq(results[0], POOL_STUCK);
    for (size_t i = 1; i < 20; i++)
        ck_assert_int_eq(results[i], POOL_DONE);
    /* it comes back later, and finds what it needs */
    ck_assert_int_eq(write(block->pipe[1], "x", 1), 1);
    while (atomic_load(&block->left) < 20)
        usleep(1000);
    ck_assert_int_eq(results[0], POOL_STUCK);
    usleep(50000); /* its thread ends, before a sanitizer counts */
    free(block);
}
END_TEST

START_TEST(what_waits_behind_blocked_jobs_is_not_begun)
{
    struct block *block = memory_alloc(sizeof(*block));
    enum pool_result results[5];
    block->blocking = 5;
    ck_assert_int_eq(pipe(block->pipe), 0);
    struct pool_options options = {.workers = 2, .run = block_run, .context = block};
    options.deadline_ns = in_milliseconds(200);
    ck_assert_int_eq(pool_run(&options, 5, results, NULL), 0);
    size_t stuck = 0, waiting = 0;
    for (size_t i = 0; i < 5; i++) {
        stuck += results[i] == POOL_STUCK;
        waiting += results[i] == POOL_NOT_BEGUN;
    }
    ck_assert_uint_eq(stuck, 2);
    ck_assert_uint_eq(waiting, 3);
    ck_assert_int_eq(write(block->pipe[1], "xx", 2), 2);
    while (atomic_load(&block->left) < 2)
        usleep(1000);
    usleep(50000);
    ck_assert_uint_eq(atomic_load(&block->entered), 2); /* they began nothing more */
    free(block);
}
END_TEST

START_TEST(a_deadline_that_has_passed)
{
    struct counts *counts = memory_alloc(sizeof(*counts));
    enum pool_result results[JOBS];
    struct pool_options options = {.workers = 2, .run = count_run, .context = counts, .deadline_ns = 1};
    ck_assert_int_eq(pool_run(&options, JOBS, results, NULL), 0);
    for (size_t i = 0; i < JOBS; i++) {
        ck_assert_int_eq(results[i], POOL_NOT_BEGUN);
        ck_assert_uint_eq(atomic_load(&counts->runs[i]), 0);
    }
    usleep(50000);
    free(counts);
}
END_TEST

START_TEST(a_deadline_far_away_costs_nothing)
{
    struct counts *counts = memory_alloc(sizeof(*counts));
    enum pool_result results[JOBS];
    uint64_t begun = time_monotonic_ns();
    struct pool_options options = {
        .run = count_run, .context = counts, .deadline_ns = in_milliseconds(60000)};
    ck_assert_int_eq(pool_run(&options, JOBS, results, NULL), 0);
    ck_assert(time_monotonic_ns() - begun < 5000000000u);
    for (size_t i = 0; i < JOBS; i++)
        ck_assert_int_eq(results[i], POOL_DONE);
    free(counts);
}
END_TEST

/* ---- workers that cannot start ---- */
static int fail_first_start(void *context)
{
    struct counts *counts = context;
    return atomic_fetch_add(&counts->started, 1) == 0 ? -EPERM : 0;
}

static int fail_every_start(void *context)
{
    (void)context;
    return -EPERM;
}

START_TEST(others_take_the_jobs_of_a_worker_that_cannot_start)
{
    struct counts *counts = memory_alloc(sizeof(*counts));
    enum pool_result results[JOBS];
    struct pool_options options = {
        .workers = 3, .start = fail_first_start, .run = count_run, .context = counts};
    ck_assert_int_eq(pool_run(&options, JOBS, results, NULL), 0);
    for (size_t i = 0; i < JOBS; i++)
        ck_assert_int_eq(results[i], POOL_DONE);
    free(counts);
}
END_TEST

START_TEST(no_worker_is_an_error)
{
    struct counts *counts = memory_alloc(sizeof(*counts));
    enum pool_result results[3] = {POOL_DONE, POOL_DONE, POOL_DONE};
    struct error error = ERROR_NONE;
    struct pool_options options = {
        .workers = 2, .start = fail_every_start, .run = count_run, .context = counts};
    ck_assert_int_lt(pool_run(&options, 3, results, &error), 0);
    ck_assert_str_eq(error.code, "no-workers");
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(results[i], POOL_NOT_BEGUN);
    free(counts);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tcase = tcase_create("pool");
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, every_job_runs_once, 0, 9);
    tcase_add_test(tcase, no_jobs_need_no_threads);
    tcase_add_test(tcase, jobs_run_side_by_side);
    tcase_add_loop_test(tcase, spoilt_workers_are_replaced, 1, 5);
    tcase_add_test(tcase, a_blocked_job_is_left_behind);
    tcase_add_test(tcase, what_waits_behind_blocked_jobs_is_not_begun);
    tcase_add_test(tcase, a_deadline_that_has_passed);
    tcase_add_test(tcase, a_deadline_far_away_costs_nothing);
    tcase_add_test(tcase, others_take_the_jobs_of_a_worker_that_cannot_start);
    tcase_add_test(tcase, no_worker_is_an_error);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

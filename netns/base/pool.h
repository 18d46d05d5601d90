/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool of worker threads over a list of jobs, with a deadline: what is not begun by then is not begun, and
 * a job that blocks past it is left behind (its thread is detached and its result never looked at).
 */
#ifndef POSTERN_NETNS_BASE_POOL_H
#define POSTERN_NETNS_BASE_POOL_H

#include "netns/base/error.h"
#include "netns/base/memory.h"

enum pool_result { POOL_DONE, POOL_NOT_BEGUN, POOL_STUCK };

struct pool_options {
    unsigned workers;     /* 0: processors online */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
    /*
     * Called in each worker thread before its first job; may be NULL, must not block. Returning non-zero ends
     * that worker (its jobs go to others).
     */
    int (*start)(void *context);
    /*
     * One job. Returns 0, or -ESTALE: this worker is spoilt (could not return home) and its thread ends; a
     * fresh thread, made by the caller's, takes its place while jobs remain. `job` is 0..count-1. Runs in any
     * worker, each job once, with all signals blocked.
     */
    int (*run)(void *context, size_t job);
    void *context;
};

/*
 * Runs jobs 0..count-1 and waits for all of them or the deadline. results: array of count, filled. The memory
 * that a POOL_STUCK job writes to must not be freed: the caller leaks it knowingly. Returns 0, or -errno when
 * no thread could be made or none is left for the jobs that remain ("no-workers"); results are filled then
 * too.
 */
int pool_run(const struct pool_options *options, size_t count, enum pool_result *results,
             struct error *error);

#endif

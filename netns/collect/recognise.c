/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/collect/recognise.h"

#include "netns/base/file.h"
#include "netns/base/pool.h"

#include <errno.h>

#define PARTS 4 /* of the time that is left, for one try */

/* One try. All that it touches is its own, for a thread that stays in it outlives everything else. */
struct attempt {
    struct engine_context context; /* with a snapshot of its own */
    recognise_read read;
    struct engine_process *processes;
    size_t count;
    struct engine_result result;
};

static void processes_copy(struct attempt *attempt, const struct engine_process *processes)
{
    _cleanup_map_ struct map *copies = map_new(); /* the processes of one container share a text */
    for (size_t i = 0; i < attempt->count; i++) {
        attempt->processes[i] = processes[i];
        if (!processes[i].cgroup)
            continue;
        uint64_t key = (uintptr_t)processes[i].cgroup;
        char *copy = map_get_u64(copies, key);
        if (!copy) {
            copy = arena_strdup(attempt->context.snapshot->arena, processes[i].cgroup);
            map_set_u64(copies, key, copy);
        }
        attempt->processes[i].cgroup = copy;
    }
}

static struct attempt *attempt_new(const struct engine_context *context, enum engine_depth depth,
                                   recognise_read read, const struct engine_process *processes, size_t count)
{
    struct attempt *attempt = memory_alloc(sizeof(*attempt));
    attempt->context = *context;
    attempt->context.depth = depth;
    attempt->context.snapshot = snapshot_new();
    memset(&attempt->context.roots, 0, sizeof(attempt->context.roots));
    list_each(struct engine_root, root, &context->roots) {
        const char *directory = arena_strdup(attempt->context.snapshot->arena, root->directory);
        *list_append(&attempt->context.roots) = (struct engine_root){root->engine, directory};
    }
    attempt->read = read;
    attempt->count = count;
    attempt->processes = memory_resize(NULL, count + 1, sizeof(*attempt->processes));
    processes_copy(attempt, processes);
    return attempt;
}

static int attempt_run(void *context, size_t job)
{
    struct attempt *attempt = context;
    (void)job;
    attempt->read(&attempt->context, attempt->processes, attempt->count, &attempt->result);
    return 0;
}

/* What it found becomes the caller's, texts and faults with it. */
static void attempt_take(struct attempt *attempt, struct snapshot *snapshot, struct engine_process *processes,
                         struct engine_result *ret_result)
{
    for (size_t i = 0; i < attempt->count; i++) {
        processes[i].container = attempt->processes[i].container;
        processes[i].nested = attempt->processes[i].nested;
    }
    *ret_result = attempt->result;
    arena_adopt(snapshot->arena, attempt->context.snapshot->arena);
    list_each(struct fault, fault, &attempt->context.snapshot->errors)
        *list_append(&snapshot->errors) = *fault;
    snapshot_free(attempt->context.snapshot);
    list_free(&attempt->context.roots);
    free(attempt->processes);
    free(attempt);
}

static void late_tell(struct snapshot *snapshot, enum engine_depth depth)
{
    struct error error = ERROR_NONE;
    error_set(&error, ETIMEDOUT, "timeout", "engines", "%s",
              depth == ENGINE_DEPTH_ALL ? "what users' own engines keep was not read in time"
                                        : "what engines keep was not read in time: names, images and "
                                          "published ports are not known");
    snapshot_fault(snapshot, &error, false);
}

bool recognise(const struct engine_context *context, uint64_t deadline_ns, recognise_read read,
               struct engine_process *processes, size_t count, struct engine_result *ret_result)
{
    bool stuck = false;
    for (enum engine_depth depth = ENGINE_DEPTH_ALL; depth < ENGINE_DEPTH_PATH; depth++) {
        struct attempt *attempt = attempt_new(context, depth, read, processes, count);
        struct pool_options pool = {.workers = 1,
                                    .deadline_ns = time_share_ns(deadline_ns, PARTS),
                                    .run = attempt_run,
                                    .context = attempt};
        enum pool_result result = POOL_NOT_BEGUN;
        if (pool_run(&pool, 1, &result, NULL) < 0)
            result = POOL_NOT_BEGUN;
        if (result == POOL_DONE) {
            attempt_take(attempt, context->snapshot, processes, ret_result);
            if (depth != ENGINE_DEPTH_ALL)
                late_tell(context->snapshot, ENGINE_DEPTH_ALL);
            return stuck;
        }
        stuck = stuck || result == POOL_STUCK; /* what it works on is left to it */
        if (result == POOL_NOT_BEGUN)
            attempt_take(attempt, context->snapshot, processes, ret_result);
    }
    late_tell(context->snapshot, ENGINE_DEPTH_ROOT);
    struct engine_context paths = *context;
    paths.depth = ENGINE_DEPTH_PATH;
    read(&paths, processes, count, ret_result);
    return stuck;
}

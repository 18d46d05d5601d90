/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/collect/owner.h"

#include <errno.h>
#include <stdatomic.h>

#define CHUNK 64 /* processes of a job of the second walk */

void owner_walk_free(struct owner_walk *walk)
{
    list_free(&walk->processes);
    list_free(&walk->holdings);
}

/* ---- sockets without a holder ---- */

struct want {
    uint64_t inode;
    uint32_t place, socket;
};
struct wants {
    LIST(struct want) items; /* ascending by inode */
    atomic_bool *held;       /* of each */
    atomic_size_t open;      /* that have no holder yet */
};

static int want_compare(const void *a, const void *b)
{
    const struct want *one = a, *two = b;
    return one->inode < two->inode ? -1 : one->inode > two->inode;
}

static void wants_add(struct wants *wants, const struct found *found, size_t place)
{
    const struct namespace *namespace = found->places.items[place].namespace;
    for (size_t i = 0; i < namespace->sockets.count; i++) {
        const struct socket *socket = &namespace->sockets.items[i];
        if (socket->inode && !socket->processes.count) /* the kernel's own have no inode */
            *list_append(&wants->items) = (struct want){socket->inode, (uint32_t)place, (uint32_t)i};
    }
}

static void wants_ready(struct wants *wants)
{
    size_t count = wants->items.count;
    if (count)
        qsort(wants->items.items, count, sizeof(struct want), want_compare);
    wants->held = memory_alloc(count + 1);
    atomic_store(&wants->open, count);
}

static void wants_free(struct wants *wants)
{
    list_free(&wants->items);
    free(wants->held);
}

/* The first of this inode; several sockets may have one (SCTP, a socket for each address). */
static size_t wants_first(const struct wants *wants, uint64_t inode)
{
    size_t low = 0, high = wants->items.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (wants->items.items[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- one process ---- */

struct look {
    struct wants *wants;
    struct owner_walk *walk;
    size_t hits;
};

static int socket_held(void *context, uint64_t inode)
{
    struct look *look = context;
    struct wants *wants = look->wants;
    for (size_t i = wants_first(wants, inode); i < wants->items.count && wants->items.items[i].inode == inode;
         i++) {
        const struct want *want = &wants->items.items[i];
        *list_append(&look->walk->holdings) =
            (struct owner_holding){want->place, want->socket, (uint32_t)look->walk->processes.count};
        look->hits++;
        if (!atomic_exchange(&wants->held[i], true))
            atomic_fetch_sub(&wants->open, 1);
    }
    return atomic_load(&wants->open) ? 0 : 1;
}

static bool process_add(const struct process_source *source, int process, uint32_t pid,
                        struct owner_walk *walk)
{
    struct process facts = {.container = -1};
    if (process_read(source, process, pid, walk->arena, &facts, NULL) < 0)
        return false;
    facts.container = -1;
    *list_append(&walk->processes) = facts;
    return true;
}

static void process_look(const struct process_source *source, const struct found *found,
                         const struct found_process *found_process, struct wants *wants,
                         struct owner_walk *walk)
{
    _cleanup_close_ int opened = -1;
    int process = found_process_open(found, found_process, &opened);
    struct look look = {wants, walk, 0};
    int r = process < 0 ? process : process_sockets(process, OWNER_DESCRIPTORS_MAX, socket_held, &look);
    bool stopped = r == 1 && !atomic_load(&wants->open);
    /* one that is gone may have left its sockets to a child that nobody saw */
    if (r != 0 && !stopped)
        walk->refused++;
    if (look.hits && !process_add(source, process, found_process->pid, walk))
        walk->holdings.count -= look.hits;
}

/* ---- the processes of a place ---- */

static bool was_read(const struct owner_walk *walk, uint32_t pid)
{
    list_each(struct process, process, &walk->processes) {
        if (process->pid == pid)
            return true;
    }
    return false;
}

void owner_walk_place(const struct process_source *source, const struct found *found, size_t place,
                      const uint32_t *firsts, size_t first_count, struct owner_walk *walk)
{
    struct wants wants = {0};
    uint32_t last = 0;
    wants_add(&wants, found, place);
    wants_ready(&wants);
    list_each(uint32_t, at, &found->places.items[place].processes) {
        const struct found_process *process = &found->processes.items[*at];
        if (!atomic_load(&wants.open))
            break;
        if (process->pid != last) /* several threads of one process */
            process_look(source, found, process, &wants, walk);
        last = process->pid;
    }
    for (size_t i = 0; i < first_count; i++) {
        const struct found_process *first =
            was_read(walk, firsts[i]) ? NULL : found_process_of(found, firsts[i]);
        _cleanup_close_ int opened = -1;
        int process = first ? found_process_open(found, first, &opened) : -1;
        if (process >= 0)
            process_add(source, process, firsts[i], walk);
    }
    wants_free(&wants);
}

/* ---- into the snapshot ---- */

static uint32_t process_index(struct owner_merge *merge, const struct process *process)
{
    uintptr_t known = (uintptr_t)map_get_u64(merge->by_pid, process->pid);
    if (known)
        return (uint32_t)(known - 1);
    size_t index = merge->snapshot->processes.count;
    *list_append(&merge->snapshot->processes) = *process;
    map_set_u64(merge->by_pid, process->pid, (void *)(uintptr_t)(index + 1));
    return (uint32_t)index;
}

static void holder_add(struct socket *socket, uint32_t process)
{
    list_each(uint32_t, known, &socket->processes) {
        if (*known == process)
            return;
    }
    *list_append(&socket->processes) = process;
}

void owner_merge(struct owner_merge *merge, struct owner_walk *walk)
{
    size_t count = walk->processes.count;
    uint32_t *indices = memory_resize(NULL, count + 1, sizeof(*indices));
    for (size_t i = 0; i < count; i++)
        indices[i] = process_index(merge, &walk->processes.items[i]);
    list_each(struct owner_holding, holding, &walk->holdings) {
        struct namespace *namespace = merge->found->places.items[holding->place].namespace;
        holder_add(&namespace->sockets.items[holding->socket], indices[holding->process]);
    }
    free(indices);
}

/* ---- everybody else ---- */

struct rest {
    const struct process_source *source;
    const struct found *found;
    struct wants wants;
    struct owner_walk *walks; /* one a chunk, each with its own arena */
};

static int chunk_run(void *context, size_t job)
{
    struct rest *rest = context;
    size_t end = (job + 1) * CHUNK;
    if (end > rest->found->processes.count)
        end = rest->found->processes.count;
    for (size_t i = job * CHUNK; i < end && atomic_load(&rest->wants.open); i++) {
        const struct found_process *process = &rest->found->processes.items[i];
        if (!process->thread)
            process_look(rest->source, rest->found, process, &rest->wants, &rest->walks[job]);
    }
    return 0;
}

static const char *text_move(struct arena *arena, const char *text)
{
    return arena_strdup(arena, text);
}

/* A chunk's arena ends with the walk. */
static void walk_move(struct owner_merge *merge, struct owner_walk *walk)
{
    struct arena *arena = merge->snapshot->arena;
    list_each(struct process, process, &walk->processes) {
        process->name = text_move(arena, process->name);
        process->executable = text_move(arena, process->executable);
        process->cgroup = text_move(arena, process->cgroup);
    }
    owner_merge(merge, walk);
}

static void rest_free(struct rest *rest)
{
    wants_free(&rest->wants);
    free(rest->walks);
    free(rest);
}

/* Adds how much could not be looked at. True: a chunk is stuck, and its memory must be left to it. */
static bool rest_run(struct owner_merge *merge, struct rest *rest, const struct pool_options *options,
                     size_t *refused)
{
    size_t chunks = (rest->found->processes.count + CHUNK - 1) / CHUNK;
    enum pool_result *results = memory_alloc((chunks + 1) * sizeof(*results));
    struct pool_options pool = *options;
    bool stuck = false;
    pool.start = NULL;
    pool.run = chunk_run;
    pool.context = rest;
    rest->walks = memory_alloc((chunks + 1) * sizeof(*rest->walks));
    for (size_t i = 0; i < chunks; i++)
        rest->walks[i].arena = arena_new();
    if (pool_run(&pool, chunks, results, NULL) < 0)
        *refused += chunks;
    for (size_t i = 0; i < chunks; i++) {
        *refused += results[i] != POOL_DONE;
        stuck = stuck || results[i] == POOL_STUCK;
    }
    for (size_t i = 0; i < chunks && !stuck; i++) {
        *refused += rest->walks[i].refused;
        walk_move(merge, &rest->walks[i]);
        owner_walk_free(&rest->walks[i]);
        arena_free(rest->walks[i].arena);
    }
    free(results);
    return stuck;
}

static void unknown_mark(const struct found *found)
{
    list_each(struct found_place, place, &found->places) {
        list_each(struct socket, socket, &place->namespace->sockets)
            socket->owner_unknown = socket->inode && !socket->processes.count;
    }
}

bool owner_find_rest(struct owner_merge *merge, const struct process_source *source,
                     const struct pool_options *pool, size_t refused)
{
    struct rest *rest = memory_alloc(sizeof(*rest));
    rest->source = source;
    rest->found = merge->found;
    for (size_t i = 0; i < merge->found->places.count; i++)
        wants_add(&rest->wants, merge->found, i);
    wants_ready(&rest->wants);
    bool stuck = atomic_load(&rest->wants.open) && rest_run(merge, rest, pool, &refused);
    if (!stuck)
        rest_free(rest);
    if (refused || merge->found->unseen)
        unknown_mark(merge->found);
    return stuck;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who holds the sockets: first the processes that live in their namespace, looked at until every socket has a
 * holder, then, for what is left, all others. Facts of a holder are read once and end in snapshot.processes.
 *
 * Needs CAP_SYS_PTRACE for processes of other users; the sockets whose holder might be among those are
 * marked.
 */
#ifndef POSTERN_NETNS_COLLECT_OWNER_H
#define POSTERN_NETNS_COLLECT_OWNER_H

#include "netns/base/pool.h"
#include "netns/collect/find.h"
#include "netns/read/process.h"

#define OWNER_DESCRIPTORS_MAX ((size_t)1 << 20) /* of a process that are looked at */

/* What one walk over processes found. */
struct owner_holding {
    uint32_t place, socket; /* of the namespace's list */
    uint32_t process;       /* of `processes` below */
};
struct owner_walk {
    struct arena *arena; /* for the processes' texts: the caller's, who keeps it as long as the snapshot */
    LIST(struct process) processes;
    LIST(struct owner_holding) holdings;
    size_t refused; /* processes whose descriptors could not all be looked at */
};
void owner_walk_free(struct owner_walk *walk);

/*
 * Looks at the processes of one place for the holders of its sockets, and reads `firsts` (pids of containers'
 * first processes there) as well. May run in any thread: writes nothing but the walk, whose arena is the
 * namespace's.
 */
void owner_walk_place(const struct process_source *source, const struct found *found, size_t place,
                      const uint32_t *firsts, size_t first_count, struct owner_walk *walk);

/* Moves what a walk found into the snapshot; one process stands there once, whatever walks met it. */
struct owner_merge {
    struct snapshot *snapshot;
    const struct found *found;
    struct map *by_pid; /* index + 1 into snapshot.processes */
};
void owner_merge(struct owner_merge *merge, struct owner_walk *walk);

/*
 * Looks at every other process for the sockets that have no holder yet, in threads, until the deadline; then
 * marks `owner_unknown` where none was found and not everything could be looked at (`refused`: of the earlier
 * walks). Returns true where a thread is stuck at it: `found` and `source` must then live on.
 */
bool owner_find_rest(struct owner_merge *merge, const struct process_source *source,
                     const struct pool_options *pool, size_t refused);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every network namespace that can be reached: the host's, those of all processes and of threads that left
 * their process's, those mounted somewhere (/run/netns, /run/docker/netns, any nsfs mount). Each is opened
 * once, while what holds it is surely alive, and stays open: (device, inode) names it only so long.
 *
 * Needs CAP_SYS_PTRACE for the namespaces of other users' processes. Without it what cannot be seen is
 * counted.
 */
#ifndef POSTERN_NETNS_COLLECT_FIND_H
#define POSTERN_NETNS_COLLECT_FIND_H

#include "netns/base/error.h"
#include "netns/base/memory.h"
#include "netns/kernel/enter.h"
#include "netns/snapshot/snapshot.h"

#define FIND_NAMESPACES_MAX ((size_t)16384) /* more are not opened: "over-budget" */
#define FIND_PIDS_MAX       ((size_t)64)    /* of a namespace, in the snapshot */

/*
 * All that is ever asked of a process is asked of its directory as it was opened when it was found: the
 * descriptor goes dead with it, while its number may be another's at once.
 */
struct found_process {
    int directory;   /* O_PATH, shared by the entries of its threads; -1: too many to be held */
    uint64_t start;  /* where it is not held: its start time, which a later look compares */
    uint32_t pid;    /* where the process's first thread has ended: the number of one that has not */
    uint32_t thread; /* of this process, that is in another namespace than it; 0: the process itself */
    uint32_t place;  /* index into found.places */
    const struct found_cgroup *cgroup; /* shared by many; NULL: could not be read */
};

/* Where a process stands in the cgroup hierarchies. Texts in the snapshot's arena. */
struct found_cgroup {
    const char *path;    /* that identifies it: engine_cgroup_path() */
    const char *unified; /* of the unified hierarchy, NULL: there is none */
};

struct found_place {
    struct namespace_handle handle;
    struct namespace *namespace; /* in the snapshot's list */
    bool home;                   /* the reader's own: nothing needs to be entered */
    LIST(uint32_t) processes;    /* indices into found.processes */
};

struct found {
    int proc; /* the caller's */
    int root; /* root directory of the host whose processes these are; -1: cannot be opened */
    LIST(struct found_place) places; /* the host's first */
    LIST(struct found_process) processes;
    uint64_t deadline_ns; /* as the options say */
    size_t unseen;        /* processes, threads and mounts that may not be looked at */
    struct map *by_inode; /* index + 1 into places */
    struct map *by_pid;   /* index + 1 into processes, of processes themselves */
    struct map *cgroups;  /* text of /proc/PID/cgroup to struct found_cgroup */
};

struct find_options {
    int proc;
    int root;                   /* of the host; -1: none */
    const char *host_namespace; /* path of the namespace that counts as the host's; NULL: the reader's own */
    size_t held; /* processes whose directories may stay open; 0: as the process's limit allows */
    uint64_t
        deadline_ns; /* for what is mounted somewhere, whose path may never be walked to its end; 0: none */
};

/*
 * Finds them all and adds a struct namespace for each to the snapshot (id, device, user_namespace, names,
 * paths, pids; role bare but for the host's), whose host_namespace is set. What may not be opened becomes an
 * error of the snapshot: "namespace-refused" for a named one, one "process-unreadable" for all processes that
 * names the first of them; a mount that cannot be looked at in time "timeout".
 * Fails only where the host's own cannot be opened, or /proc not be listed.
 */
int find_namespaces(const struct find_options *options, struct snapshot *snapshot, struct found *ret_found,
                    struct error *error);
/*
 * Of each place (ret_alive has found->places.count members): does anything but our own descriptor still hold
 * it? By a second look at what held it before and, where that is not so, at all processes that there are now.
 */
void find_alive(const struct found *found, bool *ret_alive);
/*
 * The directory of a process that was found, borrowed or (then *ret_opened, the caller's to close) opened
 * again and seen to be the same's. -ESRCH: gone, though its number may be there.
 */
int found_process_open(const struct found *found, const struct found_process *process, int *ret_opened);
/* The process itself (not a thread) with this number; NULL: none was found. */
const struct found_process *found_process_of(const struct found *found, uint32_t pid);
/* Closes all descriptors (not proc and root) and frees the lists; the snapshot keeps its namespaces. */
void found_free(struct found *found);
/* Index of an open namespace, SIZE_MAX: none. */
size_t found_place_of(const struct found *found, uint64_t inode);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes, through descriptors of procfs: which there are, which namespaces they are in, what they are,
 * which sockets they hold. A process is opened once (O_PATH on its directory); the descriptor goes dead with
 * it, so nothing is ever asked of a number that another process has by now. Names, paths and arguments are
 * the process's own choice. Nothing beneath its root is opened.
 *
 * Sources: proc(5), namespaces(7), cgroups(7).
 */
#ifndef POSTERN_NETNS_READ_PROCESS_H
#define POSTERN_NETNS_READ_PROCESS_H

#include "netns/base/error.h"
#include "netns/base/memory.h"
#include "netns/snapshot/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The processes that the reader sees, and where the reader itself stands. */
struct process_source {
    int proc; /* descriptor of procfs, the caller's */
    /* of the reader: only where a process has both, its executable's path means the same file here */
    uint64_t mount_namespace, user_namespace;
};
/* Never fails: what is not known of the reader is 0. */
void process_source_init(int proc, struct process_source *ret_source);

/* Called for each; non-zero ends the walk, which then returns it. */
typedef int (*process_visit)(void *context, uint32_t pid);
/* All processes, in the kernel's order (ascending). -errno, "processes-unreadable". */
int process_list(int proc, process_visit visit, void *context, struct error *error);

/* O_PATH descriptor of /proc/PID. -ENOENT: gone. */
int process_open(int proc, uint32_t pid);
/* The same of one that was seen before with this start time (0: was gone then). -ESRCH: the number is
 * another's. */
int process_open_again(int proc, uint32_t pid, uint64_t start);
/* Inode of a namespace ("net", "mnt", "user" ...) of an open process or thread directory. -errno. */
int process_namespace(int process, const char *kind, uint64_t *ret_inode);
/* Start time of an open process: with its number it names a process for good. 0: gone. */
uint64_t process_start(int process);
/* True while it lives; a zombie does not. */
bool process_alive(int process);

/*
 * Threads whose network namespace is another than `network_namespace` (the process's own). Costs one stat for
 * a process of one thread. Non-zero from visit ends the walk. -errno.
 */
typedef int (*process_visit_thread)(void *context, uint32_t thread, uint64_t network_namespace);
int process_threads(int process, uint32_t pid, uint64_t network_namespace, process_visit_thread visit,
                    void *context);

/*
 * Fills what the process is (all but `container`). Texts go into the arena. What may not be read stays zero
 * or NULL; a process that is gone: -ESRCH, "process-vanished".
 */
int process_read(const struct process_source *source, int process, uint32_t pid, struct arena *arena,
                 struct process *ret_process, struct error *error);

/* One line of /proc/PID/cgroup. */
struct process_cgroup {
    uint32_t hierarchy;      /* 0: the unified one */
    const char *controllers; /* "", "name=systemd", "cpu,cpuacct" */
    const char *path;        /* as the kernel gives it: relative to the reader's cgroup namespace */
};
/* Texts are valid during the call. Non-zero ends the walk, which returns it. -ESRCH: gone. -errno. */
typedef int (*process_visit_cgroup)(void *context, const struct process_cgroup *cgroup);
int process_cgroups(int process, process_visit_cgroup visit, void *context);

/*
 * Inodes of the sockets that the process holds. At most `limit` descriptors are looked at: then 1 is
 * returned and the answer is not whole. visit's non-zero value ends the walk and is returned. -EACCES: may
 * not be looked at; -ESRCH: gone.
 */
typedef int (*process_visit_socket)(void *context, uint64_t inode);
int process_sockets(int process, size_t limit, process_visit_socket visit, void *context);

/* ---- parsers ---- */

/* The text of /proc/PID/status: name, effective uid, capabilities, seccomp, no_new_privs. False: not one. */
bool process_parse_status(const char *text, struct arena *arena, struct process *process);
/* The start time of /proc/PID/stat (field 22; the name in parentheses may hold anything). 0: not there. */
uint64_t process_parse_start(const char *text);
/* The text of /proc/PID/cgroup, which is overwritten. */
int process_parse_cgroups(char *text, process_visit_cgroup visit, void *context);
/*
 * The line that says most about who owns the process: a path with a component that has an engine's long
 * hexadecimal id, else the unified hierarchy's unless it is the root, else systemd's, else any. Copied into
 * the arena; NULL: no line.
 */
const char *process_choose_cgroup(char *text, struct arena *arena);
/* "socket:[123]", "net:[4026531840]": the number, where the given word stands before the bracket. */
bool process_parse_link(const char *text, const char *word, uint64_t *ret_inode);

#endif

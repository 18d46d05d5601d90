/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who owns processes: container engines known by the cgroup path of a process, confirmed and described by
 * what the engine left on disk. No engine is asked: it may be dead, and a file cannot be made to wait.
 *
 * A container is the *outermost* scope of the path: what runs inside chooses the rest, and is `nested`. What
 * must not be taken from the inside is the name of another: a path that somebody but root may have made
 * (within a unit, a user's slice, a container) is that container's only where root's own state says so, by
 * its first process or its cgroup. A user's own state names containers in that user's slice, as NAME@UID, and
 * confirms none of them.
 */
#ifndef POSTERN_NETNS_ENGINE_ENGINE_H
#define POSTERN_NETNS_ENGINE_ENGINE_H

#include "netns/base/error.h"
#include "netns/base/memory.h"
#include "netns/snapshot/snapshot.h"

/* A place in a cgroup path that stands for a container. */
struct engine_scope {
    enum container_engine engine; /* ENGINE_NONE: an identifier in a place that names no engine */
    const char *id;               /* within the path, not ended by NUL */
    size_t id_length;
    size_t length;    /* of the path, up to the end of the scope */
    uint32_t user_id; /* of the user-UID.slice or user@UID.service that it is in: an engine without root; 0:
                         none */
};

#define ENGINE_SCOPES_MAX 8

/* The scopes of a cgroup path, outermost first; returns their number (at most ENGINE_SCOPES_MAX). */
size_t engine_scopes(const char *path, struct engine_scope scopes[ENGINE_SCOPES_MAX]);

/*
 * The path that identifies a process, out of the text of /proc/PID/cgroup (cgroups(7)): of the unified
 * hierarchy, name=systemd or another, in this order, the first that has a scope; else the first of them. A
 * scope in another hierarchy than those two counts only where they do not say that the process is a user's:
 * controllers may be handed to a user under any name. A copy in the arena; NULL where there is no line.
 */
const char *engine_cgroup_path(struct arena *arena, const char *text, size_t length);

/* A process as the engines need it. */
struct engine_process {
    uint32_t pid;
    int directory;      /* of /proc/PID, O_PATH, borrowed; -1: by its number beneath `proc` */
    uint64_t start;     /* where it is by its number: its start time, for context.open */
    uint64_t namespace; /* id of its network namespace, 0: not known */
    const char *cgroup; /* engine_cgroup_path(), NULL: could not be read */
    int32_t container;  /* out: index into engine_result.containers of its outermost scope, -1: none */
    int32_t nested;     /* out: the same for the innermost one, where there are several, else -1 */
};

/* `--engine-root ENGINE=DIR`: the one place to look at for this engine. */
struct engine_root {
    enum container_engine engine;
    const char *directory;
};

/* How far the engines' own words are looked for: less of it, where the whole did not come in time. */
enum engine_depth {
    ENGINE_DEPTH_ALL,
    ENGINE_DEPTH_ROOT, /* nothing that a user's own engine keeps, which the user may have made wait */
    ENGINE_DEPTH_PATH  /* cgroup paths alone: no file is opened */
};

struct engine_context {
    enum engine_depth depth;
    int proc; /* directory of the scan's /proc */
    /*
     * Opens the directory of a process that is known by its number and start time: process_open_again().
     * NULL: the number alone tells (tests, with files that stand for a /proc).
     */
    int (*open)(int proc, uint32_t pid, uint64_t start);
    int root; /* root directory of the host whose processes these are; -1: cannot be opened */
    uint64_t host_namespace;
    uint32_t owner; /* of the state files of engines that are not rootless: 0 (tests: their own) */
    LIST(struct engine_root) roots;
    struct snapshot *snapshot; /* texts go to its arena, what could not be read to its errors */
};

struct engine_container {
    struct container data;      /* name not yet unique; namespace only where a process was seen */
    const char *namespace_path; /* where the engine keeps its network namespace, by its own word; NULL */
    const char *declared;       /* cgroup that the engine gave it; NULL: not known */
    bool anchored;              /* data.cgroup is that of the process that the engine calls its first */
    uint32_t pid;               /* its first process by the engine's word, 0: not known */
    uint32_t agent;             /* process outside that holds its published ports (conmon), 0: none */
    uint32_t user_id;           /* whose engine this is: 0 root */
    bool described;             /* a state of its engine tells of it; a user's confirms nothing */
    bool doubtful;              /* that state was found in a way that the container may have made up */
    int directory;              /* of the process data.pid, as that of struct engine_process, and its start */
    uint64_t start;
    bool running; /* by the engine's word */
    bool seen;    /* a process of it was */
};

/* A network as an engine calls it, with its bridge. */
struct engine_network {
    enum container_engine engine;
    const char *name, *interface;
};

struct engine_result {
    LIST(struct engine_container) containers; /* those with a process, or that the engine calls running */
    LIST(struct engine_network) networks;
};

/*
 * Recognises every process' container, reads the state of every engine that has one (or runs), and joins the
 * two. What could not be read becomes `engine-unreadable` in the snapshot's errors; a container is then named
 * by its identifier's first 12 digits and not `confirmed`.
 */
void engine_read(const struct engine_context *context, struct engine_process *processes, size_t count,
                 struct engine_result *ret_result);
/* Frees the lists of the result and of its containers that were not taken over (struct container zeroed). */
void engine_result_free(struct engine_result *result);

/* ENGINE_NONE for a word that names no engine of the table: "docker", "podman", "containerd", "crio", "lxc",
 * "nspawn". */
enum container_engine engine_parse(const char *word);

#endif

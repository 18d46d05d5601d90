/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rows of the engine table share: the table's type, the engines' files and the processes that run
 * them. For netns/engine alone.
 */
#ifndef POSTERN_NETNS_ENGINE_STATE_H
#define POSTERN_NETNS_ENGINE_STATE_H

#include "netns/base/json.h"
#include "netns/engine/engine.h"

#include <sys/types.h>

#define STATE_FILE_MAX   ((size_t)8 << 20) /* largest state file that is read */
#define CONTAINER_ID_MAX 64

/* A part of a cgroup path, with the one before it. */
struct cgroup_part {
    const char *text, *previous;
    size_t length, previous_length;
};
bool part_is(const char *text, size_t length, const char *word);
/* The part is PREFIX + 64 hexadecimal digits + SUFFIX; *ret_id points to the digits. */
bool part_is_id(const struct cgroup_part *part, const char *prefix, const char *suffix, const char **ret_id);

/* A container that processes were seen of. */
struct engine_seen {
    enum container_engine engine; /* ENGINE_NONE: not said by the path */
    const char *id;
    uint32_t pid;  /* the lowest */
    int directory; /* of that process, -1: by its number and start time */
    uint64_t start;
    uint32_t user_id; /* of the scope: what a user's own engine says is never taken for root's */
};

/* A process of the host's own that belongs to an engine: dockerd, containerd, conmon ... */
struct engine_daemon {
    uint32_t pid, user_id; /* effective, as the scan sees it */
    const char *name;      /* comm: only one of root's (or of the container's own user) is to be believed */
    const char *cgroup;    /* NULL: could not be read */
    LIST(const char *) arguments;
};

struct engine_state {
    const struct engine_context *context;
    struct arena *arena; /* the snapshot's */
    LIST(struct engine_seen) seen;
    LIST(struct engine_daemon) daemons;
    struct engine_result *result;
};

/*
 * The directory of a process in the scan's /proc: `directory`, or (-1) opened by its number and start time,
 * then the caller's to close in *ret_opened (else -1). -errno.
 */
int state_process_open(const struct engine_state *state, uint32_t pid, int directory, uint64_t start,
                       int *ret_opened);
/* Text of a file ("mountinfo") beneath it, at most limit bytes; NULL: cannot be read. */
char *state_process_file(const struct engine_state *state, uint32_t pid, int directory, uint64_t start,
                         const char *name, size_t limit, size_t *ret_length);

/* One engine: a row of the table in engine.c. */
struct engine {
    enum container_engine kind;
    /* Is this part of a cgroup path a scope of this engine? Fills id and id_length. NULL: has no scopes. */
    bool (*recognise)(const struct cgroup_part *part, struct engine_scope *ret_scope);
    /* Appends the containers and networks that its state knows to state->result. */
    void (*read)(struct engine_state *state);
};
extern const struct engine engine_docker, engine_podman, engine_containerd, engine_crio, engine_lxc,
    engine_nspawn;

/* ---- looking things up ---- */
/* The directory of `--engine-root` for this engine, NULL: not given. */
const char *state_override(const struct engine_state *state, enum container_engine engine);
/* Is a process there that might be this engine's container `id` (of an engine that is not known, too)? */
const struct engine_seen *state_seen(const struct engine_state *state, enum container_engine engine,
                                     const char *id, uint32_t user_id);
struct engine_container *state_container(const struct engine_state *state, enum container_engine engine,
                                         const char *id, uint32_t user_id);
/* A new container of the result with these; id is copied. */
struct engine_container *state_container_add(struct engine_state *state, enum container_engine engine,
                                             const char *id, uint32_t user_id);
/* Was no container of this engine and user seen that the result does not have? */
bool state_complete(const struct engine_state *state, enum container_engine engine, uint32_t user_id);
/* Users whose own engine of this kind was seen, root (0) first and always; a copy to be freed with list_free.
 */
struct user_list {
    LIST(uint32_t) ids;
};
struct user_list state_users(const struct engine_state *state, enum container_engine engine);
/* Adds a network with its bridge (NULL: not known) once; one name may have several, by different backends. */
void state_network_add(struct engine_state *state, enum container_engine engine, const char *name,
                       const char *interface);
/* Value of the argument `--NAME VALUE` or `--NAME=VALUE` (either name may be NULL; short ones as "-g"). */
const char *daemon_argument(const struct engine_daemon *daemon, const char *name, const char *short_name);

/* ---- files of the host, beneath context->root ---- */
/* A directory by an absolute path of the host, whose symbolic links stay beneath its root; -errno. */
int state_directory(const struct engine_state *state, const char *path, struct error *error);
/* The same for a directory that this user's engine keeps: nothing on the way may be a link, unless it is
 * root's. */
int state_root(const struct engine_state *state, const char *path, uint32_t user_id, struct error *error);
/* Who must own the files of this user's engine. */
uid_t state_owner(const struct engine_state *state, uint32_t user_id);
/* A path beneath the home of a user (etc/passwd of the host) in the arena; NULL: has none. */
const char *state_home(const struct engine_state *state, uint32_t user_id, const char *below);
/* A file of the administrator's (a configuration) by an absolute path. */
int state_file(const struct engine_state *state, const char *path, char **ret_text, size_t *ret_length,
               struct error *error);
/* JSON of a state file beneath a directory, by the rules for what a tenant may write. */
cJSON *state_json(int directory, const char *path, uid_t owner, struct error *error);
/* The number in a pid file of root's, beneath a directory or (-1) by an absolute path of the host; 0: none.
 */
uint32_t state_pid_file(const struct engine_state *state, int directory, const char *path);
/* Calls `each` with every entry of the directory that does not begin with a dot. */
int directory_each(int directory, void (*each)(void *context, int directory, const char *name), void *context,
                   struct error *error);
/* Adds `engine-unreadable` for the engine, unless the error is that something is not there. */
void state_fault(const struct engine_state *state, enum container_engine engine, const struct error *error);

/* ---- candidate directories, in order of trust ---- */
struct candidates {
    LIST(const char *) paths;
};
/* Adds an absolute path once (NULL and relative ones are left out); texts in the arena. */
void candidate_add(struct candidates *candidates, struct arena *arena, const char *path);

/* ---- parts of a container that engines describe alike ---- */
/* Labels of a JSON object of texts; compose and pod names out of them. */
void container_labels(struct container *container, struct arena *arena, const cJSON *object);
const char *container_label(const struct container *container, const char *key); /* NULL: none */
/* Takes what well-known labels say: Compose project and service, pod, its namespace, pause container. */
void container_labels_apply(struct container *container);
void container_publish(struct container *container, struct address address, uint16_t port, uint16_t target,
                       uint8_t protocol);
/* Names of Kubernetes: the labels that kubelet would give (what is NULL is left out), and what follows from
 * them. */
void container_pod_apply(struct container *container, struct arena *arena, const char *namespace,
                         const char *pod, const char *name, bool sandbox);
/* Published ports as CRI-O and nerdctl note them: a JSON array of {hostPort, containerPort, protocol,
 * hostIP}. */
void container_mappings_apply(struct container *container, const char *text);
/* "tcp", "udp", "sctp" as IPPROTO_*, 0: another. */
uint8_t state_protocol(const char *text, size_t length);
/* Is this path on the host an engine's control socket, or a directory that has them? */
bool path_is_engine_socket(const char *path);
/* Is the name one that an engine makes up where none is given ("clever_mendeleev")? */
bool name_is_generated(const char *name);
/* Copies text into the arena, its UTF-8 repaired; NULL and "" give NULL. */
const char *state_text(struct arena *arena, const char *text);

/* ---- the storage that Podman and CRI-O share (containers/storage) ---- */
/* Value of a key of storage.conf(5)'s table [storage]: `graphroot = "/path"`. Copy in the arena, NULL: none.
 */
const char *storage_value(struct arena *arena, const char *text, size_t length, const char *key);
/* Calls `each` with every directory DRIVER-containers beneath the root. */
void storage_each(struct engine_state *state, enum container_engine engine, int root,
                  void (*each)(void *context, int containers), void *context);
/* Directories that a conmon of this user was started with, for a container that was seen: what stands before
   the last
   "/DRIVER-containers/" of its bundle (-b). */
void conmon_candidates(struct engine_state *state, uint32_t user_id, struct candidates *candidates);
/* Process id of the conmon of a container, 0: none. */
uint32_t conmon_of(const struct engine_state *state, const char *id, uint32_t user_id);
/* First process of a container of root's, by the file that its conmon notes it in; 0: not known. */
uint32_t conmon_first_process(const struct engine_state *state, const char *id);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Containers, namespaces and processes joined: which container a namespace and a process belong to, names
 * that are unique, roles, and what a container may do, by its first process.
 */
#ifndef POSTERN_NETNS_COLLECT_ATTACH_H
#define POSTERN_NETNS_COLLECT_ATTACH_H

#include "netns/collect/find.h"
#include "netns/engine/engine.h"
#include "netns/snapshot/snapshot.h"

/* What is known of a container beside its plain data; the same index as in snapshot.containers. */
struct attached {
    uint32_t agent;   /* process outside that holds its published ports, 0: none */
    uint32_t user_id; /* whose engine it is */
    int32_t outer;    /* index of the container that it is nested in, -1: none */
};

struct attachment {
    LIST(struct attached) containers;
    LIST(struct engine_network) networks;
    struct map *by_pid; /* container's index + 1 of each process that is in one */
    bool stuck; /* a thread still reads: the descriptors of procfs, root and processes must stay open */
};
void attachment_free(struct attachment *attachment);

/*
 * After the namespaces were found: recognises the containers of all processes by deadline_ns (recognise.h),
 * moves them into the snapshot
 * (those with a process or, by the engine's word, with a namespace that was found), adds one for each
 * namespace that no engine owns (by its name, else "pid:N" of its oldest process), makes names unique and
 * sets roles.
 */
void attach_containers(struct snapshot *snapshot, const struct found *found,
                       const struct engine_context *context, uint64_t deadline_ns,
                       struct attachment *ret_attachment);

/*
 * After the processes were read: each gets its container, each container what its first process may do.
 * `host`: a process of the host to compare namespaces with (all zero: not known).
 */
void attach_processes(struct snapshot *snapshot, const struct attachment *attachment,
                      const struct process *host);

/*
 * After the links were read: role `outside` for what stands at the far end of an uplink: a veth of the host's
 * that `uplinks` name, or that carries a default route, and whose other end is no engine's container.
 */
void attach_outside(struct snapshot *snapshot, const struct found *found, const char *const *uplinks,
                    size_t count);

/* The container of a namespace that names it in messages: the first that is not infrastructure, NULL: none.
 */
const char *attach_owner_name(const struct snapshot *snapshot, uint64_t namespace);

#endif

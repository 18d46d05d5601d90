/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The places that were found, read: a pool of threads enters each namespace, reads all that is in it and
 * comes back. What cannot be entered, is not begun by the deadline or is stuck past it is marked in its
 * namespace.
 */
#ifndef POSTERN_NETNS_COLLECT_PLACE_H
#define POSTERN_NETNS_COLLECT_PLACE_H

#include "netns/base/pool.h"
#include "netns/collect/attach.h"
#include "netns/collect/owner.h"
#include "netns/kernel/module.h"
#include "netns/read/program.h"
#include "netns/read/reader.h"

#include <stdatomic.h>

/* One place: what its thread writes beside the namespace. */
struct place_job {
    struct namespace *namespace;
    struct owner_walk walk;
    LIST(uint32_t) firsts; /* first processes of the containers in it */
    bool with_sockets;     /* its listeners are wanted */
};

/* Everything that the threads share; lives on where one of them is stuck. */
struct place_reading {
    const struct found *found;
    struct process_source source;
    struct modules *modules;
    struct program_survey survey;
    struct read_budget budget;
    struct read_total total; /* what is left of it */
    size_t total_bytes;      /* what it was */
    uint64_t deadline_ns, namespace_ns;
    unsigned workers;
    int cgroups;            /* mount of the unified hierarchy, -1: none */
    struct place_job *jobs; /* one a place */
    size_t *order;          /* places, as they are read: see place_read_all() */
    atomic_bool closed;     /* nothing is written to namespaces any more */
};

/*
 * Reads every place: the host's first, then those of user namespaces that root made, then the others, which
 * leave half of the total to those before them, and these half of that to the host's. Then finds the
 * namespaces that links lead into. *ret_stuck: a thread is stuck in a namespace, which was then replaced in
 * the snapshot by one without contents; `reading` and what it names must not be freed. -errno where no thread
 * could be made.
 */
int place_read_all(struct place_reading *reading, struct snapshot *snapshot, struct found *found,
                   bool *ret_stuck, struct error *error);

#endif

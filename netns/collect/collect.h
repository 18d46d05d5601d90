/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live collection: a host's namespaces, what is in them and who owns them, as a snapshot, in two phases.
 *
 *   collect_find()  finds every namespace and opens it; recognises processes and containers. Quick: from here
 * on a namespace cannot vanish unseen, and one that dies is known by name. collect_read()  enters each in a
 * pool of threads and reads it, then joins: holders of sockets, peers, networks, roles, published ports.
 *
 * Nothing is forked or executed, no engine is asked, no module is loaded. The handles stay open until they
 * are closed by the caller (they keep a dead container's network alive), for a probe to enter.
 *
 * Rights: collect_find() uses CAP_SYS_PTRACE (other users' /proc/PID/ns and cgroup-joined mounts),
 * CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE (state files of engines); collect_read() CAP_SYS_ADMIN (setns, BPF
 * listings), CAP_NET_ADMIN (nf_tables, in each namespace), CAP_SYS_PTRACE (descriptors of other users'
 * processes) and, where the kernel has them, CAP_BPF and CAP_PERFMON. After collect_read() none is needed but
 * for entering again. Without any of them all that can be read is, and the snapshot's errors name what could
 * not.
 */
#ifndef POSTERN_NETNS_COLLECT_COLLECT_H
#define POSTERN_NETNS_COLLECT_COLLECT_H

#include "netns/base/error.h"
#include "netns/kernel/enter.h"
#include "netns/read/reader.h"
#include "netns/snapshot/snapshot.h"

#include <stddef.h>
#include <stdint.h>

struct collect_texts {
    const char *const *items;
    size_t count;
};

struct collect_options {
    const char *proc; /* --proc: directory of a procfs; NULL: /proc. Given, state files are read beneath
                         its 1/root */
    const char *host_namespace;        /* --host-netns: path; NULL: the one that we run in */
    const char *host;                  /* --host: name; NULL: the host's own */
    const char *tool;                  /* "postern 0.1.0" */
    struct collect_texts engine_roots; /* --engine-root: "ENGINE=DIR" */
    struct collect_texts
        containers;               /* --container: patterns; of other containers the listeners are not read */
    struct collect_texts uplinks; /* --uplink: whose far ends are outside, whatever they look like */
    unsigned workers;             /* 0: processors online */
    uint64_t deadline_ns;         /* CLOCK_MONOTONIC, for the whole collection; 0: none */
    uint64_t namespace_ns;        /* time for one namespace; 0: COLLECT_NAMESPACE_NS */
    size_t total; /* bytes for what is read of all namespaces; 0: a part of what this process may have */
    const struct read_budget *budget; /* NULL: READ_BUDGET_DEFAULT; deadline_ns in it is not looked at */
};

#define COLLECT_NAMESPACE_NS ((uint64_t)10 * 1000000000)

struct collect;

/*
 * First phase. Fails where /proc cannot be listed or the host's own namespace not be opened ("not-procfs",
 * "processes-unreadable", "namespace-refused"), and for an engine root of an unknown form
 * ("bad-engine-root").
 */
int collect_find(const struct collect_options *options, struct collect **ret_collect, struct error *error);
/* Second phase, once. What cannot be read is in the snapshot. Fails only where no thread can be made. */
int collect_read(struct collect *collect, struct error *error);

/* The snapshot: borrowed, or handed over (once; the collection then keeps only the open handles). */
struct snapshot *collect_snapshot(const struct collect *collect);
struct snapshot *collect_take_snapshot(struct collect *collect);

/* The open namespace with this id; NULL: none, or closed. Valid until it is closed. */
const struct namespace_handle *collect_handle(const struct collect *collect, uint64_t id);
void collect_close_handle(struct collect *collect, uint64_t id);
void collect_close_handles(struct collect *collect);
/* Descriptor of the scan's procfs, for whoever enters. */
int collect_proc(const struct collect *collect);
/* Is the namespace still held by anything but our handle, by another look? False for one that is not known.
 */
bool collect_alive(const struct collect *collect, uint64_t id);

struct collect *collect_free(struct collect *collect); /* NULL is fine; returns NULL */
void cleanup_collect(struct collect **collect);
#define _cleanup_collect_ _cleanup_(cleanup_collect)

#endif

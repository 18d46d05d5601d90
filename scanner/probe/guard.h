/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guards: neither a shot nor its answer leaves the host or reaches a bystander. Two layers, each held by
 * file descriptors alone: after the last rule and before neighbour resolution (POST_ROUTING), and on every
 * interface that leads off the host. The first also stands at LOCAL_IN of every target's namespace, where it
 * sees that a shot survived all rules, and ends datagrams. Each layer is of BPF (netfilter link, TCX link)
 * or, where that cannot be had, of an nftables table that dies with its socket; which, is found by trying.
 */
#ifndef POSTERN_SCANNER_PROBE_GUARD_H
#define POSTERN_SCANNER_PROBE_GUARD_H

#include "netns/base/error.h"
#include "netns/base/memory.h"
#include "netns/kernel/module.h"
#include "scanner/probe/plan.h"
#include "scanner/probe/shots.h"
#include "scanner/probe/visit.h"

#include <stdbool.h>
#include <stdint.h>

enum guard_hook { GUARD_OUTPUT, GUARD_INPUT }; /* POST_ROUTING, LOCAL_IN */

/* Tests only: what is left out, to prove each part by itself. Bits. */
enum guard_without {
    GUARD_WITHOUT_HOOKS = 1,
    GUARD_WITHOUT_EGRESS = 2,
    GUARD_WITHOUT_BPF_HOOKS = 4, /* as if the kernel had no netfilter links */
    GUARD_WITHOUT_BPF_EGRESS = 8,
};

struct guard_request {
    struct visitor *visitor;
    const struct plan *plan;
    struct shots *shots;           /* its records are made by guard_open() */
    const struct modules *modules; /* NULL: what there is, is not known */
    enum guard_choice choice;
    unsigned without;             /* enum guard_without */
    LIST(uint64_t) outputs;       /* namespaces whose answers do not pass the host's IP layer */
    LIST(uint64_t) inputs;        /* targets' namespaces */
    LIST(struct plan_exit) exits; /* the plan's, and the uplinks with the devices that frames enter by */
};

struct guard;

/*
 * Tries what there is. Always gives a guard, if only an empty one ("none") that says why: see
 * guard_complete(). Sets shots->records, which outlive it.
 */
struct guard *guard_open(const struct guard_request *request);
struct guard *guard_close(struct guard *guard); /* NULL is fine; returns NULL */
void cleanup_guard(struct guard **guard);
#define _cleanup_guard_ _cleanup_(cleanup_guard)

/* "netfilter+tcx", "netfilter+nftables", "nftables+tcx", "nftables", "none". */
const char *guard_name(const struct guard *guard);
/* Why the guard is not complete, or not of BPF; status 0: nothing to say. */
const struct error *guard_complaint(const struct guard *guard);
/* Both layers stand in the host's namespace and on every exit: frames may be injected. */
bool guard_complete(const struct guard *guard);
/* The hook stands in that namespace. */
bool guard_stands(const struct guard *guard, enum guard_hook hook, uint64_t namespace);
/* Inode of a namespace that a hook stands in, which holds it; 0: none does. */
uint32_t guard_inode(const struct guard *guard, enum guard_hook hook, uint64_t namespace);

/* It sees whether a rule gave a datagram to a socket of its choice. */
bool guard_sees_steering(const struct guard *guard);

/* Makes shots first..first+count-1 outstanding: to be done before they are sent. -errno: they must not be
 * sent. */
int guard_arm(struct guard *guard, uint32_t first, uint32_t count, struct error *error);
/* Brings shots->records up to date (BPF writes them by itself). -errno: what was seen is not known. */
int guard_poll(struct guard *guard, struct error *error);

/* The descriptors that hold the guard up; for the keeper. Appends to the list. */
struct descriptor_list {
    int *items;
    size_t count, capacity;
};
void guard_descriptors(const struct guard *guard, struct descriptor_list *list);

#endif

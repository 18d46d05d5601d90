/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a plan: guards and keeper up, packets out at the plan's rate, answers and sightings read, half-open
 * connections reset, own conntrack entries deleted, everything closed. Nothing global: two runs may go on at
 * once.
 */
#ifndef POSTERN_SCANNER_PROBE_RUN_H
#define POSTERN_SCANNER_PROBE_RUN_H

#include "scanner/probe/plan.h"
#include "scanner/probe/visit.h"

struct probe_result {
    struct observation *items; /* one for each probe of the plan, in its order; malloc'ed */
    size_t count;
    const char *guard;               /* "netfilter+tcx", "nftables", "nftables+tcx" ..., "none"; static */
    const char *guard_message;       /* why there is none, or why not the best; NULL: nothing to say */
    LIST(const char *) side_effects; /* what probes changed and could not undo, a sentence each */
    struct reason_list errors;       /* what could not be watched or undone */
    uint64_t packets_sent;
    uint32_t probed;     /* observations that are not not-probed */
    struct arena *arena; /* of all texts here and in the observations */
};
void probe_result_free(struct probe_result *result);
#define _cleanup_probe_result_ _cleanup_(probe_result_free)

/*
 * Runs the plan until all is observed or deadline_ns (CLOCK_MONOTONIC; 0: none): what is not done by then is
 * not-probed (`timeout`). Works in threads of its own, so that the caller's never leaves its namespace; forks
 * the keeper if anything is injected. A missing capability, guard or kernel feature is data, not a failure: 0
 * with not-probed observations. -errno only where no thread could be made or memory mapped.
 */
int probe_run(const struct plan *plan, const struct probe_namespaces *namespaces, uint64_t deadline_ns,
              struct probe_result *ret_result, struct error *error);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pipeline, in order: discover, collect, evaluate, probe, merge, classify. Nothing is printed here;
 * progress is told to whoever wants to show it.
 */
#ifndef POSTERN_SCANNER_SCAN_SCAN_H
#define POSTERN_SCANNER_SCAN_SCAN_H

#include "netns/base/error.h"
#include "netns/snapshot/snapshot.h"
#include "reports/model/report.h"
#include "reports/policy/policy.h"
#include "scanner/probe/plan.h"

struct scan_texts {
    const char *const *items;
    size_t count;
};

struct scan_options {
    /* what is looked at */
    const char *host, *host_netns, *proc; /* NULL: this host's own */
    struct scan_texts engine_roots;       /* "ENGINE=DIR" */
    struct scan_texts from, containers, uplinks;
    unsigned workers;     /* 0: processors */
    uint64_t deadline_ns; /* CLOCK_MONOTONIC, for everything; 0: none */
    /* how it is probed */
    bool probe;
    bool require_probe; /* a part that was not probed is an error in the report */
    struct plan_options plan;
    /* Called with a stage and how far it is (0 of 0: just begun), and with NULL once, before privileges are
     * given up: what it runs must have ended then. NULL: nobody looks. From the calling thread only. */
    void (*progress)(void *context, const char *stage, size_t done, size_t all);
    void *progress_context;
    bool keep_write; /* see confine_report() */
    bool confine;    /* give up privileges on the way; false in tests and for explain */
};

/* A host that was read, with its namespaces still open for the probe. */
struct scan;

/* Discovers and collects. -errno where nothing at all could be read: "no-scan". What could not be read is in
 * the snapshot. */
int scan_collect(const struct scan_options *options, struct scan **ret_scan, struct error *error);
/* A scan of a saved snapshot: everything but the probe works on it. Takes the snapshot. */
struct scan *scan_of_snapshot(struct snapshot *snapshot);
const struct snapshot *scan_snapshot(const struct scan *scan);
struct scan *scan_free(struct scan *scan); /* NULL is fine; returns NULL */
void cleanup_scan(struct scan **scan);
#define _cleanup_scan_ _cleanup_(cleanup_scan)

/*
 * Evaluates, probes (where options->probe and the scan is live), gives up privileges, merges and classifies.
 * An error for a word in options->from that names no vantage of any host: "unknown-vantage"; one that this
 * host does not have is an error in the report. The report stands by itself: scan and policy may go.
 */
int scan_report(struct scan *scan, const struct scan_options *options, const struct policy *policy,
                struct report **ret_report, struct error *error);

#endif

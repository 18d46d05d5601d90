/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The probe's thread in other namespaces: goes there, makes sockets and links, comes back. It is at home in
 * the host's namespace, since frames are injected there.
 */
#ifndef POSTERN_SCANNER_PROBE_VISIT_H
#define POSTERN_SCANNER_PROBE_VISIT_H

#include "netns/base/error.h"
#include "scanner/probe/plan.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * How the run gets at namespaces. Returns a descriptor of the network namespace with that id (nsfs, for
 * setns(2)), the caller's to close, or -errno: ESTALE for one that is gone, else it could not be entered.
 */
struct probe_namespaces {
    int (*open)(void *context, uint64_t id);
    void *context;
};

struct visitor {
    const struct probe_namespaces *namespaces;
    uint64_t host;              /* id */
    int home;                   /* descriptor of the host's namespace */
    uint32_t inode, home_inode; /* of the namespace that the thread is in, and of the host's */
    bool away;                  /* the thread is in another namespace now */
    bool lost;                  /* could not come back: nothing may be sent any more */
};

/*
 * Moves the calling thread to the host's namespace, or leaves it there, for which it needs no capability.
 * -errno: it cannot be entered.
 */
int visitor_settle(struct visitor *visitor, const struct probe_namespaces *namespaces, uint64_t host,
                   struct error *error);
void visitor_free(struct visitor *visitor);
#define _cleanup_visitor_ _cleanup_(visitor_free)

/*
 * Enters a namespace. -errno with "namespace-vanished" (ESTALE, ENOENT) or "namespace-not-entered". The
 * host's own is entered by staying. After success visit_end() brings the thread home; where that fails,
 * visitor->lost is set and every later visit fails.
 */
int visit_begin(struct visitor *visitor, uint64_t id, struct error *error);
void visit_end(struct visitor *visitor);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a layer of the guard can be made of: a table of functions, one row for BPF and one for nftables.
 * Private to the guard.
 */
#ifndef POSTERN_SCANNER_PROBE_GUARD_LAYER_H
#define POSTERN_SCANNER_PROBE_GUARD_LAYER_H

#include "scanner/probe/guard.h"

struct guard_state; /* a layer's own */

struct guard_layer {
    const char *hooks_name, *egress_name; /* in the report */
    /*
     * hooks, egress: which of the two it shall be able to do. Loads what that needs and fails where it cannot
     * be had. May set shots->records.
     */
    int (*open)(const struct guard_request *request, bool hooks, bool egress, struct guard_state **ret_state,
                struct error *error);
    /* Stands on a hook, both families, of the namespace that the thread is in; id is the snapshot's. */
    int (*hook)(struct guard_state *state, enum guard_hook hook, uint64_t id, struct error *error);
    /* Tells the hooks that an interface of this namespace leads off the host. shared: it is a bridge with
     * containers. */
    int (*mark_exit)(struct guard_state *state, uint64_t id, uint32_t interface, bool shared,
                     struct error *error);
    /* Stands on an interface of the namespace that the thread is in. */
    int (*egress)(struct guard_state *state, uint64_t id, uint32_t interface, const char *name,
                  struct error *error);
    int (*arm)(struct guard_state *state, uint32_t first, uint32_t count, struct error *error);
    int (*poll)(struct guard_state *state, struct error *error); /* NULL: nothing to do */
    void (*descriptors)(const struct guard_state *state, struct descriptor_list *list);
    void (*close)(struct guard_state *state);
};

extern const struct guard_layer guard_bpf, guard_nftables;

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the makers of channels share; internal to channel.c, segment.c and range.c. */
#ifndef POSTERN_SCANNER_PATH_CHANNEL_WORK_H
#define POSTERN_SCANNER_PATH_CHANNEL_WORK_H

#include "scanner/path/entry.h"

/* The container that a target lies in: by the process that listens, else by its namespace; -1: the host's or
 * none. */
int32_t container_of_target(const struct world *world, const struct target *target);

/* Can packets of the vantage have this address of the namespace as their destination? */
bool vantage_dials(const struct world *world, const struct vantage *vantage, uint64_t namespace,
                   struct address address);

bool deadline_passed(const struct channel_options *options);
/* --container: one of its patterns, or there is none. */
bool container_is_wanted(const struct channel_options *options, const struct container *container);

/* ---- segment.c ---- */
struct segment_member {
    uint64_t id;
    const struct world_namespace *namespace;
    /*
     * Does all that the member sends leave it untouched by its own rules, by its one interface on the bridge,
     * through a port like any other? Then members fare alike but for their address.
     */
    bool plain;
    struct interval_set addresses; /* on the bridge */
};
struct vantage_segment {
    const struct world_namespace *holder;
    const struct link *bridge; /* NULL: it is not there */
    size_t count;
    struct segment_member *members;
    struct interval_set plain; /* the addresses of all plain members */
};
/* The segment of a vantage in a family; noted, and of the symbolic's arena: its sets are not to be freed. */
const struct vantage_segment *segment_find(struct symbolic *symbolic, const struct vantage *vantage,
                                           enum ip_family family);
/* Adds the addresses that a further member could have: the bridge's networks without what is taken. */
void segment_addresses(const struct world_namespace *holder, const struct link *bridge,
                       const struct entry *entry, struct interval_set *set);

#endif

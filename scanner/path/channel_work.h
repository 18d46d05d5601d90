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

/* ---- segment.c ---- */
/*
 * Does all that the member sends leave it untouched by its own rules, by its one interface on the bridge,
 * through a port like any other? Then members fare alike but for their address.
 */
bool segment_member_is_plain(const struct world_namespace *member, const struct world_namespace *holder,
                             const struct link *bridge, enum ip_family family);
/* Adds the member's addresses on the bridge. */
void segment_member_addresses(const struct world_namespace *member, const struct world_namespace *holder,
                              const struct link *bridge, enum ip_family family, struct interval_set *set);
/* Adds the addresses that a further member could have: the bridge's networks without what is taken. */
void segment_addresses(const struct world_namespace *holder, const struct link *bridge,
                       const struct entry *entry, struct interval_set *set);

#endif

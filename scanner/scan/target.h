/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Predictions to a plan of probes: one representative source for each part, chosen so that no real machine is
 * impersonated, with what the probe must know of links and of the answer's way. Pure.
 */
#ifndef POSTERN_SCANNER_SCAN_TARGET_H
#define POSTERN_SCANNER_SCAN_TARGET_H

#include "scanner/path/entry.h"
#include "scanner/path/world.h"
#include "scanner/probe/plan.h"

struct target_options {
    const struct uplink_list *uplinks;
    struct plan_options plan;
};

/* Which probe belongs to which part of which channel. */
struct target_place {
    size_t channel, part;
};
struct target_places {
    struct target_place *items; /* one for each probe of the plan, in its order */
    size_t count, capacity;
};

/*
 * channels: as channels_find gave them. Every part of every channel that is TCP or UDP gets a probe (one that
 * is not to be sent says why: probe.skip). Texts point into the channels, the snapshot and static storage.
 */
void target_plan(const struct world *world, const struct path_channel *channels, size_t count,
                 const struct target_options *options, struct plan *ret_plan,
                 struct target_places *ret_places);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prediction and observation to channels of the report. Pure: works on what it is given, live or read back.
 */
#ifndef POSTERN_SCANNER_SCAN_MERGE_H
#define POSTERN_SCANNER_SCAN_MERGE_H

#include "netns/snapshot/snapshot.h"
#include "reports/model/report.h"
#include "scanner/path/entry.h"

/* One observation for each part of a prediction, in its order. */
struct observation_list {
    struct observation *items;
    size_t count, capacity;
};

/*
 * Do they agree? 1-model.md's words: open with open; closed with closed; filtered by a drop with silence, not
 * arrived or dropped after arrival; filtered by a reject with the reset or ICMP that the rule names, or (ICMP
 * errors being rate-limited) with silence instead of the ICMP; unreachable with ICMP unreachable or silence.
 * Undetermined predictions, and observations that are undetermined or were not made, disagree with nothing.
 */
bool merge_agrees(const struct prediction_part *part, const struct observation *observed);
/* The state that holds, and whether the two are in conflict (then the more exposed of the two). */
enum state merge_state(const struct prediction_part *part, const struct observation *observed,
                       bool *ret_conflict);

/*
 * Adds channels to a report that present_snapshot() filled from the same snapshot. Rules and paths that
 * several channels share stand once in the report.
 */
struct merge;
struct merge *merge_new(const struct snapshot *snapshot, const struct listener_list *listeners,
                        struct report *report);
struct merge *merge_free(struct merge *merge);
void cleanup_merge(struct merge **merge);
#define _cleanup_merge_ _cleanup_(cleanup_merge)
/* observations: one for each part, or empty: nothing was probed, for `unprobed` (a reason with static or
 * report texts). */
void merge_channel(struct merge *merge, const struct path_channel *channel,
                   const struct observation_list *observations, const struct reason *unprobed);
/* What is open without a listener, to the containers' `open_ranges`. */
void merge_open_range(struct merge *merge, const struct vantage *vantage, const struct open_range *range);
/* A vantage with the addresses that probes used from it. */
void merge_vantage(struct merge *merge, const struct vantage *vantage, const struct address *sources,
                   size_t count);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Findings in words: who reaches what, through which rule, what stands behind it, what to do. Pure.
 */
#ifndef POSTERN_REPORTS_FINDINGS_DESCRIBE_H
#define POSTERN_REPORTS_FINDINGS_DESCRIBE_H

#include "reports/model/report.h"
#include "reports/policy/policy.h"

/* Title, explanation and fix of the finding, told by this channel; earlier ones are replaced. */
void describe_finding(struct report *report, const struct report_channel *channel,
                      struct report_finding *finding);
/* The same for a line that wants a channel open for which this host has no way in at all. */
void describe_lost_line(struct report *report, const char *file, const struct policy_line *line,
                        struct report_finding *finding);
/* Adds the finding of a range of ports that is open to a container without a listener. */
void describe_open_range(struct report *report, const struct report_container *container,
                         const struct report_open_range *range);

/* "203.0.113.10:8080/tcp", "[2001:db8::1]:53/udp", "@name": in the arena. */
const char *describe_entry(struct arena *arena, const struct entry *entry);
/* "by rule ip filter FORWARD handle 12: tcp dport 80 accept", "by the route ...": never NULL. */
const char *describe_decider(struct arena *arena, const struct report *report,
                             const struct report_decider *decider);

#endif

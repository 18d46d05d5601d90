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
/* The title again, once all vantages of the finding are known. */
void describe_title(struct report *report, struct report_finding *finding);
/* The same for a line that wants a channel open for which this host has no way in at all. */
void describe_lost_line(struct report *report, const char *file, const struct policy_line *line,
                        struct report_finding *finding);
/* Adds the finding of a range of ports that is open to a container without a listener. */
void describe_open_range(struct report *report, const struct report_container *container,
                         const struct report_open_range *range);

/* "203.0.113.10:8080/tcp", "[2001:db8::1]:53/udp", "@name": in the arena. */
const char *describe_entry(struct arena *arena, const struct entry *entry);
/* The vantage's name, or "external" and "lan" alone where all the report's of that kind are among the names.
 */
const char *describe_vantage(const struct report *report, const char *name, const char *const *names,
                             size_t count);
/* The reason's message, or words for its code: never NULL. */
const char *describe_reason(const struct reason *reason);
/* "by rule ip filter FORWARD handle 12: tcp dport 80 accept", "by the route ...": never NULL. */
const char *describe_decider(struct arena *arena, const struct report *report,
                             const struct report_decider *decider);

#endif

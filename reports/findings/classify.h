/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Channels against the policy: classes and findings. Pure: report and policy in, report with classes and
 * findings out.
 */
#ifndef POSTERN_REPORTS_FINDINGS_CLASSIFY_H
#define POSTERN_REPORTS_FINDINGS_CLASSIFY_H

#include "reports/model/report.h"
#include "reports/policy/policy.h"

/*
 * Gives every channel its class and the line that decided, makes the findings (one for each workload,
 * protocol, port and kind; worst first), marks those that a line accepts, and adds warnings: expired lines,
 * selectors that match nothing.
 */
void classify(struct report *report, const struct policy *policy);

/* Folds channels that need no mention (allowed, ignored or quiet, and neither open nor undetermined) into
 * `quiet`. */
void classify_fold_quiet(struct report *report);

/* Is there a finding that is not accepted, at or above the severity? */
bool classify_fails(const struct report *report, enum severity least);
/* Errors that leave the scan incomplete: not gone, and accepted by no line. */
bool classify_complete(const struct report *report, const struct policy *policy);

#endif

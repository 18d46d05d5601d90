/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How bad a channel is, and why it is called so. Pure.
 */
#ifndef POSTERN_REPORTS_FINDINGS_SEVERITY_H
#define POSTERN_REPORTS_FINDINGS_SEVERITY_H

#include "reports/model/report.h"
#include "reports/policy/policy.h"

/*
 * The severity of a channel that is open (or may be) though no line allows it, by the word of
 * `defaults.unlisted` for its vantage: deny is high from outside and medium from anywhere else, warn is low,
 * ignore none. What listens raises it by one: a privileged container, an engine's socket inside, capabilities
 * that amount to root on the host. *ret_why: a sentence for the explanation where it was raised, else NULL.
 */
enum severity severity_unexpected(const struct report *report, const struct report_channel *channel,
                                  enum policy_word word, const char **ret_why);

#endif

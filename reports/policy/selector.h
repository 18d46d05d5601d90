/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom a selector means, and which part of a channel a line covers: on the report model alone.
 */
#ifndef POSTERN_REPORTS_POLICY_SELECTOR_H
#define POSTERN_REPORTS_POLICY_SELECTOR_H

#include "reports/model/report.h"
#include "reports/policy/policy.h"

/*
 * Does the selector mean this listener (with its container, NULL: the host's own)? listener NULL: a container
 * without one (a latent port). What is nested, or whose identity the engine's state does not confirm, is
 * meant by none that asks for a container. `executable` alone means processes of the host whose file is the
 * host's own, `host` listeners whose every holder is known to be the host's own. A listener without a known
 * holder is meant by neither, but a line that forbids (see line_names) holds for it: it may be theirs.
 */
bool selector_matches(const struct selector *selector, const struct report_container *container,
                      const struct report_listener *listener);

/*
 * The sources of the channel that the line speaks of: within `sources`, by its `from`. Empty where the line
 * does not match the channel at all (selector, ports, target, families, address, hosts, vantage).
 */
struct interval_set line_sources(const struct policy *policy, const struct policy_line *line,
                                 const struct report *report, const struct report_channel *channel,
                                 const struct interval_set *sources);
/* Does the line name this channel, whatever its sources? */
bool line_names(const struct policy *policy, const struct policy_line *line, const struct report *report,
                const struct report_channel *channel);
/* May the line's `from` mean sources of this vantage? */
bool line_may_mean(const struct policy *policy, const struct policy_line *line,
                   const struct report_vantage *vantage);
/* Is the line meant for this host? */
bool line_on_host(const struct policy_line *line, const char *host);

#endif

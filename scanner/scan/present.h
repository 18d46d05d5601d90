/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a snapshot says, as the report shows it: scan facts, namespaces, containers, listeners, errors. Pure.
 */
#ifndef POSTERN_SCANNER_SCAN_PRESENT_H
#define POSTERN_SCANNER_SCAN_PRESENT_H

#include "netns/snapshot/snapshot.h"
#include "reports/model/report.h"
#include "scanner/path/entry.h"

/*
 * Fills report->scan (host, kernel, times, coverage, errors), namespaces, containers and listeners; listeners
 * get the ids "l1", "l2" ... in the order of `listeners`. Texts are copied: the snapshot may go. Coverage of
 * channels and the guard are for others to fill.
 */
void present_snapshot(const struct snapshot *snapshot, const struct listener_list *listeners,
                      struct report *report);

/* Adds an `errors` record with copied texts; one with the same code and subject is not added twice. */
void present_error(struct report *report, const char *code, const char *subject, const char *message,
                   bool gone);

#endif

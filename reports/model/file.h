/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report as JSON (the contract), written element by element.
 */
#ifndef POSTERN_REPORTS_MODEL_FILE_H
#define POSTERN_REPORTS_MODEL_FILE_H

#include "netns/base/json.h"
#include "reports/model/report.h"

/* Writes the whole report and a newline to `file`. -EIO "write-failed" when the stream has an error at the
 * end. */
int report_write(const struct report *report, FILE *file, struct error *error);

/* Members that other writers of the same shapes use (explain --json). */
void report_write_reference(struct json_writer *writer, const struct rule_reference *rule, const char *id);
void report_write_sources(struct json_writer *writer, const struct interval_set *sources,
                          enum ip_family family);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The renderers: one file and one row of a table each. They read the report model and nothing else.
 */
#ifndef POSTERN_REPORTS_FORMAT_FORMAT_H
#define POSTERN_REPORTS_FORMAT_FORMAT_H

#include "netns/base/error.h"
#include "reports/model/report.h"

#include <stdio.h>

struct format_options {
    bool color;     /* escape sequences may be written */
    bool verbose;   /* unfold what is quiet */
    unsigned width; /* columns of the terminal; 0: no limit */
};

struct format {
    const char *name; /* as --format and --output say it */
    /* Writes the whole report. -errno "write-failed" when the stream fails. */
    int (*render)(const struct report *report, const struct format_options *options, FILE *file,
                  struct error *error);
};

/* NULL: no such format. */
const struct format *format_find(const char *name);
/* "table, json": for messages. */
const char *format_names(void);

/* The rows. */
int format_table(const struct report *report, const struct format_options *options, FILE *file,
                 struct error *error);
int format_json(const struct report *report, const struct format_options *options, FILE *file,
                struct error *error);

#endif

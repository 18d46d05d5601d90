/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Progress on a terminal's stderr, once a scan takes longer than a second; nothing elsewhere.
 */
#ifndef POSTERN_SCANNER_COMMAND_PROGRESS_H
#define POSTERN_SCANNER_COMMAND_PROGRESS_H

#include "scanner/command/option.h"

struct progress {
    bool wanted, shown;
    uint64_t begun_ns;
};

struct progress progress_begin(const struct options *options);
/* As scan_options.progress wants it; context is the struct progress. */
void progress_tell(void *context, const char *stage, size_t done, size_t all);
/* Wipes the line. */
void progress_end(struct progress *progress);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Progress on a terminal's stderr, once a scan takes longer than a second; nothing elsewhere. A thread of its
 * own shows it, so that a stage that tells nothing for long is seen to last; it ends before the scan gives up
 * its privileges, which it would keep.
 */
#ifndef POSTERN_SCANNER_COMMAND_PROGRESS_H
#define POSTERN_SCANNER_COMMAND_PROGRESS_H

#include "scanner/command/option.h"

struct progress;

/* NULL where none is wanted: --quiet, or stderr is no terminal. */
struct progress *progress_begin(const struct options *options);
/* As scan_options.progress wants it; context is the struct progress. stage NULL: nothing follows. */
void progress_tell(void *context, const char *stage, size_t done, size_t all);
/* Wipes the line; NULL is fine. */
void progress_end(struct progress *progress);

#endif

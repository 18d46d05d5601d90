/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From options to a scan: what every command that looks at a host does first.
 */
#ifndef POSTERN_SCANNER_COMMAND_GATHER_H
#define POSTERN_SCANNER_COMMAND_GATHER_H

#include "scanner/command/command.h"
#include "scanner/command/option.h"
#include "scanner/command/progress.h"
#include "scanner/scan/scan.h"

/* Options that cannot go together, or name what cannot be: -EINVAL "usage". */
int gather_check(const struct options *options, struct error *error);
/* Was it the request that was wrong, or could the host not be read? */
enum exit_status gather_status(const struct error *error);

/* Texts and lists point into the options. progress NULL: none is shown. */
struct scan_options gather_options(const struct options *options, struct progress *progress);
/* Reads --snapshot, or this host. -errno with *error set. */
int gather(const struct options *options, const struct scan_options *request, struct scan **ret_scan,
           struct error *error);
/* Is `path` in a folder that root can write only by CAP_DAC_OVERRIDE? (Renaming into it takes the right to
 * write it.) */
bool gather_needs_override(const char *path);

#endif

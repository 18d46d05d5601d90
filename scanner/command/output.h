/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a report goes: stdout, and the files of --output, each in its form, each whole or absent.
 */
#ifndef POSTERN_SCANNER_COMMAND_OUTPUT_H
#define POSTERN_SCANNER_COMMAND_OUTPUT_H

#include "netns/base/file.h"
#include "netns/snapshot/snapshot.h"
#include "reports/format/format.h"
#include "scanner/command/option.h"

struct output {
    const struct format *format;
    const char *name; /* as --output has it */
    struct file_writer writer;
};

struct outputs {
    struct output *items;
    size_t count, capacity;
    struct file_writer snapshot;   /* of --save-snapshot; file NULL: none */
    const struct format *standard; /* what stdout gets; NULL: nothing */
    bool keep_write; /* one stands in a folder that root may write only by overriding its mode */
};

/*
 * Opens every file of --output and --save-snapshot, before anything is looked at (what cannot be written is
 * told before, not after) and before the scan gives up the right to. A signal that ends the process removes
 * what was begun. -EINVAL "usage" for a form that there is not, or one file named twice; else
 * file_writer_open's error.
 */
int outputs_open(const struct options *options, struct outputs *ret_outputs, struct error *error);
/* The report to each: files first, so that a reader of stdout who goes away costs none of them. */
int outputs_write(const struct options *options, struct outputs *outputs, const struct report *report,
                  struct error *error);
int outputs_write_snapshot(struct outputs *outputs, const struct snapshot *snapshot, struct error *error);
void outputs_close(struct outputs *outputs); /* what was not written is removed */

#endif

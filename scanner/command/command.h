/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands: a table, a file for each. Here alone are messages printed and exit statuses made.
 */
#ifndef POSTERN_SCANNER_COMMAND_COMMAND_H
#define POSTERN_SCANNER_COMMAND_COMMAND_H

#include "netns/base/error.h"
#include "scanner/command/option.h"

/* Exit statuses of the contract. */
enum exit_status { EXIT_COMPLETE = 0, EXIT_FINDINGS = 1, EXIT_USAGE = 2, EXIT_PARTIAL = 3, EXIT_NO_SCAN = 4 };

/* Finds the command named by argv[1] and runs it; returns the exit status. */
int command_main(int argc, char **argv);

/* One command each: options are parsed, --help and --version were seen to. Returns the exit status. */
int command_scan(const struct options *options);
int command_explain(const struct options *options);

/* "postern: subject: message" on stderr, control characters escaped. */
void message_error(const struct error *error);
void message_warning(const char *code, const char *subject, const char *message);
/* Does this stream get colour: --color, then NO_COLOR, then whether it is a terminal. */
bool message_color(const struct options *options, FILE *file);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one option table: what each option is called, takes, means, and which commands have it. Parsing, --help
 * and the checks of values all come from it.
 */
#ifndef POSTERN_SCANNER_COMMAND_OPTION_H
#define POSTERN_SCANNER_COMMAND_OPTION_H

#include "netns/base/error.h"
#include "netns/base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Commands, as bits: which of them an option belongs to. */
enum command_bit { COMMAND_SCAN = 1, COMMAND_EXPLAIN = 2, COMMAND_SNAPSHOT = 4, COMMAND_ALL = 7 };

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct option_texts {
    const char **items;
    size_t count, capacity;
};

/* All options of all commands; texts point into argv. Zero is never a meaningful number: see the defaults in
 * option.c. */
struct options {
    const char *policy, *format, *snapshot, *save_snapshot, *guard, *host, *host_netns, *proc, *fail_on,
        *color;
    const char *source, *input_interface, *batch;
    struct option_texts outputs, from, containers, uplinks, engine_roots;
    bool no_probe, require_probe, allow_connect, impersonate, touch_stateful, all_channels, allow_partial,
        json;
    bool quiet, verbose, help, version;
    uint64_t workers, rate, timeout, probe_timeout;
    struct option_texts operands;
};

/*
 * Parses argv[1..] of one command (argv[0] is its name). -EINVAL "usage" with the option at fault;
 * abbreviated long options that are unique are taken, as getopt_long(3) does. Option and operand may stand in
 * any order.
 */
int options_parse(enum command_bit command, int argc, char **argv, struct options *ret_options,
                  struct error *error);
void options_free(struct options *options);
#define _cleanup_options_ _cleanup_(options_free)

/* The options of a command as help text, one or two lines each. */
void options_print_help(enum command_bit command, FILE *file);

#endif

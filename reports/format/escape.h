/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One escaper for each syntax. JSON's is the JSON writer's own.
 */
#ifndef POSTERN_REPORTS_FORMAT_ESCAPE_H
#define POSTERN_REPORTS_FORMAT_ESCAPE_H

#include "netns/base/memory.h"

/*
 * For a terminal: C0, DEL, C1, line and paragraph separators, bidirectional controls and other format
 * characters as \xNN or \u{NNNN}; ill-formed UTF-8 as U+FFFD. Appends; NULL appends nothing.
 */
void escape_terminal(struct buffer *buffer, const char *text);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queues in which packets wait for a processor on their way into another namespace. What finds one full
 * is dropped, and no hook and no capture is told.
 */
#ifndef POSTERN_SCANNER_PROBE_BACKLOG_H
#define POSTERN_SCANNER_PROBE_BACKLOG_H

#include <stddef.h>
#include <stdint.h>

/* Packets dropped there since the machine began, of all processors; 0 where it cannot be read. proc: of
 * procfs. */
uint64_t backlog_drops(int proc);
/* The same of the text of /proc/net/softnet_stat: the second word of each line (net/core/net-procfs.c). */
uint64_t backlog_drops_text(const char *bytes, size_t length);

#endif

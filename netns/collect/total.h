/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much memory a scan may take: namespaces cost their makers nothing, and each may be filled to its own
 * limits. An eighth of what this process may still have, of the machine's memory or of its cgroups'.
 */
#ifndef POSTERN_NETNS_COLLECT_TOTAL_H
#define POSTERN_NETNS_COLLECT_TOTAL_H

#include <stddef.h>
#include <stdint.h>

#define TOTAL_MIN ((size_t)64 << 20)
#define TOTAL_MAX ((size_t)2 << 30)

/* For what is read of all namespaces, between TOTAL_MIN and TOTAL_MAX bytes. proc: of this process. */
size_t total_for_all(int proc);

/* ---- parsers ---- */

/* /proc/meminfo: bytes that are to be had; UINT64_MAX: it does not say. */
uint64_t total_available(const char *meminfo);
/*
 * What is left to the process with this /proc/PID/cgroup in the memory hierarchies mounted beneath `mount`
 * (version 1 in its folder "memory"), the least of its own cgroup and those above it; UINT64_MAX: no limit.
 */
uint64_t total_of_cgroups(const char *mount, const char *cgroup);

#endif

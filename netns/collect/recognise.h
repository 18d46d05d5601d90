/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engines read within a time: what they left on disk may lie where a read never ends (a file system that
 * hangs, a process whose memory cannot be had), and a tenant may have put it there. What does not come is
 * asked for again with less: root's engines alone, then the cgroup paths alone.
 */
#ifndef POSTERN_NETNS_COLLECT_RECOGNISE_H
#define POSTERN_NETNS_COLLECT_RECOGNISE_H

#include "netns/engine/engine.h"

/* engine_read(), or a test's. */
typedef void (*recognise_read)(const struct engine_context *context, struct engine_process *processes,
                               size_t count, struct engine_result *ret_result);

/*
 * As engine_read(), until deadline_ns (CLOCK_MONOTONIC; 0: whenever). What did not come in time is told as
 * "timeout" of "engines". True: a thread is still at it, with nothing of ours but the descriptors of the
 * context and of the processes, which must stay open.
 */
bool recognise(const struct engine_context *context, uint64_t deadline_ns, recognise_read read,
               struct engine_process *processes, size_t count, struct engine_result *ret_result);

#endif

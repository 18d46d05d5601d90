/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes the scan's own entries out of the connection table, by exact tuple. No allocation after opening: the
 * keeper calls it too.
 *
 * Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h.
 */
#ifndef POSTERN_SCANNER_PROBE_CONNTRACK_H
#define POSTERN_SCANNER_PROBE_CONNTRACK_H

#include "netns/base/error.h"
#include "scanner/probe/bpf/shot.h"

#include <stdint.h>

/*
 * A socket to the table of the calling thread's namespace, non-blocking. The caller has made sure that
 * nf_conntrack_netlink is there: asking would load it. -errno.
 */
int conntrack_open(struct error *error);

/*
 * Deletes the entry whose original direction is the tuple; one that is not there is fine. The answer is not
 * waited for: conntrack_drain() reads what came, and returns how many entries were deleted.
 */
int conntrack_delete(int fd, const struct shot_tuple *tuple);
uint32_t conntrack_drain(int fd);

/* Entries of the calling thread's namespace; 0: none, or no connection tracking. proc: descriptor of procfs.
 */
uint64_t conntrack_count(int proc);

#endif

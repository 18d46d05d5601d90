/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Conntrack entries of the calling thread's namespace, kept as evidence: who has used a listener, and which
 * addresses real machines use. Read only where conntrack and its netlink side are already there.
 *
 * Source: linux/netfilter/nfnetlink_conntrack.h.
 */
#ifndef POSTERN_NETNS_READ_EVIDENCE_H
#define POSTERN_NETNS_READ_EVIDENCE_H

#include "netns/read/reader.h"

/*
 * Appends at most budget.tracked entries to namespace->tracked. What could not be read or was cut is a fault
 * with PART_EVIDENCE. Needs sysctl_read() before: a namespace whose count is 0 is not asked. Returns 0 or
 * -errno, recorded.
 */
int evidence_read(const struct reader *reader, struct namespace *namespace);

/* The payload (nfgenmsg and all) of IPCTNL_MSG_CT_NEW. Families other than IP: MESSAGE_OTHER. */
enum message_is evidence_decode(struct bytes payload, struct tracked *ret_tracked);

#endif

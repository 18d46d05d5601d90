/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may stand on a path and is not modelled: XDP, tc filters, TCX, netkit, programs of cgroups and of the
 * namespace, BPF netfilter links, IPVS services, XFRM policies. Each is named; what could not be asked for is
 * PROGRAM_UNREADABLE with the kind in `detail`, unless the kernel cannot have it.
 *
 * Sources: bpf(2), linux/bpf.h, linux/{pkt_sched,pkt_cls,xfrm}.h, linux/netfilter/nfnetlink_hook.h.
 */
#ifndef POSTERN_NETNS_READ_PROGRAM_H
#define POSTERN_NETNS_READ_PROGRAM_H

#include "netns/kernel/bpf.h"
#include "netns/read/reader.h"

/* What BPF the whole machine has: asked once a scan, so that most namespaces need no question. */
struct program_survey {
    bool readable;                     /* the machine's programs and links could be listed (CAP_SYS_ADMIN) */
    uint64_t types;                    /* bit set of enum bpf_prog_type of all loaded programs */
    LIST(struct bpf_link_facts) links; /* of netfilter programs: the kernel does not say in which namespace */
};
/* Never fails: what cannot be asked leaves `readable` false, and then each namespace is asked. */
void program_survey_read(struct program_survey *ret_survey);
void program_survey_free(struct program_survey *survey);
#define _cleanup_program_survey_ _cleanup_(program_survey_free)

/*
 * Fills namespace->programs (all but cgroups) of the calling thread's namespace. The links must have been
 * read. route: a NETLINK_ROUTE socket of it; fd: the namespace's descriptor. Failures become faults with
 * PART_PROGRAMS and PROGRAM_UNREADABLE records; returns 0 or the first one as -errno.
 */
int program_read(const struct reader *reader, struct netlink *route, int fd,
                 const struct program_survey *survey, struct namespace *namespace);

/*
 * Adds the programs in effect on a cgroup (its own and its ancestors') that see packets or sockets of the
 * namespace's processes. root: descriptor of the mount of the unified hierarchy, -1: there is none; path: of
 * a process in it ("0::" in /proc/PID/cgroup). Call once for each different path. program.cgroup becomes the
 * path, but NULL (it may be any process's) where version 1 hierarchies stand beside the unified one, for
 * there processes are known by other paths. Returns 0 or -errno, recorded.
 */
int program_read_cgroup(const struct reader *reader, const struct program_survey *survey, int root,
                        const char *path, struct namespace *namespace);

/* Opens the unified hierarchy: /sys/fs/cgroup, or "unified" beneath it. The descriptor, or -ENOENT. */
int program_open_cgroups(void);

/* ---- parsers ---- */

/* A queueing discipline. */
struct traffic_queue {
    uint32_t interface, handle, parent;
    char kind[16];
};
/* The payload of RTM_NEWQDISC. */
enum message_is program_decode_queue(struct bytes payload, struct traffic_queue *ret_queue);
/* The payload of RTM_NEWTFILTER. The heading of a list of filters: MESSAGE_OTHER. */
enum message_is program_decode_filter(struct bytes payload, struct arena *arena, struct program *ret_program);
/* The payload of XFRM_MSG_NEWPOLICY. A socket's own policy: MESSAGE_OTHER. */
enum message_is program_decode_policy(struct bytes payload, struct arena *arena, struct program *ret_program);
/* The payload (nfgenmsg and all) of NFNL_MSG_HOOK_GET. Not a BPF program: MESSAGE_OTHER. */
enum message_is program_decode_hook(struct bytes payload, struct program *ret_program);
/* The text of /proc/net/ip_vs: the number of services. */
size_t program_count_ipvs(const char *text);
/* The text of /proc/net/xfrm_stat: did an IPsec policy ever decide? (What a stranger's packets alone raise
 * does not count.) */
bool program_policies_decided(const char *text);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The concrete evaluator: what becomes of one packet. It walks what the kernel walks, step by step and in the
 * kernel's order, with nothing symbolic about it, and so is what the symbolic evaluator is held against.
 * Pure.
 *
 * Three-valued: what no snapshot decides (a rule that is random, remembers or is not known, a header field
 * that is the sender's choice) is tried both ways, and where the ways end in different states the outcome is
 * undetermined, with the reasons (reason.h). What may do anything (a BPF program, a legacy table, a target
 * that is not modelled) ends the walk as undetermined where it stands.
 */
#ifndef POSTERN_SCANNER_PATH_CONCRETE_H
#define POSTERN_SCANNER_PATH_CONCRETE_H

#include "netns/base/memory.h"
#include "reports/model/channel.h"
#include "scanner/path/world.h"

/* The first packet of a flow: a TCP SYN or a datagram. */
struct packet {
    uint64_t namespace;
    uint32_t interface; /* that it arrives on; 0: a process of the namespace sends it */
    enum ip_family family;
    uint8_t protocol;      /* PROTOCOL_TCP, _UDP, _UDPLITE */
    struct address source; /* FAMILY_NONE with interface 0: as the kernel chooses */
    struct address destination;
    uint16_t source_port, destination_port;
    bool uid_known; /* of the sending process */
    uint32_t uid;
    const struct mac *source_mac; /* of the frame that arrives; NULL: unknown */
};

struct outcome {
    enum state state;
    /* of open and closed: the last rule that accepted it in an input or forward hook, else the policy, else
     * the socket */
    struct decider decider;
    struct target target;
    struct reason_list reasons; /* of undetermined */
    enum answer_kind
        answer; /* of closed, filtered and unreachable: what the sender is told, if it gets there */
    uint8_t icmp_type, icmp_code;
    LIST(struct step) steps;
    bool rewritten; /* an address or port was, on the way */
    bool stateful;  /* a rule that remembers sources was met */
    bool by_sender; /* depends on the sender's uid, gid or cgroup */
};
void outcome_free(struct outcome *outcome);
#define _cleanup_outcome_ _cleanup_(outcome_free)

/*
 * Texts live in `arena`; rules are named without their text. -EINVAL: the packet names no family or protocol
 * that is modelled, or addresses of another family; nothing is returned then.
 */
int concrete_evaluate(const struct world *world, const struct packet *packet, struct arena *arena,
                      struct outcome *ret_outcome);

#endif

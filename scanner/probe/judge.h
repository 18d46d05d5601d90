/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what was seen of a probe to an observation. Pure. The prediction has no part in it.
 */
#ifndef POSTERN_SCANNER_PROBE_JUDGE_H
#define POSTERN_SCANNER_PROBE_JUDGE_H

#include "reports/model/channel.h"

#include <stdbool.h>
#include <stdint.h>

/* All tries of one probe together. */
struct facts {
    enum observed_method method;
    uint8_t protocol;
    enum ip_family family;
    struct address source;
    uint32_t sent;  /* packets that left the sender */
    int send_error; /* errno of the last that did not; 0: none */

    /* answers, wherever they were seen */
    bool syn_ack, refusal, answer, error;
    uint8_t icmp_type, icmp_code;
    struct address answered_by; /* of the ICMP error */
    uint64_t rtt_ns;            /* of the first answer; 0: not known */

    /* the last input hook */
    bool watched;             /* the guard stands in the target's namespace, and would know the packet */
    bool delivered;           /* passed there */
    bool delivered_elsewhere; /* passed in another namespace than the predicted one */
    enum { BOUND_UNKNOWN, BOUND_NO, BOUND_YES } bound; /* a delivered datagram: is there a socket for it */

    bool passed;  /* passed the last output hook of the host or of the target, and stayed on the host */
    bool stopped; /* the guard stopped it on its way off the host */
    bool steered; /* a rule gave it to a socket of its choice (TPROXY) */
    bool crowded; /* the kernel dropped packets meanwhile, for want of room */

    /* the witness */
    bool witnessed;     /* a capture ran and lost nothing */
    bool lossy;         /* it lost packets */
    bool arrival_known; /* there is an interface that the witness sees and that feeds the target */
    bool arrived;
    bool left;    /* it was seen to leave the sender's namespace, or need not, or the guard would know */
    bool strayed; /* it was last seen leaving for another namespace than the target's */

    bool native_xdp; /* a program of the driver's stands where frames were injected behind it */
    bool proxy;      /* the predicted socket is a userland proxy's */
};

/* Static texts only. */
struct observation judge(const struct facts *facts);
/* A probe that was not sent, or whose answer cannot be trusted: the reason with static texts. */
struct observation judge_not_probed(const char *code, const char *message);

#endif

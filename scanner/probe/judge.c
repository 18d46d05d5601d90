/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/judge.h"

#include <errno.h>

struct observation judge_not_probed(const char *code, const char *message)
{
    return (struct observation){.state = OBSERVED_NOT_PROBED, .reason = {.code = code, .message = message}};
}

static void undetermined(struct observation *observation, const char *code, const char *message)
{
    observation->state = OBSERVED_UNDETERMINED;
    observation->reason = (struct reason){.code = code, .message = message};
}

/* ---- answers ---- */

struct icmp_meaning {
    uint8_t family, type, code;
    enum observed_state state;
};

/* RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1, RFC 4443 3.1 */
static const struct icmp_meaning meanings[] = {
    {4, 3, 2, OBSERVED_CLOSED},   /* protocol unreachable */
    {4, 3, 3, OBSERVED_CLOSED},   /* port unreachable */
    {4, 3, 9, OBSERVED_FILTERED}, /* prohibited: network, host, by filtering */
    {4, 3, 10, OBSERVED_FILTERED}, {4, 3, 13, OBSERVED_FILTERED},
    {6, 1, 1, OBSERVED_FILTERED}, /* prohibited */
    {6, 1, 2, OBSERVED_FILTERED}, /* beyond the scope of the source address */
    {6, 1, 4, OBSERVED_CLOSED},   /* port unreachable */
    {6, 1, 5, OBSERVED_FILTERED}, /* source address failed policy */
    {6, 1, 6, OBSERVED_FILTERED}, /* reject route */
};

static enum observed_state icmp_state(const struct facts *facts)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (meanings[i].family == facts->family && meanings[i].type == facts->icmp_type &&
            meanings[i].code == facts->icmp_code)
            return meanings[i].state;
    return OBSERVED_UNREACHABLE;
}

/* Packet too big, a parameter problem: whoever complains of that says nothing of the port. */
static bool icmp_says_nothing(const struct facts *facts)
{
    if (facts->family == FAMILY_IP4)
        return facts->icmp_type == 12 || (facts->icmp_type == 3 && facts->icmp_code == 4);
    return facts->icmp_type == 2 || facts->icmp_type == 4;
}

static void judge_answer(const struct facts *facts, struct observation *observation)
{
    observation->evidence = EVIDENCE_ANSWERED;
    observation->rtt_us = (uint32_t)(facts->rtt_ns / 1000);
    if (facts->rtt_ns > 0 && observation->rtt_us == 0)
        observation->rtt_us = 1;
    if (facts->syn_ack || facts->answer) {
        observation->state = OBSERVED_OPEN;
    } else if (facts->refusal) {
        observation->state = OBSERVED_CLOSED;
        observation->reset = true;
    } else {
        observation->state = icmp_state(facts);
        if (icmp_says_nothing(facts))
            undetermined(observation, "reply-not-seen", "an ICMP error came that says nothing of the port");
        observation->icmp = true;
        observation->icmp_type = facts->icmp_type;
        observation->icmp_code = facts->icmp_code;
        observation->answered_by = facts->answered_by;
    }
}

/* ---- no answer ---- */

/* The guard ends datagrams behind the last rule: a socket there would have had it. */
static void judge_datagram(const struct facts *facts, struct observation *observation)
{
    observation->evidence = EVIDENCE_DELIVERED;
    observation->arrived = observation->arrived_known = true;
    if (facts->bound == BOUND_YES || facts->steered)
        observation->state = OBSERVED_OPEN;
    else if (facts->bound == BOUND_NO)
        observation->state = OBSERVED_CLOSED;
    else
        undetermined(observation, "sockets-unread",
                     "it passed every rule, but whether a socket is bound cannot be asked");
}

/* Why silence is no proof that something decided against the packet; NULL: it is one. */
static const char *doubt(const struct facts *facts)
{
    if (facts->delivered_elsewhere || (facts->strayed && !facts->arrived && !facts->delivered))
        return "it ended in another namespace than expected, and no answer was seen";
    if (facts->delivered)
        return "it passed every rule of the target, and no answer was seen";
    /* A neighbour that is gone looks like that, and so does a rule of a bridge. */
    if (facts->passed && !facts->arrived)
        return "it passed the host's rules and was not seen to arrive";
    if (!facts->left)
        return "it was not seen to leave the sender's namespace: a neighbour may be gone";
    if (!facts->watched)
        return "no answer was seen, nor where the probe ended";
    if (facts->crowded)
        return "the kernel had no room for some packets meanwhile: it may have been one of them";
    return NULL;
}

static void judge_silence(const struct facts *facts, struct observation *observation)
{
    const char *why = doubt(facts);

    observation->evidence = facts->delivered ? EVIDENCE_DELIVERED : EVIDENCE_NONE;
    if (facts->stopped) {
        undetermined(observation, "target-elsewhere",
                     "the packet itself was about to leave the host, and was stopped");
    } else if (!why) {
        observation->state = OBSERVED_FILTERED;
        observation->evidence = EVIDENCE_DROPPED;
    } else if (facts->lossy && !facts->delivered && (!facts->left || !facts->watched)) {
        undetermined(observation, "capture-loss", "the capture lost packets: it may have arrived");
    } else {
        undetermined(observation, "reply-not-seen", why);
    }
}

/* ---- not sent ---- */

static void judge_send_error(const struct facts *facts, struct observation *observation)
{
    switch (facts->send_error) {
    case EPERM: /* a rule of an output hook; behind the last one, a program on our own control group */
        if (facts->passed) {
            undetermined(observation, "sender-identity",
                         "what stopped it stands behind the last rule, and may know this program only");
            break;
        }
        __attribute__((fallthrough));
    case EACCES: /* a prohibit route */
    case EINVAL: /* a blackhole route */
        observation->state = OBSERVED_FILTERED;
        observation->evidence = EVIDENCE_DROPPED;
        break;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EHOSTDOWN:
        observation->state = OBSERVED_UNREACHABLE;
        break;
    default:
        undetermined(observation, "send-failed", "the kernel did not take the packet");
    }
}

struct observation judge(const struct facts *facts)
{
    struct observation observation = {.method = facts->method, .source = facts->source};

    observation.arrived = facts->arrived || facts->delivered;
    observation.arrived_known = observation.arrived || (facts->witnessed && facts->arrival_known);
    if (facts->syn_ack || facts->refusal || facts->answer || facts->error)
        judge_answer(facts, &observation);
    else if (facts->delivered && facts->protocol == PROTOCOL_UDP)
        judge_datagram(facts, &observation);
    else if (facts->sent > 0)
        judge_silence(facts, &observation);
    else
        judge_send_error(facts, &observation);
    if (facts->proxy)
        observation.end = "proxy";
    if (facts->native_xdp && observation.state == OBSERVED_OPEN)
        undetermined(&observation, "xdp-before-probe",
                     "a program in the driver stands before the place of injection");
    return observation;
}

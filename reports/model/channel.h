/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shared words: state, vantage, entry, decider, prediction, observation. This is the only header of
 * reports/ that path and probe see.
 *
 * Ownership: texts and steps live in an arena that the maker was given; lists and interval sets are malloc'ed
 * and freed by the _free functions here.
 */
#ifndef POSTERN_REPORTS_MODEL_CHANNEL_H
#define POSTERN_REPORTS_MODEL_CHANNEL_H

#include "netns/base/address.h"
#include "netns/base/interval.h"
#include "netns/base/memory.h"

#include <stdbool.h>
#include <stdint.h>

/* From most to least exposed: a smaller number is more exposed. */
enum state { STATE_OPEN, STATE_UNDETERMINED, STATE_CLOSED, STATE_FILTERED, STATE_UNREACHABLE };
const char *state_name(enum state state); /* "open" ... */

enum vantage_kind {
    VANTAGE_EXTERNAL,
    VANTAGE_LAN,
    VANTAGE_HOST,
    VANTAGE_SEGMENT,
    VANTAGE_CONTAINER,
    VANTAGE_INSIDE,
    VANTAGE_NETNS,
    VANTAGE_NAMED, /* by the policy: CIDRs, maybe an uplink */
};
const char *vantage_kind_name(enum vantage_kind kind);

/*
 * A place that traffic comes from. Either it arrives on an interface (external, lan, named: `interface` is
 * the uplink in the host's namespace), or a process in `namespace` sends it (host, container, inside, netns;
 * of a segment: any member in `members`).
 */
struct vantage {
    const char *name; /* "external", "external@eth0", "segment:shop_default" ... */
    enum vantage_kind kind;
    uint64_t namespace;         /* where the packet starts or arrives */
    uint32_t interface;         /* ingress ifindex; 0: sent by a process */
    const char *interface_name; /* NULL: none */
    struct interval_set sources4,
        sources6;           /* every source that such a packet can have; empty: the senders' own addresses */
    LIST(uint64_t) members; /* of a segment: namespaces on it */
    const char *bridge;     /* of a segment: its bridge interface */
};
void vantage_free(struct vantage *vantage);

enum protocol {
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_UDPLITE = 136,
    PROTOCOL_ICMP = 1,
    PROTOCOL_ICMP6 = 58,
    PROTOCOL_SCTP = 132
};
const char *protocol_name(uint8_t protocol); /* "tcp", "udp", "udplite", "icmp", ... ; NULL: no name */
uint8_t protocol_parse(const char *name);    /* 0: none */

/* What the client dials. */
struct entry {
    enum ip_family family;
    uint8_t protocol;
    struct address address;
    uint16_t port;
    const char *interface; /* for link-local addresses */
    const char *name;      /* abstract unix: the name; then family NONE */
};

/* `reasons` of the report. Codes are static words of the schema. */
struct reason {
    const char *code, *subject, *message;
};
struct reason_list {
    struct reason *items;
    size_t count, capacity;
};
/* Adds unless the same (code, subject) is there. Texts are not copied. */
void reason_add(struct reason_list *list, const char *code, const char *subject, const char *message);

/* A rule or chain as the report's `rules` has it. */
struct rule_reference {
    uint64_t namespace;
    const char *backend; /* "nf_tables", "nf_tables-xt" (nft_compat), "legacy" */
    const char *family, *table, *chain;
    uint64_t handle; /* 0: a chain's policy */
    uint32_t position;
    const char *text; /* in the syntax of its tool */
    const char *comment;
};

enum decider_kind {
    DECIDER_NONE,
    DECIDER_RULE,
    DECIDER_POLICY, /* a base chain's policy: `rule` has table, chain and hook text */
    DECIDER_ROUTE,  /* a route, or that there is none */
    DECIDER_SYSCTL, /* rp_filter, forwarding, route_localnet ... */
    DECIDER_LINK,   /* a link that is down, absent, an isolated port */
    DECIDER_NEIGHBOUR,
    DECIDER_ADDRESS,     /* a martian source or destination */
    DECIDER_LISTENER,    /* the socket that takes it (open with no rule deciding) */
    DECIDER_NO_LISTENER, /* arrives, nobody listens */
    DECIDER_PROGRAM,     /* something not modelled on the path */
    DECIDER_PROXY,       /* a userland proxy's socket */
};
const char *decider_kind_name(enum decider_kind kind);

struct decider {
    enum decider_kind kind;
    uint64_t namespace;
    struct rule_reference rule; /* of RULE and POLICY */
    const char *subject;        /* "net.ipv4.conf.eth0.rp_filter", "blackhole 10.0.0.0/8", "veth12" */
    const char *text;           /* a sentence for people */
};

/* One step of a path, in the order in which the packet met it. */
struct step {
    const char *hook; /* "ingress", "prerouting", "routing", "forward", "bridge", "input", "socket", "output",
                         "postrouting", "link", "proxy" */
    uint64_t namespace;
    const char *interface; /* that it is on, NULL: none */
    bool has_rule;
    struct rule_reference rule;
    const char *effect; /* "accept", "drop", "dnat to 172.17.0.2:80", "route to br0", "mark set 0x4000" ... */
};

/* How a filtered packet is answered: for the agreement with an observation. */
enum answer_kind { ANSWER_NONE, ANSWER_TCP_RESET, ANSWER_ICMP };

/* Where a packet ends: after all rewrites. */
struct target {
    uint64_t namespace; /* 0: it left the host, or nowhere */
    struct address address;
    uint16_t port;
    int32_t socket; /* index into that namespace's sockets, -1: none */
    bool elsewhere; /* forwarded off this host */
};

/* One part of the vantage's sources that fares alike. */
struct prediction_part {
    enum state state;
    struct interval_set sources;      /* addresses of the prediction's family */
    struct interval_set source_ports; /* empty: any of the query's */
    struct decider decider;
    struct reason_list reasons; /* why undetermined */
    struct target target;
    enum answer_kind answer; /* of filtered and unreachable */
    uint8_t icmp_type, icmp_code;
    const struct step *steps;
    size_t step_count;
    bool stateful;  /* a rule that remembers sources was met: not probed without --touch-stateful */
    bool by_sender; /* depends on the sender's uid, gid or cgroup */
    LIST(struct decider) later;          /* of filtered: further stages that would drop too, whoever sends */
    LIST(struct decider) later_for_some; /* the same, of some of the sources only */
    LIST(struct target) others;          /* of undetermined: further listeners that it may end at */
    bool one_of_several; /* it ends so in one of several ways: target and answer are those of one */
};

struct prediction {
    enum ip_family family;
    enum state state;                   /* of the most exposed part */
    LIST(struct prediction_part) parts; /* most exposed first; ties: larger source set first */
    LIST(struct decider) off_path;      /* rules that look protective but are not on the path */
};
void prediction_part_free(struct prediction_part *part);
/* Is it the same listener, or are both none? */
bool target_same_listener(const struct target *a, const struct target *b);
void prediction_free(struct prediction *prediction);
#define _cleanup_prediction_ _cleanup_(prediction_free)

/* ---- observation ---- */
enum observed_state {
    OBSERVED_OPEN,
    OBSERVED_UNDETERMINED,
    OBSERVED_CLOSED,
    OBSERVED_FILTERED,
    OBSERVED_UNREACHABLE,
    OBSERVED_NOT_PROBED
};
const char *observed_state_name(enum observed_state state); /* "not-probed" ... */
enum observed_method {
    METHOD_NONE,
    METHOD_INGRESS,
    METHOD_CONNECT,
    METHOD_DATAGRAM,
    METHOD_RAW,
    METHOD_REMOTE
};
const char *observed_method_name(enum observed_method method);
enum observed_evidence { EVIDENCE_NONE, EVIDENCE_ANSWERED, EVIDENCE_DELIVERED, EVIDENCE_DROPPED };
const char *observed_evidence_name(enum observed_evidence evidence);

struct observation {
    enum observed_state state;
    enum observed_method method;
    enum observed_evidence evidence;
    struct reason reason; /* of NOT_PROBED and UNDETERMINED */
    struct address source;
    bool arrived;       /* seen at the target's interface */
    bool arrived_known; /* the witness could see it */
    bool reset;         /* the answer was a TCP RST */
    bool icmp;          /* the answer was an ICMP error */
    uint8_t icmp_type, icmp_code;
    struct address answered_by; /* of an ICMP error; FAMILY_NONE: none */
    const char *end;            /* "proxy", or NULL */
    uint32_t rtt_us;            /* 0: none */
};

#endif

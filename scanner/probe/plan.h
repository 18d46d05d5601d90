/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to probe, as plain data: who sends which packet from where, where it is predicted to end, and what
 * must be guarded meanwhile. The probe never reads a rule and never sees the snapshot: all that it needs
 * stands here, or it asks the kernel itself. What comes back is one struct observation for each probe.
 *
 * Namespaces are named by the snapshot's id; live handles are given to probe_run() beside the plan. Interface
 * numbers are those of the host's namespace unless a comment says another. Texts live in an arena of the
 * maker; lists are malloc'ed and freed by plan_free().
 */
#ifndef POSTERN_SCANNER_PROBE_PLAN_H
#define POSTERN_SCANNER_PROBE_PLAN_H

#include "netns/base/error.h"
#include "netns/base/json.h"
#include "netns/base/memory.h"
#include "reports/model/channel.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * An interface that stranger's frames are injected into: the one that carries the address (`index`), as
 * external@IF and lan@IF name it.
 */
struct plan_uplink {
    uint32_t index;
    const char *name;
    /*
     * The lowest device that the frame enters by: the bridge's or bond's active port, the parent of a VLAN or
     * macvlan; `index` itself for a plain device. 0: the probe asks the kernel for it (link kind, master,
     * forwarding entry of the source's MAC).
     */
    uint32_t port;
    uint16_t
        vlan; /* 802.1Q tag that the frame bears at the port; 0: none. Found with `port` where that is 0 */
    bool ethernet; /* frames have an Ethernet header (ARPHRD_ETHER); false: tun and other bare IP devices */
    /* Destination MAC: of the interface that carries the address. Found by the probe where has_mac is false.
     */
    struct mac mac;
    bool has_mac;
    /*
     * Source MAC of routed (external) frames: the gateway's, from the neighbour table. Without one, and
     * without one of its own, a probe bears the device's own MAC; but where the device is a port of a bridge
     * it is not sent
     * (`no-neighbour`), for the frame would move forwarding entries.
     */
    struct mac gateway;
    bool has_gateway;
    bool native_xdp; /* native or offloaded XDP stands there: an observed `open` is undetermined
                        (`xdp-before-probe`) */
};

/* An interface that leads off this host, of any namespace of it: every one gets the egress guard. */
struct plan_exit {
    uint64_t namespace;
    uint32_t index; /* in that namespace */
    const char *name;
};

/* Where the answer is predicted to pass an IP layer for the last time before it leaves for the source. */
enum reply_way {
    REPLY_UNKNOWN,   /* injected probes of this kind are not sent: `reply-elsewhere` */
    REPLY_HOST,      /* the host's own */
    REPLY_NAMESPACE, /* that of `reply_namespace`: a bridged or macvlan container answers past the host's IP
                        layer */
    REPLY_ELSEWHERE, /* it leaves by what cannot be guarded: not sent, `reply-elsewhere` */
};

struct probe {
    uint32_t id;         /* the maker's own; the observation stands at the probe's place in the plan */
    const char *vantage; /* its name; for saved plans and messages */
    /*
     * METHOD_INGRESS: a frame into an uplink. METHOD_RAW: a SYN by a raw socket. METHOD_DATAGRAM: a UDP
     * datagram with a token. METHOD_CONNECT: connect(), if options.allow_connect. A RAW probe becomes a
     * CONNECT by itself where CAP_NET_RAW is missing and connect is allowed.
     */
    enum observed_method method;
    uint64_t from;   /* RAW, DATAGRAM, CONNECT: namespace of the sender */
    uint32_t uplink; /* INGRESS: index into plan.uplinks */

    /* ---- the packet ---- */
    uint8_t protocol;           /* PROTOCOL_TCP or PROTOCOL_UDP (UDP-Lite is not sent: `protocol`) */
    struct address destination; /* gives the family too */
    uint16_t port;
    struct address source; /* INGRESS: needed. Else FAMILY_NONE: the sender's kernel chooses */
    uint16_t source_port;  /* 0: one of the range that the run reserves */
    uint32_t scope;        /* link-local destination: interface of the sender's namespace; 0: none */
    struct mac source_mac; /* INGRESS: of the neighbour that sends (lan); else the uplink's gateway */
    bool has_source_mac;
    struct mac
        destination_mac; /* INGRESS: else the uplink's own; a container on the uplink's segment has another */
    bool has_destination_mac;
    /* Rules on the sender: imitate these (fsuid and fsgid of the socket's maker) */
    bool has_sender;
    uint32_t uid, gid;
    bool sender_unlike; /* the prediction hangs on something that cannot be imitated (cgroup):
                           `sender-identity` */

    /* ---- the prediction; decides what is guarded and watched, never the result ---- */
    enum state predicted;
    uint64_t target; /* namespace of this host where it ends; 0: elsewhere (`target-elsewhere`) */
    struct address target_address; /* after all rewrites */
    uint16_t target_port;
    uint32_t
        arrival; /* interface of the host's namespace that feeds the target: host end of its veth; 0: none */
    enum reply_way reply;     /* INGRESS */
    uint64_t reply_namespace; /* REPLY_NAMESPACE */
    bool stateful;      /* remembered by a rule: not sent without options.touch_stateful (`stateful-rule`) */
    bool source_in_use; /* a real machine's address: not sent without options.impersonate (`source-in-use`) */
    bool proxy;         /* the target's socket is a userland proxy: observation.end is "proxy" */

    /* The maker's own reason not to send (`no-other-member`, `target-elsewhere` ...); NULL: none. Static
     * words. */
    const char *skip;
    const char *skip_message;
};

enum guard_choice { GUARD_AUTO, GUARD_BPF, GUARD_NFTABLES, GUARD_NONE };
const char *guard_choice_name(enum guard_choice choice); /* "auto" ... */
int guard_choice_parse(const char *name);                /* enum guard_choice, -1: not one */

struct plan_options {
    uint32_t rate;       /* packets a second, all vantages together; 0: 2000 */
    uint32_t timeout_ms; /* wait after the last packet of a try, 50 at least; 0: 200 */
    uint32_t tries;      /* 0: 2 */
    enum guard_choice guard;
    bool allow_connect, impersonate, touch_stateful;
    bool payloads; /* later */
};

struct plan {
    uint64_t host; /* id of the host's namespace */
    struct plan_options options;
    LIST(struct plan_uplink) uplinks;
    LIST(struct plan_exit) exits;
    LIST(struct probe) probes;
};

void plan_free(struct plan *plan); /* lists only */
#define _cleanup_plan_ _cleanup_(plan_free)

/* Writes the plan as one JSON object (format "postern-plan"). */
void plan_write(FILE *file, const struct plan *plan);
/* Reads one. Texts go to the arena. -EINVAL "bad-file" with the member's path. */
int plan_read(const char *bytes, size_t length, const char *subject, struct arena *arena,
              struct plan *ret_plan, struct error *error);

/* One observation as a JSON object, and back (texts to the arena). */
void observation_write(struct json_writer *writer, const struct observation *observation);
int observation_read(const cJSON *value, struct arena *arena, struct observation *ret_observation,
                     struct error *error);

/*
 * Reasons of an observation that is not-probed or undetermined (static words of the schema):
 * no-probe-asked is the pipeline's; here: no-guard target-elsewhere reply-elsewhere source-in-use
 * stateful-rule sender-identity no-other-member no-neighbour no-source no-source-port protocol remote
 * kernel-too-old no-capability no-socket no-keeper connect-not-allowed uplink-down namespace-vanished
 * namespace-not-entered bpf-map nftables-refused send-failed timeout (deadline) reply-not-seen sockets-unread
 * xdp-before-probe capture-loss address-refused (multicast, broadcast, unspecified) probe-failed (the run as
 * a whole).
 */

#endif

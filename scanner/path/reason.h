/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a prediction is `undetermined`: the codes of its reasons, one list for both evaluators (and for the
 * report's schema). The subject names what was met: a rule's place, an expression, an interface, a namespace.
 */
#ifndef POSTERN_SCANNER_PATH_REASON_H
#define POSTERN_SCANNER_PATH_REASON_H

/* ---- the ruleset: not decoded, or not modelled ---- */
#define REASON_UNDECODABLE_RULE "undecodable-rule" /* subject: place of the rule */
#define REASON_UNKNOWN_EXPRESSION                                                                            \
    "unknown-expression" /* a name, attribute or value that the decoder does not know */
#define REASON_UNMODELLED_EXPRESSION                                                                         \
    "unmodelled-expression"                        /* subject: its name: "socket", "synproxy" ...            \
                                                    */
#define REASON_UNMODELLED_KEY    "unmodelled-key"  /* of meta, ct, fib: "meta rtclassid" */
#define REASON_UNMODELLED_MATCH  "unknown-match"   /* xtables match: its name */
#define REASON_UNMODELLED_TARGET "unknown-target"  /* xtables target: its name */
#define REASON_UNMODELLED_NAT    "unmodelled-nat"  /* a range to choose from, NETMAP, a prefix map ... */
#define REASON_UNMODELLED_FLAG   "unmodelled-flag" /* of a table, chain, set or rule */
#define REASON_SET_MISSING       "set-missing"     /* a set, map or chain that the snapshot does not hold */
#define REASON_INCOMPLETE        "incomplete"      /* a table or set of which a part was not read */
#define REASON_RULESET_UNREAD    "ruleset-unread"  /* subject: the namespace */
#define REASON_OVER_BUDGET       "over-budget"    /* a limit of the collection cut something: the namespace */
#define REASON_NOT_ATOMIC        "not-atomic"     /* the ruleset changed while it was read */
#define REASON_HOOK_ORDER        "hook-order"     /* equal priorities, and the order decides */
#define REASON_LEGACY_TABLE      "legacy-xtables" /* subject: "iptables filter" */
#define REASON_BRIDGE_TABLE      "bridge-family-rules" /* chains of the bridge family: subject: the table */
#define REASON_DEVICE_CHAIN      "netdev-rules"        /* netdev and inet ingress and egress */
#define REASON_ARP_TABLE         "arp-rules"

/* ---- choices that no snapshot decides ---- */
#define REASON_PACKET_FIELD    "packet-field"    /* of the packet's own: "ip ttl", "tcp window", length */
#define REASON_SOURCE_MAC      "source-mac"      /* the sender's hardware address */
#define REASON_SENDER_IDENTITY "sender-identity" /* uid, gid or cgroup of the sending process */
#define REASON_RANDOM          "random"          /* numgen, hash, statistic, random NAT */
#define REASON_RATE_LIMIT      "rate-limit"      /* limit, quota, connlimit, hashlimit */
#define REASON_TIME            "time"            /* hour, day, time */
#define REASON_DYNAMIC_SET     "dynamic-set"     /* a set that packets fill, or elements that time out */
#define REASON_STATEFUL_RULE   "stateful-rule"   /* a rule that remembers sources otherwise */
#define REASON_MULTIPATH       "multipath"       /* one of several next hops */
#define REASON_SOURCE_SET      "source-set"      /* a mask that cuts the sources into too many pieces */

/* ---- programs and what else stands on a path, unmodelled ---- */
#define REASON_XDP               "xdp-program"
#define REASON_TC                "tc-filter"
#define REASON_TCX               "tcx-program"
#define REASON_NETKIT            "netkit-program"
#define REASON_CGROUP            "cgroup-program"
#define REASON_SK_LOOKUP         "sk-lookup-program"
#define REASON_FLOW_DISSECTOR    "flow-dissector-program"
#define REASON_NETFILTER_PROGRAM "netfilter-program"
#define REASON_IPVS              "ipvs"
#define REASON_XFRM              "xfrm-policy"
#define REASON_NFQUEUE           "nfqueue"
#define REASON_PROGRAMS_UNREAD   "programs-unread" /* subject: what could not be asked for */

/* ---- routing, links, sockets ---- */
#define REASON_ROUTE_ATTRIBUTE                                                                               \
    "route-attribute" /* encapsulation and the like, on a route or a policy rule                             \
                       */
#define REASON_ROUTES_UNREAD    "routes-unread"
#define REASON_SYSCTLS_UNREAD   "sysctls-unread"
#define REASON_LINKS_UNREAD     "links-unread"
#define REASON_ADDRESSES_UNREAD "addresses-unread"
#define REASON_SOCKETS_UNREAD   "sockets-unread"
#define REASON_NAMESPACE_UNREAD "namespace-unread" /* subject: the namespace that the packet goes on in */
#define REASON_LINK_KIND        "link-kind"        /* subject: the link: macvlan, tunnel, VRF ... */
#define REASON_PEER_UNKNOWN     "peer-unknown"     /* a veth whose other end was not found */
#define REASON_BRIDGE_FEATURE   "bridge-feature"   /* VLAN filtering and the like */
#define REASON_NEIGHBOUR        "neighbour"        /* nobody is known to have the next hop's address */
#define REASON_NOT_UNICAST      "not-unicast"      /* broadcast and multicast destinations */
#define REASON_PROTOCOL         "protocol"         /* a transport protocol that is not modelled */
#define REASON_ELSEWHERE        "target-elsewhere" /* the packet leaves this host: subject: the link */
#define REASON_DUPLICATE        "duplicate-address" /* two machines on one segment have the next hop's address */
#define REASON_LOOP             "loop"        /* more namespaces, jumps or rewrites than a packet survives */
#define REASON_TOO_COMPLEX      "too-complex" /* the evaluation was cut at its limit */
#define REASON_TIMEOUT          "timeout"     /* the scan's time was over before it was evaluated */

#endif

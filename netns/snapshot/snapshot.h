/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The snapshot: all that was seen on a host, as plain data without descriptors or kernel handles. Live
 * collection and a file read back give the same, and everything to its right (but the probe) works on either.
 *
 * Ownership: each namespace has an arena for its texts and bytes, the snapshot one for the rest; lists are
 * malloc'ed. snapshot_free() frees all. Workers fill one namespace each, nothing else.
 */
#ifndef POSTERN_NETNS_SNAPSHOT_SNAPSHOT_H
#define POSTERN_NETNS_SNAPSHOT_SNAPSHOT_H

#include "netns/base/address.h"
#include "netns/base/error.h"
#include "netns/base/memory.h"
#include "netns/snapshot/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

/* An `errors` record of the report. */
struct fault {
    const char *code, *subject, *message;
    bool gone; /* a second look showed that the subject no longer exists: the scan stays complete */
};

enum namespace_role { ROLE_HOST, ROLE_CONTAINER, ROLE_POD, ROLE_BARE, ROLE_OUTSIDE };

/* ---- links ---- */
enum link_kind {
    LINK_OTHER, /* kind_name tells; not modelled */
    LINK_LOOPBACK,
    LINK_ETHERNET, /* physical or virtio: no IFLA_INFO_KIND, ARPHRD_ETHER */
    LINK_VETH,
    LINK_BRIDGE,
    LINK_MACVLAN,
    LINK_IPVLAN,
    LINK_VLAN,
    LINK_VXLAN,
    LINK_BOND,
    LINK_TUN,
    LINK_WIREGUARD,
    LINK_VRF,
    LINK_DUMMY,
    LINK_TUNNEL, /* ipip, sit, gre, ip6tnl ... */
};

struct link {
    uint32_t index;
    const char *name, *alias;
    enum link_kind kind;
    const char *kind_name; /* IFLA_INFO_KIND, or NULL */
    uint32_t flags;        /* IFF_* */
    uint8_t operational;   /* IFLA_OPERSTATE, IF_OPER_* */
    uint16_t hardware;     /* ARPHRD_* */
    uint32_t mtu, group;
    struct mac mac;
    bool has_mac;
    uint32_t master;         /* ifindex, 0: none */
    uint32_t peer_index;     /* IFLA_LINK: veth peer, macvlan/VLAN parent; 0: none */
    int32_t peer_nsid;       /* IFLA_LINK_NETNSID as this namespace numbers it; -1: same namespace or none */
    uint64_t peer_namespace; /* id of the namespace that peer_index is in; 0: not known (see peer_unknown) */
    bool peer_unknown;       /* there is a peer in a namespace that was not found or not entered */
    uint32_t macvlan_mode;   /* MACVLAN_MODE_* */
    uint16_t vlan_id, vlan_protocol;
    /* as a bridge */
    bool bridge_vlan_filtering, bridge_nf_call_iptables, bridge_nf_call_ip6tables, bridge_stp;
    /* as a bridge port */
    bool port_isolated, port_hairpin;
    uint8_t port_state; /* BR_STATE_*; 3 forwarding */
    bool port_flood, port_learning;
    /* per-interface sysctls (IFLA_AF_SPEC: IPV4_DEVCONF_*, DEVCONF_*) */
    int32_t forwarding4, rp_filter, accept_local, route_localnet, src_valid_mark, arp_ignore, proxy_arp;
    int32_t forwarding6, disable_ipv6, accept_dad;
    int32_t force_forwarding6;     /* Linux 6.17: forwards though net.ipv6.conf.all.forwarding is off */
    bool has_sysctl4, has_sysctl6; /* the values above were given */
    /* XDP */
    uint8_t xdp_mode; /* XDP_ATTACHED_*; 0 none */
    uint32_t xdp_program;
};

struct link_address {
    uint32_t index;       /* of the link */
    struct prefix prefix; /* the local address (IFA_LOCAL, else IFA_ADDRESS) and its length */
    struct address peer;  /* of a point-to-point link, else FAMILY_NONE */
    uint8_t scope;        /* RT_SCOPE_* */
    uint32_t flags;       /* IFA_F_* (tentative, dadfailed, noprefixroute ...) */
};

struct fdb_entry {
    uint32_t port, master; /* ifindex */
    struct mac mac;
    uint16_t state; /* NUD_* */
    uint16_t vlan;
    bool local;
};

struct neighbour {
    uint32_t index;
    struct address address;
    struct mac mac;
    bool has_mac;
    uint16_t state; /* NUD_* */
    uint8_t flags;
};

/* ---- routing ---- */
struct next_hop {
    uint32_t index;         /* interface; 0: none */
    struct address gateway; /* FAMILY_NONE: on link; may be of the other family */
    uint32_t weight, flags; /* RTNH_F_* */
};

struct route {
    enum ip_family family;
    struct prefix destination, source; /* source: IPv6 subtrees; FAMILY_NONE otherwise */
    uint32_t table, priority;
    uint8_t tos, type, scope, protocol; /* RTN_*, RT_SCOPE_*, RTPROT_* */
    struct address preferred_source;
    uint32_t next_hop_id;   /* RTA_NH_ID; resolved into next_hops */
    bool unknown_attribute; /* RTA_ENCAP and the like: not modelled */
    LIST(struct next_hop) next_hops;
};

struct policy_rule {
    enum ip_family family;
    uint32_t priority, table;
    uint8_t action; /* FR_ACT_*: 1 to_tbl, 2 goto, 3 nop, 6 blackhole, 7 unreachable, 8 prohibit */
    bool invert;
    struct prefix from, to; /* FAMILY_NONE: any */
    uint8_t tos;
    uint32_t mark, mark_mask;                       /* mask 0: no test */
    const char *input_interface, *output_interface; /* NULL: any */
    uint32_t goto_target;
    int32_t suppress_prefix_length; /* -1: none */
    int32_t suppress_group;         /* -1: none */
    bool l3mdev, has_uid;
    uint32_t uid_first, uid_last;
    uint8_t ip_protocol; /* 0: any */
    bool has_source_port, has_destination_port;
    uint16_t source_port_first, source_port_last, destination_port_first, destination_port_last;
    bool unknown_attribute;
};

struct sysctls { /* -1: the file is not there (module or family absent); bridge_*: or there is no bridge */
    int32_t ip_forward;      /* net.ipv4.ip_forward */
    int32_t forwarding6_all; /* net.ipv6.conf.all.forwarding */
    int32_t rp_filter_all, accept_local_all, route_localnet_all, src_valid_mark_all, forwarding4_all;
    int32_t bridge_nf_call_iptables, bridge_nf_call_ip6tables, bridge_nf_call_arptables;
    int32_t bridge_nf_filter_vlan_tagged, bridge_nf_pass_vlan_input_dev;
    int32_t tcp_l3mdev_accept, udp_l3mdev_accept, ip_unprivileged_port_start;
    int32_t conntrack_max, conntrack_count;
    int32_t bindv6only;
    int32_t ip_early_demux, fwmark_reflect4;
    int32_t force_forwarding6_all; /* Linux 6.17 */
};

/* ---- sockets ---- */
enum socket_kind {
    SOCKET_TCP,
    SOCKET_UDP,
    SOCKET_UDPLITE,
    SOCKET_RAW,
    SOCKET_PACKET,
    SOCKET_UNIX, /* abstract */
    SOCKET_SCTP,
    SOCKET_MPTCP,
};

struct socket {
    enum socket_kind kind;
    enum ip_family family; /* of TCP, UDP, UDP-Lite, raw; else FAMILY_NONE */
    uint8_t state;         /* TCP_* numbers of the kernel: 10 LISTEN, 7 CLOSE (unconnected UDP) */
    struct address address;
    uint16_t port;
    bool v6only;           /* of an IPv6 socket */
    uint32_t interface;    /* SO_BINDTODEVICE, 0: none; of packet sockets the bound link */
    uint32_t protocol;     /* of raw sockets the IP protocol, of packet sockets the ethertype */
    const char *name;      /* abstract unix: without the leading NUL, UTF-8 repaired */
    struct bytes raw_name; /* its bytes */
    uint64_t inode, cookie;
    uint32_t uid, queue, backlog; /* backlog: of listeners the limit; queue: waiting */
    uint64_t cgroup_id;           /* INET_DIAG_CGROUP_ID, 0: none */
    uint32_t mark;
    bool reuse_port_known, reuse_port;
    bool binding_unknown;     /* read from /proc: v6only, interface, mark and backlog are not known */
    LIST(uint32_t) processes; /* indices into snapshot.processes of those that hold it */
    bool owner_unknown;       /* no holder was found, and not all processes could be looked at */
};

/* An established connection of this namespace: evidence of who uses its listeners, and which addresses are in
 * use. */
struct connection {
    enum socket_kind kind;
    enum ip_family family;
    struct address local, remote;
    uint16_t local_port, remote_port;
    uint8_t state;
    uint64_t inode;
    uint32_t uid;
};

struct tracked { /* a conntrack entry, original and reply direction: evidence */
    enum ip_family family;
    uint8_t protocol;
    struct address source, destination, reply_source, reply_destination;
    uint16_t source_port, destination_port, reply_source_port, reply_destination_port;
    uint32_t status, mark; /* IPS_* */
    uint32_t timeout;
    uint16_t zone;
};

/* ---- programs and other things that may stand on a path, and are not modelled ---- */
enum program_kind {
    PROGRAM_XDP,
    PROGRAM_TC, /* a filter of any kind on a clsact, ingress or other qdisc */
    PROGRAM_TCX,
    PROGRAM_NETKIT,
    PROGRAM_CGROUP, /* cgroup_skb, sock_addr ... */
    PROGRAM_SK_LOOKUP,
    PROGRAM_FLOW_DISSECTOR,
    PROGRAM_NETFILTER, /* a BPF netfilter link */
    PROGRAM_IPVS,
    PROGRAM_XFRM,
    PROGRAM_UNREADABLE, /* this kind could not be asked for: `detail` names it */
};

struct program {
    enum program_kind kind;
    uint32_t interface; /* 0: the whole namespace, or the cgroup */
    bool egress;
    const char *name;      /* program's or filter's name, escaped by outputs */
    uint32_t id;           /* BPF program id, 0: none */
    enum ip_family family; /* of netfilter links and XFRM; FAMILY_NONE: both */
    uint32_t hook;         /* NF_INET_* of a netfilter link */
    int32_t priority;
    const char *cgroup; /* path in its hierarchy */
    uint64_t cgroup_id;
    const char *detail;
};

/* ---- namespaces ---- */
struct namespace
{
    uint64_t id; /* inode number: the report's name for it */
    uint64_t device, cookie;
    enum namespace_role role;
    LIST(const char *) names; /* of /run/netns and other bind mounts: last component */
    LIST(const char *) paths; /* where it is held: bind mounts */
    LIST(uint32_t) pids;      /* processes (or threads) that were seen in it, ascending, bounded */
    uint64_t user_namespace;  /* inode of the owning user namespace; 0: not known */
    bool entered;
    bool gone;         /* vanished before it was read */
    bool over_budget;  /* a limit cut something: what is not there is undetermined */
    const char *error; /* why it was not read; NULL: it was */
    struct sysctls sysctls;
    LIST(struct link) links;
    LIST(struct link_address) addresses;
    LIST(struct neighbour) neighbours;
    LIST(struct fdb_entry) fdb;
    LIST(struct route) routes;
    LIST(struct policy_rule) policy_rules;
    LIST(struct socket) sockets;
    LIST(struct connection) connections;
    LIST(struct tracked) tracked;
    LIST(struct program) programs;
    struct ruleset ruleset;
    /* parts that could not be read: each is a reason for `undetermined` where it matters */
    LIST(struct fault) faults;
    /* words of the parts that failed or were cut, for the evaluators: see enum part */
    uint32_t missing; /* bit set of enum part */
    struct arena *arena;
};

enum part { /* bits of namespace.missing */
            PART_LINKS = 1,
            PART_ADDRESSES = 2,
            PART_ROUTES = 4,
            PART_POLICY_RULES = 8,
            PART_SOCKETS_TCP = 16,
            PART_SOCKETS_UDP = 32,
            PART_SOCKETS_OTHER = 64,
            PART_RULESET = 128,
            PART_SYSCTLS = 256,
            PART_NEIGHBOURS = 512,
            PART_PROGRAMS = 1024,
            PART_FDB = 2048,
            PART_LEGACY = 4096,
            PART_EVIDENCE = 8192,
};

/* ---- processes and containers ---- */
struct process {
    uint32_t pid; /* as the scan's /proc numbers it */
    uint64_t start_time;
    const char *name;       /* comm: chosen by the process itself */
    const char *executable; /* readlink of exe; NULL: could not be read */
    uint64_t executable_device, executable_inode;
    bool executable_on_host; /* host's mount and user namespaces, and the file at that path is the same */
    uint32_t uid;            /* effective, as seen from the host */
    uint64_t effective, bounding; /* capability sets */
    uint8_t seccomp;              /* 0 none, 1 strict, 2 filter */
    bool no_new_privileges;
    uint64_t network_namespace, mount_namespace, user_namespace, pid_namespace, ipc_namespace,
        uts_namespace;  /* 0: not known */
    const char *cgroup; /* path of the hierarchy that identifies it */
    int32_t container;  /* index into snapshot.containers, -1: none */
};

enum container_engine {
    ENGINE_NONE,
    ENGINE_DOCKER,
    ENGINE_PODMAN,
    ENGINE_CONTAINERD,
    ENGINE_CRIO,
    ENGINE_LXC,
    ENGINE_NSPAWN,
    ENGINE_NETNS,
    ENGINE_PID
};

struct published {
    struct address address; /* FAMILY_NONE: all addresses of both families */
    uint16_t port, target;  /* ranges are written out */
    uint8_t protocol;       /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
};

struct label {
    const char *key, *value;
};

struct container_network {
    const char *name;               /* as the engine calls it: "bridge", "shop_default" */
    const char *interface;          /* bridge interface on the host, where it is known */
    LIST(struct address) addresses; /* of the container on it */
};

struct container {
    const char *name; /* unique in the snapshot: ENGINE/NAME where two engines share a name */
    const char *id;   /* the engine's */
    enum container_engine engine;
    const char *image;
    LIST(struct label) labels;
    const char *pod, *pod_namespace; /* names, NULL: none */
    const char *network_mode;        /* "bridge", "host", "none", "container:ID", name of a network */
    LIST(struct container_network) networks;
    LIST(struct published) published;
    uint64_t namespace;  /* id; 0: not running or not found */
    uint32_t pid;        /* of its first process, 0: none */
    const char *cgroup;  /* outermost scope that names it */
    bool confirmed;      /* the engine's state on disk agrees with the cgroup */
    bool nested;         /* inside another container */
    bool generated_name; /* the engine made the name up: not a stable identity */
    bool infrastructure; /* pause or infra container of a pod */
    bool host_network;
    bool privileged;
    uint32_t user;
    const char *user_namespace; /* "host", or "private" */
    uint64_t capabilities;
    uint8_t seccomp;
    bool no_new_privileges, engine_socket;
    bool host_pid, host_ipc, host_uts;
    const char *compose_project, *compose_service;
};

/* A bridge or network as the engines call it: vantages `segment:NAME`. */
struct segment {
    const char *name;      /* engine's name for the network, else the interface's */
    const char *interface; /* the bridge */
    enum container_engine engine;
    uint64_t namespace; /* that the bridge is in */
};

struct snapshot {
    const char *tool; /* "postern 0.1.0" */
    const char *host, *machine_id, *boot_id, *kernel;
    const char *architecture;       /* uname -m */
    bool big_endian;                /* byte order of register values in host order */
    const char *started, *finished; /* RFC 3339 */
    uint64_t host_namespace;        /* id */
    uint64_t host_pid_namespace;    /* of the host's first process; 0: not known */
    LIST(struct address) resolvers; /* of the host: /etc/resolv.conf, and what local resolvers forward to */
    LIST(struct namespace *) namespaces;
    LIST(struct process) processes;
    LIST(struct container) containers;
    LIST(struct segment) segments;
    LIST(struct fault) errors;
    uint32_t namespaces_seen, namespaces_entered;
    bool conntrack_present; /* nf_conntrack is there at all */
    struct arena *arena;
};

struct snapshot *snapshot_new(void);
struct snapshot *snapshot_free(struct snapshot *snapshot); /* NULL is fine; returns NULL */
void cleanup_snapshot(struct snapshot **snapshot);
#define _cleanup_snapshot_ _cleanup_(cleanup_snapshot)
struct namespace *namespace_new(uint64_t id); /* with its own arena; given to a snapshot's list */
struct namespace *namespace_free(struct namespace *namespace);

/* Look-ups; NULL: none. */
struct namespace *snapshot_namespace(const struct snapshot *snapshot, uint64_t id);
struct namespace *snapshot_host(const struct snapshot *snapshot);
const struct container *snapshot_container(const struct snapshot *snapshot, const char *name);
/* The container that the namespace belongs to (the first that is not infrastructure), NULL: none. */
const struct container *snapshot_namespace_container(const struct snapshot *snapshot, uint64_t namespace);
const struct link *namespace_link(const struct namespace *namespace, uint32_t index);
const struct link *namespace_link_named(const struct namespace *namespace, const char *name);
/* Adds a fault with copied texts to the namespace's or the snapshot's list, and the part to `missing`. */
void namespace_fault(struct namespace *namespace, uint32_t part, const struct error *error);
void snapshot_fault(struct snapshot *snapshot, const struct error *error, bool gone);
const char *engine_name(enum container_engine engine); /* "docker" ... */
const char *link_kind_word(enum link_kind kind);
const char *socket_kind_name(enum socket_kind kind); /* "tcp" ... */
const char *program_kind_name(enum program_kind kind);

#endif

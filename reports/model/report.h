/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report model: what a scan found, as plain data; every field of the contract's JSON by the same name.
 * Merge makes it, classify adds classes and findings, renderers read it and nothing else.
 *
 * Ownership: texts live in the report's arena; lists are malloc'ed; report_free() frees all.
 */
#ifndef POSTERN_REPORTS_MODEL_REPORT_H
#define POSTERN_REPORTS_MODEL_REPORT_H

#include "netns/base/address.h"
#include "netns/base/interval.h"
#include "netns/base/memory.h"
#include "reports/model/channel.h"

struct report_error {
    const char *code, *subject, *message;
    bool gone;
};

struct report_scan {
    const char *id, *tool, *host, *machine_id, *boot_id, *kernel;
    const char *guard;         /* "netfilter+tcx", "nftables", "none"; NULL: nothing was probed */
    const char *policy_digest; /* SHA-256 of the policy file, NULL: none */
    const char *started, *finished;
    LIST(const char *) only_from, only_containers; /* what the scan was narrowed to; empty: all */
    LIST(const char *) side_effects;
    bool complete;
    uint32_t namespaces_seen, namespaces_entered;
    uint32_t rules_seen, rules_modelled;
    uint32_t channels_predicted, channels_observed;
    LIST(struct report_error) errors;
};

struct report_vantage {
    const char *name;
    enum vantage_kind kind;
    uint64_t namespace; /* 0: null */
    const char *interface;
    LIST(const char *) sources; /* addresses that probes used */
};

struct report_interface {
    const char *name, *kind, *state; /* kind "veth" ..., state "up", "down" */
    uint32_t index;
    LIST(const char *) addresses; /* "172.17.0.2/16" */
    uint64_t peer_namespace;      /* 0: no peer known */
    const char *peer_interface;
    const char *master; /* bridge it is a port of */
};

struct report_namespace {
    uint64_t id;
    const char *cookie; /* decimal text */
    const char *role;   /* "host" ... */
    LIST(const char *) containers;
    LIST(struct report_interface) interfaces;
    LIST(const char *) firewall_backends; /* "nf_tables", "legacy" */
    uint32_t firewall_rules, firewall_unmodelled;
    const char *error; /* NULL: none */
};

struct report_label {
    const char *key, *value;
};
struct report_published {
    struct address address; /* FAMILY_NONE: every address, written "" -> null */
    uint16_t port, target;
    uint8_t protocol;
};
struct report_open_range {
    const char *from; /* vantage */
    enum ip_family family;
    uint8_t protocol;
    struct interval_set ports;
    struct interval_set sources;
    struct decider decider;
};
struct report_privileges {
    bool known;
    bool privileged;
    uint32_t user;
    const char *user_namespace; /* "host", "private" */
    uint64_t capabilities;
    const char *seccomp; /* "none", "strict", "filter" */
    bool no_new_privileges, engine_socket;
    LIST(const char *) host_namespaces;
};
struct report_container {
    const char *name, *id, *engine, *image;
    LIST(struct report_label) labels;
    const char *pod, *pod_namespace;
    const char *workload;
    uint64_t namespace;
    const char *network;
    LIST(struct report_published) published;
    LIST(struct report_open_range) open_ranges;
    struct report_privileges privileges;
    bool nested, host_network, confirmed;
    const char *compose_project, *compose_service;
    LIST(const char *) netns_names; /* names under /run/netns */
};

struct report_process {
    uint32_t pid, uid;
    const char *name, *executable;
    bool executable_on_host; /* same file (device, inode) as the host's path, in the host's mount and user
                                namespaces */
    bool of_host;            /* known to be in no container, and in the host's user and PID namespaces */
    uint64_t capabilities;
    const char *container; /* NULL: none */
};
struct report_listener {
    const char *id; /* "l1" */
    uint64_t namespace;
    const char *container; /* NULL: the host's own */
    const char *workload;
    const char *protocol; /* "tcp", "udp", "udplite", "raw", "packet", "unix" */
    struct address address;
    uint16_t port;
    bool ip4, ip6;
    const char *interface; /* SO_BINDTODEVICE */
    const char *name;      /* abstract unix */
    uint32_t ip_protocol;  /* of raw; ethertype of packet */
    LIST(struct report_process) processes;
};

struct report_rule {
    const char *id; /* "r17" */
    struct rule_reference rule;
};
struct report_step {
    const char *hook;
    uint64_t namespace;
    const char *interface;
    const char *rule; /* id, NULL: none */
    const char *effect;
};
struct report_path {
    const char *id; /* "p3" */
    LIST(struct report_step) steps;
};

/* A decider with its rule by id. */
struct report_decider {
    enum decider_kind kind;
    uint64_t namespace;
    const char *rule; /* id in report.rules, NULL: none */
    const char *subject, *text;
};

struct report_part {
    enum state state;
    struct interval_set sources;
    struct report_decider decider;
    LIST(struct reason) reasons;
    enum answer_kind answer;
    uint8_t icmp_type, icmp_code;
    bool agrees; /* with the observation of this part; true where there is none */
    struct observation observed;
};

enum channel_class {
    CLASS_NONE,
    CLASS_FORBIDDEN,
    CLASS_UNEXPECTED,
    CLASS_LOST,
    CLASS_UNDETERMINED,
    CLASS_LATENT,
    CLASS_MASKED,
    CLASS_ALLOWED,
    CLASS_IGNORED,
    CLASS_QUIET,
};
const char *channel_class_name(enum channel_class channel_class);

struct report_channel {
    const char *id;   /* "c1" */
    const char *key;  /* 128-bit hash as hex */
    const char *from; /* vantage name */
    enum vantage_kind from_kind;
    const char *from_workload; /* of container, inside and segment-member vantages where known: for `from:
                                  {workload}` */
    struct entry entry;
    LIST(struct address)
    addresses;             /* of a wildcard listener: all local ones that fare alike, the entry's included */
    const char *listener;  /* id, NULL: latent */
    const char *container; /* of the target, NULL: the host itself */
    const char *workload;
    uint64_t target_namespace;
    struct address target_address;
    uint16_t target_port;
    /* predicted */
    enum state predicted;
    struct interval_set sources; /* of the most exposed part */
    struct report_decider decider;
    LIST(struct reason) reasons;
    LIST(struct report_part) parts;
    const char *path; /* id */
    LIST(struct report_decider) later;
    LIST(struct report_decider) off_path;
    /* observed: of the most exposed part */
    struct observation observed;
    /* merged */
    enum state state;
    bool conflict;
    bool latent; /* the path is open and nobody listens */
    bool
        named; /* by a rewrite, a publication, an exact rule or the policy: latent is judged for these only */
    bool masked; /* one rule alone keeps a listener away */
    enum channel_class channel_class;
    const char *policy;     /* id of the line that decided, NULL */
    LIST(const char *) via; /* listener ids on the way */
};

struct report_quiet {
    const char *listener;
    enum state state;
    struct report_decider decider;
    LIST(const char *) from;
    uint32_t entries;
};

enum severity {
    SEVERITY_NONE,
    SEVERITY_INFO,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL
};
const char *severity_name(enum severity severity);
enum severity severity_parse(const char *name); /* SEVERITY_NONE: not a word */

struct report_control {
    const char *benchmark, *version, *id;
};
struct report_finding {
    const char *id, *instance; /* 128-bit hashes as hex */
    const char *kind;          /* "unexpected-exposure", "forbidden-channel", "lost-channel", "undetermined",
                                  "latent-port", "masked-listener", "conflict", "rule-not-on-path", "open-range" ... */
    enum channel_class channel_class;
    enum severity severity;
    const char *container, *workload; /* container NULL: the host */
    const char *protocol;
    uint16_t port;
    LIST(const char *) vantages, channels, families, explanation, fix;
    LIST(const char *) excess_sources; /* CIDRs that are open but not allowed */
    LIST(struct report_control) controls;
    const char *title;
    const char *told;   /* id of the channel by which the story is told, NULL: by none */
    const char *policy; /* line id, NULL */
    bool accepted;      /* by accept_risk or accept_gap: listed, not counted for the exit status */
};

struct report {
    struct report_scan scan;
    LIST(struct report_vantage) vantages;
    LIST(struct report_namespace) namespaces;
    LIST(struct report_container) containers;
    LIST(struct report_listener) listeners;
    LIST(struct report_channel) channels;
    LIST(struct report_rule) rules;
    LIST(struct report_path) paths;
    LIST(struct report_quiet) quiet;
    LIST(struct report_finding) findings;
    LIST(struct report_error) warnings; /* of the policy: expired lines, selectors that match nothing */
    struct arena *arena;
    /* what report_container() has indexed: names to places + 1, of so many containers */
    struct map *container_index;
    size_t containers_indexed;
};

void report_channel_free(struct report_channel *channel); /* the lists inside */
struct report *report_new(void);
struct report *report_free(struct report *report); /* NULL is fine; returns NULL */
void cleanup_report(struct report **report);
#define _cleanup_report_ _cleanup_(cleanup_report)

/* Names must stand when the first is looked up. NULL: none is called so. */
const struct report_container *report_container(const struct report *report, const char *name);
const struct report_listener *report_listener(const struct report *report, const char *id);
/* Of a report whose channels were not folded. */
const struct report_channel *report_channel(const struct report *report, const char *id);
const struct report_rule *report_rule(const struct report *report, const char *id);
const struct report_path *report_path(const struct report *report, const char *id);

#endif

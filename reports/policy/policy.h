/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of allowed channels (2-contract: YAML, JSON being a subset) as data. Each thing that a person
 * wrote keeps its place, so that every complaint names file, line and column.
 */
#ifndef POSTERN_REPORTS_POLICY_POLICY_H
#define POSTERN_REPORTS_POLICY_POLICY_H

#include "netns/base/address.h"
#include "netns/base/error.h"
#include "netns/base/interval.h"
#include "netns/base/memory.h"
#include "reports/model/report.h"

/* Largest policy that is read. */
#define POLICY_MAX ((size_t)4 << 20)

struct policy_place {
    unsigned line, column; /* from 1; 0: built in */
};

enum policy_word { POLICY_DENY, POLICY_WARN, POLICY_IGNORE };

/* Whom a line means. Patterns are shell-style; NULL: not asked for. All that are given must hold. */
struct selector {
    const char *name; /* under `workloads`; NULL: written inline */
    const char *container, *image, *label_key, *label_value, *compose, *pod, *netns, *executable;
    bool has_host_network, host_network;
    bool host; /* processes of the host itself */
    struct policy_place place;
};

/* A source of one's own: `vantages`. */
struct policy_vantage {
    const char *name;
    struct prefix_list cidr;
    const char *interface; /* `in`; NULL: any */
    struct policy_place place;
};

struct policy_port {
    bool any;
    bool icmp;
    const char *unix_pattern; /* "unix:@PATTERN": the pattern */
    uint8_t protocol;         /* of a port range */
    uint16_t first, last;
};

enum policy_from_kind { FROM_VANTAGE, FROM_CIDR, FROM_WORKLOAD, FROM_NAMED };
struct policy_from {
    enum policy_from_kind kind;
    const char *vantage;  /* of VANTAGE: "external", "lan@eth0", "segment:shop" ... */
    struct prefix prefix; /* of CIDR */
    size_t index;         /* of WORKLOAD: into selectors; of NAMED: into vantages */
};

enum policy_line_kind { LINE_ALLOW, LINE_FORBID, LINE_ACCEPT_RISK, LINE_ACCEPT_GAP };

struct policy_line {
    enum policy_line_kind kind;
    const char *id; /* NULL: none was given */
    bool has_to;
    size_t to; /* into selectors */
    LIST(struct policy_port) ports;
    LIST(struct policy_from) from;
    struct prefix_list address; /* of the entry; empty: any */
    bool has_families, ip4, ip6;
    struct policy_port target; /* the listener's own port */
    bool has_target;
    bool expect_open, expect_present;
    const char *owner, *reason, *until, *ticket, *finding, *code, *subject;
    bool expired;
    enum severity severity; /* of forbid */
    LIST(const char *) hosts;
    struct policy_place place;
};

struct policy {
    const char *file;
    const char *digest; /* SHA-256 of the file; NULL: the built-in default */
    enum policy_word unlisted[VANTAGE_NAMED + 1];
    enum policy_word undetermined;
    LIST(struct selector) selectors;
    LIST(struct policy_vantage) vantages;
    LIST(struct policy_line) lines;
    LIST(struct error) warnings; /* expired lines */
    struct arena *arena;
};

/* What holds without a policy: nothing is allowed, external and lan are denied, segments warn, the host is
 * ignored. */
struct policy *policy_default(void);
/*
 * Parses (bytes, length) of the file called `file`. `today` is "YYYY-MM-DD": lines whose `until` lies before
 * it are expired. Every complaint that was found is in *complaints (code "policy", subject
 * "FILE:LINE:COLUMN"), in the order of the file; any makes the result -EINVAL and no policy.
 */
struct complaint_list {
    struct error *items;
    size_t count, capacity;
};
int policy_parse(const char *bytes, size_t length, const char *file, const char *today,
                 struct policy **ret_policy, struct complaint_list *complaints);
/* Reads and parses. A file that cannot be read is one complaint. */
int policy_read(const char *file, struct policy **ret_policy, struct complaint_list *complaints);
struct policy *policy_free(struct policy *policy); /* NULL is fine; returns NULL */
void cleanup_policy(struct policy **policy);
#define _cleanup_policy_ _cleanup_(cleanup_policy)

/* "443/tcp", "1000-2000/udp", "icmp", "unix:@PATTERN", "any": -EINVAL where it is none of these. */
int policy_port_parse(struct arena *arena, const char *text, struct policy_port *ret_port);

#endif

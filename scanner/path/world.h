/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot made ready for evaluation: hooks in the kernel's order, chains and sets by name, routes by
 * table, links and their peers, sockets by port, and everything that is on the path but not modelled. Never
 * touches the kernel.
 *
 * Both evaluators read it, neither writes to it: after world_new() it is constant and may be used by many
 * threads.
 */
#ifndef POSTERN_SCANNER_PATH_WORLD_H
#define POSTERN_SCANNER_PATH_WORLD_H

#include "netns/base/interval.h"
#include "netns/snapshot/snapshot.h"
#include "reports/model/channel.h"

/* What of a packet's state a chain (with all that it jumps to) reads or writes: bits. */
enum packet_state {
    PACKET_MARK = 1,
    PACKET_CT_MARK = 2,
    PACKET_TRACKING = 4, /* writes: notrack, CT; reads: ct state, status ... and every rewrite */
    PACKET_MAPPING = 8,  /* NAT: the first that sets one wins */
    PACKET_HEADER = 16,  /* payload statements that write; every header load reads */
    PACKET_ANYTHING = 31 /* something unknown */
};

/* A base chain at its place. */
struct hook_chain {
    const struct nft_table *table;
    const struct nft_chain *chain;
    int32_t priority; /* at which it takes effect: NAT chains at -100 or +100 whatever they declare */
    bool nat;
    uint32_t reads, writes; /* enum packet_state */
    /*
     * Chains of one hook with the same number have equal priorities. Within a table the order here is the
     * kernel's (the last registered runs first); between tables it is a guess from the order of the dump,
     * since no dump tells.
     */
    uint32_t group;
    bool order_matters; /* another table's chain of the group writes what this one reads or writes, or the
                           reverse */
    bool beside_nat; /* no NAT chain, but of NAT's own priority, and no dump tells which of the two runs first
                      */
};
struct hook_list {
    struct hook_chain *items;
    size_t count, capacity;
};

/* One namespace, indexed. */
struct world_namespace {
    const struct namespace *facts;
    /* [0] IPv4, [1] IPv6: chains of ip/ip6 and inet, dormant tables left out, in the order in which they run
     */
    struct hook_list hooks[2][HOOK_POSTROUTING + 1];
    /* chains of families and hooks that this version does not model: a reason wherever they stand on a path
     */
    struct hook_list bridge_hooks[HOOK_POSTROUTING + 1];
    struct hook_list device_hooks; /* netdev and inet ingress and egress */
    struct hook_list arp_hooks[HOOK_POSTROUTING + 1];
    /* A table of the family is incomplete (a chain, rule or set is missing): hooks of it may be missing too.
     */
    bool incomplete[2];
    /*
     * Is connection tracking at work for IPv4, IPv6? The kernel hooks it in with the first rule that needs
     * it. Without it, `type nat` chains are not run at all and every packet is `invalid` to `ct state`.
     */
    bool tracking[2];
    /* Is there a NAT chain? With the first one of a family the kernel's NAT function stands in all four
     * hooks, and binds there what no chain maps (nf_nat_register_fn). */
    bool nat[2];
    struct interval_set
        local[2];         /* what may be local, by any route of any table: wider than world_is_local() */
    bool custom_rules[2]; /* policy rules beside the kernel's own: changes how IPv4 looks up `local` and
                             `main` */
    const struct world *world;
    void *index; /* of world.c */
};

struct world {
    const struct snapshot *snapshot;
    struct world_namespace *namespaces;
    size_t count;
    bool stacked; /* there is a macvlan or ipvlan device */
    struct arena *arena;
    void *index;
};

/* The snapshot must outlive the world. Never fails: what is missing is a reason later. */
struct world *world_new(const struct snapshot *snapshot);
struct world *world_free(struct world *world);
void cleanup_world(struct world **world);
#define _cleanup_world_ _cleanup_(cleanup_world)
struct world_namespace *world_namespace(const struct world *world, uint64_t id); /* NULL: none */

/*
 * One question. Either a packet that arrives on `interface` of `namespace`, or (interface 0) one that a
 * process there sends. Sources and ports are sets; the concrete evaluator takes packets (concrete.h).
 */
struct query {
    uint64_t namespace;
    uint32_t interface;
    enum ip_family family;
    uint8_t protocol;
    struct interval_set sources;      /* addresses; empty with interface 0: as the kernel chooses */
    struct interval_set source_ports; /* empty: 1024-65535 */
    struct address destination;
    uint16_t port;
    bool uid_known; /* of the sending process */
    uint32_t uid;
    const struct mac *source_mac; /* NULL: unknown */
};

/* Look-ups shared by both evaluators. */
const struct nft_chain *world_chain(const struct world_namespace *namespace, const struct nft_table *table,
                                    const char *name);
const struct nft_set *world_set(const struct world_namespace *namespace, const struct nft_table *table,
                                const char *name);
const struct link *world_link(const struct world_namespace *namespace, uint32_t index);
/* The other end of a veth (its namespace and link); NULL where there is none or it is not known. */
const struct link *world_peer(const struct world_namespace *namespace, const struct link *link,
                              const struct world_namespace **ret_namespace);
/*
 * A guard that a scan left for what its probes may still bring (scanner/probe/guard_bpf.c): it drops answers
 * to probes, nothing of anybody else's. Whoever gives a program of theirs this name gains nothing: a program
 * at this hook can drop packets, not let any through, so that what is said without it is the more exposed.
 */
bool program_is_guard(const struct program *program);
/* What tells at a glance which of the chain's rules are not for a packet. */
struct chain_guards; /* guard.h */
const struct chain_guards *world_guards(const struct world_namespace *namespace,
                                        const struct nft_chain *chain);
/* Routes of a table as the kernel prefers them: longer destination, longer source, lower metric, older first.
 */
const struct route *const *world_routes(const struct world_namespace *namespace, enum ip_family family,
                                        uint32_t table, size_t *ret_count);
/* Policy rules of the family by priority. */
const struct policy_rule *const *world_policy_rules(const struct world_namespace *namespace,
                                                    enum ip_family family, size_t *ret_count);
/* Decoded elements of a set of this namespace (element.h); made once. */
struct element_list;
const struct element_list *world_elements(const struct world_namespace *namespace, const struct nft_set *set);
/* 0 for IPv4, 1 for IPv6: index of `hooks`, `incomplete`, `tracking`. */
static inline size_t world_family(enum ip_family family)
{
    return family == FAMILY_IP6;
}
/* Does a local-type route of the namespace (table local, or any that a policy rule names) hold the address?
 */
bool world_is_local(const struct world_namespace *namespace, struct address address);

#endif

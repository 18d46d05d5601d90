/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fragment: the part of the source space that has fared alike so far, and what its packet looks like now.
 * Internal to the symbolic evaluator (symbolic.h).
 *
 * Ownership: fragments are malloc'ed and belong to the list that they are in; regions are counted; traces,
 * doubts and drops are lists with a shared tail in the arena of the walk, and never freed one by one.
 */
#ifndef POSTERN_SCANNER_PATH_FRAGMENT_H
#define POSTERN_SCANNER_PATH_FRAGMENT_H

#include "netns/base/interval.h"
#include "netns/base/memory.h"
#include "netns/snapshot/ruleset.h"
#include "netns/snapshot/snapshot.h"
#include "reports/model/channel.h"
#include "scanner/path/world.h"

/* ---- sets that several fragments share ---- */
struct region {
    struct interval_set set;
    unsigned references;
};
struct region *region_new(struct interval_set *set); /* takes the set, one reference */
struct region *region_share(struct region *region);
void region_release(struct region *region);

/* ---- what happened ---- */
struct doubt { /* a reason why the fragment may also be elsewhere */
    const struct doubt *previous;
    const char *code, *subject, *message;
};

enum effect_kind {
    EFFECT_ACCEPT,
    EFFECT_DROP,
    EFFECT_REJECT,
    EFFECT_JUMP, /* chain: text */
    EFFECT_GOTO,
    EFFECT_RETURN,
    EFFECT_MARK,
    EFFECT_CT_MARK,
    EFFECT_NOTRACK,
    EFFECT_DNAT,
    EFFECT_SNAT,
    EFFECT_ROUTE, /* text: "to br0" ... */
    EFFECT_PASS,  /* over a link: text */
    EFFECT_SOCKET,
    EFFECT_UNKNOWN, /* text says what was met */
};

struct trace {
    const struct trace *previous;
    const char *hook; /* word of the report's steps */
    const struct world_namespace *namespace;
    const char *interface;
    const struct nft_table *table; /* NULL: no rule or policy */
    const struct nft_chain *chain;
    const struct nft_rule *rule; /* NULL with a chain: its policy */
    enum effect_kind effect;
    const char *text; /* static, of the world, or of the walk's arena */
    struct address address;
    uint32_t number; /* port or mark */
};

/* What settled a state, before it is written out as a decider. */
struct cause {
    enum decider_kind kind;
    const struct world_namespace *namespace;
    const struct nft_table *table;
    const struct nft_chain *chain;
    const struct nft_rule *rule;
    const char *subject, *text; /* of the walk's arena or longer */
};

struct drop { /* in the second walk, which goes on after a drop: what dropped on the way */
    const struct drop *previous;
    struct cause cause;
    unsigned count; /* with the previous ones */
};

/* ---- the fragment ---- */
struct bits { /* a word of which some bits are known */
    uint32_t value, known;
};

struct endpoint {
    bool given; /* false: the symbolic one, as the query has it */
    struct address address;
};

/* Who takes a frame on a segment. */
struct station {
    const struct world_namespace *namespace;
    const struct link *link; /* its interface there */
    const struct link
        *port; /* the bridge port that leads to it; NULL: the bridge itself, or there is no bridge */
};

enum stage {
    STAGE_ARRIVE,     /* the packet of the question, on its interface */
    STAGE_INGRESS,    /* a frame on `in` */
    STAGE_PREROUTING, /* IP, arrived on `in` */
    STAGE_ROUTE,      /* the routing decision for what arrived */
    STAGE_INPUT,
    STAGE_SOCKET,
    STAGE_FORWARD,
    STAGE_SEND, /* made by a process: route and source address */
    STAGE_OUTPUT,
    STAGE_POSTROUTING,
    STAGE_TRANSMIT, /* leaves by `out` to `next_hop` */
    STAGE_BRIDGE,   /* a frame on bridge `in`, by `port` (NULL: from outside), for `station` */
};

/* What something that is not modelled may have done on the way: its end is then not what it seems. */
enum taint {
    TAINT_NONE,
    TAINT_DROP, /* it may have dropped the packet, nothing else */
    TAINT_ANY,  /* it may have dropped, sent elsewhere, or let through what others stop later */
};

#define IPS_SOURCE_NAT      16u /* IPS_SRC_NAT */
#define IPS_DESTINATION_NAT 32u /* IPS_DST_NAT */

struct fragment {
    struct region *sources, *ports; /* of the query: never rewritten */
    enum stage stage;
    const struct world_namespace *namespace;
    const struct link *in, *out, *port; /* port: of a bridge, that the frame came in by */
    struct address next_hop;
    struct station station; /* whom the frame is for */

    /* the packet as it is now */
    struct endpoint source;
    bool source_port_given;
    uint16_t source_port;
    bool source_port_random; /* rewritten to one that is not known */
    struct address destination;
    uint16_t port_number; /* destination port */
    struct bits mark;
    const struct mac *source_mac, *destination_mac; /* of the frame; NULL: not known */

    /* the connection as this namespace tracks it */
    bool tracked, untracked, destination_settled, source_settled;
    uint32_t status; /* IPS_SOURCE_NAT, IPS_DESTINATION_NAT */
    struct bits connection_mark;
    struct endpoint original_source;
    bool original_source_port_given;
    uint16_t original_source_port;
    struct address original_destination;
    uint16_t original_port;

    const struct world_namespace *sender; /* whose process sends it, while it has not left the namespace */
    uint32_t arrived; /* the interface that counts as its input where that is another; 0: none */
    bool prerouted;   /* br_netfilter has run the prerouting hook */
    bool looped;      /* came back over the loopback device: route and NAT stand */
    bool cut;         /* by the source ports of policy rules: not to be joined again before it is routed */
    unsigned hops;

    bool may, stateful, by_sender, elsewhere; /* elsewhere: it left this host */
    enum taint taint;
    const struct doubt *doubts;
    const struct trace *trace;
    const struct trace *acceptance; /* what let it through, so far */
    int acceptance_rank;
    const struct drop *drops;
    int32_t socket; /* that took it; -1: none */
};

struct fragment_list {
    struct fragment **items;
    size_t count, capacity;
};
struct fragment *fragment_copy(const struct fragment *fragment); /* shares the regions */
void fragment_free(struct fragment *fragment);                   /* NULL is fine */
void fragment_list_add(struct fragment_list *list,
                       struct fragment *fragment); /* takes it; NULL is passed over */
void fragment_list_move(struct fragment_list *into, struct fragment_list *from);
void fragment_list_free(struct fragment_list *list);
/* Puts fragments together whose packets are the same, whatever rules they met: their regions are joined. */
void fragment_list_join(struct fragment_list *list, struct arena *arena);
/* As it would be on entering another namespace: nothing tracked, no mark (skb_scrub_packet). */
void fragment_reset(struct fragment *fragment);

/*
 * Cuts by the set of source addresses (ports) as the packet shows them. Takes the fragment; *ret_in and
 * *ret_out are NULL where nothing lies there. A rewritten source is one address: the whole fragment goes to
 * one side.
 */
void fragment_split_sources(struct fragment *fragment, const struct interval_set *set,
                            struct fragment **ret_in, struct fragment **ret_out);
void fragment_split_ports(struct fragment *fragment, const struct interval_set *set, struct fragment **ret_in,
                          struct fragment **ret_out);

/* Adds a reason and makes the fragment a `may`. Texts are not copied. A reason stands once. */
void fragment_doubt(struct fragment *fragment, struct arena *arena, const char *code, const char *subject,
                    const char *message);
/* The same for something that cannot be looked into: see enum taint. */
void fragment_taint(struct fragment *fragment, struct arena *arena, enum taint taint, const char *code,
                    const char *subject, const char *message);
void fragment_doubts_from(struct fragment *fragment, struct arena *arena, const struct doubt *doubts);
struct trace *fragment_trace(struct fragment *fragment, struct arena *arena, const char *hook,
                             enum effect_kind effect, const char *text);

#endif

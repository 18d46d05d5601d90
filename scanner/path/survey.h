/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One walk of the symbolic evaluator: the question, the fragments that are still on their way, and what
 * became of the others. Internal to it; see fragment.h.
 */
#ifndef POSTERN_SCANNER_PATH_SURVEY_H
#define POSTERN_SCANNER_PATH_SURVEY_H

#include "scanner/path/fragment.h"
#include "scanner/path/reason.h"
#include "scanner/path/symbolic.h"

/* Where a fragment ended. */
struct ending {
    struct fragment *fragment;
    enum state state;
    struct cause cause;
    enum answer_kind answer;
    uint8_t icmp_type, icmp_code;
    struct target target;
};
struct ending_list {
    struct ending *items;
    size_t count, capacity;
};

struct survey {
    struct symbolic *symbolic;
    const struct world *world;
    const struct query *query;
    struct arena *arena;       /* of the walk */
    struct fragment_list work; /* last in, first out */
    struct ending_list endings;
    bool what_if; /* the second walk: goes on after a drop */
    size_t steps; /* taken so far */
};

#define SURVEY_STEPS_MAX   20000u /* stages of all fragments together */
#define SURVEY_HOPS_MAX    24u    /* links that one packet passes */
#define SURVEY_JUMPS_MAX   16u    /* NFT_JUMP_STACK_SIZE */
#define SURVEY_PIECES_MAX  4096u  /* intervals that one mask may cut the sources into */
#define SURVEY_CHOICES_MAX 16u    /* addresses that a rewrite may choose from */

/* ---- ends: all take the fragment ---- */
void survey_end(struct survey *survey, struct fragment *fragment, enum state state,
                const struct cause *cause);
/* With the answer that the sender gets. */
void survey_end_answered(struct survey *survey, struct fragment *fragment, enum state state,
                         const struct cause *cause, enum answer_kind answer, uint8_t icmp_type,
                         uint8_t icmp_code);
/* A drop: an end, but in the second walk, where it is noted and the fragment given back to go on. NULL: it
 * ended. */
struct fragment *survey_drop(struct survey *survey, struct fragment *fragment, const struct cause *cause,
                             enum answer_kind answer, uint8_t icmp_type, uint8_t icmp_code);
/* Nothing can be said of it: undetermined, for this reason. */
void survey_end_unknown(struct survey *survey, struct fragment *fragment, const char *code,
                        const char *subject, const char *message);
/* It goes on at a stage. */
void survey_continue(struct survey *survey, struct fragment *fragment, enum stage stage);

/* Texts of the walk. */
const char *survey_text(struct survey *survey, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *namespace_text(struct survey *survey,
                           const struct world_namespace *namespace); /* "net:[4026532247]" */

/* The walk itself: from the query's packets to ->endings. what_if: with only these sources and ports. */
void survey_run(struct survey *survey, const struct interval_set *sources, const struct interval_set *ports);
void survey_free(struct survey *survey); /* what it holds, and its arena */

/* ---- stages; each takes the fragment and ends it or puts it to work again ---- */
void stage_ingress(struct survey *survey, struct fragment *fragment);  /* device.c */
void stage_transmit(struct survey *survey, struct fragment *fragment); /* device.c */
void stage_bridge(struct survey *survey, struct fragment *fragment);   /* bridge.c */
void stage_route(struct survey *survey, struct fragment *fragment);    /* decision.c */
void stage_send(struct survey *survey, struct fragment *fragment);     /* send.c */
void stage_hook(struct survey *survey,
                struct fragment *fragment); /* hook.c: PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING */
void stage_socket(struct survey *survey, struct fragment *fragment); /* listener.c */

/* ---- hook.c ---- */
/* All base chains of one hook, in order. Takes the fragment; those that pass are added to *ret_passed. */
struct hook_context {
    struct survey *survey;
    const struct world_namespace *namespace;
    enum ip_family family;
    enum nft_hook hook;
    const struct link *in, *out; /* as the hook is told; NULL: none */
    const struct hook_chain *base;
};
void survey_hook(struct survey *survey, struct fragment *fragment, enum nft_hook hook, const struct link *in,
                 const struct link *out, struct fragment_list *ret_passed);

/* A verdict that a rule gave to a part of the fragment. */
struct verdict_item {
    struct fragment *fragment;
    int32_t code; /* NF_ACCEPT, NFT_CONTINUE (nothing, or it did not match) ... */
    const char *chain;
    const struct nft_reject *reject; /* of a drop: how the sender is told; NULL: not at all */
};
struct verdict_list {
    struct verdict_item *items;
    size_t count, capacity;
};
#define VERDICT_DROP     0
#define VERDICT_ACCEPT   1
#define VERDICT_CONTINUE (-1)
#define VERDICT_BREAK    (-2)
#define VERDICT_JUMP     (-3)
#define VERDICT_GOTO     (-4)
#define VERDICT_RETURN   (-5)

/* ---- match.c: one rule ---- */
void survey_rule(const struct hook_context *hook, const struct nft_chain *chain, const struct nft_rule *rule,
                 struct fragment *fragment, struct verdict_list *ret_verdicts);
/* "ip filter INPUT rule 3 (handle 12)": the subject of reasons that a rule gives. */
const char *rule_place(struct survey *survey, const struct hook_context *hook, const struct nft_chain *chain,
                       const struct nft_rule *rule);

/* ---- nat.c ---- */
struct rewrite {
    bool source; /* SNAT; else DNAT */
    bool masquerade, redirect, netmap;
    struct address address_min, address_max; /* FAMILY_NONE: not given */
    bool has_ports;
    uint16_t port_min, port_max, port_base;
    uint32_t flags; /* NF_NAT_RANGE_* */
};
/* Applies a rewrite. Takes the fragment; the results (one for each choice) accept or, where the kernel has no
 * address to give, drop: *ret_accepted and *ret_dropped. */
void rewrite_apply(const struct hook_context *hook, const struct rewrite *rewrite, struct fragment *fragment,
                   struct fragment_list *ret_accepted, struct fragment_list *ret_dropped);

/* ---- routing.c ---- */
enum route_kind {
    ROUTE_FOUND,
    ROUTE_NONE,
    ROUTE_BLACKHOLE,
    ROUTE_UNREACHABLE,
    ROUTE_PROHIBIT,
};
struct route_result {
    enum route_kind kind;
    const struct route *route; /* NULL with kind NONE, and where a policy rule itself says it */
    const struct next_hop *next_hop;
    const struct policy_rule *rule;
};
struct route_part { /* of the addresses that were asked for */
    struct interval_set addresses;
    struct route_result result;
    const struct doubt *doubts; /* not NULL: only perhaps */
    enum taint taint;
    bool by_sender;
};
struct route_part_list {
    struct route_part *items;
    size_t count, capacity;
};
void route_part_list_free(struct route_part_list *list);
struct port_side { /* one port, or any of a set (NULL: not known) */
    bool given;
    uint16_t port;
    const struct interval_set *set;
};
struct route_flow {
    enum ip_family family;
    bool forward; /* the set is of sources, `fixed` the destination; else the other way round */
    struct address fixed;
    const struct link *in;     /* iif; the loopback for what is sent */
    const struct link *strict; /* link-local destinations: on this link only; NULL: any */
    struct bits mark;
    uint8_t protocol; /* 0: neither it nor the ports are looked at */
    struct port_side source, destination;
    bool uid_known, sent;
    uint32_t uid;
};
/* Which route (fib_lookup) each address of the set takes; parts overlap only where they are doubtful. */
void routes_resolve(struct survey *survey, const struct world_namespace *namespace,
                    const struct route_flow *flow, const struct interval_set *set,
                    struct route_part_list *ret_parts);
/* The same, where link-local destinations are looked for on one interface (`strict`; NULL: any). */
void routes_resolve_strict(struct survey *survey, const struct world_namespace *namespace,
                           const struct route_flow *flow, const struct link *strict,
                           const struct interval_set *set, struct route_part_list *ret_parts);
/* Can the kernel take it: not every next hop is dead, and it is for every type of service. */
bool route_usable(const struct route *route);
enum route_kind route_kind(const struct route *route); /* ROUTE_FOUND: no error */
/* `local` and `main` as one, which IPv4 has without policy rules of its own; of the walk's arena, may be
 * NULL. */
const struct route *const *merged_routes(struct survey *survey, const struct world_namespace *namespace,
                                         size_t *ret_count);

/* ---- address_type.c ---- */
struct address_type_part {
    struct interval_set addresses;
    uint32_t type;
    const struct doubt *doubts; /* not NULL: only perhaps */
    enum taint taint;
    bool by_sender;
};
struct address_type_list {
    struct address_type_part *items;
    size_t count, capacity;
};
void address_type_list_free(struct address_type_list *list);
/*
 * RTN_* as `fib saddr type` gives it, or with flow->forward `fib daddr type` (nft_fib4_eval_type,
 * inet_dev_addr_type; nft_fib6_eval_type, which asks with both addresses): the parts are of sources either
 * way. `link`: NULL, or the interface that the type is asked on. strict: the one that link-local addresses
 * are looked for on (NULL: any).
 */
void fib_types(struct survey *survey, const struct world_namespace *namespace, const struct route_flow *flow,
               const struct link *link, const struct link *strict, const struct interval_set *sources,
               struct address_type_list *ret_types);
/* Of each address of the set, bits 1 << RTN_* as the addrtype match with this mask sees them (in IPv6 an
 * address can have several: match_lookup_rt6). */
void xt_types(struct survey *survey, const struct world_namespace *namespace, enum ip_family family,
              const struct link *link, uint32_t mask, const struct interval_set *set,
              struct address_type_list *ret_types);

/* ---- send.c ---- */
/* The address that the kernel gives to packets that leave by `link` to `destination`, in IPv4 of the scope or
 * wider and best on the net of `near`; FAMILY_NONE: it has none. */
struct address source_for(const struct world_namespace *namespace, const struct link *link,
                          struct address near, struct address destination, uint8_t scope);
const struct link *
namespace_loopback(const struct world_namespace *namespace); /* NULL: not in the snapshot */
/* ---- device.c ---- */
/* The packet of the question, on its interface. Takes the fragment. */
void device_arrive(struct survey *survey, struct fragment *fragment);
/* What stands on a device and is not modelled. */
void device_doubts(struct survey *survey, struct fragment *fragment, const struct link *link, bool egress);
/* Over a veth to its other end. Takes the fragment. */
void device_cross(struct survey *survey, struct fragment *fragment, const struct world_namespace *namespace,
                  const struct link *link);
/* A part of the namespace (bits of enum part) that decides was not read: a doubt. */
void part_doubts(struct survey *survey, struct fragment *fragment, uint32_t parts, const char *code);
/* False: the namespace was not read at all, and the fragment ended. */
bool namespace_read(struct survey *survey, struct fragment *fragment);
bool link_has_address(const struct world_namespace *namespace, const struct link *link,
                      struct address address);

/* ---- neighbour.c ---- */
/* Who has the next hop's address on the device's segment? Takes the fragment; the parts for which somebody
 * has are added to *ret_found, with ->station. */
void neighbour_find(struct survey *survey, struct fragment *fragment, const struct link *device,
                    struct fragment_list *ret_found);
/* Who of a bridge's segment holds the destination: the bridge's own namespace where nobody else does. */
struct station bridge_station(struct survey *survey, const struct fragment *fragment,
                              const struct link *bridge);

/* ---- bridge.c ---- */
/* To a station behind a port of a bridge. Takes the fragment. */
void bridge_leave(struct survey *survey, struct fragment *fragment);
void bridge_doubts(struct survey *survey, struct fragment *fragment, const struct link *bridge,
                   enum nft_hook hook);

/* ---- program.c ---- */
void namespace_program_doubts(struct survey *survey, struct fragment *fragment);
void cgroup_program_doubts(struct survey *survey, struct fragment *fragment, const struct socket *socket,
                           bool egress);
void socket_program_doubts(struct survey *survey, struct fragment *fragment);

/* Routes again what was rewritten or marked in output (ip_route_me_harder). Takes the fragment; the parts
 * that still have a way out are added to *ret_passed. */
void send_reroute(struct survey *survey, struct fragment *fragment, struct fragment_list *ret_passed);
/* decision.c */
/* A copy of what of the fragment lies in the part, with the part's doubts; NULL: nothing. */
struct fragment *route_part_of(struct survey *survey, const struct fragment *fragment,
                               const struct route_part *part);
void routes_divide(struct survey *survey, struct fragment *fragment, const struct route_part_list *parts,
                   void (*decide)(struct survey *survey, struct fragment *fragment,
                                  const struct route_result *result));
/* Would a packet from `source` for `destination` that comes in by the link be for this namespace? For ARP. */
bool routes_to_input(struct survey *survey, const struct world_namespace *namespace, const struct link *in,
                     struct address source, struct address destination);
/* After a rewrite on a bridge (br_nf_pre_routing_finish): those that are routed out by it again go to
 * *ret_stay, with their next hop; all others to *ret_up. Takes the fragment. */
void routes_stay(struct survey *survey, struct fragment *fragment, const struct link *bridge,
                 struct fragment_list *ret_stay, struct fragment_list *ret_up);
struct route_flow fragment_flow(const struct survey *survey, const struct fragment *fragment,
                                const struct link *in);
/* Policy rules that cut the fragment's source ports: then its parts go on at the same stage, and it is taken.
 */
bool ports_cut(struct survey *survey, struct fragment *fragment);
/* No route, or one that refuses; `tells`: with the ICMP error for it. Takes the fragment. */
void route_refuse(struct survey *survey, struct fragment *fragment, const struct route_result *result,
                  bool tells);
/* What IPv6 drops before any hook. Takes the fragment; NULL: nothing is left. */
struct fragment *arrival_check6(struct survey *survey, struct fragment *fragment);
/* The sources that the fragment shows, as a set. */
struct interval_set shown_sources(const struct fragment *fragment);
bool link_works(const struct link *link);

#endif

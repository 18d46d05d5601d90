/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the concrete evaluator: one walk of one packet, with the choices made beforehand. Where it needs one
 * more, it takes the first alternative and notes how many there were; concrete.c walks again until all were
 * tried.
 */
#ifndef POSTERN_SCANNER_PATH_CONCRETE_WALK_H
#define POSTERN_SCANNER_PATH_CONCRETE_WALK_H

#include "scanner/path/concrete.h"
#include "scanner/path/reason.h"
#include "scanner/path/register.h"

#define HOPS_MAX           32  /* links and rewrites; a packet's TTL is 64 */
#define LOOPBACK_INDEX     1u  /* LOOPBACK_IFINDEX */
#define INTERFACE_NAME_MAX 16u /* IFNAMSIZ */

struct choice {
    uint32_t value, count;
    const char *code, *subject;
};
struct choice_list {
    struct choice *items;
    size_t count, capacity;
};

/* A word of which some bits are known. */
struct word {
    uint32_t value, known;
};

/* The packet's connection in this namespace. */
enum tracking {
    TRACKING_NONE, /* not looked up yet, or conntrack is not at work: "invalid" */
    TRACKING_NEW,
    TRACKING_OFF, /* "untracked" */
};
struct connection_state {
    enum tracking tracking;
    uint32_t status; /* IPS_* */
    struct word mark;
    struct address original_source, original_destination;
    uint16_t original_source_port, original_destination_port;
};

/* Where the packet goes on. */
enum place {
    PLACE_SEND,   /* made by a process of `namespace` */
    PLACE_FRAME,  /* a frame for us on `in` */
    PLACE_BRIDGE, /* a frame on bridge port `port` (NULL: from a place outside) of bridge `in`, for `frame` */
    PLACE_RECEIVE,     /* IP on `in` */
    PLACE_ROUTE,       /* the routing decision for what arrived */
    PLACE_INPUT,       /* for this namespace */
    PLACE_FORWARD,     /* to `out`, `next_hop` */
    PLACE_POSTROUTING, /* the same, and what was made here */
    PLACE_TRANSMIT,    /* leaves by `out` */
    PLACE_END
};

/* Who takes a frame on a segment (concrete_bridge.c). */
struct station {
    const struct world_namespace *namespace;
    const struct link *link; /* its interface there */
    const struct link
        *port; /* the bridge port that leads to it; NULL: the bridge itself, or there is no bridge */
};

struct flight {
    enum place place;
    const struct world_namespace *namespace;
    const struct link *in, *out; /* as hooks see them; NULL: none */
    const struct link
        *route_out; /* in output: where it was routed to since, which hooks do not see before the next */
    const struct link *port; /* of a bridge: came in by it */
    struct station frame;    /* at PLACE_BRIDGE: whom the frame is for */
    struct address next_hop;
    struct address source, destination;
    uint16_t source_port, destination_port;
    bool source_port_known;
    struct word mark;
    struct connection_state connection;
    bool has_macs, source_mac_known; /* has a link-layer header at all; its source */
    struct mac source_mac, destination_mac;
    bool own;       /* sent by a process of this namespace, whose socket the hooks can see */
    bool looped;    /* came over the loopback device: route and NAT stand */
    uint32_t home;  /* the device that counts as its input where that is another; 0: none */
    bool prerouted; /* br_netfilter has run the prerouting hook */
    unsigned hops;
};

struct walk {
    const struct world *world;
    const struct packet *packet;
    struct arena *arena;
    struct outcome *outcome;
    struct choice_list *choices;
    size_t next_choice;
    struct flight at;
    struct decider accepted; /* the rule or policy that let it through last */
    bool doubtful;           /* something met may have dropped it, nothing else */
};

/* ---- ends: each sets PLACE_END and the outcome; later calls do nothing ---- */
void walk_end(struct walk *walk, enum state state, struct decider decider);
void walk_undetermined(struct walk *walk, const char *code, const char *subject, const char *message);
/* What can only drop: an end that lets the packet through becomes undetermined, any other stands. */
void walk_doubt(struct walk *walk, const char *code, const char *subject, const char *message);
void walk_filtered_by(struct walk *walk, enum decider_kind kind, const char *subject, const char *text);
void walk_unreachable(struct walk *walk, enum decider_kind kind, const char *subject, const char *text);
/* What the sender is told: an ICMP error. */
void walk_icmp(struct walk *walk, uint8_t type, uint8_t code);
bool walk_ended(const struct walk *walk);
/* Goes on at the place, unless the walk has ended. */
void walk_go(struct walk *walk, enum place place);

/* One of `count` alternatives that nothing known decides; subject is copied. */
uint32_t walk_choose(struct walk *walk, uint32_t count, const char *code, const char *subject);

struct step *walk_step(struct walk *walk, const char *hook, const struct link *link, const char *effect);
struct rule_reference rule_reference(const struct walk *walk, const struct nft_table *table,
                                     const struct nft_chain *chain, const struct nft_rule *rule);
const char *namespace_subject(const struct walk *walk);

/* ---- concrete.c: what was not read ---- */
/* Ends the walk where the namespace, or what is needed of it (bits of enum part), was not read. */
bool part_is_read(struct walk *walk, uint32_t parts, const char *code);

/* ---- concrete_program.c: programs and other things that are not modelled ---- */
/* Of the whole namespace: IPsec, IPVS, what could not be asked for. */
void namespace_programs(struct walk *walk);
/* Of control groups: those of the socket's processes, or (NULL) of any sender of the namespace. */
void cgroup_programs(struct walk *walk, const struct socket *socket, bool egress);
void socket_programs(struct walk *walk);

/* ---- concrete_device.c: devices, and who is at the other end ---- */
void device_checks(struct walk *walk, const struct link *link, bool egress);
bool link_is_up(const struct link *link);
void frame_receive(struct walk *walk);  /* PLACE_FRAME */
void frame_transmit(struct walk *walk); /* PLACE_TRANSMIT */
/* Hands the frame over a veth to its other end. */
void frame_cross(struct walk *walk, const struct world_namespace *namespace, const struct link *link);
void packet_arrive(struct walk *walk); /* the packet of the question, on its interface */

/* ---- concrete_bridge.c ---- */
void bridge_receive(struct walk *walk); /* PLACE_BRIDGE */
/* Sends the frame out by the port to the station. */
void bridge_send(struct walk *walk, struct station to);
bool bridge_is_plain(struct walk *walk, const struct link *bridge, enum nft_hook hook);
/* Who has the next hop's address on the device's segment? False: the walk has ended. */
bool neighbour_resolve(struct walk *walk, const struct link *device, struct address next_hop,
                       struct station *ret_station);
/* Who of a bridge's segment holds the address: the bridge's own namespace where nobody else does. */
struct station bridge_owner(struct walk *walk, const struct link *bridge, struct address address);

/* ---- concrete_route.c ---- */
struct route_key {
    struct address source, destination;
    struct word mark;
    uint32_t in, out; /* ifindex; in is LOOPBACK_INDEX for what is made here */
    bool strict;      /* IPv6: only routes of `out` (link-local and the like) */
    bool uid_known;
    uint32_t uid;
    uint8_t protocol; /* 0: not looked at, nor the ports */
    uint16_t source_port, destination_port;
};
struct route_result {
    int error; /* 0, ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL as the kernel's, positive */
    uint8_t type;
    const struct route *route;
    const struct next_hop *hop; /* NULL: none */
    uint8_t prefix_length;
};
struct route_result route_find(struct walk *walk, const struct world_namespace *namespace,
                               enum ip_family family, const struct route_key *key);
/* The address type as `fib ... type` has it for IPv4 (inet_dev_addr_type); device NULL: any. */
uint8_t address_type4(struct walk *walk, struct address address, const struct link *device);

/* ---- concrete_receive.c ---- */
void packet_receive(struct walk *walk); /* PLACE_RECEIVE: checks before prerouting, then its hooks */
void packet_route(struct walk *walk);   /* PLACE_ROUTE */
void packet_forward(struct walk *walk); /* PLACE_FORWARD */
/* Ends the walk as a route that is an error does; `answers`: the kernel tells the sender. */
void route_error(struct walk *walk, const struct route_result *result, bool answers);
/* Takes the route: output device, next hop. False: the walk has ended. */
bool route_take_hop(struct walk *walk, const struct route_result *result, const struct link **ret_out);
/*
 * Would what came in on the bridge go out by it again? Then its next hop. Of IPv6 the decision stands: where
 * it is local, the device of the route counts as the one of arrival.
 */
bool route_stays_on(struct walk *walk, const struct link *bridge, struct address *ret_next_hop);
bool has_address(const struct world_namespace *namespace, const struct link *link, struct address address);
/* Would a packet from `source` for `destination` on `in` be for this namespace? For ARP. */
bool route_is_local_input(struct walk *walk, const struct world_namespace *namespace, const struct link *in,
                          struct address source, struct address destination);

/* ---- concrete_source.c: which address the kernel chooses ---- */
/* inet_select_addr(): an address of the device, best one that shares a net with `near` (FAMILY_NONE: any). */
struct address select_address4(const struct world_namespace *namespace, const struct link *device,
                               struct address near, uint8_t scope);
/* For a process that bound none. */
struct address source_select(struct walk *walk, const struct link *out, const struct route_result *result);
/* Of masquerade (inet_select_addr, ipv6_dev_get_saddr); FAMILY_NONE: none, the packet is dropped. */
struct address masquerade_address(struct walk *walk, const struct link *out, struct address next_hop);
/* Of redirect: the device's first address; FAMILY_NONE: none. */
struct address redirect_address(const struct walk *walk, const struct link *in);

/* ---- concrete_send.c ---- */
void packet_send(struct walk *walk); /* PLACE_SEND: route, source, output hooks */
/* Routes again after its mark or destination changed in output (ip_route_me_harder). */
void packet_reroute(struct walk *walk);

/* ---- concrete_hook.c ---- */
/* Runs all chains of the hook in their order; afterwards the packet may be rewritten, or the walk ended. */
void hook_run(struct walk *walk, enum nft_hook hook);

/* ---- concrete_rule.c ---- */
struct registers {
    uint8_t bytes[REGISTER_BYTES], known[REGISTER_BYTES]; /* bit by bit: is it known */
    const char *code, *subject;                           /* why, of the last bit that is not */
};
struct rule_context {
    struct walk *walk;
    const struct nft_table *table;
    const struct nft_chain *chain, *base;
    const struct nft_rule *rule;
    enum nft_hook hook;
    bool nat;
    struct registers registers;
};
#define VERDICT_DROP     0
#define VERDICT_ACCEPT   1
#define VERDICT_CONTINUE (-1)
#define VERDICT_BREAK    (-2)
#define VERDICT_JUMP     (-3)
#define VERDICT_GOTO     (-4)
#define VERDICT_RETURN   (-5)
/* The rule's verdict; CONTINUE where it has none or does not match. The walk may have ended. */
struct nft_verdict rule_run(struct rule_context *context);
const char *rule_subject(const struct rule_context *context); /* "ip filter INPUT handle 7", for reasons */

void rule_step(struct rule_context *context, const char *effect); /* notes what the rule did */
void notrack_set(struct rule_context *context);

/* ---- concrete_register.c ---- */
/* Bytes of a register; NULL (and the walk has ended) where the kernel would not have it. */
const uint8_t *register_bytes(struct rule_context *context, uint32_t number, uint32_t length,
                              const uint8_t **ret_known);
/* Stores bytes and fills up with zeroes to whole words. known NULL: all of them are. */
void register_put(struct rule_context *context, uint32_t number, const uint8_t *bytes, const uint8_t *known,
                  uint32_t length);
/* Numbers as the machine of the snapshot keeps them. */
void register_put8(struct rule_context *context, uint32_t number, uint8_t value);
void register_put16(struct rule_context *context, uint32_t number, uint16_t value);
void register_put_word(struct rule_context *context, uint32_t number, struct word value);
struct word register_word(struct rule_context *context, uint32_t number);
/* Nothing is known of the bytes, and why. */
void register_put_unknown(struct rule_context *context, uint32_t number, uint32_t length, const char *code,
                          const char *subject);
bool all_known(const uint8_t *known, uint32_t length);
/* The least and the greatest that partly known bytes may be, as memcmp orders. */
void known_bounds(const uint8_t *bytes, const uint8_t *known, uint32_t length, uint8_t *ret_least,
                  uint8_t *ret_greatest);

/* ---- concrete_load.c: expressions that put something of the packet into a register ---- */
/* VERDICT_CONTINUE, or VERDICT_BREAK: the rule is left. */
int32_t payload_run(struct rule_context *context, const struct nft_payload *payload);
int32_t meta_run(struct rule_context *context, const struct nft_meta *meta);
int32_t ct_run(struct rule_context *context, const struct nft_ct *ct);
int32_t fib_run(struct rule_context *context, const struct nft_fib *fib);

/* ---- concrete_compare.c: expressions on registers ---- */
int32_t cmp_run(struct rule_context *context, const struct nft_cmp *cmp);
int32_t range_run(struct rule_context *context, const struct nft_range *range);
int32_t bitwise_run(struct rule_context *context, const struct nft_bitwise *bitwise);
int32_t byteorder_run(struct rule_context *context, const struct nft_byteorder *byteorder);
struct nft_verdict immediate_run(struct rule_context *context, const struct nft_immediate *immediate);
struct nft_verdict lookup_run(struct rule_context *context, const struct nft_lookup *lookup);
/* Is the key in the set (objref by map)? */
int32_t set_test(struct rule_context *context, const char *set, uint32_t sreg);

/* ---- concrete_fib.c ---- */
/* The result of a fib expression as register bytes; returns their number. */
size_t fib_result(struct rule_context *context, const struct nft_fib *fib, uint8_t bytes[INTERFACE_NAME_MAX]);
/* One side of xt_addrtype. */
bool addrtype_matches(struct walk *walk, struct address address, uint32_t mask, const struct link *device);

/* ---- concrete_xt.c ---- */
enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };
enum truth xt_matches(struct rule_context *context, const struct nft_xt *xt);
struct nft_verdict xt_target(struct rule_context *context, const struct nft_xt *xt);

/* ---- concrete_nat.c ---- */
struct mapping {                             /* what a NAT statement asks for */
    bool source;                             /* else destination */
    struct address address_min, address_max; /* FAMILY_NONE: keep */
    bool has_port, offset;
    uint16_t port_min, port_max, port_base;
    uint32_t flags; /* NF_NAT_RANGE_* */
};
struct nft_verdict mapping_set(struct rule_context *context, const struct mapping *mapping);
struct nft_verdict masquerade_set(struct rule_context *context, struct mapping mapping);
struct nft_verdict redirect_set(struct rule_context *context, struct mapping mapping);
bool mapping_is_set(const struct walk *walk, enum nft_hook hook);
/* No chain asked for one: the connection keeps its addresses. */
void mapping_null(struct walk *walk, enum nft_hook hook);
void connection_begin(struct walk *walk); /* nf_conntrack_in */

/* ---- concrete_packet.c: the packet as bytes ---- */
#define HEADER_BYTES_MAX 64
/*
 * `length` bytes from `offset` of a header (enum nft_payload_bases); of known[] the bits that are the
 * packet's own are set. False: the packet has no such bytes, and the rule is left.
 */
bool packet_load(const struct walk *walk, enum nft_hook hook, uint32_t base, uint32_t offset, uint32_t length,
                 uint8_t *bytes, uint8_t *known);

/* ---- concrete_socket.c ---- */
void packet_input(struct walk *walk); /* PLACE_INPUT: hooks, then the socket */

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet filter of one namespace as plain data: nftables tables, chains, rules, expressions, sets and
 * objects, and legacy xtables by what is known of them. Numbers and key names follow
 * linux/netfilter/nf_tables.h; what the decoder did not know is kept as such and never dropped.
 *
 * Texts, bytes and pointers live in the arena of the namespace; lists are malloc'ed (ruleset_free).
 */
#ifndef POSTERN_NETNS_SNAPSHOT_RULESET_H
#define POSTERN_NETNS_SNAPSHOT_RULESET_H

#include "netns/base/address.h"
#include "netns/base/memory.h"

#include <stdbool.h>
#include <stdint.h>

/* nfproto numbers of linux/netfilter.h */
enum nft_family {
    NFT_FAMILY_INET = 1,
    NFT_FAMILY_IP = 2,
    NFT_FAMILY_ARP = 3,
    NFT_FAMILY_NETDEV = 5,
    NFT_FAMILY_BRIDGE = 7,
    NFT_FAMILY_IP6 = 10,
};

enum nft_hook {
    HOOK_PREROUTING,
    HOOK_INPUT,
    HOOK_FORWARD,
    HOOK_OUTPUT,
    HOOK_POSTROUTING,
    HOOK_INGRESS,
    HOOK_EGRESS
};

/* What an expression is. EXPRESSION_UNKNOWN: a name that the decoder does not know, or one that did not
 * decode. */
enum expression_kind {
    EXPRESSION_UNKNOWN,
    EXPRESSION_PAYLOAD,
    EXPRESSION_META,
    EXPRESSION_CMP,
    EXPRESSION_RANGE,
    EXPRESSION_BITWISE,
    EXPRESSION_BYTEORDER,
    EXPRESSION_IMMEDIATE,
    EXPRESSION_LOOKUP,
    EXPRESSION_COUNTER,
    EXPRESSION_CT,
    EXPRESSION_FIB,
    EXPRESSION_NAT,
    EXPRESSION_MASQ,
    EXPRESSION_REDIR,
    EXPRESSION_REJECT,
    EXPRESSION_MATCH,  /* xtables match (nft_compat) */
    EXPRESSION_TARGET, /* xtables target */
    EXPRESSION_LOG,
    EXPRESSION_LAST,
    EXPRESSION_NOTRACK,
    EXPRESSION_LIMIT,
    EXPRESSION_QUOTA,
    EXPRESSION_CONNLIMIT,
    EXPRESSION_NUMGEN,
    EXPRESSION_HASH,
    EXPRESSION_DYNSET,
    EXPRESSION_OBJREF,
    EXPRESSION_EXTHDR,
    EXPRESSION_SOCKET,
    EXPRESSION_RT,
    EXPRESSION_TPROXY,
    EXPRESSION_QUEUE,
    EXPRESSION_SYNPROXY,
    EXPRESSION_FLOW_OFFLOAD,
    EXPRESSION_DUP,
    EXPRESSION_FWD,
    EXPRESSION_OSF,
    EXPRESSION_XFRM,
    EXPRESSION_TUNNEL,
    EXPRESSION_INNER,
    EXPRESSION_KINDS
};

/* Kernel verdict numbers (NF_DROP 0, NF_ACCEPT 1, NFT_CONTINUE -1, NFT_BREAK -2, NFT_JUMP -3, NFT_GOTO -4,
 * NFT_RETURN -5). */
struct nft_verdict {
    int32_t code;
    const char *chain; /* of jump and goto; else NULL */
};

/* A value as the kernel holds it: register bytes (memcmp order), or a verdict. */
struct nft_data {
    struct bytes value; /* 0 to 64 bytes */
    bool is_verdict;
    struct nft_verdict verdict;
};

struct nft_expression;
typedef LIST(struct nft_expression) nft_expression_list;

struct nft_payload { /* NFTA_PAYLOAD_*; write: sreg is set, no dreg */
    uint32_t dreg, sreg, base, offset, length, checksum_type, checksum_offset, checksum_flags;
    bool write;
};
struct nft_meta { /* NFTA_META_*: key is enum nft_meta_keys */
    uint32_t key, dreg, sreg;
    bool write;
};
struct nft_cmp { /* op is enum nft_cmp_ops */
    uint32_t sreg, op;
    struct nft_data data;
};
struct nft_range { /* op is enum nft_range_ops */
    uint32_t sreg, op;
    struct nft_data from, to;
};
struct nft_bitwise { /* op is enum nft_bitwise_ops: 0 mask and xor, 1 left shift, 2 right shift, 3.. AND OR
                        XOR (6.13) */
    uint32_t sreg, sreg2, dreg, length, op;
    struct nft_data mask, xor, data;
};
struct nft_byteorder { /* op 0 ntoh, 1 hton */
    uint32_t sreg, dreg, op, length, size;
};
struct nft_immediate {
    uint32_t dreg; /* 0: the verdict register */
    struct nft_data data;
};
struct nft_lookup { /* flags: NFT_LOOKUP_F_INV */
    const char *set;
    uint32_t set_id, sreg, dreg, flags;
    bool has_dreg;
};
struct nft_ct { /* key is enum nft_ct_keys; direction 0 original, 1 reply, where has_direction */
    uint32_t key, dreg, sreg, direction;
    bool write, has_direction;
};
struct nft_fib { /* result is enum nft_fib_result, flags NFTA_FIB_F_* */
    uint32_t dreg, result, flags;
};
struct nft_nat { /* type 0 snat, 1 dnat; family nfproto; registers 0: absent; flags NF_NAT_RANGE_*; also masq
                    and redir */
    uint32_t type, family, address_min, address_max, port_min, port_max, flags;
};
struct nft_reject { /* type is enum nft_reject_types, code as there */
    uint32_t type, code;
};
/* ---- xtables matches and targets, decoded (netns/decode/xtables.h fills them, the semantics are the
 * kernel's) ---- */

/*
 * XT_UNKNOWN: a name, revision or length that the decoder does not know, or any bit in it that it does not:
 * the info bytes are all there is. A kind that an evaluator does not model is the same to it.
 */
enum xt_kind {
    XT_UNKNOWN,
    /* matches */
    XT_ADDRTYPE,
    XT_CONNTRACK, /* conntrack and state */
    XT_TCP,
    XT_UDP, /* udp and udplite */
    XT_MULTIPORT,
    XT_COMMENT, /* always true */
    XT_MARK,
    XT_ICMP,           /* icmp and icmp6 */
    XT_ROUTING_HEADER, /* rt */
    XT_HOP_LIMIT,      /* hl and ttl */
    XT_RECENT,
    /* targets */
    XT_DNAT,
    XT_SNAT,
    XT_MASQUERADE,
    XT_REDIRECT,
    XT_NETMAP,
    XT_REJECT,
    XT_SET_MARK, /* target MARK */
    XT_LOG,      /* no verdict: the rule goes on */
    XT_NFLOG,    /* the same */
    XT_CT,       /* CT and NOTRACK */
    XT_KINDS
};

/*
 * Masks have bit 1 << RTN_* (linux/rtnetlink.h); a mask of 0 tests nothing. With a limit, the address type is
 * that on the input (output) interface, as `fib daddr . iif type`.
 */
struct xt_addrtype {
    uint32_t source, destination;
    bool invert_source, invert_destination, limit_in, limit_out;
};

/* XT_CONNTRACK_* */
enum xt_conntrack_flag {
    XT_CT_STATE = 1,
    XT_CT_PROTOCOL = 2,
    XT_CT_ORIGINAL_SOURCE = 4,
    XT_CT_ORIGINAL_DESTINATION = 8,
    XT_CT_REPLY_SOURCE = 16,
    XT_CT_REPLY_DESTINATION = 32,
    XT_CT_STATUS = 64,
    XT_CT_EXPIRES = 128,
    XT_CT_ORIGINAL_SOURCE_PORT = 256,
    XT_CT_ORIGINAL_DESTINATION_PORT = 512,
    XT_CT_REPLY_SOURCE_PORT = 1024,
    XT_CT_REPLY_DESTINATION_PORT = 2048,
    XT_CT_DIRECTION = 4096,
};
/* XT_CONNTRACK_STATE_*; SNAT and DNAT: the connection's status has the bit */
enum xt_state {
    XT_STATE_INVALID = 1,
    XT_STATE_ESTABLISHED = 2,
    XT_STATE_RELATED = 4,
    XT_STATE_NEW = 8,
    XT_STATE_SNAT = 64,
    XT_STATE_DNAT = 128,
    XT_STATE_UNTRACKED = 256,
};
struct xt_port_range { /* both included, host order */
    uint16_t first, last;
};
struct xt_conntrack_addresses { /* family of the rule; a mask of all ones is a whole address */
    struct address original_source, original_source_mask, original_destination, original_destination_mask;
    struct address reply_source, reply_source_mask, reply_destination, reply_destination_mask;
};
/*
 * All that `match` names must hold, each turned round by its bit in `invert` (direction: original, inverted
 * reply). A packet without connection (invalid, untracked) passes if, and only if, XT_CT_STATE is named and
 * its state holds: the rest is not looked at. States and status hold where any bit is common.
 */
struct xt_conntrack {
    uint32_t match, invert;  /* enum xt_conntrack_flag */
    uint32_t states, status; /* enum xt_state, IPS_* */
    uint32_t protocol, expires_first, expires_last;
    struct xt_port_range original_source_port, original_destination_port, reply_source_port,
        reply_destination_port;
    const struct xt_conntrack_addresses *addresses; /* NULL where `match` names no address */
    bool state_match;                               /* was `-m state` */
};
struct xt_ports { /* TCP and UDP; the flags, option: TCP only, option 0 tests nothing; ((flags & mask) ==
                     compare) ^ invert */
    struct xt_port_range source, destination;
    bool invert_source, invert_destination, invert_flags, invert_option;
    uint8_t flag_mask, flag_compare, option;
};
enum xt_multiport_side { XT_PORTS_SOURCE, XT_PORTS_DESTINATION, XT_PORTS_EITHER };
struct xt_multiple_ports {
    enum xt_multiport_side side;
    bool invert;
    LIST(struct xt_port_range) ports;
};
struct xt_mark { /* ((mark & mask) == value) ^ invert */
    uint32_t value, mask;
    bool invert;
};
struct xt_icmp { /* ((any || type equal && code in range)) ^ invert; any: IPv4 type 255 */
    uint8_t type, code_first, code_last;
    bool any, invert;
};
/*
 * rt: an IPv6 routing header is there, and all of this holds of it. Without one the match fails, whatever is
 * inverted.
 */
struct xt_routing_header { /* flags IP6T_RT_*, invert IP6T_RT_INV_* */
    uint32_t flags, invert, type, segments_first, segments_last, length;
    const char *addresses; /* "2001:db8::1,2001:db8::2", "" without any */
};
enum xt_hop_limit_mode { XT_HOPS_EQUAL, XT_HOPS_NOT_EQUAL, XT_HOPS_LESS, XT_HOPS_GREATER }; /* IP6T_HL_* */
struct xt_hop_limit {
    enum xt_hop_limit_mode mode;
    uint8_t limit;
};
/*
 * A list of addresses that rules fill and ask (xt_recent.c). XT_RECENT_ACTION_SET takes the address in and
 * always matches; REMOVE matches an address that was there; CHECK and UPDATE one that was there often and
 * lately enough. One action of the four; each turned round by `invert`.
 */
enum xt_recent_flag { /* XT_RECENT_* */
                      XT_RECENT_ACTION_CHECK = 1,
                      XT_RECENT_ACTION_SET = 2,
                      XT_RECENT_ACTION_UPDATE = 4,
                      XT_RECENT_ACTION_REMOVE = 8,
                      XT_RECENT_SAME_TTL = 16,
                      XT_RECENT_FORGET = 32,
};
struct xt_recent {
    uint32_t flags, seconds, hit_count; /* enum xt_recent_flag; 0: is not asked */
    bool invert, destination;           /* destination: of the packet; else its source */
    const char *list;
    struct address mask;
};
struct xt_nat { /* flags NF_NAT_RANGE_*: addresses with MAP_IPS 1, ports with PROTO_SPECIFIED 2, base with
                   PROTO_OFFSET 32 */
    uint32_t flags;
    struct address address_min, address_max; /* of NETMAP: address and the mask */
    uint16_t port_min, port_max, port_base;
};
struct xt_comment {
    const char *text;
};
struct xt_set_mark { /* mark = (mark & ~mask) ^ value */
    uint32_t value, mask;
};
struct xt_log { /* LOG: level, flags XT_LOG_*; NFLOG: group, threshold, length */
    uint32_t level, flags, group, threshold, length;
    const char *prefix;
};
struct xt_ct { /* flags XT_CT_*: NOTRACK 1 */
    uint32_t flags, zone, events, expected_events;
    const char *helper, *timeout;
};

/* match or target: the user-space structure, as struct xt_entry_match.data holds it, and what it says */
struct nft_xt {
    const char *name;
    uint32_t revision;
    enum xt_kind kind; /* which member of the union; none where XT_UNKNOWN */
    struct bytes info;
    union {
        struct xt_addrtype addrtype;
        struct xt_conntrack conntrack;
        struct xt_ports ports; /* TCP, UDP */
        struct xt_multiple_ports multiport;
        struct xt_comment comment;
        struct xt_mark mark;
        struct xt_icmp icmp;
        struct xt_routing_header routing_header;
        struct xt_hop_limit hop_limit;
        struct xt_recent recent;
        struct xt_nat nat; /* DNAT, SNAT, MASQUERADE, REDIRECT, NETMAP */
        struct nft_reject
            reject; /* type 0 with the ICMP code of the family, or 1: as the reject expression */
        struct xt_set_mark set_mark;
        struct xt_log log; /* LOG, NFLOG */
        struct xt_ct ct;
    };
};
struct nft_object { /* objref: by name, or by a map (set, sreg) */
    uint32_t type;  /* NFT_OBJECT_* */
    const char *name, *set;
    uint32_t sreg;
};
struct nft_dynset { /* op is enum nft_dynset_ops: 0 add, 1 update, 2 delete; flags NFT_DYNSET_F_INV 1 */
    const char *set;
    uint32_t op, sreg_key, sreg_data, flags;
    uint64_t timeout;                /* milliseconds, 0: the set's */
    nft_expression_list expressions; /* that each new element gets, and that run: limit, counter ... */
};
/*
 * What no evaluator looks inside: kept for the text and the reasons. Key as the kernel numbers it, where
 * there is one. The kinds below that have a struct of their own begin with it, so that `other` can be read of
 * each.
 */
struct nft_other {
    uint32_t dreg, sreg, key, flags;
    struct bytes raw; /* the expression's attributes, whole, where something in them was not understood */
};
struct nft_counter {
    struct nft_other other;
    uint64_t packets, bytes;
};
struct nft_log { /* other.flags: NF_LOG_*; `has`: 1 << NFTA_LOG_* of those that were given */
    struct nft_other other;
    uint32_t has, group, snaplen, threshold, level;
    const char *prefix;
};
struct nft_limit { /* type 0 packets, 1 bytes; unit in seconds; other.flags 1: over */
    struct nft_other other;
    uint64_t rate, unit;
    uint32_t burst, type;
};
struct nft_quota { /* other.flags 1: over, 2: used up */
    struct nft_other other;
    uint64_t bytes, consumed;
};
struct nft_last {
    struct nft_other other;
    uint64_t milliseconds; /* since the last match; nothing where other.flags is 0 */
};
struct nft_connlimit { /* other.flags 1: over */
    struct nft_other other;
    uint32_t count;
};
struct nft_numgen { /* type 0 incremental, 1 random */
    struct nft_other other;
    uint32_t modulus, type, offset;
};
struct nft_hash { /* type 0 Jenkins over `length` bytes of sreg, 1 symmetric */
    struct nft_other other;
    uint32_t length, modulus, seed, offset, type;
};
struct nft_exthdr { /* op is enum nft_exthdr_op; other.flags 1: is it present; `write`: sreg is set */
    struct nft_other other;
    uint32_t op, type, offset, length;
    bool write;
};
struct nft_socket { /* other.key is enum nft_socket_keys */
    struct nft_other other;
    uint32_t level;
};
struct nft_tproxy { /* other.sreg the address, port_register the port; 0: none */
    struct nft_other other;
    uint32_t family, port_register;
};
struct nft_queue { /* other.flags NFT_QUEUE_FLAG_*; other.sreg: the number, where it is not fixed */
    struct nft_other other;
    uint32_t number, total;
};
struct nft_synproxy { /* other.flags NF_SYNPROXY_OPT_* */
    struct nft_other other;
    uint32_t mss, window_scale;
};
struct nft_forward { /* DUP, FWD: other.sreg the device; family of fwd's address */
    struct nft_other other;
    uint32_t address_register, family;
};
struct nft_flow_offload {
    struct nft_other other;
    const char *flowtable;
};
struct nft_osf { /* other.flags 1: with version */
    struct nft_other other;
    uint32_t ttl;
};
struct nft_xfrm { /* other.key is enum nft_xfrm_keys; direction 0 in, 1 forward, 2 out (XFRM_POLICY_*) */
    struct nft_other other;
    uint32_t direction, index;
};
struct nft_tunnel { /* other.key is enum nft_tunnel_keys */
    struct nft_other other;
    uint32_t mode;
};
struct nft_inner { /* type 0 vxlan, 1 geneve, 2 gre ...; the one expression that reads inside */
    struct nft_other other;
    uint32_t number, type, header_size;
    nft_expression_list expressions;
};

struct nft_expression {
    enum expression_kind kind;
    const char *name;       /* as the kernel gave it */
    bool unknown_attribute; /* an attribute that the decoder does not know, or a value out of range: never
                               exact */
    union {
        struct nft_payload payload;
        struct nft_meta meta;
        struct nft_cmp cmp;
        struct nft_range range;
        struct nft_bitwise bitwise;
        struct nft_byteorder byteorder;
        struct nft_immediate immediate;
        struct nft_lookup lookup;
        struct nft_ct ct;
        struct nft_fib fib;
        struct nft_nat nat; /* NAT, MASQ, REDIR */
        struct nft_reject reject;
        struct nft_xt xt; /* MATCH, TARGET */
        struct nft_object object;
        struct nft_dynset dynset;
        struct nft_other other; /* every other kind, UNKNOWN too: the ones below begin with it */
        struct nft_counter counter;
        struct nft_log log;
        struct nft_limit limit;
        struct nft_quota quota;
        struct nft_last last;
        struct nft_connlimit connlimit;
        struct nft_numgen numgen;
        struct nft_hash hash;
        struct nft_exthdr exthdr;
        struct nft_socket socket;
        struct nft_tproxy tproxy;
        struct nft_queue queue;
        struct nft_synproxy synproxy;
        struct nft_forward forward; /* DUP, FWD */
        struct nft_flow_offload flow_offload;
        struct nft_osf osf;
        struct nft_xfrm xfrm;
        struct nft_tunnel tunnel;
        struct nft_inner inner;
    };
};

struct nft_rule {
    uint64_t handle;
    uint32_t position; /* 0-based place in its chain */
    const char
        *comment;     /* from the user data (NFTNL_UDATA_RULE_COMMENT), or the xt comment match; NULL: none */
    bool undecodable; /* the message itself was broken: unknown match and unknown target */
    bool unknown_attribute; /* a rule attribute that the decoder does not know */
    nft_expression_list expressions;
};

struct nft_chain {
    const char *name;
    uint64_t handle;
    bool base;
    enum nft_hook hook; /* these five where base */
    int32_t priority;
    const char *type;           /* "filter", "nat", "route" */
    uint32_t policy;            /* NF_DROP 0, NF_ACCEPT 1 */
    LIST(const char *) devices; /* of netdev and inet ingress/egress; "eth*": all that begin so */
    uint32_t flags;             /* NFT_CHAIN_* */
    uint32_t order; /* place in the kernel's list, table by table: within a table, of equal priorities the
                       later runs first; between tables the kernel does not tell which was registered first */
    bool unknown_attribute;
    LIST(struct nft_rule) rules;
};

enum nft_set_flag { /* NFT_SET_* of the kernel */
                    SET_ANONYMOUS = 1,
                    SET_CONSTANT = 2,
                    SET_INTERVAL = 4,
                    SET_MAP = 8,
                    SET_TIMEOUT = 16,
                    SET_EVAL = 32,
                    SET_OBJECT = 64,
                    SET_CONCAT = 128,
                    SET_EXPR = 256,
};

struct nft_element {
    struct bytes key, key_end; /* key_end: of concatenated ranges (NFTA_SET_ELEM_KEY_END) */
    uint32_t flags;            /* NFT_SET_ELEM_INTERVAL_END 1, NFT_SET_ELEM_CATCHALL 2 */
    bool has_data;
    struct nft_data data;
    const char *object;           /* of an object map */
    uint64_t timeout, expiration; /* milliseconds; 0: none */
    bool has_expression;          /* a counter, limit ... of its own */
    const char *expression;       /* its name */
    bool unknown_attribute;
};

struct nft_set {
    const char *name;
    uint64_t handle;
    uint32_t id, flags, key_type, key_length, data_type, data_length, object_type, size;
    uint64_t timeout;
    LIST(uint32_t) fields; /* byte lengths of a concatenation's fields (NFTA_SET_DESC_CONCAT) */
    bool unknown_attribute;
    bool incomplete;                   /* elements are missing: over budget, or the dump failed */
    LIST(struct nft_element) elements; /* in the kernel's order */
};

struct nft_stateful { /* a named object */
    const char *name;
    uint32_t type;
    uint64_t handle;
};

struct nft_flowtable {
    const char *name;
    int32_t priority;
    LIST(const char *) devices;
};

struct nft_table {
    enum nft_family family;
    const char *name;
    uint64_t handle;
    uint32_t flags; /* NFT_TABLE_F_DORMANT 1, OWNER 2, PERSIST 4 */
    bool xtables; /* holds nft_compat expressions, or is one of iptables-nft's: printed in iptables' syntax */
    bool unknown_attribute; /* an attribute or flag that the decoder does not know: what it holds may work
                               otherwise */
    bool incomplete;        /* chains, rules or sets are missing: over budget, or a dump failed */
    LIST(struct nft_chain) chains;
    LIST(struct nft_set) sets;
    LIST(struct nft_stateful) objects;
    LIST(struct nft_flowtable) flowtables;
};

/* A legacy xtables table that the namespace has: in this version its name is known, its rules are not read.
 */
struct legacy_table {
    enum ip_family family; /* FAMILY_NONE: arptables or ebtables, see `tool` */
    const char *tool;      /* "iptables", "ip6tables", "arptables", "ebtables" */
    const char *name;      /* "filter" ... */
    uint32_t rules;        /* number of entries beside the built-in policies, where it could be had */
    bool empty;            /* known to hold no rule and to accept by policy in every built-in chain */
    uint32_t hooks;        /* bit NF_INET_* of the hooks that it has; 0: not known */
};

struct ruleset {
    bool present; /* the namespace has nf_tables and it was read */
    uint32_t generation;
    bool not_atomic; /* changed during every try: the parts may be of different generations */
    bool over_budget;
    LIST(struct nft_table) tables; /* in the kernel's order */
    LIST(struct legacy_table) legacy;
};

/* Frees the list and the lists inside its expressions; leaves an empty one. ruleset_free() does it for rules.
 */
void expressions_free(nft_expression_list *list);
/* Frees the lists inside; texts and bytes belong to the arena. Leaves an empty ruleset. */
void ruleset_free(struct ruleset *ruleset);

/* Names for output: "ip", "inet" ...; "prerouting" ...; NULL for a number that is none. */
const char *nft_family_name(enum nft_family family);
const char *nft_hook_name(enum nft_hook hook);
const char *expression_kind_name(enum expression_kind kind); /* the kernel's name: "payload", "cmp" ... */
const struct nft_chain *table_chain(const struct nft_table *table, const char *name); /* NULL: none */
const struct nft_set *table_set(const struct nft_table *table, const char *name);
/* True where nothing in the expression, nor in the ones inside it, is unknown: kind, attributes, match,
 * target. */
bool expression_understood(const struct nft_expression *expression);
/* The same of a rule, its message and attributes. */
bool rule_understood(const struct nft_rule *rule);
/* Rules of all tables, and of these the ones with any unknown part (undecodable, unknown expression or
 * attribute). */
size_t ruleset_count(const struct ruleset *ruleset, size_t *ret_unknown);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/table.h"

#define END                                                                                                  \
    {                                                                                                        \
        .name = NULL                                                                                         \
    }
#define NUMBER(struct_, member)       FIELD(struct_, member, FIELD_UNSIGNED, .optional = true)
#define SIGNED(struct_, member)       FIELD(struct_, member, FIELD_SIGNED, .optional = true)
#define FLAG(struct_, member)         FIELD(struct_, member, FIELD_BOOL, .optional = true)
#define TEXT(struct_, member)         FIELD(struct_, member, FIELD_TEXT, .optional = true)
#define NAME(struct_, member)         FIELD(struct_, member, FIELD_NAME)
#define BYTES(struct_, member)        FIELD(struct_, member, FIELD_BYTES, .optional = true)
#define ADDRESS(struct_, member)      FIELD(struct_, member, FIELD_ADDRESS, .optional = true)
#define PART(struct_, member, type_)  FIELD(struct_, member, FIELD_RECORD, .type = &(type_), .optional = true)
#define DATA(struct_, member)         FIELD(struct_, member, FIELD_RECORD, .type = &data_record, .optional = true)
#define ITEMS(struct_, member, type_) FIELD(struct_, member, FIELD_LIST, .type = &(type_), .optional = true)
#define RECORD(name_, struct_, ...)                                                                          \
    static const struct field name_##_fields[] = {__VA_ARGS__, END};                                         \
    static const struct record_type name_##_record = {#struct_, sizeof(struct struct_), name_##_fields}

const char *const nft_family_words[] = {"", "inet",   "ip", "arp", "",    "netdev",
                                        "", "bridge", "",   "",    "ip6", NULL};
const char *const nft_hook_words[] = {"prerouting",  "input",   "forward", "output",
                                      "postrouting", "ingress", "egress",  NULL};
const char *const expression_kind_words[] = {
    "unknown", "payload", "meta",    "cmp",    "range",  "bitwise",   "byteorder", "immediate",    "lookup",
    "counter", "ct",      "fib",     "nat",    "masq",   "redir",     "reject",    "match",        "target",
    "log",     "last",    "notrack", "limit",  "quota",  "connlimit", "numgen",    "hash",         "dynset",
    "objref",  "exthdr",  "socket",  "rt",     "tproxy", "queue",     "synproxy",  "flow_offload", "dup",
    "fwd",     "osf",     "xfrm",    "tunnel", "inner",  NULL};
_Static_assert(sizeof(expression_kind_words) / sizeof(expression_kind_words[0]) == EXPRESSION_KINDS + 1,
               "a word for every kind of expression");

/* ---- data ---- */
RECORD(verdict, nft_verdict, FIELD(nft_verdict, code, FIELD_SIGNED), TEXT(nft_verdict, chain));
RECORD(data, nft_data, BYTES(nft_data, value), FLAG(nft_data, is_verdict),
       FIELD(nft_data, verdict, FIELD_RECORD, .type = &verdict_record, .optional = true));

/* ---- expressions ---- */
RECORD(payload, nft_payload, NUMBER(nft_payload, dreg), NUMBER(nft_payload, sreg), NUMBER(nft_payload, base),
       NUMBER(nft_payload, offset), NUMBER(nft_payload, length), NUMBER(nft_payload, checksum_type),
       NUMBER(nft_payload, checksum_offset), NUMBER(nft_payload, checksum_flags), FLAG(nft_payload, write));
RECORD(meta, nft_meta, NUMBER(nft_meta, key), NUMBER(nft_meta, dreg), NUMBER(nft_meta, sreg),
       FLAG(nft_meta, write));
RECORD(cmp, nft_cmp, NUMBER(nft_cmp, sreg), NUMBER(nft_cmp, op), DATA(nft_cmp, data));
RECORD(range, nft_range, NUMBER(nft_range, sreg), NUMBER(nft_range, op), DATA(nft_range, from),
       DATA(nft_range, to));
RECORD(bitwise, nft_bitwise, NUMBER(nft_bitwise, sreg), NUMBER(nft_bitwise, sreg2), NUMBER(nft_bitwise, dreg),
       NUMBER(nft_bitwise, length), NUMBER(nft_bitwise, op), DATA(nft_bitwise, mask), DATA(nft_bitwise, xor),
       DATA(nft_bitwise, data));
RECORD(byteorder, nft_byteorder, NUMBER(nft_byteorder, sreg), NUMBER(nft_byteorder, dreg),
       NUMBER(nft_byteorder, op), NUMBER(nft_byteorder, length), NUMBER(nft_byteorder, size));
RECORD(immediate, nft_immediate, NUMBER(nft_immediate, dreg), DATA(nft_immediate, data));
RECORD(lookup, nft_lookup, TEXT(nft_lookup, set), NUMBER(nft_lookup, set_id), NUMBER(nft_lookup, sreg),
       NUMBER(nft_lookup, dreg), NUMBER(nft_lookup, flags), FLAG(nft_lookup, has_dreg));
RECORD(ct, nft_ct, NUMBER(nft_ct, key), NUMBER(nft_ct, dreg), NUMBER(nft_ct, sreg), NUMBER(nft_ct, direction),
       FLAG(nft_ct, write), FLAG(nft_ct, has_direction));
RECORD(fib, nft_fib, NUMBER(nft_fib, dreg), NUMBER(nft_fib, result), NUMBER(nft_fib, flags));
RECORD(nat, nft_nat, NUMBER(nft_nat, type), NUMBER(nft_nat, family), NUMBER(nft_nat, address_min),
       NUMBER(nft_nat, address_max), NUMBER(nft_nat, port_min), NUMBER(nft_nat, port_max),
       NUMBER(nft_nat, flags));
RECORD(reject, nft_reject, NUMBER(nft_reject, type), NUMBER(nft_reject, code));

/* ---- xtables matches and targets ---- */
const char *const xt_kind_words[] = {
    "unknown", "addrtype",       "conntrack", "tcp",    "udp",   "multiport", "comment",    "mark",
    "icmp",    "routing_header", "hop_limit", "recent", "dnat",  "snat",      "masquerade", "redirect",
    "netmap",  "reject",         "set_mark",  "log",    "nflog", "ct",        NULL};
_Static_assert(sizeof(xt_kind_words) / sizeof(xt_kind_words[0]) == XT_KINDS + 1, "a word for every kind");
static const char *const multiport_side_words[] = {"source", "destination", "either", NULL};

RECORD(xt_addrtype, xt_addrtype, NUMBER(xt_addrtype, source), NUMBER(xt_addrtype, destination),
       FLAG(xt_addrtype, invert_source), FLAG(xt_addrtype, invert_destination), FLAG(xt_addrtype, limit_in),
       FLAG(xt_addrtype, limit_out));
RECORD(xt_port_range, xt_port_range, NUMBER(xt_port_range, first), NUMBER(xt_port_range, last));
RECORD(xt_conntrack_addresses, xt_conntrack_addresses, ADDRESS(xt_conntrack_addresses, original_source),
       ADDRESS(xt_conntrack_addresses, original_source_mask),
       ADDRESS(xt_conntrack_addresses, original_destination),
       ADDRESS(xt_conntrack_addresses, original_destination_mask),
       ADDRESS(xt_conntrack_addresses, reply_source), ADDRESS(xt_conntrack_addresses, reply_source_mask),
       ADDRESS(xt_conntrack_addresses, reply_destination),
       ADDRESS(xt_conntrack_addresses, reply_destination_mask));
RECORD(xt_conntrack, xt_conntrack, NUMBER(xt_conntrack, match), NUMBER(xt_conntrack, invert),
       NUMBER(xt_conntrack, states), NUMBER(xt_conntrack, status), NUMBER(xt_conntrack, protocol),
       NUMBER(xt_conntrack, expires_first), NUMBER(xt_conntrack, expires_last),
       PART(xt_conntrack, original_source_port, xt_port_range_record),
       PART(xt_conntrack, original_destination_port, xt_port_range_record),
       PART(xt_conntrack, reply_source_port, xt_port_range_record),
       PART(xt_conntrack, reply_destination_port, xt_port_range_record),
       FIELD(xt_conntrack, addresses, FIELD_POINTER, .type = &xt_conntrack_addresses_record,
             .optional = true),
       FLAG(xt_conntrack, state_match));
RECORD(xt_ports, xt_ports, PART(xt_ports, source, xt_port_range_record),
       PART(xt_ports, destination, xt_port_range_record), FLAG(xt_ports, invert_source),
       FLAG(xt_ports, invert_destination), FLAG(xt_ports, invert_flags), FLAG(xt_ports, invert_option),
       NUMBER(xt_ports, flag_mask), NUMBER(xt_ports, flag_compare), NUMBER(xt_ports, option));
RECORD(xt_multiple_ports, xt_multiple_ports,
       FIELD(xt_multiple_ports, side, FIELD_WORD, .words = multiport_side_words),
       FLAG(xt_multiple_ports, invert), ITEMS(xt_multiple_ports, ports, xt_port_range_record));
RECORD(xt_comment, xt_comment, TEXT(xt_comment, text));
RECORD(xt_mark, xt_mark, NUMBER(xt_mark, value), NUMBER(xt_mark, mask), FLAG(xt_mark, invert));
RECORD(xt_icmp, xt_icmp, NUMBER(xt_icmp, type), NUMBER(xt_icmp, code_first), NUMBER(xt_icmp, code_last),
       FLAG(xt_icmp, any), FLAG(xt_icmp, invert));
RECORD(xt_routing_header, xt_routing_header, NUMBER(xt_routing_header, flags),
       NUMBER(xt_routing_header, invert), NUMBER(xt_routing_header, type),
       NUMBER(xt_routing_header, segments_first), NUMBER(xt_routing_header, segments_last),
       NUMBER(xt_routing_header, length), TEXT(xt_routing_header, addresses));
static const char *const hop_limit_words[] = {"equal", "not_equal", "less", "greater", NULL};
RECORD(xt_hop_limit, xt_hop_limit, FIELD(xt_hop_limit, mode, FIELD_WORD, .words = hop_limit_words),
       NUMBER(xt_hop_limit, limit));
RECORD(xt_recent, xt_recent, NUMBER(xt_recent, flags), NUMBER(xt_recent, seconds),
       NUMBER(xt_recent, hit_count), FLAG(xt_recent, invert), FLAG(xt_recent, destination),
       TEXT(xt_recent, list), ADDRESS(xt_recent, mask));
RECORD(xt_nat, xt_nat, NUMBER(xt_nat, flags), ADDRESS(xt_nat, address_min), ADDRESS(xt_nat, address_max),
       NUMBER(xt_nat, port_min), NUMBER(xt_nat, port_max), NUMBER(xt_nat, port_base));
RECORD(xt_set_mark, xt_set_mark, NUMBER(xt_set_mark, value), NUMBER(xt_set_mark, mask));
RECORD(xt_log, xt_log, NUMBER(xt_log, level), NUMBER(xt_log, flags), NUMBER(xt_log, group),
       NUMBER(xt_log, threshold), NUMBER(xt_log, length), TEXT(xt_log, prefix));
RECORD(xt_ct, xt_ct, NUMBER(xt_ct, flags), NUMBER(xt_ct, zone), NUMBER(xt_ct, events),
       NUMBER(xt_ct, expected_events), TEXT(xt_ct, helper), TEXT(xt_ct, timeout));

static const struct field nothing_fields[] = {END};
static const struct record_type nothing_record = {"nothing", 0, nothing_fields};

/* The member of the union that the kind of a match or target has; none where nothing is written here. */
static const struct record_type *const xt_values[XT_KINDS] = {
    [XT_ADDRTYPE] = &xt_addrtype_record,
    [XT_CONNTRACK] = &xt_conntrack_record,
    [XT_TCP] = &xt_ports_record,
    [XT_UDP] = &xt_ports_record,
    [XT_MULTIPORT] = &xt_multiple_ports_record,
    [XT_COMMENT] = &xt_comment_record,
    [XT_MARK] = &xt_mark_record,
    [XT_ICMP] = &xt_icmp_record,
    [XT_ROUTING_HEADER] = &xt_routing_header_record,
    [XT_HOP_LIMIT] = &xt_hop_limit_record,
    [XT_RECENT] = &xt_recent_record,
    [XT_DNAT] = &xt_nat_record,
    [XT_SNAT] = &xt_nat_record,
    [XT_MASQUERADE] = &xt_nat_record,
    [XT_REDIRECT] = &xt_nat_record,
    [XT_NETMAP] = &xt_nat_record,
    [XT_REJECT] = &reject_record,
    [XT_SET_MARK] = &xt_set_mark_record,
    [XT_LOG] = &xt_log_record,
    [XT_NFLOG] = &xt_log_record,
    [XT_CT] = &xt_ct_record,
};

static const struct record_type *xt_value(const void *record)
{
    const struct nft_xt *xt = record;
    const struct record_type *type = NULL;
    if ((unsigned)xt->kind < XT_KINDS)
        type = xt_values[xt->kind];
    return type ? type : &nothing_record;
}

RECORD(xt, nft_xt, TEXT(nft_xt, name), NUMBER(nft_xt, revision),
       FIELD(nft_xt, kind, FIELD_WORD, .words = xt_kind_words), BYTES(nft_xt, info),
       FIELD_AS("value", nft_xt, addrtype, FIELD_UNION, .choose = xt_value));
RECORD(object, nft_object, NUMBER(nft_object, type), TEXT(nft_object, name), TEXT(nft_object, set),
       NUMBER(nft_object, sreg));
static const struct record_type expression_record;
RECORD(dynset, nft_dynset, TEXT(nft_dynset, set), NUMBER(nft_dynset, op), NUMBER(nft_dynset, sreg_key),
       NUMBER(nft_dynset, sreg_data), NUMBER(nft_dynset, flags), NUMBER(nft_dynset, timeout),
       ITEMS(nft_dynset, expressions, expression_record));
RECORD(other, nft_other, NUMBER(nft_other, dreg), NUMBER(nft_other, sreg), NUMBER(nft_other, key),
       NUMBER(nft_other, flags), BYTES(nft_other, raw));
RECORD(counter, nft_counter, PART(nft_counter, other, other_record), NUMBER(nft_counter, packets),
       NUMBER(nft_counter, bytes));
RECORD(log, nft_log, PART(nft_log, other, other_record), NUMBER(nft_log, has), NUMBER(nft_log, group),
       NUMBER(nft_log, snaplen), NUMBER(nft_log, threshold), NUMBER(nft_log, level), TEXT(nft_log, prefix));
RECORD(limit, nft_limit, PART(nft_limit, other, other_record), NUMBER(nft_limit, rate),
       NUMBER(nft_limit, unit), NUMBER(nft_limit, burst), NUMBER(nft_limit, type));
RECORD(quota, nft_quota, PART(nft_quota, other, other_record), NUMBER(nft_quota, bytes),
       NUMBER(nft_quota, consumed));
RECORD(last, nft_last, PART(nft_last, other, other_record), NUMBER(nft_last, milliseconds));
RECORD(connlimit, nft_connlimit, PART(nft_connlimit, other, other_record), NUMBER(nft_connlimit, count));
RECORD(numgen, nft_numgen, PART(nft_numgen, other, other_record), NUMBER(nft_numgen, modulus),
       NUMBER(nft_numgen, type), NUMBER(nft_numgen, offset));
RECORD(hash, nft_hash, PART(nft_hash, other, other_record), NUMBER(nft_hash, length),
       NUMBER(nft_hash, modulus), NUMBER(nft_hash, seed), NUMBER(nft_hash, offset), NUMBER(nft_hash, type));
RECORD(exthdr, nft_exthdr, PART(nft_exthdr, other, other_record), NUMBER(nft_exthdr, op),
       NUMBER(nft_exthdr, type), NUMBER(nft_exthdr, offset), NUMBER(nft_exthdr, length),
       FLAG(nft_exthdr, write));
RECORD(socket, nft_socket, PART(nft_socket, other, other_record), NUMBER(nft_socket, level));
RECORD(tproxy, nft_tproxy, PART(nft_tproxy, other, other_record), NUMBER(nft_tproxy, family),
       NUMBER(nft_tproxy, port_register));
RECORD(queue, nft_queue, PART(nft_queue, other, other_record), NUMBER(nft_queue, number),
       NUMBER(nft_queue, total));
RECORD(synproxy, nft_synproxy, PART(nft_synproxy, other, other_record), NUMBER(nft_synproxy, mss),
       NUMBER(nft_synproxy, window_scale));
RECORD(forward, nft_forward, PART(nft_forward, other, other_record), NUMBER(nft_forward, address_register),
       NUMBER(nft_forward, family));
RECORD(flow_offload, nft_flow_offload, PART(nft_flow_offload, other, other_record),
       TEXT(nft_flow_offload, flowtable));
RECORD(osf, nft_osf, PART(nft_osf, other, other_record), NUMBER(nft_osf, ttl));
RECORD(xfrm, nft_xfrm, PART(nft_xfrm, other, other_record), NUMBER(nft_xfrm, direction),
       NUMBER(nft_xfrm, index));
RECORD(tunnel, nft_tunnel, PART(nft_tunnel, other, other_record), NUMBER(nft_tunnel, mode));
RECORD(inner, nft_inner, PART(nft_inner, other, other_record), NUMBER(nft_inner, number),
       NUMBER(nft_inner, type), NUMBER(nft_inner, header_size),
       ITEMS(nft_inner, expressions, expression_record));

/* The member of the union that an expression's kind has; `other` where nothing is written here. */
static const struct record_type *const expression_values[EXPRESSION_KINDS] = {
    [EXPRESSION_PAYLOAD] = &payload_record,
    [EXPRESSION_META] = &meta_record,
    [EXPRESSION_CMP] = &cmp_record,
    [EXPRESSION_RANGE] = &range_record,
    [EXPRESSION_BITWISE] = &bitwise_record,
    [EXPRESSION_BYTEORDER] = &byteorder_record,
    [EXPRESSION_IMMEDIATE] = &immediate_record,
    [EXPRESSION_LOOKUP] = &lookup_record,
    [EXPRESSION_CT] = &ct_record,
    [EXPRESSION_FIB] = &fib_record,
    [EXPRESSION_NAT] = &nat_record,
    [EXPRESSION_MASQ] = &nat_record,
    [EXPRESSION_REDIR] = &nat_record,
    [EXPRESSION_REJECT] = &reject_record,
    [EXPRESSION_MATCH] = &xt_record,
    [EXPRESSION_TARGET] = &xt_record,
    [EXPRESSION_OBJREF] = &object_record,
    [EXPRESSION_DYNSET] = &dynset_record,
    [EXPRESSION_COUNTER] = &counter_record,
    [EXPRESSION_LOG] = &log_record,
    [EXPRESSION_LIMIT] = &limit_record,
    [EXPRESSION_QUOTA] = &quota_record,
    [EXPRESSION_LAST] = &last_record,
    [EXPRESSION_CONNLIMIT] = &connlimit_record,
    [EXPRESSION_NUMGEN] = &numgen_record,
    [EXPRESSION_HASH] = &hash_record,
    [EXPRESSION_EXTHDR] = &exthdr_record,
    [EXPRESSION_SOCKET] = &socket_record,
    [EXPRESSION_TPROXY] = &tproxy_record,
    [EXPRESSION_QUEUE] = &queue_record,
    [EXPRESSION_SYNPROXY] = &synproxy_record,
    [EXPRESSION_FLOW_OFFLOAD] = &flow_offload_record,
    [EXPRESSION_OSF] = &osf_record,
    [EXPRESSION_XFRM] = &xfrm_record,
    [EXPRESSION_TUNNEL] = &tunnel_record,
    [EXPRESSION_INNER] = &inner_record,
    [EXPRESSION_DUP] = &forward_record,
    [EXPRESSION_FWD] = &forward_record,
};

static const struct record_type *expression_value(const void *record)
{
    const struct nft_expression *expression = record;
    const struct record_type *type = NULL;
    if ((unsigned)expression->kind < EXPRESSION_KINDS)
        type = expression_values[expression->kind];
    return type ? type : &other_record;
}

RECORD(expression, nft_expression, FIELD(nft_expression, kind, FIELD_WORD, .words = expression_kind_words),
       TEXT(nft_expression, name), FLAG(nft_expression, unknown_attribute),
       FIELD_AS("value", nft_expression, payload, FIELD_UNION, .choose = expression_value));

/* ---- rules, chains, sets, tables ---- */
RECORD(rule, nft_rule, NUMBER(nft_rule, handle), NUMBER(nft_rule, position), TEXT(nft_rule, comment),
       FLAG(nft_rule, undecodable), FLAG(nft_rule, unknown_attribute),
       ITEMS(nft_rule, expressions, expression_record));
RECORD(chain, nft_chain, NAME(nft_chain, name), NUMBER(nft_chain, handle), FLAG(nft_chain, base),
       FIELD(nft_chain, hook, FIELD_WORD, .words = nft_hook_words, .optional = true),
       SIGNED(nft_chain, priority), TEXT(nft_chain, type), NUMBER(nft_chain, policy),
       FIELD(nft_chain, devices, FIELD_TEXT_LIST, .optional = true), NUMBER(nft_chain, flags),
       NUMBER(nft_chain, order), FLAG(nft_chain, unknown_attribute), ITEMS(nft_chain, rules, rule_record));
RECORD(element, nft_element, BYTES(nft_element, key), BYTES(nft_element, key_end), NUMBER(nft_element, flags),
       FLAG(nft_element, has_data), DATA(nft_element, data), TEXT(nft_element, object),
       NUMBER(nft_element, timeout), NUMBER(nft_element, expiration), FLAG(nft_element, has_expression),
       TEXT(nft_element, expression), FLAG(nft_element, unknown_attribute));
RECORD(set, nft_set, NAME(nft_set, name), NUMBER(nft_set, handle), NUMBER(nft_set, id),
       NUMBER(nft_set, flags), NUMBER(nft_set, key_type), NUMBER(nft_set, key_length),
       NUMBER(nft_set, data_type), NUMBER(nft_set, data_length), NUMBER(nft_set, object_type),
       NUMBER(nft_set, size), NUMBER(nft_set, timeout),
       FIELD(nft_set, fields, FIELD_NUMBER_LIST, .optional = true), FLAG(nft_set, unknown_attribute),
       FLAG(nft_set, incomplete), ITEMS(nft_set, elements, element_record));
RECORD(stateful, nft_stateful, NAME(nft_stateful, name), NUMBER(nft_stateful, type),
       NUMBER(nft_stateful, handle));
RECORD(flowtable, nft_flowtable, NAME(nft_flowtable, name), SIGNED(nft_flowtable, priority),
       FIELD(nft_flowtable, devices, FIELD_TEXT_LIST, .optional = true));
RECORD(table, nft_table, FIELD(nft_table, family, FIELD_WORD, .words = nft_family_words),
       NAME(nft_table, name), NUMBER(nft_table, handle), NUMBER(nft_table, flags), FLAG(nft_table, xtables),
       FLAG(nft_table, unknown_attribute), FLAG(nft_table, incomplete),
       ITEMS(nft_table, chains, chain_record), ITEMS(nft_table, sets, set_record),
       ITEMS(nft_table, objects, stateful_record), ITEMS(nft_table, flowtables, flowtable_record));
RECORD(legacy, legacy_table, FIELD(legacy_table, family, FIELD_WORD, .words = family_words, .optional = true),
       TEXT(legacy_table, tool), TEXT(legacy_table, name), NUMBER(legacy_table, rules),
       FLAG(legacy_table, empty), NUMBER(legacy_table, hooks));

static const struct field ruleset_fields[] = {
    FLAG(ruleset, present),
    NUMBER(ruleset, generation),
    FLAG(ruleset, not_atomic),
    FLAG(ruleset, over_budget),
    ITEMS(ruleset, tables, table_record),
    ITEMS(ruleset, legacy, legacy_record),
    END,
};
const struct record_type ruleset_record = {"ruleset", sizeof(struct ruleset), ruleset_fields};

const struct record_type *const ruleset_records[] = {
    &verdict_record,
    &data_record,
    &payload_record,
    &meta_record,
    &cmp_record,
    &range_record,
    &bitwise_record,
    &byteorder_record,
    &immediate_record,
    &lookup_record,
    &ct_record,
    &fib_record,
    &nat_record,
    &reject_record,
    &xt_record,
    &object_record,
    &dynset_record,
    &other_record,
    &xt_addrtype_record,
    &xt_port_range_record,
    &xt_conntrack_addresses_record,
    &xt_conntrack_record,
    &xt_ports_record,
    &xt_multiple_ports_record,
    &xt_comment_record,
    &xt_mark_record,
    &xt_icmp_record,
    &xt_routing_header_record,
    &xt_hop_limit_record,
    &xt_recent_record,
    &xt_nat_record,
    &xt_set_mark_record,
    &xt_log_record,
    &xt_ct_record,
    &counter_record,
    &log_record,
    &limit_record,
    &quota_record,
    &last_record,
    &connlimit_record,
    &numgen_record,
    &hash_record,
    &exthdr_record,
    &socket_record,
    &tproxy_record,
    &queue_record,
    &synproxy_record,
    &forward_record,
    &flow_offload_record,
    &osf_record,
    &xfrm_record,
    &tunnel_record,
    &inner_record,
    &expression_record,
    &rule_record,
    &chain_record,
    &element_record,
    &set_record,
    &stateful_record,
    &flowtable_record,
    &table_record,
    &legacy_record,
    &ruleset_record,
    NULL,
};

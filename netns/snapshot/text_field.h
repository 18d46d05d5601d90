/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an expression loads, in nft's words: header fields, meta, ct, fib, routing and socket keys, extension
 * headers and options. Internal to ruleset_text.
 */
#ifndef POSTERN_NETNS_SNAPSHOT_TEXT_FIELD_H
#define POSTERN_NETNS_SNAPSHOT_TEXT_FIELD_H

#include "netns/snapshot/ruleset.h"
#include "netns/snapshot/text_value.h"

enum header {
    HEADER_NONE,
    HEADER_ETHER,
    HEADER_VLAN,
    HEADER_ARP,
    HEADER_IP,
    HEADER_IP6,
    HEADER_TCP,
    HEADER_UDP,
    HEADER_UDPLITE,
    HEADER_SCTP,
    HEADER_DCCP,
    HEADER_ICMP,
    HEADER_ICMP6,
    HEADER_IGMP,
    HEADER_AH,
    HEADER_ESP,
    HEADER_COMP,
    HEADER_TRANSPORT, /* `th`: some transport header with ports */
};

/* The headers that earlier matches of a rule have made known, by payload base (link, network, transport). */
struct headers {
    enum header link, network, transport;
    uint32_t icmp_type; /* type + 1 that icmp or icmpv6 has; 0: not known */
};

/* A field: its words, where it is in its base's header (bits), and what its value is. */
struct field_text {
    char words[64];
    enum value_type type;
    bool network_order;
    uint32_t offset, bits;
};

/* Headers known from a table's family alone. */
struct headers headers_of_family(enum nft_family family);
/* The header behind an ethertype or an IP protocol number; HEADER_NONE: none with a name. */
enum header header_of_ethertype(uint32_t ethertype);
enum header header_of_protocol(uint32_t protocol);

/* The field at exactly (offset, bits) of a base; false: none. */
bool field_exact(const struct headers *headers, uint32_t base, uint32_t offset, uint32_t bits,
                 struct field_text *ret_field);
/* The field that begins at offset and has at most (longer: at least) `bits` bits; the longest such. */
bool field_at(const struct headers *headers, uint32_t base, uint32_t offset, uint32_t bits, bool longer,
              struct field_text *ret_field);
/* True where the field's words say which type an ICMP message has. */
bool field_implies_type(const struct headers *headers, uint32_t base, uint32_t offset);
/* A field of fewer bits than the bytes that an extension header is read by: `frag frag-off`. */
bool field_of_option(const struct nft_exthdr *exthdr, uint32_t mask, struct field_text *ret_field,
                     uint32_t *ret_shift);
/* "@nh,96,32" */
void field_raw(uint32_t base, uint32_t offset, uint32_t bits, struct field_text *ret_field);

/* What a load other than payload's gives, or what `set` writes; false: no words for it. */
bool field_of_load(const struct nft_expression *expression, struct field_text *ret_field);

#endif

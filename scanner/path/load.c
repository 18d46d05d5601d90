/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/load.h"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

#define TCP_SYN              0x02
#define ECHO4                8   /* ICMP_ECHO */
#define ECHO6                128 /* ICMPV6_ECHO_REQUEST */
#define NAME_BYTES           16u /* IFNAMSIZ */
#define PACKET_TO_HOST       0   /* PACKET_HOST: under br_netfilter too (setup_pre_routing) */
#define IPS_CONFIRMED        8u
#define IPS_SOURCE_DONE      0x80u  /* IPS_SRC_NAT_DONE */
#define IPS_DESTINATION_DONE 0x100u /* IPS_DST_NAT_DONE */

static unsigned family_bytes(enum ip_family family)
{
    return family_bits(family) / 8;
}

static struct register_byte address_byte(struct address address, uint32_t index)
{
    uint8_t bytes[16] = {0};
    address_to_bytes(address, bytes);
    return byte_constant(bytes[index]);
}

/* One source alone is a constant like any other: then no mask is too fine to be told exactly. */
static struct register_byte endpoint_byte(const struct fragment *fragment, const struct endpoint *endpoint,
                                          uint32_t index)
{
    const struct interval_set *sources = &fragment->sources->set;
    if (endpoint->given)
        return address_byte(endpoint->address, index);
    if (sources->count == 1 && sources->items[0].first == sources->items[0].last)
        return address_byte((struct address){fragment->destination.family, sources->items[0].first}, index);
    return byte_source(BYTE_SOURCE, (uint8_t)index);
}

static struct register_byte port_byte(uint16_t port, uint32_t index)
{
    return byte_constant((uint8_t)(index == 0 ? port >> 8 : port & 0xff));
}

static struct register_byte partly_known(uint8_t value, uint8_t unknown)
{
    struct register_byte byte = byte_unknown(DOUBT_FIELD);
    byte.unknown = unknown;
    byte.flip = (uint8_t)(value & ~unknown);
    return byte;
}

/* ---- headers ---- */
/* RFC 791: no options, no fragment; type of service, lengths, identification, DF, TTL and checksum are the
 * sender's. */
static struct register_byte ip4_byte(const struct hook_context *hook, const struct fragment *fragment,
                                     uint32_t offset)
{
    if (offset >= 12 && offset < 16)
        return endpoint_byte(fragment, &fragment->source, offset - 12);
    if (offset >= 16 && offset < 20)
        return address_byte(fragment->destination, offset - 16);
    switch (offset) {
    case 0:
        return byte_constant(0x45);
    case 6:
        return partly_known(0, 0x40);
    case 7:
        return byte_constant(0);
    case 9:
        return byte_constant(hook->survey->query->protocol);
    default:
        return byte_unknown(DOUBT_FIELD);
    }
}

/* RFC 8200, without extension headers. */
static struct register_byte ip6_byte(const struct hook_context *hook, const struct fragment *fragment,
                                     uint32_t offset)
{
    if (offset >= 8 && offset < 24)
        return endpoint_byte(fragment, &fragment->source, offset - 8);
    if (offset >= 24 && offset < 40)
        return address_byte(fragment->destination, offset - 24);
    if (offset == 0)
        return partly_known(0x60, 0x0f);
    if (offset == 6)
        return byte_constant(hook->survey->query->protocol);
    return byte_unknown(DOUBT_FIELD);
}

static struct register_byte source_port_byte(const struct fragment *fragment, uint32_t index)
{
    if (fragment->source_port_random)
        return byte_unknown(DOUBT_SOURCE_PORT);
    if (fragment->source_port_given)
        return port_byte(fragment->source_port, index);
    return byte_source(BYTE_PORT, (uint8_t)index);
}

bool protocol_has_ports(uint8_t protocol)
{
    return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_UDPLITE ||
           protocol == PROTOCOL_SCTP || protocol == IPPROTO_DCCP;
}

struct register_byte transport_byte(const struct hook_context *hook, const struct fragment *fragment,
                                    uint32_t offset)
{
    uint8_t protocol = hook->survey->query->protocol;
    if (protocol_has_ports(protocol) && offset < 2)
        return source_port_byte(fragment, offset);
    if (protocol_has_ports(protocol) && offset < 4)
        return port_byte(fragment->port_number, offset - 2);
    if (protocol == PROTOCOL_TCP && offset == 13)
        return byte_constant(TCP_SYN);
    if (protocol == PROTOCOL_TCP && offset == 12)
        return partly_known(0, 0xf0);
    if ((protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMP6) && offset < 2)
        return byte_constant(offset == 1 ? 0 : protocol == PROTOCOL_ICMP ? ECHO4 : ECHO6);
    return byte_unknown(DOUBT_FIELD);
}

static struct register_byte mac_byte(const struct mac *mac, uint32_t index)
{
    return mac ? byte_constant(mac->bytes[index]) : byte_unknown(DOUBT_SOURCE_MAC);
}

static struct register_byte ethernet_byte(const struct hook_context *hook, const struct fragment *fragment,
                                          uint32_t offset)
{
    if (offset < 6)
        return mac_byte(fragment->destination_mac, offset);
    if (offset < 12)
        return mac_byte(fragment->source_mac, offset - 6);
    uint16_t type = hook->family == FAMILY_IP4 ? ETH_P_IP : ETH_P_IPV6;
    return offset < 14 ? port_byte(type, offset - 12) : byte_unknown(DOUBT_FIELD);
}

/* A packet of a process has no link header yet; one that arrived on a device without addresses never had. */
static bool has_ethernet(const struct fragment *fragment)
{
    return fragment->in &&
           (fragment->in->hardware == ARPHRD_ETHER || fragment->in->hardware == ARPHRD_LOOPBACK);
}

bool load_payload(const struct hook_context *hook, const struct fragment *fragment,
                  const struct nft_payload *payload, struct registers *registers)
{
    struct register_byte bytes[REGISTER_BYTES];
    uint32_t at;
    if (!register_range(payload->dreg, payload->length, &at))
        return false;
    if (payload->base == NFT_PAYLOAD_LL_HEADER && !has_ethernet(fragment))
        return false;
    for (uint32_t i = 0; i < payload->length; i++) {
        uint32_t offset = payload->offset + i;
        switch (payload->base) {
        case NFT_PAYLOAD_LL_HEADER:
            bytes[i] = ethernet_byte(hook, fragment, offset);
            break;
        case NFT_PAYLOAD_NETWORK_HEADER:
            bytes[i] = hook->family == FAMILY_IP4 ? ip4_byte(hook, fragment, offset)
                                                  : ip6_byte(hook, fragment, offset);
            break;
        case NFT_PAYLOAD_TRANSPORT_HEADER:
            bytes[i] = transport_byte(hook, fragment, offset);
            break;
        default:
            bytes[i] = byte_unknown(DOUBT_FIELD);
        }
    }
    registers_bytes(registers, at, bytes, payload->length);
    return true;
}

/* ---- words ---- */
void word_store(const struct hook_context *hook, uint32_t value, uint8_t bytes[4])
{
    bool big = hook->survey->world->snapshot->big_endian;
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * (big ? 3 - i : i));
}

static void half_store(const struct hook_context *hook, uint16_t value, uint8_t bytes[2])
{
    bool big = hook->survey->world->snapshot->big_endian;
    bytes[0] = (uint8_t)(big ? value >> 8 : value & 0xff);
    bytes[1] = (uint8_t)(big ? value & 0xff : value >> 8);
}

struct bits registers_word(const struct hook_context *hook, const struct registers *registers,
                           uint32_t offset)
{
    bool big = hook->survey->world->snapshot->big_endian;
    struct bits word = {0};
    for (unsigned i = 0; i < 4; i++) {
        const struct register_byte *byte = &registers->bytes[offset + (big ? 3 - i : i)];
        uint8_t known = (uint8_t)(~byte->mask & ~byte->unknown);
        word.known |= (uint32_t)known << 8 * i;
        word.value |= (uint32_t)(byte->flip & known) << 8 * i;
    }
    return word;
}

static void load_word(const struct hook_context *hook, struct registers *registers, uint32_t at,
                      uint32_t value)
{
    uint8_t bytes[4];
    word_store(hook, value, bytes);
    registers_constant(registers, at, bytes, 4);
}

static void load_bits(const struct hook_context *hook, struct registers *registers, uint32_t at,
                      struct bits word)
{
    uint8_t known[4];
    load_word(hook, registers, at, word.value & word.known);
    word_store(hook, word.known, known);
    for (unsigned i = 0; i < 4; i++)
        if (known[i] != 0xff) {
            registers->bytes[at + i].unknown = (uint8_t)~known[i];
            registers->bytes[at + i].doubt = DOUBT_MARK;
        }
}

static void load_half(const struct hook_context *hook, struct registers *registers, uint32_t at,
                      uint16_t value)
{
    uint8_t bytes[2];
    half_store(hook, value, bytes);
    registers_constant(registers, at, bytes, 2);
}

static void load_octet(struct registers *registers, uint32_t at, uint8_t value)
{
    registers_constant(registers, at, &value, 1);
}

static void load_name(struct registers *registers, uint32_t at, const char *name)
{
    uint8_t bytes[NAME_BYTES] = {0};
    if (name)
        memcpy(bytes, name, strnlen(name, NAME_BYTES - 1));
    registers_constant(registers, at, bytes, NAME_BYTES);
}

/* ---- meta ---- */
bool has_socket(const struct hook_context *hook, const struct fragment *fragment)
{
    return fragment->sender == hook->namespace && !fragment->looped &&
           (hook->hook == HOOK_OUTPUT || hook->hook == HOOK_POSTROUTING);
}

/* Of a process's packet a rule sees the uid, of any other the key breaks the rule (no socket). */
static bool load_sender(const struct hook_context *hook, struct fragment *fragment, uint32_t key,
                        struct registers *registers, uint32_t at)
{
    if (!has_socket(hook, fragment))
        return false;
    if (key == NFT_META_SKUID && hook->survey->query->uid_known) {
        load_word(hook, registers, at, hook->survey->query->uid);
        return true;
    }
    fragment->by_sender = true;
    registers_unknown(registers, at, 4, DOUBT_SENDER);
    return true;
}

static bool load_link_kind(struct registers *registers, uint32_t at, const struct link *link)
{
    if (!link || !link->kind_name)
        return false;
    load_name(registers, at, link->kind_name);
    return true;
}

static bool load_link_key(const struct hook_context *hook, uint32_t key, struct registers *registers,
                          uint32_t at)
{
    bool input = key == NFT_META_IIF || key == NFT_META_IIFNAME || key == NFT_META_IIFTYPE ||
                 key == NFT_META_IIFGROUP || key == NFT_META_IIFKIND;
    const struct link *link = input ? hook->in : hook->out;
    switch (key) {
    case NFT_META_IIF:
    case NFT_META_OIF:
        load_word(hook, registers, at, link ? link->index : 0);
        return true;
    case NFT_META_IIFNAME:
    case NFT_META_OIFNAME:
        load_name(registers, at, link ? link->name : NULL);
        return true;
    case NFT_META_IIFTYPE:
    case NFT_META_OIFTYPE:
        if (link)
            load_half(hook, registers, at, link->hardware);
        return link;
    case NFT_META_IIFGROUP:
    case NFT_META_OIFGROUP:
        if (link)
            load_word(hook, registers, at, link->group);
        return link;
    default:
        return load_link_kind(registers, at, link);
    }
}

static bool load_meta_rest(const struct hook_context *hook, struct fragment *fragment, uint32_t key,
                           struct registers *registers, uint32_t at)
{
    switch (key) {
    case NFT_META_PROTOCOL: {
        uint8_t type[2] = {(uint8_t)(hook->family == FAMILY_IP4 ? ETH_P_IP >> 8 : ETH_P_IPV6 >> 8),
                           (uint8_t)(hook->family == FAMILY_IP4 ? ETH_P_IP & 0xff : ETH_P_IPV6 & 0xff)};
        registers_constant(registers, at, type, 2);
        return true;
    }
    case NFT_META_NFPROTO:
        load_octet(registers, at, hook->family == FAMILY_IP4 ? NFT_FAMILY_IP : NFT_FAMILY_IP6);
        return true;
    case NFT_META_L4PROTO:
        load_octet(registers, at, hook->survey->query->protocol);
        return true;
    case NFT_META_MARK:
        load_bits(hook, registers, at, fragment->mark);
        return true;
    case NFT_META_PKTTYPE:
        load_octet(registers, at, PACKET_TO_HOST);
        return true;
    case NFT_META_SKUID:
    case NFT_META_SKGID:
    case NFT_META_CGROUP:
        return load_sender(hook, fragment, key, registers, at);
    case NFT_META_PRANDOM:
        registers_unknown(registers, at, 4, DOUBT_RANDOM);
        return true;
    case NFT_META_TIME_NS:
    case NFT_META_TIME_DAY:
    case NFT_META_TIME_HOUR:
        registers_unknown(registers, at, key == NFT_META_TIME_NS ? 8 : 4, DOUBT_TIME);
        return true;
    case NFT_META_LEN:
    case NFT_META_PRIORITY:
        registers_unknown(registers, at, 4, DOUBT_FIELD);
        return true;
    case NFT_META_CPU:
        registers_unknown(registers, at, 4, DOUBT_RANDOM);
        return true;
    case NFT_META_SECPATH: /* IPsec is a reason of its own */
        load_octet(registers, at, 0);
        return true;
    default:
        registers_unknown(registers, at, NAME_BYTES, DOUBT_META);
        return true;
    }
}

bool load_meta(const struct hook_context *hook, struct fragment *fragment, const struct nft_meta *meta,
               struct registers *registers)
{
    uint32_t at;
    if (!register_range(meta->dreg, 1, &at))
        return false;
    switch (meta->key) {
    case NFT_META_IIF:
    case NFT_META_OIF:
    case NFT_META_IIFNAME:
    case NFT_META_OIFNAME:
    case NFT_META_IIFTYPE:
    case NFT_META_OIFTYPE:
    case NFT_META_IIFGROUP:
    case NFT_META_OIFGROUP:
    case NFT_META_IIFKIND:
    case NFT_META_OIFKIND:
        return load_link_key(hook, meta->key, registers, at);
    default:
        return load_meta_rest(hook, fragment, meta->key, registers, at);
    }
}

/* ---- ct ---- */
uint32_t connection_state(const struct fragment *fragment)
{
    if (fragment->untracked)
        return CT_STATE_UNTRACKED;
    return fragment->tracked ? CT_STATE_NEW : CT_STATE_INVALID;
}

static struct register_byte original_port_byte(const struct fragment *fragment, uint32_t index)
{
    if (fragment->original_source_port_given)
        return port_byte(fragment->original_source_port, index);
    return byte_source(BYTE_PORT, (uint8_t)index);
}

/*
 * One end of the connection. The original direction: what the packet was before this namespace rewrote it;
 * the reply's source is the destination as it is now, and the other way round.
 */
static void load_tuple(const struct hook_context *hook, const struct fragment *fragment, uint32_t key,
                       bool reply, struct registers *registers, uint32_t at)
{
    struct register_byte bytes[16];
    bool source =
        key == NFT_CT_SRC || key == NFT_CT_SRC_IP || key == NFT_CT_SRC_IP6 || key == NFT_CT_PROTO_SRC;
    bool port = key == NFT_CT_PROTO_SRC || key == NFT_CT_PROTO_DST;
    uint32_t length = port ? 2 : family_bytes(hook->family);
    for (uint32_t i = 0; i < length; i++) {
        if (port && source == reply)
            bytes[i] = port_byte(reply ? fragment->port_number : fragment->original_port, i);
        else if (port)
            bytes[i] = reply ? source_port_byte(fragment, i) : original_port_byte(fragment, i);
        else if (source == reply)
            bytes[i] = address_byte(reply ? fragment->destination : fragment->original_destination, i);
        else
            bytes[i] = endpoint_byte(fragment, reply ? &fragment->source : &fragment->original_source, i);
    }
    registers_bytes(registers, at, bytes, length);
}

static bool load_tuple_key(const struct hook_context *hook, const struct fragment *fragment,
                           const struct nft_ct *ct, struct registers *registers, uint32_t at)
{
    bool ip4 = ct->key == NFT_CT_SRC_IP || ct->key == NFT_CT_DST_IP;
    bool ip6 = ct->key == NFT_CT_SRC_IP6 || ct->key == NFT_CT_DST_IP6;
    if ((ip4 && hook->family != FAMILY_IP4) || (ip6 && hook->family != FAMILY_IP6))
        return false; /* nft_ct_get_eval: another family's tuple breaks the rule */
    load_tuple(hook, fragment, ct->key, ct->has_direction && ct->direction != 0, registers, at);
    return true;
}

uint32_t connection_status(const struct fragment *fragment)
{
    return fragment->status | (fragment->looped ? IPS_CONFIRMED : 0) |
           (fragment->source_settled ? IPS_SOURCE_DONE : 0) |
           (fragment->destination_settled ? IPS_DESTINATION_DONE : 0);
}

bool load_ct(const struct hook_context *hook, const struct fragment *fragment, const struct nft_ct *ct,
             struct registers *registers)
{
    uint32_t at;
    if (!register_range(ct->dreg, 1, &at))
        return false;
    if (ct->key == NFT_CT_STATE) {
        load_word(hook, registers, at, connection_state(fragment));
        return true;
    }
    if (!fragment->tracked || fragment->untracked)
        return false;
    switch (ct->key) {
    case NFT_CT_DIRECTION:
        load_octet(registers, at, 0);
        return true;
    case NFT_CT_STATUS:
        load_word(hook, registers, at, connection_status(fragment));
        return true;
    case NFT_CT_MARK:
        load_bits(hook, registers, at, fragment->connection_mark);
        return true;
    case NFT_CT_L3PROTOCOL:
        load_octet(registers, at, hook->family == FAMILY_IP4 ? NFT_FAMILY_IP : NFT_FAMILY_IP6);
        return true;
    case NFT_CT_PROTOCOL:
        load_octet(registers, at, hook->survey->query->protocol);
        return true;
    case NFT_CT_ZONE:
        load_half(hook, registers, at, 0);
        return true;
    case NFT_CT_LABELS:
        registers_constant(registers, at, (const uint8_t[16]){0}, 16);
        return true;
    case NFT_CT_HELPER:
        return false;
    case NFT_CT_SRC:
    case NFT_CT_DST:
    case NFT_CT_SRC_IP:
    case NFT_CT_DST_IP:
    case NFT_CT_SRC_IP6:
    case NFT_CT_DST_IP6:
    case NFT_CT_PROTO_SRC:
    case NFT_CT_PROTO_DST:
        return load_tuple_key(hook, fragment, ct, registers, at);
    default:
        registers_unknown(registers, at, NAME_BYTES, DOUBT_CT);
        return true;
    }
}

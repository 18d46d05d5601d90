/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packet as bytes, with the bits that are known: what is not is the sender's choice (TTL, DSCP, options).
 */
#include "scanner/path/concrete_walk.h"

#include <linux/netfilter/nf_tables.h>

struct header {
    uint8_t bytes[HEADER_BYTES_MAX], known[HEADER_BYTES_MAX];
    uint32_t length; /* beyond it: bytes that may or may not be there */
};

#define ETHERNET_LENGTH 14u
#define IP4_LENGTH      20u
#define IP6_LENGTH      40u
#define TCP_LENGTH      20u
#define UDP_LENGTH      8u
#define TCP_FLAG_SYN    2u

static void put(struct header *header, uint32_t offset, const void *bytes, uint32_t length)
{
    memcpy(header->bytes + offset, bytes, length);
    memset(header->known + offset, 0xff, length);
}

static void put_bits(struct header *header, uint32_t offset, uint8_t value, uint8_t known)
{
    header->bytes[offset] = value;
    header->known[offset] = known;
}

static void put16(struct header *header, uint32_t offset, uint16_t value)
{
    uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    put(header, offset, bytes, 2);
}

static void put_address(struct header *header, uint32_t offset, struct address address)
{
    uint8_t bytes[16];
    size_t length = address_to_bytes(address, bytes);
    put(header, offset, bytes, (uint32_t)length);
}

static void ethernet_header(const struct walk *walk, struct header *header)
{
    header->length = ETHERNET_LENGTH;
    put(header, 0, walk->at.destination_mac.bytes, 6);
    if (walk->at.source_mac_known)
        put(header, 6, walk->at.source_mac.bytes, 6);
    put16(header, 12, walk->packet->family == FAMILY_IP4 ? 0x0800 : 0x86dd);
}

static void ip4_header(const struct walk *walk, struct header *header)
{
    header->length = IP4_LENGTH;
    put_bits(header, 0, 0x45, 0xff);
    put_bits(header, 6, 0, 0xbf); /* DF is the sender's choice, no fragment */
    put_bits(header, 7, 0, 0xff);
    put_bits(header, 9, walk->packet->protocol, 0xff);
    put_address(header, 12, walk->at.source);
    put_address(header, 16, walk->at.destination);
}

static void ip6_header(const struct walk *walk, struct header *header)
{
    header->length = IP6_LENGTH;
    put_bits(header, 0, 0x60, 0xf0);
    put_bits(header, 6, walk->packet->protocol, 0xff);
    put_address(header, 8, walk->at.source);
    put_address(header, 24, walk->at.destination);
}

static void transport_header(const struct walk *walk, struct header *header)
{
    bool tcp = walk->packet->protocol == PROTOCOL_TCP;
    header->length = tcp ? TCP_LENGTH : UDP_LENGTH;
    if (walk->at.source_port_known)
        put16(header, 0, walk->at.source_port);
    put16(header, 2, walk->at.destination_port);
    if (tcp) {
        put_bits(header, 12, 0, 0x0f);
        put_bits(header, 13, TCP_FLAG_SYN, 0xff);
    }
}

bool packet_load(const struct walk *walk, enum nft_hook hook, uint32_t base, uint32_t offset, uint32_t length,
                 uint8_t *bytes, uint8_t *known)
{
    struct header header = {0};
    memset(bytes, 0, length);
    memset(known, 0, length);
    switch (base) {
    case NFT_PAYLOAD_LL_HEADER:
        if (!walk->at.has_macs || hook == HOOK_OUTPUT)
            return false; /* nothing there yet: nft_payload_eval() breaks */
        ethernet_header(walk, &header);
        break;
    case NFT_PAYLOAD_NETWORK_HEADER:
        walk->packet->family == FAMILY_IP4 ? ip4_header(walk, &header) : ip6_header(walk, &header);
        break;
    case NFT_PAYLOAD_TRANSPORT_HEADER:
        transport_header(walk, &header);
        break;
    default:
        return true; /* of the payload nothing is known */
    }
    for (uint32_t i = 0; i < length && offset + i < header.length; i++) {
        bytes[i] = header.bytes[offset + i] & header.known[offset + i];
        known[i] = header.known[offset + i];
    }
    return true;
}

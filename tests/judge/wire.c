/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/judge/judge.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#define TCP_LENGTH        20
#define UDP_LENGTH        8
#define PAYLOAD_LENGTH    8 /* token twice */
#define TCP_SYN           0x02
#define TCP_RST           0x04
#define TCP_ACK           0x10
#define ICMP4_UNREACHABLE 3
#define ICMP6_UNREACHABLE 1

uint32_t socket_address(struct address address, uint16_t port, struct sockaddr_storage *ret_address)
{
    uint8_t bytes[16] = {0};
    address_to_bytes(address, bytes);
    memset(ret_address, 0, sizeof(*ret_address));
    if (address.family == FAMILY_IP6) {
        struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)ret_address;
        ip6->sin6_family = AF_INET6;
        ip6->sin6_port = htons(port);
        memcpy(&ip6->sin6_addr, bytes, sizeof(ip6->sin6_addr));
        return sizeof(*ip6);
    }
    struct sockaddr_in *ip4 = (struct sockaddr_in *)ret_address;
    ip4->sin_family = AF_INET;
    ip4->sin_port = htons(port);
    memcpy(&ip4->sin_addr, bytes, sizeof(ip4->sin_addr));
    return sizeof(*ip4);
}

/* ---- making ---- */

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += get16(bytes + i);
    return length % 2 ? sum + ((uint32_t)bytes[length - 1] << 8) : sum;
}

static uint16_t sum_finish(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static size_t transport_bytes(const struct shot *shot, uint8_t *at)
{
    bool tcp = shot->protocol == PROTOCOL_TCP;
    size_t length = tcp ? TCP_LENGTH : UDP_LENGTH + PAYLOAD_LENGTH;
    memset(at, 0, length);
    put16(at, shot->source_port);
    put16(at + 2, shot->destination_port);
    if (tcp) {
        put32(at + 4, shot->token);
        at[12] = TCP_LENGTH / 4 << 4;
        at[13] = TCP_SYN;
        put16(at + 14, 64240);
    } else {
        put16(at + 4, (uint32_t)length);
        put32(at + 8, shot->token);
        put32(at + 12, ~shot->token);
    }
    uint8_t addresses[32];
    size_t count = address_to_bytes(shot->source, addresses);
    count += address_to_bytes(shot->destination, addresses + count);
    uint32_t sum = sum_add(shot->protocol + (uint32_t)length, addresses, count);
    uint16_t check = sum_finish(sum_add(sum, at, length));
    put16(at + (tcp ? 16 : 6), !tcp && check == 0 ? 0xffff : check);
    return length;
}

size_t shot_bytes(const struct shot *shot, uint8_t bytes[PACKET_MAX])
{
    if (shot->family == FAMILY_IP6) {
        size_t length = transport_bytes(shot, bytes + 40);
        memset(bytes, 0, 40);
        bytes[0] = 0x60;
        put16(bytes + 4, (uint32_t)length);
        bytes[6] = shot->protocol;
        bytes[7] = 64;
        address_to_bytes(shot->source, bytes + 8);
        address_to_bytes(shot->destination, bytes + 24);
        return 40 + length;
    }
    size_t length = transport_bytes(shot, bytes + 20);
    memset(bytes, 0, 20);
    bytes[0] = 0x45;
    put16(bytes + 2, (uint32_t)(20 + length));
    put16(bytes + 4, shot->token);
    bytes[6] = 0x40;
    bytes[8] = 64;
    bytes[9] = shot->protocol;
    address_to_bytes(shot->source, bytes + 12);
    address_to_bytes(shot->destination, bytes + 16);
    put16(bytes + 10, sum_finish(sum_add(0, bytes, 20)));
    return 20 + length;
}

size_t shot_frame(const struct shot *shot, const uint8_t destination[6], const uint8_t source[6],
                  uint8_t bytes[PACKET_MAX + 14])
{
    memcpy(bytes, destination, 6);
    memcpy(bytes + 6, source, 6);
    put16(bytes + 12, shot->family == FAMILY_IP4 ? ETH_P_IP : ETH_P_IPV6);
    return 14 + shot_bytes(shot, bytes + 14);
}

/* ---- recognising ---- */

/* An IP packet up to its transport header: where that begins, and the protocol. */
static size_t ip_parse(const uint8_t *bytes, size_t length, uint8_t *ret_protocol,
                       struct address *ret_destination)
{
    if (length >= 20 && bytes[0] >> 4 == 4) {
        *ret_protocol = bytes[9];
        *ret_destination = address_from_bytes(bytes + 16, 4);
        return (size_t)(bytes[0] & 15) * 4;
    }
    if (length >= 40 && bytes[0] >> 4 == 6) {
        *ret_protocol = bytes[6];
        *ret_destination = address_from_bytes(bytes + 24, 16);
        return 40;
    }
    return length;
}

/* The token of one of our probes, from its transport header on. */
static bool token_read(const uint8_t *bytes, size_t length, uint8_t protocol, uint32_t *ret_token)
{
    if (protocol == PROTOCOL_TCP && length >= 8) {
        *ret_token = get32(bytes + 4);
        return true;
    }
    if (protocol == PROTOCOL_UDP && length >= 16) {
        *ret_token = get32(bytes + 8);
        return get32(bytes + 12) == ~*ret_token;
    }
    return false;
}

static void recognise_tcp(const uint8_t *bytes, size_t length, struct seen *seen)
{
    if (length < TCP_LENGTH)
        return;
    if (bytes[13] & TCP_RST) {
        seen->is_answer = true;
        seen->answer = ANSWER_TCP_RESET;
        seen->token = get32(bytes + 8) - 1; /* it acknowledges the SYN */
    } else if ((bytes[13] & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
        seen->is_probe = true;
        seen->token = get32(bytes + 4);
    }
    seen->port = (uint16_t)get16(bytes + 2);
}

static void recognise_icmp(const uint8_t *bytes, size_t length, bool ip6, struct seen *seen)
{
    struct address ignored;
    uint8_t protocol = 0;
    if (length < 8 || bytes[0] != (ip6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE))
        return;
    size_t inner = ip_parse(bytes + 8, length - 8, &protocol, &ignored);
    if (inner >= length - 8)
        return;
    seen->is_answer = token_read(bytes + 8 + inner, length - 8 - inner, protocol, &seen->token);
    seen->answer = ANSWER_ICMP;
    seen->icmp_type = bytes[0];
    seen->icmp_code = bytes[1];
}

struct seen packet_recognise(const uint8_t *bytes, size_t length)
{
    struct seen seen = {0};
    uint8_t protocol = 0;
    size_t at = ip_parse(bytes, length, &protocol, &seen.destination);
    if (at >= length)
        return seen;
    bytes += at;
    length -= at;
    if (protocol == PROTOCOL_TCP)
        recognise_tcp(bytes, length, &seen);
    else if (protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMP6)
        recognise_icmp(bytes, length, protocol == PROTOCOL_ICMP6, &seen);
    else if (protocol == PROTOCOL_UDP && token_read(bytes, length, protocol, &seen.token)) {
        seen.is_probe = true;
        seen.port = (uint16_t)get16(bytes + 2);
    }
    return seen;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/packet.h"

#include <string.h>

enum {
    FLAG_SYN = 0x02,
    FLAG_RST = 0x04,
    FLAG_ACK = 0x10,
    PROTOCOL_ICMP4 = 1,
    PROTOCOL_ICMP6 = 58,
    SYN_LENGTH = 24,
    RESET_LENGTH = 20,
    DATAGRAM_LENGTH = 8 + SHOT_TOKEN_LENGTH,
    TTL = 64,
    WINDOW = 64240,
};

static void put16(uint8_t *bytes, unsigned value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static void put32(uint8_t *bytes, uint32_t value)
{
    put16(bytes, value >> 16);
    put16(bytes + 2, value & 0xffff);
}

static uint16_t get16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t get32(const uint8_t *bytes)
{
    return (uint32_t)get16(bytes) << 16 | get16(bytes + 2);
}

/* ---- write ---- */

void tuple_set_address(uint8_t bytes[16], struct address address)
{
    memset(bytes, 0, 16);
    (void)address_to_bytes(address, bytes);
}

struct address tuple_address(const uint8_t bytes[16], uint8_t family)
{
    return address_from_bytes(bytes, family == 4 ? 4 : 16);
}

void packet_token(uint8_t token[SHOT_TOKEN_LENGTH], const uint8_t scan[8], uint32_t cookie)
{
    memcpy(token, scan, 8);
    put32(token + 8, cookie);
    put32(token + 12, ~cookie);
}

static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += get16(bytes + i);
    if (length & 1)
        sum += (uint32_t)bytes[length - 1] << 8;
    return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* RFC 9293, 3.1 and RFC 8200, 8.1: the pseudo headers of both families add up to the same sum of words. */
static uint16_t transport_sum(const uint8_t *bytes, size_t length, const struct shot_tuple *tuple)
{
    size_t width = tuple->family == 4 ? 4 : 16;
    uint32_t sum = tuple->protocol + (uint32_t)length;

    sum = sum_add(sum, tuple->source, width);
    sum = sum_add(sum, tuple->destination, width);
    return sum_fold(sum_add(sum, bytes, length));
}

static size_t put_tcp(uint8_t *bytes, const struct shot_tuple *tuple, bool reset, uint32_t sequence)
{
    size_t length = reset ? RESET_LENGTH : SYN_LENGTH;

    memset(bytes, 0, length);
    put16(bytes, tuple->source_port);
    put16(bytes + 2, tuple->port);
    put32(bytes + 4, sequence);
    bytes[12] = (uint8_t)(length / 4 << 4);
    bytes[13] = reset ? FLAG_RST : FLAG_SYN;
    if (!reset) {
        put16(bytes + 14, WINDOW);
        bytes[20] = 2; /* maximum segment size: a SYN without it is odd enough for some rules */
        bytes[21] = 4;
        put16(bytes + 22, tuple->family == 4 ? 1460 : 1440);
    }
    put16(bytes + 16, transport_sum(bytes, length, tuple));
    return length;
}

static size_t put_udp(uint8_t *bytes, const struct shot_tuple *tuple, uint32_t cookie, const uint8_t scan[8])
{
    uint16_t sum;

    put16(bytes, tuple->source_port);
    put16(bytes + 2, tuple->port);
    put16(bytes + 4, DATAGRAM_LENGTH);
    put16(bytes + 6, 0);
    packet_token(bytes + 8, scan, cookie);
    sum = transport_sum(bytes, DATAGRAM_LENGTH, tuple);
    put16(bytes + 6, sum ? sum : 0xffff);
    return DATAGRAM_LENGTH;
}

size_t packet_transport(uint8_t *bytes, const struct shot_tuple *tuple, enum packet_content content,
                        uint32_t cookie, const uint8_t scan[8])
{
    if (content == CONTENT_DATAGRAM)
        return put_udp(bytes, tuple, cookie, scan);
    return put_tcp(bytes, tuple, content == CONTENT_RESET, content == CONTENT_RESET ? cookie + 1 : cookie);
}

static size_t put_ip4(uint8_t *bytes, const struct shot_tuple *tuple, size_t payload, uint32_t cookie)
{
    memset(bytes, 0, 20);
    bytes[0] = 0x45;
    put16(bytes + 2, (unsigned)(20 + payload));
    put16(bytes + 4, cookie >> 16);
    bytes[6] = 0x40; /* don't fragment, as every TCP does */
    bytes[8] = TTL;
    bytes[9] = tuple->protocol;
    memcpy(bytes + 12, tuple->source, 4);
    memcpy(bytes + 16, tuple->destination, 4);
    put16(bytes + 10, sum_fold(sum_add(0, bytes, 20)));
    return 20;
}

static size_t put_ip6(uint8_t *bytes, const struct shot_tuple *tuple, size_t payload)
{
    memset(bytes, 0, 8);
    bytes[0] = 0x60;
    put16(bytes + 4, (unsigned)payload);
    bytes[6] = tuple->protocol;
    bytes[7] = TTL;
    memcpy(bytes + 8, tuple->source, 16);
    memcpy(bytes + 24, tuple->destination, 16);
    return 40;
}

size_t packet_ip(uint8_t *bytes, const struct shot_tuple *tuple, enum packet_content content, uint32_t cookie,
                 const uint8_t scan[8])
{
    size_t header = tuple->family == 4 ? 20 : 40;
    size_t payload = packet_transport(bytes + header, tuple, content, cookie, scan);

    if (tuple->family == 4)
        put_ip4(bytes, tuple, payload, cookie);
    else
        put_ip6(bytes, tuple, payload);
    return header + payload;
}

/* ---- read ---- */

/* Length of the IP header, or 0; fills family, protocol and addresses. */
static size_t read_ip(const uint8_t *bytes, size_t length, struct shot_tuple *tuple)
{
    memset(tuple, 0, sizeof(*tuple));
    if (length >= 20 && bytes[0] >> 4 == 4) {
        size_t header = (size_t)(bytes[0] & 15) * 4;

        if (header < 20 || header > length || (get16(bytes + 6) & 0x1fff))
            return 0;
        tuple->family = 4;
        tuple->protocol = bytes[9];
        memcpy(tuple->source, bytes + 12, 4);
        memcpy(tuple->destination, bytes + 16, 4);
        return header;
    }
    if (length < 40 || bytes[0] >> 4 != 6)
        return 0;
    tuple->family = 6;
    tuple->protocol = bytes[6];
    memcpy(tuple->source, bytes + 8, 16);
    memcpy(tuple->destination, bytes + 24, 16);
    return 40;
}

static bool read_ports(const uint8_t *bytes, size_t length, struct shot_tuple *tuple)
{
    if (length < 4)
        return false;
    tuple->source_port = get16(bytes);
    tuple->port = get16(bytes + 2);
    return true;
}

static void set_cookie(struct sight *sight, uint32_t cookie)
{
    sight->has_cookie = true;
    sight->cookie = cookie;
}

void packet_read_tcp(const uint8_t *bytes, size_t length, struct sight *sight)
{
    uint8_t flags;

    sight->kind = SIGHT_NONE;
    sight->has_cookie = false;
    if (length < 20 || !read_ports(bytes, length, &sight->tuple))
        return;
    flags = bytes[13] & (FLAG_SYN | FLAG_RST | FLAG_ACK);
    if (flags == FLAG_SYN) {
        sight->kind = SIGHT_SHOT;
        set_cookie(sight, get32(bytes + 4));
    } else if (flags == FLAG_RST) {
        sight->kind = SIGHT_RESET;
        set_cookie(sight, get32(bytes + 4) - 1);
    } else if (flags == (FLAG_SYN | FLAG_ACK)) {
        sight->kind = SIGHT_SYN_ACK;
        set_cookie(sight, get32(bytes + 8) - 1);
    } else if (flags & FLAG_RST) {
        sight->kind = SIGHT_REFUSAL;
        set_cookie(sight, get32(bytes + 8) - 1);
    }
}

bool packet_read_token(const uint8_t *bytes, size_t length, const uint8_t scan[8], uint32_t *ret_cookie)
{
    if (length < SHOT_TOKEN_LENGTH || memcmp(bytes, scan, 8) != 0 || get32(bytes + 8) != ~get32(bytes + 12))
        return false;
    *ret_cookie = get32(bytes + 8);
    return true;
}

static void read_udp(const uint8_t *bytes, size_t length, const uint8_t scan[8], struct sight *sight)
{
    uint32_t cookie;

    if (length < 8 || !read_ports(bytes, length, &sight->tuple))
        return;
    sight->kind = SIGHT_ANSWER;
    if (packet_read_token(bytes + 8, length - 8, scan, &cookie)) {
        sight->kind = SIGHT_SHOT;
        set_cookie(sight, cookie);
    }
}

static bool is_error(uint8_t family, uint8_t type)
{
    if (family == 4)
        return type == 3 || type == 11 || type == 12;
    return type < 128;
}

void packet_read_icmp(const uint8_t *bytes, size_t length, const uint8_t scan[8], struct sight *sight)
{
    size_t header;
    uint32_t cookie;

    sight->kind = SIGHT_NONE;
    sight->has_cookie = false;
    if (length < 8 || !is_error(sight->tuple.family, bytes[0]))
        return;
    header = read_ip(bytes + 8, length - 8, &sight->quoted);
    if (header == 0 || !read_ports(bytes + 8 + header, length - 8 - header, &sight->quoted))
        return;
    sight->icmp_type = bytes[0];
    sight->icmp_code = bytes[1];
    bytes += 8 + header;
    length -= 8 + header;
    if (sight->quoted.protocol == SHOT_TCP && length >= 8) {
        sight->kind = SIGHT_ERROR;
        set_cookie(sight, get32(bytes + 4));
    } else if (sight->quoted.protocol == SHOT_UDP) {
        sight->kind = SIGHT_ERROR;
        if (length >= 8 && packet_read_token(bytes + 8, length - 8, scan, &cookie))
            set_cookie(sight, cookie);
    }
}

void packet_read(const uint8_t *bytes, size_t length, const uint8_t scan[8], struct sight *ret_sight)
{
    struct sight sight = {.kind = SIGHT_NONE};
    size_t header = read_ip(bytes, length, &sight.tuple);

    if (header && sight.tuple.protocol == SHOT_TCP)
        packet_read_tcp(bytes + header, length - header, &sight);
    else if (header && sight.tuple.protocol == SHOT_UDP)
        read_udp(bytes + header, length - header, scan, &sight);
    else if (header && (sight.tuple.protocol == PROTOCOL_ICMP4 || sight.tuple.protocol == PROTOCOL_ICMP6))
        packet_read_icmp(bytes + header, length - header, scan, &sight);
    *ret_sight = sight;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Recognises a shot's packet, its reset and its answers; shared by the programs on netfilter hooks and on
 * TCX. The including file gives `fetch(packet, offset, to, length)`, which copies bytes counted from the
 * network header.
 */
#ifndef POSTERN_SCANNER_PROBE_BPF_MATCH_H
#define POSTERN_SCANNER_PROBE_BPF_MATCH_H

#include "shot.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define INLINE static __attribute__((always_inline)) inline

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct shot);
} cookies SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct shot_tuple);
    __type(value, __u32);
} tuples SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct shot_record);
} records SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct shot_settings);
} settings SEC(".maps");

enum packet_kind {
    PACKET_OTHER,
    PACKET_SHOT,
    PACKET_RESET,   /* that ends a half-open connection of ours */
    PACKET_SYN_ACK, /* from here on: answers */
    PACKET_REFUSAL,
    PACKET_ERROR,
    PACKET_ANSWER,
};

enum {
    FLAG_SYN = 2,
    FLAG_RST = 4,
    FLAG_ACK = 16,
    PROTOCOL_ICMP4 = 1,
    PROTOCOL_ICMP6 = 58,
};

/* The IP header of a packet, or of the packet that an ICMP error quotes. */
struct ip {
    struct shot_tuple tuple; /* as the packet itself says; ports 0 until read */
    __u32 payload;           /* offset of the header behind it */
};

struct tcp {
    __u16 source_port, port;
    __u32 sequence, acknowledgement;
    __u8 offset, flags;
    __u16 window;
};

struct packet {
    void *bytes; /* what fetch() reads from */
    struct ip ip;
    enum packet_kind kind;
    __u8 icmp_type, icmp_code;
    int quotes_reset; /* the error is no answer to the shot */
};

INLINE long fetch(void *bytes, __u32 offset, void *to, __u32 length);

INLINE int read_ip(void *bytes, __u32 offset, struct ip *ip)
{
    __u8 header[40];

    __builtin_memset(ip, 0, sizeof(*ip));
    if (fetch(bytes, offset, header, 20))
        return -1;
    if (header[0] >> 4 == 4) {
        ip->tuple.family = 4;
        ip->tuple.protocol = header[9];
        if ((header[6] & 0x1f) || header[7])
            return -1; /* a later fragment has no ports; ours are never cut */
        __builtin_memcpy(ip->tuple.source, header + 12, 4);
        __builtin_memcpy(ip->tuple.destination, header + 16, 4);
        ip->payload = offset + (header[0] & 15) * 4;
        return 0;
    }
    if (header[0] >> 4 != 6 || fetch(bytes, offset, header, 40))
        return -1;
    ip->tuple.family = 6;
    ip->tuple.protocol = header[6];
    __builtin_memcpy(ip->tuple.source, header + 8, 16);
    __builtin_memcpy(ip->tuple.destination, header + 24, 16);
    ip->payload = offset + 40;
    return 0;
}

INLINE struct shot *by_cookie(__u32 cookie)
{
    return bpf_map_lookup_elem(&cookies, &cookie);
}

INLINE struct shot *by_tuple(const struct shot_tuple *tuple)
{
    __u32 *cookie = bpf_map_lookup_elem(&tuples, tuple);

    return cookie ? by_cookie(*cookie) : 0;
}

INLINE void turn(const struct shot_tuple *tuple, struct shot_tuple *turned)
{
    *turned = *tuple;
    __builtin_memcpy(turned->source, tuple->destination, 16);
    __builtin_memcpy(turned->destination, tuple->source, 16);
    turned->source_port = tuple->port;
    turned->port = tuple->source_port;
}

INLINE int ours(__u16 port)
{
    __u32 zero = 0;
    struct shot_settings *values = bpf_map_lookup_elem(&settings, &zero);

    return values && port >= values->first_port && port <= values->last_port;
}

/*
 * A cookie is 32 bits, and rewrites may have changed one of the ports: with the family, the protocol and the
 * other port beside it no stranger's packet is taken for ours.
 */
INLINE struct shot *confirm(struct shot *shot, const struct shot_tuple *tuple, __u16 client, __u16 server)
{
    if (!shot || shot->tuple.family != tuple->family || shot->tuple.protocol != tuple->protocol)
        return 0;
    if (shot->tuple.source_port == client || shot->tuple.port == server || shot->target_port == server)
        return shot;
    return 0;
}

INLINE struct shot *answered_tuple(struct packet *packet)
{
    struct shot_tuple turned;

    if (!ours(packet->ip.tuple.port))
        return 0;
    turn(&packet->ip.tuple, &turned);
    packet->kind = PACKET_ANSWER;
    return by_tuple(&turned);
}

INLINE struct shot *match_tcp(struct packet *packet)
{
    struct shot_tuple *tuple = &packet->ip.tuple;
    struct shot *shot = 0;
    struct tcp tcp;
    __u8 flags;

    if (fetch(packet->bytes, packet->ip.payload, &tcp, sizeof(tcp)))
        return 0;
    tuple->source_port = bpf_ntohs(tcp.source_port);
    tuple->port = bpf_ntohs(tcp.port);
    flags = tcp.flags & (FLAG_SYN | FLAG_RST | FLAG_ACK);
    if (flags == FLAG_SYN || flags == FLAG_RST) {
        packet->kind = flags == FLAG_SYN ? PACKET_SHOT : PACKET_RESET;
        shot = by_cookie(bpf_ntohl(tcp.sequence) - (flags == FLAG_RST));
        shot = confirm(shot, tuple, tuple->source_port, tuple->port);
    } else if (flags & (FLAG_SYN | FLAG_RST)) {
        packet->kind = flags & FLAG_RST ? PACKET_REFUSAL : PACKET_SYN_ACK;
        shot = by_cookie(bpf_ntohl(tcp.acknowledgement) - 1);
        shot = confirm(shot, tuple, tuple->port, tuple->source_port);
    }
    return shot ? shot : answered_tuple(packet);
}

INLINE __u32 word(const __u8 *bytes)
{
    return (__u32)bytes[0] << 24 | (__u32)bytes[1] << 16 | (__u32)bytes[2] << 8 | bytes[3];
}

INLINE struct shot *by_token(void *bytes, __u32 offset)
{
    __u32 zero = 0, difference = 0;
    struct shot_settings *values = bpf_map_lookup_elem(&settings, &zero);
    __u8 token[SHOT_TOKEN_LENGTH];

    if (!values || fetch(bytes, offset, token, sizeof(token)))
        return 0;
    for (int i = 0; i < 8; i++)
        difference |= token[i] ^ values->scan[i];
    if (difference || word(token + 8) != ~word(token + 12))
        return 0;
    return by_cookie(word(token + 8));
}

INLINE int read_ports(void *bytes, struct ip *ip)
{
    __u16 ports[2];

    if (fetch(bytes, ip->payload, ports, sizeof(ports)))
        return -1;
    ip->tuple.source_port = bpf_ntohs(ports[0]);
    ip->tuple.port = bpf_ntohs(ports[1]);
    return 0;
}

INLINE struct shot *match_udp(struct packet *packet)
{
    struct shot *shot;

    if (read_ports(packet->bytes, &packet->ip))
        return 0;
    packet->kind = PACKET_SHOT;
    shot = by_token(packet->bytes, packet->ip.payload + 8);
    if (shot && shot->tuple.protocol == SHOT_UDP)
        return shot;
    return answered_tuple(packet);
}

/* A quoted SYN has the cookie, a quoted reset one more. */
INLINE struct shot *match_quoted_tcp(void *bytes, struct ip *inner, int *reset)
{
    struct shot *shot;
    __u32 sequence;

    if (fetch(bytes, inner->payload + 4, &sequence, 4))
        return 0;
    sequence = bpf_ntohl(sequence);
    shot = confirm(by_cookie(sequence), &inner->tuple, inner->tuple.source_port, inner->tuple.port);
    if (shot)
        return shot;
    *reset = 1;
    return confirm(by_cookie(sequence - 1), &inner->tuple, inner->tuple.source_port, inner->tuple.port);
}

/*
 * What an ICMP error quotes: our packet, maybe with rewritten addresses, and as few as eight bytes behind its
 * header.
 */
INLINE struct shot *match_quoted(void *bytes, __u32 offset, int *reset)
{
    struct shot *shot = 0;
    struct ip inner;

    if (read_ip(bytes, offset, &inner) || read_ports(bytes, &inner))
        return 0;
    if (inner.tuple.protocol == SHOT_TCP)
        shot = match_quoted_tcp(bytes, &inner, reset);
    else if (inner.tuple.protocol == SHOT_UDP)
        shot = by_token(bytes, inner.payload + 8);
    else
        return 0;
    if (!shot && ours(inner.tuple.source_port))
        shot = by_tuple(&inner.tuple);
    return shot;
}

/* A redirect of IPv6 (RFC 4861, 4.5) carries the packet in an option, maybe behind the link-layer address. */
INLINE __u32 redirected(void *bytes, __u32 offset)
{
    __u8 option[2];

    if (fetch(bytes, offset + 40, option, 2))
        return 0;
    if (option[0] == 2) {
        if (fetch(bytes, offset + 48, option, 2))
            return 0;
        return option[0] == 4 ? offset + 56 : 0;
    }
    return option[0] == 4 ? offset + 48 : 0;
}

INLINE struct shot *match_icmp(struct packet *packet)
{
    __u32 offset = packet->ip.payload, quoted = offset + 8;
    __u8 header[2];
    int error;

    if (fetch(packet->bytes, offset, header, 2))
        return 0;
    if (packet->ip.tuple.protocol == PROTOCOL_ICMP4)
        error = header[0] == 3 || header[0] == 5 || header[0] == 11 || header[0] == 12;
    else
        error = header[0] < 128 || header[0] == 137;
    if (packet->ip.tuple.protocol == PROTOCOL_ICMP6 && header[0] == 137)
        quoted = redirected(packet->bytes, offset);
    if (!error || !quoted)
        return 0;
    packet->kind = PACKET_ERROR;
    packet->icmp_type = header[0];
    packet->icmp_code = header[1];
    return match_quoted(packet->bytes, quoted, &packet->quotes_reset);
}

/* The shot that the packet belongs to, and as what (packet->kind); 0: none. */
INLINE struct shot *match(struct packet *packet)
{
    if (read_ip(packet->bytes, 0, &packet->ip))
        return 0;
    if (packet->ip.tuple.protocol == SHOT_TCP)
        return match_tcp(packet);
    if (packet->ip.tuple.protocol == SHOT_UDP)
        return match_udp(packet);
    if (packet->ip.tuple.protocol == PROTOCOL_ICMP4 || packet->ip.tuple.protocol == PROTOCOL_ICMP6)
        return match_icmp(packet);
    return 0;
}

INLINE struct shot_record *record_of(struct shot *shot)
{
    __u32 index = shot->index;

    return bpf_map_lookup_elem(&records, &index);
}

INLINE int is_redirect(const struct packet *packet)
{
    return packet->icmp_type == (packet->ip.tuple.protocol == PROTOCOL_ICMP4 ? 5 : 137);
}

INLINE void note_answer(struct shot_record *record, const struct packet *packet)
{
    if (packet->kind == PACKET_ERROR && (packet->quotes_reset || is_redirect(packet)))
        return; /* "there is a shorter way" answers nothing */
    if (!record->answered_ns)
        record->answered_ns = bpf_ktime_get_ns();
    if (packet->kind == PACKET_ERROR) {
        record->icmp_family = packet->ip.tuple.family;
        record->icmp_type = packet->icmp_type;
        record->icmp_code = packet->icmp_code;
        __builtin_memcpy(record->answered_by, packet->ip.tuple.source, 16);
        __sync_fetch_and_add(&record->errors, 1);
    } else if (packet->kind == PACKET_SYN_ACK) {
        record->syn_ack_ns = bpf_ktime_get_ns();
        __sync_fetch_and_add(&record->syn_acks, 1);
    } else if (packet->kind == PACKET_REFUSAL) {
        __sync_fetch_and_add(&record->resets, 1);
    } else {
        __sync_fetch_and_add(&record->others, 1);
    }
}

#endif

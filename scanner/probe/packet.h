/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets as bytes: builds what is sent, reads what was captured or received. Pure functions over (bytes,
 * length); formats are those of RFC 791, 8200, 9293, 768, 792 and 4443.
 */
#ifndef POSTERN_SCANNER_PROBE_PACKET_H
#define POSTERN_SCANNER_PROBE_PACKET_H

#include "netns/base/address.h"
#include "scanner/probe/bpf/shot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET_MAX = 128 };

/* Fills a tuple's 16 address bytes (IPv4 in the first four, the rest zero), and reads them. */
void tuple_set_address(uint8_t bytes[16], struct address address);
struct address tuple_address(const uint8_t bytes[16], uint8_t family);

/* Writes the scan's 8 bytes, the cookie and its inverse. */
void packet_token(uint8_t token[SHOT_TOKEN_LENGTH], const uint8_t scan[8], uint32_t cookie);

/* True where (bytes, length) begins with a token of the scan. */
bool packet_read_token(const uint8_t *bytes, size_t length, const uint8_t scan[8], uint32_t *ret_cookie);

/* What a TCP segment or datagram of ours is. */
enum packet_content { CONTENT_SYN, CONTENT_RESET, CONTENT_DATAGRAM };

/*
 * The transport part alone (TCP SYN with a MSS option, RST with sequence cookie + 1, or a UDP datagram with
 * its token), with its checksum over the pseudo header. Returns its length; bytes has room for PACKET_MAX.
 */
size_t packet_transport(uint8_t *bytes, const struct shot_tuple *tuple, enum packet_content content,
                        uint32_t cookie, const uint8_t scan[8]);
/* The same with an IP header before it (TTL 64). Returns the length. */
size_t packet_ip(uint8_t *bytes, const struct shot_tuple *tuple, enum packet_content content, uint32_t cookie,
                 const uint8_t scan[8]);

/* What a captured or received packet says about a shot. */
enum sight_kind {
    SIGHT_NONE, /* not a packet of this scan, as far as it can be read */
    SIGHT_SHOT,
    SIGHT_RESET, /* RST of ours, or of the sender's kernel */
    SIGHT_SYN_ACK,
    SIGHT_REFUSAL, /* RST of the target's side */
    SIGHT_ERROR,   /* ICMP */
    SIGHT_ANSWER,  /* anything else that comes back: UDP */
};

struct sight {
    enum sight_kind kind;
    struct shot_tuple tuple;  /* of the packet itself */
    struct shot_tuple quoted; /* SIGHT_ERROR: of the packet in it */
    /* Sequence number of the shot that it is, answers or quotes; a datagram's from its token. */
    bool has_cookie; /* false: the tuple decides (a UDP answer, a short quotation) */
    uint32_t cookie;
    uint8_t icmp_type, icmp_code;
};

/*
 * Reads a packet from its IP header on. Truncated, fragmented and strange packets give SIGHT_NONE. scan:
 * tokens must bear it.
 */
void packet_read(const uint8_t *bytes, size_t length, const uint8_t scan[8], struct sight *ret_sight);
/* The same for a packet from its TCP header on, as raw IPv6 sockets give it; tuple has family and addresses.
 */
void packet_read_tcp(const uint8_t *bytes, size_t length, struct sight *sight);
/* And for an ICMP message (family tells which) from its header on. */
void packet_read_icmp(const uint8_t *bytes, size_t length, const uint8_t scan[8], struct sight *sight);

#endif

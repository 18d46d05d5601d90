/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IP addresses of both families as one number, prefixes, hardware addresses: parse, print, compare.
 */
#ifndef POSTERN_NETNS_BASE_ADDRESS_H
#define POSTERN_NETNS_BASE_ADDRESS_H

#include "netns/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

__extension__ typedef unsigned __int128 u128;

enum ip_family { FAMILY_NONE = 0, FAMILY_IP4 = 4, FAMILY_IP6 = 6 };

/* An address of either family, in host order: IPv4 in the low 32 bits. Compared by == on both members. */
struct address {
    enum ip_family family; /* FAMILY_NONE: no address */
    u128 value;
};

struct prefix {
    struct address address; /* host bits are kept where they came so; prefix_first() clears them */
    uint8_t length;         /* 0..32 or 0..128 */
};

#define ADDRESS_TEXT_MAX 64 /* longest printed address or prefix, with NUL */
#define MAC_TEXT_MAX     18

struct mac {
    uint8_t bytes[6];
};

/* Words of the contract: "ip4", "ip6". */
const char *family_name(enum ip_family family);
enum ip_family family_parse(const char *name); /* FAMILY_NONE: not one */
int family_af(enum ip_family family);          /* AF_INET, AF_INET6 */
enum ip_family family_from_af(int af);
unsigned family_bits(enum ip_family family); /* 32, 128 */
u128 family_max(enum ip_family family);      /* all ones */

/* network-order bytes (4 or 16; RTA_DST and the like) to an address; FAMILY_NONE on any other length */
struct address address_from_bytes(const void *bytes, size_t length);
/* writes 4 or 16 network-order bytes and returns their number */
size_t address_to_bytes(struct address address, uint8_t bytes[16]);
struct address address_from_sockaddr(const struct sockaddr *sockaddr);
struct address address_ip4(uint32_t host_order);
bool address_equal(struct address a, struct address b);
int address_compare(struct address a, struct address b); /* by family, then value */
bool address_is_any(struct address address);             /* 0.0.0.0, :: */
bool address_is_loopback(struct address address);        /* 127/8, ::1 */
bool address_is_multicast(struct address address);
bool address_is_link_local(struct address address); /* 169.254/16, fe80::/10 */
bool address_is_global(struct address address);     /* neither of these nor private (RFC 1918, ULA),
                                                       documentation, CGNAT, reserved */
/* inet_pton forms only; -EINVAL with "bad-address" */
int address_parse(const char *text, struct address *ret_address, struct error *error);
/* inet_ntop form into a buffer of ADDRESS_TEXT_MAX; returns it. FAMILY_NONE prints "". */
const char *address_print(struct address address, char text[ADDRESS_TEXT_MAX]);
/* address of its own storage for one expression: ADDRESS_TEXT(a) */
#define ADDRESS_TEXT(address) address_print((address), (char[ADDRESS_TEXT_MAX]){0})

/* "10.0.0.0/8", "::/0"; a bare address is a full-length prefix. Host bits set: -EINVAL when strict. */
int prefix_parse(const char *text, bool strict, struct prefix *ret_prefix, struct error *error);
const char *prefix_print(struct prefix prefix, char text[ADDRESS_TEXT_MAX]);
#define PREFIX_TEXT(prefix) prefix_print((prefix), (char[ADDRESS_TEXT_MAX]){0})
bool prefix_contains(struct prefix prefix, struct address address); /* families must agree */
struct address prefix_first(struct prefix prefix);
struct address prefix_last(struct prefix prefix);
struct prefix prefix_all(enum ip_family family); /* 0.0.0.0/0, ::/0 */

int mac_parse(const char *text, struct mac *ret_mac);
const char *mac_print(struct mac mac, char text[MAC_TEXT_MAX]);

#endif

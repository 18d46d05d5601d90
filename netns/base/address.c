/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ---- families ---- */
const char *family_name(enum ip_family family)
{
    return family == FAMILY_IP4 ? "ip4" : family == FAMILY_IP6 ? "ip6" : "none";
}

enum ip_family family_parse(const char *name)
{
    if (!name)
        return FAMILY_NONE;
    return strcmp(name, "ip4") == 0 ? FAMILY_IP4 : strcmp(name, "ip6") == 0 ? FAMILY_IP6 : FAMILY_NONE;
}

int family_af(enum ip_family family)
{
    return family == FAMILY_IP4 ? AF_INET : family == FAMILY_IP6 ? AF_INET6 : AF_UNSPEC;
}

enum ip_family family_from_af(int af)
{
    return af == AF_INET ? FAMILY_IP4 : af == AF_INET6 ? FAMILY_IP6 : FAMILY_NONE;
}

unsigned family_bits(enum ip_family family)
{
    return family == FAMILY_IP4 ? 32 : family == FAMILY_IP6 ? 128 : 0;
}

/* The lowest `bits` bits set, 0..128. */
static u128 low_bits(unsigned bits)
{
    return bits >= 128 ? ~(u128)0 : ((u128)1 << bits) - 1;
}

u128 family_max(enum ip_family family)
{
    return low_bits(family_bits(family));
}

/* ---- addresses ---- */
struct address address_from_bytes(const void *bytes, size_t length)
{
    struct address address = {0};
    if (length != 4 && length != 16)
        return address;
    const uint8_t *from = bytes;
    address.family = length == 4 ? FAMILY_IP4 : FAMILY_IP6;
    for (size_t i = 0; i < length; i++)
        address.value = address.value << 8 | from[i];
    return address;
}

size_t address_to_bytes(struct address address, uint8_t bytes[16])
{
    size_t length = family_bits(address.family) / 8;
    for (size_t i = length; i > 0; i--) {
        bytes[i - 1] = (uint8_t)address.value;
        address.value >>= 8;
    }
    return length;
}

struct address address_from_sockaddr(const struct sockaddr *sockaddr)
{
    if (sockaddr && sockaddr->sa_family == AF_INET) {
        struct sockaddr_in ip4;
        memcpy(&ip4, sockaddr, sizeof(ip4));
        return address_from_bytes(&ip4.sin_addr, sizeof(ip4.sin_addr));
    }
    if (sockaddr && sockaddr->sa_family == AF_INET6) {
        struct sockaddr_in6 ip6;
        memcpy(&ip6, sockaddr, sizeof(ip6));
        return address_from_bytes(&ip6.sin6_addr, sizeof(ip6.sin6_addr));
    }
    return (struct address){0};
}

struct address address_ip4(uint32_t host_order)
{
    return (struct address){FAMILY_IP4, host_order};
}

bool address_equal(struct address a, struct address b)
{
    return a.family == b.family && a.value == b.value;
}

int address_compare(struct address a, struct address b)
{
    if (a.family != b.family)
        return a.family < b.family ? -1 : 1;
    return a.value < b.value ? -1 : a.value > b.value;
}

bool address_is_any(struct address address)
{
    return address.family != FAMILY_NONE && address.value == 0;
}

/* One block of addresses: of IPv6 the first 64 bits, none of ours is longer. */
struct block {
    uint64_t first;
    uint8_t length;
};

static bool in_block(struct address address, struct block block)
{
    unsigned shift = family_bits(address.family) - block.length;
    u128 first = address.family == FAMILY_IP6 ? (u128)block.first << 64 : block.first;
    return address.value >> shift == first >> shift;
}

bool address_is_loopback(struct address address)
{
    if (address.family == FAMILY_IP4)
        return in_block(address, (struct block){0x7f000000, 8});
    return address.family == FAMILY_IP6 && address.value == 1;
}

bool address_is_multicast(struct address address)
{
    if (address.family == FAMILY_IP4)
        return in_block(address, (struct block){0xe0000000, 4});
    return address.family == FAMILY_IP6 && in_block(address, (struct block){0xff00000000000000, 8});
}

bool address_is_link_local(struct address address)
{
    if (address.family == FAMILY_IP4)
        return in_block(address, (struct block){0xa9fe0000, 16});
    return address.family == FAMILY_IP6 && in_block(address, (struct block){0xfe80000000000000, 10});
}

/* IANA IPv4 Special-Purpose Address Registry, what is not globally reachable there; multicast, class E */
static const struct block special4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared: carrier-grade NAT */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* IETF protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relay anycast, withdrawn */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarking */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

/* IANA IPv6 Special-Purpose Address Registry, inside of 2000::/3; what is outside is not global unicast */
static const struct block special6[] = {
    {0x2001000000000000, 23}, /* IETF protocol assignments: Teredo, ORCHID, benchmarking */
    {0x20010db800000000, 32}, /* documentation */
    {0x2002000000000000, 16}, /* 6to4 */
    {0x3fff000000000000, 20}, /* documentation */
};

bool address_is_global(struct address address)
{
    const struct block *blocks = special4;
    size_t count = sizeof(special4) / sizeof(special4[0]);
    if (address.family == FAMILY_NONE)
        return false;
    if (address.family == FAMILY_IP6) {
        if (!in_block(address, (struct block){0x2000000000000000, 3}))
            return false;
        blocks = special6;
        count = sizeof(special6) / sizeof(special6[0]);
    }
    for (size_t i = 0; i < count; i++) {
        if (in_block(address, blocks[i]))
            return false;
    }
    return true;
}

/* Parses without an error object: what the public functions share. */
static bool parse(const char *text, struct address *ret_address)
{
    uint8_t bytes[16];
    size_t length = strchr(text, ':') ? 16 : 4;
    if (inet_pton(length == 16 ? AF_INET6 : AF_INET, text, bytes) != 1)
        return false;
    *ret_address = address_from_bytes(bytes, length);
    return true;
}

int address_parse(const char *text, struct address *ret_address, struct error *error)
{
    if (text && parse(text, ret_address))
        return 0;
    return error_set(error, EINVAL, "bad-address", text, "\"%s\" is not an IP address", text ? text : "");
}

const char *address_print(struct address address, char text[ADDRESS_TEXT_MAX])
{
    uint8_t bytes[16];
    text[0] = '\0';
    if (address_to_bytes(address, bytes) > 0)
        inet_ntop(family_af(address.family), bytes, text, ADDRESS_TEXT_MAX);
    return text;
}

/* ---- prefixes ---- */

/* "0".."128" without sign, blanks or leading zeros; above maximum: false. */
static bool parse_length(const char *text, unsigned maximum, uint8_t *ret_length)
{
    unsigned value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    *ret_length = (uint8_t)value;
    return value <= maximum;
}

static int bad_prefix(const char *text, const char *reason, struct error *error)
{
    return error_set(error, EINVAL, "bad-address", text, "\"%s\" is not a prefix: %s", text, reason);
}

int prefix_parse(const char *text, bool strict, struct prefix *ret_prefix, struct error *error)
{
    char bare[INET6_ADDRSTRLEN];
    struct prefix prefix = {0};
    if (!text)
        return bad_prefix("", "it is empty", error);
    size_t length = strcspn(text, "/");
    if (length >= sizeof(bare))
        return bad_prefix(text, "it is too long", error);
    memcpy(bare, text, length);
    bare[length] = '\0';
    if (!parse(bare, &prefix.address))
        return bad_prefix(text, "no IP address stands first", error);
    unsigned bits = family_bits(prefix.address.family);
    prefix.length = (uint8_t)bits;
    if (text[length] == '/' && !parse_length(text + length + 1, bits, &prefix.length))
        return bad_prefix(text, "its length is not one of its family", error);
    if (strict && !address_equal(prefix_first(prefix), prefix.address))
        return bad_prefix(text, "it has host bits", error);
    *ret_prefix = prefix;
    return 0;
}

const char *prefix_print(struct prefix prefix, char text[ADDRESS_TEXT_MAX])
{
    address_print(prefix.address, text);
    size_t length = strlen(text);
    if (length > 0)
        snprintf(text + length, ADDRESS_TEXT_MAX - length, "/%u", (unsigned)prefix.length);
    return text;
}

static u128 host_bits(struct prefix prefix)
{
    unsigned bits = family_bits(prefix.address.family);
    return low_bits(prefix.length < bits ? bits - prefix.length : 0);
}

bool prefix_contains(struct prefix prefix, struct address address)
{
    if (address.family == FAMILY_NONE || prefix.address.family != address.family)
        return false;
    return (address.value | host_bits(prefix)) == (prefix.address.value | host_bits(prefix));
}

struct address prefix_first(struct prefix prefix)
{
    prefix.address.value &= ~host_bits(prefix);
    return prefix.address;
}

struct address prefix_last(struct prefix prefix)
{
    prefix.address.value |= host_bits(prefix);
    return prefix.address;
}

struct prefix prefix_all(enum ip_family family)
{
    return (struct prefix){.address = {.family = family}};
}

/* ---- hardware addresses ---- */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int mac_parse(const char *text, struct mac *ret_mac)
{
    struct mac mac;
    if (!text || strlen(text) != MAC_TEXT_MAX - 1)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(mac.bytes); i++) {
        int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);
        char end = text[3 * i + 2];
        if (high < 0 || low < 0 || end != (i < 5 ? ':' : '\0'))
            return -EINVAL;
        mac.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret_mac = mac;
    return 0;
}

const char *mac_print(struct mac mac, char text[MAC_TEXT_MAX])
{
    const uint8_t *b = mac.bytes;
    snprintf(text, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    return text;
}

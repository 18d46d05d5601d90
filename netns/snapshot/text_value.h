/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Register values as nft writes them: the data types of nft's syntax, and their words. Internal to
 * ruleset_text.
 */
#ifndef POSTERN_NETNS_SNAPSHOT_TEXT_VALUE_H
#define POSTERN_NETNS_SNAPSHOT_TEXT_VALUE_H

#include "netns/base/memory.h"

#include <stdint.h>

enum value_type {
    VALUE_HEX, /* a number of which we know nothing: 0x... */
    VALUE_NUMBER,
    VALUE_MARK, /* 0x%08x */
    VALUE_IP4,
    VALUE_IP6,
    VALUE_MAC,
    VALUE_PORT,
    VALUE_PROTOCOL,
    VALUE_ETHERTYPE,
    VALUE_INTERFACE,       /* name; without its NUL a prefix, "eth*" */
    VALUE_INTERFACE_INDEX, /* number, or name where the caller knows it */
    VALUE_STRING,
    VALUE_PRESENCE, /* exists, missing */
    VALUE_CT_STATE,
    VALUE_CT_DIRECTION,
    VALUE_CT_STATUS,
    VALUE_CT_EVENT,
    VALUE_CT_LABEL, /* 128 bits, of which one is set */
    VALUE_TCP_FLAGS,
    VALUE_PACKET_TYPE,
    VALUE_ADDRESS_TYPE,
    VALUE_ICMP_TYPE,
    VALUE_ICMP_CODE,
    VALUE_ICMP6_TYPE,
    VALUE_ICMP6_CODE,
    VALUE_ICMPX_CODE,
    VALUE_IGMP_TYPE,
    VALUE_DCCP_TYPE,
    VALUE_MH_TYPE,
    VALUE_NFPROTO,
    VALUE_DSCP,
    VALUE_ECN,
    VALUE_ARP_OPERATION,
    VALUE_HARDWARE, /* ARPHRD_* */
    VALUE_GROUP,    /* of interfaces */
    VALUE_CLASS,    /* tc handle: 1:2 */
    VALUE_TIME,     /* nanoseconds since 1970 */
    VALUE_DAY,
    VALUE_HOUR,     /* seconds of the day, UTC */
    VALUE_DURATION, /* milliseconds */
    VALUE_VERDICT,  /* not a value of bytes */
    VALUE_TYPES
};

/* How to read and write the bytes. */
struct value_format {
    enum value_type type;
    bool network_order; /* the bytes are; else the host's */
    /* Names of interfaces by index; NULL: none are known. */
    const char *(*interface_name)(const void *context, uint32_t index);
    const void *context;
};

/* Bytes as a number; longer than 16 bytes: the first 16. */
__extension__ typedef unsigned __int128 value_number_t;
value_number_t value_number(struct bytes bytes, bool network_order);

/* Appends the value as nft writes it. */
void value_print(struct buffer *buffer, const struct value_format *format, struct bytes bytes);
/* The same for a number that stands for itself (a shifted field, a code). */
void value_print_number(struct buffer *buffer, const struct value_format *format, value_number_t number);

/* True for sets of bits, which nft tests by "one of these is set" where nothing is said. */
bool value_is_flags(enum value_type type);
/* The bits by name, joined by `separator`; false: a bit has no name, nothing was appended. */
bool value_print_flags(struct buffer *buffer, enum value_type type, value_number_t bits,
                       const char *separator);

/* Text in double quotes, quotes and control characters escaped: what a tenant wrote stays within them. */
void value_print_quoted(struct buffer *buffer, const char *text, size_t length);
/* "1d2h3m4s5ms" */
void value_print_duration(struct buffer *buffer, uint64_t milliseconds);
/* The word for a number of a type, NULL: it has none. */
const char *value_word(enum value_type type, value_number_t number);

#endif

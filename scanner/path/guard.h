/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What tells at a glance that a rule is not for a packet: the plain comparisons of its destination, protocol
 * and interfaces with constants, read once. In a chain of thousands of rules all but a few are passed over by
 * these, with no register filled and no set cut. Only for the symbolic evaluator: the concrete one stays
 * plain.
 *
 * Exact one way: what is passed over would not have matched, nor done anything on the way there. All else is
 * looked at in full.
 */
#ifndef POSTERN_SCANNER_PATH_GUARD_H
#define POSTERN_SCANNER_PATH_GUARD_H

#include "netns/base/memory.h"
#include "netns/snapshot/ruleset.h"
#include "netns/snapshot/snapshot.h"

enum guard_kind {
    GUARD_FAMILY,   /* first: NFPROTO_* */
    GUARD_PROTOCOL, /* first to last: of the transport header */
    GUARD_PORT,     /* first to last: the destination's */
    GUARD_ADDRESS,  /* the destination's: (address & mask) == value */
    GUARD_INPUT,    /* name: of the interface, of `length` bytes */
    GUARD_OUTPUT,
};
struct guard_condition {
    enum guard_kind kind;
    bool invert;
    enum ip_family family; /* of an address */
    uint16_t first, last;
    uint32_t length;
    u128 mask, value;
    const uint8_t *name; /* in the rule */
};
#define GUARD_CONDITIONS_MAX 4
struct rule_guard {
    uint8_t count;
    struct guard_condition conditions[GUARD_CONDITIONS_MAX];
};

/* One for each rule of the chain, in its order; from the arena. NULL: the chain has none. */
struct rule_guard *guards_make(const struct nft_chain *chain, struct arena *arena);

/* The packet as far as guards look at it. */
struct guard_packet {
    enum ip_family family;
    uint8_t protocol;
    bool has_ports; /* the protocol has them where TCP has */
    uint16_t port;
    struct address destination;
    bool any_interface;          /* nothing is known of the next two */
    const struct link *in, *out; /* as the hook is told; NULL: none */
};
/* The rule cannot match the packet. */
bool guard_refuses(const struct rule_guard *guard, const struct guard_packet *packet);

#endif

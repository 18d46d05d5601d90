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

/* A chain's guards, and which of its rules ask for one address or port alone. */
struct chain_guards;
/* family: of the chain's table. From the arena, but for what guards_free() frees. */
struct chain_guards *guards_make(enum nft_family family, const struct nft_chain *chain, struct arena *arena);
void guards_free(struct chain_guards *guards);

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

/* Goes through the rules that the packet may match, in the chain's order. */
#define GUARD_BUCKETS 3
struct guard_cursor {
    const struct chain_guards *guards;
    struct guard_packet packet;
    bool linear; /* the numbers say nothing: each rule is looked at */
    struct {
        const uint32_t *next, *end; /* rule numbers, ascending */
    } buckets[GUARD_BUCKETS];
};
struct guard_cursor guard_begin(const struct chain_guards *guards, const struct guard_packet *packet);
/* The number of the first such rule from `from` on; the number of rules: there is none. `from` never goes
 * back. */
size_t guard_next(struct guard_cursor *cursor, size_t from);

#endif

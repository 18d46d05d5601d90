/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of the guard's nftables tables. A rule that records does not drop: where a set is full, the rule
 * ends, and the packet must be dropped all the same.
 *
 * Sets, by their keys:
 *   shots    client's port . cookie                    a shot itself, and ICMP errors that quote it
 *   answers  client's port . cookie + 1                its answers: injected shots only
 *   resets   client's port . cookie + 1                its reset
 *   turned4  server . client . server's port . client's port      any other answer to an injected shot
 *   turned6
 *   targets  cookie . address                          where a shot is predicted to end
 *   asked    address               targets: the question who has it stays on the host
 *   seen     event . cookie . extra . source . destination             filled by rules
 */
#ifndef POSTERN_SCANNER_PROBE_GUARD_RULE_H
#define POSTERN_SCANNER_PROBE_GUARD_RULE_H

#include "scanner/probe/nft.h"

#include <stdbool.h>
#include <stdint.h>

/* What a rule saw; see struct shot_record. */
enum event {
    EVENT_DELIVERED = 1,
    EVENT_RESET,
    EVENT_SYN_ACK,
    EVENT_REFUSAL,
    EVENT_ERROR,
    EVENT_ANSWER,
    EVENT_STOPPED,
    EVENT_PASSED,
    EVENT_RESET_PASSED,
    EVENT_STEERED
};

/* A key of the set `seen`. Cookies of RESET, SYN_ACK, REFUSAL and RESET_PASSED are one more than the shot's.
 */
struct seen_key {
    uint32_t event, cookie, extra; /* network order; event is not */
    uint8_t source[16], destination[16];
};

struct rule_writer {
    struct nft_batch *batch;
    uint8_t family; /* NFPROTO_INET or NFPROTO_NETDEV */
    const char *table, *chain;
    const uint8_t *scan; /* first eight bytes of a token */
};

/* The sets, for `size` shots; in the transaction that makes the table. */
void rules_add_sets(struct rule_writer *writer, uint32_t size);
/* How many keys `seen` takes: where there are as many, some may be missing. */
uint32_t rules_seen_max(uint32_t size);
/* POST_ROUTING: records what passes, records and drops answers to injected shots. */
void rules_write_output(struct rule_writer *writer);
/* Behind those: what is about to leave by an interface. shared: a bridge, where shots may go to their
 * targets. */
void rules_write_exit(struct rule_writer *writer, uint32_t interface, bool shared);
/* LOCAL_IN: records shots and resets, drops datagrams. steering: with rules that tell whether a rule gave it
 * to a socket of its choice, for which nft_socket must be there. */
void rules_write_input(struct rule_writer *writer, bool steering);
/* Egress of an interface that leads off the host: nothing of a shot passes. */
void rules_write_egress(struct rule_writer *writer);

#endif

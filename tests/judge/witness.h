/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the judge's own chains log in a namespace (nfnetlink_log): every probe behind the last input hook, and
 * every answer that the kernel makes, before any other output hook. And conntrack's table, to be emptied.
 */
#ifndef POSTERN_TESTS_JUDGE_WITNESS_H
#define POSTERN_TESTS_JUDGE_WITNESS_H

#include "tests/judge/judge.h"

#define WITNESS_ARRIVED  21 /* log groups */
#define WITNESS_ANSWERED 22

struct witness;
struct witness *witness_open(void); /* of the calling thread's namespace */
void witness_close(struct witness *witness);
void witness_read(struct witness *witness, struct lab *lab, enum place place);
void witness_flush(struct witness *witness);
/* The nft table that makes it so. */
extern const char witness_table[];

/* lab.c: a packet from its IP header on. */
void lab_see(struct lab *lab, enum place place, const uint8_t *bytes, size_t length, bool behind_input);

#endif

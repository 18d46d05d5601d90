/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of the generator: what a rule is being made for, and the words that rules and packets
 * share. */
#ifndef POSTERN_TESTS_JUDGE_GENERATE_H
#define POSTERN_TESTS_JUDGE_GENERATE_H

#include "tests/judge/judge.h"

struct making {
    struct random *random;
    struct gen_table *table;
    const struct gen_chain *chain;
    bool ip6;         /* this rule is about IPv6 */
    uint8_t protocol; /* that a match of the rule has asked for; 0: none */
    bool mixed;       /* or it asked for either of TCP and UDP */
};

#define TEXT_MAX 512

/* One text of a list. */
#define WORD_OF(random, words) RANDOM_OF(random, words)
#define COUNT(array)           (sizeof(array) / sizeof((array)[0]))

/* words.c: texts that both families and packets draw from */
const char *word_address(struct random *random, bool ip6); /* a machine's */
const char *word_prefix(struct random *random, bool ip6);
const char *word_target(struct random *random, bool ip6); /* where a rewrite leads */
uint16_t word_port(struct random *random);
const char *word_interface(struct random *random, enum place place);

void add(char text[TEXT_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

void nft_tables_make(struct gen *gen, struct random *random);
void xtables_make(struct gen *gen, struct random *random);
void shots_make(struct gen *gen, struct random *random, uint32_t count);

struct gen_table *table_add(struct gen *gen, enum place place, enum nft_family family, const char *name);
uint32_t chain_add(struct gen_table *table, const char *name, bool base, bool nat, enum nft_hook hook);
void rule_add(struct gen_table *table, uint32_t chain, const char *text);

#endif

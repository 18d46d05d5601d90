/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule on one fragment: expressions in order, each cutting the fragment into what goes on and what does
 * not. Internal to the symbolic evaluator: match.c (nf_tables), match_set.c (sets and maps), match_xt.c
 * (xtables).
 */
#ifndef POSTERN_SCANNER_PATH_MATCH_H
#define POSTERN_SCANNER_PATH_MATCH_H

#include "scanner/path/load.h"
#include "scanner/path/survey.h"
#include "scanner/path/test.h"

struct rule_walk {
    const struct hook_context *hook;
    const struct nft_chain *chain;
    const struct nft_rule *rule;
    struct verdict_list *verdicts;
};

/* Goes on with the expressions from `index`; takes the fragment, leaves the registers as they are. */
void rule_continue(struct rule_walk *rule, struct fragment *fragment, const struct registers *registers,
                   size_t index);
/* The same for several. Empties the list. */
void rule_continue_all(struct rule_walk *rule, struct fragment_list *fragments,
                       const struct registers *registers, size_t index);
/* The rule ends for the fragment with a verdict; CONTINUE: the next rule. Takes it. */
void rule_verdict(struct rule_walk *rule, struct fragment *fragment, int32_t code, const char *chain);
void rule_miss(struct rule_walk *rule, struct fragment *fragment);
void rule_miss_all(struct rule_walk *rule, struct fragment_list *fragments);
struct trace *rule_trace(struct rule_walk *rule, struct fragment *fragment, enum effect_kind effect,
                         const char *text);

/*
 * Cuts by a test. Takes the fragment; what passes is added to *ret_in, what does not to *ret_out, what
 * perhaps does to both, with the reason. Frees the test.
 */
void test_cut(struct rule_walk *rule, struct fragment *fragment, struct test *test,
              struct fragment_list *ret_in, struct fragment_list *ret_out);
/* Goes both ways, for this reason: a copy into *ret_out, the fragment itself stays. */
void fragment_fork(struct rule_walk *rule, struct fragment *fragment, const char *code, const char *subject,
                   const char *message, struct fragment_list *ret_out);

/* A set, map or verdict map. */
void set_lookup(struct rule_walk *rule, const struct nft_lookup *lookup, struct fragment *fragment,
                const struct registers *registers, size_t index);
/* A verdict or a value that an expression or element gives: goes on, or ends. Takes the fragment. */
void data_apply(struct rule_walk *rule, const struct nft_data *data, uint32_t register_number,
                struct fragment *fragment, const struct registers *registers, size_t index);

/* What the routing tables say of an address. Takes the fragment. */
void fib_ask(struct rule_walk *rule, const struct nft_fib *fib, struct fragment *fragment,
             const struct registers *registers, size_t index);

/* xtables: the match cuts the fragment; the target acts. Both take it. */
void xt_match_run(struct rule_walk *rule, const struct nft_xt *xt, const char *name,
                  struct fragment *fragment, const struct registers *registers, size_t index);
void xt_target_run(struct rule_walk *rule, const struct nft_xt *xt, const char *name,
                   struct fragment *fragment, const struct registers *registers, size_t index);
/* Rewrites and gives the verdict. Takes the fragment. */
void rule_rewrite(struct rule_walk *rule, struct fragment *fragment, const struct rewrite *rewrite);
void mark_set(struct rule_walk *rule, struct fragment *fragment, struct bits *mark, struct bits value,
              enum effect_kind effect);

static inline struct arena *rule_arena(const struct rule_walk *rule)
{
    return rule->hook->survey->arena;
}

#endif

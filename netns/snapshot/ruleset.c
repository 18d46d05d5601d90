/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/ruleset.h"

#include "netns/snapshot/table.h"

void ruleset_free(struct ruleset *ruleset)
{
    record_free(&ruleset_record, ruleset);
    *ruleset = (struct ruleset){0};
}

static void expression_free(struct nft_expression *expression)
{
    if (expression->kind == EXPRESSION_DYNSET)
        expressions_free(&expression->dynset.expressions);
    if (expression->kind == EXPRESSION_INNER)
        expressions_free(&expression->inner.expressions);
    if ((expression->kind == EXPRESSION_MATCH || expression->kind == EXPRESSION_TARGET) &&
        expression->xt.kind == XT_MULTIPORT)
        list_free(&expression->xt.multiport.ports);
}

void expressions_free(nft_expression_list *list)
{
    list_each(struct nft_expression, expression, list)
        expression_free(expression);
    list_free(list);
}

/* NULL: no such number. The lists end by NULL, "" stands for a number that is none. */
static const char *word(const char *const *words, unsigned number)
{
    for (unsigned i = 0; words[i]; i++) {
        if (i == number)
            return *words[i] ? words[i] : NULL;
    }
    return NULL;
}

const char *nft_family_name(enum nft_family family)
{
    return word(nft_family_words, family);
}

const char *nft_hook_name(enum nft_hook hook)
{
    return word(nft_hook_words, hook);
}

const char *expression_kind_name(enum expression_kind kind)
{
    return word(expression_kind_words, kind);
}

const struct nft_chain *table_chain(const struct nft_table *table, const char *name)
{
    list_each(struct nft_chain, chain, &table->chains) {
        if (chain->name && !strcmp(chain->name, name))
            return chain;
    }
    return NULL;
}

const struct nft_set *table_set(const struct nft_table *table, const char *name)
{
    list_each(struct nft_set, set, &table->sets) {
        if (set->name && !strcmp(set->name, name))
            return set;
    }
    return NULL;
}

static bool all_understood(const nft_expression_list *list)
{
    list_each(struct nft_expression, expression, list) {
        if (!expression_understood(expression))
            return false;
    }
    return true;
}

bool expression_understood(const struct nft_expression *expression)
{
    if (expression->unknown_attribute)
        return false;
    switch (expression->kind) {
    case EXPRESSION_UNKNOWN:
        return false;
    case EXPRESSION_MATCH:
    case EXPRESSION_TARGET:
        return expression->xt.kind != XT_UNKNOWN;
    case EXPRESSION_DYNSET:
        return all_understood(&expression->dynset.expressions);
    case EXPRESSION_INNER:
        return all_understood(&expression->inner.expressions);
    default:
        return true;
    }
}

bool rule_understood(const struct nft_rule *rule)
{
    return !rule->undecodable && !rule->unknown_attribute && all_understood(&rule->expressions);
}

size_t ruleset_count(const struct ruleset *ruleset, size_t *ret_unknown)
{
    size_t count = 0, unknown = 0;
    list_each(struct nft_table, table, &ruleset->tables) {
        list_each(struct nft_chain, chain, &table->chains) {
            count += chain->rules.count;
            list_each(struct nft_rule, rule, &chain->rules)
                unknown += !rule_understood(rule);
        }
    }
    *ret_unknown = unknown;
    return count;
}

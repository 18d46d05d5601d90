/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One hook of one namespace: everything that stands there in the order of priorities. */
#include "scanner/path/concrete_walk.h"

#include <linux/netfilter/nf_conntrack_common.h>

#define PRIORITY_CONNTRACK (-200) /* NF_IP_PRI_CONNTRACK */
#define PRIORITY_NAT_DST   (-100)
#define PRIORITY_NAT_SRC   100
#define ORDERED_TABLES_MAX 3 /* of which every order is tried */
#define JUMPS_MAX          32u

static const char *const families[] = {"ip", "ip6"};

/* ---- chains ---- */

static struct nft_verdict chain_run(struct rule_context *context, const struct nft_chain *chain,
                                    unsigned jumps);

static struct nft_verdict verdict(int32_t code)
{
    return (struct nft_verdict){.code = code};
}

/* The chain that a jump or goto names. */
static struct nft_verdict chain_follow(struct rule_context *context, const char *name, unsigned jumps)
{
    struct walk *walk = context->walk;
    const struct nft_chain *chain = world_chain(walk->at.namespace, context->table, name);
    if (chain && jumps < JUMPS_MAX)
        return chain_run(context, chain, jumps + 1);
    walk_undetermined(walk, chain ? REASON_LOOP : REASON_SET_MISSING, rule_subject(context),
                      "a jump that cannot be followed");
    return verdict(VERDICT_DROP);
}

void rule_step(struct rule_context *context, const char *effect)
{
    struct step *step = walk_step(context->walk, nft_hook_name(context->hook), NULL, effect);
    step->has_rule = true;
    step->rule = rule_reference(context->walk, context->table, context->chain, context->rule);
}

/*
 * ACCEPT, DROP, or RETURN where its end was reached. `goto` forgets the chain that it stands in: its end is
 * the end of this one.
 */
static struct nft_verdict chain_run(struct rule_context *context, const struct nft_chain *chain,
                                    unsigned jumps)
{
    list_each(const struct nft_rule, rule, &chain->rules) {
        context->chain = chain;
        context->rule = rule;
        struct nft_verdict result = rule_run(context);
        if (walk_ended(context->walk))
            return verdict(VERDICT_DROP);
        if (result.code == VERDICT_JUMP) {
            result = chain_follow(context, result.chain, jumps);
            if (result.code == VERDICT_RETURN)
                continue;
            return result;
        }
        if (result.code == VERDICT_GOTO)
            return chain_follow(context, result.chain, jumps);
        if (result.code == VERDICT_CONTINUE || result.code == VERDICT_BREAK)
            continue;
        return result;
    }
    return verdict(VERDICT_RETURN);
}

static struct decider decider_of(const struct rule_context *context)
{
    return (struct decider){
        .kind = context->rule ? DECIDER_RULE : DECIDER_POLICY,
        .namespace = context->walk->at.namespace->facts->id,
        .rule = rule_reference(context->walk, context->table, context->rule ? context->chain : context->base,
                               context->rule),
        .subject = nft_hook_name(context->hook),
    };
}

/* An accepting rule outweighs a policy, a later one an earlier one. */
static void accept_note(struct rule_context *context)
{
    struct walk *walk = context->walk;
    if (context->nat || (context->hook != HOOK_INPUT && context->hook != HOOK_FORWARD))
        return;
    if (context->rule || walk->accepted.kind != DECIDER_RULE)
        walk->accepted = decider_of(context);
}

/* A base chain to its end. False: the packet does not come out of it. */
static bool base_chain_run(struct walk *walk, const struct hook_chain *hook)
{
    struct rule_context context = {.walk = walk,
                                   .table = hook->table,
                                   .chain = hook->chain,
                                   .base = hook->chain,
                                   .hook = hook->chain->hook,
                                   .nat = hook->nat};
    if (hook->chain->unknown_attribute)
        walk_undetermined(walk, REASON_UNMODELLED_FLAG, rule_subject(&context),
                          "an attribute that is not known");
    struct nft_verdict result = chain_run(&context, hook->chain, 0);
    if (walk_ended(walk))
        return false;
    if (result.code == VERDICT_RETURN) {
        context.rule = NULL;
        context.chain = hook->chain;
        result.code = hook->chain->policy == 0 ? VERDICT_DROP : VERDICT_ACCEPT;
    }
    if (context.rule || result.code == VERDICT_DROP)
        rule_step(&context, result.code == VERDICT_ACCEPT ? "accept" : "drop");
    if (result.code == VERDICT_ACCEPT) {
        accept_note(&context);
        return true;
    }
    walk_end(walk, STATE_FILTERED, decider_of(&context));
    return false;
}

/* A chain of type `route` in output: the packet is routed again where it was changed (nf_route_table_hook4).
 */
static void filter_chain_run(struct walk *walk, const struct hook_chain *hook)
{
    struct word mark = walk->at.mark;
    bool reroutes =
        hook->chain->hook == HOOK_OUTPUT && hook->chain->type && strcmp(hook->chain->type, "route") == 0;
    if (!base_chain_run(walk, hook) || !reroutes)
        return;
    if (mark.value != walk->at.mark.value || mark.known != walk->at.mark.known)
        packet_reroute(walk);
}

/* ---- NAT: one function at one priority runs the NAT chains until one sets a mapping ---- */

static void nat_chain_run(struct walk *walk, const struct hook_chain *hook)
{
    if (!mapping_is_set(walk, hook->chain->hook))
        base_chain_run(walk, hook);
}

static void nat_finish(struct walk *walk, enum nft_hook hook, struct address destination_before)
{
    if (walk_ended(walk))
        return;
    if (!mapping_is_set(walk, hook))
        mapping_null(walk, hook);
    if (hook == HOOK_OUTPUT && !address_equal(destination_before, walk->at.destination))
        packet_reroute(walk);
}

/* ---- groups of equal priority ---- */

static void hook_chain_run(struct walk *walk, const struct hook_chain *hook)
{
    if (walk_ended(walk))
        return;
    if (hook->beside_nat)
        walk_undetermined(walk, REASON_HOOK_ORDER, hook->table->name, "stands at the priority of NAT itself");
    else if (hook->nat)
        nat_chain_run(walk, hook);
    else
        filter_chain_run(walk, hook);
}

static size_t group_tables(const struct hook_chain *group, size_t count,
                           const struct nft_table *tables[ORDERED_TABLES_MAX])
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < found && j < ORDERED_TABLES_MAX && tables[j] != group[i].table)
            j++;
        if (j < found)
            continue;
        if (found < ORDERED_TABLES_MAX)
            tables[found] = group[i].table;
        found++;
    }
    return found;
}

static void table_run(struct walk *walk, const struct hook_chain *group, size_t count,
                      const struct nft_table *table)
{
    for (size_t i = 0; i < count; i++)
        if (group[i].table == table)
            hook_chain_run(walk, &group[i]);
}

/* Every order of the tables is an alternative; where they end alike, the order does not matter. */
static void group_run_any_order(struct walk *walk, const struct hook_chain *group, size_t count)
{
    static const uint8_t orders[][ORDERED_TABLES_MAX] = {{0, 1, 2}, {1, 0, 2}, {0, 2, 1},
                                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const struct nft_table *tables[ORDERED_TABLES_MAX];
    size_t found = group_tables(group, count, tables);
    if (found > ORDERED_TABLES_MAX) {
        walk_undetermined(walk, REASON_HOOK_ORDER, group->table->name, "many tables of equal priority");
        return;
    }
    uint32_t order = walk_choose(walk, found == 2 ? 2 : 6, REASON_HOOK_ORDER, group->table->name);
    for (size_t i = 0; i < found; i++)
        table_run(walk, group, count, tables[orders[order][i]]);
}

static void group_run(struct walk *walk, const struct hook_chain *group, size_t count)
{
    bool matters = false;
    for (size_t i = 0; i < count; i++)
        matters |= group[i].order_matters;
    if (matters) {
        group_run_any_order(walk, group, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        hook_chain_run(walk, &group[i]);
}

static size_t group_count(const struct hook_list *list, size_t first)
{
    size_t count = 1;
    while (first + count < list->count && list->items[first + count].group == list->items[first].group)
        count++;
    return count;
}

/* ---- what else hangs on the hook ---- */

static const struct {
    const char *table;
    int32_t priority;
} legacy_priorities[] = {{"raw", -300}, {"mangle", -150}, {"filter", 0}, {"security", 50}};

static int32_t legacy_priority(const struct legacy_table *table, enum nft_hook hook)
{
    for (size_t i = 0; i < sizeof(legacy_priorities) / sizeof(legacy_priorities[0]); i++)
        if (strcmp(table->name, legacy_priorities[i].table) == 0)
            return legacy_priorities[i].priority;
    return hook == HOOK_PREROUTING || hook == HOOK_OUTPUT ? PRIORITY_NAT_DST : PRIORITY_NAT_SRC;
}

/* NF_INET_* numbers are those of enum nft_hook. */
static bool legacy_stands_at(const struct legacy_table *table, enum ip_family family, enum nft_hook hook)
{
    return table->family == family && !table->empty && (!table->hooks || (table->hooks >> hook & 1));
}

static void legacy_check(struct walk *walk, enum nft_hook hook, int64_t after, int64_t up_to)
{
    list_each(const struct legacy_table, table, &walk->at.namespace->facts->ruleset.legacy) {
        int32_t priority = legacy_priority(table, hook);
        if (priority > after && priority <= up_to && legacy_stands_at(table, walk->packet->family, hook))
            walk_undetermined(walk, REASON_LEGACY_TABLE,
                              arena_printf(walk->arena, "%s %s", table->tool, table->name),
                              "a table of iptables-legacy that is not read");
    }
}

static void program_check(struct walk *walk, enum nft_hook hook, int64_t after, int64_t up_to)
{
    list_each(const struct program, program, &walk->at.namespace->facts->programs) {
        bool here = program->kind == PROGRAM_NETFILTER && !program_is_guard(program) &&
                    program->hook == (uint32_t)hook &&
                    (program->family == FAMILY_NONE || program->family == walk->packet->family);
        if (here && program->priority > after && program->priority <= up_to)
            walk_doubt(walk, REASON_NETFILTER_PROGRAM, program->name,
                       "a BPF program at this hook may drop it");
    }
}

static void ruleset_check(struct walk *walk)
{
    const struct world_namespace *namespace = walk->at.namespace;
    if (!part_is_read(walk, PART_RULESET | PART_LEGACY, REASON_RULESET_UNREAD))
        return;
    size_t family = world_family(walk->packet->family);
    if (namespace->facts->ruleset.over_budget)
        walk_undetermined(walk, REASON_OVER_BUDGET, namespace_subject(walk), "not all rules were read");
    else if (namespace->incomplete[family])
        walk_undetermined(walk, REASON_INCOMPLETE, families[family], "a table was not read to its end");
    else if (namespace->facts->ruleset.not_atomic)
        walk_undetermined(walk, REASON_NOT_ATOMIC, namespace_subject(walk),
                          "the ruleset changed while it was read");
}

/* ---- the hook ---- */

struct hook_progress {
    enum nft_hook hook;
    int64_t reached; /* priority up to which all ran */
    bool tracked, translated;
    struct address destination; /* before NAT */
};

static int32_t nat_priority(enum nft_hook hook)
{
    return hook == HOOK_PREROUTING || hook == HOOK_OUTPUT ? PRIORITY_NAT_DST : PRIORITY_NAT_SRC;
}

/* Runs what stands between the priority reached and the next chain's: conntrack, NAT without chains, the
 * unmodelled. */
static void hook_advance(struct walk *walk, struct hook_progress *progress, int64_t priority)
{
    legacy_check(walk, progress->hook, progress->reached, priority);
    program_check(walk, progress->hook, progress->reached, priority);
    progress->reached = priority;
    if (!progress->tracked && priority > PRIORITY_CONNTRACK) {
        progress->tracked = true;
        if (progress->hook == HOOK_PREROUTING || progress->hook == HOOK_OUTPUT)
            connection_begin(walk);
    }
    if (!progress->translated && priority > nat_priority(progress->hook)) {
        progress->translated = true;
        if (walk->at.namespace->nat[world_family(walk->packet->family)] && progress->hook != HOOK_FORWARD)
            nat_finish(walk, progress->hook, progress->destination);
    }
}

/* A chain at conntrack's own priority that reads the connection: which of the two runs first is not told. */
static bool beside_conntrack(const struct hook_chain *chain, enum nft_hook hook)
{
    return chain->priority == PRIORITY_CONNTRACK && (hook == HOOK_PREROUTING || hook == HOOK_OUTPUT) &&
           ((chain->reads | chain->writes) & PACKET_TRACKING);
}

static void hook_group(struct walk *walk, struct hook_progress *progress, const struct hook_chain *group,
                       size_t count)
{
    bool tracking = walk->at.namespace->tracking[world_family(walk->packet->family)];
    for (size_t i = 0; i < count; i++)
        if (beside_conntrack(&group[i], progress->hook) && tracking)
            walk_undetermined(walk, REASON_HOOK_ORDER, group[i].table->name,
                              "stands at the priority of connection tracking itself");
    /* NAT chains of declared priorities that differ are one station: nothing is done between them */
    if (!group->nat || !mapping_is_set(walk, progress->hook))
        group_run(walk, group, count);
}

void hook_run(struct walk *walk, enum nft_hook hook)
{
    ruleset_check(walk);
    struct hook_progress progress = {.hook = hook, .reached = INT64_MIN, .destination = walk->at.destination};
    const struct hook_list *list = &walk->at.namespace->hooks[world_family(walk->packet->family)][hook];
    for (size_t i = 0; i < list->count && !walk_ended(walk);) {
        size_t count = group_count(list, i);
        hook_advance(walk, &progress, list->items[i].priority);
        if (!walk_ended(walk))
            hook_group(walk, &progress, &list->items[i], count);
        i += count;
    }
    if (!walk_ended(walk))
        hook_advance(walk, &progress, INT64_MAX);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The base chains of one hook in their order, jumps, policies, and the places of conntrack and NAT among
 * them. */
#include "netns/base/text.h"
#include "scanner/path/guard.h"
#include "scanner/path/load.h"
#include "scanner/path/survey.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter/nf_tables.h>

#define CONNTRACK_PRIORITY (-200) /* NF_IP_PRI_CONNTRACK */
#define NAT_PRIORITY       100    /* of sources; destinations at its negative */
#define POLICY_DROP        0u     /* NF_DROP */
#define ORDERED_TABLES_MAX 3      /* of equal priority, of which every order is tried */

struct hook_walk {
    struct hook_context context;
    struct fragment_list accepted; /* by the base chain that runs */
};

/* ---- drops ---- */
struct icmp_answer {
    uint8_t type, code;
};

/* NFT_REJECT_ICMPX_*: the same word in both families. */
static struct icmp_answer icmpx_answer(uint32_t code, bool ip4)
{
    static const uint8_t codes4[] = {ICMP_NET_UNREACH, ICMP_PORT_UNREACH, ICMP_HOST_UNREACH,
                                     ICMP_PKT_FILTERED};
    static const uint8_t codes6[] = {ICMPV6_NOROUTE, ICMPV6_PORT_UNREACH, ICMPV6_ADDR_UNREACH,
                                     ICMPV6_ADM_PROHIBITED};
    uint32_t known = code < 4 ? code : 1;
    return (struct icmp_answer){ip4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH,
                                ip4 ? codes4[known] : codes6[known]};
}

static void drop_by(struct hook_walk *walk, struct fragment *fragment, const struct cause *cause,
                    const struct nft_reject *reject, struct fragment_list *ret_on)
{
    struct survey *survey = walk->context.survey;
    bool ip4 = walk->context.family == FAMILY_IP4;
    enum answer_kind answer = ANSWER_NONE;
    struct icmp_answer icmp = {0, 0};
    if (reject && reject->type == NFT_REJECT_TCP_RST) {
        answer = survey->query->protocol == PROTOCOL_TCP ? ANSWER_TCP_RESET : ANSWER_NONE;
    } else if (reject) {
        answer = ANSWER_ICMP;
        icmp =
            reject->type == NFT_REJECT_ICMPX_UNREACH
                ? icmpx_answer(reject->code, ip4)
                : (struct icmp_answer){ip4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH, (uint8_t)reject->code};
    }
    fragment_list_add(ret_on, survey_drop(survey, fragment, cause, answer, icmp.type, icmp.code));
}

static struct cause rule_cause(const struct hook_walk *walk, const struct nft_chain *chain,
                               const struct nft_rule *rule)
{
    return (struct cause){.kind = rule ? DECIDER_RULE : DECIDER_POLICY,
                          .namespace = walk->context.namespace,
                          .table = walk->context.base->table,
                          .chain = chain,
                          .rule = rule,
                          .subject = nft_hook_name(walk->context.hook)};
}

/* ---- chains ---- */
static void chain_run(struct hook_walk *walk, const struct nft_chain *chain, struct fragment_list *in,
                      unsigned depth, struct fragment_list *ret_out);

static void chain_enter(struct hook_walk *walk, const char *name, struct fragment *fragment, unsigned depth,
                        struct fragment_list *ret_out)
{
    struct survey *survey = walk->context.survey;
    const struct nft_chain *chain = world_chain(walk->context.namespace, walk->context.base->table, name);
    if (!chain) {
        fragment_taint(fragment, survey->arena, TAINT_ANY, REASON_SET_MISSING, name,
                       "a chain that was not read");
        fragment_list_add(ret_out, fragment);
        return;
    }
    if (depth >= SURVEY_JUMPS_MAX) {
        survey_end_unknown(survey, fragment, REASON_LOOP, name,
                           "chains that jump deeper than the kernel follows");
        return;
    }
    struct fragment_list one = {0};
    fragment_list_add(&one, fragment);
    chain_run(walk, chain, &one, depth + 1, ret_out);
}

/* What a rule said of a part: to the next rule, out of the chain, or away. */
static void verdict_take(struct hook_walk *walk, const struct nft_chain *chain, const struct nft_rule *rule,
                         const struct verdict_item *item, unsigned depth, struct fragment_list *next,
                         struct fragment_list *out)
{
    struct cause cause;
    switch (item->code) {
    case VERDICT_ACCEPT:
        fragment_list_add(&walk->accepted, item->fragment);
        break;
    case VERDICT_DROP:
        cause = rule_cause(walk, chain, rule);
        drop_by(walk, item->fragment, &cause, item->reject, next);
        break;
    case VERDICT_JUMP:
        chain_enter(walk, item->chain, item->fragment, depth, next);
        break;
    case VERDICT_GOTO: /* what comes back from there goes on behind the jump that led here */
        chain_enter(walk, item->chain, item->fragment, depth, out);
        break;
    case VERDICT_RETURN:
        fragment_list_add(out, item->fragment);
        break;
    default:
        fragment_list_add(next, item->fragment);
    }
}

static struct guard_packet packet_of(const struct hook_context *context, const struct fragment *fragment)
{
    uint8_t protocol = context->survey->query->protocol;
    return (struct guard_packet){.family = context->family,
                                 .protocol = protocol,
                                 .has_ports = protocol_has_ports(protocol),
                                 .port = fragment->port_number,
                                 .destination = fragment->destination,
                                 .in = context->in,
                                 .out = context->out};
}

/* One rule on all of *current (emptied): what goes on to the next rule is added to *next. */
static void rule_run(struct hook_walk *walk, const struct nft_chain *chain, const struct nft_rule *rule,
                     unsigned depth, struct fragment_list *current, struct fragment_list *next,
                     struct fragment_list *ret_out)
{
    struct verdict_list verdicts = {0};
    for (size_t i = 0; i < current->count; i++)
        survey_rule(&walk->context, chain, rule, current->items[i], &verdicts);
    for (size_t i = 0; i < verdicts.count; i++)
        verdict_take(walk, chain, rule, &verdicts.items[i], depth, next, ret_out);
    current->count = 0;
    list_free(&verdicts);
}

/* Have all the same destination? Then one look at the guards is for all. */
static bool one_destination(const struct fragment_list *fragments)
{
    const struct fragment *first = fragments->items[0];
    for (size_t i = 1; i < fragments->count; i++)
        if (fragments->items[i]->port_number != first->port_number ||
            !address_equal(fragments->items[i]->destination, first->destination))
            return false;
    return true;
}

/* Runs the rules on all of `in` (emptied); what comes out at the end or returns is added to *ret_out. */
static void chain_run(struct hook_walk *walk, const struct nft_chain *chain, struct fragment_list *in,
                      unsigned depth, struct fragment_list *ret_out)
{
    struct fragment_list current = *in, next = {0};
    struct guard_packet packet = packet_of(&walk->context, current.items[0]);
    struct guard_cursor cursor = guard_begin(world_guards(walk->context.namespace, chain), &packet);
    *in = (struct fragment_list){0};
    for (size_t i = 0; current.count > 0; i++) {
        if (one_destination(&current))
            i = guard_next(&cursor, i);
        if (i >= chain->rules.count)
            break;
        rule_run(walk, chain, &chain->rules.items[i], depth, &current, &next, ret_out);
        struct fragment_list empty = current;
        current = next;
        next = empty;
        if (current.count > 1)
            fragment_list_join(&current, walk->context.survey->arena);
    }
    fragment_list_move(ret_out, &current);
    list_free(&current);
    list_free(&next);
}

/* ---- base chains ---- */
static void policy_accept(struct hook_walk *walk, struct fragment *fragment)
{
    const struct hook_context *context = &walk->context;
    if (!context->base->nat) {
        struct trace *trace = fragment_trace(fragment, context->survey->arena, nft_hook_name(context->hook),
                                             EFFECT_ACCEPT, NULL);
        const struct link *link = context->in ? context->in : context->out;
        trace->interface = link ? link->name : NULL;
        trace->table = context->base->table;
        trace->chain = context->base->chain;
        int rank = context->hook == HOOK_FORWARD ? 3 : context->hook == HOOK_INPUT ? 2 : 0;
        if (rank > fragment->acceptance_rank) {
            fragment->acceptance = trace;
            fragment->acceptance_rank = rank;
        }
    }
    fragment_list_add(&walk->accepted, fragment);
}

static void policy_apply(struct hook_walk *walk, struct fragment_list *fallen)
{
    const struct nft_chain *chain = walk->context.base->chain;
    struct cause cause = rule_cause(walk, chain, NULL);
    for (size_t i = 0; i < fallen->count; i++) {
        if (chain->policy != POLICY_DROP) {
            policy_accept(walk, fallen->items[i]);
            continue;
        }
        struct trace *trace = fragment_trace(fallen->items[i], walk->context.survey->arena,
                                             nft_hook_name(walk->context.hook), EFFECT_DROP, NULL);
        trace->table = walk->context.base->table;
        trace->chain = chain;
        drop_by(walk, fallen->items[i], &cause, NULL, &walk->accepted);
    }
    list_free(fallen);
}

static bool rewrites_source(enum nft_hook hook)
{
    return hook == HOOK_INPUT || hook == HOOK_POSTROUTING;
}

static bool nat_settled(const struct fragment *fragment, enum nft_hook hook)
{
    return rewrites_source(hook) ? fragment->source_settled : fragment->destination_settled;
}

/* NAT chains see the first packet of a tracked flow, until one of them has set a mapping. */
static bool chain_skips(const struct hook_context *context, const struct fragment *fragment)
{
    return context->base->nat &&
           (!fragment->tracked || fragment->untracked || nat_settled(fragment, context->hook));
}

static void doubts_of_chain(const struct hook_context *context, struct fragment *fragment)
{
    const struct hook_chain *base = context->base;
    struct arena *arena = context->survey->arena;
    if (base->chain->unknown_attribute)
        fragment_taint(fragment, arena, TAINT_ANY, REASON_UNMODELLED_FLAG, base->chain->name,
                       "a chain with a property that is not modelled");
    if (base->beside_nat)
        fragment_taint(fragment, arena, TAINT_ANY, REASON_HOOK_ORDER, base->table->name,
                       "stands at the priority of NAT itself");
}

/* In output a packet is routed again as soon as its chain ends: after one of type route that changed its mark
 * (nf_route_table_hook4, _hook6), and after NAT to another address (nf_nat_ipv4_local_fn, _ipv6_). What later
 * chains mark comes too late for that. */
static bool routed_again(const struct hook_context *context, const struct fragment *before,
                         const struct fragment *after)
{
    bool route = text_equal(context->base->chain->type, "route");
    bool marked = before->mark.known != after->mark.known || before->mark.value != after->mark.value;
    return context->hook == HOOK_OUTPUT &&
           ((route && marked) || !address_equal(before->destination, after->destination));
}

static void accepted_pass(struct hook_walk *walk, const struct fragment *before,
                          struct fragment_list *ret_passed)
{
    for (size_t i = 0; i < walk->accepted.count; i++) {
        struct fragment *after = walk->accepted.items[i];
        if (routed_again(&walk->context, before, after))
            send_reroute(walk->context.survey, after, ret_passed);
        else
            fragment_list_add(ret_passed, after);
    }
    list_free(&walk->accepted);
}

static void base_chain_run(struct hook_walk *walk, struct fragment *fragment,
                           struct fragment_list *ret_passed)
{
    struct fragment_list in = {0}, fallen = {0};
    if (chain_skips(&walk->context, fragment)) {
        fragment_list_add(ret_passed, fragment);
        return;
    }
    doubts_of_chain(&walk->context, fragment);
    struct fragment *before = fragment_copy(fragment);
    fragment_list_add(&in, fragment);
    chain_run(walk, walk->context.base->chain, &in, 0, &fallen);
    policy_apply(walk, &fallen);
    accepted_pass(walk, before, ret_passed);
    fragment_free(before);
}

/* ---- what else hangs on a hook ---- */
/* NF_INET_* numbers, which legacy tables and BPF links use. */
static bool legacy_is_here(const struct legacy_table *table, const struct hook_context *context)
{
    static const uint32_t numbers[] = {[HOOK_PREROUTING] = 0,
                                       [HOOK_INPUT] = 1,
                                       [HOOK_FORWARD] = 2,
                                       [HOOK_OUTPUT] = 3,
                                       [HOOK_POSTROUTING] = 4};
    return !table->empty && table->family == context->family &&
           (table->hooks == 0 || (table->hooks >> numbers[context->hook] & 1));
}

struct legacy_place {
    const char *table;
    int32_t priority; /* NF_IP_PRI_* */
};
static const struct legacy_place legacy_places[] = {
    {"raw", -300}, {"mangle", -150}, {"filter", 0}, {"security", 50}};

static int32_t legacy_priority(const struct legacy_table *table, enum nft_hook hook)
{
    for (size_t i = 0; i < sizeof(legacy_places) / sizeof(*legacy_places); i++)
        if (text_equal(table->name, legacy_places[i].table))
            return legacy_places[i].priority;
    return hook == HOOK_PREROUTING || hook == HOOK_OUTPUT ? -NAT_PRIORITY : NAT_PRIORITY;
}

static void legacy_doubts(const struct hook_context *context, struct fragment *fragment, int64_t after,
                          int64_t up_to)
{
    list_each(const struct legacy_table, table, &context->namespace->facts->ruleset.legacy) {
        int32_t priority = legacy_priority(table, context->hook);
        if (priority <= after || priority > up_to || !legacy_is_here(table, context))
            continue;
        fragment_taint(fragment, context->survey->arena, TAINT_ANY, REASON_LEGACY_TABLE,
                       survey_text(context->survey, "%s %s", table->tool, table->name),
                       "a legacy table whose rules are not modelled");
    }
}

static void program_doubts(const struct hook_context *context, struct fragment *fragment, int64_t after,
                           int64_t up_to)
{
    list_each(const struct program, program, &context->namespace->facts->programs)
        if (program->kind == PROGRAM_NETFILTER && !program_is_guard(program) &&
            program->hook == (uint32_t)context->hook && program->priority > after &&
            program->priority <= up_to && (!program->family || program->family == context->family))
            fragment_taint(fragment, context->survey->arena, TAINT_DROP, REASON_NETFILTER_PROGRAM,
                           program->name ? program->name
                                         : namespace_text(context->survey, context->namespace),
                           "a BPF program at this hook may drop it");
}

/* What stands between two priorities and is not modelled. */
static void unmodelled_between(const struct hook_context *context, struct fragment_list *current,
                               int64_t after, int64_t up_to)
{
    for (size_t i = 0; i < current->count; i++) {
        legacy_doubts(context, current->items[i], after, up_to);
        program_doubts(context, current->items[i], after, up_to);
    }
}

static void ruleset_doubts(const struct hook_context *context, struct fragment *fragment)
{
    const struct namespace *facts = context->namespace->facts;
    struct arena *arena = context->survey->arena;
    const char *subject = namespace_text(context->survey, context->namespace);
    if (facts->missing & (PART_RULESET | PART_LEGACY))
        fragment_taint(fragment, arena, TAINT_ANY, REASON_RULESET_UNREAD, subject,
                       "the rules of the namespace were not read");
    if (facts->ruleset.over_budget)
        fragment_taint(fragment, arena, TAINT_ANY, REASON_OVER_BUDGET, subject,
                       "the namespace has more rules than are read");
    if (facts->ruleset.not_atomic)
        fragment_taint(fragment, arena, TAINT_ANY, REASON_NOT_ATOMIC, subject,
                       "the rules changed while they were read");
    if (context->namespace->incomplete[world_family(context->family)])
        fragment_taint(fragment, arena, TAINT_ANY, REASON_INCOMPLETE, subject,
                       "a table of which a part was not read");
}

/* ---- the hook ---- */
static bool tracks(const struct hook_context *context)
{
    return context->hook == HOOK_PREROUTING || context->hook == HOOK_OUTPUT;
}

static void track_all(const struct hook_context *context, struct fragment_list *fragments)
{
    if (!tracks(context) || !context->namespace->tracking[world_family(context->family)])
        return;
    for (size_t i = 0; i < fragments->count; i++)
        if (!fragments->items[i]->untracked)
            fragments->items[i]->tracked = true;
}

/* NAT binds what no chain mapped to itself (nf_nat_alloc_null_binding). */
static void settle_all(const struct hook_context *context, struct fragment_list *fragments)
{
    if (!context->namespace->nat[world_family(context->family)] || context->hook == HOOK_FORWARD)
        return;
    for (size_t i = 0; i < fragments->count; i++) {
        struct fragment *fragment = fragments->items[i];
        if (fragment->tracked && !fragment->untracked)
            *(rewrites_source(context->hook) ? &fragment->source_settled : &fragment->destination_settled) =
                true;
    }
}

static void group_chain_run(struct hook_walk *walk, const struct hook_chain *chain,
                            struct fragment_list *current)
{
    struct fragment_list passed = {0};
    walk->context.base = chain;
    for (size_t j = 0; j < current->count; j++)
        base_chain_run(walk, current->items[j], &passed);
    list_free(current);
    *current = passed;
    fragment_list_join(current, walk->context.survey->arena);
}

/* The tables of a group, each once; more than fit are counted only. */
static size_t group_tables(const struct hook_chain *group, size_t count, const struct nft_table **tables)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < found && j < ORDERED_TABLES_MAX && tables[j] != group[i].table)
            j++;
        if (j < found && j < ORDERED_TABLES_MAX)
            continue;
        if (found < ORDERED_TABLES_MAX)
            tables[found] = group[i].table;
        found++;
    }
    return found;
}

static void order_run(struct hook_walk *walk, const struct hook_chain *group, size_t count,
                      const struct nft_table *const *tables, const uint8_t *order, size_t table_count,
                      struct fragment_list *current)
{
    for (size_t i = 0; i < table_count; i++)
        for (size_t j = 0; j < count; j++)
            if (group[j].table == tables[order[i]])
                group_chain_run(walk, &group[j], current);
}

/* No dump tells which of two tables of equal priority runs first: each order is tried. */
static void any_order_run(struct hook_walk *walk, const struct hook_chain *group, size_t count,
                          struct fragment_list *current)
{
    static const uint8_t orders[][ORDERED_TABLES_MAX] = {{0, 1, 2}, {1, 0, 2}, {0, 2, 1},
                                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    const struct nft_table *tables[ORDERED_TABLES_MAX];
    struct arena *arena = walk->context.survey->arena;
    size_t found = group_tables(group, count, tables);
    bool many = found > ORDERED_TABLES_MAX;
    struct fragment_list passed = {0};
    for (size_t i = 0; i < current->count; i++)
        fragment_taint(current->items[i], arena, many ? TAINT_ANY : TAINT_NONE, REASON_HOOK_ORDER,
                       group->table->name, "tables of equal priority, and which of them runs first decides");
    size_t tried = many ? 1 : found == 2 ? 2 : 6;
    for (size_t i = 0; i < tried; i++) {
        struct fragment_list own = {0};
        for (size_t j = 0; j < current->count; j++)
            fragment_list_add(&own, fragment_copy(current->items[j]));
        order_run(walk, group, count, tables, orders[i], many ? ORDERED_TABLES_MAX : found, &own);
        fragment_list_move(&passed, &own);
        list_free(&own);
    }
    fragment_list_free(current);
    *current = passed;
    fragment_list_join(current, arena);
}

/* A chain at conntrack's own priority that asks for the connection: which of the two runs first is not told.
 */
static void conntrack_doubts(struct hook_walk *walk, const struct hook_chain *chain,
                             struct fragment_list *current)
{
    bool beside = chain->priority == CONNTRACK_PRIORITY && tracks(&walk->context) &&
                  walk->context.namespace->tracking[world_family(walk->context.family)] &&
                  ((chain->reads | chain->writes) & PACKET_TRACKING);
    for (size_t i = 0; beside && i < current->count; i++)
        fragment_taint(current->items[i], walk->context.survey->arena, TAINT_ANY, REASON_HOOK_ORDER,
                       chain->table->name, "stands at the priority of connection tracking itself");
}

static void group_run(struct hook_walk *walk, const struct hook_chain *group, size_t count,
                      struct fragment_list *current)
{
    bool matters = false;
    for (size_t i = 0; i < count; i++) {
        matters |= group[i].order_matters;
        conntrack_doubts(walk, &group[i], current);
    }
    if (matters) {
        any_order_run(walk, group, count, current);
        return;
    }
    for (size_t i = 0; i < count; i++)
        group_chain_run(walk, &group[i], current);
}

/* What the kernel does itself between two priorities, and what is not modelled there. */
static void pass_between(struct hook_walk *walk, struct fragment_list *current, int64_t after, int64_t up_to)
{
    int64_t nat = rewrites_source(walk->context.hook) ? NAT_PRIORITY : -NAT_PRIORITY;
    unmodelled_between(&walk->context, current, after, up_to);
    if (after <= CONNTRACK_PRIORITY && up_to > CONNTRACK_PRIORITY)
        track_all(&walk->context, current);
    if (after <= nat && up_to > nat)
        settle_all(&walk->context, current);
}

static void chains_run(struct hook_walk *walk, const struct hook_list *chains, struct fragment_list *current)
{
    int64_t reached = INT64_MIN;
    for (size_t i = 0; i < chains->count && current->count > 0;) {
        const struct hook_chain *group = &chains->items[i];
        size_t count = 1;
        while (i + count < chains->count && group[count].group == group->group)
            count++;
        pass_between(walk, current, reached, group->priority);
        reached = group->priority;
        group_run(walk, group, count, current);
        i += count;
    }
    pass_between(walk, current, reached, INT64_MAX);
}

void survey_hook(struct survey *survey, struct fragment *fragment, enum nft_hook hook, const struct link *in,
                 const struct link *out, struct fragment_list *ret_passed)
{
    const struct world_namespace *namespace = fragment->namespace;
    enum ip_family family = fragment->destination.family;
    struct hook_walk walk = {
        .context = {
            .survey = survey, .namespace = namespace, .family = family, .hook = hook, .in = in, .out = out}};
    struct fragment_list current = {0};
    ruleset_doubts(&walk.context, fragment);
    fragment_list_add(&current, fragment);
    chains_run(&walk, &namespace->hooks[world_family(family)][hook], &current);
    fragment_list_move(ret_passed, &current);
    list_free(&current);
}

/* ---- stages ---- */
struct hook_stage {
    enum nft_hook hook;
    bool in, out; /* the interfaces that the hook is told */
    enum stage next;
};
static const struct hook_stage hook_stages[] = {
    [STAGE_PREROUTING] = {HOOK_PREROUTING, true, false, STAGE_ROUTE},
    [STAGE_INPUT] = {HOOK_INPUT, true, false, STAGE_SOCKET},
    [STAGE_FORWARD] = {HOOK_FORWARD, true, true, STAGE_POSTROUTING},
    [STAGE_OUTPUT] = {HOOK_OUTPUT, false, true, STAGE_POSTROUTING},
    [STAGE_POSTROUTING] = {HOOK_POSTROUTING, true, true, STAGE_TRANSMIT}, /* `in` since Linux 5.7 */
};

/* Before the hooks of IP: what IPv6 drops first. NULL: nothing is left. */
static struct fragment *hook_before(struct survey *survey, struct fragment *fragment, enum nft_hook hook)
{
    if (hook == HOOK_PREROUTING && fragment->destination.family == FAMILY_IP6)
        return arrival_check6(survey, fragment);
    if (hook == HOOK_INPUT || hook == HOOK_FORWARD)
        namespace_program_doubts(survey, fragment);
    return fragment;
}

void stage_hook(struct survey *survey, struct fragment *fragment)
{
    const struct hook_stage *stage = &hook_stages[fragment->stage];
    struct fragment_list passed = {0};
    fragment = hook_before(survey, fragment, stage->hook);
    if (!fragment)
        return;
    if (stage->hook == HOOK_PREROUTING && fragment->prerouted) { /* ip_sabotage_in */
        fragment->prerouted = false;
        survey_continue(survey, fragment, stage->next);
        return;
    }
    survey_hook(survey, fragment, stage->hook, stage->in ? fragment->in : NULL,
                stage->out ? fragment->out : NULL, &passed);
    for (size_t i = 0; i < passed.count; i++)
        survey_continue(survey, passed.items[i], stage->next);
    list_free(&passed);
}

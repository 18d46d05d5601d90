/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The snapshot as the product takes it, and what each evaluator makes of it. */
#include "netns/base/interval.h"
#include "netns/collect/collect.h"
#include "scanner/path/concrete.h"
#include "scanner/path/reason.h"
#include "scanner/path/symbolic.h"
#include "tests/judge/judge.h"

/*
 * A BPF netfilter link does not tell its namespace, so that each on the machine counts for all: this lab has
 * none, and those that are seen are another lab's.
 */
static void strange_programs_drop(struct namespace *namespace)
{
    size_t kept = 0;
    list_each(struct program, program, &namespace->programs)
        if (program->kind != PROGRAM_NETFILTER)
    namespace->programs.items[kept++] = *program;
    namespace->programs.count = kept;
}

struct snapshot *lab_snapshot(void)
{
    struct collect_options options = {.tool = "judge", .workers = 1};
    struct collect *collect = NULL;
    struct error error = ERROR_NONE;
    if (collect_find(&options, &collect, &error) != 0 || collect_read(collect, &error) != 0)
        judge_fail("collect: %s", error.message);
    struct snapshot *snapshot = collect_take_snapshot(collect);
    collect_free(collect);
    list_each(struct namespace *const, namespace, &snapshot->namespaces) {
        strange_programs_drop(*namespace);
        list_each(const struct fault, fault, &(*namespace)->faults)
            fprintf(stderr, "judge: the snapshot lacks: %s %s: %s\n", fault->code, fault->subject,
                    fault->message);
    }
    return snapshot;
}

/* ---- common ---- */

static void decider_print(const struct decider *decider, char text[256])
{
    const struct rule_reference *rule = &decider->rule;
    if (decider->kind == DECIDER_RULE || decider->kind == DECIDER_POLICY)
        snprintf(text, 256, "%s net:[%llu] %s %s %s handle %llu", decider_kind_name(decider->kind),
                 (unsigned long long)decider->namespace, rule->family, rule->table, rule->chain,
                 (unsigned long long)rule->handle);
    else
        snprintf(text, 256, "%s %s %s", decider_kind_name(decider->kind),
                 decider->subject ? decider->subject : "", decider->text ? decider->text : "");
}

static void reasons_print(const struct reason_list *reasons, char text[256])
{
    size_t length = 0;
    text[0] = '\0';
    list_each(const struct reason, reason, reasons) {
        int written = snprintf(text + length, 256 - length, "%s(%s) ", reason->code, reason->subject);
        if (written < 0 || (length += (size_t)written) >= 256)
            return;
    }
}

static void target_fill(const struct world *world, const struct target *target, struct forecast *forecast)
{
    const struct world_namespace *namespace = world_namespace(world, target->namespace);
    forecast->target_namespace = target->namespace;
    forecast->target_address = target->address;
    forecast->target_port = target->port;
    if (namespace && target->socket >= 0 && (size_t)target->socket < namespace->facts->sockets.count)
        forecast->target_inode = namespace->facts->sockets.items[target->socket].inode;
}

static uint32_t shot_interface(const struct lab *lab, const struct shot *shot)
{
    return shot->from == N1 ? lab->uplinks[0] : shot->from == N2 ? lab->uplinks[1] : 0;
}

static uint64_t shot_namespace(const struct lab *lab, const struct shot *shot)
{
    return shot->from == N1 || shot->from == N2 ? lab->ids[HOST] : lab->ids[shot->from];
}

static const struct mac neighbour_macs[2] = {{{2, 0, 0, 0, 2, 1}}, {{2, 0, 0, 0, 2, 2}}};

static const struct mac *shot_mac(const struct shot *shot)
{
    return shot->from == N1 ? &neighbour_macs[0] : shot->from == N2 ? &neighbour_macs[1] : NULL;
}

/* ---- concrete ---- */

static struct packet shot_packet(const struct lab *lab, const struct shot *shot)
{
    return (struct packet){.namespace = shot_namespace(lab, shot),
                           .interface = shot_interface(lab, shot),
                           .family = shot->family,
                           .protocol = shot->protocol,
                           .source = shot->source,
                           .destination = shot->destination,
                           .source_port = shot->source_port,
                           .destination_port = shot->destination_port,
                           .uid_known = true,
                           .source_mac = shot_mac(shot)};
}

static void ask_concrete(const struct world *world, const struct lab *lab, const struct shot *shot,
                         struct forecast *ret_forecast)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct packet packet = shot_packet(lab, shot);
    struct outcome outcome;
    *ret_forecast = (struct forecast){.state = STATE_UNDETERMINED};
    if (concrete_evaluate(world, &packet, arena, &outcome) != 0)
        judge_fail("a packet that is no question");
    ret_forecast->state = outcome.state;
    ret_forecast->answer = outcome.answer;
    ret_forecast->icmp_type = outcome.icmp_type;
    ret_forecast->icmp_code = outcome.icmp_code;
    ret_forecast->rewritten = outcome.rewritten;
    target_fill(world, &outcome.target, ret_forecast);
    ret_forecast->by_route = outcome.decider.kind == DECIDER_ROUTE;
    decider_print(&outcome.decider, ret_forecast->decider);
    reasons_print(&outcome.reasons, ret_forecast->reasons);
    outcome_free(&outcome);
}

/* ---- symbolic ---- */

static const struct prediction_part *part_of(const struct prediction *prediction, const struct shot *shot)
{
    list_each(const struct prediction_part, part, &prediction->parts)
        if (interval_set_contains(&part->sources, shot->source.value) &&
            (interval_set_empty(&part->source_ports) ||
             interval_set_contains(&part->source_ports, shot->source_port)))
            return part;
    return NULL;
}

static void forecast_part(const struct world *world, const struct prediction_part *part,
                          struct forecast *forecast)
{
    forecast->state = part->state;
    forecast->answer = part->answer;
    forecast->icmp_type = part->icmp_type;
    forecast->icmp_code = part->icmp_code;
    target_fill(world, &part->target, forecast);
    forecast->by_route = part->decider.kind == DECIDER_ROUTE;
    forecast->vague = part->one_of_several;
    decider_print(&part->decider, forecast->decider);
    reasons_print(&part->reasons, forecast->reasons);
}

/* Undetermined for no other reason than a mask that cuts the sources into more pieces than are kept. */
static bool in_pieces(const struct prediction_part *part)
{
    list_each(const struct reason, reason, &part->reasons)
        if (strcmp(reason->code, REASON_SOURCE_SET) != 0)
            return false;
    return part->state == STATE_UNDETERMINED && part->reasons.count > 0;
}

/*
 * `sources`, `ports`: those that are asked about, the packet's own among them. What fares alike for several
 * is then found by cutting sets, where one source alone is a number that is compared.
 */
static void ask_about(const struct world *world, const struct lab *lab, const struct shot *shot,
                      const struct interval_set *sources, const struct interval_set *ports,
                      struct forecast *ret_forecast)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_prediction_ struct prediction prediction = {0};
    struct query query = {.namespace = shot_namespace(lab, shot),
                          .interface = shot_interface(lab, shot),
                          .family = shot->family,
                          .protocol = shot->protocol,
                          .sources = *sources,
                          .source_ports = *ports,
                          .destination = shot->destination,
                          .port = shot->destination_port,
                          .uid_known = true,
                          .source_mac = shot_mac(shot)};
    *ret_forecast = (struct forecast){.state = STATE_UNDETERMINED};
    if (symbolic_evaluate(world, &query, arena, &prediction) != 0)
        judge_fail("a packet that is no question");
    const struct prediction_part *part = part_of(&prediction, shot);
    if (part) {
        forecast_part(world, part, ret_forecast);
        ret_forecast->excused = in_pieces(part);
    } else {
        snprintf(ret_forecast->reasons, sizeof(ret_forecast->reasons), "no part has the source");
    }
}

static void ask_symbolic(const struct world *world, const struct lab *lab, const struct shot *shot,
                         struct forecast *ret_forecast)
{
    _cleanup_interval_set_ struct interval_set source =
                                                   interval_set_range(shot->source.value, shot->source.value),
                                               port =
                                                   interval_set_range(shot->source_port, shot->source_port);
    ask_about(world, lab, shot, &source, &port, ret_forecast);
}

static void ask_all_sources(const struct world *world, const struct lab *lab, const struct shot *shot,
                            struct forecast *ret_forecast)
{
    _cleanup_interval_set_ struct interval_set all = interval_set_family(shot->family),
                                               port =
                                                   interval_set_range(shot->source_port, shot->source_port);
    ask_about(world, lab, shot, &all, &port, ret_forecast);
}

/* A prediction gives the most exposed ports of a source alone: of another port nothing is said. */
static void ask_all_ports(const struct world *world, const struct lab *lab, const struct shot *shot,
                          struct forecast *ret_forecast)
{
    _cleanup_interval_set_ struct interval_set source =
                                                   interval_set_range(shot->source.value, shot->source.value),
                                               all = interval_set_range(1, UINT16_MAX);
    ask_about(world, lab, shot, &source, &all, ret_forecast);
    ret_forecast->excused |= ret_forecast->decider[0] == '\0';
}

const struct evaluator evaluators[] = {{"concrete", ask_concrete},
                                       {"symbolic", ask_symbolic},
                                       {"symbolic-sources", ask_all_sources},
                                       {"symbolic-ports", ask_all_ports}};
const size_t evaluator_count = sizeof(evaluators) / sizeof(evaluators[0]);

/* ---- what decided ---- */

static const struct nft_rule *rule_of(const struct world *world, const struct rule_reference *reference)
{
    const struct world_namespace *namespace = world_namespace(world, reference->namespace);
    if (!namespace || !reference->handle)
        return NULL;
    list_each(const struct nft_table, table, &namespace->facts->ruleset.tables) {
        if (strcmp(nft_family_name(table->family), reference->family) != 0 ||
            strcmp(table->name, reference->table) != 0)
            continue;
        const struct nft_chain *chain = table_chain(table, reference->chain);
        if (chain)
            list_each(const struct nft_rule, rule, &chain->rules)
                if (rule->handle == reference->handle)
                    return rule;
    }
    return NULL;
}

struct members { /* that had a part in this packet's fate: each counts once */
    bool expressions[EXPRESSION_KINDS], extensions[XT_KINDS], verdicts[8];
};

static void rule_members(const struct nft_rule *rule, struct members *members)
{
    list_each(const struct nft_expression, expression, &rule->expressions) {
        members->expressions[expression->kind] = true;
        if (expression->kind == EXPRESSION_MATCH || expression->kind == EXPRESSION_TARGET)
            members->extensions[expression->xt.kind] = true;
    }
}

static void members_add(struct tally *tally, const struct members *members)
{
    for (size_t i = 0; i < EXPRESSION_KINDS; i++)
        tally->expressions[i] += members->expressions[i];
    for (size_t i = 0; i < XT_KINDS; i++)
        tally->extensions[i] += members->extensions[i];
}

static void state_add(struct tally *tally, enum state state)
{
    tally->open += state == STATE_OPEN;
    tally->closed += state == STATE_CLOSED;
    tally->filtered += state == STATE_FILTERED;
    tally->unreachable += state == STATE_UNREACHABLE;
    tally->undetermined += state == STATE_UNDETERMINED;
}

void tally_add(struct tally *tally, const struct world *world, const struct lab *lab, const struct shot *shot)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct packet packet = shot_packet(lab, shot);
    struct members members = {0};
    struct outcome outcome;
    if (concrete_evaluate(world, &packet, arena, &outcome) != 0)
        return;
    tally->packets++;
    tally->rewritten += outcome.rewritten;
    state_add(tally, outcome.state);
    list_each(const struct step, step, &outcome.steps) {
        const struct nft_rule *rule = step->has_rule ? rule_of(world, &step->rule) : NULL;
        if (rule)
            rule_members(rule, &members);
    }
    members_add(tally, &members);
    outcome_free(&outcome);
}

/* ---- the summary ---- */

static const enum expression_kind wanted_expressions[] = {
    EXPRESSION_PAYLOAD,   EXPRESSION_META,      EXPRESSION_CMP,    EXPRESSION_RANGE,   EXPRESSION_BITWISE,
    EXPRESSION_BYTEORDER, EXPRESSION_IMMEDIATE, EXPRESSION_LOOKUP, EXPRESSION_COUNTER, EXPRESSION_CT,
    EXPRESSION_FIB,       EXPRESSION_NAT,       EXPRESSION_MASQ,   EXPRESSION_REDIR,   EXPRESSION_REJECT,
    EXPRESSION_MATCH,     EXPRESSION_TARGET,
};
static const struct {
    enum xt_kind kind;
    const char *name;
} wanted_extensions[] = {
    {XT_ADDRTYPE, "addrtype"},
    {XT_CONNTRACK, "conntrack"},
    {XT_TCP, "tcp"},
    {XT_UDP, "udp"},
    {XT_MULTIPORT, "multiport"},
    {XT_COMMENT, "comment"},
    {XT_MARK, "mark"},
    {XT_DNAT, "DNAT"},
    {XT_SNAT, "SNAT"},
    {XT_MASQUERADE, "MASQUERADE"},
    {XT_REDIRECT, "REDIRECT"},
    {XT_REJECT, "REJECT"},
    {XT_SET_MARK, "MARK"},
    {XT_CT, "CT"},
};

#define DECIDED_MINIMUM 50

static bool enough(const char *what, uint64_t have, uint64_t need, bool strict)
{
    if (have < need && strict)
        printf("  too few: %s %llu, %llu are needed\n", what, (unsigned long long)have,
               (unsigned long long)need);
    return have >= need || !strict;
}

bool tally_report(const struct tally *tally, bool strict)
{
    bool good = true;
    printf("%llu packets: open %llu, closed %llu, filtered %llu, unreachable %llu, undetermined %llu; "
           "rewritten %llu\n",
           (unsigned long long)tally->packets, (unsigned long long)tally->open,
           (unsigned long long)tally->closed, (unsigned long long)tally->filtered,
           (unsigned long long)tally->unreachable, (unsigned long long)tally->undetermined,
           (unsigned long long)tally->rewritten);
    good &= enough("open", tally->open, tally->packets / 4, strict);
    good &= enough("filtered", tally->filtered, tally->packets / 4, strict);
    good &= enough("rewritten", tally->rewritten, tally->packets / 10, strict);
    printf("packets that a rule with it decided:");
    for (size_t i = 0; i < sizeof(wanted_expressions) / sizeof(wanted_expressions[0]); i++)
        printf(" %s %llu", expression_kind_name(wanted_expressions[i]),
               (unsigned long long)tally->expressions[wanted_expressions[i]]);
    for (size_t i = 0; i < sizeof(wanted_extensions) / sizeof(wanted_extensions[0]); i++)
        printf(" xt:%s %llu", wanted_extensions[i].name,
               (unsigned long long)tally->extensions[wanted_extensions[i].kind]);
    printf("\n");
    for (size_t i = 0; i < sizeof(wanted_expressions) / sizeof(wanted_expressions[0]); i++)
        good &= enough(expression_kind_name(wanted_expressions[i]), tally->expressions[wanted_expressions[i]],
                       DECIDED_MINIMUM, strict);
    for (size_t i = 0; i < sizeof(wanted_extensions) / sizeof(wanted_extensions[0]); i++)
        good &= enough(wanted_extensions[i].name, tally->extensions[wanted_extensions[i].kind],
                       DECIDED_MINIMUM, strict);
    return good && tally->undetermined == 0;
}

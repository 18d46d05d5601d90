/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/symbolic.h"

#include "netns/base/text.h"
#include "netns/snapshot/ruleset_text.h"
#include "scanner/path/predict.h"
#include "scanner/path/survey.h"

#include <errno.h>

#define EPHEMERAL_FIRST 1024 /* source ports where the query names none */

struct symbolic {
    const struct world *world;
    struct arena *arena; /* of the answers */
    struct map *texts;   /* of rules and chains, by their address */
    struct map *notes;
};

struct symbolic *symbolic_new(const struct world *world, struct arena *arena)
{
    struct symbolic *symbolic = memory_alloc(sizeof(*symbolic));
    symbolic->world = world;
    symbolic->arena = arena;
    symbolic->texts = map_new();
    symbolic->notes = map_new();
    return symbolic;
}

struct symbolic *symbolic_free(struct symbolic *symbolic)
{
    if (!symbolic)
        return NULL;
    map_free(symbolic->texts);
    map_free(symbolic->notes);
    free(symbolic);
    return NULL;
}

void cleanup_symbolic(struct symbolic **symbolic)
{
    symbolic_free(*symbolic);
}

const struct world *symbolic_world(const struct symbolic *symbolic)
{
    return symbolic->world;
}

struct arena *symbolic_arena(struct symbolic *symbolic)
{
    return symbolic->arena;
}

struct map *symbolic_notes(struct symbolic *symbolic)
{
    return symbolic->notes;
}

/* ---- texts of rules ---- */
static const char *interface_name(const void *context, uint32_t index)
{
    const struct link *link = world_link(context, index);
    return link ? link->name : NULL;
}

static const char *text_make(struct symbolic *symbolic, const struct cause *place)
{
    struct text_names names = {.interface_name = interface_name, .context = place->namespace};
    char *text = place->rule ? rule_text(place->table, place->chain, place->rule, &names)
                             : chain_text(place->table, place->chain);
    const char *copy = arena_strdup(symbolic->arena, text);
    free(text);
    return copy;
}

struct rule_reference symbolic_reference(struct symbolic *symbolic, const struct cause *place)
{
    uint64_t key =
        (uint64_t)(uintptr_t)(place->rule ? (const void *)place->rule : (const void *)place->chain);
    const char *text = map_get_u64(symbolic->texts, key);
    if (!text) {
        text = text_make(symbolic, place);
        map_set_u64(symbolic->texts, key, (void *)(uintptr_t)text);
    }
    return (struct rule_reference){.namespace = place->namespace->facts->id,
                                   .backend = place->table->xtables ? "nf_tables-xt" : "nf_tables",
                                   .family = nft_family_name(place->table->family),
                                   .table = place->table->name,
                                   .chain = place->chain->name,
                                   .handle = place->rule ? place->rule->handle : 0,
                                   .position = place->rule ? place->rule->position : 0,
                                   .text = text,
                                   .comment = place->rule ? place->rule->comment : NULL};
}

/* ---- questions ---- */
static bool query_is_sound(const struct query *query)
{
    return (query->family == FAMILY_IP4 || query->family == FAMILY_IP6) && query->protocol != 0 &&
           query->destination.family == query->family;
}

static void unknown_namespace(struct symbolic *symbolic, const struct query *query,
                              struct prediction *prediction)
{
    struct prediction_part *part = list_append(&prediction->parts);
    part->state = prediction->state = STATE_UNDETERMINED;
    part->sources = interval_set_empty(&query->sources) ? interval_set_family(query->family)
                                                        : interval_set_copy(&query->sources);
    part->target.socket = -1;
    part->decider.kind = DECIDER_PROGRAM;
    const char *subject = arena_printf(symbolic->arena, "net:[%llu]", (unsigned long long)query->namespace);
    reason_add(&part->reasons, REASON_NAMESPACE_UNREAD, subject, "the namespace is not in the snapshot");
}

static struct survey survey_new(struct symbolic *symbolic, const struct query *query)
{
    return (struct survey){
        .symbolic = symbolic, .world = symbolic->world, .query = query, .arena = arena_new()};
}

/* What a filtered part would meet without what filters it. */
static void part_look_on(struct symbolic *symbolic, const struct query *query, struct prediction_part *part,
                         const struct interval_set *ports)
{
    struct survey survey = survey_new(symbolic, query);
    survey.what_if = true;
    survey_run(&survey, &part->sources,
               interval_set_empty(&part->source_ports) ? ports : &part->source_ports);
    part_add_later(symbolic, &survey, part);
    survey_free(&survey);
}

static void parts_look_on(struct symbolic *symbolic, const struct query *query, struct prediction *prediction,
                          const struct interval_set *ports)
{
    size_t looked = 0;
    list_each(struct prediction_part, part, &prediction->parts) {
        bool by_rule = part->decider.kind == DECIDER_RULE || part->decider.kind == DECIDER_POLICY ||
                       part->decider.kind == DECIDER_SYSCTL || part->decider.kind == DECIDER_LINK;
        if (part->state == STATE_FILTERED && by_rule && looked++ < PREDICT_LATER_MAX)
            part_look_on(symbolic, query, part, ports);
    }
}

int symbolic_ask(struct symbolic *symbolic, const struct query *query, struct prediction *ret_prediction)
{
    if (!query_is_sound(query))
        return -EINVAL;
    *ret_prediction = (struct prediction){.family = query->family};
    if (!world_namespace(symbolic->world, query->namespace)) {
        unknown_namespace(symbolic, query, ret_prediction);
        return 0;
    }
    _cleanup_interval_set_ struct interval_set ports = interval_set_empty(&query->source_ports)
                                                           ? interval_set_range(EPHEMERAL_FIRST, UINT16_MAX)
                                                           : interval_set_copy(&query->source_ports);
    struct survey survey = survey_new(symbolic, query);
    survey_run(&survey, &query->sources, &ports);
    prediction_make(symbolic, &survey, &ports, ret_prediction);
    survey_free(&survey);
    parts_look_on(symbolic, query, ret_prediction, &ports);
    return 0;
}

int symbolic_evaluate(const struct world *world, const struct query *query, struct arena *arena,
                      struct prediction *ret_prediction)
{
    _cleanup_symbolic_ struct symbolic *symbolic = symbolic_new(world, arena);
    return symbolic_ask(symbolic, query, ret_prediction);
}

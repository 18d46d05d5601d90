/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/explain.h"

#include "netns/base/text.h"
#include "netns/snapshot/ruleset_text.h"
#include "scanner/path/channel_work.h"
#include "scanner/path/visit.h"

#define OFF_PATH_LIMIT 32

/* ---- names ---- */
const char *namespace_label(const struct world *world, uint64_t id, struct arena *arena)
{
    const struct snapshot *snapshot = world->snapshot;
    const struct world_namespace *namespace = world_namespace(world, id);
    const struct container *container = snapshot_namespace_container(snapshot, id);
    if (id == snapshot->host_namespace)
        return "host";
    if (container)
        return container->name;
    if (namespace && namespace->facts->names.count > 0)
        return arena_printf(arena, "netns:%s", namespace->facts->names.items[0]);
    return arena_printf(arena, "net:[%llu]", (unsigned long long)id);
}

static const char *rule_place_text(const struct rule_reference *rule, struct arena *arena)
{
    if (rule->handle == 0)
        return arena_printf(arena, "%s %s %s policy", rule->family, rule->table, rule->chain);
    return arena_printf(arena, "%s %s %s handle %llu", rule->family, rule->table, rule->chain,
                        (unsigned long long)rule->handle);
}

/* ---- a sentence about what decided ---- */
struct decider_sentence {
    enum decider_kind kind;
    const char *format; /* with the subject */
};
static const struct decider_sentence sentences[] = {
    {DECIDER_ROUTE, "by the route %s"},      {DECIDER_SYSCTL, "by %s"},
    {DECIDER_LINK, "by the link %s"},        {DECIDER_NEIGHBOUR, "no neighbour has %s"},
    {DECIDER_ADDRESS, "by the address: %s"}, {DECIDER_PROGRAM, "not modelled: %s"},
    {DECIDER_PROXY, "by the proxy %s"},
};

static const char *subject_sentence(const struct decider *decider, struct arena *arena)
{
    const char *subject = decider->subject ? decider->subject : decider->text ? decider->text : "";
    const char *why = decider->text && !text_equal(decider->text, subject) ? decider->text : NULL;
    for (size_t i = 0; i < sizeof(sentences) / sizeof(*sentences); i++) {
        if (sentences[i].kind != decider->kind)
            continue;
        struct buffer buffer = BUFFER(1024);
        const char *slot = strstr(sentences[i].format, "%s");
        buffer_append_bytes(&buffer, sentences[i].format, (size_t)(slot - sentences[i].format));
        buffer_append(&buffer, subject);
        if (why)
            buffer_printf(&buffer, " (%s)", why);
        char *text = buffer_take(&buffer);
        const char *copy = arena_strdup(arena, text);
        free(text);
        return copy;
    }
    return arena_strdup(arena, subject);
}

const char *explain_decider(const struct world *world, const struct decider *decider, struct arena *arena)
{
    const char *where = decider->namespace ? namespace_label(world, decider->namespace, arena) : "";
    switch (decider->kind) {
    case DECIDER_RULE:
    case DECIDER_POLICY:
        return arena_printf(arena, "by %s in %s: %s", rule_place_text(&decider->rule, arena), where,
                            decider->rule.text ? decider->rule.text : "");
    case DECIDER_LISTENER:
        return arena_printf(arena, "no rule of %s stands against it", where);
    case DECIDER_NO_LISTENER:
        return arena_printf(arena, "nobody listens in %s", where);
    case DECIDER_NONE:
        return "nothing known decides";
    default:
        return subject_sentence(decider, arena);
    }
}

/* ---- steps ---- */
static void step_add(const struct world *world, const struct step *step, struct arena *arena,
                     struct path_step_list *list)
{
    struct path_step *new = list_append(list);
    *new = (struct path_step){.hook = step->hook,
                              .where = namespace_label(world, step->namespace, arena),
                              .namespace = step->namespace,
                              .interface = step->interface,
                              .effect = step->effect};
    if (!step->has_rule)
        return;
    new->rule = step->rule.text;
    new->place = rule_place_text(&step->rule, arena);
}

static bool says_it(const struct step *step, const struct decider *decider)
{
    return step->has_rule && step->rule.namespace == decider->rule.namespace &&
           step->rule.handle == decider->rule.handle && text_equal(step->rule.chain, decider->rule.chain) &&
           text_equal(step->rule.table, decider->rule.table);
}

void explain_steps(const struct world *world, const struct prediction_part *part, struct arena *arena,
                   struct path_step_list *ret_steps)
{
    bool said = part->decider.kind == DECIDER_LISTENER;
    for (size_t i = 0; i < part->step_count; i++) {
        step_add(world, &part->steps[i], arena, ret_steps);
        said |= says_it(&part->steps[i], &part->decider);
    }
    if (said)
        return;
    struct path_step *last = list_append(ret_steps);
    *last = (struct path_step){
        .hook = "end",
        .where = part->decider.namespace ? namespace_label(world, part->decider.namespace, arena) : NULL,
        .namespace = part->decider.namespace,
        .effect = arena_printf(arena, "%s %s", state_name(part->state),
                               explain_decider(world, &part->decider, arena))};
}

/* ---- rules that look as if they protected ---- */
struct off_path {
    const struct world *world;
    const struct query *query;
    struct arena *arena;
    struct prediction *prediction;
    size_t limit;
    struct address final; /* destination after all rewrites */
    uint16_t final_port;
    struct map *met; /* rules and chains that some part's steps name, by text */
    const struct world_namespace *namespace;
    LIST(struct decider) found;
    LIST(u128) breadth; /* of each: how many destinations it covers; the fewer the more specific */
};

static const char *met_key(struct arena *arena, uint64_t namespace, const char *family, const char *table,
                           const char *chain, uint64_t handle)
{
    return arena_printf(arena, "%llu %s %s %s %llu", (unsigned long long)namespace, family, table, chain,
                        (unsigned long long)handle);
}

static void met_add(struct off_path *off, const struct rule_reference *rule)
{
    if (rule->table)
        map_set(off->met,
                met_key(off->arena, rule->namespace, rule->family, rule->table, rule->chain, rule->handle),
                off);
}

static void met_collect(struct off_path *off)
{
    list_each(const struct prediction_part, part, &off->prediction->parts) {
        met_add(off, &part->decider.rule);
        list_each(const struct decider, later, &part->later)
            met_add(off, &later->rule);
        for (size_t i = 0; i < part->step_count; i++)
            if (part->steps[i].has_rule)
                met_add(off, &part->steps[i].rule);
    }
}

static bool covers(const struct destinations *destinations, struct address address, uint16_t port)
{
    return (destinations->any_address || interval_set_contains(&destinations->addresses, address.value)) &&
           (destinations->any_port || interval_set_contains(&destinations->ports, port));
}

/* Of a rule that names no port and no address nobody would think that it protects this port in particular. */
static bool names_something(const struct rule_visit *visit)
{
    return !visit->destinations.any_port || !visit->destinations.any_address || !visit->rule;
}

static bool hook_is_passed(const struct off_path *off, uint64_t namespace, const char *hook)
{
    list_each(const struct prediction_part, part, &off->prediction->parts)
        for (size_t i = 0; i < part->step_count; i++)
            if (part->steps[i].namespace == namespace && text_equal(part->steps[i].hook, hook))
                return true;
    return false;
}

/* A policy of a hook that the packets do pass is what a rule before it made an exception to: no news. */
static bool looks_protective(const struct off_path *off, const struct rule_visit *visit)
{
    const char *hook = nft_hook_name(visit->base->chain->hook);
    return visit->drops && names_something(visit) &&
           (visit->rule || !hook_is_passed(off, visit->namespace->facts->id, hook));
}

static u128 breadth_of(const struct destinations *destinations)
{
    u128 ports = destinations->any_port ? UINT16_MAX + 1u : 0,
         addresses = destinations->any_address ? 1u << 16 : 0;
    for (size_t i = 0; !destinations->any_port && i < destinations->ports.count; i++)
        ports += destinations->ports.items[i].last - destinations->ports.items[i].first + 1;
    for (size_t i = 0;
         !destinations->any_address && i < destinations->addresses.count && addresses < 1u << 16; i++)
        addresses += destinations->addresses.items[i].last - destinations->addresses.items[i].first + 1;
    return ports * (addresses > 1u << 16 ? 1u << 16 : addresses);
}

static const char *interface_name(const void *context, uint32_t index)
{
    const struct link *link = world_link(context, index);
    return link ? link->name : NULL;
}

static struct rule_reference reference_make(const struct off_path *off, const struct rule_visit *visit)
{
    const struct nft_table *table = visit->base->table;
    struct text_names names = {.interface_name = interface_name, .context = visit->namespace};
    char *text =
        visit->rule ? rule_text(table, visit->chain, visit->rule, &names) : chain_text(table, visit->chain);
    struct rule_reference reference = {.namespace = visit->namespace->facts->id,
                                       .backend = table->xtables ? "nf_tables-xt" : "nf_tables",
                                       .family = nft_family_name(table->family),
                                       .table = table->name,
                                       .chain = visit->chain->name,
                                       .handle = visit->rule ? visit->rule->handle : 0,
                                       .position = visit->rule ? visit->rule->position : 0,
                                       .text = arena_strdup(off->arena, text),
                                       .comment = visit->rule ? visit->rule->comment : NULL};
    free(text);
    return reference;
}

static bool off_path_visit(const struct rule_visit *visit, void *context)
{
    struct off_path *off = context;
    const struct nft_table *table = visit->base->table;
    const struct query *query = off->query;
    if (!looks_protective(off, visit) || (!covers(&visit->destinations, query->destination, query->port) &&
                                          !covers(&visit->destinations, off->final, off->final_port)))
        return true;
    const char *key = met_key(off->arena, visit->namespace->facts->id, nft_family_name(table->family),
                              table->name, visit->chain->name, visit->rule ? visit->rule->handle : 0);
    if (map_get(off->met, key))
        return true;
    map_set(off->met, key, off);
    struct decider *found = list_append(&off->found);
    *found = (struct decider){.kind = visit->rule ? DECIDER_RULE : DECIDER_POLICY,
                              .namespace = visit->namespace->facts->id,
                              .rule = reference_make(off, visit),
                              .subject = nft_hook_name(visit->base->chain->hook),
                              .text = "not on the path"};
    *list_append(&off->breadth) = breadth_of(&visit->destinations);
    return true;
}

static struct guard_packet destination_packet(const struct query *query, struct address destination,
                                              uint16_t port)
{
    return (struct guard_packet){.family = query->family,
                                 .protocol = query->protocol,
                                 .has_ports = true,
                                 .port = port,
                                 .destination = destination,
                                 .any_interface = true};
}

/* The namespaces that the packets pass: the query's, and those of the parts' steps. */
static void off_path_namespace(struct off_path *off, uint64_t id, struct map *seen)
{
    const struct world_namespace *namespace = world_namespace(off->world, id);
    if (!namespace || map_get_u64(seen, id))
        return;
    map_set_u64(seen, id, off);
    const struct visit_packets packets = {
        {destination_packet(off->query, off->query->destination, off->query->port),
         destination_packet(off->query, off->final, off->final_port)},
        off->final.family ? 2 : 1};
    for (enum nft_hook hook = HOOK_PREROUTING; hook <= HOOK_POSTROUTING; hook++)
        rules_visit(namespace, off->query->family, off->query->protocol, hook, &packets, 0, off_path_visit,
                    off);
}

static void off_path_namespaces(struct off_path *off)
{
    struct map *seen = map_new();
    off_path_namespace(off, off->query->namespace, seen);
    list_each(const struct prediction_part, part, &off->prediction->parts)
        for (size_t i = 0; i < part->step_count; i++)
            off_path_namespace(off, part->steps[i].namespace, seen);
    map_free(seen);
}

/* The most specific first; of equal ones as they were met. */
static void off_path_give(struct off_path *off)
{
    for (size_t given = 0; given < off->found.count && given < off->limit; given++) {
        size_t best = off->found.count;
        for (size_t i = 0; i < off->found.count; i++)
            if (off->found.items[i].kind != DECIDER_NONE &&
                (best == off->found.count || off->breadth.items[i] < off->breadth.items[best]))
                best = i;
        *list_append(&off->prediction->off_path) = off->found.items[best];
        off->found.items[best].kind = DECIDER_NONE;
    }
}

void explain_off_path(const struct world *world, const struct query *query, struct arena *arena, size_t limit,
                      struct prediction *prediction)
{
    struct off_path off = {.world = world,
                           .query = query,
                           .arena = arena,
                           .prediction = prediction,
                           .limit = limit ? limit : OFF_PATH_LIMIT,
                           .final = query->destination,
                           .final_port = query->port,
                           .met = map_new()};
    bool passes = prediction->parts.count > 0 && prediction->parts.items[0].state <= STATE_CLOSED;
    if (passes && prediction->parts.items[0].target.address.family == query->family) {
        off.final = prediction->parts.items[0].target.address;
        off.final_port = prediction->parts.items[0].target.port;
    }
    if (passes) { /* where something stops the packets, what else might is no news */
        met_collect(&off);
        off_path_namespaces(&off);
        off_path_give(&off);
    }
    map_free(off.met);
    list_free(&off.found);
    list_free(&off.breadth);
}

/* ---- all of it ---- */
int explain_channel(struct symbolic *symbolic, const struct world *world, const struct vantage *vantage,
                    const struct entry *entry, const struct interval_set *sources,
                    const struct interval_set *source_ports, struct arena *arena,
                    struct path_channel *ret_channel)
{
    int result = channel_find(symbolic, vantage, entry, sources, source_ports, arena, ret_channel);
    if (result != 0)
        return result;
    struct query query = {.namespace = vantage->namespace,
                          .interface = vantage->interface,
                          .family = entry->family,
                          .protocol = entry->protocol,
                          .destination = entry->address,
                          .port = entry->port};
    explain_off_path(world, &query, arena, 0, &ret_channel->prediction);
    return 0;
}

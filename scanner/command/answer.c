/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/command/answer.h"
#include "netns/base/text.h"
#include "reports/format/escape.h"
#include "reports/model/file.h"
#include "scanner/path/example.h"

#include <errno.h>

#define TEXT_MAX 8192

/* ---- opening ---- */

void answerer_open(const struct snapshot *snapshot, const char *const *uplinks, size_t count,
                   struct answerer *ret_answerer, struct error *error)
{
    struct answerer answerer = {.snapshot = snapshot, .arena = arena_new()};

    answerer.world = world_new(snapshot);
    uplinks_find(answerer.world, uplinks, count, &answerer.uplinks, error);
    vantages_find(answerer.world, &answerer.uplinks, answerer.arena, &answerer.vantages);
    listeners_find(answerer.world, &answerer.listeners);
    answerer.symbolic = symbolic_new(answerer.world, answerer.arena);
    *ret_answerer = answerer;
}

void answerer_close(struct answerer *answerer)
{
    answerer->symbolic = symbolic_free(answerer->symbolic);
    vantage_list_free(&answerer->vantages);
    list_free(&answerer->uplinks);
    list_free(&answerer->listeners);
    answerer->world = world_free(answerer->world);
    answerer->arena = arena_free(answerer->arena);
}

/* ---- finding ---- */

int answer_find(struct answerer *answerer, const struct question *question, struct arena *arena,
                struct path_channel *ret_channel, struct error *error)
{
    struct index_list indices = {0};
    bool found = false;
    int r = vantages_match(&answerer->vantages, question->from, question->interface, &indices, error);

    for (size_t i = 0; r >= 0 && i < indices.count; i++) {
        struct path_channel channel;
        r = explain_channel(answerer->symbolic, answerer->world, &answerer->vantages.items[indices.items[i]],
                            &question->entry, question->sources.count ? &question->sources : NULL,
                            question->ports.count ? &question->ports : NULL, arena, &channel);
        if (r < 0) {
            error_set(error, -r, "bad-query", question->from,
                      "the question names no address, protocol or family that fits");
            break;
        }
        if (found && channel.prediction.state >= ret_channel->prediction.state) {
            path_channel_free(&channel);
            continue;
        }
        if (found)
            path_channel_free(ret_channel);
        *ret_channel = channel;
        found = true;
    }
    list_free(&indices);
    if (r < 0 && found)
        path_channel_free(ret_channel);
    return r < 0 ? r : 0;
}

/* ---- JSON ---- */

static void put_decider(struct json_writer *writer, const struct decider *decider)
{
    json_object_begin(writer);
    json_member_text(writer, "kind", decider_kind_name(decider->kind));
    if (decider->namespace)
        json_member_unsigned(writer, "namespace", decider->namespace);
    else
        json_member_null(writer, "namespace");
    json_name(writer, "rule");
    if (decider->kind == DECIDER_RULE || decider->kind == DECIDER_POLICY)
        report_write_reference(writer, &decider->rule, NULL);
    else
        json_put_null(writer);
    json_member_text(writer, "subject", decider->subject);
    json_member_text(writer, "text", decider->text);
    json_object_end(writer);
}

static void put_reasons(struct json_writer *writer, const struct reason_list *reasons)
{
    json_name(writer, "reasons");
    json_array_begin(writer);
    list_each(const struct reason, reason, reasons) {
        json_object_begin(writer);
        json_member_text(writer, "code", reason->code);
        json_member_text(writer, "subject", reason->subject ? reason->subject : "");
        json_member_text(writer, "message", reason->message ? reason->message : "");
        json_object_end(writer);
    }
    json_array_end(writer);
}

static void put_target(struct json_writer *writer, const struct target *target)
{
    json_name(writer, "target");
    if (target->namespace == 0) {
        json_put_null(writer);
        return;
    }
    json_object_begin(writer);
    json_member_unsigned(writer, "namespace", target->namespace);
    json_member_text(writer, "address", target->address.family ? ADDRESS_TEXT(target->address) : NULL);
    json_member_unsigned(writer, "port", target->port);
    json_object_end(writer);
}

static void put_path(struct json_writer *writer, const struct prediction_part *part)
{
    json_name(writer, "path");
    json_array_begin(writer);
    for (size_t i = 0; part && i < part->step_count; i++) {
        const struct step *step = &part->steps[i];
        json_object_begin(writer);
        json_member_text(writer, "hook", step->hook);
        json_member_unsigned(writer, "namespace", step->namespace);
        json_member_text(writer, "interface", step->interface);
        json_name(writer, "rule");
        if (step->has_rule)
            report_write_reference(writer, &step->rule, NULL);
        else
            json_put_null(writer);
        json_member_text(writer, "effect", step->effect);
        json_object_end(writer);
    }
    json_array_end(writer);
}

/* One packet that fares so; null where none was found. */
static void put_witness(struct json_writer *writer, const struct answerer *answerer,
                        const struct path_channel *channel, const struct prediction_part *part)
{
    struct packet packet;

    json_name(writer, "witness");
    if (!example_find(answerer->world, channel->vantage, &channel->entry, part, &packet)) {
        json_put_null(writer);
        return;
    }
    json_object_begin(writer);
    json_member_text(writer, "source", ADDRESS_TEXT(packet.source));
    json_member_unsigned(writer, "sport", packet.source_port);
    json_object_end(writer);
}

static void put_deciders(struct json_writer *writer, const char *name, const struct decider *deciders,
                         size_t count)
{
    json_name(writer, name);
    json_array_begin(writer);
    for (size_t i = 0; i < count; i++)
        put_decider(writer, &deciders[i]);
    json_array_end(writer);
}

static void put_later(struct json_writer *writer, const struct prediction_part *part)
{
    put_deciders(writer, "later", part ? part->later.items : NULL, part ? part->later.count : 0);
    put_deciders(writer, "later_for_some", part ? part->later_for_some.items : NULL,
                 part ? part->later_for_some.count : 0);
}

static void put_parts(struct json_writer *writer, const struct answerer *answerer,
                      const struct path_channel *channel)
{
    json_name(writer, "parts");
    json_array_begin(writer);
    list_each(const struct prediction_part, part, &channel->prediction.parts) {
        json_object_begin(writer);
        json_member_text(writer, "state", state_name(part->state));
        report_write_sources(writer, &part->sources, channel->prediction.family);
        put_witness(writer, answerer, channel, part);
        json_name(writer, "decider");
        put_decider(writer, &part->decider);
        put_target(writer, &part->target);
        put_reasons(writer, &part->reasons);
        put_later(writer, part);
        json_object_end(writer);
    }
    json_array_end(writer);
}

/* Ids are those of a report of the same snapshot: "l1" is the first that listeners_find gives. */
static const char *listener_id(const struct answerer *answerer, const struct path_channel *channel,
                               char text[24])
{
    for (size_t i = 0; i < answerer->listeners.count; i++)
        if (channel->listener.socket >= 0 &&
            answerer->listeners.items[i].namespace == channel->listener.namespace &&
            answerer->listeners.items[i].socket == channel->listener.socket) {
            snprintf(text, 24, "l%zu", i + 1);
            return text;
        }
    return NULL;
}

void answer_write_json(const struct answerer *answerer, const struct path_channel *channel, bool parts,
                       struct json_writer *writer)
{
    const struct prediction_part *part =
        channel->prediction.parts.count ? channel->prediction.parts.items : NULL;
    static const struct decider no_decider = {0};
    static const struct reason_list no_reasons = {0};
    char id[24];

    json_object_begin(writer);
    json_member_text(writer, "state", state_name(channel->prediction.state));
    json_member_text(writer, "from", channel->vantage->name);
    json_member_text(writer, "family", family_name(channel->prediction.family));
    put_target(writer, &channel->target);
    json_member_text(writer, "listener", listener_id(answerer, channel, id));
    json_name(writer, "decider");
    put_decider(writer, part ? &part->decider : &no_decider);
    put_path(writer, part);
    put_reasons(writer, part ? &part->reasons : &no_reasons);
    if (parts)
        put_parts(writer, answerer, channel);
    put_later(writer, part);
    json_member_bool(writer, "masked", channel->masked);
    put_deciders(writer, "off_path", channel->prediction.off_path.items, channel->prediction.off_path.count);
    json_object_end(writer);
}

/* ---- text ---- */

static void put_line(FILE *file, const char *before, const char *text)
{
    struct buffer buffer = BUFFER(TEXT_MAX);
    escape_terminal(&buffer, text);
    fprintf(file, "%s%s\n", before, buffer.data ? buffer.data : "");
    buffer_free(&buffer);
}

static const char *sources_text(const struct interval_set *sources, enum ip_family family,
                                struct arena *arena)
{
    struct prefix_list prefixes = {0};
    struct buffer buffer = BUFFER(TEXT_MAX);
    const size_t shown = 8;

    interval_set_prefixes(sources, family, &prefixes);
    for (size_t i = 0; i < prefixes.count && i < shown; i++)
        buffer_printf(&buffer, "%s%s", i ? ", " : "", PREFIX_TEXT(prefixes.items[i]));
    if (prefixes.count > shown)
        buffer_printf(&buffer, " and %zu more", prefixes.count - shown);
    list_free(&prefixes);
    char *text = buffer_take(&buffer);
    const char *kept = arena_strdup(arena, text);
    free(text);
    return kept;
}

/* "for example 198.51.100.7:40000" */
static void put_example(const struct answerer *answerer, const struct path_channel *channel,
                        const struct prediction_part *part, struct arena *arena, FILE *file)
{
    struct packet packet;
    bool ip6 = channel->prediction.family == FAMILY_IP6;

    if (example_find(answerer->world, channel->vantage, &channel->entry, part, &packet))
        put_line(file, "  for example: ",
                 arena_printf(arena, "%s%s%s:%u", ip6 ? "[" : "", ADDRESS_TEXT(packet.source), ip6 ? "]" : "",
                              packet.source_port));
}

static void put_part(const struct answerer *answerer, const struct path_channel *channel,
                     const struct prediction_part *part, struct arena *arena, bool color, FILE *file)
{
    struct path_step_list steps = {0};

    fprintf(file, "%s%s%s from %s\n", color ? (part->state == STATE_OPEN ? "\033[1;31m" : "\033[1m") : "",
            state_name(part->state), color ? "\033[0m" : "",
            sources_text(&part->sources, channel->prediction.family, arena));
    put_example(answerer, channel, part, arena, file);
    explain_steps(answerer->world, part, arena, &steps);
    list_each(const struct path_step, step, &steps) {
        put_line(file, "  ",
                 arena_printf(arena, "%-12s %s%s%s: %s", step->hook, step->where ? step->where : "",
                              step->interface ? ", " : "", step->interface ? step->interface : "",
                              step->effect ? step->effect : ""));
        if (step->rule)
            put_line(file, "                 ",
                     arena_printf(arena, "%s%s%s", step->place ? step->place : "", step->place ? ": " : "",
                                  step->rule));
    }
    list_free(&steps);
    put_line(file, "  decided: ", explain_decider(answerer->world, &part->decider, arena));
    list_each(const struct reason, reason, &part->reasons)
        put_line(file, "  because: ",
                 arena_printf(arena, "%s: %s: %s", reason->code, reason->subject ? reason->subject : "",
                              reason->message ? reason->message : ""));
    list_each(const struct decider, later, &part->later)
        put_line(file, "  further on: ", explain_decider(answerer->world, later, arena));
    list_each(const struct decider, later, &part->later_for_some)
        put_line(file, "  further on, for some of these: ", explain_decider(answerer->world, later, arena));
}

void answer_write_text(const struct answerer *answerer, const struct path_channel *channel, bool color,
                       FILE *file)
{
    _cleanup_arena_ struct arena *arena = arena_new();

    put_line(file, "",
             arena_printf(arena, "%s to %s port %u/%s", channel->vantage->name,
                          ADDRESS_TEXT(channel->entry.address), channel->entry.port,
                          protocol_name(channel->entry.protocol)));
    list_each(const struct prediction_part, part, &channel->prediction.parts)
        put_part(answerer, channel, part, arena, color, file);
    if (channel->masked)
        put_line(file, "masked: ", "a listener stands there, and what decided alone keeps it away");
    list_each(const struct decider, decider, &channel->prediction.off_path)
        put_line(file, "not on the path: ", explain_decider(answerer->world, decider, arena));
}

/* ---- questions ---- */

static int bad(struct error *error, const char *member, const char *message)
{
    return error_set(error, EINVAL, "bad-query", member, "%s", message);
}

static int query_members(const cJSON *query, struct error *error)
{
    static const char *const known[] = {"from", "in", "protocol", "source", "sport", "address", "port"};
    for (const cJSON *member = query->child; member; member = member->next) {
        bool found = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
            found = found || text_equal(member->string, known[i]);
        if (!found)
            return bad(error, member->string, "no such member of a query");
    }
    return 0;
}

static int query_source(const cJSON *query, struct question *question, struct error *error)
{
    uint64_t sport;
    struct prefix prefix;
    const char *source = json_text(query, "source");

    if (json_member(query, "source") != NULL) {
        if (source == NULL || prefix_parse(source, false, &prefix, NULL) < 0 ||
            prefix.address.family != question->entry.family)
            return bad(error, "source", "must be an address or CIDR of the destination's family");
        question->sources = interval_set_prefix(prefix);
    }
    if (json_member(query, "sport") != NULL) {
        if (!json_unsigned(query, "sport", UINT16_MAX, &sport))
            return bad(error, "sport", "must be a port number");
        question->ports = interval_set_range(sport, sport);
    }
    return 0;
}

int question_parse(const char *line, size_t length, struct arena *arena, struct question *ret_question,
                   struct error *error)
{
    _cleanup_json_ cJSON *query = json_parse(line, length, "query", error);
    struct question question = {0};
    uint64_t port;

    if (query == NULL)
        return -EINVAL;
    if (!cJSON_IsObject(query))
        return bad(error, "query", "must be a JSON object");
    if (query_members(query, error) < 0)
        return -EINVAL;
    question.from = arena_strdup(arena, json_text(query, "from"));
    question.interface = arena_strdup(arena, json_text(query, "in"));
    if (question.from == NULL)
        return bad(error, "from", "must name a vantage");
    if (json_text(query, "protocol") == NULL ||
        !(question.entry.protocol = protocol_parse(json_text(query, "protocol"))))
        return bad(error, "protocol", "must be tcp, udp or another protocol's name");
    if (json_text(query, "address") == NULL ||
        address_parse(json_text(query, "address"), &question.entry.address, NULL) < 0)
        return bad(error, "address", "must be an IP address");
    if (!json_unsigned(query, "port", UINT16_MAX, &port))
        return bad(error, "port", "must be a port number");
    question.entry.port = (uint16_t)port;
    question.entry.family = question.entry.address.family;
    int r = query_source(query, &question, error);
    if (r < 0) {
        question_free(&question);
        return r;
    }
    *ret_question = question;
    return 0;
}

void question_free(struct question *question)
{
    interval_set_free(&question->sources);
    interval_set_free(&question->ports);
}

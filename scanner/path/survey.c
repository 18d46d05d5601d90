/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/survey.h"

#include <stdarg.h>

/* ---- texts ---- */
const char *survey_text(struct survey *survey, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return arena_strdup(survey->arena, text);
}

const char *namespace_text(struct survey *survey, const struct world_namespace *namespace)
{
    return survey_text(survey, "net:[%llu]", (unsigned long long)namespace->facts->id);
}

/* ---- ends ---- */
/* What an end is worth after something on the way could not be looked into. */
static enum state state_after(const struct fragment *fragment, enum state state)
{
    bool passes = state == STATE_OPEN || state == STATE_CLOSED;
    if (fragment->taint == TAINT_ANY || (fragment->taint == TAINT_DROP && passes))
        return STATE_UNDETERMINED;
    return state;
}

static struct target target_of(const struct fragment *fragment)
{
    struct target target = {.namespace = fragment->namespace->facts->id,
                            .address = fragment->destination,
                            .port = fragment->port_number,
                            .socket = fragment->socket,
                            .elsewhere = fragment->elsewhere};
    if (fragment->elsewhere)
        target.namespace = 0;
    return target;
}

void survey_end_answered(struct survey *survey, struct fragment *fragment, enum state state,
                         const struct cause *cause, enum answer_kind answer, uint8_t icmp_type,
                         uint8_t icmp_code)
{
    struct ending *ending = list_append(&survey->endings);
    *ending = (struct ending){.fragment = fragment,
                              .state = state_after(fragment, state),
                              .cause = *cause,
                              .answer = answer,
                              .icmp_type = icmp_type,
                              .icmp_code = icmp_code,
                              .target = target_of(fragment)};
    if (cause->kind == DECIDER_LISTENER && fragment->acceptance) {
        const struct trace *by = fragment->acceptance;
        ending->cause = (struct cause){.kind = by->rule ? DECIDER_RULE : DECIDER_POLICY,
                                       .namespace = by->namespace,
                                       .table = by->table,
                                       .chain = by->chain,
                                       .rule = by->rule,
                                       .subject = by->hook};
    }
}

void survey_end(struct survey *survey, struct fragment *fragment, enum state state, const struct cause *cause)
{
    survey_end_answered(survey, fragment, state, cause, ANSWER_NONE, 0, 0);
}

struct fragment *survey_drop(struct survey *survey, struct fragment *fragment, const struct cause *cause,
                             enum answer_kind answer, uint8_t icmp_type, uint8_t icmp_code)
{
    if (!survey->what_if) {
        survey_end_answered(survey, fragment, STATE_FILTERED, cause, answer, icmp_type, icmp_code);
        return NULL;
    }
    struct drop *drop = arena_alloc(survey->arena, sizeof(*drop));
    *drop = (struct drop){.previous = fragment->drops,
                          .cause = *cause,
                          .count = fragment->drops ? fragment->drops->count + 1 : 1};
    fragment->drops = drop;
    return fragment;
}

void survey_end_unknown(struct survey *survey, struct fragment *fragment, const char *code,
                        const char *subject, const char *message)
{
    struct cause cause = {
        .kind = DECIDER_PROGRAM, .namespace = fragment->namespace, .subject = subject, .text = message};
    fragment_doubt(fragment, survey->arena, code, subject, message);
    survey_end(survey, fragment, STATE_UNDETERMINED, &cause);
}

void survey_continue(struct survey *survey, struct fragment *fragment, enum stage stage)
{
    fragment->stage = stage;
    fragment_list_add(&survey->work, fragment);
}

/* ---- the walk ---- */
typedef void stage_function(struct survey *survey, struct fragment *fragment);
static stage_function *const stage_functions[] = {
    [STAGE_ARRIVE] = device_arrive,   [STAGE_INGRESS] = stage_ingress,   [STAGE_PREROUTING] = stage_hook,
    [STAGE_ROUTE] = stage_route,      [STAGE_INPUT] = stage_hook,        [STAGE_SOCKET] = stage_socket,
    [STAGE_FORWARD] = stage_hook,     [STAGE_SEND] = stage_send,         [STAGE_OUTPUT] = stage_hook,
    [STAGE_POSTROUTING] = stage_hook, [STAGE_TRANSMIT] = stage_transmit, [STAGE_BRIDGE] = stage_bridge,
};

static void survey_step(struct survey *survey)
{
    struct fragment *fragment = survey->work.items[--survey->work.count];
    if (fragment->hops > SURVEY_HOPS_MAX)
        survey_end_unknown(survey, fragment, REASON_LOOP, namespace_text(survey, fragment->namespace),
                           "more hops than are followed");
    else if (survey->steps++ > SURVEY_STEPS_MAX)
        survey_end_unknown(survey, fragment, REASON_TOO_COMPLEX, namespace_text(survey, fragment->namespace),
                           "more parts than are followed");
    else
        stage_functions[fragment->stage](survey, fragment);
}

static struct fragment *fragment_first(struct survey *survey, const struct interval_set *sources,
                                       const struct interval_set *ports)
{
    const struct query *query = survey->query;
    struct interval_set own_sources =
        interval_set_empty(sources) ? interval_set_family(query->family) : interval_set_copy(sources);
    struct interval_set own_ports = interval_set_copy(ports);
    struct fragment *fragment = memory_alloc(sizeof(*fragment));
    fragment->sources = region_new(&own_sources);
    fragment->ports = region_new(&own_ports);
    fragment->namespace = world_namespace(survey->world, query->namespace);
    fragment->destination = query->destination;
    fragment->port_number = query->port;
    fragment->socket = -1;
    fragment_reset(fragment);
    if (query->interface == 0)
        fragment->sender = fragment->namespace;
    return fragment;
}

void survey_run(struct survey *survey, const struct interval_set *sources, const struct interval_set *ports)
{
    struct fragment *first = fragment_first(survey, sources, ports);
    survey_continue(survey, first, survey->query->interface ? STAGE_ARRIVE : STAGE_SEND);
    while (survey->work.count > 0) {
        fragment_list_join(&survey->work, survey->arena);
        survey_step(survey);
    }
}

void survey_free(struct survey *survey)
{
    fragment_list_free(&survey->work);
    list_each(struct ending, ending, &survey->endings)
        fragment_free(ending->fragment);
    list_free(&survey->endings);
    survey->arena = arena_free(survey->arena);
}

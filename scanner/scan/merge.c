/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/scan/merge.h"
#include "netns/base/text.h"
#include "reports/model/identity.h"

#define KEY_MAX 65536

struct merge {
    const struct snapshot *snapshot;
    struct report *report;
    struct map *rules, *paths; /* key to the id in the report's arena */
    struct map *listeners;     /* "namespace/socket" to id */
};

/* ---- agreement ---- */

static bool silent(const struct observation *observed)
{
    return !observed->reset && !observed->icmp;
}

static bool filtered_agrees(const struct prediction_part *part, const struct observation *observed)
{
    switch (part->answer) {
    case ANSWER_TCP_RESET:
        return observed->state == OBSERVED_CLOSED && observed->reset;
    case ANSWER_ICMP: /* the kernel sends a sender few ICMP errors a second: silence does not contradict */
        if (observed->icmp)
            return observed->icmp_type == part->icmp_type && observed->icmp_code == part->icmp_code;
        break;
    case ANSWER_NONE:
        break;
    }
    return observed->state == OBSERVED_FILTERED && silent(observed);
}

bool merge_agrees(const struct prediction_part *part, const struct observation *observed)
{
    if (part->state == STATE_UNDETERMINED || observed->state == OBSERVED_NOT_PROBED ||
        observed->state == OBSERVED_UNDETERMINED)
        return true;
    switch (part->state) {
    case STATE_OPEN:
        return observed->state == OBSERVED_OPEN;
    case STATE_CLOSED:
        return observed->state == OBSERVED_CLOSED;
    case STATE_FILTERED:
        return filtered_agrees(part, observed);
    case STATE_UNREACHABLE:
        return observed->state == OBSERVED_UNREACHABLE ||
               (observed->state == OBSERVED_FILTERED && silent(observed)) ||
               (observed->icmp && observed->state != OBSERVED_OPEN);
    case STATE_UNDETERMINED:
        break;
    }
    return true;
}

/* The state that an observation alone would give. */
static enum state observed_as_state(const struct observation *observed)
{
    static const enum state states[] = {STATE_OPEN, STATE_UNDETERMINED, STATE_CLOSED, STATE_FILTERED,
                                        STATE_UNREACHABLE};
    return states[observed->state];
}

enum state merge_state(const struct prediction_part *part, const struct observation *observed,
                       bool *ret_conflict)
{
    *ret_conflict = false;
    if (observed->state == OBSERVED_OPEN) {
        *ret_conflict = !merge_agrees(part, observed);
        return STATE_OPEN;
    }
    if (merge_agrees(part, observed))
        return part->state;
    *ret_conflict = true;
    enum state seen = observed_as_state(observed);
    return seen < part->state ? seen : part->state;
}

/* ---- things that stand once ---- */

static const char *copy(struct merge *merge, const char *text)
{
    return arena_strdup(merge->report->arena, text);
}

static const char *rule_id(struct merge *merge, const struct rule_reference *rule)
{
    char key[1024];
    const char *id;

    snprintf(key, sizeof(key), "%llu/%s/%s/%s/%s/%llu/%u", (unsigned long long)rule->namespace,
             rule->backend ? rule->backend : "", rule->family ? rule->family : "",
             rule->table ? rule->table : "", rule->chain ? rule->chain : "", (unsigned long long)rule->handle,
             rule->position);
    if ((id = map_get(merge->rules, key)) != NULL)
        return id;
    struct report_rule *shown = list_append(&merge->report->rules);
    shown->id = arena_printf(merge->report->arena, "r%zu", merge->report->rules.count);
    shown->rule = *rule;
    shown->rule.backend = copy(merge, rule->backend);
    shown->rule.family = copy(merge, rule->family);
    shown->rule.table = copy(merge, rule->table);
    shown->rule.chain = copy(merge, rule->chain);
    shown->rule.text = copy(merge, rule->text);
    shown->rule.comment = copy(merge, rule->comment);
    map_set(merge->rules, key, (void *)(uintptr_t)shown->id);
    return shown->id;
}

static struct report_decider decider(struct merge *merge, const struct decider *from)
{
    struct report_decider shown = {.kind = from->kind, .namespace = from->namespace};
    if (from->kind == DECIDER_RULE || from->kind == DECIDER_POLICY)
        shown.rule = rule_id(merge, &from->rule);
    shown.subject = copy(merge, from->subject);
    shown.text = copy(merge, from->text);
    return shown;
}

static void step_key(struct buffer *key, const struct report_step *step)
{
    buffer_printf(key, "%s|%llu|%s|%s|%s\n", step->hook ? step->hook : "",
                  (unsigned long long)step->namespace, step->interface ? step->interface : "",
                  step->rule ? step->rule : "", step->effect ? step->effect : "");
}

static const char *path_id(struct merge *merge, const struct prediction_part *part)
{
    _cleanup_buffer_ struct buffer key = BUFFER(KEY_MAX);
    struct report_path path = {0};
    const char *id;

    if (part->step_count == 0)
        return NULL;
    for (size_t i = 0; i < part->step_count; i++) {
        const struct step *step = &part->steps[i];
        struct report_step *shown = list_append(&path.steps);
        shown->hook = copy(merge, step->hook);
        shown->namespace = step->namespace;
        shown->interface = copy(merge, step->interface);
        shown->rule = step->has_rule ? rule_id(merge, &step->rule) : NULL;
        shown->effect = copy(merge, step->effect);
        step_key(&key, shown);
    }
    if (!key.overflow && (id = map_get(merge->paths, key.data)) != NULL) {
        list_free(&path.steps);
        return id;
    }
    path.id = arena_printf(merge->report->arena, "p%zu", merge->report->paths.count + 1);
    if (!key.overflow)
        map_set(merge->paths, key.data, (void *)(uintptr_t)path.id);
    *list_append(&merge->report->paths) = path;
    return path.id;
}

static const char *listener_key(char key[64], struct listener_reference reference)
{
    snprintf(key, 64, "%llu/%d", (unsigned long long)reference.namespace, reference.socket);
    return key;
}

static const char *listener_id(const struct merge *merge, struct listener_reference reference)
{
    char key[64];
    return reference.socket < 0 ? NULL : map_get(merge->listeners, listener_key(key, reference));
}

/* ---- channels ---- */

static void copy_reasons(struct merge *merge, const struct reason_list *from, struct reason_list *to)
{
    list_each(struct reason, reason, from)
        reason_add(to, copy(merge, reason->code), copy(merge, reason->subject), copy(merge, reason->message));
}

static struct observation copy_observation(struct merge *merge, const struct observation *observed)
{
    struct observation shown = *observed;
    shown.reason = (struct reason){copy(merge, observed->reason.code), copy(merge, observed->reason.subject),
                                   copy(merge, observed->reason.message)};
    shown.end = copy(merge, observed->end);
    return shown;
}

static void merge_part(struct merge *merge, const struct prediction_part *part,
                       const struct observation *observed, struct report_part *shown)
{
    struct reason_list reasons = {0};

    shown->state = part->state;
    shown->sources = interval_set_copy(&part->sources);
    shown->decider = decider(merge, &part->decider);
    copy_reasons(merge, &part->reasons, &reasons);
    shown->reasons.items = reasons.items;
    shown->reasons.count = reasons.count;
    shown->reasons.capacity = reasons.capacity;
    shown->answer = part->answer;
    shown->icmp_type = part->icmp_type;
    shown->icmp_code = part->icmp_code;
    shown->observed = copy_observation(merge, observed);
    shown->agrees = merge_agrees(part, observed);
}

static const char *container_name(const struct merge *merge, const struct path_channel *channel)
{
    const struct report_listener *listener = NULL;
    const char *id = listener_id(merge, channel->listener);
    if (id)
        listener = report_listener(merge->report, id);
    if (listener)
        return listener->container;
    if (channel->container >= 0 && (size_t)channel->container < merge->snapshot->containers.count)
        return copy((struct merge *)(uintptr_t)merge,
                    merge->snapshot->containers.items[channel->container].name);
    return NULL;
}

static const char *channel_workload(const struct merge *merge, const struct report_channel *channel)
{
    const struct report_listener *listener =
        channel->listener ? report_listener(merge->report, channel->listener) : NULL;
    const struct report_container *container;
    if (listener)
        return listener->workload;
    container = channel->container ? report_container(merge->report, channel->container) : NULL;
    return container ? container->workload : workload_of_host(merge->report->arena, NULL);
}

/* The workload that a vantage stands for, so that policy lines with `from: {workload}` can find it. */
static const char *vantage_workload(const struct merge *merge, const struct vantage *vantage)
{
    if (vantage->kind != VANTAGE_CONTAINER && vantage->kind != VANTAGE_INSIDE &&
        vantage->kind != VANTAGE_NETNS)
        return NULL;
    const struct container *container = snapshot_namespace_container(merge->snapshot, vantage->namespace);
    const struct report_container *shown =
        container ? report_container(merge->report, container->name) : NULL;
    return shown ? shown->workload : NULL;
}

static void merge_prediction(struct merge *merge, const struct path_channel *channel,
                             const struct observation_list *observations, const struct reason *unprobed,
                             struct report_channel *shown)
{
    const struct prediction *prediction = &channel->prediction;

    shown->predicted = prediction->state;
    shown->state = STATE_UNREACHABLE;
    for (size_t i = 0; i < prediction->parts.count; i++) {
        const struct prediction_part *part = &prediction->parts.items[i];
        struct observation none = {.state = OBSERVED_NOT_PROBED, .reason = *unprobed};
        const struct observation *observed = i < observations->count ? &observations->items[i] : &none;
        bool conflict;
        enum state state = merge_state(part, observed, &conflict);
        struct report_part *copied = list_append(&shown->parts);

        merge_part(merge, part, observed, copied);
        shown->conflict |= conflict;
        if (state < shown->state)
            shown->state = state;
        if (i == 0) {
            struct reason_list reasons = {0};
            shown->sources = interval_set_copy(&part->sources);
            shown->decider = copied->decider;
            copy_reasons(merge, &part->reasons, &reasons);
            shown->reasons.items = reasons.items;
            shown->reasons.count = reasons.count;
            shown->reasons.capacity = reasons.capacity;
            shown->path = path_id(merge, part);
            shown->observed = copied->observed;
        }
        list_each(struct decider, later, &part->later)
            if (i == 0)
                *list_append(&shown->later) = decider(merge, later);
    }
    if (prediction->parts.count == 0)
        shown->observed = (struct observation){.state = OBSERVED_NOT_PROBED, .reason = *unprobed};
    list_each(struct decider, rule, &prediction->off_path)
        *list_append(&shown->off_path) = decider(merge, rule);
}

void merge_channel(struct merge *merge, const struct path_channel *channel,
                   const struct observation_list *observations, const struct reason *unprobed)
{
    struct report_channel shown = {
        .id = arena_printf(merge->report->arena, "c%zu", merge->report->channels.count + 1)};

    shown.from = copy(merge, channel->vantage->name);
    shown.from_kind = channel->vantage->kind;
    shown.from_workload = vantage_workload(merge, channel->vantage);
    shown.entry = channel->entry;
    shown.entry.interface = copy(merge, channel->entry.interface);
    shown.entry.name = copy(merge, channel->entry.name);
    list_each(const struct address, address, &channel->addresses)
        *list_append(&shown.addresses) = *address;
    shown.listener = listener_id(merge, channel->listener);
    shown.container = container_name(merge, channel);
    shown.workload = channel_workload(merge, &shown);
    shown.target_namespace = channel->target.namespace;
    shown.target_address = channel->target.address;
    shown.target_port = channel->target.port;
    merge_prediction(merge, channel, observations, unprobed, &shown);
    shown.latent = channel->latent;
    shown.masked = channel->masked;
    shown.named = (channel->origin & (ENTRY_OF_REWRITE | ENTRY_OF_PUBLICATION | ENTRY_OF_POLICY)) != 0;
    list_each(struct listener_reference, via, &channel->via)
        if (listener_id(merge, *via) != NULL)
            *list_append(&shown.via) = listener_id(merge, *via);
    shown.key = channel_key(merge->report->arena, merge->report->scan.host, &shown);
    *list_append(&merge->report->channels) = shown;
}

void merge_open_range(struct merge *merge, const struct vantage *vantage, const struct open_range *range)
{
    if (range->container < 0 || (size_t)range->container >= merge->snapshot->containers.count)
        return;
    const char *name = merge->snapshot->containers.items[range->container].name;
    struct report_container *container =
        (struct report_container *)(uintptr_t)report_container(merge->report, name);
    if (container == NULL)
        return;
    struct report_open_range *shown = list_append(&container->open_ranges);
    shown->from = copy(merge, vantage->name);
    shown->family = range->family;
    shown->protocol = range->protocol;
    shown->ports = interval_set_copy(&range->ports);
    shown->sources = interval_set_copy(&range->sources);
    shown->decider = range->decider;
    shown->decider.rule.backend = copy(merge, range->decider.rule.backend);
    shown->decider.rule.family = copy(merge, range->decider.rule.family);
    shown->decider.rule.table = copy(merge, range->decider.rule.table);
    shown->decider.rule.chain = copy(merge, range->decider.rule.chain);
    shown->decider.rule.text = copy(merge, range->decider.rule.text);
    shown->decider.rule.comment = copy(merge, range->decider.rule.comment);
    shown->decider.subject = copy(merge, range->decider.subject);
    shown->decider.text = copy(merge, range->decider.text);
}

void merge_vantage(struct merge *merge, const struct vantage *vantage, const struct address *sources,
                   size_t count)
{
    struct report_vantage *shown = list_append(&merge->report->vantages);

    shown->name = copy(merge, vantage->name);
    shown->kind = vantage->kind;
    shown->namespace = vantage->interface != 0 ? 0 : vantage->namespace;
    shown->interface = copy(merge, vantage->interface_name);
    for (size_t i = 0; i < count; i++)
        *list_append(&shown->sources) = copy(merge, ADDRESS_TEXT(sources[i]));
}

struct merge *merge_new(const struct snapshot *snapshot, const struct listener_list *listeners,
                        struct report *report)
{
    struct merge *merge = memory_alloc(sizeof(*merge));

    merge->snapshot = snapshot;
    merge->report = report;
    merge->rules = map_new();
    merge->paths = map_new();
    merge->listeners = map_new();
    for (size_t i = 0; i < listeners->count && i < report->listeners.count; i++) {
        char key[64];
        map_set(merge->listeners, listener_key(key, listeners->items[i]),
                (void *)(uintptr_t)report->listeners.items[i].id);
    }
    return merge;
}

struct merge *merge_free(struct merge *merge)
{
    if (merge == NULL)
        return NULL;
    map_free(merge->rules);
    map_free(merge->paths);
    map_free(merge->listeners);
    free(merge);
    return NULL;
}

void cleanup_merge(struct merge **merge)
{
    *merge = merge_free(*merge);
}

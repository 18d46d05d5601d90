/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/findings/describe.h"
#include "netns/base/text.h"
#include "reports/model/identity.h"

#define OFF_PATH_SHOWN 3

/* ---- pieces ---- */

const char *describe_entry(struct arena *arena, const struct entry *entry)
{
    if (entry->name)
        return arena_printf(arena, "@%s", entry->name);
    bool bracketed = entry->family == FAMILY_IP6;
    return arena_printf(arena, "%s%s%s%s%s:%u/%s", bracketed ? "[" : "", ADDRESS_TEXT(entry->address),
                        entry->interface ? "%" : "", entry->interface ? entry->interface : "",
                        bracketed ? "]" : "", entry->port, protocol_name(entry->protocol));
}

static const char *describe_rule(struct arena *arena, const struct rule_reference *rule)
{
    const char *family = rule->family ? rule->family : "", *table = rule->table ? rule->table : "";
    const char *chain = rule->chain ? rule->chain : "", *text = rule->text ? rule->text : "";
    if (rule->handle == 0)
        return arena_printf(arena, "the policy of %s %s %s", family, table, chain);
    return arena_printf(arena, "rule %s %s %s handle %llu: %s", family, table, chain,
                        (unsigned long long)rule->handle, text);
}

const char *describe_decider(struct arena *arena, const struct report *report,
                             const struct report_decider *decider)
{
    const struct report_rule *rule = decider->rule ? report_rule(report, decider->rule) : NULL;

    if (rule)
        return arena_printf(arena, "by %s", describe_rule(arena, &rule->rule));
    if (decider->text)
        return decider->text;
    if (decider->subject)
        return arena_printf(arena, "by %s %s", decider_kind_name(decider->kind), decider->subject);
    return decider->kind == DECIDER_NONE ? "no rule stands in the way" : decider_kind_name(decider->kind);
}

static const char *target_name(struct report *report, const struct report_channel *channel)
{
    const struct report_listener *listener =
        channel->listener ? report_listener(report, channel->listener) : NULL;
    if (channel->container)
        return channel->container;
    if (listener && listener->processes.count > 0 && listener->processes.items[0].name)
        return arena_printf(report->arena, "%s on the host", listener->processes.items[0].name);
    return "the host";
}

/* "nginx (pid 812, uid 0) listens on 0.0.0.0:80/tcp" */
static const char *describe_listener(struct report *report, const struct report_listener *listener)
{
    const char *who = "an unknown process";
    if (listener->processes.count > 0) {
        const struct report_process *process = &listener->processes.items[0];
        who = arena_printf(report->arena, "%s (pid %u, uid %u%s)",
                           process->executable ? process->executable : process->name, process->pid,
                           process->uid, listener->processes.count > 1 ? ", and others" : "");
    }
    if (listener->name)
        return arena_printf(report->arena, "%s listens on @%s", who, listener->name);
    return arena_printf(report->arena,
                        listener->address.family == FAMILY_IP6 ? "%s listens on [%s]:%u/%s"
                                                               : "%s listens on %s:%u/%s",
                        who, ADDRESS_TEXT(listener->address), listener->port, listener->protocol);
}

/* ---- explanation ---- */

static const char *state_sentence(struct report *report, const struct report_channel *channel)
{
    const char *decider = describe_decider(report->arena, report, &channel->decider);
    switch (channel->state) {
    case STATE_OPEN:
        if (channel->predicted == STATE_OPEN)
            return arena_printf(report->arena, "let in: %s", decider);
        return arena_printf(report->arena, "a probe got through, though it was predicted %s: %s",
                            state_name(channel->predicted), decider);
    case STATE_UNDETERMINED:
        return "whether it is open could not be determined";
    case STATE_CLOSED:
        return arena_printf(report->arena, "the path is open and nobody listens: %s", decider);
    case STATE_FILTERED:
    case STATE_UNREACHABLE:
        break;
    }
    return arena_printf(report->arena, "%s: %s", state_name(channel->state), decider);
}

static const char *observed_sentence(struct report *report, const struct report_channel *channel)
{
    const struct observation *observed = &channel->observed;
    if (observed->state == OBSERVED_NOT_PROBED)
        return arena_printf(report->arena, "not probed: %s",
                            observed->reason.message ? observed->reason.message
                            : observed->reason.code  ? observed->reason.code
                                                     : "");
    return arena_printf(report->arena, "observed %s from %s by %s (%s)", observed_state_name(observed->state),
                        observed->source.family ? ADDRESS_TEXT(observed->source) : channel->from,
                        observed_method_name(observed->method), observed_evidence_name(observed->evidence));
}

static void explain(struct report *report, const struct report_channel *channel,
                    struct report_finding *finding)
{
    const struct report_listener *listener =
        channel->listener ? report_listener(report, channel->listener) : NULL;
    size_t shown = 0;

    finding->explanation.count = 0;
    *list_append(&finding->explanation) = state_sentence(report, channel);
    list_each(const struct reason, reason, &channel->reasons)
        *list_append(&finding->explanation) =
            arena_printf(report->arena, "%s: %s%s%s", reason->code, reason->subject ? reason->subject : "",
                         reason->message ? ": " : "", reason->message ? reason->message : "");
    *list_append(&finding->explanation) = observed_sentence(report, channel);
    if (listener)
        *list_append(&finding->explanation) = describe_listener(report, listener);
    for (size_t i = 0; i < channel->via.count; i++) {
        const struct report_listener *proxy = report_listener(report, channel->via.items[i]);
        if (proxy)
            *list_append(&finding->explanation) = arena_printf(
                report->arena, "by way of a userland proxy: %s", describe_listener(report, proxy));
    }
    list_each(const struct report_decider, rule, &channel->off_path)
        if (shown++ < OFF_PATH_SHOWN)
            *list_append(&finding->explanation) =
                arena_printf(report->arena, "not on the path, so it does not protect: %s",
                             describe_decider(report->arena, report, rule));
}

/* ---- title ---- */

static const char *title_of(struct report *report, const struct report_channel *channel,
                            const struct report_finding *finding)
{
    const char *entry = describe_entry(report->arena, &channel->entry),
               *target = target_name(report, channel);

    if (text_equal(finding->kind, "conflict"))
        return arena_printf(report->arena, "%s to %s (%s): predicted %s, observed %s", channel->from, target,
                            entry, state_name(channel->predicted),
                            observed_state_name(channel->observed.state));
    switch (channel->channel_class) {
    case CLASS_FORBIDDEN:
        return arena_printf(report->arena, "%s %s %s at %s, which is forbidden", channel->from,
                            channel->state == STATE_OPEN ? "reaches" : "may reach", target, entry);
    case CLASS_LOST:
        return arena_printf(report->arena, "%s no longer reaches %s at %s (%s)", channel->from, target, entry,
                            state_name(channel->state));
    case CLASS_UNDETERMINED:
        return arena_printf(report->arena, "%s may reach %s at %s", channel->from, target, entry);
    case CLASS_LATENT:
        return arena_printf(report->arena, "%s is let through to %s at %s, where nobody listens",
                            channel->from, target, entry);
    case CLASS_MASKED:
        return arena_printf(report->arena, "one rule alone keeps %s from %s at %s", channel->from, target,
                            entry);
    default:
        return arena_printf(report->arena, "%s reaches %s at %s", channel->from, target, entry);
    }
}

/* ---- what to do ---- */

static const struct report_published *publication(const struct report_container *container,
                                                  const struct report_channel *channel)
{
    list_each(const struct report_published, published, &container->published)
        if (published->port == channel->entry.port && published->protocol == channel->entry.protocol)
            return published;
    return NULL;
}

static void fix_exposure(struct report *report, const struct report_channel *channel,
                         struct report_finding *finding)
{
    const struct report_container *container =
        channel->container ? report_container(report, channel->container) : NULL;
    const struct report_published *published = container ? publication(container, channel) : NULL;
    const struct report_listener *listener =
        channel->listener ? report_listener(report, channel->listener) : NULL;

    if (container && container->host_network)
        *list_append(&finding->fix) =
            "bind the service to one address, or give the container a network of its own";
    else if (published && channel->entry.protocol == PROTOCOL_TCP)
        *list_append(&finding->fix) =
            arena_printf(report->arena, "publish it on one address (-p 127.0.0.1:%u:%u), or not at all",
                         published->port, published->target);
    else if (published)
        *list_append(&finding->fix) =
            arena_printf(report->arena, "publish it on one address (-p 127.0.0.1:%u:%u/%s), or not at all",
                         published->port, published->target, finding->protocol);
    else if (container && (channel->from_kind == VANTAGE_EXTERNAL || channel->from_kind == VANTAGE_LAN))
        *list_append(&finding->fix) = "drop in FORWARD (of Docker: in DOCKER-USER) what enters by the uplink "
                                      "for the container's network";
    else if (container)
        *list_append(&finding->fix) = "put the containers that need not talk on networks of their own";
    else if (listener)
        *list_append(&finding->fix) =
            arena_printf(report->arena, "bind it to the addresses that need it, or drop %s port %u in INPUT",
                         finding->protocol, channel->entry.port);
    *list_append(&finding->fix) = "or allow it in the policy, with an owner and a reason";
}

static void fix_of(struct report *report, const struct report_channel *channel,
                   struct report_finding *finding)
{
    finding->fix.count = 0;
    if (text_equal(finding->kind, "conflict")) {
        *list_append(&finding->fix) =
            "trust the more exposed of the two, and look for what the rules do not show: a program, a proxy";
        return;
    }
    switch (channel->channel_class) {
    case CLASS_FORBIDDEN:
    case CLASS_UNEXPECTED:
        fix_exposure(report, channel, finding);
        break;
    case CLASS_LOST:
        *list_append(&finding->fix) = "mend what closed it, or drop `expect: open` from the policy's line";
        break;
    case CLASS_UNDETERMINED:
        *list_append(&finding->fix) =
            "look at the reasons above; a known gap is accepted by the policy (accept_gap)";
        break;
    case CLASS_LATENT:
        *list_append(&finding->fix) = "drop the publication or rewrite that nobody uses";
        break;
    case CLASS_MASKED:
        *list_append(&finding->fix) = "bind the listener to the addresses that need it";
        break;
    default:
        break;
    }
}

void describe_finding(struct report *report, const struct report_channel *channel,
                      struct report_finding *finding)
{
    finding->title = title_of(report, channel, finding);
    explain(report, channel, finding);
    fix_of(report, channel, finding);
}

void describe_lost_line(struct report *report, const char *file, const struct policy_line *line,
                        struct report_finding *finding)
{
    const char *who = finding->container ? finding->container : finding->workload;

    finding->title =
        finding->port
            ? arena_printf(report->arena, "nothing leads to %s at port %u/%s, which is expected open", who,
                           finding->port, finding->protocol)
            : arena_printf(report->arena, "nothing leads to %s, which is expected open", who);
    finding->explanation.count = finding->fix.count = 0;
    *list_append(&finding->explanation) = arena_printf(
        report->arena, "expected by %s:%u:%u; no listener, publication or rewrite on this host fits", file,
        line->place.line, line->place.column);
    *list_append(&finding->fix) = "mend what closed it, or drop `expect` from the policy's line";
}

/* ---- open ranges ---- */

void describe_open_range(struct report *report, const struct report_container *container,
                         const struct report_open_range *range)
{
    struct arena *arena = report->arena;
    _cleanup_free_ char *ports = interval_set_print_ports(&range->ports);
    struct report_decider decider = {
        .kind = range->decider.kind, .subject = range->decider.subject, .text = range->decider.text};
    const char *name = arena_printf(arena, "open-range from %s", range->from);
    const char *id = finding_id(arena, container->workload, protocol_name(range->protocol), 0, name);
    struct report_finding *finding = NULL;

    list_each(struct report_finding, known, &report->findings)
        if (text_equal(known->id, id))
            finding = known;
    if (finding == NULL) {
        finding = list_append(&report->findings);
        finding->id = id;
        finding->instance = finding_instance(arena, report->scan.machine_id, id);
        finding->kind = "open-range";
        finding->channel_class = CLASS_LATENT;
        finding->severity = SEVERITY_LOW;
        finding->container = container->name;
        finding->workload = container->workload;
        finding->protocol = protocol_name(range->protocol);
        *list_append(&finding->vantages) = range->from;
        finding->title = arena_printf(arena, "%s is let through to %s on ports without a listener",
                                      range->from, container->name);
        *list_append(&finding->fix) = "let in only the ports that are served";
    }
    *list_append(&finding->explanation) =
        arena_printf(arena, "%s %s ports %s: %s", family_name(range->family), finding->protocol, ports,
                     range->decider.rule.table ? describe_rule(arena, &range->decider.rule)
                                               : describe_decider(arena, report, &decider));
    bool known_family = false;
    for (size_t i = 0; i < finding->families.count; i++)
        known_family = known_family || text_equal(finding->families.items[i], family_name(range->family));
    if (!known_family)
        *list_append(&finding->families) = family_name(range->family);
}

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

/* " in web" for a namespace that is not the host's. */
static const char *describe_place(struct arena *arena, const struct report *report, uint64_t id)
{
    list_each(const struct report_namespace, namespace, &report->namespaces) {
        if (namespace->id != id || text_equal(namespace->role, "host"))
            continue;
        return namespace->containers.count > 0
                   ? arena_printf(arena, " in %s", namespace->containers.items[0])
                   : arena_printf(arena, " in net:[%llu]", (unsigned long long)id);
    }
    return "";
}

static const char *describe_rule(struct arena *arena, const struct report *report,
                                 const struct rule_reference *rule)
{
    const char *family = rule->family ? rule->family : "", *table = rule->table ? rule->table : "";
    const char *chain = rule->chain ? rule->chain : "", *text = rule->text ? rule->text : "";
    const char *place = describe_place(arena, report, rule->namespace);
    if (rule->handle == 0)
        return arena_printf(arena, "the policy of %s %s %s%s", family, table, chain, place);
    return arena_printf(arena, "rule %s %s %s handle %llu%s: %s", family, table, chain,
                        (unsigned long long)rule->handle, place, text);
}

const char *describe_decider(struct arena *arena, const struct report *report,
                             const struct report_decider *decider)
{
    const struct report_rule *rule = decider->rule ? report_rule(report, decider->rule) : NULL;

    if (rule)
        return arena_printf(arena, "by %s", describe_rule(arena, report, &rule->rule));
    if (decider->kind == DECIDER_LISTENER || decider->kind == DECIDER_NONE)
        return "no rule stands in the way";
    if (decider->text)
        return decider->text;
    if (decider->subject)
        return arena_printf(arena, "by %s %s", decider_kind_name(decider->kind), decider->subject);
    return decider_kind_name(decider->kind);
}

const char *describe_reason(const struct reason *reason)
{
    static const struct {
        const char *code, *words;
    } known[] = {
        {"no-other-member", "the segment has no other container to send from"},
        {"no-source", "no packet from there has a source that would do"},
        {"protocol", "no probe for this kind of channel"},
        {"target-elsewhere", "it would leave this host"},
        {"uplink-down", "the uplink is down"},
    };
    if (reason->message && *reason->message)
        return reason->message;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (text_equal(known[i].code, reason->code))
            return known[i].words;
    return reason->code ? reason->code : "for an unknown reason";
}

static bool listed(const char *const *items, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(items[i], text))
            return true;
    return false;
}

/* Are all vantages of the kind, several as there are uplinks, among the names? */
static bool is_every_one(const struct report *report, enum vantage_kind kind, const char *const *names,
                         size_t count)
{
    size_t found = 0;
    list_each(const struct report_vantage, vantage, &report->vantages)
        if (vantage->kind == kind) {
            if (!listed(names, count, vantage->name))
                return false;
            found++;
        }
    return found > 1;
}

const char *describe_vantage(const struct report *report, const char *name, const char *const *names,
                             size_t count)
{
    list_each(const struct report_vantage, vantage, &report->vantages)
        if (text_equal(vantage->name, name) &&
            (vantage->kind == VANTAGE_EXTERNAL || vantage->kind == VANTAGE_LAN) &&
            is_every_one(report, vantage->kind, names, count))
            return vantage_kind_name(vantage->kind);
    return name;
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
    const char *joint = text_starts(decider, "by ") ? " " : ": ";
    switch (channel->state) {
    case STATE_OPEN:
        if (channel->predicted == STATE_OPEN)
            return arena_printf(report->arena, "let in%s%s", joint, decider);
        return arena_printf(report->arena, "a probe got through, though it was predicted %s%s%s",
                            state_name(channel->predicted), joint, decider);
    case STATE_UNDETERMINED:
        return "whether it is open could not be determined";
    case STATE_CLOSED:
        return "the path is open, and nobody listens";
    case STATE_FILTERED:
    case STATE_UNREACHABLE:
        break;
    }
    return arena_printf(report->arena, "%s%s%s", state_name(channel->state), joint, decider);
}

static const char *observed_sentence(struct report *report, const struct report_channel *channel)
{
    static const char *const how[] = {
        [METHOD_NONE] = "",
        [METHOD_INGRESS] = " (injected at the uplink)",
        [METHOD_CONNECT] = " (a whole connection)",
        [METHOD_DATAGRAM] = " (a datagram)",
        [METHOD_RAW] = " (a raw packet)",
        [METHOD_REMOTE] = " (from another machine)",
    };
    const struct observation *observed = &channel->observed;
    const char *source = observed->source.family ? ADDRESS_TEXT(observed->source) : channel->from;

    if (observed->state == OBSERVED_NOT_PROBED)
        return arena_printf(report->arena, "not probed: %s", describe_reason(&observed->reason));
    if (observed->state == OBSERVED_UNDETERMINED)
        return arena_printf(report->arena, "probed from %s%s: undetermined (%s)", source,
                            how[observed->method], describe_reason(&observed->reason));
    return arena_printf(report->arena, "probed from %s%s: %s%s%s%s", source, how[observed->method],
                        observed_state_name(observed->state), observed->evidence ? " (" : "",
                        observed->evidence ? observed_evidence_name(observed->evidence) : "",
                        observed->evidence ? ")" : "");
}

/* The whole scan was to send nothing: that is said once, not with each finding. */
static bool is_unprobed_on_purpose(const struct report_channel *channel)
{
    const char *code = channel->observed.reason.code;
    return channel->observed.state == OBSERVED_NOT_PROBED &&
           (text_equal(code, "saved-snapshot") || text_equal(code, "no-probe-asked"));
}

static bool is_from_outside(const struct report_channel *channel)
{
    return channel->from_kind == VANTAGE_EXTERNAL || channel->from_kind == VANTAGE_LAN ||
           channel->from_kind == VANTAGE_NAMED;
}

/* A neighbour with this host's hardware address in the frame may send to any destination. */
static bool is_forged(const struct report_channel *channel)
{
    return is_from_outside(channel) && channel->entry.family != FAMILY_NONE &&
           address_is_loopback(channel->entry.address);
}

/* Dialled at the address of the container itself, past what is published. */
static bool is_direct(const struct report *report, const struct report_channel *channel)
{
    const struct report_container *container =
        channel->container ? report_container(report, channel->container) : NULL;
    return is_from_outside(channel) && container && !container->host_network &&
           channel->entry.family != FAMILY_NONE && channel->via.count == 0 &&
           address_equal(channel->entry.address, channel->target_address);
}

static void explain_off_path(struct report *report, const struct report_channel *channel,
                             struct report_finding *finding)
{
    size_t shown = 0;

    for (int policies = 0; policies < 2; policies++) /* rules were written by somebody: they come first */
        list_each(const struct report_decider, rule, &channel->off_path)
            if ((rule->kind == DECIDER_POLICY) == policies && shown++ < OFF_PATH_SHOWN) {
                const char *text = describe_decider(report->arena, report, rule);
                *list_append(&finding->explanation) =
                    arena_printf(report->arena, "not on the path, so it does not protect: %s",
                                 text_starts(text, "by ") ? text + 3 : text);
            }
}

static void explain(struct report *report, const struct report_channel *channel,
                    struct report_finding *finding)
{
    const struct report_listener *listener =
        channel->listener ? report_listener(report, channel->listener) : NULL;

    bool exposed = channel->state == STATE_OPEN || channel->state == STATE_UNDETERMINED;

    finding->explanation.count = 0;
    if (exposed && is_forged(channel))
        *list_append(&finding->explanation) =
            "how: a neighbour on the wire sends this host a packet for 127.0.0.0/8 or ::1";
    else if (exposed && is_direct(report, channel))
        *list_append(&finding->explanation) =
            "how: straight to the container's own address, routed by this host; nothing need be published";
    *list_append(&finding->explanation) = state_sentence(report, channel);
    list_each(const struct reason, reason, &channel->reasons)
        *list_append(&finding->explanation) =
            arena_printf(report->arena, "%s: %s%s%s", reason->code, reason->subject ? reason->subject : "",
                         reason->message ? ": " : "", reason->message ? reason->message : "");
    if (!is_unprobed_on_purpose(channel))
        *list_append(&finding->explanation) = observed_sentence(report, channel);
    if (listener)
        *list_append(&finding->explanation) = describe_listener(report, listener);
    for (size_t i = 0; i < channel->via.count; i++) {
        const struct report_listener *proxy = report_listener(report, channel->via.items[i]);
        if (proxy)
            *list_append(&finding->explanation) = arena_printf(
                report->arena, "by way of a userland proxy: %s", describe_listener(report, proxy));
    }
    explain_off_path(report, channel, finding);
}

/* ---- title ---- */

static const char *title_of(struct report *report, const struct report_channel *channel,
                            const struct report_finding *finding)
{
    const char *entry = describe_entry(report->arena, &channel->entry),
               *target = target_name(report, channel);
    const char *who = describe_vantage(report, channel->from, (const char *const *)finding->vantages.items,
                                       finding->vantages.count);

    if (text_equal(finding->kind, "conflict"))
        return arena_printf(report->arena, "%s to %s (%s): predicted %s, observed %s", who, target, entry,
                            state_name(channel->predicted), observed_state_name(channel->observed.state));
    switch (channel->channel_class) {
    case CLASS_FORBIDDEN:
        return arena_printf(report->arena, "%s %s %s at %s, which is forbidden", who,
                            channel->state == STATE_OPEN ? "reaches" : "may reach", target, entry);
    case CLASS_LOST:
        return arena_printf(report->arena, "%s no longer reaches %s at %s (%s)", who, target, entry,
                            state_name(channel->state));
    case CLASS_UNDETERMINED:
        return arena_printf(report->arena, "%s may reach %s at %s", who, target, entry);
    case CLASS_LATENT:
        return arena_printf(report->arena, "%s is let through to %s at %s, where nobody listens", who, target,
                            entry);
    case CLASS_MASKED:
        return arena_printf(report->arena, "one rule alone keeps %s from %s at %s", who, target, entry);
    default:
        return arena_printf(report->arena, "%s reaches %s at %s", who, target, entry);
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

    if (is_forged(channel))
        *list_append(&finding->fix) =
            "drop in raw PREROUTING what is for 127.0.0.0/8 and came in by anything but "
            "lo (newer engines do), or switch route_localnet off";
    else if (is_direct(report, channel))
        *list_append(&finding->fix) =
            "drop in raw PREROUTING what is for the container's address and came in by "
            "anything but its bridge (newer engines do)";
    else if (container && container->host_network)
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
    else if (container && is_from_outside(channel))
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
    finding->told = channel->id;
    describe_title(report, finding);
    explain(report, channel, finding);
    fix_of(report, channel, finding);
}

void describe_title(struct report *report, struct report_finding *finding)
{
    const struct report_channel *channel = finding->told ? report_channel(report, finding->told) : NULL;
    if (channel)
        finding->title = title_of(report, channel, finding);
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
        finding->title = arena_printf(arena, "%s is let through to %s on %s ports that nobody listens on",
                                      range->from, container->name, finding->protocol);
        *list_append(&finding->fix) = "let in only the ports that are served";
    }
    *list_append(&finding->explanation) =
        arena_printf(arena, "%s %s ports %s: %s", family_name(range->family), finding->protocol, ports,
                     range->decider.rule.table ? describe_rule(arena, report, &range->decider.rule)
                                               : describe_decider(arena, report, &decider));
    bool known_family = false;
    for (size_t i = 0; i < finding->families.count; i++)
        known_family = known_family || text_equal(finding->families.items[i], family_name(range->family));
    if (!known_family)
        *list_append(&finding->families) = family_name(range->family);
}

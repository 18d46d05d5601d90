/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/findings/classify.h"
#include "netns/base/text.h"
#include "reports/findings/describe.h"
#include "reports/findings/severity.h"
#include "reports/model/identity.h"
#include "reports/policy/selector.h"

#include <limits.h>

/* What the policy says of one channel. */
struct judgement {
    struct interval_set excess; /* sources that reach it and are in no allow line */
    const struct policy_line *allowed, *forbidden;
    const struct policy_line *lost; /* an allow line that wants it open, and nothing of the line is */
};

struct classifier {
    struct report *report;
    const struct policy *policy;
    bool *met;            /* one for each line: some channel is open by it, or is reported lost */
    struct map *findings; /* ids to their places + 1 */
};

static bool exposed(const struct report_channel *channel)
{
    return channel->state == STATE_OPEN || channel->state == STATE_UNDETERMINED;
}

/* All sources for which the channel is open, or may be. */
static struct interval_set exposed_sources(const struct report_channel *channel)
{
    struct interval_set sources = {0};

    list_each(const struct report_part, part, &channel->parts) {
        bool reached = part->observed.state == OBSERVED_OPEN;
        if (part->state != STATE_OPEN && part->state != STATE_UNDETERMINED && !reached)
            continue;
        struct interval_set joined = interval_set_union(&sources, &part->sources);
        interval_set_free(&sources);
        sources = joined;
    }
    if (sources.count == 0 && exposed(channel) && channel->entry.family == FAMILY_NONE)
        interval_set_add(&sources, 0, 0); /* no addresses there: one stands for all */
    else if (sources.count == 0 && exposed(channel))
        sources = interval_set_copy(&channel->sources);
    return sources;
}

static void subtract(struct interval_set *from, const struct interval_set *what)
{
    struct interval_set rest = interval_set_subtract(from, what);
    interval_set_free(from);
    *from = rest;
}

/*
 * Is any channel of the line open from this vantage? The addresses of one listener are ways to one thing:
 * that it is reached by one of them is what the line asks for.
 */
static bool line_is_served(const struct classifier *classifier, const struct policy_line *line,
                           const char *from)
{
    bool served = false;

    list_each(const struct report_channel, channel, &classifier->report->channels) {
        if (!exposed(channel) || !text_equal(channel->from, from))
            continue;
        struct interval_set sources = exposed_sources(channel);
        struct interval_set covered =
            line_sources(classifier->policy, line, classifier->report, channel, &sources);
        served = covered.count > 0;
        interval_set_free(&sources);
        interval_set_free(&covered);
        if (served)
            break;
    }
    return served;
}

static struct judgement judge(struct classifier *classifier, const struct report_channel *channel)
{
    struct judgement judgement = {.excess = exposed_sources(channel)};
    struct interval_set every = exposed_sources(channel);

    for (size_t i = 0; i < classifier->policy->lines.count; i++) {
        const struct policy_line *line = &classifier->policy->lines.items[i];
        if ((line->kind != LINE_ALLOW && line->kind != LINE_FORBID) ||
            !line_names(classifier->policy, line, classifier->report, channel))
            continue;
        struct interval_set space =
            interval_set_range(0, family_max(channel->entry.family ? channel->entry.family : FAMILY_IP6));
        struct interval_set all = line_sources(classifier->policy, line, classifier->report, channel, &space);
        struct interval_set covered = interval_set_intersect(&all, &every);
        classifier->met[i] |= all.count > 0;
        if (line->kind == LINE_FORBID && covered.count > 0 &&
            (judgement.forbidden == NULL || line->severity > judgement.forbidden->severity))
            judgement.forbidden = line;
        if (line->kind == LINE_ALLOW && all.count > 0) {
            if (judgement.allowed == NULL || covered.count > 0)
                judgement.allowed = line;
            if (line->expect_open && !exposed(channel) && !judgement.lost &&
                !line_is_served(classifier, line, channel->from))
                judgement.lost = line;
            subtract(&judgement.excess, &covered);
        }
        interval_set_free(&space);
        interval_set_free(&all);
        interval_set_free(&covered);
    }
    interval_set_free(&every);
    return judgement;
}

static enum channel_class exposed_class(const struct classifier *classifier,
                                        const struct report_channel *channel,
                                        const struct judgement *judgement)
{
    enum policy_word word = classifier->policy->unlisted[channel->from_kind];

    if (judgement->forbidden)
        return CLASS_FORBIDDEN;
    if (channel->state == STATE_UNDETERMINED)
        return interval_set_empty(&judgement->excess) ? CLASS_ALLOWED
               : word == POLICY_IGNORE || classifier->policy->undetermined == POLICY_IGNORE
                   ? CLASS_IGNORED
                   : CLASS_UNDETERMINED;
    if (interval_set_empty(&judgement->excess))
        return CLASS_ALLOWED;
    return word == POLICY_IGNORE ? CLASS_IGNORED : CLASS_UNEXPECTED;
}

static bool masked_by_rule(const struct report_channel *channel)
{
    return channel->masked &&
           (channel->decider.kind == DECIDER_RULE || channel->decider.kind == DECIDER_POLICY);
}

static enum channel_class channel_class(const struct classifier *classifier,
                                        const struct report_channel *channel,
                                        const struct judgement *judgement)
{
    if (exposed(channel))
        return exposed_class(classifier, channel, judgement);
    if (judgement->lost)
        return CLASS_LOST;
    if (channel->latent && channel->named &&
        classifier->policy->unlisted[channel->from_kind] != POLICY_IGNORE)
        return CLASS_LATENT;
    if (masked_by_rule(channel))
        return CLASS_MASKED;
    return judgement->allowed ? CLASS_ALLOWED : CLASS_QUIET;
}

/* ---- findings ---- */

static struct report_finding *finding_for(struct classifier *classifier, const struct report_channel *channel,
                                          const char *kind)
{
    struct report *report = classifier->report;
    const char *protocol = channel->entry.name ? "unix" : protocol_name(channel->entry.protocol);
    const char *id = finding_id(report->arena, channel->workload, protocol, channel->entry.port, kind);
    size_t place = (size_t)(uintptr_t)map_get(classifier->findings, id);

    if (place > 0)
        return &report->findings.items[place - 1];
    struct report_finding *finding = list_append(&report->findings);
    map_set(classifier->findings, id, (void *)(uintptr_t)report->findings.count);
    finding->id = id;
    finding->instance = finding_instance(report->arena, report->scan.machine_id, id);
    finding->kind = kind;
    finding->container = channel->container;
    finding->workload = channel->workload;
    finding->protocol = protocol;
    finding->port = channel->entry.port;
    return finding;
}

#define add_once(list, text)                                                                                 \
    do {                                                                                                     \
        bool known_ = false;                                                                                 \
        for (size_t at_ = 0; at_ < (list)->count; at_++)                                                     \
            known_ = known_ || text_equal((list)->items[at_], (text));                                       \
        if (!known_)                                                                                         \
            *list_append(list) = (text);                                                                     \
    } while (0)

static void add_excess(struct report *report, struct report_finding *finding,
                       const struct report_channel *channel, const struct interval_set *excess)
{
    struct prefix_list prefixes = {0};

    if (channel->entry.family == FAMILY_NONE)
        return;
    interval_set_prefixes(excess, channel->entry.family, &prefixes);
    list_each(struct prefix, prefix, &prefixes) {
        const char *text = arena_strdup(report->arena, PREFIX_TEXT(*prefix));
        add_once(&finding->excess_sources, text);
    }
    list_free(&prefixes);
}

/* Adds the channel to its finding of this kind; the finding keeps the worst severity and tells its story by
 * that channel. */
static struct report_finding *add_finding(struct classifier *classifier, const struct report_channel *channel,
                                          const char *kind, enum severity severity, const char *why)
{
    struct report *report = classifier->report;
    struct report_finding *finding = finding_for(classifier, channel, kind);

    add_once(&finding->vantages, channel->from);
    if (channel->entry.family != FAMILY_NONE)
        add_once(&finding->families, family_name(channel->entry.family));
    *list_append(&finding->channels) = channel->id;
    if (severity > finding->severity || finding->title == NULL) {
        finding->severity = severity;
        finding->channel_class = channel->channel_class;
        finding->policy = channel->policy;
        describe_finding(report, channel, finding);
    }
    if (why)
        add_once(&finding->explanation, why);
    return finding;
}

static enum severity undetermined_severity(const struct policy *policy)
{
    return policy->undetermined == POLICY_DENY ? SEVERITY_HIGH : SEVERITY_LOW;
}

static void find_in(struct classifier *classifier, const struct report_channel *channel,
                    const struct judgement *judgement)
{
    struct report *report = classifier->report;
    const char *why = NULL;
    enum severity severity;

    switch (channel->channel_class) {
    case CLASS_FORBIDDEN:
        add_finding(classifier, channel, "forbidden-channel", judgement->forbidden->severity, NULL);
        break;
    case CLASS_UNEXPECTED:
        severity =
            severity_unexpected(report, channel, classifier->policy->unlisted[channel->from_kind], &why);
        add_excess(report, add_finding(classifier, channel, "unexpected-exposure", severity, why), channel,
                   &judgement->excess);
        break;
    case CLASS_LOST:
        add_finding(classifier, channel, "lost-channel", SEVERITY_MEDIUM, NULL);
        break;
    case CLASS_UNDETERMINED:
        add_excess(report,
                   add_finding(classifier, channel, "undetermined-channel",
                               undetermined_severity(classifier->policy), NULL),
                   channel, &judgement->excess);
        break;
    case CLASS_LATENT:
        add_finding(classifier, channel, "latent-port", SEVERITY_LOW, NULL);
        break;
    case CLASS_MASKED:
        add_finding(classifier, channel, "masked-listener", SEVERITY_INFO, NULL);
        break;
    case CLASS_NONE:
    case CLASS_ALLOWED:
    case CLASS_IGNORED:
    case CLASS_QUIET:
        break;
    }
    if (channel->conflict)
        add_finding(classifier, channel, "conflict", SEVERITY_MEDIUM, NULL);
}

/* ---- lines that want a channel open which is not there at all ---- */

/* The first container (or, of the host, listener) that the line's selector means; NULL workload: none is
 * here. */
static const char *line_workload(const struct classifier *classifier, const struct policy_line *line,
                                 const char **ret_container)
{
    const struct selector *selector = &classifier->policy->selectors.items[line->to];

    *ret_container = NULL;
    list_each(const struct report_container, container, &classifier->report->containers)
        if (selector_matches(selector, container, NULL)) {
            *ret_container = container->name;
            return container->workload;
        }
    list_each(const struct report_listener, listener, &classifier->report->listeners) {
        const struct report_container *container =
            listener->container ? report_container(classifier->report, listener->container) : NULL;
        if (selector_matches(selector, container, listener)) {
            *ret_container = listener->container;
            return listener->workload;
        }
    }
    return line->expect_present ? arena_printf(classifier->report->arena, "policy:%s",
                                               selector->name ? selector->name : "inline")
                                : NULL;
}

/* Did the scan look from any place that the line's `from` may mean? By `--from` it may not have. */
static bool looked_from(const struct classifier *classifier, const struct policy_line *line)
{
    if (classifier->report->scan.only_from.count == 0)
        return true;
    list_each(const struct report_vantage, vantage, &classifier->report->vantages)
        if (line_may_mean(classifier->policy, line, vantage))
            return true;
    return false;
}

/* By `--container` only some listeners were looked at, and none of the host's own. */
static bool looked_at(const struct report *report, const char *container)
{
    for (size_t i = 0; container && i < report->scan.only_containers.count; i++)
        if (text_match(report->scan.only_containers.items[i], container))
            return true;
    return report->scan.only_containers.count == 0;
}

static void find_lost_line(struct classifier *classifier, const struct policy_line *line)
{
    struct report *report = classifier->report;
    struct report_channel channel = {.from = "", .channel_class = CLASS_LOST};

    channel.workload = line_workload(classifier, line, &channel.container);
    if (channel.workload == NULL || !looked_at(report, channel.container))
        return;
    list_each(const struct policy_port, port, &line->ports) {
        channel.entry =
            (struct entry){.protocol = port->protocol, .port = port->first, .name = port->unix_pattern};
        struct report_finding *finding = finding_for(classifier, &channel, "lost-channel");
        finding->severity = SEVERITY_MEDIUM;
        finding->channel_class = CLASS_LOST;
        finding->policy = line->id ? arena_strdup(report->arena, line->id) : NULL;
        describe_lost_line(report, classifier->policy->file, line, finding);
    }
}

static void find_lost_lines(struct classifier *classifier)
{
    for (size_t i = 0; i < classifier->policy->lines.count; i++) {
        const struct policy_line *line = &classifier->policy->lines.items[i];
        if (line->kind == LINE_ALLOW && line->expect_open && !line->expired && !classifier->met[i] &&
            line_on_host(line, classifier->report->scan.host) && looked_from(classifier, line))
            find_lost_line(classifier, line);
    }
}

/* ---- open ranges ---- */

/* Does an allow line with `any` ports from that vantage cover it? */
static bool range_allowed(const struct classifier *classifier, const struct report_container *container,
                          const struct report_open_range *range)
{
    struct report_channel channel = {
        .from = range->from, .container = container->name, .workload = container->workload};

    channel.entry = (struct entry){.family = range->family,
                                   .protocol = range->protocol,
                                   .port = range->ports.count ? (uint16_t)range->ports.items[0].first : 0};
    list_each(struct report_vantage, vantage, &classifier->report->vantages)
        if (text_equal(vantage->name, range->from))
            channel.from_kind = vantage->kind;
    if (classifier->policy->unlisted[channel.from_kind] == POLICY_IGNORE)
        return true;
    list_each(const struct policy_line, line, &classifier->policy->lines) {
        bool any = false;
        list_each(const struct policy_port, port, &line->ports)
            any = any || port->any;
        if (line->kind != LINE_ALLOW || !any)
            continue;
        struct interval_set covered =
            line_sources(classifier->policy, line, classifier->report, &channel, &range->sources);
        bool all = interval_set_covers(&covered, &range->sources);
        interval_set_free(&covered);
        if (all)
            return true;
    }
    return false;
}

static void find_open_ranges(struct classifier *classifier)
{
    list_each(const struct report_container, container, &classifier->report->containers)
        list_each(const struct report_open_range, range, &container->open_ranges)
            if (!range_allowed(classifier, container, range))
                describe_open_range(classifier->report, container, range);
}

/* ---- acceptance ---- */

static bool accepts(const struct classifier *classifier, const struct policy_line *line,
                    const struct report_finding *finding)
{
    if (line->kind != LINE_ACCEPT_RISK || line->expired || !line_on_host(line, classifier->report->scan.host))
        return false;
    if (line->finding)
        return text_equal(line->finding, finding->id);
    /* Every channel of the finding must be one that the line names, from where the line says. */
    size_t named = 0;
    for (size_t i = 0; i < finding->channels.count; i++) {
        const struct report_channel *channel = report_channel(classifier->report, finding->channels.items[i]);
        struct interval_set sources = exposed_sources(channel);
        struct interval_set covered =
            line_sources(classifier->policy, line, classifier->report, channel, &sources);
        if (interval_set_covers(&covered, &sources) && sources.count > 0)
            named++;
        interval_set_free(&sources);
        interval_set_free(&covered);
    }
    return named > 0 && named == finding->channels.count;
}

static bool gap_accepted_by(const struct report *report, const struct policy_line *line, const char *code,
                            const char *subject)
{
    return line->kind == LINE_ACCEPT_GAP && !line->expired && line_on_host(line, report->scan.host) &&
           text_match(line->code, code) &&
           (line->subject == NULL || text_match(line->subject, subject ? subject : ""));
}

/* The line that accepts it, NULL: none. */
static const struct policy_line *gap_line(const struct report *report, const struct policy *policy,
                                          const char *code, const char *subject)
{
    list_each(const struct policy_line, line, &policy->lines)
        if (gap_accepted_by(report, line, code, subject))
            return line;
    return NULL;
}

/* *line: the line that accepts the reason too. False: none does. */
static bool reason_accepted(const struct classifier *classifier, const struct reason *reason,
                            const struct policy_line **line)
{
    *line =
        gap_line(classifier->report, classifier->policy, reason->code ? reason->code : "", reason->subject);
    return *line != NULL;
}

/* The line that accepts the last of the channel's reasons, where lines accept them all. */
static const struct policy_line *channel_gap_line(const struct classifier *classifier,
                                                  const struct report_channel *channel)
{
    const struct policy_line *line = NULL;

    list_each(const struct report_part, part, &channel->parts) {
        list_each(const struct reason, reason, &part->reasons)
            if (!reason_accepted(classifier, reason, &line))
                return NULL;
        if (part->observed.state == OBSERVED_UNDETERMINED &&
            !reason_accepted(classifier, &part->observed.reason, &line))
            return NULL;
    }
    list_each(const struct reason, reason, &channel->reasons)
        if (!reason_accepted(classifier, reason, &line))
            return NULL;
    return line;
}

/* What is undetermined for known gaps alone is accepted with them. */
static const struct policy_line *finding_gap_line(const struct classifier *classifier,
                                                  const struct report_finding *finding)
{
    const struct policy_line *line = NULL;

    if (!text_equal(finding->kind, "undetermined-channel"))
        return NULL;
    for (size_t i = 0; i < finding->channels.count; i++) {
        line = channel_gap_line(classifier, report_channel(classifier->report, finding->channels.items[i]));
        if (line == NULL)
            return NULL;
    }
    return line;
}

static void accept_finding(const struct classifier *classifier, struct report_finding *finding,
                           const struct policy_line *line)
{
    finding->accepted = true;
    if (line->id)
        finding->policy = arena_strdup(classifier->report->arena, line->id);
}

static void accept_risks(struct classifier *classifier)
{
    list_each(struct report_finding, finding, &classifier->report->findings) {
        const struct policy_line *gap = finding_gap_line(classifier, finding);

        if (gap)
            accept_finding(classifier, finding, gap);
        for (size_t i = 0; i < classifier->policy->lines.count; i++)
            if (accepts(classifier, &classifier->policy->lines.items[i], finding))
                accept_finding(classifier, finding, &classifier->policy->lines.items[i]);
    }
}

bool classify_complete(const struct report *report, const struct policy *policy)
{
    list_each(const struct report_error, error, &report->scan.errors)
        if (!error->gone && !gap_line(report, policy, error->code, error->subject))
            return false;
    return true;
}

/* ---- warnings ---- */

static void warn(struct report *report, const struct policy *policy, const struct policy_place *place,
                 const char *code, const char *message)
{
    *list_append(&report->warnings) = (struct report_error){
        .code = code,
        .subject = arena_printf(report->arena, "%s:%u:%u", policy->file, place->line, place->column),
        .message = message,
    };
}

static bool selector_used(const struct report *report, const struct selector *selector)
{
    list_each(const struct report_container, container, &report->containers) {
        if (selector_matches(selector, container, NULL))
            return true;
        list_each(const struct report_listener, listener, &report->listeners)
            if (text_equal(listener->container, container->name) &&
                selector_matches(selector, container, listener))
                return true;
    }
    list_each(const struct report_listener, listener, &report->listeners)
        if (listener->container == NULL && selector_matches(selector, NULL, listener))
            return true;
    return false;
}

/* Is it in use, and by lines for other hosts alone? */
static bool names_other_hosts(const struct policy *policy, const struct selector *selector)
{
    list_each(const struct policy_line, line, &policy->lines)
        if (line->has_to && &policy->selectors.items[line->to] == selector)
            return true;
    return false;
}

/* Not where listeners were left out, and not the selector of a line for other hosts. */
static bool is_asked_here(const struct classifier *classifier, const struct selector *selector)
{
    if (classifier->report->scan.only_containers.count > 0)
        return false;
    list_each(const struct policy_line, line, &classifier->policy->lines)
        if (line->has_to && &classifier->policy->selectors.items[line->to] == selector &&
            line_on_host(line, classifier->report->scan.host))
            return true;
    return selector->name != NULL && !names_other_hosts(classifier->policy, selector);
}

static bool has_interface(const struct report *report, const char *name)
{
    list_each(const struct report_namespace, namespace, &report->namespaces)
        if (text_equal(namespace->role, "host"))
            list_each(const struct report_interface, interface, &namespace->interfaces)
                if (text_equal(interface->name, name))
                    return true;
    return false;
}

/* The uplink that a source asks for, NULL: none by name. */
static const char *asked_interface(const struct policy *policy, const struct policy_from *from)
{
    const char *at = from->kind == FROM_VANTAGE ? strchr(from->vantage, '@') : NULL;
    return from->kind == FROM_NAMED ? policy->vantages.items[from->index].interface : at ? at + 1 : NULL;
}

/* A line that forbids from an interface that is not there forbids nothing, and nobody would notice. */
static void warn_interfaces(const struct classifier *classifier, const struct policy_line *line)
{
    struct report *report = classifier->report;

    if (line->expired || !line_on_host(line, report->scan.host))
        return;
    list_each(const struct policy_from, from, &line->from) {
        const char *interface = asked_interface(classifier->policy, from);
        if (interface && !has_interface(report, interface))
            warn(
                report, classifier->policy, &line->place, "vantage-unmatched",
                arena_printf(report->arena, "from an interface that this host does not have: %s", interface));
    }
}

static void add_warnings(const struct classifier *classifier)
{
    struct report *report = classifier->report;

    list_each(const struct error, warning, &classifier->policy->warnings)
        *list_append(&report->warnings) =
            (struct report_error){.code = warning->code,
                                  .subject = arena_strdup(report->arena, warning->subject),
                                  .message = arena_strdup(report->arena, warning->message)};
    list_each(const struct policy_line, line, &classifier->policy->lines)
        warn_interfaces(classifier, line);
    list_each(const struct selector, selector, &classifier->policy->selectors)
        if (is_asked_here(classifier, selector) && !selector_used(report, selector))
            warn(report, classifier->policy, &selector->place, "selector-unmatched",
                 arena_printf(report->arena, "selector %s matches nothing on this host",
                              selector->name ? selector->name : "of this line"));
}

/* ---- all ---- */

/* Of equal severity: what is open before what may become it. */
static int kind_rank(const char *kind)
{
    static const char *const kinds[] = {"forbidden-channel", "unexpected-exposure",  "conflict",
                                        "lost-channel",      "undetermined-channel", "latent-port",
                                        "open-range",        "masked-listener"};
    for (int i = 0; i < (int)(sizeof(kinds) / sizeof(*kinds)); i++)
        if (text_equal(kinds[i], kind))
            return i;
    return INT_MAX;
}

static int compare_texts(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

/* Worst first, in an order that does not change from one scan to the next. */
static int compare_findings(const void *a, const void *b)
{
    const struct report_finding *first = a, *second = b;
    int order;

    if (first->accepted != second->accepted)
        return first->accepted ? 1 : -1;
    if (first->severity != second->severity)
        return first->severity > second->severity ? -1 : 1;
    if ((order = kind_rank(first->kind) - kind_rank(second->kind)) != 0)
        return order;
    if ((order = compare_texts(first->container, second->container)) != 0)
        return order;
    if (first->port != second->port)
        return first->port < second->port ? -1 : 1;
    return strcmp(first->id, second->id);
}

void classify(struct report *report, const struct policy *policy)
{
    struct classifier classifier = {.report = report,
                                    .policy = policy,
                                    .met = memory_alloc((policy->lines.count + 1) * sizeof(bool)),
                                    .findings = map_new()};

    list_each(struct report_channel, channel, &report->channels) {
        struct judgement judgement = judge(&classifier, channel);
        const struct policy_line *line = judgement.forbidden ? judgement.forbidden
                                         : judgement.lost    ? judgement.lost
                                                             : judgement.allowed;
        channel->policy = line && line->id ? arena_strdup(report->arena, line->id) : NULL;
        channel->channel_class = channel_class(&classifier, channel, &judgement);
        find_in(&classifier, channel, &judgement);
        interval_set_free(&judgement.excess);
    }
    find_lost_lines(&classifier);
    find_open_ranges(&classifier);
    accept_risks(&classifier);
    add_warnings(&classifier);
    list_each(struct report_finding, finding, &report->findings)
        describe_title(report, finding);
    if (report->findings.count > 0)
        qsort(report->findings.items, report->findings.count, sizeof(*report->findings.items),
              compare_findings);
    if (policy->digest)
        report->scan.policy_digest = arena_strdup(report->arena, policy->digest);
    map_free(classifier.findings);
    free(classifier.met);
}

bool classify_fails(const struct report *report, enum severity least)
{
    list_each(const struct report_finding, finding, &report->findings)
        if (!finding->accepted && finding->severity >= least)
            return true;
    return false;
}

/* ---- quiet ---- */

/* One record for each (listener, state, decider); `known` has their places + 1. */
static struct report_quiet *quiet_for(struct report *report, struct map *known,
                                      const struct report_channel *channel)
{
    const struct report_decider *decider = &channel->decider;
    _cleanup_free_ char *key = memory_printf(
        "%s %d %d %s %s", channel->listener ? channel->listener : "", (int)channel->state, (int)decider->kind,
        decider->rule ? decider->rule : "", decider->subject ? decider->subject : "");
    size_t place = (size_t)(uintptr_t)map_get(known, key);

    if (place > 0)
        return &report->quiet.items[place - 1];
    struct report_quiet *quiet = list_append(&report->quiet);
    map_set(known, key, (void *)(uintptr_t)report->quiet.count);
    quiet->listener = channel->listener;
    quiet->state = channel->state;
    quiet->decider = *decider;
    return quiet;
}

static bool needs_mention(const struct report_channel *channel)
{
    return exposed(channel) || channel->conflict || channel->policy != NULL ||
           channel->channel_class == CLASS_LATENT || channel->channel_class == CLASS_MASKED ||
           channel->channel_class == CLASS_LOST;
}

void classify_fold_quiet(struct report *report)
{
    _cleanup_map_ struct map *known = map_new();
    size_t kept = 0;

    for (size_t i = 0; i < report->channels.count; i++) {
        struct report_channel *channel = &report->channels.items[i];
        if (needs_mention(channel)) {
            struct report_channel moved = *channel;
            report->channels.items[kept++] = moved;
            continue;
        }
        struct report_quiet *quiet = quiet_for(report, known, channel);
        add_once(&quiet->from, channel->from);
        quiet->entries++;
        report_channel_free(channel);
    }
    report->channels.count = kept;
}

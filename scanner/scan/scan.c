/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/scan/scan.h"
#include "netns/base/file.h"
#include "netns/base/text.h"
#include "reports/findings/classify.h"
#include "scanner/path/explain.h"
#include "scanner/probe/run.h"
#include "scanner/scan/confine.h"
#include "scanner/scan/live.h"
#include "scanner/scan/merge.h"
#include "scanner/scan/present.h"
#include "scanner/scan/target.h"

#include <errno.h>
#include <sys/random.h>

struct scan {
    struct snapshot *snapshot;
    struct live *live; /* NULL: read back from a file */
};

/* Everything between the snapshot and the report. */
struct examination {
    struct scan *scan;
    const struct scan_options *options;
    struct world *world;
    struct uplink_list uplinks;
    struct vantage_list vantages;
    struct index_list from;
    struct listener_list listeners;
    LIST(struct path_channel) channels;
    struct open_range_list ranges;
    enum ranges_done ranges_done;
    struct plan plan;
    struct target_places places;
    struct probe_result probed;
    LIST(struct error) errors; /* to the report's */
    struct arena *arena;
};

static void tell(const struct scan_options *options, const char *stage, size_t done, size_t all)
{
    if (options->progress)
        options->progress(options->progress_context, stage, done, all);
}

/* ---- the scan ---- */

int scan_collect(const struct scan_options *options, struct scan **ret_scan, struct error *error)
{
    struct scan *scan = memory_alloc(sizeof(*scan));
    int r;

    tell(options, "reading namespaces", 0, 0);
    r = live_collect(options, &scan->live, &scan->snapshot, error);
    if (r < 0) {
        free(scan);
        return r;
    }
    *ret_scan = scan;
    return 0;
}

struct scan *scan_of_snapshot(struct snapshot *snapshot)
{
    struct scan *scan = memory_alloc(sizeof(*scan));
    scan->snapshot = snapshot;
    return scan;
}

const struct snapshot *scan_snapshot(const struct scan *scan)
{
    return scan->snapshot;
}

struct scan *scan_free(struct scan *scan)
{
    if (scan == NULL)
        return NULL;
    live_free(scan->live);
    snapshot_free(scan->snapshot);
    free(scan);
    return NULL;
}

void cleanup_scan(struct scan **scan)
{
    *scan = scan_free(*scan);
}

/* ---- evaluate ---- */

static int unknown_vantage(const struct examination *examination, const char *name, struct error *error)
{
    struct buffer known = BUFFER(ERROR_MESSAGE_MAX / 2);

    list_each(const struct vantage, vantage, &examination->vantages)
        if (vantage_is_default(vantage))
            buffer_printf(&known, "%s%s", known.length ? ", " : "", vantage->name);
    _cleanup_free_ char *text = buffer_take(&known);
    return error_set(error, ENOENT, "unknown-vantage", name,
                     "no vantage is called so; there are %s, and container:, inside: and netns: with a name",
                     text);
}

/* "external", "lan@eth0", "segment:shop": a word that means something, if not on this host. */
static bool is_vantage_word(const char *name)
{
    for (int kind = 0; kind < VANTAGE_NAMED; kind++) {
        const char *word = vantage_kind_name((enum vantage_kind)kind);
        bool uplink = kind == VANTAGE_EXTERNAL || kind == VANTAGE_LAN;
        size_t length = strlen(word);
        if (text_equal(name, word) ||
            (text_starts(name, word) && name[length] == (uplink ? '@' : ':') && name[length + 1] != '\0'))
            return true;
    }
    return false;
}

static bool is_of_policy(const struct policy *policy, const char *name)
{
    list_each(const struct policy_vantage, named, &policy->vantages)
        if (text_equal(named->name, name))
            return true;
    return false;
}

static struct interval_set within(const struct interval_set *all, const struct prefix_list *cidr,
                                  enum ip_family family)
{
    _cleanup_interval_set_ struct interval_set wanted = interval_set_from_prefixes(cidr, family);
    return interval_set_intersect(all, &wanted);
}

/* What arrives on the uplink with a source of the vantage's own networks. `lan` can have every source that a
 * packet on that wire can have. */
static struct vantage named_vantage(const struct vantage *lan, const struct policy_vantage *named,
                                    bool several, struct arena *arena)
{
    return (struct vantage){.name = several ? arena_printf(arena, "%s@%s", named->name, lan->interface_name)
                                            : arena_strdup(arena, named->name),
                            .kind = VANTAGE_NAMED,
                            .namespace = lan->namespace,
                            .interface = lan->interface,
                            .interface_name = lan->interface_name,
                            .sources4 = within(&lan->sources4, &named->cidr, FAMILY_IP4),
                            .sources6 = within(&lan->sources6, &named->cidr, FAMILY_IP6)};
}

/* The policy's own vantages, behind the built-in ones: one for each uplink that they may arrive on. */
static void add_named_vantages(struct examination *examination, const struct policy *policy)
{
    size_t built_in = examination->vantages.count;

    list_each(const struct policy_vantage, named, &policy->vantages)
        for (size_t i = 0; i < built_in; i++) {
            const struct vantage *lan = &examination->vantages.items[i];
            bool several = !named->interface && examination->uplinks.count > 1;
            if (lan->kind != VANTAGE_LAN ||
                (named->interface && !text_equal(named->interface, lan->interface_name)))
                continue;
            struct vantage vantage = named_vantage(lan, named, several, examination->arena);
            *list_append(&examination->vantages) = vantage;
        }
}

/* "office", or on all uplinks "office@eth0" and "office@eth1". */
static void match_named(const struct examination *examination, const char *name, struct index_list *ret_named)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < examination->vantages.count; i++) {
        const struct vantage *vantage = &examination->vantages.items[i];
        if (vantage->kind == VANTAGE_NAMED && text_starts(vantage->name, name) &&
            (vantage->name[length] == '\0' || vantage->name[length] == '@'))
            *list_append(ret_named) = i;
    }
}

/* A network or an uplink that went is no misspelling: it could not be looked from, and the report says so. */
static void miss_vantage(struct examination *examination, const char *name)
{
    error_set(list_append(&examination->errors), ENOENT, "no-vantage", name,
              "there is no such place on this host to look from");
}

/* Each once, however often it was asked for. */
static void look_from(struct examination *examination, size_t vantage)
{
    for (size_t i = 0; i < examination->from.count; i++)
        if (examination->from.items[i] == vantage)
            return;
    *list_append(&examination->from) = vantage;
}

/* -ENOENT: there is none on this host. */
static int match_vantages(const struct examination *examination, const struct policy *policy,
                          const char *name, struct index_list *ret_named)
{
    if (!is_of_policy(policy, name))
        return vantages_match(&examination->vantages, name, NULL, ret_named, NULL);
    match_named(examination, name, ret_named);
    return ret_named->count > 0 ? 0 : -ENOENT;
}

static int choose_vantages(struct examination *examination, const struct policy *policy, struct error *error)
{
    const struct scan_options *options = examination->options;

    for (size_t i = 0; i < options->from.count; i++) {
        struct index_list named = {0};
        int r = match_vantages(examination, policy, options->from.items[i], &named);
        for (size_t at = 0; at < named.count; at++)
            look_from(examination, named.items[at]);
        list_free(&named);
        if (r < 0 && !is_vantage_word(options->from.items[i]) &&
            !is_of_policy(policy, options->from.items[i]))
            return unknown_vantage(examination, options->from.items[i], error);
        if (r < 0)
            miss_vantage(examination, options->from.items[i]);
    }
    for (size_t i = 0; options->from.count == 0 && i < examination->vantages.count; i++)
        if (vantage_is_default(&examination->vantages.items[i]))
            look_from(examination, i);
    return 0;
}

static void narrow(struct interval_set *sources, const struct vantage *vantage, enum ip_family family)
{
    struct interval_set within =
        interval_set_intersect(sources, family == FAMILY_IP4 ? &vantage->sources4 : &vantage->sources6);
    interval_set_free(sources);
    *sources = within;
}

/* "All sources" of a vantage of the policy's own are its networks: those stand in the policy. */
static void narrow_to_named(struct path_channel *channel)
{
    list_each(struct prediction_part, part, &channel->prediction.parts)
        narrow(&part->sources, channel->vantage, channel->entry.family);
}

/* Has the vantage any source of the entry's family? */
static bool has_source(const struct path_channel *channel)
{
    list_each(const struct prediction_part, part, &channel->prediction.parts)
        if (!interval_set_empty(&part->sources))
            return true;
    return false;
}

static int keep_channel(struct path_channel *channel, void *context)
{
    struct examination *examination = context;
    bool named = channel->vantage->kind == VANTAGE_NAMED && channel->entry.family != FAMILY_NONE;
    if (named)
        narrow_to_named(channel);
    if (channel->prediction.parts.count == 0 || (named && !has_source(channel)))
        return 0; /* no packet of that vantage has a source of the entry's family: there is no such channel */
    *list_append(&examination->channels) = *channel;
    *channel = (struct path_channel){0};
    return 0;
}

/* What explain names for every open channel: rules that look as if they protected it. */
static void add_off_path(struct examination *examination, struct path_channel *channel)
{
    struct query query = {.namespace = channel->vantage->namespace,
                          .interface = channel->vantage->interface,
                          .family = channel->entry.family,
                          .protocol = channel->entry.protocol,
                          .destination = channel->entry.address,
                          .port = channel->entry.port};
    if (channel->prediction.state == STATE_OPEN && channel->entry.family != FAMILY_NONE)
        explain_off_path(examination->world, &query, examination->arena, 0, &channel->prediction);
}

static int evaluate(struct examination *examination, const struct policy *policy, struct error *error)
{
    const struct scan_options *options = examination->options;
    struct error missing = ERROR_NONE;
    const struct channel_options channel_options = {.containers = options->containers.items,
                                                    .container_count = options->containers.count,
                                                    .workers = options->workers,
                                                    .deadline = (int64_t)(options->deadline_ns / 1000000u)};

    tell(options, "computing who gets through", 0, 0);
    examination->world = world_new(examination->scan->snapshot);
    if (uplinks_find(examination->world, options->uplinks.items, options->uplinks.count,
                     &examination->uplinks, &missing) < 0)
        *list_append(&examination->errors) = missing;
    vantages_find(examination->world, &examination->uplinks, examination->arena, &examination->vantages);
    add_named_vantages(examination, policy);
    listeners_find(examination->world, &examination->listeners);
    int r = choose_vantages(examination, policy, error);
    if (r < 0)
        return r;
    r = channels_find(examination->world, &examination->vantages, examination->from.items,
                      examination->from.count, &channel_options, examination->arena, keep_channel,
                      examination);
    if (r < 0)
        return error_errno(error, -r, "no-scan", "channels", "cannot compute the channels");
    list_each(struct path_channel, channel, &examination->channels)
        add_off_path(examination, channel);
    examination->ranges_done =
        open_ranges_find(examination->world, &examination->vantages, examination->from.items,
                         examination->from.count, &channel_options, examination->arena, &examination->ranges);
    list_each(struct open_range, range, &examination->ranges) {
        const struct vantage *vantage = &examination->vantages.items[range->vantage];
        if (vantage->kind == VANTAGE_NAMED)
            narrow(&range->sources, vantage, range->family);
    }
    return 0;
}

/* ---- probe ---- */

static void probe(struct examination *examination)
{
    const struct scan_options *options = examination->options;
    const struct target_options target = {.uplinks = &examination->uplinks, .plan = options->plan};
    struct probe_namespaces namespaces = {.open = live_open, .context = examination->scan->live};
    struct error error = ERROR_NONE;

    if (!options->probe || examination->scan->live == NULL)
        return;
    target_plan(examination->world, examination->channels.items, examination->channels.count, &target,
                &examination->plan, &examination->places);
    tell(options, "probing", 0, examination->plan.probes.count);
    if (probe_run(&examination->plan, &namespaces, options->deadline_ns, &examination->probed, &error) < 0)
        *list_append(&examination->errors) = error;
}

/* ---- report ---- */

/* Why nothing was probed, where nothing was. */
static struct reason unprobed_reason(const struct examination *examination)
{
    if (examination->scan->live == NULL)
        return (struct reason){"saved-snapshot", "", "a saved snapshot cannot be probed"};
    if (!examination->options->probe)
        return (struct reason){"no-probe-asked", "", "--no-probe"};
    return (struct reason){"protocol", "", "no probe for this kind of channel"};
}

/* The observations of one channel, in the order of its parts; probes stand in the order of channels and
 * parts. */
static void channel_observations(const struct examination *examination, size_t channel, size_t *at,
                                 struct observation_list *ret_list)
{
    ret_list->count = 0;
    for (; *at < examination->places.count && examination->places.items[*at].channel == channel; (*at)++)
        if (*at < examination->probed.count)
            *list_append(ret_list) = examination->probed.items[*at];
}

/* Vantages that were looked from, with the sources that probes took. */
static void merge_vantages(struct examination *examination, struct merge *merge)
{
    for (size_t i = 0; i < examination->from.count; i++) {
        const struct vantage *vantage = &examination->vantages.items[examination->from.items[i]];
        LIST(struct address) sources = {0};
        for (size_t at = 0; at < examination->probed.count && at < examination->places.count; at++) {
            const struct observation *observed = &examination->probed.items[at];
            bool known =
                observed->source.family == FAMILY_NONE || observed->state == OBSERVED_NOT_PROBED ||
                examination->channels.items[examination->places.items[at].channel].vantage != vantage;
            list_each(struct address, other, &sources)
                known = known || address_equal(*other, observed->source);
            if (!known)
                *list_append(&sources) = observed->source;
        }
        merge_vantage(merge, vantage, sources.items, sources.count);
        list_free(&sources);
    }
}

static bool container_is_wanted(const struct scan_options *options, const char *name)
{
    for (size_t i = 0; i < options->containers.count; i++)
        if (text_match(options->containers.items[i], name))
            return true;
    return options->containers.count == 0;
}

/* Listeners of other containers were not read: what is open to them without one is not known. */
static bool range_is_wanted(const struct examination *examination, const struct open_range *range)
{
    const struct snapshot *snapshot = examination->scan->snapshot;
    if (examination->vantages.items[range->vantage].kind == VANTAGE_NAMED &&
        interval_set_empty(&range->sources)) /* of a family that the vantage has no network of */
        return false;
    return range->container >= 0 && (size_t)range->container < snapshot->containers.count &&
           container_is_wanted(examination->options, snapshot->containers.items[range->container].name);
}

static void merge_all(struct examination *examination, struct report *report)
{
    _cleanup_merge_ struct merge *merge =
        merge_new(examination->scan->snapshot, &examination->listeners, report);
    struct observation_list observations = {0};
    struct reason unprobed = unprobed_reason(examination);
    size_t at = 0;

    for (size_t i = 0; i < examination->channels.count; i++) {
        channel_observations(examination, i, &at, &observations);
        merge_channel(merge, &examination->channels.items[i], &observations, &unprobed);
    }
    list_free(&observations);
    list_each(struct open_range, range, &examination->ranges)
        if (range_is_wanted(examination, range))
            merge_open_range(merge, &examination->vantages.items[range->vantage], range);
    merge_vantages(examination, merge);
}

static const char *scan_id(struct arena *arena)
{
    uint64_t number[2] = {0};
    if (getrandom(number, sizeof(number), 0) != (ssize_t)sizeof(number))
        number[0] = time_monotonic_ns();
    return arena_printf(arena, "%016llx%016llx", (unsigned long long)number[0],
                        (unsigned long long)number[1]);
}

/* What the scan was narrowed to, so that nobody takes the rest for looked at. */
static void present_request(const struct examination *examination, struct report *report)
{
    const struct scan_options *options = examination->options;

    if (options->host)
        report->scan.host = arena_strdup(report->arena, options->host);
    for (size_t i = 0; i < options->from.count; i++)
        *list_append(&report->scan.only_from) = arena_strdup(report->arena, options->from.items[i]);
    for (size_t i = 0; i < options->containers.count; i++) {
        const char *pattern = options->containers.items[i];
        bool found = false;
        list_each(const struct report_container, container, &report->containers)
            found = found || text_match(pattern, container->name);
        if (!found)
            present_error(report, "no-container", pattern, "no container of this host is called so", false);
        *list_append(&report->scan.only_containers) = arena_strdup(report->arena, pattern);
    }
}

/* Of a channel every part has a probe of its own. */
static const struct reason *unprobed_part(const struct report_channel *channel)
{
    list_each(const struct report_part, part, &channel->parts)
        if (part->observed.state == OBSERVED_NOT_PROBED)
            return &part->observed.reason;
    return channel->observed.state == OBSERVED_NOT_PROBED ? &channel->observed.reason : NULL;
}

static void present_unprobed(struct report *report)
{
    const struct reason *first = NULL;
    size_t count = 0;

    list_each(const struct report_channel, channel, &report->channels) {
        const struct reason *reason = unprobed_part(channel);
        first = first ? first : reason;
        count += reason != NULL;
    }
    if (count > 0)
        present_error(report, "not-probed", "--require-probe",
                      arena_printf(report->arena,
                                   "%zu of %zu channels were not probed in every part, the first: %s", count,
                                   report->channels.count, first->code ? first->code : "unknown"),
                      false);
}

static void present_outcome(struct examination *examination, struct report *report)
{
    struct report_scan *scan = &report->scan;
    char now[32];

    scan->id = scan_id(report->arena);
    scan->finished = arena_strdup(report->arena, time_text(now));
    if (examination->probed.guard)
        scan->guard = arena_strdup(report->arena, examination->probed.guard);
    for (size_t i = 0; i < examination->probed.side_effects.count; i++)
        *list_append(&scan->side_effects) =
            arena_strdup(report->arena, examination->probed.side_effects.items[i]);
    list_each(struct error, error, &examination->errors)
        present_error(report, error->code, error->subject, error->message, false);
    list_each(struct reason, reason, &examination->probed.errors)
        present_error(report, reason->code, reason->subject, reason->message, false);
    if (examination->ranges_done == RANGES_CUT)
        present_error(report, "over-budget", "open_ranges",
                      "too many pieces of the port space: ranges are not complete", false);
    if (examination->ranges_done == RANGES_LATE)
        present_error(report, "timeout", "open_ranges",
                      "the scan's time was over: what is open without a listener is not complete", false);
    if (examination->options->require_probe)
        present_unprobed(report);
    list_each(struct report_channel, channel, &report->channels) {
        scan->channels_predicted++;
        scan->channels_observed += channel->observed.state != OBSERVED_NOT_PROBED;
    }
}

static void examination_close(struct examination *examination)
{
    list_each(struct path_channel, channel, &examination->channels)
        path_channel_free(channel);
    list_free(&examination->channels);
    open_range_list_free(&examination->ranges);
    probe_result_free(&examination->probed);
    plan_free(&examination->plan);
    list_free(&examination->places);
    list_free(&examination->errors);
    list_free(&examination->from);
    list_free(&examination->listeners);
    vantage_list_free(&examination->vantages);
    list_free(&examination->uplinks);
    examination->world = world_free(examination->world);
    examination->arena = arena_free(examination->arena);
}

static int report_examination(struct examination *examination, const struct policy *policy,
                              struct report **ret_report, struct error *error)
{
    _cleanup_report_ struct report *report = report_new();

    live_close(
        examination->scan->live); /* a descriptor that is held keeps a dead container's network alive */
    tell(examination->options, NULL, 0, 0);
    if (examination->options->confine) {
        int r = confine_report(examination->options->keep_write, error);
        if (r < 0)
            return r;
    }
    present_snapshot(examination->scan->snapshot, &examination->listeners, report);
    present_request(examination, report);
    merge_all(examination, report);
    present_outcome(examination, report);
    classify(report, policy);
    report->scan.complete = classify_complete(report, policy);
    *ret_report = take_ptr(report);
    return 0;
}

int scan_report(struct scan *scan, const struct scan_options *options, const struct policy *policy,
                struct report **ret_report, struct error *error)
{
    struct examination examination = {.scan = scan, .options = options, .arena = arena_new()};
    int r = evaluate(&examination, policy, error);

    if (r == 0) {
        probe(&examination);
        r = report_examination(&examination, policy, ret_report, error);
    }
    examination_close(&examination);
    return r;
}

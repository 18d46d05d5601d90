/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/model/report.h"
#include "netns/base/text.h"

static const char *const class_words[] = {"none",   "forbidden", "unexpected", "lost",    "undetermined",
                                          "latent", "masked",    "allowed",    "ignored", "quiet"};
static const char *const severity_words[] = {"none", "info", "low", "medium", "high", "critical"};

const char *channel_class_name(enum channel_class channel_class)
{
    return class_words[channel_class];
}

const char *severity_name(enum severity severity)
{
    return severity_words[severity];
}

enum severity severity_parse(const char *name)
{
    for (int i = SEVERITY_INFO; i <= SEVERITY_CRITICAL; i++)
        if (text_equal(name, severity_words[i]))
            return (enum severity)i;
    return SEVERITY_NONE;
}

struct report *report_new(void)
{
    struct report *report = memory_alloc(sizeof(*report));
    report->arena = arena_new();
    return report;
}

void report_channel_free(struct report_channel *channel)
{
    interval_set_free(&channel->sources);
    list_free(&channel->reasons);
    list_each(struct report_part, part, &channel->parts) {
        interval_set_free(&part->sources);
        list_free(&part->reasons);
    }
    list_free(&channel->parts);
    list_free(&channel->later);
    list_free(&channel->off_path);
    list_free(&channel->via);
    list_free(&channel->addresses);
}

static void namespace_free_lists(struct report_namespace *namespace)
{
    list_each(struct report_interface, interface, &namespace->interfaces)
        list_free(&interface->addresses);
    list_free(&namespace->interfaces);
    list_free(&namespace->containers);
    list_free(&namespace->firewall_backends);
}

static void container_free_lists(struct report_container *container)
{
    list_each(struct report_open_range, range, &container->open_ranges) {
        interval_set_free(&range->ports);
        interval_set_free(&range->sources);
    }
    list_free(&container->open_ranges);
    list_free(&container->labels);
    list_free(&container->published);
    list_free(&container->privileges.host_namespaces);
    list_free(&container->netns_names);
}

static void finding_free_lists(struct report_finding *finding)
{
    list_free(&finding->vantages);
    list_free(&finding->channels);
    list_free(&finding->families);
    list_free(&finding->explanation);
    list_free(&finding->fix);
    list_free(&finding->excess_sources);
    list_free(&finding->controls);
}

struct report *report_free(struct report *report)
{
    if (report == NULL)
        return NULL;
    list_each(struct report_vantage, vantage, &report->vantages)
        list_free(&vantage->sources);
    list_each(struct report_namespace, namespace, &report->namespaces)
        namespace_free_lists(namespace);
    list_each(struct report_container, container, &report->containers)
        container_free_lists(container);
    list_each(struct report_listener, listener, &report->listeners)
        list_free(&listener->processes);
    list_each(struct report_channel, channel, &report->channels)
        report_channel_free(channel);
    list_each(struct report_path, path, &report->paths)
        list_free(&path->steps);
    list_each(struct report_quiet, quiet, &report->quiet)
        list_free(&quiet->from);
    list_each(struct report_finding, finding, &report->findings)
        finding_free_lists(finding);
    list_free(&report->scan.only_from);
    list_free(&report->scan.only_containers);
    list_free(&report->scan.side_effects);
    list_free(&report->scan.errors);
    list_free(&report->vantages);
    list_free(&report->namespaces);
    list_free(&report->containers);
    list_free(&report->listeners);
    list_free(&report->channels);
    list_free(&report->rules);
    list_free(&report->paths);
    list_free(&report->quiet);
    list_free(&report->findings);
    list_free(&report->warnings);
    map_free(report->container_index);
    arena_free(report->arena);
    free(report);
    return NULL;
}

void cleanup_report(struct report **report)
{
    *report = report_free(*report);
}

static void index_containers(struct report *report)
{
    map_free(report->container_index);
    report->container_index = map_new();
    for (size_t i = report->containers.count; i > 0; i--) /* the first of a name counts */
        if (report->containers.items[i - 1].name)
            map_set(report->container_index, report->containers.items[i - 1].name, (void *)(uintptr_t)i);
    report->containers_indexed = report->containers.count;
}

const struct report_container *report_container(const struct report *report, const char *name)
{
    if (name == NULL)
        return NULL;
    if (report->container_index == NULL || report->containers_indexed != report->containers.count)
        index_containers((struct report *)(uintptr_t)report);
    size_t place = (size_t)(uintptr_t)map_get(report->container_index, name);
    return place > 0 ? &report->containers.items[place - 1] : NULL;
}

/* Ids are a letter and the 1-based place: "l17" is listeners.items[16]. 0: not of that form. */
static size_t id_place(const char *id, char letter)
{
    uint64_t place;
    return id && id[0] == letter && text_number(id + 1, 1, UINT32_MAX, &place) ? (size_t)place : 0;
}

const struct report_listener *report_listener(const struct report *report, const char *id)
{
    size_t place = id_place(id, 'l');
    return place > 0 && place <= report->listeners.count ? &report->listeners.items[place - 1] : NULL;
}

const struct report_channel *report_channel(const struct report *report, const char *id)
{
    size_t place = id_place(id, 'c');
    return place > 0 && place <= report->channels.count ? &report->channels.items[place - 1] : NULL;
}

const struct report_rule *report_rule(const struct report *report, const char *id)
{
    size_t place = id_place(id, 'r');
    return place > 0 && place <= report->rules.count ? &report->rules.items[place - 1] : NULL;
}

const struct report_path *report_path(const struct report *report, const char *id)
{
    size_t place = id_place(id, 'p');
    return place > 0 && place <= report->paths.count ? &report->paths.items[place - 1] : NULL;
}

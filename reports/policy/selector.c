/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/policy/selector.h"
#include "netns/base/text.h"

/* ---- selectors ---- */

static bool asked(const char *pattern, const char *text)
{
    return pattern == NULL || (text != NULL && text_match(pattern, text));
}

static bool label_matches(const struct selector *selector, const struct report_container *container)
{
    if (selector->label_key == NULL)
        return true;
    list_each(struct report_label, label, &container->labels)
        if (text_equal(label->key, selector->label_key) &&
            text_match(selector->label_value, label->value ? label->value : ""))
            return true;
    return false;
}

/* "PROJECT/SERVICE" and "NAMESPACE/NAME" as patterns over both parts joined. */
static bool pair_matches(const char *pattern, const char *first, const char *second)
{
    char joined[512];
    if (pattern == NULL)
        return true;
    if (first == NULL || second == NULL)
        return false;
    if ((size_t)snprintf(joined, sizeof(joined), "%s/%s", first, second) >= sizeof(joined))
        return false;
    return text_match(pattern, joined);
}

static bool netns_matches(const char *pattern, const struct report_container *container)
{
    if (pattern == NULL)
        return true;
    for (size_t i = 0; i < container->netns_names.count; i++)
        if (text_match(pattern, container->netns_names.items[i]))
            return true;
    return text_equal(container->engine, "netns") && text_match(pattern, container->name);
}

/* The bare name, and ENGINE/NAME where two engines share it. */
static bool name_matches(const char *pattern, const struct report_container *container)
{
    const char *slash = strchr(container->name, '/');
    return asked(pattern, container->name) || (slash && text_match(pattern, slash + 1));
}

static bool executable_matches(const char *pattern, const struct report_listener *listener, bool of_host)
{
    if (pattern == NULL)
        return true;
    if (listener == NULL)
        return false;
    list_each(struct report_process, process, &listener->processes)
        if (process->executable && text_match(pattern, process->executable) &&
            (!of_host || process->executable_on_host))
            return true;
    return false;
}

static bool asks_for_container(const struct selector *selector)
{
    return selector->container || selector->image || selector->label_key || selector->compose ||
           selector->pod || selector->netns || selector->has_host_network;
}

/* Somebody is known to hold it, and everybody who does is the host's own. */
static bool is_held_by_host(const struct report_listener *listener)
{
    list_each(struct report_process, process, &listener->processes)
        if (!process->of_host)
            return false;
    return listener->processes.count > 0;
}

static bool matches_host(const struct selector *selector, const struct report_container *container,
                         const struct report_listener *listener)
{
    return container == NULL && listener != NULL && (!selector->host || is_held_by_host(listener)) &&
           executable_matches(selector->executable, listener, true);
}

bool selector_matches(const struct selector *selector, const struct report_container *container,
                      const struct report_listener *listener)
{
    if (!asks_for_container(selector))
        return matches_host(selector, container, listener);
    if (container == NULL || container->nested || !container->confirmed || selector->host)
        return false;
    return name_matches(selector->container, container) && asked(selector->image, container->image) &&
           label_matches(selector, container) &&
           pair_matches(selector->compose, container->compose_project, container->compose_service) &&
           pair_matches(selector->pod, container->pod_namespace, container->pod) &&
           netns_matches(selector->netns, container) &&
           (!selector->has_host_network || selector->host_network == container->host_network) &&
           executable_matches(selector->executable, listener, false);
}

/* Of nobody's known listener on the host, any process may be the holder. */
static bool may_match(const struct selector *selector, const struct report_container *container,
                      const struct report_listener *listener)
{
    return !asks_for_container(selector) && container == NULL && listener != NULL &&
           listener->processes.count == 0;
}

/* ---- lines ---- */

bool line_on_host(const struct policy_line *line, const char *host)
{
    if (line->hosts.count == 0)
        return true;
    for (size_t i = 0; i < line->hosts.count; i++)
        if (host && text_match(line->hosts.items[i], host))
            return true;
    return false;
}

static bool port_matches(const struct policy_port *port, uint8_t protocol, uint16_t number,
                         const char *unix_name)
{
    if (port->any)
        return true;
    if (port->unix_pattern)
        return unix_name && text_match(port->unix_pattern, unix_name);
    if (port->icmp)
        return protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMP6;
    return unix_name == NULL && port->protocol == protocol && number >= port->first && number <= port->last;
}

static bool address_listed(const struct prefix_list *list, struct address address)
{
    list_each(struct prefix, prefix, list)
        if (prefix_contains(*prefix, address))
            return true;
    return false;
}

/*
 * The entry of a wildcard listener stands for many addresses: what forbids one of them forbids the entry, and
 * only what names them all allows it.
 */
static bool address_matches(const struct policy_line *line, const struct report_channel *channel)
{
    bool any = line->kind == LINE_FORBID;

    if (line->address.count == 0)
        return true;
    if (address_listed(&line->address, channel->entry.address) == any)
        return any;
    list_each(const struct address, address, &channel->addresses)
        if (address_listed(&line->address, *address) == any)
            return any;
    return !any;
}

static bool entry_matches(const struct policy_line *line, const struct report_channel *channel)
{
    const struct entry *entry = &channel->entry;
    bool port = false;

    list_each(struct policy_port, item, &line->ports)
        port = port || port_matches(item, entry->protocol, entry->port, entry->name);
    if (line->has_families &&
        !((entry->family == FAMILY_IP4 && line->ip4) || (entry->family == FAMILY_IP6 && line->ip6)))
        return false;
    return port && address_matches(line, channel);
}

static bool target_matches(const struct policy *policy, const struct policy_line *line,
                           const struct report *report, const struct report_channel *channel)
{
    const struct report_container *container =
        channel->container ? report_container(report, channel->container) : NULL;
    const struct report_listener *listener =
        channel->listener ? report_listener(report, channel->listener) : NULL;

    if (!line->has_to)
        return false;
    const struct selector *selector = &policy->selectors.items[line->to];
    if (!selector_matches(selector, container, listener) &&
        !(line->kind == LINE_FORBID && may_match(selector, container, listener)))
        return false;
    return !line->has_target ||
           port_matches(&line->target, channel->entry.protocol, channel->target_port, NULL);
}

/* Is the vantage's interface this one? */
static bool from_interface(const char *wanted, const struct report *report,
                           const struct report_channel *channel)
{
    if (wanted == NULL)
        return true;
    list_each(struct report_vantage, vantage, &report->vantages)
        if (text_equal(vantage->name, channel->from))
            return text_equal(vantage->interface, wanted);
    return false;
}

/* "external" means every uplink's; "external@eth0" that one, also where it stands alone; "segment" every
 * segment. */
static bool word_means(const char *word, const char *name, enum vantage_kind kind, const char *interface)
{
    const char *kind_word = vantage_kind_name(kind);
    size_t length = strlen(kind_word);

    if (text_equal(word, name) || text_equal(word, kind_word))
        return true;
    return interface && text_starts(word, kind_word) && word[length] == '@' &&
           text_equal(word + length + 1, interface);
}

static const char *vantage_interface(const struct report *report, const struct report_channel *channel)
{
    const char *interface = NULL;

    list_each(struct report_vantage, vantage, &report->vantages)
        if (text_equal(vantage->name, channel->from))
            interface = vantage->interface;
    return interface;
}

static bool vantage_matches(const char *word, const struct report *report,
                            const struct report_channel *channel)
{
    return word_means(word, channel->from, channel->from_kind, vantage_interface(report, channel));
}

/* Is the word one of the kinds that a vantage of the policy's own is a piece of, on its uplink? */
static bool word_holds_named(const char *word, enum vantage_kind kind, const char *interface)
{
    return word_means(word, "", kind, interface);
}

bool line_may_mean(const struct policy *policy, const struct policy_line *line,
                   const struct report_vantage *vantage)
{
    list_each(struct policy_from, from, &line->from) {
        const char *interface =
            from->kind == FROM_NAMED ? policy->vantages.items[from->index].interface : NULL;
        if (from->kind == FROM_VANTAGE
                ? word_means(from->vantage, vantage->name, vantage->kind, vantage->interface) ||
                      (vantage->kind == VANTAGE_NAMED &&
                       (word_holds_named(from->vantage, VANTAGE_EXTERNAL, vantage->interface) ||
                        word_holds_named(from->vantage, VANTAGE_LAN, vantage->interface)))
                : interface == NULL || text_equal(interface, vantage->interface))
            return true;
    }
    return false;
}

static void add_prefixes(struct interval_set *into, const struct prefix_list *list, enum ip_family family)
{
    struct interval_set more = interval_set_from_prefixes(list, family);
    struct interval_set joined = interval_set_union(into, &more);
    interval_set_free(into);
    interval_set_free(&more);
    *into = joined;
}

/* The addresses of a workload's containers, for channels that come from a segment. */
static void add_workload(struct interval_set *into, const struct selector *selector,
                         const struct report *report, enum ip_family family)
{
    list_each(struct report_container, container, &report->containers) {
        if (!selector_matches(selector, container, NULL))
            continue;
        list_each(struct report_namespace, namespace, &report->namespaces) {
            if (namespace->id != container->namespace || text_equal(namespace->role, "host"))
                continue;
            list_each(struct report_interface, interface, &namespace->interfaces)
                for (size_t i = 0; i < interface->addresses.count; i++) {
                    struct prefix prefix;
                    if (prefix_parse(interface->addresses.items[i], false, &prefix, NULL) == 0 &&
                        prefix.address.family == family)
                        interval_set_add(into, prefix.address.value, prefix.address.value);
                }
        }
    }
}

/* The networks that are on link at the uplink of the channel's vantage. */
static struct interval_set on_link(const struct report *report, const char *name, enum ip_family family)
{
    struct interval_set set = {0};
    struct prefix_list prefixes = {0};

    list_each(struct report_namespace, namespace, &report->namespaces)
        list_each(struct report_interface, interface, &namespace->interfaces)
            for (size_t i = 0; i < interface->addresses.count; i++) {
                struct prefix prefix;
                if (text_equal(namespace->role, "host") && text_equal(interface->name, name) &&
                    prefix_parse(interface->addresses.items[i], false, &prefix, NULL) == 0 &&
                    prefix.address.family == family)
                    *list_append(&prefixes) = prefix;
            }
    add_prefixes(&set, &prefixes, family);
    list_free(&prefixes);
    return set;
}

/*
 * A vantage of the policy's own is a piece of `external` and of `lan`: what is on link is the neighbours',
 * the rest is routed. A neighbour can send from any address: what is forbidden to them is forbidden to all of
 * the piece.
 */
static void add_named(struct interval_set *into, const struct policy_line *line, const char *word,
                      const struct report *report, const struct report_channel *channel)
{
    enum ip_family family = channel->entry.family;
    const char *interface = vantage_interface(report, channel);
    _cleanup_interval_set_ struct interval_set near = on_link(report, interface, family), far = {0};

    if (word_holds_named(word, VANTAGE_LAN, interface)) {
        if (line->kind == LINE_FORBID)
            interval_set_add(into, 0, family_max(family));
        for (size_t i = 0; i < near.count; i++)
            interval_set_add(into, near.items[i].first, near.items[i].last);
    }
    if (word_holds_named(word, VANTAGE_EXTERNAL, interface)) {
        far = interval_set_complement(&near, family_max(family));
        for (size_t i = 0; i < far.count; i++)
            interval_set_add(into, far.items[i].first, far.items[i].last);
    }
}

static void add_from(struct interval_set *into, const struct policy *policy, const struct policy_line *line,
                     const struct policy_from *from, const struct report *report,
                     const struct report_channel *channel)
{
    enum ip_family family = channel->entry.family;
    struct prefix_list one = {0};

    switch (from->kind) {
    case FROM_VANTAGE:
        if (vantage_matches(from->vantage, report, channel))
            interval_set_add(into, 0, family_max(family ? family : FAMILY_IP6));
        else if (channel->from_kind == VANTAGE_NAMED && family != FAMILY_NONE)
            add_named(into, line, from->vantage, report, channel);
        break;
    case FROM_CIDR:
        *list_append(&one) = from->prefix;
        add_prefixes(into, &one, family);
        list_free(&one);
        break;
    case FROM_NAMED: {
        const struct policy_vantage *vantage = &policy->vantages.items[from->index];
        if (from_interface(vantage->interface, report, channel))
            add_prefixes(into, &vantage->cidr, family);
        break;
    }
    case FROM_WORKLOAD: {
        const struct selector *selector = &policy->selectors.items[from->index];
        const char *colon = strchr(channel->from, ':');
        const struct report_container *container = colon ? report_container(report, colon + 1) : NULL;
        if (channel->from_kind == VANTAGE_SEGMENT)
            add_workload(into, selector, report, family);
        else if (container && selector_matches(selector, container, NULL))
            interval_set_add(into, 0, family_max(family ? family : FAMILY_IP6));
        break;
    }
    }
}

bool line_names(const struct policy *policy, const struct policy_line *line, const struct report *report,
                const struct report_channel *channel)
{
    return !line->expired && line->kind != LINE_ACCEPT_GAP && line_on_host(line, report->scan.host) &&
           entry_matches(line, channel) && target_matches(policy, line, report, channel);
}

struct interval_set line_sources(const struct policy *policy, const struct policy_line *line,
                                 const struct report *report, const struct report_channel *channel,
                                 const struct interval_set *sources)
{
    struct interval_set named = {0}, result;

    if (!line_names(policy, line, report, channel))
        return named;
    list_each(struct policy_from, from, &line->from)
        add_from(&named, policy, line, from, report, channel);
    result = interval_set_intersect(&named, sources);
    interval_set_free(&named);
    return result;
}

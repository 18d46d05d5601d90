/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/model/file.h"
#include "netns/base/text.h"

#include <errno.h>

#define CAPABILITIES 41

static const char *const capability_words[CAPABILITIES] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

/* ---- small shapes ---- */

static void put_capabilities(struct json_writer *writer, uint64_t capabilities)
{
    json_name(writer, "capabilities");
    json_array_begin(writer);
    for (unsigned i = 0; i < CAPABILITIES; i++)
        if (capabilities >> i & 1)
            json_put_text(writer, capability_words[i]);
    json_array_end(writer);
}

static void put_namespace(struct json_writer *writer, const char *name, uint64_t namespace)
{
    if (namespace == 0)
        json_member_null(writer, name);
    else
        json_member_unsigned(writer, name, namespace);
}

static void put_address(struct json_writer *writer, const char *name, struct address address)
{
    json_member_text(writer, name, address.family ? ADDRESS_TEXT(address) : NULL);
}

#define put_texts(writer, name, list)                                                                        \
    do {                                                                                                     \
        json_name((writer), (name));                                                                         \
        json_array_begin(writer);                                                                            \
        for (size_t text_ = 0; text_ < (list)->count; text_++)                                               \
            json_put_text((writer), (list)->items[text_]);                                                   \
        json_array_end(writer);                                                                              \
    } while (0)

void report_write_sources(struct json_writer *writer, const struct interval_set *sources,
                          enum ip_family family)
{
    struct prefix_list prefixes = {0};

    interval_set_prefixes(sources, family, &prefixes);
    json_name(writer, "sources");
    json_array_begin(writer);
    list_each(struct prefix, prefix, &prefixes)
        json_put_text(writer, PREFIX_TEXT(*prefix));
    json_array_end(writer);
    list_free(&prefixes);
}

void report_write_reference(struct json_writer *writer, const struct rule_reference *rule, const char *id)
{
    json_object_begin(writer);
    if (id)
        json_member_text(writer, "id", id);
    json_member_unsigned(writer, "namespace", rule->namespace);
    json_member_text(writer, "backend", rule->backend);
    json_member_text(writer, "family", rule->family);
    json_member_text(writer, "table", rule->table);
    json_member_text(writer, "chain", rule->chain);
    json_member_unsigned(writer, "handle", rule->handle);
    json_member_unsigned(writer, "position", rule->position);
    json_member_text(writer, "text", rule->text);
    json_member_text(writer, "comment", rule->comment);
    json_object_end(writer);
}

static void put_decider(struct json_writer *writer, const char *name, const struct report_decider *decider)
{
    if (name)
        json_name(writer, name);
    json_object_begin(writer);
    json_member_text(writer, "kind", decider_kind_name(decider->kind));
    json_member_text(writer, "rule", decider->rule);
    put_namespace(writer, "namespace", decider->namespace);
    json_member_text(writer, "subject", decider->subject);
    json_member_text(writer, "text", decider->text);
    json_object_end(writer);
}

static void put_reason(struct json_writer *writer, const struct reason *reason)
{
    json_object_begin(writer);
    json_member_text(writer, "code", reason->code);
    json_member_text(writer, "subject", reason->subject ? reason->subject : "");
    json_member_text(writer, "message", reason->message ? reason->message : "");
    json_object_end(writer);
}

static void put_error(struct json_writer *writer, const struct report_error *error)
{
    json_object_begin(writer);
    json_member_text(writer, "code", error->code);
    json_member_text(writer, "subject", error->subject);
    json_member_text(writer, "message", error->message);
    json_member_bool(writer, "gone", error->gone);
    json_object_end(writer);
}

/* ---- scan ---- */

static void put_coverage(struct json_writer *writer, const struct report_scan *scan)
{
    json_name(writer, "coverage");
    json_object_begin(writer);
    json_name(writer, "namespaces");
    json_object_begin(writer);
    json_member_unsigned(writer, "seen", scan->namespaces_seen);
    json_member_unsigned(writer, "entered", scan->namespaces_entered);
    json_object_end(writer);
    json_name(writer, "rules");
    json_object_begin(writer);
    json_member_unsigned(writer, "seen", scan->rules_seen);
    json_member_unsigned(writer, "modelled", scan->rules_modelled);
    json_object_end(writer);
    json_name(writer, "channels");
    json_object_begin(writer);
    json_member_unsigned(writer, "predicted", scan->channels_predicted);
    json_member_unsigned(writer, "observed", scan->channels_observed);
    json_object_end(writer);
    json_object_end(writer);
}

static void put_scan(struct json_writer *writer, const struct report_scan *scan)
{
    json_name(writer, "scan");
    json_object_begin(writer);
    json_member_text(writer, "id", scan->id);
    json_member_text(writer, "tool", scan->tool);
    json_member_text(writer, "host", scan->host);
    json_member_text(writer, "machine_id", scan->machine_id);
    json_member_text(writer, "boot_id", scan->boot_id);
    json_member_text(writer, "kernel", scan->kernel);
    json_member_text(writer, "guard", scan->guard);
    json_member_text(writer, "policy_digest", scan->policy_digest);
    json_name(writer, "only");
    json_object_begin(writer);
    put_texts(writer, "from", &scan->only_from);
    put_texts(writer, "containers", &scan->only_containers);
    json_object_end(writer);
    put_texts(writer, "side_effects", &scan->side_effects);
    json_member_text(writer, "started", scan->started);
    json_member_text(writer, "finished", scan->finished);
    json_member_bool(writer, "complete", scan->complete);
    put_coverage(writer, scan);
    json_name(writer, "errors");
    json_array_begin(writer);
    list_each(struct report_error, error, &scan->errors)
        put_error(writer, error);
    json_array_end(writer);
    json_object_end(writer);
}

/* ---- vantages, namespaces, containers, listeners ---- */

static void put_vantage(struct json_writer *writer, const struct report_vantage *vantage)
{
    json_object_begin(writer);
    json_member_text(writer, "name", vantage->name);
    json_member_text(writer, "kind", vantage_kind_name(vantage->kind));
    put_namespace(writer, "namespace", vantage->namespace);
    json_member_text(writer, "interface", vantage->interface);
    put_texts(writer, "sources", &vantage->sources);
    json_object_end(writer);
}

static void put_interface(struct json_writer *writer, const struct report_interface *interface)
{
    json_object_begin(writer);
    json_member_text(writer, "name", interface->name);
    json_member_unsigned(writer, "index", interface->index);
    json_member_text(writer, "kind", interface->kind);
    json_member_text(writer, "state", interface->state);
    json_member_text(writer, "master", interface->master);
    put_texts(writer, "addresses", &interface->addresses);
    json_name(writer, "peer");
    if (interface->peer_namespace == 0) {
        json_put_null(writer);
    } else {
        json_object_begin(writer);
        json_member_unsigned(writer, "namespace", interface->peer_namespace);
        json_member_text(writer, "interface", interface->peer_interface);
        json_object_end(writer);
    }
    json_object_end(writer);
}

static void put_namespace_record(struct json_writer *writer, const struct report_namespace *namespace)
{
    json_object_begin(writer);
    json_member_unsigned(writer, "id", namespace->id);
    json_member_text(writer, "cookie", namespace->cookie);
    json_member_text(writer, "role", namespace->role);
    put_texts(writer, "containers", &namespace->containers);
    json_name(writer, "interfaces");
    json_array_begin(writer);
    list_each(struct report_interface, interface, &namespace->interfaces)
        put_interface(writer, interface);
    json_array_end(writer);
    json_name(writer, "firewall");
    json_object_begin(writer);
    put_texts(writer, "backends", &namespace->firewall_backends);
    json_member_unsigned(writer, "rules", namespace->firewall_rules);
    json_member_unsigned(writer, "unmodelled", namespace->firewall_unmodelled);
    json_object_end(writer);
    json_member_text(writer, "error", namespace->error);
    json_object_end(writer);
}

static void put_privileges(struct json_writer *writer, const struct report_privileges *privileges)
{
    json_name(writer, "privileges");
    if (!privileges->known) {
        json_put_null(writer);
        return;
    }
    json_object_begin(writer);
    json_member_bool(writer, "privileged", privileges->privileged);
    json_member_unsigned(writer, "user", privileges->user);
    json_member_text(writer, "user_namespace", privileges->user_namespace);
    put_capabilities(writer, privileges->capabilities);
    json_member_text(writer, "seccomp", privileges->seccomp);
    json_member_bool(writer, "no_new_privileges", privileges->no_new_privileges);
    put_texts(writer, "host_namespaces", &privileges->host_namespaces);
    json_member_bool(writer, "engine_socket", privileges->engine_socket);
    json_object_end(writer);
}

static void put_open_range(struct json_writer *writer, const struct report_open_range *range)
{
    struct report_decider shown = {.kind = range->decider.kind,
                                   .namespace = range->decider.namespace,
                                   .subject = range->decider.subject,
                                   .text = range->decider.text};
    char *ports = interval_set_print_ports(&range->ports);

    json_object_begin(writer);
    json_member_text(writer, "from", range->from);
    json_member_text(writer, "family", family_name(range->family));
    json_member_text(writer, "protocol", protocol_name(range->protocol));
    json_member_text(writer, "ports", ports);
    report_write_sources(writer, &range->sources, range->family);
    put_decider(writer, "decider", &shown);
    json_object_end(writer);
    free(ports);
}

static void put_container(struct json_writer *writer, const struct report_container *container)
{
    json_object_begin(writer);
    json_member_text(writer, "name", container->name);
    json_member_text(writer, "id", container->id);
    json_member_text(writer, "engine", container->engine);
    json_member_text(writer, "image", container->image);
    json_name(writer, "labels");
    json_object_begin(writer);
    list_each(struct report_label, label, &container->labels)
        json_member_text(writer, label->key, label->value);
    json_object_end(writer);
    json_member_text(writer, "pod", container->pod);
    json_member_text(writer, "workload", container->workload);
    put_namespace(writer, "namespace", container->namespace);
    json_member_text(writer, "network", container->network);
    json_member_bool(writer, "nested", container->nested);
    json_member_bool(writer, "confirmed", container->confirmed);
    json_name(writer, "published");
    json_array_begin(writer);
    list_each(struct report_published, published, &container->published) {
        json_object_begin(writer);
        put_address(writer, "address", published->address);
        json_member_unsigned(writer, "port", published->port);
        json_member_text(writer, "protocol", protocol_name(published->protocol));
        json_member_unsigned(writer, "target", published->target);
        json_object_end(writer);
    }
    json_array_end(writer);
    json_name(writer, "open_ranges");
    json_array_begin(writer);
    list_each(struct report_open_range, range, &container->open_ranges)
        put_open_range(writer, range);
    json_array_end(writer);
    put_privileges(writer, &container->privileges);
    json_object_end(writer);
}

static void put_process(struct json_writer *writer, const struct report_process *process)
{
    json_object_begin(writer);
    json_member_unsigned(writer, "pid", process->pid);
    json_member_text(writer, "name", process->name);
    json_member_text(writer, "executable", process->executable);
    json_member_unsigned(writer, "uid", process->uid);
    put_capabilities(writer, process->capabilities);
    json_member_text(writer, "container", process->container);
    json_object_end(writer);
}

static void put_listener(struct json_writer *writer, const struct report_listener *listener)
{
    json_object_begin(writer);
    json_member_text(writer, "id", listener->id);
    json_member_unsigned(writer, "namespace", listener->namespace);
    json_member_text(writer, "container", listener->container);
    json_member_text(writer, "workload", listener->workload);
    json_member_text(writer, "protocol", listener->protocol);
    put_address(writer, "address", listener->address);
    json_member_unsigned(writer, "port", listener->port);
    json_name(writer, "families");
    json_array_begin(writer);
    if (listener->ip4)
        json_put_text(writer, "ip4");
    if (listener->ip6)
        json_put_text(writer, "ip6");
    json_array_end(writer);
    json_member_text(writer, "interface", listener->interface);
    if (listener->name)
        json_member_text(writer, "name", listener->name);
    if (text_equal(listener->protocol, "raw"))
        json_member_unsigned(writer, "ip_protocol", listener->ip_protocol);
    if (text_equal(listener->protocol, "packet"))
        json_member_unsigned(writer, "ethertype", listener->ip_protocol);
    json_name(writer, "processes");
    json_array_begin(writer);
    list_each(struct report_process, process, &listener->processes)
        put_process(writer, process);
    json_array_end(writer);
    json_object_end(writer);
}

/* ---- channels ---- */

/* An observation; of several parts, the one of the most exposed with all of them inside. */
static void put_observed(struct json_writer *writer, const struct observation *observed,
                         const struct report_channel *whole)
{
    json_object_begin(writer);
    json_member_text(writer, "state", observed_state_name(observed->state));
    json_member_text(writer, "method",
                     observed->method == METHOD_NONE ? NULL : observed_method_name(observed->method));
    json_member_text(writer, "evidence", observed_evidence_name(observed->evidence));
    json_name(writer, "arrived");
    if (observed->arrived_known)
        json_put_bool(writer, observed->arrived);
    else
        json_put_null(writer);
    put_address(writer, "source", observed->source);
    json_name(writer, "rtt_us");
    if (observed->rtt_us)
        json_put_unsigned(writer, observed->rtt_us);
    else
        json_put_null(writer);
    json_name(writer, "reason");
    if (observed->reason.code)
        put_reason(writer, &observed->reason);
    else
        json_put_null(writer);
    json_member_text(writer, "end", observed->end);
    if (whole && whole->parts.count > 1) {
        json_name(writer, "parts");
        json_array_begin(writer);
        list_each(struct report_part, part, &whole->parts)
            put_observed(writer, &part->observed, NULL);
        json_array_end(writer);
    }
    json_object_end(writer);
}

static void put_reasons(struct json_writer *writer, const struct reason *reasons, size_t count)
{
    json_name(writer, "reasons");
    json_array_begin(writer);
    for (size_t i = 0; i < count; i++)
        put_reason(writer, &reasons[i]);
    json_array_end(writer);
}

static void put_predicted(struct json_writer *writer, const struct report_channel *channel)
{
    json_name(writer, "predicted");
    json_object_begin(writer);
    json_member_text(writer, "state", state_name(channel->predicted));
    report_write_sources(writer, &channel->sources, channel->entry.family);
    put_decider(writer, "decider", &channel->decider);
    put_reasons(writer, channel->reasons.items, channel->reasons.count);
    json_name(writer, "parts");
    json_array_begin(writer);
    list_each(struct report_part, part, &channel->parts) {
        json_object_begin(writer);
        json_member_text(writer, "state", state_name(part->state));
        report_write_sources(writer, &part->sources, channel->entry.family);
        put_decider(writer, "decider", &part->decider);
        put_reasons(writer, part->reasons.items, part->reasons.count);
        json_object_end(writer);
    }
    json_array_end(writer);
    json_name(writer, "later");
    json_array_begin(writer);
    list_each(struct report_decider, later, &channel->later)
        put_decider(writer, NULL, later);
    json_array_end(writer);
    json_name(writer, "off_path");
    json_array_begin(writer);
    list_each(struct report_decider, rule, &channel->off_path)
        put_decider(writer, NULL, rule);
    json_array_end(writer);
    json_member_text(writer, "path", channel->path);
    json_object_end(writer);
}

static void put_entry(struct json_writer *writer, const struct report_channel *channel)
{
    const struct entry *entry = &channel->entry;

    json_name(writer, "entry");
    json_object_begin(writer);
    if (entry->name) {
        json_member_text(writer, "name", entry->name);
    } else {
        put_address(writer, "address", entry->address);
        json_member_unsigned(writer, "port", entry->port);
        if (entry->interface)
            json_member_text(writer, "interface", entry->interface);
        if (channel->addresses.count > 1) {
            json_name(writer, "addresses");
            json_array_begin(writer);
            list_each(const struct address, address, &channel->addresses)
                json_put_text(writer, ADDRESS_TEXT(*address));
            json_array_end(writer);
        }
    }
    json_object_end(writer);
}

static void put_channel(struct json_writer *writer, const struct report_channel *channel)
{
    json_object_begin(writer);
    json_member_text(writer, "id", channel->id);
    json_member_text(writer, "key", channel->key);
    json_member_text(writer, "from", channel->from);
    json_member_text(writer, "family", channel->entry.family ? family_name(channel->entry.family) : NULL);
    json_member_text(writer, "protocol",
                     channel->entry.name ? "unix" : protocol_name(channel->entry.protocol));
    put_entry(writer, channel);
    json_member_text(writer, "listener", channel->listener);
    json_member_text(writer, "container", channel->container);
    json_member_text(writer, "workload", channel->workload);
    json_name(writer, "target");
    if (channel->target_namespace == 0) {
        json_put_null(writer);
    } else {
        json_object_begin(writer);
        put_address(writer, "address", channel->target_address);
        json_member_unsigned(writer, "port", channel->target_port);
        json_member_unsigned(writer, "namespace", channel->target_namespace);
        json_object_end(writer);
    }
    put_predicted(writer, channel);
    json_name(writer, "observed");
    put_observed(writer, &channel->observed, channel);
    json_member_text(writer, "state", state_name(channel->state));
    json_member_bool(writer, "conflict", channel->conflict);
    json_member_text(writer, "class", channel_class_name(channel->channel_class));
    json_member_text(writer, "policy", channel->policy);
    put_texts(writer, "via", &channel->via);
    json_object_end(writer);
}

/* ---- paths, quiet, findings, summary ---- */

static void put_path(struct json_writer *writer, const struct report_path *path)
{
    json_object_begin(writer);
    json_member_text(writer, "id", path->id);
    json_name(writer, "steps");
    json_array_begin(writer);
    list_each(struct report_step, step, &path->steps) {
        json_object_begin(writer);
        json_member_text(writer, "hook", step->hook);
        put_namespace(writer, "namespace", step->namespace);
        json_member_text(writer, "interface", step->interface);
        json_member_text(writer, "rule", step->rule);
        json_member_text(writer, "effect", step->effect);
        json_object_end(writer);
    }
    json_array_end(writer);
    json_object_end(writer);
}

static void put_quiet(struct json_writer *writer, const struct report_quiet *quiet)
{
    json_object_begin(writer);
    json_member_text(writer, "listener", quiet->listener);
    json_member_text(writer, "state", state_name(quiet->state));
    put_decider(writer, "decider", &quiet->decider);
    put_texts(writer, "from", &quiet->from);
    json_member_unsigned(writer, "entries", quiet->entries);
    json_object_end(writer);
}

static void put_finding(struct json_writer *writer, const struct report_finding *finding)
{
    json_object_begin(writer);
    json_member_text(writer, "id", finding->id);
    json_member_text(writer, "instance", finding->instance);
    json_member_text(writer, "kind", finding->kind);
    json_member_text(writer, "class", channel_class_name(finding->channel_class));
    json_member_text(writer, "severity", severity_name(finding->severity));
    json_member_text(writer, "container", finding->container);
    json_member_text(writer, "workload", finding->workload);
    json_member_text(writer, "protocol", finding->protocol);
    json_member_unsigned(writer, "port", finding->port);
    put_texts(writer, "families", &finding->families);
    put_texts(writer, "vantages", &finding->vantages);
    put_texts(writer, "channels", &finding->channels);
    json_member_text(writer, "title", finding->title);
    put_texts(writer, "explanation", &finding->explanation);
    put_texts(writer, "fix", &finding->fix);
    put_texts(writer, "excess_sources", &finding->excess_sources);
    json_name(writer, "controls");
    json_array_begin(writer);
    list_each(struct report_control, control, &finding->controls) {
        json_object_begin(writer);
        json_member_text(writer, "benchmark", control->benchmark);
        json_member_text(writer, "version", control->version);
        json_member_text(writer, "id", control->id);
        json_object_end(writer);
    }
    json_array_end(writer);
    json_member_text(writer, "policy", finding->policy);
    json_member_bool(writer, "accepted", finding->accepted);
    json_object_end(writer);
}

static void put_summary(struct json_writer *writer, const struct report *report)
{
    uint64_t states[STATE_UNREACHABLE + 1] = {0}, severities[SEVERITY_CRITICAL + 1] = {0};

    list_each(struct report_channel, channel, &report->channels)
        states[channel->state]++;
    list_each(struct report_quiet, quiet, &report->quiet)
        states[quiet->state] += quiet->entries;
    list_each(struct report_finding, finding, &report->findings)
        if (!finding->accepted)
            severities[finding->severity]++;
    json_name(writer, "summary");
    json_object_begin(writer);
    json_member_unsigned(writer, "containers", report->containers.count);
    json_member_unsigned(writer, "listeners", report->listeners.count);
    json_name(writer, "channels");
    json_object_begin(writer);
    for (int i = 0; i <= STATE_UNREACHABLE; i++)
        json_member_unsigned(writer, state_name((enum state)i), states[i]);
    json_object_end(writer);
    json_name(writer, "findings");
    json_object_begin(writer);
    for (int i = SEVERITY_CRITICAL; i >= SEVERITY_INFO; i--)
        json_member_unsigned(writer, severity_name((enum severity)i), severities[i]);
    json_object_end(writer);
    json_object_end(writer);
}

#define put_list(writer, name, type, list, put)                                                              \
    do {                                                                                                     \
        json_name((writer), (name));                                                                         \
        json_array_begin(writer);                                                                            \
        list_each(type, item_, (list))                                                                       \
            put((writer), item_);                                                                            \
        json_array_end(writer);                                                                              \
    } while (0)

static void put_rule(struct json_writer *writer, const struct report_rule *rule)
{
    report_write_reference(writer, &rule->rule, rule->id);
}

int report_write(const struct report *report, FILE *file, struct error *error)
{
    struct json_writer stream = json_writer(file, true), *writer = &stream;

    json_object_begin(writer);
    json_member_text(writer, "format", "postern-report");
    json_member_unsigned(writer, "version", 1);
    put_scan(writer, &report->scan);
    put_list(writer, "vantages", struct report_vantage, &report->vantages, put_vantage);
    put_list(writer, "namespaces", struct report_namespace, &report->namespaces, put_namespace_record);
    put_list(writer, "containers", struct report_container, &report->containers, put_container);
    put_list(writer, "listeners", struct report_listener, &report->listeners, put_listener);
    put_list(writer, "channels", struct report_channel, &report->channels, put_channel);
    put_list(writer, "rules", struct report_rule, &report->rules, put_rule);
    put_list(writer, "paths", struct report_path, &report->paths, put_path);
    put_list(writer, "quiet", struct report_quiet, &report->quiet, put_quiet);
    put_list(writer, "findings", struct report_finding, &report->findings, put_finding);
    put_list(writer, "warnings", struct report_error, &report->warnings, put_error);
    put_summary(writer, report);
    json_object_end(writer);
    putc('\n', file);
    if (fflush(file) != 0 || ferror(file))
        return error_errno(error, errno ? errno : EIO, "write-failed", "report", "cannot write the report");
    return 0;
}

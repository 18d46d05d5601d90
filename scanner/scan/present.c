/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/scan/present.h"
#include "netns/base/text.h"
#include "reports/model/identity.h"

#include <net/if.h>

static const char *const role_words[] = {"host", "container", "pod", "bare", "outside"};

static const char *seccomp_word(uint8_t mode)
{
    static const char *const words[] = {"none", "strict", "filter"};
    return mode < 3 ? words[mode] : "filter";
}

void present_error(struct report *report, const char *code, const char *subject, const char *message,
                   bool gone)
{
    list_each(struct report_error, known, &report->scan.errors)
        if (text_equal(known->code, code) && text_equal(known->subject, subject ? subject : "")) {
            if (known->gone && !gone) { /* what is still there and was not read outweighs what went */
                known->gone = false;
                known->message = arena_strdup(report->arena, message ? message : "");
            }
            return;
        }
    *list_append(&report->scan.errors) = (struct report_error){
        .code = arena_strdup(report->arena, code),
        .subject = arena_strdup(report->arena, subject ? subject : ""),
        .message = arena_strdup(report->arena, message ? message : ""),
        .gone = gone,
    };
}

/* ---- namespaces ---- */

static void present_link(const struct snapshot *snapshot, const struct namespace *namespace,
                         const struct link *link, struct report *report, struct report_interface *interface)
{
    const struct namespace *peer =
        link->peer_namespace ? snapshot_namespace(snapshot, link->peer_namespace) : NULL;
    const struct link *far = peer && link->peer_index ? namespace_link(peer, link->peer_index) : NULL;
    const struct link *master = link->master ? namespace_link(namespace, link->master) : NULL;

    interface->name = arena_strdup(report->arena, link->name);
    interface->kind =
        arena_strdup(report->arena, link->kind_name ? link->kind_name : link_kind_word(link->kind));
    interface->state = link->flags & IFF_UP ? "up" : "down";
    interface->index = link->index;
    interface->peer_namespace = link->peer_namespace;
    interface->peer_interface = far ? arena_strdup(report->arena, far->name) : NULL;
    interface->master = master ? arena_strdup(report->arena, master->name) : NULL;
    list_each(struct link_address, address, &namespace->addresses)
        if (address->index == link->index)
            *list_append(&interface->addresses) = arena_strdup(report->arena, PREFIX_TEXT(address->prefix));
}

static void present_firewall(const struct namespace *namespace, struct report *report,
                             struct report_namespace *shown)
{
    size_t unknown, rules = ruleset_count(&namespace->ruleset, &unknown);

    if (namespace->ruleset.tables.count > 0)
        *list_append(&shown->firewall_backends) = "nf_tables";
    if (namespace->ruleset.legacy.count > 0)
        *list_append(&shown->firewall_backends) = "legacy";
    list_each(struct legacy_table, table, &namespace->ruleset.legacy)
        if (!table->empty) {
            rules += table->rules;
            unknown += table->rules;
        }
    shown->firewall_rules = (uint32_t)rules;
    shown->firewall_unmodelled = (uint32_t)unknown;
    report->scan.rules_seen += (uint32_t)rules;
    report->scan.rules_modelled += (uint32_t)(rules - unknown);
}

static void present_namespace(const struct snapshot *snapshot, const struct namespace *namespace,
                              struct report *report)
{
    struct report_namespace *shown = list_append(&report->namespaces);

    shown->id = namespace->id;
    shown->cookie = arena_printf(report->arena, "%llu", (unsigned long long)namespace->cookie);
    shown->role = role_words[namespace->role];
    shown->error = arena_strdup(report->arena, namespace->error);
    list_each(struct container, container, &snapshot->containers)
        if (container->namespace == namespace->id && namespace->id != 0)
            *list_append(&shown->containers) = arena_strdup(report->arena, container->name);
    list_each(struct link, link, &namespace->links)
        present_link(snapshot, namespace, link, report, list_append(&shown->interfaces));
    present_firewall(namespace, report, shown);
    list_each(struct fault, fault, &namespace->faults)
        present_error(report, fault->code, fault->subject, fault->message, fault->gone || namespace->gone);
}

/* ---- containers ---- */

static void present_privileges(const struct container *container, struct report *report,
                               struct report_privileges *shown)
{
    shown->known = container->pid != 0 || container->confirmed;
    shown->privileged = container->privileged;
    shown->user = container->user;
    shown->user_namespace = arena_strdup(report->arena, container->user_namespace);
    shown->capabilities = container->capabilities;
    shown->seccomp = seccomp_word(container->seccomp);
    shown->no_new_privileges = container->no_new_privileges;
    shown->engine_socket = container->engine_socket;
    if (container->host_pid)
        *list_append(&shown->host_namespaces) = "pid";
    if (container->host_ipc)
        *list_append(&shown->host_namespaces) = "ipc";
    if (container->host_uts)
        *list_append(&shown->host_namespaces) = "uts";
    if (container->host_network)
        *list_append(&shown->host_namespaces) = "net";
}

static void present_container(const struct snapshot *snapshot, const struct container *container,
                              struct report *report)
{
    struct arena *arena = report->arena;
    struct report_container *shown = list_append(&report->containers);
    const struct namespace *namespace =
        container->namespace ? snapshot_namespace(snapshot, container->namespace) : NULL;

    shown->name = arena_strdup(arena, container->name);
    shown->id = arena_strdup(arena, container->id);
    shown->engine = engine_name(container->engine);
    shown->image = arena_strdup(arena, container->image);
    shown->pod = arena_strdup(arena, container->pod);
    shown->pod_namespace = arena_strdup(arena, container->pod_namespace);
    shown->namespace = container->namespace;
    shown->network = arena_strdup(arena, container->network_mode);
    shown->nested = container->nested;
    shown->confirmed = container->confirmed;
    shown->host_network = container->host_network;
    shown->compose_project = arena_strdup(arena, container->compose_project);
    shown->compose_service = arena_strdup(arena, container->compose_service);
    list_each(struct label, label, &container->labels)
        *list_append(&shown->labels) =
            (struct report_label){arena_strdup(arena, label->key), arena_strdup(arena, label->value)};
    list_each(struct published, published, &container->published)
        *list_append(&shown->published) = (struct report_published){published->address, published->port,
                                                                    published->target, published->protocol};
    for (size_t i = 0; namespace && i < namespace->names.count; i++)
        *list_append(&shown->netns_names) = arena_strdup(arena, namespace->names.items[i]);
    present_privileges(container, report, &shown->privileges);
    shown->workload = workload_of_container(arena, shown, container->generated_name);
}

/* ---- listeners ---- */

/* A process of a user or PID namespace of its own is in a container, whatever its cgroup is called. Not
 * known: no. */
static bool is_in_namespaces_of_host(const struct snapshot *snapshot, const struct process *process)
{
    const struct namespace *host = snapshot_host(snapshot);
    return host && host->user_namespace != 0 && process->user_namespace == host->user_namespace &&
           snapshot->host_pid_namespace != 0 && process->pid_namespace == snapshot->host_pid_namespace;
}

static void present_process(const struct snapshot *snapshot, const struct process *process,
                            struct report *report, struct report_process *shown)
{
    const struct container *container =
        process->container >= 0 && (size_t)process->container < snapshot->containers.count
            ? &snapshot->containers.items[process->container]
            : NULL;

    shown->pid = process->pid;
    shown->uid = process->uid;
    shown->name = arena_strdup(report->arena, process->name);
    shown->executable = arena_strdup(report->arena, process->executable);
    shown->of_host = container == NULL && is_in_namespaces_of_host(snapshot, process);
    shown->executable_on_host = process->executable_on_host && shown->of_host;
    shown->capabilities = process->effective;
    shown->container = container ? arena_strdup(report->arena, container->name) : NULL;
}

/* In a container's namespace it is the container's, whoever holds the socket; on the host its process tells.
 */
static const char *listener_container(const struct snapshot *snapshot, const struct report_listener *listener)
{
    if (listener->namespace == snapshot->host_namespace) {
        list_each(struct report_process, process, &listener->processes)
            if (process->container != NULL)
                return process->container;
        return NULL;
    }
    list_each(struct report_process, process, &listener->processes) {
        const struct container *owner =
            process->container ? snapshot_container(snapshot, process->container) : NULL;
        if (owner && owner->namespace == listener->namespace)
            return process->container;
    }
    const struct container *container = snapshot_namespace_container(snapshot, listener->namespace);
    return container ? container->name : NULL;
}

static const char *listener_workload(const struct report *report, const struct report_listener *listener)
{
    const struct report_container *container =
        listener->container ? report_container(report, listener->container) : NULL;
    if (container)
        return container->workload;
    return workload_of_host(report->arena,
                            listener->processes.count > 0 && listener->processes.items[0].executable_on_host
                                ? listener->processes.items[0].executable
                                : NULL);
}

static void present_listener(const struct snapshot *snapshot, const struct listener_reference *reference,
                             struct report *report)
{
    const struct namespace *namespace = snapshot_namespace(snapshot, reference->namespace);
    const struct socket *socket = &namespace->sockets.items[reference->socket];
    const struct link *link = socket->interface ? namespace_link(namespace, socket->interface) : NULL;
    struct report_listener *shown = list_append(&report->listeners);

    shown->id = arena_printf(report->arena, "l%zu", report->listeners.count);
    shown->namespace = reference->namespace;
    shown->protocol = socket_kind_name(socket->kind);
    shown->address = socket->address;
    shown->port = socket->port;
    shown->ip4 = socket->family == FAMILY_IP4 ||
                 (socket->family == FAMILY_IP6 && !socket->v6only && address_is_any(socket->address));
    shown->ip6 = socket->family == FAMILY_IP6;
    shown->interface = link ? arena_strdup(report->arena, link->name) : NULL;
    shown->name = arena_strdup(report->arena, socket->name);
    shown->ip_protocol = socket->protocol;
    for (size_t i = 0; i < socket->processes.count; i++)
        if (socket->processes.items[i] < snapshot->processes.count)
            present_process(snapshot, &snapshot->processes.items[socket->processes.items[i]], report,
                            list_append(&shown->processes));
    shown->container = arena_strdup(report->arena, listener_container(snapshot, shown));
    shown->workload = listener_workload(report, shown);
}

/* ---- all ---- */

void present_snapshot(const struct snapshot *snapshot, const struct listener_list *listeners,
                      struct report *report)
{
    struct report_scan *scan = &report->scan;

    scan->tool = arena_strdup(report->arena, snapshot->tool);
    scan->host = arena_strdup(report->arena, snapshot->host);
    scan->machine_id = arena_strdup(report->arena, snapshot->machine_id);
    scan->boot_id = arena_strdup(report->arena, snapshot->boot_id);
    scan->kernel = arena_strdup(report->arena, snapshot->kernel);
    scan->started = arena_strdup(report->arena, snapshot->started);
    scan->namespaces_seen = snapshot->namespaces_seen;
    scan->namespaces_entered = snapshot->namespaces_entered;
    list_each(struct fault, fault, &snapshot->errors)
        present_error(report, fault->code, fault->subject, fault->message, fault->gone);
    for (size_t i = 0; i < snapshot->namespaces.count; i++)
        present_namespace(snapshot, snapshot->namespaces.items[i], report);
    list_each(struct container, container, &snapshot->containers)
        present_container(snapshot, container, report);
    list_each(struct listener_reference, reference, listeners)
        present_listener(snapshot, reference, report);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/collect/attach.h"

#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/collect/recognise.h"
#include "netns/read/process.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>

#define SHORT_ID 12

void attachment_free(struct attachment *attachment)
{
    list_free(&attachment->containers);
    list_free(&attachment->networks);
    attachment->by_pid = map_free(attachment->by_pid);
}

const char *attach_owner_name(const struct snapshot *snapshot, uint64_t namespace)
{
    const struct container *container = snapshot_namespace_container(snapshot, namespace);
    return container ? container->name : NULL;
}

/* ---- what the engines know ---- */

/* "/var/run" has been a link to "/run" for long. */
static const char *run_path(const char *path)
{
    return text_starts(path, "/var/run/") ? path + strlen("/var") : path;
}

/* The namespace that is mounted at this path; 0: none that was found. */
static uint64_t namespace_at(const struct found *found, const char *path)
{
    list_each(struct found_place, place, &found->places) {
        list_each(const char *, known, &place->namespace->paths) {
            if (!strcmp(run_path(*known), run_path(path)))
                return place->namespace->id;
        }
    }
    return 0;
}

struct attaching {
    struct snapshot *snapshot;
    const struct found *found;
    struct attachment *attachment;
    struct engine_result result;
    struct engine_process *processes; /* of found.processes, without threads */
    size_t count;
    int32_t *indices; /* of the result's containers in the snapshot, -1: left out */
};

static void processes_prepare(struct attaching *attaching)
{
    const struct found *found = attaching->found;
    attaching->processes = memory_resize(NULL, found->processes.count + 1, sizeof(*attaching->processes));
    list_each(struct found_process, process, &found->processes) {
        if (process->thread)
            continue;
        attaching->processes[attaching->count++] = (struct engine_process){
            .pid = process->pid,
            .directory = process->directory,
            .start = process->start,
            .namespace = found->places.items[process->place].namespace->id,
            .cgroup = process->cgroup ? process->cgroup->path : NULL,
        };
    }
}

static struct container *container_add(struct attaching *attaching, uint32_t agent, uint32_t user_id)
{
    *list_append(&attaching->attachment->containers) = (struct attached){agent, user_id, -1};
    return list_append(&attaching->snapshot->containers);
}

static void containers_move(struct attaching *attaching)
{
    struct engine_result *result = &attaching->result;
    attaching->indices = memory_resize(NULL, result->containers.count + 1, sizeof(*attaching->indices));
    for (size_t i = 0; i < result->containers.count; i++) {
        struct engine_container *from = &result->containers.items[i];
        /* a user's own engine may name any path: only its processes show where its containers are */
        if (!from->data.namespace && from->running && from->namespace_path && !from->user_id)
            from->data.namespace = namespace_at(attaching->found, from->namespace_path);
        attaching->indices[i] = -1;
        if (!from->data.namespace)
            continue;
        attaching->indices[i] = (int32_t)attaching->snapshot->containers.count;
        struct container *to = container_add(attaching, from->agent, from->user_id);
        *to = from->data;
        from->data = (struct container){0}; /* its lists have moved */
        to->host_network = to->namespace == attaching->snapshot->host_namespace;
    }
}

static void processes_index(struct attaching *attaching)
{
    struct attachment *attachment = attaching->attachment;
    for (size_t i = 0; i < attaching->count; i++) {
        const struct engine_process *process = &attaching->processes[i];
        int32_t container = process->container < 0 ? -1 : attaching->indices[process->container];
        int32_t nested = process->nested < 0 ? -1 : attaching->indices[process->nested];
        if (container >= 0)
            map_set_u64(attachment->by_pid, process->pid, (void *)(uintptr_t)(container + 1));
        if (nested >= 0)
            attachment->containers.items[nested].outer = container;
    }
}

static int32_t process_container(const struct attachment *attachment, uint32_t pid)
{
    uintptr_t packed = (uintptr_t)map_get_u64(attachment->by_pid, pid);
    return packed ? (int32_t)(packed - 1) : -1;
}

/* A container within another is named by both: the inner name is the outer's choice. */
static void nested_name(struct attaching *attaching)
{
    for (size_t i = 0; i < attaching->attachment->containers.count; i++) {
        struct container *container = &attaching->snapshot->containers.items[i];
        int32_t outer = attaching->attachment->containers.items[i].outer;
        if (outer < 0 || outer == (int32_t)i)
            continue;
        const char *outer_name = attaching->snapshot->containers.items[outer].name;
        container->name =
            arena_printf(attaching->snapshot->arena, "%s/%.*s", outer_name, SHORT_ID, container->id);
        container->generated_name = true;
    }
}

/* ---- namespaces that no engine owns ---- */

/* What engines call namespaces that outlived their container, and those whose name says nothing. */
static bool name_is_engines(const char *name, const char *path)
{
    return text_match("netns-*-*-*-*-*", name) || text_match("cni-*-*-*-*-*", name) ||
           text_starts(run_path(path), "/run/docker/netns/");
}

/* The first that was seen, 0: there was none. */
static uint32_t first_process(const struct found *found, const struct found_place *place)
{
    return place->processes.count ? found->processes.items[place->processes.items[0]].pid : 0;
}

/* The oldest process of the place; the first that was seen where all are gone. */
static uint32_t oldest_process(const struct found *found, const struct found_place *place)
{
    uint64_t best_start = UINT64_MAX;
    uint32_t best = first_process(found, place);
    if (place->processes.count == 1)
        return best;
    list_each(uint32_t, at, &place->processes) {
        const struct found_process *process = &found->processes.items[*at];
        _cleanup_close_ int opened = -1;
        int directory = found_process_open(found, process, &opened);
        uint64_t start = directory < 0 ? 0 : process_start(directory);
        if (start && start < best_start) {
            best_start = start;
            best = process->pid;
        }
    }
    return best;
}

static void named_container(struct container *container, const struct namespace *namespace,
                            struct arena *arena)
{
    size_t pick = 0;
    for (size_t i = namespace->paths.count; i-- > 0;) {
        if (text_starts(run_path(namespace->paths.items[i]), "/run/netns/"))
            pick = i;
    }
    const char *path = namespace->paths.items[pick];
    container->engine = ENGINE_NETNS;
    container->name = arena_strdup(arena, strrchr(path, '/') + 1);
    container->id = arena_strdup(arena, path);
    container->generated_name = name_is_engines(container->name, path);
    container->confirmed = true;
}

static void bare_container(struct attaching *attaching, const struct found_place *place)
{
    struct arena *arena = attaching->snapshot->arena;
    bool named = place->namespace->paths.count > 0;
    uint32_t pid = named ? first_process(attaching->found, place) : oldest_process(attaching->found, place);
    int32_t outer = pid ? process_container(attaching->attachment, pid) : -1;
    struct container *container = container_add(attaching, 0, 0);
    container->namespace = place->namespace->id;
    container->pid = pid;
    if (named) {
        named_container(container, place->namespace, arena);
        return;
    }
    container->engine = ENGINE_PID;
    container->name = arena_printf(arena, "pid:%u", pid);
    container->id = container->name;
    container->generated_name = container->confirmed = true;
    container->nested = outer >= 0;
    attaching->attachment->containers.items[attaching->attachment->containers.count - 1].outer = outer;
    if (outer >= 0) /* made by what runs in a container */
        container->name =
            arena_printf(arena, "%s/pid:%u", attaching->snapshot->containers.items[outer].name, pid);
}

static void bare_add(struct attaching *attaching)
{
    _cleanup_map_ struct map *owned = map_new();
    list_each(struct container, container, &attaching->snapshot->containers)
        map_set_u64(owned, container->namespace, attaching->snapshot);
    list_each(struct found_place, place, &attaching->found->places) {
        uint64_t id = place->namespace->id;
        if (id != attaching->snapshot->host_namespace && !map_get_u64(owned, id))
            bare_container(attaching, place);
    }
}

/* ---- names ---- */

/* Marks the names that more than one container has, of the confirmed ones or of all; their number. */
static size_t doubles_mark(const struct snapshot *snapshot, bool confirmed, bool *doubled)
{
    _cleanup_map_ struct map *first = map_new();
    size_t count = 0;
    for (size_t i = 0; i < snapshot->containers.count; i++) {
        const char *name = snapshot->containers.items[i].name;
        uintptr_t other = (uintptr_t)map_get(first, name);
        doubled[i] = false;
        if (confirmed && !snapshot->containers.items[i].confirmed)
            continue;
        doubled[i] = other != 0;
        if (!other) {
            map_set(first, name, (void *)(uintptr_t)(i + 1));
            continue;
        }
        doubled[other - 1] = true;
        count++;
    }
    return count;
}

/* ENGINE/NAME where two share a name; where that does not tell them apart, the identifier too. */
static const char *longer_name(struct arena *arena, const struct container *container, unsigned round)
{
    if (round == 0)
        return arena_printf(arena, "%s/%s", engine_name(container->engine), container->name);
    if (round < 3)
        return arena_printf(arena, "%s#%.*s", container->name, round == 1 ? SHORT_ID : INT16_MAX,
                            container->id);
    return arena_printf(arena, "%s#%llu", container->name, (unsigned long long)container->namespace);
}

static void names_lengthen(struct snapshot *snapshot, bool confirmed)
{
    bool *doubled = memory_alloc(snapshot->containers.count + 1);
    for (unsigned round = 0; round < 4 && doubles_mark(snapshot, confirmed, doubled); round++) {
        for (size_t i = 0; i < snapshot->containers.count; i++) {
            struct container *container = &snapshot->containers.items[i];
            if (doubled[i] && container->confirmed == confirmed)
                container->name = longer_name(snapshot->arena, container, round);
        }
    }
    free(doubled);
}

/* What is not confirmed gives way: nobody can change another container's name by taking it. */
static void names_make_unique(struct snapshot *snapshot)
{
    names_lengthen(snapshot, true);
    names_lengthen(snapshot, false);
}

/* ---- roles ---- */

static void roles_set(struct snapshot *snapshot, const struct found *found)
{
    list_each(struct container, container, &snapshot->containers) {
        size_t place = found_place_of(found, container->namespace);
        bool bare = container->engine == ENGINE_NETNS || container->engine == ENGINE_PID;
        if (place == SIZE_MAX || bare || container->namespace == snapshot->host_namespace)
            continue;
        struct namespace *namespace = found->places.items[place].namespace;
        if (container->pod)
        namespace->role = ROLE_POD;
        else if (namespace->role != ROLE_POD) namespace->role = ROLE_CONTAINER;
    }
}

void attach_containers(struct snapshot *snapshot, const struct found *found,
                       const struct engine_context *context, uint64_t deadline_ns,
                       struct attachment *ret_attachment)
{
    *ret_attachment = (struct attachment){.by_pid = map_new()};
    struct attaching attaching = {.snapshot = snapshot, .found = found, .attachment = ret_attachment};
    processes_prepare(&attaching);
    ret_attachment->stuck =
        recognise(context, deadline_ns, engine_read, attaching.processes, attaching.count, &attaching.result);
    containers_move(&attaching);
    processes_index(&attaching);
    nested_name(&attaching);
    bare_add(&attaching);
    names_make_unique(snapshot);
    roles_set(snapshot, found);
    list_each(struct engine_network, network, &attaching.result.networks)
        *list_append(&ret_attachment->networks) = *network;
    engine_result_free(&attaching.result);
    free(attaching.processes);
    free(attaching.indices);
}

/* ---- processes ---- */

static void privileges_take(struct container *container, const struct process *first,
                            const struct process *host)
{
    container->user = first->uid;
    container->capabilities = first->bounding;
    container->seccomp = first->seccomp;
    container->no_new_privileges = first->no_new_privileges;
    if (first->user_namespace && host->user_namespace)
        container->user_namespace = first->user_namespace == host->user_namespace ? "host" : "private";
    if (first->pid_namespace && host->pid_namespace)
        container->host_pid = first->pid_namespace == host->pid_namespace;
    if (first->ipc_namespace && host->ipc_namespace)
        container->host_ipc = first->ipc_namespace == host->ipc_namespace;
    if (first->uts_namespace && host->uts_namespace)
        container->host_uts = first->uts_namespace == host->uts_namespace;
}

void attach_processes(struct snapshot *snapshot, const struct attachment *attachment,
                      const struct process *host)
{
    _cleanup_map_ struct map *by_pid = map_new();
    for (size_t i = 0; i < snapshot->processes.count; i++) {
        struct process *process = &snapshot->processes.items[i];
        process->container = process_container(attachment, process->pid);
        map_set_u64(by_pid, process->pid, (void *)(uintptr_t)(i + 1));
    }
    list_each(struct container, container, &snapshot->containers) {
        uintptr_t first = container->pid ? (uintptr_t)map_get_u64(by_pid, container->pid) : 0;
        if (first)
            privileges_take(container, &snapshot->processes.items[first - 1], host);
    }
}

/* ---- the far ends of uplinks ---- */

static bool has_default_route(const struct namespace *host, uint32_t index)
{
    list_each(struct route, route, &host->routes) {
        if (route->type != RTN_UNICAST || route->destination.length != 0)
            continue;
        list_each(struct next_hop, hop, &route->next_hops) {
            if (hop->index == index)
                return true;
        }
    }
    return false;
}

static bool is_named(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(name, names[i]))
            return true;
    }
    return false;
}

void attach_outside(struct snapshot *snapshot, const struct found *found, const char *const *uplinks,
                    size_t count)
{
    const struct namespace *host = snapshot_host(snapshot);
    list_each(struct link, link, &host->links) {
        size_t place = link->peer_namespace ? found_place_of(found, link->peer_namespace) : SIZE_MAX;
        if (link->kind != LINK_VETH || place == SIZE_MAX)
            continue;
        struct namespace *far = found->places.items[place].namespace;
        bool named = is_named(link->name, uplinks, count);
        bool uplink = named || (!count && !link->master && has_default_route(host, link->index));
        if (uplink && far != host && (named || far->role == ROLE_BARE))
            far->role = ROLE_OUTSIDE;
    }
}

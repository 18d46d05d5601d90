/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Podman: containers.json and each container's config.json in its storage. Published ports, labels and
 * networks stand in its database alone; conmon holds the published ports while a container runs, and its
 * interfaces tell the networks.
 */
#include "netns/engine/podman.h"

#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/engine/oci.h"

#include <fcntl.h>

#define DEFAULT_ROOT        "/var/lib/containers/storage"
#define DEFAULT_RUNROOT     "/run/containers/storage"
#define STORAGE_CONF        "/etc/containers/storage.conf"
#define STORAGE_CONF_VENDOR "/usr/share/containers/storage.conf"
#define DEFAULT_NETWORK     "podman"
#define DEFAULT_BRIDGE      "podman0"
#define SHORT_ID            12

static bool podman_recognise(const struct cgroup_part *part, struct engine_scope *ret_scope)
{
    ret_scope->id_length = CONTAINER_ID_MAX;
    /* the last where it runs in a unit of its own: --cgroups=split, as Quadlet starts it */
    return part_is_id(part, "libpod-", ".scope", &ret_scope->id) ||
           part_is_id(part, "libpod-", "", &ret_scope->id) ||
           part_is_id(part, "libpod-payload-", "", &ret_scope->id);
}

/* ---- one container ---- */

void podman_storage_apply(struct engine_container *container, struct arena *arena, const cJSON *item)
{
    const cJSON *names = json_member(item, "names");
    const cJSON *name = cJSON_IsArray(names) ? cJSON_GetArrayItem(names, 0) : NULL;
    const char *metadata = json_text(item, "metadata");
    _cleanup_json_ cJSON *inner = metadata ? json_parse(metadata, strlen(metadata), "metadata", NULL) : NULL;
    struct container *data = &container->data;
    data->name = state_text(arena, cJSON_IsString(name) ? name->valuestring : NULL);
    if (inner) {
        data->image = state_text(arena, json_text(inner, "image-name"));
        if (!data->name)
            data->name = state_text(arena, json_text(inner, "name"));
    }
    if (!data->name) {
        data->name = arena_strndup(arena, data->id, SHORT_ID);
        data->generated_name = true;
        return;
    }
    /* a pod's own container is "<pod's id, short>-infra" */
    data->infrastructure =
        strlen(data->name) == SHORT_ID + strlen("-infra") && text_ends(data->name, "-infra");
    data->generated_name = data->infrastructure || name_is_generated(data->name);
}

/* "/run/netns/..." is the engine's own, "/proc/PID/ns/net" another container's. */
static const char *network_mode(const struct engine_container *container)
{
    if (container->data.host_network)
        return "host";
    if (!container->namespace_path)
        return "none";
    return text_starts(container->namespace_path, "/proc/") ? "container" : "bridge";
}

void podman_config_apply(struct engine_container *container, struct arena *arena, const cJSON *config)
{
    struct container *data = &container->data;
    const char *privileged = oci_annotation(config, "io.podman.annotations.privileged");
    oci_apply(container, arena, config);
    data->network_mode = network_mode(container);
    if (text_starts(data->network_mode, "container")) /* that process is gone with its container */
        container->namespace_path = NULL;
    data->privileged = privileged && !strcmp(privileged, "TRUE");
    if (data->infrastructure) /* the pod's name is its host name, unless somebody gave another */
        data->pod = state_text(arena, json_text(config, "hostname"));
}

/* ---- a storage root ---- */

struct walk {
    struct engine_state *state;
    uint32_t user_id;
    int containers; /* DRIVER-containers */
};

static void config_read(struct walk *walk, struct engine_container *container)
{
    struct error error = ERROR_NONE;
    char path[CONTAINER_ID_MAX + 32];
    snprintf(path, sizeof(path), "%s/userdata/config.json", container->data.id);
    _cleanup_json_ cJSON *config =
        state_json(walk->containers, path, state_owner(walk->state, walk->user_id), &error);
    if (config)
        podman_config_apply(container, walk->state->arena, config);
    else
        state_fault(walk->state, ENGINE_PODMAN, &error);
}

static void item_read(struct walk *walk, const cJSON *item)
{
    struct engine_state *state = walk->state;
    const char *id = json_text(item, "id");
    if (!id || strlen(id) != CONTAINER_ID_MAX || strchr(id, '/'))
        return;
    /* of a stopped one there is nothing to tell: whether it runs is known by its processes alone */
    if (!state_seen(state, ENGINE_PODMAN, id, walk->user_id) ||
        state_container(state, ENGINE_PODMAN, id, walk->user_id))
        return;
    struct engine_container *container = state_container_add(state, ENGINE_PODMAN, id, walk->user_id);
    podman_storage_apply(container, state->arena, item);
    container->described = true;
    container->agent = conmon_of(state, id, walk->user_id);
    container->pid = walk->user_id ? 0 : conmon_first_process(state, id);
    config_read(walk, container);
}

static void list_read(struct walk *walk, const char *name)
{
    struct error error = ERROR_NONE;
    _cleanup_json_ cJSON *list =
        state_json(walk->containers, name, state_owner(walk->state, walk->user_id), &error);
    if (!list)
        state_fault(walk->state, ENGINE_PODMAN, &error);
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        item_read(walk, item);
    }
}

static void driver_read(void *context, int containers)
{
    struct walk *walk = context;
    walk->containers = containers;
    list_read(walk, "containers.json");
    list_read(walk, "volatile-containers.json"); /* those of --rm */
}

static void roots_read(struct engine_state *state, struct candidates *candidates, uint32_t user_id)
{
    struct walk walk = {.state = state, .user_id = user_id};
    list_each(const char *, path, &candidates->paths) {
        struct error error = ERROR_NONE;
        _cleanup_close_ int root = state_root(state, *path, user_id, &error);
        if (root < 0)
            state_fault(state, ENGINE_PODMAN, &error);
        else
            storage_each(state, ENGINE_PODMAN, root, driver_read, &walk);
    }
    list_free(&candidates->paths);
}

/* ---- networks ---- */

void podman_network_parse(const cJSON *network, struct arena *arena, const char **ret_name,
                          const char **ret_interface)
{
    const char *interface = json_text(network, "network_interface");
    const cJSON *plugin;
    cJSON_ArrayForEach(plugin, json_member(network, "plugins"))
    {
        const char *type = json_text(plugin, "type");
        if (type && !strcmp(type, "bridge") && !interface)
            interface = json_text(plugin, "bridge");
    }
    *ret_name = state_text(arena, json_text(network, "name"));
    *ret_interface = state_text(arena, interface);
}

static void network_read(void *context, int directory, const char *name)
{
    struct walk *walk = context;
    struct error error = ERROR_NONE;
    const char *network_name, *interface;
    if (!text_ends(name, ".json") && !text_ends(name, ".conflist"))
        return;
    _cleanup_json_ cJSON *json = state_json(directory, name, state_owner(walk->state, walk->user_id), &error);
    if (!json) {
        state_fault(walk->state, ENGINE_PODMAN, &error);
        return;
    }
    podman_network_parse(json, walk->state->arena, &network_name, &interface);
    if (network_name && interface)
        state_network_add(walk->state, ENGINE_PODMAN, network_name, interface);
}

/* root: of --engine-root, whose networks stand beneath it; NULL: none. */
static void networks_read(struct engine_state *state, const char *root)
{
    const char *const directories[] = {"/etc/containers/networks", "/etc/cni/net.d",
                                       root ? arena_printf(state->arena, "%s/networks", root) : NULL};
    struct walk walk = {.state = state};
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]) && directories[i]; i++) {
        struct error error = ERROR_NONE;
        _cleanup_close_ int directory = state_directory(state, directories[i], &error);
        if (directory >= 0)
            directory_each(directory, network_read, &walk, &error);
        if (error_is_set(&error))
            state_fault(state, ENGINE_PODMAN, &error);
    }
    state_network_add(state, ENGINE_PODMAN, DEFAULT_NETWORK,
                      DEFAULT_BRIDGE); /* no file until somebody changes it */
}

/* ---- where the roots are ---- */

static void configured_roots(struct engine_state *state, struct candidates *candidates)
{
    static const char *const files[] = {STORAGE_CONF, STORAGE_CONF_VENDOR};
    static const char *const keys[] = {"graphroot", "runroot"};
    for (size_t f = 0; f < 2; f++) {
        struct error error = ERROR_NONE;
        _cleanup_free_ char *text = NULL;
        size_t length;
        if (state_file(state, files[f], &text, &length, &error) < 0) {
            state_fault(state, ENGINE_PODMAN, &error);
            continue;
        }
        for (size_t k = 0; k < 2; k++)
            candidate_add(candidates, state->arena, storage_value(state->arena, text, length, keys[k]));
    }
}

static void user_read(struct engine_state *state, uint32_t user_id)
{
    struct candidates candidates = {0};
    if (state_complete(state, ENGINE_PODMAN, user_id))
        return; /* of a Podman without a process there is nothing to be read */
    conmon_candidates(state, user_id, &candidates);
    if (user_id) {
        candidate_add(&candidates, state->arena,
                      state_home(state, user_id, ".local/share/containers/storage"));
        candidate_add(&candidates, state->arena,
                      arena_printf(state->arena, "/run/user/%u/containers", user_id));
    } else {
        configured_roots(state, &candidates);
        candidate_add(&candidates, state->arena, DEFAULT_ROOT);
        candidate_add(&candidates, state->arena, DEFAULT_RUNROOT);
        networks_read(state, NULL);
    }
    roots_read(state, &candidates, user_id);
}

static void podman_read(struct engine_state *state)
{
    struct candidates candidates = {0};
    candidate_add(&candidates, state->arena, state_override(state, ENGINE_PODMAN));
    if (candidates.paths.count) {
        networks_read(state, candidates.paths.items[0]);
        roots_read(state, &candidates, 0);
        return;
    }
    struct user_list users = state_users(state, ENGINE_PODMAN);
    list_each(uint32_t, user, &users.ids)
        user_read(state, *user);
    list_free(&users.ids);
}

const struct engine engine_podman = {ENGINE_PODMAN, podman_recognise, podman_read};

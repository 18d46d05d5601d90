/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Docker Engine: containers/ID/{config.v2.json,hostconfig.json} beneath its data root. Custom bridge names
 * stand in a database that this does not read; the bridge of a container's veth tells them while it runs.
 */
#include "netns/engine/docker.h"

#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/engine/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#define DEFAULT_ROOT  "/var/lib/docker"
#define SNAP_ROOT     "/var/snap/docker/common/var-lib-docker"
#define DEFAULT_FILE  "/etc/docker/daemon.json"
#define BRIDGE_PREFIX "br-"
#define NETWORK_ID    12

static bool docker_recognise(const struct cgroup_part *part, struct engine_scope *ret_scope)
{
    ret_scope->id_length = CONTAINER_ID_MAX;
    if (part_is_id(part, "docker-", ".scope", &ret_scope->id))
        return true;
    return part_is(part->previous, part->previous_length, "docker") &&
           part_is_id(part, "", "", &ret_scope->id);
}

/* ---- one container ---- */

void docker_port_apply(struct container *container, const char *name, const cJSON *bindings)
{
    const char *slash = strchr(name, '/');
    uint64_t target, port;
    if (!slash)
        return;
    _cleanup_free_ char *number = memory_strndup(name, (size_t)(slash - name));
    uint8_t protocol = state_protocol(slash + 1, strlen(slash + 1));
    if (!protocol || !text_number(number, 1, UINT16_MAX, &target))
        return;
    const cJSON *binding;
    cJSON_ArrayForEach(binding, bindings)
    {
        const char *text = json_text(binding, "HostPort"), *ip = json_text(binding, "HostIp");
        struct address address = {0};
        if (!text || !text_number(text, 1, UINT16_MAX, &port))
            continue;
        if (ip && *ip && address_parse(ip, &address, NULL) < 0)
            continue;
        container_publish(container, address, (uint16_t)port, (uint16_t)target, protocol);
    }
}

static void address_add(struct container_network *network, const char *text)
{
    struct address address;
    if (text && *text && address_parse(text, &address, NULL) >= 0)
        *list_append(&network->addresses) = address;
}

/* Docker names a bridge after its network's identifier, where the network does not say otherwise. */
static const char *bridge_name(struct arena *arena, const char *network, const char *id)
{
    if (!strcmp(network, "bridge"))
        return "docker0";
    if (!id || strlen(id) < NETWORK_ID || !strcmp(network, "host") || !strcmp(network, "none"))
        return NULL;
    return arena_printf(arena, BRIDGE_PREFIX "%.*s", NETWORK_ID, id);
}

static void networks_apply(struct engine_state *state, struct container *container, const cJSON *networks)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, networks)
    {
        if (!item->string || !*item->string || !strcmp(item->string, "host") || !strcmp(item->string, "none"))
            continue;
        struct container_network *network = list_append(&container->networks);
        network->name = state_text(state->arena, item->string);
        network->interface = bridge_name(state->arena, network->name, json_text(item, "NetworkID"));
        address_add(network, json_text(item, "IPAddress"));
        address_add(network, json_text(item, "GlobalIPv6Address"));
        state_network_add(state, ENGINE_DOCKER, network->name, network->interface);
    }
}

static void ports_apply(struct container *container, const cJSON *ports)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, ports)
    {
        if (item->string)
            docker_port_apply(container, item->string, item);
    }
}

static void settings_apply(struct engine_state *state, struct engine_container *container,
                           const cJSON *settings)
{
    ports_apply(&container->data, json_member(settings, "Ports"));
    networks_apply(state, &container->data, json_member(settings, "Networks"));
    container->namespace_path = state_text(state->arena, json_text(settings, "SandboxKey"));
}

static void mounts_apply(struct container *container, const cJSON *mounts)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, mounts)
    {
        const char *source = json_text(item, "Source");
        if (source && path_is_engine_socket(source))
            container->engine_socket = true;
    }
}

static bool word_is(const cJSON *object, const char *member, const char *word)
{
    const char *text = object ? json_text(object, member) : NULL;
    return text && !strcmp(text, word);
}

static void host_config_apply(struct container *container, struct arena *arena, const cJSON *host_config)
{
    if (!host_config)
        return;
    const char *mode = json_text(host_config, "NetworkMode");
    /* before version 1.40 of its API the default network was called so */
    container->network_mode = mode && !strcmp(mode, "default") ? "bridge" : state_text(arena, mode);
    container->host_network = word_is(host_config, "NetworkMode", "host");
    container->privileged = json_bool(host_config, "Privileged");
    container->host_pid = word_is(host_config, "PidMode", "host");
    container->host_ipc = word_is(host_config, "IpcMode", "host");
    container->host_uts = word_is(host_config, "UTSMode", "host");
}

int docker_container_apply(struct engine_state *state, struct engine_container *container,
                           const cJSON *config, const cJSON *host_config, struct error *error)
{
    struct container *data = &container->data;
    const char *id = json_text(config, "ID"), *name = json_text(config, "Name");
    if (!id || strcmp(id, data->id) != 0 || !name)
        return error_set(error, EINVAL, "engine-unreadable", data->id, "not this container's configuration");
    const cJSON *part = json_member(config, "Config"), *process = json_member(config, "State");
    data->name = state_text(state->arena, *name == '/' ? name + 1 : name);
    data->generated_name = data->name && name_is_generated(data->name);
    container->described = true;
    if (part) {
        data->image = state_text(state->arena, json_text(part, "Image"));
        container_labels(data, state->arena, json_member(part, "Labels"));
    }
    uint64_t pid = 0;
    if (process) {
        container->running = json_bool(process, "Running");
        if (json_unsigned(process, "Pid", UINT32_MAX, &pid))
            container->pid = (uint32_t)pid;
    }
    if (json_member(config, "NetworkSettings"))
        settings_apply(state, container, json_member(config, "NetworkSettings"));
    mounts_apply(data, json_member(config, "MountPoints"));
    host_config_apply(data, state->arena, host_config);
    return 0;
}

/* ---- a data root ---- */

struct root {
    struct engine_state *state;
    uint32_t user_id;
    bool doubtful; /* found by a container's word that may be its own: what it says confirms nothing */
};

/* Reads containers/ID; one that is not running and that no process was seen of is left out. */
static void container_read(void *context, int directory, const char *id)
{
    struct root *root = context;
    struct engine_state *state = root->state;
    struct error error = ERROR_NONE;
    if (strlen(id) != CONTAINER_ID_MAX || state_container(state, ENGINE_DOCKER, id, root->user_id))
        return;
    /* a user may have any number of them here; without a process none is believed to run */
    if (root->user_id && !state_seen(state, ENGINE_DOCKER, id, root->user_id))
        return;
    char path[CONTAINER_ID_MAX + 32];
    uid_t owner = state_owner(state, root->user_id);
    snprintf(path, sizeof(path), "%s/config.v2.json", id);
    _cleanup_json_ cJSON *config = state_json(directory, path, owner, &error);
    if (!config) {
        state_fault(state, ENGINE_DOCKER, &error);
        return;
    }
    const cJSON *process = json_member(config, "State");
    if (!state_seen(state, ENGINE_DOCKER, id, root->user_id) && !(process && json_bool(process, "Running")))
        return;
    snprintf(path, sizeof(path), "%s/hostconfig.json", id);
    _cleanup_json_ cJSON *host_config = state_json(directory, path, owner, &error);
    struct engine_container *container = state_container_add(state, ENGINE_DOCKER, id, root->user_id);
    container->doubtful = root->doubtful;
    if (docker_container_apply(state, container, config, host_config, &error) < 0)
        state->result->containers.count--;
    if (error_is_set(&error))
        state_fault(state, ENGINE_DOCKER, &error);
}

static void containers_read(struct root *root, int directory)
{
    struct error error = ERROR_NONE;
    _cleanup_close_ int containers = file_open_directory_untrusted(directory, "containers", &error);
    if (containers >= 0)
        directory_each(containers, container_read, root, &error);
    if (error_is_set(&error))
        state_fault(root->state, ENGINE_DOCKER, &error);
}

/* With user namespaces remapped the root has one of its own for each mapping: "231072.231072". */
static void remapped_read(void *context, int directory, const char *name)
{
    size_t digits = strspn(name, "0123456789");
    if (!digits || name[digits] != '.' ||
        strspn(name + digits + 1, "0123456789") != strlen(name + digits + 1))
        return;
    _cleanup_close_ int inner = file_open_directory_untrusted(directory, name, NULL);
    if (inner >= 0)
        containers_read(context, inner);
}

static void roots_read(struct engine_state *state, struct candidates *candidates, uint32_t user_id)
{
    struct root root = {state, user_id, false};
    list_each(const char *, path, &candidates->paths) {
        struct error error = ERROR_NONE;
        _cleanup_close_ int directory = state_root(state, *path, user_id, &error);
        if (directory < 0) {
            state_fault(state, ENGINE_DOCKER, &error);
            continue;
        }
        containers_read(&root, directory);
        if (!user_id) /* a user's own daemon remaps nothing */
            directory_each(directory, remapped_read, &root, NULL);
    }
    list_free(&candidates->paths);
}

/* ---- where the data roots are ---- */

static const char *configured_root(struct engine_state *state, const char *path)
{
    struct error error = ERROR_NONE;
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ cJSON *json = NULL;
    size_t length = 0;
    if (state_file(state, path, &text, &length, &error) >= 0)
        json = json_parse(text, length, path, &error);
    if (!json) {
        state_fault(state, ENGINE_DOCKER, &error);
        return NULL;
    }
    const char *root = json_text(json, "data-root");
    return state_text(state->arena, root ? root : json_text(json, "graph"));
}

static void daemon_candidates(struct engine_state *state, uint32_t user_id, struct candidates *candidates)
{
    list_each(struct engine_daemon, daemon, &state->daemons) {
        if (strcmp(daemon->name, "dockerd") != 0 || daemon->user_id != user_id)
            continue;
        const char *file = daemon_argument(daemon, "--config-file", NULL);
        candidate_add(candidates, state->arena, daemon_argument(daemon, "--data-root", "-g"));
        candidate_add(candidates, state->arena, daemon_argument(daemon, "--graph", NULL));
        if (file && *file == '/' && !user_id)
            candidate_add(candidates, state->arena, configured_root(state, file));
    }
}

/* The data root that the process's own mounts name. NULL: none. */
static const char *mounted_root(struct engine_state *state, const struct engine_seen *seen)
{
    size_t length, host_length = 0;
    _cleanup_free_ char *text = state_process_file(state, seen->pid, seen->directory, seen->start,
                                                   "mountinfo", STATE_FILE_MAX, &length);
    if (!text)
        return NULL;
    const char *root = mount_upper_root(state->arena, text, length, "/overlay2/");
    _cleanup_free_ char *host =
        root ? NULL : state_process_file(state, 1, -1, 0, "mountinfo", STATE_FILE_MAX, &host_length);
    if (host)
        root = mount_source_root(state->arena, text, length, "/etc/resolv.conf", "/containers/", host,
                                 host_length);
    return root;
}

/* Could the process have mounted something itself? True where that is not known. */
static bool may_mount(const struct engine_state *state, const struct engine_seen *seen)
{
    size_t length;
    _cleanup_free_ char *text =
        state_process_file(state, seen->pid, seen->directory, seen->start, "status", STATE_FILE_MAX, &length);
    const char *line = text ? strstr(text, "\nCapBnd:") : NULL;
    unsigned long long bounding;
    if (!line || sscanf(line, "\nCapBnd: %llx", &bounding) != 1)
        return true;
    return bounding >> CAP_SYS_ADMIN & 1;
}

/*
 * The container's state in the data root that its own mounts name; only of one that no better place knows. It
 * tells of this container alone: what may mount can name a root of its own making.
 */
static void mounted_read(struct engine_state *state, const struct engine_seen *seen)
{
    struct error error = ERROR_NONE;
    const char *path = mounted_root(state, seen);
    if (!path || *path != '/')
        return;
    struct root root = {state, seen->user_id, may_mount(state, seen)};
    _cleanup_close_ int directory = state_root(state, path, seen->user_id, &error);
    _cleanup_close_ int containers =
        directory < 0 ? -1 : file_open_directory_untrusted(directory, "containers", &error);
    if (containers < 0)
        state_fault(state, ENGINE_DOCKER, &error);
    else if (faccessat(containers, seen->id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        container_read(&root, containers, seen->id);
}

static void mounts_read(struct engine_state *state, uint32_t user_id)
{
    list_each(struct engine_seen, seen, &state->seen) {
        if (seen->engine == ENGINE_DOCKER && seen->user_id == user_id &&
            !state_container(state, ENGINE_DOCKER, seen->id, user_id))
            mounted_read(state, seen);
    }
}

static void user_read(struct engine_state *state, uint32_t user_id)
{
    struct candidates candidates = {0};
    daemon_candidates(state, user_id, &candidates);
    if (user_id) {
        candidate_add(&candidates, state->arena, state_home(state, user_id, ".local/share/docker"));
    } else {
        candidate_add(&candidates, state->arena, configured_root(state, DEFAULT_FILE));
        candidate_add(&candidates, state->arena, DEFAULT_ROOT);
        candidate_add(&candidates, state->arena, SNAP_ROOT);
    }
    roots_read(state, &candidates, user_id);
    if (state_complete(state, ENGINE_DOCKER, user_id))
        return;
    mounts_read(state, user_id);
}

static void docker_read(struct engine_state *state)
{
    struct candidates candidates = {0};
    candidate_add(&candidates, state->arena, state_override(state, ENGINE_DOCKER));
    if (candidates.paths.count) {
        roots_read(state, &candidates, 0);
        return;
    }
    struct user_list users = state_users(state, ENGINE_DOCKER);
    list_each(uint32_t, user, &users.ids)
        user_read(state, *user);
    list_free(&users.ids);
}

const struct engine engine_docker = {ENGINE_DOCKER, docker_recognise, docker_read};

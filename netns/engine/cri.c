/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * containerd, with Kubernetes' CRI on top or without:
 * STATE/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json of each running task. The namespace "moby" is
 * Docker's, which tells more about its own.
 */
#include "netns/engine/cri.h"

#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/engine/oci.h"

#include <fcntl.h>

#define TASKS          "io.containerd.runtime.v2.task"
#define DEFAULT_CONFIG "/etc/containerd/config.toml"
#define PREFIX         "io.kubernetes.cri."

static bool containerd_recognise(const struct cgroup_part *part, struct engine_scope *ret_scope)
{
    ret_scope->id_length = CONTAINER_ID_MAX;
    if (part_is_id(part, "cri-containerd-", ".scope", &ret_scope->id) ||
        part_is_id(part, "nerdctl-", ".scope", &ret_scope->id))
        return true;
    /* systemd's form taken for a path, by a runtime that was not told of systemd: "SLICE:cri-containerd:ID"
     */
    static const char marker[] = ".slice:cri-containerd:";
    const char *at = memmem(part->text, part->length, marker, sizeof(marker) - 1);
    if (!at)
        return false;
    struct cgroup_part id = {.text = at + sizeof(marker) - 1};
    id.length = part->length - (size_t)(id.text - part->text);
    return part_is_id(&id, "", "", &ret_scope->id);
}

static void nerdctl_apply(struct container *container, struct arena *arena, const cJSON *config)
{
    const char *name = oci_annotation(config, "nerdctl/name");
    if (!name)
        return;
    container->name = state_text(arena, name);
    container_mappings_apply(container, oci_annotation(config, "nerdctl/ports"));
}

void containerd_config_apply(struct engine_container *container, struct arena *arena, const cJSON *config)
{
    struct container *data = &container->data;
    const char *type = oci_annotation(config, PREFIX "container-type");
    bool sandbox = type && !strcmp(type, "sandbox");
    oci_apply(container, arena, config);
    data->name = data->id;
    data->generated_name = strlen(data->id) == CONTAINER_ID_MAX;
    data->image = state_text(arena, oci_annotation(config, PREFIX "image-name"));
    if (sandbox && !data->image)
        data->image = state_text(arena, oci_annotation(config, PREFIX "podsandbox.image-name"));
    data->network_mode = data->host_network ? "host" : NULL;
    nerdctl_apply(data, arena, config);
    container_pod_apply(data, arena, oci_annotation(config, PREFIX "sandbox-namespace"),
                        oci_annotation(config, PREFIX "sandbox-name"),
                        oci_annotation(config, PREFIX "container-name"), sandbox);
}

/* ---- the state directory ---- */

/* The runtime noted it beside the task's configuration. */
static uint32_t first_process(const struct engine_state *state, int directory, const char *id)
{
    _cleanup_free_ char *path = memory_printf("%s/init.pid", id);
    return state_pid_file(state, directory, path);
}

static void task_read(void *context, int directory, const char *id)
{
    struct engine_state *state = context;
    struct error error = ERROR_NONE;
    if (state_container(state, ENGINE_CONTAINERD, id, 0))
        return;
    _cleanup_buffer_ struct buffer path = BUFFER(4096);
    buffer_printf(&path, "%s/config.json", id);
    _cleanup_json_ cJSON *config = state_json(directory, path.data, state->context->owner, &error);
    if (!config) {
        state_fault(state, ENGINE_CONTAINERD, &error);
        return;
    }
    struct engine_container *container = state_container_add(state, ENGINE_CONTAINERD, id, 0);
    containerd_config_apply(container, state->arena, config);
    container->described = container->running = true;
    container->pid = first_process(state, directory, id);
}

static void namespace_read(void *context, int directory, const char *name)
{
    struct engine_state *state = context;
    struct error error = ERROR_NONE;
    if (!strcmp(name, "moby"))
        return;
    _cleanup_close_ int tasks = file_open_directory_untrusted(directory, name, &error);
    if (tasks >= 0)
        directory_each(tasks, task_read, state, &error);
    if (error_is_set(&error))
        state_fault(state, ENGINE_CONTAINERD, &error);
}

static void roots_read(struct engine_state *state, struct candidates *candidates)
{
    list_each(const char *, path, &candidates->paths) {
        struct error error = ERROR_NONE;
        _cleanup_free_ char *tasks = memory_printf("%s/" TASKS, *path);
        _cleanup_close_ int directory = state_directory(state, tasks, &error);
        if (directory >= 0)
            directory_each(directory, namespace_read, state, &error);
        if (error_is_set(&error))
            state_fault(state, ENGINE_CONTAINERD, &error);
    }
    list_free(&candidates->paths);
}

/* `state = "/run/containerd"` of config.toml, at its top level. */
static const char *configured_state(struct engine_state *state, const char *path)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    if (state_file(state, path, &text, &length, NULL) < 0)
        return NULL;
    _cleanup_free_ char *table = memory_printf("[storage]\n%s", text);
    return storage_value(state->arena, table, strlen(table), "state");
}

static void daemon_candidates(struct engine_state *state, struct candidates *candidates)
{
    list_each(struct engine_daemon, daemon, &state->daemons) {
        if (strcmp(daemon->name, "containerd") != 0 || daemon->user_id != 0)
            continue;
        const char *file = daemon_argument(daemon, "--config", "-c");
        candidate_add(candidates, state->arena, daemon_argument(daemon, "--state", NULL));
        if (file && *file == '/')
            candidate_add(candidates, state->arena, configured_state(state, file));
    }
}

static void containerd_read(struct engine_state *state)
{
    static const char *const defaults[] = {"/run/containerd", "/run/k3s/containerd",
                                           "/var/snap/microk8s/common/run/containerd"};
    struct candidates candidates = {0};
    candidate_add(&candidates, state->arena, state_override(state, ENGINE_CONTAINERD));
    if (!candidates.paths.count) {
        daemon_candidates(state, &candidates);
        candidate_add(&candidates, state->arena, configured_state(state, DEFAULT_CONFIG));
        for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
            candidate_add(&candidates, state->arena, defaults[i]);
    }
    roots_read(state, &candidates);
}

const struct engine engine_containerd = {ENGINE_CONTAINERD, containerd_recognise, containerd_read};

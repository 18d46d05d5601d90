/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CRI-O: the config.json of each container in the run root of its storage, with the names of Kubernetes as
 * annotations.
 */
#include "netns/engine/cri.h"

#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/engine/oci.h"

#include <fcntl.h>

#define STORAGE_CONF    "/etc/containers/storage.conf"
#define DEFAULT_RUNROOT "/run/containers/storage"
#define DEFAULT_ROOT    "/var/lib/containers/storage"
#define PREFIX          "io.kubernetes.cri-o."

static bool crio_recognise(const struct cgroup_part *part, struct engine_scope *ret_scope)
{
    ret_scope->id_length = CONTAINER_ID_MAX;
    return part_is_id(part, "crio-", ".scope", &ret_scope->id) ||
           part_is_id(part, "crio-", "", &ret_scope->id);
}

static void labels_apply(struct container *container, struct arena *arena, const char *text)
{
    _cleanup_json_ cJSON *labels = text ? json_parse(text, strlen(text), "labels", NULL) : NULL;
    if (labels)
        container_labels(container, arena, labels);
}

void crio_config_apply(struct engine_container *container, struct arena *arena, const cJSON *config)
{
    struct container *data = &container->data;
    const char *type = oci_annotation(config, PREFIX "ContainerType");
    const char *privileged = oci_annotation(config, PREFIX "PrivilegedRuntime");
    bool sandbox = type && !strcmp(type, "sandbox");
    oci_apply(container, arena, config);
    data->name = state_text(arena, oci_annotation(config, PREFIX "Name"));
    if (!data->name)
        data->name = data->id;
    data->generated_name = data->name == data->id;
    data->image = state_text(arena, oci_annotation(config, PREFIX "ImageName"));
    data->privileged = privileged && !strcmp(privileged, "true");
    data->network_mode = data->host_network ? "host" : NULL;
    labels_apply(data, arena, oci_annotation(config, PREFIX "Labels"));
    container_mappings_apply(data, oci_annotation(config, PREFIX "PortMappings"));
    const char *name = oci_annotation(config, "io.kubernetes.container.name");
    if (!name)
        name = container_label(data, "io.kubernetes.container.name");
    container_pod_apply(data, arena, oci_annotation(config, "io.kubernetes.pod.namespace"),
                        oci_annotation(config, "io.kubernetes.pod.name"), name, sandbox);
}

static void container_read(struct engine_state *state, int containers, const char *id)
{
    struct error error = ERROR_NONE;
    char path[CONTAINER_ID_MAX + 32];
    snprintf(path, sizeof(path), "%s/userdata/config.json", id);
    _cleanup_json_ cJSON *config = state_json(containers, path, state->context->owner, &error);
    if (!config) {
        state_fault(state, ENGINE_CRIO, &error);
        return;
    }
    struct engine_container *container = state_container_add(state, ENGINE_CRIO, id, 0);
    crio_config_apply(container, state->arena, config);
    container->agent = conmon_of(state, id, 0);
    container->pid = conmon_first_process(state, id);
    container->described = true;
}

static void driver_read(void *context, int containers)
{
    struct engine_state *state = context;
    list_each(struct engine_seen, seen, &state->seen) {
        bool wanted = seen->engine == ENGINE_CRIO && !seen->user_id && strlen(seen->id) == CONTAINER_ID_MAX;
        if (wanted && !state_container(state, ENGINE_CRIO, seen->id, 0))
            container_read(state, containers, seen->id);
    }
}

static void configured_roots(struct engine_state *state, struct candidates *candidates)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    if (state_file(state, STORAGE_CONF, &text, &length, NULL) < 0)
        return;
    candidate_add(candidates, state->arena, storage_value(state->arena, text, length, "runroot"));
    candidate_add(candidates, state->arena, storage_value(state->arena, text, length, "graphroot"));
}

static void daemon_candidates(struct engine_state *state, struct candidates *candidates)
{
    conmon_candidates(state, 0, candidates);
    list_each(struct engine_daemon, daemon, &state->daemons) {
        if (strcmp(daemon->name, "crio") != 0 || daemon->user_id != 0)
            continue;
        candidate_add(candidates, state->arena, daemon_argument(daemon, "--runroot", NULL));
        candidate_add(candidates, state->arena, daemon_argument(daemon, "--root", "-r"));
    }
}

static void crio_read(struct engine_state *state)
{
    struct candidates candidates = {0};
    if (state_complete(state, ENGINE_CRIO, 0))
        return;
    candidate_add(&candidates, state->arena, state_override(state, ENGINE_CRIO));
    if (!candidates.paths.count) {
        daemon_candidates(state, &candidates);
        configured_roots(state, &candidates);
        candidate_add(&candidates, state->arena, DEFAULT_RUNROOT);
        candidate_add(&candidates, state->arena, DEFAULT_ROOT);
    }
    list_each(const char *, path, &candidates.paths) {
        struct error error = ERROR_NONE;
        _cleanup_close_ int root = state_directory(state, *path, &error);
        if (root < 0)
            state_fault(state, ENGINE_CRIO, &error);
        else
            storage_each(state, ENGINE_CRIO, root, driver_read, state);
    }
    list_free(&candidates.paths);
}

const struct engine engine_crio = {ENGINE_CRIO, crio_recognise, crio_read};

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/engine/oci.h"

#include "netns/base/text.h"
#include "netns/engine/state.h"

#define SLICE_DEPTH_MAX 16

const char *oci_annotation(const cJSON *config, const char *key)
{
    const cJSON *annotations = json_member(config, "annotations");
    return annotations ? json_text(annotations, key) : NULL;
}

/* systemd's place of a slice: "a-b-c.slice" lies in "/a.slice/a-b.slice" (systemd.slice(5)). */
static bool slice_expand(struct buffer *path, const char *slice, size_t length)
{
    static const char suffix[] = ".slice";
    size_t stem = sizeof(suffix) - 1;
    if (length <= stem || memcmp(slice + length - stem, suffix, stem) != 0)
        return false;
    stem = length - stem;
    if (part_is(slice, length, "-.slice"))
        return true;
    unsigned depth = 0;
    for (size_t i = 1; i <= stem; i++) {
        if (i < stem && slice[i] != '-')
            continue;
        if (++depth > SLICE_DEPTH_MAX)
            return false;
        buffer_printf(path, "/%.*s%s", (int)i, slice, suffix);
    }
    return true;
}

const char *oci_cgroup_path(struct arena *arena, const char *text)
{
    if (*text == '/')
        return text_utf8(arena, text, strlen(text));
    const char *prefix = strchr(text, ':');
    const char *name = prefix ? strchr(prefix + 1, ':') : NULL;
    if (!name || strchr(text, '/'))
        return NULL;
    _cleanup_buffer_ struct buffer path = BUFFER(4096);
    size_t slice = (size_t)(prefix - text);
    if (!slice_expand(&path, slice ? text : "system.slice", slice ? slice : strlen("system.slice")))
        return NULL;
    /* a name that is a slice itself is no scope */
    if (text_ends(name + 1, ".slice"))
        return NULL;
    if (name == prefix + 1)
        buffer_printf(&path, "/%s.scope", name + 1);
    else
        buffer_printf(&path, "/%.*s-%s.scope", (int)(name - prefix - 1), prefix + 1, name + 1);
    return path.overflow ? NULL : text_utf8(arena, path.data, path.length);
}

static void namespaces_apply(struct engine_container *container, struct arena *arena, const cJSON *linux_part)
{
    const cJSON *namespaces = json_member(linux_part, "namespaces"), *item;
    if (!cJSON_IsArray(namespaces))
        return;
    container->data.host_network = true;
    cJSON_ArrayForEach(item, namespaces)
    {
        const char *type = json_text(item, "type"), *path = json_text(item, "path");
        if (!type || strcmp(type, "network") != 0)
            continue;
        container->data.host_network = false;
        container->namespace_path = state_text(arena, path);
    }
}

static void mounts_apply(struct engine_container *container, const cJSON *mounts)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, mounts)
    {
        const char *type = json_text(item, "type"), *source = json_text(item, "source");
        if (source && path_is_engine_socket(source) && (!type || strcmp(type, "tmpfs") != 0))
            container->data.engine_socket = true;
    }
}

void oci_apply(struct engine_container *container, struct arena *arena, const cJSON *config)
{
    const cJSON *linux_part = json_member(config, "linux");
    if (linux_part) {
        const char *cgroup = json_text(linux_part, "cgroupsPath");
        if (cgroup)
            container->declared = oci_cgroup_path(arena, cgroup);
        namespaces_apply(container, arena, linux_part);
    }
    mounts_apply(container, json_member(config, "mounts"));
}

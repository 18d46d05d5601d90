/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container's configuration as every OCI runtime is given it (config.json, runtime-spec 1.0):
 * annotations, cgroup, network namespace, and what of the host was mounted into it.
 */
#ifndef POSTERN_NETNS_ENGINE_OCI_H
#define POSTERN_NETNS_ENGINE_OCI_H

#include "netns/base/json.h"
#include "netns/engine/engine.h"

/*
 * Fills container->declared (cgroup path of either driver), namespace_path, host_network (no network
 * namespace of its own) and engine_socket from config.json; texts in the arena. What is absent leaves its
 * member alone.
 */
void oci_apply(struct engine_container *container, struct arena *arena, const cJSON *config);
/* Text of an annotation, NULL: none. */
const char *oci_annotation(const cJSON *config, const char *key);
/*
 * linux.cgroupsPath as a path: "/a/b" as it stands; runc's "SLICE:PREFIX:NAME" as the path of the scope that
 * systemd makes of it ("system.slice:docker:ID" -> "/system.slice/docker-ID.scope"). NULL: of neither form.
 */
const char *oci_cgroup_path(struct arena *arena, const char *text);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Podman's state files: what its row of the engine table reads, for the tests to call too. */
#ifndef POSTERN_NETNS_ENGINE_PODMAN_H
#define POSTERN_NETNS_ENGINE_PODMAN_H

#include "netns/base/json.h"
#include "netns/engine/state.h"

/* An item of containers.json: names, image and its metadata (JSON in a text) into the container, whose id is
 * set. */
void podman_storage_apply(struct engine_container *container, struct arena *arena, const cJSON *item);
/* The container's config.json: pod, privileges, network mode, cgroup and namespace. */
void podman_config_apply(struct engine_container *container, struct arena *arena, const cJSON *config);
/* A network's file, of netavark ("network_interface") or CNI (a bridge plugin): name and bridge, NULL: not
 * given. */
void podman_network_parse(const cJSON *network, struct arena *arena, const char **ret_name,
                          const char **ret_interface);

#endif

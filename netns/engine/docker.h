/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Docker Engine's state files: what its row of the engine table reads, for the tests to call too. */
#ifndef POSTERN_NETNS_ENGINE_DOCKER_H
#define POSTERN_NETNS_ENGINE_DOCKER_H

#include "netns/base/json.h"
#include "netns/engine/state.h"

/*
 * config.v2.json of a container (and hostconfig.json, NULL: not there) into *container, whose id is set:
 * name, image, labels, network mode, published ports, networks, privileges, first process. Networks go to the
 * state's list too. "engine-unreadable" where it is the configuration of another container.
 */
int docker_container_apply(struct engine_state *state, struct engine_container *container,
                           const cJSON *config, const cJSON *host_config, struct error *error);
/* "80/tcp" with its bindings: [{"HostIp": "0.0.0.0", "HostPort": "8080"}]; null has none. */
void docker_port_apply(struct container *container, const char *name, const cJSON *bindings);

#endif

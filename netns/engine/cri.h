/* SPDX-License-Identifier: GPL-2.0-or-later */
/* containerd's and CRI-O's state: what their rows of the engine table read, for the tests to call too. */
#ifndef POSTERN_NETNS_ENGINE_CRI_H
#define POSTERN_NETNS_ENGINE_CRI_H

#include "netns/base/json.h"
#include "netns/engine/state.h"

/* config.json of a task of containerd's: names by the annotations of its CRI plugin or of nerdctl, else its
 * id. */
void containerd_config_apply(struct engine_container *container, struct arena *arena, const cJSON *config);
/* config.json of a container of CRI-O's. */
void crio_config_apply(struct engine_container *container, struct arena *arena, const cJSON *config);

#endif

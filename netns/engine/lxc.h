/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LXC's and systemd-nspawn's settings: what their rows of the engine table read, for the tests to call too.
 */
#ifndef POSTERN_NETNS_ENGINE_LXC_H
#define POSTERN_NETNS_ENGINE_LXC_H

#include "netns/engine/state.h"

/* lxc.container.conf(5): network links and addresses, and whether the host's namespace is kept. */
void lxc_config_apply(struct container *container, struct arena *arena, const char *text, size_t length);
/* systemd.nspawn(5): [Network] Bridge=, Port=, Private=. */
void nspawn_settings_apply(struct container *container, struct arena *arena, const char *text, size_t length);
/* "[PROTOCOL:]HOST[:CONTAINER]" of Port= and --port=. */
void nspawn_port_apply(struct container *container, const char *text);
/* systemd's escapes ("\x2d") undone, in the arena; NULL: broken ones. */
const char *unit_unescape(struct arena *arena, const char *text, size_t length);

/* Calls `each` with every "KEY = VALUE" of the text, blanks around both cut off; section: the last "[...]",
 * or "". */
void settings_each(const char *text, size_t length,
                   void (*each)(void *context, const char *section, const char *key, const char *value),
                   void *context);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LXC: NAME/config beneath the path that its monitor was started with, else /var/lib/lxc. */
#include "netns/engine/lxc.h"

#include "netns/base/file.h"
#include "netns/base/text.h"

#include <fcntl.h>

#define DEFAULT_ROOT "/var/lib/lxc"
#define NAME_LIMIT   255

static bool lxc_recognise(const struct cgroup_part *part, struct engine_scope *ret_scope)
{
    static const char prefix[] = "lxc.payload.";
    size_t length = sizeof(prefix) - 1;
    if (part->length > length && !memcmp(part->text, prefix, length)) {
        ret_scope->id = part->text + length;
        ret_scope->id_length = part->length - length;
        return true;
    }
    if (!part_is(part->previous, part->previous_length, "lxc.payload") &&
        !part_is(part->previous, part->previous_length, "lxc"))
        return false;
    ret_scope->id = part->text;
    ret_scope->id_length = part->length;
    return true;
}

/* ---- settings ---- */

static char *trimmed(const char *text, size_t length)
{
    while (length && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length && strchr(" \t\r", text[length - 1]))
        length--;
    return memory_strndup(text, length);
}

void settings_each(const char *text, size_t length,
                   void (*each)(void *context, const char *section, const char *key, const char *value),
                   void *context)
{
    _cleanup_free_ char *section = memory_strdup("");
    const char *end = text + length;
    for (const char *line = text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        _cleanup_free_ char *whole = trimmed(line, (size_t)((stop ? stop : end) - line));
        line = stop ? stop + 1 : end;
        char *equals = strchr(whole, '=');
        if (*whole == '[') {
            free(section);
            section = memory_strndup(whole + 1, strcspn(whole + 1, "]"));
        } else if (equals && *whole != '#' && *whole != ';') {
            _cleanup_free_ char *key = trimmed(whole, (size_t)(equals - whole));
            _cleanup_free_ char *value = trimmed(equals + 1, strlen(equals + 1));
            each(context, section, key, value);
        }
    }
}

struct target {
    struct container *container;
    struct arena *arena;
    bool any_network;
};

static struct container_network *last_network(struct container *container)
{
    return container->networks.count ? &container->networks.items[container->networks.count - 1] : NULL;
}

static void address_add(struct container_network *network, const char *value)
{
    struct prefix prefix;
    _cleanup_free_ char *text = memory_strndup(value, strcspn(value, " "));
    if (prefix_parse(text, false, &prefix, NULL) >= 0)
        *list_append(&network->addresses) = prefix.address;
}

static void lxc_setting(void *context, const char *section, const char *key, const char *value)
{
    struct target *target = context;
    (void)section;
    if (text_match("lxc.net.*.type", key) || !strcmp(key, "lxc.network.type")) {
        target->any_network = true;
        target->container->host_network = !strcmp(value, "none");
    } else if (text_match("lxc.net.*.link", key) || !strcmp(key, "lxc.network.link")) {
        struct container_network *network = list_append(&target->container->networks);
        network->name = network->interface = state_text(target->arena, value);
    } else if (text_match("lxc.net.*.ipv[46].address", key) || text_match("lxc.network.ipv[46]", key)) {
        struct container_network *network = last_network(target->container);
        if (network)
            address_add(network, value);
    }
}

void lxc_config_apply(struct container *container, struct arena *arena, const char *text, size_t length)
{
    struct target target = {container, arena, false};
    settings_each(text, length, lxc_setting, &target);
    container->network_mode = container->host_network     ? "host"
                              : container->networks.count ? "bridge"
                                                          : "none";
}

/* ---- its files ---- */

/* "[lxc monitor] PATH NAME" is what lxc-start calls itself. */
static void monitor_candidates(struct engine_state *state, struct candidates *candidates)
{
    static const char title[] = "[lxc monitor] ";
    list_each(struct engine_daemon, daemon, &state->daemons) {
        const char *text = daemon->arguments.count ? daemon->arguments.items[0] : "";
        if (daemon->user_id != 0 || !text_starts(text, title))
            continue;
        const char *path = text + sizeof(title) - 1, *name = strrchr(path, ' ');
        if (name)
            candidate_add(candidates, state->arena, arena_strndup(state->arena, path, (size_t)(name - path)));
    }
}

static void container_read(struct engine_state *state, int root, const char *id)
{
    struct error error = ERROR_NONE;
    _cleanup_free_ char *path = memory_printf("%s/config", id);
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    if (file_read_untrusted(root, path, state->context->owner, STATE_FILE_MAX, &text, &length, &error) < 0) {
        state_fault(state, ENGINE_LXC, &error);
        return;
    }
    struct engine_container *container = state_container_add(state, ENGINE_LXC, id, 0);
    container->data.name = container->data.id;
    container->described = true;
    lxc_config_apply(&container->data, state->arena, text, length);
}

static void root_read(struct engine_state *state, const char *path)
{
    struct error error = ERROR_NONE;
    _cleanup_close_ int root = state_directory(state, path, &error);
    if (root < 0) {
        state_fault(state, ENGINE_LXC, &error);
        return;
    }
    list_each(struct engine_seen, seen, &state->seen) {
        bool wanted = seen->engine == ENGINE_LXC && !seen->user_id && strlen(seen->id) <= NAME_LIMIT;
        if (wanted && !state_container(state, ENGINE_LXC, seen->id, 0))
            container_read(state, root, seen->id);
    }
}

static void lxc_read(struct engine_state *state)
{
    struct candidates candidates = {0};
    if (state_complete(state, ENGINE_LXC, 0))
        return;
    candidate_add(&candidates, state->arena, state_override(state, ENGINE_LXC));
    if (!candidates.paths.count) {
        monitor_candidates(state, &candidates);
        candidate_add(&candidates, state->arena, DEFAULT_ROOT);
    }
    list_each(const char *, path, &candidates.paths)
        root_read(state, *path);
    list_free(&candidates.paths);
}

const struct engine engine_lxc = {ENGINE_LXC, lxc_recognise, lxc_read};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd-nspawn: machine-NAME.scope or systemd-nspawn@NAME.service; settings in NAME.nspawn, and the
 * arguments of the living supervisor, whose payload lies beside it in its cgroup.
 */
#include "netns/engine/lxc.h"

#include "netns/base/file.h"
#include "netns/base/text.h"

#include <fcntl.h>
#include <netinet/in.h>

#define NAME_LIMIT 255

/* Virtual machines of libvirt lie in such scopes, too: "machine-qemu\x2d1\x2dname.scope". */
static bool is_virtual_machine(const char *name, size_t length)
{
    static const char *const prefixes[] = {"qemu\\x2d", "lxc\\x2d", "xen\\x2d", "vmware\\x2d"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t prefix = strlen(prefixes[i]);
        if (length > prefix && !memcmp(name, prefixes[i], prefix))
            return true;
    }
    return false;
}

static bool affixed(const struct cgroup_part *part, const char *prefix, const char *suffix,
                    struct engine_scope *ret_scope)
{
    size_t before = strlen(prefix), after = strlen(suffix);
    if (part->length <= before + after || memcmp(part->text, prefix, before) != 0 ||
        memcmp(part->text + part->length - after, suffix, after) != 0)
        return false;
    ret_scope->id = part->text + before;
    ret_scope->id_length = part->length - before - after;
    return true;
}

static bool nspawn_recognise(const struct cgroup_part *part, struct engine_scope *ret_scope)
{
    if (affixed(part, "systemd-nspawn@", ".service", ret_scope))
        return true;
    return affixed(part, "machine-", ".scope", ret_scope) &&
           !is_virtual_machine(ret_scope->id, ret_scope->id_length);
}

const char *unit_unescape(struct arena *arena, const char *text, size_t length)
{
    char *name = arena_alloc(arena, length + 1);
    size_t to = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned code;
        if (text[i] != '\\') {
            name[to++] = text[i];
            continue;
        }
        if (length - i < 4 || text[i + 1] != 'x' || sscanf(text + i + 2, "%2x", &code) != 1 || !code)
            return NULL;
        name[to++] = (char)code;
        i += 3;
    }
    return text_utf8(arena, name, to);
}

/* ---- settings ---- */

void nspawn_port_apply(struct container *container, const char *text)
{
    uint8_t protocol = IPPROTO_TCP;
    uint64_t port, target;
    size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    if (word && text[word] == ':') {
        protocol = state_protocol(text, word);
        text += word + 1;
    }
    const char *colon = strchr(text, ':');
    _cleanup_free_ char *host = memory_strndup(text, colon ? (size_t)(colon - text) : strlen(text));
    if (!protocol || !text_number(host, 1, UINT16_MAX, &port) ||
        !text_number(colon ? colon + 1 : host, 1, UINT16_MAX, &target))
        return;
    container_publish(container, (struct address){0}, (uint16_t)port, (uint16_t)target, protocol);
}

struct target {
    struct container *container;
    struct arena *arena;
};

static void network_add(struct target *target, const char *interface)
{
    struct container_network *network = list_append(&target->container->networks);
    network->name = network->interface = state_text(target->arena, interface);
}

static void nspawn_setting(void *context, const char *section, const char *key, const char *value)
{
    struct target *target = context;
    if (strcmp(section, "Network") != 0)
        return;
    if (!strcmp(key, "Port"))
        nspawn_port_apply(target->container, value);
    else if (!strcmp(key, "Bridge") && *value)
        network_add(target, value);
    else if (!strcmp(key, "Zone") && *value)
        network_add(target, arena_printf(target->arena, "vz-%s", value));
}

void nspawn_settings_apply(struct container *container, struct arena *arena, const char *text, size_t length)
{
    struct target target = {container, arena};
    settings_each(text, length, nspawn_setting, &target);
}

static void arguments_apply(struct container *container, struct arena *arena,
                            const struct engine_daemon *daemon)
{
    struct target target = {container, arena};
    const char *bridge = daemon_argument(daemon, "--network-bridge", NULL);
    const char *zone = daemon_argument(daemon, "--network-zone", NULL);
    const char *port = daemon_argument(daemon, "--port", "-p");
    if (bridge)
        network_add(&target, bridge);
    if (zone)
        network_add(&target, arena_printf(arena, "vz-%s", zone));
    if (port)
        nspawn_port_apply(container, port);
}

/* ---- files ---- */

static void settings_read(struct engine_state *state, struct container *container)
{
    static const char *const directories[] = {"/etc/systemd/nspawn", "/run/systemd/nspawn"};
    if (strchr(container->name, '/') || strlen(container->name) > NAME_LIMIT)
        return;
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        struct error error = ERROR_NONE;
        _cleanup_free_ char *path = memory_printf("%s/%s.nspawn", directories[i], container->name);
        _cleanup_free_ char *text = NULL;
        size_t length;
        if (state_file(state, path, &text, &length, &error) < 0) {
            state_fault(state, ENGINE_NSPAWN, &error);
            continue;
        }
        nspawn_settings_apply(container, state->arena, text, length);
        return;
    }
}

/* Machine of a supervisor: -M, --machine=, else the last part of the directory (-D). */
static const char *machine_name(struct arena *arena, const struct engine_daemon *daemon)
{
    const char *name = daemon_argument(daemon, "--machine", "-M");
    const char *directory = daemon_argument(daemon, "--directory", "-D");
    if (name || !directory)
        return state_text(arena, name);
    const char *slash = strrchr(directory, '/');
    return state_text(arena, slash ? slash + 1 : directory);
}

/* The cgroup in which the supervisor put the container: "payload" beside its own "supervisor". */
static const char *payload_cgroup(struct arena *arena, const char *supervisor)
{
    if (!supervisor || !text_ends(supervisor, "/supervisor"))
        return NULL;
    return arena_printf(arena, "%.*spayload", (int)(strlen(supervisor) - strlen("supervisor")), supervisor);
}

static void supervisor_read(struct engine_state *state, const struct engine_daemon *daemon)
{
    const char *name = machine_name(state->arena, daemon);
    if (!name || state_container(state, ENGINE_NSPAWN, name, 0))
        return;
    struct engine_container *container = state_container_add(state, ENGINE_NSPAWN, name, 0);
    container->data.name = container->data.id;
    container->described = container->running = true;
    container->declared = payload_cgroup(state->arena, daemon->cgroup);
    arguments_apply(&container->data, state->arena, daemon);
    settings_read(state, &container->data);
}

/* Registered with systemd-machined: /run/systemd/machines/NAME. */
static bool is_registered(struct engine_state *state, const char *name)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *path = memory_printf("/run/systemd/machines/%s", name);
    size_t length;
    return !strchr(name, '/') && state_file(state, path, &text, &length, NULL) >= 0;
}

static void machine_read(struct engine_state *state, const struct engine_seen *seen)
{
    const char *name = unit_unescape(state->arena, seen->id, strlen(seen->id));
    struct engine_container *container = state_container(state, ENGINE_NSPAWN, seen->id, 0);
    if (!name || container)
        return;
    struct engine_container *supervised = state_container(state, ENGINE_NSPAWN, name, 0);
    if (supervised) { /* the same machine, by the name that its unit has */
        supervised->data.id = seen->id;
        return;
    }
    container = state_container_add(state, ENGINE_NSPAWN, seen->id, 0);
    container->data.name = name;
    container->described = is_registered(state, name);
    settings_read(state, &container->data);
}

static void nspawn_read(struct engine_state *state)
{
    list_each(struct engine_daemon, daemon, &state->daemons) {
        if (!strcmp(daemon->name, "systemd-nspawn") && daemon->user_id == 0)
            supervisor_read(state, daemon);
    }
    list_each(struct engine_seen, seen, &state->seen) {
        if (seen->engine == ENGINE_NSPAWN && !seen->user_id)
            machine_read(state, seen);
    }
}

const struct engine engine_nspawn = {ENGINE_NSPAWN, nspawn_recognise, nspawn_read};

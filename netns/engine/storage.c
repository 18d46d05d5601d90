/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Podman and CRI-O share: the layout of containers/storage, and conmon, which holds each container. */
#include "netns/engine/state.h"

#include "netns/base/file.h"
#include "netns/base/text.h"

#include <errno.h>

#define STORAGE_TABLE     "[storage]"
#define CONTAINERS_SUFFIX "-containers"
#define DRIVERS_MAX       16u /* of a storage root, which may be a user's */

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

/* `KEY = "VALUE"`, as far as this file uses TOML; NULL: another line. */
static const char *line_value(struct arena *arena, const char *line, size_t length, const char *key)
{
    const char *end = line + length, *at = skip_blanks(line, end);
    size_t key_length = strlen(key);
    if ((size_t)(end - at) <= key_length || memcmp(at, key, key_length) != 0)
        return NULL;
    at = skip_blanks(at + key_length, end);
    if (at == end || *at++ != '=')
        return NULL;
    at = skip_blanks(at, end);
    if (at == end || (*at != '"' && *at != '\''))
        return NULL;
    const char *stop = memchr(at + 1, *at, (size_t)(end - at - 1));
    return stop ? arena_strndup(arena, at + 1, (size_t)(stop - at - 1)) : NULL;
}

const char *storage_value(struct arena *arena, const char *text, size_t length, const char *key)
{
    const char *end = text + length, *value = NULL;
    bool inside = false;
    for (const char *line = text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t line_length = (size_t)((stop ? stop : end) - line);
        const char *at = skip_blanks(line, line + line_length);
        if (at < end && *at == '[')
            inside = !strncmp(at, STORAGE_TABLE, strlen(STORAGE_TABLE));
        else if (inside && line_value(arena, line, line_length, key))
            value = line_value(arena, line, line_length, key);
        line = stop ? stop + 1 : end;
    }
    return value;
}

struct storage_walk {
    struct engine_state *state;
    enum container_engine engine;
    void (*each)(void *context, int containers);
    void *context;
    unsigned drivers; /* so far */
};

static void driver_open(void *context, int root, const char *name)
{
    struct storage_walk *walk = context;
    struct error error = ERROR_NONE;
    if (!text_ends(name, CONTAINERS_SUFFIX) || walk->drivers > DRIVERS_MAX)
        return;
    if (walk->drivers++ == DRIVERS_MAX) {
        error_set(&error, E2BIG, "engine-unreadable", name, "more than %u folders of containers: not read",
                  DRIVERS_MAX);
        state_fault(walk->state, walk->engine, &error);
        return;
    }
    _cleanup_close_ int containers = file_open_directory_untrusted(root, name, &error);
    if (containers >= 0)
        walk->each(walk->context, containers);
    else
        state_fault(walk->state, walk->engine, &error);
}

void storage_each(struct engine_state *state, enum container_engine engine, int root,
                  void (*each)(void *context, int containers), void *context)
{
    struct error error = ERROR_NONE;
    struct storage_walk walk = {state, engine, each, context, 0};
    if (directory_each(root, driver_open, &walk, &error) < 0)
        state_fault(state, engine, &error);
}

/* Only a conmon of the container's own user is believed. */
static bool is_conmon(const struct engine_daemon *daemon, uint32_t user_id)
{
    return !strcmp(daemon->name, "conmon") && daemon->user_id == user_id;
}

void conmon_candidates(struct engine_state *state, uint32_t user_id, struct candidates *candidates)
{
    list_each(struct engine_daemon, daemon, &state->daemons) {
        const char *bundle = is_conmon(daemon, user_id) ? daemon_argument(daemon, "--bundle", "-b") : NULL;
        const char *driver = bundle ? strstr(bundle, CONTAINERS_SUFFIX "/") : NULL;
        if (!driver)
            continue;
        while (driver > bundle && *driver != '/')
            driver--;
        candidate_add(candidates, state->arena,
                      arena_strndup(state->arena, bundle, (size_t)(driver - bundle)));
    }
}

static const struct engine_daemon *conmon_find(const struct engine_state *state, const char *id,
                                               uint32_t user_id)
{
    list_each(struct engine_daemon, daemon, &state->daemons) {
        const char *container = is_conmon(daemon, user_id) ? daemon_argument(daemon, "--cid", "-c") : NULL;
        if (container && !strcmp(container, id))
            return daemon;
    }
    return NULL;
}

uint32_t conmon_of(const struct engine_state *state, const char *id, uint32_t user_id)
{
    const struct engine_daemon *conmon = conmon_find(state, id, user_id);
    return conmon ? conmon->pid : 0;
}

uint32_t conmon_first_process(const struct engine_state *state, const char *id)
{
    const struct engine_daemon *conmon = conmon_find(state, id, 0);
    const char *file = conmon ? daemon_argument(conmon, "--container-pidfile", "-p") : NULL;
    return file && *file == '/' ? state_pid_file(state, -1, file) : 0;
}

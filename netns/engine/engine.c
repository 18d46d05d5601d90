/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/engine/engine.h"

#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/engine/state.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PATH_PARTS_MAX 64
#define ARGUMENTS_MAX  ((size_t)128 << 10) /* of a command line that is read */
#define LINK_TEXT_MAX  64
#define STATUS_MAX     ((size_t)64 << 10)
#define SHORT_ID       12
#define NO_CONTAINER   (-1)

static const struct engine *const engines[] = {&engine_docker, &engine_podman, &engine_containerd,
                                               &engine_crio,   &engine_lxc,    &engine_nspawn};
#define ENGINES (sizeof(engines) / sizeof(engines[0]))

enum container_engine engine_parse(const char *word)
{
    for (size_t i = 0; i < ENGINES; i++) {
        if (!strcmp(engine_name(engines[i]->kind), word))
            return engines[i]->kind;
    }
    return ENGINE_NONE;
}

/* ---- scopes of a cgroup path ---- */

/* An identifier that stands alone: of an engine with a cgroup parent of its own choosing. Podman's pods are
 * not. */
static bool identifier_recognise(const struct cgroup_part *part, struct engine_scope *ret_scope)
{
    if (!part_is_id(part, "", "", &ret_scope->id) ||
        part_is(part->previous, part->previous_length, "libpod_parent"))
        return false;
    ret_scope->id_length = CONTAINER_ID_MAX;
    ret_scope->engine = ENGINE_NONE;
    return true;
}

static bool part_recognise(const struct cgroup_part *part, struct engine_scope *ret_scope)
{
    for (size_t i = 0; i < ENGINES; i++) {
        if (engines[i]->recognise && engines[i]->recognise(part, ret_scope)) {
            ret_scope->engine = engines[i]->kind;
            return true;
        }
    }
    return identifier_recognise(part, ret_scope);
}

/* UID of a part "user-UID.slice" or "user@UID.service", 0: another, or root's. */
static uint32_t part_user(const char *part, size_t length)
{
    static const char *const forms[][2] = {{"user-", ".slice"}, {"user@", ".service"}};
    for (size_t i = 0; i < 2; i++) {
        size_t before = strlen(forms[i][0]), after = strlen(forms[i][1]);
        uint64_t user;
        if (length <= before + after || memcmp(part, forms[i][0], before) != 0 ||
            memcmp(part + length - after, forms[i][1], after) != 0)
            continue;
        _cleanup_free_ char *number = memory_strndup(part + before, length - before - after);
        if (text_number(number, 0, UINT32_MAX, &user))
            return (uint32_t)user;
    }
    return 0;
}

/* The user whose slice or service the first `length` bytes of the path lead through, 0: none. */
static uint32_t path_user(const char *path, size_t length)
{
    uint32_t user = 0;
    for (size_t at = 0, part; at < length && !user; at += part) {
        at += strspn(path + at, "/");
        part = strcspn(path + at, "/");
        user = at + part <= length ? part_user(path + at, part) : 0;
    }
    return user;
}

/*
 * Does the path lead through a unit before its last part? systemd may have handed that part of the tree to
 * whoever the unit runs as (Delegate=), who can make any name beneath it.
 */
static bool leads_through_unit(const char *path, size_t length)
{
    for (size_t at = 0, part; at < length; at += part) {
        at += strspn(path + at, "/");
        part = strcspn(path + at, "/");
        if (at + part >= length)
            break;
        _cleanup_free_ char *name = memory_strndup(path + at, part);
        if (text_ends(name, ".service") || text_ends(name, ".scope"))
            return true;
    }
    return false;
}

size_t engine_scopes(const char *path, struct engine_scope scopes[ENGINE_SCOPES_MAX])
{
    struct cgroup_part part = {.text = path, .previous = path};
    size_t count = 0;
    if (text_ends(path, "/conmon")) /* in a pod's cgroup, but a process of the host */
        return 0;
    const char *at = path;
    for (unsigned parts = 0; *at && parts < PATH_PARTS_MAX && count < ENGINE_SCOPES_MAX; parts++) {
        at += strspn(at, "/");
        part.text = at;
        part.length = strcspn(at, "/");
        at += part.length;
        struct engine_scope scope = {.length = (size_t)(at - path)};
        if (part.length && part_recognise(&part, &scope)) {
            scope.user_id = path_user(path, scope.length);
            scopes[count++] = scope;
        }
        part.previous = part.text;
        part.previous_length = part.length;
    }
    return count;
}

/* ---- /proc/PID/cgroup ---- */

/* How well a hierarchy's line ("ID:CONTROLLERS:PATH") names a process: 2 unified, 1 systemd's, 0 another. */
static int line_rank(const char *controllers, size_t length)
{
    if (length == 0)
        return 2;
    return part_is(controllers, length, "name=systemd") ? 1 : 0;
}

/* The path of a line and its rank; -1: no line of this form. */
static int line_parse(const char *line, size_t length, const char **ret_path, size_t *ret_length)
{
    const char *first = memchr(line, ':', length);
    if (!first)
        return -1;
    const char *controllers = first + 1, *end = line + length;
    const char *second = memchr(controllers, ':', (size_t)(end - controllers));
    if (!second || second + 1 == end || second[1] != '/')
        return -1;
    *ret_path = second + 1;
    *ret_length = (size_t)(end - *ret_path);
    return line_rank(controllers, (size_t)(second - controllers));
}

/* The user that the unified hierarchy's or systemd's line says, 0: none. */
static uint32_t text_user(const char *text, size_t length)
{
    const char *end = text + length;
    uint32_t user = 0;
    for (const char *line = text; line < end && !user;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *path;
        size_t path_length;
        if (line_parse(line, (size_t)((stop ? stop : end) - line), &path, &path_length) > 0) {
            _cleanup_free_ char *copy = memory_strndup(path, path_length);
            struct engine_scope scopes[ENGINE_SCOPES_MAX];
            /* a user's slice within a container is no user of the host's */
            size_t outer = engine_scopes(copy, scopes) ? scopes[0].length : strlen(copy);
            user = path_user(copy, outer);
        }
        line = stop ? stop + 1 : end;
    }
    return user;
}

const char *engine_cgroup_path(struct arena *arena, const char *text, size_t length)
{
    const char *best = NULL, *end = text + length;
    uint32_t user = text_user(text, length);
    int best_rank = -1;
    for (const char *line = text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *path;
        size_t path_length, line_length = (size_t)((stop ? stop : end) - line);
        int rank = line_parse(line, line_length, &path, &path_length);
        line = stop ? stop + 1 : end;
        if (rank < 0)
            continue;
        char *copy = text_utf8(arena, path, path_length);
        struct engine_scope scopes[ENGINE_SCOPES_MAX];
        if (engine_scopes(copy, scopes) > 0 && (rank > 0 || !user || scopes[0].user_id == user))
            rank += 3;
        if (rank > best_rank) {
            best_rank = rank;
            best = copy;
        }
    }
    return best;
}

/* ---- what processes show ---- */

/* One cgroup path that processes are in. */
struct cgroup_place {
    const char *path;
    struct engine_scope scopes[ENGINE_SCOPES_MAX];
    size_t count;
    bool resolved;
    int32_t container, nested;
};

struct join {
    struct engine_state state;
    struct map *places;   /* path to struct cgroup_place (in the arena) */
    struct map *seen;     /* "ENGINE ID" to index + 1 into state.seen */
    struct map *known;    /* the same to index + 1 into the result's containers */
    struct map *declared; /* cgroup that an engine declared to index + 1 into the result's containers */
};

static void *index_pack(size_t index)
{
    return (void *)(uintptr_t)(index + 1);
}

static bool index_get(const struct map *map, const char *key, size_t *ret_index)
{
    uintptr_t packed = (uintptr_t)map_get(map, key);
    if (packed)
        *ret_index = packed - 1;
    return packed != 0;
}

/* The key of a container in `seen` and `known`. */
static const char *container_key(char key[256], enum container_engine engine, uint32_t user_id,
                                 const char *id, size_t id_length)
{
    snprintf(key, 256, "%d %u %.*s", (int)engine, user_id, (int)id_length, id);
    return key;
}

static void seen_add(struct join *join, const struct engine_scope *scope,
                     const struct engine_process *process)
{
    char key[256];
    size_t index;
    container_key(key, scope->engine, scope->user_id, scope->id, scope->id_length);
    if (index_get(join->seen, key, &index)) {
        struct engine_seen *seen = &join->state.seen.items[index];
        if (process->pid < seen->pid) {
            seen->pid = process->pid;
            seen->directory = process->directory;
            seen->start = process->start;
        }
        return;
    }
    map_set(join->seen, key, index_pack(join->state.seen.count));
    struct engine_seen *seen = list_append(&join->state.seen);
    seen->engine = scope->engine;
    seen->id = arena_strndup(join->state.arena, scope->id, scope->id_length);
    seen->pid = process->pid;
    seen->directory = process->directory;
    seen->start = process->start;
    seen->user_id = scope->user_id;
}

static struct cgroup_place *place_get(struct join *join, const char *path)
{
    struct cgroup_place *place = map_get(join->places, path);
    if (place)
        return place;
    place = arena_alloc(join->state.arena, sizeof(*place));
    place->path = path;
    place->count = engine_scopes(path, place->scopes);
    place->container = place->nested = NO_CONTAINER;
    map_set(join->places, path, place);
    return place;
}

/* ---- processes that run engines ---- */

static bool is_daemon(const char *name)
{
    static const char *const names[] = {"dockerd", "containerd",     "conmon",
                                        "crio",    "systemd-nspawn", "lxc-start"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strncmp(name, names[i], 15)) /* comm is cut at 15 bytes */
            return true;
    }
    return false;
}

static void arguments_split(struct engine_daemon *daemon, struct arena *arena, const char *text,
                            size_t length)
{
    for (const char *at = text; at < text + length; at += strlen(at) + 1)
        *list_append(&daemon->arguments) = arena_strdup(arena, at);
}

static char *process_file(const struct join *join, const struct engine_process *process, const char *name,
                          size_t limit, size_t *ret_length)
{
    return state_process_file(&join->state, process->pid, process->directory, process->start, name, limit,
                              ret_length);
}

/* Effective user of a process, out of its status: the owner of /proc/PID is root's for one that cannot be
 * dumped. */
static bool process_user(const struct join *join, const struct engine_process *process, uint32_t *ret_user)
{
    size_t length;
    _cleanup_free_ char *text = process_file(join, process, "status", STATUS_MAX, &length);
    const char *line = text ? strstr(text, "\nUid:") : NULL;
    unsigned real, effective;
    if (!line || sscanf(line, "\nUid: %u %u", &real, &effective) != 2)
        return false;
    *ret_user = effective;
    return true;
}

static void daemon_add(struct join *join, const struct engine_process *process, const char *name)
{
    size_t length;
    uint32_t user;
    if (!process_user(join, process, &user) || (user && join->state.context->depth != ENGINE_DEPTH_ALL))
        return;
    _cleanup_free_ char *text = process_file(join, process, "cmdline", ARGUMENTS_MAX, &length);
    if (!text)
        return;
    struct engine_daemon *daemon = list_append(&join->state.daemons);
    daemon->pid = process->pid;
    daemon->name = arena_strdup(join->state.arena, name);
    daemon->cgroup = process->cgroup;
    daemon->user_id = user;
    arguments_split(daemon, join->state.arena, text, length);
}

static void daemon_look(struct join *join, const struct engine_process *process)
{
    size_t length;
    _cleanup_free_ char *name = process_file(join, process, "comm", 64, &length);
    if (!name)
        return;
    name[strcspn(name, "\n")] = '\0';
    if (is_daemon(name))
        daemon_add(join, process, name);
}

/* An engine lives in the namespaces of the first process, wherever the scan thinks its host is. */
static const struct engine_process *first_process(const struct engine_process *processes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (processes[i].pid == 1)
            return &processes[i];
    }
    return NULL;
}

static bool pid_namespace(const struct join *join, const struct engine_process *process,
                          char text[LINK_TEXT_MAX])
{
    _cleanup_close_ int opened = -1;
    int directory =
        state_process_open(&join->state, process->pid, process->directory, process->start, &opened);
    ssize_t length = directory < 0 ? -1 : readlinkat(directory, "ns/pid", text, LINK_TEXT_MAX - 1);
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* What is called dockerd in a PID namespace of its own is a container's, whatever network it shares. */
static bool among_the_first(const struct join *join, const struct engine_process *first,
                            const struct engine_process *process)
{
    char own[LINK_TEXT_MAX], home[LINK_TEXT_MAX];
    if (!first || !pid_namespace(join, first, home))
        return true;
    return pid_namespace(join, process, own) && strcmp(own, home) == 0;
}

static void processes_look(struct join *join, const struct engine_process *processes, size_t count)
{
    const struct engine_process *first = first_process(processes, count);
    uint64_t host = join->state.context->host_namespace;
    for (size_t i = 0; i < count; i++) {
        const struct engine_process *process = &processes[i];
        const struct cgroup_place *place = process->cgroup ? place_get(join, process->cgroup) : NULL;
        /* what is within a container is its own invention: no state is read for it */
        for (size_t s = 0; place && s < place->count; s++) {
            seen_add(join, &place->scopes[s], process);
            if (place->scopes[s].engine != ENGINE_NONE)
                break;
        }
        bool at_home = process->namespace &&
                       (process->namespace == host || (first && process->namespace == first->namespace));
        if ((!place || !place->count) && at_home && join->state.context->depth != ENGINE_DEPTH_PATH &&
            among_the_first(join, first, process))
            daemon_look(join, process);
    }
}

/* ---- processes to containers ---- */

/* The first digits of an identifier, or a name as it is. */
static const char *short_id(struct arena *arena, const char *id)
{
    struct cgroup_part part = {.text = id, .length = strlen(id)};
    return part_is_id(&part, "", "", &id) ? arena_strndup(arena, id, SHORT_ID) : id;
}

/* A name of a user's own engine always says whose it is: it cannot be mistaken for another's. */
static const char *name_of_user(struct arena *arena, const char *name, uint32_t user_id)
{
    return user_id ? arena_printf(arena, "%s@%u", name, user_id) : name;
}

static void names_complete(struct join *join)
{
    list_each(struct engine_container, container, &join->state.result->containers) {
        struct container *data = &container->data;
        if (!data->name) {
            data->name = short_id(join->state.arena, data->id);
            data->generated_name = true;
        }
        data->name = name_of_user(join->state.arena, data->name, container->user_id);
        data->confirmed = container->described && !container->doubtful && !container->user_id;
        data->generated_name = data->generated_name || container->doubtful;
    }
}

/* Whoever shares another's namespace comes behind it; else by engine and name, whatever order the disk has.
 */
static int container_compare(const void *a, const void *b)
{
    const struct container *one = &((const struct engine_container *)a)->data;
    const struct container *two = &((const struct engine_container *)b)->data;
    bool one_joins = one->network_mode && text_starts(one->network_mode, "container");
    bool two_joins = two->network_mode && text_starts(two->network_mode, "container");
    if (one_joins != two_joins)
        return one_joins ? 1 : -1;
    if (one->engine != two->engine)
        return one->engine < two->engine ? -1 : 1;
    int order = strcmp(one->name, two->name);
    return order ? order : strcmp(one->id, two->id);
}

/* What a user's own engine declares is the user's word: it counts for the user's own processes alone. */
static bool may_declare(const struct engine_container *container)
{
    return container->declared && !container->doubtful &&
           (!container->user_id ||
            path_user(container->declared, strlen(container->declared)) == container->user_id);
}

static void known_index(struct join *join)
{
    const struct engine_result *result = join->state.result;
    for (size_t i = 0; i < result->containers.count; i++) {
        const struct engine_container *container = &result->containers.items[i];
        char key[256];
        size_t index;
        container_key(key, container->data.engine, container->user_id, container->data.id,
                      strlen(container->data.id));
        if (!index_get(join->known, key, &index))
            map_set(join->known, key, index_pack(i));
        if (may_declare(container) && !index_get(join->declared, container->declared, &index))
            map_set(join->declared, container->declared, index_pack(i));
    }
}

/* The container that the engine's state knows under this scope. A path that names no engine fits the first
 * that does. */
static bool scope_known(const struct join *join, const struct engine_scope *scope, size_t *ret_index)
{
    char key[256];
    for (size_t i = 0; i < ENGINES; i++) {
        if (scope->engine != ENGINE_NONE && scope->engine != engines[i]->kind)
            continue;
        container_key(key, engines[i]->kind, scope->user_id, scope->id, scope->id_length);
        if (index_get(join->known, key, ret_index))
            return true;
    }
    return false;
}

/* A container whose engine declared this cgroup, or one above it. */
static bool path_declared(const struct join *join, const char *path, size_t *ret_index)
{
    if (!map_count(join->declared))
        return false;
    _cleanup_free_ char *prefix = memory_strdup(path);
    for (size_t length = strlen(prefix); length > 1;) {
        if (index_get(join->declared, prefix, ret_index))
            return true;
        while (length > 0 && prefix[length - 1] != '/')
            length--;
        while (length > 1 && prefix[length - 1] == '/')
            length--;
        prefix[length] = '\0';
    }
    return false;
}

/* A container of which nothing is known but its place. */
static size_t unknown_add(struct join *join, const struct engine_scope *scope)
{
    char key[256];
    struct engine_state *state = &join->state;
    const char *id = arena_strndup(state->arena, scope->id, scope->id_length);
    size_t index = state->result->containers.count;
    struct engine_container *container = state_container_add(state, scope->engine, id, scope->user_id);
    container->data.name =
        name_of_user(state->arena, short_id(state->arena, container->data.id), scope->user_id);
    container->data.generated_name = true;
    container->running = true;
    container_key(key, scope->engine, scope->user_id, scope->id, scope->id_length);
    map_set(join->known, key, index_pack(index));
    return index;
}

static size_t scope_container(struct join *join, const struct engine_scope *scope)
{
    char key[256];
    size_t index;
    if (scope_known(join, scope, &index))
        return index;
    container_key(key, scope->engine, scope->user_id, scope->id, scope->id_length);
    return index_get(join->known, key, &index) ? index : unknown_add(join, scope);
}

/*
 * Which scope is the outermost container: the first, unless that is a bare identifier that no engine knows (a
 * pod's, a slice's) and a later one is exactly where its engine put it.
 */
static size_t outermost_scope(const struct join *join, const struct cgroup_place *place)
{
    size_t index;
    for (size_t i = 0; i < place->count; i++) {
        const struct engine_scope *scope = &place->scopes[i];
        if (i == 0 && scope->engine != ENGINE_NONE)
            return 0;
        if (!scope_known(join, scope, &index))
            continue;
        const char *declared = join->state.result->containers.items[index].declared;
        if (i == 0 || (declared && part_is(place->path, scope->length, declared)))
            return i;
    }
    return 0;
}

/*
 * Is the scope where the container is? By its first process, where that showed it; else where its engine put
 * it. Where neither is known any place will do that nobody but root can have made.
 */
static bool scope_is_there(const struct engine_container *container, const struct cgroup_place *place,
                           const struct engine_scope *scope)
{
    if (container->anchored)
        return part_is(place->path, scope->length, container->data.cgroup);
    if (container->user_id || !container->described || !leads_through_unit(place->path, scope->length))
        return true;
    return container->declared && part_is(place->path, scope->length, container->declared);
}

/*
 * A container apart from the one that its identifier is of: what bears it in another place, where a service
 * was let make cgroups of its own, or within a container. One for each place.
 */
static size_t apart_add(struct join *join, const struct engine_scope *scope, const char *where, size_t length)
{
    struct engine_state *state = &join->state;
    const char *id = arena_strndup(state->arena, scope->id, scope->id_length);
    _cleanup_free_ char *key = memory_printf("apart %d %.*s", (int)scope->engine, (int)length, where);
    size_t index = state->result->containers.count;
    if (index_get(join->known, key, &index))
        return index;
    struct engine_container *container = state_container_add(state, scope->engine, id, scope->user_id);
    container->data.name =
        name_of_user(state->arena, short_id(state->arena, container->data.id), scope->user_id);
    container->data.generated_name = true;
    map_set(join->known, key, index_pack(index));
    return index;
}

/* Where the process is that the engine calls a container's first, the container is. */
static void anchor(struct join *join, const struct engine_process *process)
{
    const struct cgroup_place *place = place_get(join, process->cgroup);
    for (size_t i = 0; i < place->count; i++) {
        size_t index;
        if (!scope_known(join, &place->scopes[i], &index))
            continue;
        struct engine_container *container = &join->state.result->containers.items[index];
        /* a user's own state may call any process its first */
        if (container->pid != process->pid || container->anchored || container->user_id)
            continue;
        container->anchored = true;
        container->data.cgroup = arena_strndup(join->state.arena, place->path, place->scopes[i].length);
    }
}

static void place_resolve(struct join *join, struct cgroup_place *place)
{
    size_t index;
    place->resolved = true;
    if (!place->count) {
        if (path_declared(join, place->path, &index))
            place->container = (int32_t)index;
        return;
    }
    size_t outer = outermost_scope(join, place);
    const struct engine_scope *scope = &place->scopes[outer];
    place->container = (int32_t)scope_container(join, scope);
    if (!scope_is_there(&join->state.result->containers.items[place->container], place, scope))
        place->container = (int32_t)apart_add(join, scope, place->path, scope->length);
    struct engine_container *container = &join->state.result->containers.items[place->container];
    if (!container->data.cgroup)
        container->data.cgroup = arena_strndup(join->state.arena, place->path, scope->length);
    if (outer + 1 == place->count)
        return;
    const struct engine_scope *inner = &place->scopes[place->count - 1];
    /* an engine that repeats its identifier: /ID.scope/ID */
    if (inner->id_length == scope->id_length && !memcmp(inner->id, scope->id, scope->id_length))
        return;
    place->nested = (int32_t)apart_add(join, inner, place->path, inner->length);
    join->state.result->containers.items[place->nested].data.nested = true;
}

static void member_note(struct engine_container *container, const struct engine_process *process)
{
    struct container *data = &container->data;
    container->seen = container->running = true;
    /* the engine's own word on which process is the first, else the lowest number that was seen */
    bool first = container->pid ? process->pid == container->pid : !data->pid || process->pid < data->pid;
    if (!data->pid || first) {
        data->pid = process->pid;
        data->namespace = process->namespace;
        container->directory = process->directory;
        container->start = process->start;
    }
}

static void processes_join(struct join *join, struct engine_process *processes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (processes[i].cgroup)
            anchor(join, &processes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct engine_process *process = &processes[i];
        process->container = process->nested = NO_CONTAINER;
        if (!process->cgroup)
            continue;
        struct cgroup_place *place = place_get(join, process->cgroup);
        if (!place->resolved)
            place_resolve(join, place);
        process->container = place->container;
        process->nested = place->nested;
        int32_t own = process->nested >= 0 ? process->nested : process->container;
        if (own >= 0)
            member_note(&join->state.result->containers.items[own], process);
    }
}

/* ---- the end of it ---- */

/* Is the process that it was seen by still there? */
static bool still_runs(const struct join *join, const struct engine_container *container)
{
    _cleanup_close_ int opened = -1;
    int directory = state_process_open(&join->state, container->data.pid, container->directory,
                                       container->start, &opened);
    return directory >= 0 && faccessat(directory, "status", F_OK, 0) == 0;
}

static void engine_unconfirmed_tell(const struct join *join, enum container_engine engine)
{
    size_t missing = 0;
    const char *example = NULL;
    list_each(struct engine_container, container, &join->state.result->containers) {
        bool counts = container->seen && !container->described && !container->data.nested;
        if (container->user_id && join->state.context->depth != ENGINE_DEPTH_ALL)
            continue;
        if (!counts || container->data.engine != engine || !still_runs(join, container))
            continue;
        missing++;
        example = container->data.name;
    }
    if (!missing)
        return;
    struct error error = ERROR_NONE;
    error_set(
        &error, ENOENT, "engine-unreadable", engine_name(engine),
        "nothing on disk describes %zu of its containers (%s): name, image and published ports are not known",
        missing, example);
    snapshot_fault(join->state.context->snapshot, &error, false);
}

static void unconfirmed_tell(const struct join *join)
{
    for (size_t e = 0; e <= ENGINES; e++)
        engine_unconfirmed_tell(join, e < ENGINES ? engines[e]->kind : ENGINE_NONE);
}

static void container_release(struct engine_container *container)
{
    list_free(&container->data.labels);
    list_free(&container->data.published);
    list_each(struct container_network, network, &container->data.networks)
        list_free(&network->addresses);
    list_free(&container->data.networks);
}

void engine_result_free(struct engine_result *result)
{
    list_each(struct engine_container, container, &result->containers)
        container_release(container);
    list_free(&result->containers);
    list_free(&result->networks);
}

static void join_free(struct join *join)
{
    list_each(struct engine_daemon, daemon, &join->state.daemons)
        list_free(&daemon->arguments);
    list_free(&join->state.daemons);
    list_free(&join->state.seen);
    map_free(join->places);
    map_free(join->seen);
    map_free(join->known);
    map_free(join->declared);
}

void engine_read(const struct engine_context *context, struct engine_process *processes, size_t count,
                 struct engine_result *ret_result)
{
    *ret_result = (struct engine_result){0};
    struct join join = {
        .state = {.context = context, .arena = context->snapshot->arena, .result = ret_result},
        .places = map_new(),
        .seen = map_new(),
        .known = map_new(),
        .declared = map_new(),
    };
    processes_look(&join, processes, count);
    for (size_t i = 0; i < ENGINES && context->depth != ENGINE_DEPTH_PATH; i++)
        engines[i]->read(&join.state);
    names_complete(&join);
    if (ret_result->containers.count)
        qsort(ret_result->containers.items, ret_result->containers.count, sizeof(struct engine_container),
              container_compare);
    known_index(&join);
    processes_join(&join, processes, count);
    if (context->depth != ENGINE_DEPTH_PATH)
        unconfirmed_tell(&join);
    join_free(&join);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/engine/state.h"

#include "netns/base/file.h"
#include "netns/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PID_FILE_MAX ((size_t)32)

/* ---- parts of a cgroup path ---- */

bool part_is(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && !memcmp(text, word, length);
}

static bool is_hexadecimal(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!strchr("0123456789abcdef", text[i]) || !text[i])
            return false;
    }
    return true;
}

bool part_is_id(const struct cgroup_part *part, const char *prefix, const char *suffix, const char **ret_id)
{
    size_t before = strlen(prefix), after = strlen(suffix);
    if (part->length != before + CONTAINER_ID_MAX + after)
        return false;
    const char *id = part->text + before;
    if (memcmp(part->text, prefix, before) != 0 || memcmp(id + CONTAINER_ID_MAX, suffix, after) != 0)
        return false;
    if (!is_hexadecimal(id, CONTAINER_ID_MAX))
        return false;
    *ret_id = id;
    return true;
}

/* ---- looking things up ---- */

const char *state_override(const struct engine_state *state, enum container_engine engine)
{
    list_each(struct engine_root, root, &state->context->roots) {
        if (root->engine == engine)
            return root->directory;
    }
    return NULL;
}

const struct engine_seen *state_seen(const struct engine_state *state, enum container_engine engine,
                                     const char *id, uint32_t user_id)
{
    list_each(struct engine_seen, seen, &state->seen) {
        bool fits = seen->engine == engine || seen->engine == ENGINE_NONE;
        if (fits && seen->user_id == user_id && !strcmp(seen->id, id))
            return seen;
    }
    return NULL;
}

struct engine_container *state_container(const struct engine_state *state, enum container_engine engine,
                                         const char *id, uint32_t user_id)
{
    list_each(struct engine_container, container, &state->result->containers) {
        if (container->data.engine == engine && container->user_id == user_id &&
            !strcmp(container->data.id, id))
            return container;
    }
    return NULL;
}

struct engine_container *state_container_add(struct engine_state *state, enum container_engine engine,
                                             const char *id, uint32_t user_id)
{
    struct engine_container *container = list_append(&state->result->containers);
    container->data.engine = engine;
    container->data.id = text_utf8(state->arena, id, strlen(id));
    container->user_id = user_id;
    return container;
}

bool state_complete(const struct engine_state *state, enum container_engine engine, uint32_t user_id)
{
    list_each(struct engine_seen, seen, &state->seen) {
        if (seen->engine == engine && seen->user_id == user_id &&
            !state_container(state, engine, seen->id, user_id))
            return false;
    }
    return true;
}

struct user_list state_users(const struct engine_state *state, enum container_engine engine)
{
    struct user_list users = {0};
    *list_append(&users.ids) = 0;
    list_each(struct engine_seen, seen, &state->seen) {
        bool known = seen->engine != engine || state->context->depth != ENGINE_DEPTH_ALL;
        list_each(uint32_t, user, &users.ids)
            known = known || *user == seen->user_id;
        if (!known)
            *list_append(&users.ids) = seen->user_id;
    }
    return users;
}

void state_network_add(struct engine_state *state, enum container_engine engine, const char *name,
                       const char *interface)
{
    list_each(struct engine_network, network, &state->result->networks) {
        if (network->engine == engine && !strcmp(network->name, name) &&
            text_equal(network->interface, interface))
            return;
    }
    *list_append(&state->result->networks) = (struct engine_network){
        engine, text_utf8(state->arena, name, strlen(name)), state_text(state->arena, interface)};
}

/* What follows "NAME=" in the argument, NULL: it is another one. */
static const char *argument_value(const char *argument, const char *name)
{
    size_t length = strlen(name);
    return !strncmp(argument, name, length) && argument[length] == '=' ? argument + length + 1 : NULL;
}

const char *daemon_argument(const struct engine_daemon *daemon, const char *name, const char *short_name)
{
    for (size_t i = 0; i < daemon->arguments.count; i++) {
        const char *argument = daemon->arguments.items[i];
        const char *names[] = {name, short_name};
        for (size_t n = 0; n < 2; n++) {
            if (!names[n])
                continue;
            if (argument_value(argument, names[n]))
                return argument_value(argument, names[n]);
            if (!strcmp(argument, names[n]) && i + 1 < daemon->arguments.count)
                return daemon->arguments.items[i + 1];
        }
    }
    return NULL;
}

int state_process_open(const struct engine_state *state, uint32_t pid, int directory, uint64_t start,
                       int *ret_opened)
{
    const struct engine_context *context = state->context;
    char path[16];
    *ret_opened = -1;
    if (directory >= 0)
        return directory;
    snprintf(path, sizeof(path), "%u", pid);
    if (context->open && start)
        *ret_opened = context->open(context->proc, pid, start);
    else if (!context->open || pid == 1) /* the first one's number is nobody else's */
        *ret_opened = openat(context->proc, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    else
        return -ESRCH;
    return *ret_opened;
}

char *state_process_file(const struct engine_state *state, uint32_t pid, int directory, uint64_t start,
                         const char *name, size_t limit, size_t *ret_length)
{
    _cleanup_close_ int opened = -1;
    char *text = NULL;
    int process = state_process_open(state, pid, directory, start, &opened);
    return process >= 0 && file_read(process, name, limit, &text, ret_length, NULL) >= 0 ? text : NULL;
}

/* ---- files of the host ---- */

static int open_in_root(const struct engine_state *state, const char *path, uint64_t flags,
                        struct error *error)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOCTTY,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    long fd = -1;
    errno = EBADF;
    if (state->context->root >= 0)
        fd = syscall(SYS_openat2, state->context->root, path, &how, sizeof(how));
    if (fd < 0)
        return error_errno(error, errno, "engine-unreadable", path, "cannot open");
    return (int)fd;
}

int state_directory(const struct engine_state *state, const char *path, struct error *error)
{
    return open_in_root(state, path, O_RDONLY | O_DIRECTORY, error);
}

uid_t state_owner(const struct engine_state *state, uint32_t user_id)
{
    return user_id ? user_id : state->context->owner;
}

int state_root(const struct engine_state *state, const char *path, uint32_t user_id, struct error *error)
{
    if (!user_id)
        return state_directory(state, path, error);
    if (state->context->root < 0 || path[0] != '/' || !path[1])
        return error_set(error, EBADF, "engine-unreadable", path, "cannot open");
    return file_open_directory_untrusted(state->context->root, path + 1, error);
}

/* The sixth field of the user's line in passwd(5). */
static const char *passwd_home(struct arena *arena, char *passwd, uint32_t user_id, const char *below)
{
    char *rest = NULL;
    for (char *line = strtok_r(passwd, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *field[6] = {line};
        size_t count = 1;
        for (; count < 6 && (field[count] = strchr(field[count - 1], ':')); count++)
            *field[count]++ = '\0';
        uint64_t id;
        if (count < 6 || !text_number(field[2], 0, UINT32_MAX, &id) || id != user_id)
            continue;
        field[5][strcspn(field[5], ":")] = '\0';
        return field[5][0] == '/' ? arena_printf(arena, "%s/%s", field[5], below) : NULL;
    }
    return NULL;
}

const char *state_home(const struct engine_state *state, uint32_t user_id, const char *below)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    if (state_file(state, "/etc/passwd", &text, &length, NULL) < 0)
        return NULL;
    return passwd_home(state->arena, text, user_id, below);
}

int state_file(const struct engine_state *state, const char *path, char **ret_text, size_t *ret_length,
               struct error *error)
{
    const char *slash = strrchr(path, '/');
    if (!slash || !slash[1])
        return error_set(error, EINVAL, "engine-unreadable", path, "not a path to a file");
    _cleanup_free_ char *parent = memory_strndup(path, (size_t)(slash - path) + 1);
    _cleanup_close_ int directory = state_directory(state, parent, error);
    if (directory < 0)
        return directory;
    return file_read_untrusted(directory, slash + 1, state->context->owner, STATE_FILE_MAX, ret_text,
                               ret_length, error);
}

uint32_t state_pid_file(const struct engine_state *state, int directory, const char *path)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    uint64_t pid;
    int r = directory < 0 ? state_file(state, path, &text, &length, NULL)
                          : file_read_untrusted(directory, path, state->context->owner, PID_FILE_MAX, &text,
                                                &length, NULL);
    if (r < 0)
        return 0;
    text[strcspn(text, "\n")] = '\0';
    return text_number(text, 1, UINT32_MAX, &pid) ? (uint32_t)pid : 0;
}

cJSON *state_json(int directory, const char *path, uid_t owner, struct error *error)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    if (file_read_untrusted(directory, path, owner, STATE_FILE_MAX, &text, &length, error) < 0)
        return NULL;
    return json_parse(text, length, path, error);
}

int directory_each(int directory, void (*each)(void *context, int directory, const char *name), void *context,
                   struct error *error)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream) {
        int status = errno;
        close_fd(&copy);
        return error_errno(error, status, "engine-unreadable", NULL, "cannot list the directory");
    }
    const struct dirent *entry;
    while ((errno = 0, entry = readdir(stream))) {
        if (entry->d_name[0] != '.')
            each(context, directory, entry->d_name);
    }
    return errno ? error_errno(error, errno, "engine-unreadable", NULL, "cannot list the directory") : 0;
}

void state_fault(const struct engine_state *state, enum container_engine engine, const struct error *error)
{
    if (error->status == ENOENT || error->status == ENOTDIR)
        return;
    struct error fault = ERROR_NONE;
    error_set(&fault, error->status, "engine-unreadable", engine_name(engine), "%s: %s",
              *error->subject ? error->subject : "state", error->message);
    snapshot_fault(state->context->snapshot, &fault, false);
}

void candidate_add(struct candidates *candidates, struct arena *arena, const char *path)
{
    if (!path || path[0] != '/')
        return;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    list_each(const char *, known, &candidates->paths) {
        if (part_is(path, length, *known))
            return;
    }
    *list_append(&candidates->paths) = arena_strndup(arena, path, length);
}

/* ---- parts of a container ---- */

const char *state_text(struct arena *arena, const char *text)
{
    return text && *text ? text_utf8(arena, text, strlen(text)) : NULL;
}

void container_labels(struct container *container, struct arena *arena, const cJSON *object)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (!cJSON_IsString(item) || !item->string)
            continue;
        struct label *label = list_append(&container->labels);
        label->key = text_utf8(arena, item->string, strlen(item->string));
        label->value = text_utf8(arena, item->valuestring, strlen(item->valuestring));
    }
    container_labels_apply(container);
}

const char *container_label(const struct container *container, const char *key)
{
    list_each(struct label, label, &container->labels) {
        if (!strcmp(label->key, key))
            return label->value;
    }
    return NULL;
}

static void label_take(const struct container *container, const char *key, const char **text)
{
    const char *value = container_label(container, key);
    if (value && *value && !*text)
        *text = value;
}

void container_labels_apply(struct container *container)
{
    label_take(container, "com.docker.compose.project", &container->compose_project);
    label_take(container, "com.docker.compose.service", &container->compose_service);
    label_take(container, "io.podman.compose.project", &container->compose_project);
    label_take(container, "io.kubernetes.pod.name", &container->pod);
    label_take(container, "io.kubernetes.pod.namespace", &container->pod_namespace);
    const char *type = container_label(container, "io.kubernetes.docker.type");
    if (type && !strcmp(type, "podsandbox"))
        container->infrastructure = true;
}

void container_publish(struct container *container, struct address address, uint16_t port, uint16_t target,
                       uint8_t protocol)
{
    list_each(struct published, known, &container->published) {
        if (address_equal(known->address, address) && known->port == port && known->protocol == protocol)
            return;
    }
    *list_append(&container->published) =
        (struct published){.address = address, .port = port, .target = target, .protocol = protocol};
}

static void label_add(struct container *container, struct arena *arena, const char *key, const char *value)
{
    if (!value || !*value || container_label(container, key))
        return;
    *list_append(&container->labels) = (struct label){key, text_utf8(arena, value, strlen(value))};
}

void container_pod_apply(struct container *container, struct arena *arena, const char *namespace,
                         const char *pod, const char *name, bool sandbox)
{
    label_add(container, arena, "io.kubernetes.pod.namespace", namespace);
    label_add(container, arena, "io.kubernetes.pod.name", pod);
    label_add(container, arena, "io.kubernetes.container.name", name);
    container_labels_apply(container);
    container->infrastructure = container->infrastructure || sandbox;
    if (container->pod && container->pod_namespace && (name || sandbox))
        container->name = arena_printf(arena, "%s/%s/%s", container->pod_namespace, container->pod,
                                       name && *name ? text_utf8(arena, name, strlen(name)) : "POD");
}

/* Either spelling: "hostPort" or "HostPort". cJSON compares case-insensitively here, on purpose. */
static void mapping_apply(struct container *container, const cJSON *item)
{
    const cJSON *port = cJSON_GetObjectItem(item, "hostPort"),
                *target = cJSON_GetObjectItem(item, "containerPort");
    const cJSON *protocol = cJSON_GetObjectItem(item, "protocol"), *ip = cJSON_GetObjectItem(item, "hostIP");
    if (!cJSON_IsNumber(port) || !cJSON_IsNumber(target))
        return;
    double from = port->valuedouble, to = target->valuedouble;
    if (from < 1 || from > UINT16_MAX || to < 1 || to > UINT16_MAX)
        return;
    struct address address = {0};
    const char *ip_text = cJSON_IsString(ip) ? ip->valuestring : "";
    if (*ip_text && address_parse(ip_text, &address, NULL) < 0)
        return;
    uint8_t number = IPPROTO_TCP;
    if (cJSON_IsString(protocol) && !strcasecmp(protocol->valuestring, "udp"))
        number = IPPROTO_UDP;
    else if (cJSON_IsString(protocol) && !strcasecmp(protocol->valuestring, "sctp"))
        number = IPPROTO_SCTP;
    container_publish(container, address, (uint16_t)from, (uint16_t)to, number);
}

void container_mappings_apply(struct container *container, const char *text)
{
    if (!text)
        return;
    _cleanup_json_ cJSON *mappings = json_parse(text, strlen(text), "port mappings", NULL);
    const cJSON *item;
    cJSON_ArrayForEach(item, mappings)
    {
        mapping_apply(container, item);
    }
}

uint8_t state_protocol(const char *text, size_t length)
{
    static const struct {
        const char *word;
        uint8_t protocol;
    } rows[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (part_is(text, length, rows[i].word))
            return rows[i].protocol;
    }
    return 0;
}

bool path_is_engine_socket(const char *path)
{
    static const char *const sockets[] = {
        "/run/docker.sock",
        "/var/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/containerd/containerd.sock",
        "/run/crio/crio.sock",
        "/var/run/crio/crio.sock",
        "/var/run/podman/podman.sock",
        "/var/run/containerd/containerd.sock",
        "/run/k3s/containerd/containerd.sock",
        "/",
        "/run",
        "/var/run",
        "/var",
        "/run/docker",
        "/run/podman",
        "/run/containerd",
        "/run/crio",
    };
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
        if (part_is(path, length, sockets[i]))
            return true;
    }
    return false;
}

/* The adjectives of Docker's and Podman's generator (moby, pkg/namesgenerator), sorted. */
static const char *const adjectives[] = {
    "admiring",    "adoring",   "affectionate",  "agitated",   "amazing",       "angry",       "awesome",
    "beautiful",   "blissful",  "bold",          "boring",     "brave",         "busy",        "charming",
    "clever",      "cocky",     "compassionate", "competent",  "condescending", "confident",   "cool",
    "cranky",      "crazy",     "dazzling",      "determined", "distracted",    "dreamy",      "eager",
    "ecstatic",    "elastic",   "elated",        "elegant",    "eloquent",      "epic",        "exciting",
    "fervent",     "festive",   "flamboyant",    "focused",    "friendly",      "frosty",      "funny",
    "gallant",     "gifted",    "goofy",         "gracious",   "great",         "happy",       "hardcore",
    "heuristic",   "hopeful",   "hungry",        "infallible", "inspiring",     "intelligent", "interesting",
    "jolly",       "jovial",    "keen",          "kind",       "laughing",      "loving",      "lucid",
    "magical",     "modest",    "musing",        "mystifying", "naughty",       "nervous",     "nice",
    "nifty",       "nostalgic", "objective",     "optimistic", "peaceful",      "pedantic",    "pensive",
    "practical",   "priceless", "quirky",        "quizzical",  "recursing",     "relaxed",     "reverent",
    "romantic",    "sad",       "serene",        "sharp",      "silly",         "sleepy",      "stoic",
    "strange",     "stupefied", "suspicious",    "sweet",      "tender",        "thirsty",     "trusting",
    "unruffled",   "upbeat",    "vibrant",       "vigilant",   "vigorous",      "wizardly",    "wonderful",
    "xenodochial", "youthful",  "zealous",       "zen",
};

static int word_compare(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

bool name_is_generated(const char *name)
{
    char adjective[16];
    size_t length = strcspn(name, "_");
    if (name[length] != '_' || length >= sizeof(adjective))
        return false;
    memcpy(adjective, name, length);
    adjective[length] = '\0';
    if (!bsearch(adjective, adjectives, sizeof(adjectives) / sizeof(adjectives[0]), sizeof(adjectives[0]),
                 word_compare))
        return false;
    /* a surname, and a digit where the name was taken */
    const char *surname = name + length + 1;
    size_t letters = strspn(surname, "abcdefghijklmnopqrstuvwxyz");
    return letters > 0 &&
           (!surname[letters] || (strspn(surname + letters, "0123456789") == 1 && !surname[letters + 1]));
}

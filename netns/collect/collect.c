/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/collect/collect.h"

#include "netns/base/file.h"
#include "netns/base/pool.h"
#include "netns/base/text.h"
#include "netns/collect/network.h"
#include "netns/collect/place.h"
#include "netns/collect/total.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define IS_BIG_ENDIAN  (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#define SMALL_FILE     ((size_t)4096)
#define RESOLVERS_FILE ((size_t)64 << 10)
#define FIND_GRACE_NS  ((uint64_t)1000000000) /* for the looks within to be given up first */

struct collect {
    struct collect_options options; /* texts are the caller's */
    struct snapshot *snapshot;
    struct found found;
    struct attachment attachment;
    struct place_reading *reading; /* NULL before the second phase */
    LIST(struct engine_root) roots;
    int proc, root;
    bool stuck; /* a thread still uses what is here: nothing may be freed */
    bool lost;  /* the thread that finds: not the snapshot either */
};

/* ---- facts of the host ---- */

static const char *small_file(struct arena *arena, int directory, const char *path)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    if (directory < 0 || file_read(directory, path, SMALL_FILE, &text, &length, NULL) < 0)
        return NULL;
    length = strcspn(text, "\n");
    return length ? text_utf8(arena, text, length) : NULL;
}

/* The machine's name, not the one that a pod has: with another /proc it is read where that machine keeps it.
 */
static const char *host_name(const struct collect *collect)
{
    struct arena *arena = collect->snapshot->arena;
    const char *name = NULL;
    struct utsname facts;
    if (collect->options.host)
        return arena_strdup(arena, collect->options.host);
    if (collect->options.proc)
        name = small_file(arena, collect->root, "etc/hostname");
    if (name || uname(&facts) < 0)
        return name;
    return text_utf8(arena, facts.nodename, strlen(facts.nodename));
}

/* resolv.conf(5); a scope behind % is left out. */
static void resolvers_parse(const char *text, struct snapshot *snapshot)
{
    static const char word[] = "nameserver";
    for (const char *line = text; line; line = strchr(line, '\n')) {
        char name[64] = "";
        struct address address;
        line += *line == '\n';
        if (strncmp(line, word, sizeof(word) - 1) == 0 &&
            sscanf(line + sizeof(word) - 1, " %63[0-9a-fA-F.:]", name) == 1 &&
            address_parse(name, &address, NULL) == 0)
            *list_append(&snapshot->resolvers) = address;
    }
}

/* The administrator's file, and where a resolver on the host keeps whom it asks. */
static void resolvers_read(const struct collect *collect)
{
    static const char *const paths[] = {"etc/resolv.conf", "run/systemd/resolve/resolv.conf",
                                        "run/NetworkManager/no-stub-resolv.conf"};
    for (size_t i = 0; collect->root >= 0 && i < sizeof(paths) / sizeof(*paths); i++) {
        _cleanup_free_ char *text = NULL;
        size_t length;
        if (file_read(collect->root, paths[i], RESOLVERS_FILE, &text, &length, NULL) == 0)
            resolvers_parse(text, collect->snapshot);
    }
}

static void host_describe(struct collect *collect)
{
    struct snapshot *snapshot = collect->snapshot;
    struct utsname facts;
    char now[32];
    snapshot->tool = arena_strdup(snapshot->arena, collect->options.tool);
    snapshot->host = host_name(collect);
    snapshot->machine_id = small_file(snapshot->arena, collect->root, "etc/machine-id");
    snapshot->boot_id = small_file(snapshot->arena, collect->proc, "sys/kernel/random/boot_id");
    snapshot->big_endian = IS_BIG_ENDIAN;
    snapshot->started = arena_strdup(snapshot->arena, time_text(now));
    if (uname(&facts) == 0) {
        snapshot->kernel = text_utf8(snapshot->arena, facts.release, strlen(facts.release));
        snapshot->architecture = text_utf8(snapshot->arena, facts.machine, strlen(facts.machine));
    }
    resolvers_read(collect);
}

/* ---- first phase ---- */

static int root_parse(struct collect *collect, const char *text, struct error *error)
{
    const char *equals = strchr(text, '=');
    _cleanup_free_ char *word = memory_strndup(text, equals ? (size_t)(equals - text) : strlen(text));
    enum container_engine engine = engine_parse(word);
    if (!equals || engine == ENGINE_NONE || equals[1] != '/')
        return error_set(
            error, EINVAL, "bad-engine-root", text,
            "ENGINE=DIR is wanted: docker, podman, containerd, crio, lxc or nspawn, and an absolute path");
    *list_append(&collect->roots) = (struct engine_root){engine, equals + 1};
    return 0;
}

static int places_open(struct collect *collect, struct error *error)
{
    const char *proc = collect->options.proc;
    for (size_t i = 0; i < collect->options.engine_roots.count; i++) {
        int r = root_parse(collect, collect->options.engine_roots.items[i], error);
        if (r < 0)
            return r;
    }
    collect->proc = procfs_open(proc ? proc : "/proc", error);
    if (collect->proc < 0)
        return collect->proc;
    if (proc)
        collect->root = openat(collect->proc, "1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    else
        collect->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return 0;
}

/* Each namespace takes a descriptor: as many as this process may have. */
static void descriptors_allow(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* The finding of namespaces, for a thread that may stay in it. */
struct finding {
    struct collect *collect;
    struct find_options options;
    struct error error;
    int result;
};

static int finding_run(void *context, size_t job)
{
    struct finding *finding = context;
    (void)job;
    finding->result = find_namespaces(&finding->options, finding->collect->snapshot, &finding->collect->found,
                                      &finding->error);
    return 0;
}

static int places_find(struct collect *collect, struct error *error)
{
    uint64_t deadline_ns = collect->options.deadline_ns;
    struct finding *finding = memory_alloc(sizeof(*finding));
    *finding = (struct finding){.collect = collect,
                                .options = {.proc = collect->proc,
                                            .root = collect->root,
                                            .host_namespace = collect->options.host_namespace,
                                            .deadline_ns = deadline_ns}};
    struct pool_options pool = {.workers = 1,
                                .deadline_ns =
                                    deadline_ns ? time_share_ns(deadline_ns, 1) + FIND_GRACE_NS : 0,
                                .run = finding_run,
                                .context = finding};
    enum pool_result result = POOL_NOT_BEGUN;
    int r = pool_run(&pool, 1, &result, error);
    if (r < 0 || result != POOL_DONE) {
        collect->lost = result == POOL_STUCK;
        if (!collect->lost)
            free(finding);
        return r < 0 ? r
                     : error_set(error, ETIMEDOUT, "timeout", "processes",
                                 "the processes of the host could not be looked at in time");
    }
    r = finding->result;
    if (error)
        *error = finding->error;
    free(finding);
    return r;
}

static int find(struct collect *collect, struct error *error)
{
    int r = places_open(collect, error);
    if (r < 0)
        return r;
    host_describe(collect);
    r = places_find(collect, error);
    if (r < 0)
        return r;
    struct engine_context context = {.proc = collect->proc,
                                     .open = process_open_again,
                                     .root = collect->root,
                                     .host_namespace = collect->snapshot->host_namespace,
                                     .snapshot = collect->snapshot};
    list_each(struct engine_root, root, &collect->roots)
        *list_append(&context.roots) = *root;
    attach_containers(collect->snapshot, &collect->found, &context, collect->options.deadline_ns,
                      &collect->attachment);
    list_free(&context.roots);
    return 0;
}

int collect_find(const struct collect_options *options, struct collect **ret_collect, struct error *error)
{
    _cleanup_collect_ struct collect *collect = memory_alloc(sizeof(*collect));
    collect->options = *options;
    collect->proc = collect->root = -1;
    collect->snapshot = snapshot_new();
    descriptors_allow();
    int r = find(collect, error);
    if (r < 0)
        return r;
    *ret_collect = take_ptr(collect);
    return 0;
}

/* ---- second phase ---- */

/* Are the listeners of this namespace wanted? With --container only those of the containers that it names. */
static bool is_wanted(const struct collect *collect, uint64_t namespace)
{
    const struct collect_texts *patterns = &collect->options.containers;
    if (!patterns->count || namespace == collect->snapshot->host_namespace)
        return true;
    list_each(struct container, container, &collect->snapshot->containers) {
        for (size_t i = 0; container->namespace == namespace && i < patterns->count; i++) {
            if (text_match(patterns->items[i], container->name))
                return true;
        }
    }
    return false;
}

static void jobs_make(struct collect *collect, struct place_reading *reading)
{
    const struct found *found = &collect->found;
    reading->jobs = memory_alloc((found->places.count + 1) * sizeof(*reading->jobs));
    for (size_t i = 0; i < found->places.count; i++) {
        struct namespace *namespace = found->places.items[i].namespace;
        reading->jobs[i].namespace = namespace;
        reading->jobs[i].with_sockets = is_wanted(collect, namespace->id);
    }
    list_each(struct container, container, &collect->snapshot->containers) {
        size_t place = found_place_of(found, container->namespace);
        if (container->pid && place != SIZE_MAX)
            *list_append(&reading->jobs[place].firsts) = container->pid;
    }
}

static struct place_reading *reading_make(struct collect *collect)
{
    const struct collect_options *options = &collect->options;
    struct place_reading *reading = memory_alloc(sizeof(*reading));
    reading->found = &collect->found;
    process_source_init(collect->proc, &reading->source);
    reading->modules = modules_read(collect->proc, NULL);
    program_survey_read(&reading->survey);
    reading->budget = options->budget ? *options->budget : READ_BUDGET_DEFAULT;
    reading->total_bytes = options->total ? options->total : total_for_all(collect->proc);
    atomic_init(&reading->total.left, reading->total_bytes);
    reading->deadline_ns = options->deadline_ns;
    reading->namespace_ns = options->namespace_ns ? options->namespace_ns : COLLECT_NAMESPACE_NS;
    reading->workers = options->workers;
    reading->cgroups = program_open_cgroups();
    jobs_make(collect, reading);
    return reading;
}

static void reading_free(struct place_reading *reading, size_t count)
{
    if (!reading)
        return;
    for (size_t i = 0; i < count; i++) {
        owner_walk_free(&reading->jobs[i].walk);
        list_free(&reading->jobs[i].firsts);
    }
    free(reading->jobs);
    free(reading->order);
    modules_free(reading->modules);
    program_survey_free(&reading->survey);
    close_fd(&reading->cgroups);
    free(reading);
}

/* ---- joining what was read ---- */

static void owners_join(struct collect *collect)
{
    struct place_reading *reading = collect->reading;
    struct owner_merge merge = {collect->snapshot, &collect->found, map_new()};
    struct pool_options pool = {.workers = reading->workers, .deadline_ns = reading->deadline_ns};
    size_t refused = 0;
    for (size_t i = 0; i < collect->found.places.count; i++) {
        struct place_job *job = &reading->jobs[i];
        if (job->namespace != collect->found.places.items[i].namespace)
            continue; /* replaced: its thread is stuck */
        refused += job->walk.refused;
        owner_merge(&merge, &job->walk);
    }
    if (owner_find_rest(&merge, &reading->source, &pool, refused))
        collect->stuck = true;
    map_free(merge.by_pid);
}

/* The host's own namespaces, by its first process, else by ourselves. */
static struct process host_process(const struct collect *collect)
{
    struct process facts = {0};
    _cleanup_close_ int first = process_open(collect->proc, 1);
    _cleanup_close_ int own = openat(collect->proc, "self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (first >= 0)
        process_read(&collect->reading->source, first, 1, collect->snapshot->arena, &facts, NULL);
    if (!facts.user_namespace && own >= 0) {
        facts = (struct process){0};
        process_read(&collect->reading->source, own, (uint32_t)getpid(), collect->snapshot->arena, &facts,
                     NULL);
    }
    return facts;
}

static void join(struct collect *collect)
{
    struct snapshot *snapshot = collect->snapshot;
    struct process host = host_process(collect);
    snapshot->host_pid_namespace = host.pid_namespace;
    owners_join(collect);
    attach_processes(snapshot, &collect->attachment, &host);
    attach_outside(snapshot, &collect->found, collect->options.uplinks.items, collect->options.uplinks.count);
    network_attach(snapshot, &collect->found, &collect->attachment);
    network_publish(snapshot, &collect->attachment);
    list_each(struct namespace *, namespace, &snapshot->namespaces) {
        if ((*namespace)->entered && (*namespace)->sysctls.conntrack_max >= 0)
            snapshot->conntrack_present = true;
    }
}

/* ---- the second look ---- */

static void vanished_tell(struct collect *collect, struct namespace *namespace)
{
    struct error error = ERROR_NONE;
    char subject[32];
    const char *owner = attach_owner_name(collect->snapshot, namespace->id);
    snprintf(subject, sizeof(subject), "net:[%llu]", (unsigned long long)namespace->id);
    error_set(&error, ENOENT, "namespace-vanished", subject, "the namespace of %s went away during the scan",
              owner ? owner : "a process");
    snapshot_fault(collect->snapshot, &error, true);
    namespace->gone = true;
}

static void refused_tell(struct collect *collect, const struct namespace *namespace)
{
    struct error error = ERROR_NONE;
    char subject[32];
    const char *owner = attach_owner_name(collect->snapshot, namespace->id);
    snprintf(subject, sizeof(subject), "net:[%llu]", (unsigned long long)namespace->id);
    error_set(&error, EPERM, "namespace-not-entered", subject, "%s%s%s", owner ? owner : "",
              owner ? ": " : "", namespace->error);
    snapshot_fault(collect->snapshot, &error, false);
}

static void look_again(struct collect *collect)
{
    struct snapshot *snapshot = collect->snapshot;
    bool *alive = memory_alloc(collect->found.places.count + 1);
    snapshot->namespaces_seen = (uint32_t)collect->found.places.count;
    find_alive(&collect->found, alive);
    for (size_t i = 0; i < collect->found.places.count; i++) {
        struct namespace *namespace = collect->found.places.items[i].namespace;
        snapshot->namespaces_entered += namespace->entered;
        if (!alive[i])
            vanished_tell(collect, namespace);
        else if (namespace->error && !namespace->faults.count)
            refused_tell(collect, namespace);
    }
    free(alive);
}

int collect_read(struct collect *collect, struct error *error)
{
    char now[32];
    bool stuck = false;
    collect->reading = reading_make(collect);
    int r = place_read_all(collect->reading, collect->snapshot, &collect->found, &stuck, error);
    if (r < 0)
        return r;
    collect->stuck = stuck;
    join(collect);
    look_again(collect);
    collect->snapshot->finished = arena_strdup(collect->snapshot->arena, time_text(now));
    return 0;
}

/* ---- what the caller may have ---- */

struct snapshot *collect_snapshot(const struct collect *collect)
{
    return collect->snapshot;
}

struct snapshot *collect_take_snapshot(struct collect *collect)
{
    return take_ptr(collect->snapshot);
}

const struct namespace_handle *collect_handle(const struct collect *collect, uint64_t id)
{
    size_t place = found_place_of(&collect->found, id);
    if (place == SIZE_MAX || collect->found.places.items[place].handle.fd < 0)
        return NULL;
    return &collect->found.places.items[place].handle;
}

void collect_close_handle(struct collect *collect, uint64_t id)
{
    size_t place = found_place_of(&collect->found, id);
    if (place != SIZE_MAX && !collect->stuck)
        namespace_close(&collect->found.places.items[place].handle);
}

void collect_close_handles(struct collect *collect)
{
    list_each(struct found_place, place, &collect->found.places) {
        if (!collect->stuck)
            namespace_close(&place->handle);
    }
}

int collect_proc(const struct collect *collect)
{
    return collect->proc;
}

bool collect_alive(const struct collect *collect, uint64_t id)
{
    size_t place = found_place_of(&collect->found, id);
    bool *alive = memory_alloc(collect->found.places.count + 1);
    find_alive(&collect->found, alive);
    bool result = place != SIZE_MAX && alive[place];
    free(alive);
    return result;
}

static void descriptors_leave(struct collect *collect)
{
    list_each(struct found_process, process, &collect->found.processes)
        process->directory = -1;
    collect->proc = collect->root = -1;
}

struct collect *collect_free(struct collect *collect)
{
    if (!collect)
        return NULL;
    if (collect->lost)
        return NULL;
    snapshot_free(take_ptr(collect->snapshot));
    if (collect->stuck) /* left to the thread that may come back to it */
        return NULL;
    if (collect->attachment.stuck) /* and the descriptors to the one that reads the engines' files */
        descriptors_leave(collect);
    reading_free(collect->reading, collect->found.places.count);
    attachment_free(&collect->attachment);
    if (collect->found.by_inode)
        found_free(&collect->found);
    list_free(&collect->roots);
    close_fd(&collect->proc);
    close_fd(&collect->root);
    free(collect);
    return NULL;
}

void cleanup_collect(struct collect **collect)
{
    *collect = collect_free(*collect);
}

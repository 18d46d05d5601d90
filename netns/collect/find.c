/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/collect/find.h"

#include "netns/base/file.h"
#include "netns/base/pool.h"
#include "netns/base/text.h"
#include "netns/engine/engine.h"
#include "netns/engine/mount.h"
#include "netns/read/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define CGROUP_MAX    ((size_t)64 << 10)
#define MOUNTINFO_MAX ((size_t)16 << 20)
#define LEADER_TRIES  4             /* threads that end just when they are looked at */
#define MOUNT_PARTS   4             /* of the time that is left, for a look at what is mounted */
#define UNSEEN_NAMED  8             /* of what may not be looked at */
#define UNSEEN_TEXT   ((size_t)700) /* leaves room in an error's message */

struct finder {
    const struct find_options *options;
    struct snapshot *snapshot;
    struct found *found;
    struct buffer *unseen; /* the names of the first UNSEEN_NAMED of them */
    bool full;             /* FIND_NAMESPACES_MAX was reached, and told */
    size_t held;           /* more processes whose directories may be held */
};

/* name: of a process, thread or mount that may not be looked at */
static void unseen_add(struct finder *finder, const char *name)
{
    if (finder->found->unseen++ >= UNSEEN_NAMED)
        return;
    buffer_append(finder->unseen, finder->unseen->length ? ", " : "");
    buffer_append(finder->unseen, text_utf8(finder->snapshot->arena, name, strlen(name)));
}

/* thread: 0: the process itself */
static void unseen_process(struct finder *finder, uint32_t pid, uint32_t thread)
{
    char name[64];
    if (thread)
        snprintf(name, sizeof(name), "thread %u of process %u", thread, pid);
    else
        snprintf(name, sizeof(name), "process %u", pid);
    unseen_add(finder, name);
}

size_t found_place_of(const struct found *found, uint64_t inode)
{
    uintptr_t packed = (uintptr_t)map_get_u64(found->by_inode, inode);
    return packed ? packed - 1 : SIZE_MAX;
}

/* ---- places ---- */

/* Takes over the handle, or closes it where the namespace is known or there are too many. */
static size_t place_add(struct finder *finder, struct namespace_handle *handle)
{
    struct found *found = finder->found;
    size_t index = found_place_of(found, handle->inode);
    if (index != SIZE_MAX || found->places.count >= FIND_NAMESPACES_MAX) {
        namespace_close(handle);
        if (index == SIZE_MAX && !finder->full) {
            struct error error = ERROR_NONE;
            finder->full = true;
            error_set(&error, EMFILE, "over-budget", "namespaces",
                      "more than %zu: the rest was not looked at", FIND_NAMESPACES_MAX);
            snapshot_fault(finder->snapshot, &error, false);
        }
        return index;
    }
    struct namespace *namespace = namespace_new(handle->inode);
    namespace->device = handle->device;
    namespace->user_namespace = handle->user_namespace;
    namespace->role = ROLE_BARE;
    *list_append(&finder->snapshot->namespaces) = namespace;
    index = found->places.count;
    *list_append(&found->places) = (struct found_place){.handle = *handle, .namespace = namespace};
    map_set_u64(found->by_inode, handle->inode, (void *)(uintptr_t)(index + 1));
    return index;
}

/* ---- the host's ---- */

static int host_find(struct finder *finder, struct error *error)
{
    struct namespace_handle home, host;
    int r = namespace_home(finder->options->proc, &home, error);
    if (r < 0)
        return r;
    if (finder->options->host_namespace) {
        r = namespace_open(AT_FDCWD, finder->options->host_namespace, &host, error);
        if (r < 0) {
            namespace_close(&home);
            return r;
        }
        place_add(finder, &host);
    }
    size_t place = place_add(finder, &home);
    finder->found->places.items[0].namespace->role = ROLE_HOST;
    finder->snapshot->host_namespace = finder->found->places.items[0].namespace->id;
    finder->found->places.items[place].home = true;
    return 0;
}

/* ---- processes ---- */

static const char *unified_path(struct arena *arena, const char *text)
{
    const char *line = text_starts(text, "0::/") ? text : strstr(text, "\n0::/");
    if (!line)
        return NULL;
    line = strchr(line, '/');
    return text_utf8(arena, line, strcspn(line, "\n"));
}

/* Processes of one container have the same text: it is taken apart once. */
static const struct found_cgroup *cgroup_read(struct finder *finder, int process)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    if (file_read(process, "cgroup", CGROUP_MAX, &text, &length, NULL) < 0)
        return NULL;
    struct found_cgroup *cgroup = map_get(finder->found->cgroups, text);
    if (cgroup)
        return cgroup;
    cgroup = arena_alloc(finder->snapshot->arena, sizeof(*cgroup));
    cgroup->path = engine_cgroup_path(finder->snapshot->arena, text, length);
    cgroup->unified = unified_path(finder->snapshot->arena, text);
    map_set(finder->found->cgroups, text, cgroup);
    return cgroup;
}

static void process_add(struct finder *finder, size_t place, const struct found_process *process)
{
    struct found *found = finder->found;
    struct found_place *at = &found->places.items[place];
    struct found_process *added = list_append(&found->processes);
    *added = *process;
    added->place = (uint32_t)place;
    *list_append(&at->processes) = (uint32_t)(found->processes.count - 1);
    if (!process->thread)
        map_set_u64(found->by_pid, process->pid, (void *)(uintptr_t)found->processes.count);
    if (at->namespace->pids.count < FIND_PIDS_MAX)
        *list_append(&at->namespace->pids) = process->thread ? process->thread : process->pid;
}

const struct found_process *found_process_of(const struct found *found, uint32_t pid)
{
    uintptr_t packed = (uintptr_t)map_get_u64(found->by_pid, pid);
    return packed ? &found->processes.items[packed - 1] : NULL;
}

int found_process_open(const struct found *found, const struct found_process *process, int *ret_opened)
{
    *ret_opened = -1;
    if (process->directory >= 0)
        return process->directory;
    *ret_opened = process_open_again(found->proc, process->pid, process->start);
    return *ret_opened;
}

/* The place of a process's or (not 0) thread's namespace by its inode, opened where it is not known yet;
 * SIZE_MAX: not to be had. */
static size_t place_open(struct finder *finder, int process, uint32_t pid, uint32_t thread, uint64_t inode)
{
    size_t place = found_place_of(finder->found, inode);
    struct namespace_handle handle;
    struct error error = ERROR_NONE;
    char path[64] = "ns/net";
    if (place != SIZE_MAX)
        return place;
    if (thread)
        snprintf(path, sizeof(path), "task/%u/ns/net", thread);
    int r = namespace_open(process, path, &handle, &error);
    if (r >= 0)
        return place_add(finder, &handle);
    if (r != -ENOENT && r != -ESRCH) {
        unseen_process(finder, pid, thread);
        if (r == -EMFILE || r == -ENFILE)
            snapshot_fault(finder->snapshot, &error, false);
    }
    return SIZE_MAX;
}

struct threads {
    struct finder *finder;
    int process;
    struct found_process facts; /* of the process */
};

static int thread_visit(void *context, uint32_t thread, uint64_t inode)
{
    const struct threads *threads = context;
    struct found_process facts = threads->facts;
    size_t place = place_open(threads->finder, threads->process, facts.pid, thread, inode);
    facts.thread = thread;
    if (place != SIZE_MAX)
        process_add(threads->finder, place, &facts);
    return 0;
}

static int first_thread(void *context, uint32_t thread, uint64_t inode)
{
    (void)inode;
    *(uint32_t *)context = thread;
    return 1;
}

/* A thread that still runs in a process whose first one has ended; 0: there is none, the process is dead. */
static uint32_t thread_left(int process, uint32_t pid)
{
    uint32_t thread = 0;
    process_threads(process, pid, 0, first_thread, &thread);
    return thread;
}

/*
 * Opens the process. Where its first thread has ended /proc/PID shows neither namespaces nor descriptors,
 * though the others run: one of them stands for it then, whose number opens the same directories.
 */
static int process_open_living(const struct finder *finder, uint32_t *pid, uint64_t *ret_inode)
{
    _cleanup_close_ int process = -1;
    int r = -ESRCH;
    for (unsigned tries = 0; *pid && tries < LEADER_TRIES; tries++) {
        close_fd(&process);
        process = process_open(finder->options->proc, *pid);
        if (process < 0)
            return process;
        r = process_namespace(process, "net", ret_inode);
        if (r >= 0)
            return take_fd(&process);
        if (r != -ENOENT && r != -ESRCH)
            return r;
        *pid = thread_left(process, *pid);
    }
    return *pid ? -EAGAIN : -ESRCH;
}

static int process_look(void *context, uint32_t pid)
{
    struct finder *finder = context;
    uint64_t inode;
    _cleanup_close_ int process = process_open_living(finder, &pid, &inode);
    if (process < 0) {
        if (process != -ENOENT && process != -ESRCH) /* those are gone since the listing */
            unseen_process(finder, pid, 0);
        return 0;
    }
    size_t place = place_open(finder, process, pid, 0, inode);
    if (place == SIZE_MAX)
        return 0;
    struct threads threads = {finder, process, {.directory = -1, .pid = pid}};
    threads.facts.cgroup = cgroup_read(finder, process);
    if (finder->held) {
        finder->held--;
        threads.facts.directory = process;
    } else {
        threads.facts.start = process_start(process);
    }
    process_add(finder, place, &threads.facts);
    int r = process_threads(process, pid, inode, thread_visit, &threads);
    if (threads.facts.directory >= 0)
        take_fd(&process); /* found_free() closes it */
    if (r < 0 && r != -ENOENT && r != -ESRCH)
        unseen_process(finder, pid, 0);
    return 0;
}

static int processes_find(struct finder *finder, struct error *error)
{
    return process_list(finder->options->proc, process_look, finder, error);
}

static void unseen_tell(struct finder *finder)
{
    struct error fault = ERROR_NONE;
    size_t count = finder->found->unseen;
    if (!count)
        return;
    if (count > UNSEEN_NAMED)
        buffer_printf(finder->unseen, " and %zu more", count - UNSEEN_NAMED);
    error_set(&fault, EACCES, "process-unreadable", "processes",
              "the namespaces of %zu processes and mounts may not be looked at (CAP_SYS_PTRACE): %s", count,
              finder->unseen->data);
    snapshot_fault(finder->snapshot, &fault, false);
}

/* ---- mounts ---- */

static bool text_listed(const char *text, const char *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(items[i], text))
            return true;
    }
    return false;
}

static void place_name(struct namespace *namespace, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *whole = text_utf8(namespace->arena, path, strlen(path));
    char *name = text_utf8(namespace->arena, slash + 1, strlen(slash + 1));
    if (text_listed(whole, namespace->paths.items, namespace->paths.count))
        return;
    *list_append(&namespace->paths) = whole;
    if (!text_listed(name, namespace->names.items, namespace->names.count))
        *list_append(&namespace->names) = name;
}

/* Paths of the host, looked at by threads: the way to one may lead through a file system that hangs. */
enum look_kind { LOOK_AT, LOOK_OPEN, LOOK_LIST };
struct mount_look {
    const char *path; /* absolute */
    enum look_kind kind;
    LIST(char *) members; /* of a folder that was listed: their paths, malloc'ed */
    struct stat status;
    struct namespace_handle handle;
    struct error error;
    int result; /* of the look, the opening or the listing: 0, -errno */
    enum pool_result how;
};
struct mount_looks {
    struct arena *arena;
    int root;
    LIST(struct mount_look) items;
};

static int folder_list(int root, struct mount_look *look)
{
    int fd = openat(root, look->path + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!folder) {
        int status = errno;
        close_fd(&fd);
        return -status;
    }
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] != '.')
            *list_append(&look->members) = memory_printf("%s/%s", look->path, entry->d_name);
    }
    return 0;
}

static int mount_run(void *context, size_t job)
{
    const struct mount_looks *looks = context;
    struct mount_look *look = &looks->items.items[job];
    if (look->kind == LOOK_OPEN)
        look->result = namespace_open(looks->root, look->path + 1, &look->handle, &look->error);
    else if (look->kind == LOOK_LIST)
        look->result = folder_list(looks->root, look);
    else
        look->result = fstatat(looks->root, look->path + 1, &look->status, 0) < 0 ? -errno : 0;
    return 0;
}

static void mount_add(struct mount_looks *looks, const char *path)
{
    if (path[0] == '/' && path[1])
        *list_append(&looks->items) = (struct mount_look){
            .path = arena_strdup(looks->arena, path), .handle = {.fd = -1}, .how = POOL_NOT_BEGUN};
}

static struct mount_looks *mounts_new(int root)
{
    struct mount_looks *looks = memory_alloc(sizeof(*looks));
    looks->arena = arena_new();
    looks->root = root;
    return looks;
}

/* Where a thread is stuck in one of them they are left to it. */
static void mounts_free(struct mount_looks *looks)
{
    list_each(struct mount_look, look, &looks->items) {
        if (look->how == POOL_STUCK)
            return;
    }
    list_each(struct mount_look, look, &looks->items) {
        list_each(char *, member, &look->members)
            free(*member);
        list_free(&look->members);
    }
    list_free(&looks->items);
    arena_free(looks->arena);
    free(looks);
}

static void mounts_look(struct mount_looks *looks, uint64_t deadline_ns)
{
    size_t count = looks->items.count;
    enum pool_result *results = memory_alloc((count + 1) * sizeof(*results));
    struct pool_options pool = {
        .deadline_ns = time_share_ns(deadline_ns, MOUNT_PARTS), .run = mount_run, .context = looks};
    bool ran = pool_run(&pool, count, results, NULL) >= 0;
    for (size_t i = 0; i < count; i++)
        looks->items.items[i].how = ran ? results[i] : POOL_NOT_BEGUN;
    free(results);
}

static void mount_late(struct finder *finder, const char *path)
{
    struct error error = ERROR_NONE;
    error_set(&error, ETIMEDOUT, "timeout", path, "what is mounted there was not looked at in time");
    snapshot_fault(finder->snapshot, &error, false);
}

/* Names the place of a path that was looked at; true: it is not known yet. */
static bool mount_is_new(struct finder *finder, const struct mount_look *look)
{
    if (look->how != POOL_DONE)
        mount_late(finder, look->path);
    else if (look->result == -EACCES || look->result == -EPERM)
        unseen_add(finder, look->path);
    if (look->how != POOL_DONE || look->result < 0)
        return false;
    size_t place = found_place_of(finder->found, look->status.st_ino);
    if (place == SIZE_MAX || finder->found->places.items[place].handle.device != look->status.st_dev)
        return true;
    place_name(finder->found->places.items[place].namespace, look->path);
    return false;
}

/* What is not a network namespace is left alone: a file that `ip netns` left behind. */
static void mount_take(struct finder *finder, struct mount_look *look)
{
    if (look->how != POOL_DONE) {
        mount_late(finder, look->path);
        return;
    }
    if (look->result < 0) {
        if (look->result != -ENOENT && look->result != -ESRCH && look->result != -EINVAL)
            snapshot_fault(finder->snapshot, &look->error, false);
        return;
    }
    size_t place = place_add(finder, &look->handle);
    if (place != SIZE_MAX)
        place_name(finder->found->places.items[place].namespace, look->path);
}

/* Most paths lead to namespaces that a process showed already: only the others are opened. */
static void mounts_take(struct finder *finder, struct mount_looks *looks)
{
    struct mount_looks *fresh = mounts_new(looks->root);
    mounts_look(looks, finder->options->deadline_ns);
    list_each(struct mount_look, look, &looks->items) {
        if (mount_is_new(finder, look))
            mount_add(fresh, look->path);
    }
    list_each(struct mount_look, look, &fresh->items)
        look->kind = LOOK_OPEN;
    mounts_look(fresh, finder->options->deadline_ns);
    list_each(struct mount_look, look, &fresh->items)
        mount_take(finder, look);
    mounts_free(fresh);
    mounts_free(looks);
}

static void mount_found(void *context, const char *path)
{
    mount_add(context, path);
}

/* Folders of mounts, listed as their members are looked at: by threads. */
static void folders_look(struct finder *finder, struct mount_looks *looks)
{
    /* of another mount namespace, where `ip netns` or Docker runs in one of its own */
    static const char *const folders[] = {"/run/netns", "/run/docker/netns"};
    struct mount_looks *lists = mounts_new(finder->options->root);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        mount_add(lists, folders[i]);
    list_each(struct mount_look, look, &lists->items)
        look->kind = LOOK_LIST;
    mounts_look(lists, finder->options->deadline_ns);
    list_each(struct mount_look, look, &lists->items) {
        if (look->how != POOL_DONE)
            mount_late(finder, look->path);
        else if (look->result < 0 && look->result != -ENOENT && look->result != -ENOTDIR)
            unseen_add(finder, look->path);
        for (size_t i = 0; look->how == POOL_DONE && i < look->members.count; i++)
            mount_add(looks, look->members.items[i]);
    }
    mounts_free(lists);
}

/* Mounts of the first process of the scan's /proc: those of the host, wherever the scan itself runs. */
static char *mountinfo_read(const struct finder *finder, size_t *ret_length, struct error *error)
{
    char *text = NULL;
    if (file_read(finder->options->proc, "1/mountinfo", MOUNTINFO_MAX, &text, ret_length, NULL) >= 0)
        return text;
    return file_read(finder->options->proc, "self/mountinfo", MOUNTINFO_MAX, &text, ret_length, error) >= 0
               ? text
               : NULL;
}

static void mounts_find(struct finder *finder)
{
    struct error error = ERROR_NONE;
    size_t length = 0;
    if (finder->options->root < 0) {
        error_set(&error, EACCES, "file-unreadable", "1/root",
                  "the host's root cannot be opened: namespaces without a process were not looked for");
        snapshot_fault(finder->snapshot, &error, false);
        return;
    }
    struct mount_looks *looks = mounts_new(finder->options->root);
    _cleanup_free_ char *text = mountinfo_read(finder, &length, &error);
    if (text)
        mount_each_namespace(text, length, mount_found, looks);
    else
        snapshot_fault(finder->snapshot, &error, false);
    folders_look(finder, looks);
    mounts_take(finder, looks);
}

/* Half of what may be open: the rest is for namespaces and what is read in them. */
static size_t held_limit(const struct find_options *options)
{
    struct rlimit limit;
    if (options->held)
        return options->held;
    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : (size_t)limit.rlim_cur / 2;
}

int find_namespaces(const struct find_options *options, struct snapshot *snapshot, struct found *ret_found,
                    struct error *error)
{
    *ret_found = (struct found){.proc = options->proc,
                                .root = options->root,
                                .deadline_ns = options->deadline_ns,
                                .by_inode = map_new(),
                                .by_pid = map_new(),
                                .cgroups = map_new()};
    _cleanup_buffer_ struct buffer unseen = BUFFER(UNSEEN_TEXT);
    struct finder finder = {options, snapshot, ret_found, &unseen, false, held_limit(options)};
    int r = host_find(&finder, error);
    if (r >= 0)
        r = processes_find(&finder, error);
    if (r < 0) {
        found_free(ret_found);
        return r;
    }
    mounts_find(&finder);
    unseen_tell(&finder);
    return 0;
}

void found_free(struct found *found)
{
    list_each(struct found_place, place, &found->places) {
        namespace_close(&place->handle);
        list_free(&place->processes);
    }
    list_free(&found->places);
    list_each(struct found_process, process, &found->processes) {
        if (!process->thread)
            close_fd(&process->directory);
    }
    list_free(&found->processes);
    found->by_inode = map_free(found->by_inode);
    found->by_pid = map_free(found->by_pid);
    found->cgroups = map_free(found->cgroups);
}

/* ---- the second look ---- */

static bool file_is_place(const struct found_place *place, int directory, const char *path)
{
    struct stat status;
    return fstatat(directory, path, &status, 0) == 0 && status.st_ino == place->handle.inode &&
           status.st_dev == place->handle.device;
}

/* Do the processes that held it when it was found still hold it? */
static bool is_held(const struct found *found, const struct found_place *place)
{
    if (place->home || place->namespace->role == ROLE_HOST)
        return true;
    list_each(uint32_t, at, &place->processes) {
        const struct found_process *process = &found->processes.items[*at];
        char path[64];
        if (process->thread)
            snprintf(path, sizeof(path), "%u/task/%u/ns/net", process->pid, process->thread);
        else
            snprintf(path, sizeof(path), "%u/ns/net", process->pid);
        if (file_is_place(place, found->proc, path))
            return true;
    }
    return false;
}

/* The same of the mounts of those that no process holds. What cannot be looked at in time counts as there. */
static void mounts_alive(const struct found *found, bool *alive)
{
    struct mount_looks *looks = mounts_new(found->root);
    LIST(size_t) places = {0};
    for (size_t i = 0; i < found->places.count; i++) {
        list_each(const char *, path, &found->places.items[i].namespace->paths) {
            if (alive[i])
                break;
            mount_add(looks, *path);
            if (places.count < looks->items.count)
                *list_append(&places) = i;
        }
    }
    mounts_look(looks, found->deadline_ns);
    for (size_t i = 0; i < looks->items.count; i++) {
        const struct mount_look *look = &looks->items.items[i];
        const struct namespace_handle *handle = &found->places.items[places.items[i]].handle;
        if (look->how != POOL_DONE || (look->result == 0 && look->status.st_ino == handle->inode &&
                                       look->status.st_dev == handle->device))
            alive[places.items[i]] = true;
    }
    list_free(&places);
    mounts_free(looks);
}

struct again {
    const struct found *found;
    bool *alive;
};

static int thread_again(void *context, uint32_t thread, uint64_t inode)
{
    const struct again *again = context;
    size_t place = found_place_of(again->found, inode);
    (void)thread;
    /* once the descriptor is closed the number may be another namespace's */
    if (place != SIZE_MAX && again->found->places.items[place].handle.fd >= 0)
        again->alive[place] = true;
    return 0;
}

static int process_again(void *context, uint32_t pid)
{
    const struct again *again = context;
    uint64_t inode = 0;
    _cleanup_close_ int process = process_open(again->found->proc, pid);
    if (process >= 0 && process_namespace(process, "net", &inode) >= 0)
        thread_again(context, pid, inode);
    if (process >= 0)
        process_threads(process, pid, inode, thread_again, context);
    return 0;
}

/*
 * Whoever was in it may have left a child there and ended, over and over: only where no process at all is
 * left the namespace is gone. One more listing of all processes tells, for all places at once.
 */
void find_alive(const struct found *found, bool *ret_alive)
{
    struct again again = {found, ret_alive};
    bool all = true;
    for (size_t i = 0; i < found->places.count; i++)
        ret_alive[i] = is_held(found, &found->places.items[i]);
    mounts_alive(found, ret_alive);
    for (size_t i = 0; i < found->places.count; i++)
        all = all && ret_alive[i];
    if (!all)
        process_list(found->proc, process_again, &again, NULL);
}

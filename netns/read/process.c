/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/process.h"
#include "netns/base/file.h"
#include "netns/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { STATUS_MAX = 1 << 16, CGROUPS_MAX = 1 << 18, PATH_TEXT_MAX = 4096, IDENTITY_DIGITS = 32 };

/* ---- which there are ---- */

static DIR *open_numbers(int directory, const char *path)
{
    int fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);

    if (!entries)
        close_fd(&fd);
    return entries;
}

/* Entries of a directory that are numbers, as the kernel lists them. */
static int each_number(DIR *entries, int (*visit)(void *context, uint32_t number), void *context)
{
    struct dirent *entry;
    int result = 0;

    while (!result && (errno = 0, entry = readdir(entries))) {
        uint64_t number;

        if (text_number(entry->d_name, 0, UINT32_MAX, &number))
            result = visit(context, (uint32_t)number);
    }
    return result ? result : -errno; /* a process can end while its directory is listed */
}

int process_list(int proc, process_visit visit, void *context, struct error *error)
{
    _cleanup_closedir_ DIR *entries = open_numbers(proc, ".");

    if (!entries)
        return error_errno(error, errno, "processes-unreadable", "/proc", "processes cannot be listed");
    return each_number(entries, visit, context);
}

int process_open(int proc, uint32_t pid)
{
    char path[16];
    int fd;

    snprintf(path, sizeof(path), "%" PRIu32, pid);
    fd = openat(proc, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

bool process_parse_link(const char *text, const char *word, uint64_t *ret_inode)
{
    size_t length = strlen(word);
    char *end;

    if (strncmp(text, word, length) || text[length] != ':' || text[length + 1] != '[')
        return false;
    *ret_inode = strtoull(text + length + 2, &end, 10);
    return isdigit((unsigned char)text[length + 2]) && *end == ']' && end[1] == 0;
}

static int read_link(int directory, const char *path, char *text, size_t size)
{
    ssize_t length = readlinkat(directory, path, text, size - 1);

    if (length < 0)
        return -errno;
    text[length] = 0;
    return 0;
}

int process_namespace(int process, const char *kind, uint64_t *ret_inode)
{
    char path[32], text[64];
    int result;

    snprintf(path, sizeof(path), "ns/%s", kind);
    result = read_link(process, path, text, sizeof(text));
    if (result < 0)
        return result;
    /* ns/pid_for_children points at "pid:[...]": only kinds that point at themselves are asked for */
    return process_parse_link(text, kind, ret_inode) ? 0 : -EBADMSG;
}

static int read_text(int process, const char *path, size_t limit, char **ret_text)
{
    size_t length;

    return file_read(process, path, limit, ret_text, &length, NULL);
}

/* What stands behind the name in /proc/PID/stat; the name may hold anything, parentheses too. */
static const char *behind_name(const char *text)
{
    const char *close = strrchr(text, ')');

    return close && close[1] == ' ' ? close + 2 : NULL;
}

int process_open_again(int proc, uint32_t pid, uint64_t start)
{
    _cleanup_close_ int process = process_open(proc, pid);

    if (process >= 0 && (!start || process_start(process) != start))
        return -ESRCH;
    return take_fd(&process);
}

bool process_alive(int process)
{
    _cleanup_free_ char *text = NULL;
    const char *state;

    if (read_text(process, "stat", STATUS_MAX, &text) < 0)
        return false;
    state = behind_name(text);
    return state && *state && !strchr("ZXx", *state);
}

uint64_t process_start(int process)
{
    _cleanup_free_ char *text = NULL;

    return read_text(process, "stat", STATUS_MAX, &text) < 0 ? 0 : process_parse_start(text);
}

/* ---- threads that went somewhere else ---- */

struct threads_walk {
    int process;
    uint32_t pid;
    uint64_t network_namespace;
    process_visit_thread visit;
    void *context;
};

static int visit_thread(void *context, uint32_t thread)
{
    const struct threads_walk *walk = context;
    char path[32], text[64];
    uint64_t inode;

    if (thread == walk->pid)
        return 0;
    snprintf(path, sizeof(path), "task/%" PRIu32 "/ns/net", thread);
    if (read_link(walk->process, path, text, sizeof(text)) < 0)
        return 0; /* ended meanwhile */
    if (!process_parse_link(text, "net", &inode) || inode == walk->network_namespace)
        return 0;
    return walk->visit(walk->context, thread, inode);
}

int process_threads(int process, uint32_t pid, uint64_t network_namespace, process_visit_thread visit,
                    void *context)
{
    struct threads_walk walk = {.process = process,
                                .pid = pid,
                                .network_namespace = network_namespace,
                                .visit = visit,
                                .context = context};
    _cleanup_closedir_ DIR *entries = NULL;
    struct stat facts;

    if (fstatat(process, "task", &facts, 0) < 0)
        return -errno;
    if (facts.st_nlink == 3) /* two of any directory's, and one thread's */
        return 0;
    entries = open_numbers(process, "task");
    return entries ? each_number(entries, visit_thread, &walk) : -errno;
}

/* ---- what it is ---- */

void process_source_init(int proc, struct process_source *ret_source)
{
    _cleanup_close_ int self = openat(proc, "self", O_PATH | O_DIRECTORY | O_CLOEXEC);

    *ret_source = (struct process_source){.proc = proc};
    if (self < 0)
        return;
    (void)process_namespace(self, "mnt", &ret_source->mount_namespace);
    (void)process_namespace(self, "user", &ret_source->user_namespace);
}

/* The kernel writes a newline as \n and a backslash as \\, so that the line stays one. */
static const char *unescape(struct arena *arena, const char *text, size_t length)
{
    _cleanup_free_ char *plain = memory_alloc(length + 1);
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        bool escaped = text[i] == '\\' && i + 1 < length && (text[i + 1] == 'n' || text[i + 1] == '\\');

        if (escaped)
            i++;
        plain[count++] = (char)(escaped && text[i] == 'n' ? '\n' : text[i]);
    }
    return text_utf8(arena, plain, count);
}

static void take_status_line(const char *line, size_t length, struct arena *arena, struct process *process)
{
    unsigned number;

    if (text_starts(line, "Name:\t"))
        process->name = unescape(arena, line + 6, length - 6);
    else if (sscanf(line, "Uid:\t%*u\t%u", &number) == 1)
        process->uid = number;
    else if (text_starts(line, "CapEff:\t"))
        process->effective = strtoull(line + 8, NULL, 16);
    else if (text_starts(line, "CapBnd:\t"))
        process->bounding = strtoull(line + 8, NULL, 16);
    else if (sscanf(line, "NoNewPrivs:\t%u", &number) == 1)
        process->no_new_privileges = number;
    else if (sscanf(line, "Seccomp:\t%u", &number) == 1)
        process->seccomp = (uint8_t)number;
}

bool process_parse_status(const char *text, struct arena *arena, struct process *process)
{
    while (*text) {
        size_t length = strcspn(text, "\n");

        take_status_line(text, length, arena, process);
        text += length + (text[length] == '\n');
    }
    return process->name != NULL;
}

uint64_t process_parse_start(const char *text)
{
    const char *place = behind_name(text);

    for (unsigned field = 3; place && field < 22; field++) {
        place = strchr(place, ' ');
        place = place ? place + 1 : NULL;
    }
    return place ? strtoull(place, NULL, 10) : 0;
}

/* Device and inode, without asking a file system on the network, which may never answer. */
static bool file_identity(int directory, const char *path, uint64_t *ret_device, uint64_t *ret_inode)
{
    struct statx facts;

    if (statx(directory, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &facts) < 0 ||
        !(facts.stx_mask & STATX_INO))
        return false;
    *ret_device = makedev(facts.stx_dev_major, facts.stx_dev_minor);
    *ret_inode = facts.stx_ino;
    return true;
}

static bool same_file(const struct process *process)
{
    uint64_t device, inode;

    return file_identity(AT_FDCWD, process->executable, &device, &inode) &&
           device == process->executable_device && inode == process->executable_inode;
}

static void read_executable(const struct process_source *source, int fd, struct arena *arena,
                            struct process *process)
{
    char path[PATH_TEXT_MAX];
    uint64_t device, inode;

    if (read_link(fd, "exe", path, sizeof(path)) < 0 || !file_identity(fd, "exe", &device, &inode))
        return;
    process->executable = text_utf8(arena, path, strlen(path));
    process->executable_device = device;
    process->executable_inode = inode;
    process->executable_on_host = source->mount_namespace &&
                                  process->mount_namespace == source->mount_namespace &&
                                  process->user_namespace == source->user_namespace && same_file(process);
}

static void read_namespaces(int fd, struct process *process)
{
    (void)process_namespace(fd, "net", &process->network_namespace);
    (void)process_namespace(fd, "mnt", &process->mount_namespace);
    (void)process_namespace(fd, "user", &process->user_namespace);
    (void)process_namespace(fd, "pid", &process->pid_namespace);
    (void)process_namespace(fd, "ipc", &process->ipc_namespace);
    (void)process_namespace(fd, "uts", &process->uts_namespace);
}

static int vanished(uint32_t pid, struct error *error)
{
    char subject[16];

    snprintf(subject, sizeof(subject), "%" PRIu32, pid);
    return error_set(error, ESRCH, "process-vanished", subject, "the process is gone");
}

int process_read(const struct process_source *source, int process, uint32_t pid, struct arena *arena,
                 struct process *ret_process, struct error *error)
{
    _cleanup_free_ char *status = NULL, *stat_text = NULL, *cgroups = NULL;

    *ret_process = (struct process){.pid = pid, .container = -1};
    if (read_text(process, "status", STATUS_MAX, &status) < 0 ||
        read_text(process, "stat", STATUS_MAX, &stat_text) < 0 ||
        !process_parse_status(status, arena, ret_process))
        return vanished(pid, error);
    ret_process->start_time = process_parse_start(stat_text);
    read_namespaces(process, ret_process);
    read_executable(source, process, arena, ret_process);
    if (read_text(process, "cgroup", CGROUPS_MAX, &cgroups) == 0)
        ret_process->cgroup = process_choose_cgroup(cgroups, arena);
    return 0;
}

/* ---- cgroups ---- */

int process_parse_cgroups(char *text, process_visit_cgroup visit, void *context)
{
    char *line;
    int result = 0;

    while (!result && (line = strsep(&text, "\n"))) {
        struct process_cgroup cgroup;
        uint64_t hierarchy;
        const char *number = strsep(&line, ":");

        cgroup.controllers = strsep(&line, ":");
        cgroup.path = line;
        if (!cgroup.path || !text_number(number, 0, UINT32_MAX, &hierarchy))
            continue;
        cgroup.hierarchy = (uint32_t)hierarchy;
        result = visit(context, &cgroup);
    }
    return result;
}

int process_cgroups(int process, process_visit_cgroup visit, void *context)
{
    _cleanup_free_ char *text = NULL;
    int result = read_text(process, "cgroup", CGROUPS_MAX, &text);

    if (result < 0)
        return result == -ENOENT ? -ESRCH : result;
    return process_parse_cgroups(text, visit, context);
}

static bool has_identity(const char *path)
{
    size_t digits = 0;

    for (; *path && digits < IDENTITY_DIGITS; path++)
        digits = isxdigit((unsigned char)*path) ? digits + 1 : 0;
    return digits >= IDENTITY_DIGITS;
}

struct choice {
    const char *path;
    int weight;
};

static int weigh(void *context, const struct process_cgroup *cgroup)
{
    struct choice *best = context;
    bool is_root = text_equal(cgroup->path, "/");
    int weight = 1;

    if (has_identity(cgroup->path))
        weight += 8;
    if (!is_root && cgroup->hierarchy == 0)
        weight += 4;
    if (!is_root && text_equal(cgroup->controllers, "name=systemd"))
        weight += 2;
    if (!is_root)
        weight += 1;
    if (weight > best->weight)
        *best = (struct choice){.path = cgroup->path, .weight = weight};
    return 0;
}

const char *process_choose_cgroup(char *text, struct arena *arena)
{
    struct choice best = {.path = NULL};

    (void)process_parse_cgroups(text, weigh, &best);
    return best.path ? text_utf8(arena, best.path, strlen(best.path)) : NULL;
}

/* ---- sockets ---- */

struct sockets_walk {
    int directory;
    size_t left;
    process_visit_socket visit;
    void *context;
};

static int visit_descriptor(void *context, uint32_t number)
{
    struct sockets_walk *walk = context;
    char path[16], text[64];
    uint64_t inode;

    if (walk->left == 0)
        return 1;
    walk->left--;
    snprintf(path, sizeof(path), "%" PRIu32, number);
    if (read_link(walk->directory, path, text, sizeof(text)) < 0 ||
        !process_parse_link(text, "socket", &inode))
        return 0;
    return walk->visit(walk->context, inode);
}

int process_sockets(int process, size_t limit, process_visit_socket visit, void *context)
{
    _cleanup_closedir_ DIR *entries = open_numbers(process, "fd");
    struct sockets_walk walk = {.left = limit, .visit = visit, .context = context};

    if (!entries)
        return errno == ENOENT ? -ESRCH : -errno;
    walk.directory = dirfd(entries);
    return each_number(entries, visit_descriptor, &walk);
}

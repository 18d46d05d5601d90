/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live collection on whatever host this runs on, with or without rights: what holds everywhere. */
#include "netns/collect/collect.h"

#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/collect/find.h"
#include "netns/collect/owner.h"
#include "netns/read/process.h"
#include "netns/snapshot/file.h"

#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a listener of our own ---- */

static int listener_open(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static const struct socket *listener_find(const struct namespace *namespace, uint16_t port)
{
    list_each(struct socket, socket, &namespace->sockets) {
        if (socket->kind == SOCKET_TCP && socket->port == port)
            return socket;
    }
    return NULL;
}

static struct collect *collected(const struct collect_options *options)
{
    struct collect *collect = NULL;
    struct error error = ERROR_NONE;
    ck_assert_msg(collect_find(options, &collect, &error) == 0, "%s: %s", error.subject, error.message);
    ck_assert_msg(collect_read(collect, &error) == 0, "%s: %s", error.subject, error.message);
    return collect;
}

/* ---- the whole ---- */

START_TEST(own_listener_is_found)
{
    uint16_t port;
    _cleanup_close_ int fd = listener_open(&port);
    struct collect_options options = {.tool = "test"};
    _cleanup_collect_ struct collect *collect = collected(&options);
    const struct snapshot *snapshot = collect_snapshot(collect);
    const struct namespace *host = snapshot_host(snapshot);
    ck_assert_ptr_nonnull(host);
    ck_assert(host->entered && !host->gone);
    ck_assert_int_eq(host->role, ROLE_HOST);
    ck_assert_ptr_eq(host, snapshot->namespaces.items[0]);
    struct stat status;
    ck_assert_int_eq(stat("/proc/self/ns/net", &status), 0);
    ck_assert_uint_eq(host->id, status.st_ino);
    if (stat("/proc/1/ns/pid", &status) < 0)
        ck_assert_int_eq(stat("/proc/self/ns/pid", &status), 0);
    ck_assert_uint_eq(snapshot->host_pid_namespace, status.st_ino);
    ck_assert_uint_ge(snapshot->namespaces_seen, 1);
    ck_assert_uint_ge(snapshot->namespaces_entered, 1);
    const struct socket *socket = listener_find(host, port);
    ck_assert_ptr_nonnull(socket);
    ck_assert_uint_ge(socket->processes.count, 1);
    bool ours = false;
    list_each(uint32_t, process, &socket->processes)
        ours = ours || snapshot->processes.items[*process].pid == (uint32_t)getpid();
    ck_assert(ours);
}
END_TEST

START_TEST(container_names_are_unique)
{
    struct collect_options options = {.tool = "test"};
    _cleanup_collect_ struct collect *collect = collected(&options);
    const struct snapshot *snapshot = collect_snapshot(collect);
    list_each(struct container, container, &snapshot->containers) {
        ck_assert_ptr_nonnull(container->name);
        ck_assert_ptr_eq(snapshot_container(snapshot, container->name), container);
        ck_assert_ptr_nonnull(snapshot_namespace(snapshot, container->namespace));
    }
    list_each(struct process, process, &snapshot->processes)
        ck_assert_int_lt(process->container, (int64_t)snapshot->containers.count);
}
END_TEST

START_TEST(saved_and_read_again)
{
    struct collect_options options = {.tool = "test", .host = "a-name"};
    _cleanup_collect_ struct collect *collect = collected(&options);
    _cleanup_snapshot_ struct snapshot *again = NULL;
    _cleanup_snapshot_ struct snapshot *taken = collect_take_snapshot(collect);
    char path[] = "/tmp/postern-collect-XXXXXX";
    close(mkstemp(path));
    struct error error = ERROR_NONE;
    ck_assert_int_eq(snapshot_write(taken, path, &error), 0);
    ck_assert_msg(snapshot_read(path, &again, &error) == 0, "%s", error.message);
    unlink(path);
    ck_assert_str_eq(again->host, "a-name");
    ck_assert_uint_eq(again->namespaces.count, taken->namespaces.count);
    ck_assert_uint_eq(snapshot_host(again)->sockets.count, snapshot_host(taken)->sockets.count);
    ck_assert_ptr_null(collect_snapshot(collect));
}
END_TEST

START_TEST(handles_stay_until_closed)
{
    struct collect_options options = {.tool = "test"};
    _cleanup_collect_ struct collect *collect = collected(&options);
    uint64_t host = collect_snapshot(collect)->host_namespace;
    const struct namespace_handle *handle = collect_handle(collect, host);
    ck_assert_ptr_nonnull(handle);
    struct stat status;
    ck_assert_int_eq(fstat(handle->fd, &status), 0);
    ck_assert_uint_eq(status.st_ino, host);
    ck_assert(collect_alive(collect, host));
    ck_assert(!collect_alive(collect, 1));
    ck_assert_ptr_null(collect_handle(collect, 1));
    collect_close_handle(collect, host);
    ck_assert_ptr_null(collect_handle(collect, host));
    collect_close_handles(collect);
}
END_TEST

/* Not in time: nothing is said to be there or not, and the snapshot tells of it. */
START_TEST(nothing_is_begun_after_the_deadline)
{
    struct collect_options options = {.tool = "test", .deadline_ns = 1};
    _cleanup_collect_ struct collect *collect = collected(&options);
    const struct namespace *host = snapshot_host(collect_snapshot(collect));
    ck_assert(!host->entered);
    ck_assert_ptr_nonnull(host->error);
    ck_assert_uint_ne(host->missing & PART_SOCKETS_TCP, 0);
    ck_assert_uint_eq(host->faults.count, 1);
    ck_assert_str_eq(host->faults.items[0].code, "timeout");
    ck_assert_uint_eq(collect_snapshot(collect)->namespaces_entered, 0);
}
END_TEST

/* With --container the listeners of others are not read: not known, which is not the same as none. */
START_TEST(only_some_containers)
{
    const char *const patterns[] = {"no such container"};
    struct collect_options options = {.tool = "test", .containers = {patterns, 1}};
    _cleanup_collect_ struct collect *collect = collected(&options);
    const struct snapshot *snapshot = collect_snapshot(collect);
    list_each(struct namespace *, namespace, &snapshot->namespaces) {
        if ((*namespace)->id == snapshot->host_namespace)
            continue;
        ck_assert_uint_eq((*namespace)->sockets.count, 0);
        ck_assert_uint_ne((*namespace)->missing & PART_SOCKETS_TCP, 0);
    }
}
END_TEST

static void refused(const struct collect_options *options, const char *code)
{
    struct collect *collect = NULL;
    struct error error = ERROR_NONE;
    ck_assert_int_lt(collect_find(options, &collect, &error), 0);
    ck_assert_ptr_null(collect);
    ck_assert_str_eq(error.code, code);
}

START_TEST(wrong_options)
{
    const char *const roots[] = {"docker", "dcker=/srv", "docker=relative", "=", "netns=/srv"};
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        struct collect_options options = {.engine_roots = {&roots[i], 1}};
        refused(&options, "bad-engine-root");
    }
    struct collect_options proc = {.proc = "/tmp"};
    refused(&proc, "not-procfs");
    struct collect_options host = {.host_namespace = "/proc/self/ns/mnt"};
    refused(&host, "not-a-namespace");
    host.host_namespace = "/no/such/place";
    refused(&host, "namespace-vanished");
}
END_TEST

/* ---- finding ---- */

START_TEST(own_namespace_is_found_once)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    _cleanup_close_ int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct find_options options = {.proc = proc, .root = root};
    struct found found;
    struct error error = ERROR_NONE;
    ck_assert_int_eq(find_namespaces(&options, snapshot, &found, &error), 0);
    ck_assert_uint_eq(found.places.count, snapshot->namespaces.count);
    unsigned homes = 0, mine = 0;
    for (size_t i = 0; i < found.places.count; i++) {
        const struct found_place *place = &found.places.items[i];
        ck_assert_uint_eq(found_place_of(&found, place->handle.inode), i);
        ck_assert_uint_eq(place->namespace->id, place->handle.inode);
        homes += place->home;
        list_each(uint32_t, at, &place->processes)
            mine += place->home && found.processes.items[*at].pid == (uint32_t)getpid();
    }
    ck_assert_uint_eq(homes, 1);
    ck_assert_uint_eq(mine, 1);
    bool *alive = memory_alloc(found.places.count);
    find_alive(&found, alive);
    ck_assert(alive[0]);
    free(alive);
    ck_assert_uint_eq(found_place_of(&found, 1), SIZE_MAX);
    found_free(&found);
}
END_TEST

/* However many there are: those whose directories are not held are known by their start time. */
START_TEST(not_all_processes_are_held)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    _cleanup_close_ int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct find_options options = {.proc = proc, .root = -1, .held = 1};
    struct found found;
    struct error error = ERROR_NONE;
    pid_t child = fork();
    size_t held = 0, known = 0;
    ck_assert_int_ge(child, 0);
    if (child == 0)
        for (;;)
            pause();
    ck_assert_int_eq(find_namespaces(&options, snapshot, &found, &error), 0);
    list_each(struct found_process, process, &found.processes) {
        held += process->directory >= 0 && !process->thread;
        known += process->directory < 0 && process->start != 0;
    }
    ck_assert_uint_eq(held, 1);
    ck_assert_uint_ge(known, 1);
    int opened = -1;
    const struct found_process *process = found_process_of(&found, (uint32_t)child);
    ck_assert_ptr_nonnull(process);
    ck_assert_int_ge(found_process_open(&found, process, &opened), 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close_fd(&opened);
    ck_assert(process->directory >= 0 || found_process_open(&found, process, &opened) < 0);
    found_free(&found);
}
END_TEST

static void *thread_stay(void *context)
{
    (void)context;
    for (;;)
        pause();
    return NULL;
}

/* A process whose first thread has ended while another runs on. */
static pid_t headless_start(void)
{
    pid_t child = fork();
    pthread_t thread;
    ck_assert_int_ge(child, 0);
    if (child)
        return child;
    if (pthread_create(&thread, NULL, thread_stay, NULL) != 0)
        _exit(1);
    pthread_exit(NULL);
}

static bool is_headless(pid_t pid)
{
    char path[64], text[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    return readlink(path, text, sizeof(text)) < 0;
}

START_TEST(process_without_its_first_thread_is_found)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    _cleanup_close_ int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct find_options options = {.proc = proc, .root = -1};
    struct found found;
    struct error error = ERROR_NONE;
    pid_t child = headless_start();
    for (unsigned waits = 0; waits < 1000 && !is_headless(child); waits++)
        usleep(10000);
    ck_assert(is_headless(child));
    ck_assert_int_eq(find_namespaces(&options, snapshot, &found, &error), 0);
    size_t hits = 0;
    list_each(struct found_process, process, &found.processes) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/task/%u", child, process->pid);
        hits += !process->thread && access(path, F_OK) == 0 && found.places.items[process->place].home;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    found_free(&found);
    ck_assert_uint_eq(hits, 1);
    /* without the host's root nobody looked for namespaces that are held by a mount alone */
    bool told = false;
    list_each(struct fault, fault, &snapshot->errors)
        told = told || (!strcmp(fault->code, "file-unreadable") && !fault->gone);
    ck_assert(told);
}
END_TEST

/* A /proc of `count` processes that may not be looked at, as far as the finder can tell. */
static int hidden_processes(char *folder, unsigned count)
{
    for (unsigned pid = 101; pid < 101 + count; pid++) {
        _cleanup_free_ char *process = memory_printf("%s/%u", folder, pid);
        _cleanup_free_ char *namespaces = memory_printf("%s/ns", process);
        _cleanup_free_ char *link = memory_printf("%s/net", namespaces);
        ck_assert_int_eq(mkdir(process, 0700), 0);
        ck_assert_int_eq(mkdir(namespaces, 0700), 0);
        ck_assert_int_eq(symlink("hidden", link), 0);
    }
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void hidden_remove(const char *folder, unsigned count)
{
    for (unsigned pid = 101; pid < 101 + count; pid++) {
        static const char *const parts[] = {"ns/net", "ns", ""};
        for (size_t i = 0; i < 3; i++) {
            _cleanup_free_ char *path = memory_printf("%s/%u/%s", folder, pid, parts[i]);
            ck_assert_int_eq(remove(path), 0);
        }
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

/* The message about them; copied. */
static char *told_of_hidden(unsigned count)
{
    char folder[] = "/tmp/postern-test-XXXXXX";
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    _cleanup_close_ int proc = hidden_processes(folder, count);
    struct find_options options = {.proc = proc, .root = -1};
    struct found found;
    struct error error = ERROR_NONE;
    char *message = NULL;
    ck_assert_int_eq(find_namespaces(&options, snapshot, &found, &error), 0);
    list_each(struct fault, fault, &snapshot->errors) {
        if (!message && !strcmp(fault->code, "process-unreadable") && !fault->gone)
            message = memory_strdup(fault->message);
    }
    ck_assert_uint_eq(found.unseen, count);
    found_free(&found);
    hidden_remove(folder, count);
    return message;
}

START_TEST(hidden_processes_are_named)
{
    _cleanup_free_ char *one = told_of_hidden(1), *many = told_of_hidden(10), *none = told_of_hidden(0);
    ck_assert_ptr_null(none);
    ck_assert_ptr_nonnull(strstr(one, "namespaces of 1 "));
    ck_assert_ptr_nonnull(strstr(one, ": process 101"));
    ck_assert_ptr_null(strstr(one, "more"));
    ck_assert_ptr_nonnull(strstr(many, "namespaces of 10 "));
    ck_assert_ptr_nonnull(strstr(many, " and 2 more"));
    unsigned named = 0;
    for (const char *at = many; (at = strstr(at, "process 1")); at++)
        named++;
    ck_assert_uint_eq(named, 8);
}
END_TEST

/* Nobody is left of those that were seen in it. */
static bool is_alive_without(uint64_t inode, int fd)
{
    struct found found = {.root = -1, .by_inode = map_new(), .cgroups = map_new()};
    struct namespace *namespace = namespace_new(inode);
    namespace->role = ROLE_BARE;
    bool alive = false;
    found.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *list_append(&found.places) =
        (struct found_place){.handle = {.fd = fd, .inode = inode}, .namespace = namespace};
    map_set_u64(found.by_inode, inode, (void *)(uintptr_t)1);
    find_alive(&found, &alive);
    close(found.proc);
    found_free(&found);
    namespace_free(namespace);
    return alive;
}

START_TEST(namespace_of_new_processes_is_alive)
{
    struct stat status;
    ck_assert_int_eq(stat("/proc/self/ns/net", &status), 0);
    ck_assert(is_alive_without(status.st_ino, open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)));
    ck_assert(!is_alive_without(1, open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)));
    /* a number alone names nothing */
    ck_assert(!is_alive_without(status.st_ino, -1));
}
END_TEST

/* ---- holders ---- */

struct holders {
    struct snapshot *snapshot;
    struct found found;
    struct process_source source;
    struct owner_merge merge;
};

static int directory_of(uint32_t pid)
{
    _cleanup_free_ char *path = memory_printf("/proc/%u", pid);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* A place with the given process in it, and one socket. */
static struct holders holders_open(uint32_t pid, uint64_t inode)
{
    struct holders holders = {.snapshot = snapshot_new()};
    struct namespace *namespace = namespace_new(7);
    *list_append(&holders.snapshot->namespaces) = namespace;
    list_append(&namespace->sockets)->inode = inode;
    struct found_place *place = list_append(&holders.found.places);
    *place = (struct found_place){.handle = {.fd = -1}, .namespace = namespace};
    *list_append(&place->processes) = 0;
    *list_append(&holders.found.processes) =
        (struct found_process){.directory = directory_of(pid), .pid = pid};
    holders.found.by_inode = map_new();
    holders.found.by_pid = map_new();
    map_set_u64(holders.found.by_pid, pid, (void *)(uintptr_t)1);
    holders.found.cgroups = map_new();
    holders.found.proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    process_source_init(holders.found.proc, &holders.source);
    return holders;
}

static const struct socket *holders_socket(const struct holders *holders)
{
    return &holders->snapshot->namespaces.items[0]->sockets.items[0];
}

static void holders_close(struct holders *holders)
{
    map_free(holders->merge.by_pid);
    close(holders->source.proc);
    found_free(&holders->found);
    snapshot_free(holders->snapshot);
}

static uint64_t inode_of(int fd)
{
    struct stat status;
    ck_assert_int_eq(fstat(fd, &status), 0);
    return status.st_ino;
}

static size_t place_walk(struct holders *holders)
{
    struct owner_walk walk = {.arena = holders->snapshot->namespaces.items[0]->arena};
    uint32_t own = (uint32_t)getpid();
    holders->merge = (struct owner_merge){holders->snapshot, &holders->found, map_new()};
    owner_walk_place(&holders->source, &holders->found, 0, &own, 1, &walk);
    owner_merge(&holders->merge, &walk);
    size_t refused_count = walk.refused;
    owner_walk_free(&walk);
    return refused_count;
}

START_TEST(holder_in_the_place)
{
    uint16_t port;
    _cleanup_close_ int fd = listener_open(&port);
    struct holders holders = holders_open((uint32_t)getpid(), inode_of(fd));
    ck_assert_uint_eq(place_walk(&holders), 0);
    const struct socket *socket = holders_socket(&holders);
    ck_assert_uint_eq(socket->processes.count, 1);
    ck_assert_uint_eq(holders.snapshot->processes.count, 1); /* the first process is the holder */
    ck_assert_uint_eq(holders.snapshot->processes.items[0].pid, (uint32_t)getpid());
    ck_assert_int_eq(holders.snapshot->processes.items[0].container, -1);
    holders_close(&holders);
}
END_TEST

/* A number that another process has by now names nothing: neither its sockets nor its facts are taken. */
START_TEST(number_of_another)
{
    enum { HELD, NOT_HELD, NOT_HELD_AND_THE_SAME };
    uint16_t port;
    _cleanup_close_ int fd = listener_open(&port);
    struct holders holders = holders_open((uint32_t)getpid(), inode_of(fd));
    struct found_process *process = &holders.found.processes.items[0];
    if (_i == HELD) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            for (;;)
                pause();
        close(process->directory);
        process->directory = directory_of((uint32_t)child);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    } else {
        process->start = process_start(process->directory) + (_i == NOT_HELD);
        close_fd(&process->directory);
    }
    ck_assert_uint_eq(place_walk(&holders), _i != NOT_HELD_AND_THE_SAME);
    ck_assert_uint_eq(holders_socket(&holders)->processes.count, _i == NOT_HELD_AND_THE_SAME);
    ck_assert_uint_eq(holders.snapshot->processes.count, _i == NOT_HELD_AND_THE_SAME);
    holders_close(&holders);
}
END_TEST

/* The place has none: the rest is looked at, and finds it. */
START_TEST(holder_elsewhere)
{
    uint16_t port;
    _cleanup_close_ int fd = listener_open(&port);
    struct holders holders = holders_open(1 << 30, inode_of(fd));
    struct pool_options pool = {.workers = 2};
    ck_assert_uint_eq(place_walk(&holders), 1); /* who is gone may have left it to somebody */
    ck_assert_uint_eq(holders_socket(&holders)->processes.count, 0);
    *list_append(&holders.found.processes) =
        (struct found_process){.directory = directory_of((uint32_t)getpid()), .pid = (uint32_t)getpid()};
    ck_assert(!owner_find_rest(&holders.merge, &holders.source, &pool, 0));
    ck_assert_uint_eq(holders_socket(&holders)->processes.count, 1);
    ck_assert(!holders_socket(&holders)->owner_unknown);
    ck_assert_uint_eq(holders.snapshot->processes.count, 1);
    holders_close(&holders);
}
END_TEST

START_TEST(no_holder)
{
    for (unsigned unseen = 0; unseen < 2; unseen++) {
        struct holders holders = holders_open((uint32_t)getpid(), 1);
        struct pool_options pool = {.workers = 1};
        holders.found.unseen = unseen;
        size_t refused_count = place_walk(&holders);
        owner_find_rest(&holders.merge, &holders.source, &pool, refused_count);
        ck_assert_uint_eq(holders_socket(&holders)->processes.count, 0);
        /* nobody holds it, or somebody that we may not look at */
        ck_assert_uint_eq(holders_socket(&holders)->owner_unknown, unseen);
        holders_close(&holders);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collect/collect");
    TCase *cases = tcase_create("collect");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, own_listener_is_found);
    tcase_add_test(cases, container_names_are_unique);
    tcase_add_test(cases, saved_and_read_again);
    tcase_add_test(cases, handles_stay_until_closed);
    tcase_add_test(cases, nothing_is_begun_after_the_deadline);
    tcase_add_test(cases, only_some_containers);
    tcase_add_test(cases, wrong_options);
    suite_add_tcase(suite, cases);
    TCase *finding = tcase_create("find");
    tcase_add_test(finding, own_namespace_is_found_once);
    tcase_add_test(finding, process_without_its_first_thread_is_found);
    tcase_add_test(finding, not_all_processes_are_held);
    tcase_add_test(finding, hidden_processes_are_named);
    tcase_add_test(finding, namespace_of_new_processes_is_alive);
    suite_add_tcase(suite, finding);
    TCase *holding = tcase_create("holders");
    tcase_add_test(holding, holder_in_the_place);
    tcase_add_loop_test(holding, number_of_another, 0, 3);
    tcase_add_test(holding, holder_elsewhere);
    tcase_add_test(holding, no_holder);
    suite_add_tcase(suite, holding);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

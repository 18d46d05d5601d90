/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Containers by cgroup path and by the files that real engines left (fixtures/README.md). */
#include "netns/engine/engine.h"

#include "netns/base/file.h"
#include "netns/base/text.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define HOST      4026531840
#define CONTAINER 4026532000

/* ---- cgroup paths ---- */

struct path_row {
    const char *path;
    size_t count;
    enum container_engine engine; /* of the outermost */
    const char *id;
    const char *scope; /* up to its end; NULL: the whole path */
    uint32_t user_id;
};

static const struct path_row path_rows[] = {
    {"/", 0, ENGINE_NONE, "", "", 0},
    {"/system.slice/ssh.service", 0, ENGINE_NONE, "", "", 0},
    {"/user.slice/user-1000.slice/session-3.scope", 0, ENGINE_NONE, "", "", 0},
    {"/docker/" ID_A, 1, ENGINE_DOCKER, ID_A, NULL, 0},
    {"/system.slice/docker-" ID_A ".scope", 1, ENGINE_DOCKER, ID_A, NULL, 0},
    {"/system.slice/docker-" ID_A ".scope/init.scope", 1, ENGINE_DOCKER, ID_A,
     "/system.slice/docker-" ID_A ".scope", 0},
    {"/docker/" ID_A "/docker/" ID_B, 2, ENGINE_DOCKER, ID_A, "/docker/" ID_A, 0},
    {"/docker/" ID_A "/kubelet/kubepods/pod1/" ID_B, 2, ENGINE_DOCKER, ID_A, "/docker/" ID_A, 0},
    {"/myparent/" ID_A, 1, ENGINE_NONE, ID_A, NULL, 0},
    {"/machine.slice/libpod-" ID_A ".scope/container", 1, ENGINE_PODMAN, ID_A,
     "/machine.slice/libpod-" ID_A ".scope", 0},
    {"/machine.slice/libpod-conmon-" ID_A ".scope", 0, ENGINE_NONE, "", "", 0},
    {"/system.slice/web.service/libpod-payload-" ID_A, 1, ENGINE_PODMAN, ID_A, NULL, 0},
    {"/libpod_parent/libpod-" ID_A, 1, ENGINE_PODMAN, ID_A, NULL, 0},
    {"/libpod_parent/" ID_B "/libpod-" ID_A, 1, ENGINE_PODMAN, ID_A, NULL, 0},
    {"/libpod_parent/" ID_B "/conmon", 0, ENGINE_NONE, "", "", 0},
    {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID_A ".scope/container", 1,
     ENGINE_PODMAN, ID_A, "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID_A ".scope",
     1000},
    /* a user without a service of its own: the slice says whose it is */
    {"/user.slice/user-1000.slice/session-3.scope/lxc/web", 1, ENGINE_LXC, "web", NULL, 1000},
    {"/user.slice/user-0.slice/session-3.scope/docker/" ID_A, 1, ENGINE_DOCKER, ID_A, NULL, 0},
    {"/user.slice/user-x.slice/user@.service/docker/" ID_A, 1, ENGINE_DOCKER, ID_A, NULL, 0},
    {"/user.slice/user-1000.slice/user@0.service/docker/" ID_A, 1, ENGINE_DOCKER, ID_A, NULL, 1000},
    /* made within the container, which is no user of the host's */
    {"/docker/" ID_A "/user.slice/user-1000.slice/docker/" ID_B, 2, ENGINE_DOCKER, ID_A, "/docker/" ID_A, 0},
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-" ID_A ".scope",
     1, ENGINE_CONTAINERD, ID_A, NULL, 0},
    {"/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:" ID_A, 1,
     ENGINE_CONTAINERD, ID_A, NULL, 0},
    {"/kubepods/besteffort/pod11111111-2222-3333-4444-555555555555/" ID_A, 1, ENGINE_NONE, ID_A, NULL, 0},
    {"/kubepods.slice/kubepods-pod1.slice/crio-" ID_A ".scope/container", 1, ENGINE_CRIO, ID_A,
     "/kubepods.slice/kubepods-pod1.slice/crio-" ID_A ".scope", 0},
    {"/kubepods.slice/kubepods-pod1.slice/crio-conmon-" ID_A ".scope", 0, ENGINE_NONE, "", "", 0},
    {"/lxc.payload.web/system.slice/nginx.service", 1, ENGINE_LXC, "web", "/lxc.payload.web", 0},
    {"/lxc.payload/web", 1, ENGINE_LXC, "web", NULL, 0},
    {"/lxc/web", 1, ENGINE_LXC, "web", NULL, 0},
    {"/lxc.monitor.web", 0, ENGINE_NONE, "", "", 0},
    {"/machine.slice/machine-my\\x2dname.scope/payload", 1, ENGINE_NSPAWN, "my\\x2dname",
     "/machine.slice/machine-my\\x2dname.scope", 0},
    {"/machine.slice/systemd-nspawn@web.service/payload", 1, ENGINE_NSPAWN, "web",
     "/machine.slice/systemd-nspawn@web.service", 0},
    {"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", 0, ENGINE_NONE, "", "", 0},
    /* relative to a cgroup namespace that is not the root */
    {"/../../docker/" ID_A, 1, ENGINE_DOCKER, ID_A, NULL, 0},
    /* digits short of an identifier, and too many */
    {"/docker/abcdef", 0, ENGINE_NONE, "", "", 0},
    {"/docker/" ID_A "a", 0, ENGINE_NONE, "", "", 0},
    {"docker-.scope", 0, ENGINE_NONE, "", "", 0},
    {"", 0, ENGINE_NONE, "", "", 0},
};

START_TEST(paths)
{
    const struct path_row *row = &path_rows[_i];
    struct engine_scope scopes[ENGINE_SCOPES_MAX];
    ck_assert_msg(engine_scopes(row->path, scopes) == row->count, "%s", row->path);
    if (!row->count)
        return;
    ck_assert_msg(scopes[0].engine == row->engine, "%s", row->path);
    ck_assert_msg(scopes[0].id_length == strlen(row->id), "%s", row->path);
    ck_assert_int_eq(strncmp(scopes[0].id, row->id, scopes[0].id_length), 0);
    ck_assert_uint_eq(scopes[0].length, strlen(row->scope ? row->scope : row->path));
    ck_assert_uint_eq(scopes[0].user_id, row->user_id);
}
END_TEST

START_TEST(deep_paths_are_bounded)
{
    _cleanup_buffer_ struct buffer path = BUFFER(1 << 20);
    struct engine_scope scopes[ENGINE_SCOPES_MAX];
    for (unsigned i = 0; i < 1000; i++)
        buffer_append(&path, "/docker/" ID_A);
    ck_assert_uint_eq(engine_scopes(path.data, scopes), ENGINE_SCOPES_MAX);
}
END_TEST

static void cgroup_is(const char *text, const char *expected)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    const char *path = engine_cgroup_path(arena, text, strlen(text));
    ck_assert_msg(text_equal(path, expected), "%s gives %s", text, path ? path : "nothing");
}

START_TEST(hierarchies)
{
    cgroup_is("0::/docker/" ID_A "\n", "/docker/" ID_A);
    cgroup_is("9:name=systemd:/a\n1:cpu:/b\n0::/c\n", "/c");
    cgroup_is("9:name=systemd:/a\n1:cpu:/b\n", "/a");
    /* hybrid, with an engine that only uses the controllers */
    cgroup_is("9:name=systemd:/user.slice\n1:cpu:/docker/" ID_A "\n0::/user.slice\n", "/docker/" ID_A);
    cgroup_is("4:memory:/libpod_parent/libpod-" ID_A "\n0::/", "/libpod_parent/libpod-" ID_A);
    cgroup_is("1:cpu,cpuacct:/x:y\n", "/x:y");
    /* a user who was given a controller makes any name in it, and is that user all the same */
    cgroup_is("9:name=systemd:/user.slice/user-7.slice/session-1.scope\n5:freezer:/docker/" ID_A "\n",
              "/user.slice/user-7.slice/session-1.scope");
    cgroup_is("5:freezer:/lxc/db\n0::/user.slice/user-7.slice/user@7.service/app.slice\n",
              "/user.slice/user-7.slice/user@7.service/app.slice");
    cgroup_is("5:freezer:/user.slice/user-7.slice/lxc/db\n0::/user.slice/user-7.slice/session-1.scope\n",
              "/user.slice/user-7.slice/lxc/db");
    cgroup_is("5:freezer:/docker/" ID_A "\n0::/docker/" ID_A "/user.slice/user-7.slice\n",
              "/docker/" ID_A "/user.slice/user-7.slice");
    cgroup_is("", NULL);
    cgroup_is("nonsense\n:::\n1:cpu\n0::relative\n", NULL);
}
END_TEST

/* ---- engines ---- */

struct host {
    struct engine_context context;
    struct snapshot *snapshot;
    struct engine_process *processes;
    size_t count;
    struct engine_result result;
};

static int open_fixture(const char *engine, const char *part)
{
    _cleanup_free_ char *path = memory_printf("%s/%s/%s", FIXTURES, engine, part);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s", path);
    return fd;
}

static bool is_host_process(const char *name)
{
    return text_starts(name, "dockerd") || text_starts(name, "conmon") || text_starts(name, "containerd") ||
           text_starts(name, "systemd-nspawn") || text_starts(name, "lxc-start");
}

static void process_load(struct host *host, int proc, const char *pid)
{
    _cleanup_free_ char *cgroup_file = memory_printf("%s/cgroup", pid);
    _cleanup_free_ char *comm_file = memory_printf("%s/comm", pid);
    _cleanup_free_ char *cgroup = NULL, *comm = NULL;
    size_t length, comm_length;
    ck_assert_int_eq(file_read(proc, cgroup_file, 1 << 16, &cgroup, &length, NULL), 0);
    ck_assert_int_eq(file_read(proc, comm_file, 64, &comm, &comm_length, NULL), 0);
    host->processes = memory_resize(host->processes, host->count + 1, sizeof(*host->processes));
    host->processes[host->count++] = (struct engine_process){
        .pid = (uint32_t)strtoul(pid, NULL, 10),
        .namespace = is_host_process(comm) ? HOST : CONTAINER + strtoul(pid, NULL, 10),
        .cgroup = engine_cgroup_path(host->snapshot->arena, cgroup, length),
    };
}

static int pid_compare(const void *a, const void *b)
{
    const struct engine_process *one = a, *two = b;
    return one->pid < two->pid ? -1 : one->pid > two->pid;
}

static struct host host_open(const char *engine)
{
    struct host host = {.snapshot = snapshot_new()};
    host.context = (struct engine_context){
        .proc = open_fixture(engine, "proc"),
        .root = open_fixture(engine, "root"),
        .host_namespace = HOST,
        .owner = getuid(),
        .snapshot = host.snapshot,
    };
    _cleanup_free_ char *path = memory_printf("%s/%s/proc", FIXTURES, engine);
    _cleanup_closedir_ DIR *directory = opendir(path);
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "1") != 0)
            process_load(&host, host.context.proc, entry->d_name);
    }
    qsort(host.processes, host.count, sizeof(*host.processes), pid_compare);
    return host;
}

static void host_read(struct host *host)
{
    for (size_t i = 0; i < host->count; i++)
        host->processes[i].directory = -1;
    engine_read(&host->context, host->processes, host->count, &host->result);
}

static void host_close(struct host *host)
{
    engine_result_free(&host->result);
    list_free(&host->context.roots);
    close(host->context.proc);
    close(host->context.root);
    free(host->processes);
    snapshot_free(host->snapshot);
}

/* Leaves out processes that are in no container: the engine is dead. */
static void host_kill_engine(struct host *host)
{
    size_t kept = 0;
    for (size_t i = 0; i < host->count; i++) {
        if (host->processes[i].namespace != HOST)
            host->processes[kept++] = host->processes[i];
    }
    ck_assert_uint_lt(kept, host->count);
    host->count = kept;
}

static const struct engine_container *named(const struct host *host, const char *name)
{
    list_each(struct engine_container, container, &host->result.containers) {
        if (text_equal(container->data.name, name))
            return container;
    }
    ck_abort_msg("there is no container %s", name);
    return NULL;
}

static void no_errors(const struct host *host)
{
    list_each(struct fault, fault, &host->snapshot->errors)
        ck_abort_msg("%s %s: %s", fault->code, fault->subject, fault->message);
}

/* The identifier that the engine itself has for a name. */
static char *id_of(const char *engine, const char *name)
{
    _cleanup_free_ char *path = memory_printf("%s/%s/names", FIXTURES, engine);
    _cleanup_free_ char *text = NULL;
    size_t length;
    ck_assert_int_eq(file_read(AT_FDCWD, path, 1 << 16, &text, &length, NULL), 0);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *blank = strchr(line, ' ');
        *blank = '\0';
        if (!strcmp(blank + 1, name))
            return memory_strdup(line);
    }
    ck_abort_msg("%s is not in %s", name, path);
    return NULL;
}

static void published_is(const struct engine_container *container, const char *expected)
{
    _cleanup_buffer_ struct buffer text = BUFFER(4096);
    list_each(struct published, published, &container->data.published)
        buffer_printf(&text, "%s:%u->%u/%u ", ADDRESS_TEXT(published->address), published->port,
                      published->target, published->protocol);
    ck_assert_str_eq(text.data ? text.data : "", expected);
}

static const struct container_network *network(const struct engine_container *container, const char *name)
{
    list_each(struct container_network, item, &container->data.networks) {
        if (text_equal(item->name, name))
            return item;
    }
    ck_abort_msg("%s is not on network %s", container->data.name, name);
    return NULL;
}

static void tree_write(const char *root, const char *path, const char *text);
struct hostile;
static void user_close(struct hostile *hostile);

/* The form with the text in the place of its "%s". */
static char *replace_text(const char *form, const char *text)
{
    const char *place = strstr(form, "%s");
    return memory_printf("%.*s%s%s", (int)(place - form), form, text, place + 2);
}

static void docker_check(const struct host *host)
{
    no_errors(host);
    ck_assert_uint_eq(host->result.containers.count, 5); /* not the one that has exited */
    const struct engine_container *web = named(host, "web");
    _cleanup_free_ char *id = id_of("docker", "web");
    ck_assert_str_eq(web->data.id, id);
    ck_assert(web->data.confirmed && web->seen && !web->data.generated_name && !web->data.nested);
    ck_assert_str_eq(web->data.image, "shop/web:1");
    ck_assert_str_eq(web->data.compose_project, "shop");
    ck_assert_str_eq(web->data.compose_service, "web");
    ck_assert_str_eq(web->data.network_mode, "shop_default");
    ck_assert(text_starts(web->namespace_path, "/run/docker/netns/"));
    ck_assert_uint_eq(web->data.pid, web->pid);
    ck_assert_uint_eq(web->data.namespace, CONTAINER + web->pid);
    published_is(web,
                 "127.0.0.1:8443->443/6 0.0.0.0:5000->5000/17 :::5000->5000/17 0.0.0.0:5001->5001/17 "
                 ":::5001->5001/17 0.0.0.0:5002->5002/17 :::5002->5002/17 0.0.0.0:8080->80/6 :::8080->80/6 ");
    const struct container_network *shop = network(web, "shop_default");
    ck_assert(text_starts(shop->interface, "br-") && strlen(shop->interface) == 15);
    ck_assert_uint_eq(shop->addresses.count, 1);
    const struct engine_container *db = named(host, "db");
    ck_assert_uint_eq(db->data.networks.count, 2);
    ck_assert(db->data.engine_socket && !web->data.engine_socket);
    const struct engine_container *hostnet = named(host, "hostnet");
    ck_assert(hostnet->data.host_network && hostnet->data.host_pid);
    ck_assert_uint_eq(hostnet->data.networks.count, 0);
    const struct engine_container *sidecar = named(host, "sidecar");
    _cleanup_free_ char *mode = memory_printf("container:%s", id);
    ck_assert_str_eq(sidecar->data.network_mode, mode);
}

START_TEST(docker)
{
    struct host host = host_open("docker");
    host_read(&host);
    docker_check(&host);
    unsigned generated = 0;
    list_each(struct engine_container, container, &host.result.containers)
        generated += container->data.generated_name;
    ck_assert_uint_eq(generated, 1);
    host_close(&host);
}
END_TEST

/* The data root by the containers' own mounts. */
START_TEST(docker_dead)
{
    struct host host = host_open("docker");
    host_kill_engine(&host);
    host_read(&host);
    docker_check(&host);
    host_close(&host);
}
END_TEST

START_TEST(docker_root_given)
{
    struct host host = host_open("docker");
    host_kill_engine(&host);
    *list_append(&host.context.roots) = (struct engine_root){ENGINE_DOCKER, "/srv/docker"};
    host_read(&host);
    docker_check(&host);
    host_close(&host);
}
END_TEST

/* Nothing of its state can be read: the containers are there, by their identifiers, and the scan says so. */
START_TEST(docker_unreadable)
{
    struct host host = host_open("docker");
    *list_append(&host.context.roots) = (struct engine_root){ENGINE_DOCKER, "/no/such/place"};
    host_read(&host);
    _cleanup_free_ char *id = id_of("docker", "web");
    id[12] = '\0';
    const struct engine_container *web = named(&host, id);
    ck_assert(!web->data.confirmed && web->data.generated_name);
    ck_assert_uint_eq(host.snapshot->errors.count, 1);
    ck_assert_str_eq(host.snapshot->errors.items[0].code, "engine-unreadable");
    ck_assert_str_eq(host.snapshot->errors.items[0].subject, "docker");
    host_close(&host);
}
END_TEST

static int another_has_the_number(int proc, uint32_t pid, uint64_t start)
{
    (void)proc, (void)pid, (void)start;
    return -ESRCH;
}

/* Processes beyond those whose directories are held are asked by number and start time: of those that ended
 * meanwhile nothing is asked of whoever has their numbers, and nobody misses what would describe them. */
START_TEST(numbers_of_others)
{
    for (unsigned ended = 0; ended < 2; ended++) {
        struct host host = host_open("docker");
        *list_append(&host.context.roots) = (struct engine_root){ENGINE_DOCKER, "/no/such/place"};
        host.context.open = ended ? another_has_the_number : NULL;
        for (size_t i = 0; i < host.count; i++)
            host.processes[i].start = 7;
        host_read(&host);
        ck_assert_uint_eq(host.snapshot->errors.count, !ended);
        host_close(&host);
    }
}
END_TEST

/* ---- hostile state: what a tenant could have put in the place of a file ---- */

struct hostile {
    char root[32];
    struct host host;
};

static char *hostile_path(const struct hostile *hostile, const char *name)
{
    return memory_printf("%s/containers/" ID_A "/%s", hostile->root, name);
}

static struct hostile hostile_open(void)
{
    struct hostile hostile = {.root = "/tmp/postern-engine-XXXXXX", .host = host_open("lxc")};
    ck_assert_ptr_nonnull(mkdtemp(hostile.root));
    _cleanup_free_ char *containers = memory_printf("%s/containers", hostile.root);
    _cleanup_free_ char *container = memory_printf("%s/" ID_A, containers);
    ck_assert_int_eq(mkdir(containers, 0700), 0);
    ck_assert_int_eq(mkdir(container, 0700), 0);
    hostile.host.processes[0].cgroup = "/docker/" ID_A;
    hostile.host.count = 1;
    close(hostile.host.context.root);
    hostile.host.context.root = open(hostile.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *list_append(&hostile.host.context.roots) = (struct engine_root){ENGINE_DOCKER, "/"};
    return hostile;
}

/* Reads it, expects to be told, and clears up. */
static void hostile_check(struct hostile *hostile)
{
    host_read(&hostile->host);
    ck_assert_uint_eq(hostile->host.result.containers.count, 1);
    ck_assert(!hostile->host.result.containers.items[0].data.confirmed);
    ck_assert_uint_ge(hostile->host.snapshot->errors.count, 1);
    list_each(struct fault, fault, &hostile->host.snapshot->errors) {
        ck_assert_str_eq(fault->code, "engine-unreadable");
        ck_assert(!strstr(fault->message, "secret"));
    }
    host_close(&hostile->host);
    static const char *const names[] = {"config.v2.json", "secret"};
    for (size_t i = 0; i < 2; i++) {
        _cleanup_free_ char *path = hostile_path(hostile, names[i]);
        remove(path);
    }
    _cleanup_free_ char *container = hostile_path(hostile, ".");
    container[strlen(container) - 2] = '\0';
    ck_assert_int_eq(rmdir(container), 0);
    *strrchr(container, '/') = '\0';
    ck_assert_int_eq(rmdir(container), 0);
    ck_assert_int_eq(rmdir(hostile->root), 0);
}

static void hostile_write(const struct hostile *hostile, const char *name, const char *text)
{
    _cleanup_free_ char *path = hostile_path(hostile, name);
    _cleanup_fclose_ FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
}

START_TEST(state_is_a_link)
{
    struct hostile hostile = hostile_open();
    hostile_write(&hostile, "secret", "{\"ID\": \"" ID_A "\", \"Name\": \"/web\"}");
    _cleanup_free_ char *path = hostile_path(&hostile, "config.v2.json");
    ck_assert_int_eq(symlink("secret", path), 0);
    hostile_check(&hostile);
}
END_TEST

START_TEST(state_is_a_fifo)
{
    struct hostile hostile = hostile_open();
    _cleanup_free_ char *path = hostile_path(&hostile, "config.v2.json");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    hostile_check(&hostile);
}
END_TEST

START_TEST(state_is_no_json)
{
    struct hostile hostile = hostile_open();
    hostile_write(&hostile, "config.v2.json", "secret {{{");
    hostile_check(&hostile);
}
END_TEST

START_TEST(state_is_of_another)
{
    struct hostile hostile = hostile_open();
    hostile_write(&hostile, "config.v2.json", "{\"ID\": \"" ID_B "\", \"Name\": \"/secret\"}");
    hostile_check(&hostile);
}
END_TEST

START_TEST(state_is_strange)
{
    static const char *const texts[] = {
        "[]", "null", "\"secret\"", "{\"ID\": {}}", "{\"ID\": \"" ID_A "\", \"Name\": 5}",
    };
    struct hostile hostile = hostile_open();
    hostile_write(&hostile, "config.v2.json", texts[_i]);
    hostile_check(&hostile);
}
END_TEST

/* Members of any kind where another is expected: taken as absent. */
START_TEST(state_is_odd_within)
{
    struct hostile hostile = hostile_open();
    hostile_write(&hostile, "config.v2.json",
                  "{\"ID\": \"" ID_A
                  "\", \"Name\": \"/web\", \"Config\": [], \"State\": \"x\", \"NetworkSettings\": "
                  "{\"Ports\": {\"80/tcp\": [{\"HostPort\": \"99999\"}, 7, {\"HostPort\": 5}], \"tcp\": "
                  "null, \"x/y\": []}, "
                  "\"Networks\": {\"n\": 1, \"\": {}}}, \"MountPoints\": 3}");
    host_read(&hostile.host);
    ck_assert_str_eq(hostile.host.result.containers.items[0].data.name, "web");
    ck_assert_uint_eq(hostile.host.result.containers.items[0].data.published.count, 0);
    hostile.host.result.containers.items[0].data.confirmed = false;
    list_free(&hostile.host.result.containers.items[0].data.networks);
    engine_result_free(&hostile.host.result);
    hostile_write(&hostile, "config.v2.json", "");
    hostile_check(&hostile);
}
END_TEST

/* A container within a container: its processes are the outer one's. */
START_TEST(docker_nested)
{
    struct host host = host_open("docker");
    _cleanup_free_ char *id = id_of("docker", "web");
    const char *path = arena_printf(host.snapshot->arena, "/docker/%s/docker/%s", id, ID_A);
    host.processes = memory_resize(host.processes, host.count + 1, sizeof(*host.processes));
    host.processes[host.count++] = (struct engine_process){.pid = 99999, .namespace = 5, .cgroup = path};
    host_read(&host);
    const struct engine_process *process = &host.processes[host.count - 1];
    ck_assert_str_eq(host.result.containers.items[process->container].data.name, "web");
    const struct engine_container *inner = &host.result.containers.items[process->nested];
    ck_assert(inner->data.nested && !inner->data.confirmed);
    ck_assert_str_eq(inner->data.id, ID_A);
    ck_assert_uint_eq(inner->data.namespace, 5);
    ck_assert_uint_ne(named(&host, "web")->data.namespace, 5);
    no_errors(&host);
    host_close(&host);
}
END_TEST

/* A user's own engine cannot take the name of root's container. */
START_TEST(docker_of_a_user)
{
    struct host host = host_open("docker");
    _cleanup_free_ char *id = id_of("docker", "web");
    const char *path =
        arena_printf(host.snapshot->arena, "/user.slice/user-7.slice/user@7.service/docker-%s.scope", id);
    host.processes = memory_resize(host.processes, host.count + 1, sizeof(*host.processes));
    host.processes[host.count++] = (struct engine_process){.pid = 99999, .namespace = 5, .cgroup = path};
    host_read(&host);
    const struct engine_process *process = &host.processes[host.count - 1];
    ck_assert_int_ge(process->container, 0);
    const struct engine_container *forged = &host.result.containers.items[process->container];
    ck_assert(!forged->data.confirmed);
    ck_assert_uint_eq(forged->user_id, 7);
    ck_assert_uint_ne(named(&host, "web")->data.pid, 99999);
    host_close(&host);
}
END_TEST

/* Nor can a service that makes cgroups of its own (Delegate=), whatever its processes' numbers. */
START_TEST(docker_of_a_service)
{
    struct host host = host_open("docker");
    _cleanup_free_ char *id = id_of("docker", "web");
    const char *path = arena_printf(host.snapshot->arena, "/system.slice/runner.service/docker-%s.scope", id);
    host.processes = memory_resize(host.processes, host.count + 1, sizeof(*host.processes));
    memmove(host.processes + 1, host.processes, host.count++ * sizeof(*host.processes));
    host.processes[0] = (struct engine_process){.pid = 2, .namespace = HOST, .cgroup = path};
    host_read(&host);
    const struct engine_container *forged = &host.result.containers.items[host.processes[0].container];
    ck_assert(!forged->data.confirmed && !text_equal(forged->data.name, "web"));
    const struct engine_container *web = named(&host, "web");
    ck_assert(web->data.confirmed && web->seen);
    ck_assert_uint_ne(web->data.namespace, HOST);
    ck_assert(!strstr(web->data.cgroup, "runner.service"));
    host_close(&host);
}
END_TEST

/* A process more, in this cgroup; the identifier of the container that it is taken to be in. */
static const struct engine_container *with_process(struct host *host, uint32_t pid, uint64_t namespace,
                                                   const char *cgroup)
{
    host->processes = memory_resize(host->processes, host->count + 1, sizeof(*host->processes));
    memmove(host->processes + 1, host->processes, host->count++ * sizeof(*host->processes));
    host->processes[0] = (struct engine_process){.pid = pid, .namespace = namespace, .cgroup = cgroup};
    host_read(host);
    ck_assert_int_ge(host->processes[0].container, 0);
    return &host->result.containers.items[host->processes[0].container];
}

/* The same of engines that note no first process: a place that a service made is not where the engine put it.
 */
START_TEST(others_of_a_service)
{
    static const struct {
        const char *engine, *name, *form;
    } rows[] = {{"podman", "web", "/system.slice/runner.service/libpod-%s.scope"},
                {"podman", "web", "/user.slice/user-0.slice/session-1.scope/libpod-%s"},
                {"lxc", "mylxc", "/system.slice/runner.service/lxc.payload.%s"},
                {"lxc", "mylxc", "/system.slice/runner.service/lxc/%s"}};
    struct host host = host_open(rows[_i].engine);
    bool lxc = !strcmp(rows[_i].engine, "lxc");
    _cleanup_free_ char *id = lxc ? memory_strdup(rows[_i].name) : id_of(rows[_i].engine, rows[_i].name);
    _cleanup_free_ char *path = replace_text(rows[_i].form, id);
    const struct engine_container *forged = with_process(&host, 2, 5, path);
    ck_assert(!forged->data.confirmed && forged->data.generated_name);
    size_t genuine = 0;
    list_each(struct engine_container, container, &host.result.containers) {
        bool is = !strcmp(container->data.id, id) && container->data.confirmed;
        genuine += is;
        ck_assert(!is || (container->seen && container->data.namespace != 5));
    }
    ck_assert_uint_eq(genuine, 1);
    host_close(&host);
}
END_TEST

/* What a container makes within itself takes neither the name of another nor that other's standing. */
START_TEST(nested_bears_the_name_of_another)
{
    struct host host = host_open("docker");
    _cleanup_free_ char *web = id_of("docker", "web"), *db = id_of("docker", "db");
    const char *path = arena_printf(host.snapshot->arena, "/docker/%s/docker/%s", db, web);
    const struct engine_container *outer = with_process(&host, 2, 5, path);
    ck_assert_str_eq(outer->data.name, "db");
    const struct engine_container *inner = &host.result.containers.items[host.processes[0].nested];
    ck_assert(inner->data.nested && !inner->data.confirmed && !text_equal(inner->data.name, "web"));
    ck_assert(named(&host, "web")->data.confirmed && !named(&host, "web")->data.nested);
    ck_assert_uint_ne(named(&host, "web")->data.namespace, 5);
    host_close(&host);
}
END_TEST

/*
 * A container that may mount could name a data root of its own making: with the engine dead and its data root
 * nowhere else to be found, what stands there names it and confirms nothing. It tells of no other.
 */
START_TEST(docker_root_by_what_may_mount)
{
    struct hostile hostile = {.root = "/tmp/postern-engine-XXXXXX", .host = host_open("docker")};
    struct host *host = &hostile.host;
    ck_assert_ptr_nonnull(mkdtemp(hostile.root));
    for (unsigned i = 0; i < 2; i++) {
        const char *id = i ? ID_B : ID_A;
        _cleanup_free_ char *file = memory_printf("root/evil/containers/%s/config.v2.json", id);
        _cleanup_free_ char *text = memory_printf(
            "{\"ID\": \"%s\", \"Name\": \"/%s\", \"State\": {\"Running\": true}, \"NetworkSettings\": "
            "{\"SandboxKey\": \"/run/docker/netns/x\"}}",
            id, i ? "other" : "web");
        tree_write(hostile.root, file, text);
        _cleanup_free_ char *settings = memory_printf("root/evil/containers/%s/hostconfig.json", id);
        tree_write(hostile.root, settings, "{}");
    }
    tree_write(
        hostile.root, "proc/9/mountinfo",
        "1 0 0:48 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/evil/overlay2/x/diff,workdir=/w\n");
    tree_write(hostile.root, "proc/9/comm", "sleep\n");
    tree_write(hostile.root, "proc/9/status",
               _i ? "Name:\tsleep\nCapBnd:\t00000000a80425fb\n"
                  : "Name:\tsleep\nCapBnd:\t000001ffffffffff\n");
    close(host->context.root);
    close(host->context.proc);
    _cleanup_free_ char *root = memory_printf("%s/root", hostile.root);
    _cleanup_free_ char *proc = memory_printf("%s/proc", hostile.root);
    host->context.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    host->context.proc = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
    host->count = 0;
    const struct engine_container *container = with_process(host, 9, 5, "/docker/" ID_A);
    ck_assert_str_eq(container->data.name, "web");
    ck_assert_int_eq(container->data.confirmed, _i);
    ck_assert_uint_eq(host->result.containers.count, 1);
    no_errors(host);
    user_close(&hostile);
}
END_TEST

static void podman_check(const struct host *host)
{
    no_errors(host);
    const struct engine_container *web = named(host, "web");
    _cleanup_free_ char *id = id_of("podman", "web");
    ck_assert_str_eq(web->data.id, id);
    ck_assert(web->data.confirmed && web->seen && !web->data.generated_name);
    ck_assert_str_eq(web->data.image, "localhost/shop/web:1");
    ck_assert_str_eq(web->data.network_mode, "bridge");
    ck_assert(text_starts(web->namespace_path, "/run/netns/netns-"));
    ck_assert_str_eq(named(host, "phost")->data.network_mode, "host");
    ck_assert(named(host, "phost")->data.host_network);
    ck_assert_str_eq(named(host, "share")->data.network_mode, "container");
    ck_assert_str_eq(named(host, "inpod")->data.network_mode, "container");
    unsigned infrastructure = 0, generated = 0;
    list_each(struct engine_container, container, &host->result.containers) {
        infrastructure += container->data.infrastructure;
        generated += container->data.generated_name && !container->data.infrastructure;
        if (container->data.infrastructure)
            ck_assert_str_eq(container->data.pod, "mypod");
    }
    ck_assert_uint_eq(infrastructure, 1);
    ck_assert_uint_eq(generated, 1);
    ck_assert_uint_eq(host->result.containers.count, 6);
}

START_TEST(podman)
{
    struct host host = host_open("podman");
    host_read(&host);
    podman_check(&host);
    ck_assert_uint_ne(named(&host, "web")->agent, 0); /* its conmon */
    bool shopnet = false;
    list_each(struct engine_network, item, &host.result.networks)
        shopnet = shopnet || (!strcmp(item->name, "shopnet") && !strcmp(item->interface, "podman1"));
    ck_assert(shopnet);
    host_close(&host);
}
END_TEST

START_TEST(podman_root_given)
{
    struct host host = host_open("podman");
    host_kill_engine(&host);
    *list_append(&host.context.roots) = (struct engine_root){ENGINE_PODMAN, "/srv/podman"};
    host_read(&host);
    podman_check(&host);
    host_close(&host);
}
END_TEST

START_TEST(containerd)
{
    struct host host = host_open("containerd");
    host_read(&host);
    no_errors(&host);
    const struct engine_container *sandbox = named(&host, "shop/web-5d4f7c9b6-abcde/POD");
    ck_assert(sandbox->data.infrastructure && sandbox->data.confirmed && sandbox->seen);
    ck_assert_str_eq(sandbox->data.id, ID_A);
    const struct engine_container *nginx = named(&host, "shop/web-5d4f7c9b6-abcde/nginx");
    ck_assert(!nginx->data.infrastructure && nginx->seen);
    ck_assert_str_eq(nginx->data.image, "shop/nginx:1");
    ck_assert_str_eq(nginx->data.pod, "web-5d4f7c9b6-abcde");
    ck_assert_str_eq(nginx->data.pod_namespace, "shop");
    /* "/default/plain" says nothing by itself: its engine declared it */
    const struct engine_container *plain = named(&host, "plain");
    ck_assert(plain->seen && plain->data.confirmed && !plain->data.generated_name);
    ck_assert_uint_eq(host.result.containers.count, 3);
    host_close(&host);
}
END_TEST

START_TEST(lxc)
{
    struct host host = host_open("lxc");
    host_read(&host);
    no_errors(&host);
    const struct engine_container *found = named(&host, "mylxc");
    ck_assert(found->seen && found->data.confirmed);
    ck_assert_str_eq(network(found, "lxcbr0")->interface, "lxcbr0");
    ck_assert_str_eq(ADDRESS_TEXT(network(found, "lxcbr0")->addresses.items[0]), "10.0.3.5");
    ck_assert_uint_eq(host.result.containers.count, 1);
    host_close(&host);
}
END_TEST

START_TEST(nspawn)
{
    struct host host = host_open("nspawn");
    host_read(&host);
    no_errors(&host);
    const struct engine_container *machine = named(&host, "myspawn");
    ck_assert(machine->seen && machine->data.confirmed);
    published_is(machine, ":8080->80/6 :5353->53/17 ");
    ck_assert_str_eq(network(machine, "br-spawn")->interface, "br-spawn");
    ck_assert_uint_eq(host.result.containers.count, 1);
    host_close(&host);
}
END_TEST

/* An identifier that no engine knows is a container nevertheless. */
START_TEST(unknown_engine)
{
    struct host host = host_open("lxc");
    host.processes = memory_resize(host.processes, host.count + 1, sizeof(*host.processes));
    host.processes[host.count++] =
        (struct engine_process){.pid = 56, .namespace = 5, .cgroup = "/myparent/" ID_B};
    host_read(&host);
    const struct engine_container *container =
        &host.result.containers.items[host.processes[host.count - 1].container];
    ck_assert_str_eq(container->data.name, "bbbbbbbbbbbb");
    ck_assert_int_eq(container->data.engine, ENGINE_NONE);
    ck_assert_uint_eq(host.snapshot->errors.count, 1);
    host_close(&host);
}
END_TEST

START_TEST(words)
{
    ck_assert_int_eq(engine_parse("docker"), ENGINE_DOCKER);
    ck_assert_int_eq(engine_parse("crio"), ENGINE_CRIO);
    ck_assert_int_eq(engine_parse("netns"), ENGINE_NONE);
    ck_assert_int_eq(engine_parse(""), ENGINE_NONE);
}
END_TEST

/* ---- a user's own engine, whose state is whatever the user writes ---- */

static void tree_write(const char *root, const char *path, const char *text)
{
    _cleanup_free_ char *whole = memory_printf("%s/%s", root, path);
    for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(whole, 0700);
    }
    _cleanup_fclose_ FILE *file = fopen(whole, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
}

static void tree_remove(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        unlinkat(directory, name, 0);
        return;
    }
    _cleanup_closedir_ DIR *stream = fdopendir(fd);
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            tree_remove(fd, entry->d_name);
    }
    unlinkat(directory, name, AT_REMOVEDIR);
}

#define USER_SERVICE "/user.slice/user-%u.slice/user@%u.service"

/* A rootless Podman's container that claims the cgroup, beneath its user's service or not, for its own. */
static struct hostile user_open(bool beneath, const char *cgroup)
{
    struct hostile hostile = {.root = "/tmp/postern-engine-XXXXXX", .host = host_open("lxc")};
    struct host *host = &hostile.host;
    unsigned user = getuid() ? getuid() : 7;
    ck_assert_ptr_nonnull(mkdtemp(hostile.root));
    _cleanup_free_ char *service = memory_printf(USER_SERVICE, user, user);
    _cleanup_free_ char *claimed = memory_printf("%s%s", beneath ? service : "", cgroup);
    _cleanup_free_ char *config = memory_printf("{\"linux\": {\"cgroupsPath\": \"%s\"}}", claimed);
    _cleanup_free_ char *storage = memory_printf("run/user/%u/containers/overlay-containers", user);
    _cleanup_free_ char *list = memory_printf("%s/containers.json", storage);
    _cleanup_free_ char *file = memory_printf("%s/" ID_A "/userdata/config.json", storage);
    tree_write(hostile.root, list, "[{\"id\": \"" ID_A "\", \"names\": [\"sshd\"]}]");
    tree_write(hostile.root, file, config);
    close(host->context.root);
    host->context.root = open(hostile.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    host->processes = memory_resize(host->processes, host->count + 3, sizeof(*host->processes));
    host->count = 0;
    struct arena *arena = host->snapshot->arena;
    host->processes[host->count++] = (struct engine_process){
        .pid = 11,
        .namespace = 5,
        .cgroup = arena_printf(arena, USER_SERVICE "/user.slice/libpod-" ID_A ".scope", user, user)};
    host->processes[host->count++] =
        (struct engine_process){.pid = 12, .namespace = HOST, .cgroup = "/system.slice/ssh.service"};
    host->processes[host->count++] = (struct engine_process){
        .pid = 13, .namespace = 5, .cgroup = arena_printf(arena, USER_SERVICE "/mine", user, user)};
    host_read(host);
    /* what a user's state says is the user's word: it names, and confirms nothing */
    _cleanup_free_ char *name = memory_printf("sshd@%u", user);
    const struct engine_container *container = named(host, name);
    ck_assert(container->described && !container->data.confirmed && container->user_id == user);
    no_errors(host);
    return hostile;
}

static void user_close(struct hostile *hostile)
{
    host_close(&hostile->host);
    tree_remove(AT_FDCWD, hostile->root);
}

START_TEST(user_claims_only_its_own_cgroups)
{
    static const struct {
        bool beneath;
        const char *cgroup;
    } claims[] = {{false, "/system.slice/ssh.service"},
                  {false, "/system.slice"},
                  {false, "/"},
                  {true, "/../../../system.slice/ssh.service"}};
    struct hostile hostile = user_open(claims[_i].beneath, claims[_i].cgroup);
    ck_assert_int_ge(hostile.host.processes[0].container, 0);
    ck_assert_int_eq(hostile.host.processes[1].container, -1);
    user_close(&hostile);
}
END_TEST

/* However much a user writes there, little of it is read. */
START_TEST(user_state_is_bounded)
{
    static const char config[] = "{\"ID\": \"" ID_B "\", \"Name\": \"/b\", \"State\": {\"Running\": true}}";
    struct hostile hostile = {.root = "/tmp/postern-engine-XXXXXX", .host = host_open("lxc")};
    struct host *host = &hostile.host;
    struct arena *arena = host->snapshot->arena;
    unsigned user = getuid() ? getuid() : 7;
    ck_assert_ptr_nonnull(mkdtemp(hostile.root));
    _cleanup_free_ char *passwd = memory_printf("u:x:%u:%u::/home/u:/bin/sh\n", user, user);
    tree_write(hostile.root, "etc/passwd", passwd);
    tree_write(hostile.root, "home/u/.local/share/docker/containers/" ID_B "/config.v2.json", config);
    for (unsigned i = 0; i < 40; i++) {
        _cleanup_free_ char *list =
            memory_printf("home/u/.local/share/containers/storage/d%u-containers/containers.json", i);
        tree_write(hostile.root, list, "no list");
    }
    close(host->context.root);
    host->context.root = open(hostile.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    host->processes[0].cgroup = arena_printf(arena, USER_SERVICE "/docker-" ID_A ".scope", user, user);
    host->processes = memory_resize(host->processes, 2, sizeof(*host->processes));
    host->processes[1] = (struct engine_process){
        .pid = 11,
        .namespace = 5,
        .cgroup = arena_printf(arena, USER_SERVICE "/libpod-" ID_A ".scope", user, user)};
    host->count = 2;
    host_read(host);
    list_each(struct engine_container, container, &host->result.containers)
        ck_assert_str_ne(container->data.id, ID_B);
    size_t told = 0;
    list_each(struct fault, fault, &host->snapshot->errors)
        told += strstr(fault->message, "containers.json") != NULL;
    ck_assert_uint_gt(told, 0);
    ck_assert_uint_le(told, 16);
    user_close(&hostile);
}
END_TEST

START_TEST(user_has_its_own_cgroups)
{
    struct hostile hostile = user_open(true, "/mine");
    ck_assert_int_eq(hostile.host.processes[1].container, -1);
    ck_assert_int_eq(hostile.host.processes[2].container, hostile.host.processes[0].container);
    user_close(&hostile);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine/engine");
    TCase *paths_case = tcase_create("paths");
    tcase_add_loop_test(paths_case, paths, 0, sizeof(path_rows) / sizeof(path_rows[0]));
    tcase_add_test(paths_case, deep_paths_are_bounded);
    tcase_add_test(paths_case, hierarchies);
    tcase_add_test(paths_case, words);
    suite_add_tcase(suite, paths_case);
    TCase *engines = tcase_create("engines");
    tcase_add_test(engines, docker);
    tcase_add_test(engines, docker_dead);
    tcase_add_test(engines, docker_root_given);
    tcase_add_test(engines, docker_unreadable);
    tcase_add_test(engines, numbers_of_others);
    tcase_add_test(engines, docker_nested);
    tcase_add_test(engines, docker_of_a_user);
    tcase_add_test(engines, docker_of_a_service);
    tcase_add_loop_test(engines, others_of_a_service, 0, 4);
    tcase_add_test(engines, nested_bears_the_name_of_another);
    tcase_add_loop_test(engines, docker_root_by_what_may_mount, 0, 2);
    tcase_add_test(engines, podman);
    tcase_add_test(engines, podman_root_given);
    tcase_add_test(engines, containerd);
    tcase_add_test(engines, lxc);
    tcase_add_test(engines, nspawn);
    tcase_add_test(engines, unknown_engine);
    suite_add_tcase(suite, engines);
    TCase *hostile = tcase_create("hostile");
    tcase_add_test(hostile, state_is_a_link);
    tcase_add_test(hostile, state_is_a_fifo);
    tcase_add_test(hostile, state_is_no_json);
    tcase_add_test(hostile, state_is_of_another);
    tcase_add_loop_test(hostile, state_is_strange, 0, 5);
    tcase_add_test(hostile, state_is_odd_within);
    tcase_add_loop_test(hostile, user_claims_only_its_own_cgroups, 0, 4);
    tcase_add_test(hostile, user_has_its_own_cgroups);
    tcase_add_test(hostile, user_state_is_bounded);
    suite_add_tcase(suite, hostile);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

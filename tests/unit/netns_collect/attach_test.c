/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Containers, namespaces and processes joined, on a host made by hand. */
#include "netns/collect/attach.h"

#include "netns/base/text.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/rtnetlink.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST 4026531840
#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct host {
    struct snapshot *snapshot;
    struct found found;
    struct attachment attachment;
};

static struct namespace *place_add(struct host *host, uint64_t id)
{
    struct namespace *namespace = namespace_new(id);
    namespace->role = id == HOST ? ROLE_HOST : ROLE_BARE;
    *list_append(&host->snapshot->namespaces) = namespace;
    *list_append(&host->found.places) = (struct found_place){.handle = {.fd = -1}, .namespace = namespace};
    map_set_u64(host->found.by_inode, id, (void *)(uintptr_t)host->found.places.count);
    return namespace;
}

static void path_add(struct namespace *namespace, const char *path)
{
    *list_append(&namespace->paths) = path;
    *list_append(&namespace->names) = strrchr(path, '/') + 1;
}

static void process_add(struct host *host, uint32_t pid, uint64_t namespace, const char *cgroup)
{
    size_t place = found_place_of(&host->found, namespace);
    struct found_cgroup *where = arena_alloc(host->snapshot->arena, sizeof(*where));
    where->path = where->unified = cgroup;
    *list_append(&host->found.places.items[place].processes) = (uint32_t)host->found.processes.count;
    *list_append(&host->found.processes) =
        (struct found_process){.directory = -1, .pid = pid, .place = (uint32_t)place, .cgroup = where};
}

static struct host host_open(void)
{
    struct host host = {.snapshot = snapshot_new()};
    host.found.by_inode = map_new();
    host.found.by_pid = map_new();
    host.found.cgroups = map_new();
    host.found.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    host.found.root = -1;
    host.snapshot->host_namespace = HOST;
    place_add(&host, HOST);
    return host;
}

static void host_attach(struct host *host)
{
    struct engine_context context = {.proc = host->found.proc,
                                     .root = host->found.root,
                                     .host_namespace = HOST,
                                     .owner = getuid(),
                                     .snapshot = host->snapshot};
    attach_containers(host->snapshot, &host->found, &context, 0, &host->attachment);
}

static void host_close(struct host *host)
{
    close(host->found.proc);
    attachment_free(&host->attachment);
    found_free(&host->found);
    snapshot_free(host->snapshot);
}

static const struct container *named(const struct host *host, const char *name)
{
    const struct container *container = snapshot_container(host->snapshot, name);
    ck_assert_msg(container != NULL, "there is no container %s", name);
    return container;
}

/* Pids that no process here has, so that nothing of this machine is read. */
enum { FIRST = 5000000, SECOND, THIRD, FOURTH };

START_TEST(names_and_roles)
{
    struct host host = host_open();
    place_add(&host, 11);
    place_add(&host, 12);
    path_add(place_add(&host, 13), "/run/netns/blue");
    place_add(&host, 14);
    process_add(&host, FIRST, 11, "/docker/" ID_A);
    process_add(&host, SECOND, HOST, "/docker/" ID_B);
    process_add(&host, THIRD, 14, "/user.slice");
    process_add(&host, FOURTH, HOST, "/system.slice/ssh.service");
    host_attach(&host);
    const struct container *docker = named(&host, "aaaaaaaaaaaa");
    ck_assert_uint_eq(docker->namespace, 11);
    ck_assert_uint_eq(docker->pid, FIRST);
    ck_assert_int_eq(docker->engine, ENGINE_DOCKER);
    ck_assert(!docker->confirmed && !docker->host_network);
    ck_assert(named(&host, "bbbbbbbbbbbb")->host_network);
    const struct container *blue = named(&host, "blue");
    ck_assert_int_eq(blue->engine, ENGINE_NETNS);
    ck_assert(!blue->generated_name && blue->confirmed);
    _cleanup_free_ char *name = memory_printf("pid:%u", THIRD);
    ck_assert_int_eq(named(&host, name)->engine, ENGINE_PID);
    ck_assert_uint_eq(host.snapshot->containers.count, 5); /* and one without a process or a name */
    ck_assert_int_eq(snapshot_host(host.snapshot)->role, ROLE_HOST);
    ck_assert_int_eq(snapshot_namespace(host.snapshot, 11)->role, ROLE_CONTAINER);
    ck_assert_int_eq(snapshot_namespace(host.snapshot, 13)->role, ROLE_BARE);
    ck_assert_uint_eq(host.attachment.containers.count, host.snapshot->containers.count);
    host_close(&host);
}
END_TEST

START_TEST(shared_namespaces_name_all)
{
    struct host host = host_open();
    place_add(&host, 11);
    process_add(&host, FIRST, 11, "/docker/" ID_A);
    process_add(&host, SECOND, 11, "/docker/" ID_B);
    process_add(&host, THIRD, 11, "/docker/" ID_B);
    host_attach(&host);
    ck_assert_uint_eq(host.snapshot->containers.count, 2);
    ck_assert_uint_eq(named(&host, "aaaaaaaaaaaa")->namespace, 11);
    ck_assert_uint_eq(named(&host, "bbbbbbbbbbbb")->namespace, 11);
    ck_assert_uint_eq(named(&host, "bbbbbbbbbbbb")->pid, SECOND);
    host_close(&host);
}
END_TEST

START_TEST(nested_is_named_by_both)
{
    struct host host = host_open();
    place_add(&host, 11);
    place_add(&host, 12);
    place_add(&host, 13);
    process_add(&host, FIRST, 11, "/docker/" ID_A);
    process_add(&host, SECOND, 12, "/docker/" ID_A "/docker/" ID_B);
    process_add(&host, THIRD, 13, "/docker/" ID_A); /* made a namespace of its own */
    host_attach(&host);
    const struct container *inner = named(&host, "aaaaaaaaaaaa/bbbbbbbbbbbb");
    ck_assert(inner->nested && inner->generated_name);
    ck_assert_uint_eq(inner->namespace, 12);
    _cleanup_free_ char *name = memory_printf("aaaaaaaaaaaa/pid:%u", THIRD);
    ck_assert(named(&host, name)->nested);
    ck_assert_uint_eq(named(&host, name)->namespace, 13);
    /* the processes are the outer container's, wherever they are */
    struct process none = {0};
    for (uint32_t pid = FIRST; pid <= THIRD; pid++)
        list_append(&host.snapshot->processes)->pid = pid;
    attach_processes(host.snapshot, &host.attachment, &none);
    for (size_t i = 0; i < 3; i++)
        ck_assert_str_eq(host.snapshot->containers.items[host.snapshot->processes.items[i].container].name,
                         "aaaaaaaaaaaa");
    host_close(&host);
}
END_TEST

START_TEST(names_are_unique)
{
    struct host host = host_open();
    place_add(&host, 11);
    place_add(&host, 12);
    path_add(place_add(&host, 13), "/run/netns/web");
    path_add(place_add(&host, 14), "/srv/other/web");
    process_add(&host, FIRST, 11, "/lxc.payload.web");
    process_add(&host, SECOND, 12, "/machine.slice/machine-web.scope");
    host_attach(&host);
    ck_assert_uint_eq(host.snapshot->containers.count, 4);
    ck_assert_uint_eq(named(&host, "lxc/web")->namespace, 11);
    for (size_t i = 0; i < 4; i++) {
        const char *name = host.snapshot->containers.items[i].name;
        ck_assert_ptr_eq(snapshot_container(host.snapshot, name), &host.snapshot->containers.items[i]);
    }
    host_close(&host);
}
END_TEST

/* Whoever makes a cgroup of that name, or calls a container of his own so, takes nothing from its owner. */
START_TEST(names_of_others_stay)
{
    struct host host = host_open();
    path_add(place_add(&host, 11), "/run/netns/web");
    place_add(&host, 12);
    place_add(&host, 13);
    process_add(&host, FIRST, 12, "/lxc.payload.web");
    process_add(&host, SECOND, 13, "/user.slice/user-7.slice/session-1.scope/lxc/web");
    host_attach(&host);
    ck_assert_uint_eq(named(&host, "web")->namespace, 11);
    ck_assert(named(&host, "web")->confirmed);
    ck_assert_uint_eq(named(&host, "lxc/web")->namespace, 12);
    ck_assert_uint_eq(named(&host, "web@7")->namespace, 13);
    ck_assert(!named(&host, "web@7")->confirmed);
    host_close(&host);
}
END_TEST

START_TEST(engines_names_are_no_identity)
{
    struct host host = host_open();
    path_add(place_add(&host, 11), "/run/netns/netns-2ba6c0f6-a45f-2b09-1b15-bdeb65bbfa70");
    path_add(place_add(&host, 12), "/run/docker/netns/560b03049220");
    struct namespace *both = place_add(&host, 13);
    path_add(both, "/srv/x");
    path_add(both, "/var/run/netns/good");
    host_attach(&host);
    ck_assert(named(&host, "netns-2ba6c0f6-a45f-2b09-1b15-bdeb65bbfa70")->generated_name);
    ck_assert(named(&host, "560b03049220")->generated_name);
    ck_assert(!named(&host, "good")->generated_name);
    host_close(&host);
}
END_TEST

START_TEST(privileges_of_the_first_process)
{
    struct host host = host_open();
    place_add(&host, 11);
    process_add(&host, FIRST, 11, "/docker/" ID_A);
    host_attach(&host);
    struct process ours = {.user_namespace = 1, .pid_namespace = 2, .ipc_namespace = 3, .uts_namespace = 4};
    *list_append(&host.snapshot->processes) = (struct process){.pid = FIRST,
                                                               .uid = 1000,
                                                               .bounding = 7,
                                                               .seccomp = 2,
                                                               .no_new_privileges = true,
                                                               .user_namespace = 9,
                                                               .pid_namespace = 2,
                                                               .ipc_namespace = 8,
                                                               .container = -1};
    attach_processes(host.snapshot, &host.attachment, &ours);
    const struct container *container = named(&host, "aaaaaaaaaaaa");
    ck_assert_uint_eq(container->user, 1000);
    ck_assert_uint_eq(container->capabilities, 7);
    ck_assert_uint_eq(container->seccomp, 2);
    ck_assert(container->no_new_privileges && container->host_pid && !container->host_ipc &&
              !container->host_uts);
    ck_assert_str_eq(container->user_namespace, "private");
    host_close(&host);
}
END_TEST

/* ---- outside ---- */

static void veth_add(struct namespace *host, const char *name, uint32_t index, uint64_t peer)
{
    *list_append(&host->links) = (struct link){.name = name,
                                               .index = index,
                                               .kind = LINK_VETH,
                                               .peer_index = 2,
                                               .peer_nsid = 0,
                                               .peer_namespace = peer};
}

static void default_route_add(struct namespace *host, uint32_t index)
{
    struct route *route = list_append(&host->routes);
    route->family = FAMILY_IP4;
    route->type = RTN_UNICAST;
    route->destination = prefix_all(FAMILY_IP4);
    list_append(&route->next_hops)->index = index;
}

static void outside_check(const char *const *uplinks, size_t count, enum namespace_role router,
                          enum namespace_role blue, enum namespace_role docker)
{
    struct host host = host_open();
    path_add(place_add(&host, 11), "/run/netns/router");
    path_add(place_add(&host, 12), "/run/netns/blue");
    place_add(&host, 13);
    process_add(&host, FIRST, 13, "/docker/" ID_A);
    host_attach(&host);
    struct namespace *own = snapshot_host(host.snapshot);
    veth_add(own, "eth0", 3, 11);
    veth_add(own, "vblue", 4, 12);
    veth_add(own, "vdocker", 5, 13);
    default_route_add(own, 3);
    attach_outside(host.snapshot, &host.found, uplinks, count);
    ck_assert_int_eq(snapshot_namespace(host.snapshot, 11)->role, router);
    ck_assert_int_eq(snapshot_namespace(host.snapshot, 12)->role, blue);
    ck_assert_int_eq(snapshot_namespace(host.snapshot, 13)->role, docker);
    host_close(&host);
}

START_TEST(outside)
{
    const char *const named_uplink[] = {"vblue"};
    outside_check(NULL, 0, ROLE_OUTSIDE, ROLE_BARE, ROLE_CONTAINER);
    outside_check(named_uplink, 1, ROLE_BARE, ROLE_OUTSIDE, ROLE_CONTAINER);
}
END_TEST

/* ---- a user's own engine ---- */

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

static int tree_remove(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/* It says that a container of its own runs in a namespace that is somebody else's. */
START_TEST(user_claims_no_namespace)
{
    static const char config[] = "{\"ID\": \"" ID_B "\", \"Name\": \"/web\", \"State\": {\"Running\": true}, "
                                 "\"NetworkSettings\": {\"SandboxKey\": \"/run/netns/victim\"}}";
    struct host host = host_open();
    char root[] = "/tmp/postern-attach-XXXXXX";
    unsigned user = getuid() ? getuid() : 7;
    ck_assert_ptr_nonnull(mkdtemp(root));
    _cleanup_free_ char *passwd = memory_printf("tenant:x:%u:%u::/home/tenant:/bin/sh\n", user, user);
    tree_write(root, "etc/passwd", passwd);
    tree_write(root, "home/tenant/.local/share/docker/containers/" ID_B "/config.v2.json", config);
    tree_write(root, "home/tenant/.local/share/docker/containers/" ID_B "/hostconfig.json", "{}");
    host.found.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    path_add(place_add(&host, 5), "/run/netns/victim");
    process_add(&host, 99999999, HOST,
                arena_printf(host.snapshot->arena,
                             "/user.slice/user-%u.slice/user@%u.service/docker-" ID_A ".scope", user, user));
    host_attach(&host);
    const struct container *owner = snapshot_namespace_container(host.snapshot, 5);
    ck_assert_str_eq(owner->name, "victim");
    ck_assert_int_eq(owner->engine, ENGINE_NETNS);
    close(host.found.root);
    host_close(&host);
    nftw(root, tree_remove, 8, FTW_DEPTH | FTW_PHYS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collect/attach");
    TCase *cases = tcase_create("attach");
    tcase_add_test(cases, names_and_roles);
    tcase_add_test(cases, user_claims_no_namespace);
    tcase_add_test(cases, shared_namespaces_name_all);
    tcase_add_test(cases, nested_is_named_by_both);
    tcase_add_test(cases, names_are_unique);
    tcase_add_test(cases, names_of_others_stay);
    tcase_add_test(cases, engines_names_are_no_identity);
    tcase_add_test(cases, privileges_of_the_first_process);
    tcase_add_test(cases, outside);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rows of the engine table read with: mounts, OCI configurations, settings, names; and mutilated
 * files. */
#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/engine/cri.h"
#include "netns/engine/docker.h"
#include "netns/engine/lxc.h"
#include "netns/engine/mount.h"
#include "netns/engine/oci.h"
#include "netns/engine/podman.h"
#include "netns/engine/state.h"

#include <check.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>

/* ---- mounts ---- */

#define LINE_ROOT                                                                                            \
    "122 84 0:44 / / rw,relatime master:2 - overlay overlay "                                                \
    "rw,lowerdir=/srv/docker/overlay2/l/A:/srv/docker"                                                       \
    "/overlay2/l/B,upperdir=/srv/docker/overlay2/97/diff,workdir=/srv/docker/overlay2/97/work\n"
#define LINE_RESOLV                                                                                          \
    "139 122 254:1 /docker/containers/bf/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vdb rw\n"
#define HOST_MOUNTS                                                                                          \
    "20 1 254:0 / / rw - ext4 /dev/vda rw\n"                                                                 \
    "21 20 254:1 / /mnt/a\\040b rw - ext4 /dev/vdb rw\n"                                                     \
    "22 20 254:1 /dock /mnt/wrong rw - ext4 /dev/vdb rw\n"

static void upper_is(const char *mountinfo, const char *expected)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    const char *root = mount_upper_root(arena, mountinfo, strlen(mountinfo), "/overlay2/");
    ck_assert_msg(text_equal(root, expected), "%s gives %s", mountinfo, root ? root : "nothing");
}

START_TEST(upper_directory)
{
    upper_is(LINE_ROOT, "/srv/docker");
    upper_is(LINE_RESOLV LINE_ROOT, "/srv/docker");
    upper_is("1 2 0:44 / / rw - overlay overlay rw,upperdir=/overlay2/x/diff\n", "/");
    upper_is("1 2 0:44 / / rw - overlay overlay rw,upperdir=/a\\040b/overlay2/x/diff", "/a b");
    upper_is("1 2 0:44 / / rw - overlay overlay rw,upperdir=relative/overlay2/x\n", NULL);
    upper_is("1 2 0:44 / /elsewhere rw - overlay overlay rw,upperdir=/srv/overlay2/x\n", NULL);
    upper_is("1 2 0:44 / / rw - ext4 /dev/vda rw\n", NULL);
    upper_is("", NULL);
    upper_is("1 2 3", NULL);
}
END_TEST

START_TEST(source_of_a_mount)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    const char *root = mount_source_root(arena, LINE_RESOLV, strlen(LINE_RESOLV), "/etc/resolv.conf",
                                         "/containers/", HOST_MOUNTS, strlen(HOST_MOUNTS));
    ck_assert_str_eq(root, "/mnt/a b/docker");
    ck_assert_ptr_null(mount_source_root(arena, LINE_RESOLV, strlen(LINE_RESOLV), "/etc/hosts",
                                         "/containers/", HOST_MOUNTS, strlen(HOST_MOUNTS)));
    ck_assert_ptr_null(mount_source_root(arena, LINE_RESOLV, strlen(LINE_RESOLV), "/etc/resolv.conf",
                                         "/containers/", "", 0));
}
END_TEST

static void mount_collect(void *context, const char *path)
{
    buffer_printf(context, "%s;", path);
}

START_TEST(mounted_namespaces)
{
    static const char mountinfo[] =
        "30 20 0:4 net:[4026532180] /run/docker/netns/default rw shared:9 - nsfs nsfs rw\n"
        "31 20 0:4 mnt:[4026532181] /run/snapd/ns/x.mnt rw - nsfs nsfs rw\n"
        "32 20 0:4 net:[4026532182] /run/netns/a\\040name rw - nsfs nsfs rw\n"
        "33 20 254:0 / / rw - ext4 /dev/vda rw\n";
    _cleanup_buffer_ struct buffer paths = BUFFER(4096);
    mount_each_namespace(mountinfo, sizeof(mountinfo) - 1, mount_collect, &paths);
    ck_assert_str_eq(paths.data, "/run/docker/netns/default;/run/netns/a name;");
}
END_TEST

/* ---- OCI ---- */

START_TEST(cgroup_paths)
{
    static const struct {
        const char *text, *path;
    } rows[] = {
        {"/docker/abc", "/docker/abc"},
        {"system.slice:docker:abc", "/system.slice/docker-abc.scope"},
        {":docker:abc", "/system.slice/docker-abc.scope"},
        {"machine.slice:libpod:abc", "/machine.slice/libpod-abc.scope"},
        {"kubepods-burstable-pod1.slice:cri-containerd:abc",
         "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-abc.scope"},
        {"-.slice:x:y", "/x-y.scope"},
        {"user.slice::y", "/user.slice/y.scope"},
        {"a:b", NULL},
        {"a:b:c", NULL}, /* no slice */
        {"a/b.slice:b:c", NULL},
        {"system.slice:x:y.slice", NULL},
        {"", NULL},
        {"a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a.slice:x:y", NULL},
    };
    _cleanup_arena_ struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *path = oci_cgroup_path(arena, rows[i].text);
        ck_assert_msg(text_equal(path, rows[i].path), "%s gives %s", rows[i].text, path ? path : "nothing");
    }
}
END_TEST

static struct engine_container applied(struct arena *arena, const char *text,
                                       void (*apply)(struct engine_container *, struct arena *,
                                                     const cJSON *))
{
    struct engine_container container = {.data.id = "0123456789abcdef"};
    struct error error = ERROR_NONE;
    _cleanup_json_ cJSON *json = json_parse(text, strlen(text), "test", &error);
    ck_assert_msg(json != NULL, "%s", error.message);
    apply(&container, arena, json);
    return container;
}

static void container_release(struct engine_container *container)
{
    list_free(&container->data.labels);
    list_free(&container->data.published);
}

START_TEST(oci_facts)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct engine_container container = applied(arena,
                                                "{\"linux\": {\"cgroupsPath\": \"/a/b\", \"namespaces\": "
                                                "[{\"type\": \"pid\"}, {\"type\": \"network\", "
                                                "\"path\": \"/run/netns/x\"}]}, \"mounts\": [{\"type\": "
                                                "\"bind\", \"source\": \"/var/run/docker.sock\"}]}",
                                                oci_apply);
    ck_assert_str_eq(container.declared, "/a/b");
    ck_assert_str_eq(container.namespace_path, "/run/netns/x");
    ck_assert(!container.data.host_network && container.data.engine_socket);
    container =
        applied(arena,
                "{\"linux\": {\"namespaces\": [{\"type\": \"pid\"}]}, \"mounts\": [{\"type\": \"tmpfs\", "
                "\"source\": \"/run\"}]}",
                oci_apply);
    ck_assert(container.data.host_network && !container.data.engine_socket);
    container = applied(arena, "{}", oci_apply);
    ck_assert(!container.data.host_network && !container.declared);
}
END_TEST

/* As CRI-O documents its annotations (no CRI-O of Debian 12's is at hand). */
START_TEST(crio_facts)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct engine_container container = applied(
        arena,
        "{\"annotations\": {\"io.kubernetes.cri-o.ContainerType\": \"container\", "
        "\"io.kubernetes.cri-o.Name\": "
        "\"k8s_nginx_web_shop_1_0\", \"io.kubernetes.cri-o.ImageName\": \"shop/nginx:1\", "
        "\"io.kubernetes.container.name\": \"nginx\", \"io.kubernetes.pod.name\": \"web\", "
        "\"io.kubernetes.pod.namespace\": \"shop\", \"io.kubernetes.cri-o.Labels\": "
        "\"{\\\"app\\\":\\\"shop\\\"}\", "
        "\"io.kubernetes.cri-o.PortMappings\": "
        "\"[{\\\"hostPort\\\":8080,\\\"containerPort\\\":80,\\\"protocol\\\":"
        "\\\"UDP\\\",\\\"hostIP\\\":\\\"\\\"}]\", \"io.kubernetes.cri-o.PrivilegedRuntime\": \"true\"}}",
        crio_config_apply);
    ck_assert_str_eq(container.data.name, "shop/web/nginx");
    ck_assert_str_eq(container.data.image, "shop/nginx:1");
    ck_assert_str_eq(container_label(&container.data, "app"), "shop");
    ck_assert_str_eq(container_label(&container.data, "io.kubernetes.container.name"), "nginx");
    ck_assert(container.data.privileged && !container.data.infrastructure);
    ck_assert_uint_eq(container.data.published.count, 1);
    ck_assert_uint_eq(container.data.published.items[0].target, 80);
    ck_assert_uint_eq(container.data.published.items[0].protocol, IPPROTO_UDP);
    container_release(&container);
}
END_TEST

START_TEST(nerdctl_facts)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct engine_container container = applied(
        arena,
        "{\"annotations\": {\"nerdctl/name\": \"web\", \"nerdctl/ports\": \"[{\\\"HostPort\\\":8080,"
        "\\\"ContainerPort\\\":80,\\\"Protocol\\\":\\\"tcp\\\",\\\"HostIP\\\":\\\"127.0.0.1\\\"}]\"}}",
        containerd_config_apply);
    ck_assert_str_eq(container.data.name, "web");
    ck_assert_uint_eq(container.data.published.count, 1);
    ck_assert_str_eq(ADDRESS_TEXT(container.data.published.items[0].address), "127.0.0.1");
    container_release(&container);
}
END_TEST

/* ---- settings ---- */

START_TEST(storage_settings)
{
    static const char text[] =
        "# a comment\ngraphroot = \"/wrong\"\n[storage]\n  driver = \"overlay\"\n"
        "graphroot = \"/srv/storage\"\nrunroot='/run/s'\n[storage.options]\ngraphroot = \"/no\"\n";
    _cleanup_arena_ struct arena *arena = arena_new();
    ck_assert_str_eq(storage_value(arena, text, sizeof(text) - 1, "graphroot"), "/srv/storage");
    ck_assert_str_eq(storage_value(arena, text, sizeof(text) - 1, "runroot"), "/run/s");
    ck_assert_ptr_null(storage_value(arena, text, sizeof(text) - 1, "root"));
    ck_assert_ptr_null(storage_value(arena, "[storage]\ngraphroot = \"/open", 27, "graphroot"));
}
END_TEST

static void port_is(const char *text, uint16_t port, uint16_t target, uint8_t protocol)
{
    struct container container = {0};
    nspawn_port_apply(&container, text);
    ck_assert_uint_eq(container.published.count, port != 0);
    if (port) {
        ck_assert_uint_eq(container.published.items[0].port, port);
        ck_assert_uint_eq(container.published.items[0].target, target);
        ck_assert_uint_eq(container.published.items[0].protocol, protocol);
    }
    list_free(&container.published);
}

START_TEST(nspawn_ports)
{
    port_is("8080:80", 8080, 80, IPPROTO_TCP);
    port_is("53", 53, 53, IPPROTO_TCP);
    port_is("udp:53", 53, 53, IPPROTO_UDP);
    port_is("tcp:8080:80", 8080, 80, IPPROTO_TCP);
    port_is("icmp:8080:80", 0, 0, 0);
    port_is("0", 0, 0, 0);
    port_is("8080:", 0, 0, 0);
    port_is("", 0, 0, 0);
}
END_TEST

START_TEST(unit_names)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    ck_assert_str_eq(unit_unescape(arena, "my\\x2dname", 10), "my-name");
    ck_assert_str_eq(unit_unescape(arena, "plain", 5), "plain");
    ck_assert_ptr_null(unit_unescape(arena, "bad\\x2", 6));
    ck_assert_ptr_null(unit_unescape(arena, "bad\\y2d", 7));
    ck_assert_ptr_null(unit_unescape(arena, "nul\\x00", 7));
}
END_TEST

START_TEST(generated_names)
{
    static const char *const generated[] = {"clever_mendeleev", "zen_hopper3", "admiring_tu"};
    static const char *const given[] = {
        "shop_web", "clever",           "clever_", "clever_Mendeleev",   "", "clever_hopper12",
        "web_zen",  "clever_hopper-db", "_x",      "verylongadjective_x"};
    for (size_t i = 0; i < sizeof(generated) / sizeof(generated[0]); i++)
        ck_assert_msg(name_is_generated(generated[i]), "%s", generated[i]);
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        ck_assert_msg(!name_is_generated(given[i]), "%s", given[i]);
}
END_TEST

START_TEST(engine_sockets)
{
    ck_assert(path_is_engine_socket("/var/run/docker.sock"));
    ck_assert(path_is_engine_socket("/run/"));
    ck_assert(path_is_engine_socket("/"));
    ck_assert(!path_is_engine_socket("/srv/docker.sock"));
    ck_assert(!path_is_engine_socket(""));
}
END_TEST

START_TEST(docker_ports)
{
    struct container container = {0};
    static const char text[] = "[{\"HostIp\": \"\", \"HostPort\": \"8080\"}]";
    _cleanup_json_ cJSON *bindings = json_parse(text, sizeof(text) - 1, "test", NULL);
    ck_assert_ptr_nonnull(bindings);
    docker_port_apply(&container, "80/tcp", bindings);
    docker_port_apply(&container, "80/tcp", bindings); /* once */
    docker_port_apply(&container, "80/icmp", bindings);
    docker_port_apply(&container, "80", bindings);
    docker_port_apply(&container, "99999/tcp", bindings);
    docker_port_apply(&container, "80/udp", NULL);
    ck_assert_uint_eq(container.published.count, 1);
    ck_assert_int_eq(container.published.items[0].address.family, FAMILY_NONE);
    list_free(&container.published);
}
END_TEST

START_TEST(networks_of_both_backends)
{
    static const char netavark[] = "{\"name\": \"shopnet\", \"network_interface\": \"podman1\"}";
    static const char cni[] =
        "{\"name\": \"podman\", \"plugins\": [{\"type\": \"bridge\", \"bridge\": \"cni-podman0\"}, 3]}";
    _cleanup_arena_ struct arena *arena = arena_new();
    const char *name, *interface;
    _cleanup_json_ cJSON *one = json_parse(netavark, sizeof(netavark) - 1, "test", NULL);
    podman_network_parse(one, arena, &name, &interface);
    ck_assert_str_eq(name, "shopnet");
    ck_assert_str_eq(interface, "podman1");
    _cleanup_json_ cJSON *two = json_parse(cni, sizeof(cni) - 1, "test", NULL);
    podman_network_parse(two, arena, &name, &interface);
    ck_assert_str_eq(name, "podman");
    ck_assert_str_eq(interface, "cni-podman0");
}
END_TEST

/* ---- mutilated files: whatever stands in them, they are read or refused ---- */

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void mutilate(char *text, size_t length, uint64_t *state)
{
    static const char alphabet[] = "{}[]\",:0-9eE.\\u/\n =\x80\xff";
    for (unsigned i = 0; i < 1 + random_next(state) % 8; i++)
        text[random_next(state) % length] = alphabet[random_next(state) % (sizeof(alphabet) - 1)];
}

static void json_try(const char *text, size_t length)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    struct engine_context context = {.proc = -1, .root = -1, .snapshot = snapshot};
    struct engine_result result = {0};
    struct engine_state state = {.context = &context, .arena = arena, .result = &result};
    _cleanup_json_ cJSON *json = json_parse(text, length, "test", NULL);
    if (!json)
        return;
    void (*const applies[])(struct engine_container *, struct arena *, const cJSON *) = {
        oci_apply, podman_storage_apply, podman_config_apply, containerd_config_apply, crio_config_apply};
    for (size_t i = 0; i < sizeof(applies) / sizeof(applies[0]); i++) {
        struct engine_container *container = state_container_add(&state, ENGINE_PODMAN, "0123456789ab", 0);
        applies[i](container, arena, json);
    }
    const char *id = json_text(json, "ID");
    struct engine_container *container = state_container_add(&state, ENGINE_DOCKER, id ? id : "x", 0);
    docker_container_apply(&state, container, json, json, NULL);
    const char *name, *interface;
    podman_network_parse(json, arena, &name, &interface);
    engine_result_free(&result);
}

static void text_try(const char *text, size_t length)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_buffer_ struct buffer paths = BUFFER(1 << 16);
    struct container container = {0};
    engine_cgroup_path(arena, text, length);
    mount_upper_root(arena, text, length, "/overlay2/");
    mount_source_root(arena, text, length, "/etc/resolv.conf", "/containers/", text, length);
    mount_each_namespace(text, length, mount_collect, &paths);
    storage_value(arena, text, length, "graphroot");
    lxc_config_apply(&container, arena, text, length);
    nspawn_settings_apply(&container, arena, text, length);
    list_each(struct container_network, network, &container.networks)
        list_free(&network->addresses);
    list_free(&container.networks);
    list_free(&container.published);
}

static void pattern_try(const char *pattern, unsigned times, void (*try)(const char *text, size_t length))
{
    glob_t files;
    _cleanup_free_ char *whole = memory_printf("%s/%s", FIXTURES, pattern);
    ck_assert_msg(glob(whole, 0, NULL, &files) == 0, "%s", whole);
    uint64_t state = 4711;
    for (size_t i = 0; i < files.gl_pathc && i < 4; i++) {
        _cleanup_free_ char *text = NULL;
        size_t length;
        ck_assert_int_eq(file_read(AT_FDCWD, files.gl_pathv[i], 1 << 20, &text, &length, NULL), 0);
        for (unsigned n = 0; n < times; n++) {
            /* a copy of just that length, so that one byte too far is seen */
            char *copy = memory_alloc(length + 1);
            memcpy(copy, text, length);
            mutilate(copy, length, &state);
            size_t cut = n % 3 ? length : 1 + random_next(&state) % length;
            copy = memory_resize(copy, cut + 1, 1);
            copy[cut] = '\0';
            try(copy, cut);
            free(copy);
        }
    }
    globfree(&files);
}

START_TEST(mutilated)
{
    pattern_try("docker/root/srv/docker/containers/*/config.v2.json", 100, json_try);
    pattern_try("docker/root/srv/docker/containers/*/hostconfig.json", 50, json_try);
    pattern_try("podman/root/srv/podman/overlay-containers/*/userdata/config.json", 30, json_try);
    pattern_try("podman/root/etc/containers/networks/*.json", 100, json_try);
    pattern_try("containerd/root/run/containerd/*/*/*/config.json", 30, json_try);
    pattern_try("docker/proc/*/mountinfo", 50, text_try);
    pattern_try("docker/proc/*/cgroup", 50, text_try);
    pattern_try("lxc/root/srv/lxc/mylxc/config", 100, text_try);
    pattern_try("nspawn/root/run/systemd/nspawn/*.nspawn", 100, text_try);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine/parse");
    TCase *cases = tcase_create("parse");
    tcase_add_test(cases, upper_directory);
    tcase_add_test(cases, source_of_a_mount);
    tcase_add_test(cases, mounted_namespaces);
    tcase_add_test(cases, cgroup_paths);
    tcase_add_test(cases, oci_facts);
    tcase_add_test(cases, crio_facts);
    tcase_add_test(cases, nerdctl_facts);
    tcase_add_test(cases, storage_settings);
    tcase_add_test(cases, nspawn_ports);
    tcase_add_test(cases, unit_names);
    tcase_add_test(cases, generated_names);
    tcase_add_test(cases, engine_sockets);
    tcase_add_test(cases, docker_ports);
    tcase_add_test(cases, networks_of_both_backends);
    suite_add_tcase(suite, cases);
    TCase *mutilation = tcase_create("mutilated");
    tcase_set_timeout(mutilation, 120);
    tcase_add_test(mutilation, mutilated);
    suite_add_tcase(suite, mutilation);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

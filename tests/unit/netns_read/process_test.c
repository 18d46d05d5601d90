/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/process.h"

#include "tests/unit/netns_read/messages.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- texts ---- */

START_TEST(status_of_a_root_process)
{
    _cleanup_free_ char *text = fixture_text("status.text");
    _cleanup_arena_ struct arena *arena = arena_new();
    struct process process = {.uid = 7, .seccomp = 9, .no_new_privileges = true};

    ck_assert(process_parse_status(text, arena, &process));
    ck_assert_str_eq(process.name, "python3");
    ck_assert_uint_eq(process.uid, 0);
    ck_assert_uint_eq(process.effective, 0x1fffeffffff);
    ck_assert_uint_eq(process.bounding, 0x1fffeffffff);
    ck_assert_uint_eq(process.seccomp, 0);
    ck_assert(!process.no_new_privileges);
}
END_TEST

START_TEST(status_of_a_confined_process)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct process process = {.uid = 7};

    ck_assert(process_parse_status("Name:\ta\\nb\\\\c\nUid:\t1000\t1001\t1002\t1003\n"
                                   "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425ff\n"
                                   "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n",
                                   arena, &process));
    ck_assert_str_eq(process.name, "a\nb\\c");
    ck_assert_uint_eq(process.uid, 1001);
    ck_assert_uint_eq(process.effective, 0xa80425fb);
    ck_assert_uint_eq(process.bounding, 0xa80425ff);
    ck_assert_uint_eq(process.seccomp, 2);
    ck_assert(process.no_new_privileges);
    process.name = NULL;
    ck_assert(!process_parse_status("", arena, &process));
}
END_TEST

START_TEST(start_time)
{
    _cleanup_free_ char *text = fixture_text("stat.text");

    ck_assert_uint_gt(process_parse_start(text), 0);
    /* the name may look like the rest of the line */
    ck_assert_uint_eq(
        process_parse_start("7 (a) S 1 2 (b)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 0"), 4242);
    ck_assert_uint_eq(process_parse_start("7 (a"), 0);
    ck_assert_uint_eq(process_parse_start("7 (a) S 1"), 0);
}
END_TEST

START_TEST(links_of_procfs)
{
    uint64_t inode = 0;

    ck_assert(process_parse_link("socket:[123]", "socket", &inode));
    ck_assert_uint_eq(inode, 123);
    ck_assert(process_parse_link("net:[4026531840]", "net", &inode));
    ck_assert(!process_parse_link("net:[4026531840]", "mnt", &inode));
    ck_assert(!process_parse_link("socket:[]", "socket", &inode));
    ck_assert(!process_parse_link("socket:[1]x", "socket", &inode));
    ck_assert(!process_parse_link("socket:[-1]", "socket", &inode));
    ck_assert(!process_parse_link("/tmp/socket:[1]", "socket", &inode));
    ck_assert(!process_parse_link("socket", "socket", &inode));
}
END_TEST

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

START_TEST(the_cgroup_that_says_most)
{
    static const struct {
        const char *text, *path;
    } hosts[] = {
        {"0::/system.slice/docker-" ID ".scope\n", "/system.slice/docker-" ID ".scope"},
        /* hybrid: the unified hierarchy has the daemon's */
        {"9:name=systemd:/docker/" ID "\n1:cpu:/docker/" ID "\n0::/system.slice/containerd.service\n",
         "/docker/" ID},
        {"9:name=systemd:/lxc.payload.web\n1:cpu:/lxc.payload.web\n0::/\n", "/lxc.payload.web"},
        {"9:name=systemd:/\n1:cpu:/user\n0::/user.slice\n", "/user.slice"},
        {"9:cpu:/\n0::/\n", "/"},
        {"0::/a:b\n", "/a:b"},
        {"", NULL},
        {"nonsense\n", NULL},
    };
    _cleanup_arena_ struct arena *arena = arena_new();

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        _cleanup_free_ char *text = memory_strdup(hosts[i].text);
        const char *path = process_choose_cgroup(text, arena);

        ck_assert_pstr_eq(path, hosts[i].path);
    }
}
END_TEST

/* ---- this very process ---- */

static int proc;
static struct process_source source;

static void open_proc(void)
{
    proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(proc, 0);
    process_source_init(proc, &source);
}

static void close_proc(void)
{
    close(proc);
}

struct search {
    uint64_t wanted;
    bool found;
    size_t count;
};

static int visit_pid(void *context, uint32_t pid)
{
    struct search *search = context;

    search->found |= pid == search->wanted;
    search->count++;
    return 0;
}

static int visit_socket(void *context, uint64_t inode)
{
    struct search *search = context;

    search->found |= inode == search->wanted;
    search->count++;
    return search->found ? 42 : 0;
}

START_TEST(it_is_listed)
{
    struct search search = {.wanted = (uint64_t)getpid()};
    struct error error = ERROR_NONE;

    ck_assert_int_eq(process_list(proc, visit_pid, &search, &error), 0);
    ck_assert(search.found);
    ck_assert_int_lt(process_list(-1, visit_pid, &search, &error), 0);
    ck_assert_str_eq(error.code, "processes-unreadable");
}
END_TEST

START_TEST(it_is_read)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_close_ int fd = process_open(proc, (uint32_t)getpid());
    struct process process;
    struct error error = ERROR_NONE;
    struct stat facts;

    ck_assert_int_ge(fd, 0);
    ck_assert(process_alive(fd));
    ck_assert_int_eq(process_read(&source, fd, (uint32_t)getpid(), arena, &process, &error), 0);
    ck_assert_uint_eq(process.pid, (uint32_t)getpid());
    ck_assert_uint_eq(process.uid, geteuid());
    ck_assert_int_eq(process.container, -1);
    ck_assert_uint_gt(process.start_time, 0);
    ck_assert_int_eq(stat("/proc/self/exe", &facts), 0);
    ck_assert_uint_eq(process.executable_inode, facts.st_ino);
    ck_assert_ptr_nonnull(strstr(process.executable, "process_test"));
    ck_assert(process.executable_on_host);
    ck_assert_int_eq(stat("/proc/self/ns/net", &facts), 0);
    ck_assert_uint_eq(process.network_namespace, facts.st_ino);
    ck_assert_uint_eq(process.mount_namespace, source.mount_namespace);
    ck_assert_ptr_nonnull(process.cgroup);
}
END_TEST

START_TEST(its_sockets)
{
    _cleanup_close_ int fd = process_open(proc, (uint32_t)getpid()), held = socket(AF_UNIX, SOCK_STREAM, 0);
    struct search search = {.wanted = 0};
    struct stat facts;

    ck_assert_int_eq(fstat(held, &facts), 0);
    search.wanted = facts.st_ino;
    ck_assert_int_eq(process_sockets(fd, 1 << 16, visit_socket, &search), 42);
    ck_assert(search.found);
    /* a limit is not an answer */
    ck_assert_int_eq(process_sockets(fd, 0, visit_socket, &search), 1);
}
END_TEST

static int visit_thread(void *context, uint32_t thread, uint64_t network_namespace)
{
    (void)thread;
    (void)network_namespace;
    ++*(size_t *)context;
    return 0;
}

START_TEST(its_threads_are_at_home)
{
    _cleanup_close_ int fd = process_open(proc, (uint32_t)getpid());
    uint64_t inode = 0;
    size_t elsewhere = 0;

    ck_assert_int_eq(process_namespace(fd, "net", &inode), 0);
    ck_assert_int_eq(process_threads(fd, (uint32_t)getpid(), inode, visit_thread, &elsewhere), 0);
    ck_assert_uint_eq(elsewhere, 0);
}
END_TEST

/* Its directory was opened while it lived: the number is nobody else's. */
START_TEST(a_process_that_ended)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct error error = ERROR_NONE;
    struct process process;
    struct search search = {.wanted = 0};
    uint64_t inode;
    size_t elsewhere = 0;
    pid_t child = fork();
    _cleanup_close_ int fd = -1;

    if (child == 0) {
        pause();
        _exit(0);
    }
    ck_assert_int_gt(child, 0);
    fd = process_open(proc, (uint32_t)child);
    ck_assert(process_alive(fd));
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert(!process_alive(fd));
    ck_assert_int_eq(process_read(&source, fd, (uint32_t)child, arena, &process, &error), -ESRCH);
    ck_assert_str_eq(error.code, "process-vanished");
    ck_assert_int_lt(process_namespace(fd, "net", &inode), 0);
    ck_assert_int_eq(process_sockets(fd, 100, visit_socket, &search), -ESRCH);
    ck_assert_int_lt(process_threads(fd, (uint32_t)child, 1, visit_thread, &elsewhere), 0);
    ck_assert_int_eq(process_open(proc, 999999999), -ENOENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("process");
    TCase *texts = tcase_create("texts"), *self = tcase_create("self");

    tcase_add_test(texts, status_of_a_root_process);
    tcase_add_test(texts, status_of_a_confined_process);
    tcase_add_test(texts, start_time);
    tcase_add_test(texts, links_of_procfs);
    tcase_add_test(texts, the_cgroup_that_says_most);
    tcase_add_checked_fixture(self, open_proc, close_proc);
    tcase_add_test(self, it_is_listed);
    tcase_add_test(self, it_is_read);
    tcase_add_test(self, its_sockets);
    tcase_add_test(self, its_threads_are_at_home);
    tcase_add_test(self, a_process_that_ended);
    suite_add_tcase(suite, texts);
    suite_add_tcase(suite, self);
    return run_suite(suite);
}

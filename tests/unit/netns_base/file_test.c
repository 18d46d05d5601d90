/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/file.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- a folder of its own for each test ---- */
static char folder[64];
static int folder_fd = -1;

static void folder_make(void)
{
    memcpy(folder, "/tmp/postern-file-test-XXXXXX", 30);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(folder_fd, 0);
}

static void folder_empty(int fd)
{
    DIR *dir = fdopendir(fd);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && (errno == EISDIR || errno == EPERM)) {
            folder_empty(openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
            unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
        }
    }
    closedir(dir);
}

static void folder_remove(void)
{
    folder_empty(take_fd(&folder_fd));
    rmdir(folder);
}

static size_t folder_count(void)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static char *path_of(const char *name)
{
    return memory_printf("%s/%s", folder, name);
}

static void put(const char *name, const char *text)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void expect_content(const char *name, const char *text)
{
    _cleanup_free_ char *data = NULL;
    size_t length;
    ck_assert_int_eq(file_read(folder_fd, name, 1 << 20, &data, &length, NULL), 0);
    ck_assert_str_eq(data, text);
}

/* ---- reading ---- */
START_TEST(a_file_is_read_whole)
{
    _cleanup_free_ char *data = NULL, *again = NULL, *empty = NULL;
    size_t length = 0;
    _cleanup_free_ char *text = memory_alloc(10001);
    memset(text, 'x', 10000);
    put("a", text);
    ck_assert_int_eq(file_read(folder_fd, "a", 10000, &data, &length, NULL), 0);
    ck_assert_uint_eq(length, 10000);
    ck_assert_str_eq(data, text);
    _cleanup_free_ char *path = path_of("a");
    ck_assert_int_eq(file_read(AT_FDCWD, path, 10000, &again, &length, NULL), 0);
    put("empty", "");
    ck_assert_int_eq(file_read(folder_fd, "empty", 0, &empty, &length, NULL), 0);
    ck_assert_uint_eq(length, 0);
    ck_assert_str_eq(empty, "");
}
END_TEST

START_TEST(a_file_above_the_limit_is_refused)
{
    char *data = NULL;
    size_t length = 77;
    struct error error = ERROR_NONE;
    put("a", "12345");
    ck_assert_int_eq(file_read(folder_fd, "a", 4, &data, &length, &error), -EFBIG);
    ck_assert_str_eq(error.code, "file-too-large");
    ck_assert_ptr_null(data);
    ck_assert_uint_eq(length, 77);
    ck_assert_int_eq(file_read(AT_FDCWD, "/dev/zero", 100000, &data, &length, &error), -EFBIG);
    ck_assert_int_eq(file_read_untrusted(folder_fd, "a", (uid_t)-1, 4, &data, &length, &error), -EFBIG);
    ck_assert_str_eq(error.code, "file-too-large");
}
END_TEST

START_TEST(what_cannot_be_read_says_why)
{
    char *data = NULL;
    size_t length;
    struct error error = ERROR_NONE;
    ck_assert_int_eq(file_read(folder_fd, "absent", 10, &data, &length, &error), -ENOENT);
    ck_assert_str_eq(error.code, "file-unreadable");
    ck_assert_str_eq(error.subject, "absent");
    ck_assert_int_eq(file_read(folder_fd, ".", 10, &data, &length, &error), -EISDIR);
    ck_assert_int_eq(file_read_untrusted(folder_fd, "absent", (uid_t)-1, 10, &data, &length, &error),
                     -ENOENT);
    ck_assert_str_eq(error.code, "file-unreadable");
    ck_assert_ptr_null(data);
}
END_TEST

START_TEST(files_of_the_kernel_are_read)
{
    _cleanup_free_ char *data = NULL;
    size_t length;
    /* its size is 0 for stat(2) */
    ck_assert_int_eq(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &data, &length, NULL), 0);
    ck_assert_ptr_nonnull(strstr(data, "\nPid:"));
}
END_TEST

/* ---- reading what a tenant wrote ---- */
START_TEST(a_plain_file_below_is_read)
{
    _cleanup_free_ char *data = NULL, *owned = NULL;
    size_t length;
    ck_assert_int_eq(mkdirat(folder_fd, "d", 0755), 0);
    put("d/a", "content");
    ck_assert_int_eq(file_read_untrusted(folder_fd, "d/a", (uid_t)-1, 100, &data, &length, NULL), 0);
    ck_assert_str_eq(data, "content");
    ck_assert_int_eq(file_read_untrusted(folder_fd, "d/../d/a", getuid(), 100, &owned, &length, NULL), 0);
    ck_assert_str_eq(owned, "content");
}
END_TEST

static void expect_refused(const char *name, uid_t owner)
{
    char *data = NULL;
    size_t length = 77;
    struct error error = ERROR_NONE;
    int r = file_read_untrusted(folder_fd, name, owner, 100, &data, &length, &error);
    ck_assert_msg(r < 0, "%s was read", name);
    ck_assert_str_eq(error.code, "file-refused");
    ck_assert_str_eq(error.subject, name);
    ck_assert_ptr_null(data);
    ck_assert_uint_eq(length, 77);
}

START_TEST(links_are_refused)
{
    put("a", "secret");
    ck_assert_int_eq(mkdirat(folder_fd, "d", 0755), 0);
    put("d/b", "secret");
    ck_assert_int_eq(symlinkat("a", folder_fd, "link"), 0);
    ck_assert_int_eq(symlinkat("d", folder_fd, "folder"), 0);
    ck_assert_int_eq(symlinkat("/etc/passwd", folder_fd, "absolute"), 0);
    ck_assert_int_eq(symlinkat("absent", folder_fd, "dangling"), 0);
    expect_refused("link", (uid_t)-1);
    expect_refused("folder/b", (uid_t)-1);
    expect_refused("absolute", (uid_t)-1);
    expect_refused("dangling", (uid_t)-1);
}
END_TEST

START_TEST(ways_out_are_refused)
{
    expect_refused("/etc/passwd", (uid_t)-1);
    expect_refused("../../etc/passwd", (uid_t)-1);
    expect_refused("..", (uid_t)-1);
    expect_refused("/proc/self/exe", (uid_t)-1);
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused)
{
    /* without O_NONBLOCK or a look before it is opened the FIFO would block for ever */
    ck_assert_int_eq(mkfifoat(folder_fd, "fifo", 0644), 0);
    ck_assert_int_eq(mkdirat(folder_fd, "d", 0755), 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof(name.sun_path), "%s/socket", folder);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    expect_refused("fifo", (uid_t)-1);
    expect_refused("d", (uid_t)-1);
    expect_refused("socket", (uid_t)-1);
}
END_TEST

START_TEST(a_device_is_refused)
{
    _cleanup_close_ int dev = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *data = NULL;
    size_t length;
    struct error error = ERROR_NONE;
    ck_assert_int_eq(file_read_untrusted(dev, "null", (uid_t)-1, 100, &data, &length, &error), -EPERM);
    ck_assert_str_eq(error.code, "file-refused");
}
END_TEST

START_TEST(another_owner_is_refused)
{
    _cleanup_free_ char *data = NULL, *root = NULL;
    size_t length;
    put("a", "content");
    ck_assert_int_eq(file_read_untrusted(folder_fd, "a", getuid(), 100, &data, &length, NULL), 0);
    /* a file of root's is good for everyone; one of anybody else's only for that owner */
    _cleanup_close_ int etc = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(file_read_untrusted(etc, "passwd", 12345, 1 << 20, &root, &length, NULL), 0);
    if (getuid() == 0)
        ck_assert_int_eq(fchownat(folder_fd, "a", 12345, 12345, 0), 0);
    expect_refused("a", getuid() == 0 ? 0 : 12345);
    expect_refused("a", 54321);
}
END_TEST

START_TEST(folders_are_opened_by_the_same_rules)
{
    struct error error = ERROR_NONE;
    ck_assert_int_eq(mkdirat(folder_fd, "d", 0755), 0);
    put("d/a", "content");
    ck_assert_int_eq(symlinkat("d", folder_fd, "link"), 0);
    ck_assert_int_eq(mkfifoat(folder_fd, "fifo", 0644), 0);
    _cleanup_close_ int fd = file_open_directory_untrusted(folder_fd, "d", NULL);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(faccessat(fd, "a", R_OK, 0), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    ck_assert_int_lt(file_open_directory_untrusted(folder_fd, "link", &error), 0);
    ck_assert_int_eq(file_open_directory_untrusted(folder_fd, "..", &error), -EXDEV);
    ck_assert_str_eq(error.code, "file-refused");
    ck_assert_int_eq(file_open_directory_untrusted(folder_fd, "fifo", &error), -ENOTDIR);
    ck_assert_int_eq(file_open_directory_untrusted(folder_fd, "absent", &error), -ENOENT);
}
END_TEST

/* ---- writing ---- */
START_TEST(a_file_is_written_whole)
{
    _cleanup_free_ char *path = path_of("report.json");
    struct stat status;
    put("report.json", "old");
    {
        _cleanup_file_writer_ struct file_writer writer = {0};
        umask(0);
        ck_assert_int_eq(file_writer_open(&writer, path, NULL), 0);
        fputs("new", writer.file);
        fflush(writer.file);
        expect_content("report.json", "old"); /* until it is whole */
        ck_assert_uint_eq(folder_count(), 2);
        ck_assert_int_eq(file_writer_commit(&writer, NULL), 0);
    }
    expect_content("report.json", "new");
    ck_assert_uint_eq(folder_count(), 1);
    ck_assert_int_eq(fstatat(folder_fd, "report.json", &status, 0), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

START_TEST(a_relative_path_is_written)
{
    ck_assert_int_eq(fchdir(folder_fd), 0);
    struct file_writer writer;
    ck_assert_int_eq(file_writer_open(&writer, "here", NULL), 0);
    fputs("x", writer.file);
    ck_assert_int_eq(file_writer_commit(&writer, NULL), 0);
    expect_content("here", "x");
    file_writer_abort(&writer); /* nothing to do any more */
    expect_content("here", "x");
}
END_TEST

START_TEST(an_aborted_file_leaves_nothing)
{
    _cleanup_free_ char *path = path_of("report.json");
    put("report.json", "old");
    {
        _cleanup_file_writer_ struct file_writer writer = {0};
        ck_assert_int_eq(file_writer_open(&writer, path, NULL), 0);
        fputs("new", writer.file);
    }
    expect_content("report.json", "old");
    ck_assert_uint_eq(folder_count(), 1);
}
END_TEST

START_TEST(a_folder_that_is_not_there)
{
    struct file_writer writer;
    struct error error = ERROR_NONE;
    _cleanup_free_ char *path = path_of("absent/report.json");
    ck_assert_int_eq(file_writer_open(&writer, path, &error), -ENOENT);
    ck_assert_str_eq(error.code, "write-failed");
    ck_assert_str_eq(error.subject, path);
    ck_assert_ptr_null(writer.file);
    file_writer_abort(&writer);
    _cleanup_free_ char *self = path_of("");
    ck_assert_int_eq(file_writer_open(&writer, self, &error), 0); /* a name is missing: seen at the rename */
    ck_assert_int_lt(file_writer_commit(&writer, &error), 0);
    ck_assert_str_eq(error.code, "write-failed");
    ck_assert_uint_eq(folder_count(), 0);
}
END_TEST

/* The kernel refuses to let the file grow, as on a full disk; small is found at the flush, large before. */
static void write_beyond_limit(size_t size, bool room_at_last)
{
    _cleanup_free_ char *path = path_of("report.json");
    put("report.json", "old");
    struct rlimit before, limit;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    /* Nothing is asserted under the limit: it would cut the file by which check hears of assertions. */
    int limited = setrlimit(RLIMIT_FSIZE, &limit);
    struct file_writer writer;
    struct error error = ERROR_NONE;
    int opened = file_writer_open(&writer, path, &error);
    for (size_t i = 0; i < size; i++)
        putc('x', writer.file);
    if (room_at_last) /* what failed has failed, though the rest can be written now */
        setrlimit(RLIMIT_FSIZE, &before);
    int r = file_writer_commit(&writer, &error);
    setrlimit(RLIMIT_FSIZE, &before);
    ck_assert_int_eq(limited, 0);
    ck_assert_int_eq(opened, 0);
    ck_assert_int_lt(r, 0);
    ck_assert_str_eq(error.code, "write-failed");
    expect_content("report.json", "old");
    ck_assert_uint_eq(folder_count(), 1);
}

START_TEST(a_full_disk_keeps_the_old_file)
{
    write_beyond_limit(1001, false);
    write_beyond_limit(1000000, false);
    write_beyond_limit(1000000, true);
}
END_TEST

START_TEST(a_full_device_is_seen)
{
    struct file_writer writer;
    struct error error = ERROR_NONE;
    ck_assert_int_eq(file_writer_open(&writer, "/dev/full", &error), 0);
    ck_assert_ptr_null(writer.temporary);
    fputs("x", writer.file);
    ck_assert_int_eq(file_writer_commit(&writer, &error), -ENOSPC);
    ck_assert_str_eq(error.code, "write-failed");
    ck_assert_str_eq(error.message, "cannot write /dev/full: No space left on device");
}
END_TEST

static void *read_fifo(void *argument)
{
    char *text = memory_alloc(100);
    _cleanup_free_ char *path = path_of("fifo");
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    for (ssize_t got; fd >= 0 && (got = read(fd, text + length, 99 - length)) > 0;)
        length += (size_t)got;
    (void)argument;
    return text;
}

START_TEST(a_pipe_is_written_directly)
{
    pthread_t reader;
    void *text;
    struct file_writer writer;
    _cleanup_free_ char *path = path_of("fifo");
    ck_assert_int_eq(mkfifoat(folder_fd, "fifo", 0600), 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, read_fifo, NULL), 0);
    ck_assert_int_eq(file_writer_open(&writer, path, NULL), 0);
    ck_assert_ptr_null(writer.temporary);
    fputs("through", writer.file);
    ck_assert_int_eq(file_writer_commit(&writer, NULL), 0);
    pthread_join(reader, &text);
    ck_assert_str_eq(text, "through");
    free(text);
    ck_assert_uint_eq(folder_count(), 1);
}
END_TEST

START_TEST(a_link_is_replaced_and_not_followed)
{
    struct file_writer writer;
    struct stat status;
    _cleanup_free_ char *path = path_of("report.json");
    put("victim", "precious");
    ck_assert_int_eq(symlinkat("victim", folder_fd, "report.json"), 0);
    ck_assert_int_eq(file_writer_open(&writer, path, NULL), 0);
    fputs("new", writer.file);
    ck_assert_int_eq(file_writer_commit(&writer, NULL), 0);
    expect_content("victim", "precious");
    expect_content("report.json", "new");
    ck_assert_int_eq(fstatat(folder_fd, "report.json", &status, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert(S_ISREG(status.st_mode));
}
END_TEST

static void write_standard_output(const char *path)
{
    put("out", "");
    _cleanup_close_ int out = openat(folder_fd, "out", O_WRONLY | O_APPEND | O_CLOEXEC);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(out, STDOUT_FILENO);
    struct file_writer writer;
    int opened = file_writer_open(&writer, path, NULL);
    fputs("text", writer.file);
    int committed = file_writer_commit(&writer, NULL);
    printf(" and more"); /* it is still open */
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    ck_assert_int_eq(opened, 0);
    ck_assert_int_eq(committed, 0);
    expect_content("out", "text and more");
}

START_TEST(standard_output)
{
    write_standard_output("-");
    write_standard_output("/dev/stdout");
}
END_TEST

/* ---- SHA-256 ---- */
static const struct {
    const char *text;
    unsigned repeat;
    const char *hash;
} hashes[] = {
    /* FIPS 180-2, appendix B */
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

START_TEST(sha256)
{
    char text[SHA256_TEXT_MAX];
    struct sha256 *hash = sha256_new();
    for (unsigned i = 0; i < hashes[_i].repeat; i++)
        sha256_update(hash, hashes[_i].text, strlen(hashes[_i].text));
    sha256_finish(hash, text);
    ck_assert_str_eq(text, hashes[_i].hash);
    if (hashes[_i].repeat == 1) {
        sha256_text(hashes[_i].text, strlen(hashes[_i].text), text);
        ck_assert_str_eq(text, hashes[_i].hash);
    }
}
END_TEST

/* ---- time ---- */
START_TEST(time_is_written_as_rfc3339)
{
    char text[32];
    struct tm parts = {0};
    time_t before = time(NULL);
    ck_assert_ptr_eq(time_text(text), text);
    time_t after = time(NULL);
    ck_assert_uint_eq(strlen(text), 24);
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    ck_assert_ptr_nonnull(rest);
    ck_assert_int_eq(rest[0], '.');
    ck_assert_str_eq(rest + 4, "Z");
    time_t written = timegm(&parts);
    ck_assert(before <= written && written <= after);
    uint64_t first = time_monotonic_ns(), second = time_monotonic_ns();
    ck_assert_uint_ge(second, first);
    ck_assert_uint_gt(first, 0);
}
END_TEST

START_TEST(a_step_has_its_share_of_the_time)
{
    uint64_t second = 1000000000, now = time_monotonic_ns();
    ck_assert_uint_eq(time_share_ns(0, 4), 0);
    uint64_t until = time_share_ns(now + 400 * second, 4);
    ck_assert_uint_ge(until, now + 99 * second);
    ck_assert_uint_le(until, now + 200 * second);
    /* too late, or nearly: enough for what does not block */
    ck_assert_uint_ge(time_share_ns(1, 4), now + second / 4);
    ck_assert_uint_ge(time_share_ns(now + 1000, 4), now + second / 4);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static TCase *reading_case(void)
{
    TCase *tcase = tcase_create("reading");
    tcase_add_checked_fixture(tcase, folder_make, folder_remove);
    tcase_add_test(tcase, a_file_is_read_whole);
    tcase_add_test(tcase, a_file_above_the_limit_is_refused);
    tcase_add_test(tcase, what_cannot_be_read_says_why);
    tcase_add_test(tcase, files_of_the_kernel_are_read);
    tcase_add_test(tcase, a_plain_file_below_is_read);
    tcase_add_test(tcase, links_are_refused);
    tcase_add_test(tcase, ways_out_are_refused);
    tcase_add_test(tcase, what_is_no_regular_file_is_refused);
    tcase_add_test(tcase, a_device_is_refused);
    tcase_add_test(tcase, another_owner_is_refused);
    tcase_add_test(tcase, folders_are_opened_by_the_same_rules);
    return tcase;
}

static TCase *writing_case(void)
{
    TCase *tcase = tcase_create("writing");
    tcase_add_checked_fixture(tcase, folder_make, folder_remove);
    tcase_add_test(tcase, a_file_is_written_whole);
    tcase_add_test(tcase, a_relative_path_is_written);
    tcase_add_test(tcase, an_aborted_file_leaves_nothing);
    tcase_add_test(tcase, a_folder_that_is_not_there);
    tcase_add_test(tcase, a_full_disk_keeps_the_old_file);
    tcase_add_test(tcase, a_full_device_is_seen);
    tcase_add_test(tcase, a_pipe_is_written_directly);
    tcase_add_test(tcase, a_link_is_replaced_and_not_followed);
    tcase_add_test(tcase, standard_output);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *other = tcase_create("other");
    suite_add_tcase(suite, reading_case());
    suite_add_tcase(suite, writing_case());
    tcase_add_loop_test(other, sha256, 0, COUNT(hashes));
    tcase_add_test(other, time_is_written_as_rfc3339);
    tcase_add_test(other, a_step_has_its_share_of_the_time);
    suite_add_tcase(suite, other);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define READ_FIRST    ((size_t)4096)
#define RESOLVE_TRIES 16
#define SHARE_MIN_NS  ((uint64_t)250000000)

/* ---- reading ---- */
static int too_large(const char *path, size_t limit, struct error *error)
{
    return error_set(error, EFBIG, "file-too-large", path, "%s is longer than %zu bytes", path, limit);
}

static int unreadable(const char *path, int status, struct error *error)
{
    return error_errno(error, status, "file-unreadable", path, "cannot read %s", path);
}

/* Reads fd to its end; files of /proc have a length of 0, so that only reading tells. */
static int read_all(int fd, const char *path, size_t limit, char **ret_data, size_t *ret_length,
                    struct error *error)
{
    _cleanup_free_ char *data = NULL;
    size_t length = 0, capacity = 0;
    for (;;) {
        if (length == capacity) {
            capacity = capacity ? capacity * 2 : READ_FIRST;
            data = memory_resize(data, capacity + 1, 1);
        }
        ssize_t got = read(fd, data + length, capacity - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return unreadable(path, errno, error);
        if (got == 0)
            break;
        length += (size_t)got;
        if (length > limit)
            return too_large(path, limit, error);
    }
    data[length] = '\0';
    *ret_data = take_ptr(data);
    *ret_length = length;
    return 0;
}

int file_read(int dirfd, const char *path, size_t limit, char **ret_data, size_t *ret_length,
              struct error *error)
{
    _cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return unreadable(path, errno, error);
    return read_all(fd, path, limit, ret_data, ret_length, error);
}

/* openat2(2), which has no wrapper in glibc; a rename race below dirfd shows as EAGAIN. */
static int open_beneath(int dirfd, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    for (int tries = 0; tries < RESOLVE_TRIES; tries++) {
        long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            break;
    }
    return -errno;
}

static int refused(const char *path, int status, const char *reason, struct error *error)
{
    return error_set(error, status, "file-refused", path, "%s is not read: %s", path, reason);
}

static int cannot_open_beneath(const char *path, int status, struct error *error)
{
    if (status == ELOOP)
        return refused(path, status, "a symbolic link leads there", error);
    if (status == EXDEV)
        return refused(path, status, "it leads out of its folder", error);
    return unreadable(path, status, error);
}

static const char *why_refused(const struct stat *status, uid_t owner)
{
    if (!S_ISREG(status->st_mode))
        return "it is not a regular file";
    if (owner != (uid_t)-1 && status->st_uid != owner && status->st_uid != 0)
        return "it has another owner";
    return NULL;
}

int file_read_untrusted(int dirfd, const char *path, uid_t owner, size_t limit, char **ret_data,
                        size_t *ret_length, struct error *error)
{
    /* Looked at through O_PATH first: merely opening a device acts on it, and a container may have made one.
     */
    _cleanup_close_ int handle = open_beneath(dirfd, path, O_PATH);
    if (handle < 0)
        return cannot_open_beneath(path, -handle, error);
    struct stat status;
    if (fstat(handle, &status) < 0)
        return unreadable(path, errno, error);
    const char *reason = why_refused(&status, owner);
    if (reason)
        return refused(path, EPERM, reason, error);
    if (status.st_size > 0 && (uint64_t)status.st_size > limit)
        return too_large(path, limit, error);
    char same[64];
    snprintf(same, sizeof(same), "/proc/self/fd/%d", handle);
    _cleanup_close_ int fd = open(same, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return unreadable(path, errno, error);
    return read_all(fd, path, limit, ret_data, ret_length, error);
}

int file_open_directory_untrusted(int dirfd, const char *path, struct error *error)
{
    int fd = open_beneath(dirfd, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? cannot_open_beneath(path, -fd, error) : fd;
}

/* ---- writing ---- */
static int write_failed(const char *path, int status, struct error *error)
{
    return error_errno(error, status, "write-failed", path, "cannot write %s", path);
}

/* ".NAME.XXXXXX" beside the file itself, on the file system that rename(2) needs. */
static char *temporary_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    return memory_printf("%.*s.%.200s.XXXXXX", (int)folder, path, path + folder);
}

/*
 * What stands at path and cannot be replaced by a rename: pipes, devices, and what /dev and /proc lead to.
 * A symbolic link to a regular file is replaced, not followed: in a folder that others write to it may be a
 * trap.
 */
static bool is_written_directly(const char *path)
{
    struct stat status;
    if (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0)
        return true;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static int open_temporary(struct file_writer *writer)
{
    writer->temporary = temporary_path(writer->path);
    int fd = mkostemp(writer->temporary, O_CLOEXEC);
    if (fd >= 0)
        return fd;
    int status = errno;
    free(take_ptr(writer->temporary)); /* nothing was made: nothing to unlink */
    return -status;
}

int file_writer_open(struct file_writer *writer, const char *path, struct error *error)
{
    *writer = (struct file_writer){0};
    writer->standard_output = strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0;
    writer->path = memory_strdup(path);
    if (writer->standard_output) {
        writer->file = stdout;
        return 0;
    }
    int fd;
    if (is_written_directly(path)) {
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        fd = fd < 0 ? -errno : fd;
    } else {
        fd = open_temporary(writer);
    }
    if (fd >= 0)
        writer->file = fdopen(fd, "w");
    int status = fd < 0 ? -fd : errno;
    if (writer->file)
        return 0;
    if (fd >= 0)
        close(fd);
    file_writer_abort(writer);
    return write_failed(path, status, error);
}

/* All of it is with the kernel, and on the disk where it is a file: 0, or an errno value. */
static int flush(struct file_writer *writer)
{
    errno = 0;
    if (fflush(writer->file) != 0 || ferror(writer->file))
        return errno ? errno : EIO;
    /* EINVAL: a file system without it */
    if (writer->temporary && fsync(fileno(writer->file)) < 0 && errno != EINVAL)
        return errno;
    return 0;
}

/* The rename is on the disk with its folder; where that fails the new file is whole all the same. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder =
        slash ? memory_strndup(path, (size_t)(slash - path) + 1) : memory_strdup(".");
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        fsync(fd);
}

int file_writer_commit(struct file_writer *writer, struct error *error)
{
    int status = flush(writer);
    FILE *file = take_ptr(writer->file);
    if (!writer->standard_output && fclose(file) != 0 && status == 0)
        status = errno;
    if (status == 0 && writer->temporary) {
        if (rename(writer->temporary, writer->path) == 0) {
            free(take_ptr(writer->temporary));
            sync_folder(writer->path);
        } else {
            status = errno;
        }
    }
    if (status != 0)
        write_failed(writer->path, status, error);
    file_writer_abort(writer);
    return -status;
}

void file_writer_abort(struct file_writer *writer)
{
    if (writer->file && !writer->standard_output)
        fclose(writer->file);
    if (writer->temporary)
        unlink(writer->temporary);
    free(writer->temporary);
    free(writer->path);
    *writer = (struct file_writer){0};
}

/* ---- time ---- */
const char *time_text(char text[32])
{
    struct timespec now = {0};
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t length = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, 32 - length, ".%03ldZ", now.tv_nsec / 1000000);
    return text;
}

uint64_t time_monotonic_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t time_share_ns(uint64_t deadline_ns, unsigned parts)
{
    uint64_t now = time_monotonic_ns(), left = deadline_ns > now ? (deadline_ns - now) / parts : 0;
    if (!deadline_ns)
        return 0;
    return now + (left > SHARE_MIN_NS ? left : SHARE_MIN_NS);
}

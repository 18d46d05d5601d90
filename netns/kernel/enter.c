/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/kernel/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

void namespace_close(struct namespace_handle *handle)
{
    if (handle)
        close_fd(&handle->fd);
}

static int open_failed(int status, const char *path, struct error *error)
{
    if (status == ENOENT || status == ESRCH)
        return error_set(error, status, "namespace-vanished", path, "the namespace is gone");
    return error_errno(error, status, "namespace-refused", path, "the namespace cannot be opened");
}

/*
 * Looks at the thing (O_PATH opens nothing) before it opens it: a path that a tenant may have filled could be
 * a device or a FIFO. Returns a descriptor that setns(2) takes.
 */
static int open_nsfs(int directory, const char *path, struct error *error)
{
    _cleanup_close_ int place = openat(directory, path, O_PATH | O_CLOEXEC);
    char again[64];
    struct statfs filesystem;
    int fd;

    if (place < 0)
        return open_failed(errno, path, error);
    if (fstatfs(place, &filesystem) < 0)
        return open_failed(errno, path, error);
    if (filesystem.f_type != NSFS_MAGIC)
        return error_set(error, EINVAL, "not-a-namespace", path, "no namespace is mounted there");
    snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
    fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return fd < 0 ? open_failed(errno, path, error) : fd;
}

/* Fills user_namespace and owner. */
static void owner_of(int fd, struct namespace_handle *handle)
{
    _cleanup_close_ int owner = ioctl(fd, NS_GET_USERNS);
    struct stat facts;
    uid_t uid;

    handle->user_namespace = owner >= 0 && fstat(owner, &facts) == 0 ? facts.st_ino : 0;
    handle->owner = owner >= 0 && ioctl(owner, NS_GET_OWNER_UID, &uid) == 0 ? uid : UINT32_MAX;
}

int namespace_open(int directory, const char *path, struct namespace_handle *ret_handle, struct error *error)
{
    _cleanup_close_ int fd = open_nsfs(directory, path, error);
    struct stat facts;

    if (fd < 0)
        return fd;
    if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
        return error_set(error, EINVAL, "not-a-namespace", path, "it is a namespace of another kind");
    if (fstat(fd, &facts) < 0)
        return open_failed(errno, path, error);
    *ret_handle = (struct namespace_handle){.device = facts.st_dev, .inode = facts.st_ino};
    owner_of(fd, ret_handle);
    ret_handle->fd = take_fd(&fd);
    return 0;
}

int namespace_home(int proc, struct namespace_handle *ret_home, struct error *error)
{
    int result = namespace_open(proc, "thread-self/ns/net", ret_home, error);

    /* a procfs of another PID namespace does not know this thread */
    return result == -ENOENT ? namespace_open(AT_FDCWD, "/proc/thread-self/ns/net", ret_home, error) : result;
}

int namespace_enter(const struct namespace_handle *handle, struct error *error)
{
    char subject[32];

    if (setns(handle->fd, CLONE_NEWNET) == 0)
        return 0;
    snprintf(subject, sizeof(subject), "net:[%llu]", (unsigned long long)handle->inode);
    return error_errno(error, errno, "namespace-refused", subject, "the namespace cannot be entered");
}

int namespace_return(const struct namespace_handle *home, struct error *error)
{
    char subject[32];

    if (setns(home->fd, CLONE_NEWNET) == 0)
        return 0;
    snprintf(subject, sizeof(subject), "net:[%llu]", (unsigned long long)home->inode);
    (void)error_errno(error, errno, "no-way-home", subject, "a worker cannot return to its namespace");
    if (error)
        error->status = ESTALE;
    return -ESTALE;
}

uint64_t namespace_cookie(void)
{
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0 /* NETLINK_ROUTE: always there */);
    uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) < 0)
        return 0;
    return cookie;
}

int procfs_open(const char *path, struct error *error)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct statfs filesystem;

    if (fd < 0)
        return error_errno(error, errno, "not-procfs", path, "cannot be opened");
    if (fstatfs(fd, &filesystem) < 0 || filesystem.f_type != PROC_SUPER_MAGIC)
        return error_set(error, EINVAL, "not-procfs", path, "no procfs is mounted there");
    return take_fd(&fd);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/visit.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

static int open_namespace(const struct visitor *visitor, uint64_t id, struct error *error)
{
    int fd = visitor->namespaces->open(visitor->namespaces->context, id);
    char subject[32];

    if (fd >= 0)
        return fd;
    (void)snprintf(subject, sizeof(subject), "net:[%llu]", (unsigned long long)id);
    if (fd == -ESTALE || fd == -ENOENT)
        return error_set(error, ESTALE, "namespace-vanished", subject, "the namespace is gone");
    return error_errno(error, -fd, "namespace-not-entered", subject, "the namespace cannot be opened");
}

static uint32_t inode_of(int fd)
{
    struct stat status;

    return fstat(fd, &status) < 0 ? 0 : (uint32_t)status.st_ino;
}

static int enter(int fd, struct error *error)
{
    if (setns(fd, CLONE_NEWNET) < 0)
        return error_errno(error, errno, "namespace-not-entered", NULL, "the namespace cannot be entered");
    return 0;
}

/* setns(2) wants CAP_SYS_ADMIN even from a thread that is there already. */
static bool is_there(int fd)
{
    struct stat there, here;

    return fstat(fd, &there) == 0 && stat("/proc/thread-self/ns/net", &here) == 0 &&
           there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

int visitor_settle(struct visitor *visitor, const struct probe_namespaces *namespaces, uint64_t host,
                   struct error *error)
{
    int result;

    *visitor = (struct visitor){.namespaces = namespaces, .host = host, .home = -1};
    visitor->home = open_namespace(visitor, host, error);
    if (visitor->home < 0)
        return visitor->home;
    result = is_there(visitor->home) ? 0 : enter(visitor->home, error);
    visitor->inode = visitor->home_inode = inode_of(visitor->home);
    if (result < 0)
        close_fd(&visitor->home);
    return result;
}

void visitor_free(struct visitor *visitor)
{
    close_fd(&visitor->home);
}

int visit_begin(struct visitor *visitor, uint64_t id, struct error *error)
{
    _cleanup_close_ int fd = -1;
    int result;

    if (visitor->lost)
        return error_set(error, EIO, "namespace-not-entered", NULL,
                         "the way back to the host's namespace was lost");
    if (id == visitor->host)
        return 0;
    fd = open_namespace(visitor, id, error);
    if (fd < 0)
        return fd;
    result = enter(fd, error);
    visitor->away = result == 0;
    if (result == 0)
        visitor->inode = inode_of(fd);
    return result;
}

void visit_end(struct visitor *visitor)
{
    if (!visitor->away)
        return;
    visitor->lost = setns(visitor->home, CLONE_NEWNET) < 0;
    visitor->away = false;
    visitor->inode = visitor->home_inode;
}

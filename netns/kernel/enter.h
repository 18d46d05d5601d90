/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live handles of network namespaces, the companions of a snapshot's plain data: opened once through a
 * descriptor, entered by a worker thread, left again. While it is away a thread makes nothing but netlink,
 * diag and probe sockets, and reads only through a descriptor of procfs that it brought along (its sys/net
 * and thread-self/net are those of the thread's namespace).
 *
 * Sources: setns(2), namespaces(7), ioctl_ns(2), include/uapi/linux/nsfs.h.
 */
#ifndef POSTERN_NETNS_KERNEL_ENTER_H
#define POSTERN_NETNS_KERNEL_ENTER_H

#include "netns/base/error.h"
#include "netns/base/memory.h"

#include <stdint.h>

/* An open namespace. (device, inode) names it only while fd is open: the kernel reuses inodes at once. */
struct namespace_handle {
    int fd; /* -1: closed */
    uint64_t device, inode;
    uint64_t user_namespace; /* inode of the owning user namespace; 0: not known */
    uint32_t owner;          /* uid of whoever made that, as we number them; UINT32_MAX: not known */
};

/*
 * Opens the network namespace at `path` beneath directory (AT_FDCWD and an absolute path are fine; "ns/net"
 * or "task/7/ns/net" beneath an O_PATH descriptor of /proc/PID, which goes dead with the process, or a bind
 * mount). Nothing but a namespace of the network kind is opened at all: what a tenant put there (a device, a
 * FIFO) is refused before. -ENOENT, -ESRCH: "namespace-vanished" (the process or the mount is gone);
 * -EACCES, -EPERM: "namespace-refused"; -EINVAL: "not-a-namespace".
 */
int namespace_open(int directory, const char *path, struct namespace_handle *ret_handle, struct error *error);
void namespace_close(struct namespace_handle *handle); /* leaves fd -1; NULL is fine */
#define _cleanup_namespace_handle_ _cleanup_(namespace_close)

/*
 * The calling thread's own network namespace. Opened before the first namespace_enter(), by each thread or
 * once for all threads that begin in the same one.
 */
int namespace_home(int proc, struct namespace_handle *ret_home, struct error *error);

/* Moves the calling thread there. -errno, "namespace-refused"; the thread then is where it was. */
int namespace_enter(const struct namespace_handle *handle, struct error *error);

/*
 * Brings the calling thread home and makes sure of it. -ESTALE, "no-way-home": the thread is somewhere else
 * and must end (see pool.h): whatever it did next would be done in the wrong namespace.
 */
int namespace_return(const struct namespace_handle *home, struct error *error);

/* SO_NETNS_COOKIE of the calling thread's namespace, its identity for good; 0: the kernel has none. */
uint64_t namespace_cookie(void);

/* Opens the directory of a procfs, O_DIRECTORY | O_CLOEXEC, checked to be one: "not-procfs". Returns it. */
int procfs_open(const char *path, struct error *error);

#endif

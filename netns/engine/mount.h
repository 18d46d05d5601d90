/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an engine keeps its files, from what a container has mounted (/proc/PID/mountinfo,
 * proc_pid_mountinfo(5)): the upper directory of its root overlay, and files that the engine bound into it. A
 * container with the right to mount can lie here: what is found is the last place to be looked at, and never
 * where a better one knows the id.
 */
#ifndef POSTERN_NETNS_ENGINE_MOUNT_H
#define POSTERN_NETNS_ENGINE_MOUNT_H

#include "netns/base/memory.h"

/*
 * The directory above `marker` ("/overlay2/", "/overlay/") in the upperdir of the overlay at "/": the
 * engine's data root. Copy in the arena, NULL: there is none.
 */
const char *mount_upper_root(struct arena *arena, const char *mountinfo, size_t length, const char *marker);

/*
 * The directory above `marker` ("/containers/") in the source of what is mounted at `target`
 * ("/etc/resolv.conf"), as the host sees it: `host` is the host's own mountinfo, by which the path within a
 * file system becomes a path.
 */
const char *mount_source_root(struct arena *arena, const char *mountinfo, size_t length, const char *target,
                              const char *marker, const char *host, size_t host_length);

/*
 * Calls `each` with the path of every network namespace that is mounted somewhere (nsfs, "net:[INODE]"), as
 * the file system of that mountinfo has it.
 */
void mount_each_namespace(const char *mountinfo, size_t length, void (*each)(void *context, const char *path),
                          void *context);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the running kernel has, so that no question makes it load a module: asking for a netlink family or a
 * socket diagnosis whose module is absent runs modprobe on the user's host. What is neither built in nor
 * loaded has nothing to tell.
 *
 * Sources: /sys/module, where that is not to be had /proc/modules; modules.builtin
 * (Documentation/kbuild/kbuild.rst), where that is not to be had /proc/kallsyms; and
 * /proc/sys/kernel/{modprobe,modules_disabled}.
 */
#ifndef POSTERN_NETNS_KERNEL_MODULE_H
#define POSTERN_NETNS_KERNEL_MODULE_H

#include "netns/base/error.h"
#include "netns/base/memory.h"

#include <stdbool.h>

struct modules;

/* Where the facts stand; for tests. NULL members: the usual places. */
struct module_places {
    const char *loaded;  /* directory, "/sys/module" */
    const char *builtin; /* file, "/lib/modules/RELEASE/modules.builtin" */
};

/*
 * Reads once for a scan (proc: a descriptor of procfs); the result may be used by many threads. Never fails:
 * what cannot be told is not asked for, and modules_known() is false.
 */
struct modules *modules_read(int proc, const struct module_places *places);
struct modules *modules_free(struct modules *modules); /* NULL is fine; returns NULL */
void cleanup_modules(struct modules **modules);
#define _cleanup_modules_ _cleanup_(cleanup_modules)

/*
 * True where a request that needs the module ("tcp_diag", "nf_tables") loads nothing: it is loaded or built
 * in, or this kernel loads no modules at all (so the request may still find nothing). Modules that are loaded
 * later are not seen. Names that are not in the table of module.c are found in modules.builtin or as loaded
 * only.
 */
bool modules_has(const struct modules *modules, const char *name);
/*
 * Is a module that modules_has() denies surely not there? False where neither list of what is loaded or of
 * what is built in could be read: what needs the module was then not looked at, which is not the same as
 * nothing.
 */
bool modules_known(const struct modules *modules);

#endif

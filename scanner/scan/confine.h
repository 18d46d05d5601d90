/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Privileges given up as soon as they are not needed: only the capabilities in use while scanning, none after
 * it. Both speak of the calling thread and those that it makes afterwards; threads that exist already keep
 * theirs.
 */
#ifndef POSTERN_SCANNER_SCAN_CONFINE_H
#define POSTERN_SCANNER_SCAN_CONFINE_H

#include "netns/base/error.h"

/*
 * Keeps of the capabilities that the process has only those that reading namespaces (SYS_ADMIN, NET_ADMIN,
 * SYS_PTRACE, DAC_READ_SEARCH, DAC_OVERRIDE, BPF, PERFMON) and, with `probing`, sending into them (NET_RAW,
 * SETUID, SETGID) need. -errno "confine-failed".
 */
int confine_scan(bool probing, struct error *error);

/*
 * Gives up every capability (but DAC_OVERRIDE where `keep_write`: an output stands in a folder that only it
 * can write), sets no_new_privs and a seccomp filter (libseccomp) under which files can be written and
 * renamed but nothing opened for the network, executed, mounted, traced or entered. Forbidden calls fail with
 * EPERM.
 */
int confine_report(bool keep_write, struct error *error);

#endif

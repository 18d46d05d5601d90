/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a UDP socket bound for a datagram? Asked of the kernel, which looks it up as it would for the packet
 * itself.
 *
 * Sources: sock_diag(7), net/ipv4/udp_diag.c (udp_dump_one), proc_pid_net(5).
 */
#ifndef POSTERN_SCANNER_PROBE_SOCKET_H
#define POSTERN_SCANNER_PROBE_SOCKET_H

#include "netns/base/error.h"
#include "netns/base/memory.h"
#include "scanner/probe/bpf/shot.h"

#include <stdbool.h>
#include <stdint.h>

struct netlink;

/*
 * For the tuple as it came to the last input hook, by interface `input` (0: any), in the namespace that diag
 * (NETLINK_SOCK_DIAG) was opened in. 1: bound, 0: not, -errno: cannot be told.
 */
int socket_bound_diag(struct netlink *diag, const struct shot_tuple *tuple, uint32_t input,
                      struct error *error);

/*
 * The same from the text of /proc/net/udp (udp6: tuple of IPv6), where the diagnosis module is absent:
 * (bytes, length). Sockets bound to another device cannot be told apart: they count.
 */
int socket_bound_text(const char *bytes, size_t length, const struct shot_tuple *tuple);

#endif

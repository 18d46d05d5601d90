/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets of the calling thread's namespace: TCP, UDP, UDP-Lite, raw, packet, abstract unix listeners and
 * SCTP endpoints, through NETLINK_SOCK_DIAG where the kernel has the family's diagnosis at hand, else through
 * /proc/thread-self/net.
 *
 * Sources: sock_diag(7), linux/{inet,packet,unix}_diag.h; Documentation/networking/proc_net_tcp.rst.
 */
#ifndef POSTERN_NETNS_READ_SOCKET_H
#define POSTERN_NETNS_READ_SOCKET_H

#include "netns/read/reader.h"

/*
 * Fills sockets (listeners and unconnected sockets, sorted as the kernel gives them) and connections
 * (established ones whose local port a listener of the namespace has). What cannot be read sets
 * PART_SOCKETS_TCP, _UDP or _OTHER (PART_EVIDENCE for connections) and adds a fault. Returns 0, or the first
 * failure as -errno, already recorded.
 */
int socket_read(const struct reader *reader, struct namespace *namespace);

/* ---- parsers ---- */

/* inet_diag_msg and attributes. False: malformed, nothing filled. */
bool socket_decode_inet(struct bytes payload, enum socket_kind kind, struct socket *ret_socket,
                        struct address *ret_remote, uint16_t *ret_remote_port);
bool socket_decode_packet(struct bytes payload, struct socket *ret_socket);
/* *ret_abstract: an abstract name; else nothing but the state is filled. */
bool socket_decode_unix(struct bytes payload, struct arena *arena, struct socket *ret_socket,
                        bool *ret_abstract);
/* One line of /proc/net/{tcp,tcp6,udp,udp6,udplite,udplite6,raw,raw6}. False: no socket (the heading). */
bool socket_parse_inet(const char *line, enum socket_kind kind, enum ip_family family,
                       struct socket *ret_socket, struct address *ret_remote, uint16_t *ret_remote_port);
bool socket_parse_packet(const char *line, struct socket *ret_socket);
bool socket_parse_unix(const char *line, struct arena *arena, struct socket *ret_socket, bool *ret_abstract);
/* One line of /proc/net/sctp/eps; one socket for each local address is appended. False: the heading, or bad.
 */
bool socket_parse_sctp(const char *line, struct namespace *namespace);

#endif

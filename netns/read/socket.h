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
 * Fills sockets (listeners and unconnected sockets) and connections (established ones). A family without
 * sockets is not asked for at all (/proc/thread-self/net/sockstat). What cannot be read sets
 * PART_SOCKETS_TCP, _UDP or _OTHER (PART_EVIDENCE for connections) and adds a fault. Returns 0, or the first
 * failure as -errno, already recorded.
 */
int socket_read(const struct reader *reader, struct namespace *namespace);

/* ---- parsers ---- */

/* A socket and whom it is connected to; FAMILY_NONE and 0: nobody. */
struct socket_facts {
    struct socket socket;
    struct address remote;
    uint16_t remote_port;
};

/*
 * inet_diag_msg and attributes. An IPv6 socket at an IPv4-mapped address is given as the IPv4 socket that it
 * is to the wire.
 */
enum message_is socket_decode_inet(struct bytes payload, enum socket_kind kind,
                                   struct socket_facts *ret_facts);
enum message_is socket_decode_packet(struct bytes payload, struct socket_facts *ret_facts);
/* Sockets that do not listen, or have no abstract name: MESSAGE_OTHER. */
enum message_is socket_decode_unix(struct bytes payload, struct arena *arena, struct socket_facts *ret_facts);

/*
 * One line of /proc/net/{tcp,udp,udplite,raw} or of their siblings with 6, which say nothing of the binding.
 * The heading: MESSAGE_OTHER.
 */
enum message_is socket_parse_inet(const char *line, enum socket_kind kind, enum ip_family family,
                                  struct socket_facts *ret_facts);
enum message_is socket_parse_packet(const char *line, struct socket_facts *ret_facts);
/* As socket_decode_unix(). A NUL in the name is shown as '@', and kept so. */
enum message_is socket_parse_unix(const char *line, struct arena *arena, struct socket_facts *ret_facts);
/*
 * One line of /proc/net/sctp/eps: as many facts as the endpoint has local addresses (at most `limit`), and
 * their number in *ret_count. Endpoints that do not listen: MESSAGE_OTHER.
 */
enum message_is socket_parse_sctp(const char *line, struct socket_facts *facts, size_t limit,
                                  size_t *ret_count);
/* "TCP6: inuse 4 ..." of sockstat: the number, -1 where there is no such line. */
long socket_parse_inuse(const char *text, const char *word);

#endif

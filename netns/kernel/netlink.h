/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A netlink socket of one network namespace, over libmnl: a request and its reply, a dump and its messages.
 * What goes wrong quietly elsewhere is a result here: the error number in NLMSG_DONE, NLM_F_DUMP_INTR, a
 * message that did not fit, a message that did not come from the kernel, a dump that takes too long.
 *
 * Sources: Documentation/userspace-api/netlink/intro.rst, netlink(7), net/netlink/af_netlink.c.
 */
#ifndef POSTERN_NETNS_KERNEL_NETLINK_H
#define POSTERN_NETNS_KERNEL_NETLINK_H

#include "netns/base/error.h"
#include "netns/base/memory.h"

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

struct netlink;

enum {
    NETLINK_REQUEST_MAX = 8192, /* bytes of a request, header and all */
    NETLINK_STOPPED = 1,        /* a handler's and a dump's word for "enough" */
};

/*
 * Opens a socket in the calling thread's network namespace, and belongs to that namespace for good. protocol:
 * NETLINK_ROUTE, NETLINK_SOCK_DIAG ... To open one whose module is absent makes the kernel load it: ask
 * kernel/module.h or the namespace's /proc/net/netlink first. deadline_ns (CLOCK_MONOTONIC; 0: none) bounds
 * every wait of every request on it. Extended acknowledgements and strict checks are switched on where the
 * kernel has them. -errno, "netlink-open".
 */
int netlink_open(int protocol, uint64_t deadline_ns, struct netlink **ret_netlink, struct error *error);
struct netlink *netlink_close(struct netlink *netlink); /* NULL is fine; returns NULL */
void cleanup_netlink(struct netlink **netlink);
#define _cleanup_netlink_ _cleanup_(cleanup_netlink)

/*
 * Begins the request in the socket's own buffer: type, flags (NLM_F_REQUEST is added; netlink_dump() and
 * netlink_call() add theirs) and a zeroed family header of header_size bytes, which
 * mnl_nlmsg_get_payload() gives. Attributes go behind it with mnl_attr_put_*_check() and
 * NETLINK_REQUEST_MAX. Valid until the next netlink_request().
 */
struct nlmsghdr *netlink_request(struct netlink *netlink, uint16_t type, uint16_t flags, size_t header_size);

/*
 * One message of a reply. Its length was checked against what was received, and it is this request's.
 * Returns 0 to go on, NETLINK_STOPPED when no more is wanted, or -errno, which ends the dump with that.
 */
typedef int (*netlink_handler)(const struct nlmsghdr *message, void *context);

/*
 * Sends the request with NLM_F_DUMP and hands over each message until the end. subject: static text that
 * names what is read, for the error ("links"). Returns
 *   0                complete
 *   NETLINK_STOPPED  the handler had enough; the rest was not read
 *   -EAGAIN          "dump-interrupted": all was read, but it changed meanwhile (NLM_F_DUMP_INTR): what came
 *                    may have gaps or doubles
 *   -ETIMEDOUT       "over-budget": the deadline passed
 *   -EMSGSIZE        "netlink-truncated": a message was larger than the buffer
 *   other -errno     "netlink-refused", the kernel's own (of NLMSG_ERROR or NLMSG_DONE), with its words;
 *                    -ENOENT, -EOPNOTSUPP, -EPROTONOSUPPORT, -EAFNOSUPPORT mostly mean that the kernel has no
 *                    such thing. "netlink-failed": the socket failed. Or the handler's.
 * After a dump that did not end the socket is made anew for the next request; where it then cannot be told
 * that it is in the same namespace (before Linux 5.14) the rest of the dump is read and dropped first.
 */
int netlink_dump(struct netlink *netlink, struct nlmsghdr *request, netlink_handler handle, void *context,
                 const char *subject, struct error *error);

/*
 * Sends the request with NLM_F_ACK and hands over what comes until the acknowledgement. handle may be NULL.
 * Returns as netlink_dump() does, but for NETLINK_STOPPED and -EAGAIN.
 */
int netlink_call(struct netlink *netlink, struct nlmsghdr *request, netlink_handler handle, void *context,
                 const char *subject, struct error *error);

/* SO_NETNS_COOKIE of the socket's namespace; 0: the kernel has none (before Linux 5.14). */
uint64_t netlink_cookie(const struct netlink *netlink);

/*
 * The parser of what one recv gave, for tests and fuzzers too: walks (bytes, length), hands over the messages
 * of `sequence` and port, passes over others. Returns 1 at the end of the reply (*ret_result is then the
 * result as above), 0 where more must come, or the handler's non-zero value in *ret_result with 1.
 */
struct netlink_reply {
    uint32_t sequence, port;
    bool dump;        /* ends with NLMSG_DONE, else with the acknowledgement */
    bool interrupted; /* NLM_F_DUMP_INTR was seen */
    bool stopped;     /* the handler ended it before the kernel did */
    const char *subject;
};
int netlink_parse(struct netlink_reply *reply, const void *bytes, size_t length, netlink_handler handle,
                  void *context, int *ret_result, struct error *error);

#endif

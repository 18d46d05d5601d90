/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all readers of a namespace need: procfs, the kernel's modules, and the limits. What a reader cannot
 * read, or cuts, becomes a fault of the namespace and a bit of its `missing`; nothing else is left out.
 */
#ifndef POSTERN_NETNS_READ_READER_H
#define POSTERN_NETNS_READ_READER_H

#include "netns/base/error.h"
#include "netns/kernel/module.h"
#include "netns/kernel/netlink.h"
#include "netns/snapshot/snapshot.h"

#include <stddef.h>
#include <stdint.h>

/* Limits for one namespace. What passes them is cut: over_budget, the part's bit, a fault "over-budget". */
struct read_budget {
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
    size_t links, addresses, neighbours, fdb, routes, policy_rules;
    size_t sockets;     /* listeners of all kinds */
    size_t connections; /* established: evidence */
    size_t tracked;     /* conntrack entries: evidence */
    size_t programs;
    size_t
        questions; /* netlink questions for peers and tc filters, where their number is a tenant's choice */
};

/* Limits that no sane namespace meets; deadline_ns is the caller's. */
#define READ_BUDGET_DEFAULT                                                                                  \
    ((struct read_budget){.links = 65536,                                                                    \
                          .addresses = 131072,                                                               \
                          .neighbours = 65536,                                                               \
                          .fdb = 65536,                                                                      \
                          .routes = 262144,                                                                  \
                          .policy_rules = 16384,                                                             \
                          .sockets = 131072,                                                                 \
                          .connections = 4096,                                                               \
                          .tracked = 16384,                                                                  \
                          .programs = 4096,                                                                  \
                          .questions = 16384})

struct reader {
    int proc; /* descriptor of procfs: sys/net and thread-self/net beneath it are the entered namespace's */
    const struct modules *modules;
    struct read_budget budget;
};

/*
 * A dump with the retries that an interrupted one needs (five): before each try `reset` (NULL: none) empties
 * what the last one filled; the last one's messages are kept. Faults are put into the namespace: one for a
 * failure, for NETLINK_STOPPED ("over-budget") and for a dump that never came through whole ("not-atomic").
 * A refusal that means "this kernel has no such thing" is none, and returns 0. build makes the request anew
 * for each try.
 */
struct read_dump {
    const char *subject; /* "links" */
    uint32_t part;       /* enum part */
    struct nlmsghdr *(*build)(struct netlink *netlink, void *context);
    netlink_handler handle;
    void (*reset)(void *context);
    void *context;
};
int read_dump(struct netlink *netlink, const struct read_dump *dump, struct namespace *namespace);

/* Records that a limit cut the part. Returns NETLINK_STOPPED. */
int read_over_budget(struct namespace *namespace, uint32_t part, const char *subject);

/* ---- messages ---- */

/* What follows nlmsghdr. */
struct bytes message_payload(const struct nlmsghdr *message);

/*
 * Sorts the attributes behind `skip` header bytes into table[0..count): the last of each type, data NULL
 * where absent; an empty attribute has data and length 0. Types beyond are passed over and told in
 * *ret_beyond (NULL: nobody asks). False: not attributes to the end, or shorter than the header.
 */
bool message_attributes(struct bytes payload, size_t skip, struct bytes *table, size_t count,
                        bool *ret_beyond);

/* Numbers in host order; the fallback where the attribute is absent or of another length. */
uint32_t attribute_u32(struct bytes data, uint32_t fallback);
uint16_t attribute_u16(struct bytes data, uint16_t fallback);
uint8_t attribute_u8(struct bytes data, uint8_t fallback);
uint64_t attribute_u64(struct bytes data, uint64_t fallback);

/* ---- small files of procfs ---- */

/*
 * A text file beneath reader->proc, at most `limit` bytes, malloc'ed. -ENOENT and others as file_read(), but
 * without an error record.
 */
int reader_file(const struct reader *reader, const char *path, size_t limit, char **ret_text);

/* True where the namespace's kernel side of a netlink protocol is there (thread-self/net/netlink). */
bool reader_has_protocol(const struct reader *reader, int protocol);

#endif

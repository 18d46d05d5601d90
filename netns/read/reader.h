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

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Limits for one namespace. What passes them is cut: over_budget (but for evidence, on which no state rests),
 * the part's bit, a fault "over-budget".
 */
struct read_budget {
    uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
    size_t links, addresses, neighbours, fdb, routes, policy_rules;
    size_t sockets;     /* listeners of all kinds */
    size_t connections; /* established: evidence */
    size_t tracked;     /* conntrack entries: evidence */
    size_t programs;
    size_t ruleset_objects; /* tables, chains, sets, named objects, flowtables */
    size_t rules, elements; /* of all chains, of all sets */
    size_t ruleset_bytes;   /* of all messages about the ruleset, or of a legacy table */
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
                          .connections = 16384,                                                              \
                          .tracked = 65536,                                                                  \
                          .programs = 4096,                                                                  \
                          .ruleset_objects = 131072,                                                         \
                          .rules = 524288,                                                                   \
                          .elements = 1048576,                                                               \
                          .ruleset_bytes = (size_t)512 << 20,                                                \
                          .questions = 16384})

/*
 * What is decoded of all namespaces of a scan may take so many bytes together: anybody may make namespaces,
 * and each has a budget of its own. Shared by the readers of all threads.
 */
struct read_total {
    atomic_size_t left;
};

struct reader {
    int proc; /* descriptor of procfs: sys/net and thread-self/net beneath it are the entered namespace's */
    const struct modules *modules;
    struct read_budget budget;
    struct read_total *total; /* NULL: no limit but the budget */
    size_t reserved;          /* of the total, for namespaces that matter more than this one */
};

/* Takes the bytes from the total. False: no more are left for this namespace, and none were taken. */
bool read_pay(const struct reader *reader, size_t bytes);
/* Gives back what was paid, for what was freed. */
void read_pay_back(const struct reader *reader, size_t bytes);

/*
 * A dump with the retries that an interrupted one needs (five): before each try `reset` (NULL: none) empties
 * what the last one filled; the last one's messages are kept. Faults are put into the namespace: one for a
 * failure, for NETLINK_STOPPED ("over-budget") and for a dump that never came through whole ("not-atomic").
 * build makes the request anew for each try; what handle returns as -errno is its own to record. Returns 0,
 * NETLINK_STOPPED or -errno, both recorded, or READ_ABSENT.
 */
enum { READ_ABSENT = 2 }; /* `optional`, and the kernel has no such thing */
struct read_dump {
    const char *subject; /* "links" */
    uint32_t part;       /* enum part */
    bool optional;       /* a refusal that means "this kernel has no such thing" is none: nothing is there */
    struct nlmsghdr *(*build)(struct netlink *netlink, void *context);
    netlink_handler handle;
    void (*reset)(void *context);
    void *context;
};
int read_dump(struct netlink *netlink, const struct read_dump *dump, struct namespace *namespace);

/* True for the error numbers by which the kernel says that it has no such thing. */
bool read_is_absent(int status);

/* Records that a limit cut the part. Returns NETLINK_STOPPED. */
int read_over_budget(struct namespace *namespace, uint32_t part, const char *subject);

/*
 * May the module's part of the kernel be asked? False where that would load it: nothing is there then, or,
 * where even that is not known, a fault is recorded ("file-unreadable").
 */
bool read_may_ask(const struct reader *reader, const char *module, struct namespace *namespace,
                  uint32_t part);

/* What a parser makes of a message. */
enum message_is {
    MESSAGE_ITEM,      /* an item, filled */
    MESSAGE_OTHER,     /* well formed, and not one of those that are kept */
    MESSAGE_MALFORMED, /* a fault */
};

/*
 * A dump whose messages become the items of one list of the namespace, behind those that are there: with the
 * retries, the limit and the faults of read_dump(). A malformed message is a fault "message-malformed".
 */
struct read_list {
    const char *subject;
    uint32_t part;
    bool optional;
    uint16_t ask, answer; /* message types: RTM_GETLINK, RTM_NEWLINK */
    uint8_t family;       /* first byte of the request's family header */
    size_t header;        /* its size */
    size_t list, item;    /* offset of the LIST in struct namespace, and size of its items */
    size_t limit;         /* offset of the limit in struct read_budget, for the whole list */
    void (*prepare)(struct nlmsghdr *request); /* NULL: nothing more to ask */
    enum message_is (*decode)(struct bytes payload, struct arena *arena, void *ret_item);
    void (*free_item)(void *item); /* of what the item holds beside the arena's; NULL: nothing */
};
int read_list(const struct reader *reader, struct netlink *netlink, const struct read_list *list,
              struct namespace *namespace);

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
 * A text file of the entered namespace beneath /proc/thread-self/net ("tcp"), at most `limit` bytes,
 * malloc'ed, NUL-terminated. Where procfs is of another PID namespace and does not know this thread, a
 * process of the namespace is asked instead. -ENOENT: the kernel has no such file; other -errno.
 */
int reader_net_file(const struct reader *reader, const struct namespace *namespace, const char *name,
                    size_t limit, char **ret_text);

#endif

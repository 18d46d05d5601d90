/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes nf_tables objects by netlink: a table that dies with its socket, sets, chains, rules, elements; and
 * reads the elements of a set back. Only what the guard needs.
 *
 * Source: include/uapi/linux/netfilter/nf_tables.h.
 */
#ifndef POSTERN_SCANNER_PROBE_NFT_H
#define POSTERN_SCANNER_PROBE_NFT_H

#include "netns/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

enum { NFT_BATCH_SIZE = 1 << 17 };

/* One transaction, being written. All of it takes effect or nothing. */
struct nft_batch {
    int fd;
    uint8_t *buffer; /* of NFT_BATCH_SIZE */
    size_t length;
    uint32_t first, sequence;
    bool overflow;
    struct nlmsghdr *message; /* being written */
    size_t last;              /* where the last object begins */
};

/* A netlink socket of the calling thread's namespace, blocking for two seconds at most. -errno
 * "netlink-open". */
int nft_open(struct error *error);

void nft_begin(struct nft_batch *batch, int fd);
/* Sends it and waits for the answer. -errno "nftables-refused", the kernel's own. Frees the buffer. */
int nft_commit(struct nft_batch *batch, const char *what, struct error *error);

/* family: NFPROTO_INET or NFPROTO_NETDEV. The table has the owner flag. */
void nft_add_table(struct nft_batch *batch, uint8_t family, const char *table);
/* dynamic: filled by rules, up to size elements. id is unique in the transaction and names the set to its
 * rules. */
void nft_add_set(struct nft_batch *batch, uint8_t family, const char *table, const char *set, uint32_t id,
                 uint32_t key_length, bool dynamic, uint32_t size);
/* A base chain of type filter; device: NULL, or the interface of a netdev chain. */
void nft_add_chain(struct nft_batch *batch, uint8_t family, const char *table, const char *chain,
                   uint32_t hook, int32_t priority, const char *device);

/* Elements of one message: begin, each, end. */
void nft_begin_elements(struct nft_batch *batch, uint8_t family, const char *table, const char *set);
void nft_begin_removal(struct nft_batch *batch, uint8_t family, const char *table, const char *set);
void nft_put_element(struct nft_batch *batch, const void *key, size_t length);
void nft_end_elements(struct nft_batch *batch);

/* A rule at the end of a chain: begin, expressions, end. Registers are the 32-bit ones, 0..15. */
void nft_begin_rule(struct nft_batch *batch, uint8_t family, const char *table, const char *chain);
void nft_end_rule(struct nft_batch *batch);
void nft_meta(struct nft_batch *batch, uint32_t key, unsigned to);
enum nft_header { NFT_NETWORK = 1, NFT_TRANSPORT = 2 };
void nft_payload(struct nft_batch *batch, enum nft_header base, uint32_t offset, uint32_t length,
                 unsigned to);
/* 1 where the packet's socket takes what is addressed to others, 0 where it does not; goes on only if there
 * is one. */
void nft_socket_transparent(struct nft_batch *batch, unsigned to);
/* The register's bytes and `mask`. */
void nft_mask(struct nft_batch *batch, unsigned at, const void *mask, uint32_t length);
/* Goes on if the register equals the bytes (unequal: does not; lower: is less than they are). */
void nft_equal(struct nft_batch *batch, unsigned from, const void *bytes, uint32_t length);
void nft_unequal(struct nft_batch *batch, unsigned from, const void *bytes, uint32_t length);
void nft_lower(struct nft_batch *batch, unsigned from, const void *bytes, uint32_t length);
void nft_load(struct nft_batch *batch, unsigned to, const void *bytes, uint32_t length);
/* Goes on if the key that begins at the register is (not) in the set. */
void nft_lookup(struct nft_batch *batch, unsigned from, const char *set, uint32_t id, bool absent);
/* Adds the key to a dynamic set. */
void nft_update(struct nft_batch *batch, unsigned from, const char *set, uint32_t id);
void nft_drop(struct nft_batch *batch);

/*
 * Hands over the key of every element. Returns 0 or -errno. A set that changes meanwhile may give a key
 * twice, or show it at the next reading only.
 */
int nft_read_set(int fd, uint8_t family, const char *table, const char *set,
                 void (*handle)(const uint8_t *key, size_t length, void *context), void *context,
                 struct error *error);

#endif

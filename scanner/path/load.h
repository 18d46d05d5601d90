/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What nf_tables expressions load of a packet: header fields, meta and ct keys, as register bytes. Internal
 * to the symbolic evaluator. Each returns false where the kernel breaks off the rule instead (NFT_BREAK).
 */
#ifndef POSTERN_SCANNER_PATH_LOAD_H
#define POSTERN_SCANNER_PATH_LOAD_H

#include "scanner/path/survey.h"
#include "scanner/path/test.h"

/* The first packet of a flow: a TCP SYN, a datagram, an echo request; no options, no extension headers, no
 * fragment. */
bool load_payload(const struct hook_context *hook, const struct fragment *fragment,
                  const struct nft_payload *payload, struct registers *registers);
bool load_meta(const struct hook_context *hook, struct fragment *fragment, const struct nft_meta *meta,
               struct registers *registers);
bool load_ct(const struct hook_context *hook, const struct fragment *fragment, const struct nft_ct *ct,
             struct registers *registers);

/* Do its ports stand where TCP's stand? */
bool protocol_has_ports(uint8_t protocol);
/* One byte of the transport header: 0 and 1 are the source port. */
struct register_byte transport_byte(const struct hook_context *hook, const struct fragment *fragment,
                                    uint32_t offset);

/* `ct state` bits (enum ip_conntrack_info as 1 << n) that the packet has. */
#define CT_STATE_INVALID   1u
#define CT_STATE_NEW       8u
#define CT_STATE_UNTRACKED 64u
uint32_t connection_state(const struct fragment *fragment);

/* Words in the byte order of the snapshot's machine. */
void word_store(const struct hook_context *hook, uint32_t value, uint8_t bytes[4]);
struct bits registers_word(const struct hook_context *hook, const struct registers *registers,
                           uint32_t offset);
/* Is the packet one of a socket of this namespace, at this hook? Then rules can see its uid. */
bool has_socket(const struct hook_context *hook, const struct fragment *fragment);

/* IPS_*: what a connection that is new has of them; confirmed at the end of postrouting (nf_confirm). */
uint32_t connection_status(const struct fragment *fragment);

#endif

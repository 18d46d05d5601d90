/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nf_tables messages as bytes to plain data: `bytes` is what follows struct nfgenmsg. The family of decoder
 * is the message's. Each function fills what it can and says in the result (unknown_attribute, undecodable)
 * what it could not; nothing is dropped.
 */
#ifndef POSTERN_NETNS_DECODE_MESSAGE_H
#define POSTERN_NETNS_DECODE_MESSAGE_H

#include "netns/decode/attribute.h"

/* NFT_MSG_NEWTABLE. False: it has no name, so nothing can be asked of it. */
bool table_decode(struct decoder *decoder, struct bytes bytes, struct nft_table *ret_table);

/* NFT_MSG_NEWCHAIN. *ret_table: the name of its table. False: a name is missing. */
bool chain_decode(struct decoder *decoder, struct bytes bytes, const char **ret_table,
                  struct nft_chain *ret_chain);

/* NFT_MSG_NEWRULE. What cannot be read sets `undecodable`: then the rule may match anything and do anything.
 */
void rule_decode(struct decoder *decoder, struct bytes bytes, struct nft_rule *ret_rule);

/* NFT_MSG_NEWSET. As chain_decode(). */
bool set_decode(struct decoder *decoder, struct bytes bytes, const char **ret_table, struct nft_set *ret_set);

/*
 * NFT_MSG_NEWSETELEM: appends the elements, at most `maximum` in all, to the set. False: there were more than
 * that, or the list is broken: the set is incomplete.
 */
bool set_elements_decode(struct decoder *decoder, struct bytes bytes, size_t maximum, struct nft_set *set);

/* NFT_MSG_NEWOBJ, NFT_MSG_NEWFLOWTABLE. As chain_decode(). */
bool object_decode(struct decoder *decoder, struct bytes bytes, const char **ret_table,
                   struct nft_stateful *ret_object);
bool flowtable_decode(struct decoder *decoder, struct bytes bytes, const char **ret_table,
                      struct nft_flowtable *ret_flowtable);

/* NFT_MSG_NEWGEN: the generation's number. False: not there. */
bool generation_decode(struct bytes bytes, uint32_t *ret_generation);

/*
 * The comment in the user data of a rule or an element (libnftnl's type-length-value; type 0 in both), as
 * valid UTF-8; NULL: none.
 */
const char *userdata_comment(struct arena *arena, struct bytes userdata);

#endif

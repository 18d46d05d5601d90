/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nf_tables expressions as bytes to plain data (linux/netfilter/nf_tables.h): one table of names. A name that
 * is not in it becomes EXPRESSION_UNKNOWN; an attribute, a length or a value that the decoder does not know
 * sets unknown_attribute. Nothing is dropped, whatever the bytes are.
 */
#ifndef POSTERN_NETNS_DECODE_EXPRESSION_H
#define POSTERN_NETNS_DECODE_EXPRESSION_H

#include "netns/decode/attribute.h"

/* Deepest nesting that is followed (dynset holds limit, inner holds payload); deeper is EXPRESSION_UNKNOWN.
 */
#define EXPRESSION_DEPTH_MAX 3

/*
 * The payload of NFTA_RULE_EXPRESSIONS (or of another NFTA_LIST_ELEM list) appended to `list`: one item each,
 * in order, and one EXPRESSION_UNKNOWN for what is no list element. True: the list itself was whole
 * (expressions that are not understood say so themselves).
 */
bool expressions_decode(struct decoder *decoder, struct bytes bytes, nft_expression_list *list);

/* One expression: the payload of an NFTA_LIST_ELEM (NFTA_EXPR_NAME and NFTA_EXPR_DATA). */
void expression_decode(struct decoder *decoder, struct bytes bytes, struct nft_expression *ret_expression);

/* The payload of an attribute that holds NFTA_DATA_VALUE or NFTA_DATA_VERDICT; false: not understood. */
bool data_decode(struct decoder *decoder, struct bytes bytes, struct nft_data *ret_data);

/*
 * The table's names, by index from 0; NULL behind the last. For the tests, which hold it against the second
 * reader and the kernel.
 */
const char *expression_name_at(size_t index);

#endif

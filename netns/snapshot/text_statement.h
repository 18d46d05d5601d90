/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a rule that is being written in nft's syntax, and the statements. Internal to ruleset_text.
 */
#ifndef POSTERN_NETNS_SNAPSHOT_TEXT_STATEMENT_H
#define POSTERN_NETNS_SNAPSHOT_TEXT_STATEMENT_H

#include "netns/snapshot/text_nft.h"

#define REGISTER_WORDS 20 /* of 4 bytes: the verdict's, and 16 more */

/* What a register holds, in words. */
struct operand {
    const char *text;
    struct value_format format;
    uint32_t length; /* bytes */
    unsigned word;   /* where it begins */
    bool constant;   /* an immediate value: no words */
    struct bytes value;
    bool payload, known;   /* of a packet's header; known: text is a field's, not @base,offset,length */
    uint32_t base, offset; /* of payload; offset in bits */
    uint32_t prefix_of;    /* payload has only the first bytes of a field of so many bits; 0: it has all */
    bool masked;           /* (text & mask) ^ xor */
    struct bytes mask, xor;
    const struct nft_exthdr *option; /* read from one; NULL: not */
};

struct piece {
    const char *text;
    bool match;   /* has no effect but to match: order among such is of no matter */
    bool implied; /* a later one says it too */
};

struct rule_writer {
    const struct nft_text *context;
    const struct nft_rule *rule;
    struct arena *arena;
    size_t at; /* index of the expression that is being written */
    struct headers headers;
    struct {
        size_t link, network, transport, icmp; /* index of the piece + 1; 0: none */
    } depends;
    size_t taken_transport; /* index + 1 of the piece that was taken away last as implied; 0: none */
    struct operand *registers[REGISTER_WORDS];
    LIST(struct piece) pieces;
    size_t maximum;
    bool cut; /* something was longer than that */
};

void piece_add(struct rule_writer *writer, const char *text, bool match);
void piece_buffer(struct rule_writer *writer, struct buffer *buffer, bool match); /* empties the buffer */
void piece_unknown(struct rule_writer *writer, const char *name);

struct value_format writer_format(const struct rule_writer *writer, enum value_type type, bool network_order);
struct operand *operand_new(struct rule_writer *writer, const char *text, enum value_type type,
                            bool network_order, uint32_t length);
void operand_store(struct rule_writer *writer, uint32_t reg, struct operand *operand);
struct operand *operand_at(struct rule_writer *writer, uint32_t reg); /* never NULL */
/* The words to come name this field: a match that says the same of its header is taken away. */
void operand_use(struct rule_writer *writer, const struct operand *operand);
void operand_print(struct rule_writer *writer, const struct operand *operand, const struct value_format *as,
                   struct buffer *buffer);
/* "a . b": what stands in the registers from reg on, length bytes. */
void operands_print(struct rule_writer *writer, uint32_t reg, uint32_t length, struct buffer *buffer);
/* "@name", or the elements of an anonymous set. */
void set_reference(struct rule_writer *writer, const char *name, uint32_t reg, const struct part_format *data,
                   size_t data_count, struct buffer *buffer);
uint32_t lookup_key_length(const struct rule_writer *writer, const char *name);
void expression_write(struct rule_writer *writer, const struct nft_expression *expression);

/* ---- statements, one for each kind ---- */
void write_counter(struct rule_writer *writer, const struct nft_expression *expression);
void write_last(struct rule_writer *writer, const struct nft_expression *expression);
void write_limit(struct rule_writer *writer, const struct nft_expression *expression);
void write_quota(struct rule_writer *writer, const struct nft_expression *expression);
void write_connlimit(struct rule_writer *writer, const struct nft_expression *expression);
void write_log(struct rule_writer *writer, const struct nft_expression *expression);
void write_reject(struct rule_writer *writer, const struct nft_expression *expression);
void write_notrack(struct rule_writer *writer, const struct nft_expression *expression);
void write_nat(struct rule_writer *writer, const struct nft_expression *expression);
void write_masq(struct rule_writer *writer, const struct nft_expression *expression);
void write_redir(struct rule_writer *writer, const struct nft_expression *expression);
void write_tproxy(struct rule_writer *writer, const struct nft_expression *expression);
void write_queue(struct rule_writer *writer, const struct nft_expression *expression);
void write_synproxy(struct rule_writer *writer, const struct nft_expression *expression);
void write_flow_offload(struct rule_writer *writer, const struct nft_expression *expression);
void write_dup(struct rule_writer *writer, const struct nft_expression *expression);
void write_fwd(struct rule_writer *writer, const struct nft_expression *expression);
void write_dynset(struct rule_writer *writer, const struct nft_expression *expression);
void write_objref(struct rule_writer *writer, const struct nft_expression *expression);
void write_payload_set(struct rule_writer *writer, const struct nft_expression *expression);
void write_exthdr_set(struct rule_writer *writer, const struct nft_expression *expression);
/* `meta mark set`, `ct mark set` */
void write_field_set(struct rule_writer *writer, const struct nft_expression *expression, uint32_t sreg);

#endif

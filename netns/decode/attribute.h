/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink attributes (linux/netlink.h) as bytes: a walk that never leaves them, and one table-driven reader
 * of attributes into plain data. What is not in the table, has the wrong length, comes twice or does not fit
 * into its frame is told to the caller and never passed over in silence.
 */
#ifndef POSTERN_NETNS_DECODE_ATTRIBUTE_H
#define POSTERN_NETNS_DECODE_ATTRIBUTE_H

#include "netns/base/memory.h"
#include "netns/snapshot/ruleset.h"

/* What decoders need beside the bytes. */
struct decoder {
    struct arena *arena;    /* texts and bytes of the result */
    enum nft_family family; /* of the table: xtables structures differ by it */
    unsigned depth;         /* of nested expressions so far; 0 at the start */
    /*
     * Out: something was no message that any kernel sends (an attribute of a wrong length, cut short, twice,
     * or missing where it must be), which is worse than one that a newer kernel may send: nothing that stands
     * beside it can be relied on. Of the last rule where several are decoded: rule_decode() begins anew.
     */
    bool malformed;
};

struct attribute {
    uint16_t type; /* without the NLA_F_* bits */
    struct bytes data;
};

/* Where a walk stands: starts as {bytes, false}. */
struct attribute_walk {
    struct bytes rest;
    bool broken; /* what is in rest is no attribute: the walk has ended early */
};

/* The next attribute; false at the end or where what is left is no attribute (broken). */
bool attribute_next(struct attribute_walk *walk, struct attribute *ret_attribute);

enum attribute_kind {                     /* how the payload is, and what type the member has */
                      ATTRIBUTE_U8,       /* uint32_t */
                      ATTRIBUTE_U16,      /* network order; uint32_t */
                      ATTRIBUTE_U32,      /* network order; uint32_t or int32_t */
                      ATTRIBUTE_REGISTER, /* network order, NFT_REG_1..4 or NFT_REG32_*; uint32_t */
                      ATTRIBUTE_U64,      /* network order; uint64_t */
                      ATTRIBUTE_NAME,     /* an identifier; const char *, see decode_name() */
                      ATTRIBUTE_TEXT,     /* text for people; const char *, valid UTF-8 */
                      ATTRIBUTE_BYTES,    /* struct bytes, copied */
                      ATTRIBUTE_IGNORED,  /* known, and without a meaning for us (padding, use counts) */
                      ATTRIBUTE_CUSTOM,   /* `read` */
};

struct attribute_field {
    uint16_t type; /* below 64; 0 ends a table */
    enum attribute_kind kind;
    size_t offset;    /* of the member in the record */
    uint32_t maximum; /* of a U8, U16 or U32; more is kept, and not understood. 0: no limit */
    /* Fills the member at offset; false: not (wholly) understood. record: the record that the table is for.
     */
    bool (*read)(struct decoder *decoder, struct bytes data, void *record, void *member);
};

/* Rows of a table. */
#define ATTRIBUTE(type_, kind_, offset_)                                                                     \
    {                                                                                                        \
        .type = (type_), .kind = (kind_), .offset = (offset_)                                                \
    }
#define ATTRIBUTE_UP_TO(type_, kind_, offset_, maximum_)                                                     \
    {                                                                                                        \
        .type = (type_), .kind = (kind_), .offset = (offset_), .maximum = (maximum_)                         \
    }
#define ATTRIBUTE_BY(type_, offset_, read_)                                                                  \
    {                                                                                                        \
        .type = (type_), .kind = ATTRIBUTE_CUSTOM, .offset = (offset_), .read = (read_)                      \
    }
#define ATTRIBUTE_SKIP(type_)                                                                                \
    {                                                                                                        \
        .type = (type_), .kind = ATTRIBUTE_IGNORED                                                           \
    }
#define ATTRIBUTE_END                                                                                        \
    {                                                                                                        \
        .type = 0                                                                                            \
    }

#define ATTRIBUTE_SEEN(type) (UINT64_C(1) << (type))

/*
 * Reads all attributes into *record by the table; what was there is a bit ATTRIBUTE_SEEN(type) of *ret_seen
 * (NULL: nobody asks). Goes on behind what it does not understand. True: every byte was understood.
 */
bool attributes_decode(struct decoder *decoder, struct bytes bytes, const struct attribute_field *fields,
                       void *record, uint64_t *ret_seen);

/* Numbers in network order. length must fit exactly, else false. */
bool decode_u16(struct bytes data, uint32_t *ret_value);
bool decode_u32(struct bytes data, uint32_t *ret_value);
bool decode_u64(struct bytes data, uint64_t *ret_value);

/*
 * A NUL-terminated identifier (table, chain, set, interface): the kernel takes any bytes, so what is not
 * UTF-8 becomes \xNN and a backslash is doubled, which keeps different names different. Never NULL.
 * *ret_whole: the bytes were one text, ended by the only NUL.
 */
const char *decode_name(struct arena *arena, struct bytes data, bool *ret_whole);

/* The way back: the bytes that decode_name() had, NUL-terminated; malloc'ed. */
char *encode_name(const char *name);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of linux/netfilter/nf_tables.h that are newer than the headers we build with (Linux 6.1), with the
 * kernel that brought them. Enumerators cannot be asked for by the preprocessor, so these have names of their
 * own.
 */
#ifndef POSTERN_NETNS_DECODE_CONSTANT_H
#define POSTERN_NETNS_DECODE_CONSTANT_H

enum {
    TABLE_FLAG_PERSIST = 4, /* 6.9 */

    META_KEY_BRIDGE_BROUTE = 35, /* 6.7 */
    META_KEY_LAST = META_KEY_BRIDGE_BROUTE,

    BITWISE_SREG2 = 8, /* 6.13 */
    BITWISE_OP_AND = 3,
    BITWISE_OP_OR = 4,
    BITWISE_OP_XOR = 5,

    DEVICE_PREFIX = 2, /* 6.16: the name is the beginning of many */

    SET_ATTRIBUTE_TYPE = 19,  /* 6.17: the name of the set's backend */
    SET_ATTRIBUTE_COUNT = 20, /* 6.17: elements in it */

    /* inner: 6.2 */
    INNER_NUM = 1,
    INNER_TYPE = 2,
    INNER_FLAGS = 3,
    INNER_HDRSIZE = 4,
    INNER_EXPR = 5,
    INNER_TYPE_LAST = 3,
    INNER_FLAGS_ALL = 15,
};

#endif

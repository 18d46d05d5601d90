/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Register bytes that may stand for a byte of the source address or port, and what it means to compare them:
 * a test is the box of sources and ports that pass it. Internal to the symbolic evaluator.
 */
#ifndef POSTERN_SCANNER_PATH_TEST_H
#define POSTERN_SCANNER_PATH_TEST_H

#include "netns/base/interval.h"
#include "netns/snapshot/ruleset.h"
#include "scanner/path/register.h"

#include <stdbool.h>
#include <stdint.h>

/* Why a byte is not known: an index into doubt_words. */
enum doubt_word {
    DOUBT_NONE,
    DOUBT_UNSET, /* a register that nothing was loaded into */
    DOUBT_FIELD, /* a header field that Postern does not fix */
    DOUBT_SOURCE_MAC,
    DOUBT_OPTION, /* TCP options, IPv6 extension headers */
    DOUBT_SENDER, /* uid, gid, cgroup */
    DOUBT_RANDOM,
    DOUBT_TIME,
    DOUBT_META, /* a meta key that is not modelled */
    DOUBT_CT,
    DOUBT_FIB,
    DOUBT_SOCKET,
    DOUBT_ROUTING,     /* rt, xfrm, tunnel */
    DOUBT_OS,          /* osf */
    DOUBT_MARK,        /* bits of a mark that came from something unknown */
    DOUBT_SOURCE_PORT, /* rewritten at random */
    DOUBT_ARITHMETIC,  /* shifts and the like of something symbolic */
    DOUBT_PIECES,      /* a mask that cuts the sources into too many pieces */
    DOUBT_EXPRESSION,  /* behind an expression that is not understood */
    DOUBT_WORDS
};
struct doubt_text {
    const char *code, *subject, *message;
};
extern const struct doubt_text doubt_words[DOUBT_WORDS];

enum byte_kind { BYTE_CONSTANT, BYTE_SOURCE, BYTE_PORT };

/* value = (the source's byte `index` & mask) ^ flip; the bits of `unknown` are not known. */
struct register_byte {
    uint8_t kind;  /* enum byte_kind */
    uint8_t index; /* from the most significant byte of the address or port */
    uint8_t mask, flip, unknown;
    uint8_t doubt; /* enum doubt_word */
};
struct registers {
    struct register_byte bytes[REGISTER_BYTES];
};

void registers_clear(struct registers *registers); /* all unset */
/* Loads: fill whole words, the rest of the last one with zeroes. */
void registers_constant(struct registers *registers, uint32_t offset, const void *bytes, uint32_t length);
void registers_unknown(struct registers *registers, uint32_t offset, uint32_t length, enum doubt_word doubt);
void registers_bytes(struct registers *registers, uint32_t offset, const struct register_byte *bytes,
                     uint32_t length);
/* True where all are constants: then ret_bytes holds them. */
bool registers_known(const struct registers *registers, uint32_t offset, uint32_t length, uint8_t *ret_bytes);
struct register_byte byte_constant(uint8_t value);
struct register_byte byte_unknown(enum doubt_word doubt);
struct register_byte byte_source(enum byte_kind kind, uint8_t index);

/*
 * Passes where the source is in `sources` (if limited) and the port in `ports` (if limited); with a doubt,
 * perhaps there, and never elsewhere.
 */
struct test {
    bool never;
    bool limits_sources, limits_ports;
    struct interval_set sources, ports;
    enum doubt_word doubt;
};
void test_free(struct test *test);
#define TEST_ALWAYS ((struct test){0})
bool test_always(const struct test *test);
/* Both: b is emptied. */
void test_and(struct test *a, struct test *b);

/* registers == bytes; bits: 32 or 128 of the source address. */
struct test test_equal(const struct registers *registers, uint32_t offset, const uint8_t *bytes,
                       uint32_t length, unsigned bits);
/* first <= registers <= last, as memcmp orders. */
struct test test_range(const struct registers *registers, uint32_t offset, const uint8_t *first,
                       const uint8_t *last, uint32_t length, unsigned bits);
/* The sources whose bits under `mask` are `value`, as a set; false: too many pieces. width: 16, 32 or 128. */
bool masked_set(u128 mask, u128 value, unsigned width, struct interval_set *ret_set);

#endif

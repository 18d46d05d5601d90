/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/test.h"

#include "scanner/path/reason.h"

#define PIECES_BITS 12u /* free bits that one mask may count through: 4096 pieces */
#define PORT_BITS   16u

const struct doubt_text doubt_words[DOUBT_WORDS] = {
    [DOUBT_NONE] = {REASON_UNKNOWN_EXPRESSION, NULL, NULL},
    [DOUBT_UNSET] = {REASON_UNKNOWN_EXPRESSION, "register",
                     "a register is read that nothing was loaded into"},
    [DOUBT_FIELD] = {REASON_PACKET_FIELD, "header field", "a header field that a sender chooses decides"},
    [DOUBT_SOURCE_MAC] = {REASON_SOURCE_MAC, "ether saddr", "the sender's hardware address decides"},
    [DOUBT_OPTION] = {REASON_PACKET_FIELD, "option", "an option or extension header of the packet decides"},
    [DOUBT_SENDER] = {REASON_SENDER_IDENTITY, "sender",
                      "the uid, gid or cgroup of the sending process decides"},
    [DOUBT_RANDOM] = {REASON_RANDOM, "random", "a random number, counter or hash decides"},
    [DOUBT_TIME] = {REASON_TIME, "time", "the time decides"},
    [DOUBT_META] = {REASON_UNMODELLED_KEY, "meta", "a property of the packet that is not modelled decides"},
    [DOUBT_CT] = {REASON_UNMODELLED_KEY, "ct", "a property of the connection that is not modelled decides"},
    [DOUBT_FIB] = {REASON_UNMODELLED_KEY, "fib", "a routing question that is not modelled decides"},
    [DOUBT_SOCKET] = {REASON_UNMODELLED_EXPRESSION, "socket", "the socket that the packet is for decides"},
    [DOUBT_ROUTING] = {REASON_UNMODELLED_EXPRESSION, "rt", "a property of the route or tunnel decides"},
    [DOUBT_OS] = {REASON_UNMODELLED_EXPRESSION, "osf", "the sender's operating system decides"},
    [DOUBT_MARK] = {REASON_UNMODELLED_KEY, "mark", "a mark decides whose value is not known"},
    [DOUBT_SOURCE_PORT] = {REASON_RANDOM, "source port", "a source port that was chosen at random decides"},
    [DOUBT_ARITHMETIC] = {REASON_UNMODELLED_EXPRESSION, "bitwise", "arithmetic on the source decides"},
    [DOUBT_PIECES] = {REASON_SOURCE_SET, "mask", "a mask cuts the sources into too many pieces"},
    [DOUBT_EXPRESSION] = {REASON_UNKNOWN_EXPRESSION, "expression",
                          "an expression that is not understood decides"},
};

/* ---- registers ---- */
struct register_byte byte_constant(uint8_t value)
{
    return (struct register_byte){.kind = BYTE_CONSTANT, .flip = value};
}

struct register_byte byte_unknown(enum doubt_word doubt)
{
    return (struct register_byte){.kind = BYTE_CONSTANT, .unknown = 0xff, .doubt = (uint8_t)doubt};
}

struct register_byte byte_source(enum byte_kind kind, uint8_t index)
{
    return (struct register_byte){.kind = (uint8_t)kind, .index = index, .mask = 0xff};
}

void registers_clear(struct registers *registers)
{
    struct register_byte unset = byte_unknown(DOUBT_UNSET);
    size_t done = sizeof(unset);
    memcpy(registers->bytes, &unset, done);
    for (size_t all = sizeof(registers->bytes); done < all; done *= 2) /* each rule does it */
        memcpy((char *)registers->bytes + done, registers->bytes, done < all - done ? done : all - done);
}

static uint32_t word_end(uint32_t offset, uint32_t length)
{
    uint32_t end = offset + ((length + 3u) & ~3u);
    return end < REGISTER_BYTES ? end : REGISTER_BYTES;
}

void registers_bytes(struct registers *registers, uint32_t offset, const struct register_byte *bytes,
                     uint32_t length)
{
    uint32_t end = word_end(offset, length);
    for (uint32_t i = offset; i < end; i++)
        registers->bytes[i] = i - offset < length ? bytes[i - offset] : byte_constant(0);
}

void registers_constant(struct registers *registers, uint32_t offset, const void *bytes, uint32_t length)
{
    uint32_t end = word_end(offset, length);
    for (uint32_t i = offset; i < end; i++)
        registers->bytes[i] = byte_constant(i - offset < length ? ((const uint8_t *)bytes)[i - offset] : 0);
}

void registers_unknown(struct registers *registers, uint32_t offset, uint32_t length, enum doubt_word doubt)
{
    uint32_t end = word_end(offset, length);
    for (uint32_t i = offset; i < end; i++)
        registers->bytes[i] = byte_unknown(doubt);
}

static bool byte_known(struct register_byte byte)
{
    return byte.mask == 0 && byte.unknown == 0;
}

bool registers_known(const struct registers *registers, uint32_t offset, uint32_t length, uint8_t *ret_bytes)
{
    for (uint32_t i = 0; i < length; i++) {
        if (!byte_known(registers->bytes[offset + i]))
            return false;
        ret_bytes[i] = registers->bytes[offset + i].flip;
    }
    return true;
}

/* ---- tests ---- */
void test_free(struct test *test)
{
    interval_set_free(&test->sources);
    interval_set_free(&test->ports);
}

static struct test test_never(void)
{
    return (struct test){.never = true};
}

static struct test test_perhaps(enum doubt_word doubt)
{
    return (struct test){.doubt = doubt == DOUBT_NONE ? DOUBT_EXPRESSION : doubt};
}

bool test_always(const struct test *test)
{
    return !test->never && !test->limits_sources && !test->limits_ports && test->doubt == DOUBT_NONE;
}

static bool limit_and(bool *limits, struct interval_set *set, const struct interval_set *more)
{
    if (!*limits) {
        *limits = true;
        *set = interval_set_copy(more);
        return true;
    }
    struct interval_set both = interval_set_intersect(set, more);
    interval_set_free(set);
    *set = both;
    return !interval_set_empty(set);
}

void test_and(struct test *a, struct test *b)
{
    a->never |= b->never;
    if (!a->never && b->limits_sources)
        a->never |= !limit_and(&a->limits_sources, &a->sources, &b->sources);
    if (!a->never && b->limits_ports)
        a->never |= !limit_and(&a->limits_ports, &a->ports, &b->ports);
    if (a->doubt == DOUBT_NONE)
        a->doubt = b->doubt;
    test_free(b);
    *b = (struct test){0};
}

/* ---- masks ---- */
static unsigned bits_set(u128 value)
{
    return (unsigned)__builtin_popcountll((uint64_t)value) +
           (unsigned)__builtin_popcountll((uint64_t)(value >> 64));
}

static u128 width_max(unsigned width)
{
    return width >= 128 ? ~(u128)0 : ((u128)1 << width) - 1;
}

bool masked_set(u128 mask, u128 value, unsigned width, struct interval_set *ret_set)
{
    u128 all = width_max(width);
    *ret_set = (struct interval_set){0};
    if (mask == 0) {
        *ret_set = interval_set_range(0, all);
        return true;
    }
    u128 lowest = mask & (~mask + 1); /* free bits below it are one run */
    u128 run = lowest - 1;
    u128 open = all & ~mask & ~run; /* free bits above it are counted through */
    if (bits_set(open) > PIECES_BITS)
        return false;
    u128 choice = 0;
    do {
        u128 first = (value & mask) | choice;
        interval_set_add(ret_set, first, first | run);
        choice = (choice - open) & open; /* the next subset, ascending */
    } while (choice != 0);
    return true;
}

/* The constraint that an equality puts on one source: which bits, and what they are. */
struct constraint {
    u128 mask, value;
};

static bool constraint_add(struct constraint *constraint, struct register_byte byte, uint8_t wanted,
                           unsigned width)
{
    if (byte.index >= width / 8)
        return false;
    unsigned shift = width - 8 - 8u * byte.index;
    u128 mask = (u128)byte.mask << shift;
    u128 value = (u128)((wanted ^ byte.flip) & byte.mask) << shift;
    if ((constraint->mask & mask & (constraint->value ^ value)) != 0)
        return false;
    constraint->mask |= mask;
    constraint->value |= value;
    return true;
}

static void test_constrain(struct test *test, const struct constraint *constraint, unsigned width, bool ports)
{
    if (constraint->mask == 0)
        return;
    struct interval_set set;
    if (!masked_set(constraint->mask, constraint->value, width, &set)) {
        test->doubt = DOUBT_PIECES;
        return;
    }
    *(ports ? &test->limits_ports : &test->limits_sources) = true;
    *(ports ? &test->ports : &test->sources) = set;
}

struct test test_equal(const struct registers *registers, uint32_t offset, const uint8_t *bytes,
                       uint32_t length, unsigned bits)
{
    struct constraint source = {0}, port = {0};
    enum doubt_word doubt = DOUBT_NONE;
    for (uint32_t i = 0; i < length; i++) {
        struct register_byte byte = registers->bytes[offset + i];
        uint8_t fixed = (uint8_t)(~byte.mask & ~byte.unknown);
        if (((byte.flip ^ bytes[i]) & fixed) != 0)
            return test_never();
        if (byte.unknown != 0 && doubt == DOUBT_NONE)
            doubt = byte.doubt;
        if (byte.mask == 0)
            continue;
        struct constraint *of = byte.kind == BYTE_PORT ? &port : &source;
        if (!constraint_add(of, byte, bytes[i], byte.kind == BYTE_PORT ? PORT_BITS : bits))
            return test_never();
    }
    struct test test = {.doubt = doubt};
    test_constrain(&test, &source, bits, false);
    test_constrain(&test, &port, PORT_BITS, true);
    return test;
}

/* ---- ranges ---- */
/* Reads the symbolic bytes as the top of one source, in order, under a mask of leading ones; false: not so.
 */
static bool leading_source(const struct register_byte *bytes, uint32_t length, unsigned width, u128 *ret_mask)
{
    u128 mask = 0;
    if (length == 0 || length > width / 8)
        return false;
    for (uint32_t i = 0; i < length; i++) {
        if (bytes[i].kind != bytes[0].kind || bytes[i].index != i || bytes[i].flip != 0 ||
            bytes[i].unknown != 0)
            return false;
        mask |= (u128)bytes[i].mask << (width - 8 - 8u * i);
    }
    u128 rest = width_max(width) & ~mask;
    if ((rest & (rest + 1)) != 0) /* not leading ones */
        return false;
    *ret_mask = mask;
    return true;
}

static u128 bytes_value(const uint8_t *bytes, uint32_t length, unsigned width)
{
    u128 value = 0;
    for (uint32_t i = 0; i < length; i++)
        value |= (u128)bytes[i] << (width - 8 - 8u * i);
    return value;
}

/* Bounds of the symbolic bytes, both included, over the whole width of the source. */
struct bounds {
    u128 low, high;
    bool empty;
};

/* Of `run` symbolic bytes with `tail` constant ones behind them: the tail decides where the rest is equal. */
static struct bounds range_bounds(const struct register_byte *bytes, uint32_t run, uint32_t tail,
                                  const uint8_t *first, const uint8_t *last, unsigned width)
{
    struct bounds bounds = {.high = width_max(width)};
    int above = 0, below = 0;
    for (uint32_t i = run; i < run + tail; i++) {
        if (above == 0 && first)
            above = (int)bytes[i].flip - (int)first[i];
        if (below == 0 && last)
            below = (int)bytes[i].flip - (int)last[i];
    }
    u128 one = (u128)1 << (width - 8 * run); /* the least step that the run can make */
    if (first)
        bounds.low = bytes_value(first, run, width);
    if (last)
        bounds.high = bytes_value(last, run, width) | (one - 1);
    if (above < 0) {
        bounds.empty |= bounds.low > width_max(width) - one;
        bounds.low += one;
    }
    if (below > 0) {
        bounds.empty |= bounds.high < one;
        bounds.high -= one;
    }
    return bounds;
}

/* The sources whose masked value lies within the bounds. */
static struct test source_range(const struct register_byte *bytes, uint32_t run, struct bounds bounds,
                                unsigned width)
{
    u128 mask;
    if (!leading_source(bytes, run, width, &mask))
        return test_perhaps(DOUBT_PIECES);
    u128 free_bits = width_max(width) & ~mask;
    if ((bounds.low & free_bits) != 0) { /* the next value that the mask leaves */
        bounds.empty |= (bounds.low | free_bits) == width_max(width);
        bounds.low = (bounds.low | free_bits) + 1;
    }
    bounds.high |= free_bits;
    if (bounds.empty || bounds.low > bounds.high)
        return test_never();
    struct test test = {0};
    bool port = bytes[0].kind == BYTE_PORT;
    *(port ? &test.limits_ports : &test.limits_sources) = true;
    *(port ? &test.ports : &test.sources) = interval_set_range(bounds.low, bounds.high);
    return test;
}

/* How many bytes from here on are symbolic. */
static uint32_t symbolic_run(const struct register_byte *bytes, uint32_t length)
{
    uint32_t run = 0;
    while (run < length && bytes[run].mask != 0)
        run++;
    return run;
}

struct test test_range(const struct registers *registers, uint32_t offset, const uint8_t *first,
                       const uint8_t *last, uint32_t length, unsigned bits)
{
    const struct register_byte *bytes = &registers->bytes[offset];
    uint32_t i = 0;
    for (; i < length && byte_known(bytes[i]); i++) {
        if ((first && bytes[i].flip < first[i]) || (last && bytes[i].flip > last[i]))
            return test_never();
        if (first && bytes[i].flip > first[i])
            first = NULL;
        if (last && bytes[i].flip < last[i])
            last = NULL;
        if (!first && !last)
            return TEST_ALWAYS;
    }
    if (i == length)
        return TEST_ALWAYS;
    for (uint32_t j = i; j < length; j++)
        if (bytes[j].unknown != 0)
            return test_perhaps(bytes[j].doubt);
    uint32_t run = symbolic_run(bytes + i, length - i);
    unsigned width = bytes[i].kind == BYTE_PORT ? PORT_BITS : bits;
    for (uint32_t j = i + run; j < length; j++)
        if (!byte_known(bytes[j]))
            return test_perhaps(DOUBT_PIECES);
    if (run > width / 8)
        return test_perhaps(DOUBT_PIECES);
    struct bounds bounds = range_bounds(bytes + i, run, length - i - run, first ? first + i : NULL,
                                        last ? last + i : NULL, width);
    return source_range(bytes + i, run, bounds, width);
}

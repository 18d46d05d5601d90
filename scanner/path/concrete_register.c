/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers, of which each bit is known or not. */
#include "scanner/path/concrete_walk.h"

static bool range_of(struct rule_context *context, uint32_t number, uint32_t length, uint32_t *ret_offset)
{
    if (register_range(number, length, ret_offset))
        return true;
    walk_undetermined(context->walk, REASON_UNKNOWN_EXPRESSION, rule_subject(context),
                      "a register out of range");
    return false;
}

const uint8_t *register_bytes(struct rule_context *context, uint32_t number, uint32_t length,
                              const uint8_t **ret_known)
{
    uint32_t offset;
    if (!range_of(context, number, length, &offset))
        return NULL;
    *ret_known = context->registers.known + offset;
    return context->registers.bytes + offset;
}

void register_put(struct rule_context *context, uint32_t number, const uint8_t *bytes, const uint8_t *known,
                  uint32_t length)
{
    uint32_t offset, padded = (length + 3) & ~3u;
    if (!range_of(context, number, padded, &offset))
        return;
    memset(context->registers.bytes + offset, 0, padded);
    memset(context->registers.known + offset, 0xff, padded);
    for (uint32_t i = 0; i < length; i++) {
        uint8_t mask = known ? known[i] : 0xff;
        context->registers.bytes[offset + i] = bytes[i] & mask;
        context->registers.known[offset + i] = mask;
    }
}

static bool big_endian(const struct rule_context *context)
{
    return context->walk->world->snapshot->big_endian;
}

void register_put8(struct rule_context *context, uint32_t number, uint8_t value)
{
    register_put(context, number, &value, NULL, 1);
}

void register_put16(struct rule_context *context, uint32_t number, uint16_t value)
{
    uint8_t high = (uint8_t)(value >> 8), low = (uint8_t)value;
    uint8_t bytes[2] = {big_endian(context) ? high : low, big_endian(context) ? low : high};
    register_put(context, number, bytes, NULL, 2);
}

static void word_bytes(const struct rule_context *context, uint32_t value, uint8_t bytes[4])
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * (big_endian(context) ? 3 - i : i));
}

static uint32_t bytes_word(const struct rule_context *context, const uint8_t bytes[4])
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++)
        value |= (uint32_t)bytes[i] << 8 * (big_endian(context) ? 3 - i : i);
    return value;
}

void register_put_word(struct rule_context *context, uint32_t number, struct word value)
{
    uint8_t bytes[4], known[4];
    word_bytes(context, value.value, bytes);
    word_bytes(context, value.known, known);
    register_put(context, number, bytes, known, 4);
}

struct word register_word(struct rule_context *context, uint32_t number)
{
    const uint8_t *known, *bytes = register_bytes(context, number, 4, &known);
    if (!bytes)
        return (struct word){0};
    return (struct word){.value = bytes_word(context, bytes), .known = bytes_word(context, known)};
}

void register_put_unknown(struct rule_context *context, uint32_t number, uint32_t length, const char *code,
                          const char *subject)
{
    uint32_t offset, padded = (length + 3) & ~3u;
    if (!range_of(context, number, padded, &offset))
        return;
    memset(context->registers.bytes + offset, 0, padded);
    memset(context->registers.known + offset, 0, padded);
    context->registers.code = code;
    context->registers.subject = subject;
}

bool all_known(const uint8_t *known, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        if (known[i] != 0xff)
            return false;
    return true;
}

void known_bounds(const uint8_t *bytes, const uint8_t *known, uint32_t length, uint8_t *ret_least,
                  uint8_t *ret_greatest)
{
    for (uint32_t i = 0; i < length; i++) {
        ret_least[i] = bytes[i] & known[i];
        ret_greatest[i] = (uint8_t)(bytes[i] | ~known[i]);
    }
}

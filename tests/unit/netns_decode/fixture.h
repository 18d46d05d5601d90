/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fixtures of fixtures/make for tests: dumped nf_tables messages as bytes, and as a decoded ruleset.
 */
#ifndef POSTERN_TESTS_UNIT_NETNS_DECODE_FIXTURE_H
#define POSTERN_TESTS_UNIT_NETNS_DECODE_FIXTURE_H

#include "netns/base/file.h"
#include "netns/decode/message.h"

#include <check.h>
#include <fcntl.h>

#ifndef DECODE_FIXTURES
#define DECODE_FIXTURES FIXTURES
#endif

struct fixture_message {
    char name[16]; /* "table", "chain", "rule", "set", "elements", "object", "flowtable" */
    enum nft_family family;
    struct bytes bytes; /* what follows nfgenmsg */
};

struct fixture {
    struct arena *arena;
    LIST(struct fixture_message) messages;
    struct ruleset ruleset;
};

static inline char *fixture_file(const char *name, const char *suffix)
{
    char *text;
    size_t length;
    struct error error = ERROR_NONE;
    _cleanup_free_ char *path = memory_printf("%s/%s.%s", DECODE_FIXTURES, name, suffix);
    ck_assert_msg(file_read(AT_FDCWD, path, (size_t)64 << 20, &text, &length, &error) == 0, "%s: %s", path,
                  error.message);
    return text;
}

static inline int fixture_digit(char digit)
{
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

static inline struct bytes fixture_hex(struct arena *arena, const char *text, size_t digits)
{
    uint8_t *bytes = arena_alloc(arena, digits / 2 + 1);
    for (size_t i = 0; i < digits / 2; i++)
        bytes[i] = (uint8_t)(fixture_digit(text[2 * i]) * 16 + fixture_digit(text[2 * i + 1]));
    return (struct bytes){bytes, digits / 2};
}

static inline struct nft_table *fixture_table(struct fixture *fixture, enum nft_family family,
                                              const char *name)
{
    list_each(struct nft_table, table, &fixture->ruleset.tables) {
        if (table->family == family && !strcmp(table->name, name))
            return table;
    }
    ck_abort_msg("a message is about a table that is not there: %s", name);
}

/* The text of an attribute at the top of a message. */
static inline const char *fixture_text(struct fixture *fixture, struct bytes bytes, uint16_t type)
{
    struct attribute_walk walk = {.rest = bytes};
    struct attribute attribute;
    bool whole;
    while (attribute_next(&walk, &attribute)) {
        if (attribute.type == type)
            return decode_name(fixture->arena, attribute.data, &whole);
    }
    ck_abort_msg("no attribute %u", type);
}

static inline void fixture_decode_rule(struct fixture *fixture, struct decoder *decoder, struct bytes bytes)
{
    struct nft_table *table = fixture_table(fixture, decoder->family, fixture_text(fixture, bytes, 1));
    const char *name = fixture_text(fixture, bytes, 2);
    list_each(struct nft_chain, chain, &table->chains) {
        if (strcmp(chain->name, name) != 0)
            continue;
        struct nft_rule *rule = list_append(&chain->rules);
        rule_decode(decoder, bytes, rule);
        rule->position = (uint32_t)chain->rules.count - 1;
        return;
    }
    ck_abort_msg("no chain %s", name);
}

static inline void fixture_decode_elements(struct fixture *fixture, struct decoder *decoder,
                                           struct bytes bytes)
{
    struct nft_table *table = fixture_table(fixture, decoder->family, fixture_text(fixture, bytes, 1));
    const char *name = fixture_text(fixture, bytes, 2);
    list_each(struct nft_set, set, &table->sets) {
        if (!strcmp(set->name, name))
            ck_assert(set_elements_decode(decoder, bytes, 100000, set));
    }
}

static inline void fixture_decode(struct fixture *fixture, const struct fixture_message *message)
{
    struct decoder decoder = {.arena = fixture->arena, .family = message->family};
    const char *table = NULL;
    struct nft_chain chain;
    struct nft_set set;
    if (!strcmp(message->name, "table"))
        ck_assert(table_decode(&decoder, message->bytes, list_append(&fixture->ruleset.tables)));
    if (!strcmp(message->name, "chain")) {
        ck_assert(chain_decode(&decoder, message->bytes, &table, &chain));
        *list_append(&fixture_table(fixture, message->family, table)->chains) = chain;
    }
    if (!strcmp(message->name, "set")) {
        ck_assert(set_decode(&decoder, message->bytes, &table, &set));
        *list_append(&fixture_table(fixture, message->family, table)->sets) = set;
    }
    if (!strcmp(message->name, "rule"))
        fixture_decode_rule(fixture, &decoder, message->bytes);
    if (!strcmp(message->name, "elements"))
        fixture_decode_elements(fixture, &decoder, message->bytes);
}

static inline struct fixture fixture_load(const char *name)
{
    struct fixture fixture = {.arena = arena_new()};
    _cleanup_free_ char *text = fixture_file(name, "messages");
    for (char *line = text; *line;) {
        struct fixture_message *message = list_append(&fixture.messages);
        int family, hex;
        ck_assert_int_eq(sscanf(line, "%15s %d %n", message->name, &family, &hex), 2);
        size_t digits = strspn(line + hex, "0123456789abcdef");
        message->family = (enum nft_family)family;
        message->bytes = fixture_hex(fixture.arena, line + hex, digits);
        line += hex + (int)digits + 1;
    }
    for (size_t i = 0; i < fixture.messages.count; i++)
        fixture_decode(&fixture, &fixture.messages.items[i]);
    return fixture;
}

static inline void fixture_free(struct fixture *fixture)
{
    ruleset_free(&fixture->ruleset);
    list_free(&fixture->messages);
    arena_free(fixture->arena);
}

#endif

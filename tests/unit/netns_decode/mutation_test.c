/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's messages with a few bytes changed, cut, doubled or put into one another, decoded and written
 * as text: whatever comes, both stay inside the bytes and inside their own memory (the sanitizer sees to it),
 * and nothing comes out that is larger than what went in allows. Seeded: a run is the same as the last.
 */
#include "netns/snapshot/ruleset_text.h"
#include "tests/unit/netns_decode/fixture.h"

#define TRIES    600 /* for each fixture: a second or two for all, with the sanitizer */
#define GROWTH   512 /* bytes that a mutation may add */
#define ELEMENTS 1000

static const char *const fixtures[] = {"match",   "statement", "iptables", "ip6tables", "docker",
                                       "docker6", "ufw",       "ufw6",     "netavark",  "kubernetes"};

static uint64_t random_state;

static size_t random_below(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return limit ? (size_t)(random_state >> 16) % limit : 0;
}

static void change_byte(uint8_t *bytes, size_t length)
{
    static const uint8_t values[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 0x7f, 0x80, 0xff};
    size_t at = random_below(length);
    bytes[at] = random_below(2) ? values[random_below(sizeof(values))] : (uint8_t)random_below(256);
}

/* Attributes begin at multiples of four: their lengths and types are there. */
static void change_header(uint8_t *bytes, size_t length)
{
    static const uint16_t lengths[] = {0, 1, 3, 4, 5, 6, 8, 12, 20, 0x7fff, 0x8000, 0xffff};
    size_t at = random_below(length / 4) * 4 + 2 * random_below(2);
    uint16_t value = random_below(2) ? lengths[random_below(sizeof(lengths) / sizeof(lengths[0]))]
                                     : (uint16_t)(random_below(64) | (random_below(2) ? 0x8000 : 0));
    if (at + sizeof(value) <= length)
        memcpy(bytes + at, &value, sizeof(value));
}

/* A piece of the message in another place of it. */
static void copy_piece(uint8_t *bytes, size_t length)
{
    size_t from = random_below(length / 4) * 4, to = random_below(length / 4) * 4;
    size_t longest = length - (from > to ? from : to);
    memmove(bytes + to, bytes + from, random_below(longest + 1));
}

/* A copy of exactly its size, changed; malloc'ed. */
static struct bytes mutated(struct bytes message)
{
    uint8_t *room = calloc(1, message.length + GROWTH), *copy;
    size_t length = message.length;
    ck_assert_ptr_nonnull(room);
    memcpy(room, message.data, length);
    if (random_below(4) == 0)
        length = random_below(length + GROWTH);
    for (size_t i = 1 + random_below(4); i > 0 && length >= 8; i--) {
        size_t kind = random_below(8);
        if (kind == 0)
            copy_piece(room, length);
        else if (kind < 4)
            change_header(room, length);
        else
            change_byte(room, length);
    }
    copy = malloc(length ? length : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, room, length);
    free(room);
    return (struct bytes){copy, length};
}

static void text_check(char *text)
{
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_le(strlen(text), RULE_TEXT_MAX + 8);
    free(text);
}

static void try_rule(struct decoder *decoder, struct bytes bytes, struct fixture *fixture)
{
    struct nft_table *table = &fixture->ruleset.tables.items[random_below(fixture->ruleset.tables.count)];
    struct nft_chain chain = {.name = "c"};
    for (unsigned xtables = 0; xtables < 2; xtables++) {
        bool before = table->xtables;
        struct nft_rule *rule = list_append(&chain.rules);
        rule_decode(decoder, bytes, rule);
        table->xtables = xtables;
        text_check(rule_text(table, &chain, rule, NULL));
        table->xtables = before;
    }
    list_each(struct nft_rule, rule, &chain.rules)
        expressions_free(&rule->expressions);
    list_free(&chain.rules);
}

static void try_set(struct decoder *decoder, struct bytes description, struct bytes elements)
{
    struct ruleset ruleset = {0};
    struct nft_table *table = list_append(&ruleset.tables);
    const char *name;
    struct nft_set *set = list_append(&table->sets);
    table->name = "t";
    table->family = decoder->family;
    set_decode(decoder, description, &name, set);
    set_elements_decode(decoder, elements, ELEMENTS, set);
    ck_assert_uint_le(set->elements.count, ELEMENTS);
    if (set->name)
        text_check(set_text(table, set, NULL));
    ruleset_free(&ruleset);
}

static void try_rest(struct decoder *decoder, struct bytes bytes)
{
    struct nft_table table;
    struct nft_chain chain;
    struct nft_stateful object;
    struct nft_flowtable flowtable;
    const char *name;
    uint32_t generation;
    table_decode(decoder, bytes, &table);
    if (chain_decode(decoder, bytes, &name, &chain))
        text_check(chain_text(&(struct nft_table){.name = name, .family = decoder->family}, &chain));
    list_free(&chain.devices);
    object_decode(decoder, bytes, &name, &object);
    flowtable_decode(decoder, bytes, &name, &flowtable);
    list_free(&flowtable.devices);
    generation_decode(bytes, &generation);
    userdata_comment(decoder->arena, bytes);
}

START_TEST(mutated_messages)
{
    struct fixture fixture = fixture_load(fixtures[_i]);
    random_state = 0x9e3779b97f4a7c15 + (uint64_t)_i;
    for (unsigned i = 0; i < TRIES; i++) {
        _cleanup_arena_ struct arena *arena = arena_new();
        const struct fixture_message *message = &fixture.messages.items[random_below(fixture.messages.count)];
        const struct fixture_message *other = &fixture.messages.items[random_below(fixture.messages.count)];
        struct decoder decoder = {.arena = arena, .family = message->family};
        struct bytes bytes = mutated(message->bytes), more = mutated(other->bytes);
        if (!strcmp(message->name, "rule") || random_below(8) == 0)
            try_rule(&decoder, bytes, &fixture);
        if (!strcmp(message->name, "set") || random_below(8) == 0)
            try_set(&decoder, bytes, more);
        if (!strcmp(message->name, "elements"))
            try_set(&decoder, more, bytes);
        try_rest(&decoder, bytes);
        /* what is kept of it is bounded by what came */
        ck_assert_uint_le(arena_size(arena), 64 * (bytes.length + more.length) + 65536);
        free((void *)(uintptr_t)bytes.data);
        free((void *)(uintptr_t)more.data);
    }
    fixture_free(&fixture);
}
END_TEST

static size_t attribute_put(uint8_t *to, uint16_t type, const void *data, size_t length)
{
    uint16_t header[] = {(uint16_t)(length + 4), type};
    memcpy(to, header, sizeof(header));
    memcpy(to + sizeof(header), data, length);
    return (sizeof(header) + length + 3) / 4 * 4;
}

/* The second of two is never read, though the first was refused: here it would take the place of its list. */
START_TEST(a_doubled_attribute_is_read_once)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct decoder decoder = {.arena = arena, .family = NFT_FAMILY_NETDEV};
    uint8_t hook[16] = {0}, bytes[128] = {0};
    const char *table;
    struct nft_chain chain;
    size_t hook_length = attribute_put(hook, 3 /* NFTA_HOOK_DEV */, "eth0", 5), length = 0;
    length += attribute_put(bytes + length, 1 /* NFTA_CHAIN_TABLE */, "t", 2);
    length += attribute_put(bytes + length, 3 /* NFTA_CHAIN_NAME */, "c", 2);
    for (unsigned i = 0; i < 2; i++)
        length += attribute_put(bytes + length, 4 /* NFTA_CHAIN_HOOK */, hook, hook_length);
    ck_assert(chain_decode(&decoder, (struct bytes){bytes, length}, &table, &chain));
    ck_assert(chain.unknown_attribute && chain.base);
    ck_assert_uint_eq(chain.devices.count, 1);
    list_free(&chain.devices);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode/mutation");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, mutated_messages, 0, sizeof(fixtures) / sizeof(fixtures[0]));
    tcase_add_test(all, a_doubled_attribute_is_read_once);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

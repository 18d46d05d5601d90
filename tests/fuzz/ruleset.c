/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nf_tables messages: the first byte chooses the kind, the second the family; then what follows nfgenmsg. */
#include "netns/decode/message.h"
#include "netns/snapshot/ruleset_text.h"
#include "tests/fuzz/fuzz.h"

#define ELEMENTS 1000

static const enum nft_family families[] = {NFT_FAMILY_IP,     NFT_FAMILY_IP6,    NFT_FAMILY_INET,
                                           NFT_FAMILY_BRIDGE, NFT_FAMILY_NETDEV, NFT_FAMILY_ARP};

static void check_text(char *text)
{
    fuzz_check(text && strlen(text) <= RULE_TEXT_MAX + 8, "a text without bound");
    free(text);
}

static void try_table(struct decoder *decoder, struct bytes bytes)
{
    struct nft_table table;

    table_decode(decoder, bytes, &table);
}

static void try_chain(struct decoder *decoder, struct bytes bytes)
{
    struct nft_chain chain;
    const char *table;

    if (chain_decode(decoder, bytes, &table, &chain))
        check_text(chain_text(&(struct nft_table){.name = table, .family = decoder->family}, &chain));
    list_free(&chain.devices);
}

static void try_rule(struct decoder *decoder, struct bytes bytes)
{
    struct nft_table table = {.family = decoder->family, .name = "t"};
    struct nft_chain chain = {.name = "c"};
    struct nft_rule rule;

    rule_decode(decoder, bytes, &rule);
    check_text(rule_text(&table, &chain, &rule, NULL));
    table.xtables = true;
    check_text(rule_text(&table, &chain, &rule, NULL));
    expressions_free(&rule.expressions);
}

/* The first two bytes say how many of the others describe the set. */
static void try_set(struct decoder *decoder, struct bytes bytes)
{
    struct ruleset ruleset = {0};
    struct nft_table *table = list_append(&ruleset.tables);
    struct nft_set *set = list_append(&table->sets);
    size_t length = (size_t)fuzz_take(&bytes) << 8;
    const char *name;

    *table = (struct nft_table){.family = decoder->family, .name = "t", .sets = table->sets};
    length |= fuzz_take(&bytes);
    length = length < bytes.length ? length : bytes.length;
    set_decode(decoder, (struct bytes){bytes.data, length}, &name, set);
    set_elements_decode(decoder, (struct bytes){bytes.data + length, bytes.length - length}, ELEMENTS, set);
    fuzz_check(set->elements.count <= ELEMENTS, "%zu elements", set->elements.count);
    if (set->name)
        check_text(set_text(table, set, NULL));
    ruleset_free(&ruleset);
}

static void try_object(struct decoder *decoder, struct bytes bytes)
{
    struct nft_stateful object;
    const char *table;

    object_decode(decoder, bytes, &table, &object);
}

static void try_flowtable(struct decoder *decoder, struct bytes bytes)
{
    struct nft_flowtable flowtable;
    const char *table;

    flowtable_decode(decoder, bytes, &table, &flowtable);
    list_free(&flowtable.devices);
}

static void try_rest(struct decoder *decoder, struct bytes bytes)
{
    uint32_t generation;

    generation_decode(bytes, &generation);
    userdata_comment(decoder->arena, bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct decoder *, struct bytes) = {
        try_rule, try_set, try_table, try_chain, try_object, try_flowtable, try_rest};
    struct bytes bytes = {data, size};
    size_t kind = fuzz_take(&bytes), family = fuzz_take(&bytes);
    struct bytes exact = fuzz_exact(bytes);
    struct decoder decoder = {.arena = arena_new(),
                              .family = families[family % (sizeof(families) / sizeof(families[0]))]};

    kinds[kind % (sizeof(kinds) / sizeof(kinds[0]))](&decoder, exact);
    arena_free(decoder.arena);
    free((void *)(uintptr_t)exact.data);
    return 0;
}

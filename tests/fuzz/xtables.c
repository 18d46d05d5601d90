/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Matches and targets of xtables: family, match or target, revision, length of the name, the name, the blob.
 */
#include "netns/decode/xtables.h"
#include "netns/snapshot/ruleset_text.h"
#include "tests/fuzz/fuzz.h"

#include <linux/netfilter/nf_tables.h>

static void check_text(enum nft_family family, bool target, const struct nft_xt *xt)
{
    struct nft_table table = {.family = family, .name = "t", .xtables = true};
    struct nft_chain chain = {.name = "c"};
    struct nft_rule rule = {0};
    char *text;

    *list_append(&rule.expressions) =
        (struct nft_expression){.kind = target ? EXPRESSION_TARGET : EXPRESSION_MATCH,
                                .name = target ? "target" : "match",
                                .xt = *xt};
    text = rule_text(&table, &chain, &rule, NULL);
    fuzz_check(text && strlen(text) <= RULE_TEXT_MAX + 8, "a text without bound");
    fuzz_check(xt->kind != XT_UNKNOWN || strstr(text, "unknown("), "what is unknown is left out: %s", text);
    free(text);
    expressions_free(&rule.expressions); /* with what the match holds */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum nft_family families[] = {NFT_FAMILY_IP, NFT_FAMILY_IP6, NFT_FAMILY_BRIDGE,
                                               NFT_FAMILY_INET};
    struct bytes bytes = {data, size}, name, exact;
    struct decoder decoder = {.arena = arena_new(), .family = families[fuzz_take(&bytes) % 4]};
    bool target = fuzz_take(&bytes) & 1;
    uint32_t revision = fuzz_take(&bytes);
    size_t length = fuzz_take(&bytes);
    struct nft_xt xt;

    length = length < bytes.length ? length : bytes.length;
    name = fuzz_exact((struct bytes){bytes.data, length});
    exact = fuzz_exact((struct bytes){bytes.data + length, bytes.length - length});
    if (target)
        xtables_decode_target(&decoder, name, revision, exact, &xt);
    else
        xtables_decode_match(&decoder, name, revision, exact, &xt);
    check_text(decoder.family, target, &xt);
    arena_free(decoder.arena);
    free((void *)(uintptr_t)name.data);
    free((void *)(uintptr_t)exact.data);
    return 0;
}

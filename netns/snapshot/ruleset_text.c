/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/ruleset_text.h"

#include "netns/base/text.h"
#include "netns/snapshot/text_iptables.h"
#include "netns/snapshot/text_nft.h"

static const struct text_names no_names = {0};
#define ELLIPSIS "…"

static char *take_text(struct buffer *buffer)
{
    bool cut = buffer->overflow;
    _cleanup_free_ char *text = buffer_take(buffer);
    if (!cut)
        return take_ptr(text);
    /* not in the middle of a character */
    for (size_t length = strlen(text); length && !text_is_utf8(text);)
        text[--length] = '\0';
    return memory_printf("%s" ELLIPSIS, text);
}

static size_t limit_of(const struct text_names *names)
{
    return names->maximum ? names->maximum : RULE_TEXT_MAX;
}

/* iptables' syntax is for the families that have it: arptables and ebtables write another. */
static bool in_iptables(const struct nft_table *table)
{
    return table->xtables && (table->family == NFT_FAMILY_IP || table->family == NFT_FAMILY_IP6);
}

char *rule_text(const struct nft_table *table, const struct nft_chain *chain, const struct nft_rule *rule,
                const struct text_names *names)
{
    if (!names)
        names = &no_names;
    struct buffer buffer = BUFFER(limit_of(names));
    if (in_iptables(table) && iptables_rule_text(table, chain, rule, names, &buffer))
        return take_text(&buffer);
    struct nft_text context = {.table = table, .names = names};
    nft_rule_text(&context, rule, &buffer);
    return take_text(&buffer);
}

struct priority_word {
    int32_t priority;
    const char *word;
};

/* The words of nft(8) for a family's priorities: the nearest, and the distance where it is small. */
static void print_priority(const struct nft_table *table, const struct nft_chain *chain,
                           struct buffer *buffer)
{
    static const struct priority_word inet[] = {{-300, "raw"}, {-150, "mangle"}, {-100, "dstnat"},
                                                {0, "filter"}, {50, "security"}, {100, "srcnat"}};
    static const struct priority_word bridge[] = {
        {-300, "dstnat"}, {-200, "filter"}, {100, "out"}, {300, "srcnat"}};
    static const struct priority_word other[] = {{0, "filter"}};
    const struct priority_word *words = inet;
    size_t count = sizeof(inet) / sizeof(inet[0]);
    if (table->family == NFT_FAMILY_BRIDGE) {
        words = bridge;
        count = sizeof(bridge) / sizeof(bridge[0]);
    } else if (table->family == NFT_FAMILY_ARP || table->family == NFT_FAMILY_NETDEV) {
        words = other;
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t distance = (int64_t)chain->priority - words[i].priority;
        bool nat_word = !strcmp(words[i].word, "dstnat") || !strcmp(words[i].word, "srcnat");
        bool source = chain->hook == HOOK_POSTROUTING || chain->hook == HOOK_INPUT;
        if (distance < -10 || distance > 10 ||
            (nat_word && table->family != NFT_FAMILY_BRIDGE && source != !strcmp(words[i].word, "srcnat")))
            continue;
        buffer_append(buffer, words[i].word);
        if (distance)
            buffer_printf(buffer, distance < 0 ? " - %lld" : " + %lld",
                          (long long)(distance < 0 ? -distance : distance));
        return;
    }
    buffer_printf(buffer, "%d", chain->priority);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_devices(const struct nft_chain *chain, struct buffer *buffer)
{
    if (chain->devices.count == 1) {
        buffer_printf(buffer, "device \"%s\" ", chain->devices.items[0]);
        return;
    }
    if (!chain->devices.count)
        return;
    LIST(const char *) sorted = {0};
    list_each(const char *, device, &chain->devices)
        *list_append(&sorted) = *device;
    qsort(sorted.items, sorted.count, sizeof(*sorted.items), compare_names);
    buffer_append(buffer, "devices = { ");
    for (size_t i = 0; i < sorted.count; i++)
        buffer_printf(buffer, "%s%s", i ? ", " : "", sorted.items[i]);
    buffer_append(buffer, " } ");
    list_free(&sorted);
}

char *chain_text(const struct nft_table *table, const struct nft_chain *chain)
{
    struct buffer buffer = BUFFER(RULE_TEXT_MAX);
    const char *policy = chain->policy ? "accept" : "drop", *hook = nft_hook_name(chain->hook);
    if (!chain->base)
        return take_text(&buffer);
    if (in_iptables(table)) {
        buffer_printf(&buffer, "-P %s %s", chain->name, chain->policy ? "ACCEPT" : "DROP");
        return take_text(&buffer);
    }
    buffer_printf(&buffer, "type %s hook %s ", chain->type ? chain->type : "unknown(type)",
                  hook ? hook : "unknown(hook)");
    print_devices(chain, &buffer);
    buffer_append(&buffer, "priority ");
    print_priority(table, chain, &buffer);
    buffer_printf(&buffer, "; policy %s;%s", policy, chain->unknown_attribute ? " unknown(chain)" : "");
    return take_text(&buffer);
}

char *set_text(const struct nft_table *table, const struct nft_set *set, const struct text_names *names)
{
    if (!names)
        names = &no_names;
    struct text_names whole = *names;
    whole.maximum = limit_of(names);
    struct buffer buffer = BUFFER(whole.maximum);
    struct nft_text context = {.table = table, .names = &whole};
    set_elements_text(&context, set, NULL, 0, NULL, 0, &buffer);
    return take_text(&buffer);
}

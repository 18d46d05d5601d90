/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole case from a seed, and its texts. */
#include "tests/judge/generate.h"

#include "tests/judge/witness.h"

#include <stdarg.h>

struct gen_table *table_add(struct gen *gen, enum place place, enum nft_family family, const char *name)
{
    struct gen_table *table = memory_alloc(sizeof(*table));
    table->place = place;
    table->family = family;
    snprintf(table->name, sizeof(table->name), "%s", name);
    *list_append(&gen->tables) = table;
    return table;
}

uint32_t chain_add(struct gen_table *table, const char *name, bool base, bool nat, enum nft_hook hook)
{
    struct gen_chain *chain = list_append(&table->chains);
    *chain = (struct gen_chain){.base = base, .nat = nat, .hook = hook};
    snprintf(chain->name, sizeof(chain->name), "%s", name);
    return (uint32_t)table->chains.count - 1;
}

void rule_add(struct gen_table *table, uint32_t chain, const char *text)
{
    *list_append(&table->rules) = (struct gen_rule){.chain = chain, .text = memory_strdup(text)};
}

static void settings_make(struct gen *gen, struct random *random)
{
    gen->settings = (struct gen_settings){
        .bridge_netfilter = random_percent(random, 50),
        .route_localnet = random_percent(random, 20),
        .rp_filter = random_percent(random, 30) ? (int)random_below(random, 2) + 1 : 0,
        .hairpin = random_percent(random, 30),
        .isolated = random_percent(random, 10),
        .no_forwarding = random_percent(random, 6),
        .accept_local = random_percent(random, 10),
    };
}

struct gen *gen_new(uint64_t seed, uint32_t packets, bool anonymous)
{
    struct gen *gen = memory_alloc(sizeof(*gen));
    struct random random = {.state = seed, .anonymous = anonymous};
    gen->seed = seed;
    settings_make(gen, &random);
    nft_tables_make(gen, &random);
    if (random_percent(&random, 35))
        xtables_make(gen, &random);
    shots_make(gen, &random, packets);
    return gen;
}

static void table_free(struct gen_table *table)
{
    list_each(char *, set, &table->sets)
        free(*set);
    list_each(struct gen_rule, rule, &table->rules)
        free(rule->text);
    list_free(&table->sets);
    list_free(&table->rules);
    list_free(&table->chains);
    free(table);
}

struct gen *gen_free(struct gen *gen)
{
    if (!gen)
        return NULL;
    list_each(struct gen_table *, table, &gen->tables)
        table_free(*table);
    list_free(&gen->tables);
    list_free(&gen->shots);
    free(gen);
    return NULL;
}

size_t gen_rule_count(const struct gen *gen)
{
    size_t count = 0;
    list_each(struct gen_table *, table, &gen->tables)
        list_each(const struct gen_rule, rule, &(*table)->rules)
            count += !rule->off;
    return count;
}

/* ---- texts ---- */

struct text { /* that knows in which line it is */
    struct buffer buffer;
    uint32_t line;
};

static void text_line(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void text_line(struct text *text, const char *format, ...)
{
    char line[TEXT_MAX + 64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    buffer_printf(&text->buffer, "%s\n", line);
    text->line++;
}

static void chain_print(struct gen_table *table, uint32_t number, struct text *text)
{
    const struct gen_chain *chain = &table->chains.items[number];
    text_line(text, "  chain %s {", chain->name);
    if (chain->base)
        text_line(text, "    %s", chain->head);
    list_each(struct gen_rule, rule, &table->rules) {
        if (rule->chain != number || rule->off)
            continue;
        text_line(text, "    %s%s", rule->text[0] == COMPAT_RULE ? "# " : "", rule->text);
        rule->line = text->line;
    }
    text_line(text, "  }");
}

static void table_print(struct gen_table *table, struct text *text)
{
    text_line(text, "table %s %s {", nft_family_name(table->family), table->name);
    list_each(char *const, set, &table->sets)
        text_line(text, "  %s", *set);
    for (uint32_t i = 0; i < table->chains.count; i++)
        chain_print(table, i, text);
    text_line(text, "}");
}

static struct text text_new(void)
{
    return (struct text){.buffer = BUFFER((size_t)1 << 20)};
}

char *gen_nft_text(struct gen *gen, enum place place)
{
    struct text text = text_new();
    buffer_printf(&text.buffer, "flush ruleset\n%s", witness_table);
    for (const char *at = text.buffer.data; *at; at++)
        text.line += *at == '\n';
    list_each(struct gen_table *const, table, &gen->tables)
        if ((*table)->place == place && !(*table)->xtables && !(*table)->off)
            table_print(*table, &text);
    return buffer_take(&text.buffer);
}

static void xtable_print(struct gen_table *table, struct text *text)
{
    text_line(text, "*%s", table->name);
    list_each(const struct gen_chain, chain, &table->chains)
        text_line(text, ":%s %s [0:0]", chain->name,
                  !chain->base                 ? "-"
                  : chain->xtables_policy_drop ? "DROP"
                                               : "ACCEPT");
    list_each(struct gen_rule, rule, &table->rules) {
        if (rule->off)
            continue;
        text_line(text, "-A %s%s", table->chains.items[rule->chain].name, rule->text);
        rule->line = text->line;
    }
    text_line(text, "COMMIT");
}

char *gen_xtables_text(struct gen *gen, enum place place, enum nft_family family)
{
    struct text text = text_new();
    list_each(struct gen_table *const, table, &gen->tables)
        if ((*table)->place == place && (*table)->xtables && (*table)->family == family && !(*table)->off)
            xtable_print(*table, &text);
    if (text.line)
        return buffer_take(&text.buffer);
    buffer_free(&text.buffer);
    return NULL;
}

bool gen_refuse(struct gen *gen, enum place place, bool xtables, enum nft_family family, uint32_t line)
{
    list_each(struct gen_table *const, table, &gen->tables) {
        if ((*table)->place != place || (*table)->xtables != xtables ||
            (xtables && (*table)->family != family))
            continue;
        list_each(struct gen_rule, rule, &(*table)->rules)
            if (!rule->off && rule->line == line) {
                rule->off = true;
                gen->refused++;
                return true;
            }
    }
    return false;
}

void gen_print(struct gen *gen, FILE *file)
{
    const struct gen_settings *settings = &gen->settings;
    fprintf(file, "seed %llu: bridge-nf %d, route_localnet %d, rp_filter %d, hairpin %d, isolated %d, ",
            (unsigned long long)gen->seed, settings->bridge_netfilter, settings->route_localnet,
            settings->rp_filter, settings->hairpin, settings->isolated);
    fprintf(file, "no forwarding %d, accept_local %d\n", settings->no_forwarding, settings->accept_local);
    for (enum place place = HOST; place < CONTAINERS_END; place++) {
        struct text text = text_new();
        list_each(struct gen_table *const, table, &gen->tables) {
            if ((*table)->place != place || (*table)->off)
                continue;
            if ((*table)->xtables)
                text_line(&text,
                          "%s-nft-restore:", (*table)->family == NFT_FAMILY_IP ? "iptables" : "ip6tables");
            (*table)->xtables ? xtable_print(*table, &text) : table_print(*table, &text);
        }
        if (text.line)
            fprintf(file, "---- %s ----\n%s", place_names[place], text.buffer.data);
        buffer_free(&text.buffer);
    }
}

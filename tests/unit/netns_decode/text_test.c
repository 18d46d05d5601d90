/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules as text beside what nft and iptables-save print of the same rules. */
#include "netns/snapshot/ruleset_text.h"
#include "tests/unit/netns_decode/fixture.h"

#include <fcntl.h>

/* Lines where nft says less, or the same in other words, and why ours stays. */
static const struct {
    const char *ours, *theirs;
} allowed[] = {
    /* nft leaves out what always holds in the family */
    {"meta protocol ip accept", "accept"},
    /* nft forgets the direction, which is in the bytes */
    {"ct original protocol tcp accept", "ct protocol tcp accept"},
    /* the order of a set's elements means nothing */
    {"tcp flags { syn, syn | ack } accept", "tcp flags { syn | ack, syn } accept"},
    /* nft repeats what the words imply */
    {"vlan type ip accept", "ether type 8021q vlan type ip accept"},
};

static const char *interface_name(const void *context, uint32_t index)
{
    static const char *const names[] = {NULL, "lo", "eth1", "eth0"};
    (void)context;
    return index < 4 ? names[index] : NULL;
}
static const struct text_names names = {.interface_name = interface_name};

typedef LIST(char *) line_list;

static void free_lines(line_list *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    list_free(lines);
}

/* The next line without what it is indented by; NULL: the end. Cuts the text. */
static char *next_line(char **text)
{
    char *line = *text, *end = strchr(line, '\n');
    if (!*line)
        return NULL;
    *text = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    return line + strspn(line, "\t ");
}

/* "jump {" and the lines up to "}" as one: "jump { a; b; }" */
static char *take_block(char *first, char **text)
{
    struct buffer buffer = BUFFER(65536);
    buffer_append(&buffer, first);
    for (char *line = next_line(text); line && strcmp(line, "}") != 0; line = next_line(text))
        buffer_printf(&buffer, " %s;", line);
    buffer_append(&buffer, " }");
    return buffer_take(&buffer);
}

/* Every rule of a listing with its table and chain before it, and the declarations of base chains. */
static line_list lines_of_listing(char *text)
{
    line_list lines = {0};
    char table[256] = "", chain[512] = "";
    for (char *line = next_line(&text); line; line = next_line(&text)) {
        char name[128], family[16];
        if (sscanf(line, "table %15s %127s {", family, name) == 2) {
            snprintf(table, sizeof(table), "%s %s", family, name);
        } else if (sscanf(line, "chain %127s {", name) == 1) {
            snprintf(chain, sizeof(chain), "%s %s", table, name);
        } else if (!strcmp(line, "}")) {
            *chain = '\0';
        } else if (*chain && *line) {
            bool block = line[strlen(line) - 1] == '{';
            char *whole = block ? take_block(line, &text) : memory_strdup(line);
            *list_append(&lines) = memory_printf("%s: %s", chain, whole);
            free(whole);
        }
    }
    return lines;
}

static line_list lines_of_ruleset(const struct ruleset *ruleset)
{
    line_list lines = {0};
    list_each(struct nft_table, table, &ruleset->tables) {
        list_each(struct nft_chain, chain, &table->chains) {
            if (chain->flags & 4) /* written where it is jumped to */
                continue;
            _cleanup_free_ char *where =
                memory_printf("%s %s %s: ", nft_family_name(table->family), table->name, chain->name);
            if (chain->base) {
                _cleanup_free_ char *declaration = chain_text(table, chain);
                *list_append(&lines) = memory_printf("%s%s", where, declaration);
            }
            list_each(struct nft_rule, rule, &chain->rules) {
                _cleanup_free_ char *line = rule_text(table, chain, rule, &names);
                *list_append(&lines) = memory_printf("%s%s", where, line);
            }
        }
    }
    return lines;
}

static bool is_allowed(const char *ours, const char *theirs)
{
    const char *a = strstr(ours, ": "), *b = strstr(theirs, ": ");
    for (size_t i = 0; a && b && i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (!strcmp(a + 2, allowed[i].ours) && !strcmp(b + 2, allowed[i].theirs))
            return true;
    }
    return false;
}

static void compare_lines(const line_list *ours, const line_list *theirs)
{
    size_t wrong = 0;
    for (size_t i = 0; i < ours->count && i < theirs->count; i++) {
        if (!strcmp(ours->items[i], theirs->items[i]) || is_allowed(ours->items[i], theirs->items[i]))
            continue;
        fprintf(stderr, "ours   %s\ntheirs %s\n", ours->items[i], theirs->items[i]);
        wrong++;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(ours->count, theirs->count);
}

static const char *const nft_fixtures[] = {"match", "statement"};

START_TEST(nft_lists_the_same)
{
    const char *name = nft_fixtures[_i];
    struct fixture fixture = fixture_load(name);
    _cleanup_free_ char *listing = fixture_file(name, "listing");
    line_list theirs = lines_of_listing(listing), ours = lines_of_ruleset(&fixture.ruleset);
    compare_lines(&ours, &theirs);
    free_lines(&ours);
    free_lines(&theirs);
    fixture_free(&fixture);
}
END_TEST

/* Every rule and policy of iptables-save with its table before it. */
static line_list lines_of_save(char *text)
{
    line_list lines = {0};
    char table[64] = "", chain[128], policy[16];
    for (char *line = next_line(&text); line; line = next_line(&text)) {
        if (*line == '*')
            snprintf(table, sizeof(table), "%s", line + 1);
        else if (*line == '-')
            *list_append(&lines) = memory_printf("%s: %s", table, line);
        else if (sscanf(line, ":%127s %15s", chain, policy) == 2 && *policy != '-')
            *list_append(&lines) = memory_printf("%s: -P %s %s", table, chain, policy);
    }
    return lines;
}

static line_list lines_of_iptables(struct ruleset *ruleset)
{
    line_list lines = {0};
    list_each(struct nft_table, table, &ruleset->tables) {
        table->xtables = true;
        list_each(struct nft_chain, chain, &table->chains) {
            _cleanup_free_ char *declaration = chain_text(table, chain);
            if (chain->base)
                *list_append(&lines) = memory_printf("%s: %s", table->name, declaration);
            list_each(struct nft_rule, rule, &chain->rules) {
                _cleanup_free_ char *line = rule_text(table, chain, rule, NULL);
                *list_append(&lines) = memory_printf("%s: %s", table->name, line);
            }
        }
    }
    return lines;
}

/*
 * Matches and targets that are not decoded are "unknown(NAME)": the listing has "NAME" and its options there,
 * up to the next match or target.
 */
static bool same_but_for_unknown(const char *ours, const char *theirs)
{
    for (;;) {
        const char *unknown = strstr(ours, "unknown(");
        size_t length = unknown ? (size_t)(unknown - ours) : strlen(ours);
        if (strncmp(ours, theirs, length) != 0)
            return false;
        if (!unknown)
            return !theirs[length];
        size_t name = strcspn(unknown + 8, ")");
        if (strncmp(theirs + length, unknown + 8, name) != 0)
            return false;
        ours = unknown + 8 + name + 1;
        theirs += length + name;
        while (*theirs && strncmp(theirs, " -m ", 4) != 0 && strncmp(theirs, " -j ", 4) != 0)
            theirs++;
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *find_line(const line_list *lines, const char *wanted)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (same_but_for_unknown(wanted, lines->items[i]))
            return lines->items[i];
    }
    return NULL;
}

static const char *const iptables_fixtures[] = {"iptables", "ip6tables", "docker",   "docker6",
                                                "ufw",      "ufw6",      "netavark", "kubernetes"};

START_TEST(iptables_saves_the_same)
{
    const char *name = iptables_fixtures[_i];
    struct fixture fixture = fixture_load(name);
    _cleanup_free_ char *listing = fixture_file(name, "listing");
    line_list theirs = lines_of_save(listing), ours = lines_of_iptables(&fixture.ruleset);
    size_t wrong = 0;
    qsort(ours.items, ours.count, sizeof(*ours.items), compare_texts);
    for (size_t i = 0; i < ours.count; i++) {
        if (find_line(&theirs, ours.items[i]))
            continue;
        fprintf(stderr, "%s: not in the listing: %s\n", name, ours.items[i]);
        wrong++;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(ours.count, theirs.count);
    free_lines(&ours);
    free_lines(&theirs);
    fixture_free(&fixture);
}
END_TEST

/* What ufw, Docker and netavark write is understood to the last rule. */
static const char *const generated_fixtures[] = {"docker", "docker6", "ufw", "ufw6", "netavark"};

START_TEST(generated_rules_are_understood)
{
    struct fixture fixture = fixture_load(generated_fixtures[_i]);
    list_each(struct nft_table, table, &fixture.ruleset.tables) {
        table->xtables = true;
        list_each(struct nft_chain, chain, &table->chains) {
            list_each(struct nft_rule, rule, &chain->rules) {
                _cleanup_free_ char *line = rule_text(table, chain, rule, NULL);
                ck_assert_msg(rule_understood(rule), "%s", line);
            }
        }
    }
    fixture_free(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *listing = tcase_create("listing");
    tcase_add_loop_test(listing, nft_lists_the_same, 0, sizeof(nft_fixtures) / sizeof(nft_fixtures[0]));
    tcase_add_loop_test(listing, iptables_saves_the_same, 0,
                        sizeof(iptables_fixtures) / sizeof(iptables_fixtures[0]));
    tcase_add_loop_test(listing, generated_rules_are_understood, 0,
                        sizeof(generated_fixtures) / sizeof(generated_fixtures[0]));
    suite_add_tcase(suite, listing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

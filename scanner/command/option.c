/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/command/option.h"
#include "netns/base/text.h"

#include <errno.h>
#include <getopt.h>

enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_TEXTS, OPTION_NUMBER, OPTION_WORD };

struct option_row {
    const char *name;
    char letter; /* short form, 0: none */
    enum option_type type;
    unsigned commands;
    size_t offset;
    const char *argument; /* as --help shows it; of OPTION_WORD: the words, separated by '|' */
    uint64_t minimum, maximum;
    const char *help;
};

#define AT(member) offsetof(struct options, member)
#define COLLECTING (COMMAND_SCAN | COMMAND_EXPLAIN | COMMAND_SNAPSHOT)

static const struct option_row rows[] = {
    {"policy", 0, OPTION_TEXT, COMMAND_SCAN, AT(policy), "FILE", 0, 0,
     "list of allowed channels to judge against"},
    {"format", 0, OPTION_WORD, COMMAND_SCAN, AT(format), "table|json", 0, 0,
     "form of the report on stdout, or of files that name none (default: table)"},
    {"output", 'o', OPTION_TEXTS, COMMAND_SCAN | COMMAND_SNAPSHOT, AT(outputs), "[FORMAT:]FILE", 0, 0,
     "write the report to FILE, whole or not at all, not to stdout; repeatable"},
    {"no-probe", 0, OPTION_FLAG, COMMAND_SCAN, AT(no_probe), NULL, 0, 0, "predict only: send nothing at all"},
    {"from", 0, OPTION_TEXTS, COMMAND_SCAN, AT(from), "VANTAGE", 0, 0,
     "vantage to look from; repeatable (default: external, lan, host and every segment)"},
    {"container", 0, OPTION_TEXTS, COMMAND_SCAN, AT(containers), "PATTERN", 0, 0,
     "only listeners of containers whose name matches; repeatable"},
    {"uplink", 0, OPTION_TEXTS, COMMAND_SCAN | COMMAND_EXPLAIN, AT(uplinks), "INTERFACE", 0, 0,
     "interface that leads off the host; repeatable (default: found by kind)"},
    {"snapshot", 0, OPTION_TEXT, COMMAND_SCAN | COMMAND_EXPLAIN, AT(snapshot), "FILE", 0, 0,
     "work on a saved snapshot instead of this host; sends nothing"},
    {"save-snapshot", 0, OPTION_TEXT, COMMAND_SCAN, AT(save_snapshot), "FILE", 0, 0,
     "save what was read, for --snapshot"},
    {"guard", 0, OPTION_WORD, COMMAND_SCAN, AT(guard), "auto|bpf|nftables|none", 0, 0,
     "what keeps probes and answers on the host (default: auto)"},
    {"require-probe", 0, OPTION_FLAG, COMMAND_SCAN, AT(require_probe), NULL, 0, 0,
     "a channel that was not probed makes the scan incomplete"},
    {"allow-connect", 0, OPTION_FLAG, COMMAND_SCAN, AT(allow_connect), NULL, 0, 0,
     "finish TCP handshakes where that is the only way: the service sees a connection"},
    {"impersonate", 0, OPTION_FLAG, COMMAND_SCAN, AT(impersonate), NULL, 0, 0,
     "probe with the address of a machine that is in use"},
    {"touch-stateful", 0, OPTION_FLAG, COMMAND_SCAN, AT(touch_stateful), NULL, 0, 0,
     "probe through rules that remember who knocked"},
    {"all-channels", 0, OPTION_FLAG, COMMAND_SCAN, AT(all_channels), NULL, 0, 0,
     "list every channel by itself, quiet ones too"},
    {"source", 0, OPTION_TEXT, COMMAND_EXPLAIN, AT(source), "CIDR", 0, 0,
     "only these sources (default: every one)"},
    {"in", 0, OPTION_TEXT, COMMAND_EXPLAIN, AT(input_interface), "INTERFACE", 0, 0,
     "uplink that the packet arrives on"},
    {"json", 0, OPTION_FLAG, COMMAND_EXPLAIN, AT(json), NULL, 0, 0, "answer in JSON"},
    {"batch", 0, OPTION_TEXT, COMMAND_EXPLAIN, AT(batch), "FILE|-", 0, 0,
     "one JSON query a line in, one JSON answer a line out"},
    {"host", 0, OPTION_TEXT, COLLECTING, AT(host), "NAME", 0, 0, "name of the host in the report"},
    {"host-netns", 0, OPTION_TEXT, COLLECTING, AT(host_netns), "PATH", 0, 0,
     "network namespace to call the host's"},
    {"proc", 0, OPTION_TEXT, COLLECTING, AT(proc), "PATH", 0, 0,
     "the host's /proc, where it is mounted elsewhere"},
    {"engine-root", 0, OPTION_TEXTS, COLLECTING, AT(engine_roots), "ENGINE=DIR", 0, 0,
     "where an engine keeps its state; repeatable"},
    {"workers", 0, OPTION_NUMBER, COLLECTING, AT(workers), "N", 1, 1024,
     "worker threads (default: processors)"},
    {"rate", 0, OPTION_NUMBER, COMMAND_SCAN, AT(rate), "PPS", 1, 10000000,
     "probes a second at most (default: 2000)"},
    {"timeout", 0, OPTION_NUMBER, COLLECTING, AT(timeout), "SECONDS", 1, 86400,
     "for the whole scan (default: 60)"},
    {"probe-timeout", 0, OPTION_NUMBER, COMMAND_SCAN, AT(probe_timeout), "MS", 50, 60000,
     "wait for an answer (default: 200)"},
    {"fail-on", 0, OPTION_WORD, COMMAND_SCAN, AT(fail_on), "critical|high|medium|low|info", 0, 0,
     "least severity of a finding that makes the exit status 1 (default: medium)"},
    {"allow-partial", 0, OPTION_FLAG, COMMAND_SCAN, AT(allow_partial), NULL, 0, 0,
     "exit 0, not 3, when something was not looked at"},
    {"color", 0, OPTION_WORD, COMMAND_ALL, AT(color), "auto|always|never", 0, 0,
     "colour (default: on a terminal, unless NO_COLOR is set)"},
    {"quiet", 'q', OPTION_FLAG, COMMAND_ALL, AT(quiet), NULL, 0, 0, "no messages but errors"},
    {"verbose", 'v', OPTION_FLAG, COMMAND_ALL, AT(verbose), NULL, 0, 0, "say more"},
    {"help", 'h', OPTION_FLAG, COMMAND_ALL, AT(help), NULL, 0, 0, "show this help"},
    {"version", 'V', OPTION_FLAG, COMMAND_ALL, AT(version), NULL, 0, 0, "show the version"},
};

enum { ROWS = sizeof(rows) / sizeof(*rows), LONG_BASE = 1000 };

static void texts_append(struct option_texts *texts, const char *text)
{
    *list_append(texts) = text;
}

/* Is `word` one of the words of "a|b|c"? */
static bool word_in(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; at != NULL; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == '\0') && length > 0)
            return true;
    return false;
}

static int option_apply(const struct option_row *row, const char *argument, struct options *options,
                        struct error *error)
{
    void *member = (char *)options + row->offset;
    char name[64];

    snprintf(name, sizeof(name), "--%s", row->name);
    switch (row->type) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return 0;
    case OPTION_TEXT:
        if (*argument == '\0')
            return error_set(error, EINVAL, "usage", name, "needs a %s that is not empty", row->argument);
        *(const char **)member = argument;
        return 0;
    case OPTION_TEXTS:
        if (*argument == '\0')
            return error_set(error, EINVAL, "usage", name, "needs a %s that is not empty", row->argument);
        texts_append(member, argument);
        return 0;
    case OPTION_NUMBER:
        if (!text_number(argument, row->minimum, row->maximum, member))
            return error_set(error, EINVAL, "usage", name, "takes a whole number from %llu to %llu, not '%s'",
                             (unsigned long long)row->minimum, (unsigned long long)row->maximum, argument);
        return 0;
    case OPTION_WORD:
        if (!word_in(row->argument, argument))
            return error_set(error, EINVAL, "usage", name, "takes one of %s, not '%s'", row->argument,
                             argument);
        *(const char **)member = argument;
        return 0;
    }
    return 0;
}

/* The table as getopt_long wants it; short forms with '+'-free permutation. */
static void long_options(enum command_bit command, struct option *ret_long, char *ret_short)
{
    size_t count = 0;
    *ret_short++ = ':';
    for (int i = 0; i < ROWS; i++) {
        if (!(rows[i].commands & command))
            continue;
        bool takes = rows[i].type != OPTION_FLAG;
        ret_long[count++] =
            (struct option){rows[i].name, takes ? required_argument : no_argument, NULL, LONG_BASE + i};
        if (rows[i].letter) {
            *ret_short++ = rows[i].letter;
            if (takes)
                *ret_short++ = ':';
        }
    }
    ret_long[count] = (struct option){0};
    *ret_short = '\0';
}

/* The row that getopt_long's code stands for: it gives no others than it was told of. */
static const struct option_row *option_of(int code)
{
    int place = code - LONG_BASE;

    for (int i = 0; i < ROWS && code < LONG_BASE; i++)
        if (rows[i].letter == code)
            place = i;
    return &rows[place >= 0 && place < ROWS ? place : 0];
}

int options_parse(enum command_bit command, int argc, char **argv, struct options *ret_options,
                  struct error *error)
{
    struct options options = {.rate = 2000,
                              .timeout = 60,
                              .probe_timeout = 200,
                              .fail_on = "medium",
                              .guard = "auto",
                              .color = "auto"};
    struct option longs[ROWS + 1];
    char shorts[2 * ROWS + 2];
    int code, r = 0;

    long_options(command, longs, shorts);
    optind = 0;
    opterr = 0;
    while (r == 0 && (code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        const char *at = optind > 0 && optind <= argc ? argv[optind - 1] : "";
        if (code == ':')
            r = error_set(error, EINVAL, "usage", at, "needs an argument");
        else if (code == '?')
            r = error_set(error, EINVAL, "usage", at,
                          "no such option, or not one that can be told from others; see --help");
        else
            r = option_apply(option_of(code), optarg, &options, error);
    }
    for (int i = optind; r == 0 && i < argc; i++)
        texts_append(&options.operands, argv[i]);
    if (r < 0) {
        options_free(&options);
        return r;
    }
    *ret_options = options;
    return 0;
}

void options_free(struct options *options)
{
    list_free(&options->outputs);
    list_free(&options->from);
    list_free(&options->containers);
    list_free(&options->uplinks);
    list_free(&options->engine_roots);
    list_free(&options->operands);
}

void options_print_help(enum command_bit command, FILE *file)
{
    for (int i = 0; i < ROWS; i++) {
        const struct option_row *row = &rows[i];
        char head[80];
        if (!(row->commands & command))
            continue;
        snprintf(head, sizeof(head), "  %c%c%s--%s%s%s", row->letter ? '-' : ' ',
                 row->letter ? row->letter : ' ', row->letter ? ", " : "  ", row->name,
                 row->argument ? " " : "", row->argument ? row->argument : "");
        if (strlen(head) > 30)
            fprintf(file, "%s\n%-32s%s\n", head, "", row->help);
        else
            fprintf(file, "%-32s%s\n", head, row->help);
    }
}

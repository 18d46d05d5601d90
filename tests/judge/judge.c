/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/judge/judge.h"

#include "netns/base/file.h"
#include "netns/base/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

struct options {
    uint64_t seed, rulesets, packets, seconds;
    bool strict, keep_going, print;
    uint32_t asked;
    const char *postern;
};

static uint64_t number(const char *text, uint64_t maximum)
{
    uint64_t value;
    if (!text_number(text, 0, maximum, &value))
        judge_fail("not a number below %" PRIu64 ": %s", maximum, text);
    return value;
}

static uint32_t evaluator_bit(const char *name)
{
    for (size_t i = 0; i < evaluator_count; i++)
        if (strcmp(evaluators[i].name, name) == 0)
            return 1u << i;
    judge_fail("no evaluator %s", name);
}

static const char usage[] =
    "usage: tests/judge/run [OPTION...]\n"
    "  --rulesets N   random rulesets to try (60)\n"
    "  --packets N    random packets for each, at most 200 (200)\n"
    "  --seed N       of the first ruleset; the next ones count up (the clock's)\n"
    "  --seconds N    stop after so long, though rulesets remain\n"
    "  --only NAME    ask one evaluator alone: concrete, symbolic, symbolic-sources, symbolic-ports\n"
    "  --explain FILE ask this postern's `explain --batch` as well\n"
    "  --strict       fail where too few packets were open, filtered, rewritten, or "
    "decided by an expression\n"
    "  --keep-going   go on after a difference\n"
    "  --print        print each ruleset\n";

static struct options options_read(int count, char **arguments)
{
    static const struct option known[] = {
        {"rulesets", required_argument, NULL, 'r'}, {"packets", required_argument, NULL, 'p'},
        {"seed", required_argument, NULL, 's'},     {"seconds", required_argument, NULL, 't'},
        {"explain", required_argument, NULL, 'e'},  {"only", required_argument, NULL, 'o'},
        {"strict", no_argument, NULL, 'S'},         {"keep-going", no_argument, NULL, 'k'},
        {"print", no_argument, NULL, 'P'},          {0},
    };
    struct options options = {.seed = time_monotonic_ns() / 1000 % 1000000000 * 1000,
                              .rulesets = 60,
                              .packets = 200,
                              .asked = UINT32_MAX};
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1)
        switch (option) {
        case 'r':
            options.rulesets = number(optarg, 1000000);
            break;
        case 'p':
            options.packets = number(optarg, 200);
            break;
        case 's':
            options.seed = number(optarg, UINT64_MAX / 2);
            break;
        case 't':
            options.seconds = number(optarg, 1000000);
            break;
        case 'e':
            options.postern = optarg;
            break;
        case 'o':
            options.asked = evaluator_bit(optarg);
            break;
        case 'S':
            options.strict = true;
            break;
        case 'k':
            options.keep_going = true;
            break;
        case 'P':
            options.print = true;
            break;
        default:
            fputs(usage, stderr);
            exit(2);
        }
    return options;
}

static void differences_print(const difference_list *differences, size_t limit)
{
    for (size_t i = 0; i < differences->count && i < limit; i++)
        printf("  %s\n", differences->items[i].text);
    if (differences->count > limit)
        printf("  ... and %zu more\n", differences->count - limit);
}

static void difference_explain(struct lab *lab, struct gen *gen)
{
    difference_list differences = {0};
    gen_shrink(lab, gen);
    gen_judge(lab, gen, NULL, &differences);
    printf("the smallest that still differs:\n");
    gen_print(gen, stdout);
    differences_print(&differences, 4);
    list_free(&differences);
}

/* 0: agreed, 1: differs, -1: refused. */
static int case_run(struct lab *lab, const struct options *options, uint64_t seed, struct tally *tally)
{
    struct gen *gen = gen_new(seed, (uint32_t)options->packets, options->postern != NULL);
    difference_list differences = {0};
    if (options->print)
        gen_print(gen, stdout);
    int status = gen_judge(lab, gen, tally, &differences);
    if (status == 0 && differences.count > 0) {
        printf("seed %" PRIu64 ": %zu of %zu packets differ\n", seed, differences.count, gen->shots.count);
        differences_print(&differences, 3);
        difference_explain(lab, gen);
        fflush(stdout);
        status = 1;
    }
    list_free(&differences);
    tally->refused += gen->refused;
    tally->rules += gen_rule_count(gen);
    gen_free(gen);
    return status;
}

int main(int count, char **arguments)
{
    struct options options = options_read(count, arguments);
    struct lab lab;
    struct tally tally = {0};
    uint64_t begun = time_monotonic_ns(), done = 0, differ = 0, refused = 0;
    signal(SIGPIPE, SIG_IGN);
    lab_open(&lab);
    lab.asked = options.asked;
    lab.postern = options.postern;
    for (; done < options.rulesets; done++) {
        int status = case_run(&lab, &options, options.seed + done, &tally);
        differ += status == 1;
        refused += status < 0;
        if ((status != 0 && !options.keep_going) ||
            (options.seconds && time_monotonic_ns() - begun > options.seconds * 1000000000)) {
            done++;
            break;
        }
    }
    bool enough = tally_report(&tally, options.strict);
    printf("%" PRIu64 " rules, %" PRIu64 " more were refused by the tools; %" PRIu64
           " rulesets were looked at again\n",
           tally.rules, tally.refused, tally.again);
    printf("%" PRIu64 " rulesets from seed %" PRIu64 " in %.1f s: %" PRIu64 " differ, %" PRIu64 " refused\n",
           done, options.seed, (double)(time_monotonic_ns() - begun) / 1e9, differ, refused);
    lab_close(&lab);
    bool good = enough && differ == 0 && refused == 0;
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}

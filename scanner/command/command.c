/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/command/command.h"
#include "netns/base/text.h"
#include "reports/format/escape.h"

#include <errno.h>
#include <unistd.h>

struct command {
    const char *name;
    enum command_bit bit;
    const char *operands, *summary, *help;
    int (*run)(const struct options *options);
};

static const struct command commands[] = {
    {"scan", COMMAND_SCAN, "", "find every way into the containers of this host, and who allowed it",
     "Reads every network namespace, computes who reaches each listener, proves it with packets that do not "
     "leave\n"
     "the host, and holds the result against a policy of allowed channels.\n"
     "\n"
     "Exit status: 0 complete, nothing at or above --fail-on; 1 findings; 2 usage or policy error;\n"
     "3 no finding, but something could not be looked at; 4 could not scan at all.\n",
     command_scan},
    {"explain", COMMAND_EXPLAIN, " FROM TO", "say who gets through to TO, and which rule decides, hop by hop",
     "FROM is a vantage: external, lan, host, segment:NAME, container:NAME, inside:NAME, netns:NAME.\n"
     "TO is CONTAINER:PORT/PROTO, ADDRESS:PORT/PROTO or [IPV6]:PORT/PROTO. Sends nothing.\n",
     command_explain},
};

/* ---- messages ---- */

/* "cannot read FILE: No such file": the text names its subject itself. */
static bool names(const char *text, const char *subject)
{
    size_t length = strlen(subject);

    for (const char *at = text; (at = strstr(at, subject)) != NULL; at++)
        if (at > text && at[-1] == ' ' && (at[length] == ':' || at[length] == '\0'))
            return true;
    return false;
}

static void message(const char *kind, const char *subject, const char *text)
{
    struct buffer line = BUFFER(4096);

    if (subject && *subject && !(text && names(text, subject))) {
        escape_terminal(&line, subject);
        buffer_append(&line, ": ");
    }
    escape_terminal(&line, text);
    fprintf(stderr, "postern: %s%s\n", kind, line.data ? line.data : "");
    buffer_free(&line);
}

void message_error(const struct error *error)
{
    message("", error->subject, error->message);
}

void message_warning(const char *code, const char *subject, const char *text)
{
    (void)code;
    message("warning: ", subject, text);
}

bool message_color(const struct options *options, FILE *file)
{
    const char *no_color = getenv("NO_COLOR");

    if (!text_equal(options->color, "auto"))
        return text_equal(options->color, "always");
    return !(no_color && *no_color) && isatty(fileno(file));
}

/* ---- help ---- */

static void print_commands(FILE *file)
{
    fprintf(file, "Usage: postern COMMAND [OPTION...]\n"
                  "Who can reach what on this host, and did anyone allow it?\n"
                  "\nCommands:\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        fprintf(file, "  %-10s%s\n", commands[i].name, commands[i].summary);
    fprintf(file, "\n`postern COMMAND --help` shows a command's options.\n");
}

static void print_command(const struct command *command)
{
    printf("Usage: postern %s%s [OPTION...]\n\n%s\nOptions:\n", command->name, command->operands,
           command->help);
    options_print_help(command->bit, stdout);
}

static int finish(void)
{
    return fflush(stdout) != 0 || ferror(stdout) ? EXIT_NO_SCAN : EXIT_COMPLETE;
}

/* ---- main ---- */

static int run_command(const struct command *command, int argc, char **argv)
{
    _cleanup_options_ struct options options = {0};
    struct error error = ERROR_NONE;

    if (options_parse(command->bit, argc, argv, &options, &error) < 0) {
        message_error(&error);
        return EXIT_USAGE;
    }
    if (options.help) {
        print_command(command);
        return finish();
    }
    if (options.version) {
        printf("postern %s\n", POSTERN_VERSION);
        return finish();
    }
    return command->run(&options);
}

int command_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;

    for (size_t i = 0; name && i < sizeof(commands) / sizeof(*commands); i++)
        if (text_equal(commands[i].name, name))
            return run_command(&commands[i], argc - 1, argv + 1);
    if (text_equal(name, "--version") || text_equal(name, "-V")) {
        printf("postern %s\n", POSTERN_VERSION);
        return finish();
    }
    if (text_equal(name, "--help") || text_equal(name, "-h") || text_equal(name, "help")) {
        print_commands(stdout);
        return finish();
    }
    if (name)
        message("", name, "no such command");
    print_commands(stderr);
    return EXIT_USAGE;
}

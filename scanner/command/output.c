/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/command/output.h"
#include "netns/base/text.h"
#include "netns/snapshot/file.h"
#include "scanner/command/command.h"
#include "scanner/command/gather.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BEGUN_MAX 64

/* ---- what a signal must remove ---- */

/* A handler has no argument: the files that this process has begun. Children that inherit it leave them
 * alone. */
static struct {
    volatile sig_atomic_t count;
    pid_t owner;
    const char *paths[BEGUN_MAX];
} begun;

static void remove_begun(int signal_number)
{
    if (getpid() == begun.owner)
        for (int i = 0; i < begun.count; i++)
            unlink(begun.paths[i]);
    raise(signal_number); /* SA_RESETHAND: ends the process as if there were no handler */
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGXFSZ};

static void watch_signals(void)
{
    const struct sigaction action = {.sa_handler = remove_begun,
                                     .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};

    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        struct sigaction before;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN); /* a reader who goes away is an error of writing, like any other */
}

static void begun_set(const struct outputs *outputs)
{
    int count = 0;

    begun.count = 0;
    begun.owner = getpid();
    if (outputs && outputs->snapshot.temporary)
        begun.paths[count++] = outputs->snapshot.temporary;
    for (size_t i = 0; outputs && i < outputs->count && count < BEGUN_MAX; i++)
        if (outputs->items[i].writer.temporary)
            begun.paths[count++] = outputs->items[i].writer.temporary;
    begun.count = count;
}

/* ---- opening ---- */

static int usage(struct error *error, const char *subject, const char *message)
{
    return error_set(error, EINVAL, "usage", subject, "%s", message);
}

/* "FORMAT:FILE", or FILE in the form of --format, or by its ending. What looks like FORMAT must be one: a
 * file of that name is written as "./html:FILE". */
static int output_parse(const struct options *options, const char *text, struct output *output,
                        const char **ret_path, struct error *error)
{
    size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    char name[32];

    *ret_path = text;
    if (text[word] == ':' && word > 0) {
        snprintf(name, sizeof(name), "%.*s", (int)word, text);
        output->format = word < sizeof(name) ? format_find(name) : NULL;
        if (output->format == NULL)
            return error_set(error, EINVAL, "usage", "--output",
                             "there is no form '%.*s': it is one of %s (a file of that name is ./%s)",
                             (int)word, text, format_names(), text);
        *ret_path = text + word + 1;
        return **ret_path ? 0 : usage(error, "--output", "names a form and no file");
    }
    output->format = format_find(options->format            ? options->format
                                 : text_ends(text, ".json") ? "json"
                                                            : "table");
    return 0;
}

/* output: NULL: the snapshot's. What a signal would have to remove must be known to its handler: it waits.
 * Not where opening itself may wait, for a pipe's reader. */
static int open_undisturbed(struct outputs *outputs, struct output *output, const char *path,
                            struct error *error)
{
    struct file_writer *writer = output ? &output->writer : &outputs->snapshot;
    struct stat status;
    bool waits = stat(path, &status) == 0 && S_ISFIFO(status.st_mode);
    sigset_t blocked, before;

    sigemptyset(&blocked);
    for (size_t i = 0; !waits && i < sizeof(signals) / sizeof(*signals); i++)
        sigaddset(&blocked, signals[i]);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    int r = file_writer_open(writer, path, error);
    if (r == 0 && output)
        *list_append(outputs) = *output;
    if (r == 0)
        begun_set(outputs);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return r;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int output_open(const struct options *options, const char *text, struct outputs *outputs,
                       struct error *error)
{
    struct output output = {.name = text};
    const char *path;
    int r = output_parse(options, text, &output, &path, error);

    if (r < 0)
        return r;
    if (is_folder(path))
        return usage(error, path, "is a folder, and a report is a file");
    list_each(const struct output, other, outputs)
        if (text_equal(other->writer.path, path))
            return usage(error, path, "is named by --output twice");
    outputs->keep_write |= gather_needs_override(path);
    return open_undisturbed(outputs, &output, path, error);
}

static int snapshot_open(const char *path, struct outputs *outputs, struct error *error)
{
    if (is_folder(path))
        return usage(error, path, "is a folder, and a snapshot is a file");
    list_each(const struct output, other, outputs)
        if (text_equal(other->writer.path, path))
            return usage(error, path, "is named by --output and by --save-snapshot");
    return open_undisturbed(outputs, NULL, path, error);
}

/* --format is stdout's where every file has a form of its own; else it is theirs. */
static const struct format *standard_format(const struct options *options, const struct outputs *outputs)
{
    bool free = options->format != NULL;

    list_each(const struct output, output, outputs)
        free = free && !text_equal(output->name, output->writer.path);
    if (outputs->count > 0 && !free)
        return NULL;
    return format_find(options->format ? options->format : "table");
}

int outputs_open(const struct options *options, struct outputs *ret_outputs, struct error *error)
{
    struct outputs outputs = {0};

    watch_signals();
    for (size_t i = 0; i < options->outputs.count; i++) {
        int r = output_open(options, options->outputs.items[i], &outputs, error);
        if (r < 0) {
            outputs_close(&outputs);
            return r;
        }
    }
    if (options->save_snapshot) {
        int r = snapshot_open(options->save_snapshot, &outputs, error);
        if (r < 0) {
            outputs_close(&outputs);
            return r;
        }
    }
    outputs.standard = standard_format(options, &outputs);
    *ret_outputs = outputs;
    return 0;
}

/* ---- writing ---- */

static struct format_options format_options(const struct options *options, FILE *file)
{
    struct format_options result = {.color = message_color(options, file), .verbose = options->verbose};
    struct winsize size;
    if (isatty(fileno(file)) && ioctl(fileno(file), TIOCGWINSZ, &size) == 0)
        result.width = size.ws_col;
    return result;
}

int outputs_write(const struct options *options, struct outputs *outputs, const struct report *report,
                  struct error *error)
{
    int r = 0;

    for (size_t i = 0; i < outputs->count && r == 0; i++) {
        struct output *output = &outputs->items[i];
        const struct format_options shown = format_options(options, output->writer.file);
        r = output->format->render(report, &shown, output->writer.file, error);
        if (r == 0)
            r = file_writer_commit(&output->writer, error);
        begun_set(outputs);
    }
    if (r == 0 && outputs->standard) {
        const struct format_options shown = format_options(options, stdout);
        r = outputs->standard->render(report, &shown, stdout, error);
    }
    return r;
}

int outputs_write_snapshot(struct outputs *outputs, const struct snapshot *snapshot, struct error *error)
{
    int r = snapshot_write_to(snapshot, &outputs->snapshot, error);
    begun_set(outputs);
    return r;
}

void outputs_close(struct outputs *outputs)
{
    begun_set(NULL);
    file_writer_abort(&outputs->snapshot);
    list_each(struct output, output, outputs)
        file_writer_abort(&output->writer);
    list_free(outputs);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/scan/scan.h"
#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/snapshot/file.h"
#include "reports/findings/classify.h"
#include "reports/format/format.h"
#include "scanner/command/command.h"
#include "scanner/command/gather.h"
#include "scanner/command/progress.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Where one form of the report goes. */
struct output {
    const struct format *format;
    struct file_writer writer;
};

struct outputs {
    struct output *items;
    size_t count, capacity;
    bool keep_write; /* one stands in a folder that root may write only by overriding its mode */
};

static void outputs_abort(struct outputs *outputs)
{
    list_each(struct output, output, outputs)
        file_writer_abort(&output->writer);
    list_free(outputs);
}

/* "json:FILE" where what stands before the colon is a format's name, else FILE in the form of --format, or by
 * its ending. */
static const struct format *output_format(const struct options *options, const char *text,
                                          const char **ret_path)
{
    const char *colon = strchr(text, ':');
    *ret_path = text;
    if (colon) {
        char name[32];
        snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
        const struct format *format = (size_t)(colon - text) < sizeof(name) ? format_find(name) : NULL;
        if (format && colon[1] != '\0') {
            *ret_path = colon + 1;
            return format;
        }
    }
    if (options->format == NULL && text_ends(text, ".json"))
        return format_find("json");
    return format_find(options->format ? options->format : "table");
}

static int outputs_open(const struct options *options, struct outputs *ret_outputs, struct error *error)
{
    struct outputs outputs = {0};

    for (size_t i = 0; i < options->outputs.count; i++) {
        const char *path;
        const struct format *format = output_format(options, options->outputs.items[i], &path);
        struct output output = {.format = format};
        if (file_writer_open(&output.writer, path, error) < 0) {
            outputs_abort(&outputs);
            return -error->status;
        }
        outputs.keep_write |= gather_needs_override(path);
        *list_append(&outputs) = output;
    }
    *ret_outputs = outputs;
    return 0;
}

static struct format_options format_options(const struct options *options, FILE *file)
{
    struct format_options result = {.color = message_color(options, file), .verbose = options->verbose};
    struct winsize size;
    if (isatty(fileno(file)) && ioctl(fileno(file), TIOCGWINSZ, &size) == 0)
        result.width = size.ws_col;
    return result;
}

/* stdout gets the report unless every form goes to a file. */
static int write_report(const struct options *options, const struct report *report, struct outputs *outputs,
                        struct error *error)
{
    int r = 0;

    if (outputs->count == 0 || options->format) {
        const struct format_options shown = format_options(options, stdout);
        r = format_find(options->format ? options->format : "table")->render(report, &shown, stdout, error);
    }
    for (size_t i = 0; i < outputs->count && r == 0; i++) {
        struct output *output = &outputs->items[i];
        const struct format_options shown = format_options(options, output->writer.file);
        r = output->format->render(report, &shown, output->writer.file, error);
        if (r == 0)
            r = file_writer_commit(&output->writer, error);
    }
    return r;
}

static enum exit_status status_of(const struct options *options, const struct report *report)
{
    if (classify_fails(report, severity_parse(options->fail_on)))
        return EXIT_FINDINGS;
    if (!report->scan.complete)
        return options->allow_partial ? EXIT_COMPLETE : EXIT_PARTIAL;
    return EXIT_COMPLETE;
}

static int read_policy(const struct options *options, struct policy **ret_policy)
{
    struct complaint_list complaints = {0};
    int r = 0;

    if (options->policy == NULL) {
        *ret_policy = policy_default();
        return 0;
    }
    r = policy_read(options->policy, ret_policy, &complaints);
    list_each(struct error, complaint, &complaints)
        message_error(complaint);
    list_free(&complaints);
    return r;
}

/* Runs the scan with everything open; returns the exit status, with *error set where it prints one. */
static enum exit_status run(const struct options *options, const struct policy *policy,
                            struct outputs *outputs, struct error *error)
{
    struct progress progress = progress_begin(options);
    struct scan_options request = gather_options(options, &progress);
    _cleanup_scan_ struct scan *scan = NULL;
    _cleanup_report_ struct report *report = NULL;

    request.keep_write = outputs->keep_write;
    if (gather(options, &request, &scan, error) < 0)
        return EXIT_NO_SCAN;
    if (options->save_snapshot && snapshot_write(scan_snapshot(scan), options->save_snapshot, error) < 0)
        return EXIT_NO_SCAN;
    int r = scan_report(scan, &request, policy, &report, error);
    progress_end(&progress);
    if (r < 0)
        return text_equal(error->code, "unknown-vantage") ? EXIT_USAGE : EXIT_NO_SCAN;
    if (!options->quiet)
        list_each(const struct report_error, warning, &report->warnings)
            message_warning(warning->code, warning->subject, warning->message);
    if (!options->all_channels)
        classify_fold_quiet(report);
    if (write_report(options, report, outputs, error) < 0)
        return EXIT_NO_SCAN;
    return status_of(options, report);
}

int command_scan(const struct options *options)
{
    _cleanup_policy_ struct policy *policy = NULL;
    struct outputs outputs = {0};
    struct error error = ERROR_NONE;

    if (options->operands.count > 0) {
        error_set(&error, EINVAL, "usage", options->operands.items[0], "scan takes options only");
        message_error(&error);
        return EXIT_USAGE;
    }
    if (read_policy(options, &policy) < 0)
        return EXIT_USAGE;
    if (outputs_open(options, &outputs, &error) < 0) {
        message_error(&error);
        return EXIT_USAGE;
    }
    enum exit_status status = run(options, policy, &outputs, &error);
    outputs_abort(&outputs);
    if (error_is_set(&error))
        message_error(&error);
    return status;
}

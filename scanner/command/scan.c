/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/scan/scan.h"
#include "netns/base/text.h"
#include "reports/findings/classify.h"
#include "scanner/command/command.h"
#include "scanner/command/gather.h"
#include "scanner/command/output.h"
#include "scanner/command/progress.h"

#include <errno.h>

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
                            struct outputs *outputs, struct progress *progress, struct error *error)
{
    struct scan_options request = gather_options(options, progress);
    _cleanup_scan_ struct scan *scan = NULL;
    _cleanup_report_ struct report *report = NULL;

    request.keep_write = outputs->keep_write;
    if (gather(options, &request, &scan, error) < 0)
        return gather_status(error);
    if (options->save_snapshot && outputs_write_snapshot(outputs, scan_snapshot(scan), error) < 0)
        return EXIT_NO_SCAN;
    if (scan_report(scan, &request, policy, &report, error) < 0)
        return gather_status(error);
    if (!options->quiet)
        list_each(const struct report_error, warning, &report->warnings)
            message_warning(warning->code, warning->subject, warning->message);
    if (!options->all_channels)
        classify_fold_quiet(report);
    if (outputs_write(options, outputs, report, error) < 0)
        return EXIT_NO_SCAN;
    return status_of(options, report);
}

int command_scan(const struct options *options)
{
    _cleanup_policy_ struct policy *policy = NULL;
    struct outputs outputs = {0};
    struct error error = ERROR_NONE;

    if (options->operands.count > 0)
        error_set(&error, EINVAL, "usage", options->operands.items[0], "scan takes options only");
    else
        (void)gather_check(options, &error);
    if (error_is_set(&error)) {
        message_error(&error);
        return EXIT_USAGE;
    }
    if (read_policy(options, &policy) < 0)
        return EXIT_USAGE;
    if (outputs_open(options, &outputs, &error) < 0) {
        message_error(&error);
        return EXIT_USAGE;
    }
    struct progress *progress = progress_begin(options);
    enum exit_status status = run(options, policy, &outputs, progress, &error);
    progress_end(progress);
    outputs_close(&outputs);
    if (error_is_set(&error))
        message_error(&error);
    return status;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/file.h"
#include "netns/base/text.h"
#include "scanner/command/answer.h"
#include "scanner/command/command.h"
#include "scanner/command/gather.h"

#include <errno.h>
#include <fcntl.h>

static int usage(struct error *error, const char *subject, const char *message)
{
    return error_set(error, EINVAL, "usage", subject, "%s", message);
}

/* ---- one question ---- */

static int set_sources(const struct options *options, struct question *question, struct error *error)
{
    struct prefix prefix;

    if (options->source == NULL)
        return 0;
    if (prefix_parse(options->source, false, &prefix, error) < 0)
        return -EINVAL;
    if (prefix.address.family != question->entry.family)
        return usage(error, "--source", "is of another family than the destination");
    question->sources = interval_set_prefix(prefix);
    return 0;
}

static int answer_one(struct answerer *answerer, const struct options *options, const struct entry *entry,
                      struct json_writer *writer, struct error *error)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct question question = {
        .from = options->operands.items[0], .interface = options->input_interface, .entry = *entry};
    struct path_channel channel;
    int r = set_sources(options, &question, error);

    if (r == 0)
        r = answer_find(answerer, &question, arena, &channel, error);
    question_free(&question);
    if (r < 0)
        return r;
    if (options->json)
        answer_write_json(answerer, &channel, options->source == NULL, writer);
    else
        answer_write_text(answerer, &channel, message_color(options, stdout), stdout);
    path_channel_free(&channel);
    return 0;
}

static int explain_target(struct answerer *answerer, const struct options *options, struct error *error)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct json_writer writer = json_writer(stdout, true);
    struct entry_list entries = {0};
    size_t answered = 0;
    int r = target_parse(answerer->world, options->operands.items[1], arena, &entries, error);

    if (r < 0)
        return r;
    if (options->json)
        json_array_begin(&writer);
    for (size_t i = 0; i < entries.count && r == 0; i++) {
        struct prefix prefix;
        if (options->source && prefix_parse(options->source, false, &prefix, NULL) == 0 &&
            prefix.address.family != entries.items[i].family)
            continue; /* a container's other family: the question is not about it */
        if (!options->json && answered++ > 0)
            putchar('\n');
        r = answer_one(answerer, options, &entries.items[i], &writer, error);
    }
    if (options->json && r == 0) {
        json_array_end(&writer);
        putchar('\n');
    }
    list_free(&entries);
    return r;
}

/* ---- many ---- */

/* Each line gets one line back; a bad one an object with its error. Returns whether all were good. */
static bool answer_line(struct answerer *answerer, const char *line, size_t length, size_t number)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct json_writer writer = json_writer(stdout, false);
    struct error error = ERROR_NONE;
    struct question question = {0};
    struct path_channel channel;
    int r = question_parse(line, length, arena, &question, &error);

    if (r == 0)
        r = answer_find(answerer, &question, arena, &channel, &error);
    if (r == 0) {
        answer_write_json(answerer, &channel, question.sources.count == 0, &writer);
        path_channel_free(&channel);
    } else {
        json_object_begin(&writer);
        json_name(&writer, "error");
        json_object_begin(&writer);
        json_member_text(&writer, "code", error.code);
        json_member_text(&writer, "subject", error.subject);
        json_member_text(&writer, "message", error.message);
        json_member_unsigned(&writer, "line", number);
        json_object_end(&writer);
        json_object_end(&writer);
    }
    putchar('\n');
    fflush(stdout);
    question_free(&question);
    return r == 0;
}

static int explain_batch(struct answerer *answerer, const char *path, struct error *error)
{
    _cleanup_fclose_ FILE *opened = strcmp(path, "-") == 0 ? NULL : fopen(path, "re");
    FILE *file = opened ? opened : stdin;
    _cleanup_free_ char *line = NULL;
    size_t capacity = 0, number = 0, bad = 0;
    ssize_t length;

    if (opened == NULL && strcmp(path, "-") != 0)
        return error_errno(error, errno, "file-unreadable", path, "cannot open");
    while ((length = getline(&line, &capacity, file)) >= 0) {
        number++;
        if (strspn(line, " \t\r\n") == (size_t)length)
            continue;
        bad += !answer_line(answerer, line, (size_t)length, number);
    }
    if (ferror(stdout))
        return error_errno(error, EIO, "write-failed", "stdout", "cannot write the answers");
    return bad ? error_set(error, EINVAL, "bad-query", path, "%zu of %zu queries could not be answered", bad,
                           number)
               : 0;
}

static enum exit_status run(const struct options *options, struct error *error)
{
    struct scan_options request = gather_options(options, NULL);
    _cleanup_scan_ struct scan *scan = NULL;
    struct error no_uplink = ERROR_NONE;
    struct answerer answerer;
    int r;

    request.probe = false;
    if (gather(options, &request, &scan, error) < 0)
        return gather_status(error);
    answerer_open(scan_snapshot(scan), options->uplinks.items, options->uplinks.count, &answerer, &no_uplink);
    if (error_is_set(&no_uplink))
        message_warning(no_uplink.code, no_uplink.subject, no_uplink.message);
    r = options->batch ? explain_batch(&answerer, options->batch, error)
                       : explain_target(&answerer, options, error);
    answerer_close(&answerer);
    return r < 0 ? EXIT_USAGE : EXIT_COMPLETE;
}

int command_explain(const struct options *options)
{
    struct error error = ERROR_NONE;
    enum exit_status status = EXIT_USAGE;

    if (gather_check(options, &error) < 0)
        ;
    else if (options->batch && options->operands.count > 0)
        usage(&error, options->operands.items[0], "with --batch the questions come from its file");
    else if (!options->batch && options->operands.count != 2)
        usage(&error, "explain", "takes FROM and TO: see postern explain --help");
    else
        status = run(options, &error);
    if (error_is_set(&error))
        message_error(&error);
    return status;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report for people: a verdict, findings worst first (who reaches what, through which rule, what to do),
 * channels by container, and last what could not be seen.
 */
#include "netns/base/text.h"
#include "reports/findings/describe.h"
#include "reports/format/escape.h"
#include "reports/format/format.h"

#include <errno.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define INDENT         "    "

struct table {
    const struct report *report;
    const struct format_options *options;
    FILE *file;
    struct arena *arena; /* of texts made for this rendering */
};

enum tone { TONE_PLAIN, TONE_BAD, TONE_WARN, TONE_GOOD, TONE_DIM, TONE_BOLD };

static const char *tone_on(const struct table *table, enum tone tone)
{
    static const char *const codes[] = {"", "\033[1;31m", "\033[33m", "\033[32m", "\033[2m", "\033[1m"};
    return table->options->color ? codes[tone] : "";
}

static const char *tone_off(const struct table *table, enum tone tone)
{
    return table->options->color && tone != TONE_PLAIN ? "\033[0m" : "";
}

static char *escaped(const char *text)
{
    struct buffer buffer = BUFFER(LINE_MAX_BYTES);
    escape_terminal(&buffer, text);
    return buffer_take(&buffer);
}

/* Columns of the escaped text. */
static size_t columns(const char *text)
{
    _cleanup_free_ char *shown = escaped(text);
    return text_width(shown);
}

/* The text in a cell of `width` columns, blanks behind it. */
static void put_cell(const struct table *table, const char *text, size_t width, enum tone tone)
{
    _cleanup_free_ char *shown = escaped(text);
    size_t used = text_width(shown);
    fprintf(table->file, "%s%s%s%*s", tone_on(table, tone), shown, tone_off(table, tone),
            used < width ? (int)(width - used) : 0, "");
}

/* Words of the text in lines of the terminal's width, each line after the first with `indent`. */
static void put_wrapped(const struct table *table, const char *indent, const char *text, enum tone tone)
{
    _cleanup_free_ char *shown = escaped(text);
    size_t limit = table->options->width ? table->options->width : SIZE_MAX, at = strlen(indent);
    const char *word = shown;

    fprintf(table->file, "%s%s", indent, tone_on(table, tone));
    for (bool first = true; *word; first = false) {
        size_t length = strcspn(word, " ");
        char *piece = memory_strndup(word, length);
        size_t width = text_width(piece);
        if (!first && at + 1 + width > limit && at > strlen(indent)) {
            fprintf(table->file, "\n%s  ", indent);
            at = strlen(indent) + 2;
        } else if (!first) {
            putc(' ', table->file);
            at++;
        }
        fputs(piece, table->file);
        at += width;
        free(piece);
        word += length;
        word += *word == ' ';
    }
    fprintf(table->file, "%s\n", tone_off(table, tone));
}

/* ---- verdict ---- */

static size_t count_findings(const struct report *report, enum severity severity, bool accepted)
{
    size_t count = 0;
    list_each(const struct report_finding, finding, &report->findings)
        count += finding->severity == severity && finding->accepted == accepted;
    return count;
}

static void put_verdict(const struct table *table)
{
    const struct report *report = table->report;
    struct buffer line = BUFFER(1024);
    size_t all = 0;

    for (int severity = SEVERITY_CRITICAL; severity >= SEVERITY_LOW; severity--) {
        size_t count = count_findings(report, (enum severity)severity, false);
        if (count > 0)
            buffer_printf(&line, "%s%zu %s", all ? ", " : "", count, severity_name((enum severity)severity));
        all += count;
    }
    _cleanup_free_ char *counts = buffer_take(&line);
    enum tone tone =
        all == 0 ? TONE_GOOD
        : count_findings(report, SEVERITY_CRITICAL, false) + count_findings(report, SEVERITY_HIGH, false)
            ? TONE_BAD
            : TONE_WARN;
    put_cell(table, report->scan.host ? report->scan.host : "this host", 0, TONE_BOLD);
    fprintf(table->file, ": %s%s%s%s; %zu container%s, %zu listener%s%s\n", tone_on(table, tone),
            all ? counts : "nothing is open that should not be",
            all == 1 ? " finding"
            : all    ? " findings"
                     : "",
            tone_off(table, tone), report->containers.count, report->containers.count == 1 ? "" : "s",
            report->listeners.count, report->listeners.count == 1 ? "" : "s",
            report->scan.complete ? "" : "; the scan is NOT complete, see below");
}

/* ---- findings ---- */

static enum tone severity_tone(enum severity severity)
{
    return severity >= SEVERITY_HIGH ? TONE_BAD : severity >= SEVERITY_LOW ? TONE_WARN : TONE_DIM;
}

static const char *joined(const struct table *table, const char *const *items, size_t count)
{
    struct buffer buffer = BUFFER(LINE_MAX_BYTES / 4);
    size_t shown = 0;
    for (; shown < count && buffer.length < buffer.limit; shown++)
        buffer_printf(&buffer, "%s%s", shown ? ", " : "", items[shown]);
    bool whole = shown == count && !buffer.overflow;
    _cleanup_free_ char *text = buffer_take(&buffer);
    return arena_printf(table->arena, "%s%s", text, whole ? "" : " ... and more");
}

static void put_finding(const struct table *table, const struct report_finding *finding)
{
    fprintf(table->file, "%s%-8s%s ", tone_on(table, severity_tone(finding->severity)),
            severity_name(finding->severity), tone_off(table, severity_tone(finding->severity)));
    put_wrapped(table, "",
                finding->accepted ? arena_printf(table->arena, "%s (accepted)", finding->title)
                                  : finding->title,
                TONE_BOLD);
    if (finding->vantages.count > 1)
        put_wrapped(table, INDENT,
                    arena_printf(
                        table->arena, "from %s",
                        joined(table, (const char *const *)finding->vantages.items, finding->vantages.count)),
                    TONE_PLAIN);
    if (finding->excess_sources.count > 0 && finding->policy)
        put_wrapped(table, INDENT,
                    arena_printf(table->arena, "beyond what %s allows: %s", finding->policy,
                                 joined(table, (const char *const *)finding->excess_sources.items,
                                        finding->excess_sources.count)),
                    TONE_PLAIN);
    for (size_t i = 0; i < finding->explanation.count; i++)
        put_wrapped(table, INDENT, finding->explanation.items[i], TONE_PLAIN);
    if (finding->fix.count > 0)
        put_wrapped(table, INDENT,
                    arena_printf(table->arena, "to do: %s",
                                 joined(table, (const char *const *)finding->fix.items, finding->fix.count)),
                    TONE_PLAIN);
}

static void put_findings(const struct table *table)
{
    size_t hidden = 0;

    list_each(const struct report_finding, finding, &table->report->findings) {
        if (!table->options->verbose && (finding->severity <= SEVERITY_INFO || finding->accepted)) {
            hidden++;
            continue;
        }
        putc('\n', table->file);
        put_finding(table, finding);
    }
    if (hidden > 0)
        fprintf(table->file, "\n%zu more finding%s of no weight or accepted: --verbose shows %s\n", hidden,
                hidden == 1 ? "" : "s", hidden == 1 ? "it" : "them");
}

/* ---- channels ---- */

static bool shown_channel(const struct table *table, const struct report_channel *channel)
{
    if (table->options->verbose)
        return true;
    return channel->state == STATE_OPEN || channel->state == STATE_UNDETERMINED || channel->conflict ||
           channel->channel_class == CLASS_LOST || channel->channel_class == CLASS_LATENT;
}

static enum tone class_tone(enum channel_class channel_class)
{
    switch (channel_class) {
    case CLASS_FORBIDDEN:
    case CLASS_UNEXPECTED:
        return TONE_BAD;
    case CLASS_LOST:
    case CLASS_UNDETERMINED:
    case CLASS_LATENT:
    case CLASS_MASKED:
        return TONE_WARN;
    case CLASS_ALLOWED:
        return TONE_GOOD;
    default:
        return TONE_DIM;
    }
}

/* Of a wildcard listener one address stands for all that fare alike. */
static const char *entry_text(const struct table *table, const struct report_channel *channel)
{
    const char *entry = describe_entry(table->arena, &channel->entry);
    if (channel->addresses.count < 2)
        return entry;
    return arena_printf(table->arena, "%s (and %zu more)", entry, channel->addresses.count - 1);
}

static const char *observed_word(const struct report_channel *channel)
{
    return channel->conflict ? "CONFLICT" : observed_state_name(channel->observed.state);
}

static void put_channel(const struct table *table, const struct report_channel *channel, size_t from_width,
                        size_t entry_width)
{
    fputs("  ", table->file);
    put_cell(table, state_name(channel->state), 13, channel->state == STATE_OPEN ? TONE_BOLD : TONE_PLAIN);
    put_cell(table, channel->from, from_width + 2, TONE_PLAIN);
    put_cell(table, entry_text(table, channel), entry_width + 2, TONE_PLAIN);
    put_cell(table, channel_class_name(channel->channel_class), 13, class_tone(channel->channel_class));
    fprintf(table->file, "%s\n", observed_word(channel));
}

static void put_owner(const struct table *table, const struct report_container *container)
{
    size_t from_width = 8, entry_width = 10, shown = 0, quiet = 0;
    const char *name = container ? container->name : NULL;

    list_each(const struct report_channel, channel, &table->report->channels) {
        if (!text_equal(channel->container, name))
            continue;
        if (!shown_channel(table, channel)) {
            quiet++;
            continue;
        }
        shown++;
        size_t from = columns(channel->from), entry = columns(entry_text(table, channel));
        from_width = from > from_width ? from : from_width;
        entry_width = entry > entry_width ? entry : entry_width;
    }
    list_each(const struct report_quiet, record, &table->report->quiet) {
        const struct report_listener *listener =
            record->listener ? report_listener(table->report, record->listener) : NULL;
        if (listener && text_equal(listener->container, name))
            quiet += record->entries;
    }
    if (shown + quiet == 0)
        return;
    putc('\n', table->file);
    put_cell(table, name ? name : "the host itself", 0, TONE_BOLD);
    if (container && container->image) {
        fputs("  ", table->file);
        put_cell(table, arena_printf(table->arena, "%s, %s", container->engine, container->image), 0,
                 TONE_DIM);
    }
    putc('\n', table->file);
    list_each(const struct report_channel, channel, &table->report->channels)
        if (text_equal(channel->container, name) && shown_channel(table, channel))
            put_channel(table, channel, from_width, entry_width);
    if (quiet > 0)
        fprintf(table->file, "  %s%zu more way%s in: none open%s\n", tone_on(table, TONE_DIM), quiet,
                quiet == 1 ? "" : "s", tone_off(table, TONE_DIM));
}

/* ---- what could not be seen ---- */

static void put_unseen(const struct table *table)
{
    const struct report_scan *scan = &table->report->scan;

    fprintf(table->file, "\nNot seen\n");
    list_each(const struct report_error, error, &scan->errors)
        put_wrapped(table, "  ",
                    arena_printf(table->arena, "%s%s: %s%s%s", error->code,
                                 error->gone ? " (gone meanwhile)" : "", error->subject,
                                 *error->subject ? ": " : "", error->message),
                    error->gone ? TONE_DIM : TONE_WARN);
    if (scan->errors.count == 0)
        fprintf(table->file, "  nothing that was asked for\n");
    fprintf(table->file,
            "  namespaces %u of %u entered, rules %u of %u modelled, channels %u of %u observed\n",
            scan->namespaces_entered, scan->namespaces_seen, scan->rules_modelled, scan->rules_seen,
            scan->channels_observed, scan->channels_predicted);
    if (scan->guard == NULL)
        fprintf(table->file, "  nothing was probed: the states are predictions\n");
    else if (!strcmp(scan->guard, "none"))
        fprintf(table->file, "  no guard stands: what is said of external and lan is prediction only\n");
    fprintf(table->file,
            "  what stands before this host (cloud firewalls, switches) and what containers send out\n");
    for (size_t i = 0; i < scan->side_effects.count; i++)
        put_wrapped(table, "  changed by probes: ", scan->side_effects.items[i], TONE_WARN);
}

int format_table(const struct report *report, const struct format_options *options, FILE *file,
                 struct error *error)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    const struct table table = {.report = report, .options = options, .file = file, .arena = arena};

    put_verdict(&table);
    put_findings(&table);
    list_each(const struct report_container, container, &report->containers)
        put_owner(&table, container);
    put_owner(&table, NULL);
    put_unseen(&table);
    if (fflush(file) != 0 || ferror(file))
        return error_errno(error, errno ? errno : EIO, "write-failed", "report", "cannot write the report");
    return 0;
}

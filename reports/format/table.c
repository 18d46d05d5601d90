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
    size_t state_width, proof_width, class_width;
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

/*
 * Words of the text, from column `at` on, in lines of the terminal's width; each line after the first begins
 * in column `hang`.
 */
static void put_hanging(const struct table *table, size_t at, size_t hang, const char *text, enum tone tone)
{
    _cleanup_free_ char *shown = escaped(text);
    size_t limit = table->options->width ? table->options->width : SIZE_MAX;
    const char *word = shown;

    fputs(tone_on(table, tone), table->file);
    for (bool first = true; *word; first = false) {
        size_t length = strcspn(word, " ");
        char *piece = memory_strndup(word, length);
        size_t width = text_width(piece);
        if (!first && at + 1 + width > limit && at > hang) {
            fprintf(table->file, "\n%*s", (int)hang, "");
            at = hang;
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

/* A paragraph behind `indent`, its further lines two columns deeper. */
static void put_wrapped(const struct table *table, const char *indent, const char *text, enum tone tone)
{
    fputs(indent, table->file);
    put_hanging(table, strlen(indent), strlen(indent) + 2, text, tone);
}

/* ---- verdict ---- */

static size_t count_findings(const struct report *report, enum severity severity, bool accepted)
{
    size_t count = 0;
    list_each(const struct report_finding, finding, &report->findings)
        count += finding->severity == severity && finding->accepted == accepted;
    return count;
}

static bool is_narrowed(const struct report *report)
{
    return report->scan.only_from.count + report->scan.only_containers.count > 0;
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
    fprintf(table->file, ": %s%s%s%s; %zu container%s, %zu listener%s\n", tone_on(table, tone),
            all ? counts : "nothing is open that should not be",
            all == 1 ? " finding"
            : all    ? " findings"
                     : "",
            tone_off(table, tone), report->containers.count, report->containers.count == 1 ? "" : "s",
            report->listeners.count, report->listeners.count == 1 ? "" : "s");
    if (!report->scan.complete)
        put_wrapped(table, "  ", "the scan is NOT complete: what is missing stands at the end", TONE_BAD);
    if (is_narrowed(report))
        put_wrapped(table, "  ", "only a part was looked at, as was asked: see the end", TONE_WARN);
}

/* ---- findings ---- */

static enum tone severity_tone(enum severity severity)
{
    return severity >= SEVERITY_HIGH ? TONE_BAD : severity >= SEVERITY_LOW ? TONE_WARN : TONE_DIM;
}

static const char *joined(const struct table *table, const char *const *items, size_t count,
                          const char *between)
{
    struct buffer buffer = BUFFER(LINE_MAX_BYTES / 4);
    size_t shown = 0;
    for (; shown < count && buffer.length < buffer.limit; shown++)
        buffer_printf(&buffer, "%s%s", shown ? between : "", items[shown]);
    bool whole = shown == count && !buffer.overflow;
    _cleanup_free_ char *text = buffer_take(&buffer);
    return arena_printf(table->arena, "%s%s", text, whole ? "" : " ... and more");
}

/* Names of vantages; where all uplinks' are among them, "external" or "lan" stands for these. */
static const char *vantages_text(const struct table *table, const char *const *names, size_t count)
{
    LIST(const char *) shown = {0};

    for (size_t i = 0; i < count; i++) {
        const char *name = describe_vantage(table->report, names[i], names, count);
        bool known = false;
        list_each(const char *const, other, &shown)
            known = known || text_equal(*other, name);
        if (!known)
            *list_append(&shown) = name;
    }
    const char *text = joined(table, shown.items, shown.count, ", ");
    list_free(&shown);
    return text;
}

static void put_fixes(const struct table *table, const struct report_finding *finding)
{
    if (finding->fix.count > 0)
        put_wrapped(
            table, INDENT,
            arena_printf(table->arena, "to do: %s",
                         joined(table, (const char *const *)finding->fix.items, finding->fix.count, "; ")),
            TONE_PLAIN);
}

static void put_severity(const struct table *table, enum severity severity)
{
    put_cell(table, severity_name(severity), 8, severity_tone(severity));
    putc(' ', table->file);
}

static void put_finding(const struct table *table, const struct report_finding *finding)
{
    const char *from =
        vantages_text(table, (const char *const *)finding->vantages.items, finding->vantages.count);

    put_severity(table, finding->severity);
    put_hanging(table, 9, 9,
                finding->accepted ? arena_printf(table->arena, "%s (accepted)", finding->title)
                                  : finding->title,
                TONE_BOLD);
    if (strchr(from, ','))
        put_wrapped(table, INDENT, arena_printf(table->arena, "from %s", from), TONE_PLAIN);
    if (finding->excess_sources.count > 0 && finding->policy)
        put_wrapped(table, INDENT,
                    arena_printf(table->arena, "beyond what %s allows: %s", finding->policy,
                                 joined(table, (const char *const *)finding->excess_sources.items,
                                        finding->excess_sources.count, ", ")),
                    TONE_PLAIN);
    for (size_t i = 0; i < finding->explanation.count; i++)
        put_wrapped(table, INDENT, finding->explanation.items[i], TONE_PLAIN);
    put_fixes(table, finding);
    if (table->options->verbose)
        put_wrapped(table, INDENT, arena_printf(table->arena, "id: %s", finding->id), TONE_DIM);
}

static bool is_hidden(const struct table *table, const struct report_finding *finding)
{
    return !table->options->verbose && (finding->severity <= SEVERITY_INFO || finding->accepted);
}

/* Ranges differ in little but who is let through to whom: one paragraph tells them all. */
static bool is_told_together(const struct table *table, const struct report_finding *finding)
{
    return !table->options->verbose && text_equal(finding->kind, "open-range");
}

/* An explanation of a range is "ip4 tcp ports 1-79: " and what lets it in. */
static const char *range_decider(const char *explanation)
{
    const char *colon = strstr(explanation, ": ");
    return colon ? colon + 2 : "";
}

/* The ranges of a finding that this lets in, in one line. */
static void put_range(const struct table *table, const struct report_finding *finding, const char *decider)
{
    struct buffer line = BUFFER(LINE_MAX_BYTES / 4);

    for (size_t i = 0; i < finding->explanation.count; i++) {
        const char *text = finding->explanation.items[i];
        if (!text_equal(range_decider(text), decider))
            continue;
        buffer_append(&line, line.length ? ", " : "");
        buffer_append_bytes(&line, text, (size_t)(range_decider(text) - text) - (*decider ? 2 : 0));
    }
    _cleanup_free_ char *ports = buffer_take(&line);
    if (*ports)
        put_wrapped(table, "      ",
                    arena_printf(table->arena, "%s to %s: %s",
                                 vantages_text(table, (const char *const *)finding->vantages.items,
                                               finding->vantages.count),
                                 finding->container ? finding->container : "the host", ports),
                    TONE_PLAIN);
}

static void put_ranges(const struct table *table)
{
    const struct report_finding *first = NULL;
    LIST(const char *) deciders = {0};

    list_each(const struct report_finding, finding, &table->report->findings) {
        if (!is_told_together(table, finding) || is_hidden(table, finding))
            continue;
        first = first ? first : finding;
        for (size_t i = 0; i < finding->explanation.count; i++) {
            const char *decider = range_decider(finding->explanation.items[i]);
            bool known = false;
            list_each(const char *const, other, &deciders)
                known = known || text_equal(*other, decider);
            if (!known)
                *list_append(&deciders) = decider;
        }
    }
    if (first == NULL)
        return;
    putc('\n', table->file);
    put_severity(table, first->severity);
    put_hanging(table, 9, 9, "open ports that nobody listens on: whatever comes to listen is reached",
                TONE_BOLD);
    list_each(const char *const, decider, &deciders) {
        put_wrapped(table, INDENT, arena_printf(table->arena, "let in: %s", *decider), TONE_PLAIN);
        list_each(const struct report_finding, finding, &table->report->findings)
            if (is_told_together(table, finding) && !is_hidden(table, finding))
                put_range(table, finding, *decider);
    }
    put_fixes(table, first);
    list_free(&deciders);
}

static void put_hidden(const struct table *table)
{
    size_t info = 0, accepted = 0;

    list_each(const struct report_finding, finding, &table->report->findings)
        if (is_hidden(table, finding))
            (finding->accepted ? accepted++ : info++);
    if (info + accepted == 0)
        return;
    putc('\n', table->file);
    if (info > 0)
        fprintf(table->file, "%zu of severity info%s", info, accepted ? ", " : "");
    if (accepted > 0)
        fprintf(table->file, "%zu accepted by the policy", accepted);
    fputs(": --verbose shows them\n", table->file);
}

static void put_findings(const struct table *table)
{
    bool ranges = false;

    list_each(const struct report_finding, finding, &table->report->findings) {
        if (is_hidden(table, finding))
            continue;
        if (is_told_together(table, finding)) {
            if (!ranges)
                put_ranges(table);
            ranges = true;
            continue;
        }
        putc('\n', table->file);
        put_finding(table, finding);
    }
    put_hidden(table);
}

/* ---- channels ---- */

static bool shown_channel(const struct table *table, const struct report_channel *channel)
{
    if (table->options->verbose)
        return true;
    if (channel->channel_class == CLASS_IGNORED && !channel->conflict)
        return false;
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

/* Of a wildcard listener one address stands for all that fare alike: "203.0.113.10:80/tcp +4". */
static const char *entry_text(const struct table *table, const struct report_channel *channel)
{
    const char *entry = describe_entry(table->arena, &channel->entry);
    if (channel->addresses.count < 2)
        return entry;
    if (!table->options->verbose)
        return arena_printf(table->arena, "%s +%zu", entry, channel->addresses.count - 1);
    struct buffer all = BUFFER(LINE_MAX_BYTES / 4);
    list_each(const struct address, address, &channel->addresses)
        buffer_printf(&all, "%s%s", all.length ? ", " : "", ADDRESS_TEXT(*address));
    _cleanup_free_ char *text = buffer_take(&all);
    return arena_printf(table->arena, "%s port %u/%s", text, channel->entry.port,
                        protocol_name(channel->entry.protocol));
}

/* What stands behind the state. */
static const char *proof_word(const struct report_channel *channel)
{
    if (channel->conflict)
        return "CONFLICT";
    if (channel->observed.state == OBSERVED_NOT_PROBED)
        return "not-probed";
    return text_equal(observed_state_name(channel->observed.state), state_name(channel->state))
               ? "proven"
               : observed_state_name(channel->observed.state);
}

/* Channels that differ in nothing but the vantage are one line. */
struct row {
    const struct report_channel *channel;
    const char *entry;
    LIST(const char *) from;
};
struct row_list {
    struct row *items;
    size_t count, capacity;
};

static bool same_row(const struct row *row, const struct report_channel *channel, const char *entry)
{
    return row->channel->state == channel->state && row->channel->channel_class == channel->channel_class &&
           text_equal(proof_word(row->channel), proof_word(channel)) && text_equal(row->entry, entry);
}

static void row_add(const struct table *table, const struct report_channel *channel, struct row_list *rows)
{
    const char *entry = entry_text(table, channel);
    struct row *found = NULL;

    list_each(struct row, row, rows)
        if (same_row(row, channel, entry))
            found = row;
    if (found == NULL) {
        found = list_append(rows);
        *found = (struct row){.channel = channel, .entry = entry};
    }
    *list_append(&found->from) = channel->from;
}

static void put_rows(const struct table *table, const struct row_list *rows)
{
    size_t width = 0, fixed = 2 + table->state_width + table->proof_width + table->class_width;

    list_each(const struct row, row, rows) {
        size_t entry = columns(row->entry);
        width = entry > width ? entry : width;
    }
    list_each(const struct row, row, rows) {
        const struct report_channel *channel = row->channel;
        const char *from = vantages_text(table, (const char *const *)row->from.items, row->from.count);
        fputs("  ", table->file);
        put_cell(table, state_name(channel->state), table->state_width,
                 channel->state == STATE_OPEN ? TONE_BOLD : TONE_PLAIN);
        put_cell(table, proof_word(channel), table->proof_width, channel->conflict ? TONE_BAD : TONE_DIM);
        put_cell(table, channel_class_name(channel->channel_class), table->class_width,
                 class_tone(channel->channel_class));
        put_cell(table, row->entry, width + 2, TONE_PLAIN);
        put_hanging(table, fixed + width + 2, fixed + 2, from, TONE_PLAIN);
    }
}

/* Ways in that are in no line of their own: open ones, which the policy ignores, and the rest. */
static void count_folded(const struct table *table, const char *container, size_t *ret_open, size_t *ret_rest)
{
    *ret_open = *ret_rest = 0;
    list_each(const struct report_channel, channel, &table->report->channels)
        if (text_equal(channel->container, container) && !shown_channel(table, channel))
            (channel->state == STATE_OPEN || channel->state == STATE_UNDETERMINED ? ++*ret_open
                                                                                  : ++*ret_rest);
    list_each(const struct report_quiet, record, &table->report->quiet) {
        const struct report_listener *listener =
            record->listener ? report_listener(table->report, record->listener) : NULL;
        if (listener && text_equal(listener->container, container))
            *ret_rest += record->entries;
    }
}

static void put_folded(const struct table *table, size_t open, size_t rest, bool alone)
{
    if (open + rest == 0)
        return;
    fprintf(table->file, "  %s%s", tone_on(table, TONE_DIM), alone ? "" : "and ");
    if (open > 0)
        fprintf(table->file, "%zu open that the policy ignores%s", open, rest ? ", " : "");
    if (rest > 0)
        fprintf(table->file, "%zu not open", rest);
    fprintf(table->file, "%s\n", tone_off(table, TONE_DIM));
}

static void measure(struct table *table)
{
    list_each(const struct report_channel, channel, &table->report->channels) {
        if (!shown_channel(table, channel))
            continue;
        size_t state = strlen(state_name(channel->state)) + 2, proof = strlen(proof_word(channel)) + 2,
               class = strlen(channel_class_name(channel->channel_class)) + 2;
        table->state_width = state > table->state_width ? state : table->state_width;
        table->proof_width = proof > table->proof_width ? proof : table->proof_width;
        table->class_width = class > table->class_width ? class : table->class_width;
    }
}

static void put_owner(const struct table *table, const struct report_container *container)
{
    const char *name = container ? container->name : NULL;
    size_t open, rest;
    struct row_list rows = {0};

    count_folded(table, name, &open, &rest);
    list_each(const struct report_channel, channel, &table->report->channels)
        if (text_equal(channel->container, name) && shown_channel(table, channel))
            row_add(table, channel, &rows);
    if (rows.count + open + rest == 0)
        return;
    putc('\n', table->file);
    put_cell(table, name ? name : "the host itself", 0, TONE_BOLD);
    if (container && container->image) {
        fputs("  ", table->file);
        put_cell(table, arena_printf(table->arena, "%s, %s", container->engine, container->image), 0,
                 TONE_DIM);
    }
    putc('\n', table->file);
    put_rows(table, &rows);
    put_folded(table, open, rest, rows.count == 0);
    list_each(struct row, row, &rows)
        list_free(&row->from);
    list_free(&rows);
}

/* ---- what could not be seen ---- */

/* How many channels were not probed, and why, a reason a line. */
static void put_unprobed(const struct table *table)
{
    LIST(const struct reason *) reasons = {0};

    list_each(const struct report_channel, channel, &table->report->channels) {
        const struct reason *reason = &channel->observed.reason;
        bool known = channel->observed.state != OBSERVED_NOT_PROBED;
        list_each(const struct reason *const, other, &reasons)
            known = known || text_equal((*other)->code, reason->code);
        if (!known)
            *list_append(&reasons) = reason;
    }
    list_each(const struct reason *const, reason, &reasons) {
        size_t count = 0;
        list_each(const struct report_channel, channel, &table->report->channels)
            count += channel->observed.state == OBSERVED_NOT_PROBED &&
                     text_equal(channel->observed.reason.code, (*reason)->code);
        put_wrapped(table, "  ",
                    arena_printf(table->arena, "not probed: %zu channel%s: %s", count, count == 1 ? "" : "s",
                                 describe_reason(*reason)),
                    TONE_PLAIN);
    }
    list_free(&reasons);
}

static void put_narrowing(const struct table *table)
{
    const struct report_scan *scan = &table->report->scan;

    if (scan->only_from.count > 0)
        put_wrapped(table, "  ",
                    arena_printf(table->arena, "looked from nowhere but %s, as was asked",
                                 joined(table, (const char *const *)scan->only_from.items,
                                        scan->only_from.count, ", ")),
                    TONE_WARN);
    if (scan->only_containers.count > 0)
        put_wrapped(table, "  ",
                    arena_printf(table->arena, "looked at no container but %s, as was asked",
                                 joined(table, (const char *const *)scan->only_containers.items,
                                        scan->only_containers.count, ", ")),
                    TONE_WARN);
}

static void put_unseen(const struct table *table)
{
    const struct report_scan *scan = &table->report->scan;

    fprintf(table->file, "\n%sNot seen%s\n", tone_on(table, TONE_BOLD), tone_off(table, TONE_BOLD));
    list_each(const struct report_error, error, &scan->errors)
        put_wrapped(table, "  ",
                    arena_printf(table->arena, "%s%s: %s%s%s", error->code,
                                 error->gone ? " (gone meanwhile)" : "", error->subject,
                                 *error->subject ? ": " : "", error->message),
                    error->gone ? TONE_DIM : TONE_WARN);
    put_narrowing(table);
    if (scan->guard == NULL)
        put_wrapped(table, "  ", "nothing was probed: every state is a prediction", TONE_PLAIN);
    else
        put_unprobed(table);
    if (scan->guard != NULL && strcmp(scan->guard, "none") == 0)
        put_wrapped(table, "  ", "no guard stands: what is said of external and lan is prediction only",
                    TONE_WARN);
    put_wrapped(table, "  ",
                "never seen: what stands before this host (cloud firewalls, switches), and what containers "
                "send out",
                TONE_PLAIN);
    put_wrapped(
        table, "  ",
        arena_printf(table->arena,
                     "read: %u of %u namespaces; understood: %u of %u rules; probed: %u of %u channels",
                     scan->namespaces_entered, scan->namespaces_seen, scan->rules_modelled, scan->rules_seen,
                     scan->channels_observed, scan->channels_predicted),
        TONE_PLAIN);
    for (size_t i = 0; i < scan->side_effects.count; i++)
        put_wrapped(table, "  ",
                    arena_printf(table->arena, "changed by probes: %s", scan->side_effects.items[i]),
                    TONE_WARN);
}

int format_table(const struct report *report, const struct format_options *options, FILE *file,
                 struct error *error)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct table table = {.report = report, .options = options, .file = file, .arena = arena};

    measure(&table);
    put_verdict(&table);
    put_findings(&table);
    fprintf(file, "\n%sWays in%s: state, proof, class, what is dialled, from where\n",
            tone_on(&table, TONE_BOLD), tone_off(&table, TONE_BOLD));
    list_each(const struct report_container, container, &report->containers)
        put_owner(&table, container);
    put_owner(&table, NULL);
    put_unseen(&table);
    if (fflush(file) != 0 || ferror(file))
        return error_errno(error, errno ? errno : EIO, "write-failed", "report", "cannot write the report");
    return 0;
}

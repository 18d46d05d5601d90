/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/engine/mount.h"

#include "netns/engine/state.h"

#define FIELDS_MAX 6

/* One line: "ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS ... - TYPE SOURCE SUPER-OPTIONS", octal escapes as
 * they stand. */
struct mount_line {
    const char *field[FIELDS_MAX], *options;
    size_t length[FIELDS_MAX], options_length;
};
enum { FIELD_DEVICE = 2, FIELD_ROOT = 3, FIELD_TARGET = 4 };

static bool line_parse(const char *line, size_t length, struct mount_line *ret_line)
{
    const char *at = line, *end = line + length;
    for (unsigned i = 0; i < FIELDS_MAX; i++) {
        const char *stop = memchr(at, ' ', (size_t)(end - at));
        if (!stop)
            return false;
        ret_line->field[i] = at;
        ret_line->length[i] = (size_t)(stop - at);
        at = stop + 1;
    }
    const char *last = memrchr(at, ' ', (size_t)(end - at));
    ret_line->options = last ? last + 1 : end;
    ret_line->options_length = (size_t)(end - ret_line->options);
    return true;
}

static bool line_next(const char **at, const char *end, struct mount_line *ret_line)
{
    while (*at < end) {
        const char *line = *at;
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        *at = stop ? stop + 1 : end;
        if (line_parse(line, (size_t)((stop ? stop : end) - line), ret_line))
            return true;
    }
    return false;
}

static bool field_is(const struct mount_line *line, unsigned field, const char *text)
{
    return part_is(line->field[field], line->length[field], text);
}

/* \040 and its like (mangle_path) to bytes. */
static char *unescape(struct arena *arena, const char *text, size_t length)
{
    char *path = arena_alloc(arena, length + 1);
    size_t to = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned code;
        if (text[i] == '\\' && length - i >= 4 && sscanf(text + i + 1, "%3o", &code) == 1) {
            path[to++] = (char)code;
            i += 3;
        } else {
            path[to++] = text[i];
        }
    }
    return path;
}

/* Cuts the path before the last `marker`; NULL where it has none. */
static const char *above_marker(char *path, const char *marker)
{
    char *found = NULL;
    for (char *at = path; (at = strstr(at, marker)); at++)
        found = at;
    if (!found || path[0] != '/')
        return NULL;
    if (found == path)
        return "/";
    *found = '\0';
    return path;
}

const char *mount_upper_root(struct arena *arena, const char *mountinfo, size_t length, const char *marker)
{
    static const char option[] = "upperdir=";
    struct mount_line line;
    for (const char *at = mountinfo; line_next(&at, mountinfo + length, &line);) {
        if (!field_is(&line, FIELD_TARGET, "/"))
            continue;
        const char *upper = memmem(line.options, line.options_length, option, sizeof(option) - 1);
        if (!upper)
            continue;
        upper += sizeof(option) - 1;
        const char *end = line.options + line.options_length;
        const char *comma = memchr(upper, ',', (size_t)(end - upper));
        return above_marker(unescape(arena, upper, (size_t)((comma ? comma : end) - upper)), marker);
    }
    return NULL;
}

/* Where the host has this part of the file system mounted: its path, NULL: nowhere. */
static char *host_path(struct arena *arena, const struct mount_line *part, const char *host,
                       size_t host_length)
{
    struct mount_line line;
    char *best = NULL;
    size_t best_root = 0;
    for (const char *at = host; line_next(&at, host + host_length, &line);) {
        size_t root = line.length[FIELD_ROOT];
        if (root == 1)
            root = 0; /* "/" is a prefix of everything */
        if (part->length[FIELD_DEVICE] != line.length[FIELD_DEVICE] ||
            memcmp(part->field[FIELD_DEVICE], line.field[FIELD_DEVICE], line.length[FIELD_DEVICE]) != 0)
            continue;
        if (root > part->length[FIELD_ROOT] ||
            memcmp(part->field[FIELD_ROOT], line.field[FIELD_ROOT], root) != 0)
            continue;
        if (root < part->length[FIELD_ROOT] && part->field[FIELD_ROOT][root] != '/')
            continue;
        if (best && root <= best_root)
            continue;
        bool at_root = field_is(&line, FIELD_TARGET, "/");
        const char *target = unescape(arena, line.field[FIELD_TARGET], line.length[FIELD_TARGET]);
        const char *rest = unescape(arena, part->field[FIELD_ROOT] + root, part->length[FIELD_ROOT] - root);
        best = arena_printf(arena, "%s%s", at_root ? "" : target, rest);
        best_root = root;
    }
    return best;
}

const char *mount_source_root(struct arena *arena, const char *mountinfo, size_t length, const char *target,
                              const char *marker, const char *host, size_t host_length)
{
    struct mount_line line;
    for (const char *at = mountinfo; line_next(&at, mountinfo + length, &line);) {
        if (!field_is(&line, FIELD_TARGET, target))
            continue;
        char *path = host_path(arena, &line, host, host_length);
        return path ? above_marker(path, marker) : NULL;
    }
    return NULL;
}

void mount_each_namespace(const char *mountinfo, size_t length, void (*each)(void *context, const char *path),
                          void *context)
{
    static const char kind[] = "net:[", separator[] = " - nsfs ";
    _cleanup_arena_ struct arena *arena = arena_new();
    const char *end = mountinfo + length;
    for (const char *line = mountinfo; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t line_length = (size_t)((stop ? stop : end) - line);
        struct mount_line fields;
        bool is_nsfs = memmem(line, line_length, separator, sizeof(separator) - 1) != NULL;
        if (is_nsfs && line_parse(line, line_length, &fields) && fields.length[FIELD_ROOT] > sizeof(kind) &&
            !memcmp(fields.field[FIELD_ROOT], kind, sizeof(kind) - 1))
            each(context, unescape(arena, fields.field[FIELD_TARGET], fields.length[FIELD_TARGET]));
        line = stop ? stop + 1 : end;
    }
}

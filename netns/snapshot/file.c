/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/file.h"

#include "netns/base/file.h"
#include "netns/snapshot/span.h"
#include "netns/snapshot/table.h"

#include <errno.h>
#include <fcntl.h>

#define FORMAT        "postern-snapshot"
#define VERSION       "1"
#define IS_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* What is at most this long is read by the JSON parser at once; what is longer is cut into its items first.
 */
#define PARSE_WHOLE ((size_t)64 << 10)
#define FIELDS_MAX  96

/* ---- writing ---- */

/* A stream that hashes what passes through it on its way to another. */
struct tee {
    FILE *to;
    struct sha256 *hash;
};

static ssize_t tee_write(void *cookie, const char *bytes, size_t length)
{
    struct tee *tee = cookie;
    sha256_update(tee->hash, bytes, length);
    return (ssize_t)fwrite(bytes, 1, length, tee->to);
}

static void snapshot_put(struct json_writer *json, const struct snapshot *snapshot)
{
    json_object_begin(json);
    record_write_members(json, &snapshot_record, snapshot);
    json_name(json, "namespaces");
    json_array_begin(json);
    list_each(struct namespace *, namespace, &snapshot->namespaces)
        record_write(json, &namespace_record, *namespace);
    json_array_end(json);
    json_object_end(json);
}

/* Writes the snapshot's bytes to `file`, and their checksum to `digest`. */
static int body_write(const struct snapshot *snapshot, FILE *file, char digest[SHA256_TEXT_MAX])
{
    struct tee tee = {file, sha256_new()};
    FILE *stream = fopencookie(&tee, "w", (cookie_io_functions_t){.write = tee_write});
    int r = -ENOMEM;
    if (stream) {
        struct json_writer json = json_writer(stream, false);
        snapshot_put(&json, snapshot);
        r = fflush(stream) || ferror(stream) ? -EIO : 0;
        fclose(stream);
    }
    sha256_finish(tee.hash, digest);
    return r;
}

int snapshot_write_to(const struct snapshot *snapshot, struct file_writer *writer, struct error *error)
{
    char digest[SHA256_TEXT_MAX];
    fputs("{\"format\": \"" FORMAT "\", \"version\": " VERSION ",\n\"snapshot\": ", writer->file);
    int r = body_write(snapshot, writer->file, digest);
    if (r < 0)
        return error_errno(error, -r, "write-failed", writer->path, "cannot write the snapshot");
    fprintf(writer->file, ",\n\"sha256\": \"%s\"}\n", digest);
    return file_writer_commit(writer, error);
}

int snapshot_write(const struct snapshot *snapshot, const char *path, struct error *error)
{
    _cleanup_file_writer_ struct file_writer writer = {0};
    int r = file_writer_open(&writer, path, error);
    return r < 0 ? r : snapshot_write_to(snapshot, &writer, error);
}

/* ---- reading ---- */

static int bad(struct error *error, const char *message)
{
    return error_set(error, EINVAL, "bad-snapshot", NULL, "%s", message);
}

static int record_parse(struct span value, const struct record_type *type, struct arena *arena, void *record,
                        struct error *error);

static int whole_parse(struct span value, const struct record_type *type, struct arena *arena, void *record,
                       struct error *error)
{
    _cleanup_json_ cJSON *json = json_parse(value.text, value.length, type->name, error);
    return json ? record_read(json, type, arena, record, error) : -EINVAL;
}

static void *list_add(struct list_head *list, size_t item_size)
{
    if (list->count == list->capacity)
        list_grow(list, item_size);
    void *item = (char *)list->items + list->count++ * item_size;
    memset(item, 0, item_size);
    return item;
}

static int list_parse(struct span value, const struct record_type *type, struct arena *arena,
                      struct list_head *list, struct error *error)
{
    struct span_reader reader;
    struct span element;
    if (list->count || span_open(value, '[', &reader) < 0)
        return bad(error, "a list is broken, or is there twice");
    int r = span_element(&reader, &element);
    for (; r > 0; r = span_element(&reader, &element)) {
        int status = record_parse(element, type, arena, list_add(list, type->size), error);
        if (status < 0)
            return status;
    }
    return r < 0 ? bad(error, "a list is broken") : 0;
}

static const struct field *field_named(const struct record_type *type, struct span name)
{
    for (const struct field *field = type->fields; field->name; field++) {
        if (span_is(name, field->name))
            return field;
    }
    return NULL;
}

/* Long lists and records are read by themselves (1); anything else is left to its record's own table (0). */
static int member_parse(const struct field *field, struct span value, struct arena *arena, void *record,
                        struct error *error)
{
    void *member = (char *)record + field->offset;
    if (value.length <= PARSE_WHOLE)
        return 0;
    int r;
    if (field->kind == FIELD_LIST)
        r = list_parse(value, field->type, arena, member, error);
    else if (field->kind == FIELD_RECORD)
        r = record_parse(value, field->type, arena, member, error);
    else
        return 0;
    return r < 0 ? error_context(error, "%s", field->name) : 1;
}

/* A record's table without the members that were read by themselves. */
struct rest {
    struct field fields[FIELDS_MAX];
    struct record_type type;
};

static void rest_init(struct rest *rest, const struct record_type *type)
{
    size_t count = 0;
    for (; type->fields[count].name && count < FIELDS_MAX - 1; count++)
        rest->fields[count] = type->fields[count];
    rest->fields[count].name = NULL;
    rest->type = (struct record_type){type->name, type->size, rest->fields};
}

static void rest_remove(struct rest *rest, const char *name)
{
    size_t to = 0;
    for (size_t from = 0; rest->fields[from].name; from++) {
        if (rest->fields[from].name != name)
            rest->fields[to++] = rest->fields[from];
    }
    rest->fields[to].name = NULL;
}

static int small_add(cJSON *small, const struct field *field, struct span value, struct error *error)
{
    cJSON *json = json_parse(value.text, value.length, field->name, error);
    if (!json)
        return -EINVAL;
    if (!cJSON_AddItemToObjectCS(small, field->name, json)) {
        cJSON_Delete(json);
        return bad(error, "out of memory");
    }
    return 0;
}

static int parts_parse(struct span value, const struct record_type *type, struct arena *arena, void *record,
                       struct error *error)
{
    struct span_reader reader;
    struct span name, part;
    if (span_open(value, '{', &reader) < 0)
        return bad(error, "a record is broken");
    _cleanup_json_ cJSON *small = cJSON_CreateObject();
    struct rest rest;
    rest_init(&rest, type);
    int r = span_member(&reader, &name, &part);
    for (; r > 0; r = span_member(&reader, &name, &part)) {
        const struct field *field = field_named(type, name);
        if (!field)
            continue;
        int status = member_parse(field, part, arena, record, error);
        if (status > 0)
            rest_remove(&rest, field->name);
        else if (status == 0)
            status = small_add(small, field, part, error);
        if (status < 0)
            return status;
    }
    if (r < 0)
        return bad(error, "a record is broken");
    return record_read(small, &rest.type, arena, record, error);
}

static int record_parse(struct span value, const struct record_type *type, struct arena *arena, void *record,
                        struct error *error)
{
    if (value.length <= PARSE_WHOLE)
        return whole_parse(value, type, arena, record, error);
    return parts_parse(value, type, arena, record, error);
}

static int namespaces_parse(struct span value, struct snapshot *snapshot, struct error *error)
{
    struct span_reader reader;
    struct span element;
    if (snapshot->namespaces.count || span_open(value, '[', &reader) < 0)
        return bad(error, "the list of namespaces is broken, or is there twice");
    int r = span_element(&reader, &element);
    for (; r > 0; r = span_element(&reader, &element)) {
        struct namespace *namespace = namespace_new(0);
        *list_append(&snapshot->namespaces) = namespace;
        int status = record_parse(element, &namespace_record, namespace->arena, namespace, error);
        if (status < 0)
            return error_context(error, "namespaces[%zu]", snapshot->namespaces.count - 1);
    }
    return r < 0 ? bad(error, "the list of namespaces is broken") : 0;
}

static int body_parse(struct span body, struct snapshot *snapshot, struct error *error)
{
    struct span_reader reader;
    struct span name, value;
    if (span_open(body, '{', &reader) < 0)
        return bad(error, "\"snapshot\" is not an object");
    int r;
    while ((r = span_member(&reader, &name, &value)) > 0) {
        if (!span_is(name, "namespaces"))
            continue;
        r = namespaces_parse(value, snapshot, error);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return bad(error, "\"snapshot\" is broken");
    return parts_parse(body, &snapshot_record, snapshot->arena, snapshot, error);
}

/* Indices that would lead out of a list, in a file that is whole but was not written by this program. */
static int references_check(const struct snapshot *snapshot, struct error *error)
{
    list_each(struct process, process, &snapshot->processes) {
        if (process->container < -1 || process->container >= (int64_t)snapshot->containers.count)
            return bad(error, "a process names a container that is not there");
    }
    list_each(struct namespace *, namespace, &snapshot->namespaces) {
        list_each(struct socket, socket, &(*namespace)->sockets) {
            list_each(uint32_t, process, &socket->processes) {
                if (*process >= snapshot->processes.count)
                    return bad(error, "a socket names a process that is not there");
            }
        }
    }
    return 0;
}

/* The members of the file itself. */
struct envelope {
    struct span format, version, sha256, body;
};

static int envelope_parse(struct span file, struct envelope *ret_envelope, struct error *error)
{
    struct envelope envelope = {0};
    struct span_reader reader;
    struct span name, value;
    int r = span_open(file, '{', &reader);
    while (r >= 0 && (r = span_member(&reader, &name, &value)) > 0) {
        if (span_is(name, "format"))
            envelope.format = value;
        else if (span_is(name, "version"))
            envelope.version = value;
        else if (span_is(name, "sha256"))
            envelope.sha256 = value;
        else if (span_is(name, "snapshot"))
            envelope.body = value;
    }
    if (envelope.format.text && !span_is(envelope.format, "\"" FORMAT "\""))
        return bad(error, "the file is of another format");
    if (r < 0 || !envelope.format.text)
        return bad(error, "the file is not a snapshot, or is cut short");
    if (!envelope.version.text || !span_is(envelope.version, VERSION))
        return bad(error, "the snapshot is of a version that this program does not read");
    if (!envelope.body.text || !envelope.sha256.text)
        return bad(error, "the snapshot or its checksum is missing");
    *ret_envelope = envelope;
    return 0;
}

static int checksum_check(const struct envelope *envelope, struct error *error)
{
    char digest[SHA256_TEXT_MAX], quoted[SHA256_TEXT_MAX + 2];
    sha256_text(envelope->body.text, envelope->body.length, digest);
    snprintf(quoted, sizeof(quoted), "\"%s\"", digest);
    return span_is(envelope->sha256, quoted) ? 0
                                             : bad(error, "the checksum does not fit: the file was changed");
}

static int file_parse(struct span file, struct snapshot *snapshot, struct error *error)
{
    struct envelope envelope;
    int r = envelope_parse(file, &envelope, error);
    if (r >= 0)
        r = checksum_check(&envelope, error);
    if (r >= 0)
        r = body_parse(envelope.body, snapshot, error);
    if (r >= 0 && snapshot->big_endian != IS_BIG_ENDIAN)
        r = bad(error, "the snapshot was taken on a machine of the other byte order");
    return r < 0 ? r : references_check(snapshot, error);
}

int snapshot_parse(const char *bytes, size_t length, const char *subject, struct snapshot **ret_snapshot,
                   struct error *error)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    struct error reason = ERROR_NONE;
    if (file_parse((struct span){bytes, length}, snapshot, &reason) < 0)
        return error_set(error, EINVAL, "bad-snapshot", subject, "%s", reason.message);
    *ret_snapshot = take_ptr(snapshot);
    return 0;
}

int snapshot_read(const char *path, struct snapshot **ret_snapshot, struct error *error)
{
    _cleanup_free_ char *bytes = NULL;
    size_t length = 0;
    int r = file_read(AT_FDCWD, path, SNAPSHOT_FILE_MAX, &bytes, &length, error);
    return r < 0 ? r : snapshot_parse(bytes, length, path, ret_snapshot, error);
}

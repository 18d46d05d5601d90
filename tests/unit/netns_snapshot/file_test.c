/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The snapshot file: what is written is read back the same; what was changed or is hostile is refused. */
#include "netns/snapshot/file.h"

#include "netns/base/file.h"
#include "netns/snapshot/table.h"

#include <check.h>
#include <ctype.h>
#include <fcntl.h>
#include <unistd.h>

#define IS_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

#define DEPTH_MAX 9 /* namespace, ruleset, table, chain, rule, expression, and expressions inside */

/* ---- a snapshot that fills every member of every table ---- */

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

struct filler {
    uint64_t state;
    size_t items;   /* of each list */
    unsigned depth; /* of records in each other: expressions may hold expressions */
    struct arena *arena;
};

static uint64_t below(struct filler *filler, uint64_t limit)
{
    return random_next(&filler->state) % limit;
}

static void number_store(void *member, size_t size, uint64_t number)
{
    uint64_t value = number ? number : 1;
    if (IS_BIG_ENDIAN)
        memcpy(member, (char *)&value + sizeof(value) - size, size);
    else
        memcpy(member, &value, size);
}

static const char *text_make(struct filler *filler)
{
    static const char *const texts[] = {"eth0", "", "a \"quoted\" \\ name",
                                        "\xc3\xa9\xe2\x80\xa8\x01\x1b[31m", "}],{"};
    uint64_t pick = below(filler, 8);
    return pick < 5 ? texts[pick] : arena_printf(filler->arena, "text-%llu", (unsigned long long)pick);
}

static struct address address_make(struct filler *filler)
{
    if (below(filler, 2))
        return address_ip4((uint32_t)random_next(&filler->state));
    u128 high = random_next(&filler->state);
    return (struct address){FAMILY_IP6, high << 64 | random_next(&filler->state)};
}

static unsigned word_make(struct filler *filler, const char *const *words)
{
    unsigned count = 0;
    while (words[count])
        count++;
    unsigned pick = (unsigned)below(filler, count);
    while (!*words[pick])
        pick = (pick + 1) % count;
    return pick;
}

static void record_fill(struct filler *filler, const struct record_type *type, void *record);

static void list_fill(struct filler *filler, const struct field *field, void *member)
{
    struct list_head *list = member;
    size_t size = field->kind == FIELD_LIST        ? field->type->size
                  : field->kind == FIELD_TEXT_LIST ? sizeof(const char *)
                                                   : sizeof(uint32_t);
    size_t items = filler->depth > DEPTH_MAX ? 0 : filler->items;
    for (size_t i = 0; i < items; i++) {
        if (list->count == list->capacity)
            list_grow(list, size);
        char *item = (char *)list->items + list->count++ * size;
        memset(item, 0, size);
        if (field->kind == FIELD_LIST)
            record_fill(filler, field->type, item);
        else if (field->kind == FIELD_TEXT_LIST)
            *(const char **)(void *)item = text_make(filler);
        else
            *(uint32_t *)(void *)item = (uint32_t)i;
    }
}

static void member_fill(struct filler *filler, const struct field *field, void *record)
{
    void *member = (char *)record + field->offset;
    unsigned word;
    switch (field->kind) {
    case FIELD_BOOL:
        *(bool *)member = true;
        break;
    case FIELD_UNSIGNED:
    case FIELD_SIGNED:
    case FIELD_DECIMAL:
        number_store(member, field->size, random_next(&filler->state) >> below(filler, 40));
        break;
    case FIELD_TEXT:
    case FIELD_NAME:
        *(const char **)member = text_make(filler);
        break;
    case FIELD_BYTES:
        *(struct bytes *)member = (struct bytes){arena_copy(filler->arena, &filler->state, 7), 7};
        break;
    case FIELD_ADDRESS:
        *(struct address *)member = address_make(filler);
        break;
    case FIELD_PREFIX:
        *(struct prefix *)member = (struct prefix){address_make(filler), (uint8_t)below(filler, 33)};
        break;
    case FIELD_MAC:
        memcpy(member, &filler->state, sizeof(struct mac));
        break;
    case FIELD_WORD:
        word = word_make(filler, field->words);
        memcpy(member, &word, sizeof(word));
        break;
    case FIELD_FLAGS:
        number_store(member, field->size, 1 + below(filler, 1u << 14));
        break;
    case FIELD_RECORD:
        record_fill(filler, field->type, member);
        break;
    case FIELD_UNION:
        record_fill(filler, field->choose(record), member);
        break;
    case FIELD_POINTER:
        *(void **)member = arena_alloc(filler->arena, field->type->size);
        record_fill(filler, field->type, *(void **)member);
        break;
    case FIELD_LIST:
    case FIELD_TEXT_LIST:
    case FIELD_NUMBER_LIST:
        list_fill(filler, field, member);
        break;
    default:
        ck_abort_msg("%s is of a kind that the test does not fill", field->name);
    }
}

static void record_fill(struct filler *filler, const struct record_type *type, void *record)
{
    filler->depth++;
    for (const struct field *field = type->fields; field->name; field++)
        member_fill(filler, field, record);
    filler->depth--;
}

static struct snapshot *snapshot_make(uint64_t seed, size_t items)
{
    struct snapshot *snapshot = snapshot_new();
    struct filler filler = {.state = seed, .items = items, .arena = snapshot->arena};
    record_fill(&filler, &snapshot_record, snapshot);
    snapshot->big_endian = IS_BIG_ENDIAN;
    list_each(struct process, process, &snapshot->processes)
        process->container = (int32_t)below(&filler, items + 1) - 1;
    for (size_t i = 0; i < items; i++) {
        struct namespace *namespace = namespace_new(0);
        *list_append(&snapshot->namespaces) = namespace;
        filler.arena = namespace->arena;
        record_fill(&filler, &namespace_record, namespace);
        namespace->id = 4026532000 + i;
    }
    return snapshot;
}

/* ---- files ---- */

static char directory[] = "/tmp/postern-snapshot-XXXXXX";

static char *path_of(const char *name)
{
    return memory_printf("%s/%s", directory, name);
}

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void teardown(void)
{
    const char *const names[] = {"one", "two"};
    for (size_t i = 0; i < 2; i++) {
        _cleanup_free_ char *path = path_of(names[i]);
        unlink(path);
    }
    rmdir(directory);
    memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
}

static char *saved(const struct snapshot *snapshot, const char *name, size_t *ret_length)
{
    _cleanup_free_ char *path = path_of(name);
    struct error error = ERROR_NONE;
    char *bytes = NULL;
    ck_assert_msg(snapshot_write(snapshot, path, &error) == 0, "%s", error.message);
    ck_assert_int_eq(file_read(AT_FDCWD, path, SNAPSHOT_FILE_MAX, &bytes, ret_length, &error), 0);
    return bytes;
}

static size_t round_trip(uint64_t seed, size_t items)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_make(seed, items);
    _cleanup_snapshot_ struct snapshot *again = NULL;
    _cleanup_free_ char *first = NULL, *second = NULL;
    size_t first_length, second_length;
    struct error error = ERROR_NONE;
    first = saved(snapshot, "one", &first_length);
    ck_assert_msg(snapshot_parse(first, first_length, "one", &again, &error) == 0, "%s", error.message);
    second = saved(again, "two", &second_length);
    ck_assert_uint_eq(first_length, second_length);
    ck_assert_mem_eq(first, second, first_length);
    ck_assert_uint_eq(again->namespaces.count, items);
    return first_length;
}

START_TEST(written_is_read)
{
    for (uint64_t seed = 1; seed <= 40; seed++)
        round_trip(seed * 0x9e3779b97f4a7c15u, 1 + seed % 2);
}
END_TEST

/* Long enough that lists, namespaces and tables are cut into their items (PARSE_WHOLE). */
START_TEST(long_lists_are_read)
{
    ck_assert_uint_gt(round_trip(77, 5), 1 << 20);
}
END_TEST

START_TEST(values_survive)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_new();
    _cleanup_snapshot_ struct snapshot *again = NULL;
    snapshot->big_endian = IS_BIG_ENDIAN;
    snapshot->host_namespace = 4026531840;
    struct namespace *namespace = namespace_new(4026531840);
    *list_append(&snapshot->namespaces) = namespace;
    namespace->cookie = UINT64_MAX;
    namespace->missing = PART_RULESET | PART_LINKS;
    struct link *link = list_append(&namespace->links);
    *link = (struct link){.index = 2, .name = "veth0", .peer_nsid = -1, .kind = LINK_VETH, .rp_filter = 2};
    list_append(&snapshot->processes)->container = -1;
    struct socket *socket = list_append(&namespace->sockets);
    socket->family = FAMILY_IP6;
    socket->address = (struct address){FAMILY_IP6, 0};
    size_t length;
    _cleanup_free_ char *bytes = saved(snapshot, "one", &length);
    struct error error = ERROR_NONE;
    ck_assert_msg(snapshot_parse(bytes, length, "one", &again, &error) == 0, "%s", error.message);
    const struct namespace *host = snapshot_host(again);
    ck_assert_ptr_nonnull(host);
    ck_assert_uint_eq(host->cookie, UINT64_MAX);
    ck_assert_uint_eq(host->missing, PART_RULESET | PART_LINKS);
    ck_assert_int_eq(host->links.items[0].peer_nsid, -1);
    ck_assert_int_eq(host->links.items[0].kind, LINK_VETH);
    ck_assert_int_eq(host->links.items[0].rp_filter, 2);
    ck_assert_int_eq(again->processes.items[0].container, -1);
    ck_assert(address_equal(host->sockets.items[0].address, socket->address));
}
END_TEST

/* ---- what is refused ---- */

static int parse(const char *bytes, size_t length, struct error *error)
{
    _cleanup_snapshot_ struct snapshot *snapshot = NULL;
    *error = ERROR_NONE;
    int r = snapshot_parse(bytes, length, "file", &snapshot, error);
    ck_assert_int_eq(r == 0, snapshot != NULL);
    if (r < 0)
        ck_assert_str_eq(error->code, "bad-snapshot");
    return r;
}

START_TEST(flipped_bit_is_refused)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_make(5, 1);
    struct error error;
    size_t length;
    _cleanup_free_ char *bytes = saved(snapshot, "one", &length);
    for (size_t at = 0; at < length; at += at < 100 || at > length - 100 ? 1 : 97) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[at] = (char)(bytes[at] ^ (1 << bit));
            ck_assert_msg(parse(bytes, length, &error) < 0, "bit %u of byte %zu", bit, at);
            bytes[at] = (char)(bytes[at] ^ (1 << bit));
        }
    }
    ck_assert_int_eq(parse(bytes, length, &error), 0);
}
END_TEST

START_TEST(cut_file_is_refused)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_make(6, 1);
    struct error error;
    size_t length;
    _cleanup_free_ char *bytes = saved(snapshot, "one", &length);
    for (size_t cut = 0; cut + 1 < length; cut += cut < 100 || cut > length - 100 ? 1 : 61) {
        _cleanup_free_ char *part = memory_strndup(bytes, cut);
        ck_assert_int_lt(parse(part, cut, &error), 0);
    }
}
END_TEST

/* Wraps a body into a file with the right checksum. */
static char *sealed(const char *body, size_t length, size_t *ret_length)
{
    char digest[SHA256_TEXT_MAX];
    sha256_text(body, length, digest);
    struct buffer buffer = BUFFER(SNAPSHOT_FILE_MAX);
    buffer_append(&buffer, "{\"format\": \"postern-snapshot\", \"version\": 1, \"snapshot\": ");
    buffer_append_bytes(&buffer, body, length);
    buffer_printf(&buffer, ", \"sha256\": \"%s\"}", digest);
    *ret_length = buffer.length;
    return buffer_take(&buffer);
}

static int parse_sealed(const char *body, size_t length, struct error *error)
{
    size_t sealed_length;
    _cleanup_free_ char *file = sealed(body, length, &sealed_length);
    return parse(file, sealed_length, error);
}

static void body_of(const char *bytes, size_t length, const char **ret_body, size_t *ret_length)
{
    const char *begin = strstr(bytes, "\"snapshot\": ") + strlen("\"snapshot\": ");
    *ret_body = begin;
    *ret_length = length - (size_t)(begin - bytes) - (SHA256_TEXT_MAX - 1) - strlen(",\n\"sha256\": \"\"}\n");
}

/* Changed contents under a right checksum: taken or refused, but never a crash. */
START_TEST(changed_contents_do_no_harm)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_make(7, 1);
    struct error error;
    size_t length, body_length;
    const char *body;
    _cleanup_free_ char *bytes = saved(snapshot, "one", &length);
    body_of(bytes, length, &body, &body_length);
    ck_assert_int_eq(parse_sealed(body, body_length, &error), 0);
    _cleanup_free_ char *changed = memory_strndup(body, body_length);
    static const char alphabet[] = "{}[]\",:0-9eE.\\u null true\x80\xff";
    uint64_t state = 99;
    unsigned refused = 0;
    for (unsigned i = 0; i < 1500; i++) {
        size_t at = random_next(&state) % body_length;
        char was = changed[at];
        changed[at] = alphabet[random_next(&state) % (sizeof(alphabet) - 1)];
        refused += parse_sealed(changed, body_length, &error) < 0;
        if (i % 5)
            changed[at] = was;
        if (i % 50 == 0)
            memcpy(changed, body, body_length);
    }
    ck_assert_uint_gt(refused, 100);
}
END_TEST

static void refused(const char *body, const char *why)
{
    struct error error;
    ck_assert_msg(parse_sealed(body, strlen(body), &error) < 0, "%s", body);
    ck_assert_msg(strstr(error.message, why) != NULL, "\"%s\" says \"%s\"", body, error.message);
}

#define LEAST_NAMESPACE "{\"id\": 1, \"role\": \"host\", \"sysctls\": {}, \"ruleset\": {}}"
#define LEAST           "\"big_endian\": false, \"host_namespace\": 1"

START_TEST(wrong_contents_are_refused)
{
    struct error error;
    if (IS_BIG_ENDIAN)
        return;
    const char *least = "{" LEAST ", \"later\": [1, {}]}";
    ck_assert_msg(parse_sealed(least, strlen(least), &error) == 0, "%s", error.message);
    refused("{\"big_endian\": true, \"host_namespace\": 1}", "byte order");
    refused("[]", "object");
    refused("{}", "big_endian");
    refused("{" LEAST ", \"namespaces\": {}}", "namespaces");
    refused("{" LEAST ", \"namespaces\": [{}]}", "namespaces[0]");
    refused("{" LEAST ", \"namespaces\": [" LEAST_NAMESPACE "], \"namespaces\": []}", "twice");
    refused("{" LEAST ", \"processes\": [{\"container\": 0}]}", "container");
    refused("{" LEAST ", \"processes\": [{\"container\": -2}]}", "container");
    refused("{" LEAST ", \"namespaces\": [{\"id\": 1, \"role\": \"host\", \"sysctls\": {}, \"ruleset\": {}, "
            "\"sockets\": [{\"kind\": \"tcp\", \"processes\": [0]}]}]}",
            "process");
}
END_TEST

START_TEST(other_files_are_refused)
{
    static const struct {
        const char *file, *why;
    } rows[] = {
        {"", "not a snapshot"},
        {"hello", "not a snapshot"},
        {"{\"format\": \"postern-report\", \"version\": 1}", "another format"},
        {"{\"format\": \"postern-snapshot\", \"version\": 2, \"snapshot\": {}, \"sha256\": \"\"}", "version"},
        {"{\"format\": \"postern-snapshot\", \"version\": 1, \"snapshot\": {}}", "missing"},
        {"{\"format\": \"postern-snapshot\", \"version\": 1, \"snapshot\": {}, \"sha256\": \"\"} x",
         "not a snapshot"},
        {"{\"format\": \"postern-snapshot\", \"version\": 1, \"snapshot\": {}, \"sha256\": \"00\"}",
         "checksum"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error;
        ck_assert_int_lt(parse(rows[i].file, strlen(rows[i].file), &error), 0);
        ck_assert_msg(strstr(error.message, rows[i].why) != NULL, "%s: %s", rows[i].file, error.message);
        ck_assert_str_eq(error.subject, "file");
    }
}
END_TEST

START_TEST(file_errors_are_told)
{
    _cleanup_snapshot_ struct snapshot *snapshot = snapshot_make(8, 1);
    struct error error = ERROR_NONE;
    ck_assert_int_lt(snapshot_write(snapshot, "/proc/no/such/place", &error), 0);
    ck_assert(error_is_set(&error));
    error = ERROR_NONE;
    ck_assert_int_lt(snapshot_write(snapshot, "/dev/full", &error), 0);
    ck_assert_str_eq(error.code, "write-failed");
    error = ERROR_NONE;
    ck_assert_int_lt(snapshot_read("/proc/no/such/place", &snapshot, &error), 0);
    ck_assert(error_is_set(&error));
}
END_TEST

/* ---- tables and headers ---- */

static char *header_text(const char *name)
{
    _cleanup_free_ char *path = memory_strdup(FIXTURES);
    *strrchr(path, '/') = '\0';
    _cleanup_free_ char *full = memory_printf("%s/../../../netns/snapshot/%s", path, name);
    char *text = NULL;
    size_t length;
    struct error error = ERROR_NONE;
    ck_assert_msg(file_read(AT_FDCWD, full, 1 << 20, &text, &length, &error) == 0, "%s", error.message);
    for (char *at = text; (at = strstr(at, "/*"));) {
        char *end = strstr(at, "*/") + 2;
        memset(at, ' ', (size_t)(end - at));
    }
    return text;
}

/* Where the braces of a `struct NAME {` open, from the end of its name on; NULL: it is no definition. */
static const char *braces_open(const char *at)
{
    at += strspn(at, " \n");
    return *at == '{' ? at + 1 : NULL;
}

/* The text between the braces of `struct NAME {`. */
static char *struct_body(const char *header, const char *name)
{
    _cleanup_free_ char *word = memory_printf("\nstruct %s", name);
    const char *begin = NULL;
    for (const char *at = header; !begin && (at = strstr(at, word)); at++)
        begin = braces_open(at + strlen(word));
    if (!begin)
        return NULL;
    const char *end = begin;
    for (int depth = 1; depth; end++)
        depth += *end == '{' ? 1 : *end == '}' ? -1 : 0;
    return memory_strndup(begin, (size_t)(end - 1 - begin));
}

static bool table_has(const struct record_type *type, const char *name)
{
    for (const struct field *field = type->fields; field->name; field++) {
        if (!strcmp(field->name, name))
            return true;
    }
    /* owned otherwise */
    return !strcmp(name, "arena") || (type == &snapshot_record && !strcmp(name, "namespaces"));
}

/* The last identifier before `end`. */
static void member_check(const struct record_type *type, const char *begin, const char *end)
{
    while (end > begin && !isalnum((unsigned char)end[-1]))
        end--;
    const char *first = end;
    while (first > begin && (isalnum((unsigned char)first[-1]) || first[-1] == '_'))
        first--;
    if (first == end)
        return;
    _cleanup_free_ char *name = memory_strndup(first, (size_t)(end - first));
    ck_assert_msg(table_has(type, name), "the table of struct %s has no \"%s\"", type->name, name);
}

static unsigned members_check(const struct record_type *type, char *body)
{
    unsigned members = 0;
    char *variants = strstr(body, "union {");
    if (variants) {
        char *end = strchr(variants, '}');
        memset(variants, ' ', (size_t)(end - variants + 1));
        ck_assert(table_has(type, "value"));
    }
    for (char *begin = body, *at = body; *at; at++) {
        if (*at != ';' && *at != ',')
            continue;
        member_check(type, begin, at);
        begin = at + 1;
        members++;
    }
    return members;
}

static void tables_check(const struct record_type *const *types, const char *name)
{
    _cleanup_free_ char *header = header_text(name);
    for (; *types; types++) {
        if (!strcmp((*types)->name, "address"))
            continue;
        _cleanup_free_ char *body = struct_body(header, (*types)->name);
        ck_assert_msg(body != NULL, "no struct %s in %s", (*types)->name, name);
        ck_assert_uint_gt(members_check(*types, body), 0);
    }
}

START_TEST(tables_have_every_member)
{
    tables_check(snapshot_records, "snapshot.h");
    tables_check(ruleset_records, "ruleset.h");
}
END_TEST

static bool listed(const struct record_type *const *types, const char *name)
{
    for (; *types; types++) {
        if (!strcmp((*types)->name, name))
            return true;
    }
    return false;
}

/* Every struct of the headers has a table. */
static void structs_check(const struct record_type *const *types, const char *name)
{
    _cleanup_free_ char *header = header_text(name);
    for (const char *at = header; (at = strstr(at, "\nstruct ")); at++) {
        const char *begin = at + strlen("\nstruct ");
        size_t length = strcspn(begin, " ;(\n");
        if (!braces_open(begin + length))
            continue;
        _cleanup_free_ char *struct_name = memory_strndup(begin, length);
        ck_assert_msg(listed(types, struct_name), "struct %s has no table", struct_name);
    }
}

START_TEST(structs_have_tables)
{
    structs_check(snapshot_records, "snapshot.h");
    structs_check(ruleset_records, "ruleset.h");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshot/file");
    TCase *files = tcase_create("file");
    tcase_add_checked_fixture(files, setup, teardown);
    tcase_set_timeout(files, 120);
    tcase_add_test(files, written_is_read);
    tcase_add_test(files, long_lists_are_read);
    tcase_add_test(files, values_survive);
    tcase_add_test(files, flipped_bit_is_refused);
    tcase_add_test(files, cut_file_is_refused);
    tcase_add_test(files, changed_contents_do_no_harm);
    tcase_add_test(files, wrong_contents_are_refused);
    tcase_add_test(files, other_files_are_refused);
    tcase_add_test(files, file_errors_are_told);
    suite_add_tcase(suite, files);
    TCase *tables = tcase_create("tables");
    tcase_add_test(tables, tables_have_every_member);
    tcase_add_test(tables, structs_have_tables);
    suite_add_tcase(suite, tables);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/policy/document.h"
#include "netns/base/text.h"

#include <errno.h>
#include <stdarg.h>

#define QUOTE_MAX 60

/* No list of channels that a person keeps comes near these. libyaml takes time that grows with the square of
   the depth, of anchors and of directives, and an alias costs four bytes for as much as its anchor holds. */
enum {
    DEPTH_MAX = 32,
    NODES_MAX = 500000,
    ANCHORS_MAX = 1000,
    DIRECTIVES_MAX = 16,
    VISITS_MAX = 500000,
    COMPLAINTS_MAX = 500,
};

struct policy_place document_place(const yaml_node_t *node)
{
    if (node == NULL)
        return (struct policy_place){1, 1};
    return (struct policy_place){(unsigned)node->start_mark.line + 1, (unsigned)node->start_mark.column + 1};
}

static void complain_at(struct document *document, struct policy_place place, const char *message)
{
    char subject[ERROR_SUBJECT_MAX];

    if (document->made >= COMPLAINTS_MAX) {
        document->left_out++;
        return;
    }
    document->made++;
    struct error *complaint = list_append(document->complaints);
    snprintf(subject, sizeof(subject), "%s:%u:%u", document->file, place.line, place.column);
    error_set(complaint, EINVAL, "policy", subject, "%s", message);
}

void document_complain(struct document *document, const yaml_node_t *node, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    complain_at(document, document_place(node), message);
}

void document_complain_more(struct document *document)
{
    if (document->left_out > 0)
        error_set(list_append(document->complaints), EINVAL, "policy", document->file,
                  "and %zu more complaints: mend these first", document->left_out);
}

/* ---- loading ---- */

/* Where the byte at `offset` stands; columns are characters, as libyaml counts them. */
static struct policy_place place_of(const char *bytes, size_t length, size_t offset)
{
    struct policy_place place = {1, 1};

    for (size_t i = 0; i < offset && i < length; i++) {
        if (bytes[i] == '\n')
            place = (struct policy_place){place.line + 1, 1};
        else if (((unsigned char)bytes[i] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

static struct policy_place mark_place(const yaml_mark_t *mark)
{
    return (struct policy_place){(unsigned)mark->line + 1, (unsigned)mark->column + 1};
}

/* What the reader of characters stumbles over has an offset, all else a mark. */
static int complain_parser(struct document *document, const yaml_parser_t *parser, const char *bytes,
                           size_t length)
{
    complain_at(document,
                parser->error == YAML_READER_ERROR ? place_of(bytes, length, parser->problem_offset)
                                                   : mark_place(&parser->problem_mark),
                parser->problem ? parser->problem : "not YAML");
    return -EINVAL;
}

static bool too_many_directives(const char *bytes, size_t length, size_t *ret_offset)
{
    size_t directives = 0;

    for (size_t i = 0; i < length; i++)
        if (bytes[i] == '%' && (i == 0 || bytes[i - 1] == '\n') && ++directives > DIRECTIVES_MAX) {
            *ret_offset = i;
            return true;
        }
    return false;
}

struct survey {
    size_t depth, nodes, anchors, documents;
};

/* Counts one event; a sentence where it is one too many. */
static const char *survey_event(struct survey *survey, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;

    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++survey->documents > 1 ? "a policy is one document, here a second begins" : NULL;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        survey->depth++;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        survey->depth++;
        break;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        survey->depth--;
        return NULL;
    default:
        return NULL;
    }
    survey->anchors += anchor != NULL;
    return survey->depth > DEPTH_MAX       ? "nested deeper than any policy is"
           : ++survey->nodes > NODES_MAX   ? "more than a policy may hold"
           : survey->anchors > ANCHORS_MAX ? "more anchors than a policy may have"
                                           : NULL;
}

/* Is it YAML, one document, and within the limits? Nothing is kept. */
static int document_survey(struct document *document, const char *bytes, size_t length)
{
    yaml_parser_t parser;
    struct survey survey = {0};
    size_t offset;
    int r = 0;

    if (too_many_directives(bytes, length, &offset)) {
        complain_at(document, place_of(bytes, length, offset), "more directives than a policy may have");
        return -EINVAL;
    }
    if (!yaml_parser_initialize(&parser))
        memory_exhausted();
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, length);
    for (bool ended = false; !ended && r == 0;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            r = complain_parser(document, &parser, bytes, length);
            break;
        }
        const char *fault = survey_event(&survey, &event);
        if (fault) {
            complain_at(document, mark_place(&event.start_mark), fault);
            r = -EINVAL;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return r;
}

int document_load(struct document *document, const char *bytes, size_t length)
{
    yaml_parser_t parser;
    int r = document_survey(document, bytes, length);

    if (r < 0)
        return r;
    if (!yaml_parser_initialize(&parser))
        memory_exhausted();
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, length);
    if (yaml_parser_load(&parser, &document->yaml))
        document->loaded = true;
    else
        r = complain_parser(document, &parser, bytes, length);
    yaml_parser_delete(&parser);
    return r;
}

void document_free(struct document *document)
{
    if (document->loaded)
        yaml_document_delete(&document->yaml);
    document->loaded = false;
}

yaml_node_t *document_node(struct document *document, int index)
{
    return yaml_document_get_node(&document->yaml, index);
}

/* Counts a node that is looked at: aliases lead to one node many times. */
static bool may_visit(struct document *document, const yaml_node_t *node)
{
    if (++document->visits == VISITS_MAX)
        document_complain(document, node, "aliases make the policy larger than one may be");
    return document->visits < VISITS_MAX;
}

bool document_is_text(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE;
}

const char *document_text(struct document *document, const yaml_node_t *node)
{
    if (!document_is_text(node)) {
        document_complain(document, node, "a text is wanted here, not a %s",
                          node->type == YAML_MAPPING_NODE ? "mapping" : "list");
        return NULL;
    }
    const char *value = (const char *)node->data.scalar.value;
    if (strlen(value) != node->data.scalar.length) {
        document_complain(document, node, "a NUL character is not allowed here");
        return NULL;
    }
    return arena_strdup(document->arena, value);
}

bool document_bool(struct document *document, const yaml_node_t *node)
{
    const char *text = document_text(document, node);
    if (text_equal(text, "true"))
        return true;
    if (text && !text_equal(text, "false"))
        document_complain(document, node, "'%.*s' is neither true nor false", QUOTE_MAX, text);
    return false;
}

void document_named(struct document *document, yaml_node_t *node, const char *what,
                    void (*read)(struct document *document, yaml_node_t *key, yaml_node_t *value,
                                 void *context),
                    void *context)
{
    _cleanup_map_ struct map *seen = map_new();

    if (node->type != YAML_MAPPING_NODE) {
        document_complain(document, node, "%s must be a mapping", what);
        return;
    }
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        yaml_node_t *key = document_node(document, pair->key), *value = document_node(document, pair->value);
        if (!may_visit(document, key))
            return;
        const char *name = document_text(document, key);
        if (name == NULL)
            continue;
        if (map_get(seen, name) != NULL) {
            document_complain(document, key, "'%.*s' is here twice in %s", QUOTE_MAX, name, what);
            continue;
        }
        map_set(seen, name, key);
        read(document, key, value, context);
    }
}

struct table_context {
    const struct key_row *rows;
    const char *what;
    void *context;
};

static void read_row(struct document *document, yaml_node_t *key, yaml_node_t *value, void *context)
{
    const struct table_context *table = context;
    const char *name = (const char *)key->data.scalar.value;

    for (const struct key_row *row = table->rows; row->key != NULL; row++)
        if (text_equal(row->key, name)) {
            row->read(document, value, table->context);
            return;
        }
    document_complain(document, key, "'%.*s' is no key of %s", QUOTE_MAX, name, table->what);
}

void document_mapping(struct document *document, yaml_node_t *node, const char *what,
                      const struct key_row *rows, void *context)
{
    struct table_context table = {rows, what, context};
    document_named(document, node, what, read_row, &table);
}

void document_sequence(struct document *document, yaml_node_t *node, const char *what, bool single,
                       void (*read)(struct document *document, yaml_node_t *item, void *context),
                       void *context)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        if (single)
            read(document, node, context);
        else
            document_complain(document, node, "%s must be a list", what);
        return;
    }
    if (single && node->data.sequence.items.start == node->data.sequence.items.top)
        document_complain(document, node, "%s is empty: leave it out, or say what is meant", what);
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top && may_visit(document, node); item++)
        read(document, document_node(document, *item), context);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/policy/document.h"
#include "netns/base/text.h"

#include <errno.h>
#include <stdarg.h>

#define QUOTE_MAX 60

struct policy_place document_place(const yaml_node_t *node)
{
    if (node == NULL)
        return (struct policy_place){1, 1};
    return (struct policy_place){(unsigned)node->start_mark.line + 1, (unsigned)node->start_mark.column + 1};
}

static void complain_at(struct document *document, struct policy_place place, const char *message)
{
    struct error *complaint = list_append(document->complaints);
    char subject[ERROR_SUBJECT_MAX];

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

int document_load(struct document *document, const char *bytes, size_t length)
{
    yaml_parser_t parser;
    yaml_document_t second;
    size_t before = document->complaints->count;

    if (!yaml_parser_initialize(&parser))
        memory_exhausted();
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, length);
    if (!yaml_parser_load(&parser, &document->yaml)) {
        struct policy_place place = {(unsigned)parser.problem_mark.line + 1,
                                     (unsigned)parser.problem_mark.column + 1};
        complain_at(document, place, parser.problem ? parser.problem : "not YAML");
        yaml_parser_delete(&parser);
        return -EINVAL;
    }
    document->loaded = true;
    if (!yaml_parser_load(&parser, &second)) {
        complain_at(document,
                    (struct policy_place){(unsigned)parser.problem_mark.line + 1,
                                          (unsigned)parser.problem_mark.column + 1},
                    parser.problem ? parser.problem : "not YAML");
    } else {
        yaml_node_t *root = yaml_document_get_root_node(&second);
        if (root != NULL)
            document_complain(document, root, "a policy is one document, here a second begins");
        yaml_document_delete(&second);
    }
    yaml_parser_delete(&parser);
    return document->complaints->count == before ? 0 : -EINVAL;
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
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
         item++)
        read(document, document_node(document, *item), context);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A YAML document with the place of every node, and complaints about it. Only policy.c reads documents.
 */
#ifndef POSTERN_REPORTS_POLICY_DOCUMENT_H
#define POSTERN_REPORTS_POLICY_DOCUMENT_H

#include "reports/policy/policy.h"

#include <yaml.h>

struct document {
    yaml_document_t yaml;
    bool loaded;
    const char *file;
    struct arena *arena;
    struct complaint_list *complaints;
    size_t made, left_out; /* complaints in the list, and those for which there was no room */
    size_t visits;         /* nodes looked at, one behind an alias each time */
};

/* Loads the one document in (bytes, length). -EINVAL with a complaint where it is no YAML, more than one
 * document, or larger, deeper or more entangled than a policy may be. */
int document_load(struct document *document, const char *bytes, size_t length);
void document_free(struct document *document);

yaml_node_t *document_node(struct document *document, int index);
struct policy_place document_place(const yaml_node_t *node);
/* Adds a complaint at the node (NULL: the whole file), naming file, line and column. */
void document_complain(struct document *document, const yaml_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds how many complaints were left out, if any were: there is room for some hundreds. */
void document_complain_more(struct document *document);

/* The node's text in the arena, or NULL and a complaint where it is no scalar or holds a NUL or broken UTF-8.
 */
const char *document_text(struct document *document, const yaml_node_t *node);
bool document_is_text(const yaml_node_t *node);
/* true, false; a complaint otherwise. */
bool document_bool(struct document *document, const yaml_node_t *node);

/* A mapping's keys by a table: unknown and duplicate keys are complaints. */
struct key_row {
    const char *key;
    void (*read)(struct document *document, yaml_node_t *value, void *context);
};
void document_mapping(struct document *document, yaml_node_t *node, const char *what,
                      const struct key_row *rows, void *context);
/* Each item of a sequence; a single scalar or mapping stands for a sequence of one where `single` says so,
 * and then an empty sequence, which would mean nothing or everything, is a complaint. */
void document_sequence(struct document *document, yaml_node_t *node, const char *what, bool single,
                       void (*read)(struct document *document, yaml_node_t *item, void *context),
                       void *context);
/* Each (key text, value) of a mapping whose keys are names of the writer's own; duplicates are complaints. */
void document_named(struct document *document, yaml_node_t *node, const char *what,
                    void (*read)(struct document *document, yaml_node_t *key, yaml_node_t *value,
                                 void *context),
                    void *context);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One question of explain and its answer, as text and as JSON.
 */
#ifndef POSTERN_SCANNER_COMMAND_ANSWER_H
#define POSTERN_SCANNER_COMMAND_ANSWER_H

#include "netns/base/json.h"
#include "scanner/path/entry.h"
#include "scanner/path/explain.h"

/* What questions are put to: a world with everything that is found in it once. */
struct answerer {
    const struct snapshot *snapshot;
    struct world *world;
    struct uplink_list uplinks;
    struct vantage_list vantages;
    struct listener_list listeners;
    struct symbolic *symbolic;
    struct arena *arena; /* of vantages and the evaluator's memory */
};
/* uplinks: names of --uplink. The snapshot must outlive it. An uplink that is not there: *error is set, and
 * it works on. */
void answerer_open(const struct snapshot *snapshot, const char *const *uplinks, size_t count,
                   struct answerer *ret_answerer, struct error *error);
void answerer_close(struct answerer *answerer);

struct question {
    const char *from, *interface; /* vantage's name; uplink, or NULL */
    struct entry entry;
    struct interval_set sources, ports; /* empty: every one; an ephemeral one */
};

/* The most exposed answer of the vantages that `from` means. -ENOENT, -EINVAL with an error. */
int answer_find(struct answerer *answerer, const struct question *question, struct arena *arena,
                struct path_channel *ret_channel, struct error *error);

/* {"state": ..., "family": ..., "target": ..., "listener": ..., "decider": ..., "path": [...], "reasons":
 * [...]}; parts where `parts` asks for them. */
void answer_write_json(const struct answerer *answerer, const struct path_channel *channel, bool parts,
                       struct json_writer *writer);
/* Hop by hop, for people. */
void answer_write_text(const struct answerer *answerer, const struct path_channel *channel, bool color,
                       FILE *file);

/* A batch query's line to a question; texts to the arena. -EINVAL "bad-query". */
int question_parse(const char *line, size_t length, struct arena *arena, struct question *ret_question,
                   struct error *error);
void question_free(struct question *question);

#endif

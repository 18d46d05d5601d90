/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a packet fares as it does, for people: the steps of a path in words, the rules that look as if they
 * protected but are not on the path, and what would drop it further on. Pure; printing is the command's.
 */
#ifndef POSTERN_SCANNER_PATH_EXPLAIN_H
#define POSTERN_SCANNER_PATH_EXPLAIN_H

#include "netns/base/memory.h"
#include "reports/model/channel.h"
#include "scanner/path/entry.h"
#include "scanner/path/symbolic.h"
#include "scanner/path/world.h"

/*
 * Adds to prediction->off_path the dropping rules and policies of the query's namespaces that name (or cover)
 * the dialled or the final destination but that no part of the packet's path meets: an INPUT deny for a port
 * that is forwarded, a rule behind one that accepts, a chain that another returns before. At most `limit` (0:
 * 32), most specific first.
 */
void explain_off_path(const struct world *world, const struct query *query, struct arena *arena, size_t limit,
                      struct prediction *prediction);

/* One line of a path as it is shown: names instead of numbers. */
struct path_step {
    const char *hook, *where; /* "host", container's name, "net:[4026532247]" */
    uint64_t namespace;
    const char *interface; /* NULL: none */
    const char *rule;      /* text; NULL: none */
    const char *place;     /* "ip filter FORWARD handle 12"; NULL: none */
    const char *effect;
};
struct path_step_list {
    struct path_step *items;
    size_t count, capacity;
};
/* The part's steps in order, then one line for what decided where no step says it. Texts live in `arena`. */
void explain_steps(const struct world *world, const struct prediction_part *part, struct arena *arena,
                   struct path_step_list *ret_steps);

/* A sentence about the decider: "accepted by ip filter DOCKER handle 12: ..." Never NULL. */
const char *explain_decider(const struct world *world, const struct decider *decider, struct arena *arena);

/* Everything that explain shows for one (vantage, entry): a channel with off_path filled in. As channel_find.
 */
int explain_channel(struct symbolic *symbolic, const struct world *world, const struct vantage *vantage,
                    const struct entry *entry, const struct interval_set *sources,
                    const struct interval_set *source_ports, struct arena *arena,
                    struct path_channel *ret_channel);

/* The name that people know a namespace by: "host", a container's name, "netns:NAME", "net:[ID]". */
const char *namespace_label(const struct world *world, uint64_t namespace, struct arena *arena);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The symbolic evaluator: one concrete destination, every source of a set at once. It walks what the kernel
 * walks, in its order, on fragments of the source space; each match splits a fragment into the sources that
 * match, those that do not, and those that may. Pure: never touches the kernel, reads the world only.
 */
#ifndef POSTERN_SCANNER_PATH_SYMBOLIC_H
#define POSTERN_SCANNER_PATH_SYMBOLIC_H

#include "netns/base/memory.h"
#include "reports/model/channel.h"
#include "scanner/path/world.h"

/*
 * An evaluator with its memory: sets decoded to intervals, rule texts, chains without effect. Worth keeping
 * over many questions to one world; used by one thread at a time. The world must outlive it. Texts of its
 * answers live in `arena`, which must outlive them.
 */
struct symbolic;
struct symbolic *symbolic_new(const struct world *world, struct arena *arena);
const struct world *symbolic_world(const struct symbolic *symbolic);
struct arena *symbolic_arena(struct symbolic *symbolic);
/* What was found out about the world once and is asked for again and again: by the address of the thing that
 * it is about (and a small number), each value of the arena. */
struct map *symbolic_notes(struct symbolic *symbolic);
struct symbolic *symbolic_free(struct symbolic *symbolic); /* NULL is fine; returns NULL */
void cleanup_symbolic(struct symbolic **symbolic);
#define _cleanup_symbolic_ _cleanup_(cleanup_symbolic)

/* Subject of the decider (DECIDER_ADDRESS) of sources that the kernel takes from nobody. */
#define SUBJECT_MARTIAN_SOURCE "martian source"

/*
 * What becomes of the query's packets. The parts cover the query's sources, but for those that no packet of
 * that vantage can have; the state of an address is that of its most exposed source port, so that an address
 * is in one part, or in one for each listener that some port of it reaches. A part's source_ports are set
 * only where not all of the query's ports fare so. Of a filtered part `later` names the further stages that
 * would drop too, and `target` where the packet would have ended (target.socket
 * >= 0 and no `later`: one decider alone keeps the listener away).
 *
 * Always gives a prediction, at worst one undetermined part whose reasons say why. -EINVAL: the query names
 * no family or protocol, or a destination of another family; nothing is returned then.
 */
int symbolic_ask(struct symbolic *symbolic, const struct query *query, struct prediction *ret_prediction);

/* The same with a memory of its own. */
int symbolic_evaluate(const struct world *world, const struct query *query, struct arena *arena,
                      struct prediction *ret_prediction);

/*
 * Joins predictions of the same destination from several senders (the members of a segment): the sources are
 * put together, an address that two of them have takes the more exposed part. `from` is emptied.
 */
void prediction_join(struct prediction *into, struct prediction *from);

#endif

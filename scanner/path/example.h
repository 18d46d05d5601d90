/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One packet that shows what a part of a prediction says: of the part's sources, sent from the vantage, and
 * found to fare so by the concrete evaluator, which knows nothing of the symbolic one. Pure.
 */
#ifndef POSTERN_SCANNER_PATH_EXAMPLE_H
#define POSTERN_SCANNER_PATH_EXAMPLE_H

#include "scanner/path/concrete.h"

/*
 * False: the part is undetermined, or none of the packets that were tried (the ends of the first intervals,
 * some well-known networks) is one.
 */
bool example_find(const struct world *world, const struct vantage *vantage, const struct entry *entry,
                  const struct prediction_part *part, struct packet *ret_packet);

#endif

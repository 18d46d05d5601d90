/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the endings of a walk to the parts of a prediction: what overlaps is settled, what fares alike is put
 * together, an address takes its most exposed port. Internal to the symbolic evaluator.
 */
#ifndef POSTERN_SCANNER_PATH_PREDICT_H
#define POSTERN_SCANNER_PATH_PREDICT_H

#include "scanner/path/survey.h"

#define PREDICT_LATER_MAX 8u   /* filtered parts of one prediction that are walked on */
#define PREDICT_PARTS_MAX 256u /* parts; more of one state are put together, whoever decided them */

/* `ports`: all of the query's. */
void prediction_make(struct symbolic *symbolic, const struct survey *survey, const struct interval_set *ports,
                     struct prediction *prediction);
/* From the second walk: the drops behind the first, and where the packet would end. */
void part_add_later(struct symbolic *symbolic, const struct survey *survey, struct prediction_part *part);

/* symbolic.c */
struct rule_reference symbolic_reference(struct symbolic *symbolic, const struct cause *place);

#endif

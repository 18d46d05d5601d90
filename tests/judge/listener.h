/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listeners of a namespace. A BPF program on each socket tells the judge which probe came to it, and
 * drops it: no connection is ever half open, no datagram waits.
 */
#ifndef POSTERN_TESTS_JUDGE_LISTENER_H
#define POSTERN_TESTS_JUDGE_LISTENER_H

#include "tests/judge/judge.h"

struct delivery { /* as the program writes it */
    uint32_t listener, token /* as in the packet */;
};
void listeners_open(struct lab *lab, enum place place); /* in the calling thread's namespace */

#endif

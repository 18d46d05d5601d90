/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper: a small process in a session of its own that holds the guards and the list of shots. When the
 * scan dies, however it dies, it resets what is half open and stays until nothing is left, 70 seconds at
 * most: SYN-ACKs are sent again for 31 seconds and more.
 */
#ifndef POSTERN_SCANNER_PROBE_KEEPER_H
#define POSTERN_SCANNER_PROBE_KEEPER_H

#include "netns/base/error.h"
#include "scanner/probe/guard.h"
#include "scanner/probe/injector.h"
#include "scanner/probe/shots.h"

#include <sys/types.h>

struct keeper {
    pid_t process; /* 0: none */
    int line;      /* its other end hangs up when this process dies */
};

/*
 * Forks it, from a thread in the host's namespace, before the first frame. All are kept as they are at this
 * moment, in the child's own copy; shots' entries and records are shared. conntrack: a descriptor of
 * conntrack_open(), or -1. -errno "no-keeper".
 */
int keeper_start(struct keeper *keeper, struct guard *guard, struct shots *shots, struct injector *injector,
                 int conntrack, struct error *error);

/* False: there is none, or it was ended by somebody else; it is forgotten then. */
bool keeper_lives(struct keeper *keeper);
/* All is settled: it ends at once, and is waited for. */
void keeper_dismiss(struct keeper *keeper);
/* Leaves what is not settled to it, as if this process had died. */
void keeper_hand_over(struct keeper *keeper);

/* ---- what is owed; used by the run as well ---- */

enum debt {
    DEBT_NONE,
    DEBT_RESET, /* a reset is due */
    DEBT_WAIT,  /* a reset was sent; whether it arrived will be seen */
    DEBT_STAY, /* it may wait for a neighbour or a processor, and its answer or an error come late: the guards
                  stay */
};
/*
 * What is owed for a shot at now_ns (CLOCK_MONOTONIC). final: silent shots are reset too (the run does it
 * when it gives them up).
 */
enum debt shot_debt(const struct shots *shots, uint32_t index, uint64_t now_ns, bool final);

/* How many shots owe what. */
struct debts {
    uint32_t open; /* a reset is due, or on its way */
    uint32_t stay;
};
/* How resets are sent. */
struct payer {
    struct injector *injector;
    void (*reset_raw)(void *context,
                      uint32_t index); /* for shots of raw sockets; NULL: there are none any more */
    void *context;
};
/* Sends the resets that are due, those that are injected in batches by port. */
struct debts pay_debts(struct shots *shots, const struct payer *payer, uint64_t now_ns, bool final);

#endif

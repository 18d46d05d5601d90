/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After the last packet: what is half open is reset, what was delivered is asked for its socket, own entries
 * leave the connection tables, and the facts of each probe become its observation.
 */
#ifndef POSTERN_SCANNER_PROBE_SETTLE_H
#define POSTERN_SCANNER_PROBE_SETTLE_H

#include "scanner/probe/method.h"

/* Resets what is owed and waits for it, a second or two; returns what is owed still. */
struct debts settle_debts(struct run *run);

/*
 * Visits each target's and sender's namespace once: asks for the sockets of delivered datagrams and deletes
 * conntrack entries there and in the host's namespace. bound: an enum of struct facts for each shot, filled.
 */
void settle_namespaces(struct run *run, uint8_t *bound);

/* The observation of an admitted trial. */
struct observation settle_observation(const struct run *run, const struct trial *trial, const uint8_t *bound);

/* True where the trial needs no further try. */
bool trial_is_decided(const struct run *run, const struct trial *trial);

#endif

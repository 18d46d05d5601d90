/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has which tuple. conntrack knows a connection by what was dialled and by what answers: two shots that
 * are equal in one of these clash, and its kernel drops the second (nf_conntrack_confirm) or takes another
 * port of a range for it. No shot of a run gets what another one had: entries live for minutes.
 */
#ifndef POSTERN_SCANNER_PROBE_CLAIM_H
#define POSTERN_SCANNER_PROBE_CLAIM_H

#include "netns/base/memory.h"
#include "scanner/probe/bpf/shot.h"

#include <stdbool.h>
#include <stdint.h>

struct claim {
    struct shot_tuple dialled, ended; /* as sent, and after the rewrites that are predicted */
    uint32_t owner;                   /* the probe */
    bool again;                       /* the owner may have it already: its port is not ours to choose */
};

/*
 * Takes it in `claims` (a map of this module's own), or tells that it clashes and changes nothing. Of a range
 * of ports the kernel takes any: without `exact` a rewritten tuple clashes with each that ends at the same
 * address, whatever its port.
 */
bool claim_take(struct map *claims, const struct claim *claim, bool exact);

/*
 * The first port of `count` from `first`, beginning at the offset `start`, that clashes with none; exactly
 * where all clash otherwise. 0: there is none. Sets the claim's ports.
 */
uint16_t claim_port(struct map *claims, struct claim *claim, uint16_t first, uint16_t count, uint32_t start);

#endif

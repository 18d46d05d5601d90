/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules do to a packet's state and to the kernel's, told from their expressions alone: for the order of
 * chains and for whether connections are tracked. Of world.c.
 */
#ifndef POSTERN_SCANNER_PATH_WORLD_EFFECT_H
#define POSTERN_SCANNER_PATH_WORLD_EFFECT_H

#include "netns/base/memory.h"
#include "netns/snapshot/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

/* enum packet_state of the chain and of every chain that it may jump to; the table's chains and sets by name.
 */
void chain_effects(const struct nft_chain *chain, const struct map *chains, const struct map *sets,
                   uint32_t *ret_reads, uint32_t *ret_writes);

/* Sets tracking[0] (IPv4) and [1] (IPv6) where a rule or object of the table calls nf_ct_netns_get() for it.
 */
void table_tracking(const struct nft_table *table, bool tracking[2]);

#endif

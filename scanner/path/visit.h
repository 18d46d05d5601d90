/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of a hook and which destinations each is for, read backwards: a guess that may be too wide, never
 * too narrow. For entries that rewrites lead from, for ports that rules mention, for rules that look as if
 * they protected.
 */
#ifndef POSTERN_SCANNER_PATH_VISIT_H
#define POSTERN_SCANNER_PATH_VISIT_H

#include "netns/base/interval.h"
#include "scanner/path/guard.h"
#include "scanner/path/world.h"

/* Destinations: a box of addresses and ports. */
struct destinations {
    bool any_address, any_port;
    struct interval_set addresses, ports; /* where not any */
};
void destinations_free(struct destinations *destinations);
struct destinations destinations_copy(const struct destinations *destinations);

enum rewrite_kind { REWRITES_NOTHING, REWRITES_DESTINATION, REDIRECTS };
struct rule_visit {
    const struct world_namespace *namespace;
    const struct hook_chain *base;
    const struct nft_chain *chain;
    const struct nft_rule *rule; /* NULL: the base chain's policy */
    struct destinations destinations;
    enum rewrite_kind rewrite;
    bool drops; /* its verdict is drop or reject */
};
/* Return false to stop. */
typedef bool (*rule_visitor)(const struct rule_visit *visit, void *context);

/* Packets that are asked about: what is plainly for none of them is not visited (guard.h). count 0: any. */
#define VISIT_PACKETS_MAX 2
struct visit_packets {
    struct guard_packet items[VISIT_PACKETS_MAX];
    size_t count;
};
/*
 * Every rule that packets of the family and protocol can meet at the hook, jumps followed, and each base
 * chain's policy at its end. `only`: NULL for any destination. At most `limit` visits (0: 200,000); false
 * where it stopped there.
 */
bool rules_visit(const struct world_namespace *namespace, enum ip_family family, uint8_t protocol,
                 enum nft_hook hook, const struct visit_packets *only, size_t limit, rule_visitor visitor,
                 void *context);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fib expressions: nft_fib.c, nft_fib_ipv4.c and nft_fib_ipv6.c of the kernel. */
#include "scanner/path/match.h"

#include <linux/if.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#define NAME_BYTES 16u /* IFNAMSIZ */

/* The interface that the question names; NULL: any. */
static const struct link *fib_link(const struct hook_context *hook, const struct nft_fib *fib)
{
    if (fib->flags & NFTA_FIB_F_IIF)
        return hook->in;
    return fib->flags & NFTA_FIB_F_OIF ? hook->out : NULL;
}

/* Link-local addresses are looked for on one interface. */
static const struct link *fib_strict(const struct hook_context *hook, const struct nft_fib *fib)
{
    const struct link *link = fib_link(hook, fib);
    return link ? link : hook->in ? hook->in : hook->out;
}

static struct route_flow fib_flow(const struct hook_context *hook, const struct nft_fib *fib,
                                  const struct fragment *fragment)
{
    return (struct route_flow){.family = hook->family,
                               .forward = fib->flags & NFTA_FIB_F_DADDR,
                               .fixed = fragment->destination,
                               .in = namespace_loopback(hook->namespace),
                               .mark = fib->flags & NFTA_FIB_F_MARK ? fragment->mark
                                                                    : (struct bits){0, UINT32_MAX}};
}

/* ---- the type of the address ---- */
/* The part of the fragment whose address has this type: a copy, NULL where there is none. */
static struct fragment *type_part(struct rule_walk *rule, const struct fragment *fragment,
                                  const struct address_type_part *type)
{
    struct fragment *here, *rest;
    fragment_split_sources(fragment_copy(fragment), &type->addresses, &here, &rest);
    fragment_free(rest);
    if (!here)
        return NULL;
    fragment_doubts_from(here, rule_arena(rule), type->doubts);
    here->by_sender |= type->by_sender;
    if (here->taint < type->taint)
        here->taint = type->taint;
    return here;
}

static void type_run(struct rule_walk *rule, const struct nft_fib *fib, struct fragment *fragment,
                     const struct registers *registers, size_t index)
{
    const struct hook_context *hook = rule->hook;
    struct address_type_list types = {0};
    struct route_flow flow = fib_flow(hook, fib, fragment);
    struct interval_set sources = shown_sources(fragment);
    fib_types(hook->survey, hook->namespace, &flow, fib_link(hook, fib), fib_strict(hook, fib), &sources,
              &types);
    interval_set_free(&sources);
    list_each(const struct address_type_part, type, &types) {
        struct fragment *here = type_part(rule, fragment, type);
        uint8_t bytes[4];
        word_store(hook, type->type, bytes);
        struct nft_data data = {.value = {bytes, sizeof(bytes)}};
        if (here)
            data_apply(rule, &data, fib->dreg, here, registers, index);
    }
    fragment_free(fragment);
    address_type_list_free(&types);
}

/* ---- the interface that the route leads out by ---- */
static bool route_uses(const struct route *route, const struct link *link)
{
    list_each(const struct next_hop, hop, &route->next_hops)
        if (hop->index == link->index)
            return true;
    return false;
}

static const struct link *found_link(const struct hook_context *hook, const struct nft_fib *fib,
                                     const struct route_result *result)
{
    const struct link *link = fib_link(hook, fib);
    bool ip6 = hook->family == FAMILY_IP6;
    if (result->kind != ROUTE_FOUND || !result->next_hop || result->route->type == RTN_LOCAL ||
        (ip6 && result->route->type == RTN_ANYCAST))
        return NULL;
    if (!link)
        return world_link(hook->namespace, result->next_hop->index);
    bool here = ip6 ? result->next_hop->index == link->index : route_uses(result->route, link);
    return here ? link : NULL;
}

static void found_apply(struct rule_walk *rule, const struct nft_fib *fib, const struct link *found,
                        struct fragment *fragment, const struct registers *registers, size_t index)
{
    uint8_t bytes[NAME_BYTES] = {0};
    bool present = fib->flags & NFTA_FIB_F_PRESENT;
    bool name = fib->result == NFT_FIB_RESULT_OIFNAME && !present;
    if (!name)
        word_store(rule->hook, !found ? 0 : present ? 1 : found->index, bytes);
    else if (found)
        memcpy(bytes, found->name, strnlen(found->name, NAME_BYTES - 1));
    struct nft_data data = {.value = {bytes, name ? NAME_BYTES : 4}};
    data_apply(rule, &data, fib->dreg, fragment, registers, index);
}

static void output_run(struct rule_walk *rule, const struct nft_fib *fib, struct fragment *fragment,
                       const struct registers *registers, size_t index)
{
    const struct hook_context *hook = rule->hook;
    struct route_part_list parts = {0};
    struct route_flow flow = fib_flow(hook, fib, fragment);
    struct interval_set sources = shown_sources(fragment);
    if (!flow.forward && hook->hook == HOOK_FORWARD && (fib->flags & NFTA_FIB_F_IIF) && hook->out)
        flow.in = hook->out;
    if (hook->hook == HOOK_PREROUTING && hook->in && (hook->in->flags & IFF_LOOPBACK)) {
        interval_set_free(&sources);
        found_apply(rule, fib, hook->in, fragment, registers, index);
        return;
    }
    routes_resolve_strict(hook->survey, hook->namespace, &flow, fib_strict(hook, fib), &sources, &parts);
    interval_set_free(&sources);
    list_each(const struct route_part, part, &parts) {
        struct fragment *here = route_part_of(hook->survey, fragment, part);
        if (here)
            found_apply(rule, fib, found_link(hook, fib, &part->result), here, registers, index);
    }
    fragment_free(fragment);
    route_part_list_free(&parts);
}

void fib_ask(struct rule_walk *rule, const struct nft_fib *fib, struct fragment *fragment,
             const struct registers *registers, size_t index)
{
    uint32_t at;
    bool known = register_range(fib->dreg, 4, &at) && fib->result <= NFT_FIB_RESULT_ADDRTYPE &&
                 fib->result != NFT_FIB_RESULT_UNSPEC;
    if (!known) {
        fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_UNMODELLED_KEY, "fib",
                       "a routing question that is not modelled");
        rule_miss(rule, fragment);
    } else if (fib->result == NFT_FIB_RESULT_ADDRTYPE) {
        type_run(rule, fib, fragment, registers, index);
    } else {
        output_run(rule, fib, fragment, registers, index);
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/world_effect.h"

#include "scanner/path/world.h"

#include <linux/netfilter/nf_tables.h>

struct effects {
    uint32_t reads, writes;
};

static struct effects meta_effects(const struct nft_expression *expression)
{
    bool mark = expression->meta.key == NFT_META_MARK;
    if (!expression->meta.write)
        return (struct effects){.reads = mark ? PACKET_MARK : 0};
    if (expression->meta.key == NFT_META_NFTRACE || expression->meta.key == NFT_META_PRIORITY)
        return (struct effects){0};
    return (struct effects){.writes = mark ? PACKET_MARK : PACKET_ANYTHING};
}

static struct effects ct_effects(const struct nft_expression *expression)
{
    uint32_t mark = expression->ct.key == NFT_CT_MARK ? PACKET_CT_MARK : 0;
    if (expression->ct.write)
        return (struct effects){.reads = PACKET_TRACKING, .writes = mark ? mark : PACKET_ANYTHING};
    return (struct effects){.reads = mark | PACKET_TRACKING | PACKET_MAPPING};
}

static struct effects xt_effects(const struct nft_expression *expression)
{
    switch (expression->xt.kind) {
    case XT_COMMENT:
    case XT_LOG:
    case XT_NFLOG:
    case XT_REJECT:
    case XT_ROUTING_HEADER:
        return (struct effects){0};
    case XT_MARK:
        return (struct effects){.reads = PACKET_MARK};
    case XT_SET_MARK:
        return (struct effects){.reads = PACKET_MARK, .writes = PACKET_MARK};
    case XT_ADDRTYPE:
    case XT_TCP:
    case XT_UDP:
    case XT_MULTIPORT:
    case XT_ICMP:
    case XT_HOP_LIMIT:
    case XT_RECENT:
        return (struct effects){.reads = PACKET_HEADER};
    case XT_CONNTRACK:
        return (struct effects){.reads = PACKET_TRACKING | PACKET_MAPPING | PACKET_HEADER};
    case XT_DNAT:
    case XT_SNAT:
    case XT_MASQUERADE:
    case XT_REDIRECT:
    case XT_NETMAP:
        return (struct effects){.reads = PACKET_TRACKING, .writes = PACKET_MAPPING};
    case XT_CT:
        return (struct effects){.writes = PACKET_TRACKING};
    case XT_UNKNOWN:
    case XT_KINDS:
        break;
    }
    /* a match that is not known changes nothing; a target may do all things */
    return (struct effects){.reads = PACKET_ANYTHING,
                            .writes = expression->kind == EXPRESSION_TARGET ? PACKET_ANYTHING : 0};
}

static struct effects expression_effects(const struct nft_expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_META:
        return meta_effects(expression);
    case EXPRESSION_CT:
        return ct_effects(expression);
    case EXPRESSION_MATCH:
    case EXPRESSION_TARGET:
        return xt_effects(expression);
    case EXPRESSION_PAYLOAD:
        return (struct effects){.reads = PACKET_HEADER,
                                .writes = expression->payload.write ? PACKET_HEADER : 0};
    case EXPRESSION_FIB:
        return (struct effects){.reads = PACKET_HEADER | PACKET_MARK};
    case EXPRESSION_NAT:
    case EXPRESSION_MASQ:
    case EXPRESSION_REDIR:
        return (struct effects){.reads = PACKET_TRACKING, .writes = PACKET_MAPPING};
    case EXPRESSION_NOTRACK:
        return (struct effects){.writes = PACKET_TRACKING};
    case EXPRESSION_CMP:
    case EXPRESSION_RANGE:
    case EXPRESSION_BITWISE:
    case EXPRESSION_BYTEORDER:
    case EXPRESSION_IMMEDIATE:
    case EXPRESSION_LOOKUP:
    case EXPRESSION_COUNTER:
    case EXPRESSION_REJECT:
    case EXPRESSION_LOG:
    case EXPRESSION_LAST:
    case EXPRESSION_LIMIT:
    case EXPRESSION_QUOTA:
    case EXPRESSION_CONNLIMIT:
    case EXPRESSION_NUMGEN:
    case EXPRESSION_DYNSET:
    case EXPRESSION_FLOW_OFFLOAD:
        return (struct effects){0};
    default:
        return (struct effects){.reads = PACKET_ANYTHING, .writes = PACKET_ANYTHING};
    }
}

struct chain_walk {
    const struct map *chains, *sets;
    struct map *seen;
    struct effects total;
};

static void chain_walk(struct chain_walk *walk, const struct nft_chain *chain);

static void verdict_walk(struct chain_walk *walk, const struct nft_data *data)
{
    if (data->is_verdict && data->verdict.chain)
        chain_walk(walk, map_get(walk->chains, data->verdict.chain));
}

static void expression_walk(struct chain_walk *walk, const struct nft_expression *expression)
{
    struct effects effects = expression_effects(expression);
    walk->total.reads |= effects.reads;
    walk->total.writes |= effects.writes;
    if (expression->kind == EXPRESSION_IMMEDIATE)
        verdict_walk(walk, &expression->immediate.data);
    if (expression->kind != EXPRESSION_LOOKUP || !expression->lookup.has_dreg || !expression->lookup.set)
        return;
    const struct nft_set *set = map_get(walk->sets, expression->lookup.set);
    if (set)
        list_each(const struct nft_element, element, &set->elements)
            verdict_walk(walk, &element->data);
}

static void chain_walk(struct chain_walk *walk, const struct nft_chain *chain)
{
    if (!chain || map_get_u64(walk->seen, (uint64_t)(uintptr_t)chain))
        return;
    map_set_u64(walk->seen, (uint64_t)(uintptr_t)chain, walk);
    list_each(const struct nft_rule, rule, &chain->rules) {
        if (rule->undecodable)
            walk->total.reads = walk->total.writes = PACKET_ANYTHING;
        list_each(const struct nft_expression, expression, &rule->expressions)
            expression_walk(walk, expression);
    }
}

void chain_effects(const struct nft_chain *chain, const struct map *chains, const struct map *sets,
                   uint32_t *ret_reads, uint32_t *ret_writes)
{
    struct chain_walk walk = {.chains = chains, .sets = sets, .seen = map_new()};
    chain_walk(&walk, chain);
    map_free(walk.seen);
    *ret_reads = walk.total.reads;
    *ret_writes = walk.total.writes;
}

/* ---- connection tracking ---- */

/* xtables extensions whose checkentry calls nf_ct_netns_get(). */
static const char *const tracking_extensions[] = {
    "conntrack", "state",       "connmark", "connlimit", "connbytes", "connlabel",   "helper",
    "cluster",   "DNAT",        "SNAT",     "NETMAP",    "REDIRECT",  "MASQUERADE",  "CONNMARK",
    "CT",        "CONNSECMARK", "SYNPROXY", "CLUSTERIP", "SAME",      "FLOWOFFLOAD", "NOTRACK",
};

static bool extension_tracks(const struct nft_xt *xt)
{
    if (xt->kind == XT_CT && (xt->ct.flags & 1)) /* XT_CT_NOTRACK */
        return false;
    for (size_t i = 0; i < sizeof(tracking_extensions) / sizeof(tracking_extensions[0]); i++)
        if (xt->name && strcmp(xt->name, tracking_extensions[i]) == 0)
            return true;
    return false;
}

/* Bits of the families that the kernel begins to track for the expression: 1 IPv4, 2 IPv6. */
static uint32_t family_bits_of(uint32_t family)
{
    switch (family) {
    case NFT_FAMILY_IP:
        return 1;
    case NFT_FAMILY_IP6:
        return 2;
    case NFT_FAMILY_INET:
    case NFT_FAMILY_BRIDGE:
        return 3;
    default:
        return 0;
    }
}

static bool has_connlimit(const struct nft_dynset *dynset)
{
    list_each(const struct nft_expression, inner, &dynset->expressions)
        if (inner->kind == EXPRESSION_CONNLIMIT)
            return true;
    return false;
}

static uint32_t expression_tracks(const struct nft_expression *expression, enum nft_family family)
{
    switch (expression->kind) {
    case EXPRESSION_NAT: /* nft_nat_init(): for its own family, not the table's */
        return family_bits_of(expression->nat.family);
    case EXPRESSION_CT:
    case EXPRESSION_MASQ:
    case EXPRESSION_REDIR:
    case EXPRESSION_CONNLIMIT:
    case EXPRESSION_FLOW_OFFLOAD:
    case EXPRESSION_SYNPROXY:
        return family_bits_of(family);
    case EXPRESSION_MATCH:
    case EXPRESSION_TARGET:
        return extension_tracks(&expression->xt) ? family_bits_of(family) : 0;
    case EXPRESSION_DYNSET:
        return has_connlimit(&expression->dynset) ? family_bits_of(family) : 0;
    default:
        return 0;
    }
}

static bool object_tracks(uint32_t type)
{
    return type == NFT_OBJECT_CT_HELPER || type == NFT_OBJECT_CONNLIMIT || type == NFT_OBJECT_CT_TIMEOUT ||
           type == NFT_OBJECT_CT_EXPECT || type == NFT_OBJECT_SYNPROXY;
}

void table_tracking(const struct nft_table *table, bool tracking[2])
{
    uint32_t tracked = 0, all = family_bits_of(table->family);
    list_each(const struct nft_stateful, object, &table->objects)
        if (object_tracks(object->type))
            tracked |= all;
    list_each(const struct nft_chain, chain, &table->chains)
        list_each(const struct nft_rule, rule, &chain->rules) {
            if (tracked == all)
                break;
            list_each(const struct nft_expression, expression, &rule->expressions)
                tracked |= expression_tracks(expression, table->family);
        }
    tracking[0] |= tracked & 1;
    tracking[1] |= (tracked >> 1) & 1;
}

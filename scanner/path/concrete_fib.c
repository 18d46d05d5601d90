/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules ask of the routing tables: fib expressions and addrtype. */
#include "scanner/path/concrete_walk.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

static const struct link *fib_device(const struct rule_context *context, const struct nft_fib *fib)
{
    if (fib->flags & NFTA_FIB_F_IIF)
        return context->walk->at.in;
    return fib->flags & NFTA_FIB_F_OIF ? context->walk->at.out : NULL;
}

static struct word fib_mark(const struct rule_context *context, const struct nft_fib *fib)
{
    return fib->flags & NFTA_FIB_F_MARK ? context->walk->at.mark : (struct word){.known = UINT32_MAX};
}

static bool no_peer4(struct address address)
{
    return address_is_multicast(address) || address.value >> 24 == 0 || address.value == UINT32_MAX;
}

/* The key of nft_fib4_eval() and nft_fib6_flowi_init(). */
static struct route_key fib_key(const struct rule_context *context, const struct nft_fib *fib)
{
    const struct flight *at = &context->walk->at;
    bool ip6 = context->walk->packet->family == FAMILY_IP6;
    bool to = fib->flags & NFTA_FIB_F_DADDR;
    struct route_key key = {.destination = to ? at->destination : at->source,
                            .source = to ? at->source : at->destination,
                            .mark = fib_mark(context, fib),
                            .in = LOOPBACK_INDEX,
                            .uid_known = true,
                            .protocol = ip6 ? context->walk->packet->protocol : 0}; /* without ports */
    if (!to && context->hook == HOOK_FORWARD && (fib->flags & NFTA_FIB_F_IIF) && at->out)
        key.in = at->out->index;
    if (!ip6 && no_peer4(key.source))
        key.source = (struct address){.family = FAMILY_IP4};
    if (ip6 && address_is_link_local(key.destination)) {
        const struct link *device = fib_device(context, fib);
        device = device ? device : at->in ? at->in : at->out;
        key.strict = true;
        key.out = device ? device->index : 0;
    }
    return key;
}

/* ---- the outgoing interface ---- */

static bool route_uses(const struct route *route, const struct link *link)
{
    list_each(const struct next_hop, hop, &route->next_hops)
        if (hop->index == link->index)
            return true;
    return false;
}

static const struct link *fib_find(struct rule_context *context, const struct nft_fib *fib)
{
    struct walk *walk = context->walk;
    const struct link *device = fib_device(context, fib);
    bool ip6 = walk->packet->family == FAMILY_IP6;
    if (context->hook == HOOK_PREROUTING && walk->at.in && walk->at.in->kind == LINK_LOOPBACK)
        return walk->at.in;
    struct route_key key = fib_key(context, fib);
    struct route_result result = route_find(walk, walk->at.namespace, walk->packet->family, &key);
    if (result.error || !result.hop || result.type == RTN_LOCAL || (ip6 && result.type == RTN_ANYCAST))
        return NULL;
    if (!device)
        return world_link(walk->at.namespace, result.hop->index);
    return (ip6 ? result.hop->index == device->index : route_uses(result.route, device)) ? device : NULL;
}

/* ---- the address type ---- */

static bool is_configured(const struct walk *walk, struct address address, const struct link *device)
{
    list_each(const struct link_address, own, &walk->at.namespace->facts->addresses)
        if (own->index == device->index && address_equal(own->prefix.address, address) &&
            !(own->flags & IFA_F_TENTATIVE))
            return true;
    return false;
}

/* ipv6_anycast_destination(): so is the first address of a net that is on link. */
static bool is_anycast(const struct route_result *result, struct address address)
{
    if (result->type == RTN_ANYCAST)
        return true;
    return result->route->destination.length < 127 && result->hop &&
           result->hop->gateway.family == FAMILY_NONE &&
           address_equal(prefix_first(result->route->destination), address);
}

static uint8_t error_type(int error)
{
    switch (error) {
    case EINVAL:
        return RTN_BLACKHOLE;
    case EACCES:
        return RTN_PROHIBIT;
    case EAGAIN:
        return RTN_THROW;
    default:
        return RTN_UNREACHABLE;
    }
}

static uint8_t address_type6(struct rule_context *context, const struct nft_fib *fib)
{
    struct walk *walk = context->walk;
    const struct link *device = fib_device(context, fib);
    struct route_key key = fib_key(context, fib);
    struct address address = key.destination;
    key.in = LOOPBACK_INDEX; /* ip6_route_output_flags */
    struct route_result result = route_find(walk, walk->at.namespace, FAMILY_IP6, &key);
    if (result.error)
        return error_type(result.error);
    if (is_anycast(&result, address))
        return RTN_ANYCAST;
    if ((device && is_configured(walk, address, device)) || (!device && result.type == RTN_LOCAL))
        return RTN_LOCAL;
    if (address_is_multicast(address))
        return RTN_MULTICAST;
    return address_is_any(address) ? RTN_UNSPEC : RTN_UNICAST;
}

static uint8_t fib_type(struct rule_context *context, const struct nft_fib *fib)
{
    struct walk *walk = context->walk;
    if (walk->packet->family == FAMILY_IP6)
        return address_type6(context, fib);
    struct address address = fib->flags & NFTA_FIB_F_DADDR ? walk->at.destination : walk->at.source;
    return address_type4(walk, address, fib_device(context, fib));
}

size_t fib_result(struct rule_context *context, const struct nft_fib *fib, uint8_t bytes[INTERFACE_NAME_MAX])
{
    uint32_t number = 0;
    memset(bytes, 0, INTERFACE_NAME_MAX);
    if (!part_is_read(context->walk, PART_ROUTES | PART_ADDRESSES | PART_POLICY_RULES, REASON_ROUTES_UNREAD))
        return 0;
    if (fib->result == NFT_FIB_RESULT_ADDRTYPE) {
        number = fib_type(context, fib);
    } else {
        const struct link *found = fib_find(context, fib);
        if (fib->result == NFT_FIB_RESULT_OIFNAME && !(fib->flags & NFTA_FIB_F_PRESENT)) {
            if (found)
                memcpy(bytes, found->name, strnlen(found->name, INTERFACE_NAME_MAX - 1));
            return INTERFACE_NAME_MAX;
        }
        if (found)
            number = fib->flags & NFTA_FIB_F_PRESENT ? 1 : found->index;
    }
    memcpy(bytes, &number, sizeof(number));
    return sizeof(number);
}

/* ---- addrtype (xt_addrtype.c) ---- */

#define BIT(type) (1u << (type))

/* match_lookup_rt6 */
static uint32_t route_types6(struct walk *walk, struct address address, const struct link *device)
{
    struct route_key key = {.destination = address,
                            .source = {.family = FAMILY_IP6},
                            .mark.known = UINT32_MAX,
                            .in = LOOPBACK_INDEX,
                            .out = device ? device->index : 0,
                            .uid_known = true};
    key.strict = device; /* ip6_route_output_flags(): a device and no source */
    struct route_result result = route_find(walk, walk->at.namespace, FAMILY_IP6, &key);
    if (result.error)
        return BIT(RTN_UNREACHABLE);
    uint32_t types = 0;
    if (device ? is_configured(walk, address, device) : result.type == RTN_LOCAL)
        types |= BIT(RTN_LOCAL);
    if (is_anycast(&result, address))
        types |= BIT(RTN_ANYCAST);
    return types;
}

static bool addrtype6(struct walk *walk, struct address address, uint32_t mask, const struct link *device)
{
    const uint32_t routed = BIT(RTN_ANYCAST) | BIT(RTN_LOCAL) | BIT(RTN_PROHIBIT) | BIT(RTN_UNREACHABLE);
    if ((mask & BIT(RTN_MULTICAST)) && !address_is_multicast(address))
        return false;
    if ((mask & BIT(RTN_UNICAST)) && (address_is_multicast(address) || address_is_any(address)))
        return false;
    if ((mask & BIT(RTN_UNSPEC)) && !address_is_any(address))
        return false;
    return !(mask & routed) || (mask & route_types6(walk, address, device));
}

bool addrtype_matches(struct walk *walk, struct address address, uint32_t mask, const struct link *device)
{
    if (!part_is_read(walk, PART_ROUTES | PART_ADDRESSES | PART_POLICY_RULES, REASON_ROUTES_UNREAD))
        return false;
    if (address.family == FAMILY_IP6)
        return addrtype6(walk, address, mask, device);
    return mask & BIT(address_type4(walk, address, device));
}

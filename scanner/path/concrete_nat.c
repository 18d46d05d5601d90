/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection tracking and address translation of the first packet of a flow (nf_nat_core.c). */
#include "scanner/path/concrete_walk.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>

#ifndef NF_NAT_RANGE_NETMAP
#define NF_NAT_RANGE_NETMAP (1 << 6)
#endif

void connection_begin(struct walk *walk)
{
    struct flight *at = &walk->at;
    struct connection_state *connection = &at->connection;
    if (connection->tracking != TRACKING_NONE || !at->namespace->tracking[world_family(walk->packet->family)])
        return;
    connection->tracking = TRACKING_NEW;
    connection->original_source = at->source;
    connection->original_destination = at->destination;
    connection->original_source_port = at->source_port;
    connection->original_destination_port = at->destination_port;
}

static bool hook_maps_source(enum nft_hook hook)
{
    return hook == HOOK_POSTROUTING || hook == HOOK_INPUT;
}

/* Nothing (more) is mapped here: it is done, or the packet has no connection. */
bool mapping_is_set(const struct walk *walk, enum nft_hook hook)
{
    uint32_t done = hook_maps_source(hook) ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
    return walk->at.connection.tracking != TRACKING_NEW || (walk->at.connection.status & done);
}

void mapping_null(struct walk *walk, enum nft_hook hook)
{
    walk->at.connection.status |= hook_maps_source(hook) ? IPS_SRC_NAT_DONE : IPS_DST_NAT_DONE;
}

static struct nft_verdict verdict(int32_t code)
{
    return (struct nft_verdict){.code = code};
}

static struct nft_verdict not_modelled(struct rule_context *context, const char *message)
{
    walk_undetermined(context->walk, REASON_UNMODELLED_NAT, rule_subject(context), message);
    return verdict(VERDICT_DROP);
}

/* nf_nat_l4proto_unique_tuple() where no other connection stands in the way. False: the kernel draws one. */
static bool port_choose(const struct mapping *mapping, uint16_t current, uint16_t *ret_port)
{
    bool random = mapping->flags & (NF_NAT_RANGE_PROTO_RANDOM | NF_NAT_RANGE_PROTO_RANDOM_FULLY);
    *ret_port = current;
    if (!mapping->has_port)
        return !(random && mapping->source);
    uint16_t low = mapping->port_min < mapping->port_max ? mapping->port_min : mapping->port_max;
    uint16_t high = mapping->port_min < mapping->port_max ? mapping->port_max : mapping->port_min;
    if (low == high) {
        *ret_port = low;
        return true;
    }
    if (mapping->flags & NF_NAT_RANGE_PROTO_OFFSET) {
        uint32_t size = (uint32_t)high - low + 1;
        *ret_port = (uint16_t)(low + (uint16_t)(current - mapping->port_base) % size);
        return true;
    }
    if (random)
        return false;
    if (current >= mapping->port_min && current <= mapping->port_max)
        return true;
    *ret_port = low; /* a destination's search begins at the first port */
    return !mapping->source;
}

static void step_mapping(struct rule_context *context, const char *what, struct address address,
                         uint16_t port)
{
    struct walk *walk = context->walk;
    bool ip6 = address.family == FAMILY_IP6;
    rule_step(context, arena_printf(walk->arena, "%s to %s%s%s:%u", what, ip6 ? "[" : "",
                                    ADDRESS_TEXT(address), ip6 ? "]" : "", port));
    walk->outcome->rewritten = true;
}

static void destination_set(struct rule_context *context, struct address address, uint16_t port)
{
    struct flight *at = &context->walk->at;
    at->connection.status |= IPS_DST_NAT_DONE;
    if (address_equal(at->destination, address) && at->destination_port == port)
        return;
    at->connection.status |= IPS_DST_NAT;
    at->destination = address;
    at->destination_port = port;
    step_mapping(context, "dnat", address, port);
}

static void source_set(struct rule_context *context, struct address address, uint16_t port, bool port_known)
{
    struct flight *at = &context->walk->at;
    at->connection.status |= IPS_SRC_NAT_DONE;
    if (address_equal(at->source, address) && at->source_port == port && port_known)
        return;
    at->connection.status |= IPS_SRC_NAT;
    at->source = address;
    at->source_port = port;
    at->source_port_known &= port_known;
    step_mapping(context, "snat", address, port);
}

/* Where the kernel lets such a rule stand (nft_nat_validate(), nft_masq_validate(), xt_nat.c); elsewhere it
 * came from no kernel. */
static bool may_stand(const struct rule_context *context, bool source, bool masquerade)
{
    if (!source)
        return context->hook == HOOK_PREROUTING || context->hook == HOOK_OUTPUT;
    return context->hook == HOOK_POSTROUTING || (context->hook == HOOK_INPUT && !masquerade);
}

struct nft_verdict mapping_set(struct rule_context *context, const struct mapping *mapping)
{
    if (!may_stand(context, mapping->source, false))
        return not_modelled(context, "a rewrite in a hook that can have none");
    const struct flight *at = &context->walk->at;
    struct address address = mapping->source ? at->source : at->destination;
    uint16_t port;
    if (mapping->flags & NF_NAT_RANGE_NETMAP)
        return not_modelled(context, "a mapping of prefixes");
    if (mapping->address_min.family != FAMILY_NONE) {
        if (!address_equal(mapping->address_min, mapping->address_max))
            return not_modelled(context, "a range of addresses to choose from");
        address = mapping->address_min;
    }
    if (address.family != context->walk->packet->family)
        return not_modelled(context, "an address of the other family");
    bool known = port_choose(mapping, mapping->source ? at->source_port : at->destination_port, &port);
    if (mapping->source)
        source_set(context, address, port, known);
    else if (known)
        destination_set(context, address, port);
    else
        return not_modelled(context, "a random port");
    return verdict(VERDICT_ACCEPT);
}

/* nf_nat_masquerade_ipv4(), _ipv6() */
struct nft_verdict masquerade_set(struct rule_context *context, struct mapping mapping)
{
    struct walk *walk = context->walk;
    if (walk_ended(walk))
        return verdict(VERDICT_DROP);
    if (!may_stand(context, true, true))
        return not_modelled(context, "a masquerade in a hook that can have none");
    if (walk->packet->family == FAMILY_IP4 && address_is_any(walk->at.connection.original_source))
        return verdict(VERDICT_ACCEPT);
    mapping.source = true;
    mapping.address_min = mapping.address_max = masquerade_address(walk, walk->at.out, walk->at.next_hop);
    if (walk_ended(walk) || mapping.address_min.family == FAMILY_NONE)
        return verdict(VERDICT_DROP); /* "ate my IP address" */
    return mapping_set(context, &mapping);
}

/* nf_nat_redirect_ipv4(), _ipv6() */
struct nft_verdict redirect_set(struct rule_context *context, struct mapping mapping)
{
    struct walk *walk = context->walk;
    if (walk_ended(walk))
        return verdict(VERDICT_DROP);
    mapping.source = false;
    if (!may_stand(context, false, false))
        return not_modelled(context, "a rewrite in a hook that can have none");
    if (context->hook == HOOK_OUTPUT)
        mapping.address_min = walk->packet->family == FAMILY_IP4
                                  ? address_ip4(0x7f000001)
                                  : (struct address){.family = FAMILY_IP6, .value = 1};
    else if (part_is_read(walk, PART_ADDRESSES, REASON_ADDRESSES_UNREAD))
        mapping.address_min = redirect_address(walk, walk->at.in);
    mapping.address_max = mapping.address_min;
    if (walk_ended(walk) || mapping.address_min.family == FAMILY_NONE)
        return verdict(VERDICT_DROP);
    return mapping_set(context, &mapping);
}

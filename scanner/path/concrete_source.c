/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of a namespace's addresses the kernel takes: for a sender, for masquerade, for redirect. */
#include "scanner/path/concrete_walk.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

/* ---- IPv4 (devinet.c, inet_select_addr) ---- */

static bool prefix_shares(struct prefix prefix, struct address address)
{
    return address.family == prefix.address.family && prefix_contains(prefix, address);
}

static bool is_of(const struct link_address *own, const struct link *device, enum ip_family family)
{
    return own->index == device->index && own->prefix.address.family == family;
}

struct address select_address4(const struct world_namespace *namespace, const struct link *device,
                               struct address near, uint8_t scope)
{
    struct address first = {0};
    bool localnet = namespace->facts->sysctls.route_localnet_all > 0 || device->route_localnet > 0;
    uint8_t local_scope = localnet ? RT_SCOPE_LINK : RT_SCOPE_HOST;
    list_each(const struct link_address, own, &namespace->facts->addresses) {
        if (!is_of(own, device, FAMILY_IP4) || (own->flags & IFA_F_SECONDARY))
            continue;
        if ((own->scope < local_scope ? own->scope : local_scope) > scope)
            continue;
        if (near.family == FAMILY_NONE || prefix_shares(own->prefix, near))
            return own->prefix.address;
        if (first.family == FAMILY_NONE)
            first = own->prefix.address;
    }
    if (first.family != FAMILY_NONE)
        return first;
    list_each(const struct link, link, &namespace->facts->links)
        list_each(const struct link_address, own, &namespace->facts->addresses)
            if (is_of(own, link, FAMILY_IP4) && !(own->flags & IFA_F_SECONDARY) &&
                own->scope != RT_SCOPE_LINK && own->scope <= scope)
                return own->prefix.address;
    return first;
}

/* ---- IPv6 (addrconf.c, ipv6_dev_get_saddr; RFC 6724) ---- */

enum scope6 { SCOPE_HOST = 1, SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 };

static int scope_of(struct address address)
{
    if (address_is_loopback(address) || address_is_link_local(address))
        return SCOPE_LINK; /* __ipv6_addr_src_scope(): loopback has the scope of a link */
    return address.value >> 118 == 0x3fb ? SCOPE_SITE : SCOPE_GLOBAL;
}

/* The kernel's default table of labels. */
static int label_of(struct address address)
{
    static const struct {
        const char *prefix;
        int label;
    } labels[] = {{"::1/128", 0},      {"::ffff:0:0/96", 4}, {"::/96", 3},   {"2001::/32", 6},
                  {"2001:10::/28", 7}, {"2002::/16", 2},     {"fc00::/7", 5}};
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        struct prefix prefix;
        if (prefix_parse(labels[i].prefix, false, &prefix, NULL) == 0 && prefix_contains(prefix, address))
            return labels[i].label;
    }
    return 1;
}

static int common_bits(struct address a, struct address b)
{
    u128 difference = a.value ^ b.value;
    int bits = 0;
    while (bits < 128 && !(difference >> (127 - bits) & 1))
        bits++;
    return bits;
}

/* Higher is better, the first that differs decides. */
struct merit {
    int values[7];
};

static struct merit merit_of(const struct link_address *own, const struct link *out,
                             struct address destination)
{
    struct address address = own->prefix.address;
    int scope = scope_of(address), wanted = scope_of(destination);
    int common = common_bits(address, destination);
    return (struct merit){{
        address_equal(address, destination),
        scope >= wanted ? -scope : scope - 128,
        !(own->flags & IFA_F_DEPRECATED),
        own->index == out->index,
        label_of(address) == label_of(destination),
        !(own->flags & IFA_F_TEMPORARY),
        common < own->prefix.length ? common : own->prefix.length,
    }};
}

static bool merit_is_better(const struct merit *a, const struct merit *b)
{
    for (size_t i = 0; i < sizeof(a->values) / sizeof(a->values[0]); i++)
        if (a->values[i] != b->values[i])
            return a->values[i] > b->values[i];
    return false;
}

static struct address select_address6(const struct world_namespace *namespace, const struct link *out,
                                      struct address destination)
{
    struct address best = {0};
    struct merit best_merit = {{0}};
    bool only_out = address_is_link_local(destination);
    list_each(const struct link_address, own, &namespace->facts->addresses) {
        if (own->prefix.address.family != FAMILY_IP6 || (only_out && own->index != out->index) ||
            (own->flags & (IFA_F_DADFAILED | IFA_F_TENTATIVE)))
            continue;
        struct merit merit = merit_of(own, out, destination);
        if (best.family == FAMILY_NONE || merit_is_better(&merit, &best_merit)) {
            best = own->prefix.address;
            best_merit = merit;
        }
    }
    return best;
}

/* ---- who asks ---- */

struct address source_select(struct walk *walk, const struct link *out, const struct route_result *result)
{
    const struct route *route = result->route;
    if (route->preferred_source.family != FAMILY_NONE)
        return route->preferred_source;
    if (result->type == RTN_LOCAL)
        return walk->at.destination;
    if (walk->packet->family == FAMILY_IP6)
        return select_address6(walk->at.namespace, out, walk->at.destination);
    return select_address4(walk->at.namespace, out, result->hop->gateway, route->scope);
}

struct address masquerade_address(struct walk *walk, const struct link *out, struct address next_hop)
{
    if (!part_is_read(walk, PART_ADDRESSES, REASON_ADDRESSES_UNREAD))
        return (struct address){0};
    if (walk->packet->family == FAMILY_IP6)
        return select_address6(walk->at.namespace, out, walk->at.destination);
    return select_address4(walk->at.namespace, out, next_hop, RT_SCOPE_UNIVERSE);
}

struct address redirect_address(const struct walk *walk, const struct link *in)
{
    bool ip6 = walk->packet->family == FAMILY_IP6;
    bool link_local = ip6 && address_is_link_local(walk->at.destination);
    list_each(const struct link_address, own, &walk->at.namespace->facts->addresses) {
        if (!in || !is_of(own, in, walk->packet->family))
            continue;
        if (ip6 && (own->flags & IFA_F_TENTATIVE) && !(own->flags & IFA_F_OPTIMISTIC))
            continue;
        if (!link_local || address_is_link_local(own->prefix.address))
            return own->prefix.address;
    }
    return (struct address){0};
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process of the namespace sends: route, source address, output hooks (ip_route_output_key,
 * ip_local_out). */
#include "scanner/path/concrete_walk.h"

#include <linux/rtnetlink.h>

static const struct link *loopback_of(const struct world_namespace *namespace)
{
    list_each(const struct link, link, &namespace->facts->links)
        if (link->kind == LINK_LOOPBACK)
            return link;
    return NULL;
}

static struct route_result output_find(struct walk *walk, bool with_ports)
{
    const struct flight *at = &walk->at;
    struct route_key key = {
        .source = at->source,
        .destination = at->destination,
        .mark = at->mark,
        .in = LOOPBACK_INDEX,
        .uid_known = walk->packet->uid_known,
        .uid = walk->packet->uid,
        .protocol = with_ports ? walk->packet->protocol : 0,
        .source_port = at->source_port,
        .destination_port = at->destination_port,
    };
    return route_find(walk, at->namespace, walk->packet->family, &key);
}

/* __mkroute_output(): a loopback source leaves by no other device, but with route_localnet. */
static bool loopback_may_leave(struct walk *walk, const struct link *out)
{
    bool allowed = walk->packet->family == FAMILY_IP6 || !address_is_loopback(walk->at.source) ||
                   out->kind == LINK_LOOPBACK || out->route_localnet > 0 ||
                   walk->at.namespace->facts->sysctls.route_localnet_all > 0;
    if (!allowed)
        walk_filtered_by(walk, DECIDER_SYSCTL,
                         arena_printf(walk->arena, "net.ipv4.conf.%s.route_localnet", out->name),
                         "a loopback source does not leave the namespace");
    return allowed;
}

static const struct link *output_device(struct walk *walk, const struct route_result *result)
{
    const struct link *out = NULL;
    walk->at.home = 0;
    if (result->type == RTN_LOCAL || result->type == RTN_ANYCAST) {
        out = loopback_of(walk->at.namespace);
        walk->at.home = result->hop ? result->hop->index : 0;
        walk->at.next_hop = walk->at.destination;
        if (!out)
            walk_undetermined(walk, REASON_LINKS_UNREAD, namespace_subject(walk),
                              "no loopback device was read");
    } else if (result->type == RTN_UNICAST) {
        route_take_hop(walk, result, &out);
    } else {
        walk_undetermined(walk, REASON_NOT_UNICAST, ADDRESS_TEXT(walk->at.destination),
                          "a broadcast or multicast destination");
    }
    return out;
}

static bool output_route(struct walk *walk, bool with_ports, const struct link **ret_out)
{
    struct route_result result = output_find(walk, with_ports);
    if (walk_ended(walk))
        return false;
    if (result.error) {
        route_error(walk, &result, false);
        return false;
    }
    *ret_out = output_device(walk, &result);
    if (walk_ended(walk))
        return false;
    if (walk->at.source.family == FAMILY_NONE) {
        const struct link *device = result.type == RTN_UNICAST ? *ret_out : NULL;
        walk->at.source = source_select(walk, device, &result);
    }
    if (walk->at.source.family == FAMILY_NONE) {
        walk_unreachable(walk, DECIDER_ADDRESS, (*ret_out)->name, "no address to send from");
        return false;
    }
    return loopback_may_leave(walk, *ret_out);
}

void packet_reroute(struct walk *walk)
{
    const struct link *out;
    if (output_route(walk, false, &out))
        walk->at.route_out = out;
}

void packet_send(struct walk *walk)
{
    if (!part_is_read(walk, PART_ROUTES | PART_POLICY_RULES | PART_ADDRESSES | PART_LINKS | PART_SYSCTLS,
                      REASON_ROUTES_UNREAD))
        return;
    if (address_is_multicast(walk->at.destination) || address_is_link_local(walk->at.destination)) {
        walk_undetermined(walk, REASON_NOT_UNICAST, ADDRESS_TEXT(walk->at.destination),
                          "a destination that needs an interface");
        return;
    }
    walk->at.in = NULL;
    if (!output_route(walk, true, &walk->at.out))
        return;
    walk->at.route_out = walk->at.out;
    walk_step(walk, "routing", walk->at.out, arena_printf(walk->arena, "route to %s", walk->at.out->name));
    namespace_programs(walk);
    cgroup_programs(walk, NULL, true);
    if (!walk_ended(walk))
        hook_run(walk, HOOK_OUTPUT);
    if (walk_ended(walk))
        return;
    walk->at.out = walk->at.route_out;
    walk_go(walk, PLACE_POSTROUTING);
}

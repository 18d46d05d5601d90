/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bridges: from port to port or up to IP, and the IP hooks that br_netfilter runs meanwhile. */
#include "scanner/path/survey.h"

#include "netns/base/text.h"

#include <linux/if.h>
#include <linux/if_bridge.h>

/* ---- what is not modelled ---- */
void bridge_doubts(struct survey *survey, struct fragment *fragment, const struct link *bridge,
                   enum nft_hook hook)
{
    const struct world_namespace *namespace = fragment->namespace;
    struct arena *arena = survey->arena;
    if (bridge->bridge_vlan_filtering)
        fragment_taint(fragment, arena, TAINT_ANY, REASON_BRIDGE_FEATURE, bridge->name,
                       "the bridge filters VLANs");
    part_doubts(survey, fragment, PART_RULESET | PART_LEGACY, REASON_RULESET_UNREAD);
    list_each(const struct hook_chain, chain, &namespace->bridge_hooks[hook])
        fragment_taint(fragment, arena, TAINT_ANY, REASON_BRIDGE_TABLE, chain->table->name,
                       "rules of the bridge family are not modelled");
    list_each(const struct legacy_table, table, &namespace->facts->ruleset.legacy)
        if (text_equal(table->tool, "ebtables") && !table->empty)
            fragment_taint(fragment, arena, TAINT_ANY, REASON_BRIDGE_TABLE, table->name,
                           "rules of ebtables are not modelled");
}

/* The switch of the namespace or the bridge's own; -1: br_netfilter is not there. */
static bool filters_ip(const struct fragment *fragment, const struct link *bridge)
{
    const struct sysctls *all = &fragment->namespace->facts->sysctls;
    bool ip6 = fragment->destination.family == FAMILY_IP6;
    int32_t everywhere = ip6 ? all->bridge_nf_call_ip6tables : all->bridge_nf_call_iptables;
    bool own = ip6 ? bridge->bridge_nf_call_ip6tables : bridge->bridge_nf_call_iptables;
    return everywhere > 0 || (everywhere == 0 && own);
}

static void link_end(struct survey *survey, struct fragment *fragment, enum state state,
                     const struct link *link, const char *text)
{
    struct cause cause = {
        .kind = DECIDER_LINK, .namespace = fragment->namespace, .subject = link->name, .text = text};
    survey_end(survey, fragment, state, &cause);
}

static bool port_forwards(struct survey *survey, struct fragment *fragment, const struct link *port)
{
    if (port->port_state == BR_STATE_FORWARDING)
        return true;
    link_end(survey, fragment, STATE_UNREACHABLE, port, "the bridge port does not forward");
    return false;
}

/* ---- out of a port ---- */
void bridge_leave(struct survey *survey, struct fragment *fragment)
{
    struct station to = fragment->station;
    if (!to.port) { /* the bridge's own address is never a neighbour of its own namespace */
        survey_end_unknown(survey, fragment, REASON_NEIGHBOUR,
                           survey_text(survey, "%s", ADDRESS_TEXT(fragment->next_hop)),
                           "the next hop is the bridge itself");
        return;
    }
    if (!port_forwards(survey, fragment, to.port))
        return;
    if (!(to.port->flags & IFF_UP) || !(to.link->flags & IFF_UP)) {
        link_end(survey, fragment, STATE_UNREACHABLE, to.port, "the link is down");
        return;
    }
    device_doubts(survey, fragment, to.port, true);
    device_cross(survey, fragment, to.namespace, to.link);
}

/* should_deliver of br_forward.c. NULL: the fragment ended. */
static struct fragment *port_admits(struct survey *survey, struct fragment *fragment)
{
    const struct link *from = fragment->port, *to = fragment->station.port;
    const char *text = NULL;
    if (from == to && !to->port_hairpin)
        text = "the bridge port has no hairpin mode";
    else if (from && from->port_isolated && to->port_isolated)
        text = "both bridge ports are isolated";
    if (!text)
        return fragment;
    struct cause cause = {
        .kind = DECIDER_LINK, .namespace = fragment->namespace, .subject = to->name, .text = text};
    return survey_drop(survey, fragment, &cause, ANSWER_NONE, 0, 0);
}

/* FORWARD with the bridge as both interfaces, POSTROUTING without the first (br_nf_forward_ip,
 * br_nf_post_routing). */
static void forward_filtered(struct survey *survey, struct fragment *fragment, const struct link *bridge,
                             struct fragment_list *ret_passed)
{
    struct fragment_list forwarded = {0};
    fragment->out = bridge;
    fragment->next_hop = fragment->destination;
    survey_hook(survey, fragment, HOOK_FORWARD, bridge, bridge, &forwarded);
    for (size_t i = 0; i < forwarded.count; i++)
        survey_hook(survey, forwarded.items[i], HOOK_POSTROUTING, NULL, bridge, ret_passed);
    list_free(&forwarded);
}

static void bridge_forward(struct survey *survey, struct fragment *fragment, const struct link *bridge,
                           bool filters)
{
    struct fragment_list passed = {0};
    fragment = port_admits(survey, fragment);
    if (!fragment || !port_forwards(survey, fragment, fragment->station.port))
        return;
    bridge_doubts(survey, fragment, bridge, HOOK_FORWARD);
    if (filters)
        forward_filtered(survey, fragment, bridge, &passed);
    else
        fragment_list_add(&passed, fragment);
    for (size_t i = 0; i < passed.count; i++) {
        bridge_doubts(survey, passed.items[i], bridge, HOOK_POSTROUTING);
        bridge_leave(survey, passed.items[i]);
    }
    list_free(&passed);
}

/* ---- in by a port ---- */
static void bridge_up(struct survey *survey, struct fragment *fragment, const struct link *bridge)
{
    bridge_doubts(survey, fragment, bridge, HOOK_INPUT);
    device_doubts(survey, fragment, bridge, false);
    if (bridge->master)
        fragment_taint(fragment, survey->arena, TAINT_ANY, REASON_LINK_KIND, bridge->name,
                       "the bridge belongs to another device");
    survey_continue(survey, fragment, STAGE_PREROUTING);
}

static void bridge_decide(struct survey *survey, struct fragment *fragment, const struct link *bridge,
                          bool filters)
{
    if (fragment->station.port)
        bridge_forward(survey, fragment, bridge, filters);
    else
        bridge_up(survey, fragment, bridge);
}

/* What prerouting rewrote stays on the bridge where its route leads out by it again, else it goes up. */
static void bridge_rewritten(struct survey *survey, struct fragment *fragment, const struct link *bridge)
{
    struct fragment_list stay = {0}, up = {0};
    routes_stay(survey, fragment, bridge, &stay, &up);
    struct fragment_list found = {0};
    for (size_t i = 0; i < stay.count; i++)
        neighbour_find(survey, stay.items[i], bridge, &found);
    for (size_t i = 0; i < found.count; i++)
        bridge_decide(survey, found.items[i], bridge, true);
    list_free(&found);
    for (size_t i = 0; i < up.count; i++) {
        up.items[i]->station = (struct station){up.items[i]->namespace, bridge, NULL};
        bridge_up(survey, up.items[i], bridge);
    }
    list_free(&stay);
    list_free(&up);
}

static void bridge_prerouting(struct survey *survey, struct fragment *fragment, const struct link *bridge)
{
    struct fragment_list passed = {0};
    struct address destination = fragment->destination;
    survey_hook(survey, fragment, HOOK_PREROUTING, bridge, NULL, &passed);
    for (size_t i = 0; i < passed.count; i++) {
        struct fragment *each = passed.items[i];
        each->prerouted = true;
        if (address_equal(each->destination, destination))
            bridge_decide(survey, each, bridge, true);
        else
            bridge_rewritten(survey, each, bridge);
    }
    list_free(&passed);
}

void stage_bridge(struct survey *survey, struct fragment *fragment)
{
    const struct link *bridge = fragment->in;
    if (!namespace_read(survey, fragment))
        return;
    if (!(bridge->flags & IFF_UP)) {
        link_end(survey, fragment, STATE_UNREACHABLE, bridge, "the bridge is down");
        return;
    }
    if (fragment->port && !port_forwards(survey, fragment, fragment->port))
        return;
    bridge_doubts(survey, fragment, bridge, HOOK_PREROUTING);
    if (filters_ip(fragment, bridge))
        bridge_prerouting(survey, fragment, bridge);
    else
        bridge_decide(survey, fragment, bridge, false);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/survey.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

/* NF_NAT_RANGE_* of linux/netfilter/nf_nat.h */
#define RANGE_RANDOM       4u
#define RANGE_RANDOM_FULLY 16u
#define RANGE_OFFSET       32u
#define RANGE_NETMAP       64u

/* ---- addresses that a rewrite takes from an interface ---- */
/* Of the loopback in output, else the first address of the interface that it came in by
 * (nf_nat_redirect_ipv4, _ipv6). */
static struct address redirect_to(const struct hook_context *hook, const struct fragment *fragment)
{
    bool ip4 = hook->family == FAMILY_IP4;
    if (hook->hook == HOOK_OUTPUT)
        return ip4 ? address_ip4(0x7f000001) : (struct address){FAMILY_IP6, 1};
    bool local_scope = !ip4 && address_is_link_local(fragment->destination);
    if (!hook->in)
        return (struct address){0};
    list_each(const struct link_address, address, &hook->namespace->facts->addresses) {
        struct address own = address->prefix.address;
        if (address->index != hook->in->index || own.family != hook->family)
            continue;
        bool tentative = (address->flags & IFA_F_TENTATIVE) && !(address->flags & IFA_F_OPTIMISTIC);
        if (ip4 || (!tentative && (!local_scope || address_is_link_local(own))))
            return own;
    }
    return (struct address){0};
}

/* ---- ports ---- */
/* get_unique_tuple and nf_nat_l4proto_unique_tuple for a destination; false where the kernel draws one. */
static bool destination_port(const struct rewrite *rewrite, uint16_t port, uint16_t *ret_port)
{
    uint16_t low = rewrite->port_min < rewrite->port_max ? rewrite->port_min : rewrite->port_max;
    uint16_t high = rewrite->port_min < rewrite->port_max ? rewrite->port_max : rewrite->port_min;
    *ret_port = low;
    if (low == high)
        return true;
    if (rewrite->flags & RANGE_OFFSET) {
        uint32_t size = (uint32_t)high - low + 1;
        *ret_port = (uint16_t)(low + (uint16_t)(port - rewrite->port_base) % size);
        return true;
    }
    if (rewrite->flags & (RANGE_RANDOM | RANGE_RANDOM_FULLY))
        return false;
    if (port >= rewrite->port_min && port <= rewrite->port_max)
        *ret_port = port;
    return true;
}

/* ---- destination ---- */
static void destination_set(struct fragment *fragment, struct address address, uint16_t port)
{
    bool changed = !address_equal(fragment->destination, address) || fragment->port_number != port;
    fragment->destination = address;
    fragment->port_number = port;
    fragment->destination_settled = true;
    if (changed)
        fragment->status |= IPS_DESTINATION_NAT;
}

static struct address netmap_address(const struct rewrite *rewrite, struct address address, bool masked)
{
    /* xtables give address and mask, nf_tables the first and last of a prefix */
    u128 all = family_max(address.family);
    u128 host =
        masked ? all & ~rewrite->address_max.value : rewrite->address_min.value ^ rewrite->address_max.value;
    return (struct address){address.family, (address.value & host) | (rewrite->address_min.value & ~host)};
}

static void destination_choose(const struct hook_context *hook, const struct rewrite *rewrite,
                               struct fragment *fragment, struct address address,
                               struct fragment_list *ret_accepted)
{
    struct survey *survey = hook->survey;
    uint16_t port = fragment->port_number;
    if (rewrite->has_ports && !destination_port(rewrite, fragment->port_number, &port))
        fragment_taint(fragment, survey->arena, TAINT_ANY, REASON_UNMODELLED_NAT, "port range",
                       "the kernel chooses a port of a range");
    destination_set(fragment, address, port);
    fragment_list_add(ret_accepted, fragment);
}

/* One of several addresses: by a hash of the source, so that each is possible. */
static void destination_range(const struct hook_context *hook, const struct rewrite *rewrite,
                              struct fragment *fragment, struct fragment_list *ret_accepted)
{
    u128 count = rewrite->address_max.value - rewrite->address_min.value + 1;
    struct arena *arena = hook->survey->arena;
    if (rewrite->address_max.value < rewrite->address_min.value || count > SURVEY_CHOICES_MAX) {
        fragment_taint(fragment, arena, TAINT_ANY, REASON_UNMODELLED_NAT, "address range",
                       "the kernel chooses an address of a range");
        count = 1;
    }
    if (count > 1)
        fragment_doubt(fragment, arena, REASON_RANDOM, "address range",
                       "the kernel chooses an address of a range");
    for (u128 i = 0; i < count; i++) {
        struct fragment *part = i + 1 < count ? fragment_copy(fragment) : fragment;
        struct address address = {hook->family, rewrite->address_min.value + i};
        destination_choose(hook, rewrite, part, address, ret_accepted);
    }
}

static void destination_rewrite(const struct hook_context *hook, const struct rewrite *rewrite,
                                struct fragment *fragment, struct fragment_list *ret_accepted,
                                struct fragment_list *ret_dropped)
{
    struct address address = fragment->destination;
    if (rewrite->redirect) {
        address = redirect_to(hook, fragment);
        if (!address.family) {
            fragment_list_add(ret_dropped, fragment);
            return;
        }
    } else if (rewrite->netmap || (rewrite->flags & RANGE_NETMAP)) {
        address = netmap_address(rewrite, address, rewrite->netmap);
    } else if (rewrite->address_min.family) {
        destination_range(hook, rewrite, fragment, ret_accepted);
        return;
    }
    destination_choose(hook, rewrite, fragment, address, ret_accepted);
}

/* ---- source ---- */
/* The kernel keeps a port that the range allows where the tuple is free, which it is taken to be
 * (get_unique_tuple). */
static void source_port_set(const struct rewrite *rewrite, struct fragment *fragment)
{
    bool random = rewrite->flags & (RANGE_RANDOM | RANGE_RANDOM_FULLY);
    if (rewrite->has_ports && rewrite->port_min == rewrite->port_max) {
        fragment->source_port_given = true;
        fragment->source_port = rewrite->port_min;
        fragment->source_port_random = false;
    } else if (rewrite->has_ports || random) {
        fragment->source_port_random = true;
    }
}

/* Takes the fragment; gives the part whose ports the range keeps, NULL: none, and in *ret_other the rest. */
static struct fragment *ports_kept(const struct rewrite *rewrite, struct fragment *fragment,
                                   struct fragment **ret_other)
{
    struct fragment *kept = NULL;
    *ret_other = fragment;
    if (!rewrite->has_ports || rewrite->port_min >= rewrite->port_max || fragment->source_port_random ||
        (rewrite->flags & (RANGE_RANDOM | RANGE_RANDOM_FULLY | RANGE_OFFSET)))
        return NULL;
    struct interval_set range = interval_set_range(rewrite->port_min, rewrite->port_max);
    fragment_split_ports(fragment, &range, &kept, ret_other);
    interval_set_free(&range);
    return kept;
}

static void source_set(const struct rewrite *rewrite, struct fragment *fragment, struct address address,
                       bool keep_port)
{
    fragment->source_settled = true;
    fragment->status |= IPS_SOURCE_NAT;
    if (address.family)
        fragment->source = (struct endpoint){true, address};
    if (!keep_port)
        source_port_set(rewrite, fragment);
}

/* The port stays: then a packet that has the address already was not rewritten at all. */
static void source_keep_port(const struct rewrite *rewrite, struct fragment *fragment, struct address address,
                             struct fragment_list *ret_accepted)
{
    struct fragment *same = fragment, *other = NULL;
    if (address.family) {
        struct interval_set own = interval_set_range(address.value, address.value);
        fragment_split_sources(fragment, &own, &same, &other);
        interval_set_free(&own);
    }
    if (same)
        same->source_settled = true;
    if (other)
        source_set(rewrite, other, address, true);
    fragment_list_add(ret_accepted, same);
    fragment_list_add(ret_accepted, other);
}

static void source_choose(const struct rewrite *rewrite, struct fragment *fragment, struct address address,
                          struct fragment_list *ret_accepted)
{
    struct fragment *changed = NULL;
    bool ports = rewrite->has_ports || (rewrite->flags & (RANGE_RANDOM | RANGE_RANDOM_FULLY));
    struct fragment *kept = ports ? ports_kept(rewrite, fragment, &changed) : fragment;
    if (kept)
        source_keep_port(rewrite, kept, address, ret_accepted);
    if (changed)
        source_set(rewrite, changed, address, false);
    fragment_list_add(ret_accepted, changed);
}

/* 0.0.0.0 is not masqueraded (nf_nat_masquerade_ipv4). Takes the fragment; NULL: nothing else is left. */
static struct fragment *unnumbered_pass(struct fragment *fragment, struct fragment_list *ret_accepted)
{
    struct fragment *unnumbered = NULL, *rest = fragment;
    if (fragment->original_source.given) {
        if (address_is_any(fragment->original_source.address)) {
            unnumbered = fragment;
            rest = NULL;
        }
    } else {
        struct interval_set zero = interval_set_range(0, 0);
        fragment_split_sources(fragment, &zero, &unnumbered, &rest);
        interval_set_free(&zero);
    }
    fragment_list_add(ret_accepted, unnumbered);
    return rest;
}

static void source_rewrite(const struct hook_context *hook, const struct rewrite *rewrite,
                           struct fragment *fragment, struct fragment_list *ret_accepted,
                           struct fragment_list *ret_dropped)
{
    struct arena *arena = hook->survey->arena;
    struct address address = rewrite->address_min;
    if (rewrite->masquerade && hook->family == FAMILY_IP4) {
        fragment = unnumbered_pass(fragment, ret_accepted);
        if (!fragment)
            return;
    }
    if (rewrite->masquerade) {
        address = source_for(hook->namespace, hook->out, fragment->next_hop, fragment->destination,
                             RT_SCOPE_UNIVERSE);
        if (!address.family) {
            fragment_list_add(ret_dropped, fragment);
            return;
        }
    } else if (rewrite->netmap || (rewrite->flags & RANGE_NETMAP) ||
               (address.family && !address_equal(address, rewrite->address_max))) {
        fragment_taint(fragment, arena, TAINT_ANY, REASON_UNMODELLED_NAT, "snat range",
                       "the source becomes one of several addresses");
    }
    source_choose(rewrite, fragment, address, ret_accepted);
}

/* Where the kernel lets such a rule stand (nft_nat_validate(), nft_masq_validate(), xt_nat.c); elsewhere it
 * came from no kernel. */
static bool may_stand(const struct hook_context *hook, const struct rewrite *rewrite)
{
    if (!rewrite->source)
        return hook->hook == HOOK_PREROUTING || hook->hook == HOOK_OUTPUT;
    return hook->hook == HOOK_POSTROUTING || (hook->hook == HOOK_INPUT && !rewrite->masquerade);
}

void rewrite_apply(const struct hook_context *hook, const struct rewrite *rewrite, struct fragment *fragment,
                   struct fragment_list *ret_accepted, struct fragment_list *ret_dropped)
{
    if (!may_stand(hook, rewrite)) {
        fragment_taint(fragment, hook->survey->arena, TAINT_ANY, REASON_UNMODELLED_NAT, "rewrite",
                       "a rewrite in a hook that can have none");
        fragment_list_add(ret_accepted, fragment);
        return;
    }
    if (rewrite->source)
        source_rewrite(hook, rewrite, fragment, ret_accepted, ret_dropped);
    else
        destination_rewrite(hook, rewrite, fragment, ret_accepted, ret_dropped);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/example.h"

#define INTERVALS_MAX 8
#define PORT          40000 /* where the part leaves it open */

struct search {
    const struct world *world;
    const struct prediction_part *part;
    struct packet packet;
};

static bool fares_so(const struct search *search)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_outcome_ struct outcome outcome = {0};

    if (concrete_evaluate(search->world, &search->packet, arena, &outcome) < 0 ||
        outcome.state != search->part->state)
        return false;
    return outcome.state != STATE_OPEN || target_same_listener(&outcome.target, &search->part->target);
}

static bool try_source(struct search *search, u128 value)
{
    search->packet.source = (struct address){search->packet.family, value};
    return interval_set_contains(&search->part->sources, value) && fares_so(search);
}

/* Addresses that people take for what they are: somebody far away, before the edges of what the rules name.
 */
static bool try_known(struct search *search)
{
    static const uint32_t ip4[] = {0x2d4f0d25 /* 45.79.13.37 */, 0xc6336407 /* 198.51.100.7 */,
                                   0x0a000007 /* 10.0.0.7 */, 0xc0a80007 /* 192.168.0.7 */};
    static const uint64_t ip6[] = {UINT64_C(0x2600000000000000), UINT64_C(0x20010db800000000)};

    for (size_t i = 0; search->packet.family == FAMILY_IP4 && i < sizeof(ip4) / sizeof(ip4[0]); i++)
        if (try_source(search, ip4[i]))
            return true;
    for (size_t i = 0; search->packet.family == FAMILY_IP6 && i < sizeof(ip6) / sizeof(ip6[0]); i++)
        if (try_source(search, (u128)ip6[i] << 64 | 7))
            return true;
    return false;
}

static bool try_sources(struct search *search)
{
    const struct interval_set *sources = &search->part->sources;

    if (try_known(search))
        return true;
    for (size_t i = 0; i < sources->count && i < INTERVALS_MAX; i++) {
        const struct interval *own = &sources->items[i];
        u128 values[] = {own->first + (own->last > own->first), own->first, own->last,
                         own->first + (own->last - own->first) / 2};

        for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++)
            if (try_source(search, values[j]))
                return true;
    }
    return false;
}

bool example_find(const struct world *world, const struct vantage *vantage, const struct entry *entry,
                  const struct prediction_part *part, struct packet *ret_packet)
{
    const struct interval_set *ports = &part->source_ports;
    struct search search = {.world = world,
                            .part = part,
                            .packet = {.namespace = vantage->namespace,
                                       .interface = vantage->interface,
                                       .family = entry->family,
                                       .protocol = entry->protocol,
                                       .destination = entry->address,
                                       .destination_port = entry->port,
                                       .source_port = PORT}};
    size_t senders = vantage->members.count;
    bool found = false;

    if (part->state == STATE_UNDETERMINED)
        return false;
    if (ports->count && !interval_set_contains(ports, PORT))
        search.packet.source_port = (uint16_t)ports->items[0].first;
    for (size_t i = 0; i < (senders ? senders : 1) && !found; i++) {
        if (senders)
            search.packet.namespace = vantage->members.items[i];
        found = try_sources(&search);
    }
    if (found)
        *ret_packet = search.packet;
    return found;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/collect/network.h"

#include "netns/base/text.h"

/* ---- containers and bridges ---- */

struct joining {
    struct snapshot *snapshot;
    const struct found *found;
    const struct attachment *attachment;
};

static struct namespace *namespace_of(const struct found *found, uint64_t id)
{
    size_t place = id ? found_place_of(found, id) : SIZE_MAX;
    return place == SIZE_MAX ? NULL : found->places.items[place].namespace;
}

/* The bridge that the link's other end is a port of; NULL: of none. */
static const struct link *bridge_behind(const struct joining *joining, const struct link *link,
                                        struct namespace **ret_place)
{
    struct namespace *far =
        link->kind == LINK_VETH ? namespace_of(joining->found, link->peer_namespace) : NULL;
    const struct link *end = far ? namespace_link(far, link->peer_index) : NULL;
    const struct link *bridge = end && end->master ? namespace_link(far, end->master) : NULL;
    *ret_place = far;
    return bridge && bridge->kind == LINK_BRIDGE ? bridge : NULL;
}

static bool has_address(const struct namespace *namespace, uint32_t index, struct address address)
{
    list_each(struct link_address, item, &namespace->addresses) {
        if (item->index == index && address_equal(item->prefix.address, address))
            return true;
    }
    return false;
}

/* The engine's record of the network that this link is on: by an address of it, else by its bridge. */
static struct container_network *network_known(const struct container *container,
                                               const struct namespace *namespace, const struct link *link,
                                               const char *bridge)
{
    list_each(struct container_network, network, &container->networks) {
        list_each(struct address, address, &network->addresses) {
            if (has_address(namespace, link->index, *address))
                return network;
        }
    }
    list_each(struct container_network, network, &container->networks) {
        if (text_equal(network->interface, bridge))
            return network;
    }
    return NULL;
}

static const char *engine_network_name(const struct attachment *attachment, enum container_engine engine,
                                       const char *bridge)
{
    list_each(struct engine_network, network, &attachment->networks) {
        if (network->engine == engine && text_equal(network->interface, bridge))
            return network->name;
    }
    return NULL;
}

static void addresses_add(struct container_network *network, const struct namespace *namespace,
                          uint32_t index)
{
    list_each(struct link_address, item, &namespace->addresses) {
        if (item->index == index && !address_is_link_local(item->prefix.address))
            *list_append(&network->addresses) = item->prefix.address;
    }
}

static void link_join(const struct joining *joining, struct container *container,
                      const struct namespace *namespace, const struct link *link)
{
    struct namespace *place;
    const struct link *bridge = bridge_behind(joining, link, &place);
    if (!bridge || place->id != joining->snapshot->host_namespace)
        return;
    struct arena *arena = joining->snapshot->arena;
    struct container_network *network = network_known(container, namespace, link, bridge->name);
    if (!network) {
        const char *name = engine_network_name(joining->attachment, container->engine, bridge->name);
        network = list_append(&container->networks);
        network->name = name ? name : arena_strdup(arena, bridge->name);
    }
    network->interface = arena_strdup(arena, bridge->name);
    if (!network->addresses.count)
        addresses_add(network, namespace, link->index);
}

static void containers_join(const struct joining *joining)
{
    list_each(struct container, container, &joining->snapshot->containers) {
        const struct namespace *namespace = namespace_of(joining->found, container->namespace);
        if (!namespace || container->host_network)
            continue;
        list_each(struct link, link, &namespace->links)
            link_join(joining, container, namespace, link);
    }
}

/* ---- segments ---- */

/* An engine that has a name for the bridge: its network's, found by a container on it, else by its own files.
 */
static void segment_name(const struct joining *joining, struct segment *segment)
{
    list_each(struct container, container, &joining->snapshot->containers) {
        bool bare = container->engine == ENGINE_NETNS || container->engine == ENGINE_PID;
        list_each(struct container_network, network, &container->networks) {
            if (bare || container->nested || !network->name ||
                !text_equal(network->interface, segment->interface))
                continue;
            segment->name = network->name;
            segment->engine = container->engine;
            if (strcmp(network->name, segment->interface) != 0)
                return;
        }
    }
    list_each(struct engine_network, network, &joining->attachment->networks) {
        if (!text_equal(network->interface, segment->interface))
            continue;
        segment->name = network->name;
        segment->engine = network->engine;
        return;
    }
}

/* Is a port of the bridge the end of a veth that leads into another namespace? */
static bool leads_elsewhere(const struct namespace *namespace, const struct link *bridge)
{
    list_each(struct link, link, &namespace->links) {
        if (link->master == bridge->index && link->kind == LINK_VETH && link->peer_namespace &&
            link->peer_namespace != namespace->id)
            return true;
    }
    return false;
}

static void bridge_add(const struct joining *joining, const struct namespace *namespace,
                       const struct link *bridge)
{
    struct snapshot *snapshot = joining->snapshot;
    bool host = namespace->id == snapshot->host_namespace;
    if (!host && !leads_elsewhere(namespace, bridge))
        return;
    struct segment *segment = list_append(&snapshot->segments);
    segment->interface = arena_strdup(snapshot->arena, bridge->name);
    segment->namespace = namespace->id;
    segment->name = segment->interface;
    if (host) {
        segment_name(joining, segment);
        return;
    }
    const char *owner = attach_owner_name(snapshot, namespace->id);
    segment->name = arena_printf(snapshot->arena, "%s/%s", owner ? owner : "", segment->interface);
}

static void segments_make_unique(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->segments.count; i++) {
        struct segment *segment = &snapshot->segments.items[i];
        const char *name = segment->name;
        bool doubled = false;
        for (size_t j = i + 1; j < snapshot->segments.count; j++) {
            struct segment *other = &snapshot->segments.items[j];
            if (strcmp(other->name, name) != 0)
                continue;
            doubled = true;
            other->name = other->engine == segment->engine || other->engine == ENGINE_NONE
                              ? other->interface
                              : arena_printf(snapshot->arena, "%s/%s", engine_name(other->engine), name);
        }
        if (doubled && segment->engine != ENGINE_NONE)
            segment->name = arena_printf(snapshot->arena, "%s/%s", engine_name(segment->engine), name);
    }
}

void network_attach(struct snapshot *snapshot, const struct found *found, const struct attachment *attachment)
{
    struct joining joining = {snapshot, found, attachment};
    containers_join(&joining);
    list_each(struct found_place, place, &found->places) {
        list_each(struct link, link, &place->namespace->links) {
            if (link->kind == LINK_BRIDGE && link->name)
                bridge_add(&joining, place->namespace, link);
        }
    }
    segments_make_unique(snapshot);
}

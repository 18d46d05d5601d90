/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Uplinks and vantages: where traffic comes from. */
#include "netns/base/text.h"
#include "scanner/path/entry.h"

#include <errno.h>
#include <linux/if.h>

/* ---- uplinks ---- */
static bool links_outside(const struct world_namespace *host, const struct link *link);

static bool is_inner_role(enum namespace_role role)
{
    return role == ROLE_CONTAINER || role == ROLE_POD || role == ROLE_BARE;
}

static bool has_address(const struct world_namespace *host, const struct link *link)
{
    list_each(const struct link_address, address, &host->facts->addresses)
        if (address->index == link->index && !address_is_link_local(address->prefix.address))
            return true;
    return false;
}

static bool has_default_route(const struct world_namespace *host, const struct link *link)
{
    list_each(const struct route, route, &host->facts->routes)
        if (route->destination.length == 0)
            list_each(const struct next_hop, hop, &route->next_hops)
                if (hop->index == link->index)
                    return true;
    return false;
}

/* A veth whose other end is no container's. */
static bool veth_leaves(const struct world_namespace *host, const struct link *link)
{
    const struct world_namespace *other;
    const struct link *peer = world_peer(host, link, &other);
    return !peer || (!is_inner_role(other->facts->role) && other != host);
}

static bool bridge_leaves(const struct world_namespace *host, const struct link *bridge)
{
    list_each(const struct link, port, &host->facts->links)
        if (port->master == bridge->index && port->kind != LINK_TUN && links_outside(host, port))
            return true;
    return false;
}

/* Does the device lead off the host? Of a port: would it, if it stood alone? */
static bool links_outside(const struct world_namespace *host, const struct link *link)
{
    switch (link->kind) {
    case LINK_ETHERNET:
    case LINK_BOND:
    case LINK_VLAN:
    case LINK_TUNNEL:
    case LINK_WIREGUARD:
    case LINK_VXLAN:
    case LINK_MACVLAN:
    case LINK_IPVLAN:
        return true;
    case LINK_TUN:
    case LINK_OTHER:
        return has_address(host, link) || has_default_route(host, link);
    case LINK_BRIDGE:
        return bridge_leaves(host, link);
    case LINK_VETH:
        return veth_leaves(host, link) &&
               (link->master != 0 || has_address(host, link) || has_default_route(host, link));
    default:
        return false;
    }
}

static int uplinks_named(const struct world_namespace *host, const char *const *names, size_t count,
                         struct uplink_list *ret_uplinks, struct error *error)
{
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        const struct link *link = namespace_link_named(host->facts, names[i]);
        if (link)
            *list_append(ret_uplinks) = link->index;
        else
            result = error_set(error, ENODEV, "no-uplink", names[i], "there is no interface %s", names[i]);
    }
    return result;
}

int uplinks_find(const struct world *world, const char *const *names, size_t count,
                 struct uplink_list *ret_uplinks, struct error *error)
{
    const struct world_namespace *host = world_namespace(world, world->snapshot->host_namespace);
    *ret_uplinks = (struct uplink_list){0};
    if (!host)
        return error_set(error, ENODEV, "no-uplink", "", "the host's namespace is not in the snapshot");
    if (count > 0)
        return uplinks_named(host, names, count, ret_uplinks, error);
    list_each(const struct link, link, &host->facts->links)
        if (link->master == 0 && (link->flags & IFF_UP) && links_outside(host, link))
            *list_append(ret_uplinks) = link->index;
    if (ret_uplinks->count > 0)
        return 0;
    return error_set(error, ENODEV, "no-uplink", "", "no interface of the host leads off it");
}

/* ---- sources ---- */
static void remove_range(struct interval_set *set, u128 first, u128 last)
{
    struct interval_set range = interval_set_range(first, last);
    struct interval_set rest = interval_set_subtract(set, &range);
    interval_set_free(&range);
    interval_set_free(set);
    *set = rest;
}

static void remove_prefix(struct interval_set *set, struct prefix prefix)
{
    remove_range(set, prefix_first(prefix).value, prefix_last(prefix).value);
}

/* What no packet can have that gets past the kernel's first look, whatever rules say. */
static void remove_martians(struct interval_set *set, enum ip_family family, bool loopback)
{
    if (family == FAMILY_IP4) {
        remove_range(set, 0, 0x00ffffff);
        remove_range(set, 0xe0000000, 0xefffffff);
        remove_range(set, 0xffffffff, 0xffffffff);
        if (!loopback)
            remove_range(set, 0x7f000000, 0x7fffffff);
    } else {
        remove_range(set, 0, 1);
        remove_range(set, (u128)0xff << 120, ~(u128)0);
        remove_range(set, (u128)0xffff << 32, ((u128)0xffff << 32) | 0xffffffff);
    }
}

static void remove_own(struct interval_set *set, const struct world_namespace *host, enum ip_family family)
{
    list_each(const struct link_address, address, &host->facts->addresses)
        if (address->prefix.address.family == family)
            remove_range(set, address->prefix.address.value, address->prefix.address.value);
}

/* A neighbour may forge anything; what the kernel takes from no neighbour is in no part. */
static struct interval_set lan_sources(const struct world_namespace *host, const struct link *link,
                                       enum ip_family family)
{
    const struct sysctls *sysctls = &host->facts->sysctls;
    struct interval_set set = interval_set_family(family);
    remove_martians(&set, family, link->route_localnet > 0 || sysctls->route_localnet_all > 0);
    if (family == FAMILY_IP4 && link->accept_local <= 0 && sysctls->accept_local_all <= 0)
        remove_own(&set, host, family);
    return set;
}

/* A routed packet comes from no network that is on the uplink itself: that is `lan`. From inner networks it
 * may seem to come: others use the same addresses, and a forged source passes where rp_filter lets it. */
static struct interval_set external_sources(const struct world_namespace *host, const struct link *link,
                                            enum ip_family family)
{
    struct interval_set set = interval_set_family(family);
    remove_martians(&set, family, false);
    remove_own(&set, host, family);
    if (family == FAMILY_IP6)
        remove_range(&set, (u128)0xfe80 << 112, ((u128)0xfec0 << 112) - 1);
    list_each(const struct link_address, address, &host->facts->addresses)
        if (address->index == link->index && address->prefix.address.family == family)
            remove_prefix(&set, address->prefix);
    return set;
}

/* ---- vantages ---- */
struct vantage_maker {
    const struct world *world;
    const struct world_namespace *host;
    const struct uplink_list *uplinks;
    struct arena *arena;
    struct vantage_list *list;
};

void vantage_list_free(struct vantage_list *list)
{
    list_each(struct vantage, vantage, list)
        vantage_free(vantage);
    list_free(list);
}

static bool is_named(const struct vantage_list *list, const char *name)
{
    list_each(const struct vantage, vantage, list)
        if (text_equal(vantage->name, name))
            return true;
    return false;
}

static struct vantage *vantage_add(struct vantage_maker *maker, enum vantage_kind kind, const char *name,
                                   uint64_t namespace)
{
    if (is_named(maker->list, name))
        return NULL;
    struct vantage *vantage = list_append(maker->list);
    vantage->name = name;
    vantage->kind = kind;
    vantage->namespace = namespace;
    return vantage;
}

static void uplink_vantage(struct vantage_maker *maker, enum vantage_kind kind, const struct link *link)
{
    const char *word = vantage_kind_name(kind);
    const char *name =
        maker->uplinks->count == 1 ? word : arena_printf(maker->arena, "%s@%s", word, link->name);
    struct vantage *vantage = vantage_add(maker, kind, name, maker->host->facts->id);
    if (!vantage)
        return;
    bool lan = kind == VANTAGE_LAN;
    vantage->interface = link->index;
    vantage->interface_name = link->name;
    vantage->sources4 = (lan ? lan_sources : external_sources)(maker->host, link, FAMILY_IP4);
    vantage->sources6 = (lan ? lan_sources : external_sources)(maker->host, link, FAMILY_IP6);
}

static void uplink_vantages(struct vantage_maker *maker)
{
    for (enum vantage_kind kind = VANTAGE_EXTERNAL; kind <= VANTAGE_LAN; kind++)
        for (size_t i = 0; i < maker->uplinks->count; i++) {
            const struct link *link = world_link(maker->host, maker->uplinks->items[i]);
            if (link)
                uplink_vantage(maker, kind, link);
        }
}

/* The namespaces with an interface on the bridge. */
static void members_find(struct vantage *vantage, const struct world_namespace *namespace,
                         const struct link *bridge)
{
    list_each(const struct link, port, &namespace->facts->links) {
        const struct world_namespace *other;
        const struct link *peer = port->master == bridge->index ? world_peer(namespace, port, &other) : NULL;
        if (peer && is_inner_role(other->facts->role))
            *list_append(&vantage->members) = other->facts->id;
    }
}

static void segment_add(struct vantage_maker *maker, const struct world_namespace *namespace,
                        const struct link *bridge, const char *name)
{
    struct vantage found = {0};
    list_each(const struct vantage, vantage, maker->list)
        if (vantage->kind == VANTAGE_SEGMENT && vantage->namespace == namespace->facts->id &&
            text_equal(vantage->bridge, bridge->name))
            return;
    members_find(&found, namespace, bridge);
    if (found.members.count == 0)
        return;
    struct vantage *vantage = vantage_add(
        maker, VANTAGE_SEGMENT, arena_printf(maker->arena, "segment:%s", name), namespace->facts->id);
    if (!vantage) {
        list_free(&found.members);
        return;
    }
    vantage->members = found.members;
    vantage->bridge = bridge->name;
}

static void segment_vantages(struct vantage_maker *maker)
{
    list_each(const struct segment, segment, &maker->world->snapshot->segments) {
        const struct world_namespace *namespace =
            world_namespace(maker->world, segment->namespace ? segment->namespace : maker->host->facts->id);
        const struct link *bridge =
            namespace && segment->interface ? namespace_link_named(namespace->facts, segment->interface)
                                            : NULL;
        if (bridge)
            segment_add(maker, namespace, bridge, segment->name);
    }
    list_each(const struct link, link, &maker->host->facts->links)
        if (link->kind == LINK_BRIDGE)
            segment_add(maker, maker->host, link, link->name);
}

static void container_vantages(struct vantage_maker *maker, enum vantage_kind kind)
{
    list_each(const struct container, container, &maker->world->snapshot->containers) {
        const struct world_namespace *namespace =
            container->namespace ? world_namespace(maker->world, container->namespace) : NULL;
        if (!namespace || namespace == maker->host || namespace->facts->role == ROLE_OUTSIDE ||
            container->infrastructure)
            continue;
        vantage_add(maker, kind,
                    arena_printf(maker->arena, "%s:%s", vantage_kind_name(kind), container->name),
                    container->namespace);
    }
}

static void netns_vantages(struct vantage_maker *maker)
{
    for (size_t i = 0; i < maker->world->count; i++) {
        const struct namespace *facts = maker->world->namespaces[i].facts;
        if (facts->id == maker->host->facts->id || facts->role == ROLE_OUTSIDE)
            continue;
        list_each(const char *const, name, &facts->names)
            vantage_add(maker, VANTAGE_NETNS, arena_printf(maker->arena, "netns:%s", *name), facts->id);
    }
}

void vantages_find(const struct world *world, const struct uplink_list *uplinks, struct arena *arena,
                   struct vantage_list *ret_vantages)
{
    struct vantage_maker maker = {.world = world,
                                  .host = world_namespace(world, world->snapshot->host_namespace),
                                  .uplinks = uplinks,
                                  .arena = arena,
                                  .list = ret_vantages};
    *ret_vantages = (struct vantage_list){0};
    if (!maker.host)
        return;
    uplink_vantages(&maker);
    vantage_add(&maker, VANTAGE_HOST, "host", maker.host->facts->id);
    segment_vantages(&maker);
    container_vantages(&maker, VANTAGE_CONTAINER);
    container_vantages(&maker, VANTAGE_INSIDE);
    netns_vantages(&maker);
}

/* ---- names ---- */
static bool name_means(const struct vantage *vantage, const char *name)
{
    bool uplink = vantage->kind == VANTAGE_EXTERNAL || vantage->kind == VANTAGE_LAN;
    const char *word = vantage_kind_name(vantage->kind);
    if (text_equal(vantage->name, name))
        return true;
    if (text_equal(word, name)) /* every one of the kind */
        return true;
    size_t length = strlen(word);
    return uplink && strncmp(name, word, length) == 0 && name[length] == '@' &&
           text_equal(name + length + 1, vantage->interface_name);
}

int vantages_match(const struct vantage_list *vantages, const char *name, const char *interface,
                   struct index_list *ret_indices, struct error *error)
{
    size_t before = ret_indices->count;
    for (size_t i = 0; i < vantages->count; i++) {
        const struct vantage *vantage = &vantages->items[i];
        if (name_means(vantage, name) && (!interface || text_equal(vantage->interface_name, interface)))
            *list_append(ret_indices) = i;
    }
    if (ret_indices->count > before)
        return 0;
    return error_set(error, ENOENT, "unknown-vantage", name, "no vantage is called %s", name);
}

bool vantage_is_default(const struct vantage *vantage)
{
    return vantage->kind == VANTAGE_EXTERNAL || vantage->kind == VANTAGE_LAN ||
           vantage->kind == VANTAGE_HOST || vantage->kind == VANTAGE_SEGMENT;
}

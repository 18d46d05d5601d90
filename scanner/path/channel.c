/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels: what each vantage gets at each entry, and who serves it in the end. */
#include "netns/base/file.h"
#include "netns/base/text.h"
#include "scanner/path/channel_work.h"
#include "scanner/path/entry.h"
#include "scanner/path/reason.h"

#include <errno.h>

void path_channel_free(struct path_channel *channel)
{
    list_free(&channel->addresses);
    list_free(&channel->via);
    prediction_free(&channel->prediction);
}

/* ---- questions ---- */
static const struct interval_set *vantage_sources(const struct vantage *vantage, enum ip_family family)
{
    return family == FAMILY_IP4 ? &vantage->sources4 : &vantage->sources6;
}

static struct query query_of(const struct vantage *vantage, const struct entry *entry)
{
    return (struct query){.namespace = vantage->namespace,
                          .interface = vantage->interface,
                          .family = entry->family,
                          .protocol = entry->protocol,
                          .destination = entry->address,
                          .port = entry->port};
}

/* What no kernel on the way takes from anybody, as an address of its own: no packet of the vantage can have
 * it. */
static bool is_of_nobody(const struct prediction_part *part)
{
    return part->state == STATE_FILTERED && part->decider.kind == DECIDER_ADDRESS &&
           text_equal(part->decider.subject, SUBJECT_MARTIAN_SOURCE);
}

/* Takes those parts out, unless nothing else is left, and gives the sources that the others are of. */
static struct interval_set sources_of_somebody(struct prediction *prediction, const struct interval_set *all)
{
    struct interval_set left = interval_set_copy(all);
    size_t kept = 0, nobodys = 0;
    list_each(const struct prediction_part, part, &prediction->parts)
        nobodys += is_of_nobody(part);
    for (size_t i = 0; i < prediction->parts.count; i++) {
        struct prediction_part *part = &prediction->parts.items[i];
        if (!is_of_nobody(part) || nobodys == prediction->parts.count) {
            prediction->parts.items[kept++] = *part;
            continue;
        }
        struct interval_set rest = interval_set_subtract(&left, &part->sources);
        interval_set_free(&left);
        left = rest;
        prediction_part_free(part);
    }
    prediction->parts.count = kept;
    return left;
}

/* All sources of a vantage are written as the whole family. */
static void sources_widen(struct prediction *prediction, const struct interval_set *all)
{
    _cleanup_interval_set_ struct interval_set left = sources_of_somebody(prediction, all);
    if (prediction->parts.count != 1 || !interval_set_equal(&prediction->parts.items[0].sources, &left))
        return;
    interval_set_free(&prediction->parts.items[0].sources);
    prediction->parts.items[0].sources = interval_set_family(prediction->family);
}

static int ask_uplink(struct symbolic *symbolic, const struct vantage *vantage, const struct entry *entry,
                      const struct interval_set *sources, const struct interval_set *ports,
                      struct prediction *ret_prediction)
{
    struct query query = query_of(vantage, entry);
    const struct interval_set *all = vantage_sources(vantage, entry->family);
    query.sources = sources ? *sources : *all;
    if (ports)
        query.source_ports = *ports;
    int result = symbolic_ask(symbolic, &query, ret_prediction);
    if (result == 0 && !sources && !interval_set_empty(all))
        sources_widen(ret_prediction, all);
    return result;
}

static int ask_sender(struct symbolic *symbolic, uint64_t namespace, const struct entry *entry,
                      const struct interval_set *sources, const struct interval_set *ports,
                      struct prediction *ret_prediction)
{
    struct query query = {.namespace = namespace,
                          .family = entry->family,
                          .protocol = entry->protocol,
                          .destination = entry->address,
                          .port = entry->port};
    if (sources)
        query.sources = *sources;
    if (ports)
        query.source_ports = *ports;
    return symbolic_ask(symbolic, &query, ret_prediction);
}

struct channel_list {
    struct path_channel *items;
    size_t count, capacity;
};

/* ---- the end of a channel ---- */
int32_t container_of_target(const struct world *world, const struct target *target)
{
    const struct snapshot *snapshot = world->snapshot;
    const struct world_namespace *namespace = world_namespace(world, target->namespace);
    if (!namespace)
        return -1;
    if (target->socket >= 0)
        list_each(const uint32_t, index, &namespace->facts->sockets.items[target->socket].processes)
            if (*index < snapshot->processes.count && snapshot->processes.items[*index].container >= 0)
                return snapshot->processes.items[*index].container;
    const struct container *container = snapshot_namespace_container(snapshot, target->namespace);
    if (!container || target->namespace == snapshot->host_namespace)
        return -1;
    return (int32_t)(container - snapshot->containers.items);
}

static void channel_finish(const struct world *world, struct path_channel *channel)
{
    const struct prediction *prediction = &channel->prediction;
    channel->listener = (struct listener_reference){0, -1};
    channel->target.socket = -1;
    if (prediction->parts.count == 0) {
        channel->container = -1;
        return;
    }
    const struct prediction_part *part = &prediction->parts.items[0];
    channel->target = part->target;
    if (part->target.socket >= 0)
        channel->listener = (struct listener_reference){part->target.namespace, part->target.socket};
    channel->container = container_of_target(world, &part->target);
    channel->masked = part->state == STATE_FILTERED && part->later.count == 0 && part->target.socket >= 0 &&
                      (part->decider.kind == DECIDER_RULE || part->decider.kind == DECIDER_POLICY);
}

/* ---- segments ---- */
static bool is_own_address(const struct world_namespace *namespace, struct address address)
{
    list_each(const struct link_address, own, &namespace->facts->addresses)
        if (address_equal(own->prefix.address, address))
            return true;
    return false;
}

static bool is_held(const struct vantage_segment *segment, struct address address)
{
    bool held = world_is_local(segment->holder, address);
    for (size_t i = 0; !held && i < segment->count; i++)
        held = is_own_address(segment->members[i].namespace, address);
    return held;
}

/* On a network of the member's own: it asks its neighbours for the address, not the bridge for the way. */
static bool is_on_link(const struct world_namespace *member, struct address address)
{
    list_each(const struct link_address, own, &member->facts->addresses)
        if (prefix_contains(own->prefix, address))
            return true;
    return false;
}

static int ask_together(struct symbolic *symbolic, const struct vantage *vantage,
                        const struct vantage_segment *segment, const struct entry *entry,
                        const struct interval_set *addresses, const struct interval_set *sources,
                        const struct interval_set *ports, struct prediction *prediction)
{
    _cleanup_interval_set_ struct interval_set asked =
        sources ? interval_set_intersect(addresses, sources) : interval_set_copy(addresses);
    struct vantage at = {.namespace = vantage->namespace, .interface = segment->bridge->index};
    struct prediction one = {0};
    if (interval_set_empty(&asked))
        return 0;
    int result = ask_uplink(symbolic, &at, entry, &asked, ports, &one);
    if (result == 0)
        prediction_join(prediction, &one);
    return result;
}

static int ask_apart(struct symbolic *symbolic, const struct segment_member *member,
                     const struct entry *entry, const struct interval_set *ports,
                     struct prediction *prediction)
{
    struct prediction one = {0};
    int result = ask_sender(symbolic, member->id, entry, NULL, ports, &one);
    if (result == 0)
        prediction_join(prediction, &one);
    return result;
}

/* Members that fare alike but for their address are one question, asked at the bridge; the others each for
 * itself. */
static int ask_segment(struct symbolic *symbolic, const struct vantage *vantage, const struct entry *entry,
                       const struct interval_set *sources, const struct interval_set *ports,
                       struct prediction *ret_prediction)
{
    const struct vantage_segment *segment = segment_find(symbolic, vantage, entry->family);
    struct interval_set others = {0}; /* of members that do not ask together with the rest */
    bool any = false;
    int result = 0;
    *ret_prediction = (struct prediction){.family = entry->family, .state = STATE_UNREACHABLE};
    if (!segment->bridge)
        return -EINVAL;
    bool held = is_held(segment, entry->address);
    for (size_t i = 0; i < segment->count; i++) {
        const struct segment_member *member = &segment->members[i];
        bool own = is_own_address(member->namespace, entry->address);
        bool together = !own && member->plain && (held || !is_on_link(member->namespace, entry->address));
        any |= !own;
        for (size_t j = 0; member->plain && !together && j < member->addresses.count; j++)
            interval_set_add(&others, member->addresses.items[j].first, member->addresses.items[j].last);
        int r = together || own ? 0 : ask_apart(symbolic, member, entry, ports, ret_prediction);
        result = r ? r : result; /* one that could not be asked is not made good by the others */
    }
    struct interval_set together = interval_set_subtract(&segment->plain, &others);
    if (!any)
        segment_addresses(segment->holder, segment->bridge, entry, &together);
    int r = ask_together(symbolic, vantage, segment, entry, &together, sources, ports, ret_prediction);
    interval_set_free(&others);
    interval_set_free(&together);
    return r ? r : result;
}

/* ---- userland proxies ---- */
/* The container's address that a publication forwards to; FAMILY_NONE: none is known. */
static struct address container_address(const struct world *world, const struct container *container,
                                        enum ip_family family)
{
    list_each(const struct container_network, network, &container->networks)
        list_each(const struct address, address, &network->addresses)
            if (address->family == family)
                return *address;
    const struct world_namespace *namespace = world_namespace(world, container->namespace);
    if (namespace)
        list_each(const struct link_address, own, &namespace->facts->addresses)
            if (own->prefix.address.family == family && !address_is_loopback(own->prefix.address) &&
                !address_is_link_local(own->prefix.address))
                return own->prefix.address;
    return (struct address){0};
}

static bool published_here(const struct published *published, const struct socket *socket, uint8_t protocol)
{
    struct address address = socket->address;
    return published->protocol == protocol && published->port == socket->port &&
           (published->address.family == FAMILY_NONE || address_is_any(published->address) ||
            address_is_any(address) || address_equal(published->address, address));
}

/* What the proxy dials: the container's own address of the same family, else of the other. */
static bool proxy_target(const struct world *world, const struct socket *socket, const struct entry *entry,
                         struct entry *ret_entry, int32_t *ret_container)
{
    const struct snapshot *snapshot = world->snapshot;
    for (size_t i = 0; i < snapshot->containers.count; i++)
        list_each(const struct published, published, &snapshot->containers.items[i].published) {
            if (!published_here(published, socket, entry->protocol) ||
                !snapshot->containers.items[i].namespace)
                continue;
            struct address address = container_address(world, &snapshot->containers.items[i], entry->family);
            if (!address.family)
                address = container_address(world, &snapshot->containers.items[i],
                                            entry->family == FAMILY_IP4 ? FAMILY_IP6 : FAMILY_IP4);
            if (!address.family)
                continue;
            *ret_container = (int32_t)i;
            *ret_entry = (struct entry){.family = address.family,
                                        .protocol = entry->protocol,
                                        .address = address,
                                        .port = published->target};
            return true;
        }
    return false;
}

/* The steps of the proxy's own connection behind those that lead to it. */
static void steps_join(struct prediction_part *part, const struct prediction_part *leg, uint64_t namespace,
                       const char *proxy, struct arena *arena)
{
    struct step *steps = arena_alloc(arena, (part->step_count + leg->step_count + 1) * sizeof(*steps));
    if (part->step_count > 0)
        memcpy(steps, part->steps, part->step_count * sizeof(*steps));
    steps[part->step_count] =
        (struct step){.hook = "proxy",
                      .namespace = namespace,
                      .effect = arena_printf(arena, "%s opens a connection of its own", proxy)};
    if (leg->step_count > 0)
        memcpy(steps + part->step_count + 1, leg->steps, leg->step_count * sizeof(*steps));
    part->steps = steps;
    part->step_count += leg->step_count + 1;
}

static void reasons_join(struct prediction_part *part, const struct prediction_part *leg)
{
    list_each(const struct reason, reason, &leg->reasons)
        reason_add(&part->reasons, reason->code, reason->subject, reason->message);
}

/* What a part that ends at a proxy is worth with the proxy's own way to the container. True: somebody serves
 * there. */
static bool part_through(struct prediction_part *part, const struct prediction *leg, uint64_t namespace,
                         const char *proxy, struct arena *arena)
{
    if (leg->parts.count == 0)
        return false;
    const struct prediction_part *best = &leg->parts.items[0];
    steps_join(part, best, namespace, proxy, arena);
    part->target = best->target;
    if (best->state == STATE_UNDETERMINED && part->state == STATE_OPEN) {
        part->state = STATE_UNDETERMINED;
        reasons_join(part, best);
        part->decider = best->decider;
    }
    if (best->state != STATE_OPEN && best->state != STATE_UNDETERMINED)
        part->target.socket = -1;
    return best->state == STATE_OPEN || best->state == STATE_UNDETERMINED;
}

static bool ends_at(const struct prediction_part *part, struct listener_reference listener)
{
    return part->target.namespace == listener.namespace && part->target.socket == listener.socket;
}

/* Where the channel ends at a proxy's socket: the second leg, from its namespace to the container. */
static void channel_through(struct symbolic *symbolic, const struct world *world, struct arena *arena,
                            struct path_channel *channel)
{
    struct listener_reference proxy = channel->listener;
    const char *word = listener_proxy(world, proxy);
    if (!word || channel->prediction.state > STATE_UNDETERMINED)
        return;
    const struct world_namespace *namespace = world_namespace(world, proxy.namespace);
    const struct socket *socket = &namespace->facts->sockets.items[proxy.socket];
    struct prediction leg = {0};
    struct entry to;
    int32_t container = -1;
    bool served = false;
    *list_append(&channel->via) = proxy;
    bool dials = !text_equal(word, "conmon") && proxy_target(world, socket, &channel->entry, &to, &container);
    if (dials && ask_sender(symbolic, proxy.namespace, &to, NULL, NULL, &leg) != 0)
        dials = false;
    list_each(struct prediction_part, part, &channel->prediction.parts)
        if (dials && ends_at(part, proxy))
            served |= part_through(part, &leg, proxy.namespace, word, arena);
    channel_finish(world, channel);
    if (!served) { /* the proxy answers, and nobody stands behind it */
        channel->listener.socket = -1;
        channel->target.socket = -1;
        channel->latent = true;
    }
    if (channel->container < 0)
        channel->container = container;
    prediction_free(&leg);
}

/* ---- one channel ---- */
static int vantage_ask(struct symbolic *symbolic, const struct vantage *vantage, const struct entry *entry,
                       const struct interval_set *sources, const struct interval_set *ports,
                       struct prediction *ret_prediction)
{
    if (vantage->kind == VANTAGE_SEGMENT)
        return ask_segment(symbolic, vantage, entry, sources, ports, ret_prediction);
    if (vantage->interface != 0)
        return ask_uplink(symbolic, vantage, entry, sources, ports, ret_prediction);
    return ask_sender(symbolic, vantage->namespace, entry, sources, ports, ret_prediction);
}

/* Takes the prediction. */
static void channel_make(struct symbolic *symbolic, const struct vantage *vantage, const struct entry *entry,
                         struct prediction *prediction, struct arena *arena, struct path_channel *ret_channel)
{
    const struct world *world = symbolic_world(symbolic);
    struct path_channel channel = {.vantage = vantage, .entry = *entry, .prediction = *prediction};
    *prediction = (struct prediction){0};
    *list_append(&channel.addresses) = entry->address;
    channel_finish(world, &channel);
    channel_through(symbolic, world, arena, &channel);
    *ret_channel = channel;
}

int channel_find(struct symbolic *symbolic, const struct vantage *vantage, const struct entry *entry,
                 const struct interval_set *sources, const struct interval_set *source_ports,
                 struct arena *arena, struct path_channel *ret_channel)
{
    struct prediction prediction = {0};
    int result = vantage_ask(symbolic, vantage, entry, sources, source_ports, &prediction);
    if (result == 0)
        channel_make(symbolic, vantage, entry, &prediction, arena, ret_channel);
    prediction_free(&prediction);
    return result;
}

/* ---- one entry, several listeners ---- */
struct listeners_met {
    struct target *items;
    size_t count, capacity;
};

static void listener_meet(struct listeners_met *met, const struct target *target)
{
    if (target->socket < 0)
        return;
    list_each(const struct target, known, met)
        if (target_same_listener(known, target))
            return;
    *list_append(met) = *target;
}

static bool is_other(const struct prediction_part *part, const struct target *listener)
{
    list_each(const struct target, other, &part->others)
        if (target_same_listener(other, listener))
            return true;
    return false;
}

static void part_copy(const struct prediction_part *part, struct prediction_part *ret_copy)
{
    *ret_copy = *part;
    ret_copy->sources = interval_set_copy(&part->sources);
    ret_copy->source_ports = interval_set_copy(&part->source_ports);
    ret_copy->reasons.items = NULL;
    ret_copy->reasons.count = ret_copy->reasons.capacity = 0;
    reasons_join(ret_copy, part);
    memset(&ret_copy->later, 0, sizeof(ret_copy->later));
    list_each(const struct decider, decider, &part->later)
        *list_append(&ret_copy->later) = *decider;
    memset(&ret_copy->later_for_some, 0, sizeof(ret_copy->later_for_some));
    list_each(const struct decider, decider, &part->later_for_some)
        *list_append(&ret_copy->later_for_some) = *decider;
    memset(&ret_copy->others, 0, sizeof(ret_copy->others));
}

/* The prediction as it concerns one listener: the parts that end at it or may; with `rest`, those that end
 * nowhere. */
static struct prediction prediction_of(const struct prediction *prediction, const struct target *listener,
                                       bool rest)
{
    struct prediction own = {.family = prediction->family, .state = STATE_UNREACHABLE};
    list_each(const struct prediction_part, part, &prediction->parts) {
        bool ends = target_same_listener(&part->target, listener), may = is_other(part, listener);
        if (!ends && !may && !(rest && part->target.socket < 0))
            continue;
        struct prediction_part *copy = list_append(&own.parts);
        part_copy(part, copy);
        if (may)
            copy->target = *listener;
    }
    if (own.parts.count > 0)
        own.state = own.parts.items[0].state;
    list_each(const struct decider, decider, &prediction->off_path)
        *list_append(&own.off_path) = *decider;
    return own;
}

/* The channels of an entry: one for each listener that it leads to (the contract's "one way in"). */
static int channels_ask(struct symbolic *symbolic, const struct vantage *vantage, const struct entry *entry,
                        struct arena *arena, struct channel_list *ret_channels)
{
    _cleanup_prediction_ struct prediction prediction = {0};
    struct listeners_met met = {0};
    int result = vantage_ask(symbolic, vantage, entry, NULL, NULL, &prediction);
    if (result != 0)
        return result;
    list_each(const struct prediction_part, part, &prediction.parts) {
        listener_meet(&met, &part->target);
        list_each(const struct target, other, &part->others)
            listener_meet(&met, other);
    }
    for (size_t i = 0; i < met.count && met.count > 1; i++) {
        struct prediction own = prediction_of(&prediction, &met.items[i], i == 0);
        channel_make(symbolic, vantage, entry, &own, arena, list_append(ret_channels));
    }
    if (met.count <= 1)
        channel_make(symbolic, vantage, entry, &prediction, arena, list_append(ret_channels));
    list_free(&met);
    return 0;
}

/* ---- do two addresses of an entry fare alike? ---- */
static bool rules_alike(const struct rule_reference *a, const struct rule_reference *b)
{
    return a->namespace == b->namespace && text_equal(a->table, b->table) &&
           text_equal(a->family, b->family) && text_equal(a->chain, b->chain) && a->handle == b->handle &&
           a->position == b->position;
}

static bool deciders_alike(const struct decider *a, const struct decider *b)
{
    return a->kind == b->kind && a->namespace == b->namespace && rules_alike(&a->rule, &b->rule) &&
           (a->kind == DECIDER_RULE || a->kind == DECIDER_POLICY || text_equal(a->text, b->text));
}

static bool parts_alike(const struct prediction_part *a, const struct prediction_part *b)
{
    bool same_end = a->target.namespace == b->target.namespace && a->target.port == b->target.port &&
                    a->target.socket == b->target.socket;
    return a->state == b->state && same_end && interval_set_equal(&a->sources, &b->sources) &&
           interval_set_equal(&a->source_ports, &b->source_ports) && deciders_alike(&a->decider, &b->decider);
}

/* The kernel gives a sender the address itself as source where it is its own: then the sources need not be
 * the same. */
static bool channels_alike(const struct path_channel *a, const struct path_channel *b)
{
    if (a->prediction.parts.count != b->prediction.parts.count || a->via.count != b->via.count ||
        a->latent != b->latent)
        return false;
    for (size_t i = 0; i < a->prediction.parts.count; i++) {
        struct prediction_part left = a->prediction.parts.items[i], right = b->prediction.parts.items[i];
        if (a->vantage->interface == 0 && a->prediction.parts.count == 1)
            right.sources = left.sources;
        if (!parts_alike(&left, &right))
            return false;
    }
    return true;
}

/* ---- all channels ---- */
struct channels_walk {
    const struct world *world;
    const struct channel_options *options;
    struct symbolic *symbolic;
    struct arena *arena;
    channel_sink sink;
    void *context;
};

static bool is_private(struct address address)
{
    static const char *const prefixes[] = {"10.0.0.0/8",    "172.16.0.0/12",  "192.168.0.0/16",
                                           "100.64.0.0/10", "169.254.0.0/16", "fc00::/7",
                                           "fe80::/10"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        struct prefix prefix;
        if (prefix_parse(prefixes[i], true, &prefix, NULL) == 0 && prefix_contains(prefix, address))
            return true;
    }
    return false;
}

static bool on_uplink(const struct world *world, const struct vantage *vantage, struct address address)
{
    const struct world_namespace *host = world_namespace(world, vantage->namespace);
    list_each(const struct link_address, own, &host->facts->addresses)
        if (own->index == vantage->interface && address_equal(own->prefix.address, address))
            return true;
    return false;
}

/* Can a packet of the vantage have this destination at all? */
static bool address_is_dialled(const struct world *world, const struct vantage *vantage,
                               const struct path_entry *entry, struct address address)
{
    bool uplink = vantage->interface != 0, same = vantage->namespace == entry->namespace;
    if (vantage->kind == VANTAGE_INSIDE && !same)
        return false;
    if (entry->loopback)
        return same && vantage->kind != VANTAGE_SEGMENT && vantage->kind != VANTAGE_EXTERNAL;
    if (address_is_link_local(address) && address.family == FAMILY_IP6)
        return uplink && vantage->kind == VANTAGE_LAN && same &&
               text_equal(entry->entry.interface, vantage->interface_name);
    /* a private network behind the host is not routed to from afar */
    if (vantage->kind == VANTAGE_EXTERNAL)
        return !is_private(address) || (same && on_uplink(world, vantage, address));
    return true;
}

bool vantage_dials(const struct world *world, const struct vantage *vantage, uint64_t namespace,
                   struct address address)
{
    struct path_entry entry = {.namespace = namespace, .loopback = address_is_loopback(address)};
    return address_is_dialled(world, vantage, &entry, address);
}

bool container_is_wanted(const struct channel_options *options, const struct container *container)
{
    for (size_t i = 0; i < options->container_count; i++)
        if (text_match(options->containers[i], container->name))
            return true;
    return options->container_count == 0;
}

bool deadline_passed(const struct channel_options *options)
{
    return options->deadline != 0 && (int64_t)(time_monotonic_ns() / 1000000u) >= options->deadline;
}

static bool is_wanted(const struct channels_walk *walk, const struct path_channel *channel)
{
    if (channel->container < 0)
        return walk->options->container_count == 0;
    return container_is_wanted(walk->options, &walk->world->snapshot->containers.items[channel->container]);
}

static int channel_give(struct channels_walk *walk, struct path_channel *channel)
{
    int result = is_wanted(walk, channel) ? walk->sink(channel, walk->context) : 0;
    path_channel_free(channel);
    return result;
}

/* Puts the channel with one that fares alike, or keeps it. */
static void channel_keep(struct channel_list *list, struct path_channel *channel)
{
    list_each(struct path_channel, other, list)
        if (channels_alike(other, channel)) {
            *list_append(&other->addresses) = channel->entry.address;
            path_channel_free(channel);
            return;
        }
    *list_append(list) = *channel;
}

static void channel_named(const struct channels_walk *walk, const struct path_entry *entry,
                          struct path_channel *channel)
{
    const uint32_t names = ENTRY_OF_REWRITE | ENTRY_OF_PUBLICATION | ENTRY_OF_POLICY;
    (void)walk;
    channel->origin = entry->origin;
    channel->latent |= channel->prediction.state == STATE_CLOSED && (entry->origin & names);
    if (channel->listener.socket < 0 && !channel->latent && channel->prediction.state != STATE_CLOSED)
        channel->listener = entry->listener;
    if (channel->container < 0 && channel->target.namespace != channel->vantage->namespace)
        channel->container = entry->container;
}

/* A channel that nobody could be asked about: undetermined for every source, never left out. */
static void channel_unasked(const struct channels_walk *walk, const struct vantage *vantage,
                            const struct entry *entry, const char *code, const char *message,
                            struct path_channel *ret_channel)
{
    struct path_channel channel = {
        .vantage = vantage, .entry = *entry, .listener = {0, -1}, .container = -1, .target = {.socket = -1}};
    const struct interval_set *sources =
        entry->family == FAMILY_IP6 ? &vantage->sources6 : &vantage->sources4;
    struct prediction_part *part = list_append(&channel.prediction.parts);

    channel.prediction.family = entry->family;
    channel.prediction.state = part->state = STATE_UNDETERMINED;
    part->sources = sources->count ? interval_set_copy(sources) : interval_set_family(entry->family);
    part->target.socket = -1;
    reason_add(&part->reasons, code, arena_strdup(walk->arena, vantage->name), message);
    *list_append(&channel.addresses) = entry->address;
    *ret_channel = channel;
}

static void channels_of(const struct channels_walk *walk, const struct vantage *vantage,
                        const struct entry *entry, struct channel_list *ret_channels)
{
    if (deadline_passed(walk->options))
        channel_unasked(walk, vantage, entry, REASON_TIMEOUT, "the scan's time was over",
                        list_append(ret_channels));
    else if (channels_ask(walk->symbolic, vantage, entry, walk->arena, ret_channels) != 0)
        channel_unasked(walk, vantage, entry, REASON_LINKS_UNREAD,
                        "the vantage's place in the network is not known", list_append(ret_channels));
}

static int entry_channels(struct channels_walk *walk, const struct vantage *vantage,
                          const struct path_entry *entry)
{
    struct channel_list list = {0};
    int result = 0;
    list_each(const struct address, address, &entry->addresses) {
        struct channel_list found = {0};
        struct entry one = entry->entry;
        one.address = *address;
        if (!address_is_dialled(walk->world, vantage, entry, *address))
            continue;
        channels_of(walk, vantage, &one, &found);
        list_each(struct path_channel, channel, &found) {
            channel_named(walk, entry, channel);
            channel_keep(&list, channel);
        }
        list_free(&found);
    }
    list_each(struct path_channel, channel, &list) {
        if (result == 0)
            result = channel_give(walk, channel);
        else
            path_channel_free(channel);
    }
    list_free(&list);
    return result;
}

static int extra_channels(struct channels_walk *walk, const struct vantage *vantage)
{
    int result = 0;
    for (size_t i = 0; i < walk->options->extra_count && result == 0; i++) {
        struct path_entry entry = {.entry = walk->options->extra[i],
                                   .origin = ENTRY_OF_POLICY,
                                   .namespace = vantage->namespace,
                                   .listener = {0, -1},
                                   .container = -1,
                                   .loopback = address_is_loopback(walk->options->extra[i].address)};
        *list_append(&entry.addresses) = entry.entry.address;
        result = entry_channels(walk, vantage, &entry);
        list_free(&entry.addresses);
    }
    return result;
}

int channels_find(const struct world *world, const struct vantage_list *vantages, const size_t *from,
                  size_t from_count, const struct channel_options *options, struct arena *arena,
                  channel_sink sink, void *context)
{
    static const struct channel_options none;
    struct path_entry_list entries;
    struct channels_walk walk = {.world = world,
                                 .options = options ? options : &none,
                                 .symbolic = symbolic_new(world, arena),
                                 .arena = arena,
                                 .sink = sink,
                                 .context = context};
    int result = 0;
    entries_find(world, walk.options->range_limit, arena, &entries);
    for (size_t i = 0; i < from_count && result == 0; i++) {
        const struct vantage *vantage = &vantages->items[from[i]];
        for (size_t j = 0; j < entries.count && result == 0; j++)
            result = entry_channels(&walk, vantage, &entries.items[j]);
        if (result == 0)
            result = extra_channels(&walk, vantage);
    }
    path_entry_list_free(&entries);
    symbolic_free(walk.symbolic);
    return result;
}

/* ---- targets as people write them ---- */
static int bad_target(struct error *error, const char *text)
{
    return error_set(error, EINVAL, "bad-target", text,
                     "%s is neither CONTAINER:PORT/PROTO nor ADDRESS:PORT/PROTO", text);
}

static void target_add(struct entry_list *list, struct address address, uint16_t port, uint8_t protocol)
{
    list_each(const struct entry, entry, list)
        if (address_equal(entry->address, address) && entry->port == port && entry->protocol == protocol)
            return;
    *list_append(list) =
        (struct entry){.family = address.family, .protocol = protocol, .address = address, .port = port};
}

static void namespace_targets(const struct world *world, uint64_t id, uint16_t port, uint8_t protocol,
                              struct entry_list *list)
{
    const struct world_namespace *namespace = world_namespace(world, id);
    if (namespace)
        list_each(const struct link_address, own, &namespace->facts->addresses)
            if (!address_is_loopback(own->prefix.address) && !address_is_link_local(own->prefix.address))
                target_add(list, own->prefix.address, port, protocol);
}

static void published_targets(const struct world *world, const struct published *published, uint8_t protocol,
                              struct entry_list *list)
{
    bool any = published->address.family == FAMILY_NONE || address_is_any(published->address);
    const struct world_namespace *host = world_namespace(world, world->snapshot->host_namespace);
    if (!any)
        target_add(list, published->address, published->port, protocol);
    else if (host)
        list_each(const struct link_address, own, &host->facts->addresses)
            if (!address_is_loopback(own->prefix.address) && !address_is_link_local(own->prefix.address) &&
                (published->address.family == FAMILY_NONE ||
                 published->address.family == own->prefix.address.family))
                target_add(list, own->prefix.address, published->port, protocol);
}

static int container_targets(const struct world *world, const char *name, uint16_t port, uint8_t protocol,
                             struct entry_list *list, struct error *error)
{
    const struct container *container = snapshot_container(world->snapshot, name);
    if (!container && text_equal(name, "host")) {
        namespace_targets(world, world->snapshot->host_namespace, port, protocol, list);
        return 0;
    }
    if (!container || !container->namespace)
        return error_set(error, ENOENT, "unknown-container", name, "no running container is called %s", name);
    namespace_targets(world, container->namespace, port, protocol, list);
    list_each(const struct published, published, &container->published)
        if (published->target == port && published->protocol == protocol)
            published_targets(world, published, protocol, list);
    return 0;
}

int target_parse(const struct world *world, const char *text, struct arena *arena,
                 struct entry_list *ret_entries, struct error *error)
{
    *ret_entries = (struct entry_list){0};
    char *copy = arena_strdup(arena, text);
    char *slash = strrchr(copy, '/');
    if (!slash)
        return bad_target(error, text);
    *slash = '\0';
    char *colon = strrchr(copy, ':');
    uint64_t port;
    uint8_t protocol = protocol_parse(slash + 1);
    if (!colon || protocol == 0 || !text_number(colon + 1, 1, UINT16_MAX, &port))
        return bad_target(error, text);
    *colon = '\0';
    size_t length = strlen(copy);
    struct address address;
    bool bracketed = length > 2 && copy[0] == '[' && copy[length - 1] == ']';
    if (bracketed) {
        copy[length - 1] = '\0';
        copy++;
    }
    if (address_parse(copy, &address, NULL) == 0 && bracketed == (address.family == FAMILY_IP6)) {
        target_add(ret_entries, address, (uint16_t)port, protocol);
        return 0;
    }
    if (bracketed || length == 0)
        return bad_target(error, text);
    return container_targets(world, copy, (uint16_t)port, protocol, ret_entries, error);
}

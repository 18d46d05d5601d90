/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is open without a listener: ports of containers whose path is open, as ranges. */
#include "netns/base/text.h"
#include "scanner/path/channel_work.h"
#include "scanner/path/entry.h"
#include "scanner/path/visit.h"

#define PIECES_LIMIT 2048
#define LAST_PORT    65535u

void open_range_list_free(struct open_range_list *list)
{
    list_each(struct open_range, range, list) {
        interval_set_free(&range->ports);
        interval_set_free(&range->sources);
    }
    list_free(list);
}

/* ---- where ports are cut ---- */
/* Ports that rules of the host's, or of the namespace's own, tell apart, with the destinations that they do
 * it for. */
struct mention {
    struct destinations destinations;
    enum ip_family family;
    uint8_t protocol;
};
struct mention_list {
    struct mention *items;
    size_t count, capacity;
};

struct mention_context {
    struct mention_list *list;
    enum ip_family family;
    uint8_t protocol;
};

static bool mention_visit(const struct rule_visit *visit, void *context)
{
    struct mention_context *mention = context;
    if (visit->destinations.any_port)
        return true;
    struct mention *new = list_append(mention->list);
    *new = (struct mention){destinations_copy(&visit->destinations), mention->family, mention->protocol};
    return true;
}

static void mentions_of(const struct world_namespace *namespace, struct mention_list *list)
{
    static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP};
    static const enum ip_family families[] = {FAMILY_IP4, FAMILY_IP6};
    for (size_t f = 0; f < 2; f++)
        for (size_t p = 0; p < 2; p++)
            for (enum nft_hook hook = HOOK_PREROUTING; hook <= HOOK_POSTROUTING; hook++) {
                struct mention_context context = {list, families[f], protocols[p]};
                rules_visit(namespace, families[f], protocols[p], hook, NULL, 0, mention_visit, &context);
            }
}

static void mentions_free(struct mention_list *list)
{
    list_each(struct mention, mention, list)
        destinations_free(&mention->destinations);
    list_free(list);
}

/* First ports of the pieces: a sorted set of single ports. */
static void cuts_add(struct interval_set *cuts, const struct interval_set *ports)
{
    for (size_t i = 0; i < ports->count; i++) {
        interval_set_add(cuts, ports->items[i].first, ports->items[i].first);
        if (ports->items[i].last < LAST_PORT)
            interval_set_add(cuts, ports->items[i].last + 1, ports->items[i].last + 1);
    }
}

static void cuts_from(const struct mention_list *mentions, const struct entry *entry,
                      struct interval_set *cuts)
{
    list_each(const struct mention, mention, mentions) {
        const struct destinations *destinations = &mention->destinations;
        if (mention->family == entry->family && mention->protocol == entry->protocol &&
            (destinations->any_address ||
             interval_set_contains(&destinations->addresses, entry->address.value)))
            cuts_add(cuts, &destinations->ports);
    }
}

static void policy_rule_cuts(const struct world_namespace *namespace, struct interval_set *cuts)
{
    list_each(const struct policy_rule, rule, &namespace->facts->policy_rules) {
        struct interval_set ports = {0};
        if (rule->has_destination_port)
            ports = interval_set_range(rule->destination_port_first, rule->destination_port_last);
        cuts_add(cuts, &ports);
        interval_set_free(&ports);
    }
}

/* Ports that somebody listens on are channels of their own. */
static struct interval_set listened(const struct world_namespace *namespace, uint8_t protocol)
{
    struct interval_set ports = {0};
    list_each(const struct socket, socket, &namespace->facts->sockets) {
        bool tcp = socket->kind == SOCKET_TCP || socket->kind == SOCKET_MPTCP;
        bool udp = socket->kind == SOCKET_UDP;
        if (socket_is_listener(socket) && (protocol == PROTOCOL_TCP ? tcp : udp))
            interval_set_add(&ports, socket->port, socket->port);
    }
    return ports;
}

/* ---- pieces ---- */
struct range_walk {
    const struct world *world;
    const struct vantage_list *vantages;
    struct symbolic *symbolic;
    struct arena *arena;
    const struct channel_options *options;
    struct open_range_list *list;
    enum ranges_done done;
    const struct mention_list *host_mentions;
};

/* What let it through: the last rule or policy of an input or forward hook that accepted. */
static struct decider passing_decider(const struct prediction_part *part)
{
    struct decider decider = part->decider;
    for (size_t i = 0; i < part->step_count; i++) {
        const struct step *step = &part->steps[i];
        bool filters = text_equal(step->hook, "forward") || text_equal(step->hook, "input");
        if (!step->has_rule || !filters || !text_equal(step->effect, "accept"))
            continue;
        bool rule = step->rule.handle != 0;
        if (rule || decider.kind != DECIDER_RULE)
            decider = (struct decider){.kind = rule ? DECIDER_RULE : DECIDER_POLICY,
                                       .namespace = step->namespace,
                                       .rule = step->rule,
                                       .subject = step->hook};
    }
    return decider;
}

static bool same_rule(const struct decider *a, const struct decider *b)
{
    return a->kind == b->kind && a->namespace == b->namespace && a->rule.handle == b->rule.handle &&
           text_equal(a->rule.table, b->rule.table) && text_equal(a->rule.chain, b->rule.chain) &&
           text_equal(a->rule.family, b->rule.family);
}

static void range_add(struct range_walk *walk, size_t vantage, int32_t container, const struct entry *entry,
                      const struct prediction_part *part, uint16_t last)
{
    struct decider decider = passing_decider(part);
    struct open_range *found = NULL;
    list_each(struct open_range, range, walk->list)
        if (range->vantage == vantage && range->container == container &&
            range->protocol == entry->protocol && address_equal(range->address, entry->address) &&
            interval_set_equal(&range->sources, &part->sources) && same_rule(&range->decider, &decider))
            found = range;
    if (!found) {
        found = list_append(walk->list);
        *found = (struct open_range){.vantage = vantage,
                                     .container = container,
                                     .family = entry->family,
                                     .protocol = entry->protocol,
                                     .address = entry->address,
                                     .sources = interval_set_copy(&part->sources),
                                     .decider = decider};
    }
    interval_set_add(&found->ports, entry->port, last);
}

static void piece_ask(struct range_walk *walk, size_t vantage, int32_t container, uint64_t namespace,
                      const struct entry *entry, uint16_t last)
{
    struct path_channel channel;
    if (channel_find(walk->symbolic, &walk->vantages->items[vantage], entry, NULL, NULL, walk->arena,
                     &channel) != 0)
        return;
    list_each(const struct prediction_part, part, &channel.prediction.parts)
        if (part->state <= STATE_CLOSED && part->state != STATE_UNDETERMINED &&
            part->target.namespace == namespace)
            range_add(walk, vantage, container, entry, part, last);
    path_channel_free(&channel);
}

static void pieces_ask(struct range_walk *walk, size_t vantage, int32_t container, uint64_t namespace,
                       struct entry entry, const struct interval_set *cuts, const struct interval_set *taken)
{
    size_t asked = 0;
    for (size_t i = 0; i < cuts->count; i++)
        for (u128 first = cuts->items[i].first; first <= cuts->items[i].last; first++) {
            u128 next = first < cuts->items[i].last ? first + 1
                        : i + 1 < cuts->count       ? cuts->items[i + 1].first
                                                    : LAST_PORT + 1;
            if (interval_set_contains(taken, first))
                continue;
            if (asked++ >= (walk->options->range_limit ? walk->options->range_limit : PIECES_LIMIT)) {
                walk->done = RANGES_CUT;
                return;
            }
            if (deadline_passed(walk->options)) {
                walk->done = RANGES_LATE;
                return;
            }
            entry.port = (uint16_t)first;
            piece_ask(walk, vantage, container, namespace, &entry, (uint16_t)(next - 1));
        }
}

static void address_ranges(struct range_walk *walk, const size_t *from, size_t from_count, int32_t container,
                           const struct world_namespace *namespace, const struct mention_list *own,
                           struct address address, uint8_t protocol)
{
    struct entry entry = {.family = address.family, .protocol = protocol, .address = address};
    struct interval_set cuts = interval_set_range(1, 1), taken = listened(namespace, protocol);
    cuts_from(walk->host_mentions, &entry, &cuts);
    cuts_from(own, &entry, &cuts);
    policy_rule_cuts(namespace, &cuts);
    cuts_add(&cuts, &taken);
    for (size_t i = 0; i < from_count; i++) {
        const struct vantage *vantage = &walk->vantages->items[from[i]];
        if (vantage->kind == VANTAGE_INSIDE || vantage->namespace == namespace->facts->id ||
            !vantage_dials(walk->world, vantage, namespace->facts->id, address))
            continue;
        pieces_ask(walk, from[i], container, namespace->facts->id, entry, &cuts, &taken);
    }
    interval_set_free(&cuts);
    interval_set_free(&taken);
}

static void container_ranges(struct range_walk *walk, const size_t *from, size_t from_count,
                             int32_t container, const struct world_namespace *namespace)
{
    struct mention_list own = {0};
    mentions_of(namespace, &own);
    list_each(const struct link_address, address, &namespace->facts->addresses) {
        if (address_is_loopback(address->prefix.address) || address_is_link_local(address->prefix.address))
            continue;
        address_ranges(walk, from, from_count, container, namespace, &own, address->prefix.address,
                       PROTOCOL_TCP);
        address_ranges(walk, from, from_count, container, namespace, &own, address->prefix.address,
                       PROTOCOL_UDP);
    }
    mentions_free(&own);
}

/* Of a namespace that several containers share the first one stands for it. */
static bool is_first_of(const struct snapshot *snapshot, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (snapshot->containers.items[i].namespace == snapshot->containers.items[index].namespace &&
            !snapshot->containers.items[i].infrastructure)
            return false;
    return !snapshot->containers.items[index].infrastructure;
}

enum ranges_done open_ranges_find(const struct world *world, const struct vantage_list *vantages,
                                  const size_t *from, size_t from_count,
                                  const struct channel_options *options, struct arena *arena,
                                  struct open_range_list *ret_ranges)
{
    static const struct channel_options none;
    const struct snapshot *snapshot = world->snapshot;
    const struct world_namespace *host = world_namespace(world, snapshot->host_namespace);
    struct mention_list mentions = {0};
    *ret_ranges = (struct open_range_list){0};
    struct range_walk walk = {.world = world,
                              .vantages = vantages,
                              .symbolic = symbolic_new(world, arena),
                              .arena = arena,
                              .options = options ? options : &none,
                              .list = ret_ranges,
                              .host_mentions = &mentions};
    if (host)
        mentions_of(host, &mentions);
    for (size_t i = 0; i < snapshot->containers.count && walk.done != RANGES_LATE; i++) {
        const struct world_namespace *namespace =
            world_namespace(world, snapshot->containers.items[i].namespace);
        if (namespace && namespace != host && is_first_of(snapshot, i) &&
            container_is_wanted(walk.options, &snapshot->containers.items[i]))
            container_ranges(&walk, from, from_count, (int32_t)i, namespace);
    }
    mentions_free(&mentions);
    symbolic_free(walk.symbolic);
    return walk.done;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/world.h"

#include "scanner/path/element.h"
#include "scanner/path/guard.h"
#include "scanner/path/world_effect.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#define TABLE_DORMANT  1u /* NFT_TABLE_F_DORMANT: has no hooks */
#define NAT_PRIORITY   100
#define NF_ACCEPT_CODE 1u

struct table_index {
    struct map *chains, *sets; /* by name */
};

struct table_routes { /* of one routing table */
    enum ip_family family;
    uint32_t table;
    LIST(const struct route *) routes;
};

struct rule_list {
    const struct policy_rule **items;
    size_t count, capacity;
};

struct namespace_index {
    struct map *links;    /* by ifindex: struct link */
    struct map *tables;   /* by address of the nft_table: struct table_index */
    struct map *elements; /* by address of the nft_set: struct element_list */
    struct map *guards;   /* by address of the nft_chain: struct chain_guards */
    LIST(struct table_index *) all_tables;
    LIST(struct table_routes) routes;
    struct rule_list policy_rules[2];
};

/* ---- hooks ---- */

static const struct table_index *table_of(const struct world_namespace *namespace,
                                          const struct nft_table *table)
{
    const struct namespace_index *index = namespace->index;
    return map_get_u64(index->tables, (uint64_t)(uintptr_t)table);
}

/* A chain that drops nothing and holds no rule does nothing. */
static bool chain_has_effect(const struct nft_chain *chain)
{
    return chain->rules.count > 0 || chain->policy != NF_ACCEPT_CODE || chain->unknown_attribute;
}

static bool is_nat(const struct nft_chain *chain)
{
    return chain->type && strcmp(chain->type, "nat") == 0;
}

/* nf_nat registers one function for all NAT chains, at its own priorities. */
static int32_t effective_priority(const struct nft_chain *chain)
{
    if (!is_nat(chain))
        return chain->priority;
    return chain->hook == HOOK_PREROUTING || chain->hook == HOOK_OUTPUT ? -NAT_PRIORITY : NAT_PRIORITY;
}

static void hook_add(const struct world_namespace *namespace, struct hook_list *list,
                     const struct nft_table *table, const struct nft_chain *chain)
{
    const struct table_index *index = table_of(namespace, table);
    struct hook_chain *new = list_append(list);
    new->table = table;
    new->chain = chain;
    new->nat = is_nat(chain);
    new->priority = effective_priority(chain);
    chain_effects(chain, index->chains, index->sets, &new->reads, &new->writes);
}

struct hook_sort {
    uint32_t
        nat_order; /* place of the NAT function among the hooks: that of the first NAT chain of the family */
};

static int compare_hooks(const void *a, const void *b, void *context)
{
    const struct hook_chain *left = a, *right = b;
    const struct hook_sort *sort = context;
    if (left->priority != right->priority)
        return left->priority < right->priority ? -1 : 1;
    uint32_t left_order = left->chain->order, right_order = right->chain->order;
    if (left->nat && right->nat) {
        if (left->chain->priority != right->chain->priority)
            return left->chain->priority < right->chain->priority ? -1 : 1;
    } else if (left->nat) {
        left_order = sort->nat_order;
    } else if (right->nat) {
        right_order = sort->nat_order;
    }
    if (left_order == right_order)
        return left->nat ? 1 : -1;
    return left_order > right_order ? -1 : 1; /* nf_hook_entries_grow: before those of equal priority */
}

static bool same_group(const struct hook_chain *a, const struct hook_chain *b)
{
    return a->priority == b->priority && a->nat == b->nat && a->chain->priority == b->chain->priority;
}

static bool effects_meet(const struct hook_chain *a, const struct hook_chain *b)
{
    return (a->writes & (b->reads | b->writes)) || (b->writes & (a->reads | a->writes));
}

static void hooks_group(struct hook_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct hook_chain *chain = &list->items[i];
        chain->group = i == 0 ? 0 : chain[-1].group + !same_group(chain - 1, chain);
        for (size_t j = 0; j < i; j++) {
            struct hook_chain *other = &list->items[j];
            if (other->group == chain->group && other->table != chain->table && effects_meet(chain, other))
                other->order_matters = chain->order_matters = true;
        }
    }
}

static void hooks_beside_nat(struct hook_list *list, const struct nft_table *nat_table, bool one_nat_table)
{
    bool nat_here = false;
    list_each(struct hook_chain, chain, list)
        nat_here |= chain->nat;
    list_each(struct hook_chain, chain, list) {
        if (chain->nat || !nat_here)
            continue;
        bool at_nat = chain->chain->hook == HOOK_PREROUTING || chain->chain->hook == HOOK_OUTPUT
                          ? chain->priority == -NAT_PRIORITY
                          : chain->priority == NAT_PRIORITY;
        bool known = one_nat_table && chain->table == nat_table;
        chain->beside_nat = at_nat && !known && ((chain->reads | chain->writes) & ~(uint32_t)PACKET_CT_MARK);
    }
}

static void hooks_order(struct world_namespace *namespace, size_t family)
{
    struct hook_sort sort = {.nat_order = UINT32_MAX};
    const struct nft_table *nat_table = NULL;
    bool one_nat_table = true;
    for (size_t hook = 0; hook <= HOOK_POSTROUTING; hook++)
        list_each(struct hook_chain, chain, &namespace->hooks[family][hook]) {
            if (!chain->nat)
                continue;
            namespace->nat[family] = true;
            if (chain->chain->order < sort.nat_order)
                sort.nat_order = chain->chain->order;
            one_nat_table &= !nat_table || nat_table == chain->table;
            nat_table = chain->table;
        }
    for (size_t hook = 0; hook <= HOOK_POSTROUTING; hook++) {
        struct hook_list *list = &namespace->hooks[family][hook];
        if (list->count > 1)
            qsort_r(list->items, list->count, sizeof(*list->items), compare_hooks, &sort);
        hooks_group(list);
        hooks_beside_nat(list, nat_table, one_nat_table);
    }
}

static void chain_hook(struct world_namespace *namespace, const struct nft_table *table,
                       const struct nft_chain *chain)
{
    if (chain->hook > HOOK_POSTROUTING || table->family == NFT_FAMILY_NETDEV) {
        if (chain_has_effect(chain))
            hook_add(namespace, &namespace->device_hooks, table, chain);
        return;
    }
    if (table->family == NFT_FAMILY_IP || table->family == NFT_FAMILY_INET)
        hook_add(namespace, &namespace->hooks[0][chain->hook], table, chain);
    if (table->family == NFT_FAMILY_IP6 || table->family == NFT_FAMILY_INET)
        hook_add(namespace, &namespace->hooks[1][chain->hook], table, chain);
    if (table->family == NFT_FAMILY_BRIDGE && chain_has_effect(chain))
        hook_add(namespace, &namespace->bridge_hooks[chain->hook], table, chain);
    if (table->family == NFT_FAMILY_ARP && chain_has_effect(chain))
        hook_add(namespace, &namespace->arp_hooks[chain->hook], table, chain);
}

static void table_index(struct world_namespace *namespace, const struct nft_table *table)
{
    struct namespace_index *index = namespace->index;
    struct table_index *new = arena_alloc(namespace->world->arena, sizeof(*new));
    new->chains = map_new();
    new->sets = map_new();
    map_set_u64(index->tables, (uint64_t)(uintptr_t)table, new);
    *list_append(&index->all_tables) = new;
    list_each(const struct nft_chain, chain, &table->chains) {
        map_set(new->chains, chain->name, (void *)(uintptr_t)chain);
        map_set_u64(index->guards, (uint64_t)(uintptr_t)chain,
                    guards_make(table->family, chain, namespace->world->arena));
    }
    list_each(const struct nft_set, set, &table->sets)
        map_set(new->sets, set->name, (void *)(uintptr_t)set);
}

static void tables_index(struct world_namespace *namespace)
{
    list_each(const struct nft_table, table, &namespace->facts->ruleset.tables) {
        table_index(namespace, table);
        bool ip = table->family == NFT_FAMILY_IP || table->family == NFT_FAMILY_INET;
        bool ip6 = table->family == NFT_FAMILY_IP6 || table->family == NFT_FAMILY_INET;
        table_tracking(table, namespace->tracking);
        if (table->flags & TABLE_DORMANT)
            continue;
        namespace->incomplete[0] |= ip && table->incomplete;
        namespace->incomplete[1] |= ip6 && table->incomplete;
        list_each(const struct nft_chain, chain, &table->chains)
            if (chain->base)
                chain_hook(namespace, table, chain);
    }
    hooks_order(namespace, 0);
    hooks_order(namespace, 1);
}

/* ---- routes ---- */

static struct table_routes *routes_of(struct namespace_index *index, enum ip_family family, uint32_t table)
{
    list_each(struct table_routes, routes, &index->routes)
        if (routes->family == family && routes->table == table)
            return routes;
    return NULL;
}

/* Sorts pointers into one array, so that the address is the age. */
static int compare_routes(const void *a, const void *b)
{
    const struct route *left = *(const struct route *const *)a, *right = *(const struct route *const *)b;
    if (left->destination.length != right->destination.length)
        return left->destination.length > right->destination.length ? -1 : 1;
    uint8_t left_source = left->source.address.family ? left->source.length : 0;
    uint8_t right_source = right->source.address.family ? right->source.length : 0;
    if (left_source != right_source)
        return left_source > right_source ? -1 : 1;
    if (left->family == FAMILY_IP4 && left->tos != right->tos) /* fib_insert_alias: TOS before metric */
        return left->tos > right->tos ? -1 : 1;
    if (left->priority != right->priority)
        return left->priority < right->priority ? -1 : 1;
    return left < right ? -1 : left > right;
}

static void routes_index(struct world_namespace *namespace)
{
    struct namespace_index *index = namespace->index;
    list_each(const struct route, route, &namespace->facts->routes) {
        struct table_routes *routes = routes_of(index, route->family, route->table);
        if (!routes) {
            routes = list_append(&index->routes);
            routes->family = route->family;
            routes->table = route->table;
        }
        *list_append(&routes->routes) = route;
    }
    list_each(struct table_routes, routes, &index->routes)
        qsort(routes->routes.items, routes->routes.count, sizeof(struct route *), compare_routes);
}

static int compare_policy_rules(const void *a, const void *b)
{
    const struct policy_rule *left = *(const struct policy_rule *const *)a;
    const struct policy_rule *right = *(const struct policy_rule *const *)b;
    if (left->priority != right->priority)
        return left->priority < right->priority ? -1 : 1;
    return left < right ? -1 : left > right;
}

/* local 0, main 32766, default 32767 (IPv4), without a selector: what every namespace begins with. */
static bool is_kernel_rule(const struct policy_rule *rule)
{
    bool plain = rule->action == FR_ACT_TO_TBL && !rule->invert && !rule->from.length && !rule->to.length &&
                 !rule->mark_mask && !rule->input_interface && !rule->output_interface && !rule->has_uid &&
                 !rule->l3mdev && !rule->ip_protocol && !rule->has_source_port &&
                 !rule->has_destination_port && !rule->tos && rule->suppress_prefix_length < 0 &&
                 rule->suppress_group < 0 && !rule->unknown_attribute;
    return plain && ((rule->priority == 0 && rule->table == RT_TABLE_LOCAL) ||
                     (rule->priority == 32766 && rule->table == RT_TABLE_MAIN) ||
                     (rule->priority == 32767 && rule->table == RT_TABLE_DEFAULT));
}

static void policy_rules_index(struct world_namespace *namespace)
{
    struct namespace_index *index = namespace->index;
    size_t kernel_rules[2] = {0};
    list_each(const struct policy_rule, rule, &namespace->facts->policy_rules) {
        size_t family = world_family(rule->family);
        *list_append(&index->policy_rules[family]) = rule;
        if (is_kernel_rule(rule))
            kernel_rules[family]++;
        else
        namespace->custom_rules[family] = true;
    }
    /* one of the kernel's own was removed: that counts as a change too (fib4_rule_delete) */
    namespace->custom_rules[0] |= kernel_rules[0] != 3;
    namespace->custom_rules[1] |= kernel_rules[1] != 2;
    for (size_t family = 0; family < 2; family++)
        if (index->policy_rules[family].count > 1)
            qsort(index->policy_rules[family].items, index->policy_rules[family].count,
                  sizeof(struct policy_rule *), compare_policy_rules);
}

/* ---- making and freeing ---- */

/* Sets are decoded beforehand, so that the world stays constant afterwards. */
static void elements_index(struct world_namespace *namespace)
{
    struct namespace_index *index = namespace->index;
    list_each(const struct nft_table, table, &namespace->facts->ruleset.tables)
        list_each(const struct nft_set, set, &table->sets) {
            struct element_list *elements = arena_alloc(namespace->world->arena, sizeof(*elements));
            elements_decode(set, namespace->world->arena, elements);
            map_set_u64(index->elements, (uint64_t)(uintptr_t)set, elements);
        }
}

static void namespace_index(struct world *world, struct world_namespace *new, const struct namespace *facts)
{
    struct namespace_index *index = arena_alloc(world->arena, sizeof(*index));
    index->links = map_new();
    index->tables = map_new();
    index->elements = map_new();
    index->guards = map_new();
    new->facts = facts;
    new->world = world;
    new->index = index;
    list_each(const struct link, link, &facts->links) {
        map_set_u64(index->links, link->index, (void *)(uintptr_t)link);
        world->stacked |= link->kind == LINK_MACVLAN || link->kind == LINK_IPVLAN;
    }
    tables_index(new);
    elements_index(new);
    routes_index(new);
    policy_rules_index(new);
    list_each(const struct route, route, &facts->routes)
        if (route->type == RTN_LOCAL && (route->family == FAMILY_IP4 || route->family == FAMILY_IP6))
            interval_set_add(&new->local[world_family(route->family)], prefix_first(route->destination).value,
                             prefix_last(route->destination).value);
}

struct world *world_new(const struct snapshot *snapshot)
{
    struct world *world = memory_alloc(sizeof(*world));
    world->snapshot = snapshot;
    world->arena = arena_new();
    world->index = map_new();
    world->namespaces = memory_resize(NULL, snapshot->namespaces.count + 1, sizeof(*world->namespaces));
    memset(world->namespaces, 0, (snapshot->namespaces.count + 1) * sizeof(*world->namespaces));
    world->count = snapshot->namespaces.count;
    for (size_t i = 0; i < world->count; i++) {
        namespace_index(world, &world->namespaces[i], snapshot->namespaces.items[i]);
        map_set_u64(world->index, snapshot->namespaces.items[i]->id, &world->namespaces[i]);
    }
    return world;
}

static void guards_free_all(const struct world_namespace *namespace)
{
    const struct namespace_index *index = namespace->index;
    list_each(const struct nft_table, table, &namespace->facts->ruleset.tables)
        list_each(const struct nft_chain, chain, &table->chains) {
            struct chain_guards *guards = map_get_u64(index->guards, (uint64_t)(uintptr_t)chain);
            if (guards)
                guards_free(guards);
        }
}

static void tables_free(struct namespace_index *index)
{
    list_each(struct table_index *const, table, &index->all_tables) {
        map_free((*table)->chains);
        map_free((*table)->sets);
    }
    list_free(&index->all_tables);
}

static void namespace_index_free(struct world_namespace *namespace)
{
    struct namespace_index *index = namespace->index;
    guards_free_all(namespace);
    tables_free(index);
    for (size_t hook = 0; hook <= HOOK_POSTROUTING; hook++) {
        list_free(&namespace->hooks[0][hook]);
        list_free(&namespace->hooks[1][hook]);
        list_free(&namespace->bridge_hooks[hook]);
        list_free(&namespace->arp_hooks[hook]);
    }
    list_free(&namespace->device_hooks);
    interval_set_free(&namespace->local[0]);
    interval_set_free(&namespace->local[1]);
    list_each(struct table_routes, routes, &index->routes)
        list_free(&routes->routes);
    list_free(&index->routes);
    list_free(&index->policy_rules[0]);
    list_free(&index->policy_rules[1]);
    map_free(index->links);
    map_free(index->tables);
    map_free(index->elements);
    map_free(index->guards);
}

struct world *world_free(struct world *world)
{
    if (!world)
        return NULL;
    for (size_t i = 0; i < world->count; i++)
        namespace_index_free(&world->namespaces[i]);
    map_free(world->index);
    arena_free(world->arena);
    free(world->namespaces);
    free(world);
    return NULL;
}

void cleanup_world(struct world **world)
{
    world_free(*world);
}

/* ---- look-ups ---- */

struct world_namespace *world_namespace(const struct world *world, uint64_t id)
{
    return map_get_u64(world->index, id);
}

bool program_is_guard(const struct program *program)
{
    /* guards of several scans stand behind each other */
    return program->kind == PROGRAM_NETFILTER && program->priority >= INT32_MAX - 16 && program->name &&
           (strcmp(program->name, "postern_output") == 0 || strcmp(program->name, "postern_input") == 0);
}

const struct chain_guards *world_guards(const struct world_namespace *namespace,
                                        const struct nft_chain *chain)
{
    const struct namespace_index *index = namespace->index;
    return map_get_u64(index->guards, (uint64_t)(uintptr_t)chain);
}

const struct nft_chain *world_chain(const struct world_namespace *namespace, const struct nft_table *table,
                                    const char *name)
{
    const struct table_index *index = table_of(namespace, table);
    return index && name ? map_get(index->chains, name) : NULL;
}

const struct nft_set *world_set(const struct world_namespace *namespace, const struct nft_table *table,
                                const char *name)
{
    const struct table_index *index = table_of(namespace, table);
    return index && name ? map_get(index->sets, name) : NULL;
}

const struct element_list *world_elements(const struct world_namespace *namespace, const struct nft_set *set)
{
    const struct namespace_index *index = namespace->index;
    return map_get_u64(index->elements, (uint64_t)(uintptr_t)set);
}

const struct link *world_link(const struct world_namespace *namespace, uint32_t index)
{
    const struct namespace_index *own = namespace->index;
    return index ? map_get_u64(own->links, index) : NULL;
}

const struct link *world_peer(const struct world_namespace *namespace, const struct link *link,
                              const struct world_namespace **ret_namespace)
{
    *ret_namespace = NULL;
    if (link->kind != LINK_VETH || link->peer_unknown || !link->peer_index)
        return NULL;
    uint64_t id = link->peer_namespace;
    if (!id && link->peer_nsid < 0)
        id = namespace->facts->id;
    const struct world_namespace *other = id ? world_namespace(namespace->world, id) : NULL;
    const struct link *peer = other ? world_link(other, link->peer_index) : NULL;
    if (peer)
        *ret_namespace = other;
    return peer;
}

const struct route *const *world_routes(const struct world_namespace *namespace, enum ip_family family,
                                        uint32_t table, size_t *ret_count)
{
    const struct table_routes *routes = routes_of(namespace->index, family, table);
    *ret_count = routes ? routes->routes.count : 0;
    return routes ? routes->routes.items : NULL;
}

const struct policy_rule *const *world_policy_rules(const struct world_namespace *namespace,
                                                    enum ip_family family, size_t *ret_count)
{
    const struct namespace_index *index = namespace->index;
    *ret_count = index->policy_rules[world_family(family)].count;
    return index->policy_rules[world_family(family)].items;
}

static bool rules_name_table(const struct world_namespace *namespace, enum ip_family family, uint32_t table)
{
    size_t count;
    const struct policy_rule *const *rules = world_policy_rules(namespace, family, &count);
    for (size_t i = 0; i < count; i++)
        if (rules[i]->table == table)
            return true;
    return false;
}

bool world_is_local(const struct world_namespace *namespace, struct address address)
{
    const struct namespace_index *index = namespace->index;
    list_each(const struct table_routes, routes, &index->routes) {
        if (routes->family != address.family ||
            (routes->table != RT_TABLE_LOCAL && !rules_name_table(namespace, routes->family, routes->table)))
            continue;
        for (size_t i = 0; i < routes->routes.count; i++) {
            const struct route *route = routes->routes.items[i];
            if (route->type == RTN_LOCAL && prefix_contains(route->destination, address))
                return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots made by hand, for the tests of the evaluators: namespaces as the kernel makes them (loopback,
 * local routes, policy rules), links with their ends, addresses with the routes that come with them,
 * listeners, rules. Everything is freed with the snapshot.
 */
#ifndef POSTERN_TESTS_UNIT_SCANNER_PATH_BUILD_H
#define POSTERN_TESTS_UNIT_SCANNER_PATH_BUILD_H

#include "netns/snapshot/snapshot.h"
#include "reports/model/channel.h"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>

#define BUILD __attribute__((unused)) static

/* ---- values ---- */

BUILD struct address build_ip(const char *text)
{
    struct address address;
    if (address_parse(text, &address, NULL) != 0)
        abort();
    return address;
}

BUILD struct prefix build_net(const char *text)
{
    struct prefix prefix;
    if (prefix_parse(text, false, &prefix, NULL) != 0)
        abort();
    return prefix;
}

BUILD struct prefix build_none(void)
{
    return (struct prefix){.address.family = FAMILY_NONE};
}

/* ---- routes ---- */

BUILD struct route *build_route(struct namespace *ns, const char *to, uint32_t table, uint8_t type,
                                uint32_t interface, const char *gateway)
{
    struct route *route = list_append(&ns->routes);
    route->destination = build_net(to);
    route->family = route->destination.address.family;
    route->destination.address = prefix_first(route->destination);
    route->source = build_none();
    route->table = table;
    route->type = type;
    route->protocol = table == RT_TABLE_LOCAL ? RTPROT_KERNEL : RTPROT_BOOT;
    route->scope = type == RTN_LOCAL ? RT_SCOPE_HOST : gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    if (interface) {
        struct next_hop *hop = list_append(&route->next_hops);
        hop->index = interface;
        if (gateway)
            hop->gateway = build_ip(gateway);
    }
    return route;
}

BUILD struct policy_rule *build_policy_rule(struct namespace *ns, enum ip_family family, uint32_t priority,
                                            uint32_t table)
{
    struct policy_rule *rule = list_append(&ns->policy_rules);
    *rule = (struct policy_rule){.family = family,
                                 .priority = priority,
                                 .table = table,
                                 .action = FR_ACT_TO_TBL,
                                 .suppress_prefix_length = -1,
                                 .suppress_group = -1};
    return rule;
}

/* ---- links and addresses ---- */

BUILD struct link *build_link(struct namespace *ns, uint32_t index, const char *name, enum link_kind kind)
{
    struct link *link = list_append(&ns->links);
    *link = (struct link){.index = index,
                          .name = arena_strdup(ns->arena, name),
                          .kind = kind,
                          .flags = IFF_UP | IFF_RUNNING | IFF_BROADCAST,
                          .operational = IF_OPER_UP,
                          .hardware = ARPHRD_ETHER,
                          .has_mac = true,
                          .mtu = 1500,
                          .peer_nsid = -1,
                          .forwarding4 = 1,
                          .has_sysctl4 = true,
                          .has_sysctl6 = true,
                          .port_state = BR_STATE_FORWARDING,
                          .port_flood = true,
                          .port_learning = true};
    link->mac =
        (struct mac){{2, 0, (uint8_t)(ns->id >> 8), (uint8_t)ns->id, (uint8_t)(index >> 8), (uint8_t)index}};
    return link;
}

BUILD struct link *build_find(struct namespace *ns, uint32_t index)
{
    list_each(struct link, link, &ns->links)
        if (link->index == index)
            return link;
    abort();
}

BUILD void build_veth(struct namespace *a, uint32_t a_index, const char *a_name, struct namespace *b,
                      uint32_t b_index, const char *b_name)
{
    struct link *link = build_link(a, a_index, a_name, LINK_VETH);
    link->kind_name = "veth";
    link->peer_index = b_index;
    link->peer_nsid = 1;
    link->peer_namespace = b->id;
    link = build_link(b, b_index, b_name, LINK_VETH);
    link->kind_name = "veth";
    link->peer_index = a_index;
    link->peer_nsid = 1;
    link->peer_namespace = a->id;
}

/* The address with its local, connected and (IPv4) broadcast routes. */
BUILD void build_address(struct namespace *ns, uint32_t index, const char *text)
{
    struct link_address *address = list_append(&ns->addresses);
    char buffer[ADDRESS_TEXT_MAX];
    address->index = index;
    address->prefix = build_net(text);
    bool ip4 = address->prefix.address.family == FAMILY_IP4;
    bool loopback = address_is_loopback(address->prefix.address);
    address->scope = loopback ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
    build_route(ns, address_print(address->prefix.address, buffer), RT_TABLE_LOCAL, RTN_LOCAL, index, NULL);
    struct prefix net = {.address = prefix_first(address->prefix), .length = address->prefix.length};
    if (net.length == family_bits(net.address.family))
        return;
    if (ip4)
        build_route(ns, address_print(prefix_last(address->prefix), buffer), RT_TABLE_LOCAL, RTN_BROADCAST,
                    index, NULL);
    build_route(ns, prefix_print(net, buffer), loopback ? RT_TABLE_LOCAL : RT_TABLE_MAIN,
                loopback ? RTN_LOCAL : RTN_UNICAST, index, NULL)
        ->protocol = RTPROT_KERNEL;
}

/* ---- namespaces ---- */

BUILD struct namespace *build_namespace(struct snapshot *snapshot, uint64_t id, enum namespace_role role)
{
    struct namespace *ns = namespace_new(id);
    *list_append(&snapshot->namespaces) = ns;
    ns->role = role;
    ns->entered = true;
    ns->sysctls = (struct sysctls){.ip_forward = 1, .forwarding6_all = 1, .forwarding4_all = 1};
    if (role == ROLE_HOST)
        snapshot->host_namespace = id;
    struct link *lo = build_link(ns, 1, "lo", LINK_LOOPBACK);
    lo->flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    lo->operational = IF_OPER_UNKNOWN;
    lo->hardware = ARPHRD_LOOPBACK;
    lo->mac = (struct mac){{0}};
    build_address(ns, 1, "127.0.0.1/8");
    build_address(ns, 1, "::1");
    build_policy_rule(ns, FAMILY_IP4, 0, RT_TABLE_LOCAL);
    build_policy_rule(ns, FAMILY_IP4, 32766, RT_TABLE_MAIN);
    build_policy_rule(ns, FAMILY_IP4, 32767, RT_TABLE_DEFAULT);
    build_policy_rule(ns, FAMILY_IP6, 0, RT_TABLE_LOCAL);
    build_policy_rule(ns, FAMILY_IP6, 32766, RT_TABLE_MAIN);
    return ns;
}

BUILD struct socket *build_listener(struct namespace *ns, enum socket_kind kind, const char *address,
                                    uint16_t port)
{
    struct socket *socket = list_append(&ns->sockets);
    socket->kind = kind;
    socket->address = build_ip(address);
    socket->family = socket->address.family;
    socket->state = kind == SOCKET_TCP ? 10 : 7;
    socket->port = port;
    return socket;
}

/*
 * A host with uplink eth0 (index 2, 203.0.113.10/24, 2001:db8:0:1::10/64, default route by .1), bridge br1
 * (index 3, 172.18.0.1/16, fd00:18::1/64), and containers 1 and 2 on it, 3 on br2 (index 4, 172.19.0.1/16).
 */
struct build_lab {
    struct snapshot *snapshot;
    struct namespace *host, *c1, *c2, *c3;
};

BUILD struct namespace *build_container(struct build_lab *lab, uint64_t id, uint32_t bridge,
                                        const char *address, const char *address6, const char *gateway,
                                        const char *gateway6)
{
    struct namespace *ns = build_namespace(lab->snapshot, id, ROLE_CONTAINER);
    uint32_t port = (uint32_t)(id % 100) + 10;
    build_veth(lab->host, port, arena_printf(lab->host->arena, "veth%u", port), ns, 2, "eth0");
    build_find(lab->host, port)->master = bridge;
    build_address(ns, 2, address);
    build_address(ns, 2, address6);
    build_route(ns, "0.0.0.0/0", RT_TABLE_MAIN, RTN_UNICAST, 2, gateway);
    build_route(ns, "::/0", RT_TABLE_MAIN, RTN_UNICAST, 2, gateway6);
    return ns;
}

BUILD struct build_lab build_lab(void)
{
    struct build_lab lab = {.snapshot = snapshot_new()};
    lab.host = build_namespace(lab.snapshot, 1000, ROLE_HOST);
    build_link(lab.host, 2, "eth0", LINK_ETHERNET);
    build_link(lab.host, 3, "br1", LINK_BRIDGE)->kind_name = "bridge";
    build_link(lab.host, 4, "br2", LINK_BRIDGE)->kind_name = "bridge";
    build_address(lab.host, 2, "203.0.113.10/24");
    build_address(lab.host, 2, "2001:db8:0:1::10/64");
    build_address(lab.host, 3, "172.18.0.1/16");
    build_address(lab.host, 3, "fd00:18::1/64");
    build_address(lab.host, 4, "172.19.0.1/16");
    build_address(lab.host, 4, "fd00:19::1/64");
    build_route(lab.host, "0.0.0.0/0", RT_TABLE_MAIN, RTN_UNICAST, 2, "203.0.113.1");
    build_route(lab.host, "::/0", RT_TABLE_MAIN, RTN_UNICAST, 2, "2001:db8:0:1::1");
    lab.c1 = build_container(&lab, 2001, 3, "172.18.0.2/16", "fd00:18::2/64", "172.18.0.1", "fd00:18::1");
    lab.c2 = build_container(&lab, 2002, 3, "172.18.0.3/16", "fd00:18::3/64", "172.18.0.1", "fd00:18::1");
    lab.c3 = build_container(&lab, 2003, 4, "172.19.0.2/16", "fd00:19::2/64", "172.19.0.1", "fd00:19::1");
    return lab;
}

/* ---- rulesets ---- */

/* Pointers to tables and chains stay good: the lists are given room beforehand. */
#define BUILD_ROOM 16

BUILD struct nft_table *build_table(struct namespace *ns, enum nft_family family, const char *name)
{
    while (ns->ruleset.tables.capacity < BUILD_ROOM)
        list_grow((struct list_head *)(void *)&ns->ruleset.tables, sizeof(struct nft_table));
    ns->ruleset.present = true;
    struct nft_table *table = list_append(&ns->ruleset.tables);
    table->family = family;
    table->name = name;
    return table;
}

BUILD struct nft_chain *build_chain(struct nft_table *table, const char *name)
{
    while (table->chains.capacity < BUILD_ROOM)
        list_grow((struct list_head *)(void *)&table->chains, sizeof(struct nft_chain));
    struct nft_chain *chain = list_append(&table->chains);
    chain->name = name;
    chain->handle = table->chains.count;
    return chain;
}

BUILD struct nft_chain *build_base(struct namespace *ns, struct nft_table *table, const char *name,
                                   const char *type, enum nft_hook hook, int32_t priority, uint32_t policy)
{
    struct nft_chain *chain = build_chain(table, name);
    chain->base = true;
    chain->type = type;
    chain->hook = hook;
    chain->priority = priority;
    chain->policy = policy;
    list_each(const struct nft_table, other, &ns->ruleset.tables)
        chain->order += (uint32_t)other->chains.count;
    return chain;
}

BUILD struct nft_rule *build_rule(struct nft_chain *chain)
{
    struct nft_rule *rule = list_append(&chain->rules);
    rule->position = (uint32_t)chain->rules.count - 1;
    rule->handle = 100 * chain->handle + chain->rules.count;
    return rule;
}

BUILD struct nft_expression *build_expression(struct nft_rule *rule, enum expression_kind kind)
{
    struct nft_expression *expression = list_append(&rule->expressions);
    expression->kind = kind;
    expression->name = expression_kind_name(kind);
    return expression;
}

BUILD struct bytes build_bytes(struct namespace *ns, const void *bytes, size_t length)
{
    return (struct bytes){.data = arena_copy(ns->arena, bytes, length), .length = length};
}

/* meta KEY == bytes, and its like */
BUILD void build_meta(struct namespace *ns, struct nft_rule *rule, uint32_t key, uint32_t op,
                      const void *bytes, size_t length)
{
    build_expression(rule, EXPRESSION_META)->meta = (struct nft_meta){.key = key, .dreg = 1};
    build_expression(rule, EXPRESSION_CMP)->cmp =
        (struct nft_cmp){.sreg = 1, .op = op, .data.value = build_bytes(ns, bytes, length)};
}

BUILD void build_payload(struct namespace *ns, struct nft_rule *rule, uint32_t base, uint32_t offset,
                         uint32_t op, const void *bytes, size_t length)
{
    build_expression(rule, EXPRESSION_PAYLOAD)->payload =
        (struct nft_payload){.base = base, .offset = offset, .length = (uint32_t)length, .dreg = 1};
    build_expression(rule, EXPRESSION_CMP)->cmp =
        (struct nft_cmp){.sreg = 1, .op = op, .data.value = build_bytes(ns, bytes, length)};
}

BUILD void build_dport(struct namespace *ns, struct nft_rule *rule, uint16_t port)
{
    uint8_t bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    build_payload(ns, rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, NFT_CMP_EQ, bytes, 2);
}

/* `ip saddr`, `ip6 daddr` ... */
BUILD void build_addr(struct namespace *ns, struct nft_rule *rule, bool source, const char *text)
{
    struct address address = build_ip(text);
    uint8_t bytes[16];
    size_t length = address_to_bytes(address, bytes);
    uint32_t offset = address.family == FAMILY_IP4 ? (source ? 12 : 16) : (source ? 8 : 24);
    build_payload(ns, rule, NFT_PAYLOAD_NETWORK_HEADER, offset, NFT_CMP_EQ, bytes, length);
}

BUILD void build_ifname(struct namespace *ns, struct nft_rule *rule, bool input, const char *name)
{
    char bytes[IFNAMSIZ] = {0};
    snprintf(bytes, sizeof(bytes), "%s", name);
    build_meta(ns, rule, input ? NFT_META_IIFNAME : NFT_META_OIFNAME, NFT_CMP_EQ, bytes, sizeof(bytes));
}

BUILD void build_mark(struct namespace *ns, struct nft_rule *rule, uint32_t mark)
{
    build_meta(ns, rule, NFT_META_MARK, NFT_CMP_EQ, &mark, sizeof(mark));
}

BUILD void build_set_mark(struct namespace *ns, struct nft_rule *rule, uint32_t mark)
{
    build_expression(rule, EXPRESSION_IMMEDIATE)->immediate =
        (struct nft_immediate){.dreg = 1, .data.value = build_bytes(ns, &mark, sizeof(mark))};
    build_expression(rule, EXPRESSION_META)->meta =
        (struct nft_meta){.key = NFT_META_MARK, .sreg = 1, .write = true};
}

/* NF_DROP 0, NF_ACCEPT 1, NFT_JUMP -3, NFT_GOTO -4, NFT_RETURN -5 */
BUILD void build_verdict(struct nft_rule *rule, int32_t code, const char *chain)
{
    build_expression(rule, EXPRESSION_IMMEDIATE)->immediate =
        (struct nft_immediate){.data = {.is_verdict = true, .verdict = {.code = code, .chain = chain}}};
}

BUILD void build_dnat(struct namespace *ns, struct nft_rule *rule, const char *address, uint16_t port)
{
    struct address to = build_ip(address);
    uint8_t bytes[16], port_bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    size_t length = address_to_bytes(to, bytes);
    build_expression(rule, EXPRESSION_IMMEDIATE)->immediate =
        (struct nft_immediate){.dreg = 1, .data.value = build_bytes(ns, bytes, length)};
    if (port)
        build_expression(rule, EXPRESSION_IMMEDIATE)->immediate =
            (struct nft_immediate){.dreg = 2, .data.value = build_bytes(ns, port_bytes, 2)};
    build_expression(rule, EXPRESSION_NAT)->nat =
        (struct nft_nat){.type = NFT_NAT_DNAT,
                         .family = to.family == FAMILY_IP4 ? NFT_FAMILY_IP : NFT_FAMILY_IP6,
                         .address_min = 1,
                         .port_min = port ? 2 : 0};
}

#endif

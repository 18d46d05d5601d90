/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/concrete.h"

#include "scanner/path/reason.h"
#include "tests/unit/scanner_path/build.h"

#include <check.h>
#include <errno.h>

#define DROP   0
#define ACCEPT 1

static struct build_lab lab;

static void setup(void)
{
    lab = build_lab();
    build_listener(lab.c1, SOCKET_TCP, "0.0.0.0", 80);
    build_listener(lab.c1, SOCKET_TCP, "::", 8080);
    build_listener(lab.host, SOCKET_TCP, "0.0.0.0", 22);
    build_listener(lab.host, SOCKET_UDP, "127.0.0.1", 53);
    build_listener(lab.c3, SOCKET_UDP, "::", 53)->v6only = true;
}

static void teardown(void)
{
    lab.snapshot = snapshot_free(lab.snapshot);
}

/* ---- asking ---- */

static struct packet from_outside(const char *source, const char *destination, uint16_t port)
{
    return (struct packet){.namespace = 1000,
                           .interface = 2,
                           .family = build_ip(destination).family,
                           .protocol = PROTOCOL_TCP,
                           .source = build_ip(source),
                           .source_port = 40000,
                           .destination = build_ip(destination),
                           .destination_port = port};
}

static struct packet from_inside(const struct namespace *ns, const char *destination, uint16_t port)
{
    return (struct packet){.namespace = ns->id,
                           .family = build_ip(destination).family,
                           .protocol = PROTOCOL_TCP,
                           .source_port = 40000,
                           .destination = build_ip(destination),
                           .destination_port = port};
}

static struct outcome ask(const struct packet *packet, struct arena *arena)
{
    struct outcome outcome;
    struct world *world = world_new(lab.snapshot);
    ck_assert_int_eq(concrete_evaluate(world, packet, arena, &outcome), 0);
    world_free(world);
    return outcome;
}

static enum state state_of(struct packet packet)
{
    struct arena *arena = arena_new();
    struct outcome outcome = ask(&packet, arena);
    enum state state = outcome.state;
    outcome_free(&outcome);
    arena_free(arena);
    return state;
}

static bool reason_is_given(struct packet packet, const char *code)
{
    struct arena *arena = arena_new();
    struct outcome outcome = ask(&packet, arena);
    bool given = false;
    list_each(const struct reason, reason, &outcome.reasons)
        given |= strcmp(reason->code, code) == 0;
    given &= outcome.state == STATE_UNDETERMINED;
    outcome_free(&outcome);
    arena_free(arena);
    return given;
}

#define ck_state(packet, state) ck_assert_str_eq(state_name(state_of(packet)), state_name(state))

static struct nft_chain *filter_chain(struct namespace *ns, enum nft_hook hook, uint32_t policy)
{
    return build_base(ns, build_table(ns, NFT_FAMILY_INET, "filter"), "chain", "filter", hook, 0, policy);
}

static void publish(uint16_t port, const char *address, uint16_t target)
{
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_IP, "nat");
    struct nft_chain *chain = build_base(lab.host, table, "PREROUTING", "nat", HOOK_PREROUTING, -100, ACCEPT);
    struct nft_rule *rule = build_rule(chain);
    build_dport(lab.host, rule, port);
    build_dnat(lab.host, rule, address, target);
    chain = build_base(lab.host, table, "OUTPUT", "nat", HOOK_OUTPUT, -100, ACCEPT);
    rule = build_rule(chain);
    build_dport(lab.host, rule, port);
    build_dnat(lab.host, rule, address, target);
}

static void masquerade(void)
{
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_IP, "post");
    struct nft_chain *chain = build_base(lab.host, table, "post", "nat", HOOK_POSTROUTING, 100, ACCEPT);
    build_expression(build_rule(chain), EXPRESSION_MASQ);
}

/* ---- where packets go ---- */

START_TEST(sockets_take_what_is_theirs)
{
    ck_state(from_outside("198.51.100.7", "203.0.113.10", 22), STATE_OPEN);
    ck_state(from_outside("198.51.100.7", "172.18.0.1", 22), STATE_OPEN); /* weak host model */
    ck_state(from_outside("198.51.100.7", "203.0.113.10", 23), STATE_CLOSED);
    ck_state(from_outside("198.51.100.7", "172.18.0.2", 80), STATE_OPEN);
    ck_state(from_outside("198.51.100.7", "172.18.0.2", 8080), STATE_OPEN); /* dual stack */
    ck_state(from_outside("2001:db8:9::7", "fd00:18::2", 8080), STATE_OPEN);
    ck_state(from_outside("2001:db8:9::7", "fd00:18::2", 80), STATE_CLOSED);
    ck_state(from_inside(lab.host, "127.0.0.1", 22), STATE_OPEN);
    ck_state(from_inside(lab.host, "203.0.113.10", 22), STATE_OPEN);
    ck_state(from_inside(lab.host, "172.18.0.2", 80), STATE_OPEN);
    ck_state(from_inside(lab.c2, "172.18.0.2", 80), STATE_OPEN);
    ck_state(from_inside(lab.c3, "172.18.0.2", 80), STATE_OPEN);
    ck_state(from_inside(lab.c3, "203.0.113.10", 22), STATE_OPEN);
    ck_state(from_inside(lab.c3, "fd00:18::2", 8080), STATE_OPEN);
}
END_TEST

START_TEST(datagram_sockets)
{
    struct packet packet = from_inside(lab.host, "127.0.0.1", 53);
    packet.protocol = PROTOCOL_UDP;
    ck_state(packet, STATE_OPEN);
    packet = from_inside(lab.c1, "172.18.0.1", 53);
    packet.protocol = PROTOCOL_UDP;
    ck_state(packet, STATE_CLOSED);
    packet = from_inside(lab.c1, "172.19.0.2", 53); /* IPv6 only */
    packet.protocol = PROTOCOL_UDP;
    ck_state(packet, STATE_CLOSED);
    packet = from_inside(lab.c1, "fd00:19::2", 53);
    packet.protocol = PROTOCOL_UDP;
    ck_state(packet, STATE_OPEN);
}
END_TEST

START_TEST(bound_devices)
{
    struct socket *socket = build_listener(lab.host, SOCKET_TCP, "0.0.0.0", 99);
    socket->interface = 3;
    ck_state(from_outside("198.51.100.7", "203.0.113.10", 99), STATE_CLOSED);
    ck_state(from_inside(lab.c1, "203.0.113.10", 99), STATE_OPEN);
    ck_state(from_inside(lab.host, "172.18.0.1", 99), STATE_OPEN); /* over lo, but that device's address */
    ck_state(from_inside(lab.host, "203.0.113.10", 99), STATE_CLOSED);
}
END_TEST

START_TEST(published_port)
{
    publish(8000, "172.18.0.2", 80);
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 8000);
    _cleanup_arena_ struct arena *arena = arena_new();
    struct outcome outcome = ask(&packet, arena);
    ck_assert_int_eq(outcome.state, STATE_OPEN);
    ck_assert_uint_eq(outcome.target.namespace, lab.c1->id);
    ck_assert_uint_eq(outcome.target.port, 80);
    ck_assert_int_eq(outcome.target.socket, 0);
    ck_assert(outcome.rewritten);
    outcome_free(&outcome);
    ck_state(from_inside(lab.host, "203.0.113.10", 8000), STATE_OPEN);
    ck_state(from_inside(lab.host, "127.0.0.1", 8000), STATE_FILTERED); /* a loopback source does not leave */
    ck_state(from_inside(lab.c3, "203.0.113.10", 8000), STATE_OPEN);
    ck_state(from_inside(lab.c1, "203.0.113.10", 8000), STATE_FILTERED); /* comes back with its own source */
    masquerade();
    ck_state(from_inside(lab.c1, "203.0.113.10", 8000), STATE_OPEN);
}
END_TEST

START_TEST(bridge_netfilter)
{
    struct nft_chain *chain = filter_chain(lab.host, HOOK_FORWARD, DROP);
    (void)chain;
    ck_state(from_inside(lab.c2, "172.18.0.2", 80), STATE_OPEN);
    ck_state(from_inside(lab.c3, "172.18.0.2", 80), STATE_FILTERED);
    lab.host->sysctls.bridge_nf_call_iptables = 1;
    ck_state(from_inside(lab.c2, "172.18.0.2", 80), STATE_FILTERED);
    ck_state(from_inside(lab.c2, "fd00:18::2", 8080), STATE_OPEN);
    lab.host->sysctls.bridge_nf_call_iptables = 0;
    build_find(lab.host, 3)->bridge_nf_call_iptables = true;
    ck_state(from_inside(lab.c2, "172.18.0.2", 80), STATE_FILTERED);
    lab.host->sysctls.bridge_nf_call_iptables = -1; /* the module is not there */
    ck_state(from_inside(lab.c2, "172.18.0.2", 80), STATE_OPEN);
}
END_TEST

START_TEST(hairpin)
{
    publish(8000, "172.18.0.2", 80);
    lab.host->sysctls.bridge_nf_call_iptables = 1;
    ck_state(from_inside(lab.c1, "203.0.113.10", 8000), STATE_FILTERED);
    ck_state(from_inside(lab.c2, "203.0.113.10", 8000), STATE_OPEN);
    build_find(lab.host, 11)->port_hairpin = true;
    masquerade();
    ck_state(from_inside(lab.c1, "203.0.113.10", 8000), STATE_OPEN);
}
END_TEST

START_TEST(bridge_ports)
{
    build_find(lab.host, 11)->port_isolated = true;
    ck_state(from_inside(lab.c2, "172.18.0.2", 80), STATE_OPEN);
    build_find(lab.host, 12)->port_isolated = true;
    ck_state(from_inside(lab.c2, "172.18.0.2", 80), STATE_FILTERED);
    ck_state(from_outside("198.51.100.7", "172.18.0.2", 80), STATE_OPEN);
    build_find(lab.host, 11)->port_state = BR_STATE_BLOCKING;
    ck_state(from_outside("198.51.100.7", "172.18.0.2", 80), STATE_UNREACHABLE);
    build_find(lab.host, 11)->port_state = BR_STATE_FORWARDING;
    build_find(lab.c1, 2)->flags = 0;
    ck_state(from_outside("198.51.100.7", "172.18.0.2", 80), STATE_UNREACHABLE);
}
END_TEST

/* ---- routing ---- */

START_TEST(reverse_path)
{
    struct link *uplink = build_find(lab.host, 2);
    ck_state(from_outside("172.18.0.77", "203.0.113.10", 22), STATE_OPEN);
    uplink->rp_filter = 1;
    ck_state(from_outside("172.18.0.77", "203.0.113.10", 22), STATE_FILTERED);
    ck_state(from_outside("198.51.100.7", "203.0.113.10", 22), STATE_OPEN);
    uplink->rp_filter = 2;
    ck_state(from_outside("172.18.0.77", "203.0.113.10", 22), STATE_OPEN);
    ck_state(from_outside("172.18.0.1", "203.0.113.10", 22), STATE_FILTERED); /* the host's own */
    uplink->rp_filter = 0;
    ck_state(from_outside("172.18.0.1", "203.0.113.10", 22), STATE_FILTERED);
    uplink->accept_local = 1;
    ck_state(from_outside("172.18.0.1", "203.0.113.10", 22), STATE_OPEN);
}
END_TEST

START_TEST(martians)
{
    ck_state(from_outside("198.51.100.7", "127.0.0.1", 22), STATE_FILTERED);
    build_find(lab.host, 2)->route_localnet = 1;
    ck_state(from_outside("198.51.100.7", "127.0.0.1", 22), STATE_OPEN);
    ck_state(from_outside("2001:db8:9::7", "::1", 22), STATE_FILTERED);
    ck_state(from_outside("224.0.0.1", "203.0.113.10", 22), STATE_FILTERED);
    ck_assert(reason_is_given(from_outside("198.51.100.7", "203.0.113.255", 22), REASON_NOT_UNICAST));
}
END_TEST

START_TEST(forwarding_switches)
{
    build_find(lab.host, 2)->forwarding4 = 0;
    ck_state(from_outside("198.51.100.7", "172.18.0.2", 80), STATE_FILTERED);
    ck_state(from_inside(lab.c3, "172.18.0.2", 80), STATE_OPEN);
    lab.host->sysctls.forwarding6_all = 0;
    ck_state(from_outside("2001:db8:9::7", "fd00:18::2", 8080), STATE_FILTERED);
    build_find(lab.host, 2)->force_forwarding6 = 1;
    ck_state(from_outside("2001:db8:9::7", "fd00:18::2", 8080), STATE_OPEN);
}
END_TEST

START_TEST(kinds_of_routes)
{
    struct packet packet = from_outside("198.51.100.7", "172.18.0.2", 80);
    struct route *route = build_route(lab.host, "172.18.0.2/32", RT_TABLE_MAIN, RTN_BLACKHOLE, 0, NULL);
    ck_state(packet, STATE_FILTERED);
    route->type = RTN_PROHIBIT;
    ck_state(packet, STATE_FILTERED);
    route->type = RTN_UNREACHABLE;
    ck_state(packet, STATE_UNREACHABLE);
    route->type = RTN_THROW;
    ck_state(packet, STATE_UNREACHABLE);
    route->table = 100;
    struct policy_rule *rule = build_policy_rule(lab.host, FAMILY_IP4, 100, 100);
    ck_state(packet, STATE_OPEN); /* throw: on with the next rule */
    route->type = RTN_BLACKHOLE;
    ck_state(packet, STATE_FILTERED);
    rule->mark = rule->mark_mask = 7;
    ck_state(packet, STATE_OPEN);
    struct nft_chain *chain = build_base(lab.host, build_table(lab.host, NFT_FAMILY_IP, "mangle"),
                                         "PREROUTING", "filter", HOOK_PREROUTING, -150, ACCEPT);
    build_set_mark(lab.host, build_rule(chain), 7);
    ck_state(packet, STATE_FILTERED);
}
END_TEST

START_TEST(neighbours)
{
    ck_state(from_outside("198.51.100.7", "172.18.0.9", 80), STATE_UNREACHABLE);
    build_address(lab.c2, 2, "172.18.0.2/16");
    ck_assert(reason_is_given(from_outside("198.51.100.7", "172.18.0.2", 80), REASON_DUPLICATE));
    *list_append(&lab.host->neighbours) = (struct neighbour){.index = 3,
                                                             .address = build_ip("172.18.0.2"),
                                                             .mac = build_find(lab.c1, 2)->mac,
                                                             .has_mac = true,
                                                             .state = 2 /* reachable */};
    ck_state(from_outside("198.51.100.7", "172.18.0.2", 80), STATE_OPEN);
    ck_assert(reason_is_given(from_inside(lab.c1, "198.51.100.7", 80), REASON_ELSEWHERE));
}
END_TEST

START_TEST(going_round)
{
    build_route(lab.host, "10.9.0.0/16", RT_TABLE_MAIN, RTN_UNICAST, 4, "172.19.0.2");
    ck_assert(reason_is_given(from_outside("198.51.100.7", "10.9.0.1", 80), REASON_LOOP));
}
END_TEST

/* As Calico ties containers: no bridge, a gateway that is nobody's address, and a host that answers for it.
 */
START_TEST(proxy_arp)
{
    struct namespace *pod = build_namespace(lab.snapshot, 2010, ROLE_POD);
    build_veth(lab.host, 50, "cali1", pod, 2, "eth0");
    build_address(pod, 2, "10.65.0.9/32");
    build_route(pod, "169.254.1.1/32", RT_TABLE_MAIN, RTN_UNICAST, 2, NULL);
    build_route(pod, "0.0.0.0/0", RT_TABLE_MAIN, RTN_UNICAST, 2, "169.254.1.1");
    build_route(lab.host, "10.65.0.9/32", RT_TABLE_MAIN, RTN_UNICAST, 50, NULL);
    build_listener(pod, SOCKET_TCP, "0.0.0.0", 80);
    ck_state(from_outside("198.51.100.7", "10.65.0.9", 80), STATE_OPEN);
    ck_state(from_inside(lab.c1, "10.65.0.9", 80), STATE_OPEN);
    ck_state(from_inside(pod, "172.18.0.2", 80), STATE_UNREACHABLE); /* nobody answers for the gateway */
    build_find(lab.host, 50)->proxy_arp = 1;
    ck_state(from_inside(pod, "172.18.0.2", 80), STATE_OPEN);
    build_find(pod, 2)->arp_ignore = 8;
    ck_state(from_outside("198.51.100.7", "10.65.0.9", 80), STATE_UNREACHABLE);
}
END_TEST

/* The filter of the container sees the source that its neighbour's kernel chose. */
static void ck_source(const struct namespace *sender, const char *destination, const char *source)
{
    struct nft_chain *chain = lab.c1->ruleset.tables.count ? &lab.c1->ruleset.tables.items[0].chains.items[0]
                                                           : filter_chain(lab.c1, HOOK_INPUT, DROP);
    list_each(struct nft_rule, rule, &chain->rules)
        list_free(&rule->expressions);
    chain->rules.count = 0;
    struct nft_rule *rule = build_rule(chain);
    build_addr(lab.c1, rule, true, source);
    build_verdict(rule, ACCEPT, NULL);
    ck_state(from_inside(sender, destination, 8080), STATE_OPEN);
}

START_TEST(sources_that_the_kernel_chooses)
{
    ck_source(lab.host, "172.18.0.2", "172.18.0.1");
    ck_source(lab.c3, "172.18.0.2", "172.19.0.2");
    ck_source(lab.host, "fd00:18::2", "fd00:18::1");
    ck_source(lab.c3, "fd00:18::2", "fd00:19::2");
    build_route(lab.host, "172.18.0.2/32", RT_TABLE_MAIN, RTN_UNICAST, 3, NULL)->preferred_source =
        build_ip("203.0.113.10");
    ck_source(lab.host, "172.18.0.2", "203.0.113.10");
}
END_TEST

START_TEST(rules_by_sender)
{
    struct packet packet = from_inside(lab.host, "172.18.0.2", 80);
    build_route(lab.host, "172.18.0.0/16", 100, RTN_BLACKHOLE, 0, NULL);
    struct policy_rule *rule = build_policy_rule(lab.host, FAMILY_IP4, 100, 100);
    rule->has_uid = true;
    rule->uid_first = 1000;
    rule->uid_last = 2000;
    ck_assert(reason_is_given(packet, REASON_SENDER_IDENTITY));
    packet.uid_known = true;
    ck_state(packet, STATE_OPEN);
    packet.uid = 1500;
    ck_state(packet, STATE_FILTERED);
    ck_state(from_outside("198.51.100.7", "172.18.0.2", 80), STATE_OPEN); /* of nobody: as of root */
}
END_TEST

START_TEST(connected_datagrams)
{
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 5000);
    packet.protocol = PROTOCOL_UDP;
    ck_state(packet, STATE_CLOSED);
    *list_append(&lab.host->connections) = (struct connection){.kind = SOCKET_UDP,
                                                               .family = FAMILY_IP4,
                                                               .local = build_ip("203.0.113.10"),
                                                               .local_port = 5000,
                                                               .remote = build_ip("198.51.100.7"),
                                                               .remote_port = 40000};
    ck_state(packet, STATE_OPEN);
    packet.source_port++;
    ck_state(packet, STATE_CLOSED);
}
END_TEST

/* ---- rules ---- */

START_TEST(chains_of_one_hook)
{
    struct nft_table *first = build_table(lab.host, NFT_FAMILY_INET, "first");
    struct nft_table *second = build_table(lab.host, NFT_FAMILY_IP, "second");
    struct nft_chain *chain = build_base(lab.host, first, "input", "filter", HOOK_INPUT, -10, DROP);
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 22);
    ck_state(packet, STATE_FILTERED);
    struct nft_rule *rule = build_rule(chain);
    build_dport(lab.host, rule, 22);
    build_verdict(rule, ACCEPT, NULL);
    ck_state(packet, STATE_OPEN);
    chain = build_base(lab.host, second, "input", "filter", HOOK_INPUT, 10, ACCEPT);
    build_verdict(build_rule(chain), DROP, NULL); /* an accept ends its own chain only */
    ck_state(packet, STATE_FILTERED);
    second->flags = 1; /* dormant */
    ck_state(packet, STATE_OPEN);
}
END_TEST

START_TEST(equal_priorities)
{
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_IP, "filter");
    struct nft_chain *first = build_base(lab.host, table, "first", "filter", HOOK_INPUT, 0, ACCEPT);
    struct nft_chain *second = build_base(lab.host, table, "second", "filter", HOOK_INPUT, 0, ACCEPT);
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 22);
    struct nft_rule *rule = build_rule(first);
    build_mark(lab.host, rule, 5);
    build_verdict(rule, DROP, NULL);
    build_set_mark(lab.host, build_rule(second), 5);
    ck_state(packet, STATE_FILTERED); /* the last registered runs first */
    second->priority = 1;
    ck_state(packet, STATE_OPEN);
    second->priority = 0;
    struct nft_table *other = build_table(lab.host, NFT_FAMILY_INET, "other");
    second->base = false;
    second = build_base(lab.host, other, "second", "filter", HOOK_INPUT, 0, ACCEPT);
    build_set_mark(lab.host, build_rule(second), 5);
    ck_assert(reason_is_given(packet, REASON_HOOK_ORDER)); /* of two tables nobody knows */
    first->rules.items[0].expressions.items[1].cmp.data.value = build_bytes(lab.host, "\0\0\0\1", 4);
    ck_state(packet, STATE_OPEN); /* in either order */
}
END_TEST

START_TEST(jumps)
{
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_IP, "filter");
    struct nft_chain *base = build_base(lab.host, table, "input", "filter", HOOK_INPUT, 0, DROP);
    struct nft_chain *inner = build_chain(table, "inner"), *last = build_chain(table, "last");
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 22);
    build_verdict(build_rule(base), -3, "inner");
    build_verdict(build_rule(base), ACCEPT, NULL);
    ck_state(packet, STATE_OPEN);
    build_verdict(build_rule(inner), -4, "last");
    build_verdict(build_rule(inner), DROP, NULL);
    ck_state(packet, STATE_OPEN); /* goto's end goes back to the jump */
    build_verdict(build_rule(last), -5, NULL);
    build_verdict(build_rule(last), DROP, NULL);
    ck_state(packet, STATE_OPEN);
    base->rules.items[0].expressions.items[0].immediate.data.verdict.code = -4;
    ck_state(packet, STATE_FILTERED); /* and from a base chain to its policy */
}
END_TEST

START_TEST(masquerade_is_seen_inside)
{
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_IP, "nat");
    struct nft_chain *chain = build_base(lab.host, table, "post", "nat", HOOK_POSTROUTING, 100, ACCEPT);
    struct nft_chain *input = filter_chain(lab.c1, HOOK_INPUT, DROP);
    struct nft_rule *rule = build_rule(input);
    build_addr(lab.c1, rule, true, "172.18.0.1");
    build_verdict(rule, ACCEPT, NULL);
    struct packet packet = from_outside("198.51.100.7", "172.18.0.2", 80);
    ck_state(packet, STATE_FILTERED);
    build_expression(build_rule(chain), EXPRESSION_MASQ);
    ck_state(packet, STATE_OPEN);
}
END_TEST

START_TEST(notrack_has_no_nat)
{
    publish(8000, "172.18.0.2", 80);
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_IP, "raw");
    struct nft_chain *chain = build_base(lab.host, table, "pre", "filter", HOOK_PREROUTING, -300, ACCEPT);
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 8000);
    ck_state(packet, STATE_OPEN);
    build_expression(build_rule(chain), EXPRESSION_NOTRACK);
    ck_state(packet, STATE_CLOSED);
    chain->priority = -150; /* too late: it is tracked */
    ck_state(packet, STATE_OPEN);
}
END_TEST

START_TEST(rejects_answer)
{
    struct nft_chain *chain = filter_chain(lab.host, HOOK_INPUT, ACCEPT);
    build_expression(build_rule(chain), EXPRESSION_REJECT)->reject =
        (struct nft_reject){.type = NFT_REJECT_ICMPX_UNREACH, .code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED};
    _cleanup_arena_ struct arena *arena = arena_new();
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 22);
    struct outcome outcome = ask(&packet, arena);
    ck_assert_int_eq(outcome.state, STATE_FILTERED);
    ck_assert_int_eq(outcome.answer, ANSWER_ICMP);
    ck_assert_uint_eq(outcome.icmp_type, 3);
    ck_assert_uint_eq(outcome.icmp_code, 13);
    ck_assert_int_eq(outcome.decider.kind, DECIDER_RULE);
    ck_assert_uint_eq(outcome.decider.rule.handle, chain->rules.items[0].handle);
    outcome_free(&outcome);
}
END_TEST

/* ---- what is not decided ---- */

START_TEST(both_ways)
{
    struct nft_chain *chain = filter_chain(lab.host, HOOK_INPUT, ACCEPT);
    struct nft_rule *rule = build_rule(chain);
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 22);
    build_expression(rule, EXPRESSION_LIMIT);
    ck_state(packet, STATE_OPEN);
    build_verdict(rule, ACCEPT, NULL);
    ck_state(packet, STATE_OPEN);
    rule->expressions.items[1].immediate.data.verdict.code = DROP;
    ck_assert(reason_is_given(packet, REASON_RATE_LIMIT));
    build_verdict(build_rule(chain), DROP, NULL);
    ck_state(packet, STATE_FILTERED);
}
END_TEST

START_TEST(fields_of_the_sender)
{
    struct nft_chain *chain = filter_chain(lab.host, HOOK_INPUT, ACCEPT);
    struct nft_rule *rule = build_rule(chain);
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 22);
    build_payload(lab.host, rule, NFT_PAYLOAD_NETWORK_HEADER, 8, NFT_CMP_LT, "\x05", 1); /* ip ttl < 5 */
    build_verdict(rule, DROP, NULL);
    ck_assert(reason_is_given(packet, REASON_PACKET_FIELD));
    rule->expressions.items[0].payload.offset = 9; /* ip protocol */
    ck_state(packet, STATE_OPEN);
}
END_TEST

/* Each puts something that is not modelled on the path to the web container; the open path comes back without
 * it. */
struct obstacle {
    const char *code;
    void (*put)(void);
};

static struct program *put_program(struct namespace *ns, enum program_kind kind, uint32_t interface)
{
    struct program *program = list_append(&ns->programs);
    program->kind = kind;
    program->interface = interface;
    program->name = "test";
    return program;
}

static void put_legacy(void)
{
    *list_append(&lab.host->ruleset.legacy) =
        (struct legacy_table){.family = FAMILY_IP4, .tool = "iptables", .name = "filter", .rules = 1};
}
static void put_bridge_rules(void)
{
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_BRIDGE, "b");
    build_base(lab.host, table, "post", "filter", HOOK_POSTROUTING, 0, DROP);
}
static void put_netdev_rules(void)
{
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_NETDEV, "n");
    struct nft_chain *chain = build_base(lab.host, table, "in", "filter", HOOK_INGRESS, 0, DROP);
    *list_append(&chain->devices) = "eth0";
}
static void put_arp_rules(void)
{
    struct nft_table *table = build_table(lab.host, NFT_FAMILY_ARP, "a");
    build_base(lab.host, table, "out", "filter", HOOK_OUTPUT, 0, DROP);
}
static void put_xdp(void)
{
    put_program(lab.host, PROGRAM_XDP, 2);
}
static void put_xdp_mode(void)
{
    build_find(lab.c1, 2)->xdp_mode = 2;
}
static void put_tc(void)
{
    put_program(lab.host, PROGRAM_TC, 2);
}
static void put_tc_egress(void)
{
    put_program(lab.host, PROGRAM_TC, 11)->egress = true;
}
static void put_tcx(void)
{
    put_program(lab.host, PROGRAM_TCX, 3)->egress = true;
}
static void put_netkit(void)
{
    put_program(lab.host, PROGRAM_NETKIT, 11);
}
static void put_cgroup(void)
{
    put_program(lab.host, PROGRAM_CGROUP, 0)->cgroup = "/";
}
static void put_sk_lookup(void)
{
    put_program(lab.c1, PROGRAM_SK_LOOKUP, 0);
}
static void put_flow_dissector(void)
{
    put_program(lab.host, PROGRAM_FLOW_DISSECTOR, 0);
}
static void put_netfilter(void)
{
    put_program(lab.host, PROGRAM_NETFILTER, 0)->hook = HOOK_FORWARD;
}
static void put_ipvs(void)
{
    put_program(lab.host, PROGRAM_IPVS, 0);
}
static void put_xfrm(void)
{
    put_program(lab.host, PROGRAM_XFRM, 0);
}
static void put_unreadable(void)
{
    put_program(lab.host, PROGRAM_UNREADABLE, 0)->detail = "tcx";
}
static struct nft_rule *forward_rule(void)
{
    return build_rule(filter_chain(lab.host, HOOK_FORWARD, ACCEPT));
}
static void put_unknown_expression(void)
{
    build_expression(forward_rule(), EXPRESSION_UNKNOWN)->name = "new";
}
static void put_unknown_attribute(void)
{
    build_expression(forward_rule(), EXPRESSION_COUNTER)->unknown_attribute = true;
}
static void put_undecodable(void)
{
    forward_rule()->undecodable = true;
}
static void put_unknown_match(void)
{
    struct nft_rule *rule = forward_rule();
    build_expression(rule, EXPRESSION_MATCH)->xt.name = "u32";
    build_verdict(rule, DROP, NULL);
}
static void put_unknown_target(void)
{
    build_expression(forward_rule(), EXPRESSION_TARGET)->xt.name = "TPROXY";
}
static void put_queue(void)
{
    build_expression(forward_rule(), EXPRESSION_QUEUE);
}
static void put_random(void)
{
    struct nft_rule *rule = forward_rule();
    build_expression(rule, EXPRESSION_NUMGEN)->numgen = (struct nft_numgen){.other.dreg = 1, .modulus = 2};
    uint32_t one = 1;
    build_expression(rule, EXPRESSION_CMP)->cmp =
        (struct nft_cmp){.sreg = 1, .data.value = build_bytes(lab.host, &one, sizeof(one))};
    build_verdict(rule, DROP, NULL);
}
static void put_time(void)
{
    struct nft_rule *rule = forward_rule();
    build_meta(lab.host, rule, NFT_META_TIME_HOUR, NFT_CMP_LT, "\1\1\1\1", 4);
    build_verdict(rule, DROP, NULL);
}
static void put_missing_rules(void)
{
    lab.host->missing |= PART_RULESET;
}
static void put_missing_routes(void)
{
    lab.host->missing |= PART_ROUTES;
}
static void put_missing_sockets(void)
{
    lab.c1->missing |= PART_SOCKETS_TCP;
}
static void put_missing_sysctls(void)
{
    build_find(lab.host, 2)->has_sysctl4 = false;
}
static void put_not_entered(void)
{
    lab.c1->entered = false;
}
static void put_over_budget(void)
{
    lab.host->ruleset.over_budget = true;
}
static void put_not_atomic(void)
{
    lab.host->ruleset.not_atomic = true;
}
static void put_incomplete(void)
{
    build_table(lab.host, NFT_FAMILY_INET, "cut")->incomplete = true;
}
static void put_vlan_filtering(void)
{
    build_find(lab.host, 3)->bridge_vlan_filtering = true;
}
static void put_macvlan(void)
{
    struct link *link = build_link(lab.c2, 9, "mv0", LINK_MACVLAN);
    link->peer_index = 2;
    link->peer_namespace = lab.host->id;
    build_address(lab.c2, 9, "172.18.0.2/32");
}
static void put_other_link(void)
{
    build_find(lab.host, 3)->kind = LINK_OTHER;
}
static void put_peer_unknown(void)
{
    struct link *link = build_find(lab.host, 11);
    link->peer_unknown = true;
}
static void put_multipath(void)
{
    struct route *route = build_route(lab.host, "172.18.0.2/32", RT_TABLE_MAIN, RTN_UNICAST, 3, NULL);
    list_append(&route->next_hops)->index = 2;
}
static void put_route_attribute(void)
{
    build_route(lab.host, "172.18.0.2/32", RT_TABLE_MAIN, RTN_UNICAST, 3, NULL)->unknown_attribute = true;
}

static const struct obstacle obstacles[] = {
    {REASON_LEGACY_TABLE, put_legacy},
    {REASON_BRIDGE_TABLE, put_bridge_rules},
    {REASON_DEVICE_CHAIN, put_netdev_rules},
    {REASON_ARP_TABLE, put_arp_rules},
    {REASON_XDP, put_xdp},
    {REASON_XDP, put_xdp_mode},
    {REASON_TC, put_tc},
    {REASON_TC, put_tc_egress},
    {REASON_TCX, put_tcx},
    {REASON_NETKIT, put_netkit},
    {REASON_CGROUP, put_cgroup},
    {REASON_SK_LOOKUP, put_sk_lookup},
    {REASON_FLOW_DISSECTOR, put_flow_dissector},
    {REASON_NETFILTER_PROGRAM, put_netfilter},
    {REASON_IPVS, put_ipvs},
    {REASON_XFRM, put_xfrm},
    {REASON_PROGRAMS_UNREAD, put_unreadable},
    {REASON_UNKNOWN_EXPRESSION, put_unknown_expression},
    {REASON_UNKNOWN_EXPRESSION, put_unknown_attribute},
    {REASON_UNDECODABLE_RULE, put_undecodable},
    {REASON_UNMODELLED_MATCH, put_unknown_match},
    {REASON_UNMODELLED_TARGET, put_unknown_target},
    {REASON_NFQUEUE, put_queue},
    {REASON_RANDOM, put_random},
    {REASON_TIME, put_time},
    {REASON_RULESET_UNREAD, put_missing_rules},
    {REASON_ROUTES_UNREAD, put_missing_routes},
    {REASON_SOCKETS_UNREAD, put_missing_sockets},
    {REASON_SYSCTLS_UNREAD, put_missing_sysctls},
    {REASON_NAMESPACE_UNREAD, put_not_entered},
    {REASON_OVER_BUDGET, put_over_budget},
    {REASON_NOT_ATOMIC, put_not_atomic},
    {REASON_INCOMPLETE, put_incomplete},
    {REASON_BRIDGE_FEATURE, put_vlan_filtering},
    {REASON_LINK_KIND, put_macvlan},
    {REASON_LINK_KIND, put_other_link},
    {REASON_PEER_UNKNOWN, put_peer_unknown},
    {REASON_MULTIPATH, put_multipath},
    {REASON_ROUTE_ATTRIBUTE, put_route_attribute},
};

START_TEST(unmodelled_on_the_path)
{
    const struct obstacle *obstacle = &obstacles[_i];
    struct packet packet = from_outside("198.51.100.7", "172.18.0.2", 80);
    ck_state(packet, STATE_OPEN);
    obstacle->put();
    ck_assert_msg(reason_is_given(packet, obstacle->code), "not undetermined by %s", obstacle->code);
}
END_TEST

static struct nft_set *dynamic_set(struct nft_table *table, uint32_t flags)
{
    struct nft_set *set = list_append(&table->sets);
    set->name = "seen";
    set->flags = flags;
    set->key_length = 4;
    return set;
}

START_TEST(sets_that_packets_fill)
{
    struct nft_chain *chain = filter_chain(lab.host, HOOK_INPUT, ACCEPT);
    struct nft_table *table = &lab.host->ruleset.tables.items[0];
    struct nft_set *set = dynamic_set(table, 0);
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 22);
    struct nft_rule *rule = build_rule(chain);
    build_expression(rule, EXPRESSION_PAYLOAD)->payload =
        (struct nft_payload){.base = NFT_PAYLOAD_NETWORK_HEADER, .offset = 12, .length = 4, .dreg = 1};
    build_expression(rule, EXPRESSION_LOOKUP)->lookup = (struct nft_lookup){.set = "seen", .sreg = 1};
    build_verdict(rule, DROP, NULL);
    ck_state(packet, STATE_OPEN);
    set->flags = SET_EVAL;
    ck_assert(reason_is_given(packet, REASON_DYNAMIC_SET));
    set->flags = 0;
    struct nft_element *element = list_append(&set->elements);
    element->key = build_bytes(lab.host, "\xc6\x33\x64\x07", 4);
    ck_state(packet, STATE_FILTERED);
    element->timeout = 1000;
    ck_assert(reason_is_given(packet, REASON_DYNAMIC_SET));
    set->incomplete = true;
    element->timeout = 0;
    ck_state(packet, STATE_FILTERED);
    packet.source = build_ip("198.51.100.8");
    ck_assert(reason_is_given(packet, REASON_INCOMPLETE));
}
END_TEST

START_TEST(programs_of_control_groups)
{
    struct packet packet = from_outside("198.51.100.7", "172.18.0.2", 80);
    struct process *process = list_append(&lab.snapshot->processes);
    process->cgroup = "/docker/web";
    process->network_namespace = lab.c1->id;
    *list_append(&lab.c1->sockets.items[0].processes) = 0;
    struct program *program = put_program(lab.host, PROGRAM_CGROUP, 0);
    program->cgroup = "/docker/we";
    ck_state(packet, STATE_OPEN);
    program->cgroup = "/docker";
    ck_assert(reason_is_given(packet, REASON_CGROUP));
    program->egress = true;
    ck_state(packet, STATE_OPEN);
    ck_assert(reason_is_given(from_inside(lab.c1, "172.19.0.1", 22), REASON_CGROUP));
    program->family = FAMILY_IP6;
    ck_state(from_inside(lab.c1, "172.19.0.1", 22), STATE_OPEN);
    program->family = FAMILY_NONE;
    filter_chain(lab.host, HOOK_INPUT, DROP);
    ck_state(from_inside(lab.c1, "172.19.0.1", 22),
             STATE_FILTERED); /* it can only drop, and that happens anyway */
}
END_TEST

/* What another scan left, at its priority and under its name, stops nobody. */
START_TEST(guards_of_other_scans)
{
    struct packet packet = from_outside("198.51.100.7", "203.0.113.10", 22);
    struct program *program = put_program(lab.host, PROGRAM_NETFILTER, 0);
    program->hook = HOOK_INPUT;
    program->priority = INT32_MAX - 1;
    program->name = "postern_input";
    ck_state(packet, STATE_OPEN);
    program->priority = 0;
    ck_assert(reason_is_given(packet, REASON_NETFILTER_PROGRAM));
    program->priority = INT32_MAX - 1;
    program->name = "others";
    ck_assert(reason_is_given(packet, REASON_NETFILTER_PROGRAM));
}
END_TEST

START_TEST(unmodelled_elsewhere)
{
    struct packet packet = from_outside("198.51.100.7", "172.18.0.2", 80);
    put_program(lab.host, PROGRAM_TC, 4);
    put_program(lab.host, PROGRAM_NETFILTER, 0)->hook = HOOK_INPUT;
    put_program(lab.c2, PROGRAM_SK_LOOKUP, 0);
    lab.c2->entered = false;
    ck_state(packet, STATE_OPEN);
}
END_TEST

START_TEST(wrong_questions_are_refused)
{
    struct outcome outcome;
    struct packet packet = from_outside("198.51.100.7", "172.18.0.2", 80);
    struct world *world = world_new(lab.snapshot);
    packet.protocol = PROTOCOL_ICMP;
    ck_assert_int_eq(concrete_evaluate(world, &packet, NULL, &outcome), -EINVAL);
    packet.protocol = PROTOCOL_TCP;
    packet.source = build_ip("::1");
    ck_assert_int_eq(concrete_evaluate(world, &packet, NULL, &outcome), -EINVAL);
    world_free(world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("path/concrete");
    TCase *paths = tcase_create("paths");
    tcase_add_checked_fixture(paths, setup, teardown);
    tcase_add_test(paths, sockets_take_what_is_theirs);
    tcase_add_test(paths, datagram_sockets);
    tcase_add_test(paths, bound_devices);
    tcase_add_test(paths, published_port);
    tcase_add_test(paths, bridge_netfilter);
    tcase_add_test(paths, hairpin);
    tcase_add_test(paths, bridge_ports);
    tcase_add_test(paths, reverse_path);
    tcase_add_test(paths, martians);
    tcase_add_test(paths, forwarding_switches);
    tcase_add_test(paths, kinds_of_routes);
    tcase_add_test(paths, neighbours);
    tcase_add_test(paths, going_round);
    tcase_add_test(paths, proxy_arp);
    tcase_add_test(paths, sources_that_the_kernel_chooses);
    tcase_add_test(paths, rules_by_sender);
    tcase_add_test(paths, connected_datagrams);
    suite_add_tcase(suite, paths);
    TCase *rules = tcase_create("rules");
    tcase_add_checked_fixture(rules, setup, teardown);
    tcase_add_test(rules, chains_of_one_hook);
    tcase_add_test(rules, equal_priorities);
    tcase_add_test(rules, jumps);
    tcase_add_test(rules, masquerade_is_seen_inside);
    tcase_add_test(rules, notrack_has_no_nat);
    tcase_add_test(rules, rejects_answer);
    suite_add_tcase(suite, rules);
    TCase *doubts = tcase_create("doubts");
    tcase_add_checked_fixture(doubts, setup, teardown);
    tcase_add_test(doubts, both_ways);
    tcase_add_test(doubts, fields_of_the_sender);
    tcase_add_loop_test(doubts, unmodelled_on_the_path, 0, (int)(sizeof(obstacles) / sizeof(obstacles[0])));
    tcase_add_test(doubts, sets_that_packets_fill);
    tcase_add_test(doubts, programs_of_control_groups);
    tcase_add_test(doubts, guards_of_other_scans);
    tcase_add_test(doubts, unmodelled_elsewhere);
    tcase_add_test(doubts, wrong_questions_are_refused);
    suite_add_tcase(suite, doubts);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks by bridges, segments, and ports published by sockets and rules, on a host made by hand. */
#include "netns/collect/network.h"

#include <check.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

#define HOST        4026531840
#define LISTEN      10
#define UNCONNECTED 7

struct host {
    struct snapshot *snapshot;
    struct found found;
    struct attachment attachment;
    struct namespace *own;
};

static struct namespace *place_add(struct host *host, uint64_t id)
{
    struct namespace *namespace = namespace_new(id);
    *list_append(&host->snapshot->namespaces) = namespace;
    *list_append(&host->found.places) = (struct found_place){.handle = {.fd = -1}, .namespace = namespace};
    map_set_u64(host->found.by_inode, id, (void *)(uintptr_t)host->found.places.count);
    return namespace;
}

static struct host host_open(void)
{
    struct host host = {.snapshot = snapshot_new()};
    host.found.by_inode = map_new();
    host.attachment.by_pid = map_new();
    host.snapshot->host_namespace = HOST;
    host.own = place_add(&host, HOST);
    return host;
}

static void host_close(struct host *host)
{
    attachment_free(&host->attachment);
    found_free(&host->found);
    snapshot_free(host->snapshot);
}

static struct container *container_add(struct host *host, const char *name, enum container_engine engine,
                                       uint64_t namespace)
{
    *list_append(&host->attachment.containers) = (struct attached){0, 0, -1};
    struct container *container = list_append(&host->snapshot->containers);
    *container = (struct container){.name = name, .id = name, .engine = engine, .namespace = namespace};
    return container;
}

static struct address ip(const char *text)
{
    struct address address;
    ck_assert_int_eq(address_parse(text, &address, NULL), 0);
    return address;
}

static void bridge_add(struct namespace *namespace, const char *name, uint32_t index)
{
    *list_append(&namespace->links) =
        (struct link){.name = name, .index = index, .kind = LINK_BRIDGE, .peer_nsid = -1};
}

/* A veth from the namespace to a port of the bridge with index `master` in `far`. */
static void veth_add(struct namespace *namespace, struct namespace *far, uint32_t index, uint32_t far_index,
                     uint32_t master, const char *address)
{
    *list_append(&namespace->links) = (struct link){.name = "eth0",
                                                    .index = index,
                                                    .kind = LINK_VETH,
                                                    .peer_index = far_index,
                                                    .peer_namespace = far->id};
    *list_append(&far->links) = (struct link){.name = "veth",
                                              .index = far_index,
                                              .kind = LINK_VETH,
                                              .peer_index = index,
                                              .peer_namespace = namespace->id,
                                              .master = master};
    *list_append(&namespace->addresses) = (struct link_address){.index = index, .prefix = {ip(address), 16}};
}

static struct container_network *network_add(struct container *container, const char *name,
                                             const char *interface, const char *address)
{
    struct container_network *network = list_append(&container->networks);
    network->name = name;
    network->interface = interface;
    if (address)
        *list_append(&network->addresses) = ip(address);
    return network;
}

static const struct segment *segment_of(const struct host *host, const char *interface, uint64_t namespace)
{
    list_each(struct segment, segment, &host->snapshot->segments) {
        if (!strcmp(segment->interface, interface) && segment->namespace == namespace)
            return segment;
    }
    ck_abort_msg("%s is no segment", interface);
    return NULL;
}

/* The engine took another bridge than its name says: the veth is right. */
START_TEST(bridge_by_the_veth)
{
    struct host host = host_open();
    bridge_add(host.own, "shopbr0", 3);
    bridge_add(host.own, "docker0", 4);
    bridge_add(host.own, "br-lonely", 5);
    struct namespace *inside = place_add(&host, 11);
    veth_add(inside, host.own, 2, 10, 3, "172.29.0.2");
    struct container *web = container_add(&host, "web", ENGINE_DOCKER, 11);
    network_add(web, "shop", "br-0123456789ab", "172.29.0.2");
    *list_append(&host.attachment.networks) = (struct engine_network){ENGINE_DOCKER, "bridge", "docker0"};
    network_attach(host.snapshot, &host.found, &host.attachment);
    ck_assert_uint_eq(web->networks.count, 1);
    ck_assert_str_eq(web->networks.items[0].interface, "shopbr0");
    ck_assert_uint_eq(host.snapshot->segments.count, 3);
    ck_assert_str_eq(segment_of(&host, "shopbr0", HOST)->name, "shop");
    ck_assert_int_eq(segment_of(&host, "shopbr0", HOST)->engine, ENGINE_DOCKER);
    ck_assert_str_eq(segment_of(&host, "docker0", HOST)->name, "bridge");
    ck_assert_str_eq(segment_of(&host, "br-lonely", HOST)->name, "br-lonely");
    ck_assert_int_eq(segment_of(&host, "br-lonely", HOST)->engine, ENGINE_NONE);
    host_close(&host);
}
END_TEST

/* Podman's files tell of no container's network. */
START_TEST(network_that_no_engine_told_of)
{
    struct host host = host_open();
    bridge_add(host.own, "podman1", 3);
    struct namespace *inside = place_add(&host, 11);
    veth_add(inside, host.own, 2, 10, 3, "10.89.0.2");
    struct container *web = container_add(&host, "web", ENGINE_PODMAN, 11);
    struct container *bare = container_add(&host, "blue", ENGINE_NETNS, 11);
    *list_append(&host.attachment.networks) = (struct engine_network){ENGINE_PODMAN, "shopnet", "podman1"};
    network_attach(host.snapshot, &host.found, &host.attachment);
    ck_assert_uint_eq(web->networks.count, 1);
    ck_assert_str_eq(web->networks.items[0].name, "shopnet");
    ck_assert_str_eq(web->networks.items[0].interface, "podman1");
    ck_assert(address_equal(web->networks.items[0].addresses.items[0], ip("10.89.0.2")));
    ck_assert_str_eq(bare->networks.items[0].name, "podman1");
    ck_assert_str_eq(segment_of(&host, "podman1", HOST)->name, "shopnet");
    host_close(&host);
}
END_TEST

START_TEST(segments_of_one_name)
{
    struct host host = host_open();
    bridge_add(host.own, "br-one", 3);
    bridge_add(host.own, "podman1", 4);
    network_add(container_add(&host, "a", ENGINE_DOCKER, 0), "default", "br-one", NULL);
    network_add(container_add(&host, "b", ENGINE_PODMAN, 0), "default", "podman1", NULL);
    network_attach(host.snapshot, &host.found, &host.attachment);
    ck_assert_str_eq(segment_of(&host, "br-one", HOST)->name, "docker/default");
    ck_assert_str_eq(segment_of(&host, "podman1", HOST)->name, "podman/default");
    host_close(&host);
}
END_TEST

START_TEST(bridge_within_a_container)
{
    struct host host = host_open();
    struct namespace *outer = place_add(&host, 11), *inner = place_add(&host, 12);
    bridge_add(outer, "docker0", 3);
    bridge_add(outer, "unused", 4);
    veth_add(inner, outer, 2, 10, 3, "172.17.0.2");
    container_add(&host, "dind", ENGINE_DOCKER, 11);
    container_add(&host, "dind/0123", ENGINE_DOCKER, 12);
    network_attach(host.snapshot, &host.found, &host.attachment);
    ck_assert_uint_eq(host.snapshot->segments.count, 1);
    ck_assert_str_eq(segment_of(&host, "docker0", 11)->name, "dind/docker0");
    host_close(&host);
}
END_TEST

/* ---- published ports ---- */

static void socket_add(struct host *host, enum socket_kind kind, const char *address, uint16_t port,
                       uint32_t process)
{
    struct socket *socket = list_append(&host->own->sockets);
    socket->kind = kind;
    socket->address = ip(address);
    socket->family = socket->address.family;
    socket->state = kind == SOCKET_TCP ? LISTEN : UNCONNECTED;
    socket->port = port;
    *list_append(&socket->processes) = process;
}

static struct bytes bytes_of(struct host *host, const void *data, size_t length)
{
    return (struct bytes){arena_copy(host->own->arena, data, length), length};
}

static struct nft_expression *expression_add(struct nft_rule *rule, enum expression_kind kind)
{
    struct nft_expression *expression = list_append(&rule->expressions);
    expression->kind = kind;
    return expression;
}

static struct nft_rule *rule_add(struct host *host, const char *chain)
{
    struct nft_table *table = list_append(&host->own->ruleset.tables);
    struct nft_chain *added = list_append(&table->chains);
    added->name = chain;
    return list_append(&added->rules);
}

/* -p tcp --dport PORT, as iptables-nft and nft write it. */
static void match_port(struct host *host, struct nft_rule *rule, uint8_t protocol, uint16_t port)
{
    const uint8_t port_bytes[] = {(uint8_t)(port >> 8), (uint8_t)port};
    expression_add(rule, EXPRESSION_META)->meta = (struct nft_meta){.key = NFT_META_L4PROTO, .dreg = 1};
    expression_add(rule, EXPRESSION_CMP)->cmp =
        (struct nft_cmp){.sreg = 1, .op = NFT_CMP_EQ, .data = {.value = bytes_of(host, &protocol, 1)}};
    expression_add(rule, EXPRESSION_PAYLOAD)->payload =
        (struct nft_payload){.dreg = 2, .base = NFT_PAYLOAD_TRANSPORT_HEADER, .offset = 2, .length = 2};
    expression_add(rule, EXPRESSION_CMP)->cmp =
        (struct nft_cmp){.sreg = 2, .op = NFT_CMP_EQ, .data = {.value = bytes_of(host, port_bytes, 2)}};
}

static void xt_dnat(struct nft_rule *rule, const char *address, uint16_t port)
{
    struct nft_expression *target = expression_add(rule, EXPRESSION_TARGET);
    target->xt.kind = XT_DNAT;
    target->xt.nat = (struct xt_nat){.flags = 3,
                                     .address_min = ip(address),
                                     .address_max = ip(address),
                                     .port_min = port,
                                     .port_max = port};
}

static void native_dnat(struct host *host, struct nft_rule *rule, const char *address, uint16_t port)
{
    uint8_t address_bytes[16];
    const uint8_t port_bytes[] = {(uint8_t)(port >> 8), (uint8_t)port};
    size_t length = address_to_bytes(ip(address), address_bytes);
    expression_add(rule, EXPRESSION_IMMEDIATE)->immediate =
        (struct nft_immediate){.dreg = 1, .data = {.value = bytes_of(host, address_bytes, length)}};
    expression_add(rule, EXPRESSION_IMMEDIATE)->immediate =
        (struct nft_immediate){.dreg = 2, .data = {.value = bytes_of(host, port_bytes, 2)}};
    expression_add(rule, EXPRESSION_NAT)->nat =
        (struct nft_nat){.type = NFT_NAT_DNAT, .family = 2, .address_min = 1, .port_min = 2};
}

static void published_is(const struct container *container, const char *expected)
{
    _cleanup_buffer_ struct buffer text = BUFFER(4096);
    list_each(struct published, published, &container->published)
        buffer_printf(&text, "%s:%u->%u/%u ", ADDRESS_TEXT(published->address), published->port,
                      published->target, published->protocol);
    ck_assert_str_eq(text.data ? text.data : "", expected);
}

static struct container *podman_open(struct host *host, uint32_t agent)
{
    struct namespace *inside = place_add(host, 11);
    *list_append(&inside->addresses) = (struct link_address){.index = 2, .prefix = {ip("10.88.0.4"), 16}};
    struct container *web = container_add(host, "web", ENGINE_PODMAN, 11);
    web->network_mode = "bridge";
    host->attachment.containers.items[0].agent = agent;
    return web;
}

START_TEST(ports_of_an_agent)
{
    struct host host = host_open();
    struct container *web = podman_open(&host, 77);
    list_append(&host.snapshot->processes)->pid = 76;
    list_append(&host.snapshot->processes)->pid = 77;
    socket_add(&host, SOCKET_TCP, "0.0.0.0", 8080, 1);
    socket_add(&host, SOCKET_TCP, "::", 8081, 1);
    socket_add(&host, SOCKET_UDP, "127.0.0.1", 53, 1);
    socket_add(&host, SOCKET_TCP, "0.0.0.0", 22, 0); /* another's */
    struct nft_rule *rule = rule_add(&host, "NETAVARK-DN-1D8721804F16F");
    match_port(&host, rule, IPPROTO_TCP, 8080);
    xt_dnat(rule, "10.88.0.4", 80);
    rule = rule_add(&host, "NETAVARK-DN-1D8721804F16F");
    match_port(&host, rule, IPPROTO_UDP, 53);
    native_dnat(&host, rule, "10.88.0.4", 5353);
    rule = rule_add(&host, "NETAVARK-DN-1D8721804F16F");
    match_port(&host, rule, IPPROTO_TCP, 9999);
    xt_dnat(rule, "10.88.0.99", 80); /* of another container */
    network_publish(host.snapshot, &host.attachment);
    published_is(web, "0.0.0.0:8080->80/6 :8081->0/6 127.0.0.1:53->5353/17 ");
    host_close(&host);
}
END_TEST

START_TEST(ports_by_rules_alone)
{
    struct host host = host_open();
    struct container *web = podman_open(&host, 0);
    struct nft_rule *rule = rule_add(&host, "nv_abcdef_dnat");
    match_port(&host, rule, IPPROTO_TCP, 8443);
    xt_dnat(rule, "10.88.0.4", 0); /* of no known hand */
    rule = rule_add(&host, "NETAVARK-DN-1D8721804F16F");
    match_port(&host, rule, IPPROTO_TCP, 8080);
    xt_dnat(rule, "10.88.0.4", 0); /* port as it was */
    network_publish(host.snapshot, &host.attachment);
    published_is(web, ":8080->8080/6 ");
    host_close(&host);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collect/network");
    TCase *cases = tcase_create("network");
    tcase_add_test(cases, bridge_by_the_veth);
    tcase_add_test(cases, network_that_no_engine_told_of);
    tcase_add_test(cases, segments_of_one_name);
    tcase_add_test(cases, bridge_within_a_container);
    tcase_add_test(cases, ports_of_an_agent);
    tcase_add_test(cases, ports_by_rules_alone);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Published ports by the sockets that hold them and the rules that rewrite them: network_publish(). */
#include "netns/collect/network.h"

#include "netns/base/text.h"

#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

#define REGISTERS   40
#define TCP_LISTEN_ 10 /* enum of the kernel, include/net/tcp_states.h */

/* A rule that sends (protocol, port) on to an address. */
struct forwarding {
    uint8_t protocol;
    uint16_t port, target_port; /* 0: not tested; not rewritten */
    struct address target;
    const char *chain;
};
struct forwardings {
    LIST(struct forwarding) items;
};

/* What a rule has loaded and compared so far, where it is told by constants. */
struct reading {
    struct forwarding forwarding;
    uint32_t port_register, protocol_register; /* that hold the packet's; 0: none */
    struct bytes constants[REGISTERS];
    bool complete;
};

static uint16_t port_of(struct bytes value)
{
    return value.length < 2 ? 0 : (uint16_t)((unsigned)value.data[0] << 8 | value.data[1]);
}

static void comparison_read(struct reading *reading, const struct nft_cmp *cmp)
{
    if (cmp->op != NFT_CMP_EQ || !cmp->sreg)
        return;
    if (cmp->sreg == reading->port_register && cmp->data.value.length == 2)
        reading->forwarding.port = port_of(cmp->data.value);
    else if (cmp->sreg == reading->protocol_register && cmp->data.value.length == 1)
        reading->forwarding.protocol = cmp->data.value.data[0];
}

/* A load overwrites what its register held. */
static void load_read(struct reading *reading, const struct nft_expression *expression)
{
    bool is_payload = expression->kind == EXPRESSION_PAYLOAD;
    uint32_t into = is_payload ? expression->payload.dreg : expression->meta.dreg;
    if (into == reading->port_register)
        reading->port_register = 0;
    if (into == reading->protocol_register)
        reading->protocol_register = 0;
    if (is_payload) {
        const struct nft_payload *payload = &expression->payload;
        if (payload->base == NFT_PAYLOAD_TRANSPORT_HEADER && payload->offset == 2 && payload->length == 2)
            reading->port_register = into;
    } else if (expression->meta.key == NFT_META_L4PROTO) {
        reading->protocol_register = into;
    }
}

static void nat_read(struct reading *reading, const struct nft_nat *nat)
{
    if (nat->type != NFT_NAT_DNAT || nat->address_min >= REGISTERS || nat->port_min >= REGISTERS)
        return;
    struct bytes address = reading->constants[nat->address_min];
    reading->forwarding.target = address_from_bytes(address.data, address.length);
    if (nat->port_min)
        reading->forwarding.target_port = port_of(reading->constants[nat->port_min]);
    reading->complete = nat->address_min && reading->forwarding.target.family != FAMILY_NONE;
}

static void xt_read(struct reading *reading, const struct nft_xt *xt)
{
    if (xt->kind == XT_TCP || xt->kind == XT_UDP) {
        bool one = xt->ports.destination.first == xt->ports.destination.last && !xt->ports.invert_destination;
        reading->forwarding.port = one ? xt->ports.destination.first : 0;
        reading->forwarding.protocol = xt->kind == XT_TCP ? IPPROTO_TCP : IPPROTO_UDP;
    } else if (xt->kind == XT_DNAT) {
        reading->forwarding.target = xt->nat.address_min;
        reading->forwarding.target_port = xt->nat.port_min;
        reading->complete = xt->nat.address_min.family != FAMILY_NONE;
    }
}

static void expression_read(struct reading *reading, const struct nft_expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_PAYLOAD:
    case EXPRESSION_META:
        load_read(reading, expression);
        break;
    case EXPRESSION_CMP:
        comparison_read(reading, &expression->cmp);
        break;
    case EXPRESSION_IMMEDIATE:
        if (expression->immediate.dreg < REGISTERS)
            reading->constants[expression->immediate.dreg] = expression->immediate.data.value;
        break;
    case EXPRESSION_NAT:
        nat_read(reading, &expression->nat);
        break;
    case EXPRESSION_MATCH:
    case EXPRESSION_TARGET:
        xt_read(reading, &expression->xt);
        break;
    default:
        break;
    }
}

static void rule_read(const struct nft_chain *chain, const struct nft_rule *rule,
                      struct forwardings *forwardings)
{
    struct reading reading = {.forwarding.chain = chain->name};
    list_each(struct nft_expression, expression, &rule->expressions)
        expression_read(&reading, expression);
    if (!reading.complete || !reading.forwarding.port || !reading.forwarding.protocol)
        return;
    if (!reading.forwarding.target_port)
        reading.forwarding.target_port = reading.forwarding.port;
    *list_append(&forwardings->items) = reading.forwarding;
}

static void forwardings_read(const struct namespace *host, struct forwardings *forwardings)
{
    list_each(struct nft_table, table, &host->ruleset.tables) {
        list_each(struct nft_chain, chain, &table->chains) {
            list_each(struct nft_rule, rule, &chain->rules)
                rule_read(chain, rule, forwardings);
        }
    }
}

/* ---- containers ---- */

static bool is_own(const struct namespace *namespace, struct address address)
{
    list_each(struct link_address, item, &namespace->addresses) {
        if (address_equal(item->prefix.address, address))
            return true;
    }
    return false;
}

static uint16_t target_of(const struct forwardings *forwardings, const struct namespace *namespace,
                          uint8_t protocol, uint16_t port)
{
    list_each(struct forwarding, item, &forwardings->items) {
        if (item->protocol == protocol && item->port == port && is_own(namespace, item->target))
            return item->target_port;
    }
    return 0;
}

static bool is_published(const struct container *container, uint8_t protocol, uint16_t port)
{
    list_each(struct published, published, &container->published) {
        if (published->protocol == protocol && published->port == port)
            return true;
    }
    return false;
}

static bool holds(const struct snapshot *snapshot, const struct socket *socket, uint32_t pid)
{
    list_each(uint32_t, process, &socket->processes) {
        if (snapshot->processes.items[*process].pid == pid)
            return true;
    }
    return false;
}

static uint8_t protocol_of(const struct socket *socket)
{
    if (socket->kind == SOCKET_TCP && socket->state == TCP_LISTEN_)
        return IPPROTO_TCP;
    if (socket->kind == SOCKET_UDP)
        return IPPROTO_UDP;
    return socket->kind == SOCKET_SCTP ? IPPROTO_SCTP : 0;
}

static void agent_publish(const struct snapshot *snapshot, struct container *container, uint32_t agent,
                          const struct namespace *namespace, const struct forwardings *forwardings)
{
    list_each(struct socket, socket, &snapshot_host(snapshot)->sockets) {
        uint8_t protocol = protocol_of(socket);
        if (!protocol || !socket->port || !holds(snapshot, socket, agent))
            continue;
        /* one of both families stands for every address */
        bool all = socket->family == FAMILY_IP6 && !socket->v6only && address_is_any(socket->address);
        *list_append(&container->published) = (struct published){
            .address = all ? (struct address){0} : socket->address,
            .port = socket->port,
            .target = target_of(forwardings, namespace, protocol, socket->port),
            .protocol = protocol,
        };
    }
}

/* Netavark's own rules, where no socket tells (a conmon that has died). */
static void rules_publish(struct container *container, const struct namespace *namespace,
                          const struct forwardings *forwardings)
{
    list_each(struct forwarding, item, &forwardings->items) {
        bool own =
            text_match("*[Nn][Ee][Tt][Aa][Vv][Aa][Rr][Kk]*", item->chain) && is_own(namespace, item->target);
        if (own && !is_published(container, item->protocol, item->port))
            *list_append(&container->published) = (struct published){
                .port = item->port, .target = item->target_port, .protocol = item->protocol};
    }
}

void network_publish(struct snapshot *snapshot, const struct attachment *attachment)
{
    struct forwardings forwardings = {0};
    const struct namespace *host = snapshot_host(snapshot);
    bool read = false;
    for (size_t i = 0; i < attachment->containers.count; i++) {
        struct container *container = &snapshot->containers.items[i];
        uint32_t agent = attachment->containers.items[i].agent;
        const struct namespace *namespace = snapshot_namespace(snapshot, container->namespace);
        if (container->engine != ENGINE_PODMAN || container->host_network || !namespace)
            continue;
        if (!read)
            forwardings_read(host, &forwardings);
        read = true;
        if (agent)
            agent_publish(snapshot, container, agent, namespace, &forwardings);
        if (text_equal(container->network_mode, "bridge"))
            rules_publish(container, namespace, &forwardings);
    }
    list_free(&forwardings.items);
}

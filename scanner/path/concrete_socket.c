/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Input: the hooks, then the socket that takes the packet (inet_hashtables.c, udp.c of the kernel). */
#include "scanner/path/concrete_walk.h"

#define TCP_LISTEN_STATE      10
#define TCP_ESTABLISHED_STATE 1

static bool is_v4mapped(struct address address)
{
    return address.family == FAMILY_IP6 && address.value >> 32 == 0xffff;
}

static enum socket_kind kind_of(uint8_t protocol)
{
    return protocol == PROTOCOL_TCP ? SOCKET_TCP : protocol == PROTOCOL_UDP ? SOCKET_UDP : SOCKET_UDPLITE;
}

static bool takes_new(const struct walk *walk, const struct socket *socket)
{
    enum socket_kind kind = kind_of(walk->packet->protocol);
    if (kind == SOCKET_TCP)
        return (socket->kind == SOCKET_TCP || socket->kind == SOCKET_MPTCP) &&
               socket->state == TCP_LISTEN_STATE;
    return socket->kind == kind && socket->state != TCP_ESTABLISHED_STATE;
}

/* The address that the socket is bound to as seen by the packet's family. False: it takes none of this
 * family. */
static bool bound_address(const struct socket *socket, enum ip_family family, struct address *ret_address)
{
    *ret_address = socket->address;
    if (socket->family == family)
        return !(family == FAMILY_IP6 && is_v4mapped(socket->address));
    if (socket->family != FAMILY_IP6 || family != FAMILY_IP4 || socket->v6only)
        return false;
    if (address_is_any(socket->address)) { /* dual stack */
        *ret_address = (struct address){.family = FAMILY_IP4};
        return true;
    }
    *ret_address = address_ip4((uint32_t)socket->address.value);
    return is_v4mapped(socket->address);
}

/*
 * The interface that the packet came in on, for SO_BINDTODEVICE: what came over the loopback device counts as
 * arrived on the one that the local route names (ip_route_output_key_hash_rcu, ip6_rcv_core).
 */
static uint32_t arrival_index(const struct walk *walk)
{
    return walk->at.home ? walk->at.home : walk->at.in->index;
}

/*
 * compute_score(): the exact address before the wildcard, then a device, then the own family before dual
 * stack. Negative: not this one.
 */
static int score_of(const struct walk *walk, const struct socket *socket)
{
    struct address bound;
    if (!takes_new(walk, socket) || socket->port != walk->at.destination_port ||
        !bound_address(socket, walk->packet->family, &bound))
        return -1;
    bool any = address_is_any(bound);
    if (!any && !address_equal(bound, walk->at.destination))
        return -1;
    if (socket->interface && socket->interface != arrival_index(walk))
        return -1;
    return (any ? 0 : 8) + (socket->interface ? 4 : 0) + (socket->family == walk->packet->family ? 1 : 0);
}

/* A connected datagram socket takes what comes from its peer before any other. */
static bool is_connected(const struct walk *walk)
{
    const struct flight *at = &walk->at;
    if (walk->packet->protocol == PROTOCOL_TCP)
        return false;
    list_each(const struct connection, connection, &at->namespace->facts->connections)
        if (connection->kind == kind_of(walk->packet->protocol) &&
            address_equal(connection->local, at->destination) &&
            connection->local_port == at->destination_port && address_equal(connection->remote, at->source) &&
            connection->remote_port == at->source_port)
            return true;
    return false;
}

static int32_t socket_find(const struct walk *walk)
{
    const struct namespace *facts = walk->at.namespace->facts;
    int32_t best = -1;
    int best_score = -1;
    for (size_t i = 0; i < facts->sockets.count; i++) {
        int score = score_of(walk, &facts->sockets.items[i]);
        if (score > best_score) {
            best_score = score;
            best = (int32_t)i;
        }
    }
    return best;
}

static void target_set(struct walk *walk, int32_t socket)
{
    walk->outcome->target = (struct target){.namespace = walk->at.namespace->facts->id,
                                            .address = walk->at.destination,
                                            .port = walk->at.destination_port,
                                            .socket = socket};
}

static void nobody_listens(struct walk *walk)
{
    bool ip6 = walk->packet->family == FAMILY_IP6;
    if (walk->packet->protocol == PROTOCOL_TCP)
        walk->outcome->answer = ANSWER_TCP_RESET;
    else
        walk_icmp(walk, ip6 ? 1 : 3, ip6 ? 4 : 3);
    target_set(walk, -1);
    walk_end(walk, STATE_CLOSED,
             (struct decider){.kind = DECIDER_NO_LISTENER,
                              .namespace = walk->at.namespace->facts->id,
                              .text = "nobody listens"});
}

static void socket_take(struct walk *walk, int32_t socket)
{
    target_set(walk, socket);
    walk_step(walk, "socket", NULL, "delivered");
    struct decider decider = walk->accepted;
    if (decider.kind == DECIDER_NONE)
        decider = (struct decider){.kind = DECIDER_LISTENER, .namespace = walk->at.namespace->facts->id};
    walk_end(walk, STATE_OPEN, decider);
}

void packet_input(struct walk *walk)
{
    uint32_t part = walk->packet->protocol == PROTOCOL_TCP ? PART_SOCKETS_TCP : PART_SOCKETS_UDP;
    namespace_programs(walk);
    if (walk_ended(walk))
        return;
    walk->at.out = NULL;
    hook_run(walk, HOOK_INPUT);
    if (!part_is_read(walk, part, REASON_SOCKETS_UNREAD))
        return;
    socket_programs(walk);
    if (walk_ended(walk))
        return;
    int32_t socket = socket_find(walk);
    if (socket >= 0)
        cgroup_programs(walk, &walk->at.namespace->facts->sockets.items[socket], false);
    if (socket >= 0 || is_connected(walk))
        socket_take(walk, socket);
    else
        nobody_listens(walk);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket that takes the packet: inet_hashtables.c and udp.c of the kernel. */
#include "scanner/path/survey.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>

#define TCP_LISTEN_STATE      10
#define TCP_ESTABLISHED_STATE 1

static bool is_mapped(struct address address)
{
    return address.family == FAMILY_IP6 && address.value >> 32 == 0xffff;
}

static enum socket_kind kind_of(uint8_t protocol)
{
    return protocol == PROTOCOL_TCP ? SOCKET_TCP : protocol == PROTOCOL_UDP ? SOCKET_UDP : SOCKET_UDPLITE;
}

static bool takes_new(const struct socket *socket, uint8_t protocol)
{
    if (protocol == PROTOCOL_TCP)
        return (socket->kind == SOCKET_TCP || socket->kind == SOCKET_MPTCP) &&
               socket->state == TCP_LISTEN_STATE;
    return socket->kind == kind_of(protocol) && socket->state != TCP_ESTABLISHED_STATE;
}

/* The address that it is bound to, as packets of the family see it. False: it takes none of this family. */
static bool bound_to(const struct socket *socket, enum ip_family family, struct address *ret_address)
{
    *ret_address = socket->address;
    if (socket->family == family)
        return family == FAMILY_IP4 || !is_mapped(socket->address);
    if (socket->family != FAMILY_IP6 || socket->v6only)
        return false;
    bool any = address_is_any(socket->address);
    *ret_address = address_ip4(any ? 0 : (uint32_t)socket->address.value);
    return any || is_mapped(socket->address);
}

/* For SO_BINDTODEVICE: what came over the loopback counts as arrived where the local route has the address
 * (ip_route_output_key_hash_rcu, ip6_rcv_core). */
static uint32_t arrived_on(const struct fragment *fragment)
{
    return fragment->arrived ? fragment->arrived : fragment->in->index;
}

/* compute_score: the exact address first, then a device, then the own family before dual stack; -1: not this
 * one. */
static int score_of(const struct fragment *fragment, const struct socket *socket, uint8_t protocol)
{
    struct address bound;
    if (socket->port != fragment->port_number || !takes_new(socket, protocol) ||
        !bound_to(socket, fragment->destination.family, &bound))
        return -1;
    bool any = address_is_any(bound);
    if ((!any && !address_equal(bound, fragment->destination)) ||
        (socket->interface && socket->interface != arrived_on(fragment)))
        return -1;
    return (any ? 0 : 8) + (socket->interface ? 4 : 0) +
           (socket->family == fragment->destination.family ? 1 : 0);
}

static int32_t socket_find(const struct fragment *fragment, uint8_t protocol)
{
    const struct namespace *facts = fragment->namespace->facts;
    int32_t best = -1;
    int best_score = -1;
    for (size_t i = 0; i < facts->sockets.count; i++) {
        int score = score_of(fragment, &facts->sockets.items[i], protocol);
        if (score > best_score) {
            best_score = score;
            best = (int32_t)i;
        }
    }
    return best;
}

static void socket_take(struct survey *survey, struct fragment *fragment, int32_t socket)
{
    struct cause cause = {.kind = DECIDER_LISTENER, .namespace = fragment->namespace};
    fragment->socket = socket;
    struct trace *trace = fragment_trace(fragment, survey->arena, "socket", EFFECT_SOCKET, "delivered");
    trace->interface = fragment->in->name;
    survey_end(survey, fragment, STATE_OPEN, &cause);
}

static void nobody_listens(struct survey *survey, struct fragment *fragment)
{
    bool ip6 = fragment->destination.family == FAMILY_IP6;
    bool tcp = survey->query->protocol == PROTOCOL_TCP;
    struct cause cause = {
        .kind = DECIDER_NO_LISTENER, .namespace = fragment->namespace, .text = "nobody listens"};
    survey_end_answered(survey, fragment, STATE_CLOSED, &cause, tcp ? ANSWER_TCP_RESET : ANSWER_ICMP,
                        tcp   ? 0
                        : ip6 ? ICMPV6_DEST_UNREACH
                              : ICMP_DEST_UNREACH,
                        tcp   ? 0
                        : ip6 ? ICMPV6_PORT_UNREACH
                              : ICMP_PORT_UNREACH);
}

/* A connected datagram socket takes what comes from its peer. Takes the fragment; NULL: nothing is left. */
static struct fragment *connected_take(struct survey *survey, struct fragment *fragment)
{
    if (survey->query->protocol == PROTOCOL_TCP)
        return fragment;
    list_each(const struct connection, connection, &fragment->namespace->facts->connections) {
        if (!fragment)
            return NULL;
        if (connection->kind != kind_of(survey->query->protocol) ||
            !address_equal(connection->local, fragment->destination) ||
            connection->local_port != fragment->port_number)
            continue;
        struct interval_set source = interval_set_range(connection->remote.value, connection->remote.value);
        struct interval_set port = interval_set_range(connection->remote_port, connection->remote_port);
        struct fragment *peer, *rest, *other = NULL;
        fragment_split_sources(fragment, &source, &peer, &rest);
        if (peer)
            fragment_split_ports(peer, &port, &peer, &other);
        if (peer)
            socket_take(survey, peer, -1);
        if (other && rest) /* asked again, without what is settled */
            survey_continue(survey, other, STAGE_SOCKET);
        fragment = rest ? rest : other;
        interval_set_free(&source);
        interval_set_free(&port);
    }
    return fragment;
}

void stage_socket(struct survey *survey, struct fragment *fragment)
{
    uint8_t protocol = survey->query->protocol;
    if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP && protocol != PROTOCOL_UDPLITE) {
        survey_end_unknown(survey, fragment, REASON_PROTOCOL, protocol_name(protocol),
                           "a protocol that is not modelled");
        return;
    }
    part_doubts(survey, fragment, protocol == PROTOCOL_TCP ? PART_SOCKETS_TCP : PART_SOCKETS_UDP,
                REASON_SOCKETS_UNREAD);
    socket_program_doubts(survey, fragment);
    int32_t socket = socket_find(fragment, protocol);
    if (socket >= 0) {
        cgroup_program_doubts(survey, fragment, &fragment->namespace->facts->sockets.items[socket], false);
        socket_take(survey, fragment, socket);
        return;
    }
    fragment = connected_take(survey, fragment);
    if (fragment)
        nobody_listens(survey, fragment);
}

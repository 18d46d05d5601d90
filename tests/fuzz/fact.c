/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of links, addresses, routes, sockets, programs, tracked connections: the first byte chooses. */
#include "netns/read/evidence.h"
#include "netns/read/link.h"
#include "netns/read/program.h"
#include "netns/read/route.h"
#include "netns/read/socket.h"
#include "tests/fuzz/fuzz.h"

static void try_link(struct bytes bytes, struct arena *arena)
{
    struct link link;

    link_decode(bytes, arena, &link);
    link_decode_nsid(bytes);
}

static void try_address(struct bytes bytes, struct arena *arena)
{
    struct link_address address;
    struct neighbour neighbour;
    struct fdb_entry entry;

    (void)arena;
    link_decode_address(bytes, &address);
    link_decode_neighbour(bytes, &neighbour);
    link_decode_fdb(bytes, &entry);
}

static void try_route(struct bytes bytes, struct arena *arena)
{
    struct route route = {0};
    struct policy_rule rule;
    struct next_hop_object object = {0};

    if (route_decode(bytes, &route) == MESSAGE_ITEM)
        fuzz_check(route.family == FAMILY_IP4 || route.family == FAMILY_IP6, "a route of no family");
    list_free(&route.next_hops);
    route_decode_rule(bytes, arena, &rule);
    route_decode_next_hop(bytes, &object);
    list_free(&object.members);
}

static void try_socket(struct bytes bytes, struct arena *arena)
{
    struct socket_facts facts;

    for (int kind = 0; kind < 4; kind++)
        socket_decode_inet(bytes, (enum socket_kind)kind, &facts);
    socket_decode_packet(bytes, &facts);
    socket_decode_unix(bytes, arena, &facts);
}

static void try_line(struct bytes bytes, struct arena *arena)
{
    struct socket_facts facts, several[8];
    char *line = fuzz_text(bytes);
    size_t count;

    for (int kind = 0; kind < 4; kind++) {
        socket_parse_inet(line, (enum socket_kind)kind, FAMILY_IP4, &facts);
        socket_parse_inet(line, (enum socket_kind)kind, FAMILY_IP6, &facts);
    }
    socket_parse_packet(line, &facts);
    socket_parse_unix(line, arena, &facts);
    if (socket_parse_sctp(line, several, 8, &count) == MESSAGE_ITEM)
        fuzz_check(count <= 8, "%zu of 8 endpoints", count);
    socket_parse_inuse(line, "TCP6:");
    program_count_ipvs(line);
    program_policies_decided(line);
    free(line);
}

static void try_program(struct bytes bytes, struct arena *arena)
{
    struct traffic_queue queue;
    struct program program;
    struct tracked tracked;

    program_decode_queue(bytes, &queue);
    program_decode_filter(bytes, arena, &program);
    program_decode_policy(bytes, arena, &program);
    program_decode_hook(bytes, &program);
    evidence_decode(bytes, &tracked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct bytes, struct arena *) = {try_link,   try_address, try_route,
                                                                  try_socket, try_line,    try_program};
    struct bytes bytes = {data, size}, exact;
    size_t kind = fuzz_take(&bytes);
    struct arena *arena = arena_new();

    exact = fuzz_exact(bytes);
    kinds[kind % (sizeof(kinds) / sizeof(kinds[0]))](exact, arena);
    arena_free(arena);
    free((void *)(uintptr_t)exact.data);
    return 0;
}

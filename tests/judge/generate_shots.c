/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random packets: from everywhere, to what there is. None leads off the host: what happens there no judge
 * sees. */
#include "tests/judge/generate.h"

static const char *const own4[PLACES][4] = {
    [HOST] = {"203.0.113.10", "198.18.0.10", "172.18.0.1", "172.19.0.1"},
    [C1] = {"172.18.0.2", "172.18.0.2", "172.18.0.2", "172.18.0.2"},
    [C2] = {"172.18.0.3", "172.18.0.3", "172.18.0.3", "172.18.0.3"},
    [C3] = {"172.19.0.2", "172.19.0.2", "172.19.0.2", "172.19.0.2"},
    [N1] = {"203.0.113.1", "203.0.113.20", "198.51.100.7", "192.0.2.9"},
    [N2] = {"198.18.0.1", "198.18.0.20", "198.51.100.7", "192.0.2.9"},
};
static const char *const own6[PLACES][4] = {
    [HOST] = {"2001:db8:0:1::10", "2001:db8:0:2::10", "fd00:18::1", "fd00:19::1"},
    [C1] = {"fd00:18::2", "fd00:18::2", "fd00:18::2", "fd00:18::2"},
    [C2] = {"fd00:18::3", "fd00:18::3", "fd00:18::3", "fd00:18::3"},
    [C3] = {"fd00:19::2", "fd00:19::2", "fd00:19::2", "fd00:19::2"},
    [N1] = {"2001:db8:0:1::1", "2001:db8:0:1::20", "2001:db8:9::7", "2001:db8:9:1::7"},
    [N2] = {"2001:db8:0:2::1", "2001:db8:0:2::20", "2001:db8:9::7", "2001:db8:9:1::7"},
};
static const char *const forged4[] = {"172.18.0.3", "172.19.0.77", "10.66.0.5", "203.0.113.10",
                                      "127.0.0.1",  "172.18.0.1",  "224.0.0.9"};
static const char *const forged6[] = {"fd00:18::3",       "fd00:19::77", "fd00:66::5",
                                      "2001:db8:0:1::10", "::1",         "ff02::9"};
static const char *const destinations4[] = {
    "203.0.113.10", "203.0.113.10", "203.0.113.10", "198.18.0.10",  "172.18.0.1", "172.19.0.1", "172.18.0.2",
    "172.18.0.2",   "172.18.0.3",   "172.19.0.2",   "172.19.0.2",   "172.18.0.2", "10.66.0.1",  "10.67.0.1",
    "10.68.0.1",    "172.18.0.3",   "172.18.0.2",   "203.0.113.10", "172.19.0.2", "127.0.0.1"};
static const char *const destinations6[] = {
    "2001:db8:0:1::10", "2001:db8:0:1::10", "2001:db8:0:2::10", "fd00:18::1", "fd00:19::1",
    "fd00:18::2",       "fd00:18::2",       "fd00:18::3",       "fd00:19::2", "fd00:19::2",
    "fd00:18::2",       "fd00:66::1",       "fd00:67::1",       "fd00:68::1", "fd00:18::3",
    "fd00:18::2",       "2001:db8:0:1::10", "fd00:18::2",       "fd00:19::2", "::1"};

/* What listens where: half of the packets go there. */
static const struct {
    const char *address4, *address6;
    uint8_t protocol;
    uint16_t port;
} aims[] = {
    {"203.0.113.10", "2001:db8:0:1::10", PROTOCOL_TCP, 22},
    {"203.0.113.10", "2001:db8:0:1::10", PROTOCOL_TCP, 443},
    {"203.0.113.10", "2001:db8:0:1::10", PROTOCOL_UDP, 5353},
    {"203.0.113.10", "2001:db8:0:2::10", PROTOCOL_TCP, 443},
    {"198.18.0.10", "2001:db8:0:1::10", PROTOCOL_TCP, 22},
    {"172.18.0.1", "fd00:18::1", PROTOCOL_TCP, 8080},
    {"172.19.0.1", "fd00:19::1", PROTOCOL_UDP, 5353},
    {"172.18.0.2", "fd00:18::2", PROTOCOL_TCP, 443},
    {"172.18.0.2", "fd00:18::2", PROTOCOL_TCP, 8080},
    {"172.18.0.2", "fd00:18::2", PROTOCOL_UDP, 53},
    {"172.18.0.3", "fd00:18::3", PROTOCOL_TCP, 80},
    {"172.18.0.3", "fd00:18::3", PROTOCOL_TCP, 22},
    {"172.18.0.3", "fd00:18::3", PROTOCOL_UDP, 53},
    {"172.18.0.3", "fd00:18::3", PROTOCOL_UDP, 123},
    {"172.19.0.2", "fd00:19::2", PROTOCOL_TCP, 80},
    {"172.19.0.2", "fd00:19::2", PROTOCOL_TCP, 443},
    {"172.19.0.2", "fd00:19::2", PROTOCOL_UDP, 5353},
};

static struct address parse(const char *text)
{
    struct address address;
    if (address_parse(text, &address, NULL) != 0)
        judge_fail("bad address %s", text);
    return address;
}

static enum place place_choose(struct random *random)
{
    static const enum place places[] = {N1,   N1,   N1, N1, N1, N1, N2, N2, HOST,
                                        HOST, HOST, C1, C1, C2, C2, C3, C3, C3};
    return RANDOM_OF(random, places);
}

static struct address source_choose(struct random *random, struct shot *shot, bool ip6)
{
    bool outside = shot->from == N1 || shot->from == N2;
    if (outside && random_percent(random, 8)) {
        shot->odd_source = true;
        return parse(ip6 ? WORD_OF(random, forged6) : WORD_OF(random, forged4));
    }
    const char *text =
        ip6 ? own6[shot->from][random_below(random, 4)] : own4[shot->from][random_below(random, 4)];
    if (outside && random_percent(random, 30)) { /* one of many */
        struct address address = parse(ip6 ? "2001:db8:9::" : "198.51.100.0");
        address.value += 1 + random_below(random, 250);
        return address;
    }
    return parse(text);
}

static void loopback_fit(struct shot *shot, bool ip6)
{
    if (shot->from == HOST && address_is_loopback(shot->destination))
        shot->source = parse(ip6 ? "::1" : "127.0.0.1");
}

static void shot_make(struct shot *shot, struct random *random, uint32_t number)
{
    bool ip6 = random_percent(random, 42);
    shot->from = place_choose(random);
    shot->family = ip6 ? FAMILY_IP6 : FAMILY_IP4;
    shot->protocol = random_percent(random, 62) ? PROTOCOL_TCP : PROTOCOL_UDP;
    shot->source = source_choose(random, shot, ip6);
    shot->destination = parse(ip6 ? WORD_OF(random, destinations6) : WORD_OF(random, destinations4));
    shot->destination_port = word_port(random);
    if (random_percent(random, 55)) {
        uint32_t aim = random_below(random, COUNT(aims));
        shot->protocol = aims[aim].protocol;
        shot->destination = parse(ip6 ? aims[aim].address6 : aims[aim].address4);
        shot->destination_port = aims[aim].port;
    }
    loopback_fit(shot, ip6);
    shot->source_port =
        (uint16_t)(20000 + (number * 199 + random_below(random, 199)) % 40000); /* each its own */
}

/* A loopback address is no container's to dial, but its own: it would be a route's question, not a rule's. */
static bool shot_is_sound(const struct shot *shot)
{
    bool inner = shot->from == C1 || shot->from == C2 || shot->from == C3;
    return !(inner && address_is_loopback(shot->destination));
}

void shots_make(struct gen *gen, struct random *random, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct shot shot;
        do {
            shot = (struct shot){0};
            shot_make(&shot, random, i);
        } while (!shot_is_sound(&shot));
        *list_append(&gen->shots) = shot;
    }
}

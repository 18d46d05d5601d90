/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random tables of nft: chains at their hooks, sets, maps, rules. Only what the evaluators model, and nft
 * accepts. */
#include "tests/judge/generate.h"

#define IPV6_WORD(making) ((making)->ip6 ? "ip6" : "ip")

static struct random *R(const struct making *making)
{
    return making->random;
}

/* ---- matches ---- */

static const char *protocol_word(struct making *making)
{
    if (making->mixed)
        return "th";
    if (!making->protocol)
        making->protocol = random_percent(R(making), 60) ? PROTOCOL_TCP : PROTOCOL_UDP;
    return making->protocol == PROTOCOL_TCP ? "tcp" : "udp";
}

static bool sees_input(enum nft_hook hook)
{
    return hook == HOOK_PREROUTING || hook == HOOK_INPUT || hook == HOOK_FORWARD;
}

/* What masquerading makes of a stranger, as the container behind the bridge sees it. */
static void match_gateway(struct making *making, char *text)
{
    static const char *const gateways4[] = {"172.18.0.1", "172.19.0.1", "172.18.0.0/31"};
    static const char *const gateways6[] = {"fd00:18::1", "fd00:19::1", "fd00:18::/127"};
    add(text, "%s saddr %s%s ", IPV6_WORD(making), random_percent(R(making), 30) ? "!= " : "",
        making->ip6 ? WORD_OF(R(making), gateways6) : WORD_OF(R(making), gateways4));
}

static void match_address(struct making *making, char *text)
{
    bool ip6 = making->ip6;
    if (making->table->place != HOST && sees_input(making->chain->hook) && random_percent(R(making), 50)) {
        match_gateway(making, text);
        return;
    }
    add(text, "%s %s ", IPV6_WORD(making), random_percent(R(making), 50) ? "saddr" : "daddr");
    const char *not = random_percent(R(making), 20) ? "!= " : "";
    switch (random_below(R(making), 6)) {
    case 0:
        add(text, "%s%s ", not, word_address(R(making), ip6));
        break;
    case 1:
    case 2:
        add(text, "%s%s ", not, word_prefix(R(making), ip6));
        break;
    case 3:
        add(text, "%s%s ", not, ip6 ? "fd00:18::2-fd00:19::1" : "172.18.0.2-198.51.100.100");
        break;
    case 4:
        add(text, "%s{ %s, %s } ", not, word_address(R(making), ip6), ip6 ? "fd00:18::7" : "172.18.0.7");
        break;
    default:
        add(text,
            ip6 ? "%s{ fd00:18::/64, fd00:19::2-ffff:: } "
                : "%s{ 172.18.0.0/16, 198.51.100.0-255.255.255.255 } ",
            not );
        break;
    }
}

static void match_named_set(struct making *making, char *text)
{
    add(text, "%s %s %s@%s ", IPV6_WORD(making), random_percent(R(making), 50) ? "saddr" : "daddr",
        random_percent(R(making), 25) ? "!= " : "",
        making->ip6 ? (random_percent(R(making), 50) ? "a6" : "i6")
                    : (random_percent(R(making), 50) ? "a4" : "i4"));
}

static void match_bits(struct making *making, char *text)
{
    if (making->ip6)
        add(text, "ip6 %s & ::ffff == ::%u ", random_percent(R(making), 50) ? "saddr" : "daddr",
            random_below(R(making), 4));
    else
        add(text, "ip %s & 255.0.0.%u %s 172.0.0.%u ", random_percent(R(making), 50) ? "saddr" : "daddr", 3u,
            random_percent(R(making), 70) ? "==" : "!=", random_below(R(making), 4));
}

static void match_port(struct making *making, char *text)
{
    const char *not = random_percent(R(making), 20) ? "!= " : "";
    if (!making->protocol && !making->mixed && random_percent(R(making), 15)) {
        add(text, "meta l4proto { tcp, udp } th dport ");
        making->mixed = true;
    } else
        add(text, "%s dport ", protocol_word(making));
    uint16_t port = word_port(R(making)), other = word_port(R(making));
    switch (random_below(R(making), 7)) {
    case 0:
    case 1:
        add(text, "%s%u ", not, port);
        break;
    case 2:
        add(text, "%s%u-%u ", not, port < other ? port : other, port < other ? other : port);
        break;
    case 3:
        add(text, "%s{ %u, %u, 65535 } ", not, port, port == other ? 1 : other);
        break;
    case 4:
        add(text, "%s{ %u, 8000-9000 } ", not, port < 8000 ? port : 22);
        break;
    case 5:
        add(text, "%s%u ", random_percent(R(making), 50) ? "< " : ">= ", port);
        break;
    default:
        add(text, "%s@p ", not );
        break;
    }
}

static void match_source_port(struct making *making, char *text)
{
    uint32_t low = 20000 + random_below(R(making), 20000);
    add(text, "%s sport ", protocol_word(making));
    if (random_percent(R(making), 50))
        add(text, "%u-%u ", low, low + random_below(R(making), 20000));
    else
        add(text, "%s %u ", random_percent(R(making), 50) ? "<=" : ">", low);
}

static void match_interface(struct making *making, char *text)
{
    enum nft_hook hook = making->chain->hook;
    bool input = hook == HOOK_FORWARD ? random_percent(R(making), 50) : sees_input(hook);
    const char *not = random_percent(R(making), 25) ? "!= " : "", *key = input ? "iif" : "oif";
    const char *name = word_interface(R(making), making->table->place);
    switch (random_below(R(making), 5)) {
    case 0:
    case 1:
        add(text, "%sname %s\"%s\" ", key, not, name);
        break;
    case 2:
        add(text, "%sname %s\"%.1s*\" ", key, not, name);
        break;
    case 3:
        add(text, "%sname %s{ \"%s\", \"none0\" } ", key, not, name);
        break;
    default:
        add(text, "%s %s\"%s\" ", key, not, making->table->place == HOST ? name : "eth0");
        break;
    }
}

static void match_mark(struct making *making, char *text)
{
    static const char *const words[] = {
        "meta mark 0x%x ",     "meta mark != 0x%x ",        "meta mark and 0xff == 0x%x ",
        "meta mark 0x0-0x%x ", "meta mark { 0x%x, 0x77 } ", "meta mark & 0x3 != 0x%x ",
        "meta mark >= 0x%x "};
    static const uint32_t marks[] = {1, 2, 3, 0x10, 0x11, 0x100, 0x200};
    uint32_t word = random_below(R(making), COUNT(words)), mark = RANDOM_OF(R(making), marks);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    add(text, words[word], word == 5 ? mark & 3 : mark);
#pragma GCC diagnostic pop
}

static void match_connection(struct making *making, char *text)
{
    static const char *const words[] = {"ct state new ",
                                        "ct state { new, established } ",
                                        "ct state established,related ",
                                        "ct state invalid ",
                                        "ct state != new ",
                                        "ct state untracked ",
                                        "ct state & (new | untracked) != 0 ",
                                        "ct status dnat ",
                                        "ct status != dnat ",
                                        "ct status snat ",
                                        "ct status confirmed ",
                                        "ct status & (confirmed | snat) == 0 ",
                                        "ct mark 0x1 ",
                                        "ct mark != 0x0 ",
                                        "ct mark & 0x11 == 0x1 ",
                                        "ct direction original "};
    add(text, "%s", WORD_OF(R(making), words));
}

static void match_original(struct making *making, char *text)
{
    if (random_percent(R(making), 40))
        add(text, "%s ct original proto-dst %u ",
            making->protocol == PROTOCOL_UDP ? "meta l4proto udp" : "meta l4proto tcp", word_port(R(making)));
    else
        add(text, "ct original %s daddr %s ", IPV6_WORD(making), word_prefix(R(making), making->ip6));
    if (!making->protocol)
        making->protocol = PROTOCOL_TCP;
}

static void match_fib(struct making *making, char *text)
{
    static const char *const types[] = {"local",     "unicast",   "!= local", "{ local, broadcast }",
                                        "blackhole", "!= unicast"};
    enum nft_hook hook = making->chain->hook;
    const char *side = random_percent(R(making), 60) ? "daddr" : "saddr";
    if (hook == HOOK_PREROUTING && random_percent(R(making), 30)) {
        static const char *const questions[] = {"saddr oif exists", "saddr . iif oif missing",
                                                "saddr . iif oif exists", "saddr oifname \"eth0\"",
                                                "daddr oif missing"};
        add(text, "fib %s ", WORD_OF(R(making), questions));
        return;
    }
    const char *device = "";
    if (random_percent(R(making), 20))
        device = sees_input(hook) ? " . iif" : " . oif";
    add(text, "fib %s%s type %s ", side, device, WORD_OF(R(making), types));
}

static void match_misc(struct making *making, char *text)
{
    static const char *const words[] = {"meta l4proto { tcp, udp } ", "meta pkttype host ",
                                        "meta l4proto != icmp ", "meta l4proto 6-17 "};
    uint32_t pick = random_below(R(making), 10);
    bool asked = making->protocol || making->mixed;
    if (pick < 2 && !asked) {
        making->protocol = pick == 0 ? PROTOCOL_TCP : PROTOCOL_UDP;
        add(text, "meta l4proto %s ", pick == 0 ? "tcp" : "udp");
    } else if (pick < 4 && making->table->family == NFT_FAMILY_INET) {
        if (pick == 2)
            add(text, "meta nfproto ipv%c ", making->ip6 ? '6' : '4');
        else
            add(text, "meta protocol ip%s ", making->ip6 ? "6" : "");
    } else if (!asked) {
        add(text, "%s", WORD_OF(R(making), words));
    }
}

static void match_flags(struct making *making, char *text)
{
    static const char *const words[] = {"tcp flags syn ", "tcp flags & (syn | ack) == syn ",
                                        "tcp flags & (fin | rst) != 0 ", "tcp flags { syn, syn | ack } ",
                                        "tcp flags != syn "};
    if (making->protocol == PROTOCOL_UDP || making->mixed)
        return;
    making->protocol = PROTOCOL_TCP;
    add(text, "%s", WORD_OF(R(making), words));
}

static void match_concatenation(struct making *making, char *text)
{
    bool ip6 = making->ip6;
    uint32_t kind = random_below(R(making), 4);
    bool ports = kind < 2 || (kind == 3 && !sees_input(making->chain->hook));
    const char *protocol = ports ? protocol_word(making) : "",
               *not = random_percent(R(making), 15) ? "!= " : "";
    switch (kind) {
    case 0:
        add(text, "%s daddr . %s dport %s{ %s . %u, %s . %u } ", IPV6_WORD(making), protocol, not,
            word_target(R(making), ip6), word_port(R(making)), ip6 ? "fd00:18::9" : "172.18.0.9", 1u);
        break;
    case 1:
        add(text, "%s saddr . %s dport %s{ %s . 50-500, %s . 8000-9000 } ", IPV6_WORD(making), protocol, not,
            ip6 ? "fd00:18::/64" : "172.18.0.0/16", ip6 ? "2001:db8::/32" : "198.51.100.0-203.0.113.255");
        break;
    case 2:
        add(text, "meta l4proto . %s daddr %s{ tcp . %s, udp . %s } ", IPV6_WORD(making), not,
            word_target(R(making), ip6), word_target(R(making), ip6));
        break;
    default:
        if (sees_input(making->chain->hook))
            add(text, "iifname . meta mark %s{ \"%s\" . 0x0, \"eth0\" . 0x1 } ", not,
                making->table->place == HOST ? "br1" : "lo");
        else
            add(text, "meta mark . %s dport %s{ 0x0 . %u, 0x1 . 80 } ", protocol, not, word_port(R(making)));
        break;
    }
}

static void match_link_layer(struct making *making, char *text)
{
    if ((making->chain->hook != HOOK_PREROUTING && making->chain->hook != HOOK_INPUT) || R(making)->anonymous)
        return;
    static const char *const words[] = {"iiftype ether ether saddr 02:00:00:00:02:01 ",
                                        "iiftype ether ether saddr != 02:00:00:00:05:01 ",
                                        "iiftype loopback ", "iiftype != ether "};
    add(text, "%s", WORD_OF(R(making), words));
}

static void match_sender(struct making *making, char *text)
{
    if ((making->chain->hook != HOOK_OUTPUT && making->chain->hook != HOOK_POSTROUTING) ||
        R(making)->anonymous)
        return;
    add(text, random_percent(R(making), 50) ? "meta skuid 0 " : "meta skuid != 1-70000 ");
}

static const struct {
    void (*match)(struct making *making, char *text);
    uint32_t weight;
} matches[] = {
    {match_address, 22},      {match_named_set, 12}, {match_bits, 4},   {match_port, 26},
    {match_source_port, 5},   {match_interface, 12}, {match_mark, 9},   {match_connection, 10},
    {match_original, 4},      {match_fib, 8},        {match_misc, 5},   {match_flags, 4},
    {match_concatenation, 7}, {match_link_layer, 3}, {match_sender, 2},
};

static void match_any(struct making *making, char *text)
{
    uint32_t total = 0, pick;
    for (size_t i = 0; i < COUNT(matches); i++)
        total += matches[i].weight;
    pick = random_below(R(making), total);
    for (size_t i = 0; i < COUNT(matches); i++) {
        if (pick < matches[i].weight) {
            matches[i].match(making, text);
            return;
        }
        pick -= matches[i].weight;
    }
}

/* ---- statements ---- */

static const char *target_chain(struct making *making)
{
    const char *candidates[8];
    uint32_t count = 0;
    list_each(const struct gen_chain, chain, &making->table->chains)
        if (!chain->base && chain > making->chain && chain->hook == making->chain->hook &&
            chain->nat == making->chain->nat && count < COUNT(candidates))
            candidates[count++] = chain->name;
    return count ? candidates[random_below(R(making), count)] : NULL;
}

static bool may_reject(enum nft_hook hook)
{
    return hook == HOOK_INPUT || hook == HOOK_FORWARD || hook == HOOK_OUTPUT;
}

static void say_reject(struct making *making, char *text)
{
    static const char *const codes4[] = {"net-unreachable",  "host-unreachable", "prot-unreachable",
                                         "port-unreachable", "net-prohibited",   "host-prohibited",
                                         "admin-prohibited"};
    static const char *const codes6[] = {"no-route", "admin-prohibited", "addr-unreachable",
                                         "port-unreachable"};
    static const char *const codesx[] = {"no-route", "admin-prohibited", "host-unreachable",
                                         "port-unreachable"};
    if (making->protocol == PROTOCOL_TCP && random_percent(R(making), 40)) {
        add(text, "reject with tcp reset");
        return;
    }
    if (random_percent(R(making), 15))
        add(text, "reject");
    else if (making->table->family == NFT_FAMILY_INET && random_percent(R(making), 60))
        add(text, "reject with icmpx type %s", WORD_OF(R(making), codesx));
    else if (making->ip6)
        add(text, "reject with icmpv6 type %s", WORD_OF(R(making), codes6));
    else
        add(text, "reject with icmp type %s", WORD_OF(R(making), codes4));
}

static void say_mark(struct making *making, char *text)
{
    static const char *const words[] = {"meta mark set 0x1",
                                        "meta mark set 0x10",
                                        "meta mark set meta mark | 0x2",
                                        "meta mark set meta mark & 0xf0",
                                        "meta mark set meta mark ^ 0x11",
                                        "meta mark set ct mark",
                                        "ct mark set meta mark",
                                        "ct mark set 0x1",
                                        "ct mark set ct mark | 0x10",
                                        "meta mark set 0x3",
                                        "meta mark set meta mark << 1",
                                        "meta mark set 0x100",
                                        "meta mark set 0x200",
                                        "meta mark set meta mark | 0x400"};
    uint32_t word = random_below(R(making), COUNT(words) + 1);
    if (word == COUNT(words))
        add(text, "meta mark set %s dport map { 80 : 0x1, 443 : 0x10, 8000-9000 : 0x2 }",
            protocol_word(making));
    else
        add(text, "%s", words[word]);
}

static void say_verdict_map(struct making *making, char *text)
{
    const char *chain = target_chain(making);
    const char *last = making->chain->nat ? "accept" : "drop";
    uint32_t kind = random_below(R(making), 4);
    if (kind == 0)
        add(text, "%s dport vmap { 80 : accept, 443 : %s%s, 8000-8999 : return, 53 : %s }",
            protocol_word(making), chain ? "jump " : "", chain ? chain : "accept", last);
    else if (kind == 1)
        add(text, "%s saddr vmap { %s : %s%s, %s : %s }", IPV6_WORD(making),
            word_prefix(R(making), making->ip6), chain ? "goto " : "", chain ? chain : "accept",
            making->ip6 ? "fd77::/64" : "10.77.0.0/16", last);
    else if (kind == 2 && !making->chain->nat)
        add(text,
            "ct state vmap { new : %s%s, established : accept, invalid : continue, untracked : return }",
            chain ? "jump " : "", chain ? chain : "continue");
    else
        add(text, "%s daddr . meta l4proto vmap { %s . tcp : accept, %s . udp : %s }", IPV6_WORD(making),
            word_target(R(making), making->ip6), word_target(R(making), making->ip6), last);
}

static void say_filter(struct making *making, char *text)
{
    uint32_t pick = random_below(R(making), 100);
    const char *chain = target_chain(making);
    enum nft_hook hook = making->chain->hook;
    if (pick < 34)
        add(text, "accept");
    else if (pick < 46)
        add(text, "drop");
    else if (pick < 55 && may_reject(hook))
        say_reject(making, text);
    else if (pick < 66 && chain)
        add(text, "%s %s", pick < 60 ? "jump" : "goto", chain);
    else if (pick < 70)
        add(text, "return");
    else if (pick < 86)
        say_mark(making, text);
    else if (pick < 94)
        say_verdict_map(making, text);
    else
        add(text, pick < 97 ? "counter" : "continue");
}

/* ---- NAT ---- */

static void say_dnat(struct making *making, char *text)
{
    bool ip6 = making->ip6;
    const char *family = making->table->family == NFT_FAMILY_INET ? (ip6 ? " ip6" : " ip") : "";
    const char *open = ip6 ? "[" : "", *close = ip6 ? "]" : "";
    uint16_t port = word_port(R(making));
    switch (random_below(R(making), 6)) {
    case 0:
        add(text, "dnat%s to %s", family, word_target(R(making), ip6));
        break;
    case 1:
        add(text, "dnat%s to %s dport map { 8080 : %s, 9000 : %s, 22 : %s }", family, protocol_word(making),
            word_target(R(making), ip6), word_target(R(making), ip6), word_target(R(making), ip6));
        break;
    case 2:
        add(text, "dnat%s to %s dport map { 8080 : %s . 80, 9000 : %s . 443, 53 : %s . 53 }", family,
            protocol_word(making), word_target(R(making), ip6), word_target(R(making), ip6),
            word_target(R(making), ip6));
        break;
    case 3:
        add(text, "dnat%s to %s%s%s:%u-%u", family, open, word_target(R(making), ip6), close, port,
            port + 10u);
        break;
    default:
        add(text, "dnat%s to %s%s%s:%u", family, open, word_target(R(making), ip6), close, port);
        break;
    }
}

static void say_nat(struct making *making, char *text)
{
    enum nft_hook hook = making->chain->hook;
    const char *family = making->table->family == NFT_FAMILY_INET ? (making->ip6 ? " ip6" : " ip") : "";
    if (hook == HOOK_PREROUTING || hook == HOOK_OUTPUT) {
        if (random_percent(R(making), 25))
            add(text, random_percent(R(making), 30) ? "redirect" : "redirect to :%u", word_port(R(making)));
        else
            say_dnat(making, text);
        return;
    }
    if (hook == HOOK_POSTROUTING && random_percent(R(making), 65))
        add(text, "masquerade");
    else
        add(text, "snat%s to %s", family, making->ip6 ? "fd00:18::1" : "172.19.0.1");
}

static void say_nat_chain(struct making *making, char *text)
{
    uint32_t pick = random_below(R(making), 100);
    const char *chain = target_chain(making);
    if (pick < 62)
        say_nat(making, text);
    else if (pick < 70)
        add(text, "accept");
    else if (pick < 74)
        add(text, "return");
    else if (pick < 84 && chain)
        add(text, "jump %s", chain);
    else if (pick < 92)
        say_mark(making, text);
    else
        say_verdict_map(making, text);
}

/* ---- rules ---- */

/* NAT of ports asks for a protocol beforehand, and an address of one family for that family. */
static void rule_head(struct making *making, char *text, const char *statement)
{
    bool ports = strchr(statement, ']') || strstr(statement, ":") || strstr(statement, "redirect");
    if (making->chain->nat && ports && !making->protocol && !making->mixed && !strstr(statement, "vmap") &&
        !strstr(statement, "mark")) {
        making->protocol = random_percent(R(making), 60) ? PROTOCOL_TCP : PROTOCOL_UDP;
        add(text, "meta l4proto %s ", making->protocol == PROTOCOL_TCP ? "tcp" : "udp");
    }
}

static void rule_make(struct gen_table *table, uint32_t chain, struct random *random)
{
    char matches_text[TEXT_MAX] = "", statement[TEXT_MAX] = "", text[TEXT_MAX] = "";
    struct making making = {.random = random, .table = table, .chain = &table->chains.items[chain]};
    making.ip6 =
        table->family == NFT_FAMILY_IP6 || (table->family == NFT_FAMILY_INET && random_percent(random, 40));
    uint32_t count = random_percent(random, 12) ? 0 : 1 + random_below(random, 2);
    bool raw = strstr(making.chain->head, "priority -3") != NULL;
    if (!making.chain->nat && random_percent(random, 3)) {
        add(text, "%c0x%x/0x%x %u %u", COMPAT_RULE, random_below(random, 4),
            random_percent(random, 50) ? 0xffu : 3u, random_below(random, 2), random_below(random, 3) > 0);
        rule_add(table, chain, text);
        return;
    }
    while (count-- > 0)
        match_any(&making, matches_text);
    if (raw && random_percent(random, 25))
        add(statement, "notrack");
    else if (making.chain->nat)
        say_nat_chain(&making, statement);
    else
        say_filter(&making, statement);
    rule_head(&making, text, statement);
    add(text, "%s%s%s", matches_text, random_percent(random, 10) ? "counter " : "", statement);
    if (random_percent(random, 5))
        add(text, " comment \"rule\"");
    rule_add(table, chain, text);
}

/* ---- chains and tables ---- */

static const struct base {
    enum nft_hook hook;
    const char *type;
    int32_t priority;
    uint32_t weight;
} bases[] = {
    {HOOK_PREROUTING, "filter", -300, 10}, {HOOK_PREROUTING, "filter", -150, 12},
    {HOOK_PREROUTING, "filter", 20, 6},    {HOOK_PREROUTING, "nat", -100, 40},
    {HOOK_INPUT, "filter", 0, 30},         {HOOK_INPUT, "filter", -150, 6},
    {HOOK_INPUT, "nat", 100, 5},           {HOOK_FORWARD, "filter", 0, 40},
    {HOOK_FORWARD, "filter", -150, 8},     {HOOK_OUTPUT, "filter", 0, 18},
    {HOOK_OUTPUT, "route", -150, 8},       {HOOK_OUTPUT, "nat", -100, 18},
    {HOOK_OUTPUT, "filter", -300, 5},      {HOOK_POSTROUTING, "nat", 100, 26},
    {HOOK_POSTROUTING, "filter", -150, 6}, {HOOK_POSTROUTING, "filter", 200, 4},
};

static const struct base *base_choose(struct random *random)
{
    uint32_t total = 0, pick;
    for (size_t i = 0; i < COUNT(bases); i++)
        total += bases[i].weight;
    pick = random_below(random, total);
    for (size_t i = 0;; i++) {
        if (pick < bases[i].weight)
            return &bases[i];
        pick -= bases[i].weight;
    }
}

/*
 * Of two tables no dump tells the order of equal priorities, so that they are told apart by a few; NAT chains
 * keep their priority in every other table. Within a table equal ones are wanted.
 */
static void base_add(struct gen_table *table, const struct base *base, struct random *random, uint32_t number,
                     uint32_t table_number)
{
    char name[16];
    snprintf(name, sizeof(name), "b%u", number);
    bool nat = strcmp(base->type, "nat") == 0;
    uint32_t chain = chain_add(table, name, true, nat, base->hook);
    bool guards = base->hook == HOOK_INPUT || base->hook == HOOK_FORWARD || base->hook == HOOK_OUTPUT;
    bool drop = !nat && random_percent(random, guards ? 14 : 3);
    int32_t priority =
        base->priority + (int32_t)(table_number + 1) * 3 + (random_percent(random, 25) ? 1 : 0);
    struct gen_chain *new = &table->chains.items[chain];
    snprintf(new->head, sizeof(new->head), "type %s hook %s priority %d; policy %s;", base->type,
             nft_hook_name(base->hook), priority, drop ? "drop" : "accept");
}

static void sets_add(struct gen_table *table, struct random *random)
{
    char text[TEXT_MAX];
    bool ip4 = table->family != NFT_FAMILY_IP6, ip6 = table->family != NFT_FAMILY_IP;
    snprintf(text, sizeof(text),
             "set p { type inet_service; flags interval; elements = { 22, 80-%u, 8080, 9000-65535 } }",
             443 + random_below(random, 1000));
    *list_append(&table->sets) = memory_strdup(text);
    if (ip4) {
        snprintf(text, sizeof(text),
                 "set a4 { type ipv4_addr; elements = { 198.51.100.7, 172.18.0.2, 172.18.0.3, %s } }",
                 random_percent(random, 50) ? "203.0.113.1" : "172.19.0.2");
        *list_append(&table->sets) = memory_strdup(text);
        snprintf(text, sizeof(text),
                 "set i4 { type ipv4_addr; flags interval; elements = { 172.18.0.0-172.18.0.%u, "
                 "198.51.100.0/24, 203.0.113.10-255.255.255.255 } }",
                 random_below(random, 4));
        *list_append(&table->sets) = memory_strdup(text);
    }
    if (ip6) {
        *list_append(&table->sets) =
            memory_strdup("set a6 { type ipv6_addr; elements = { 2001:db8:9::7, fd00:18::2, fd00:19::2 } }");
        *list_append(&table->sets) = memory_strdup("set i6 { type ipv6_addr; flags interval; elements = { "
                                                   "fd00:18::/127, 2001:db8:9::/48, fd00:19::2-ffff:: } }");
    }
}

static void inner_chains_add(struct gen_table *table, struct random *random)
{
    uint32_t bases_count = (uint32_t)table->chains.count, count = random_below(random, 4);
    for (uint32_t i = 0; i < count; i++) {
        char name[16];
        struct gen_chain like = table->chains.items[random_below(random, bases_count)];
        snprintf(name, sizeof(name), "u%u", i);
        chain_add(table, name, false, like.nat, like.hook);
    }
}

static void table_make(struct gen *gen, struct random *random, enum place place, uint32_t number)
{
    static const enum nft_family families[] = {NFT_FAMILY_IP, NFT_FAMILY_IP6, NFT_FAMILY_INET,
                                               NFT_FAMILY_INET};
    char name[16];
    snprintf(name, sizeof(name), "t%u", number);
    struct gen_table *table = table_add(gen, place, RANDOM_OF(random, families), name);
    uint32_t count = 1 + random_below(random, place == HOST ? 5 : 3);
    for (uint32_t i = 0; i < count; i++) {
        const struct base *base = base_choose(random);
        while (place != HOST && base->hook == HOOK_FORWARD)
            base = base_choose(random);
        base_add(table, base, random, i, number);
    }
    inner_chains_add(table, random);
    sets_add(table, random);
    for (uint32_t chain = 0; chain < table->chains.count; chain++)
        for (uint32_t i = 1 + random_below(random, 5); i > 0; i--)
            rule_make(table, chain, random);
}

void nft_tables_make(struct gen *gen, struct random *random)
{
    uint32_t count = 1 + random_below(random, 3), number = 0;
    while (count-- > 0)
        table_make(gen, random, HOST, number++);
    for (enum place place = C1; place < CONTAINERS_END; place++)
        if (random_percent(random, 40))
            table_make(gen, random, place, number++);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random tables of iptables-nft and ip6tables-nft: the matches and targets of xtables that are modelled. */
#include "tests/judge/generate.h"

static struct random *R(const struct making *making)
{
    return making->random;
}

/* ---- matches ---- */

static const char *negation(struct making *making)
{
    return random_percent(R(making), 20) ? " !" : "";
}

static void want_protocol(struct making *making, char *text)
{
    if (making->protocol)
        return;
    making->protocol = random_percent(R(making), 60) ? PROTOCOL_TCP : PROTOCOL_UDP;
    add(text, " -p %s", making->protocol == PROTOCOL_TCP ? "tcp" : "udp");
}

static void match_address(struct making *making, char *text)
{
    add(text, "%s -%c %s", negation(making), random_percent(R(making), 50) ? 's' : 'd',
        random_percent(R(making), 50) ? word_address(R(making), making->ip6)
                                      : word_prefix(R(making), making->ip6));
}

static void match_interface(struct making *making, char *text)
{
    enum nft_hook hook = making->chain->hook;
    bool input =
        hook == HOOK_FORWARD ? random_percent(R(making), 50) : hook == HOOK_PREROUTING || hook == HOOK_INPUT;
    const char *name = word_interface(R(making), making->table->place);
    add(text, "%s -%c %.*s%s", negation(making), input ? 'i' : 'o', random_percent(R(making), 25) ? 2 : 16,
        name, random_percent(R(making), 20) ? "+" : "");
}

static void match_ports(struct making *making, char *text)
{
    want_protocol(making, text);
    const char *protocol = making->protocol == PROTOCOL_TCP ? "tcp" : "udp";
    uint16_t port = word_port(R(making));
    switch (random_below(R(making), 6)) {
    case 0:
        add(text, " -m %s%s --dport %u:%u", protocol, negation(making), port, port + 1000u);
        break;
    case 1:
        add(text, " -m %s --sport %u:", protocol, 20000 + random_below(R(making), 20000));
        break;
    case 2:
        if (making->protocol == PROTOCOL_TCP)
            add(text, " -m tcp --syn");
        else
            add(text, " -m udp");
        break;
    case 3:
        add(text, " -m %s", protocol); /* kept as an extension of xtables */
        break;
    default:
        add(text, " -m %s%s --dport %u", protocol, negation(making), port);
        break;
    }
}

static void match_multiport(struct making *making, char *text)
{
    static const char *const sides[] = {"dports", "dports", "ports", "sports"};
    want_protocol(making, text);
    add(text, " -m multiport%s --%s %u,%u,8000:9000", negation(making), WORD_OF(R(making), sides),
        word_port(R(making)) % 7000, 443u);
}

static void match_conntrack(struct making *making, char *text)
{
    static const char *const words[] = {
        "--ctstate NEW",         "--ctstate RELATED,ESTABLISHED", "--ctstate DNAT",  "--ctstate NEW,DNAT",
        "--ctstate INVALID",     "--ctstate UNTRACKED",           "--ctstatus NONE", "--ctstate SNAT",
        "--ctstate INVALID,NEW", "--ctstatus CONFIRMED"};
    if (random_percent(R(making), 20))
        add(text, " -m conntrack%s --ctorigdst %s", negation(making), word_prefix(R(making), making->ip6));
    else if (random_percent(R(making), 15))
        add(text, " -m conntrack --ctorigdstport %u", word_port(R(making)));
    else if (random_percent(R(making), 15))
        add(text, " -m conntrack --ctdir %s", random_percent(R(making), 70) ? "ORIGINAL" : "REPLY");
    else
        add(text, " -m conntrack%s %s", negation(making), WORD_OF(R(making), words));
}

static void match_addrtype(struct making *making, char *text)
{
    static const char *const types[] = {"LOCAL", "UNICAST", "LOCAL,BROADCAST", "BLACKHOLE", "LOCAL"};
    static const char *const types6[] = {"LOCAL", "UNICAST", "LOCAL", "UNREACHABLE"};
    enum nft_hook hook = making->chain->hook;
    const char *limit = "";
    if (random_percent(R(making), 15) && (hook == HOOK_PREROUTING || hook == HOOK_INPUT))
        limit = " --limit-iface-in";
    add(text, " -m addrtype%s --%s-type %s%s", negation(making),
        random_percent(R(making), 65) ? "dst" : "src",
        making->ip6 ? WORD_OF(R(making), types6) : WORD_OF(R(making), types), limit);
}

static void match_mark(struct making *making, char *text)
{
    static const char *const words[] = {"0x1", "0x10/0xf0", "0x0/0xff", "0x2/0x2", "0x3"};
    add(text, " -m mark%s --mark %s", negation(making), WORD_OF(R(making), words));
}

static void match_comment(struct making *making, char *text)
{
    (void)making;
    add(text, " -m comment --comment \"a comment\"");
}

/* What a first packet never has: no rule of these matches, turned round or not. */
static void match_routing_header(struct making *making, char *text)
{
    static const char *const words[] = {"--rt-type 0", "! --rt-type 2", "--rt-segsleft 0:4",
                                        "! --rt-segsleft 1", "! --rt-len 40"};
    if (making->ip6)
        add(text, " -m rt %s", WORD_OF(R(making), words));
    else
        match_mark(making, text);
}

static void match_any(struct making *making, char *text)
{
    static void (*const matches[])(struct making *, char *) = {
        match_address,   match_address,   match_interface, match_ports,
        match_ports,     match_ports,     match_multiport, match_multiport,
        match_conntrack, match_conntrack, match_addrtype,  match_addrtype,
        match_mark,      match_comment,   match_interface, match_routing_header};
    matches[random_below(R(making), COUNT(matches))](making, text);
}

/* ---- targets ---- */

static const char *target_chain(struct making *making)
{
    list_each(const struct gen_chain, chain, &making->table->chains)
        if (!chain->base && chain > making->chain && chain->hook == making->chain->hook)
            return chain->name;
    return NULL;
}

static void say_nat(struct making *making, char *text)
{
    bool ip6 = making->ip6;
    const char *open = ip6 ? "[" : "", *close = ip6 ? "]" : "";
    if (making->chain->hook == HOOK_POSTROUTING) {
        add(text, random_percent(R(making), 70) ? " -j MASQUERADE" : " -j SNAT --to-source %s",
            ip6 ? "fd00:18::1" : "172.19.0.1");
        return;
    }
    if (making->chain->hook == HOOK_INPUT) {
        add(text, " -j SNAT --to-source %s", ip6 ? "fd00:18::1" : "172.19.0.1");
        return;
    }
    want_protocol(making, text);
    if (random_percent(R(making), 30))
        add(text, " -j REDIRECT --to-ports %u", word_port(R(making)));
    else if (random_percent(R(making), 25))
        add(text, " -j DNAT --to-destination %s", word_target(R(making), ip6));
    else
        add(text, " -j DNAT --to-destination %s%s%s:%u", open, word_target(R(making), ip6), close,
            word_port(R(making)));
}

static void say_reject(struct making *making, char *text)
{
    static const char *const codes4[] = {
        "icmp-net-unreachable", "icmp-host-unreachable", "icmp-port-unreachable", "icmp-proto-unreachable",
        "icmp-net-prohibited",  "icmp-host-prohibited",  "icmp-admin-prohibited"};
    static const char *const codes6[] = {"icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable",
                                         "icmp6-port-unreachable"};
    if (making->protocol == PROTOCOL_TCP && random_percent(R(making), 40))
        add(text, " -j REJECT --reject-with tcp-reset");
    else
        add(text, " -j REJECT --reject-with %s",
            making->ip6 ? WORD_OF(R(making), codes6) : WORD_OF(R(making), codes4));
}

static void say_filter(struct making *making, char *text)
{
    static const char *const marks[] = {"--set-mark 0x1", "--set-xmark 0x10/0xf0", "--or-mark 0x2",
                                        "--and-mark 0xf0", "--xor-mark 0x3"};
    const char *chain = target_chain(making);
    bool filter = strcmp(making->table->name, "filter") == 0;
    uint32_t pick = random_below(R(making), 100);
    if (strcmp(making->table->name, "raw") == 0 && pick < 34)
        add(text, " -j CT --notrack");
    else if (pick < 40)
        add(text, " -j ACCEPT");
    else if (pick < 52)
        add(text, " -j DROP");
    else if (pick < 68 && filter)
        say_reject(making, text);
    else if (pick < 78 && chain)
        add(text, " -%c %s", pick < 75 ? 'j' : 'g', chain);
    else if (pick < 83)
        add(text, " -j RETURN");
    else
        add(text, " -j MARK %s", WORD_OF(R(making), marks));
}

static void rule_make(struct gen_table *table, uint32_t chain, struct random *random)
{
    char text[TEXT_MAX] = "";
    struct making making = {.random = random,
                            .table = table,
                            .chain = &table->chains.items[chain],
                            .ip6 = table->family == NFT_FAMILY_IP6};
    uint32_t used = 0;
    for (uint32_t count = 1 + random_below(random, 2); count > 0; count--) {
        size_t length = strlen(text);
        match_any(&making, text);
        /* an option may stand in a rule once */
        used += strstr(text + length, " -s ") || strstr(text + length, " -d ") ||
                strstr(text + length, " -i ") || strstr(text + length, " -o ");
        if (used > 1 || (length && strstr(text, strrchr(text, '-')) != strrchr(text, '-')))
            text[length] = '\0';
    }
    if (strcmp(table->name, "nat") == 0 && random_percent(random, 75))
        say_nat(&making, text);
    else if (strcmp(table->name, "nat") == 0)
        add(text, random_percent(random, 50) ? " -j ACCEPT" : " -j RETURN");
    else
        say_filter(&making, text);
    rule_add(table, chain, text);
}

/* ---- tables ---- */

static const struct {
    const char *table, *chain;
    enum nft_hook hook;
} bases[] = {
    {"filter", "INPUT", HOOK_INPUT},
    {"filter", "FORWARD", HOOK_FORWARD},
    {"filter", "OUTPUT", HOOK_OUTPUT},
    {"nat", "PREROUTING", HOOK_PREROUTING},
    {"nat", "INPUT", HOOK_INPUT},
    {"nat", "OUTPUT", HOOK_OUTPUT},
    {"nat", "POSTROUTING", HOOK_POSTROUTING},
    {"mangle", "PREROUTING", HOOK_PREROUTING},
    {"mangle", "INPUT", HOOK_INPUT},
    {"mangle", "FORWARD", HOOK_FORWARD},
    {"mangle", "OUTPUT", HOOK_OUTPUT},
    {"mangle", "POSTROUTING", HOOK_POSTROUTING},
    {"raw", "PREROUTING", HOOK_PREROUTING},
    {"raw", "OUTPUT", HOOK_OUTPUT},
};

static void xtable_make(struct gen *gen, struct random *random, enum nft_family family, const char *name)
{
    struct gen_table *table = table_add(gen, HOST, family, name);
    bool nat = strcmp(name, "nat") == 0;
    table->xtables = true;
    for (size_t i = 0; i < COUNT(bases); i++) {
        if (strcmp(bases[i].table, name) != 0)
            continue;
        uint32_t chain = chain_add(table, bases[i].chain, true, nat, bases[i].hook);
        table->chains.items[chain].xtables_policy_drop =
            strcmp(name, "filter") == 0 && random_percent(random, 15);
    }
    if (!nat && random_percent(random, 60)) {
        struct gen_chain like = table->chains.items[random_below(random, (uint32_t)table->chains.count)];
        chain_add(table, "USER", false, false, like.hook);
    }
    for (uint32_t chain = 0; chain < table->chains.count; chain++)
        for (uint32_t i = random_below(random, nat ? 3 : 5); i > 0; i--)
            rule_make(table, chain, random);
}

void xtables_make(struct gen *gen, struct random *random)
{
    static const char *const names[] = {"raw", "mangle", "nat", "filter"};
    for (uint32_t family = 0; family < 2; family++)
        for (size_t i = 0; i < COUNT(names); i++)
            if (random_percent(random, i >= 2 ? 70 : 35))
                xtable_make(gen, random, family ? NFT_FAMILY_IP6 : NFT_FAMILY_IP, names[i]);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Worlds at random, by seed: the lab of build.h with switches, routes, policy rules, listeners and rulesets
 * of all that both evaluators model, alternatives (limit, numgen) included.
 */
#ifndef POSTERN_TESTS_UNIT_SCANNER_PATH_RANDOM_H
#define POSTERN_TESTS_UNIT_SCANNER_PATH_RANDOM_H

#include "build.h"

struct random {
    uint64_t state;
    enum ip_family family;
    struct build_lab lab;
    struct namespace *ns; /* whose ruleset is made */
    struct nft_table *table;
    unsigned sets;
};

/* xorshift64*, so that a seed means the same everywhere */
BUILD uint32_t random_next(struct random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (uint32_t)((random->state * 0x2545f4914f6cdd1dULL) >> 32);
}

BUILD uint32_t random_below(struct random *random, uint32_t count)
{
    return random_next(random) % count;
}

BUILD bool random_one_in(struct random *random, uint32_t count)
{
    return random_below(random, count) == 0;
}

static const char *const random_sources4[] = {
    "10.0.0.0/8",    "10.1.2.0/23",   "198.51.100.7/32", "172.18.0.0/16", "203.0.113.0/24", "128.0.0.0/1",
    "172.18.0.3/32", "192.0.2.64/26", "203.0.113.10/32", "100.64.0.0/10", "172.19.0.2/32",  "0.0.0.0/2"};
static const char *const random_sources6[] = {
    "2001:db8::/32",   "2001:db8:0:1::/64", "fd00:18::/64",         "fd00:18::3/128",
    "2001:db8:9::/48", "2000::/3",          "2001:db8:0:1::7/128",  "fd00:19::2/128",
    "8000::/1",        "fd00::/8",          "2001:db8:0:1::10/128", "2001:db8:77:1::/65"};
static const char *const random_destinations4[] = {"203.0.113.10", "172.18.0.1", "172.18.0.2", "172.18.0.3",
                                                   "172.19.0.2",   "127.0.0.1",  "10.9.9.9",   "172.18.0.77"};
static const char *const random_destinations6[] = {"2001:db8:0:1::10", "fd00:18::1", "fd00:18::2",
                                                   "fd00:18::3",       "fd00:19::2", "::1",
                                                   "2001:db8:99::9",   "fd00:18::77"};
static const uint16_t random_ports[] = {22, 80, 443, 8080, 9000};
static const uint16_t random_source_ports[] = {1024, 2000, 32768, 40000, 60999, 65535};

#define RANDOM_OF(random, list) ((list)[random_below(random, (uint32_t)(sizeof(list) / sizeof((list)[0])))])

BUILD struct prefix random_prefix(struct random *random)
{
    return build_net(random->family == FAMILY_IP4 ? RANDOM_OF(random, random_sources4)
                                                  : RANDOM_OF(random, random_sources6));
}

BUILD struct address random_destination(struct random *random)
{
    return build_ip(random->family == FAMILY_IP4 ? RANDOM_OF(random, random_destinations4)
                                                 : RANDOM_OF(random, random_destinations6));
}

BUILD uint32_t random_address_length(const struct random *random)
{
    return random->family == FAMILY_IP4 ? 4 : 16;
}

BUILD struct bytes random_bytes(struct random *random, const void *bytes, size_t length)
{
    return build_bytes(random->ns, bytes, length);
}

BUILD struct bytes random_address_bytes(struct random *random, struct address address, uint32_t length)
{
    uint8_t bytes[16];
    address_to_bytes(address, bytes);
    return random_bytes(random, bytes, length);
}

BUILD struct bytes random_port_bytes(struct random *random, uint16_t port)
{
    uint8_t bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    return random_bytes(random, bytes, 2);
}

/* ---- matches ---- */
BUILD void random_load(struct nft_rule *rule, uint32_t base, uint32_t offset, uint32_t length, uint32_t dreg)
{
    build_expression(rule, EXPRESSION_PAYLOAD)->payload =
        (struct nft_payload){.base = base, .offset = offset, .length = length, .dreg = dreg};
}

BUILD uint32_t random_address_offset(const struct random *random, bool source)
{
    return random->family == FAMILY_IP4 ? (source ? 12 : 16) : (source ? 8 : 24);
}

BUILD void random_cmp(struct nft_rule *rule, uint32_t op, struct bytes bytes)
{
    build_expression(rule, EXPRESSION_CMP)->cmp = (struct nft_cmp){.sreg = 1, .op = op, .data.value = bytes};
}

BUILD void random_mask(struct random *random, struct nft_rule *rule, const uint8_t *mask, uint32_t length)
{
    static const uint8_t none[16];
    build_expression(rule, EXPRESSION_BITWISE)->bitwise =
        (struct nft_bitwise){.sreg = 1,
                             .dreg = 1,
                             .length = length,
                             .mask.value = random_bytes(random, mask, length),
                             .xor.value = random_bytes(random, none, length)};
}

/* A prefix as nft writes it: whole bytes as a shorter load, others under a mask. */
BUILD void random_address_match(struct random *random, struct nft_rule *rule, bool source)
{
    struct prefix prefix = random_prefix(random);
    if (!source && random_one_in(random, 2))
        prefix = (struct prefix){random_destination(random), (uint8_t)family_bits(random->family)};
    uint32_t length = random_address_length(random), offset = random_address_offset(random, source);
    uint32_t op = random_one_in(random, 4) ? NFT_CMP_NEQ : NFT_CMP_EQ;
    struct address first = prefix_first(prefix);
    if (prefix.length % 8 == 0 && prefix.length > 0 && random_one_in(random, 2)) {
        random_load(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, prefix.length / 8u, 1);
        random_cmp(rule, op, random_address_bytes(random, first, prefix.length / 8u));
        return;
    }
    uint8_t mask[16] = {0};
    for (unsigned bit = 0; bit < prefix.length; bit++)
        mask[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    random_load(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, length, 1);
    random_mask(random, rule, mask, length);
    random_cmp(rule, op, random_address_bytes(random, first, length));
}

/* saddr < x, saddr in a-b, and the like */
BUILD void random_order_match(struct random *random, struct nft_rule *rule)
{
    struct prefix prefix = random_prefix(random);
    uint32_t length = random_address_length(random);
    random_load(rule, NFT_PAYLOAD_NETWORK_HEADER, random_address_offset(random, true), length, 1);
    if (random_one_in(random, 2)) {
        build_expression(rule, EXPRESSION_RANGE)->range =
            (struct nft_range){.sreg = 1,
                               .op = random_below(random, 2),
                               .from.value = random_address_bytes(random, prefix_first(prefix), length),
                               .to.value = random_address_bytes(random, prefix_last(prefix), length)};
        return;
    }
    random_cmp(rule, NFT_CMP_LT + random_below(random, 4),
               random_address_bytes(random, prefix_first(prefix), length));
}

BUILD void random_port_match(struct random *random, struct nft_rule *rule, bool source)
{
    uint16_t port = source ? RANDOM_OF(random, random_source_ports) : RANDOM_OF(random, random_ports);
    random_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, source ? 0 : 2, 2, 1);
    if (random_one_in(random, 3)) {
        uint16_t last = (uint16_t)(port + random_below(random, 500));
        build_expression(rule, EXPRESSION_RANGE)->range =
            (struct nft_range){.sreg = 1,
                               .op = random_below(random, 2),
                               .from.value = random_port_bytes(random, port),
                               .to.value = random_port_bytes(random, last < port ? port : last)};
        return;
    }
    random_cmp(rule, source ? random_below(random, 6) : random_below(random, 2),
               random_port_bytes(random, port));
}

BUILD void random_interface_match(struct random *random, struct nft_rule *rule)
{
    static const char *const names[] = {"eth0", "br1", "br2", "lo"};
    const char *name = RANDOM_OF(random, names);
    char bytes[IFNAMSIZ] = {0};
    bool input = random_one_in(random, 2), wildcard = random_one_in(random, 3);
    snprintf(bytes, sizeof(bytes), "%s", wildcard ? "br" : name);
    build_meta(random->ns, rule, input ? NFT_META_IIFNAME : NFT_META_OIFNAME, random_below(random, 2), bytes,
               wildcard ? 2 : sizeof(bytes));
}

BUILD void random_mark_match(struct random *random, struct nft_rule *rule)
{
    uint32_t mark = random_below(random, 4), mask = 1 + random_below(random, 3);
    build_expression(rule, EXPRESSION_META)->meta = (struct nft_meta){.key = NFT_META_MARK, .dreg = 1};
    if (random_one_in(random, 2)) {
        random_mask(random, rule, (const uint8_t *)&mask, 4);
        mark &= mask;
    }
    random_cmp(rule, random_below(random, 2), random_bytes(random, &mark, 4));
}

BUILD void random_state_match(struct random *random, struct nft_rule *rule)
{
    static const uint32_t masks[] = {2 | 4, 8, 1, 64, 2 | 4 | 8, 1 | 64};
    static const uint32_t none;
    uint32_t mask = RANDOM_OF(random, masks), status = 32;
    bool of_status = random_one_in(random, 3);
    build_expression(rule, EXPRESSION_CT)->ct =
        (struct nft_ct){.key = of_status ? NFT_CT_STATUS : NFT_CT_STATE, .dreg = 1};
    random_mask(random, rule, (const uint8_t *)(of_status ? &status : &mask), 4);
    random_cmp(rule, random_below(random, 2), random_bytes(random, &none, 4));
}

BUILD void random_original_match(struct random *random, struct nft_rule *rule)
{
    bool ip4 = random->family == FAMILY_IP4;
    static const uint32_t keys4[] = {NFT_CT_SRC_IP, NFT_CT_DST_IP},
                          keys6[] = {NFT_CT_SRC_IP6, NFT_CT_DST_IP6};
    uint32_t length = random_address_length(random), which = random_below(random, 3);
    struct nft_ct *ct = &build_expression(rule, EXPRESSION_CT)->ct;
    *ct = (struct nft_ct){.dreg = 1, .has_direction = true, .direction = random_below(random, 2)};
    if (which == 2) {
        ct->key = random_one_in(random, 2) ? NFT_CT_PROTO_SRC : NFT_CT_PROTO_DST;
        random_cmp(rule, random_below(random, 2),
                   random_port_bytes(random, ct->key == NFT_CT_PROTO_SRC
                                                 ? RANDOM_OF(random, random_source_ports)
                                                 : RANDOM_OF(random, random_ports)));
        return;
    }
    ct->key = ip4 ? keys4[which] : keys6[which];
    struct address address = which == 0 ? prefix_first(random_prefix(random)) : random_destination(random);
    random_cmp(rule, random_below(random, 2), random_address_bytes(random, address, length));
}

BUILD void random_protocol_match(struct random *random, struct nft_rule *rule)
{
    uint8_t protocol = random_one_in(random, 2) ? PROTOCOL_TCP : PROTOCOL_UDP;
    build_meta(random->ns, rule, NFT_META_L4PROTO, random_below(random, 2), &protocol, 1);
}

BUILD void random_fib_match(struct random *random, struct nft_rule *rule)
{
    static const uint32_t types[] = {RTN_LOCAL, RTN_UNICAST, RTN_BROADCAST, RTN_UNREACHABLE};
    uint32_t type = RANDOM_OF(random, types);
    uint32_t flags = random_one_in(random, 2) ? NFTA_FIB_F_DADDR : NFTA_FIB_F_SADDR;
    if (random_one_in(random, 3))
        flags |= NFTA_FIB_F_IIF;
    if (random_one_in(random, 3)) { /* fib saddr . iif oif missing, and the like */
        uint32_t index = random_below(random, 5);
        build_expression(rule, EXPRESSION_FIB)->fib =
            (struct nft_fib){.dreg = 1, .result = NFT_FIB_RESULT_OIF, .flags = flags};
        random_cmp(rule, random_below(random, 2), random_bytes(random, &index, 4));
        return;
    }
    build_expression(rule, EXPRESSION_FIB)->fib =
        (struct nft_fib){.dreg = 1, .result = NFT_FIB_RESULT_ADDRTYPE, .flags = flags};
    random_cmp(rule, random_below(random, 2), random_bytes(random, &type, 4));
}

/* ---- sets and maps ---- */
BUILD struct nft_set *random_set(struct random *random, uint32_t flags, uint32_t length)
{
    struct nft_set *set = list_append(&random->table->sets);
    set->name = arena_printf(random->ns->arena, "set%u", random->sets++);
    set->flags = flags;
    set->key_length = length;
    return set;
}

BUILD void random_element(struct nft_set *set, struct bytes key, struct bytes end, uint32_t flags,
                          const struct nft_data *data)
{
    struct nft_element *element = list_append(&set->elements);
    *element = (struct nft_element){.key = key, .key_end = end, .flags = flags};
    if (data && !(flags & 1)) {
        element->has_data = true;
        element->data = *data;
    }
}

BUILD struct nft_data random_verdict_data(struct random *random)
{
    static const int32_t codes[] = {0, 1, -5, -1};
    return (struct nft_data){.is_verdict = true, .verdict.code = RANDOM_OF(random, codes)};
}

/* Prefixes as pairs of boundaries, as an rbtree set is dumped. Only disjoint ones, as the kernel has them. */
BUILD struct nft_set *random_address_set(struct random *random, bool map)
{
    uint32_t length = random_address_length(random), count = 1 + random_below(random, 3);
    struct nft_set *set = random_set(random, SET_INTERVAL | (map ? SET_MAP : 0), length);
    struct interval_set used = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct prefix prefix = random_prefix(random);
        struct interval_set range = interval_set_prefix(prefix);
        bool overlaps = interval_set_overlaps(&used, &range);
        u128 first = prefix_first(prefix).value, last = prefix_last(prefix).value;
        interval_set_free(&range);
        if (overlaps)
            continue;
        interval_set_add(&used, first, last);
        struct nft_data data = random_verdict_data(random);
        random_element(set, random_address_bytes(random, prefix_first(prefix), length), (struct bytes){0}, 0,
                       map ? &data : NULL);
        struct address end = {random->family, last + 1};
        if (last != family_max(random->family))
            random_element(set, random_address_bytes(random, end, length), (struct bytes){0}, 1, NULL);
    }
    interval_set_free(&used);
    return set;
}

BUILD struct nft_set *random_port_set(struct random *random, bool source, bool map)
{
    struct nft_set *set = random_set(random, map ? SET_MAP : 0, 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct nft_data data = random_verdict_data(random);
        uint16_t port = source ? random_source_ports[random_below(random, 3) + 3 * i]
                               : random_ports[random_below(random, 2) + 2 * i];
        random_element(set, random_port_bytes(random, port), (struct bytes){0}, 0, map ? &data : NULL);
    }
    return set;
}

/* saddr . dport with ranges: two fields, each in whole words */
BUILD struct nft_set *random_concat_set(struct random *random)
{
    uint32_t length = random_address_length(random);
    struct nft_set *set = random_set(random, SET_INTERVAL | SET_CONCAT, length + 4);
    *list_append(&set->fields) = length;
    *list_append(&set->fields) = 2;
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t first[20] = {0}, last[20] = {0};
        struct prefix prefix = random_prefix(random);
        uint16_t low = RANDOM_OF(random, random_ports), high = (uint16_t)(low + random_below(random, 400));
        address_to_bytes(prefix_first(prefix), first);
        address_to_bytes(prefix_last(prefix), last);
        memcpy(first + length, (uint8_t[]){(uint8_t)(low >> 8), (uint8_t)low}, 2);
        memcpy(last + length, (uint8_t[]){(uint8_t)(high >> 8), (uint8_t)high}, 2);
        random_element(set, random_bytes(random, first, length + 4), random_bytes(random, last, length + 4),
                       0, NULL);
    }
    return set;
}

BUILD void random_lookup(struct nft_rule *rule, const struct nft_set *set, bool invert, bool map)
{
    build_expression(rule, EXPRESSION_LOOKUP)->lookup =
        (struct nft_lookup){.set = set->name, .sreg = 1, .flags = invert, .has_dreg = map};
}

BUILD void random_set_match(struct random *random, struct nft_rule *rule)
{
    uint32_t length = random_address_length(random), offset = random_address_offset(random, true);
    bool invert = random_one_in(random, 3);
    switch (random_below(random, 4)) {
    case 0:
        random_load(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, length, 1);
        random_lookup(rule, random_address_set(random, false), invert, false);
        break;
    case 1:
        random_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 1);
        random_lookup(rule, random_port_set(random, false, false), invert, false);
        break;
    case 2:
        random_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 1);
        random_lookup(rule, random_port_set(random, true, false), invert, false);
        break;
    default:
        random_load(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, length, 1);
        random_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 8 + length / 4);
        random_lookup(rule, random_concat_set(random), invert, false);
    }
}

BUILD void random_map_verdict(struct random *random, struct nft_rule *rule)
{
    if (random_one_in(random, 2)) {
        random_load(rule, NFT_PAYLOAD_NETWORK_HEADER, random_address_offset(random, true),
                    random_address_length(random), 1);
        random_lookup(rule, random_address_set(random, true), false, true);
    } else {
        bool source = random_one_in(random, 2);
        random_load(rule, NFT_PAYLOAD_TRANSPORT_HEADER, source ? 0 : 2, 2, 1);
        random_lookup(rule, random_port_set(random, source, true), false, true);
    }
}

/* ---- xtables ---- */
BUILD struct nft_xt *random_xt(struct nft_rule *rule, enum expression_kind kind, const char *name,
                               enum xt_kind xt)
{
    struct nft_expression *expression = build_expression(rule, kind);
    expression->xt.name = name;
    expression->xt.kind = xt;
    return &expression->xt;
}

BUILD void random_xt_match(struct random *random, struct nft_rule *rule)
{
    struct nft_xt *xt;
    uint16_t port = RANDOM_OF(random, random_source_ports);
    switch (random_below(random, 5)) {
    case 0:
        xt = random_xt(rule, EXPRESSION_MATCH, "addrtype", XT_ADDRTYPE);
        xt->addrtype = (struct xt_addrtype){.invert_source = random_one_in(random, 2),
                                            .limit_in = random_one_in(random, 4)};
        *(random_one_in(random, 2) ? &xt->addrtype.source : &xt->addrtype.destination) =
            1u << (random_one_in(random, 2) ? RTN_LOCAL : RTN_UNICAST);
        break;
    case 1:
        xt = random_xt(rule, EXPRESSION_MATCH, "conntrack", XT_CONNTRACK);
        xt->conntrack = (struct xt_conntrack){
            .match = XT_CT_STATE,
            .invert = random_one_in(random, 3) ? XT_CT_STATE : 0,
            .states = random_one_in(random, 2) ? XT_STATE_NEW | XT_STATE_DNAT : XT_STATE_ESTABLISHED};
        break;
    case 2:
        xt = random_xt(rule, EXPRESSION_MATCH, "tcp", XT_TCP);
        xt->ports = (struct xt_ports){.source = {port, UINT16_MAX},
                                      .destination = {0, UINT16_MAX},
                                      .invert_source = random_one_in(random, 3),
                                      .flag_mask = 0x17,
                                      .flag_compare = random_one_in(random, 3) ? 0x10 : 0x02};
        break;
    case 3:
        xt = random_xt(rule, EXPRESSION_MATCH, "multiport", XT_MULTIPORT);
        xt->multiport.side = random_below(random, 3);
        xt->multiport.invert = random_one_in(random, 3);
        *list_append(&xt->multiport.ports) = (struct xt_port_range){port, port};
        *list_append(&xt->multiport.ports) = (struct xt_port_range){80, 443};
        break;
    default:
        xt = random_xt(rule, EXPRESSION_MATCH, "mark", XT_MARK);
        xt->mark =
            (struct xt_mark){.value = random_below(random, 4), .mask = 3, .invert = random_one_in(random, 3)};
    }
}

/* ---- what no snapshot decides ---- */
BUILD void random_chance(struct random *random, struct nft_rule *rule)
{
    uint32_t zero = 0;
    if (random_one_in(random, 2)) {
        build_expression(rule, EXPRESSION_LIMIT);
        return;
    }
    struct nft_expression *expression = build_expression(rule, EXPRESSION_NUMGEN);
    expression->numgen = (struct nft_numgen){.other.dreg = 1, .modulus = 2};
    random_cmp(rule, NFT_CMP_EQ, random_bytes(random, &zero, 4));
}

BUILD void random_match(struct random *random, struct nft_rule *rule)
{
    switch (random_below(random, 24)) {
    case 0:
    case 1:
    case 2:
    case 3:
        random_address_match(random, rule, true);
        break;
    case 4:
        random_address_match(random, rule, false);
        break;
    case 5:
    case 6:
        random_order_match(random, rule);
        break;
    case 7:
    case 8:
        random_port_match(random, rule, true);
        break;
    case 9:
    case 10:
        random_port_match(random, rule, false);
        break;
    case 11:
        random_interface_match(random, rule);
        break;
    case 12:
        random_mark_match(random, rule);
        break;
    case 13:
        random_state_match(random, rule);
        break;
    case 14:
        random_original_match(random, rule);
        break;
    case 15:
        random_protocol_match(random, rule);
        break;
    case 16:
        random_fib_match(random, rule);
        break;
    case 17:
        if (random_one_in(random, 4))
            random_chance(random, rule);
        break;
    case 18:
    case 19:
        random_xt_match(random, rule);
        break;
    default:
        random_set_match(random, rule);
    }
}

/* ---- actions ---- */
BUILD void random_action(struct random *random, struct nft_rule *rule, const char *jump, bool last)
{
    static const uint32_t rejects[][2] = {{0, 3}, {1, 0}, {2, 3}};
    uint32_t mark = random_below(random, 4);
    switch (random_below(random, last ? 10 : 14)) {
    case 0:
    case 1:
    case 2:
        build_verdict(rule, 1, NULL);
        break;
    case 3:
    case 4:
        build_verdict(rule, 0, NULL);
        break;
    case 5: {
        const uint32_t *reject = rejects[random_below(random, 3)];
        build_expression(rule, EXPRESSION_REJECT)->reject = (struct nft_reject){reject[0], reject[1]};
        break;
    }
    case 6:
        build_verdict(rule, -5, NULL);
        break;
    case 7:
        random_map_verdict(random, rule);
        break;
    case 8:
    case 9:
        build_set_mark(random->ns, rule, mark);
        break;
    case 10:
        build_verdict(rule, -4, jump);
        break;
    default:
        build_verdict(rule, -3, jump);
    }
}

BUILD void random_rules(struct random *random, struct nft_chain *chain, const char *jump, bool last)
{
    uint32_t count = 1 + random_below(random, 4);
    for (uint32_t i = 0; i < count; i++) {
        struct nft_rule *rule = build_rule(chain);
        uint32_t matches = random_below(random, 3);
        for (uint32_t j = 0; j < matches; j++)
            random_match(random, rule);
        random_action(random, rule, jump, last);
    }
}

/* ports 2000-40000, of a rewrite of either side */
BUILD void random_port_range(struct random *random, struct nft_rule *rule)
{
    struct nft_expression last = rule->expressions.items[rule->expressions.count - 1];
    bool one = random_one_in(random, 2);
    rule->expressions.count--;
    build_expression(rule, EXPRESSION_IMMEDIATE)->immediate =
        (struct nft_immediate){.dreg = 2, .data.value = random_port_bytes(random, 2000)};
    build_expression(rule, EXPRESSION_IMMEDIATE)->immediate =
        (struct nft_immediate){.dreg = 3, .data.value = random_port_bytes(random, one ? 2000 : 40000)};
    last.nat.port_min = 2;
    last.nat.port_max = 3;
    *list_append(&rule->expressions) = last;
}

BUILD void random_rewrite(struct random *random, struct nft_rule *rule, enum nft_hook hook)
{
    static const char *const to4[] = {"172.18.0.2", "172.19.0.2", "172.18.0.3", "127.0.0.1"};
    static const char *const to6[] = {"fd00:18::2", "fd00:19::2", "fd00:18::3", "fd00:18::1"};
    bool ip4 = random->family == FAMILY_IP4;
    if (hook == HOOK_POSTROUTING) {
        if (random_one_in(random, 2)) {
            build_expression(rule, EXPRESSION_MASQ);
            return;
        }
        build_dnat(random->ns, rule, ip4 ? "192.0.2.99" : "2001:db8:99::1", 0);
        rule->expressions.items[rule->expressions.count - 1].nat.type = NFT_NAT_SNAT;
        if (random_one_in(random, 3))
            random_port_range(random, rule);
        return;
    }
    if (random_one_in(random, 4)) {
        build_expression(rule, EXPRESSION_REDIR);
        return;
    }
    build_dnat(random->ns, rule, ip4 ? RANDOM_OF(random, to4) : RANDOM_OF(random, to6),
               random_one_in(random, 3) ? 0 : RANDOM_OF(random, random_ports));
    if (random_one_in(random, 8))
        random_port_range(random, rule);
}

BUILD void random_nat_chain(struct random *random, enum nft_hook hook)
{
    int32_t priority = hook == HOOK_POSTROUTING ? 100 : -100;
    struct nft_chain *chain =
        build_base(random->ns, random->table, nft_hook_name(hook), "nat", hook, priority, 1);
    uint32_t count = 1 + random_below(random, 3);
    for (uint32_t i = 0; i < count; i++) {
        struct nft_rule *rule = build_rule(chain);
        if (random_one_in(random, 2))
            random_match(random, rule);
        if (hook != HOOK_POSTROUTING || random_one_in(random, 2))
            random_port_match(random, rule, false);
        random_rewrite(random, rule, hook);
    }
}

BUILD void random_raw_chain(struct random *random)
{
    struct nft_chain *chain =
        build_base(random->ns, random->table, "raw", "filter", HOOK_PREROUTING, -300, 1);
    struct nft_rule *rule = build_rule(chain);
    random_match(random, rule);
    if (random_one_in(random, 2))
        build_expression(rule, EXPRESSION_NOTRACK);
    else
        build_verdict(rule, 0, NULL);
}

/* ---- rulesets ---- */
BUILD void random_filter_chains(struct random *random)
{
    static const int32_t priorities[] = {-150, 0, 0, 10};
    uint32_t count = 1 + random_below(random, 3);
    struct nft_chain *leaf = build_chain(random->table, "leaf"),
                     *branch = build_chain(random->table, "branch");
    random_rules(random, leaf, NULL, true);
    random_rules(random, branch, "leaf", false);
    for (uint32_t i = 0; i < count; i++) {
        enum nft_hook hook = random_below(random, HOOK_POSTROUTING + 1);
        bool route = hook == HOOK_OUTPUT && random_one_in(random, 2);
        struct nft_chain *chain = build_base(
            random->ns, random->table, arena_printf(random->ns->arena, "base%u", i),
            route ? "route" : "filter", hook, RANDOM_OF(random, priorities), !random_one_in(random, 5));
        random_rules(random, chain, random_one_in(random, 2) ? "branch" : "leaf", false);
    }
}

BUILD void random_ruleset(struct random *random, struct namespace *ns)
{
    bool ip4 = random->family == FAMILY_IP4;
    uint32_t tables = 1 + random_below(random, 2);
    random->ns = ns;
    for (uint32_t i = 0; i < tables; i++) {
        enum nft_family family = random_one_in(random, 2) ? NFT_FAMILY_INET
                                 : ip4                    ? NFT_FAMILY_IP
                                                          : NFT_FAMILY_IP6;
        random->table = build_table(ns, family, i ? "second" : "first");
        random_filter_chains(random);
    }
    if (random_one_in(random, 2)) {
        random->table = build_table(ns, ip4 ? NFT_FAMILY_IP : NFT_FAMILY_IP6, "nat");
        random_nat_chain(random, HOOK_PREROUTING);
        if (random_one_in(random, 2))
            random_nat_chain(random, HOOK_OUTPUT);
        if (random_one_in(random, 2))
            random_nat_chain(random, HOOK_POSTROUTING);
    }
    if (random_one_in(random, 4)) {
        random->table = build_table(ns, ip4 ? NFT_FAMILY_IP : NFT_FAMILY_IP6, "raw");
        random_raw_chain(random);
    }
}

/* ---- the rest of the world ---- */
BUILD void random_switches(struct random *random, struct namespace *ns)
{
    list_each(struct link, link, &ns->links) {
        link->rp_filter = random_one_in(random, 3) ? (int32_t)random_below(random, 3) : 0;
        link->route_localnet = random_one_in(random, 5);
        link->accept_local = random_one_in(random, 6);
        link->forwarding4 = !random_one_in(random, 8);
        link->port_isolated = random_one_in(random, 6);
        link->port_hairpin = random_one_in(random, 3);
        link->arp_ignore = random_one_in(random, 6);
    }
    ns->sysctls.rp_filter_all = random_one_in(random, 6) ? (int32_t)random_below(random, 3) : 0;
    ns->sysctls.bridge_nf_call_iptables = random_one_in(random, 2);
    ns->sysctls.bridge_nf_call_ip6tables = random_one_in(random, 2);
    ns->sysctls.forwarding6_all = !random_one_in(random, 8);
    ns->sysctls.src_valid_mark_all = random_one_in(random, 6);
}

BUILD void random_routes(struct random *random, struct namespace *ns)
{
    static const uint8_t types[] = {RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW};
    bool ip4 = random->family == FAMILY_IP4;
    if (random_one_in(random, 3)) {
        char text[ADDRESS_TEXT_MAX];
        struct prefix prefix = random_prefix(random);
        prefix.address = prefix_first(prefix);
        build_route(ns, prefix_print(prefix, text), RT_TABLE_MAIN, RANDOM_OF(random, types), 0, NULL);
    }
    if (random_one_in(random, 3)) {
        struct policy_rule *rule = build_policy_rule(ns, random->family, 100, 77);
        switch (random_below(random, 4)) {
        case 0:
            rule->mark = 1 + random_below(random, 3);
            rule->mark_mask = 3;
            break;
        case 1:
            rule->from = random_prefix(random);
            rule->from.address = prefix_first(rule->from);
            rule->input_interface = "eth0";
            break;
        case 2:
            rule->ip_protocol = PROTOCOL_TCP;
            rule->has_source_port = true;
            rule->source_port_first = 2000;
            rule->source_port_last = 40000;
            break;
        default:
            rule->input_interface = "eth0";
            rule->invert = random_one_in(random, 2);
        }
        build_route(ns, ip4 ? "172.19.0.0/16" : "fd00:19::/64", 77, RTN_UNICAST, 3, NULL);
        build_route(ns, ip4 ? "0.0.0.0/0" : "::/0", 77, random_one_in(random, 2) ? RTN_PROHIBIT : RTN_THROW,
                    0, NULL);
    }
}

BUILD void random_listeners(struct random *random, struct namespace *ns, const char *own4, const char *own6)
{
    static const char *const any4[] = {"0.0.0.0", "127.0.0.1"}, *const any6[] = {"::", "::1"};
    for (uint32_t i = 0; i < 3; i++) {
        bool ip6 = random_one_in(random, 2), own = random_one_in(random, 3);
        const char *address =
            ip6 ? (own ? own6 : RANDOM_OF(random, any6)) : (own ? own4 : RANDOM_OF(random, any4));
        struct socket *socket = build_listener(ns, random_one_in(random, 3) ? SOCKET_UDP : SOCKET_TCP,
                                               address, RANDOM_OF(random, random_ports));
        socket->v6only = ip6 && random_one_in(random, 3);
        socket->interface = random_one_in(random, 6) ? 2 : 0;
    }
}

/* Something that is not modelled, or was not read, somewhere. */
BUILD void random_gap(struct random *random)
{
    struct namespace *ns = random_one_in(random, 2) ? random->lab.host : random->lab.c1;
    static const enum program_kind kinds[] = {PROGRAM_TC,     PROGRAM_SK_LOOKUP, PROGRAM_IPVS,
                                              PROGRAM_CGROUP, PROGRAM_NETFILTER, PROGRAM_XFRM};
    static const uint32_t parts[] = {PART_ROUTES, PART_RULESET, PART_SOCKETS_TCP, PART_SYSCTLS,
                                     PART_PROGRAMS};
    switch (random_below(random, 5)) {
    case 0: {
        struct program *program = list_append(&ns->programs);
        program->kind = RANDOM_OF(random, kinds);
        program->name = "gap";
        program->interface = program->kind == PROGRAM_TC ? 2 : 0;
        program->hook = random_below(random, 5);
        break;
    }
    case 1: {
        struct legacy_table *table = list_append(&ns->ruleset.legacy);
        *table =
            (struct legacy_table){.family = random->family, .tool = "iptables", .name = "filter", .rules = 1};
        table->hooks = 1u << random_below(random, 5);
        break;
    }
    case 2:
        ns->missing |= RANDOM_OF(random, parts);
        break;
    case 3:
        if (ns->ruleset.tables.count > 0)
            ns->ruleset.tables.items[0].incomplete = true;
        break;
    default:
        build_find(ns, 2)->xdp_mode = 1;
    }
}

/* A world that the snapshot of ->lab describes; the caller frees it. */
BUILD struct random random_world(uint64_t seed)
{
    struct random random = {.state = seed * 0x9e3779b97f4a7c15ULL + 0x1234567};
    random_next(&random);
    random.family = random_one_in(&random, 3) ? FAMILY_IP6 : FAMILY_IP4;
    random.lab = build_lab();
    random_switches(&random, random.lab.host);
    random_routes(&random, random.lab.host);
    random_ruleset(&random, random.lab.host);
    if (random_one_in(&random, 3))
        random_switches(&random, random.lab.c1);
    if (random_one_in(&random, 2))
        random_ruleset(&random, random.lab.c1);
    if (random_one_in(&random, 3))
        random_ruleset(&random, random.lab.c2);
    if (random_one_in(&random, 8))
        random_gap(&random);
    random_listeners(&random, random.lab.host, "172.18.0.1", "fd00:18::1");
    random_listeners(&random, random.lab.c1, "172.18.0.2", "fd00:18::2");
    random_listeners(&random, random.lab.c2, "172.18.0.3", "fd00:18::3");
    random_listeners(&random, random.lab.c3, "172.19.0.2", "fd00:19::2");
    return random;
}

#endif

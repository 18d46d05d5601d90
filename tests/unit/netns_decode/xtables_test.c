/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xtables matches and targets: structures of the kernel's headers to ours, and what is none of them. */
#include "netns/decode/xtables.h"

#include <check.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv4/ipt_ttl.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_hl.h>
#include <linux/netfilter_ipv6/ip6t_rt.h>

static struct arena *arena;

static void set_up(void)
{
    arena = arena_new();
}

static void tear_down(void)
{
    arena = arena_free(arena);
}

/* Decodes a structure, rounded up as the kernel gives it. */
static struct nft_xt decode(enum nft_family family, bool target, const char *name, uint32_t revision,
                            const void *info, size_t size)
{
    struct decoder decoder = {.arena = arena, .family = family};
    uint8_t *copy = arena_alloc(arena, XT_ALIGN(size) + 8);
    struct nft_xt xt;
    memcpy(copy, info, size);
    struct bytes bytes = {copy, XT_ALIGN(size)}, text = {(const uint8_t *)name, strlen(name) + 1};
    if (target)
        xtables_decode_target(&decoder, text, revision, bytes, &xt);
    else
        xtables_decode_match(&decoder, text, revision, bytes, &xt);
    return xt;
}
#define MATCH(family, name, revision, info)  decode(family, false, name, revision, &(info), sizeof(info))
#define TARGET(family, name, revision, info) decode(family, true, name, revision, &(info), sizeof(info))

START_TEST(addrtype)
{
    struct xt_addrtype_info_v1 info = {.dest = 1 << 2,
                                       .flags = XT_ADDRTYPE_INVERT_DEST | XT_ADDRTYPE_LIMIT_IFACE_IN};
    struct nft_xt xt = MATCH(NFT_FAMILY_IP, "addrtype", 1, info);
    ck_assert_int_eq(xt.kind, XT_ADDRTYPE);
    ck_assert_uint_eq(xt.addrtype.destination, 4);
    ck_assert_uint_eq(xt.addrtype.source, 0);
    ck_assert(xt.addrtype.invert_destination && xt.addrtype.limit_in);
    ck_assert(!xt.addrtype.invert_source && !xt.addrtype.limit_out);
    info.flags = 1 << 7;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "addrtype", 1, info).kind, XT_UNKNOWN);
    struct xt_addrtype_info old = {.source = 1 << 2, .invert_source = 1};
    xt = MATCH(NFT_FAMILY_IP, "addrtype", 0, old);
    ck_assert_int_eq(xt.kind, XT_ADDRTYPE);
    ck_assert(xt.addrtype.invert_source && xt.addrtype.source == 4);
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP6, "addrtype", 0, old).kind, XT_UNKNOWN);
}
END_TEST

START_TEST(conntrack)
{
    struct xt_conntrack_mtinfo3 info = {
        .match_flags = XT_CONNTRACK_STATE | XT_CONNTRACK_ORIGSRC | XT_CONNTRACK_ORIGDST_PORT,
        .invert_flags = XT_CONNTRACK_ORIGSRC,
        .state_mask =
            XT_CONNTRACK_STATE_BIT(IP_CT_NEW) | XT_CONNTRACK_STATE_INVALID | XT_CONNTRACK_STATE_DNAT,
        .origdst_port = 80,
        .origdst_port_high = 90,
    };
    info.origsrc_addr.ip = htobe32(0x0a000000);
    info.origsrc_mask.ip = htobe32(0xff000000);
    struct nft_xt xt = MATCH(NFT_FAMILY_IP, "conntrack", 3, info);
    ck_assert_int_eq(xt.kind, XT_CONNTRACK);
    ck_assert_uint_eq(xt.conntrack.match,
                      XT_CT_STATE | XT_CT_ORIGINAL_SOURCE | XT_CT_ORIGINAL_DESTINATION_PORT);
    ck_assert_uint_eq(xt.conntrack.invert, XT_CT_ORIGINAL_SOURCE);
    ck_assert_uint_eq(xt.conntrack.states, XT_STATE_NEW | XT_STATE_INVALID | XT_STATE_DNAT);
    ck_assert_uint_eq(xt.conntrack.original_destination_port.first, 80);
    ck_assert_uint_eq(xt.conntrack.original_destination_port.last, 90);
    ck_assert(xt.conntrack.addresses->original_source.value == 0x0a000000);
    ck_assert(xt.conntrack.addresses->original_source_mask.value == 0xff000000);
    /* without a family an address cannot be read */
    ck_assert_int_eq(MATCH(NFT_FAMILY_INET, "conntrack", 3, info).kind, XT_UNKNOWN);
    info.match_flags = 1 << 15;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "conntrack", 3, info).kind, XT_UNKNOWN);
}
END_TEST

START_TEST(conntrack_of_older_revisions)
{
    struct xt_conntrack_mtinfo1 one = {
        .match_flags = XT_CONNTRACK_STATE | XT_CONNTRACK_REPLSRC_PORT,
        .state_mask = 8,
        .status_mask = 2,
        .replsrc_port = htobe16(80),
    };
    struct nft_xt xt = MATCH(NFT_FAMILY_IP6, "conntrack", 1, one);
    ck_assert_int_eq(xt.kind, XT_CONNTRACK);
    ck_assert_uint_eq(xt.conntrack.states, XT_STATE_NEW);
    ck_assert_uint_eq(xt.conntrack.status, 2);
    ck_assert_uint_eq(xt.conntrack.reply_source_port.first, 80);
    ck_assert_uint_eq(xt.conntrack.reply_source_port.last, 80);
    struct xt_conntrack_mtinfo2 two = {.match_flags = XT_CONNTRACK_STATE,
                                       .state_mask = XT_CONNTRACK_STATE_UNTRACKED};
    xt = MATCH(NFT_FAMILY_IP, "conntrack", 2, two);
    ck_assert_int_eq(xt.kind, XT_CONNTRACK);
    ck_assert_uint_eq(xt.conntrack.states, 256);
}
END_TEST

/* xt_state numbers "untracked" as its own bit 6. */
START_TEST(state)
{
    struct xt_state_info info = {.statemask = XT_STATE_BIT(IP_CT_NEW) | XT_STATE_UNTRACKED};
    struct nft_xt xt = MATCH(NFT_FAMILY_IP, "state", 0, info);
    ck_assert_int_eq(xt.kind, XT_CONNTRACK);
    ck_assert_uint_eq(xt.conntrack.match, XT_CT_STATE);
    ck_assert_uint_eq(xt.conntrack.states, 8 | 256);
    info.statemask = 1 << 20;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "state", 0, info).kind, XT_UNKNOWN);
}
END_TEST

START_TEST(ports)
{
    struct xt_tcp tcp = {
        .spts = {0, 65535}, .dpts = {80, 90}, .flg_mask = 0x17, .flg_cmp = 2, .invflags = XT_TCP_INV_DSTPT};
    struct nft_xt xt = MATCH(NFT_FAMILY_IP, "tcp", 0, tcp);
    ck_assert_int_eq(xt.kind, XT_TCP);
    ck_assert_uint_eq(xt.ports.destination.first, 80);
    ck_assert_uint_eq(xt.ports.destination.last, 90);
    ck_assert(xt.ports.invert_destination && !xt.ports.invert_source && !xt.ports.invert_flags);
    ck_assert_uint_eq(xt.ports.flag_mask, 0x17);
    ck_assert_uint_eq(xt.ports.flag_compare, 2);
    tcp.invflags = 0x10;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "tcp", 0, tcp).kind, XT_UNKNOWN);
    struct xt_udp udp = {.spts = {53, 53}, .dpts = {0, 65535}, .invflags = XT_UDP_INV_SRCPT};
    xt = MATCH(NFT_FAMILY_IP6, "udp", 0, udp);
    ck_assert_int_eq(xt.kind, XT_UDP);
    ck_assert(xt.ports.invert_source && xt.ports.source.first == 53);
}
END_TEST

START_TEST(multiport)
{
    struct xt_multiport_v1 info = {.flags = XT_MULTIPORT_DESTINATION, .count = 4, .invert = 1};
    memcpy(info.ports, (uint16_t[]){22, 80, 90, 443}, 8);
    info.pflags[1] = 1;
    struct nft_xt xt = MATCH(NFT_FAMILY_IP, "multiport", 1, info);
    ck_assert_int_eq(xt.kind, XT_MULTIPORT);
    ck_assert_int_eq(xt.multiport.side, XT_PORTS_DESTINATION);
    ck_assert(xt.multiport.invert);
    ck_assert_uint_eq(xt.multiport.ports.count, 3);
    ck_assert_uint_eq(xt.multiport.ports.items[1].first, 80);
    ck_assert_uint_eq(xt.multiport.ports.items[1].last, 90);
    ck_assert_uint_eq(xt.multiport.ports.items[2].last, 443);
    list_free(&xt.multiport.ports);
    info.count = 16;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "multiport", 1, info).kind, XT_UNKNOWN);
    /* a range whose end is missing */
    info.count = 2;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "multiport", 1, info).kind, XT_UNKNOWN);
    info.count = 1;
    info.flags = 3;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "multiport", 1, info).kind, XT_UNKNOWN);
}
END_TEST

START_TEST(mark_and_icmp)
{
    struct xt_mark_mtinfo1 mark = {.mark = 0x10, .mask = 0xf0, .invert = 1};
    struct nft_xt xt = MATCH(NFT_FAMILY_IP, "mark", 1, mark);
    ck_assert_int_eq(xt.kind, XT_MARK);
    ck_assert(xt.mark.value == 0x10 && xt.mark.mask == 0xf0 && xt.mark.invert);
    struct ipt_icmp icmp = {.type = 0xff, .code = {0, 255}};
    ck_assert(MATCH(NFT_FAMILY_IP, "icmp", 0, icmp).icmp.any);
    /* the same number is one type among others in IPv6 */
    xt = MATCH(NFT_FAMILY_IP6, "icmp6", 0, icmp);
    ck_assert_int_eq(xt.kind, XT_ICMP);
    ck_assert(!xt.icmp.any);
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP6, "icmp", 0, icmp).kind, XT_UNKNOWN);
}
END_TEST

START_TEST(routing_header)
{
    struct ip6t_rt info = {.segsleft = {0, UINT32_MAX}, .flags = IP6T_RT_TYP, .invflags = IP6T_RT_INV_TYP};
    info.rt_type = 2;
    struct nft_xt xt = MATCH(NFT_FAMILY_IP6, "rt", 0, info);
    ck_assert_int_eq(xt.kind, XT_ROUTING_HEADER);
    ck_assert_uint_eq(xt.routing_header.flags, IP6T_RT_TYP);
    ck_assert_uint_eq(xt.routing_header.invert, IP6T_RT_INV_TYP);
    ck_assert_uint_eq(xt.routing_header.type, 2);
    ck_assert_uint_eq(xt.routing_header.segments_last, UINT32_MAX);
    ck_assert_str_eq(xt.routing_header.addresses, "");
    info.addrnr = IP6T_RT_HOPS;
    memset(info.addrs, 0xff, sizeof(info.addrs));
    xt = MATCH(NFT_FAMILY_IP6, "rt", 0, info);
    ck_assert_uint_eq(strlen(xt.routing_header.addresses), IP6T_RT_HOPS * 40 - 1);
    info.addrnr = IP6T_RT_HOPS + 1;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP6, "rt", 0, info).kind, XT_UNKNOWN);
    info.addrnr = 0;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "rt", 0, info).kind, XT_UNKNOWN);
    info.invflags = 8;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP6, "rt", 0, info).kind, XT_UNKNOWN);
    info.invflags = 0;
    info.flags = 0x40;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP6, "rt", 0, info).kind, XT_UNKNOWN);
}
END_TEST

START_TEST(hop_limit)
{
    struct ip6t_hl_info hl = {.mode = IP6T_HL_LT, .hop_limit = 5};
    struct nft_xt xt = MATCH(NFT_FAMILY_IP6, "hl", 0, hl);
    ck_assert_int_eq(xt.kind, XT_HOP_LIMIT);
    ck_assert_int_eq(xt.hop_limit.mode, XT_HOPS_LESS);
    ck_assert_uint_eq(xt.hop_limit.limit, 5);
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "hl", 0, hl).kind, XT_UNKNOWN);
    hl.mode = IP6T_HL_GT + 1;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP6, "hl", 0, hl).kind, XT_UNKNOWN);
    struct ipt_ttl_info ttl = {.mode = IPT_TTL_NE, .ttl = 1};
    xt = MATCH(NFT_FAMILY_IP, "ttl", 0, ttl);
    ck_assert_int_eq(xt.kind, XT_HOP_LIMIT);
    ck_assert_int_eq(xt.hop_limit.mode, XT_HOPS_NOT_EQUAL);
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP6, "ttl", 0, ttl).kind, XT_UNKNOWN);
}
END_TEST

START_TEST(recent)
{
    struct xt_recent_mtinfo_v1 info = {.seconds = 30,
                                       .hit_count = 6,
                                       .check_set = XT_RECENT_UPDATE | XT_RECENT_TTL,
                                       .invert = 1,
                                       .name = "DEFAULT",
                                       .side = XT_RECENT_DEST};
    info.mask.ip = htobe32(0xffffff00);
    struct nft_xt xt = MATCH(NFT_FAMILY_IP, "recent", 1, info);
    ck_assert_int_eq(xt.kind, XT_RECENT);
    ck_assert_uint_eq(xt.recent.flags, XT_RECENT_ACTION_UPDATE | XT_RECENT_SAME_TTL);
    ck_assert(xt.recent.seconds == 30 && xt.recent.hit_count == 6);
    ck_assert(xt.recent.invert && xt.recent.destination);
    ck_assert_str_eq(xt.recent.list, "DEFAULT");
    ck_assert(xt.recent.mask.value == 0xffffff00);
    /* one action, and no more */
    info.check_set = XT_RECENT_SET | XT_RECENT_REMOVE;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "recent", 1, info).kind, XT_UNKNOWN);
    info.check_set = XT_RECENT_TTL;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "recent", 1, info).kind, XT_UNKNOWN);
    info.check_set = XT_RECENT_SET | 1 << 6;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "recent", 1, info).kind, XT_UNKNOWN);
    info.check_set = XT_RECENT_SET;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "recent", 1, info).kind, XT_RECENT);
    ck_assert_int_eq(MATCH(NFT_FAMILY_BRIDGE, "recent", 1, info).kind, XT_UNKNOWN);
    info.side = 2;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "recent", 1, info).kind, XT_UNKNOWN);
}
END_TEST

START_TEST(comment)
{
    char info[256] = "published by hand";
    struct nft_xt xt = MATCH(NFT_FAMILY_IP, "comment", 0, info);
    ck_assert_int_eq(xt.kind, XT_COMMENT);
    ck_assert_str_eq(xt.comment.text, "published by hand");
    ck_assert_uint_eq(xt.info.length, 17);
    memset(info, 'x', sizeof(info));
    xt = MATCH(NFT_FAMILY_IP, "comment", 0, info);
    ck_assert_uint_eq(strlen(xt.comment.text), 256);
}
END_TEST

START_TEST(translation)
{
    struct nf_nat_range2 two = {.flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED};
    two.min_addr.ip = two.max_addr.ip = htobe32(0xac110002);
    two.min_proto.all = two.max_proto.all = htobe16(80);
    struct nft_xt xt = TARGET(NFT_FAMILY_IP, "DNAT", 2, two);
    ck_assert_int_eq(xt.kind, XT_DNAT);
    ck_assert_uint_eq(xt.nat.flags, 3);
    ck_assert_int_eq(xt.nat.address_min.family, FAMILY_IP4);
    ck_assert(xt.nat.address_min.value == 0xac110002 && xt.nat.port_min == 80 && xt.nat.port_max == 80);
    two.flags = 1 << 20;
    ck_assert_int_eq(TARGET(NFT_FAMILY_IP, "DNAT", 2, two).kind, XT_UNKNOWN);
    struct nf_nat_ipv4_multi_range_compat compat = {.rangesize = 1};
    compat.range[0].flags = NF_NAT_RANGE_MAP_IPS;
    compat.range[0].min_ip = compat.range[0].max_ip = htobe32(0xc0000201);
    xt = TARGET(NFT_FAMILY_IP, "SNAT", 0, compat);
    ck_assert_int_eq(xt.kind, XT_SNAT);
    ck_assert(xt.nat.address_max.value == 0xc0000201);
    compat.rangesize = 2;
    ck_assert_int_eq(TARGET(NFT_FAMILY_IP, "SNAT", 0, compat).kind, XT_UNKNOWN);
    compat.rangesize = 1;
    ck_assert_int_eq(TARGET(NFT_FAMILY_IP, "MASQUERADE", 0, compat).kind, XT_MASQUERADE);
    /* the same name and revision in IPv6 is another structure */
    ck_assert_int_eq(TARGET(NFT_FAMILY_IP6, "MASQUERADE", 0, compat).kind, XT_UNKNOWN);
    struct nf_nat_range range = {.flags = NF_NAT_RANGE_PROTO_RANDOM};
    ck_assert_int_eq(TARGET(NFT_FAMILY_IP6, "MASQUERADE", 0, range).kind, XT_MASQUERADE);
}
END_TEST

START_TEST(reject)
{
    struct ipt_reject_info ip = {.with = IPT_ICMP_HOST_PROHIBITED};
    struct nft_xt xt = TARGET(NFT_FAMILY_IP, "REJECT", 0, ip);
    ck_assert_int_eq(xt.kind, XT_REJECT);
    ck_assert_uint_eq(xt.reject.type, NFT_REJECT_ICMP_UNREACH);
    ck_assert_uint_eq(xt.reject.code, 10);
    ip.with = IPT_TCP_RESET;
    ck_assert_uint_eq(TARGET(NFT_FAMILY_IP, "REJECT", 0, ip).reject.type, NFT_REJECT_TCP_RST);
    ip.with = IPT_ICMP_ECHOREPLY;
    ck_assert_int_eq(TARGET(NFT_FAMILY_IP, "REJECT", 0, ip).kind, XT_UNKNOWN);
    struct ip6t_reject_info ip6 = {.with = IP6T_ICMP6_PORT_UNREACH};
    xt = TARGET(NFT_FAMILY_IP6, "REJECT", 0, ip6);
    ck_assert_int_eq(xt.kind, XT_REJECT);
    ck_assert_uint_eq(xt.reject.code, 4);
    ck_assert_int_eq(TARGET(NFT_FAMILY_BRIDGE, "REJECT", 0, ip6).kind, XT_UNKNOWN);
}
END_TEST

START_TEST(marking)
{
    struct xt_mark_tginfo2 info = {.mark = 0x4000, .mask = 0x4000};
    struct nft_xt xt = TARGET(NFT_FAMILY_IP, "MARK", 2, info);
    ck_assert_int_eq(xt.kind, XT_SET_MARK);
    ck_assert(xt.set_mark.value == 0x4000 && xt.set_mark.mask == 0x4000);
    ck_assert_int_eq(TARGET(NFT_FAMILY_IP, "MARK", 1, info).kind, XT_UNKNOWN);
}
END_TEST

/* Another name, revision or length: the name and the bytes are kept, nothing else. */
START_TEST(what_is_not_known)
{
    struct xt_mark_mtinfo1 info = {.mark = 1, .mask = 1};
    struct nft_xt xt = MATCH(NFT_FAMILY_IP, "mark", 2, info);
    ck_assert_int_eq(xt.kind, XT_UNKNOWN);
    ck_assert_str_eq(xt.name, "mark");
    ck_assert_uint_eq(xt.revision, 2);
    ck_assert_uint_eq(xt.info.length, XT_ALIGN(sizeof(info)));
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "marks", 1, info).kind, XT_UNKNOWN);
    uint8_t longer[64] = {0};
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "mark", 1, longer).kind, XT_UNKNOWN);
    uint32_t shorter = 0;
    ck_assert_int_eq(MATCH(NFT_FAMILY_IP, "mark", 1, shorter).kind, XT_UNKNOWN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xtables");
    TCase *known = tcase_create("known");
    tcase_add_checked_fixture(known, set_up, tear_down);
    tcase_add_test(known, addrtype);
    tcase_add_test(known, conntrack);
    tcase_add_test(known, conntrack_of_older_revisions);
    tcase_add_test(known, state);
    tcase_add_test(known, ports);
    tcase_add_test(known, multiport);
    tcase_add_test(known, mark_and_icmp);
    tcase_add_test(known, routing_header);
    tcase_add_test(known, hop_limit);
    tcase_add_test(known, recent);
    tcase_add_test(known, comment);
    tcase_add_test(known, translation);
    tcase_add_test(known, reject);
    tcase_add_test(known, marking);
    tcase_add_test(known, what_is_not_known);
    suite_add_tcase(suite, known);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

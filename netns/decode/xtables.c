/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/decode/xtables.h"

#include "netns/base/text.h"

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_recent.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv4/ipt_ttl.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>
#include <linux/netfilter_ipv6/ip6t_hl.h>
#include <linux/netfilter_ipv6/ip6t_rt.h>

#define ANY_FAMILY 0

/* A match or target that we know. */
struct xt_type {
    const char *name;
    uint32_t revision;
    int family;  /* enum nft_family, or ANY_FAMILY */
    size_t size; /* of the structure, before it is rounded up */
    enum xt_kind kind;
    /* info: `size` bytes, aligned. False: something in it is not understood. */
    bool (*decode)(struct decoder *decoder, const void *info, struct nft_xt *xt);
};

/* An address of the rule's family; FAMILY_NONE where the family has none. */
static struct address address_of(const struct decoder *decoder, const union nf_inet_addr *bytes)
{
    if (decoder->family == NFT_FAMILY_IP)
        return address_from_bytes(bytes, 4);
    if (decoder->family == NFT_FAMILY_IP6)
        return address_from_bytes(bytes, 16);
    return (struct address){0};
}

static bool has_addresses(const struct decoder *decoder)
{
    return decoder->family == NFT_FAMILY_IP || decoder->family == NFT_FAMILY_IP6;
}

/* The text in a fixed array, NUL-terminated or filling it. */
static const char *text_of(struct decoder *decoder, const char *text, size_t size)
{
    return text_utf8(decoder->arena, text, strnlen(text, size));
}

/* ---- matches ---- */
static bool decode_addrtype0(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_addrtype_info *in = info;
    (void)decoder;
    xt->addrtype = (struct xt_addrtype){
        .source = in->source,
        .destination = in->dest,
        .invert_source = in->invert_source,
        .invert_destination = in->invert_dest,
    };
    return !((in->source | in->dest) & ~0xfffU);
}

static bool decode_addrtype1(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_addrtype_info_v1 *in = info;
    (void)decoder;
    xt->addrtype = (struct xt_addrtype){
        .source = in->source,
        .destination = in->dest,
        .invert_source = in->flags & XT_ADDRTYPE_INVERT_SOURCE,
        .invert_destination = in->flags & XT_ADDRTYPE_INVERT_DEST,
        .limit_in = in->flags & XT_ADDRTYPE_LIMIT_IFACE_IN,
        .limit_out = in->flags & XT_ADDRTYPE_LIMIT_IFACE_OUT,
    };
    return !(in->flags & ~0xfU) && !((in->source | in->dest) & ~0xfffU);
}

/* The addresses stand first in all revisions, in the same order. */
static const struct xt_conntrack_addresses *conntrack_addresses(struct decoder *decoder,
                                                                const struct xt_conntrack_mtinfo1 *in)
{
    struct xt_conntrack_addresses *addresses = arena_alloc(decoder->arena, sizeof(*addresses));
    *addresses = (struct xt_conntrack_addresses){
        .original_source = address_of(decoder, &in->origsrc_addr),
        .original_source_mask = address_of(decoder, &in->origsrc_mask),
        .original_destination = address_of(decoder, &in->origdst_addr),
        .original_destination_mask = address_of(decoder, &in->origdst_mask),
        .reply_source = address_of(decoder, &in->replsrc_addr),
        .reply_source_mask = address_of(decoder, &in->replsrc_mask),
        .reply_destination = address_of(decoder, &in->repldst_addr),
        .reply_destination_mask = address_of(decoder, &in->repldst_mask),
    };
    return addresses;
}

#define CONNTRACK_ADDRESSES                                                                                  \
    (XT_CONNTRACK_ORIGSRC | XT_CONNTRACK_ORIGDST | XT_CONNTRACK_REPLSRC | XT_CONNTRACK_REPLDST)
/* STATE_ALIAS says that it was written `-m state`, which has no meaning for the packet */
#define CONNTRACK_FLAGS ((XT_CONNTRACK_STATE_ALIAS << 1) - 1U)

/* What is told and inverted, and the addresses; in: of any revision (its beginning is the same). */
static bool conntrack_begin(struct decoder *decoder, const void *in, uint16_t match, uint16_t invert,
                            uint16_t protocol, struct xt_conntrack *ret_conntrack)
{
    const struct xt_conntrack_mtinfo1 *head = in;
    *ret_conntrack = (struct xt_conntrack){
        .match = match & ~(uint32_t)XT_CONNTRACK_STATE_ALIAS,
        .invert = invert & ~(uint32_t)XT_CONNTRACK_STATE_ALIAS,
        .protocol = protocol,
        .expires_first = head->expires_min,
        .expires_last = head->expires_max,
        .state_match = match & XT_CONNTRACK_STATE_ALIAS,
    };
    if (match & CONNTRACK_ADDRESSES)
        ret_conntrack->addresses = conntrack_addresses(decoder, head);
    return !(match & ~CONNTRACK_FLAGS) && !(invert & ~CONNTRACK_FLAGS) &&
           (!(match & CONNTRACK_ADDRESSES) || has_addresses(decoder));
}

static struct xt_port_range one_port(uint16_t network_order)
{
    uint16_t port = be16toh(network_order);
    return (struct xt_port_range){port, port};
}

/* Revisions 1 and 2 differ by the width of their last two members alone. */
static bool decode_conntrack1(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_conntrack_mtinfo1 *in = info;
    struct xt_conntrack *out = &xt->conntrack;
    bool understood = conntrack_begin(decoder, in, in->match_flags, in->invert_flags, in->l4proto, out);
    out->states = in->state_mask;
    out->status = in->status_mask;
    out->original_source_port = one_port(in->origsrc_port);
    out->original_destination_port = one_port(in->origdst_port);
    out->reply_source_port = one_port(in->replsrc_port);
    out->reply_destination_port = one_port(in->repldst_port);
    return understood;
}

static bool decode_conntrack2(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_conntrack_mtinfo2 *in = info;
    bool understood = decode_conntrack1(decoder, info, xt);
    xt->conntrack.states = in->state_mask;
    xt->conntrack.status = in->status_mask;
    return understood;
}

static bool decode_conntrack3(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_conntrack_mtinfo3 *in = info;
    struct xt_conntrack *out = &xt->conntrack;
    bool understood = conntrack_begin(decoder, in, in->match_flags, in->invert_flags, in->l4proto, out);
    out->states = in->state_mask;
    out->status = in->status_mask;
    out->original_source_port = (struct xt_port_range){in->origsrc_port, in->origsrc_port_high};
    out->original_destination_port = (struct xt_port_range){in->origdst_port, in->origdst_port_high};
    out->reply_source_port = (struct xt_port_range){in->replsrc_port, in->replsrc_port_high};
    out->reply_destination_port = (struct xt_port_range){in->repldst_port, in->repldst_port_high};
    return understood;
}

/* xt_state numbers "untracked" as its own bit 6, which is SNAT in xt_conntrack. */
static bool decode_state(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_state_info *in = info;
    uint32_t states = in->statemask & ~(uint32_t)XT_STATE_UNTRACKED;
    (void)decoder;
    xt->conntrack = (struct xt_conntrack){.match = XT_CT_STATE, .states = states, .state_match = true};
    if (in->statemask & XT_STATE_UNTRACKED)
        xt->conntrack.states |= XT_CONNTRACK_STATE_UNTRACKED;
    return states <= 0xf;
}

static bool decode_tcp(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_tcp *in = info;
    (void)decoder;
    xt->ports = (struct xt_ports){
        .source = {in->spts[0], in->spts[1]},
        .destination = {in->dpts[0], in->dpts[1]},
        .invert_source = in->invflags & XT_TCP_INV_SRCPT,
        .invert_destination = in->invflags & XT_TCP_INV_DSTPT,
        .invert_flags = in->invflags & XT_TCP_INV_FLAGS,
        .invert_option = in->invflags & XT_TCP_INV_OPTION,
        .flag_mask = in->flg_mask,
        .flag_compare = in->flg_cmp,
        .option = in->option,
    };
    return !(in->invflags & ~XT_TCP_INV_MASK);
}

static bool decode_udp(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_udp *in = info;
    (void)decoder;
    xt->ports = (struct xt_ports){
        .source = {in->spts[0], in->spts[1]},
        .destination = {in->dpts[0], in->dpts[1]},
        .invert_source = in->invflags & XT_UDP_INV_SRCPT,
        .invert_destination = in->invflags & XT_UDP_INV_DSTPT,
    };
    return !(in->invflags & ~XT_UDP_INV_MASK);
}

static bool decode_multiport(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_multiport_v1 *in = info;
    (void)decoder;
    if (in->flags > XT_MULTIPORT_EITHER || in->count > XT_MULTI_PORTS || in->invert > 1)
        return false;
    for (unsigned i = 0; i < in->count; i++) {
        /* a port that begins a range is followed by its end */
        bool range = in->pflags[i];
        if (range && i + 1 >= in->count)
            return false;
    }
    xt->multiport =
        (struct xt_multiple_ports){.side = (enum xt_multiport_side)in->flags, .invert = in->invert};
    for (unsigned i = 0; i < in->count; i++) {
        unsigned last = in->pflags[i] ? i + 1 : i;
        *list_append(&xt->multiport.ports) = (struct xt_port_range){in->ports[i], in->ports[last]};
        i = last;
    }
    return true;
}

static bool decode_comment(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_comment_info *in = info;
    xt->comment.text = text_of(decoder, in->comment, sizeof(in->comment));
    return true;
}

static bool decode_mark(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_mark_mtinfo1 *in = info;
    (void)decoder;
    xt->mark = (struct xt_mark){.value = in->mark, .mask = in->mask, .invert = in->invert};
    return in->invert <= 1;
}

/* struct ipt_icmp and struct ip6t_icmp are alike; type 255 means any in IPv4 alone (icmp_type_code_match())
 */
static bool decode_icmp(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct ipt_icmp *in = info;
    xt->icmp = (struct xt_icmp){
        .type = in->type,
        .code_first = in->code[0],
        .code_last = in->code[1],
        .any = decoder->family == NFT_FAMILY_IP && in->type == 0xff,
        .invert = in->invflags & IPT_ICMP_INV,
    };
    return !(in->invflags & ~IPT_ICMP_INV);
}

static bool decode_routing_header(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const uint8_t known = IP6T_RT_TYP | IP6T_RT_SGS | IP6T_RT_LEN | IP6T_RT_RES | IP6T_RT_FST_MASK;
    const struct ip6t_rt *in = info;
    struct buffer addresses = BUFFER(IP6T_RT_HOPS * ADDRESS_TEXT_MAX);
    for (unsigned i = 0; i < in->addrnr && i < IP6T_RT_HOPS; i++)
        buffer_printf(&addresses, "%s%s", i ? "," : "", ADDRESS_TEXT(address_from_bytes(&in->addrs[i], 16)));
    xt->routing_header = (struct xt_routing_header){
        .flags = in->flags,
        .invert = in->invflags,
        .type = in->rt_type,
        .segments_first = in->segsleft[0],
        .segments_last = in->segsleft[1],
        .length = in->hdrlen,
        .addresses = text_of(decoder, addresses.data ? addresses.data : "", addresses.length),
    };
    buffer_free(&addresses);
    return !(in->flags & ~known) && !(in->invflags & ~IP6T_RT_INV_MASK) && in->addrnr <= IP6T_RT_HOPS;
}

/* struct ipt_ttl_info and struct ip6t_hl_info are alike, and so are their modes. */
static bool decode_hop_limit(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct ip6t_hl_info *in = info;
    (void)decoder;
    if (in->mode > IP6T_HL_GT)
        return false;
    xt->hop_limit = (struct xt_hop_limit){.mode = (enum xt_hop_limit_mode)in->mode, .limit = in->hop_limit};
    return true;
}

static bool decode_recent(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const uint8_t actions = XT_RECENT_CHECK | XT_RECENT_SET | XT_RECENT_UPDATE | XT_RECENT_REMOVE;
    const struct xt_recent_mtinfo_v1 *in = info;
    uint8_t action = in->check_set & actions;
    xt->recent = (struct xt_recent){
        .flags = in->check_set,
        .seconds = in->seconds,
        .hit_count = in->hit_count,
        .invert = in->invert,
        .destination = in->side == XT_RECENT_DEST,
        .list = text_of(decoder, in->name, sizeof(in->name)),
        .mask = address_of(decoder, &in->mask),
    };
    return action && !(action & (action - 1)) && !(in->check_set & ~XT_RECENT_VALID_FLAGS) &&
           in->side <= XT_RECENT_DEST && has_addresses(decoder);
}

/* ---- targets ---- */

/* nf_nat_ipv4_multi_range_compat: IPv4 alone, and exactly one range */
static bool decode_nat_ip(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct nf_nat_ipv4_multi_range_compat *in = info;
    const struct nf_nat_ipv4_range *range = &in->range[0];
    (void)decoder;
    xt->nat = (struct xt_nat){
        .flags = range->flags,
        .address_min = address_from_bytes(&range->min_ip, 4),
        .address_max = address_from_bytes(&range->max_ip, 4),
        .port_min = be16toh(range->min.all),
        .port_max = be16toh(range->max.all),
    };
    return in->rangesize == 1 && !(range->flags & ~(uint32_t)NF_NAT_RANGE_MASK);
}

static bool decode_nat(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct nf_nat_range *in = info;
    xt->nat = (struct xt_nat){
        .flags = in->flags,
        .address_min = address_of(decoder, &in->min_addr),
        .address_max = address_of(decoder, &in->max_addr),
        .port_min = be16toh(in->min_proto.all),
        .port_max = be16toh(in->max_proto.all),
    };
    return !(in->flags & ~(uint32_t)NF_NAT_RANGE_MASK) &&
           (has_addresses(decoder) || !(in->flags & NF_NAT_RANGE_MAP_IPS));
}

static bool decode_nat2(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct nf_nat_range2 *in = info;
    bool understood = decode_nat(decoder, info, xt);
    xt->nat.port_base = be16toh(in->base_proto.all);
    return understood;
}

/* What a reject type of xtables is as type and code of the reject expression; code 255: it is none. */
static bool decode_reject(uint32_t with, const uint8_t *codes, size_t count, uint32_t tcp_reset,
                          struct nft_xt *xt)
{
    xt->reject = (struct nft_reject){.type = NFT_REJECT_ICMP_UNREACH};
    if (with == tcp_reset) {
        xt->reject.type = NFT_REJECT_TCP_RST;
        return true;
    }
    if (with >= count || codes[with] == 255)
        return false;
    xt->reject.code = codes[with];
    return true;
}

static bool decode_reject_ip(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    static const uint8_t codes[] = {
        [IPT_ICMP_NET_UNREACHABLE] = 0,  [IPT_ICMP_HOST_UNREACHABLE] = 1, [IPT_ICMP_PROT_UNREACHABLE] = 2,
        [IPT_ICMP_PORT_UNREACHABLE] = 3, [IPT_ICMP_ECHOREPLY] = 255,      [IPT_ICMP_NET_PROHIBITED] = 9,
        [IPT_ICMP_HOST_PROHIBITED] = 10, [IPT_TCP_RESET] = 255,           [IPT_ICMP_ADMIN_PROHIBITED] = 13,
    };
    const struct ipt_reject_info *in = info;
    (void)decoder;
    return decode_reject(in->with, codes, sizeof(codes), IPT_TCP_RESET, xt);
}

static bool decode_reject_ip6(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    static const uint8_t codes[] = {
        [IP6T_ICMP6_NO_ROUTE] = 0,     [IP6T_ICMP6_ADM_PROHIBITED] = 1, [IP6T_ICMP6_NOT_NEIGHBOUR] = 2,
        [IP6T_ICMP6_ADDR_UNREACH] = 3, [IP6T_ICMP6_PORT_UNREACH] = 4,   [IP6T_ICMP6_ECHOREPLY] = 255,
        [IP6T_TCP_RESET] = 255,        [IP6T_ICMP6_POLICY_FAIL] = 5,    [IP6T_ICMP6_REJECT_ROUTE] = 6,
    };
    const struct ip6t_reject_info *in = info;
    (void)decoder;
    return decode_reject(in->with, codes, sizeof(codes), IP6T_TCP_RESET, xt);
}

static bool decode_set_mark(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_mark_tginfo2 *in = info;
    (void)decoder;
    xt->set_mark = (struct xt_set_mark){in->mark, in->mask};
    return true;
}

static bool decode_log(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_log_info *in = info;
    xt->log = (struct xt_log){
        .level = in->level,
        .flags = in->logflags,
        .prefix = text_of(decoder, in->prefix, sizeof(in->prefix)),
    };
    return !(in->logflags & ~XT_LOG_MASK);
}

static bool decode_nflog(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_nflog_info *in = info;
    xt->log = (struct xt_log){
        .flags = in->flags,
        .group = in->group,
        .threshold = in->threshold,
        .length = in->len,
        .prefix = text_of(decoder, in->prefix, sizeof(in->prefix)),
    };
    return !(in->flags & ~XT_NFLOG_MASK);
}

static bool decode_ct(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_ct_target_info_v1 *in = info;
    xt->ct = (struct xt_ct){
        .flags = in->flags,
        .zone = in->zone,
        .events = in->ct_events,
        .expected_events = in->exp_events,
        .helper = text_of(decoder, in->helper, sizeof(in->helper)),
        .timeout = text_of(decoder, in->timeout, sizeof(in->timeout)),
    };
    return !(in->flags & ~XT_CT_MASK);
}

static bool decode_ct0(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    const struct xt_ct_target_info *in = info;
    xt->ct = (struct xt_ct){
        .flags = in->flags,
        .zone = in->zone,
        .events = in->ct_events,
        .expected_events = in->exp_events,
        .helper = text_of(decoder, in->helper, sizeof(in->helper)),
        .timeout = "",
    };
    return !(in->flags & ~XT_CT_MASK);
}

static bool decode_notrack(struct decoder *decoder, const void *info, struct nft_xt *xt)
{
    (void)decoder;
    (void)info;
    xt->ct = (struct xt_ct){.flags = XT_CT_NOTRACK, .helper = "", .timeout = ""};
    return true;
}

/* ---- the tables ---- */
#define IP  NFT_FAMILY_IP
#define IP6 NFT_FAMILY_IP6
static const struct xt_type matches[] = {
    {"addrtype", 0, IP, sizeof(struct xt_addrtype_info), XT_ADDRTYPE, decode_addrtype0},
    {"addrtype", 1, ANY_FAMILY, sizeof(struct xt_addrtype_info_v1), XT_ADDRTYPE, decode_addrtype1},
    {"conntrack", 1, ANY_FAMILY, sizeof(struct xt_conntrack_mtinfo1), XT_CONNTRACK, decode_conntrack1},
    {"conntrack", 2, ANY_FAMILY, sizeof(struct xt_conntrack_mtinfo2), XT_CONNTRACK, decode_conntrack2},
    {"conntrack", 3, ANY_FAMILY, sizeof(struct xt_conntrack_mtinfo3), XT_CONNTRACK, decode_conntrack3},
    {"state", 0, ANY_FAMILY, sizeof(struct xt_state_info), XT_CONNTRACK, decode_state},
    {"tcp", 0, ANY_FAMILY, sizeof(struct xt_tcp), XT_TCP, decode_tcp},
    {"udp", 0, ANY_FAMILY, sizeof(struct xt_udp), XT_UDP, decode_udp},
    {"udplite", 0, ANY_FAMILY, sizeof(struct xt_udp), XT_UDP, decode_udp},
    {"multiport", 1, ANY_FAMILY, sizeof(struct xt_multiport_v1), XT_MULTIPORT, decode_multiport},
    {"comment", 0, ANY_FAMILY, sizeof(struct xt_comment_info), XT_COMMENT, decode_comment},
    {"mark", 1, ANY_FAMILY, sizeof(struct xt_mark_mtinfo1), XT_MARK, decode_mark},
    {"icmp", 0, IP, sizeof(struct ipt_icmp), XT_ICMP, decode_icmp},
    {"icmp6", 0, IP6, sizeof(struct ip6t_icmp), XT_ICMP, decode_icmp},
    {"rt", 0, IP6, sizeof(struct ip6t_rt), XT_ROUTING_HEADER, decode_routing_header},
    {"hl", 0, IP6, sizeof(struct ip6t_hl_info), XT_HOP_LIMIT, decode_hop_limit},
    {"ttl", 0, IP, sizeof(struct ipt_ttl_info), XT_HOP_LIMIT, decode_hop_limit},
    {"recent", 1, ANY_FAMILY, sizeof(struct xt_recent_mtinfo_v1), XT_RECENT, decode_recent},
    {.name = NULL},
};
static const struct xt_type targets[] = {
    {"DNAT", 0, IP, sizeof(struct nf_nat_ipv4_multi_range_compat), XT_DNAT, decode_nat_ip},
    {"DNAT", 1, ANY_FAMILY, sizeof(struct nf_nat_range), XT_DNAT, decode_nat},
    {"DNAT", 2, ANY_FAMILY, sizeof(struct nf_nat_range2), XT_DNAT, decode_nat2},
    {"SNAT", 0, IP, sizeof(struct nf_nat_ipv4_multi_range_compat), XT_SNAT, decode_nat_ip},
    {"SNAT", 1, ANY_FAMILY, sizeof(struct nf_nat_range), XT_SNAT, decode_nat},
    {"MASQUERADE", 0, IP, sizeof(struct nf_nat_ipv4_multi_range_compat), XT_MASQUERADE, decode_nat_ip},
    {"MASQUERADE", 0, IP6, sizeof(struct nf_nat_range), XT_MASQUERADE, decode_nat},
    {"REDIRECT", 0, IP, sizeof(struct nf_nat_ipv4_multi_range_compat), XT_REDIRECT, decode_nat_ip},
    {"REDIRECT", 0, IP6, sizeof(struct nf_nat_range), XT_REDIRECT, decode_nat},
    {"NETMAP", 0, IP, sizeof(struct nf_nat_ipv4_multi_range_compat), XT_NETMAP, decode_nat_ip},
    {"NETMAP", 0, IP6, sizeof(struct nf_nat_range), XT_NETMAP, decode_nat},
    {"REJECT", 0, IP, sizeof(struct ipt_reject_info), XT_REJECT, decode_reject_ip},
    {"REJECT", 0, IP6, sizeof(struct ip6t_reject_info), XT_REJECT, decode_reject_ip6},
    {"MARK", 2, ANY_FAMILY, sizeof(struct xt_mark_tginfo2), XT_SET_MARK, decode_set_mark},
    {"LOG", 0, ANY_FAMILY, sizeof(struct xt_log_info), XT_LOG, decode_log},
    {"NFLOG", 0, ANY_FAMILY, sizeof(struct xt_nflog_info), XT_NFLOG, decode_nflog},
    {"CT", 0, ANY_FAMILY, sizeof(struct xt_ct_target_info), XT_CT, decode_ct0},
    {"CT", 1, ANY_FAMILY, sizeof(struct xt_ct_target_info_v1), XT_CT, decode_ct},
    {"CT", 2, ANY_FAMILY, sizeof(struct xt_ct_target_info_v1), XT_CT, decode_ct},
    {"NOTRACK", 0, ANY_FAMILY, 0, XT_CT, decode_notrack},
    {.name = NULL},
};

/* XT_ALIGN of linux/netfilter/x_tables.h: the structure's size rounded up; the kernel takes no other. */
static bool size_fits(size_t length, size_t size)
{
    return length == XT_ALIGN(size) || length == size;
}

static const struct xt_type *find_type(const struct xt_type *types, const struct decoder *decoder,
                                       struct bytes name, uint32_t revision, size_t length)
{
    for (; types->name; types++) {
        if (types->revision == revision && size_fits(length, types->size) &&
            (types->family == ANY_FAMILY || types->family == (int)decoder->family) &&
            strlen(types->name) + 1 == name.length && !memcmp(types->name, name.data, name.length))
            return types;
    }
    return NULL;
}

/* The structure where it stands, or a copy that is aligned for it. */
static const void *aligned_info(struct decoder *decoder, struct bytes info, size_t size)
{
    if (!size || (uintptr_t)info.data % _Alignof(uint64_t) == 0)
        return info.data;
    return arena_copy(decoder->arena, info.data, size);
}

/* Bytes of the info that say something. */
static size_t kept_length(const struct nft_xt *xt, struct bytes info)
{
    return xt->kind == XT_COMMENT ? strnlen((const char *)info.data, info.length) : info.length;
}

static void decode(const struct xt_type *types, struct decoder *decoder, struct bytes name, uint32_t revision,
                   struct bytes info, struct nft_xt *ret_xt)
{
    const struct xt_type *type = find_type(types, decoder, name, revision, info.length);
    bool whole, decoded = false;
    *ret_xt = (struct nft_xt){0};
    if (type)
        decoded = type->decode(decoder, aligned_info(decoder, info, type->size), ret_xt);
    if (!decoded)
        *ret_xt = (struct nft_xt){0};
    ret_xt->kind = decoded ? type->kind : XT_UNKNOWN;
    ret_xt->name = type ? type->name : decode_name(decoder->arena, name, &whole);
    ret_xt->revision = revision;
    size_t length = kept_length(ret_xt, info);
    ret_xt->info = (struct bytes){arena_copy(decoder->arena, info.data, length), length};
}

void xtables_decode_match(struct decoder *decoder, struct bytes name, uint32_t revision, struct bytes info,
                          struct nft_xt *ret_xt)
{
    decode(matches, decoder, name, revision, info, ret_xt);
}

void xtables_decode_target(struct decoder *decoder, struct bytes name, uint32_t revision, struct bytes info,
                           struct nft_xt *ret_xt)
{
    decode(targets, decoder, name, revision, info, ret_xt);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/text_iptables.h"

#include "netns/snapshot/text_value.h"

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter_ipv6/ip6t_rt.h>

#define NF_DROP   0
#define NF_ACCEPT 1

/* ---- words and values ---- */

/* xtables_save_string(): bare where nothing in it has a meaning for a shell or for iptables-restore. */
static void print_string(struct buffer *buffer, const char *text)
{
    static const char bare[] = "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    if (*text && text[strspn(text, bare)] == '\0') {
        buffer_append(buffer, text);
        return;
    }
    buffer_append(buffer, "\"");
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f) {
            buffer_printf(buffer, "\\x%02x", byte);
            continue;
        }
        if (strchr("\"\\'", byte))
            buffer_append(buffer, "\\");
        buffer_append_bytes(buffer, text, 1);
    }
    buffer_append(buffer, "\"");
}

static void print_protocol(struct buffer *buffer, uint32_t protocol)
{
    const char *word = value_word(VALUE_PROTOCOL, protocol);
    if (word && protocol)
        buffer_append(buffer, word);
    else
        buffer_printf(buffer, "%u", protocol);
}

/* The length of the prefix that a mask is; -1: none. */
static int mask_length(struct address mask)
{
    unsigned bits = family_bits(mask.family), length = 0;
    while (length < bits && (mask.value >> (bits - 1 - length) & 1))
        length++;
    struct address prefix = prefix_last((struct prefix){{mask.family, 0}, (uint8_t)length});
    return (prefix.value ^ family_max(mask.family)) == mask.value ? (int)length : -1;
}

static void print_masked_address(struct buffer *buffer, struct address address, struct address mask)
{
    int length = mask_length(mask);
    buffer_append(buffer, ADDRESS_TEXT(address));
    if (length >= 0)
        buffer_printf(buffer, "/%d", length);
    else
        buffer_printf(buffer, "/%s", ADDRESS_TEXT(mask));
}

static void print_port_range(struct buffer *buffer, struct xt_port_range range)
{
    buffer_printf(buffer, "%u", range.first);
    if (range.last != range.first)
        buffer_printf(buffer, ":%u", range.last);
}

/* An option, with its inversion before it. */
static void print_option(struct buffer *buffer, const char *option, bool invert)
{
    buffer_printf(buffer, invert ? " ! --%s " : " --%s ", option);
}

struct bit_word {
    uint32_t bit;
    const char *word;
};

/* The words of the bits, in the table's order; what has no word is written as a number. */
static void print_bits(struct buffer *buffer, uint32_t bits, const struct bit_word *words, const char *none)
{
    const char *joint = "";
    for (; words->word; words++) {
        if (!(bits & words->bit))
            continue;
        buffer_printf(buffer, "%s%s", joint, words->word);
        joint = ",";
        bits &= ~words->bit;
    }
    if (bits)
        buffer_printf(buffer, "%s0x%x", joint, bits);
    else if (!*joint)
        buffer_append(buffer, none);
}

/* ---- matches ---- */
static void print_addrtype(struct buffer *buffer, const struct xt_addrtype *addrtype)
{
    static const struct bit_word types[] = {
        {1, "UNSPEC"},     {2, "UNICAST"},    {4, "LOCAL"},      {8, "BROADCAST"},
        {16, "ANYCAST"},   {32, "MULTICAST"}, {64, "BLACKHOLE"}, {128, "UNREACHABLE"},
        {256, "PROHIBIT"}, {512, "THROW"},    {1024, "NAT"},     {2048, "XRESOLVE"},
        {0, NULL},
    };
    buffer_append(buffer, "-m addrtype");
    if (addrtype->source) {
        print_option(buffer, "src-type", addrtype->invert_source);
        print_bits(buffer, addrtype->source, types, "");
    }
    if (addrtype->destination) {
        print_option(buffer, "dst-type", addrtype->invert_destination);
        print_bits(buffer, addrtype->destination, types, "");
    }
    buffer_append(buffer, addrtype->limit_in ? " --limit-iface-in" : "");
    buffer_append(buffer, addrtype->limit_out ? " --limit-iface-out" : "");
}

static const struct bit_word state_words[] = {
    {XT_STATE_INVALID, "INVALID"},     {XT_STATE_NEW, "NEW"},
    {XT_STATE_RELATED, "RELATED"},     {XT_STATE_ESTABLISHED, "ESTABLISHED"},
    {XT_STATE_UNTRACKED, "UNTRACKED"}, {XT_STATE_SNAT, "SNAT"},
    {XT_STATE_DNAT, "DNAT"},           {0, NULL},
};
static const struct bit_word status_words[] = {
    {1, "EXPECTED"}, {2, "SEEN_REPLY"}, {4, "ASSURED"}, {8, "CONFIRMED"}, {0, NULL},
};

static void print_conntrack_addresses(struct buffer *buffer, const struct xt_conntrack *conntrack)
{
    const struct xt_conntrack_addresses *addresses = conntrack->addresses;
    if (!addresses)
        return;
    const struct {
        uint32_t flag;
        const char *option;
        struct address address, mask;
    } parts[] = {
        {XT_CT_ORIGINAL_SOURCE, "ctorigsrc", addresses->original_source, addresses->original_source_mask},
        {XT_CT_ORIGINAL_DESTINATION, "ctorigdst", addresses->original_destination,
         addresses->original_destination_mask},
        {XT_CT_REPLY_SOURCE, "ctreplsrc", addresses->reply_source, addresses->reply_source_mask},
        {XT_CT_REPLY_DESTINATION, "ctrepldst", addresses->reply_destination,
         addresses->reply_destination_mask},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!(conntrack->match & parts[i].flag))
            continue;
        print_option(buffer, parts[i].option, conntrack->invert & parts[i].flag);
        if (parts[i].mask.value == family_max(parts[i].mask.family))
            buffer_append(buffer, ADDRESS_TEXT(parts[i].address));
        else
            print_masked_address(buffer, parts[i].address, parts[i].mask);
    }
}

static void print_conntrack_ports(struct buffer *buffer, const struct xt_conntrack *conntrack)
{
    const struct {
        uint32_t flag;
        const char *option;
        struct xt_port_range range;
    } parts[] = {
        {XT_CT_ORIGINAL_SOURCE_PORT, "ctorigsrcport", conntrack->original_source_port},
        {XT_CT_ORIGINAL_DESTINATION_PORT, "ctorigdstport", conntrack->original_destination_port},
        {XT_CT_REPLY_SOURCE_PORT, "ctreplsrcport", conntrack->reply_source_port},
        {XT_CT_REPLY_DESTINATION_PORT, "ctrepldstport", conntrack->reply_destination_port},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!(conntrack->match & parts[i].flag))
            continue;
        print_option(buffer, parts[i].option, conntrack->invert & parts[i].flag);
        print_port_range(buffer, parts[i].range);
    }
}

static void print_conntrack(struct buffer *buffer, const struct xt_conntrack *conntrack)
{
    uint32_t match = conntrack->match, invert = conntrack->invert;
    buffer_append(buffer, conntrack->state_match ? "-m state" : "-m conntrack");
    if (match & XT_CT_STATE) {
        print_option(buffer, conntrack->state_match ? "state" : "ctstate", invert & XT_CT_STATE);
        print_bits(buffer, conntrack->states, state_words, "NONE");
    }
    if (match & XT_CT_PROTOCOL) {
        print_option(buffer, "ctproto", invert & XT_CT_PROTOCOL);
        buffer_printf(buffer, "%u", conntrack->protocol);
    }
    print_conntrack_addresses(buffer, conntrack);
    print_conntrack_ports(buffer, conntrack);
    if (match & XT_CT_STATUS) {
        print_option(buffer, "ctstatus", invert & XT_CT_STATUS);
        print_bits(buffer, conntrack->status, status_words, "NONE");
    }
    if (match & XT_CT_EXPIRES) {
        print_option(buffer, "ctexpire", invert & XT_CT_EXPIRES);
        buffer_printf(buffer, "%u", conntrack->expires_first);
        if (conntrack->expires_last != conntrack->expires_first)
            buffer_printf(buffer, ":%u", conntrack->expires_last);
    }
    if (match & XT_CT_DIRECTION)
        buffer_append(buffer, invert & XT_CT_DIRECTION ? " --ctdir REPLY" : " --ctdir ORIGINAL");
}

static void print_tcp_flags(struct buffer *buffer, uint32_t mask, uint32_t compare, bool invert)
{
    static const struct bit_word flags[] = {
        {1, "FIN"}, {2, "SYN"}, {4, "RST"}, {8, "PSH"}, {16, "ACK"}, {32, "URG"}, {0, NULL},
    };
    print_option(buffer, "tcp-flags", invert);
    print_bits(buffer, mask, flags, "NONE");
    buffer_append(buffer, " ");
    print_bits(buffer, compare, flags, "NONE");
}

static bool is_whole(struct xt_port_range range)
{
    return range.first == 0 && range.last == 65535;
}

static void print_ports(struct buffer *buffer, const char *name, const struct xt_ports *ports)
{
    buffer_printf(buffer, "-m %s", name);
    if (!is_whole(ports->source) || ports->invert_source) {
        print_option(buffer, "sport", ports->invert_source);
        print_port_range(buffer, ports->source);
    }
    if (!is_whole(ports->destination) || ports->invert_destination) {
        print_option(buffer, "dport", ports->invert_destination);
        print_port_range(buffer, ports->destination);
    }
    if (ports->option || ports->invert_option) {
        print_option(buffer, "tcp-option", ports->invert_option);
        buffer_printf(buffer, "%u", ports->option);
    }
    if (ports->flag_mask || ports->invert_flags)
        print_tcp_flags(buffer, ports->flag_mask, ports->flag_compare, ports->invert_flags);
}

static void print_multiport(struct buffer *buffer, const struct xt_multiple_ports *multiport)
{
    static const char *const options[] = {"sports", "dports", "ports"};
    buffer_append(buffer, "-m multiport");
    print_option(buffer, options[multiport->side % 3], multiport->invert);
    const char *joint = "";
    list_each(struct xt_port_range, range, &multiport->ports) {
        buffer_append(buffer, joint);
        print_port_range(buffer, *range);
        joint = ",";
    }
}

static void print_mark(struct buffer *buffer, uint32_t value, uint32_t mask, bool invert)
{
    buffer_append(buffer, "-m mark");
    print_option(buffer, "mark", invert);
    buffer_printf(buffer, "0x%x", value);
    if (mask != UINT32_MAX)
        buffer_printf(buffer, "/0x%x", mask);
}

static void print_icmp(struct buffer *buffer, const struct xt_icmp *icmp, bool ip6)
{
    buffer_append(buffer, ip6 ? "-m icmp6" : "-m icmp");
    print_option(buffer, ip6 ? "icmpv6-type" : "icmp-type", icmp->invert);
    if (icmp->any) {
        buffer_append(buffer, "any");
        return;
    }
    buffer_printf(buffer, "%u", icmp->type);
    if (icmp->code_first == 0 && icmp->code_last == 255)
        return;
    buffer_printf(buffer, "/%u", icmp->code_first);
    if (icmp->code_last != icmp->code_first)
        buffer_printf(buffer, "-%u", icmp->code_last);
}

static void print_routing_header(struct buffer *buffer, const struct xt_routing_header *header)
{
    uint32_t first = header->segments_first, last = header->segments_last;
    buffer_append(buffer, "-m rt");
    if (header->flags & IP6T_RT_TYP) {
        print_option(buffer, "rt-type", header->invert & IP6T_RT_INV_TYP);
        buffer_printf(buffer, "%u", header->type);
    }
    if (first != 0 || last != UINT32_MAX) {
        print_option(buffer, "rt-segsleft", header->invert & IP6T_RT_INV_SGS);
        buffer_printf(buffer, first == last ? "%u" : "%u:%u", first, last);
    }
    if (header->flags & IP6T_RT_LEN) {
        print_option(buffer, "rt-len", header->invert & IP6T_RT_INV_LEN);
        buffer_printf(buffer, "%u", header->length);
    }
    buffer_append(buffer, header->flags & IP6T_RT_RES ? " --rt-0-res" : "");
    if (header->flags & IP6T_RT_FST)
        buffer_printf(buffer, " --rt-0-addrs %s", header->addresses ? header->addresses : "");
    buffer_append(buffer, header->flags & IP6T_RT_FST_NSTRICT ? " --rt-0-not-strict" : "");
}

static void print_hop_limit(struct buffer *buffer, const struct xt_hop_limit *hops, bool ip6)
{
    static const char *const signs[] = {
        [XT_HOPS_EQUAL] = "eq", [XT_HOPS_NOT_EQUAL] = "eq", [XT_HOPS_LESS] = "lt", [XT_HOPS_GREATER] = "gt"};
    const char *name = ip6 ? "hl" : "ttl";
    buffer_printf(buffer, "-m %s %s--%s-%s %u", name, hops->mode == XT_HOPS_NOT_EQUAL ? "! " : "", name,
                  signs[hops->mode % 4], hops->limit);
}

static void print_recent(struct buffer *buffer, const struct xt_recent *recent)
{
    static const struct {
        uint32_t flag;
        const char *option;
    } actions[] = {{XT_RECENT_ACTION_SET, " --set"},
                   {XT_RECENT_ACTION_CHECK, " --rcheck"},
                   {XT_RECENT_ACTION_UPDATE, " --update"},
                   {XT_RECENT_ACTION_REMOVE, " --remove"}};
    buffer_append(buffer, recent->invert ? "-m recent !" : "-m recent");
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        buffer_append(buffer, recent->flags & actions[i].flag ? actions[i].option : "");
    if (recent->seconds)
        buffer_printf(buffer, " --seconds %u", recent->seconds);
    buffer_append(buffer, recent->flags & XT_RECENT_FORGET ? " --reap" : "");
    if (recent->hit_count)
        buffer_printf(buffer, " --hitcount %u", recent->hit_count);
    buffer_append(buffer, recent->flags & XT_RECENT_SAME_TTL ? " --rttl" : "");
    buffer_printf(buffer, " --name %s --mask %s", recent->list ? recent->list : "",
                  ADDRESS_TEXT(recent->mask));
    buffer_append(buffer, recent->destination ? " --rdest" : " --rsource");
}

static void print_comment(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, "-m comment --comment ");
    print_string(buffer, text);
}

/* ---- targets ---- */
static void print_nat_ports(struct buffer *buffer, const struct xt_nat *nat)
{
    if (!(nat->flags & NF_NAT_RANGE_PROTO_SPECIFIED))
        return;
    buffer_printf(buffer, "%u", nat->port_min);
    if (nat->port_max != nat->port_min)
        buffer_printf(buffer, "-%u", nat->port_max);
    if (nat->flags & NF_NAT_RANGE_PROTO_OFFSET)
        buffer_printf(buffer, "/%u", nat->port_base);
}

static void print_nat_flags(struct buffer *buffer, uint32_t flags)
{
    if (flags & NF_NAT_RANGE_PROTO_RANDOM)
        buffer_append(buffer, " --random");
    if (flags & NF_NAT_RANGE_PROTO_RANDOM_FULLY)
        buffer_append(buffer, " --random-fully");
    if (flags & NF_NAT_RANGE_PERSISTENT)
        buffer_append(buffer, " --persistent");
}

/* DNAT and SNAT: "10.0.0.1-10.0.0.9:80-90", "[::1]:80" */
static void print_nat(struct buffer *buffer, const char *words, const struct xt_nat *nat)
{
    bool ports = nat->flags & NF_NAT_RANGE_PROTO_SPECIFIED, brackets = false;
    buffer_append(buffer, words);
    if (nat->flags & NF_NAT_RANGE_MAP_IPS) {
        brackets = ports && nat->address_min.family == FAMILY_IP6;
        buffer_append(buffer, brackets ? "[" : "");
        buffer_append(buffer, ADDRESS_TEXT(nat->address_min));
        if (!address_equal(nat->address_min, nat->address_max))
            buffer_printf(buffer, "-%s", ADDRESS_TEXT(nat->address_max));
        buffer_append(buffer, brackets ? "]" : "");
    }
    if (ports)
        buffer_append(buffer, ":");
    print_nat_ports(buffer, nat);
    print_nat_flags(buffer, nat->flags);
}

/* MASQUERADE and REDIRECT */
static void print_port_nat(struct buffer *buffer, const char *words, const struct xt_nat *nat)
{
    buffer_append(buffer, words);
    if (nat->flags & NF_NAT_RANGE_PROTO_SPECIFIED)
        buffer_append(buffer, " --to-ports ");
    print_nat_ports(buffer, nat);
    print_nat_flags(buffer, nat->flags);
}

/* The range's ends are the network's first and last address. */
static void print_netmap(struct buffer *buffer, const struct xt_nat *nat)
{
    struct address mask = {nat->address_min.family, family_max(nat->address_min.family) ^
                                                        nat->address_min.value ^ nat->address_max.value};
    buffer_append(buffer, "-j NETMAP --to ");
    print_masked_address(buffer, nat->address_min, mask);
}

static void print_reject(struct buffer *buffer, const struct nft_reject *reject, bool ip6)
{
    static const char *const ip_words[] = {
        [0] = "icmp-net-unreachable",   [1] = "icmp-host-unreachable", [2] = "icmp-proto-unreachable",
        [3] = "icmp-port-unreachable",  [9] = "icmp-net-prohibited",   [10] = "icmp-host-prohibited",
        [13] = "icmp-admin-prohibited",
    };
    static const char *const ip6_words[] = {
        [0] = "icmp6-no-route",         [1] = "icmp6-adm-prohibited",   [2] = "icmp6-not-neighbour",
        [3] = "icmp6-addr-unreachable", [4] = "icmp6-port-unreachable", [5] = "icmp6-policy-fail",
        [6] = "icmp6-reject-route",
    };
    size_t count = ip6 ? sizeof(ip6_words) / sizeof(ip6_words[0]) : sizeof(ip_words) / sizeof(ip_words[0]);
    const char *word = "tcp-reset";
    if (reject->type != NFT_REJECT_TCP_RST)
        word = reject->code >= count ? NULL : (ip6 ? ip6_words : ip_words)[reject->code];
    buffer_printf(buffer, "-j REJECT --reject-with %s", word ? word : "unknown(type)");
}

static void print_log(struct buffer *buffer, const struct xt_log *log)
{
    static const struct {
        uint32_t flag;
        const char *option;
    } flags[] = {{XT_LOG_TCPSEQ, " --log-tcp-sequence"},
                 {XT_LOG_TCPOPT, " --log-tcp-options"},
                 {XT_LOG_IPOPT, " --log-ip-options"},
                 {XT_LOG_UID, " --log-uid"},
                 {XT_LOG_MACDECODE, " --log-macdecode"}};
    buffer_append(buffer, "-j LOG");
    if (log->prefix && *log->prefix) {
        buffer_append(buffer, " --log-prefix ");
        print_string(buffer, log->prefix);
    }
    if (log->level != 4)
        buffer_printf(buffer, " --log-level %u", log->level);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        buffer_append(buffer, log->flags & flags[i].flag ? flags[i].option : "");
}

static void print_nflog(struct buffer *buffer, const struct xt_log *log)
{
    buffer_append(buffer, "-j NFLOG");
    if (log->prefix && *log->prefix) {
        buffer_append(buffer, " --nflog-prefix ");
        print_string(buffer, log->prefix);
    }
    if (log->group)
        buffer_printf(buffer, " --nflog-group %u", log->group);
    if (log->length)
        buffer_printf(buffer, log->flags & 1 ? " --nflog-size %u" : " --nflog-range %u", log->length);
    if (log->threshold)
        buffer_printf(buffer, " --nflog-threshold %u", log->threshold);
}

static void print_ct_events(struct buffer *buffer, const char *option, uint32_t events)
{
    static const struct bit_word words[] = {
        {1, "new"},          {2, "related"},    {4, "destroy"}, {8, "reply"},
        {16, "assured"},     {32, "protoinfo"}, {64, "helper"}, {128, "mark"},
        {256, "natseqinfo"}, {512, "secmark"},  {0, NULL},
    };
    if (!events)
        return;
    buffer_append(buffer, option);
    print_bits(buffer, events, words, "");
}

static void print_ct(struct buffer *buffer, const struct xt_ct *ct)
{
    static const char *const zones[] = {" --zone ", " --zone-orig ", " --zone-reply ", " --zone "};
    buffer_append(buffer, "-j CT");
    buffer_append(buffer, ct->flags & XT_CT_NOTRACK ? " --notrack" : "");
    if (ct->helper && *ct->helper)
        buffer_printf(buffer, " --helper %s", ct->helper);
    if (ct->timeout && *ct->timeout)
        buffer_printf(buffer, " --timeout %s", ct->timeout);
    print_ct_events(buffer, " --ctevents ", ct->events);
    print_ct_events(buffer, " --expevents ", ct->expected_events);
    if (ct->flags & XT_CT_ZONE_MARK)
        buffer_printf(buffer, "%smark", zones[ct->flags >> 2 & 3]);
    else if (ct->zone)
        buffer_printf(buffer, "%s%u", zones[ct->flags >> 2 & 3], ct->zone);
}

/* False: not a target that is decoded. */
static bool print_target(struct buffer *buffer, const struct nft_xt *xt, bool ip6)
{
    switch (xt->kind) {
    case XT_DNAT:
        print_nat(buffer, "-j DNAT --to-destination ", &xt->nat);
        return true;
    case XT_SNAT:
        print_nat(buffer, "-j SNAT --to-source ", &xt->nat);
        return true;
    case XT_MASQUERADE:
        print_port_nat(buffer, "-j MASQUERADE", &xt->nat);
        return true;
    case XT_REDIRECT:
        print_port_nat(buffer, "-j REDIRECT", &xt->nat);
        return true;
    case XT_NETMAP:
        print_netmap(buffer, &xt->nat);
        return true;
    case XT_REJECT:
        print_reject(buffer, &xt->reject, ip6);
        return true;
    case XT_SET_MARK:
        buffer_printf(buffer, "-j MARK --set-xmark 0x%x/0x%x", xt->set_mark.value, xt->set_mark.mask);
        return true;
    case XT_LOG:
        print_log(buffer, &xt->log);
        return true;
    case XT_NFLOG:
        print_nflog(buffer, &xt->log);
        return true;
    case XT_CT:
        print_ct(buffer, &xt->ct);
        return true;
    default:
        return false;
    }
}

static bool print_match(struct buffer *buffer, const struct nft_xt *xt, bool ip6)
{
    switch (xt->kind) {
    case XT_ADDRTYPE:
        print_addrtype(buffer, &xt->addrtype);
        return true;
    case XT_CONNTRACK:
        print_conntrack(buffer, &xt->conntrack);
        return true;
    case XT_TCP:
    case XT_UDP:
        print_ports(buffer, xt->name, &xt->ports);
        return true;
    case XT_MULTIPORT:
        print_multiport(buffer, &xt->multiport);
        return true;
    case XT_COMMENT:
        print_comment(buffer, xt->comment.text);
        return true;
    case XT_MARK:
        print_mark(buffer, xt->mark.value, xt->mark.mask, xt->mark.invert);
        return true;
    case XT_ICMP:
        print_icmp(buffer, &xt->icmp, ip6);
        return true;
    case XT_ROUTING_HEADER:
        print_routing_header(buffer, &xt->routing_header);
        return true;
    case XT_HOP_LIMIT:
        print_hop_limit(buffer, &xt->hop_limit, ip6);
        return true;
    case XT_RECENT:
        print_recent(buffer, &xt->recent);
        return true;
    default:
        return false;
    }
}

void iptables_xt_text(const struct nft_xt *xt, bool target, bool ip6, struct buffer *buffer)
{
    if (target ? print_target(buffer, xt, ip6) : print_match(buffer, xt, ip6))
        return;
    buffer_printf(buffer, target ? "-j unknown(%s)" : "-m unknown(%s)", xt->name ? xt->name : "");
}

/* ---- rules of iptables-nft: what it writes natively, put together again ---- */

struct iptables_rule {
    bool ip6;
    struct buffer source, destination, input, output, protocol, fragment, matches, target;
    uint32_t protocol_number;
    struct xt_ports ports; /* of a native -m tcp or -m udp */
    bool has_ports;
};

#define PART_MAX 4096

static void rule_begin(struct iptables_rule *rule, bool ip6)
{
    *rule = (struct iptables_rule){.ip6 = ip6};
    struct buffer *const parts[] = {&rule->source,   &rule->destination, &rule->input,   &rule->output,
                                    &rule->protocol, &rule->fragment,    &rule->matches, &rule->target};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        *parts[i] = BUFFER(PART_MAX);
}

static void rule_end(struct iptables_rule *rule)
{
    buffer_free(&rule->source);
    buffer_free(&rule->destination);
    buffer_free(&rule->input);
    buffer_free(&rule->output);
    buffer_free(&rule->protocol);
    buffer_free(&rule->fragment);
    buffer_free(&rule->matches);
    buffer_free(&rule->target);
}

/* A native match on ports is complete: before anything else is written. */
static void flush_ports(struct iptables_rule *rule)
{
    if (!rule->has_ports)
        return;
    const char *name = value_word(VALUE_PROTOCOL, rule->protocol_number);
    buffer_append(&rule->matches, " ");
    print_ports(&rule->matches, name ? name : "unknown(protocol)", &rule->ports);
    rule->has_ports = false;
}

static struct xt_ports *native_ports(struct iptables_rule *rule)
{
    if (!rule->has_ports)
        rule->ports = (struct xt_ports){.source = {0, 65535}, .destination = {0, 65535}};
    rule->has_ports = true;
    return &rule->ports;
}

/* A load, what is done to it, and what it is compared with. */
struct native_match {
    const struct nft_expression *load;
    const struct nft_bitwise *mask; /* NULL: none */
    struct bytes from, to;          /* the same but for ranges */
    bool invert, range;
    size_t length; /* expressions in all */
};

static bool take_comparison(const struct nft_expression *expression, struct native_match *match)
{
    if (expression->unknown_attribute)
        return false;
    if (expression->kind == EXPRESSION_CMP) {
        match->from = match->to = expression->cmp.data.value;
        match->invert = expression->cmp.op == NFT_CMP_NEQ;
        return expression->cmp.op <= NFT_CMP_NEQ;
    }
    if (expression->kind == EXPRESSION_RANGE) {
        match->from = expression->range.from.value;
        match->to = expression->range.to.value;
        match->invert = expression->range.op == NFT_RANGE_NEQ;
        match->range = true;
        return true;
    }
    return false;
}

static bool take_match(const nft_expression_list *list, size_t at, struct native_match *ret_match)
{
    *ret_match = (struct native_match){.load = &list->items[at], .length = 2};
    if (++at >= list->count)
        return false;
    const struct nft_expression *next = &list->items[at];
    if (next->kind == EXPRESSION_BITWISE) {
        if (next->unknown_attribute || next->bitwise.op != NFT_BITWISE_BOOL || ++at >= list->count)
            return false;
        ret_match->mask = &next->bitwise;
        ret_match->length = 3;
        for (size_t i = 0; i < next->bitwise.xor.value.length; i++) {
            if (next->bitwise.xor.value.data[i])
                return false;
        }
    }
    return take_comparison(&list->items[at], ret_match);
}

static struct address address_of_bytes(struct bytes bytes, bool ip6)
{
    uint8_t whole[16] = {0};
    size_t size = ip6 ? 16 : 4;
    if (bytes.length)
        memcpy(whole, bytes.data, bytes.length < size ? bytes.length : size);
    return address_from_bytes(whole, size);
}

static bool write_address(struct iptables_rule *rule, const struct native_match *match, bool source)
{
    struct buffer *buffer = source ? &rule->source : &rule->destination;
    uint32_t length = match->load->payload.length;
    enum ip_family family = rule->ip6 ? FAMILY_IP6 : FAMILY_IP4;
    struct prefix whole = {{family, 0}, (uint8_t)(length * 8)};
    struct address mask = {family, family_max(family) ^ prefix_last(whole).value};
    if (match->range || buffer->length || length > (rule->ip6 ? 16 : 4) || match->from.length != length)
        return false;
    if (match->mask)
        mask = address_of_bytes(match->mask->mask.value, rule->ip6);
    buffer_append(buffer, match->invert ? " ! " : " ");
    buffer_append(buffer, source ? "-s " : "-d ");
    print_masked_address(buffer, address_of_bytes(match->from, rule->ip6), mask);
    return true;
}

static bool write_interface(struct buffer *buffer, const char *option, const struct native_match *match)
{
    struct bytes name = match->from;
    if (match->range || match->mask || buffer->length || !name.length)
        return false;
    size_t length = strnlen((const char *)name.data, name.length);
    buffer_printf(buffer, match->invert ? " ! %s " : " %s ", option);
    buffer_append_bytes(buffer, name.data, length);
    buffer_append(buffer, length == name.length ? "+" : "");
    return true;
}

static bool write_protocol(struct iptables_rule *rule, const struct native_match *match)
{
    if (match->range || match->mask || match->from.length != 1 || rule->protocol.length)
        return false;
    if (!match->invert)
        rule->protocol_number = match->from.data[0];
    buffer_append(&rule->protocol, match->invert ? " ! -p " : " -p ");
    print_protocol(&rule->protocol, match->from.data[0]);
    return true;
}

static bool write_fragment(struct iptables_rule *rule, const struct native_match *match)
{
    static const uint8_t offset_mask[] = {0x1f, 0xff};
    if (!match->mask || match->range || match->from.length != 2 || match->from.data[0] ||
        match->from.data[1] || match->mask->mask.value.length != 2 ||
        memcmp(match->mask->mask.value.data, offset_mask, 2) != 0)
        return false;
    /* `frag-off & 0x1fff != 0` is -f */
    buffer_append(&rule->fragment, match->invert ? " -f" : " ! -f");
    return true;
}

static uint16_t port_of(struct bytes bytes)
{
    return (uint16_t)value_number(bytes, true);
}

static bool write_port(struct iptables_rule *rule, const struct native_match *match, bool source)
{
    if (match->mask || match->from.length != 2 || match->to.length != 2 || !rule->protocol_number)
        return false;
    struct xt_ports *ports = native_ports(rule);
    struct xt_port_range *range = source ? &ports->source : &ports->destination;
    bool *invert = source ? &ports->invert_source : &ports->invert_destination;
    if (!is_whole(*range) || *invert)
        return false;
    *range = (struct xt_port_range){port_of(match->from), port_of(match->to)};
    *invert = match->invert;
    return true;
}

/* Both ports in one load of four bytes, each compared with one value. */
static bool write_both_ports(struct iptables_rule *rule, const struct native_match *match)
{
    struct native_match half = *match;
    if (match->from.length != 4 || match->range || match->invert)
        return false;
    half.from = half.to = (struct bytes){match->from.data, 2};
    if (!write_port(rule, &half, true))
        return false;
    half.from = half.to = (struct bytes){match->from.data + 2, 2};
    return write_port(rule, &half, false);
}

static bool write_tcp_flags(struct iptables_rule *rule, const struct native_match *match)
{
    if (!match->mask || match->range || match->from.length != 1 || match->mask->mask.value.length != 1 ||
        rule->protocol_number != 6)
        return false;
    struct xt_ports *ports = native_ports(rule);
    ports->flag_mask = match->mask->mask.value.data[0];
    ports->flag_compare = match->from.data[0];
    ports->invert_flags = match->invert;
    return true;
}

static bool write_payload(struct iptables_rule *rule, const struct native_match *match)
{
    const struct nft_payload *payload = &match->load->payload;
    uint32_t offset = payload->offset, length = payload->length;
    if (payload->write)
        return false;
    if (payload->base == NFT_PAYLOAD_TRANSPORT_HEADER) {
        if ((offset == 0 || offset == 2) && length == 2)
            return write_port(rule, match, offset == 0);
        if (offset == 0 && length == 4)
            return write_both_ports(rule, match);
        return offset == 13 && length == 1 && write_tcp_flags(rule, match);
    }
    if (payload->base != NFT_PAYLOAD_NETWORK_HEADER)
        return false;
    if (offset == (rule->ip6 ? 8U : 12U))
        return write_address(rule, match, true);
    if (offset == (rule->ip6 ? 24U : 16U))
        return write_address(rule, match, false);
    if (!rule->ip6 && offset == 9 && length == 1)
        return write_protocol(rule, match);
    return !rule->ip6 && offset == 6 && length == 2 && write_fragment(rule, match);
}

static bool write_native_mark(struct iptables_rule *rule, const struct native_match *match)
{
    if (match->range || match->from.length != 4)
        return false;
    flush_ports(rule);
    uint32_t mask = match->mask ? (uint32_t)value_number(match->mask->mask.value, false) : UINT32_MAX;
    buffer_append(&rule->matches, " ");
    print_mark(&rule->matches, (uint32_t)value_number(match->from, false), mask, match->invert);
    return true;
}

static bool write_meta(struct iptables_rule *rule, const struct native_match *match)
{
    if (match->load->meta.write)
        return false;
    switch (match->load->meta.key) {
    case NFT_META_IIFNAME:
        return write_interface(&rule->input, "-i", match);
    case NFT_META_OIFNAME:
        return write_interface(&rule->output, "-o", match);
    case NFT_META_L4PROTO:
        return write_protocol(rule, match);
    case NFT_META_MARK:
        return write_native_mark(rule, match);
    default:
        return false;
    }
}

/* "-m limit": only in the units that iptables has. */
static bool write_limit(struct iptables_rule *rule, const struct nft_limit *limit)
{
    const char *unit = NULL;
    if (limit->unit == 1)
        unit = "sec";
    if (limit->unit == 60)
        unit = "min";
    if (limit->unit == 3600)
        unit = "hour";
    if (limit->unit == 86400)
        unit = "day";
    if (!unit || limit->type || limit->other.flags)
        return false;
    flush_ports(rule);
    buffer_printf(&rule->matches, " -m limit --limit %llu/%s", (unsigned long long)limit->rate, unit);
    if (limit->burst != 5)
        buffer_printf(&rule->matches, " --limit-burst %u", limit->burst);
    return true;
}

static bool write_native_log(struct iptables_rule *rule, const struct nft_log *log)
{
    if (!(log->has & 1U << NFTA_LOG_GROUP) || rule->target.length)
        return false;
    struct xt_log nflog = {
        .flags = 1,
        .group = log->group,
        .threshold = log->threshold,
        .length = log->snaplen,
        .prefix = log->prefix,
    };
    buffer_append(&rule->target, " ");
    print_nflog(&rule->target, &nflog);
    return true;
}

static bool write_verdict(struct iptables_rule *rule, const struct nft_verdict *verdict)
{
    struct buffer *buffer = &rule->target;
    if (buffer->length)
        return false;
    switch (verdict->code) {
    case NF_ACCEPT:
        buffer_append(buffer, " -j ACCEPT");
        return true;
    case NF_DROP:
        buffer_append(buffer, " -j DROP");
        return true;
    case NFT_RETURN:
        buffer_append(buffer, " -j RETURN");
        return true;
    case NFT_JUMP:
        buffer_printf(buffer, " -j %s", verdict->chain);
        return true;
    case NFT_GOTO:
        buffer_printf(buffer, " -g %s", verdict->chain);
        return true;
    default:
        return false;
    }
}

static bool write_xt(struct iptables_rule *rule, const struct nft_expression *expression)
{
    bool target = expression->kind == EXPRESSION_TARGET;
    struct buffer *buffer = target ? &rule->target : &rule->matches;
    if (target && buffer->length)
        return false;
    flush_ports(rule);
    buffer_append(buffer, " ");
    iptables_xt_text(&expression->xt, target, rule->ip6, buffer);
    return true;
}

/* Writes what begins at `at`; *ret_length: how many expressions that were. */
static bool write_expression(struct iptables_rule *rule, const nft_expression_list *list, size_t at,
                             size_t *ret_length)
{
    const struct nft_expression *expression = &list->items[at];
    struct native_match match;
    *ret_length = 1;
    if (expression->unknown_attribute)
        return false;
    switch (expression->kind) {
    case EXPRESSION_COUNTER:
        return true;
    case EXPRESSION_MATCH:
    case EXPRESSION_TARGET:
        return write_xt(rule, expression);
    case EXPRESSION_LIMIT:
        return write_limit(rule, &expression->limit);
    case EXPRESSION_LOG:
        return write_native_log(rule, &expression->log);
    case EXPRESSION_IMMEDIATE:
        return expression->immediate.dreg == NFT_REG_VERDICT &&
               write_verdict(rule, &expression->immediate.data.verdict);
    case EXPRESSION_PAYLOAD:
    case EXPRESSION_META:
        if (!take_match(list, at, &match))
            return false;
        *ret_length = match.length;
        return expression->kind == EXPRESSION_META ? write_meta(rule, &match) : write_payload(rule, &match);
    default:
        return false;
    }
}

static bool write_expressions(struct iptables_rule *rule, const nft_expression_list *list)
{
    size_t length;
    for (size_t at = 0; at < list->count; at += length) {
        if (!write_expression(rule, list, at, &length))
            return false;
    }
    flush_ports(rule);
    return true;
}

static bool has_comment_match(const nft_expression_list *list)
{
    list_each(struct nft_expression, expression, list) {
        if (expression->kind == EXPRESSION_MATCH && expression->xt.kind == XT_COMMENT)
            return true;
    }
    return false;
}

bool iptables_rule_text(const struct nft_table *table, const struct nft_chain *chain,
                        const struct nft_rule *rule, const struct text_names *names, struct buffer *buffer)
{
    struct iptables_rule parts;
    (void)names;
    if (rule->undecodable || rule->unknown_attribute)
        return false;
    rule_begin(&parts, table->family == NFT_FAMILY_IP6);
    bool whole = write_expressions(&parts, &rule->expressions);
    if (whole && rule->comment && !has_comment_match(&rule->expressions)) {
        buffer_append(&parts.matches, " ");
        print_comment(&parts.matches, rule->comment);
    }
    if (whole) {
        const struct buffer *const order[] = {&parts.source,  &parts.destination, &parts.input,
                                              &parts.output,  &parts.protocol,    &parts.fragment,
                                              &parts.matches, &parts.target};
        buffer_printf(buffer, "-A %s", chain->name);
        for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
            buffer_append(buffer, order[i]->data ? order[i]->data : "");
    }
    rule_end(&parts);
    return whole;
}

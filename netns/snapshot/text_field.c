/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/text_field.h"

#include <linux/netfilter/nf_tables.h>

struct header_field {
    const char *name;
    uint16_t offset, bits;
    enum value_type type;
};
struct header_fields {
    const char *name;
    const struct header_field *fields; /* ends with name == NULL */
};

#define VLAN_OFFSET 112 /* bits of an Ethernet header: what nft calls `vlan` stands behind it */

/* clang-format off */
#define FIELDS(...) (const struct header_field[]){__VA_ARGS__, {NULL, 0, 0, VALUE_HEX}}
static const struct header_fields headers_fields[] = {
    [HEADER_NONE] = {"", FIELDS({NULL, 0, 0, VALUE_HEX})},
    [HEADER_ETHER] = {"ether", FIELDS({"daddr", 0, 48, VALUE_MAC}, {"saddr", 48, 48, VALUE_MAC},
        {"type", 96, 16, VALUE_ETHERTYPE})},
    [HEADER_VLAN] = {"vlan", FIELDS({"pcp", 112, 3, VALUE_NUMBER}, {"dei", 115, 1, VALUE_NUMBER},
        {"id", 116, 12, VALUE_NUMBER}, {"type", 128, 16, VALUE_ETHERTYPE})},
    [HEADER_ARP] = {"arp", FIELDS({"htype", 0, 16, VALUE_NUMBER}, {"ptype", 16, 16, VALUE_ETHERTYPE},
        {"hlen", 32, 8, VALUE_NUMBER}, {"plen", 40, 8, VALUE_NUMBER}, {"operation", 48, 16, VALUE_ARP_OPERATION},
        {"saddr ether", 64, 48, VALUE_MAC}, {"saddr ip", 112, 32, VALUE_IP4}, {"daddr ether", 144, 48, VALUE_MAC},
        {"daddr ip", 192, 32, VALUE_IP4})},
    [HEADER_IP] = {"ip", FIELDS({"version", 0, 4, VALUE_NUMBER}, {"hdrlength", 4, 4, VALUE_NUMBER},
        {"dscp", 8, 6, VALUE_DSCP}, {"ecn", 14, 2, VALUE_ECN}, {"length", 16, 16, VALUE_NUMBER},
        {"id", 32, 16, VALUE_NUMBER}, {"frag-off", 48, 16, VALUE_NUMBER}, {"ttl", 64, 8, VALUE_NUMBER},
        {"protocol", 72, 8, VALUE_PROTOCOL}, {"checksum", 80, 16, VALUE_NUMBER}, {"saddr", 96, 32, VALUE_IP4},
        {"daddr", 128, 32, VALUE_IP4})},
    [HEADER_IP6] = {"ip6", FIELDS({"version", 0, 4, VALUE_NUMBER}, {"dscp", 4, 6, VALUE_DSCP},
        {"ecn", 10, 2, VALUE_ECN}, {"flowlabel", 12, 20, VALUE_NUMBER}, {"length", 32, 16, VALUE_NUMBER},
        {"nexthdr", 48, 8, VALUE_PROTOCOL}, {"hoplimit", 56, 8, VALUE_NUMBER}, {"saddr", 64, 128, VALUE_IP6},
        {"daddr", 192, 128, VALUE_IP6})},
    [HEADER_TCP] = {"tcp", FIELDS({"sport", 0, 16, VALUE_PORT}, {"dport", 16, 16, VALUE_PORT},
        {"sequence", 32, 32, VALUE_NUMBER}, {"ackseq", 64, 32, VALUE_NUMBER}, {"doff", 96, 4, VALUE_NUMBER},
        {"reserved", 100, 4, VALUE_NUMBER}, {"flags", 104, 8, VALUE_TCP_FLAGS}, {"window", 112, 16, VALUE_NUMBER},
        {"checksum", 128, 16, VALUE_NUMBER}, {"urgptr", 144, 16, VALUE_NUMBER})},
    [HEADER_UDP] = {"udp", FIELDS({"sport", 0, 16, VALUE_PORT}, {"dport", 16, 16, VALUE_PORT},
        {"length", 32, 16, VALUE_NUMBER}, {"checksum", 48, 16, VALUE_NUMBER})},
    [HEADER_UDPLITE] = {"udplite", FIELDS({"sport", 0, 16, VALUE_PORT}, {"dport", 16, 16, VALUE_PORT},
        {"csumcov", 32, 16, VALUE_NUMBER}, {"checksum", 48, 16, VALUE_NUMBER})},
    [HEADER_SCTP] = {"sctp", FIELDS({"sport", 0, 16, VALUE_PORT}, {"dport", 16, 16, VALUE_PORT},
        {"vtag", 32, 32, VALUE_NUMBER}, {"checksum", 64, 32, VALUE_NUMBER})},
    [HEADER_DCCP] = {"dccp", FIELDS({"sport", 0, 16, VALUE_PORT}, {"dport", 16, 16, VALUE_PORT},
        {"type", 67, 4, VALUE_DCCP_TYPE})},
    [HEADER_ICMP] = {"icmp", FIELDS({"type", 0, 8, VALUE_ICMP_TYPE}, {"code", 8, 8, VALUE_ICMP_CODE},
        {"checksum", 16, 16, VALUE_NUMBER}, {"id", 32, 16, VALUE_NUMBER}, {"sequence", 48, 16, VALUE_NUMBER},
        {"gateway", 32, 32, VALUE_NUMBER})},
    [HEADER_ICMP6] = {"icmpv6", FIELDS({"type", 0, 8, VALUE_ICMP6_TYPE}, {"code", 8, 8, VALUE_ICMP6_CODE},
        {"checksum", 16, 16, VALUE_NUMBER}, {"id", 32, 16, VALUE_NUMBER}, {"sequence", 48, 16, VALUE_NUMBER},
        {"mtu", 32, 32, VALUE_NUMBER})},
    [HEADER_IGMP] = {"igmp", FIELDS({"type", 0, 8, VALUE_IGMP_TYPE}, {"mrt", 8, 8, VALUE_NUMBER},
        {"checksum", 16, 16, VALUE_NUMBER}, {"group", 32, 32, VALUE_IP4})},
    [HEADER_AH] = {"ah", FIELDS({"nexthdr", 0, 8, VALUE_PROTOCOL}, {"hdrlength", 8, 8, VALUE_NUMBER},
        {"reserved", 16, 16, VALUE_NUMBER}, {"spi", 32, 32, VALUE_NUMBER}, {"sequence", 64, 32, VALUE_NUMBER})},
    [HEADER_ESP] = {"esp", FIELDS({"spi", 0, 32, VALUE_NUMBER}, {"sequence", 32, 32, VALUE_NUMBER})},
    [HEADER_COMP] = {"comp", FIELDS({"nexthdr", 0, 8, VALUE_PROTOCOL}, {"flags", 8, 8, VALUE_HEX},
        {"cpi", 16, 16, VALUE_NUMBER})},
    [HEADER_TRANSPORT] = {"th", FIELDS({"sport", 0, 16, VALUE_PORT}, {"dport", 16, 16, VALUE_PORT})},
};
/* clang-format on */

struct headers headers_of_family(enum nft_family family)
{
    struct headers headers = {0};
    if (family == NFT_FAMILY_BRIDGE)
        headers.link = HEADER_ETHER;
    if (family == NFT_FAMILY_IP)
        headers.network = HEADER_IP;
    if (family == NFT_FAMILY_IP6)
        headers.network = HEADER_IP6;
    if (family == NFT_FAMILY_ARP)
        headers.network = HEADER_ARP;
    return headers;
}

enum header header_of_ethertype(uint32_t ethertype)
{
    switch (ethertype) {
    case 0x0800:
        return HEADER_IP;
    case 0x86dd:
        return HEADER_IP6;
    case 0x0806:
        return HEADER_ARP;
    case 0x8100:
        return HEADER_VLAN;
    default:
        return HEADER_NONE;
    }
}

enum header header_of_protocol(uint32_t protocol)
{
    static const enum header headers[] = {
        [1] = HEADER_ICMP,   [2] = HEADER_IGMP,   [6] = HEADER_TCP,       [17] = HEADER_UDP,
        [33] = HEADER_DCCP,  [50] = HEADER_ESP,   [51] = HEADER_AH,       [58] = HEADER_ICMP6,
        [108] = HEADER_COMP, [132] = HEADER_SCTP, [136] = HEADER_UDPLITE,
    };
    return protocol < sizeof(headers) / sizeof(headers[0]) ? headers[protocol] : HEADER_NONE;
}

/* The header that a base's bits are looked up in. */
static enum header header_of_base(const struct headers *headers, uint32_t base, uint32_t offset)
{
    switch (base) {
    case NFT_PAYLOAD_LL_HEADER:
        return headers->link && offset >= VLAN_OFFSET ? HEADER_VLAN : headers->link;
    case NFT_PAYLOAD_NETWORK_HEADER:
        return headers->network;
    case NFT_PAYLOAD_TRANSPORT_HEADER:
        return headers->transport ? headers->transport : HEADER_TRANSPORT;
    default:
        return HEADER_NONE;
    }
}

static void give_field(enum header header, const struct header_field *field, struct field_text *ret_field)
{
    *ret_field = (struct field_text){
        .type = field->type, .network_order = true, .offset = field->offset, .bits = field->bits};
    snprintf(ret_field->words, sizeof(ret_field->words), "%s %s", headers_fields[header].name, field->name);
}

/* What stands in an ICMP header's last word depends on the type. */
struct typed_field {
    enum header header;
    uint32_t type, offset, bits;
    const char *words;
};
static const struct typed_field typed_fields[] = {
    {HEADER_ICMP, 3, 48, 16, "icmp mtu"},
    {HEADER_ICMP, 5, 32, 32, "icmp gateway"},
    {HEADER_ICMP6, 2, 32, 32, "icmpv6 mtu"},
    {HEADER_ICMP6, 4, 32, 32, "icmpv6 parameter-problem"},
    {HEADER_ICMP6, 130, 32, 16, "icmpv6 max-delay"},
    {HEADER_ICMP6, 131, 32, 16, "icmpv6 max-delay"},
    {HEADER_ICMP6, 132, 32, 16, "icmpv6 max-delay"},
};

static const struct typed_field *typed_field_at(const struct headers *headers, uint32_t base, uint32_t offset)
{
    for (size_t i = 0; i < sizeof(typed_fields) / sizeof(typed_fields[0]); i++) {
        const struct typed_field *field = &typed_fields[i];
        if (base == NFT_PAYLOAD_TRANSPORT_HEADER && headers->transport == field->header &&
            headers->icmp_type == field->type + 1 && offset == field->offset)
            return field;
    }
    return NULL;
}

bool field_implies_type(const struct headers *headers, uint32_t base, uint32_t offset)
{
    return typed_field_at(headers, base, offset) != NULL;
}

bool field_exact(const struct headers *headers, uint32_t base, uint32_t offset, uint32_t bits,
                 struct field_text *ret_field)
{
    enum header header = header_of_base(headers, base, offset);
    const struct typed_field *typed = typed_field_at(headers, base, offset);
    if (typed && typed->bits == bits) {
        *ret_field =
            (struct field_text){.type = VALUE_NUMBER, .network_order = true, .offset = offset, .bits = bits};
        snprintf(ret_field->words, sizeof(ret_field->words), "%s", typed->words);
        return true;
    }
    for (const struct header_field *field = headers_fields[header].fields; field->name; field++) {
        if (field->offset == offset && field->bits == bits) {
            give_field(header, field, ret_field);
            return true;
        }
    }
    return false;
}

bool field_at(const struct headers *headers, uint32_t base, uint32_t offset, uint32_t bits, bool longer,
              struct field_text *ret_field)
{
    enum header header = header_of_base(headers, base, offset);
    const struct header_field *best = NULL;
    for (const struct header_field *field = headers_fields[header].fields; field->name; field++) {
        if (field->offset != offset || (longer ? field->bits < bits : field->bits > bits))
            continue;
        if (!best || field->bits > best->bits)
            best = field;
    }
    if (best)
        give_field(header, best, ret_field);
    return best;
}

void field_raw(uint32_t base, uint32_t offset, uint32_t bits, struct field_text *ret_field)
{
    static const char *const bases[] = {"ll", "nh", "th", "ih"};
    *ret_field =
        (struct field_text){.type = VALUE_HEX, .network_order = true, .offset = offset, .bits = bits};
    snprintf(ret_field->words, sizeof(ret_field->words), "@%s,%u,%u", base < 4 ? bases[base] : "unknown",
             offset, bits);
}

/* ---- keys ---- */
struct key {
    const char *words;
    enum value_type type;
    bool network_order;
};
#define KEYS(table) (sizeof(table) / sizeof(table[0]))

static bool give_key(const struct key *keys, size_t count, uint32_t number, const char *format,
                     struct field_text *ret_field)
{
    if (number >= count || !keys[number].words)
        return false;
    *ret_field = (struct field_text){.type = keys[number].type, .network_order = keys[number].network_order};
    snprintf(ret_field->words, sizeof(ret_field->words), "%s%s", format, keys[number].words);
    return true;
}

/* clang-format off */
static const struct key meta_keys[] = {
    [NFT_META_LEN] = {"meta length", VALUE_NUMBER, false},
    [NFT_META_PROTOCOL] = {"meta protocol", VALUE_ETHERTYPE, true},
    [NFT_META_PRIORITY] = {"meta priority", VALUE_CLASS, false},
    [NFT_META_MARK] = {"meta mark", VALUE_MARK, false},
    [NFT_META_IIF] = {"iif", VALUE_INTERFACE_INDEX, false},
    [NFT_META_OIF] = {"oif", VALUE_INTERFACE_INDEX, false},
    [NFT_META_IIFNAME] = {"iifname", VALUE_INTERFACE, false},
    [NFT_META_OIFNAME] = {"oifname", VALUE_INTERFACE, false},
    [NFT_META_IIFTYPE] = {"meta iiftype", VALUE_HARDWARE, false},
    [NFT_META_OIFTYPE] = {"meta oiftype", VALUE_HARDWARE, false},
    [NFT_META_SKUID] = {"meta skuid", VALUE_NUMBER, false},
    [NFT_META_SKGID] = {"meta skgid", VALUE_NUMBER, false},
    [NFT_META_NFTRACE] = {"meta nftrace", VALUE_NUMBER, false},
    [NFT_META_RTCLASSID] = {"meta rtclassid", VALUE_NUMBER, false},
    [NFT_META_SECMARK] = {"meta secmark", VALUE_NUMBER, false},
    [NFT_META_NFPROTO] = {"meta nfproto", VALUE_NFPROTO, false},
    [NFT_META_L4PROTO] = {"meta l4proto", VALUE_PROTOCOL, false},
    [NFT_META_BRI_IIFNAME] = {"meta ibrname", VALUE_INTERFACE, false},
    [NFT_META_BRI_OIFNAME] = {"meta obrname", VALUE_INTERFACE, false},
    [NFT_META_PKTTYPE] = {"meta pkttype", VALUE_PACKET_TYPE, false},
    [NFT_META_CPU] = {"meta cpu", VALUE_NUMBER, false},
    [NFT_META_IIFGROUP] = {"iifgroup", VALUE_GROUP, false},
    [NFT_META_OIFGROUP] = {"oifgroup", VALUE_GROUP, false},
    [NFT_META_CGROUP] = {"meta cgroup", VALUE_NUMBER, false},
    [NFT_META_PRANDOM] = {"meta random", VALUE_NUMBER, true},
    [NFT_META_SECPATH] = {"meta ipsec", VALUE_PRESENCE, false},
    [NFT_META_IIFKIND] = {"meta iifkind", VALUE_STRING, false},
    [NFT_META_OIFKIND] = {"meta oifkind", VALUE_STRING, false},
    [NFT_META_BRI_IIFPVID] = {"meta ibrpvid", VALUE_NUMBER, false},
    [NFT_META_BRI_IIFVPROTO] = {"meta ibrvproto", VALUE_ETHERTYPE, true},
    [NFT_META_TIME_NS] = {"meta time", VALUE_TIME, false},
    [NFT_META_TIME_DAY] = {"meta day", VALUE_DAY, false},
    [NFT_META_TIME_HOUR] = {"meta hour", VALUE_HOUR, false},
    [NFT_META_SDIF] = {"meta sdif", VALUE_INTERFACE_INDEX, false},
    [NFT_META_SDIFNAME] = {"meta sdifname", VALUE_INTERFACE, false},
};
static const struct key ct_keys[] = {
    [NFT_CT_STATE] = {"state", VALUE_CT_STATE, false},
    [NFT_CT_DIRECTION] = {"direction", VALUE_CT_DIRECTION, false},
    [NFT_CT_STATUS] = {"status", VALUE_CT_STATUS, false},
    [NFT_CT_MARK] = {"mark", VALUE_MARK, false},
    [NFT_CT_SECMARK] = {"secmark", VALUE_NUMBER, false},
    [NFT_CT_EXPIRATION] = {"expiration", VALUE_DURATION, false},
    [NFT_CT_HELPER] = {"helper", VALUE_STRING, false},
    [NFT_CT_L3PROTOCOL] = {"l3proto", VALUE_NFPROTO, false},
    [NFT_CT_SRC] = {"saddr", VALUE_HEX, true},
    [NFT_CT_DST] = {"daddr", VALUE_HEX, true},
    [NFT_CT_PROTOCOL] = {"protocol", VALUE_PROTOCOL, false},
    [NFT_CT_PROTO_SRC] = {"proto-src", VALUE_PORT, true},
    [NFT_CT_PROTO_DST] = {"proto-dst", VALUE_PORT, true},
    [NFT_CT_LABELS] = {"label", VALUE_CT_LABEL, false},
    [NFT_CT_PKTS] = {"packets", VALUE_NUMBER, false},
    [NFT_CT_BYTES] = {"bytes", VALUE_NUMBER, false},
    [NFT_CT_AVGPKT] = {"avgpkt", VALUE_NUMBER, false},
    [NFT_CT_ZONE] = {"zone", VALUE_NUMBER, false},
    [NFT_CT_EVENTMASK] = {"event", VALUE_CT_EVENT, false},
    [NFT_CT_SRC_IP] = {"ip saddr", VALUE_IP4, true},
    [NFT_CT_DST_IP] = {"ip daddr", VALUE_IP4, true},
    [NFT_CT_SRC_IP6] = {"ip6 saddr", VALUE_IP6, true},
    [NFT_CT_DST_IP6] = {"ip6 daddr", VALUE_IP6, true},
    [NFT_CT_ID] = {"id", VALUE_NUMBER, true},
};
static const struct key rt_keys[] = {
    [NFT_RT_CLASSID] = {"rt classid", VALUE_NUMBER, false},
    [NFT_RT_NEXTHOP4] = {"rt ip nexthop", VALUE_IP4, true},
    [NFT_RT_NEXTHOP6] = {"rt ip6 nexthop", VALUE_IP6, true},
    [NFT_RT_TCPMSS] = {"rt mtu", VALUE_NUMBER, false},
    [NFT_RT_XFRM] = {"rt ipsec", VALUE_PRESENCE, false},
};
static const struct key socket_keys[] = {
    [NFT_SOCKET_TRANSPARENT] = {"socket transparent", VALUE_NUMBER, false},
    [NFT_SOCKET_MARK] = {"socket mark", VALUE_MARK, false},
    [NFT_SOCKET_WILDCARD] = {"socket wildcard", VALUE_NUMBER, false},
    [NFT_SOCKET_CGROUPV2] = {"socket cgroupv2", VALUE_NUMBER, false},
};
static const struct key xfrm_keys[] = {
    [NFT_XFRM_KEY_DADDR_IP4] = {"ip daddr", VALUE_IP4, true},
    [NFT_XFRM_KEY_DADDR_IP6] = {"ip6 daddr", VALUE_IP6, true},
    [NFT_XFRM_KEY_SADDR_IP4] = {"ip saddr", VALUE_IP4, true},
    [NFT_XFRM_KEY_SADDR_IP6] = {"ip6 saddr", VALUE_IP6, true},
    [NFT_XFRM_KEY_REQID] = {"reqid", VALUE_NUMBER, false},
    [NFT_XFRM_KEY_SPI] = {"spi", VALUE_NUMBER, true},
};
static const struct key tunnel_keys[] = {
    [NFT_TUNNEL_PATH] = {"tunnel path", VALUE_PRESENCE, false},
    [NFT_TUNNEL_ID] = {"tunnel id", VALUE_NUMBER, false},
};
static const struct key fib_results[] = {
    [NFT_FIB_RESULT_OIF] = {"oif", VALUE_INTERFACE_INDEX, false},
    [NFT_FIB_RESULT_OIFNAME] = {"oifname", VALUE_INTERFACE, false},
    [NFT_FIB_RESULT_ADDRTYPE] = {"type", VALUE_ADDRESS_TYPE, false},
};
/* clang-format on */

static bool ct_field(const struct nft_ct *ct, struct field_text *ret_field)
{
    const char *before = "ct ";
    if (ct->has_direction)
        before = ct->direction ? "ct reply " : "ct original ";
    return give_key(ct_keys, KEYS(ct_keys), ct->key, before, ret_field);
}

static bool fib_field(const struct nft_fib *fib, struct field_text *ret_field)
{
    static const char *const flags[] = {"saddr", "daddr", "mark", "iif", "oif"};
    char before[48] = "fib ";
    const char *joint = "";
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (!(fib->flags >> i & 1))
            continue;
        size_t length = strlen(before);
        snprintf(before + length, sizeof(before) - length, "%s%s", joint, flags[i]);
        joint = " . ";
    }
    size_t length = strlen(before);
    snprintf(before + length, sizeof(before) - length, " ");
    if (!give_key(fib_results, KEYS(fib_results), fib->result, before, ret_field))
        return false;
    if (fib->flags & NFTA_FIB_F_PRESENT)
        ret_field->type = VALUE_PRESENCE;
    return true;
}

static bool socket_field(const struct nft_socket *socket, struct field_text *ret_field)
{
    if (!give_key(socket_keys, KEYS(socket_keys), socket->other.key, "", ret_field))
        return false;
    size_t length = strlen(ret_field->words);
    if (socket->other.key == NFT_SOCKET_CGROUPV2)
        snprintf(ret_field->words + length, sizeof(ret_field->words) - length, " level %u", socket->level);
    return true;
}

static bool xfrm_field(const struct nft_xfrm *xfrm, struct field_text *ret_field)
{
    char before[48];
    snprintf(before, sizeof(before), xfrm->index ? "ipsec %s spnum %u " : "ipsec %s ",
             xfrm->direction == 2 ? "out" : "in", xfrm->index);
    return give_key(xfrm_keys, KEYS(xfrm_keys), xfrm->other.key, before, ret_field);
}

static bool osf_field(const struct nft_osf *osf, struct field_text *ret_field)
{
    static const char *const ttl[] = {"", "ttl loose ", "ttl skip "};
    *ret_field = (struct field_text){.type = VALUE_STRING};
    snprintf(ret_field->words, sizeof(ret_field->words), "osf %s%s", ttl[osf->ttl % 3],
             osf->other.flags & NFT_OSF_F_VERSION ? "version" : "name");
    return true;
}

/* ---- extension headers and options ---- */
struct option_field {
    uint8_t type;
    uint8_t offset, length; /* bytes; length 0: the option itself */
    const char *words;
    enum value_type value;
};

/* clang-format off */
static const struct option_field ip6_options[] = {
    {0, 0, 0, "hbh", VALUE_NUMBER}, {0, 0, 1, "hbh nexthdr", VALUE_PROTOCOL}, {0, 1, 1, "hbh hdrlength", VALUE_NUMBER},
    {43, 0, 0, "rt", VALUE_NUMBER}, {43, 0, 1, "rt nexthdr", VALUE_PROTOCOL}, {43, 1, 1, "rt hdrlength", VALUE_NUMBER},
    {43, 2, 1, "rt type", VALUE_NUMBER}, {43, 3, 1, "rt seg-left", VALUE_NUMBER},
    {43, 4, 1, "srh last-entry", VALUE_NUMBER}, {43, 5, 1, "srh flags", VALUE_NUMBER},
    {43, 6, 2, "srh tag", VALUE_NUMBER}, {43, 8, 16, "srh sid[1]", VALUE_IP6}, {43, 24, 16, "srh sid[2]", VALUE_IP6},
    {44, 0, 0, "frag", VALUE_NUMBER}, {44, 0, 1, "frag nexthdr", VALUE_PROTOCOL},
    {44, 1, 1, "frag reserved", VALUE_NUMBER}, {44, 4, 4, "frag id", VALUE_NUMBER},
    {60, 0, 0, "dst", VALUE_NUMBER}, {60, 0, 1, "dst nexthdr", VALUE_PROTOCOL}, {60, 1, 1, "dst hdrlength", VALUE_NUMBER},
    {135, 0, 0, "mh", VALUE_NUMBER}, {135, 0, 1, "mh nexthdr", VALUE_PROTOCOL},
    {135, 1, 1, "mh hdrlength", VALUE_NUMBER}, {135, 2, 1, "mh type", VALUE_MH_TYPE},
    {135, 3, 1, "mh reserved", VALUE_NUMBER}, {135, 4, 2, "mh checksum", VALUE_NUMBER},
    {0, 0, 0, NULL, VALUE_HEX},
};
static const struct option_field tcp_options[] = {
    {0, 0, 0, "eol", VALUE_NUMBER}, {1, 0, 0, "nop", VALUE_NUMBER}, {2, 0, 0, "maxseg", VALUE_NUMBER},
    {2, 1, 1, "maxseg length", VALUE_NUMBER}, {2, 2, 2, "maxseg size", VALUE_NUMBER},
    {3, 0, 0, "window", VALUE_NUMBER}, {3, 1, 1, "window length", VALUE_NUMBER}, {3, 2, 1, "window count", VALUE_NUMBER},
    {4, 0, 0, "sack-perm", VALUE_NUMBER}, {4, 1, 1, "sack-perm length", VALUE_NUMBER},
    {5, 0, 0, "sack", VALUE_NUMBER}, {5, 1, 1, "sack length", VALUE_NUMBER}, {5, 2, 4, "sack left", VALUE_NUMBER},
    {5, 6, 4, "sack right", VALUE_NUMBER}, {8, 0, 0, "timestamp", VALUE_NUMBER},
    {8, 1, 1, "timestamp length", VALUE_NUMBER}, {8, 2, 4, "timestamp tsval", VALUE_NUMBER},
    {8, 6, 4, "timestamp tsecr", VALUE_NUMBER}, {19, 0, 0, "md5sig", VALUE_NUMBER}, {30, 0, 0, "mptcp", VALUE_NUMBER},
    {34, 0, 0, "fastopen", VALUE_NUMBER},
    {0, 0, 0, NULL, VALUE_HEX},
};
static const struct option_field ip_options[] = {
    {7, 0, 0, "rr", VALUE_NUMBER}, {7, 0, 1, "rr type", VALUE_NUMBER}, {7, 1, 1, "rr length", VALUE_NUMBER},
    {7, 2, 1, "rr ptr", VALUE_NUMBER}, {7, 3, 4, "rr addr", VALUE_IP4},
    {131, 0, 0, "lsrr", VALUE_NUMBER}, {131, 0, 1, "lsrr type", VALUE_NUMBER}, {131, 1, 1, "lsrr length", VALUE_NUMBER},
    {131, 2, 1, "lsrr ptr", VALUE_NUMBER}, {131, 3, 4, "lsrr addr", VALUE_IP4},
    {137, 0, 0, "ssrr", VALUE_NUMBER}, {137, 0, 1, "ssrr type", VALUE_NUMBER}, {137, 1, 1, "ssrr length", VALUE_NUMBER},
    {137, 2, 1, "ssrr ptr", VALUE_NUMBER}, {137, 3, 4, "ssrr addr", VALUE_IP4},
    {148, 0, 0, "ra", VALUE_NUMBER}, {148, 0, 1, "ra type", VALUE_NUMBER}, {148, 1, 1, "ra length", VALUE_NUMBER},
    {148, 2, 2, "ra value", VALUE_NUMBER},
    {0, 0, 0, NULL, VALUE_HEX},
};
/* clang-format on */

static const struct option_field *find_option(const struct option_field *fields,
                                              const struct nft_exthdr *exthdr)
{
    bool present = exthdr->other.flags & NFT_EXTHDR_F_PRESENT;
    for (; fields->words; fields++) {
        if (fields->type != exthdr->type)
            continue;
        if (present ? !fields->length : fields->length == exthdr->length && fields->offset == exthdr->offset)
            return fields;
    }
    return NULL;
}

static bool exthdr_field(const struct nft_exthdr *exthdr, struct field_text *ret_field)
{
    static const struct {
        const char *before;
        const struct option_field *fields;
    } kinds[] = {
        [NFT_EXTHDR_OP_IPV6] = {"", ip6_options},
        [NFT_EXTHDR_OP_TCPOPT] = {"tcp option ", tcp_options},
        [NFT_EXTHDR_OP_IPV4] = {"ip option ", ip_options},
    };
    bool present = exthdr->other.flags & NFT_EXTHDR_F_PRESENT;
    if (exthdr->op >= sizeof(kinds) / sizeof(kinds[0]))
        return false;
    const struct option_field *field = find_option(kinds[exthdr->op].fields, exthdr);
    *ret_field = (struct field_text){.type = present ? VALUE_PRESENCE : VALUE_HEX, .network_order = true};
    const char *before = kinds[exthdr->op].before;
    if (exthdr->op == NFT_EXTHDR_OP_IPV6 && (present || !field))
        before = "exthdr ";
    if (!field) {
        snprintf(ret_field->words, sizeof(ret_field->words), "%s@%u,%u,%u", before, exthdr->type,
                 exthdr->offset * 8, exthdr->length * 8);
        return true;
    }
    if (!present)
        ret_field->type = field->value;
    snprintf(ret_field->words, sizeof(ret_field->words), "%s%s", before, field->words);
    return true;
}

bool field_of_option(const struct nft_exthdr *exthdr, uint32_t mask, struct field_text *ret_field,
                     uint32_t *ret_shift)
{
    static const struct {
        uint32_t offset, length, mask, shift;
        const char *words;
    } fragment[] = {{2, 2, 0xfff8, 3, "frag frag-off"},
                    {3, 1, 0x06, 1, "frag reserved2"},
                    {3, 1, 0x01, 0, "frag more-fragments"}};
    if (exthdr->op != NFT_EXTHDR_OP_IPV6 || exthdr->type != 44)
        return false;
    for (size_t i = 0; i < sizeof(fragment) / sizeof(fragment[0]); i++) {
        if (fragment[i].offset != exthdr->offset || fragment[i].length != exthdr->length ||
            fragment[i].mask != mask)
            continue;
        *ret_field = (struct field_text){.type = VALUE_NUMBER, .network_order = true};
        snprintf(ret_field->words, sizeof(ret_field->words), "%s", fragment[i].words);
        *ret_shift = fragment[i].shift;
        return true;
    }
    return false;
}

static bool numgen_field(const struct nft_numgen *numgen, struct field_text *ret_field)
{
    *ret_field = (struct field_text){.type = VALUE_NUMBER};
    int length = snprintf(ret_field->words, sizeof(ret_field->words), "numgen %s mod %u",
                          numgen->type == NFT_NG_RANDOM ? "random" : "inc", numgen->modulus);
    if (numgen->offset && length > 0)
        snprintf(ret_field->words + length, sizeof(ret_field->words) - (size_t)length, " offset %u",
                 numgen->offset);
    return true;
}

bool field_of_load(const struct nft_expression *expression, struct field_text *ret_field)
{
    switch (expression->kind) {
    case EXPRESSION_META:
        return give_key(meta_keys, KEYS(meta_keys), expression->meta.key, "", ret_field);
    case EXPRESSION_CT:
        return ct_field(&expression->ct, ret_field);
    case EXPRESSION_FIB:
        return fib_field(&expression->fib, ret_field);
    case EXPRESSION_RT:
        return give_key(rt_keys, KEYS(rt_keys), expression->other.key, "", ret_field);
    case EXPRESSION_SOCKET:
        return socket_field(&expression->socket, ret_field);
    case EXPRESSION_XFRM:
        return xfrm_field(&expression->xfrm, ret_field);
    case EXPRESSION_TUNNEL:
        return give_key(tunnel_keys, KEYS(tunnel_keys), expression->other.key, "", ret_field);
    case EXPRESSION_OSF:
        return osf_field(&expression->osf, ret_field);
    case EXPRESSION_EXTHDR:
        return exthdr_field(&expression->exthdr, ret_field);
    case EXPRESSION_NUMGEN:
        return numgen_field(&expression->numgen, ret_field);
    default:
        return false;
    }
}

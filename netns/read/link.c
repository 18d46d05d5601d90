/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/link.h"
#include "netns/base/text.h"
#include "netns/decode/attribute.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

/* ---- a link ---- */

/* IFLA_INFO_KIND of rtnl_link_ops. */
static const struct kind_word {
    const char *word;
    enum link_kind kind;
} kind_words[] = {
    {"veth", LINK_VETH},        {"bridge", LINK_BRIDGE},    {"macvlan", LINK_MACVLAN},
    {"ipvlan", LINK_IPVLAN},    {"vlan", LINK_VLAN},        {"vxlan", LINK_VXLAN},
    {"bond", LINK_BOND},        {"tun", LINK_TUN},          {"wireguard", LINK_WIREGUARD},
    {"vrf", LINK_VRF},          {"dummy", LINK_DUMMY},      {"ipip", LINK_TUNNEL},
    {"sit", LINK_TUNNEL},       {"gre", LINK_TUNNEL},       {"gretap", LINK_TUNNEL},
    {"erspan", LINK_TUNNEL},    {"ip6tnl", LINK_TUNNEL},    {"ip6gre", LINK_TUNNEL},
    {"ip6gretap", LINK_TUNNEL}, {"ip6erspan", LINK_TUNNEL}, {"vti", LINK_TUNNEL},
    {"vti6", LINK_TUNNEL},      {"geneve", LINK_TUNNEL},
};

static enum link_kind find_kind(const char *word)
{
    for (size_t i = 0; i < sizeof(kind_words) / sizeof(kind_words[0]); i++)
        if (text_equal(word, kind_words[i].word))
            return kind_words[i].kind;
    return LINK_OTHER;
}

static bool has_mac(struct bytes data, struct mac *ret_mac)
{
    if (!data.data || data.length != sizeof(ret_mac->bytes))
        return false;
    memcpy(ret_mac->bytes, data.data, sizeof(ret_mac->bytes));
    return true;
}

static bool fill_bridge(struct bytes data, struct link *link)
{
    struct bytes field[IFLA_BR_MAX + 1];
    bool whole = message_attributes(data, 0, field, IFLA_BR_MAX + 1, NULL);

    link->bridge_vlan_filtering = attribute_u8(field[IFLA_BR_VLAN_FILTERING], 0);
    link->bridge_nf_call_iptables = attribute_u8(field[IFLA_BR_NF_CALL_IPTABLES], 0);
    link->bridge_nf_call_ip6tables = attribute_u8(field[IFLA_BR_NF_CALL_IP6TABLES], 0);
    link->bridge_stp = attribute_u32(field[IFLA_BR_STP_STATE], 0);
    return whole;
}

static bool fill_port(struct bytes data, struct link *link)
{
    struct bytes field[IFLA_BRPORT_MAX + 1];
    bool whole = message_attributes(data, 0, field, IFLA_BRPORT_MAX + 1, NULL);

    link->port_state = attribute_u8(field[IFLA_BRPORT_STATE], 0);
    link->port_hairpin = attribute_u8(field[IFLA_BRPORT_MODE], 0);
    link->port_isolated = attribute_u8(field[IFLA_BRPORT_ISOLATED], 0);
    link->port_flood = attribute_u8(field[IFLA_BRPORT_UNICAST_FLOOD], 0);
    link->port_learning = attribute_u8(field[IFLA_BRPORT_LEARNING], 0);
    return whole;
}

static bool fill_macvlan(struct bytes data, struct link *link)
{
    struct bytes field[IFLA_MACVLAN_MAX + 1];
    bool whole = message_attributes(data, 0, field, IFLA_MACVLAN_MAX + 1, NULL);

    link->macvlan_mode = attribute_u32(field[IFLA_MACVLAN_MODE], 0);
    return whole;
}

static bool fill_vlan(struct bytes data, struct link *link)
{
    struct bytes field[IFLA_VLAN_MAX + 1];
    bool whole = message_attributes(data, 0, field, IFLA_VLAN_MAX + 1, NULL);
    uint32_t protocol = 0;

    link->vlan_id = attribute_u16(field[IFLA_VLAN_ID], 0);
    if (decode_u16(field[IFLA_VLAN_PROTOCOL], &protocol))
        link->vlan_protocol = (uint16_t)protocol;
    return whole;
}

static bool fill_info(struct bytes data, struct arena *arena, struct link *link)
{
    struct bytes field[IFLA_INFO_MAX + 1];
    bool whole = message_attributes(data, 0, field, IFLA_INFO_MAX + 1, NULL), is_text;

    if (field[IFLA_INFO_KIND].data) {
        link->kind_name = decode_name(arena, field[IFLA_INFO_KIND], &is_text);
        link->kind = find_kind(link->kind_name);
    }
    if (link->kind == LINK_BRIDGE)
        whole &= fill_bridge(field[IFLA_INFO_DATA], link);
    else if (link->kind == LINK_MACVLAN)
        whole &= fill_macvlan(field[IFLA_INFO_DATA], link);
    else if (link->kind == LINK_VLAN)
        whole &= fill_vlan(field[IFLA_INFO_DATA], link);
    if (field[IFLA_INFO_SLAVE_KIND].data &&
        text_equal(decode_name(arena, field[IFLA_INFO_SLAVE_KIND], &is_text), "bridge"))
        whole &= fill_port(field[IFLA_INFO_SLAVE_DATA], link);
    return whole;
}

/* DEVCONF_FORCE_FORWARDING of Linux 6.17, behind the last one of our headers (6.1) */
#define CONFIGURATION_FORCE_FORWARDING6 (DEVCONF_ACCEPT_RA_MIN_LFT + 1)

/* The kernel's own array of per-interface settings, as long as its version has them; 0 behind its end. */
static int32_t setting(struct bytes array, size_t place)
{
    int32_t value = 0;

    if (array.length >= (place + 1) * sizeof(value))
        memcpy(&value, array.data + place * sizeof(value), sizeof(value));
    return value;
}

static void fill_settings4(struct bytes array, struct link *link)
{
    link->has_sysctl4 = true;
    /* IFLA_INET_CONF begins with the first, numbered 1 */
    link->forwarding4 = setting(array, IPV4_DEVCONF_FORWARDING - 1);
    link->rp_filter = setting(array, IPV4_DEVCONF_RP_FILTER - 1);
    link->accept_local = setting(array, IPV4_DEVCONF_ACCEPT_LOCAL - 1);
    link->route_localnet = setting(array, IPV4_DEVCONF_ROUTE_LOCALNET - 1);
    link->src_valid_mark = setting(array, IPV4_DEVCONF_SRC_VMARK - 1);
    link->arp_ignore = setting(array, IPV4_DEVCONF_ARP_IGNORE - 1);
    link->proxy_arp = setting(array, IPV4_DEVCONF_PROXY_ARP - 1);
}

static void fill_settings6(struct bytes array, struct link *link)
{
    link->has_sysctl6 = true;
    link->forwarding6 = setting(array, DEVCONF_FORWARDING);
    link->disable_ipv6 = setting(array, DEVCONF_DISABLE_IPV6);
    link->accept_dad = setting(array, DEVCONF_ACCEPT_DAD);
    link->force_forwarding6 = setting(array, CONFIGURATION_FORCE_FORWARDING6);
}

static bool fill_settings(struct bytes data, struct link *link)
{
    struct bytes family[AF_INET6 + 1], field4[IFLA_INET_MAX + 1], field6[IFLA_INET6_MAX + 1];
    bool whole = message_attributes(data, 0, family, AF_INET6 + 1, NULL);

    whole &= message_attributes(family[AF_INET], 0, field4, IFLA_INET_MAX + 1, NULL);
    whole &= message_attributes(family[AF_INET6], 0, field6, IFLA_INET6_MAX + 1, NULL);
    if (field4[IFLA_INET_CONF].data)
        fill_settings4(field4[IFLA_INET_CONF], link);
    if (field6[IFLA_INET6_CONF].data)
        fill_settings6(field6[IFLA_INET6_CONF], link);
    return whole;
}

static bool fill_xdp(struct bytes data, struct link *link)
{
    struct bytes field[IFLA_XDP_MAX + 1];
    bool whole = message_attributes(data, 0, field, IFLA_XDP_MAX + 1, NULL);

    link->xdp_mode = attribute_u8(field[IFLA_XDP_ATTACHED], 0);
    link->xdp_program = attribute_u32(field[IFLA_XDP_PROG_ID], 0);
    for (size_t i = IFLA_XDP_DRV_PROG_ID; !link->xdp_program && i <= IFLA_XDP_HW_PROG_ID; i++)
        link->xdp_program = attribute_u32(field[i], 0);
    return whole;
}

static enum link_kind kind_by_hardware(uint16_t hardware)
{
    if (hardware == ARPHRD_LOOPBACK)
        return LINK_LOOPBACK;
    return hardware == ARPHRD_ETHER ? LINK_ETHERNET : LINK_OTHER;
}

static void fill_numbers(const struct bytes *field, struct link *link)
{
    link->mtu = attribute_u32(field[IFLA_MTU], 0);
    link->group = attribute_u32(field[IFLA_GROUP], 0);
    link->master = attribute_u32(field[IFLA_MASTER], 0);
    link->operational = attribute_u8(field[IFLA_OPERSTATE], 0);
    link->peer_index = attribute_u32(field[IFLA_LINK], 0);
    link->peer_nsid = (int32_t)attribute_u32(field[IFLA_LINK_NETNSID], (uint32_t)-1);
    /* elsewhere, in a namespace that gets no number any more because it is about to end */
    link->peer_unknown = field[IFLA_LINK_NETNSID].data && link->peer_nsid < 0;
    link->has_mac = has_mac(field[IFLA_ADDRESS], &link->mac);
}

enum message_is link_decode(struct bytes payload, struct arena *arena, struct link *ret_link)
{
    struct bytes field[IFLA_MAX + 1];
    struct ifinfomsg header;
    bool whole, is_text;

    if (!message_attributes(payload, sizeof(header), field, IFLA_MAX + 1, NULL) || !field[IFLA_IFNAME].data)
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    *ret_link = (struct link){.index = (uint32_t)header.ifi_index,
                              .flags = header.ifi_flags,
                              .hardware = header.ifi_type,
                              .kind = kind_by_hardware(header.ifi_type)};
    ret_link->name = decode_name(arena, field[IFLA_IFNAME], &is_text);
    if (field[IFLA_IFALIAS].length > 1)
        ret_link->alias = text_utf8(arena, field[IFLA_IFALIAS].data, field[IFLA_IFALIAS].length - 1);
    fill_numbers(field, ret_link);
    whole = fill_info(field[IFLA_LINKINFO], arena, ret_link);
    whole &= fill_settings(field[IFLA_AF_SPEC], ret_link);
    whole &= fill_xdp(field[IFLA_XDP], ret_link);
    return whole ? MESSAGE_ITEM : MESSAGE_MALFORMED;
}

/* ---- what stands on links ---- */

static struct address field_address(struct bytes data)
{
    return data.data ? address_from_bytes(data.data, data.length) : (struct address){.family = FAMILY_NONE};
}

enum message_is link_decode_address(struct bytes payload, struct link_address *ret_address)
{
    struct bytes field[IFA_MAX + 1];
    struct ifaddrmsg header;
    struct address local, other;

    if (!message_attributes(payload, sizeof(header), field, IFA_MAX + 1, NULL))
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    if (header.ifa_family != AF_INET && header.ifa_family != AF_INET6)
        return MESSAGE_OTHER;
    other = field_address(field[IFA_ADDRESS]);
    local = field[IFA_LOCAL].data ? field_address(field[IFA_LOCAL]) : other;
    if (local.family != family_from_af(header.ifa_family) || header.ifa_prefixlen > family_bits(local.family))
        return MESSAGE_MALFORMED;
    *ret_address = (struct link_address){.index = header.ifa_index,
                                         .prefix = {.address = local, .length = header.ifa_prefixlen},
                                         .scope = header.ifa_scope,
                                         .flags = attribute_u32(field[IFA_FLAGS], header.ifa_flags)};
    if (other.family != FAMILY_NONE && !address_equal(other, local))
        ret_address->peer = other;
    return MESSAGE_ITEM;
}

static bool neighbour_fields(struct bytes payload, struct ndmsg *ret_header, struct bytes field[NDA_MAX + 1])
{
    if (!message_attributes(payload, sizeof(*ret_header), field, NDA_MAX + 1, NULL))
        return false;
    memcpy(ret_header, payload.data, sizeof(*ret_header));
    return true;
}

enum message_is link_decode_neighbour(struct bytes payload, struct neighbour *ret_neighbour)
{
    struct bytes field[NDA_MAX + 1];
    struct ndmsg header;

    if (!neighbour_fields(payload, &header, field))
        return MESSAGE_MALFORMED;
    if (header.ndm_family != AF_INET && header.ndm_family != AF_INET6)
        return MESSAGE_OTHER;
    *ret_neighbour = (struct neighbour){.index = (uint32_t)header.ndm_ifindex,
                                        .address = field_address(field[NDA_DST]),
                                        .state = header.ndm_state,
                                        .flags = header.ndm_flags};
    ret_neighbour->has_mac = has_mac(field[NDA_LLADDR], &ret_neighbour->mac);
    if (ret_neighbour->address.family == FAMILY_NONE)
        return MESSAGE_MALFORMED;
    /* the kernel's own mappings of groups to hardware addresses */
    return address_is_multicast(ret_neighbour->address) ? MESSAGE_OTHER : MESSAGE_ITEM;
}

enum message_is link_decode_fdb(struct bytes payload, struct fdb_entry *ret_entry)
{
    struct bytes field[NDA_MAX + 1];
    struct ndmsg header;

    if (!neighbour_fields(payload, &header, field))
        return MESSAGE_MALFORMED;
    *ret_entry = (struct fdb_entry){.port = (uint32_t)header.ndm_ifindex,
                                    .master = attribute_u32(field[NDA_MASTER], 0),
                                    .state = header.ndm_state,
                                    .vlan = attribute_u16(field[NDA_VLAN], 0),
                                    .local = header.ndm_state & NUD_PERMANENT};
    if (header.ndm_family != AF_BRIDGE || !ret_entry->master)
        return MESSAGE_OTHER;
    return has_mac(field[NDA_LLADDR], &ret_entry->mac) ? MESSAGE_ITEM : MESSAGE_MALFORMED;
}

/* ---- the dumps ---- */

static enum message_is add_link(struct bytes payload, struct arena *arena, void *ret_item)
{
    return link_decode(payload, arena, ret_item);
}

static enum message_is add_address(struct bytes payload, struct arena *arena, void *ret_item)
{
    (void)arena;
    return link_decode_address(payload, ret_item);
}

static enum message_is add_neighbour(struct bytes payload, struct arena *arena, void *ret_item)
{
    (void)arena;
    return link_decode_neighbour(payload, ret_item);
}

static enum message_is add_fdb(struct bytes payload, struct arena *arena, void *ret_item)
{
    (void)arena;
    return link_decode_fdb(payload, ret_item);
}

/* Counters are of no interest, and more than half of the message. */
static void without_statistics(struct nlmsghdr *request)
{
    mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

static void proxies(struct nlmsghdr *request)
{
    struct ndmsg *header = mnl_nlmsg_get_payload(request);

    header->ndm_flags = NTF_PROXY;
}

#define INTO(list_, type_)                                                                                   \
    .list = offsetof(struct namespace, list_), .item = sizeof(struct type_),                                 \
    .limit = offsetof(struct read_budget, list_)

static const struct read_list links_list = {"links",
                                            PART_LINKS,
                                            .ask = RTM_GETLINK,
                                            .answer = RTM_NEWLINK,
                                            .header = sizeof(struct ifinfomsg),
                                            .prepare = without_statistics,
                                            .decode = add_link,
                                            INTO(links, link)};
static const struct read_list addresses_list = {"addresses",
                                                PART_ADDRESSES,
                                                .ask = RTM_GETADDR,
                                                .answer = RTM_NEWADDR,
                                                .header = sizeof(struct ifaddrmsg),
                                                .decode = add_address,
                                                INTO(addresses, link_address)};
static const struct read_list neighbours_list = {"neighbours",
                                                 PART_NEIGHBOURS,
                                                 .ask = RTM_GETNEIGH,
                                                 .answer = RTM_NEWNEIGH,
                                                 .header = sizeof(struct ndmsg),
                                                 .decode = add_neighbour,
                                                 INTO(neighbours, neighbour)};
static const struct read_list proxies_list = {"proxy neighbours",
                                              PART_NEIGHBOURS,
                                              .ask = RTM_GETNEIGH,
                                              .answer = RTM_NEWNEIGH,
                                              .header = sizeof(struct ndmsg),
                                              .prepare = proxies,
                                              .decode = add_neighbour,
                                              INTO(neighbours, neighbour)};
static const struct read_list fdb_list = {"forwarding entries", PART_FDB,
                                          .ask = RTM_GETNEIGH,  .answer = RTM_NEWNEIGH,
                                          .family = AF_BRIDGE,  .header = sizeof(struct ndmsg),
                                          .decode = add_fdb,    INTO(fdb, fdb_entry)};

static bool has_bridge(const struct namespace *namespace)
{
    list_each(struct link, link, &namespace->links) {
        if (link->kind == LINK_BRIDGE)
            return true;
    }
    return false;
}

int link_read(const struct reader *reader, struct netlink *route, struct namespace *namespace)
{
    const struct read_list *const lists[] = {&addresses_list, &neighbours_list, &proxies_list, &fdb_list};
    int first = read_list(reader, route, &links_list, namespace);

    list_each(struct link, link, &namespace->links) {
        if (link->peer_index && link->peer_nsid < 0 && !link->peer_unknown)
            link->peer_namespace = namespace->id;
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        int result = 0;

        if (lists[i] != &fdb_list || has_bridge(namespace))
            result = read_list(reader, route, lists[i], namespace);
        first = first ? first : result;
    }
    return first;
}

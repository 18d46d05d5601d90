/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/link.h"

#include "tests/unit/netns_read/messages.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>

/* ---- links ---- */

struct links {
    struct messages messages;
    LIST(struct link) items;
};

static struct links load(const char *name)
{
    struct links links = {.messages = messages_load(name)};

    list_each(struct bytes, payload, &links.messages.payloads) {
        ck_assert_int_eq(link_decode(*payload, links.messages.arena, list_append(&links.items)),
                         MESSAGE_ITEM);
    }
    return links;
}

static void unload(struct links *links)
{
    list_free(&links->items);
    messages_free(&links->messages);
}
#define _cleanup_links_ _cleanup_(unload)

static const struct link *named(const struct links *links, const char *name)
{
    list_each(struct link, link, &links->items) {
        if (!strcmp(link->name, name))
            return link;
    }
    ck_abort_msg("no link %s", name);
}

START_TEST(loopback)
{
    _cleanup_links_ struct links links = load("link");
    const struct link *link = named(&links, "lo");

    ck_assert_uint_eq(link->index, 1);
    ck_assert_int_eq(link->kind, LINK_LOOPBACK);
    ck_assert_uint_eq(link->hardware, ARPHRD_LOOPBACK);
    ck_assert_uint_ne(link->flags & IFF_LOOPBACK, 0);
    ck_assert_uint_eq(link->mtu, 65536);
    ck_assert_ptr_null(link->kind_name);
    ck_assert_uint_eq(link->peer_index, 0);
    ck_assert_int_eq(link->peer_nsid, -1);
}
END_TEST

START_TEST(bridge)
{
    _cleanup_links_ struct links links = load("link");
    const struct link *link = named(&links, "br0");

    ck_assert_int_eq(link->kind, LINK_BRIDGE);
    ck_assert_str_eq(link->kind_name, "bridge");
    ck_assert(link->bridge_nf_call_iptables);
    ck_assert(!link->bridge_nf_call_ip6tables);
    ck_assert(!link->bridge_stp);
    ck_assert(link->has_mac);
    ck_assert_uint_eq(link->mac.bytes[5], 1);
    ck_assert_uint_ne(link->flags & IFF_UP, 0);
    ck_assert_uint_eq(link->operational, 6); /* IF_OPER_UP */
}
END_TEST

START_TEST(bridge_port_whose_peer_is_elsewhere)
{
    _cleanup_links_ struct links links = load("link"), inside = load("link-inside");
    const struct link *port = named(&links, "port1"), *eth0 = named(&inside, "eth0");

    ck_assert_int_eq(port->kind, LINK_VETH);
    ck_assert_uint_eq(port->master, named(&links, "br0")->index);
    ck_assert_uint_eq(port->port_state, BR_STATE_FORWARDING);
    ck_assert(port->port_isolated);
    ck_assert(port->port_hairpin);
    ck_assert(port->port_flood);
    ck_assert(!port->port_learning);
    ck_assert_int_ge(port->peer_nsid, 0);
    ck_assert_uint_eq(port->peer_index, eth0->index);
    ck_assert_uint_eq(eth0->peer_index, port->index);
    ck_assert_int_ge(eth0->peer_nsid, 0);
}
END_TEST

START_TEST(veth_with_both_ends_here)
{
    _cleanup_links_ struct links links = load("link");
    const struct link *up0 = named(&links, "up0"), *up1 = named(&links, "up1");

    ck_assert_uint_eq(up0->peer_index, up1->index);
    ck_assert_int_eq(up0->peer_nsid, -1);
    ck_assert_str_eq(up1->alias, "uplink");
    ck_assert_ptr_null(up0->alias);
}
END_TEST

START_TEST(macvlan_whose_parent_is_elsewhere)
{
    _cleanup_links_ struct links links = load("link"), inside = load("link-inside");
    const struct link *link = named(&inside, "mv0");

    ck_assert_int_eq(link->kind, LINK_MACVLAN);
    ck_assert_uint_eq(link->macvlan_mode, MACVLAN_MODE_BRIDGE);
    ck_assert_uint_eq(link->peer_index, named(&links, "up0")->index);
    ck_assert_int_ge(link->peer_nsid, 0);
}
END_TEST

START_TEST(settings_of_both_families)
{
    _cleanup_links_ struct links links = load("link");
    const struct link *link = named(&links, "up0");

    ck_assert(link->has_sysctl4);
    ck_assert(link->has_sysctl6);
    ck_assert_int_eq(link->route_localnet, 0);
    ck_assert_int_eq(link->accept_dad, 1);
    ck_assert_int_eq(link->disable_ipv6, 0);
}
END_TEST

/* ---- by hand: what the fixtures' kernel does not have ---- */

static struct nlmsghdr *make_link(struct made_message *made, const char *name)
{
    const struct ifinfomsg header = {.ifi_index = 9, .ifi_type = ARPHRD_ETHER};
    struct nlmsghdr *message = message_make(made, &header, sizeof(header));

    mnl_attr_put_strz(message, IFLA_IFNAME, name);
    return message;
}

static struct link decode_made(const struct nlmsghdr *message, struct arena *arena, enum message_is expected)
{
    struct link link = {.index = 0};

    ck_assert_int_eq(link_decode(message_payload(message), arena, &link), expected);
    return link;
}

static struct link decode_kind(struct arena *arena, const char *kind)
{
    struct made_message made;
    struct nlmsghdr *message = make_link(&made, "x0");
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);

    mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
    mnl_attr_nest_end(message, info);
    return decode_made(message, arena, MESSAGE_ITEM);
}

START_TEST(kinds_have_words)
{
    static const struct {
        const char *word;
        enum link_kind kind;
    } kinds[] = {{"ipvlan", LINK_IPVLAN}, {"bond", LINK_BOND},     {"wireguard", LINK_WIREGUARD},
                 {"vrf", LINK_VRF},       {"dummy", LINK_DUMMY},   {"sit", LINK_TUNNEL},
                 {"tun", LINK_TUN},       {"netkit", LINK_OTHER},  {"", LINK_OTHER},
                 {"vxlan", LINK_VXLAN},   {"geneve", LINK_TUNNEL}, {"vlan", LINK_VLAN}};
    _cleanup_arena_ struct arena *arena = arena_new();

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct link link = decode_kind(arena, kinds[i].word);

        ck_assert_msg(link.kind == kinds[i].kind, "%s is %d", kinds[i].word, (int)link.kind);
        ck_assert_str_eq(link.kind_name, kinds[i].word);
    }
}
END_TEST

START_TEST(vlan)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct made_message made;
    struct nlmsghdr *message = make_link(&made, "up0.5");
    struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO), *data;
    struct link link;

    mnl_attr_put_strz(message, IFLA_INFO_KIND, "vlan");
    data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    mnl_attr_put_u16(message, IFLA_VLAN_ID, 5);
    mnl_attr_put(message, IFLA_VLAN_PROTOCOL, 2, "\x88\xa8");
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, info);
    link = decode_made(message, arena, MESSAGE_ITEM);
    ck_assert_uint_eq(link.vlan_id, 5);
    ck_assert_uint_eq(link.vlan_protocol, 0x88a8);
}
END_TEST

START_TEST(xdp)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct made_message made;
    struct nlmsghdr *message = make_link(&made, "up0");
    struct nlattr *nest = mnl_attr_nest_start(message, IFLA_XDP);
    struct link link;

    mnl_attr_put_u8(message, IFLA_XDP_ATTACHED, XDP_ATTACHED_MULTI);
    mnl_attr_put_u32(message, IFLA_XDP_SKB_PROG_ID, 77);
    mnl_attr_nest_end(message, nest);
    link = decode_made(message, arena, MESSAGE_ITEM);
    ck_assert_uint_eq(link.xdp_mode, XDP_ATTACHED_MULTI);
    ck_assert_uint_eq(link.xdp_program, 77);
}
END_TEST

START_TEST(names_that_are_not_text)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    struct made_message made;

    ck_assert_str_eq(decode_made(make_link(&made, "a\xff\\b"), arena, MESSAGE_ITEM).name, "a\\xff\\\\b");
}
END_TEST

START_TEST(what_is_not_whole_is_malformed)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    const struct ifinfomsg header = {.ifi_index = 9};
    struct made_message made;
    struct nlmsghdr *message = message_make(&made, &header, sizeof(header));

    decode_made(message, arena, MESSAGE_MALFORMED); /* no name */
    message = make_link(&made, "x0");
    mnl_attr_put(message, IFLA_LINKINFO, 6, "\x40\0\1\0xx"); /* longer than its frame */
    decode_made(message, arena, MESSAGE_MALFORMED);
}
END_TEST

/* ---- addresses, neighbours, forwarding ---- */

START_TEST(addresses)
{
    _cleanup_messages_ struct messages messages = messages_load("address");
    bool peer = false, six = false, plain = false;

    list_each(struct bytes, payload, &messages.payloads) {
        struct link_address address;

        ck_assert_int_eq(link_decode_address(*payload, &address), MESSAGE_ITEM);
        if (!strcmp(PREFIX_TEXT(address.prefix), "10.9.9.1/32"))
            peer = !strcmp(ADDRESS_TEXT(address.peer), "10.9.9.2");
        if (!strcmp(PREFIX_TEXT(address.prefix), "fd00:18::1/64"))
            six = address.peer.family == FAMILY_NONE && address.flags & IFA_F_NODAD;
        if (!strcmp(PREFIX_TEXT(address.prefix), "127.0.0.1/8"))
            plain = address.index == 1 && address.scope == RT_SCOPE_HOST && address.flags & IFA_F_PERMANENT &&
                    address.peer.family == FAMILY_NONE;
    }
    ck_assert(peer);
    ck_assert(six);
    ck_assert(plain);
}
END_TEST

START_TEST(an_address_has_a_sane_length)
{
    const struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 33};
    struct link_address address;
    struct made_message made;
    struct nlmsghdr *message = message_make(&made, &header, sizeof(header));

    mnl_attr_put(message, IFA_LOCAL, 4, "\x0a\0\0\1");
    ck_assert_int_eq(link_decode_address(message_payload(message), &address), MESSAGE_MALFORMED);
}
END_TEST

START_TEST(neighbours)
{
    _cleanup_messages_ struct messages messages = messages_load("neighbour");
    bool proxy = false, permanent = false;

    list_each(struct bytes, payload, &messages.payloads) {
        struct neighbour neighbour;
        enum message_is result = link_decode_neighbour(*payload, &neighbour);

        ck_assert_int_ne(result, MESSAGE_MALFORMED);
        if (result == MESSAGE_OTHER)
            continue; /* a group */
        ck_assert(!address_is_multicast(neighbour.address));
        if (!strcmp(ADDRESS_TEXT(neighbour.address), "192.0.2.99"))
            proxy = neighbour.flags & NTF_PROXY && !neighbour.has_mac;
        if (!strcmp(ADDRESS_TEXT(neighbour.address), "192.0.2.7"))
            permanent = neighbour.state == NUD_PERMANENT && neighbour.has_mac && neighbour.mac.bytes[5] == 7;
    }
    ck_assert(proxy);
    ck_assert(permanent);
}
END_TEST

START_TEST(forwarding_entries)
{
    _cleanup_messages_ struct messages messages = messages_load("fdb");
    bool fixed = false, own = false;

    list_each(struct bytes, payload, &messages.payloads) {
        struct fdb_entry entry;
        enum message_is result = link_decode_fdb(*payload, &entry);

        ck_assert_int_ne(result, MESSAGE_MALFORMED);
        if (result == MESSAGE_OTHER)
            continue; /* a device's own filter */
        ck_assert_uint_ne(entry.master, 0);
        if (entry.mac.bytes[5] == 0xaa)
            fixed = entry.state == NUD_NOARP && !entry.local && entry.port != entry.master;
        if (entry.mac.bytes[5] == 0x02)
            own = entry.local;
    }
    ck_assert(fixed);
    ck_assert(own);
}
END_TEST

START_TEST(namespace_numbers)
{
    const struct rtgenmsg header = {.rtgen_family = 0};
    struct made_message made;
    struct nlmsghdr *message = message_make(&made, &header, sizeof(header));

    ck_assert_int_eq(link_decode_nsid(message_payload(message)), -1);
    mnl_attr_put_u32(message, NETNSA_NSID, 3);
    ck_assert_int_eq(link_decode_nsid(message_payload(message)), 3);
    ck_assert_int_eq(link_decode_nsid((struct bytes){NULL, 0}), -1);
}
END_TEST

/* ---- hostile bytes ---- */

static void parse_link(struct bytes payload, struct arena *arena)
{
    struct link link;

    (void)link_decode(payload, arena, &link);
}

static void parse_small(struct bytes payload, struct arena *arena)
{
    struct link_address address;
    struct neighbour neighbour;
    struct fdb_entry entry;

    (void)arena;
    (void)link_decode_address(payload, &address);
    (void)link_decode_neighbour(payload, &neighbour);
    (void)link_decode_fdb(payload, &entry);
    (void)link_decode_nsid(payload);
}

START_TEST(hostile)
{
    hostile_messages("link-inside", parse_link);
    hostile_messages("address", parse_small);
    hostile_messages("neighbour", parse_small);
    hostile_messages("fdb", parse_small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 60);
    tcase_add_test(all, loopback);
    tcase_add_test(all, bridge);
    tcase_add_test(all, bridge_port_whose_peer_is_elsewhere);
    tcase_add_test(all, veth_with_both_ends_here);
    tcase_add_test(all, macvlan_whose_parent_is_elsewhere);
    tcase_add_test(all, settings_of_both_families);
    tcase_add_test(all, kinds_have_words);
    tcase_add_test(all, vlan);
    tcase_add_test(all, xdp);
    tcase_add_test(all, names_that_are_not_text);
    tcase_add_test(all, what_is_not_whole_is_malformed);
    tcase_add_test(all, addresses);
    tcase_add_test(all, an_address_has_a_sane_length);
    tcase_add_test(all, neighbours);
    tcase_add_test(all, forwarding_entries);
    tcase_add_test(all, namespace_numbers);
    tcase_add_test(all, hostile);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}

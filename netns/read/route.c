/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/route.h"
#include "netns/decode/attribute.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <unistd.h>

/* Newer than Debian 12's headers. */
enum {
    RULE_DSCP = 25,
    RULE_FLOW_LABEL,
    RULE_FLOW_LABEL_MASK,
    RULE_SOURCE_MASK,
    RULE_DESTINATION_MASK,
    RULE_MAX = 32
};
enum { ROUTE_MAX = 32 };

static struct address field_address(struct bytes data)
{
    return data.data ? address_from_bytes(data.data, data.length) : (struct address){.family = FAMILY_NONE};
}

/* True where an attribute is there whose type's bit is not set in `known`. */
static bool has_unknown(const struct bytes *field, size_t count, uint64_t known)
{
    for (size_t i = 0; i < count; i++)
        if (field[i].data && !(known >> i & 1))
            return true;
    return false;
}

#define BIT(type) (UINT64_C(1) << (type))

/* An absent address is 0.0.0.0 or :: with length 0. False: length and family do not go together. */
static bool fill_prefix(struct bytes data, uint8_t length, enum ip_family family, struct prefix *prefix)
{
    struct address address = data.data ? field_address(data) : (struct address){.family = family};

    *prefix = (struct prefix){.address = address, .length = length};
    return address.family == family && length <= family_bits(family) && (data.data || !length);
}

/* ---- routes ---- */

/* RTA_VIA: a gateway of another family than the route's. */
static struct address via_address(struct bytes data)
{
    uint16_t family;

    if (data.length < sizeof(family))
        return (struct address){.family = FAMILY_NONE};
    memcpy(&family, data.data, sizeof(family));
    if (family != AF_INET && family != AF_INET6)
        return (struct address){.family = FAMILY_NONE};
    return address_from_bytes(data.data + sizeof(family), data.length - sizeof(family));
}

static void fill_gateway(const struct bytes *field, struct next_hop *hop)
{
    hop->gateway = field_address(field[RTA_GATEWAY]);
    if (field[RTA_VIA].data)
        hop->gateway = via_address(field[RTA_VIA]);
}

/* What a route may carry without meaning anything for where a packet goes. */
#define HARMLESS                                                                                             \
    (BIT(RTA_METRICS) | BIT(RTA_FLOW) | BIT(RTA_CACHEINFO) | BIT(RTA_PREF) | BIT(RTA_EXPIRES) |              \
     BIT(RTA_PAD) | BIT(RTA_MP_ALGO))
#define HOP_KNOWN (BIT(RTA_GATEWAY) | BIT(RTA_VIA) | BIT(RTA_FLOW) | BIT(RTA_PAD))
#define ROUTE_KNOWN                                                                                          \
    (HARMLESS | BIT(RTA_DST) | BIT(RTA_SRC) | BIT(RTA_OIF) | BIT(RTA_GATEWAY) | BIT(RTA_PRIORITY) |          \
     BIT(RTA_PREFSRC) | BIT(RTA_MULTIPATH) | BIT(RTA_TABLE) | BIT(RTA_VIA) | BIT(RTA_NH_ID))

/* RTA_MULTIPATH: struct rtnexthop with its attributes, one after the other. */
static bool fill_hops(struct bytes data, struct route *route)
{
    while (data.length >= sizeof(struct rtnexthop)) {
        struct bytes field[ROUTE_MAX];
        struct rtnexthop header;
        struct next_hop *hop;
        size_t step;

        memcpy(&header, data.data, sizeof(header));
        if (header.rtnh_len < sizeof(header) || header.rtnh_len > data.length)
            return false;
        if (!message_attributes((struct bytes){data.data, header.rtnh_len}, sizeof(header), field, ROUTE_MAX,
                                &route->unknown_attribute))
            return false;
        hop = list_append(&route->next_hops);
        *hop = (struct next_hop){.index = (uint32_t)header.rtnh_ifindex,
                                 .weight = header.rtnh_hops + 1U,
                                 .flags = header.rtnh_flags};
        fill_gateway(field, hop);
        route->unknown_attribute |= has_unknown(field, ROUTE_MAX, HOP_KNOWN);
        step = NLMSG_ALIGN((size_t)header.rtnh_len);
        step = step > data.length ? data.length : step;
        data = (struct bytes){data.data + step, data.length - step};
    }
    return data.length == 0;
}

static void fill_hop(const struct bytes *field, const struct rtmsg *header, struct route *route)
{
    struct next_hop *hop;

    if (!field[RTA_OIF].data && !field[RTA_GATEWAY].data && !field[RTA_VIA].data)
        return;
    hop = list_append(&route->next_hops);
    *hop = (struct next_hop){
        .index = attribute_u32(field[RTA_OIF], 0), .weight = 1, .flags = header->rtm_flags & UINT8_MAX};
    fill_gateway(field, hop);
}

static bool fill_route(const struct bytes *field, const struct rtmsg *header, struct route *route)
{
    bool whole = fill_prefix(field[RTA_DST], header->rtm_dst_len, route->family, &route->destination);

    if (field[RTA_SRC].data || header->rtm_src_len)
        whole &= fill_prefix(field[RTA_SRC], header->rtm_src_len, route->family, &route->source);
    route->table = attribute_u32(field[RTA_TABLE], header->rtm_table);
    route->priority = attribute_u32(field[RTA_PRIORITY], 0);
    route->preferred_source = field_address(field[RTA_PREFSRC]);
    route->next_hop_id = attribute_u32(field[RTA_NH_ID], 0);
    route->unknown_attribute |= has_unknown(field, ROUTE_MAX, ROUTE_KNOWN);
    if (field[RTA_MULTIPATH].data)
        whole &= fill_hops(field[RTA_MULTIPATH], route);
    else
        fill_hop(field, header, route);
    return whole;
}

enum message_is route_decode(struct bytes payload, struct route *ret_route)
{
    struct bytes field[ROUTE_MAX];
    struct rtmsg header;
    bool beyond = false;

    if (!message_attributes(payload, sizeof(header), field, ROUTE_MAX, &beyond))
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    if ((header.rtm_family != AF_INET && header.rtm_family != AF_INET6) || header.rtm_flags & RTM_F_CLONED)
        return MESSAGE_OTHER;
    *ret_route = (struct route){.family = family_from_af(header.rtm_family),
                                .tos = header.rtm_tos,
                                .type = header.rtm_type,
                                .scope = header.rtm_scope,
                                .protocol = header.rtm_protocol,
                                .unknown_attribute = beyond};
    return fill_route(field, &header, ret_route) ? MESSAGE_ITEM : MESSAGE_MALFORMED;
}

/* ---- next-hop objects ---- */

#define OBJECT_KNOWN                                                                                         \
    (BIT(NHA_ID) | BIT(NHA_GROUP) | BIT(NHA_GROUP_TYPE) | BIT(NHA_BLACKHOLE) | BIT(NHA_OIF) |                \
     BIT(NHA_GATEWAY) | BIT(OBJECT_OP_FLAGS))
enum { OBJECT_OP_FLAGS = 14, OBJECT_MAX = 16 }; /* NHA_OP_FLAGS: says only how to read the members */

/* struct nexthop_grp: its second byte of weight has no name in older headers, and is 0 there. */
struct group_member {
    uint32_t id;
    uint8_t weight, weight_high;
    uint16_t reserved;
};

static void fill_members(struct bytes data, struct next_hop_object *object)
{
    struct group_member member;

    for (; data.length >= sizeof(member); data.data += sizeof(member), data.length -= sizeof(member)) {
        memcpy(&member, data.data, sizeof(member));
        *list_append(&object->members) = (struct next_hop_member){
            .id = member.id, .weight = (uint32_t)(member.weight | member.weight_high << 8) + 1};
    }
}

enum message_is route_decode_next_hop(struct bytes payload, struct next_hop_object *ret_object)
{
    struct bytes field[OBJECT_MAX];
    struct nhmsg header;
    bool beyond = false;

    if (!message_attributes(payload, sizeof(header), field, OBJECT_MAX, &beyond))
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    *ret_object = (struct next_hop_object){.id = attribute_u32(field[NHA_ID], 0),
                                           .blackhole = field[NHA_BLACKHOLE].data != NULL};
    ret_object->hop = (struct next_hop){.index = attribute_u32(field[NHA_OIF], 0),
                                        .gateway = field_address(field[NHA_GATEWAY]),
                                        .weight = 1,
                                        .flags = header.nh_flags & UINT8_MAX};
    fill_members(field[NHA_GROUP], ret_object);
    /* a group of another type than multipath (0) shares its flows in its own way */
    ret_object->unknown_attribute = beyond || has_unknown(field, OBJECT_MAX, OBJECT_KNOWN) ||
                                    attribute_u16(field[NHA_GROUP_TYPE], 0) != NEXTHOP_GRP_TYPE_MPATH;
    return ret_object->id ? MESSAGE_ITEM : MESSAGE_MALFORMED;
}

void route_next_hop_free(struct next_hop_object *object)
{
    list_free(&object->members);
}

static void index_objects(const next_hop_object_list *objects, struct map *map)
{
    list_each(struct next_hop_object, object, objects) {
        map_set_u64(map, object->id, object);
    }
}

static void add_object(struct route *route, const struct next_hop_object *object, uint32_t weight)
{
    struct next_hop *hop;

    if (!object || object->unknown_attribute)
        route->unknown_attribute = true;
    if (!object || object->members.count)
        return; /* groups have no groups in them */
    if (object->blackhole) {
        route->type = RTN_BLACKHOLE;
        return;
    }
    hop = list_append(&route->next_hops);
    *hop = object->hop;
    hop->weight = weight;
}

static void resolve(struct route *route, const struct map *objects)
{
    const struct next_hop_object *object = map_get_u64(objects, route->next_hop_id);

    if (!object || !object->members.count) {
        add_object(route, object, 1);
        return;
    }
    route->unknown_attribute |= object->unknown_attribute;
    list_each(struct next_hop_member, member, &object->members) {
        add_object(route, map_get_u64(objects, member->id), member->weight);
    }
}

static bool is_unresolved(const struct route *route)
{
    return route->next_hop_id && !route->next_hops.count && route->type != RTN_BLACKHOLE;
}

void route_resolve(struct namespace *namespace, const next_hop_object_list *objects)
{
    _cleanup_map_ struct map *map = map_new();

    index_objects(objects, map);
    list_each(struct route, route, &namespace->routes) {
        if (is_unresolved(route))
            resolve(route, map);
    }
}

struct objects_reading {
    next_hop_object_list objects;
    size_t limit;
};

static struct nlmsghdr *ask_for_objects(struct netlink *netlink, void *context)
{
    (void)context;
    return netlink_request(netlink, RTM_GETNEXTHOP, 0, sizeof(struct nhmsg));
}

static void forget_objects(void *context)
{
    struct objects_reading *reading = context;

    list_each(struct next_hop_object, object, &reading->objects) {
        route_next_hop_free(object);
    }
    list_free(&reading->objects);
}

static int take_object(const struct nlmsghdr *message, void *context)
{
    struct objects_reading *reading = context;

    if (message->nlmsg_type != RTM_NEWNEXTHOP)
        return 0;
    if (reading->objects.count == reading->limit)
        return NETLINK_STOPPED;
    if (route_decode_next_hop(message_payload(message), list_append(&reading->objects)) != MESSAGE_ITEM)
        route_next_hop_free(&reading->objects.items[--reading->objects.count]); /* its routes stay unknown */
    return 0;
}

/* The kernel writes an object's hops into the routes itself unless net.ipv4.nexthop_compat_mode is 0. */
static int resolve_objects(const struct reader *reader, struct netlink *route, struct namespace *namespace)
{
    struct objects_reading reading = {.limit = reader->budget.routes};
    const struct read_dump dump = {.subject = "next-hop objects",
                                   .part = PART_ROUTES,
                                   .build = ask_for_objects,
                                   .handle = take_object,
                                   .reset = forget_objects,
                                   .context = &reading};
    bool wanted = false;
    int result;

    list_each(struct route, candidate, &namespace->routes) {
        wanted |= is_unresolved(candidate);
    }
    if (!wanted)
        return 0;
    result = read_dump(route, &dump, namespace);
    route_resolve(namespace, &reading.objects);
    forget_objects(&reading);
    return result;
}

/* ---- policy rules ---- */

#define RULE_KNOWN                                                                                           \
    (BIT(FRA_DST) | BIT(FRA_SRC) | BIT(FRA_IIFNAME) | BIT(FRA_GOTO) | BIT(FRA_PRIORITY) | BIT(FRA_FWMARK) |  \
     BIT(FRA_FLOW) | BIT(FRA_SUPPRESS_IFGROUP) | BIT(FRA_SUPPRESS_PREFIXLEN) | BIT(FRA_TABLE) |              \
     BIT(FRA_FWMASK) | BIT(FRA_OIFNAME) | BIT(FRA_PAD) | BIT(FRA_L3MDEV) | BIT(FRA_UID_RANGE) |              \
     BIT(FRA_PROTOCOL) | BIT(FRA_IP_PROTO) | BIT(FRA_SPORT_RANGE) | BIT(FRA_DPORT_RANGE) |                   \
     BIT(RULE_SOURCE_MASK) | BIT(RULE_DESTINATION_MASK))

static const char *interface_name(struct bytes data, struct arena *arena)
{
    bool is_text;

    return data.data ? decode_name(arena, data, &is_text) : NULL;
}

static bool fill_ports(struct bytes data, uint16_t *first, uint16_t *last)
{
    struct fib_rule_port_range range;

    if (data.length != sizeof(range))
        return false;
    memcpy(&range, data.data, sizeof(range));
    *first = range.start;
    *last = range.end;
    return true;
}

static void fill_tests(const struct bytes *field, struct policy_rule *rule)
{
    struct fib_rule_uid_range uids;

    rule->mark = attribute_u32(field[FRA_FWMARK], 0);
    rule->mark_mask = attribute_u32(field[FRA_FWMASK], rule->mark ? UINT32_MAX : 0);
    rule->l3mdev = attribute_u8(field[FRA_L3MDEV], 0);
    rule->ip_protocol = attribute_u8(field[FRA_IP_PROTO], 0);
    if (field[FRA_UID_RANGE].length == sizeof(uids)) {
        memcpy(&uids, field[FRA_UID_RANGE].data, sizeof(uids));
        rule->has_uid = true;
        rule->uid_first = uids.start;
        rule->uid_last = uids.end;
    }
    rule->has_source_port =
        fill_ports(field[FRA_SPORT_RANGE], &rule->source_port_first, &rule->source_port_last);
    rule->has_destination_port =
        fill_ports(field[FRA_DPORT_RANGE], &rule->destination_port_first, &rule->destination_port_last);
    /* a mask that tests all bits is no more than the range */
    rule->unknown_attribute |= attribute_u16(field[RULE_SOURCE_MASK], UINT16_MAX) != UINT16_MAX ||
                               attribute_u16(field[RULE_DESTINATION_MASK], UINT16_MAX) != UINT16_MAX;
}

static void fill_action(const struct bytes *field, const struct fib_rule_hdr *header, struct arena *arena,
                        struct policy_rule *rule)
{
    rule->priority = attribute_u32(field[FRA_PRIORITY], 0);
    rule->table = attribute_u32(field[FRA_TABLE], header->table);
    rule->action = header->action;
    rule->invert = header->flags & FIB_RULE_INVERT;
    rule->tos = header->tos;
    rule->input_interface = interface_name(field[FRA_IIFNAME], arena);
    rule->output_interface = interface_name(field[FRA_OIFNAME], arena);
    rule->goto_target = attribute_u32(field[FRA_GOTO], 0);
    rule->suppress_prefix_length = (int32_t)attribute_u32(field[FRA_SUPPRESS_PREFIXLEN], (uint32_t)-1);
    rule->suppress_group = (int32_t)attribute_u32(field[FRA_SUPPRESS_IFGROUP], (uint32_t)-1);
}

enum message_is route_decode_rule(struct bytes payload, struct arena *arena, struct policy_rule *ret_rule)
{
    struct bytes field[RULE_MAX];
    struct fib_rule_hdr header;
    bool beyond = false, whole = true;

    if (!message_attributes(payload, sizeof(header), field, RULE_MAX, &beyond))
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    if (header.family != AF_INET && header.family != AF_INET6)
        return MESSAGE_OTHER;
    *ret_rule = (struct policy_rule){.family = family_from_af(header.family),
                                     .unknown_attribute = beyond || has_unknown(field, RULE_MAX, RULE_KNOWN)};
    if (field[FRA_SRC].data || header.src_len)
        whole &= fill_prefix(field[FRA_SRC], header.src_len, ret_rule->family, &ret_rule->from);
    if (field[FRA_DST].data || header.dst_len)
        whole &= fill_prefix(field[FRA_DST], header.dst_len, ret_rule->family, &ret_rule->to);
    fill_action(field, &header, arena, ret_rule);
    fill_tests(field, ret_rule);
    return whole ? MESSAGE_ITEM : MESSAGE_MALFORMED;
}

/* ---- the dumps ---- */

static enum message_is add_route(struct bytes payload, struct arena *arena, void *ret_item)
{
    (void)arena;
    return route_decode(payload, ret_item);
}

static enum message_is add_rule(struct bytes payload, struct arena *arena, void *ret_item)
{
    return route_decode_rule(payload, arena, ret_item);
}

static void free_route(void *item)
{
    struct route *route = item;

    list_free(&route->next_hops);
}

#define ROUTES(subject_, family_, optional_)                                                                 \
    {                                                                                                        \
        .subject = (subject_), .part = PART_ROUTES, .ask = RTM_GETROUTE, .answer = RTM_NEWROUTE,             \
        .family = (family_), .optional = (optional_), .header = sizeof(struct rtmsg),                        \
        .list = offsetof(struct namespace, routes), .item = sizeof(struct route),                            \
        .limit = offsetof(struct read_budget, routes), .decode = add_route, .free_item = free_route          \
    }
#define RULES(subject_, family_)                                                                             \
    {                                                                                                        \
        .subject = (subject_), .part = PART_POLICY_RULES, .ask = RTM_GETRULE, .answer = RTM_NEWRULE,         \
        .family = (family_), .optional = true, .header = sizeof(struct fib_rule_hdr),                        \
        .list = offsetof(struct namespace, policy_rules), .item = sizeof(struct policy_rule),                \
        .limit = offsetof(struct read_budget, policy_rules), .decode = add_rule                              \
    }
static const struct read_list routes_lists[] = {ROUTES("IPv4 routes", AF_INET, false),
                                                ROUTES("IPv6 routes", AF_INET6, true)};
static const struct read_list rules_lists[] = {RULES("IPv4 policy rules", AF_INET),
                                               RULES("IPv6 policy rules", AF_INET6)};

static void add_fixed_rule(struct namespace *namespace, enum ip_family family, uint32_t priority,
                           uint32_t table)
{
    *list_append(&namespace->policy_rules) = (struct policy_rule){.family = family,
                                                                  .priority = priority,
                                                                  .table = table,
                                                                  .action = FR_ACT_TO_TBL,
                                                                  .suppress_prefix_length = -1,
                                                                  .suppress_group = -1};
}

/* Without CONFIG_IP_MULTIPLE_TABLES the kernel looks into two tables, always. */
static void add_fixed_rules(struct namespace *namespace, enum ip_family family)
{
    add_fixed_rule(namespace, family, 0, RT_TABLE_LOCAL);
    add_fixed_rule(namespace, family, 32766, RT_TABLE_MAIN);
}

static bool has_routes(const struct namespace *namespace, enum ip_family family)
{
    list_each(struct route, route, &namespace->routes) {
        if (route->family == family)
            return true;
    }
    return false;
}

static int read_rules(const struct reader *reader, struct netlink *route, const struct read_list *list,
                      struct namespace *namespace)
{
    enum ip_family family = family_from_af(list->family);
    int result = read_list(reader, route, list, namespace);

    /* not the same as a namespace that deleted all its rules: there nothing is routed */
    if (result == READ_ABSENT && (family == FAMILY_IP4 || has_routes(namespace, family)))
        add_fixed_rules(namespace, family);
    return result == READ_ABSENT ? 0 : result;
}

int route_read(const struct reader *reader, struct netlink *route, struct namespace *namespace)
{
    int results[5], first = 0;

    for (size_t i = 0; i < 2; i++)
        results[i] = read_list(reader, route, &routes_lists[i], namespace);
    for (size_t i = 0; i < 2; i++)
        results[2 + i] = read_rules(reader, route, &rules_lists[i], namespace);
    results[4] = resolve_objects(reader, route, namespace);
    for (size_t i = 0; i < 5 && !first; i++)
        first = results[i] == READ_ABSENT ? 0 : results[i];
    return first;
}

/* ---- sysctls ---- */

struct sysctl_row {
    const char *path; /* beneath the group's folder */
    size_t offset;
};
#define SYSCTL(path_, member_)                                                                               \
    {                                                                                                        \
        .path = (path_), .offset = offsetof(struct sysctls, member_)                                         \
    }
static const struct sysctl_row rows4[] = {
    SYSCTL("ip_forward", ip_forward),
    SYSCTL("conf/all/forwarding", forwarding4_all),
    SYSCTL("conf/all/rp_filter", rp_filter_all),
    SYSCTL("conf/all/accept_local", accept_local_all),
    SYSCTL("conf/all/route_localnet", route_localnet_all),
    SYSCTL("conf/all/src_valid_mark", src_valid_mark_all),
    SYSCTL("tcp_l3mdev_accept", tcp_l3mdev_accept),
    SYSCTL("udp_l3mdev_accept", udp_l3mdev_accept),
    SYSCTL("ip_unprivileged_port_start", ip_unprivileged_port_start),
    SYSCTL("ip_early_demux", ip_early_demux),
    SYSCTL("fwmark_reflect", fwmark_reflect4),
};
static const struct sysctl_row rows6[] = {
    SYSCTL("conf/all/forwarding", forwarding6_all),
    SYSCTL("conf/all/force_forwarding", force_forwarding6_all),
    SYSCTL("bindv6only", bindv6only),
};
static const struct sysctl_row rows_bridge[] = {
    SYSCTL("bridge-nf-call-iptables", bridge_nf_call_iptables),
    SYSCTL("bridge-nf-call-ip6tables", bridge_nf_call_ip6tables),
    SYSCTL("bridge-nf-call-arptables", bridge_nf_call_arptables),
    SYSCTL("bridge-nf-filter-vlan-tagged", bridge_nf_filter_vlan_tagged),
    SYSCTL("bridge-nf-pass-vlan-input-dev", bridge_nf_pass_vlan_input_dev),
};
static const struct sysctl_row rows_conntrack[] = {
    SYSCTL("nf_conntrack_count", conntrack_count),
    SYSCTL("nf_conntrack_max", conntrack_max),
};

/* To find a namespace's own folder costs far more than to read a file in it: each is opened once. */
static const struct sysctl_group {
    const char *folder;
    const struct sysctl_row *rows;
    size_t count;
    bool always;  /* its absence means that procfs does not show it */
    bool bridges; /* of use only where there is a bridge */
} sysctl_groups[] = {
    {"sys/net/ipv4", rows4, sizeof(rows4) / sizeof(rows4[0]), .always = true},
    {"sys/net/ipv6", rows6, sizeof(rows6) / sizeof(rows6[0]), .always = false},
    {"sys/net/bridge", rows_bridge, sizeof(rows_bridge) / sizeof(rows_bridge[0]), .bridges = true},
    {"sys/net/netfilter", rows_conntrack, sizeof(rows_conntrack) / sizeof(rows_conntrack[0]),
     .always = false},
};
enum { SYSCTL_GROUPS = sizeof(sysctl_groups) / sizeof(sysctl_groups[0]) };

static int32_t *number_at(struct namespace *namespace, const struct sysctl_row *row)
{
    return (int32_t *)(void *)((uint8_t *)&namespace->sysctls + row->offset);
}

/* One number in a file. */
static int read_number(int folder, const char *path, int32_t *ret_number)
{
    _cleanup_close_ int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    char text[32];
    ssize_t length;

    if (fd < 0)
        return -errno;
    length = read(fd, text, sizeof(text) - 1);
    if (length < 0)
        return -errno;
    text[length] = 0;
    return sscanf(text, "%" SCNd32, ret_number) == 1 ? 0 : -EBADMSG;
}

static int sysctl_fault(struct namespace *namespace, int status, const char *folder, const char *path)
{
    char subject[128];
    struct error error;

    snprintf(subject, sizeof(subject), "%s/%s", folder, path);
    (void)error_errno(&error, status, "sysctl-unreadable", subject, "the setting cannot be read");
    namespace_fault(namespace, PART_SYSCTLS, &error);
    return -status;
}

static int read_group(const struct reader *reader, const struct sysctl_group *group,
                      struct namespace *namespace)
{
    _cleanup_close_ int folder = openat(reader->proc, group->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int first = 0;

    if (folder < 0)
        return errno == ENOENT && !group->always ? 0 : sysctl_fault(namespace, errno, group->folder, "");
    for (size_t i = 0; i < group->count; i++) {
        int result = read_number(folder, group->rows[i].path, number_at(namespace, &group->rows[i]));

        if (result < 0 && result != -ENOENT)
            first = sysctl_fault(namespace, -result, group->folder, group->rows[i].path);
    }
    return first;
}

static bool has_bridge(const struct namespace *namespace)
{
    list_each(struct link, link, &namespace->links) {
        if (link->kind == LINK_BRIDGE)
            return true;
    }
    return namespace->missing & PART_LINKS;
}

int sysctl_read(const struct reader *reader, struct namespace *namespace)
{
    int first = 0;

    for (size_t i = 0; i < SYSCTL_GROUPS; i++) {
        const struct sysctl_group *group = &sysctl_groups[i];
        int result = 0;

        for (size_t row = 0; row < group->count; row++)
            *number_at(namespace, &group->rows[row]) = -1;
        if (!group->bridges || has_bridge(namespace))
            result = read_group(reader, group, namespace);
        first = first ? first : result;
    }
    return first;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/route.h"

#include "tests/unit/netns_read/messages.h"

#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

/* ---- routes ---- */

struct table {
    struct messages messages;
    struct namespace *namespace;
};

static struct table load(const char *name)
{
    struct table table = {.messages = messages_load(name), .namespace = namespace_new(1)};

    list_each(struct bytes, payload, &table.messages.payloads) {
        ck_assert_int_eq(route_decode(*payload, list_append(&table.namespace->routes)), MESSAGE_ITEM);
    }
    return table;
}

static void unload(struct table *table)
{
    messages_free(&table->messages);
    namespace_free(table->namespace);
}
#define _cleanup_table_ _cleanup_(unload)

static struct route *to(const struct table *table, const char *destination)
{
    list_each(struct route, route, &table->namespace->routes) {
        if (!strcmp(PREFIX_TEXT(route->destination), destination))
            return route;
    }
    ck_abort_msg("no route to %s", destination);
}

static void check_hop(const struct route *route, size_t place, const char *gateway, uint32_t weight)
{
    ck_assert_uint_gt(route->next_hops.count, place);
    ck_assert_str_eq(ADDRESS_TEXT(route->next_hops.items[place].gateway), gateway);
    ck_assert_uint_eq(route->next_hops.items[place].weight, weight);
    ck_assert_uint_ne(route->next_hops.items[place].index, 0);
}

START_TEST(routes_through_several_hops)
{
    _cleanup_table_ struct table table = load("route");
    const struct route *route = to(&table, "10.1.0.0/16");

    ck_assert_int_eq(route->family, FAMILY_IP4);
    ck_assert_uint_eq(route->table, RT_TABLE_MAIN);
    ck_assert_uint_eq(route->type, RTN_UNICAST);
    ck_assert_uint_eq(route->next_hops.count, 2);
    check_hop(route, 0, "192.0.2.7", 3);
    check_hop(route, 1, "192.0.2.8", 1);
    ck_assert(!route->unknown_attribute);
    route = to(&table, "2001:db8:8::/48");
    ck_assert_uint_eq(route->next_hops.count, 2);
    check_hop(route, 0, "fd00:18::7", 1);
    check_hop(route, 1, "fd00:18::8", 1);
}
END_TEST

START_TEST(routes_that_lead_nowhere)
{
    _cleanup_table_ struct table table = load("route");

    ck_assert_uint_eq(to(&table, "10.2.0.0/16")->type, RTN_BLACKHOLE);
    ck_assert_uint_eq(to(&table, "10.2.0.0/16")->next_hops.count, 0);
    ck_assert_uint_eq(to(&table, "10.3.0.0/16")->type, RTN_PROHIBIT);
    ck_assert_uint_eq(to(&table, "10.3.0.0/16")->table, 1000); /* more than rtm_table holds */
    ck_assert_uint_eq(to(&table, "10.4.0.0/16")->type, RTN_UNREACHABLE);
    ck_assert_uint_eq(to(&table, "10.4.0.0/16")->priority, 5);
}
END_TEST

START_TEST(local_and_on_link)
{
    _cleanup_table_ struct table table = load("route");
    const struct route *route = to(&table, "127.0.0.0/8");

    ck_assert_uint_eq(route->table, RT_TABLE_LOCAL);
    ck_assert_uint_eq(route->type, RTN_LOCAL);
    ck_assert_uint_eq(route->scope, RT_SCOPE_HOST);
    ck_assert_uint_eq(route->next_hops.items[0].index, 1);
    route = to(&table, "192.0.2.0/24");
    ck_assert_uint_eq(route->scope, RT_SCOPE_LINK);
    check_hop(route, 0, "", 1);
    ck_assert_str_eq(ADDRESS_TEXT(route->preferred_source), "192.0.2.2");
    route = to(&table, "10.8.0.0/16");
    ck_assert_uint_eq(route->tos, 0x10);
}
END_TEST

START_TEST(gateway_of_the_other_family)
{
    _cleanup_table_ struct table table = load("route");
    const struct route *route = to(&table, "10.7.0.0/16");

    ck_assert_int_eq(route->family, FAMILY_IP4);
    check_hop(route, 0, "fd00:18::7", 1);
    ck_assert(!route->unknown_attribute);
}
END_TEST

START_TEST(routes_by_source)
{
    _cleanup_table_ struct table table = load("route");
    const struct route *route = to(&table, "2001:db8:9::/48");

    ck_assert_str_eq(PREFIX_TEXT(route->source), "2001:db8:a::/48");
    ck_assert_int_eq(to(&table, "2001:db8:8::/48")->source.address.family, FAMILY_NONE);
}
END_TEST

START_TEST(default_route)
{
    const struct rtmsg header = {.rtm_family = AF_INET6, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST};
    struct route route;
    struct made_message made;
    struct nlmsghdr *message = message_make(&made, &header, sizeof(header));

    mnl_attr_put_u32(message, RTA_OIF, 4);
    ck_assert_int_eq(route_decode(message_payload(message), &route), MESSAGE_ITEM);
    ck_assert_str_eq(PREFIX_TEXT(route.destination), "::/0");
    list_free(&route.next_hops);
}
END_TEST

static enum message_is decode_with(struct rtmsg header, uint16_t type, const void *data, size_t length,
                                   struct route *ret_route)
{
    struct made_message made;
    struct nlmsghdr *message = message_make(&made, &header, sizeof(header));

    if (type)
        mnl_attr_put(message, type, length, data);
    return route_decode(message_payload(message), ret_route);
}

START_TEST(cached_routes_and_other_families_are_not_kept)
{
    struct route route;

    ck_assert_int_eq(
        decode_with((struct rtmsg){.rtm_family = AF_INET, .rtm_flags = RTM_F_CLONED}, 0, NULL, 0, &route),
        MESSAGE_OTHER);
    ck_assert_int_eq(decode_with((struct rtmsg){.rtm_family = RTNL_FAMILY_IPMR}, 0, NULL, 0, &route),
                     MESSAGE_OTHER);
}
END_TEST

START_TEST(what_is_not_modelled_is_marked)
{
    const struct rtmsg header = {.rtm_family = AF_INET, .rtm_type = RTN_UNICAST};
    static const uint16_t types[] = {RTA_ENCAP_TYPE, RTA_ENCAP, RTA_NEWDST, 31, 40, 1000};
    struct route route;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        ck_assert_int_eq(decode_with(header, types[i], "\1\0", 2, &route), MESSAGE_ITEM);
        ck_assert_msg(route.unknown_attribute, "attribute %u", types[i]);
    }
    ck_assert_int_eq(decode_with(header, RTA_METRICS, "", 0, &route), MESSAGE_ITEM);
    ck_assert(!route.unknown_attribute);
}
END_TEST

START_TEST(destinations_that_do_not_fit)
{
    struct route route;

    ck_assert_int_eq(decode_with((struct rtmsg){.rtm_family = AF_INET, .rtm_dst_len = 33}, RTA_DST,
                                 "\x0a\0\0\0", 4, &route),
                     MESSAGE_MALFORMED);
    ck_assert_int_eq(decode_with((struct rtmsg){.rtm_family = AF_INET6, .rtm_dst_len = 8}, RTA_DST,
                                 "\x0a\0\0\0", 4, &route),
                     MESSAGE_MALFORMED);
    ck_assert_int_eq(decode_with((struct rtmsg){.rtm_family = AF_INET, .rtm_dst_len = 8}, 0, NULL, 0, &route),
                     MESSAGE_MALFORMED);
}
END_TEST

/* ---- next-hop objects ---- */

static void load_objects(next_hop_object_list *objects, struct messages *messages)
{
    list_each(struct bytes, payload, &messages->payloads) {
        ck_assert_int_eq(route_decode_next_hop(*payload, list_append(objects)), MESSAGE_ITEM);
    }
}

static void free_objects(next_hop_object_list *objects)
{
    list_each(struct next_hop_object, object, objects) {
        route_next_hop_free(object);
    }
    list_free(objects);
}

START_TEST(objects_of_the_kernel)
{
    _cleanup_messages_ struct messages messages = messages_load("next-hop");
    next_hop_object_list objects = {.count = 0};

    load_objects(&objects, &messages);
    ck_assert_uint_eq(objects.count, 4);
    ck_assert_uint_eq(objects.items[0].id, 1);
    ck_assert_str_eq(ADDRESS_TEXT(objects.items[0].hop.gateway), "192.0.2.20");
    ck_assert(objects.items[2].blackhole);
    ck_assert_uint_eq(objects.items[3].id, 10);
    ck_assert_uint_eq(objects.items[3].members.count, 2);
    ck_assert_uint_eq(objects.items[3].members.items[0].weight, 5);
    ck_assert(!objects.items[3].unknown_attribute);
    free_objects(&objects);
}
END_TEST

/* With net.ipv4.nexthop_compat_mode=0 the routes name their objects and say no more. */
START_TEST(routes_by_object)
{
    _cleanup_table_ struct table table = load("route-object");
    _cleanup_messages_ struct messages messages = messages_load("next-hop");
    next_hop_object_list objects = {.count = 0};
    struct route *route = to(&table, "10.5.0.0/16");

    ck_assert_uint_eq(route->next_hop_id, 10);
    ck_assert_uint_eq(route->next_hops.count, 0);
    load_objects(&objects, &messages);
    route_resolve(table.namespace, &objects);
    ck_assert_uint_eq(route->next_hops.count, 2);
    check_hop(route, 0, "192.0.2.20", 5);
    check_hop(route, 1, "192.0.2.21", 1);
    ck_assert(!route->unknown_attribute);
    ck_assert_uint_eq(to(&table, "10.6.0.0/16")->type, RTN_BLACKHOLE);
    ck_assert_uint_eq(to(&table, "10.1.0.0/16")->next_hops.count, 2); /* by no object */
    free_objects(&objects);
}
END_TEST

START_TEST(an_object_that_is_not_there)
{
    _cleanup_table_ struct table table = load("route-object");
    next_hop_object_list none = {.count = 0};

    route_resolve(table.namespace, &none);
    ck_assert(to(&table, "10.5.0.0/16")->unknown_attribute);
    ck_assert(!to(&table, "10.1.0.0/16")->unknown_attribute);
}
END_TEST

START_TEST(groups_of_another_type)
{
    const struct nhmsg header = {.nh_family = AF_UNSPEC};
    struct next_hop_object object;
    struct made_message made;
    struct nlmsghdr *message = message_make(&made, &header, sizeof(header));

    mnl_attr_put_u32(message, NHA_ID, 9);
    mnl_attr_put_u16(message, NHA_GROUP_TYPE, 1); /* resilient */
    ck_assert_int_eq(route_decode_next_hop(message_payload(message), &object), MESSAGE_ITEM);
    ck_assert(object.unknown_attribute);
}
END_TEST

/* ---- policy rules ---- */

struct rules {
    struct messages messages;
    LIST(struct policy_rule) items;
};

static struct rules load_rules(void)
{
    struct rules rules = {.messages = messages_load("rule")};

    list_each(struct bytes, payload, &rules.messages.payloads) {
        ck_assert_int_eq(route_decode_rule(*payload, rules.messages.arena, list_append(&rules.items)),
                         MESSAGE_ITEM);
    }
    return rules;
}

static void unload_rules(struct rules *rules)
{
    list_free(&rules->items);
    messages_free(&rules->messages);
}
#define _cleanup_rules_ _cleanup_(unload_rules)

static const struct policy_rule *rule_at(const struct rules *rules, enum ip_family family, uint32_t priority)
{
    list_each(struct policy_rule, rule, &rules->items) {
        if (rule->family == family && rule->priority == priority)
            return rule;
    }
    ck_abort_msg("no rule %u", priority);
}

START_TEST(rules_of_every_kernel)
{
    _cleanup_rules_ struct rules rules = load_rules();
    const struct policy_rule *rule = rule_at(&rules, FAMILY_IP4, 0);

    ck_assert_uint_eq(rule->table, RT_TABLE_LOCAL);
    ck_assert_uint_eq(rule->action, FR_ACT_TO_TBL);
    ck_assert_int_eq(rule->from.address.family, FAMILY_NONE);
    ck_assert_int_eq(rule->suppress_prefix_length, -1);
    ck_assert_int_eq(rule->suppress_group, -1);
    ck_assert_uint_eq(rule->mark_mask, 0);
    ck_assert_ptr_null(rule->input_interface);
    ck_assert(!rule->has_uid);
    ck_assert(!rule->unknown_attribute);
    ck_assert_uint_eq(rule_at(&rules, FAMILY_IP6, 32766)->table, RT_TABLE_MAIN);
}
END_TEST

START_TEST(rule_by_source_mark_and_interface)
{
    _cleanup_rules_ struct rules rules = load_rules();
    const struct policy_rule *rule = rule_at(&rules, FAMILY_IP4, 1000);

    ck_assert_str_eq(PREFIX_TEXT(rule->from), "10.0.0.0/8");
    ck_assert_uint_eq(rule->mark, 0x10);
    ck_assert_uint_eq(rule->mark_mask, 0xf0);
    ck_assert_str_eq(rule->input_interface, "br0");
    ck_assert_uint_eq(rule->table, 1000);
    ck_assert(!rule->unknown_attribute);
}
END_TEST

START_TEST(rule_by_everything_else)
{
    _cleanup_rules_ struct rules rules = load_rules();
    const struct policy_rule *rule = rule_at(&rules, FAMILY_IP4, 1001);

    ck_assert(rule->invert);
    ck_assert_uint_eq(rule->action, FR_ACT_BLACKHOLE);
    ck_assert_str_eq(PREFIX_TEXT(rule->to), "10.0.0.0/8");
    ck_assert_str_eq(rule->output_interface, "up0");
    ck_assert(rule->has_uid);
    ck_assert_uint_eq(rule->uid_first, 1000);
    ck_assert_uint_eq(rule->uid_last, 2000);
    ck_assert_uint_eq(rule->ip_protocol, 6);
    ck_assert(rule->has_source_port);
    ck_assert_uint_eq(rule->source_port_first, 1000);
    ck_assert_uint_eq(rule->source_port_last, 2000);
    ck_assert(rule->has_destination_port);
    ck_assert_uint_eq(rule->destination_port_first, 80);
    ck_assert_uint_eq(rule->destination_port_last, 80);
    ck_assert(!rule->unknown_attribute);
}
END_TEST

START_TEST(rules_that_do_something_else)
{
    _cleanup_rules_ struct rules rules = load_rules();
    const struct policy_rule *rule = rule_at(&rules, FAMILY_IP4, 900);

    ck_assert_uint_eq(rule->action, FR_ACT_GOTO);
    ck_assert_uint_eq(rule->goto_target, 1001);
    rule = rule_at(&rules, FAMILY_IP4, 1100);
    ck_assert_int_eq(rule->suppress_prefix_length, 0);
    ck_assert_int_eq(rule->suppress_group, 5);
    ck_assert_uint_eq(rule_at(&rules, FAMILY_IP4, 1200)->tos, 0x10);
    ck_assert_uint_eq(rule_at(&rules, FAMILY_IP6, 500)->action, FR_ACT_PROHIBIT);
    /* by tunnel id: not modelled */
    ck_assert(rule_at(&rules, FAMILY_IP4, 1300)->unknown_attribute);
}
END_TEST

START_TEST(port_masks_of_newer_kernels)
{
    const struct fib_rule_hdr header = {.family = AF_INET, .action = FR_ACT_TO_TBL};
    _cleanup_arena_ struct arena *arena = arena_new();
    struct policy_rule rule;
    struct made_message made;
    struct nlmsghdr *message = message_make(&made, &header, sizeof(header));

    mnl_attr_put_u16(message, 28, 0xffff); /* FRA_SPORT_MASK */
    ck_assert_int_eq(route_decode_rule(message_payload(message), arena, &rule), MESSAGE_ITEM);
    ck_assert(!rule.unknown_attribute);
    mnl_attr_put_u16(message, 29, 0xff00); /* FRA_DPORT_MASK */
    ck_assert_int_eq(route_decode_rule(message_payload(message), arena, &rule), MESSAGE_ITEM);
    ck_assert(rule.unknown_attribute);
}
END_TEST

/* ---- hostile bytes ---- */

static void parse_all(struct bytes payload, struct arena *arena)
{
    struct route route = {.family = FAMILY_NONE};
    struct policy_rule rule;
    struct next_hop_object object = {.id = 0};

    (void)route_decode(payload, &route);
    list_free(&route.next_hops);
    (void)route_decode_rule(payload, arena, &rule);
    (void)route_decode_next_hop(payload, &object);
    route_next_hop_free(&object);
}

START_TEST(hostile)
{
    hostile_messages("route", parse_all);
    hostile_messages("rule", parse_all);
    hostile_messages("next-hop", parse_all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("route");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 60);
    tcase_add_test(all, routes_through_several_hops);
    tcase_add_test(all, routes_that_lead_nowhere);
    tcase_add_test(all, local_and_on_link);
    tcase_add_test(all, gateway_of_the_other_family);
    tcase_add_test(all, routes_by_source);
    tcase_add_test(all, default_route);
    tcase_add_test(all, cached_routes_and_other_families_are_not_kept);
    tcase_add_test(all, what_is_not_modelled_is_marked);
    tcase_add_test(all, destinations_that_do_not_fit);
    tcase_add_test(all, objects_of_the_kernel);
    tcase_add_test(all, routes_by_object);
    tcase_add_test(all, an_object_that_is_not_there);
    tcase_add_test(all, groups_of_another_type);
    tcase_add_test(all, rules_of_every_kernel);
    tcase_add_test(all, rule_by_source_mark_and_interface);
    tcase_add_test(all, rule_by_everything_else);
    tcase_add_test(all, rules_that_do_something_else);
    tcase_add_test(all, port_masks_of_newer_kernels);
    tcase_add_test(all, hostile);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/device.h"

#include <check.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

static const struct mac mac = {{2, 0, 0, 0, 0, 1}};
static struct device_list devices;
static struct plan plan;

static struct device *add(uint32_t index, const char *name, const char *kind)
{
    struct device *device = list_append(&devices);

    device->index = index;
    (void)snprintf(device->name, sizeof(device->name), "%s", name);
    (void)snprintf(device->kind, sizeof(device->kind), "%s", kind);
    device->flags = IFF_UP | IFF_RUNNING;
    device->hardware = ARPHRD_ETHER;
    device->mac = mac;
    device->mac.bytes[5] = (uint8_t)index;
    device->has_mac = true;
    return device;
}

static void add_exit(uint32_t index)
{
    *list_append(&plan.exits) = (struct plan_exit){plan.host, index, "exit"};
}

static void set_up(void)
{
    plan = (struct plan){.host = 1};
}

static void tear_down(void)
{
    device_list_free(&devices);
    plan_free(&plan);
}

static int find(uint32_t index, struct entry_point *point)
{
    struct plan_uplink uplink = {.index = index, .name = "uplink", .ethernet = true};

    return entry_point_find(&devices, &plan, &uplink, NULL, point, NULL);
}

START_TEST(a_plain_device)
{
    struct entry_point point;

    add(2, "eth0", "");
    ck_assert_int_eq(find(2, &point), 0);
    ck_assert_uint_eq(point.port, 2);
    ck_assert_uint_eq(point.vlan, 0);
    ck_assert(point.ethernet);
    ck_assert_uint_eq(point.mac.bytes[5], 2);
}
END_TEST

START_TEST(a_bridge_over_a_vlan_over_a_bond)
{
    struct entry_point point;

    add(2, "br0", "bridge");
    add(3, "bond0.7", "vlan")->master = 2;
    devices.items[1].parent = 4;
    devices.items[1].vlan = 7;
    add(4, "bond0", "bond")->active = 6;
    add(5, "eth0", "")->master = 4;
    add(6, "eth1", "")->master = 4;
    add_exit(3);
    ck_assert_int_eq(find(2, &point), 0);
    ck_assert_uint_eq(point.port, 6);
    ck_assert_uint_eq(point.vlan, 7);
    ck_assert_uint_eq(point.mac.bytes[5], 2); /* of what carries the address */
}
END_TEST

START_TEST(a_bond_that_does_not_say)
{
    struct entry_point point;

    add(2, "bond0", "bond");
    add(3, "eth0", "")->master = 2;
    devices.items[1].flags = IFF_UP;
    add(4, "eth1", "")->master = 2;
    ck_assert_int_eq(find(2, &point), 0);
    ck_assert_uint_eq(point.port, 4);
}
END_TEST

START_TEST(a_bare_device)
{
    struct entry_point point;
    struct device *device = add(2, "tun0", "tun");

    device->hardware = ARPHRD_NONE;
    device->has_mac = false;
    ck_assert_int_eq(find(2, &point), 0);
    ck_assert(!point.ethernet);
    ck_assert_mem_eq(point.mac.bytes, ((struct mac){{0}}).bytes, 6);
}
END_TEST

START_TEST(refused)
{
    struct entry_point point;

    add(1, "lo", "")->flags |= IFF_LOOPBACK;
    add(2, "eth0", "")->flags = 0;
    add(3, "br0", "bridge");
    add(4, "veth1", "veth")->master = 3;
    add(5, "v", "macvlan")->parent = 2;
    add(6, "loop", "macvlan")->parent = 6;
    ck_assert_int_lt(find(0, &point), 0);
    ck_assert_int_lt(find(1, &point), 0);
    ck_assert_int_lt(find(2, &point), 0);
    ck_assert_int_eq(find(3, &point), -EHOSTUNREACH); /* no port leads off the host */
    ck_assert_int_lt(find(5, &point), 0);             /* its parent is down */
    ck_assert_int_eq(find(6, &point), 0);
    ck_assert_int_lt(find(9, &point), 0);
}
END_TEST

START_TEST(a_parent_in_another_namespace)
{
    struct entry_point point;
    struct device *device = add(2, "eth0", "macvlan");

    device->parent = 2;
    device->parent_elsewhere = true;
    ck_assert_int_eq(find(2, &point), 0);
    ck_assert_uint_eq(point.port, 2);
}
END_TEST

START_TEST(a_port_that_is_given)
{
    struct entry_point point;
    struct plan_uplink uplink = {
        .index = 2, .name = "br0", .port = 3, .vlan = 5, .has_mac = true, .mac = mac};

    add(2, "br0", "bridge");
    add(3, "eth0", "");
    ck_assert_int_eq(entry_point_find(&devices, &plan, &uplink, NULL, &point, NULL), 0);
    ck_assert_uint_eq(point.port, 3);
    ck_assert_uint_eq(point.vlan, 5);
    ck_assert_mem_eq(point.mac.bytes, mac.bytes, 6);
    devices.items[1].flags = 0;
    ck_assert_int_lt(entry_point_find(&devices, &plan, &uplink, NULL, &point, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device");
    TCase *tests = tcase_create("device");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_plain_device);
    tcase_add_test(tests, a_bridge_over_a_vlan_over_a_bond);
    tcase_add_test(tests, a_bond_that_does_not_say);
    tcase_add_test(tests, a_bare_device);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, a_parent_in_another_namespace);
    tcase_add_test(tests, a_port_that_is_given);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

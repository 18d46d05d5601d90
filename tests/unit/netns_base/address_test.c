/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/address.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct address A(const char *text) {
    struct address address = {0};
    ck_assert_msg(address_parse(text, &address, NULL) == 0, "%s", text);
    return address;
}

static struct prefix
P(const char *text) {
    struct prefix prefix = {0};
    ck_assert_msg(prefix_parse(text, false, &prefix, NULL) == 0, "%s", text);
    return prefix;
}

START_TEST(families)
{
    ck_assert_str_eq(family_name(FAMILY_IP4), "ip4");
    ck_assert_str_eq(family_name(FAMILY_IP6), "ip6");
    ck_assert_int_eq(family_parse("ip4"), FAMILY_IP4);
    ck_assert_int_eq(family_parse("ip6"), FAMILY_IP6);
    ck_assert_int_eq(family_parse("ip"), FAMILY_NONE);
    ck_assert_int_eq(family_parse(NULL), FAMILY_NONE);
    ck_assert_int_eq(family_af(FAMILY_IP4), AF_INET);
    ck_assert_int_eq(family_from_af(AF_INET6), FAMILY_IP6);
    ck_assert_int_eq(family_from_af(AF_UNIX), FAMILY_NONE);
    ck_assert_uint_eq(family_bits(FAMILY_IP6), 128);
    ck_assert(family_max(FAMILY_IP4) == 0xffffffffu);
    ck_assert(family_max(FAMILY_IP6) == ~(u128)0);
    ck_assert(family_max(FAMILY_NONE) == 0);
}
END_TEST

START_TEST(bytes_both_ways)
{
    static const uint8_t four[] = {192, 0, 2, 1};
    uint8_t sixteen[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 0xff}, back[16];
    struct address address = address_from_bytes(four, sizeof(four));
    ck_assert_str_eq(ADDRESS_TEXT(address), "192.0.2.1");
    ck_assert(address_equal(address, address_ip4(0xc0000201)));
    ck_assert_uint_eq(address_to_bytes(address, back), 4);
    ck_assert_mem_eq(back, four, 4);
    address = address_from_bytes(sixteen, sizeof(sixteen));
    ck_assert_str_eq(ADDRESS_TEXT(address), "2001:db8::ff");
    ck_assert_uint_eq(address_to_bytes(address, back), 16);
    ck_assert_mem_eq(back, sixteen, 16);
    ck_assert_int_eq(address_from_bytes(four, 3).family, FAMILY_NONE);
    ck_assert_int_eq(address_from_bytes(sixteen, 15).family, FAMILY_NONE);
    ck_assert_int_eq(address_from_bytes(NULL, 0).family, FAMILY_NONE);
    ck_assert_uint_eq(address_to_bytes((struct address){0}, back), 0);
}
END_TEST

START_TEST(socket_addresses)
{
    struct sockaddr_in ip4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr other = {.sa_family = AF_UNIX};
    ck_assert_str_eq(ADDRESS_TEXT(address_from_sockaddr((struct sockaddr *)&ip4)), "127.0.0.1");
    ck_assert_str_eq(ADDRESS_TEXT(address_from_sockaddr((struct sockaddr *)&ip6)), "::1");
    ck_assert_str_eq(ADDRESS_TEXT(address_from_sockaddr(&other)), "");
    ck_assert_str_eq(ADDRESS_TEXT(address_from_sockaddr(NULL)), "");
}
END_TEST

START_TEST(order)
{
    ck_assert_int_eq(address_compare(A("1.2.3.4"), A("1.2.3.4")), 0);
    ck_assert_int_lt(address_compare(A("1.2.3.4"), A("1.2.3.5")), 0);
    ck_assert_int_gt(address_compare(A("255.255.255.255"), A("0.0.0.0")), 0);
    ck_assert_int_lt(address_compare(A("255.255.255.255"), A("::")), 0);
    ck_assert_int_gt(address_compare(A("ffff::"), A("::ffff")), 0);
    ck_assert(!address_equal(A("0.0.0.1"), A("::1")));
}
END_TEST

enum { ANY = 1, LOOPBACK = 2, MULTICAST = 4, LINK_LOCAL = 8, GLOBAL = 16 };

static const struct {
    const char *text;
    int kinds;
} kinds[] = {
    {"0.0.0.0", ANY},
    {"0.255.255.255", 0},
    {"1.0.0.0", GLOBAL},
    {"9.255.255.255", GLOBAL},
    {"10.0.0.0", 0},
    {"10.255.255.255", 0},
    {"11.0.0.0", GLOBAL},
    {"100.63.255.255", GLOBAL},
    {"100.64.0.0", 0},
    {"100.127.255.255", 0},
    {"100.128.0.0", GLOBAL},
    {"126.255.255.255", GLOBAL},
    {"127.0.0.0", LOOPBACK},
    {"127.255.255.255", LOOPBACK},
    {"128.0.0.0", GLOBAL},
    {"169.253.255.255", GLOBAL},
    {"169.254.0.0", LINK_LOCAL},
    {"169.254.255.255", LINK_LOCAL},
    {"169.255.0.0", GLOBAL},
    {"172.15.255.255", GLOBAL},
    {"172.16.0.0", 0},
    {"172.31.255.255", 0},
    {"172.32.0.0", GLOBAL},
    {"192.0.0.255", 0},
    {"192.0.2.255", 0},
    {"192.0.3.0", GLOBAL},
    {"192.167.255.255", GLOBAL},
    {"192.168.0.0", 0},
    {"192.168.255.255", 0},
    {"192.169.0.0", GLOBAL},
    {"198.18.0.0", 0},
    {"198.19.255.255", 0},
    {"198.20.0.0", GLOBAL},
    {"198.51.100.1", 0},
    {"203.0.113.1", 0},
    {"203.0.114.0", GLOBAL},
    {"223.255.255.255", GLOBAL},
    {"224.0.0.0", MULTICAST},
    {"239.255.255.255", MULTICAST},
    {"240.0.0.0", 0},
    {"255.255.255.255", 0},
    {"::", ANY},
    {"::1", LOOPBACK},
    {"::2", 0},
    {"::ffff:8.8.8.8", 0},
    {"64:ff9b::1", 0},
    {"1fff:ffff::", 0},
    {"2000::", GLOBAL},
    {"2001:0:1::", 0},
    {"2001:1ff:ffff::", 0},
    {"2001:200::", GLOBAL},
    {"2001:db7:ffff::", GLOBAL},
    {"2001:db8::1", 0},
    {"2001:db9::", GLOBAL},
    {"2002::1", 0},
    {"2003::", GLOBAL},
    {"2a00:1450:4001::1", GLOBAL},
    {"3fff::1", 0},
    {"3fff:1000::", GLOBAL},
    {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", GLOBAL},
    {"4000::", 0},
    {"fc00::1", 0},
    {"fdff::1", 0},
    {"fe7f::", 0},
    {"fe80::", LINK_LOCAL},
    {"febf:ffff::", LINK_LOCAL},
    {"fec0::", 0},
    {"ff02::1", MULTICAST},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", MULTICAST},
};

START_TEST(kind)
{
    struct address a = A(kinds[_i].text);
    int found = address_is_any(a) * ANY | address_is_loopback(a) * LOOPBACK |
                address_is_multicast(a) * MULTICAST | address_is_link_local(a) * LINK_LOCAL |
                address_is_global(a) * GLOBAL;
    ck_assert_msg(found == kinds[_i].kinds, "%s: %d", kinds[_i].text, found);
}
END_TEST

START_TEST(no_address_is_nothing)
{
    struct address none = {0};
    ck_assert(!address_is_any(none) && !address_is_loopback(none) && !address_is_multicast(none));
    ck_assert(!address_is_link_local(none) && !address_is_global(none));
    ck_assert_str_eq(ADDRESS_TEXT(none), "");
    ck_assert_str_eq(PREFIX_TEXT((struct prefix){0}), "");
}
END_TEST

static const char *const bad_addresses[] = {
    "",          " ",          "1.2.3",      "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4",
    "0x1.2.3.4", "1.2.3.4/32", "2130706433", ":",         ":::",       "1::2::3",  "12345::",  "fe80::1%eth0",
    "::1.2.3",   "[::1]",      "::1/128",    "localhost",
};

START_TEST(bad_address)
{
    struct address address = address_ip4(42);
    struct error error = ERROR_NONE;
    ck_assert_msg(address_parse(bad_addresses[_i], &address, &error) == -EINVAL, "%s", bad_addresses[_i]);
    ck_assert_str_eq(error.code, "bad-address");
    ck_assert_str_eq(error.subject, bad_addresses[_i]);
    ck_assert(address_equal(address, address_ip4(42)));
}
END_TEST

START_TEST(print_is_the_usual_form)
{
    static const char *const texts[] = {"0.0.0.0",
                                        "255.255.255.255",
                                        "::",
                                        "::1",
                                        "::ffff:1.2.3.4",
                                        "fe80::1:0:0:2",
                                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_str_eq(ADDRESS_TEXT(A(texts[i])), texts[i]);
    ck_assert_str_eq(ADDRESS_TEXT(A("2001:0DB8:0:0:0:0:0:1")), "2001:db8::1");
}
END_TEST

static const struct {
    const char *text, *first, *last, *printed;
} prefixes[] = {
    {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
    {"255.255.255.255/32", "255.255.255.255", "255.255.255.255", "255.255.255.255/32"},
    {"255.255.255.255", "255.255.255.255", "255.255.255.255", "255.255.255.255/32"},
    {"255.255.255.255/0", "0.0.0.0", "255.255.255.255", "255.255.255.255/0"},
    {"255.255.255.255/1", "128.0.0.0", "255.255.255.255", "255.255.255.255/1"},
    {"10.1.2.3/8", "10.0.0.0", "10.255.255.255", "10.1.2.3/8"},
    {"10.1.2.3/31", "10.1.2.2", "10.1.2.3", "10.1.2.3/31"},
    {"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"},
    {"::1/128", "::1", "::1", "::1/128"},
    {"::1", "::1", "::1", "::1/128"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"},
    {"2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"},
    {"2001:db8::/63", "2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8::/63"},
    {"2001:db8::/65", "2001:db8::", "2001:db8::7fff:ffff:ffff:ffff", "2001:db8::/65"},
    {"8000::/1", "8000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "8000::/1"},
};

START_TEST(prefix)
{
    struct prefix p = P(prefixes[_i].text);
    struct address first = A(prefixes[_i].first), last = A(prefixes[_i].last);
    ck_assert_str_eq(PREFIX_TEXT(p), prefixes[_i].printed);
    ck_assert(address_equal(prefix_first(p), first));
    ck_assert(address_equal(prefix_last(p), last));
    ck_assert(prefix_contains(p, first) && prefix_contains(p, last));
    struct address before = {first.family, first.value - 1}, behind = {last.family, last.value + 1};
    if (first.value > 0)
        ck_assert(!prefix_contains(p, before));
    if (last.value < family_max(last.family))
        ck_assert(!prefix_contains(p, behind));
}
END_TEST

START_TEST(families_of_prefixes_must_agree)
{
    ck_assert(!prefix_contains(P("0.0.0.0/0"), A("::")));
    ck_assert(!prefix_contains(P("::/0"), A("0.0.0.0")));
    ck_assert(!prefix_contains((struct prefix){0}, (struct address){0}));
    ck_assert_str_eq(PREFIX_TEXT(prefix_all(FAMILY_IP4)), "0.0.0.0/0");
    ck_assert_str_eq(PREFIX_TEXT(prefix_all(FAMILY_IP6)), "::/0");
    ck_assert(prefix_contains(prefix_all(FAMILY_IP6), A("ffff::")));
}
END_TEST

static const char *const bad_prefixes[] = {
    "",
    "/",
    "/24",
    "1.2.3.4/",
    "1.2.3.4/33",
    "::/129",
    "1.2.3.4/-1",
    "1.2.3.4/+1",
    "1.2.3.4/ 8",
    "1.2.3.4/08",
    "1.2.3.4/8 ",
    "1.2.3/8",
    "1.2.3.4/8/8",
    "1.2.3.4/0x8",
    "1.2.3.4/4294967304",
    "1.2.3.4/255.0.0.0",
    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8",
};

START_TEST(bad_prefix)
{
    struct prefix p = {0};
    struct error error = ERROR_NONE;
    ck_assert_msg(prefix_parse(bad_prefixes[_i], false, &p, &error) == -EINVAL, "%s", bad_prefixes[_i]);
    ck_assert_str_eq(error.code, "bad-address");
    ck_assert_int_eq(p.address.family, FAMILY_NONE);
}
END_TEST

START_TEST(host_bits_when_strict)
{
    struct prefix p;
    ck_assert_int_eq(prefix_parse("10.0.0.1/8", true, &p, NULL), -EINVAL);
    ck_assert_int_eq(prefix_parse("::1/127", true, &p, NULL), -EINVAL);
    ck_assert_int_eq(prefix_parse("0.0.0.1/0", true, &p, NULL), -EINVAL);
    ck_assert_int_eq(prefix_parse("10.0.0.0/8", true, &p, NULL), 0);
    ck_assert_int_eq(prefix_parse("10.0.0.1", true, &p, NULL), 0);
    ck_assert_int_eq(prefix_parse("::/0", true, &p, NULL), 0);
    ck_assert_int_eq(prefix_parse(NULL, true, &p, NULL), -EINVAL);
}
END_TEST

START_TEST(hardware_addresses)
{
    struct mac mac;
    char text[MAC_TEXT_MAX];
    ck_assert_int_eq(mac_parse("02:42:aC:11:00:fF", &mac), 0);
    ck_assert_str_eq(mac_print(mac, text), "02:42:ac:11:00:ff");
    static const char *const bad[] = {"",
                                      "02:42:ac:11:00",
                                      "02:42:ac:11:00:f",
                                      "02:42:ac:11:00:ff:",
                                      "02-42-ac-11-00-ff",
                                      "02:42:ac:11:00:fg",
                                      "2:42:ac:11:00:ff0",
                                      "02:42:ac:11:00 ff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(mac_parse(bad[i], &mac) == -EINVAL, "%s", bad[i]);
    ck_assert_int_eq(mac_parse(NULL, &mac), -EINVAL);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tcase = tcase_create("address");
    tcase_add_test(tcase, families);
    tcase_add_test(tcase, bytes_both_ways);
    tcase_add_test(tcase, socket_addresses);
    tcase_add_test(tcase, order);
    tcase_add_loop_test(tcase, kind, 0, COUNT(kinds));
    tcase_add_test(tcase, no_address_is_nothing);
    tcase_add_loop_test(tcase, bad_address, 0, COUNT(bad_addresses));
    tcase_add_test(tcase, print_is_the_usual_form);
    tcase_add_loop_test(tcase, prefix, 0, COUNT(prefixes));
    tcase_add_test(tcase, families_of_prefixes_must_agree);
    tcase_add_loop_test(tcase, bad_prefix, 0, COUNT(bad_prefixes));
    tcase_add_test(tcase, host_bits_when_strict);
    tcase_add_test(tcase, hardware_addresses);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

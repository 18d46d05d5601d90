/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/judge/generate.h"

#include <stdarg.h>

static const char *const addresses4[] = {
    "203.0.113.1", "203.0.113.20", "203.0.113.10", "198.51.100.7", "192.0.2.9",  "172.18.0.1", "172.18.0.2",
    "172.18.0.3",  "172.19.0.1",   "172.19.0.2",   "198.18.0.10",  "198.18.0.1", "127.0.0.1",  "10.66.0.5"};
static const char *const addresses6[] = {
    "2001:db8:0:1::1", "2001:db8:0:1::10", "2001:db8:9::7", "2001:db8:0:2::10", "fd00:18::1",
    "fd00:18::2",      "fd00:18::3",       "fd00:19::1",    "fd00:19::2",       "::1",
    "fd00:66::5"};
static const char *const prefixes4[] = {
    "203.0.113.0/24", "198.51.100.0/24", "172.18.0.0/16", "172.16.0.0/12",   "172.18.0.2/31",
    "0.0.0.0/1",      "203.0.113.0/28",  "128.0.0.0/2",   "198.18.0.0/15",   "10.64.0.0/10",
    "172.19.0.0/30",  "127.0.0.0/8",     "172.18.0.0/15", "198.51.100.0/25", "172.18.0.0/31"};
static const char *const prefixes6[] = {"2001:db8::/32",   "2001:db8:0:1::/64", "fd00:18::/64",
                                        "fd00::/8",        "fd00:18::2/127",    "2000::/3",
                                        "2001:db8:9::/48", "fd00:19::/126",     "2001:db8:0:1::/124",
                                        "fd00:18::/31",    "2001:db8::/46",     "fd00:18::/127"};
static const char *const targets4[] = {"172.18.0.2", "172.18.0.3",   "172.19.0.2", "172.18.0.2", "172.19.0.2",
                                       "172.18.0.1", "203.0.113.10", "127.0.0.1",  "172.18.0.3", "10.67.0.1"};
static const char *const targets6[] = {"fd00:18::2", "fd00:18::3", "fd00:19::2",       "fd00:18::2",
                                       "fd00:19::2", "fd00:18::1", "2001:db8:0:1::10", "fd00:67::1"};
static const uint16_t ports[] = {22, 53, 80, 80, 123, 443, 443, 5353, 8080, 8080, 9000, 9000, 8081, 7000};
static const char *const host_interfaces[] = {"eth0", "eth1", "br1", "br2", "lo", "eth0", "br1"};
static const char *const inner_interfaces[] = {"eth0", "lo", "eth0", "eth1"};

const char *word_address(struct random *random, bool ip6)
{
    return ip6 ? WORD_OF(random, addresses6) : WORD_OF(random, addresses4);
}

const char *word_prefix(struct random *random, bool ip6)
{
    return ip6 ? WORD_OF(random, prefixes6) : WORD_OF(random, prefixes4);
}

const char *word_target(struct random *random, bool ip6)
{
    return ip6 ? WORD_OF(random, targets6) : WORD_OF(random, targets4);
}

uint16_t word_port(struct random *random)
{
    return RANDOM_OF(random, ports);
}

const char *word_interface(struct random *random, enum place place)
{
    return place == HOST ? WORD_OF(random, host_interfaces) : WORD_OF(random, inner_interfaces);
}

void add(char text[TEXT_MAX], const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(text + length, TEXT_MAX - length, format, arguments);
    va_end(arguments);
    if (written < 0 || (size_t)written >= TEXT_MAX - length)
        judge_fail("a rule is too long: %s", text);
}

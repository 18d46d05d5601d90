/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/text_value.h"

#include "netns/base/address.h"

#include <time.h>

struct word {
    uint32_t number;
    const char *word;
};
struct word_list {
    const struct word *words;
    size_t count;
};
/* clang-format off */
#define WORDS(...) {(const struct word[]){__VA_ARGS__}, sizeof((const struct word[]){__VA_ARGS__}) / sizeof(struct word)}

/* Where two words mean one number, the one that nft writes. */
static const struct word_list word_lists[VALUE_TYPES] = {
    [VALUE_PROTOCOL] = WORDS({0, "ip"}, {1, "icmp"}, {2, "igmp"}, {4, "ipencap"}, {6, "tcp"}, {8, "egp"},
        {17, "udp"}, {33, "dccp"}, {41, "ipv6"}, {43, "ipv6-route"}, {44, "ipv6-frag"}, {46, "rsvp"}, {47, "gre"},
        {50, "esp"}, {51, "ah"}, {58, "ipv6-icmp"}, {59, "ipv6-nonxt"}, {60, "ipv6-opts"}, {88, "eigrp"},
        {89, "ospf"}, {94, "ipip"}, {97, "etherip"}, {103, "pim"}, {108, "ipcomp"}, {112, "vrrp"}, {115, "l2tp"},
        {132, "sctp"}, {135, "mobility-header"}, {136, "udplite"}, {137, "mpls-in-ip"}, {139, "hip"}),
    [VALUE_ETHERTYPE] = WORDS({0x0800, "ip"}, {0x0806, "arp"}, {0x86dd, "ip6"}, {0x8100, "8021q"},
        {0x88a8, "8021ad"}),
    [VALUE_PRESENCE] = WORDS({0, "missing"}, {1, "exists"}),
    [VALUE_CT_STATE] = WORDS({1, "invalid"}, {2, "established"}, {4, "related"}, {8, "new"}, {64, "untracked"}),
    [VALUE_CT_DIRECTION] = WORDS({0, "original"}, {1, "reply"}),
    [VALUE_CT_STATUS] = WORDS({1, "expected"}, {2, "seen-reply"}, {4, "assured"}, {8, "confirmed"}, {16, "snat"},
        {32, "dnat"}, {512, "dying"}),
    [VALUE_CT_EVENT] = WORDS({1, "new"}, {2, "related"}, {4, "destroy"}, {8, "reply"}, {16, "assured"},
        {32, "protoinfo"}, {64, "helper"}, {128, "mark"}, {256, "seqadj"}, {512, "secmark"}, {1024, "label"}),
    [VALUE_TCP_FLAGS] = WORDS({1, "fin"}, {2, "syn"}, {4, "rst"}, {8, "psh"}, {16, "ack"}, {32, "urg"}, {64, "ecn"},
        {128, "cwr"}),
    [VALUE_PACKET_TYPE] = WORDS({0, "host"}, {1, "broadcast"}, {2, "multicast"}, {3, "other"}),
    [VALUE_ADDRESS_TYPE] = WORDS({0, "unspec"}, {1, "unicast"}, {2, "local"}, {3, "broadcast"}, {4, "anycast"},
        {5, "multicast"}, {6, "blackhole"}, {7, "unreachable"}, {8, "prohibit"}),
    [VALUE_ICMP_TYPE] = WORDS({0, "echo-reply"}, {3, "destination-unreachable"}, {4, "source-quench"},
        {5, "redirect"}, {8, "echo-request"}, {9, "router-advertisement"}, {10, "router-solicitation"},
        {11, "time-exceeded"}, {12, "parameter-problem"}, {13, "timestamp-request"}, {14, "timestamp-reply"},
        {15, "info-request"}, {16, "info-reply"}, {17, "address-mask-request"}, {18, "address-mask-reply"}),
    [VALUE_ICMP_CODE] = WORDS({0, "net-unreachable"}, {1, "host-unreachable"}, {2, "prot-unreachable"},
        {3, "port-unreachable"}, {4, "frag-needed"}, {9, "net-prohibited"}, {10, "host-prohibited"},
        {13, "admin-prohibited"}),
    [VALUE_ICMP6_TYPE] = WORDS({1, "destination-unreachable"}, {2, "packet-too-big"}, {3, "time-exceeded"},
        {4, "parameter-problem"}, {128, "echo-request"}, {129, "echo-reply"}, {130, "mld-listener-query"},
        {131, "mld-listener-report"}, {132, "mld-listener-done"}, {133, "nd-router-solicit"},
        {134, "nd-router-advert"}, {135, "nd-neighbor-solicit"}, {136, "nd-neighbor-advert"}, {137, "nd-redirect"},
        {138, "router-renumbering"}, {141, "ind-neighbor-solicit"}, {142, "ind-neighbor-advert"},
        {143, "mld2-listener-report"}),
    [VALUE_ICMP6_CODE] = WORDS({0, "no-route"}, {1, "admin-prohibited"}, {3, "addr-unreachable"},
        {4, "port-unreachable"}, {5, "policy-fail"}, {6, "reject-route"}),
    [VALUE_ICMPX_CODE] = WORDS({0, "no-route"}, {1, "port-unreachable"}, {2, "host-unreachable"},
        {3, "admin-prohibited"}),
    [VALUE_IGMP_TYPE] = WORDS({0x11, "membership-query"}, {0x12, "membership-report-v1"},
        {0x16, "membership-report-v2"}, {0x17, "leave-group"}, {0x22, "membership-report-v3"}),
    [VALUE_DCCP_TYPE] = WORDS({0, "request"}, {1, "response"}, {2, "data"}, {3, "ack"}, {4, "dataack"},
        {5, "closereq"}, {6, "close"}, {7, "reset"}, {8, "sync"}, {9, "syncack"}),
    [VALUE_MH_TYPE] = WORDS({0, "binding-refresh-request"}, {1, "home-test-init"}, {2, "careof-test-init"},
        {3, "home-test"}, {4, "careof-test"}, {5, "binding-update"}, {6, "binding-acknowledgement"},
        {7, "binding-error"}, {8, "fast-binding-update"}, {9, "fast-binding-acknowledgement"},
        {10, "fast-binding-advertisement"}, {11, "experimental-mobility-header"},
        {12, "home-agent-switch-message"}),
    [VALUE_NFPROTO] = WORDS({2, "ipv4"}, {10, "ipv6"}),
    [VALUE_DSCP] = WORDS({0x00, "cs0"}, {0x01, "lephb"}, {0x08, "cs1"}, {0x0a, "af11"}, {0x0c, "af12"},
        {0x0e, "af13"}, {0x10, "cs2"}, {0x12, "af21"}, {0x14, "af22"}, {0x16, "af23"}, {0x18, "cs3"},
        {0x1a, "af31"}, {0x1c, "af32"}, {0x1e, "af33"}, {0x20, "cs4"}, {0x22, "af41"}, {0x24, "af42"},
        {0x26, "af43"}, {0x28, "cs5"}, {0x2c, "va"}, {0x2e, "ef"}, {0x30, "cs6"}, {0x38, "cs7"}),
    [VALUE_ECN] = WORDS({0, "not-ect"}, {1, "ect1"}, {2, "ect0"}, {3, "ce"}),
    [VALUE_ARP_OPERATION] = WORDS({1, "request"}, {2, "reply"}, {3, "rrequest"}, {4, "rreply"}, {8, "inrequest"},
        {9, "inreply"}, {10, "nak"}),
    [VALUE_HARDWARE] = WORDS({1, "ether"}, {512, "ppp"}, {768, "ipip"}, {769, "ipip6"}, {772, "loopback"},
        {776, "sit"}, {778, "ipgre"}),
    [VALUE_DAY] = WORDS({0, "\"Sunday\""}, {1, "\"Monday\""}, {2, "\"Tuesday\""}, {3, "\"Wednesday\""},
        {4, "\"Thursday\""}, {5, "\"Friday\""}, {6, "\"Saturday\""}),
    [VALUE_GROUP] = WORDS({0, "\"default\""}),
};
/* clang-format on */

const char *value_word(enum value_type type, value_number_t number)
{
    const struct word_list *list = &word_lists[type];
    for (size_t i = 0; i < list->count; i++) {
        if (list->words[i].number == number)
            return list->words[i].word;
    }
    return NULL;
}

bool value_is_flags(enum value_type type)
{
    return type == VALUE_CT_STATE || type == VALUE_CT_STATUS || type == VALUE_CT_EVENT ||
           type == VALUE_TCP_FLAGS || type == VALUE_CT_LABEL;
}

bool value_print_flags(struct buffer *buffer, enum value_type type, value_number_t bits,
                       const char *separator)
{
    const struct word_list *list = &word_lists[type];
    value_number_t known = 0;
    for (size_t i = 0; i < list->count; i++)
        known |= list->words[i].number;
    if (!bits || (bits & ~known))
        return false;
    const char *before = "";
    for (size_t i = 0; i < list->count; i++) {
        if (!(bits & list->words[i].number))
            continue;
        buffer_printf(buffer, "%s%s", before, list->words[i].word);
        before = separator;
    }
    return true;
}

value_number_t value_number(struct bytes bytes, bool network_order)
{
    value_number_t number = 0;
    size_t length = bytes.length > 16 ? 16 : bytes.length;
    for (size_t i = 0; i < length; i++)
        number = number << 8 | bytes.data[network_order ? i : length - 1 - i];
    return number;
}

void value_print_quoted(struct buffer *buffer, const char *text, size_t length)
{
    buffer_append(buffer, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\')
            buffer_printf(buffer, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            buffer_printf(buffer, "\\x%02x", byte);
        else
            buffer_append_bytes(buffer, &text[i], 1);
    }
    buffer_append(buffer, "\"");
}

void value_print_duration(struct buffer *buffer, uint64_t milliseconds)
{
    static const struct {
        uint64_t milliseconds;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    if (!milliseconds)
        buffer_append(buffer, "0s");
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t count = milliseconds / units[i].milliseconds;
        milliseconds %= units[i].milliseconds;
        if (count)
            buffer_printf(buffer, "%llu%s", (unsigned long long)count, units[i].unit);
    }
}

static void print_decimal(struct buffer *buffer, value_number_t number)
{
    char digits[40];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + (int)(number % 10));
    while (number /= 10);
    buffer_append_bytes(buffer, digits + at, sizeof(digits) - at);
}

static void print_hex(struct buffer *buffer, value_number_t number)
{
    if (number >> 64)
        buffer_printf(buffer, "0x%llx%016llx", (unsigned long long)(number >> 64),
                      (unsigned long long)number);
    else
        buffer_printf(buffer, "0x%llx", (unsigned long long)number);
}

static void print_interface(struct buffer *buffer, struct bytes bytes, bool prefix_without_nul)
{
    size_t length = bytes.length ? strnlen((const char *)bytes.data, bytes.length) : 0;
    _cleanup_buffer_ struct buffer name = BUFFER(256);
    buffer_append_bytes(&name, bytes.data, length);
    if (prefix_without_nul && length == bytes.length)
        buffer_append(&name, "*");
    value_print_quoted(buffer, name.data ? name.data : "", name.length);
}

static void print_time(struct buffer *buffer, uint64_t nanoseconds)
{
    time_t seconds = (time_t)(nanoseconds / 1000000000);
    struct tm broken;
    char text[64] = "";
    if (gmtime_r(&seconds, &broken))
        strftime(text, sizeof(text), "\"%Y-%m-%d %H:%M:%S\"", &broken);
    buffer_append(buffer, text);
}

static void print_hour(struct buffer *buffer, uint32_t seconds)
{
    buffer_printf(buffer, "\"%02u:%02u", seconds / 3600, seconds / 60 % 60);
    if (seconds % 60)
        buffer_printf(buffer, ":%02u", seconds % 60);
    buffer_append(buffer, "\"");
}

/* The number of the only bit, from the lowest; -1: none or several. */
static int only_bit(struct bytes bytes)
{
    int found = -1;
    for (size_t i = 0; i < bytes.length * 8; i++) {
        if (!(bytes.data[i / 8] >> (i % 8) & 1))
            continue;
        if (found >= 0)
            return -1;
        found = (int)i;
    }
    return found;
}

static void print_label(struct buffer *buffer, struct bytes bytes)
{
    int bit = only_bit(bytes);
    if (bit >= 0)
        buffer_printf(buffer, "%d", bit);
    else
        print_hex(buffer, value_number(bytes, true));
}

static void print_index(struct buffer *buffer, const struct value_format *format, uint32_t index)
{
    const char *name = format->interface_name ? format->interface_name(format->context, index) : NULL;
    if (name)
        value_print_quoted(buffer, name, strlen(name));
    else
        buffer_printf(buffer, "%u", index);
}

static void print_address(struct buffer *buffer, enum ip_family family, value_number_t number)
{
    buffer_append(buffer, ADDRESS_TEXT(((struct address){family, number})));
}

static void print_mac(struct buffer *buffer, value_number_t number)
{
    for (int shift = 40; shift >= 0; shift -= 8)
        buffer_printf(buffer, "%02x%s", (unsigned)(number >> shift) & 0xff, shift ? ":" : "");
}

void value_print_number(struct buffer *buffer, const struct value_format *format, value_number_t number)
{
    enum value_type type = format->type;
    const char *word = value_word(type, number);
    if (word) {
        buffer_append(buffer, word);
        return;
    }
    switch (type) {
    case VALUE_IP4:
        print_address(buffer, FAMILY_IP4, number);
        return;
    case VALUE_IP6:
        print_address(buffer, FAMILY_IP6, number);
        return;
    case VALUE_MAC:
        print_mac(buffer, number);
        return;
    case VALUE_MARK:
        buffer_printf(buffer, "0x%08x", (unsigned)number);
        return;
    case VALUE_CLASS:
        buffer_printf(buffer, "%x:%x", (unsigned)(number >> 16) & 0xffff, (unsigned)number & 0xffff);
        return;
    case VALUE_INTERFACE_INDEX:
        print_index(buffer, format, (uint32_t)number);
        return;
    case VALUE_TIME:
        print_time(buffer, (uint64_t)number);
        return;
    case VALUE_HOUR:
        print_hour(buffer, (uint32_t)number);
        return;
    case VALUE_DURATION:
        value_print_duration(buffer, (uint64_t)number);
        return;
    case VALUE_HEX:
    case VALUE_ETHERTYPE:
        print_hex(buffer, number);
        return;
    default:
        break;
    }
    if (value_is_flags(type) && value_print_flags(buffer, type, number, ","))
        return;
    if (type == VALUE_CT_STATE || type == VALUE_CT_STATUS || type == VALUE_TCP_FLAGS)
        print_hex(buffer, number);
    else
        print_decimal(buffer, number);
}

/* nft fills a number up to its width where it knows nothing of it. */
static void print_raw(struct buffer *buffer, struct bytes bytes)
{
    buffer_append(buffer, "0x");
    size_t skipped = 0;
    while (skipped + 1 < bytes.length && !bytes.data[skipped])
        skipped++;
    for (size_t i = skipped; i < bytes.length; i++)
        buffer_printf(buffer, i == skipped ? "%x" : "%02x", bytes.data[i]);
}

void value_print(struct buffer *buffer, const struct value_format *format, struct bytes bytes)
{
    if (format->type == VALUE_INTERFACE) {
        print_interface(buffer, bytes, true);
        return;
    }
    if (format->type == VALUE_STRING) {
        print_interface(buffer, bytes, false);
        return;
    }
    if (format->type == VALUE_CT_LABEL) {
        print_label(buffer, bytes);
        return;
    }
    if (bytes.length > 16) {
        print_raw(buffer, bytes);
        return;
    }
    value_print_number(buffer, format, value_number(bytes, format->network_order));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/xtables.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_arp/arp_tables.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAMES_MAX 4096 /* bytes of a file of names: there are five tables at most */

/* One of the three tools, whose tables the kernel keeps apart. */
struct tool {
    const char *name, *names_file;
    enum ip_family family; /* FAMILY_NONE: arptables */
    int domain, level, get_info, get_entries;
    /* of an entry: its size, and where these two offsets (uint16_t) stand in it */
    size_t entry, target_offset, next_offset;
};

static const struct tool tools[] = {
    {"iptables", "ip_tables_names", FAMILY_IP4, AF_INET, IPPROTO_IP, IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES,
     sizeof(struct ipt_entry), offsetof(struct ipt_entry, target_offset),
     offsetof(struct ipt_entry, next_offset)},
    {"ip6tables", "ip6_tables_names", FAMILY_IP6, AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO,
     IP6T_SO_GET_ENTRIES, sizeof(struct ip6t_entry), offsetof(struct ip6t_entry, target_offset),
     offsetof(struct ip6t_entry, next_offset)},
    {"arptables", "arp_tables_names", FAMILY_NONE, AF_INET, IPPROTO_IP, ARPT_SO_GET_INFO, ARPT_SO_GET_ENTRIES,
     sizeof(struct arpt_entry), offsetof(struct arpt_entry, target_offset),
     offsetof(struct arpt_entry, next_offset)},
};
#define TOOLS (sizeof(tools) / sizeof(tools[0]))

/* ---- entries ---- */
static uint16_t u16_at(struct bytes bytes, size_t offset)
{
    uint16_t value;
    memcpy(&value, bytes.data + offset, sizeof(value));
    return value;
}

/* The entry at offset; false: it leaves the blob. */
static bool entry_at(const struct tool *tool, struct bytes bytes, size_t offset, struct bytes *ret_entry)
{
    if (offset > bytes.length || bytes.length - offset < tool->entry + sizeof(struct xt_entry_target))
        return false;
    struct bytes entry = {bytes.data + offset, bytes.length - offset};
    size_t next = u16_at(entry, tool->next_offset);
    if (next > entry.length || next < tool->entry + sizeof(struct xt_entry_target))
        return false;
    entry.length = next;
    *ret_entry = entry;
    return true;
}

/* A standard target's verdict is -NF_ACCEPT - 1 for ACCEPT. */
static bool accepts(const struct tool *tool, struct bytes entry)
{
    struct xt_standard_target target;
    size_t offset = u16_at(entry, tool->target_offset);
    if (offset > entry.length || entry.length - offset < sizeof(target))
        return false;
    memcpy(&target, entry.data + offset, sizeof(target));
    return !target.target.u.user.name[0] && target.verdict == -NF_ACCEPT - 1;
}

static bool count_entries(const struct tool *tool, struct bytes bytes, size_t *ret_count)
{
    struct bytes entry;
    *ret_count = 0;
    for (size_t offset = 0; offset < bytes.length; offset += entry.length) {
        if (!entry_at(tool, bytes, offset, &entry))
            return false;
        ++*ret_count;
    }
    return true;
}

static unsigned count_bits(uint32_t bits)
{
    unsigned count = 0;
    for (; bits; bits &= bits - 1)
        count++;
    return count;
}

static bool decode_entries(const struct tool *tool, struct bytes bytes, const struct xtables_info *info,
                           struct legacy_table *table)
{
    size_t count, own = count_bits(info->hooks) + 1; /* a policy for each hook, and the end */
    bool accept = true;
    struct bytes entry;
    if (!count_entries(tool, bytes, &count) || count < own)
        return false;
    for (unsigned hook = 0; hook < 5; hook++) {
        if (!(info->hooks >> hook & 1))
            continue;
        if (!entry_at(tool, bytes, info->underflow[hook], &entry))
            return false;
        accept = accept && info->hook_entry[hook] == info->underflow[hook] && accepts(tool, entry);
    }
    table->rules = (uint32_t)(count - own);
    table->empty = accept && !table->rules;
    return true;
}

bool xtables_decode_entries(enum ip_family family, struct bytes bytes, const struct xtables_info *info,
                            struct legacy_table *table)
{
    table->rules = 0;
    table->empty = false;
    for (size_t i = 0; i < TOOLS; i++) {
        if (tools[i].family == family)
            return decode_entries(&tools[i], bytes, info, table);
    }
    return false;
}

/* ---- asking the kernel ---- */
static int fault(struct namespace *namespace, const struct tool *tool, int status, const char *name)
{
    struct error error;
    namespace->over_budget = namespace->over_budget || status == E2BIG;
    error_errno(&error, status, status == E2BIG ? "over-budget" : "legacy-table-unread", name,
                "%s of %s could not be read", name, tool->name);
    namespace_fault(namespace, PART_LEGACY, &error);
    return -status;
}

/* struct ipt_getinfo: those of all three are alike. */
static int get_info(const struct tool *tool, int fd, const char *name, struct ipt_getinfo *ret_info)
{
    socklen_t length = sizeof(*ret_info);
    *ret_info = (struct ipt_getinfo){0};
    snprintf(ret_info->name, sizeof(ret_info->name), "%s", name);
    if (getsockopt(fd, tool->level, tool->get_info, ret_info, &length) < 0)
        return -errno;
    return length == sizeof(*ret_info) ? 0 : -EPROTO;
}

/* struct ipt_get_entries, with its blob behind it; malloc'ed. -EAGAIN: it was replaced since get_info(). */
static int get_entries(const struct tool *tool, int fd, const struct ipt_getinfo *info, void **ret_entries)
{
    size_t size = sizeof(struct ipt_get_entries) + info->size;
    socklen_t length = (socklen_t)size;
    _cleanup_free_ struct ipt_get_entries *entries = memory_alloc(size);
    memcpy(entries->name, info->name, sizeof(entries->name));
    entries->size = info->size;
    if (getsockopt(fd, tool->level, tool->get_entries, entries, &length) < 0)
        return -errno;
    if (length != size)
        return -EPROTO;
    *ret_entries = take_ptr(entries);
    return 0;
}

static struct xtables_info info_of(const struct ipt_getinfo *info)
{
    struct xtables_info plain = {.hooks = info->valid_hooks, .entries = info->num_entries};
    memcpy(plain.hook_entry, info->hook_entry, sizeof(plain.hook_entry));
    memcpy(plain.underflow, info->underflow, sizeof(plain.underflow));
    return plain;
}

/* Fills hooks, rules and empty. A table that is replaced meanwhile is asked for once more. */
static int read_table(const struct reader *reader, const struct tool *tool, int fd,
                      struct legacy_table *table)
{
    int result = -EAGAIN;
    for (int try = 0; try < 2 && result == -EAGAIN; try++) {
        struct ipt_getinfo info;
        _cleanup_free_ void *entries = NULL;
        result = get_info(tool, fd, table->name, &info);
        if (result < 0)
            return result;
        struct xtables_info plain = info_of(&info);
        table->hooks = plain.hooks;
        if (info.size > reader->budget.ruleset_bytes || !read_pay(reader, info.size))
            return -E2BIG;
        result = get_entries(tool, fd, &info, &entries);
        struct bytes bytes = {(const uint8_t *)entries + sizeof(struct ipt_get_entries), info.size};
        bool whole = result < 0 || xtables_decode_entries(tool->family, bytes, &plain, table);
        read_pay_back(reader, info.size); /* only a count of the rules is kept */
        if (!whole)
            return -EBADMSG;
    }
    return result;
}

static struct legacy_table *add_table(struct namespace *namespace, const char *tool, enum ip_family family,
                                      const char *name, size_t length)
{
    struct legacy_table *table = list_append(&namespace->ruleset.legacy);
    *table = (struct legacy_table){
        .family = family,
        .tool = tool,
        .name = arena_strndup(namespace->arena, name, length),
    };
    return table;
}

/* The tables of one tool. Only a name that is listed is asked for. */
static int read_tool(const struct reader *reader, const struct tool *tool, struct namespace *namespace)
{
    _cleanup_free_ char *names = NULL;
    _cleanup_close_ int fd = -1;
    int failure = 0;
    int status = reader_net_file(reader, namespace, tool->names_file, NAMES_MAX, &names);
    if (status == -ENOENT)
        return 0; /* the tool's module is not there */
    if (status < 0)
        return fault(namespace, tool, -status, tool->names_file);
    for (const char *name = names; *name; name += strspn(name, "\n")) {
        size_t length = strcspn(name, "\n");
        struct legacy_table *table = add_table(namespace, tool->name, tool->family, name, length);
        name += length;
        if (fd < 0)
            fd = socket(tool->domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int result = fd < 0 ? -errno : read_table(reader, tool, fd, table);
        if (result < 0) {
            table->empty = false;
            fault(namespace, tool, -result, table->name);
            failure = failure ? failure : result;
        }
    }
    return failure;
}

/* ---- ebtables ---- */
#define EBT_SO_GET_INFO 128 /* linux/netfilter_bridge/ebtables.h */

/*
 * True where the kernel has legacy ebtables: it copies the question before it looks for a table, so one that
 * cannot be copied names none, and the answer tells whether there was anybody to ask.
 */
static bool has_ebtables(void)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = 0;
    return fd >= 0 && getsockopt(fd, IPPROTO_IP, EBT_SO_GET_INFO, NULL, &length) < 0 && errno != ENOPROTOOPT;
}

/* How many hold the module; -1: it is built in, or not there. */
static long module_holders(const char *module)
{
    char path[128], text[32];
    snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (!file || !fgets(text, sizeof(text), file))
        return -1;
    return strtol(text, NULL, 10);
}

static void read_ebtables(const struct reader *reader, struct namespace *namespace)
{
    static const struct {
        const char *name, *module;
    } tables[] = {{"filter", "ebtable_filter"}, {"nat", "ebtable_nat"}, {"broute", "ebtable_broute"}};
    if (!has_ebtables())
        return;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        long holders = module_holders(tables[i].module);
        if (holders > 0 || (holders < 0 && (modules_has(reader->modules, tables[i].module) ||
                                            !modules_known(reader->modules))))
            add_table(namespace, "ebtables", FAMILY_NONE, tables[i].name, strlen(tables[i].name));
    }
}

int xtables_read(const struct reader *reader, struct namespace *namespace)
{
    int failure = 0;
    for (size_t i = 0; i < TOOLS; i++) {
        int result = read_tool(reader, &tools[i], namespace);
        failure = failure ? failure : result;
    }
    read_ebtables(reader, namespace);
    return failure;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruleset-drive [LIMIT=NUMBER]... : reads the ruleset of its own namespace and writes it as JSON: the ruleset
 * as a snapshot has it, each rule's text, the faults. Limits: objects, rules, elements, bytes, milliseconds.
 */
#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/kernel/enter.h"
#include "netns/read/nftables.h"
#include "netns/read/xtables.h"
#include "netns/snapshot/ruleset_text.h"
#include "netns/snapshot/table.h"

#include <linux/netlink.h>
#include <net/if.h>

static bool set_limit(struct read_budget *budget, const char *argument)
{
    const struct {
        const char *name;
        size_t *limit;
    } limits[] = {{"objects=", &budget->ruleset_objects},
                  {"rules=", &budget->rules},
                  {"elements=", &budget->elements},
                  {"bytes=", &budget->ruleset_bytes}};
    uint64_t number = 0;
    const char *value = strchr(argument, '=');
    if (!value || !text_number(value + 1, 0, UINT32_MAX, &number))
        return false;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (text_starts(argument, limits[i].name)) {
            *limits[i].limit = (size_t)number;
            return true;
        }
    }
    budget->deadline_ns = time_monotonic_ns() + number * 1000000;
    return text_starts(argument, "milliseconds=");
}

static const char *interface_name(const void *context, uint32_t index)
{
    static char name[IF_NAMESIZE];
    (void)context;
    return if_indextoname(index, name);
}

static void write_chain(struct json_writer *writer, const struct nft_table *table,
                        const struct nft_chain *chain)
{
    const struct text_names names = {.interface_name = interface_name};
    _cleanup_free_ char *declaration = chain_text(table, chain);
    json_object_begin(writer);
    json_member_text(writer, "family", nft_family_name(table->family));
    json_member_text(writer, "table", table->name);
    json_member_text(writer, "chain", chain->name);
    json_member_text(writer, "declaration", declaration);
    json_name(writer, "rules");
    json_array_begin(writer);
    list_each(struct nft_rule, rule, &chain->rules) {
        _cleanup_free_ char *text = rule_text(table, chain, rule, &names);
        json_put_text(writer, text);
    }
    json_array_end(writer);
    json_object_end(writer);
}

static void write_result(const struct namespace *namespace)
{
    struct json_writer writer = json_writer(stdout, false);
    size_t unknown;
    json_object_begin(&writer);
    json_name(&writer, "ruleset");
    record_write(&writer, &ruleset_record, &namespace->ruleset);
    json_member_unsigned(&writer, "rules", ruleset_count(&namespace->ruleset, &unknown));
    json_member_unsigned(&writer, "unknown", unknown);
    json_member_bool(&writer, "over_budget", namespace->over_budget);
    json_member_unsigned(&writer, "missing", namespace->missing);
    json_name(&writer, "faults");
    json_array_begin(&writer);
    list_each(struct fault, fault, &namespace->faults)
        json_put_text(&writer, fault->code);
    json_array_end(&writer);
    json_name(&writer, "texts");
    json_array_begin(&writer);
    list_each(struct nft_table, table, &namespace->ruleset.tables) {
        list_each(struct nft_chain, chain, &table->chains)
            write_chain(&writer, table, chain);
    }
    json_array_end(&writer);
    json_object_end(&writer);
}

int main(int argc, char **argv)
{
    struct error error = ERROR_NONE;
    _cleanup_close_ int proc = procfs_open("/proc", &error);
    _cleanup_modules_ struct modules *modules = modules_read(proc, NULL);
    _cleanup_netlink_ struct netlink *netlink = NULL;
    struct reader reader = {.proc = proc, .modules = modules, .budget = READ_BUDGET_DEFAULT};
    for (int i = 1; i < argc; i++) {
        if (!set_limit(&reader.budget, argv[i]))
            return 2;
    }
    if (netlink_open(NETLINK_NETFILTER, reader.budget.deadline_ns, &netlink, &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    struct namespace *namespace = namespace_new(1);
    nftables_read(&reader, netlink, namespace);
    xtables_read(&reader, namespace);
    write_result(namespace);
    namespace_free(namespace);
    return 0;
}

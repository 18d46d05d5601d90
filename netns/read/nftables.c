/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/nftables.h"

#include "netns/base/file.h"
#include "netns/decode/message.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

/* In the snapshot, of any object but rules and elements. */
#define OBJECT_BYTES sizeof(struct nft_table)

/* How one reading of a ruleset fares. */
struct reading {
    const struct reader *reader;
    struct netlink *netlink;
    struct namespace *namespace;
    struct ruleset ruleset;
    size_t objects, chains, rules, elements, bytes; /* so far */
    size_t lists;                                   /* bytes paid for what is freed before another try */
    size_t texts;                                   /* bytes of the namespace's arena, paid for */
    bool last_try;                                  /* interrupted dumps are asked again one by one */
    bool interrupted, over_budget;
    int failure;       /* the first, -errno; 0: none */
    size_t last_table; /* where the last look-up ended: messages come table by table */
    /* the object that the messages of the dump under way belong to */
    struct nft_chain *chain;
    struct nft_set *set;
    enum nft_family family;
};

/* ---- messages ---- */
static enum nft_family message_family(const struct nlmsghdr *message)
{
    const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
    return (enum nft_family)header->nfgen_family;
}

/* What follows nfgenmsg; counted. False: too short to be one, or over the limit. */
static bool message_body(struct reading *reading, const struct nlmsghdr *message, struct bytes *ret_body)
{
    struct bytes payload = message_payload(message);
    reading->bytes += payload.length;
    if (payload.length < sizeof(struct nfgenmsg))
        return false;
    *ret_body =
        (struct bytes){payload.data + sizeof(struct nfgenmsg), payload.length - sizeof(struct nfgenmsg)};
    return true;
}

static bool is_message(const struct nlmsghdr *message, unsigned type)
{
    return message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | type);
}

static struct decoder decoder_of(const struct reading *reading, enum nft_family family)
{
    return (struct decoder){.arena = reading->namespace->arena, .family = family};
}

/* Above a limit: the handler's word for "enough". */
static int full(struct reading *reading)
{
    reading->over_budget = true;
    return NETLINK_STOPPED;
}

static bool bytes_left(const struct reading *reading)
{
    return reading->bytes <= reading->reader->budget.ruleset_bytes;
}

/* Pays for what a message became: the bytes of lists, and all that is in the arena by now. */
static bool pay(struct reading *reading, size_t lists)
{
    size_t texts = arena_size(reading->namespace->arena);
    bool paid = read_pay(reading->reader, lists + texts - reading->texts);
    reading->texts = texts;
    reading->lists += paid ? lists : 0;
    return paid;
}

/* Counts one table, chain, set, object or flowtable. */
static bool object_left(struct reading *reading)
{
    return bytes_left(reading) && reading->objects++ < reading->reader->budget.ruleset_objects &&
           pay(reading, OBJECT_BYTES);
}

static struct nft_table *find_table(struct reading *reading, enum nft_family family, const char *name)
{
    size_t count = reading->ruleset.tables.count;
    for (size_t i = 0; i < count; i++) {
        size_t at = (reading->last_table + i) % count;
        struct nft_table *table = &reading->ruleset.tables.items[at];
        if (table->family == family && !strcmp(table->name, name)) {
            reading->last_table = at;
            return table;
        }
    }
    return NULL;
}

/* ---- faults ---- */
static void record(struct reading *reading, uint32_t part, const struct error *error)
{
    if (!reading->failure)
        reading->failure = -error->status;
    namespace_fault(reading->namespace, part, error);
}

static void record_malformed(struct reading *reading, const char *what)
{
    struct error error;
    error_set(&error, EBADMSG, "message-malformed", what, "a message about %s could not be understood", what);
    record(reading, PART_RULESET, &error);
}

/* A message that cannot even be given a place: somewhere in the ruleset something is missing. */
static int malformed(struct reading *reading, const char *what)
{
    record_malformed(reading, what);
    list_each(struct nft_table, table, &reading->ruleset.tables)
        table->incomplete = true;
    return 0;
}

/* ---- dumps ---- */
static bool family_known(enum nft_family family)
{
    return nft_family_name(family) != NULL;
}

static int take_table(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct bytes body;
    if (!is_message(message, NFT_MSG_NEWTABLE))
        return 0;
    if (!message_body(reading, message, &body))
        return malformed(reading, "tables");
    if (!object_left(reading))
        return full(reading);
    struct decoder decoder = decoder_of(reading, message_family(message));
    struct nft_table table;
    if (!table_decode(&decoder, body, &table) || !family_known(table.family))
        return malformed(reading, "tables");
    *list_append(&reading->ruleset.tables) = table;
    return 0;
}

static int take_chain(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct bytes body;
    const char *name;
    struct nft_chain chain;
    if (!is_message(message, NFT_MSG_NEWCHAIN))
        return 0;
    if (!message_body(reading, message, &body))
        return malformed(reading, "chains");
    if (!object_left(reading))
        return full(reading);
    struct decoder decoder = decoder_of(reading, message_family(message));
    bool whole = chain_decode(&decoder, body, &name, &chain);
    struct nft_table *table = whole ? find_table(reading, decoder.family, name) : NULL;
    if (!table) {
        list_free(&chain.devices);
        return malformed(reading, "chains");
    }
    chain.order = (uint32_t)reading->chains++;
    *list_append(&table->chains) = chain;
    return 0;
}

static int take_set(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct bytes body;
    const char *name;
    struct nft_set set;
    if (!is_message(message, NFT_MSG_NEWSET))
        return 0;
    if (!message_body(reading, message, &body))
        return malformed(reading, "sets");
    if (!object_left(reading))
        return full(reading);
    struct decoder decoder = decoder_of(reading, message_family(message));
    bool whole = set_decode(&decoder, body, &name, &set);
    struct nft_table *table = whole ? find_table(reading, decoder.family, name) : NULL;
    if (!table) {
        list_free(&set.fields);
        return malformed(reading, "sets");
    }
    *list_append(&table->sets) = set;
    return 0;
}

static int take_object(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct bytes body;
    const char *name;
    struct nft_stateful object;
    if (!is_message(message, NFT_MSG_NEWOBJ))
        return 0;
    if (!message_body(reading, message, &body))
        return malformed(reading, "objects");
    if (!object_left(reading))
        return full(reading);
    struct decoder decoder = decoder_of(reading, message_family(message));
    bool whole = object_decode(&decoder, body, &name, &object);
    struct nft_table *table = whole ? find_table(reading, decoder.family, name) : NULL;
    if (!table)
        return malformed(reading, "objects");
    *list_append(&table->objects) = object;
    return 0;
}

static int take_flowtable(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct bytes body;
    const char *name;
    struct nft_flowtable flowtable;
    if (!is_message(message, NFT_MSG_NEWFLOWTABLE))
        return 0;
    if (!message_body(reading, message, &body))
        return malformed(reading, "flowtables");
    if (!object_left(reading))
        return full(reading);
    struct decoder decoder = decoder_of(reading, message_family(message));
    bool whole = flowtable_decode(&decoder, body, &name, &flowtable);
    struct nft_table *table = whole ? find_table(reading, decoder.family, name) : NULL;
    if (!table) {
        list_free(&flowtable.devices);
        return malformed(reading, "flowtables");
    }
    *list_append(&table->flowtables) = flowtable;
    return 0;
}

static int take_rule(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct bytes body = {NULL, 0};
    if (!is_message(message, NFT_MSG_NEWRULE))
        return 0;
    if (reading->rules >= reading->reader->budget.rules || !bytes_left(reading))
        return full(reading);
    reading->rules++;
    /* too short to be a rule: it decodes as one that is undecodable */
    message_body(reading, message, &body);
    struct decoder decoder = decoder_of(reading, reading->family);
    struct nft_rule *rule = list_append(&reading->chain->rules);
    rule_decode(&decoder, body, rule);
    rule->position = (uint32_t)(reading->chain->rules.count - 1);
    if (pay(reading, sizeof(*rule) + rule->expressions.capacity * sizeof(*rule->expressions.items)))
        return 0;
    expressions_free(&rule->expressions); /* the table says that there are more */
    reading->chain->rules.count--;
    return full(reading);
}

static int take_elements(const struct nlmsghdr *message, void *context)
{
    struct reading *reading = context;
    struct bytes body;
    size_t limit = reading->reader->budget.elements, before = reading->set->elements.count;
    if (!is_message(message, NFT_MSG_NEWSETELEM))
        return 0;
    if (!message_body(reading, message, &body)) {
        reading->set->incomplete = true;
        return malformed(reading, "elements");
    }
    if (!bytes_left(reading))
        return full(reading);
    struct decoder decoder = decoder_of(reading, reading->family);
    bool whole = set_elements_decode(&decoder, body, before + (limit - reading->elements), reading->set);
    reading->elements += reading->set->elements.count - before;
    if (!pay(reading, (reading->set->elements.count - before) * sizeof(*reading->set->elements.items)))
        return full(reading);
    if (whole)
        return 0;
    if (reading->elements >= limit)
        return full(reading);
    /* an attribute of the list that we do not know: the elements that came are still right */
    reading->set->incomplete = true;
    return 0;
}

/* What is asked, and what is asked of. */
struct question {
    uint16_t type;
    netlink_handler handle;
    const char *subject;
    enum nft_family family; /* 0: all */
    const char *table;      /* NULL: all */
    const char *name;
    uint16_t table_attribute, name_attribute;
};

/* The kernel's own bytes of a name: decode_name() may have written some of them otherwise. */
static void put_name(struct nlmsghdr *request, uint16_t type, const char *name)
{
    _cleanup_free_ char *raw = name ? encode_name(name) : NULL;
    if (raw)
        mnl_attr_put_strz_check(request, NETLINK_REQUEST_MAX, type, raw);
}

static struct nlmsghdr *ask(struct reading *reading, const struct question *question)
{
    struct nlmsghdr *request = netlink_request(
        reading->netlink, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | question->type), 0, sizeof(struct nfgenmsg));
    struct nfgenmsg *header = mnl_nlmsg_get_payload(request);
    header->nfgen_family = (uint8_t)question->family;
    header->version = NFNETLINK_V0;
    put_name(request, question->table_attribute, question->table);
    put_name(request, question->name_attribute, question->name);
    return request;
}

/* What an interrupted dump had filled is forgotten before the next try. */
static void forget(struct reading *reading, size_t lists)
{
    read_pay_back(reading->reader, reading->lists - lists);
    reading->lists = lists;
    if (reading->chain) {
        list_each(struct nft_rule, rule, &reading->chain->rules)
            expressions_free(&rule->expressions);
        reading->rules -= reading->chain->rules.count;
        list_free(&reading->chain->rules);
    }
    if (reading->set) {
        reading->elements -= reading->set->elements.count;
        list_free(&reading->set->elements);
    }
}

/*
 * One dump. Returns 0 where all came, -EAGAIN where it was interrupted, else what ended it: recorded where
 * that is a fault. Only the last try asks again at once: before it the whole ruleset is read anew, for a part
 * that is whole in itself may still not fit the others.
 */
static int dump(struct reading *reading, const struct question *question)
{
    struct error error = ERROR_NONE;
    unsigned tries = reading->last_try && (reading->chain || reading->set) ? NFTABLES_TRIES : 1;
    size_t lists = reading->lists;
    int result = -EAGAIN;
    for (unsigned try = 0; try < tries && result == -EAGAIN; try++) {
        if (try)
            forget(reading, lists);
        error = ERROR_NONE;
        result = netlink_dump(reading->netlink, ask(reading, question), question->handle, reading,
                              question->subject, &error);
        /* taken away since it was listed: the lists no longer hold */
        if (result == -ENOENT && (reading->chain || reading->set))
            result = -EAGAIN;
    }
    if (result == -EAGAIN)
        reading->interrupted = true;
    if (result == -ETIMEDOUT)
        reading->over_budget = true;
    else if (result < 0 && result != -EAGAIN)
        record(reading, PART_RULESET, &error);
    return result;
}

/* ---- a whole ruleset ---- */

/* Gone on after an interruption only in the last try, and never after a limit or a failure. */
static bool goes_on(const struct reading *reading, int result)
{
    if (result == -EAGAIN)
        return reading->last_try;
    return result == 0;
}

static bool dump_lists(struct reading *reading)
{
    static const struct question questions[] = {
        {.type = NFT_MSG_GETTABLE, .handle = take_table, .subject = "tables"},
        {.type = NFT_MSG_GETCHAIN, .handle = take_chain, .subject = "chains"},
        {.type = NFT_MSG_GETSET, .handle = take_set, .subject = "sets"},
        {.type = NFT_MSG_GETOBJ, .handle = take_object, .subject = "objects"},
        {.type = NFT_MSG_GETFLOWTABLE, .handle = take_flowtable, .subject = "flowtables"},
    };
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        int result = dump(reading, &questions[i]);
        if (!goes_on(reading, result))
            return false;
        if (i == 0 && !reading->ruleset.tables.count)
            return true;
    }
    return true;
}

static bool dump_rules(struct reading *reading, struct nft_table *table, struct nft_chain *chain)
{
    struct question question = {
        .type = NFT_MSG_GETRULE,
        .handle = take_rule,
        .subject = "rules",
        .family = table->family,
        .table = table->name,
        .name = chain->name,
        .table_attribute = NFTA_RULE_TABLE,
        .name_attribute = NFTA_RULE_CHAIN,
    };
    reading->family = table->family;
    reading->chain = chain;
    int result = dump(reading, &question);
    reading->chain = NULL;
    if (result)
        table->incomplete = true;
    return goes_on(reading, result);
}

static bool dump_elements(struct reading *reading, const struct nft_table *table, struct nft_set *set)
{
    struct question question = {
        .type = NFT_MSG_GETSETELEM,
        .handle = take_elements,
        .subject = "elements",
        .family = table->family,
        .table = table->name,
        .name = set->name,
        .table_attribute = NFTA_SET_ELEM_LIST_TABLE,
        .name_attribute = NFTA_SET_ELEM_LIST_SET,
    };
    reading->family = table->family;
    reading->set = set;
    int result = dump(reading, &question);
    if (result)
        set->incomplete = true;
    reading->set = NULL;
    return goes_on(reading, result);
}

/* The rules and elements of a table. What was not come to is incomplete. */
static bool dump_table(struct reading *reading, struct nft_table *table)
{
    bool on = true;
    list_each(struct nft_set, set, &table->sets) {
        set->incomplete = set->incomplete || !on;
        on = on && dump_elements(reading, table, set);
    }
    list_each(struct nft_chain, chain, &table->chains)
        on = on && dump_rules(reading, table, chain);
    return on;
}

static void dump_all(struct reading *reading)
{
    bool on = dump_lists(reading);
    bool lists = on && !reading->interrupted;
    list_each(struct nft_table, table, &reading->ruleset.tables) {
        if (on)
            on = dump_table(reading, table);
        table->incomplete = table->incomplete || !on || !lists;
    }
}

static int take_generation(const struct nlmsghdr *message, void *context)
{
    uint32_t *generation = context;
    struct bytes payload = message_payload(message);
    if (!is_message(message, NFT_MSG_NEWGEN) || payload.length < sizeof(struct nfgenmsg))
        return 0;
    struct bytes body = {payload.data + sizeof(struct nfgenmsg), payload.length - sizeof(struct nfgenmsg)};
    return generation_decode(body, generation) ? 0 : -EBADMSG;
}

static int read_generation(struct reading *reading, uint32_t *ret_generation, struct error *error)
{
    static const struct question question = {.type = NFT_MSG_GETGEN};
    *ret_generation = 0;
    return netlink_call(reading->netlink, ask(reading, &question), take_generation, ret_generation, "ruleset",
                        error);
}

/* ---- what is known of it afterwards ---- */
static bool has_xt(const struct nft_table *table, bool *ret_all_counted)
{
    *ret_all_counted = true;
    list_each(struct nft_chain, chain, &table->chains) {
        list_each(struct nft_rule, rule, &chain->rules) {
            bool counted = false;
            list_each(struct nft_expression, expression, &rule->expressions) {
                if (expression->kind == EXPRESSION_MATCH || expression->kind == EXPRESSION_TARGET)
                    return true;
                counted = counted || expression->kind == EXPRESSION_COUNTER;
            }
            *ret_all_counted = *ret_all_counted && counted;
        }
    }
    return false;
}

static bool word_in(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (!strcmp(word, *words))
            return true;
    }
    return false;
}

/* The names that iptables-nft gives, a counter in every rule, or anything of nft_compat. */
static bool is_iptables(const struct nft_table *table)
{
    static const char *const tables[] = {"filter", "nat", "mangle", "raw", "security", NULL};
    static const char *const chains[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING", NULL};
    bool counted;
    if (has_xt(table, &counted))
        return true;
    if ((table->family != NFT_FAMILY_IP && table->family != NFT_FAMILY_IP6) || !counted ||
        !word_in(table->name, tables))
        return false;
    list_each(struct nft_chain, chain, &table->chains) {
        if (chain->base && !word_in(chain->name, chains))
            return false;
    }
    return table->chains.count;
}

static void record_over_budget(struct reading *reading)
{
    struct error error;
    error_set(&error, E2BIG, "over-budget", "ruleset",
              "more rules, elements or bytes than the limit, or no time was left: the rest was not read");
    reading->ruleset.over_budget = true;
    reading->namespace->over_budget = true;
    record(reading, 0, &error); /* the tables and sets say what is missing */
}

static void record_not_atomic(struct reading *reading)
{
    struct error error;
    error_set(&error, EAGAIN, "not-atomic", "ruleset",
              "the ruleset changed each of the %d times that it was read", NFTABLES_TRIES);
    reading->ruleset.not_atomic = true;
    record(reading, 0, &error);
}

/*
 * One try. Returns 0 where the ruleset was read and did not change meanwhile, -EAGAIN where it did, or the
 * failure that no second try would mend, recorded.
 */
static int read_once(struct reading *reading)
{
    struct error error = ERROR_NONE;
    uint32_t before, after;
    int result = read_generation(reading, &before, &error);
    if (result) {
        reading->namespace->over_budget = reading->namespace->over_budget || result == -ETIMEDOUT;
        record(reading, PART_RULESET, &error);
        return result;
    }
    reading->ruleset.present = true;
    reading->ruleset.generation = before;
    dump_all(reading);
    if (reading->over_budget) {
        record_over_budget(reading);
        return reading->failure;
    }
    if (reading->failure)
        return reading->failure;
    if (reading->interrupted || read_generation(reading, &after, NULL) || after != before)
        return -EAGAIN;
    return 0;
}

static int read_ruleset(struct reading *reading)
{
    const struct reading start = *reading;
    int result = -EAGAIN;
    for (unsigned try = 0; try < NFTABLES_TRIES && result == -EAGAIN; try++) {
        size_t bytes = reading->bytes, texts = reading->texts;
        ruleset_free(&reading->ruleset);
        read_pay_back(reading->reader, reading->lists);
        *reading = start;
        reading->bytes = bytes; /* of all tries: what was decoded stays in the arena */
        reading->texts = texts;
        reading->last_try = try + 1 == NFTABLES_TRIES;
        result = read_once(reading);
    }
    if (result == -EAGAIN)
        record_not_atomic(reading);
    return result;
}

int nftables_read(const struct reader *reader, struct netlink *netfilter, struct namespace *namespace)
{
    struct reading reading = {.reader = reader,
                              .netlink = netfilter,
                              .namespace = namespace,
                              .texts = arena_size(namespace->arena)};
    if (!netfilter || !read_may_ask(reader, "nf_tables", namespace, PART_RULESET))
        return 0;
    int result = read_ruleset(&reading);
    list_each(struct nft_table, table, &reading.ruleset.tables)
        table->xtables = is_iptables(table);
    /* the legacy tables may have been read before */
    struct ruleset *ruleset = &namespace->ruleset;
    memcpy(&reading.ruleset.legacy, &ruleset->legacy, sizeof(ruleset->legacy));
    *ruleset = reading.ruleset;
    return result;
}

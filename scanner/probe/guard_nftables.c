/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard as nftables tables that belong to our sockets and die with them (Linux 5.12; egress hooks 5.16):
 * sets of what is outstanding, and a set that rules fill with what they saw.
 */
#include "scanner/probe/guard_layer.h"

#include "netns/base/file.h"
#include "scanner/probe/guard_rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/netfilter.h>

#define POLL_EVERY_NS 20000000ULL

enum { EGRESS_HOOK = 1 /* NF_NETDEV_EGRESS */, PRIORITY_LAST = INT_MAX - 1, NAME_MAX_LENGTH = 32 };

/* One table: in a namespace (inet), or on the interfaces of one (netdev). */
struct table {
    uint64_t namespace;
    uint32_t inode;
    uint8_t family;
    int fd;
    bool host;
    bool hooked[2]; /* by enum guard_hook */
    unsigned devices;
};

struct guard_state {
    const struct visitor *visitor;
    struct shots *shots;
    const struct plan *plan;
    uint64_t host;
    char name[NAME_MAX_LENGTH];
    bool steering; /* whether a rule gave a datagram to a socket of its choice can be seen */
    LIST(struct table) tables;
    uint64_t polled_ns;
};

/* ---- tables ---- */

static struct table *find_table(struct guard_state *state, uint64_t namespace, uint8_t family)
{
    list_each(struct table, table, &state->tables) {
        if (table->namespace == namespace && table->family == family)
            return table;
    }
    return NULL;
}

struct writer {
    struct nft_batch batch;
    struct guard_state *state;
    const struct table *table;
    struct rule_writer rules;
};

static void begin_writer(struct writer *writer, struct guard_state *state, const struct table *table,
                         const char *chain)
{
    *writer = (struct writer){.state = state, .table = table};
    writer->rules = (struct rule_writer){.batch = &writer->batch,
                                         .family = table->family,
                                         .table = state->name,
                                         .chain = chain,
                                         .scan = state->shots->scan};
    nft_begin(&writer->batch, table->fd);
}

/* In the namespace that the thread is in. */
static struct table *need_table(struct guard_state *state, uint64_t namespace, uint8_t family,
                                struct error *error)
{
    struct table table = {.namespace = namespace,
                          .inode = state->visitor->inode,
                          .family = family,
                          .host = namespace == state->host};
    struct table *found = find_table(state, namespace, family);
    struct writer writer;

    if (found)
        return found;
    table.fd = nft_open(error);
    if (table.fd < 0)
        return NULL;
    begin_writer(&writer, state, &table, NULL);
    nft_add_table(&writer.batch, family, state->name);
    rules_add_sets(&writer.rules, state->shots->capacity);
    if (nft_commit(&writer.batch, "table", error) < 0) {
        close_fd(&table.fd);
        return NULL;
    }
    found = list_append(&state->tables);
    *found = table;
    return found;
}

/* ---- the layer ---- */

static int open_nftables(const struct guard_request *request, bool hooks, bool egress,
                         struct guard_state **ret_state, struct error *error)
{
    struct guard_state *state;
    uint32_t number;

    (void)hooks;
    (void)egress;
    if (request->modules && !modules_has(request->modules, "nf_tables"))
        return error_set(error, EOPNOTSUPP, "no-guard", "nftables",
                         "nf_tables is not loaded, and nothing is loaded for it");
    state = memory_alloc(sizeof(*state));
    state->visitor = request->visitor;
    state->shots = request->shots;
    state->plan = request->plan;
    state->host = request->plan->host;
    state->steering = request->modules && modules_has(request->modules, "nft_socket");
    memcpy(&number, request->shots->scan, sizeof(number));
    (void)snprintf(state->name, sizeof(state->name), "postern-%08x", number);
    *ret_state = state;
    return 0;
}

static int hook_nftables(struct guard_state *state, enum guard_hook hook, uint64_t id, struct error *error)
{
    struct table *table = need_table(state, id, NFPROTO_INET, error);
    struct writer writer;
    int result;

    if (!table)
        return -error->status;
    begin_writer(&writer, state, table, hook == GUARD_OUTPUT ? "output" : "input");
    nft_add_chain(&writer.batch, NFPROTO_INET, state->name, writer.rules.chain,
                  hook == GUARD_OUTPUT ? NF_INET_POST_ROUTING : NF_INET_LOCAL_IN, PRIORITY_LAST, NULL);
    if (hook == GUARD_OUTPUT)
        rules_write_output(&writer.rules);
    else
        rules_write_input(&writer.rules, state->steering);
    result = nft_commit(&writer.batch, "chain", error);
    table->hooked[hook] = result == 0;
    return result;
}

static int mark_exit_nftables(struct guard_state *state, uint64_t id, uint32_t interface, bool shared,
                              struct error *error)
{
    struct table *table = find_table(state, id, NFPROTO_INET);
    struct writer writer;

    if (!table || !table->hooked[GUARD_OUTPUT])
        return 0; /* no hook stands there: the egress layer does */
    begin_writer(&writer, state, table, "output");
    rules_write_exit(&writer.rules, interface, shared);
    return nft_commit(&writer.batch, "rules", error);
}

static int egress_nftables(struct guard_state *state, uint64_t id, uint32_t interface, const char *name,
                           struct error *error)
{
    struct table *table = need_table(state, id, NFPROTO_NETDEV, error);
    struct writer writer;
    char chain[NAME_MAX_LENGTH];

    (void)interface;
    if (!table)
        return -error->status;
    (void)snprintf(chain, sizeof(chain), "egress%u", table->devices++);
    begin_writer(&writer, state, table, chain);
    nft_add_chain(&writer.batch, NFPROTO_NETDEV, state->name, chain, EGRESS_HOOK, PRIORITY_LAST, name);
    rules_write_egress(&writer.rules);
    return nft_commit(&writer.batch, "egress chain", error);
}

/* ---- arm ---- */

static bool concerns(const struct guard_state *state, const struct table *table,
                     const struct shot_entry *entry)
{
    const struct probe *probe = &state->plan->probes.items[entry->probe];

    return table->host || table->family == NFPROTO_NETDEV || table->namespace == probe->target ||
           (probe->reply == REPLY_NAMESPACE && table->namespace == probe->reply_namespace);
}

struct pair_key {
    uint16_t port, zero;
    uint32_t number;
};

static struct pair_key pair_key(const struct shot_entry *entry, uint32_t number)
{
    return (struct pair_key){.port = htons(entry->tuple.source_port), .number = htonl(number)};
}

struct range {
    uint32_t first, count;
};

static bool takes(const struct guard_state *state, const struct table *table, uint32_t index, bool injected)
{
    const struct shot_entry *entry = &state->shots->entries[index];

    return entry->tuple.family && concerns(state, table, entry) &&
           (!injected || entry->port || table->family == NFPROTO_NETDEV);
}

static uint32_t count_elements(const struct guard_state *state, const struct table *table, struct range range,
                               bool injected, uint8_t family)
{
    uint32_t count = 0;

    for (uint32_t index = range.first; index < range.first + range.count; index++)
        count += takes(state, table, index, injected) &&
                 (family == 0 || state->shots->entries[index].tuple.family == family);
    return count;
}

static void put_shots(struct writer *writer, struct range range, const char *set, uint32_t add, bool injected)
{
    const struct guard_state *state = writer->state;

    if (count_elements(state, writer->table, range, injected, 0) == 0)
        return;
    nft_begin_elements(&writer->batch, writer->table->family, state->name, set);
    for (uint32_t index = range.first; index < range.first + range.count; index++) {
        struct pair_key key =
            pair_key(&state->shots->entries[index], shots_cookie(state->shots, index) + add);

        if (takes(state, writer->table, index, injected))
            nft_put_element(&writer->batch, &key, sizeof(key));
    }
    nft_end_elements(&writer->batch);
}

static void put_turned(struct writer *writer, struct range range, uint8_t family)
{
    const struct guard_state *state = writer->state;
    size_t width = family == 4 ? 4 : 16;

    if (count_elements(state, writer->table, range, true, family) == 0)
        return;
    nft_begin_elements(&writer->batch, writer->table->family, state->name,
                       family == 4 ? "turned4" : "turned6");
    for (uint32_t index = range.first; index < range.first + range.count; index++) {
        const struct shot_tuple *tuple = &state->shots->entries[index].tuple;
        uint16_t ports[2] = {htons(tuple->port), htons(tuple->source_port)};
        uint8_t key[36];

        if (!takes(state, writer->table, index, true) || tuple->family != family)
            continue;
        memcpy(key, tuple->destination, width);
        memcpy(key + width, tuple->source, width);
        memcpy(key + 2 * width, ports, sizeof(ports));
        nft_put_element(&writer->batch, key, 2 * width + sizeof(ports));
    }
    nft_end_elements(&writer->batch);
}

static void put_target(struct writer *writer, uint32_t index, uint32_t add)
{
    const struct shots *shots = writer->state->shots;
    uint32_t number = htonl(shots_cookie(shots, index) + add);
    uint8_t key[20];

    memcpy(key, &number, sizeof(number));
    memcpy(key + 4, shots->entries[index].target, 16);
    nft_put_element(&writer->batch, key, sizeof(key));
}

static void put_targets(struct writer *writer, struct range range)
{
    const struct guard_state *state = writer->state;

    nft_begin_elements(&writer->batch, writer->table->family, state->name, "targets");
    for (uint32_t index = range.first; index < range.first + range.count; index++) {
        if (!takes(state, writer->table, index, false))
            continue;
        put_target(writer, index, 0);
        put_target(writer, index, 1); /* its reset goes there as well */
    }
    nft_end_elements(&writer->batch);
}

static void put_asked(struct writer *writer, struct range range)
{
    const struct guard_state *state = writer->state;

    if (writer->table->family != NFPROTO_NETDEV)
        return;
    nft_begin_elements(&writer->batch, writer->table->family, state->name, "asked");
    for (uint32_t index = range.first; index < range.first + range.count; index++)
        if (takes(state, writer->table, index, false))
            nft_put_element(&writer->batch, state->shots->entries[index].target, 16);
    nft_end_elements(&writer->batch);
}

static int arm_table(struct guard_state *state, const struct table *table, struct range range,
                     struct error *error)
{
    struct writer writer;

    if (count_elements(state, table, range, false, 0) == 0)
        return 0;
    begin_writer(&writer, state, table, NULL);
    put_shots(&writer, range, "shots", 0, false);
    put_shots(&writer, range, "answers", 1, true);
    put_shots(&writer, range, "resets", 1, false);
    put_turned(&writer, range, 4);
    put_turned(&writer, range, 6);
    put_targets(&writer, range);
    put_asked(&writer, range);
    return nft_commit(&writer.batch, "elements", error);
}

static int arm_nftables(struct guard_state *state, uint32_t first, uint32_t count, struct error *error)
{
    int result = 0;

    list_each(struct table, table, &state->tables) {
        if (result == 0)
            result = arm_table(state, table, (struct range){first, count}, error);
    }
    return result;
}

/* ---- poll ---- */

struct reading {
    struct guard_state *state;
    const struct table *table;
    uint64_t now_ns;
    uint32_t count;
    LIST(struct seen_key) syn_acks;
};

static void note_once(uint32_t *counter)
{
    if (*counter == 0)
        *counter = 1;
}

static void note_delivery(const struct reading *reading, const struct seen_key *key,
                          const struct shot_entry *entry, struct shot_record *record)
{
    uint32_t ports = ntohl(key->extra);

    note_once(&record->delivered);
    record->delivered_to = reading->table->inode;
    record->seen = (struct shot_tuple){.family = entry->tuple.family,
                                       .protocol = entry->tuple.protocol,
                                       .source_port = (uint16_t)(ports >> 16),
                                       .port = (uint16_t)ports};
    memcpy(record->seen.source, key->source, 16);
    memcpy(record->seen.destination, key->destination, 16);
}

static void note_error(const struct seen_key *key, const struct shot_entry *entry, struct shot_record *record)
{
    uint8_t header[4];

    memcpy(header, &key->extra, sizeof(header));
    if (entry->tuple.family == 4 && header[0] == 5)
        return; /* a redirect answers nothing */
    note_once(&record->errors);
    record->icmp_family = entry->tuple.family;
    record->icmp_type = header[0];
    record->icmp_code = header[1];
    memcpy(record->answered_by, key->source, 16);
}

static void note(struct reading *reading, const struct seen_key *key, uint32_t index)
{
    const struct shot_entry *entry = &reading->state->shots->entries[index];
    struct shot_record *record = &reading->state->shots->records[index];

    switch ((enum event)key->event) {
    case EVENT_DELIVERED:
        note_delivery(reading, key, entry, record);
        return;
    case EVENT_RESET:
        note_once(&record->reset_delivered);
        return;
    case EVENT_STOPPED:
        note_once(&record->stopped);
        return;
    case EVENT_PASSED:
        note_once(&record->passed);
        return;
    case EVENT_RESET_PASSED:
        note_once(&record->reset_passed);
        return;
    case EVENT_STEERED:
        record->steered = 1;
        return;
    case EVENT_ERROR:
        note_error(key, entry, record);
        break;
    case EVENT_SYN_ACK:
        record->syn_acks++;
        record->syn_ack_ns = reading->now_ns;
        *list_append(&reading->syn_acks) = *key;
        break;
    case EVENT_REFUSAL:
        note_once(&record->resets);
        break;
    case EVENT_ANSWER:
        note_once(&record->others);
        break;
    }
    if (record->answered_ns == 0)
        record->answered_ns = reading->now_ns;
}

static void take_key(const uint8_t *bytes, size_t length, void *context)
{
    struct reading *reading = context;
    struct seen_key key;
    uint32_t cookie, index;
    bool next;

    reading->count++;
    if (length != sizeof(key))
        return;
    memcpy(&key, bytes, sizeof(key));
    next = key.event == EVENT_RESET || key.event == EVENT_SYN_ACK || key.event == EVENT_REFUSAL ||
           key.event == EVENT_RESET_PASSED;
    cookie = ntohl(key.cookie) - next;
    if (shots_index(reading->state->shots, cookie, &index))
        note(reading, &key, index);
}

/* Taken out, so that the next one is seen. */
static int forget_syn_acks(struct reading *reading, struct error *error)
{
    struct writer writer;

    if (reading->syn_acks.count == 0)
        return 0;
    begin_writer(&writer, reading->state, reading->table, NULL);
    nft_begin_removal(&writer.batch, reading->table->family, reading->state->name, "seen");
    list_each(struct seen_key, key, &reading->syn_acks)
        nft_put_element(&writer.batch, key, sizeof(*key));
    nft_end_elements(&writer.batch);
    reading->syn_acks.count = 0;
    return nft_commit(&writer.batch, "elements", error);
}

/* A container can fill the set with answers of its own making; then what others did is not seen any more. */
static int poll_table(struct reading *reading, struct error *error)
{
    int result;

    reading->count = 0;
    result = nft_read_set(reading->table->fd, reading->table->family, reading->state->name, "seen", take_key,
                          reading, error);
    if (result == 0)
        result = forget_syn_acks(reading, error);
    if (result == 0 && reading->count >= rules_seen_max(reading->state->shots->capacity))
        return error_set(error, ENOSPC, "nftables-refused", "seen",
                         "there was more to see than there is room");
    return result;
}

static int poll_nftables(struct guard_state *state, struct error *error)
{
    struct reading reading = {.state = state, .now_ns = time_monotonic_ns()};
    int result = 0;

    if (reading.now_ns < state->polled_ns + POLL_EVERY_NS)
        return 0;
    list_each(struct table, table, &state->tables) {
        reading.table = table;
        if (result == 0)
            result = poll_table(&reading, error);
    }
    list_free(&reading.syn_acks);
    state->polled_ns = time_monotonic_ns();
    return result;
}

static void descriptors_nftables(const struct guard_state *state, struct descriptor_list *list)
{
    list_each(struct table, table, &state->tables)
        *list_append(list) = table->fd;
}

static void close_nftables(struct guard_state *state)
{
    list_each(struct table, table, &state->tables)
        close_fd(&table->fd);
    list_free(&state->tables);
    free(state);
}

const struct guard_layer guard_nftables = {
    .hooks_name = "nftables",
    .egress_name = "nftables",
    .open = open_nftables,
    .hook = hook_nftables,
    .mark_exit = mark_exit_nftables,
    .egress = egress_nftables,
    .arm = arm_nftables,
    .poll = poll_nftables,
    .descriptors = descriptors_nftables,
    .close = close_nftables,
};

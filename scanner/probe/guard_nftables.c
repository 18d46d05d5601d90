/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard as nftables tables that belong to our sockets and die with them (Linux 5.12; egress hooks 5.16):
 * sets of what is outstanding, and a set that rules fill with what they saw. A rule that records does not
 * drop: where a set is full, the rule ends, and the packet must be dropped all the same.
 *
 * Sets, by their keys:
 *   shots    client's port . cookie                    a shot itself, and ICMP errors that quote it
 *   answers  client's port . cookie + 1                its answers, and its reset: injected shots only
 *   turned4  server . client . server's port . client's port      any other answer to an injected shot
 *   turned6
 *   targets  cookie . address                          where a shot is predicted to end
 *   asked    address                                   targets: the question who has it need not leave the
 * host seen     event . cookie . extra . source . destination        filled by rules
 */
#include "scanner/probe/guard_layer.h"

#include "netns/base/file.h"
#include "scanner/probe/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

#define POLL_EVERY_NS 20000000ULL

enum { EGRESS_HOOK = 1 /* NF_NETDEV_EGRESS */, PRIORITY_LAST = INT_MAX - 1, NAME_MAX_LENGTH = 32 };
enum { SET_SHOTS = 1, SET_ANSWERS, SET_TURNED4, SET_TURNED6, SET_TARGETS, SET_ASKED, SET_SEEN };
enum event {
    EVENT_DELIVERED = 1,
    EVENT_RESET,
    EVENT_SYN_ACK,
    EVENT_REFUSAL,
    EVENT_ERROR,
    EVENT_ANSWER,
    EVENT_STOPPED,
    EVENT_PASSED,
    EVENT_RESET_PASSED
};
enum { FLAG_SYN = 0x02, FLAG_RST = 0x04, FLAG_ACK = 0x10, FLAGS = FLAG_SYN | FLAG_RST | FLAG_ACK };

/* Registers: matches use the first ones, the record of an event the rest. */
enum {
    REG_MATCH = 0,
    REG_KEY = 2,
    REG_EVENT = 5,
    REG_COOKIE,
    REG_EXTRA,
    REG_SOURCE,
    REG_DESTINATION = REG_SOURCE + 4
};

struct seen_key {
    uint32_t event, cookie, extra; /* network order; event is not */
    uint8_t source[16], destination[16];
};

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
    LIST(struct table) tables;
    uint64_t polled_ns;
};

/* ---- expressions ---- */

struct writer {
    struct nft_batch batch;
    struct guard_state *state;
    const struct table *table;
    const char *chain;
};

static void begin_rule(struct writer *writer)
{
    nft_begin_rule(&writer->batch, writer->table->family, writer->state->name, writer->chain);
}

static void end_rule(struct writer *writer)
{
    nft_end_rule(&writer->batch);
}

static void match_byte(struct writer *writer, uint32_t meta, uint8_t value)
{
    nft_meta(&writer->batch, meta, REG_MATCH);
    nft_equal(&writer->batch, REG_MATCH, &value, 1);
}

/* netdev chains have no nfproto, but the frame's type. */
static void match_family(struct writer *writer, bool six)
{
    uint16_t type = htons(six ? ETH_P_IPV6 : ETH_P_IP);

    if (writer->table->family == NFPROTO_INET) {
        match_byte(writer, NFT_META_NFPROTO, six ? NFPROTO_IPV6 : NFPROTO_IPV4);
        return;
    }
    nft_meta(&writer->batch, NFT_META_PROTOCOL, REG_MATCH);
    nft_equal(&writer->batch, REG_MATCH, &type, sizeof(type));
}

static void match_flags(struct writer *writer, uint8_t flags)
{
    const uint8_t mask = FLAGS;

    nft_payload(&writer->batch, NFT_TRANSPORT, 13, 1, REG_MATCH);
    nft_mask(&writer->batch, REG_MATCH, &mask, 1);
    nft_equal(&writer->batch, REG_MATCH, &flags, 1);
}

static void match_bytes(struct writer *writer, uint32_t offset, const void *bytes, uint32_t length)
{
    nft_payload(&writer->batch, NFT_TRANSPORT, offset, length, REG_MATCH);
    nft_equal(&writer->batch, REG_MATCH, bytes, length);
}

/* The port at one offset and the number at another are in the set; the number stays in REG_COOKIE. */
static void match_pair(struct writer *writer, uint32_t port, uint32_t number, const char *set, uint32_t id)
{
    nft_payload(&writer->batch, NFT_TRANSPORT, port, 2, REG_KEY);
    nft_payload(&writer->batch, NFT_TRANSPORT, number, 4, REG_KEY + 1);
    nft_lookup(&writer->batch, REG_KEY, set, id, false);
    nft_payload(&writer->batch, NFT_TRANSPORT, number, 4, REG_COOKIE);
}

static void load_addresses(struct writer *writer, bool six)
{
    static const uint8_t zero[16];

    nft_load(&writer->batch, REG_SOURCE, zero, sizeof(zero));
    nft_load(&writer->batch, REG_DESTINATION, zero, sizeof(zero));
    nft_payload(&writer->batch, NFT_NETWORK, six ? 8 : 12, six ? 16 : 4, REG_SOURCE);
    nft_payload(&writer->batch, NFT_NETWORK, six ? 24 : 16, six ? 16 : 4, REG_DESTINATION);
}

/* REG_COOKIE holds the cookie, or one more: the event says which. */
static void record(struct writer *writer, enum event event, bool six)
{
    const uint32_t word = event;

    nft_load(&writer->batch, REG_EVENT, &word, sizeof(word));
    nft_payload(&writer->batch, NFT_TRANSPORT, 0, 4, REG_EXTRA); /* ports, or ICMP's type and code */
    load_addresses(writer, six);
    nft_update(&writer->batch, REG_EVENT, "seen", SET_SEEN);
}

/* ---- matches: what a packet is ---- */

struct match {
    void (*write)(struct writer *writer, bool six);
    enum event event;
};

static void is_syn(struct writer *writer, bool six)
{
    (void)six;
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_TCP);
    match_flags(writer, FLAG_SYN);
    match_pair(writer, 0, 4, "shots", SET_SHOTS);
}

static void is_reset(struct writer *writer, bool six)
{
    (void)six;
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_TCP);
    match_flags(writer, FLAG_RST);
    match_pair(writer, 0, 4, "answers", SET_ANSWERS);
}

static void is_token(struct writer *writer, bool six)
{
    (void)six;
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_UDP);
    match_bytes(writer, 8, writer->state->shots->scan, 8);
    match_pair(writer, 0, 16, "shots", SET_SHOTS);
}

static void is_answer(struct writer *writer, uint8_t flags)
{
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_TCP);
    match_flags(writer, flags);
    match_pair(writer, 2, 8, "answers", SET_ANSWERS);
}

static void is_syn_ack(struct writer *writer, bool six)
{
    (void)six;
    is_answer(writer, FLAG_SYN | FLAG_ACK);
}

static void is_refusal(struct writer *writer, bool six)
{
    (void)six;
    is_answer(writer, FLAG_RST | FLAG_ACK);
}

/* Our packet is quoted at `quoted` from the ICMP header: without options, as it was sent. */
static void quotes(struct writer *writer, bool six, uint32_t quoted, uint8_t protocol, bool reset)
{
    uint32_t transport = quoted + (six ? 40 : 20);

    match_bytes(writer, quoted + (six ? 6 : 9), &protocol, 1);
    if (protocol == IPPROTO_UDP)
        match_bytes(writer, transport + 8, writer->state->shots->scan, 8);
    match_pair(writer, transport, transport + (protocol == IPPROTO_TCP ? 4 : 16), reset ? "answers" : "shots",
               reset ? SET_ANSWERS : SET_SHOTS);
}

static void is_error(struct writer *writer, bool six, uint8_t protocol, bool reset)
{
    const uint8_t limit =
        six ? 128 : 13; /* questions and answers of IPv4 that are below bear no quotation of ours */

    match_byte(writer, NFT_META_L4PROTO, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    nft_payload(&writer->batch, NFT_TRANSPORT, 0, 1, REG_MATCH);
    nft_lower(&writer->batch, REG_MATCH, &limit, 1);
    quotes(writer, six, 8, protocol, reset);
}

static void is_tcp_error(struct writer *writer, bool six)
{
    is_error(writer, six, IPPROTO_TCP, false);
}

static void is_udp_error(struct writer *writer, bool six)
{
    is_error(writer, six, IPPROTO_UDP, false);
}

/* It is dropped as well, and answers nothing. */
static void is_reset_error(struct writer *writer, bool six)
{
    is_error(writer, six, IPPROTO_TCP, true);
}

/* RFC 4861, 4.5: the redirected packet is an option, behind 40 bytes and maybe a link-layer address. */
static void is_redirect(struct writer *writer, bool six, uint32_t option, uint8_t protocol)
{
    const uint8_t redirect = 137, redirected = 4;

    (void)six;
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_ICMPV6);
    match_bytes(writer, 0, &redirect, 1);
    match_bytes(writer, option, &redirected, 1);
    quotes(writer, true, option + 8, protocol, false);
}

static void is_turned(struct writer *writer, bool six)
{
    unsigned width = six ? 4 : 1; /* registers of an address */

    nft_payload(&writer->batch, NFT_NETWORK, six ? 8 : 12, six ? 16 : 4, REG_KEY);
    nft_payload(&writer->batch, NFT_NETWORK, six ? 24 : 16, six ? 16 : 4, REG_KEY + width);
    nft_payload(&writer->batch, NFT_TRANSPORT, 0, 4, REG_KEY + 2 * width);
    nft_lookup(&writer->batch, REG_KEY, six ? "turned6" : "turned4", six ? SET_TURNED6 : SET_TURNED4, false);
}

static const struct match shot_matches[] = {
    {is_syn, EVENT_STOPPED}, {is_reset, 0}, {is_token, EVENT_STOPPED}};
static const struct match answer_matches[] = {{is_syn_ack, EVENT_SYN_ACK}, {is_refusal, EVENT_REFUSAL},
                                              {is_tcp_error, EVENT_ERROR}, {is_udp_error, EVENT_ERROR},
                                              {is_reset_error, 0},         {is_turned, 0}};

/* ---- chains ---- */

static void write_match(struct writer *writer, const struct match *match, bool six)
{
    match_family(writer, six);
    match->write(writer, six);
}

/* A rule that records and one that drops. */
static void write_answer(struct writer *writer, const struct match *match, bool six)
{
    if (match->event) {
        begin_rule(writer);
        write_match(writer, match, six);
        record(writer, match->event, six);
        end_rule(writer);
    }
    begin_rule(writer);
    write_match(writer, match, six);
    nft_drop(&writer->batch);
    end_rule(writer);
}

static void write_redirects(struct writer *writer)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

    for (size_t i = 0; i < sizeof(protocols); i++)
        for (uint32_t option = 40; option <= 48; option += 8) {
            begin_rule(writer);
            match_family(writer, true);
            is_redirect(writer, true, option, protocols[i]);
            nft_drop(&writer->batch);
            end_rule(writer);
        }
}

static void write_answers(struct writer *writer)
{
    for (int six = 0; six <= 1; six++)
        for (size_t i = 0; i < sizeof(answer_matches) / sizeof(answer_matches[0]); i++)
            write_answer(writer, &answer_matches[i], six);
    write_redirects(writer);
}

static void write_record(struct writer *writer, const struct match *match, bool six)
{
    begin_rule(writer);
    write_match(writer, match, six);
    record(writer, match->event, six);
    end_rule(writer);
}

static void write_output(struct writer *writer)
{
    static const struct match matches[] = {
        {is_syn, EVENT_PASSED}, {is_reset, EVENT_RESET_PASSED}, {is_token, EVENT_PASSED}};

    for (int six = 0; six <= 1; six++)
        for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++)
            write_record(writer, &matches[i], six);
    write_answers(writer);
}

/* What passes here passed every rule of the namespace; datagrams end. */
static void write_input(struct writer *writer)
{
    static const struct match matches[] = {
        {is_syn, EVENT_DELIVERED}, {is_reset, EVENT_RESET}, {is_token, EVENT_DELIVERED}};

    for (int six = 0; six <= 1; six++) {
        for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++)
            write_record(writer, &matches[i], six);
        begin_rule(writer);
        write_match(writer, &matches[2], six);
        nft_drop(&writer->batch);
        end_rule(writer);
    }
}

static void match_exit(struct writer *writer, uint32_t interface, bool shared, bool six)
{
    static const uint8_t zero[16];

    nft_meta(&writer->batch, NFT_META_OIF, REG_MATCH);
    nft_equal(&writer->batch, REG_MATCH, &interface, sizeof(interface));
    if (!shared)
        return;
    /* cookie . destination: on a bridge that has containers too, only what strays is stopped */
    nft_load(&writer->batch, REG_SOURCE, zero, sizeof(zero));
    nft_payload(&writer->batch, NFT_NETWORK, six ? 24 : 16, six ? 16 : 4, REG_SOURCE);
    nft_lookup(&writer->batch, REG_SOURCE - 1, "targets", SET_TARGETS, true);
}

static void write_exit(struct writer *writer, const struct match *match, uint32_t interface, bool shared,
                       bool six)
{
    for (int drop = match->event ? 0 : 1; drop <= 1; drop++) {
        begin_rule(writer);
        write_match(writer, match, six);
        /* The number that was matched, beside the address that is looked up. */
        nft_payload(&writer->batch, NFT_TRANSPORT, match->write == is_token ? 16 : 4, 4, REG_SOURCE - 1);
        match_exit(writer, interface, shared, six);
        if (drop) {
            nft_drop(&writer->batch);
        } else {
            nft_payload(&writer->batch, NFT_TRANSPORT, match->write == is_token ? 16 : 4, 4, REG_COOKIE);
            record(writer, match->event, six);
        }
        end_rule(writer);
    }
}

/*
 * The question for a target that stands on a bridge beside the host is answered on that bridge. Who asks for
 * itself (RFC 5227, RFC 4862) may ask everyone.
 */
static void write_questions(struct writer *writer)
{
    static const uint8_t zero[16], solicitation = 135;
    const uint16_t arp = htons(ETH_P_ARP), request = htons(1);

    begin_rule(writer);
    nft_meta(&writer->batch, NFT_META_PROTOCOL, REG_MATCH);
    nft_equal(&writer->batch, REG_MATCH, &arp, sizeof(arp));
    nft_payload(&writer->batch, NFT_NETWORK, 6, 2, REG_MATCH);
    nft_equal(&writer->batch, REG_MATCH, &request, sizeof(request));
    nft_payload(&writer->batch, NFT_NETWORK, 14, 4, REG_MATCH);
    nft_unequal(&writer->batch, REG_MATCH, zero, 4);
    nft_load(&writer->batch, REG_SOURCE, zero, sizeof(zero));
    nft_payload(&writer->batch, NFT_NETWORK, 24, 4, REG_SOURCE);
    nft_lookup(&writer->batch, REG_SOURCE, "asked", SET_ASKED, false);
    nft_drop(&writer->batch);
    end_rule(writer);
    begin_rule(writer);
    match_family(writer, true);
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_ICMPV6);
    match_bytes(writer, 0, &solicitation, 1);
    nft_payload(&writer->batch, NFT_NETWORK, 8, 16, REG_SOURCE);
    nft_unequal(&writer->batch, REG_SOURCE, zero, sizeof(zero));
    nft_payload(&writer->batch, NFT_TRANSPORT, 8, 16, REG_SOURCE);
    nft_lookup(&writer->batch, REG_SOURCE, "asked", SET_ASKED, false);
    nft_drop(&writer->batch);
    end_rule(writer);
}

/* On an interface that leads off the host nothing of a shot passes. */
static void write_egress(struct writer *writer)
{
    for (int six = 0; six <= 1; six++)
        for (size_t i = 0; i < sizeof(shot_matches) / sizeof(shot_matches[0]); i++)
            write_answer(writer, &shot_matches[i], six);
    write_answers(writer);
    write_questions(writer);
}

/* ---- tables ---- */

static struct table *find_table(struct guard_state *state, uint64_t namespace, uint8_t family)
{
    list_each(struct table, table, &state->tables) {
        if (table->namespace == namespace && table->family == family)
            return table;
    }
    return NULL;
}

static void begin_writer(struct writer *writer, struct guard_state *state, const struct table *table,
                         const char *chain)
{
    *writer = (struct writer){.state = state, .table = table, .chain = chain};
    nft_begin(&writer->batch, table->fd);
}

static void add_sets(struct writer *writer)
{
    static const struct {
        const char *name;
        uint32_t id, length;
    } sets[] = {{"shots", SET_SHOTS, 8},      {"answers", SET_ANSWERS, 8},  {"turned4", SET_TURNED4, 12},
                {"turned6", SET_TURNED6, 36}, {"targets", SET_TARGETS, 20}, {"asked", SET_ASKED, 16}};
    uint8_t family = writer->table->family;
    const char *name = writer->state->name;

    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        nft_add_set(&writer->batch, family, name, sets[i].name, sets[i].id, sets[i].length, false, 0);
    nft_add_set(&writer->batch, family, name, "seen", SET_SEEN, sizeof(struct seen_key), true,
                writer->state->shots->capacity * EVENT_RESET_PASSED + 64);
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
    add_sets(&writer);
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
    nft_add_chain(&writer.batch, NFPROTO_INET, state->name, writer.chain,
                  hook == GUARD_OUTPUT ? NF_INET_POST_ROUTING : NF_INET_LOCAL_IN, PRIORITY_LAST, NULL);
    if (hook == GUARD_OUTPUT)
        write_output(&writer);
    else
        write_input(&writer);
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
    for (int six = 0; six <= 1; six++)
        for (size_t i = 0; i < sizeof(shot_matches) / sizeof(shot_matches[0]); i++)
            write_exit(&writer, &shot_matches[i], interface, shared, six);
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
    write_egress(&writer);
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

static int poll_table(struct reading *reading, struct error *error)
{
    int result = nft_read_set(reading->table->fd, reading->table->family, reading->state->name, "seen",
                              take_key, reading, error);

    return result < 0 ? result : forget_syn_acks(reading, error);
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

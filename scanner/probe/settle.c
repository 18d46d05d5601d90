/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/settle.h"

#include "netns/base/file.h"
#include "netns/kernel/module.h"
#include "netns/kernel/netlink.h"
#include "scanner/probe/conntrack.h"
#include "scanner/probe/judge.h"
#include "scanner/probe/receive.h"
#include "scanner/probe/run.h"
#include "scanner/probe/socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <time.h>

#define MILLISECOND 1000000ULL
/* LAST_LOOK_MS: longer than a capture's block or a set of nftables may go unread. */
enum { SETTLE_MS = 1600, LAST_LOOK_MS = 25, STEP_MS = 2, TABLE_MAX = 16 << 20, DRAIN_EVERY = 32 };

struct debts settle_debts(struct run *run)
{
    const struct payer payer = {&run->injector, raw_reset, run};
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    uint64_t begin = time_monotonic_ns(), end = begin + SETTLE_MS * MILLISECOND;

    if (run->deadline_ns && run->deadline_ns < end) /* the keeper does the rest */
        end = run->deadline_ns;
    for (;;) {
        uint64_t now = time_monotonic_ns();
        struct debts debts;

        receive_all(run);
        debts = pay_debts(&run->shots, &payer, now, true);
        if ((debts.open == 0 && now > begin + LAST_LOOK_MS * MILLISECOND) || now > end)
            return debts;
        (void)nanosleep(&step, NULL);
    }
}

/* ---- namespaces ---- */

/* A shot and a namespace in which it left something, to be sorted by namespace. */
struct trace {
    uint64_t namespace;
    uint32_t shot;
    bool sender; /* the tuple there is the one that was sent; else the one that arrived */
};

struct trace_list {
    struct trace *items;
    size_t count, capacity;
};

static int compare_traces(const void *a, const void *b)
{
    const struct trace *left = a, *right = b;

    return (left->namespace > right->namespace) - (left->namespace < right->namespace);
}

static void add_trace(struct trace_list *list, uint64_t namespace, uint32_t shot, bool sender)
{
    *list_append(list) = (struct trace){.namespace = namespace, .shot = shot, .sender = sender};
}

static void list_traces(const struct run *run, struct trace_list *list)
{
    for (uint32_t index = 0; index < run->shots.count; index++) {
        const struct shot_entry *entry = &run->shots.entries[index];
        const struct probe *probe = run->trials[entry->probe].probe;

        if (entry->sent_ns == 0)
            continue;
        add_trace(list, run->plan->host, index, true);
        if (entry->port == 0 && probe->from != run->plan->host)
            add_trace(list, probe->from, index, true);
        add_trace(list, probe->target, index, false);
    }
    if (list->count)
        qsort(list->items, list->count, sizeof(*list->items), compare_traces);
}

/* The tuple as the target's namespace saw it; NULL: it was not seen there. */
static const struct shot_tuple *arrived_tuple(const struct shots *shots, uint32_t index)
{
    if (shots->records[index].delivered > 0 && shots->records[index].seen.family)
        return &shots->records[index].seen;
    return shots->sightings[index].has_tuple ? &shots->sightings[index].tuple : NULL;
}

static void forget_connections(const struct run *run, const struct trace *traces, size_t count)
{
    _cleanup_close_ int fd = -1;

    if (conntrack_count(run->proc) == 0)
        return;
    fd = conntrack_open(NULL);
    for (size_t i = 0; i < count && fd >= 0; i++) {
        const struct shot_tuple *tuple = traces[i].sender ? &run->shots.entries[traces[i].shot].tuple
                                                          : arrived_tuple(&run->shots, traces[i].shot);

        /* A reset that is due still finds its way by the entry. */
        if (tuple &&
            (run->shots.entries[traces[i].shot].settled || !shots_half_open(&run->shots, traces[i].shot)))
            (void)conntrack_delete(fd, tuple);
        if (i % DRAIN_EVERY == DRAIN_EVERY - 1)
            (void)conntrack_drain(fd);
    }
    if (fd >= 0)
        (void)conntrack_drain(fd);
}

static bool is_delivered_datagram(const struct run *run, const struct trace *trace)
{
    const struct shots *shots = &run->shots;

    return !trace->sender && shots->entries[trace->shot].tuple.protocol == SHOT_UDP &&
           shots->records[trace->shot].delivered > 0;
}

/* 1, 0 or -errno, as socket_bound_text(). */
static int read_table(const struct run *run, const char *path, const struct shot_tuple *tuple)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    int result = file_read(run->proc, path, TABLE_MAX, &text, &length, NULL);

    return result < 0 ? result : socket_bound_text(text, length, tuple);
}

static int ask_table(const struct run *run, const struct shot_tuple *tuple)
{
    struct shot_tuple any = {.family = 6, .protocol = tuple->protocol, .port = tuple->port};
    int result;

    if (tuple->family == 6)
        return read_table(run, "thread-self/net/udp6", tuple);
    result = read_table(run, "thread-self/net/udp", tuple);
    /* A socket of IPv6 takes IPv4 as well unless it is told not to, and the text does not say. */
    return result == 0 && read_table(run, "thread-self/net/udp6", &any) != 0 ? -ENODATA : result;
}

static int ask_socket(const struct run *run, struct netlink **diag, const struct shot_record *record)
{
    int result = -EIO;

    if (!*diag && modules_has(run->modules, "udp_diag") &&
        netlink_open(NETLINK_SOCK_DIAG, run->deadline_ns, diag, NULL) < 0)
        *diag = NULL;
    if (*diag)
        result = socket_bound_diag(*diag, &record->seen, record->input, NULL);
    return result < 0 ? ask_table(run, &record->seen) : result;
}

/* TPROXY may be at work, unseen by the guard: no socket at the port means nothing then. */
static bool may_be_steered(const struct run *run)
{
    return !guard_sees_steering(run->guard) &&
           (modules_has(run->modules, "nft_tproxy") || modules_has(run->modules, "xt_TPROXY"));
}

static void ask_sockets(const struct run *run, const struct trace *traces, size_t count, uint8_t *bound)
{
    _cleanup_netlink_ struct netlink *diag = NULL;

    for (size_t i = 0; i < count; i++) {
        int result;

        if (!is_delivered_datagram(run, &traces[i]))
            continue;
        result = ask_socket(run, &diag, &run->shots.records[traces[i].shot]);
        if (result > 0 || (result == 0 && !may_be_steered(run)))
            bound[traces[i].shot] = result ? BOUND_YES : BOUND_NO;
    }
}

static void settle_one(struct run *run, const struct trace *traces, size_t count, uint8_t *bound)
{
    if (visit_begin(&run->visitor, traces[0].namespace, NULL) < 0)
        return; /* gone, with all that was in it */
    ask_sockets(run, traces, count, bound);
    if (modules_has(run->modules, "nf_conntrack_netlink"))
        forget_connections(run, traces, count);
    visit_end(&run->visitor);
}

void settle_namespaces(struct run *run, uint8_t *bound)
{
    struct trace_list list = {0};

    list_traces(run, &list);
    for (size_t first = 0, last; first < list.count; first = last) {
        for (last = first; last < list.count && list.items[last].namespace == list.items[first].namespace;)
            last++;
        settle_one(run, list.items + first, last - first, bound);
    }
    list_free(&list);
}

/* ---- facts ---- */

static void add_answers(const struct run *run, uint32_t index, struct facts *facts)
{
    const struct shot_entry *entry = &run->shots.entries[index];
    const struct shot_record *record = &run->shots.records[index];
    const struct sighting *sighting = &run->shots.sightings[index];
    uint64_t answered = record->answered_ns ? record->answered_ns : sighting->answered_ns;

    facts->syn_ack |= record->syn_acks > 0 || sighting->syn_acks > 0;
    facts->refusal |= record->resets > 0 || sighting->refusals > 0;
    facts->answer |= entry->tuple.protocol == SHOT_UDP && (record->others > 0 || sighting->answers > 0);
    if (record->errors > 0 || sighting->errors > 0) {
        bool by_guard = record->errors > 0;

        facts->error = true;
        facts->icmp_type = by_guard ? record->icmp_type : sighting->icmp_type;
        facts->icmp_code = by_guard ? record->icmp_code : sighting->icmp_code;
        facts->answered_by =
            by_guard ? tuple_address(record->answered_by, record->icmp_family) : sighting->answered_by;
    }
    if (facts->rtt_ns == 0 && answered > entry->sent_ns)
        facts->rtt_ns = answered - entry->sent_ns;
}

/* It went out towards another namespace, by an interface that is not the target's or is new. */
static bool strayed(const struct run *run, uint32_t index)
{
    const struct shot_entry *entry = &run->shots.entries[index];
    const struct sighting *sighting = &run->shots.sightings[index];
    const struct device *device = device_find(&run->devices, sighting->last_outgoing);

    return sighting->last_outgoing && sighting->last_outgoing != entry->arrival &&
           (!device || device->parent_elsewhere);
}

static void add_sightings(const struct run *run, const struct probe *probe, uint32_t index,
                          const uint8_t *bound, struct facts *facts)
{
    const struct shot_record *record = &run->shots.records[index];
    const struct sighting *sighting = &run->shots.sightings[index];
    uint32_t target = guard_inode(run->guard, GUARD_INPUT, probe->target);

    facts->stopped |= record->stopped > 0;
    facts->passed |= record->passed > 0;
    if (record->delivered > 0 && (target == 0 || record->delivered_to == target || record->delivered_to == 0))
        facts->delivered = true;
    else if (record->delivered > 0)
        facts->delivered_elsewhere = true;
    if (facts->bound != BOUND_YES && bound[index] != BOUND_UNKNOWN)
        facts->bound = bound[index];
    facts->arrived |=
        sighting->arrived > 0 || (probe->target == run->plan->host && sighting->last_interface != 0);
    facts->strayed |= strayed(run, index);
    facts->left |= sighting->last_interface != 0;
    facts->steered |= record->steered > 0;
}

/* It never leaves the namespace that sends it. */
static bool stays_within(const struct trial *trial)
{
    return trial->method != &method_ingress && trial->probe->from == trial->probe->target;
}

/* Or the guard would know, or nobody would anyway. */
static bool is_seen_to_leave(const struct run *run, const struct trial *trial)
{
    return trial->method == &method_ingress || trial->method == &method_connect ||
           trial->probe->from == run->plan->host || stays_within(trial);
}

static struct facts collect_facts(const struct run *run, const struct trial *trial, const uint8_t *bound)
{
    const struct probe *probe = trial->probe;
    struct facts facts = {
        .method = trial->method->id,
        .protocol = probe->protocol,
        .family = probe->destination.family,
        .source = trial->source,
        .send_error = trial->send_error,
        .watched = trial->method != &method_connect && !run->guard_blind &&
                   guard_stands(run->guard, GUARD_INPUT, probe->target),
        .witnessed = run->witness && run->losses == 0,
        .lossy = run->witness && run->losses > 0,
        .arrival_known = probe->target == run->plan->host || (probe->arrival && !stays_within(trial)),
        .left = is_seen_to_leave(run, trial),
        .crowded = run->crowded,
        .native_xdp = probe->method == METHOD_INGRESS && run->plan->uplinks.items[probe->uplink].native_xdp,
        .proxy = probe->proxy};

    for (uint32_t index = trial->last_shot; index != NO_SHOT; index = run->shots.entries[index].previous) {
        if (run->shots.entries[index].sent_ns)
            facts.sent++;
        add_answers(run, index, &facts);
        add_sightings(run, probe, index, bound, &facts);
    }
    return facts;
}

struct observation settle_observation(const struct run *run, const struct trial *trial, const uint8_t *bound)
{
    struct facts facts = collect_facts(run, trial, bound);

    if (facts.sent == 0 && facts.send_error == 0)
        return judge_not_probed("timeout", "the scan's time was over");
    if (facts.sent == 0 && facts.send_error == ENODEV)
        return judge_not_probed("uplink-down", "the uplink went down meanwhile");
    return judge(&facts);
}

bool trial_is_decided(const struct run *run, const struct trial *trial)
{
    struct facts facts = {0};

    for (uint32_t index = trial->last_shot; index != NO_SHOT; index = run->shots.entries[index].previous) {
        add_answers(run, index, &facts);
        if (run->shots.entries[index].tuple.protocol == SHOT_UDP && run->shots.records[index].delivered > 0)
            return true;
    }
    return facts.syn_ack || facts.refusal || facts.answer || facts.error;
}

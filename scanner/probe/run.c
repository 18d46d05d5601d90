/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/run.h"

#include "netns/base/file.h"
#include "netns/kernel/enter.h"
#include "netns/kernel/module.h"
#include "scanner/probe/backlog.h"
#include "scanner/probe/conntrack.h"
#include "scanner/probe/judge.h"
#include "scanner/probe/method.h"
#include "scanner/probe/receive.h"
#include "scanner/probe/settle.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define MILLISECOND 1000000ULL
#define SECOND      1000000000ULL
enum {
    RATE = 2000,
    TIMEOUT_MS = 200,
    TIMEOUT_LEAST_MS = 50, /* a capture and a guard are read late by half of it */
    TRIES = 2,
    STEP_MS = 2,
    RESERVE_MS = 400, /* of the deadline, for putting things back */
    BURST_MS = 20,
};

static const struct method *const methods[] = {&method_ingress, &method_raw, &method_datagram,
                                               &method_connect};

const struct method *method_find(enum observed_method id)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (methods[i]->id == id)
            return methods[i];
    return NULL;
}

/* ---- admission ---- */

static void refuse(struct run *run, struct trial *trial, const char *code, const char *message)
{
    trial->method = NULL;
    trial->observation = judge_not_probed(code, arena_strdup(run->result->arena, message));
}

static void refuse_error(struct run *run, struct trial *trial, const struct error *error)
{
    refuse(run, trial, error->code, error->message);
    trial->observation.reason.subject =
        error->subject[0] ? arena_strdup(run->result->arena, error->subject) : NULL;
}

static bool may_be_addressed(struct address address)
{
    return address.family != FAMILY_NONE && !address_is_any(address) && !address_is_multicast(address) &&
           !(address.family == FAMILY_IP4 && address.value == UINT32_MAX);
}

struct rule {
    bool (*refuses)(const struct plan *plan, const struct probe *probe);
    const char *code, *message;
};

static bool other_protocol(const struct plan *plan, const struct probe *probe)
{
    (void)plan;
    return probe->protocol != PROTOCOL_TCP && probe->protocol != PROTOCOL_UDP;
}

static bool other_address(const struct plan *plan, const struct probe *probe)
{
    (void)plan;
    return !may_be_addressed(probe->destination) || probe->port == 0;
}

static bool ends_elsewhere(const struct plan *plan, const struct probe *probe)
{
    (void)plan;
    return probe->target == 0;
}

/* Without its interface the kernel refuses it as it refuses a blackhole. */
static bool wants_scope(const struct plan *plan, const struct probe *probe)
{
    (void)plan;
    return probe->method != METHOD_INGRESS && probe->scope == 0 && probe->destination.family == FAMILY_IP6 &&
           address_is_link_local(probe->destination);
}

static bool is_stateful(const struct plan *plan, const struct probe *probe)
{
    return probe->stateful && !plan->options.touch_stateful;
}

static bool is_in_use(const struct plan *plan, const struct probe *probe)
{
    return probe->source_in_use && !plan->options.impersonate;
}

static bool is_remote(const struct plan *plan, const struct probe *probe)
{
    (void)plan;
    return !method_find(probe->method);
}

static const struct rule rules[] = {
    {other_protocol, "protocol", "only TCP and UDP are probed"},
    {other_address, "address-refused", "multicast, broadcast and unspecified addresses are not probed"},
    {wants_scope, "address-refused", "a link-local address is probed only where its interface is known"},
    {is_remote, "remote", "only another machine can send this probe"},
    {ends_elsewhere, "target-elsewhere", "it would not end on this host"},
    {is_stateful, "stateful-rule", "a rule remembers who knocks"},
    {is_in_use, "source-in-use", "only a real machine's address would do"},
};

static void admit(struct run *run, struct trial *trial)
{
    const struct probe *probe = trial->probe;

    if (probe->skip) {
        refuse(run, trial, probe->skip, probe->skip_message);
        return;
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].refuses(run->plan, probe)) {
            refuse(run, trial, rules[i].code, rules[i].message);
            return;
        }
    trial->method = method_find(probe->method);
    if (probe->sender_unlike) {
        refuse(run, trial, "sender-identity", "it hangs on a property of the sender that cannot be imitated");
        trial->observation.state = OBSERVED_UNDETERMINED;
    }
}

/* ---- preparation ---- */

/* The sender's kernel knows no way: that is an observation already. */
static bool is_verdict(const struct error *error)
{
    return !strcmp(error->code, "no-route");
}

static void prepare(struct run *run, struct trial *trial)
{
    struct error error = ERROR_NONE;
    int result = trial->method->prepare(run, trial, &error);

    if (result < 0 && trial->method == &method_raw && !strcmp(error.code, "no-capability") &&
        run->plan->options.allow_connect) {
        trial->method = &method_connect;
        run->connecting = true;
        result = trial->method->prepare(run, trial, &error);
    }
    if (result < 0 && is_verdict(&error)) {
        trial->send_error = -result;
        trial->decided = true;
    } else if (result < 0) {
        refuse_error(run, trial, &error);
    }
}

static void permit(struct run *run, struct trial *trial)
{
    struct error error = ERROR_NONE;

    if (trial->method->permit && trial->method->permit(run, trial, &error) < 0)
        refuse_error(run, trial, &error);
}

static void each_admitted(struct run *run, void (*action)(struct run *, struct trial *))
{
    for (size_t i = 0; i < run->plan->probes.count; i++)
        if (run->trials[i].method && !run->trials[i].decided)
            action(run, &run->trials[i]);
}

static uint32_t count_undecided(const struct run *run, const struct method *method)
{
    uint32_t count = 0;

    for (size_t i = 0; i < run->plan->probes.count; i++)
        if (run->trials[i].method && !run->trials[i].decided && (!method || run->trials[i].method == method))
            count++;
    return count;
}

/* ---- guards ---- */

struct number_list {
    uint64_t *items;
    size_t count, capacity;
};

static void add_number(struct map *seen, struct number_list *list, uint64_t number)
{
    if (number == 0 || map_get_u64(seen, number))
        return;
    map_set_u64(seen, number, list);
    *list_append(list) = number;
}

static void list_namespaces(const struct run *run, struct number_list *outputs, struct number_list *inputs)
{
    _cleanup_map_ struct map *seen_outputs = map_new(), *seen_inputs = map_new();

    for (size_t i = 0; i < run->plan->probes.count; i++) {
        const struct trial *trial = &run->trials[i];

        if (!trial->method || trial->decided)
            continue;
        add_number(seen_inputs, inputs, trial->probe->target);
        if (trial->method == &method_ingress && trial->probe->reply == REPLY_NAMESPACE)
            add_number(seen_outputs, outputs, trial->probe->reply_namespace);
    }
    /* What was meant for a container may end on the host itself. */
    if (inputs->count)
        add_number(seen_inputs, inputs, run->plan->host);
}

static void add_exit(struct guard_request *request, uint64_t namespace, uint32_t index, const char *name)
{
    list_each(struct plan_exit, exit, &request->exits) {
        if (exit->namespace == namespace && exit->index == index)
            return;
    }
    if (index)
        *list_append(&request->exits) = (struct plan_exit){namespace, index, name};
}

static void list_exits(const struct run *run, struct guard_request *request)
{
    list_each(struct plan_exit, exit, &run->plan->exits)
        add_exit(request, exit->namespace, exit->index, exit->name);
    list_each(struct plan_uplink, uplink, &run->plan->uplinks) {
        add_exit(request, run->plan->host, uplink->index, uplink->name);
        add_exit(request, run->plan->host, uplink->port, uplink->name);
    }
    for (size_t i = 0; i < run->plan->probes.count; i++)
        if (run->trials[i].method == &method_ingress)
            add_exit(request, run->plan->host, run->trials[i].point.port, "uplink");
}

static void raise_guard(struct run *run)
{
    struct guard_request request = {.visitor = &run->visitor,
                                    .plan = run->plan,
                                    .shots = &run->shots,
                                    .modules = run->modules,
                                    .choice = run->plan->options.guard,
                                    .without = run->guard_without};
    struct number_list outputs = {0}, inputs = {0};

    list_namespaces(run, &outputs, &inputs);
    list_exits(run, &request);
    memcpy(&request.outputs, &outputs, sizeof(outputs));
    memcpy(&request.inputs, &inputs, sizeof(inputs));
    run->guard = guard_open(&request);
    list_free(&outputs);
    list_free(&inputs);
    list_free(&request.exits);
}

static void open_injector(struct run *run)
{
    if (count_undecided(run, &method_ingress) > 0)
        (void)injector_open(&run->injector, &run->injection_error);
}

static void open_witness(struct run *run)
{
    LIST(uint16_t) ports = {0};
    struct error error = ERROR_NONE;

    for (size_t i = 0; i < run->plan->probes.count; i++)
        if (run->trials[i].method && run->plan->probes.items[i].source_port)
            *list_append(&ports) = run->plan->probes.items[i].source_port;
    if (witness_open(&run->shots, ports.items, ports.count, &run->witness, &error) < 0)
        reason_add(&run->result->errors, error.code, "any", arena_strdup(run->result->arena, error.message));
    list_free(&ports);
}

static int start_keeper(struct run *run, struct error *error)
{
    return keeper_start(&run->keeper, run->guard, &run->shots, &run->injector, run->conntrack, error);
}

/* No frame without a keeper. */
static void need_keeper(struct run *run)
{
    if (count_undecided(run, &method_ingress) == 0 || start_keeper(run, &run->injection_error) == 0)
        return;
    each_admitted(run, permit);
}

static void forsake(struct run *run, struct trial *trial)
{
    (void)run;
    trial->forsaken |= trial->method == &method_ingress;
}

static void check_keeper(struct run *run)
{
    if (run->keeper.process <= 0 || keeper_lives(&run->keeper))
        return;
    reason_add(&run->result->errors, "no-keeper", "keeper",
               "the keeper was ended while frames were injected: the rest was not probed");
    each_admitted(run, forsake);
}

/* ---- shots ---- */

static uint32_t tries(const struct plan *plan)
{
    return plan->options.tries ? plan->options.tries : TRIES;
}

struct claim trial_claim(const struct run *run, const struct trial *trial)
{
    const struct probe *probe = trial->probe;
    struct claim claim = {.owner = (uint32_t)(trial - run->trials)};

    tuple_set_address(claim.dialled.source, trial->source);
    tuple_set_address(claim.dialled.destination, probe->destination);
    claim.dialled.family = probe->destination.family == FAMILY_IP4 ? 4 : 6;
    claim.dialled.protocol = probe->protocol;
    claim.dialled.port = probe->port;
    claim.ended = claim.dialled;
    if (probe->target_address.family == probe->destination.family && probe->target_port) {
        tuple_set_address(claim.ended.destination, probe->target_address);
        claim.ended.port = probe->target_port;
    }
    return claim;
}

/* The port that it has to have; 0: any. */
static uint16_t given_port(const struct run *run, const struct trial *trial)
{
    uint16_t port = 0;

    if (trial->method == &method_datagram)
        (void)sender_udp(run, trial->sender, trial->probe->destination.family, &port);
    else
        port = trial->probe->source_port;
    return port;
}

/* A port that makes its tuple nobody else's, and not that of the try before; 0: there is none. */
static uint16_t source_port(struct run *run, const struct trial *trial, uint32_t index)
{
    struct claim claim = trial_claim(run, trial);
    uint16_t port = given_port(run, trial);

    if (trial->method == &method_connect) /* its kernel's to choose */
        return shots_port(&run->shots, index);
    if (port == 0)
        return claim_port(run->claims, &claim, run->shots.first_port, run->shots.port_count, index);
    claim.dialled.source_port = claim.ended.source_port = port;
    claim.again = true;
    return claim_take(run->claims, &claim, true) ? port : 0;
}

static void fill_shot(struct run *run, struct trial *trial, uint32_t index, uint16_t port)
{
    struct shot_entry *entry = &run->shots.entries[index];
    const struct probe *probe = trial->probe;

    *entry = (struct shot_entry){.probe = (uint32_t)(trial - run->trials),
                                 .previous = trial->last_shot,
                                 .arrival = probe->arrival,
                                 .target_port = probe->target_port};
    tuple_set_address(entry->tuple.source, trial->source);
    tuple_set_address(entry->tuple.destination, probe->destination);
    tuple_set_address(entry->target, probe->target_address);
    entry->tuple.family = probe->destination.family == FAMILY_IP4 ? 4 : 6;
    entry->tuple.protocol = probe->protocol;
    entry->tuple.source_port = port;
    entry->tuple.port = probe->port;
    entry->watched = guard_stands(run->guard, GUARD_INPUT, probe->target);
    if (trial->method == &method_ingress) {
        entry->port = trial->point.port;
        entry->link_length = trial->link_length;
        memcpy(entry->link, trial->link, sizeof(entry->link));
    }
    trial->last_shot = index;
    shots_enlist(&run->shots, index);
    __atomic_store_n(&entry->used, true, __ATOMIC_RELEASE);
}

static bool add_shot(struct run *run, struct trial *trial)
{
    uint16_t port = source_port(run, trial, run->shots.count);

    if (port) {
        fill_shot(run, trial, run->shots.count++, port);
        return true;
    }
    if (trial->last_shot == NO_SHOT)
        refuse(run, trial, "no-source-port", "every source port has a connection to where it would end");
    return false;
}

static void send_batch(struct run *run, const struct method *method, struct trial **trials, uint32_t count)
{
    uint32_t indexes[SHOT_FRAMES_MAX], first = run->shots.count, added;
    struct error error = ERROR_NONE;

    for (uint32_t i = 0; i < count; i++)
        if (add_shot(run, trials[i]))
            indexes[run->shots.count - 1 - first] = run->shots.count - 1;
    added = run->shots.count - first;
    if (added == 0)
        return;
    if (method != &method_connect && guard_arm(run->guard, first, added, &error) < 0) {
        for (uint32_t i = 0; i < count; i++)
            refuse_error(run, trials[i], &error);
        return;
    }
    method->send(run, indexes, added);
    for (uint32_t i = 0; i < added; i++)
        run->result->packets_sent += run->shots.entries[indexes[i]].sent_ns != 0;
}

/* ---- pace ---- */

struct pace {
    uint64_t rate, start_ns, sent;
};

static uint32_t pace_allows(struct pace *pace, uint64_t now_ns)
{
    uint64_t burst = pace->rate * BURST_MS / 1000 + 1;
    uint64_t due = (now_ns - pace->start_ns) * pace->rate / SECOND;

    if (due > pace->sent + burst) { /* time that was not used is lost, but for a burst */
        pace->start_ns = now_ns - (pace->sent + burst) * SECOND / pace->rate;
        due = pace->sent + burst;
    }
    return due + 1 > pace->sent ? (uint32_t)(due + 1 - pace->sent) : 0;
}

static void sleep_step(void)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};

    (void)nanosleep(&step, NULL);
}

static bool time_is_over(const struct run *run)
{
    return run->visitor.lost ||
           (run->deadline_ns && time_monotonic_ns() + RESERVE_MS * MILLISECOND > run->deadline_ns);
}

static void look(struct run *run)
{
    const struct payer payer = {&run->injector, raw_reset, run};

    receive_all(run);
    (void)pay_debts(&run->shots, &payer, time_monotonic_ns(), false);
}

/* ---- tries ---- */

/* The next trials of one method, at most `most`; *position moves behind them. */
static uint32_t take_trials(struct run *run, size_t *position, uint32_t most, struct trial **trials)
{
    uint32_t count = 0;

    for (; *position < run->plan->probes.count && count < most; (*position)++) {
        struct trial *trial = &run->trials[*position];

        if (!trial->method || trial->decided || trial->forsaken)
            continue;
        if (count && trials[0]->method != trial->method)
            break;
        trials[count++] = trial;
    }
    return count;
}

static bool send_all(struct run *run, struct pace *pace)
{
    struct trial *trials[SHOT_FRAMES_MAX];

    for (size_t position = 0; position < run->plan->probes.count;) {
        uint32_t allowed = pace_allows(pace, time_monotonic_ns()), count;

        if (time_is_over(run))
            return false;
        check_keeper(run);
        count = take_trials(run, &position, allowed < SHOT_FRAMES_MAX ? allowed : SHOT_FRAMES_MAX, trials);
        if (count)
            send_batch(run, trials[0]->method, trials, count);
        pace->sent += count;
        look(run);
        if (allowed == 0)
            sleep_step();
    }
    return true;
}

static void decide(struct run *run, struct trial *trial)
{
    trial->decided = trial_is_decided(run, trial);
}

/* Waits for answers to the last shots; false: the time was over before. */
static bool wait_all(struct run *run)
{
    uint32_t timeout = run->plan->options.timeout_ms ? run->plan->options.timeout_ms : TIMEOUT_MS;
    uint64_t end;

    if (timeout < TIMEOUT_LEAST_MS) /* a plan may ask for less; silence would mean nothing */
        timeout = TIMEOUT_LEAST_MS;
    end = time_monotonic_ns() + timeout * MILLISECOND;
    while (time_monotonic_ns() < end) {
        look(run);
        each_admitted(run, decide);
        if (count_undecided(run, NULL) == 0)
            return true;
        if (time_is_over(run))
            return false;
        sleep_step();
    }
    return true;
}

static void run_tries(struct run *run)
{
    struct pace pace = {.rate = run->plan->options.rate ? run->plan->options.rate : RATE};

    pace.start_ns = time_monotonic_ns();
    for (uint32_t try = 0; try < tries(run->plan) && count_undecided(run, NULL) > 0 && !run->cut; try++)
        run->cut = !send_all(run, &pace) || !wait_all(run);
}

/* ---- the end ---- */

static void add_side_effect(struct run *run, const char *text)
{
    *list_append(&run->result->side_effects) = text;
}

/* A try that failed since the sender is no more what it was says nothing. */
static void check_source(struct run *run, struct trial *trial)
{
    if (trial->method != &method_ingress && trial->send_error && sender_lost_source(run, trial))
        refuse(run, trial, "no-source", "the sender lost its address meanwhile");
}

static void observe(struct run *run, struct trial *trial, const uint8_t *bound)
{
    if (!trial->method)
        return;
    if (run->cut && !trial->decided)
        refuse(run, trial, "timeout", "the scan's time was over");
    else if (trial->forsaken && !trial->decided)
        refuse(run, trial, "no-keeper", "the keeper was ended by somebody else");
    else
        trial->observation = settle_observation(run, trial, bound);
    if (trial->method && trial->observation.state != OBSERVED_OPEN)
        check_source(run, trial);
}

/* What is owed still is the keeper's. */
static void hand_over(struct run *run, struct debts debts)
{
    struct error error = ERROR_NONE;

    if (debts.open)
        add_side_effect(run,
                        "half-open connections were left to the keeper, which stays for 70 seconds at most");
    if (debts.open + debts.stay == 0) {
        keeper_dismiss(&run->keeper);
        return;
    }
    if (!keeper_lives(&run->keeper) && start_keeper(run, &error) < 0)
        add_side_effect(run, "no keeper could be started: late answers to probes may have left the host");
    else
        keeper_hand_over(&run->keeper);
}

static void finish(struct run *run)
{
    _cleanup_free_ uint8_t *bound = memory_alloc(run->shots.count + 1);
    struct debts debts = settle_debts(run);

    each_admitted(run, decide);
    settle_namespaces(run, bound);
    run->crowded = backlog_drops(run->proc) != run->drops;
    run->losses = run->witness ? witness_losses(run->witness) : 0;
    if (run->losses)
        reason_add(&run->result->errors, "capture-loss", "any", "the capture lost packets");
    for (size_t i = 0; i < run->plan->probes.count; i++)
        observe(run, &run->trials[i], bound);
    hand_over(run, debts);
    if (!modules_has(run->modules, "nf_conntrack_netlink") && run->shots.count)
        add_side_effect(run, "conntrack entries of probes run out by themselves within two minutes");
}

static void report(struct run *run)
{
    struct probe_result *result = run->result;
    const struct error *complaint = run->guard ? guard_complaint(run->guard) : NULL;

    result->guard = run->guard ? guard_name(run->guard) : NULL;
    if (complaint && error_is_set(complaint))
        result->guard_message = arena_strdup(result->arena, complaint->message);
    for (size_t i = 0; i < run->plan->probes.count; i++) {
        result->items[i] = run->trials[i].observation;
        result->probed += result->items[i].state != OBSERVED_NOT_PROBED;
    }
}

/* ---- all of it ---- */

/* What stopped the run as a whole, in one word where it is no matter of namespaces. */
static void refuse_all(struct run *run, struct error *error)
{
    if (strncmp(error->code, "namespace-", strlen("namespace-")) != 0)
        error->code = "probe-failed";
    for (size_t i = 0; i < run->plan->probes.count; i++)
        if (run->trials[i].method)
            refuse_error(run, &run->trials[i], error);
}

static int open_all(struct run *run, struct error *error)
{
    uint32_t undecided;
    int result = visitor_settle(&run->visitor, run->namespaces, run->plan->host, error);

    if (result == 0)
        result = devices_read(&run->devices, error);
    if (result == 0)
        result = shots_begin(&run->shots, error);
    if (result < 0)
        return result;
    run->proc = procfs_open("/proc", error);
    run->modules = modules_read(run->proc, NULL);
    for (size_t i = 0; i < run->plan->probes.count; i++)
        run->shots.fixed_ports |= run->plan->probes.items[i].source_port != 0;
    each_admitted(run, prepare);
    undecided = count_undecided(run, NULL);
    result = shots_reserve(&run->shots, undecided * tries(run->plan) + tries(run->plan) + 1, error);
    if (result < 0)
        return result;
    open_injector(run);
    raise_guard(run);
    each_admitted(run, permit);
    return shots_need_records(&run->shots, error);
}

static void close_all(struct run *run)
{
    keeper_dismiss(&run->keeper);
    run->witness = witness_close(run->witness);
    senders_free(run);
    for (size_t i = 0; i < run->plan->probes.count; i++)
        close_fd(&run->trials[i].connection);
    run->guard = guard_close(run->guard);
    injector_close(&run->injector);
    close_fd(&run->conntrack);
    shots_free(&run->shots);
    cleanup_modules(&run->modules);
    close_fd(&run->proc);
    device_list_free(&run->devices);
    visitor_free(&run->visitor);
    run->claims = map_free(run->claims);
    free(run->trials);
}

static void begin(struct run *run)
{
    run->trials = memory_resize(NULL, run->plan->probes.count + 1, sizeof(struct trial));
    for (size_t i = 0; i < run->plan->probes.count; i++) {
        run->trials[i] =
            (struct trial){.probe = &run->plan->probes.items[i], .last_shot = NO_SHOT, .connection = -1};
        admit(run, &run->trials[i]);
        run->connecting |= run->trials[i].method == &method_connect;
    }
}

static void *run_thread(void *context)
{
    struct run *run = context;
    struct error error = ERROR_NONE;

    begin(run);
    if (count_undecided(run, NULL) > 0 && open_all(run, &error) < 0) {
        refuse_all(run, &error);
    } else if (run->guard) {
        if (modules_has(run->modules, "nf_conntrack_netlink"))
            run->conntrack = conntrack_open(NULL);
        need_keeper(run);
        if (count_undecided(run, NULL) > 0)
            open_witness(run);
        run->drops = backlog_drops(run->proc);
        run_tries(run);
        finish(run);
    }
    report(run);
    close_all(run);
    return NULL;
}

/* In builds for tests parts of the guard can be left out. */
static unsigned left_out_guards(void)
{
#ifdef POSTERN_TEST_HOOKS
    const char *text = getenv("POSTERN_TEST_GUARD_WITHOUT");

    return text ? (unsigned)strtoul(text, NULL, 10) : 0;
#else
    return 0;
#endif
}

int probe_run(const struct plan *plan, const struct probe_namespaces *namespaces, uint64_t deadline_ns,
              struct probe_result *ret_result, struct error *error)
{
    _cleanup_probe_result_ struct probe_result result = {.arena = arena_new(), .count = plan->probes.count};
    struct run run = {.plan = plan,
                      .namespaces = namespaces,
                      .deadline_ns = deadline_ns,
                      .result = &result,
                      .visitor = {.home = -1},
                      .injector = {.program = -1},
                      .keeper = {.line = -1},
                      .conntrack = -1,
                      .claims = map_new(),
                      .proc = -1,
                      .guard_without = left_out_guards()};
    sigset_t all, before;
    pthread_t thread;
    int status;

    result.items = memory_resize(NULL, plan->probes.count + 1, sizeof(*result.items));
    sigfillset(&all);
    /* A signal would interrupt an injection; they go to the caller's threads. */
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    status = pthread_create(&thread, NULL, run_thread, &run);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status) {
        map_free(run.claims);
        return error_errno(error, status, "no-workers", NULL, "no thread for the probes");
    }
    (void)pthread_join(thread, NULL);
    *ret_result = result;
    result = (struct probe_result){0};
    return 0;
}

void probe_result_free(struct probe_result *result)
{
    free(result->items);
    list_free(&result->side_effects);
    free(result->errors.items);
    result->arena = arena_free(result->arena);
    *result = (struct probe_result){0};
}

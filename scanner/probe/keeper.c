/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/keeper.h"

#include "netns/base/file.h"
#include "netns/base/memory.h"
#include "scanner/probe/conntrack.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ULL
enum { STAY_SECONDS = 70, STEP_MS = 50, RESETS_MAX = 8, GAPS_MAX = 5, LATE_SECONDS = 5, LOOPBACK = 1 };

/* ---- debts ---- */

static uint32_t syn_acks(const struct shots *shots, uint32_t index)
{
    return shots->records[index].syn_acks + shots->sightings[index].syn_acks;
}

/*
 * A SYN-ACK is sent again after 1 second, then after 2, 4, 8 and 16 (tcp_synack_retries 5), each up to an
 * eighth late (the kernel's timer wheel). Once the next is overdue there is no connection left that would
 * send it.
 */
static bool overdue(const struct shots *shots, uint32_t index, uint64_t now_ns)
{
    const struct shot_record *record = &shots->records[index];
    uint64_t last = record->syn_ack_ns ? record->syn_ack_ns : shots->sightings[index].answered_ns;
    uint32_t seen = syn_acks(shots, index);
    uint64_t gap = SECOND << (seen > GAPS_MAX ? GAPS_MAX : seen - 1);

    return now_ns > last + gap + gap / 7 + SECOND / 4;
}

/*
 * Whatever comes late comes within this time. Behind the last output hook, of this host or of a container
 * that forwards, it may wait for a neighbour; one that does not answer is given up after three seconds
 * (mcast_solicit 3, retrans_time 1 s), and the source is told so by ICMP. On the way into another namespace
 * it may wait for a processor. And so may its answer.
 */
static bool shot_may_wait(const struct shots *shots, uint32_t index, uint64_t now_ns)
{
    const struct shot_entry *entry = &shots->entries[index];
    const struct shot_record *record = &shots->records[index];
    const struct sighting *sighting = &shots->sightings[index];

    if (record->answered_ns || sighting->answered_ns ||
        (entry->tuple.protocol == SHOT_UDP && record->delivered > 0))
        return false;
    return (record->passed > 0 || record->delivered > 0 || sighting->last_outgoing > LOOPBACK) &&
           now_ns < entry->sent_ns + LATE_SECONDS * SECOND;
}

static bool reset_may_wait(const struct shots *shots, uint32_t index, uint64_t now_ns)
{
    const struct shot_record *record = &shots->records[index];

    return record->reset_passed > 0 && record->reset_delivered == 0 &&
           now_ns < shots->entries[index].reset_ns + LATE_SECONDS * SECOND;
}

static enum debt half_open_debt(const struct shots *shots, uint32_t index, uint64_t now_ns)
{
    const struct shot_entry *entry = &shots->entries[index];
    bool repeated = syn_acks(shots, index) > entry->syn_acks;

    if ((entry->resets == 0 || repeated) && entry->resets < RESETS_MAX)
        return DEBT_RESET;
    if (shots->records[index].reset_delivered > 0 && !repeated)
        return DEBT_NONE;
    if (!overdue(shots, index, now_ns))
        return DEBT_WAIT;
    return reset_may_wait(shots, index, now_ns) ? DEBT_STAY : DEBT_NONE;
}

/* What was seen of it, or of its reset, shows within a moment. */
static bool fresh(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns < then_ns + SECOND / 4;
}

/* Nothing came back. If it got to a socket, that may hold a connection all the same. */
static enum debt silent_debt(const struct shots *shots, uint32_t index, uint64_t now_ns, bool final)
{
    const struct shot_entry *entry = &shots->entries[index];
    bool held = !entry->watched || shots->records[index].delivered > 0;

    if (entry->tuple.protocol == SHOT_TCP && final) {
        if (fresh(entry->sent_ns, now_ns) || (entry->resets > 0 && fresh(entry->reset_ns, now_ns)))
            return DEBT_WAIT;
        if (held && entry->resets == 0)
            return DEBT_RESET;
    }
    return shot_may_wait(shots, index, now_ns) || reset_may_wait(shots, index, now_ns) ? DEBT_STAY
                                                                                       : DEBT_NONE;
}

/* The sender's kernel resets what it hears of, at once; what it does not hear of is left to us. */
static enum debt raw_debt(const struct shots *shots, uint32_t index, uint64_t now_ns, bool final)
{
    const struct shot_entry *entry = &shots->entries[index];
    bool heard = syn_acks(shots, index) > 0;

    if (shots->records[index].reset_delivered > 0 && entry->resets == 0)
        return DEBT_NONE;
    if (!heard)
        return silent_debt(shots, index, now_ns, final);
    if (entry->resets == 0 && fresh(entry->sent_ns, now_ns))
        return final ? DEBT_WAIT : DEBT_NONE;
    if (!entry->watched) /* whether it was reset is not to be seen */
        return entry->resets == 0 && final ? DEBT_RESET : DEBT_NONE;
    return half_open_debt(shots, index, now_ns);
}

enum debt shot_debt(const struct shots *shots, uint32_t index, uint64_t now_ns, bool final)
{
    const struct shot_entry *entry = &shots->entries[index];
    const struct shot_record *record = &shots->records[index];
    bool tcp = entry->tuple.protocol == SHOT_TCP, heard = tcp && syn_acks(shots, index) > 0;

    if (entry->settled || entry->sent_ns == 0 || entry->connects)
        return DEBT_NONE;
    if (!heard && (record->resets > 0 || shots->sightings[index].refusals > 0 || record->stopped > 0))
        return DEBT_NONE;
    if (entry->port == 0 && tcp)
        return raw_debt(shots, index, now_ns, final);
    return heard ? half_open_debt(shots, index, now_ns) : silent_debt(shots, index, now_ns, final);
}

struct batch {
    uint32_t port, count;
};

/* An interface may be down or gone, and the answer has another way: what is half open stays so until it ends.
 */
static void fire(struct shots *shots, struct injector *injector, struct batch *batch, uint64_t now_ns,
                 const uint32_t *indexes)
{
    if (batch->count)
        (void)injector_fire(injector, batch->port, batch->count, NULL);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct shot_entry *entry = &shots->entries[indexes[i]];

        entry->resets++;
        entry->reset_ns = now_ns;
    }
    batch->count = 0;
}

static void reset_raw(struct shots *shots, const struct payer *payer, uint32_t index, uint64_t now_ns)
{
    struct shot_entry *entry = &shots->entries[index];

    if (payer->reset_raw)
        payer->reset_raw(payer->context, index);
    entry->resets++;
    entry->reset_ns = now_ns;
}

/* Nothing will come of it before the end, when all are looked at once more. */
static bool is_past(const struct shots *shots, uint32_t index, enum debt debt, uint64_t now_ns)
{
    const struct shot_entry *entry = &shots->entries[index];

    return entry->settled || (debt == DEBT_NONE && now_ns > entry->sent_ns + SECOND);
}

struct debts pay_debts(struct shots *shots, const struct payer *payer, uint64_t now_ns, bool final)
{
    uint32_t indexes[SHOT_FRAMES_MAX];
    struct debts debts = {0};
    struct batch batch = {0};

    for (uint32_t index = final ? 0 : shots->past; index < shots->count; index++) {
        struct shot_entry *entry = &shots->entries[index];
        enum debt debt = shot_debt(shots, index, now_ns, final);

        if (debt == DEBT_NONE && final && entry->sent_ns)
            entry->settled = true;
        if (index == shots->past && is_past(shots, index, debt, now_ns))
            shots->past++;
        debts.open += debt == DEBT_RESET || debt == DEBT_WAIT;
        debts.stay += debt == DEBT_STAY;
        if (debt != DEBT_RESET)
            continue;
        entry->syn_acks = syn_acks(shots, index);
        if (entry->port == 0) {
            reset_raw(shots, payer, index, now_ns);
            continue;
        }
        if (batch.count == SHOT_FRAMES_MAX || (batch.count && batch.port != entry->port))
            fire(shots, payer->injector, &batch, now_ns, indexes);
        batch.port = entry->port;
        indexes[batch.count] = index;
        injector_put(payer->injector, batch.count++, shots, index, CONTENT_RESET);
    }
    fire(shots, payer->injector, &batch, now_ns, indexes);
    return debts;
}

/* ---- the process ---- */

static int compare(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;

    return (left > right) - (left < right);
}

/* What the scan had open besides (its output, other namespaces, a library user's files) must not stay open by
 * us. */
static void close_others(const struct descriptor_list *kept)
{
    unsigned first = 0;

    list_each(int, fd, kept) {
        if ((unsigned)*fd > first)
            (void)syscall(SYS_close_range, first, (unsigned)*fd - 1, 0);
        first = (unsigned)*fd + 1;
    }
    (void)syscall(SYS_close_range, first, ~0U, 0);
}

static void forget_connections(const struct shots *shots, int conntrack)
{
    if (conntrack < 0)
        return;
    for (uint32_t index = 0; index < shots->count; index++)
        if (shots->entries[index].sent_ns) {
            (void)conntrack_delete(conntrack, &shots->entries[index].tuple);
            (void)conntrack_drain(conntrack);
        }
}

/* The number of shots was ours to copy at the fork; since then the scan went on. */
static void count_shots(struct shots *shots)
{
    uint32_t count = 0;

    while (count < shots->capacity && __atomic_load_n(&shots->entries[count].used, __ATOMIC_ACQUIRE))
        count++;
    shots->count = count;
}

static void mourn(struct guard *guard, struct shots *shots, struct injector *injector)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    uint64_t end = time_monotonic_ns() + STAY_SECONDS * SECOND;
    const struct payer payer = {.injector = injector};

    for (;;) {
        struct debts debts;
        uint64_t now;
        bool read;

        (void)nanosleep(&step, NULL); /* longer than a guard lets between two readings */
        now = time_monotonic_ns();
        read = guard_poll(guard, NULL) == 0;
        debts = pay_debts(shots, &payer, now, true);
        debts.open += !read; /* what is not known may be owed */
        if (debts.open + debts.stay == 0 || now > end)
            return;
    }
}

/* True: dismissed. False: the other side has hung up. */
static bool wait_for_word(int line)
{
    char word;
    ssize_t length;

    do
        length = recv(line, &word, 1, 0);
    while (length < 0 && errno == EINTR);
    return length == 1;
}

static _Noreturn void keep(int line, struct guard *guard, struct shots *shots, struct injector *injector,
                           int conntrack, const struct descriptor_list *kept)
{
    sigset_t all;

    (void)setsid();
    sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    close_others(kept);
    (void)prctl(PR_SET_NAME, "postern-keeper");
    if (chdir("/") < 0)
        _exit(1);
    if (!wait_for_word(line)) {
        count_shots(shots);
        mourn(guard, shots, injector);
        forget_connections(shots, conntrack);
    }
    _exit(0);
}

static void list_descriptors(struct descriptor_list *list, const struct guard *guard,
                             const struct injector *injector, int conntrack, int line)
{
    guard_descriptors(guard, list);
    *list_append(list) = line;
    if (injector->program >= 0)
        *list_append(list) = injector->program;
    if (conntrack >= 0)
        *list_append(list) = conntrack;
    qsort(list->items, list->count, sizeof(*list->items), compare);
}

int keeper_start(struct keeper *keeper, struct guard *guard, struct shots *shots, struct injector *injector,
                 int conntrack, struct error *error)
{
    struct descriptor_list kept = {0};
    int line[2];

    *keeper = (struct keeper){.line = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) < 0)
        return error_errno(error, errno, "no-keeper", NULL, "no socket for the keeper");
    list_descriptors(&kept, guard, injector, conntrack, line[1]);
    keeper->process = fork();
    if (keeper->process == 0)
        keep(line[1], guard, shots, injector, conntrack, &kept);
    list_free(&kept);
    close_fd(&line[1]);
    if (keeper->process < 0) {
        close_fd(&line[0]);
        keeper->process = 0;
        return error_errno(error, errno, "no-keeper", NULL, "the keeper cannot be started");
    }
    keeper->line = line[0];
    return 0;
}

bool keeper_lives(struct keeper *keeper)
{
    struct pollfd line = {.fd = keeper->line};

    if (keeper->process <= 0)
        return false;
    if (poll(&line, 1, 0) == 0 || !(line.revents & (POLLHUP | POLLERR)))
        return true;
    keeper_dismiss(keeper); /* it is dead: waited for, and forgotten */
    return false;
}

void keeper_dismiss(struct keeper *keeper)
{
    if (keeper->process <= 0)
        return;
    (void)send(keeper->line, "", 1, MSG_NOSIGNAL);
    while (waitpid(keeper->process, NULL, 0) < 0 && errno == EINTR)
        ;
    close_fd(&keeper->line);
    keeper->process = 0;
}

void keeper_hand_over(struct keeper *keeper)
{
    close_fd(&keeper->line);
    keeper->process = 0;
}

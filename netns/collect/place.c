/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/collect/place.h"

#include "netns/base/file.h"
#include "netns/read/evidence.h"
#include "netns/read/link.h"
#include "netns/read/nftables.h"
#include "netns/read/route.h"
#include "netns/read/socket.h"
#include "netns/read/xtables.h"

#include <errno.h>
#include <linux/netlink.h>

#define PART_ALL                                                                                             \
    (PART_LINKS | PART_ADDRESSES | PART_ROUTES | PART_POLICY_RULES | PART_SOCKETS_TCP | PART_SOCKETS_UDP |   \
     PART_SOCKETS_OTHER | PART_RULESET | PART_SYSCTLS | PART_NEIGHBOURS | PART_PROGRAMS | PART_FDB |         \
     PART_LEGACY | PART_EVIDENCE)
#define PART_NETLINK                                                                                         \
    (PART_LINKS | PART_ADDRESSES | PART_ROUTES | PART_POLICY_RULES | PART_NEIGHBOURS | PART_FDB |            \
     PART_PROGRAMS)
#define CGROUPS_MAX 4096 /* different cgroups of a namespace's processes that are asked about */

/* ---- in a namespace ---- */

/* Who comes first, and whose share the others leave alone: what a tenant makes starves nobody but tenants. */
enum rank { RANK_HOST, RANK_ROOT, RANK_OTHER, RANKS };

static enum rank rank_of(const struct found *found, size_t place)
{
    const struct found_place *at = &found->places.items[place];
    if (at->home || at->namespace->role == ROLE_HOST)
        return RANK_HOST;
    return at->handle.owner == 0 ? RANK_ROOT : RANK_OTHER;
}

static size_t *order_make(const struct found *found)
{
    size_t *order = memory_alloc((found->places.count + 1) * sizeof(*order)), count = 0;
    for (enum rank rank = RANK_HOST; rank < RANKS; rank++)
        for (size_t i = 0; i < found->places.count; i++)
            if (rank_of(found, i) == rank)
                order[count++] = i;
    return order;
}

static struct reader reader_make(struct place_reading *reading, size_t place)
{
    enum rank rank = rank_of(reading->found, place);
    struct reader reader = {.proc = reading->source.proc,
                            .modules = reading->modules,
                            .budget = reading->budget,
                            .total = &reading->total,
                            .reserved = rank == RANK_HOST   ? 0
                                        : rank == RANK_ROOT ? reading->total_bytes / 4
                                                            : reading->total_bytes / 2};
    uint64_t own = time_monotonic_ns() + reading->namespace_ns;
    reader.budget.deadline_ns =
        reading->deadline_ns && reading->deadline_ns < own ? reading->deadline_ns : own;
    return reader;
}

static void rules_read(const struct reader *reader, struct namespace *namespace)
{
    struct error error = ERROR_NONE;
    _cleanup_netlink_ struct netlink *netfilter = NULL;
    /* to open this protocol without its module would load it */
    if (read_may_ask(reader, "nfnetlink", namespace, PART_RULESET) &&
        netlink_open(NETLINK_NETFILTER, reader->budget.deadline_ns, &netfilter, &error) < 0)
        namespace_fault(namespace, PART_RULESET, &error);
    else
        nftables_read(reader, netfilter, namespace);
    xtables_read(reader, namespace);
}

/* Faults are in the namespace, so results are not looked at. The sysctls and links come before what needs
 * them. */
static void contents_read(const struct place_reading *reading, size_t place, const struct reader *reader)
{
    const struct place_job *job = &reading->jobs[place];
    struct namespace *namespace = job->namespace;
    struct error error = ERROR_NONE;
    _cleanup_netlink_ struct netlink *route = NULL;
    namespace->cookie = namespace_cookie();
    if (netlink_open(NETLINK_ROUTE, reader->budget.deadline_ns, &route, &error) < 0) {
        namespace_fault(namespace, PART_NETLINK, &error);
    } else {
        link_read(reader, route, namespace);
        route_read(reader, route, namespace);
        program_read(reader, route, reading->found->places.items[place].handle.fd, &reading->survey,
                     namespace);
    }
    sysctl_read(reader, namespace);
    if (job->with_sockets)
        socket_read(reader, namespace);
    else
    namespace->missing |= PART_SOCKETS_TCP | PART_SOCKETS_UDP | PART_SOCKETS_OTHER;
    rules_read(reader, namespace);
    if (job->with_sockets)
        evidence_read(reader, namespace);
}

/* The programs of the cgroups that the place's processes are in, each once. */
static void cgroups_read(const struct place_reading *reading, size_t place, const struct reader *reader)
{
    const struct found *found = reading->found;
    _cleanup_map_ struct map *asked = map_new();
    if (reading->cgroups < 0)
        return;
    list_each(uint32_t, at, &found->places.items[place].processes) {
        const struct found_cgroup *cgroup = found->processes.items[*at].cgroup;
        if (!cgroup || !cgroup->unified || map_get(asked, cgroup->unified) || map_count(asked) >= CGROUPS_MAX)
            continue;
        map_set(asked, cgroup->unified, asked);
        program_read_cgroup(reader, &reading->survey, reading->cgroups, cgroup->unified,
                            reading->jobs[place].namespace);
    }
}

/* ---- there and back ---- */

static const struct namespace_handle *home_of(const struct found *found)
{
    list_each(struct found_place, place, &found->places) {
        if (place->home)
            return &place->handle;
    }
    return NULL;
}

static void refuse(struct namespace *namespace, const struct error *error)
{
    namespace->missing = PART_ALL;
    namespace->error = arena_strdup(namespace->arena, error->message);
}

/* Enters the place (its own needs no entering), or notes why that was not possible. */
static int place_enter(const struct place_reading *reading, size_t place)
{
    struct error error = ERROR_NONE;
    const struct found_place *found = &reading->found->places.items[place];
    if (found->home)
        return 0;
    int r = namespace_enter(&found->handle, &error);
    if (r < 0)
        refuse(reading->jobs[place].namespace, &error);
    return r;
}

static int place_leave(const struct place_reading *reading, size_t place)
{
    if (reading->found->places.items[place].home)
        return 0;
    return namespace_return(home_of(reading->found), NULL);
}

static int place_run(void *context, size_t at)
{
    struct place_reading *reading = context;
    size_t place = reading->order[at];
    struct place_job *job = &reading->jobs[place];
    struct reader reader = reader_make(reading, place);
    if (place_enter(reading, place) < 0)
        return 0;
    contents_read(reading, place, &reader);
    job->namespace->entered = true;
    int back = place_leave(reading, place);
    if (back < 0 || atomic_load(&reading->closed)) {
        job->walk.refused++;
        return back;
    }
    cgroups_read(reading, place, &reader);
    job->walk.arena = job->namespace->arena;
    owner_walk_place(&reading->source, reading->found, place, job->firsts.items, job->firsts.count,
                     &job->walk);
    return 0;
}

/* ---- what did not come back ---- */

/* A namespace of which only what was known before is left; the old one belongs to the thread that is stuck in
 * it. */
static struct namespace *namespace_again(const struct namespace *old)
{
    struct namespace *namespace = namespace_new(old->id);
    namespace->device = old->device;
    namespace->user_namespace = old->user_namespace;
    namespace->role = old->role;
    list_each(const char *, name, &old->names)
        *list_append(&namespace->names) = arena_strdup(namespace->arena, *name);
    list_each(const char *, path, &old->paths)
        *list_append(&namespace->paths) = arena_strdup(namespace->arena, *path);
    list_each(uint32_t, pid, &old->pids)
        *list_append(&namespace->pids) = *pid;
    return namespace;
}

static void namespace_replace(struct snapshot *snapshot, struct found *found, size_t place)
{
    struct namespace *old = found->places.items[place].namespace;
    struct namespace *namespace = namespace_again(old);
    list_each(struct namespace *, item, &snapshot->namespaces) {
        if (*item == old)
            *item = namespace;
    }
    found->places.items[place].namespace = namespace;
}

static void late_mark(struct namespace *namespace)
{
    struct error error = ERROR_NONE;
    char subject[32];
    snprintf(subject, sizeof(subject), "net:[%llu]", (unsigned long long)namespace->id);
    error_set(&error, ETIMEDOUT, "timeout", subject, "it was not read in time");
    refuse(namespace, &error);
    namespace_fault(namespace, PART_ALL, &error);
}

/* ---- the other ends of links ---- */

struct peering {
    struct place_reading *reading;
    struct link_peers *peers;
    size_t *wanted; /* places */
};

static int peer_run(void *context, size_t job)
{
    const struct peering *peering = context;
    struct place_reading *reading = peering->reading;
    size_t place = peering->wanted[job];
    struct reader reader = reader_make(reading, place);
    struct error error = ERROR_NONE;
    struct netlink *route = NULL;
    if (place_enter(reading, place) < 0)
        return 0;
    int r = netlink_open(NETLINK_ROUTE, reader.budget.deadline_ns, &route, &error);
    int back = place_leave(reading, place);
    if (r < 0)
        namespace_fault(reading->jobs[place].namespace, PART_LINKS, &error);
    else if (back >= 0)
        link_peers_resolve(peering->peers, place, &reader, route);
    netlink_close(route);
    return back;
}

/* A link whose other end was not looked for is one whose end is not known. */
static void peers_unknown(struct namespace *namespace)
{
    list_each(struct link, link, &namespace->links) {
        if (link->peer_nsid >= 0 && !link->peer_namespace)
            link->peer_unknown = true;
    }
}

static bool peers_run(struct peering *peering, const struct pool_options *options, size_t count)
{
    struct place_reading *reading = peering->reading;
    enum pool_result *results = memory_alloc((count + 1) * sizeof(*results));
    struct pool_options pool = *options;
    bool stuck = false;
    pool.run = peer_run;
    pool.context = peering;
    if (pool_run(&pool, count, results, NULL) < 0)
        memset(results, 0xff, count * sizeof(*results));
    for (size_t i = 0; i < count; i++) {
        if (results[i] != POOL_DONE)
            peers_unknown(reading->jobs[peering->wanted[i]].namespace);
        stuck = stuck || results[i] == POOL_STUCK;
    }
    free(results);
    return stuck;
}

static bool peers_find(struct place_reading *reading, const struct pool_options *options)
{
    const struct found *found = reading->found;
    struct link_place *places = memory_alloc((found->places.count + 1) * sizeof(*places));
    struct peering *peering = memory_alloc(sizeof(*peering));
    size_t count = 0;
    for (size_t i = 0; i < found->places.count; i++)
        places[i] = (struct link_place){found->places.items[i].namespace, found->places.items[i].handle.fd};
    *peering = (struct peering){reading, link_peers_new(places, found->places.count),
                                memory_alloc((found->places.count + 1) * sizeof(size_t))};
    for (size_t i = 0; i < found->places.count; i++) {
        if (found->places.items[i].namespace->entered && link_peers_wanted(peering->peers, i))
            peering->wanted[count++] = i;
    }
    if (peers_run(peering, options, count))
        return true; /* and all this is the stuck thread's */
    link_peers_free(peering->peers);
    free(peering->wanted);
    free(peering);
    free(places);
    return false;
}

/* ---- all ---- */

int place_read_all(struct place_reading *reading, struct snapshot *snapshot, struct found *found,
                   bool *ret_stuck, struct error *error)
{
    size_t count = found->places.count;
    enum pool_result *results = memory_alloc((count + 1) * sizeof(*results));
    struct pool_options pool = {.workers = reading->workers,
                                .deadline_ns = reading->deadline_ns,
                                .run = place_run,
                                .context = reading};
    bool stuck = false;
    reading->order = order_make(found);
    int r = pool_run(&pool, count, results, error);
    atomic_store(&reading->closed, true);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        if (results[i] == POOL_DONE)
            continue;
        stuck = stuck || results[i] == POOL_STUCK;
        if (results[i] == POOL_STUCK)
            namespace_replace(snapshot, found, reading->order[i]);
        late_mark(found->places.items[reading->order[i]].namespace);
    }
    if (r >= 0 && !stuck)
        stuck = peers_find(reading, &pool);
    else if (r >= 0)
        list_each(struct found_place, place, &found->places)
            peers_unknown(place->namespace);
    free(results);
    *ret_stuck = stuck;
    return r;
}

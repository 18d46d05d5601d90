/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/guard.h"

#include "scanner/probe/device.h"
#include "scanner/probe/guard_layer.h"

#include <errno.h>

struct guard {
    struct visitor *visitor;
    struct shots *shots;
    /* The layers; one state serves both where both are of the same kind. NULL: there is none. */
    const struct guard_layer *hooks, *egress;
    struct guard_state *hooks_state, *egress_state;
    const struct modules *modules;
    struct map *stands[2]; /* by hook and namespace, to the namespace's inode */
    unsigned without;
    struct error complaint;
};

/* ---- one namespace ---- */

static void note_stand(struct guard *guard, enum guard_hook hook, uint64_t namespace, uint32_t inode)
{
    map_set_u64(guard->stands[hook], namespace, (void *)(uintptr_t)inode);
}

bool guard_stands(const struct guard *guard, enum guard_hook hook, uint64_t namespace)
{
    return map_get_u64(guard->stands[hook], namespace) != NULL;
}

uint32_t guard_inode(const struct guard *guard, enum guard_hook hook, uint64_t namespace)
{
    return (uint32_t)(uintptr_t)map_get_u64(guard->stands[hook], namespace);
}

/* The first complaint is the one that is told: what follows comes of it. */
static void complain(struct guard *guard, const struct error *error)
{
    if (!error_is_set(&guard->complaint))
        guard->complaint = *error;
}

static void stand_on(struct guard *guard, enum guard_hook hook, uint64_t namespace)
{
    struct error error = ERROR_NONE;
    int result;

    if (!guard->hooks || guard_stands(guard, hook, namespace))
        return;
    result = visit_begin(guard->visitor, namespace, &error);
    if (result == 0) {
        result = guard->hooks->hook(guard->hooks_state, hook, namespace, &error);
        if (result == 0)
            note_stand(guard, hook, namespace, guard->visitor->inode);
        visit_end(guard->visitor);
    }
    if (result < 0)
        complain(guard, &error);
}

/* ---- exits ---- */

static bool lists_exit(const struct guard_request *request, uint64_t namespace, uint32_t index)
{
    list_each(struct plan_exit, exit, &request->exits) {
        if (exit->namespace == namespace && exit->index == index)
            return true;
    }
    return false;
}

static bool has_listed_port(const struct guard_request *request, const struct device_list *devices,
                            const struct plan_exit *exit)
{
    list_each(struct device, device, devices) {
        if (device->master == exit->index && lists_exit(request, exit->namespace, device->index))
            return true;
    }
    return false;
}

/*
 * On a bridge's own egress a shot may be on its way to a container of that bridge: its ports that lead off
 * the host are where the second layer stands.
 */
static int guard_exit(struct guard *guard, const struct guard_request *request,
                      const struct device_list *devices, const struct plan_exit *exit, struct error *error)
{
    const struct device *device = device_find(devices, exit->index);
    bool bridge = device && !strcmp(device->kind, "bridge");
    int result = 0;

    if (!device)
        return 0; /* gone: nothing leaves by it */
    if (guard->hooks)
        result = guard->hooks->mark_exit(guard->hooks_state, exit->namespace, exit->index, bridge, error);
    if (result == 0 && guard->egress && !(bridge && has_listed_port(request, devices, exit)))
        result = guard->egress->egress(guard->egress_state, exit->namespace, exit->index, exit->name, error);
    return result;
}

static int guard_exits_of(struct guard *guard, const struct guard_request *request, uint64_t namespace,
                          struct error *error)
{
    _cleanup_device_list_ struct device_list devices = {0};
    int result = visit_begin(guard->visitor, namespace, error);

    if (result < 0)
        return result == -ESTALE ? 0 : result;
    result = devices_read(&devices, error);
    list_each(struct plan_exit, exit, &request->exits) {
        if (result == 0 && exit->namespace == namespace)
            result = guard_exit(guard, request, &devices, exit, error);
    }
    visit_end(guard->visitor);
    return result;
}

static bool first_of_namespace(const struct guard_request *request, const struct plan_exit *exit)
{
    list_each(struct plan_exit, earlier, &request->exits) {
        if (earlier == exit)
            return true;
        if (earlier->namespace == exit->namespace)
            return false;
    }
    return true;
}

static int guard_exits(struct guard *guard, const struct guard_request *request, struct error *error)
{
    int result = 0;

    list_each(struct plan_exit, exit, &request->exits) {
        if (result == 0 && first_of_namespace(request, exit))
            result = guard_exits_of(guard, request, exit->namespace, error);
    }
    return result;
}

/* ---- choose ---- */

struct pair {
    const struct guard_layer *hooks, *egress;
};

static void close_layers(struct guard *guard)
{
    if (guard->hooks_state)
        guard->hooks->close(guard->hooks_state);
    if (guard->egress_state && guard->egress_state != guard->hooks_state)
        guard->egress->close(guard->egress_state);
    guard->hooks = guard->egress = NULL;
    guard->hooks_state = guard->egress_state = NULL;
}

static int open_layers(struct guard *guard, const struct guard_request *request, struct pair pair,
                       struct error *error)
{
    bool same = pair.hooks == pair.egress;
    int result = 0;

    /* BPF's maps are the records' home: open it first, the other layer writes there as well. */
    if (pair.egress && !same && pair.egress == &guard_bpf)
        result = pair.egress->open(request, false, true, &guard->egress_state, error);
    if (result == 0 && pair.hooks)
        result = pair.hooks->open(request, true, same, &guard->hooks_state, error);
    if (result == 0 && same)
        guard->egress_state = guard->hooks_state;
    if (result == 0 && pair.egress && !guard->egress_state)
        result = pair.egress->open(request, false, true, &guard->egress_state, error);
    guard->hooks = guard->hooks_state ? pair.hooks : NULL;
    guard->egress = guard->egress_state ? pair.egress : NULL;
    return result;
}

/* Up in the host's namespace and on every exit, or not at all: old kernels load programs whose links they
 * refuse. */
static int try_pair(struct guard *guard, const struct guard_request *request, struct pair pair,
                    struct error *error)
{
    int result = open_layers(guard, request, pair, error);

    if (result == 0 && pair.hooks)
        result = guard->hooks->hook(guard->hooks_state, GUARD_OUTPUT, request->plan->host, error);
    if (result == 0)
        result = guard_exits(guard, request, error);
    if (result < 0) {
        close_layers(guard);
        return result;
    }
    if (pair.hooks)
        note_stand(guard, GUARD_OUTPUT, request->plan->host, guard->visitor->inode);
    return 0;
}

static bool chosen(const struct guard_layer *layer, unsigned left_out, const struct guard_request *request)
{
    if (layer == &guard_bpf && (request->without & left_out))
        return false;
    if (request->choice == GUARD_BPF)
        return layer == &guard_bpf;
    return request->choice == GUARD_AUTO || layer == &guard_nftables;
}

/* The best pair that can be had; at last, without an egress layer, hooks alone: they serve probes that stay
 * within. */
static void try_all(struct guard *guard, const struct guard_request *request)
{
    static const struct pair pairs[] = {{&guard_bpf, &guard_bpf},
                                        {&guard_bpf, &guard_nftables},
                                        {&guard_nftables, &guard_bpf},
                                        {&guard_nftables, &guard_nftables},
                                        {&guard_bpf, NULL},
                                        {&guard_nftables, NULL}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]) && !guard->hooks && !guard->egress; i++) {
        struct pair pair = pairs[i];
        struct error error = ERROR_NONE;

        if (!chosen(pair.hooks, GUARD_WITHOUT_BPF_HOOKS, request) ||
            (pair.egress && !chosen(pair.egress, GUARD_WITHOUT_BPF_EGRESS, request)))
            continue;
        if (request->without & GUARD_WITHOUT_HOOKS)
            pair.hooks = NULL;
        if (request->without & GUARD_WITHOUT_EGRESS)
            pair.egress = NULL;
        if (try_pair(guard, request, pair, &error) < 0)
            complain(guard, &error);
    }
}

struct guard *guard_open(const struct guard_request *request)
{
    _cleanup_guard_ struct guard *guard = memory_alloc(sizeof(*guard));

    guard->visitor = request->visitor;
    guard->stands[GUARD_OUTPUT] = map_new();
    guard->stands[GUARD_INPUT] = map_new();
    guard->shots = request->shots;
    guard->modules = request->modules;
    guard->without = request->without;
    if (request->choice == GUARD_NONE)
        error_set(&guard->complaint, EPERM, "no-guard", NULL, "switched off");
    else
        try_all(guard, request);
    list_each(uint64_t, namespace, &request->outputs)
        stand_on(guard, GUARD_OUTPUT, *namespace);
    list_each(uint64_t, namespace, &request->inputs)
        stand_on(guard, GUARD_INPUT, *namespace);
    return take_ptr(guard);
}

struct guard *guard_close(struct guard *guard)
{
    if (!guard)
        return NULL;
    close_layers(guard);
    map_free(guard->stands[GUARD_OUTPUT]);
    map_free(guard->stands[GUARD_INPUT]);
    free(guard);
    return NULL;
}

void cleanup_guard(struct guard **guard)
{
    *guard = guard_close(*guard);
}

/* ---- ask ---- */

const char *guard_name(const struct guard *guard)
{
    static const char *const names[2][2] = {{"netfilter+tcx", "netfilter+nftables"},
                                            {"nftables+tcx", "nftables"}};

    if (!guard->hooks || !guard->egress)
        return "none";
    return names[guard->hooks == &guard_nftables][guard->egress == &guard_nftables];
}

const struct error *guard_complaint(const struct guard *guard)
{
    return &guard->complaint;
}

bool guard_complete(const struct guard *guard)
{
    return (guard->hooks || (guard->without & GUARD_WITHOUT_HOOKS)) &&
           (guard->egress || (guard->without & GUARD_WITHOUT_EGRESS));
}

bool guard_sees_steering(const struct guard *guard)
{
    return guard->hooks == &guard_bpf ||
           (guard->hooks && guard->modules && modules_has(guard->modules, "nft_socket"));
}

static bool apart(const struct guard *guard)
{
    return guard->egress && guard->egress_state != guard->hooks_state;
}

int guard_arm(struct guard *guard, uint32_t first, uint32_t count, struct error *error)
{
    int result = guard->hooks ? guard->hooks->arm(guard->hooks_state, first, count, error) : 0;

    if (result == 0 && apart(guard))
        result = guard->egress->arm(guard->egress_state, first, count, error);
    return result;
}

int guard_poll(struct guard *guard, struct error *error)
{
    int result = 0;

    if (guard->hooks && guard->hooks->poll)
        result = guard->hooks->poll(guard->hooks_state, error);
    if (result == 0 && apart(guard) && guard->egress->poll)
        result = guard->egress->poll(guard->egress_state, error);
    return result;
}

void guard_descriptors(const struct guard *guard, struct descriptor_list *list)
{
    if (guard->hooks)
        guard->hooks->descriptors(guard->hooks_state, list);
    if (apart(guard))
        guard->egress->descriptors(guard->egress_state, list);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netfilter links and TCX links. */
#include "scanner/probe/guard_layer.h"

#include "netns/kernel/bpf.h"
#include "scanner/probe/program.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PROGRAM_TYPE_TC = 3,
    /* The last place before conntrack's confirmation. The kernel gives each priority to one BPF program:
       other scans that run now may have the first ones. */
    PRIORITY_LAST = INT_MAX - 1,
    PRIORITY_TRIES = 16,
};

struct guard_state {
    const struct visitor *visitor;
    struct shots *shots;
    struct bpf_object *hooks, *egress;
    int cookies, tuples, exits, questions; /* maps: an object's own; -1: none */
    LIST(int) links;
};

static void close_state(struct guard_state *state)
{
    if (!state)
        return;
    list_each(int, link, &state->links)
        close_fd(link);
    list_free(&state->links);
    cleanup_bpf_object(&state->hooks);
    cleanup_bpf_object(&state->egress);
    free(state);
}

static void cleanup_state(struct guard_state **state)
{
    close_state(*state);
}

/* ---- open ---- */

static int load_hooks(struct guard_state *state, struct error *error)
{
    static const struct bpf_program_kind kinds[] = {
        {"postern_output", BPF_PROGRAM_TYPE_NETFILTER, BPF_ATTACH_NETFILTER},
        {"postern_input", BPF_PROGRAM_TYPE_NETFILTER, BPF_ATTACH_NETFILTER},
        {0}};
    const struct bpf_map_choice maps[] = {{"cookies", -1, state->shots->capacity},
                                          {"tuples", -1, state->shots->capacity},
                                          {"records", -1, state->shots->capacity},
                                          {0}};

    return bpf_load(program_hook, program_hook_length, kinds, maps, &state->hooks, error);
}

static struct bpf_map_choice shared_map(const struct bpf_object *object, const char *name, uint32_t entries)
{
    return (struct bpf_map_choice){name, object ? bpf_map_descriptor(object, name) : -1, entries};
}

static int load_egress(struct guard_state *state, struct error *error)
{
    static const struct bpf_program_kind kinds[] = {
        {"postern_egress", PROGRAM_TYPE_TC, BPF_ATTACH_TCX_EGRESS}, {0}};
    const struct bpf_map_choice maps[] = {shared_map(state->hooks, "cookies", state->shots->capacity),
                                          shared_map(state->hooks, "tuples", state->shots->capacity),
                                          shared_map(state->hooks, "records", state->shots->capacity),
                                          shared_map(state->hooks, "settings", 0),
                                          {"questions", -1, state->shots->capacity},
                                          {0}};

    return bpf_load(program_egress, program_egress_length, kinds, maps, &state->egress, error);
}

static int map_records(struct guard_state *state, int map, struct error *error)
{
    struct shots *shots = state->shots;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (shots->capacity * sizeof(struct shot_record) + page - 1) / page * page;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

    if (memory == MAP_FAILED)
        return error_errno(error, errno, "no-memory", "records", "the guard's map cannot be mapped");
    if (shots->records_size) /* of an earlier try */
        munmap(shots->records, shots->records_size);
    shots->records = memory;
    shots->records_size = size;
    return 0;
}

static int put_settings(struct guard_state *state, int map, struct error *error)
{
    const struct shots *shots = state->shots;
    struct shot_settings settings = {.first_port = shots->first_port,
                                     .last_port = (uint16_t)(shots->first_port + shots->port_count - 1),
                                     .records = shots->capacity};
    const uint32_t zero = 0;

    if (shots->fixed_ports) { /* a probe's own port may be any: look everything up */
        settings.first_port = 0;
        settings.last_port = UINT16_MAX;
    }
    memcpy(settings.scan, shots->scan, sizeof(settings.scan));
    if (bpf_map_update_elem(map, &zero, &settings, BPF_ANY) < 0)
        return error_errno(error, errno, "bpf-map", "settings", "the guard's map cannot be written");
    return 0;
}

static int open_bpf(const struct guard_request *request, bool hooks, bool egress,
                    struct guard_state **ret_state, struct error *error)
{
    __attribute__((cleanup(cleanup_state))) struct guard_state *state = memory_alloc(sizeof(*state));
    const struct bpf_object *object;
    int result = 0;

    *state = (struct guard_state){.visitor = request->visitor,
                                  .shots = request->shots,
                                  .cookies = -1,
                                  .tuples = -1,
                                  .exits = -1,
                                  .questions = -1};
    if (hooks)
        result = load_hooks(state, error);
    if (result == 0 && egress)
        result = load_egress(state, error);
    if (result < 0)
        return result;
    object = state->hooks ? state->hooks : state->egress;
    state->cookies = bpf_map_descriptor(object, "cookies");
    state->tuples = bpf_map_descriptor(object, "tuples");
    if (state->hooks)
        state->exits = bpf_map_descriptor(object, "exits");
    if (state->egress)
        state->questions = bpf_map_descriptor(state->egress, "questions");
    result = put_settings(state, bpf_map_descriptor(object, "settings"), error);
    if (result == 0)
        result = map_records(state, bpf_map_descriptor(object, "records"), error);
    if (result == 0)
        *ret_state = take_ptr(state);
    return result;
}

/* ---- stand ---- */

static int hook_family(struct guard_state *state, int program, uint8_t family, enum guard_hook hook,
                       struct error *error)
{
    uint32_t number = hook == GUARD_OUTPUT ? NF_INET_POST_ROUTING : NF_INET_LOCAL_IN;
    int fd = -EBUSY;

    for (int i = 0; i < PRIORITY_TRIES && fd == -EBUSY; i++)
        fd = bpf_link_netfilter(program, family, number, PRIORITY_LAST - i, error);
    if (fd < 0)
        return fd;
    *list_append(&state->links) = fd;
    return 0;
}

static int hook_bpf(struct guard_state *state, enum guard_hook hook, uint64_t id, struct error *error)
{
    int program =
        bpf_program_descriptor(state->hooks, hook == GUARD_OUTPUT ? "postern_output" : "postern_input");
    int result = hook_family(state, program, NFPROTO_IPV4, hook, error);

    (void)id;
    return result < 0 ? result : hook_family(state, program, NFPROTO_IPV6, hook, error);
}

static int mark_exit_bpf(struct guard_state *state, uint64_t id, uint32_t interface, bool shared,
                         struct error *error)
{
    struct shot_exit key = {.namespace = state->visitor->inode, .interface = interface};
    uint8_t kind = shared ? SHOT_EXIT_SHARED : SHOT_EXIT_PLAIN;

    (void)id;
    if (bpf_map_update_elem(state->exits, &key, &kind, BPF_ANY) < 0)
        return error_errno(error, errno, "bpf-map", "exits", "the guard's map cannot be written");
    return 0;
}

static int egress_bpf(struct guard_state *state, uint64_t id, uint32_t interface, const char *name,
                      struct error *error)
{
    int fd = bpf_link_tcx(bpf_program_descriptor(state->egress, "postern_egress"), interface,
                          BPF_ATTACH_TCX_EGRESS, error);

    (void)id;
    if (fd < 0)
        return error_context(error, "%s", name);
    *list_append(&state->links) = fd;
    return 0;
}

/* ---- arm ---- */

static int arm_shot(const struct guard_state *state, uint32_t index, struct error *error)
{
    const struct shot_entry *entry = &state->shots->entries[index];
    uint32_t cookie = shots_cookie(state->shots, index);
    struct shot shot = {.tuple = entry->tuple, .index = index, .flags = entry->port ? SHOT_INJECTED : 0};

    memcpy(shot.target, entry->target, sizeof(shot.target));
    shot.target_port = entry->target_port;
    if (bpf_map_update_elem(state->cookies, &cookie, &shot, BPF_ANY) < 0 ||
        bpf_map_update_elem(state->tuples, &entry->tuple, &cookie, BPF_ANY) < 0)
        return error_errno(error, errno, "bpf-map", "cookies", "the guard's map cannot be written");
    return 0;
}

static int arm_question(const struct guard_state *state, const struct shot_entry *entry, struct error *error)
{
    struct shot_question question = {.family = entry->tuple.family};
    const uint8_t one = 1;

    if (state->questions < 0)
        return 0;
    memcpy(question.address, entry->target, sizeof(question.address));
    if (bpf_map_update_elem(state->questions, &question, &one, BPF_ANY) < 0)
        return error_errno(error, errno, "bpf-map", "questions", "the guard's map cannot be written");
    return 0;
}

static int arm_bpf(struct guard_state *state, uint32_t first, uint32_t count, struct error *error)
{
    int result = 0;

    for (uint32_t index = first; index < first + count && result == 0; index++) {
        result = arm_shot(state, index, error);
        if (result == 0)
            result = arm_question(state, &state->shots->entries[index], error);
    }
    return result;
}

static void descriptors_bpf(const struct guard_state *state, struct descriptor_list *list)
{
    list_each(int, link, &state->links)
        *list_append(list) = *link;
}

const struct guard_layer guard_bpf = {
    .hooks_name = "netfilter",
    .egress_name = "tcx",
    .open = open_bpf,
    .hook = hook_bpf,
    .mark_exit = mark_exit_bpf,
    .egress = egress_bpf,
    .arm = arm_bpf,
    .descriptors = descriptors_bpf,
    .close = close_state,
};

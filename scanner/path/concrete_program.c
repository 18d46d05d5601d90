/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BPF programs, IPVS, IPsec: seen, not modelled. Each on the path makes the outcome undetermined. */
#include "scanner/path/concrete_walk.h"

static const char *program_subject(const struct walk *walk, const struct program *program)
{
    const struct link *link = world_link(walk->at.namespace, program->interface);
    if (link)
        return link->name;
    if (program->cgroup)
        return program->cgroup;
    return program->detail ? program->detail : program->name ? program->name : namespace_subject(walk);
}

static const struct {
    enum program_kind kind;
    const char *code, *message;
} everywhere[] = {
    {PROGRAM_IPVS, REASON_IPVS, "IPVS may take the packet"},
    {PROGRAM_XFRM, REASON_XFRM, "an IPsec policy may apply"},
    {PROGRAM_FLOW_DISSECTOR, REASON_FLOW_DISSECTOR, "a BPF program dissects flows here"},
    {PROGRAM_UNREADABLE, REASON_PROGRAMS_UNREAD, "programs of this kind could not be asked for"},
};

void namespace_programs(struct walk *walk)
{
    if (!part_is_read(walk, PART_PROGRAMS, REASON_PROGRAMS_UNREAD))
        return;
    list_each(const struct program, program, &walk->at.namespace->facts->programs)
        for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++)
            if (everywhere[i].kind == program->kind &&
                (program->family == FAMILY_NONE || program->family == walk->packet->family))
                walk_undetermined(walk, everywhere[i].code, program_subject(walk, program),
                                  everywhere[i].message);
}

/* Is the process's group the program's or one beneath it? */
static bool group_covers(const char *group, const char *process_group)
{
    if (!group || !process_group)
        return true; /* not known: it may */
    size_t length = strlen(group);
    while (length > 0 && group[length - 1] == '/')
        length--;
    return strncmp(group, process_group, length) == 0 &&
           (process_group[length] == '\0' || process_group[length] == '/');
}

static bool covers_socket(const struct walk *walk, const struct program *program, const struct socket *socket)
{
    const struct snapshot *snapshot = walk->world->snapshot;
    if (socket->owner_unknown || socket->processes.count == 0)
        return true;
    list_each(const uint32_t, index, &socket->processes)
        if (*index >= snapshot->processes.count ||
            group_covers(program->cgroup, snapshot->processes.items[*index].cgroup))
            return true;
    return false;
}

static bool covers_senders(const struct walk *walk, const struct program *program)
{
    bool any = false;
    list_each(const struct process, process, &walk->world->snapshot->processes) {
        if (process->network_namespace != walk->at.namespace->facts->id)
            continue;
        any = true;
        if (group_covers(program->cgroup, process->cgroup))
            return true;
    }
    return !any;
}

/* Programs on packets can only drop; those on addresses (connect4 ...) may send the packet elsewhere. */
static void cgroup_program(struct walk *walk, const struct program *program)
{
    const char *subject = program->cgroup ? program->cgroup : program->name;
    if (program->family == FAMILY_NONE)
        walk_doubt(walk, REASON_CGROUP, subject, "a BPF program of the control group may drop it");
    else if (program->family == walk->packet->family)
        walk_undetermined(walk, REASON_CGROUP, subject,
                          "a BPF program of the control group may send it elsewhere");
}

void cgroup_programs(struct walk *walk, const struct socket *socket, bool egress)
{
    const struct world *world = walk->world;
    for (size_t i = 0; i < world->count && !walk_ended(walk); i++) /* groups are no namespace's own */
        list_each(const struct program, program, &world->namespaces[i].facts->programs) {
            if (program->kind != PROGRAM_CGROUP || program->egress != egress)
                continue;
            if (socket ? covers_socket(walk, program, socket) : covers_senders(walk, program))
                cgroup_program(walk, program);
        }
}

void socket_programs(struct walk *walk)
{
    list_each(const struct program, program, &walk->at.namespace->facts->programs) {
        if (program->kind == PROGRAM_SK_LOOKUP)
            walk_undetermined(walk, REASON_SK_LOOKUP, program->name, "a BPF program chooses the socket");
    }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BPF programs, IPVS, IPsec: seen, not modelled. Each on the path makes the prediction undetermined. */
#include "scanner/path/survey.h"

static const char *program_subject(struct survey *survey, const struct fragment *fragment,
                                   const struct program *program)
{
    const struct link *link = world_link(fragment->namespace, program->interface);
    if (link)
        return link->name;
    if (program->cgroup)
        return program->cgroup;
    return program->detail ? program->detail
           : program->name ? program->name
                           : namespace_text(survey, fragment->namespace);
}

struct program_row {
    enum program_kind kind;
    const char *code, *message;
};
static const struct program_row namespace_rows[] = {
    {PROGRAM_IPVS, REASON_IPVS, "IPVS may take the packet"},
    {PROGRAM_XFRM, REASON_XFRM, "an IPsec policy may apply"},
    {PROGRAM_FLOW_DISSECTOR, REASON_FLOW_DISSECTOR, "a BPF program dissects flows here"},
    {PROGRAM_UNREADABLE, REASON_PROGRAMS_UNREAD, "programs of this kind could not be asked for"},
};
static const struct program_row socket_rows[] = {
    {PROGRAM_SK_LOOKUP, REASON_SK_LOOKUP, "a BPF program chooses the socket"},
};

static void rows_doubt(struct survey *survey, struct fragment *fragment, const struct program_row *rows,
                       size_t count)
{
    list_each(const struct program, program, &fragment->namespace->facts->programs)
        for (size_t i = 0; i < count; i++)
            if (rows[i].kind == program->kind &&
                (!program->family || program->family == fragment->destination.family))
                fragment_taint(fragment, survey->arena, TAINT_ANY, rows[i].code,
                               program_subject(survey, fragment, program), rows[i].message);
}

void namespace_program_doubts(struct survey *survey, struct fragment *fragment)
{
    part_doubts(survey, fragment, PART_PROGRAMS, REASON_PROGRAMS_UNREAD);
    rows_doubt(survey, fragment, namespace_rows, sizeof(namespace_rows) / sizeof(*namespace_rows));
}

void socket_program_doubts(struct survey *survey, struct fragment *fragment)
{
    rows_doubt(survey, fragment, socket_rows, sizeof(socket_rows) / sizeof(*socket_rows));
}

/* ---- control groups ---- */
/* Is the process's group the program's, or one beneath it? What is not known may be. */
static bool group_holds(const char *group, const char *process_group)
{
    if (!group || !process_group)
        return true;
    size_t length = strlen(group);
    while (length > 0 && group[length - 1] == '/')
        length--;
    return strncmp(group, process_group, length) == 0 &&
           (process_group[length] == '\0' || process_group[length] == '/');
}

static bool holds_socket(const struct survey *survey, const struct program *program,
                         const struct socket *socket)
{
    const struct snapshot *snapshot = survey->world->snapshot;
    bool holds = socket->owner_unknown || socket->processes.count == 0;
    list_each(const uint32_t, index, &socket->processes)
        holds |= *index >= snapshot->processes.count ||
                 group_holds(program->cgroup, snapshot->processes.items[*index].cgroup);
    return holds;
}

static bool holds_senders(const struct survey *survey, const struct fragment *fragment,
                          const struct program *program)
{
    bool any = false;
    list_each(const struct process, process, &survey->world->snapshot->processes) {
        if (process->network_namespace != fragment->namespace->facts->id)
            continue;
        any = true;
        if (group_holds(program->cgroup, process->cgroup))
            return true;
    }
    return !any;
}

void cgroup_program_doubts(struct survey *survey, struct fragment *fragment, const struct socket *socket,
                           bool egress)
{
    const struct world *world = survey->world;
    for (size_t i = 0; i < world->count; i++) /* control groups are no namespace's own */
        list_each(const struct program, program, &world->namespaces[i].facts->programs) {
            if (program->kind != PROGRAM_CGROUP || program->egress != egress)
                continue;
            if (socket ? holds_socket(survey, program, socket) : holds_senders(survey, fragment, program))
                fragment_taint(fragment, survey->arena, TAINT_DROP, REASON_CGROUP,
                               program->cgroup ? program->cgroup : program->name,
                               "a BPF program of the control group may drop it");
        }
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/snapshot.h"

#include "netns/base/text.h"
#include "netns/snapshot/table.h"

struct snapshot *snapshot_new(void)
{
    struct snapshot *snapshot = memory_alloc(sizeof(*snapshot));
    snapshot->arena = arena_new();
    return snapshot;
}

struct snapshot *snapshot_free(struct snapshot *snapshot)
{
    if (!snapshot)
        return NULL;
    list_each(struct namespace *, namespace, &snapshot->namespaces)
        namespace_free(*namespace);
    list_free(&snapshot->namespaces);
    record_free(&snapshot_record, snapshot);
    arena_free(snapshot->arena);
    free(snapshot);
    return NULL;
}

void cleanup_snapshot(struct snapshot **snapshot)
{
    *snapshot = snapshot_free(*snapshot);
}

struct namespace *namespace_new(uint64_t id)
{
    struct namespace *namespace = memory_alloc(sizeof(*namespace));
    namespace->id = id;
    namespace->arena = arena_new();
    return namespace;
}

struct namespace *namespace_free(struct namespace *namespace)
{
    if (!namespace)
        return NULL;
    record_free(&namespace_record, namespace);
    arena_free(namespace->arena);
    free(namespace);
    return NULL;
}

struct namespace *snapshot_namespace(const struct snapshot *snapshot, uint64_t id)
{
    list_each(struct namespace *, namespace, &snapshot->namespaces) {
        if ((*namespace)->id == id)
            return *namespace;
    }
    return NULL;
}

struct namespace *snapshot_host(const struct snapshot *snapshot)
{
    return snapshot_namespace(snapshot, snapshot->host_namespace);
}

const struct container *snapshot_container(const struct snapshot *snapshot, const char *name)
{
    list_each(struct container, container, &snapshot->containers) {
        if (container->name && !strcmp(container->name, name))
            return container;
    }
    return NULL;
}

const struct container *snapshot_namespace_container(const struct snapshot *snapshot, uint64_t namespace)
{
    const struct container *infrastructure = NULL;
    list_each(struct container, container, &snapshot->containers) {
        if (container->namespace != namespace)
            continue;
        if (!container->infrastructure)
            return container;
        if (!infrastructure)
            infrastructure = container;
    }
    return infrastructure;
}

const struct link *namespace_link(const struct namespace *namespace, uint32_t index)
{
    list_each(struct link, link, &namespace->links) {
        if (link->index == index)
            return link;
    }
    return NULL;
}

const struct link *namespace_link_named(const struct namespace *namespace, const char *name)
{
    list_each(struct link, link, &namespace->links) {
        if (link->name && !strcmp(link->name, name))
            return link;
    }
    return NULL;
}

static void fault_fill(struct fault *fault, struct arena *arena, const struct error *error)
{
    fault->code = arena_strdup(arena, error->code);
    fault->subject = text_utf8(arena, error->subject, strlen(error->subject));
    fault->message = text_utf8(arena, error->message, strlen(error->message));
}

void namespace_fault(struct namespace *namespace, uint32_t part, const struct error *error)
{
    namespace->missing |= part;
    fault_fill(list_append(&namespace->faults), namespace->arena, error);
}

void snapshot_fault(struct snapshot *snapshot, const struct error *error, bool gone)
{
    struct fault *fault = list_append(&snapshot->errors);
    fault_fill(fault, snapshot->arena, error);
    fault->gone = gone;
}

/* A word of a list that ends by NULL; NULL for a number past its end or one that stands for nothing. */
static const char *word_at(const char *const *words, unsigned number)
{
    for (unsigned i = 0; words[i]; i++) {
        if (i == number)
            return *words[i] ? words[i] : NULL;
    }
    return NULL;
}

const char *engine_name(enum container_engine engine)
{
    return word_at(engine_words, engine);
}

const char *link_kind_word(enum link_kind kind)
{
    return word_at(link_kind_words, kind);
}

const char *socket_kind_name(enum socket_kind kind)
{
    return word_at(socket_kind_words, kind);
}

const char *program_kind_name(enum program_kind kind)
{
    return word_at(program_kind_words, kind);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/model/identity.h"
#include "netns/base/file.h"
#include "netns/base/text.h"

#include <stdarg.h>

#define HASH_DIGITS 32

/* Hashes the texts up to a NULL; lengths keep ("ab", "c") and ("a", "bc") apart. */
static const char *hash_texts(struct arena *arena, ...)
{
    struct sha256 *hash = sha256_new();
    char digest[SHA256_TEXT_MAX];
    va_list texts;

    va_start(texts, arena);
    for (const char *text; (text = va_arg(texts, const char *)) != NULL;) {
        char length[24];
        int digits = snprintf(length, sizeof(length), "%zu:", strlen(text));
        sha256_update(hash, length, (size_t)digits);
        sha256_update(hash, text, strlen(text));
    }
    va_end(texts);
    sha256_finish(hash, digest);
    return arena_strndup(arena, digest, HASH_DIGITS);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* An image's name without its tag or digest changes less often than either, but "postgres:15" is what people
 * know. */
static const char *image_name(const struct report_container *container)
{
    const char *image = container->image;
    if (image == NULL || *image == '\0' || text_starts(image, "sha256:"))
        return NULL;
    return image;
}

static const char *pod_owner(struct arena *arena, const struct report_container *container)
{
    for (size_t i = 0; i < container->labels.count; i++) {
        const struct report_label *label = &container->labels.items[i];
        if (text_equal(label->key, "app.kubernetes.io/name") || text_equal(label->key, "app"))
            return label->value;
    }
    (void)arena;
    return container->pod;
}

static const char *label_value(const struct report_container *container, const char *key)
{
    for (size_t i = 0; i < container->labels.count; i++)
        if (text_equal(container->labels.items[i].key, key))
            return container->labels.items[i].value;
    return NULL;
}

const char *workload_of_container(struct arena *arena, const struct report_container *container,
                                  bool generated_name)
{
    /* what is not confirmed may be the container's own choice: it must not pass for another's workload */
    bool confirmed = container->confirmed;

    if (confirmed && container->compose_project && container->compose_service)
        return arena_printf(arena, "compose:%s/%s", container->compose_project, container->compose_service);
    if (confirmed && container->pod && container->pod_namespace) {
        const char *inner = label_value(container, "io.kubernetes.container.name");
        return arena_printf(arena, "pod:%s/%s/%s", container->pod_namespace, pod_owner(arena, container),
                            inner ? inner : or_empty(container->name));
    }
    if (container->name && !generated_name && !text_equal(container->engine, "pid")) {
        const char *slash = strchr(container->name, '/');
        return arena_printf(arena, "%s:%s", or_empty(container->engine), slash ? slash + 1 : container->name);
    }
    if (confirmed && image_name(container))
        return arena_printf(arena, "image:%s", image_name(container));
    return arena_printf(arena, "%s:unnamed", or_empty(container->engine));
}

const char *workload_of_host(struct arena *arena, const char *executable)
{
    return arena_printf(arena, "host:%s", executable ? executable : "unknown");
}

const char *channel_key(struct arena *arena, const char *host, const struct report_channel *channel)
{
    char port[16];
    const char *protocol = protocol_name(channel->entry.protocol);
    const char *address = channel->entry.name ? channel->entry.name : ADDRESS_TEXT(channel->entry.address);

    snprintf(port, sizeof(port), "%u", channel->entry.port);
    return hash_texts(arena, or_empty(host), or_empty(channel->from),
                      channel->entry.family ? family_name(channel->entry.family) : "", or_empty(protocol),
                      address, port, or_empty(channel->entry.interface), or_empty(channel->workload),
                      (const char *)NULL);
}

const char *finding_id(struct arena *arena, const char *workload, const char *protocol, uint16_t port,
                       const char *kind)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", port);
    return hash_texts(arena, or_empty(workload), or_empty(protocol), text, or_empty(kind),
                      (const char *)NULL);
}

const char *finding_instance(struct arena *arena, const char *machine_id, const char *id)
{
    return hash_texts(arena, or_empty(machine_id), or_empty(id), (const char *)NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/findings/severity.h"

#include <linux/capability.h>

/* Capabilities with which a process of the host's user namespace is as good as root on the host. */
#define CAPABILITIES_OF_ROOT                                                                                 \
    (1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SYS_MODULE | 1ULL << CAP_SYS_RAWIO | 1ULL << CAP_SYS_PTRACE |       \
     1ULL << CAP_BPF | 1ULL << CAP_DAC_READ_SEARCH)

static enum severity base_severity(enum vantage_kind kind, enum policy_word word)
{
    if (word == POLICY_IGNORE)
        return SEVERITY_NONE;
    if (word == POLICY_WARN)
        return SEVERITY_LOW;
    return kind == VANTAGE_EXTERNAL || kind == VANTAGE_NAMED ? SEVERITY_HIGH : SEVERITY_MEDIUM;
}

/* A sentence about what makes the listener worse than its port; NULL: nothing. */
static const char *aggravation(const struct report_container *container,
                               const struct report_listener *listener)
{
    if (container && container->privileges.known && container->privileges.privileged)
        return "the container is privileged: who takes over the listener takes over the host";
    if (container && container->privileges.known && container->privileges.engine_socket)
        return "the engine's socket is inside the container: who takes over the listener commands the engine";
    if (container && listener)
        list_each(struct report_process, process, &listener->processes)
            if (process->container && (process->capabilities & CAPABILITIES_OF_ROOT))
                return "the listening process has capabilities that amount to root on the host";
    return NULL;
}

enum severity severity_unexpected(const struct report *report, const struct report_channel *channel,
                                  enum policy_word word, const char **ret_why)
{
    enum severity severity = base_severity(channel->from_kind, word);
    const struct report_container *container =
        channel->container ? report_container(report, channel->container) : NULL;
    const struct report_listener *listener =
        channel->listener ? report_listener(report, channel->listener) : NULL;

    *ret_why = severity == SEVERITY_NONE ? NULL : aggravation(container, listener);
    if (*ret_why && severity < SEVERITY_CRITICAL)
        severity++;
    return severity;
}

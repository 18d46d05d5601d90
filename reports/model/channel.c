/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/model/channel.h"

#include <string.h>

#define NAME_OF(table, number)                                                                               \
    ((size_t)(number) < sizeof(table) / sizeof((table)[0]) ? (table)[number] : NULL)

static const char *const states[] = {
    [STATE_OPEN] = "open",         [STATE_UNDETERMINED] = "undetermined", [STATE_CLOSED] = "closed",
    [STATE_FILTERED] = "filtered", [STATE_UNREACHABLE] = "unreachable",
};

const char *state_name(enum state state)
{
    return NAME_OF(states, state);
}

static const char *const vantage_kinds[] = {
    [VANTAGE_EXTERNAL] = "external",   [VANTAGE_LAN] = "lan",
    [VANTAGE_HOST] = "host",           [VANTAGE_SEGMENT] = "segment",
    [VANTAGE_CONTAINER] = "container", [VANTAGE_INSIDE] = "inside",
    [VANTAGE_NETNS] = "netns",         [VANTAGE_NAMED] = "named",
};

const char *vantage_kind_name(enum vantage_kind kind)
{
    return NAME_OF(vantage_kinds, kind);
}

void vantage_free(struct vantage *vantage)
{
    interval_set_free(&vantage->sources4);
    interval_set_free(&vantage->sources6);
    list_free(&vantage->members);
}

static const struct {
    const char *name;
    uint8_t protocol;
} protocols[] = {
    {"tcp", PROTOCOL_TCP},   {"udp", PROTOCOL_UDP},     {"udplite", PROTOCOL_UDPLITE},
    {"icmp", PROTOCOL_ICMP}, {"icmp6", PROTOCOL_ICMP6}, {"sctp", PROTOCOL_SCTP},
};

const char *protocol_name(uint8_t protocol)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
        if (protocols[i].protocol == protocol)
            return protocols[i].name;
    return NULL;
}

uint8_t protocol_parse(const char *name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
        if (name && strcmp(protocols[i].name, name) == 0)
            return protocols[i].protocol;
    return 0;
}

static bool text_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

void reason_add(struct reason_list *list, const char *code, const char *subject, const char *message)
{
    for (size_t i = 0; i < list->count; i++)
        if (text_same(list->items[i].code, code) && text_same(list->items[i].subject, subject))
            return;
    *list_append(list) = (struct reason){.code = code, .subject = subject, .message = message};
}

static const char *const decider_kinds[] = {
    [DECIDER_NONE] = "none",           [DECIDER_RULE] = "rule",
    [DECIDER_POLICY] = "policy",       [DECIDER_ROUTE] = "route",
    [DECIDER_SYSCTL] = "sysctl",       [DECIDER_LINK] = "link",
    [DECIDER_NEIGHBOUR] = "neighbour", [DECIDER_ADDRESS] = "address",
    [DECIDER_LISTENER] = "listener",   [DECIDER_NO_LISTENER] = "no-listener",
    [DECIDER_PROGRAM] = "program",     [DECIDER_PROXY] = "proxy",
};

const char *decider_kind_name(enum decider_kind kind)
{
    return NAME_OF(decider_kinds, kind);
}

void prediction_part_free(struct prediction_part *part)
{
    interval_set_free(&part->sources);
    interval_set_free(&part->source_ports);
    list_free(&part->reasons);
    list_free(&part->later);
    list_free(&part->later_for_some);
    list_free(&part->others);
}

bool target_same_listener(const struct target *a, const struct target *b)
{
    if (a->socket < 0 || b->socket < 0)
        return a->socket < 0 && b->socket < 0;
    return a->namespace == b->namespace && a->socket == b->socket;
}

void prediction_free(struct prediction *prediction)
{
    list_each(struct prediction_part, part, &prediction->parts)
        prediction_part_free(part);
    list_free(&prediction->parts);
    list_free(&prediction->off_path);
}

static const char *const observed_states[] = {
    [OBSERVED_OPEN] = "open",
    [OBSERVED_UNDETERMINED] = "undetermined",
    [OBSERVED_CLOSED] = "closed",
    [OBSERVED_FILTERED] = "filtered",
    [OBSERVED_UNREACHABLE] = "unreachable",
    [OBSERVED_NOT_PROBED] = "not-probed",
};

const char *observed_state_name(enum observed_state state)
{
    return NAME_OF(observed_states, state);
}

static const char *const observed_methods[] = {
    [METHOD_NONE] = "none",         [METHOD_INGRESS] = "ingress", [METHOD_CONNECT] = "connect",
    [METHOD_DATAGRAM] = "datagram", [METHOD_RAW] = "raw",         [METHOD_REMOTE] = "remote",
};

const char *observed_method_name(enum observed_method method)
{
    return NAME_OF(observed_methods, method);
}

static const char *const observed_evidences[] = {
    [EVIDENCE_NONE] = "none",
    [EVIDENCE_ANSWERED] = "answered",
    [EVIDENCE_DELIVERED] = "delivered",
    [EVIDENCE_DROPPED] = "dropped",
};

const char *observed_evidence_name(enum observed_evidence evidence)
{
    return NAME_OF(observed_evidences, evidence);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one message says of a queue, a filter, an IPsec policy or a netfilter hook. */
#include "netns/base/text.h"
#include "netns/decode/attribute.h"
#include "netns/read/program.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_hook.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <string.h>

/* Newer than Debian 12's headers: Linux 6.4. */
enum { HOOK_TYPE_BPF = 2, HOOK_BPF_ID = 1, HOOK_FIELDS = 16 };

/* ---- traffic control ---- */

enum message_is program_decode_queue(struct bytes payload, struct traffic_queue *ret_queue)
{
    struct bytes field[TCA_MAX + 1], kind;
    struct tcmsg header;

    if (!message_attributes(payload, sizeof(header), field, TCA_MAX + 1, NULL) || !field[TCA_KIND].data)
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    kind = field[TCA_KIND];
    *ret_queue = (struct traffic_queue){
        .interface = (uint32_t)header.tcm_ifindex, .handle = header.tcm_handle, .parent = header.tcm_parent};
    memcpy(ret_queue->kind, kind.data,
           kind.length < sizeof(ret_queue->kind) ? kind.length : sizeof(ret_queue->kind) - 1);
    return MESSAGE_ITEM;
}

static bool fill_bpf_filter(struct bytes options, struct arena *arena, struct program *program)
{
    struct bytes field[TCA_BPF_MAX + 1];

    if (!message_attributes(options, 0, field, TCA_BPF_MAX + 1, NULL))
        return false;
    program->id = attribute_u32(field[TCA_BPF_ID], 0);
    if (field[TCA_BPF_NAME].length > 1)
        program->name = text_utf8(arena, field[TCA_BPF_NAME].data, field[TCA_BPF_NAME].length - 1);
    return true;
}

/* The lower half of info is the protocol, the upper the preference. */
enum message_is program_decode_filter(struct bytes payload, struct arena *arena, struct program *ret_program)
{
    struct bytes field[TCA_MAX + 1];
    struct tcmsg header;
    bool is_text, whole = true;

    if (!message_attributes(payload, sizeof(header), field, TCA_MAX + 1, NULL) || !field[TCA_KIND].data)
        return MESSAGE_MALFORMED;
    if (!field[TCA_OPTIONS].data)
        return MESSAGE_OTHER;
    memcpy(&header, payload.data, sizeof(header));
    *ret_program = (struct program){.kind = PROGRAM_TC, .interface = (uint32_t)header.tcm_ifindex};
    ret_program->name = decode_name(arena, field[TCA_KIND], &is_text);
    ret_program->detail = arena_printf(arena, "%s filter, preference %u, chain %u", ret_program->name,
                                       header.tcm_info >> 16, attribute_u32(field[TCA_CHAIN], 0));
    if (text_equal(ret_program->name, "bpf"))
        whole = fill_bpf_filter(field[TCA_OPTIONS], arena, ret_program);
    return whole ? MESSAGE_ITEM : MESSAGE_MALFORMED;
}

/* ---- IPsec policies ---- */

static const char *selector_text(struct arena *arena, enum ip_family family, const xfrm_address_t *address,
                                 uint8_t length)
{
    struct prefix prefix = {.address = address_from_bytes(address, family == FAMILY_IP4 ? 4 : 16),
                            .length = length};

    return arena_strdup(arena, PREFIX_TEXT(prefix));
}

static const char *policy_text(struct arena *arena, const struct xfrm_userpolicy_info *policy,
                               enum ip_family family)
{
    static const char *const directions[] = {"in", "out", "forward"};
    const char *action = policy->action == XFRM_POLICY_BLOCK ? "block" : "allow";

    if (family == FAMILY_NONE)
        return arena_printf(arena, "policy %s, %s", directions[policy->dir], action);
    return arena_printf(arena, "policy %s, %s, from %s to %s", directions[policy->dir], action,
                        selector_text(arena, family, &policy->sel.saddr, policy->sel.prefixlen_s),
                        selector_text(arena, family, &policy->sel.daddr, policy->sel.prefixlen_d));
}

enum message_is program_decode_policy(struct bytes payload, struct arena *arena, struct program *ret_program)
{
    struct xfrm_userpolicy_info policy;

    if (payload.length < sizeof(policy))
        return MESSAGE_MALFORMED;
    memcpy(&policy, payload.data, sizeof(policy));
    if (policy.dir > XFRM_POLICY_FWD)
        return MESSAGE_OTHER;
    *ret_program = (struct program){.kind = PROGRAM_XFRM,
                                    .egress = policy.dir == XFRM_POLICY_OUT,
                                    .family = family_from_af(policy.sel.family),
                                    .interface = (uint32_t)policy.sel.ifindex};
    ret_program->detail = policy_text(arena, &policy, ret_program->family);
    return MESSAGE_ITEM;
}

/* ---- netfilter hooks ---- */

static enum ip_family hook_family(uint8_t family)
{
    if (family == NFPROTO_IPV4)
        return FAMILY_IP4;
    return family == NFPROTO_IPV6 ? FAMILY_IP6 : FAMILY_NONE;
}

enum message_is program_decode_hook(struct bytes payload, struct program *ret_program)
{
    struct bytes field[HOOK_FIELDS], chain[HOOK_FIELDS], program[HOOK_FIELDS];
    struct nfgenmsg header;
    uint32_t type = 0, hook = 0, priority = 0, id = 0;

    if (!message_attributes(payload, sizeof(header), field, HOOK_FIELDS, NULL) ||
        !message_attributes(field[NFNLA_HOOK_CHAIN_INFO], 0, chain, HOOK_FIELDS, NULL))
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    if (!decode_u32(chain[NFNLA_HOOK_INFO_TYPE], &type) || type != HOOK_TYPE_BPF)
        return MESSAGE_OTHER;
    if (!message_attributes(chain[NFNLA_HOOK_INFO_DESC], 0, program, HOOK_FIELDS, NULL) ||
        !decode_u32(field[NFNLA_HOOK_HOOKNUM], &hook) || !decode_u32(field[NFNLA_HOOK_PRIORITY], &priority))
        return MESSAGE_MALFORMED;
    (void)decode_u32(program[HOOK_BPF_ID], &id);
    *ret_program = (struct program){.kind = PROGRAM_NETFILTER,
                                    .id = id,
                                    .family = hook_family(header.nfgen_family),
                                    .hook = hook,
                                    .priority = (int32_t)priority};
    return MESSAGE_ITEM;
}

/* ---- texts of procfs ---- */

bool program_policies_decided(const char *text)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        char name[32];
        unsigned long long count;
        line += *line == '\n';
        if (sscanf(line, "%31s %llu", name, &count) == 2 && count &&
            (strstr(name, "Pol") || strstr(name, "Tmpl") || text_starts(name, "XfrmOut") ||
             text_starts(name, "XfrmFwd")))
            return true;
    }
    return false;
}

size_t program_count_ipvs(const char *text)
{
    static const char *const words[] = {"TCP ", "UDP ", "SCTP ", "FWM "};
    size_t count = 0;

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            count += text_starts(line, words[i]);
    }
    return count;
}

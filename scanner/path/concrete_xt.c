/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Matches and targets of xtables, as nft_compat runs them. */
#include "scanner/path/concrete_walk.h"

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CT.h>

static enum truth truth_of(bool yes)
{
    return yes ? TRUTH_YES : TRUTH_NO;
}

static bool in_range(struct xt_port_range range, uint16_t port)
{
    return port >= range.first && port <= range.last;
}

/* ---- ports ---- */

static bool ports_all(struct xt_port_range range)
{
    return range.first == 0 && range.last == UINT16_MAX;
}

static enum truth ports_match(const struct walk *walk, const struct nft_xt *xt)
{
    const struct xt_ports *ports = &xt->ports;
    bool tcp = walk->packet->protocol == PROTOCOL_TCP;
    if (tcp != (xt->kind == XT_TCP))
        return TRUTH_NO;
    if (in_range(ports->destination, walk->at.destination_port) == ports->invert_destination)
        return TRUTH_NO;
    bool flags = (0x02 & ports->flag_mask) == ports->flag_compare; /* a SYN */
    if (tcp && flags == ports->invert_flags)
        return TRUTH_NO;
    if (!walk->at.source_port_known && !ports_all(ports->source))
        return TRUTH_UNKNOWN;
    if (in_range(ports->source, walk->at.source_port) == ports->invert_source)
        return TRUTH_NO;
    return tcp && ports->option ? TRUTH_UNKNOWN : TRUTH_YES;
}

static bool port_listed(const struct xt_multiple_ports *multiport, uint16_t port)
{
    list_each(const struct xt_port_range, range, &multiport->ports)
        if (in_range(*range, port))
            return true;
    return false;
}

static enum truth multiport_matches(const struct walk *walk, const struct xt_multiple_ports *multiport)
{
    bool destination =
        multiport->side != XT_PORTS_SOURCE && port_listed(multiport, walk->at.destination_port);
    bool source = multiport->side != XT_PORTS_DESTINATION && port_listed(multiport, walk->at.source_port);
    if (multiport->side != XT_PORTS_DESTINATION && !walk->at.source_port_known && !destination)
        return TRUTH_UNKNOWN;
    return truth_of((destination || source) != multiport->invert);
}

/* ---- conntrack (xt_conntrack.c, conntrack_mt) ---- */

struct conntrack_question {
    const struct xt_conntrack *xt;
    bool failed;
};

/* One thing that `match` names: holds as it is, or inverted. */
static void conntrack_test(struct conntrack_question *question, uint32_t flag, bool holds)
{
    if ((question->xt->match & flag) && holds == !!(question->xt->invert & flag))
        question->failed = true;
}

static uint32_t conntrack_states(const struct connection_state *connection)
{
    uint32_t states = 0;
    switch (connection->tracking) {
    case TRACKING_NONE:
        return XT_STATE_INVALID;
    case TRACKING_OFF:
        return XT_STATE_UNTRACKED;
    case TRACKING_NEW:
        states = XT_STATE_NEW;
        break;
    }
    if (connection->status & 16) /* IPS_SRC_NAT */
        states |= XT_STATE_SNAT;
    if (connection->status & 32) /* IPS_DST_NAT */
        states |= XT_STATE_DNAT;
    return states;
}

static bool masked_equal(struct address address, struct address value, struct address mask)
{
    return ((address.value ^ value.value) & mask.value) == 0;
}

static void conntrack_addresses(const struct walk *walk, struct conntrack_question *question)
{
    const struct xt_conntrack_addresses *wanted = question->xt->addresses;
    const struct connection_state *connection = &walk->at.connection;
    if (!wanted)
        return;
    conntrack_test(
        question, XT_CT_ORIGINAL_SOURCE,
        masked_equal(connection->original_source, wanted->original_source, wanted->original_source_mask));
    conntrack_test(question, XT_CT_ORIGINAL_DESTINATION,
                   masked_equal(connection->original_destination, wanted->original_destination,
                                wanted->original_destination_mask));
    conntrack_test(question, XT_CT_REPLY_SOURCE,
                   masked_equal(walk->at.destination, wanted->reply_source, wanted->reply_source_mask));
    conntrack_test(question, XT_CT_REPLY_DESTINATION,
                   masked_equal(walk->at.source, wanted->reply_destination, wanted->reply_destination_mask));
}

static void conntrack_ports(const struct walk *walk, struct conntrack_question *question)
{
    const struct connection_state *connection = &walk->at.connection;
    const struct xt_conntrack *xt = question->xt;
    conntrack_test(question, XT_CT_ORIGINAL_SOURCE_PORT,
                   in_range(xt->original_source_port, connection->original_source_port));
    conntrack_test(question, XT_CT_ORIGINAL_DESTINATION_PORT,
                   in_range(xt->original_destination_port, connection->original_destination_port));
    conntrack_test(question, XT_CT_REPLY_SOURCE_PORT,
                   in_range(xt->reply_source_port, walk->at.destination_port));
    conntrack_test(question, XT_CT_REPLY_DESTINATION_PORT,
                   in_range(xt->reply_destination_port, walk->at.source_port));
}

static enum truth conntrack_matches(struct walk *walk, const struct xt_conntrack *xt)
{
    struct conntrack_question question = {.xt = xt};
    const struct connection_state *connection = &walk->at.connection;
    conntrack_test(&question, XT_CT_STATE, (xt->states & conntrack_states(connection)) != 0);
    if (question.failed)
        return TRUTH_NO;
    if (connection->tracking != TRACKING_NEW)
        return truth_of(xt->match & XT_CT_STATE);
    conntrack_test(&question, XT_CT_DIRECTION, true);
    conntrack_test(&question, XT_CT_PROTOCOL, xt->protocol == walk->packet->protocol);
    conntrack_test(&question, XT_CT_STATUS, (xt->status & connection->status) != 0);
    conntrack_addresses(walk, &question);
    conntrack_ports(walk, &question);
    if (question.failed)
        return TRUTH_NO;
    bool random_port = (xt->match & XT_CT_REPLY_DESTINATION_PORT) && !walk->at.source_port_known;
    return (xt->match & XT_CT_EXPIRES) || random_port ? TRUTH_UNKNOWN : TRUTH_YES;
}

/* ---- addrtype, mark ---- */

static bool addrtype_match(struct rule_context *context, const struct xt_addrtype *xt)
{
    struct walk *walk = context->walk;
    const struct link *device = xt->limit_in ? walk->at.in : xt->limit_out ? walk->at.out : NULL;
    if (xt->source && addrtype_matches(walk, walk->at.source, xt->source, device) == xt->invert_source)
        return false;
    return !xt->destination ||
           addrtype_matches(walk, walk->at.destination, xt->destination, device) != xt->invert_destination;
}

static enum truth mark_matches(struct word mark, const struct xt_mark *xt)
{
    if ((mark.value ^ xt->value) & xt->mask & mark.known || (xt->value & ~xt->mask))
        return truth_of(xt->invert);
    return (xt->mask & ~mark.known) ? TRUTH_UNKNOWN : truth_of(!xt->invert);
}

/* recent_mt(): taking the source in always succeeds; whether it was seen before, nobody here knows. */
static enum truth recent_matches(struct walk *walk, const struct xt_recent *recent)
{
    walk->outcome->stateful = true;
    return recent->flags & XT_RECENT_ACTION_SET ? truth_of(!recent->invert) : TRUTH_UNKNOWN;
}

enum truth xt_matches(struct rule_context *context, const struct nft_xt *xt)
{
    struct walk *walk = context->walk;
    switch (xt->kind) {
    case XT_COMMENT:
        return TRUTH_YES;
    case XT_ADDRTYPE:
        return truth_of(addrtype_match(context, &xt->addrtype));
    case XT_CONNTRACK:
        return conntrack_matches(walk, &xt->conntrack);
    case XT_TCP:
    case XT_UDP:
        return ports_match(walk, xt);
    case XT_MULTIPORT:
        return multiport_matches(walk, &xt->multiport);
    case XT_MARK:
        return mark_matches(walk->at.mark, &xt->mark);
    case XT_ICMP:
        return TRUTH_NO; /* never the first packet of a connection to a port */
    case XT_ROUTING_HEADER:
        return TRUTH_NO; /* rt_mt6(): no such header, no match, whatever is inverted */
    case XT_RECENT:
        return recent_matches(walk, &xt->recent);
    default:
        return TRUTH_UNKNOWN;
    }
}

/* ---- targets ---- */

static struct nft_verdict verdict(int32_t code)
{
    return (struct nft_verdict){.code = code};
}

static struct mapping mapping_of(const struct xt_nat *nat)
{
    struct mapping mapping = {.flags = nat->flags};
    if (nat->flags & NF_NAT_RANGE_MAP_IPS) {
        mapping.address_min = nat->address_min;
        mapping.address_max = nat->address_max;
    }
    if (nat->flags & NF_NAT_RANGE_PROTO_SPECIFIED) {
        mapping.has_port = true;
        mapping.port_min = nat->port_min;
        mapping.port_max = nat->port_max;
        mapping.port_base = nat->port_base;
    }
    return mapping;
}

static struct nft_verdict nat_target(struct rule_context *context, const struct nft_xt *xt)
{
    struct mapping mapping = mapping_of(&xt->nat);
    mapping.source = xt->kind == XT_SNAT;
    return mapping_set(context, &mapping);
}

static struct nft_verdict reject_target(struct walk *walk, const struct nft_reject *reject)
{
    if (reject->type != 1)
        walk_icmp(walk, walk->packet->family == FAMILY_IP6 ? 1 : 3, (uint8_t)reject->code);
    else if (walk->packet->protocol == PROTOCOL_TCP)
        walk->outcome->answer = ANSWER_TCP_RESET;
    return verdict(VERDICT_DROP);
}

static void mark_target(struct rule_context *context, const struct xt_set_mark *xt)
{
    struct word *mark = &context->walk->at.mark;
    mark->value = (mark->value & ~xt->mask) ^ xt->value;
    mark->known |= xt->mask;
    rule_step(context, arena_printf(context->walk->arena, "mark set 0x%x", mark->value));
}

/* CT: with NOTRACK before the connection is looked up; zones, helpers and timeouts do not stop a packet. */
static void ct_target(struct rule_context *context, const struct xt_ct *ct)
{
    struct walk *walk = context->walk;
    if (walk->at.connection.tracking != TRACKING_NONE)
        return;
    if (ct->flags & XT_CT_NOTRACK)
        notrack_set(context);
    else if (ct->zone)
        walk_undetermined(walk, REASON_UNMODELLED_TARGET, "CT zone", "a conntrack zone");
}

struct nft_verdict xt_target(struct rule_context *context, const struct nft_xt *xt)
{
    struct walk *walk = context->walk;
    switch (xt->kind) {
    case XT_LOG:
    case XT_NFLOG:
    case XT_COMMENT:
        return verdict(VERDICT_CONTINUE);
    case XT_DNAT:
    case XT_SNAT:
        return nat_target(context, xt);
    case XT_MASQUERADE:
        return masquerade_set(context, mapping_of(&xt->nat));
    case XT_REDIRECT:
        return redirect_set(context, mapping_of(&xt->nat));
    case XT_REJECT:
        return reject_target(walk, &xt->reject);
    case XT_SET_MARK:
        mark_target(context, &xt->set_mark);
        return verdict(VERDICT_CONTINUE);
    case XT_CT:
        ct_target(context, &xt->ct);
        return verdict(VERDICT_CONTINUE);
    default:
        walk_undetermined(walk, REASON_UNMODELLED_TARGET, xt->name, "a target that is not modelled");
        return verdict(VERDICT_DROP);
    }
}

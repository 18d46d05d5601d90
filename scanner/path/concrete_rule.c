/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One rule: its expressions from left to right, until one leaves it or gives a verdict. */
#include "scanner/path/concrete_walk.h"

#include <linux/netfilter/nf_tables.h>

#define EXTHDR_OP_TCPOPT 1u /* NFT_EXTHDR_OP_TCPOPT */

const char *rule_subject(const struct rule_context *context)
{
    const char *family = nft_family_name(context->table->family);
    if (!context->rule)
        return arena_printf(context->walk->arena, "%s %s %s", family, context->table->name,
                            context->chain->name);
    return arena_printf(context->walk->arena, "%s %s %s handle %llu", family, context->table->name,
                        context->chain->name, (unsigned long long)context->rule->handle);
}

static struct nft_verdict verdict(int32_t code)
{
    return (struct nft_verdict){.code = code};
}

/* ---- does it matter whether the rest of the rule runs? ---- */

static bool target_has_effect(const struct nft_xt *xt)
{
    return xt->kind != XT_LOG && xt->kind != XT_NFLOG && xt->kind != XT_COMMENT;
}

static bool expression_has_effect(const struct nft_expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_IMMEDIATE:
        return expression->immediate.data.is_verdict;
    case EXPRESSION_META:
        return expression->meta.write && expression->meta.key != NFT_META_NFTRACE &&
               expression->meta.key != NFT_META_PRIORITY;
    case EXPRESSION_CT:
        return expression->ct.write;
    case EXPRESSION_PAYLOAD:
        return expression->payload.write;
    case EXPRESSION_LOOKUP: /* of a verdict map: into the verdict register */
        return expression->lookup.has_dreg && expression->lookup.dreg == 0;
    case EXPRESSION_TARGET:
        return target_has_effect(&expression->xt);
    case EXPRESSION_UNKNOWN:
    case EXPRESSION_NAT:
    case EXPRESSION_MASQ:
    case EXPRESSION_REDIR:
    case EXPRESSION_REJECT:
    case EXPRESSION_NOTRACK:
    case EXPRESSION_TPROXY:
    case EXPRESSION_QUEUE:
    case EXPRESSION_SYNPROXY:
    case EXPRESSION_FWD:
        return true;
    default:
        return expression->unknown_attribute;
    }
}

static bool rest_has_effect(const struct rule_context *context, const struct nft_expression *expression)
{
    const struct nft_expression *end = context->rule->expressions.items + context->rule->expressions.count;
    for (const struct nft_expression *next = expression + 1; next < end; next++)
        if (next->unknown_attribute || expression_has_effect(next))
            return true;
    return false;
}

/* ---- expressions of which both ways are possible ---- */

static int32_t perhaps(struct rule_context *context, const struct nft_expression *expression,
                       const char *code)
{
    if (!rest_has_effect(context, expression))
        return VERDICT_BREAK;
    const char *subject = expression->kind == EXPRESSION_MATCH ? expression->xt.name : expression->name;
    return walk_choose(context->walk, 2, code, subject) ? VERDICT_BREAK : VERDICT_CONTINUE;
}

/* A value that is not modelled: whatever is compared with it goes both ways. */
static int32_t load_unknown(struct rule_context *context, const struct nft_expression *expression,
                            const char *code)
{
    register_put_unknown(context, expression->other.dreg, 4, code, expression->name);
    return VERDICT_CONTINUE;
}

/* A probe has no extension headers, IP options or SCTP chunks; its TCP options are the sender's choice. */
static int32_t exthdr_run(struct rule_context *context, const struct nft_expression *expression)
{
    const struct nft_exthdr *exthdr = &expression->exthdr;
    bool present = exthdr->other.flags & NFT_EXTHDR_F_PRESENT;
    if (exthdr->op == EXTHDR_OP_TCPOPT && context->walk->packet->protocol == PROTOCOL_TCP) {
        if (exthdr->write)
            return perhaps(context, expression, REASON_PACKET_FIELD);
        return load_unknown(context, expression, REASON_PACKET_FIELD);
    }
    if (!present || exthdr->write)
        return VERDICT_BREAK;
    register_put8(context, exthdr->other.dreg, 0);
    return VERDICT_CONTINUE;
}

/* Every value below the modulus is an alternative, where there are few. */
static int32_t number_run(struct rule_context *context, const struct nft_expression *expression)
{
    uint32_t modulus =
        expression->kind == EXPRESSION_NUMGEN ? expression->numgen.modulus : expression->hash.modulus;
    uint32_t offset =
        expression->kind == EXPRESSION_NUMGEN ? expression->numgen.offset : expression->hash.offset;
    if (modulus == 0 || modulus > 16)
        return load_unknown(context, expression, REASON_RANDOM);
    uint32_t value = walk_choose(context->walk, modulus, REASON_RANDOM, expression->name);
    register_put_word(context, expression->other.dreg,
                      (struct word){.value = value + offset, .known = UINT32_MAX});
    return VERDICT_CONTINUE;
}

/* Adding succeeds but for a full set; what hangs on it (limit, connlimit) may stop the rule. */
static int32_t dynset_run(struct rule_context *context, const struct nft_expression *expression)
{
    context->walk->outcome->stateful = true;
    if (expression->dynset.flags & NFT_DYNSET_F_INV)
        return perhaps(context, expression, REASON_STATEFUL_RULE);
    list_each(const struct nft_expression, inner, &expression->dynset.expressions)
        if (inner->kind != EXPRESSION_COUNTER && inner->kind != EXPRESSION_LAST)
            return perhaps(context, expression, REASON_RATE_LIMIT);
    return VERDICT_CONTINUE;
}

static int32_t object_run(struct rule_context *context, const struct nft_expression *expression)
{
    const struct nft_object *object = &expression->object;
    if (object->set && set_test(context, object->set, object->sreg) == VERDICT_BREAK)
        return VERDICT_BREAK;
    switch (object->type) {
    case NFT_OBJECT_COUNTER:
    case NFT_OBJECT_CT_HELPER:
    case NFT_OBJECT_CT_TIMEOUT:
    case NFT_OBJECT_CT_EXPECT:
    case NFT_OBJECT_SECMARK:
        return VERDICT_CONTINUE;
    case NFT_OBJECT_QUOTA:
    case NFT_OBJECT_LIMIT:
    case NFT_OBJECT_CONNLIMIT:
        context->walk->outcome->stateful = true;
        return perhaps(context, expression, REASON_RATE_LIMIT);
    default:
        walk_undetermined(context->walk, REASON_UNMODELLED_EXPRESSION, rule_subject(context),
                          "an object that is not modelled");
        return VERDICT_BREAK;
    }
}

/* nft_notrack_eval(): too late where there is a connection */
void notrack_set(struct rule_context *context)
{
    struct connection_state *connection = &context->walk->at.connection;
    if (connection->tracking != TRACKING_NONE)
        return;
    connection->tracking = TRACKING_OFF;
    rule_step(context, "notrack");
}

/* ---- xtables ---- */

static const char *doubt_of_match(const struct nft_xt *xt)
{
    switch (xt->kind) {
    case XT_HOP_LIMIT:
        return REASON_PACKET_FIELD;
    case XT_RECENT:
        return REASON_STATEFUL_RULE;
    default:
        return REASON_UNMODELLED_MATCH;
    }
}

static int32_t match_run(struct rule_context *context, const struct nft_expression *expression)
{
    switch (xt_matches(context, &expression->xt)) {
    case TRUTH_YES:
        return VERDICT_CONTINUE;
    case TRUTH_NO:
        return VERDICT_BREAK;
    case TRUTH_UNKNOWN:
        break;
    }
    return perhaps(context, expression, doubt_of_match(&expression->xt));
}

/* ---- NAT and reject ---- */

static struct address register_address(struct rule_context *context, uint32_t number)
{
    uint32_t length = context->walk->packet->family == FAMILY_IP4 ? 4 : 16;
    const uint8_t *known, *bytes = register_bytes(context, number, length, &known);
    if (bytes && all_known(known, length))
        return address_from_bytes(bytes, length);
    walk_undetermined(context->walk, REASON_UNMODELLED_NAT, rule_subject(context),
                      "an address that is not known");
    return (struct address){0};
}

static uint16_t register_port(struct rule_context *context, uint32_t number)
{
    const uint8_t *known, *bytes = register_bytes(context, number, 2, &known);
    if (bytes && all_known(known, 2))
        return (uint16_t)(bytes[0] << 8 | bytes[1]);
    walk_undetermined(context->walk, REASON_UNMODELLED_NAT, rule_subject(context),
                      "a port that is not known");
    return 0;
}

static struct mapping mapping_read(struct rule_context *context, const struct nft_nat *nat)
{
    struct mapping mapping = {.flags = nat->flags};
    if (nat->address_min) {
        mapping.address_min = register_address(context, nat->address_min);
        mapping.address_max =
            nat->address_max ? register_address(context, nat->address_max) : mapping.address_min;
    }
    if (nat->port_min) {
        mapping.has_port = true;
        mapping.port_min = register_port(context, nat->port_min);
        mapping.port_max = nat->port_max ? register_port(context, nat->port_max) : mapping.port_min;
    }
    return mapping;
}

static struct nft_verdict nat_run(struct rule_context *context, const struct nft_nat *nat)
{
    uint32_t family = context->walk->packet->family == FAMILY_IP4 ? NFT_FAMILY_IP : NFT_FAMILY_IP6;
    if (nat->family != family)
        return verdict(VERDICT_CONTINUE); /* nft_nat_inet_eval() */
    struct mapping mapping = mapping_read(context, nat);
    mapping.source = nat->type == NFT_NAT_SNAT;
    return walk_ended(context->walk) ? verdict(VERDICT_BREAK) : mapping_set(context, &mapping);
}

static const uint8_t icmpx_codes[][2] = {
    [NFT_REJECT_ICMPX_NO_ROUTE] = {0, 0},
    [NFT_REJECT_ICMPX_PORT_UNREACH] = {3, 4},
    [NFT_REJECT_ICMPX_HOST_UNREACH] = {1, 3},
    [NFT_REJECT_ICMPX_ADMIN_PROHIBITED] = {13, 1},
};

static struct nft_verdict reject_run(struct rule_context *context, const struct nft_reject *reject)
{
    struct walk *walk = context->walk;
    bool ip6 = walk->packet->family == FAMILY_IP6;
    uint32_t code = reject->code;
    if (reject->type == NFT_REJECT_TCP_RST) {
        if (walk->packet->protocol == PROTOCOL_TCP)
            walk->outcome->answer = ANSWER_TCP_RESET;
        return verdict(VERDICT_DROP);
    }
    if (reject->type == NFT_REJECT_ICMPX_UNREACH)
        code = code <= NFT_REJECT_ICMPX_MAX ? icmpx_codes[code][ip6] : 0;
    walk_icmp(walk, ip6 ? 1 : 3, (uint8_t)code);
    return verdict(VERDICT_DROP);
}

/* ---- the table of expressions ---- */

static struct nft_verdict unmodelled_run(struct rule_context *context,
                                         const struct nft_expression *expression)
{
    const char *code = REASON_UNMODELLED_EXPRESSION;
    if (expression->kind == EXPRESSION_UNKNOWN)
        code = REASON_UNKNOWN_EXPRESSION;
    if (expression->kind == EXPRESSION_QUEUE)
        code = REASON_NFQUEUE;
    walk_undetermined(context->walk, code, expression->name, "an expression that is not modelled");
    return verdict(VERDICT_BREAK);
}

/* Those that load a value or match, without effect on the packet. */
static int32_t plain_run(struct rule_context *context, const struct nft_expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_PAYLOAD:
        return payload_run(context, &expression->payload);
    case EXPRESSION_META:
        return meta_run(context, &expression->meta);
    case EXPRESSION_CT:
        return ct_run(context, &expression->ct);
    case EXPRESSION_FIB:
        return fib_run(context, &expression->fib);
    case EXPRESSION_CMP:
        return cmp_run(context, &expression->cmp);
    case EXPRESSION_RANGE:
        return range_run(context, &expression->range);
    case EXPRESSION_BITWISE:
        return bitwise_run(context, &expression->bitwise);
    case EXPRESSION_BYTEORDER:
        return byteorder_run(context, &expression->byteorder);
    case EXPRESSION_MATCH:
        return match_run(context, expression);
    case EXPRESSION_NOTRACK:
        notrack_set(context);
        return VERDICT_CONTINUE;
    case EXPRESSION_EXTHDR:
        return exthdr_run(context, expression);
    case EXPRESSION_NUMGEN:
    case EXPRESSION_HASH:
        return number_run(context, expression);
    case EXPRESSION_DYNSET:
        return dynset_run(context, expression);
    case EXPRESSION_OBJREF:
        return object_run(context, expression);
    case EXPRESSION_LIMIT:
    case EXPRESSION_QUOTA:
    case EXPRESSION_CONNLIMIT:
        context->walk->outcome->stateful |= expression->kind != EXPRESSION_LIMIT;
        return perhaps(context, expression, REASON_RATE_LIMIT);
    case EXPRESSION_FLOW_OFFLOAD:
        return VERDICT_BREAK; /* nft_flow_offload_eval(): not for a packet of a connection that is not
                                 confirmed */
    case EXPRESSION_SOCKET:
    case EXPRESSION_RT:
    case EXPRESSION_OSF:
    case EXPRESSION_XFRM:
    case EXPRESSION_TUNNEL:
    case EXPRESSION_INNER:
        return load_unknown(context, expression, REASON_UNMODELLED_EXPRESSION);
    default: /* counter, log, last, dup */
        return VERDICT_CONTINUE;
    }
}

static struct nft_verdict expression_run(struct rule_context *context,
                                         const struct nft_expression *expression)
{
    if (expression->unknown_attribute) {
        walk_undetermined(context->walk, REASON_UNKNOWN_EXPRESSION, expression->name,
                          "an expression with a part that is not known");
        return verdict(VERDICT_BREAK);
    }
    switch (expression->kind) {
    case EXPRESSION_UNKNOWN:
    case EXPRESSION_TPROXY:
    case EXPRESSION_QUEUE:
    case EXPRESSION_SYNPROXY:
    case EXPRESSION_FWD:
        return unmodelled_run(context, expression);
    case EXPRESSION_IMMEDIATE:
        return immediate_run(context, &expression->immediate);
    case EXPRESSION_LOOKUP:
        return lookup_run(context, &expression->lookup);
    case EXPRESSION_NAT:
        return nat_run(context, &expression->nat);
    case EXPRESSION_MASQ:
        return masquerade_set(context, mapping_read(context, &expression->nat));
    case EXPRESSION_REDIR:
        return redirect_set(context, mapping_read(context, &expression->nat));
    case EXPRESSION_REJECT:
        return reject_run(context, &expression->reject);
    case EXPRESSION_TARGET:
        return xt_target(context, &expression->xt);
    default:
        return verdict(plain_run(context, expression));
    }
}

struct nft_verdict rule_run(struct rule_context *context)
{
    const struct nft_rule *rule = context->rule;
    if (rule->undecodable || rule->unknown_attribute) {
        walk_undetermined(context->walk, REASON_UNDECODABLE_RULE, rule_subject(context),
                          "a rule that was not understood");
        return verdict(VERDICT_BREAK);
    }
    list_each(const struct nft_expression, expression, &rule->expressions) {
        struct nft_verdict result = expression_run(context, expression);
        if (walk_ended(context->walk))
            return verdict(VERDICT_BREAK);
        if (result.code != VERDICT_CONTINUE)
            return result;
    }
    return verdict(VERDICT_CONTINUE);
}

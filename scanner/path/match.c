/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/match.h"

#include "netns/base/text.h"

#include <linux/netfilter/nf_tables.h>

/* ---- verdicts ---- */
const char *rule_place(struct survey *survey, const struct hook_context *hook, const struct nft_chain *chain,
                       const struct nft_rule *rule)
{
    const struct nft_table *table = hook->base->table;
    return survey_text(survey, "%s %s %s handle %llu", nft_family_name(table->family), table->name,
                       chain->name, (unsigned long long)rule->handle);
}

struct trace *rule_trace(struct rule_walk *rule, struct fragment *fragment, enum effect_kind effect,
                         const char *text)
{
    const struct hook_context *hook = rule->hook;
    struct trace *trace = fragment_trace(fragment, rule_arena(rule), nft_hook_name(hook->hook), effect, text);
    const struct link *link = hook->in ? hook->in : hook->out;
    trace->interface = link ? link->name : NULL;
    trace->table = hook->base->table;
    trace->chain = rule->chain;
    trace->rule = rule->rule;
    return trace;
}

static void verdict_add(struct rule_walk *rule, struct fragment *fragment, int32_t code, const char *chain,
                        const struct nft_reject *reject)
{
    if (!fragment)
        return;
    struct verdict_item *item = list_append(rule->verdicts);
    *item = (struct verdict_item){fragment, code, chain, reject};
}

void rule_miss(struct rule_walk *rule, struct fragment *fragment)
{
    verdict_add(rule, fragment, VERDICT_CONTINUE, NULL, NULL);
}

void rule_miss_all(struct rule_walk *rule, struct fragment_list *fragments)
{
    for (size_t i = 0; i < fragments->count; i++)
        rule_miss(rule, fragments->items[i]);
    list_free(fragments);
}

static void rule_drop(struct rule_walk *rule, struct fragment *fragment, const struct nft_reject *reject)
{
    rule_trace(rule, fragment, reject ? EFFECT_REJECT : EFFECT_DROP, NULL);
    verdict_add(rule, fragment, VERDICT_DROP, NULL, reject);
}

/* What accepts in the hooks that filters stand in counts for more than what lets pass before or behind them.
 */
static int acceptance_rank(const struct hook_context *hook)
{
    if (hook->base->nat)
        return 0;
    return hook->hook == HOOK_INPUT || hook->hook == HOOK_FORWARD ? 4 : 1;
}

static void rule_accept(struct rule_walk *rule, struct fragment *fragment)
{
    const struct trace *trace = rule_trace(rule, fragment, EFFECT_ACCEPT, NULL);
    int rank = acceptance_rank(rule->hook);
    if (rank > 0 && rank >= fragment->acceptance_rank) {
        fragment->acceptance = trace;
        fragment->acceptance_rank = rank;
    }
    verdict_add(rule, fragment, VERDICT_ACCEPT, NULL, NULL);
}

void rule_verdict(struct rule_walk *rule, struct fragment *fragment, int32_t code, const char *chain)
{
    switch (code) {
    case VERDICT_ACCEPT:
        rule_accept(rule, fragment);
        break;
    case VERDICT_DROP:
        rule_drop(rule, fragment, NULL);
        break;
    case VERDICT_JUMP:
    case VERDICT_GOTO:
        rule_trace(rule, fragment, code == VERDICT_JUMP ? EFFECT_JUMP : EFFECT_GOTO, chain);
        verdict_add(rule, fragment, code, chain, NULL);
        break;
    case VERDICT_RETURN:
        rule_trace(rule, fragment, EFFECT_RETURN, NULL);
        verdict_add(rule, fragment, code, NULL, NULL);
        break;
    case VERDICT_CONTINUE:
    case VERDICT_BREAK:
        rule_miss(rule, fragment);
        break;
    default: /* NF_QUEUE and what else the kernel may come to know */
        fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_NFQUEUE,
                       rule_place(rule->hook->survey, rule->hook, rule->chain, rule->rule),
                       "a verdict that user space gives");
        rule_miss(rule, fragment);
    }
}

/* ---- doubts ---- */
static const char *this_place(struct rule_walk *rule)
{
    return rule_place(rule->hook->survey, rule->hook, rule->chain, rule->rule);
}

void fragment_fork(struct rule_walk *rule, struct fragment *fragment, const char *code, const char *subject,
                   const char *message, struct fragment_list *ret_out)
{
    fragment_doubt(fragment, rule_arena(rule), code, subject, message);
    fragment_list_add(ret_out, fragment_copy(fragment));
}

/* An expression that is not looked into, and may match or not. */
static void rule_perhaps(struct rule_walk *rule, struct fragment *fragment, const char *code,
                         const char *subject, const char *message)
{
    struct fragment_list out = {0};
    fragment_fork(rule, fragment, code, subject, message, &out);
    rule_miss_all(rule, &out);
}

/* ---- tests ---- */
static void doubt_both(struct rule_walk *rule, struct fragment *fragment, enum doubt_word doubt,
                       struct fragment_list *ret_in, struct fragment_list *ret_out)
{
    if (!fragment)
        return;
    if (doubt != DOUBT_NONE) {
        const struct doubt_text *text = &doubt_words[doubt];
        fragment_fork(rule, fragment, text->code, text->subject, text->message, ret_out);
    }
    fragment_list_add(ret_in, fragment);
}

void test_cut(struct rule_walk *rule, struct fragment *fragment, struct test *test,
              struct fragment_list *ret_in, struct fragment_list *ret_out)
{
    if (test->never) {
        fragment_list_add(ret_out, fragment);
        test_free(test);
        return;
    }
    struct fragment *inside = fragment, *outside;
    if (test->limits_sources) {
        fragment_split_sources(inside, &test->sources, &inside, &outside);
        fragment_list_add(ret_out, outside);
    }
    if (inside && test->limits_ports) {
        fragment_split_ports(inside, &test->ports, &inside, &outside);
        fragment_list_add(ret_out, outside);
    }
    doubt_both(rule, inside, test->doubt, ret_in, ret_out);
    test_free(test);
}

/* Cuts, lets what passes (or with `invert` what does not) go on, and the rest miss. */
static void test_run(struct rule_walk *rule, struct fragment *fragment, struct test *test, bool invert,
                     const struct registers *registers, size_t index)
{
    struct fragment_list in = {0}, out = {0};
    test_cut(rule, fragment, test, &in, &out);
    rule_miss_all(rule, invert ? &in : &out);
    rule_continue_all(rule, invert ? &out : &in, registers, index);
}

/* ---- cmp and range ---- */
typedef void expression_function(struct rule_walk *rule, const struct nft_expression *expression,
                                 struct fragment *fragment, struct registers *registers, size_t index);

static void rule_unknown(struct rule_walk *rule, struct fragment *fragment, const char *name,
                         struct registers *registers, size_t index);

/* Registers hold network order, so that memcmp's order is that of the numbers. */
static void cmp_run(struct rule_walk *rule, const struct nft_expression *expression,
                    struct fragment *fragment, struct registers *registers, size_t index)
{
    const struct nft_cmp *cmp = &expression->cmp;
    const uint8_t *bytes = cmp->data.value.data;
    uint32_t length = (uint32_t)cmp->data.value.length, at;
    unsigned bits = family_bits(rule->hook->family);
    if (cmp->op > NFT_CMP_GTE || !register_range(cmp->sreg, length, &at)) {
        rule_unknown(rule, fragment, expression->name, registers, index);
        return;
    }
    struct test test;
    if (cmp->op == NFT_CMP_EQ || cmp->op == NFT_CMP_NEQ)
        test = test_equal(registers, at, bytes, length, bits);
    else if (cmp->op == NFT_CMP_LT || cmp->op == NFT_CMP_GTE)
        test = test_range(registers, at, bytes, NULL, length, bits);
    else
        test = test_range(registers, at, NULL, bytes, length, bits);
    bool invert = cmp->op == NFT_CMP_NEQ || cmp->op == NFT_CMP_LT || cmp->op == NFT_CMP_GT;
    test_run(rule, fragment, &test, invert, registers, index);
}

static void range_run(struct rule_walk *rule, const struct nft_expression *expression,
                      struct fragment *fragment, struct registers *registers, size_t index)
{
    const struct nft_range *range = &expression->range;
    uint32_t length = (uint32_t)range->from.value.length, at;
    if (range->op > NFT_RANGE_NEQ || range->to.value.length != length ||
        !register_range(range->sreg, length, &at)) {
        rule_unknown(rule, fragment, expression->name, registers, index);
        return;
    }
    struct test test = test_range(registers, at, range->from.value.data, range->to.value.data, length,
                                  family_bits(rule->hook->family));
    test_run(rule, fragment, &test, range->op == NFT_RANGE_NEQ, registers, index);
}

/* ---- bitwise and byteorder ---- */
static bool operand(const struct nft_data *data, uint32_t length)
{
    return !data->is_verdict && data->value.length >= length;
}

static void bitwise_mask(const struct nft_bitwise *bitwise, struct register_byte *bytes)
{
    for (uint32_t i = 0; i < bitwise->length; i++) {
        uint8_t mask = bitwise->mask.value.data[i], flip = bitwise->xor.value.data[i];
        bytes[i].mask &= mask;
        bytes[i].unknown &= mask;
        bytes[i].flip = (uint8_t)((bytes[i].flip & mask) ^ flip);
        if (bytes[i].unknown)
            bytes[i].flip &= (uint8_t)~bytes[i].unknown;
    }
}

/* AND, OR, XOR of two bytes, of which one is a constant. False: none is. */
static bool byte_combine(uint32_t op, struct register_byte *a, struct register_byte b)
{
    if (b.mask != 0 || b.unknown != 0) {
        struct register_byte other = *a;
        *a = b;
        b = other;
    }
    if (b.mask != 0 || b.unknown != 0)
        return false;
    uint8_t keep = op == 3 ? b.flip : op == 4 ? (uint8_t)~b.flip : 0xff;
    uint8_t flip = op == 3 ? 0 : b.flip;
    a->mask &= keep;
    a->unknown &= keep;
    a->flip = (uint8_t)(((a->flip & keep) ^ flip) & ~a->unknown);
    return true;
}

static bool bitwise_combine(const struct nft_bitwise *bitwise, const struct registers *registers,
                            struct register_byte *bytes)
{
    uint32_t second = 0;
    bool two = bitwise->sreg2 != 0;
    if (two ? !register_range(bitwise->sreg2, bitwise->length, &second)
            : !operand(&bitwise->data, bitwise->length))
        return false;
    for (uint32_t i = 0; i < bitwise->length; i++) {
        struct register_byte other =
            two ? registers->bytes[second + i] : byte_constant(bitwise->data.value.data[i]);
        if (!byte_combine(bitwise->op, &bytes[i], other))
            bytes[i] = byte_unknown(DOUBT_ARITHMETIC);
    }
    return true;
}

/* nft_bitwise_eval_lshift and _rshift: over 32-bit words in the machine's order, carrying from word to word.
 */
static bool bitwise_shift(struct rule_walk *rule, const struct nft_bitwise *bitwise,
                          struct register_byte *bytes)
{
    if (bitwise->data.value.length != 4 || bitwise->length % 4 != 0)
        return false;
    struct registers given = {0}, amount = {0};
    memcpy(given.bytes, bytes, bitwise->length * sizeof(*bytes));
    registers_constant(&amount, 0, bitwise->data.value.data, 4);
    uint32_t shift = registers_word(rule->hook, &amount, 0).value, words = bitwise->length / 4, carry = 0;
    if (shift == 0 || shift >= 32)
        return false;
    for (uint32_t n = 0; n < words; n++) {
        uint32_t i = bitwise->op == 1 ? words - 1 - n : n;
        struct bits word = registers_word(rule->hook, &given, 4 * i);
        if (word.known != UINT32_MAX)
            return false;
        uint32_t value = (bitwise->op == 1 ? word.value << shift : word.value >> shift) | carry;
        carry = bitwise->op == 1 ? word.value >> (32 - shift) : word.value << (32 - shift);
        uint8_t stored[4];
        word_store(rule->hook, value, stored);
        for (uint32_t j = 0; j < 4; j++)
            bytes[4 * i + j] = byte_constant(stored[j]);
    }
    return true;
}

static void bitwise_run(struct rule_walk *rule, const struct nft_expression *expression,
                        struct fragment *fragment, struct registers *registers, size_t index)
{
    const struct nft_bitwise *bitwise = &expression->bitwise;
    struct register_byte bytes[REGISTER_BYTES];
    uint32_t from, to;
    if (!register_range(bitwise->sreg, bitwise->length, &from) ||
        !register_range(bitwise->dreg, bitwise->length, &to) || bitwise->op > 5 ||
        (bitwise->op == 0 &&
         (!operand(&bitwise->mask, bitwise->length) || !operand(&bitwise->xor, bitwise->length)))) {
        rule_unknown(rule, fragment, expression->name, registers, index);
        return;
    }
    memcpy(bytes, &registers->bytes[from], bitwise->length * sizeof(*bytes));
    bool done = true;
    if (bitwise->op == 0)
        bitwise_mask(bitwise, bytes);
    else if (bitwise->op <= 2)
        done = bitwise_shift(rule, bitwise, bytes);
    else
        done = bitwise_combine(bitwise, registers, bytes);
    if (done)
        registers_bytes(registers, to, bytes, bitwise->length);
    else
        registers_unknown(registers, to, bitwise->length, DOUBT_ARITHMETIC);
    rule_continue(rule, fragment, registers, index);
}

/* Both directions swap the same bytes, and none on a big-endian machine. */
static void byteorder_run(struct rule_walk *rule, const struct nft_expression *expression,
                          struct fragment *fragment, struct registers *registers, size_t index)
{
    const struct nft_byteorder *order = &expression->byteorder;
    struct register_byte bytes[REGISTER_BYTES];
    uint32_t from, to;
    bool sized = order->size == 2 || order->size == 4 || order->size == 8;
    if (!register_range(order->sreg, order->length, &from) ||
        !register_range(order->dreg, order->length, &to) || !sized) {
        rule_unknown(rule, fragment, expression->name, registers, index);
        return;
    }
    bool big = rule->hook->survey->world->snapshot->big_endian;
    for (uint32_t i = 0; i < order->length; i++) {
        uint32_t swapped = i / order->size * order->size + (order->size - 1 - i % order->size);
        bytes[i] = registers->bytes[from + (big || swapped >= order->length ? i : swapped)];
    }
    registers_bytes(registers, to, bytes, order->length);
    rule_continue(rule, fragment, registers, index);
}

/* ---- loads and what gives a verdict ---- */
static void load_run(struct rule_walk *rule, bool loaded, struct fragment *fragment,
                     struct registers *registers, size_t index)
{
    if (loaded)
        rule_continue(rule, fragment, registers, index);
    else
        rule_miss(rule, fragment);
}

void mark_set(struct rule_walk *rule, struct fragment *fragment, struct bits *mark, struct bits value,
              enum effect_kind effect)
{
    *mark = value;
    struct trace *trace = rule_trace(rule, fragment, effect, NULL);
    trace->number = value.value & value.known;
}

/* The type of service is the sender's choice anyway; what else a rule writes is not followed. */
static void payload_write(struct rule_walk *rule, const struct nft_payload *payload,
                          struct fragment *fragment)
{
    uint32_t harmless = rule->hook->family == FAMILY_IP4 ? 2 : 4;
    if (payload->base != NFT_PAYLOAD_NETWORK_HEADER || payload->offset + payload->length > harmless)
        fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_UNMODELLED_EXPRESSION, "payload set",
                       "a rule writes into the packet");
}

static void payload_run(struct rule_walk *rule, const struct nft_expression *expression,
                        struct fragment *fragment, struct registers *registers, size_t index)
{
    if (expression->payload.write) {
        payload_write(rule, &expression->payload, fragment);
        rule_continue(rule, fragment, registers, index);
        return;
    }
    load_run(rule, load_payload(rule->hook, fragment, &expression->payload, registers), fragment, registers,
             index);
}

static void meta_run(struct rule_walk *rule, const struct nft_expression *expression,
                     struct fragment *fragment, struct registers *registers, size_t index)
{
    const struct nft_meta *meta = &expression->meta;
    uint32_t at;
    if (!meta->write) {
        load_run(rule, load_meta(rule->hook, fragment, meta, registers), fragment, registers, index);
        return;
    }
    if (meta->key == NFT_META_MARK && register_range(meta->sreg, 4, &at))
        mark_set(rule, fragment, &fragment->mark, registers_word(rule->hook, registers, at), EFFECT_MARK);
    else if (meta->key != NFT_META_PRIORITY && meta->key != NFT_META_NFTRACE && meta->key != NFT_META_SECMARK)
        fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_UNMODELLED_KEY, "meta set",
                       "a rule sets a property of the packet that is not modelled");
    rule_continue(rule, fragment, registers, index);
}

static void ct_run(struct rule_walk *rule, const struct nft_expression *expression, struct fragment *fragment,
                   struct registers *registers, size_t index)
{
    const struct nft_ct *ct = &expression->ct;
    uint32_t at;
    if (!ct->write) {
        load_run(rule, load_ct(rule->hook, fragment, ct, registers), fragment, registers, index);
        return;
    }
    if (ct->key == NFT_CT_MARK && register_range(ct->sreg, 4, &at)) {
        if (fragment->tracked && !fragment->untracked)
            mark_set(rule, fragment, &fragment->connection_mark, registers_word(rule->hook, registers, at),
                     EFFECT_CT_MARK);
    } else if (ct->key != NFT_CT_LABELS && ct->key != NFT_CT_EVENTMASK && ct->key != NFT_CT_SECMARK) {
        fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_UNMODELLED_KEY, "ct set",
                       "a rule sets a property of the connection that is not modelled");
    }
    rule_continue(rule, fragment, registers, index);
}

void data_apply(struct rule_walk *rule, const struct nft_data *data, uint32_t register_number,
                struct fragment *fragment, const struct registers *registers, size_t index)
{
    uint32_t at;
    struct registers changed = *registers;
    if (data->is_verdict) {
        if (data->verdict.code == VERDICT_CONTINUE)
            rule_continue(rule, fragment, registers, index);
        else
            rule_verdict(rule, fragment, data->verdict.code, data->verdict.chain);
        return;
    }
    if (!register_range(register_number, (uint32_t)data->value.length, &at)) {
        rule_unknown(rule, fragment, "immediate", &changed, index);
        return;
    }
    registers_constant(&changed, at, data->value.data, (uint32_t)data->value.length);
    rule_continue(rule, fragment, &changed, index);
}

static void immediate_run(struct rule_walk *rule, const struct nft_expression *expression,
                          struct fragment *fragment, struct registers *registers, size_t index)
{
    data_apply(rule, &expression->immediate.data, expression->immediate.dreg, fragment, registers, index);
}

static void expression_lookup(struct rule_walk *rule, const struct nft_expression *expression,
                              struct fragment *fragment, struct registers *registers, size_t index)
{
    set_lookup(rule, &expression->lookup, fragment, registers, index);
}

static void expression_fib(struct rule_walk *rule, const struct nft_expression *expression,
                           struct fragment *fragment, struct registers *registers, size_t index)
{
    fib_ask(rule, &expression->fib, fragment, registers, index);
}

static void reject_run(struct rule_walk *rule, const struct nft_expression *expression,
                       struct fragment *fragment, struct registers *registers, size_t index)
{
    (void)registers;
    (void)index;
    rule_drop(rule, fragment, &expression->reject);
}

static void notrack_run(struct rule_walk *rule, const struct nft_expression *expression,
                        struct fragment *fragment, struct registers *registers, size_t index)
{
    (void)expression;
    if (!fragment->tracked && !fragment->untracked) {
        fragment->untracked = true;
        rule_trace(rule, fragment, EFFECT_NOTRACK, NULL);
    }
    rule_continue(rule, fragment, registers, index);
}

/* ---- rewrites ---- */
static struct address register_address(const struct rule_walk *rule, const struct registers *registers,
                                       uint32_t number)
{
    uint8_t bytes[16];
    uint32_t at, length = family_bits(rule->hook->family) / 8;
    if (number == 0 || !register_range(number, length, &at) || !registers_known(registers, at, length, bytes))
        return (struct address){0};
    return address_from_bytes(bytes, length);
}

static bool register_port(const struct registers *registers, uint32_t number, uint16_t *ret_port)
{
    uint8_t bytes[2];
    uint32_t at;
    if (!register_range(number, 2, &at) || !registers_known(registers, at, 2, bytes))
        return false;
    *ret_port = (uint16_t)(bytes[0] << 8 | bytes[1]);
    return true;
}

/* The operands; false where a register is not known. */
static bool rewrite_read(const struct rule_walk *rule, const struct nft_nat *nat,
                         const struct registers *registers, struct rewrite *rewrite)
{
    rewrite->flags = nat->flags;
    if (nat->address_min) {
        rewrite->address_min = register_address(rule, registers, nat->address_min);
        rewrite->address_max =
            nat->address_max ? register_address(rule, registers, nat->address_max) : rewrite->address_min;
        if (!rewrite->address_min.family || !rewrite->address_max.family)
            return false;
    }
    if (nat->port_min) {
        rewrite->has_ports = true;
        if (!register_port(registers, nat->port_min, &rewrite->port_min))
            return false;
        rewrite->port_max = rewrite->port_min;
        if (nat->port_max && !register_port(registers, nat->port_max, &rewrite->port_max))
            return false;
    }
    return true;
}

void rule_rewrite(struct rule_walk *rule, struct fragment *fragment, const struct rewrite *rewrite)
{
    struct fragment_list accepted = {0}, dropped = {0};
    size_t before = rule->verdicts->count;
    rewrite_apply(rule->hook, rewrite, fragment, &accepted, &dropped);
    for (size_t i = 0; i < accepted.count; i++) {
        struct fragment *done = accepted.items[i];
        struct trace *trace = rule_trace(rule, done, rewrite->source ? EFFECT_SNAT : EFFECT_DNAT, NULL);
        trace->address = rewrite->source ? done->source.address : done->destination;
        trace->number = rewrite->source ? 0 : done->port_number;
        verdict_add(rule, done, VERDICT_ACCEPT, NULL, NULL);
    }
    for (size_t i = 0; i < dropped.count; i++)
        rule_drop(rule, dropped.items[i], NULL);
    (void)before;
    list_free(&accepted);
    list_free(&dropped);
}

static void nat_run(struct rule_walk *rule, const struct nft_expression *expression,
                    struct fragment *fragment, struct registers *registers, size_t index)
{
    const struct nft_nat *nat = &expression->nat;
    struct rewrite rewrite = {.source = expression->kind == EXPRESSION_MASQ ||
                                        (expression->kind == EXPRESSION_NAT && nat->type == NFT_NAT_SNAT),
                              .masquerade = expression->kind == EXPRESSION_MASQ,
                              .redirect = expression->kind == EXPRESSION_REDIR};
    uint32_t family = rule->hook->family == FAMILY_IP4 ? NFT_FAMILY_IP : NFT_FAMILY_IP6;
    if (expression->kind == EXPRESSION_NAT && nat->family != family && nat->family != NFT_FAMILY_INET) {
        rule_continue(rule, fragment, registers,
                      index); /* nft_nat_inet_eval: for packets of the other family */
        return;
    }
    if (!rewrite_read(rule, nat, registers, &rewrite)) {
        fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_UNMODELLED_NAT, this_place(rule),
                       "a rewrite to an address or port that is not known");
        rule_verdict(rule, fragment, VERDICT_ACCEPT, NULL);
        return;
    }
    rule_rewrite(rule, fragment, &rewrite);
}

/* ---- xtables ---- */
static void match_run(struct rule_walk *rule, const struct nft_expression *expression,
                      struct fragment *fragment, struct registers *registers, size_t index)
{
    xt_match_run(rule, &expression->xt, expression->xt.name, fragment, registers, index);
}

static void target_run(struct rule_walk *rule, const struct nft_expression *expression,
                       struct fragment *fragment, struct registers *registers, size_t index)
{
    xt_target_run(rule, &expression->xt, expression->xt.name, fragment, registers, index);
}

/* ---- what no snapshot decides ---- */
static void nothing_run(struct rule_walk *rule, const struct nft_expression *expression,
                        struct fragment *fragment, struct registers *registers, size_t index)
{
    (void)expression;
    rule_continue(rule, fragment, registers, index);
}

static void rate_run(struct rule_walk *rule, const struct nft_expression *expression,
                     struct fragment *fragment, struct registers *registers, size_t index)
{
    if (expression->kind != EXPRESSION_LIMIT)
        fragment->stateful = true;
    rule_perhaps(rule, fragment, REASON_RATE_LIMIT, this_place(rule),
                 "a limit that other packets fill decides");
    rule_continue(rule, fragment, registers, index);
}

static void object_run(struct rule_walk *rule, const struct nft_expression *expression,
                       struct fragment *fragment, struct registers *registers, size_t index)
{
    switch (expression->object.type) {
    case NFT_OBJECT_COUNTER:
    case NFT_OBJECT_CT_HELPER:
    case NFT_OBJECT_CT_TIMEOUT:
    case NFT_OBJECT_CT_EXPECT:
    case NFT_OBJECT_SECMARK:
        break;
    case NFT_OBJECT_QUOTA:
    case NFT_OBJECT_LIMIT:
    case NFT_OBJECT_CONNLIMIT:
        rate_run(rule, expression, fragment, registers, index);
        return;
    default:
        rule_unknown(rule, fragment, expression->name, registers, index);
        return;
    }
    if (expression->object.set) /* by a map: a key that is not in it breaks the rule */
        rule_perhaps(rule, fragment, REASON_UNMODELLED_EXPRESSION, this_place(rule),
                     "a map of objects decides");
    rule_continue(rule, fragment, registers, index);
}

static void dynset_run(struct rule_walk *rule, const struct nft_expression *expression,
                       struct fragment *fragment, struct registers *registers, size_t index)
{
    const struct nft_dynset *dynset = &expression->dynset;
    fragment->stateful = true;
    bool counts = dynset->expressions.count == 1 && dynset->expressions.items[0].kind == EXPRESSION_COUNTER;
    if (dynset->flags & NFT_DYNSET_F_INV || (dynset->expressions.count > 0 && !counts))
        rule_perhaps(rule, fragment, REASON_DYNAMIC_SET, dynset->set, "a set that packets fill decides");
    if (dynset->flags & NFT_DYNSET_F_INV && dynset->expressions.count == 0) {
        rule_miss(rule, fragment);
        return;
    }
    rule_continue(rule, fragment, registers, index);
}

static void exthdr_run(struct rule_walk *rule, const struct nft_expression *expression,
                       struct fragment *fragment, struct registers *registers, size_t index)
{
    const struct nft_exthdr *header = &expression->exthdr;
    uint32_t at, length = header->length ? header->length : 1;
    if (header->op == NFT_EXTHDR_OP_TCPOPT && rule->hook->survey->query->protocol == PROTOCOL_TCP) {
        rule_perhaps(rule, fragment, REASON_PACKET_FIELD, "tcp option", "an option of the packet decides");
        if (!header->write && register_range(header->other.dreg, length, &at))
            registers_unknown(registers, at, length, DOUBT_OPTION);
        rule_continue(rule, fragment, registers, index);
        return;
    }
    bool asks = (header->other.flags & NFT_EXTHDR_F_PRESENT) && !header->write;
    if (!asks || !register_range(header->other.dreg, 1, &at)) {
        rule_miss(rule, fragment); /* no extension header, no IP option */
        return;
    }
    registers_constant(registers, at, "", 1);
    rule_continue(rule, fragment, registers, index);
}

/* A number below a modulus: each, where there are few. */
static void number_run(struct rule_walk *rule, const struct nft_expression *expression,
                       struct fragment *fragment, struct registers *registers, size_t index)
{
    bool counts = expression->kind == EXPRESSION_NUMGEN;
    uint32_t modulus = counts ? expression->numgen.modulus : expression->hash.modulus, at;
    uint32_t offset = counts ? expression->numgen.offset : expression->hash.offset;
    if (!register_range(expression->other.dreg, 4, &at) || modulus == 0 || modulus > SURVEY_CHOICES_MAX) {
        if (register_range(expression->other.dreg, 4, &at))
            registers_unknown(registers, at, 4, DOUBT_RANDOM);
        rule_continue(rule, fragment, registers, index);
        return;
    }
    if (modulus > 1)
        fragment_doubt(fragment, rule_arena(rule), REASON_RANDOM, this_place(rule),
                       doubt_words[DOUBT_RANDOM].message);
    for (uint32_t i = 0; i < modulus; i++) {
        uint8_t bytes[4];
        word_store(rule->hook, offset + i, bytes);
        registers_constant(registers, at, bytes, 4);
        rule_continue(rule, i + 1 < modulus ? fragment_copy(fragment) : fragment, registers, index);
    }
}

/* nft_flow_offload_eval: breaks the rule for a connection that is not confirmed yet. */
static void offload_run(struct rule_walk *rule, const struct nft_expression *expression,
                        struct fragment *fragment, struct registers *registers, size_t index)
{
    (void)expression;
    (void)registers;
    (void)index;
    rule_miss(rule, fragment);
}

struct unknown_load {
    enum expression_kind kind;
    enum doubt_word doubt;
};
static const struct unknown_load unknown_loads[] = {
    {EXPRESSION_SOCKET, DOUBT_SOCKET}, {EXPRESSION_RT, DOUBT_ROUTING},     {EXPRESSION_OSF, DOUBT_OS},
    {EXPRESSION_XFRM, DOUBT_ROUTING},  {EXPRESSION_TUNNEL, DOUBT_ROUTING}, {EXPRESSION_INNER, DOUBT_FIELD},
};

static void unknown_load_run(struct rule_walk *rule, const struct nft_expression *expression,
                             struct fragment *fragment, struct registers *registers, size_t index)
{
    enum doubt_word doubt = DOUBT_EXPRESSION;
    for (size_t i = 0; i < sizeof(unknown_loads) / sizeof(*unknown_loads); i++)
        if (unknown_loads[i].kind == expression->kind)
            doubt = unknown_loads[i].doubt;
    uint32_t at;
    rule_perhaps(rule, fragment, doubt_words[doubt].code, expression->name, doubt_words[doubt].message);
    if (register_range(expression->other.dreg, 1, &at))
        registers_unknown(registers, at, 16, doubt);
    rule_continue(rule, fragment, registers, index);
}

static void queue_run(struct rule_walk *rule, const struct nft_expression *expression,
                      struct fragment *fragment, struct registers *registers, size_t index)
{
    (void)expression;
    (void)registers;
    (void)index;
    rule_verdict(rule, fragment, 3, NULL); /* NF_QUEUE */
}

/* Unknown match and unknown target in one: it may match or not, load anything, and give any verdict. */
static void rule_unknown(struct rule_walk *rule, struct fragment *fragment, const char *name,
                         struct registers *registers, size_t index)
{
    const char *subject = survey_text(rule->hook->survey, "%s: %s", this_place(rule), name ? name : "?");
    fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_UNKNOWN_EXPRESSION, subject,
                   "a rule that is not understood");
    struct fragment_list out = {0};
    fragment_list_add(&out, fragment_copy(fragment));
    rule_miss_all(rule, &out);
    registers_unknown(registers, 0, REGISTER_BYTES, DOUBT_EXPRESSION);
    rule_continue(rule, fragment, registers, index);
}

static void unmodelled_run(struct rule_walk *rule, const struct nft_expression *expression,
                           struct fragment *fragment, struct registers *registers, size_t index)
{
    (void)registers;
    (void)index;
    fragment_taint(fragment, rule_arena(rule), TAINT_ANY, REASON_UNMODELLED_EXPRESSION,
                   survey_text(rule->hook->survey, "%s: %s", this_place(rule), expression->name),
                   "a statement that is not modelled");
    rule_miss(rule, fragment);
}

static expression_function *const expression_table[EXPRESSION_KINDS] = {
    [EXPRESSION_PAYLOAD] = payload_run,
    [EXPRESSION_META] = meta_run,
    [EXPRESSION_CMP] = cmp_run,
    [EXPRESSION_RANGE] = range_run,
    [EXPRESSION_BITWISE] = bitwise_run,
    [EXPRESSION_BYTEORDER] = byteorder_run,
    [EXPRESSION_IMMEDIATE] = immediate_run,
    [EXPRESSION_LOOKUP] = expression_lookup,
    [EXPRESSION_COUNTER] = nothing_run,
    [EXPRESSION_CT] = ct_run,
    [EXPRESSION_FIB] = expression_fib,
    [EXPRESSION_NAT] = nat_run,
    [EXPRESSION_MASQ] = nat_run,
    [EXPRESSION_REDIR] = nat_run,
    [EXPRESSION_REJECT] = reject_run,
    [EXPRESSION_MATCH] = match_run,
    [EXPRESSION_TARGET] = target_run,
    [EXPRESSION_LOG] = nothing_run,
    [EXPRESSION_LAST] = nothing_run,
    [EXPRESSION_DUP] = nothing_run,
    [EXPRESSION_FLOW_OFFLOAD] = offload_run,
    [EXPRESSION_NOTRACK] = notrack_run,
    [EXPRESSION_LIMIT] = rate_run,
    [EXPRESSION_QUOTA] = rate_run,
    [EXPRESSION_CONNLIMIT] = rate_run,
    [EXPRESSION_NUMGEN] = number_run,
    [EXPRESSION_HASH] = number_run,
    [EXPRESSION_SOCKET] = unknown_load_run,
    [EXPRESSION_RT] = unknown_load_run,
    [EXPRESSION_OSF] = unknown_load_run,
    [EXPRESSION_XFRM] = unknown_load_run,
    [EXPRESSION_TUNNEL] = unknown_load_run,
    [EXPRESSION_INNER] = unknown_load_run,
    [EXPRESSION_DYNSET] = dynset_run,
    [EXPRESSION_OBJREF] = object_run,
    [EXPRESSION_EXTHDR] = exthdr_run,
    [EXPRESSION_QUEUE] = queue_run,
    [EXPRESSION_TPROXY] = unmodelled_run,
    [EXPRESSION_SYNPROXY] = unmodelled_run,
    [EXPRESSION_FWD] = unmodelled_run,
};

/* ---- the rule ---- */
void rule_continue(struct rule_walk *rule, struct fragment *fragment, const struct registers *registers,
                   size_t index)
{
    if (!fragment)
        return;
    if (index >= rule->rule->expressions.count) {
        rule_miss(rule, fragment);
        return;
    }
    const struct nft_expression *expression = &rule->rule->expressions.items[index];
    expression_function *run =
        expression->kind < EXPRESSION_KINDS ? expression_table[expression->kind] : NULL;
    struct registers own = *registers;
    if (!run || expression->unknown_attribute)
        rule_unknown(rule, fragment, expression->name, &own, index + 1);
    else
        run(rule, expression, fragment, &own, index + 1);
}

void rule_continue_all(struct rule_walk *rule, struct fragment_list *fragments,
                       const struct registers *registers, size_t index)
{
    for (size_t i = 0; i < fragments->count; i++)
        rule_continue(rule, fragments->items[i], registers, index);
    list_free(fragments);
}

void survey_rule(const struct hook_context *hook, const struct nft_chain *chain, const struct nft_rule *rule,
                 struct fragment *fragment, struct verdict_list *ret_verdicts)
{
    struct rule_walk walk = {hook, chain, rule, ret_verdicts};
    struct registers registers;
    if (rule->undecodable || rule->unknown_attribute) {
        fragment_taint(fragment, hook->survey->arena, TAINT_ANY, REASON_UNDECODABLE_RULE, this_place(&walk),
                       "a rule that could not be decoded");
        rule_miss(&walk, fragment);
        return;
    }
    registers_clear(&registers);
    rule_continue(&walk, fragment, &registers, 0);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule as it came, in the way of a packet: where it is broken, or has an expression whose name is not
 * known, the answer must hold whatever that does (a known expression with an attribute that is not known is
 * left as it is). So each is tried in its place (it matches nothing, it matches, it accepts, it drops): a
 * state that is sure must be the state of all of them. And what one evaluator is sure of, the other does not
 * contradict.
 *
 * First byte: hook and policy, second: family, then the rule's message.
 */
#include "netns/decode/message.h"
#include "scanner/path/concrete.h"
#include "scanner/path/symbolic.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/scanner_path/build.h"

enum stand_in { FAILS, MATCHES, ACCEPTS, DROPS, STAND_INS };

struct trial {
    struct build_lab lab;
    struct nft_rule *rule;
};

static const uint16_t ports[] = {80, 81, 7001};

static struct trial trial_new(uint8_t choice, enum nft_family family)
{
    struct trial trial = {.lab = build_lab()};
    bool forward = choice & 1;
    struct namespace *host = trial.lab.host;
    struct nft_table *table = build_table(host, family, "filter");
    struct nft_chain *chain = build_base(host, table, forward ? "FORWARD" : "INPUT", "filter",
                                         forward ? HOOK_FORWARD : HOOK_INPUT, 0, choice & 2 ? 1 : 0);
    struct nft_rule *second;

    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        build_listener(host, SOCKET_TCP, "0.0.0.0", ports[i]);
        build_listener(trial.lab.c1, SOCKET_TCP, "0.0.0.0", ports[i]);
    }
    build_rule(chain);
    second = build_rule(chain);
    build_dport(host, second, 80);
    build_verdict(second, choice & 2 ? 0 : 1, NULL);
    trial.rule = &chain->rules.items[0];
    return trial;
}

static enum state ask(const struct trial *trial, bool forward, uint16_t port, enum state *ret_symbolic)
{
    _cleanup_world_ struct world *world = world_new(trial->lab.snapshot);
    _cleanup_arena_ struct arena *arena = arena_new();
    struct packet packet = {.namespace = trial->lab.host->id,
                            .interface = 2,
                            .family = FAMILY_IP4,
                            .protocol = PROTOCOL_TCP,
                            .source = build_ip("198.51.100.7"),
                            .destination = build_ip(forward ? "172.18.0.2" : "203.0.113.10"),
                            .source_port = 40000,
                            .destination_port = port};
    struct query query = {.namespace = packet.namespace,
                          .interface = packet.interface,
                          .family = packet.family,
                          .protocol = packet.protocol,
                          .destination = packet.destination,
                          .port = port};
    _cleanup_prediction_ struct prediction prediction = {0};
    _cleanup_outcome_ struct outcome outcome = {0};

    interval_set_add(&query.sources, packet.source.value, packet.source.value);
    interval_set_add(&query.source_ports, packet.source_port, packet.source_port);
    fuzz_check(concrete_evaluate(world, &packet, arena, &outcome) == 0, "no outcome");
    fuzz_check(symbolic_evaluate(world, &query, arena, &prediction) == 0, "no prediction");
    fuzz_check(outcome.state != STATE_UNDETERMINED || outcome.reasons.count, "no reason");
    *ret_symbolic = prediction.state;
    interval_set_free(&query.sources);
    interval_set_free(&query.source_ports);
    return outcome.state;
}

static void put_verdict(struct nft_expression *expression, int32_t code)
{
    *expression = (struct nft_expression){
        .kind = EXPRESSION_IMMEDIATE,
        .name = "immediate",
        .immediate = {.data = {.is_verdict = true, .verdict = {.code = code}}},
    };
}

/* Is there a part that could do one thing as well as another, in a place where it alone decides? */
static bool stands_alone(const struct nft_expression *expression)
{
    return expression->kind == EXPRESSION_UNKNOWN;
}

/* The rule with every unknown part replaced; false: it has none. What the parts hold is left to the original.
 */
static bool replace(struct nft_rule *rule, const struct nft_rule *original, enum stand_in by)
{
    bool replaced = false;

    rule->undecodable = rule->unknown_attribute = false;
    if (original->undecodable || original->unknown_attribute) {
        list_each(struct nft_expression, expression, &rule->expressions)
            put_verdict(expression, -1);
        if (rule->expressions.count)
            put_verdict(rule->expressions.items, by == ACCEPTS ? 1 : by == DROPS ? 0 : -1);
        return rule->expressions.count > 0;
    }
    list_each(struct nft_expression, expression, &rule->expressions) {
        if (replaced && by == FAILS) /* what stands behind it is not run */
            put_verdict(expression, -1);
        if (!stands_alone(expression))
            continue;
        replaced = true;
        put_verdict(expression, by == ACCEPTS ? 1 : by == DROPS ? 0 : -1);
    }
    return replaced;
}

static void copy_rule(struct nft_rule *rule, const struct nft_rule *original)
{
    *rule = *original;
    rule->expressions = (nft_expression_list){0};
    list_each(const struct nft_expression, expression, &original->expressions)
        *list_append(&rule->expressions) = *expression;
}

static void try_stand_ins(const struct trial *trial, uint8_t choice, uint16_t port, enum state sure,
                          const char *who)
{
    struct nft_rule original = *trial->rule;

    for (int by = FAILS; by < STAND_INS; by++) {
        enum state symbolic, state = STATE_UNDETERMINED;
        bool some;

        copy_rule(trial->rule, &original);
        some = replace(trial->rule, &original, (enum stand_in)by);
        if (some)
            state = ask(trial, choice & 1, port, &symbolic);
        list_free(&trial->rule->expressions);
        *trial->rule = original;
        fuzz_check(!some || state == STATE_UNDETERMINED || state == sure,
                   "%s is sure of state %d, which is %d if the unknown part does %d", who, (int)sure,
                   (int)state, by);
    }
}

static void try_rule(uint8_t choice, enum nft_family family, struct bytes bytes)
{
    struct trial trial = trial_new(choice, family);
    struct decoder decoder = {.arena = trial.lab.host->arena, .family = family};
    uint64_t handle = trial.rule->handle;

    rule_decode(&decoder, bytes, trial.rule);
    trial.rule->handle = handle;
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        enum state symbolic, concrete = ask(&trial, choice & 1, ports[i], &symbolic);

        fuzz_check(concrete == symbolic || concrete == STATE_UNDETERMINED || symbolic == STATE_UNDETERMINED,
                   "one evaluator says state %d, the other %d", (int)concrete, (int)symbolic);
        if (rule_understood(trial.rule))
            continue;
        if (concrete != STATE_UNDETERMINED)
            try_stand_ins(&trial, choice, ports[i], concrete, "the concrete evaluator");
        if (symbolic != STATE_UNDETERMINED)
            try_stand_ins(&trial, choice, ports[i], symbolic, "the symbolic evaluator");
    }
    snapshot_free(trial.lab.snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size}, exact;
    uint8_t choice = fuzz_take(&bytes), family = fuzz_take(&bytes);

    exact = fuzz_exact(bytes);
    try_rule(choice, family & 1 ? NFT_FAMILY_INET : NFT_FAMILY_IP, exact);
    free((void *)(uintptr_t)exact.data);
    return 0;
}

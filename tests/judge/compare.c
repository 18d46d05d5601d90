/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One case: load, predict, shoot, compare; and the smallest case that still differs. */
#include "scanner/path/world.h"
#include "tests/judge/judge.h"

#define SETTLE_MS       3
#define SETTLE_AGAIN_MS 60

/* ---- one packet ---- */

static const char *place_of(const struct lab *lab, uint64_t id)
{
    for (enum place place = HOST; place < PLACES; place++)
        if (lab->ids[place] == id)
            return place_names[place];
    return "?";
}

static void answer_print(enum answer_kind answer, uint8_t type, uint8_t code, char text[32])
{
    if (answer == ANSWER_ICMP)
        snprintf(text, 32, "icmp %u/%u", type, code);
    else
        snprintf(text, 32, "%s", answer == ANSWER_TCP_RESET ? "reset" : "no answer");
}

static void forecast_print(const struct lab *lab, const struct forecast *forecast, char text[320])
{
    char answer[32];
    answer_print(forecast->answer, forecast->icmp_type, forecast->icmp_code, answer);
    snprintf(text, 320, "%s at %s [%s]:%u, %s; %.100s %.80s", state_name(forecast->state),
             place_of(lab, forecast->target_namespace), ADDRESS_TEXT(forecast->target_address),
             forecast->target_port, answer, forecast->decider, forecast->reasons);
}

static void sighting_print(const struct lab *lab, const struct sighting *sighting, char text[200])
{
    char answer[32];
    answer_print(sighting->answer, sighting->icmp_type, sighting->icmp_code, answer);
    if (sighting->listener >= 0)
        snprintf(text, 200, "taken %u times by %s", sighting->deliveries,
                 lab->listeners.items[sighting->listener].name);
    else if (sighting->arrived >= 0)
        snprintf(text, 200, "arrived at %s [%s]:%u, %s", place_names[sighting->arrived],
                 ADDRESS_TEXT(sighting->arrived_address), sighting->arrived_port, answer);
    else
        snprintf(text, 200, "not arrived, %s", answer);
}

static bool answer_agrees(const struct shot *shot, const struct forecast *forecast,
                          const struct sighting *sighting)
{
    if (shot->odd_source) /* whether an answer to it is made is another question */
        return true;
    /* an answer to ::1 is routed by the device that has the address that was dialled (tcp_v6_send_response)
     */
    if (shot->family == FAMILY_IP6 && address_is_loopback(shot->source) && !sighting->answered &&
        !address_equal(shot->destination, forecast->target_address))
        return true;
    if (forecast->by_route && !sighting->answered) /* ip_error() has a rate limit that is the machine's own */
        return true;
    /* to itself, by a rewrite of both ends: the answer's own route, from 127.0.0.1 to a foreign address, may
     * not be */
    if (sighting->arrived == (int)shot->from && !sighting->answered &&
        !address_equal(sighting->arrived_address, shot->destination))
        return true;
    if (forecast->answer != (sighting->answered ? sighting->answer : ANSWER_NONE))
        return false;
    return forecast->answer != ANSWER_ICMP ||
           (forecast->icmp_type == sighting->icmp_type && forecast->icmp_code == sighting->icmp_code);
}

/* What the program says names no socket: the packet is behind the last input hook, at that address and port.
 */
static bool spoken_agrees(const struct lab *lab, const struct forecast *forecast,
                          const struct sighting *sighting)
{
    bool passes = forecast->state == STATE_OPEN || forecast->state == STATE_CLOSED;
    if (!passes)
        return forecast->state != STATE_UNDETERMINED && sighting->listener < 0 && sighting->arrived < 0;
    return (sighting->listener >= 0) == (forecast->state == STATE_OPEN) && sighting->arrived >= 0 &&
           lab->ids[sighting->arrived] == forecast->target_namespace &&
           address_equal(sighting->arrived_address, forecast->target_address) &&
           sighting->arrived_port == forecast->target_port;
}

static bool agrees(const struct lab *lab, const struct shot *shot, const struct forecast *forecast,
                   const struct sighting *sighting)
{
    if (forecast->excused)
        return true;
    if (forecast->spoken)
        return spoken_agrees(lab, forecast, sighting);
    switch (forecast->state) {
    case STATE_OPEN:
        return sighting->listener >= 0 && sighting->deliveries == 1 &&
               lab->listeners.items[sighting->listener].inode == forecast->target_inode;
    case STATE_CLOSED:
        if (forecast->vague)
            return sighting->listener < 0 && sighting->arrived >= 0;
        return sighting->listener < 0 && sighting->arrived >= 0 &&
               lab->ids[sighting->arrived] == forecast->target_namespace &&
               address_equal(sighting->arrived_address, forecast->target_address) &&
               sighting->arrived_port == forecast->target_port && answer_agrees(shot, forecast, sighting);
    case STATE_FILTERED:
    case STATE_UNREACHABLE:
        return sighting->listener < 0 && sighting->arrived < 0 &&
               (forecast->vague || answer_agrees(shot, forecast, sighting));
    default:
        return false;
    }
}

static void difference_add(const struct lab *lab, const struct gen *gen, size_t number, const char *evaluator,
                           const struct forecast *forecast, const struct sighting *sighting,
                           difference_list *differences)
{
    const struct shot *shot = &gen->shots.items[number];
    struct difference *new = list_append(differences);
    char predicted[320], seen[200];
    forecast_print(lab, forecast, predicted);
    sighting_print(lab, sighting, seen);
    new->shot = number;
    new->evaluator = evaluator;
    snprintf(new->text, sizeof(new->text), "%s %s [%s]:%u > [%s]:%u\n    %s says: %s\n    kernel says: %s",
             place_names[shot->from], protocol_name(shot->protocol), ADDRESS_TEXT(shot->source),
             shot->source_port, ADDRESS_TEXT(shot->destination), shot->destination_port, evaluator, predicted,
             seen);
}

/* ---- one case ---- */

/* Forecasts of one packet: each evaluator's, then the program's. */
#define STRIDE (evaluator_count + 1)

static bool is_asked(const struct lab *lab, size_t evaluator)
{
    return evaluator < evaluator_count ? lab->asked >> evaluator & 1 : lab->postern != NULL;
}

static void tokens_give(struct gen *gen)
{
    static uint32_t next = 0x10000000;
    list_each(struct shot, shot, &gen->shots)
        shot->token = next++;
}

static void shoot(struct lab *lab, struct gen *gen, struct sighting *sightings, unsigned settle_ms)
{
    tokens_give(gen);
    lab_flush_connections(lab);
    lab_shoot(lab, &gen->shots, sightings, settle_ms);
}

static size_t compare_all(const struct lab *lab, const struct gen *gen, const struct forecast *forecasts,
                          const struct sighting *sightings, difference_list *differences)
{
    size_t count = 0;
    for (size_t i = 0; i < gen->shots.count; i++)
        for (size_t e = 0; e <= evaluator_count; e++) {
            const struct forecast *forecast = &forecasts[i * STRIDE + e];
            if (!is_asked(lab, e) || agrees(lab, &gen->shots.items[i], forecast, &sightings[i]))
                continue;
            count++;
            if (differences)
                difference_add(lab, gen, i, e < evaluator_count ? evaluators[e].name : "explain", forecast,
                               &sightings[i], differences);
        }
    return count;
}

static void predict_all(const struct lab *lab, const struct gen *gen, struct tally *tally,
                        struct forecast *forecasts)
{
    struct snapshot *snapshot = lab_snapshot();
    struct world *world = world_new(snapshot);
    for (size_t i = 0; i < gen->shots.count; i++) {
        for (size_t e = 0; e < evaluator_count; e++)
            if (is_asked(lab, e))
                evaluators[e].ask(world, lab, &gen->shots.items[i], &forecasts[i * STRIDE + e]);
        if (tally)
            tally_add(tally, world, lab, &gen->shots.items[i]);
    }
    world_free(world);
    snapshot_free(snapshot);
    if (lab->postern)
        explain_ask(lab, gen, forecasts + evaluator_count, STRIDE);
}

int gen_judge(struct lab *lab, struct gen *gen, struct tally *tally, difference_list *differences)
{
    size_t count = gen->shots.count;
    if (gen_load(lab, gen) != 0)
        return -1;
    _cleanup_free_ struct forecast *forecasts = memory_alloc((count * STRIDE + 1) * sizeof(*forecasts));
    _cleanup_free_ struct sighting *sightings = memory_alloc((count + 1) * sizeof(*sightings));
    predict_all(lab, gen, tally, forecasts);
    shoot(lab, gen, sightings, SETTLE_MS);
    /* a busy machine may be late, in a snapshot too: what differs is looked at again, with time */
    if (compare_all(lab, gen, forecasts, sightings, NULL) > 0) {
        if (tally)
            tally->again++;
        predict_all(lab, gen, NULL, forecasts);
        shoot(lab, gen, sightings, SETTLE_AGAIN_MS);
        compare_all(lab, gen, forecasts, sightings, differences);
    }
    return 0;
}

/* ---- the smallest that differs ---- */

static bool still_differs(struct lab *lab, struct gen *gen)
{
    difference_list differences = {0};
    bool differs = gen_judge(lab, gen, NULL, &differences) == 0 && differences.count > 0;
    list_free(&differences);
    return differs;
}

/* Leaves the one packet that differs first. */
static void shots_shrink(struct lab *lab, struct gen *gen)
{
    difference_list differences = {0};
    if (gen_judge(lab, gen, NULL, &differences) == 0 && differences.count > 0) {
        gen->shots.items[0] = gen->shots.items[differences.items[0].shot];
        gen->shots.count = 1;
    }
    list_free(&differences);
}

static bool rules_off(struct gen_rule **rules, size_t first, size_t count, bool off)
{
    bool changed = false;
    for (size_t i = first; i < first + count; i++) {
        changed |= rules[i]->off != off;
        rules[i]->off = off;
    }
    return changed;
}

/* Takes out halves, quarters ... down to single rules, while the difference remains. */
static void rules_shrink(struct lab *lab, struct gen *gen)
{
    LIST(struct gen_rule *) rules = {0};
    list_each(struct gen_table *, table, &gen->tables)
        list_each(struct gen_rule, rule, &(*table)->rules)
            *list_append(&rules) = rule;
    for (size_t step = rules.count / 2 + 1; step > 0; step /= 2)
        for (size_t first = 0; first < rules.count; first += step) {
            size_t count = first + step <= rules.count ? step : rules.count - first;
            bool off[1024] = {false};
            for (size_t i = 0; i < count && i < 1024; i++)
                off[i] = rules.items[first + i]->off;
            if (count > 1024 || !rules_off(rules.items, first, count, true) || still_differs(lab, gen))
                continue;
            for (size_t i = 0; i < count; i++)
                rules.items[first + i]->off = off[i];
        }
    list_free(&rules);
}

static bool chain_is_used(const struct gen_table *table, uint32_t chain)
{
    list_each(const struct gen_rule, rule, &table->rules)
        if (!rule->off && (rule->chain == chain || strstr(rule->text, table->chains.items[chain].name)))
            return true;
    return false;
}

static void tables_shrink(struct lab *lab, struct gen *gen)
{
    list_each(struct gen_table *const, table, &gen->tables) {
        bool used = false;
        for (uint32_t chain = 0; chain < (*table)->chains.count; chain++)
            used |= chain_is_used(*table, chain);
        (*table)->off = !used;
        if (!used && !still_differs(lab, gen))
            (*table)->off = false;
    }
}

void gen_shrink(struct lab *lab, struct gen *gen)
{
    shots_shrink(lab, gen);
    rules_shrink(lab, gen);
    tables_shrink(lab, gen);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/concrete.h"

#include "scanner/path/concrete_walk.h"

#include <errno.h>

#define WALKS_MAX 512 /* alternatives that are tried before the outcome is too complex */

/* ---- ends ---- */

bool walk_ended(const struct walk *walk)
{
    return walk->at.place == PLACE_END;
}

void walk_go(struct walk *walk, enum place place)
{
    if (!walk_ended(walk))
        walk->at.place = place;
}

static bool passes(enum state state)
{
    return state == STATE_OPEN || state == STATE_CLOSED;
}

void walk_end(struct walk *walk, enum state state, struct decider decider)
{
    if (walk_ended(walk))
        return;
    walk->at.place = PLACE_END;
    if (walk->doubtful && passes(state)) {
        walk->outcome->state = STATE_UNDETERMINED;
        return;
    }
    list_free(&walk->outcome->reasons);
    walk->outcome->state = state;
    walk->outcome->decider = decider;
}

void walk_doubt(struct walk *walk, const char *code, const char *subject, const char *message)
{
    if (walk_ended(walk))
        return;
    reason_add(&walk->outcome->reasons, code, arena_strdup(walk->arena, subject ? subject : ""), message);
    walk->doubtful = true;
}

void walk_undetermined(struct walk *walk, const char *code, const char *subject, const char *message)
{
    if (walk_ended(walk))
        return;
    reason_add(&walk->outcome->reasons, code, arena_strdup(walk->arena, subject ? subject : ""), message);
    walk->outcome->state = STATE_UNDETERMINED;
    walk->outcome->decider = (struct decider){.kind = DECIDER_PROGRAM, .text = message};
    if (walk->at.namespace)
        walk->outcome->decider.namespace = walk->at.namespace->facts->id;
    walk->at.place = PLACE_END;
}

static struct decider decider_here(const struct walk *walk, enum decider_kind kind, const char *subject,
                                   const char *text)
{
    return (struct decider){.kind = kind,
                            .namespace = walk->at.namespace->facts->id,
                            .subject = arena_strdup(walk->arena, subject ? subject : ""),
                            .text = text};
}

void walk_filtered_by(struct walk *walk, enum decider_kind kind, const char *subject, const char *text)
{
    walk_end(walk, STATE_FILTERED, decider_here(walk, kind, subject, text));
}

void walk_unreachable(struct walk *walk, enum decider_kind kind, const char *subject, const char *text)
{
    walk_end(walk, STATE_UNREACHABLE, decider_here(walk, kind, subject, text));
}

void walk_icmp(struct walk *walk, uint8_t type, uint8_t code)
{
    walk->outcome->answer = ANSWER_ICMP;
    walk->outcome->icmp_type = type;
    walk->outcome->icmp_code = code;
}

/* ---- notes ---- */

uint32_t walk_choose(struct walk *walk, uint32_t count, const char *code, const char *subject)
{
    if (count < 2 || walk_ended(walk))
        return 0;
    if (strcmp(code, REASON_SENDER_IDENTITY) == 0)
        walk->outcome->by_sender = true;
    if (walk->next_choice < walk->choices->count) {
        struct choice *made = &walk->choices->items[walk->next_choice++];
        return made->value < count ? made->value : 0;
    }
    struct choice *new = list_append(walk->choices);
    *new = (struct choice){
        .count = count, .code = code, .subject = arena_strdup(walk->arena, subject ? subject : "")};
    walk->next_choice++;
    return 0;
}

struct step *walk_step(struct walk *walk, const char *hook, const struct link *link, const char *effect)
{
    struct step *step = list_append(&walk->outcome->steps);
    step->hook = hook;
    step->namespace = walk->at.namespace->facts->id;
    step->interface = link ? link->name : NULL;
    step->effect = effect;
    return step;
}

struct rule_reference rule_reference(const struct walk *walk, const struct nft_table *table,
                                     const struct nft_chain *chain, const struct nft_rule *rule)
{
    return (struct rule_reference){
        .namespace = walk->at.namespace->facts->id,
        .backend = table->xtables ? "nf_tables-xt" : "nf_tables",
        .family = nft_family_name(table->family),
        .table = table->name,
        .chain = chain->name,
        .handle = rule ? rule->handle : 0,
        .position = rule ? rule->position : 0,
        .comment = rule ? rule->comment : NULL,
    };
}

const char *namespace_subject(const struct walk *walk)
{
    return arena_printf(walk->arena, "net:[%llu]", (unsigned long long)walk->at.namespace->facts->id);
}

bool part_is_read(struct walk *walk, uint32_t parts, const char *code)
{
    const struct namespace *facts = walk->at.namespace->facts;
    if (walk_ended(walk))
        return false;
    if (!facts->entered || facts->error || facts->gone)
        walk_undetermined(walk, REASON_NAMESPACE_UNREAD, namespace_subject(walk),
                          facts->error ? facts->error : "the namespace was not read");
    else if (facts->missing & parts)
        walk_undetermined(walk, facts->over_budget ? REASON_OVER_BUDGET : code, namespace_subject(walk),
                          "a part that decides was not read");
    return !walk_ended(walk);
}

/* ---- the walk ---- */

static void walk_postrouting(struct walk *walk)
{
    hook_run(walk, HOOK_POSTROUTING);
    walk_go(walk, PLACE_TRANSMIT);
}

static void walk_place(struct walk *walk)
{
    switch (walk->at.place) {
    case PLACE_SEND:
        packet_send(walk);
        break;
    case PLACE_FRAME:
        frame_receive(walk);
        break;
    case PLACE_BRIDGE:
        bridge_receive(walk);
        break;
    case PLACE_RECEIVE:
        packet_receive(walk);
        break;
    case PLACE_ROUTE:
        packet_route(walk);
        break;
    case PLACE_INPUT:
        packet_input(walk);
        break;
    case PLACE_FORWARD:
        packet_forward(walk);
        break;
    case PLACE_POSTROUTING:
        walk_postrouting(walk);
        break;
    case PLACE_TRANSMIT:
        frame_transmit(walk);
        break;
    case PLACE_END:
        break;
    }
}

static void walk_begin(struct walk *walk)
{
    const struct packet *packet = walk->packet;
    walk->at = (struct flight){
        .place = PLACE_SEND,
        .namespace = world_namespace(walk->world, packet->namespace),
        .source = packet->source,
        .destination = packet->destination,
        .source_port = packet->source_port,
        .destination_port = packet->destination_port,
        .source_port_known = true,
        .mark = {.known = UINT32_MAX},
        .connection.mark = {.known = UINT32_MAX},
    };
    if (!walk->at.namespace)
        walk_undetermined(walk, REASON_NAMESPACE_UNREAD, "", "the namespace is not in the snapshot");
    else if (packet->interface)
        packet_arrive(walk);
    else
        walk->at.own = true;
}

static void walk_run(const struct world *world, const struct packet *packet, struct arena *arena,
                     struct choice_list *choices, struct outcome *ret_outcome)
{
    *ret_outcome = (struct outcome){.target.socket = -1};
    struct walk walk = {
        .world = world, .packet = packet, .arena = arena, .outcome = ret_outcome, .choices = choices};
    walk_begin(&walk);
    while (!walk_ended(&walk)) {
        walk_place(&walk);
        if (walk.at.hops > HOPS_MAX)
            walk_undetermined(&walk, REASON_LOOP, namespace_subject(&walk), "more hops than are followed");
    }
}

/* ---- all alternatives ---- */

/* The next combination: the last choice that has one more alternative takes it, what came after is forgotten.
 */
static bool choices_advance(struct choice_list *choices)
{
    while (choices->count > 0) {
        struct choice *last = &choices->items[choices->count - 1];
        if (++last->value < last->count)
            return true;
        choices->count--;
    }
    return false;
}

static void choices_explain(const struct choice_list *choices, struct reason_list *reasons)
{
    list_each(const struct choice, choice, choices)
        reason_add(reasons, choice->code, choice->subject, "what nothing in the snapshot decides");
}

static void outcome_join(struct outcome *into, struct outcome *other)
{
    into->stateful |= other->stateful;
    into->by_sender |= other->by_sender;
    bool same_end = into->state != STATE_OPEN || target_same_listener(&into->target, &other->target);
    if (into->state == other->state && into->state != STATE_UNDETERMINED && same_end)
        return;
    into->state = STATE_UNDETERMINED;
    list_each(const struct reason, reason, &other->reasons)
        reason_add(&into->reasons, reason->code, reason->subject, reason->message);
}

void outcome_free(struct outcome *outcome)
{
    list_free(&outcome->reasons);
    list_free(&outcome->steps);
}

static bool packet_is_sound(const struct packet *packet)
{
    if (packet->family != FAMILY_IP4 && packet->family != FAMILY_IP6)
        return false;
    if (packet->protocol != PROTOCOL_TCP && packet->protocol != PROTOCOL_UDP &&
        packet->protocol != PROTOCOL_UDPLITE)
        return false;
    bool no_source = packet->source.family == FAMILY_NONE && packet->interface == 0;
    return packet->destination.family == packet->family &&
           (no_source || packet->source.family == packet->family);
}

int concrete_evaluate(const struct world *world, const struct packet *packet, struct arena *arena,
                      struct outcome *ret_outcome)
{
    if (!packet_is_sound(packet))
        return -EINVAL;
    struct choice_list choices = {0};
    struct reason_list reasons = {0}; /* of every choice that any walk made */
    walk_run(world, packet, arena, &choices, ret_outcome);
    choices_explain(&choices, &reasons);
    unsigned walks = 1;
    while (ret_outcome->state != STATE_UNDETERMINED && choices_advance(&choices)) {
        struct outcome other;
        if (walks++ == WALKS_MAX) {
            ret_outcome->state = STATE_UNDETERMINED;
            reason_add(&ret_outcome->reasons, REASON_TOO_COMPLEX, "", "more alternatives than are tried");
            break;
        }
        walk_run(world, packet, arena, &choices, &other);
        choices_explain(&choices, &reasons);
        outcome_join(ret_outcome, &other);
        outcome_free(&other);
    }
    if (ret_outcome->state == STATE_UNDETERMINED)
        list_each(const struct reason, reason, &reasons)
            reason_add(&ret_outcome->reasons, reason->code, reason->subject, reason->message);
    list_free(&reasons);
    list_free(&choices);
    return 0;
}

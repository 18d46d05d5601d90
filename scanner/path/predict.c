/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/predict.h"

#include "netns/base/text.h"

#define PARTS_OF_STATE 64u /* beyond: the smaller ones of a state become one part */

/* A box of sources and ports, and the endings that are possible in it. */
struct cell {
    struct interval_set sources, ports;
    LIST(const struct ending *) endings;
};
struct cell_list {
    struct cell *items;
    size_t count, capacity;
};

/* ---- overlaps ---- */
static struct cell *cell_add(struct cell_list *list, struct interval_set *sources, struct interval_set *ports)
{
    struct cell *cell = list_append(list);
    cell->sources = *sources;
    cell->ports = *ports;
    *sources = *ports = (struct interval_set){0};
    return cell;
}

static void cell_free(struct cell *cell)
{
    interval_set_free(&cell->sources);
    interval_set_free(&cell->ports);
    list_free(&cell->endings);
}

/* The cell's endings without its box, for a piece of it. */
static void endings_copy(struct cell *into, const struct cell *from)
{
    for (size_t i = 0; i < from->endings.count; i++)
        *list_append(&into->endings) = from->endings.items[i];
}

/* What of box (sources x ports) lies outside of (inside_sources x inside_ports), as at most two boxes. */
static void box_rest(const struct interval_set *sources, const struct interval_set *ports,
                     const struct interval_set *inside_sources, const struct interval_set *inside_ports,
                     const struct cell *endings, struct cell_list *ret_rest)
{
    struct interval_set beside = interval_set_subtract(sources, inside_sources);
    struct interval_set above = interval_set_subtract(ports, inside_ports);
    if (!interval_set_empty(&beside)) {
        struct interval_set all = interval_set_copy(ports);
        struct cell *cell = cell_add(ret_rest, &beside, &all);
        if (endings)
            endings_copy(cell, endings);
    }
    if (!interval_set_empty(&above)) {
        struct interval_set within = interval_set_copy(inside_sources);
        struct cell *cell = cell_add(ret_rest, &within, &above);
        if (endings)
            endings_copy(cell, endings);
    }
    interval_set_free(&beside);
    interval_set_free(&above);
}

/* Lays the ending's box over a cell: where both are, the cell gets the ending too; the box's rest goes to
 * *ret_rest. */
static bool cell_meet(struct cell_list *cells, size_t index, const struct cell *box,
                      const struct ending *ending, struct cell_list *ret_rest)
{
    struct cell *cell = &cells->items[index];
    struct interval_set sources = interval_set_intersect(&cell->sources, &box->sources);
    struct interval_set ports = interval_set_intersect(&cell->ports, &box->ports);
    bool meets = !interval_set_empty(&sources) && !interval_set_empty(&ports);
    if (meets) {
        struct cell old = *cell;
        *cell = (struct cell){.sources = sources, .ports = ports};
        endings_copy(cell, &old);
        *list_append(&cell->endings) = ending;
        box_rest(&box->sources, &box->ports, &sources, &ports, NULL, ret_rest);
        box_rest(&old.sources, &old.ports, &sources, &ports, &old, cells);
        cell_free(&old);
        return true;
    }
    interval_set_free(&sources);
    interval_set_free(&ports);
    return false;
}

/* Adds an ending that may overlap with others. Cells that the splitting makes need not be met again. */
static void cells_overlay(struct cell_list *cells, const struct ending *ending)
{
    struct cell_list todo = {0};
    struct interval_set sources = interval_set_copy(&ending->fragment->sources->set);
    struct interval_set ports = interval_set_copy(&ending->fragment->ports->set);
    cell_add(&todo, &sources, &ports);
    while (todo.count > 0) {
        struct cell box = todo.items[--todo.count];
        size_t count = cells->count, i = 0;
        while (i < count && !cell_meet(cells, i, &box, ending, &todo))
            i++;
        if (i == count) {
            struct cell *cell = cell_add(cells, &box.sources, &box.ports);
            *list_append(&cell->endings) = ending;
        }
        cell_free(&box);
    }
    list_free(&todo);
}

/* What is certain overlaps with nothing; only what may be is laid over each other. */
static void cells_make(const struct survey *survey, struct cell_list *ret_cells)
{
    list_each(const struct ending, ending, &survey->endings)
        if (ending->fragment->may)
            cells_overlay(ret_cells, ending);
    list_each(const struct ending, ending, &survey->endings) {
        if (ending->fragment->may)
            continue;
        struct interval_set sources = interval_set_copy(&ending->fragment->sources->set);
        struct interval_set ports = interval_set_copy(&ending->fragment->ports->set);
        *list_append(&cell_add(ret_cells, &sources, &ports)->endings) = ending;
    }
}

/* ---- pieces: cells by what becomes of them ---- */
struct piece {
    enum state state;
    const struct ending *ending; /* that stands for it */
    struct cell *cell;
    u128 size; /* number of addresses */
};
struct piece_list {
    struct piece *items;
    size_t count, capacity;
};

static u128 set_size(const struct interval_set *set)
{
    u128 size = 0;
    for (size_t i = 0; i < set->count; i++)
        size += set->items[i].last - set->items[i].first + 1;
    return set->count > 0 && size == 0 ? ~(u128)0 : size; /* all of IPv6 */
}

static struct piece piece_of(struct cell *cell)
{
    const struct ending *best = cell->endings.items[0];
    bool same = true;
    for (size_t i = 1; i < cell->endings.count; i++) {
        const struct ending *other = cell->endings.items[i];
        /* open either way, but for whom is not known */
        same &= other->state == best->state && target_same_listener(&other->target, &best->target);
        if (other->state < best->state)
            best = other;
    }
    return (struct piece){same ? best->state : STATE_UNDETERMINED, best, cell, 0};
}

static int order(uintptr_t a, uintptr_t b)
{
    return a < b ? -1 : a > b;
}

static int text_order(const char *a, const char *b)
{
    return a == b ? 0 : !a ? -1 : !b ? 1 : strcmp(a, b);
}

static int cause_order(const struct cause *a, const struct cause *b)
{
    int by = order(a->kind, b->kind);
    by = by ? by : order((uintptr_t)a->namespace, (uintptr_t)b->namespace);
    by = by ? by : order((uintptr_t)a->chain, (uintptr_t)b->chain);
    by = by ? by : order((uintptr_t)a->rule, (uintptr_t)b->rule);
    if (by != 0 || a->rule || a->chain)
        return by;
    by = text_order(a->subject, b->subject);
    return by ? by : text_order(a->text, b->text);
}

static int target_order(const struct target *a, const struct target *b)
{
    int by = order(a->namespace, b->namespace);
    by = by ? by : address_compare(a->address, b->address);
    by = by ? by : order(a->port, b->port);
    by = by ? by : order((uintptr_t)(a->socket + 1), (uintptr_t)(b->socket + 1));
    return by ? by : order(a->elsewhere, b->elsewhere);
}

static int ports_order(const struct interval_set *a, const struct interval_set *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (size_t i = 0; i < a->count; i++) {
        if (a->items[i].first != b->items[i].first)
            return a->items[i].first < b->items[i].first ? -1 : 1;
        if (a->items[i].last != b->items[i].last)
            return a->items[i].last < b->items[i].last ? -1 : 1;
    }
    return 0;
}

/* Pieces that compare equal become one part. */
static int piece_order(const void *left, const void *right)
{
    const struct piece *a = left, *b = right;
    int by = order(a->state, b->state);
    by = by ? by : cause_order(&a->ending->cause, &b->ending->cause);
    by = by ? by : target_order(&a->ending->target, &b->ending->target);
    by = by ? by : order(a->ending->answer, b->ending->answer);
    by = by ? by
            : order(a->ending->icmp_type << 8 | a->ending->icmp_code,
                    b->ending->icmp_type << 8 | b->ending->icmp_code);
    return by ? by : ports_order(&a->cell->ports, &b->cell->ports);
}

static void cells_join(struct cell *into, struct cell *from)
{
    for (size_t i = 0; i < from->sources.count; i++)
        interval_set_add(&into->sources, from->sources.items[i].first, from->sources.items[i].last);
    endings_copy(into, from);
}

static void pieces_make(struct cell_list *cells, struct piece_list *ret_pieces)
{
    list_each(struct cell, cell, cells)
        *list_append(ret_pieces) = piece_of(cell);
    if (ret_pieces->count > 1)
        qsort(ret_pieces->items, ret_pieces->count, sizeof(*ret_pieces->items), piece_order);
    size_t kept = 0;
    for (size_t i = 0; i < ret_pieces->count; i++) {
        struct piece *piece = &ret_pieces->items[i];
        if (kept > 0 && piece_order(&ret_pieces->items[kept - 1], piece) == 0)
            cells_join(ret_pieces->items[kept - 1].cell, piece->cell);
        else
            ret_pieces->items[kept++] = *piece;
    }
    ret_pieces->count = kept;
}

/* ---- the most exposed port of each address ---- */
static int claim_order(const void *left, const void *right)
{
    const struct piece *a = left, *b = right;
    int by = order(a->state, b->state);
    if (by != 0)
        return by;
    u128 a_ports = set_size(&a->cell->ports), b_ports = set_size(&b->cell->ports);
    if (a_ports != b_ports)
        return a_ports > b_ports ? -1 : 1;
    return a->size > b->size ? -1 : a->size < b->size;
}

static bool one_port_set(const struct piece_list *pieces, const struct interval_set *ports)
{
    list_each(const struct piece, piece, pieces)
        if (!interval_set_equal(&piece->cell->ports, ports))
            return false;
    return true;
}

/* The addresses that pieces which end at one listener (NULL: at none) have claimed. */
struct claim {
    const struct target *listener;
    struct interval_set addresses;
};
struct claim_list {
    struct claim *items;
    size_t count, capacity;
};

static const struct target *piece_listener(const struct piece *piece)
{
    bool serves = piece->state <= STATE_UNDETERMINED && piece->ending->target.socket >= 0;
    return serves ? &piece->ending->target : NULL;
}

static bool claims_meet(const struct target *a, const struct target *b)
{
    return !a || !b || target_same_listener(a, b);
}

static void interval_set_unite(struct interval_set *set, const struct interval_set *other)
{
    struct interval_set both = interval_set_union(set, other);
    interval_set_free(set);
    *set = both;
}

static void claim_add(struct claim_list *claims, const struct target *listener,
                      const struct interval_set *addresses)
{
    list_each(struct claim, claim, claims)
        if (claim->listener == listener ||
            (claim->listener && listener && target_same_listener(claim->listener, listener))) {
            interval_set_unite(&claim->addresses, addresses);
            return;
        }
    *list_append(claims) = (struct claim){listener, interval_set_copy(addresses)};
}

/* Leaves each address in its most exposed piece only; but what one port of it reaches hides no other
 * listener. */
static void pieces_claim(struct piece_list *pieces, const struct interval_set *ports)
{
    struct claim_list claims = {0};
    list_each(struct piece, piece, pieces)
        piece->size = set_size(&piece->cell->sources);
    if (pieces->count > 1)
        qsort(pieces->items, pieces->count, sizeof(*pieces->items), claim_order);
    if (one_port_set(pieces, ports))
        return;
    list_each(struct piece, piece, pieces) {
        const struct target *listener = piece_listener(piece);
        struct interval_set own = interval_set_copy(&piece->cell->sources);
        list_each(const struct claim, claim, &claims)
            if (claims_meet(claim->listener, listener)) {
                struct interval_set rest = interval_set_subtract(&own, &claim->addresses);
                interval_set_free(&own);
                own = rest;
            }
        claim_add(&claims, listener, &own);
        interval_set_free(&piece->cell->sources);
        piece->cell->sources = own;
        piece->size = set_size(&own);
    }
    list_each(struct claim, claim, &claims)
        interval_set_free(&claim->addresses);
    list_free(&claims);
}

/* The last of those kept that has the state and the listener. */
static struct piece *piece_alike(struct piece_list *pieces, size_t kept, const struct piece *piece)
{
    while (kept-- > 0) {
        struct piece *other = &pieces->items[kept];
        if (other->state == piece->state &&
            target_same_listener(&other->ending->target, &piece->ending->target))
            return other;
    }
    return NULL;
}

/* Thousands of rules that drop a prefix each need not be thousands of parts. */
static void pieces_limit(struct piece_list *pieces)
{
    size_t kept = 0, of_state = 0;
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->items[i];
        if (piece->size == 0)
            continue;
        of_state = kept > 0 && pieces->items[kept - 1].state == piece->state ? of_state + 1 : 1;
        struct piece *alike = of_state > PARTS_OF_STATE ? piece_alike(pieces, kept, piece) : NULL;
        if (alike)
            cells_join(alike->cell, piece->cell);
        else
            pieces->items[kept++] = *piece;
    }
    pieces->count = kept;
    list_each(struct piece, piece, pieces)
        piece->size = set_size(&piece->cell->sources);
    if (kept > 1)
        qsort(pieces->items, kept, sizeof(*pieces->items), claim_order);
}

/* ---- words ---- */
static const char *port_text(struct arena *arena, const char *what, struct address address, uint32_t port)
{
    if (address.family == FAMILY_IP6)
        return arena_printf(arena, "%s to [%s]:%u", what, ADDRESS_TEXT(address), port);
    return arena_printf(arena, "%s to %s:%u", what, ADDRESS_TEXT(address), port);
}

static const char *effect_text(struct arena *arena, const struct trace *trace)
{
    switch (trace->effect) {
    case EFFECT_ACCEPT:
        return "accept";
    case EFFECT_DROP:
        return "drop";
    case EFFECT_REJECT:
        return "reject";
    case EFFECT_JUMP:
        return arena_printf(arena, "jump %s", trace->text);
    case EFFECT_GOTO:
        return arena_printf(arena, "goto %s", trace->text);
    case EFFECT_RETURN:
        return "return";
    case EFFECT_MARK:
        return arena_printf(arena, "mark set 0x%x", trace->number);
    case EFFECT_CT_MARK:
        return arena_printf(arena, "ct mark set 0x%x", trace->number);
    case EFFECT_NOTRACK:
        return "notrack";
    case EFFECT_DNAT:
        return port_text(arena, "dnat", trace->address, trace->number);
    case EFFECT_SNAT:
        return arena_printf(arena, "snat to %s", ADDRESS_TEXT(trace->address));
    case EFFECT_ROUTE:
        return arena_printf(arena, "route %s", trace->text);
    default:
        return arena_strdup(arena, trace->text ? trace->text : "");
    }
}

static void step_make(struct symbolic *symbolic, const struct trace *trace, struct step *step)
{
    *step = (struct step){.hook = trace->hook,
                          .namespace = trace->namespace->facts->id,
                          .interface = trace->interface,
                          .has_rule = trace->table != NULL,
                          .effect = effect_text(symbolic_arena(symbolic), trace)};
    if (!trace->table)
        return;
    struct cause place = {
        .namespace = trace->namespace, .table = trace->table, .chain = trace->chain, .rule = trace->rule};
    step->rule = symbolic_reference(symbolic, &place);
}

static void steps_make(struct symbolic *symbolic, const struct trace *last, struct prediction_part *part)
{
    size_t count = 0;
    for (const struct trace *trace = last; trace; trace = trace->previous)
        count++;
    if (count == 0)
        return;
    struct step *steps = arena_alloc(symbolic_arena(symbolic), count * sizeof(*steps));
    part->steps = steps;
    part->step_count = count;
    for (const struct trace *trace = last; trace; trace = trace->previous)
        step_make(symbolic, trace, &steps[--count]);
}

static struct decider decider_make(struct symbolic *symbolic, const struct cause *cause)
{
    struct decider decider = {.kind = cause->kind,
                              .namespace = cause->namespace ? cause->namespace->facts->id : 0,
                              .subject = arena_strdup(symbolic_arena(symbolic), cause->subject),
                              .text = arena_strdup(symbolic_arena(symbolic), cause->text)};
    if (cause->table)
        decider.rule = symbolic_reference(symbolic, cause);
    return decider;
}

static void reasons_make(struct symbolic *symbolic, const struct cell *cell, struct reason_list *reasons)
{
    for (size_t i = 0; i < cell->endings.count; i++)
        for (const struct doubt *doubt = cell->endings.items[i]->fragment->doubts; doubt;
             doubt = doubt->previous)
            reason_add(reasons, doubt->code, arena_strdup(symbolic_arena(symbolic), doubt->subject),
                       doubt->message);
}

static void other_add(struct prediction_part *part, const struct target *target)
{
    if (target->socket < 0 || target_same_listener(target, &part->target))
        return;
    list_each(const struct target, known, &part->others)
        if (target_same_listener(known, target))
            return;
    *list_append(&part->others) = *target;
}

/* Of an undetermined part the first reason stands for what decides. */
static void undetermined_decider(const struct ending *ending, struct prediction_part *part)
{
    part->decider =
        (struct decider){.kind = DECIDER_PROGRAM, .namespace = ending->fragment->namespace->facts->id};
    if (part->reasons.count == 0)
        return;
    part->decider.subject = part->reasons.items[0].subject;
    part->decider.text = part->reasons.items[0].message;
}

static bool ends_otherwise(const struct ending *ending, const struct prediction_part *part)
{
    return target_order(&ending->target, &part->target) != 0 || ending->answer != part->answer ||
           ending->icmp_type != part->icmp_type || ending->icmp_code != part->icmp_code;
}

static void part_make(struct symbolic *symbolic, const struct piece *piece, const struct interval_set *ports,
                      struct prediction *prediction)
{
    const struct ending *ending = piece->ending;
    struct prediction_part *part = list_append(&prediction->parts);
    part->state = piece->state;
    part->sources = interval_set_copy(&piece->cell->sources);
    if (!interval_set_equal(&piece->cell->ports, ports))
        part->source_ports = interval_set_copy(&piece->cell->ports);
    part->target = ending->target;
    part->answer = ending->answer;
    part->icmp_type = ending->icmp_type;
    part->icmp_code = ending->icmp_code;
    for (size_t i = 0; i < piece->cell->endings.count; i++) {
        part->stateful |= piece->cell->endings.items[i]->fragment->stateful;
        part->by_sender |= piece->cell->endings.items[i]->fragment->by_sender;
        part->one_of_several |= ends_otherwise(piece->cell->endings.items[i], part);
    }
    if (part->state == STATE_UNDETERMINED) {
        reasons_make(symbolic, piece->cell, &part->reasons);
        undetermined_decider(ending, part);
        for (size_t i = 0; i < piece->cell->endings.count; i++)
            other_add(part, &piece->cell->endings.items[i]->target);
    } else {
        part->decider = decider_make(symbolic, &ending->cause);
    }
    steps_make(symbolic, ending->fragment->trace, part);
}

void prediction_make(struct symbolic *symbolic, const struct survey *survey, const struct interval_set *ports,
                     struct prediction *prediction)
{
    struct cell_list cells = {0};
    struct piece_list pieces = {0};
    cells_make(survey, &cells);
    pieces_make(&cells, &pieces);
    pieces_claim(&pieces, ports);
    pieces_limit(&pieces);
    list_each(const struct piece, piece, &pieces)
        part_make(symbolic, piece, ports, prediction);
    prediction->state = prediction->parts.count > 0 ? prediction->parts.items[0].state : STATE_UNREACHABLE;
    list_free(&pieces);
    list_each(struct cell, cell, &cells)
        cell_free(cell);
    list_free(&cells);
}

/* ---- the second walk ---- */
static unsigned drop_count(const struct ending *ending)
{
    return ending->fragment->drops ? ending->fragment->drops->count : 0;
}

/* Of all ends the one that the fewest stand in the way of, then the most exposed. */
static const struct ending *ending_best(const struct survey *survey)
{
    const struct ending *best = NULL;
    list_each(const struct ending, ending, &survey->endings)
        if (!best || ending->state < best->state ||
            (ending->state == best->state && drop_count(ending) < drop_count(best)))
            best = ending;
    return best;
}

/* ---- what only some of the sources would meet ---- */
#define LATER_FOR_SOME_MAX 8

struct cause_list {
    const struct cause *items[LATER_FOR_SOME_MAX + 32];
    size_t count;
};

static bool same_cause(const struct cause *a, const struct cause *b)
{
    return a->kind == b->kind && a->namespace == b->namespace && a->chain == b->chain && a->rule == b->rule &&
           (a->table || text_equal(a->subject, b->subject));
}

/* False: it was there, or there is no room. */
static bool cause_add(struct cause_list *list, const struct cause *cause)
{
    for (size_t i = 0; i < list->count; i++)
        if (same_cause(list->items[i], cause))
            return false;
    if (list->count == sizeof(list->items) / sizeof(list->items[0]))
        return false;
    list->items[list->count++] = cause;
    return true;
}

static void some_add(struct symbolic *symbolic, struct cause_list *known, const struct cause *cause,
                     struct prediction_part *part)
{
    if (cause->kind == DECIDER_ADDRESS) /* a source that nobody has is of no interest */
        return;
    if (part->later_for_some.count < LATER_FOR_SOME_MAX && cause_add(known, cause))
        *list_append(&part->later_for_some) = decider_make(symbolic, cause);
}

static bool ends_by_decision(const struct ending *ending)
{
    return ending->state == STATE_FILTERED || ending->state == STATE_UNREACHABLE;
}

static void part_add_later_for_some(struct symbolic *symbolic, const struct survey *survey,
                                    const struct ending *best, struct prediction_part *part)
{
    struct cause_list known = {0};
    for (const struct drop *drop = best->fragment->drops; drop; drop = drop->previous)
        cause_add(&known, &drop->cause);
    if (ends_by_decision(best))
        cause_add(&known, &best->cause);
    list_each(const struct ending, ending, &survey->endings) {
        for (const struct drop *drop = ending->fragment->drops; drop; drop = drop->previous)
            some_add(symbolic, &known, &drop->cause, part);
        if (ends_by_decision(ending))
            some_add(symbolic, &known, &ending->cause, part);
    }
}

void part_add_later(struct symbolic *symbolic, const struct survey *survey, struct prediction_part *part)
{
    const struct ending *best = ending_best(survey);
    if (!best)
        return;
    part->target = best->target;
    size_t count = drop_count(best);
    if (count == 0)
        return;
    for (size_t i = 1; i < count; i++)
        list_append(&part->later);
    for (const struct drop *drop = best->fragment->drops; drop->previous; drop = drop->previous)
        part->later.items[--count - 1] = decider_make(symbolic, &drop->cause);
    if (ends_by_decision(best))
        *list_append(&part->later) = decider_make(symbolic, &best->cause);
    part_add_later_for_some(symbolic, survey, best, part);
}

/* ---- several senders ---- */
static int exposure_order(const void *left, const void *right)
{
    const struct prediction_part *a = left, *b = right;
    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    u128 a_size = set_size(&a->sources), b_size = set_size(&b->sources);
    return a_size > b_size ? -1 : a_size < b_size;
}

static bool same_decider(const struct decider *a, const struct decider *b)
{
    return a->kind == b->kind && a->namespace == b->namespace && a->rule.handle == b->rule.handle &&
           a->rule.position == b->rule.position && text_equal(a->rule.table, b->rule.table) &&
           text_equal(a->rule.chain, b->rule.chain) && text_equal(a->rule.family, b->rule.family) &&
           (a->kind == DECIDER_RULE || a->kind == DECIDER_POLICY ||
            (text_equal(a->subject, b->subject) && text_equal(a->text, b->text)));
}

static bool same_part(const struct prediction_part *a, const struct prediction_part *b)
{
    return a->state == b->state && same_decider(&a->decider, &b->decider) &&
           target_order(&a->target, &b->target) == 0 && a->answer == b->answer &&
           interval_set_equal(&a->source_ports, &b->source_ports);
}

/* Leaves an address in its most exposed part only; parts that are alike become one. */
static void parts_settle(struct prediction *prediction)
{
    _cleanup_interval_set_ struct interval_set claimed = {0};
    size_t kept = 0;
    for (size_t i = 0; i < prediction->parts.count; i++) {
        struct prediction_part part = prediction->parts.items[i], *last = NULL;
        struct interval_set own = interval_set_subtract(&part.sources, &claimed);
        struct interval_set all = interval_set_union(&claimed, &own);
        interval_set_free(&claimed);
        interval_set_free(&part.sources);
        claimed = all;
        part.sources = own;
        for (size_t j = 0; j < kept && !last; j++)
            if (same_part(&prediction->parts.items[j], &part))
                last = &prediction->parts.items[j];
        if (!last && !interval_set_empty(&own)) {
            prediction->parts.items[kept++] = part;
            continue;
        }
        for (size_t j = 0; last && j < own.count; j++)
            interval_set_add(&last->sources, own.items[j].first, own.items[j].last);
        for (size_t j = 0; last && j < part.others.count; j++)
            other_add(last, &part.others.items[j]);
        prediction_part_free(&part);
    }
    prediction->parts.count = kept;
}

void prediction_join(struct prediction *into, struct prediction *from)
{
    list_each(struct prediction_part, part, &from->parts)
        *list_append(&into->parts) = *part;
    from->parts.count = 0;
    list_each(const struct decider, decider, &from->off_path)
        *list_append(&into->off_path) = *decider;
    prediction_free(from);
    if (into->parts.count > 1)
        qsort(into->parts.items, into->parts.count, sizeof(*into->parts.items), exposure_order);
    parts_settle(into);
    if (into->parts.count > 1)
        qsort(into->parts.items, into->parts.count, sizeof(*into->parts.items), exposure_order);
    into->state = into->parts.count > 0 ? into->parts.items[0].state : STATE_UNREACHABLE;
}

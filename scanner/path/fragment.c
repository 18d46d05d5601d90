/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/path/fragment.h"

#include "netns/base/text.h"

/* ---- regions ---- */
struct region *region_new(struct interval_set *set)
{
    struct region *region = memory_alloc(sizeof(*region));
    region->set = *set;
    region->references = 1;
    *set = (struct interval_set){0};
    return region;
}

struct region *region_share(struct region *region)
{
    region->references++;
    return region;
}

void region_release(struct region *region)
{
    if (!region || --region->references > 0)
        return;
    interval_set_free(&region->set);
    free(region);
}

/* ---- fragments ---- */
struct fragment *fragment_copy(const struct fragment *fragment)
{
    struct fragment *copy = memory_alloc(sizeof(*copy));
    *copy = *fragment;
    region_share(copy->sources);
    region_share(copy->ports);
    return copy;
}

void fragment_free(struct fragment *fragment)
{
    if (!fragment)
        return;
    region_release(fragment->sources);
    region_release(fragment->ports);
    free(fragment);
}

void fragment_list_add(struct fragment_list *list, struct fragment *fragment)
{
    if (fragment)
        *list_append(list) = fragment;
}

void fragment_list_move(struct fragment_list *into, struct fragment_list *from)
{
    if (into->count == 0) {
        struct fragment_list empty = *into;
        *into = *from;
        *from = empty;
        return;
    }
    for (size_t i = 0; i < from->count; i++)
        fragment_list_add(into, from->items[i]);
    from->count = 0;
}

void fragment_list_free(struct fragment_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        fragment_free(list->items[i]);
    list_free(list);
}

void fragment_reset(struct fragment *fragment)
{
    fragment->mark = (struct bits){0, UINT32_MAX};
    fragment->connection_mark = (struct bits){0, UINT32_MAX};
    fragment->tracked = fragment->untracked = false;
    fragment->destination_settled = fragment->source_settled = false;
    fragment->status = 0;
    fragment->sender = NULL;
    fragment->looped = fragment->prerouted = false;
    fragment->port = fragment->out = NULL;
    fragment->arrived = 0;
    fragment->original_source = fragment->source;
    fragment->original_source_port_given = fragment->source_port_given;
    fragment->original_source_port = fragment->source_port;
    fragment->original_destination = fragment->destination;
    fragment->original_port = fragment->port_number;
}

/* ---- cutting ---- */
/* Takes the fragment; gives it the part of its region that is in `inside`, and a copy the rest. */
static void split_region(struct fragment *fragment, bool ports, const struct interval_set *set,
                         struct fragment **ret_in, struct fragment **ret_out)
{
    struct region *region = ports ? fragment->ports : fragment->sources;
    struct interval_set inside = interval_set_intersect(&region->set, set);
    *ret_in = *ret_out = NULL;
    if (interval_set_empty(&inside)) {
        *ret_out = fragment;
        interval_set_free(&inside);
        return;
    }
    struct interval_set outside = interval_set_subtract(&region->set, set);
    *ret_in = fragment;
    if (interval_set_empty(&outside)) {
        interval_set_free(&inside);
        interval_set_free(&outside);
        return;
    }
    *ret_out = fragment_copy(fragment);
    struct region **in_place = ports ? &(*ret_in)->ports : &(*ret_in)->sources;
    struct region **out_place = ports ? &(*ret_out)->ports : &(*ret_out)->sources;
    region_release(*in_place);
    region_release(*out_place);
    *in_place = region_new(&inside);
    *out_place = region_new(&outside);
}

void fragment_split_sources(struct fragment *fragment, const struct interval_set *set,
                            struct fragment **ret_in, struct fragment **ret_out)
{
    if (!fragment->source.given) {
        split_region(fragment, false, set, ret_in, ret_out);
        return;
    }
    bool inside = interval_set_contains(set, fragment->source.address.value);
    *ret_in = inside ? fragment : NULL;
    *ret_out = inside ? NULL : fragment;
}

void fragment_split_ports(struct fragment *fragment, const struct interval_set *set, struct fragment **ret_in,
                          struct fragment **ret_out)
{
    if (!fragment->source_port_given) {
        split_region(fragment, true, set, ret_in, ret_out);
        return;
    }
    bool inside = interval_set_contains(set, fragment->source_port);
    *ret_in = inside ? fragment : NULL;
    *ret_out = inside ? NULL : fragment;
}

/* ---- what it carries ---- */
void fragment_doubt(struct fragment *fragment, struct arena *arena, const char *code, const char *subject,
                    const char *message)
{
    fragment->may = true;
    for (const struct doubt *doubt = fragment->doubts; doubt; doubt = doubt->previous)
        if (text_equal(doubt->code, code) && text_equal(doubt->subject, subject))
            return;
    struct doubt *doubt = arena_alloc(arena, sizeof(*doubt));
    *doubt = (struct doubt){fragment->doubts, code, subject, message};
    fragment->doubts = doubt;
}

void fragment_taint(struct fragment *fragment, struct arena *arena, enum taint taint, const char *code,
                    const char *subject, const char *message)
{
    fragment_doubt(fragment, arena, code, subject, message);
    if (fragment->taint < taint)
        fragment->taint = taint;
}

void fragment_doubts_from(struct fragment *fragment, struct arena *arena, const struct doubt *doubts)
{
    for (; doubts && doubts != fragment->doubts; doubts = doubts->previous)
        fragment_doubt(fragment, arena, doubts->code, doubts->subject, doubts->message);
}

struct trace *fragment_trace(struct fragment *fragment, struct arena *arena, const char *hook,
                             enum effect_kind effect, const char *text)
{
    struct trace *trace = arena_alloc(arena, sizeof(*trace));
    trace->previous = fragment->trace;
    trace->hook = hook;
    trace->namespace = fragment->namespace;
    trace->effect = effect;
    trace->text = text;
    fragment->trace = trace;
    return trace;
}

/* ---- joining ---- */
#define JOIN_MAX 256 /* longer lists are left as they are: the work is quadratic */

static bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->given == b->given && (!a->given || address_equal(a->address, b->address));
}

static bool bits_equal(struct bits a, struct bits b)
{
    return a.known == b.known && (a.value & a.known) == (b.value & b.known);
}

static bool place_equal(const struct fragment *a, const struct fragment *b)
{
    return !a->cut && !b->cut && a->stage == b->stage && a->namespace == b->namespace && a->in == b->in &&
           a->out == b->out && a->port == b->port && a->sender == b->sender && a->looped == b->looped &&
           a->prerouted == b->prerouted && a->taint == b->taint && a->arrived == b->arrived &&
           a->station.link == b->station.link && a->station.port == b->station.port &&
           address_equal(a->next_hop, b->next_hop);
}

static bool packet_equal(const struct fragment *a, const struct fragment *b)
{
    return endpoint_equal(&a->source, &b->source) && a->source_port_given == b->source_port_given &&
           (!a->source_port_given || a->source_port == b->source_port) &&
           a->source_port_random == b->source_port_random && address_equal(a->destination, b->destination) &&
           a->port_number == b->port_number && bits_equal(a->mark, b->mark) &&
           a->source_mac == b->source_mac && a->destination_mac == b->destination_mac;
}

static bool connection_equal(const struct fragment *a, const struct fragment *b)
{
    return a->tracked == b->tracked && a->untracked == b->untracked &&
           a->destination_settled == b->destination_settled && a->source_settled == b->source_settled &&
           a->status == b->status && bits_equal(a->connection_mark, b->connection_mark) &&
           endpoint_equal(&a->original_source, &b->original_source) &&
           a->original_source_port_given == b->original_source_port_given &&
           a->original_source_port == b->original_source_port &&
           address_equal(a->original_destination, b->original_destination) &&
           a->original_port == b->original_port;
}

static bool drops_equal(const struct drop *a, const struct drop *b)
{
    for (; a != b; a = a->previous, b = b->previous)
        if (!a || !b || a->cause.rule != b->cause.rule || a->cause.chain != b->cause.chain ||
            !text_equal(a->cause.subject, b->cause.subject))
            return false;
    return true;
}

/* Do both fare alike from here on? */
static bool fragment_alike(const struct fragment *a, const struct fragment *b)
{
    return place_equal(a, b) && packet_equal(a, b) && connection_equal(a, b) &&
           drops_equal(a->drops, b->drops);
}

/* Puts the region of `other` into `fragment`, where their union is a product again; false: it is not. */
static bool join_regions(struct fragment *fragment, const struct fragment *other)
{
    bool same_ports = interval_set_equal(&fragment->ports->set, &other->ports->set);
    bool same_sources = interval_set_equal(&fragment->sources->set, &other->sources->set);
    if (same_ports && same_sources)
        return true;
    /* what is certain for one and not for the other keeps them apart; so does a different acceptance */
    if (fragment->may != other->may || fragment->acceptance != other->acceptance ||
        !(same_ports || same_sources))
        return false;
    struct region **place = same_ports ? &fragment->sources : &fragment->ports;
    const struct region *more = same_ports ? other->sources : other->ports;
    struct interval_set both = interval_set_union(&(*place)->set, &more->set);
    region_release(*place);
    *place = region_new(&both);
    return true;
}

/* Of two ways to the same packet the more certain one tells how it came; the doubts of both remain. */
static void join_history(struct fragment *fragment, const struct fragment *other, struct arena *arena)
{
    if (fragment->may && other->may)
        fragment_doubts_from(fragment, arena, other->doubts);
    if (fragment->may && !other->may) {
        fragment->may = false;
        fragment->doubts = other->doubts;
        fragment->trace = other->trace;
        fragment->acceptance = other->acceptance;
        fragment->acceptance_rank = other->acceptance_rank;
    }
    fragment->stateful |= other->stateful;
    fragment->by_sender |= other->by_sender;
}

static bool join_pair(struct fragment *fragment, const struct fragment *other, struct arena *arena)
{
    if (!fragment_alike(fragment, other) || !join_regions(fragment, other))
        return false;
    join_history(fragment, other, arena);
    return true;
}

void fragment_list_join(struct fragment_list *list, struct arena *arena)
{
    if (list->count > JOIN_MAX)
        return;
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = i + 1; j < list->count;) {
            if (!join_pair(list->items[i], list->items[j], arena)) {
                j++;
                continue;
            }
            fragment_free(list->items[j]);
            list->items[j] = list->items[--list->count];
        }
}

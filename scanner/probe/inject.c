/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stranger's frame, put into the ingress of an uplink. */
#include "scanner/probe/method.h"

#include "netns/base/file.h"

#include <errno.h>
#include <linux/if_ether.h>

static const struct plan_uplink *uplink_of(const struct run *run, const struct probe *probe)
{
    return probe->uplink < run->plan->uplinks.count ? &run->plan->uplinks.items[probe->uplink] : NULL;
}

/* The MAC that the gateway or a real neighbour has there; never an invented one. */
static const struct mac *source_mac(const struct plan_uplink *uplink, const struct probe *probe)
{
    if (probe->has_source_mac)
        return &probe->source_mac;
    return uplink->has_gateway ? &uplink->gateway : NULL;
}

/*
 * Where nobody is known and no bridge would learn from the frame, the device's own: no forwarding entry
 * anywhere can hang on it. NULL: the device is a port.
 */
static const struct mac *own_mac(const struct run *run, uint32_t port)
{
    const struct device *device = device_find(&run->devices, port);

    return device && device->has_mac && device->master == 0 ? &device->mac : NULL;
}

static void put_word(struct trial *trial, unsigned word)
{
    trial->link[trial->link_length++] = (uint8_t)(word >> 8);
    trial->link[trial->link_length++] = (uint8_t)word;
}

/* A device without link-layer headers gets one of zeros: the kernel takes it off by the rules of Ethernet. */
static void build_link(struct trial *trial, const struct mac *source)
{
    const struct probe *probe = trial->probe;
    const struct mac *destination = probe->has_destination_mac ? &probe->destination_mac : &trial->point.mac;

    memset(trial->link, 0, sizeof(trial->link));
    trial->link_length = 0;
    if (trial->point.ethernet) {
        memcpy(trial->link, destination->bytes, ETH_ALEN);
        memcpy(trial->link + ETH_ALEN, source->bytes, ETH_ALEN);
    }
    trial->link_length = 2 * ETH_ALEN;
    if (trial->point.vlan) {
        put_word(trial, ETH_P_8021Q);
        put_word(trial, trial->point.vlan);
    }
    put_word(trial, probe->destination.family == FAMILY_IP4 ? ETH_P_IP : ETH_P_IPV6);
}

static int check_way(const struct probe *probe, struct error *error)
{
    if (probe->source.family == FAMILY_NONE || probe->source.family != probe->destination.family)
        return error_set(error, EINVAL, "no-source", NULL, "the plan has no source address for it");
    if (probe->reply == REPLY_UNKNOWN || probe->reply == REPLY_ELSEWHERE)
        return error_set(error, EPERM, "reply-elsewhere", NULL, "its answer may leave where no guard stands");
    return 0;
}

static int prepare_ingress(struct run *run, struct trial *trial, struct error *error)
{
    const struct plan_uplink *uplink = uplink_of(run, trial->probe);
    const struct mac *source;
    int result = check_way(trial->probe, error);

    if (result < 0)
        return result;
    if (!uplink)
        return error_set(error, EINVAL, "uplink-down", NULL, "the plan has no such uplink");
    source = source_mac(uplink, trial->probe);
    result = entry_point_find(&run->devices, run->plan, uplink, source, &trial->point, error);
    if (result < 0)
        return result;
    if (trial->point.ethernet && !source)
        source = own_mac(run, trial->point.port);
    if (trial->point.ethernet && !source)
        return error_set(error, EHOSTUNREACH, "no-neighbour", uplink->name,
                         "neither the gateway nor a neighbour is known there, and no MAC is invented");
    build_link(trial, source);
    trial->source = trial->probe->source;
    return 0;
}

static int refuse_by(const struct error *cause, const char *code, struct error *error)
{
    return error_set(error, EPERM, code, NULL, "%s", cause->message);
}

static const char *refusal_code(const struct error *cause)
{
    if (!strcmp(cause->code, "no-keeper"))
        return cause->code;
    return cause->status == EPERM || cause->status == EACCES ? "no-capability" : "kernel-too-old";
}

static int permit_ingress(struct run *run, struct trial *trial, struct error *error)
{
    const struct probe *probe = trial->probe;
    uint64_t reply = probe->reply == REPLY_HOST ? run->plan->host : probe->reply_namespace;
    const struct error *cause = &run->injection_error;

    if (error_is_set(cause))
        return refuse_by(cause, refusal_code(cause), error);
    if (!guard_complete(run->guard))
        return refuse_by(guard_complaint(run->guard), "no-guard", error);
    if (!guard_stands(run->guard, GUARD_OUTPUT, reply) && !(run->guard_without & GUARD_WITHOUT_HOOKS))
        return error_set(error, EPERM, "reply-elsewhere", NULL, "no guard stands where its answer leaves");
    if (probe->protocol == PROTOCOL_UDP && !guard_stands(run->guard, GUARD_INPUT, probe->target))
        return error_set(error, EPERM, "no-guard", NULL,
                         "nothing would keep the datagram from the application");
    return 0;
}

/* Frames that enter by the same device go in one call, in the order of the shots. */
static uint32_t take_group(struct run *run, const uint32_t *indexes, uint32_t count)
{
    uint32_t port = run->shots.entries[indexes[0]].port, taken = 0;
    uint64_t now = time_monotonic_ns();

    while (taken < count && run->shots.entries[indexes[taken]].port == port) {
        struct shot_entry *entry = &run->shots.entries[indexes[taken]];

        injector_put(&run->injector, taken, &run->shots, indexes[taken],
                     entry->tuple.protocol == SHOT_TCP ? CONTENT_SYN : CONTENT_DATAGRAM);
        __atomic_store_n(&entry->sent_ns, now, __ATOMIC_RELEASE); /* the keeper answers for it from here on */
        taken++;
    }
    return taken;
}

static void send_frames(struct run *run, const uint32_t *indexes, uint32_t count)
{
    for (uint32_t done = 0; done < count;) {
        uint32_t taken = take_group(run, indexes + done, count - done);
        int result = injector_fire(&run->injector, run->shots.entries[indexes[done]].port, taken, NULL);

        /* What the program has run for is out, even if the call was interrupted. */
        for (uint32_t i = done + injector_fired(&run->injector); result < 0 && i < done + taken; i++) {
            run->shots.entries[indexes[i]].sent_ns = 0;
            run->trials[run->shots.entries[indexes[i]].probe].send_error =
                result == -ENODEV ? ENODEV : ENOBUFS;
        }
        done += taken;
    }
}

const struct method method_ingress = {
    .id = METHOD_INGRESS, .prepare = prepare_ingress, .permit = permit_ingress, .send = send_frames};

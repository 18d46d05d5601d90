/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a probe is sent: a table of methods, one file each. They share the state of the run, which stands here.
 */
#ifndef POSTERN_SCANNER_PROBE_METHOD_H
#define POSTERN_SCANNER_PROBE_METHOD_H

#include "scanner/probe/claim.h"
#include "scanner/probe/device.h"
#include "scanner/probe/guard.h"
#include "scanner/probe/injector.h"
#include "scanner/probe/keeper.h"
#include "scanner/probe/plan.h"
#include "scanner/probe/shots.h"
#include "scanner/probe/visit.h"
#include "scanner/probe/witness.h"

struct method;
struct senders;

/* A probe on its way through the run. */
struct trial {
    const struct probe *probe;
    const struct method *method; /* NULL: not admitted, `observation` says why */
    struct observation observation;
    uint32_t last_shot; /* NO_SHOT: none yet */
    int send_error;     /* errno of the last shot that did not leave; 0: none */
    bool decided;       /* no further try is needed */
    bool forsaken;      /* the keeper died: no further try is made */
    struct address source;
    struct entry_point point; /* INGRESS */
    uint8_t link[LINK_HEADER_MAX];
    uint8_t link_length;
    uint32_t sender; /* index into the senders; others */
    int connection;  /* CONNECT: the socket; -1: none */
};

struct run {
    const struct plan *plan;
    const struct probe_namespaces *namespaces;
    struct visitor visitor;
    uint64_t deadline_ns;
    struct device_list devices; /* of the host's namespace */
    struct shots shots;
    struct map *claims; /* tuples of all shots, see claim.h */
    struct guard *guard;
    unsigned guard_without; /* tests only: enum guard_without */
    struct injector injector;
    struct keeper keeper;
    struct witness *witness; /* NULL: none */
    bool connecting;         /* there are connections to look after */
    bool guard_blind;        /* what the guard saw could not be read */
    bool cut;                /* the time was over before all was sent and waited for */
    uint32_t losses;         /* packets that it lost */
    uint64_t drops;          /* backlog_drops() before the first packet */
    bool crowded;            /* packets were dropped since, for want of room */
    struct senders *senders;
    struct trial *trials; /* one for each probe */
    int proc;             /* descriptor of procfs; -1: none */
    int conntrack;        /* of the host's namespace; -1: none */
    struct modules *modules;
    struct error injection_error; /* why nothing can be injected */
    struct probe_result *result;
};

struct method {
    enum observed_method id;
    /*
     * Before the guards: fills what the trial needs (entry point, sender, source address). -errno with the
     * reason's code and message: the trial is not sent.
     */
    int (*prepare)(struct run *run, struct trial *trial, struct error *error);
    /* May it be sent, now that the guards stand? NULL: always. */
    int (*permit)(struct run *run, struct trial *trial, struct error *error);
    /* Sends shots by index (all of this method); sets sent_ns, or the trial's send_error. At most
     * SHOT_FRAMES_MAX. */
    void (*send)(struct run *run, const uint32_t *indexes, uint32_t count);
};

/* NULL: a method that is not sent from here (METHOD_REMOTE). */
const struct method *method_find(enum observed_method id);
extern const struct method method_ingress, method_raw, method_datagram, method_connect;

/* Resets what the sender's kernel did not: as struct payer has it, context is the run. */
void raw_reset(void *run, uint32_t index);

/* What the trial's shots would have in conntrack, but for the source port. */
struct claim trial_claim(const struct run *run, const struct trial *trial);

/* ---- senders: sockets in the vantages' namespaces ---- */

/*
 * Finds or makes the sender of the probe's namespace and identity, with the sockets that the method needs,
 * and asks the kernel which source address it would use. -errno with the reason; where the kernel knows no
 * way, -ENETUNREACH and the like with the code "no-route".
 */
int sender_prepare(struct run *run, struct trial *trial, struct error *error);
/* Descriptors that it opened; -1: none. */
int sender_tcp(const struct run *run, uint32_t sender, enum ip_family family);
int sender_udp(const struct run *run, uint32_t sender, enum ip_family family, uint16_t *ret_port);
/* Reads what came to any of them into the sightings; never blocks. */
void senders_receive(struct run *run);
void senders_free(struct run *run);

/*
 * The source address of the trial is not the sender's any more: what the kernel said of its packets is
 * nothing about the way from there.
 */
bool sender_lost_source(struct run *run, const struct trial *trial);

/*
 * A TCP socket that connects, made in the namespace and identity of the trial's sender. Returns the
 * descriptor of a connection under way, or -errno.
 */
int sender_connect(struct run *run, const struct trial *trial, uint16_t *ret_source_port);
/* Looks after the connections under way. */
void connections_receive(struct run *run);

#endif

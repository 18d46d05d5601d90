/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packets of a run: one shot for each try of a probe. Its index gives its cookie, so that an answer leads
 * back to it without a table; one without a cookie, by the list of the shots of its source port. The entries
 * lie in memory that the keeper shares.
 */
#ifndef POSTERN_SCANNER_PROBE_SHOTS_H
#define POSTERN_SCANNER_PROBE_SHOTS_H

#include "netns/base/error.h"
#include "scanner/probe/packet.h"

#include <stdbool.h>
#include <stdint.h>

enum { LINK_HEADER_MAX = 18 };

enum { NO_SHOT = UINT32_MAX };

/* What a reset needs, and what is owed. Written by the run, read by the keeper once the run is dead. */
struct shot_entry {
    struct shot_tuple tuple; /* as sent */
    uint8_t target[16];      /* where it is predicted to end, after rewrites */
    uint16_t target_port;
    uint8_t link_length;
    uint8_t link[LINK_HEADER_MAX]; /* injected: Ethernet header, with its tag */
    uint32_t port;                 /* injected: the interface that it entered by; 0: sent by a socket */
    uint32_t arrival;              /* interface of the host's namespace that feeds the target; 0: none */
    uint32_t probe;                /* index into the plan */
    uint32_t previous;             /* the probe's shot before; NO_SHOT: none */
    uint32_t next;                 /* of the same source port, one more; 0: none */
    bool used;                     /* the keeper counts shots by it */
    bool watched;                  /* the guard sees what passes its target's last input hook */
    bool connects;                 /* the sender's kernel looks after it */
    bool settled;                  /* nothing is half open any more */
    uint8_t resets;                /* sent */
    uint32_t syn_acks;             /* that were seen when it was last reset */
    uint64_t sent_ns;              /* CLOCK_MONOTONIC; 0: not sent */
    uint64_t reset_ns;
};

/* What the run's own sockets and the witness saw of it. */
struct sighting {
    uint32_t arrived;        /* times that it went out by `arrival` */
    uint32_t last_interface; /* of the host's namespace, where it was seen last; 0: never */
    uint32_t last_outgoing;  /* by which it went out last; 0: none */
    uint32_t syn_acks, refusals, errors, answers; /* that came back */
    uint8_t icmp_type, icmp_code;
    bool has_tuple;
    struct shot_tuple tuple; /* as it arrived: after rewrites */
    struct address answered_by;
    uint64_t answered_ns;
};

struct shots {
    uint32_t capacity, count;
    uint32_t past; /* shots before this one are looked at again at the end only */
    uint8_t scan[8];
    uint32_t key[4]; /* of the permutation from index to cookie */
    uint16_t first_port, port_count;
    bool fixed_ports;            /* some probe has a source port of its own */
    uint32_t *by_port;           /* 65536 of them: the port's latest shot, one more; 0: none */
    struct shot_entry *entries;  /* shared memory of capacity items */
    struct sighting *sightings;  /* of capacity items */
    struct shot_record *records; /* of capacity items: a map's pages, or as the others */
    size_t records_size;
};

/* Random keys and a random block of source ports, known before the number of shots is. -errno "no-random". */
int shots_begin(struct shots *shots, struct error *error);
/* Room for capacity shots. -ENOMEM "no-memory". */
int shots_reserve(struct shots *shots, uint32_t capacity, struct error *error);
/* Records in shared memory, unless a guard has set those of its map. -ENOMEM. */
int shots_need_records(struct shots *shots, struct error *error);
void shots_free(struct shots *shots);
#define _cleanup_shots_ _cleanup_(shots_free)

/* A bijection on 32 bits: distinct for every index, and not to be guessed. */
uint32_t shots_cookie(const struct shots *shots, uint32_t index);
/* Back: false where no shot has that cookie. */
bool shots_index(const struct shots *shots, uint32_t cookie, uint32_t *ret_index);
/* The index's place in the block of source ports. */
uint16_t shots_port(const struct shots *shots, uint32_t index);
/* Its entry is filled: it may be found by its tuple. */
void shots_enlist(struct shots *shots, uint32_t index);

/* The shot that a packet belongs to: by cookie, confirmed by family, protocol and a port; else by tuple. */
bool shots_find(const struct shots *shots, const struct sight *sight, uint32_t *ret_index);

/* True where the shot was answered so that its target holds a connection. */
bool shots_half_open(const struct shots *shots, uint32_t index);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The witness: one capture of all interfaces of the host's namespace, which sees the host's end of every
 * veth. It tells whether a shot arrived, where it was last seen, and what came back.
 */
#ifndef POSTERN_SCANNER_PROBE_WITNESS_H
#define POSTERN_SCANNER_PROBE_WITNESS_H

#include "netns/base/error.h"
#include "scanner/probe/shots.h"

#include <stdbool.h>
#include <stdint.h>

struct witness;

/*
 * Starts it in the calling thread's namespace. extra_ports: source ports of shots outside the scan's range.
 * shots must outlive it. -errno "no-capture".
 */
int witness_open(struct shots *shots, const uint16_t *extra_ports, size_t extra_count,
                 struct witness **ret_witness, struct error *error);
struct witness *witness_close(struct witness *witness); /* NULL is fine; returns NULL */
void cleanup_witness(struct witness *const *witness);

/* Reads what was captured so far into shots->sightings; never blocks. A packet shows after some 10 ms. */
void witness_read(struct witness *witness);
/* Packets that the kernel had no room for. What was not seen may have been among them. */
uint32_t witness_losses(struct witness *witness);

/* Notes one packet that was seen on an interface; for the capture, the run's own sockets (interface 0) and
 * tests. */
void sighting_note(struct shots *shots, const struct sight *sight, uint32_t interface, bool outgoing,
                   uint64_t time_ns);
/* A captured packet with its Linux "cooked" header of version 2 (LINKTYPE_LINUX_SLL2), as a tuple of these.
 */
bool cooked_read(const uint8_t *bytes, size_t length, const uint8_t scan[8], struct sight *ret_sight,
                 uint32_t *ret_interface, bool *ret_outgoing);

#endif

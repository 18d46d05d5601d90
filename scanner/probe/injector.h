/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts frames into the ingress of an interface of the calling thread's namespace, as if it had received them.
 */
#ifndef POSTERN_SCANNER_PROBE_INJECTOR_H
#define POSTERN_SCANNER_PROBE_INJECTOR_H

#include "netns/base/error.h"
#include "scanner/probe/shots.h"

#include <stdint.h>

struct bpf_object;

struct injector {
    struct bpf_object *object;
    int program;               /* the object's own; -1: none */
    struct shot_frame *frames; /* pages of the program's map, SHOT_FRAMES_MAX items */
    uint32_t *next;
    size_t frames_size, next_size;
};

/* Loads the program. -errno: "bpf-load" (too old a kernel, no capability). Tries nothing yet. */
int injector_open(struct injector *injector, struct error *error);
void injector_close(struct injector *injector);

/* Writes the frame of a shot (or of its reset) to place `slot`, 0..SHOT_FRAMES_MAX - 1. */
void injector_put(struct injector *injector, uint32_t slot, const struct shots *shots, uint32_t index,
                  enum packet_content content);
/*
 * Injects the first `count` slots into interface `port`. The interface must be there, be up and not be
 * loopback: -ENODEV or -ENETDOWN "uplink-down" else. Makes no allocation: the keeper calls it too.
 */
int injector_fire(struct injector *injector, uint32_t port, uint32_t count, struct error *error);

/* Frames of the last call that the program was run for. */
uint32_t injector_fired(const struct injector *injector);

#endif

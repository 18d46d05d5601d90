/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The object files of bpf/, compiled at build time (bpf.cmake), as bytes within the program. */
#ifndef POSTERN_SCANNER_PROBE_PROGRAM_H
#define POSTERN_SCANNER_PROBE_PROGRAM_H

#include <stddef.h>

extern const unsigned char program_hook[], program_egress[], program_frame[];
extern const size_t program_hook_length, program_egress_length, program_frame_length;

#endif

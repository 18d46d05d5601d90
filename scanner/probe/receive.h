/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that may have come, read once: sockets, connections, capture, guards. */
#ifndef POSTERN_SCANNER_PROBE_RECEIVE_H
#define POSTERN_SCANNER_PROBE_RECEIVE_H

#include "scanner/probe/method.h"

/* Never blocks. */
void receive_all(struct run *run);

#endif

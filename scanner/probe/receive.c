/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/receive.h"

void receive_all(struct run *run)
{
    struct error error = ERROR_NONE;

    senders_receive(run);
    if (run->connecting)
        connections_receive(run);
    if (run->witness)
        witness_read(run->witness);
    if (guard_poll(run->guard, &error) < 0)
        run->guard_blind = true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/guard_layer.h"

#include <errno.h>

static int open_nftables(const struct guard_request *request, bool hooks, bool egress,
                         struct guard_state **ret_state, struct error *error)
{
    (void)request, (void)hooks, (void)egress, (void)ret_state;
    return error_set(error, EOPNOTSUPP, "no-guard", "nftables", "not built yet");
}

const struct guard_layer guard_nftables = {
    .hooks_name = "nftables", .egress_name = "nftables", .open = open_nftables};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interfaces of the calling thread's namespace, and by which device a stranger's frame for one of them
 * comes in.
 */
#ifndef POSTERN_SCANNER_PROBE_DEVICE_H
#define POSTERN_SCANNER_PROBE_DEVICE_H

#include "netns/base/address.h"
#include "netns/base/error.h"
#include "netns/base/memory.h"
#include "scanner/probe/plan.h"

#include <stdbool.h>
#include <stdint.h>

struct device {
    uint32_t index, master, parent; /* ifindex; 0: none. parent: of a VLAN, macvlan (or a veth's peer) */
    uint32_t active;                /* of a bond: its active port */
    uint32_t flags;                 /* IFF_* */
    uint16_t hardware;              /* ARPHRD_* */
    uint16_t vlan;                  /* of a VLAN device */
    bool parent_elsewhere;          /* the parent is in another namespace */
    char name[16], kind[16];        /* kind: IFLA_INFO_KIND, "" where there is none */
    struct mac mac;
    bool has_mac;
};
struct device_list {
    struct device *items;
    size_t count, capacity;
};
void device_list_free(struct device_list *list);
#define _cleanup_device_list_ _cleanup_(device_list_free)

/* RTM_GETLINK of all. -errno "link-read". */
int devices_read(struct device_list *ret_list, struct error *error);
const struct device *device_find(const struct device_list *list, uint32_t index); /* NULL: none */

/* The bridge port behind which a MAC was learned (forwarding entries of AF_BRIDGE); 0: none, or not known. */
uint32_t device_port_of_mac(uint32_t bridge, const struct mac *mac);

/* Where and how a frame enters. */
struct entry_point {
    uint32_t port;  /* the lowest device */
    uint16_t vlan;  /* tag that it bears there; 0: none */
    struct mac mac; /* destination: the interface that carries the address; zeros on a bare IP device */
    bool ethernet;
};
/*
 * From the interface that carries the address down to the device that frames come in by. source: the MAC that
 * the frame will have, which a bridge may have learned; NULL: none. plan->exits tell which port of a bridge
 * leads off the host. -ENODEV, -ENETDOWN "uplink-down"; -EHOSTUNREACH "uplink-port" where a bridge has no
 * port to choose.
 */
int entry_point_find(const struct device_list *devices, const struct plan *plan,
                     const struct plan_uplink *uplink, const struct mac *source,
                     struct entry_point *ret_point, struct error *error);

#endif

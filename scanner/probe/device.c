/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/device.h"

#include "netns/kernel/netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

enum { DEPTH_MAX = 8, INFO_VLAN_ID = 1, INFO_BOND_ACTIVE = 2 };

void device_list_free(struct device_list *list)
{
    list_free(list);
}

static int dump(uint16_t type, size_t size, uint8_t family, netlink_handler handle, void *context,
                struct error *error)
{
    _cleanup_netlink_ struct netlink *netlink = NULL;
    struct nlmsghdr *request;
    int result = netlink_open(NETLINK_ROUTE, 0, &netlink, error);

    if (result < 0)
        return result;
    request = netlink_request(netlink, type, 0, size);
    *(uint8_t *)mnl_nlmsg_get_payload(request) =
        family; /* the first byte of every family header of rtnetlink */
    result = netlink_dump(netlink, request, handle, context, "interfaces", error);
    return result == -EAGAIN ? 0 : result; /* changed meanwhile: what is used is looked at again when it is */
}

/* ---- links ---- */

static int read_vlan(const struct nlattr *attribute, void *context)
{
    struct device *device = context;

    if (mnl_attr_get_type(attribute) == INFO_VLAN_ID && mnl_attr_validate(attribute, MNL_TYPE_U16) >= 0)
        device->vlan = mnl_attr_get_u16(attribute);
    return MNL_CB_OK;
}

static int read_bond(const struct nlattr *attribute, void *context)
{
    struct device *device = context;

    if (mnl_attr_get_type(attribute) == INFO_BOND_ACTIVE && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
        device->active = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

static void copy_name(char to[16], const struct nlattr *attribute)
{
    size_t length = strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));

    if (length > 15)
        length = 15;
    memcpy(to, mnl_attr_get_payload(attribute), length);
    to[length] = '\0';
}

/* The kernel writes the kind before the data that it explains. */
static int read_info(const struct nlattr *attribute, void *context)
{
    struct device *device = context;

    if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
        copy_name(device->kind, attribute);
    if (mnl_attr_get_type(attribute) == IFLA_INFO_DATA && !strcmp(device->kind, "vlan"))
        (void)mnl_attr_parse_nested(attribute, read_vlan, device);
    if (mnl_attr_get_type(attribute) == IFLA_INFO_DATA && !strcmp(device->kind, "bond"))
        (void)mnl_attr_parse_nested(attribute, read_bond, device);
    return MNL_CB_OK;
}

static int read_attribute(const struct nlattr *attribute, void *context)
{
    struct device *device = context;
    bool number = mnl_attr_get_payload_len(attribute) == sizeof(uint32_t);

    switch (mnl_attr_get_type(attribute)) {
    case IFLA_IFNAME:
        copy_name(device->name, attribute);
        break;
    case IFLA_MASTER:
        device->master = number ? mnl_attr_get_u32(attribute) : 0;
        break;
    case IFLA_LINK:
        device->parent = number ? mnl_attr_get_u32(attribute) : 0;
        break;
    case IFLA_LINK_NETNSID:
        device->parent_elsewhere = true;
        break;
    case IFLA_ADDRESS:
        device->has_mac = mnl_attr_get_payload_len(attribute) == sizeof(device->mac.bytes);
        if (device->has_mac)
            memcpy(device->mac.bytes, mnl_attr_get_payload(attribute), sizeof(device->mac.bytes));
        break;
    case IFLA_LINKINFO:
        (void)mnl_attr_parse_nested(attribute, read_info, device);
        break;
    default:
        break;
    }
    return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *header, void *context)
{
    const struct ifinfomsg *message = mnl_nlmsg_get_payload(header);
    struct device *device;

    if (header->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(header) < sizeof(*message))
        return 0;
    device = list_append((struct device_list *)context);
    device->index = (uint32_t)message->ifi_index;
    device->flags = message->ifi_flags;
    device->hardware = message->ifi_type;
    (void)mnl_attr_parse(header, sizeof(*message), read_attribute, device);
    return 0;
}

int devices_read(struct device_list *ret_list, struct error *error)
{
    _cleanup_device_list_ struct device_list list = {0};
    int result = dump(RTM_GETLINK, sizeof(struct ifinfomsg), AF_UNSPEC, read_link, &list, error);

    if (result < 0)
        return result;
    *ret_list = list;
    list = (struct device_list){0};
    return 0;
}

const struct device *device_find(const struct device_list *list, uint32_t index)
{
    list_each(struct device, device, list)
        if (device->index == index)
            return device;
    return NULL;
}

/* ---- forwarding entries ---- */

struct learned {
    uint32_t bridge, port;
    struct mac mac;
    uint32_t master; /* of the entry being read */
    bool same;
};

static int read_entry(const struct nlattr *attribute, void *context)
{
    struct learned *learned = context;
    size_t length = mnl_attr_get_payload_len(attribute);

    if (mnl_attr_get_type(attribute) == NDA_MASTER && length == sizeof(uint32_t))
        learned->master = mnl_attr_get_u32(attribute);
    if (mnl_attr_get_type(attribute) == NDA_LLADDR && length == sizeof(learned->mac.bytes))
        learned->same = !memcmp(mnl_attr_get_payload(attribute), learned->mac.bytes, length);
    return MNL_CB_OK;
}

static int read_neighbour(const struct nlmsghdr *header, void *context)
{
    const struct ndmsg *message = mnl_nlmsg_get_payload(header);
    struct learned *learned = context;

    if (header->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(header) < sizeof(*message))
        return 0;
    learned->master = 0;
    learned->same = false;
    (void)mnl_attr_parse(header, sizeof(*message), read_entry, learned);
    if (learned->same && learned->master == learned->bridge && !(message->ndm_state & NUD_PERMANENT))
        learned->port = (uint32_t)message->ndm_ifindex;
    return 0;
}

uint32_t device_port_of_mac(uint32_t bridge, const struct mac *mac)
{
    struct learned learned = {.bridge = bridge, .mac = *mac};

    return dump(RTM_GETNEIGH, sizeof(struct ndmsg), AF_BRIDGE, read_neighbour, &learned, NULL) < 0
               ? 0
               : learned.port;
}

/* ---- the lowest device ---- */

static bool is_exit(const struct plan *plan, uint32_t index)
{
    list_each(struct plan_exit, exit, &plan->exits)
        if (exit->namespace == plan->host && exit->index == index)
            return true;
    return false;
}

/* A port that leads off the host: where the source was learned, else the first that the plan calls an exit.
 */
static uint32_t choose_port(const struct device_list *devices, const struct plan *plan, uint32_t bridge,
                            const struct mac *source)
{
    uint32_t port = source ? device_port_of_mac(bridge, source) : 0;

    if (port)
        return is_exit(plan, port) ? port : 0;
    list_each(struct device, device, devices)
        if (device->master == bridge && (device->flags & IFF_UP) && is_exit(plan, device->index))
            return device->index;
    return 0;
}

static uint32_t first_port(const struct device_list *devices, uint32_t master)
{
    list_each(struct device, device, devices)
        if (device->master == master && (device->flags & IFF_RUNNING))
            return device->index;
    return 0;
}

/* The device beneath; the device itself where it is the lowest; 0: there is none. */
static uint32_t step_down(const struct device_list *devices, const struct plan *plan,
                          const struct device *device, const struct mac *source, struct entry_point *point)
{
    if (!strcmp(device->kind, "bridge"))
        return choose_port(devices, plan, device->index, source);
    if (!strcmp(device->kind, "bond") || !strcmp(device->kind, "team"))
        return device->active ? device->active : first_port(devices, device->index);
    /* A parent in another namespace is out of reach: here the device is the lowest. */
    if (!strcmp(device->kind, "vlan") && point->vlan == 0 && !device->parent_elsewhere) {
        point->vlan = device->vlan;
        return device->parent;
    }
    if (!strcmp(device->kind, "macvlan") && !device->parent_elsewhere)
        return device->parent;
    return device->index;
}

static const struct device *usable(const struct device_list *devices, uint32_t index, const char *name,
                                   struct error *error)
{
    const struct device *device = device_find(devices, index);

    if (!device)
        error_set(error, ENODEV, "uplink-down", name, "the interface is not there");
    else if (!(device->flags & IFF_UP))
        error_set(error, ENETDOWN, "uplink-down", device->name, "the interface is down");
    else if (device->flags & IFF_LOOPBACK)
        error_set(error, EINVAL, "uplink-down", device->name, "loopback is no uplink");
    else
        return device;
    return NULL;
}

static int descend(const struct device_list *devices, const struct plan *plan, const struct device *device,
                   const struct mac *source, struct entry_point *point, struct error *error)
{
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        uint32_t next = step_down(devices, plan, device, source, point);

        if (next == device->index) {
            point->port = next;
            return 0;
        }
        if (next == 0)
            break;
        device = usable(devices, next, device->name, error);
        if (!device)
            return -ENETDOWN;
    }
    return error_set(error, EHOSTUNREACH, "uplink-down", device->name,
                     "no device beneath it leads off the host");
}

int entry_point_find(const struct device_list *devices, const struct plan *plan,
                     const struct plan_uplink *uplink, const struct mac *source,
                     struct entry_point *ret_point, struct error *error)
{
    const struct device *device = usable(devices, uplink->index, uplink->name, error);
    struct entry_point point = {.port = uplink->port, .vlan = uplink->vlan};
    int result = 0;

    if (!device)
        return -ENETDOWN;
    point.ethernet = device->hardware == ARPHRD_ETHER;
    if (uplink->has_mac)
        point.mac = uplink->mac;
    else if (point.ethernet && device->has_mac)
        point.mac = device->mac;
    if (point.port == 0)
        result = descend(devices, plan, device, source, &point, error);
    else if (!usable(devices, point.port, uplink->name, error))
        result = -ENETDOWN;
    if (result == 0)
        *ret_point = point;
    return result;
}

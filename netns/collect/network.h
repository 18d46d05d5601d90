/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The networks that containers are on, by what the kernel shows of them: the bridge that the other end of a
 * container's veth is a port of; and the ports that engines publish for them.
 */
#ifndef POSTERN_NETNS_COLLECT_NETWORK_H
#define POSTERN_NETNS_COLLECT_NETWORK_H

#include "netns/collect/attach.h"

/*
 * Gives every network of a container its bridge, adds those that no engine told of, and makes the snapshot's
 * segments: each bridge of the host's namespace, by the engine's name for it (ENGINE/NAME where two have the
 * same), else its own; bridges of other namespaces that lead into further ones as OWNER/BRIDGE.
 */
void network_attach(struct snapshot *snapshot, const struct found *found,
                    const struct attachment *attachment);

/*
 * Published ports that only a running container shows: the sockets that its agent (conmon) holds in the
 * host's namespace, and the destination rules of the host that name the container's addresses, which tell the
 * target.
 */
void network_publish(struct snapshot *snapshot, const struct attachment *attachment);

#endif

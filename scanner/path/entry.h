/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where traffic comes from and what it may dial: the uplinks and vantages of a world, the entries that lead
 * to each listener, and the channels that both make. Entries are guessed backwards (from sockets, rewrites
 * and publications) and always evaluated forwards. Pure.
 */
#ifndef POSTERN_SCANNER_PATH_ENTRY_H
#define POSTERN_SCANNER_PATH_ENTRY_H

#include "netns/base/error.h"
#include "netns/base/memory.h"
#include "reports/model/channel.h"
#include "scanner/path/symbolic.h"
#include "scanner/path/world.h"

/* ---- uplinks ---- */
struct uplink_list {
    uint32_t *items; /* ifindex in the host's namespace, ascending */
    size_t count, capacity;
};
/*
 * The interfaces that lead off the host. `names`: as the user names them (count 0: the default of the
 * contract: up, and a physical, virtio, bond, VLAN or tunnel device, a bridge with such a port, a veth that
 * carries a default route or an address and whose other end is not a container's). A port of a bridge or bond
 * is not listed, its master is. -ENODEV "no-uplink": none found, or the named one does not exist (then
 * *ret_uplinks holds those that do).
 */
int uplinks_find(const struct world *world, const char *const *names, size_t count,
                 struct uplink_list *ret_uplinks, struct error *error);

/* ---- vantages ---- */
struct vantage_list {
    struct vantage *items;
    size_t count, capacity;
};
void vantage_list_free(struct vantage_list *list);
#define _cleanup_vantage_list_ _cleanup_(vantage_list_free)
/*
 * Every vantage of the world: external and lan for each uplink (with several, "external@IF"), host, each
 * segment, container, namespace with processes or a name ("netns:NAME"), and "inside:NAME" for each of the
 * latter two. Names are unique; texts live in `arena`.
 */
void vantages_find(const struct world *world, const struct uplink_list *uplinks, struct arena *arena,
                   struct vantage_list *ret_vantages);
/*
 * The vantages that a name of --from, explain or a batch query means: its own, or (for "external" and "lan"
 * with several uplinks) all of them; `interface` narrows to one uplink (NULL: any). "segment", "container",
 * "inside" and "netns" mean every one of the kind. Appends indices. -ENOENT "unknown-vantage".
 */
struct index_list {
    size_t *items;
    size_t count, capacity;
};
int vantages_match(const struct vantage_list *vantages, const char *name, const char *interface,
                   struct index_list *ret_indices, struct error *error);
/* The vantages that `scan` looks from without --from: external, lan, host and every segment. */
bool vantage_is_default(const struct vantage *vantage);

/* ---- listeners ---- */
struct listener_reference {
    uint64_t namespace;
    int32_t socket; /* index into the namespace's sockets; -1: none */
};
struct listener_list {
    struct listener_reference *items;
    size_t count, capacity;
};
/* Takes traffic: TCP LISTEN; UDP and UDP-Lite bound and unconnected; raw, packet, SCTP, abstract unix that
 * listens. */
bool socket_is_listener(const struct socket *socket);
/* Every listener of the namespaces that are targets (host, containers, pods, bare; never those outside). */
void listeners_find(const struct world *world, struct listener_list *ret_listeners);
/* Is the listener a userland proxy's (docker-proxy, rootlessport, conmon, slirp4netns, pasta ...)? Its own
 * process must be the host's file (not a name that a container chose). NULL: no; else its word. */
const char *listener_proxy(const struct world *world, struct listener_reference listener);

/* ---- entries ---- */
enum entry_origin { /* bits: what led to the entry */
                    ENTRY_OF_LISTENER = 1,
                    ENTRY_OF_REWRITE = 2,     /* a DNAT or REDIRECT rule, or an element of its map */
                    ENTRY_OF_PUBLICATION = 4, /* an engine published it */
                    ENTRY_OF_POLICY = 8,      /* the caller asked for it by name */
                    ENTRY_TOO_MANY = 16,      /* stands for a range that was cut at the limit */
};
struct path_entry {
    struct entry entry;             /* the representative */
    LIST(struct address) addresses; /* all that it stands for, the representative's included */
    uint64_t namespace;             /* whose addresses they are: the host's for rewrites and publications */
    uint32_t origin;                /* bits of enum entry_origin */
    struct listener_reference listener; /* that it was guessed for; socket -1: none */
    int32_t container; /* index into snapshot.containers that it is published for, -1: none */
    bool loopback;     /* a loopback address: only for host, inside and who forges it (lan) */
};
struct path_entry_list {
    struct path_entry *items;
    size_t count, capacity;
};
void path_entry_list_free(struct path_entry_list *list);
#define _cleanup_path_entry_list_ _cleanup_(path_entry_list_free)
/*
 * Every (address, protocol, port) that may lead to a listener of ours or is named by a rewrite or a
 * publication. Disjoint: each (address, protocol, port) stands once. `limit`: ports of one range that are
 * written out (4096); a longer range is represented by its ends and the ports that listeners have, and
 * marked.
 */
void entries_find(const struct world *world, size_t limit, struct arena *arena,
                  struct path_entry_list *ret_entries);

/* ---- channels ---- */
struct path_channel {
    const struct vantage *vantage;
    struct entry entry;
    LIST(struct address) addresses; /* of a wildcard listener's entry: all that fare alike */
    uint32_t origin;
    struct prediction prediction;
    struct listener_reference
        listener; /* that serves in the end; socket -1: none (latent where the path is open) */
    LIST(struct listener_reference) via; /* userland proxies on the way, first to last */
    struct target target;                /* of the most exposed part */
    int32_t container; /* index into snapshot.containers whose namespace it ends in (or would), -1: the host's
                          or none */
    bool latent;       /* the path is open (closed: nobody listens) and somebody named it */
    bool masked;       /* filtered, a listener stands there, and one decider alone keeps it away */
};
void path_channel_free(struct path_channel *channel);

struct channel_options {
    const char *const *containers; /* --container: names of containers as shell patterns; count 0: all */
    size_t container_count;
    const struct entry *extra; /* entries that the policy names: evaluated from every vantage given */
    size_t extra_count;
    size_t range_limit; /* 0: 4096 */
    unsigned workers;   /* threads; 0 or 1: none beside the caller's */
    int64_t deadline;   /* CLOCK_MONOTONIC milliseconds, 0: none: what is not done by then is undetermined
                           (timeout) */
};
/*
 * Evaluates every (vantage, entry) and hands each channel to `sink` in the order of vantages, then entries;
 * the sink may keep it by emptying it (else it is freed). Stops with the sink's value where that is not 0.
 * Also gives `inside` and `host` their loopback entries and `lan` the forged ones.
 */
typedef int (*channel_sink)(struct path_channel *channel, void *context);
int channels_find(const struct world *world, const struct vantage_list *vantages, const size_t *from,
                  size_t from_count, const struct channel_options *options, struct arena *arena,
                  channel_sink sink, void *context);

/* One channel: the vantage's sources (or `sources`, within them) to one entry. Same fields; -EINVAL as
 * symbolic_ask. */
int channel_find(struct symbolic *symbolic, const struct vantage *vantage, const struct entry *entry,
                 const struct interval_set *sources, const struct interval_set *source_ports,
                 struct arena *arena, struct path_channel *ret_channel);
/* CONTAINER:PORT/PROTO and ADDRESS:PORT/PROTO ([v6]:PORT/PROTO) of explain: the entries that it means. A
 * container's stands for each of its own addresses and each publication of that target port. -EINVAL
 * "bad-target", -ENOENT "unknown-container". */
struct entry_list {
    struct entry *items;
    size_t count, capacity;
};
int target_parse(const struct world *world, const char *text, struct arena *arena,
                 struct entry_list *ret_entries, struct error *error);

/* ---- what is open without a listener ---- */
struct open_range {
    size_t vantage;    /* index */
    int32_t container; /* index into snapshot.containers */
    enum ip_family family;
    uint8_t protocol;
    struct address address;
    struct interval_set ports, sources;
    struct decider decider;
};
struct open_range_list {
    struct open_range *items;
    size_t count, capacity;
};
void open_range_list_free(struct open_range_list *list);
#define _cleanup_open_range_list_ _cleanup_(open_range_list_free)
/*
 * For each vantage of `from` and container: the ports of the container's own addresses whose path is open
 * (open or closed) without a listener. Ports are cut where a rule's constant, a set or a rewrite cuts them,
 * one port of each piece is evaluated; more than options->range_limit pieces (0: 2048) of an address are left
 * to those that were done (RANGES_CUT). Of the options the containers and the deadline count, too
 * (RANGES_LATE).
 */
enum ranges_done { RANGES_ALL, RANGES_CUT, RANGES_LATE };
enum ranges_done open_ranges_find(const struct world *world, const struct vantage_list *vantages,
                                  const size_t *from, size_t from_count,
                                  const struct channel_options *options, struct arena *arena,
                                  struct open_range_list *ret_ranges);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Identity that lasts: workloads instead of ids and addresses, and the hashes that diff, dashboards and a
 * fleet follow. Pure.
 */
#ifndef POSTERN_REPORTS_MODEL_IDENTITY_H
#define POSTERN_REPORTS_MODEL_IDENTITY_H

#include "reports/model/report.h"

/*
 * What lasts of a container, the first that there is of: compose:PROJECT/SERVICE,
 * pod:NAMESPACE/OWNER/CONTAINER, ENGINE:NAME (unless `generated_name`), image:NAME, netns:NAME. Never an id,
 * a pid or an address: where nothing of the kind is known, "ENGINE:unnamed". In the arena.
 */
const char *workload_of_container(struct arena *arena, const struct report_container *container,
                                  bool generated_name);
/* host:EXECUTABLE; "host:unknown" where the executable could not be read. */
const char *workload_of_host(struct arena *arena, const char *executable);

/* 128-bit hashes as 32 hex digits: the first half of SHA-256 over the parts, each with its length in front.
 */
/*
 * Of host, vantage, family, protocol, entry and workload. Channels of one report share it where they differ
 * in their listeners or in what they pass (a rewrite and a proxy, replicas behind one entry): whoever follows
 * keys from one report to another compares groups of channels, and `id` alone names one.
 */
const char *channel_key(struct arena *arena, const char *host, const struct report_channel *channel);
const char *finding_id(struct arena *arena, const char *workload, const char *protocol, uint16_t port,
                       const char *kind);
const char *finding_instance(struct arena *arena, const char *machine_id, const char *id);

#endif

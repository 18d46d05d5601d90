/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live side of a scan: the collection with its open namespaces, as the pipeline and the probe need them.
 */
#ifndef POSTERN_SCANNER_SCAN_LIVE_H
#define POSTERN_SCANNER_SCAN_LIVE_H

#include "scanner/scan/scan.h"

struct live;
int live_collect(const struct scan_options *options, struct live **ret_live, struct snapshot **ret_snapshot,
                 struct error *error);
/* For struct probe_namespaces: a descriptor of the namespace with that id, or -errno. */
int live_open(void *context, uint64_t id);
/* Lets go of every namespace; NULL is fine. */
void live_close(struct live *live);
struct live *live_free(struct live *live);

#endif

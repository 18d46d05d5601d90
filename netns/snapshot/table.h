/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The snapshot's structs as record tables (netns/base/record.h): the one list of what a saved snapshot holds,
 * of what is freed, and of the words for its enums. A member added to a struct belongs into its table: the
 * test of this library reads the headers and complains of one that is not there.
 */
#ifndef POSTERN_NETNS_SNAPSHOT_TABLE_H
#define POSTERN_NETNS_SNAPSHOT_TABLE_H

#include "netns/base/record.h"
#include "netns/snapshot/snapshot.h"

extern const struct record_type ruleset_record;
extern const struct record_type namespace_record; /* all but the arena */
extern const struct record_type
    snapshot_record; /* all but the arena and `namespaces`, whose items own arenas */

/* Every table of both files, ended by NULL: for the test that proves them whole. */
extern const struct record_type *const snapshot_records[];
extern const struct record_type *const ruleset_records[];

/* Words of the enums, in their order, ended by NULL; "" is a number that no enumerator has. */
extern const char *const family_words[]; /* "none", "ip4", "ip6" */
extern const char *const role_words[];
extern const char *const engine_words[];
extern const char *const link_kind_words[];
extern const char *const socket_kind_words[];
extern const char *const program_kind_words[];
extern const char *const nft_family_words[];
extern const char *const nft_hook_words[];
extern const char *const expression_kind_words[];
extern const char *const xt_kind_words[];

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A snapshot as a file: JSON with a checksum, written by tables (netns/base/record.h) and read back the same.
 * Shape: {"format": "postern-snapshot", "version": 1, "snapshot": {...}, "sha256": HEX}; the checksum is of
 * the bytes of the member "snapshot" as they stand in the file, and stands last since it is written as a
 * stream.
 */
#ifndef POSTERN_NETNS_SNAPSHOT_FILE_H
#define POSTERN_NETNS_SNAPSHOT_FILE_H

#include "netns/base/file.h"
#include "netns/snapshot/snapshot.h"

/* Largest snapshot that is read back. */
#define SNAPSHOT_FILE_MAX ((size_t)1 << 30)

/* Writes whole or not at all, mode 0600 ("-" is stdout). */
int snapshot_write(const struct snapshot *snapshot, const char *path, struct error *error);
/* The same into a file that was opened before; it is then committed. */
int snapshot_write_to(const struct snapshot *snapshot, struct file_writer *writer, struct error *error);
/* Reads and checks: "bad-snapshot" for another format, version, byte order, or a checksum that does not fit.
 */
int snapshot_read(const char *path, struct snapshot **ret_snapshot, struct error *error);
/* The same from memory: for tests and fuzzers. */
int snapshot_parse(const char *bytes, size_t length, const char *subject, struct snapshot **ret_snapshot,
                   struct error *error);

#endif

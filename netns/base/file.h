/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files: bounded reads, reads of what a tenant may have written, whole-or-absent writes, SHA-256.
 */
#ifndef POSTERN_NETNS_BASE_FILE_H
#define POSTERN_NETNS_BASE_FILE_H

#include "netns/base/error.h"
#include "netns/base/memory.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * Reads a whole file beneath dirfd (AT_FDCWD is fine) into malloc'ed *ret_data, NUL-terminated, and its
 * length. Longer than limit: -EFBIG "file-too-large". For the kernel's own files (/proc, /sys) and the
 * administrator's. Anything else that fails: "file-unreadable", with the errno value.
 */
int file_read(int dirfd, const char *path, size_t limit, char **ret_data, size_t *ret_length,
              struct error *error);

/*
 * The same for a file that a tenant may write: openat2(2) with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
 * RESOLVE_NO_MAGICLINKS, O_NONBLOCK | O_NOCTTY; must be regular, with an owner of `owner` ((uid_t)-1: any, or
 * root), and at most limit bytes: else "file-refused" with the reason, never the content. What is not there
 * is "file-unreadable". It is looked at before it is opened (O_PATH, then /proc/self/fd), because opening a
 * device acts on it.
 */
int file_read_untrusted(int dirfd, const char *path, uid_t owner, size_t limit, char **ret_data,
                        size_t *ret_length, struct error *error);
/* Opens a directory beneath dirfd by the same rules (O_DIRECTORY); returns the descriptor or -errno. */
int file_open_directory_untrusted(int dirfd, const char *path, struct error *error);

/* A file being written: temporary in the same folder (0600), renamed at commit; a pipe or device is written
 * directly; "-" is stdout. */
struct file_writer {
    FILE *file;
    char *path, *temporary; /* temporary NULL: written directly */
    bool standard_output;
};
int file_writer_open(struct file_writer *writer, const char *path, struct error *error);
/* Flushes, fsyncs, renames. Any failure (a full disk too) leaves the old file, removes the temporary:
 * "write-failed". */
int file_writer_commit(struct file_writer *writer, struct error *error);
/* Forgets what was written; nothing to do after commit. For cleanup. */
void file_writer_abort(struct file_writer *writer);
#define _cleanup_file_writer_ _cleanup_(file_writer_abort)

#define SHA256_TEXT_MAX 65
/* Lower-case hex SHA-256 (libcrypto). */
void sha256_text(const void *bytes, size_t length, char text[SHA256_TEXT_MAX]);
struct sha256; /* incremental */
struct sha256 *sha256_new(void);
void sha256_update(struct sha256 *hash, const void *bytes, size_t length);
void sha256_finish(struct sha256 *hash, char text[SHA256_TEXT_MAX]); /* frees */

/* RFC 3339 UTC with milliseconds: "2026-11-23T18:00:00.123Z" into a buffer of 32. Clock: CLOCK_REALTIME. */
const char *time_text(char text[32]);
uint64_t time_monotonic_ns(void);
/*
 * Until when a step may take of something that must be done by deadline_ns (0: whenever, which gives 0): one
 * part of so many of the time that is left, and a quarter of a second at the least.
 */
uint64_t time_share_ns(uint64_t deadline_ns, unsigned parts);

#endif

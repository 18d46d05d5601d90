/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text that somebody else chose: UTF-8 repaired, control characters seen, shell-style patterns, display
 * width.
 */
#ifndef POSTERN_NETNS_BASE_TEXT_H
#define POSTERN_NETNS_BASE_TEXT_H

#include "netns/base/memory.h"

#include <stdint.h>

/*
 * Copies (bytes, length) into the arena as valid UTF-8: each maximal ill-formed part becomes U+FFFD (Unicode
 * 15, 3.9 "substitution of maximal subparts"), NUL becomes U+FFFD too. Never NULL. Control characters stay:
 * escaping them is each output's own work.
 */
char *text_utf8(struct arena *arena, const void *bytes, size_t length);
bool text_is_utf8(const char *text);
/* Decodes one code point at *text and advances it; U+FFFD (and one maximal subpart) on ill-formed input. */
uint32_t text_next(const char **text);
/* Columns that the text takes on a terminal: wide characters 2, combining and control characters 0. */
size_t text_width(const char *text);
/* fnmatch(3)-like shell pattern: * ? [a-z] [!a-z] \x; '*' matches '/' too. Linear time in practice, no
 * recursion. */
bool text_match(const char *pattern, const char *text);
/* Whole text is a decimal number in [minimum, maximum]: true and *ret_value set. No sign, no blanks. */
bool text_number(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret_value);
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
bool text_equal(const char *a, const char *b); /* NULL equals NULL only */

#endif

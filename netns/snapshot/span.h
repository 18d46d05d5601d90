/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON text cut into its members and elements without building a tree: a snapshot of 100,000 rules would take
 * a gigabyte as one. What is cut out is checked by the JSON parser that reads it then.
 */
#ifndef POSTERN_NETNS_SNAPSHOT_SPAN_H
#define POSTERN_NETNS_SNAPSHOT_SPAN_H

#include <stdbool.h>
#include <stddef.h>

/* A part of a text that somebody else owns. */
struct span {
    const char *text;
    size_t length;
};

struct span_reader {
    const char *next, *end;
    char close; /* '}' or ']' */
    bool begun; /* an item was read: a comma must come before the next */
};

/* Begins an object ('{') or array ('['); -EINVAL where the value is none. */
int span_open(struct span value, char open, struct span_reader *ret_reader);
/* The next member or element: 1, and the parts without blanks around them (names without their quotes,
   escapes as they stand); 0 at the end, behind which only blanks may stand; -EINVAL on text that is no JSON.
 */
int span_member(struct span_reader *reader, struct span *ret_name, struct span *ret_value);
int span_element(struct span_reader *reader, struct span *ret_value);
bool span_is(struct span span, const char *text);

#endif

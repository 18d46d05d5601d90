/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON: read by cJSON, written as a stream with right escapes (control characters, U+2028/9 and DEL too).
 */
#ifndef POSTERN_NETNS_BASE_JSON_H
#define POSTERN_NETNS_BASE_JSON_H

#include "netns/base/error.h"
#include "netns/base/memory.h"

#include <cjson/cJSON.h>
#include <stdio.h>

/* ---- reading ---- */
void cleanup_json(cJSON **value);
#define _cleanup_json_ _cleanup_(cleanup_json)
/*
 * Parses all of (bytes, length); nothing but white space may follow. NULL and "bad-json", its subject being
 * SUBJECT:LINE:COLUMN. Depth is bounded by cJSON (1000). An escaped NUL in a text becomes U+FFFD.
 */
cJSON *json_parse(const char *bytes, size_t length, const char *subject, struct error *error);
const char *json_text(const cJSON *object, const char *member); /* NULL: absent or not a string */
bool json_bool(const cJSON *object, const char *member);        /* false: absent or not true */
/* false: absent, not a number (or decimal string), fraction, negative or above maximum */
bool json_unsigned(const cJSON *object, const char *member, uint64_t maximum, uint64_t *ret_value);
const cJSON *json_member(const cJSON *object, const char *member); /* case-sensitive; NULL: absent */

/* ---- writing ---- */
struct json_writer {
    FILE *file; /* ferror() at the end tells whether all was written */
    unsigned depth;
    bool pretty; /* two blanks a level; else one line */
    bool first;  /* is the next item of this level its first: behind a closed one it never is */
    bool after_name;
};
struct json_writer json_writer(FILE *file, bool pretty);
void json_object_begin(struct json_writer *writer);
void json_object_end(struct json_writer *writer);
void json_array_begin(struct json_writer *writer);
void json_array_end(struct json_writer *writer);
void json_name(struct json_writer *writer, const char *name);
void json_put_text(struct json_writer *writer,
                   const char *text); /* NULL: null; ill-formed UTF-8 becomes U+FFFD */
void json_put_unsigned(struct json_writer *writer, uint64_t number); /* above 2^53 - 1: as a string */
void json_put_signed(struct json_writer *writer,
                     int64_t number); /* beyond 2^53 - 1 either way: as a string */
void json_put_bool(struct json_writer *writer, bool value);
void json_put_null(struct json_writer *writer);
/* name and value in one call */
void json_member_text(struct json_writer *writer, const char *name, const char *text);
void json_member_unsigned(struct json_writer *writer, const char *name, uint64_t number);
void json_member_bool(struct json_writer *writer, const char *name, bool value);
void json_member_null(struct json_writer *writer, const char *name);

#endif

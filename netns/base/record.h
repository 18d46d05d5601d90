/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plain data to JSON and back by tables: one table of fields a struct, one engine for both directions, so
 * that what is written is what is read. Snapshot and report are made of such records.
 */
#ifndef POSTERN_NETNS_BASE_RECORD_H
#define POSTERN_NETNS_BASE_RECORD_H

#include "netns/base/json.h"

enum field_kind {
    FIELD_BOOL,        /* bool */
    FIELD_UNSIGNED,    /* uint8_t..uint64_t by size; above 2^53 - 1 written as a string, both forms read */
    FIELD_SIGNED,      /* int8_t..int64_t by size */
    FIELD_DECIMAL,     /* uint64_t always written as a string (cookies) */
    FIELD_TEXT,        /* const char *; NULL is null (read into the arena) */
    FIELD_NAME,        /* const char *, never NULL: null and absence are errors when read */
    FIELD_BYTES,       /* struct bytes, as lower-case hex text; empty is "" */
    FIELD_ADDRESS,     /* struct address as text; FAMILY_NONE is null */
    FIELD_PREFIX,      /* struct prefix as text; FAMILY_NONE is null */
    FIELD_MAC,         /* struct mac as text */
    FIELD_WORD,        /* an enum (int-sized) as one of `words`; unknown words are an error when read */
    FIELD_FLAGS,       /* unsigned bit set as array of `words` (bit i = words[i]; "bit:N" without) */
    FIELD_INTERVALS,   /* struct interval_set as array of prefixes of the family given by the sibling field
                          at `sibling` (offset of an enum ip_family) */
    FIELD_RECORD,      /* struct embedded, of type `type` */
    FIELD_POINTER,     /* pointer to a struct of type `type`; NULL is null (read into the arena) */
    FIELD_LIST,        /* LIST(struct) of `type` */
    FIELD_TEXT_LIST,   /* LIST(const char *) */
    FIELD_NUMBER_LIST, /* LIST(uint32_t) */
    FIELD_UNION,  /* the record chosen by an enum sibling: `choose` gives its type for the outer struct */
    FIELD_CUSTOM, /* `write`/`read` functions */
};

struct record_type;
struct field {
    const char *name; /* JSON member */
    enum field_kind kind;
    size_t offset, size;
    size_t sibling;
    const char *const *words; /* NULL-terminated; an entry may be "" for an unused value */
    const struct record_type *type;
    const struct record_type *(*choose)(const void *record);
    void (*write)(struct json_writer *writer, const void *record, const void *member);
    int (*read)(const cJSON *value, struct arena *arena, void *record, void *member, struct error *error);
    bool optional; /* left out when zero/empty/NULL; absent reads as zero */
};
struct record_type {
    const char *name; /* for messages */
    size_t size;
    const struct field *fields; /* ends with name == NULL */
};

#define FIELD(struct_, member_, kind_, ...)                                                                  \
    {                                                                                                        \
        .name = #member_, .kind = (kind_), .offset = offsetof(struct struct_, member_),                      \
        .size = sizeof(((struct struct_ *)0)->member_), __VA_ARGS__                                          \
    }
#define FIELD_AS(name_, struct_, member_, kind_, ...)                                                        \
    {                                                                                                        \
        .name = (name_), .kind = (kind_), .offset = offsetof(struct struct_, member_),                       \
        .size = sizeof(((struct struct_ *)0)->member_), __VA_ARGS__                                          \
    }

/* Writes the record as a JSON object (record_write) or its members into an object already open
 * (record_write_members). */
void record_write(struct json_writer *writer, const struct record_type *type, const void *record);
void record_write_members(struct json_writer *writer, const struct record_type *type, const void *record);
/*
 * Reads an object into *record (zeroed by the caller). Texts and pointers live in the arena; lists are
 * malloc'ed and freed by record_free. A missing required member, a wrong type, a number out of range, an
 * unknown word: -EINVAL, code "bad-file", the message naming the member's path. Unknown members are ignored.
 * After a failure too the record is one for record_free.
 */
int record_read(const cJSON *value, const struct record_type *type, struct arena *arena, void *record,
                struct error *error);
/* Frees every list (and interval set) inside the record, following the table; not the record itself. */
void record_free(const struct record_type *type, void *record);

#endif

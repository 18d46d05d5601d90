/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one error object: made where the fact is known, given context on the way up, printed once, by a
 * command. It has the three fields of an `errors` or `reasons` record of the report: code, subject, message.
 */
#ifndef POSTERN_NETNS_BASE_ERROR_H
#define POSTERN_NETNS_BASE_ERROR_H

#include <stdbool.h>

#define ERROR_SUBJECT_MAX 256
#define ERROR_MESSAGE_MAX 1024

/* An error, or none where status is 0. Plain data: copied by assignment, nothing to free. */
struct error {
    int status;                      /* errno value (> 0) of the failure; 0: no error */
    const char *code;                /* a static word of the report's schema, such as "namespace-vanished" */
    char subject[ERROR_SUBJECT_MAX]; /* the object at fault: a file, "net:[4026532247]", an interface */
    char message[ERROR_MESSAGE_MAX]; /* a sentence for people, without a full stop */
};

#define ERROR_NONE ((struct error){0})

/*
 * Fills *error (NULL: nobody wants the details) and returns -status, so that
 * `return error_set(error, EINVAL, "bad-port", "policy.yaml:3:7", "port %d is above 65535", n);` reads well.
 * status: an errno value > 0 (0 is taken for EIO). code: static storage. subject: copied, cut at
 * ERROR_SUBJECT_MAX - 1 bytes; NULL is "". An earlier error in *error is overwritten.
 */
int error_set(struct error *error, int status, const char *code, const char *subject, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* As error_set, with ": " and strerror(status) behind the message. */
int error_errno(struct error *error, int status, const char *code, const char *subject, const char *format,
                ...) __attribute__((format(printf, 5, 6)));

/* Puts "context: " before the message of a set error; returns -error->status (0 where none is set). */
int error_context(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True where an error is set. NULL is none. */
bool error_is_set(const struct error *error);

#endif

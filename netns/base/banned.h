/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions that no source of ours calls, as compile errors: each has a bounded or thread-safe sibling.
 * Included before every file by the build. (Headers are read first, so that their own uses stay legal.)
 */
#ifndef POSTERN_NETNS_BASE_BANNED_H
#define POSTERN_NETNS_BASE_BANNED_H

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok atoi atol atoll mktemp tmpnam tempnam system   \
    popen
#undef alloca
#pragma GCC poison gmtime localtime ctime asctime gethostbyname gethostbyaddr alloca

#endif

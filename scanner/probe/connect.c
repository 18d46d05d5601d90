/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole connection, where the user allows it: applications see it begin and end. */
#include "scanner/probe/method.h"

#include "netns/base/file.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

static int prepare_connect(struct run *run, struct trial *trial, struct error *error)
{
    if (!run->plan->options.allow_connect)
        return error_set(error, EPERM, "connect-not-allowed", NULL, "whole connections were not allowed");
    if (trial->probe->protocol != PROTOCOL_TCP)
        return error_set(error, EPROTONOSUPPORT, "protocol", NULL, "a connection is of TCP");
    return sender_prepare(run, trial, error);
}

static void begin(struct run *run, uint32_t index)
{
    struct shot_entry *entry = &run->shots.entries[index];
    struct trial *trial = &run->trials[entry->probe];
    int fd;

    close_fd(&trial->connection); /* of the try before */
    entry->connects = true;
    entry->sent_ns = time_monotonic_ns();
    fd = sender_connect(run, trial, &entry->tuple.source_port);
    if (fd >= 0) {
        trial->connection = fd;
        return;
    }
    if (fd == -ECONNREFUSED) { /* over loopback the answer is there at once */
        run->shots.sightings[index].refusals++;
        run->shots.sightings[index].answered_ns = time_monotonic_ns();
        return;
    }
    entry->sent_ns = 0;
    trial->send_error = -fd;
}

static void send_connections(struct run *run, const uint32_t *indexes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        begin(run, indexes[i]);
}

static void note_end(struct run *run, struct trial *trial)
{
    struct sighting *sighting = &run->shots.sightings[trial->last_shot];
    int status = 0;
    socklen_t length = sizeof(status);

    (void)getsockopt(trial->connection, SOL_SOCKET, SO_ERROR, &status, &length);
    close_fd(&trial->connection); /* lingers for no time: resets */
    sighting->answered_ns = time_monotonic_ns();
    if (status == 0)
        sighting->syn_acks++;
    else if (status == ECONNREFUSED)
        sighting->refusals++;
    else {
        sighting->answered_ns = 0;
        run->shots.entries[trial->last_shot].sent_ns = 0;
        trial->send_error = status;
    }
}

void connections_receive(struct run *run)
{
    for (size_t i = 0; i < run->plan->probes.count; i++) {
        struct trial *trial = &run->trials[i];
        struct pollfd watched = {.fd = trial->connection, .events = POLLOUT};

        if (trial->connection >= 0 && poll(&watched, 1, 0) == 1)
            note_end(run, trial);
    }
}

const struct method method_connect = {
    .id = METHOD_CONNECT, .prepare = prepare_connect, .send = send_connections};

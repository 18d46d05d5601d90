/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands in a snapshot file as its member "snapshot", with a checksum that fits: read, and where that
 * succeeds every channel and range predicted, and the whole written and read again.
 */
#include "netns/base/file.h"
#include "netns/snapshot/file.h"
#include "scanner/path/entry.h"
#include "scanner/path/explain.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <time.h>

#define CHANNELS_MAX 200

static int take_channel(struct path_channel *channel, void *context)
{
    size_t *count = context;

    fuzz_check(channel->prediction.state != STATE_UNDETERMINED || channel->prediction.parts.count == 0 ||
                   channel->prediction.parts.items[0].reasons.count,
               "undetermined without a reason");
    path_channel_free(channel);
    return ++*count < CHANNELS_MAX ? 0 : -ECANCELED;
}

static int64_t soon(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 500;
}

static void predict(const struct snapshot *snapshot)
{
    _cleanup_world_ struct world *world = world_new(snapshot);
    _cleanup_arena_ struct arena *arena = arena_new();
    struct uplink_list uplinks = {0};
    _cleanup_vantage_list_ struct vantage_list vantages = {0};
    _cleanup_path_entry_list_ struct path_entry_list entries = {0};
    struct channel_options options = {.deadline = soon()};
    size_t count = 0, from[4];
    size_t from_count = 0;

    uplinks_find(world, NULL, 0, &uplinks, NULL);
    vantages_find(world, &uplinks, arena, &vantages);
    while (from_count < 4 && from_count < vantages.count) {
        from[from_count] = from_count;
        from_count++;
    }
    channels_find(world, &vantages, from, from_count, &options, arena, take_channel, &count);
    list_free(&uplinks);
}

static struct snapshot *parse(const uint8_t *data, size_t size)
{
    struct snapshot *snapshot = NULL;
    struct error error = ERROR_NONE;
    char digest[SHA256_TEXT_MAX];
    char *text;

    sha256_text(data, size, digest);
    text = memory_printf(
        "{\"format\": \"postern-snapshot\", \"version\": 1,\n\"snapshot\": %.*s,\n\"sha256\": \"%s\"}\n",
        (int)size, (const char *)data, digest);
    if (snapshot_parse(text, strlen(text), "fuzz", &snapshot, &error) < 0) {
        fuzz_check(error.message[0], "an error without a message");
        snapshot = NULL;
    }
    free(text);
    return snapshot;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snapshot *snapshot;

    if (memchr(data, 0, size))
        return 0;
    snapshot = parse(data, size);
    if (snapshot)
        predict(snapshot);
    snapshot_free(snapshot);
    return 0;
}

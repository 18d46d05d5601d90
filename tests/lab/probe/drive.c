/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a plan without the rest of the product and prints what was observed, as JSON. For tests of the probe.
 *
 *   drive [--seconds N] PLAN ID=PATH...      namespaces by the plan's ids
 */
#include "netns/base/file.h"
#include "scanner/probe/run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>

struct place {
    uint64_t id;
    const char *path;
};
struct places {
    struct place *items;
    size_t count, capacity;
};

static int open_place(void *context, uint64_t id)
{
    struct places *places = context;

    list_each(struct place, place, places) {
        if (place->id == id) {
            int fd = open(place->path, O_RDONLY | O_CLOEXEC);

            return fd < 0 ? -errno : fd;
        }
    }
    return -ESTALE;
}

static void print(const struct plan *plan, const struct probe_result *result)
{
    struct json_writer writer = json_writer(stdout, false);

    json_object_begin(&writer);
    json_member_text(&writer, "guard", result->guard);
    json_member_text(&writer, "guard_message", result->guard_message);
    json_member_unsigned(&writer, "packets_sent", result->packets_sent);
    json_name(&writer, "side_effects");
    json_array_begin(&writer);
    for (size_t i = 0; i < result->side_effects.count; i++)
        json_put_text(&writer, result->side_effects.items[i]);
    json_array_end(&writer);
    json_name(&writer, "errors");
    json_array_begin(&writer);
    for (size_t i = 0; i < result->errors.count; i++)
        json_put_text(&writer, result->errors.items[i].message);
    json_array_end(&writer);
    json_name(&writer, "observations");
    json_object_begin(&writer);
    for (size_t i = 0; i < result->count; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%u", plan->probes.items[i].id);
        json_name(&writer, name);
        observation_write(&writer, &result->items[i]);
    }
    json_object_end(&writer);
    json_object_end(&writer);
    (void)putchar('\n');
}

static int drive(const char *path, struct places *places, uint64_t deadline, struct error *error)
{
    _cleanup_arena_ struct arena *arena = arena_new();
    _cleanup_plan_ struct plan plan = {0};
    _cleanup_probe_result_ struct probe_result result = {0};
    _cleanup_free_ char *text = NULL;
    struct probe_namespaces namespaces = {open_place, places};
    size_t length;
    int status = file_read(AT_FDCWD, path, 64 << 20, &text, &length, error);

    if (status == 0)
        status = plan_read(text, length, path, arena, &plan, error);
    if (status == 0)
        status = probe_run(&plan, &namespaces, deadline, &result, error);
    if (status == 0)
        print(&plan, &result);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seconds", required_argument, NULL, 's'}, {0}};
    struct places places = {0};
    struct error error = ERROR_NONE;
    uint64_t deadline = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 's')
            return 2;
        deadline = time_monotonic_ns() + strtoull(optarg, NULL, 10) * 1000000000ULL;
    }
    if (optind == argc)
        return 2;
    for (int i = optind + 1; i < argc; i++) {
        char *end;
        struct place *place = list_append(&places);

        place->id = strtoull(argv[i], &end, 10);
        place->path = end + 1;
    }
    if (drive(argv[optind], &places, deadline, &error) < 0) {
        (void)fprintf(stderr, "drive: %s: %s\n", error.subject, error.message);
        return 1;
    }
    list_free(&places);
    return 0;
}

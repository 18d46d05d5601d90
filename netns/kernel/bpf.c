/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/kernel/bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FLAG_BEFORE = 1 << 3, LIVE_FRAMES = 1 << 1, LOG_SIZE = 1 << 16, LOG_KEPT = 600 };

/* The parts of union bpf_attr that are used here, as Linux 6.18 has them. */
struct attribute_link_create {
    uint32_t program, target, attach_type, flags;
    union {
        struct {
            uint32_t family, hook;
            int32_t priority;
            uint32_t flags;
        } netfilter;
        struct {
            uint32_t relative, padding;
            uint64_t expected_revision;
        } tcx;
        uint64_t room[6];
    };
};

struct attribute_query {
    uint32_t target, attach_type, query_flags, attach_flags;
    uint64_t programs;
    uint32_t count, padding;
    uint64_t program_flags, links, link_flags, revision;
};

struct attribute_test_run {
    uint32_t program, result, data_size_in, data_size_out;
    uint64_t data_in, data_out;
    uint32_t repeat, duration, context_size_in, context_size_out;
    uint64_t context_in, context_out;
    uint32_t flags, cpu, batch_size, padding;
};

struct attribute_info {
    uint32_t fd, length;
    uint64_t info;
};

struct attribute_id {
    uint32_t id, next, flags, padding;
};

struct info_link {
    uint32_t type, id, program, padding;
    union {
        struct {
            uint32_t inode, attach_type;
        } netns;
        struct {
            uint32_t interface, attach_type; /* XDP has the first only */
        } device;
        struct {
            uint32_t family, hook;
            int32_t priority;
            uint32_t flags;
        } netfilter;
        uint64_t room[8];
    };
};

static int call(int command, void *attribute, size_t size)
{
    long result = syscall(SYS_bpf, command, attribute, size);

    return result < 0 ? -errno : (int)result;
}

/* ---- load ---- */

static void switch_printer_off(void)
{
    (void)libbpf_set_print(NULL);
}

static const struct bpf_map_choice *find_choice(const struct bpf_map_choice *maps, const char *name)
{
    for (; maps && maps->name; maps++)
        if (!strcmp(maps->name, name))
            return maps;
    return NULL;
}

static int choose_maps(struct bpf_object *object, const struct bpf_map_choice *maps)
{
    struct bpf_map *map;

    bpf_object__for_each_map(map, object)
    {
        const struct bpf_map_choice *choice = find_choice(maps, bpf_map__name(map));
        int error = 0;

        if (choice && choice->fd >= 0)
            error = bpf_map__reuse_fd(map, choice->fd);
        else if (choice && choice->entries > 0)
            error = bpf_map__set_max_entries(map, choice->entries);
        if (error)
            return error;
    }
    return 0;
}

static int choose_programs(struct bpf_object *object, const struct bpf_program_kind *kinds, char *log)
{
    struct bpf_program *program;

    bpf_object__for_each_program(program, object)
    {
        const struct bpf_program_kind *kind = kinds;
        int error;

        while (kind->name && strcmp(kind->name, bpf_program__name(program)))
            kind++;
        error = bpf_program__set_autoload(program, kind->name != NULL);
        if (!error && kind->name)
            error = bpf_program__set_type(program, kind->type);
        if (!error && kind->name)
            error = bpf_program__set_expected_attach_type(program, kind->attach_type);
        if (!error && kind->name)
            error = bpf_program__set_log_buf(program, log, LOG_SIZE);
        if (error)
            return error;
    }
    return 0;
}

/* The verifier says what is wrong at the end of its log. */
static const char *last_words(const char *log)
{
    size_t length = strnlen(log, LOG_SIZE);

    return length > LOG_KEPT ? log + length - LOG_KEPT : log;
}

int bpf_load(const void *bytes, size_t length, const struct bpf_program_kind *kinds,
             const struct bpf_map_choice *maps, struct bpf_object **ret_object, struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    _cleanup_bpf_object_ struct bpf_object *object = NULL;
    _cleanup_free_ char *log = memory_alloc(LOG_SIZE);
    int result;

    pthread_once(&once, switch_printer_off);
    object = bpf_object__open_mem(bytes, length, NULL);
    if (!object)
        return error_errno(error, errno, "bpf-load", kinds->name, "the program cannot be read");
    result = choose_maps(object, maps);
    if (!result)
        result = choose_programs(object, kinds, log);
    if (!result)
        result = bpf_object__load(object);
    if (result)
        return error_errno(error, -result, "bpf-load", kinds->name,
                           "the kernel does not take the program: %s", last_words(log));
    *ret_object = take_ptr(object);
    return 0;
}

void cleanup_bpf_object(struct bpf_object **object)
{
    if (*object)
        bpf_object__close(*object);
    *object = NULL;
}

int bpf_program_descriptor(const struct bpf_object *object, const char *name)
{
    struct bpf_program *program = bpf_object__find_program_by_name(object, name);
    int fd = program ? bpf_program__fd(program) : -1;

    return fd < 0 ? -ENOENT : fd;
}

int bpf_map_descriptor(const struct bpf_object *object, const char *name)
{
    struct bpf_map *map = bpf_object__find_map_by_name(object, name);
    int fd = map ? bpf_map__fd(map) : -1;

    return fd < 0 ? -ENOENT : fd;
}

/* ---- attach ---- */

static int link_create(struct attribute_link_create *attribute, const char *what, struct error *error)
{
    int fd = call(BPF_LINK_CREATE, attribute, sizeof(*attribute));

    return fd < 0 ? error_errno(error, -fd, "bpf-link", what, "the kernel refuses the link") : fd;
}

int bpf_link_netfilter(int program, uint8_t family, uint32_t hook, int32_t priority, struct error *error)
{
    struct attribute_link_create attribute = {.program = (uint32_t)program,
                                              .attach_type = BPF_ATTACH_NETFILTER};

    attribute.netfilter.family = family;
    attribute.netfilter.hook = hook;
    attribute.netfilter.priority = priority;
    return link_create(&attribute, "netfilter", error);
}

int bpf_link_tcx(int program, uint32_t interface, uint32_t attach_type, struct error *error)
{
    struct attribute_link_create attribute = {
        .program = (uint32_t)program, .target = interface, .attach_type = attach_type, .flags = FLAG_BEFORE};

    return link_create(&attribute, "tcx", error);
}

int bpf_link_tracing(int program, struct error *error)
{
    int fd = bpf_raw_tracepoint_open(NULL, program);

    return fd < 0 ? error_errno(error, -fd, "bpf-link", "tracing", "the kernel refuses the link") : fd;
}

int bpf_run_live_frames(int program, uint32_t interface, const void *data, uint32_t length, uint32_t frames,
                        struct error *error)
{
    struct xdp_md context = {.data_end = length, .ingress_ifindex = interface};
    struct attribute_test_run attribute = {
        .program = (uint32_t)program,
        .data_size_in = length,
        .data_in = (uint64_t)(uintptr_t)data,
        .repeat = frames,
        .context_size_in = sizeof(context),
        .context_in = (uint64_t)(uintptr_t)&context,
        .flags = LIVE_FRAMES,
        .batch_size = frames,
    };
    int result;

    if (interface == 0 || frames == 0 || frames > 256)
        return error_set(error, EINVAL, "bad-injection", NULL,
                         "no interface, or no sensible number of frames");
    result = call(BPF_PROG_TEST_RUN, &attribute, sizeof(attribute));
    return result < 0
               ? error_errno(error, -result, "injection-failed", NULL, "frames into interface %u", interface)
               : 0;
}

/* ---- ask ---- */

enum { QUERY_MAX = 64 };

static int query(uint32_t target, uint32_t attach_type, uint32_t query_flags, struct bpf_attached *items,
                 uint32_t limit, uint32_t *ret_count)
{
    uint32_t programs[QUERY_MAX] = {0}, links[QUERY_MAX] = {0};
    bool multiple = attach_type >= BPF_ATTACH_TCX_INGRESS;
    struct attribute_query attribute = {.target = target,
                                        .attach_type = attach_type,
                                        .query_flags = query_flags,
                                        .programs = (uint64_t)(uintptr_t)programs,
                                        .count = QUERY_MAX};
    int result;

    if (multiple)
        attribute.links = (uint64_t)(uintptr_t)links;
    /* Kernels before 6.6 refuse the bytes of the longer attribute unless they are zero, so they cost nothing.
     */
    result = call(BPF_PROG_QUERY, &attribute, sizeof(attribute));
    if (result < 0 && result != -ENOSPC)
        return result;
    *ret_count = attribute.count;
    for (uint32_t i = 0; i < attribute.count && i < limit && i < QUERY_MAX; i++)
        items[i] = (struct bpf_attached){.program = programs[i], .link = links[i]};
    return 0;
}

int bpf_query_interface(uint32_t interface, uint32_t attach_type, struct bpf_attached *items, uint32_t limit,
                        uint32_t *ret_count)
{
    return query(interface, attach_type, 0, items, limit, ret_count);
}

int bpf_query_descriptor(int fd, uint32_t attach_type, uint32_t query_flags, struct bpf_attached *items,
                         uint32_t limit, uint32_t *ret_count)
{
    return query((uint32_t)fd, attach_type, query_flags, items, limit, ret_count);
}

static int open_id(int command, uint32_t id)
{
    struct attribute_id attribute = {.id = id};

    return call(command, &attribute, sizeof(attribute));
}

static int read_info(int fd, void *info, uint32_t length)
{
    struct attribute_info attribute = {
        .fd = (uint32_t)fd, .length = length, .info = (uint64_t)(uintptr_t)info};

    return call(BPF_OBJ_GET_INFO_BY_FD, &attribute, sizeof(attribute));
}

int bpf_program_facts(uint32_t id, struct bpf_program_facts *ret_facts)
{
    struct bpf_prog_info info = {0};
    _cleanup_close_ int fd = open_id(BPF_PROG_GET_FD_BY_ID, id);
    int result;

    if (fd < 0)
        return fd;
    result = read_info(fd, &info, sizeof(info));
    if (result < 0)
        return result;
    *ret_facts = (struct bpf_program_facts){
        .id = info.id, .type = info.type, .loaded_ns = info.load_time, .uid = info.created_by_uid};
    memcpy(ret_facts->name, info.name, sizeof(info.name));
    memcpy(ret_facts->tag, info.tag, sizeof(ret_facts->tag));
    return 0;
}

int bpf_program_next(uint32_t after, struct bpf_program_facts *ret_facts)
{
    for (;;) {
        struct attribute_id attribute = {.id = after};
        int result = call(BPF_PROG_GET_NEXT_ID, &attribute, sizeof(attribute));

        if (result < 0)
            return result;
        after = attribute.next;
        result = bpf_program_facts(after, ret_facts);
        if (result != -ENOENT) /* else it went between the two calls */
            return result;
    }
}

static void fill_link(const struct info_link *info, struct bpf_link_facts *facts)
{
    *facts = (struct bpf_link_facts){.id = info->id, .type = info->type, .program = info->program};
    if (info->type == BPF_LINK_KIND_NETNS) {
        facts->netns_inode = info->netns.inode;
        facts->attach_type = info->netns.attach_type;
    } else if (info->type == BPF_LINK_KIND_NETFILTER) {
        facts->attach_type = BPF_ATTACH_NETFILTER;
        facts->family = info->netfilter.family;
        facts->hook = info->netfilter.hook;
        facts->priority = info->netfilter.priority;
    } else if (info->type == BPF_LINK_KIND_XDP) {
        facts->attach_type = BPF_ATTACH_XDP;
        facts->interface = info->device.interface;
    } else if (info->type == BPF_LINK_KIND_TCX || info->type == BPF_LINK_KIND_NETKIT) {
        facts->interface = info->device.interface;
        facts->attach_type = info->device.attach_type;
    }
}

int bpf_link_next(uint32_t after, struct bpf_link_facts *ret_facts)
{
    for (;;) {
        struct attribute_id attribute = {.id = after};
        struct info_link info = {0};
        int result = call(BPF_LINK_GET_NEXT_ID, &attribute, sizeof(attribute));

        if (result < 0)
            return result;
        after = attribute.next;
        _cleanup_close_ int fd = open_id(BPF_LINK_GET_FD_BY_ID, after);
        if (fd == -ENOENT || fd == -EAGAIN)
            continue; /* went between the two calls, or is not attached yet */
        if (fd < 0)
            return fd;
        result = read_info(fd, &info, sizeof(info));
        if (result < 0)
            return result;
        fill_link(&info, ret_facts);
        return 0;
    }
}

bool bpf_link_is_gone(uint32_t id)
{
    _cleanup_close_ int fd = open_id(BPF_LINK_GET_FD_BY_ID, id);

    return fd == -ENOENT;
}

/* ---- where netfilter links stand ---- */

/* bpf/links.bpf.c, compiled at build time */
extern const unsigned char program_links[];
extern const size_t program_links_length;

enum { PROGRAM_TYPE_TRACING = 26, ATTACH_ITERATOR = 28, PLACES_READ = 512 };

/* What that program writes. */
struct place {
    uint32_t link, inode;
};

static void fill_places(struct bpf_link_facts *items, size_t count, const struct place *places,
                        size_t place_count)
{
    for (size_t i = 0; i < place_count; i++)
        for (size_t j = 0; j < count; j++)
            if (items[j].type == BPF_LINK_KIND_NETFILTER && items[j].id == places[i].link)
                items[j].netns_inode = places[i].inode;
}

static int read_places(int iterator, struct bpf_link_facts *items, size_t count, struct error *error)
{
    struct place places[PLACES_READ];

    for (;;) {
        ssize_t length = read(iterator, places, sizeof(places));

        if (length == 0)
            return 0;
        if (length < 0)
            return error_errno(error, errno, "bpf-read", "links", "the list of links cannot be read");
        fill_places(items, count, places, (size_t)length / sizeof(places[0]));
    }
}

int bpf_links_locate(struct bpf_link_facts *items, size_t count, struct error *error)
{
    static const struct bpf_program_kind kinds[] = {{"postern_links", PROGRAM_TYPE_TRACING, ATTACH_ITERATOR},
                                                    {0}};
    _cleanup_bpf_object_ struct bpf_object *object = NULL;
    struct attribute_link_create attribute = {.attach_type = ATTACH_ITERATOR};
    _cleanup_close_ int link = -1, iterator = -1;
    int result = bpf_load(program_links, program_links_length, kinds, NULL, &object, error);

    if (result < 0)
        return result;
    attribute.program = (uint32_t)bpf_program_descriptor(object, "postern_links");
    link = link_create(&attribute, "iterator", error);
    if (link < 0)
        return link;
    iterator = bpf_iter_create(link);
    if (iterator < 0)
        return error_errno(error, errno, "bpf-read", "links", "no list of links");
    return read_places(iterator, items, count, error);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/injector.h"

#include "netns/base/memory.h"
#include "netns/kernel/bpf.h"
#include "scanner/probe/program.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PROGRAM_TYPE_XDP = 6 };

/* Pages of an array map: its values, each rounded up to eight bytes. */
static void *map_pages(int map, size_t value, size_t count, size_t *ret_size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (((value + 7) & ~(size_t)7) * count + page - 1) / page * page;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);

    if (memory == MAP_FAILED)
        return NULL;
    *ret_size = size;
    return memory;
}

int injector_open(struct injector *injector, struct error *error)
{
    static const struct bpf_program_kind kinds[] = {{"postern_inject", PROGRAM_TYPE_XDP, BPF_ATTACH_XDP},
                                                    {0}};
    int result;

    *injector = (struct injector){.program = -1};
    result = bpf_load(program_frame, program_frame_length, kinds, NULL, &injector->object, error);
    if (result < 0)
        return result;
    injector->frames = map_pages(bpf_map_descriptor(injector->object, "frames"), sizeof(struct shot_frame),
                                 SHOT_FRAMES_MAX, &injector->frames_size);
    injector->next =
        map_pages(bpf_map_descriptor(injector->object, "next"), sizeof(uint32_t), 1, &injector->next_size);
    if (!injector->frames || !injector->next) {
        injector_close(injector);
        return error_errno(error, ENOMEM, "no-memory", "frames", "the program's maps cannot be mapped");
    }
    injector->program = bpf_program_descriptor(injector->object, "postern_inject");
    return 0;
}

void injector_close(struct injector *injector)
{
    if (injector->frames)
        munmap(injector->frames, injector->frames_size);
    if (injector->next)
        munmap(injector->next, injector->next_size);
    cleanup_bpf_object(&injector->object);
    *injector = (struct injector){.program = -1};
}

void injector_put(struct injector *injector, uint32_t slot, const struct shots *shots, uint32_t index,
                  enum packet_content content)
{
    const struct shot_entry *entry = &shots->entries[index];
    struct shot_frame *frame = &injector->frames[slot];

    memcpy(frame->bytes, entry->link, entry->link_length);
    frame->length = entry->link_length;
    frame->length += (uint32_t)packet_ip(frame->bytes + entry->link_length, &entry->tuple, content,
                                         shots_cookie(shots, index), shots->scan);
}

/* The kernel takes index 0 for loopback, and lets frames into a device that is down: neither is a stranger's
 * packet. */
static int check_port(uint32_t port, struct error *error)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_ifindex = (int)port};

    if (port == 0 || fd < 0 || ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return error_set(error, ENODEV, "uplink-down", NULL, "interface %u is not there", port);
    if (!(request.ifr_flags & IFF_UP) || (request.ifr_flags & IFF_LOOPBACK))
        return error_set(error, ENETDOWN, "uplink-down", request.ifr_name,
                         "the interface is down, or loopback");
    return 0;
}

/*
 * One frame a call: for more than one the kernel first patches its XDP dispatcher, which waits for every
 * processor and takes longer than a thousand frames.
 */
int injector_fire(struct injector *injector, uint32_t port, uint32_t count, struct error *error)
{
    static const uint8_t blank[SHOT_FRAME_MAX];
    int result;

    __atomic_store_n(injector->next, 0, __ATOMIC_SEQ_CST);
    result = check_port(port, error);
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = bpf_run_live_frames(injector->program, port, blank, sizeof(blank), 1, error);
    return result;
}

uint32_t injector_fired(const struct injector *injector)
{
    return __atomic_load_n(injector->next, __ATOMIC_SEQ_CST);
}

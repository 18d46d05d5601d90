/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/file.h"
#include "tests/judge/judge.h"
#include "tests/judge/listener.h"
#include "tests/judge/witness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const place_names[PLACES] = {"host", "c1", "c2", "c3", "n1", "n2"};

static const uint8_t uplink_macs[2][6] = {{2, 0, 0, 0, 1, 1}, {2, 0, 0, 0, 1, 2}};
static const uint8_t neighbour_macs[2][6] = {{2, 0, 0, 0, 2, 1}, {2, 0, 0, 0, 2, 2}};

void judge_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("judge: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

/* ---- namespaces ---- */

void place_enter(const struct lab *lab, enum place place)
{
    if (setns(lab->namespaces[place], CLONE_NEWNET) != 0)
        judge_fail("cannot enter %s: %s", place_names[place], strerror(errno));
}

void place_leave(const struct lab *lab)
{
    place_enter(lab, HOST);
}

/* The neighbours are strangers: a name would make them namespaces of this host to the snapshot. */
static void forget_name(enum place place, const char *path)
{
    if (place != N1 && place != N2)
        return;
    if (umount2(path, MNT_DETACH) != 0 || unlink(path) != 0)
        judge_fail("cannot take away %s: %s", path, strerror(errno));
}

static void namespaces_open(struct lab *lab)
{
    for (enum place place = HOST; place < PLACES; place++) {
        char path[64];
        struct stat status;
        snprintf(path, sizeof(path), place == HOST ? "/proc/self/ns/net" : "/run/netns/%s",
                 place_names[place]);
        lab->namespaces[place] = open(path, O_RDONLY | O_CLOEXEC);
        if (lab->namespaces[place] < 0 || fstat(lab->namespaces[place], &status) != 0)
            judge_fail("no namespace %s: this runs by tests/judge/run", path);
        lab->ids[place] = status.st_ino;
        forget_name(place, path);
    }
    lab->uplinks[0] = if_nametoindex("eth0");
    lab->uplinks[1] = if_nametoindex("eth1");
}

/* ---- senders ---- */

static int raw_socket(struct address source)
{
    struct sockaddr_storage address;
    socklen_t length = socket_address(source, 0, &address);
    int fd = socket(family_af(source.family), SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0)
        judge_fail("raw socket at %s: %s", ADDRESS_TEXT(source), strerror(errno));
    return fd;
}

/* Bound to the source: policy rules and hooks see it then before the packet's own header is looked at. */
static int sender_for(struct lab *lab, enum place place, struct address source)
{
    list_each(const struct raw_sender, sender, &lab->senders)
        if (sender->place == place && address_equal(sender->source, source))
            return sender->fd;
    place_enter(lab, place);
    struct raw_sender *new = list_append(&lab->senders);
    *new = (struct raw_sender){.place = place, .source = source, .fd = raw_socket(source)};
    place_leave(lab);
    return new->fd;
}

static void shot_send_raw(struct lab *lab, const struct shot *shot)
{
    uint8_t bytes[PACKET_MAX];
    struct sockaddr_storage address;
    size_t length = shot_bytes(shot, bytes);
    socklen_t address_length = socket_address(shot->destination, 0, &address);
    int fd = sender_for(lab, shot->from, shot->source);
    /* that it fails is an answer of its own: output rules and routes say so */
    ssize_t sent = sendto(fd, bytes, length, 0, (struct sockaddr *)&address, address_length);
    (void)sent;
}

static void shot_send_frame(struct lab *lab, const struct shot *shot)
{
    uint8_t bytes[PACKET_MAX + 14];
    size_t uplink = shot->from == N1 ? 0 : 1;
    size_t length = shot_frame(shot, uplink_macs[uplink], neighbour_macs[uplink], bytes);
    if (send(lab->frame_sockets[shot->from], bytes, length, 0) != (ssize_t)length)
        judge_fail("frame: %s", strerror(errno));
}

/* ---- what is seen ---- */

static struct sighting *sighting_of(struct lab *lab, uint32_t token)
{
    uint32_t index = token - lab->first_token;
    lab->events++;
    return lab->shots && index < lab->shots->count ? &lab->sightings[index] : NULL;
}

static void see_answer(struct lab *lab, const struct seen *seen)
{
    struct sighting *sighting = sighting_of(lab, seen->token);
    if (!sighting)
        return;
    sighting->answered = true;
    sighting->answer = seen->answer;
    sighting->icmp_type = seen->icmp_type;
    sighting->icmp_code = seen->icmp_code;
}

void lab_see(struct lab *lab, enum place place, const uint8_t *bytes, size_t length, bool behind_input)
{
    struct seen seen = packet_recognise(bytes, length);
    if (seen.is_answer) {
        see_answer(lab, &seen);
        return;
    }
    struct sighting *sighting = seen.is_probe && behind_input ? sighting_of(lab, seen.token) : NULL;
    if (!sighting)
        return;
    sighting->arrived = (int32_t)place;
    sighting->arrived_address = seen.destination;
    sighting->arrived_port = seen.port;
}

static int see_delivery(void *context, void *data, size_t size)
{
    struct lab *lab = context;
    struct delivery delivery;
    if (size < sizeof(delivery))
        return 0;
    memcpy(&delivery, data, sizeof(delivery));
    struct sighting *sighting = sighting_of(lab, __builtin_bswap32(delivery.token));
    if (sighting) {
        sighting->listener = (int32_t)delivery.listener;
        sighting->deliveries++;
    }
    return 0;
}

/* Answers that br_netfilter sends straight out of a port pass no output hook: the sender's interface sees
 * them. */
static void frames_read(struct lab *lab, enum place place)
{
    uint8_t bytes[2048];
    ssize_t length;
    while ((length = recv(lab->frame_sockets[place], bytes, sizeof(bytes), MSG_DONTWAIT)) > 14)
        lab_see(lab, place, bytes + 14, (size_t)length - 14, false);
}

static void all_read(struct lab *lab)
{
    ring_buffer__consume(lab->ring);
    for (enum place place = HOST; place < PLACES; place++) {
        if (place < CONTAINERS_END)
            witness_read(lab->witnesses[place], lab, place);
        if (place != HOST)
            frames_read(lab, place);
    }
}

void lab_shoot(struct lab *lab, const shot_list *shots, struct sighting *sightings, unsigned settle_ms)
{
    lab->shots = shots;
    lab->sightings = sightings;
    lab->first_token = shots->count ? shots->items[0].token : 0;
    for (size_t i = 0; i < shots->count; i++)
        sightings[i] = (struct sighting){.listener = -1, .arrived = -1};
    for (size_t i = 0; i < shots->count; i++) {
        const struct shot *shot = &shots->items[i];
        if (shot->from == N1 || shot->from == N2)
            shot_send_frame(lab, shot);
        else
            shot_send_raw(lab, shot);
        if (i % 32 == 31)
            all_read(lab);
    }
    uint64_t before, quiet = 0;
    do {
        before = lab->events;
        poll(NULL, 0, 1);
        all_read(lab);
        quiet = lab->events == before ? quiet + 1 : 0;
    } while (quiet < settle_ms);
    lab->shots = NULL;
}

/* ---- opening ---- */

static int frame_socket(const char *interface)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    address.sll_ifindex = (int)if_nametoindex(interface);
    int size = 4 << 20, one = 1;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        judge_fail("packet socket on %s: %s", interface, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
    return fd;
}

void lab_open(struct lab *lab)
{
    *lab = (struct lab){0};
    namespaces_open(lab);
    lab->ring_map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "judge", 0, 0, 1 << 18, NULL);
    lab->ring = lab->ring_map < 0 ? NULL : ring_buffer__new(lab->ring_map, see_delivery, lab, NULL);
    if (!lab->ring)
        judge_fail("BPF ring buffer: %s", strerror(errno));
    for (enum place place = HOST; place < PLACES; place++) {
        place_enter(lab, place);
        lab->frame_sockets[place] = -1;
        if (place != HOST)
            lab->frame_sockets[place] = frame_socket(place < CONTAINERS_END ? "eth0" : "n0");
        if (place < CONTAINERS_END) {
            lab->witnesses[place] = witness_open();
            listeners_open(lab, place);
        }
    }
    place_leave(lab);
}

void lab_close(struct lab *lab)
{
    list_each(struct raw_sender, sender, &lab->senders)
        close(sender->fd);
    list_each(struct listener, listener, &lab->listeners)
        close(listener->fd);
    for (enum place place = HOST; place < PLACES; place++) {
        close_fd(&lab->namespaces[place]);
        close_fd(&lab->frame_sockets[place]);
        witness_close(lab->witnesses[place]);
    }
    ring_buffer__free(lab->ring);
    close_fd(&lab->ring_map);
    list_free(&lab->senders);
    list_free(&lab->listeners);
}

void lab_flush_connections(const struct lab *lab)
{
    for (enum place place = HOST; place < CONTAINERS_END; place++)
        witness_flush(lab->witnesses[place]);
}

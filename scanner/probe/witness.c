/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/witness.h"

#include "netns/base/file.h"
#include "netns/base/memory.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>

enum {
    SNAPLEN = 192,          /* an ICMPv6 error's quotation of a datagram, and the cooked header */
    BUFFER_SIZE = 16 << 20, /* bytes; a shot and its answers show on each interface of their way */
    RETIRE_MS = 10,         /* a block is handed over after this time at the latest */
    ROUNDS_MAX = 64,        /* of one read: a busy host must not keep the run from sending */
    OUTGOING = LINUX_SLL_OUTGOING,
};

struct witness {
    pcap_t *capture;
    struct shots *shots;
    int64_t clock_offset_ns; /* CLOCK_MONOTONIC less CLOCK_REALTIME */
};

/* ---- sightings ---- */

static void note_answer(struct sighting *sighting, const struct sight *sight, uint64_t time_ns)
{
    if (!sighting->answered_ns)
        sighting->answered_ns = time_ns;
    if (sight->kind == SIGHT_SYN_ACK) {
        sighting->syn_acks++;
    } else if (sight->kind == SIGHT_REFUSAL) {
        sighting->refusals++;
    } else if (sight->kind == SIGHT_ANSWER) {
        sighting->answers++;
    } else {
        sighting->errors++;
        sighting->icmp_type = sight->icmp_type;
        sighting->icmp_code = sight->icmp_code;
        sighting->answered_by = tuple_address(sight->tuple.source, sight->tuple.family);
    }
}

void sighting_note(struct shots *shots, const struct sight *sight, uint32_t interface, bool outgoing,
                   uint64_t time_ns)
{
    struct sighting *sighting;
    uint32_t index;

    if (sight->kind == SIGHT_RESET || !shots_find(shots, sight, &index))
        return;
    sighting = &shots->sightings[index];
    if (sight->kind != SIGHT_SHOT) {
        note_answer(sighting, sight, time_ns);
        return;
    }
    sighting->last_interface = interface;
    if (outgoing)
        sighting->last_outgoing = interface;
    if (outgoing && interface == shots->entries[index].arrival) {
        sighting->arrived++;
        sighting->has_tuple = true;
        sighting->tuple = sight->tuple;
    }
}

bool cooked_read(const uint8_t *bytes, size_t length, const uint8_t scan[8], struct sight *ret_sight,
                 uint32_t *ret_interface, bool *ret_outgoing)
{
    if (length < SLL2_HDR_LEN)
        return false;
    *ret_interface = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 | (uint32_t)bytes[6] << 8 | bytes[7];
    *ret_outgoing = bytes[10] == OUTGOING;
    packet_read(bytes + SLL2_HDR_LEN, length - SLL2_HDR_LEN, scan, ret_sight);
    return ret_sight->kind != SIGHT_NONE;
}

/* ---- capture ---- */

static void write_filter(const struct shots *shots, const uint16_t *extra_ports, size_t extra_count,
                         struct buffer *filter)
{
    unsigned last = shots->first_port + shots->port_count - 1U;

    buffer_printf(filter, "((tcp or udp) and (portrange %u-%u", shots->first_port, last);
    for (size_t i = 0; i < extra_count; i++)
        buffer_printf(filter, " or port %u", extra_ports[i]);
    buffer_append(filter, ")) or (icmp and (icmp[0] = 3 or icmp[0] = 11 or icmp[0] = 12))"
                          " or (icmp6 and ip6[40] < 128)");
}

static int apply_filter(struct witness *witness, const char *text, struct error *error)
{
    struct bpf_program program;
    int result;

    if (pcap_compile(witness->capture, &program, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return error_set(error, EINVAL, "no-capture", "any", "%s", pcap_geterr(witness->capture));
    result = pcap_setfilter(witness->capture, &program);
    pcap_freecode(&program);
    return result < 0 ? error_set(error, EIO, "no-capture", "any", "%s", pcap_geterr(witness->capture)) : 0;
}

static int activate(struct witness *witness, struct error *error)
{
    char message[PCAP_ERRBUF_SIZE] = "";
    pcap_t *capture = pcap_create("any", message);
    int result;

    if (!capture)
        return error_set(error, EIO, "no-capture", "any", "%s", message);
    witness->capture = capture;
    (void)pcap_set_snaplen(capture, SNAPLEN);
    (void)pcap_set_timeout(capture, RETIRE_MS);
    (void)pcap_set_buffer_size(capture, BUFFER_SIZE);
    result = pcap_activate(capture);
    if (result < 0)
        return error_set(error, result == PCAP_ERROR_PERM_DENIED ? EPERM : EIO, "no-capture", "any", "%s",
                         pcap_geterr(capture));
    if (pcap_set_datalink(capture, DLT_LINUX_SLL2) < 0 || pcap_setnonblock(capture, 1, message) < 0)
        return error_set(error, EOPNOTSUPP, "no-capture", "any", "libpcap cannot name interfaces");
    return 0;
}

static int64_t clock_offset(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)time_monotonic_ns() - (now.tv_sec * 1000000000LL + now.tv_nsec);
}

int witness_open(struct shots *shots, const uint16_t *extra_ports, size_t extra_count,
                 struct witness **ret_witness, struct error *error)
{
    _cleanup_(cleanup_witness) struct witness *witness = memory_alloc(sizeof(*witness));
    _cleanup_buffer_ struct buffer filter = BUFFER(65536);
    int result;

    witness->shots = shots;
    witness->clock_offset_ns = clock_offset();
    write_filter(shots, extra_ports, extra_count, &filter);
    result = activate(witness, error);
    if (result == 0)
        result = apply_filter(witness, filter.data, error);
    if (result == 0)
        *ret_witness = take_ptr(witness);
    return result;
}

struct witness *witness_close(struct witness *witness)
{
    if (witness && witness->capture)
        pcap_close(witness->capture);
    free(witness);
    return NULL;
}

void cleanup_witness(struct witness *const *witness)
{
    (void)witness_close(*witness);
}

static void take_packet(uint8_t *user, const struct pcap_pkthdr *header, const uint8_t *bytes)
{
    struct witness *witness = (void *)user;
    int64_t time_ns =
        header->ts.tv_sec * 1000000000LL + header->ts.tv_usec * 1000LL + witness->clock_offset_ns;
    struct sight sight;
    uint32_t interface;
    bool outgoing;

    if (cooked_read(bytes, header->caplen, witness->shots->scan, &sight, &interface, &outgoing))
        sighting_note(witness->shots, &sight, interface, outgoing, (uint64_t)time_ns);
}

void witness_read(struct witness *witness)
{
    for (unsigned round = 0; round < ROUNDS_MAX; round++)
        if (pcap_dispatch(witness->capture, -1, take_packet, (void *)witness) <= 0)
            return;
}

uint32_t witness_losses(struct witness *witness)
{
    struct pcap_stat statistics = {0};

    /* Where that is not known, nothing is known to have been complete. */
    return pcap_stats(witness->capture, &statistics) < 0 ? 1 : statistics.ps_drop;
}

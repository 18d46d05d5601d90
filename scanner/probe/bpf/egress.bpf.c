/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The net beneath: on every interface that leads off the host, nothing of a shot leaves, neither it nor its
 * answer. */
#include <linux/bpf.h>

#include "match.bpf.h"

enum { TCX_NEXT = -1, TCX_DROP = 2 };

INLINE long fetch(void *bytes, __u32 offset, void *to, __u32 length)
{
    /* The network header stays where the IP layer set it, whatever tags stand before it. */
    return bpf_skb_load_bytes_relative(bytes, offset, to, length, BPF_HDR_START_NET);
}

SEC("tc")
int guard_egress(struct __sk_buff *skb)
{
    struct packet packet = {.bytes = skb};
    struct shot *shot = match(&packet);
    struct shot_record *record = shot ? record_of(shot) : 0;

    if (!record)
        return TCX_NEXT;
    record->exit = skb->ifindex;
    if (packet.kind >= PACKET_SYN_ACK)
        note_answer(record, &packet);
    else
        __sync_fetch_and_add(&record->stopped, 1);
    return TCX_DROP;
}

char LICENSE[] SEC("license") = "GPL";

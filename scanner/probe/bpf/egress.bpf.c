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

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct shot_question);
    __type(value, __u8);
} questions SEC(".maps");

enum { ETHERTYPE_ARP = 0x0806, ARP_REQUEST = 1, NEIGHBOUR_SOLICITATION = 135 };

/* Who asks for itself (RFC 5227, RFC 4862: address conflicts) asks no one but the others. */
INLINE int is_arp_question(struct __sk_buff *skb, struct shot_question *question)
{
    __u8 header[8];
    __u32 sender = 0, target = 0;

    if (fetch(skb, 0, header, 8) || header[7] != ARP_REQUEST || fetch(skb, 14, &sender, 4) ||
        fetch(skb, 24, &target, 4))
        return 0;
    __builtin_memcpy(question->address, &target, 4);
    question->family = 4;
    return sender != 0 && sender != target;
}

INLINE int is_solicitation(struct __sk_buff *skb, struct shot_question *question)
{
    __u8 header[40], type, sender = 0;

    if (fetch(skb, 0, header, 40) || header[0] >> 4 != 6 || header[6] != PROTOCOL_ICMP6)
        return 0;
    if (fetch(skb, 40, &type, 1) || type != NEIGHBOUR_SOLICITATION || fetch(skb, 48, question->address, 16))
        return 0;
    for (int i = 8; i < 24; i++)
        sender |= header[i];
    question->family = 6;
    return sender != 0;
}

/* ARP requests (RFC 826) and neighbour solicitations (RFC 4861, 4.3) for an address of `questions`. */
INLINE int is_question(struct __sk_buff *skb)
{
    struct shot_question question = {};
    int asks = skb->protocol == bpf_htons(ETHERTYPE_ARP) ? is_arp_question(skb, &question)
                                                         : is_solicitation(skb, &question);

    return asks && bpf_map_lookup_elem(&questions, &question) != 0;
}

SEC("tc")
int postern_egress(struct __sk_buff *skb)
{
    struct packet packet = {.bytes = skb};
    struct shot *shot = match(&packet);
    struct shot_record *record = shot ? record_of(shot) : 0;

    if (!record)
        return is_question(skb) ? TCX_DROP : TCX_NEXT;
    record->exit = skb->ifindex;
    if (packet.kind >= PACKET_SYN_ACK)
        note_answer(record, &packet);
    else
        __sync_fetch_and_add(&record->stopped, 1);
    return TCX_DROP;
}

char LICENSE[] SEC("license") = "GPL";

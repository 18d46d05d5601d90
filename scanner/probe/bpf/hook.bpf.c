/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On netfilter's last hooks. POST_ROUTING, before neighbour resolution: answers to injected shots are
 * recorded and swallowed, and a shot that would leave the host is stopped. LOCAL_IN: a shot that comes this
 * far has survived every rule of that namespace; a datagram ends here, so that no application ever sees one.
 */
#include <linux/bpf.h>

#include "match.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

enum { NF_DROP = 0, NF_ACCEPT = 1 };

#define KERNEL __attribute__((preserve_access_index))

struct ns_common {
    unsigned int inum;
} KERNEL;

struct net {
    struct ns_common ns;
} KERNEL;

struct net_device {
    int ifindex;
} KERNEL;

struct sk_buff {
    unsigned int len, data_len;
    unsigned char *head;
    __u16 network_header;
    unsigned long _nfct;
    void *sk;
} KERNEL;

struct nf_hook_state {
    struct net_device *in, *out;
    struct net *net;
} KERNEL;

/* include/net/netfilter/nf_bpf_link.h: the verifier knows this layout by heart */
struct bpf_nf_ctx {
    const struct nf_hook_state *state;
    struct sk_buff *skb;
};

union nf_inet_addr {
    __u32 all[4];
} KERNEL;

union nf_conntrack_man_proto {
    __be16 all;
} KERNEL;

struct nf_conntrack_man {
    union nf_inet_addr u3;
    union nf_conntrack_man_proto u;
    __u16 l3num;
} KERNEL;

struct nf_conntrack_tuple {
    struct nf_conntrack_man src;
    struct {
        union nf_inet_addr u3;
        union {
            __be16 all;
        } u;
        __u8 protonum;
    } dst;
} KERNEL;

struct nf_conntrack_tuple_hash {
    struct nf_conntrack_tuple tuple;
} KERNEL;

struct nf_conn {
    struct nf_conntrack_tuple_hash tuplehash[2];
} KERNEL;

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, struct shot_exit);
    __type(value, __u8);
} exits SEC(".maps");

struct linear {
    const unsigned char *start;
    __u32 length;
};

/* Headers are linear at these hooks, and so is a shot's datagram. */
INLINE long fetch(void *bytes, __u32 offset, void *to, __u32 length)
{
    const struct linear *linear = bytes;

    if (offset + length > linear->length)
        return -1;
    return bpf_probe_read_kernel(to, length, linear->start + offset);
}

INLINE void read_linear(struct sk_buff *skb, struct linear *linear)
{
    unsigned char *head = BPF_CORE_READ(skb, head);

    linear->start = head + BPF_CORE_READ(skb, network_header);
    linear->length = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len);
}

/* The tuple that the connection began with: an answer that was rewritten past recognition still belongs to
 * it. */
INLINE struct shot *by_conntrack(struct sk_buff *skb)
{
    struct shot_tuple original = {0};
    struct nf_conn *connection;
    struct shot *shot;

    if (!bpf_core_field_exists(skb->_nfct) || !bpf_core_type_exists(struct nf_conn))
        return 0;
    connection = (void *)(BPF_CORE_READ(skb, _nfct) & ~7UL);
    if (!connection)
        return 0;
    original.source_port = bpf_ntohs(BPF_CORE_READ(connection, tuplehash[0].tuple.src.u.all));
    original.port = bpf_ntohs(BPF_CORE_READ(connection, tuplehash[0].tuple.dst.u.all));
    if (!ours(original.source_port) && !ours(original.port))
        return 0;
    original.family = BPF_CORE_READ(connection, tuplehash[0].tuple.src.l3num) == 2 ? 4 : 6;
    original.protocol = BPF_CORE_READ(connection, tuplehash[0].tuple.dst.protonum);
    BPF_CORE_READ_INTO((__u32(*)[4])original.source, connection, tuplehash[0].tuple.src.u3.all);
    BPF_CORE_READ_INTO((__u32(*)[4])original.destination, connection, tuplehash[0].tuple.dst.u3.all);
    shot = by_tuple(&original);
    if (!shot) {
        struct shot_tuple turned;

        turn(&original, &turned);
        shot = by_tuple(&turned);
    }
    return shot;
}

/* The inode, as its descriptors show it: no other namespace has it while our link holds this one. */
INLINE __u32 namespace_of(const struct nf_hook_state *state)
{
    return BPF_CORE_READ(state, net, ns.inum);
}

/* The exit that the packet is about to take; 0: it stays on the host. */
INLINE __u8 exit_of(const struct nf_hook_state *state, struct shot_record *record)
{
    struct shot_exit key = {.namespace = namespace_of(state),
                            .interface = BPF_CORE_READ(state, out, ifindex)};
    __u8 *kind = bpf_map_lookup_elem(&exits, &key);

    if (kind)
        record->exit = key.interface;
    return kind ? *kind : 0;
}

INLINE int goes_to_target(const struct packet *packet, const struct shot *shot)
{
    for (int i = 0; i < 16; i++)
        if (packet->ip.tuple.destination[i] != shot->target[i])
            return 0;
    return 1;
}

SEC("netfilter/postrouting")
int postern_output(struct bpf_nf_ctx *context)
{
    struct linear linear;
    struct packet packet = {.bytes = &linear};
    struct shot_record *record;
    struct shot *shot;

    read_linear(context->skb, &linear);
    shot = match(&packet);
    if (!shot && packet.kind != PACKET_ERROR) {
        shot = by_conntrack(context->skb);
        packet.kind = PACKET_ANSWER;
    }
    record = shot ? record_of(shot) : 0;
    if (!record)
        return NF_ACCEPT;
    if (packet.kind < PACKET_SYN_ACK) {
        __u8 exit = exit_of(context->state, record);

        if (!exit || (exit == SHOT_EXIT_SHARED && goes_to_target(&packet, shot))) {
            __sync_fetch_and_add(packet.kind == PACKET_SHOT ? &record->passed : &record->reset_passed, 1);
            return NF_ACCEPT;
        }
        __sync_fetch_and_add(&record->stopped, 1);
        return NF_DROP;
    }
    note_answer(record, &packet);
    return exit_of(context->state, record) || shot->flags & SHOT_INJECTED ? NF_DROP : NF_ACCEPT;
}

SEC("netfilter/local_in")
int postern_input(struct bpf_nf_ctx *context)
{
    struct linear linear;
    struct packet packet = {.bytes = &linear};
    struct shot_record *record;
    struct shot *shot;

    read_linear(context->skb, &linear);
    shot = match(&packet);
    record = shot ? record_of(shot) : 0;
    if (!record)
        return NF_ACCEPT;
    if (packet.kind == PACKET_RESET)
        __sync_fetch_and_add(&record->reset_delivered, 1);
    if (packet.kind >= PACKET_SYN_ACK)
        note_answer(record, &packet);
    if (packet.kind != PACKET_SHOT)
        return NF_ACCEPT;
    record->delivered_to = namespace_of(context->state);
    record->seen = packet.ip.tuple;
    record->input = BPF_CORE_READ(context->state, in, ifindex);
    if (BPF_CORE_READ(context->skb, sk))
        record->steered = 1;
    __sync_fetch_and_add(&record->delivered, 1);
    return shot->tuple.protocol == SHOT_UDP ? NF_DROP : NF_ACCEPT;
}

char LICENSE[] SEC("license") = "GPL";

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists netfilter links with the namespace that each stands in, which bpf(2) itself does not tell. */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define KERNEL __attribute__((preserve_access_index))

enum { LINK_NETFILTER = 10 };

struct seq_file;

struct bpf_iter_meta {
    struct seq_file *seq;
} KERNEL;

struct bpf_link {
    __u32 id;
    enum bpf_link_type type;
} KERNEL;

struct bpf_iter__bpf_link {
    struct bpf_iter_meta *meta;
    struct bpf_link *link;
} KERNEL;

struct ns_common {
    unsigned int inum;
} KERNEL;

struct net {
    struct ns_common ns;
} KERNEL;

struct bpf_nf_link {
    struct bpf_link link;
    struct net *net;
} KERNEL;

/* As struct bpf_link_place of netns/kernel/bpf.h. */
struct place {
    __u32 link, inode;
};

SEC("iter/bpf_link")
int postern_links(struct bpf_iter__bpf_link *context)
{
    struct bpf_link *link = context->link;
    struct bpf_nf_link *netfilter;
    struct place place;

    if (!link || (unsigned)link->type != LINK_NETFILTER)
        return 0;
    netfilter = (void *)link - bpf_core_field_offset(struct bpf_nf_link, link);
    place.link = link->id;
    place.inode = BPF_CORE_READ(netfilter, net, ns.inum);
    bpf_seq_write(context->meta->seq, &place, sizeof(place));
    return 0;
}

char LICENSE[] SEC("license") = "GPL";

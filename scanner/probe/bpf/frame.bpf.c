/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the frames that are injected: one program run a frame, in the order of the map. */
#include <linux/bpf.h>

#include "shot.h"

#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, SHOT_FRAMES_MAX);
    __type(key, __u32);
    __type(value, struct shot_frame);
} frames SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} next SEC(".maps");

SEC("xdp")
int postern_inject(struct xdp_md *context)
{
    __u32 zero = 0, index, length;
    __u32 *counter = bpf_map_lookup_elem(&next, &zero);
    struct shot_frame *frame;

    if (!counter)
        return XDP_DROP;
    index = *counter;
    *counter = index + 1;
    frame = bpf_map_lookup_elem(&frames, &index);
    if (!frame)
        return XDP_DROP;
    length = frame->length;
    if (length < 14 || length > SHOT_FRAME_MAX)
        return XDP_DROP;
    if (bpf_xdp_adjust_tail(context, (int)length - (int)bpf_xdp_get_buff_len(context)))
        return XDP_DROP;
    if (bpf_xdp_store_bytes(context, 0, frame->bytes, length))
        return XDP_DROP;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";

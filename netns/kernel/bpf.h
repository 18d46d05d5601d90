/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bpf(2) with attribute layouts of its own: Debian 12's linux/bpf.h and libbpf 1.1.2 are of Linux 6.1 and
 * know neither netfilter links nor TCX. Loading goes through libbpf (maps, field offsets from BTF); links,
 * live frames and queries go straight to the kernel.
 *
 * Sources: include/uapi/linux/bpf.h of Linux 6.18, bpf(2).
 */
#ifndef POSTERN_NETNS_KERNEL_BPF_H
#define POSTERN_NETNS_KERNEL_BPF_H

#include "netns/base/error.h"
#include "netns/base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_object;

/* Numbers of enum bpf_prog_type, enum bpf_attach_type and link flags that Debian's header lacks. */
enum { BPF_PROGRAM_TYPE_NETFILTER = 32 };
enum {
    BPF_ATTACH_XDP = 37,
    BPF_ATTACH_SK_LOOKUP = 36,
    BPF_ATTACH_NETFILTER = 45,
    BPF_ATTACH_TCX_INGRESS = 46,
    BPF_ATTACH_TCX_EGRESS = 47,
    BPF_ATTACH_NETKIT_PRIMARY = 54,
    BPF_ATTACH_NETKIT_PEER = 55,
};

/* ---- load ---- */

/* How one program of an object is loaded; names are those of its C functions. */
struct bpf_program_kind {
    const char *name;
    uint32_t type, attach_type;
};

/* A map that the object shares or that is larger than it was compiled. */
struct bpf_map_choice {
    const char *name;
    int fd;           /* >= 0: this map is used in its place (duplicated; the caller keeps his) */
    uint32_t entries; /* 0: as compiled */
};

/*
 * Loads an object file that stands in memory (ELF, clang -target bpf). kinds and maps end with name == NULL;
 * a program that kinds does not name is not loaded. The whole object loads or nothing does: -errno,
 * "bpf-load", the message with the verifier's last words. libbpf prints nothing (its printer is switched off
 * once for the process). Needs CAP_BPF with CAP_NET_ADMIN and, for reads of kernel memory, CAP_PERFMON; or
 * CAP_SYS_ADMIN.
 */
int bpf_load(const void *bytes, size_t length, const struct bpf_program_kind *kinds,
             const struct bpf_map_choice *maps, struct bpf_object **ret_object, struct error *error);
void cleanup_bpf_object(struct bpf_object **object);
#define _cleanup_bpf_object_ _cleanup_(cleanup_bpf_object)
/* Descriptors of the object's own; -ENOENT where there is none of that name. */
int bpf_program_descriptor(const struct bpf_object *object, const char *name);
int bpf_map_descriptor(const struct bpf_object *object, const char *name);

/* ---- attach: each link lives as long as its descriptor ---- */

/*
 * A netfilter link (Linux 6.4) on a hook of the calling thread's namespace. family: NFPROTO_IPV4 or
 * NFPROTO_IPV6; hook: NF_INET_*. The kernel gives each priority to one BPF program only: -EBUSY. Returns the
 * descriptor.
 */
int bpf_link_netfilter(int program, uint8_t family, uint32_t hook, int32_t priority, struct error *error);

/*
 * A TCX link (Linux 6.6) before all other programs of that interface, which is one of the calling thread's
 * namespace. attach_type: BPF_ATTACH_TCX_*. Returns the descriptor.
 */
int bpf_link_tcx(int program, uint32_t interface, uint32_t attach_type, struct error *error);

/* A link of a program that names its own target (tracing, with the BTF id it was loaded for). */
int bpf_link_tracing(int program, struct error *error);

/*
 * Runs an XDP program `frames` times (1..256) on frames that then enter the stack as if interface (of the
 * calling thread's namespace) had received them: BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES,
 * Linux 5.18. data: what each frame holds before the program writes it, at least 14 bytes. interface 0 is
 * refused (-EINVAL): the kernel takes it for loopback.
 */
int bpf_run_live_frames(int program, uint32_t interface, const void *data, uint32_t length, uint32_t frames,
                        struct error *error);

/* ---- ask ---- */

struct bpf_attached {
    uint32_t program, link; /* ids; link 0: attached without one */
};

/*
 * The programs attached to an interface (TCX, netkit; the calling thread's namespace) or to a descriptor's
 * object (a network namespace for sk_lookup and flow dissectors, a cgroup for cgroup attach types;
 * query_flags 1 asks for the effective ones). Fills up to limit items and *ret_count with how many there are
 * (above limit: cut). -EINVAL or -EOPNOTSUPP: the kernel does not know that attach type.
 */
int bpf_query_interface(uint32_t interface, uint32_t attach_type, struct bpf_attached *items, uint32_t limit,
                        uint32_t *ret_count);
int bpf_query_descriptor(int fd, uint32_t attach_type, uint32_t query_flags, struct bpf_attached *items,
                         uint32_t limit, uint32_t *ret_count);

struct bpf_program_facts {
    uint32_t id, type;
    char name[17];
    uint8_t tag[8];
    uint64_t loaded_ns; /* since boot */
    uint32_t uid;
};
/* -ENOENT: gone since. Needs CAP_SYS_ADMIN (BPF_PROG_GET_FD_BY_ID). */
int bpf_program_facts(uint32_t id, struct bpf_program_facts *ret_facts);
/* Every program of the machine, one after the other, as bpf_link_next(). */
int bpf_program_next(uint32_t after, struct bpf_program_facts *ret_facts);

struct bpf_link_facts {
    uint32_t id, type, program, attach_type;
    uint32_t interface;    /* XDP, TCX, netkit */
    uint32_t netns_inode;  /* netns links (sk_lookup, flow dissector); netfilter: see bpf_links_locate(); 0:
                              not known */
    uint32_t family, hook; /* netfilter */
    int32_t priority;
};
enum {
    BPF_LINK_KIND_NETNS = 5,
    BPF_LINK_KIND_XDP = 6,
    BPF_LINK_KIND_NETFILTER = 10,
    BPF_LINK_KIND_TCX = 11,
    BPF_LINK_KIND_NETKIT = 13
};
/* Every link of the machine, one after the other: after = 0 starts; -ENOENT ends. Needs CAP_SYS_ADMIN. */
int bpf_link_next(uint32_t after, struct bpf_link_facts *ret_facts);
/* Is there no link of that number any more? False where it is there, or cannot be asked for. */
bool bpf_link_is_gone(uint32_t id);

/*
 * Fills netns_inode of the netfilter links among items, which bpf(2) does not tell: a small program lists
 * them from within the kernel (Linux 5.19, BTF, CAP_PERFMON). -errno: they stay as they are.
 */
int bpf_links_locate(struct bpf_link_facts *items, size_t count, struct error *error);

#endif

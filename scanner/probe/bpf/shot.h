/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs in the kernel and the probe share: one shot is one packet sent (a try of a probe). The
 * maps are keyed by the whole tuple of outstanding shots, so that no other traffic is ever touched.
 *
 * Included by BPF programs and by C: plain kernel types only. Numbers are in host order; addresses are
 * network-order bytes, IPv4 in the first four.
 */
#ifndef POSTERN_SCANNER_PROBE_BPF_SHOT_H
#define POSTERN_SCANNER_PROBE_BPF_SHOT_H

#include <linux/types.h>

enum {
    SHOT_TCP = 6,
    SHOT_UDP = 17,
    SHOT_FRAME_MAX = 124,  /* bytes of an injected frame */
    SHOT_FRAMES_MAX = 64,  /* frames of one injection */
    SHOT_TOKEN_LENGTH = 16 /* bytes of a datagram: scan (8), cookie (4), inverted cookie (4), network order */
};

/* As the sender sent it. */
struct shot_tuple {
    __u8 source[16], destination[16];
    __u16 source_port, port;
    __u8 family; /* 4, 6 */
    __u8 protocol;
    __u16 zero; /* keys have no padding */
};

enum shot_flags { SHOT_INJECTED = 1 };

/* Value of `cookies`, by cookie: TCP sequence number, or the token's. */
struct shot {
    struct shot_tuple tuple;
    __u32 index;       /* into `records` */
    __u16 target_port; /* after rewrites, as predicted; 0: not known */
    __u16 flags;
    __u8 target[16]; /* address after rewrites, as predicted */
};

/* Value of `records`: what the programs saw of it. Counters only grow. */
struct shot_record {
    __u64 answered_ns;      /* CLOCK_MONOTONIC of the first answer; 0: none */
    __u64 syn_ack_ns;       /* of the last SYN-ACK: it is sent again while the connection is half open */
    __u32 delivered_to;     /* inode of the namespace whose last input hook it passed; 0: none */
    struct shot_tuple seen; /* its tuple there, after all rewrites */
    __u32 input;            /* the interface that it came in by there */
    __u32 delivered;        /* times that it passed there */
    __u32 reset_delivered;  /* times that its reset passed there */
    __u32 syn_acks, resets, errors, others; /* answers seen */
    __u32 stopped;      /* times that the packet itself was stopped on its way off the host */
    __u32 passed;       /* times that it passed the last output hook and stayed on the host */
    __u32 reset_passed; /* times that its reset did */
    __u32 exit;         /* interface that it or its answer would have left by; 0: none */
    __u8 icmp_type, icmp_code, icmp_family;
    __u8 steered;         /* a rule had given it to a socket of its choice before it passed there (TPROXY) */
    __u8 answered_by[16]; /* outer source of an ICMP error */
};

/* Key of `exits`: an interface that leads off the host. */
struct shot_exit {
    __u32 namespace; /* inode */
    __u32 interface;
};
/* Its value. On a bridge that has containers too, a shot passes that goes where it was predicted to go. */
enum shot_exit_kind { SHOT_EXIT_PLAIN = 1, SHOT_EXIT_SHARED = 2 };

/*
 * Key of `questions`: the address of a container that stands on a bridge with an uplink, beside the host. The
 * question who has it is answered by the container itself; it need not be asked off the host.
 */
struct shot_question {
    __u8 address[16];
    __u8 family;
    __u8 zero[3];
};

/* The one value of `settings`. */
struct shot_settings {
    __u8 scan[8];                /* first half of every token */
    __u16 first_port, last_port; /* source ports of the scan */
    __u32 records;               /* entries of `records` */
};

struct shot_frame {
    __u32 length;
    __u8 bytes[SHOT_FRAME_MAX];
};

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first judge: random rulesets loaded into a lab's kernel, random packets sent through them for real, and
 * what became of each held against what the evaluators said beforehand from a snapshot. See tests/judge/run.
 *
 *   lab.c       namespaces, listeners, and everything that sees a packet: who took it, who answered
 *   wire.c      packets as bytes: made, sent, recognised by a token (TCP sequence number, UDP payload)
 *   generate.c  rulesets and packets from a seed
 *   load.c      a ruleset into the kernel
 *   predict.c   the snapshot and both evaluators
 *   explain.c   the same from `postern explain --batch`
 *   compare.c   one ruleset from load to verdict, and the smallest that still differs
 *   judge.c     options, the loop, the summary
 */
#ifndef POSTERN_TESTS_JUDGE_JUDGE_H
#define POSTERN_TESTS_JUDGE_JUDGE_H

#include "netns/base/address.h"
#include "netns/base/memory.h"
#include "netns/snapshot/snapshot.h"
#include "reports/model/channel.h"

#include <stdbool.h>
#include <stdint.h>

struct world;

/* ---- places ---- */
enum place { HOST, C1, C2, C3, N1, N2, PLACES };
#define CONTAINERS_END N1 /* places before it have rules and listeners of ours */
extern const char *const place_names[PLACES];

/* ---- random numbers: splitmix64 ---- */
struct random {
    uint64_t state;
    bool anonymous; /* no rule on what a vantage does not tell: who sends, the neighbour's hardware address */
};
uint64_t random_next(struct random *random);
uint32_t random_below(struct random *random, uint32_t limit); /* 0..limit-1 */
bool random_percent(struct random *random, uint32_t percent);
#define RANDOM_OF(random, array) ((array)[random_below((random), sizeof(array) / sizeof((array)[0]))])

/* ---- packets ---- */
struct shot {
    enum place from;
    enum ip_family family;
    uint8_t protocol;
    struct address source, destination;
    uint16_t source_port, destination_port;
    uint32_t token;
    bool odd_source; /* one that cannot be answered: forged, or of nobody */
};
typedef LIST(struct shot) shot_list;

/* What became of it. */
struct sighting {
    int32_t listener; /* index of the listener that took it, -1: none */
    uint32_t deliveries;
    int32_t arrived; /* the place behind whose last input hook it was seen, -1: none */
    struct address arrived_address;
    uint16_t arrived_port;
    bool answered;
    enum answer_kind answer;
    uint8_t icmp_type, icmp_code;
};

/* ---- the lab ---- */
struct listener {
    enum place place;
    enum socket_kind kind;
    int fd;
    uint64_t inode;
    char name[96];
};

struct lab {
    int namespaces[PLACES];
    uint64_t ids[PLACES];
    uint32_t uplinks[2]; /* ifindex of eth0 and eth1 in the host */
    LIST(struct listener) listeners;
    LIST(struct raw_sender) senders;
    int frame_sockets[PLACES]; /* packet sockets: N1, N2 send by them, all but the host see answers by them */
    struct witness *witnesses[PLACES]; /* what the judge's own chains log */
    struct ring_buffer *ring;
    int ring_map;
    const shot_list *shots; /* those whose sightings are being collected */
    struct sighting *sightings;
    uint32_t first_token;
    uint64_t events;
    uint32_t asked;      /* bits: which evaluators */
    const char *postern; /* the program, to be asked as well; NULL: not */
};
struct raw_sender {
    enum place place;
    struct address source;
    int fd;
};

void lab_open(struct lab *lab); /* exits with a message where the lab is not as it should be */
void lab_close(struct lab *lab);
void place_enter(const struct lab *lab, enum place place);
void place_leave(const struct lab *lab); /* back to the host */
void lab_flush_connections(const struct lab *lab);
/* Sends all and collects what is seen, until nothing more comes for `settle_ms`. */
void lab_shoot(struct lab *lab, const shot_list *shots, struct sighting *sightings, unsigned settle_ms);
_Noreturn void judge_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- wire.c ---- */
struct sockaddr_storage;
uint32_t socket_address(struct address address, uint16_t port,
                        struct sockaddr_storage *ret_address); /* length */
#define PACKET_MAX 128
size_t shot_bytes(const struct shot *shot, uint8_t bytes[PACKET_MAX]); /* from the IP header on */
size_t shot_frame(const struct shot *shot, const uint8_t destination[6], const uint8_t source[6],
                  uint8_t bytes[PACKET_MAX + 14]);
/* What a captured IP packet is to us. */
struct seen {
    bool is_probe, is_answer;
    uint32_t token;
    enum answer_kind answer;
    uint8_t icmp_type, icmp_code;
    struct address destination;
    uint16_t port;
};
struct seen packet_recognise(const uint8_t *bytes, size_t length);

/* ---- rulesets ---- */
struct gen_chain {
    char name[16];
    bool base, nat;
    enum nft_hook hook;
    char head[128]; /* "type filter hook input priority 0; policy accept;" */
    bool xtables_policy_drop;
};
struct gen_rule {
    uint32_t chain;
    bool off;      /* taken out by the shrinker, or refused */
    uint32_t line; /* of the text that was printed last */
    char *text;
};
struct gen_table {
    enum place place;
    enum nft_family family;
    char name[16];
    bool xtables; /* of iptables-nft: the name is one of its tables */
    bool off;     /* taken out by the shrinker */
    LIST(struct gen_chain) chains;
    LIST(char *) sets; /* texts of named sets and maps */
    LIST(struct gen_rule) rules;
};
struct gen_settings { /* sysctls that vary */
    bool bridge_netfilter, route_localnet, hairpin, no_forwarding, accept_local;
    int rp_filter;
    bool isolated;
};
struct gen {
    uint64_t seed;
    LIST(struct gen_table *) tables;
    struct gen_settings settings;
    shot_list shots;
    uint32_t refused; /* rules that a tool would not have */
};
struct gen *gen_new(uint64_t seed, uint32_t packets, bool anonymous);
struct gen *gen_free(struct gen *gen);
size_t gen_rule_count(const struct gen *gen); /* that are not off */
/* The nft script for a place: what is there is flushed first. Malloc'ed. */
char *gen_nft_text(struct gen *gen, enum place place);
/* Input for iptables-nft-restore (or ip6); NULL: none. */
char *gen_xtables_text(struct gen *gen, enum place place, enum nft_family family);
/* Takes the rule out that stood in this line of the text. False: there was none. */
bool gen_refuse(struct gen *gen, enum place place, bool xtables, enum nft_family family, uint32_t line);
void gen_print(struct gen *gen, FILE *file);

/* ---- compat.c: a rule that no tool of Debian 12 writes any more, though older ones left such ---- */
#define COMPAT_RULE                                                                                          \
    '@' /* first letter of such a rule's text: "@MARK/MASK INVERTED VERDICT", an xtables mark match */
void compat_rule_add(enum nft_family family, const char *table, const char *chain, const char *text);

/* ---- load.c ---- */
/* 0, or -1 with a message on stderr: the kernel or the tool refused. */
int gen_load(const struct lab *lab, struct gen *gen);

/* ---- predict.c ---- */
struct forecast {
    enum state state;
    uint64_t target_namespace;
    struct address target_address;
    uint16_t target_port;
    uint64_t target_inode; /* of the socket, 0: none */
    enum answer_kind answer;
    uint8_t icmp_type, icmp_code;
    bool rewritten;
    bool by_route; /* a route that is an error decides */
    bool vague;    /* it ends so in one of several ways: where, and with which answer, is not said */
    bool spoken;   /* by the program: its answer names no socket, nor what the sender is told */
    bool excused;  /* not to be judged: no vantage has such a source, or nothing is said of its port */
    char reasons[256];
    char decider[256];
};
struct evaluator {
    const char *name;
    void (*ask)(const struct world *world, const struct lab *lab, const struct shot *shot,
                struct forecast *ret_forecast);
};
extern const struct evaluator evaluators[];
extern const size_t evaluator_count;
struct snapshot *lab_snapshot(void); /* as the product collects it */
/* explain.c: every `stride`th forecast is one shot's. */
void explain_ask(const struct lab *lab, const struct gen *gen, struct forecast *forecasts, size_t stride);

/* Which expressions had a part in deciding packets (of the concrete evaluator's steps). */
#define MEMBERS_MAX 64
struct tally {
    uint64_t rules, refused, again, packets, open, closed, filtered, unreachable, undetermined, rewritten;
    uint64_t expressions[EXPRESSION_KINDS], extensions[XT_KINDS];
};
void tally_add(struct tally *tally, const struct world *world, const struct lab *lab,
               const struct shot *shot);
/* Prints the summary; false: something that must have been seen was not. */
bool tally_report(const struct tally *tally, bool strict);

/* ---- compare.c ---- */
struct difference {
    size_t shot;
    const char *evaluator;
    char text[640];
};
typedef LIST(struct difference) difference_list;
/* Loads, predicts, shoots, compares. Appends what differs; -1: not loaded. */
int gen_judge(struct lab *lab, struct gen *gen, struct tally *tally, difference_list *differences);
/* Takes rules and packets out while a difference remains. */
void gen_shrink(struct lab *lab, struct gen *gen);

#endif

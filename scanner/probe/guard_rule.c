/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/guard_rule.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

enum { SET_SHOTS = 1, SET_ANSWERS, SET_TURNED4, SET_TURNED6, SET_TARGETS, SET_ASKED, SET_RESETS, SET_SEEN };
enum { FLAG_SYN = 0x02, FLAG_RST = 0x04, FLAG_ACK = 0x10, FLAGS = FLAG_SYN | FLAG_RST | FLAG_ACK };

/* Registers: matches use the first ones, the record of an event the rest. */
enum {
    REG_MATCH = 0,
    REG_KEY = 2,
    REG_EVENT = 5,
    REG_COOKIE,
    REG_EXTRA,
    REG_SOURCE,
    REG_DESTINATION = REG_SOURCE + 4
};

/* ---- expressions ---- */

static void begin_rule(struct rule_writer *writer)
{
    nft_begin_rule(writer->batch, writer->family, writer->table, writer->chain);
}

static void end_rule(struct rule_writer *writer)
{
    nft_end_rule(writer->batch);
}

static void match_byte(struct rule_writer *writer, uint32_t meta, uint8_t value)
{
    nft_meta(writer->batch, meta, REG_MATCH);
    nft_equal(writer->batch, REG_MATCH, &value, 1);
}

/* netdev chains have no nfproto, but the frame's type. */
static void match_family(struct rule_writer *writer, bool six)
{
    uint16_t type = htons(six ? ETH_P_IPV6 : ETH_P_IP);

    if (writer->family == NFPROTO_INET) {
        match_byte(writer, NFT_META_NFPROTO, six ? NFPROTO_IPV6 : NFPROTO_IPV4);
        return;
    }
    nft_meta(writer->batch, NFT_META_PROTOCOL, REG_MATCH);
    nft_equal(writer->batch, REG_MATCH, &type, sizeof(type));
}

static void match_flags(struct rule_writer *writer, uint8_t flags)
{
    const uint8_t mask = FLAGS;

    nft_payload(writer->batch, NFT_TRANSPORT, 13, 1, REG_MATCH);
    nft_mask(writer->batch, REG_MATCH, &mask, 1);
    nft_equal(writer->batch, REG_MATCH, &flags, 1);
}

static void match_bytes(struct rule_writer *writer, uint32_t offset, const void *bytes, uint32_t length)
{
    nft_payload(writer->batch, NFT_TRANSPORT, offset, length, REG_MATCH);
    nft_equal(writer->batch, REG_MATCH, bytes, length);
}

/* The port at one offset and the number at another are in the set; the number stays in REG_COOKIE. */
static void match_pair(struct rule_writer *writer, uint32_t port, uint32_t number, const char *set,
                       uint32_t id)
{
    nft_payload(writer->batch, NFT_TRANSPORT, port, 2, REG_KEY);
    nft_payload(writer->batch, NFT_TRANSPORT, number, 4, REG_KEY + 1);
    nft_lookup(writer->batch, REG_KEY, set, id, false);
    nft_payload(writer->batch, NFT_TRANSPORT, number, 4, REG_COOKIE);
}

static void load_addresses(struct rule_writer *writer, bool six)
{
    static const uint8_t zero[16];

    nft_load(writer->batch, REG_SOURCE, zero, sizeof(zero));
    nft_load(writer->batch, REG_DESTINATION, zero, sizeof(zero));
    nft_payload(writer->batch, NFT_NETWORK, six ? 8 : 12, six ? 16 : 4, REG_SOURCE);
    nft_payload(writer->batch, NFT_NETWORK, six ? 24 : 16, six ? 16 : 4, REG_DESTINATION);
}

/* REG_COOKIE holds the cookie, or one more: the event says which. */
static void record(struct rule_writer *writer, enum event event, bool six)
{
    const uint32_t word = event;

    nft_load(writer->batch, REG_EVENT, &word, sizeof(word));
    nft_payload(writer->batch, NFT_TRANSPORT, 0, 4, REG_EXTRA); /* ports, or ICMP's type and code */
    load_addresses(writer, six);
    nft_update(writer->batch, REG_EVENT, "seen", SET_SEEN);
}

/* ---- matches: what a packet is ---- */

struct match {
    void (*write)(struct rule_writer *writer, bool six);
    enum event event;
};

static void is_syn(struct rule_writer *writer, bool six)
{
    (void)six;
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_TCP);
    match_flags(writer, FLAG_SYN);
    match_pair(writer, 0, 4, "shots", SET_SHOTS);
}

static void is_reset(struct rule_writer *writer, bool six)
{
    (void)six;
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_TCP);
    match_flags(writer, FLAG_RST);
    match_pair(writer, 0, 4, "resets", SET_RESETS);
}

static void is_token(struct rule_writer *writer, bool six)
{
    (void)six;
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_UDP);
    match_bytes(writer, 8, writer->scan, 8);
    match_pair(writer, 0, 16, "shots", SET_SHOTS);
}

static void is_answer(struct rule_writer *writer, uint8_t flags)
{
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_TCP);
    match_flags(writer, flags);
    match_pair(writer, 2, 8, "answers", SET_ANSWERS);
}

static void is_syn_ack(struct rule_writer *writer, bool six)
{
    (void)six;
    is_answer(writer, FLAG_SYN | FLAG_ACK);
}

static void is_refusal(struct rule_writer *writer, bool six)
{
    (void)six;
    is_answer(writer, FLAG_RST | FLAG_ACK);
}

/* Our packet is quoted at `quoted` from the ICMP header: without options, as it was sent. */
static void quotes(struct rule_writer *writer, bool six, uint32_t quoted, uint8_t protocol, bool reset)
{
    uint32_t transport = quoted + (six ? 40 : 20);

    match_bytes(writer, quoted + (six ? 6 : 9), &protocol, 1);
    if (protocol == IPPROTO_UDP)
        match_bytes(writer, transport + 8, writer->scan, 8);
    match_pair(writer, transport, transport + (protocol == IPPROTO_TCP ? 4 : 16), reset ? "answers" : "shots",
               reset ? SET_ANSWERS : SET_SHOTS);
}

static void is_error(struct rule_writer *writer, bool six, uint8_t protocol, bool reset)
{
    const uint8_t limit =
        six ? 128 : 13; /* questions and answers of IPv4 that are below bear no quotation of ours */

    match_byte(writer, NFT_META_L4PROTO, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    nft_payload(writer->batch, NFT_TRANSPORT, 0, 1, REG_MATCH);
    nft_lower(writer->batch, REG_MATCH, &limit, 1);
    quotes(writer, six, 8, protocol, reset);
}

static void is_tcp_error(struct rule_writer *writer, bool six)
{
    is_error(writer, six, IPPROTO_TCP, false);
}

static void is_udp_error(struct rule_writer *writer, bool six)
{
    is_error(writer, six, IPPROTO_UDP, false);
}

/* It is dropped as well, and answers nothing. */
static void is_reset_error(struct rule_writer *writer, bool six)
{
    is_error(writer, six, IPPROTO_TCP, true);
}

/* RFC 4861, 4.5: the redirected packet is an option, behind 40 bytes and maybe a link-layer address. */
static void is_redirect(struct rule_writer *writer, bool six, uint32_t option, uint8_t protocol)
{
    const uint8_t redirect = 137, redirected = 4;

    (void)six;
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_ICMPV6);
    match_bytes(writer, 0, &redirect, 1);
    match_bytes(writer, option, &redirected, 1);
    quotes(writer, true, option + 8, protocol, false);
}

static void is_turned(struct rule_writer *writer, bool six)
{
    unsigned width = six ? 4 : 1; /* registers of an address */

    nft_payload(writer->batch, NFT_NETWORK, six ? 8 : 12, six ? 16 : 4, REG_KEY);
    nft_payload(writer->batch, NFT_NETWORK, six ? 24 : 16, six ? 16 : 4, REG_KEY + width);
    nft_payload(writer->batch, NFT_TRANSPORT, 0, 4, REG_KEY + 2 * width);
    nft_lookup(writer->batch, REG_KEY, six ? "turned6" : "turned4", six ? SET_TURNED6 : SET_TURNED4, false);
}

static const struct match shot_matches[] = {
    {is_syn, EVENT_STOPPED}, {is_reset, 0}, {is_token, EVENT_STOPPED}};
static const struct match answer_matches[] = {{is_syn_ack, EVENT_SYN_ACK}, {is_refusal, EVENT_REFUSAL},
                                              {is_tcp_error, EVENT_ERROR}, {is_udp_error, EVENT_ERROR},
                                              {is_reset_error, 0},         {is_turned, 0}};

/* ---- chains ---- */

static void write_match(struct rule_writer *writer, const struct match *match, bool six)
{
    match_family(writer, six);
    match->write(writer, six);
}

/* A rule that records and one that drops. */
static void write_answer(struct rule_writer *writer, const struct match *match, bool six)
{
    if (match->event) {
        begin_rule(writer);
        write_match(writer, match, six);
        record(writer, match->event, six);
        end_rule(writer);
    }
    begin_rule(writer);
    write_match(writer, match, six);
    nft_drop(writer->batch);
    end_rule(writer);
}

static void write_redirects(struct rule_writer *writer)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

    for (size_t i = 0; i < sizeof(protocols); i++)
        for (uint32_t option = 40; option <= 48; option += 8) {
            begin_rule(writer);
            match_family(writer, true);
            is_redirect(writer, true, option, protocols[i]);
            nft_drop(writer->batch);
            end_rule(writer);
        }
}

static void write_answers(struct rule_writer *writer)
{
    for (int six = 0; six <= 1; six++)
        for (size_t i = 0; i < sizeof(answer_matches) / sizeof(answer_matches[0]); i++)
            write_answer(writer, &answer_matches[i], six);
    write_redirects(writer);
}

static void write_record(struct rule_writer *writer, const struct match *match, bool six)
{
    begin_rule(writer);
    write_match(writer, match, six);
    record(writer, match->event, six);
    end_rule(writer);
}

void rules_write_output(struct rule_writer *writer)
{
    static const struct match matches[] = {
        {is_syn, EVENT_PASSED}, {is_reset, EVENT_RESET_PASSED}, {is_token, EVENT_PASSED}};

    for (int six = 0; six <= 1; six++)
        for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++)
            write_record(writer, &matches[i], six);
    write_answers(writer);
}

/* The packet has a socket already, and one that takes what is not addressed to it (IP_TRANSPARENT): TPROXY.
 */
static void write_steered(struct rule_writer *writer, bool six)
{
    const uint8_t transparent = 1;

    begin_rule(writer);
    match_family(writer, six);
    is_token(writer, six);
    nft_socket_transparent(writer->batch, REG_MATCH);
    nft_equal(writer->batch, REG_MATCH, &transparent, 1);
    record(writer, EVENT_STEERED, six);
    end_rule(writer);
}

/* What passes here passed every rule of the namespace; datagrams end. */
void rules_write_input(struct rule_writer *writer, bool steering)
{
    static const struct match matches[] = {
        {is_syn, EVENT_DELIVERED}, {is_reset, EVENT_RESET}, {is_token, EVENT_DELIVERED}};

    for (int six = 0; six <= 1; six++) {
        for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++)
            write_record(writer, &matches[i], six);
        if (steering)
            write_steered(writer, six);
        begin_rule(writer);
        write_match(writer, &matches[2], six);
        nft_drop(writer->batch);
        end_rule(writer);
    }
}

static void match_exit(struct rule_writer *writer, uint32_t interface, bool shared, bool six)
{
    static const uint8_t zero[16];

    nft_meta(writer->batch, NFT_META_OIF, REG_MATCH);
    nft_equal(writer->batch, REG_MATCH, &interface, sizeof(interface));
    if (!shared)
        return;
    /* cookie . destination: on a bridge that has containers too, only what strays is stopped */
    nft_load(writer->batch, REG_SOURCE, zero, sizeof(zero));
    nft_payload(writer->batch, NFT_NETWORK, six ? 24 : 16, six ? 16 : 4, REG_SOURCE);
    nft_lookup(writer->batch, REG_SOURCE - 1, "targets", SET_TARGETS, true);
}

static void write_exit(struct rule_writer *writer, const struct match *match, uint32_t interface, bool shared,
                       bool six)
{
    for (int drop = match->event ? 0 : 1; drop <= 1; drop++) {
        begin_rule(writer);
        write_match(writer, match, six);
        /* The number that was matched, beside the address that is looked up. */
        nft_payload(writer->batch, NFT_TRANSPORT, match->write == is_token ? 16 : 4, 4, REG_SOURCE - 1);
        match_exit(writer, interface, shared, six);
        if (drop) {
            nft_drop(writer->batch);
        } else {
            nft_payload(writer->batch, NFT_TRANSPORT, match->write == is_token ? 16 : 4, 4, REG_COOKIE);
            record(writer, match->event, six);
        }
        end_rule(writer);
    }
}

/*
 * The question for a target that stands on a bridge beside the host is answered on that bridge. Who asks for
 * itself (RFC 5227, RFC 4862) may ask everyone.
 */
static void write_questions(struct rule_writer *writer)
{
    static const uint8_t zero[16], solicitation = 135;
    const uint16_t arp = htons(ETH_P_ARP), request = htons(1);

    begin_rule(writer);
    nft_meta(writer->batch, NFT_META_PROTOCOL, REG_MATCH);
    nft_equal(writer->batch, REG_MATCH, &arp, sizeof(arp));
    nft_payload(writer->batch, NFT_NETWORK, 6, 2, REG_MATCH);
    nft_equal(writer->batch, REG_MATCH, &request, sizeof(request));
    nft_payload(writer->batch, NFT_NETWORK, 14, 4, REG_MATCH);
    nft_unequal(writer->batch, REG_MATCH, zero, 4);
    nft_load(writer->batch, REG_SOURCE, zero, sizeof(zero));
    nft_payload(writer->batch, NFT_NETWORK, 24, 4, REG_SOURCE);
    nft_lookup(writer->batch, REG_SOURCE, "asked", SET_ASKED, false);
    nft_drop(writer->batch);
    end_rule(writer);
    begin_rule(writer);
    match_family(writer, true);
    match_byte(writer, NFT_META_L4PROTO, IPPROTO_ICMPV6);
    match_bytes(writer, 0, &solicitation, 1);
    nft_payload(writer->batch, NFT_NETWORK, 8, 16, REG_SOURCE);
    nft_unequal(writer->batch, REG_SOURCE, zero, sizeof(zero));
    nft_payload(writer->batch, NFT_TRANSPORT, 8, 16, REG_SOURCE);
    nft_lookup(writer->batch, REG_SOURCE, "asked", SET_ASKED, false);
    nft_drop(writer->batch);
    end_rule(writer);
}

/* On an interface that leads off the host nothing of a shot passes. */
void rules_write_egress(struct rule_writer *writer)
{
    for (int six = 0; six <= 1; six++)
        for (size_t i = 0; i < sizeof(shot_matches) / sizeof(shot_matches[0]); i++)
            write_answer(writer, &shot_matches[i], six);
    write_answers(writer);
    write_questions(writer);
}

void rules_write_exit(struct rule_writer *writer, uint32_t interface, bool shared)
{
    for (int six = 0; six <= 1; six++)
        for (size_t i = 0; i < sizeof(shot_matches) / sizeof(shot_matches[0]); i++)
            write_exit(writer, &shot_matches[i], interface, shared, six);
}

uint32_t rules_seen_max(uint32_t size)
{
    return size * EVENT_STEERED + 64;
}

void rules_add_sets(struct rule_writer *writer, uint32_t size)
{
    static const struct {
        const char *name;
        uint32_t id, length;
    } sets[] = {{"shots", SET_SHOTS, 8},      {"answers", SET_ANSWERS, 8},  {"turned4", SET_TURNED4, 12},
                {"turned6", SET_TURNED6, 36}, {"targets", SET_TARGETS, 20}, {"asked", SET_ASKED, 16},
                {"resets", SET_RESETS, 8}};

    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        nft_add_set(writer->batch, writer->family, writer->table, sets[i].name, sets[i].id, sets[i].length,
                    false, 0);
    nft_add_set(writer->batch, writer->family, writer->table, "seen", SET_SEEN, sizeof(struct seen_key), true,
                rules_seen_max(size));
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one message, or one line, says of a socket. */
#include "netns/base/text.h"
#include "netns/read/socket.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <linux/inet_diag.h>
#include <linux/packet_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>

enum { UNIX_DIAGNOSIS_UID = 7, UNIX_FIELDS = 16, UNIX_LISTENS = 1 << 16 /* __SO_ACCEPTCON */ };
/* Debian 12's headers have them; the table must hold later ones as well */
enum { INET_FIELDS = 32 };

static uint64_t join(const uint32_t cookie[2])
{
    return (uint64_t)cookie[1] << 32 | cookie[0];
}

/* ---- the diagnosis's messages ---- */

/* ::ffff:0:0/96 */
static struct address unmap(struct address address)
{
    if (address.family == FAMILY_IP6 && address.value >> 32 == 0xffff)
        return address_ip4((uint32_t)address.value);
    return address;
}

static void set_ends(struct socket_facts *facts, struct address local, struct address remote)
{
    facts->socket.address = unmap(local);
    facts->socket.family = facts->socket.address.family;
    facts->remote = facts->remote_port || !address_is_any(remote) ? unmap(remote)
                                                                  : (struct address){.family = FAMILY_NONE};
}

/* The number of a raw socket's protocol stands where others have their port. */
static void set_ports(struct socket_facts *facts, uint16_t local, uint16_t remote)
{
    if (facts->socket.kind == SOCKET_RAW) {
        facts->socket.protocol = local;
        return;
    }
    facts->socket.port = local;
    facts->remote_port = remote;
}

enum message_is socket_decode_inet(struct bytes payload, enum socket_kind kind,
                                   struct socket_facts *ret_facts)
{
    struct bytes field[INET_FIELDS];
    struct inet_diag_msg header;
    size_t size;

    if (!message_attributes(payload, sizeof(header), field, INET_FIELDS, NULL))
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    if (header.idiag_family != AF_INET && header.idiag_family != AF_INET6)
        return MESSAGE_MALFORMED;
    size = header.idiag_family == AF_INET ? 4 : 16;
    *ret_facts = (struct socket_facts){.socket = {.kind = kind,
                                                  .state = header.idiag_state,
                                                  .interface = header.id.idiag_if,
                                                  .inode = header.idiag_inode,
                                                  .cookie = join(header.id.idiag_cookie),
                                                  .uid = header.idiag_uid,
                                                  .queue = header.idiag_rqueue}};
    set_ports(ret_facts, ntohs(header.id.idiag_sport), ntohs(header.id.idiag_dport));
    set_ends(ret_facts, address_from_bytes(header.id.idiag_src, size),
             address_from_bytes(header.id.idiag_dst, size));
    if (header.idiag_state == TCP_LISTEN)
        ret_facts->socket.backlog = header.idiag_wqueue;
    ret_facts->socket.v6only = attribute_u8(field[INET_DIAG_SKV6ONLY], 0);
    ret_facts->socket.mark = attribute_u32(field[INET_DIAG_MARK], 0);
    ret_facts->socket.cgroup_id = attribute_u64(field[INET_DIAG_CGROUP_ID], 0);
    return MESSAGE_ITEM;
}

enum message_is socket_decode_packet(struct bytes payload, struct socket_facts *ret_facts)
{
    struct bytes field[PACKET_DIAG_MAX + 1];
    struct packet_diag_msg header;
    struct packet_diag_info info = {0};

    if (!message_attributes(payload, sizeof(header), field, PACKET_DIAG_MAX + 1, NULL))
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    if (field[PACKET_DIAG_INFO].length >= sizeof(info))
        memcpy(&info, field[PACKET_DIAG_INFO].data, sizeof(info));
    *ret_facts = (struct socket_facts){.socket = {.kind = SOCKET_PACKET,
                                                  .state = TCP_CLOSE,
                                                  .protocol = header.pdiag_num,
                                                  .interface = info.pdi_index,
                                                  .inode = header.pdiag_ino,
                                                  .cookie = join(header.pdiag_cookie),
                                                  .uid = attribute_u32(field[PACKET_DIAG_UID], 0)}};
    return MESSAGE_ITEM;
}

static void set_name(struct socket *socket, struct arena *arena, const void *bytes, size_t length)
{
    socket->name = text_utf8(arena, bytes, length);
    socket->raw_name = (struct bytes){.data = arena_copy(arena, bytes, length), .length = length};
}

enum message_is socket_decode_unix(struct bytes payload, struct arena *arena, struct socket_facts *ret_facts)
{
    struct bytes field[UNIX_FIELDS], name;
    struct unix_diag_msg header;
    struct unix_diag_rqlen queue = {0};

    if (!message_attributes(payload, sizeof(header), field, UNIX_FIELDS, NULL))
        return MESSAGE_MALFORMED;
    memcpy(&header, payload.data, sizeof(header));
    name = field[UNIX_DIAG_NAME];
    if (header.udiag_state != TCP_LISTEN || name.length < 1 || name.data[0])
        return MESSAGE_OTHER;
    if (field[UNIX_DIAG_RQLEN].length == sizeof(queue))
        memcpy(&queue, field[UNIX_DIAG_RQLEN].data, sizeof(queue));
    *ret_facts = (struct socket_facts){.socket = {.kind = SOCKET_UNIX,
                                                  .state = header.udiag_state,
                                                  .inode = header.udiag_ino,
                                                  .cookie = join(header.udiag_cookie),
                                                  .uid = attribute_u32(field[UNIX_DIAGNOSIS_UID], 0),
                                                  .queue = queue.udiag_rqueue,
                                                  .backlog = queue.udiag_wqueue}};
    set_name(&ret_facts->socket, arena, name.data + 1, name.length - 1);
    return MESSAGE_ITEM;
}

/* ---- lines of procfs ---- */

/* Each 32-bit word of the address as the machine reads it. */
static bool parse_words(const char *text, size_t words, struct address *ret_address)
{
    uint32_t bytes[4] = {0};

    for (size_t i = 0; i < words; i++) {
        char word[9] = {0};
        char *end;

        memcpy(word, text + 8 * i, 8);
        bytes[i] = (uint32_t)strtoul(word, &end, 16);
        if (end != word + 8)
            return false;
    }
    *ret_address = address_from_bytes(bytes, 4 * words);
    return true;
}

static bool parse_end(const char *text, enum ip_family family, struct address *ret_address,
                      uint16_t *ret_port)
{
    size_t words = family == FAMILY_IP4 ? 1 : 4;

    if (strlen(text) != 8 * words + 5 || text[8 * words] != ':' || !isxdigit((unsigned char)text[0]))
        return false;
    *ret_port = (uint16_t)strtoul(text + 8 * words + 1, NULL, 16);
    return parse_words(text, words, ret_address);
}

enum message_is socket_parse_inet(const char *line, enum socket_kind kind, enum ip_family family,
                                  struct socket_facts *ret_facts)
{
    char local_text[48], remote_text[48];
    unsigned state, queue, uid;
    uint64_t inode;
    uint16_t local_port, remote_port;
    struct address local, remote;

    if (sscanf(line, " %*[0-9]: %47s %47s %x %*x:%x %*x:%*x %*x %u %*d %" SCNu64, local_text, remote_text,
               &state, &queue, &uid, &inode) != 6)
        return strstr(line, "local_address") ? MESSAGE_OTHER : MESSAGE_MALFORMED;
    if (!parse_end(local_text, family, &local, &local_port) ||
        !parse_end(remote_text, family, &remote, &remote_port))
        return MESSAGE_MALFORMED;
    *ret_facts = (struct socket_facts){.socket = {.kind = kind,
                                                  .state = (uint8_t)state,
                                                  .inode = inode,
                                                  .uid = uid,
                                                  .queue = queue,
                                                  .binding_unknown = true}};
    set_ports(ret_facts, local_port, remote_port);
    set_ends(ret_facts, local, remote);
    return MESSAGE_ITEM;
}

enum message_is socket_parse_packet(const char *line, struct socket_facts *ret_facts)
{
    unsigned protocol, interface, uid;
    uint64_t inode;

    if (sscanf(line, "%*s %*d %*d %x %u %*d %*u %u %" SCNu64, &protocol, &interface, &uid, &inode) != 4)
        return strstr(line, "RefCnt") ? MESSAGE_OTHER : MESSAGE_MALFORMED;
    *ret_facts = (struct socket_facts){.socket = {.kind = SOCKET_PACKET,
                                                  .state = TCP_CLOSE,
                                                  .protocol = protocol,
                                                  .interface = interface,
                                                  .inode = inode,
                                                  .uid = uid}};
    return MESSAGE_ITEM;
}

enum message_is socket_parse_unix(const char *line, struct arena *arena, struct socket_facts *ret_facts)
{
    unsigned flags;
    uint64_t inode;
    int name = 0;

    if (sscanf(line, "%*x: %*x %*x %x %*x %*x %" SCNu64 " %n", &flags, &inode, &name) != 2 || !name)
        return strstr(line, "RefCount") ? MESSAGE_OTHER : MESSAGE_MALFORMED;
    if (!(flags & UNIX_LISTENS) || line[name] != '@')
        return MESSAGE_OTHER;
    *ret_facts = (struct socket_facts){
        .socket = {.kind = SOCKET_UNIX, .state = TCP_LISTEN, .inode = inode, .binding_unknown = true}};
    set_name(&ret_facts->socket, arena, line + name + 1, strlen(line + name + 1));
    return MESSAGE_ITEM;
}

enum message_is socket_parse_sctp(const char *line, struct socket_facts *facts, size_t limit,
                                  size_t *ret_count)
{
    unsigned state, port, uid;
    uint64_t inode;
    int place = 0;

    *ret_count = 0;
    if (sscanf(line, " %*s %*s %*d %u %*d %u %u %" SCNu64 " %n", &state, &port, &uid, &inode, &place) != 4 ||
        !place)
        return strstr(line, "ENDPT") ? MESSAGE_OTHER : MESSAGE_MALFORMED;
    if (state != TCP_LISTEN)
        return MESSAGE_OTHER;
    while (line[place] && *ret_count < limit) {
        struct socket_facts *next = &facts[*ret_count];
        char text[64];
        int length = 0;
        struct address address;

        if (sscanf(line + place, " %63s%n", text, &length) != 1)
            break;
        place += length;
        if (address_parse(text + (text[0] == '*'), &address, NULL) < 0)
            return MESSAGE_MALFORMED;
        *next = (struct socket_facts){.socket = {.kind = SOCKET_SCTP,
                                                 .state = TCP_LISTEN,
                                                 .port = (uint16_t)port,
                                                 .inode = inode,
                                                 .uid = uid,
                                                 .binding_unknown = true}};
        set_ends(next, address, (struct address){.family = FAMILY_IP4});
        ++*ret_count;
    }
    /* more addresses than fit: those that came are right, and not all */
    return line[place + (int)strspn(line + place, " ")] ? MESSAGE_MALFORMED : MESSAGE_ITEM;
}

long socket_parse_inuse(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        long number;

        line += *line == '\n';
        if (!strncmp(line, word, length) && sscanf(line + length, ": inuse %ld", &number) == 1)
            return number;
    }
    return -1;
}

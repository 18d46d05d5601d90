/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/judge/listener.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the program ---- */

#define INSN(code_, dst, src, offset, value)                                                                 \
    ((struct bpf_insn){.code = (code_), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (value)})
#define MOVE(dst, src)          INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, value)         INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define ADD(dst, value)         INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define STORE(dst, off_, value) INSN(BPF_ST | BPF_MEM | BPF_W, dst, 0, off_, value)
#define CALL(function)          INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define EXIT()                  INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define LOAD_MAP(dst, fd)       INSN(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

/* The token stands in the TCP sequence number, or in the first bytes behind the UDP header. */
static int program_load(int ring_map, uint32_t listener, uint32_t token_offset)
{
    const struct bpf_insn program[] = {
        STORE(BPF_REG_10, -8, (int32_t)listener),
        STORE(BPF_REG_10, -4, 0),
        SET(BPF_REG_2, (int32_t)token_offset),
        MOVE(BPF_REG_3, BPF_REG_10),
        ADD(BPF_REG_3, -4),
        SET(BPF_REG_4, 4),
        CALL(BPF_FUNC_skb_load_bytes),
        LOAD_MAP(BPF_REG_1, ring_map),
        MOVE(BPF_REG_2, BPF_REG_10),
        ADD(BPF_REG_2, -8),
        SET(BPF_REG_3, sizeof(struct delivery)),
        SET(BPF_REG_4, 0),
        CALL(BPF_FUNC_ringbuf_output),
        SET(BPF_REG_0, 0), /* keep 0 bytes of it: drop */
        EXIT(),
    };
    int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "judge", "GPL", program,
                           sizeof(program) / sizeof(program[0]), NULL);
    if (fd < 0)
        judge_fail("socket filter: %s", strerror(errno));
    return fd;
}

/* ---- the sockets ---- */

struct plan {
    enum place place;
    enum socket_kind kind;
    const char *address;
    uint16_t port;
    bool v6only, reuse;
    const char *device;
};

static const struct plan plans[] = {
    {HOST, SOCKET_TCP, "0.0.0.0", 22, .reuse = false},
    {HOST, SOCKET_TCP, "::", 22, .v6only = true},
    {HOST, SOCKET_TCP, "::", 443, .v6only = false},
    {HOST, SOCKET_TCP, "127.0.0.1", 53, .v6only = false},
    {HOST, SOCKET_UDP, "127.0.0.1", 53, .v6only = false},
    {HOST, SOCKET_UDP, "::1", 53, .v6only = false},
    {HOST, SOCKET_UDP, "0.0.0.0", 123, .v6only = false},
    {HOST, SOCKET_UDP, "::", 5353, .v6only = false},
    {HOST, SOCKET_TCP, "172.18.0.1", 8080, .v6only = false},
    {HOST, SOCKET_TCP, "fd00:18::1", 8080, .v6only = false},
    {HOST, SOCKET_TCP, "0.0.0.0", 80, .reuse = true},
    {HOST, SOCKET_TCP, "203.0.113.10", 80, .reuse = true},
    {HOST, SOCKET_UDP, "0.0.0.0", 80, .reuse = true},
    {HOST, SOCKET_UDP, "172.19.0.1", 80, .reuse = true},
    {HOST, SOCKET_TCP, "0.0.0.0", 9000, .device = "br1"},
    {HOST, SOCKET_TCP, "::", 9000, .v6only = true, .device = "eth0"},
    {HOST, SOCKET_UDP, "::", 9000, .v6only = false, .device = "eth1"},
    {C1, SOCKET_TCP, "0.0.0.0", 80, .v6only = false},
    {C1, SOCKET_TCP, "::", 8080, .v6only = false},
    {C1, SOCKET_UDP, "::", 53, .v6only = false},
    {C1, SOCKET_UDP, "0.0.0.0", 80, .v6only = false},
    {C1, SOCKET_TCP, "127.0.0.1", 9000, .v6only = false},
    {C1, SOCKET_TCP, "fd00:18::2", 443, .v6only = false},
    {C1, SOCKET_TCP, "172.18.0.2", 443, .v6only = false},
    {C2, SOCKET_TCP, "::", 80, .v6only = true},
    {C2, SOCKET_TCP, "172.18.0.3", 80, .v6only = false},
    {C2, SOCKET_TCP, "::", 22, .v6only = false},
    {C2, SOCKET_UDP, "::", 53, .v6only = true},
    {C2, SOCKET_UDP, "172.18.0.3", 53, .v6only = false},
    {C2, SOCKET_UDP, "::", 123, .v6only = false},
    {C3, SOCKET_TCP, "::", 80, .v6only = false},
    {C3, SOCKET_TCP, "::", 443, .v6only = false},
    {C3, SOCKET_TCP, "0.0.0.0", 8080, .device = "eth0"},
    {C3, SOCKET_UDP, "0.0.0.0", 53, .v6only = false},
    {C3, SOCKET_UDP, "::", 5353, .v6only = false},
};

static int socket_make(const struct plan *plan, bool ip6)
{
    bool tcp = plan->kind == SOCKET_TCP;
    int one = 1, only = plan->v6only;
    int fd = socket(ip6 ? AF_INET6 : AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    if (fd < 0)
        judge_fail("socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (plan->reuse)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (ip6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    if (plan->device)
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, plan->device, (socklen_t)strlen(plan->device));
    return fd;
}

static int socket_bound(const struct plan *plan)
{
    struct address address;
    struct sockaddr_storage bound;
    if (address_parse(plan->address, &address, NULL) != 0)
        judge_fail("bad address %s", plan->address);
    int fd = socket_make(plan, address.family == FAMILY_IP6);
    socklen_t length = socket_address(address, plan->port, &bound);
    if (bind(fd, (struct sockaddr *)&bound, length) != 0 || (plan->kind == SOCKET_TCP && listen(fd, 16) != 0))
        judge_fail("listen on %s %s:%u: %s", place_names[plan->place], plan->address, plan->port,
                   strerror(errno));
    return fd;
}

static void listener_open(struct lab *lab, const struct plan *plan)
{
    struct stat status;
    uint32_t index = (uint32_t)lab->listeners.count;
    int fd = socket_bound(plan);
    int program = program_load(lab->ring_map, index, plan->kind == SOCKET_TCP ? 4 : 8);
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)) != 0 || fstat(fd, &status) != 0)
        judge_fail("attach: %s", strerror(errno));
    close(program);
    struct listener *new = list_append(&lab->listeners);
    *new = (struct listener){.place = plan->place, .kind = plan->kind, .fd = fd, .inode = status.st_ino};
    snprintf(new->name, sizeof(new->name), "%s %s [%s]:%u%s%s", place_names[plan->place],
             plan->kind == SOCKET_TCP ? "tcp" : "udp", plan->address, plan->port, plan->device ? " on " : "",
             plan->device ? plan->device : "");
}

void listeners_open(struct lab *lab, enum place place)
{
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
        if (plans[i].place == place)
            listener_open(lab, &plans[i]);
}

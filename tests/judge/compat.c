/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/judge/judge.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_mark.h>

static struct nftnl_expr *mark_match(uint32_t mark, uint32_t mask, bool invert)
{
    struct nftnl_expr *match = nftnl_expr_alloc("match");
    struct {
        struct xt_mark_mtinfo1 info;
        uint8_t pad[16 - sizeof(struct xt_mark_mtinfo1)]; /* XT_ALIGN */
    } data = {.info = {.mark = mark, .mask = mask, .invert = invert}};
    nftnl_expr_set_str(match, NFTNL_EXPR_MT_NAME, "mark");
    nftnl_expr_set_u32(match, NFTNL_EXPR_MT_REV, 1);
    void *copy = malloc(sizeof(data)); /* the expression frees it */
    memcpy(copy, &data, sizeof(data));
    nftnl_expr_set(match, NFTNL_EXPR_MT_INFO, copy, sizeof(data));
    return match;
}

static struct nftnl_expr *verdict(uint32_t code)
{
    struct nftnl_expr *immediate = nftnl_expr_alloc("immediate");
    nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_VERDICT, code);
    return immediate;
}

static void batch_send(struct mnl_nlmsg_batch *batch)
{
    uint8_t answer[4096];
    struct mnl_socket *socket = mnl_socket_open(NETLINK_NETFILTER);
    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0 ||
        mnl_socket_sendto(socket, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) < 0)
        judge_fail("compat rule: %s", strerror(errno));
    ssize_t length = mnl_socket_recvfrom(socket, answer, sizeof(answer));
    if (length < 0 || mnl_cb_run(answer, (size_t)length, 0, mnl_socket_get_portid(socket), NULL, NULL) < 0)
        judge_fail("compat rule: %s", strerror(errno));
    mnl_socket_close(socket);
}

static void rule_send(struct nftnl_rule *rule, enum nft_family family)
{
    uint8_t buffer[8192];
    struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(buffer, sizeof(buffer));
    nftnl_batch_begin(mnl_nlmsg_batch_current(batch), 1);
    mnl_nlmsg_batch_next(batch);
    struct nlmsghdr *message =
        nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), NFT_MSG_NEWRULE, (uint16_t)family,
                              NLM_F_APPEND | NLM_F_CREATE | NLM_F_ACK, 2);
    nftnl_rule_nlmsg_build_payload(message, rule);
    mnl_nlmsg_batch_next(batch);
    nftnl_batch_end(mnl_nlmsg_batch_current(batch), 3);
    mnl_nlmsg_batch_next(batch);
    batch_send(batch);
    mnl_nlmsg_batch_stop(batch);
}

void compat_rule_add(enum nft_family family, const char *table, const char *chain, const char *text)
{
    unsigned mark, mask, invert, code;
    if (sscanf(text, "@%x/%x %u %u", &mark, &mask, &invert, &code) != 4)
        judge_fail("no compat rule: %s", text);
    struct nftnl_rule *rule = nftnl_rule_alloc();
    nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table);
    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
    nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, family);
    nftnl_rule_add_expr(rule, mark_match(mark, mask, invert));
    nftnl_rule_add_expr(rule, verdict(code));
    rule_send(rule, family);
    nftnl_rule_free(rule);
}

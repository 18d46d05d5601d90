/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A link whose other end is in a namespace that is just ending: the kernel has no number for it any more. */
#include "netns/read/link.h"

#include <check.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

/* The link message of a veth, its other end numbered 7 in the namespace of that number; 0 bytes: here. */
static enum message_is decode(struct arena *arena, const int32_t *number, struct link *ret_link)
{
    char buffer[512] = {0};
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

    header->ifi_index = 5;
    mnl_attr_put_strz(message, IFLA_IFNAME, "veth5");
    mnl_attr_put_u32(message, IFLA_LINK, 7);
    if (number)
        mnl_attr_put_u32(message, IFLA_LINK_NETNSID, (uint32_t)*number);
    return link_decode((struct bytes){mnl_nlmsg_get_payload(message), mnl_nlmsg_get_payload_len(message)},
                       arena, ret_link);
}

START_TEST(other_end)
{
    static const struct {
        int32_t number;
        bool elsewhere, unknown;
    } rows[] = {{0, false, false}, {3, true, false}, {-1, true, true}};
    _cleanup_arena_ struct arena *arena = arena_new();
    struct link link;

    ck_assert_int_eq(decode(arena, rows[_i].elsewhere ? &rows[_i].number : NULL, &link), MESSAGE_ITEM);
    ck_assert_uint_eq(link.peer_index, 7);
    ck_assert_int_eq(link.peer_unknown, rows[_i].unknown);
    ck_assert_int_eq(link.peer_nsid, rows[_i].elsewhere ? rows[_i].number : -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("read/peer");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, other_end, 0, 3);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/program.h"
#include "netns/base/text.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_hook.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <unistd.h>

enum { ATTACHED_MAX = 64, SURVEY_MAX = 65536, IPVS_MAX = 16 << 20, TEXT_MAX = 1 << 20, HOOKS = 5 };
/* Newer than Debian 12's headers. */
enum { NFNETLINK_HOOKS = 12 };

/* ---- the whole machine ---- */

static bool survey_programs(struct program_survey *survey)
{
    struct bpf_program_facts facts = {.id = 0};
    int result = 0;

    for (size_t i = 0; !result && i < SURVEY_MAX; i++) {
        result = bpf_program_next(facts.id, &facts);
        if (!result && facts.type < 64)
            survey->types |= UINT64_C(1) << facts.type;
    }
    return result == -ENOENT || result == -ENOSYS;
}

static bool survey_links(struct program_survey *survey)
{
    struct bpf_link_facts facts = {.id = 0};
    int result = 0;

    for (size_t i = 0; !result && i < SURVEY_MAX; i++) {
        result = bpf_link_next(facts.id, &facts);
        if (!result && facts.type == BPF_LINK_KIND_NETFILTER)
            *list_append(&survey->links) = facts;
    }
    if (survey->links.count > 0) /* where it fails they may stand anywhere */
        (void)bpf_links_locate(survey->links.items, survey->links.count, NULL);
    /* -EINVAL: no links at all, before Linux 5.8 */
    return result == -ENOENT || result == -EINVAL || result == -ENOSYS;
}

void program_survey_read(struct program_survey *ret_survey)
{
    *ret_survey = (struct program_survey){.readable = false};
    ret_survey->readable = survey_programs(ret_survey) && survey_links(ret_survey);
}

void program_survey_free(struct program_survey *survey)
{
    list_free(&survey->links);
}

#define TYPE(number) (UINT64_C(1) << (number))

/* False: no program of these types is loaded anywhere, so none is attached. */
static bool may_have(const struct program_survey *survey, uint64_t types)
{
    return !survey->readable || survey->types & types;
}

/* ---- one namespace ---- */

struct reading {
    const struct reader *reader;
    const struct program_survey *survey;
    struct namespace *namespace;
    int first;
    uint32_t unreadable; /* bit set: kinds of which that was said already */
    bool cut;
};

/* NULL: there are as many as the limit allows. */
static struct program *add_program(struct reading *reading, enum program_kind kind)
{
    struct program *program;

    if (reading->namespace->programs.count >= reading->reader->budget.programs) {
        if (!reading->cut)
            (void)read_over_budget(reading->namespace, PART_PROGRAMS, "programs");
        reading->cut = true;
        return NULL;
    }
    program = list_append(&reading->namespace->programs);
    program->kind = kind;
    return program;
}

static void add_unreadable(struct reading *reading, enum program_kind kind, int status)
{
    const char *word = program_kind_name(kind);
    struct program *program;
    struct error error;

    if (reading->unreadable >> kind & 1)
        return;
    reading->unreadable |= 1U << kind;
    program = add_program(reading, PROGRAM_UNREADABLE);
    if (program)
        program->detail = word;
    (void)error_errno(&error, status, "programs-unreadable", word, "programs of kind %s cannot be asked for",
                      word);
    namespace_fault(reading->namespace, PART_PROGRAMS, &error);
    reading->first = reading->first ? reading->first : -status;
}

/* The kernel's words for "no such thing here". */
static bool is_nothing(int result)
{
    return result == -EINVAL || result == -EOPNOTSUPP || result == -ENOSYS || result == -ENOENT ||
           result == -ENODEV;
}

static const char *name_of(struct arena *arena, uint32_t id)
{
    struct bpf_program_facts facts;

    if (!id || bpf_program_facts(id, &facts) < 0 || !facts.name[0])
        return NULL;
    return text_utf8(arena, facts.name, strnlen(facts.name, sizeof(facts.name)));
}

static void set_program(struct reading *reading, struct program *program, uint32_t id)
{
    program->id = id;
    program->name = name_of(reading->namespace->arena, id);
}

/* ---- on links ---- */

static void add_xdp(struct reading *reading, const struct link *link)
{
    struct program *program = add_program(reading, PROGRAM_XDP);

    if (!program)
        return;
    program->interface = link->index;
    set_program(reading, program, link->xdp_program);
}

struct link_attachment {
    enum program_kind kind;
    uint32_t attach_type;
    bool egress;
};
static const struct link_attachment tcx_attachments[] = {{PROGRAM_TCX, BPF_ATTACH_TCX_INGRESS, false},
                                                         {PROGRAM_TCX, BPF_ATTACH_TCX_EGRESS, true}};
/* The kernel answers for both ends where it is asked for the primary one, and refuses the other. */
static const struct link_attachment netkit_attachments[] = {
    {PROGRAM_NETKIT, BPF_ATTACH_NETKIT_PRIMARY, false}, {PROGRAM_NETKIT, BPF_ATTACH_NETKIT_PEER, true}};

static void ask_link(struct reading *reading, const struct link *link, const struct link_attachment *at)
{
    struct bpf_attached attached[ATTACHED_MAX];
    uint32_t count = 0;
    int result = bpf_query_interface(link->index, at->attach_type, attached, ATTACHED_MAX, &count);

    if (result < 0) {
        if (!is_nothing(result) && !(result == -EACCES && at->kind == PROGRAM_NETKIT))
            add_unreadable(reading, at->kind, -result);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct program *program = add_program(reading, at->kind);

        if (!program)
            return;
        program->interface = link->index;
        program->egress = at->egress;
        if (i < ATTACHED_MAX)
            set_program(reading, program, attached[i].program);
    }
}

static void read_links(struct reading *reading)
{
    bool ask = may_have(reading->survey, TYPE(BPF_PROG_TYPE_SCHED_CLS));

    list_each(struct link, link, &reading->namespace->links) {
        if (link->xdp_mode)
            add_xdp(reading, link);
        for (size_t i = 0; ask && i < 2; i++)
            ask_link(reading, link, &tcx_attachments[i]);
        for (size_t i = 0; ask && i < 2 && text_equal(link->kind_name, "netkit"); i++)
            ask_link(reading, link, &netkit_attachments[i]);
    }
}

/* ---- traffic control ---- */

/* Queues that have no place for filters; every other kind is asked. */
static const char *const without_filters[] = {"noqueue", "noop", "pfifo_fast", "pfifo",
                                              "bfifo",   "mq",   "fq",         "codel"};
/* Queues that drop or hold packets on purpose. */
static const char *const dropping[] = {"netem", "blackhole", "plug"};

static bool is_among(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(word, words[i]))
            return true;
    return false;
}
#define IS_AMONG(word, words) is_among((word), (words), sizeof(words) / sizeof((words)[0]))

typedef LIST(struct traffic_queue) queue_list;

struct queues_reading {
    queue_list queues;
    size_t limit;
    bool malformed;
};

static struct nlmsghdr *ask_queues(struct netlink *netlink, void *context)
{
    (void)context;
    return netlink_request(netlink, RTM_GETQDISC, 0, sizeof(struct tcmsg));
}

static void forget_queues(void *context)
{
    ((struct queues_reading *)context)->queues.count = 0;
}

static int take_queue(const struct nlmsghdr *message, void *context)
{
    struct queues_reading *queues = context;
    struct traffic_queue queue;

    if (message->nlmsg_type != RTM_NEWQDISC)
        return 0;
    if (program_decode_queue(message_payload(message), &queue) != MESSAGE_ITEM) {
        queues->malformed = true;
        return 0;
    }
    if (IS_AMONG(queue.kind, without_filters))
        return 0;
    if (queues->queues.count >= queues->limit)
        return NETLINK_STOPPED;
    *list_append(&queues->queues) = queue;
    return 0;
}

struct filters_reading {
    struct reading *reading;
    const struct traffic_queue *queue;
    uint32_t parent;
    bool egress;
    size_t before;
};

static struct nlmsghdr *ask_filters(struct netlink *netlink, void *context)
{
    const struct filters_reading *filters = context;
    struct nlmsghdr *request = netlink_request(netlink, RTM_GETTFILTER, 0, sizeof(struct tcmsg));
    struct tcmsg *header = mnl_nlmsg_get_payload(request);

    header->tcm_ifindex = (int)filters->queue->interface;
    header->tcm_parent = filters->parent;
    return request;
}

static void forget_filters(void *context)
{
    const struct filters_reading *filters = context;

    filters->reading->namespace->programs.count = filters->before;
}

static int take_filter(const struct nlmsghdr *message, void *context)
{
    struct filters_reading *filters = context;
    struct namespace *namespace = filters->reading->namespace;
    struct program found, *program;
    enum message_is result;

    if (message->nlmsg_type != RTM_NEWTFILTER)
        return 0;
    result = program_decode_filter(message_payload(message), namespace->arena, &found);
    if (result == MESSAGE_OTHER)
        return 0;
    if (result == MESSAGE_MALFORMED) /* there is one, whatever it is */
        found = (struct program){.kind = PROGRAM_TC, .name = "unknown"};
    program = add_program(filters->reading, PROGRAM_TC);
    if (!program)
        return -E2BIG;
    *program = found;
    program->interface = filters->queue->interface; /* a shared block's filters have none */
    program->egress = filters->egress;
    return 0;
}

static void read_filters(struct reading *reading, struct netlink *route, const struct traffic_queue *queue,
                         uint32_t parent, bool egress)
{
    struct filters_reading filters = {.reading = reading,
                                      .queue = queue,
                                      .parent = parent,
                                      .egress = egress,
                                      .before = reading->namespace->programs.count};
    const struct read_dump dump = {.subject = "tc filters",
                                   .part = PART_PROGRAMS,
                                   .optional = true,
                                   .build = ask_filters,
                                   .handle = take_filter,
                                   .reset = forget_filters,
                                   .context = &filters};
    int result;

    if (reading->cut)
        return;
    result = read_dump(route, &dump, reading->namespace);
    if (result < 0 && !reading->cut)
        reading->first = reading->first ? reading->first : result;
}

static void read_queue(struct reading *reading, struct netlink *route, const struct traffic_queue *queue)
{
    struct program *program;

    if (text_equal(queue->kind, "clsact") || text_equal(queue->kind, "ingress")) {
        read_filters(reading, route, queue, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), false);
        if (text_equal(queue->kind, "clsact"))
            read_filters(reading, route, queue, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS), true);
        return;
    }
    if (IS_AMONG(queue->kind, dropping) && (program = add_program(reading, PROGRAM_TC))) {
        program->interface = queue->interface;
        program->egress = true;
        program->name = arena_strdup(reading->namespace->arena, queue->kind);
        program->detail = "a queue that drops or holds packets on purpose";
    }
    /* parent 0 asks the root queue, whatever its handle; a default queue beneath another has no handle */
    if (queue->handle || queue->parent == TC_H_ROOT)
        read_filters(reading, route, queue, queue->parent == TC_H_ROOT ? 0 : queue->handle, true);
}

static void read_traffic(struct reading *reading, struct netlink *route)
{
    struct queues_reading queues = {.limit = reading->reader->budget.questions};
    const struct read_dump dump = {.subject = "tc queues",
                                   .part = PART_PROGRAMS,
                                   .optional = true,
                                   .build = ask_queues,
                                   .handle = take_queue,
                                   .reset = forget_queues,
                                   .context = &queues};
    int result = read_dump(route, &dump, reading->namespace);

    if (result < 0)
        reading->first = reading->first ? reading->first : result;
    if (queues.malformed)
        add_unreadable(reading, PROGRAM_TC, EBADMSG);
    list_each(struct traffic_queue, queue, &queues.queues) {
        read_queue(reading, route, queue);
    }
    list_free(&queues.queues);
}

/* ---- of the namespace ---- */

static void ask_namespace(struct reading *reading, int fd, enum program_kind kind, uint32_t type,
                          uint32_t attach_type)
{
    struct bpf_attached attached[ATTACHED_MAX];
    uint32_t count = 0;
    int result;

    if (!may_have(reading->survey, TYPE(type)))
        return;
    result = bpf_query_descriptor(fd, attach_type, 0, attached, ATTACHED_MAX, &count);
    if (result < 0 && !is_nothing(result))
        add_unreadable(reading, kind, -result);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        struct program *program = add_program(reading, kind);

        if (!program)
            return;
        if (i < ATTACHED_MAX)
            set_program(reading, program, attached[i].program);
    }
}

/* ---- netfilter links ---- */

/*
 * A link unregisters its hook before it lets its program go: once there is no program of that number, there
 * is no hook either, whatever an earlier message said.
 */
static bool is_gone(uint32_t program)
{
    struct bpf_program_facts facts;

    return program && bpf_program_facts(program, &facts) == -ENOENT;
}

/* A link of which nobody can say in which namespace it stands may be in this one. */
static void add_all_links(struct reading *reading)
{
    list_each(struct bpf_link_facts, link, &reading->survey->links) {
        struct program *program;

        if (link->netns_inode != 0 && link->netns_inode != reading->namespace->id)
            continue;
        /* the guards of a scan that has just ended pass away while this one looks */
        if (bpf_link_is_gone(link->id) || is_gone(link->program))
            continue;
        program = add_program(reading, PROGRAM_NETFILTER);
        if (!program)
            return;
        program->family = link->family == NFPROTO_IPV4 ? FAMILY_IP4 : FAMILY_IP6;
        program->hook = link->hook;
        program->priority = link->priority;
        if (link->netns_inode == 0)
            program->detail = "the kernel does not say in which namespace";
        set_program(reading, program, link->program);
    }
}

struct hooks_reading {
    struct reading *reading;
    uint8_t family;
    uint32_t hook;
};

static struct nlmsghdr *ask_hooks(struct netlink *netlink, const struct hooks_reading *hooks)
{
    struct nlmsghdr *request =
        netlink_request(netlink, NFNETLINK_HOOKS << 8 | NFNL_MSG_HOOK_GET, 0, sizeof(struct nfgenmsg));
    struct nfgenmsg *header = mnl_nlmsg_get_payload(request);

    header->nfgen_family = hooks->family;
    mnl_attr_put_u32(request, NFNLA_HOOK_HOOKNUM, htobe32(hooks->hook));
    return request;
}

static int take_hook(const struct nlmsghdr *message, void *context)
{
    const struct hooks_reading *hooks = context;
    struct program found, *program;
    enum message_is result = program_decode_hook(message_payload(message), &found);

    if (result == MESSAGE_OTHER)
        return 0;
    if (result == MESSAGE_MALFORMED)
        return -EBADMSG;
    if (is_gone(found.id))
        return 0;
    program = add_program(hooks->reading, PROGRAM_NETFILTER);
    if (!program)
        return -E2BIG;
    *program = found;
    program->name = name_of(hooks->reading->namespace->arena, found.id);
    return 0;
}

/* Where this fails all links are taken, which is no loss: so it is not a fault. */
static int read_hook(struct reading *reading, struct netlink *netfilter, uint8_t family, uint32_t hook)
{
    struct hooks_reading hooks = {.reading = reading, .family = family, .hook = hook};

    return netlink_dump(netfilter, ask_hooks(netfilter, &hooks), take_hook, &hooks, "netfilter hooks", NULL);
}

static int read_hooks(struct reading *reading)
{
    static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};
    _cleanup_netlink_ struct netlink *netfilter = NULL;
    int result;

    if (!modules_has(reading->reader->modules, "nfnetlink_hook"))
        return READ_ABSENT;
    result = netlink_open(NETLINK_NETFILTER, reading->reader->budget.deadline_ns, &netfilter, NULL);
    for (size_t i = 0; i < sizeof(families) * HOOKS && !result; i++)
        result = read_hook(reading, netfilter, families[i / HOOKS], (uint32_t)(i % HOOKS));
    return result;
}

static void read_netfilter(struct reading *reading)
{
    if ((reading->survey->readable && !reading->survey->links.count) || read_hooks(reading) == 0)
        return;
    /* what the hooks said so far may be less than there is, and now comes twice */
    add_all_links(reading);
    if (!reading->survey->readable)
        add_unreadable(reading, PROGRAM_NETFILTER, EPERM);
}

/* ---- IPVS and XFRM ---- */

static void read_ipvs(struct reading *reading)
{
    _cleanup_free_ char *text = NULL;
    struct program *program;
    size_t services;
    int result;

    /* not there without its module, and loads none */
    result = reader_net_file(reading->reader, reading->namespace, "ip_vs", IPVS_MAX, &text);
    services = result < 0 ? 0 : program_count_ipvs(text);
    if (result < 0 && result != -ENOENT)
        add_unreadable(reading, PROGRAM_IPVS, -result);
    if (services && (program = add_program(reading, PROGRAM_IPVS)))
        program->detail = arena_printf(reading->namespace->arena, "%zu services", services);
}

static enum message_is add_policy(struct bytes payload, struct arena *arena, void *ret_item)
{
    return program_decode_policy(payload, arena, ret_item);
}

static const struct read_list policies_list = {"IPsec policies",
                                               PART_PROGRAMS,
                                               .optional = true,
                                               .ask = XFRM_MSG_GETPOLICY,
                                               .answer = XFRM_MSG_NEWPOLICY,
                                               .header = sizeof(struct xfrm_userpolicy_id),
                                               .list = offsetof(struct namespace, programs),
                                               .item = sizeof(struct program),
                                               .limit = offsetof(struct read_budget, programs),
                                               .decode = add_policy};

static int take_default(const struct nlmsghdr *message, void *context)
{
    struct xfrm_userpolicy_default *defaults = context;
    struct bytes payload = message_payload(message);

    if (message->nlmsg_type == XFRM_MSG_GETDEFAULT && payload.length >= sizeof(*defaults))
        memcpy(defaults, payload.data, sizeof(*defaults));
    return 0;
}

/* Where nothing is allowed without a policy, having no policy is one (Linux 5.15). */
static void read_default_policy(struct reading *reading, struct netlink *netlink)
{
    struct xfrm_userpolicy_default defaults = {0};
    struct nlmsghdr *request = netlink_request(netlink, XFRM_MSG_GETDEFAULT, 0, sizeof(defaults));
    struct program *program;

    if (netlink_call(netlink, request, take_default, &defaults, "the default IPsec policy", NULL) < 0)
        return;
    if (defaults.in != XFRM_USERPOLICY_BLOCK && defaults.fwd != XFRM_USERPOLICY_BLOCK &&
        defaults.out != XFRM_USERPOLICY_BLOCK)
        return;
    program = add_program(reading, PROGRAM_XFRM);
    if (program)
        program->detail = "what no policy allows is blocked";
}

/*
 * Where the kernel has nobody to ask for policies there may be some: those that came by PF_KEY (af_key, whose
 * file is there where it is), and those that decided before, by the kernel's counters.
 */
static void suspect_policies(struct reading *reading)
{
    _cleanup_free_ char *key = NULL, *counters = NULL;
    int by_key = reader_net_file(reading->reader, reading->namespace, "pfkey", TEXT_MAX, &key);
    int counted = reader_net_file(reading->reader, reading->namespace, "xfrm_stat", TEXT_MAX, &counters);

    if (by_key != -ENOENT || (counted == 0 && program_policies_decided(counters)))
        add_unreadable(reading, PROGRAM_XFRM, EPROTONOSUPPORT);
}

static void read_xfrm(struct reading *reading)
{
    _cleanup_netlink_ struct netlink *netlink = NULL;
    struct error error = ERROR_NONE;
    int result;

    if (!read_may_ask(reading->reader, "xfrm_user", reading->namespace, PART_PROGRAMS)) {
        if (modules_known(reading->reader->modules))
            suspect_policies(reading);
        return;
    }
    result = netlink_open(NETLINK_XFRM, reading->reader->budget.deadline_ns, &netlink, &error);
    if (result == -EPROTONOSUPPORT) {
        suspect_policies(reading);
        return;
    }
    if (result == 0)
        result = read_list(reading->reader, netlink, &policies_list, reading->namespace);
    if (result < 0)
        add_unreadable(reading, PROGRAM_XFRM, -result);
    else if (result == 0)
        read_default_policy(reading, netlink);
}

int program_read(const struct reader *reader, struct netlink *route, int fd,
                 const struct program_survey *survey, struct namespace *namespace)
{
    struct reading reading = {.reader = reader, .survey = survey, .namespace = namespace};

    read_links(&reading);
    read_traffic(&reading, route);
    ask_namespace(&reading, fd, PROGRAM_SK_LOOKUP, BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP);
    ask_namespace(&reading, fd, PROGRAM_FLOW_DISSECTOR, BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR);
    read_netfilter(&reading);
    read_ipvs(&reading);
    read_xfrm(&reading);
    return reading.first;
}

/* ---- cgroups ---- */

#define CGROUP_TYPES                                                                                         \
    (TYPE(BPF_PROG_TYPE_CGROUP_SKB) | TYPE(BPF_PROG_TYPE_CGROUP_SOCK) | TYPE(BPF_PROG_TYPE_CGROUP_SOCK_ADDR))

/* Those that see what a listener gets, and (egress) what a sender sends or connects to. */
static const struct cgroup_attachment {
    uint32_t attach_type;
    bool egress;
    enum ip_family family;
    const char *detail;
} cgroup_attachments[] = {
    {BPF_CGROUP_INET_INGRESS, false, FAMILY_NONE, "ingress"},
    {BPF_CGROUP_INET_EGRESS, true, FAMILY_NONE, "egress"},
    {BPF_CGROUP_INET_SOCK_CREATE, true, FAMILY_NONE, "sock_create"},
    {BPF_CGROUP_INET4_CONNECT, true, FAMILY_IP4, "connect4"},
    {BPF_CGROUP_INET6_CONNECT, true, FAMILY_IP6, "connect6"},
    {BPF_CGROUP_UDP4_SENDMSG, true, FAMILY_IP4, "sendmsg4"},
    {BPF_CGROUP_UDP6_SENDMSG, true, FAMILY_IP6, "sendmsg6"},
};

int program_open_cgroups(void)
{
    static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        _cleanup_close_ int fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct statfs filesystem;

        if (fd >= 0 && fstatfs(fd, &filesystem) == 0 && filesystem.f_type == CGROUP2_SUPER_MAGIC)
            return take_fd(&fd);
    }
    return -ENOENT;
}

static void ask_cgroup(struct reading *reading, int fd, const struct cgroup_attachment *at, const char *path)
{
    struct bpf_attached attached[ATTACHED_MAX];
    uint32_t count = 0;
    int result =
        bpf_query_descriptor(fd, at->attach_type, BPF_F_QUERY_EFFECTIVE, attached, ATTACHED_MAX, &count);

    if (result < 0 && !is_nothing(result))
        add_unreadable(reading, PROGRAM_CGROUP, -result);
    for (uint32_t i = 0; result == 0 && i < count; i++) {
        struct program *program = add_program(reading, PROGRAM_CGROUP);

        if (!program)
            return;
        program->egress = at->egress;
        program->family = at->family;
        program->detail = at->detail;
        program->cgroup = path;
        if (i < ATTACHED_MAX)
            set_program(reading, program, attached[i].program);
    }
}

/* Processes that stand in version 1 hierarchies as well are known by their paths there. */
static bool is_hybrid(int root)
{
    return faccessat(root, "../unified", F_OK, 0) == 0;
}

int program_read_cgroup(const struct reader *reader, const struct program_survey *survey, int root,
                        const char *path, struct namespace *namespace)
{
    struct reading reading = {.reader = reader, .survey = survey, .namespace = namespace};
    _cleanup_close_ int fd = -1;
    const char *kept = NULL;

    if (!may_have(survey, CGROUP_TYPES))
        return 0;
    while (*path == '/')
        path++;
    if (root >= 0 && !text_starts(path, ".."))
        fd = openat(root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        add_unreadable(&reading, PROGRAM_CGROUP, root < 0 || text_starts(path, "..") ? ENOENT : errno);
        return reading.first;
    }
    if (!is_hybrid(root))
        kept = arena_printf(namespace->arena, "/%s", path);
    for (size_t i = 0; i < sizeof(cgroup_attachments) / sizeof(cgroup_attachments[0]); i++)
        ask_cgroup(&reading, fd, &cgroup_attachments[i], kept);
    return reading.first;
}

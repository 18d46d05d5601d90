/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/read/reader.h"
#include "netns/base/file.h"
#include "netns/base/text.h"
#include "netns/decode/attribute.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 5 };

/* ---- what all namespaces may take ---- */

bool read_pay(const struct reader *reader, size_t bytes)
{
    size_t left = reader->total ? atomic_load(&reader->total->left) : 0;

    if (!reader->total)
        return true;
    do {
        if (left < bytes || left - bytes < reader->reserved)
            return false;
    } while (!atomic_compare_exchange_weak(&reader->total->left, &left, left - bytes));
    return true;
}

void read_pay_back(const struct reader *reader, size_t bytes)
{
    if (reader->total)
        atomic_fetch_add(&reader->total->left, bytes);
}

/* ---- dumps ---- */

bool read_is_absent(int status)
{
    return status == ENOENT || status == EOPNOTSUPP || status == EPROTONOSUPPORT || status == EAFNOSUPPORT;
}

int read_over_budget(struct namespace *namespace, uint32_t part, const char *subject)
{
    struct error error;

    (void)error_set(&error, E2BIG, "over-budget", subject,
                    "more %s than the limit, or than is left for all namespaces: the rest was not read",
                    subject);
    namespace->over_budget |= part != PART_EVIDENCE;
    namespace_fault(namespace, part, &error);
    return NETLINK_STOPPED;
}

bool read_may_ask(const struct reader *reader, const char *module, struct namespace *namespace, uint32_t part)
{
    struct error error;

    if (modules_has(reader->modules, module))
        return true;
    if (modules_known(reader->modules))
        return false;
    (void)error_set(&error, ENOENT, "file-unreadable", module,
                    "whether the kernel has %s is not known: it was not asked, for that may load a module",
                    module);
    namespace_fault(namespace, part, &error);
    return false;
}

static int not_atomic(struct namespace *namespace, const struct read_dump *dump)
{
    struct error error;

    (void)error_set(&error, EAGAIN, "not-atomic", dump->subject,
                    "%s changed each of the %d times that they were read", dump->subject, TRIES);
    namespace_fault(namespace, dump->part, &error);
    return -EAGAIN;
}

int read_dump(struct netlink *netlink, const struct read_dump *dump, struct namespace *namespace)
{
    struct error error = ERROR_NONE;
    int result = -EAGAIN;

    for (unsigned try = 0; try < TRIES && result == -EAGAIN; try++) {
        if (dump->reset)
            dump->reset(dump->context);
        error = ERROR_NONE;
        result = netlink_dump(netlink, dump->build(netlink, dump->context), dump->handle, dump->context,
                              dump->subject, &error);
    }
    if (result == 0)
        return 0;
    if (result == NETLINK_STOPPED)
        return read_over_budget(namespace, dump->part, dump->subject);
    if (result == -EAGAIN)
        return not_atomic(namespace, dump);
    if (dump->optional && read_is_absent(-result) && text_equal(error.code, "netlink-refused"))
        return READ_ABSENT;
    if (result == -ETIMEDOUT)
    namespace->over_budget = true;
    if (error_is_set(&error)) /* else it is the handler's own */
        namespace_fault(namespace, dump->part, &error);
    return result;
}

/* ---- dumps that fill a list ---- */

struct filling {
    const struct reader *reader;
    const struct read_list *kind;
    struct namespace *namespace;
    struct list_head *list;
    size_t first, limit; /* items that were there before; all that there may be */
    size_t texts;        /* of the namespace's arena, before the item that is read */
    bool malformed;
};

static struct nlmsghdr *build_request(struct netlink *netlink, void *context)
{
    const struct filling *filling = context;
    struct nlmsghdr *request = netlink_request(netlink, filling->kind->ask, 0, filling->kind->header);

    *(uint8_t *)mnl_nlmsg_get_payload(request) = filling->kind->family;
    if (filling->kind->prepare)
        filling->kind->prepare(request);
    return request;
}

static void *item_at(const struct filling *filling, size_t place)
{
    return (uint8_t *)filling->list->items + place * filling->kind->item;
}

/* The try before was interrupted: its items may have gaps or doubles. */
static void forget_items(void *context)
{
    struct filling *filling = context;

    while (filling->list->count > filling->first) {
        filling->list->count--;
        read_pay_back(filling->reader, filling->kind->item);
        if (filling->kind->free_item)
            filling->kind->free_item(item_at(filling, filling->list->count));
    }
    filling->malformed = false;
}

/* An item and the texts that came with it. */
static bool is_payable(struct filling *filling)
{
    size_t before = filling->texts;

    filling->texts = arena_size(filling->namespace->arena);
    return read_pay(filling->reader, filling->kind->item + filling->texts - before);
}

static int add_item(const struct nlmsghdr *message, void *context)
{
    struct filling *filling = context;
    enum message_is result;
    void *item;

    if (message->nlmsg_type != filling->kind->answer)
        return 0;
    if (filling->list->count == filling->list->capacity)
        list_grow(filling->list, filling->kind->item);
    item = item_at(filling, filling->list->count);
    memset(item, 0, filling->kind->item);
    result = filling->kind->decode(message_payload(message), filling->namespace->arena, item);
    if (result == MESSAGE_ITEM && filling->list->count < filling->limit && is_payable(filling)) {
        filling->list->count++;
        return 0;
    }
    if (filling->kind->free_item)
        filling->kind->free_item(item);
    if (result == MESSAGE_MALFORMED)
        filling->malformed = true;
    return result == MESSAGE_ITEM ? NETLINK_STOPPED : 0;
}

static void malformed(struct namespace *namespace, const struct read_list *list)
{
    struct error error;

    (void)error_set(&error, EBADMSG, "message-malformed", list->subject,
                    "a message about %s could not be understood", list->subject);
    namespace_fault(namespace, list->part, &error);
}

int read_list(const struct reader *reader, struct netlink *netlink, const struct read_list *list,
              struct namespace *namespace)
{
    struct filling filling = {
        .reader = reader,
        .kind = list,
        .namespace = namespace,
        .list = (struct list_head *)(void *)((uint8_t *)namespace + list->list),
        .limit = *(const size_t *)(const void *)((const uint8_t *)&reader->budget + list->limit),
        .texts = arena_size(namespace->arena),
    };
    const struct read_dump dump = {
        .subject = list->subject,
        .part = list->part,
        .optional = list->optional,
        .build = build_request,
        .handle = add_item,
        .reset = forget_items,
        .context = &filling,
    };
    int result;

    filling.first = filling.list->count;
    result = read_dump(netlink, &dump, namespace);
    if (!filling.malformed)
        return result;
    malformed(namespace, list);
    return result < 0 ? result : -EBADMSG;
}

/* ---- messages ---- */

struct bytes message_payload(const struct nlmsghdr *message)
{
    return (struct bytes){.data = mnl_nlmsg_get_payload(message),
                          .length = mnl_nlmsg_get_payload_len(message)};
}

bool message_attributes(struct bytes payload, size_t skip, struct bytes *table, size_t count,
                        bool *ret_beyond)
{
    struct attribute_walk walk;
    struct attribute attribute;

    skip = NLMSG_ALIGN(skip);
    memset(table, 0, count * sizeof(*table));
    if (payload.length < skip)
        return false;
    if (payload.length == skip)
        return true;
    walk = (struct attribute_walk){.rest = {payload.data + skip, payload.length - skip}};
    while (attribute_next(&walk, &attribute)) {
        if (attribute.type < count)
            table[attribute.type] = attribute.data;
        else if (ret_beyond)
            *ret_beyond = true;
    }
    return !walk.broken;
}

uint32_t attribute_u32(struct bytes data, uint32_t fallback)
{
    if (data.data && data.length == sizeof(fallback))
        memcpy(&fallback, data.data, sizeof(fallback));
    return fallback;
}

uint16_t attribute_u16(struct bytes data, uint16_t fallback)
{
    if (data.data && data.length == sizeof(fallback))
        memcpy(&fallback, data.data, sizeof(fallback));
    return fallback;
}

uint8_t attribute_u8(struct bytes data, uint8_t fallback)
{
    return data.data && data.length == 1 ? data.data[0] : fallback;
}

uint64_t attribute_u64(struct bytes data, uint64_t fallback)
{
    if (data.data && data.length == sizeof(fallback))
        memcpy(&fallback, data.data, sizeof(fallback));
    return fallback;
}

/* ---- small files of procfs ---- */

static int read_file(int directory, const char *path, size_t limit, char **ret_text)
{
    size_t length;

    return file_read(directory, path, limit, ret_text, &length, NULL);
}

/* The number may be another process's by now: what counts is that this one is in the namespace. */
static bool is_inside(int process, const struct namespace *namespace)
{
    struct stat facts;

    return fstatat(process, "ns/net", &facts, 0) == 0 && facts.st_ino == namespace->id;
}

static int read_process_file(const struct reader *reader, const struct namespace *namespace, const char *name,
                             size_t limit, char **ret_text)
{
    char path[64];

    snprintf(path, sizeof(path), "net/%s", name);
    list_each(uint32_t, pid, &namespace->pids) {
        char directory[16];
        _cleanup_close_ int process = -1;

        snprintf(directory, sizeof(directory), "%" PRIu32, *pid);
        process = openat(reader->proc, directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (process >= 0 && is_inside(process, namespace))
            return read_file(process, path, limit, ret_text);
    }
    return -ESRCH;
}

int reader_net_file(const struct reader *reader, const struct namespace *namespace, const char *name,
                    size_t limit, char **ret_text)
{
    char path[80];
    int result;

    snprintf(path, sizeof(path), "thread-self/net/%s", name);
    result = read_file(reader->proc, path, limit, ret_text);
    if (result == -ENOENT && faccessat(reader->proc, "thread-self/net", F_OK, 0) < 0)
        return read_process_file(reader, namespace, name, limit, ret_text);
    return result;
}

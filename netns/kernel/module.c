/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/kernel/module.h"
#include "netns/base/file.h"
#include "netns/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { BUILTIN_MAX = 1 << 20, LIST_MAX = 1 << 20, FILE_MAX = 4096 };

struct modules {
    bool never_loads;  /* nothing that is asked for can load a module */
    bool known;        /* what is not among the names is not there */
    struct map *names; /* of those that are there */
};

/*
 * How the functions begin that only this module has: an image without /lib/modules (a scanner's own
 * container) still sees the kernel's symbols.
 */
static const struct symbol {
    const char *module, *prefix;
} symbols[] = {
    {"inet_diag", "inet_diag_"},
    {"tcp_diag", "tcp_diag_"},
    {"udp_diag", "udp_diag_"},
    {"raw_diag", "raw_diag_"},
    {"unix_diag", "unix_diag_"},
    {"af_packet_diag", "packet_diag_"},
    {"sctp", "sctp_assoc"},
    {"nfnetlink", "nfnetlink_rcv"},
    {"nf_tables", "nf_tables_"},
    {"nfnetlink_hook", "nfnl_hook_"},
    {"nf_conntrack", "nf_conntrack_"},
    {"nf_conntrack_netlink", "ctnetlink_"},
    {"ip_set", "ip_set_"},
    {"ip_vs", "ip_vs_"},
    {"xfrm_user", "xfrm_user_"},
};

static char present; /* what the map holds for each name: only its being there counts */

static void add(struct modules *modules, const char *name)
{
    map_set(modules->names, name, &present);
}

static bool read_loaded(struct modules *modules, const char *path)
{
    _cleanup_closedir_ DIR *directory = opendir(path);
    struct dirent *entry;

    if (!directory)
        return false;
    while ((errno = 0, entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            add(modules, entry->d_name);
    return errno == 0;
}

/* Lines are "NAME SIZE ...": those that were loaded, and none that is built in. */
static bool read_list(struct modules *modules, int proc)
{
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (file_read(proc, "modules", LIST_MAX, &text, &length, NULL) < 0)
        return false;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        line[strcspn(line, " ")] = 0;
        if (*line)
            add(modules, line);
    }
    return true;
}

/* "kernel/net/unix/af-thing.ko" is the module af_thing. */
static void add_file(struct modules *modules, const char *line, size_t length)
{
    const char *slash = memrchr(line, '/', length);
    const char *begin = slash ? slash + 1 : line;
    size_t name_length = length - (size_t)(begin - line);
    _cleanup_free_ char *name = NULL;
    char *end;

    name = memory_strndup(begin, name_length);
    end = strstr(name, ".ko");
    if (!end)
        return;
    *end = 0;
    for (char *c = name; *c; c++)
        if (*c == '-')
            *c = '_';
    add(modules, name);
}

static bool read_builtin(struct modules *modules, const char *path)
{
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (file_read(AT_FDCWD, path, BUILTIN_MAX, &text, &length, NULL) < 0)
        return false;
    for (const char *line = text; *line;) {
        size_t line_length = strcspn(line, "\n");

        add_file(modules, line, line_length);
        line += line_length + (line[line_length] == '\n');
    }
    return true;
}

static void add_symbol(struct modules *modules, const char *name)
{
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
        if (text_starts(name, symbols[i].prefix) && !map_get(modules->names, symbols[i].module))
            add(modules, symbols[i].module);
}

/* Lines are "ADDRESS TYPE NAME", and "[MODULE]" behind for what is not built in. */
static bool read_symbols(struct modules *modules, int proc)
{
    int fd = openat(proc, "kallsyms", O_RDONLY | O_CLOEXEC);
    _cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    bool any = false;
    char line[512];

    if (fd >= 0 && !file)
        close(fd);
    while (file && fgets(line, sizeof(line), file)) {
        char *name = strchr(line, ' ');

        name = name ? strchr(name + 1, ' ') : NULL;
        any = any || name;
        if (name && !strchr(name, '['))
            add_symbol(modules, name + 1);
    }
    return any && !ferror(file);
}

static bool file_says(int proc, const char *path, const char *word)
{
    _cleanup_free_ char *text = NULL;
    size_t length;

    return file_read(proc, path, FILE_MAX, &text, &length, NULL) == 0 && text_equal(text, word);
}

static bool loads_nothing(int proc)
{
    if (faccessat(proc, "modules", F_OK, 0) < 0 && errno == ENOENT)
        return true; /* built without CONFIG_MODULES */
    return file_says(proc, "sys/kernel/modules_disabled", "1\n") ||
           file_says(proc, "sys/kernel/modprobe", "\n");
}

struct modules *modules_read(int proc, const struct module_places *places)
{
    struct modules *modules = memory_alloc(sizeof(*modules));
    struct utsname kernel;
    _cleanup_free_ char *builtin = NULL;

    (void)uname(&kernel);
    builtin = memory_printf("/lib/modules/%s/modules.builtin", kernel.release);
    modules->names = map_new();
    modules->never_loads = loads_nothing(proc);
    modules->known = read_loaded(modules, places && places->loaded ? places->loaded : "/sys/module") ||
                     read_list(modules, proc);
    if (!modules->never_loads &&
        !read_builtin(modules, places && places->builtin ? places->builtin : builtin) &&
        !read_symbols(modules, proc))
        modules->known = false;
    return modules;
}

struct modules *modules_free(struct modules *modules)
{
    if (!modules)
        return NULL;
    map_free(modules->names);
    free(modules);
    return NULL;
}

void cleanup_modules(struct modules **modules)
{
    *modules = modules_free(*modules);
}

bool modules_known(const struct modules *modules)
{
    return modules->never_loads || modules->known;
}

bool modules_has(const struct modules *modules, const char *name)
{
    return modules->never_loads || map_get(modules->names, name);
}

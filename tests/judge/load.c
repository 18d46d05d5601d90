/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rulesets and settings into the kernel, by the tools that users have. */
#include "tests/judge/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define REFUSED_MAX 40

struct tool {
    char name[24], option[4], file[4];
    const char *line_word; /* before the line's number in what it complains of */
    bool xtables;
    enum nft_family family;
};

static const struct tool tools[] = {
    {"nft", "-f", "-", "stdin:", false, NFT_FAMILY_INET},
    {"iptables-nft-restore", "", "", "line", true, NFT_FAMILY_IP},
    {"ip6tables-nft-restore", "", "", "line", true, NFT_FAMILY_IP6},
};

static int text_file(const char *text)
{
    int file = memfd_create("rules", MFD_CLOEXEC);
    size_t length = strlen(text);
    if (file < 0 || write(file, text, length) != (ssize_t)length || lseek(file, 0, SEEK_SET) != 0)
        judge_fail("rules: %s", strerror(errno));
    return file;
}

/* Runs the tool in a place with the text on its stdin; what it says goes into `said`. */
static bool tool_run(const struct lab *lab, enum place place, const struct tool *tool, const char *text,
                     char said[4096])
{
    _cleanup_close_ int input = text_file(text), output = text_file("");
    pid_t child = fork();
    if (child == 0) {
        if (setns(lab->namespaces[place], CLONE_NEWNET) == 0 && dup2(input, 0) == 0 && dup2(output, 2) == 2 &&
            dup2(output, 1) == 1)
            execlp(tool->name, tool->name, tool->option[0] ? tool->option : NULL, tool->file, NULL);
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    ssize_t length = pread(output, said, 4095, 0);
    said[length > 0 ? length : 0] = '\0';
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static uint32_t line_of(const struct tool *tool, const char *said)
{
    const char *at = strstr(said, tool->line_word);
    at = at ? at + strcspn(at, "0123456789") : NULL;
    return at ? (uint32_t)strtoul(at, NULL, 10) : 0;
}

/* A rule that the tool or the kernel will not have is taken out, and the rest tried again. */
static int tool_load(const struct lab *lab, struct gen *gen, enum place place, const struct tool *tool)
{
    char said[4096];
    for (uint32_t tries = 0; tries < REFUSED_MAX; tries++) {
        _cleanup_free_ char *text =
            tool->xtables ? gen_xtables_text(gen, place, tool->family) : gen_nft_text(gen, place);
        if (!text || tool_run(lab, place, tool, text, said))
            return 0;
        if (getenv("JUDGE_REFUSED"))
            fprintf(stderr, "judge: %s: %s\n", tool->name, said);
        if (!gen_refuse(gen, place, tool->xtables, tool->family, line_of(tool, said))) {
            fprintf(stderr, "judge: %s in %s: %s\n%s", tool->name, place_names[place], said, text);
            return -1;
        }
    }
    fprintf(stderr, "judge: %s in %s: too many rules refused: %s\n", tool->name, place_names[place], said);
    return -1;
}

/* Last, at the ends of their chains. */
static void compat_load(const struct lab *lab, const struct gen *gen, enum place place)
{
    place_enter(lab, place);
    list_each(struct gen_table *const, table, &gen->tables)
        if ((*table)->place == place && !(*table)->off)
            list_each(const struct gen_rule, rule, &(*table)->rules)
                if (!rule->off && rule->text[0] == COMPAT_RULE)
                    compat_rule_add((*table)->family, (*table)->name,
                                    (*table)->chains.items[rule->chain].name, rule->text);
    place_leave(lab);
}

static int place_load(const struct lab *lab, struct gen *gen, enum place place)
{
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
        if (tool_load(lab, gen, place, &tools[i]) != 0)
            return -1;
    compat_load(lab, gen, place);
    return 0;
}

static void setting_write(const char *path, const char *value)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
        judge_fail("%s: %s", path, strerror(errno));
}

static void setting_number(const char *path, int value)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", value);
    setting_write(path, text);
}

static void settings_load(const struct gen_settings *settings)
{
    setting_number("/proc/sys/net/bridge/bridge-nf-call-iptables", settings->bridge_netfilter);
    setting_number("/proc/sys/net/bridge/bridge-nf-call-ip6tables", settings->bridge_netfilter);
    setting_number("/proc/sys/net/ipv4/conf/all/route_localnet", settings->route_localnet);
    setting_number("/proc/sys/net/ipv4/conf/all/rp_filter", settings->rp_filter);
    setting_number("/proc/sys/net/ipv4/conf/all/accept_local", settings->accept_local);
    setting_number("/proc/sys/net/ipv4/conf/all/forwarding", !settings->no_forwarding);
    setting_number("/proc/sys/net/ipv6/conf/all/forwarding", !settings->no_forwarding);
    setting_number("/sys/class/net/vethc1/brport/hairpin_mode", settings->hairpin);
    setting_number("/sys/class/net/vethc1/brport/isolated", settings->isolated);
    setting_number("/sys/class/net/vethc2/brport/isolated", settings->isolated);
}

int gen_load(const struct lab *lab, struct gen *gen)
{
    settings_load(&gen->settings);
    for (enum place place = HOST; place < CONTAINERS_END; place++)
        if (place_load(lab, gen, place) != 0)
            return -1;
    return 0;
}

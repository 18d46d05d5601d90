/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/scan/confine.h"
#include "netns/base/memory.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

static int failed(struct error *error, const char *what)
{
    return error_errno(error, errno ? errno : EPERM, "confine-failed", what, "cannot give up privileges");
}

/* Sets effective and permitted to what of `keep` the process has, inheritable to nothing. */
static int keep_capabilities(const cap_value_t *keep, int count, struct error *error)
{
    cap_t now = cap_get_proc(), next = cap_init();
    int r = 0;

    if (now == NULL || next == NULL)
        memory_exhausted();
    for (int i = 0; i < count; i++) {
        cap_flag_value_t has = CAP_CLEAR;
        if (cap_get_flag(now, keep[i], CAP_PERMITTED, &has) < 0 || has != CAP_SET)
            continue;
        cap_set_flag(next, CAP_PERMITTED, 1, &keep[i], CAP_SET);
        cap_set_flag(next, CAP_EFFECTIVE, 1, &keep[i], CAP_SET);
    }
    cap_reset_ambient();
    if (cap_set_proc(next) < 0)
        r = failed(error, "capabilities");
    cap_free(now);
    cap_free(next);
    return r;
}

int confine_scan(bool probing, struct error *error)
{
    static const cap_value_t keep[] = {CAP_SYS_ADMIN,    CAP_NET_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH,
                                       CAP_DAC_OVERRIDE, CAP_BPF,       CAP_PERFMON,    CAP_NET_RAW,
                                       CAP_SETUID,       CAP_SETGID};
    const int reading = 7;

    return keep_capabilities(keep, probing ? (int)(sizeof(keep) / sizeof(*keep)) : reading, error);
}

/* What writing reports takes, allocation and threads that end included. */
static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(lseek),
    SCMP_SYS(fcntl),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(getrandom),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(uname),
    SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(prlimit64),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(wait4),
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    /* The leak checker stops the process with a thread of its own and reads the maps. */
    SCMP_SYS(clone),
    SCMP_SYS(ptrace),
    SCMP_SYS(prctl),
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getdents),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(kill),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(getppid),
    SCMP_SYS(pipe2),
    SCMP_SYS(pipe),
    SCMP_SYS(access),
#endif
};

static int load_filter(struct error *error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r = 0;

    if (filter == NULL)
        memory_exhausted();
    for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed) && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (r == 0) /* is it a terminal, how wide is it */
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, TCGETS));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ));
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    if (r < 0) {
        errno = -r;
        return failed(error, "seccomp");
    }
    return 0;
}

int confine_report(bool keep_write, struct error *error)
{
    static const cap_value_t write = CAP_DAC_OVERRIDE;
    int r = keep_capabilities(&write, keep_write ? 1 : 0, error);

    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(error, "no_new_privs");
    return load_filter(error);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The product's own mouth: `postern explain --batch` on the living lab, one process for a ruleset. It names
 * vantages, and so knows less than the packet: not who sends, nor the neighbour's hardware address.
 */
#include "netns/base/json.h"
#include "tests/judge/judge.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* An on-link neighbour or a routed source; what both may not have is no question to a vantage. */
static const char *vantage_of(const struct shot *shot)
{
    static const char *const inner[] = {
        [HOST] = "host", [C1] = "container:c1", [C2] = "container:c2", [C3] = "container:c3"};
    static const char *const links[] = {"203.0.113.0/24", "198.18.0.0/24", "2001:db8:0:1::/64",
                                        "2001:db8:0:2::/64"};
    if (shot->from < CONTAINERS_END)
        return inner[shot->from];
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        struct prefix prefix;
        if (prefix_parse(links[i], true, &prefix, NULL) == 0 && prefix.address.family == shot->family &&
            prefix_contains(prefix, shot->source))
            return "lan";
    }
    return "external";
}

static void question_write(FILE *file, const struct shot *shot)
{
    fprintf(file, "{\"from\": \"%s\", ", vantage_of(shot));
    if (shot->from >= CONTAINERS_END)
        fprintf(file, "\"in\": \"%s\", ", shot->from == N1 ? "eth0" : "eth1");
    fprintf(file, "\"protocol\": \"%s\", \"source\": \"%s\", \"sport\": %u, ", protocol_name(shot->protocol),
            ADDRESS_TEXT(shot->source), shot->source_port);
    fprintf(file, "\"address\": \"%s\", \"port\": %u}\n", ADDRESS_TEXT(shot->destination),
            shot->destination_port);
}

static FILE *file_new(void)
{
    int fd = memfd_create("explain", MFD_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w+");
    if (!file)
        judge_fail("explain: %s", strerror(errno));
    return file;
}

static void postern_run(const char *postern, FILE *questions, FILE *answers)
{
    fflush(questions);
    rewind(questions);
    pid_t child = fork();
    if (child == 0) {
        if (lseek(fileno(questions), 0, SEEK_SET) == 0 && dup2(fileno(questions), 0) == 0 &&
            dup2(fileno(answers), 1) == 1)
            execlp(postern, postern, "explain", "--quiet", "--batch", "-", NULL);
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
        judge_fail("%s did not run", postern);
    rewind(answers);
}

static enum state state_of(const char *name)
{
    for (enum state state = STATE_OPEN; state <= STATE_UNREACHABLE; state++)
        if (name && strcmp(name, state_name(state)) == 0)
            return state;
    return STATE_UNDETERMINED;
}

static void reasons_read(const cJSON *reasons, char text[256])
{
    size_t length = 0;
    const cJSON *reason;
    text[0] = '\0';
    cJSON_ArrayForEach(reason, reasons)
    {
        const char *code = json_text(reason, "code");
        if (length < 200)
            length += (size_t)snprintf(text + length, 256 - length, "%.40s ", code ? code : "?");
    }
}

static void answer_read(const char *line, size_t length, struct forecast *ret_forecast)
{
    uint64_t number;
    _cleanup_json_ cJSON *answer = json_parse(line, length, "answer", NULL);
    if (!answer || json_member(answer, "error")) {
        snprintf(ret_forecast->reasons, sizeof(ret_forecast->reasons), "%.200s", line);
        return;
    }
    ret_forecast->state = state_of(json_text(answer, "state"));
    reasons_read(json_member(answer, "reasons"), ret_forecast->reasons);
    const cJSON *target = json_member(answer, "target");
    const char *address = target ? json_text(target, "address") : NULL;
    if (!address || address_parse(address, &ret_forecast->target_address, NULL) != 0)
        return;
    if (json_unsigned(target, "namespace", UINT64_MAX, &number))
        ret_forecast->target_namespace = number;
    if (json_unsigned(target, "port", UINT16_MAX, &number))
        ret_forecast->target_port = (uint16_t)number;
}

void explain_ask(const struct lab *lab, const struct gen *gen, struct forecast *forecasts, size_t stride)
{
    _cleanup_fclose_ FILE *questions = file_new(), *answers = file_new();
    _cleanup_free_ char *line = NULL;
    size_t capacity = 0;
    list_each(const struct shot, shot, &gen->shots)
        question_write(questions, shot);
    postern_run(lab->postern, questions, answers);
    for (size_t i = 0; i < gen->shots.count; i++) {
        struct forecast *forecast = &forecasts[i * stride];
        ssize_t length = getline(&line, &capacity, answers);
        *forecast = (struct forecast){.state = STATE_UNDETERMINED, .spoken = true};
        if (length > 0)
            answer_read(line, (size_t)length, forecast);
        forecast->excused = gen->shots.items[i].odd_source; /* no vantage has it */
    }
}

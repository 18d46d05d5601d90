/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanner/probe/plan.h"

#include "netns/base/record.h"
#include "netns/base/text.h"

#include <errno.h>

enum { VERSION = 1 };

static const char *const guard_words[] = {"auto", "bpf", "nftables", "none", NULL};
static const char *const method_words[] = {"none", "ingress", "connect", "datagram", "raw", "remote", NULL};
static const char *const state_words[] = {"open", "undetermined", "closed", "filtered", "unreachable", NULL};
static const char *const reply_words[] = {"unknown", "host", "namespace", "elsewhere", NULL};
static const char *const observed_words[] = {"open",        "undetermined", "closed", "filtered",
                                             "unreachable", "not-probed",   NULL};
static const char *const evidence_words[] = {"none", "answered", "delivered", "dropped", NULL};

#define NUMBER(struct_, member)       FIELD(struct_, member, FIELD_UNSIGNED, .optional = true)
#define FLAG(struct_, member)         FIELD(struct_, member, FIELD_BOOL, .optional = true)
#define TEXT(struct_, member)         FIELD(struct_, member, FIELD_TEXT, .optional = true)
#define ADDRESS(struct_, member)      FIELD(struct_, member, FIELD_ADDRESS, .optional = true)
#define MAC(struct_, member)          FIELD(struct_, member, FIELD_MAC, .optional = true)
#define WORD(struct_, member, words_) FIELD(struct_, member, FIELD_WORD, .words = (words_), .optional = true)
#define ITEMS(struct_, member, type_) FIELD(struct_, member, FIELD_LIST, .type = &(type_))
#define RECORD(name_, struct_, ...)                                                                          \
    static const struct field name_##_fields[] = {__VA_ARGS__, {.name = NULL}};                              \
    static const struct record_type name_##_record = {#struct_, sizeof(struct struct_), name_##_fields}

RECORD(uplink, plan_uplink, FIELD(plan_uplink, index, FIELD_UNSIGNED), TEXT(plan_uplink, name),
       NUMBER(plan_uplink, port), NUMBER(plan_uplink, vlan), FLAG(plan_uplink, ethernet),
       MAC(plan_uplink, mac), FLAG(plan_uplink, has_mac), MAC(plan_uplink, gateway),
       FLAG(plan_uplink, has_gateway), FLAG(plan_uplink, native_xdp));
RECORD(exit, plan_exit, FIELD(plan_exit, namespace, FIELD_UNSIGNED), FIELD(plan_exit, index, FIELD_UNSIGNED),
       TEXT(plan_exit, name));
RECORD(probe, probe, NUMBER(probe, id), TEXT(probe, vantage),
       FIELD(probe, method, FIELD_WORD, .words = method_words), NUMBER(probe, from), NUMBER(probe, uplink),
       FIELD(probe, protocol, FIELD_UNSIGNED), FIELD(probe, destination, FIELD_ADDRESS),
       FIELD(probe, port, FIELD_UNSIGNED), ADDRESS(probe, source), NUMBER(probe, source_port),
       NUMBER(probe, scope), MAC(probe, source_mac), FLAG(probe, has_source_mac), MAC(probe, destination_mac),
       FLAG(probe, has_destination_mac), FLAG(probe, has_sender), NUMBER(probe, uid), NUMBER(probe, gid),
       FLAG(probe, sender_unlike), WORD(probe, predicted, state_words), NUMBER(probe, target),
       ADDRESS(probe, target_address), NUMBER(probe, target_port), NUMBER(probe, arrival),
       WORD(probe, reply, reply_words), NUMBER(probe, reply_namespace), FLAG(probe, stateful),
       FLAG(probe, source_in_use), FLAG(probe, proxy), TEXT(probe, skip), TEXT(probe, skip_message));
RECORD(options, plan_options, NUMBER(plan_options, rate), NUMBER(plan_options, timeout_ms),
       NUMBER(plan_options, tries), WORD(plan_options, guard, guard_words), FLAG(plan_options, allow_connect),
       FLAG(plan_options, impersonate), FLAG(plan_options, touch_stateful), FLAG(plan_options, payloads));
RECORD(plan, plan, FIELD(plan, host, FIELD_UNSIGNED),
       FIELD(plan, options, FIELD_RECORD, .type = &options_record), ITEMS(plan, uplinks, uplink_record),
       ITEMS(plan, exits, exit_record), ITEMS(plan, probes, probe_record));
RECORD(reason, reason, TEXT(reason, code), TEXT(reason, subject), TEXT(reason, message));
RECORD(observation, observation, FIELD(observation, state, FIELD_WORD, .words = observed_words),
       WORD(observation, method, method_words), WORD(observation, evidence, evidence_words),
       FIELD(observation, reason, FIELD_RECORD, .type = &reason_record), ADDRESS(observation, source),
       FLAG(observation, arrived), FLAG(observation, arrived_known), FLAG(observation, reset),
       FLAG(observation, icmp), NUMBER(observation, icmp_type), NUMBER(observation, icmp_code),
       ADDRESS(observation, answered_by), TEXT(observation, end), NUMBER(observation, rtt_us));

const char *guard_choice_name(enum guard_choice choice)
{
    return guard_words[choice];
}

int guard_choice_parse(const char *name)
{
    for (int i = 0; guard_words[i]; i++)
        if (text_equal(guard_words[i], name))
            return i;
    return -1;
}

void plan_free(struct plan *plan)
{
    list_free(&plan->uplinks);
    list_free(&plan->exits);
    list_free(&plan->probes);
}

void plan_write(FILE *file, const struct plan *plan)
{
    struct json_writer writer = json_writer(file, true);

    json_object_begin(&writer);
    json_member_text(&writer, "format", "postern-plan");
    json_member_unsigned(&writer, "version", VERSION);
    record_write_members(&writer, &plan_record, plan);
    json_object_end(&writer);
    (void)fputc('\n', file);
}

static int check_head(const cJSON *object, const char *subject, struct error *error)
{
    uint64_t version;

    if (!text_equal(json_text(object, "format"), "postern-plan") ||
        !json_unsigned(object, "version", UINT32_MAX, &version))
        return error_set(error, EINVAL, "bad-file", subject, "not a plan");
    if (version != VERSION)
        return error_set(error, EINVAL, "bad-file", subject,
                         "a plan of version %llu; this program knows version %d", (unsigned long long)version,
                         VERSION);
    return 0;
}

static int check_places(const struct plan *plan, const char *subject, struct error *error)
{
    list_each(struct probe, probe, &plan->probes) {
        if (probe->method == METHOD_INGRESS && probe->uplink >= plan->uplinks.count)
            return error_set(error, EINVAL, "bad-file", subject, "probe %u names no uplink of the plan",
                             probe->id);
    }
    return 0;
}

int plan_read(const char *bytes, size_t length, const char *subject, struct arena *arena,
              struct plan *ret_plan, struct error *error)
{
    _cleanup_json_ cJSON *object = json_parse(bytes, length, subject, error);
    struct plan plan = {0};
    int result;

    if (!object)
        return -EINVAL;
    result = check_head(object, subject, error);
    if (result == 0)
        result = record_read(object, &plan_record, arena, &plan, error);
    if (result == 0)
        result = check_places(&plan, subject, error);
    if (result < 0) {
        plan_free(&plan);
        return result;
    }
    *ret_plan = plan;
    return 0;
}

void observation_write(struct json_writer *writer, const struct observation *observation)
{
    record_write(writer, &observation_record, observation);
}

int observation_read(const cJSON *value, struct arena *arena, struct observation *ret_observation,
                     struct error *error)
{
    struct observation observation = {0};
    int result = record_read(value, &observation_record, arena, &observation, error);

    if (result == 0)
        *ret_observation = observation;
    return result;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/base/text.h"
#include "reports/findings/classify.h"
#include "reports/model/file.h"
#include "reports/model/identity.h"

#include <check.h>

/* A report of two containers: web (published) and db, both on one segment. */
static struct report *report;
static struct policy *policy;

static struct report_container *add_container(const char *name, const char *image, uint64_t namespace,
                                              const char *address)
{
    struct report_namespace *place = list_append(&report->namespaces);
    place->id = namespace;
    place->role = "container";
    struct report_interface *interface = list_append(&place->interfaces);
    interface->name = "eth0";
    *list_append(&interface->addresses) = address;
    struct report_container *container = list_append(&report->containers);
    *container = (struct report_container){
        .name = name, .engine = "docker", .image = image, .namespace = namespace, .confirmed = true};
    container->workload = workload_of_container(report->arena, container, false);
    return container;
}

static void add_listener(const char *id, const char *container, uint64_t namespace, uint16_t port)
{
    struct report_listener *listener = list_append(&report->listeners);
    *listener = (struct report_listener){.id = id,
                                         .container = container,
                                         .namespace = namespace,
                                         .port = port,
                                         .protocol = "tcp",
                                         .ip4 = true};
    listener->workload = report_container(report, container)->workload;
}

static struct report_channel *add_channel(const char *from, enum vantage_kind kind, const char *entry,
                                          uint16_t port, const char *listener, const char *container,
                                          enum state state, const char *sources)
{
    struct report_channel *channel = list_append(&report->channels);
    struct prefix prefix;

    ck_assert_int_eq(prefix_parse(sources, true, &prefix, NULL), 0);
    *channel = (struct report_channel){.from = from,
                                       .from_kind = kind,
                                       .listener = listener,
                                       .container = container,
                                       .state = state,
                                       .predicted = state};
    channel->id = arena_printf(report->arena, "c%zu", report->channels.count);
    channel->workload = report_container(report, container)->workload;
    channel->entry = (struct entry){.family = FAMILY_IP4, .protocol = PROTOCOL_TCP, .port = port};
    ck_assert_int_eq(address_parse(entry, &channel->entry.address, NULL), 0);
    channel->target_port = port == 8080 ? 80 : port;
    channel->sources = interval_set_prefix(prefix);
    struct report_part *part = list_append(&channel->parts);
    part->state = state;
    part->sources = interval_set_copy(&channel->sources);
    part->observed.state = OBSERVED_NOT_PROBED;
    channel->observed.state = OBSERVED_NOT_PROBED;
    return channel;
}

static void setup(void)
{
    report = report_new();
    report->scan.host = "node-1";
    report->scan.machine_id = "m";
    add_container("web", "shop/web:1", 10, "172.18.0.2/16");
    add_container("db", "postgres:15", 11, "172.18.0.3/16");
    add_listener("l1", "web", 10, 80);
    add_listener("l2", "db", 11, 5432);
    *list_append(&report->vantages) =
        (struct report_vantage){.name = "external", .kind = VANTAGE_EXTERNAL, .interface = "eth0"};
    *list_append(&report->vantages) =
        (struct report_vantage){.name = "lan", .kind = VANTAGE_LAN, .interface = "eth0"};
}

static void teardown(void)
{
    policy = policy_free(policy);
    report = report_free(report);
}

static void judge_by(const char *text)
{
    struct complaint_list complaints = {0};
    if (text == NULL) {
        policy = policy_default();
    } else {
        int r = policy_parse(text, strlen(text), "p.yaml", "2026-11-23", &policy, &complaints);
        ck_assert_msg(r == 0, "%s: %s", complaints.count ? complaints.items[0].subject : "",
                      complaints.count ? complaints.items[0].message : "");
    }
    classify(report, policy);
    list_free(&complaints);
}

/* The finding of this kind; one without severity where there is none. */
static const struct report_finding *find_kind(const char *kind)
{
    static const struct report_finding none = {0};
    list_each(const struct report_finding, finding, &report->findings)
        if (text_equal(finding->kind, kind))
            return finding;
    return &none;
}

#define WORKLOADS "version: 1\nworkloads: {web: {image: 'shop/web:*'}, db: {container: db}}\n"

START_TEST(without_a_policy_the_default_holds)
{
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    add_channel("lan", VANTAGE_LAN, "203.0.113.10", 8080, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    add_channel("host", VANTAGE_HOST, "203.0.113.10", 8080, "l1", "web", STATE_OPEN, "203.0.113.10/32");
    add_channel("segment:shop", VANTAGE_SEGMENT, "172.18.0.3", 5432, "l2", "db", STATE_OPEN, "172.18.0.2/32");
    add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5432, "l2", "db", STATE_FILTERED, "0.0.0.0/0");
    judge_by(NULL);
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_UNEXPECTED);
    ck_assert_uint_eq(report->channels.items[1].channel_class, CLASS_UNEXPECTED);
    ck_assert_uint_eq(report->channels.items[2].channel_class, CLASS_IGNORED);
    ck_assert_uint_eq(report->channels.items[3].channel_class, CLASS_UNEXPECTED);
    ck_assert_uint_eq(report->channels.items[4].channel_class, CLASS_QUIET);
    ck_assert_uint_eq(report->findings.count, 2);
    const struct report_finding *worst = &report->findings.items[0];
    ck_assert_uint_eq(worst->severity, SEVERITY_HIGH);
    ck_assert_str_eq(worst->container, "web");
    ck_assert_uint_eq(worst->vantages.count, 2);
    ck_assert_uint_eq(worst->channels.count, 2);
    ck_assert_uint_eq(report->findings.items[1].severity, SEVERITY_LOW);
    ck_assert(classify_fails(report, SEVERITY_MEDIUM));
    ck_assert(!classify_fails(report, SEVERITY_CRITICAL));
}
END_TEST

START_TEST(an_allow_line_covers_and_the_rest_is_named)
{
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    judge_by(WORKLOADS "allow: [{id: a, to: web, ports: 8080/tcp, from: 0.0.0.0/1}, {to: web, ports: "
                       "8080/tcp, from: 128.0.0.0/2}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_UNEXPECTED);
    const struct report_finding *finding = find_kind("unexpected-exposure");
    ck_assert_uint_eq(finding->excess_sources.count, 1);
    ck_assert_str_eq(finding->excess_sources.items[0], "192.0.0.0/2");
}
END_TEST

START_TEST(what_is_allowed_is_no_finding)
{
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    add_channel("segment:shop", VANTAGE_SEGMENT, "172.18.0.3", 5432, "l2", "db", STATE_OPEN, "172.18.0.2/32");
    judge_by(
        WORKLOADS
        "allow: [{id: a, to: web, ports: 8080/tcp, from: external, target: 80/tcp, address: 203.0.113.0/24},"
        " {id: b, to: db, ports: 5432/tcp, from: [{workload: web}]}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_ALLOWED);
    ck_assert_str_eq(report->channels.items[0].policy, "a");
    ck_assert_uint_eq(report->channels.items[1].channel_class, CLASS_ALLOWED);
    ck_assert_uint_eq(report->findings.count, 0);
    ck_assert_uint_eq(report->warnings.count, 0);
}
END_TEST

/* Each narrowing that does not fit leaves the channel unexpected. */
START_TEST(what_does_not_fit_does_not_allow)
{
    static const char *const lines[] = {
        "{to: db, ports: 8080/tcp, from: external}",
        "{to: web, ports: 80/tcp, from: external}",
        "{to: web, ports: 8080/udp, from: external}",
        "{to: web, ports: 8080/tcp, from: lan}",
        "{to: web, ports: 8080/tcp, from: external@eth1}",
        "{to: web, ports: 8080/tcp, from: external, address: 198.51.100.0/24}",
        "{to: web, ports: 8080/tcp, from: external, families: ip6}",
        "{to: web, ports: 8080/tcp, from: external, target: 8443/tcp}",
        "{to: web, ports: 8080/tcp, from: external, hosts: 'node-2*'}",
        "{to: web, ports: 8080/tcp, from: external, until: 2026-11-22}",
    };
    char text[512];

    snprintf(text, sizeof(text), WORKLOADS "allow: [%s]\n", lines[_i]);
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    judge_by(text);
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_UNEXPECTED);
}
END_TEST

START_TEST(forbid_wins)
{
    add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5432, "l2", "db", STATE_OPEN, "0.0.0.0/0");
    add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5433, "l2", "db", STATE_UNDETERMINED, "0.0.0.0/0");
    judge_by(WORKLOADS "allow: [{to: db, ports: any, from: lan}]\nforbid: [{id: never, to: db, ports: any, "
                       "from: lan, severity: critical}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_FORBIDDEN);
    ck_assert_uint_eq(report->channels.items[1].channel_class, CLASS_FORBIDDEN);
    ck_assert_str_eq(report->channels.items[0].policy, "never");
    ck_assert_uint_eq(report->findings.items[0].severity, SEVERITY_CRITICAL);
}
END_TEST

START_TEST(undetermined_is_judged_as_if_open)
{
    add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5432, "l2", "db", STATE_UNDETERMINED, "0.0.0.0/0");
    add_channel("lan", VANTAGE_LAN, "172.18.0.2", 80, "l1", "web", STATE_UNDETERMINED, "0.0.0.0/0");
    judge_by(WORKLOADS "defaults: {undetermined: deny}\nallow: [{to: web, ports: 80/tcp, from: lan}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_UNDETERMINED);
    ck_assert_uint_eq(report->channels.items[1].channel_class, CLASS_ALLOWED);
    ck_assert_uint_eq(find_kind("undetermined-channel")->severity, SEVERITY_HIGH);
}
END_TEST

START_TEST(what_is_expected_open_and_is_not_is_lost)
{
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_FILTERED, "0.0.0.0/0");
    judge_by(WORKLOADS "allow: [{id: a, to: web, ports: 8080/tcp, from: external, expect: open}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_LOST);
    ck_assert_uint_eq(find_kind("lost-channel")->severity, SEVERITY_MEDIUM);
}
END_TEST

/* Two entries lead to one listener, and exposure is their union: one of them suffices. */
START_TEST(what_is_open_by_another_entry_is_not_lost)
{
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 80, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    add_channel("external", VANTAGE_EXTERNAL, "172.18.0.2", 80, "l1", "web", STATE_FILTERED, "0.0.0.0/0");
    add_channel("lan", VANTAGE_LAN, "172.18.0.2", 80, "l1", "web", STATE_FILTERED, "0.0.0.0/0");
    judge_by(WORKLOADS "allow: [{id: a, to: web, ports: 80/tcp, from: external, expect: open},"
                       " {id: b, to: web, ports: 80/tcp, from: lan, expect: open}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_ALLOWED);
    ck_assert_uint_eq(report->channels.items[1].channel_class, CLASS_ALLOWED);
    ck_assert_uint_eq(report->channels.items[2].channel_class, CLASS_LOST);
    ck_assert_uint_eq(report->findings.count, 1);
    ck_assert_str_eq(report->findings.items[0].policy, "b");
}
END_TEST

/* One entry stands for all local addresses that fare alike; a line means those that it names. */
START_TEST(an_entry_of_many_addresses_is_each_of_them)
{
    struct report_channel *channel =
        add_channel("lan", VANTAGE_LAN, "203.0.113.10", 80, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    *list_append(&channel->addresses) = channel->entry.address;
    ck_assert_int_eq(address_parse("10.0.0.1", list_append(&channel->addresses), NULL), 0);
    judge_by(WORKLOADS "allow: [{id: a, to: web, ports: 80/tcp, from: lan, address: 203.0.113.0/24}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_UNEXPECTED);
    policy = policy_free(policy);
    judge_by(WORKLOADS
             "allow: [{id: a, to: web, ports: 80/tcp, from: lan, address: [203.0.113.0/24, 10.0.0.0/8]}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_ALLOWED);
    policy = policy_free(policy);
    judge_by(WORKLOADS "allow: [{id: a, to: web, ports: 80/tcp, from: lan}]\n"
                       "forbid: [{id: f, to: web, ports: 80/tcp, from: lan, address: 10.0.0.0/8}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_FORBIDDEN);
}
END_TEST

START_TEST(of_lines_that_forbid_the_most_severe_counts)
{
    add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5432, "l2", "db", STATE_OPEN, "0.0.0.0/0");
    judge_by(WORKLOADS "forbid: [{id: mild, to: db, ports: any, from: lan, severity: low},"
                       " {id: grave, to: db, ports: 5432/tcp, from: lan, severity: critical}]\n");
    ck_assert_str_eq(report->channels.items[0].policy, "grave");
    ck_assert_uint_eq(report->findings.items[0].severity, SEVERITY_CRITICAL);
}
END_TEST

/* A known gap: the channel is undetermined for reasons that the policy accepts, all of them. */
START_TEST(an_accepted_gap_accepts_what_is_undetermined_by_it)
{
    struct report_channel *channel = add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 80, "l1",
                                                 "web", STATE_UNDETERMINED, "0.0.0.0/0");
    *list_append(&channel->reasons) = (struct reason){"xdp-program", "eth0", ""};
    judge_by(WORKLOADS "defaults: {undetermined: deny}\n"
                       "accept_gap: [{id: vendor, code: xdp-program, subject: eth0, until: 2026-12-31}]\n");
    ck_assert_uint_eq(report->findings.count, 1);
    ck_assert(report->findings.items[0].accepted);
    ck_assert_str_eq(report->findings.items[0].policy, "vendor");
    ck_assert(!classify_fails(report, SEVERITY_INFO));
}
END_TEST

START_TEST(an_accepted_gap_accepts_no_other)
{
    struct report_channel *channel = add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 80, "l1",
                                                 "web", STATE_UNDETERMINED, "0.0.0.0/0");
    *list_append(&channel->reasons) = (struct reason){"xdp-program", "eth0", ""};
    *list_append(&channel->reasons) = (struct reason){"over-budget", "net:[10]", ""};
    channel =
        add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5432, "l2", "db", STATE_UNDETERMINED, "0.0.0.0/0");
    judge_by(WORKLOADS "accept_gap: [{code: xdp-program, until: 2026-12-31},"
                       " {code: over-budget, until: 2026-01-31}]\n");
    ck_assert_uint_eq(report->findings.count, 2);
    ck_assert(!report->findings.items[0].accepted && !report->findings.items[1].accepted);
}
END_TEST

START_TEST(a_lost_channel_without_any_entry_is_found)
{
    judge_by("version: 1\nworkloads: {web: {container: web}, gone: {container: gone}}\n"
             "allow: [{id: a, to: web, ports: 8443/tcp, from: external, expect: open},"
             " {id: b, to: gone, ports: 1/tcp, from: lan, expect: open}, {id: c, to: gone, ports: 2/tcp, "
             "from: lan, expect: present}]\n");
    ck_assert_uint_eq(report->findings.count, 2);
    list_each(const struct report_finding, finding, &report->findings) {
        ck_assert_str_eq(finding->kind, "lost-channel");
        ck_assert_uint_eq(finding->severity, SEVERITY_MEDIUM);
        ck_assert(text_equal(finding->policy, "a") || text_equal(finding->policy, "c"));
    }
}
END_TEST

START_TEST(latent_masked_and_conflict)
{
    struct report_channel *channel = add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 9000, NULL,
                                                 "web", STATE_CLOSED, "0.0.0.0/0");
    channel->latent = channel->named = true;
    channel = add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5432, "l2", "db", STATE_FILTERED, "0.0.0.0/0");
    channel->masked = true;
    channel->decider.kind = DECIDER_POLICY;
    channel = add_channel("host", VANTAGE_HOST, "172.18.0.3", 5432, "l2", "db", STATE_OPEN, "172.18.0.1/32");
    channel->conflict = true;
    judge_by(NULL);
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_LATENT);
    ck_assert_uint_eq(report->channels.items[1].channel_class, CLASS_MASKED);
    ck_assert_uint_eq(report->channels.items[2].channel_class, CLASS_IGNORED);
    ck_assert_uint_eq(find_kind("latent-port")->severity, SEVERITY_LOW);
    ck_assert_uint_eq(find_kind("masked-listener")->severity, SEVERITY_INFO);
    ck_assert_uint_eq(find_kind("conflict")->severity, SEVERITY_MEDIUM);
}
END_TEST

START_TEST(a_risk_is_accepted_by_channel_and_by_id)
{
    add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5432, "l2", "db", STATE_OPEN, "0.0.0.0/0");
    judge_by(WORKLOADS "accept_risk: [{to: db, ports: 5432/tcp, from: lan, until: 2026-12-31}]\n");
    ck_assert(report->findings.items[0].accepted);
    ck_assert(!classify_fails(report, SEVERITY_INFO));
    char *text = memory_printf("version: 1\naccept_risk: [{finding: %s, until: 2026-12-31}]\n",
                               report->findings.items[0].id);
    policy = policy_free(policy);
    list_each(struct report_finding, finding, &report->findings) {
        list_free(&finding->vantages);
        list_free(&finding->channels);
        list_free(&finding->families);
        list_free(&finding->explanation);
        list_free(&finding->fix);
        list_free(&finding->excess_sources);
    }
    report->findings.count = 0;
    judge_by(text);
    free(text);
    ck_assert_uint_eq(report->findings.count, 1);
    ck_assert(report->findings.items[0].accepted);
}
END_TEST

START_TEST(gaps)
{
    *list_append(&report->scan.errors) = (struct report_error){
        .code = "namespace-vanished", .subject = "net:[1]", .message = "", .gone = true};
    judge_by(WORKLOADS "accept_gap: [{code: xdp-program, subject: eth0, until: 2026-12-31}]\n");
    ck_assert(classify_complete(report, policy));
    *list_append(&report->scan.errors) =
        (struct report_error){.code = "xdp-program", .subject = "eth0", .message = ""};
    ck_assert(classify_complete(report, policy));
    *list_append(&report->scan.errors) =
        (struct report_error){.code = "xdp-program", .subject = "eth1", .message = ""};
    ck_assert(!classify_complete(report, policy));
}
END_TEST

START_TEST(a_selector_that_matches_nothing_is_a_warning)
{
    judge_by("version: 1\nworkloads: {web: {image: 'shop/*'}, none: {image: nginx}}\n");
    ck_assert_uint_eq(report->warnings.count, 1);
    ck_assert_str_eq(report->warnings.items[0].subject, "p.yaml:2:43");
}
END_TEST

START_TEST(an_interface_that_is_not_there_is_a_warning)
{
    struct report_namespace *host = list_append(&report->namespaces);
    *host = (struct report_namespace){.id = 1, .role = "host"};
    ((struct report_interface *)list_append(&host->interfaces))->name = "eth0";
    judge_by("version: 1\nvantages: {office: {cidr: 192.0.2.0/24, in: eth7}}\n"
             "forbid:\n- {to: {image: '*'}, ports: any, from: [lan@eth0, external@etho]}\n"
             "- {to: {image: '*'}, ports: any, from: [office, lan]}\n"
             "- {to: {image: '*'}, ports: any, from: lan@eth8, hosts: other}\n");
    ck_assert_uint_eq(report->warnings.count, 2);
    ck_assert_str_eq(report->warnings.items[0].code, "vantage-unmatched");
    ck_assert_str_eq(report->warnings.items[0].subject, "p.yaml:4:3");
    ck_assert_ptr_nonnull(strstr(report->warnings.items[0].message, "etho"));
    ck_assert_str_eq(report->warnings.items[1].subject, "p.yaml:5:3");
}
END_TEST

START_TEST(nested_and_unconfirmed_match_no_selector)
{
    struct report_container *web = &report->containers.items[0];
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    web->nested = _i == 0;
    web->confirmed = _i == 0;
    judge_by(WORKLOADS "allow: [{to: web, ports: 8080/tcp, from: external}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_UNEXPECTED);
}
END_TEST

/* A listener of the host's namespace in no container, held by `count` processes of whom `of_host` are known
 * to be the host's own, and a channel to it. */
static void add_host_channel(size_t count, size_t of_host)
{
    struct report_listener *listener = list_append(&report->listeners);
    *listener = (struct report_listener){
        .id = "l3", .namespace = 1, .port = 22, .protocol = "tcp", .ip4 = true, .workload = "host:unknown"};
    for (size_t i = 0; i < count; i++)
        *list_append(&listener->processes) = (struct report_process){.pid = 1,
                                                                     .name = "sshd",
                                                                     .executable = "/usr/sbin/sshd",
                                                                     .of_host = i < of_host,
                                                                     .executable_on_host = i < of_host};
    struct report_channel *channel =
        add_channel("lan", VANTAGE_LAN, "203.0.113.10", 22, "l3", "web", STATE_OPEN, "0.0.0.0/0");
    channel->container = NULL;
    channel->workload = "host:unknown";
}

/* Nothing is allowed for not being known: whose socket it is, or all of who hold it. */
START_TEST(host_means_holders_that_are_known)
{
    static const struct {
        size_t count, of_host;
        enum channel_class allowed, forbidden;
    } cases[] = {{0, 0, CLASS_UNEXPECTED, CLASS_FORBIDDEN},
                 {1, 0, CLASS_UNEXPECTED, CLASS_UNEXPECTED},
                 {1, 1, CLASS_ALLOWED, CLASS_FORBIDDEN},
                 {2, 1, CLASS_UNEXPECTED, CLASS_UNEXPECTED}};

    add_host_channel(cases[_i].count, cases[_i].of_host);
    judge_by("version: 1\nallow: [{to: {host: true}, ports: any, from: lan}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, cases[_i].allowed);
    policy = policy_free(policy);
    judge_by("version: 1\nforbid: [{to: {host: true}, ports: any, from: lan}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, cases[_i].forbidden);
}
END_TEST

START_TEST(an_executable_alone_is_the_hosts)
{
    add_host_channel((size_t)_i, (size_t)_i);
    judge_by("version: 1\nallow: [{to: {executable: /usr/sbin/sshd}, ports: any, from: lan}]\n");
    ck_assert_uint_eq(report->channels.items[0].channel_class, _i ? CLASS_ALLOWED : CLASS_UNEXPECTED);
}
END_TEST

/* What was not looked for is not lost. */
START_TEST(a_narrowed_scan_misses_nothing_that_it_left_out)
{
    static const char text[] = WORKLOADS "allow: [{to: db, ports: 5432/tcp, from: external, expect: "
                                         "open}]\nforbid: [{to: {image: none}, ports: any, "
                                         "from: lan}]\n";

    if (_i == 0)
        *list_append(&report->scan.only_from) = "external";
    if (_i == 1) {
        *list_append(&report->scan.only_from) = "lan";
        report->vantages.count = 0;
        *list_append(&report->vantages) = (struct report_vantage){.name = "lan", .kind = VANTAGE_LAN};
    }
    if (_i == 2)
        *list_append(&report->scan.only_containers) = "we*";
    if (_i == 3)
        *list_append(&report->scan.only_containers) = "d*";
    judge_by(text);
    ck_assert_uint_eq(report->findings.count, _i % 3 ? 0 : 1);
    ck_assert_uint_eq(report->warnings.count, _i < 2 ? 1 : 0);
}
END_TEST

START_TEST(a_selector_of_other_hosts_is_no_warning)
{
    judge_by(
        "version: 1\nworkloads: {x: {image: none}, y: {image: nobody}}\n"
        "allow: [{to: x, ports: any, from: lan, hosts: 'node-2*'}, {to: {image: z}, ports: any, from: lan, "
        "hosts: other}, {to: y, ports: any, from: lan, hosts: 'node-*'}]\n");
    ck_assert_uint_eq(report->warnings.count, 1);
    ck_assert_str_eq(report->warnings.items[0].subject, "p.yaml:2:34");
}
END_TEST

static bool told(const struct report_finding *finding, const char *words, bool as_fix)
{
    for (size_t i = 0; i < (as_fix ? finding->fix.count : finding->explanation.count); i++)
        if (strstr(as_fix ? finding->fix.items[i] : finding->explanation.items[i], words))
            return true;
    return false;
}

/* What is published on 127.0.0.1 and reached by a neighbour all the same is not mended by publishing it
 * there. */
START_TEST(the_fix_mends_what_is_wrong)
{
    struct report_container *web = &report->containers.items[0];
    *list_append(&web->published) =
        (struct report_published){.port = 8081, .target = 80, .protocol = PROTOCOL_TCP};
    struct report_channel *channel =
        add_channel("lan", VANTAGE_LAN, "127.0.0.1", 8081, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    channel = add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5432, "l2", "db", STATE_OPEN, "0.0.0.0/0");
    ck_assert_int_eq(address_parse("172.18.0.3", &channel->target_address, NULL), 0);
    judge_by(NULL);
    ck_assert_uint_eq(report->findings.count, 2);
    list_each(const struct report_finding, finding, &report->findings) {
        bool forged = finding->port == 8081;
        ck_assert(told(finding, forged ? "127.0.0.0/8" : "straight to the container", false));
        ck_assert(told(finding, forged ? "127.0.0.0/8" : "the container's address", true));
        ck_assert(!told(finding, "publish it", true));
    }
}
END_TEST

/* With several uplinks "external" is all of them; a title says so only where all are meant. */
START_TEST(the_title_names_all_that_are_meant)
{
    report->vantages.count = 0;
    *list_append(&report->vantages) =
        (struct report_vantage){.name = "external@eth0", .kind = VANTAGE_EXTERNAL, .interface = "eth0"};
    *list_append(&report->vantages) =
        (struct report_vantage){.name = "external@eth1", .kind = VANTAGE_EXTERNAL, .interface = "eth1"};
    add_channel("external@eth0", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_OPEN,
                "0.0.0.0/0");
    if (_i)
        add_channel("external@eth1", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_OPEN,
                    "0.0.0.0/0");
    judge_by(NULL);
    ck_assert_str_eq(report->findings.items[0].title,
                     _i ? "external reaches web at 203.0.113.10:8080/tcp"
                        : "external@eth0 reaches web at 203.0.113.10:8080/tcp");
}
END_TEST

START_TEST(quiet_channels_fold)
{
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 5432, "l2", "db", STATE_FILTERED, "0.0.0.0/0");
    add_channel("lan", VANTAGE_LAN, "203.0.113.10", 5432, "l2", "db", STATE_FILTERED, "0.0.0.0/0");
    add_channel("lan", VANTAGE_LAN, "172.18.0.3", 5432, "l2", "db", STATE_FILTERED, "0.0.0.0/0");
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    judge_by(NULL);
    classify_fold_quiet(report);
    ck_assert_uint_eq(report->channels.count, 1);
    ck_assert_str_eq(report->channels.items[0].container, "web");
    ck_assert_uint_eq(report->quiet.count, 1);
    ck_assert_uint_eq(report->quiet.items[0].entries, 3);
    ck_assert_uint_eq(report->quiet.items[0].from.count, 2);
}
END_TEST

/* A rewrite and a proxy, or replicas behind one entry: channels that differ in listener or way alone have one
 * key, and each is judged, told of and kept by itself. */
START_TEST(channels_of_one_key_are_each_told)
{
    static const enum state states[] = {STATE_OPEN, STATE_OPEN, STATE_FILTERED};
    static const char *const listeners[] = {"l1", "l1", "l3"};
    _cleanup_free_ char *text = NULL;
    size_t length = 0;

    add_listener("l3", "web", 10, 80);
    for (size_t i = 0; i < 3; i++)
        add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 8080, listeners[i], "web", states[i],
                    "0.0.0.0/0");
    *list_append(&report->channels.items[1].via) = "l2";
    list_each(struct report_channel, channel, &report->channels)
        channel->key = channel_key(report->arena, "node-1", channel);
    ck_assert_str_eq(report->channels.items[0].key, report->channels.items[1].key);
    ck_assert_str_eq(report->channels.items[0].key, report->channels.items[2].key);
    judge_by(NULL);
    ck_assert_uint_eq(report->channels.items[0].channel_class, CLASS_UNEXPECTED);
    ck_assert_uint_eq(report->channels.items[1].channel_class, CLASS_UNEXPECTED);
    ck_assert_uint_eq(report->channels.items[2].channel_class, CLASS_QUIET);
    ck_assert_uint_eq(report->findings.count, 1);
    ck_assert_uint_eq(report->findings.items[0].channels.count, 2);
    ck_assert_str_eq(report->findings.items[0].channels.items[0], "c1");
    ck_assert_str_eq(report->findings.items[0].channels.items[1], "c2");
    classify_fold_quiet(report);
    ck_assert_uint_eq(report->channels.count, 2);
    ck_assert_uint_eq(report->quiet.count, 1);
    ck_assert_str_eq(report->quiet.items[0].listener, "l3");
    FILE *file = open_memstream(&text, &length);
    ck_assert_int_eq(report_write(report, file, NULL), 0);
    fclose(file);
    ck_assert_ptr_nonnull(strstr(text, "\"id\": \"c1\""));
    ck_assert_ptr_nonnull(strstr(text, "\"id\": \"c2\""));
}
END_TEST

/* A thousand containers of ten listeners, from several vantages: time grows with their number. */
START_TEST(a_large_host_is_judged)
{
    enum { MANY = 40000 };
    for (unsigned i = 0; i < MANY; i++) {
        struct report_channel *channel =
            add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", (uint16_t)i, "l1", "web",
                        i % 2 ? STATE_OPEN : STATE_FILTERED, "0.0.0.0/0");
        channel->decider.kind = DECIDER_ROUTE;
        channel->decider.subject = arena_printf(report->arena, "route %u", i);
    }
    judge_by(WORKLOADS
             "allow: [{to: db, ports: any, from: lan}]\naccept_risk: [{to: web, ports: 1-9999/tcp, from: "
             "external, until: 2026-12-31}]\n");
    classify_fold_quiet(report);
    ck_assert_uint_eq(report->findings.count, MANY / 2);
    ck_assert_uint_eq(report->quiet.count, MANY / 2);
    ck_assert(report->findings.items[MANY / 2 - 1].accepted);
}
END_TEST

START_TEST(findings_have_stable_ids)
{
    add_channel("external", VANTAGE_EXTERNAL, "203.0.113.10", 8080, "l1", "web", STATE_OPEN, "0.0.0.0/0");
    judge_by(NULL);
    const char *expected = finding_id(report->arena, "docker:web", "tcp", 8080, "unexpected-exposure");
    ck_assert_str_eq(report->findings.items[0].id, expected);
    ck_assert_uint_eq(strlen(expected), 32);
    ck_assert_str_ne(expected, finding_id(report->arena, "docker:web", "tcp", 8081, "unexpected-exposure"));
    ck_assert_str_ne(report->findings.items[0].instance, expected);
}
END_TEST

/* Labels, pods and images of what is not confirmed are its own choice: no finding of another becomes its own.
 */
START_TEST(what_is_not_confirmed_has_a_workload_of_its_own)
{
    struct report_container container = {.name = "web@1000",
                                         .engine = "podman",
                                         .image = "shop/web:1",
                                         .compose_project = "shop",
                                         .compose_service = "web",
                                         .pod = "web",
                                         .pod_namespace = "shop",
                                         .confirmed = true};
    ck_assert_str_eq(workload_of_container(report->arena, &container, false), "compose:shop/web");
    container.confirmed = false;
    ck_assert_str_eq(workload_of_container(report->arena, &container, false), "podman:web@1000");
    ck_assert_str_eq(workload_of_container(report->arena, &container, true), "podman:unnamed");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("classify");
    TCase *tests = tcase_create("classify");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, without_a_policy_the_default_holds);
    tcase_add_test(tests, an_allow_line_covers_and_the_rest_is_named);
    tcase_add_test(tests, what_is_allowed_is_no_finding);
    tcase_add_loop_test(tests, what_does_not_fit_does_not_allow, 0, 10);
    tcase_add_test(tests, forbid_wins);
    tcase_add_test(tests, undetermined_is_judged_as_if_open);
    tcase_add_test(tests, what_is_expected_open_and_is_not_is_lost);
    tcase_add_test(tests, what_is_open_by_another_entry_is_not_lost);
    tcase_add_test(tests, an_entry_of_many_addresses_is_each_of_them);
    tcase_add_test(tests, of_lines_that_forbid_the_most_severe_counts);
    tcase_add_test(tests, an_accepted_gap_accepts_what_is_undetermined_by_it);
    tcase_add_test(tests, an_accepted_gap_accepts_no_other);
    tcase_add_test(tests, a_lost_channel_without_any_entry_is_found);
    tcase_add_test(tests, latent_masked_and_conflict);
    tcase_add_test(tests, a_risk_is_accepted_by_channel_and_by_id);
    tcase_add_test(tests, gaps);
    tcase_add_test(tests, a_selector_that_matches_nothing_is_a_warning);
    tcase_add_test(tests, an_interface_that_is_not_there_is_a_warning);
    tcase_add_loop_test(tests, nested_and_unconfirmed_match_no_selector, 0, 2);
    tcase_add_loop_test(tests, host_means_holders_that_are_known, 0, 4);
    tcase_add_loop_test(tests, an_executable_alone_is_the_hosts, 0, 2);
    tcase_add_loop_test(tests, a_narrowed_scan_misses_nothing_that_it_left_out, 0, 4);
    tcase_add_test(tests, a_selector_of_other_hosts_is_no_warning);
    tcase_add_test(tests, the_fix_mends_what_is_wrong);
    tcase_add_loop_test(tests, the_title_names_all_that_are_meant, 0, 2);
    tcase_add_test(tests, quiet_channels_fold);
    tcase_add_test(tests, channels_of_one_key_are_each_told);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, a_large_host_is_judged);
    tcase_add_test(tests, findings_have_stable_ids);
    tcase_add_test(tests, what_is_not_confirmed_has_a_workload_of_its_own);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

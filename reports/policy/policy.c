/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reports/policy/policy.h"
#include "netns/base/file.h"
#include "netns/base/text.h"
#include "reports/policy/document.h"

#include <errno.h>
#include <fcntl.h>

#define QUOTE 60 /* how much of an offending text a complaint shows */

/* Names are looked up after the whole file was read: a line may use a workload that stands below it. */
struct pending {
    enum { PENDING_TO, PENDING_FROM_WORKLOAD, PENDING_FROM_WORD } kind;
    size_t line, from;
    const char *name;
    yaml_node_t *node;
};

struct reader {
    struct policy *policy;
    const char *today;
    LIST(struct pending) pending;
    struct map *ids;                  /* of lines, to their places */
    struct map *workloads, *vantages; /* names to their indexes + 1 */
    bool version_seen;
};

/* What the row functions get: the thing being filled. */
struct line_reader {
    struct reader *reader;
    struct policy_line line;
    size_t place; /* index that the line will have */
    yaml_node_t *node;
    bool ports_seen, from_seen;
};

/* ---- words ---- */

static enum policy_word read_word(struct document *document, yaml_node_t *node)
{
    const char *text = document_text(document, node);
    if (text_equal(text, "warn"))
        return POLICY_WARN;
    if (text_equal(text, "ignore"))
        return POLICY_IGNORE;
    if (text && !text_equal(text, "deny"))
        document_complain(document, node, "'%.*s' is none of deny, warn, ignore", QUOTE, text);
    return POLICY_DENY;
}

static bool is_date(const char *text)
{
    uint64_t year, month, day;
    char part[5];
    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
        return false;
    snprintf(part, sizeof(part), "%.4s", text);
    if (!text_number(part, 1970, 9999, &year))
        return false;
    snprintf(part, sizeof(part), "%.2s", text + 5);
    if (!text_number(part, 1, 12, &month))
        return false;
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return text_number(text + 8, 1, days[month - 1] + (month == 2 && leap ? 1u : 0u), &day);
}

static bool vantage_word(const char *text, enum vantage_kind *ret_kind)
{
    static const struct {
        const char *word;
        bool prefix;
        enum vantage_kind kind;
    } words[] = {
        {"external", false, VANTAGE_EXTERNAL},
        {"external@", true, VANTAGE_EXTERNAL},
        {"lan", false, VANTAGE_LAN},
        {"lan@", true, VANTAGE_LAN},
        {"host", false, VANTAGE_HOST},
        {"segment", false, VANTAGE_SEGMENT},
        {"segment:", true, VANTAGE_SEGMENT},
        {"container", false, VANTAGE_CONTAINER},
        {"container:", true, VANTAGE_CONTAINER},
        {"inside", false, VANTAGE_INSIDE},
        {"inside:", true, VANTAGE_INSIDE},
        {"netns", false, VANTAGE_NETNS},
        {"netns:", true, VANTAGE_NETNS},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (words[i].prefix ? text_starts(text, words[i].word) && text[strlen(words[i].word)] != '\0'
                            : text_equal(text, words[i].word)) {
            *ret_kind = words[i].kind;
            return true;
        }
    return false;
}

/* ---- ports ---- */

static int number_range(const char *text, size_t length, struct policy_port *port)
{
    char copy[16];
    char *dash;
    uint64_t first, last;

    if (length == 0 || length >= sizeof(copy))
        return -EINVAL;
    snprintf(copy, sizeof(copy), "%.*s", (int)length, text);
    dash = strchr(copy, '-');
    if (dash)
        *dash = '\0';
    if (!text_number(copy, 0, UINT16_MAX, &first))
        return -EINVAL;
    last = first;
    if (dash && !text_number(dash + 1, first, UINT16_MAX, &last))
        return -EINVAL;
    port->first = (uint16_t)first;
    port->last = (uint16_t)last;
    return 0;
}

int policy_port_parse(struct arena *arena, const char *text, struct policy_port *ret_port)
{
    struct policy_port port = {0};
    const char *slash = strchr(text, '/');

    if (text_equal(text, "any")) {
        port.any = true;
    } else if (text_equal(text, "icmp")) {
        port.icmp = true;
    } else if (text_starts(text, "unix:@") && text[6] != '\0') {
        port.unix_pattern = arena_strdup(arena, text + 6);
    } else {
        if (slash == NULL || number_range(text, (size_t)(slash - text), &port) < 0)
            return -EINVAL;
        port.protocol = protocol_parse(slash + 1);
        if (port.protocol != PROTOCOL_TCP && port.protocol != PROTOCOL_UDP &&
            port.protocol != PROTOCOL_UDPLITE && port.protocol != PROTOCOL_SCTP)
            return -EINVAL;
    }
    *ret_port = port;
    return 0;
}

static bool read_port(struct document *document, yaml_node_t *node, struct policy_port *ret_port)
{
    const char *text = document_text(document, node);
    if (text == NULL)
        return false;
    if (policy_port_parse(document->arena, text, ret_port) < 0) {
        document_complain(document, node,
                          "'%.*s' is no port: write 443/tcp, 1000-2000/udp, icmp, unix:@PATTERN or any",
                          QUOTE, text);
        return false;
    }
    return true;
}

/* ---- selectors ---- */

static void selector_text(struct document *document, yaml_node_t *value, const char **member)
{
    const char *text = document_text(document, value);
    if (text && *text == '\0')
        document_complain(document, value, "an empty pattern matches nothing");
    *member = text;
}

#define SELECTOR_TEXT(member_)                                                                               \
    static void selector_##member_(struct document *document, yaml_node_t *value, void *context)             \
    {                                                                                                        \
        selector_text(document, value, &((struct selector *)context)->member_);                              \
    }
SELECTOR_TEXT(container)
SELECTOR_TEXT(image)
SELECTOR_TEXT(compose)
SELECTOR_TEXT(pod)
SELECTOR_TEXT(netns)
SELECTOR_TEXT(executable)

static void selector_label(struct document *document, yaml_node_t *value, void *context)
{
    struct selector *selector = context;
    const char *text = document_text(document, value);
    const char *equals = text ? strchr(text, '=') : NULL;

    if (text == NULL)
        return;
    if (equals == text) {
        document_complain(document, value, "'%.*s' is no label: write KEY or KEY=PATTERN", QUOTE, text);
        return;
    }
    selector->label_key = equals ? arena_strndup(document->arena, text, (size_t)(equals - text)) : text;
    selector->label_value = equals ? arena_strdup(document->arena, equals + 1) : "*";
}

static void selector_host_network(struct document *document, yaml_node_t *value, void *context)
{
    struct selector *selector = context;
    selector->has_host_network = true;
    selector->host_network = document_bool(document, value);
}

static void selector_host(struct document *document, yaml_node_t *value, void *context)
{
    struct selector *selector = context;
    selector->host = document_bool(document, value);
}

static const struct key_row selector_rows[] = {
    {"container", selector_container},
    {"image", selector_image},
    {"label", selector_label},
    {"compose", selector_compose},
    {"pod", selector_pod},
    {"netns", selector_netns},
    {"executable", selector_executable},
    {"host_network", selector_host_network},
    {"host", selector_host},
    {NULL, NULL},
};

static void read_selector(struct document *document, yaml_node_t *node, struct selector *selector)
{
    size_t before = document->complaints->count;

    selector->place = document_place(node);
    document_mapping(document, node, "a selector", selector_rows, selector);
    if (document->complaints->count != before)
        return;
    if (!selector->container && !selector->image && !selector->label_key && !selector->compose &&
        !selector->pod && !selector->netns && !selector->executable && !selector->has_host_network &&
        !selector->host)
        document_complain(document, node, "a selector that asks for nothing would mean everything");
    if (selector->host && (selector->container || selector->image || selector->label_key ||
                           selector->compose || selector->pod || selector->netns))
        document_complain(document, node, "host means processes of the host itself: no container has both");
}

static void read_workload(struct document *document, yaml_node_t *key, yaml_node_t *value, void *context)
{
    struct reader *reader = context;
    struct selector selector = {.name = document_text(document, key)};
    read_selector(document, value, &selector);
    *list_append(&reader->policy->selectors) = selector;
    if (selector.name)
        map_set(reader->workloads, selector.name, (void *)(uintptr_t)reader->policy->selectors.count);
}

static void read_workloads(struct document *document, yaml_node_t *value, void *context)
{
    document_named(document, value, "workloads", read_workload, context);
}

/* ---- vantages ---- */

static void read_cidr_into(struct document *document, yaml_node_t *node, struct prefix_list *list)
{
    struct error error = ERROR_NONE;
    struct prefix prefix;
    const char *text = document_text(document, node);

    if (text == NULL)
        return;
    if (prefix_parse(text, true, &prefix, &error) < 0)
        document_complain(document, node, "%s", error.message);
    else
        *list_append(list) = prefix;
}

static void vantage_cidr_item(struct document *document, yaml_node_t *item, void *context)
{
    read_cidr_into(document, item, &((struct policy_vantage *)context)->cidr);
}

static void vantage_cidr(struct document *document, yaml_node_t *value, void *context)
{
    document_sequence(document, value, "cidr", true, vantage_cidr_item, context);
}

static void vantage_in(struct document *document, yaml_node_t *value, void *context)
{
    ((struct policy_vantage *)context)->interface = document_text(document, value);
}

static const struct key_row vantage_rows[] = {{"cidr", vantage_cidr}, {"in", vantage_in}, {NULL, NULL}};

static void read_vantage(struct document *document, yaml_node_t *key, yaml_node_t *value, void *context)
{
    struct reader *reader = context;
    struct policy_vantage vantage = {.name = document_text(document, key), .place = document_place(key)};
    enum vantage_kind kind;
    size_t before = document->complaints->count;

    if (vantage.name && vantage_word(vantage.name, &kind))
        document_complain(document, key, "'%.*s' is a built-in vantage: choose another name", QUOTE,
                          vantage.name);
    document_mapping(document, value, "a vantage", vantage_rows, &vantage);
    if (document->complaints->count == before && vantage.cidr.count == 0)
        document_complain(document, value, "a vantage needs its sources: cidr");
    *list_append(&reader->policy->vantages) = vantage;
    if (vantage.name)
        map_set(reader->vantages, vantage.name, (void *)(uintptr_t)reader->policy->vantages.count);
}

static void read_vantages(struct document *document, yaml_node_t *value, void *context)
{
    document_named(document, value, "vantages", read_vantage, context);
}

/* ---- defaults ---- */

static void unlisted_kind(struct document *document, yaml_node_t *key, yaml_node_t *value, void *context)
{
    struct reader *reader = context;
    const char *name = (const char *)key->data.scalar.value;

    for (int kind = 0; kind <= VANTAGE_NAMED; kind++)
        if (text_equal(vantage_kind_name((enum vantage_kind)kind), name)) {
            reader->policy->unlisted[kind] = read_word(document, value);
            return;
        }
    document_complain(document, key, "'%.*s' is no kind of vantage", QUOTE, name);
}

static void default_unlisted(struct document *document, yaml_node_t *value, void *context)
{
    struct reader *reader = context;
    if (value->type == YAML_MAPPING_NODE) {
        document_named(document, value, "unlisted", unlisted_kind, context);
        return;
    }
    enum policy_word word = read_word(document, value);
    for (int kind = 0; kind <= VANTAGE_NAMED; kind++)
        reader->policy->unlisted[kind] = word;
}

static void default_undetermined(struct document *document, yaml_node_t *value, void *context)
{
    ((struct reader *)context)->policy->undetermined = read_word(document, value);
}

static const struct key_row default_rows[] = {
    {"unlisted", default_unlisted}, {"undetermined", default_undetermined}, {NULL, NULL}};

static void read_defaults(struct document *document, yaml_node_t *value, void *context)
{
    document_mapping(document, value, "defaults", default_rows, context);
}

/* ---- lines ---- */

static void line_id(struct document *document, yaml_node_t *value, void *context)
{
    struct line_reader *line = context;
    line->line.id = document_text(document, value);
    if (line->line.id && *line->line.id == '\0')
        document_complain(document, value, "an id may not be empty");
    if (line->line.id == NULL)
        return;
    const yaml_node_t *other = map_get(line->reader->ids, line->line.id);
    if (other)
        document_complain(document, value, "id '%.*s' is taken by line %u", QUOTE, line->line.id,
                          document_place(other).line);
    else
        map_set(line->reader->ids, line->line.id, line->node);
}

static void pend(struct line_reader *line, int kind, size_t from, const char *name, yaml_node_t *node)
{
    struct pending *pending = list_append(&line->reader->pending);
    pending->kind = kind;
    pending->line = line->place;
    pending->from = from;
    pending->name = name;
    pending->node = node;
}

static void line_to(struct document *document, yaml_node_t *value, void *context)
{
    struct line_reader *line = context;

    line->line.has_to = true;
    if (value->type == YAML_MAPPING_NODE) {
        struct selector selector = {0};
        read_selector(document, value, &selector);
        line->line.to = line->reader->policy->selectors.count;
        *list_append(&line->reader->policy->selectors) = selector;
        return;
    }
    const char *name = document_text(document, value);
    if (name)
        pend(line, PENDING_TO, 0, name, value);
}

static void line_port_item(struct document *document, yaml_node_t *item, void *context)
{
    struct line_reader *line = context;
    struct policy_port port;
    if (read_port(document, item, &port))
        *list_append(&line->line.ports) = port;
}

static void line_ports(struct document *document, yaml_node_t *value, void *context)
{
    ((struct line_reader *)context)->ports_seen = true;
    document_sequence(document, value, "ports", true, line_port_item, context);
}

static void from_workload(struct document *document, yaml_node_t *value, void *context)
{
    struct line_reader *line = context;
    const char *name = document_text(document, value);
    if (name == NULL)
        return;
    pend(line, PENDING_FROM_WORKLOAD, line->line.from.count, name, value);
    *list_append(&line->line.from) = (struct policy_from){.kind = FROM_WORKLOAD};
}

static const struct key_row from_rows[] = {{"workload", from_workload}, {NULL, NULL}};

static void line_from_item(struct document *document, yaml_node_t *item, void *context)
{
    struct line_reader *line = context;
    struct policy_from from = {0};
    enum vantage_kind kind;

    if (item->type == YAML_MAPPING_NODE) {
        document_mapping(document, item, "from", from_rows, context);
        return;
    }
    const char *text = document_text(document, item);
    if (text == NULL)
        return;
    if (vantage_word(text, &kind)) {
        from.kind = FROM_VANTAGE;
        from.vantage = text;
    } else if (prefix_parse(text, true, &from.prefix, NULL) == 0) {
        from.kind = FROM_CIDR;
    } else {
        pend(line, PENDING_FROM_WORD, line->line.from.count, text, item);
    }
    *list_append(&line->line.from) = from;
}

static void line_from(struct document *document, yaml_node_t *value, void *context)
{
    ((struct line_reader *)context)->from_seen = true;
    document_sequence(document, value, "from", true, line_from_item, context);
}

static void line_address_item(struct document *document, yaml_node_t *item, void *context)
{
    read_cidr_into(document, item, &((struct line_reader *)context)->line.address);
}

static void line_address(struct document *document, yaml_node_t *value, void *context)
{
    document_sequence(document, value, "address", true, line_address_item, context);
}

static void line_family_item(struct document *document, yaml_node_t *item, void *context)
{
    struct line_reader *line = context;
    const char *text = document_text(document, item);
    if (text_equal(text, "ip4"))
        line->line.ip4 = true;
    else if (text_equal(text, "ip6"))
        line->line.ip6 = true;
    else if (text)
        document_complain(document, item, "'%.*s' is neither ip4 nor ip6", QUOTE, text);
}

static void line_families(struct document *document, yaml_node_t *value, void *context)
{
    ((struct line_reader *)context)->line.has_families = true;
    document_sequence(document, value, "families", true, line_family_item, context);
}

static void line_target(struct document *document, yaml_node_t *value, void *context)
{
    struct line_reader *line = context;
    line->line.has_target = read_port(document, value, &line->line.target);
}

static void line_expect(struct document *document, yaml_node_t *value, void *context)
{
    struct line_reader *line = context;
    const char *text = document_text(document, value);
    if (text_equal(text, "open"))
        line->line.expect_open = true;
    else if (text_equal(text, "present"))
        line->line.expect_open = line->line.expect_present = true;
    else if (text)
        document_complain(document, value, "'%.*s' is neither open nor present", QUOTE, text);
}

static void line_until(struct document *document, yaml_node_t *value, void *context)
{
    struct line_reader *line = context;
    const char *text = document_text(document, value);
    if (text == NULL)
        return;
    if (!is_date(text)) {
        document_complain(document, value, "'%.*s' is no date: write YYYY-MM-DD", QUOTE, text);
        return;
    }
    line->line.until = text;
    line->line.expired = strcmp(text, line->reader->today) < 0;
}

static void line_severity(struct document *document, yaml_node_t *value, void *context)
{
    struct line_reader *line = context;
    const char *text = document_text(document, value);
    line->line.severity = severity_parse(text);
    if (text && line->line.severity == SEVERITY_NONE)
        document_complain(document, value, "'%.*s' is none of critical, high, medium, low, info", QUOTE,
                          text);
}

static void line_host_item(struct document *document, yaml_node_t *item, void *context)
{
    const char *text = document_text(document, item);
    if (text)
        *list_append(&((struct line_reader *)context)->line.hosts) = text;
}

static void line_hosts(struct document *document, yaml_node_t *value, void *context)
{
    document_sequence(document, value, "hosts", true, line_host_item, context);
}

static void line_finding(struct document *document, yaml_node_t *value, void *context)
{
    struct line_reader *line = context;
    const char *text = document_text(document, value);
    if (text && (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32))
        document_complain(document, value, "'%.*s' is no finding's id: 32 hexadecimal digits, whole", QUOTE,
                          text);
    line->line.finding = text;
}

#define LINE_TEXT(member_)                                                                                   \
    static void line_##member_(struct document *document, yaml_node_t *value, void *context)                 \
    {                                                                                                        \
        ((struct line_reader *)context)->line.member_ = document_text(document, value);                      \
    }
LINE_TEXT(owner)
LINE_TEXT(reason)
LINE_TEXT(ticket)
LINE_TEXT(code)
LINE_TEXT(subject)

#define COMMON_ROWS                                                                                          \
    {"id", line_id}, {"owner", line_owner}, {"reason", line_reason}, {"until", line_until},                  \
        {"ticket", line_ticket},                                                                             \
    {                                                                                                        \
        "hosts", line_hosts                                                                                  \
    }
#define CHANNEL_ROWS                                                                                         \
    {"to", line_to}, {"ports", line_ports}, {"from", line_from}, {"address", line_address},                  \
        {"families", line_families},                                                                         \
    {                                                                                                        \
        "target", line_target                                                                                \
    }

static const struct key_row allow_rows[] = {COMMON_ROWS, CHANNEL_ROWS, {"expect", line_expect}, {NULL, NULL}};
static const struct key_row forbid_rows[] = {
    COMMON_ROWS, CHANNEL_ROWS, {"severity", line_severity}, {NULL, NULL}};
static const struct key_row risk_rows[] = {
    COMMON_ROWS, CHANNEL_ROWS, {"finding", line_finding}, {NULL, NULL}};
static const struct key_row gap_rows[] = {
    COMMON_ROWS, {"code", line_code}, {"subject", line_subject}, {NULL, NULL}};

static void check_line(struct document *document, yaml_node_t *node, const struct line_reader *reader)
{
    const struct policy_line *line = &reader->line;
    bool risk_by_id = line->kind == LINE_ACCEPT_RISK && line->finding != NULL;

    if (node->type != YAML_MAPPING_NODE)
        return;
    if (line->kind == LINE_ACCEPT_GAP) {
        if (line->code == NULL)
            document_complain(document, node, "an accepted gap needs the code that it accepts");
    } else if (!risk_by_id) {
        if (!line->has_to)
            document_complain(document, node, "the line does not say to whom: to");
        if (!reader->ports_seen)
            document_complain(document, node, "the line does not say which ports: ports");
        if (!reader->from_seen)
            document_complain(document, node, "the line does not say from where: from");
    }
    if ((line->kind == LINE_ACCEPT_RISK || line->kind == LINE_ACCEPT_GAP) && line->until == NULL)
        document_complain(document, node, "what is accepted needs an end: until");
    if (risk_by_id && line->has_to)
        document_complain(document, node, "either a finding or a channel is accepted, not both in one line");
}

static void warn_expired(struct document *document, struct policy *policy, const struct policy_line *line)
{
    char subject[ERROR_SUBJECT_MAX];
    if (!line->expired)
        return;
    snprintf(subject, sizeof(subject), "%s:%u:%u", document->file, line->place.line, line->place.column);
    error_set(list_append(&policy->warnings), EINVAL, "policy-expired", subject,
              "the line ended on %s and no longer holds", line->until);
}

static void read_line(struct document *document, yaml_node_t *node, struct reader *reader,
                      enum policy_line_kind kind, const char *what, const struct key_row *rows)
{
    struct line_reader line = {.reader = reader, .place = reader->policy->lines.count, .node = node};

    line.line.kind = kind;
    line.line.place = document_place(node);
    line.line.severity = SEVERITY_HIGH;
    document_mapping(document, node, what, rows, &line);
    check_line(document, node, &line);
    warn_expired(document, reader->policy, &line.line);
    *list_append(&reader->policy->lines) = line.line;
}

#define LINE_SECTION(name_, kind_, what_)                                                                    \
    static void name_##_item(struct document *document, yaml_node_t *item, void *context)                    \
    {                                                                                                        \
        read_line(document, item, context, kind_, what_, name_##_rows);                                      \
    }                                                                                                        \
    static void name_##_section(struct document *document, yaml_node_t *value, void *context)                \
    {                                                                                                        \
        document_sequence(document, value, what_, false, name_##_item, context);                             \
    }
LINE_SECTION(allow, LINE_ALLOW, "allow")
LINE_SECTION(forbid, LINE_FORBID, "forbid")
LINE_SECTION(risk, LINE_ACCEPT_RISK, "accept_risk")
LINE_SECTION(gap, LINE_ACCEPT_GAP, "accept_gap")

static void read_version(struct document *document, yaml_node_t *value, void *context)
{
    const char *text = document_text(document, value);
    ((struct reader *)context)->version_seen = true;
    if (text && !text_equal(text, "1"))
        document_complain(document, value, "version '%.*s' is not known: this is for version 1", QUOTE, text);
}

static const struct key_row policy_rows[] = {
    {"version", read_version},     {"defaults", read_defaults}, {"vantages", read_vantages},
    {"workloads", read_workloads}, {"allow", allow_section},    {"forbid", forbid_section},
    {"accept_risk", risk_section}, {"accept_gap", gap_section}, {NULL, NULL},
};

/* ---- names ---- */

static bool find_name(const struct map *names, const char *name, size_t *ret_index)
{
    size_t place = (size_t)(uintptr_t)map_get(names, name);
    if (place == 0)
        return false;
    *ret_index = place - 1;
    return true;
}

/* A word of `from` that is no vantage: a CIDR with a fault, where it looks like one. */
static void complain_from(struct document *document, const struct pending *pending)
{
    struct error error = ERROR_NONE;
    struct prefix prefix;

    if (strchr(pending->name, '/') &&
        strspn(pending->name, "0123456789abcdefABCDEF.:/") == strlen(pending->name) &&
        prefix_parse(pending->name, true, &prefix, &error) < 0)
        document_complain(document, pending->node, "%s", error.message);
    else
        document_complain(document, pending->node,
                          "'%.*s' is neither a vantage nor a CIDR (of a workload write {workload: NAME})",
                          QUOTE, pending->name);
}

static void resolve(struct document *document, struct reader *reader)
{
    struct policy *policy = reader->policy;

    list_each(struct pending, pending, &reader->pending) {
        struct policy_line *line = &policy->lines.items[pending->line];
        size_t index = 0;
        switch (pending->kind) {
        case PENDING_TO:
            if (!find_name(reader->workloads, pending->name, &line->to))
                document_complain(document, pending->node, "no workload is called '%.*s'", QUOTE,
                                  pending->name);
            break;
        case PENDING_FROM_WORKLOAD:
            if (!find_name(reader->workloads, pending->name, &index))
                document_complain(document, pending->node, "no workload is called '%.*s'", QUOTE,
                                  pending->name);
            line->from.items[pending->from].index = index;
            break;
        case PENDING_FROM_WORD:
            if (!find_name(reader->vantages, pending->name, &index))
                complain_from(document, pending);
            line->from.items[pending->from].kind = FROM_NAMED;
            line->from.items[pending->from].index = index;
            break;
        }
    }
}

/* ---- all ---- */

static struct policy *policy_new(void)
{
    struct policy *policy = memory_alloc(sizeof(*policy));

    policy->arena = arena_new();
    policy->unlisted[VANTAGE_EXTERNAL] = policy->unlisted[VANTAGE_LAN] = policy->unlisted[VANTAGE_NAMED] =
        POLICY_DENY;
    policy->unlisted[VANTAGE_SEGMENT] = policy->unlisted[VANTAGE_CONTAINER] =
        policy->unlisted[VANTAGE_NETNS] = POLICY_WARN;
    policy->unlisted[VANTAGE_HOST] = policy->unlisted[VANTAGE_INSIDE] = POLICY_IGNORE;
    policy->undetermined = POLICY_WARN;
    return policy;
}

struct policy *policy_default(void)
{
    struct policy *policy = policy_new();
    policy->file = "";
    return policy;
}

static int compare_complaints(const void *a, const void *b)
{
    unsigned line_a = 0, line_b = 0, column_a = 0, column_b = 0;
    const char *colon_a = strrchr(((const struct error *)a)->subject, ':'),
               *colon_b = strrchr(((const struct error *)b)->subject, ':');
    for (int i = 0; i < 1 && colon_a && colon_b; i++) {
        const char *before_a = colon_a, *before_b = colon_b;
        while (before_a > ((const struct error *)a)->subject && before_a[-1] != ':')
            before_a--;
        while (before_b > ((const struct error *)b)->subject && before_b[-1] != ':')
            before_b--;
        line_a = (unsigned)strtoul(before_a, NULL, 10);
        line_b = (unsigned)strtoul(before_b, NULL, 10);
        column_a = (unsigned)strtoul(colon_a + 1, NULL, 10);
        column_b = (unsigned)strtoul(colon_b + 1, NULL, 10);
    }
    if (line_a != line_b)
        return line_a < line_b ? -1 : 1;
    return column_a < column_b ? -1 : column_a > column_b;
}

int policy_parse(const char *bytes, size_t length, const char *file, const char *today,
                 struct policy **ret_policy, struct complaint_list *complaints)
{
    _cleanup_policy_ struct policy *policy = policy_new();
    struct document document = {.file = file, .arena = policy->arena, .complaints = complaints};
    struct reader reader = {
        .policy = policy, .today = today, .ids = map_new(), .workloads = map_new(), .vantages = map_new()};
    char digest[SHA256_TEXT_MAX];
    size_t before = complaints->count;

    policy->file = arena_strdup(policy->arena, file);
    sha256_text(bytes, length, digest);
    policy->digest = arena_strdup(policy->arena, digest);
    if (document_load(&document, bytes, length) == 0) {
        yaml_node_t *root = yaml_document_get_root_node(&document.yaml);
        if (root == NULL) {
            document_complain(&document, NULL, "the policy is empty");
        } else {
            document_mapping(&document, root, "a policy", policy_rows, &reader);
            if (!reader.version_seen && root->type == YAML_MAPPING_NODE)
                document_complain(&document, root, "the policy does not say its version: version: 1");
            resolve(&document, &reader);
        }
    }
    list_free(&reader.pending);
    map_free(reader.ids);
    map_free(reader.workloads);
    map_free(reader.vantages);
    document_free(&document);
    if (complaints->count != before) {
        qsort(complaints->items + before, complaints->count - before, sizeof(*complaints->items),
              compare_complaints);
        document_complain_more(&document);
        return -EINVAL;
    }
    *ret_policy = take_ptr(policy);
    return 0;
}

int policy_read(const char *file, struct policy **ret_policy, struct complaint_list *complaints)
{
    _cleanup_free_ char *data = NULL;
    struct error error = ERROR_NONE;
    char today[32];
    size_t length;

    if (file_read(AT_FDCWD, file, POLICY_MAX, &data, &length, &error) < 0) {
        *list_append(complaints) = error;
        return -error.status;
    }
    time_text(today);
    today[10] = '\0';
    return policy_parse(data, length, file, today, ret_policy, complaints);
}

struct policy *policy_free(struct policy *policy)
{
    if (policy == NULL)
        return NULL;
    list_each(struct policy_vantage, vantage, &policy->vantages)
        list_free(&vantage->cidr);
    list_each(struct policy_line, line, &policy->lines) {
        list_free(&line->ports);
        list_free(&line->from);
        list_free(&line->address);
        list_free(&line->hosts);
    }
    list_free(&policy->vantages);
    list_free(&policy->lines);
    list_free(&policy->selectors);
    list_free(&policy->warnings);
    arena_free(policy->arena);
    free(policy);
    return NULL;
}

void cleanup_policy(struct policy **policy)
{
    *policy = policy_free(*policy);
}

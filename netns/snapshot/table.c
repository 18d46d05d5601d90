/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/snapshot/table.h"

#define END                                                                                                  \
    {                                                                                                        \
        .name = NULL                                                                                         \
    }
#define NUMBER(struct_, member)       FIELD(struct_, member, FIELD_UNSIGNED, .optional = true)
#define SIGNED(struct_, member)       FIELD(struct_, member, FIELD_SIGNED, .optional = true)
#define DECIMAL(struct_, member)      FIELD(struct_, member, FIELD_DECIMAL, .optional = true)
#define FLAG(struct_, member)         FIELD(struct_, member, FIELD_BOOL, .optional = true)
#define TEXT(struct_, member)         FIELD(struct_, member, FIELD_TEXT, .optional = true)
#define NAME(struct_, member)         FIELD(struct_, member, FIELD_NAME)
#define TEXTS(struct_, member)        FIELD(struct_, member, FIELD_TEXT_LIST, .optional = true)
#define NUMBERS(struct_, member)      FIELD(struct_, member, FIELD_NUMBER_LIST, .optional = true)
#define BYTES(struct_, member)        FIELD(struct_, member, FIELD_BYTES, .optional = true)
#define ADDRESS(struct_, member)      FIELD(struct_, member, FIELD_ADDRESS, .optional = true)
#define PREFIX(struct_, member)       FIELD(struct_, member, FIELD_PREFIX, .optional = true)
#define MAC(struct_, member)          FIELD(struct_, member, FIELD_MAC, .optional = true)
#define WORD(struct_, member, words_) FIELD(struct_, member, FIELD_WORD, .words = (words_), .optional = true)
#define ITEMS(struct_, member, type_) FIELD(struct_, member, FIELD_LIST, .type = &(type_), .optional = true)
#define PART(struct_, member, type_)  FIELD(struct_, member, FIELD_RECORD, .type = &(type_))
#define RECORD(name_, struct_, ...)                                                                          \
    static const struct field name_##_fields[] = {__VA_ARGS__, END};                                         \
    static const struct record_type name_##_record = {#struct_, sizeof(struct struct_), name_##_fields}

/* ---- words ---- */
const char *const family_words[] = {"none", "", "", "", "ip4", "", "ip6", NULL};
const char *const role_words[] = {"host", "container", "pod", "bare", "outside", NULL};
const char *const engine_words[] = {"none", "docker", "podman", "containerd", "crio",
                                    "lxc",  "nspawn", "netns",  "pid",        NULL};
const char *const link_kind_words[] = {"other",  "loopback", "ethernet", "veth", "bridge", "macvlan",
                                       "ipvlan", "vlan",     "vxlan",    "bond", "tun",    "wireguard",
                                       "vrf",    "dummy",    "tunnel",   NULL};
const char *const socket_kind_words[] = {"tcp",  "udp",  "udplite", "raw", "packet",
                                         "unix", "sctp", "mptcp",   NULL};
const char *const program_kind_words[] = {
    "xdp",       "tc",   "tcx",  "netkit",     "cgroup", "sk_lookup", "flow_dissector",
    "netfilter", "ipvs", "xfrm", "unreadable", NULL};
static const char *const part_words[] = {
    "links",       "addresses",     "routes",  "policy_rules", "sockets_tcp",
    "sockets_udp", "sockets_other", "ruleset", "sysctls",      "neighbours",
    "programs",    "fdb",           "legacy",  "evidence",     NULL};

/* ---- links and routing ---- */
RECORD(fault, fault, TEXT(fault, code), TEXT(fault, subject), TEXT(fault, message), FLAG(fault, gone));

RECORD(link, link, NUMBER(link, index), NAME(link, name), TEXT(link, alias),
       WORD(link, kind, link_kind_words), TEXT(link, kind_name), NUMBER(link, flags),
       NUMBER(link, operational), NUMBER(link, hardware), NUMBER(link, mtu), NUMBER(link, group),
       MAC(link, mac), FLAG(link, has_mac), NUMBER(link, master), NUMBER(link, peer_index),
       SIGNED(link, peer_nsid), NUMBER(link, peer_namespace), FLAG(link, peer_unknown),
       NUMBER(link, macvlan_mode), NUMBER(link, vlan_id), NUMBER(link, vlan_protocol),
       FLAG(link, bridge_vlan_filtering), FLAG(link, bridge_nf_call_iptables),
       FLAG(link, bridge_nf_call_ip6tables), FLAG(link, bridge_stp), FLAG(link, port_isolated),
       FLAG(link, port_hairpin), NUMBER(link, port_state), FLAG(link, port_flood), FLAG(link, port_learning),
       SIGNED(link, forwarding4), SIGNED(link, rp_filter), SIGNED(link, accept_local),
       SIGNED(link, route_localnet), SIGNED(link, src_valid_mark), SIGNED(link, arp_ignore),
       SIGNED(link, proxy_arp), SIGNED(link, forwarding6), SIGNED(link, disable_ipv6),
       SIGNED(link, accept_dad), SIGNED(link, force_forwarding6), FLAG(link, has_sysctl4),
       FLAG(link, has_sysctl6), NUMBER(link, xdp_mode), NUMBER(link, xdp_program));
RECORD(link_address, link_address, NUMBER(link_address, index), PREFIX(link_address, prefix),
       ADDRESS(link_address, peer), NUMBER(link_address, scope), NUMBER(link_address, flags));
RECORD(fdb, fdb_entry, NUMBER(fdb_entry, port), NUMBER(fdb_entry, master), MAC(fdb_entry, mac),
       NUMBER(fdb_entry, state), NUMBER(fdb_entry, vlan), FLAG(fdb_entry, local));
RECORD(neighbour, neighbour, NUMBER(neighbour, index), ADDRESS(neighbour, address), MAC(neighbour, mac),
       FLAG(neighbour, has_mac), NUMBER(neighbour, state), NUMBER(neighbour, flags));
RECORD(next_hop, next_hop, NUMBER(next_hop, index), ADDRESS(next_hop, gateway), NUMBER(next_hop, weight),
       NUMBER(next_hop, flags));
RECORD(route, route, WORD(route, family, family_words), PREFIX(route, destination), PREFIX(route, source),
       NUMBER(route, table), NUMBER(route, priority), NUMBER(route, tos), NUMBER(route, type),
       NUMBER(route, scope), NUMBER(route, protocol), ADDRESS(route, preferred_source),
       NUMBER(route, next_hop_id), FLAG(route, unknown_attribute), ITEMS(route, next_hops, next_hop_record));
RECORD(policy_rule, policy_rule, WORD(policy_rule, family, family_words), NUMBER(policy_rule, priority),
       NUMBER(policy_rule, table), NUMBER(policy_rule, action), FLAG(policy_rule, invert),
       PREFIX(policy_rule, from), PREFIX(policy_rule, to), NUMBER(policy_rule, tos),
       NUMBER(policy_rule, mark), NUMBER(policy_rule, mark_mask), TEXT(policy_rule, input_interface),
       TEXT(policy_rule, output_interface), NUMBER(policy_rule, goto_target),
       SIGNED(policy_rule, suppress_prefix_length), SIGNED(policy_rule, suppress_group),
       FLAG(policy_rule, l3mdev), FLAG(policy_rule, has_uid), NUMBER(policy_rule, uid_first),
       NUMBER(policy_rule, uid_last), NUMBER(policy_rule, ip_protocol), FLAG(policy_rule, has_source_port),
       FLAG(policy_rule, has_destination_port), NUMBER(policy_rule, source_port_first),
       NUMBER(policy_rule, source_port_last), NUMBER(policy_rule, destination_port_first),
       NUMBER(policy_rule, destination_port_last), FLAG(policy_rule, unknown_attribute));
RECORD(sysctls, sysctls, SIGNED(sysctls, ip_forward), SIGNED(sysctls, forwarding6_all),
       SIGNED(sysctls, rp_filter_all), SIGNED(sysctls, accept_local_all), SIGNED(sysctls, route_localnet_all),
       SIGNED(sysctls, src_valid_mark_all), SIGNED(sysctls, forwarding4_all),
       SIGNED(sysctls, bridge_nf_call_iptables), SIGNED(sysctls, bridge_nf_call_ip6tables),
       SIGNED(sysctls, bridge_nf_call_arptables), SIGNED(sysctls, bridge_nf_filter_vlan_tagged),
       SIGNED(sysctls, bridge_nf_pass_vlan_input_dev), SIGNED(sysctls, tcp_l3mdev_accept),
       SIGNED(sysctls, udp_l3mdev_accept), SIGNED(sysctls, ip_unprivileged_port_start),
       SIGNED(sysctls, conntrack_max), SIGNED(sysctls, conntrack_count), SIGNED(sysctls, bindv6only),
       SIGNED(sysctls, ip_early_demux), SIGNED(sysctls, fwmark_reflect4),
       SIGNED(sysctls, force_forwarding6_all));

/* ---- sockets and evidence ---- */
RECORD(socket, socket, FIELD(socket, kind, FIELD_WORD, .words = socket_kind_words),
       WORD(socket, family, family_words), NUMBER(socket, state), ADDRESS(socket, address),
       NUMBER(socket, port), FLAG(socket, v6only), NUMBER(socket, interface), NUMBER(socket, protocol),
       TEXT(socket, name), BYTES(socket, raw_name), NUMBER(socket, inode), DECIMAL(socket, cookie),
       NUMBER(socket, uid), NUMBER(socket, queue), NUMBER(socket, backlog), NUMBER(socket, cgroup_id),
       NUMBER(socket, mark), FLAG(socket, reuse_port_known), FLAG(socket, reuse_port),
       FLAG(socket, binding_unknown), NUMBERS(socket, processes), FLAG(socket, owner_unknown));
RECORD(connection, connection, FIELD(connection, kind, FIELD_WORD, .words = socket_kind_words),
       WORD(connection, family, family_words), ADDRESS(connection, local), ADDRESS(connection, remote),
       NUMBER(connection, local_port), NUMBER(connection, remote_port), NUMBER(connection, state),
       NUMBER(connection, inode), NUMBER(connection, uid));
RECORD(tracked, tracked, WORD(tracked, family, family_words), NUMBER(tracked, protocol),
       ADDRESS(tracked, source), ADDRESS(tracked, destination), ADDRESS(tracked, reply_source),
       ADDRESS(tracked, reply_destination), NUMBER(tracked, source_port), NUMBER(tracked, destination_port),
       NUMBER(tracked, reply_source_port), NUMBER(tracked, reply_destination_port), NUMBER(tracked, status),
       NUMBER(tracked, mark), NUMBER(tracked, timeout), NUMBER(tracked, zone));
RECORD(program, program, FIELD(program, kind, FIELD_WORD, .words = program_kind_words),
       NUMBER(program, interface), FLAG(program, egress), TEXT(program, name), NUMBER(program, id),
       WORD(program, family, family_words), NUMBER(program, hook), SIGNED(program, priority),
       TEXT(program, cgroup), NUMBER(program, cgroup_id), TEXT(program, detail));

/* ---- namespaces ---- */
static const struct field namespace_fields[] = {
    FIELD(namespace, id, FIELD_UNSIGNED),
    NUMBER(namespace, device),
    DECIMAL(namespace, cookie),
    FIELD(namespace, role, FIELD_WORD, .words = role_words),
    TEXTS(namespace, names),
    TEXTS(namespace, paths),
    NUMBERS(namespace, pids),
    NUMBER(namespace, user_namespace),
    FLAG(namespace, entered),
    FLAG(namespace, gone),
    FLAG(namespace, over_budget),
    TEXT(namespace, error),
    PART(namespace, sysctls, sysctls_record),
    ITEMS(namespace, links, link_record),
    ITEMS(namespace, addresses, link_address_record),
    ITEMS(namespace, neighbours, neighbour_record),
    ITEMS(namespace, fdb, fdb_record),
    ITEMS(namespace, routes, route_record),
    ITEMS(namespace, policy_rules, policy_rule_record),
    ITEMS(namespace, sockets, socket_record),
    ITEMS(namespace, connections, connection_record),
    ITEMS(namespace, tracked, tracked_record),
    ITEMS(namespace, programs, program_record),
    PART(namespace, ruleset, ruleset_record),
    ITEMS(namespace, faults, fault_record),
    FIELD(namespace, missing, FIELD_FLAGS, .words = part_words, .optional = true),
    END,
};
const struct record_type namespace_record = {"namespace", sizeof(struct namespace), namespace_fields};

/* ---- processes and containers ---- */
RECORD(process, process, NUMBER(process, pid), NUMBER(process, start_time), TEXT(process, name),
       TEXT(process, executable), NUMBER(process, executable_device), NUMBER(process, executable_inode),
       FLAG(process, executable_on_host), NUMBER(process, uid), NUMBER(process, effective),
       NUMBER(process, bounding), NUMBER(process, seccomp), FLAG(process, no_new_privileges),
       NUMBER(process, network_namespace), NUMBER(process, mount_namespace), NUMBER(process, user_namespace),
       NUMBER(process, pid_namespace), NUMBER(process, ipc_namespace), NUMBER(process, uts_namespace),
       TEXT(process, cgroup), SIGNED(process, container));
RECORD(published, published, ADDRESS(published, address), NUMBER(published, port), NUMBER(published, target),
       NUMBER(published, protocol));
RECORD(label, label, TEXT(label, key), TEXT(label, value));
static const struct field address_item_fields[] = {
    {.name = "address", .kind = FIELD_ADDRESS, .size = sizeof(struct address)},
    END,
};
static const struct record_type address_item_record = {"address", sizeof(struct address),
                                                       address_item_fields};
RECORD(network, container_network, TEXT(container_network, name), TEXT(container_network, interface),
       ITEMS(container_network, addresses, address_item_record));
RECORD(container, container, TEXT(container, name), TEXT(container, id),
       WORD(container, engine, engine_words), TEXT(container, image), ITEMS(container, labels, label_record),
       TEXT(container, pod), TEXT(container, pod_namespace), TEXT(container, network_mode),
       ITEMS(container, networks, network_record), ITEMS(container, published, published_record),
       NUMBER(container, namespace), NUMBER(container, pid), TEXT(container, cgroup),
       FLAG(container, confirmed), FLAG(container, nested), FLAG(container, generated_name),
       FLAG(container, infrastructure), FLAG(container, host_network), FLAG(container, privileged),
       NUMBER(container, user), TEXT(container, user_namespace), NUMBER(container, capabilities),
       NUMBER(container, seccomp), FLAG(container, no_new_privileges), FLAG(container, engine_socket),
       FLAG(container, host_pid), FLAG(container, host_ipc), FLAG(container, host_uts),
       TEXT(container, compose_project), TEXT(container, compose_service));
RECORD(segment, segment, TEXT(segment, name), TEXT(segment, interface), WORD(segment, engine, engine_words),
       NUMBER(segment, namespace));

static const struct field snapshot_fields[] = {
    TEXT(snapshot, tool),
    TEXT(snapshot, host),
    TEXT(snapshot, machine_id),
    TEXT(snapshot, boot_id),
    TEXT(snapshot, kernel),
    TEXT(snapshot, architecture),
    FIELD(snapshot, big_endian, FIELD_BOOL),
    TEXT(snapshot, started),
    TEXT(snapshot, finished),
    FIELD(snapshot, host_namespace, FIELD_UNSIGNED),
    NUMBER(snapshot, host_pid_namespace),
    NUMBER(snapshot, namespaces_seen),
    NUMBER(snapshot, namespaces_entered),
    FLAG(snapshot, conntrack_present),
    ITEMS(snapshot, resolvers, address_item_record),
    ITEMS(snapshot, errors, fault_record),
    ITEMS(snapshot, segments, segment_record),
    ITEMS(snapshot, containers, container_record),
    ITEMS(snapshot, processes, process_record),
    END,
};
const struct record_type snapshot_record = {"snapshot", sizeof(struct snapshot), snapshot_fields};

const struct record_type *const snapshot_records[] = {
    &fault_record,        &link_record,
    &link_address_record, &fdb_record,
    &neighbour_record,    &next_hop_record,
    &route_record,        &policy_rule_record,
    &sysctls_record,      &socket_record,
    &connection_record,   &tracked_record,
    &program_record,      &namespace_record,
    &process_record,      &published_record,
    &label_record,        &network_record,
    &container_record,    &segment_record,
    &snapshot_record,     NULL,
};

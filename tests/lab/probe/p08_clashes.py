# SPDX-License-Identifier: GPL-2.0-or-later
"""Entries that are rewritten to one end: no two probes are one connection to conntrack."""

from library.frame import HOST4
from probing import Plan, alone, case

RULES = """
table ip many {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr 203.0.113.1 meta l4proto udp udp dport 1000-1039 dnat to 172.18.0.2:53
    ip daddr 203.0.113.1 udp dport 4000-5499 dnat to 172.18.0.2:7353-7363
  }
}
"""


def published(lab):
    lab.frame.namespaces()
    lab.places["C1"].listen("C1", "udp:[::]:53,dual", "udp:[::]:7353,dual,unread")
    lab.host.nft(RULES.replace("203.0.113.1 ", HOST4 + " "))
    lab.frame.settle()


def check_open(lab, plan, probes):
    result = plan.run()
    states = [result["observations"][probe]["state"] for probe in probes]
    lab.equal("states", {state: states.count(state) for state in states}, {"open": len(probes)})


@alone
@case
def many_entries_to_a_range(lab):
    """The kernel takes its first port, where a service is, unless that has the same connection already."""
    published(lab)
    plan = Plan(lab, tries=1)
    check_open(lab, plan, [plan.inject("udp", HOST4, port, "C1", ("172.18.0.2", 7353)) for port in range(4000, 5500)])


@alone
@case
def many_datagrams_to_one_port(lab):
    published(lab)
    plan = Plan(lab, tries=1)
    probes = [plan.send("C3", "udp", HOST4, port, "C1", ("172.18.0.2", 53)) for port in range(1000, 1040)]
    check_open(lab, plan, probes)

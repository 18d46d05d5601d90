# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 12: the container's own namespace filters. The packet arrives, is dropped behind the veth, and the rule that
did it is one of the inner namespace.
"""

from library.scenario import Way, policy, rule, scenario

INNER = """
table inet own {
  chain input {
    type filter hook input priority filter; policy accept;
    tcp dport 9000 counter drop
    udp dport 9001 counter drop
    tcp dport 9002 counter reject with tcp reset
  }
}
"""


@scenario
def dropped_behind_the_veth(lab):
    lab.frame.namespaces()
    lab.segments |= {"C1": "br1", "C2": "br1", "C3": "br2"}
    lab.containers |= {name: name for name in ("C1", "C2", "C3")}
    lab.places["C1"].listen("C1", "tcp:[::]:9000,dual", "udp:[::]:9001,dual", "tcp:[::]:9002,dual", "tcp:[::]:9003,dual")
    lab.places["C1"].nft(INNER)
    tcp = rule("own", "input", "tcp dport 9000 .*drop", place="C1")
    udp = rule("own", "input", "udp dport 9001 .*drop", place="C1")
    reset = rule("own", "input", "tcp dport 9002 .*reject", place="C1")
    ways = [
        Way(who, protocol, address, port, "filtered", decider=decider, sees=sees)
        for who in ("Nr", "N2", "C2", "C3", "host")
        for address in ("172.18.0.2", "fd00:18::2")
        for protocol, port, decider, sees in (
            ("tcp", 9000, tcp, None), ("udp", 9001, udp, None), ("tcp", 9002, reset, "refused"))
    ]
    # A reset is what a closed port answers, too: seen from where a client stands they are one.
    ways = [way if way.port != 9002 else Way(**{**vars(way), "observed": "closed"}) for way in ways]
    control = Way("Nr", "tcp", "172.18.0.2", 9003, "open", by="C1", decider=policy("own", "input", counted=False))
    report = lab.ways(*ways, control)
    if report:
        inner = report.container("C1")["namespace"]
        for channel in report.channels("lan@eth0", "tcp", "172.18.0.2", 9000):
            lab.equal("the rule's namespace", report.rule(channel["predicted"]["decider"])["namespace"], inner)
            lab.equal("arrived", channel["observed"].get("arrived"), True)
            lab.equal("evidence", channel["observed"].get("evidence"), "dropped")

# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 6: a daemon of the host on the bridge's address, or on every address: INPUT decides for everyone."""

from library.frame import HOST4, HOST6, SECOND4, SECOND6
from library.product import in_block
from library.scenario import Decider, Way, policy, rule, scenario, sysctl

INPUT = """
table inet guard {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related counter accept
    iifname "lo" accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    iifname "br1" tcp dport 7000 counter accept
    iifname { "eth0", "br2" } tcp dport 7001 counter accept
    iifname "eth0" udp dport 7002 counter accept
  }
}
"""
DROPPED = policy("guard", "input", counted=False)  # nft shows no counter of a policy


def daemons(lab):
    lab.frame.namespaces()
    lab.segments |= {"C1": "br1", "C2": "br1", "C3": "br2"}
    lab.containers |= {name: name for name in ("C1", "C2", "C3")}
    lab.host.listen("bridge", "tcp:172.18.0.1:7000", "tcp:[fd00:18::1]:7000")
    lab.host.listen("every", "tcp:[::]:7001,dual", "udp:0.0.0.0:7002")


@scenario
def with_no_rules_everyone_reaches_it(lab):
    daemons(lab)
    lab.ways(
        Way("Nr", "tcp", "172.18.0.1", 7000, "open", by="bridge"),
        Way("C2", "tcp", "172.18.0.1", 7000, "open", by="bridge"),
        Way("C3", "tcp", "172.18.0.1", 7000, "open", by="bridge"),
        Way("Nr", "tcp", "fd00:18::1", 7000, "open", by="bridge"),
        Way("C2", "tcp", "fd00:18::1", 7000, "open", by="bridge"),
        Way("C3", "tcp", "fd00:18::1", 7000, "open", by="bridge"),
        Way("N2", "tcp", "172.18.0.1", 7000, "open", by="bridge"),
        Way("N2", "tcp", "fd00:18::1", 7000, "open", by="bridge"),
        Way("host", "tcp", "172.18.0.1", 7000, "open", by="bridge"),
        Way("host", "tcp", "fd00:18::1", 7000, "open", by="bridge"),
        Way("N", "tcp", HOST4, 7000, "closed", listed=False),
        Way("N", "tcp", HOST6, 7000, "closed", listed=False),
        Way("X", "tcp", HOST4, 7001, "open", by="every"),
        Way("N2", "tcp", SECOND4, 7001, "open", by="every"),
        Way("N2", "tcp", SECOND6, 7001, "open", by="every"),
        Way("N", "tcp", HOST6, 7001, "open", by="every"),
        Way("C2", "tcp", HOST6, 7001, "open", by="every"),
        Way("C3", "tcp", HOST4, 7001, "open", by="every"),
        Way("Nm", "tcp", "127.0.0.1", 7001, "filtered", decider=sysctl()),
        Way("Nm", "tcp", "::1", 7001, "filtered", decider=sysctl()),
        Way("N", "tcp", HOST4, 7001, "open", by="every"),
        Way("X", "tcp", HOST6, 7001, "open", by="every"),
        Way("C2", "tcp", HOST4, 7001, "open", by="every"),
        Way("N", "udp", HOST4, 7002, "open", by="every"),
        Way("host", "udp", "127.0.0.1", 7002, "open", by="every"),
    )


@scenario
def input_decides(lab):
    daemons(lab)
    lab.host.nft(INPUT)
    bridge = rule("guard", "input", 'iifname "br1".* 7000')
    every = rule("guard", "input", 'iifname .*eth0.* tcp dport 7001')
    lab.ways(
        Way("C2", "tcp", "172.18.0.1", 7000, "open", by="bridge", decider=bridge),
        Way("C2", "tcp", "fd00:18::1", 7000, "open", by="bridge", decider=bridge),
        Way("C3", "tcp", "172.18.0.1", 7000, "filtered", decider=DROPPED),
        Way("C3", "tcp", "fd00:18::1", 7000, "filtered", decider=DROPPED),
        Way("Nr", "tcp", "172.18.0.1", 7000, "filtered", decider=DROPPED),
        Way("Nr", "tcp", "fd00:18::1", 7000, "filtered", decider=DROPPED),
        Way("Nr", "tcp", "172.18.0.1", 7001, "open", by="every", decider=every),
        Way("N", "tcp", HOST4, 7001, "open", by="every", decider=every),
        Way("X", "tcp", HOST4, 7001, "open", by="every", decider=every),
        Way("N", "tcp", HOST6, 7001, "open", by="every", decider=every),
        Way("C3", "tcp", "172.19.0.1", 7001, "open", by="every", decider=every),
        Way("C2", "tcp", HOST4, 7001, "filtered", decider=DROPPED),
        Way("C2", "tcp", HOST6, 7001, "filtered", decider=DROPPED),
        Way("N2", "tcp", HOST4, 7001, "filtered", decider=DROPPED),
        Way("N2", "tcp", SECOND6, 7001, "filtered", decider=DROPPED),
        Way("N2", "tcp", "172.18.0.1", 7000, "filtered", decider=DROPPED),
        Way("X", "tcp", HOST6, 7001, "open", by="every", decider=every),
        Way("C3", "tcp", "fd00:19::1", 7001, "open", by="every", decider=every),
        Way("host", "tcp", "fd00:18::1", 7000, "open", by="bridge",
            decider=Decider("rule", "guard", "input", '"lo"', counted=False)),
        Way("N", "udp", HOST4, 7002, "open", by="every", decider=rule("guard", "input", "udp dport 7002")),
        Way("C2", "udp", HOST4, 7002, "filtered", decider=DROPPED),
        Way("host", "tcp", HOST4, 7001, "open", by="every", decider=Decider("rule", "guard", "input", '"lo"', counted=False)),
    )


OWN = """
version: 1
vantages:
  office: {cidr: [198.51.100.0/24], in: eth0}
  desk: {cidr: [203.0.113.128/25]}
allow:
  - {to: {host: true}, ports: [7001/tcp], from: [office], owner: operations, reason: the agent of the office}
"""


@scenario
def a_vantage_of_the_policys_own(lab):
    lab.host.listen("every", "tcp:0.0.0.0:7001")
    lab.host.nft("""
        table inet guard {
          chain input {
            type filter hook input priority filter; policy accept;
            ip saddr 198.51.100.128/25 counter drop
          }
        }""")
    lab.ways(Way("X", "tcp", HOST4, 7001, "open", by="every", decider=DROPPED))
    if not lab.product:
        return
    report = lab.scan("--from", "office", "--from", "desk", "--all-channels", policy=OWN)
    lab.equal("vantages", [(v["name"], v["kind"], v["interface"]) for v in report["vantages"]],
              [("office", "named", "eth0"), ("desk@eth0", "named", "eth0"), ("desk@eth1", "named", "eth1")])
    wanted = {"office": {"198.51.100.0/25": "open", "198.51.100.128/25": "filtered"}, "desk@eth0": {"203.0.113.128/25": "open"}}
    for name, parts in wanted.items():
        channels = report.channels(name, "tcp", HOST4, 7001)
        if not lab.equal(f"{name}: channels", len(channels), 1):
            continue
        channel = channels[0]
        predicted = {source: part["state"] for part in channel["predicted"]["parts"] or [channel["predicted"]]
                     for source in part["sources"]}
        lab.equal(f"{name}: predicted", predicted, parts)
        lab.equal(f"{name}: conflict ({channel['observed']})", channel["conflict"], False)
        for seen in channel["observed"].get("parts") or [channel["observed"]]:
            block = next((block for block in parts if in_block(seen["source"], block)), None)
            lab.equal(f"{name}: observed from {seen.get('source')}", seen["state"], parts.get(block))
        lab.equal(f"{name}: class", channel["class"], "allowed" if name == "office" else "unexpected")

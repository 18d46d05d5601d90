# SPDX-License-Identifier: GPL-2.0-or-later
"""Every state, from outside and from within, in both families; and nothing leaves the host."""

from library.frame import HOST4, HOST6
from probing import Plan, Quiet, alone, case

RULES = """
table inet shop {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    fib daddr type local tcp dport 8080 dnat ip to 172.18.0.2:80
    fib daddr type local tcp dport 8080 dnat ip6 to [fd00:18::2]:80
    fib daddr type local udp dport 8053 dnat ip to 172.18.0.2:53
    fib daddr type local udp dport 8053 dnat ip6 to [fd00:18::2]:53
  }
  chain input { type filter hook input priority filter; meta l4proto { tcp, udp } th dport 7009 drop; tcp dport 7010 reject with tcp reset; th dport 7011 reject; }
  chain forward { type filter hook forward priority filter; th dport 9009 drop; }
}
"""


def shop(lab):
    lab.frame.namespaces()
    lab.places["C1"].listen("C1", "tcp:[::]:80,dual", "udp:[::]:53,dual", "tcp:[::]:9009,dual", "udp:[::]:9009,dual",
                            "tcp:[::]:9100,dual", "udp:[::]:9100,dual", "tcp:127.0.0.1:9200")
    lab.places["C1"].nft("table inet own { chain input { type filter hook input priority filter; th dport 9100 drop; }\n}")
    lab.host.listen("daemon", "tcp:[::]:7001,dual", "tcp:[::]:7009,dual", "udp:[::]:7002,dual,unread", "udp:[::]:7009,dual")
    lab.host.nft(RULES)
    lab.frame.settle()


def outside_probes(plan):
    """(probe, state, members) for everything from outside."""
    for host, c1 in ((HOST4, "172.18.0.2"), (HOST6, "fd00:18::2")):
        yield plan.inject("tcp", host, 7001, "host"), "open", {"evidence": "answered", "method": "ingress", "arrived": True}
        yield plan.inject("tcp", host, 8080, "C1", (c1, 80)), "open", {"evidence": "answered", "arrived": True}
        yield plan.inject("tcp", c1, 80, "C1"), "open", {"evidence": "answered"}
        yield plan.inject("tcp", host, 7005, "host"), "closed", {"evidence": "answered", "reset": True}
        yield plan.inject("tcp", c1, 81, "C1"), "closed", {"evidence": "answered", "reset": True}
        yield plan.inject("tcp", host, 7009, "host"), "filtered", {"evidence": "dropped", "arrived": True}
        yield plan.inject("tcp", host, 7010, "host"), "closed", {"reset": True}
        yield plan.inject("tcp", host, 7011, "host"), "closed", {"icmp": True}
        yield plan.inject("tcp", c1, 9009, "C1"), "filtered", {"evidence": "dropped", "arrived": None, "arrived_known": True}
        yield plan.inject("tcp", c1, 9100, "C1"), "filtered", {"evidence": "dropped", "arrived": True}
        yield plan.inject("udp", host, 7002, "host"), "open", {"evidence": "delivered", "arrived": True}
        yield plan.inject("udp", host, 8053, "C1", (c1, 53)), "open", {"evidence": "delivered", "arrived": True}
        yield plan.inject("udp", c1, 53, "C1"), "open", {"evidence": "delivered"}
        yield plan.inject("udp", host, 7005, "host"), "closed", {"evidence": "delivered"}
        yield plan.inject("udp", c1, 81, "C1"), "closed", {"evidence": "delivered"}
        yield plan.inject("udp", host, 7009, "host"), "filtered", {"arrived": True}
        yield plan.inject("udp", host, 7011, "host"), "closed", {"icmp": True}
        yield plan.inject("udp", c1, 9009, "C1"), "filtered", {"arrived": None}
        yield plan.inject("udp", c1, 9100, "C1"), "filtered", {"arrived": True}


def check_outside(lab, **options):
    shop(lab)
    plan = Plan(lab, **options)
    wanted = list(outside_probes(plan))
    with Quiet(lab):
        result = plan.run()
    for probe, state, members in wanted:
        lab.observed(result, probe, state, **members)
    return result


@case
def from_outside(lab):
    result = check_outside(lab)
    lab.equal("guard", result["guard"], "netfilter+tcx")


@alone
@case
def from_outside_with_nobody_there(lab):
    result = check_outside(lab)
    lab.equal("guard", result["guard"], "netfilter+tcx")


@case
def from_within(lab):
    shop(lab)
    plan = Plan(lab)
    wanted = []
    for host, c1, gateway in ((HOST4, "172.18.0.2", "172.18.0.1"), (HOST6, "fd00:18::2", "fd00:18::1")):
        for place in ("host", "C2", "C3"):
            wanted += [
                (plan.send(place, "tcp", c1, 80, "C1"), "open", {"evidence": "answered", "method": "raw"}),
                (plan.send(place, "tcp", c1, 81, "C1"), "closed", {"reset": True}),
                (plan.send(place, "tcp", c1, 9100, "C1"), "filtered", {"arrived": True}),
                (plan.send(place, "udp", c1, 53, "C1"), "open", {"evidence": "delivered", "method": "datagram"}),
                (plan.send(place, "udp", c1, 81, "C1"), "closed", {}),
                (plan.send(place, "udp", c1, 9100, "C1"), "filtered", {"arrived": True}),
                (plan.send(place, "tcp", gateway, 7001, "host"), "open", {}),
                (plan.send(place, "tcp", host, 7009, "host"), "filtered", {}),
                (plan.send(place, "tcp", host, 7010, "host"), "closed", {"reset": True}),
                (plan.send(place, "tcp", host, 7011, "host"), "closed", {"icmp": True}),
                (plan.send(place, "udp", host, 7002, "host"), "open", {}),
                (plan.send(place, "udp", host, 7011, "host"), "closed", {"icmp": True}),
            ]
        wanted += [
            (plan.send("C3", "tcp", c1, 9009, "C1"), "filtered", {"arrived": None}),
            (plan.send("C3", "udp", c1, 9009, "C1"), "filtered", {"arrived": None}),
        ]
    wanted += [(plan.send("C1", "tcp", "127.0.0.1", 9200, "C1"), "open", {})]
    with Quiet(lab):
        result = plan.run()
    for probe, state, members in wanted:
        lab.observed(result, probe, state, **members)


def check_guard(lab, choice, name):
    result = check_outside(lab, guard=choice)
    lab.equal(f"guard ({result['guard_message']})", result["guard"], name)


@case
def from_outside_guarded_by_nftables(lab):
    check_guard(lab, "nftables", "nftables")


@alone
@case
def from_outside_guarded_by_nftables_with_nobody_there(lab):
    check_guard(lab, "nftables", "nftables")

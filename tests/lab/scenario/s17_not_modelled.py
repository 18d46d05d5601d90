# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 17, and all the rest that stands on paths and is not modelled: legacy tables, rules of the families bridge,
netdev and arp, tc filters, BPF programs of every kind, IPsec policies, a queue to a program.

Each is put on an open path, for real and so that it drops what it meets: the kernel shows that it stands there. The
prediction must then be `undetermined` and name it, in the answer to the packet and in the scan; what the packet does
not pass must fare as before; and once it is taken off, the path is open again.
"""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from library.frame import HOST4, HOST6
from library.place import PYTHON, TOOLS
from library.scenario import Way, scenario

N4 = Way("N", "tcp", HOST4, 7001, "open", by="daemon")
N6 = Way("N", "tcp", HOST6, 7001, "open", by="daemon")
N2_4 = Way("N2", "tcp", "198.18.0.10", 7001, "open", by="daemon")
N2_6 = Way("N2", "tcp", "2001:db8:0:2::10", 7001, "open", by="daemon")
NR_C1 = Way("Nr", "tcp", "172.18.0.2", 80, "open", by="C1")
NR_C1_6 = Way("Nr", "tcp", "fd00:18::2", 80, "open", by="C1")
C2_C1 = Way("C2", "tcp", "172.18.0.2", 80, "open", by="C1")
C2_C1_6 = Way("C2", "tcp", "fd00:18::2", 80, "open", by="C1")
C3_C1 = Way("C3", "tcp", "172.18.0.2", 80, "open", by="C1")
HOST_C1 = Way("host", "tcp", "172.18.0.2", 80, "open", by="C1")
HOST_C1_6 = Way("host", "tcp", "fd00:18::2", 80, "open", by="C1")
ALL = (N4, N6, N2_4, N2_6, NR_C1, NR_C1_6, C2_C1, C2_C1_6, C3_C1, HOST_C1, HOST_C1_6)


UNANSWERED = ("silent", "error", "refused")


@dataclass(frozen=True)
class Thing:
    """Something that is not modelled. on(lab) puts it there and returns what takes it off."""

    what: str
    code: str  # the reason that must be given
    name: str  # a pattern that the reason's subject or message must have
    on: object
    meets: tuple  # ways that it stands on; every other of ALL must fare as before
    perhaps: tuple = ()  # ways that it may be thought to stand on: open or undetermined
    silent: bool = True  # it drops: the kernel's answer says so

    def __str__(self):
        return self.what


def commands(place, on, off):
    def put(lab):
        for line in on:
            lab.places[place].run("sh", "-ec", line)
        return lambda: [lab.places[place].run("sh", "-ec", line) for line in off]
    return put


def table(place, family, name, chains):
    def put(lab):
        lab.places[place].nft(f"table {family} {name} {{\n{chains}\n}}\n")
        return lambda: lab.places[place].run("nft", "delete", "table", family, name)
    return put


def program(place, kind, number, where=None):
    def put(lab):
        held = lab.places[place].start(*PYTHON, TOOLS / "program.py", kind, number, *([where] if where else [])).wait_ready()
        return held.stop
    return put


def filter_program(place, interface, direction):
    """cls_bpf takes a program from where it is pinned."""
    def put(lab):
        pinned = f"/sys/fs/bpf/lab-{place}-{interface}-{direction}"
        held = lab.host.start(*PYTHON, TOOLS / "program.py", "tc", 2, pinned).wait_ready()
        lab.places[place].run("tc", "qdisc", "add", "dev", interface, "clsact")
        lab.places[place].run(
            "tc", "filter", "add", "dev", interface, direction, "bpf", "direct-action", "object-pinned", pinned)

        def take_off():
            lab.places[place].run("tc", "qdisc", "del", "dev", interface, "clsact")
            Path(pinned).unlink()
            held.stop()
        return take_off
    return put


def cgroup():
    """The folder of a control group of its own in which C1's listener was made: a socket stays in its first."""
    root = Path("/sys/fs/cgroup")
    if not (root / "cgroup.controllers").exists():
        root = root / "unified"
    return root / "shop"


DROP_80 = "tcp dport { 80, 7001 } drop"
SHOP = (NR_C1, NR_C1_6, C2_C1, C2_C1_6, C3_C1, HOST_C1, HOST_C1_6)
SHOP4 = (NR_C1, C2_C1, C3_C1, HOST_C1)
SHOP6 = (NR_C1_6, C2_C1_6, HOST_C1_6)
ETH0 = (N4, N6, NR_C1, NR_C1_6)

RULES = (
    Thing("legacy rule in INPUT", "legacy-xtables", "filter",
          commands("host", ["iptables-legacy -A INPUT -p tcp --dport 7001 -j DROP"],
                   ["iptables-legacy -F"]), (N4, N2_4), perhaps=SHOP4),
    Thing("legacy rule in INPUT of IPv6", "legacy-xtables", "filter",
          commands("host", ["ip6tables-legacy -A INPUT -p tcp --dport 7001 -j DROP"],
                   ["ip6tables-legacy -F"]), (N6, N2_6), perhaps=SHOP6),
    Thing("legacy rule in a container", "legacy-xtables", "filter",
          commands("C1", ["iptables-legacy -A INPUT -p tcp --dport 80 -j DROP"], ["iptables-legacy -F"]), SHOP4),
    Thing("rule of the bridge family", "bridge-family-rules", "lab",
          table("host", "bridge", "lab", f"chain f {{ type filter hook forward priority 0; {DROP_80}; }}"),
          (C2_C1, C2_C1_6)),
    Thing("rule of the bridge family on what enters", "bridge-family-rules", "lab",
          table("host", "bridge", "lab", f"chain f {{ type filter hook prerouting priority 0; {DROP_80}; }}"),
          (C2_C1, C2_C1_6, C3_C1)),
    Thing("rule of netdev on an uplink", "netdev-rules", "eth0|lab",
          table("host", "netdev", "lab", f'chain f {{ type filter hook ingress device "eth0" priority 0; {DROP_80}; }}'),
          ETH0),
    Thing("rule of netdev at a container's veth, going out", "netdev-rules", "c1|lab",
          table("host", "netdev", "lab", f'chain f {{ type filter hook egress device "c1" priority 0; {DROP_80}; }}'),
          SHOP),
    Thing("rule of netdev in a container", "netdev-rules", "eth0|lab",
          table("C1", "netdev", "lab", f'chain f {{ type filter hook ingress device "eth0" priority 0; {DROP_80}; }}'),
          SHOP),
    Thing("inet ingress", "netdev-rules", "eth0|lab",
          table("host", "inet", "lab", f'chain f {{ type filter hook ingress device "eth0" priority 0; {DROP_80}; }}'),
          ETH0),
    Thing("rule on ARP", "arp-rules", "", lambda lab: put_arp(lab, "host"), (HOST_C1, NR_C1, C3_C1), perhaps=(N4, N2_4)),
    Thing("rule on ARP in a container", "arp-rules", "", lambda lab: put_arp(lab, "C1"), SHOP4),
    Thing("queue to a program", "unknown-target", "NFQUEUE",
          commands("host", ["iptables -A INPUT -p tcp --dport 7001 -j NFQUEUE --queue-num 7"], ["iptables -F"]),
          (N4, N2_4)),
)

FILTERS = (
    Thing("u32 filter on an uplink", "tc-filter", "eth0",
          commands("host", ["tc qdisc add dev eth0 clsact",
                            "tc filter add dev eth0 ingress protocol ip u32 match ip protocol 6 0xff classid 1:1"],
                   ["tc qdisc del dev eth0 clsact"]), ETH0, silent=False),
    Thing("u32 filter at a container's veth, going out", "tc-filter", "c1",
          commands("host", ["tc qdisc add dev c1 clsact",
                            "tc filter add dev c1 egress protocol ip u32 match ip protocol 6 0xff classid 1:1"],
                   ["tc qdisc del dev c1 clsact"]), SHOP, silent=False),
    Thing("BPF filter on an uplink", "tc-filter", "eth0", filter_program("host", "eth0", "ingress"), ETH0),
    Thing("BPF filter in a container", "tc-filter", "eth0", filter_program("C1", "eth0", "ingress"), SHOP),
)

PROGRAMS = (
    Thing("XDP, generic", "xdp-program", "eth0", program("host", "xdp-generic", 1, "eth0"), ETH0),
    Thing("XDP, native", "xdp-program", "eth0", program("host", "xdp-native", 1, "eth0"), ETH0),
    Thing("XDP in a container", "xdp-program", "eth0", program("C1", "xdp-generic", 1, "eth0"), SHOP),
    Thing("TCX, coming in", "tcx-program", "eth0", program("host", "tcx-ingress", 2, "eth0"), ETH0),
    Thing("TCX, going out", "tcx-program", "c1", program("host", "tcx-egress", 2, "c1"), SHOP),
    Thing("TCX in a container", "tcx-program", "eth0", program("C1", "tcx-ingress", 2, "eth0"), SHOP),
    Thing("cgroup, what comes in", "cgroup-program", "shop|lab_program",
          program("C1", "cgroup-ingress", 0, cgroup()), SHOP, perhaps=(N4, N6, N2_4, N2_6)),
    Thing("sk_lookup", "sk-lookup-program", "lab_program", program("C1", "sk-lookup", 0), SHOP),
    Thing("flow dissector", "flow-dissector-program", "lab_program",
          program("C1", "flow-dissector", 0), SHOP, silent=False),
    Thing("netfilter link at LOCAL_IN", "netfilter-program", "lab_program", program("host", "netfilter4-1", 0), (N4, N2_4),
          perhaps=(HOST_C1,)),
    Thing("netfilter link at LOCAL_IN of IPv6", "netfilter-program", "lab_program",
          program("host", "netfilter6-1", 0), (N6, N2_6), perhaps=(HOST_C1_6,)),
    Thing("netfilter link at FORWARD", "netfilter-program", "lab_program", program("host", "netfilter4-2", 0),
          (NR_C1, C2_C1, C3_C1)),
    Thing("netfilter link in a container", "netfilter-program", "lab_program", program("C1", "netfilter4-1", 0), SHOP4),
)

POLICIES = (
    Thing("IPsec policy, coming in", "xfrm-policy", "",
          commands("host", ["ip xfrm policy add src 0.0.0.0/0 dst 203.0.113.10/32 dir in action block"],
                   ["ip xfrm policy flush"]), (N4,), perhaps=ALL),
    Thing("IPsec policy of IPv6", "xfrm-policy", "",
          commands("host", ["ip xfrm policy add src ::/0 dst 2001:db8:0:1::10/128 dir in action block"],
                   ["ip xfrm policy flush"]), (N6,), perhaps=ALL),
    Thing("IPsec policy in a container", "xfrm-policy", "",
          commands("C1", ["ip xfrm policy add src 0.0.0.0/0 dst 172.18.0.2/32 dir in action block"],
                   ["ip xfrm policy flush"]), SHOP4, perhaps=SHOP),
)


def put_arp(lab, place):
    """What is known of the neighbours is forgotten, for a rule on ARP shows only in what is asked anew."""
    off = table(place, "arp", "lab", "chain f { type filter hook input priority 0; drop; }")(lab)
    for name, device in (("host", "br1"), ("C1", "eth0"), ("C2", "eth0")):
        lab.places[name].run("ip", "neigh", "flush", "dev", device)

    def take_off():
        off()
        for name, device in (("host", "br1"), ("C1", "eth0"), ("C2", "eth0")):
            lab.places[name].run("ip", "neigh", "flush", "dev", device)
    return take_off


def build(lab):
    lab.frame.namespaces()
    lab.segments |= {"C1": "br1", "C2": "br1", "C3": "br2"}
    lab.containers |= {name: name for name in ("C1", "C2", "C3")}
    lab.host.listen("daemon", "tcp:[::]:7001,dual")
    cgroup().mkdir()
    lab.places["C1"].start(
        "sh", "-ec", f'echo $$ >{cgroup()}/cgroup.procs; exec "$@"', "sh",
        *PYTHON, TOOLS / "listen.py", "C1", "tcp:[::]:80,dual").wait_ready()


def knocked(lab):
    """What a client gets on each way: those of one place knock at once, and so do the places."""
    def knock(who):
        ways = [way for way in ALL if way.who == who]
        return zip(ways, lab.places[who].knock(*((way.protocol, way.address, way.port) for way in ways), wait=0.3))

    with ThreadPoolExecutor() as pool:
        return dict(answer for answers in pool.map(knock, {way.who for way in ALL}) for answer in answers)


def explained(lab):
    return dict(zip(ALL, lab.product.explain([lab.query(way) for way in ALL])))


def check_all_open(lab, when):
    for way, answer in explained(lab).items():
        lab.equal(f"{when}: {way} ({answer['reasons']})", answer["state"], "open")


def named(thing, reasons):
    return any(reason["code"] == thing.code and re.search(thing.name, f"{reason['subject']} {reason['message']}")
               for reason in reasons)


def check_named(lab, thing, what, prediction):
    lab.equal(f"{thing}: {what}: state", prediction["state"], "undetermined")
    lab.expect(named(thing, prediction["reasons"]), f"{thing}: {what}: not named: {prediction['reasons']}")


def knocked_again(lab, way):
    """What stood there a moment ago may have swallowed what else was said: a first packet, a question for a neighbour.
    Both are said again after a second or so."""
    for _ in range(6):
        (answer,) = lab.places[way.who].knock((way.protocol, way.address, way.port), wait=1.5)
        if answer["answer"] == "open":
            break
        time.sleep(0.3)
    return answer


def check_kernel(lab, thing):
    """That it stands where it is said to: nobody on these ways gets an answer, and on all others everybody does."""
    for way, answer in knocked(lab).items():
        if thing.silent and way in thing.meets:
            lab.expect(answer["answer"] in UNANSWERED, f"kernel: {thing}: {way}: {answer}")
        elif way not in thing.perhaps:
            if answer["answer"] != "open":
                answer = knocked_again(lab, way)
            lab.expect(answer["answer"] == "open", f"kernel: {thing}: {way}: {answer}")


def check_thing(lab, thing):
    take_off = thing.on(lab)
    try:
        check_kernel(lab, thing)
        if not lab.product:
            return
        for way, answer in explained(lab).items():
            if way in thing.meets:
                check_named(lab, thing, f"explain: {way}", answer)
            elif way not in thing.perhaps:
                lab.equal(f"{thing}: explain: {way} ({answer['reasons']})", answer["state"], "open")
        report = lab.scan("--no-probe", "--all-channels")
        way = thing.meets[0]
        for channel in report.channels(lab.vantage(way), way.protocol, way.address, way.port):
            check_named(lab, thing, f"scan: {way}", channel["predicted"])
            lab.equal(f"{thing}: scan: {way}: merged", channel["state"], "undetermined")
            break
        else:
            lab.expect(False, f"{thing}: scan: no channel of {way}")
    finally:
        take_off()
    if lab.product:
        check_all_open(lab, f"after {thing}")


def check_things(lab, things):
    build(lab)
    if lab.product:
        lab.frame.settle()
        check_all_open(lab, "before")
    for thing in things:
        check_thing(lab, thing)


@scenario
def rules_of_other_families(lab):
    check_things(lab, RULES)


@scenario
def filters_of_traffic_control(lab):
    check_things(lab, FILTERS)


@scenario
def programs(lab):
    check_things(lab, PROGRAMS)


@scenario
def policies_of_ipsec(lab):
    check_things(lab, POLICIES)


@scenario
def programs_have_names(lab):
    """What the kernel says of a program is in the snapshot: its name and number, on whichever hook it stands."""
    things = (program("host", "xdp-generic", 2, "eth0"), program("host", "tcx-ingress", 2, "eth0"),
              filter_program("host", "eth0", "ingress"), program("host", "netfilter4-1", 1))
    taken_off = [put(lab) for put in things]
    try:
        if not lab.product:
            return
        lab.scan("--no-probe", "--save-snapshot", "/run/snapshot.json")
        saved = json.loads(Path("/run/snapshot.json").read_text())["snapshot"]
        (host,) = [namespace for namespace in saved["namespaces"] if namespace["id"] == saved["host_namespace"]]
        found = {entry.get("kind", "xdp"): (entry.get("name"), entry.get("id", 0) > 0) for entry in host["programs"]}
        names = {kind: ("lab_program", True) for kind in ("xdp", "tcx", "netfilter")}
        # of a filter the kernel keeps what tc called it
        lab.equal("programs", found, names | {"tc": ("lab-host-eth0-ingress:[*fsobj]", True)})
    finally:
        for take_off in taken_off:
            take_off()


@scenario
def programs_that_go(lab):
    """A program that is taken off while it is being looked at is no nameless program that may drop everything: so do
    the guards of a scan go that has just ended."""
    take_off = program("host", "netfilter4-1", 1, "flicker")(lab)
    try:
        if not lab.product:
            return
        seen = 0
        for _ in range(30):
            lab.scan("--no-probe", "--from", "host", "--save-snapshot", "/run/snapshot.json")
            saved = json.loads(Path("/run/snapshot.json").read_text())["snapshot"]
            (host,) = [namespace for namespace in saved["namespaces"] if namespace["id"] == saved["host_namespace"]]
            links = [entry for entry in host.get("programs", ()) if entry["kind"] == "netfilter"]
            seen += len(links)
            lab.equal("names", {entry.get("name") for entry in links} - {"lab_program"}, set())
        lab.expect(seen > 0, "no program was seen at all")
    finally:
        take_off()

# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 24: whatever is wrong out there, probes and their answers stay on the host: no frame is on the far side of
any uplink, ARP and NDP included, and what is reported is right or `not-probed`.
"""

import random
import threading
import time

from library.frame import HOST4, HOST6, SECOND4, SECOND6
from library.scenario import Way, scenario, without_neighbours

PUBLISH = """
table ip shop {
  chain prerouting { type nat hook prerouting priority dstnat; fib daddr type local tcp dport 8080 dnat to 172.18.0.2:80; }
}
table ip6 shop {
  chain prerouting { type nat hook prerouting priority dstnat; fib daddr type local tcp dport 8080 dnat to [fd00:18::2]:80; }
}
"""
ENTRIES = ((HOST4, 8080), (HOST6, 8080), (HOST4, 7001), (HOST6, 7001), ("172.18.0.2", 80), ("fd00:18::2", 80))


def shop(lab):
    lab.frame.namespaces()
    lab.segments |= {"C1": "br1", "C2": "br1", "C3": "br2"}
    lab.places["C1"].listen("C1", "tcp:[::]:80,dual", "udp:[::]:53,dual")
    lab.host.listen("daemon", "tcp:[::]:7001,dual", "udp:[::]:7002,dual")
    lab.host.nft(PUBLISH)


MULTICAST_REPORT = 143


def heard(capture):
    """What was seen out there, without the groups that the host's interfaces report to have joined at set-up."""
    return [frame for frame in capture.stop() if not (frame["kind"] == "ip6" and frame.get("type") == MULTICAST_REPORT)]


def silent_scan(lab, *words):
    """A scan of which nothing is seen out there. None without a product."""
    captures = {uplink: lab.frame.capture(uplink) for uplink in ("eth0", "eth1")}
    neighbours = lab.host.run("ip", "neigh", "show").stdout
    report = lab.scan(*words) if lab.product else None
    time.sleep(0.3)
    for uplink, capture in captures.items():
        lab.equal(f"{words}: frames behind {uplink}", heard(capture), [])
    known = lab.host.run("ip", "neigh", "show").stdout
    fresh = {line.split()[0] for line in known.splitlines()} - {line.split()[0] for line in neighbours.splitlines()}
    lab.expect(not fresh & {f"203.0.113.{n}" for n in range(256)}, f"new neighbours: {fresh}")
    return report


def check_open(lab, report, observed=("open",)):
    """From outside every entry is predicted open, and observed so."""
    for address, port in ENTRIES:
        vantages = ("lan@eth0", "external@eth0") if address in (HOST4, HOST6) else ("lan@eth0",)
        for vantage in vantages:
            channels = report.channels(vantage, "tcp", address, port)
            if not lab.expect(channels, f"no channel {vantage} -> {address} {port}"):
                continue
            lab.equal(f"{vantage} -> {address} {port}: predicted", channels[0]["predicted"]["state"], "open")
            lab.expect(channels[0]["observed"]["state"] in observed,
                       f"{vantage} -> {address} {port}: observed {channels[0]['observed']}")


@without_neighbours
@scenario
def what_leaves_is_seen(lab):
    """The captures are no blind witnesses: a question for an absent neighbour is on the wire."""
    for uplink, absent in (("eth0", "203.0.113.77"), ("eth1", "2001:db8:0:2::77")):
        capture = lab.frame.capture(uplink)
        lab.host.knock(("tcp", absent, 9))
        lab.expect(any(absent in str(frame) or frame.get("type") == 135 for frame in heard(capture)),
                   f"no question for {absent} was seen")


@without_neighbours
@scenario
def nobody_there_and_a_dead_gateway(lab):
    shop(lab)
    for guard in ("auto", "bpf", "nftables"):
        report = silent_scan(lab, "--all-channels", "--guard", guard)
        if report:
            check_open(lab, report)


@without_neighbours
@scenario
def no_guard_no_probe(lab):
    shop(lab)
    report = silent_scan(lab, "--all-channels", "--guard", "none")
    if report:
        check_open(lab, report, observed=("not-probed",))
        told = [line for line in lab.product.run("scan", "--guard", "none").output.splitlines() if "no guard stands" in line]
        lab.equal("lines that say so", len(told), 1)


@without_neighbours
@scenario
def answered_by_another_uplink(lab):
    shop(lab)
    lab.host.ip("""
        route replace default via 198.18.0.1 dev eth1
        route replace ::/0 via 2001:db8:0:2::1 dev eth1""")
    report = silent_scan(lab, "--all-channels")
    if report:
        check_open(lab, report, observed=("open", "not-probed"))


@scenario
def strangers_see_it_as_predicted(lab):
    """The same shop with people outside: what the silent scans say is what they get."""
    shop(lab)
    lab.ways(
        Way("N", "tcp", HOST4, 8080, "open", by="C1"),
        Way("X", "tcp", HOST4, 8080, "open", by="C1"),
        Way("N", "tcp", HOST6, 8080, "open", by="C1"),
        Way("X", "tcp", HOST6, 8080, "open", by="C1"),
        Way("X", "tcp", HOST4, 7001, "open", by="daemon"),
        Way("X", "tcp", HOST6, 7001, "open", by="daemon"),
        Way("N", "udp", HOST4, 7002, "open", by="daemon"),
        Way("N", "udp", HOST6, 7002, "open", by="daemon"),
        Way("N2", "tcp", SECOND4, 8080, "open", by="C1"),
        Way("N2", "tcp", SECOND6, 8080, "open", by="C1"),
        Way("Nm", "tcp", "127.0.0.1", 8080, "open", by="C1"),
        Way("C2", "tcp", HOST4, 7001, "open", by="daemon"),
        Way("C3", "tcp", HOST6, 8080, "open", by="C1"),
        Way("host", "tcp", "172.18.0.2", 80, "open", by="C1"),
        Way("host", "tcp", "fd00:18::2", 80, "open", by="C1"),
        Way("Nr", "udp", "172.18.0.2", 53, "open", by="C1"),
        Way("C2", "udp", "fd00:18::2", 53, "open", by="C1"),
        Way("Nr", "tcp", "172.18.0.2", 80, "open", by="C1"),
        Way("Nr", "tcp", "fd00:18::2", 80, "open", by="C1"),
    )


ELSEWHERE = """
table ip away {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    tcp dport 8090 dnat to 203.0.113.20:80
    tcp dport 8091 dnat to 198.18.0.20:80
  }
  chain postrouting { type nat hook postrouting priority srcnat; %s; }
}
"""


def check_elsewhere(lab, masquerade):
    """Rewritten to a machine outside: strangers get there through this host, probes do not leave it."""
    lab.host.nft(ELSEWHERE % ("masquerade" if masquerade else "accept"))
    for machine in ("N", "N2"):
        lab.places[machine].listen(machine, "tcp:0.0.0.0:80")
    # Without masquerade N answers X by way of R, where the connection is known by no one: X hears nothing of use.
    (answer,) = lab.places["X"].knock(("tcp", HOST4, 8090))
    lab.equal("kernel: X -> 8090", answer.get("by"), "N" if masquerade else None)
    if not lab.product:
        return
    time.sleep(0.5)
    captures = {uplink: lab.frame.capture(uplink) for uplink in ("eth0", "eth1")}
    report = lab.scan("--all-channels")
    for uplink, capture in captures.items():
        lab.equal(f"frames behind {uplink}", heard(capture), [])
    for port in (8090, 8091):
        for vantage in ("lan@eth0", "external@eth0"):
            for channel in report.channels(vantage, "tcp", HOST4, port):
                lab.equal(f"{vantage} -> {port}: observed", channel["observed"]["state"], "not-probed")
                lab.expect(channel["observed"].get("reason"), f"{vantage} -> {port}: no reason: {channel['observed']}")


@scenario
def rewritten_to_another_machine(lab):
    check_elsewhere(lab, masquerade=False)


@scenario
def rewritten_to_another_machine_with_masquerade(lab):
    check_elsewhere(lab, masquerade=True)


@without_neighbours
@scenario
def network_removed_meanwhile(lab):
    """At any moment of a scan: ten moments, by a seed that is printed. Every other time its bridge goes as well, and
    with it the route: what is for the container would follow the default one."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    shop(lab)
    for number in range(10 if lab.product else 1):
        name, bridge = f"fleeting{number}", "br3" if number % 2 else "br1"
        if bridge == "br3":
            lab.frame.bridges("br3")
        place = lab.frame.namespace(name, bridge, 100 + number)
        place.listen(name, "tcp:[::]:80,dual", "udp:[::]:53,dual")
        time.sleep(0.1)
        if not lab.product:
            break
        captures = {uplink: lab.frame.capture(uplink) for uplink in ("eth0", "eth1")}
        removal = f"link del {name}" + ("\nlink del br3" if bridge == "br3" else "")
        remover = threading.Timer(chance.uniform(0, 1), lambda: lab.host.ip(removal))
        remover.start()
        report = lab.scan()
        remover.join()
        time.sleep(0.1 if number < 9 else 6)  # what comes late, of an earlier round as well, comes before the last ends
        for uplink, capture in captures.items():
            lab.equal(f"seed {seed}, round {number}: frames behind {uplink}", heard(capture), [])
        address = f"172.{17 + int(bridge[2:])}.0.{100 + number}"
        wrong = [c for c in report["channels"] if c["target"]["address"] == address and c["conflict"]]
        lab.expect(all(c["observed"]["state"] != "open" for c in wrong), f"seed {seed}, round {number}: {wrong}")
        lab.expect(report.status in (0, 1), f"seed {seed}, round {number}: status {report.status}: {report['scan']['errors']}")

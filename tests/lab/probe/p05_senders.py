# SPDX-License-Identifier: GPL-2.0-or-later
"""Who sends, how fast, for how long; and services that do not notice."""

import os
import time

from library.frame import HOST4, HOST6
from library.place import PYTHON
from p01_states import shop
from probing import Plan, Quiet, alone, case

BY_USER = """
table inet own {
  chain output { type filter hook output priority filter; meta skuid 1000 drop; meta skgid 2000 drop; }
}
"""


@alone
@case
def rules_on_the_sender(lab):
    shop(lab)
    lab.places["C2"].nft(BY_USER)
    plan = Plan(lab)
    wanted = []
    for address in ("172.18.0.2", "fd00:18::2"):
        for protocol, port in (("tcp", 80), ("udp", 53)):
            wanted += [
                (plan.send("C2", protocol, address, port, "C1"), "open"),
                (plan.send("C2", protocol, address, port, "C1", has_sender=True, uid=1000, gid=0), "filtered"),
                (plan.send("C2", protocol, address, port, "C1", has_sender=True, uid=0, gid=2000), "filtered"),
                (plan.send("C2", protocol, address, port, "C1", has_sender=True, uid=1001, gid=1001), "open"),
            ]
    unlike = plan.send("C2", "tcp", "172.18.0.2", 80, "C1", sender_unlike=True)
    with Quiet(lab):
        result = plan.run()
    for probe, state in wanted:
        lab.observed(result, probe, state)
    lab.observed(result, unlike, "undetermined", code="sender-identity")


@alone
@case
def ways_that_there_are_not(lab):
    shop(lab)
    lab.places["C2"].ip("""
        route add blackhole 192.0.2.0/24
        route add prohibit 198.18.1.0/24
        route add unreachable 198.18.2.0/24
        route add blackhole 2001:db8:b::/48
        route add prohibit 2001:db8:c::/48
        route add unreachable 2001:db8:d::/48""")
    plan = Plan(lab)
    wanted = []
    for protocol in ("tcp", "udp"):
        for address, state in (("192.0.2.1", "filtered"), ("198.18.1.1", "filtered"), ("198.18.2.1", "unreachable"),
                               ("2001:db8:b::1", "filtered"), ("2001:db8:c::1", "filtered"), ("2001:db8:d::1", "unreachable")):
            wanted.append((plan.send("C2", protocol, address, 80, "C1"), state))
    with Quiet(lab):
        result = plan.run()
    for probe, state in wanted:
        lab.observed(result, probe, state)


ONCE = """
import socket, sys
listener = socket.socket(); listener.bind(("0.0.0.0", 8888)); listener.listen(); print("ready", flush=True)
listener.accept(); sys.exit(1)
"""


@alone
@case
def a_service_for_one_client(lab):
    """It ends after its first connection: no probe is one."""
    shop(lab)
    service = lab.places["C1"].start(*PYTHON, "-c", ONCE).wait_ready()
    plan = Plan(lab)
    wanted = [plan.inject("tcp", "172.18.0.2", 8888, "C1"), plan.send("C2", "tcp", "172.18.0.2", 8888, "C1"),
              plan.send("C1", "tcp", "127.0.0.1", 8888, "C1")]
    result = plan.run()
    for probe in wanted:
        lab.observed(result, probe, "open")
    time.sleep(0.3)
    lab.equal("the service's status", service.popen.poll(), None)


@alone
@case
def datagrams_that_nobody_reads(lab):
    shop(lab)
    lab.places["C1"].listen("C1", "udp:0.0.0.0:5353,unread")
    plan = Plan(lab)
    wanted = [plan.inject("udp", "172.18.0.2", 5353, "C1"), plan.send("C2", "udp", "172.18.0.2", 5353, "C1")]
    result = plan.run()
    for probe in wanted:
        lab.observed(result, probe, "open", evidence="delivered")
    queues = [line.split()[0] for line in lab.places["C1"].run("ss", "-Hulnp", "sport", "=", "5353").stdout.splitlines()]
    receive = [line.split()[1] for line in lab.places["C1"].run("ss", "-Hulnp", "sport", "=", "5353").stdout.splitlines()]
    lab.equal(f"bytes in the queue ({queues})", receive, ["0"])


def many(lab, count, **options):
    shop(lab)
    plan = Plan(lab, **options)
    probes = [plan.inject("tcp", HOST4, 20000 + number, "host") for number in range(count)]
    return plan, probes


@alone
@case
def the_rate_holds(lab):
    plan, probes = many(lab, 1500, rate=1000, tries=1)
    began = time.monotonic()
    result = plan.run()
    took = time.monotonic() - began
    lab.expect(1.45 < took < 2.6, f"1500 packets at 1000 a second took {took:.2f} s")
    lab.equal("packets", result["packets_sent"], 1500)
    lab.equal("closed", sum(o["state"] == "closed" for o in result["observations"].values()), len(probes))


@alone
@case
def the_time_holds(lab):
    plan, probes = many(lab, 3000, rate=500)
    plan.seconds = 2
    began = time.monotonic()
    with Quiet(lab):
        result = plan.run()
        took = time.monotonic() - began
    lab.expect(took < 3, f"2 seconds took {took:.2f} s")
    states = [(o["state"], o["reason"].get("code")) for o in result["observations"].values()]
    lab.equal("states", set(states), {("closed", None), ("not-probed", "timeout")})


@alone
@case
def all_at_once(lab):
    plan, probes = many(lab, 20000, rate=1000000)
    began = time.monotonic()
    with Quiet(lab):
        result = plan.run()
        took = time.monotonic() - began
    lab.expect(took < 8, f"20000 probes took {took:.2f} s")
    lab.equal("closed", sum(o["state"] == "closed" for o in result["observations"].values()), len(probes))


@alone
@case
def without_capabilities(lab):
    """Unprivileged: whole connections where they are allowed, and nothing else."""
    shop(lab)
    for allow in (True, False):
        plan = Plan(lab, allow_connect=allow)
        wanted = [(plan.send("host", "tcp", "172.18.0.2", 80, "C1"), "open"),
                  (plan.send("host", "tcp", "172.18.0.2", 81, "C1"), "closed"),
                  (plan.send("host", "tcp", "172.18.0.2", 9100, "C1"), "undetermined"),
                  (plan.send("host", "tcp", "127.0.0.1", 9, "host"), "closed")]
        no = [plan.send("C2", "tcp", "172.18.0.2", 80, "C1"), plan.send("host", "udp", "172.18.0.2", 53, "C1"),
              plan.inject("tcp", HOST4, 7001, "host")]
        plan.prefix = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "-all"]
        result = plan.run()
        for probe, state in wanted:
            if allow:
                lab.observed(result, probe, state, method="connect")
            else:
                lab.observed(result, probe, "not-probed", code="no-capability")
        for probe in no:
            lab.observed(result, probe, "not-probed")


@alone
@case
def whole_connections_on_request(lab):
    shop(lab)
    plan = Plan(lab, allow_connect=True)
    wanted = []
    for address in ("172.18.0.2", "fd00:18::2"):
        wanted += [(plan.send("C2", "tcp", address, 80, "C1", method="connect"), "open"),
                   (plan.send("C2", "tcp", address, 81, "C1", method="connect"), "closed"),
                   # A rule, or a queue that is full: of a connection that is under way the guard knows nothing.
                   (plan.send("C2", "tcp", address, 9100, "C1", method="connect"), "undetermined")]
    result = plan.run()
    for probe, state in wanted:
        lab.observed(result, probe, state, method="connect")

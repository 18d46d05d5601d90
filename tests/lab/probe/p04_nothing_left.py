# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run leaves behind: nothing, however it ends."""

import json
import random
import signal
import subprocess
import time

from library.frame import HOST4, HOST6
from p01_states import outside_probes, shop
from probing import NEAR4, NEAR6, Plan, Quiet, alone, case

FIRST_PORT = 61000


def programs():
    """Links of the kinds that guards are of; those of others that run meanwhile are among them."""
    shown = subprocess.run(["bpftool", "-j", "link", "show"], capture_output=True, text=True, check=False).stdout
    links = json.loads(shown or "[]")
    return {link["id"] for link in links if link["type"] in ("netfilter", "tcx", 10, 11)}


def left_behind(lab):
    """What is still there of a run, by kind."""
    left = {}
    for name, place in lab.inside().items():
        tables = [line for line in place.run("nft", "list", "tables").stdout.splitlines() if "postern" in line]
        half_open = place.run("ss", "-Htan", "state", "syn-recv").stdout.splitlines()
        entries = place.run("conntrack", "-L", check=False).stdout.splitlines()
        entries += place.run("conntrack", "-L", "-f", "ipv6", check=False).stdout.splitlines()
        ours = [e for e in entries if any(f"sport={port}" in e for port in range(FIRST_PORT, 65536))]
        hooks = [line for line in place.run("tc", "qdisc", "show").stdout.splitlines() if "clsact" in line or "ingress" in line]
        left |= {f"{name} {kind}": what for kind, what in
                 (("tables", tables), ("half-open", half_open), ("conntrack", ours), ("qdiscs", hooks)) if what}
    processes = lab.host.run("pgrep", "-l", "postern-keeper", check=False).stdout.splitlines()
    return left | ({"processes": processes} if processes else {})


def full_plan(lab, **options):
    plan = Plan(lab, **options)
    list(outside_probes(plan))
    for host, near, c1 in ((HOST4, NEAR4, "172.18.0.2"), (HOST6, NEAR6, "fd00:18::2")):
        for _ in range(10):
            plan.inject("tcp", host, 7001, "host", source=near)
            plan.inject("tcp", host, 8080, "C1", (c1, 80), source=near)
            plan.inject("tcp", c1, 80, "C1")
        for place in ("host", "C2", "C3"):
            plan.send(place, "tcp", c1, 80, "C1")
            plan.send(place, "tcp", host, 7001, "host")
            plan.send(place, "udp", c1, 53, "C1")
    return plan


def check_clean_end(lab, guard):
    shop(lab)
    before = programs()
    plan = full_plan(lab, guard=guard)
    with Quiet(lab):
        result = plan.run()
    lab.equal(f"guard {guard}: left", left_behind(lab), {})
    lab.equal(f"guard {guard}: side effects", result["side_effects"], [])
    end = time.monotonic() + 5
    while programs() - before and time.monotonic() < end:
        time.sleep(0.2)
    lab.equal(f"guard {guard}: links", programs() - before, set())


@alone
@case
def after_a_run(lab):
    check_clean_end(lab, "bpf")


@alone
@case
def after_a_run_with_nftables(lab):
    check_clean_end(lab, "nftables")


def kill_at(lab, guard, moment):
    plan = full_plan(lab, guard=guard, rate=1000, timeout_ms=100)
    process = plan.start()
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process


def wait_until_nothing(lab, seconds):
    end = time.monotonic() + seconds
    while left_behind(lab) and time.monotonic() < end:
        time.sleep(0.2)
    return left_behind(lab)


def check_kills(lab, guard, rounds, seconds):
    """At random moments of a run, most of them while frames are in flight."""
    shop(lab)
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    with Quiet(lab):
        for number in range(rounds):
            kill_at(lab, guard, chance.uniform(0.02, 0.5))
            left = wait_until_nothing(lab, 8)  # what may wait for a neighbour is waited for
            if not lab.equal(f"seed {seed}, round {number}: left", left, {}):
                break
        time.sleep(seconds)


@alone
@case
def killed_while_frames_are_in_flight(lab):
    check_kills(lab, "bpf", 30, 10)


@alone
@case
def killed_with_nftables(lab):
    check_kills(lab, "nftables", 15, 5)


RESETS_LOST = """
table inet lossy {
  chain forward { type filter hook forward priority filter; tcp flags & (syn | rst) == rst ip saddr 198.51.100.77 drop; }
  chain input { type filter hook input priority filter; tcp flags & (syn | rst) == rst ip saddr 198.51.100.77 drop; }
}
"""


def check_half_open(lab, guard):
    shop(lab)
    lab.host.nft(RESETS_LOST)
    plan = Plan(lab, guard=guard)
    wanted = [plan.inject("tcp", HOST4, 7001, "host"), plan.inject("tcp", HOST4, 8080, "C1", ("172.18.0.2", 80))]
    with Quiet(lab):
        began = time.monotonic()
        result = plan.run()
        lab.expect(time.monotonic() - began < 5, "the run waited for the keeper")
        for probe in wanted:
            lab.observed(result, probe, "open")
        lab.expect(result["side_effects"], "nobody was told of the keeper")
        left = left_behind(lab)
        lab.expect("processes" in left, f"the keeper is gone: {left}")
        lab.equal("still there after 71 seconds", wait_until_nothing(lab, 71), {})


@alone
@case
def half_open_until_the_end(lab):
    """Resets do not get through: the guards stay as long as answers are sent again, and the scan does not wait for it."""
    check_half_open(lab, "bpf")


@alone
@case
def half_open_until_the_end_with_nftables(lab):
    check_half_open(lab, "nftables")

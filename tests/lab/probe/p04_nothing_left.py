# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run leaves behind: nothing, however it ends."""

import ctypes
import errno
import json
import os
import random
import signal
import struct
import time
from pathlib import Path

from library.frame import HOST4, HOST6
from p01_states import outside_probes, shop
from probing import NEAR4, NEAR6, Plan, Quiet, alone, case

FIRST_PORT = 61000
GUARDS = ("bpf", "nftables")


GET_LINK_BY_ID, SYS_BPF = 30, 321  # bpf(2), x86-64


def links_of(process):
    """Ids of the BPF links that a process holds."""
    found = set()
    for file in Path(f"/proc/{process}/fdinfo").glob("*"):
        try:
            found |= {int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith("link_id")}
        except OSError:
            pass  # closed meanwhile
    return found


def is_there(link):
    """The kernel still knows it, whoever holds it."""
    attributes = struct.pack("II", link, 0).ljust(128, b"\0")
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF, GET_LINK_BY_ID, attributes, len(attributes))
    if descriptor >= 0:
        os.close(descriptor)
    return descriptor >= 0 or ctypes.get_errno() != errno.ENOENT


def still_there(links, seconds=5):
    """Those of the links that are not gone within some time: the kernel takes them down when it finds the time."""
    end = time.monotonic() + seconds
    while any(map(is_there, links)) and time.monotonic() < end:
        time.sleep(0.2)
    return set(filter(is_there, links))


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
    plan = full_plan(lab, guard=guard)
    with Quiet(lab):
        process = plan.start()
        time.sleep(0.4)
        links = links_of(process.pid)
        output, errors = process.communicate(timeout=60)
        left = wait_until_nothing(lab, 8)  # guards stay as long as something may come late
    lab.expect(bool(links) == (guard == "bpf"), f"guard {guard}: links {links}")
    lab.equal(f"guard {guard}: left ({errors[-1000:]})", left, {})
    lab.equal(f"guard {guard}: side effects", json.loads(output)["side_effects"], [])
    lab.equal(f"guard {guard}: links", still_there(links), set())


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
    links = links_of(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return links


def wait_until_nothing(lab, seconds):
    end = time.monotonic() + seconds
    while left_behind(lab) and time.monotonic() < end:
        time.sleep(0.2)
    return left_behind(lab)


KILLS_IN_A_ROW = 5


def check_kills(lab, guard, rounds, seconds):
    """At random moments of a run, most of them while frames are in flight; a few runs one after the other."""
    shop(lab)
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    links = set()
    with Quiet(lab):
        for number in range(rounds):
            for _ in range(KILLS_IN_A_ROW):
                links |= kill_at(lab, guard, chance.uniform(0.02, 0.5))
            left = wait_until_nothing(lab, 10)  # what may come late is waited for
            if not lab.equal(f"seed {seed}, round {number}: left", left, {}):
                break
        time.sleep(seconds)
    lab.expect(bool(links) == (guard == "bpf"), f"links {links}")
    lab.equal("links", still_there(links), set())


@alone
@case
def killed_while_frames_are_in_flight(lab):
    check_kills(lab, "bpf", 6, 5)


@alone
@case
def killed_with_nftables(lab):
    check_kills(lab, "nftables", 3, 5)


RESETS_LOST = """
table inet lossy {
  chain forward { type filter hook forward priority filter; tcp flags & (syn | rst) == rst ip saddr 198.51.100.77 drop; }
  chain input { type filter hook input priority filter; tcp flags & (syn | rst) == rst ip saddr 198.51.100.77 drop; }
}
"""


@alone
@case
def half_open_until_the_end(lab):
    """Resets do not get through: the guards stay as long as answers are sent again, and the scan does not wait for it."""
    shop(lab)
    lab.host.nft(RESETS_LOST)
    with Quiet(lab):
        for guard in GUARDS:
            plan = Plan(lab, guard=guard)
            wanted = [plan.inject("tcp", HOST4, 7001, "host"), plan.inject("tcp", HOST4, 8080, "C1", ("172.18.0.2", 80))]
            began = time.monotonic()
            result = plan.run()
            lab.expect(time.monotonic() - began < 5, f"{guard}: the run waited for the keeper")
            for probe in wanted:
                lab.observed(result, probe, "open")
            lab.expect(result["side_effects"], f"{guard}: nobody was told of the keeper")
        left = left_behind(lab)
        lab.equal(f"keepers ({left})", len(left.get("processes", [])), len(GUARDS))
        lab.equal("still there after 71 seconds", wait_until_nothing(lab, 71), {})

# SPDX-License-Identifier: GPL-2.0-or-later
"""Two scans at once, a real client beside them, and a kernel that answers seldom."""

import json
import threading
import time

from library.frame import HOST4, HOST6
from p01_states import outside_probes, shop
from p04_nothing_left import wait_until_nothing
from probing import Plan, Quiet, alone, case


@alone
@case
def two_scans_at_once(lab):
    shop(lab)
    plans = [Plan(lab, guard=guard) for guard in ("bpf", "bpf", "nftables", "nftables")]
    wanted = [list(outside_probes(plan)) for plan in plans]
    with Quiet(lab):
        processes = [plan.start() for plan in plans]
        outputs = [process.communicate(timeout=60) for process in processes]
    for probes, (output, errors) in zip(wanted, outputs):
        if not lab.expect(output, errors):
            continue
        result = json.loads(output)
        lab.expect(result["guard"] != "none", result["guard_message"])
        for probe, state, members in probes:
            held_back = members.get("icmp") and not result["observations"][probe].get("icmp")  # see below
            lab.observed(result, probe, *(("filtered",) if held_back else (state,)), **({} if held_back else members))
    lab.equal("left", wait_until_nothing(lab, 8), {})


@case
def a_real_client_notices_nothing(lab):
    """It talks from the very address that the probes bear, to the very ports, all the while."""
    shop(lab)
    stop, answers = threading.Event(), []

    def talk():
        while not stop.is_set():
            answers.extend(lab.places["X"].knock(("tcp", HOST4, 8080), ("tcp", HOST6, 8080), ("tcp", HOST4, 7001),
                                                 ("udp", HOST4, 8053), ("udp", HOST6, 8053), wait=0.3))

    client = threading.Thread(target=talk)
    client.start()
    for guard in ("bpf", "nftables"):
        for _ in range(3):
            plan = Plan(lab, guard=guard, rate=500)
            for _ in range(20):
                plan.inject("tcp", HOST4, 8080, "C1", ("172.18.0.2", 80), source="198.51.100.7")
                plan.inject("tcp", HOST6, 8080, "C1", ("fd00:18::2", 80), source="2001:db8:7::7")
                plan.inject("tcp", HOST4, 7001, "host", source="198.51.100.7")
                plan.inject("udp", HOST4, 8053, "C1", ("172.18.0.2", 53), source="198.51.100.7")
            result = plan.run()
            states = {o["state"] for o in result["observations"].values()}
            lab.equal(f"states ({guard})", states, {"open"})
    stop.set()
    client.join()
    lab.expect(len(answers) > 20, f"only {len(answers)} answers")
    lab.equal("answers to the client", {answer["answer"] for answer in answers}, {"open"})


REJECT = """
table inet refuse {
  chain input { type filter hook input priority filter; th dport 30000-30099 meta l4proto { tcp, udp } reject with icmpx admin-prohibited; }
}
"""


@alone
@case
def errors_that_the_kernel_holds_back(lab):
    """Six ICMP errors for one address, then one a second: what was not answered is filtered all the same."""
    lab.host.nft(REJECT)
    plan = Plan(lab)
    probes = [plan.inject("tcp", HOST4, 30000 + number, "host") for number in range(40)]
    with Quiet(lab):
        result = plan.run()
    for probe in probes:
        lab.observed(result, probe, "filtered")
    seen = sum(bool(result["observations"][probe].get("icmp")) for probe in probes)
    lab.expect(0 < seen < 40, f"{seen} errors were seen")

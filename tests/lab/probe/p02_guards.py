# SPDX-License-Identifier: GPL-2.0-or-later
"""Each layer of the guard by itself, and in every pair. Needs a build with POSTERN_TEST_HOOKS."""

import os

from library.frame import HOST4, HOST6
from p01_states import outside_probes, shop
from probing import NEAR4, NEAR6, Plan, Quiet, alone, case

HOOKS, EGRESS, BPF_HOOKS, BPF_EGRESS = 1, 2, 4, 8


def run_without(plan, without):
    os.environ["POSTERN_TEST_GUARD_WITHOUT"] = str(without)
    try:
        return plan.run()
    finally:
        del os.environ["POSTERN_TEST_GUARD_WITHOUT"]


def check_pair(lab, without, name):
    shop(lab)
    plan = Plan(lab)
    wanted = list(outside_probes(plan))
    with Quiet(lab):
        result = run_without(plan, without)
    lab.equal(f"guard ({result['guard_message']})", result["guard"], name)
    for probe, state, members in wanted:
        lab.observed(result, probe, state, **members)


@alone
@case
def netfilter_and_nftables(lab):
    check_pair(lab, BPF_EGRESS, "netfilter+nftables")


@alone
@case
def nftables_and_tcx(lab):
    check_pair(lab, BPF_HOOKS, "nftables+tcx")


@alone
@case
def nftables_for_both(lab):
    check_pair(lab, BPF_HOOKS | BPF_EGRESS, "nftables")


def near_plan(lab, choice):
    """Answers would go to an absent neighbour, over a dead gateway, and by masquerading rules."""
    plan = Plan(lab, guard=choice)
    wanted = []
    for host, near, c1 in ((HOST4, NEAR4, "172.18.0.2"), (HOST6, NEAR6, "fd00:18::2")):
        for source in (None, near):
            wanted += [plan.inject("tcp", host, 7001, "host", source=source),
                       plan.inject("tcp", host, 8080, "C1", (c1, 80), source=source),
                       plan.inject("tcp", host, 7005, "host", source=source),
                       plan.inject("udp", host, 7011, "host", source=source)]
    return plan, wanted


def check_alone(lab, without, choice, heard):
    """One layer only. heard: what it lets through, by kind, or None for nothing."""
    shop(lab)
    plan, wanted = near_plan(lab, choice)
    quiet = Quiet(lab)
    with quiet:
        result = run_without(plan, without)
    if heard is not None:
        lab.problems = [p for p in lab.problems if not p.startswith(("frames behind", "new neighbours"))]
        kinds = {(f["kind"], f.get("protocol")) for frames in quiet.frames.values() for f in frames}
        lab.equal("heard", kinds, heard)
    return result, wanted


@alone
@case
def netfilter_alone_stops_everything(lab):
    result, wanted = check_alone(lab, EGRESS, "bpf", None)
    for probe in wanted:
        lab.expect(result["observations"][probe]["state"] in ("open", "closed"), result["observations"][probe])


@alone
@case
def nftables_hooks_alone_stop_everything(lab):
    check_alone(lab, EGRESS, "nftables", None)


QUESTIONS = {("arp", None), ("ip6", "icmp6")}


@alone
@case
def tcx_alone_lets_no_answer_out(lab):
    """But the questions for the neighbour: that is what the hooks are for."""
    check_alone(lab, HOOKS, "bpf", QUESTIONS)


@alone
@case
def nftables_egress_alone_lets_no_answer_out(lab):
    check_alone(lab, HOOKS, "nftables", QUESTIONS)


@case
def tcx_alone_with_a_living_gateway(lab):
    check_alone(lab, HOOKS, "bpf", QUESTIONS)


@case
def without_any_guard_it_is_heard(lab):
    """The control: these very frames do leave where nothing holds them."""
    shop(lab)
    plan, _ = near_plan(lab, "auto")
    quiet = Quiet(lab)
    with quiet:
        run_without(plan, HOOKS | EGRESS)
    answers = [f for f in quiet.frames["eth0"] if f.get("protocol") == "tcp" and f["sport"] == 7001]
    lab.problems = [p for p in lab.problems if not p.startswith(("frames behind", "new neighbours"))]
    lab.expect(answers, "no answer was heard though nothing held it")

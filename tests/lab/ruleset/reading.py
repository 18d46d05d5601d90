# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases: each loads rules with the tools of those who write them, and reads them."""

import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "unit/netns_decode/fixtures"
NAMES = [Path(f"/proc/self/net/{tool}_tables_names") for tool in ("ip", "ip6", "arp")]
PART_RULESET = 128
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def do(*words, text=None):
    return subprocess.run([str(word) for word in words], input=text, text=True, check=True, capture_output=True).stdout


def nft(text):
    do("nft", "-f", "-", text=text)


def read(**limits):
    words = [f"{name}={number}" for name, number in limits.items()]
    return json.loads(do(os.environ["RULESET_DRIVE"], *words))


def equal(what, found, wanted):
    assert found == wanted, f"{what}: {found!r}, not {wanted!r}"


def all_is_well(found):
    equal("faults", found["faults"], [])
    equal("missing", found["missing"], 0)
    ruleset = found["ruleset"]
    assert ruleset.get("present") and not ruleset.get("not_atomic") and not ruleset.get("over_budget"), ruleset.keys()
    assert not any(table.get("incomplete") for table in ruleset.get("tables", []))


def listed():
    """(family, table, chain) -> rules, from nft's own listing; blocks of nameless chains as one rule."""
    chains, table, chain, block = {}, None, None, None
    for line in map(str.strip, do("nft", "-s", "list", "ruleset").splitlines()):
        if match := re.match(r"table (\S+) (\S+) {", line):
            table = match.groups()
        elif match := re.match(r"chain (\S+) {", line):
            chain = chains.setdefault((*table, match[1]), [])
        elif block is not None and line == "}":
            chain.append(" ".join([block[0], *(f"{rule};" for rule in block[1:]), "}"]))
            block = None
        elif block is not None:
            block.append(line)
        elif line == "}":
            chain = None
        elif chain is not None and line.endswith("{"):
            block = [line]
        elif chain is not None and line and not line.startswith("type "):
            chain.append(line)
    return chains


def texts(found):
    return {(chain["family"], chain["table"], chain["chain"]): chain["rules"] for chain in found["texts"]
            if not chain["chain"].startswith("__chain")}


@case
def a_new_namespace():
    found = read()
    all_is_well(found)
    equal("tables", found["ruleset"].get("tables", []), [])
    equal("legacy", found["ruleset"].get("legacy", []), [])
    # reading makes no table
    equal("legacy tables afterwards", [path.read_text() for path in NAMES], ["", "", ""])


@case
def every_statement_of_nft():
    do("ip", "link", "add", "eth0", "type", "veth", "peer", "eth1")
    for name in ("match", "statement"):
        do("nft", "-f", FIXTURES / f"{name}.nft")
        found, wanted = read(), listed()
        all_is_well(found)
        equal("unknown", found["unknown"], 0)
        ours = texts(found)
        equal("chains", list(ours), list(wanted))
        for place, rules in wanted.items():
            equal(f"rules of {place}", len(ours[place]), len(rules))
        # all but the few that the unit test names are the same, letter by letter
        different = [(a, b) for place in wanted for a, b in zip(ours[place], wanted[place]) if a != b]
        assert len(different) <= 4, different
        do("nft", "flush", "ruleset")


@case
def rules_of_engines():
    for name in ("docker", "docker6", "ufw", "ufw6", "netavark", "kubernetes"):
        tool = "ip6tables-nft" if name.endswith("6") else "iptables-nft"
        rules = (FIXTURES / f"{name}.rules").read_text()
        do(tool + "-restore", text=rules)
        found = read()
        all_is_well(found)
        equal("rules", found["rules"], len(re.findall("^-A", rules, re.M)))
        assert all(table["xtables"] for table in found["ruleset"]["tables"])
        # what no table of ours has is found all the same
        modules = len(re.findall(r"^-A.*(?:-m (?:statistic|rpfilter)|-j TPROXY) ", rules, re.M))
        equal(f"unknown rules of {name}", found["unknown"], modules)
        do("nft", "flush", "ruleset")


@case
def thousands_of_chains():
    chains = "".join(
        f"chain c{c} {{\n" + "".join(f"tcp dport {r + 1} counter accept\n" for r in range(50)) + "}\n" for c in range(400))
    nft(f"table ip many {{\n{chains}}}\n")
    found = read()
    all_is_well(found)
    equal("rules", found["rules"], 20000)
    table = found["ruleset"]["tables"][0]
    equal("names", [chain["name"] for chain in table["chains"]], [f"c{c}" for c in range(400)])
    equal("order", [chain.get("order", 0) for chain in table["chains"]], list(range(400)))
    equal("positions", [rule.get("position", 0) for rule in table["chains"][7]["rules"]], list(range(50)))


@case
def a_big_set():
    elements = ", ".join(f"10.{i >> 8 & 255}.{i & 255}.0-10.{i >> 8 & 255}.{i & 255}.99" for i in range(30000))
    nft(f"table ip big {{\nset s {{ type ipv4_addr; flags interval; elements = {{ {elements} }}\n}}\n}}\n")
    found = read()
    all_is_well(found)
    # a beginning and an end each, and the end that stands before all
    equal("elements", len(found["ruleset"]["tables"][0]["sets"][0]["elements"]), 60001)


@case
def what_passes_a_limit():
    nft("table ip a { set s { type inet_service; elements = { 1, 2, 3, 4, 5 }; }\n"
        "chain c { tcp dport 1 accept\ntcp dport 2 accept\ntcp dport 3 accept\n}\nchain d { accept\n}\n}\n"
        "table ip b { chain e { accept\n}\n}\n")
    for limits in ({"rules": 2}, {"elements": 3}, {"objects": 3}, {"bytes": 200}, {"milliseconds": 0}):
        found = read(**limits)
        ruleset = found["ruleset"]
        if limits == {"milliseconds": 0}:
            # not even the generation was told in time
            assert found["faults"] and (found["missing"] & PART_RULESET or ruleset.get("over_budget")), found
            continue
        assert found["over_budget"] and ruleset["over_budget"], limits
        assert "over-budget" in found["faults"], found["faults"]
        tables = ruleset.get("tables", [])
        assert limits in ({"objects": 3}, {"bytes": 200}) or any(table.get("incomplete") for table in tables), ruleset
        if limits == {"elements": 3}:
            assert tables[0]["sets"][0]["incomplete"]
            equal("elements", len(tables[0]["sets"][0]["elements"]), 3)
        if limits == {"rules": 2}:
            equal("rules", found["rules"], 2)
    all_is_well(read(rules=5, elements=5, objects=6))


@case
def rules_that_change_meanwhile():
    rules = "".join(f"tcp dport {r % 60000 + 1} accept\n" for r in range(20000))
    nft(f"table ip still {{\nchain long {{\n{rules}}}\nchain busy {{\n}}\n}}\n")
    stop = threading.Event()

    def change():
        while not stop.is_set():
            nft("flush chain ip still busy; add rule ip still busy tcp dport 7 accept")

    changing = threading.Thread(target=change)
    changing.start()
    time.sleep(0.2)
    began = time.monotonic()
    found = read()
    took = time.monotonic() - began
    stop.set()
    changing.join()
    table = found["ruleset"]["tables"][0]
    equal("chains", [chain["name"] for chain in table["chains"]], ["long", "busy"])
    assert found["ruleset"]["not_atomic"], "it changed all the time"
    assert "not-atomic" in found["faults"]
    assert took < 60, took
    all_is_well(read())


@case
def families_and_hooks():
    do("ip", "link", "add", "eth0", "type", "veth", "peer", "eth1")
    nft("table arp a { chain c { type filter hook output priority 5; policy drop; }\n}\n"
        "table bridge b { chain c { type filter hook prerouting priority -200; }\n}\n"
        "table netdev n { chain c { type filter hook ingress devices = { eth0, eth1 } priority 0; }\n}\n"
        "table inet i { chain c { type filter hook ingress device eth0 priority 0; }\n"
        "chain d { type nat hook postrouting priority srcnat; }\n}\n"
        "table ip asleep { flags dormant; chain c { type filter hook input priority 0; policy drop; }\n}\n")
    found = read()
    all_is_well(found)
    hooks = {(table["family"], chain["name"]): (chain.get("hook", "prerouting"), chain.get("priority", 0))
             for table in found["ruleset"]["tables"] for chain in table["chains"]}
    equal("hooks", hooks, {("arp", "c"): ("output", 5), ("bridge", "c"): ("prerouting", -200),
                           ("netdev", "c"): ("ingress", 0), ("inet", "c"): ("ingress", 0),
                           ("inet", "d"): ("postrouting", 100), ("ip", "c"): ("input", 0)})
    flags = {table["name"]: table.get("flags", 0) for table in found["ruleset"]["tables"]}
    equal("dormant", flags["asleep"], 1)


@case
def legacy_tables():
    def legacy():
        found = read()
        equal("faults", found["faults"], [])
        return {(table["tool"], table["name"]): (table.get("rules", 0), table.get("empty", False), table.get("hooks", 0))
                for table in found["ruleset"].get("legacy", [])}

    do("iptables-legacy", "-t", "nat", "-L")
    equal("a table that is there", legacy(), {("iptables", "nat"): (0, True, 0x1b)})
    do("iptables-legacy", "-A", "INPUT", "-s", "10.0.0.0/8", "-j", "DROP")
    do("ip6tables-legacy", "-P", "FORWARD", "DROP")
    do("iptables-legacy", "-t", "mangle", "-N", "unused")
    before = [path.read_text() for path in NAMES]
    equal("tables", legacy(), {
        ("iptables", "nat"): (0, True, 0x1b), ("iptables", "filter"): (1, False, 0xe),
        ("ip6tables", "filter"): (0, False, 0xe), ("iptables", "mangle"): (2, False, 0x1f)})
    equal("tables afterwards", [path.read_text() for path in NAMES], before)
    do("iptables-legacy", "-F")
    equal("emptied", legacy()["iptables", "filter"], (0, True, 0xe))

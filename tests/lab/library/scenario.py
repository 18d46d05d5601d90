# SPDX-License-Identifier: GPL-2.0-or-later
"""How a scenario is written: what it builds, which ways in there are, and what must come out.

Each way in is checked three times. The kernel: a real client knocks from that very place, and what it gets, from
whom, and which rule counted the packet are held against what the scenario says. The prediction: `postern explain`
for the same packet. The scan: the channel's prediction, observation and merged state.
"""

import re
import sys
import time
import traceback
from dataclasses import dataclass, field

from library.frame import STRANGERS, Frame
from library.product import find_product, observed_for, part_for
from library.rules import Counters

# What a client gets where the state is this one. A reject, or an error from the way there, is said with `sees`.
SEEN = {"open": "open", "closed": "refused", "filtered": "silent", "unreachable": "error"}


@dataclass(frozen=True)
class Decider:
    """What must have settled a state. `text` is a pattern that is searched in the rule's text."""

    kind: str
    table: str = None
    chain: str = None
    text: str = ""
    place: str = "host"  # where the rule stands, by the lab's name of the place
    counted: bool = True  # a rule whose counter shows that it met the packet


def rule(table, chain, text, **more):
    return Decider("rule", table, chain, text, **more)


def policy(table, chain, **more):
    return Decider("policy", table, chain, **more)


def sysctl(**more):
    """What an address or a route may not be, whatever the rules say."""
    return Decider("address", counted=False, **more)


# What decides where no rule does. What is filtered must say what filters it.
WITHOUT_RULES = {"open": Decider("listener", counted=False), "closed": Decider("no-listener", counted=False)}


@dataclass(frozen=True)
class Way:
    """One way in: who dials what, and what must come of it."""

    who: str
    protocol: str
    address: str
    port: int
    state: str
    by: str = None  # whose listener answers
    decider: Decider = None  # left out: that somebody listens, or that nobody does
    sees: str = None  # what a client gets, if not what the state's name says
    observed: str = None  # what the scan must observe, if not the state
    listed: bool = True  # the scan has a channel for it (with --all-channels)
    vantage: str = None  # in the scan, if not the place's own

    def __str__(self):
        return f"{self.who} -> {self.protocol} {self.address} {self.port}"

    def __post_init__(self):
        if self.decider is None:
            object.__setattr__(self, "decider", WITHOUT_RULES[self.state])

    @property
    def family(self):
        return "ip6" if ":" in self.address else "ip4"

    @property
    def source(self):
        stranger = STRANGERS.get(self.who)
        return stranger and (stranger.ip6 if self.family == "ip6" else stranger.ip4)


@dataclass
class Lab:
    """What a scenario works with."""

    frame: Frame
    product: object
    segments: dict = field(default_factory=dict)  # place -> segment that it is a member of
    containers: dict = field(default_factory=dict)  # place -> container's name in reports
    problems: list = field(default_factory=list)

    @property
    def host(self):
        return self.frame.host

    @property
    def places(self):
        return self.frame.places

    def add(self, place, segment=None, name=None):
        """Makes an engine's container a place that ways may start from."""
        self.places[place.name] = place
        self.segments[place.name] = segment
        self.containers[place.name] = name or place.name
        return place

    def expect(self, condition, text):
        if not condition:
            self.problems.append(text)
        return condition

    def equal(self, what, found, wanted):
        return self.expect(found == wanted, f"{what}: {found!r}, not {wanted!r}")

    # ---- the three checks ----

    def ways(self, *ways, scan=None, scan_words=()):
        """Checks the ways in; returns the scan's report (None where only the kernel is asked)."""
        self.frame.settle()
        for way in ways:
            self.check_kernel(way)
        if not self.product:
            return None
        self.check_predictions(ways)
        report = scan or self.scan("--all-channels", *scan_words)
        for way in ways:
            if way.listed:
                self.check_channel(report, way)
            else:
                self.check_unlisted(report, way)
        return report

    def check_kernel(self, way):
        place = self.places[way.who]
        counters = Counters(self.places, way) if way.decider.counted else None
        (answer,) = place.knock((way.protocol, way.address, way.port), wait=0.4)
        wanted = way.sees or SEEN[way.state]
        self.expect(answer["answer"] in wanted.split("|"), f"kernel: {way}: {answer}, not {wanted}")
        if way.by is not None:
            self.equal(f"kernel: {way}: answered by", answer.get("by"), way.by)
        if counters:
            self.expect(counters.rose(), f"kernel: {way}: did not meet {way.decider}: {counters.what()}")

    def query(self, way):
        query = {"from": self.vantage(way), "protocol": way.protocol, "address": way.address, "port": way.port}
        if way.who in STRANGERS:
            query |= {"from": STRANGERS[way.who].vantage, "in": STRANGERS[way.who].uplink, "source": way.source}
        elif way.who in self.containers:
            query["from"] = f"container:{self.containers[way.who]}"
        return query

    def vantage(self, way):
        if way.vantage:
            return way.vantage
        if way.who in STRANGERS:
            return f"{STRANGERS[way.who].vantage}@{STRANGERS[way.who].uplink}"
        return f"segment:{self.segments[way.who]}" if self.segments.get(way.who) else way.who

    def check_predictions(self, ways):
        for way, answer in zip(ways, self.product.explain([self.query(way) for way in ways])):
            part = part_for(answer, way.source)
            self.equal(f"explain: {way}: state", part.get("state"), way.state)
            self.check_decider(f"explain: {way}", part.get("decider"), (part.get("decider") or {}).get("rule"), way.decider)

    def channels(self, report, way):
        vantage = self.vantage(way)
        if not report.sees_several_uplinks():
            vantage = vantage.split("@")[0]
        return report.channels(vantage, way.protocol, way.address, way.port)

    def check_unlisted(self, report, way):
        """No listener is at the end of it: the scan need not say so, but never that it is open."""
        for channel in self.channels(report, way):
            part = part_for(channel["predicted"], way.source)
            self.equal(f"scan: {way}: predicted", part["state"], way.state)
            self.expect(channel["state"] != "open" or part is not channel["predicted"], f"scan: {way}: open: {channel}")

    def check_channel(self, report, way):
        channels = self.channels(report, way)
        if not self.expect(channels, f"scan: {way}: no channel from {self.vantage(way)}"):
            return
        # Two paths of one entry, by rewrite and by proxy, are two channels: the way's is the one that fares like it.
        channel = next((c for c in channels if c["predicted"]["state"] == way.state), channels[0])
        part = part_for(channel["predicted"], way.source)
        self.equal(f"scan: {way}: predicted", part["state"], way.state)
        self.check_decider(f"scan: {way}", part.get("decider"), report.rule(part.get("decider")), way.decider)
        observed = observed_for(channel["observed"], part)
        self.equal(f"scan: {way}: observed {channel['observed']}", observed["state"], way.observed or way.state)
        self.equal(f"scan: {way}: conflict", channel["conflict"], False)
        if channel["predicted"]["state"] == way.state:
            self.equal(f"scan: {way}: merged", channel["state"], way.state)

    def check_decider(self, what, decider, found, wanted):
        if not self.expect(decider, f"{what}: no decider"):
            return
        self.equal(f"{what}: decider's kind ({decider})", decider["kind"], wanted.kind)
        if wanted.table and self.expect(isinstance(found, dict), f"{what}: the decider has no rule: {decider}"):
            self.equal(f"{what}: decider's table", found["table"], wanted.table)
            self.equal(f"{what}: decider's chain", found["chain"], wanted.chain)
        if isinstance(found, dict):
            self.expect(re.search(wanted.text, found["text"] or ""), f"{what}: decider {found['text']!r}, not {wanted.text!r}")

    def expect_off_path(self, report, text, port):
        """A rule that looks as if it protected the port, and is not on the path, is named: as data and for people."""
        rules = [
            report.rule(decider) for channel in report.channels(port=port) for decider in channel["predicted"]["off_path"]
        ]
        self.expect(
            any(rule and text in f"{rule['chain']} {rule['text']}" and str(port) in rule["text"] for rule in rules),
            f"no channel to {port} has {text} as not on the path: {rules}")
        told = [line for finding in report["findings"] for line in finding["explanation"] if "not on the path" in line]
        self.expect(any(text in line and str(port) in line for line in told), f"no finding tells of {text}: {told}")

    # ---- scans ----

    def scan(self, *words, **more):
        self.frame.settle()
        report = self.product.scan(*words, **more)
        self.expect(not report.faults, f"the report does not fit its schema: {report.faults[:5]}")
        return report


def scenario(function):
    """Marks a function that takes a Lab as a case; with a frame of its own where it asks for one."""
    function.is_case = True
    return function


def without_neighbours(function):
    function.without_neighbours = True
    return function


def run_case(function):
    began = time.monotonic()
    lab = None
    try:
        lab = Lab(Frame(neighbours=not hasattr(function, "without_neighbours")), find_product())
        function(lab)
        problems = lab.problems
    except Exception:  # whatever a case stumbles over is its failure, never the whole run's
        problems = [*(lab.problems if lab else []), traceback.format_exc()]
    took = time.monotonic() - began
    print(f"{'FAIL' if problems else 'ok  '} {function.__module__}.{function.__name__} ({took:.1f} s)")
    for problem in problems:
        print("     " + problem.rstrip().replace("\n", "\n     "))
    sys.stdout.flush()
    return not problems

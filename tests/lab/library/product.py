# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs postern in the lab and reads its answers strictly: every report is held against the JSON Schema."""

import ipaddress
import json
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import jsonschema

from library.place import LAB

SCHEMAS = LAB.parent.parent / "reports" / "schema"

# A sanitizer's complaint must not pass for one of the product's own exit statuses.
ENVIRONMENT = {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1", "TSAN_OPTIONS": "exitcode=99"}
SANITIZER = 99


@cache
def report_validator():
    schema = json.loads((SCHEMAS / "report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


class Failure(Exception):
    """The product did something that no answer could be read from."""


class Run:
    """One finished run of the product."""

    def __init__(self, argv, done):
        self.argv, self.status, self.output, self.errors = argv, done.returncode, done.stdout, done.stderr
        if self.status < 0 or self.status == SANITIZER or "runtime error:" in self.errors:
            raise Failure(f"{' '.join(argv)}: status {self.status}\n{self.errors[-4000:]}")


class Report:
    """A report as data, with the questions that scenarios ask of one."""

    def __init__(self, run):
        self.run, self.status = run, run.status
        try:
            self.data = json.loads(run.output)
        except ValueError as error:
            raise Failure(f"status {run.status}, no report ({error}): {run.output[:200]}\n{run.errors[-2000:]}") from error
        self.faults = [
            f"{'/'.join(map(str, fault.absolute_path))}: {fault.message[:200]}"
            for fault in report_validator().iter_errors(self.data)
        ]

    def __getitem__(self, key):
        return self.data[key]

    def container(self, name):
        return next((c for c in self["containers"] if c["name"] == name), None)

    def listener(self, identity):
        return next((entry for entry in self["listeners"] if entry["id"] == identity), None)

    def rule(self, decider):
        """The rule of a decider: inline, or by its id."""
        rule = (decider or {}).get("rule")
        if isinstance(rule, str):
            return next((entry for entry in self["rules"] if entry["id"] == rule), None)
        return rule

    def sees_several_uplinks(self):
        return any("@" in vantage["name"] for vantage in self["vantages"])

    def channels(self, vantage=None, protocol=None, address=None, port=None):
        return [
            channel for channel in self["channels"]
            if vantage in (None, channel["from"]) and protocol in (None, channel["protocol"])
            and port in (None, channel["entry"].get("port")) and (address is None or is_entry(channel["entry"], address))
        ]

    def findings(self, **wanted):
        return [finding for finding in self["findings"] if all(finding.get(key) == value for key, value in wanted.items())]


def is_entry(entry, address):
    """One entry may stand for all local addresses that fare alike."""
    addresses = entry.get("addresses") or [entry["address"]] if "address" in entry else []
    return ipaddress.ip_address(address) in map(ipaddress.ip_address, addresses)


def part_for(prediction, source):
    """The part of a prediction that a source address belongs to, or the prediction itself where it has none."""
    for part in prediction.get("parts") or []:
        if source is None or any(in_block(source, block) for block in part["sources"]):
            return part
    return prediction


def observed_for(observation, part):
    """What was observed from a source of that part of the prediction, or the observation where it has no parts."""
    for seen in observation.get("parts") or []:
        if any(in_block(seen["source"], block) for block in part["sources"]):
            return seen
    return observation


def in_block(source, block):
    network = ipaddress.ip_network(block, strict=False)
    address = ipaddress.ip_address(source)
    return address.version == network.version and address in network


class Product:
    """The binary under test."""

    def __init__(self, binary):
        self.binary = str(binary)

    def run(self, *words, stdin=None, timeout=120, environment=None):
        argv = [self.binary, *map(str, words)]
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False,
            env={**os.environ, **ENVIRONMENT, **(environment or {})},
        )
        return Run(argv, done)

    def scan(self, *words, policy=None, environment=None):
        if policy is None:
            return Report(self.run("scan", "--format", "json", *words, environment=environment))
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir="/run") as file:
            file.write(policy)
            file.flush()
            return Report(self.run("scan", "--format", "json", "--policy", file.name, *words, environment=environment))

    def explain(self, queries, *words):
        """One answer for each query of a batch."""
        lines = "".join(json.dumps(query) + "\n" for query in queries)
        run = self.run("explain", "--batch", "-", *words, stdin=lines)
        answers = [json.loads(line) for line in run.output.splitlines()]
        if len(answers) != len(queries):
            raise Failure(f"{len(queries)} queries, {len(answers)} answers: {run.errors[-2000:]}")
        return answers


def find_product():
    """None where the scenario is run for the kernel's answers alone."""
    binary = os.environ.get("POSTERN_BINARY")
    if not binary:
        return None
    if not Path(binary).is_file():
        raise SystemExit(f"{binary} is not there")
    return Product(binary)

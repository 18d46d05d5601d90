#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, the exit statuses, the report and the policy, as somebody scripts against them.

    contract_test.py POSTERN

Runs the program on a snapshot: without root, without a network. fixtures/demonstration.json is what `postern scan
--save-snapshot` writes on the network of tests/lab/demonstration, the machine's identity made zeros.
"""

import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import jsonschema

HERE = Path(__file__).resolve().parent
SCHEMAS = HERE.parents[2] / "reports" / "schema"
FIXTURE = HERE / "fixtures" / "demonstration.json"
WORDS = {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1"}
# Every text that somebody on the host, or in a container, may choose.
HOSTILE = "x\x1b]0;owned\x07\x1b[2J\r\n\u202e<script>\t|\x9b\x7f"


def validator(name):
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / name).read_text()))


REPORT = validator("report.schema.json")
POLICY = validator("policy.schema.json")

ALLOW = [
    {"id": "web", "to": "web", "ports": ["8080/tcp", "80/tcp"], "from": ["external", "lan", "segment"]},
    {"id": "db", "to": "db", "ports": ["5432/tcp"], "from": ["lan", "segment"]},
    {"id": "agent", "to": "agent", "ports": ["9100/tcp"], "from": ["external", "lan", "segment"]},
]


def policy(**more):
    return {
        "version": 1,
        "workloads": {"web": {"netns": "web"}, "db": {"container": "database"}, "agent": {"host": True}},
        "allow": ALLOW,
    } | more


def snapshot_with(change):
    """The fixture's bytes after `change` of its data, with a checksum that fits."""
    data = json.loads(FIXTURE.read_text())["snapshot"]
    change(data)
    body = json.dumps(data)
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f'{{"format": "postern-snapshot", "version": 1,\n"snapshot": {body},\n"sha256": "{digest}"}}\n'


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_program(self, *words, status=None, environment=None, **more):
        done = subprocess.run(
            [BINARY, *map(str, words)], capture_output=True, text=True, check=False, timeout=60, cwd=self.folder,
            env={**os.environ, **WORDS, **(environment or {})}, **more)
        self.assertNotIn("runtime error", done.stderr)
        if status is not None:
            self.assertEqual(done.returncode, status, f"{words}: {done.stdout[:300]} {done.stderr[:2000]}")
        return done

    def scan(self, *words, snapshot=FIXTURE, policy=None, **more):
        if policy is not None:
            file = self.folder / "policy.json"
            file.write_text(policy if isinstance(policy, str) else json.dumps(policy))
            words += ("--policy", file)
        return self.run_program("scan", "--snapshot", snapshot, *words, **more)

    def report(self, *words, **more):
        report = json.loads(self.scan("--format", "json", *words, **more).stdout)
        self.assertEqual([fault.message for fault in REPORT.iter_errors(report)], [])
        return report

    def complains(self, words, pattern, status=2, **more):
        done = self.run_program(*words, status=status, **more)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, pattern)


# Networks behind the uplink, one that is on link and one on an interface that is no uplink.
OFFICE = {"office": {"cidr": ["198.51.100.0/24"], "in": "eth0"}, "near": {"cidr": ["203.0.113.128/25"]},
          "nowhere": {"cidr": ["192.0.2.0/24"], "in": "eth9"}}


def office_policy(**line):
    line = {"to": {"container": "web"}, "ports": ["8080/tcp"], "owner": "shop", "reason": "because", **line}
    kind = "forbid" if line.pop("forbidden", False) else "allow"
    return {"version": 1, "vantages": OFFICE, kind: [line]}


class NamedVantages(Case):
    def way(self, vantage, policy):
        report = self.report("--from", vantage, policy=policy)
        self.assertEqual([(v["name"], v["kind"], v["interface"]) for v in report["vantages"]], [(vantage, "named", "eth0")])
        self.assertEqual({channel["from"] for channel in report["channels"]}, {vantage})
        (channel,) = [c for c in report["channels"] if c["entry"].get("address") == "203.0.113.10" and c["entry"]["port"] == 8080]
        self.assertEqual(channel["predicted"]["state"], "open")
        self.assertEqual(channel["predicted"]["sources"], OFFICE[vantage]["cidr"])
        return channel["class"]

    def test_one_is_looked_from_with_its_own_sources(self):
        for name in ("office", "near"):
            self.assertEqual(self.way(name, office_policy(**{"from": [name]})), "allowed")
        self.assertEqual(self.way("office", office_policy(**{"from": ["near"]})), "unexpected")
        self.assertEqual(self.way("office", office_policy(**{"from": OFFICE["office"]["cidr"]})), "allowed")

    def test_it_is_a_piece_of_external_and_lan(self):
        for name, far, near in (("office", "allowed", "unexpected"), ("near", "unexpected", "allowed")):
            self.assertEqual(self.way(name, office_policy(**{"from": ["external"]})), far)
            self.assertEqual(self.way(name, office_policy(**{"from": ["lan@eth0"]})), near)
            self.assertEqual(self.way(name, office_policy(**{"from": ["external", "lan"]})), "allowed")
            self.assertEqual(self.way(name, office_policy(**{"from": ["external", "lan"], "forbidden": True})), "forbidden")
            self.assertEqual(self.way(name, office_policy(**{"from": ["lan"], "forbidden": True})), "forbidden")

    def test_one_that_is_nowhere_is_missing_from_the_report(self):
        report = self.report("--from", "nowhere", policy=office_policy(**{"from": ["nowhere"]}))
        self.assertEqual([(e["code"], e["subject"]) for e in report["scan"]["errors"]], [("no-vantage", "nowhere")])
        self.complains(["scan", "--snapshot", FIXTURE, "--from", "office"], "office: no vantage is called so")


class CommandLine(Case):
    def test_help_and_version_are_everywhere_and_on_stdout(self):
        for words in ([], ["scan"], ["explain"]):
            for option in ("--help", "-h", "--version", "-V"):
                done = self.run_program(*words, option, status=0)
                self.assertEqual(done.stderr, "")
                self.assertRegex(done.stdout, "^Usage: postern" if "h" in option[:3] else r"^postern \d")
        self.assertLessEqual(max(map(len, self.run_program("scan", "--help").stdout.splitlines())), 115)

    def test_wrong_words_are_usage_errors_that_name_them(self):
        self.complains([], "^Usage:")
        self.complains(["scn"], "scn: no such command")
        for words, pattern in (
                (["--nonsense"], "--nonsense: no such option"), (["--rate"], "--rate: needs an argument"),
                (["--rate", "0"], r"--rate: takes a whole number .*not '0'"), (["--workers", "x"], "--workers"),
                (["--timeout", "0"], "--timeout"), (["--probe-timeout", "-1"], "--probe-timeout"),
                (["--probe-timeout", "49"], "--probe-timeout: takes a whole number .*50"),
                (["--format", "xml"], "--format: takes one of table|json"), (["--guard", "x"], "--guard"),
                (["--fail-on", "bad"], "--fail-on: takes one of critical"), (["--color", "x"], "--color"),
                (["--no-probe=1"], "--no-probe=1"), (["extra"], "extra: scan takes options only"),
                (["--policy", ""], "--policy: needs a FILE"), (["--output", ""], "--output: needs"),
                (["--output", "html:x"], "no form 'html'"), (["--output", "json:"], "no file"),
                (["--output", "/"], "is a folder"), (["--output", "/nonexistent/x"], "/nonexistent/x"),
                (["-o", "a", "-o", "json:a"], "a: is named by --output twice"),
                (["--from", "external@"], "external@: no vantage"),
                (["--from", "nowhere"], "nowhere: no vantage .* external, lan, host, segment:br0"),
                (["--proc", "/proc"], "--proc: .*not with --snapshot"), (["--host-netns", "x"], "--host-netns"),
                (["--engine-root", "docker=/x"], "--engine-root"),
                (["--save-snapshot", "/nonexistent/x"], "--save-snapshot: there is no folder"),
                (["--save-snapshot", "/"], "is a folder"),
                (["--save-snapshot", "a", "-o", "json:a"], "a: is named by --output and by --save-snapshot")):
            with self.subTest(words):
                self.complains(["scan", "--snapshot", FIXTURE, *words], pattern)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_file_that_cannot_be_written_is_told_before_anything_is_looked_at(self):
        for option in ("--save-snapshot", "--output"):
            for file in ("/sys/x", "/sys/kernel/x"):
                self.complains(["scan", "--no-probe", "--proc", "/nonexistent", option, file], f"cannot write {file}")
        self.complains(["scan", "--no-probe", "--proc", "/nonexistent", "--save-snapshot", "x"], "/nonexistent", status=4)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_wrong_engine_root_is_a_usage_error(self):
        self.complains(["scan", "--no-probe", "--engine-root", "bogus=/x"], "ENGINE=DIR is wanted")

    def test_quiet_and_verbose(self):
        unmatched = policy(workloads={**policy()["workloads"], "gone": {"image": "gone"}})
        self.assertRegex(self.scan(policy=unmatched).stderr, r"warning: .*policy.json:1:\d+: selector gone matches nothing")
        self.assertEqual(self.scan("--quiet", policy=unmatched).stderr, "")
        plain, verbose = self.scan().stdout, self.scan("-v").stdout
        self.assertGreater(len(verbose), len(plain))
        self.assertRegex(verbose, r"id: [0-9a-f]{32}")

    def test_colour(self):
        self.assertNotIn("\033", self.scan().stdout)
        self.assertIn("\033[", self.scan("--color", "always", environment={"NO_COLOR": "1"}).stdout)
        for no_color, words, coloured in (("", [], True), ("1", [], False), ("", ["--color=never"], False)):
            output = self.on_terminal("--snapshot", str(FIXTURE), *words, environment={"NO_COLOR": no_color})
            self.assertEqual("\033[1" in output, coloured, (no_color, words))

    def test_progress_is_for_a_terminal_and_for_patience(self):
        """A stage that lasts is seen to last, on stderr alone, and the line is wiped at its end."""
        pipe = self.folder / "snapshot"
        os.mkfifo(pipe)
        for words, shown in (([], True), (["--quiet"], False)):
            ours, theirs = os.openpty()
            with subprocess.Popen([BINARY, "scan", "--snapshot", pipe, *words], stdout=subprocess.PIPE, stderr=theirs,
                                  env={**os.environ, **WORDS}) as scan:
                os.close(theirs)
                with open(pipe, "w") as snapshot:
                    time.sleep(1.6)
                    snapshot.write(FIXTURE.read_text())
                self.assertNotIn(b"reading", scan.stdout.read())
            text = self.read_terminal(ours)
            self.assertEqual("reading the snapshot (1 s)" in text, shown, text)
            self.assertEqual(text.endswith("\r\033[K"), shown, text)

    def read_terminal(self, ours):
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # the terminal's other end is closed
            pass
        os.close(ours)
        return text.decode()

    def on_terminal(self, *words, environment):
        ours, theirs = os.openpty()
        with subprocess.Popen([BINARY, "scan", *words], stdout=theirs, stderr=subprocess.DEVNULL, cwd=self.folder,
                              env={**os.environ, **WORDS, **environment}):
            os.close(theirs)
            return self.read_terminal(ours)


class Status(Case):
    def test_findings_are_1_and_none_is_0(self):
        self.scan(status=1)
        self.scan("--fail-on", "critical", status=0)
        self.scan("--fail-on", "low", policy=policy(), status=1)  # open ranges, a masked listener
        self.scan(policy=policy(), status=0)
        for line in ALLOW:
            with self.subTest(line["id"]):
                self.scan(policy=policy(allow=[other for other in ALLOW if other is not line]), status=1)

    def test_usage_and_policy_errors_are_2(self):
        self.scan("--nonsense", status=2)
        self.scan(policy="version: 2\n", status=2)

    def test_what_was_asked_for_and_is_missing_is_3(self):
        for words, code in ((["--from", "segment:gone"], "no-vantage"), (["--from", "lan@eth9"], "no-vantage"),
                            (["--container", "no*"], "no-container"), (["--uplink", "eth9"], "no-uplink"),
                            (["--require-probe"], "not-probed")):
            with self.subTest(words):
                self.assertEqual(self.scan("--fail-on", "critical", *words, status=3).stderr, "")
                report = self.report("--fail-on", "critical", *words, status=3)
                self.assertFalse(report["scan"]["complete"])
                self.assertIn(code, [error["code"] for error in report["scan"]["errors"]])
                self.scan("--fail-on", "critical", "--allow-partial", *words, status=0)
                gap = policy(accept_gap=[{"code": code, "until": "9999-12-31", "reason": "known"}])
                self.assertTrue(self.report("--fail-on", "critical", *words, policy=gap, status=0)["scan"]["complete"])
        self.scan("--require-probe", status=1)  # findings weigh more than what is missing

    def test_no_scan_at_all_is_4(self):
        self.complains(["scan", "--snapshot", "/nonexistent"], "cannot read /nonexistent", status=4)
        broken = self.folder / "broken"
        broken.write_text(FIXTURE.read_text().replace("demo-service", "demo-sarvice"))
        self.complains(["scan", "--snapshot", broken], "checksum", status=4)
        broken.write_text(FIXTURE.read_text()[:5000])
        self.complains(["scan", "--snapshot", broken], "broken", status=4)
        self.scan("--output", "/dev/full", status=4)

    def test_what_went_meanwhile_leaves_the_scan_complete(self):
        def vanish(data):
            data["errors"] = [{"code": "namespace-vanished", "subject": "net:[1]", "message": "gone", "gone": True}]

        file = self.folder / "snapshot"
        file.write_text(snapshot_with(vanish))
        report = self.report("--fail-on", "critical", snapshot=file, status=0)
        self.assertTrue(report["scan"]["complete"])
        self.assertEqual([error["gone"] for error in report["scan"]["errors"]], [True])
        file.write_text(snapshot_with(lambda data: (vanish(data), data["errors"][0].update(gone=False))))
        self.assertFalse(self.report("--fail-on", "critical", snapshot=file, status=3)["scan"]["complete"])


class Output(Case):
    def test_files_are_whole_private_and_in_their_form(self):
        self.scan("--output", "report.json", "-o", "table:table.txt", "-o", "plain", status=1)
        for name in ("report.json", "table.txt", "plain"):
            self.assertEqual(stat.S_IMODE((self.folder / name).stat().st_mode), 0o600)
        json.loads((self.folder / "report.json").read_text())
        self.assertRegex((self.folder / "table.txt").read_text(), "^demonstration: ")
        self.assertEqual(sorted(file.name for file in self.folder.iterdir()), ["plain", "report.json", "table.txt"])

    def test_format_is_the_files_or_stdouts(self):
        self.assertEqual(self.scan("--format", "json", "--output", "a").stdout, "")
        json.loads((self.folder / "a").read_text())
        self.assertRegex(self.scan("--format", "table", "--output", "json:b").stdout, "^demonstration: ")
        json.loads((self.folder / "b").read_text())
        self.assertEqual(self.scan("--output", "json:c").stdout, "")
        for name in ("-", "/dev/stdout"):
            json.loads(self.scan("--output", f"json:{name}").stdout)

    def test_a_pipe_is_written_directly(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        with open(self.folder / "read", "w") as file, subprocess.Popen(["cat", pipe], stdout=file):
            self.scan("--output", f"json:{pipe}", status=1)
        json.loads((self.folder / "read").read_text())
        self.assertTrue(stat.S_ISFIFO(pipe.stat().st_mode))

    def test_a_failed_write_leaves_the_old_file(self):
        file = self.folder / "report.json"
        file.write_text("old")
        self.scan("--output", "report.json", status=4, preexec_fn=limit_files)
        self.assertEqual(file.read_text(), "old")
        self.assertEqual(list(self.folder.iterdir()), [file])

    def test_a_reader_that_goes_away_costs_no_file(self):
        reading, writing = os.pipe()
        os.close(reading)
        with subprocess.Popen([BINARY, "scan", "--snapshot", FIXTURE, "--format", "table", "-o", "json:r.json"],
                              stdout=writing, stderr=subprocess.PIPE, cwd=self.folder, env={**os.environ, **WORDS}) as scan:
            os.close(writing)
            self.assertIn(b"Broken pipe", scan.stderr.read())
        self.assertEqual(scan.returncode, 4)
        json.loads((self.folder / "r.json").read_text())

    def test_a_signal_leaves_nothing(self):
        pipe = self.folder / "snapshot"
        os.mkfifo(pipe)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with subprocess.Popen([BINARY, "scan", "--snapshot", pipe, "-o", "r.json"], cwd=self.folder,
                                  stderr=subprocess.DEVNULL, env={**os.environ, **WORDS}) as scan:
                for _ in range(500):  # until it has begun its file, and waits for the snapshot
                    if len(list(self.folder.iterdir())) == 2:
                        break
                    time.sleep(0.02)
                self.assertEqual(len(list(self.folder.iterdir())), 2)
                scan.send_signal(number)
            self.assertEqual(scan.returncode, -number)
            self.assertEqual(list(self.folder.iterdir()), [pipe])


def limit_files():
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


class Content(Case):
    def test_ids_last(self):
        """The same from scan to scan, and whatever pids, inodes of namespaces and addresses a restart gives."""
        def restart(data):
            for process in data["processes"]:
                process["pid"] += 1000
            data["machine_id"], data["boot_id"] = "1" * 32, "11111111-0000-4000-8000-000000000000"
            renumbered = json.loads(json.dumps(data).replace("40265323", "40265423").replace("40265324", "40265424")
                                    .replace("40265325", "40265425"))
            data.clear()
            data.update(renumbered)

        first, again = self.report(), self.report()
        file = self.folder / "restarted"
        file.write_text(snapshot_with(restart))
        restarted = self.report(snapshot=file)
        for key in ("id", "title", "severity"):
            self.assertEqual([f[key] for f in first["findings"]], [f[key] for f in again["findings"]])
        ids = sorted(finding["id"] for finding in first["findings"])
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(ids, sorted(finding["id"] for finding in restarted["findings"]))
        self.assertNotEqual([f["instance"] for f in first["findings"]], [f["instance"] for f in restarted["findings"]])
        self.assertEqual([c["key"] for c in first["channels"]], [c["key"] for c in restarted["channels"]])
        elsewhere = self.report("--host", "other")
        self.assertEqual(elsewhere["scan"]["host"], "other")
        self.assertEqual(ids, sorted(finding["id"] for finding in elsewhere["findings"]))
        self.assertFalse({c["key"] for c in first["channels"]} & {c["key"] for c in elsewhere["channels"]})

    def test_references_lead_somewhere(self):
        report = self.report("--all-channels")
        known = {key: {entry["id"] for entry in report[key]} for key in ("channels", "listeners", "rules", "paths")}
        for channel in report["channels"]:
            self.assertIn(channel["listener"], known["listeners"] | {None})
            self.assertIn(channel["predicted"]["path"], known["paths"] | {None})
            for decider in [channel["predicted"]["decider"], *channel["predicted"]["off_path"]]:
                self.assertIn(decider["rule"], known["rules"] | {None})
        for path in report["paths"]:
            self.assertLessEqual({step["rule"] for step in path["steps"]}, known["rules"] | {None})
        for finding in report["findings"]:
            self.assertLessEqual(set(finding["channels"]), known["channels"])
        for key in ("rules", "paths"):  # each stands once
            bare = [json.dumps({name: value for name, value in entry.items() if name != "id"}) for entry in report[key]]
            self.assertEqual(len(bare), len(set(bare)))

    def test_quiet_channels_are_counted_and_listed_on_request(self):
        folded, listed = self.report(), self.report("--all-channels")
        self.assertEqual(listed["quiet"], [])
        self.assertEqual(len(listed["channels"]), len(folded["channels"]) + sum(q["entries"] for q in folded["quiet"]))
        self.assertEqual(folded["summary"], listed["summary"])
        self.assertEqual(sum(folded["summary"]["channels"].values()), len(listed["channels"]))

    def test_each_open_range_is_a_finding(self):
        report = self.report()
        ranges = [(c["name"], r["from"], r["protocol"]) for c in report["containers"] for r in c["open_ranges"]]
        self.assertTrue(ranges)
        findings = [(f["container"], *f["vantages"], f["protocol"]) for f in report["findings"] if f["kind"] == "open-range"]
        denied = [range for range in ranges if range[1] != "host"]
        self.assertEqual(sorted(set(denied)), sorted(findings))

    def test_narrowed_scans_say_so(self):
        report = self.report("--from", "host", "--from", "host", "--container", "we*")
        self.assertEqual([vantage["name"] for vantage in report["vantages"]], ["host"])
        self.assertEqual({channel["container"] for channel in report["channels"]}, {"web"})
        self.assertEqual(report["scan"]["only"], {"from": ["host", "host"], "containers": ["we*"]})
        self.assertFalse([f for f in self.report("--container", "backup")["findings"] if f["container"] != "backup"])
        self.assertIn("only a part was looked at", self.scan("--from", "host").stdout)

    def test_hostile_texts_reach_no_terminal(self):
        def poison(data):
            for process in data["processes"]:
                process["name"], process["executable"] = HOSTILE, "/" + HOSTILE
            for container in data["containers"]:
                container["name"] += HOSTILE
                container["image"] = HOSTILE
                container["labels"] = [{"key": HOSTILE, "value": HOSTILE}]

        file = self.folder / "poisoned"
        file.write_text(snapshot_with(poison))
        report = self.report(snapshot=file)
        self.assertIn(HOSTILE, report["containers"][0]["name"])
        for words in ([], ["--verbose"], ["--verbose", "--color", "always"]):
            text = re.sub(r"\033\[[0-9;]*m", "", self.scan(*words, snapshot=file).stdout)
            self.assertIn("script", text)
            self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text))
        self.assertNotRegex(self.scan("--format", "json", snapshot=file).stdout, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")
        done = self.scan("--from", HOSTILE, snapshot=file, status=2)
        self.assertNotRegex(done.stderr, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class Policy(Case):
    def test_the_parser_and_the_schema_agree(self):
        to = {"to": "web", "ports": ["80/tcp"], "from": ["lan"]}
        accepted = {"until": "2030-01-01", "reason": "x"}
        for good, text in (
                (True, policy()), (True, {"version": 1}), (False, {}), (False, {"version": 2}), (False, []),
                (False, policy(extra=1)), (False, policy(allow={})), (True, policy(defaults={"unlisted": "deny"})),
                (False, policy(defaults={"unlisted": "maybe"})), (False, policy(defaults={"unlisted": {"wan": "deny"}})),
                (True, policy(defaults={"unlisted": {"lan": "warn"}, "undetermined": "deny"})),
                (True, policy(vantages={"office": {"cidr": ["192.0.2.0/24"], "in": "eth0"}})),
                (False, policy(vantages={"office": {"in": "eth0"}})), (False, policy(vantages={"office": {"cidr": []}})),
                (False, policy(workloads={"web": {}})), (False, policy(workloads={"web": {"name": "x"}})),
                (True, policy(allow=[to])), (False, policy(allow=[{**to, "ports": []}])),
                (False, policy(allow=[{**to, "from": []}])), (False, policy(allow=[{**to, "address": []}])),
                (False, policy(allow=[{**to, "families": []}])), (False, policy(allow=[{**to, "hosts": []}])),
                (False, policy(allow=[{**to, "families": ["ip5"]}])), (False, policy(allow=[{**to, "ports": ["80"]}])),
                (False, policy(allow=[{**to, "expect": "closed"}])), (True, policy(allow=[{**to, "expect": "present"}])),
                (False, policy(allow=[{**to, "severity": "high"}])), (True, policy(forbid=[{**to, "severity": "high"}])),
                (False, policy(forbid=[{**to, "expect": "open"}])), (False, policy(allow=[{"to": "web"}])),
                (True, policy(accept_risk=[{**to, **accepted}])), (False, policy(accept_risk=[to])),
                (True, policy(accept_risk=[{"finding": "0" * 32, **accepted}])),
                (False, policy(accept_risk=[{"finding": "0" * 31, **accepted}])),
                (False, policy(accept_risk=[{**to, "finding": "0" * 32, **accepted}])),
                (True, policy(accept_gap=[{"code": "xdp-program", **accepted}])),
                (False, policy(accept_gap=[{"subject": "eth0", **accepted}])),
                (True, policy(allow=[{**to, "target": "80/tcp", "ports": ["any", "icmp", "unix:@x", "1-2/udp"]}])),
                (True, policy(allow=[{**to, "from": ["external@eth0", "10.0.0.0/8", {"workload": "db"}]}])),
                (False, policy(allow=[{**to, "from": [{"container": "db"}]}])),
                (False, policy(allow=[{**to, "until": "soon"}]))):
            with self.subTest(text):
                status = self.scan(policy=text).returncode
                self.assertEqual(status != 2, good)
                self.assertEqual(POLICY.is_valid(text), good, [fault.message for fault in POLICY.iter_errors(text)])

    def test_every_complaint_at_once_with_its_place(self):
        text = ("version: 1\ndefaults: {undetermined: what}\nworkloads:\n  web: {containr: web}\nallow:\n"
                "  - {id: a, to: web, ports: [443], from: [external], until: 2026-02-30}\n"
                "  - {id: a, to: nobody, ports: [any], from: [outer, 10.0.0.1/8]}\n")
        done = self.scan(policy=text, status=2)
        self.assertEqual(done.stdout, "")
        places = [line.split("policy.json:")[1].split(": ")[0] for line in done.stderr.splitlines()]
        self.assertEqual(places, ["2:26", "4:9", "6:30", "6:61", "7:10", "7:17", "7:46", "7:53"])

    def test_the_difference_is_named_as_cidrs(self):
        lines = [dict(line) for line in ALLOW]
        lines[0] |= {"from": ["0.0.0.0/1", "128.0.0.0/2", "segment", "lan"]}
        report = self.report(policy=policy(allow=lines), status=1)
        worst = report["findings"][0]
        self.assertEqual((worst["container"], worst["port"], worst["severity"]), ("web", 8080, "high"))
        self.assertTrue(all(prefix.startswith(tuple("12")) and int(prefix.split(".")[0]) >= 192
                            for prefix in worst["excess_sources"]), worst["excess_sources"])

    def test_forbid_wins_and_a_risk_is_accepted_until_its_end(self):
        never = {"id": "never", "to": "db", "ports": "any", "from": ["lan"], "severity": "critical"}
        report = self.report(policy=policy(forbid=[never]), status=1)
        self.assertEqual((report["findings"][0]["kind"], report["findings"][0]["severity"], report["findings"][0]["policy"]),
                         ("forbidden-channel", "critical", "never"))
        risk = {"finding": report["findings"][0]["id"], "reason": "known", "until": "9999-12-31"}
        report = self.report(policy=policy(forbid=[never], accept_risk=[risk]), status=0)
        self.assertTrue(report["findings"][-1]["accepted"])
        self.assertEqual(report["summary"]["findings"]["critical"], 0)
        done = self.scan(policy=policy(forbid=[never], accept_risk=[risk | {"until": "2020-01-01"}]), status=1)
        self.assertRegex(done.stderr, r"warning: .*policy.json:1:\d+: the line ended on 2020-01-01")

    def test_what_is_expected_and_not_there_is_lost(self):
        lost = {"id": "lost", "to": "web", "ports": ["8443/tcp"], "from": ["external"], "expect": "open"}
        report = self.report(policy=policy(allow=[*ALLOW, lost]), status=1)
        self.assertEqual([f["policy"] for f in report["findings"] if f["kind"] == "lost-channel"], ["lost"])
        self.scan("--from", "lan", policy=policy(allow=[*ALLOW, lost]), status=0)

    def test_undetermined_is_judged_by_its_default(self):
        """A program on the uplink makes all that enters there undetermined."""
        def attach(data):
            host = next(n for n in data["namespaces"] if n["id"] == data["host_namespace"])
            link = next(link for link in host["links"] if link["name"] == "eth0")
            link["xdp_mode"], link["xdp_program"] = 1, 7

        file = self.folder / "snapshot"
        file.write_text(snapshot_with(attach))
        word = lambda word, **more: policy(allow=[], defaults={"unlisted": {"segment": "ignore"}, "undetermined": word}, **more)
        for default, severity, status in (("deny", "high", 1), ("warn", "low", 0), ("ignore", None, 0)):
            report = self.report(snapshot=file, policy=word(default), status=status)
            found = {f["severity"] for f in report["findings"] if f["kind"] == "undetermined-channel"}
            self.assertEqual(found, {severity} - {None})
        codes = {r["code"] for c in report["channels"] for r in c["predicted"]["reasons"] if c["from"] == "external"}
        gap = [{"code": code, "until": "9999-12-31", "reason": "vendor"} for code in codes]
        self.scan(snapshot=file, policy=word("deny", accept_gap=gap), status=0)
        self.scan(snapshot=file, policy=policy(), status=0)  # allowed if it were open


if __name__ == "__main__":
    BINARY = str(Path(sys.argv.pop(1)).resolve())
    unittest.main()

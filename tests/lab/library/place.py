# SPDX-License-Identifier: GPL-2.0-or-later
"""Places that commands run in and packets come from: the lab's host, its namespaces, and the machines outside."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

LAB = Path(__file__).resolve().parent.parent
TOOLS = LAB / "tool"
PYTHON = ["/usr/bin/python3", "-I", "-S"]
CHANNEL = Path(os.environ.get("POSTERN_LAB", "/nonexistent"))


class Process:
    """A command that goes on in the background. Its output lines are read one by one."""

    def __init__(self, argv):
        self.argv = argv
        self.errors = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )

    def wait_ready(self):
        line = self.popen.stdout.readline()
        if line.strip() != "ready":
            self.errors.seek(0)
            raise RuntimeError(f"{self.argv} did not start: {line}{self.errors.read().decode()}")
        return self

    def stop(self):
        """Ends it; returns what it had still to say."""
        self.popen.terminate()
        rest, _ = self.popen.communicate(timeout=10)
        return rest


class Place:
    """The lab's own host; the base of the others."""

    def __init__(self, name="host"):
        self.name = name

    def command(self, argv):
        return list(argv)

    def run(self, *argv, check=True, timeout=60):
        done = subprocess.run(
            self.command([str(a) for a in argv]),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, argv))}: {done.stdout}{done.stderr}")
        return done

    def start(self, *argv):
        return Process(self.command([str(a) for a in argv]))

    def batch(self, tool, lines, option="-f"):
        """Runs `TOOL -f FILE`: nft rulesets, and (option -batch) lines of ip."""
        with tempfile.NamedTemporaryFile("w", dir=CHANNEL, prefix="batch.") as file:
            file.write(lines)
            file.flush()
            self.run(tool, option, file.name)

    def ip(self, lines):
        self.batch("ip", "\n".join(line.strip() for line in lines.splitlines()) + "\n", option="-batch")

    def nft(self, ruleset):
        self.batch("nft", ruleset)

    def sysctl(self, **settings):
        """Keys with __ for the dots: net__ipv4__ip_forward=1."""
        script = "".join(f"echo {value} >/proc/sys/{key.replace('__', '/')}\n" for key, value in settings.items())
        self.run("sh", "-ec", script)

    def links_are_up(self):
        """The kernel has seen the carrier of every link that has one."""
        links = json.loads(self.run("ip", "-j", "link", "show", "up").stdout or "[]")
        return not any(link["operstate"] == "DOWN" and "LOWER_UP" in link["flags"] for link in links)

    def listen(self, name, *specs):
        return self.start(*PYTHON, TOOLS / "listen.py", name, *specs).wait_ready()

    def knock(self, *knocks, wait=0.5):
        """Each knock is (protocol, address, port) or (protocol, address, port, source): see tool/knock.py."""
        words = [",".join(map(str, knock)) for knock in knocks]
        return json.loads(self.run(*PYTHON, TOOLS / "knock.py", "--wait", wait, *words).stdout)


class Named(Place):
    """A namespace of the lab with a name under /run/netns."""

    def command(self, argv):
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *argv]


class Held(Place):
    """The namespace of a running process, an engine's container for example."""

    def __init__(self, name, pid):
        super().__init__(name)
        self.pid = pid

    def command(self, argv):
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *argv]


class Outside(Place):
    """A machine that is no part of the lab."""

    def command(self, argv):
        return [str(LAB / "outside"), self.name, *argv]


class Capture:
    """What the lab sends to the far end of an uplink, recorded there."""

    def __init__(self, place, interface):
        self.process = place.start(*PYTHON, TOOLS / "capture.py", interface).wait_ready()

    def stop(self):
        return [json.loads(line) for line in self.process.stop().splitlines()]

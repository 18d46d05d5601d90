# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 20: containers that start and die while the scan runs, and a namespace that is there and cannot be entered.

The test build holds a scan between discovery and collection: with POSTERN_TEST_HOLD=PATH it writes a byte to the pipe
PATH.reached and goes on when it can read one from PATH.go.
"""

import ctypes
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from library.engine import Docker, wait_for
from library.product import Product
from library.scenario import scenario, without_neighbours

HOLD = Path("/run/hold")
SCANS, NAMED = 50, 40


def held_scan(lab, meanwhile, *words):
    """A scan during which, once everything is found and nothing read, `meanwhile` happens."""
    for end in ("reached", "go"):
        path = Path(f"{HOLD}.{end}")
        path.unlink(missing_ok=True)
        os.mkfifo(path)
    faults = []

    def hold():
        try:
            with open(f"{HOLD}.reached", "rb") as reached:
                reached.read(1)
            meanwhile()
        except Exception as fault:  # reported by the case; the scan must go on in any event
            faults.append(fault)
        with open(f"{HOLD}.go", "wb") as go:
            go.write(b"g")

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    report = lab.scan(*words, environment={"POSTERN_TEST_HOLD": str(HOLD)})
    holder.join(timeout=5)
    if not lab.expect(not holder.is_alive(), "the scan did not stop at the hook: is this a test build?"):
        Path(f"{HOLD}.reached").write_bytes(b"x")  # lets the thread end
    lab.expect(not faults, f"meanwhile: {faults}")
    return report


def kill(place, sandbox):
    """Ends a container as a crash would, and waits until nothing but the scan holds its network."""
    os.kill(place.pid, 9)
    mounts = Path("/proc/self/mountinfo")
    wait_for(f"the end of {place.name}",
             lambda: not Path(f"/proc/{place.pid}").exists() and sandbox not in mounts.read_text())


@without_neighbours
@scenario
def fifty_deaths(lab):
    docker = Docker()
    docker.network("front", "br1")
    docker.run("stays", ["tcp:0.0.0.0:80"])
    named = 0
    for number in range(SCANS if lab.product else 2):
        name = f"victim{number}"
        victim = docker.run(name, ["tcp:0.0.0.0:9000"])
        sandbox = docker.do("inspect", "-f", "{{.NetworkSettings.SandboxKey}}", name)
        if not lab.product:
            kill(victim, sandbox)
            continue
        # Most of them only predict, to be quick; every tenth probes as well.
        report = held_scan(lab, lambda: kill(victim, sandbox), *([] if number % 10 == 0 else ["--no-probe"]))
        gone = [error for error in report["scan"]["errors"] if error.get("gone")]
        named += any(name in json.dumps(error) for error in gone)
        lab.equal(f"scan {number}: complete ({report['scan']['errors']})", report["scan"]["complete"], True)
        lab.expect(report.container("stays"), f"scan {number}: the container that stays is not in the report")
        lab.expect(report.status in (0, 1), f"scan {number}: status {report.status}")
    if lab.product:
        lab.expect(named >= NAMED, f"{named} of {SCANS} reports name the container that went, not {NAMED}")


@without_neighbours
@scenario
def a_birth(lab):
    docker = Docker()
    docker.network("front", "br1")
    docker.run("stays", ["tcp:0.0.0.0:80"])
    if not lab.product:
        docker.run("late", ["tcp:0.0.0.0:9000"])
        return
    report = held_scan(lab, lambda: docker.run("late", ["tcp:0.0.0.0:9000"]))
    lab.expect(report.container("stays"), "the container that stays is not in the report")
    lab.equal(f"complete ({report['scan']['errors']})", report["scan"]["complete"], True)


# Root without this capability may not look into the processes of others.
POWERLESS = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]


class Powerless(Product):
    def __init__(self, product):
        super().__init__(product.binary)

    def run(self, *words, **more):
        wrapped = Product(POWERLESS[0])
        return wrapped.run(*POWERLESS[1:], self.binary, *words, **more)


@without_neighbours
@scenario
def there_and_not_to_be_entered(lab):
    locked = subprocess.Popen(["unshare", "--net", "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "sleep", "600"])
    wait_for("the other user's process", lambda: Path(f"/proc/{locked.pid}/comm").read_text() == "sleep\n")
    link = f"/proc/{locked.pid}/ns/net"
    lab.expect(lab.host.run(*POWERLESS, "readlink", link, check=False).returncode != 0, f"kernel: {link} can be read")
    lab.expect(lab.host.run("readlink", link, check=False).returncode == 0, f"kernel: {link} cannot be read by root")
    if not lab.product:
        return
    powerful, powerless = lab.product, Powerless(lab.product)
    report = lab.scan("--no-probe")
    lab.equal("with every capability: complete", report["scan"]["complete"], True)
    lab.product = powerless
    report = lab.scan("--no-probe")
    lab.equal("complete", report["scan"]["complete"], False)
    lab.equal("status", report.status, 3)
    left = [error for error in report["scan"]["errors"] if not error.get("gone")]
    lab.expect(any(str(locked.pid) in json.dumps(error) for error in left), f"no error names process {locked.pid}: {left}")
    lab.equal("status with --allow-partial", lab.scan("--no-probe", "--allow-partial").status, 0)
    lab.product = powerful


def mount_hung(path):
    """A file system whose server never answers: whoever looks into it waits. Gone with the descriptor that is returned."""
    Path(path).mkdir(parents=True)
    server = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"hung", path.encode(), b"fuse", 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"cannot mount a file system on {path}")
    return server


SECONDS = 8
# What a thread that never comes back works on is left to it.
LEFT_BEHIND = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=0"}


@without_neighbours
@scenario
def a_file_system_that_hangs(lab):
    lab.frame.bridges("br1")
    place = lab.frame.namespace("web", "br1", 2)
    place.listen("web", "tcp:0.0.0.0:80")
    servers = [mount_hung("/run/hung/docker"), mount_hung("/run/docker/netns")]
    look = subprocess.Popen(["ls", "/run/hung/docker"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    lab.expect(look.poll() is None, "kernel: a look into the file system comes back")
    look.kill()
    look.wait(timeout=5)
    if lab.product:
        began = time.monotonic()
        report = lab.scan("--no-probe", "--timeout", SECONDS, "--engine-root", "docker=/run/hung/docker", environment=LEFT_BEHIND)
        took = time.monotonic() - began
        # the sanitizers of a test build take their time at the end
        lab.expect(took < SECONDS + 4, f"the scan took {took:.1f} s")
        lab.equal("complete", report["scan"]["complete"], False)
        left = {error["subject"] for error in report["scan"]["errors"] if error["code"] == "timeout"}
        lab.equal("what was not looked at", left, {"engines", "/run/docker/netns"})
        lab.expect(report.container("web"), "the container that has nothing to do with it is not in the report")
        lab.expect(report.channels(port=80), "nor is a way to its listener")
        lab.equal("entered", report["scan"]["coverage"]["namespaces"]["entered"], report["scan"]["coverage"]["namespaces"]["seen"])
        report = lab.scan("--no-probe", "--timeout", SECONDS, "--engine-root", "docker=/run/hung/docker", "--fail-on", "critical",
                          environment=LEFT_BEHIND)
        lab.equal("status where nothing is found", report.status, 3)
    for server in servers:
        os.close(server)

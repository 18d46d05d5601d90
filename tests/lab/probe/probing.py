# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes plans for the probe from a lab's frame, and has them run by probe-drive."""

import json
import os
import subprocess
import tempfile

from library.frame import Frame
from library.place import CHANNEL, Held, Named, Outside

DRIVE = os.environ.get("PROBE_DRIVE", "")
PROTOCOLS = {"tcp": 6, "udp": 17}
FAR4, FAR6 = "198.51.100.77", "2001:db8:7::77"
NEAR4, NEAR6 = "203.0.113.99", "2001:db8:0:1::99"
MULTICAST_REPORT = 143


def namespace_path(place):
    if isinstance(place, Named):
        return f"/run/netns/{place.name}"
    return f"/proc/{place.pid}/ns/net" if isinstance(place, Held) else "/proc/self/ns/net"


def links(place):
    return {link["ifname"]: link for link in json.loads(place.run("ip", "-j", "-d", "link").stdout)}


class Plan:
    """The plan of one run; probes are added by the methods that send them."""

    def __init__(self, lab, **options):
        self.lab = lab
        self.ids = {name: os.stat(namespace_path(place)).st_ino for name, place in lab.inside().items()}
        self.links = links(lab.host)
        self.options = options
        self.uplinks, self.exits, self.probes = [], [], []
        self.seconds, self.prefix = None, []
        for name in ("eth0", "eth1"):
            if name in self.links:
                self.add_uplink(name)

    def add_uplink(self, name, exits=(), **more):
        link = self.links[name]
        uplink = {"index": link["ifindex"], "name": name, "ethernet": link["link_type"] == "ether"} | more
        gateway = self.gateway(name)
        uplink = {key: value for key, value in uplink.items() if value is not None}
        if gateway and "gateway" not in more:
            uplink |= {"gateway": gateway, "has_gateway": True}
        self.uplinks.append(uplink)
        for exit_name in (name, *exits):
            self.exits.append({"namespace": self.ids["host"], "index": self.links[exit_name]["ifindex"], "name": exit_name})

    def gateway(self, name):
        entries = json.loads(self.lab.host.run("ip", "-j", "neigh", "show", "dev", name).stdout)
        return next((entry["lladdr"] for entry in entries if "lladdr" in entry), None)

    def uplink_place(self, name):
        return next(i for i, uplink in enumerate(self.uplinks) if uplink["name"] == name)

    def add(self, probe):
        probe["id"] = len(self.probes)
        self.probes.append(probe)
        return str(probe["id"])

    def common(self, protocol, address, port, target, to=None, **more):
        """target: the place where it ends; to: (address, port) after rewrites."""
        to = to or (address, port)
        arrival = self.lab.arrival(target, self.links)
        return {
            "protocol": PROTOCOLS[protocol], "destination": address, "port": port,
            "target": self.ids[target] if target else 0, "target_address": to[0], "target_port": to[1],
            "arrival": arrival,
        } | more

    def inject(self, protocol, address, port, target, to=None, source=None, uplink="eth0", **more):
        six = ":" in address
        return self.add(
            {"method": "ingress", "uplink": self.uplink_place(uplink), "reply": "host",
             "source": source or (FAR6 if six else FAR4), "vantage": f"external@{uplink}"}
            | self.common(protocol, address, port, target, to, **more))

    def send(self, place, protocol, address, port, target, to=None, **more):
        method = "raw" if protocol == "tcp" else "datagram"
        return self.add({"method": method, "from": self.ids[place], "vantage": place}
                        | self.common(protocol, address, port, target, to, **more))

    def text(self):
        return json.dumps({
            "format": "postern-plan", "version": 1, "host": self.ids["host"], "options": self.options,
            "uplinks": self.uplinks, "exits": self.exits, "probes": self.probes})

    def start(self):
        with tempfile.NamedTemporaryFile("w", dir=CHANNEL, prefix="plan.", delete=False) as file:
            file.write(self.text())
            os.fchmod(file.fileno(), 0o644)
        words = [f"{number}={namespace_path(self.lab.inside()[name])}" for name, number in self.ids.items()]
        limit = ["--seconds", str(self.seconds)] if self.seconds else []
        return subprocess.Popen([*self.prefix, DRIVE, *limit, file.name, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, timeout=60):
        process = self.start()
        output, errors = process.communicate(timeout=timeout)
        if process.returncode != 0 or "runtime error" in errors:
            raise RuntimeError(f"probe-drive: {process.returncode}: {errors[-4000:]}")
        return json.loads(output)


class Quiet:
    """Captures behind both uplinks while something runs; nothing may be heard there."""

    def __init__(self, lab, *uplinks):
        self.lab, self.uplinks = lab, uplinks or ("eth0", "eth1")

    def __enter__(self):
        self.captures = {uplink: self.lab.frame.capture(uplink) for uplink in self.uplinks}
        self.neighbours = self.known()
        return self

    def known(self):
        lines = self.lab.host.run("ip", "neigh", "show").stdout.splitlines()
        return {line.split()[0] for line in lines if " eth" in line}

    def __exit__(self, *_):
        self.frames = {}
        for uplink, capture in self.captures.items():
            self.frames[uplink] = [f for f in capture.stop() if f.get("type") != MULTICAST_REPORT or f["kind"] != "ip6"]
            self.lab.equal(f"frames behind {uplink}", self.frames[uplink], [])
        self.lab.equal("new neighbours", self.known() - self.neighbours, set())


class ProbeLab:
    """A frame, and what a case works with."""

    def __init__(self, neighbours=True):
        self.frame = Frame(neighbours=neighbours)
        self.problems = []
        self.held = {}

    @property
    def host(self):
        return self.frame.host

    @property
    def places(self):
        return self.frame.places

    def inside(self):
        """Places of this host: those that probes may end at."""
        return {name: place for name, place in self.places.items() if not isinstance(place, Outside)}

    def arrival(self, name, host_links):
        """The host's end of a place's veth."""
        if name in (None, "host"):
            return 0
        peers = {link.get("link_index") for link in links(self.places[name]).values()}
        found = [link["ifindex"] for link in host_links.values() if link["ifindex"] in peers and "link_netnsid" in link]
        return found[0] if found else 0

    def expect(self, condition, text):
        if not condition:
            self.problems.append(text)
        return condition

    def equal(self, what, found, wanted):
        return self.expect(found == wanted, f"{what}: {found!r}, not {wanted!r}")

    def observed(self, result, probe, state, **more):
        """Checks one observation: its state, and any of its members."""
        found = result["observations"][probe]
        what = f"probe {probe}: {found}"
        good = self.equal(f"{what}: state", found["state"], state)
        for member, wanted in more.items():
            value = found["reason"].get("code") if member == "code" else found.get(member)
            good = self.equal(f"{what}: {member}", value, wanted) and good
        return good


def case(function):
    function.is_case = True
    return function


def alone(function):
    """Nobody on the wires."""
    function.without_neighbours = True
    return function

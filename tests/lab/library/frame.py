# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's frame: the host's uplinks and bridges, and who stands at the far ends.

    X --- R ---+
    N, Nr, Nm -+- wire0 --- eth0 [host] eth1 --- wire1 --- N2
                            br1   br2
                          C1 C2   C3

N is a neighbour on eth0's wire; Nr the same with routes to containers' addresses through the host; Nm one that sends
packets for 127.0.0.1 to the host; X is routed from afar by R, the host's default gateway; N2 stands on eth1's wire and
routes to eth0's network through the host.
"""

import json
import time
from dataclasses import dataclass

from library.place import Capture, Named, Outside, Place

HOST4, HOST6 = "203.0.113.10", "2001:db8:0:1::10"
SECOND4, SECOND6 = "198.18.0.10", "2001:db8:0:2::10"


@dataclass(frozen=True)
class Stranger:
    """A machine outside, and what a scan calls the place that it stands at."""

    ip4: str
    ip6: str
    vantage: str
    uplink: str


STRANGERS = {
    "N": Stranger("203.0.113.20", "2001:db8:0:1::20", "lan", "eth0"),
    "Nr": Stranger("203.0.113.21", "2001:db8:0:1::21", "lan", "eth0"),
    "Nm": Stranger("203.0.113.22", "2001:db8:0:1::22", "lan", "eth0"),
    "N2": Stranger("198.18.0.20", "2001:db8:0:2::20", "lan", "eth1"),
    "X": Stranger("198.51.100.7", "2001:db8:7::7", "external", "eth0"),
}

SILENCE = """
for folder in all default; do
  cd /proc/sys/net/ipv6/conf/$folder
  echo 0 >accept_ra; echo 0 >accept_dad; echo 0 >router_solicitations; echo 1 >mldv2_unsolicited_report_interval
done
"""

# How each machine is set up, once its eth0 is there.
MACHINES = {
    "N": """
        ip route add default via 203.0.113.1; ip -6 route add default via 2001:db8:0:1::1""",
    "Nr": """
        ip route add 172.16.0.0/12 via 203.0.113.10; ip route add 10.0.0.0/8 via 203.0.113.10
        ip -6 route add fd00::/8 via 2001:db8:0:1::10""",
    "Nm": """
        echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet
        ip addr del 127.0.0.1/8 dev lo
        ip route add 127.0.0.1 via 203.0.113.10
        ip addr del ::1/128 dev lo; ip -6 route add ::1 via 2001:db8:0:1::10""",
    "N2": """
        ip route add 203.0.113.0/24 via 198.18.0.10; ip route add 172.16.0.0/12 via 198.18.0.10
        ip -6 route add 2001:db8:0:1::/64 via 2001:db8:0:2::10; ip -6 route add fd00::/8 via 2001:db8:0:2::10""",
}


def join(machine, port, peer):
    """Shell words that tie `port` of the machine that runs them to `peer` of another."""
    return f'ip link add {port} type veth peer name {peer} netns "/proc/$(cat $POSTERN_LAB/machines/{machine})/ns/net"\n'


def wire(name, uplink, machines):
    """A switch outside with one uplink of the lab and some machines on it. It has no address and says nothing."""
    for machine in machines:
        Outside(machine).run("true")
    script = "ip link add wire type bridge stp_state 0 mcast_snooping 0 forward_delay 0\n"
    script += f'ip link add lab type veth peer name {uplink} netns "$LAB_NETWORK"\n'
    script += "".join(join(machine, machine, "eth0") for machine in machines)
    script += "".join(f"ip link set {port} master wire up\n" for port in ["lab", *machines])
    script += "ip link set wire up\n"
    place = Outside(name)
    place.run("sh", "-ec", script)
    return place


def configure_machine(name):
    stranger = STRANGERS[name]
    Outside(name).run("sh", "-ec", f"""
        ip addr add {stranger.ip4}/24 dev eth0; ip addr add {stranger.ip6}/64 dev eth0 nodad
        ip link set eth0 up
        {MACHINES[name]}""")


def configure_router():
    """R, and X behind it."""
    Outside("X").run("true")
    Outside("R").run("sh", "-ec", f"""
        echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
        {join("X", "far", "eth0")}
        ip addr add 203.0.113.1/24 dev eth0; ip addr add 2001:db8:0:1::1/64 dev eth0 nodad
        ip addr add 198.51.100.1/24 dev far; ip addr add 2001:db8:7::1/64 dev far nodad
        ip link set eth0 up; ip link set far up""")
    Outside("X").run("sh", "-ec", """
        ip addr add 198.51.100.7/24 dev eth0; ip addr add 2001:db8:7::7/64 dev eth0 nodad
        ip link set eth0 up
        ip route add default via 198.51.100.1; ip -6 route add default via 2001:db8:7::1""")


class Frame:
    """The network of one lab. Uplinks come first; bridges and namespaces are added as a scenario needs them."""

    def __init__(self, neighbours=True):
        """Without neighbours the wires are there, and nobody on them: no gateway either."""
        self.host = Place()
        self.places = {"host": self.host}
        self.host.run("sh", "-ec", SILENCE)
        near = ["N", "Nr", "Nm", "R"] if neighbours else []
        self.wires = {"eth0": wire("wire0", "eth0", near), "eth1": wire("wire1", "eth1", ["N2"] if neighbours else [])}
        self.host.ip(f"""
            addr add {HOST4}/24 dev eth0
            addr add {HOST6}/64 dev eth0 nodad
            addr add {SECOND4}/24 dev eth1
            addr add {SECOND6}/64 dev eth1 nodad
            link set eth0 up
            link set eth1 up
            route add default via 203.0.113.1
            route add ::/0 via 2001:db8:0:1::1""")
        if neighbours:
            for name in MACHINES:
                configure_machine(name)
            configure_router()
            self.places |= {name: Outside(name) for name in STRANGERS}
        self.host.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)

    def bridges(self, *names):
        """br1 (172.18.0.1/16, fd00:18::1/64) and br2 (172.19.0.1/16, fd00:19::1/64)."""
        for name in names or ("br1", "br2"):
            number = 17 + int(name[2:])
            self.host.ip(f"""
                link add {name} type bridge stp_state 0 mcast_snooping 0 forward_delay 0
                addr add 172.{number}.0.1/16 dev {name}
                addr add fd00:{number}::1/64 dev {name} nodad
                link set {name} up""")

    def namespace(self, name, bridge, host_part):
        """A bare named namespace on a bridge: .HOST_PART of its networks."""
        number = 17 + int(bridge[2:])
        self.host.ip(f"""
            netns add {name}
            link add {name.lower()} type veth peer name eth0 netns {name}
            link set {name.lower()} master {bridge} up""")
        place = Named(name)
        place.run("sh", "-ec", SILENCE)
        place.ip(f"""
            link set lo up
            addr add 172.{number}.0.{host_part}/16 dev eth0
            addr add fd00:{number}::{host_part}/64 dev eth0 nodad
            link set eth0 up
            route add default via 172.{number}.0.1
            route add ::/0 via fd00:{number}::1""")
        self.places[name] = place
        return place

    def namespaces(self):
        """C1 and C2 on br1, C3 on br2."""
        self.bridges()
        self.namespace("C1", "br1", 2)
        self.namespace("C2", "br1", 3)
        self.namespace("C3", "br2", 2)

    def settle(self, seconds=5):
        """Waits until the kernel calls every link up that is: with many new ones it takes its time, up to a second, in
        which what a machine sends is lost."""
        end = time.monotonic() + seconds
        waiting = [*self.places.values(), *self.wires.values()] + ([Outside("R")] if "X" in self.places else [])
        while waiting and time.monotonic() < end:
            waiting = [place for place in waiting if not place.links_are_up()]
            time.sleep(0.05 if waiting else 0)

    def capture(self, uplink):
        return Capture(self.wires[uplink], "lab")

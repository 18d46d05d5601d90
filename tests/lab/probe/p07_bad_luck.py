# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong around a run: an uplink, a sender, a neighbour, the keeper. Nothing leaves, and nothing is called safe."""

import json
import os
import signal
import time

from library.frame import HOST4, HOST6
from library.place import PYTHON
from p01_states import shop
from p04_nothing_left import left_behind, wait_until_nothing
from probing import NEAR4, NEAR6, Plan, Quiet, alone, case

GUARDS = ("bpf", "nftables")
RESETS_LOST = """
table inet lossy {
  chain prerouting { type filter hook prerouting priority raw; tcp flags & (syn | rst) == rst drop; }
}
"""


@alone
@case
def an_uplink_goes_down_with_connections_half_open(lab):
    """What is sent again then has another way out: the guards stay until it ends."""
    shop(lab)
    lab.host.nft(RESETS_LOST)
    lab.host.ip("""
        route add default via 198.18.0.1 dev eth1 metric 100
        route add ::/0 via 2001:db8:0:2::1 dev eth1 metric 2000""")
    with Quiet(lab, "eth1"):
        for guard in GUARDS:
            plan = Plan(lab, guard=guard)
            wanted = [plan.inject("tcp", HOST4, 8080, "C1", ("172.18.0.2", 80)),
                      plan.inject("tcp", HOST6, 8080, "C1", ("fd00:18::2", 80))]
            result = plan.run()
            for probe in wanted:
                lab.observed(result, probe, "open")
        lab.host.ip("link set eth0 down")
        lab.equal("still there after 71 seconds", wait_until_nothing(lab, 71), {})


@alone
@case
def a_host_that_forwards_nothing(lab):
    """Such a host asks whether a gateway of IPv6 is there as soon as it looks for a way (RFC 4191)."""
    shop(lab)
    lab.host.sysctl(net__ipv4__ip_forward=0, net__ipv6__conf__all__forwarding=0)
    lab.host.ip("route append ::/0 via 2001:db8:0:2::1 dev eth1")
    for guard in GUARDS:
        plan = Plan(lab, guard=guard)
        wanted = [plan.inject("tcp", host, port, "host", source=source) for port in (7001, 7005)
                  for host, source in ((HOST4, None), (HOST4, NEAR4), (HOST6, None), (HOST6, NEAR6))]
        with Quiet(lab):
            result = plan.run()
            time.sleep(0.5)
        for number, probe in enumerate(wanted):
            lab.observed(result, probe, "open" if number < 4 else "closed")


ANSWERS_LOST = """
table inet oneway {
  chain forward { type filter hook forward priority filter; tcp flags & (syn | ack) == (syn | ack) drop; }
}
"""


@alone
@case
def the_sender_never_hears_of_it(lab):
    """Its kernel resets nothing that it never saw: the probe does."""
    shop(lab)
    lab.host.nft(ANSWERS_LOST)
    plan = Plan(lab)
    for address in ("172.18.0.2", "fd00:18::2"):
        plan.send("C3", "tcp", address, 80, "C1")
    plan.run()
    lab.equal("left", left_behind(lab), {})


@alone
@case
def the_sender_lost_its_address(lab):
    """That says nothing about the way from there."""
    shop(lab)
    plan = Plan(lab)
    more = {"172.18.0.2": "172.18.0.3", "fd00:18::2": "fd00:18::3"}
    wanted = [plan.send("C2", protocol, address, port, "C1", source=own)
              for address, own in more.items() for protocol, port in (("tcp", 80), ("udp", 53))]
    lab.host.ip("link del c2")
    result = plan.run()
    for probe in wanted:
        lab.observed(result, probe, "not-probed", code="no-source")


@alone
@case
def a_neighbour_of_the_sender_is_gone(lab):
    shop(lab)
    plan = Plan(lab)
    wanted = [plan.send("C2", protocol, address, 80, "C1")
              for address in ("172.18.0.77", "fd00:18::77") for protocol in ("tcp", "udp")]
    result = plan.run()
    for probe in wanted:
        lab.observed(result, probe, "undetermined", code="reply-not-seen")


@alone
@case
def a_link_local_address_without_its_interface(lab):
    shop(lab)
    plan = Plan(lab)
    wanted = [plan.send("C2", protocol, "fe80::1", 80, "C1") for protocol in ("tcp", "udp")]
    result = plan.run()
    for probe in wanted:
        lab.observed(result, probe, "not-probed", code="address-refused")


FULL = """
import socket, sys, time
listener = socket.socket(); listener.bind(("0.0.0.0", 8889)); listener.listen(0)
clients = []
for _ in range(4):
    client = socket.socket(); client.setblocking(False); client.connect_ex(("127.0.0.1", 8889)); clients.append(client)
time.sleep(0.5)
print("ready", flush=True)
time.sleep(600)
"""


@alone
@case
def a_queue_that_is_full(lab):
    """Nobody decided against the packet."""
    shop(lab)
    lab.places["C1"].start(*PYTHON, "-c", FULL).wait_ready()
    for options in ({"guard": "bpf"}, {"guard": "nftables"}, {"guard": "none"}):
        plan = Plan(lab, allow_connect=True, **options)
        wanted = [plan.send("C2", "tcp", "172.18.0.2", 8889, "C1"), plan.send("host", "tcp", "172.18.0.2", 8889, "C1"),
                  plan.send("C2", "tcp", "172.18.0.2", 8889, "C1", method="connect")]
        result = plan.run()
        for probe in wanted:
            lab.observed(result, probe, "undetermined", code="reply-not-seen")


TRANSPARENT = """
import socket, time
for family, level, option in ((socket.AF_INET, socket.SOL_IP, 19), (socket.AF_INET6, socket.IPPROTO_IPV6, 75)):
    s = socket.socket(family, socket.SOCK_DGRAM); s.setsockopt(level, option, 1)
    if family == socket.AF_INET6: s.setsockopt(level, socket.IPV6_V6ONLY, 1)
    s.bind(("", 5500)); globals()[option] = s
print("ready", flush=True)
time.sleep(600)
"""
STEER = """
table inet steer {
  chain prerouting { type filter hook prerouting priority mangle; udp dport 5400 tproxy to :5500 meta mark set 9 accept; }
}
"""


@alone
@case
def a_datagram_that_a_rule_gives_to_another_socket(lab):
    """TPROXY: the socket that it goes to is not the one of its port."""
    shop(lab)
    lab.places["C1"].start(*PYTHON, "-c", TRANSPARENT).wait_ready()
    lab.places["C1"].nft(STEER)
    for guard in GUARDS:
        plan = Plan(lab, guard=guard)
        wanted = [plan.send("C2", "udp", address, 5400, "C1") for address in ("172.18.0.2", "fd00:18::2")]
        result = plan.run()
        for probe in wanted:
            found = result["observations"][probe]
            lab.equal(f"{guard}: {found}", found["state"], "open")


INNER = """
table inet inner {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    th dport 90 meta l4proto { tcp, udp } dnat ip to 172.18.0.99
    th dport 90 meta l4proto { tcp, udp } dnat ip6 to fd00:18::99
  }
}
"""


@alone
@case
def a_container_forwards_to_nobody(lab):
    """The packet waits inside for three seconds; then its source is told."""
    shop(lab)
    lab.places["C1"].nft(INNER)
    lab.places["C1"].sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
    for guard in GUARDS:
        plan = Plan(lab, guard=guard)
        wanted = [plan.inject(protocol, address, 90, "C1", source=source) for protocol in ("tcp", "udp")
                  for address, source in (("172.18.0.2", NEAR4), ("fd00:18::2", NEAR6))]
        with Quiet(lab):
            result = plan.run()
            time.sleep(7)
        for probe in wanted:
            lab.expect(result["observations"][probe]["state"] != "open", str(result["observations"][probe]))


@alone
@case
def the_keeper_dies(lab):
    """No frame goes out without one."""
    shop(lab)
    plan = Plan(lab, rate=100)
    probes = [plan.inject("tcp", HOST4, 20000 + number, "host") for number in range(200)]
    with Quiet(lab):
        process = plan.start()
        time.sleep(0.8)
        keeper = int(lab.host.run("pgrep", "postern-keeper").stdout)
        os.kill(keeper, signal.SIGKILL)
        output, errors = process.communicate(timeout=30)
    lab.equal("status", process.returncode, 0)
    result = json.loads(output)
    states = [(o["state"], o["reason"].get("code")) for o in result["observations"].values()]
    lab.equal("states", set(states), {("closed", None), ("not-probed", "no-keeper")})
    lab.expect(any("keeper" in text for text in result["errors"]), result["errors"])
    lab.equal("left", wait_until_nothing(lab, 8), {})


@alone
@case
def the_keeper_dies_and_is_needed(lab):
    """A new one takes over what is half open."""
    shop(lab)
    lab.host.nft(RESETS_LOST)
    plan = Plan(lab, timeout_ms=1000)
    wanted = [plan.inject("tcp", HOST4, 8080, "C1", ("172.18.0.2", 80)), plan.inject("tcp", HOST4, 7009, "host")]
    with Quiet(lab):
        process = plan.start()
        time.sleep(0.7)
        os.kill(int(lab.host.run("pgrep", "postern-keeper").stdout), signal.SIGKILL)
        output, _ = process.communicate(timeout=30)
        result = json.loads(output)
        lab.observed(result, wanted[0], "open")
        lab.expect(result["side_effects"], f"nobody was told of the keeper: {result}")
        lab.expect("processes" in left_behind(lab), "there is no keeper")
        lab.equal("still there after 71 seconds", wait_until_nothing(lab, 71), {})


FORGER = """
import socket, struct, sys
listener = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
print("ready", flush=True)
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
while True:
    packet, (source, _) = listener.recvfrom(2048)
    header = (packet[0] & 15) * 4
    sport, dport, seq, _, _, flags = struct.unpack("!HHIIBB", packet[header:header + 14])
    if dport != 80 or flags != 2: continue
    for port in range(1, 30000):
        tcp = struct.pack("!HHIIBBHHH", port, sport, 1, seq + 1 & 0xffffffff, 0x50, 0x12, 1000, 0, 0)
        pseudo = socket.inet_aton("172.18.0.2") + socket.inet_aton(source) + struct.pack("!BBH", 0, 6, 20)
        sender.sendto(tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:], (source, 0))
"""


@alone
@case
def a_container_that_answers_too_much(lab):
    """It must not make what others do unseen."""
    shop(lab)
    lab.places["C1"].start(*PYTHON, "-c", FORGER).wait_ready()
    for guard in GUARDS:
        plan = Plan(lab, guard=guard, tries=1, timeout_ms=3000)
        plan.inject("tcp", "172.18.0.2", 80, "C1")
        wanted = [plan.inject("tcp", HOST4, 7001, "host", source=f"198.51.100.{n}") for n in range(1, 200)]
        plan.options["rate"] = 100
        with Quiet(lab):
            result = plan.run(timeout=180)  # the flood is slow on a busy machine
        states = {result["observations"][probe]["state"] for probe in wanted}
        lab.expect(states <= {"open", "undetermined"}, f"{guard}: {states}")

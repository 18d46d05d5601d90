# SPDX-License-Identifier: GPL-2.0-or-later
"""What a wrong prediction, a wrong plan or a strange topology must not do: let anything leave the host."""

import json
import time

from library.frame import HOST4, HOST6, SILENCE
from library.place import Named
from probing import NEAR4, NEAR6, Plan, Quiet, alone, case

AWAY = """
table inet away {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    th dport 8090 dnat ip to 203.0.113.20:80
    th dport 8091 dnat ip to 198.18.0.20:80
    th dport 8090 dnat ip6 to [2001:db8:0:1::20]:80
    th dport 8091 dnat ip6 to [2001:db8:0:2::20]:80
  }
  chain postrouting { type nat hook postrouting priority srcnat; %s; }
}
"""
GUARDS = ("bpf", "nftables")


def check_forwarded(lab, verdict):
    """The plan says that it ends here, and it does not."""
    lab.frame.namespaces()
    lab.host.nft((AWAY % verdict).replace("th dport", "meta l4proto { tcp, udp } th dport"))
    lab.frame.settle()
    for guard in GUARDS:
        plan = Plan(lab, guard=guard)
        wanted = [plan.inject(protocol, host, port, "host")
                  for host in (HOST4, HOST6) for port in (8090, 8091) for protocol in ("tcp", "udp")]
        wanted += [plan.send("C1", protocol, host, 8091, "host") for host in (HOST4, HOST6) for protocol in ("tcp", "udp")]
        with Quiet(lab):
            result = plan.run()
        for probe in wanted:
            lab.observed(result, probe, "undetermined", code="target-elsewhere")


@alone
@case
def forwarded_to_absent_machines(lab):
    check_forwarded(lab, "accept")


@alone
@case
def forwarded_and_masqueraded(lab):
    check_forwarded(lab, "oifname { eth0, eth1 } masquerade")


@case
def forwarded_to_real_machines(lab):
    check_forwarded(lab, "accept")


@alone
@case
def answered_by_another_uplink(lab):
    lab.frame.namespaces()
    lab.host.listen("daemon", "tcp:[::]:7001,dual")
    lab.host.ip("route replace default via 198.18.0.1 dev eth1\nroute replace ::/0 via 2001:db8:0:2::1 dev eth1")
    for guard in GUARDS:
        plan = Plan(lab, guard=guard)
        wanted = [plan.inject("tcp", host, 7001, "host") for host in (HOST4, HOST6)]
        with Quiet(lab):
            result = plan.run()
        for probe in wanted:
            lab.observed(result, probe, "open")


def bridge_uplink(lab):
    """The uplink is a bridge with a physical-like port; C1 stands on it, beside the host's own address."""
    lab.host.ip(f"""
        link add br0 type bridge stp_state 0 mcast_snooping 0 forward_delay 0
        link set br0 up
        addr flush dev eth0
        link set eth0 master br0
        addr add {HOST4}/24 dev br0
        addr add {HOST6}/64 dev br0 nodad
        route replace default via 203.0.113.1 dev br0
        route replace ::/0 via 2001:db8:0:1::1 dev br0
        netns add B1""")
    place = lab.places["B1"] = Named("B1")
    place.run("sh", "-ec", SILENCE)
    lab.host.ip("link add b1 type veth peer name eth0 netns B1\nlink set b1 master br0 up")
    place.ip("""
        link set lo up
        addr add 203.0.113.30/24 dev eth0
        addr add 2001:db8:0:1::30/64 dev eth0 nodad
        link set eth0 up
        route add default via 203.0.113.1
        route add ::/0 via 2001:db8:0:1::1""")
    place.listen("B1", "tcp:[::]:80,dual", "udp:[::]:53,dual")
    lab.host.listen("daemon", "tcp:[::]:7001,dual")
    lab.frame.settle()


def mac_of(place, name):
    return json.loads(place.run("ip", "-j", "link", "show", name).stdout)[0]["address"]


def bridge_plan(lab, guard, gateway):
    plan = Plan(lab, guard=guard)
    plan.uplinks.clear()
    plan.exits = [e for e in plan.exits if e["name"] == "eth1"]
    plan.add_uplink("br0", exits=["eth0"], gateway=gateway, has_gateway=bool(gateway))
    to_b1 = {"uplink": "br0", "reply": "namespace", "reply_namespace": plan.ids["B1"],
             "destination_mac": mac_of(lab.places["B1"], "eth0"), "has_destination_mac": True}
    wanted = []
    for host, b1 in ((HOST4, "203.0.113.30"), (HOST6, "2001:db8:0:1::30")):
        wanted += [(plan.inject("tcp", host, 7001, "host", uplink="br0"), "open"),
                   (plan.inject("tcp", b1, 80, "B1", **to_b1), "open"),
                   (plan.inject("tcp", b1, 81, "B1", **to_b1), "closed"),
                   (plan.inject("udp", b1, 53, "B1", **to_b1), "open"),
                   (plan.send("host", "tcp", b1, 80, "B1"), "open"),
                   (plan.send("host", "udp", b1, 53, "B1"), "open"),
                   (plan.send("B1", "tcp", host, 7001, "host"), "open")]
    return plan, wanted


@case
def a_bridge_is_the_uplink(lab):
    bridge_uplink(lab)
    lab.places["N"].knock(("tcp", HOST4, 9), ("tcp", "203.0.113.30", 9))
    lab.host.run("ip", "neigh", "flush", "dev", "br0")
    entries = lab.host.run("bridge", "fdb", "show", "br", "br0").stdout
    for guard in GUARDS:
        plan, wanted = bridge_plan(lab, guard, mac_of(lab.places["N"], "eth0"))
        with Quiet(lab):
            result = plan.run()
        for probe, state in wanted:
            lab.observed(result, probe, state)
    lab.equal("forwarding entries", set(lab.host.run("bridge", "fdb", "show", "br", "br0").stdout.splitlines())
              - set(entries.splitlines()), set())


@alone
@case
def a_bridge_and_nobody_known(lab):
    """No MAC is invented where a bridge would learn it."""
    bridge_uplink(lab)
    lab.host.knock(("tcp", "203.0.113.30", 9), ("tcp", "2001:db8:0:1::30", 9))
    plan, wanted = bridge_plan(lab, "auto", None)
    with Quiet(lab):
        result = plan.run()
    for probe, state in wanted:
        if plan.probes[int(probe)]["method"] == "ingress":
            lab.observed(result, probe, "not-probed", code="no-neighbour")
        else:
            lab.observed(result, probe, state)


@case
def a_macvlan_container(lab):
    """It answers past the host's IP layer, by the uplink itself."""
    lab.host.ip("netns add M1")
    place = lab.places["M1"] = Named("M1")
    place.run("sh", "-ec", SILENCE)
    lab.host.ip("link add link eth0 name macvlan0 netns M1 type macvlan mode bridge")
    place.ip("""
        link set lo up
        addr add 203.0.113.40/24 dev macvlan0
        addr add 2001:db8:0:1::40/64 dev macvlan0 nodad
        link set macvlan0 up
        route add default via 203.0.113.1
        route add ::/0 via 2001:db8:0:1::1""")
    place.listen("M1", "tcp:[::]:80,dual", "udp:[::]:53,dual")
    lab.frame.settle()
    lab.places["N"].knock(("tcp", HOST4, 9))
    for guard in GUARDS:
        plan = Plan(lab, guard=guard)
        way = {"reply": "namespace", "reply_namespace": plan.ids["M1"], "destination_mac": mac_of(place, "macvlan0"),
               "has_destination_mac": True}
        wanted = []
        for address in ("203.0.113.40", "2001:db8:0:1::40"):
            wanted += [(plan.inject("tcp", address, 80, "M1", **way), "open"),
                       (plan.inject("tcp", address, 81, "M1", **way), "closed"),
                       (plan.inject("udp", address, 53, "M1", **way), "open"),
                       (plan.inject("udp", address, 54, "M1", **way), "closed")]
        with Quiet(lab):
            result = plan.run()
        for probe, state in wanted:
            lab.observed(result, probe, state)


@alone
@case
def a_tun_uplink(lab):
    """Frames of a bare IP device."""
    lab.host.ip("tuntap add dev tun0 mode tun\naddr add 192.0.2.1/24 dev tun0\naddr add 2001:db8:9::1/64 dev tun0 nodad\nlink set tun0 up")
    lab.host.listen("daemon", "tcp:[::]:7001,dual", "udp:[::]:7002,dual")
    plan = Plan(lab)
    plan.add_uplink("tun0")
    wanted = [(plan.inject(protocol, host, port, "host", uplink="tun0", source=source), state)
              for host, source in (("192.0.2.1", "192.0.2.77"), ("2001:db8:9::1", "2001:db8:9::77"))
              for protocol, port, state in (("tcp", 7001, "open"), ("tcp", 7003, "closed"), ("udp", 7002, "open"))]
    with Quiet(lab):
        result = plan.run()
    for probe, state in wanted:
        lab.observed(result, probe, state)


@alone
@case
def forged_destinations_and_sources(lab):
    """A neighbour that forges 127/8, and the host's own address as source."""
    lab.host.listen("daemon", "tcp:127.0.0.1:7001", "tcp:0.0.0.0:7003")
    plan = Plan(lab)
    loopback = plan.inject("tcp", "127.0.0.1", 7001, "host")
    own = plan.inject("tcp", HOST4, 7003, "host", source=HOST4)
    with Quiet(lab):
        result = plan.run()
    lab.observed(result, loopback, "filtered")
    lab.observed(result, own, "filtered")
    lab.host.sysctl(net__ipv4__conf__eth0__route_localnet=1)
    plan = Plan(lab)
    loopback = plan.inject("tcp", "127.0.0.1", 7001, "host")
    with Quiet(lab):
        result = plan.run()
    lab.observed(result, loopback, "open")


@alone
@case
def refused_uplinks(lab):
    lab.host.listen("daemon", "tcp:0.0.0.0:7001")
    lab.host.ip("link set eth1 down")
    plan = Plan(lab)
    down = plan.inject("tcp", HOST4, 7001, "host", uplink="eth1")
    plan.uplinks.append({"index": 4242, "name": "gone", "ethernet": True})
    plan.uplinks.append({"index": 0, "name": "zero", "ethernet": True})
    plan.uplinks.append({"index": 1, "name": "lo", "ethernet": True})
    refused = [down] + [plan.inject("tcp", HOST4, 7001, "host", uplink=name) for name in ("gone", "zero", "lo")]
    with Quiet(lab):
        result = plan.run()
    for probe in refused:
        lab.observed(result, probe, "not-probed", code="uplink-down")


@alone
@case
def a_neighbour_that_is_gone(lab):
    """The kernel asks for it for three seconds, and then tells the source: the guards are still there."""
    lab.frame.namespaces()
    for guard in GUARDS:
        plan = Plan(lab, guard=guard)
        wanted = [plan.inject(protocol, address, 80, "C1", source=source)
                  for address, source in (("172.18.0.77", NEAR4), ("fd00:18::77", NEAR6)) for protocol in ("tcp", "udp")]
        with Quiet(lab):
            result = plan.run()
            time.sleep(6)
        for probe in wanted:
            lab.observed(result, probe, "undetermined", code="reply-not-seen")
        lab.equal("keepers", lab.host.run("pgrep", "postern-keeper", check=False).stdout, "")


MISLEAD = """
table inet mislead {
  chain prerouting { type filter hook prerouting priority mangle; tcp flags & (syn | rst) == rst meta mark set 7; }
}
"""


@alone
@case
def a_reset_that_finds_nobody(lab):
    """It waits for a neighbour that there is not; the error that comes of it quotes the reset, seconds later."""
    lab.frame.namespaces()
    lab.places["C1"].listen("C1", "tcp:[::]:80,dual")
    lab.host.nft(MISLEAD)
    lab.host.ip("""
        rule add fwmark 7 table 100
        route add default via 172.18.0.99 dev br1 table 100
        route add ::/0 via fd00:18::99 dev br1 table 100""")
    lab.host.run("ip", "-6", "rule", "add", "fwmark", "7", "table", "100")
    with Quiet(lab):
        for guard in GUARDS:
            plan = Plan(lab, guard=guard)
            wanted = [plan.inject("tcp", "172.18.0.2", 80, "C1", source=NEAR4),
                      plan.inject("tcp", "fd00:18::2", 80, "C1", source=NEAR6)]
            result = plan.run()
            for probe in wanted:
                lab.observed(result, probe, "open")
        end = time.monotonic() + 75
        while lab.host.run("pgrep", "postern-keeper", check=False).stdout and time.monotonic() < end:
            time.sleep(0.2)
        time.sleep(4)
    lab.equal("keepers", lab.host.run("pgrep", "postern-keeper", check=False).stdout, "")

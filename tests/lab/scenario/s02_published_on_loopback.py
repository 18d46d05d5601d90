# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 2: a port published on 127.0.0.1 by Docker 20.10, which drops nothing in the raw table.

Whoever can route to the bridge reaches the container itself; whoever forges the destination 127.0.0.1 is rewritten
before the kernel looks for martians.
"""

from library.engine import Docker
from library.frame import HOST4, HOST6, SECOND4, SECOND6
from library.scenario import Way, rule, scenario, sysctl

ISOLATED = rule("filter", "DOCKER-ISOLATION-STAGE-2", "br1 -j DROP")
WITHIN = rule("filter", "FORWARD", "-i br1 -o br1 -j ACCEPT")
ACCEPT = rule("filter", "DOCKER", r"172\.18\.0\.2.* --dport 80 .*ACCEPT")


@scenario
def neighbours_reach_it_all_the_same(lab):
    docker = Docker()
    docker.network("front", "br1")
    docker.network("back", "br2")
    lab.add(docker.run("admin", ["tcp:0.0.0.0:80"], "-p", "127.0.0.1:8081:80"), "front")
    lab.add(docker.run("peer", ["tcp:0.0.0.0:9000"]), "front")
    lab.add(docker.run("other", ["tcp:0.0.0.0:9000"], network="back"), "back")
    lab.ways(
        Way("host", "tcp", "127.0.0.1", 8081, "open", by="admin"),
        Way("N", "tcp", HOST4, 8081, "closed", listed=False),
        Way("X", "tcp", HOST4, 8081, "closed", listed=False),
        Way("N2", "tcp", SECOND4, 8081, "closed", listed=False),
        Way("N", "tcp", HOST6, 8081, "closed", listed=False),
        Way("Nr", "tcp", "172.18.0.2", 80, "open", by="admin", decider=ACCEPT),
        Way("N2", "tcp", "172.18.0.2", 80, "open", by="admin", decider=ACCEPT),
        Way("Nm", "tcp", "127.0.0.1", 8081, "open", by="admin", decider=ACCEPT),
        Way("N2", "tcp", HOST4, 8081, "closed", listed=False),
        Way("host", "tcp", "172.18.0.2", 80, "open", by="admin"),
        Way("peer", "tcp", "172.18.0.2", 80, "open", by="admin", decider=WITHIN),
        Way("peer", "tcp", HOST4, 8081, "closed", listed=False),
        Way("other", "tcp", "172.18.0.2", 80, "filtered", decider=ISOLATED),
        Way("other", "tcp", HOST4, 8081, "closed", listed=False),
    )


@scenario
def in_ip6_no_one_can_forge_it(lab):
    """IPv6 refuses ::1 from a wire before any hook; the straight way to the container is open all the same."""
    docker = Docker("--experimental", "--ip6tables")
    docker.network("front", "br1", "--ipv6", "--subnet", "fd00:18::/64")
    docker.network("back", "br2", "--ipv6", "--subnet", "fd00:19::/64")
    lab.add(docker.run("admin", ["tcp:[::]:80,dual"], "-p", "[::1]:8081:80"), "front")
    lab.add(docker.run("peer", ["tcp:[::]:9000,dual"]), "front")
    lab.add(docker.run("other", ["tcp:[::]:9000,dual"], network="back"), "back")
    accept = rule("filter", "DOCKER", r"fd00:18::2/.* --dport 80 .*ACCEPT")
    lab.ways(
        Way("host", "tcp", "::1", 8081, "open", by="admin"),
        Way("N", "tcp", HOST6, 8081, "closed", listed=False),
        Way("X", "tcp", HOST6, 8081, "closed", listed=False),
        Way("Nr", "tcp", "fd00:18::2", 80, "open", by="admin", decider=accept),
        Way("N2", "tcp", "fd00:18::2", 80, "open", by="admin", decider=accept),
        Way("N2", "tcp", SECOND6, 8081, "closed", listed=False),
        Way("Nm", "tcp", "::1", 8081, "filtered", decider=sysctl()),
        Way("host", "tcp", "fd00:18::2", 80, "open", by="admin"),
        Way("peer", "tcp", "fd00:18::2", 80, "open", by="admin", decider=WITHIN),
        Way("peer", "tcp", HOST6, 8081, "closed", listed=False),
        Way("other", "tcp", "fd00:18::2", 80, "filtered", decider=ISOLATED),
        Way("other", "tcp", HOST6, 8081, "closed", listed=False),
    )


@scenario
def a_plain_loopback_listener_is_no_ones(lab):
    """The same entry without a rewrite: the kernel takes a forged 127.0.0.1 from a wire for a martian."""
    lab.host.listen("daemon", "tcp:127.0.0.1:8081", "tcp:[::1]:8082")
    lab.ways(
        Way("host", "tcp", "127.0.0.1", 8081, "open", by="daemon"),
        Way("host", "tcp", "::1", 8082, "open", by="daemon"),
        Way("Nm", "tcp", "127.0.0.1", 8081, "filtered", decider=sysctl()),
        Way("Nm", "tcp", "::1", 8082, "filtered", decider=sysctl()),
        Way("N", "tcp", HOST4, 8081, "closed", listed=False),
    )

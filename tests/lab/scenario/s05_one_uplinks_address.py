# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 5: published on one of two uplinks' addresses. The rewrite matches an address and no interface, so that the
other uplink's neighbours reach it too.
"""

from library.engine import Docker
from library.frame import HOST4, HOST6, SECOND4, SECOND6
from library.scenario import Way, rule, scenario, sysctl

ACCEPT = rule("filter", "DOCKER", r"172\.18\.0\.2.* --dport 80 .*ACCEPT")


@scenario
def the_other_uplink_reaches_it(lab):
    docker = Docker()
    docker.network("front", "br1")
    docker.network("back", "br2")
    lab.add(docker.run("web", ["tcp:0.0.0.0:80"], "-p", f"{HOST4}:8080:80"), "front")
    lab.add(docker.run("peer", ["tcp:0.0.0.0:9000"]), "front")
    lab.add(docker.run("other", ["tcp:0.0.0.0:9000"], network="back"), "back")
    lab.ways(
        Way("N", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("X", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("N2", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("N2", "tcp", SECOND4, 8080, "closed", listed=False),
        Way("N", "tcp", SECOND4, 8080, "closed", sees="error|refused", listed=False),
        Way("N", "tcp", HOST6, 8080, "closed", listed=False),
        Way("Nr", "tcp", "172.18.0.2", 80, "open", by="web", decider=ACCEPT),
        Way("N2", "tcp", "172.18.0.2", 80, "open", by="web", decider=ACCEPT),
        # The rewrite wants that one address: a forged 127.0.0.1 stays what it is.
        Way("Nm", "tcp", "127.0.0.1", 8080, "filtered", decider=sysctl(), listed=False),
        Way("host", "tcp", HOST4, 8080, "open", by="web"),
        Way("host", "tcp", SECOND4, 8080, "closed", listed=False),
        # Docker leaves packets from its own bridges alone: docker-proxy takes them.
        Way("peer", "tcp", HOST4, 8080, "open", by="web"),
        Way("other", "tcp", HOST4, 8080, "open", by="web"),
        Way("peer", "tcp", SECOND4, 8080, "closed", listed=False),
    )


@scenario
def in_ip6_too(lab):
    docker = Docker("--experimental", "--ip6tables")
    docker.network("front", "br1", "--ipv6", "--subnet", "fd00:18::/64")
    docker.network("back", "br2", "--ipv6", "--subnet", "fd00:19::/64")
    lab.add(docker.run("web", ["tcp:[::]:80,dual"], "-p", f"[{HOST6}]:8080:80"), "front")
    lab.add(docker.run("peer", ["tcp:[::]:9000,dual"]), "front")
    lab.add(docker.run("other", ["tcp:[::]:9000,dual"], network="back"), "back")
    accept = rule("filter", "DOCKER", r"fd00:18::2/.* --dport 80 .*ACCEPT")
    lab.ways(
        Way("N", "tcp", HOST6, 8080, "open", by="web", decider=accept),
        Way("X", "tcp", HOST6, 8080, "open", by="web", decider=accept),
        Way("N2", "tcp", HOST6, 8080, "open", by="web", decider=accept),
        Way("N2", "tcp", SECOND6, 8080, "closed", listed=False),
        Way("N", "tcp", HOST4, 8080, "closed", listed=False),
        Way("Nr", "tcp", "fd00:18::2", 80, "open", by="web", decider=accept),
        Way("N2", "tcp", "fd00:18::2", 80, "open", by="web", decider=accept),
        Way("Nm", "tcp", "::1", 8080, "filtered", decider=sysctl(), listed=False),
        Way("host", "tcp", HOST6, 8080, "open", by="web"),
        Way("peer", "tcp", HOST6, 8080, "open", by="web"),
        Way("other", "tcp", HOST6, 8080, "open", by="web"),
    )

# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 5: published on one of two uplinks' addresses. The rewrite matches an address and no interface, so that the
other uplink's neighbours reach it too.
"""

from library.engine import Docker
from library.frame import HOST4, HOST6, SECOND4, SECOND6
from library.scenario import Way, rule, scenario

ACCEPT = rule("filter", "DOCKER", r"172\.18\.0\.2.* --dport 80 .*ACCEPT")


@scenario
def the_other_uplink_reaches_it(lab):
    docker = Docker()
    docker.network("front", "br1")
    lab.add(docker.run("web", ["tcp:0.0.0.0:80"], "-p", f"{HOST4}:8080:80"), "front")
    lab.ways(
        Way("N", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("X", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("N2", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("N2", "tcp", SECOND4, 8080, "closed", listed=False),
        Way("N", "tcp", SECOND4, 8080, "closed", sees="error|refused", listed=False),
        Way("N", "tcp", HOST6, 8080, "closed", listed=False),
        Way("host", "tcp", HOST4, 8080, "open", by="web"),
    )


@scenario
def in_ip6_too(lab):
    docker = Docker("--experimental", "--ip6tables")
    docker.network("front", "br1", "--ipv6", "--subnet", "fd00:18::/64")
    lab.add(docker.run("web", ["tcp:[::]:80,dual"], "-p", f"[{HOST6}]:8080:80"), "front")
    accept = rule("filter", "DOCKER", r"fd00:18::2/.* --dport 80 .*ACCEPT")
    lab.ways(
        Way("N", "tcp", HOST6, 8080, "open", by="web", decider=accept),
        Way("X", "tcp", HOST6, 8080, "open", by="web", decider=accept),
        Way("N2", "tcp", HOST6, 8080, "open", by="web", decider=accept),
        Way("N2", "tcp", SECOND6, 8080, "closed", listed=False),
        Way("N", "tcp", HOST4, 8080, "closed", listed=False),
    )

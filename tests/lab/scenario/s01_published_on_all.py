# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 1: a port published on all addresses, which the administrator's ufw denies in INPUT.

Docker rewrites the destination before the routing decision: the packet takes FORWARD, where Docker's own accept stands
first, and never meets INPUT. IPv6 has no rewrite here: docker-proxy takes it, and there ufw does decide.
"""

from library.engine import Docker
from library.frame import HOST4, HOST6, SECOND4, SECOND6
from library.scenario import Way, policy, rule, scenario, sysctl
from library.ufw import Ufw


def shop(lab):
    """ufw first, Docker after it, as on most hosts; web published, and a member of each network beside it."""
    Ufw().enable("deny 8080/tcp")
    docker = Docker()
    docker.network("front", "br1")
    docker.network("back", "br2")
    lab.add(docker.run("web", ["tcp:0.0.0.0:80", "udp:0.0.0.0:53"], "-p", "8080:80", "-p", "5353:53/udp"), "front")
    lab.add(docker.run("peer", ["tcp:0.0.0.0:9000"]), "front")
    lab.add(docker.run("other", ["tcp:0.0.0.0:9000"], network="back"), "back")
    return docker


ACCEPT6 = rule("filter", "DOCKER", r"fd00:18::2/.* --dport 80 .*ACCEPT")
ACCEPT = rule("filter", "DOCKER", r"172\.18\.0\.2.* --dport 80 .*ACCEPT")
ACCEPT_UDP = rule("filter", "DOCKER", r"172\.18\.0\.2.* --dport 53 .*ACCEPT")


DENY = rule("filter", "ufw-user-input", "--dport 8080 .*DROP")
DENY6 = rule("filter", "ufw6-user-input", "--dport 8080 .*DROP")
WITHIN = rule("filter", "FORWARD", "-i br1 -o br1 -j ACCEPT")
MARTIAN = sysctl()


@scenario
def ufw_does_not_help(lab):
    """The networks have no IPv6 here: containers are in no other way reached by it than through docker-proxy."""
    shop(lab)
    report = lab.ways(
        Way("N", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("X", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("N", "udp", HOST4, 5353, "open", by="web", decider=ACCEPT_UDP),
        Way("Nr", "tcp", "172.18.0.2", 80, "open", by="web", decider=ACCEPT),
        Way("X", "udp", HOST4, 5353, "open", by="web", decider=ACCEPT_UDP),
        Way("N2", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("N2", "tcp", SECOND4, 8080, "open", by="web", decider=ACCEPT),
        Way("N2", "tcp", "172.18.0.2", 80, "open", by="web", decider=ACCEPT),
        Way("Nm", "tcp", "127.0.0.1", 8080, "open", by="web", decider=ACCEPT),
        Way("host", "tcp", HOST4, 8080, "open", by="web", decider=rule("filter", "ufw-before-output", "-o lo -j ACCEPT")),
        Way("host", "tcp", HOST6, 8080, "open", by="web", decider=rule("filter", "ufw6-before-input", "-i lo -j ACCEPT")),
        Way("N", "tcp", HOST6, 8080, "filtered", decider=DENY6),
        Way("X", "tcp", HOST6, 8080, "filtered", decider=DENY6),
        Way("N2", "tcp", SECOND6, 8080, "filtered", decider=DENY6),
        Way("N", "udp", HOST6, 5353, "filtered", decider=policy("filter", "INPUT")),
        Way("Nm", "tcp", "::1", 8080, "filtered", decider=MARTIAN),
        Way("peer", "tcp", "172.18.0.2", 80, "open", by="web", decider=WITHIN),
        # Docker leaves packets from its own bridges alone: they go to docker-proxy, by INPUT.
        Way("peer", "tcp", HOST4, 8080, "filtered", decider=DENY),
        Way("other", "tcp", HOST4, 8080, "filtered", decider=DENY),
        Way("other", "tcp", "172.18.0.2", 80, "filtered", decider=rule("filter", "DOCKER-ISOLATION-STAGE-2", "br1 -j DROP")),
    )
    if report:
        lab.expect_off_path(report, "ufw-user-input", 8080)
        lab.equal("status without a policy", report.status, 1)
        web = report.container("web")
        if lab.expect(web, "container web is not in the report"):
            lab.equal("engine", web["engine"], "docker")
            lab.equal("image", web["image"], "shop/web:1")
            lab.equal("published", sorted(p["port"] for p in web["published"]), [5353, 5353, 8080, 8080])


@scenario
def with_rewrites_for_ip6(lab):
    """The same in IPv6, where Docker was told to write its rules for that family as well."""
    Ufw().enable("deny 8080/tcp")
    docker = Docker("--experimental", "--ip6tables")
    docker.network("front", "br1", "--ipv6", "--subnet", "fd00:18::/64")
    docker.network("back", "br2", "--ipv6", "--subnet", "fd00:19::/64")
    lab.add(docker.run("web", ["tcp:[::]:80,dual"], "-p", "8080:80"), "front")
    lab.add(docker.run("peer", ["tcp:[::]:9000,dual"]), "front")
    lab.add(docker.run("other", ["tcp:[::]:9000,dual"], network="back"), "back")
    report = lab.ways(
        Way("N", "tcp", HOST4, 8080, "open", by="web", decider=ACCEPT),
        Way("N", "tcp", HOST6, 8080, "open", by="web", decider=ACCEPT6),
        Way("X", "tcp", HOST6, 8080, "open", by="web", decider=ACCEPT6),
        Way("Nr", "tcp", "fd00:18::2", 80, "open", by="web", decider=ACCEPT6),
        Way("N2", "tcp", SECOND6, 8080, "open", by="web", decider=ACCEPT6),
        Way("N2", "tcp", "fd00:18::2", 80, "open", by="web", decider=ACCEPT6),
        Way("Nm", "tcp", "::1", 8080, "filtered", decider=MARTIAN),
        Way("host", "tcp", HOST6, 8080, "open", by="web", decider=rule("filter", "ufw6-before-output", "-o lo -j ACCEPT")),
        Way("peer", "tcp", "fd00:18::2", 80, "open", by="web", decider=WITHIN),
        Way("other", "tcp", "fd00:18::2", 80, "filtered", decider=rule("filter", "DOCKER-ISOLATION-STAGE-2", "br1 -j DROP")),
        Way("peer", "tcp", HOST6, 8080, "filtered", decider=DENY6),
        Way("other", "tcp", HOST6, 8080, "filtered", decider=DENY6),
    )
    if report:
        lab.expect_off_path(report, "ufw6-user-input", 8080)

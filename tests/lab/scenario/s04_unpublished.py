# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 4: a port that nobody published. What FORWARD's policy is, Docker decides by whether IP forwarding was on
before it came: only if it was not does it set DROP. IPv6 is left alone either way, between its networks too.

N and X have no route to a container's address and are not asked; N2 is the neighbour of the other uplink who has.
"""

from library.engine import Docker
from library.scenario import Way, policy, rule, scenario


# Docker never touched this policy, and iptables-nft gives a policy a counter only when it is set.
ACCEPTED = policy("filter", "FORWARD", counted=False)
DROPPED = policy("filter", "FORWARD")
WITHIN = rule("filter", "FORWARD", "-i br1 -o br1 -j ACCEPT")
ISOLATED = rule("filter", "DOCKER-ISOLATION-STAGE-2", "br1 -j DROP")
# The same under either policy.
ALWAYS = (
    Way("Nr", "tcp", "fd00:18::2", 5432, "open", by="db"),
    Way("N2", "tcp", "fd00:18::2", 5432, "open", by="db"),
    Way("peer", "tcp", "172.18.0.2", 5432, "open", by="db", decider=WITHIN),
    Way("peer", "tcp", "fd00:18::2", 5432, "open", by="db"),
    Way("host", "tcp", "172.18.0.2", 5432, "open", by="db"),
    Way("host", "tcp", "fd00:18::2", 5432, "open", by="db"),
    Way("other", "tcp", "172.18.0.2", 5432, "filtered", decider=ISOLATED),
    Way("other", "tcp", "fd00:18::2", 5432, "open", by="db"),
    Way("Nr", "tcp", "fd00:18::2", 5433, "closed", listed=False),
)


def database(lab):
    docker = Docker()
    docker.network("front", "br1", "--ipv6", "--subnet", "fd00:18::/64")
    docker.network("back", "br2", "--ipv6", "--subnet", "fd00:19::/64")
    lab.add(docker.run("db", ["tcp:[::]:5432,dual"]), "front")
    lab.add(docker.run("peer", ["tcp:[::]:9000,dual"]), "front")
    lab.add(docker.run("other", ["tcp:[::]:9000,dual"], network="back"), "back")


@scenario
def forward_policy_accept(lab):
    database(lab)
    lab.ways(
        Way("Nr", "tcp", "172.18.0.2", 5432, "open", by="db", decider=ACCEPTED),
        Way("N2", "tcp", "172.18.0.2", 5432, "open", by="db", decider=ACCEPTED),
        # Nobody listens there: the path is open all the same.
        Way("Nr", "tcp", "172.18.0.2", 5433, "closed", listed=False),
        *ALWAYS,
    )


@scenario
def forward_policy_drop(lab):
    lab.host.sysctl(net__ipv4__ip_forward=0)
    database(lab)
    lab.ways(
        Way("Nr", "tcp", "172.18.0.2", 5432, "filtered", decider=DROPPED),
        Way("N2", "tcp", "172.18.0.2", 5432, "filtered", decider=DROPPED),
        Way("Nr", "tcp", "172.18.0.2", 5433, "filtered", decider=DROPPED, listed=False),
        *ALWAYS,
    )

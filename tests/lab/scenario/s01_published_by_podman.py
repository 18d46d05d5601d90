# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 1 with Podman and netavark, which accepts what belongs to a connection or comes from its network, but not
what is new: whether a published port is open is up to FORWARD's policy.
"""

from library.engine import Podman
from library.frame import HOST4, HOST6, SECOND4
from library.scenario import Way, policy, rule, scenario
from library.ufw import Ufw

ROOT = ("--engine-root", f"podman={Podman.root}/storage")


def shop(lab):
    podman = Podman()
    podman.network("front", "br1")
    lab.add(podman.run("web", ["tcp:0.0.0.0:80"], "-p", "8080:80"), "front")
    lab.add(podman.run("peer", ["tcp:0.0.0.0:9000"]), "front")
    return podman


@scenario
def open_by_the_policy(lab):
    podman = shop(lab)
    # Nobody set this policy: iptables-nft gave it no counter.
    accepted = policy("filter", "FORWARD", counted=False)
    report = lab.ways(
        Way("N", "tcp", HOST4, 8080, "open", by="web", decider=accepted),
        Way("X", "tcp", HOST4, 8080, "open", by="web", decider=accepted),
        Way("Nr", "tcp", "172.18.0.2", 80, "open", by="web", decider=accepted),
        Way("host", "tcp", "127.0.0.1", 8080, "open", by="web"),
        Way("host", "tcp", HOST4, 8080, "open", by="web"),
        Way("peer", "tcp", HOST4, 8080, "open", by="web", decider=rule("filter", "NETAVARK_FORWARD", "-s 172.18.0.0/16 -j ACCEPT")),
        Way("N2", "tcp", SECOND4, 8080, "open", by="web", decider=accepted),
        Way("N", "tcp", HOST6, 8080, "closed", listed=False),
        scan_words=ROOT,
    )
    if report:
        web = report.container("web")
        if lab.expect(web, "container web is not in the report"):
            lab.equal("engine", web["engine"], "podman")
            lab.equal("id", web["id"], podman.id("web"))
            lab.expect("shop/web:1" in web["image"], f"image {web['image']}")
            lab.equal("published", [(p["port"], p["target"]) for p in web["published"]], [(8080, 80)])


@scenario
def closed_by_ufw(lab):
    Ufw().enable()
    shop(lab)
    dropped = policy("filter", "FORWARD")
    lab.ways(
        Way("N", "tcp", HOST4, 8080, "filtered", decider=dropped),
        Way("X", "tcp", HOST4, 8080, "filtered", decider=dropped),
        Way("Nr", "tcp", "172.18.0.2", 80, "filtered", decider=dropped),
        Way("N2", "tcp", SECOND4, 8080, "filtered", decider=dropped),
        Way("host", "tcp", HOST4, 8080, "open", by="web", decider=rule("filter", "ufw-before-output", "-o lo -j ACCEPT")),
        scan_words=ROOT,
    )

# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario 8: a container in the host's namespace, and two that share one. The owner of a socket is the container whose
process holds it; a namespace has one verdict, whoever shares it.
"""

from library.engine import Docker
from library.frame import HOST4, HOST6, SECOND4
from library.scenario import Way, rule, scenario, sysctl


@scenario
def host_network(lab):
    docker = Docker()
    docker.network("front", "br1", "--ipv6", "--subnet", "fd00:18::/64")
    docker.run("agent", ["tcp:0.0.0.0:9100", "udp:[::]:9101,dual"], network="host")
    lab.add(docker.run("peer", ["tcp:0.0.0.0:9000"]), "front")
    lab.host.listen("daemon", "tcp:0.0.0.0:9102")
    report = lab.ways(
        Way("N", "tcp", HOST4, 9100, "open", by="agent"),
        Way("X", "tcp", HOST4, 9100, "open", by="agent"),
        Way("N2", "tcp", SECOND4, 9100, "open", by="agent"),
        Way("Nm", "tcp", "127.0.0.1", 9100, "filtered", decider=sysctl()),
        Way("host", "tcp", "127.0.0.1", 9100, "open", by="agent"),
        Way("peer", "tcp", HOST4, 9100, "open", by="agent"),
        Way("N", "tcp", HOST6, 9100, "closed", listed=False),
        Way("N", "udp", HOST6, 9101, "open", by="agent"),
        Way("X", "udp", HOST6, 9101, "open", by="agent"),
        Way("peer", "udp", "fd00:18::1", 9101, "open", by="agent"),
        Way("host", "udp", "::1", 9101, "open", by="agent"),
        Way("N", "tcp", HOST4, 9102, "open", by="daemon"),
    )
    if report:
        owners = {entry["port"]: entry["container"] for entry in report["listeners"] if "port" in entry}
        lab.equal("owner of 9100", owners.get(9100), "agent")
        lab.equal("owner of 9101", owners.get(9101), "agent")
        lab.equal("owner of 9102", owners.get(9102, "absent"), None)
        host = next(entry for entry in report["namespaces"] if entry["role"] == "host")
        lab.expect("agent" in host["containers"], f"the host's namespace does not name agent: {host['containers']}")
        agent = report.container("agent")
        if lab.expect(agent, "container agent is not in the report"):
            lab.equal("agent's namespace", agent["namespace"], host["id"])
        for channel in report.channels(protocol="tcp", port=9100):
            lab.equal("container of a channel to 9100", channel["container"], "agent")


@scenario
def namespace_of_another_container(lab):
    docker = Docker()
    docker.network("front", "br1")
    docker.network("back", "br2")
    lab.add(docker.run("web", ["tcp:0.0.0.0:80"], "-p", "8080:80", "-p", "8090:90"), "front")
    docker.run("sidecar", ["tcp:0.0.0.0:90", "tcp:127.0.0.1:91"], network="container:web")
    lab.add(docker.run("peer", ["tcp:0.0.0.0:9000"]), "front")
    lab.add(docker.run("other", ["tcp:0.0.0.0:9000"], network="back"), "back")
    web, sidecar = (rule("filter", "DOCKER", rf"172\.18\.0\.2.* --dport {port} .*ACCEPT") for port in (80, 90))
    report = lab.ways(
        Way("N", "tcp", HOST4, 8080, "open", by="web", decider=web),
        Way("N", "tcp", HOST4, 8090, "open", by="sidecar", decider=sidecar),
        Way("X", "tcp", HOST4, 8090, "open", by="sidecar", decider=sidecar),
        Way("N2", "tcp", SECOND4, 8090, "open", by="sidecar", decider=sidecar),
        Way("Nr", "tcp", "172.18.0.2", 90, "open", by="sidecar", decider=sidecar),
        Way("Nm", "tcp", "127.0.0.1", 8090, "open", by="sidecar", decider=sidecar),
        Way("Nr", "tcp", "172.18.0.2", 91, "closed", listed=False),
        Way("host", "tcp", "127.0.0.1", 8090, "open", by="sidecar"),
        # The network has no IPv6: docker-proxy takes it.
        Way("N", "tcp", HOST6, 8090, "open", by="sidecar"),
        Way("peer", "tcp", "172.18.0.2", 90, "open", by="sidecar", decider=rule("filter", "FORWARD", "-i br1 -o br1 -j ACCEPT")),
        Way("other", "tcp", "172.18.0.2", 90, "filtered", decider=rule("filter", "DOCKER-ISOLATION-STAGE-2", "br1 -j DROP")),
        Way("peer", "tcp", "172.18.0.2", 91, "closed", listed=False),
    )
    if report:
        web, sidecar = report.container("web"), report.container("sidecar")
        if lab.expect(web and sidecar, "web or sidecar is not in the report"):
            lab.equal("sidecar's namespace", sidecar["namespace"], web["namespace"])
            shared = next(entry for entry in report["namespaces"] if entry["id"] == web["namespace"])
            lab.equal("sharers", sorted(shared["containers"]), ["sidecar", "web"])
        for channel in report.channels("lan@eth0", "tcp", HOST4, 8090):
            lab.equal("container of a channel to 8090", channel["container"], "sidecar")
        inside = [c for c in lab.scan("--from", "inside").channels(protocol="tcp", port=91)]
        lab.expect(any(c["state"] == "open" for c in inside), f"no open channel from inside to 127.0.0.1:91: {inside}")

# SPDX-License-Identifier: GPL-2.0-or-later
"""A whole host, with the real Docker Engine and ufw: a web server published on all addresses, a database that is not
published, an administration port on 127.0.0.1, an agent in the host's network. Scenarios 1, 2, 4 and 8 on one host, the
policy that allows what is open there and nothing more, and the same predictions from evidence alone.
"""

import re
import tempfile
from pathlib import Path

from library.engine import Docker
from library.frame import HOST4, HOST6
from library.place import LAB
from library.product import Report, Run
from library.scenario import Way, policy, rule, scenario
from library.ufw import Ufw

LINES = {
    "web-public": "{to: web, ports: [8080/tcp], from: [external, lan], owner: shop, reason: storefront}",
    "web-by-route": "{to: web, ports: [80/tcp], from: [lan], owner: shop, reason: neighbours are trusted with it}",
    "admin-by-route": "{to: admin, ports: [80/tcp], from: [lan], owner: shop, reason: the same}",
    "admin-forged": "{to: admin, ports: [8081/tcp], from: [lan], address: [127.0.0.0/8], owner: shop, reason: known gap}",
    "agent": "{to: agent, ports: [9100/tcp], from: [external, lan], owner: operations, reason: metrics}",
}


def policy_text(leave_out=None):
    """The policy, or the same without one of its lines."""
    workloads = "".join(f"  {name}: {{container: {name}}}\n" for name in ("web", "admin", "agent"))
    lines = "".join(
        f"  - {{id: {name}, {line[1:]}\n" for name, line in LINES.items() if name != leave_out)
    return f"version: 1\nworkloads:\n{workloads}allow:\n{lines}"


def shop(lab):
    Ufw().enable("deny 8080/tcp", "allow 9100/tcp")
    docker = Docker()
    docker.network("front", "br1")
    docker.network("back", "br2")
    lab.add(docker.run("web", ["tcp:0.0.0.0:80"], "-p", "8080:80"), "front")
    lab.add(docker.run("admin", ["tcp:0.0.0.0:80"], "-p", "127.0.0.1:8081:80"), "front")
    lab.add(docker.run("db", ["tcp:0.0.0.0:5432"], network="back"), "back")
    docker.run("agent", ["tcp:0.0.0.0:9100"], network="host")
    return docker


def accept(address):
    return rule("filter", "DOCKER", address.replace(".", r"\.") + ".* --dport 80 .*ACCEPT")


def ways():
    web, admin, db = "172.18.0.2", "172.18.0.3", "172.19.0.2"
    allowed = rule("filter", "ufw-user-input", "--dport 9100 .*ACCEPT")
    return (
        Way("N", "tcp", HOST4, 8080, "open", by="web", decider=accept(web)),
        Way("X", "tcp", HOST4, 8080, "open", by="web", decider=accept(web)),
        Way("Nr", "tcp", web, 80, "open", by="web", decider=accept(web)),
        Way("N", "tcp", HOST6, 8080, "filtered", decider=rule("filter", "ufw6-user-input", "--dport 8080 .*DROP")),
        Way("host", "tcp", "127.0.0.1", 8081, "open", by="admin",
            decider=rule("filter", "ufw-before-input", "-i lo -j ACCEPT")),
        Way("N", "tcp", HOST4, 8081, "filtered", decider=policy("filter", "INPUT"), listed=False),
        Way("Nr", "tcp", admin, 80, "open", by="admin", decider=accept(admin)),
        Way("Nm", "tcp", "127.0.0.1", 8081, "open", by="admin", decider=accept(admin)),
        Way("Nr", "tcp", db, 5432, "filtered", decider=policy("filter", "FORWARD")),
        Way("web", "tcp", db, 5432, "filtered", decider=rule("filter", "DOCKER-ISOLATION-STAGE-2", "br2 -j DROP")),
        Way("host", "tcp", db, 5432, "open", by="db", decider=rule("filter", "ufw-track-output", "NEW .*ACCEPT")),
        Way("N", "tcp", HOST4, 9100, "open", by="agent", decider=allowed),
        Way("X", "tcp", HOST4, 9100, "open", by="agent", decider=allowed),
    )


@scenario
def states_and_deciders(lab):
    shop(lab)
    report = lab.ways(*ways())
    if not report:
        return
    for name in ("web", "admin", "db", "agent"):
        lab.expect(report.container(name), f"container {name} is not in the report")
    lab.expect_off_path(report, "ufw-user-input", 8080)
    table = lab.product.run("scan", "--no-probe", "--format", "table", "--color", "never")
    lab.equal("status of the table", table.status, 1)
    lab.expect(re.search(r"web.*8080", table.output), f"the table does not show web's 8080:\n{table.output}")
    lab.expect("ufw-user-input" in table.output, f"the table does not name ufw's rule:\n{table.output}")


@scenario
def policy_of_what_is_open(lab):
    shop(lab)
    for way in ways():
        lab.check_kernel(way)
    if not lab.product:
        return
    lab.equal("status without a policy", lab.scan().status, 1)
    report = lab.scan(policy=policy_text())
    worst = [f for f in report["findings"] if f["severity"] in ("critical", "high", "medium")]
    lab.equal(f"status with a policy that allows what is open ({worst})", report.status, 0)
    for line in LINES:
        report = lab.scan(policy=policy_text(leave_out=line))
        lab.equal(f"status without line {line}", report.status, 1)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(policy_text().replace("ports", "port", 1))
        file.flush()
        wrong = lab.product.run("scan", "--no-probe", "--policy", file.name)
    lab.equal("status with an unknown key", wrong.status, 2)
    lab.expect(re.search(rf"{re.escape(file.name)}:\d+:\d+", wrong.errors), f"no file, line and column: {wrong.errors}")


def predictions(report):
    """What is predicted, channel by channel, by the channel's key: states, sources, reasons, and the deciding rules' texts."""
    def decided(part):
        rule = report.rule(part["decider"]) or {}
        return part | {"path": None, "rule": [rule.get(key) for key in ("namespace", "table", "chain", "handle", "text")]}

    return {
        channel["key"]: decided(channel["predicted"]) | {"parts": [decided(part) for part in channel["predicted"]["parts"]]}
        for channel in report["channels"]
    }


@scenario
def from_evidence_alone(lab):
    """Saved with the engine alive; predicted again on another machine, the engine dead and its containers gone."""
    docker = shop(lab)
    if not lab.product:
        return
    with tempfile.TemporaryDirectory() as folder:
        evidence = Path(folder) / "snapshot.json"
        live = lab.scan("--all-channels", "--save-snapshot", evidence)
        docker.stop()
        for name in ("web", "admin", "db", "agent"):
            lab.host.run("pkill", "-KILL", "-f", f"listen.py {name} ", check=False)
        elsewhere = lab.host.run(
            LAB / "enter", lab.product.binary, "scan", "--format", "json", "--all-channels", "--snapshot", evidence,
            check=False, timeout=120)
        again = Report(Run(["postern", "scan", "--snapshot", str(evidence)], elsewhere))
        lab.expect(not again.faults, f"the report does not fit its schema: {again.faults[:5]}")
        before, after = predictions(live), predictions(again)
        lab.equal("channels", sorted(after), sorted(before))
        lab.expect(len(before) == len(live["channels"]) > 40, f"{len(before)} keys of {len(live['channels'])} channels")
        for key in before.keys() & after.keys():
            lab.equal(f"prediction of {key}", after[key], before[key])
        probed = [c["id"] for c in again["channels"] if c["observed"]["state"] != "not-probed"]
        lab.equal("channels probed from evidence", probed, [])

# SPDX-License-Identifier: GPL-2.0-or-later
"""Real container engines in the lab: Docker Engine and Podman, as Debian has them."""

import subprocess
import time
from pathlib import Path

from library.image import MOUNTS, listen_command, write_image
from library.place import Held, Place

IMAGE = "shop/web:1"


def private_folder(path):
    """What the lab writes below this folder of the machine's stays in the lab."""
    kept = Path("/run/private") / path.strip("/").replace("/", "-")
    if kept.exists():
        return
    (kept / "upper").mkdir(parents=True)
    (kept / "work").mkdir()
    layers = f"lowerdir={path},upperdir={kept}/upper,workdir={kept}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, path], check=True)


def wait_for(what, reached, seconds=20):
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not come about within {seconds} s")
        time.sleep(0.02)


class Engine:
    """What the two have in common: their command line."""

    client = []

    def __init__(self):
        self.host = Place()
        private_folder("/etc")

    def do(self, *words, check=True):
        return self.host.run(*self.client, *words, check=check).stdout.strip()

    def load_image(self):
        if not Path("/run/image.tar").exists():
            write_image("/run/image.tar")
        self.do("import", "/run/image.tar", IMAGE)

    def network(self, name, bridge, *options):
        """172.18.0.0/16 for br1, 172.19.0.0/16 for br2, as in the frame."""
        self.do("network", "create", "--subnet", f"172.{17 + int(bridge[2:])}.0.0/16",
                *self.bridge_name(bridge), *options, name)

    def run(self, name, specs, *options, network="front"):
        """A container that listens. Returned when it does."""
        self.do("run", "-d", "--name", name, "--network", network, *MOUNTS, *options, IMAGE, *listen_command(name, specs))
        wait_for(f"container {name}", lambda: "ready" in self.do("logs", name))
        return Held(name, self.pid(name))

    def pid(self, name):
        return int(self.do("inspect", "-f", "{{.State.Pid}}", name))

    def id(self, name):
        return self.do("inspect", "-f", "{{.Id}}", name)

    def address(self, name):
        return self.do("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)


class Docker(Engine):
    root = Path("/run/docker-root")
    client = ["/usr/bin/docker", "-H", f"unix://{root}/docker.sock"]

    def __init__(self, *options):
        """Options are dockerd's. With IP forwarding already on, it leaves the policy of FORWARD as it is."""
        super().__init__()
        self.root.mkdir()
        self.daemon = self.host.start(
            "/usr/sbin/dockerd", "--data-root", self.root, "--exec-root", "/run/docker", "-p", "/run/docker.pid",
            "-H", f"unix://{self.root}/docker.sock", *options)
        wait_for("the Docker Engine", lambda: self.host.run(*self.client, "version", check=False).returncode == 0)
        self.load_image()

    def bridge_name(self, bridge):
        return ["-o", f"com.docker.network.bridge.name={bridge}"]

    def stop(self):
        """The engine ends as if killed: containers of a living daemon would be taken along."""
        self.daemon.popen.kill()
        self.daemon.popen.wait()
        self.host.run("pkill", "-KILL", "-x", "containerd", check=False)


class Podman(Engine):
    root = Path("/run/podman-root")
    client = [
        "env", "CONTAINERS_CONF=/run/containers.conf",
        "/usr/bin/podman", "--root", f"{root}/storage", "--runroot", "/run/podman-run", "--tmpdir", "/run/libpod",
        "--network-config-dir", f"{root}/storage/networks", "--runtime", "/usr/sbin/runc", "--cgroup-manager=cgroupfs",
        "--events-backend=none",
    ]

    def __init__(self):
        super().__init__()
        self.root.mkdir()
        # Without CAP_SYS_RESOURCE the usual limits cannot be raised: lower ones can be had anywhere.
        Path("/run/containers.conf").write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
            '[network]\nnetwork_backend = "netavark"\n')
        self.load_image()

    def bridge_name(self, bridge):
        return []  # podman1, podman2 in the order in which they are made

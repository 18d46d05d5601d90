# SPDX-License-Identifier: GPL-2.0-or-later
"""The image that both engines' containers run from: a static busybox, and room to mount the lab's tools."""

import io
import tarfile
from pathlib import Path

from library.place import LAB, PYTHON

BUSYBOX = "/usr/bin/busybox"
FOLDERS = ("bin", "etc", "lab", "tmp", "usr")
LINKS = {"bin/sh": "busybox", "lib": "usr/lib", "lib64": "usr/lib64"}

# Containers run the same listener as every other place of the lab, by the machine's own Python, mounted read-only.
MOUNTS = ("-v", "/usr:/usr:ro", "-v", f"{LAB}:/lab:ro")


def write_image(path):
    with tarfile.open(path, "w") as image:
        for name in FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            image.addfile(folder)
        for name, target in LINKS.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            image.addfile(link)
        busybox = tarfile.TarInfo("bin/busybox")
        content = Path(BUSYBOX).read_bytes()
        busybox.size, busybox.mode = len(content), 0o755
        image.addfile(busybox, io.BytesIO(content))


def listen_command(name, specs):
    return [*PYTHON, "/lab/tool/listen.py", name, *specs]

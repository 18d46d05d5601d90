# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads a BPF program of two instructions, "return NUMBER", and holds it in place until it is ended.

    program.py KIND NUMBER [WHERE]      WHERE: an interface, or for a cgroup its folder; "flicker": it is taken off
                                        and put back, each time as a new program, for as long as this runs

KIND is one of xdp-generic, xdp-native, tc (prints where it is pinned: cls_bpf takes it from there), tcx-ingress,
tcx-egress, cgroup-ingress, cgroup-connect4, cgroup-connect6, sk-lookup, flow-dissector, netfilter4-HOOK and
netfilter6-HOOK (HOOK as the kernel numbers it). Namespaces are the one that it runs in. Prints "ready" when it stands.

Numbers are those of linux/bpf.h of Linux 6.18 and of the system call tables; libbpf of Debian 12 knows neither TCX
nor netfilter links.
"""

import ctypes
import itertools
import os
import platform
import signal
import socket
import struct
import sys
import time

CALL = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
PROG_LOAD, OBJ_PIN, LINK_CREATE = 5, 6, 28
GENERIC, NATIVE = 2, 4
# kind: program type, attach type
KINDS = {
    "xdp-generic": (6, 37), "xdp-native": (6, 37), "tc": (3, 0), "tcx-ingress": (3, 46), "tcx-egress": (3, 47),
    "cgroup-ingress": (8, 0), "cgroup-connect4": (18, 10), "cgroup-connect6": (18, 11), "sk-lookup": (30, 36),
    "flow-dissector": (22, 17), "netfilter4": (32, 45), "netfilter6": (32, 45),
}
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    room = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    result = libc.syscall(CALL, command, room, len(room))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"bpf({command}): {os.strerror(error)}")
    return result


def load(kind, number):
    kind_number, attach = KINDS[kind]
    code = ctypes.create_string_buffer(struct.pack("<BBhi", 0xB7, 0, 0, number) + struct.pack("<BBhi", 0x95, 0, 0, 0))
    licence = ctypes.create_string_buffer(b"GPL")
    return bpf(PROG_LOAD, struct.pack(
        "=IIQQIIQII16sII", kind_number, 2, ctypes.addressof(code), ctypes.addressof(licence), 0, 0, 0, 0, 0,
        b"lab_program", 0, attach))


def pin(program, path):
    text = ctypes.create_string_buffer(path.encode())
    bpf(OBJ_PIN, struct.pack("=QI", ctypes.addressof(text), program))


def target(kind, where):
    """What the link is made on: an interface's index, or a descriptor; and its flags."""
    if kind.startswith(("xdp", "tcx")):
        return socket.if_nametoindex(where), {"xdp-generic": GENERIC, "xdp-native": NATIVE}.get(kind, 0)
    if kind.startswith("cgroup"):
        return os.open(where, os.O_RDONLY | os.O_DIRECTORY), 0
    if kind in ("sk-lookup", "flow-dissector"):
        return os.open("/proc/self/ns/net", os.O_RDONLY), 0
    return 0, 0


def link(program, kind, where, hook):
    on, flags = target(kind, where)
    attributes = struct.pack("=IIII", program, on, KINDS[kind][1], flags)
    if kind.startswith("netfilter"):
        attributes += struct.pack("=IIiI", 2 if kind == "netfilter4" else 10, int(hook), 100, 0)
    return bpf(LINK_CREATE, attributes)


def flicker(kind, number, hook):
    """A new program and link each time, as a guard that goes and another scan's that comes: some stay long enough to be
    seen by the slowest scan, some go while a quick one looks."""
    print("ready", flush=True)
    for seconds in itertools.cycle((0.02, 0.05, 0.5)):
        program = load(kind, number)
        held = link(program, kind, None, hook)
        time.sleep(seconds)
        os.close(held)
        os.close(program)


def main():
    if CALL is None:
        raise SystemExit(f"program.py: the number of bpf(2) on {platform.machine()} is not known here")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    kind, _, hook = sys.argv[1].partition("-") if sys.argv[1].startswith("netfilter") else (sys.argv[1], "", "")
    where = sys.argv[3] if len(sys.argv) > 3 else None
    if where == "flicker":
        flicker(kind, int(sys.argv[2]), hook)
    program = load(kind, int(sys.argv[2]))
    if kind == "tc":
        pin(program, where)
    else:
        link(program, kind, where, hook)
    print("ready", flush=True)
    while True:
        signal.pause()


main()

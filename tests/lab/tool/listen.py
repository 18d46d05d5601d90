# SPDX-License-Identifier: GPL-2.0-or-later
"""Listens on sockets and tells every client who it is.

    listen.py NAME SPEC...      SPEC is PROTOCOL:ADDRESS:PORT[,OPTION...], for example tcp:0.0.0.0:80,
                                udp:[::]:53,only6 or unix:@name

A TCP client is told NAME and the connection closed; a UDP datagram is answered with NAME. Options: only6 and dual
(IPV6_V6ONLY on and off; the kernel's default otherwise), silent (UDP: read, never answer), unread (UDP: never even
read), device=IF (SO_BINDTODEVICE), reuse (SO_REUSEPORT), free (IP_FREEBIND). Prints "ready" when all are bound.
"""

import selectors
import socket
import sys

DEVICE = 25  # SO_BINDTODEVICE
FREEBIND = 15  # IP_FREEBIND


def parse(spec):
    spec, *options = spec.split(",")
    protocol, rest = spec.split(":", 1)
    if protocol == "unix":
        return protocol, rest, None, options
    address, port = rest.rsplit(":", 1)
    return protocol, address.strip("[]"), int(port), options


def set_options(listener, family, options):
    for option in options:
        if option in ("only6", "dual"):
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, option == "only6")
        elif option == "reuse":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        elif option == "free":
            listener.setsockopt(socket.IPPROTO_IP, FREEBIND, 1)
        elif option.startswith("device="):
            listener.setsockopt(socket.SOL_SOCKET, DEVICE, option[7:].encode() + b"\0")
        elif option not in ("silent", "unread"):
            raise SystemExit(f"listen.py: unknown option {option}")


def bind(spec):
    """The socket of a spec, bound, and what to do with it: "accept", "answer", "read" or "leave"."""
    protocol, address, port, options = parse(spec)
    if protocol == "unix":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("\0" + address[1:] if address.startswith("@") else address)
        listener.listen(16)
        return listener, "accept"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    set_options(listener, family, options)
    if protocol == "tcp":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    if protocol == "tcp":
        listener.listen(64)
        return listener, "accept"
    return listener, "read" if "silent" in options else "leave" if "unread" in options else "answer"


def serve(name, listener, action):
    if action == "accept":
        connection, _ = listener.accept()
        with connection:
            try:
                connection.sendall(name)
            except OSError:
                pass
        return
    _, client = listener.recvfrom(65536)
    if action == "answer":
        listener.sendto(name, client)


def main():
    name = sys.argv[1].encode()
    selector = selectors.DefaultSelector()
    kept = []
    for spec in sys.argv[2:]:
        listener, action = bind(spec)
        kept.append(listener)
        if action != "leave":
            selector.register(listener, selectors.EVENT_READ, action)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            serve(name, key.fileobj, key.data)


main()

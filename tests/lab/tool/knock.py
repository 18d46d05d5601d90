# SPDX-License-Identifier: GPL-2.0-or-later
"""Knocks at entries with plain sockets, as any client would, and says what came back.

    knock.py [--wait SECONDS] KNOCK...      KNOCK is PROTOCOL,ADDRESS,PORT[,SOURCE]

Prints a JSON list with one answer for each, in order: {"answer": "open", "by": TEXT} where somebody spoke and said
who he is, {"answer": "refused"}, {"answer": "silent"}, or {"answer": "error", "errno": NAME}.
"""

import errno
import json
import selectors
import socket
import sys
import time

REFUSED = {errno.ECONNREFUSED, errno.ECONNRESET}


def start(knock):
    """A socket that knocks, or the answer if there is one at once."""
    protocol, address, port, *source = knock.split(",")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
    client.setblocking(False)
    try:
        if source:
            client.bind((source[0], 0))
        client.connect((address, int(port)))
        client.send(b"?")
    except BlockingIOError:
        pass
    except OSError as error:
        return None, failure(error)
    return client, None


def failure(error):
    if error.errno in REFUSED:
        return {"answer": "refused"}
    return {"answer": "error", "errno": errno.errorcode.get(error.errno, str(error.errno))}


def read(client):
    try:
        return {"answer": "open", "by": client.recv(256).decode(errors="replace")}
    except BlockingIOError:
        # An ICMP error that the kernel takes for a passing one stands in SO_ERROR alone.
        return failure(OSError(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), ""))
    except OSError as error:
        return failure(error)


def connected(client):
    """Has a TCP connection come about, though nobody spoke? A UDP socket always has a peer: silence is silence."""
    if client.type == socket.SOCK_DGRAM:
        return False
    try:
        return bool(client.getpeername())
    except OSError:
        return False


def knock_all(knocks, wait):
    selector = selectors.DefaultSelector()
    answers = [None] * len(knocks)
    for index, knock in enumerate(knocks):
        client, answers[index] = start(knock)
        if client:
            selector.register(client, selectors.EVENT_READ, index)
    end = time.monotonic() + wait
    while selector.get_map() and (left := end - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            answers[key.data] = read(key.fileobj)
            selector.unregister(key.fileobj)
            key.fileobj.close()
    for key in selector.get_map().values():
        answers[key.data] = {"answer": "open", "by": ""} if connected(key.fileobj) else {"answer": "silent"}
    return answers


def main():
    wait, knocks = 0.5, sys.argv[1:]
    if knocks[0] == "--wait":
        wait, knocks = float(knocks[1]), knocks[2:]
    json.dump(knock_all(knocks, wait), sys.stdout)


main()

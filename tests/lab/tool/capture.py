# SPDX-License-Identifier: GPL-2.0-or-later
"""Records what arrives on an interface from its far end, of every protocol, until its input ends or a signal.

    capture.py INTERFACE        prints "ready", then for each frame a line of JSON:
                                {"kind": "arp"|"ip4"|"ip6"|"other", "protocol", "source", "destination",
                                 "sport", "dport", "type", "hex"}

Only frames that the other end sent: not those that this end sends itself.
"""

import ipaddress
import json
import signal
import socket
import struct
import sys

ALL = 0x0003
TRANSPORT = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6", 132: "sctp"}


def transport(number, data):
    facts = {"protocol": TRANSPORT.get(number, number)}
    if number in (6, 17) and len(data) >= 4:
        facts["sport"], facts["dport"] = struct.unpack("!HH", data[:4])
        if number == 6 and len(data) >= 14:
            facts["flags"] = data[13]
    elif number in (1, 58) and data:
        facts["type"] = data[0]
    return facts


def skip_options(number, data):
    """Past the hop-by-hop header that multicast reports carry."""
    while number == 0 and len(data) >= 8:
        number, data = data[0], data[8 + data[1] * 8 :]
    return number, data


def describe(frame):
    ethertype = struct.unpack("!H", frame[12:14])[0]
    data = frame[14:]
    if ethertype == 0x0806:
        facts = {"kind": "arp", "type": data[7], "source": str(ipaddress.ip_address(data[14:18])),
                 "destination": str(ipaddress.ip_address(data[24:28]))}
    elif ethertype == 0x0800:
        facts = {"kind": "ip4", "source": str(ipaddress.ip_address(data[12:16])),
                 "destination": str(ipaddress.ip_address(data[16:20])), **transport(data[9], data[(data[0] & 15) * 4 :])}
    elif ethertype == 0x86DD:
        facts = {"kind": "ip6", "source": str(ipaddress.ip_address(data[8:24])),
                 "destination": str(ipaddress.ip_address(data[24:40])), **transport(*skip_options(data[6], data[40:]))}
    else:
        facts = {"kind": "other", "type": ethertype}
    return facts | {"hex": frame[:128].hex()}


def main():
    def stop(*_):
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    tap.bind((sys.argv[1], ALL))
    print("ready", flush=True)
    while True:
        frame, (_, _, packet_type, _, _) = tap.recvfrom(65536)
        if packet_type != socket.PACKET_OUTGOING:
            print(json.dumps(describe(frame)), flush=True)


main()

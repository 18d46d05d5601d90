# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rule met a packet, by the kernel's own counters, read with the tools of those who wrote the rules."""

import re

SAVE = {"ip4": "iptables-save", "ip6": "ip6tables-save"}


def counters(place, family):
    """{(table, chain, text): packets} of xtables rules and chain policies; the text of a policy is its verdict."""
    found, table = {}, None
    for line in place.run(SAVE[family], "-c").stdout.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif match := re.match(r":(\S+) (ACCEPT|DROP) \[(\d+):", line):
            found[table, match[1], f"policy {match[2]}"] = int(match[3])
        elif match := re.match(r"\[(\d+):\d+\] -A (\S+) ?(.*)", line):
            found[table, match[2], match[3]] = int(match[1])
    return found | nft_counters(place)


def nft_counters(place):
    """The same for what nft wrote: rules with a counter."""
    found, table, chain = {}, None, None
    for line in map(str.strip, place.run("nft", "list", "ruleset").stdout.splitlines()):
        if match := re.match(r"table \S+ (\S+) {", line):
            table = match[1]
        elif match := re.match(r"chain (\S+) {", line):
            chain = match[1]
        elif match := re.search(r"counter packets (\d+) bytes \d+", line):
            text = line.replace(match[0], "counter")
            found[table, chain, text] = found.get((table, chain, text), 0) + int(match[1])
    return found


class Counters:
    """The counters of a way's decider, before and after."""

    def __init__(self, places, way):
        self.place, self.family, self.decider = places[way.decider.place], way.family, way.decider
        self.before = self.read()

    def read(self):
        wanted = self.decider
        return {
            key: packets for key, packets in counters(self.place, self.family).items()
            if key[:2] == (wanted.table, wanted.chain) and key[2].startswith("policy ") == (wanted.kind == "policy")
            and re.search(wanted.text, key[2])
        }

    def rose(self):
        self.after = self.read()
        return any(packets > self.before.get(key, 0) for key, packets in self.after.items())

    def what(self):
        return f"{self.before} before, {self.after} after"

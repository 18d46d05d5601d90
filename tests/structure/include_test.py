#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may include whom: the #include lines of the product against a table.

    include_test.py ROOT

Checked are: every folder is in the table; every include names a file from the top of the tree; its folder may be
included; no cycle between modules (a module is a .h and its .c, and the parts that it is cut into); no folder pair
with arrows both ways; libraries of others stay in the folders that wrap them; the libraries that CMakeLists.txt
links are among those allowed.
"""
import os
import re
import sys

import tree

# Folder -> what it may include besides itself: a folder, or a single header of one.
ALLOWED = {
    "netns/base": [],
    "netns/snapshot": ["netns/base"],
    "netns/kernel": ["netns/base", "netns/kernel/bpf"],
    "netns/kernel/bpf": [],
    "netns/decode": ["netns/base", "netns/snapshot"],
    "netns/read": ["netns/base", "netns/snapshot", "netns/kernel", "netns/decode"],
    "netns/engine": ["netns/base", "netns/snapshot"],
    "netns/collect": ["netns/base", "netns/snapshot", "netns/kernel", "netns/read", "netns/engine"],
    "reports/model": ["netns/base"],
    "reports/policy": ["netns/base", "reports/model"],
    "reports/findings": ["netns/base", "reports/model", "reports/policy"],
    "reports/format": ["netns/base", "reports/model", "reports/findings"],
    # Evaluation and probing share the words for channels with the reports, and nothing else.
    "scanner/path": ["netns/base", "netns/snapshot", "reports/model/channel.h"],
    "scanner/probe": ["netns/base", "netns/kernel", "reports/model/channel.h", "scanner/probe/bpf"],
    "scanner/probe/bpf": [],
    "scanner/scan": ["netns/base", "netns/snapshot", "netns/kernel", "netns/collect", "reports/model",
                     "reports/policy", "reports/findings", "scanner/path", "scanner/probe"],
    "scanner/command": ["netns/base", "netns/snapshot", "netns/kernel", "netns/engine", "netns/collect",
                        "reports/model", "reports/policy", "reports/findings", "reports/format", "scanner/path",
                        "scanner/probe", "scanner/scan"],
    "scanner/command/main": ["scanner/command"],
}

# Compiled for the kernel's virtual machine, with no include path into the tree: named relative to their folder.
RELATIVE = {"scanner/probe/bpf", "netns/kernel/bpf"}

# Tables of variants. A row includes its table's header for the types; the table's own .c names its rows, and these
# arrows from a table to its rows are not counted when cycles are looked for.
TABLES = {
    "netns/decode/expression.c",
    "netns/decode/xtables.c",
    "netns/engine/engine.c",
    "reports/format/format.c",
    "scanner/command/command.c",
    "scanner/probe/method.c",
}

# A module may be cut into parts, which use its types and are seen by nobody else: NAME_PART.c and NAME_PART.h beside
# NAME.h are such parts by their name, these are by this list. A part's header in the hands of others is a problem.
PARTS = {
    "netns/snapshot/ruleset_table": "netns/snapshot/table",
    "netns/snapshot/text_iptables": "netns/snapshot/ruleset_text",
    "netns/snapshot/text_nft": "netns/snapshot/ruleset_text",
    "netns/snapshot/text_field": "netns/snapshot/ruleset_text",
    "netns/snapshot/text_set": "netns/snapshot/ruleset_text",
    "netns/snapshot/text_statement": "netns/snapshot/ruleset_text",
    "netns/snapshot/text_value": "netns/snapshot/ruleset_text",
    "reports/policy/document": "reports/policy/policy",
    "scanner/probe/settle": "scanner/probe/run",
    "scanner/scan/live": "scanner/scan/scan",
    **{f"scanner/path/{part}": "scanner/path/symbolic" for part in (
        "address_type", "bridge", "decision", "device", "hook", "listener", "load", "match", "nat", "neighbour",
        "predict", "program", "routing", "send", "survey")},
}

# Other arrows that are not counted there, each for a reason.
UNCOUNTED = {
    ("netns/snapshot/snapshot.c", "netns/snapshot/table.h"): "snapshots are freed by the tables of their own structs",
    ("netns/snapshot/ruleset.c", "netns/snapshot/table.h"): "rulesets are freed by the tables of their own structs",
}

# Libraries of others -> the only folders (or files) that see them. What is not named here is libc or the kernel's.
WRAPPED = {
    "bpf/": ["netns/kernel", "scanner/probe"],
    "curl/": ["netns/engine/api.c"],
    "expat.h": ["scanner/probe/import.c"],
    "libmnl/": ["netns/kernel", "netns/decode", "netns/read", "netns/collect", "scanner/probe"],
    "libnftnl/": ["netns/read"],
    "openssl/": ["netns/base"],
    "pcap.h": ["scanner/probe", "scanner/scan"],
    "pcap/": ["scanner/probe", "scanner/scan"],
    "seccomp.h": ["scanner/scan"],
    "sys/capability.h": ["netns/kernel", "netns/read", "scanner/probe", "scanner/scan"],
    "yaml.h": ["reports/policy"],
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]*)"|<([^>]*)>|(\S.*))', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
USES = re.compile(r"postern_library\(\s*(\w+)(.*?)\)", re.DOTALL)


def within(path, places):
    return any(path == place or path.startswith(place + "/") for place in places)


class Tree:
    def __init__(self, root):
        self.root = root
        self.problems = []
        self.arrows = []  # (file, included file), both of the product

    def complain(self, path, text):
        self.problems.append(f"{path}: {text}")

    def read(self):
        for path in tree.c_files(self.root):
            folder = os.path.dirname(path)
            if folder not in ALLOWED:
                self.complain(path, f"the folder {folder} is not in the table of {os.path.basename(__file__)}")
                continue
            for own, system, computed in INCLUDE.findall(COMMENT.sub("", tree.read(self.root, path))):
                if own:
                    self.include(path, own)
                elif system:
                    self.include_system(path, system)
                elif computed:
                    self.complain(path, f"includes {computed}, which is no plain name")

    def include(self, path, name):
        folder = os.path.dirname(path)
        if folder in RELATIVE and "/" not in name:
            name = f"{folder}/{name}"
        if not os.path.isfile(os.path.join(self.root, name)):
            self.complain(path, f'includes "{name}", which is no file from the top of the tree')
            return
        other = os.path.dirname(name)
        # a folder allows its own files, not those of the folders below it
        if other != folder and other not in ALLOWED[folder] and name not in ALLOWED[folder]:
            self.complain(path, f"may not include {name}")
            return
        self.arrows.append((path, name))

    def include_system(self, path, name):
        if os.path.isfile(os.path.join(self.root, name)):
            self.complain(path, f"includes <{name}>: files of the tree stand in quotes")
        for prefix, places in WRAPPED.items():
            if (name == prefix or (prefix.endswith("/") and name.startswith(prefix))) and not within(path, places):
                self.complain(path, f"may not include <{name}>")

    def check_pairs(self):
        folders = {(os.path.dirname(a), os.path.dirname(b)) for a, b in self.arrows}
        for a, b in sorted(folders):
            if a < b and (b, a) in folders:
                self.problems.append(f"{a} and {b} include each other")

    def whole(self, path):
        """The module that a file is of: its own name, or that of what it is a part of."""
        name = os.path.splitext(path)[0]
        if name in PARTS:
            return PARTS[name]
        folder, stem = os.path.split(name)
        while "_" in stem:
            stem = stem.rpartition("_")[0]
            whole = f"{folder}/{stem}"
            if os.path.isfile(os.path.join(self.root, whole + ".h")) and self.is_private(name, whole):
                return PARTS.get(whole, whole)
        return name

    def is_private(self, name, whole):
        """Whether nobody includes the header of that name but what is named like the whole."""
        return all(os.path.splitext(a)[0] == whole or a.startswith(whole + "_")
                   for a, b in self.arrows if b == name + ".h")

    def check_parts(self):
        for a, b in self.arrows:
            part = os.path.splitext(b)[0]
            if part in PARTS and self.whole(a) != PARTS[part]:
                self.complain(a, f"may not include {b}, which is a part of {PARTS[part]}")

    def check_cycles(self):
        """Between modules, but for a table's own rows; and between headers alone, without exception."""
        modules, headers = {}, {}
        for a, b in self.arrows:
            if a.endswith(".h"):
                headers.setdefault(a, set()).add(b)
            row = (a in TABLES and os.path.dirname(a) == os.path.dirname(b)) or (a, b) in UNCOUNTED
            module, other = self.whole(a), self.whole(b)
            if module != other and not row:
                modules.setdefault(module, set()).add(other)
        for graph in (modules, headers):
            self.problems.extend("a cycle: " + " -> ".join(cycle) for cycle in cycles(graph))

        for pair in sorted(set(UNCOUNTED) - set(self.arrows)):
            if os.path.isfile(os.path.join(self.root, pair[0])):
                self.complain(pair[0], f"is listed as including {pair[1]} and does not")

    def check_libraries(self):
        path = os.path.join(self.root, "CMakeLists.txt")
        if not os.path.isfile(path):
            return
        for name, rest in USES.findall(tree.read(self.root, "CMakeLists.txt")):
            folder = name.replace("_", "/")
            if name == "NAME":
                continue
            uses = re.search(r"USES\s+([\w\s]*?)(?:\bLIBS\b|$)", rest)
            for used in (uses.group(1).split() if uses else []):
                used = used.replace("_", "/")
                if not any(within(place, [used]) for place in ALLOWED.get(folder, [])):
                    self.complain("CMakeLists.txt", f"{folder} may not be linked with {used}")


def path_back(graph, start, nodes):
    """The shortest way from start to itself within nodes."""
    ways = [[start]]
    seen = set()
    for way in ways:
        for other in sorted(graph.get(way[-1], ())):
            if other == start:
                return way + [start]
            if other in nodes and other not in seen:
                seen.add(other)
                ways.append(way + [other])
    return None


def reachable(graph, start):
    seen, stack = set(), [start]
    while stack:
        for other in graph.get(stack.pop(), ()):
            if other not in seen:
                seen.add(other)
                stack.append(other)
    return seen


def cycles(graph):
    """One cycle of each group of nodes that reach each other."""
    reach = {node: reachable(graph, node) for node in graph}
    found, done = [], set()
    for node in sorted(graph):
        if node in reach[node] and node not in done:
            group = {other for other in reach[node] if node in reach.get(other, ())}
            done |= group
            found.append(path_back(graph, node, group))
    return found


def check(root):
    """What is wrong with the tree, and how many arrows it has."""
    this = Tree(root)
    this.read()
    this.check_pairs()
    this.check_parts()
    this.check_cycles()
    this.check_libraries()
    if not this.arrows:
        this.problems.append("no include was found: this is not the tree")
    return this.problems, len(this.arrows)


if __name__ == "__main__":
    found, count = check(sys.argv[1])
    sys.exit(tree.report("include", found, f"{count} includes, all as the table allows"))

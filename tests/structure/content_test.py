#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a file of the tree may hold.

    content_test.py ROOT

Every source says its licence; nothing names a path of the machine that it was made on; no file is larger than a
bound; what is not text is a listed fixture.
"""
import fnmatch
import os
import re
import sys

import tree

LICENCE = "SPDX-License-Identifier: GPL-2.0-or-later"
LARGEST = 256 * 1024

# By their name or ending; a script without an ending is known by its first line.
SOURCES = (".c", ".h", ".py", ".sh", ".cmake", "CMakeLists.txt", ".clang-format", ".yml", ".yaml", ".service", ".timer")

# Where others' formats have no place for a comment, or the text is not ours.
NOT_SOURCES = ("tests/unit/*/fixtures/*", "tests/judge/*/fixtures/*", "tests/fuzz/corpus/*")

# Files that hold bytes: what the kernel or an engine wrote, kept as it was.
BINARY = (
    "tests/unit/*/fixtures/*/cmdline",  # /proc/PID/cmdline has a NUL behind each argument
    "tests/unit/*/fixtures/*.bin",
    "tests/unit/*/fixtures/*.pcap",
    "tests/unit/*/fixtures/*.blob",
    "tests/fuzz/corpus/*",
)

# Larger fixtures, each with its own bound.
LARGER = {}

# Folders of a person, of a build or of a checkout. /root alone is also a folder of the machines that are scanned.
MACHINE = re.compile(
    rb"/home/(?!(?:user|[A-Z<$*{])\b)[a-z][\w.-]*/|/Users/\w+/|/tmp/(?:build|team)\b|/work/(?:main|shared)\b|/root/src\b")
MAY_NAME = ("tests/structure/content_test.py", "tests/structure/self_test.py")


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def is_source(path, data):
    if matches(path, NOT_SOURCES):
        return False
    return path.endswith(SOURCES) or data.startswith(b"#!")


def is_text(data):
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def licence_problem(path, data):
    lines = data.decode("utf-8", "replace").split("\n")
    if path.endswith((".c", ".h")):
        wanted = [f"/* {LICENCE} */"]
        return None if lines[:1] == wanted else f"the first line is not {wanted[0]}"
    first = 1 if lines[0].startswith("#!") else 0
    wanted = f"# {LICENCE}"
    return None if lines[first:first + 1] == [wanted] else f"line {first + 1} is not {wanted}"


def check_file(path, data):
    problems = []
    if is_source(path, data):
        problem = licence_problem(path, data)
        if problem:
            problems.append(problem)
    if len(data) > LARGER.get(path, LARGEST):
        problems.append(f"has {len(data)} bytes, above {LARGER.get(path, LARGEST)}")
    if not is_text(data) and not matches(path, BINARY):
        problems.append("is not text, and no listed fixture")
    found = MACHINE.search(data)
    if found and path not in MAY_NAME:
        problems.append(f"names a path of some machine: {found.group().decode('utf-8', 'replace')}")
    return problems


def check(root):
    """What is wrong with the tree, and how many files it has."""
    problems = []
    paths = tree.files(root)
    for path in paths:
        with open(os.path.join(root, path), "rb") as file:
            data = file.read()
        problems.extend(f"{path}: {problem}" for problem in check_file(path, data))
    if not paths:
        problems.append("no file was found: this is not the tree")
    return problems, len(paths)


if __name__ == "__main__":
    found, count = check(sys.argv[1])
    sys.exit(tree.report("content", found, f"{count} files: licence, size, text, paths"))

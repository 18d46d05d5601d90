#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines per function: none above the limit without a reason that a reader would accept.

    length_test.py ROOT

Reads C as clang-format leaves it: the body's braces stand alone in column 0. A function is counted from the first
line of its signature to its closing brace.
"""
import re
import sys

import tree

LIMIT = 100

# (file, function) -> why it may be longer
LONGER = {}

NAME = re.compile(r"(\w+)\s*\(")
ENDS = (";", "}", "*/", ">", '"')


def signature_start(lines, brace):
    """The first line of what stands before the brace."""
    start = brace
    while start > 0:
        before = lines[start - 1].rstrip()
        if not before or before.startswith("#") or before.endswith(ENDS) or before in ("{", "END_TEST"):
            break
        start -= 1
    return start


def functions(text):
    """(name, lines, number of the first line) of each function."""
    lines = text.split("\n")
    found = []
    brace = None
    for number, line in enumerate(lines):
        if line.rstrip() == "{" and brace is None:
            brace = number
        elif line.startswith("}") and brace is not None:
            start = signature_start(lines, brace)
            signature = " ".join(lines[start:brace])
            signature = re.sub(r"__attribute__\s*\(\(.*?\)\)\)?", "", signature)
            names = NAME.findall(signature)
            if names:
                name = names[0]
                if name == "START_TEST":
                    name = re.search(r"START_TEST\((\w+)", signature).group(1)
                found.append((name, number - start + 1, start + 1))
            brace = None
    return found


def percentile(numbers, part):
    numbers = sorted(numbers)
    return numbers[min(len(numbers) - 1, int(len(numbers) * part))] if numbers else 0


def check(root, longer=None):
    """What is wrong with the tree, and the lengths of the product's functions."""
    longer = LONGER if longer is None else longer
    problems, lengths, used = [], [], set()
    for path in tree.c_files(root, tree.PRODUCT + ("tests",)):
        for name, length, line in functions(tree.read(root, path)):
            if not path.startswith("tests/"):
                lengths.append(length)
            if length > LIMIT and (path, name) in longer:
                used.add((path, name))
            elif length > LIMIT:
                problems.append(f"{path}:{line}: {name} has {length} lines, above {LIMIT}")
    for path, name in sorted(set(longer) - used):
        problems.append(f"{path}: {name} is listed as longer than {LIMIT} lines and is not")
    for key, reason in sorted(longer.items()):
        if not reason:
            problems.append(f"{key[0]}: {key[1]} may be longer for no reason")
    if not lengths:
        problems.append("no function was found: this is not the tree")
    return problems, lengths


if __name__ == "__main__":
    found, counted = check(sys.argv[1])
    above = sum(1 for number in counted if number > 60)
    print(f"length: {len(counted)} functions, median {percentile(counted, 0.5)} lines, 90th percentile "
          f"{percentile(counted, 0.9)}, longest {max(counted, default=0)}, {above} above 60")
    sys.exit(tree.report("length", found, f"none above {LIMIT} lines"))

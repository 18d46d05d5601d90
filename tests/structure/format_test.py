#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every C file is as clang-format leaves it.

    format_test.py ROOT CLANG_FORMAT
"""
import re
import subprocess
import sys

import tree

VERSION = 14  # others break lines in other places


def version_problem(program):
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{program} does not run: {error}"
    found = re.search(r"version (\d+)", text)
    if not found or int(found.group(1)) != VERSION:
        return f"{program} is not version {VERSION}: {text.strip()}"
    return None


def check(root, program):
    """What is wrong with the tree, and how many files were looked at."""
    problem = version_problem(program)
    if problem:
        return [problem], 0
    paths = tree.c_files(root, tree.PRODUCT + ("tests",))
    result = subprocess.run([program, "--style=file", "--dry-run", "--Werror", *paths], cwd=root, capture_output=True,
                            text=True, check=False)
    first = {}  # complaint of each file: the others follow from it
    for path, rest in re.findall(r"^(\S+?):(\d+:.*error.*)$", result.stderr, re.MULTILINE):
        first.setdefault(path, f"{path}:{rest}")
    problems = sorted(first.values())
    if result.returncode != 0 and not problems:
        problems.append(f"{program} failed: {result.stderr.strip()}")
    if not paths:
        problems.append("no C file was found: this is not the tree")
    return problems, len(paths)


if __name__ == "__main__":
    found, count = check(sys.argv[1], sys.argv[2])
    sys.exit(tree.report("format", found, f"{count} files"))

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The released program as the linker left it.

    hardened_test.py PROGRAM SOURCE_FOLDER BUILD_FOLDER

Position-independent, relocations read-only before main(), no executable stack, stack protector and fortified libc
calls in use, no run path, libraries of the list alone, no path of the building machine.
"""
import os
import re
import subprocess
import sys

import tree

LIBRARIES = {"libc", "libm", "libmnl", "libnftnl", "libcjson", "libpcap", "libyaml-0", "libcap", "libbpf", "libseccomp",
             "libcrypto", "libcurl", "libexpat", "libelf", "libz", "ld-linux-x86-64", "ld-linux-aarch64"}


def readelf(program, *options):
    return subprocess.run(["readelf", "--wide", *options, program], capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def check(program, folders):
    if not os.path.isfile(program):
        return ["was not built"]
    header, segments = readelf(program, "--file-header"), readelf(program, "--program-headers")
    dynamic, symbols = readelf(program, "--dynamic"), readelf(program, "--dyn-syms")
    stack = re.search(r"GNU_STACK.*\s(\w+)\s+0x\w+$", segments, re.MULTILINE)
    problems = []
    for good, problem in (
            (re.search(r"Type:\s+DYN", header) and re.search(r"FLAGS_1.*\bPIE\b", dynamic), "is not position-independent"),
            ("GNU_RELRO" in segments, "has no read-only relocations"),
            (re.search(r"FLAGS.*(BIND_NOW|\bNOW\b)", dynamic), "is not bound before it starts"),
            (stack and "E" not in stack.group(1), "has an executable stack"),
            (not re.search(r"LOAD.*\sRWE\s", segments), "has a segment that is writable and executable"),
            (not re.search(r"\((RPATH|RUNPATH|TEXTREL)\)", dynamic), "has a run path or relocations in its text"),
            ("__stack_chk_fail" in symbols, "has no stack protector"),
            (re.search(r"__\w+_chk\b(?<!__stack_chk)", symbols.replace("__stack_chk_fail", "")),
             "has no fortified call")):
        if not good:
            problems.append(problem)
    for library in re.findall(r"\(NEEDED\).*\[(.*?)\.so", dynamic):
        if library not in LIBRARIES:
            problems.append(f"needs {library}, which is not in the list")
    with open(program, "rb") as file:
        data = file.read()
    problems.extend(f"names the folder {folder}" for folder in folders if os.fsencode(folder) in data)
    return problems


if __name__ == "__main__":
    found = [f"{sys.argv[1]} {problem}" for problem in check(sys.argv[1], sys.argv[2:])]
    sys.exit(tree.report("hardened", found, "PIE, RELRO, NOW, no executable stack, protector, fortified"))

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every code that a source can put into a report stands in the report's schema: reasons and errors."""

import json
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
# Codes of the command's own messages, which reach no report.
MESSAGES = {"bad-query", "usage", "write-failed", "confine-failed", "policy", "no-scan", "unknown-vantage", "unknown-container",
            "bad-target", "bad-port", "bad-address", "bad-prefix", "bad-snapshot", "bad-engine-root"}


def strip(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def error_codes():
    """The third argument of error_set and error_errno, in all that a scan runs."""
    for folder in ("netns", "scanner/path", "scanner/probe", "scanner/scan"):
        for file in (TOP / folder).rglob("*.c"):
            for call in re.finditer(r'error_(?:set|errno)\((?:[^;"]*?),\s*"([a-z0-9-]+)"', strip(file.read_text())):
                yield call.group(1), file.relative_to(TOP)


def reason_codes():
    """The macros of reason.h, and what probe.skip and the probe's own reasons say."""
    header = TOP / "scanner/path/reason.h"
    for macro in re.finditer(r'#define\s+REASON_\w+[\s\\]+"([a-z0-9-]+)"', header.read_text()):
        yield macro.group(1), header.relative_to(TOP)
    for file in [*(TOP / "scanner/scan").glob("*.c"), *(TOP / "scanner/probe").glob("*.c")]:
        for word in re.finditer(r'(?:skip|\.code|struct reason\)) ?=? ?\{?"([a-z0-9-]+)"', strip(file.read_text())):
            yield word.group(1), file.relative_to(TOP)


def main():
    schema = json.loads((TOP / "reports/schema/report.schema.json").read_text())["$defs"]
    faults, seen = [], 0
    for codes, words in ((error_codes(), set(schema["error_code"]["enum"]) | MESSAGES), (reason_codes(), set(schema["reason_code"]["enum"]))):
        for code, file in codes:
            seen += 1
            if code not in words:
                faults.append(f"{file}: {code} is not in the report's schema")
    if seen < 60:
        faults.append(f"only {seen} codes were found: this test does not read the sources any more")
    print("\n".join(sorted(set(faults))) or f"{seen} codes, all in the schema")
    sys.exit(1 if faults else 0)


main()

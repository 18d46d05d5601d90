#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The structure tests find what they look for: each is run on small trees that break its rules.

    self_test.py C_COMPILER
"""
import os
import subprocess
import sys
import tempfile
import unittest

import content_test
import format_test
import hardened_test
import include_test
import length_test

LICENCE_C = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
COMPILER = "cc"


class TreeTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="postern-structure-")
        self.root = self.folder.name
        self.put("netns/base/error.h")
        self.put("netns/base/memory.h", '#include "netns/base/error.h"')
        self.put("netns/base/memory.c", '#include "netns/base/memory.h"', "#include <errno.h>")

    def tearDown(self):
        self.folder.cleanup()

    def put(self, path, *lines, data=None):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data if data is not None else (LICENCE_C + "\n".join(lines) + "\n").encode())

    def expect(self, problems, *parts):
        self.assertEqual(len(problems), len(parts), problems)
        for problem, part in zip(problems, parts):
            self.assertIn(part, problem)


class IncludeTest(TreeTest):
    def check(self, *parts):
        self.expect(include_test.check(self.root)[0], *parts)

    def test_a_good_tree(self):
        self.put("netns/snapshot/snapshot.h", '#include "netns/base/memory.h"')
        self.put("reports/model/channel.h", '#include "netns/base/error.h"')
        self.put("scanner/path/world.h", '#include "netns/snapshot/snapshot.h"',
                 '  #  include "reports/model/channel.h"')
        self.check()

    def test_base_includes_nothing(self):
        self.put("netns/snapshot/snapshot.h")
        self.put("netns/base/pool.c", '#include "netns/snapshot/snapshot.h"')
        self.check("netns/base/pool.c: may not include netns/snapshot/snapshot.h")

    def test_reports_never_see_a_snapshot(self):
        self.put("netns/snapshot/snapshot.h")
        self.put("reports/policy/selector.c", '#include "netns/snapshot/snapshot.h"')
        self.check("reports/policy/selector.c: may not include netns/snapshot/snapshot.h")

    def test_path_sees_one_header_of_the_reports(self):
        self.put("reports/model/channel.h")
        self.put("reports/model/report.h")
        self.put("scanner/path/a.c", '#include "reports/model/channel.h"', '#include "reports/model/report.h"')
        self.put("scanner/probe/b.c", '#include "reports/model/channel.h"', '#include "reports/model/report.h"')
        self.check("scanner/path/a.c: may not include reports/model/report.h",
                   "scanner/probe/b.c: may not include reports/model/report.h")

    def test_path_and_probe_do_not_see_each_other(self):
        self.put("scanner/path/a.h")
        self.put("scanner/probe/b.h")
        self.put("scanner/path/a.c", '#include "scanner/probe/b.h"')
        self.put("scanner/probe/b.c", '#include "scanner/path/a.h"')
        self.check("scanner/path/a.c: may not include", "scanner/probe/b.c: may not include")

    def test_an_unknown_folder(self):
        self.put("netns/helper/helper.h")
        self.put("scanner/path/deeper/x.c")
        self.check("the folder netns/helper is not in the table", "the folder scanner/path/deeper is not in the table")

    def test_a_folder_allows_not_those_below(self):
        self.put("scanner/command/main/x.h")
        self.put("scanner/command/a.c", '#include "scanner/command/main/x.h"')
        self.check("scanner/command/a.c: may not include scanner/command/main/x.h")

    def test_names_from_the_top(self):
        self.put("netns/base/a.c", '#include "memory.h"', '#include "netns/base/../base/memory.h"', '#include "absent.h"')
        self.check('includes "memory.h", which is no file', "may not include netns/base/../base/memory.h",
                   'includes "absent.h", which is no file')

    def test_other_forms_of_include(self):
        self.put("netns/base/a.c", "#include <netns/base/memory.h>", "#include HEADER")
        self.check("files of the tree stand in quotes", "which is no plain name")

    def test_a_comment_is_no_include(self):
        self.put("netns/base/a.c", "/*", '#include "scanner/scan/scan.h"', "*/")
        self.check()

    def test_a_cycle_of_modules(self):
        self.put("netns/base/a.h")
        self.put("netns/base/b.h")
        self.put("netns/base/a.c", '#include "netns/base/b.h"')
        self.put("netns/base/b.c", '#include "netns/base/a.h"')
        self.check("a cycle: netns/base/a -> netns/base/b -> netns/base/a")

    def test_a_cycle_of_headers(self):
        self.put("netns/engine/engine.h", '#include "netns/engine/docker.h"')
        self.put("netns/engine/docker.h", '#include "netns/engine/engine.h"')
        self.check("a cycle: netns/engine/docker -> netns/engine/engine", "a cycle: netns/engine/docker.h -> ")

    def test_a_table_names_its_rows(self):
        self.put("netns/engine/engine.h")
        self.put("netns/engine/docker.h", '#include "netns/engine/engine.h"')
        self.put("netns/engine/docker.c", '#include "netns/engine/docker.h"')
        self.put("netns/engine/engine.c", '#include "netns/engine/engine.h"', '#include "netns/engine/docker.h"')
        self.check()

    def test_parts_by_name(self):
        self.put("netns/base/pool.h")
        self.put("netns/base/pool_worker.h", '#include "netns/base/pool.h"')
        self.put("netns/base/pool.c", '#include "netns/base/pool.h"', '#include "netns/base/pool_worker.h"')
        self.check()
        self.put("netns/base/file.c", '#include "netns/base/pool_worker.h"')  # no part any more
        self.check("a cycle: netns/base/pool -> netns/base/pool_worker -> netns/base/pool")

    def test_listed_parts(self):
        self.put("reports/policy/policy.h")
        self.put("reports/policy/document.h", '#include "reports/policy/policy.h"')
        self.put("reports/policy/policy.c", '#include "reports/policy/document.h"')
        self.check()
        self.put("reports/policy/check.c", '#include "reports/policy/document.h"')
        self.check("reports/policy/check.c: may not include reports/policy/document.h, which is a part of")

    def test_uncounted_arrows_are_there(self):
        self.put("netns/snapshot/snapshot.c")
        self.check("is listed as including netns/snapshot/table.h and does not")

    def test_arrows_both_ways(self):
        self.put("reports/model/report.h")
        self.put("reports/policy/policy.h", '#include "reports/model/report.h"')
        self.put("reports/model/other.c", '#include "reports/policy/policy.h"')
        self.check("may not include reports/policy/policy.h")
        allowed = dict(include_test.ALLOWED)
        try:  # a table that allowed both would not hide it
            include_test.ALLOWED["reports/model"] = ["netns/base", "reports/policy"]
            self.check("reports/model and reports/policy include each other")
        finally:
            include_test.ALLOWED.clear()
            include_test.ALLOWED.update(allowed)

    def test_wrapped_libraries(self):
        self.put("scanner/scan/a.c", "#include <yaml.h>", "#include <curl/curl.h>", "#include <seccomp.h>")
        self.put("netns/engine/api.c", "#include <curl/curl.h>")
        self.check("scanner/scan/a.c: may not include <yaml.h>", "scanner/scan/a.c: may not include <curl/curl.h>")

    def test_linked_libraries(self):
        self.put("CMakeLists.txt", data=b"postern_library(scanner_path USES netns_base reports_model)\n"
                                        b"postern_library(reports_model USES netns_base netns_snapshot\n  LIBS x)\n")
        self.check("reports/model may not be linked with netns/snapshot")

    def test_an_empty_tree(self):
        with tempfile.TemporaryDirectory() as root:
            self.expect(include_test.check(root)[0], "no include was found")


class LengthTest(TreeTest):
    def function(self, name, lines):
        return f"static int {name}(void)\n{{\n" + "    x();\n" * (lines - 3) + "}\n"

    def test_lengths(self):
        self.put("netns/base/a.c", self.function("short_one", 100), "", self.function("long_one", 101))
        problems, lengths = length_test.check(self.root)
        self.expect(problems, "long_one has 101 lines")
        self.assertEqual(sorted(lengths), [100, 101])

    def test_signatures(self):
        text = ("#include <x.h>\n\nstruct a {\n    int b;\n};\nstatic const int table[] = {\n    1,\n};\n"
                "__attribute__((format(printf, 1, 2))) static int first(const char *a,\n"
                "                 int b)\n{\n    if (b) {\n    }\n}\nint second(void)\n{\n}\n"
                "START_TEST(third)\n{\n}\nEND_TEST\n")
        self.assertEqual(length_test.functions(text), [("first", 6, 9), ("second", 3, 15), ("third", 3, 18)])

    def test_tests_are_counted_too(self):
        self.put("netns/base/a.c", self.function("f", 5))
        self.put("tests/unit/netns_base/a_test.c", self.function("g", 200))
        problems, lengths = length_test.check(self.root)
        self.expect(problems, "g has 200 lines")
        self.assertEqual(lengths, [5])

    def test_exceptions(self):
        self.put("netns/base/a.c", self.function("f", 101))
        self.assertEqual(length_test.check(self.root, {("netns/base/a.c", "f"): "a table in code"})[0], [])
        self.expect(length_test.check(self.root, {("netns/base/a.c", "f"): ""})[0], "for no reason")
        self.expect(length_test.check(self.root, {("netns/base/a.c", "f"): "x", ("netns/base/a.c", "g"): "x"})[0],
                    "g is listed as longer")

    def test_numbers(self):
        self.assertEqual(length_test.percentile(list(range(1, 11)), 0.5), 6)
        self.assertEqual(length_test.percentile([], 0.9), 0)


class ContentTest(TreeTest):
    def check(self, *parts):
        self.expect(content_test.check(self.root)[0], *parts)

    def test_a_good_tree(self):
        self.put("tool", data=b"#!/bin/bash\n# SPDX-License-Identifier: GPL-2.0-or-later\n")
        self.put("a.cmake", data=b"# SPDX-License-Identifier: GPL-2.0-or-later\n")
        self.put("README.md", data=b"# Postern\n")
        self.put("build/generated.c", data=b"no licence\n")
        self.check()

    def test_licences(self):
        self.put("a.c", data=b"int a;\n")
        self.put("b.h", data=b"\n/* SPDX-License-Identifier: GPL-2.0-or-later */\n")
        self.put("c.py", data=b"#!/usr/bin/python3\n\n# SPDX-License-Identifier: GPL-2.0-or-later\n")
        self.put("d", data=b"#!/bin/sh\n# SPDX-License-Identifier: MIT\n")
        self.check("a.c: the first line", "b.h: the first line", "c.py: line 2", "d: line 2")

    def test_binaries(self):
        self.put("a.o", data=b"\x7fELF\0")
        self.put("latin1", data=b"\xe9\n")
        self.put("tests/unit/netns_decode/fixtures/a.bin", data=b"\0\xff")
        self.check("a.o: is not text", "latin1: is not text")

    def test_sizes(self):
        self.put("large", data=b"x" * (content_test.LARGEST + 1))
        self.put("fits", data=b"x" * content_test.LARGEST)
        self.check("large: has")

    def test_paths_of_a_machine(self):
        self.put("a", data=b"see /home/alice/src/x\n")
        self.put("b", data=b"see /home/user/x or /home/USER/x or /work/ or /tmp/postern-x\n")
        self.put("c", data=b"cmake -B /tmp/build-x\n")
        self.check("a: names a path", "c: names a path")


class FormatTest(TreeTest):
    def test_an_absent_program(self):
        self.expect(format_test.check(self.root, "/nonexistent/clang-format")[0], "does not run")

    def test_another_version(self):
        program = os.path.join(self.root, "clang-format")
        self.put("clang-format", data=b"#!/bin/sh\necho clang-format version 99.1\n")
        os.chmod(program, 0o755)
        self.expect(format_test.check(self.root, program)[0], "is not version")

    def answer(self, body):
        program = os.path.join(self.root, "clang-format")
        self.put("clang-format", data=b"#!/bin/sh\n[ $# = 1 ] && echo clang-format version 14.0 && exit\n" + body)
        os.chmod(program, 0o755)
        return format_test.check(self.root, program)

    def test_a_file_is_refused(self):
        problems, count = self.answer(b'for p; do case $p in *memory.[ch]) echo "$p:1:2: error: x" >&2; esac; done\n'
                                      b'echo netns/base/memory.h:7:2: error: y >&2; exit 1\n')
        self.expect(problems, "netns/base/memory.c:1:2", "netns/base/memory.h:1:2")
        self.assertEqual(count, 3)

    def test_another_failure(self):
        self.expect(self.answer(b"echo no style file >&2; exit 1\n")[0], "failed: no style file")


class HardenedTest(TreeTest):
    source = (b"#include <stdio.h>\n#include <string.h>\nint main(int c, char **v)\n{\n    char a[64];\n"
              b"    strcpy(a, v[c - 1]);\n    return puts(a);\n}\n")

    def build(self, *options):
        self.put("main.c", data=self.source)
        program = os.path.join(self.root, "main")
        subprocess.run([COMPILER, "-O2", "-w", *options, "-o", program, os.path.join(self.root, "main.c")], check=True)
        return program

    good = ("-fPIE", "-pie", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2",
            "-Wl,-z,relro,-z,now,-z,noexecstack")

    def expect_problem(self, part, *options):
        problems = hardened_test.check(self.build(*self.good, *options), [])
        self.assertTrue(any(part in problem for problem in problems), problems)

    def test_a_good_program(self):
        self.assertEqual(hardened_test.check(self.build(*self.good), ["/nonexistent/folder"]), [])

    def test_bad_programs(self):
        self.expect_problem("is not position-independent", "-no-pie", "-fno-pie")
        self.expect_problem("has no read-only relocations", "-Wl,-z,norelro")
        self.expect_problem("is not bound before it starts", "-Wl,-z,lazy")
        self.expect_problem("has an executable stack", "-Wl,-z,execstack")
        self.expect_problem("has a run path", "-Wl,-rpath,/opt")
        self.expect_problem("has no stack protector", "-fno-stack-protector")
        self.expect_problem("has no fortified call", "-U_FORTIFY_SOURCE")
        self.expect_problem("needs libdl, which is not in the list", "-Wl,--no-as-needed,-l:libdl.so.2")

    def test_no_program(self):
        self.expect(hardened_test.check(os.path.join(self.root, "absent"), []), "was not built")

    def test_a_folder_in_it(self):
        problems = hardened_test.check(self.build(*self.good, "-g"), [self.root])
        self.expect(problems, "names the folder")


if __name__ == "__main__":
    COMPILER = sys.argv.pop(1)
    unittest.main(verbosity=1)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of a source tree, as the structure tests see them."""
import os

PRODUCT = ("netns", "reports", "scanner")


def is_outside(name):
    """Folders that are no sources: what git, a build or an interpreter puts beside them."""
    return name in (".git", "__pycache__", "node_modules") or name == "build" or name.startswith("build-")


def files(root, tops=None):
    """Paths of all files relative to root, sorted; of some top folders only where tops is given."""
    found = []
    for top in tops or ("",):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = sorted(name for name in folders if not is_outside(name))
            for name in names:
                if is_outside(name):  # a worktree's .git is a file
                    continue
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    found.append(os.path.relpath(path, root))
    return sorted(found)


def c_files(root, tops=PRODUCT):
    return [path for path in files(root, tops) if path.endswith((".c", ".h"))]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def report(name, problems, summary):
    """Prints what is wrong, or the summary; the exit status of the test."""
    for problem in problems:
        print(f"{name}: {problem}")
    if not problems:
        print(f"{name}: {summary}")
    return 1 if problems else 0

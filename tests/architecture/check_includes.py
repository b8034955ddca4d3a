#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Reads every #include of include/, src/ and apps/ against the table that cmake/Layers.cmake writes.

Prints one line per violation, `file:line: what is wrong and how to mend it`, and exits 1 if there is any.
"""
import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<open>[<"])(?P<header>[^>"]+)[>"]')
STANDARD = re.compile(r"^[a-z_0-9]+$")  # <vector>, <cstdint>: no directory, no suffix
POSIX_DIRECTORIES = {"sys", "linux", "net", "netinet", "arpa", "asm"}
POSIX = {
    "cpuid.h", "cxxabi.h", "dirent.h", "errno.h", "fcntl.h", "fnmatch.h", "glob.h", "grp.h", "limits.h", "link.h", "malloc.h",
    "netdb.h", "poll.h", "pthread.h", "pwd.h", "sched.h", "semaphore.h", "signal.h", "spawn.h", "stdint.h",
    "stdio.h", "stdlib.h", "string.h", "strings.h", "termios.h", "time.h", "ucontext.h", "unistd.h", "wordexp.h",
}
C_HEADER, C_LAYER = "mpipe/mpipe.h", "c_interface"  # the one public header of a layer that is in no folder of its own
SOURCE_SUFFIXES = {".hpp", ".cpp", ".h", ".c", ".inc"}


@dataclass
class Row:
    """A line of the table: a layer, or a directory of programs that stand on the layers."""

    kind: str
    name: str
    uses: list = field(default_factory=list)
    headers: list = field(default_factory=list)  # third parties allowed in public headers
    sources: list = field(default_factory=list)  # third parties allowed in sources
    forbidden: list = field(default_factory=list)

    @property
    def api(self):
        """The program of this project is one with the library; examples are what users write."""
        return self.name == "apps/pipeline_app"


def read_table(path):
    """`layer NAME | uses A B | headers X | sources X Y | not Z`, one per line."""
    rows = {}
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        head, *columns = [column.split() for column in line.split("|")]
        values = {words[0]: words[1:] for words in columns}
        rows[head[1]] = Row(head[0], head[1], values["uses"], values["headers"], values["sources"], values["not"])
    if not any(row.kind == "layer" for row in rows.values()):
        sys.exit(f"{path}: no layer in it; configure the project again.")
    return rows


def matches(header, prefixes):
    """`boost/mpi` stands for boost/mpi.hpp and all of boost/mpi/."""
    return any(header == p or header.startswith((p + "/", p + ".h")) for p in prefixes)


def is_system(header):
    return bool(STANDARD.match(header)) or header in POSIX or header.split("/")[0] in POSIX_DIRECTORIES


class Checker:
    def __init__(self, root, rows):
        self.root = root
        self.rows = rows
        self.violations = []
        self.includes = 0

    def check_tree(self):
        for path in sorted(self.root.glob("include/mpipe/*/**/*")):
            self.check_file(path, self.row_of_layer(path, 2), public=True)
        if C_LAYER in self.rows:
            self.check_file(self.root / "include" / C_HEADER, self.rows[C_LAYER], public=True)
        for path in sorted(self.root.glob("src/*/**/*")):
            self.check_file(path, self.row_of_layer(path, 1), public=False, api="api" in path.parts)
        for row in self.rows.values():
            if row.kind == "consumer":
                for path in sorted(self.root.glob(f"{row.name}/**/*")):
                    self.check_file(path, row, public=False)

    def row_of_layer(self, path, depth):
        return self.rows.get(path.relative_to(self.root).parts[depth])

    def check_file(self, path, row, public, api=False):
        if path.suffix not in SOURCE_SUFFIXES or not path.is_file():
            return
        if row is None:
            self.violations.append(f"{path.relative_to(self.root)}:1: its directory is not a layer of cmake/Layers.cmake")
            return
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
            found = INCLUDE.match(line)
            if not found:
                continue
            self.includes += 1
            problem = self.problem(row, public or api, found["header"]) \
                if found["open"] == "<" else self.problem_quoted(path, row, public, api, found["header"])
            if problem:
                self.violations.append(f"{path.relative_to(self.root)}:{number}: {problem}")

    def problem(self, row, shared, header):
        """What is wrong with this include in angle brackets, or None. `shared`: others include the file."""
        if header.startswith("mpipe/"):
            return self.problem_own(row, header)
        if header in row.forbidden:
            return f"{row.name} includes <{header}>, which would break what this layer promises not to know"
        if is_system(header) or matches(header, row.headers):
            return None
        if matches(header, row.sources):
            if not shared:
                return None
            return (f"a header of {row.name} for others includes <{header}>; move it to src/{row.name}, as those who "
                    f"use the layer would need that library too")
        return (f"{row.name} may not include <{header}>, which is no standard or POSIX header and not allowed in "
                f"its line of cmake/Layers.cmake")

    def problem_own(self, row, header):
        parts = header.split("/")
        if len(parts) == 2 and header == C_HEADER:
            return None if row.name == C_LAYER or row.kind == "consumer" else f"layer {row.name} includes <{header}>, which is of {C_LAYER}"
        if len(parts) == 2:  # <mpipe/mpipe.hpp>
            return None if row.kind == "consumer" else f"layer {row.name} includes the umbrella <{header}>"
        other = parts[1]
        if other not in self.rows:
            return f"<{header}>: there is no layer {other}"
        if other == row.name or other in row.uses:
            return None
        return f"{row.name} may not use {other} (<{header}>); it may use: {' '.join(row.uses) or 'no other layer'}"

    def problem_quoted(self, path, row, public, api, header):
        """`"layer/api/x.hpp"` is for other layers, `"layer/x.hpp"` for the layer itself; a public header has neither."""
        parts = header.split("/")
        if row.kind == "consumer":
            return self.problem_of_consumer(path, row, header)
        if public:
            return f'a public header includes "{header}"; public headers are included as <mpipe/..>'
        if ".." in parts:
            return f'"{header}": headers are included as "layer/x.hpp", from src'
        if len(parts) == 3 and parts[1] == "api" and parts[0] in self.rows:
            return None if parts[0] == row.name else self.problem_own(row, f"mpipe/{parts[0]}/{parts[2]}")
        if parts[0] != row.name:
            return f'{row.name} includes "{header}"; of other layers only public headers and those in src/<layer>/api'
        return f'a header for other layers includes "{header}", which they do not see; move it to api/ too' if api else None

    def problem_of_consumer(self, path, row, header):
        base = self.root / row.name
        known = [path.parent, base, *(p for p in path.parents if base in p.parents)]
        if any((directory / header).is_file() for directory in known):
            return None
        parts = header.split("/")
        if row.api and len(parts) == 3 and parts[1] == "api" and parts[0] in row.uses:
            return None
        return f'"{header}" is not a file of {row.name}; headers of mpipe are included as <mpipe/..>'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="layers.txt of the build directory")
    parser.add_argument("--root", type=Path, required=True, help="the tree to check")
    options = parser.parse_args()
    checker = Checker(options.root, read_table(options.table))
    checker.check_tree()
    for violation in checker.violations:
        print(violation)
    if checker.includes == 0:
        sys.exit(f"{options.root}: not a single #include found; is this the right tree?")
    print(f"{checker.includes} includes read, {len(checker.violations)} violations")
    return 1 if checker.violations else 0


if __name__ == "__main__":
    sys.exit(main())

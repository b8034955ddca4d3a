#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plants one violation at a time in a small tree, and asserts that check_tree.py names it, its file and its line."""
import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = Path(__file__).with_name("check_tree.py")

GOOD = {
    "cmake/Layers.cmake": "mpipe_layer(core)\nmpipe_layer(data USES core)\n",
    "docs/architecture.md": "# A\n\n## The layers\n\n| `core` | x |\n| `data` | y |\n\n## Next\n\n| `other` | z |\n",
    "include/mpipe/core/a.hpp": "// SPDX\n/// @file\n/// Says what it does.\n#pragma once\n",
    "src/core/a.cpp": "// SPDX\n// Does what it says.\nnamespace mpipe {\n// A reason for it.\nint f() { return 1; }\n}\n",
}
OPENING = "// SPDX\n// Does what it says.\n" + "// More of it.\n" * 40


def long_function(head, lines):
    return OPENING + "namespace mpipe {\n\n" + head + " {\n" + "  g();\n" * (lines - 2) + "}\n\n}  // namespace mpipe\n"


def wide_class(name, fields):
    members = "".join(f"  std::map<int, std::function<void(int)>> field{k}_ = {{}};\n" for k in range(fields))
    others = "  static int s;\n  using A = int;\n  void method(int a, int b) const;\n  int get() const { int x = 0; return x; }\n"
    return OPENING + f"class {name} : public Base {{\n public:\n{others} private:\n{members}}};\n"


# check, planted files, what the message begins with (None: nothing is wrong), a word of it
PLANTED = [
    ("headers", {f"include/mpipe/core/h{k}.hpp": "/// A header.\n" for k in range(45)}, None, ""),
    ("headers", {f"include/mpipe/core/h{k}.h": "/// A header.\n" for k in range(46)}, "include:1:", "47 public headers"),
    ("folders", {f"src/data/x/f{k}.cpp": OPENING for k in range(45)}, None, ""),
    ("folders", {f"src/data/x/f{k}.cpp": OPENING for k in range(46)}, "src/data/x:1:", "46 files"),
    ("functions", {"src/core/b.cpp": long_function("int long_one(int a)", 60)}, None, ""),
    ("functions", {"src/core/b.cpp": long_function("int long_one(int a)", 61)}, "src/core/b.cpp:45:", "long_one has 61"),
    ("functions", {"src/core/b.cpp": long_function("A::A(int a)\n    : b_(a),\n      c_{a}", 61)}, "src/core/b.cpp:45:", "A::A has 63"),
    ("functions", {"src/core/b.cpp": long_function("template <class T>\nauto B<T>::operator()(T t) const -> T", 61)},
     "src/core/b.cpp:45:", "62 lines"),
    ("functions", {"src/core/b.cpp": long_function("const std::map<int, int> kTable =", 70)}, None, ""),
    ("functions", {"src/core/b.cpp": OPENING + "const char* kText = R\"(\nvoid f() {\n" + "\n" * 70 + "})\";\n"}, None, ""),
    ("classes", {"src/core/b.hpp": wide_class("Wide", 20)}, None, ""),
    ("classes", {"src/core/b.hpp": wide_class("Wide", 21)}, "src/core/b.hpp:43:", "Wide has 21 fields"),
    ("classes", {"src/core/b.hpp": wide_class("WideOptions", 21)}, None, ""),
    ("sentences", {"src/core/b.cpp": "// SPDX-License-Identifier: X\n#include <a>\n\n\n// Too late.\n"}, "src/core/b.cpp:1:", "sentence"),
    ("sentences", {"apps/b.hpp": "// SPDX-License-Identifier: X\n/// @file\n#pragma once\n"}, "apps/b.hpp:1:", "sentence"),
    ("comments", {"src/core/b.cpp": "int a;\n" * 22}, None, ""),
    ("comments", {"src/core/b.cpp": "int a;  // not a line of its own\n" * 40}, "src:1:", "lines of comments"),
    ("layers", {"docs/architecture.md": "## The layers\n\n| `data` | y |\n| `core` | x |\n"}, "docs/architecture.md:1:", "table"),
    ("layers", {"cmake/Layers.cmake": "mpipe_layer(core)\n"}, "docs/architecture.md:1:", "table"),
]


def run_check(root, check):
    return subprocess.run([sys.executable, CHECK, "--root", root, check], capture_output=True, text=True, check=False)


def failures():
    """Yields what the check did wrong, one sentence each."""
    for check, files, begins, word in [(check, {}, None, "") for check in dict.fromkeys(p[0] for p in PLANTED)] + PLANTED:
        with tempfile.TemporaryDirectory() as scratch:
            for name, text in {**GOOD, **files}.items():
                path = Path(scratch, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            result = run_check(scratch, check)
        where = f"{check} of {next(iter(files), 'a good tree')}"
        lines = result.stdout.splitlines()
        if begins is None and result.returncode != 0:
            yield f"{where}: refused what is allowed: {lines} {result.stderr}"
        if begins is not None and (result.returncode != 1 or len(lines) != 2 or not lines[0].startswith(begins)
                                   or word not in lines[0]):
            yield f"{where}: expected one message '{begins} .. {word}', got {lines} {result.stderr}"


def main():
    found = list(failures())
    print("\n".join(found) if found else f"{len(PLANTED)} planted trees, all judged rightly")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plants violations in a copy of the tree and asserts that check_includes.py finds each, with file and line."""
import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECK = Path(__file__).with_name("check_includes.py")

# file, text, the line that must be named (None: nothing is wrong), a word of the message
PLANTED = [
    ("src/core/planted.cpp", "// ok\n#include <vector>\n#include <mpipe/run/map.hpp>\n", 3, "may not use run"),
    ("include/mpipe/mapspec/planted.hpp", "#pragma once\n#include <mpipe/data/column.hpp>\n", 2, "may not use data"),
    ("src/pipeline/planted.cpp", "#include <mpi.h>\n", 1, "may not include <mpi.h>"),
    ("src/exec/planted.cpp", "\n\n  #  include <boost/mpi/communicator.hpp>\n", 3, "may not include <boost/mpi"),
    ("src/schedule/planted.cpp", "#include <vector>\n#include <thread>\n", 2, "promises not to know"),
    ("src/run/planted.cpp", '#include "store/hdf5_file.hpp"\n', 1, "only public headers and those in src/<layer>/api"),
    ("src/comm/planted.cpp", '#include "exec/api/dispatch.hpp"\n', 1, "may not use exec"),
    ("src/exec/api/planted.hpp", '#include "exec/blocks.hpp"\n', 1, "move it to api/ too"),
    ("src/store/api/planted.hpp", "#include <hdf5.h>\n", 1, "a header of store for others"),
    ("include/mpipe/run/planted.hpp", '#include "exec/api/dispatch.hpp"\n', 1, "included as <mpipe/..>"),
    ("apps/examples/planted.cpp", '#include "core/api/text.hpp"\n', 1, "not a file of apps/examples"),
    ("include/mpipe/store/planted.hpp", "#include <hdf5.h>\n", 1, "a header of store for others"),
    ("include/mpipe/core/planted.hpp", '#include "error.hpp"\n', 1, "included as <mpipe/..>"),
    ("src/core/umbrella.cpp", "#include <mpipe/mpipe.hpp>\n", 1, "umbrella"),
    ("src/cellar/planted.cpp", "#include <vector>\n", 1, "not a layer"),
    ("apps/pipeline_app/planted.cpp", "#include <yaml-cpp/yaml.h>\n", 1, "may not include <yaml-cpp"),
    ("src/comm/allowed.cpp", "#include <mpi.h>\n#include <boost/mpi.hpp>\n#include <thread>\n", None, ""),
    ("src/store/allowed.cpp", "#include <hdf5.h>\n#include <sys/stat.h>\n#include <mpipe/comm/x.hpp>\n", None, ""),
    ("src/exec/allowed.cpp", '#include "comm/api/x.hpp"\n#include "exec/x.hpp"\n#include "exec/pools/x.hpp"\n', None, ""),
    ("apps/pipeline_app/allowed.cpp", "#include <CLI/CLI.hpp>\n#include <mpipe/mpipe.hpp>\n", None, ""),
    ("apps/pipeline_app/api.cpp", '#include "core/api/text.hpp"\n', None, ""),
]


def run_check(table, root):
    command = [sys.executable, CHECK, "--table", table, "--root", root]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def copy_tree(root, copy):
    for part in ("include", "src", "apps"):
        if (root / part).is_dir():
            shutil.copytree(root / part, copy / part)


def failures(table, root):
    """Yields what the check did wrong, one sentence each."""
    for name, text, line, message in PLANTED:
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch)
            copy_tree(root, copy)
            planted = copy / name
            planted.parent.mkdir(parents=True, exist_ok=True)
            planted.write_text(text)
            result = run_check(table, copy)
            about = [found for found in result.stdout.splitlines() if found.startswith(f"{name}:")]
            if line is None:
                if about:
                    yield f"{name}: refused what is allowed: {about}"
            elif result.returncode != 1:
                yield f"{name}: not refused (exit {result.returncode})"
            elif len(about) != 1 or not about[0].startswith(f"{name}:{line}:") or message not in about[0]:
                yield f"{name}: expected one message at line {line} with '{message}', got {about}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    options = parser.parse_args()
    found = list(failures(options.table, options.root))
    print("\n".join(found) if found else f"{len(PLANTED)} planted files, all judged rightly")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

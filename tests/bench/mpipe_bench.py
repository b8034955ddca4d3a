#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the benchmarks and prints a table and, after it, the same as JSON. Every figure is a ratio to plain code that
was measured in turns with ours, or a size. Exit code: 0 all within their limits, 1 some are not, 2 one did not run."""

import argparse
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
PROGRAMS = os.path.join(os.path.dirname(HERE), "bench")

# What is run: (name, ranks; 0 = without mpirun)
RUNS = [
    ("sequential", 0), ("isolation", 0), ("memory", 0),
    ("farm", 2), ("farm", 3), ("metg", 2), ("metg", 3),
    ("futures", 2), ("futures", 3),
    ("launch", 5),
    ("store", 2),
    ("tail", 3), ("tail", 5),
    ("ranks", 64),
    ("growth", 0),
    ("values", 2), ("values", 4),
    ("python", 0),
    ("commands", 0),
]


def mpirun(ranks):
    return ["mpirun", "--oversubscribe", "--bind-to", "none", "--timeout", "300", "-n", str(ranks)]


def run(program, ranks):
    command = [os.path.join(PROGRAMS, "bench_" + program)]
    if ranks:
        command = mpirun(ranks) + command
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(f"mpipe_bench: {' '.join(command)} ended with {done.returncode}", file=sys.stderr)
        return None
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def add_mpi4py(row, ranks):
    """A figure beside ours, not a limit, where mpi4py is installed."""
    outstanding = re.search(r"(\d+) outstanding", row["name"])[1]
    script = os.path.join(PROGRAMS, "mpi4py_futures.py")
    command = mpirun(ranks) + ["/usr/bin/python3", "-m", "mpi4py.futures", script, outstanding, "2000"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    row["figures"] += f", mpi4py.futures {float(done.stdout):.3g} us" if done.returncode == 0 else ", no mpi4py"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    names = sorted({name for name, _ in RUNS})
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"these only: {', '.join(names)}")
    parser.add_argument("--json", metavar="FILE", help="write the JSON there instead of after the table")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.programs) - set(names))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}: choose among {', '.join(names)}")
    rows, broken = [], False
    for program, ranks in RUNS:
        if arguments.programs and program not in arguments.programs:
            continue
        measured = run(program, ranks)
        broken = broken or measured is None
        for row in measured or []:
            if program == "futures":
                add_mpi4py(row, ranks)
            row["within"] = row["value"] <= row["limit"]
            rows.append(row)
            print(f"{'ok ' if row['within'] else 'OVER'} {row['name']:<52} {row['value']:8.3g} (limit {row['limit']:g}) "
                  f"{row['unit']:<30} {row['figures']}", flush=True)
    text = json.dumps(rows, indent=1)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)
    return 2 if broken else 0 if all(row["within"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What it costs to run a program per element (`command`), beside a bare loop of posix_spawn in as many processes, xargs -P
and GNU parallel. Run it by mpipe_bench; one line of JSON per row."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

APP = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "bin", "pipeline_app")
ELEMENTS = 2000
ROUNDS = 3
LIMIT = 1.3


def timed(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def seconds_of_map(folder, words, workers):
    """Of the map itself: what mpirun and MPI take to start is that of any program under mpirun."""
    document = os.path.join(folder, "doc.yaml")
    with open(document, "w", encoding="utf-8") as file:
        file.write(f"functions: [{{output: y, command: {json.dumps(words)}, returns: text, parameters: [x], mapspec: 'x[i] -> y[i]'}}]\n"
                   f"inputs: {{x: {{arange: [{ELEMENTS}]}}}}\n")
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(workers), APP, "map", document, "--rank0", "work",
               "--run-folder", os.path.join(folder, "run"), "--overwrite", "--json", "--max-print", "0", "--progress", "none"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)["wall_seconds"]


def spawn_share(words, count):
    for _ in range(count):
        child = os.posix_spawn(words[0], words, os.environ)
        os.waitpid(child, 0)


def seconds_of_loop(_folder, words, workers):
    def run():
        children = []
        for k in range(workers):
            child = os.fork()
            if child == 0:
                spawn_share(words, ELEMENTS // workers + (k < ELEMENTS % workers))
                os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
    return timed(run)


def seconds_of_xargs(_folder, words, workers):
    # With a word of its own for each program, as a sweep has; /bin/true ignores it, and sleep adds it.
    lines = "0\n" * ELEMENTS
    return timed(lambda: subprocess.run(["xargs", "-n", "1", "-P", str(workers), *words], input=lines, text=True, check=True))


def seconds_of_parallel(_folder, words, workers):
    lines = "0\n" * ELEMENTS
    command = ["parallel", "--will-cite", "-j", str(workers), *words]
    return timed(lambda: subprocess.run(command, input=lines, text=True, check=True, stderr=subprocess.DEVNULL))


def row(folder, title, words, workers):
    others = {"xargs -P": seconds_of_xargs}
    if shutil.which("parallel"):
        others["GNU parallel"] = seconds_of_parallel
    rounds = []
    for _ in range(ROUNDS):  # in turns, so that other work on the machine meets all of them
        bare = seconds_of_loop(folder, words, workers)
        ours = seconds_of_map(folder, words, workers)
        rounds.append((ours / bare, bare, {name: measure(folder, words, workers) / bare for name, measure in others.items()}))
    ratio, bare, ratios = sorted(rounds, key=lambda each: each[0])[ROUNDS // 2]
    beside = ", ".join(f"{name} {value:.2f}" for name, value in ratios.items())
    print(json.dumps({"name": f"commands: {title}, {workers} at a time", "value": ratio, "limit": LIMIT, "unit": "of posix_spawn in a loop",
                      "figures": f"{beside}; the loop {bare * 1e3 * workers / ELEMENTS:.2f} ms a program"}), flush=True)


def main():
    if not shutil.which("parallel"):
        print("bench_commands: GNU parallel is not installed (apt-get install parallel), and is left out", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="mpipe-bench-") as folder:
        for title, words in (("/bin/true", ["/bin/true"]), ("sleep 0.01", ["/bin/sleep", "0.01"])):
            for workers in (2, 4):
                row(folder, f"{ELEMENTS} x {title}", words, workers)


if __name__ == "__main__":
    sys.exit(main())

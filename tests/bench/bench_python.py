#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What functions in Python cost per element, beside a plain loop that calls the same function, and beside NumPy on whole
arrays. Run it by mpipe_bench; one line of JSON per row."""
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

APP = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "bin", "pipeline_app")
ROUNDS = 5

MODEL = """
from math import exp, sqrt

import numpy as np


def scalar(x, k):
    total = 0.0
    for power in range(4):
        total += sqrt(x + power) * exp(-k * x)
    return total


def column(x, k):
    return np.exp(-k * x) * np.sqrt(x) + np.sin(x)
"""


def seconds_of_map(folder, name, elements, vectorize):
    document = os.path.join(folder, "doc.yaml")
    with open(document, "w", encoding="utf-8") as file:
        file.write(f"functions: [{{output: y, python: './model.py:{name}', mapspec: 'x[i] -> y[i]', vectorize: {vectorize}}}]\n"
                   f"inputs: {{x: {{linspace: [1, 2, {elements}]}}, k: 0.5}}\n")
    done = subprocess.run([APP, "map", document, "--json", "--max-print", "0", "--progress", "none"], check=True, capture_output=True)
    return json.loads(done.stdout)["wall_seconds"]


def seconds_of_loop(model, elements):
    xs = np.linspace(1, 2, elements).tolist()
    begin = time.perf_counter()
    values = [model["scalar"](x, 0.5) for x in xs]
    assert len(values) == elements
    return time.perf_counter() - begin


def seconds_of_numpy(model, elements):
    x = np.linspace(1, 2, elements)
    begin = time.perf_counter()
    model["column"](x, 0.5)
    return time.perf_counter() - begin


def row(folder, model, title, name, plain, few, many, vectorize, limit):
    """Of the differences between many and few elements, which leave out the start of a program."""
    def measure(seconds):
        return (seconds(many) - seconds(few)) / (many - few) * 1e9

    ratios, figures = [], []
    for _ in range(ROUNDS):  # in turns, so that other work on the machine meets both
        ours = measure(lambda n: seconds_of_map(folder, name, n, vectorize))
        theirs = measure(lambda n: plain(model, n))
        ratios.append(ours / theirs)
        figures.append((ours, theirs))
    middle = sorted(range(ROUNDS), key=ratios.__getitem__)[ROUNDS // 2]
    print(json.dumps({"name": title, "value": ratios[middle], "limit": limit, "unit": "of plain Python",
                      "figures": "%.0f ns an element, plain %.0f ns" % figures[middle]}), flush=True)


def main():
    model = {}
    exec(MODEL, model)
    with tempfile.TemporaryDirectory(prefix="mpipe-bench-") as folder:
        with open(os.path.join(folder, "model.py"), "w", encoding="utf-8") as file:
            file.write(MODEL)
        row(folder, model, "python: a function per element", "scalar", seconds_of_loop, 50_000, 650_000, "false", 1.2)
        row(folder, model, "python: vectorized, per element", "column", seconds_of_numpy, 200_000, 8_200_000, "true", 1.5)


if __name__ == "__main__":
    sys.exit(main())

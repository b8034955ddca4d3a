# SPDX-License-Identifier: BSD-3-Clause
"""Functions in Python: arguments and results of all kinds, refusals, exceptions, isolation, random numbers, blocks."""
import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from support import AppTest

MODEL = """
import os
import sys
import time
from dataclasses import dataclass

import numpy as np


def drag(x, *, factor=2.0):
    return x * factor + 1


def kinds(n: int, name: str, flag: bool) -> tuple[int, str, bool, complex]:
    assert type(n) is int and type(name) is str and type(flag) is bool
    return n * 2, name + "ä", not flag, complex(n, 1)


def profile(n) -> np.ndarray:
    return np.arange(3) * n


def stats(row):
    assert row.flags.writeable is False and row.base is not None
    return {"low": row.min(), "mean": row.mean()}


def transposed(table):
    return table[:, 0].sum()


@dataclass
class Grid:
    n: int
    names: set


def make_grid(x: int) -> Grid:
    return Grid(x, {"a", "b", f"c{x}"})


def size_of(grid, offset=None):
    return grid.n + len(grid.names) + (0 if offset is None else offset)


def words(n: int) -> list[str]:
    return ["w"] * n


def count_words(text):
    return len(text)


def bad(x):
    print("computing", x)
    if x == 3:
        return inner(x)
    if x == 4:
        sys.exit("enough")
    if x == 5:
        return [1, 2]
    if x == 6:
        return "text"
    return x


def inner(x):
    raise ValueError(f"no value at {x}")


def dies(x):
    if x == 2:
        os._exit(3)
    if x == 4:
        os.kill(os.getpid(), 11)
    if x == 6:
        os.kill(os.getppid(), 9)
        time.sleep(100)
    return float(np.sqrt(x * x))


forks = []
os.register_at_fork(after_in_child=lambda: forks.append(1))


def count_forks(x):
    return len(forks)


def draw(x, rng: np.random.Generator) -> np.ndarray:
    return rng.random(3) + x


def raw(x: int, rng: np.random.Generator) -> int:
    return int(rng.bit_generator.random_raw()) >> 1


def column(x, y, k):
    assert isinstance(x, np.ndarray) and isinstance(k, float), (x, k)
    if (x == 13).any():
        raise ValueError("no 13")
    return x * 10 + y + k


def total(x):
    return np.array([x.sum()])


def write_into(row):
    row[0] = 1
    return 0.0
"""


# What is read of pipefunc, without it.
PIPEFUNC = """
class PipeFunc:
    def __init__(self, func, output_name, mapspec=None, renames={}, defaults={}, bound={}, internal_shape=None):
        import inspect
        self.func, self.output_name, self.mapspec, self.renames = func, output_name, mapspec, renames
        parameters = inspect.signature(func).parameters
        self.parameters = tuple(renames.get(name, name) for name in parameters)
        own = {renames.get(name, name): each.default for name, each in parameters.items() if each.default is not each.empty}
        self.defaults, self.bound, self.internal_shape = {**own, **defaults}, bound, internal_shape


class Pipeline:
    def __init__(self, functions):
        self.functions = functions


def area(w, h, scale=1): return w * h * scale
def waves(n, phase=None): return [n, n + 1, 0 if phase is None else phase]
def ends(waves): return waves[0], waves[-1]
def sums(a, b): return a.sum() + b


area = PipeFunc(area, "a", "width[i], h[j] -> a[i, j]", renames={"w": "width"}, defaults={"scale": 2})
pipeline = Pipeline([area, PipeFunc(waves, "waves", "h[j] -> waves[j, k]", renames={"n": "h"}, internal_shape=(3,)),
                     PipeFunc(ends, ("first", "last"), "waves[j, :] -> first[j], last[j]"),
                     PipeFunc(sums, "s", bound={"b": 100})])
nameless = Pipeline([PipeFunc(lambda x: x, "y")])
strange = Pipeline([PipeFunc(sums, "s", bound={"b": object()})])
"""


def function(name, mapspec, rest="", output="y", file="model.py"):
    return f"- {{output: {output}, python: './{file}:{name}', mapspec: '{mapspec}'{', ' if rest else ''}{rest}}}\n"


class Python(AppTest):
    def setUp(self):
        super().setUp()
        self.write("model.py", MODEL)

    def document(self, functions, inputs, rest=""):
        return self.write("doc.yaml", f"functions:\n{functions}inputs: {{{inputs}}}\n{rest}")

    def values(self, functions, inputs, *options, code=0, ranks=0, rest="", env=None):
        self.document(functions, inputs, rest)
        result = self.app("map", "doc.yaml", "--json", *options, ranks=ranks, expect=code, env=env).json
        return {name: output["data"] for name, output in result["outputs"].items()}, result

    # ---- arguments and results

    def test_numbers_texts_flags_and_defaults(self):
        data, result = self.values(function("drag", "x[i] -> d[i]", output="d")
                                   + function("kinds", "n[i], name[i], flag[i] -> a[i], b[i], c[i], d2[i]", output="[a, b, c, d2]"),
                                   "x: [1, 2.5], n: [3, -4], name: [p, q], flag: [true, false]")
        self.assertEqual(data, {"d": [3, 6], "a": [6, -8], "b": ["pä", "qä"], "c": [False, True], "d2": [[3, 1], [-4, 1]]})
        types = {name: output["dtype"] for name, output in result["outputs"].items()}
        self.assertEqual(types, {"d": "float64", "a": "int64", "b": "str", "c": "bool", "d2": "complex128"})

    def test_arrays_are_looked_at_and_axes_are_made(self):
        functions = (function("profile", "n[i] -> table[i, k]", output="table") +
                     function("stats", "table[i, :] -> low[i], mean[i]", "renames: {row: table}", output="[low, mean]") +
                     function("stats", "table[:, k] -> low2[k], mean2[k]", "renames: {row: table, low: low2, mean: mean2}", output="[low, mean]") +
                     "- {output: t, python: './model.py:transposed'}\n")
        for ranks in (0, 2):
            data, result = self.values(functions, "n: [1, 2]", ranks=ranks)
            self.assertEqual(data, {"table": [[0, 1, 2], [0, 2, 4]], "low": [0, 0], "mean": [1, 2],
                                    "low2": [0, 1, 2], "mean2": [0, 1.5, 3], "t": 0})
        self.assertEqual(result["outputs"]["table"]["dims"], ["i", "k"])
        # Without an axis in the mapspec each element is an array of its own, which the next function gets.
        data, _ = self.values(function("profile", "n[i] -> y[i]") + function("count_words", "y[i] -> m[i]", "parameters: [text], renames: {text: y}", output="m"),
                              "n: [1, 2]")
        self.assertEqual(data["m"], [3, 3])
        _, result = self.values(function("write_into", "x[i, :] -> y[i]", "renames: {row: x}"), "x: {data: [[1, 2]]}", code=1)
        self.assertIn("read-only", result["errors"][0]["message"])

    def test_objects_go_from_function_to_function(self):
        functions = (function("make_grid", "x[i] -> grid[i]", output="grid") + function("size_of", "grid[i] -> s[i]", output="s") +
                     function("words", "x[i] -> text[i]", "renames: {n: x}", output="text") + function("count_words", "text[i] -> n[i]", output="n"))
        files = []
        for ranks in (0, 3):
            run = f"run-{ranks}"
            data, result = self.values(functions, "x: [1, 2, 0]", "--run-folder", run, ranks=ranks)
            self.assertEqual((data["s"], data["n"]), ([4, 5, 3], [1, 2, 0]))
            self.assertEqual(result["outputs"]["grid"]["dtype"], "object")
            self.app("verify", run)
            show = "import h5py, sys; print(h5py.File(sys.argv[1])['grid__bytes'][()].tobytes())"
            files.append(subprocess.run(["/usr/bin/python3", "-c", show, self.folder / run / "results.h5"], check=True,
                                        capture_output=True, text=True).stdout)
            self.assertIn("Grid", files[-1])
        self.assertEqual(files[0], files[1], "the same bytes, sets included")
        data, _ = self.values(functions, "x: [1, 2, 0], offset: 10")
        self.assertEqual(data["s"], [14, 15, 13])

    def test_a_module_beside_the_document_and_one_by_its_name(self):
        (self.folder / "pkg").mkdir()
        self.write("pkg/__init__.py", "")
        self.write("pkg/tools.py", "class Tool:\n    @staticmethod\n    def twice(x): return 2 * x\n")
        self.write("helper.py", "def three(): return 3\n")
        self.write("user.py", "from helper import three\ndef f(x): return x * three()\n")
        data, _ = self.values(function("f", "x[i] -> y[i]", file="user.py") +
                              "- {output: z, python: 'pkg.tools:Tool.twice', mapspec: 'x[i] -> z[i]'}\n"
                              "- {output: s, python: 'math:hypot', parameters: [x, y], mapspec: 'x[i], y[i] -> s[i]'}\n", "x: [4]")
        self.assertEqual(data, {"y": [12], "z": [8], "s": [160 ** 0.5]})

    # ---- refusals

    def test_what_is_wrong_is_refused_before_anything_runs(self):
        for functions, inputs, words in (
                (function("drg", "x[i] -> y[i]"), "x: [1]", ["doc.yaml:2:", "no 'drg'", "did you mean 'drag'"]),
                (function("drag", "x[i] -> y[i]", file="no.py"), "x: [1]", ["there is no file", "no.py"]),
                (function("drag", "z[i] -> y[i]"), "z: [1]", ["'z'"]),
                (function("drag", "x[i] -> y[i]"), "factor: 1", ["Missing inputs: x"]),
                (function("drag", "x[i] -> y[i]"), "x: [1], z: 1", ["no function takes the input 'z'"]),
                (function("drag", "x[i] -> y[i]", "parameters: [z]"), "x: [1]", ["no parameter 'z'", "(x, *, factor=2.0)"]),
                (function("MODEL", "x[i] -> y[i]"), "x: [1]", ["no 'MODEL'"]),
                (function("drag", "x[i] -> y[i]", file="broken.py"), "x: [1]", ["SyntaxError", "broken.py, line 2"]),
                (function("drag", "x[i] -> y[i]", file="needs.py"), "x: [1]", ["ModuleNotFoundError", "no_such_module", "needs.py:1"]),
                (function("drag", "x[i] -> y[i]", "dtype: flot64"), "x: [1]", ["flot64", "Did you mean 'float64'?"]),
                (function("drag", "x[i] -> y[i]", "timeout: 3"), "x: [1]", ["'timeout' goes with 'command', not with 'python'"]),
                (function("draw", "x[i] -> y[i]", "vectorize: true"), "x: [1]", ["Generator", "vectorize"]),
                ("- {output: y, python: './model.py:drag', vectorize: true}\n", "x: 1", ["mapspec"])):
            with self.subTest(words=words):
                self.write("broken.py", "x = 1\ndef f(:\n")
                self.write("needs.py", "import no_such_module\n")
                self.document(functions, inputs)
                self.refused("map", "doc.yaml", words=words)
        self.refused("map", self.document(function("drag", "x[i] -> y[i]", file="no.py"), "x: [1]"), ranks=2, words=["no.py"])

    def test_without_the_plugin_there_is_one_sentence(self):
        app = Path(os.environ["MPIPE_E2E_APP"])
        copy = self.folder / "bin" / "pipeline_app"
        copy.parent.mkdir()
        shutil.copy(app, copy)  # a link would be followed, to the folder where the plugin is
        self.document(function("drag", "x[i] -> y[i]"), "x: [1]")
        end = subprocess.run([copy, "map", "doc.yaml"], cwd=self.folder, env=self.environment(), capture_output=True, text=True)
        self.assertEqual((end.returncode, end.stdout), (2, ""))
        for word in ("doc.yaml:2:", "libmpipe_python.so", "pybind11-dev", "MPIPE_PLUGIN_PATH"):
            self.assertIn(word, end.stderr)

    # ---- failures

    def test_exceptions_fail_their_element(self):
        outcome = self.app("map", self.document(function("bad", "x[i] -> y[i]"), "x: [1, 2, 3, 4, 5, 6, 7]"),
                           "--json", "--error-handling", "continue", ranks=2, expect=1)
        result = outcome.json  # what functions print is not in it
        self.assertIn("computing 7", outcome.err)
        self.assertEqual(result["outputs"]["y"]["data"], [1, 2, None, None, None, None, 7])
        errors = {error["index"][0]: error for error in result["errors"]}
        self.assertEqual(errors[2]["type"], "ValueError")
        for word in ("no value at 3", "in inner: raise ValueError", "in bad: return inner(x)"):
            self.assertIn(word, errors[2]["message"])
        self.assertEqual(errors[3]["type"], "SystemExit")
        self.assertIn("enough", errors[3]["message"])
        self.assertIn("array of shape (2,) for 'y'", errors[4]["message"])
        self.assertIn("type str for 'y', where a float64 was expected", errors[5]["message"])
        self.assertEqual(errors[2]["arguments"], "x=3")

    def test_what_is_printed_is_in_the_log_of_the_rank(self):
        self.document(function("bad", "x[i] -> y[i]"), "x: [1, 2, 3, 4, 5, 6, 7]")
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                run = f"run{ranks}"
                outcome = self.app("map", "doc.yaml", "--run-folder", run, "--error-handling", "continue", ranks=ranks, expect=1)
                self.assertIn("computing 7", outcome.err)
                logs = [path.read_text() for path in sorted((self.folder / run / "logs").iterdir())]
                for k in range(1, 8):
                    self.assertEqual(sum(log.count(f"level=info python: computing {k}\n") for log in logs), 1, logs)
                failed = [line for log in logs for line in log.splitlines() if "level=error python: ValueError: no value at 3" in line]
                self.assertEqual(len(failed), 1, logs)
                self.assertIn("in inner: raise ValueError", failed[0])
                self.assertRegex(failed[0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z rank=\d level=error ")

    def test_values_that_the_type_cannot_hold(self):
        for dtype, value, ok in (("int8", "x", False), ("int64", "x / 2", False), ("int8", "x - 200", True), ("float32", "x", True),
                                 ("bool", "x", False), ("str", "x", False), ("float64", "None", False), ("complex128", "x", True)):
            with self.subTest(dtype=dtype, value=value):
                self.write("model.py", f"def f(x): return {value}\n")
                self.values(function("f", "x[i] -> y[i]", f"dtype: {dtype}"), "x: [300]", code=0 if ok else 1)

    def test_crashes_cost_one_element_in_a_process_of_their_own(self):
        for ranks in (0, 3):
            data, result = self.values(function("dies", "x[i] -> y[i]", "isolation: process"), "x: [1, 2, 3, 4, 5]",
                                       "--error-handling", "continue", code=1, ranks=ranks)
            self.assertEqual(data["y"], [1, None, 3, None, 5])
            self.assertEqual([error["message"] for error in sorted(result["errors"], key=lambda error: error["index"])],
                             ["ended by exit(3)", "killed by signal 11 (SIGSEGV)"])
        # The process that forks them is replaced by one that is forked from the rank, with its interpreter.
        data, result = self.values(function("dies", "x[i] -> y[i]", "isolation: process"), "x: [1, 6, 7, 8]",
                                   "--error-handling", "continue", "--chunksizes", "1", code=1)
        self.assertEqual(data["y"], [1, None, 7, 8])
        self.assertIn("the process that forks", result["errors"][0]["message"])
        data, result = self.values(function("bad", "x[i] -> y[i]", "isolation: process"), "x: [1, 3]", "--error-handling", "continue", code=1)
        self.assertEqual(result["errors"][0]["type"], "ValueError")
        data, _ = self.values(function("count_forks", "x[i] -> y[i]"), "x: [1, 2, 3]", "--executor", "processes:2")
        self.assertEqual(data["y"], [1, 1, 1], "Python is told of forks")

    # ---- threads

    def test_threads_need_a_promise(self):
        self.document(function("drag", "x[i] -> y[i]"), "x: {linspace: [0, 99, 100]}")
        self.refused("map", "doc.yaml", "--executor", "threads:3", words=["'y'", "thread_safe"])
        data, _ = self.values(function("drag", "x[i] -> y[i]", "thread_safe: true"), "x: {linspace: [0, 99, 100]}",
                              "--executor", "threads:3", "--chunksizes", "1")
        self.assertEqual(data["y"], [2 * x + 1 for x in range(100)])

    # ---- random numbers

    def test_random_numbers_belong_to_elements(self):
        results = [self.values(function("draw", "x[i] -> y[i, k]"), "x: [0, 1, 2, 3, 4]", "--seed", "7", "--chunksizes", chunk, ranks=ranks)[0]["y"]
                   for ranks, chunk in ((0, "5"), (3, "1"))]
        self.assertEqual(results[0], results[1])
        self.assertEqual(len({value for row in results[0] for value in row}), 15)
        isolated, _ = self.values(function("draw", "x[i] -> y[i, k]", "isolation: process"), "x: [0, 1, 2, 3, 4]", "--seed", "7")
        self.assertEqual(isolated["y"], results[0])

    def test_the_stream_is_that_of_cpp(self):
        python, _ = self.values(function("raw", "x[i] -> y[i]", "renames: {}"), "x: [0, 1, 2]", "--seed", "5")
        self.write("doc.yaml", "functions: [{output: y, plugin: libe2e_functions.so, function: raw, mapspec: 'x[i] -> y[i]'}]\n"
                               "inputs: {x: [0, 1, 2]}\n")
        cpp = self.app("map", "doc.yaml", "--json", "--seed", "5").json
        self.assertEqual(python["y"], cpp["outputs"]["y"]["data"])

    # ---- blocks

    def test_vectorized_functions_get_columns(self):
        functions = function("column", "x[i], y[j] -> z[i, j]", "vectorize: true", output="z")
        for ranks, chunk in ((0, "6"), (0, "4"), (3, "1")):
            with self.subTest(ranks=ranks, chunk=chunk):
                data, _ = self.values(functions, "x: [1, 2], y: [1, 2, 3], k: 0.5", "--chunksizes", chunk, ranks=ranks)
                self.assertEqual(data["z"], [[x * 10 + y + 0.5 for y in (1, 2, 3)] for x in (1, 2)])
        data, result = self.values(function("column", "x[i], y[i] -> z[i]", "vectorize: true", output="z"),
                                   "x: [1, 13, 2, 13, 3, 4, 5, 13], y: [1, 2, 3, 4, 5, 6, 7, 8], k: 0.5", "--error-handling", "continue", code=1)
        self.assertEqual(data["z"], [11.5, None, 23.5, None, 35.5, 46.5, 57.5, None])
        self.assertEqual({error["message"].split(" [")[0] for error in result["errors"]}, {"no 13"})
        data, result = self.values(function("total", "x[i] -> y[i]", "vectorize: true"), "x: [1, 2, 3]", "--chunksizes", "3",
                                   "--error-handling", "continue", code=1)
        self.assertEqual(data["y"], [None] * 3)
        self.assertIn("shape (1,) for 'y' of a block of ", result["errors"][0]["message"])

    # ---- runs that go on

    def test_other_code_is_refused(self):
        (self.folder / "lib").mkdir()
        self.write("lib/__init__.py", "")
        self.write("lib/helper.py", "def three(): return 3\n")
        self.write("user.py", "from lib.helper import three\ndef f(x): return x * three()\n")
        functions = function("f", "x[i] -> y[i]", file="user.py")
        self.values(functions, "x: [1, 2]", "--run-folder", "run", "--fixed", "i=0")
        data, _ = self.values(functions, "x: [1, 2]", "--run-folder", "run", "--resume")
        self.assertEqual(data["y"], [3, 6])
        self.write("lib/helper.py", "def three(): return 30\n")
        self.refused("map", "doc.yaml", "--run-folder", "run", "--resume", code=3, words=["'y'", "lib/helper.py", "--redo y"])
        data, _ = self.values(functions, "x: [1, 2]", "--run-folder", "run", "--resume", "--redo", "y")
        self.assertEqual(data["y"], [30, 60])

    def test_another_function_of_the_same_file_is_refused(self):
        self.write("user.py", "def f(x): return x\ndef g(x): return -x\n")
        self.values(function("f", "x[i] -> y[i]", file="user.py"), "x: [1, 2]", "--run-folder", "run", "--fixed", "i=0")
        self.document(function("g", "x[i] -> y[i]", file="user.py"), "x: [1, 2]")
        self.refused("map", "doc.yaml", "--run-folder", "run", "--resume", code=3, words=["'y'", "user.py:f", "user.py:g", "--redo y"])

    # ---- what users begin with

    def test_the_document_to_begin_with(self):
        (self.folder / "model.py").unlink()
        self.app("init", "python")
        result = self.app("map", "sweep.yaml", "--json").json
        self.assertEqual((result["outputs"]["drag"]["done"], result["outputs"]["lift"]["failed"]), (22, 0))

    def test_the_example(self):
        document = Path(os.environ["MPIPE_E2E_EXAMPLES"]) / "orbit" / "orbit.yaml"
        outputs = self.app("map", document, "--json", "--set", "distance=[1, 4]", "--set", "speed=[0.1, 3, 6]", ranks=2, expect=1).json
        for closest, expected in zip(outputs["outputs"]["closest"]["data"], outputs["outputs"]["expected"]["data"]):
            for found, wanted in zip(closest[1:], expected[1:]):
                if found is not None:
                    self.assertAlmostEqual(found, wanted, 6)
        closest = outputs["outputs"]["closest"]["data"]
        self.assertEqual([[value is None for value in row] for row in closest], [[True, False, False], [True, False, True]])
        self.assertEqual({error["type"] for error in outputs["errors"]}, {"orbit.Collision", "ValueError"})
        self.assertEqual(outputs["outputs"]["path"]["shape"], [2, 3, 50, 2])

    def test_pipelines_of_pipefunc_become_documents(self):
        self.write("pipes.py", PIPEFUNC)
        (self.folder / "docs").mkdir()
        self.app("import-pipefunc", "./pipes.py:pipeline", "-o", "docs/doc.yaml")
        text = (self.folder / "docs/doc.yaml").read_text()
        self.assertIn("  # width:\n  # h:\n", text)
        document = self.folder / "docs/doc.yaml"
        document.write_text(text + "  width: [1, 2]\n  h: [3, 4]\n")
        outputs = self.app("map", "docs/doc.yaml", "--json", ranks=2).json["outputs"]
        self.assertEqual({name: output["data"] for name, output in outputs.items()},
                         {"a": [[6, 8], [12, 16]], "waves": [[3, 4, 0], [4, 5, 0]], "first": [3, 4], "last": [0, 0], "s": 142})
        self.assertEqual(outputs["waves"]["dims"], ["j", "k"])
        self.refused("import-pipefunc", "pipes:pipeline", "-o", "docs/doc.yaml", code=3, words=["docs/doc.yaml"])
        for name, word in (("nameless", "lambda"), ("strange", "'b'"), ("area", "no Pipeline"), ("none", "no 'none'")):
            self.refused("import-pipefunc", f"pipes:{name}", words=[word])

    # ---- environments

    def test_a_virtual_environment_is_used(self):
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", "--system-site-packages", "env"], cwd=self.folder, check=True)
        (package,) = (self.folder / "env" / "lib").glob("python3*/site-packages")
        (package / "only_here.py").write_text("def f(x): return x + 0.25\n")
        self.document("- {output: y, python: 'only_here:f', mapspec: 'x[i] -> y[i]'}\n", "x: [1]")
        self.refused("map", "doc.yaml", words=["only_here"])
        env = {"VIRTUAL_ENV": str(self.folder / "env")}
        self.assertEqual(self.app("map", "doc.yaml", "--json", env=env).json["outputs"]["y"]["data"], [1.25])
        package.parent.rename(package.parent.parent / "python2.7")
        self.refused("map", "doc.yaml", env=env, words=["VIRTUAL_ENV", "env", "-m venv"])


if __name__ == "__main__":
    unittest.main()

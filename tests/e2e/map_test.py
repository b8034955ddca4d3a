# SPDX-License-Identifier: BSD-3-Clause
"""`map` from a document to results, on no launcher, 1 and 3 ranks."""
import math
import os
import re
import subprocess
import unittest

import h5py
import numpy as np

from support import APP, GRID, LONGEST, AppTest

RANKS = (0, 1, 3)


# What the reference says of the bytes on different processors.
EXACT = ["x * 3.1 - a / 7.3 + 2", "a^2", "sqrt(x)", "abs(a)", "floor(a)", "ceil(a)", "round(a)", "min(x, a)", "max(x, a)",
         "if(a > 0, x, a)", "sum([x, a, x / 3])", "mean([x, a])", "dot([x, a], [a / 7, x])", "x * random()"]
CLOSE = ["sin(a)", "cos(a)", "tan(a)", "asin(x)", "acos(x)", "atan(a)", "atan2(a, x)", "sinh(a)", "cosh(a)", "tanh(a)",
         "exp(a)", "log(x)", "log10(x)", "(1 + x)^a", "x * normal()"]


class Map(AppTest):
    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)

    def test_expressions_give_the_types_that_are_asked_for(self):
        text = """functions:
  - {output: [n, odd], expr: ["2 * i", "i - 2 * floor(i / 2)"], dtype: {n: int32, odd: bool}, mapspec: "i[a] -> n[a], odd[a]"}
  - {output: third, expr: "i / 3", dtype: float32, mapspec: "i[a] -> third[a]"}
  - {output: half, expr: "i / 2", dtype: int64, mapspec: "i[a] -> half[a]"}
  - {output: z, expr: "i / 2", dtype: complex128, mapspec: "i[a] -> z[a]"}
  - {output: row, expr: "i * arange(3)", dtype: uint8, mapspec: "i[a] -> row[a, k]", internal_shape: "?"}
  - {output: long, expr: "arange(i)", dtype: int16, mapspec: "i[a] -> long[a]"}
  - {output: cube, plugin: libe2e_functions.so, function: cube, renames: {k: n}, mapspec: "n[a] -> cube[a]"}
inputs: {i: {arange: [5]}}
"""
        types = {"n": "int32", "odd": "bool", "third": "float32", "half": "int64", "z": "complex128", "row": "uint8"}
        self.write("types.yaml", text)
        described = self.app("describe", "types.yaml", "--json").json["functions"]
        self.assertEqual({name: kind for f in described for name, kind in f["dtype"].items() if name in types}, types)
        for ranks in RANKS:
            run = f"run{ranks}"
            # An integer edge: the plugin takes int64, which a float64 would not be accepted for.
            outputs = self.app("map", "types.yaml", "--run-folder", run, "--error-handling", "continue", "--json",
                               ranks=ranks, expect=1).json
            self.assertEqual({name: outputs["outputs"][name]["dtype"] for name in types}, types)
            data = {name: output["data"] for name, output in outputs["outputs"].items()}
            self.assertEqual(data["odd"], [False, True, False, True, False])
            self.assertEqual(data["third"], np.float32(np.arange(5) / 3).tolist())
            self.assertEqual(data["half"], [0, None, 1, None, 2])
            self.assertEqual(data["z"], [[i / 2, 0] for i in range(5)])
            self.assertEqual(data["long"], [list(range(i)) for i in range(5)])
            self.assertEqual(data["cube"], [(2 * i) ** 3 for i in range(5)])
            self.assertIn("gave 0.5, which is no int64", outputs["errors"][0]["message"])
            with h5py.File(self.folder / run / "results.h5") as file:
                self.assertEqual([file[name].dtype for name in ("n", "third", "half", "row")], ["i4", "f4", "i8", "u1"])
                self.assertEqual(file["row"][:].tolist(), [[i * k for k in range(3)] for i in range(5)])
        self.app("verify", "run0")
        self.write("types.yaml", text.replace("float32", "float64"))
        self.refused("map", "types.yaml", "--run-folder", "run0", "--resume", code=3, words=["'third'", "i / 3 as float32"])

    def test_types_that_expressions_do_not_have_are_refused(self):
        for dtype, word in (("str", "no dtype"), ("{y: int64, z: bool}", "'z'"), ("flaot64", "float64")):
            with self.subTest(dtype=dtype):
                self.write("bad.yaml", f"functions: [{{output: y, expr: x, dtype: {dtype}}}]\ninputs: {{x: 1}}\n")
                self.refused("map", "bad.yaml", words=["bad.yaml:1:", word])
        # There is no arithmetic of complex numbers, and no edge that loses something.
        for second, words in (('{output: w, expr: "2 + exp(z)"}', ["'z'", "'w'", "complex128"]),
                              ("{output: w, plugin: libe2e_functions.so, function: cube, renames: {k: z}}", ["int64"])):
            self.write("bad.yaml", f'functions: [{{output: z, expr: "x", dtype: complex128}}, {second}]\ninputs: {{x: 1}}\n')
            self.refused("map", "bad.yaml", words=words)

    def test_has_the_same_bytes_on_other_processors_where_that_is_promised(self):
        functions = []
        for k, text in enumerate(EXACT + CLOSE):
            taken = ", ".join(f"{name}[i]" for name in "xa" if re.search(rf"\b{name}\b", text))
            functions.append(f'  - {{output: y{k}, expr: "{text}", mapspec: "{taken} -> y{k}[i]"}}')
        self.write("all.yaml", "functions:\n" + "\n".join(functions) + """
inputs: {x: {linspace: [0.00001, 1, 3000]}, a: {linspace: [-20, 20, 3000]}}
""")
        here = self.app("map", "all.yaml", "--json").json["outputs"]
        # glibc chooses other code, as on a processor that lacks these.
        older = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable"}
        there = self.app("map", "all.yaml", "--json", env=older).json["outputs"]
        for k, text in enumerate(EXACT + CLOSE):
            with self.subTest(expression=text):
                one, other = here[f"y{k}"]["data"], there[f"y{k}"]["data"]
                if text in EXACT:
                    self.assertEqual(one, other)
                for a, b in zip(one, other, strict=True):
                    self.assertLessEqual(abs(a - b), 4 * math.ulp(max(abs(a), 1e-3)), (a, b))

    def test_prints_the_results(self):
        expected = [[x * 10 + k / 4 for k in range(5)] for x in (1, 2, 3)]
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                before = self.tree()
                result = self.app("map", "grid.yaml", "--json", ranks=ranks).json
                self.assertEqual(result["state"], "completed")
                self.assertIsNone(result["run_folder"])
                self.assertEqual(result["ranks"], max(1, ranks))
                z = result["outputs"]["z"]
                self.assertEqual((z["shape"], z["dims"], z["dtype"]), ([3, 5], ["i", "j"], "float64"))
                self.assertEqual((z["done"], z["failed"], z["blocked"], z["pending"]), (15, 0, 0, 0))
                self.assertEqual(z["data"], expected)
                self.assertEqual(result["outputs"]["total"]["data"], [sum(row) for row in expected])
                top = result["outputs"]["top"]
                self.assertEqual((top["shape"], top["dims"], top["data"]), ([], [], sum(expected[2])))
                self.assertEqual({name: f["calls"] for name, f in result["functions"].items()},
                                 {"z": 15, "total": 3, "top": 1})
                self.assertEqual(result["errors"], [])
                self.assertGreater(result["wall_seconds"], 0)
                for part in ("workers", "all_ranks"):
                    self.assertTrue(0 <= result["utilisation"][part] <= 1.01, result["utilisation"])
                self.assertEqual(self.tree(), before)

    def test_scopes_and_axes(self):
        self.write("scoped.yaml", """
mpipe: 1
functions:
  - {output: lift, expr: "area * speed^2", scope: front, mapspec: "speed[i] -> lift[i]"}
  - {output: lift, expr: "area * speed", scope: rear, mapspec: "speed[i] -> lift[i]"}
  - {output: top, expr: "max(a) + max(b)", renames: {a: front.lift, b: rear.lift}}
axes: {front.area: k, rear.area: k}
inputs:
  front: {speed: [1, 2, 3], area: [1, 10]}
  rear.speed: [4, 5]
  rear: {area: [2, 3]}
""")
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                run = f"runs/scoped-{ranks}"
                result = self.app("map", "scoped.yaml", "--json", "--run-folder", run, ranks=ranks).json
                outputs = result["outputs"]
                self.assertEqual(outputs["front.lift"]["data"], [[1, 10], [4, 40], [9, 90]])
                self.assertEqual(outputs["rear.lift"]["data"], [[8, 12], [10, 15]])
                self.assertEqual((outputs["top"]["dims"], outputs["top"]["data"]), (["k"], [19, 105]))
                self.app("verify", run)
                self.assertEqual(self.app("show", run, "front.lift", "--json").json["outputs"]["front.lift"]["data"],
                                 outputs["front.lift"]["data"])
        chosen = self.app("map", "scoped.yaml", "--json", "--output", "rear.lift", "--set", "rear={area: [1, 1]}").json
        self.assertEqual(chosen["outputs"]["rear.lift"]["data"], [[4, 4], [5, 5]])
        self.assertEqual(list(chosen["outputs"]), ["rear.lift"])
        self.refused("map", "scoped.yaml", "--set", "front={area: 1, area2: 2}", words=["--set:1:17", "front.area2"])

    def test_says_what_it_found_and_what_it_used(self):
        outcome = self.app("map", "grid.yaml", "--json", ranks=3)
        lines = outcome.err.splitlines()
        self.assertIn("3 ranks on 1 host", lines[0])
        self.assertIn("executor mpi", lines[0])
        self.assertIn("completed: 19 elements", lines[-1])
        self.assertIn("of all ranks", lines[-1])
        self.assertEqual(len(lines), 2, outcome)
        self.assertNotIn("\033", outcome.err)
        self.assertEqual(self.app("map", "grid.yaml", "--json", "--progress", "none").err, "")

    def test_leaves_a_run_folder_that_can_be_trusted(self):
        shown = {}
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                run = f"runs/{ranks}"
                result = self.app("map", "grid.yaml", "--json", "--run-folder", run, ranks=ranks).json
                self.assertEqual(result["run_folder"], run)
                logs = {f"logs/rank-{rank:04}.log" for rank in range(max(1, ranks))}
                self.assertEqual(set(self.tree(self.folder / run)),
                                 {"run.json", "run-copy.json", "status.json", "results.h5", "results.extents", "logs"} | logs)
                for log in logs:
                    self.assertIn(f"rank={int(log[-8:-4])} ", (self.folder / run / log).read_text())
                status = self.app("status", run, "--json", "--exit-code").json
                self.assertEqual((status["state"], status["progress_fraction"]), ("completed", 1))
                self.app("verify", run)
                shown[ranks] = self.app("show", run, "--json").json["outputs"]
                self.assertEqual(shown[ranks], result["outputs"])
        self.assertEqual(shown[0], shown[1])
        self.assertEqual(shown[0], shown[3])

    def test_random_numbers_do_not_depend_on_ranks(self):
        self.write("random.yaml", """
mpipe: 1
functions: [{output: r, expr: "x + random() + normal()", mapspec: "x[i] -> r[i]"}]
inputs: {x: {arange: [0, 40, 1]}}
""")
        data = [self.app("map", "random.yaml", "--seed", 7, "--json", ranks=n).json["outputs"]["r"]["data"] for n in RANKS]
        self.assertEqual(data[0], data[1])
        self.assertEqual(data[0], data[2])
        other = self.app("map", "random.yaml", "--seed", 8, "--json").json["outputs"]["r"]["data"]
        self.assertNotEqual(data[0], other)

    def test_keeps_what_is_not_finite(self):
        self.write("nan.yaml", """
mpipe: 1
functions: [{output: y, expr: "2 * x", mapspec: "x[i] -> y[i]"}]
inputs: {x: [.nan, .inf, -.inf, 1]}
""")
        for ranks in RANKS:
            outcome = self.app("map", "nan.yaml", "--json", "--run-folder", f"run{ranks}", ranks=ranks)
            self.assertIn("[NaN, Infinity, -Infinity, 2.0]", outcome.out)
            y = self.app("show", f"run{ranks}", "--json").json["outputs"]["y"]["data"]
            self.assertTrue(math.isnan(y[0]) and y[1] == math.inf and y[2] == -math.inf)
            self.app("verify", f"run{ranks}")

    def test_empty_axis_is_legal(self):
        self.write("empty.yaml", """
mpipe: 1
functions:
  - {output: y, expr: "2 * x", mapspec: "x[i] -> y[i]"}
  - {output: n, expr: "sum(y)"}
inputs: {x: []}
""")
        for ranks in RANKS:
            outputs = self.app("map", "empty.yaml", "--json", "--run-folder", f"run{ranks}", ranks=ranks).json["outputs"]
            self.assertEqual((outputs["y"]["shape"], outputs["y"]["data"], outputs["n"]["data"]), ([0], [], 0))
            self.app("verify", f"run{ranks}")

    def test_types(self):
        functions = "\n".join(f'  - {{output: {name}, plugin: libe2e_functions.so, function: {name}, mapspec: "k[i] -> {name}[i]"}}'
                              for name in ("word", "complex_number", "is_even", "cube"))
        self.write("types.yaml", f"mpipe: 1\nfunctions:\n{functions}\ninputs: {{k: [0, 1, 2]}}\n")
        for ranks in RANKS:
            outputs = self.app("map", "types.yaml", "--json", "--run-folder", f"run{ranks}", ranks=ranks).json["outputs"]
            got = {name: (output["dtype"], output["data"]) for name, output in outputs.items()}
            self.assertEqual(got, {"word": ("str", [f'word "{k}"' for k in range(3)]),
                                   "complex_number": ("complex128", [[k, -1] for k in range(3)]),
                                   "is_even": ("bool", [True, False, True]), "cube": ("int64", [0, 1, 8])})
            self.assertEqual(self.app("show", f"run{ranks}", "--json").json["outputs"], outputs)
            self.app("verify", f"run{ranks}")

    def test_failure_is_told_exactly(self):
        self.write("fails.yaml", """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: throws_at, mapspec: "x[i] -> y[i]"}
  - {output: s, expr: "sum(y)"}
inputs: {x: {arange: [0, 20, 1]}, bad: 13}
""")
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                run = f"run{ranks}"
                outcome = self.app("map", "fails.yaml", "--json", "--run-folder", run, ranks=ranks, expect=1)
                self.assertEqual(len(outcome.errors), 1, outcome)
                for word in ("y[13]", "no solution for this x", "x=13", "--resume"):
                    self.assertIn(word, outcome.errors[0])
                result = outcome.json
                self.assertEqual(result["state"], "failed")
                self.assertEqual(len(result["errors"]), 1)
                error = result["errors"][0]
                self.assertEqual((error["output"], error["index"]), ("y", [13]))
                self.assertEqual(error["message"], "no solution for this x")
                self.assertEqual(error["type"], "std::runtime_error")
                y = result["outputs"]["y"]
                self.assertEqual(y["failed"], 1)
                self.assertEqual(y["done"] + y["failed"] + y["pending"], 20)
                self.assertIsNone(y["data"][13])
                for k, value in enumerate(y["data"]):
                    self.assertIn(value, (None, 2 * k))
                self.assertEqual(result["outputs"]["s"]["done"], 0)
                status = self.app("status", run, "--json", "--exit-code", expect=1).json
                self.assertEqual((status["state"], status["exit_code"]), ("failed", 1))
                self.app("verify", run)

    def test_many_values_are_not_brought_together_to_print_few(self):
        """64 million values take 512 MB, of which only a run folder keeps what is to be printed."""
        self.write("large.yaml", """
mpipe: 1
functions:
  - {output: z, expr: "x + y", mapspec: "x[i], y[j] -> z[i, j]"}
  - {output: w, expr: "2 * x", mapspec: "x[i] -> w[i]"}
inputs: {x: {arange: [0, 8, 1]}, y: {linspace: [0, 1, 8000000]}}
""")
        fixed = ("--fixed", "j=0:10", "--json", "--max-print", 8)
        outcome = self.app("map", "large.yaml", *fixed, "--run-folder", "run", ranks=2)
        outputs = outcome.json["outputs"]
        self.assertEqual((outputs["z"]["data"], outputs["w"]["data"]), (None, [2 * x for x in range(8)]))
        self.assertEqual((outputs["z"]["shape"], outputs["z"]["done"]), ([8, 8000000], 80))
        outcome = self.app("map", "large.yaml", *fixed)
        self.assertIn("data are left out", outcome.err)
        self.assertEqual([output["data"] for output in outcome.json["outputs"].values()], [None, None])

    def test_bar_on_a_terminal(self):
        self.write("slow.yaml", """
mpipe: 1
functions: [{output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]"}]
inputs: {x: {arange: [0, 20, 1]}, seconds: 0.02}
""")
        for variables, colour in (({}, True), ({"NO_COLOR": "1"}, False)):
            seen = self.on_terminal("map", "slow.yaml", "--json", "--log-level", "info", env=variables)
            self.assertIn("\r", seen)
            self.assertRegex(seen, r"\[#+\.*\]")
            self.assertEqual("\033[32m[#" in seen, colour, seen)
            self.assertEqual("\033[32minfo" in seen, colour, seen)
            self.assertTrue(colour or "\033[3" not in seen, seen)
        self.assertNotIn("[#", self.on_terminal("map", "slow.yaml", "--json", "--progress", "plain"))
        self.assertNotIn("[#", self.app("map", "slow.yaml", "--json").err)

    def on_terminal(self, *arguments, env=None):
        """What a command writes to a terminal as its standard error."""
        ours, its = os.openpty()
        process = subprocess.Popen([APP, *arguments], cwd=self.folder, env=self.environment(env), stdout=subprocess.PIPE, stderr=its)
        self.running.append(process)
        os.close(its)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # its end is closed
                break
            if not piece:
                break
            seen += piece
        os.close(ours)
        process.communicate(timeout=LONGEST)
        self.assertEqual(process.returncode, 0)
        return seen.decode()


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: BSD-3-Clause
"""What may differ when a run goes on, what is refused, and what heals."""
import json
import os
import shutil
import struct
import unittest
from pathlib import Path

from support import GRID, PLUGINS, AppTest

CHAIN = """
mpipe: 1
functions:
  - {output: y, expr: "x * a + b", mapspec: "x[i] -> y[i]", defaults: {b: 2}}
  - {output: z, expr: "y^2", mapspec: "y[i] -> z[i]"}
  - {output: total, expr: "sum(z)"}
inputs: {x: [1, 2, 3, 4], a: 10}
"""


class Resume(AppTest):
    def setUp(self):
        super().setUp()
        self.write("chain.yaml", CHAIN)

    def map(self, document, *options, **more):
        return self.app("map", document, "--run-folder", "run", "--json", *options, **more).json

    def resume(self, document, *options, **more):
        return self.map(document, "--resume", *options, **more)

    def calls(self, result):
        return {name: function["calls"] for name, function in result["functions"].items()}

    def verify(self):
        self.app("verify", "run")

    def contents(self):
        return {name: (self.folder / "run" / name).read_bytes() for name in self.tree(self.folder / "run")
                if (self.folder / "run" / name).is_file() and name != "status.json"}

    # --- what may differ

    def test_goes_on_however_the_pipeline_is_written(self):
        first = self.map("chain.yaml", "--output", "z", "--fixed", "i=0:2")
        self.write("same.yaml", """
mpipe: 1
inputs: {a: 10, x: [1, 2, 3, 4], b: 2}
functions:
  - {mapspec: "y[i]->z[i]", output: z, expr: "y ^ 2.0"}
  - {defaults: {b: 3}, output: y, expr: "(x*a)+b", mapspec: "x[i] -> y[i]", parameters: [b, a, x]}
  - {output: total, expr: " sum( z ) "}
""")
        for ranks, options in ((0, ["--output", "z", "--fixed", "i=2", "--storage", "memory", "--error-handling", "continue", "--retries", "1"]),
                               (2, ["--chunksizes", "1", "--executor", "mpi", "--rank0", "work", "--max-failures", "3",
                                    "--error-handling", "continue"])):
            result = self.resume("same.yaml", *options, ranks=ranks)
        self.assertEqual(self.calls(result)["y"], 1)
        self.assertEqual(result["outputs"]["z"]["data"], [144.0, 484.0, 1024.0, 1764.0])
        self.assertEqual(first["outputs"]["z"]["data"][:2], [144.0, 484.0])
        self.verify()

    def test_goes_on_after_a_failure_with_other_handling(self):
        self.write("failing.yaml", CHAIN.replace('"y^2"', '"y + fail_if(x == 3, 1)"').replace("y[i] -> z[i]", "y[i], x[i] -> z[i]"))
        self.app("map", "failing.yaml", "--run-folder", "run", expect=1)
        result = self.app("map", "failing.yaml", "--run-folder", "run", "--resume", "--error-handling", "continue", "--json", expect=1).json
        self.assertEqual((result["outputs"]["z"]["done"], result["outputs"]["z"]["failed"]), (3, 1))
        self.app("map", "failing.yaml", "--run-folder", "run", "--resume", expect=1)

    def test_storage_may_become_file_and_another_one(self):
        for first, then in (("hdf5", "file"), ("file", "hdf5"), ("file", "memory"), ("memory", "file")):
            with self.subTest(first=first, then=then):
                self.map("chain.yaml", "--overwrite", "--storage", first, "--output", "z", "--fixed", "i=0:2")
                result = self.resume("chain.yaml", "--storage", then, ranks=2)
                self.assertEqual(result["outputs"]["z"]["data"], [144.0, 484.0, 1024.0, 1764.0])
                self.assertEqual(self.calls(result), {"y": 2, "z": 2, "total": 1})
                self.verify()

    # --- more outputs, and fewer

    def test_the_run_grows_by_outputs(self):
        for ranks in (0, 2):
            self.map("chain.yaml", "--overwrite", "--output", "y", ranks=ranks)
            self.assertEqual(self.calls(self.resume("chain.yaml", "--output", "z")), {"y": 0, "z": 4})
            result = self.resume("chain.yaml", ranks=ranks)
            self.assertEqual(self.calls(result), {"y": 0, "z": 0, "total": 1})
            self.assertEqual(result["outputs"]["total"]["data"], 3416)
            self.verify()

    def test_fewer_outputs_leave_the_others(self):
        self.map("chain.yaml")
        self.assertEqual(self.calls(self.resume("chain.yaml", "--output", "y")), {"y": 0})
        self.verify()
        self.assertEqual(self.app("show", "run", "--json").json["outputs"]["total"]["data"], 3416)
        self.assertEqual(self.calls(self.resume("chain.yaml", ranks=2)), {"y": 0, "z": 0, "total": 0})

    def test_functions_may_be_added(self):
        self.map("chain.yaml")
        self.write("more.yaml", CHAIN.replace("inputs: {", """  - {output: words, expr: "y + c", mapspec: "y[i], c[k] -> words[i, k]"}
  - {output: one, expr: "arange(a)"}
  - {output: each, expr: "one + 1", mapspec: "one[j] -> each[j]"}
inputs: {c: [1, 2], """))
        result = self.resume("more.yaml", ranks=2)
        self.assertEqual(self.calls(result), {"y": 0, "z": 0, "total": 0, "words": 8, "one": 1, "each": 10})
        self.assertEqual(result["outputs"]["words"]["data"][3], [43, 44])
        self.verify()
        self.assertEqual(set(self.calls(self.resume("more.yaml")).values()), {0})
        # Without them: what they made is still there, also after a start that knows nothing of them.
        self.resume("chain.yaml")
        self.assertEqual(self.app("show", "run", "each", "--json").json["outputs"]["each"]["data"][9], 10)
        self.verify()

    # --- what must not differ

    def test_what_differs_is_named_with_both_values(self):
        self.map("chain.yaml")
        before = self.contents()
        cases = (("y^2", "y^3", ["'z'", "expr", "y^2", "y^3"]),
                 ("x * a + b", "x * a - b", ["'y'", "expr", "x * a + b", "x * a - b"]),
                 ("x: [1, 2, 3, 4]", "x: [1, 2, 3, 5]", ["input 'x'", "[1, 2, 3, 4]", "[1, 2, 3, 5]"]),
                 ("a: 10", "a: 11", ["input 'a'", "10", "11"]),
                 ("b: 2", "b: 3", ["input 'b'", "2", "3"]),
                 ("defaults: {b: 2}", "bound: {b: 2}", ["'y'", "bound b", "2"]))
        for old, new, words in cases:
            self.write("other.yaml", CHAIN.replace(old, new))
            for ranks in (0, 2):
                self.refused("map", "other.yaml", "--run-folder", "run", "--resume", ranks=ranks, code=3, words=["cannot resume", *words])
        self.assertEqual(self.contents(), before)

    # --- other code

    def plugin(self, factor):
        shutil.copy(Path(PLUGINS) / f"libe2e_code_{factor}.so", self.folder / "libcode.so.new")
        os.replace(self.folder / "libcode.so.new", self.folder / "libcode.so")

    def test_other_code_is_refused_and_redone(self):
        self.write("code.yaml", """
mpipe: 1
functions:
  - {output: y, plugin: ./libcode.so, function: scaled, mapspec: "x[i] -> y[i]"}
  - {output: n, plugin: ./libcode.so, function: negated, mapspec: "x[i] -> n[i]"}
  - {output: z, expr: "y + 1", mapspec: "y[i] -> z[i]"}
  - {output: w, expr: "x + 1", mapspec: "x[i] -> w[i]"}
inputs: {x: [1.0, 2.0, 3.0]}
""")
        self.plugin(2)
        self.map("code.yaml", "--fixed", "i=0:2")
        ids = [function["code"] for function in json.loads((self.folder / "run" / "run.json").read_text())["functions"]]
        self.assertEqual([list(code) for code in ids], [["libcode.so"], ["libcode.so"], [], []])
        self.plugin(2)  # the same code again
        self.resume("code.yaml", "--fixed", "i=0:2")
        self.plugin(3)
        for options in ([], ["--redo", "y"]):
            self.refused("map", "code.yaml", "--run-folder", "run", "--resume", *options, ranks=2, code=3, words=["libcode.so", "'n'", "--redo n"])
        result = self.resume("code.yaml", "--redo", "y", "--redo", "n", ranks=2)
        self.assertEqual(self.calls(result), {"y": 3, "n": 3, "z": 3, "w": 1})
        self.assertEqual([result["outputs"][name]["data"] for name in ("y", "n", "z")], [[3, 6, 9], [-3, -6, -9], [4, 7, 10]])
        self.verify()
        self.assertEqual(set(self.calls(self.resume("code.yaml")).values()), {0})

    def test_another_function_of_the_same_code_is_refused(self):
        text = """
mpipe: 1
functions:
  - {output: y, plugin: ./libcode.so, function: scaled, mapspec: "x[i] -> y[i]"}
inputs: {x: [1.0, 2.0, 3.0]}
"""
        self.write("code.yaml", text)
        self.plugin(2)
        self.map("code.yaml", "--fixed", "i=0:2")
        self.write("other.yaml", text.replace("scaled", "negated"))
        self.refused("map", "other.yaml", "--run-folder", "run", "--resume", code=3,
                     words=["the function of function 'y'", "is scaled in", "now negated", "--redo y"])
        self.assertEqual(self.resume("other.yaml", "--redo", "y")["outputs"]["y"]["data"], [-2, -4, -6])

    def test_an_output_stays_with_its_function(self):
        two = "functions: [{output: [y, q], expr: [\"x\", \"2*x\"], mapspec: \"x[i] -> y[i], q[i]\"}]\ninputs: {x: [1, 2, 3]}\n"
        self.write("two.yaml", two)
        self.write("alone.yaml", two.replace("[y, q]", "q").replace("[\"x\", \"2*x\"]", "\"7*x\"").replace("y[i], ", ""))
        self.write("turned.yaml", two.replace("[y, q]", "[q, y]").replace("[\"x\", \"2*x\"]", "[\"2*x\", \"x\"]")
                   .replace("y[i], q[i]", "q[i], y[i]"))
        for document, then in (("alone.yaml", {"q": [7, 14, 21]}), ("turned.yaml", {"q": [2, 4, 6], "y": [1, 2, 3]})):
            self.map("two.yaml", "--overwrite", "--fixed", "i=0:2")
            self.refused("map", document, "--run-folder", "run", "--resume", code=3, words=["makes 'q'", "[y, q] in", "--redo q"])
            result = self.resume(document, "--redo", "q")
            self.assertEqual({name: output["data"] for name, output in result["outputs"].items()}, then)
            self.verify()
            self.assertEqual(set(self.calls(self.resume(document)).values()), {0})

    def test_redo_of_an_expression(self):
        self.map("chain.yaml")
        self.write("other.yaml", CHAIN.replace("y^2", "y + 1"))
        result = self.resume("other.yaml", env={"MPIPE_REDO": "z"})
        self.assertEqual(self.calls(result), {"y": 0, "z": 4, "total": 1})
        self.assertEqual(result["outputs"]["total"]["data"], 112)
        self.write("redo.yaml", CHAIN + "map: {redo: [z]}\n")
        self.assertEqual(self.calls(self.resume("redo.yaml")), {"y": 0, "z": 4, "total": 1})
        self.verify()
        self.refused("map", "chain.yaml", "--redo", "z", "--run-folder", "run", words=["--resume"])
        self.refused("map", "chain.yaml", "--redo", "zz", "--resume", "--run-folder", "run", words=["--redo", "zz"])

    # --- damage

    def test_a_description_that_is_lost_comes_back(self):
        self.map("chain.yaml")
        for name in ("run.json", "run-copy.json"):
            (self.folder / "run" / name).unlink()
            self.app("verify", "run", expect=4)
            self.assertEqual(self.app("show", "run", "--json").json["outputs"]["total"]["data"], 3416)
            self.refused("map", "chain.yaml", "--run-folder", "run", code=3, words=["--resume"])
            outcome = self.app("map", "chain.yaml", "--run-folder", "run", "--resume", "--json", ranks=2)
            self.assertEqual(set(self.calls(outcome.json).values()), {0})
            self.assertIn(name + "' is missing", outcome.err)
            self.verify()

    def test_results_without_a_description_are_kept(self):
        self.map("chain.yaml")
        for name in ("run.json", "run-copy.json"):
            (self.folder / "run" / name).unlink()
        before = self.contents()
        for options in ([], ["--resume"]):
            self.refused("map", "chain.yaml", "--run-folder", "run", *options, ranks=2, code=3, words=["run.json", "results"])
        self.assertEqual(self.contents(), before)
        self.map("chain.yaml", "--overwrite")
        self.verify()

    def test_a_flipped_bit_is_healed(self):
        self.map("chain.yaml")
        for name in ("run.json", "run-copy.json"):
            path = self.folder / "run" / name
            whole = path.read_bytes()
            path.write_bytes(whole.replace(b'"float64"', b'"flnat64"', 1))
            outcome = self.app("verify", "run", expect=4)
            self.assertIn(name, outcome.err)
            outcome = self.app("map", "chain.yaml", "--run-folder", "run", "--resume")
            self.assertIn(name, outcome.err)
            self.verify()
        for name in ("run.json", "run-copy.json"):
            path = self.folder / "run" / name
            path.write_bytes(path.read_bytes().replace(b'"float64"', b'"flnat64"', 1))
        for command in (("show", "run"), ("verify", "run"), ("map", "chain.yaml", "--run-folder", "run", "--resume")):
            outcome = self.app(*command, expect=4)
            self.assertIn("run.json", outcome.err)

    # --- --explain

    def explained(self, *arguments, **options):
        outcome = self.app("map", "grid.yaml", "--run-folder", "run", "--resume", "--explain", *arguments, **options)
        lines = [line.removeprefix("pipeline_app: ") for line in outcome.err.splitlines()]
        return {line.split("'")[1]: line.partition(": ")[2] for line in lines if line.startswith("'")}

    def test_explain_tells_what_is_kept_and_why_the_rest_is_not(self):
        self.write("grid.yaml", GRID)
        self.refused("map", "grid.yaml", "--run-folder", "run", "--explain", words=["--resume"])
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                self.app("map", "grid.yaml", "--run-folder", "run", "--overwrite", "--fixed", "i=0:2", "--output", "z")
                told = self.explained(ranks=ranks)
                self.assertEqual(told["z"], "10 of 15 elements are kept; 5 are computed, as they were not done "
                                            "([2, 0] to [2, 4])")
                self.assertEqual(told["total"], "0 of 3 elements are kept; 3 are computed, as they were not done "
                                                "([0] to [2])")
                told = self.explained("--redo", "total", ranks=ranks)
                self.assertEqual(told["z"], "15 of 15 elements are kept")
                self.assertIn("3 are computed anew, as --redo says", told["total"])
                self.assertIn("1 are computed anew, as --redo says", told["top"])

    def test_explain_names_the_first_of_many_ranges(self):
        self.write("grid.yaml", GRID.replace("x: [1, 2, 3]", "x: {arange: [2000]}"))
        self.app("map", "grid.yaml", "--run-folder", "run", "--output", "z", "--fixed", "i=0::2")
        told = self.explained("--output", "z")
        self.assertEqual(told["z"], "5000 of 10000 elements are kept; 5000 are computed, as they were not done ("
                                    "[1, 0] to [1, 4], [3, 0] to [3, 4], [5, 0] to [5, 4], [7, 0] to [7, 4], "
                                    "[9, 0] to [9, 4] and 995 more ranges)")

    def test_explain_tells_of_damage_and_of_failures(self):
        self.write("grid.yaml", GRID)
        self.app("map", "grid.yaml", "--run-folder", "run")
        results = self.folder / "run/results.h5"
        whole = results.read_bytes()
        value = struct.pack("<d", 31.0)  # z[2, 4], which no other value equals
        self.assertEqual(whole.count(value), 1)
        results.write_bytes(whole.replace(value, struct.pack("<d", 31.5)))
        self.assertRegex(self.explained()["z"], r"^\d+ of 15 elements are kept; \d+ are computed again, as their bytes do "
                                                r"not match their checksums any more \(.*\[2, 4\]\)$")
        self.app("verify", "run")
        self.write("grid.yaml", GRID.replace("sum(z)", "fail_if(x == 2, sum(z))").replace("z[i, :]", "x[i], z[i, :]"))
        self.app("map", "grid.yaml", "--run-folder", "run", "--overwrite", "--error-handling", "continue", expect=1)
        told = self.explained("--error-handling", "continue", expect=1)
        self.assertIn("1 failed or are blocked, and stay so without --retry-failed ([1])", told["total"])
        told = self.explained("--error-handling", "continue", "--retry-failed", expect=1)
        self.assertIn("1 are tried again, as they failed or were blocked ([1])", told["total"])
        self.assertIn("1 are tried again, as they failed or were blocked (the value)", told["top"])

    def test_a_newer_format_is_refused(self):
        self.map("chain.yaml")
        path = self.folder / "run" / "run.json"
        newer = json.loads(path.read_text())
        newer["version"] = 99
        path.write_text(json.dumps(newer))
        for command in (("show", "run"), ("verify", "run"), ("map", "chain.yaml", "--run-folder", "run", "--resume")):
            self.refused(*command, code=3, words=["run.json", "99"])


class Limits(AppTest):
    """Arrays that no file could hold are refused before anything runs: the same on any number of ranks."""

    def test_known_extents_and_axes(self):
        names = [f"a{k}" for k in range(33)]
        wide = {"functions": [{"output": "y", "expr": " + ".join(names),
                               "mapspec": ", ".join(f"{name}[i{name}]" for name in names) + " -> y[" + ", ".join(f"i{name}" for name in names) + "]"}],
                "inputs": {name: [1.0] for name in names}}
        documents = {
            "long.yaml": "functions: [{output: y, expr: 'arange(x)', mapspec: 'x[i] -> y[i, k]', internal_shape: 4611686018427387904}]\n"
                         "inputs: {x: [1, 2]}\n",
            "late.yaml": "functions:\n- {output: n, expr: 'arange(x)', mapspec: '... -> n[j]'}\n"
                         "- {output: y, expr: 'arange(n)', mapspec: 'n[j] -> y[j, k]', internal_shape: 4611686018427387905}\n"
                         "inputs: {x: 3}\n",
            "wide.yaml": json.dumps(wide),
        }
        for name, text in documents.items():
            self.write(name, text)
            for ranks, options in ((0, []), (0, ["--run-folder", "run"]), (2, ["--run-folder", "run"]),
                                   (0, ["--run-folder", "run", "--storage", "file"]), (2, ["--run-folder", "run", "--storage", "memory"])):
                with self.subTest(name=name, ranks=ranks, options=options):
                    self.refused("map", name, *options, ranks=ranks, words=["'y'", "33 axes" if name == "wide.yaml" else "2^62"])


if __name__ == "__main__":
    unittest.main()

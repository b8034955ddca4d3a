# SPDX-License-Identifier: BSD-3-Clause
"""Runs that go on after failures: what they print, store, resume and end with."""
import unittest

from support import AppTest

FAILING = """
mpipe: 1
functions:
  - {output: y, expr: "fail_if((x == 3) * bad, 2 * x)", mapspec: "x[i] -> y[i]", defaults: {bad: 1}}
  - {output: z, expr: "y + 10", mapspec: "y[i] -> z[i]"}
  - {output: s, expr: "sum(z)"}
  - {output: t, expr: "s + 1"}
  - {output: w, expr: "x * x", mapspec: "x[i] -> w[i]"}
inputs: {x: [1, 2, 3, 4]}
map: {error_handling: continue}
"""

GENERATOR = """
mpipe: 1
functions:
  - {output: x, expr: "fail_if(n == 3, n) * arange(n)", mapspec: "... -> x[i]"}
  - {output: y, expr: "x + 1", mapspec: "x[i] -> y[i]"}
  - {output: s, expr: "sum(y)"}
inputs: {n: 3}
map: {error_handling: continue}
"""


def counts(output):
    return [output[key] for key in ("done", "failed", "blocked", "pending")]


class Failures(AppTest):
    def setUp(self):
        super().setUp()
        self.write("failing.yaml", FAILING)
        self.write("generator.yaml", GENERATOR)

    def test_status_counts_what_the_results_have_after_a_failure_in_a_block(self):
        self.write("block.yaml", """
functions:
  - {output: y, expr: "2 * x", mapspec: "x[i] -> y[i]"}
  - {output: z, expr: "fail_if(y == 998, y)", mapspec: "y[i] -> z[i]"}
inputs: {x: {arange: [2000]}}
""")
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                run = f"block-{ranks}"
                self.app("map", "block.yaml", "--run-folder", run, "--chunksizes", "700", ranks=ranks, expect=1)
                status = self.status_file(run)["outputs"]
                shown = self.app("show", run, "--json").json["outputs"]
                for name in ("y", "z"):
                    self.assertEqual(status[name]["done"], shown[name]["done"], name)
                    self.assertEqual(status[name]["failed"], shown[name]["failed"], name)

    def test_are_told_and_stored(self):
        for ranks in (0, 1, 2, 3, 5):
            for storage in ("hdf5", "memory"):
                with self.subTest(ranks=ranks, storage=storage):
                    run = f"run-{ranks}-{storage}"
                    outcome = self.app("map", "failing.yaml", "--json", "--run-folder", run, "--storage", storage,
                                       ranks=ranks, expect=1)
                    result = outcome.json
                    self.assertEqual(result["state"], "completed")
                    outputs = result["outputs"]
                    self.assertEqual(counts(outputs["y"]), [3, 1, 0, 0])
                    self.assertEqual(counts(outputs["z"]), [3, 0, 1, 0])
                    self.assertEqual(counts(outputs["s"]), [0, 0, 1, 0])
                    self.assertEqual(counts(outputs["w"]), [4, 0, 0, 0])
                    self.assertEqual(outputs["y"]["data"], [2, 4, None, 8])
                    self.assertEqual(outputs["z"]["data"], [12, 14, None, 18])
                    self.assertIsNone(outputs["t"]["data"])
                    self.assertEqual(result["functions"]["y"]["calls"], 4)
                    self.assertEqual(result["functions"]["z"]["calls"], 3)
                    self.assertEqual(result["functions"]["s"]["calls"], 0)
                    self.assertGreaterEqual(result["functions"]["y"]["max_seconds"], result["functions"]["y"]["mean_seconds"])
                    self.assertEqual([(error["output"], error["index"]) for error in result["errors"]], [("y", [2])])
                    self.assertIn("x=3", result["errors"][0]["arguments"])
                    for words in ("1 element failed", "failed: y[2]: fail_if", "blocked: 1 of 4 elements in 'z'; z[2] by y[2]",
                                  "'t'; t by y[2]"):
                        self.assertIn(words, outcome.err)
                    self.app("verify", run)
                    self.app("status", run, "--exit-code", expect=1)
                    status = self.app("status", run, "--json").json
                    self.assertEqual((status["state"], status["progress_fraction"]), ("completed", 1))
                    self.assertEqual(counts(status["outputs"]["z"]), [3, 0, 1, 0])
                    shown = self.app("show", run, "--json").json["outputs"]
                    self.assertEqual(counts(shown["z"]), [3, 0, 1, 0])
                    self.assertEqual(shown["y"]["data"], [2, 4, None, 8])

    def test_stay_until_they_are_retried(self):
        self.app("map", "failing.yaml", "--run-folder", "run", expect=1)
        for ranks in (0, 3):
            kept = self.app("map", "failing.yaml", "--run-folder", "run", "--resume", "--json", ranks=ranks, expect=1)
            self.assertEqual([function["calls"] for function in kept.json["functions"].values()], [0] * 5)
            self.assertEqual(counts(kept.json["outputs"]["z"]), [3, 0, 1, 0])
            self.assertIn("--retry-failed", kept.err)
        again = self.app("map", "failing.yaml", "--run-folder", "run", "--resume", "--retry-failed", "--json", ranks=2, expect=1)
        self.assertEqual(again.json["functions"]["y"]["calls"], 1)
        self.assertEqual(counts(again.json["outputs"]["y"]), [3, 1, 0, 0])
        self.app("map", "failing.yaml", "--run-folder", "run", "--resume", "--error-handling", "raise", expect=1)
        self.refused("map", "failing.yaml", "--retry-failed", words=["--resume"])

    def test_of_a_generator_leave_shapes_unknown(self):
        for ranks in (0, 2, 3):
            with self.subTest(ranks=ranks):
                run = f"run-{ranks}"
                outcome = self.app("map", "generator.yaml", "--json", "--run-folder", run, ranks=ranks, expect=1)
                outputs = outcome.json["outputs"]
                self.assertEqual(counts(outputs["x"]), [0, 1, 0, 0])
                self.assertEqual(outputs["x"]["shape"], [None])
                self.assertEqual(counts(outputs["y"]), [0, 0, 1, 0])
                self.assertEqual(counts(outputs["s"]), [0, 0, 1, 0])
                self.assertIn("all of 'y', whose shape is not known, by x", outcome.err)
                self.app("verify", run)
                self.app("show", run)
                self.assertEqual(self.app("status", run, "--json").json["progress_fraction"], 1)
                resumed = self.app("map", "generator.yaml", "--json", "--run-folder", run, "--resume", expect=1).json
                self.assertEqual([function["calls"] for function in resumed["functions"].values()], [0, 0, 0])

    def test_are_bounded_where_that_is_asked_for(self):
        self.write("many.yaml", "mpipe: 1\nfunctions: [{output: y, expr: \"fail_if(x > 4, x)\", mapspec: \"x[i] -> y[i]\"}]\n"
                                "inputs: {x: {arange: [0, 1000, 1]}}\n"
                                "map: {error_handling: continue, max_failures: 3, chunksizes: 1}\n")
        for ranks in (0, 3):
            outcome = self.app("map", "many.yaml", "--run-folder", f"run-{ranks}", "--json", ranks=ranks, expect=1)
            self.assertEqual(outcome.json["state"], "failed")
            self.assertIn("more than 3 elements failed", outcome.err)
            self.assertLess(outcome.json["functions"]["y"]["calls"], 1000)
            resumed = self.app("map", "many.yaml", "--run-folder", f"run-{ranks}", "--json", "--resume", "--max-failures", "995",
                               expect=1).json
            self.assertEqual(counts(resumed["outputs"]["y"]), [5, 995, 0, 0])
            self.assertLessEqual(len(resumed["errors"]), 100)
            self.app("verify", f"run-{ranks}")
        self.refused("map", "many.yaml", "--error-handling", "raise", words=["max_failures"])

    def test_results_are_kept_where_a_function_says_so(self):
        self.write("cached.yaml", "mpipe: 1\nfunctions: [{output: y, expr: \"x * x\", mapspec: \"x[i] -> y[i]\", cache: 10}]\n"
                                  "inputs: {x: [1, 2, 1, 2, 1, 3]}\n")
        result = self.app("map", "cached.yaml", "--json").json
        self.assertEqual(result["outputs"]["y"]["data"], [1, 4, 1, 4, 1, 9])
        self.assertEqual(result["functions"]["y"]["calls"], 3)
        self.write("random.yaml", "mpipe: 1\nfunctions:\n  - {output: y, expr: \"x * random()\", mapspec: \"x[i] -> y[i]\", cache: 10}\n"
                                  "inputs: {x: [1, 2]}\n")
        self.refused("map", "random.yaml", words=["random.yaml:3", "cache"])

    def test_a_failure_within_a_block_has_the_same_numbers_everywhere(self):
        self.write("block.yaml", """
functions: [{output: y, plugin: libe2e_functions.so, function: throws_at, mapspec: "x[i] -> y[i]"}]
inputs: {x: {arange: [0, 3000, 1]}, bad: 739}
""")
        for ranks, storage in ((0, "hdf5"), (3, "hdf5"), (2, "memory")):
            run = f"block{ranks}"
            told = self.app("map", "block.yaml", "--run-folder", run, "--chunksizes", "1000", "--storage", storage, "--json", ranks=ranks,
                            expect=1).json["outputs"]["y"]
            self.assertIn((told["done"], told["failed"]), ((739, 1), (1739, 1), (2739, 1)))
            for other in (self.status_file(run), self.app("show", run, "--json").json):
                self.assertEqual([other["outputs"]["y"][state] for state in ("done", "failed", "pending")],
                                 [told[state] for state in ("done", "failed", "pending")])


if __name__ == "__main__":
    unittest.main()

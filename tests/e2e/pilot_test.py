# SPDX-License-Identifier: BSD-3-Clause
"""map --dry-run --pilot: some elements are computed, and the run is predicted."""
import json
import unittest

from support import AppTest

# Functions that sleep, so that what else the machine does matters little.
SLEEPING = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i], seconds[j] -> y[i, j]"}
  - {output: z, plugin: libe2e_functions.so, function: slow_square, mapspec: "y[i, j], pause[i] -> z[i, j]", renames: {x: y, seconds: pause}}
  - {output: total, expr: "sum(z)", mapspec: "z[i, :] -> total[i]"}
inputs:
  x: {arange: [0.0, 20.0, 1.0]}
  seconds: [0.04, 0.06, 0.04, 0.06, 0.05]
  pause: {csv: pause.csv, column: pause}
"""
# 100 elements of 50 ms and 10 ms each.
IN_ALL = 100 * 0.06


class Pilot(AppTest):
    def setUp(self):
        super().setUp()
        self.write("pause.csv", "pause\n" + "0.01\n" * 20)
        self.write("sweep.yaml", SLEEPING)

    def predict(self, *options, ranks=0):
        before = self.tree()
        outcome = self.app("map", "sweep.yaml", "--run-folder", "run", "--dry-run", "--pilot", "16", *options, ranks=ranks)
        self.assertEqual(self.tree(), before)
        return outcome

    def test_a_prediction_is_near_the_run(self):
        for ranks in (0, 3):
            pilot = self.predict("--json", "--for-ranks", "1,10", ranks=ranks).json["pilot"]
            self.assertEqual(pilot["functions"]["y"]["calls"], 16)
            self.assertEqual(pilot["functions"]["y"]["elements"], 100)
            self.assertEqual(pilot["functions"]["total"]["scale"], 1.25)
            by_ranks = {each["ranks"]: each for each in pilot["predictions"]}
            self.assertEqual(sorted(by_ranks), sorted({1, 10, ranks or 1}))
            self.assertAlmostEqual(by_ranks[1]["makespan_seconds"] / IN_ALL, 1, delta=0.4)
            self.assertAlmostEqual(by_ranks[10]["makespan_seconds"] / (IN_ALL / 10), 1, delta=0.6)
            self.assertAlmostEqual(by_ranks[10]["core_hours"] * 360, by_ranks[10]["makespan_seconds"], places=6)
            self.assertGreater(by_ranks[1]["efficiency"], 0.9)
            # 100 + 100 + 20 numbers, and a mark for each.
            self.assertEqual(pilot["file_bytes"], 220 * 9)
        real = self.app("map", "sweep.yaml", "--json", "--max-print", "0", ranks=3).json
        self.assertAlmostEqual(by_ranks[3]["makespan_seconds"] / real["wall_seconds"], 1, delta=0.4)

    def test_it_is_told_in_words_and_runs_nothing_else(self):
        said = self.predict().out
        for words in ("pilot: some elements were computed", "predicted", "core-hours", "a call of 'total' takes 1.25 times"):
            self.assertIn(words, said)
        self.assertIn("is not counted", said)

    def test_an_error_of_a_function_is_found_before_the_run(self):
        self.write("sweep.yaml", SLEEPING.replace('"sum(z)"', '"fail_if(1, sum(z))"'))
        outcome = self.app("map", "sweep.yaml", "--dry-run", "--pilot", "4", expect=None)
        self.assertNotEqual(outcome.code, 0)
        self.assertIn("fail_if", outcome.err)

    def test_refusals(self):
        self.refused("map", "sweep.yaml", "--pilot", "3", words=["--pilot", "--dry-run"])
        self.refused("map", "sweep.yaml", "--dry-run", "--for-ranks", "3", words=["--for-ranks", "--pilot"])
        for wrong in ("", "0", "a", "3,", "3;4", "-1"):
            self.refused("map", "sweep.yaml", "--dry-run", "--pilot", "3", f"--for-ranks={wrong}", words=["--for-ranks"])
        self.refused("map", "sweep.yaml", "--dry-run", "--pilot", "3", "--executor", "y=threads:2",
                     "--executor", "z=sequential", "--executor", "total=sequential", words=["several executors"])


if __name__ == "__main__":
    unittest.main(verbosity=2)

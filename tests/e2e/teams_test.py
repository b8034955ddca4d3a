# SPDX-License-Identifier: BSD-3-Clause
"""Functions of which several ranks make a call together."""
import time
import unittest

from support import AppTest

TEAMS = """
mpipe: 1
functions:
  - {output: n, plugin: libe2e_functions.so, function: count_ranks, parameters: [x], mapspec: "x[i] -> n[i]"}
  - {output: y, expr: "x * x", mapspec: "x[i] -> y[i]"}
inputs: {x: [1, 2, 3, 4, 5]}
"""

BY_X = """
mpipe: 1
functions:
  - {output: n, plugin: libe2e_functions.so, function: ranks_by_x, parameters: [x], mapspec: "x[i] -> n[i]"}
inputs: {x: [1, 2, 1, 2]}
"""

WAITING = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: leaves_others_waiting, parameters: [x, bad], mapspec: "x[i] -> y[i]"}
inputs: {x: [1, 2, 3, 4, 5, 6], bad: 4}
"""


class Teams(AppTest):
    def setUp(self):
        super().setUp()
        self.write("teams.yaml", TEAMS)
        self.write("by_x.yaml", BY_X)
        self.write("waiting.yaml", WAITING)

    def test_run_beside_others(self):
        for ranks in (3, 5):
            with self.subTest(ranks=ranks):
                result = self.app("map", "teams.yaml", "--json", "--run-folder", f"run-{ranks}", ranks=ranks).json
                self.assertEqual(result["outputs"]["n"]["data"], [2] * 5)
                self.assertEqual(result["outputs"]["y"]["data"], [1, 4, 9, 16, 25])
                self.assertEqual(result["functions"]["n"]["calls"], 5)

    def test_have_the_size_that_a_rule_says(self):
        result = self.app("map", "by_x.yaml", "--json", ranks=3).json
        self.assertEqual(result["outputs"]["n"]["data"], [1, 2, 1, 2])

    def test_the_document_goes_over_the_function(self):
        for ranks, expected in (("2", [2, 2, 2, 2]), ('"if(x > 1, 1, 2)"', [2, 1, 2, 1])):
            self.write("over.yaml", BY_X.replace("mapspec:", f"resources: {{ranks: {ranks}}}, mapspec:"))
            self.assertEqual(self.app("map", "over.yaml", "--json", ranks=3).json["outputs"]["n"]["data"], expected)
        self.write("over.yaml", TEAMS.replace("parameters:", 'resources: {ranks: "2 * x"}, parameters:', 1))
        self.refused("map", "over.yaml", ranks=3, words=["'n'", "n[1]", "says 4"])

    def test_that_are_too_large_are_refused(self):
        for ranks in (0, 1, 2):
            self.refused("map", "teams.yaml", "--run-folder", "run", ranks=ranks, words=["'n'", "2 ranks", "mpirun -n 3"])
        self.refused("map", "by_x.yaml", "--set", "x=[1, 2, 5]", ranks=3, words=["'n'", "n[2]", "from 1 to 2"])

    def test_are_told_by_the_plan(self):
        self.assertIn("ranks 2", self.app("map", "teams.yaml", "--dry-run", ranks=3).out)
        self.assertIn("ranks by x", self.app("describe", "by_x.yaml").out)

    def test_of_which_one_throws_while_the_others_wait_end_the_job(self):
        begin = time.monotonic()
        process = self.start("map", "waiting.yaml", "--run-folder", "run", "--error-handling", "continue", ranks=3,
                             env={"MPIPE_TEAM_GRACE": "1"})
        outcome = self.finish(process)
        self.assertEqual(outcome.code, 5, outcome)
        self.assertLess(time.monotonic() - begin, 40)
        for word in ("'y' failed at y[3] on rank 2", "the mesh is broken", "did not come back within 1.0 s", "MPIPE_TEAM_GRACE"):
            self.assertIn(word, outcome.said)
        status = self.status_file("run")
        self.assertEqual((status["state"], status["exit_code"]), ("failed", 5))
        # What was done before is kept.
        again = self.app("map", "waiting.yaml", "--run-folder", "run", "--resume", "--set", "bad=4", "--json",
                         "--fixed", "i=0:3", "--error-handling", "continue", ranks=3).json
        self.assertEqual(again["outputs"]["y"]["data"][:3], [1, 2, 3])


if __name__ == "__main__":
    unittest.main()

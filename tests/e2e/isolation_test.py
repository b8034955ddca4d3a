# SPDX-License-Identifier: BSD-3-Clause
"""Functions that crash in processes of their own, and what is left of processes when a run ends."""
import os
import signal
import subprocess
import unittest
from pathlib import Path

from support import APP, AppTest, children_of

CRASHING = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: crashes_at, mapspec: "x[i] -> y[i]", isolation: process}
  - {output: z, expr: "y + 1", mapspec: "y[i] -> z[i]"}
inputs: {x: [1, 2, 3, 4, 5, 6], bad: 4}
map: {error_handling: continue}
"""

SLOW = """
mpipe: 1
functions: [{output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]", isolation: process}]
inputs: {x: [1, 2, 3, 4, 5, 6, 7, 8], seconds: 1000}
"""


def is_there(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Isolation(AppTest):
    def setUp(self):
        super().setUp()
        self.write("crashing.yaml", CRASHING)

    def check_crash(self, outcome):
        result = outcome.json
        self.assertEqual(result["state"], "completed")
        self.assertEqual(result["outputs"]["y"]["data"], [2, 4, 6, None, 10, 12])
        self.assertEqual(result["outputs"]["z"]["data"], [3, 5, 7, None, 11, 13])
        self.assertEqual([(error["output"], error["index"], error["message"]) for error in result["errors"]],
                         [("y", [3], "killed by signal 6 (SIGABRT)")])
        self.assertIn("failed: y[3]: killed by signal 6 (SIGABRT)", outcome.err)

    def test_a_crash_costs_its_element(self):
        for ranks in (0, 1, 2, 3, 5):
            for block in ("1", "6"):
                with self.subTest(ranks=ranks, block=block):
                    run = f"run-{ranks}-{block}"
                    outcome = self.app("map", "crashing.yaml", "--run-folder", run, "--chunksizes", block, "--json", ranks=ranks, expect=1)
                    self.check_crash(outcome)
                    self.assertIn("computed 6", outcome.err, "what functions print is no result")
                    self.app("verify", run)

    def test_printing_to_nobody_costs_no_element(self):
        # As where the launcher was killed, through which all that functions print goes.
        reader, writer = os.pipe()
        os.close(reader)
        command = [APP, "map", "crashing.yaml", "--run-folder", "run", "--progress", "none", "--set", "bad=9"]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment(), stdout=subprocess.DEVNULL, stderr=writer)
        os.close(writer)
        self.running.append(process)
        self.assertEqual(process.wait(60), 0)
        self.assertEqual(self.app("show", "run", "--json").json["outputs"]["y"]["data"], [2, 4, 6, 8, 10, 12])

    def test_it_can_be_asked_for(self):
        self.write("plain.yaml", CRASHING.replace(", isolation: process", ""))
        for extra in (["--isolate", "y"], ["--executor", "processes:2"], ["--executor", "y=processes:1"]):
            for ranks in (0, 3):
                with self.subTest(extra=extra, ranks=ranks):
                    self.check_crash(self.app("map", "plain.yaml", "--json", *extra, ranks=ranks, expect=1))
        self.refused("map", "plain.yaml", "--isolate", "q", words=["'q'"])

    def test_processes_in_documents(self):
        self.write("processes.yaml", CRASHING.replace(", isolation: process", "")
                   .replace("continue}", "continue, executor: {\"\": sequential, y: \"processes:2\"}}"))
        self.check_crash(self.app("map", "processes.yaml", "--json", expect=1))

    def test_of_several_runs(self):
        plain = CRASHING.replace(", isolation: process", "").replace("continue}", "continue, max_concurrent: 2}")
        self.write("runs.yaml", plain + "runs: [{name: one}, {name: two}]\n")
        self.write("processes.yaml", plain.replace("max_concurrent", "executor: \"processes:2\", max_concurrent")
                   + "runs: [{name: one}, {name: two}]\n")
        for document, extra, env in (("runs.yaml", ["--isolate", "y"], {}), ("runs.yaml", ["--executor", "y=processes:1"], {}),
                                     ("runs.yaml", [], {"MPIPE_EXECUTOR": "processes:2"}), ("processes.yaml", [], {})):
            for ranks in (0, 3):
                with self.subTest(document=document, extra=extra, env=env, ranks=ranks):
                    outcome = self.app("map", document, "--json", "--log-level", "info", *extra, env=env, ranks=ranks, expect=1)
                    for run in outcome.json["runs"]:
                        self.assertEqual(run["outputs"]["y"]["data"], [2, 4, 6, None, 10, 12])
                        self.assertEqual([error["message"] for error in run["errors"]], ["killed by signal 6 (SIGABRT)"])
                    self.assertNotIn("forks of the ranks", outcome.err, "children come from what was made before MPI")

    def test_raise_ends_the_run(self):
        outcome = self.app("map", "crashing.yaml", "--error-handling", "raise", "--run-folder", "run", ranks=3, expect=1)
        self.assertIn("function 'y' failed at y[3]: killed by signal 6 (SIGABRT)", outcome.err)
        again = self.app("map", "crashing.yaml", "--error-handling", "raise", "--run-folder", "run", "--resume", "--json",
                         expect=1)
        self.assertEqual(again.json["outputs"]["y"]["failed"], 1)

    def test_nothing_survives_a_rank(self):
        self.write("slow.yaml", SLOW)
        for ranks in (0, 2):
            with self.subTest(ranks=ranks):
                process = self.start("map", "slow.yaml", "--run-folder", f"run-{ranks}", ranks=ranks)
                workers = max(ranks, 1)
                # Each rank, its zygote and the child that computes; the launcher is not one of them.
                self.wait_until(lambda: len(children_of(process.pid)) + (ranks == 0) >= 3 * workers, "children")
                everything = [process.pid, *children_of(process.pid)]
                victim = process.pid if ranks == 0 else children_of(process.pid)[0]
                os.kill(victim, signal.SIGKILL)
                process.communicate(timeout=60)
                self.wait_until(lambda: not any(map(is_there, everything)), "the end of all processes")


if __name__ == "__main__":
    unittest.main()

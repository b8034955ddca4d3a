# SPDX-License-Identifier: BSD-3-Clause
"""Runs that go on when ranks are killed: the results are those of a run without that."""
import contextlib
import os
import re
import shutil
import signal
import unittest
from pathlib import Path

from support import AppTest, children_of

# A chain, values that vary in size, a shape that comes late, and two waves of reductions. Elements of y from `first` on
# wait for a file: whoever is killed before it is there is killed while it computes.
SWEEP = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: square_when, mapspec: "x[i] -> y[i]"}
  - {output: z, expr: "y + 0.5", mapspec: "y[i] -> z[i]"}
  - {output: word, plugin: libe2e_functions.so, function: word, mapspec: "k[i] -> word[i]"}
  - {output: late, expr: "arange(m) * y", mapspec: "y[i] -> late[i, t]"}
  - {output: total, expr: "sum(y)"}
  - {output: share, expr: "y / total", mapspec: "y[i] -> share[i]"}
inputs: {x: {arange: [0, 60, 1]}, k: {arange: [0, 60, 1]}, first: 60, file: "./go", m: 3}
map: {chunksizes: 2}
"""
OUTPUTS = ["y", "z", "word", "late", "total", "share"]
ELEMENTS = 60
BAD = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: crashes_at, mapspec: "x[i] -> y[i]"}
  - {output: z, expr: "y + 1", mapspec: "y[i] -> z[i]"}
inputs: {x: {arange: [0, 20, 1]}, bad: 7}
"""
RECOVERY = {"OMPI_MCA_orte_enable_recovery": "1"}  # as `mpirun --enable-recovery`


class Survive(AppTest):
    def start_run(self, ranks, *options, document="sweep.yaml"):
        """A run in a folder that no earlier one has: its status would be taken for that of the new one."""
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        (self.folder / "go").unlink(missing_ok=True)
        return self.start("map", document, "--run-folder", "run", "--survive", *options, ranks=ranks, env=RECOVERY)

    def ranks_of(self, process):
        """The processes of the ranks, by number."""
        ranks = {}
        for pid in children_of(process.pid):
            with contextlib.suppress(OSError):
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                number = re.search(rb"\0OMPI_COMM_WORLD_RANK=(\d+)\0", Path(f"/proc/{pid}/environ").read_bytes())
                if parent == process.pid and number:
                    ranks[int(number[1])] = pid
        return ranks

    def kill(self, pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def go(self):
        self.write("go", "")

    def wait_for(self, done):
        path = self.folder / "run" / "status.json"
        self.wait_until(lambda: path.exists() and self.status_file("run")["outputs"]["y"]["done"] >= done, f"{done} elements are done")

    def values(self, run):
        values = {}
        for output in OUTPUTS:
            self.app("show", run, output, "--npy", f"{output}.npy")
            values[output] = (self.folder / f"{output}.npy").read_bytes()
            os.remove(self.folder / f"{output}.npy")
        return values

    def undisturbed(self):
        self.write("sweep.yaml", SWEEP)
        self.app("map", "sweep.yaml", "--run-folder", "whole")
        return self.values("whole")

    def check(self, process, lost, expected):
        """The run has ended as one that lost nothing, and says whom it lost."""
        outcome = self.finish(process)
        self.assertEqual(outcome.code, 0, outcome)
        status = self.app("status", "run", "--json", "--exit-code").json
        self.assertEqual(status["state"], "completed", outcome)
        for rank in lost:
            self.assertIn(f"rank {rank} on ", status["message"], outcome)
        self.app("verify", "run")
        self.assertEqual(self.values("run"), expected, outcome)
        self.assertFalse((self.folder / "run" / "journal").exists(), outcome)
        return status

    def test_a_worker_is_killed(self):
        self.kill_workers(((3, 20, [2], []),))

    def test_workers_are_killed_at_several_moments(self):
        self.kill_workers(((3, 0, [1], []), (3, 20, [2], ["--storage", "file"]), (5, 30, [4, 2], []), (2, 10, [1], []), (3, ELEMENTS, [1], [])))

    def kill_workers(self, cases):
        """Ranks, the first element that waits, who is killed meanwhile, and options."""
        expected = self.undisturbed()
        for ranks, first, lost, options in cases:
            with self.subTest(ranks=ranks, first=first, lost=lost):
                process = self.start_run(ranks, "--set", f"first={first}", *options)
                self.wait_for(first)
                pids = self.ranks_of(process)
                for rank in lost:
                    if first < ELEMENTS or rank in pids:
                        self.kill(pids[rank])
                self.go()
                # In the last case nobody waits: a rank that is killed at the very end may have done its part.
                self.check(process, lost if first < ELEMENTS else [], expected)

    def test_when_rank_0_is_killed_the_others_leave_and_a_resume_goes_on(self):
        expected = self.undisturbed()
        process = self.start_run(3, "--set", "first=20")
        self.wait_for(20)
        pids = self.ranks_of(process)
        self.kill(pids[0])
        # They are in a function, which goes on for ever.
        self.wait_until(lambda: not {pids[1], pids[2]} & set(children_of(process.pid)), "the others are gone", seconds=10)
        outcome = self.finish(process)
        self.assertIn("rank 0 is lost (its process ended)", outcome.err, outcome)
        self.app("verify", "run")
        self.go()
        result = self.app("map", "sweep.yaml", "--run-folder", "run", "--resume", "--json", "--set", "first=20").json
        self.assertLessEqual(result["functions"]["y"]["calls"], ELEMENTS - 20)
        self.assertEqual(self.values("run"), expected)

    def test_an_element_that_kills_costs_two_ranks_and_itself(self):
        self.write("bad.yaml", BAD)
        outcome = self.finish(self.start_run(4, "--error-handling", "continue", document="bad.yaml"))
        status = self.app("status", "run", "--json", "--exit-code", expect=1).json
        self.assertEqual(status["state"], "completed", outcome)
        self.assertEqual(status["message"].count("was lost"), 2, status)
        shown = self.app("show", "run", "--json").json["outputs"]
        self.assertEqual(shown["y"]["data"], [None if x == 7 else 2 * x for x in range(20)])
        self.assertEqual((shown["y"]["failed"], shown["z"]["blocked"], shown["z"]["done"]), (1, 1, 19))
        self.app("verify", "run")
        told = self.app("errors", "run").out
        self.assertIn("2 ranks died", told)

    def test_an_element_that_kills_ends_a_run_that_stops_at_failures(self):
        self.write("bad.yaml", BAD)
        outcome = self.finish(self.start_run(4, document="bad.yaml"))
        status = self.app("status", "run", "--json", "--exit-code", expect=1).json
        self.assertEqual(status["state"], "failed", outcome)
        self.assertIn("2 ranks died", outcome.err, outcome)
        self.app("verify", "run")
        self.app("map", "bad.yaml", "--run-folder", "run", "--resume", "--set", "bad=-1", expect=3)

    def test_what_cannot_survive_is_refused(self):
        self.write("sweep.yaml", SWEEP)
        self.write("team.yaml", "mpipe: 1\nfunctions:\n  - {output: n, plugin: libe2e_functions.so, function: count_ranks}\ninputs: {x: 1}\n")
        self.write("runs.yaml", "mpipe: 1\nfunctions:\n  - {output: y, expr: \"x\"}\ninputs: {x: 1}\nruns: [{name: a}, {name: b}]\n")
        self.refused("map", "sweep.yaml", "--run-folder", "run", "--survive", ranks=2, words=["--survive", "mpirun --enable-recovery"])
        for arguments, words in ((("sweep.yaml",), ["run folder"]), (("sweep.yaml", "--run-folder", "run", "--storage", "y=memory"), ["'y'", "memory"]),
                                 (("runs.yaml", "--run-folder", "run"), ["several runs"])):
            with self.subTest(arguments=arguments):
                # Under this option mpirun returns 0 whatever the ranks do.
                self.refused("map", *arguments, "--survive", ranks=2, env=RECOVERY, code=0, words=words)
        self.refused("map", "team.yaml", "--run-folder", "run", "--survive", ranks=3, env=RECOVERY, code=0, words=["'n'", "communicator"])


if __name__ == "__main__":
    unittest.main()

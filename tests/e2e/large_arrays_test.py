# SPDX-License-Identifier: BSD-3-Clause
"""Arrays that are larger than the memory a run may take for them."""
import hashlib
import os
import time
import unittest

from support import AppTest, children_of

MB = 1 << 20
# An array of 96 MB between two stages, which read it along both of its axes.
SWEEP = """
mpipe: 1
functions:
  - {output: z, expr: "sin(x) * y", mapspec: "x[i], y[j] -> z[i, j]"}
  - {output: rows, expr: "sum(z)", mapspec: "z[i, :] -> rows[i]"}
  - {output: columns, expr: "sum(z)", mapspec: "z[:, j] -> columns[j]"}
inputs:
  x: {linspace: [0, 1, 6000]}
  y: {linspace: [0, 1, 2000]}
"""


SLOW = """  - {output: slow, plugin: libe2e_functions.so, function: slow_square, mapspec: "rows[i] -> slow[i]", parameters: [rows, seconds]}
"""


class LargeArrays(AppTest):
    def setUp(self):
        super().setUp()
        self.write("sweep.yaml", SWEEP)

    def values(self, run):
        """Checksums of the values of all outputs, as other programs get them."""
        sums = {}
        for output in ("z", "rows", "columns"):
            self.app("show", run, output, "--npy", f"{output}.npy")
            sums[output] = hashlib.sha256((self.folder / f"{output}.npy").read_bytes()).hexdigest()
            (self.folder / f"{output}.npy").unlink()
        return sums

    @staticmethod
    def memory_of(pids):
        """The memory of processes that no file backs, in bytes: the most that one of them has, and what they share."""
        own, shared = 0, 0
        for pid in pids:
            try:
                with open(f"/proc/{pid}/status", encoding="ascii") as status:
                    fields = dict(line.split(":", 1) for line in status)
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields.get("Name", "").strip() != "pipeline_app" or "RssAnon" not in fields:
                continue
            own = max(own, 1024 * int(fields["RssAnon"].split()[0]))
            shared = max(shared, 1024 * int(fields["RssShmem"].split()[0]))
        return own, shared

    def map_watched(self, run, ranks, budget, *options):
        """Runs, and checks the memory that is seen meanwhile against a budget of arrays."""
        process = self.start("map", "sweep.yaml", "--run-folder", run, "--progress", "none", "--memory", f"{budget}MiB",
                             *options, ranks=ranks)
        own, shared = 0, 0
        while process.poll() is None:
            seen = self.memory_of([process.pid, *children_of(process.pid)])
            own, shared = max(own, seen[0]), max(shared, seen[1])
            time.sleep(0.005)
        self.assertEqual(self.finish(process).code, 0)
        # MPI shares some megabytes, too; and what a process has of its own does not grow with the arrays.
        self.assertLess(shared, (budget + 20) * MB)
        self.assertLess(own, 50 * MB)

    def test_the_budget_holds_and_the_values_are_the_same(self):
        self.app("map", "sweep.yaml", "--run-folder", "free")
        expected = self.values("free")
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                run = f"tight-{ranks}"
                self.map_watched(run, ranks, 40)
                self.assertEqual(self.values(run), expected)
                self.assertEqual(self.app("verify", run).code, 0)

    def test_a_run_that_was_killed_goes_on(self):
        self.app("map", "sweep.yaml", "--run-folder", "free")
        expected = self.values("free")
        process = self.start("map", "sweep.yaml", "--run-folder", "run", "--memory", "20MiB", ranks=2)
        results = self.folder / "run" / "results.extents"
        self.wait_until(lambda: process.poll() is not None or (results.exists() and results.stat().st_size > 0),
                        "something stored", seconds=120)
        self.kill_9(process)
        self.app("map", "sweep.yaml", "--run-folder", "run", "--memory", "20MiB", "--resume", ranks=3)
        self.assertEqual(self.values("run"), expected)
        # All is stored, and nobody looks at it: the values are not read again.
        self.map_watched("run", 2, 20, "--resume")

    def test_a_file_that_is_cut_ends_the_run_and_no_rank(self):
        self.write("slow.yaml", SWEEP.replace("inputs:", SLOW + "inputs:") + "  seconds: 0.01\n")
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                run = f"cut-{ranks}"
                # Rows are read while others are computed, from memory; those of an earlier start are read from the file.
                self.app("map", "slow.yaml", "--run-folder", run, "--output", "z", ranks=ranks)
                process = self.start("map", "slow.yaml", "--run-folder", run, "--resume", "--output", "slow", "--memory",
                                     "40MiB", "--chunksizes", "slow=1", ranks=ranks)
                self.wait_until(lambda: self.done(run, "slow") > 0, "a row that was read", seconds=120)
                os.truncate(self.folder / run / "results.h5", 10 * MB)
                outcome = self.finish(process)
                self.assertEqual(outcome.code, 4, outcome)
                self.assertIn("somebody cut or replaced it", outcome.err)

    def done(self, run, output):
        """Elements that are done, by the status file, which is replaced as a whole; that of an earlier start lacks the output."""
        try:
            return self.status_file(run)["outputs"].get(output, {"done": 0})["done"]
        except FileNotFoundError:
            return 0

    def test_what_must_be_in_memory_is_refused(self):
        for options in ((), ("--run-folder", "run", "--storage", "memory")):
            self.refused("map", "sweep.yaml", "--memory", "50MB", *options,
                         words=["'z' take 96.0 MB", "--memory", "--run-folder" if not options else "hdf5"][:2])
        self.app("map", "sweep.yaml", "--memory", "50MB", "--output", "rows", "--fixed", "i=0:100")

    def test_sizes(self):
        self.refused("map", "sweep.yaml", "--memory", "lots", words=["memory", "lots"])
        self.write("own.yaml", SWEEP + "map: {memory: 50MB}\n")
        self.refused("map", "own.yaml", words=["50.0 MB"])


if __name__ == "__main__":
    unittest.main()

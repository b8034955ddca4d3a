# SPDX-License-Identifier: BSD-3-Clause
"""Sweeps in parts: map --shard, and merge."""
import json
import shutil
import signal
import unittest

import h5py
import numpy

from results import stored
from support import GRID, AppTest

# Every kind of value and storage, reductions, a length that shows while the run goes on, and what fails.
KINDS = """
mpipe: 1
functions:
  - {output: z, expr: "x * 10 + y + normal()", mapspec: "x[i], y[j] -> z[i, j]"}
  - {output: turned, expr: "z / 3", mapspec: "z[i, j] -> turned[j, i]"}
  - {output: field, expr: "linspace(x, y, 5)", mapspec: "x[i], y[j] -> field[i, j, k]", internal_shape: 5}
  - {output: kept, expr: "z + 1", mapspec: "z[i, j] -> kept[i, j]"}
  - {output: files, expr: "linspace(x, 1, 3)", mapspec: "x[i] -> files[i, m]", internal_shape: 3}
  - {output: word, plugin: libe2e_functions.so, function: word, mapspec: "n[p] -> word[p]", renames: {k: n}}
  - {output: g, expr: "arange(7)", mapspec: "... -> g[q]"}
  - {output: late, expr: "g ^ 2", mapspec: "g[q] -> late[q]"}
  - {output: bad, expr: "fail_if(x > 3.5, x)", mapspec: "x[i] -> bad[i]"}
  - {output: worse, expr: "bad + 1", mapspec: "bad[i] -> worse[i]"}
  - {output: total, expr: "sum(z)", mapspec: "z[i, :] -> total[i]"}
  - {output: all_of_it, expr: "sum(total) + sum(late)"}
inputs:
  x: [1, 2, 3, 4, 5]
  y: {linspace: [0, 1, 7]}
  n: {arange: [0, 11, 1]}
map: {storage: {"": hdf5, kept: memory, files: file}, error_handling: continue, seed: 7}
"""


class Shards(AppTest):
    def shards(self, document, count, ranks=0, expect=0):
        for number in range(1, count + 1):
            self.app("map", document, "--shard", f"{number}/{count}", "--run-folder", f"parts/{number}", ranks=ranks,
                     expect=expect if isinstance(expect, int) else None)
        return [f"parts/{number}" for number in range(1, count + 1)]

    def description(self, run):
        return json.loads((self.folder / run / "run.json").read_text())

    def test_parts_are_disjoint_and_what_needs_several_waits(self):
        self.write("grid.yaml", GRID)
        done = []
        for number in (1, 2, 3, 4):
            outcome = self.app("map", "grid.yaml", "--shard", f"{number}/4", "--run-folder", f"parts/{number}", "--json")
            outputs = outcome.json["outputs"]
            self.assertEqual(outcome.json["state"], "completed")
            self.assertIn(f"shard {number} of 4; waiting for the merge: total, top", outcome.err)
            self.assertEqual([outputs[name]["done"] for name in ("total", "top")], [0, 0])
            self.assertEqual(self.description(f"parts/{number}")["shard"], f"{number}/4")
            with h5py.File(self.folder / f"parts/{number}/results.h5") as file:
                done.append(set(numpy.flatnonzero(file["z__status"][()])))
            self.app("verify", f"parts/{number}")
        self.assertEqual([len(part) for part in done], [4, 4, 4, 3])
        self.assertEqual(set().union(*done), set(range(15)))

    def test_a_folder_stays_that_of_its_shard(self):
        self.write("grid.yaml", GRID)
        base = ("map", "grid.yaml", "--run-folder", "run")
        self.app(*base, "--shard", "1/2")
        self.app(*base, "--shard", "1/2", "--resume")
        self.refused(*base, "--shard", "2/2", "--resume", code=3, words=["shard", "1/2", "2/2", "a folder of its own"])
        # Without a shard it becomes all of the sweep, and no part of it any more.
        self.assertEqual(self.app(*base, "--resume", "--json").json["functions"]["z"]["calls"], 7)
        self.assertIsNone(self.description("run")["shard"])
        self.refused(*base, "--shard", "1/2", "--resume", code=3, words=["all of it"])
        for wrong in ("0/2", "3/2", "1", "a/b", "1/", "/2", "1/2/3", "-1/2", "1/9999999"):
            self.refused("map", "grid.yaml", f"--shard={wrong}", words=["--shard", "K of N"])

    def test_a_plan_counts_the_elements_of_the_shard(self):
        self.write("grid.yaml", GRID)
        stages = self.app("map", "grid.yaml", "--shard", "2/2", "--dry-run", "--json").json["stages"]
        self.assertEqual([stage["elements"] for stage in stages], [7, 0, 0])

    def test_merged_results_are_the_bytes_of_one_run(self):
        self.write("kinds.yaml", KINDS)
        self.app("map", "kinds.yaml", "--run-folder", "whole", expect=1)
        for count, ranks in ((3, 0), (2, 2)):
            with self.subTest(count=count, ranks=ranks):
                runs = self.shards("kinds.yaml", count, ranks, expect=None)
                merged = self.app("merge", *runs, "--into", "merged")
                self.assertIn("still to be computed, by map --run-folder merged --resume: total (5 elements), all_of_it",
                              merged.out)
                self.app("verify", "merged")
                status = self.app("status", "merged", "--json").json
                self.assertEqual((status["state"], status["exit_code"]), ("drained", 75))
                resumed = self.app("map", "kinds.yaml", "--run-folder", "merged", "--resume", "--json", ranks=ranks, expect=1).json
                calls = {name: function["calls"] for name, function in resumed["functions"].items() if function["calls"]}
                self.assertEqual(calls, {"total": 5, "all_of_it": 1})
                self.app("verify", "merged")
                self.assertEqual(stored(self.folder / "merged"), stored(self.folder / "whole"))
                for folder in ("parts", "merged"):
                    shutil.rmtree(self.folder / folder)

    def test_stopped_shards_merge_and_go_on(self):
        self.write("slow.yaml", "functions:\n"
                   "  - {output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: 'x[i] -> y[i]'}\n"
                   "  - {output: total, expr: sum(y)}\n"
                   "inputs: {x: {arange: [0, 40, 1]}, seconds: 0.5}\n")
        fast = ("--executor", "threads:40")
        self.app("map", "slow.yaml", "--run-folder", "whole", *fast)
        self.app("map", "slow.yaml", "--shard", "1/2", "--run-folder", "parts/1", *fast)
        process = self.start("map", "slow.yaml", "--shard", "2/2", "--run-folder", "parts/2", "--chunksizes", "1")
        self.wait_until(lambda: any(self.folder.glob("parts/2/status.json"))
                        and self.status_file("parts/2")["outputs"]["y"]["done"] > 0, "an element is done")
        self.refused_while_running("parts/1", "parts/2")
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(self.finish(process).code, 75)
        self.app("merge", "parts/1", "parts/2", "--into", "merged")
        kept = self.app("status", "merged", "--json").json["outputs"]["y"]["done"]
        self.assertTrue(20 < kept < 40, kept)
        # The rest of the shard comes later, into the same run.
        self.app("map", "slow.yaml", "--shard", "2/2", "--run-folder", "parts/2", "--resume", *fast)
        self.assertIn(f": {40 - kept} elements", self.app("merge", "parts/1", "parts/2", "--into", "merged", "--resume").out)
        result = self.app("map", "slow.yaml", "--run-folder", "merged", "--resume", "--json").json
        self.assertEqual((result["functions"]["y"]["calls"], result["functions"]["total"]["calls"]), (0, 1))
        self.assertEqual(stored(self.folder / "merged"), stored(self.folder / "whole"))

    def refused_while_running(self, *runs):
        outcome = self.app("merge", *runs, "--into", "merged", expect=3)
        self.assertIn("is running", outcome.err)
        self.assertFalse((self.folder / "merged").exists())


class Merge(AppTest):
    def make(self, run, document="grid.yaml", *options):
        self.app("map", document, "--run-folder", run, *options)

    def setUp(self):
        super().setUp()
        self.write("grid.yaml", GRID)
        for number in (1, 2):
            self.make(f"parts/{number}", "grid.yaml", "--shard", f"{number}/2")

    def test_refuses_runs_that_do_not_belong_together(self):
        self.make("inputs", "grid.yaml", "--set", "x=[1, 2, 4]")
        self.make("seed", "grid.yaml", "--seed", "3")
        self.write("other.yaml", GRID.replace("x * 10", "x * 11"))
        self.make("expr", "other.yaml")
        for run, words in (("inputs", ["the value of input 'x' (taken by 'z')", "[1, 2, 3] in 'parts/1'", "in 'inputs' [1, 2, 4]"]),
                           ("seed", ["the seed is 0 in 'parts/1', and in 'seed' 3"]),
                           ("expr", ["the expr of function 'z'", "x * 11"])):
            self.refused("merge", "parts/1", "parts/2", run, "--into", "merged", code=3, words=["cannot merge", *words])
        self.refused("merge", "parts/1", "nothing", "--into", "merged", code=3, words=["'nothing' does not exist"])
        self.refused("merge", "parts/1", "parts/2", "--into", "parts/2", words=["one of the runs"])

    def test_refuses_to_copy_damage(self):
        path = self.folder / "parts/2/results.h5"
        with h5py.File(path, "r+") as file:
            file["z"][2, 4] = 1000
        self.refused("merge", "parts/1", "parts/2", "--into", "merged", code=4, words=["'parts/2' cannot be merged", "match no checksum", "--resume"])

    def test_refuses_other_values_of_one_element(self):
        # As of a function that does not depend on its arguments alone.
        self.write("draw.yaml", "functions: [{output: y, command: [date, '+%N'], returns: number, mapspec: 'x[i] -> y[i]', parameters: [x]}]\n"
                   "inputs: {x: [1, 2]}\n")
        self.make("one", "draw.yaml")
        self.make("two", "draw.yaml")
        self.refused("merge", "one", "two", "--into", "merged", code=4, words=["element 0 of 'y'", "'one'", "'two'"])
        self.app("merge", "one", "one", "--into", "merged")

    def test_never_loses_what_is_there(self):
        self.make("merged", "grid.yaml", "--set", "x=[7]")
        before = stored(self.folder / "merged")
        self.refused("merge", "parts/1", "parts/2", "--into", "merged", code=3, words=["already has a run"])
        self.refused("merge", "parts/1", "parts/2", "--into", "merged", "--resume", code=3, words=["the shape of input 'x'"])
        self.refused("merge", "parts/1", "nothing", "--into", "merged", "--overwrite", code=3)
        self.assertEqual(stored(self.folder / "merged"), before)
        self.app("merge", "parts/1", "parts/2", "--into", "merged", "--overwrite")
        self.app("verify", "merged")
        self.app("map", "grid.yaml", "--run-folder", "merged", "--resume")
        self.assertEqual(self.app("status", "merged", "--json").json["state"], "completed")
        # Nothing is missing now, and nothing is left to be merged.
        self.assertIn(": 0 elements", self.app("merge", "parts/1", "--into", "merged", "--resume").out)
        self.assertEqual(self.app("status", "merged", "--json").json["state"], "completed")

    def test_killed_half_way_it_begins_again(self):
        self.write("large.yaml", "functions:\n  - {output: y, expr: 'x + linspace(0, 1, 30000)', mapspec: 'x[i] -> y[i, k]', internal_shape: 30000}\n"
                   "inputs: {x: {arange: [0, 200, 1]}}\n")
        for number in (1, 2):
            self.make(f"large/{number}", "large.yaml", "--shard", f"{number}/2")
        before = [stored(self.folder / f"large/{number}") for number in (1, 2)]
        process = self.start("merge", "large/1", "large/2", "--into", "merged")
        self.wait_until(lambda: (self.folder / "merged/run.json").exists(), "the merge has begun")
        self.kill_9(process)
        self.assertEqual([stored(self.folder / f"large/{number}") for number in (1, 2)], before)
        self.app("merge", "large/1", "large/2", "--into", "merged", "--resume")
        self.app("verify", "merged")
        self.make("whole", "large.yaml")
        self.assertEqual(stored(self.folder / "merged"), stored(self.folder / "whole"))


if __name__ == "__main__":
    unittest.main()

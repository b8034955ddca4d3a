# SPDX-License-Identifier: BSD-3-Clause
"""A sweep that grows: map --reuse takes from earlier runs what has equal functions and arguments."""
import json
import shutil
import unittest

import h5py

from results import stored
from support import GRID, AppTest

# Every kind of value and storage, reductions along each axis, and lengths that show while the run goes on.
KINDS = """
mpipe: 1
functions:
  - {output: z, expr: "x * 10 + y", mapspec: "x[i], y[j] -> z[i, j]"}
  - {output: kept, expr: "z + 1", mapspec: "z[i, j] -> kept[i, j]"}
  - {output: field, expr: "linspace(x, y, 5)", mapspec: "x[i], y[j] -> field[i, j, k]", internal_shape: 5}
  - {output: files, expr: "linspace(x, 1, 3)", mapspec: "x[i] -> files[i, m]", internal_shape: 3}
  - {output: word, plugin: libe2e_functions.so, function: word, mapspec: "n[p] -> word[p]", renames: {k: n}}
  - {output: pair, plugin: libe2e_functions.so, function: make_pair, mapspec: "n[p] -> pair[p]", renames: {k: n}}
  - {output: late, expr: "linspace(x, 1, 4)", mapspec: "x[i] -> late[i, q]"}
  - {output: later, expr: "late * 2", mapspec: "late[i, q] -> later[i, q]"}
  - {output: rows, expr: "sum(z)", mapspec: "z[i, :] -> rows[i]"}
  - {output: columns, expr: "sum(z)", mapspec: "z[:, j] -> columns[j]"}
  - {output: all_of_it, expr: "sum(rows)"}
inputs:
  x: [1.0, 2.0, 3.0]
  y: {linspace: [0, 1, 4]}
  n: {arange: [0, 5, 1]}
map: {storage: {"": hdf5, kept: memory, files: file}}
"""
ZIP = """
mpipe: 1
functions:
  - {output: z, expr: "a * 10 + b", mapspec: "a[i], b[i] -> z[i]"}
inputs: {a: [1.0, 2.0, 3.0], b: [4.0, 5.0, 6.0]}
"""
RANDOM = """
mpipe: 1
functions:
  - {output: z, expr: "x + normal()", mapspec: "x[i] -> z[i]"}
  - {output: w, expr: "2 * z", mapspec: "z[i] -> w[i]"}
inputs: {x: [1.0, 2.0, 3.0]}
"""


class Reuse(AppTest):
    def grow(self, document, *options, old=("old",), ranks=0):
        """The run `new`, which has what the same run without --reuse has. Returns how many calls each function made."""
        self.write("new.yaml", document)
        arguments = [text for run in old for text in ("--reuse", run)]
        outcome = self.app("map", "new.yaml", "--run-folder", "new", "--overwrite", "--json", *arguments, *options,
                           ranks=ranks)
        self.app("map", "new.yaml", "--run-folder", "alone", "--overwrite", *options)
        self.assertEqual(stored(self.folder / "new"), stored(self.folder / "alone"))
        self.app("verify", "new")
        self.told = outcome.err
        return {name: function["calls"] for name, function in outcome.json["functions"].items()}

    def begin(self, document, folder="old", *options):
        self.write("old.yaml", document)
        self.app("map", "old.yaml", "--run-folder", folder, *options)

    def test_what_is_new_is_computed_on_any_number_of_ranks(self):
        self.begin(KINDS)
        more = KINDS.replace("[1.0, 2.0, 3.0]", "[0.5, 1.0, 1.5, 2.0, 3.0]").replace("[0, 5, 1]", "[0, 7, 1]")
        for ranks in (0, 2, 3):
            calls = self.grow(more, ranks=ranks)
            self.assertEqual(calls, {"z": 8, "kept": 8, "field": 8, "files": 2, "word": 2, "pair": 2, "late": 2,
                                     "later": 8, "rows": 2, "columns": 4, "all_of_it": 1}, f"{ranks} ranks")
        self.assertIn("'z': 12 of 20 elements are taken from earlier runs, 8 are not; 12 from", self.told)
        self.assertIn("'columns': 0 of 4 elements are taken from earlier runs, 4 are not; none from", self.told)
        reused = json.loads((self.folder / "new" / "run.json").read_text())["reused"]
        self.assertEqual([(entry["folder"], entry["outputs"]["z"], entry["outputs"].get("columns")) for entry in reused],
                         [(str(self.folder / "old"), 12, None)])

    def test_other_axis_orders_more_outputs_and_equal_runs_cost_nothing(self):
        self.begin(GRID)
        self.assertEqual(self.grow(GRID), {"z": 0, "total": 0, "top": 0})
        other = GRID.replace("z[i, j]", "z[j, i]").replace("z[i, :]", "z[:, i]")
        self.assertEqual(self.grow(other), {"z": 0, "total": 0, "top": 0})
        more = GRID.replace("inputs:", '  - {output: twice, expr: "2 * z", mapspec: "z[i, j] -> twice[i, j]"}\ninputs:')
        self.assertEqual(self.grow(more), {"z": 0, "total": 0, "top": 0, "twice": 15})

    def test_what_differs_is_said(self):
        self.begin(GRID)
        self.assertEqual(self.grow(GRID.replace("x * 10", "x * 11")), {"z": 15, "total": 3, "top": 1})
        self.assertRegex(self.told, r"'z': 0 of 15 .*: the expr is .*10.* there, and .*11.* here")
        self.assertRegex(self.told, r"'total': 0 of 3 .*: it takes 'z', of which that run has nothing equal")
        # Numbers of another type are other values.
        self.assertEqual(self.grow(GRID.replace("[1, 2, 3]", "[1.0, 2.0, 3.0]"))["z"], 15)
        self.assertRegex(self.told, r"the input 'x' is \[1, 2, 3\] \(int64, .*\) there, and .*float64.* here")
        # Of one library, another function.
        plugin = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]", bound: {seconds: 0.0}}
inputs: {x: [1.0, 2.0]}
"""
        self.begin(plugin, "square")
        self.assertEqual(self.grow(plugin, old=["square"]), {"y": 0})
        self.assertEqual(self.grow(plugin.replace("slow_square", "square_elsewhere"), old=["square"]), {"y": 2})
        self.assertRegex(self.told, "the function is .*slow_square.* there, and .*square_elsewhere.* here")

    def test_commands_are_known_by_their_words(self):
        command = """
mpipe: 1
functions:
  - {output: y, command: [echo, "1{x}"], returns: number, mapspec: "x[i] -> y[i]"}
inputs: {x: [1, 2]}
"""
        self.begin(command)
        self.assertEqual(self.grow(command.replace("[1, 2]", "[1, 2, 3]")), {"y": 1})
        other = command.replace("1{x}", "2{x}")
        self.assertEqual(self.grow(other), {"y": 2})
        self.assertRegex(self.told, "the command is .*1{x}.* there, and .*2{x}.* here")
        self.refused("map", "new.yaml", "--run-folder", "old", "--resume", code=3, words=["1{x}", "2{x}", "command", "--redo y"])

    def test_zipped_arguments_and_several_earlier_runs(self):
        self.begin(ZIP)
        self.begin(ZIP.replace("[1.0, 2.0, 3.0]", "[1.0, 7.0]").replace("[4.0, 5.0, 6.0]", "[4.0, 8.0]"), "other")
        grown = ZIP.replace("[1.0, 2.0, 3.0]", "[7.0, 2.0, 1.0, 3.0, 1.0]").replace("[4.0, 5.0, 6.0]",
                                                                                    "[8.0, 5.0, 4.0, 4.0, 6.0]")
        self.assertEqual(self.grow(grown, old=["old", "other"]), {"z": 2})
        self.assertRegex(self.told, r"3 of 5 elements .*; 2 from '.*old'; 1 from '.*other'")
        self.assertEqual(self.grow(grown, old=["other"]), {"z": 3})

    def test_random_numbers_belong_to_places(self):
        self.begin(RANDOM)
        self.assertEqual(self.grow(RANDOM.replace("3.0]", "3.0, 4.0]")), {"z": 1, "w": 1})
        self.assertEqual(self.grow(RANDOM.replace("2.0, 3.0]", "1.5, 2.0, 3.0]")), {"z": 3, "w": 3})
        self.assertEqual(self.grow(RANDOM, "--seed", "1"), {"z": 3, "w": 3})
        self.assertIn("the seed is 0 there, and 1 here", self.told)

    def test_what_failed_or_was_damaged_is_computed(self):
        failing = GRID.replace('"x * 10 + y"', '"fail_if(x > 2.5, x) + y"')
        self.write("old.yaml", failing)
        self.app("map", "old.yaml", "--run-folder", "old", "--error-handling", "continue", expect=1)
        calls = self.grow(failing.replace("[1, 2, 3]", "[1, 2]"))
        self.assertEqual(calls, {"z": 0, "total": 0, "top": 1})
        self.write("new.yaml", failing)
        again = self.app("map", "new.yaml", "--run-folder", "failed", "--reuse", "old", "--json", "--error-handling",
                         "continue", expect=1)
        self.assertEqual(again.json["functions"]["z"]["calls"], 5)
        self.assertEqual(again.json["outputs"]["z"]["failed"], 5)
        self.begin(GRID, "damaged")
        with h5py.File(self.folder / "damaged" / "results.h5") as file:
            place = file["z"].id.get_offset() + 8
        with open(self.folder / "damaged" / "results.h5", "r+b") as file:
            file.seek(place)
            file.write(b"damaged!")
        self.assertGreaterEqual(self.grow(GRID, old=["damaged"])["z"], 1)

    def test_a_plan_tells_what_would_be_taken(self):
        self.begin(GRID)
        self.write("new.yaml", GRID.replace("[1, 2, 3]", "[1, 5, 2, 3]"))
        before = self.tree()
        plan = self.app("map", "new.yaml", "--run-folder", "new", "--reuse", "old", "--dry-run", "--json").json["reuse"]
        self.assertEqual({name: (output["elements"], output["taken"]) for name, output in plan.items()},
                         {"z": (20, 15), "total": (4, 3), "top": (1, 0)})
        self.assertEqual(plan["z"]["from"], [{"folder": str(self.folder / "old"), "elements": 15, "why_not": None}])
        self.assertIn("no element has equal arguments", plan["top"]["from"][0]["why_not"])
        text = self.app("map", "new.yaml", "--run-folder", "new", "--reuse", "old", "--dry-run").out
        self.assertIn("'z': 15 of 20 elements are taken from earlier runs, 5 are not; 15 from", text)
        self.assertEqual(self.tree(), before)

    def test_the_earlier_run_is_not_needed_any_more(self):
        self.begin(GRID)
        self.write("new.yaml", GRID.replace("[1, 2, 3]", "[1, 5, 2, 3]"))
        base = ("map", "new.yaml", "--run-folder", "new", "--json")
        calls = self.app(*base, "--reuse", "old", "--fixed", "i=0:2", "--output", "z", "total").json["functions"]
        self.assertEqual(calls["z"]["calls"], 5)
        # A script that always says --reuse adds what is missing.
        calls = self.app(*base, "--reuse", "old", "--fixed", "i=0:3", "--output", "z", "total",
                         "--resume").json["functions"]
        self.assertEqual(calls["z"]["calls"], 0)
        shutil.rmtree(self.folder / "old")
        calls = self.app(*base, "--resume").json["functions"]
        self.assertEqual(calls["z"]["calls"], 5)
        self.app("map", "new.yaml", "--run-folder", "alone")
        self.assertEqual(stored(self.folder / "new"), stored(self.folder / "alone"))
        taken = [entry["outputs"]["z"] for entry in json.loads((self.folder / "new" / "run.json").read_text())["reused"]]
        self.assertEqual(taken, [5, 5])

    def test_refusals(self):
        self.begin(GRID)
        base = ("map", "old.yaml", "--reuse", "old")
        self.refused(*base, words=["reuse", "--run-folder"])
        self.refused(*base, "--run-folder", "old", "--overwrite", words=["cannot take from itself"])
        self.refused(*base, "--run-folder", "new", "--resume", "--redo", "z", words=["redo", "reuse"])
        self.refused("map", "old.yaml", "--reuse", "nothing", "--run-folder", "new", code=3, words=["nothing", "does not exist"])
        slow = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]", bound: {seconds: 30.0}}
inputs: {x: [1.0]}
"""
        self.write("slow.yaml", slow)
        self.start("map", "slow.yaml", "--run-folder", "slow")
        self.wait_until(lambda: (self.folder / "slow" / "status.json").exists(), "a run begins")
        outcome = self.app("map", "old.yaml", "--run-folder", "new", "--reuse", "slow", expect=3)
        self.assertIn("is running", outcome.err)
        self.assertFalse((self.folder / "new").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)

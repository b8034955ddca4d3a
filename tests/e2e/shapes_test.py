# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of their own length per element, and shapes that show while running, as users and their tools see them."""
import unittest
import warnings

import numpy as np
import xarray

from support import AppTest

RANKS = (0, 1, 2, 3)
DOCUMENT = """
mpipe: 1
functions:
  - {output: row, expr: "arange(n) + n", mapspec: "n[i] -> row[i]"}
  - {output: total, expr: "sum(row)", mapspec: "row[i] -> total[i]"}
  - {output: table, expr: "arange(m) * 2"}
  - {output: grid, expr: "arange(m) + x", mapspec: "x[j] -> grid[k, j]", internal_shape: "?"}
inputs: {n: [0, 3, 1, 2], m: 3, x: [10, 20]}
"""
ROWS = [[], [3.0, 4.0, 5.0], [1.0], [2.0, 3.0]]


class Shapes(AppTest):
    def setUp(self):
        super().setUp()
        self.write("ragged.yaml", DOCUMENT)

    def check(self, outputs):
        self.assertEqual(outputs["row"]["data"], ROWS)
        self.assertEqual((outputs["row"]["dims"], outputs["row"]["shape"], outputs["row"]["dtype"]), (["i"], [4], "object"))
        self.assertEqual(outputs["total"]["data"], [0.0, 12.0, 1.0, 5.0])
        self.assertEqual(outputs["table"]["data"], [0.0, 2.0, 4.0])
        self.assertEqual(outputs["grid"]["data"], [[10.0, 20.0], [11.0, 21.0], [12.0, 22.0]])

    def test_are_the_same_everywhere(self):
        for ranks in RANKS:
            run = f"run{ranks}"
            self.check(self.app("map", "ragged.yaml", "--json", ranks=ranks).json["outputs"])
            self.app("map", "ragged.yaml", "--run-folder", run, "--fixed", "i=1", ranks=ranks)
            part = self.app("show", run, "row", "--json").json["outputs"]["row"]
            self.assertEqual(part["data"], [None, ROWS[1], None, None])
            self.app("verify", run)
            self.check(self.app("map", "ragged.yaml", "--run-folder", run, "--resume", "--json", ranks=ranks).json["outputs"])
            self.check(self.app("show", run, "--json").json["outputs"])
            self.app("verify", run)

    def test_are_ragged_arrays_to_other_programs(self):
        self.app("map", "ragged.yaml", "--run-folder", "run", ranks=2)
        for engine in ("h5netcdf", "netcdf4"):
            with warnings.catch_warnings():
                warnings.simplefilter("error", xarray.SerializationWarning)
                data = xarray.open_dataset(self.folder / "run" / "results.h5", engine=engine)
            with data:
                counts = data["row__count"]
                self.assertEqual(counts.dims, ("i",))
                np.testing.assert_array_equal(counts.values, [0, 3, 1, 2])
                self.assertEqual(data["row"].dims, (counts.attrs["sample_dimension"],))
                np.testing.assert_array_equal(data["row"].values, sum(ROWS, []))
                self.assertEqual(data["grid"].dims, ("k", "j"))
                self.assertEqual(data["table"].dims, ("table_dim0",))

    def fails(self, document, ranks, words):
        outcome = self.app("map", document, ranks=ranks, expect=1)
        for word in words:
            self.assertIn(word, outcome.err, outcome)

    def test_a_length_that_differs_is_told(self):
        self.write("wrong.yaml", DOCUMENT.replace("n[i] -> row[i]", "n[i] -> row[i, u]").replace(
            "sum(row)", "row").replace("row[i] -> total[i]", "row[i, u] -> total[i, u]"))
        for ranks in RANKS:
            self.fails("wrong.yaml", ranks, ["'row'", "shape"])

    def test_the_element_that_differs_is_named(self):
        self.write("wrong.yaml", """
functions: [{output: x, expr: "arange(n)", mapspec: "n[i] -> x[i, k]"}]
inputs: {n: [2, 2, 2, 3, 2, 2]}
map: {chunksizes: 1}
""")
        for ranks in (0, 3):
            outcome = self.app("map", "wrong.yaml", ranks=ranks, expect=1)
            self.assertRegex(outcome.err, r"'x' failed at x\[\d\]: .*shape \([23],\).*called with n=[23]; on rank \d, \w")

    def test_outputs_of_one_call_have_equal_axes(self):
        self.write("wrong.yaml", """
functions: [{output: [p, q], expr: ["arange(2)", "arange(n)"], mapspec: "n[i] -> p[i, k], q[i, k]"}]
inputs: {n: [2, 3, 2]}
""")
        self.fails("wrong.yaml", 0, ["at p[1]", "(2,) for 'p' and (3,) for 'q'", "called with n=3"])
        result = self.app("map", "wrong.yaml", "--error-handling", "continue", "--json", expect=1).json
        self.assertEqual(result["outputs"]["q"]["data"], [[0, 1], [None, None], [0, 1]])

    def test_a_zip_that_turns_out_wrong_is_a_failure(self):
        self.write("zip.yaml", """
functions:
  - {output: g, expr: "arange(n)", mapspec: "... -> g[j]"}
  - {output: z, expr: "g + b", mapspec: "g[j], b[j] -> z[j]"}
  - {output: s, expr: "sum(z)"}
  - {output: t, expr: "sum(g)"}
inputs: {n: 3, b: [1, 2, 3, 4]}
""")
        for ranks in (0, 2):
            self.fails("zip.yaml", ranks, ["function 'z' failed: ", "'g' has 3", "'b' has 4"])
            result = self.app("map", "zip.yaml", "--error-handling", "continue", "--json", "--run-folder", f"run{ranks}",
                              ranks=ranks, expect=1).json
            self.assertEqual(result["state"], "completed")
            self.assertEqual(result["outputs"]["t"]["data"], 3)
            self.assertEqual([result["outputs"][name][kind] for name, kind in (("z", "failed"), ("s", "blocked"))], [4, 1])
            self.assertEqual([error["output"] for error in result["errors"]], ["z"])
            self.app("map", "zip.yaml", "--error-handling", "continue", "--resume", "--run-folder", f"run{ranks}", expect=1)

    def test_a_selection_that_turns_out_wrong_ends_all_ranks(self):
        self.write("late.yaml", """
functions:
  - {output: g, expr: "arange(n)", mapspec: "... -> g[j]"}
  - {output: z, expr: "g + 1", mapspec: "g[j] -> z[j]"}
inputs: {n: 3}
""")
        for ranks in (0, 2, 3):
            outcome = self.app("map", "late.yaml", "--fixed", "j=5", ranks=ranks, expect=2)
            self.assertIn("the position 5 along 'j' is out of bounds", outcome.err)

    def test_a_declared_one_is_held_to(self):
        self.write("wrong.yaml", DOCUMENT.replace('"?"', "4"))
        for ranks in (0, 2):
            self.fails("wrong.yaml", ranks, ["'grid'", "(3,)", "(4,)"])
        self.write("wrong.yaml", DOCUMENT.replace('"?"', "[3, 3]"))
        self.refused("map", "wrong.yaml", code=2, words=["grid", "too long"])


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: BSD-3-Clause
"""Files of inputs that change while a run reads them, results that become inputs, and what other tools make of results."""
import os
import struct
import unittest

from support import AppTest

try:
    import netCDF4
    import xarray
except ImportError:
    netCDF4 = None

CHANGED = """
mpipe: 1
functions:
  - {output: y, plugin: libe2e_functions.so, function: slow_square, mapspec: "x[i] -> y[i]", parameters: [x, seconds]}
inputs:
  x: {npy: x.npy}
  seconds: 0.001
map: {executor: mpi}
"""
VALUES = 200_000
NPY = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (200000,), }".ljust(117) + b"\n"


def numbers(value):
    return NPY + struct.pack("<d", value) * VALUES


class ChangedInputs(AppTest):
    def changed(self, change, ranks):
        self.write("x.npy", numbers(1.0))
        self.write("slow.yaml", CHANGED)
        # Few elements, but of the whole file.
        process = self.start("map", "slow.yaml", "--run-folder", "run", "--fixed", "i=0:200000:100", ranks=ranks)
        # The status is written when the run begins; before that, a changed file is refused as any other input.
        self.wait_until(lambda: (self.folder / "run" / "status.json").exists(), "a run that computes")
        change(self.folder / "x.npy")
        outcome = self.finish(process)
        self.assertIn(outcome.code, (1, 2), outcome)  # a block that read it, or the look at the end
        self.assertIn("x.npy", outcome.err)
        self.assertEqual(self.status_file("run")["state"], "failed")

    @staticmethod
    def rewrite(path):
        with open(path, "r+b") as file:
            file.write(numbers(2.0))

    def test_rewritten(self):
        self.changed(self.rewrite, 2)

    def test_rewritten_without_a_launcher(self):
        self.changed(self.rewrite, 0)

    def test_cut(self):
        self.changed(lambda path: os.truncate(path, 1000), 2)

    def test_replaced(self):
        def replace(path):
            path.with_suffix(".new").write_bytes(numbers(2.0))
            os.replace(path.with_suffix(".new"), path)
        self.changed(replace, 2)


class TablesAreReadBack(AppTest):
    def test_show_csv(self):
        self.write("first.yaml", """
functions:
  - {output: word, plugin: libe2e_functions.so, function: word, mapspec: "k[i] -> word[i]"}
  - {output: even, plugin: libe2e_functions.so, function: is_even, mapspec: "k[i] -> even[i]"}
  - {output: z, plugin: libe2e_functions.so, function: complex_number, mapspec: "k[i] -> z[i]"}
  - {output: r, expr: "log(k - 1)", mapspec: "k[i] -> r[i]"}
inputs: {k: [0, 1, 3]}
""")
        self.app("map", "first.yaml", "--run-folder", "run")
        self.write("t.csv", self.app("show", "run", "--csv").out)
        self.assertEqual((self.folder / "t.csv").read_text().splitlines(),
                         ["i,k,even,r,word,z", '0,0,true,NaN,"word ""0""",0-1j',
                          '1,1,false,-Infinity,"word ""1""",1-1j',
                          '2,3,false,0.6931471805599453,"word ""3""",3-1j'])
        self.write("second.yaml", """
functions: [{output: y, expr: "k", mapspec: "k[i] -> y[i]"}]
inputs:
  k: {csv: t.csv, column: r}
""")
        data = self.app("map", "second.yaml", "--json").json["outputs"]["y"]["data"]
        self.assertEqual((data[0] != data[0], data[1:]), (True, [float("-inf"), 0.6931471805599453]))


class ResultsAsInputs(AppTest):
    def test_a_run_that_is_not_complete(self):
        self.write("first.yaml", """
functions: [{output: y, expr: "x", mapspec: "x[i] -> y[i]"}]
inputs: {x: [1, 2, 3, 4]}
""")
        self.app("map", "first.yaml", "--run-folder", "run", "--fixed", "i=0:2")
        self.write("second.yaml", """
functions: [{output: z, expr: "2 * y", mapspec: "y[i] -> z[i]"}]
inputs: {y: {hdf5: run/results.h5, dataset: y}}
""")
        self.refused("map", "second.yaml", words=["[2] is pending, [3] is pending"])
        self.app("map", "first.yaml", "--run-folder", "run", "--resume")
        self.assertEqual(self.app("map", "second.yaml", "--json").json["outputs"]["z"]["data"], [2, 4, 6, 8])

    def test_a_refusal_is_the_same_on_several_ranks(self):
        self.write("t.csv", "a\n1\nx\n")
        self.write("bad.yaml", """
functions: [{output: z, expr: "2 * y", mapspec: "y[i] -> z[i]"}]
inputs: {y: {csv: t.csv, column: a}}
""")
        alone = self.app("map", "bad.yaml", expect=2).errors
        self.assertEqual(self.app("map", "bad.yaml", ranks=2, expect=2).errors, alone)


@unittest.skipIf(netCDF4 is None, "xarray and netCDF4 are not installed")
class OtherTools(AppTest):
    def test_coordinates_and_attributes(self):
        self.write("t.yaml", """
functions:
  - {output: y, expr: "2 * t + a", mapspec: "t[t], a[t] -> y[t]"}
  - {output: even, plugin: libe2e_functions.so, function: is_even, mapspec: "k[t] -> even[t]"}
inputs: {t: [0.5, 1.5, 2.5], a: [1, 2, 3], k: [1, 2, 3]}
""")
        self.app("map", "t.yaml", "--run-folder", "run")
        self.app("verify", "run")
        for engine in ("netcdf4", "h5netcdf"):
            with xarray.open_dataset(self.folder / "run" / "results.h5", engine=engine) as data:
                self.assertEqual(float(data.y.sel(t=1.5)), 5.0)
                self.assertEqual(data.y.dims, ("t",))
                self.assertEqual(str(data.even.dtype), "bool")
        with netCDF4.Dataset(self.folder / "run" / "results.h5") as file:
            self.assertEqual(file["y"].getncattr("mapspec"), "t[t], a[t] -> y[t]")
            self.assertEqual(str(file["even"].dtype), "int8")
            self.assertEqual(str(file["y__status"].dtype), "int8")
        rows = self.app("show", "run", "y", "--csv").out.splitlines()
        self.assertEqual(rows[0].split(",").count("t"), 1)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: BSD-3-Clause
"""Copies of results for other tools: `export`, and `show --csv` and `--npy`, as those tools read them."""
import csv
import math
import os
import signal
import subprocess
import sys
import unittest
import warnings

import numpy as np

from support import APP, GRID, AppTest

try:
    import pandas
except ImportError:
    pandas = None
try:
    import netCDF4
    import xarray
except ImportError:
    xarray = None
try:
    import zarr
except ImportError:
    zarr = None

TEXTS = ["", " ", " a ", "a,b", 'a"b', '"', "a\nb", "a\r\nb", "a\rb", "\n", "NA", "nan", "1.5", "true", "# no comment", "\ttab\t", "é ß",
         "a\n\nb", "a\n# b", "'"]
NUMBERS = [0.1, -0.0, 1e300, 5e-324, float("inf"), float("-inf"), float("nan"), 2.0, 1 / 3]

# Every kind of value: each output has the axis `t`, `n`, or (`i`, `j`).
KINDS = """
mpipe: 1
functions:
  - {output: text, plugin: libe2e_functions.so, function: same_text, parameters: [label], mapspec: "label[t] -> text[t]"}
  - {output: real, expr: "x", mapspec: "x[n] -> real[n]"}
  - {output: single, plugin: libe2e_functions.so, function: as_float32, mapspec: "x[n] -> single[n]"}
  - {output: small, plugin: libe2e_functions.so, function: as_int8, mapspec: "k[n] -> small[n]"}
  - {output: large, plugin: libe2e_functions.so, function: as_uint64, mapspec: "k[n] -> large[n]"}
  - {output: cubed, plugin: libe2e_functions.so, function: cube, mapspec: "k[n] -> cubed[n]"}
  - {output: even, plugin: libe2e_functions.so, function: is_even, mapspec: "k[n] -> even[n]"}
  - {output: z, plugin: libe2e_functions.so, function: complex_number, mapspec: "k[n] -> z[n]"}
  - {output: row, expr: "arange(m) + 0.5", mapspec: "m[i] -> row[i]"}
  - {output: equal, expr: "linspace(0, m, 3)", mapspec: "m[i] -> equal[i]"}
  - {output: inside, expr: "linspace(m, y, 4)", mapspec: "m[i], y[j] -> inside[i, p, j]", internal_shape: 4}
  - {output: files, expr: "linspace(m, y, 3)", mapspec: "m[i], y[j] -> files[q, i, j]", internal_shape: 3}
  - {output: kept, expr: "m + y", mapspec: "m[i], y[j] -> kept[i, j]"}
  - {output: only, expr: "sum(kept)"}
  - {output: pair, plugin: libe2e_functions.so, function: make_pair, mapspec: "k[n] -> pair[n]"}
inputs:
  x: [0.1, -0.0, 1.0e+300, 5.0e-324, .inf, -.inf, .nan, 2.0, 0.3333333333333333]
  k: [0, 1, -2, 3, 9007199254740993, 5, 6, 7, 127]
  m: [0, 3, 1]
  y: [1.5, 2.5]
  label: %s
map: {storage: {"": hdf5, files: file, kept: memory}}
"""
INTEGERS = [0, 1, -2, 3, 9007199254740993, 5, 6, 7, 127]

PART = """
mpipe: 1
functions:
  - {output: y, expr: "fail_if(x == 2, x / 3)", mapspec: "x[i] -> y[i]"}
  - {output: w, expr: "y + 1", mapspec: "y[i] -> w[i]"}
  - {output: n, plugin: libe2e_functions.so, function: cube, mapspec: "k[i] -> n[i]"}
  - {output: flag, plugin: libe2e_functions.so, function: is_even, mapspec: "k[i] -> flag[i]"}
  - {output: word, plugin: libe2e_functions.so, function: word, mapspec: "k[i] -> word[i]"}
inputs: {x: [1, 2, 3, 4], k: [0, 1, 2, 3]}
map: {error_handling: continue}
"""

# Runs a command, and prints the kilobytes that it took.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def quoted(text):
    """A text in a document."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(c, c) for c in text) + '"'


class Export(AppTest):
    def kinds(self):
        self.write("kinds.yaml", KINDS % ("[" + ", ".join(map(quoted, TEXTS)) + "]"))
        self.app("map", "kinds.yaml", "--run-folder", "run")

    def part(self):
        """Element 1 of y failed, which blocks that of w; element 3 is not computed."""
        self.write("part.yaml", PART)
        self.app("map", "part.yaml", "--run-folder", "part", "--output", "y", "w", "n", "flag", "word", "--fixed", "i=0:3", expect=1)

    def table(self, *outputs, run="run", flags=()):
        self.app("export", run, *outputs, "--csv", "t.csv", "--tidy", "--overwrite", *flags)
        with open(self.folder / "t.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def read_back(self, column, dtype):
        """What a document reads of the last table, by a function that changes nothing."""
        kind = {"str": "plugin: libe2e_functions.so, function: same_text, parameters: [v]", "float64": 'expr: "v"'}[dtype]
        self.write("back.yaml", f'functions: [{{output: out, {kind}, mapspec: "v[r] -> out[r]"}}]\n'
                   f"inputs: {{v: {{csv: t.csv, column: {column}, dtype: {dtype}}}}}\n")
        return self.app("map", "back.yaml", "--json").json["outputs"]["out"]["data"]


class Tables(Export):
    def test_rows_are_elements(self):
        self.write("grid.yaml", GRID)
        self.app("map", "grid.yaml", "--run-folder", "run")
        rows = self.table("z")
        self.assertEqual(list(rows[0]), ["i", "j", "x", "y", "z"])
        self.assertEqual([(int(row["i"]), int(row["j"])) for row in rows], [(i, j) for i in range(3) for j in range(5)])
        for row in rows:
            self.assertEqual(float(row["z"]), 10 * (int(row["i"]) + 1) + 0.25 * int(row["j"]))
            self.assertEqual((float(row["x"]), float(row["y"])), (int(row["i"]) + 1, 0.25 * int(row["j"])))
        self.assertEqual(self.table("top"), [{"top": "152.5"}])

    def test_are_what_show_prints(self):
        self.kinds()
        for outputs in (["text"], ["real", "single", "small", "large", "cubed", "even", "z"], ["inside"], ["files"], ["only"], ["row"]):
            self.table(*outputs)
            self.assertEqual((self.folder / "t.csv").read_bytes().decode(), self.finish_bytes("show", "run", *outputs, "--csv"))

    def finish_bytes(self, *arguments):
        """Standard output as it is: carriage returns stay."""
        return subprocess.run([APP, *arguments], cwd=self.folder, env=self.environment(), check=True, stdout=subprocess.PIPE).stdout.decode()

    def test_texts_read_back_the_same(self):
        self.kinds()
        rows = self.table("text")
        self.assertEqual([row["text"] for row in rows], TEXTS)
        self.assertEqual([row["label"] for row in rows], TEXTS)
        self.assertEqual(self.read_back("text", "str"), TEXTS)
        if pandas is not None:
            frame = pandas.read_csv(self.folder / "t.csv", keep_default_na=False)
            self.assertEqual(list(frame.text), TEXTS)
            self.assertEqual(list(frame.t), list(range(len(TEXTS))))

    def test_numbers_read_back_the_same(self):
        self.kinds()
        rows = self.table("real", "single", "small", "large", "cubed", "even", "z")
        np.testing.assert_array_equal([float(row["real"]) for row in rows], NUMBERS)
        self.assertEqual(math.copysign(1, float(rows[1]["real"])), -1)
        with np.errstate(over="ignore"):
            single = np.array(NUMBERS).astype(np.float32).astype(float)
        np.testing.assert_array_equal([float(row["single"]) for row in rows], single)
        self.assertEqual([int(row["large"]) for row in rows], [k % 2**64 for k in INTEGERS])
        self.assertEqual([int(row["small"]) for row in rows], [0, 1, -2, 3, 1, 5, 6, 7, 127])
        self.assertEqual([row["even"] for row in rows], ["true" if k % 2 == 0 else "false" for k in INTEGERS])
        self.assertEqual([complex(row["z"]) for row in rows], [complex(k, -1) for k in INTEGERS])
        np.testing.assert_array_equal(self.read_back("real", "float64"), NUMBERS)
        if pandas is not None:
            frame = pandas.read_csv(self.folder / "t.csv", float_precision="round_trip")
            np.testing.assert_array_equal(frame.real, NUMBERS)
            self.assertEqual((str(frame.large.dtype), list(frame.large)), ("uint64", [k % 2**64 for k in INTEGERS]))
            self.assertEqual((str(frame.even.dtype), str(frame.k.dtype), list(frame.k)), ("bool", "int64", INTEGERS))

    def test_arrays_in_elements_have_axes_or_are_lists(self):
        self.kinds()
        rows = self.table("inside")
        self.assertEqual(list(rows[0]), ["i", "p", "j", "m", "y", "inside"])
        found = np.array([float(row["inside"]) for row in rows]).reshape(3, 4, 2)
        expected = np.array([[np.linspace(m, y, 4) for y in (1.5, 2.5)] for m in (0, 3, 1)]).transpose(0, 2, 1)
        np.testing.assert_allclose(found, expected, rtol=1e-15)
        found = np.array([float(row["files"]) for row in self.table("files")]).reshape(3, 3, 2)
        expected = np.array([[np.linspace(m, y, 3) for y in (1.5, 2.5)] for m in (0, 3, 1)]).transpose(2, 0, 1)
        np.testing.assert_allclose(found, expected, rtol=1e-15)
        self.assertEqual([row["row"] for row in self.table("row")], ["[]", "[0.5, 1.5, 2.5]", "[0.5]"])

    def test_what_is_not_done_is_empty(self):
        self.part()
        rows = self.table("y", "w", "n", "flag", "word", run="part", flags=["--status"])
        self.assertEqual([row["y__status"] for row in rows], ["done", "failed", "done", "pending"])
        self.assertEqual([row["w__status"] for row in rows], ["done", "blocked", "done", "pending"])
        self.assertEqual([row["y"] for row in rows], ["0.3333333333333333", "", "1.0", ""])
        self.assertEqual([row["n"] for row in rows], ["0", "1", "8", ""])
        self.assertEqual([row["flag"] for row in rows], ["true", "false", "true", ""])
        self.assertEqual([row["word"] for row in rows], ['word "0"', 'word "1"', 'word "2"', ""])
        outcome = self.app("export", "part", "y", "--csv", "y.csv", "--tidy")
        self.assertIn("2 of 4 elements of 'y' are not done", outcome.err)
        self.table("y", run="part")
        np.testing.assert_array_equal(self.read_back("y", "float64"), [1 / 3, np.nan, 1, np.nan])

    def test_of_one_value_that_is_not_done_there_is_a_row(self):
        self.write("one.yaml", 'functions: [{output: y, expr: "fail_if(x > 0, x)"}]\ninputs: {x: 1}\nmap: {error_handling: continue}\n')
        self.app("map", "one.yaml", "--run-folder", "run", expect=1)
        self.assertEqual(self.table("y"), [{"y": "NA"}])
        self.assertEqual(str(self.read_back("y", "float64")), "[nan]")

    def test_a_name_is_of_one_column(self):
        self.write("names.yaml", 'functions: [{output: i, expr: "x", mapspec: "x[i] -> i[i]"}]\ninputs: {x: [5, 6]}\n')
        self.app("map", "names.yaml", "--run-folder", "run")
        self.assertEqual(self.table("i"), [{"i_dim": "0", "x": "5", "i": "5.0"}, {"i_dim": "1", "x": "6", "i": "6.0"}])
        self.write("own.yaml", 'functions: [{output: y, expr: "2 * t", mapspec: "t[t] -> y[t]"}]\ninputs: {t: [0.5, 1.5]}\n')
        self.app("map", "own.yaml", "--run-folder", "own")
        self.assertEqual(self.table("y", run="own"), [{"t": "0.5", "y": "1.0"}, {"t": "1.5", "y": "3.0"}])

    def test_memory_does_not_grow_with_the_table(self):
        peaks = []
        for rows in (1000, 1_000_000):
            self.write("long.yaml", 'functions: [{output: y, expr: "linspace(x, 1, %d)", mapspec: "x[i] -> y[k, i]", '
                       'internal_shape: %d}]\ninputs: {x: [0, 1]}\n' % (rows, rows))
            self.app("map", "long.yaml", "--run-folder", f"run{rows}")
            command = [sys.executable, "-c", PEAK, APP, "export", f"run{rows}", "--csv", f"{rows}.csv", "--tidy"]
            peaks.append(int(subprocess.run(command, cwd=self.folder, env=self.environment(), check=True, stdout=subprocess.PIPE,
                                            text=True).stdout))
            self.assertGreater(os.path.getsize(self.folder / f"{rows}.csv"), rows * 10)
        # Kilobytes; the values alone are 16 MB, their text more.
        self.assertLess(peaks[1] - peaks[0], 14_000)


class Datasets(Export):
    """What every tool finds in a copy: the checks are of xarray's view, whatever the format is."""

    def check_kinds(self, data, complex_parts):
        np.testing.assert_array_equal(data["real"].values, NUMBERS)
        self.assertEqual([(name, str(data[name].dtype)) for name in ("single", "small", "large", "cubed", "even")],
                         [("single", "float32"), ("small", "int8"), ("large", "uint64"), ("cubed", "int64"), ("even", "bool")])
        self.assertEqual(list(data.large.values), [k % 2**64 for k in INTEGERS])
        self.assertEqual(list(data.small.values), [0, 1, -2, 3, 1, 5, 6, 7, 127])
        self.assertEqual(list(data.even.values), [k % 2 == 0 for k in INTEGERS])
        z = data["z__re"].values + 1j * data["z__im"].values if complex_parts else data.z.values
        self.assertEqual(list(z), [complex(k, -1) for k in INTEGERS])
        self.assertEqual(list(data.text.values), TEXTS)
        self.assertEqual(data.inside.dims, ("i", "p", "j"))
        inside = np.array([[np.linspace(m, y, 4) for y in (1.5, 2.5)] for m in (0, 3, 1)])
        np.testing.assert_allclose(data.inside.values, inside.transpose(0, 2, 1), rtol=1e-15)
        files = np.array([[np.linspace(m, y, 3) for y in (1.5, 2.5)] for m in (0, 3, 1)])
        np.testing.assert_allclose(data.files.values, files.transpose(2, 0, 1), rtol=1e-15)
        np.testing.assert_array_equal(data.kept.values, [[1.5, 2.5], [4.5, 5.5], [2.5, 3.5]])
        self.assertEqual((data.only.dims, float(data.only)), ((), 20.0))
        np.testing.assert_array_equal(data["row__count"].values, [0, 3, 1])
        np.testing.assert_array_equal(data.row.values, [0.5, 1.5, 2.5, 0.5])
        self.assertEqual(data.row.dims, (data["row__count"].attrs["sample_dimension"],))
        self.assertEqual(data.equal.dims, ("i", "equal_dim0"))
        np.testing.assert_array_equal(data.equal.values, [[0, 0, 0], [0, 1.5, 3], [0, 0.5, 1]])
        self.assertEqual(data.inside.attrs["mapspec"], "m[i], y[j] -> inside[i, p, j]")
        self.assertEqual(sorted(data.coords), ["k", "label", "m", "x", "y"])
        self.assertEqual([name for name in data.variables if name.endswith("__status") or name == "pair"], [])

    def check_part(self, data):
        nan = np.nan
        np.testing.assert_array_equal(data.y.values, [1 / 3, nan, 1, nan])
        np.testing.assert_array_equal(data.n.values, [0, 1, 8, nan])
        np.testing.assert_array_equal(data.flag.values, [1, 0, 1, nan])
        self.assertEqual(list(data.word.values), ['word "0"', 'word "1"', 'word "2"', ""])
        np.testing.assert_array_equal(data["y__status"].values, [1, 2, 1, 0])
        np.testing.assert_array_equal(data["w__status"].values, [1, 3, 1, 0])
        self.assertEqual((str(data["y__status"].dtype), data["y__status"].attrs["flag_meanings"]), ("int8", "pending done failed blocked"))

    def check_coordinates(self, data):
        self.assertEqual((data.z.dims, data.total.dims), (("x", "y"), ("x",)))
        self.assertEqual(float(data.z.sel(x=2, y=0.75)), 20.75)
        self.assertEqual(float(data.total.sel(x=3)), 152.5)

    def outputs_but_objects(self):
        return ["text", "real", "single", "small", "large", "cubed", "even", "z", "row", "equal", "inside", "files", "kept", "only"]

    def write_grid(self):
        self.write("grid.yaml", GRID)
        self.app("map", "grid.yaml", "--run-folder", "run")


@unittest.skipIf(xarray is None, "xarray and netCDF4 are not installed")
class NetCDF(Datasets):
    def opened(self, name):
        for engine in ("netcdf4", "h5netcdf"):
            with warnings.catch_warnings():
                warnings.simplefilter("error", xarray.SerializationWarning)
                with xarray.open_dataset(self.folder / name, engine=engine) as data:
                    yield data

    def test_every_kind(self):
        self.kinds()
        self.assertEqual(self.app("export", "run", *self.outputs_but_objects(), "--netcdf", "all.nc").err, "")
        for data in self.opened("all.nc"):
            self.check_kinds(data, complex_parts=True)
            self.assertEqual(sorted(data.attrs), ["Conventions", "source"])
        with netCDF4.Dataset(self.folder / "all.nc") as file:
            self.assertEqual(file.data_model, "NETCDF4")
            self.assertEqual([file["inside"].dimensions, file["real"].dimensions], [("i", "p", "j"), ("n",)])

    def test_what_is_not_done(self):
        self.part()
        self.assertIn("2 of 4 elements of 'y' are not done", self.app("export", "part", "--netcdf", "part.nc").err)
        for data in self.opened("part.nc"):
            self.check_part(data)
        with netCDF4.Dataset(self.folder / "part.nc") as file:
            self.assertEqual(file["n"].dtype, np.int64)
            self.assertEqual(list(file["n"][:].mask), [False, False, False, True])
            self.assertEqual(int(file["n"].getncattr("_FillValue")), netCDF4.default_fillvals["i8"])

    def test_inputs_as_coordinates(self):
        self.write_grid()
        self.app("export", "run", "--netcdf", "grid.nc", "--coords")
        for data in self.opened("grid.nc"):
            self.check_coordinates(data)
        self.app("export", "run", "--netcdf", "plain.nc")
        for data in self.opened("plain.nc"):
            self.assertEqual((data.z.dims, sorted(data.coords)), (("i", "j"), ["x", "y"]))
        self.write("zip.yaml", 'functions: [{output: w, expr: "a + b", mapspec: "a[i], b[i] -> w[i]"}]\ninputs: {a: [1, 2], b: [3, 4]}\n')
        self.app("map", "zip.yaml", "--run-folder", "zip")
        self.assertIn("i (a, b)", self.app("export", "zip", "--netcdf", "zip.nc", "--coords").err)
        for data in self.opened("zip.nc"):
            self.assertEqual((data.w.dims, sorted(data.coords)), (("i",), ["a", "b"]))

    def test_a_value_that_marks_what_is_missing_occurs_nowhere(self):
        self.write("full.yaml", 'functions: [{output: y, plugin: libe2e_functions.so, function: as_int8, mapspec: "k[i] -> y[i]"}]\n'
                   "inputs: {k: {arange: [-128, %d, 1]}}\n")
        text = (self.folder / "full.yaml").read_text()
        for last, expected in ((127, 127), (128, None)):
            self.write("full.yaml", text % (last + 1))
            self.app("map", "full.yaml", "--run-folder", f"run{last}", "--fixed", f"i=0:{last + 128}")
            if expected is None:
                self.refused("export", f"run{last}", "--netcdf", "full.nc", words=["'y'", "int8", "Complete the run"])
                continue
            self.app("export", f"run{last}", "--netcdf", "almost.nc")
            with netCDF4.Dataset(self.folder / "almost.nc") as file:
                self.assertEqual(int(file["y"].getncattr("_FillValue")), expected)
                self.assertEqual(int(file["y"][:].mask.sum()), 1)

    def test_a_file_that_is_there(self):
        self.write_grid()
        self.write("there.nc", "mine")
        self.refused("export", "run", "--netcdf", "there.nc", code=3, words=["--overwrite"])
        self.app("export", "run", "--netcdf", "there.nc", "--overwrite")
        for data in self.opened("there.nc"):
            self.assertEqual(float(data.top), 152.5)
        self.refused("export", "run", "--netcdf", "no/folder.nc", code=4, words=["no/folder.nc"])
        self.refused("export", "run", "--netcdf", "a.nc", "--tidy", words=["--csv"])


@unittest.skipIf(zarr is None or xarray is None, "zarr and xarray are not installed")
class Zarr(Datasets):
    def test_every_kind(self):
        self.kinds()
        self.app("export", "run", *self.outputs_but_objects(), "--zarr", "all.zarr/")
        for consolidated in (True, False):
            with xarray.open_zarr(self.folder / "all.zarr", consolidated=consolidated) as data:
                self.check_kinds(data, complex_parts=False)
        group = zarr.open_consolidated(str(self.folder / "all.zarr"))
        self.assertEqual((group["inside"].shape, group["inside"].chunks, group["cubed"].fill_value), ((3, 4, 2), (3, 4, 2), None))
        self.assertEqual(list(group["text"][:]), TEXTS)

    def test_compressed(self):
        self.kinds()
        self.app("export", "run", *self.outputs_but_objects(), "--zarr", "all.zarr", "--compress")
        with xarray.open_zarr(self.folder / "all.zarr", consolidated=True) as data:
            self.check_kinds(data, complex_parts=False)
        group = zarr.open_consolidated(str(self.folder / "all.zarr"))
        self.assertEqual({array.compressor.codec_id for _, array in group.arrays()}, {"zlib"})
        self.assertEqual(list(group["text"][:]), TEXTS)
        self.write("flat.yaml", 'functions: [{output: y, expr: "0 * x", mapspec: "x[i] -> y[i]"}]\ninputs: {x: {arange: [20000]}}\n')
        self.app("map", "flat.yaml", "--run-folder", "flat")
        self.app("export", "flat", "y", "--zarr", "flat.zarr", "--compress")
        self.assertLess((self.folder / "flat.zarr/y/0").stat().st_size, 2000)
        np.testing.assert_array_equal(zarr.open(str(self.folder / "flat.zarr"))["y"][:], np.zeros(20000))
        self.refused("export", "flat", "--netcdf", "flat.nc", "--compress", words=["--zarr"])

    def test_what_is_not_done(self):
        self.part()
        self.app("export", "part", "--zarr", "part.zarr", "--compress")
        with xarray.open_zarr(self.folder / "part.zarr") as data:
            self.check_part(data)
        self.assertEqual(int(zarr.open(str(self.folder / "part.zarr"))["n"].fill_value), -9223372036854775806)

    def test_inputs_as_coordinates(self):
        self.write_grid()
        self.app("export", "run", "--zarr", "grid.zarr", "--coords")
        with xarray.open_zarr(self.folder / "grid.zarr") as data:
            self.check_coordinates(data)

    def test_chunks_are_bounded(self):
        self.write("long.yaml", """
functions:
  - {output: y, expr: "linspace(x, 1, 300001)", mapspec: "x[i] -> y[i, k]", internal_shape: 300001}
  - {output: s, expr: "linspace(x, 2, 300001)", mapspec: "x[i] -> s[k, i]", internal_shape: 300001}
inputs: {x: [0, 1, 2]}
""")
        self.app("map", "long.yaml", "--run-folder", "run")
        self.app("export", "run", "--zarr", "long.zarr")
        group = zarr.open(str(self.folder / "long.zarr"))
        self.assertEqual((group["y"].chunks, group["s"].chunks), ((1, 300001), (150001, 3)))
        np.testing.assert_allclose(group["y"][:], [np.linspace(x, 1, 300001) for x in range(3)], rtol=1e-12)
        np.testing.assert_allclose(group["s"][:], np.array([np.linspace(x, 2, 300001) for x in range(3)]).T, rtol=1e-12)

    def test_a_folder_that_is_there(self):
        self.write_grid()
        (self.folder / "there").mkdir()
        self.refused("export", "run", "--zarr", "there", code=3, words=["'there' is there already"])
        self.refused("export", "run", "--zarr", "there", "--overwrite", code=3, words=["remove it"])
        self.refused("export", "run", "--zarr", "no/folder", code=4, words=["no/folder"])


class Npy(Export):
    def load(self, output, run="run"):
        self.app("show", run, output, "--npy", "out.npy")
        return np.load(self.folder / "out.npy", allow_pickle=False)

    def test_every_kind(self):
        self.kinds()
        text = self.load("text")
        self.assertEqual((text.dtype, list(text)), (np.dtype("<U12"), TEXTS))
        self.assertEqual((self.load("even").dtype, list(self.load("even"))), (np.dtype(bool), [k % 2 == 0 for k in INTEGERS]))
        np.testing.assert_array_equal(self.load("real"), NUMBERS)
        self.assertEqual(list(self.load("z")), [complex(k, -1) for k in INTEGERS])
        files = np.array([[np.linspace(m, y, 3) for y in (1.5, 2.5)] for m in (0, 3, 1)])
        np.testing.assert_allclose(self.load("files"), files.transpose(2, 0, 1), rtol=1e-15)
        self.assertEqual(self.load("only").shape, ())
        self.refused("show", "run", "pair", "--npy", "x.npy", words=["'pair' has objects", "NAME__bytes"])
        self.refused("show", "run", "row", "--npy", "x.npy", words=["'row' has an array of its own length", "--json"])

    def test_characters(self):
        texts = ["a", "é", "€uro", "\U0001F600x", ""]
        self.write("chars.yaml", 'functions: [{output: t, plugin: libe2e_functions.so, function: same_text, parameters: [label], '
                   'mapspec: "label[i] -> t[i]"}]\ninputs: {label: [%s]}\n' % ", ".join(map(quoted, texts)))
        self.app("map", "chars.yaml", "--run-folder", "run")
        self.assertEqual((self.load("t").dtype, list(self.load("t"))), (np.dtype("<U4"), texts))

    def test_what_is_not_done(self):
        self.part()
        np.testing.assert_array_equal(self.load("y", run="part"), [1 / 3, np.nan, 1, np.nan])
        for output in ("n", "flag", "word"):
            self.refused("show", "part", output, "--npy", "x.npy", words=["not complete", "cannot tell which elements"])


class Refusals(Export):
    def test_datasets(self):
        self.kinds()
        for form in ("--netcdf", "--zarr"):
            self.refused("export", "run", form, "copy", words=["'pair' has objects", "Name the other outputs"])
        self.write("ranks.yaml", 'functions: [{output: t, plugin: libe2e_functions.so, function: same_text, parameters: [label], '
                   'mapspec: "label[t] -> t[t]"}]\ninputs: {label: ["a", "b\\0c"]}\n')
        self.app("map", "ranks.yaml", "--run-folder", "zero")
        for form in (("--netcdf", "copy"), ("--zarr", "copy"), ("--csv", "copy", "--tidy")):
            self.refused("export", "zero", *form, words=["b?c", "UTF-8"])

    def test_tables(self):
        self.kinds()
        base = ("export", "run")
        self.refused(*base, "--csv", "t.csv", "--tidy", words=["text (t)", "real, single", "inside (i, p, j)", "only (a single value)",
                                                               "export run cubed even large pair real single small z --csv"])
        self.refused(*base, "pair", "--csv", "t.csv", "--tidy", words=["'pair'", "Pair", "Name the other outputs"])
        self.refused(*base, "real", "--csv", "t.csv", words=["--tidy"])
        self.refused(*base, "reel", "--csv", "t.csv", "--tidy", words=["'reel'", "real"])
        self.refused(*base, "real", words=["--csv FILE --tidy"])
        self.refused("export", "none", "--csv", "t.csv", "--tidy", code=3, words=["none"])
        self.refused(*base, "real", "--csv", "no/t.csv", "--tidy", code=4, words=["no/t.csv"])
        (self.folder / "folder").mkdir()
        self.refused(*base, "real", "--csv", "folder", "--tidy", "--overwrite", code=3, words=["is a folder"])
        self.write("there.csv", "mine")
        self.refused(*base, "real", "--csv", "there.csv", "--tidy", code=3, words=["there.csv", "--overwrite"])
        self.assertEqual((self.folder / "there.csv").read_text(), "mine")

    def test_files_of_the_run_stay(self):
        self.write("grid.yaml", GRID)
        self.app("map", "grid.yaml", "--run-folder", "run")
        os.symlink("run", self.folder / "link")
        for path in ("run/results.h5", "run/new", "link/new", "run/../run/new", "run"):
            for command in (("export", "run", "--netcdf", path, "--overwrite"), ("export", "run", "--zarr", path),
                            ("export", "run", "top", "--csv", path, "--tidy", "--overwrite"), ("show", "run", "top", "--npy", path)):
                self.refused(*command, words=["is in the run folder"])
        self.app("verify", "run")
        self.app("export", "run", "--netcdf", "run.nc")

    def test_what_a_process_left_in_the_middle_has_no_name(self):
        self.write("long.yaml", 'functions: [{output: y, expr: "x", mapspec: "x[i] -> y[i]"}]\ninputs: {x: {arange: [0, 30000, 1]}}\n')
        self.app("map", "long.yaml", "--run-folder", "run")
        for form in (("--csv", "copy", "--tidy"), ("--netcdf", "copy"), ("--zarr", "copy")):
            # The system ends it at the first byte behind 64 KiB of a file.
            self.app("export", "run", *form, before=("sh", "-c", 'ulimit -f 128; exec "$@"', "sh"), expect=-signal.SIGXFSZ)
            self.assertFalse((self.folder / "copy").exists())
            left = [name for name in self.tree() if name.startswith("copy.")]
            self.assertRegex(left[0], r"^copy\.[0-9a-f]{16}\.tmp$")
            self.assertEqual([name for name in left if name.endswith(".zmetadata")], [])
            for name in reversed(left):
                path = self.folder / name
                path.rmdir() if path.is_dir() else path.unlink()

    def test_a_folder_of_several_runs(self):
        self.write("runs.yaml", GRID + "runs: [{name: a}, {name: b, inputs: {x: [4]}}]\n")
        self.app("map", "runs.yaml", "--run-folder", "runs")
        for command in (("export", "runs", "--csv", "t.csv", "--tidy"), ("show", "runs")):
            self.refused(*command, code=3, words=["runs/a, runs/b"])
        self.assertEqual(len(self.table("z", run="runs/b")), 5)

    def test_a_shape_that_is_not_known(self):
        self.write("late.yaml", 'functions: [{output: x, expr: "fail_if(n > 0, arange(n))", mapspec: "n[i] -> x[i, k]"}]\n'
                   "inputs: {n: [2, 2]}\nmap: {error_handling: continue}\n")
        self.app("map", "late.yaml", "--run-folder", "run", expect=1)
        self.refused("export", "run", "--csv", "t.csv", "--tidy", words=["the shape of 'x' is not known", "Complete the run"])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether programs that know nothing of mpipe read results.h5: h5py, xarray with both engines, ncdump.

Usage: file_layout_test.py SAMPLE_RUN, the program that makes a run with an output of each kind.
"""
import os
import subprocess
import sys
import tempfile
import unittest
import warnings

import h5py
import numpy as np
import xarray

SAMPLE_RUN = sys.argv.pop(1)
DIMENSION = b"This is a netCDF dimension but not a netCDF variable."


def number(output, element, item=0):
    """As in store_fixture.cpp."""
    return 1 + element * 131 + item * 7 + output * 10007


def plain(output, shape, value=lambda n: n / 3):
    """Values of an output without internal axes; the last three are not done."""
    values = np.array([value(number(output, k)) for k in range(int(np.prod(shape)))])
    return values.reshape(shape)


def text_of(attribute):
    """h5py gives texts of fixed length, which more programs read than others, as bytes."""
    return attribute.decode()


def states(count):
    marks = np.ones(count, np.int8)
    marks[-3:] = [2, 3, 0]
    return marks


class FileLayout(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run([SAMPLE_RUN, cls.folder.name], check=True)
        cls.path = os.path.join(cls.folder.name, "results.h5")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_h5py_values(self):
        with h5py.File(self.path) as file:
            values = file["plain"][...].ravel()
            np.testing.assert_array_equal(values[:-3], plain(0, (7, 11)).ravel()[:-3])
            self.assertTrue(np.isnan(values[-3:]).all())
            np.testing.assert_array_equal(file["plain__status"][...].ravel(), states(77))
            self.assertEqual(file["single"].shape, ())
            self.assertEqual(file["single"][()], number(1, 0) / 3)
            self.assertEqual(file["single__status"][()], 1)
            self.assertEqual(file["none"].shape, (0,))
            self.assertEqual(file["hollow"].shape, (7, 0))
            np.testing.assert_array_equal(file["hollow__status"][...], states(7))
            last = file["last"][...]
            self.assertEqual(last.dtype, np.int32)
            self.assertEqual(last[2, 1], number(4, 2, 1))
            self.assertTrue((last[4:] == 0).all())
            first = file["first"][...]
            self.assertEqual(first.shape, (3, 7, 2))
            self.assertEqual(first[2, 3, 1], np.float32(number(5, 3, 2 * 2 + 1)) / 4)
            self.assertTrue(np.isnan(first[:, 4:, :]).all())
            self.assertEqual(file["first__status"].shape, (7,))
            np.testing.assert_array_equal(file["late"][3], [number(10, 3, k) / 3 for k in range(4)])
            np.testing.assert_array_equal(file["volatile"][...].ravel()[:-3], plain(11, (7, 11)).ravel()[:-3])

    def element(self, name, element):
        return np.load(os.path.join(self.folder.name, "elements", name, "0000", f"{element}.npy"))

    def test_numpy_loads_files_of_elements(self):
        first = 22  # outputs are there once more, with files
        value = self.element("file_plain", 5)
        self.assertEqual((value.shape, value.dtype, value[()]), ((), np.float64, number(first, 5) / 3))
        self.assertEqual(self.element("file_single", 0)[()], number(first + 1, 0) / 3)
        wave = number(first + 3, 6)
        self.assertEqual(self.element("file_wave", 6)[()], complex(wave, -wave / 7))
        last = self.element("file_last", 2)
        self.assertEqual(last.dtype, np.int32)
        np.testing.assert_array_equal(last, [number(first + 4, 2, k) for k in range(3)])
        block = self.element("file_first", 3)
        self.assertEqual((block.shape, block.dtype), ((3, 2), np.float32))
        np.testing.assert_array_equal(block.ravel(), [np.float32(number(first + 5, 3, k)) / 4 for k in range(6)])
        self.assertEqual(self.element("file_hollow", 1).shape, (0,))
        flag = self.element("file_flag", 3)
        self.assertEqual((flag.dtype, flag[()]), (np.dtype(bool), True))
        self.assertEqual(bytes(self.element("file_text", 2)).decode(), "t\u00e9xt xx0")
        self.assertEqual(self.element("file_text", 1).shape, (0,))
        for element in range(4):
            np.testing.assert_array_equal(self.element("file_ragged", element),
                                          [number(first + 9, element)] * (element * 3 % 5))
        self.assertEqual(self.element("file_planes", 2).shape, (2, 2))
        self.assertEqual(self.element("file_ragged_text", 1).dtype, np.uint8)

    def test_files_of_elements_have_marks(self):
        with h5py.File(self.path) as file:
            self.assertNotIn("file_plain", file)
            status = file["file_plain__status"]
            np.testing.assert_array_equal(status[...].ravel(), states(77))
            self.assertEqual(text_of(status.attrs["mpipe_elements"]), "elements/file_plain")
        self.assertFalse(os.path.exists(os.path.join(self.folder.name, "elements", "file_plain", "0000", "76.npy")))

    def test_h5py_types(self):
        with h5py.File(self.path) as file:
            self.assertEqual(file["wave"].dtype, np.complex128)
            self.assertEqual(file["wave"][0, 3], complex(number(3, 3), -number(3, 3) / 7))
            np.testing.assert_array_equal(file["wave__re"][...], file["wave"][...].real)
            np.testing.assert_array_equal(file["wave__im"][...], file["wave"][...].imag)
            self.assertEqual(file["flag"].dtype, np.int8)
            self.assertEqual(text_of(file["flag"].attrs["dtype"]), "bool")
            np.testing.assert_array_equal(file["flag"][:4], [1, 0, 0, 1])
            text = file["text"].asstr()[...]
            self.assertEqual(text.shape, (7, 11))
            self.assertEqual(text[0, 0], "t\u00e9xt 0")
            self.assertEqual(text[0, 1], "")
            self.assertEqual(text[0, 2], "t\u00e9xt xx0")
            self.assertEqual(text[6, 10], "")

    def test_ragged(self):
        """CF: contiguous ragged arrays."""
        with h5py.File(self.path) as file:
            counts = file["ragged__count"][...]
            np.testing.assert_array_equal(counts, [0, 3, 1, 4, 0, 0, 0])
            self.assertEqual(text_of(file["ragged__count"].attrs["sample_dimension"]), "ragged_sample")
            expected = np.concatenate([[number(9, k)] * ((k * 3) % 5) for k in range(4)])
            np.testing.assert_array_equal(file["ragged"][...], expected)
            np.testing.assert_array_equal(file["ragged__status"][...], states(7))

    def test_ragged_of_other_types(self):
        with h5py.File(self.path) as file:
            np.testing.assert_array_equal(file["ragged_flags__count"][...], [0, 3, 1, 4, 0, 0, 0])
            self.assertEqual(text_of(file["ragged_flags"].attrs["dtype"]), "bool")
            np.testing.assert_array_equal(file["ragged_flags"][...], [0, 0, 0, 1, 0, 0, 0, 0])
            # Text, and one array that is empty: the others count.
            np.testing.assert_array_equal(file["ragged_text__count"][...], [0, 3, 1, 4, 0, 0, 0])
            dots = [k * "." + "\u00e4" for k in range(4)]
            self.assertEqual(list(file["ragged_text"].asstr()[...]), dots[:3] + dots[:1] + dots)
            # More than one axis each: the extents are beside them.
            np.testing.assert_array_equal(file["planes__count"][...], [0, 2, 4, 0, 0, 0, 0])
            np.testing.assert_array_equal(file["planes__shape"][...][:3], [[0, 2], [1, 2], [2, 2]])
            np.testing.assert_array_equal(file["planes"][...], [complex(number(17, 1), 1)] * 2 + [complex(number(17, 2), 1)] * 4)
            np.testing.assert_array_equal(file["planes__re"][...], file["planes"][...].real)
            # All of one shape: a further axis. Of several ranks: as bytes.
            np.testing.assert_array_equal(file["pairs"][2], [number(15, 2), 1])
            self.assertEqual(file["pairs"].shape, (7, 2))
            self.assertEqual(text_of(file["any_rank__bytes"].attrs["mpipe_type"]), "array<float32>")
            self.assertEqual(file["any_rank__offset"].shape, (8,))

    def test_ranks_that_came_late(self):
        with h5py.File(self.path) as file:
            self.assertEqual(file["surprise"].shape, (7, 4))
            self.assertEqual([file["surprise"].dims[k][0].name[1:] for k in range(2)], ["surprise_dim0", "surprise_dim1"])
            self.assertEqual(file["surprise__status"][()], 1)
            np.testing.assert_array_equal(file["surprise"][...].ravel(), [number(19, 0, k) / 3 for k in range(28)])
            self.assertEqual(file["text_surprise"].asstr()[0, 1], "t\u00e9xt 1")
            self.assertEqual(file["volatile_surprise"][6, 3], number(21, 0, 27))

    def test_dimensions(self):
        with h5py.File(self.path) as file:
            for name, dims in {"plain": ["i", "j"], "plain__status": ["i", "j"], "last": ["i", "x"], "first": ["x", "i", "y"],
                               "late": ["i", "u"], "ragged": ["ragged_sample"]}.items():
                self.assertEqual([file[name].dims[k][0].name[1:] for k in range(len(dims))], dims)
            for name, length in {"i": 7, "j": 11, "x": 3, "n": 0, "z": 0}.items():
                self.assertTrue(h5py.h5ds.is_scale(file[name].id))
                self.assertEqual(file[name].attrs["NAME"], DIMENSION + b"%10d" % length)
            self.assertFalse(any(h5py.h5ds.is_scale(file[name].id) for name in ("plain", "speed", "text")))

    def test_attributes(self):
        with h5py.File(self.path) as file:
            self.assertEqual(text_of(file["plain"].attrs["units"]), "m")
            self.assertEqual(text_of(file["plain"].attrs["mapspec"]), "i -> plain")
            self.assertEqual(text_of(file["plain"].attrs["coordinates"]), "speed label")
            self.assertEqual(text_of(file["speed"].attrs["units"]), "m/s")
            self.assertEqual(text_of(file["speed"].attrs["long_name"]), "speed of the thing")
            for name in file:
                has_fill = "_FillValue" in file[name].attrs
                is_result = name.split("__")[0] not in ("speed",) and not h5py.h5ds.is_scale(file[name].id)
                self.assertEqual(has_fill, is_result and file[name].dtype.kind == "f", name)

    def test_old_readers(self):
        """No newer superblock than HDF5 1.8 knows, no datasets without a place in the file."""
        with open(self.path, "rb") as file:
            head = file.read(9)
        self.assertEqual(head[:8], b"\x89HDF\r\n\x1a\n")
        self.assertLessEqual(head[8], 2)

    def check_xarray(self, engine):
        with warnings.catch_warnings():
            warnings.simplefilter("error", xarray.SerializationWarning)
            data = xarray.open_dataset(self.path, engine=engine)
        with data:
            self.assertEqual(data["plain"].dims, ("i", "j"))
            self.assertEqual(set(data["plain"].coords), {"speed", "label"})
            self.assertEqual(data["plain"].dtype, np.float64)
            np.testing.assert_array_equal(data["plain"].values.ravel()[:-3], plain(0, (7, 11)).ravel()[:-3])
            self.assertTrue(np.isnan(data["plain"].values.ravel()[-3:]).all())
            self.assertEqual(data["plain__status"].dtype, np.int8)
            self.assertEqual(data["last"].dtype, np.int32)
            self.assertEqual(data["flag"].dtype, bool)
            self.assertEqual(data["single"].shape, ())
            self.assertEqual(data["first"].dims, ("x", "i", "y"))
            self.assertEqual(data.sizes["j"], 11)
            self.assertEqual(data.sizes["n"], 0)
            np.testing.assert_array_equal(data["wave__re"].values.ravel()[:3], [number(3, k) for k in range(3)])
            self.assertEqual(data["text"].values[0, 2], "t\u00e9xt xx0")
            self.assertEqual(data["label"].values[5], "abc")
            np.testing.assert_array_equal(data["speed"].values, np.arange(7) / 2)
            self.assertEqual(int(data["count"]), 42)
            self.assertEqual(data["ragged"].dims, ("ragged_sample",))
            row = data["plain"].swap_dims(i="speed").sel(speed=1.5)
            self.assertEqual(float(row[4]), number(0, 3 * 11 + 4) / 3)

    def test_xarray_h5netcdf(self):
        self.check_xarray("h5netcdf")

    def test_xarray_netcdf4(self):
        self.check_xarray("netcdf4")

    def test_ncdump(self):
        done = subprocess.run(["ncdump", "-h", self.path], capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        for line in ("i = 7 ;", "j = 11 ;", "double plain(i, j) ;", "byte plain__status(i, j) ;", "float first(x, i, y) ;",
                     "string text(i, j) ;", 'plain:coordinates = "speed label" ;', "double single ;"):
            self.assertIn(line, done.stdout)


if __name__ == "__main__":
    unittest.main()

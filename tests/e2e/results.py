# SPDX-License-Identifier: BSD-3-Clause
"""What a run has stored, for comparisons of runs."""
import h5py
import numpy


def stored(folder):
    """Everything in the results but what is of one run only: values as their bytes, and marks."""
    found = {}
    with h5py.File(folder / "results.h5") as file:
        for name, data in file.items():
            value = data[()]
            found[name] = value.tolist() if value.dtype == object else (value.dtype.str, value.shape, value.tobytes())
    for path in sorted((folder / "elements").rglob("*.npy")):
        found[str(path.relative_to(folder))] = numpy.load(path).tobytes()
    return found

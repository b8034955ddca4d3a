// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Whether the numbers of a dataset are all there: HDF5 itself reads zeros where a file is missing.
#pragma once

#include "data/hdf5_dataset.hpp"

namespace mpipe::detail {

/// Where the raw numbers of a dataset are searched that has them in other files: beside its own file when they
/// are there, else where HDF5 searches, in the working directory. An access list for opening the dataset.
H5Handle external_access(const Hdf5Dataset& dataset);

/// Throws `Error` (bad_input_file) that names what is missing: sources of virtual datasets (of which each is
/// checked like this, down to a depth), files of raw numbers, and filters of packed ones.
void check_storage(const Hdf5Dataset& dataset, int depth);

/// Refuses a dataset in which nobody wrote somewhere, where nothing stands for what is not written: HDF5 would hand
/// over whatever is in the memory. A part of a chunk, or of a dataset in one piece, that was left out cannot be
/// told.
void check_written(const Hdf5Dataset& dataset);

/// Refuses a netCDF dimension, which has no values, and, unless numbers are wanted as they are stored, outputs of a
/// run that lacks elements, and ragged ones.
void check_values(const Hdf5Dataset& dataset, bool raw);

/// Why the dataset of that name may not be there, in a file of results; empty for other files and names.
std::string absent_output(hid_t file, const std::string& name);

}  // namespace mpipe::detail

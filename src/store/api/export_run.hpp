// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Copies of stored results for other tools, as they were when the reader was made.
#pragma once

#include <mpipe/store/run_reader.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace mpipe {

/// What is copied: outputs, and the inputs on their axes.
struct ExportChoice {
  std::vector<std::size_t> outputs;  ///< positions in `RunReader::outputs`, of known shapes
  /// The 1-D input on an axis becomes its coordinate, whose name the dimension gets then.
  bool coordinates = false;
  bool compressed = false;  ///< of Zarr: by zlib, chunk by chunk
};

/// Axes on which there are several 1-D inputs, so that none of them becomes the coordinate: `i (x, y)`.
std::vector<std::string> axes_without_coordinate(const RunReader& reader, const ExportChoice& choice);

/// Both functions are local, and take memory for parts of some MB, for 1-D inputs, for a number per element of arrays of
/// unequal lengths, and for all of those outputs whose values vary in size (but texts of a complete run). What is not done has the fill value of its
/// variable (text: is empty), and there is `NAME__status` beside such an output.
///
/// Both throw `Error`: bad_option for outputs that the format cannot hold (objects, texts that are none, arrays of
/// unequal ranks), storage_failed where something cannot be read or written. Then, and when the process dies, nothing
/// is at `path`, or what was there before.

/// Writes a NetCDF-4 file, which appears when it is whole, in the place of what is there.
void export_netcdf(RunReader& reader, const ExportChoice& choice, const std::filesystem::path& path);

/// Writes a folder in Zarr's format 2, with consolidated metadata; it appears when it is whole. Throws
/// `Error` (folder_refused) when there is something at `path`.
void export_zarr(RunReader& reader, const ExportChoice& choice, const std::filesystem::path& path);

}  // namespace mpipe

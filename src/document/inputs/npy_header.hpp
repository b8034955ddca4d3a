// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The header of a file in NumPy's format: a dictionary in the notation of Python.
#pragma once

#include <mpipe/core/shape.hpp>

#include <string>
#include <string_view>

namespace mpipe::detail {

/// What the three keys of a header say.
struct NpyKeys {
  std::string description;  ///< of the type, such as `<f8`; empty for records of several fields
  bool has_fields = false;
  bool fortran = false;
  Shape shape;
};

/// Reads a dictionary that has each of the three keys once and nothing else. Whatever NumPy could read in another
/// way is refused: throws `Error` (bad_input_file) `byte N of its header, where ..`, without the file, which it does
/// not know. Local, any thread.
NpyKeys parse_npy_header(std::string_view text);

}  // namespace mpipe::detail

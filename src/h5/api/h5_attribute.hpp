// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Attributes of HDF5 objects of any origin. Who reads them holds an `H5Turn`.
#pragma once

#include <hdf5.h>

#include <optional>
#include <string>
#include <vector>

namespace mpipe {

/// Without spaces at its end. Empty when the attribute is not there or is no text; at most 64 kB.
std::string h5_read_text_attribute(hid_t object, const std::string& name);

/// A long double holds all integers of 64 bits.
struct NumberAttribute {
  std::vector<long double> numbers;  ///< empty: the attribute is no number, or more than 1000 of them
  bool floating = false;             ///< they are no integers
};

/// Nothing when the attribute is not there.
std::optional<NumberAttribute> h5_read_numbers_attribute(hid_t object, const std::string& name);

}  // namespace mpipe

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Names of any length, as HDF5 gives them. Who asks for them holds an `H5Turn`.
#pragma once

#include <hdf5.h>

#include <string>

namespace mpipe {

/// `get(to, size)` is a function of HDF5 that puts at most `size` bytes of a name at `to` and returns the length of
/// the name: it is asked for the length first. Empty where there is no name, or one of more than 4096 bytes.
template <class Get>
std::string h5_name(const Get& get) {
  constexpr ssize_t kMostName = 4096;
  const ssize_t length = get(nullptr, std::size_t{0});
  if (length < 0 || length > kMostName) return {};
  std::string name(static_cast<std::size_t>(length) + 1, '\0');
  get(name.data(), name.size());
  name.resize(static_cast<std::size_t>(length));
  return name;
}

}  // namespace mpipe

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A dataset that is open to be read.
#pragma once

#include <mpipe/core/shape.hpp>
#include <mpipe/data/element_type.hpp>
#include <mpipe/data/value.hpp>

#include "h5/api/h5_handle.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace mpipe::detail {

/// All of it needs an `H5Turn`. What it throws is `Error` (bad_input_file) unless said otherwise.
class Hdf5Dataset {
 public:
  Hdf5Dataset(std::filesystem::path file, std::string name);

  /// Throws `Error` (too_large) for an axis that no array has.
  Shape shape() const;
  /// The type of the numbers in it; nullptr when this program does not read values of their type.
  const ElementType* number_type() const;
  H5Handle type() const { return {check(H5Dget_type(id_)), H5Tclose}; }
  /// Where the numbers lie, when they lie in the file as they would in memory.
  std::optional<FileStretch> stretch(const ElementType& element, const Shape& shape) const;
  std::uint64_t stored_bytes() const { return H5Dget_storage_size(id_); }
  /// The extent of chunks along the first axis; 1 for other layouts. Of a dataset with axes.
  Index chunk_rows() const;

  /// Indices `rows` of the first axis, which it has, as `element`.
  void read_rows(IndexRange rows, const Shape& shape, const ElementType& element, void* to) const;
  /// Everything as `element`, which is `number_type`.
  void read_numbers(const ElementType& element, std::byte* to, Index count) const;
  std::vector<std::string> read_texts(std::size_t count) const;
  /// Bytes that a text of the dataset needs before it is read.
  std::size_t text_size() const;
  bool has_texts() const { return check(H5Tget_class(type())) == H5T_STRING; }

  [[noreturn]] void refuse(const std::string& problem) const;

 private:
  template <class T>
  T check(T result) const {
    if (result < 0) refuse_unread();
    return result;
  }
  [[noreturn]] void refuse_unread() const;
  hid_t open_file() const;
  hid_t open_dataset() const;
  bool is_boolean(hid_t type) const;
  const ElementType* complex_type(hid_t type) const;
  H5Handle memory_type(const ElementType& element) const;
  H5Handle complex_memory_type(hid_t part) const;

  std::filesystem::path path_;
  std::string name_;
  H5Handle file_;
  H5Handle id_;
};

}  // namespace mpipe::detail

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A dataset that is open to be read.
#pragma once

#include <mpipe/core/shape.hpp>
#include <mpipe/data/element_type.hpp>
#include <mpipe/data/value.hpp>

#include "data/hdf5_decoding.hpp"
#include "h5/api/h5_handle.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace mpipe::detail {

/// All of it needs an `H5Turn`. What it throws is `Error` (bad_input_file) unless said otherwise.
class Hdf5Dataset {
 public:
  /// Checks that the numbers are all there. `raw`: they are taken as they are stored, else by the conventions of
  /// netCDF. `depth` counts the virtual datasets that have it as a source.
  Hdf5Dataset(std::filesystem::path file, std::string name, bool raw = false, int depth = 0);

  const std::filesystem::path& path() const { return path_; }
  /// The file that has the numbers: another than `path()` where an external link leads to it.
  std::filesystem::path holder() const;
  /// They are taken as they are stored.
  bool is_raw() const { return raw_; }
  hid_t id() const { return id_; }
  hid_t file_id() const { return file_; }
  const std::string& name() const { return name_; }

  /// Throws `Error` (too_large) for an axis that no array has.
  Shape shape() const;
  /// The type of the numbers in it; nullptr when this program does not read values of their type.
  const ElementType* number_type() const;
  /// What a type is that this program does not read, as in `has values that are ..`.
  std::string unread_type() const;
  H5Handle type() const { return {check(H5Dget_type(id_)), H5Tclose}; }
  /// How it was made: layout, filters, other files.
  H5Handle creation() const { return {check(H5Dget_create_plist(id_)), H5Pclose}; }
  /// A value may be found to have no meaning when it is read. Of numbers.
  bool may_refuse() const { return decoding_->may_refuse(); }
  /// All of it lies in the file, so that who watches the file watches all of it.
  bool is_in_one_file() const;
  /// Where the numbers lie, when they lie in the file as they would in memory.
  std::optional<FileStretch> stretch(const ElementType& element, const Shape& shape) const;
  std::uint64_t stored_bytes() const { return H5Dget_storage_size(id_); }
  /// The extent of chunks along the first axis; 1 for other layouts. Of a dataset with axes.
  Index chunk_rows() const;

  /// The numbers at indices `rows` of the first axis, which it has.
  void read_rows(IndexRange rows, const Shape& shape, std::byte* to) const;
  /// All numbers; `count` of them.
  void read_numbers(std::byte* to, Index count) const;
  std::vector<std::string> read_texts(std::size_t count) const;
  /// Bytes that a text of the dataset needs before it is read.
  std::size_t text_size() const;
  bool has_texts() const { return check(H5Tget_class(type())) == H5T_STRING; }
  /// Texts of one character each along the last axis, which netCDF has instead of texts.
  bool has_characters() const;

  [[noreturn]] void refuse(const std::string& problem) const;

 private:
  template <class T>
  T check(T result) const {
    if (result < 0) refuse_unread();
    return result;
  }
  [[noreturn]] void refuse_unread() const;
  hid_t open_file() const;
  H5Handle file_access() const;
  hid_t open_dataset(hid_t access) const;
  std::string dangling_link(const std::string& why) const;
  /// Runs `action`, which knows neither the file nor the dataset that its complaints are about.
  template <class Action>
  void naming_dataset(const Action& action) const;
  const ElementType* stored_type() const;
  void read(hid_t memory, hid_t from, IndexRange elements, std::byte* to) const;
  bool is_boolean(hid_t type) const;
  const ElementType* complex_type(hid_t type) const;
  H5Handle memory_type(const ElementType& element) const;
  H5Handle complex_memory_type(hid_t part) const;

  std::filesystem::path path_;
  std::string name_;
  bool raw_ = false;
  H5Handle file_;
  H5Handle id_;
  std::optional<Hdf5Decoding> decoding_;  ///< of numbers
};

}  // namespace mpipe::detail

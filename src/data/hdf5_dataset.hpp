// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A dataset that is open to be read.
#pragma once

#include <mpipe/core/shape.hpp>
#include <mpipe/data/array_source.hpp>
#include <mpipe/data/element_type.hpp>

#include <hdf5.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mpipe::detail {

/// While it lives no other thread reads inputs from HDF5, and that prints nothing: its errors are in what is
/// thrown.
class Hdf5Turn {
 public:
  Hdf5Turn();
  ~Hdf5Turn();
  Hdf5Turn(const Hdf5Turn&) = delete;
  Hdf5Turn& operator=(const Hdf5Turn&) = delete;

 private:
  std::lock_guard<std::recursive_mutex> lock_;
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// An id of HDF5 that is closed at the end of its life.
class Hdf5Id {
 public:
  Hdf5Id(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Hdf5Id(Hdf5Id&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Hdf5Id& operator=(Hdf5Id&&) = delete;
  ~Hdf5Id() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor): stands for the id

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// All of it needs a turn, its end as well. What it throws is `Error` (bad_input_file) unless said otherwise.
class Hdf5Dataset {
 public:
  Hdf5Dataset(std::filesystem::path file, std::string name);

  /// Throws `Error` (too_large) for an axis that no array has.
  Shape shape() const;
  /// What the numbers in it are; nullptr when they are none that are read.
  const ElementType* number_type() const;
  Hdf5Id type() const { return {check(H5Dget_type(id_)), H5Tclose}; }
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
  Hdf5Id memory_type(const ElementType& element) const;
  Hdf5Id complex_memory_type(hid_t part) const;

  std::filesystem::path path_;
  std::string name_;
  Hdf5Id file_;
  Hdf5Id id_;
};

}  // namespace mpipe::detail

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// HDF5 with handles that close themselves and errors that are thrown.
#pragma once

#include <mpipe/data/element_type.hpp>

#include <hdf5.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mpipe {

/// Throws `Error` (storage_failed) with HDF5's own account of what went wrong.
[[noreturn]] void throw_h5_error(std::string_view action);

/// Every return value of HDF5 goes through here. `action` completes "cannot ..".
template <class T>
T h5_check(T result, std::string_view action) {
  if (result < 0) throw_h5_error(action);
  return result;
}

/// While it lives, HDF5 prints nothing: its errors are in what is thrown. The program's own setting comes
/// back after.
class H5Quiet {
 public:
  H5Quiet();
  ~H5Quiet();
  H5Quiet(const H5Quiet&) = delete;
  H5Quiet& operator=(const H5Quiet&) = delete;

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// Owns an id of HDF5; move-only.
class H5Handle {
 public:
  using Close = herr_t (*)(hid_t);

  H5Handle() = default;
  /// Checks `id`, as `h5_check` does.
  H5Handle(hid_t id, Close closer, std::string_view action) : id_(h5_check(id, action)), close_(closer) {}
  H5Handle(H5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  H5Handle& operator=(H5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~H5Handle() {
    if (id_ >= 0) close_(id_);
  }

  hid_t get() const { return id_; }
  /// Closes now; throws when that fails, as closing a file writes to it.
  void close(std::string_view action);

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

H5Handle h5_property_list(hid_t list_class);
/// File access without locks: readers never disturb a run, nor are disturbed by one.
H5Handle h5_file_access();
H5Handle h5_open_for_reading(const std::filesystem::path& path);
H5Handle h5_open_dataset(hid_t file, const std::string& name);
bool h5_has_link(hid_t location, const std::string& name);

H5Handle h5_scalar_space();
H5Handle h5_space(const Shape& shape);
/// Also for shape `{}`.
H5Handle h5_space_of(const Shape& shape);
/// Throws when a value there cannot be an extent.
Shape h5_shape_of(hid_t dataset);

/// The type in the file of a numeric kind: little-endian, complex as compound (r, i), booleans as uint8.
H5Handle h5_file_type(const ElementType& type);
/// Text of any length, in UTF-8.
H5Handle h5_text_type();
/// Whether the dataset has exactly the type that `h5_file_type` gives.
bool h5_has_type(hid_t dataset, const ElementType& type);

void h5_write_text_attribute(hid_t object, const std::string& name, std::string_view text);
void h5_write_attribute(hid_t object, const std::string& name, hid_t type, const Shape& shape,
                        const void* values);
/// Empty when it is not there or no text; at most 64 kB.
std::string h5_read_text_attribute(hid_t object, const std::string& name);

}  // namespace mpipe

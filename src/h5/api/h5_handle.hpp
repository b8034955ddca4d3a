// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The ids of HDF5 with owners, its errors as exceptions, and one thread in the library at a time.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace mpipe {

/// The lock on HDF5, which is not made for several threads. Recursive.
std::recursive_mutex& h5_mutex();

/// While it lives no other thread of this process uses HDF5, and HDF5 prints nothing: its errors are in what
/// is thrown. Whoever calls HDF5 holds one. The program's own setting of what is printed comes back after.
class H5Turn {
 public:
  H5Turn();
  ~H5Turn();
  H5Turn(const H5Turn&) = delete;
  H5Turn& operator=(const H5Turn&) = delete;

 private:
  std::lock_guard<std::recursive_mutex> lock_;
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// What HDF5 says of its last error: the innermost reasons, at most so many; may be empty.
std::string h5_reason(std::size_t most);

/// Throws `Error` (storage_failed) with HDF5's own account of what went wrong.
[[noreturn]] void throw_h5_error(std::string_view action);

/// Every return value of HDF5 goes through here. `action` completes "cannot ..".
template <class T>
T h5_check(T result, std::string_view action) {
  if (result < 0) throw_h5_error(action);
  return result;
}

/// Owns an id of HDF5; move-only.
class H5Handle {
 public:
  using Close = herr_t (*)(hid_t);

  H5Handle() = default;
  /// Of an id that the caller checked.
  H5Handle(hid_t id, Close closer) : id_(id), close_(closer) {}
  /// Checks `id`, as `h5_check` does.
  H5Handle(hid_t id, Close closer, std::string_view action) : id_(h5_check(id, action)), close_(closer) {}
  H5Handle(H5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  H5Handle& operator=(H5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~H5Handle();

  hid_t get() const { return id_; }
  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor): stands for the id
  /// Closes now; throws when that fails, as closing a file writes to it.
  void close(std::string_view action);

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

}  // namespace mpipe

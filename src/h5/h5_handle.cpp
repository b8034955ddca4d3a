// SPDX-License-Identifier: BSD-3-Clause
// Owners of ids of HDF5, the lock on the library, and its errors as `Error`.
#include "h5/api/h5_handle.hpp"

#include <mpipe/core/error.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace mpipe {

std::recursive_mutex& h5_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

// The lock is a member and thus taken before the body: looking at a setting of the library is a use of it,
// too.
H5Turn::H5Turn() : lock_(h5_mutex()) {
  H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

// The program's setting is back before the lock is given up, as members end after the body.
H5Turn::~H5Turn() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }

std::string h5_reason(std::size_t most) {
  struct Reasons {
    std::size_t most;
    std::string text;
  } reasons{most, {}};
  // The innermost say what happened, the others who called them.
  const auto collect = [](unsigned, const H5E_error2_t* error, void* to) -> herr_t {
    auto& all = *static_cast<Reasons*>(to);
    if (all.most == 0 || error->desc == nullptr || *error->desc == '\0') return 0;
    --all.most;
    all.text += (all.text.empty() ? "" : "; ") + std::string(error->desc);
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect, &reasons);
  return reasons.text;
}

void throw_h5_error(std::string_view action) {
  constexpr std::size_t kMostReasons = 3;
  // The reasons are read before any other call of HDF5, which would forget them.
  const std::string cause = h5_reason(kMostReasons);
  H5Eclear2(H5E_DEFAULT);
  // HDF5 passes on errno as a part of its text. What the disk says is all that a user can do something about.
  constexpr std::string_view kErrno = "errno = ";
  const std::size_t at = cause.find(kErrno);
  const int code = at == std::string::npos ? 0 : std::atoi(cause.c_str() + at + kErrno.size());
  if (code != 0) {
    const bool is_full = code == ENOSPC || code == EDQUOT;
    throw Error(Category::storage_failed, fmt::format("cannot {}: {}.{}", action, std::strerror(code),
                                                      is_full ? " Make room, then start again."
                                                              : " Check the disk and the file system."));
  }
  throw Error(Category::storage_failed,
              fmt::format("cannot {}: HDF5 says: {}.", action, cause.empty() ? "nothing" : cause));
}

// A failure to close is not reported here; where it matters, `close` was called before and has checked it.
H5Handle::~H5Handle() {
  if (id_ < 0) return;
  const H5Turn turn;  // owners end where nobody thinks of HDF5, on any thread
  close_(id_);
}

void H5Handle::close(std::string_view action) {
  // The id is given up first: after a failure the destructor must not try to close it again.
  const hid_t id = std::exchange(id_, H5I_INVALID_HID);
  if (id >= 0) h5_check(close_(id), action);
}

}  // namespace mpipe

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// The folder in which a program runs for one element.
#pragma once

#include "base/api/file.hpp"

#include <string>

namespace mpipe::detail {

/// Fresh and empty when it is made; removed at its end with all that is in it, unless it is kept. Symbolic links in
/// it are removed, not followed.
class ElementFolder {
 public:
  /// Makes `path`, which is below `base`, and what is missing between the two, which goes with the last folder in it.
  /// What an earlier attempt left there is removed first. Throws `Error`
  /// (storage_failed).
  ElementFolder(fs::path path, fs::path base);
  ~ElementFolder();
  ElementFolder(const ElementFolder&) = delete;
  ElementFolder& operator=(const ElementFolder&) = delete;

  const fs::path& path() const { return path_; }
  /// It stays, for somebody to look at.
  void keep() { kept_ = true; }

 private:
  fs::path path_;
  fs::path base_;
  bool kept_ = false;
};

}  // namespace mpipe::detail

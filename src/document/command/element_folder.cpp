// SPDX-License-Identifier: BSD-3-Clause
// Makes and removes the folders in which programs run.
#include "document/command/element_folder.hpp"

namespace mpipe::detail {
namespace {

constexpr int kMostTries = 100;

}  // namespace

ElementFolder::ElementFolder(fs::path path, fs::path base) : path_(std::move(path)), base_(std::move(base)) {
  std::error_code error;
  fs::remove_all(path_, error);
  // Another rank may remove a folder above it at this moment, as that has become empty.
  for (int tries = 0; tries < kMostTries; ++tries) {
    fs::create_directories(path_, error);
    if (error != std::errc::no_such_file_or_directory) break;
  }
  if (error) throw_file_error("make the folder of a command", path_, error.value());
}

ElementFolder::~ElementFolder() {
  std::error_code ignored;
  if (kept_) return;
  fs::remove_all(path_, ignored);
  // Those above it are shared with other elements. A folder that is not empty stays.
  for (fs::path above = path_.parent_path(); above != base_ && fs::remove(above, ignored);)
    above = above.parent_path();
}

}  // namespace mpipe::detail

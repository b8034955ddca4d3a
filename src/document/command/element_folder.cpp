// SPDX-License-Identifier: BSD-3-Clause
// Makes and removes the folders in which programs run.
#include "document/command/element_folder.hpp"

#include <chrono>
#include <thread>

namespace mpipe::detail {
namespace {

constexpr int kMostTries = 2000;
constexpr std::chrono::milliseconds kPause(1);

// Whether another rank has just removed a folder above it, as that had become empty. The kernel refuses to make anything
// in a folder from its removal on, but still finds the name for as long as the remover is not scheduled again, which
// on a busy core is longer than any number of tries without a pause between them.
bool removed_meanwhile(const std::error_code& error) {
  return error == std::errc::no_such_file_or_directory || error == std::errc::file_exists;
}

}  // namespace

ElementFolder::ElementFolder(fs::path path, fs::path base) : path_(std::move(path)), base_(std::move(base)) {
  std::error_code error;
  fs::remove_all(path_, error);
  fs::create_directories(path_, error);
  for (int tries = 0; removed_meanwhile(error) && tries < kMostTries; ++tries) {
    std::this_thread::sleep_for(kPause);
    fs::create_directories(path_, error);
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

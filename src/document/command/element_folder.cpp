// SPDX-License-Identifier: BSD-3-Clause
// Makes and removes the folders in which programs run.
#include "document/command/element_folder.hpp"

namespace mpipe::detail {

ElementFolder::ElementFolder(fs::path path) : path_(std::move(path)) {
  std::error_code error;
  fs::remove_all(path_, error);
  if (!error) fs::create_directories(path_, error);
  if (error) throw_file_error("make the folder of a command", path_, error.value());
}

ElementFolder::~ElementFolder() {
  std::error_code ignored;
  if (kept_) return;
  fs::remove_all(path_, ignored);
  // Those above it are shared with other elements, and go with the last one. A folder that is not empty stays.
  fs::remove(path_.parent_path(), ignored);
}

}  // namespace mpipe::detail

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "support/world.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace mpipe::test {

/// Each test has a temporary folder that all ranks know.
class SharedFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "mpipe-map-XXXXXX").string();
    if (world().is_root() && ::mkdtemp(path.data()) == nullptr) path.clear();
    folder_ = world().broadcast_text(path);
    ASSERT_FALSE(folder_.empty());
  }
  void TearDown() override {
    world().barrier();
    if (world().is_root()) std::filesystem::remove_all(folder_);
  }

  std::filesystem::path folder_;
};

}  // namespace mpipe::test

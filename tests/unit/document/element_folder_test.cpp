// SPDX-License-Identifier: BSD-3-Clause
// Tests of the folders in which programs run: many at once make and remove what they share.
#include "document/command/element_folder.hpp"

#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <exception>
#include <string>
#include <thread>
#include <vector>

namespace mpipe::detail {
namespace {

using test::TemporaryFolder;

TEST(ElementFolder, IsMadeWhileOthersRemoveWhatIsAboveIt) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 300;
  const TemporaryFolder place;
  std::vector<std::string> problems(kThreads);
  std::vector<std::thread> threads;
  for (int k = 0; k < kThreads; ++k)
    threads.emplace_back([&, k] {
      try {
        for (int round = 0; round < kRounds; ++round)
          ElementFolder(place / "work/y" / std::to_string(k), place / "work");
      } catch (const std::exception& error) {
        problems[k] = error.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& problem : problems) EXPECT_EQ(problem, "");
  EXPECT_FALSE(fs::exists(place / "work/y"));
}

TEST(ElementFolder, StaysWhenItIsKept) {
  const TemporaryFolder place;
  ElementFolder(place / "work/y/1", place / "work").keep();
  ElementFolder(place / "work/y/2", place / "work");
  EXPECT_TRUE(fs::exists(place / "work/y/1"));
  EXPECT_FALSE(fs::exists(place / "work/y/2"));
}

}  // namespace
}  // namespace mpipe::detail

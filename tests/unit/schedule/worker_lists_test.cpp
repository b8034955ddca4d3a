// SPDX-License-Identifier: BSD-3-Clause
#include "schedule/api/worker_lists.hpp"

#include <gtest/gtest.h>

namespace mpipe {
namespace {

std::vector<std::uint32_t> content(const WorkerLists& lists, WorkerPlace place) {
  std::vector<std::uint32_t> all;
  for (auto worker = lists.front(place); worker; worker = lists.next(*worker)) all.push_back(worker->value);
  EXPECT_EQ(static_cast<Index>(all.size()), lists.size(place));
  return all;
}

using List = std::vector<std::uint32_t>;

TEST(WorkerLists, KeepsTheOrderOfComing) {
  WorkerLists lists(4);
  EXPECT_EQ(content(lists, WorkerPlace::set_aside), (List{0, 1, 2, 3}));
  for (const std::uint32_t worker : {2, 0, 3}) lists.move({worker}, WorkerPlace::idle);
  EXPECT_EQ(content(lists, WorkerPlace::idle), (List{2, 0, 3}));
  EXPECT_EQ(content(lists, WorkerPlace::set_aside), (List{1}));
  lists.move({0}, WorkerPlace::one_block);  // from the middle
  EXPECT_EQ(content(lists, WorkerPlace::idle), (List{2, 3}));
  lists.move({2}, WorkerPlace::idle);  // to the end
  EXPECT_EQ(content(lists, WorkerPlace::idle), (List{3, 2}));
  lists.move({2}, WorkerPlace::one_block);
  lists.move({3}, WorkerPlace::one_block);
  EXPECT_EQ(content(lists, WorkerPlace::one_block), (List{0, 2, 3}));
  EXPECT_FALSE(lists.front(WorkerPlace::idle));
}

TEST(WorkerLists, MayBeEmpty) {
  const WorkerLists lists(0);
  EXPECT_FALSE(lists.front(WorkerPlace::set_aside));
}

}  // namespace
}  // namespace mpipe

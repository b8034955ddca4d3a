// SPDX-License-Identifier: BSD-3-Clause
// Resources in whole maps: what calls see, on every rank.
#include <mpipe/mpipe.hpp>

#include "support/environment.hpp"
#include "support/expect_error.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <set>

namespace mpipe {
namespace {

using test::contains;
using test::error_message;
using test::variable;
using test::WithVariable;
using test::world;

/// Process, devices and variables of each call.
std::string seen(double, const Resources& has) {
  std::string text = std::to_string(::getpid()) + ":";
  for (const int device : has.devices) text += std::to_string(device) + ",";
  return text + " CUDA " + variable("CUDA_VISIBLE_DEVICES").value_or("-") + " OMP " +
         variable("OMP_NUM_THREADS").value_or("-");
}

Pipeline asking(const Resources& needs) {
  return {function("y", seen).parameters("x").mapspec("x[i] -> y[i]").thread_safe().resources(needs)};
}

std::vector<std::string> all_seen(const Resources& needs, const MapOptions& options = {}) {
  const Results results = map(asking(needs), world(), {{"x", linspace(0, 1, 40)}}, options);
  return world().is_root() ? results.get<std::vector<std::string>>("y") : std::vector<std::string>{};
}

class MapResources : public ::testing::Test {
 protected:
  WithVariable devices_{"MPIPE_GPUS", std::nullopt};
  WithVariable cuda_{"CUDA_VISIBLE_DEVICES", std::nullopt};
  WithVariable rocr_{"ROCR_VISIBLE_DEVICES", std::nullopt};
  WithVariable hip_{"HIP_VISIBLE_DEVICES", std::nullopt};
  WithVariable threads_{"OMP_NUM_THREADS", std::nullopt};
};

TEST_F(MapResources, ThreadsOfEveryCall) {
  Resources needs;
  needs.threads = 1;
  for (const std::string& text : all_seen(needs)) EXPECT_TRUE(contains(text, ": CUDA - OMP 1"));
  EXPECT_EQ(variable("OMP_NUM_THREADS"), std::nullopt);
}

TEST_F(MapResources, NoTwoProcessesHaveTheSameDevice) {
  const WithVariable devices("MPIPE_GPUS", std::to_string(2 * world().size()));
  Resources needs;
  needs.gpus = 2;
  std::map<std::string, std::string> owner;  // of a device
  MapOptions options;
  options.chunksizes = {{"", 1}};
  for (const std::string& text : all_seen(needs, options)) {
    const std::size_t colon = text.find(':');
    const std::string process = text.substr(0, colon);
    const std::string first = text.substr(colon + 1, text.find(',') - colon - 1);
    const std::string second = std::to_string(std::stoi(first) + 1);
    EXPECT_EQ(text, process + ":" + first + "," + second + ", CUDA " + first + "," + second + " OMP -");
    for (const std::string& device : {first, second})
      EXPECT_EQ(owner.try_emplace(device, process).first->second, process) << "device " << device;
  }
  EXPECT_EQ(variable("CUDA_VISIBLE_DEVICES"), std::nullopt);
}

TEST_F(MapResources, RankZeroOnlySchedulesWhereTheOthersNeedTheDevices) {
  if (world().size() == 1) GTEST_SKIP() << "there are no others";
  const WithVariable devices("MPIPE_GPUS", std::to_string(world().size() - 1));
  Resources needs;
  needs.gpus = 1;
  const std::string here = std::to_string(::getpid()) + ":";
  for (const std::string& text : all_seen(needs)) EXPECT_FALSE(text.starts_with(here)) << text;
}

TEST_F(MapResources, WhatCannotBeMetIsRefusedOnEveryRankBeforeAnyCall) {
  const WithVariable devices("MPIPE_GPUS", "1");
  const auto refusal = [](const Resources& needs) {
    return error_message(Category::bad_option, [&] { all_seen(needs); });
  };
  Resources needs;
  needs.threads = 100'000;
  EXPECT_TRUE(contains(refusal(needs), "function 'y' needs 100000 threads, but the node"));
  needs = {};
  needs.gpus = 2;
  EXPECT_TRUE(contains(refusal(needs), "function 'y' needs 2 gpus, but the node"));
  needs = {};
  needs.memory = std::uint64_t{1} << 60U;
  EXPECT_TRUE(contains(refusal(needs), "bytes of memory, but the node"));
  needs = {};
  needs.gpus = 1;
  if (world().size() > 2) {
    EXPECT_TRUE(contains(refusal(needs), "a call needs 1 gpus"));
  }
}

TEST_F(MapResources, ADamagedVariableOnOneRankIsToldToAll) {
  const bool mine = world().rank() == world().size() - 1;
  const WithVariable devices("MPIPE_GPUS", mine ? "many" : "8");
  Resources needs;
  needs.gpus = 1;
  const auto message = error_message(Category::bad_option, [&] { all_seen(needs); });
  EXPECT_TRUE(contains(message, "MPIPE_GPUS is 'many'"));
}

}  // namespace
}  // namespace mpipe

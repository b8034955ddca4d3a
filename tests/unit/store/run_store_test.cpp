// SPDX-License-Identifier: BSD-3-Clause
// A store from its creation to its end, on any number of ranks.
#include <mpipe/core/error.hpp>

#include "unit/store/store_fixture.hpp"

namespace mpipe::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLate = 10;
constexpr std::size_t kVolatile = 11;

Index elements_of(const OutputLayout& output) {
  return element_count(known_shape(external_shape(output, true)));
}

RangeSet all_of(const OutputLayout& output) { return RangeSet{{0, elements_of(output)}}; }

/// Everything, but for the late output in a shape that is told in between.
void compute_everything(TestRun& run, Index block) {
  for (std::size_t k = 0; k < run.layout().outputs.size(); ++k) {
    if (k == kLate) run.set_shape(k, {7, 4});
    run.compute_all(k, {0, elements_of(run.layout().outputs[k])}, block);
  }
}

TEST(RunStore, WhatWasStoredIsThereAfterACompleteRun) {
  const SharedFolder folder(test_communicator());
  TestRun run(every_kind());
  run.create(folder.path());
  compute_everything(run, 5);
  run.store().resolve(kLate, {7, 4});
  run.commit();
  for (std::size_t k = 0; k < run.layout().outputs.size(); ++k)
    EXPECT_EQ(run.store().stored()[k], all_of(run.layout().outputs[k])) << run.layout().outputs[k].name;
  run.finish();
  run.drop();
  test_communicator().barrier();
  EXPECT_FALSE(fs::exists(folder.path() / "journal"));
  EXPECT_FALSE(fs::exists(folder.path() / "segments"));
  test_communicator().barrier();

  TestRun again(every_kind());
  again.resume(folder.path());
  for (std::size_t k = 0; k < run.layout().outputs.size(); ++k)
    again.expect_stored(k, all_of(run.layout().outputs[k]));
  again.finish();
}

}  // namespace
}  // namespace mpipe::test

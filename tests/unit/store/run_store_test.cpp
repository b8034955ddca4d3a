// SPDX-License-Identifier: BSD-3-Clause
// A store from its creation to its end, on any number of ranks.
#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

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

/// Values of a whole output as `RunReader` gives them: with the axes as the mapspec has them.
void expect_read_back(const fs::path& folder) {
  RunReader reader(folder);
  EXPECT_TRUE(reader.complete());
  for (std::size_t k = 0; k < reader.outputs().size(); ++k) {
    const OutputLayout& layout = reader.outputs()[k];
    const Value all = reader.read_all(k);
    ASSERT_EQ(all.shape(), known_shape(layout.shape)) << layout.name;
    ASSERT_EQ(all.type(), *layout.type);
    const Shape outer = reader.external_shape(k);
    const Shape inner = known_shape(external_shape(layout, false));
    for (Index place = 0; place < all.count(); ++place) {
      const MultiIndex at = multi_index(place, all.shape());
      MultiIndex element, item;
      for (std::size_t axis = 0; axis < at.size(); ++axis)
        (layout.external[axis] ? element : item).push_back(at[axis]);
      const auto found = all.element(place);
      ASSERT_EQ(Bytes(found.begin(), found.end()),
                expected_value(*layout.type, k, linear_index(element, outer), linear_index(item, inner)))
          << layout.name << " at " << index_to_string(at);
    }
  }
  ASSERT_EQ(reader.inputs().size(), 3u);
  EXPECT_EQ(reader.inputs()[0].value, every_kind().inputs[0].value);
  EXPECT_EQ(reader.inputs()[1].value, every_kind().inputs[1].value);
  EXPECT_EQ(reader.inputs()[2].value, every_kind().inputs[2].value);
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
  again.drop();
  if (test_communicator().is_root()) {
    EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{});
    expect_read_back(folder.path());
  }
}

}  // namespace
}  // namespace mpipe::test

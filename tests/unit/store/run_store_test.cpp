// SPDX-License-Identifier: BSD-3-Clause
// A store from its creation to its end, on any number of ranks.
#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

#include "unit/store/store_fixture.hpp"

namespace mpipe::test {
namespace {

ElementStates states(const RangeSet& done, const RangeSet& failed, const RangeSet& blocked) {
  ElementStates all;
  all.add_done(done);
  all.add_failed(failed);
  all.add_blocked(blocked);
  return all;
}

namespace fs = std::filesystem;

Index elements_of(const OutputLayout& output) {
  return element_count(known_shape(external_shape(output, true)));
}

RangeSet all_of(const OutputLayout& output) { return RangeSet{{0, elements_of(output)}}; }

/// Everything, but for the late output in a shape that is told in between.
void compute_everything(TestRun& run, Index block) {
  run.set_late_shapes({7, 4});
  for (std::size_t k = 0; k < run.layout().outputs.size(); ++k)
    run.compute_all(k, {0, elements_of(run.layout().outputs[k])}, block);
}

/// A box in the middle has the values that all of the output has there.
void expect_middle(RunReader& reader, std::size_t k, const Value& all) {
  IndexBox box{MultiIndex(all.rank(), 0), all.shape()};
  for (std::size_t axis = 0; axis < all.rank(); ++axis)
    if (box.end[axis] > 2) {
      box.begin[axis] = 1;
      --box.end[axis];
    }
  const Value middle = reader.read_box(k, box);
  ASSERT_EQ(middle.shape(), box.shape());
  for (Index place = 0; place < middle.count(); ++place) {
    MultiIndex at = multi_index(place, middle.shape());
    for (std::size_t axis = 0; axis < at.size(); ++axis) at[axis] += box.begin[axis];
    const auto found = middle.element(place);
    const auto expected = all.element(linear_index(at, all.shape()));
    ASSERT_EQ(Bytes(found.begin(), found.end()), Bytes(expected.begin(), expected.end()))
        << reader.outputs()[k].name << " at " << index_to_string(at);
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
    expect_middle(reader, k, all);
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
  run.resolve_late_shapes({7, 4});
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

RunLayout one(OutputLayout output) {
  RunLayout layout;
  layout.run_id = "one-output";
  layout.outputs = {std::move(output)};
  return layout;
}

const ElementType& f64() { return element_type(Kind::float64); }

/// Runs to the end, and looks at what is in the folder then.
void finish_and_check(TestRun& run, const fs::path& folder) {
  run.finish();
  run.drop();
  test_communicator().barrier();
  if (test_communicator().is_root()) {
    EXPECT_EQ(verify_run_store(folder), std::vector<std::string>{});
  }
  test_communicator().barrier();
}

TEST(RunStore, ARunOfNothing) {
  const SharedFolder folder(test_communicator());
  TestRun run(every_kind());
  run.create(folder.path());
  run.commit();
  finish_and_check(run, folder.path());
  TestRun nothing(RunLayout{"nothing", {}, {}});
  const SharedFolder empty(test_communicator());
  nothing.create(empty.path());
  finish_and_check(nothing, empty.path());
}

TEST(RunStore, ProgressIsThatOfTheLastCommit) {
  const SharedFolder folder(test_communicator());
  TestRun run(one(plain_output("x", f64(), {"i"}, {100})));
  run.create(folder.path());
  run.compute_all(0, {0, 50}, 3);
  EXPECT_TRUE(run.store().progress()[0].done().empty());
  run.commit();
  EXPECT_EQ(run.store().progress()[0].done(), (RangeSet{{0, 50}}));
  EXPECT_EQ(run.store().journal_bytes(), 0u);
  run.compute_all(0, {50, 100}, 7);
  run.commit();
  EXPECT_EQ(run.store().progress()[0].done(), (RangeSet{{0, 100}}));
  run.expect_stored(0, RangeSet{{0, 100}});
  finish_and_check(run, folder.path());
}

/// Large enough for slabs that all writers write together, in blocks that lie anywhere.
void store_much(StoreOptions options, Index block) {
  const SharedFolder folder(test_communicator());
  TestRun run(one(plain_output("x", f64(), {"i", "j"}, {300, 1000})));
  run.options() = options;
  run.create(folder.path());
  run.compute_all(0, {0, 100'000}, block);
  run.commit();
  run.compute_all(0, {150'000, 299'999}, block);
  run.commit();
  run.compute_all(0, {100'000, 150'000}, block + 1);
  run.commit();
  run.expect_stored(0, RangeSet{{0, 299'999}});
  finish_and_check(run, folder.path());
}

TEST(RunStore, SlabsThroughTheWriters) {
  StoreOptions options;
  options.direct_write_bytes = std::uint64_t{1} << 40;
  options.round_bytes = std::uint64_t{300} << 10;
  store_much(options, 1234);
}

TEST(RunStore, SmallBlocksThroughTheWriters) {
  StoreOptions options;
  options.direct_write_bytes = std::uint64_t{1} << 40;
  options.writers_per_node = 1;
  store_much(options, 11);
}

TEST(RunStore, StraightIntoTheFile) {
  StoreOptions options;
  options.direct_write_bytes = 1;
  options.writers_per_node = 3;
  store_much(options, 1000);
}

TEST(RunStore, WithoutReadBackAndSync) {
  StoreOptions options;
  options.read_back = false;
  options.sync = false;
  store_much(options, 5000);
}

TEST(RunStore, ScatteredElementsShareWindows) {
  const SharedFolder folder(test_communicator());
  TestRun run(one(plain_output("x", f64(), {"i"}, {4000})));
  run.create(folder.path());
  RangeSet some;
  for (Index k = 0; k < 4000; k += 3) {
    if (k % test_communicator().size() == test_communicator().rank()) run.compute(0, {k, k + 1});
    some.insert({k, k + 1});
  }
  run.commit();
  run.expect_stored(0, some);
  finish_and_check(run, folder.path());
}

TEST(RunStore, ElementsThatSeveralRanksComputed) {
  const SharedFolder folder(test_communicator());
  TestRun run(one(plain_output("x", f64(), {"i"}, {1000})));
  run.options().direct_write_bytes = std::uint64_t{1} << 40;
  run.create(folder.path());
  const Index first = test_communicator().rank() * 100;
  run.compute(0, {first, first + 400});
  run.commit();
  run.expect_stored(0, RangeSet{{0, (test_communicator().size() - 1) * 100 + 400}});
  finish_and_check(run, folder.path());
}

TEST(RunStore, FollowedWhileItRuns) {
  const SharedFolder folder(test_communicator());
  TestRun run(one(plain_output("x", f64(), {"i"}, {100})));
  run.options().local_commit_interval = std::chrono::milliseconds(0);
  run.options().sync_interval = std::chrono::milliseconds(1);
  run.create(folder.path());
  run.compute_all(0, {0, 60}, 4);
  test_communicator().barrier();
  TimePoint now{};
  for (int k = 0; k < 3; ++k) run.store().maintain(now += std::chrono::seconds(1));
  test_communicator().barrier();
  if (test_communicator().is_root()) {
    // What is in the file, whatever the journals say.
    fs::rename(folder.path() / "journal", folder.path() / "hidden");
    const RunReader reader(folder.path());
    EXPECT_EQ(reader.progress(0).done(), (RangeSet{{0, 60}}));
    fs::rename(folder.path() / "hidden", folder.path() / "journal");
    EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{});
  }
  test_communicator().barrier();
  run.compute_all(0, {60, 100}, 4);
  run.commit();
  run.store().flush();
  run.expect_stored(0, RangeSet{{0, 100}});
  finish_and_check(run, folder.path());
}

TEST(RunStore, FailedAndBlockedElements) {
  const SharedFolder folder(test_communicator());
  TestRun run(one(plain_output("x", f64(), {"i"}, {20})));
  run.create(folder.path());
  run.compute_all(0, {0, 10}, 3);
  if (test_communicator().is_root()) {
    run.store().mark(0, {10, 13}, ElementStatus::failed);
    run.store().mark(0, {13, 15}, ElementStatus::blocked);
  }
  run.commit();
  EXPECT_EQ(run.store().progress()[0], states({{0, 10}}, {{10, 13}}, {{13, 15}}));
  run.compute_all(0, {11, 14}, 1);
  run.commit();
  EXPECT_EQ(run.store().progress()[0], states({{0, 10}, {11, 14}}, {{10, 11}}, {{14, 15}}));
  finish_and_check(run, folder.path());
  TestRun again(run.layout());
  again.resume(folder.path());
  EXPECT_EQ(again.store().progress()[0], states({{0, 10}, {11, 14}}, {{10, 11}}, {{14, 15}}));
  again.drop();
  test_communicator().barrier();
  again.options().keep_failed = false;
  again.resume(folder.path());
  EXPECT_EQ(again.store().progress()[0], states({{0, 10}, {11, 14}}, {}, {}));
  finish_and_check(again, folder.path());
}

TEST(RunStore, AShapeThatComesAfterElements) {
  const SharedFolder folder(test_communicator());
  TestRun run(one(output("x", f64(), {"i", "u"}, {true, false}, {{40}, {}})));
  run.create(folder.path());
  EXPECT_FALSE(is_known(run.store().outputs()[0].shape));
  run.set_shape(0, {40, 6});
  run.compute_all(0, {0, 20}, 3);
  run.commit();
  EXPECT_EQ(run.store().stored()[0], (RangeSet{{0, 20}}));
  run.release(0);
  run.store().resolve({{0, {40, 6}}});
  run.store().resolve({{0, {40, 6}}});
  try {
    run.store().resolve({{0, {40, 7}}});
    ADD_FAILURE() << "another shape was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::internal_shape_mismatch);
  }
  run.compute_all(0, {20, 40}, 3);
  run.commit();
  run.expect_stored(0, RangeSet{{0, 40}});
  finish_and_check(run, folder.path());
}

TEST(RunStore, ElementsOfTheWrongShapeAreRefused) {
  const SharedFolder folder(test_communicator());
  TestRun run(one(output("x", f64(), {"i", "u"}, {true, false}, {{4}, {3}})));
  run.create(folder.path());
  PartialArray other(f64(), {4}, Shape{2});
  other.mark({0, 1});
  try {
    run.store().append(0, {0, 1}, other);
    ADD_FAILURE() << "another shape was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::internal_shape_mismatch);
  }
  finish_and_check(run, folder.path());
}

TEST(RunStore, NamesThatCollideAreRefused) {
  const SharedFolder folder(test_communicator());
  RunLayout layout = one(plain_output("x", f64(), {"i"}, {4}));
  layout.outputs.push_back(plain_output("x__status", f64(), {"i"}, {4}));
  TestRun run(layout);
  try {
    run.create(folder.path());
    ADD_FAILURE() << "two things got the same name";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), Category::bad_identifier);
    EXPECT_NE(std::string(error.what()).find("x__status"), std::string::npos);
  }
  test_communicator().barrier();
  EXPECT_TRUE(fs::is_empty(folder.path()));
  test_communicator().barrier();
}

TEST(RunStore, ASelectionTakesRoomForItselfOnly) {
  const SharedFolder folder(test_communicator());
  RunLayout layout = one(plain_output("x", f64(), {"i", "j"}, {10'000, 10'000}));
  layout.outputs[0].selected = RangeSet{{30'000'000, 30'001'000}, {70'000'500, 70'000'700}};
  TestRun run(layout);
  run.create(folder.path());
  EXPECT_LT(fs::file_size(folder.path() / "results.h5"), 20'000'000u);
  run.compute_all(0, {30'000'000, 30'001'000}, 77);
  run.compute_all(0, {70'000'500, 70'000'700}, 77);
  run.commit();
  run.expect_stored(0, *layout.outputs[0].selected);
  run.finish(false);
  run.drop();
  test_communicator().barrier();
  // Another selection needs more room; what is there stays.
  layout.outputs[0].selected = RangeSet{{0, 500}};
  TestRun more(layout);
  more.resume(folder.path());
  more.compute_all(0, {0, 500}, 77);
  more.commit();
  more.expect_stored(0, RangeSet{{0, 500}, {30'000'000, 30'001'000}, {70'000'500, 70'000'700}});
  more.finish();
  EXPECT_LT(fs::file_size(folder.path() / "results.h5"), 20'000'000u);
}

TEST(RunStore, AnotherSelectionKeepsWhatWasOnlyInJournals) {
  const SharedFolder folder(test_communicator());
  RunLayout layout = one(plain_output("x", f64(), {"i", "j"}, {10'000, 10'000}));
  layout.outputs[0].selected = RangeSet{{0, 500}};
  TestRun run(layout);
  run.create(folder.path());
  run.compute_all(0, {0, 500}, 77);
  run.drop();  // killed before any commit
  test_communicator().barrier();
  layout.outputs[0].selected = RangeSet{{30'000'000, 30'001'000}};
  TestRun more(layout);
  more.resume(folder.path());
  more.expect_stored(0, RangeSet{{0, 500}});
  more.compute_all(0, {30'000'000, 30'001'000}, 77);
  more.commit();
  more.expect_stored(0, RangeSet{{0, 500}, {30'000'000, 30'001'000}});
  more.finish();
}

}  // namespace
}  // namespace mpipe::test

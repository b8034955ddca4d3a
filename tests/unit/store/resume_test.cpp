// SPDX-License-Identifier: BSD-3-Clause
// What is left when a run ends in the middle, or when its files are damaged.
#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

#include "base/api/file.hpp"
#include "store/output/element_order.hpp"
#include "unit/store/store_fixture.hpp"

#include <cmath>
#include <fstream>

namespace mpipe::test {
namespace {

const ElementType& f64() { return element_type(Kind::float64); }

RunLayout one(OutputLayout output) {
  RunLayout layout;
  layout.run_id = "one-output";
  layout.outputs = {std::move(output)};
  return layout;
}

const Communicator& comm() { return test_communicator(); }

Index elements_of(const OutputLayout& output) {
  return element_count(known_shape(external_shape(output, true)));
}

/// Changes one byte behind the first place where `bytes` are in the file.
void damage(const fs::path& path, const Bytes& bytes) {
  auto content = read_bytes(path);
  const auto at = std::search(content.begin(), content.end(), bytes.begin(), bytes.end());
  ASSERT_NE(at, content.end());
  *at ^= std::byte{1};
  File(path, File::Mode::update).write_at(0, content);
}

template <class Step>
void expect_error(Category category, const Step& step) {
  try {
    step();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.category(), category) << error.what();
  }
}

void expect_no_faults(const fs::path& folder) {
  comm().barrier();
  if (comm().is_root()) {
    EXPECT_EQ(verify_run_store(folder), std::vector<std::string>{});
  }
  comm().barrier();
}

TEST(Resume, AfterACrashEverythingAppendedIsThere) {
  const SharedFolder folder(comm());
  TestRun run(every_kind());
  run.create(folder.path());
  run.set_late_shapes({7, 4});
  for (std::size_t k = 0; k < run.layout().outputs.size(); ++k) {
    run.compute_all(k, {0, elements_of(run.layout().outputs[k])}, 2);
  }
  run.drop();
  expect_no_faults(folder.path());

  TestRun again(every_kind());
  again.resume(folder.path());
  for (std::size_t k = 0; k < again.layout().outputs.size(); ++k) {
    const OutputLayout& output = again.layout().outputs[k];
    if (output.durable()) again.expect_stored(k, RangeSet{{0, elements_of(output)}});
    if (!output.durable()) {
      EXPECT_TRUE(again.store().stored()[k].empty());
    }
  }
  again.finish();
  expect_no_faults(folder.path());
}

TEST(Resume, SeveralCrashesOnOtherNumbersOfRanks) {
  const SharedFolder folder(comm());
  const RunLayout layout = every_kind();
  TestRun run(layout);
  run.create(folder.path());
  run.set_late_shapes({7, 4});
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    run.compute_all(k, {0, elements_of(layout.outputs[k]) / 3}, 1);
  run.commit();
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    run.compute_all(k, {elements_of(layout.outputs[k]) / 3, elements_of(layout.outputs[k]) / 2}, 1);
  run.drop();
  comm().barrier();
  if (comm().is_root()) {
    TestRun alone(layout, Communicator());
    alone.resume(folder.path());
    for (std::size_t k = 0; k < layout.outputs.size(); ++k) {
      if (!alone.store().outputs()[k].shape_known()) {
        EXPECT_TRUE(alone.store().stored()[k].empty()) << layout.outputs[k].name;
        alone.set_shape(k, {7, 4});
        alone.compute(k, {0, 1});
        continue;
      }
      const Index elements = elements_of(layout.outputs[k]);
      const Index third = elements / 3;
      const Index half = layout.outputs[k].durable() ? elements / 2 : third;
      alone.expect_stored(k, half > 0 ? RangeSet{{0, half}} : RangeSet{});
      if (half < elements) alone.compute(k, {half, half + 1});
    }
    alone.drop();
    EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{});
  }
  comm().barrier();
  TestRun last(layout);
  last.resume(folder.path());
  last.resolve_late_shapes({7, 4});
  last.set_late_shapes({7, 4});
  for (std::size_t k = 0; k < layout.outputs.size(); ++k) {
    const RangeSet rest = RangeSet{{0, elements_of(layout.outputs[k])}}.difference(last.store().stored()[k]);
    for (const IndexRange& range : rest.ranges()) last.compute_all(k, range, 2);
  }
  last.commit();
  for (std::size_t k = 0; k < layout.outputs.size(); ++k)
    last.expect_stored(k, RangeSet{{0, elements_of(layout.outputs[k])}});
  last.finish();
  expect_no_faults(folder.path());
}

TEST(Resume, AStoppedRunGoesOn) {
  const SharedFolder folder(comm());
  TestRun run(every_kind());
  run.create(folder.path());
  run.compute_all(8, {0, 30}, 4);
  run.compute_all(9, {2, 5}, 1);
  run.finish(false);
  run.drop();
  expect_no_faults(folder.path());
  TestRun again(every_kind());
  again.resume(folder.path());
  again.expect_stored(8, RangeSet{{0, 30}});
  again.expect_stored(9, RangeSet{{2, 5}});
  again.compute_all(8, {30, 77}, 4);
  again.finish();
  again.drop();
  expect_no_faults(folder.path());
  // A complete run is resumed with more to do: what it has is taken from the complete file.
  TestRun more(every_kind());
  more.resume(folder.path());
  more.expect_stored(8, RangeSet{{0, 77}});
  more.compute_all(9, {0, 2}, 1);
  more.commit();
  more.expect_stored(9, RangeSet{{0, 5}});
  more.finish();
  expect_no_faults(folder.path());
}

TEST(Resume, DamagedValuesArePendingAgain) {
  const SharedFolder folder(comm());
  TestRun run(one(plain_output("x", f64(), {"i"}, {50})));
  run.create(folder.path());
  run.compute_all(0, {0, 50}, 5);
  run.commit();
  run.drop();
  comm().barrier();
  if (comm().is_root()) {
    damage(folder.path() / "results.h5", expected_value(f64(), 0, 17, 0));
    const std::vector<std::string> faults = verify_run_store(folder.path());
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_NE(faults[0].find("'x'"), std::string::npos) << faults[0];
  }
  comm().barrier();
  TestRun again(run.layout());
  again.resume(folder.path());
  const RangeSet stored = again.store().stored()[0];
  EXPECT_FALSE(stored.contains(Index{17}));
  again.expect_stored(0, stored);
  if (comm().is_root()) {
    RunReader reader(folder.path());
    EXPECT_EQ(reader.progress(0).done(), stored);
    const Value all = reader.read_all(0);
    for (Index k = 0; k < 50; ++k)
      EXPECT_EQ(std::isnan(all.as<std::vector<double>>()[static_cast<std::size_t>(k)]), !stored.contains(k));
  }
  comm().barrier();
  const RangeSet rest = RangeSet{{0, 50}}.difference(stored);
  for (const IndexRange& range : rest.ranges()) again.compute_all(0, range, 2);
  again.finish();
  expect_no_faults(folder.path());
}

TEST(Resume, DamagedValuesComeFromJournalsThatAreStillThere) {
  const SharedFolder folder(comm());
  TestRun run(one(plain_output("x", f64(), {"i"}, {50})));
  run.create(folder.path());
  run.compute_all(0, {0, 50}, 5);
  comm().barrier();     // a writer moves what others have written by then
  run.store().flush();  // into the file, journals stay
  run.drop();
  comm().barrier();
  if (comm().is_root()) damage(folder.path() / "results.h5", expected_value(f64(), 0, 3, 0));
  comm().barrier();
  TestRun again(run.layout());
  again.resume(folder.path());
  again.expect_stored(0, RangeSet{{0, 50}});
  again.finish();
  expect_no_faults(folder.path());
}

TEST(Resume, AFileThatWasCutIsNotCalledComplete) {
  const SharedFolder folder(comm());
  TestRun run(one(plain_output("x", f64(), {"i"}, {50})));
  run.create(folder.path());
  run.compute_all(0, {0, 50}, 5);
  run.commit();
  if (comm().is_root()) {
    const fs::path results = folder.path() / "results.h5";
    const auto size = fs::file_size(results);
    fs::resize_file(results, 10);
    fs::resize_file(results, size);  // as writing behind the cut does
  }
  comm().barrier();
  expect_error(Category::storage_failed, [&] { run.finish(); });
}

TEST(Resume, AJournalDamagedWhileTheRunGoesOn) {
  const SharedFolder folder(comm());
  TestRun run(one(plain_output("x", element_type(Kind::string), {"i"}, {50})));
  run.create(folder.path());
  run.compute_all(0, {0, 50}, 5);
  run.commit();
  if (comm().is_root())
    damage(folder.path() / "journal" / "rank-0000.kept-01.log",
           expected_value(element_type(Kind::string), 0, 2, 0));
  comm().barrier();
  expect_error(Category::storage_failed, [&] { run.finish(); });
  run.drop();
  comm().barrier();
  TestRun again(run.layout());
  again.resume(folder.path());
  const RangeSet rest = RangeSet{{0, 50}}.difference(again.store().stored()[0]);
  EXPECT_TRUE(rest.contains(Index{2}));
  for (const IndexRange& range : rest.ranges()) again.compute_all(0, range, 5);
  again.commit();
  again.expect_stored(0, RangeSet{{0, 50}});
  again.finish();
  expect_no_faults(folder.path());
}

TEST(Resume, ATornFrameIsNotBelieved) {
  const SharedFolder folder(comm());
  TestRun run(one(plain_output("x", f64(), {"i"}, {50})));
  run.create(folder.path());
  if (comm().is_root()) {
    run.compute(0, {0, 10});
    run.compute(0, {10, 20});
    run.compute(0, {20, 30});
  }
  run.drop();
  comm().barrier();
  const fs::path journal = folder.path() / "journal" / "rank-0000.log";
  if (comm().is_root()) fs::resize_file(journal, fs::file_size(journal) - 1);
  comm().barrier();
  TestRun again(run.layout());
  again.resume(folder.path());
  again.expect_stored(0, RangeSet{{0, 20}});
  again.finish();
  expect_no_faults(folder.path());
}

TEST(Resume, FilesThatWereRemovedAreMadeAgain) {
  for (const char* name : {"results.h5", "run.json", "results.extents", "journal"}) {
    const SharedFolder folder(comm());
    TestRun run(one(plain_output("x", f64(), {"i"}, {50})));
    run.create(folder.path());
    run.compute_all(0, {0, 50}, 5);
    run.commit();
    run.drop();
    comm().barrier();
    if (comm().is_root()) fs::remove_all(folder.path() / name);
    comm().barrier();
    TestRun again(run.layout());
    again.resume(folder.path());
    const RangeSet stored = again.store().stored()[0];
    again.expect_stored(0, stored);
    const RangeSet rest = RangeSet{{0, 50}}.difference(stored);
    for (const IndexRange& range : rest.ranges()) again.compute_all(0, range, 2);
    again.commit();
    again.expect_stored(0, RangeSet{{0, 50}});
    again.finish();
    expect_no_faults(folder.path());
  }
}

TEST(Resume, AnotherRunIsRefused) {
  const SharedFolder folder(comm());
  const RunLayout layout = one(plain_output("x", f64(), {"i"}, {50}));
  TestRun run(layout);
  run.create(folder.path());
  run.drop();
  comm().barrier();
  std::vector<RunLayout> others(3, layout);
  others[0].outputs[0].type = &element_type(Kind::int32);
  others[1].outputs[0].shape = {{51}};
  others[2].outputs[0].axes = {"j"};
  for (const RunLayout& other : others) {
    TestRun again(other);
    expect_error(Category::resume_mismatch, [&] { again.resume(folder.path()); });
  }
  // Files of another run in this folder.
  const SharedFolder elsewhere(comm());
  RunLayout other = layout;
  other.run_id = "another";
  TestRun another(other);
  another.create(elsewhere.path());
  another.drop();
  comm().barrier();
  if (comm().is_root()) fs::rename(elsewhere.path() / "results.h5", folder.path() / "results.h5");
  comm().barrier();
  TestRun again(layout);
  expect_error(Category::resume_mismatch, [&] { again.resume(folder.path()); });
}

/// Two functions, of which the second needs the first.
RunDescription chain() {
  RunDescription run;
  run.run_id = "chain";
  run.outputs = {plain_output("x", f64(), {"i"}, {40}),
                 plain_output("y", f64(), {"i"}, {40}),
                 plain_output("text", element_type(Kind::string), {"i"}, {40}),
                 output("late", f64(), {"i", "k"}, {true, false}, {{40}, {}}),
                 plain_output("kept", f64(), {"i"}, {40}),
                 plain_output("file", f64(), {"i"}, {40})};
  run.outputs[5].storage = StorageKind::file;
  run.functions = {{"x", {"x"}, {"a"}, {{"expr", "a"}}, {}},
                   {"y", {"y"}, {"x"}, {{"expr", "x"}}, {{"libone.so", "11"}}},
                   {"text", {"text", "late"}, {"y"}, {{"expr", "y"}}, {}},
                   {"kept", {"kept"}, {"x"}, {{"expr", "-x"}}, {}},
                   {"file", {"file"}, {"late"}, {{"expr", "sum(late)"}}, {}}};
  return run;
}

void expect_redone(TestRun& again, bool finished) {
  const RangeSet all{{0, 40}};
  for (const std::size_t k : {std::size_t{0}, std::size_t{4}}) again.expect_stored(k, all);
  for (const std::size_t k : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{5}})
    EXPECT_TRUE(again.store().stored()[k].empty()) << k << (finished ? " of a run that ended" : "");
}

TEST(Resume, OutputsThatAreRedoneAreForgottenWithAllThatNeedsThem) {
  for (const bool finished : {false, true}) {
    const SharedFolder folder(comm());
    TestRun run(RunLayout{});
    run.layout() = chain();
    run.create(folder.path());
    run.set_shape(3, {40, 3});
    for (std::size_t k = 0; k < 6; ++k) run.compute_all(k, {0, 40}, 4);
    run.commit();
    if (finished) run.store().resolve({{3, {40, 3}}});
    run.finish(finished);
    run.drop();
    comm().barrier();
    // The code of y has changed since, and the shape of what is made from it.
    TestRun again(RunLayout{});
    again.layout() = chain();
    again.layout().functions[1].code["libone.so"] = "22";
    expect_error(Category::resume_mismatch, [&] { again.resume(folder.path()); });
    again.resume(folder.path(), {"y"});
    expect_redone(again, finished);
    EXPECT_FALSE(again.store().outputs()[3].shape_known());
    again.drop();
    comm().barrier();
    // What was forgotten stays so, and the run is one of the new code now.
    again.resume(folder.path());
    expect_redone(again, finished);
    again.set_shape(3, {40, 5});
    for (const std::size_t k : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{5}})
      again.compute_all(k, {0, 40}, 4);
    again.commit();
    again.store().resolve({{3, {40, 5}}});
    again.finish();
    expect_no_faults(folder.path());
  }
}

TEST(Resume, ARunGrowsByOutputsAndKeepsThoseThatNobodyAsksFor) {
  const SharedFolder folder(comm());
  TestRun run(one(plain_output("x", f64(), {"i"}, {50})));
  run.create(folder.path());
  run.compute_all(0, {0, 30}, 5);
  run.finish(false);
  run.drop();
  comm().barrier();
  // Another output alone: what is there of the first one stays.
  TestRun other(one(plain_output("y", f64(), {"i"}, {50})));
  other.resume(folder.path());
  ASSERT_EQ(other.store().outputs().size(), 2u);
  EXPECT_EQ(other.store().outputs()[1].name, "y");
  other.compute_all(1, {0, 50}, 5);
  other.expect_stored(0, RangeSet{{0, 30}});
  other.finish();
  other.drop();
  comm().barrier();
  TestRun both(one(plain_output("x", f64(), {"i"}, {50})));
  both.layout().outputs.push_back(plain_output("y", f64(), {"i"}, {50}));
  both.resume(folder.path());
  both.expect_stored(0, RangeSet{{0, 30}});
  both.expect_stored(1, RangeSet{{0, 50}});
  both.compute_all(0, {30, 50}, 5);
  both.finish();
  expect_no_faults(folder.path());
}

TEST(Resume, AFileThatIsNoHdf5IsAnError) {
  const SharedFolder folder(comm());
  TestRun run(one(plain_output("x", f64(), {"i"}, {50})));
  run.create(folder.path());
  run.drop();
  comm().barrier();
  if (comm().is_root()) fs::resize_file(folder.path() / "results.h5", 100);
  comm().barrier();
  TestRun again(run.layout());
  expect_error(Category::storage_failed, [&] { again.resume(folder.path()); });
  if (comm().is_root()) {
    expect_error(Category::storage_failed, [&] { RunReader{folder.path()}; });
    EXPECT_EQ(verify_run_store(folder.path()).size(), 1u);
  }
}

TEST(Resume, TheReaderSeesWhatIsInJournals) {
  const SharedFolder folder(comm());
  TestRun run(every_kind());
  run.create(folder.path());
  run.compute_all(0, {0, 40}, 3);
  run.compute_all(8, {0, 40}, 3);
  run.commit();
  run.compute_all(0, {40, 70}, 3);
  run.compute_all(8, {40, 70}, 3);
  if (comm().is_root()) run.store().mark(8, {70, 72}, ElementStatus::failed);
  comm().barrier();
  if (comm().is_root()) {
    RunReader reader(folder.path());
    EXPECT_FALSE(reader.complete());
    for (const std::size_t k : {std::size_t{0}, std::size_t{8}}) {
      EXPECT_EQ(reader.progress(k).done(), (RangeSet{{0, 70}}));
      const Value some = reader.read(k, {30, 77});
      ASSERT_EQ(some.shape(), Shape{47});
      for (Index element = 30; element < 70; ++element) {
        const auto bytes = some.element(element - 30);
        EXPECT_EQ(Bytes(bytes.begin(), bytes.end()), expected_value(some.type(), k, element, 0));
      }
    }
    EXPECT_EQ(reader.progress(8).failed(), (RangeSet{{70, 72}}));
    EXPECT_TRUE(std::isnan(reader.read(0, {76, 77}).as<std::vector<double>>()[0]));
    EXPECT_EQ(reader.read(8, {76, 77}).as<std::vector<std::string>>()[0], "");
    EXPECT_EQ(reader.find("nothing"), std::nullopt);
    EXPECT_EQ(reader.find("text"), std::optional<std::size_t>(8));
    expect_error(Category::too_large, [&] { reader.read_all(0, 100); });
    expect_error(Category::too_large, [&] { reader.read_all(8, 700); });
    expect_error(Category::index_out_of_bounds, [&] { reader.read(0, {70, 78}); });
  }
  comm().barrier();
}

/// Boxes of a shape: along each axis all of it, its end, one position, and nothing.
std::vector<IndexBox> some_boxes(const Shape& shape) {
  std::vector<IndexBox> boxes{{}};
  for (const Index extent : shape) {
    std::vector<IndexBox> longer;
    for (const IndexRange& range :
         {IndexRange{0, extent}, IndexRange{std::min<Index>(1, extent), extent},
          IndexRange{extent / 2, std::min(extent / 2 + 1, extent)}, IndexRange{0, 0}})
      for (IndexBox box : boxes) {
        box.begin.push_back(range.begin);
        box.end.push_back(range.end);
        longer.push_back(std::move(box));
      }
    boxes = std::move(longer);
  }
  return boxes;
}

/// What a box shows is what the elements have that it is of, one by one.
void expect_box(RunReader& reader, std::size_t k, const IndexBox& box) {
  const OutputLayout& layout = reader.outputs()[k];
  const ElementOrder order(known_shape(layout.shape), layout.external);
  const Value found = reader.read_box(k, box);
  const std::vector<ElementStatus> states = reader.states(k, box);
  ASSERT_EQ(found.shape(), box.shape()) << layout.name;
  ASSERT_EQ(states.size(), static_cast<std::size_t>(found.count())) << layout.name;
  for (Index place = 0; place < found.count(); ++place) {
    MultiIndex at = multi_index(place, found.shape());
    for (std::size_t axis = 0; axis < at.size(); ++axis) at[axis] += box.begin[axis];
    const Index number = order.number_at(linear_index(at, order.shape()));
    const Index element = number / order.values_per_element();
    const Value of_element = reader.read(k, {element, element + 1});
    const auto bytes = found.element(place);
    const auto expected = of_element.element(number % order.values_per_element());
    ASSERT_EQ(Bytes(bytes.begin(), bytes.end()), Bytes(expected.begin(), expected.end()))
        << layout.name << " at " << index_to_string(at);
    ASSERT_EQ(states[static_cast<std::size_t>(place)], reader.progress(k).status(element)) << layout.name;
  }
}

TEST(Resume, BoxesShowWhatIsInFilesAndInJournals) {
  const SharedFolder folder(comm());
  TestRun run(every_kind());
  run.create(folder.path());
  run.set_late_shapes({7, 4});
  const auto compute = [&](IndexRange sevenths) {
    for (std::size_t k = 0; k < run.layout().outputs.size(); ++k) {
      const Index count = elements_of(run.layout().outputs[k]);
      run.compute_all(k, {count * sevenths.begin / 7, count * sevenths.end / 7}, 2);
    }
  };
  compute({0, 3});
  run.commit();
  compute({4, 6});
  if (comm().is_root()) run.store().mark(5, {6, 7}, ElementStatus::failed);
  run.drop();
  comm().barrier();
  if (comm().is_root()) {
    RunReader reader(folder.path());
    for (std::size_t k = 0; k < reader.outputs().size(); ++k) {
      const OutputLayout& layout = reader.outputs()[k];
      if (!layout.shape_known()) continue;
      for (const IndexBox& box : some_boxes(known_shape(layout.shape))) expect_box(reader, k, box);
    }
    EXPECT_EQ(reader.states(5, {{0, 6, 0}, {1, 7, 1}})[0], ElementStatus::failed);
    expect_error(Category::index_out_of_bounds, [&] { reader.read_box(0, {{0, 0}, {7, 12}}); });
    expect_error(Category::index_out_of_bounds, [&] { reader.states(0, {{0}, {7}}); });
  }
  comm().barrier();
}

}  // namespace
}  // namespace mpipe::test

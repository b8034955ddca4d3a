// SPDX-License-Identifier: BSD-3-Clause
// How many operations of the file system a step of the store takes: those that would grow with values, outputs or
// files where they need not.
#include "support/faulty_file_system.hpp"
#include "unit/store/store_fixture.hpp"

#include <map>
#include <string>

namespace mpipe::test {
namespace {

/// The file system of the machine, which counts what is asked of it.
class Counting {
 public:
  Counting() : in_place_(disk_) {
    disk_.before_each = [this](std::string_view operation) { ++counts_[std::string(operation)]; };
  }
  std::size_t count(const std::string& operation) { return counts_[operation]; }
  void reset() { counts_.clear(); }

 private:
  std::map<std::string, std::size_t> counts_;
  FaultyFileSystem disk_;
  FileSystemInPlace in_place_;
};

/// `w[t, i]`, of whose axes the first is inside of the elements.
OutputLayout transposed(Index inner, Index elements) {
  return output("w", element_type(Kind::float64), {"t", "i"}, {false, true}, {inner, elements});
}

RunLayout only(OutputLayout output) {
  RunLayout layout;
  layout.run_id = "costs";
  layout.outputs = {std::move(output)};
  return layout;
}

TEST(Cost, ValuesThatLieAmongEachOtherAreWrittenByPanels) {
  constexpr Index kInner = 5000;
  constexpr Index kElements = 40;
  for (const bool by_commit : {true, false}) {
    SCOPED_TRACE(by_commit);
    const SharedFolder folder(test_communicator());
    Counting disk;
    TestRun run(only(transposed(kInner, kElements)));
    run.create(folder.path());
    run.compute_all(0, {0, kElements}, 1);
    disk.reset();
    if (by_commit)
      run.commit();
    else
      run.store().flush();
    // 1.6 MB in pieces of at most 1 MB, and marks, extents, headers; one by one it would be 200,000.
    EXPECT_LT(disk.count("write"), 100u);
    EXPECT_LT(disk.count("read"), 200u);
    run.drop();
    run.resume(folder.path());
    run.expect_stored(0, RangeSet{{0, kElements}});
    run.finish();
  }
}

TEST(Cost, EveryOtherElementLeavesTheOthersAlone) {
  constexpr Index kInner = 300;
  constexpr Index kElements = 31;
  const SharedFolder folder(test_communicator());
  TestRun run(only(transposed(kInner, kElements)));
  run.create(folder.path());
  RangeSet done;
  for (const Index first : {1, 0}) {
    for (Index k = first; k < kElements; k += 2) {
      run.compute(0, {k, k + 1});
      done.insert({k, k + 1});
    }
    run.commit();
    run.drop();
    run.resume(folder.path());
    run.expect_stored(0, done);
  }
  run.finish();
}

TEST(Cost, ManyLateOutputsAreMadeTogether) {
  constexpr std::size_t kOutputs = 60;
  const SharedFolder folder(test_communicator());
  Counting disk;
  RunLayout layout;
  layout.run_id = "late";
  for (std::size_t k = 0; k < kOutputs; ++k)
    layout.outputs.push_back(
        output("y" + std::to_string(k), element_type(Kind::float64), {"i", "k"}, {true, false}, {{3}, {}}));
  TestRun run(std::move(layout));
  run.create(folder.path());
  disk.reset();
  run.resolve_late_shapes({3, 2});
  EXPECT_LT(disk.count("sync") + disk.count("sync_file_system"), 10u);
  // The description of the run once, and a few for each output.
  EXPECT_LT(disk.count("open"), 12 * kOutputs);
  for (std::size_t k = 0; k < kOutputs; ++k) {
    run.set_shape(k, {3, 2});
    run.compute(k, {0, 3});
  }
  run.finish();
}

TEST(Cost, ManyFilesOfElementsAreSyncedTogether) {
  const SharedFolder folder(test_communicator());
  Counting disk;
  OutputLayout files = plain_output("y", element_type(Kind::float64), {"i"}, {200});
  files.storage = StorageKind::file;
  TestRun run(only(files));
  run.create(folder.path());
  run.compute(0, {0, 200});
  disk.reset();
  run.store().flush();
  EXPECT_EQ(disk.count("sync_file_system"), 1u);
  EXPECT_LT(disk.count("sync"), 10u);
  run.finish();
}

TEST(Cost, OfALocalCommitIsBoundedPerCall) {
  constexpr Index kMany = 25'000;
  const SharedFolder folder(test_communicator());
  Counting disk;
  TestRun run(only(plain_output("y", element_type(Kind::float64), {"i"}, {kMany})));
  run.options().local_commit_interval = std::chrono::milliseconds(1);
  run.create(folder.path());
  for (Index k = 0; k < kMany; k += 2) run.compute(0, {k, k + 1});  // no two of them are neighbours
  std::vector<std::size_t> writes;
  for (int call = 0; call < 5; ++call) {
    disk.reset();
    run.store().maintain(TimePoint{} + std::chrono::seconds(call));
    writes.push_back(disk.count("write"));
  }
  // The first call starts the clock. Each frame takes a write of its value and one of its mark.
  EXPECT_EQ(writes[0], 0u);
  EXPECT_LT(writes[1], 25'000u);
  EXPECT_GT(writes[2], 1'000u) << "the second call goes on";
  EXPECT_LT(writes[4], 100u) << "all is moved";
  run.finish(false);
}

}  // namespace
}  // namespace mpipe::test

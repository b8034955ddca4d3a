// SPDX-License-Identifier: BSD-3-Clause
// Disks that are full, tear writes, fail or lose what was not synced, at any operation of a run.
#include <mpipe/core/error.hpp>
#include <mpipe/store/run_reader.hpp>

#include "support/faulty_file_system.hpp"
#include "unit/store/store_fixture.hpp"

#include <array>
#include <thread>

namespace mpipe::test {
namespace {

constexpr Index kElements = 60;
constexpr Index kBlock = 20;
constexpr std::size_t kOutputs = 4;

/// One of each storage: a dataset, retained journals, a file per element, and a shape that comes late.
RunLayout small_layout() {
  RunLayout layout;
  layout.run_id = "faults";
  layout.outputs = {
      plain_output("x", element_type(Kind::float64), {"i"}, {kElements}),
      plain_output("text", element_type(Kind::string), {"i"}, {kElements}),
      plain_output("artefact", element_type(Kind::int32), {"i"}, {kElements}),
      output("late", element_type(Kind::float64), {"i", "u"}, {true, false}, {{kElements}, {}})};
  layout.outputs[2].storage = StorageKind::file;
  return layout;
}

/// What a run had been told before it failed.
struct Promises {
  std::array<Index, kOutputs> appended{};   ///< elements that survive the death of the process
  std::array<Index, kOutputs> committed{};  ///< elements that survive a power failure
};

void compute_all(TestRun& run, Promises& promises) {
  run.set_late_shapes({kElements, 3});
  for (Index begin = 0; begin < kElements; begin += kBlock) {
    for (std::size_t k = 0; k < kOutputs; ++k) {
      const RangeSet rest = RangeSet{{begin, begin + kBlock}}.difference(run.store().stored()[k]);
      for (const IndexRange& range : rest.ranges()) run.compute(k, range);
      promises.appended[k] = begin + kBlock;
    }
    if (begin == kBlock) run.resolve_late_shapes({kElements, 3});
    run.store().maintain(TimePoint{} + std::chrono::minutes(begin));
    run.commit();
    promises.committed = promises.appended;
  }
  run.finish();
}

void expect_kept(TestRun& run, const std::array<Index, kOutputs>& least) {
  for (std::size_t k = 0; k < kOutputs; ++k)
    EXPECT_TRUE(least[k] == 0 || run.store().stored()[k].contains(IndexRange{0, least[k]}))
        << "output " << k << " has lost elements of " << least[k];
}

/// Runs on a disk that fails from operation `first` on, and then again on one that does not. Returns whether
/// the run failed.
bool fail_and_resume(std::size_t first, FileFault fault, bool power_fails) {
  const SharedFolder folder(test_communicator());
  FaultyFileSystem disk;
  const FileSystemInPlace in_place(disk);
  Promises promises;
  bool created = false;
  disk.fail_from(first, fault);
  {
    TestRun run(small_layout());
    try {
      run.create(folder.path());
      created = true;
      compute_all(run, promises);
    } catch (const Error& error) {
      EXPECT_EQ(error.category(), Category::storage_failed) << error.what();
      const char* cause = fault == FileFault::full ? "No space left on device" : "Input/output error";
      EXPECT_NE(std::string(error.what()).find(cause), std::string::npos) << error.what();
    }
  }
  const bool failed = disk.has_failed();
  disk.mend();
  if (power_fails) disk.lose_unsynced();
  TestRun again(small_layout());
  if (!created) {
    again.create(folder.path());
  } else {
    again.resume(folder.path());
    expect_kept(again, power_fails ? promises.committed : promises.appended);
  }
  Promises ignored;
  compute_all(again, ignored);
  EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{});
  RunReader reader(folder.path());
  EXPECT_TRUE(reader.complete());
  for (std::size_t k = 0; k < kOutputs; ++k) EXPECT_EQ(reader.progress(k).done(), RangeSet({{0, kElements}}));
  return failed;
}

/// At every so-manieth operation: all would take minutes on a slow machine.
void fail_everywhere(FileFault fault, bool power_fails, std::size_t begin) {
  constexpr std::size_t kStride = 17;
  std::size_t failures = 0;
  for (std::size_t first = begin;; first += kStride) {
    SCOPED_TRACE("operation " + std::to_string(first));
    if (!fail_and_resume(first, fault, power_fails)) break;
    if (::testing::Test::HasFailure()) return;
    ++failures;
  }
  EXPECT_GT(failures, 5U);
}

TEST(Faults, AFullDiskLosesNothingThatWasAppended) { fail_everywhere(FileFault::full, false, 0); }

TEST(Faults, ADeviceThatFailsLosesNothingThatWasAppended) { fail_everywhere(FileFault::io, false, 5); }

TEST(Faults, ATornWriteIsNotTakenForAResult) { fail_everywhere(FileFault::torn, false, 11); }

TEST(Faults, APowerFailureLosesNothingThatWasCommitted) { fail_everywhere(FileFault::torn, true, 3); }

TEST(Faults, ASlowDiskIsToldOfEachOperation) {
  const SharedFolder folder(test_communicator());
  FaultyFileSystem disk;
  std::map<std::string_view, int> told;
  disk.before_each = [&](std::string_view operation) {
    if (++told[operation] % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  const FileSystemInPlace in_place(disk);
  TestRun run(small_layout());
  run.create(folder.path());
  Promises ignored;
  compute_all(run, ignored);
  for (const char* operation :
       {"open", "read", "write", "sync", "rename", "remove", "reserve", "make_folder"})
    EXPECT_GT(told[operation], 0) << operation;
  EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{});
}

}  // namespace
}  // namespace mpipe::test

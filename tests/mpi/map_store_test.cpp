// SPDX-License-Identifier: BSD-3-Clause
// Maps into run folders: what is stored, resumed and refused, on any number of ranks.
#include <mpipe/mpipe.hpp>
#include <mpipe/store/run_reader.hpp>

#include "mpi/shared_folder.hpp"
#include "support/world.hpp"
#include "support/environment.hpp"
#include "support/expect_error.hpp"

#include <gtest/gtest.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>

namespace mpipe {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::error_message;
using test::world;

class MapStore : public test::SharedFolderTest {};

/// Fails at `x == bad`, and counts its calls.
Pipeline fragile(double bad, std::atomic<int>& calls) {
  return {function("y",
                   [bad, &calls](double x) {
                     ++calls;
                     if (x == bad) throw std::runtime_error("bad x");
                     return 2 * x;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]"),
          function("s", [](ArrayView<const double> y) {
            double sum = 0;
            for (const double value : y) sum += value;
            return sum;
          }).parameters("y")};
}

std::int64_t calls_everywhere(const std::atomic<int>& calls) {
  return world().all_reduce(std::int64_t{calls.load()}, ReduceOp::sum);
}

TEST_F(MapStore, StoresWhatItReturns) {
  std::atomic<int> calls{0};
  const Inputs inputs{{"x", linspace(0, 99, 100)}};
  map(fragile(-1, calls), world(), inputs, {.run_folder = folder_ / "run"});
  if (world().is_root()) {
    RunReader reader(folder_ / "run");
    EXPECT_TRUE(reader.complete());
    EXPECT_EQ(reader.read_all(*reader.find("s")).as<double>(), 9900);
    EXPECT_EQ(reader.read_all(*reader.find("y")).as<std::vector<double>>()[37], 74);
    EXPECT_EQ(verify_run_store(folder_ / "run"), std::vector<std::string>());
  }
}

/// While it lives, files of this process that grow beyond 512 bytes fail as on a disk that is full.
class FullDisk {
 public:
  FullDisk() {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{512, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

TEST_F(MapStore, ADiskThatGetsFullOnOneRankIsToldOnAll) {
  if (world().size() == 1) return;
  std::optional<FullDisk> full;
  bool fills = world().rank() == world().size() - 1;
  const Pipeline filling{function("y",
                                  [&](double x) {
                                    if (fills && !full) full.emplace();
                                    return 2 * x;
                                  })
                             .parameters("x")
                             .mapspec("x[i] -> y[i]")};
  const Inputs inputs{{"x", linspace(0, 99'999, 100'000)}};
  MapOptions options{.run_folder = folder_ / "run", .chunksizes = {{"", 1000}}, .rank0 = Rank0::schedule};
  const std::string message =
      error_message(Category::storage_failed, [&] { map(filling, world(), inputs, options); });
  EXPECT_TRUE(contains(message, "cannot write to") && contains(message, "File too large")) << message;
  full.reset();
  fills = false;
  options.resume = true;
  const Results results = map(filling, world(), inputs, options);
  if (!world().is_root()) return;
  EXPECT_EQ(results.value("y").as<std::vector<double>>()[99'999], 199'998);
}

TEST_F(MapStore, ResumeComputesWhatIsMissing) {
  const Inputs inputs{{"x", linspace(0, 99, 100)}};
  const MapOptions first{.run_folder = folder_ / "run", .chunksizes = {{"", 5}}};
  std::atomic<int> calls{0};
  EXPECT_THROW(map(fragile(60, calls), world(), inputs, first), FunctionError);
  MapOptions second = first;
  second.resume = true;
  std::atomic<int> more{0};
  Index kept = 0;
  if (world().is_root()) {
    RunReader reader(folder_ / "run");
    EXPECT_FALSE(reader.complete());
    kept = reader.progress(*reader.find("y")).done().count();
    EXPECT_GE(kept, 1);
    EXPECT_LT(kept, 100);
  }
  kept = world().broadcast_value(kept);
  const Results results = map(fragile(-1, more), world(), inputs, second);
  EXPECT_EQ(calls_everywhere(more), 100 - kept);
  EXPECT_EQ(results.functions.at("y").calls, 100 - kept);
  if (world().is_root()) {
    EXPECT_EQ(results.get<double>("s"), 9900);
  }
  std::atomic<int> none{0};
  const Results again = map(fragile(-1, none), world(), inputs, second);
  EXPECT_EQ(calls_everywhere(none), 0);
  if (world().is_root()) {
    EXPECT_EQ(again.get<double>("s"), 9900);
  }
}

/// Numbers, texts, arrays of a length that shows while running, and a reduction over all of them.
Pipeline of_all_kinds() {
  return {function("y", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i] -> y[i]"),
          function("name", [](double y) { return std::string(static_cast<std::size_t>(y), 'n'); })
              .parameters("y")
              .mapspec("y[i] -> name[i]"),
          function("row",
                   [](double y) {
                     return Array<double>{y, y + 1, y + 2};
                   })
              .parameters("y")
              .mapspec("y[i] -> row[i, k]"),
          function("ragged", [](double y) { return std::vector<double>(static_cast<std::size_t>(y) % 4, y); })
              .parameters("y")
              .mapspec("y[i] -> ragged[i]"),
          function("sums",
                   [](ArrayView<const double> column) {
                     double sum = 0;
                     for (const double value : column) sum += value;
                     return sum;
                   })
              .parameters("row")
              .mapspec("row[:, k] -> sums[k]"),
          function("letters",
                   [](ArrayView<const std::string> names, double factor) {
                     double sum = 0;
                     for (const std::string& name : names) sum += factor * static_cast<double>(name.size());
                     return sum;
                   })
              .parameters("name", "sums")
              .mapspec("sums[k] -> letters[k]")};
}

TEST_F(MapStore, StoragesMixAndTheValuesAreTheSame) {
  const Inputs inputs{{"x", linspace(0, 29, 30)}};
  const std::vector<std::map<std::string, std::string>> mixes{
      {{"", "hdf5"}},
      {{"", "file"}},
      {{"", "memory"}},
      {{"", "file"}, {"y", "memory"}, {"row", "hdf5"}},
      {{"", "hdf5"}, {"name", "file"}, {"sums", "file"}},
      {{"", "memory"}, {"ragged", "file"}, {"letters", "hdf5"}}};
  std::map<std::string, Value> expected;
  for (std::size_t mix = 0; mix < mixes.size(); ++mix) {
    SCOPED_TRACE(mix);
    MapOptions options{.run_folder = folder_ / std::to_string(mix), .storage = mixes[mix]};
    const Results first = map(of_all_kinds(), world(), inputs, options);
    options.resume = true;
    const Results second = map(of_all_kinds(), world(), inputs, options);
    if (!world().is_root()) continue;
    EXPECT_EQ(verify_run_store(options.run_folder), std::vector<std::string>());
    RunReader reader(options.run_folder);
    EXPECT_EQ(reader.outputs().size(), 6u);
    for (std::size_t k = 0; k < reader.outputs().size(); ++k) {
      const std::string& name = reader.outputs()[k].name;
      if (mix == 0) expected.emplace(name, first.outputs.at(name).value);
      for (const Value& value :
           {first.outputs.at(name).value, second.outputs.at(name).value, reader.read_all(k)})
        EXPECT_EQ(value, expected.at(name)) << name;
    }
    for (const auto& [name, cost] : second.functions) EXPECT_EQ(cost.calls, 0) << name;
  }
}

TEST_F(MapStore, ResumeOfAnotherRunIsRefused) {
  std::atomic<int> calls{0};
  MapOptions options{.run_folder = folder_ / "run"};
  map(fragile(-1, calls), world(), {{"x", {1.0, 2.0}}}, options);
  options.resume = true;
  error_message(Category::resume_mismatch, [&] {
    map(fragile(-1, calls), world(), {{"x", {1.0, 3.0}}}, options);
  });
  options.seed = 9;
  error_message(Category::resume_mismatch, [&] {
    map(fragile(-1, calls), world(), {{"x", {1.0, 2.0}}}, options);
  });
  if (world().is_root()) {
    EXPECT_EQ(verify_run_store(folder_ / "run"), std::vector<std::string>());
  }
}

TEST_F(MapStore, AFolderWithARunIsKept) {
  std::atomic<int> calls{0};
  MapOptions options{.run_folder = folder_ / "run"};
  map(fragile(-1, calls), world(), {{"x", {1.0, 2.0}}}, options);
  error_message(Category::folder_refused, [&] { map(fragile(-1, calls), world(), {{"x", {1.0}}}, options); });
  options.overwrite = true;
  map(fragile(-1, calls), world(), {{"x", {5.0}}}, options);
  if (world().is_root()) {
    RunReader reader(folder_ / "run");
    EXPECT_EQ(reader.read_all(*reader.find("y")).as<std::vector<double>>(), std::vector<double>{10});
  }
}

TEST_F(MapStore, AFolderOfSomethingElseIsNeverTouched) {
  if (world().is_root()) std::ofstream(folder_ / "letter.txt") << "dear";
  world().barrier();
  std::atomic<int> calls{0};
  error_message(Category::folder_refused, [&] {
    map(fragile(-1, calls), world(), {{"x", {1.0}}}, {.run_folder = folder_, .overwrite = true});
  });
  EXPECT_TRUE(fs::exists(folder_ / "letter.txt"));
  world().barrier();
}

TEST_F(MapStore, MemoryIsPersistedToo) {
  std::atomic<int> calls{0};
  map(fragile(-1, calls), world(), {{"x", {1.0, 2.0}}},
      {.run_folder = folder_ / "run", .storage = {{"", "hdf5"}, {"y", "memory"}}});
  if (world().is_root()) {
    RunReader reader(folder_ / "run");
    EXPECT_EQ(reader.read_all(*reader.find("y")).as<std::vector<double>>(), (std::vector<double>{2, 4}));
  }
}

TEST_F(MapStore, LateShapesStringsAndSelections) {
  const Pipeline pipeline{
      function("x", [](std::int64_t n) { return std::vector<double>(static_cast<std::size_t>(n), 1.5); })
          .parameters("n")
          .mapspec("... -> x[i]"),
      function("name", [](double x) { return "x is " + std::to_string(x); })
          .parameters("x")
          .mapspec("x[i] -> name[i]"),
      function("both",
               [](double x) {
                 return std::vector<double>{x, 2 * x};
               })
          .parameters("x")
          .mapspec("x[i] -> both[i, k]")};
  map(pipeline, world(), {{"n", std::int64_t{5}}}, {.run_folder = folder_ / "late"});
  if (world().is_root()) {
    RunReader reader(folder_ / "late");
    EXPECT_EQ(reader.read_all(*reader.find("both")).shape(), (Shape{5, 2}));
    EXPECT_EQ(reader.read_all(*reader.find("name")).as<std::vector<std::string>>()[4], "x is 1.500000");
    EXPECT_EQ(verify_run_store(folder_ / "late"), std::vector<std::string>());
  }
  std::atomic<int> calls{0};
  MapOptions options{.run_folder = folder_ / "some", .outputs = {"y"}, .fixed = {{"i", Slice{10, 20, 3}}}};
  map(fragile(-1, calls), world(), {{"x", linspace(0, 99, 100)}}, options);
  EXPECT_EQ(calls_everywhere(calls), 4);
  if (world().is_root()) {
    RunReader reader(folder_ / "some");
    EXPECT_EQ(reader.progress(*reader.find("y")).done().count(), 4);
    EXPECT_EQ(verify_run_store(folder_ / "some"), std::vector<std::string>());
  }
}

TEST_F(MapStore, ADamagedLimitOfJournalsIsToldToAll) {
  const test::WithVariable limit("MPIPE_JOURNAL_LIMIT", "much");
  std::atomic<int> calls{0};
  const std::string message = error_message(Category::bad_option, [&] {
    map(fragile(-1, calls), world(), {{"x", linspace(0, 9, 10)}}, {.run_folder = folder_ / "run"});
  });
  EXPECT_TRUE(contains(message, "MPIPE_JOURNAL_LIMIT is 'much'"));
  EXPECT_EQ(calls_everywhere(calls), 0);
}

}  // namespace
}  // namespace mpipe

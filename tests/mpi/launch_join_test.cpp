// SPDX-License-Identifier: BSD-3-Clause
// Ranks that are idle join maps that go on.
#include <mpipe/store/run_reader.hpp>

#include "mpi/launch_runs.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace {
/// From here on, journals cannot be synced on this rank, which happens when the ranks so far leave a run.
std::atomic<bool> disk_breaks{false};
}  // namespace

/// In the place of that of the system.
extern "C" int fdatasync(int descriptor) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), error);
  if (disk_breaks && path.string().find("/journal/rank-") != std::string::npos) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, descriptor));
}

namespace mpipe {
namespace {

using namespace test;

class LaunchJoin : public SharedFolderTest {};

/// Several waves with arrays of all kinds between them; the first one lasts until `file` is there.
Pipeline waves(const fs::path& file, double bad = -1) {
  return {function("y",
                   [file](double x) {
                     for (int k = 0; !fs::exists(file) && k < 4000; ++k) std::this_thread::sleep_for(5ms);
                     std::this_thread::sleep_for(200ms);
                     return x + 1;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]"),
          function("word", [](double x) { return std::string(static_cast<std::size_t>(x), 'z'); })
              .parameters("x")
              .mapspec("x[i] -> word[i]"),
          function("items", [](double x) { return std::vector<double>(3, x); })
              .parameters("x")
              .mapspec("x[i] -> items[i, k]"),
          function("z",
                   [bad](ArrayView<const double> y, double w) {
                     if (w == bad) throw std::runtime_error("bad w");
                     double sum = w;
                     for (const double each : y) sum += each;
                     return sum;
                   })
              .parameters("y", "w")
              .mapspec("w[j] -> z[j]"),
          function("s",
                   [](ArrayView<const double> z, ArrayView<const double> items) {
                     double sum = 0;
                     for (const double each : z) sum += each;
                     for (const double each : items) sum += each;
                     return sum;
                   })
              .parameters("z", "items"),
          function("last", [](double s, const std::string& word) { return word + std::to_string(s); })
              .parameters("s", "word")
              .mapspec("word[i] -> last[i]")};
}

/// Makes a file when its run is over, on rank 0.
class Signal final : public RunObserver {
 public:
  explicit Signal(fs::path file) : file_(std::move(file)) {}
  void on_end(const std::string&, const std::string&) override { std::ofstream{file_}; }

 private:
  fs::path file_;
};

const Inputs& wave_inputs() {
  static const Inputs inputs{{"x", linspace(0, 2, 3)}, {"w", linspace(0, 99, 100)}};
  return inputs;
}

std::vector<AsyncMap> one_short_and_one_of_waves(const fs::path& folder, const MapOptions& options,
                                                 double bad) {
  return {squares().map_async(world(), {{"x", linspace(0, 9, 10)}},
                              {.observer = std::make_shared<Signal>(folder / "over")}, later("short")),
          waves(folder / "over", bad).map_async(world(), wave_inputs(), options, later("waves"))};
}

TEST_F(LaunchJoin, IdleRanksJoinRunsThatGoOn) {
  for (const char* storage : {"", "hdf5", "memory", "file"}) {
    SCOPED_TRACE(storage);
    MapOptions options;
    if (*storage != 0) options = {.run_folder = folder_ / storage, .storage = {{"", storage}}};
    const auto outcomes =
        gather_maps(world(), one_short_and_one_of_waves(folder_, options, -1), {.max_concurrent = 2});
    for (const MapOutcome& outcome : outcomes)
      ASSERT_TRUE(outcome.completed()) << outcome.name << ": " << outcome.error->what();
    const Results same = map(waves(folder_ / "over"), world(), wave_inputs());
    if (world().is_root()) {
      const Results& results = outcomes[1].get();
      EXPECT_EQ(results.ranks, world().size() > 2 ? world().size() - 1 : world().size());
      EXPECT_EQ(results.get<std::vector<double>>("z"), same.get<std::vector<double>>("z"));
      EXPECT_EQ(results.get<double>("s"), same.get<double>("s"));
      EXPECT_EQ(results.get<std::vector<std::string>>("last"), same.get<std::vector<std::string>>("last"));
      EXPECT_EQ(results.get<std::vector<std::string>>("word"), same.get<std::vector<std::string>>("word"));
      for (const auto& [name, calls] : {std::pair("y", 3), {"z", 100}, {"s", 1}, {"last", 3}, {"items", 3}})
        EXPECT_EQ(results.functions.at(name).calls, calls) << name;
      EXPECT_EQ(results.resolved_shapes, same.resolved_shapes);
      EXPECT_EQ(results.planned_shapes, same.planned_shapes);
      EXPECT_LE(results.busy_workers, 1.01);
      if (*storage != 0) {
        EXPECT_EQ(verify_run_store(folder_ / storage), std::vector<std::string>());
        EXPECT_EQ(read_status(folder_ / storage).state, RunState::completed);
      }
      fs::remove(folder_ / "over");
    }
    world().barrier();
  }
}

TEST_F(LaunchJoin, FailuresAreThoseOfTheRunWhoeverJoinsIt) {
  for (const char* handling : {"raise", "continue"}) {
    SCOPED_TRACE(handling);
    const MapOptions options{.run_folder = folder_ / handling, .error_handling = handling};
    const auto outcomes =
        gather_maps(world(), one_short_and_one_of_waves(folder_, options, 42), {.max_concurrent = 2});
    EXPECT_EQ(outcomes[1].exit_code, 1);
    if (world().is_root()) {
      ASSERT_NE(outcomes[1].results, nullptr);
      EXPECT_EQ(outcomes[1].results->at("z").failed.contains(42), true);
      EXPECT_EQ(outcomes[1].results->at("y").done.count(), 3);
      EXPECT_EQ(verify_run_store(folder_ / handling), std::vector<std::string>());
      fs::remove(folder_ / "over");
    }
    world().barrier();
  }
}

/// Two waves; `last` is called in the first one, when the short run is over.
Pipeline two_waves(const fs::path& file, const std::function<void()>& last) {
  return {function("y",
                   [file, last](double x) {
                     for (int k = 0; !fs::exists(file) && k < 4000; ++k) std::this_thread::sleep_for(5ms);
                     std::this_thread::sleep_for(200ms);
                     last();
                     return x + 1;
                   })
              .parameters("x")
              .mapspec("x[i] -> y[i]"),
          function("z",
                   [](ArrayView<const double> y, double w) {
                     for (const double each : y) w += each;
                     return w;
                   })
              .parameters("y", "w")
              .mapspec("w[j] -> z[j]")};
}

std::vector<AsyncMap> one_short_and_one_of(const fs::path& folder, const std::function<void()>& last,
                                           const Inputs& inputs, const MapOptions& options) {
  return {squares().map_async(world(), {{"x", linspace(0, 9, 10)}},
                              {.observer = std::make_shared<Signal>(folder / "over")}, later("short")),
          two_waves(folder / "over", last).map_async(world(), inputs, options, later("two"))};
}

class Notes final : public RunObserver {
 public:
  void on_note(const std::string& text) override { all_ += text; }
  const std::string& all() const { return all_; }

 private:
  std::string all_;
};

TEST_F(LaunchJoin, RanksThatCannotReadAnInputLeaveTheRunAlone) {
  const fs::path path = folder_ / "numbers";
  const double number = 4;
  if (world().is_root())
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(&number), sizeof number);
  world().barrier();
  const Inputs inputs{
      {"x", Value::from_file(element_type<double>(), {1}, FileStretch::of(path, 0, sizeof number))},
      {"w", linspace(0, 9, 10)}};
  const auto notes = std::make_shared<Notes>();
  const auto outcomes = gather_maps(
      world(), one_short_and_one_of(folder_, [path] { fs::remove(path); }, inputs, {.observer = notes}),
      {.max_concurrent = 2});
  ASSERT_TRUE(outcomes[1].completed()) << outcomes[1].error->what();
  if (!world().is_root()) return;
  EXPECT_EQ(outcomes[1].get().get<std::vector<double>>("z")[9], 14);
  if (world().size() < 3) return;
  EXPECT_LT(outcomes[1].get().ranks, world().size() - 1);
  EXPECT_TRUE(contains(notes->all(), "idle ranks do not join this run")) << notes->all();
  EXPECT_TRUE(contains(notes->all(), "cannot be opened here")) << notes->all();
}

TEST_F(LaunchJoin, RanksThatJoinHearThatTheOthersCouldNotGoOn) {
  const auto outcomes = gather_maps(world(),
                                    one_short_and_one_of(folder_, [] { disk_breaks = true; }, wave_inputs(),
                                                         {.run_folder = folder_ / "run"}),
                                    {.max_concurrent = 2});
  disk_breaks = false;
  ASSERT_NE(outcomes[1].error, nullptr);
  EXPECT_EQ(outcomes[1].error->category(), Category::storage_failed) << outcomes[1].error->what();
  EXPECT_TRUE(outcomes[0].completed());
}

}  // namespace
}  // namespace mpipe

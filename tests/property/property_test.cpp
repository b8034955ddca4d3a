// SPDX-License-Identifier: BSD-3-Clause
// Random pipelines over random shapes and types, on any number of ranks, against plain loops. What a seed
// makes is the same everywhere: MPIPE_PROPERTY_SEED=S runs that one, MPIPE_PROPERTY_SEEDS=N runs N of them.
#include <mpipe/mpipe.hpp>
#include <mpipe/store/run_reader.hpp>

#include "folder/api/run_folder.hpp"
#include "property/random_pipeline.hpp"
#include "store/api/merge_runs.hpp"
#include "support/world.hpp"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <charconv>
#include <filesystem>
#include <string_view>

namespace mpipe::property {
namespace {

namespace fs = std::filesystem;
using test::world;

std::optional<std::uint64_t> number_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || parsed.ptr != digits.data() + digits.size())
    throw std::runtime_error(std::string(variable) + " is no number: " + text);
  return number;
}

/// A temporary folder that all ranks know.
class SharedFolder {
 public:
  SharedFolder() {
    std::string path = (fs::temp_directory_path() / "mpipe-property-XXXXXX").string();
    if (world().is_root() && ::mkdtemp(path.data()) == nullptr) path.clear();
    path_ = world().broadcast_text(path);
    if (path_.empty()) throw std::runtime_error("no temporary folder");
  }
  ~SharedFolder() {
    world().barrier();
    std::error_code ignored;
    if (world().is_root()) fs::remove_all(path_, ignored);
  }
  SharedFolder(const SharedFolder&) = delete;
  SharedFolder& operator=(const SharedFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// `value` is what the interpreter says, bit by bit, where `mask` (empty: everywhere) says that it is there.
void expect_values(const std::string& name, const Value& value, const NaiveArray& expected,
                   const std::vector<bool>& mask) {
  ASSERT_TRUE(value.has_value()) << name;
  ASSERT_EQ(value.shape(), expected.shape) << name;
  for (Index k = 0; k < value.count(); ++k) {
    const auto place = static_cast<std::size_t>(k);
    if (!mask.empty() && !mask[place]) continue;
    const auto got = value.element(k);
    ASSERT_EQ(Bytes(got.begin(), got.end()), expected.encoded_at(place))
        << name << " at " << k << ", which is " << describe_element(value.type(), got);
  }
}

/// One seed: the pipeline, and the runs of it. Collective.
class Trial {
 public:
  explicit Trial(std::uint64_t seed) : made_(seed), pipeline_(made_.functions()) {}

  void run() {
    run_in_memory();
    run_in_folder();
    if (made_.chance(40)) run_in_shards();
  }
  const std::string& text() const { return made_.text(); }

 private:
  MapOptions options() {
    MapOptions options;
    options.internal_shapes = made_.internal_shapes();
    options.executor = {{"", std::vector<std::string>{"sequential", "threads:2", "mpi", "mpi"}[draw(4)]}};
    if (made_.chance(50)) options.chunksizes = {{"", 1 + made_.below(4)}};
    options.rank0 = std::vector<Rank0>{Rank0::automatic, Rank0::schedule, Rank0::work}[draw(3)];
    return options;
  }
  std::size_t draw(Index limit) { return static_cast<std::size_t>(made_.below(limit)); }

  void run_in_memory() { expect_all(map(pipeline_, world(), made_.inputs(), options())); }

  void run_in_folder() {
    const SharedFolder folder;
    MapOptions options = this->options();
    options.run_folder = folder.path() / "run";
    const std::size_t storage = draw(3);
    if (storage == 1) options.storage = {{"", "memory"}};
    if (storage == 2) options.storage = {{"", "hdf5"}, {made_.outputs().begin()->first, "memory"}};
    if (made_.chance(60)) options.resume = run_selection(options);
    expect_all(map(pipeline_, world(), made_.inputs(), options));
    expect_stored(options.run_folder);
    // Everything is there: nothing is computed again.
    options.resume = true;
    const Results again = map(pipeline_, world(), made_.inputs(), options);
    for (const auto& [name, statistics] : again.functions) EXPECT_EQ(statistics.calls, 0) << name;
    expect_all(again);
    expect_stored(options.run_folder);
  }

  /// False when no axis of this pipeline can be fixed.
  bool run_selection(MapOptions options) {
    if (made_.external_axes().empty()) return false;
    const std::string axis = made_.external_axes()[draw(static_cast<Index>(made_.external_axes().size()))];
    options.fixed = {{axis, Slice{made_.below(2), {}, 1 + made_.below(2)}}};
    try {
      expect_selected(map(pipeline_, world(), made_.inputs(), options));
    } catch (const Error& error) {
      if (error.category() != Category::fixed_reduced_axis) throw;
      return false;
    }
    return true;
  }

  /// In parts, each in a folder of its own, that are merged then; what had to wait for that is computed at last.
  void run_in_shards() {
    const SharedFolder folder;
    MapOptions options = this->options();
    const Index shards = 2 + made_.below(4);
    std::vector<fs::path> parts;
    for (Index number = 1; number <= shards; ++number) {
      options.shard = Shard{number, shards};
      options.run_folder = folder.path() / ("part-" + std::to_string(number));
      expect_selected(map(pipeline_, world(), made_.inputs(), options));
      parts.emplace_back(options.run_folder);
    }
    options.run_folder = folder.path() / "run";
    const Plan plan(pipeline_, {made_.inputs(), {}, {}, made_.internal_shapes(), {}, options.shard});
    options.shard.reset();
    options.resume = true;
    merge(parts, options.run_folder);
    const Results results = map(pipeline_, world(), made_.inputs(), options);
    for (const auto& [name, statistics] : results.functions)
      EXPECT_TRUE(statistics.calls == 0 || plan.waits(pipeline_.producer_of(name))) << name;
    expect_all(results);
    expect_stored(options.run_folder);
  }

  static void merge(const std::vector<fs::path>& parts, const fs::path& into) {
    std::string problem;
    if (world().is_root()) try {
        const RunFolder folder = RunFolder::create(into, false);
        merge_runs(parts, describe_merged(parts, "merge"), folder.path(), false);
        EXPECT_EQ(verify_run_store(folder.path()), std::vector<std::string>{});
      } catch (const std::exception& error) {
        problem = error.what();
      }
    problem = world().broadcast_text(problem);
    if (!problem.empty()) throw std::runtime_error("merge: " + problem);
  }

  void expect_selected(const Results& results) const {
    if (!world().is_root()) return;
    for (const auto& [name, result] : results.outputs)
      if (!result.selected.empty())  // of nothing not even the shape is known
        expect_values(name, result.value, made_.outputs().at(name), result.mask());
  }

  void expect_all(const Results& results) const {
    if (!world().is_root()) return;
    ASSERT_EQ(results.outputs.size(), made_.outputs().size());
    for (const auto& [name, expected] : made_.outputs()) {
      EXPECT_EQ(results.at(name).layout.shape, partial(expected.shape)) << name;
      expect_values(name, results.value(name), expected, {});
    }
  }

  /// What is in the file, as those see it who know nothing of the program.
  void expect_stored(const fs::path& folder) const {
    world().barrier();
    if (world().is_root()) {
      RunReader reader(folder);
      EXPECT_TRUE(reader.complete());
      for (const auto& [name, expected] : made_.outputs())
        expect_values(name, reader.read_all(reader.find(name).value()), expected, {});
      EXPECT_EQ(verify_run_store(folder), std::vector<std::string>{});
    }
    world().barrier();
  }

  RandomPipeline made_;
  Pipeline pipeline_;
};

void try_seed(std::uint64_t seed) {
  std::string text;
  SCOPED_TRACE("seed " + std::to_string(seed) + ", again with MPIPE_PROPERTY_SEED=" + std::to_string(seed));
  try {
    Trial trial(seed);
    text = trial.text();
    SCOPED_TRACE(text);
    trial.run();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what() << "\n" << text;
  }
}

TEST(Property, RandomPipelinesGiveWhatPlainLoopsGive) {
  if (const auto seed = number_from("MPIPE_PROPERTY_SEED")) return try_seed(*seed);
  constexpr std::uint64_t kSeeds = 20;
  const std::uint64_t seeds = number_from("MPIPE_PROPERTY_SEEDS").value_or(kSeeds);
  // Another number of ranks tries other pipelines.
  const std::uint64_t first = static_cast<std::uint64_t>(world().size()) * 1'000'000;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) try_seed(seed);
}

/// A test that nothing can fail is none: the interpreter must see a single wrong bit.
TEST(Property, AWrongBitIsSeen) {
  const RandomPipeline made(3);
  const NaiveArray& expected = made.outputs().begin()->second;
  ASSERT_FALSE(expected.codes.empty());
  NaiveArray wrong = expected;
  wrong.codes.front() ^= 1U;
  EXPECT_NE(wrong.encoded_at(0), expected.encoded_at(0));
}

}  // namespace
}  // namespace mpipe::property

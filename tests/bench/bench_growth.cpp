// SPDX-License-Identifier: BSD-3-Clause
// What paths over many things cost per thing, at 10^3, 10^4, .. of them: where the cost grows with their number,
// a run that is ten times as long takes more than ten times the time.
#include <mpipe/mpipe.hpp>
#include <mpipe/store/run_reader.hpp>

#include "bench/growth.hpp"
#include "bench/temporary_folder.hpp"
#include "data/api/partial_array.hpp"
#include "store/api/run_description.hpp"
#include "store/api/run_store.hpp"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>

namespace {

using namespace mpipe::bench;
using mpipe::Index;
using mpipe::IndexRange;
using mpipe::RangeSet;

// --- sets of ranges ---

double fill_gaps(Index count) {
  RangeSet set;
  return cpu_seconds_of([&] {
    for (Index k = 0; k < count; ++k) set.insert({2 * k, 2 * k + 1});
    for (Index k = 0; k < count; ++k) {
      const Index gap = k * 7919 % count;
      set.insert({2 * gap + 1, 2 * gap + 2});
    }
    require(set.ranges().size() == 1, "a gap is left");
  });
}

/// As of 1000 ranks that have every 1000th range each.
double unite_ranks(Index count) {
  constexpr Index kRanks = 1000;
  std::vector<RangeSet> ranks(kRanks);
  for (Index k = 0; k < count; ++k) ranks[static_cast<std::size_t>(k % kRanks)].insert({2 * k, 2 * k + 1});
  RangeSet all;
  return cpu_seconds_of([&] {
    for (const RangeSet& of_rank : ranks) all.insert(of_rank);
    require(all.count() == count, "a range is missing");
  });
}

// --- the store, on one rank ---

mpipe::OutputLayout output(std::string name, Index elements, const mpipe::ElementType& type) {
  mpipe::OutputLayout layout;
  layout.name = std::move(name);
  layout.type = &type;
  layout.axes = {"i"};
  layout.external = {true};
  layout.shape = {elements};
  return layout;
}

/// A store of one output, elements of which are appended in blocks of one.
class Stored {
 public:
  explicit Stored(Index count, mpipe::StorageKind storage = mpipe::StorageKind::hdf5)
      : array_(mpipe::element_type<double>(), {count}, mpipe::Shape{}) {
    layout_.run_id = "growth";
    layout_.outputs = {output("y", count, mpipe::element_type<double>())};
    layout_.outputs[0].storage = storage;
    options_.local_commit_interval = std::chrono::hours(1);
    options_.sync_interval = std::chrono::milliseconds(0);
    options_.sync = storage == mpipe::StorageKind::file;
    store_ = mpipe::create_run_store(comm_, path(), layout_, options_);
  }

  const std::filesystem::path& path() const { return folder_.path(); }
  mpipe::RunStore& store() { return *store_; }
  void append(Index first, Index step) {
    for (Index k = first; k < array_.element_total(); k += step) {
      const double value = static_cast<double>(k);
      std::memcpy(array_.destination(k), &value, sizeof value);
      array_.mark({k, k + 1});
      store_->append(0, {k, k + 1}, array_);
    }
  }
  void finish(bool complete) {
    const mpipe::PartialArray* const arrays[] = {&array_};
    store_->finish(arrays, complete);
  }
  /// As a crash does.
  void drop() { store_.reset(); }
  void resume() {
    store_ = mpipe::resume_run_store(comm_, path(), layout_, options_);
    require(store_->stored()[0].count() == array_.element_total(), "an element is lost");
  }

 private:
  TemporaryFolder folder_;
  mpipe::Communicator comm_;
  mpipe::RunDescription layout_;
  mpipe::StoreOptions options_;
  mpipe::PartialArray array_;
  std::unique_ptr<mpipe::RunStore> store_;
};

double append_frames(Index count) {
  Stored stored(count);
  return cpu_seconds_of([&] { stored.append(0, 1); });
}

/// Every second element first, as two workers do.
double commit_locally(Index count) {
  Stored stored(count);
  stored.append(0, 2);
  stored.append(1, 2);
  return cpu_seconds_of([&] { stored.store().flush(); });
}

double resume_frames(Index count) {
  Stored stored(count);
  stored.append(0, 2);
  stored.append(1, 2);
  stored.drop();
  return cpu_seconds_of([&] { stored.resume(); });
}

double show_frames(Index count) {
  Stored stored(count);
  stored.append(0, 2);
  stored.append(1, 2);
  return cpu_seconds_of([&] {
    mpipe::RunReader run(stored.path());
    require(run.progress(0).done().count() == count, "an element is missing");
    run.read_all(0);
  });
}

double verify_frames(Index count) {
  Stored stored(count);
  stored.append(0, 2);
  stored.append(1, 2);
  return cpu_seconds_of([&] { require(mpipe::verify_run_store(stored.path()).empty(), "a fault"); });
}

double mark_failures(Index count) {
  Stored stored(count);
  return cpu_seconds_of([&] {
    for (Index k = 0; k < count; k += 2) stored.store().mark(0, {k, k + 1}, mpipe::ElementStatus::failed);
    stored.finish(false);
  });
}

double files_of_elements(Index count) {
  Stored stored(count, mpipe::StorageKind::file);
  return cpu_seconds_of([&] {
    stored.append(0, 1);
    stored.finish(true);
  });
}

// --- whole maps ---

mpipe::MapOptions map_options(const std::filesystem::path& folder, bool resume) {
  mpipe::MapOptions options;
  options.run_folder = folder.string();
  options.resume = resume;
  options.keep_status = false;
  options.chunksizes = {{"", 1}};
  return options;
}

/// Every second element, then the others: the seconds of these.
double second_half(Index count) {
  const TemporaryFolder folder;
  const mpipe::Communicator alone;
  const mpipe::Pipeline pipeline{
      mpipe::function("y", [](double x) { return 2 * x; }).parameters("x").mapspec("x[i] -> y[i]")};
  const mpipe::Inputs inputs{{"x", mpipe::linspace(0, 1, count)}};
  mpipe::MapOptions options = map_options(folder.path() / "run", false);
  options.fixed = {{"i", mpipe::Slice{0, {}, 2}}};
  mpipe::map(pipeline, alone, inputs, options);
  return cpu_seconds_of(
      [&] { mpipe::map(pipeline, alone, inputs, map_options(folder.path() / "run", true)); });
}

double retry_failed(Index count) {
  const TemporaryFolder folder;
  const mpipe::Communicator alone;
  const mpipe::Pipeline pipeline{mpipe::function("y",
                                                 [](double x) {
                                                   if (x >= 0) throw std::runtime_error("no");
                                                   return x;
                                                 })
                                     .parameters("x")
                                     .mapspec("x[i] -> y[i]")};
  const mpipe::Inputs inputs{{"x", mpipe::linspace(0, 1, count)}};
  mpipe::MapOptions options = map_options(folder.path() / "run", false);
  options.error_handling = "continue";
  mpipe::map(pipeline, alone, inputs, options);
  options.resume = true;
  options.retry_failed = true;
  return cpu_seconds_of([&] { mpipe::map(pipeline, alone, inputs, options); });
}

/// Outputs whose shapes come late, all in one wave.
double late_outputs(Index count) {
  const TemporaryFolder folder;
  const mpipe::Communicator alone;
  mpipe::RunDescription layout;
  layout.run_id = "growth";
  std::map<std::size_t, mpipe::Shape> shapes;
  for (Index k = 0; k < count / 10; ++k) {
    layout.outputs.push_back(output(fmt::format("y{}", k), 3, mpipe::element_type<double>()));
    layout.outputs.back().axes = {"i", "k"};
    layout.outputs.back().external = {true, false};
    layout.outputs.back().shape = {3, {}};
    shapes[static_cast<std::size_t>(k)] = {3, 2};
  }
  const auto store = mpipe::create_run_store(alone, folder.path(), layout, {});
  return 10 * cpu_seconds_of([&] { store->resolve(shapes); });
}

}  // namespace

int main(int argc, char** argv) {
  const mpipe::Environment environment(argc, argv);
  grow("gaps of a set, in any order", 1'000'000, fill_gaps);
  grow("ranges of 1000 ranks, united", 1'000'000, unite_ranks);
  grow("blocks of one, appended", 1'000'000, append_frames);
  grow("blocks of one, moved by the node", 1'000'000, commit_locally);
  grow("blocks of one, resume", 1'000'000, resume_frames);
  grow("blocks of one, show", 1'000'000, show_frames);
  grow("blocks of one, verify", 1'000'000, verify_frames);
  grow("failures, marked", 1'000'000, mark_failures);
  grow("files of elements", 10'000, files_of_elements);
  grow("late outputs (tens)", 10'000, late_outputs);
  grow("the second half of a selection", 100'000, second_half);
  grow("failures, tried again", 100'000, retry_failed);
  grow_jobs(environment.world());
  return 0;
}

// SPDX-License-Identifier: BSD-3-Clause
// Runs, stops and resumes simulated maps, and holds what is on the simulated disk to what was promised.
#include "simulation/crash_simulation.hpp"

#include <mpipe/folder/status.hpp>
#include <mpipe/store/run_reader.hpp>

#include "core/api/hash.hpp"
#include "run/api/execute_request.hpp"
#include "simulation/crash_case.hpp"
#include "support/simulated_disk.hpp"
#include "support/simulated_ranks.hpp"
#include "support/temporary_folder.hpp"

#include <fmt/format.h>

#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>

namespace mpipe::test {
namespace {

thread_local int rank_of_thread = -1;

using Elements = std::map<std::string, RangeSet>;  // by output

/// The bytes of each element of an output, as a reader has them.
std::vector<Bytes> elements_of(RunReader& reader, std::size_t output, const RangeSet& wanted, Index total) {
  std::vector<Bytes> all(static_cast<std::size_t>(total));
  for (const IndexRange& range : wanted.ranges()) {
    const Value values = reader.read(output, range);
    const Index each = range.empty() ? 0 : values.count() / range.size();
    for (Index k = 0; k < values.count(); ++k) {
      const auto bytes = values.element(k);
      Bytes& element = all[static_cast<std::size_t>(range.begin + k / each)];
      element.insert(element.end(), bytes.begin(), bytes.end());
    }
  }
  return all;
}

/// What an undisturbed run on one rank has of an output.
struct Expected {
  std::vector<Bytes> elements;
  ElementStates states;
};

/// Hears on rank 0 what is told as done, as people do.
class Listener final : public RunObserver {
 public:
  explicit Listener(const std::map<std::string, Expected>& expected) : expected_(expected) {}

  void on_start(const Plan& plan, const MachineInfo&, const std::vector<ElementCounts>&) override {
    plan_ = &plan;
  }
  void on_resolved(const Plan& plan) override { plan_ = &plan; }
  void on_block_done(const BlockWorker&, const Block& block, Index completed, Duration, TimePoint) override {
    const RangeSet here{{block.range.begin, block.range.begin + completed}};
    for (const FunctionId function : plan_->stages()[block.stage.value].functions)
      for (const OutputId output : plan_->function(function)->outputs) {
        const std::string& name = plan_->output(output).name;
        told_[name].insert(here.intersection(expected_.at(name).states.done()));
      }
  }
  /// All that was told is committed.
  void commit() { committed_ = told_; }
  const Elements& told() const { return told_; }
  const Elements& committed() const { return committed_; }

 private:
  const std::map<std::string, Expected>& expected_;
  const Plan* plan_ = nullptr;
  Elements told_;
  Elements committed_;
};

/// Asks the run to end when it was asked so often.
class EndsEarly final : public RunControl {
 public:
  explicit EndsEarly(std::uint64_t looks) : looks_(looks) {}
  bool cancelled() override { return looks_-- == 0; }

 private:
  std::uint64_t looks_;
};

/// As `map` does, with somebody who may ask the run to end.
void map_with(const Communicator& comm, const CrashCase& made, const MapOptions& options,
              RunControl* control) {
  const Communicator own = comm.size() > 1 ? comm.duplicate() : comm;
  execute_request(
      own, made.pipeline,
      [&] {
        return Request{made.inputs, options};
      },
      find_inventory(own, false), control);
}

class Simulation {
 public:
  Simulation(std::uint64_t seed, DiskLie lie)
      : lie_(lie), random_(seed), made_(crash_case(seed)), run_(temporary_.path() / "disk" / "run") {}

  SimulatedStory run() {
    try {
      find_expected();
      constexpr int kMostStops = 3;
      for (int start = 0; start < kMostStops && story_.broken.empty(); ++start)
        if (!live(pick(100) < 85)) break;
      if (story_.broken.empty() && !complete_) live(false);
      if (story_.broken.empty()) require(complete_, "the run was not complete in the end");
    } catch (const std::exception& error) {
      broken(fmt::format("thrown: {}", error.what()));
    }
    return std::move(story_);
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  void broken(std::string what) { story_.broken.push_back(std::move(what)); }
  void require(bool holds, const std::string& otherwise) {
    if (!holds) broken(otherwise);
  }
  void digest(std::string_view text) { story_.digest = (story_.digest * 1099511628211u) ^ fnv1a(text); }

  void find_expected() {
    MapOptions options = made_.options;
    options.run_folder = (temporary_.path() / "undisturbed" / "run").string();
    ::setenv("MPIPE_JOURNAL_LIMIT", "100000000", 1);  // not what the seed before has left
    {
      SimulatedDisk disk(temporary_.path() / "undisturbed", temporary_.path() / "none", {}, 0);
      const FileSystemInPlace in_place(disk);
      simulate_ranks(1, 0, [&](const Communicator& comm) { map_with(comm, made_, options, nullptr); });
    }
    RunReader reader(options.run_folder);
    for (std::size_t k = 0; k < reader.outputs().size(); ++k) {
      const Index total = reader.element_total(k).value();
      expected_[reader.outputs()[k].name] = {elements_of(reader, k, reader.progress(k).done(), total),
                                             reader.progress(k)};
    }
  }

  // --- one start

  DiskFaults choose_faults() {
    DiskFaults faults;
    // Operations of a run: some hundred. What is chosen beyond its end does not happen.
    const std::size_t at = 1 + pick(1 + pick(pick(2) == 0 ? 60 : 600));
    faults.stop = std::array{Stop::kill, Stop::power, Stop::torn}[pick(3)];
    if (pick(100) < 70) faults.stop_at = at;
    if (pick(100) < 30) {
      faults.fail_from = 1 + pick(at + 20);
      faults.fail_count = pick(2) == 0 ? 1 + pick(3) : DiskFaults::kNever;
      faults.code = pick(2) == 0 ? ENOSPC : EIO;
      if (pick(2) == 0)
        faults.hits = [victim = static_cast<int>(pick(3))] { return rank_of_thread == victim; };
    }
    return faults;
  }

  MapOptions choose_options() {
    MapOptions options = made_.options;
    options.run_folder = run_.string();
    options.resume = true;
    if (pick(2) == 0)
      options.chunksizes = {{"", 1 + static_cast<Index>(pick(4))}};  // else blocks are taken back
    options.rank0 = pick(2) == 0 ? Rank0::automatic : Rank0::schedule;
    ::setenv("MPIPE_JOURNAL_LIMIT", std::array{"0", "200", "1000", "100000000"}[pick(4)], 1);
    return options;
  }

  /// Returns whether the run was stopped. With `faults` it may be.
  bool live(bool with_faults) {
    DiskFaults faults = with_faults ? choose_faults() : DiskFaults{};
    faults.one_short_in = pick(3) == 0 ? 0 : 10;
    faults.lie = lie_;
    const int ranks = std::array{1, 2, 3, 5}[pick(4)];
    const int on_a_node = 1 + static_cast<int>(pick(5));
    EndsEarly control(with_faults && pick(100) < 20 ? pick(200) : DiskFaults::kNever);
    story_.lines.push_back(
        fmt::format("{} ranks, {} on a node; stops at operation {} ({}), fails from {} ({})", ranks,
                    on_a_node, faults.stop_at, static_cast<int>(faults.stop), faults.fail_from, faults.code));
    const fs::path image = temporary_.path() / "image";
    SimulatedDisk disk(run_.parent_path(), image, faults, pick(DiskFaults::kNever));
    Listener listener(expected_);
    watch(disk, listener);
    made_.calls->clear();
    const std::vector<std::string> errors = simulate(disk, ranks, on_a_node, listener, control);
    const bool ended_well =
        std::all_of(errors.begin(), errors.end(), [](const auto& error) { return error.empty(); });
    if (!ended_well) ++story_.stops;
    story_.lines.push_back(fmt::format("  {} operations, {}", disk.operations(),
                                       ended_well       ? "completed"
                                       : disk.stopped() ? "stopped"
                                                        : errors.front()));
    for (std::string& operation : last_) story_.lines.push_back("    " + std::move(operation));
    last_.clear();
    if (disk.stopped()) {
      fs::remove_all(run_.parent_path());
      fs::rename(image, run_.parent_path());
    }
    bury_owner();
    check_calls();
    // A power failure takes more than what was told; failures of the disk do not.
    const bool power_failed = disk.stopped() && faults.stop != Stop::kill;
    note_promises(power_failed ? listener.committed() : listener.told());
    if (!disk.stopped() && !disk.has_failed() && !ended_well)
      require(errors.front().find("cancelled") != std::string::npos,
              "the run ended by itself: " + errors.front());
    check_folder(power_failed);
    complete_ = ended_well;
    if (ended_well) check_complete();
    return !ended_well;
  }

  /// The journals are emptied when all that was told is in the files, and synced; `digest` has the order of all.
  void watch(SimulatedDisk& disk, Listener& listener) {
    disk.watch = [&](std::string_view operation, const fs::path& path, std::uint64_t position) {
      digest(operation);
      last_.push_back(fmt::format("rank {}: {} {} at {}", rank_of_thread, operation,
                                  path.lexically_relative(run_).string(), position));
      if (last_.size() > kShown) last_.pop_front();
      digest(path.extension() == ".tmp" ? path.stem().stem().native() : path.filename().native());
      const std::string name = path.filename();
      if (operation == "write" && position == 0 && name.starts_with("rank-") &&
          name.find("kept") == std::string::npos)
        listener.commit();
    };
  }

  std::vector<std::string> simulate(SimulatedDisk& disk, int ranks, int on_a_node, Listener& listener,
                                    EndsEarly& control) {
    MapOptions options = choose_options();
    const auto status = std::make_shared<StatusWriter>(run_.string(), std::chrono::hours(24));
    const auto observers = std::make_shared<ObserverList>();
    observers->add(status);
    observers->add(std::shared_ptr<RunObserver>(std::shared_ptr<void>(), &listener));
    options.observer = observers;
    std::vector<std::string> errors(static_cast<std::size_t>(ranks));
    const FileSystemInPlace in_place(disk);
    const auto program = [&](const Communicator& comm) {
      rank_of_thread = comm.rank();
      try {
        map_with(comm, made_, options, comm.is_root() ? &control : nullptr);
      } catch (const Bug&) {
        throw;  // all ranks wait for each other, say
      } catch (const Error& error) {
        errors[static_cast<std::size_t>(comm.rank())] =
            fmt::format("{}: {}", to_string(error.category()), error.what());
      }
    };
    for (const std::string& line : simulate_ranks(ranks, pick(DiskFaults::kNever), program, on_a_node))
      digest(line);
    return errors;
  }

  /// The process that has the lock, and writes the status, is this one, and is to be taken for dead: for one of the same
  /// number, which began at another time.
  void bury_owner() const {
    const std::string mine = std::to_string(this_process().start_time);
    for (const char* name : {"lock", "status.json"}) {
      if (!fs::exists(run_ / name)) continue;
      std::string text = read_text(run_ / name);
      if (const std::size_t at = text.find(mine); at != std::string::npos)
        text.replace(at, mine.size(), std::string(mine.size(), '1'));
      write_text(run_ / name, text);
      fs::last_write_time(run_ / name, fs::file_time_type::clock::now() - std::chrono::hours(1));
    }
  }

  // --- what was promised

  void note_promises(const Elements& told) {
    for (const auto& [name, elements] : told)
      if (is_kept(name)) promised_[name].insert(elements);
  }

  /// Values in memory are lost with the process.
  bool is_kept(const std::string& output) const {
    const auto own = made_.options.storage.find(output);
    return own == made_.options.storage.end() || own->second != StorageKind::memory;
  }

  /// Of an element one call was made, and none where it was there.
  void check_calls() {
    for (const auto& [name, by_argument] : *made_.calls) {
      for (const auto& [argument, calls] : by_argument)
        require(calls == 1, fmt::format("{}({}) was called {} times in one start", name, argument, calls));
      const Index elements = static_cast<Index>(expected_.at(name).elements.size());
      const Index most = elements - (is_kept(name) ? there_[name].count() : 0);
      require(static_cast<Index>(by_argument.size()) <= most,
              fmt::format("{} elements of {} were computed, and {} were missing", by_argument.size(), name,
                          most));
    }
  }

  void check_folder(bool power_failed) {
    if (!fs::exists(run_ / "run.json") && !fs::exists(run_ / "run-copy.json")) {
      for (const auto& [name, elements] : promised_)
        require(elements.empty(), name + " had elements, and there is no run any more");
      there_.clear();
      return;
    }
    RunReader reader(run_);
    for (std::size_t k = 0; k < reader.outputs().size(); ++k) check_output(reader, k);
    const std::vector<std::string> faults = verify_run_store(run_);
    // A log that lost what was not synced says so.
    if (!power_failed)
      for (const std::string& fault : faults) broken("verify: " + fault);
    if (!power_failed) check_status(reader);
  }

  void check_output(RunReader& reader, std::size_t k) {
    const std::string& name = reader.outputs()[k].name;
    const Expected& expected = expected_.at(name);
    const RangeSet& done = reader.progress(k).done();
    const RangeSet lost = promised_[name].difference(done);
    require(lost.empty(), fmt::format("{} elements of {} were lost, the first is {}", lost.count(), name,
                                      lost.empty() ? -1 : lost.ranges().front().begin));
    require(done.difference(expected.states.done()).empty(), name + " has elements that fail");
    require(reader.progress(k).failed().difference(expected.states.failed()).empty(),
            name + " has other failures");
    there_[name] = done;
    promised_[name] = done;  // and stays so
    if (done.empty()) return;
    const auto elements = elements_of(reader, k, done, static_cast<Index>(expected.elements.size()));
    for (const IndexRange& range : done.ranges())
      for (Index element = range.begin; element < range.end; ++element) {
        const auto at = static_cast<std::size_t>(element);
        require(elements[at] == expected.elements[at],
                fmt::format("{} has other bytes at {}", name, element));
      }
  }

  void check_status(RunReader& reader) {
    if (!fs::exists(run_ / "status.json")) return;
    const RunStatus status = read_status(run_.string());
    require(status.state != RunState::completed || reader.complete(), "the status tells of a complete run");
    for (const OutputStatus& output : status.outputs) {
      const auto k = reader.find(output.name);
      const Index there = k ? reader.progress(*k).done().count() : 0;
      require(output.done - output.in_memory <= there || !is_kept(output.name),
              fmt::format("the status tells of {} elements of {}, and there are {}", output.done, output.name,
                          there));
    }
  }

  void check_complete() {
    RunReader reader(run_);
    require(reader.complete(), "a run that ended well is not complete");
    for (const auto& [name, expected] : expected_) {
      const ElementStates& states = reader.progress(reader.find(name).value());
      require(states.done() == expected.states.done() && states.failed() == expected.states.failed() &&
                  states.blocked() == expected.states.blocked(),
              name + " has elements in other states than an undisturbed run");
    }
  }

  static constexpr std::size_t kShown = 8;
  std::deque<std::string> last_;  ///< operations
  const DiskLie lie_;
  std::mt19937_64 random_;
  CrashCase made_;
  TemporaryFolder temporary_;
  const fs::path run_;
  std::map<std::string, Expected> expected_;
  Elements promised_;
  Elements there_;  ///< after the last stop
  bool complete_ = false;
  SimulatedStory story_;
};

}  // namespace

SimulatedStory simulate_crashes(std::uint64_t seed, DiskLie lie) { return Simulation(seed, lie).run(); }

}  // namespace mpipe::test

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `--trace FILE`: who computed what when, for viewers of timelines (Perfetto, chrome://tracing).
#pragma once

#include <mpipe/exec/observer.hpp>

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace mpipe::app {

/// The events of a job, in the "Trace Event Format" of Chrome. Of many events the first and the last ones are kept, and
/// a random sample of those between: a trace is at most some megabytes. Any thread.
class Trace {
 public:
  /// `file` is absolute. Throws `Error`: bad_option where something else than a trace is
  /// there, storage_failed where it cannot be made.
  Trace(std::filesystem::path file, TimePoint began);

  struct Event {
    std::uint32_t name = 0;  ///< as `number_of` gave it
    int run = 0;
    int worker = 0;  ///< 0: the run as a whole, at one moment
    TimePoint begin;
    Duration length = {};
    Index first = 0;       ///< element, and how many
    Index elements = 0;    ///< 0: there are none
    Duration waited = {};  ///< from the moment at which it was handed out until it began
  };

  std::uint32_t number_of(const std::string& name);
  void name_run(int run, const std::string& name);
  void name_worker(int run, int worker, const std::string& name);
  void add(const Event& event);
  /// Writes the file. Throws `Error` (storage_failed).
  void write();

 private:
  std::string text_of(const Event& event) const;

  std::filesystem::path file_;
  TimePoint began_;
  std::mutex mutex_;  // of all that follows
  std::vector<std::string> names_;
  std::map<std::string, std::uint32_t> numbers_;
  std::vector<std::string> titles_;  ///< of runs and workers, as JSON
  std::vector<Event> first_;
  std::vector<Event> sample_;
  std::deque<Event> last_;
  std::uint64_t passed_ = 0;  ///< events that are no longer among the last
  std::mt19937_64 random_;
};

/// Notes the blocks of one run, its failures, and what it says of itself.
class TraceObserver final : public RunObserver {
 public:
  /// `run` counts the runs of a job from 1.
  TraceObserver(std::shared_ptr<Trace> trace, int run, std::string name);

  void on_start(const Plan& plan, const MachineInfo&, const std::vector<ElementCounts>&) override;
  void on_note(const std::string& text) override;
  void on_failure(const Failure& failure) override;
  void on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) override;
  void on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                     TimePoint now) override;
  void on_tick(TimePoint now) override { now_ = now; }
  void on_end(const std::string& state, const std::string& message) override;

 private:
  struct Worker {
    int number = 0;
    TimePoint free;  ///< when what it did last had ended
  };
  Worker& worker_of(const BlockWorker& worker);
  void mark(const std::string& name);

  std::shared_ptr<Trace> trace_;
  int run_;
  std::string name_;
  TimePoint now_;
  std::vector<std::uint32_t> stages_;  ///< by stage: the number of its name
  std::map<std::pair<std::string, std::uint32_t>, Worker> workers_;
  std::unordered_map<BlockId, TimePoint> assigned_;  ///< of blocks that are at a worker
};

}  // namespace mpipe::app

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the rank that leads a run tells rank 0 of a launch about it. Readers throw as `ByteReader` does.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/launch/launch.hpp>

#include "launch/subgroup_link.hpp"

#include <functional>
#include <vector>

namespace mpipe {

/// The machine of a run that starts, and what earlier starts have kept of each output. Shapes follow.
struct RunStart {
  MachineInfo machine;
  std::vector<ElementCounts> kept;
};
void put_start(ByteWriter& out, const RunStart& start);
RunStart get_start(ByteReader& in);

/// So many more elements of a function are settled.
struct FunctionProgress {
  FunctionId function;
  ElementCounts counts;
};
std::vector<FunctionProgress> get_progress(ByteReader& in);

/// A block that was handed out, or what a worker has done of it.
struct BlockEvent {
  BlockWorker worker;
  Block block;
  bool done = false;
  Index completed = 0;
  Duration busy{};
  Duration age{};  ///< how long before the message was sent; clocks of ranks are not compared
};
struct BlockEvents {
  std::vector<BlockEvent> events;
  std::uint64_t left_out = 0;  ///< events that were too many to be told
};
BlockEvents get_block_events(ByteReader& in);

/// All of `Results` but values, shapes and what the plan knows.
void put_results(ByteWriter& out, const Results& results);
/// `plan` knows the shapes that the run found.
Results get_results(ByteReader& in, const Plan& plan);

/// `with_failures`: a `FunctionError` stays one, for a reader who has the results.
void put_outcome(ByteWriter& out, const MapOutcome& outcome, bool with_failures);
MapOutcome get_outcome(ByteReader& in, const std::string& name, std::shared_ptr<const Results> results);

/// Tells rank 0 how a run goes that this rank leads: about ten times a second, and with each message at most
/// `kMostBlockEvents` events of blocks, so that a run of many small blocks costs rank 0 no more than another.
class RunReporter final : public RunObserver {
 public:
  static constexpr std::size_t kMostBlockEvents = 500;

  RunReporter(SubgroupLink& link, MapId run) : link_(link), run_(run) {}

  void on_start(const Plan& plan, const MachineInfo& machine,
                const std::vector<ElementCounts>& kept) override;
  void on_progress(FunctionId function, const ElementCounts& counts, TimePoint now) override;
  void on_note(const std::string& text) override;
  void on_resolved(const Plan& plan) override;
  void on_failure(const Failure& failure) override;
  void on_block_assigned(const BlockWorker& worker, const Block& block, TimePoint now) override;
  void on_block_done(const BlockWorker& worker, const Block& block, Index completed, Duration busy,
                     TimePoint now) override;
  void on_tick(TimePoint now) override;

  /// The last message about the run.
  void send_over(const MapOutcome& outcome);

 private:
  struct TimedEvent {
    BlockEvent event;
    TimePoint at;
  };

  void send(LaunchKind kind, const std::function<void(ByteWriter&)>& put);
  void keep(BlockEvent event, TimePoint now);
  void flush(TimePoint now);

  SubgroupLink& link_;
  MapId run_;
  Bytes shapes_;                     ///< as known last
  std::vector<ElementCounts> news_;  ///< by FunctionId, since the last message
  std::vector<TimedEvent> blocks_;   ///< since the last message
  std::uint64_t blocks_left_out_ = 0;
  bool any_news_ = false;
  TimePoint told_{};
};

}  // namespace mpipe

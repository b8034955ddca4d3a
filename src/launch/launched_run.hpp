// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One of several runs, as rank 0 sees it.
#pragma once

#include <mpipe/base/bytes.hpp>
#include <mpipe/launch/launch.hpp>

#include "launch/launch_messages.hpp"

#include <functional>
#include <optional>
#include <utility>

namespace mpipe {

/// What a run was asked for.
struct RunData {
  std::string name;
  Pipeline pipeline;
  Inputs inputs;
  MapOptions options;
};

/// How `run` ended; throws only what ends all runs (rank_lost), and what is no `Error`.
MapOutcome outcome_of(const std::string& name, const std::function<Results()>& run);

class LaunchedRun {
 public:
  explicit LaunchedRun(std::shared_ptr<const RunData> data);

  const RunData& data() const { return *data_; }
  /// Its own options, with an observer that keeps `status` too: of a run that this rank leads.
  MapOptions observed_options() const;
  /// What the leader of the run, another rank, has to say: `started` .. `over`. Throws `Error` (rank_lost)
  /// for a message that cannot be understood.
  void on_message(const LaunchMessage& message);
  /// Time passes while another rank leads.
  void tick(TimePoint now);
  void end(MapOutcome outcome);
  /// Never began.
  void drop();

  /// An observer threw: the run is to stop, and fails with what was thrown. Says so once.
  bool wants_cancel() { return observer_error_ && !over() && !std::exchange(cancel_told_, true); }
  bool over() const { return outcome_.state != RunState::pending; }
  const MapOutcome& outcome() const { return outcome_; }
  RunStatus status() const;

 private:
  /// What is known here of a run that goes on elsewhere. It is given up at the end: a launch may have many thousand
  /// runs, and only how they ended is asked for then.
  struct Course {
    Course(const RunData& data, int ranks);
    Pipeline part;  ///< what runs of the pipeline; the plan refers to it
    Plan plan;
    std::map<std::string, PartialShape> planned_shapes;
    std::map<std::uint32_t, Value> values;  ///< by output
    std::uint64_t blocks_left_out = 0;
  };

  void read(LaunchKind kind, ByteReader& in);
  void begin(ByteReader& in);
  void tell_progress(ByteReader& in);
  void tell_blocks(ByteReader& in);
  void take_over(ByteReader& in);
  Course& course() const;
  void tell(const std::function<void(RunObserver&)>& call);

  std::shared_ptr<const RunData> data_;
  std::shared_ptr<StatusWriter> status_;
  std::shared_ptr<ObserverList> observers_;  ///< `status_`, and the one of the caller
  std::unique_ptr<Course> course_;           ///< from the start to the end of a run that goes on elsewhere
  std::shared_ptr<const Error> observer_error_;  ///< what an observer threw, who hears no more then
  bool cancel_told_ = false;
  MapOutcome outcome_;
};

}  // namespace mpipe

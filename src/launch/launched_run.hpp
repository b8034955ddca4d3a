// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One of several runs, as rank 0 sees it.
#pragma once

#include <mpipe/launch/launch.hpp>

#include "launch/launch_messages.hpp"

#include <functional>
#include <optional>

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

  bool over() const { return outcome_.state != RunState::pending; }
  const MapOutcome& outcome() const { return outcome_; }
  RunStatus status() const;

 private:
  void begin(const std::string& text);
  void tell_progress(const std::string& text);
  void take_shapes(const std::string& text);
  void take_over(const std::string& text);

  std::shared_ptr<const RunData> data_;
  std::shared_ptr<StatusWriter> status_;
  std::shared_ptr<ObserverList> observers_;  ///< of the one who asked, and `status_`
  std::optional<Pipeline> part_;             ///< what runs of the pipeline; the plan refers to it
  std::optional<Plan> plan_;                 ///< since the run has started elsewhere
  std::map<std::string, PartialShape> planned_shapes_;
  std::map<std::uint32_t, Value> values_;  ///< by output
  MapOutcome outcome_;
};

}  // namespace mpipe

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// What the rank that leads a run tells rank 0 of a launch about it, as JSON text. Decoders throw
/// `Json::exception` or `Bug` for what encoders do not make.
#pragma once

#include <mpipe/launch/launch.hpp>

#include "launch/subgroup_link.hpp"
#include "run/api/wire_json.hpp"

namespace mpipe {

struct RunStart {
  MachineInfo machine;
  std::vector<ElementCounts> kept;
  Json shapes;
};
RunStart decode_start(const std::string& text);
std::vector<std::pair<FunctionId, ElementCounts>> decode_progress(const std::string& text);

/// All of `Results` but values and planned shapes, which rank 0 knows.
class ResultsCodec {
 public:
  static Json encode(const Results& results);
  /// `plan` knows the shapes that the run found.
  static Results decode(const Json& json, const Plan& plan);
};

Json encode_outcome(const MapOutcome& outcome);
MapOutcome decode_outcome(const Json& json, const std::string& name, std::shared_ptr<const Results> results);

/// Tells rank 0 how a run goes that this rank leads: at most about ten times a second.
class RunReporter final : public RunObserver {
 public:
  RunReporter(SubgroupLink& link, MapId run) : link_(link), run_(run) {}

  void on_start(const Plan& plan, const MachineInfo& machine,
                const std::vector<ElementCounts>& kept) override;
  void on_progress(FunctionId function, const ElementCounts& counts, TimePoint now) override;
  void on_note(const std::string& text) override;
  void on_resolved(const Plan& plan) override;
  void on_failure(const Failure& failure) override;
  void on_tick(TimePoint now) override;

  /// The last message about the run.
  void send_over(const MapOutcome& outcome);

 private:
  void send(LaunchKind kind, const Json& json);
  void flush(TimePoint now);

  SubgroupLink& link_;
  MapId run_;
  std::vector<std::string> outputs_;  ///< by OutputId
  Json shapes_;                       ///< as known last
  std::vector<ElementCounts> news_;   ///< by FunctionId, since the last message
  bool any_news_ = false;
  TimePoint told_{};
};

}  // namespace mpipe

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Readiness`: which elements of a wave can be computed, as others of the same wave are done.
#pragma once

#include <mpipe/plan/plan.hpp>

#include "plan/api/carry.hpp"

#include <vector>

namespace mpipe {

/// Counts, for stages that overlap, what their elements still wait for: for each position of the axes that a stage
/// shares with one that it reads, the elements there that are not done (row `i` of `z[i, :]` waits for all of its
/// columns). Where each element reads one other there is no count, as what is done tells it. What a call costs goes with
/// the ranges that it is given and with what becomes ready by it. Independent of the plan once it is made; one thread
/// at a time.
class Readiness {
 public:
  struct Ready {
    StageId stage;
    RangeSet elements;
  };

  Readiness() = default;
  /// Precondition: the shapes of stages that overlap in `wave` are known.
  Readiness(const Plan& plan, std::size_t wave);

  /// Once for each stage of the wave, in the order of `Plan::stages_of_wave`. `todo`: its elements that are to be
  /// computed; all others count as done. Returns those that wait for nothing.
  RangeSet begin(StageId stage, const RangeSet& todo);
  /// Elements of `stage` are done, each of them told once. Returns what is ready by that.
  std::vector<Ready> on_done(StageId stage, IndexRange done);
  /// What of a stage has begun to wait, and is not ready.
  const RangeSet& waiting(StageId stage) const { return stages_[stage.value].waiting; }

 private:
  /// A stage reads from another one.
  struct Edge {
    std::size_t read = 0;  ///< stages, by number
    std::size_t reader = 0;
    Shape source;                                          ///< external shape of what is read
    Shape target;                                          ///< of the stage that reads
    Shape shared;                                          ///< along the axes that both have
    std::vector<std::vector<std::size_t>> axes_of_source;  ///< by axis of `shared`
    Ties direct;                                           ///< from `source` to `target`
    Ties from_shared;                                      ///< from `shared` to `target`
    /// By position along `shared`: elements that are not done. Empty where each element reads at most one other.
    std::vector<Index> left{};
    RangeSet waiting{};  ///< elements of the reader that wait for this edge
  };
  struct OfStage {
    std::vector<std::size_t> in{};   ///< edges by which it reads
    std::vector<std::size_t> out{};  ///< edges by which it is read
    RangeSet todo{};
    RangeSet waiting{};
  };

  static Edge make_edge(const Plan& plan, const PlannedFunction& reader, const PlannedArgument& argument);
  static RangeSet count(Edge& edge, IndexRange elements, Index sign);

  std::vector<Edge> edges_;
  std::vector<OfStage> stages_;  ///< by StageId
};

}  // namespace mpipe

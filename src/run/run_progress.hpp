// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `RunProgress`: what is known of the elements of a run, and how failures spread among them.
#pragma once

#include <mpipe/data/element_states.hpp>
#include <mpipe/exec/observer.hpp>

#include "plan/api/lineage.hpp"
#include "run/wave_outcome.hpp"

#include <span>
#include <vector>

namespace mpipe {

/// The states of all elements at the end of the last wave, the same on every rank. Of an output without a
/// known number of elements the one element 0 stands for all (see Lineage). Local: ranks learn from each
/// other by `WaveOutcome`, and those that join by `put` and `get`.
class RunProgress {
 public:
  /// `plan` must outlive this, and may get to know shapes meanwhile.
  explicit RunProgress(const Plan& plan);

  /// What earlier starts left. A call fails with all of its outputs, whichever of these were marked before a
  /// start was killed.
  void take_stored(std::span<const ElementStates> stored, bool keeps_failed);
  /// The wave at hand begins: dependencies are those that follow from the shapes that are known now.
  void begin_wave() { lineage_ = Lineage(plan_); }
  /// Finds what of a wave cannot be computed, after all that is known to have failed.
  void find_blocked(std::size_t wave);
  /// What failed in the wave that ends. Takes the details out of `outcome`.
  void take_failed(WaveOutcome& outcome);
  void add_done(OutputId output, const RangeSet& elements);

  const ElementStates& of(OutputId output) const { return states_[output.value]; }
  /// By output: elements that have a value.
  std::vector<RangeSet> done() const;
  /// By output: elements that failed or are blocked.
  const std::vector<RangeSet>& without_value() const { return without_value_; }
  /// By output: elements at which its function is not called, as some output of the call has no value.
  std::vector<RangeSet> never_called() const;
  /// Elements of a function that are to be computed in its wave. Precondition: their number is known.
  RangeSet todo(FunctionId function) const;
  /// By output: selected elements by what is known of them, for those who watch the run.
  std::vector<ElementCounts> counts() const;
  const Lineage& lineage() const { return lineage_; }
  /// Failures of this start, of which the first ones are described, in the order of outputs and elements.
  const std::vector<Failure>& details() const { return details_; }
  Index new_failures() const { return new_failures_; }
  void sort(std::vector<Failure>& failures) const;

  void put(ByteWriter& out) const;
  void get(ByteReader& in);

 private:
  void note_without_value(OutputId output);

  const Plan& plan_;
  std::vector<ElementStates> states_;  ///< by output
  std::vector<RangeSet>
      without_value_;  ///< by output: derived from `states_`, in the form that Lineage reads
  Lineage lineage_;
  std::vector<Failure> details_;
  Index new_failures_ = 0;
};

}  // namespace mpipe

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `map`: runs a pipeline over its parameter sweep on every rank of a communicator.
#pragma once

#include <mpipe/comm/communicator.hpp>
#include <mpipe/core/failure.hpp>
#include <mpipe/data/element_states.hpp>
#include <mpipe/pipeline/pipeline.hpp>
#include <mpipe/plan/plan.hpp>
#include <mpipe/run/map_options.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mpipe {

/// Asks all runs that this process leads to end in order, as at a deadline (`MapOptions::deadline`): what is being
/// computed is the last, calls that take a `StopToken` are told to stop, all is stored, and `map` throws `RunStopped` of the category `drained`. For good: runs that
/// begin later end at once. Safe in handlers of signals and in any thread.
void request_drain() noexcept;

class Lineage;

/// What is known of a value.
enum class ValueState : std::uint8_t {
  done,
  missing,           ///< not selected, or not reached
  failed,            ///< the function threw
  blocked_by_value,  ///< not called: an argument is a value that failed or is blocked
  blocked_by_array   ///< not called: an argument is an array with such values
};

/// One output of a finished run. Of an output of which not even the number of elements became known, because
/// of failures, the one element 0 stands for all: it is selected, and blocked.
struct OutputResult {
  std::string name;
  ArrayLayout layout;  ///< its shape is known here, unless the run stopped early or failures kept it unknown
  bool mapped = false;
  RangeSet selected;          ///< elements that this run was to compute, numbered over the external axes
  RangeSet done;              ///< of those: elements that have a value
  RangeSet failed;            ///< elements at which the function threw
  RangeSet blocked;           ///< elements that could not be computed, as something they need failed
  RangeSet blocked_by_array;  ///< those of them that need an array with missing values, and no such value
  /// Values in mapspec order, elements that are not done hold no meaningful bytes; only on rank 0, only with
  /// `return_results`.
  Value value;

  /// Done or not per value in mapspec order (for `value`).
  std::vector<bool> mask() const;
  /// Of a value, by the element that it belongs to.
  ValueState state(Index element) const;
  /// Per value in mapspec order, like `mask`.
  std::vector<ValueState> states() const;
  /// Sets `done`, `failed`, `blocked` and `blocked_by_array`.
  void set_states(const ElementStates& states);

 private:
  /// Per value in mapspec order: the element that it belongs to.
  std::vector<Index> elements_of_values() const;
};

struct FunctionStatistics {
  Index calls = 0;          ///< evaluations in this start, those that failed included
  double seconds = 0;       ///< summed over ranks
  double mean_seconds = 0;  ///< of a call
  /// Of the longest call, as far as the times of slices of blocks tell: exact where calls take over 0.1 ms.
  double max_seconds = 0;
};

/// A failed element because of which another one is blocked.
struct RootCause {
  std::string output;  ///< the first one of the function that failed
  Index element = 0;
  MultiIndex index;
};

/// What a `map` brought back.
class Results {
 public:
  std::map<std::string, OutputResult> outputs;
  std::vector<std::string> names;                       ///< of the outputs, in the order of the plan
  std::shared_ptr<const Lineage> lineage;               ///< which elements need which
  std::map<std::string, FunctionStatistics> functions;  ///< by function name
  std::map<std::string, PartialShape> planned_shapes;   ///< of arrays in mapspecs, before the run
  std::map<std::string, PartialShape> resolved_shapes;  ///< after it
  std::map<std::string, std::vector<bool>> masks;       ///< true: external axis
  /// What is known of elements that failed in this start: at most 100, in the order of outputs and indices.
  std::vector<Failure> failures;
  Index failed_elements = 0;  ///< of functions, among those selected; kept from earlier starts or not
  Index new_failures = 0;     ///< those of this start
  int ranks = 1;
  double wall_seconds = 0;
  double busy_workers = 0;    ///< utilisation, 0..1: busy time / (workers that compute x time)
  double busy_all_ranks = 0;  ///< the same over all ranks

  const OutputResult& at(const std::string& output) const;
  /// Why an element is blocked: the failed elements that it needs, directly or through other blocked ones, in
  /// the order of outputs and indices, at most so many. Empty for one that is not blocked. Any rank.
  std::vector<RootCause> root_causes(const std::string& output, Index element, std::size_t most = 100) const;
  /// The value of an output that is complete; throws `Error` (unknown_output, missing_input) otherwise.
  template <class T>
  T get(const std::string& output) const {
    return value(output).template as<T>();
  }
  const Value& value(const std::string& output) const;
};

/// The failure that ended a run (`error_handling = "raise"`, or more than `max_failures`), thrown on every
/// rank alike. Everything that was done before is stored. `failures().front()` is the element that failed
/// first in the order of outputs and indices.
class FunctionError : public Error {
 public:
  /// `count`: how many elements failed, of which `failures` (not empty) are known; `why` the run stopped,
  /// where that is not plain.
  FunctionError(std::vector<Failure> failures, std::shared_ptr<const Results> partial, Index count,
                const std::string& why = {});
  /// One that was made by another process, by its text.
  FunctionError(const std::string& text, std::vector<Failure> failures,
                std::shared_ptr<const Results> partial);
  const std::vector<Failure>& failures() const { return failures_; }
  /// What is known of the run's outputs.
  const Results& partial() const { return *partial_; }

 private:
  std::vector<Failure> failures_;
  std::shared_ptr<const Results> partial_;
};

/// `3 elements failed, 7 elements of outputs are blocked by that`; for results with failures.
std::string failures_text(const Results& results);

/// What `map` checks before it begins, for `ranks` ranks: throws what it would throw. Local, so that of the
/// nodes it sees this one only; nothing is created.
void check_map(const Pipeline& pipeline, const Inputs& inputs, const MapOptions& options, int ranks);

/// Runs `pipeline` over `inputs`. Collective over `comm`, which is duplicated: the caller's messages are not
/// disturbed. Every rank brings the same pipeline (checked); inputs and options are rank 0's. Either every
/// rank returns, or every rank throws an `Error` of the same category and text.
Results map(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs,
            const MapOptions& options);
Results map(const Pipeline& pipeline, const Communicator& comm, const Inputs& inputs);

}  // namespace mpipe

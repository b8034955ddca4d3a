// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `Lineage`: which elements need which others, and so how failures spread.
#pragma once

#include <mpipe/plan/plan.hpp>

namespace mpipe {

/// The dependencies of a plan between elements, with the shapes that the plan knows when it is made. Sets of
/// elements go in and come out as ranges, and what it costs goes with their number. Value type, independent
/// of the plan.
///
/// `bad` stands for elements without a value, by output. An output of which not even the number of elements
/// is known is bad as a whole: the one element 0 then stands for all of them.
class Lineage {
 public:
  Lineage() = default;
  explicit Lineage(const Plan& plan);

  /// Elements of a function that cannot be called.
  struct Blocked {
    RangeSet by_value;  ///< an argument is itself a value that is bad
    RangeSet by_array;  ///< the others: an argument is an array with bad elements
    RangeSet all() const { return by_value.united(by_array); }
  };
  Blocked blocked(FunctionId function, const std::vector<RangeSet>& bad) const;

  /// The number of elements of the function is known.
  bool is_sized(FunctionId function) const { return functions_[function.value].sized; }

  /// The failed elements because of which `element` of an output is blocked, by output (the first one of each
  /// function), directly or through other blocked ones.
  std::vector<RangeSet> root_causes(OutputId output, Index element, const std::vector<RangeSet>& failed,
                                    const std::vector<RangeSet>& blocked) const;

 private:
  struct Argument {
    OutputId output;
    bool is_value = false;  ///< the function gets one value of it, or a single value as it is
    /// Per external axis of the output: which axis of the function indexes it; empty for `:`.
    std::vector<std::optional<std::size_t>> indexed_by;
  };
  struct Function {
    bool planned = false;
    bool sized = false;
    Shape external;
    std::vector<OutputId> outputs;
    std::vector<Argument> arguments;
  };

  RangeSet needing(const Function& function, const Argument& argument, const RangeSet& bad) const;
  RangeSet needed(const Function& function, const Argument& argument, const RangeSet& elements) const;

  std::vector<Function> functions_;  ///< by FunctionId
  std::vector<FunctionId> order_;    ///< producers first
  std::vector<FunctionId> made_by_;  ///< by OutputId
};

}  // namespace mpipe

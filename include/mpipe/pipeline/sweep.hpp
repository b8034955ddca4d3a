// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Combinations of parameters for `Pipeline::run`, where a `map` is too much: small sweeps in one process.
#pragma once

#include <mpipe/pipeline/pipeline.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mpipe {

/// Lists of values of parameters, combined: every dimension with every other one, the last one changing
/// fastest. A value type.
class Sweep {
 public:
  /// A dimension of one parameter.
  Sweep& product(std::string parameter, std::vector<Value> values);
  /// A dimension of several parameters that change together. Throws `Error` (dimension_mismatch) when the
  /// lists have different lengths.
  Sweep& zip(std::map<std::string, std::vector<Value>> values);
  /// All dimensions of `other`, and its constants, derivers and exclusions.
  Sweep& product(const Sweep& other);
  /// Values that are the same in all combinations.
  Sweep& constants(const Inputs& values);
  /// A value that follows from those of a combination (and from what was derived before).
  Sweep& derive(std::string parameter, std::function<Value(const Inputs&)> derivation);
  /// Leaves out the combinations for which `is_excluded`, which sees derived values too.
  Sweep& exclude(std::function<bool(const Inputs&)> is_excluded);

  /// All combinations, in order. Throws `Error`: too_large for more than 10^7 of them, duplicate_entry for a
  /// parameter that has several places in the sweep.
  std::vector<Inputs> combinations() const;

 private:
  using Dimension = std::map<std::string, std::vector<Value>>;  // lists of equal length

  Inputs combination(std::size_t number) const;
  std::size_t count() const;
  void claim(const std::string& parameter);

  std::vector<Dimension> dimensions_;
  Inputs constants_;
  std::vector<std::pair<std::string, std::function<Value(const Inputs&)>>> derivers_;
  std::vector<std::function<bool(const Inputs&)>> exclusions_;
  std::vector<std::string> parameters_;  ///< all that have a value
};

/// The combinations of several sweeps, one sweep after the other.
std::vector<Inputs> concatenated(const std::vector<Sweep>& sweeps);

/// `pipeline.run(output, ..)` for every combination, in order.
std::vector<Value> run_sweep(const Pipeline& pipeline, const std::string& output, const Sweep& sweep,
                             const RunOptions& options = {});

}  // namespace mpipe

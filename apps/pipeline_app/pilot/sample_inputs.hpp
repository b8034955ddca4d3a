// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// A small sweep out of a large one: some positions of each axis of the inputs.
#pragma once

#include <mpipe/plan/plan.hpp>
#include <mpipe/run/map_options.hpp>

#include <map>
#include <string>
#include <vector>

namespace mpipe::app {

/// A sweep of some positions of each axis.
struct SampledSweep {
  Inputs inputs;
  /// Axes that functions make themselves, cut by their positions.
  FixedIndices fixed;
  /// By axis of the inputs: the positions that were drawn, ascending.
  std::map<std::string, std::vector<Index>> positions;
};

/// Draws positions of the axes of `plan`, which is that of `inputs` and `options`, so that functions over most of them have at least
/// `elements` elements, where the axes are long enough; functions over some of these axes have as many as that makes. The
/// same for the same `options.seed`. Axes that only functions make are cut behind `elements`, unless they are reduced.
SampledSweep sample_sweep(const Plan& plan, const Inputs& inputs, const MapOptions& options, Index elements);

/// Some positions along an axis of an array, in their order.
Value take_along(const Value& value, std::size_t axis, const std::vector<Index>& positions);

}  // namespace mpipe::app

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// Calls a body for a few elements at a time, whose slices are gathered into dense memory before.
///
/// Of `z[:, j]` the values lie a row apart, and a row is often longer than a page: to read one column after the other
/// costs a miss of the caches and of the page tables for each value. The next columns lie on the same cache lines, so
/// the slices of neighbouring elements are copied together, and each line is read once.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include <vector>

namespace mpipe {

/// Buffers of calls by panels, used again by later ones. For one thread at a time.
class SlicePanels {
 public:
  /// As `body.call(call)`, by panels where some argument of `call` gains by that. The slices that a body sees are
  /// valid until its call returns, as always. `fixed` of the outputs moves along.
  void call(const FunctionBody& body, BlockCall& call);
  /// How many elements with these arguments make a panel; 1: none of them gains by that.
  static Index cheaper_together(std::span<const ArgumentView> arguments);

 private:
  struct Gathered {
    std::size_t argument = 0;
    std::vector<Index> offsets;     ///< of the values of a slice, in values from its first one
    std::vector<std::byte> values;  ///< slices of the elements of a panel, one behind the other
  };

  void choose(const BlockCall& call);
  void gather(const BlockCall& call, IndexRange panel);

  std::vector<Gathered> gathered_;
  std::vector<ArgumentView> views_;  ///< of all arguments, for a panel
};

}  // namespace mpipe

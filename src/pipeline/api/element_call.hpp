// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// One element of a block by itself: for those who look at each call.
#pragma once

#include <mpipe/data/value.hpp>
#include <mpipe/pipeline/function_body.hpp>

#include <optional>
#include <vector>

namespace mpipe {

/// What a call gave for one of its outputs.
struct ElementOutput {
  std::optional<Shape> shape;  ///< of an array that is taken apart into items
  Bytes bytes;
  std::vector<std::uint64_t> offsets;  ///< of values that vary in size
};

/// Calls `body` for one element of `call`, and puts nothing into its columns. Throws what the body throws.
std::vector<ElementOutput> call_element(const FunctionBody& body, const BlockCall& call, Index element);

/// Puts outputs into the columns of `call`, as those of element `call.range.begin + position`, the next one.
/// Throws `Error` as `OutputColumn::push_items`.
void put_element(const std::vector<ElementOutput>& outputs, BlockCall& call, Index position);

/// The argument that one element is called with. `external`: the axes over which elements are numbered.
Value argument_value(const ArgumentView& argument, const Shape& external, Index element);

/// An output of one element as a value. `column`: the one that it goes to.
Value output_value(const ElementOutput& output, const OutputColumn& column);

}  // namespace mpipe

// SPDX-License-Identifier: BSD-3-Clause
/// @file
/// `random()` and `normal()` of expressions.
#pragma once

#include <mpipe/pipeline/function_body.hpp>

#include "document/expression/expression_tree.hpp"

namespace mpipe::detail {

/// The draw of the textual call `number` for one element: depends on (seed, first output, element, number)
/// only. Each textual call has a stream of its own; the first one that of the function.
inline double random_draw(Op op, const BlockCall& call, Index element, std::uint32_t number) {
  constexpr std::uint64_t kApart =
      0x9E3779B97F4A7C15;  // 2^64 / golden ratio: far from the streams of other functions
  Random random(call.seed, call.stream + number * kApart, static_cast<std::uint64_t>(element));
  return op == Op::random ? random.uniform() : random.normal();
}

}  // namespace mpipe::detail
